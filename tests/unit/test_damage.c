/* test_damage.c - the reader library against logs that lost something, were hurt, or lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include <valktrace/error.h>

#include "tests/unit/logs.h"

/* ---- loss ----------------------------------------------------------------------------------- */

static void loss_told_and_not_told(void **state)
{
	struct lm lm = { 0 };
	struct lm_event e[] = { pause_at(10), pause_at(20), pause_at(100), pause_at(200) };

	(void)state;
	lm_begin(&lm, 1);
	lm_schema(&lm);
	lm_events(&lm, 1, 0, e, 2);
	lm_gap(&lm, 1, 0, VT_LOST_OVERWRITTEN, VT_CAT_gc, 5, LM_START + 20, LM_START + 100);
	lm_events(&lm, 1, 0, e + 2, 1);
	lm_lose(&lm, 1, VT_CAT_gc, 3);
	lm_events(&lm, 1, 0, e + 3, 1);
	lm_lose(&lm, 1, VT_CAT_gc, 7);
	lm_totals(&lm, 1, 0, 9);
	lm_end(&lm);
	struct file f = file_of(&lm);
	struct vt_reader *r = open_one(f.path);
	const struct vt_run_info *run = vt_reader_run(r);
	assert_identity(run);
	assert_true(run->rings[0]->totals_known);
	assert_int_equal(run->rings[0]->committed[VT_CAT_gc], 4 + 5 + 3 + 7);
	assert_int_equal(run->decoded[VT_CAT_gc], 4);
	assert_int_equal(run->lost[VT_LOST_OVERWRITTEN][VT_CAT_gc], 5 + 3 + 7);
	assert_int_equal(run->lost[VT_LOST_DISCARDED][VT_CAT_gc], 9);
	assert_int_equal(read_all(r, got), 7);
	assert_int_equal(got[2].gap, 5);
	assert_int_equal(got[2].ticks, LM_START + 100);
	assert_int_equal(got[3].ticks, LM_START + 100);
	assert_int_equal(got[4].gap, 3);
	assert_int_equal(got[4].value, VT_LOST_OVERWRITTEN);
	assert_int_equal(got[6].gap, 7);
	const char *loop[] = { "loop" };
	struct vt_filter other = { .categories = loop, .category_count = 1 };
	assert_int_equal(vt_reader_select(r, &other, NULL), 0);
	assert_int_equal(read_all(r, got), 0);
	vt_reader_close(r);
	close(f.fd);
	lm_free(&lm);
}

static void gap_claims_too_much(void **state)
{
	struct lm lm = { 0 };
	struct lm_event e[] = { pause_at(10), pause_at(20) };

	(void)state;
	lm_begin(&lm, 1);
	lm_schema(&lm);
	lm_events(&lm, 1, 0, e, 1);
	lm_gap(&lm, 1, 0, VT_LOST_DISK, VT_CAT_gc, 50, LM_START + 10, LM_START + 20);
	lm.first[1][VT_CAT_gc] -= 48;   /* the section says: two are missing */
	lm_events(&lm, 1, 0, e + 1, 1);
	struct file f = file_of(&lm);
	struct vt_reader *r = open_one(f.path);
	assert_identity(vt_reader_run(r));
	assert_int_equal(vt_reader_run(r)->lost[VT_LOST_DISK][VT_CAT_gc], 2);
	assert_int_equal(read_all(r, got), 3);
	assert_int_equal(got[1].gap, 2);
	vt_reader_close(r);
	close(f.fd);
	lm_free(&lm);
}

static void duplicates_and_overlaps(void **state)
{
	struct lm lm = { 0 };
	struct lm_event e[] = { pause_at(10), pause_at(20), pause_at(30), pause_at(40) };
	struct seen_notes notes;

	(void)state;
	lm_begin(&lm, 1);
	lm_schema(&lm);
	lm_events(&lm, 1, 0, e, 2);
	lm.pos[1] = 0;
	lm.first[1][VT_CAT_gc] = 0;
	lm_events(&lm, 1, 0, e, 2);             /* the same again */
	lm.pos[1] = 8;
	lm.first[1][VT_CAT_gc] = 1;
	lm_events(&lm, 1, 0, e + 1, 3);         /* one of it seen before */
	struct file f = file_of(&lm);
	struct vt_reader *r = open_noting(f.path, &notes);
	assert_true(noted(&notes, -5));
	assert_int_equal(notes.damage, 0);
	assert_int_equal(vt_reader_run(r)->decoded[VT_CAT_gc], 4);
	assert_no_loss(vt_reader_run(r));
	assert_int_equal(read_all(r, got), 4);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(got[i].ticks, LM_START + 10 * (i + 1));
	const struct vt_batch *b;
	uint64_t events = 0, sum = 0;
	while (vt_reader_next_batch(r, &b) > 0) {
		events += b->events;
		for (unsigned i = 0; i < b->counts[0]; i++)
			sum += vt_batch_column(b, 0, 0)[i];
	}
	assert_int_equal(events, 4);
	assert_int_equal(sum, 100);
	vt_reader_close(r);
	close(f.fd);
	lm_free(&lm);
}

