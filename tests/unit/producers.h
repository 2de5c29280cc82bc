/*
 * producers.h - threads that emit all kinds of events at full speed, and what must come out of it: every
 * event carries its number and values that follow from it.
 */
#ifndef TESTS_PRODUCERS_H
#define TESTS_PRODUCERS_H

#include <pthread.h>

#include "core/process.h"
#include "tests/unit/memlog.h"

struct producer {
	pthread_t thread;
	uint32_t tid;
	uint64_t count;                 /* attempts to make */
	uint64_t attempted[VT_MAX_CATEGORIES];
	uint64_t *acknowledge;          /* not NULL: the number of the last emit that returned */
	bool plain;                     /* only types that always fit */
};

/* Attaches this process, all events on. */
void attach(const char *directory, uint32_t segment, uint32_t segments, uint32_t slots,
            enum vt_ring_mode mode, bool follow_fork);

/* Emits event `number` (from 1) and returns its category. */
unsigned emit_number(uint64_t number, bool plain);

/* Are these values of a number that emit_number has emitted? The number, or 0. */
uint64_t number_of(unsigned id, const uint64_t *values, const char *text);

/* A thread's body: makes its attempts. */
void *produce(void *producer);

/* memlog's `each`: whole events only, each once, in order. Counts what is not into *(uint64_t *)user. */
void check_number(void *bad, struct mem_ring *ring, const struct mem_event *e);

#endif
