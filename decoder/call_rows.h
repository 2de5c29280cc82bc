/* call_rows.h - calls of a run by name, and which of them a CALLS record of a process means. */
#ifndef DECODER_CALL_ROWS_H
#define DECODER_CALL_ROWS_H

#include "decoder/calls.h"

struct vt_call_place { uint32_t process, call, row; };

struct vt_call_rows {
	struct vt_call_list list;       /* as vt_calls_of_run gives them at the end, by name */
	struct vt_call_place *places;   /* by process and call */
	size_t count, capacity;
};

/* 0 or -ENOMEM; vt_call_rows_free in any case. */
int vt_call_rows_make(struct vt_call_rows *rows, const struct vt_input *in);

/* The row of a call of a process; -1: the last record of the process does not have it. */
int64_t vt_call_row(const struct vt_call_rows *rows, uint32_t process, uint16_t call);

void vt_call_rows_free(struct vt_call_rows *rows);

#endif
