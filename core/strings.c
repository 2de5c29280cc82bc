/*
 * strings.c - interned strings, run-time categories and event types, facts: all in the ring file, so
 * that they survive a crash and never share a ring with what can be overwritten.
 *
 * A table entry is {offset, length, crc, ready}; the id is its index + 1, `ready` is stored last. Types
 * and categories are kept as the SCHEMA records of format.h that the recorder copies into the log.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <valktrace/emit.h>
#include <valktrace/kernel.h>
#include <valktrace.h>

#include "core/crc32c.h"
#include "core/process.h"

enum { HASH_SIZE = 1 << 17, PAGES_AT_ONCE = 16384 };

/* Process-private: string id by hash of its bytes (open addressing), 0: empty. Made at the first use. */
static uint32_t *ids_by_hash;

/* How far each region of the file has been populated. */
static uint64_t strings_end, types_end, bytes_end;

/* Words of records of run-time types, by id - (VT_HOST_CATEGORY << 8): 0 none, else 1 + words, bit 7 text. */
static uint8_t host_types[(VT_MAX_CATEGORIES - VT_HOST_CATEGORY) << 8];
static uint8_t types_in_category[VT_MAX_CATEGORIES];
static char category_names[VT_MAX_CATEGORIES][VT_MAX_NAME + 1];

static bool reach(uint64_t *end, uint64_t region, uint64_t length)
{
	struct vt_ring_file *f = vt_process.file;
	while (*end < length) {
		if (vt_ring_file_populate(&vt_process.place, f, (char *)f + region + *end, PAGES_AT_ONCE) < 0)
			return false;
		*end += PAGES_AT_ONCE;
	}
	return true;
}

