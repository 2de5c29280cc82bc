/* test_reader.c - the reader library against logs that logmaker wrote: what is delivered. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include <valktrace/error.h>

#include "core/crc32c.h"
#include "tests/unit/logs.h"

/* Two threads, five kinds of events; thread 1 has every third tick, thread 2 those behind. */
static void two_threads(struct lm *lm, unsigned chunks, unsigned each)
{
	static const uint16_t ids[] = { VT_EV_interp_call, VT_EV_interp_return, VT_EV_memory_alloc,
	                                VT_EV_syscall_call, VT_EV_loop_idle };
	static struct lm_event events[2][1000];

	lm_begin(lm, 1);
	lm_schema(lm);
	lm_process(lm, 0, 4711, "guile");
	lm_thread(lm, 1, 0, 4711, "main");
	lm_thread(lm, 2, 0, 4712, "helper");
	for (unsigned c = 0; c < chunks; c++) {
		for (unsigned i = 0; i < each; i++) {
			unsigned n = c * each + i;
			events[0][i] = (struct lm_event){ .ticks = LM_START + 3 * n, .id = ids[n % 5],
			                                  .values = { n, n * 7u, n % 3 } };
			events[1][i] = (struct lm_event){ .ticks = LM_START + 3 * n + 1,
			                                  .id = n % 10 ? ids[n % 3] : VT_EV_gc_end,
			                                  .values = { n, 1000u + n, n } };
		}
		lm_events(lm, 1, 0, events[0], each);
		lm_events(lm, 2, 0, events[1], each);
	}
}

/* ---- order, values, names --------------------------------------------------------------------- */

static void order_and_values(void **state)
{
	(void)state;
	for (uint8_t codec = VT_CODEC_NONE; codec <= VT_CODEC_ZSTD; codec++) {
		struct lm lm = { .codec = codec };
		two_threads(&lm, 4, 1000);
		lm_end(&lm);
		struct file f = file_of(&lm);
		struct vt_reader *r = open_one(f.path);
		const struct vt_run_info *run = vt_reader_run(r);
		assert_true(run->closed);
		assert_false(run->damaged);
		assert_int_equal(run->run, LM_RUN);
		assert_int_equal(run->process_count, 1);
		assert_string_equal(run->processes[0]->program, "guile");
		assert_int_equal(run->processes[0]->pid, 4711);
		assert_int_equal(run->processes[0]->fact_count, 1);
		assert_string_equal(run->processes[0]->facts[0].value, "1.0");
		assert_int_equal(run->ring_count, 2);
		assert_string_equal(run->rings[1]->name, "helper");
		assert_int_equal(run->rings[0]->first, LM_START);
		assert_int_equal(run->last, LM_START + 3 * 3999 + 1);
		assert_no_loss(run);
		assert_identity(run);
		size_t n = read_all(r, got);
		assert_int_equal(n, 8000);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(got[i].ticks, LM_START + 3 * (i / 2) + i % 2);
			assert_int_equal(got[i].ring, 1 + i % 2);
			if (got[i].id != VT_EV_interp_return)
				assert_int_equal(got[i].value, i / 2);
		}
		const struct vt_event *e;
		assert_int_equal(vt_reader_next(r, &e), 0);
		vt_reader_close(r);
		close(f.fd);
		lm_free(&lm);
	}
}

