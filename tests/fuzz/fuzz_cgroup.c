/* fuzz_cgroup.c - where a control group is, and its limits. */
#include <string.h>

#include "collectors/cgroup.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), path[64];
	uint64_t value;
	bool v1;

	for (size_t room = 1; room <= sizeof(path); room *= 4) {
		bool found = vt_cgroup_path(text, path, room, &v1);
		fuzz_must(strlen(path) < room);
		fuzz_must(!found || (*path == '/' && strncmp(path, "/..", 3) != 0));
	}
	vt_cgroup_cpu_limit(text, &value);
	vt_cgroup_bytes(text, &value);
	free(text);
	return 0;
}