/* ---- damage --------------------------------------------------------------------------------- */

static void damaged_section_becomes_a_gap(void **state)
{
	struct lm lm = { .codec = VT_CODEC_ZSTD };
	struct lm_event e[] = { pause_at(10), pause_at(20), pause_at(30), pause_at(40) };
	struct seen_notes notes;

	(void)state;
	lm_begin(&lm, 1);
	lm_schema(&lm);
	lm_events(&lm, 1, 0, e, 1);
	lm.torn = true;
	lm_events(&lm, 1, 0, e + 1, 2);
	lm_events(&lm, 1, 0, e + 3, 1);
	lm_totals(&lm, 1, 0, 0);
	lm_end(&lm);
	struct file f = file_of(&lm);
	struct vt_reader *r = open_noting(f.path, &notes);
	for (unsigned round = 0; round < 2; round++) {
		assert_int_equal(vt_reader_select(r, NULL, NULL), 0);
		assert_int_equal(read_all(r, got), 3);
		assert_int_equal(got[1].gap, 2);
		assert_int_equal(got[1].value, VT_LOST_DAMAGED);
		assert_int_equal(got[1].ticks, LM_START + 30);
		assert_int_equal(notes.damage, 1);
		assert_true(noted(&notes, 12));
		assert_true(vt_reader_run(r)->damaged);
		assert_identity(vt_reader_run(r));
	}
	vt_reader_close(r);
	close(f.fd);
	lm_free(&lm);
}

static void missing_chunk_is_damage(void **state)
{
	struct lm lm = { 0 };
	struct lm_event e[] = { pause_at(10), pause_at(20), pause_at(30) };
	struct seen_notes notes;

	(void)state;
	lm_begin(&lm, 1);
	lm_schema(&lm);
	lm_events(&lm, 1, 0, e, 1);
	size_t from = lm.out.length;
	lm_events(&lm, 1, 0, e + 1, 1);
	lm.out.length = from;                   /* as if it had never been written */
	lm_events(&lm, 1, 0, e + 2, 1);
	struct file f = file_of(&lm);
	struct vt_reader *r = open_noting(f.path, &notes);
	assert_true(noted(&notes, 5));
	assert_int_equal(vt_reader_run(r)->lost[VT_LOST_DAMAGED][VT_CAT_gc], 1);
	assert_int_equal(read_all(r, got), 3);
	assert_int_equal(got[1].gap, 1);
	assert_int_equal(got[1].value, VT_LOST_DAMAGED);
	vt_reader_close(r);
	close(f.fd);
	lm_free(&lm);
}

static struct lm_event alloc_at(uint64_t ticks)
{
	return (struct lm_event){ .ticks = LM_START + ticks, .id = VT_EV_memory_alloc,
	                          .values = { ticks } };
}

/* A small log, and where its chunks of events begin. */
#define SMALL_CHUNKS 4u
static void small_log(struct lm *lm, size_t *ends)
{
	lm->codec = VT_CODEC_LZ4;
	lm_begin(lm, 1);
	for (unsigned c = 0; c < SMALL_CHUNKS; c++) {
		/* No schema, to be small: only plain fields keep their values then. */
		struct lm_event e[] = { alloc_at(100 * c + 10), alloc_at(100 * c + 20),
		                        { .ticks = LM_START + 100 * c + 30, .id = VT_EV_loop_idle,
		                          .values = { c } } };
		lm_events(lm, 1 + c % 2, 0, e, 3);
		ends[c] = lm->out.length;
	}
	lm_thread(lm, 1, 0, 99, "t");
	lm_totals(lm, 1, 0, 0);
	lm_end(lm);
}

/* Reads what is there: every event must be one of the original, none twice. */
static size_t nothing_invented(struct vt_reader *r)
{
	size_t n = read_all(r, got), events = 0;
	uint64_t before = 0;

	for (size_t i = 0; i < n; i++) {
		if (got[i].id == 0)
			continue;
		uint64_t t = got[i].ticks - LM_START;
		assert_true(t < 100 * SMALL_CHUNKS && (t % 100 == 10 || t % 100 == 20 || t % 100 == 30));
		assert_int_equal(got[i].value, t % 100 == 30 ? t / 100 : t);
		assert_int_equal(got[i].ring, 1 + t / 100 % 2);
		assert_true(got[i].ticks > before);
		before = got[i].ticks;
		events++;
	}
	return events;
}

