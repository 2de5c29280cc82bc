/* call_rows.c - see call_rows.h. */
#include "decoder/call_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/memory.h"

/* Rows are sorted by name, then category. */
static int64_t find_row(const struct vt_call_list *list, const char *name, const char *category)
{
	unsigned low = 0, high = list->count;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		int order = strcmp(list->rows[middle].call, name);
		if (order == 0)
			order = strcmp(list->rows[middle].category, category);
		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

static int take(void *user, const struct vt_call_info *c)
{
	struct vt_call_rows *rows = user;
	const char *category = c->process->schema->categories[c->category % VT_MAX_CATEGORIES].name;
	int64_t row = find_row(&rows->list, c->name, category ? category : "?");

	if (row < 0)
		return 0;
	if (!vt_array_grow(&rows->places, &rows->capacity, rows->count, sizeof(*rows->places), VT_MOST_CALLS))
		return 1;
	rows->places[rows->count++] = (struct vt_call_place){ c->process->index, c->call, (uint32_t)row };
	return 0;
}

static int by_call(const void *left, const void *right)
{
	const struct vt_call_place *a = left, *b = right;

	if (a->process != b->process)
		return a->process < b->process ? -1 : 1;
	return (a->call > b->call) - (a->call < b->call);
}

int vt_call_rows_make(struct vt_call_rows *rows, const struct vt_input *in)
{
	*rows = (struct vt_call_rows){ .places = NULL };
	int err = vt_calls_of_run(&rows->list, in, false);
	if (err)
		return err;
	vt_reader_calls(in->reader, take, rows, NULL);
	if (rows->count > 0)
		qsort(rows->places, rows->count, sizeof(*rows->places), by_call);
	return 0;
}

int64_t vt_call_row(const struct vt_call_rows *rows, uint32_t process, uint16_t call)
{
	const struct vt_call_place want = { process, call, 0 };
	const struct vt_call_place *found = rows->count == 0 ? NULL :
		bsearch(&want, rows->places, rows->count, sizeof(want), by_call);

	return found ? (int64_t)found->row : -1;
}

void vt_call_rows_free(struct vt_call_rows *rows)
{
	vt_calls_free(&rows->list);
	free(rows->places);
	*rows = (struct vt_call_rows){ .places = NULL };
}
