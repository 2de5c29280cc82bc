/* test_histogram.c - percentiles against an exact sort, and merging against adding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/histogram.h"

#define COUNT 20000u

static uint64_t seed = 88172645463325252ull;

static uint64_t next(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

/* Values of all magnitudes: a random number of random bits. */
static void fill(uint64_t *values, unsigned bits)
{
	for (unsigned i = 0; i < COUNT; i++)
		values[i] = next() >> (63 - next() % bits);
}

static void check_percentiles(unsigned bits)
{
	static const uint64_t parts[] = { 0, 1, 500, 900, 990, 999, 1000 };
	uint64_t *values = calloc(COUNT, sizeof(*values));
	struct vt_histogram *h = calloc(1, sizeof(*h));

	assert_true(values && h);
	fill(values, bits);
	for (unsigned i = 0; i < COUNT; i++)
		vt_histogram_add(h, values[i]);
	qsort(values, COUNT, sizeof(*values), compare);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		uint64_t rank = (COUNT * parts[i] + 999) / 1000;
		uint64_t exact = values[rank > 0 ? rank - 1 : 0];
		uint64_t got = vt_histogram_percentile(h, parts[i], 1000);
		uint64_t off = got > exact ? got - exact : exact - got;
		assert_true(off <= exact / 128 + 1);
	}
	assert_true(h->least == values[0]);
	assert_true(h->most == values[COUNT - 1]);
	assert_true(vt_histogram_percentile(h, 1000, 1000) == values[COUNT - 1]);
	free(values);
	free(h);
}

static void percentiles_are_within_the_stated_error(void **state)
{
	(void)state;
	for (unsigned bits = 1; bits <= 63; bits += 6)
		check_percentiles(bits);
}

static void buckets_are_in_order_and_inside(void **state)
{
	unsigned last = 0;

	(void)state;
	for (unsigned shift = 0; shift < 64; shift++) {
		for (unsigned add = 0; add < 3; add++) {
			unsigned b = vt_histogram_bucket((1ull << shift) + add * ((1ull << shift) / 3));
			assert_true(b < VT_HISTOGRAM_BUCKETS);
			assert_true(b >= last);
			last = b;
		}
	}
	assert_int_equal(vt_histogram_bucket(UINT64_MAX), VT_HISTOGRAM_BUCKETS - 1);
	assert_int_equal(vt_histogram_bucket(0), 0);
}

static void merged_is_added(void **state)
{
	struct vt_histogram *h = calloc(3, sizeof(*h));

	(void)state;
	assert_non_null(h);
	for (unsigned i = 0; i < COUNT; i++) {
		uint64_t v = next() >> (next() % 40 + 20);
		vt_histogram_add(&h[i % 2], v);
		vt_histogram_add(&h[2], v);
	}
	vt_histogram_merge(&h[0], &h[1]);
	assert_memory_equal(&h[0], &h[2], sizeof(*h));
	free(h);
}

static void empty_and_full(void **state)
{
	struct vt_histogram *h = calloc(2, sizeof(*h));

	(void)state;
	assert_non_null(h);
	assert_true(vt_histogram_percentile(h, 99, 100) == 0);
	assert_true(vt_histogram_mean(h) == 0);
	vt_histogram_add(h, UINT64_MAX);
	vt_histogram_add(h, UINT64_MAX);
	assert_true(h->sum == UINT64_MAX);
	assert_true(vt_histogram_percentile(h, 50, 100) == UINT64_MAX);
	vt_histogram_merge(&h[0], &h[1]);
	assert_true(h->count == 2 && h->least == UINT64_MAX);
	free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(percentiles_are_within_the_stated_error),
		cmocka_unit_test(buckets_are_in_order_and_inside),
		cmocka_unit_test(merged_is_added),
		cmocka_unit_test(empty_and_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
