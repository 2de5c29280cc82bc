/*
 * test_pipeline.c - vt_export_events: the same text on any number of threads, in order, with gaps, large texts
 * and a limit; an exporter that fails in the middle ends it, with what came before.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "decoder/common.h"
#include "decoder/export.h"
#include "tests/unit/logs.h"

enum { CHUNKS = 40, EACH = 500, TEXT = 70000 };

static char large_text[TEXT + 1];

/* Pauses of two threads, some lost, and now and then a text that is larger than a block's memory. */
static void build(struct lm *lm)
{
	static struct lm_event e[EACH];

	lm_begin(lm, 1);
	lm_schema(lm);
	lm_process(lm, 0, 4711, "guile");
	memset(large_text, 'x', TEXT);
	for (unsigned c = 0; c < CHUNKS; c++)
		for (uint32_t ring = 1; ring <= 2; ring++) {
			for (unsigned i = 0; i < EACH; i++) {
				unsigned n = c * EACH + i;
				e[i] = pause_at(3 * n + ring);
				e[i].id = i % 2 ? VT_EV_gc_pause_end : VT_EV_gc_pause;
				e[i].values[0] = n;
			}
			if (c % 10 == 5)
				e[100] = (struct lm_event){
					.ticks = e[100].ticks, .id = VT_EV_custom_note, .text = large_text,
					.values = { 1, TEXT },
				};
			if (c % 8 == 3)
				lm_lose(lm, ring, VT_CAT_gc, 7);
			lm_events(lm, ring, 0, e, EACH);
		}
	lm_end(lm);
}

struct text {
	char *bytes;
	size_t length;
	int64_t count;
};

/* Decodes the log `path` on `threads` threads. */
static struct text decode(const char *path, const struct vt_export *format, unsigned threads, uint64_t most)
{
	static const struct vt_list no_labels;
	static const struct vt_filter all = { .size = sizeof all };
	char *paths[] = { strdup(path) };
	struct vt_input in;
	struct vt_sink out;
	struct text t;

	vt_common.threads = threads;
	vt_common.quiet = true;
	assert_int_equal(vt_input_open_quietly(&in, paths, 1), 0);
	assert_int_equal(vt_sink_memory(&out), 0);
	const struct vt_export_context context = {
		.out = &out, .in = &in, .filter = &all, .at = -1, .labels = &no_labels, .runs = 1,
	};
	t.count = vt_export_events(format, &context, most);
	t.length = out.used;
	t.bytes = malloc(out.used + 1);
	assert_non_null(t.bytes);
	memcpy(t.bytes, out.buffer, out.used);
	vt_sink_discard(&out);
	vt_input_close(&in, 0);
	free(paths[0]);
	return t;
}

static void assert_same(const struct text *a, const struct text *b)
{
	assert_int_equal(a->count, b->count);
	assert_int_equal(a->length, b->length);
	assert_memory_equal(a->bytes, b->bytes, a->length);
}

static void same_text(void **state)
{
	static const struct vt_export *const formats[] = { &vt_export_text, &vt_export_json };
	static const uint64_t limits[] = { UINT64_MAX, 0, 1, 2047, 2048, 2049, 5000 };
	struct lm lm = { .codec = VT_CODEC_LZ4 };

	(void)state;
	build(&lm);
	struct file f = file_of(&lm);
	for (unsigned i = 0; i < sizeof formats / sizeof *formats; i++)
		for (unsigned k = 0; k < sizeof limits / sizeof *limits; k++) {
			struct text one = decode(f.path, formats[i], 1, limits[k]);
			assert_true(one.count >= 0);
			if (limits[k] < UINT64_MAX)
				assert_int_equal(one.count, limits[k]);
			else
				assert_true(one.count > 2 * CHUNKS * EACH && one.length > 8 * TEXT);
			for (unsigned threads = 2; threads <= 17; threads += 5) {
				struct text many = decode(f.path, formats[i], threads, limits[k]);
				assert_same(&one, &many);
				free(many.bytes);
			}
			free(one.bytes);
		}
	close(f.fd);
	lm_free(&lm);
}

/* ---- an exporter of our own: numbers that only the marks can tell, and writers of different speed ---- */

struct counting {
	uint32_t next;
};

static uint32_t fail_mark, fail_write;          /* at this number; 0: never */

static int mark_number(void *state, const struct vt_event *event, uint32_t *mark)
{
	struct counting *c = state;

	(void)event;
	*mark = ++c->next;
	return *mark == fail_mark ? -ECANCELED : 0;
}

static int no_begin(void *writer, const struct vt_export_context *context)
{
	(void)writer;
	(void)context;
	return 0;
}

static int write_number(void *writer, struct vt_sink *out, const struct vt_event *event, uint32_t mark)
{
	(void)writer;
	if (mark % 1024 == 7 && mark % 3072 != 7)
		usleep(300);
	if (mark == fail_write)
		return -ECANCELED;
	vt_sink_printf(out, "%u %llu\n", mark, (unsigned long long)event->ticks);
	return 0;
}

static const struct vt_export numbers = {
	.name = "numbers", .state_size = sizeof(struct counting), .mark = mark_number, .writer_size = 1,
	.write_begin = no_begin, .write = write_number,
};

static void marks_are_in_order(void **state)
{
	struct lm lm = { .codec = VT_CODEC_NONE };
	unsigned long long number = 0, ticks, before = 0;

	(void)state;
	build(&lm);
	struct file f = file_of(&lm);
	struct text t = decode(f.path, &numbers, 4, UINT64_MAX);
	t.bytes[t.length] = '\0';
	for (char *p = t.bytes; *p; p++) {
		assert_int_equal(strtoull(p, &p, 10), ++number);
		ticks = strtoull(p, &p, 10);
		assert_true(ticks >= before);
		before = ticks;
	}
	assert_int_equal(number, t.count);
	free(t.bytes);
	close(f.fd);
	lm_free(&lm);
}

static void errors_end_it(void **state)
{
	struct lm lm = { .codec = VT_CODEC_NONE };

	(void)state;
	build(&lm);
	struct file f = file_of(&lm);
	for (unsigned threads = 1; threads <= 5; threads += 2) {
		fail_mark = 5000;
		struct text t = decode(f.path, &numbers, threads, UINT64_MAX);
		assert_int_equal(t.count, -ECANCELED);
		assert_true(t.length > 0);
		t.bytes[t.length - 1] = '\0';
		assert_int_equal(strtoull(strrchr(t.bytes, '\n') + 1, NULL, 10), 4999);
		free(t.bytes);
		fail_mark = 0;
		fail_write = 7000;
		t = decode(f.path, &numbers, threads, UINT64_MAX);
		assert_int_equal(t.count, -ECANCELED);
		t.bytes[t.length - 1] = '\0';
		assert_int_equal(strtoull(strrchr(t.bytes, '\n') + 1, NULL, 10), 6999);
		free(t.bytes);
		fail_write = 0;
	}
	close(f.fd);
	lm_free(&lm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_text),
		cmocka_unit_test(marks_are_in_order),
		cmocka_unit_test(errors_end_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
