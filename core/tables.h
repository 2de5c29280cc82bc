/*
 * tables.h - the ring file's tables of strings and of types, from the writing side.
 *
 * A table entry is {offset, length, crc, ready}; `ready` is stored last. Every call is made under
 * vt_process.lock, with a ring file attached.
 */
#ifndef CORE_TABLES_H
#define CORE_TABLES_H

#include "core/process.h"

enum vt_table { VT_TABLE_STRINGS, VT_TABLE_TYPES, VT_TABLE_BYTES, VT_TABLES };

/* Backs the first `length` bytes of a table with pages. False: the file system is full. */
bool vt_tables_reach(enum vt_table table, uint64_t length);

/* Puts bytes into the file and fills in an entry for them, ready last. */
bool vt_tables_store(struct vt_table_entry *entry, const void *data, size_t length);

/* How much a ring file's tables hold. */
struct vt_tables_mark {
	uint64_t types, strings, bytes, facts;
};
struct vt_tables_mark vt_tables_mark(const struct vt_ring_file *f);

/*
 * In a forked child: begins its file with the tables, facts and sources of its parent's as they were at
 * `mark`, so that ids which the host keeps mean the same in both. The child has `to` attached.
 */
void vt_tables_inherit(struct vt_ring_file *to, const struct vt_ring_file *from,
                       const struct vt_tables_mark *mark);

/* Registers the rows of every announced host schema (include/valktrace/host.h) in the file at hand. */
void vt_types_register_hosts(void);

/* The id of a registered category, or -1. Takes the lock. */
int vt_types_category(const char *name);

#endif
