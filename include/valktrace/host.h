/*
 * host.h - categories and events of a host, declared in a .def of its own and emitted like ours.
 *
 *   myvm.def         VT_CATEGORY(myvm, 32, "what my VM does")
 *                    VT_EVENT(myvm, jit, 0x2001, INSTANT, "a function was compiled",
 *                    	VT_FIELD(size, UINT, BYTES, 0, "machine code")
 *                    	VT_ENUM_FIELD(tier, jit_tier, 0, "which compiler"))
 *   myvm_trace.h     #define VT_HOST_DEF "myvm.def"
 *                    #include <valktrace/host.h>
 *   one .c file      #define VT_HOST_DEFINE             (or .cc; one .def each)
 *                    #include "myvm_trace.h"
 *   anywhere         VT_EMIT(myvm, jit, .size = n);
 *
 * The rows are those of schema.def (which explains them): VT_CATEGORY, VT_EVENT with VT_FIELD and
 * VT_ENUM_FIELD, VT_ENUM with VT_ENUMERATOR. Define none of these macros: this header does, and undefines
 * them. Rows of sources and metrics are not for hosts. VT_HOST_DEF is looked for on the include path.
 *
 * Ids: a category's is from VT_HOST_CATEGORY (32) to VT_HOST_CATEGORY_LAST (62), an event's 0xCCNN. They
 * order the rows and keep them apart; what is recorded is a number given at run time, so that two
 * libraries in one process may both have a category 32. The log says which is which.
 *
 * Nothing needs to be called: the .c file announces its rows when it is loaded, vt_start registers them,
 * a later library's at once. Until then nothing of them is emitted. Category names work everywhere:
 * events=myvm, decode --category myvm. Tables that are full (31 categories, 255 events in one) leave the
 * rest off; vt_host_error tells.
 */
#include <valktrace/emit.h>

#ifndef VALKTRACE_HOST_H
#define VALKTRACE_HOST_H

#define VT_HOST_CATEGORY_LAST   62u
#define VT_HOST_UNREGISTERED    63u     /* a category that is never on */

struct vt_host_category {
	const char *name, *help;
	unsigned id;                    /* as in the .def */
	uint8_t *given;                 /* VT_CAT_<name> */
};

struct vt_host_event {
	const char *name, *help;
	const struct vt_field *fields;
	unsigned id, flags, count;      /* count: fields */
	uint16_t *given;                /* VT_EV_<category>_<name> */
};

/* The rows of one .def. Lives as long as the library that declares it. */
struct vt_host_schema {
	struct vt_host_schema *next;    /* of all that are announced: the tracer's */
	const struct vt_host_category *categories;
	const struct vt_host_event *events;
	unsigned category_count, event_count;
	int error;                      /* of the last registration: 0, or -VT_E_NO_ROOM, -EINVAL */
};

VT_BEGIN_DECLS

/* Announces rows, and takes them back before their library is unloaded. Any thread; takes a lock. */
VT_CALL void vt_host_announce(struct vt_host_schema *schema) VT_DISABLED();
VT_CALL void vt_host_withdraw(struct vt_host_schema *schema) VT_DISABLED();

/* The first error among all announced rows at the last vt_start; 0: all are registered. */
VT_CALL int vt_host_error(void) VT_DISABLED(return 0;);

VT_END_DECLS

#endif

#ifdef VT_HOST_DEF

/* ---- declarations: once for each .def of a translation unit --------------------------------------- */

VT_BEGIN_DECLS

