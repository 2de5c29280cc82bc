/* calls.c - see calls.h; and the CALLS records of a log. */
#include "decoder/calls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <valktrace/ring.h>

#include "decoder/catalog.h"

/* ---- records ------------------------------------------------------------------------------- */

/* The name as the record before had it, or a copy. A host's call without a name is its number. */
static const char *name_of(struct vt_catalog *c, const struct vt_log_process *p, const struct vt_call_total *t)
{
	char number[16];
	struct vt_span name = t->name;

	if (name.length == 0) {
		int n = t->call < VT_HOST_CALLS ? t->call : t->call - (int)VT_HOST_CALLS;
		name.length = (size_t)snprintf(number, sizeof(number), "#%d", n);
		name.at = number;
	}
	for (unsigned i = 0; i < p->call_count; i++)
		if (p->calls[i].call == t->call && strlen(p->calls[i].name) == name.length &&
		    memcmp(p->calls[i].name, name.at, name.length) == 0)
			return p->calls[i].name;
	return vt_arena_string(&c->arena, name.at, name.length);
}

static int fill(struct vt_catalog *c, struct vt_log_process *p, struct vt_rec_calls *r)
{
	struct vt_call_info *calls = p->calls;
	unsigned count = 0;
	struct vt_call_total t;

	if (r->count > p->call_room) {
		calls = vt_arena_take(&c->arena, r->count * sizeof(*calls));
		if (!calls)
			return NOTE_E_LIMIT;
	}
	p->call_room = r->count > p->call_room ? r->count : p->call_room;
	/* Calls are written in the order of their numbers, so a name stays at or before its next place. */
	const char *names[VT_MAX_CALL_TOTALS];
	struct vt_rec_calls walk = *r;
	for (unsigned i = 0; vt_rec_calls_entry(&walk, &t); i++) {
		names[i] = name_of(c, p, &t);
		if (!names[i])
			return NOTE_E_LIMIT;
	}
	for (; vt_rec_calls_entry(r, &t); count++)
		calls[count] = (struct vt_call_info){
			.process = &p->info, .name = names[count], .call = t.call, .category = t.category,
			.count = t.count, .errors = t.errors, .time_ns = t.time,
			.error_time_ns = t.error_time, .least_ns = t.least, .most_ns = t.most,
		};
	p->calls = calls;
	p->call_count = count;
	return 0;
}

int vt_catalog_calls(struct vt_catalog *c, struct vt_in body)
{
	struct vt_rec_calls r;

	if (!vt_rec_calls_decode(body, &r))
		return NOTE_E_RECORD;
	struct vt_log_process *p = vt_catalog_process(c, r.process);
	if (!p)
		return NOTE_E_LIMIT;
	/* Inputs may come in any order: the newest record counts. */
	if (r.sequence < p->calls_sequence)
		return 0;
	int err = fill(c, p, &r);
	if (!err) {
		p->calls_sequence = r.sequence;
		p->calls_missed = r.missed;
	}
	return err;
}

/* ---- sums over processes --------------------------------------------------------------------- */

static uint64_t add(uint64_t a, uint64_t b)
{
	return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

struct gather {
	struct vt_call_list *list;
	size_t capacity;
	bool failed;
};

static void merge(struct vt_call_stat *to, const struct vt_call_info *c)
{
	to->least = to->count == 0 || c->least_ns < to->least ? c->least_ns : to->least;
	to->most = c->most_ns > to->most ? c->most_ns : to->most;
	to->count = add(to->count, c->count);
	to->errors = add(to->errors, c->errors);
	to->time = add(to->time, c->time_ns);
	to->error_time = add(to->error_time, c->error_time_ns);
}

static int take(void *user, const struct vt_call_info *c)
{
	struct gather *g = user;
	struct vt_call_list *list = g->list;
	const char *category = c->process->schema->categories[c->category % VT_MAX_CATEGORIES].name;

	if (c->count == 0)
		return 0;
	if (!vt_array_grow(&list->rows, &g->capacity, list->count, sizeof(*list->rows), VT_MOST_CALLS)) {
		g->failed = true;
		return 1;
	}
	list->rows[list->count] = (struct vt_call_stat){ .call = c->name, .category = category ? category : "?" };
	merge(&list->rows[list->count++], c);
	return 0;
}

static int by_name(const void *left, const void *right)
{
	const struct vt_call_stat *a = left, *b = right;
	int order = strcmp(a->call, b->call);

	return order ? order : strcmp(a->category, b->category);
}

static int by_time(const void *left, const void *right)
{
	const struct vt_call_stat *a = left, *b = right;

	if (a->time != b->time)
		return a->time < b->time ? 1 : -1;
	return a->count != b->count ? (a->count < b->count ? 1 : -1) : by_name(a, b);
}

static void join_equal(struct vt_call_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		struct vt_call_stat *row = &list->rows[i], *to = kept ? &list->rows[kept - 1] : NULL;
		if (!to || by_name(to, row) != 0) {
			list->rows[kept++] = *row;
			continue;
		}
		to->least = row->least < to->least ? row->least : to->least;
		to->most = row->most > to->most ? row->most : to->most;
		to->count = add(to->count, row->count);
		to->errors = add(to->errors, row->errors);
		to->time = add(to->time, row->time);
		to->error_time = add(to->error_time, row->error_time);
	}
	list->count = (unsigned)kept;
}

int vt_calls_of_run(struct vt_call_list *list, const struct vt_input *in, bool sort_by_time)
{
	struct gather g = { .list = list };

	*list = (struct vt_call_list){ .rows = NULL };
	vt_reader_calls(in->reader, take, &g, &list->missed);
	if (g.failed) {
		vt_calls_free(list);
		return -ENOMEM;
	}
	if (list->count > 0) {
		qsort(list->rows, list->count, sizeof(*list->rows), by_name);
		join_equal(list);
		if (sort_by_time)
			qsort(list->rows, list->count, sizeof(*list->rows), by_time);
	}
	return 0;
}

void vt_calls_free(struct vt_call_list *list)
{
	free(list->rows);
	*list = (struct vt_call_list){ .rows = NULL };
}
