/*
 * embed.c - the smallest program that records itself; C11 and C++11. It is built against an installed
 * tree only, as its user would: cc embed.c $(pkg-config --cflags --libs valktrace)
 *
 *   embed LOG        writes three collections
 */
#include <valktrace.h>

int main(int argc, char **argv)
{
	static struct vt_options options;
	static struct vt_gc_result result;

	(void)argc;
	options.program = "embed";
	options.version = "1.0";
	options.output = argv[1];
	options.events = "gc";
	vt_start(&options);
	for (int i = 0; i < 3; i++) {
		vt_gc_begin(VT_GC_MAJOR);
		vt_gc_phase(VT_GC_MARK);
		result.reclaimed = 1000;
		vt_gc_end_with(&result);
	}
	return vt_stop();
}
