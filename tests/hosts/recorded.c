/*
 * recorded.c - a program that records itself, on a machine that is made of files: /proc and control
 * groups are below DIRECTORY, and perf_event_open gives counters whose readings are in COUNTERS.
 *
 *   recorded DIRECTORY COUNTERS MILLISECONDS
 *
 * A line of COUNTERS is `type config value enabled running`, the first reading of an event; each later
 * one is as much more.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <valktrace.h>

#include "collectors/cgroup.h"
#include "collectors/procfile.h"

enum { READINGS = 1000 };

static const char *counters;

/* A descriptor whose every read is the next reading. */
static int open_counter(const struct perf_event_attr *wanted)
{
	unsigned long long type, config, now[3];
	FILE *in = fopen(counters, "r");
	int fd = -1;

	while (in && fd < 0 && fscanf(in, "%llu %llx %llu %llu %llu", &type, &config, &now[0], &now[1],
	                              &now[2]) == 5)
		if (type == wanted->type && config == wanted->config)
			fd = memfd_create("counter", MFD_CLOEXEC);
	if (in)
		fclose(in);
	for (uint64_t i = 1; fd >= 0 && i <= READINGS; i++) {
		uint64_t reading[3] = { i * now[0], i * now[1], i * now[2] };
		if (write(fd, reading, sizeof(reading)) != sizeof(reading))
			return -1;
	}
	if (fd >= 0)
		lseek(fd, 0, SEEK_SET);
	else
		errno = ENOENT;
	return fd;
}

/* In place of libc's: the collector has no other way to the kernel's counters. */
long syscall(long number, ...)
{
	static long (*real)(long, ...);
	va_list args;
	long a[6];

	va_start(args, number);
	for (unsigned i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (number == SYS_perf_event_open)
		return open_counter((const struct perf_event_attr *)a[0]);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "syscall");
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	vt_proc_root = vt_cgroup_root = argv[1];
	counters = argv[2];
	int err = vt_start(&(struct vt_options){ .program = "recorded" });
	if (err)
		return 1;
	long ms = strtol(argv[3], NULL, 10);
	struct timespec left = { ms / 1000, ms % 1000 * 1000000 };
	while (nanosleep(&left, &left) != 0)
		continue;
	vt_stop();
	return 0;
}
