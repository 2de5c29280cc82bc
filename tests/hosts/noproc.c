/*
 * noproc.c - `valktrace record` whose collectors look for /proc and control groups below another directory.
 *
 *   noproc DIRECTORY [OPTION...] -- COMMAND...
 */
#include "collectors/cgroup.h"
#include "collectors/procfile.h"
#include "decoder/cmd.h"

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	vt_proc_root = vt_cgroup_root = argv[1];
	return vt_cmd_record.run(argc - 1, argv + 1);
}