static void signed_gauge_text_and_strings(void **state)
{
	struct lm lm = { .codec = VT_CODEC_LZ4 };
	struct lm_event events[600];
	char texts[200][16];

	(void)state;
	for (unsigned i = 0; i < 600; i += 3) {
		snprintf(texts[i / 3], sizeof texts[0], "%.*s", (int)(i % 11), "hello world");
		events[i] = (struct lm_event){ .ticks = LM_START + i, .id = VT_EV_syscall_call,
		                               .values = { 1, (uint64_t)-(int64_t)i, 2 } };
		events[i + 1] = (struct lm_event){ .ticks = LM_START + i + 1, .id = VT_EV_gc_begin,
		                                   .values = { i, 2, UINT64_MAX - i } };
		events[i + 2] = (struct lm_event){ .ticks = LM_START + i + 2,
		                                   .id = VT_EV_custom_note, .values = { 7 },
		                                   .text = texts[i / 3] };
	}
	lm_begin(&lm, 1);
	lm_schema(&lm);
	lm_string(&lm, 0, 7, "a name");
	lm_events(&lm, 1, 0, events, 600);
	struct file f = file_of(&lm);
	struct vt_reader *r = open_one(f.path);
	const struct vt_event *e;
	for (unsigned i = 0; i < 600; i += 3) {
		assert_int_equal(vt_reader_next(r, &e), 1);
		assert_int_equal((int64_t)e->values[1], -(int64_t)i);
		assert_null(e->text);
		assert_string_equal(vt_event_category(e), "syscall");
		assert_int_equal(vt_reader_next(r, &e), 1);
		assert_int_equal(e->values[0], i);
		assert_int_equal(e->values[2], UINT64_MAX - i);
		assert_string_equal(e->desc->fields[1].of->labels[2], "major");
		assert_int_equal(vt_reader_next(r, &e), 1);
		assert_int_equal(e->values[1], i % 11);
		assert_memory_equal(e->text, "hello world", i % 11);
		size_t length;
		assert_string_equal(vt_reader_string(r, e->ring->process, e->values[0], &length),
		                    "a name");
		assert_int_equal(length, 6);
	}
	assert_null(vt_reader_string(r, vt_reader_run(r)->processes[0], 8, NULL));
	vt_reader_close(r);
	close(f.fd);
	lm_free(&lm);
}

static void types_without_schema(void **state)
{
	struct lm lm = { 0 };
	struct lm_event events[] = {
		{ .ticks = LM_START + 1, .id = VT_EV_gc_pause, .values = { 4 } },
		{ .ticks = LM_START + 2, .id = 0x0af0, .values = { 11, 22 } },
		{ .ticks = LM_START + 3, .id = 0x2001, .values = { 33, 44 } },
	};

	(void)state;
	lm_begin(&lm, 1);
	lm_schema(&lm);
	lm_events(&lm, 1, 0, events, 3);
	struct file f = file_of(&lm);
	struct vt_reader *r = open_one(f.path);
	const struct vt_event *e;
	assert_int_equal(vt_reader_next(r, &e), 1);
	assert_string_equal(e->desc->name, "pause");
	assert_int_equal(vt_reader_next(r, &e), 1);
	assert_string_equal(e->desc->name, "#2800");
	assert_string_equal(e->desc->fields[1].name, "f1");
	assert_int_equal(e->values[1], 22);
	assert_string_equal(vt_event_category(e), "gc");
	assert_int_equal(vt_reader_next(r, &e), 1);
	assert_string_equal(vt_event_category(e), "#32");
	assert_int_equal(e->values[0], 33);
	assert_int_equal(vt_reader_next(r, &e), 0);
	vt_reader_close(r);
	close(f.fd);
	lm_free(&lm);
}

/* ---- filters -------------------------------------------------------------------------------- */

/* Events that pass `filter`; `wanted` says for each event of `two_threads` whether it should. */
static void check_filter(struct vt_reader *r, const struct vt_filter *filter,
                         bool (*wanted)(const struct got *g))
{
	const char *unknown;
	struct vt_filter all = { .size = sizeof all };
	size_t n, m, expected = 0;

	assert_int_equal(vt_reader_select(r, &all, &unknown), 0);
	n = read_all(r, again);
	assert_int_equal(vt_reader_select(r, filter, &unknown), 0);
	m = read_all(r, got);
	for (size_t i = 0; i < n; i++) {
		if (!wanted(&again[i]))
			continue;
		assert_true(expected < m);
		assert_memory_equal(&got[expected], &again[i], sizeof got[0]);
		expected++;
	}
	assert_int_equal(m, expected);
	assert_true(expected > 0 && expected < n);
}

static bool is_gc(const struct got *g) { return g->id >> 8 == VT_CAT_gc; }
static bool is_no_interp(const struct got *g) { return g->id >> 8 != VT_CAT_interp; }
static bool is_call(const struct got *g) { return g->id == VT_EV_interp_call || g->id == VT_EV_syscall_call; }
static bool is_helper(const struct got *g) { return g->ring == 2; }
static bool is_middle(const struct got *g) { return g->ticks >= LM_START + 999 && g->ticks < LM_START + 5001; }
static bool is_large(const struct got *g) { return g->id == VT_EV_memory_alloc && g->value >= 1500; }
static bool is_no_bulk(const struct got *g) { return g->id == VT_EV_gc_end || g->id == VT_EV_loop_idle; }
static bool is_long(const struct got *g)
{
	return g->id == VT_EV_gc_end && 1000 + g->value >= 2000;
}

