/* tables.c - see tables.h. */
#include <string.h>

#include "core/crc32c.h"
#include "core/tables.h"

enum { PAGES_AT_ONCE = 16384 };

/* How far each region of `known` has been populated. */
static uint64_t ends[VT_TABLES];
static const struct vt_ring_file *known;
static uint32_t known_pid;              /* a child's file may be mapped where its parent's was */

bool vt_tables_reach(enum vt_table table, uint64_t length)
{
	struct vt_ring_file *f = vt_process.file;
	const uint64_t offsets[VT_TABLES] = { f->strings_offset, f->types_offset, f->bytes_offset };

	if (known != f || known_pid != f->pid) {
		known = f;
		known_pid = f->pid;
		memset(ends, 0, sizeof(ends));
	}
	while (ends[table] < length) {
		if (vt_ring_file_populate(&vt_process.place, f, (char *)f + offsets[table] + ends[table],
		                          PAGES_AT_ONCE) < 0)
			return false;
		ends[table] += PAGES_AT_ONCE;
	}
	return true;
}

bool vt_tables_store(struct vt_table_entry *entry, const void *data, size_t length)
{
	struct vt_ring_file *f = vt_process.file;
	uint64_t at = f->next_byte;

	if (length > f->bytes_size - PAGES_AT_ONCE || at > f->bytes_size - PAGES_AT_ONCE - length ||
	    !vt_tables_reach(VT_TABLE_BYTES, at + length + 8))
		return false;
	memcpy((char *)f + f->bytes_offset + at, data, length);
	f->next_byte = (at + length + 8) & ~7ull;       /* at least one zero: a C string as well */
	entry->offset = (uint32_t)at;
	entry->length = (uint32_t)length;
	entry->crc = vt_crc32c(0, data, length);
	/* Pairs with the recorder's acquire load: an entry that is ready is whole. */
	vt_store_release(&entry->ready, 1);
	return true;
}

struct vt_tables_mark vt_tables_mark(const struct vt_ring_file *f)
{
	return (struct vt_tables_mark){ f->next_type, f->next_string, f->next_byte, f->next_fact };
}

static bool copy(enum vt_table table, struct vt_ring_file *to, const struct vt_ring_file *from,
                 uint64_t offset, size_t length)
{
	if (!vt_tables_reach(table, length))
		return false;
	memcpy((char *)to + offset, (const char *)from + offset, length);
	return true;
}

void vt_tables_inherit(struct vt_ring_file *to, const struct vt_ring_file *from,
                       const struct vt_tables_mark *mark)
{
	const size_t entry = sizeof(struct vt_table_entry);

	/* The same geometry, so the same offsets. Without room the child's names are those it gives itself. */
	if (!copy(VT_TABLE_BYTES, to, from, to->bytes_offset, mark->bytes) ||
	    !copy(VT_TABLE_TYPES, to, from, to->types_offset, mark->types * entry) ||
	    !copy(VT_TABLE_STRINGS, to, from, to->strings_offset, mark->strings * entry))
		return;
	memcpy(to->facts, from->facts, sizeof(to->facts));
	memcpy(to->sources, from->sources, sizeof(to->sources));
	memcpy(to->present, from->present, sizeof(to->present));
	to->next_fact = mark->facts;
	to->next_byte = mark->bytes;
	to->tables = from->tables;
	vt_store_release(&to->next_type, mark->types);
	vt_store_release(&to->next_string, mark->strings);
}
