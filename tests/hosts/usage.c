/*
 * usage.c - a program of known appetite: touches pages, writes and reads bytes, waits, burns CPU, in several
 * threads or one; then prints what the kernel says of it itself, `key value` a line, for tests of the collector.
 *
 *   usage PAGES BYTES WAITS MILLISECONDS THREADS
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static long waits, milliseconds;

static void *work(void *unused)
{
	struct timespec now, pause = { 0, 2000000 };
	(void)unused;

	for (long i = 0; i < waits; i++)
		nanosleep(&pause, NULL);
	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	while (now.tv_sec * 1000 + now.tv_nsec / 1000000 < milliseconds);
	return NULL;
}

static void move_bytes(long bytes)
{
	static char block[4096];
	FILE *f = tmpfile();

	if (!f)
		return;
	int fd = fileno(f);
	for (long i = 0; i < bytes; i += (long)sizeof(block))
		if (pwrite(fd, block, sizeof(block), 0) < 0 || pread(fd, block, sizeof(block), 0) < 0)
			break;
	fclose(f);
}

int main(int argc, char **argv)
{
	pthread_t threads[16];
	struct rusage u;
	char line[128];

	if (argc < 6)
		return 2;
	size_t size = (size_t)(strtol(argv[1], NULL, 10) * sysconf(_SC_PAGESIZE));
	char *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		return 1;
	madvise(pages, size, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < size; i += (size_t)sysconf(_SC_PAGESIZE))
		pages[i] = 1;
	move_bytes(strtol(argv[2], NULL, 10));
	waits = strtol(argv[3], NULL, 10);
	milliseconds = strtol(argv[4], NULL, 10);
	int count = (int)strtol(argv[5], NULL, 10) - 1;
	for (int i = 0; i < count && i < 16; i++)
		if (pthread_create(&threads[i], NULL, work, NULL) != 0)
			return 1;
	work(NULL);
	for (int i = 0; i < count && i < 16; i++)
		pthread_join(threads[i], NULL);

	FILE *io = fopen("/proc/self/io", "r");
	while (io && fgets(line, sizeof(line), io))
		printf("%s", line);
	if (io)
		fclose(io);
	getrusage(RUSAGE_SELF, &u);
	printf("user_us: %lld\nsystem_us: %lld\n", (long long)u.ru_utime.tv_sec * 1000000 + u.ru_utime.tv_usec,
	       (long long)u.ru_stime.tv_sec * 1000000 + u.ru_stime.tv_usec);
	printf("minor: %ld\nmajor: %ld\nvoluntary: %ld\ninvoluntary: %ld\npeak_kib: %ld\n", u.ru_minflt, u.ru_majflt,
	       u.ru_nvcsw, u.ru_nivcsw, u.ru_maxrss);
	return 0;
}
