/* logs.c - see logs.h. */
#include "tests/unit/logs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

struct got got[MAX_GOT], again[MAX_GOT];

struct file file_of(const struct lm *lm)
{
	struct file f = { .fd = memfd_create("log", MFD_CLOEXEC) };

	assert_true(f.fd >= 0);
	assert_int_equal(write(f.fd, lm->out.data, lm->out.length), (ssize_t)lm->out.length);
	snprintf(f.path, sizeof f.path, "/proc/self/fd/%d", f.fd);
	return f;
}

static void keep_note(void *user, const struct vt_note *note)
{
	struct seen_notes *n = user;

	assert_non_null(note->text);
	assert_null(strchr(note->text, '\n'));
	if (n->count < 64)
		n->codes[n->count] = note->code;
	n->count++;
	n->damage += note->code > 0;
}

bool noted(const struct seen_notes *n, int code)
{
	for (unsigned i = 0; i < n->count && i < 64; i++)
		if (n->codes[i] == code)
			return true;
	return false;
}

struct vt_reader *open_noting(const char *path, struct seen_notes *notes)
{
	struct vt_reader *r;
	struct vt_reader_options o = { .size = sizeof o, .note = keep_note, .user = notes };

	memset(notes, 0, sizeof *notes);
	assert_int_equal(vt_reader_open(&r, &path, 1, &o), 0);
	return r;
}

struct vt_reader *open_one(const char *path)
{
	static struct seen_notes ignored;

	return open_noting(path, &ignored);
}

size_t read_all(struct vt_reader *r, struct got *to)
{
	const struct vt_event *e;
	size_t n = 0;
	int err;

	while ((err = vt_reader_next(r, &e)) > 0) {
		assert_true(n < MAX_GOT);
		to[n++] = (struct got){
			.ticks = e->ticks, .ring = e->ring->id, .gap = e->gap ? e->gap->total : 0,
			.id = e->gap ? 0 : e->desc->id,
			.value = e->gap ? e->gap->cause : e->desc->count > 0 ? e->values[0] : 0,
		};
	}
	assert_int_equal(err, 0);
	return n;
}

void assert_no_loss(const struct vt_run_info *run)
{
	for (unsigned cause = 0; cause < VT_LOST_CAUSES; cause++)
		for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
			assert_int_equal(run->lost[cause][c], 0);
}

static uint64_t lost_of(const struct vt_ring_info *ring, uint8_t category)
{
	return ring->lost[VT_LOST_OVERWRITTEN][category] + ring->lost[VT_LOST_DISK][category] +
	       ring->lost[VT_LOST_DAMAGED][category];
}

void assert_identity(const struct vt_run_info *run)
{
	for (unsigned i = 0; i < run->ring_count; i++)
		for (uint8_t c = 0; c < VT_MAX_CATEGORIES; c++)
			assert_int_equal(run->rings[i]->committed[c],
			                 run->rings[i]->decoded[c] + lost_of(run->rings[i], c));
}

struct lm_event pause_at(uint64_t ticks)
{
	return (struct lm_event){ .ticks = LM_START + ticks, .id = VT_EV_gc_pause,
	                          .values = { ticks } };
}