/* Puts bytes into the file and fills in an entry for them, ready last. */
static bool store(struct vt_table_entry *entry, const void *data, size_t length)
{
	struct vt_ring_file *f = vt_process.file;
	uint64_t at = f->next_byte;

	if (length > f->bytes_size - PAGES_AT_ONCE || at > f->bytes_size - PAGES_AT_ONCE - length ||
	    !reach(&bytes_end, f->bytes_offset, at + length + 8))
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

static uint32_t add_string(const char *text, size_t length)
{
	struct vt_ring_file *f = vt_process.file;
	uint64_t index = f->next_string;
	struct vt_table_entry *entry = vt_strings_of(f) + index;

	if (index >= f->string_count ||
	    !reach(&strings_end, f->strings_offset, (index + 1) * sizeof(*entry)) ||
	    !store(entry, text, length))
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

/* Forget what belonged to another ring file (a forked child has one of its own). */
static void follow_file(void)
{
	static const struct vt_ring_file *known;
	if (known == vt_process.file)
		return;
	known = vt_process.file;
	strings_end = types_end = bytes_end = 0;
	if (ids_by_hash)
		memset(ids_by_hash, 0, HASH_SIZE * sizeof(*ids_by_hash));
	memset(host_types, 0, sizeof(host_types));
	memset(types_in_category, 0, sizeof(types_in_category));
	memset(category_names, 0, sizeof(category_names));
}

uint64_t vt_string(const char *text)
{
	if (!text || !vt_process_recording())
		return 0;
	int saved = errno;
	size_t length = strnlen(text, VT_MAX_STRING);
	pthread_mutex_lock(vt_process.lock);
	follow_file();
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

/* ---- run-time categories and types ----------------------------------------------------------- */

struct bytes {                  /* a SCHEMA record being put together */
	uint8_t data[8 + 16 + (VT_MAX_FIELDS + 1) * (8 + 2 * (VT_MAX_NAME + VT_MAX_HELP + 4))];
	size_t length;
};

static void put(struct bytes *b, const void *data, size_t length)
{
	if (length <= sizeof(b->data) - b->length) {
		memcpy(b->data + b->length, data, length);
		b->length += length;
	}
}

static void put_u8(struct bytes *b, unsigned v)
{
	uint8_t byte = (uint8_t)v;
	put(b, &byte, 1);
}

static void put_u16(struct bytes *b, unsigned v)
{
	uint16_t word = (uint16_t)v;    /* compiler.h: little endian only */
	put(b, &word, 2);
}

static void put_str(struct bytes *b, const char *s, size_t limit)
{
	size_t n = s ? strnlen(s, limit) : 0;
	put_u16(b, (unsigned)n);
	put(b, s, n);
}

static int add_type(struct bytes *b, unsigned kind)
{
	struct vt_ring_file *f = vt_process.file;
	uint64_t index = f->next_type;
	struct vt_table_entry *entry = vt_types_of(f) + index;

	while (b->length % 8)
		put_u8(b, 0);
	uint32_t length = (uint32_t)b->length;
	uint16_t record_kind = (uint16_t)kind;
	memcpy(b->data, &length, 4);
	memcpy(b->data + 4, &record_kind, 2);
	if (index >= f->type_count || !reach(&types_end, f->types_offset, (index + 1) * sizeof(*entry)) ||
	    !store(entry, b->data, b->length))
		return -VT_E_NO_ROOM;
	vt_store_release(&f->next_type, index + 1);
	return 0;
}

static bool legal_name(const char *name)
{
	if (!name || !*name || strnlen(name, VT_MAX_NAME + 1) > VT_MAX_NAME)
		return false;
	return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == 0;
}

static int register_category(const char *name, const char *help)
{
	follow_file();
	for (unsigned id = VT_HOST_CATEGORY; id < VT_MAX_CATEGORIES; id++) {
		if (strcmp(category_names[id], name) == 0)
			return (int)id;
		if (category_names[id][0])
			continue;
		struct bytes b = { .length = 8 };
		put_u8(&b, id);
		put_str(&b, name, VT_MAX_NAME);
		put_str(&b, help, VT_MAX_HELP);
		int err = add_type(&b, VT_REC_CATEGORY);
		if (err < 0)
			return err;
		strcpy(category_names[id], name);
		return (int)id;
	}
	return -VT_E_NO_ROOM;
}

int vt_register_category(const char *name, const char *help)
{
	if (!vt_process_recording())
		return -ENOTCONN;
	if (!legal_name(name))
		return -EINVAL;
	pthread_mutex_lock(vt_process.lock);
	int id = register_category(name, help);
	pthread_mutex_unlock(vt_process.lock);
	return id;
}

static int register_event(unsigned category, const char *name, const char *help, unsigned flags,
                          const struct vt_field *fields, unsigned count)
{
	static struct bytes b;      /* under the lock; too large for a small thread's stack */
	unsigned words = 0, text = 0;

	follow_file();
	if (!category_names[category][0] || types_in_category[category] == 255)
		return -VT_E_NO_ROOM;
	unsigned id = category << 8 | (types_in_category[category] + 1u);
	b.length = 8;
	put_u16(&b, id);
	put_u8(&b, flags);
	put_u8(&b, count);
	put_str(&b, name, VT_MAX_NAME);
	put_str(&b, help, VT_MAX_HELP);
	for (unsigned i = 0; i < count; i++) {
		const struct vt_field *field = &fields[i];
		if (!legal_name(field->name) || field->kind < VT_KIND_UINT || field->kind > VT_KIND_TEXT ||
		    field->kind == VT_KIND_ENUM)
			return -EINVAL;
		put_u8(&b, field->kind);
		put_u8(&b, field->unit);
		put_u8(&b, field->flags);
		put_u16(&b, 0);
		put_str(&b, field->name, VT_MAX_NAME);
		put_str(&b, field->help, VT_MAX_HELP);
		text += field->kind == VT_KIND_TEXT;
		words++;
	}
	if (text > 1)
		return -EINVAL;
	int err = add_type(&b, VT_REC_EVENT);
	if (err < 0)
		return err;
	types_in_category[category]++;
	/* Pairs with vt_record_words: relaxed, for the caller gets the id only now. */
	vt_store_relaxed(&host_types[id - (VT_HOST_CATEGORY << 8)], (uint8_t)((words + 1) | (text ? 0x80 : 0)));
	return (int)id;
}

int vt_register_event(int category, const char *name, const char *help, unsigned flags,
                      const struct vt_field *fields, unsigned count)
{
	if (!vt_process_recording())
		return -ENOTCONN;
	if (category < (int)VT_HOST_CATEGORY || category >= (int)VT_MAX_CATEGORIES || !legal_name(name) ||
	    count > VT_MAX_FIELDS)
		return -EINVAL;
	pthread_mutex_lock(vt_process.lock);
	int id = register_event((unsigned)category, name, help, flags, fields, count);
	pthread_mutex_unlock(vt_process.lock);
	return id;
}

int vt_record_words(unsigned id, bool *has_text)
{
	/* Without descriptors: the agent does not carry schema.c. A TEXT field's word is its length. */
#define VT_EVENT(category, name, number, flags, help, fields) [number] = 1 fields,
#define VT_FIELD(name, kind, unit, flags, help) + 1 + WORDS_##kind
#define VT_ENUM_FIELD(name, of, flags, help) + 1
#define WORDS_UINT 0
#define WORDS_GAUGE 0
#define WORDS_INT 0
#define WORDS_BOOL 0
#define WORDS_STRING 0
#define WORDS_FLOAT 0
#define WORDS_TEXT 0x80
	static const uint8_t builtin_types[VT_HOST_CATEGORY << 8] = {
#include <valktrace/schema.def>
	};
	uint8_t entry = 0;
	if (id < VT_HOST_CATEGORY << 8)
		entry = builtin_types[id];
	else if (id < VT_MAX_CATEGORIES << 8)
		entry = vt_load_relaxed(&host_types[id - (VT_HOST_CATEGORY << 8)]);
	*has_text = entry & 0x80;
	return (entry & 0x7f) - 1;
}

/* ---- text --------------------------------------------------------------------------------------- */

void vt_emit_text(unsigned id, const uint64_t *words, unsigned count, const char *text, size_t length)
{
	uint64_t record[1 + VT_MAX_FIELDS + VT_MAX_TEXT / 8];

	if (!(vt_load_relaxed(&vt__gate->mask) >> (id >> 8 & 63) & 1) || count >= VT_MAX_FIELDS)
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

void vt_note(uint64_t name, const char *detail)
{
	vt_emit_text(VT_EV_custom_note, &name, 1, detail, detail ? strnlen(detail, VT_MAX_TEXT) : 0);
}
