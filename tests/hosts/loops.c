/* loops.c - the cases of loop_cases.h with the libuv that the library was built for. */
#include <valktrace.h>

#include "tests/hosts/loop_cases.h"

int main(void)
{
	int err = vt_start(&(struct vt_options){ .program = "loops", .events = "loop" });

	if (err)
		return 1;
	loop_cases(stdout);
	return vt_stop() != 0;
}
