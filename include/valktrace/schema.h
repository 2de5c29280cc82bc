/*
 * schema.h - what schema.def means in C: ids, payload structs, descriptors.
 *
 *   VT_CAT_gc                 category id             VT_EV_gc_end        event id
 *   struct vt_ev_gc_end       payload of an event     VT_M_gc_cycles      metric id
 *   VT_gc_type_major          enumerator              VT_SRC_gc           source id
 *
 * Descriptors describe the same at run time. The decoder gets an equal set out of each log, so
 * everything that prints takes descriptors and knows no event by name.
 */
#ifndef VALKTRACE_SCHEMA_H
#define VALKTRACE_SCHEMA_H

#include <valktrace/compiler.h>

#define VT_MAX_CATEGORIES   64u      /* bits of a mask */
#define VT_HOST_CATEGORY    32u      /* first category id that a host may register by name */
#define VT_MAX_FIELDS       32u      /* fields of an event type */
#define VT_MAX_TEXT         1024u    /* bytes of a TEXT field */
#define VT_MAX_NAME         64u      /* bytes of a category, event, field or enumerator name */
#define VT_MAX_HELP         256u     /* bytes of a help text */
#define VT_MAX_CELLS        192u     /* metrics with a cell in each thread: ids below */
#define VT_MAX_METRICS      384u     /* the rest has one value a process, set by collectors */
#define VT_MAX_SOURCES      32u

enum vt_kind {              /* wire values, append-only */
	VT_KIND_UINT = 1,
	VT_KIND_GAUGE = 2,
	VT_KIND_INT = 3,
	VT_KIND_BOOL = 4,
	VT_KIND_ENUM = 5,
	VT_KIND_STRING = 6,
	VT_KIND_FLOAT = 7,
	VT_KIND_TEXT = 8,
};

enum vt_unit {              /* wire values, append-only */
	VT_UNIT_NONE = 0,
	VT_UNIT_NS = 1,
	VT_UNIT_BYTES = 2,
	VT_UNIT_MILLI = 3,      /* thousandths: rates a second */
	VT_UNIT_PPM = 4,        /* millionths: a ratio from 0 to 1 */
};
#define VT_UNIT_LAST VT_UNIT_PPM

enum vt_field_flags {       /* wire values, append-only; a STRING or TEXT field has exactly one class */
	VT_FIELD_OPTIONAL = 1,  /* zero means: not given */
	VT_FIELD_PUBLIC = 2,    /* literals of the program */
	VT_FIELD_PATH = 4,
	VT_FIELD_USER = 8,      /* anything else */
	VT_FIELD_LINK = 16,     /* of a number: spans of a type that have it in common are parts of one thing */
};

enum vt_event_flags {       /* wire values, append-only */
	VT_EVENT_INSTANT = 0,
	VT_EVENT_BEGIN = 1,
	VT_EVENT_END = 2,
	VT_EVENT_COMPLETE = 4,
	VT_EVENT_BULK = 8,
	VT_EVENT_UNWIND = 16,   /* the innermost spans of its category end: field `left` of them, down to `depth` */
	VT_EVENT_SWITCH = 32,   /* the spans of its category go on with those of field `stack`; 0: the first */
	VT_EVENT_REPLACE = 64,  /* the innermost span of its category goes on under this event's name */
};

enum vt_metric_kind {       /* wire values, append-only */
	VT_METRIC_COUNTER = 1,
	VT_METRIC_GAUGE = 2,
	VT_METRIC_MAX = 3,
	/*
	 * One bucket of a histogram: counts what is at most its label le and more than that of the bucket
	 * before it, so each once. The rows of a family have labels that end in le="...", rising, the
	 * last le="+Inf"; what stands before le is the series. A COUNTER row of the same family, with the
	 * labels of the series, is the sum. When one row is present, the others are 0, not absent.
	 */
	VT_METRIC_BUCKET = 4,
};

enum vt_category_id {
#define VT_CATEGORY(name, id, help) VT_CAT_##name = id,
#include <valktrace/schema.def>
};

enum vt_event_id {
#define VT_EVENT(category, name, id, flags, help, fields) VT_EV_##category##_##name = id,
#include <valktrace/schema.def>
};

enum vt_enumerator {
#define VT_ENUM(name, enumerators) enumerators
#define VT_ENUMERATOR(enumeration, label, value) VT_##enumeration##_##label = value,
#include <valktrace/schema.def>
};

enum vt_source_id {
#define VT_SOURCE(name, id, help) VT_SRC_##name = id,
#include <valktrace/schema.def>
};

