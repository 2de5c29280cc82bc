/* cgroup.h - the control group (v2) of a process: where it is, and what its files say. */
#ifndef COLLECTORS_CGROUP_H
#define COLLECTORS_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "/sys/fs/cgroup"; tests read recorded files instead. */
extern const char *vt_cgroup_root;

/*
 * The path of the v2 group out of the text of /proc/PID/cgroup: "/user.slice/x", "/" or, of none, "" and false.
 * `*v1` tells whether controllers are mounted as v1.
 */
bool vt_cgroup_path(const char *text, char *path, size_t size, bool *v1);

/* cpu.max, "50000 100000\n": thousandths of a CPU. False: no limit ("max"), or no such text. */
bool vt_cgroup_cpu_limit(const char *text, uint64_t *milli);

/* memory.max and memory.current, "1048576\n". False: no limit ("max"), or no such text. */
bool vt_cgroup_bytes(const char *text, uint64_t *bytes);

#endif
