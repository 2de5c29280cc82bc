/* call_table.c - see call_table.h. */
#include "core/call_table.h"

const struct vt_call_desc vt_call_table[VT_HOST_CALLS] = {
#define VT_CALL_ROW(id, category, name, failed, tally, type, parameters, arguments) \
	[id] = { #name, VT_CAT_##category, false },
#define VT_CALL_OWN(id, category, name)     [id] = { #name, VT_CAT_##category, false },
#define VT_CALL_HEAP(id, category, name)    [id] = { #name, VT_CAT_##category, true },
#include "core/calls.def"
};
