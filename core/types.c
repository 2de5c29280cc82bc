/*
 * types.c - categories and event types that a host registers at run time. They are kept in the ring
 * file's type table as the SCHEMA records of format.h, which the recorder copies into the log.
 */
#include <errno.h>
#include <string.h>

#include <valktrace.h>

#include "core/bytes.h"
#include "core/process.h"
#include "core/tables.h"

enum { FIRST_ENUM = 2048 };     /* ids of enumerations: above those of schema.def in the run's own SCHEMA */

/* What the file's type table says, for quick reference. */
static struct {
	uint64_t tables;            /* of which file; see struct vt_ring_file */
	/* Words of a record, by id - (VT_HOST_CATEGORY << 8): 0 no such type, else 1 + words, bit 7 text. */
	uint8_t words[(VT_MAX_CATEGORIES - VT_HOST_CATEGORY) << 8];
	uint8_t types[VT_MAX_CATEGORIES];       /* in each category */
	unsigned enums;
	char names[VT_MAX_CATEGORIES][VT_MAX_NAME + 1];
} known;

static void learn_category(struct vt_in body)
{
	size_t length;
	unsigned id = vt_in_u8(&body);
	const char *name = vt_in_str(&body, &length);

	if (name && id < VT_MAX_CATEGORIES && length <= VT_MAX_NAME) {
		memcpy(known.names[id], name, length);
		known.names[id][length] = 0;
	}
}

static void set_words(unsigned id, unsigned fields, bool text)
{
	unsigned category = id >> 8;

	if ((id & 0xff) > known.types[category])
		known.types[category] = (uint8_t)id;
	/* Pairs with vt_record_words: relaxed, for the caller gets the id only now. */
	vt_store_relaxed(&known.words[id - (VT_HOST_CATEGORY << 8)], (uint8_t)((fields + 1) | (text ? 0x80 : 0)));
}

static void learn_event(struct vt_in body)
{
	size_t length;
	unsigned id = vt_in_u16(&body), texts = 0;
	vt_in_u8(&body);
	unsigned count = vt_in_u8(&body);

	vt_in_str(&body, &length);
	vt_in_str(&body, &length);
	for (unsigned i = 0; i < count; i++) {
		texts += vt_in_u8(&body) == VT_KIND_TEXT;
		vt_in_u16(&body);
		vt_in_u16(&body);
		vt_in_str(&body, &length);
		vt_in_str(&body, &length);
	}
	if (!body.bad && id >= VT_HOST_CATEGORY << 8 && id >> 8 < VT_MAX_CATEGORIES && count <= VT_MAX_FIELDS)
		set_words(id, count, texts > 0);
}

/* Another ring file's tables: learns what they hold (another copy of this library may have written it). */
static void follow_tables(void)
{
	struct vt_ring_file *f = vt_process.file;

	if (known.tables == f->tables)
		return;
	memset(&known, 0, sizeof(known));
	known.tables = f->tables;
	for (uint64_t i = 0; i < f->next_type; i++) {
		const struct vt_table_entry *e = vt_types_of(f) + i;
		struct vt_in in = vt_in_of((const uint8_t *)f + f->bytes_offset + e->offset, e->length);
		vt_in_u32(&in);
		unsigned kind = vt_in_u16(&in);
		vt_in_u16(&in);
		known.enums += kind == VT_REC_ENUM;
		if (kind == VT_REC_CATEGORY)
			learn_category(in);
		else if (kind == VT_REC_EVENT)
			learn_event(in);
	}
}

/* ---- records --------------------------------------------------------------------------------------- */

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

static void put_u32(struct bytes *b, uint32_t v)
{
	put(b, &v, 4);
}

/* The 8-byte head of a record, and its padding: what add_type and find_type compare. */
static void finish(struct bytes *b, unsigned kind)
{
	while (b->length % 8)
		put_u8(b, 0);
	uint32_t length = (uint32_t)b->length;
	uint16_t record_kind = (uint16_t)kind;
	memcpy(b->data, &length, 4);
	memcpy(b->data + 4, &record_kind, 2);
}

static int add_type(const struct bytes *b)
{
	struct vt_ring_file *f = vt_process.file;
	uint64_t index = f->next_type;
	struct vt_table_entry *entry = vt_types_of(f) + index;

	if (index >= f->type_count || !vt_tables_reach(VT_TABLE_TYPES, (index + 1) * sizeof(*entry)) ||
	    !vt_tables_store(entry, b->data, b->length))
		return -VT_E_NO_ROOM;
	vt_store_release(&f->next_type, index + 1);
	return 0;
}

