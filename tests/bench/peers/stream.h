/*
 * stream.h - the main() of a peer's program: the ev2 stream, as fast as it goes or paced.
 *
 *   PROGRAM run EVENTS           prints ns an event, generator included, how many events, how many rare
 *   PROGRAM generator EVENTS     the same without a recorder: what is in every figure of `run`
 *   PROGRAM paced RATE FILE      RATE events a second until it is killed; their number is in FILE's 8 bytes
 *
 * The file that includes it defines the three functions below. An event has two u64; one in 1024 is of a
 * second, rare type. The producer runs on core 1, whatever the recorder starts in this process on core 0.
 * A hundred thousand events go before the timed ones: the first claims buffers and touches their pages.
 */
#ifndef PEERS_STREAM_H
#define PEERS_STREAM_H

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { STREAM_WARM_UP = 100000 };

static void stream_start(void);
static inline void stream_emit(bool rare, uint64_t pause_us, uint64_t bytes);
static void stream_stop(void);

struct stream {
	uint64_t state, rare;
};

static inline uint64_t stream_next(struct stream *s)
{
	uint64_t r = s->state;

	r ^= r << 13;
	r ^= r >> 7;
	r ^= r << 17;
	return s->state = r;
}

static inline void stream_step(struct stream *s)
{
	uint64_t r = stream_next(s);
	const bool rare = (r & 1023) == 0;

	s->rare += rare;
	stream_emit(rare, r % 2000, (r >> 32 & 511) * 64);
}

static void stream_pin(int core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)core, &set);
	sched_setaffinity(0, sizeof(set), &set);        /* a machine of one core: it stays there */
}

static double stream_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct stream_run {
	uint64_t events, rate;
	_Atomic uint64_t *emitted;      /* in a shared mapping: it survives SIGKILL */
	bool bare;
};

static void stream_report(double start, const struct stream_run *run, const struct stream *s)
{
	printf("%.3f %llu %llu\n", (stream_seconds() - start) * 1e9 / (double)run->events,
	       (unsigned long long)run->events + STREAM_WARM_UP, (unsigned long long)s->rare);
}

static void stream_bare(const struct stream_run *run, struct stream *s)
{
	uint64_t sum = 0;
	double start = stream_seconds();

	for (uint64_t i = 0; i < run->events; i++) {
		uint64_t r = stream_next(s);
		s->rare += (r & 1023) == 0;
		sum += r % 2000 + (r >> 32 & 511) * 64;
		__asm__ volatile("" : : "r"(sum));
	}
	stream_report(start, run, s);
}

/* A thousandth of a second's events each ms. */
static void stream_paced(const struct stream_run *run, struct stream *s)
{
	struct timespec next;
	uint64_t count = 0;

	clock_gettime(CLOCK_MONOTONIC, &next);
	for (;;) {
		for (uint64_t i = 0; i < run->rate / 1000; i++) {
			stream_step(s);
			__atomic_store_n(run->emitted, ++count, __ATOMIC_RELEASE);
		}
		next.tv_nsec += 1000000;
		if (next.tv_nsec >= 1000000000) {
			next.tv_nsec -= 1000000000;
			next.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
}

static void *stream_produce(void *user)
{
	const struct stream_run *run = user;
	struct stream s = { 88172645463325252ull, 0 };

	stream_pin(1);
	if (run->bare) {
		stream_bare(run, &s);
	} else if (run->emitted) {
		stream_paced(run, &s);
	} else {
		for (uint64_t i = 0; i < STREAM_WARM_UP; i++)
			stream_step(&s);
		double start = stream_seconds();
		for (uint64_t i = 0; i < run->events; i++)
			stream_step(&s);
		stream_report(start, run, &s);
	}
	return NULL;
}

static void *stream_map(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0666);
	void *at = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, 8) == 0)
		at = mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED) {
		perror(path);
		exit(1);
	}
	close(fd);
	return at;
}

int main(int argc, char **argv)
{
	struct stream_run run = { 0 };
	pthread_t thread;

	if (argc == 3 && (!strcmp(argv[1], "run") || !strcmp(argv[1], "generator"))) {
		run.events = strtoull(argv[2], NULL, 10);
		run.bare = *argv[1] == 'g';
	} else if (argc == 4 && !strcmp(argv[1], "paced")) {
		run.rate = strtoull(argv[2], NULL, 10);
		run.emitted = stream_map(argv[3]);
	} else {
		fprintf(stderr, "usage: run EVENTS | generator EVENTS | paced RATE FILE\n");
		return 2;
	}
	stream_pin(0);
	if (!run.bare)
		stream_start();
	if (pthread_create(&thread, NULL, stream_produce, &run) != 0)
		return 1;
	pthread_join(thread, NULL);
	if (!run.bare)
		stream_stop();
	return 0;
}

#endif