static void every_truncation(void **state)
{
	struct lm lm = { 0 };
	size_t ends[SMALL_CHUNKS];
	struct seen_notes notes;

	(void)state;
	small_log(&lm, ends);
	struct file f = file_of(&lm);
	const char *path = f.path;
	for (size_t length = lm.out.length; length-- > 0;) {
		struct vt_reader *r;
		assert_int_equal(ftruncate(f.fd, (off_t)length), 0);
		if (length < VT_FILE_HEADER) {
			int err = vt_reader_open(&r, &path, 1, NULL);
			assert_int_equal(err, length == 0 ? -VT_E_EMPTY : length < 8 ? -VT_E_NOT_A_LOG :
			                 -VT_E_SHORT);
			continue;
		}
		r = open_noting(path, &notes);
		size_t whole = 0;
		while (whole < SMALL_CHUNKS && ends[whole] <= length)
			whole++;
		assert_int_equal(nothing_invented(r), 3 * whole);
		assert_false(vt_reader_run(r)->closed);
		bool at_end = length == VT_FILE_HEADER || (whole > 0 && ends[whole - 1] == length);
		if (at_end)
			assert_int_equal(notes.damage, 0);
		else if (whole < SMALL_CHUNKS)
			assert_true(noted(&notes, 7));
		vt_reader_close(r);
	}
	close(f.fd);
	lm_free(&lm);
}

static void every_flip(void **state)
{
	struct lm lm = { 0 };
	size_t ends[SMALL_CHUNKS];
	struct seen_notes notes;

	(void)state;
	small_log(&lm, ends);
	struct file f = file_of(&lm);
	const char *path = f.path;
	for (size_t at = 0; at < lm.out.length; at++) {
		for (unsigned kind = 0; kind < 10; kind++) {
			uint8_t was = lm.out.data[at];
			uint8_t is = (uint8_t)(kind < 8 ? was ^ 1u << kind : kind == 8 ? 0 : 0xff);
			struct vt_reader *r;
			if (is == was)
				continue;
			assert_int_equal(pwrite(f.fd, &is, 1, (off_t)at), 1);
			if (at < VT_FILE_HEADER) {
				assert_true(vt_reader_open(&r, &path, 1, NULL) < 0);
				assert_int_equal(pwrite(f.fd, &was, 1, (off_t)at), 1);
				continue;
			}
			r = open_noting(path, &notes);
			size_t events = nothing_invented(r);
			/* Damage costs at most the chunk it hits. */
			bool in_events = at < ends[SMALL_CHUNKS - 1];
			assert_true(events >= 3 * SMALL_CHUNKS - (in_events ? 3 : 0));
			assert_true(events <= 3 * SMALL_CHUNKS);
			if (events < 3 * SMALL_CHUNKS)
				assert_true(notes.damage > 0);
			assert_identity(vt_reader_run(r));
			vt_reader_close(r);
			assert_int_equal(pwrite(f.fd, &was, 1, (off_t)at), 1);
		}
	}
	close(f.fd);
	lm_free(&lm);
}

static void resync_after_inserted_bytes(void **state)
{
	struct lm lm = { 0 };
	size_t ends[SMALL_CHUNKS];
	struct seen_notes notes;

	(void)state;
	small_log(&lm, ends);
	struct vt_out wide = { 0 };
	vt_out_bytes(&wide, lm.out.data, ends[0]);
	vt_out_bytes(&wide, "some bytes of a stranger", 19);
	vt_out_bytes(&wide, lm.out.data + ends[0], lm.out.length - ends[0]);
	struct lm other = { .out = wide };
	struct file f = file_of(&other);
	struct vt_reader *r = open_noting(f.path, &notes);
	assert_int_equal(nothing_invented(r), 3 * SMALL_CHUNKS);
	assert_true(noted(&notes, 3));
	assert_no_loss(vt_reader_run(r));
	assert_int_equal(vt_reader_run(r)->damaged_bytes, 19);
	vt_reader_close(r);
	close(f.fd);
	lm_free(&lm);
	lm_free(&other);
}

