/*
 * bench_command.c - one sample of what a command costs as a whole process: from before its fork to its
 * end, its output thrown away.
 *
 *   wall CORE COMMAND...     seconds; pinned to a core, or free with -1
 *   read FILE COMMAND...     what it read by all calls, in percent of FILE's bytes
 *   peak COMMAND...          MiB of memory that it had at most
 *   first COMMAND...         ms until its first line, which is waited for no longer than that
 *   start COMMAND...         ms that COMMAND takes longer than the bare last word of it: median of 21, by turns
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/bench.h"

enum { STARTS = 21 };

static pid_t spawn_into(int out, char **command, int core)
{
	pid_t pid = vfork();

	if (pid == 0) {
		if (core >= 0)
			bench_pin(core);
		dup2(out, STDOUT_FILENO);
		execvp(*command, command);
		_exit(127);
	}
	if (pid < 0)
		bench_die("vfork", -errno);
	return pid;
}

static pid_t spawn(char **command, int core)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	pid_t pid = spawn_into(null, command, core);

	close(null);
	return pid;
}

static void reap(pid_t pid, const char *name)
{
	int status;

	if (waitpid(pid, &status, 0) < 0 || status != 0)
		bench_die(name, 0);
}

static double seconds(char **command, int core)
{
	uint64_t start = bench_clock(CLOCK_MONOTONIC);

	reap(spawn(command, core), *command);
	return (double)(bench_clock(CLOCK_MONOTONIC) - start) / 1e9;
}

static double peak_mib(char **command)
{
	struct rusage usage;

	reap(spawn(command, -1), *command);
	getrusage(RUSAGE_CHILDREN, &usage);
	return (double)usage.ru_maxrss / 1024;
}

/* What the command does when nobody reads on is its own. */
static double first_line_ms(char **command)
{
	char buffer[4096];
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		bench_die("pipe", -errno);
	uint64_t start = bench_clock(CLOCK_MONOTONIC);
	pid_t pid = spawn_into(ends[1], command, -1);
	close(ends[1]);
	ssize_t n = read(ends[0], buffer, sizeof(buffer));
	double ms = (double)(bench_clock(CLOCK_MONOTONIC) - start) / 1e6;
	if (n <= 0 || !memchr(buffer, '\n', (size_t)n))
		bench_die(*command, 0);
	close(ends[0]);
	waitpid(pid, NULL, 0);
	return ms;
}

/* A process's account can still be read when it has ended and was not waited for. */
static double percent_read(const char *file, char **command)
{
	char path[64];
	unsigned long long bytes = 0;
	struct stat st;
	siginfo_t info;
	pid_t pid = spawn(command, -1);

	if (stat(file, &st) < 0 || waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) < 0)
		bench_die(file, -errno);
	snprintf(path, sizeof(path), "/proc/%d/io", (int)pid);
	FILE *f = fopen(path, "r");
	if (!f || fscanf(f, "rchar: %llu", &bytes) != 1)
		bench_die(path, -errno);
	fclose(f);
	reap(pid, *command);
	return 100 * (double)bytes / (double)st.st_size;
}

static double start_ms(char **command, unsigned words)
{
	double with[STARTS], bare[STARTS];

	for (int i = 0; i < STARTS; i++) {
		with[i] = seconds(command, -1);
		bare[i] = seconds(command + words - 1, -1);
	}
	return 1e3 * (bench_median(with, STARTS) - bench_median(bare, STARTS));
}

int main(int argc, char **argv)
{
	if (argc > 3 && !strcmp(argv[1], "wall")) {
		bench_print("seconds", seconds(argv + 3, atoi(argv[2])));
	} else if (argc > 3 && !strcmp(argv[1], "read")) {
		bench_print("percent", percent_read(argv[2], argv + 3));
	} else if (argc > 2 && !strcmp(argv[1], "peak")) {
		bench_print("mib", peak_mib(argv + 2));
	} else if (argc > 2 && !strcmp(argv[1], "first")) {
		bench_print("ms", first_line_ms(argv + 2));
	} else if (argc > 3 && !strcmp(argv[1], "start")) {
		bench_print("ms", start_ms(argv + 2, (unsigned)argc - 2));
	} else {
		fprintf(stderr, "usage: bench_command wall CORE COMMAND... | read FILE COMMAND... | "
		        "peak COMMAND... | first COMMAND... | start COMMAND...\n");
		return 2;
	}
	return 0;
}
