/* test_heads.c - reading ahead gives the heads of a chain as they are, wherever the scan goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "decoder/heads.h"
#include "tests/unit/logs.h"

enum { CHUNKS = 700 };

static uint64_t places[CHUNKS + 8];
static unsigned count;

/* Chunks of different lengths; `places` are where they start. */
static struct file build(struct lm *lm, struct vt_feed *feed, uint64_t *end)
{
	static struct lm_event e[9];

	lm_begin(lm, 1);
	lm_schema(lm);
	lm_process(lm, 0, 4711, "guile");
	count = 0;
	for (unsigned c = 0; c < CHUNKS; c++) {
		for (unsigned i = 0; i < 9; i++)
			e[i] = pause_at(20 * c + i);
		lm_events(lm, 1, 0, e, 1 + c % 9);
		places[count++] = lm->chunk_at;
	}
	*end = lm->out.length;
	struct file f = file_of(lm);
	assert_int_equal(vt_feed_open(feed, f.path), 0);
	return f;
}

static void assert_head(const struct vt_feed *feed, uint64_t at, uint64_t end, const struct vt_head *head)
{
	struct vt_head own;

	assert_int_equal(vt_head_read(feed, at, end, &own), 0);
	assert_int_equal(head->at, at);
	assert_int_equal(head->have, own.have);
	assert_memory_equal(head->bytes + VT_CHUNK_TRAILER, own.bytes + VT_CHUNK_TRAILER, own.have);
}

static void all_in_order(void **state)
{
	struct lm lm = { .codec = VT_CODEC_NONE };
	struct vt_feed feed;
	struct vt_head head;
	uint64_t end;

	(void)state;
	struct file f = build(&lm, &feed, &end);
	for (unsigned step = 1; step <= 200; step += 13) {
		struct vt_heads *h = vt_heads_begin(&feed, places[0], end);
		assert_non_null(h);
		for (unsigned i = 0; i < count; i += step) {
			assert_true(vt_heads_take(h, places[i], &head));
			assert_head(&feed, places[i], end, &head);
		}
		assert_false(vt_heads_take(h, end, &head));
		assert_false(vt_heads_take(h, end + 8, &head));
		vt_heads_end(h);
	}
	vt_feed_close(&feed);
	close(f.fd);
	lm_free(&lm);
}

/* Places where no chunk starts, an end long before the chain's, and nobody who takes anything. */
static void elsewhere(void **state)
{
	struct lm lm = { .codec = VT_CODEC_NONE };
	struct vt_feed feed;
	struct vt_head head;
	uint64_t end;

	(void)state;
	struct file f = build(&lm, &feed, &end);
	struct vt_heads *h = vt_heads_begin(&feed, places[0], end);
	assert_true(vt_heads_take(h, places[3], &head));
	assert_false(vt_heads_take(h, places[3] + 8, &head));
	assert_true(vt_heads_take(h, places[4], &head));
	assert_head(&feed, places[4], end, &head);
	vt_heads_end(h);
	h = vt_heads_begin(&feed, places[0] + 8, end);
	assert_false(vt_heads_take(h, places[0] + 8, &head));
	assert_false(vt_heads_take(h, places[1], &head));
	vt_heads_end(h);
	vt_heads_end(vt_heads_begin(&feed, places[0], end));
	vt_heads_end(NULL);
	vt_feed_close(&feed);
	close(f.fd);
	lm_free(&lm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_in_order),
		cmocka_unit_test(elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