static void filters(void **state)
{
	struct lm lm = { .codec = VT_CODEC_ZSTD };
	const char *gc[] = { "gc" }, *not_interp[] = { "!interp" }, *call[] = { "call" };
	const char *gc_all[] = { "gc.*" };
	struct vt_condition size = { .field = "size", .op = VT_GE, .number = 1500 };

	(void)state;
	two_threads(&lm, 4, 1000);
	lm_end(&lm);
	struct file f = file_of(&lm);
	struct vt_reader *r = open_one(f.path);
	uint32_t tid = 4712;
	check_filter(r, &(struct vt_filter){ .categories = gc, .category_count = 1 }, is_gc);
	check_filter(r, &(struct vt_filter){ .categories = not_interp, .category_count = 1 },
	             is_no_interp);
	check_filter(r, &(struct vt_filter){ .events = call, .event_count = 1 }, is_call);
	check_filter(r, &(struct vt_filter){ .events = gc_all, .event_count = 1 }, is_gc);
	check_filter(r, &(struct vt_filter){ .tids = &tid, .tid_count = 1 }, is_helper);
	check_filter(r, &(struct vt_filter){ .thread = "helper" }, is_helper);
	check_filter(r, &(struct vt_filter){ .since_set = true, .since_ns = 999, .until_set = true,
	                                     .until_ns = 5001 }, is_middle);
	check_filter(r, &(struct vt_filter){ .where = &size, .where_count = 1 }, is_large);
	check_filter(r, &(struct vt_filter){ .no_bulk = true }, is_no_bulk);
	check_filter(r, &(struct vt_filter){ .events = gc_all, .event_count = 1,
	                                     .min_duration_ns = 2000 }, is_long);
	vt_reader_close(r);
	close(f.fd);
	lm_free(&lm);
}

static void unknown_names(void **state)
{
	struct lm lm = { 0 };
	const char *bad[] = { "!gcc" }, *unknown;

	(void)state;
	two_threads(&lm, 1, 10);
	struct file f = file_of(&lm);
	struct vt_reader *r = open_one(f.path);
	struct vt_filter c = { .categories = bad, .category_count = 1 };
	assert_int_equal(vt_reader_select(r, &c, &unknown), -VT_E_UNKNOWN_CATEGORY);
	assert_string_equal(unknown, "!gcc");
	struct vt_filter e = { .events = bad, .event_count = 1 };
	assert_int_equal(vt_reader_select(r, &e, &unknown), -VT_E_UNKNOWN_EVENT);
	struct vt_condition where = { .field = "nope" };
	struct vt_filter w = { .where = &where, .where_count = 1 };
	assert_int_equal(vt_reader_select(r, &w, &unknown), -VT_E_UNKNOWN_FIELD);
	assert_string_equal(unknown, "nope");
	assert_int_equal(read_all(r, got), 20);
	vt_reader_close(r);
	close(f.fd);
	lm_free(&lm);
}

static void conditions_on_strings(void **state)
{
	struct lm lm = { 0 };
	struct lm_event events[] = {
		{ .ticks = LM_START + 1, .id = VT_EV_gc_begin, .values = { 1, VT_gc_type_major } },
		{ .ticks = LM_START + 2, .id = VT_EV_gc_begin, .values = { 2, VT_gc_type_minor } },
		{ .ticks = LM_START + 3, .id = VT_EV_custom_note, .values = { 5 }, .text = "abc" },
		{ .ticks = LM_START + 4, .id = VT_EV_custom_note, .values = { 6 }, .text = "abd" },
		{ .ticks = LM_START + 5, .id = VT_EV_syscall_call, .values = { 1, (uint64_t)-11, 5 } },
	};
	struct { struct vt_condition where; uint64_t ticks; } cases[] = {
		{ { .field = "type", .op = VT_EQ, .string = "minor" }, 2 },
		{ { .field = "name", .op = VT_EQ, .string = "one" }, 3 },
		{ { .field = "name", .op = VT_NE, .string = "one" }, 4 },
		{ { .field = "detail", .op = VT_GT, .string = "abc" }, 4 },
		{ { .field = "result", .op = VT_LT, .number = 0 }, 5 },
	};

	(void)state;
	lm_begin(&lm, 1);
	lm_schema(&lm);
	lm_string(&lm, 0, 5, "one");
	lm_string(&lm, 0, 6, "two");
	lm_events(&lm, 1, 0, events, 5);
	struct file f = file_of(&lm);
	struct vt_reader *r = open_one(f.path);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct vt_filter w = { .where = &cases[i].where, .where_count = 1 };
		assert_int_equal(vt_reader_select(r, &w, NULL), 0);
		assert_int_equal(read_all(r, got), 1);
		assert_int_equal(got[0].ticks, LM_START + cases[i].ticks);
	}
	vt_reader_close(r);
	close(f.fd);
	lm_free(&lm);
}

