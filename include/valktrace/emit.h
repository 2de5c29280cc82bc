/*
 * emit.h - emit an event.
 *
 *   VT_EMIT(gc, refused, .outcome = VT_gc_outcome_skipped);
 *
 * Fields are named, so that adding one breaks no caller and a misspelt one does not compile. The
 * arguments are not evaluated while the category is off; that costs two loads and a branch.
 *
 * Names before C++20, and payloads that are at hand anyway: fill the struct and hand it over,
 *
 *   struct vt_ev_gc_refused refused = {};
 *   refused.outcome = VT_gc_outcome_skipped;
 *   VT_EMIT_WITH(gc, refused, refused);
 *
 * Any thread, and signal handlers: an emit that interrupts another goes to the thread's second ring.
 * Nothing is returned: what is lost is counted, and the log says so. A host's own categories: host.h.
 */
#ifndef VALKTRACE_EMIT_H
#define VALKTRACE_EMIT_H

#include <errno.h>

#include <valktrace/ring.h>

/* Is this category recorded? To guard work that only prepares an event. */
#define VT_WANTED(category) VT__WANTED(VT_CAT_##category)

#define VT_EMIT(category, event, ...) \
	VT__EMIT(VT_EV_##category##_##event, struct vt_ev_##category##_##event, \
	         = { .vt__id = 0, __VA_ARGS__ })

/* `payload` is a struct vt_ev_<category>_<event>; it is evaluated only if the category is on. */
#define VT_EMIT_WITH(category, event, payload) \
	VT__EMIT(VT_EV_##category##_##event, struct vt_ev_##category##_##event, \
	         = (payload))

/* Fields in their order, for these headers: C++ before C++20 has no names. */
#define VT__EMIT_ORDERED(category, event, ...) \
	VT__EMIT(VT_EV_##category##_##event, struct vt_ev_##category##_##event, \
	         = { 0, __VA_ARGS__ })

/* Names are pasted above, before a host's macro of the same name could replace them. */
#define VT__WANTED(id) \
	(VT_COMPILED_IN && (vt_load_relaxed(&vt__gate.mask) >> (id) & 1))
#define VT__EMIT(id, type, ...) do { \
	if (VT__WANTED((id) >> 8)) { \
		const type vt__payload __VA_ARGS__; \
		vt__emit_payload(id, &vt__payload, sizeof(vt__payload) / 8 - 1); \
	} \
} while (0)

VT_BEGIN_DECLS

/* `count` is a constant wherever this is inlined: a short payload then never leaves the registers. */
VT_INLINE void vt__emit_payload(unsigned id, const void *payload, unsigned count)
{
	vt__emit(id, (const vt__word *)payload + 1, count);
}

/* Emits an event of a type that was registered at run time: `count` words, one a field, in order. */
VT_INLINE void vt_emit_words(unsigned id, const uint64_t *words, unsigned count)
{
	if (VT_COMPILED_IN && vt_unlikely(vt_load_relaxed(&vt__gate.mask) >> (id >> 8 & 63) & 1))
		vt__emit(id, words, count);
}

/*
 * Emits an event with a TEXT field: `words` are its other fields, in order. At most VT_MAX_TEXT bytes
 * of `text` are recorded.
 */
VT_CALL void vt_emit_text(unsigned id, const uint64_t *words, unsigned count,
                          const char *text, size_t length) VT_DISABLED();

/*
 * Interns a string for STRING fields and returns its id; the same string gives the same id. 0 when
 * tracing is off or the table is full (0 prints as "?"). Takes a lock: call it once and keep the id.
 */
VT_CALL uint64_t vt_string(const char *text) VT_DISABLED(return 0;);

/* Names for the values of an ENUM field. */
struct vt_label {
	uint32_t value;
	const char *text;               /* a to z, 0 to 9, _ */
};
struct vt_labels {
	const char *name;               /* of the enumeration */
	const struct vt_label *labels;
	unsigned count;
};

/* A field of an event type that is registered at run time. */
struct vt_field {
	const char *name, *help;
	uint8_t kind, unit, flags;      /* enum vt_kind, vt_unit, vt_field_flags */
	const struct vt_labels *of;     /* ENUM only */
};

/*
 * Registers a category (id VT_HOST_CATEGORY and up) or finds it by name. Return: its id, or a negative
 * error. Takes a lock; call it after vt_start. From C and C++ host.h is the better way: it checks names.
 */
VT_CALL int vt_register_category(const char *name, const char *help) VT_DISABLED(return -ENOTCONN;);

/*
 * Registers an event type in a category of the host, or finds the one of the same name and fields.
 * Return: its event id, or a negative error.
 */
VT_CALL int vt_register_event(int category, const char *name, const char *help, unsigned flags,
                              const struct vt_field *fields, unsigned count)
	VT_DISABLED(return -ENOTCONN;);

VT_END_DECLS

#endif
