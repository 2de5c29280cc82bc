/*
 * test_scan.c - vt_reader_scan on any number of threads: every section once, the same sums, the same damage
 * told in the same order, and types that no schema describes.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/logs.h"

enum { CHUNKS = 60, EACH = 200, MOST_THREADS = 9, UNKNOWN_A = 0x0a70, UNKNOWN_B = 0x0a71 };

struct sums {
	uint64_t batches, events, values, ticks, types[1u << 16];
	unsigned fail_at;               /* number of the batch at which `count` fails; 0: never */
};

/* Two rings; every seventh chunk of the first has a wrong checksum, every fifth has two unknown types. */
static void build(struct lm *lm)
{
	static struct lm_event e[EACH];

	lm_begin(lm, 1);
	lm_schema(lm);
	lm_process(lm, 0, 4711, "guile");
	for (unsigned c = 0; c < CHUNKS; c++)
		for (uint32_t ring = 1; ring <= 2; ring++) {
			for (unsigned i = 0; i < EACH; i++) {
				unsigned n = c * EACH + i;
				e[i] = pause_at(3 * n + ring);
				e[i].values[0] = n;
				if (i % 2)
					e[i].id = VT_EV_memory_alloc;
				else if (c % 5 == 2 && i % 4 == 0)
					e[i].id = i % 8 ? UNKNOWN_A : UNKNOWN_B;
			}
			lm->torn = ring == 1 && c % 7 == 3;
			lm_events(lm, ring, 0, e, EACH);
		}
	lm_end(lm);
}

static int count(void *state, const struct vt_batch *batch)
{
	struct sums *s = state;
	const uint64_t *ticks = vt_batch_ticks(batch), *times = vt_batch_times(batch);

	if (s->fail_at > 0 && ++s->batches == s->fail_at)
		return -ECANCELED;
	s->events += batch->events;
	for (unsigned i = 0; i < batch->events; i++)
		s->ticks += ticks[i] * 3 + times[i];
	for (unsigned t = 0; t < batch->types; t++) {
		const uint64_t *column = vt_batch_column(batch, t, 0);
		s->types[batch->desc[t]->id] += batch->counts[t];
		for (unsigned i = 0; column && i < batch->counts[t]; i++)
			s->values += column[i];
	}
	return 0;
}

static struct sums *scan(struct vt_reader *r, unsigned threads)
{
	struct sums *all = calloc(MOST_THREADS, sizeof *all);
	void *states[MOST_THREADS];

	assert_non_null(all);
	for (unsigned i = 0; i < MOST_THREADS; i++)
		states[i] = &all[i];
	assert_int_equal(vt_reader_scan(r, threads, count, states), 0);
	for (unsigned i = 1; i < MOST_THREADS; i++) {
		all->events += all[i].events;
		all->values += all[i].values;
		all->ticks += all[i].ticks;
		for (unsigned t = 0; t < 1u << 16; t++)
			all->types[t] += all[i].types[t];
	}
	return all;
}

static void any_number_of_threads(void **state)
{
	struct lm lm = { .codec = VT_CODEC_ZSTD };
	struct seen_notes first = { 0 };
	struct sums *expected = NULL;

	(void)state;
	build(&lm);
	struct file f = file_of(&lm);
	for (unsigned threads = 1; threads <= MOST_THREADS; threads++) {
		struct seen_notes notes;
		struct vt_reader *r = open_noting(f.path, &notes);
		struct sums *got_now = scan(r, threads);
		assert_identity(vt_reader_run(r));
		if (!expected) {
			expected = got_now;
			first = notes;
			assert_true(notes.damage >= 9 && notes.count < 64);
			assert_true(expected->types[UNKNOWN_A] > 0 && expected->types[UNKNOWN_B] > 0);
			assert_int_equal(expected->events, vt_reader_run(r)->decoded[VT_CAT_gc] +
			                 vt_reader_run(r)->decoded[VT_CAT_memory]);
		} else {
			assert_memory_equal(expected, got_now, sizeof *expected);
			assert_memory_equal(&first, &notes, sizeof notes);
			free(got_now);
		}
		/* Again, and in order: what was found damaged stays so and is not told again. */
		struct sums *again_now = scan(r, threads);
		assert_memory_equal(expected, again_now, sizeof *expected);
		assert_int_equal(notes.damage, first.damage);
		free(again_now);
		vt_reader_close(r);
	}
	free(expected);
	close(f.fd);
	lm_free(&lm);
}

static void same_as_one_by_one(void **state)
{
	struct lm lm = { .codec = VT_CODEC_LZ4 };
	const struct vt_batch *b;
	struct sums *serial = calloc(1, sizeof *serial);

	(void)state;
	build(&lm);
	struct file f = file_of(&lm);
	struct vt_reader *r = open_one(f.path);
	while (vt_reader_next_batch(r, &b) > 0)
		assert_int_equal(count(serial, b), 0);
	vt_reader_close(r);
	r = open_one(f.path);
	struct sums *lanes = scan(r, 3);
	assert_memory_equal(serial, lanes, sizeof *serial);
	free(serial);
	free(lanes);
	vt_reader_close(r);
	close(f.fd);
	lm_free(&lm);
}

static void an_error_ends_it(void **state)
{
	struct lm lm = { .codec = VT_CODEC_NONE };
	struct sums *all = calloc(2, sizeof *all);
	void *states[] = { &all[0], &all[1] };

	(void)state;
	build(&lm);
	struct file f = file_of(&lm);
	struct vt_reader *r = open_one(f.path);
	all[0].fail_at = all[1].fail_at = 5;
	assert_int_equal(vt_reader_scan(r, 2, count, states), -ECANCELED);
	assert_true(all[0].batches <= 5 && all[1].batches <= 5);
	vt_reader_close(r);
	free(all);
	close(f.fd);
	lm_free(&lm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_number_of_threads),
		cmocka_unit_test(same_as_one_by_one),
		cmocka_unit_test(an_error_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