/* ---- batches -------------------------------------------------------------------------------- */

static void batches(void **state)
{
	struct lm lm = { .codec = VT_CODEC_ZSTD };
	const struct vt_batch *b;
	uint64_t sum = 0, events = 0, by_type[5] = { 0 };
	const char *memory[] = { "memory" };

	(void)state;
	two_threads(&lm, 4, 1000);
	struct file f = file_of(&lm);
	struct vt_reader *r = open_one(f.path);
	while (vt_reader_next_batch(r, &b) > 0) {
		const uint64_t *ticks = vt_batch_ticks(b);
		const uint8_t *types = vt_batch_types(b);
		uint32_t counts[VT_MAX_TYPES] = { 0 };
		assert_int_equal(ticks[0], b->t_min);
		assert_int_equal(ticks[b->events - 1], b->t_max);
		for (unsigned i = 0; i < b->events; i++)
			counts[types[i]]++;
		for (unsigned t = 0; t < b->types; t++)
			assert_int_equal(counts[t], b->counts[t]);
		events += b->events;
	}
	assert_int_equal(events, 8000);
	(void)by_type;
	struct vt_filter m = { .categories = memory, .category_count = 1 };
	assert_int_equal(vt_reader_select(r, &m, NULL), 0);
	uint64_t expected = 0;
	size_t n = read_all(r, got);
	for (size_t i = 0; i < n; i++)
		expected += got[i].value;
	assert_int_equal(vt_reader_select(r, &m, NULL), 0);
	while (vt_reader_next_batch(r, &b) > 0) {
		assert_int_equal(b->category, VT_CAT_memory);
		const uint64_t *sizes = vt_batch_column(b, 0, 0);
		assert_ptr_equal(sizes, vt_batch_column(b, 0, 0));
		for (unsigned i = 0; i < b->counts[0]; i++)
			sum += sizes[i];
		assert_null(vt_batch_column(b, 1, 0));
		assert_null(vt_batch_column(b, 0, 1));
	}
	assert_true(sum > 0);
	assert_int_equal(sum, expected);
	vt_reader_close(r);
	close(f.fd);
	lm_free(&lm);
}

/* ---- parts, clock, counters ------------------------------------------------------------------ */

static void parts(void **state)
{
	struct lm one = { 0 }, three = { 0 }, alien = { 0 };
	struct lm_event e[] = { pause_at(10), pause_at(3000) };
	struct vt_reader *r;

	(void)state;
	lm_begin(&one, 1);
	lm_schema(&one);
	lm_events(&one, 1, 0, e, 1);
	lm_end(&one);
	memcpy(three.pos, one.pos, sizeof one.pos);
	memcpy(three.first, one.first, sizeof one.first);
	lm_begin(&three, 3);
	lm_schema(&three);
	lm_lose(&three, 1, VT_CAT_gc, 4);
	lm_events(&three, 1, 0, e + 1, 1);
	lm_end(&three);
	lm_begin(&alien, 2);
	alien.out.data[24] ^= 1;
	vt_put_le32(alien.out.data + 124, vt_crc32c(0, alien.out.data, 124));
	struct file f1 = file_of(&one), f3 = file_of(&three), fa = file_of(&alien);
	const char *both[] = { f3.path, f1.path }, *mixed[] = { f1.path, fa.path };
	assert_int_equal(vt_reader_open(&r, mixed, 2, NULL), -VT_E_RUN_DIFFERS);
	assert_null(r);
	assert_int_equal(vt_reader_open(&r, both, 2, NULL), 0);
	assert_int_equal(vt_reader_run(r)->parts, 2);
	assert_int_equal(vt_reader_run(r)->parts_missing, 1);
	assert_int_equal(vt_reader_run(r)->ticks, LM_START);
	assert_true(vt_reader_run(r)->closed);
	assert_int_equal(read_all(r, got), 3);
	assert_int_equal(got[1].gap, 4);
	assert_identity(vt_reader_run(r));
	vt_reader_close(r);
	close(f1.fd);
	close(f3.fd);
	close(fa.fd);
	lm_free(&one);
	lm_free(&three);
	lm_free(&alien);
}

