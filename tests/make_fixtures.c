/*
 * make_fixtures.c - writes the logs of fixtures/ into the directory named, with a fixed clock:
 * the same bytes each time. They were made once and are kept: what a released version wrote must
 * decode for ever.
 *
 *   many.vtrace    100 collections of a Guile that ended by itself, two counter records
 *   killed.vtrace  50 collections and an open one of a Guile that was killed
 *   hostile.vtrace two processes, names and strings that attack terminals and spreadsheets, a gap
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/logmaker.h"

#define US 1000ull
#define MS 1000000ull
#define MOST 1024u

static struct lm_event events[MOST];
static size_t count;

static void add(uint64_t t, uint16_t id, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	if (count == MOST)
		abort();
	events[count++] = (struct lm_event){ .ticks = LM_START + t, .id = id,
	                                     .values = { a, b, c, d, e } };
}

static struct vt_span span(const char *s)
{
	return (struct vt_span){ s, strlen(s) };
}

static void process(struct lm *lm, uint32_t index, uint32_t pid, const char *program, uint32_t ending,
                    uint32_t status, uint64_t end)
{
	struct vt_out records = { 0 };
	struct vt_rec_process p = { .index = index, .parent = index > 0 ? 0 : VT_NO_PROCESS, .pid = pid,
	                            .ending = ending, .status = status, .start = LM_START,
	                            .end = LM_START + end, .program = span(program) };
	struct vt_rec_fact f = { .index = index, .class_flag = VT_FIELD_PUBLIC,
	                         .key = span("probe"), .value = span("boehm-gc 8.2.2") };

	vt_rec_process_encode(&records, &p);
	vt_rec_fact_encode(&records, &f);
	lm_chunk(lm, VT_CHUNK_PROCESS, index, &records);
}

static void counters(struct lm *lm, uint64_t sequence, uint64_t t, uint64_t cycles, uint64_t paused)
{
	static struct vt_counter_sample c;
	struct vt_out records = { 0 };

	c = (struct vt_counter_sample){ .sequence = sequence, .ticks = LM_START + t,
		.monotonic = 5 * MS + t, .realtime = 1700000000000000000ull + t,
		.sources_known = 1u << VT_SRC_gc | 1u << VT_SRC_interp | 1u << VT_SRC_loop |
		                 1u << VT_SRC_kernel,
		.sources_available = 1u << VT_SRC_gc };
	c.present[0] = 1u << VT_M_gc_cycles | 1u << VT_M_gc_pause_time | 1u << VT_M_gc_pause_max;
	c.values[VT_M_gc_cycles] = cycles;
	c.values[VT_M_gc_pause_time] = paused;
	c.values[VT_M_gc_pause_max] = paused / 10;
	c.reasons[VT_SRC_interp] = span("no probe for this runtime (valktrace schema --probes lists them)");
	c.reasons[VT_SRC_loop] = span("no libuv in the process");
	c.reasons[VT_SRC_kernel] = span("no source for syscalls, scheduler or processes in this run");
	vt_rec_counters_encode(&records, &c);
	lm_chunk(lm, VT_CHUNK_COUNTERS, 0, &records);
}

static void cycle(uint64_t t, uint64_t k)
{
	uint64_t mark = 200 * US + k * k * 37 * US % (900 * US);

	add(t, VT_EV_gc_begin, k, VT_gc_type_major, 1100000 + k * 1000, 0, 0);
	add(t + 1 * US, VT_EV_gc_pause, k, 0, 0, 0, 0);
	add(t + 8 * US, VT_EV_gc_mark, k, 0, 0, 0, 0);
	add(t + 8 * US + mark, VT_EV_gc_mark_end, k, mark, 0, 0, 0);
	add(t + 9 * US + mark, VT_EV_gc_pause_end, k, mark + 8 * US, 0, 0, 0);
	add(t + 10 * US + mark, VT_EV_gc_sweep, k, 0, 0, 0, 0);
	add(t + 51 * US + mark, VT_EV_gc_sweep_end, k, 41 * US, 0, 0, 0);
	add(t + 52 * US + mark, VT_EV_gc_end, k, mark + 52 * US, 831488, 300000 + k * 900, 8388608);
}

static void many(struct lm *lm)
{
	const struct lm_event begun = { .ticks = LM_START + 2 * US, .id = VT_EV_meta_thread_begin,
	                                .values = { 4712 } };

	process(lm, 0, 4711, "guile", VT_END_EXIT, 0, 1309 * MS);
	lm_thread(lm, 0, 0, 4711, "guile");
	lm_thread(lm, 1, 0, 4712, "gc marker");
	lm_events(lm, 1, 0, &begun, 1);
	for (uint64_t k = 1; k <= 100; k++) {
		cycle(k * 12 * MS, k);
		if (k % 20 == 0) {
			lm_events(lm, 0, 0, events, count);
			count = 0;
		}
	}
	counters(lm, 1, 1000 * MS, 80, 32 * MS);
	counters(lm, 2, 1309 * MS, 100, 40 * MS);
}

static void killed(struct lm *lm)
{
	process(lm, 0, 4790, "guile", VT_END_SIGNAL, 9, 731 * MS);
	lm_thread(lm, 0, 0, 4790, "guile");
	lm_thread(lm, 1, 0, 4791, "guile");
	for (uint64_t k = 1; k <= 50; k++)
		cycle(k * 12 * MS, k);
	add(730779940, VT_EV_gc_begin, 51, VT_gc_type_major, 6081741, 0, 0);
	add(730781204, VT_EV_gc_pause, 51, 0, 0, 0, 0);
	add(730788015, VT_EV_gc_mark, 51, 0, 0, 0, 0);
	lm_events(lm, 0, 0, events, count);
	counters(lm, 1, 700 * MS, 50, 17 * MS);
}

static void hostile(struct lm *lm)
{
	const struct lm_event first[] = {
		{ LM_START + 10, VT_EV_interp_call, { 1 }, NULL },
		{ LM_START + 20, VT_EV_custom_note, { 1, 4 }, "a\r\nb" },
		{ LM_START + 30, VT_EV_interp_return, { 0 }, NULL },
		{ LM_START + 40, VT_EV_interp_call, { 77 }, NULL },
		{ LM_START + 50, VT_EV_syscall_call, { 3, (uint64_t)-11, 950 }, NULL },
	};
	const struct lm_event other[] = {
		{ LM_START + 15, VT_EV_interp_call, { 1 }, NULL },
		{ LM_START + 25, VT_EV_interp_return, { 0 }, NULL },
	};
	const struct lm_event last[] = {
		{ LM_START + 510, VT_EV_interp_return, { 0 }, NULL },
		{ LM_START + 520, VT_EV_memory_alloc, { UINT64_MAX }, NULL },
	};

	process(lm, 0, 100, "a b\033[31m", VT_END_EXIT, 1, 9 * MS);
	process(lm, 1, 101, "=cmd()", VT_END_EXIT, 0, 9 * MS);
	lm_thread(lm, 0, 0, 100, "a b\033[31m\n<x>");
	lm_thread(lm, 1, 1, 101, "=\xce\xbb\xe2\x80\xae\xff,\"q\"");
	lm_string(lm, 0, 1, "=evil,\"x\"\n\xff<b>");
	lm_string(lm, 1, 1, "lambda");
	lm_events(lm, 0, 0, first, 5);
	lm_events(lm, 1, 1, other, 2);
	lm_gap(lm, 0, 0, VT_LOST_OVERWRITTEN, VT_CAT_interp, 5120, LM_START + 50, LM_START + 500);
	lm_events(lm, 0, 0, last, 2);
}

static int write_one(const char *directory, const char *name, void (*fill)(struct lm *lm))
{
	char path[4096];
	struct lm lm = { .codec = 0 };

	count = 0;
	lm_begin(&lm, 1);
	lm.codec = VT_CODEC_ZSTD;
	lm_schema(&lm);
	fill(&lm);
	lm_end(&lm);
	snprintf(path, sizeof(path), "%s/%s.vtrace", directory, name);
	FILE *f = fopen(path, "wb");
	int err = !f || fwrite(lm.out.data, 1, lm.out.length, f) != lm.out.length;
	if (f)
		err |= fclose(f) != 0;
	if (err)
		perror(path);
	lm_free(&lm);
	return err;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: make_fixtures DIRECTORY\n");
		return 2;
	}
	return write_one(argv[1], "many", many) | write_one(argv[1], "killed", killed) |
	       write_one(argv[1], "hostile", hostile);
}
