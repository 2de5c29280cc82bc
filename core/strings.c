/*
 * strings.c - interned strings, facts, and events with text: strings lie in the ring file, so that they
 * survive a crash and never share a ring with what can be overwritten. An id is the entry's index + 1.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <valktrace.h>

#include "core/crc32c.h"
#include "core/process.h"
#include "core/tables.h"

enum { HASH_SIZE = 1 << 17 };

/* Process-private: string id by hash of its bytes (open addressing), 0: empty. Made at the first use. */
static uint32_t *ids_by_hash;
static uint64_t known_tables;

static uint32_t add_string(const char *text, size_t length)
{
	struct vt_ring_file *f = vt_process.file;
	uint64_t index = f->next_string;
	struct vt_table_entry *entry = vt_strings_of(f) + index;

	if (index >= f->string_count ||
	    !vt_tables_reach(VT_TABLE_STRINGS, (index + 1) * sizeof(*entry)) ||
	    !vt_tables_store(entry, text, length))
		return 0;
	vt_store_release(&f->next_string, index + 1);
	return (uint32_t)index + 1;
}

static bool same_string(uint32_t id, const char *text, size_t length)
{
	const struct vt_ring_file *f = vt_process.file;
	const struct vt_table_entry *entry = vt_strings_of(vt_process.file) + id - 1;
	return entry->length == length &&
	       memcmp((const char *)f + f->bytes_offset + entry->offset, text, length) == 0;
}

/* Forget the ids of other tables than those of the ring file at hand. */
static void follow_tables(void)
{
	if (known_tables == vt_process.file->tables)
		return;
	known_tables = vt_process.file->tables;
	if (ids_by_hash)
		memset(ids_by_hash, 0, HASH_SIZE * sizeof(*ids_by_hash));
}

static uint32_t find_or_add(const char *text, size_t length)
{
	if (!ids_by_hash) {
		void *table = mmap(NULL, HASH_SIZE * sizeof(*ids_by_hash), PROT_READ | PROT_WRITE,
		                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (table == MAP_FAILED)
			return 0;
		ids_by_hash = table;
	}
	/* Half full at most: there are twice as many places as ids. */
	for (uint32_t at = vt_crc32c(0, text, length);; at++) {
		uint32_t *place = &ids_by_hash[at % HASH_SIZE];
		if (*place == 0)
			return *place = add_string(text, length);
		if (same_string(*place, text, length))
			return *place;
	}
}

uint64_t vt_string(const char *text)
{
	if (!text || !vt_process_recording())
		return 0;
	int saved = errno;
	size_t length = strnlen(text, VT_MAX_STRING);
	pthread_mutex_lock(vt_process.lock);
	follow_tables();
	uint32_t id = find_or_add(text, length);
	pthread_mutex_unlock(vt_process.lock);
	errno = saved;
	return id;
}

void vt_fact(const char *key, const char *value, int class_flag)
{
	struct vt_ring_file *f = vt_process.file;
	if (!vt_process_recording() || !key || !value)
		return;
	uint32_t k = (uint32_t)vt_string(key), v = (uint32_t)vt_string(value);
	uint64_t index = vt_add_relaxed(&f->next_fact, 1);
	if (!k || !v || index >= VT_MAX_FACTS)
		return;
	f->facts[index].key = k;
	f->facts[index].value = v;
	f->facts[index].class_flag = (uint32_t)class_flag;
	vt_store_release(&f->facts[index].ready, 1);
}

/* ---- text --------------------------------------------------------------------------------------- */

void vt_emit_text(unsigned id, const uint64_t *words, unsigned count, const char *text, size_t length)
{
	uint64_t record[1 + VT_MAX_FIELDS + VT_MAX_TEXT / 8];

	if (!(vt_load_relaxed(&vt__gate.mask) >> (id >> 8 & 63) & 1) || count >= VT_MAX_FIELDS)
		return;
	length = !text ? 0 : length < VT_MAX_TEXT ? length : VT_MAX_TEXT;
	size_t text_words = (length + 7) / 8;
	record[0] = length;
	for (unsigned i = 0; i < count; i++)
		record[1 + i] = words[i];
	if (text_words > 0) {
		record[count + text_words] = 0;
		memcpy(&record[1 + count], text, length);
	}
	vt__emit(id, record, 1 + count + (unsigned)text_words);
}

void vt_note_in(enum vt_category_id category, uint64_t name, const char *detail)
{
	static const uint16_t events[] = {
		[VT_CAT_syscall] = VT_EV_syscall_note, [VT_CAT_process] = VT_EV_process_note,
		[VT_CAT_memory] = VT_EV_memory_note, [VT_CAT_timer] = VT_EV_timer_note,
		[VT_CAT_signal] = VT_EV_signal_note, [VT_CAT_scheduler] = VT_EV_scheduler_note,
		[VT_CAT_file] = VT_EV_file_note, [VT_CAT_ipc] = VT_EV_ipc_note,
		[VT_CAT_compositor] = VT_EV_compositor_note, [VT_CAT_custom] = VT_EV_custom_note,
	};

	if ((unsigned)category < sizeof(events) / sizeof(events[0]))
		vt_emit_text(events[category], &name, 1, detail, detail ? strnlen(detail, VT_MAX_TEXT) : 0);
}

void vt_note(uint64_t name, const char *detail)
{
	vt_note_in(VT_CAT_custom, name, detail);
}