static void chunks_of_strangers(void **state)
{
	struct lm lm = { 0 };
	struct lm_event e[] = { pause_at(10), pause_at(20), pause_at(30) };
	struct seen_notes notes;
	struct vt_out nothing = { 0 };

	(void)state;
	lm_begin(&lm, 1);
	lm_schema(&lm);
	lm_events(&lm, 1, 0, e, 1);
	lm.run++;
	lm_events(&lm, 3, 0, e + 1, 1);
	lm.run--;
	lm.sequence--;
	vt_out_u64(&nothing, 0);
	lm_chunk(&lm, 0x7fff, VT_NO_PROCESS, &nothing);
	vt_out_u64(&nothing, 0);
	lm_chunk(&lm, 0xffff, VT_NO_PROCESS, &nothing);
	lm_events(&lm, 1, 0, e + 2, 1);
	struct file f = file_of(&lm);
	struct vt_reader *r = open_noting(f.path, &notes);
	assert_int_equal(read_all(r, got), 2);
	assert_true(noted(&notes, -4));
	assert_true(noted(&notes, 9));
	assert_int_equal(notes.damage, 1);
	vt_reader_close(r);
	close(f.fd);
	lm_free(&lm);
}

/* ---- bombs and limits ------------------------------------------------------------------------ */

static void implausible_sizes(void **state)
{
	struct lm lm = { .codec = VT_CODEC_ZSTD };
	struct lm_event e[] = { pause_at(10) };
	struct seen_notes notes;
	struct vt_out zeros = { 0 };

	(void)state;
	lm_begin(&lm, 1);
	memset(vt_out_room(&zeros, VT_MAX_RAW), 0, VT_MAX_RAW);
	zeros.length = VT_MAX_RAW;
	lm_chunk(&lm, VT_CHUNK_STRINGS, 0, &zeros);
	lm_events(&lm, 1, 0, e, 1);
	struct file f = file_of(&lm);
	struct vt_reader *r = open_noting(f.path, &notes);
	assert_true(noted(&notes, 11));
	assert_int_equal(read_all(r, got), 1);
	vt_reader_close(r);
	close(f.fd);
	lm_free(&lm);
}

/* A small file does not get thousands of rings: each costs the reader some KiB. */
static void rings_out_of_nothing(void **state)
{
	struct lm lm = { .codec = VT_CODEC_ZSTD };
	struct vt_out records = { 0 };
	struct seen_notes notes;

	(void)state;
	lm_begin(&lm, 1);
	for (uint32_t i = 0; i < 10000; i++) {
		struct vt_rec_thread t = { .ring = i, .tid = i };
		vt_rec_thread_encode(&records, &t);
	}
	lm_chunk(&lm, VT_CHUNK_THREADS, 0, &records);
	struct file f = file_of(&lm);
	struct vt_reader *r = open_noting(f.path, &notes);
	assert_true(noted(&notes, 16));
	assert_true(vt_reader_run(r)->ring_count < 64 + lm.out.length / 8 + 1);
	vt_reader_close(r);
	close(f.fd);
	lm_free(&lm);
}

/* More open sections than the reader may keep: some are closed and opened again, none is lost. */
static void more_than_memory(void **state)
{
	enum { RINGS = 250, EACH = 4096, TURN = 1024 };
	static struct lm_event e[EACH];
	struct lm lm = { 0 };
	uint64_t x = 1;

	(void)state;
	lm_begin(&lm, 1);
	for (uint32_t ring = 0; ring < RINGS; ring++) {
		for (uint64_t i = 0; i < EACH; i++) {
			e[i] = (struct lm_event){ .id = VT_EV_gc_end,
			                          .ticks = LM_START + (i / TURN * RINGS + ring) * TURN +
			                                   i % TURN };
			for (unsigned k = 0; k < LM_VALUES; k++)
				e[i].values[k] = x = x * 6364136223846793005u + 1;
			e[i].values[1] = ring * (uint64_t)EACH + i;
		}
		lm_events(&lm, ring, 0, e, EACH);
	}
	lm_schema(&lm);
	struct file f = file_of(&lm);
	struct vt_reader *r = open_one(f.path);
	const struct vt_event *event;
	uint64_t next[RINGS] = { 0 }, t = LM_START;
	while (vt_reader_next(r, &event) > 0) {
		assert_int_equal(event->ticks, t++);
		uint64_t i = next[event->ring->id]++;
		assert_int_equal(event->values[1], event->ring->id * (uint64_t)EACH + i);
	}
	assert_int_equal(t, LM_START + RINGS * EACH);
	vt_reader_close(r);
	close(f.fd);
	lm_free(&lm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loss_told_and_not_told),
		cmocka_unit_test(gap_claims_too_much),
		cmocka_unit_test(duplicates_and_overlaps),
		cmocka_unit_test(damaged_section_becomes_a_gap),
		cmocka_unit_test(missing_chunk_is_damage),
		cmocka_unit_test(every_truncation),
		cmocka_unit_test(every_flip),
		cmocka_unit_test(resync_after_inserted_bytes),
		cmocka_unit_test(chunks_of_strangers),
		cmocka_unit_test(implausible_sizes),
		cmocka_unit_test(rings_out_of_nothing),
		cmocka_unit_test(more_than_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
