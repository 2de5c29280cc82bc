/*
 * schema.c - schema.def as descriptors, all of it constant data.
 *
 * The file is included once for each kind of table; descriptors of events are filled by three
 * passes, since a row of fields can stand for only one thing in each.
 */
#include <valktrace/schema.h>

/* What the flags of schema.def's rows stand for. */
enum { INSTANT = VT_EVENT_INSTANT, BEGIN = VT_EVENT_BEGIN, END = VT_EVENT_END };
enum { COMPLETE = VT_EVENT_COMPLETE, BULK = VT_EVENT_BULK };
enum { UNWIND = VT_EVENT_UNWIND, SWITCH = VT_EVENT_SWITCH, REPLACE = VT_EVENT_REPLACE };
enum { OPTIONAL = VT_FIELD_OPTIONAL, LINK = VT_FIELD_LINK };
enum { PUBLIC = VT_FIELD_PUBLIC, PATH = VT_FIELD_PATH, USER = VT_FIELD_USER };

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

/* ---- enumerations -------------------------------------------------------------------------- */

#define VT_ENUM(name, enumerators) static const char *const labels_##name[] = { enumerators };
#define VT_ENUMERATOR(enumeration, label, value) [value] = #label,
#include <valktrace/schema.def>

#define VT_ENUM(name, enumerators) \
	static const struct vt_enum_desc enum_##name = { \
		#name, labels_##name, LENGTH(labels_##name) \
	};
#include <valktrace/schema.def>

/* ---- events -------------------------------------------------------------------------------- */

/*
 * One array of fields an event type; the empty last one keeps the array of a type without any
 * legal.
 */
#define VT_EVENT(category, name, id, flags, help, fields) \
	static const struct vt_field_desc fields_##category##_##name[] = { fields { 0 } };
#define VT_FIELD(name, kind, unit, flags, help) \
	{ #name, help, VT_KIND_##kind, VT_UNIT_##unit, flags, NULL },
#define VT_ENUM_FIELD(name, enumeration, flags, help) \
	{ #name, help, VT_KIND_ENUM, VT_UNIT_NONE, flags, &enum_##enumeration },
#include <valktrace/schema.def>

enum index {
#define VT_EVENT(category, name, id, flags, help, fields) INDEX_##category##_##name,
#include <valktrace/schema.def>
};

/*
 * The place of one field among its siblings, as a constant: a row turns into a string with one
 * character a field, "\0" for the one that is looked for, so that strlen counts those before it.
 */
#define HAS_ONE(marks) (__builtin_strlen(marks) != sizeof(marks) - 1)
#define PLACE(marks)   (HAS_ONE(marks) ? (int)__builtin_strlen(marks) : -1)

#define MARK_UINT   "."
#define MARK_GAUGE  "."
#define MARK_INT    "."
#define MARK_BOOL   "."
#define MARK_STRING "."
#define MARK_FLOAT  "."
#define MARK_TEXT   "\0"

/* MARK_TIME(time) is "\0", of any other name ".": only PROBE_time is two arguments. */
#define PROBE_time          , "\0"
#define SECOND(a, b, ...)   b
#define EXPAND_SECOND(...)  SECOND(__VA_ARGS__)
#define MARK_TIME(name)     EXPAND_SECOND(PROBE_##name, ".", )

#define AT(c, n) [INDEX_##c##_##n]

static const struct vt_event_desc events[] = {
#define VT_EVENT(c, n, number, bits, about, rows) \
	AT(c, n).name = #n, \
	AT(c, n).help = about, \
	AT(c, n).fields = fields_##c##_##n, \
	AT(c, n).id = number, \
	AT(c, n).category = VT_CAT_##c, \
	AT(c, n).flags = bits, \
	AT(c, n).count = LENGTH(fields_##c##_##n) - 1,
#include <valktrace/schema.def>

#define VT_EVENT(c, n, number, bits, about, rows) \
	AT(c, n).text = PLACE("" rows), \
	AT(c, n).words = sizeof("" rows) - 1 - HAS_ONE("" rows),
#define VT_FIELD(name, kind, unit, flags, help) MARK_##kind
#define VT_ENUM_FIELD(name, enumeration, flags, help) "."
#include <valktrace/schema.def>

#define VT_EVENT(c, n, number, bits, about, rows) \
	AT(c, n).time = ((bits) & (END | COMPLETE)) != 0 ? PLACE("" rows) : -1,
#define VT_FIELD(name, kind, unit, flags, help) MARK_TIME(name)
#define VT_ENUM_FIELD(name, enumeration, flags, help) "."
#include <valktrace/schema.def>
};

static const struct vt_event_desc *const by_id[] = {
#define VT_EVENT(category, name, id, flags, help, fields) [id] = &events[INDEX_##category##_##name],
#include <valktrace/schema.def>
};

/* ---- the rest ------------------------------------------------------------------------------ */

static const struct vt_schema builtin = {
	.categories = {
#define VT_CATEGORY(name, id, help) [id] = { #name, help },
#include <valktrace/schema.def>
	},
	.events = by_id,
	.event_limit = LENGTH(by_id),
	.metrics = {
#define VT_METRIC(name, id, source, kind, unit, family, labels, help) \
		[id] = { #name, family, labels, help, \
			 VT_SRC_##source, VT_METRIC_##kind, VT_UNIT_##unit, VT_METRIC_UNTOLD, NULL },
#include <valktrace/schema.def>
	},
	.sources = {
#define VT_SOURCE(name, id, help) [id] = { #name, help },
#include <valktrace/schema.def>
	},
};

const struct vt_schema *vt_schema_builtin(void)
{
	return &builtin;
}