/*
 * The id of a record that is in the table already: the same but for its id, the u16 after the head, of
 * which the high byte (the category of an event) counts if `in_category`. 0: there is none.
 */
static unsigned find_type(const struct bytes *b, bool in_category)
{
	const struct vt_ring_file *f = vt_process.file;
	const size_t skip = 10;

	for (uint64_t i = 0; i < f->next_type; i++) {
		const struct vt_table_entry *e = vt_types_of(vt_process.file) + i;
		const uint8_t *at = (const uint8_t *)f + f->bytes_offset + e->offset;
		if (e->length == b->length && memcmp(at, b->data, 8) == 0 &&
		    (!in_category || at[9] == b->data[9]) &&
		    memcmp(at + skip, b->data + skip, b->length - skip) == 0)
			return (unsigned)(at[8] | at[9] << 8);
	}
	return 0;
}

static bool legal_name(const char *name)
{
	if (!name || !*name || strnlen(name, VT_MAX_NAME + 1) > VT_MAX_NAME)
		return false;
	return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == 0;
}

static bool is_wanted(const char *name)
{
	size_t length = strlen(name);

	for (const char *at = vt_process.wanted_names; (at = strstr(at, name)) != NULL; at += length)
		if ((at == vt_process.wanted_names || at[-1] == ',') && (at[length] == ',' || !at[length]))
			return true;
	return false;
}

/* Its events were asked for by name before there was such a category. */
static void switch_on(unsigned category)
{
	__atomic_fetch_or(&vt_process.file->wanted_mask, 1ull << category, __ATOMIC_RELAXED);
	vt_process_refresh_mask();
}

