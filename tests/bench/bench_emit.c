/*
 * bench_emit.c - one sample of what an emit costs its thread.
 *
 *   emit_ratio         loop of VT_EMIT with two u64 fields / loop of bare timestamp reads, ns by ns
 *   emit_floor_ratio   the least that any recorder would do here (loop_floor) / the same: the machine's part
 *   emit_words_ratio   the same with a registered type, by vt_emit_words
 *   emit_disabled_ns   the first loop with its category off, less the empty loop
 *   count_ns           loop of vt_count, less the empty loop
 *
 * The loops take turns in short slices, and medians of the slices are compared, so that a busy
 * machine or a changing clock meets all of them alike. The ring is the default one (512 KiB, tmpfs,
 * overwrite mode) and nobody drains it.
 */
#include <stdio.h>
#include <stdlib.h>

#include <valktrace/emit.h>

#include "tests/bench/attach.h"
#include "tests/bench/bench.h"
#include "tests/bench/loops.h"

enum { SLICES = 101, ITERATIONS = 50000, GC = 1 << VT_CAT_gc };

static unsigned registered;
static uint64_t mask;

static void set_up(const char *directory)
{
	const struct vt_field fields[] = {
		{ "a", "first", VT_KIND_UINT, VT_UNIT_NONE, 0, NULL }, { "b", "second", VT_KIND_UINT, VT_UNIT_NONE, 0, NULL },
	};
	int err = attach_ring(directory, 0, GC);

	if (err < 0)
		bench_die(directory, err);
	int category = vt_register_category("bench", "measured");
	int id = category < 0 ? category :
		vt_register_event(category, "pair", "two numbers", VT_EVENT_INSTANT, fields, 2);
	if (id < 0)
		bench_die("event type", id);
	registered = (unsigned)id;
	mask = GC | 1ull << category;
	attach_mask(mask);
}

static void emit_words(uint64_t n)
{
	loop_emit_words(n, registered);
}

static double slice(void (*loop)(uint64_t))
{
	uint64_t start = bench_clock(CLOCK_MONOTONIC);

	loop(ITERATIONS);
	return (double)(bench_clock(CLOCK_MONOTONIC) - start) / ITERATIONS;
}

int main(void)
{
	static double timestamp[SLICES], emit[SLICES], floor[SLICES], words[SLICES], empty[SLICES],
		      disabled[SLICES], count[SLICES];
	char *directory = bench_directory("/dev/shm");

	bench_pin(BENCH_PRODUCER_CORE);
	set_up(directory);
	loop_emit(1000000);     /* every page of the ring is there */
	loop_floor(1000000);
	for (int i = 0; i < SLICES; i++) {
		timestamp[i] = slice(loop_timestamp);
		emit[i] = slice(loop_emit);
		floor[i] = slice(loop_floor);
		words[i] = slice(emit_words);
		empty[i] = slice(loop_empty);
		count[i] = slice(loop_count);
		attach_mask(0);
		disabled[i] = slice(loop_emit);
		attach_mask(mask);
	}
	bench_remove(directory);
	free(directory);

	double unit = bench_median(timestamp, SLICES), nothing = bench_median(empty, SLICES);
	bench_print("timestamp_ns", unit);
	bench_print("emit_ratio", bench_median(emit, SLICES) / unit);
	bench_print("emit_floor_ratio", bench_median(floor, SLICES) / unit);
	bench_print("emit_words_ratio", bench_median(words, SLICES) / unit);
	bench_print("emit_disabled_ns", bench_median(disabled, SLICES) - nothing);
	bench_print("count_ns", bench_median(count, SLICES) - nothing);
	return 0;
}