static void clock_lines(void **state)
{
	const uint64_t s = LM_HZ;
	struct lm lm = { 0 };

	(void)state;
	lm_begin(&lm, 1);
	lm_anchor(&lm, LM_START + s, 5000000 + 2 * s);          /* two ns a tick */
	lm_anchor(&lm, LM_START + s + 1000, 5000000 + 3 * s);   /* too near: none */
	lm_anchor(&lm, LM_START + 2 * s, 5000000 + 3 * s);      /* then one */
	lm_anchor(&lm, LM_START + s + s / 2, 5000000 + s / 10); /* a lie */
	struct file f = file_of(&lm);
	struct vt_reader *r = open_one(f.path);
	assert_int_equal(vt_reader_ns(r, LM_START), 0);
	assert_int_equal(vt_reader_ns(r, LM_START - 5), 0);
	assert_int_equal(vt_reader_ns(r, LM_START + 500), 1000);
	assert_int_equal(vt_reader_ns(r, LM_START + s), 2 * s);
	assert_int_equal(vt_reader_ns(r, LM_START + s + 600), 2 * s + 600);
	/* After the last one as from the first to the last. */
	assert_int_equal(vt_reader_ns(r, LM_START + 4 * s), 6 * s);
	assert_int_equal(vt_reader_realtime(r, LM_START + 500), 1700000000000000000u + 1000);
	assert_int_equal(vt_reader_run(r)->anchor_error_ns, s / 2);
	uint64_t before = 0;
	for (uint64_t t = 0; t < 4 * s; t += s / 1000 - 1) {
		uint64_t ns = vt_reader_ns(r, LM_START + t);
		assert_true(ns >= before);
		before = ns;
	}
	vt_reader_close(r);
	close(f.fd);
	lm_free(&lm);
}

/* Two anchors that are near each other say less of what is far from both than the nominal rate does. */
static void clock_of_a_short_log(void **state)
{
	const uint64_t ms = LM_HZ / 1000;
	struct lm lm = { 0 };

	(void)state;
	lm_begin(&lm, 1);
	lm_anchor(&lm, LM_START + 20 * ms, 5000000 + 30 * ms);
	struct file f = file_of(&lm);
	struct vt_reader *r = open_one(f.path);
	assert_int_equal(vt_reader_ns(r, LM_START + 10 * ms), 15 * ms);
	assert_int_equal(vt_reader_ns(r, LM_START + 20 * ms), 30 * ms);
	assert_int_equal(vt_reader_ns(r, LM_START + 1020 * ms), 1030 * ms);
	vt_reader_close(r);
	close(f.fd);
	lm_free(&lm);
}

struct counted {
	unsigned count;
	uint64_t sequence[8];
	uint64_t value[8];
};

static int count_record(void *user, const struct vt_counters *c)
{
	struct counted *n = user;

	assert_true(n->count < 8);
	assert_true(c->metrics[3].present);
	assert_false(c->metrics[4].present);
	assert_true(c->sources[2].known);
	assert_false(c->sources[2].available);
	assert_string_equal(c->sources[2].reason, "no libuv");
	n->sequence[n->count] = c->sequence;
	n->value[n->count++] = c->metrics[3].value;
	return 0;
}