static int register_category(const char *name, const char *help)
{
	follow_tables();
	for (unsigned id = VT_HOST_CATEGORY; id <= VT_HOST_CATEGORY_LAST; id++) {
		if (strcmp(known.names[id], name) == 0) {
			if (is_wanted(name))
				switch_on(id);
			return (int)id;
		}
		if (known.names[id][0])
			continue;
		struct bytes b = { .length = 8 };
		put_u8(&b, id);
		put_str(&b, name, VT_MAX_NAME);
		put_str(&b, help, VT_MAX_HELP);
		finish(&b, VT_REC_CATEGORY);
		int err = add_type(&b);
		if (err < 0)
			return err;
		strcpy(known.names[id], name);
		if (is_wanted(name))
			switch_on(id);
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

/* An enumeration's id in the log; 0: no room, or its names are none. */
static unsigned register_labels(const struct vt_labels *of)
{
	static struct bytes b;      /* under the lock */

	b.length = 8;
	if (!of || !legal_name(of->name) || of->count > 256)
		return 0;
	put_u16(&b, FIRST_ENUM + known.enums);
	put_str(&b, of->name, VT_MAX_NAME);
	put_u16(&b, of->count);
	for (unsigned i = 0; i < of->count; i++) {
		if (!legal_name(of->labels[i].text))
			return 0;
		put_u32(&b, of->labels[i].value);
		put_str(&b, of->labels[i].text, VT_MAX_NAME);
	}
	finish(&b, VT_REC_ENUM);
	unsigned id = find_type(&b, false);
	if (id == 0 && add_type(&b) == 0)
		id = FIRST_ENUM + known.enums++;
	return id;
}

static int put_fields(struct bytes *b, const struct vt_field *fields, unsigned count)
{
	unsigned texts = 0;

	for (unsigned i = 0; i < count; i++) {
		const struct vt_field *field = &fields[i];
		unsigned of = field->kind == VT_KIND_ENUM ? register_labels(field->of) : 0;
		if (!legal_name(field->name) || field->kind < VT_KIND_UINT || field->kind > VT_KIND_TEXT ||
		    (field->kind == VT_KIND_ENUM && of == 0))
			return -EINVAL;
		put_u8(b, field->kind);
		put_u8(b, field->unit);
		put_u8(b, field->flags);
		put_u16(b, of);
		put_str(b, field->name, VT_MAX_NAME);
		put_str(b, field->help, VT_MAX_HELP);
		texts += field->kind == VT_KIND_TEXT;
	}
	return texts > 1 ? -EINVAL : (int)texts;
}

static int register_event(unsigned category, const char *name, const char *help, unsigned flags,
                          const struct vt_field *fields, unsigned count)
{
	static struct bytes b;      /* under the lock; too large for a small thread's stack */

	follow_tables();
	if (!known.names[category][0])
		return -VT_E_NO_ROOM;
	unsigned id = category << 8 | (known.types[category] + 1u);
	b.length = 8;
	put_u16(&b, id);
	put_u8(&b, flags);
	put_u8(&b, count);
	put_str(&b, name, VT_MAX_NAME);
	put_str(&b, help, VT_MAX_HELP);
	int texts = put_fields(&b, fields, count);
	if (texts < 0)
		return texts;
	finish(&b, VT_REC_EVENT);
	unsigned there = find_type(&b, true);
	if (there != 0)
		return (int)there;
	int err = known.types[category] == 255 ? -VT_E_NO_ROOM : add_type(&b);
	if (err < 0)
		return err;
	set_words(id, count, texts > 0);
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
		entry = vt_load_relaxed(&known.words[id - (VT_HOST_CATEGORY << 8)]);
	*has_text = entry & 0x80;
	return (entry & 0x7f) - 1;
}

/* ---- typed schemas of hosts: include/valktrace/host.h ------------------------------------------------ */

static struct vt_host_schema *announced;
static pthread_mutex_t announced_lock = PTHREAD_MUTEX_INITIALIZER;

static const char *category_of(const struct vt_host_schema *s, const struct vt_host_event *event)
{
	for (unsigned i = 0; i < s->category_count; i++)
		if (s->categories[i].id == event->id >> 8)
			return s->categories[i].name;
	return NULL;
}

static int register_row(const struct vt_host_schema *s, const struct vt_host_event *e)
{
	const char *category = category_of(s, e);
	int id = category ? vt_register_category(category, NULL) : -EINVAL;

	return id < 0 ? id : vt_register_event(id, e->name, e->help, e->flags, e->fields, e->count);
}

/* What is refused stays VT_HOST_UNREGISTERED: it is never on. */
static void register_schema(struct vt_host_schema *s)
{
	s->error = 0;
	for (unsigned i = 0; i < s->category_count; i++) {
		const struct vt_host_category *c = &s->categories[i];
		int id = vt_register_category(c->name, c->help);
		s->error = s->error || id >= 0 ? s->error : id;
	}
	for (unsigned i = 0; i < s->event_count; i++) {
		const struct vt_host_event *e = &s->events[i];
		int id = register_row(s, e);
		s->error = s->error || id >= 0 ? s->error : id;
		vt_store_relaxed(e->given, (uint16_t)(id < 0 ? VT_HOST_UNREGISTERED << 8 : (unsigned)id));
	}
	/* The category last: VT_WANTED says yes only when its types have ids. An emit asks the type's own. */
	for (unsigned i = 0; i < s->category_count; i++) {
		int id = vt_register_category(s->categories[i].name, NULL);
		vt_store_release(s->categories[i].given, (uint8_t)(id < 0 ? VT_HOST_UNREGISTERED : (unsigned)id));
	}
}

void vt_types_register_hosts(void)
{
	pthread_mutex_lock(&announced_lock);
	for (struct vt_host_schema *s = announced; s; s = s->next)
		register_schema(s);
	pthread_mutex_unlock(&announced_lock);
}

void vt_host_announce(struct vt_host_schema *schema)
{
	pthread_mutex_lock(&announced_lock);
	schema->next = announced;
	announced = schema;
	if (vt_process_recording())
		register_schema(schema);
	pthread_mutex_unlock(&announced_lock);
}

void vt_host_withdraw(struct vt_host_schema *schema)
{
	pthread_mutex_lock(&announced_lock);
	for (struct vt_host_schema **at = &announced; *at; at = &(*at)->next)
		if (*at == schema) {
			*at = schema->next;
			break;
		}
	pthread_mutex_unlock(&announced_lock);
}

int vt_host_error(void)
{
	int error = 0;

	pthread_mutex_lock(&announced_lock);
	for (const struct vt_host_schema *s = announced; s && !error; s = s->next)
		error = s->error;
	pthread_mutex_unlock(&announced_lock);
	return error;
}

int vt_types_category(const char *name)
{
	int found = -1;

	if (!vt_process_recording())
		return -1;
	pthread_mutex_lock(vt_process.lock);
	follow_tables();
	for (unsigned id = VT_HOST_CATEGORY; id <= VT_HOST_CATEGORY_LAST && found < 0; id++)
		if (*name && strcmp(known.names[id], name) == 0)
			found = (int)id;
	pthread_mutex_unlock(vt_process.lock);
	return found;
}
