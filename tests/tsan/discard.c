/*
 * discard.c - a program for the race detector: two producers and one reader in discard mode, where every
 * access that races must be atomic. Overwrite mode is beyond it: tests/model and test_ring.c have that.
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/child.h"
#include "tests/unit/producers.h"

/* This program's reader copies by plain loads: the detector then sees whether they are in order. */
#define VT_COPY_PIECE(to, from, words) memcpy(to, from, 8 * (words))
#include "core/drain.c"

enum { PRODUCERS = 2, EACH = 1000000 };

int main(void)
{
	static struct producer p[PRODUCERS];
	char directory[DIRECTORY_SIZE];
	struct memlog log;
	uint64_t bad = 0;

	make_directory(directory);
	attach(directory, 65536, 8, 4, VT_DISCARD, false);
	memlog_follow(&log, NULL);
	log.each = check_number;
	log.user = &bad;
	for (unsigned i = 0; i < PRODUCERS; i++) {
		p[i].count = EACH;
		pthread_create(&p[i].thread, NULL, produce, &p[i]);
	}
	for (unsigned left = PRODUCERS; left > 0;) {
		CHECK(memlog_round(&log) >= 0);
		left -= pthread_tryjoin_np(p[left - 1].thread, NULL) == 0;
	}
	memlog_finish(&log);
	for (unsigned i = 0; i < PRODUCERS; i++)
		for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
			CHECK_EQUAL(memlog_decoded(&log, p[i].tid, c) + memlog_lost(&log, p[i].tid, c),
			            p[i].attempted[c]);
	CHECK_EQUAL(bad, 0);
	CHECK_EQUAL(log.wrong, 0);
	CHECK_EQUAL(memlog_unbalanced(&log), 0);
	printf("%llu decoded, %llu discarded\n", (unsigned long long)log.events,
	       (unsigned long long)memlog_lost_by(&log, 0, VT_LOST_DISCARDED));
	memlog_close(&log);
	remove_directory(directory);
	printf("%u passed, %u failed\n", checks_failed() == 0, checks_failed() > 0);
	return checks_failed() > 0;
}