#define VT_ENUM(name, enumerators) enum vt_host_##name { enumerators };
#define VT_ENUMERATOR(enumeration, label, value) VT_##enumeration##_##label = value,
#define VT_CATEGORY(name, id, help) \
	extern __attribute__((visibility("hidden"))) uint8_t VT_CAT_##name; \
	enum { VT_HOSTCAT_##name = id }; \
	VT_STATIC_ASSERT((id) >= VT_HOST_CATEGORY && (id) <= VT_HOST_CATEGORY_LAST, "category id");
#define VT_FIELD(name, kind, unit, flags, help) VT__MEMBER_##kind(name)
#define VT_ENUM_FIELD(name, enumeration, flags, help) uint64_t name;
#define VT_EVENT(category, name, id, flags, help, fields) \
	extern __attribute__((visibility("hidden"))) uint16_t VT_EV_##category##_##name; \
	struct vt_ev_##category##_##name { uint64_t vt__id; fields }; \
	VT_STATIC_ASSERT((id) >> 8 == VT_HOSTCAT_##category && ((id) & 0xff) != 0, "event id"); \
	VT_STATIC_ASSERT(sizeof(struct vt_ev_##category##_##name) <= 8 * (VT_MAX_FIELDS + 1), "fields");
#include VT_HOST_DEF
#undef VT_ENUM
#undef VT_ENUMERATOR
#undef VT_CATEGORY
#undef VT_FIELD
#undef VT_ENUM_FIELD
#undef VT_EVENT

VT_END_DECLS

/* ---- definitions: in one .c file of the host ------------------------------------------------------- */

#if defined(VT_HOST_DEFINE) && VT_COMPILED_IN

#define VT_ENUM(name, enumerators)
#define VT_ENUMERATOR(enumeration, label, value)
#define VT_FIELD(name, kind, unit, flags, help)
#define VT_ENUM_FIELD(name, enumeration, flags, help)
#define VT_CATEGORY(name, id, help) uint8_t VT_CAT_##name = VT_HOST_UNREGISTERED;
#define VT_EVENT(category, name, id, flags, help, fields) \
	uint16_t VT_EV_##category##_##name = VT_HOST_UNREGISTERED << 8;
#include VT_HOST_DEF
#undef VT_ENUM
#undef VT_ENUMERATOR
#undef VT_CATEGORY
#undef VT_FIELD
#undef VT_ENUM_FIELD
#undef VT_EVENT

/* In a function, so that the words which rows use for their flags stay out of the host's names. */
static inline struct vt_host_schema *vt__host_schema(void)
{
	enum {
		INSTANT = VT_EVENT_INSTANT, BEGIN = VT_EVENT_BEGIN, END = VT_EVENT_END,
		COMPLETE = VT_EVENT_COMPLETE, BULK = VT_EVENT_BULK, UNWIND = VT_EVENT_UNWIND,
		SWITCH = VT_EVENT_SWITCH, REPLACE = VT_EVENT_REPLACE, OPTIONAL = VT_FIELD_OPTIONAL,
		PUBLIC = VT_FIELD_PUBLIC, PATH = VT_FIELD_PATH, USER = VT_FIELD_USER, LINK = VT_FIELD_LINK
	};

#define VT_CATEGORY(name, id, help)
#define VT_EVENT(category, name, id, flags, help, fields)
#define VT_ENUM(name, enumerators) \
	static const struct vt_label labels_##name[] = { enumerators }; \
	static const struct vt_labels enum_##name __attribute__((unused)) = { \
		#name, labels_##name, sizeof(labels_##name) / sizeof(labels_##name[0]) };
#define VT_ENUMERATOR(enumeration, label, value) { value, #label },
#include VT_HOST_DEF
#undef VT_CATEGORY
#undef VT_EVENT
#undef VT_ENUM
#undef VT_ENUMERATOR

#define VT_ENUM(name, enumerators)
#define VT_CATEGORY(name, id, help)
#define VT_FIELD(name, kind, unit, flags, help) \
	{ #name, help, VT_KIND_##kind, VT_UNIT_##unit, flags, NULL },
#define VT_ENUM_FIELD(name, enumeration, flags, help) \
	{ #name, help, VT_KIND_ENUM, VT_UNIT_NONE, flags, &enum_##enumeration },
#define VT_EVENT(category, name, id, flags, help, fields) \
	static const struct vt_field fields_##category##_##name[] = { \
		fields { NULL, NULL, 0, 0, 0, NULL } };
#include VT_HOST_DEF
#undef VT_CATEGORY
#undef VT_FIELD
#undef VT_ENUM_FIELD
#undef VT_EVENT

#define VT_EVENT(category, name, id, flags, help, fields)
#define VT_CATEGORY(name, id, help) { #name, help, id, &VT_CAT_##name },
	static const struct vt_host_category categories[] = {
#include VT_HOST_DEF
	};
#undef VT_CATEGORY
#undef VT_EVENT

#define VT_CATEGORY(name, id, help)
#define VT_EVENT(category, name, id, flags, help, fields) \
	{ #name, help, fields_##category##_##name, id, flags, \
	  sizeof(fields_##category##_##name) / sizeof(struct vt_field) - 1, &VT_EV_##category##_##name },
	static const struct vt_host_event events[] = {
#include VT_HOST_DEF
	};
#undef VT_ENUM
#undef VT_CATEGORY
#undef VT_EVENT

	static struct vt_host_schema schema = {
		NULL, categories, events, sizeof(categories) / sizeof(categories[0]),
		sizeof(events) / sizeof(events[0]), 0
	};
	return &schema;
}

__attribute__((constructor)) static void vt__host_loaded(void)
{
	vt_host_announce(vt__host_schema());
}

__attribute__((destructor)) static void vt__host_unloaded(void)
{
	vt_host_withdraw(vt__host_schema());
}

#endif
#undef VT_HOST_DEF
#endif