enum vt_metric_id {
#define VT_METRIC(name, id, source, kind, unit, family, labels, help) VT_M_##name = id,
#include <valktrace/schema.def>
	VT_METRIC_COUNT = 320   /* ids below are of schema.def, those above of a run: what it was asked for by name */
};

/*
 * One payload struct an event type. Each field is one 8-byte word of the record, in this order.
 * `vt__id` only keeps the struct of an event without fields legal; it is not recorded.
 */
#define VT__MEMBER_UINT(name)   uint64_t name;
#define VT__MEMBER_GAUGE(name)  uint64_t name;
#define VT__MEMBER_INT(name)    int64_t name;
#define VT__MEMBER_BOOL(name)   uint64_t name;
#define VT__MEMBER_STRING(name) uint64_t name;
#define VT__MEMBER_FLOAT(name)  double name;
#define VT__MEMBER_TEXT(name)   /* not in the struct: see vt_emit_text */

#define VT_EVENT(category, name, id, flags, help, fields) \
	struct vt_ev_##category##_##name { uint64_t vt__id; fields };
#define VT_FIELD(name, kind, unit, flags, help) VT__MEMBER_##kind(name)
#define VT_ENUM_FIELD(name, enumeration, flags, help) uint64_t name;
#include <valktrace/schema.def>

/* An id's high byte is its category, its low byte is not 0: a record's first word is never 0. */
#define VT_EVENT(category, name, id, flags, help, fields) \
	VT_STATIC_ASSERT((id) >> 8 == VT_CAT_##category && ((id) & 0xff) != 0, "event id"); \
	VT_STATIC_ASSERT(sizeof(struct vt_ev_##category##_##name) <= 8 * (VT_MAX_FIELDS + 1), "fields");
#include <valktrace/schema.def>
VT_STATIC_ASSERT(VT_METRIC_COUNT < VT_MAX_METRICS, "metric ids");
#define VT_METRIC(name, id, source, kind, unit, family, labels, help) \
	VT_STATIC_ASSERT((id) < VT_METRIC_COUNT, "metric id");
#include <valktrace/schema.def>

/* ---- descriptors --------------------------------------------------------------------------- */

struct vt_enum_desc {
	const char *name;
	const char *const *labels;      /* by value; NULL: no such enumerator */
	unsigned count;
};

struct vt_field_desc {
	const char *name, *help;
	uint8_t kind, unit, flags;      /* enum vt_kind, vt_unit, vt_field_flags */
	const struct vt_enum_desc *of;  /* ENUM only */
};

struct vt_event_desc {
	const char *name, *help;
	const struct vt_field_desc *fields;
	uint16_t id;                    /* 0: no such type */
	uint8_t category, flags;        /* enum vt_event_flags */
	uint8_t count;                  /* fields */
	uint8_t words;                  /* fields that are a word of the record: all but TEXT */
	int8_t text;                    /* index of the TEXT field, else -1 */
	int8_t time;                    /* index of the duration field of END and COMPLETE, else -1 */
};

struct vt_category_desc {
	const char *name, *help;        /* name NULL: no such category */
};

enum vt_metric_state {      /* wire values, append-only */
	VT_METRIC_UNTOLD = 0,   /* only values tell */
	VT_METRIC_AVAILABLE = 1,
	VT_METRIC_UNAVAILABLE = 2,
};

struct vt_metric_desc {
	const char *name;               /* NULL: no such metric */
	const char *family, *labels, *help;
	uint8_t source, kind, unit;     /* enum vt_source_id, vt_metric_kind, vt_unit */
	uint8_t state;                  /* enum vt_metric_state: as its collector last said, in this log */
	const char *reason;             /* why it is not available, or what to know of it; NULL: nothing */
};

struct vt_source_desc {
	const char *name, *help;
};

/* A set of descriptors: the built-in one, or that of one process of a log. All arrays by id. */
struct vt_schema {
	struct vt_category_desc categories[VT_MAX_CATEGORIES];
	const struct vt_event_desc *const *events;  /* NULL: no such type */
	unsigned event_limit;                       /* length of events */
	struct vt_metric_desc metrics[VT_MAX_METRICS];
	struct vt_source_desc sources[VT_MAX_SOURCES];
};

VT_BEGIN_DECLS

/* The set that this build was compiled with. Any thread; never fails. */
VT_API const struct vt_schema *vt_schema_builtin(void);

/* The type with this id, or NULL. */
VT_INLINE const struct vt_event_desc *vt_schema_event(const struct vt_schema *s, unsigned id)
{
	return id < s->event_limit ? s->events[id] : NULL;
}

VT_END_DECLS

#endif