static void counters(void **state)
{
	struct lm lm = { .codec = VT_CODEC_ZSTD };
	struct counted n = { 0 };

	(void)state;
	lm_begin(&lm, 1);
	for (uint32_t i = 1; i <= 4; i++) {
		struct vt_out records = { 0 };
		struct vt_counter_sample s = { .sequence = (i + 1) / 2, .ticks = LM_START + i,
		                               .process = i % 2 };
		s.present[0] = 1u << 3;
		s.values[3] = i * 10;
		s.sources_known = 4;
		s.reasons[2] = (struct vt_span){ "no libuv", 8 };
		vt_rec_counters_encode(&records, &s);
		lm_chunk(&lm, VT_CHUNK_COUNTERS, i % 2, &records);
	}
	struct file f = file_of(&lm);
	struct vt_reader *r = open_one(f.path);
	assert_int_equal(vt_reader_counters(r, 0, count_record, &n), 4);
	assert_int_equal(n.value[0], 10);
	assert_int_equal(n.value[3], 40);
	n.count = 0;
	assert_int_equal(vt_reader_counters(r, -1, count_record, &n), 2);
	assert_int_equal(n.value[0], 30);
	assert_int_equal(n.value[1], 40);
	n.count = 0;
	assert_int_equal(vt_reader_counters(r, 1, count_record, &n), 2);
	assert_int_equal(n.value[1], 20);
	assert_int_equal(vt_reader_run(r)->last, LM_START + 4);
	vt_reader_close(r);
	close(f.fd);
	lm_free(&lm);
}

static void no_logs(void **state)
{
	struct vt_reader *r;
	const char *missing = "/nonexistent/x.vtrace", *folder = "/tmp", *other = "/proc/self/exe";

	(void)state;
	assert_int_equal(vt_reader_open(&r, &missing, 1, NULL), -ENOENT);
	assert_int_equal(vt_reader_open(&r, &folder, 1, NULL), -EISDIR);
	assert_int_equal(vt_reader_open(&r, &other, 1, NULL), -VT_E_NOT_A_LOG);
	assert_int_equal(vt_reader_open(&r, NULL, 0, NULL), -EINVAL);
	assert_null(r);
	vt_reader_close(NULL);
}

/* ---- progress --------------------------------------------------------------------------------- */

struct steps {
	unsigned calls;
	uint64_t done, total;
	bool wrong;
};

static void on_step(void *user, uint64_t done, uint64_t total)
{
	struct steps *s = user;

	s->wrong |= done < s->done || done > total || (s->calls > 0 && total != s->total);
	s->calls++;
	s->done = done;
	s->total = total;
}

/* 1000 chunks, and 32 MiB that are none: about a call for each 64 reads, forward only. */
static void progress_of_a_long_scan(void **state)
{
	struct lm lm = { 0 };
	struct lm_event e[] = { pause_at(10), pause_at(20) };
	struct vt_reader *r;

	(void)state;
	lm_begin(&lm, 1);
	lm_schema(&lm);
	for (unsigned i = 0; i < 1000; i++)
		lm_events(&lm, 1, 0, e, 1);
	struct file f = file_of(&lm);
	assert_int_equal(ftruncate(f.fd, (off_t)lm.out.length + (32 << 20)), 0);
	const char *path = f.path;
	struct steps steps = { 0 };
	struct vt_reader_options o = { .size = sizeof o, .user = &steps, .progress = on_step };
	assert_int_equal(vt_reader_open(&r, &path, 1, &o), 0);
	assert_int_equal(steps.total, lm.out.length + (32 << 20));
	assert_in_range(steps.calls, (1000 + 512) / 64 - 1, (1000 + 512) / 64 + 2);
	assert_false(steps.wrong);
	assert_true(steps.done > lm.out.length + (24 << 20));
	vt_reader_close(r);

	/* A program from before there was such a hook. */
	steps = (struct steps){ 0 };
	o.size = offsetof(struct vt_reader_options, progress);
	assert_int_equal(vt_reader_open(&r, &path, 1, &o), 0);
	assert_int_equal(steps.calls, 0);
	vt_reader_close(r);
	close(f.fd);
	lm_free(&lm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_and_values),
		cmocka_unit_test(signed_gauge_text_and_strings),
		cmocka_unit_test(types_without_schema),
		cmocka_unit_test(filters),
		cmocka_unit_test(unknown_names),
		cmocka_unit_test(conditions_on_strings),
		cmocka_unit_test(batches),
		cmocka_unit_test(parts),
		cmocka_unit_test(clock_lines), cmocka_unit_test(clock_of_a_short_log),
		cmocka_unit_test(counters),
		cmocka_unit_test(no_logs),
		cmocka_unit_test(progress_of_a_long_scan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
