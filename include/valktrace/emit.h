/*
 * emit.h - emit an event.
 *
 *   VT_EMIT(gc, refused, .outcome = VT_gc_outcome_skipped);
 *
 * Fields are named, so that adding one breaks no caller and a misspelt one does not compile. The
 * arguments are not evaluated while the category is off; that costs two loads and a branch.
 *
 * Any thread, and signal handlers: an emit that interrupts another goes to the thread's second ring.
 * Nothing is returned: what is lost is counted, and the log says so.
 */
#ifndef VALKTRACE_EMIT_H
#define VALKTRACE_EMIT_H

#include <valktrace/ring.h>

/* Is this category recorded? To guard work that only prepares an event. */
#define VT_WANTED(category) \
	vt_unlikely(vt_load_relaxed(&vt__gate->mask) >> VT_CAT_##category & 1)

#ifdef VALKTRACE_DISABLE
#define VT_EMIT(category, event, ...) ((void)0)
#else
#define VT_EMIT(category, event, ...) do { \
	if (VT_WANTED(category)) { \
		const struct vt_ev_##category##_##event vt__payload = { .vt__id = 0, __VA_ARGS__ }; \
		vt__emit_payload(VT_EV_##category##_##event, &vt__payload, \
		                 sizeof(vt__payload) / 8 - 1); \
	} \
} while (0)
#endif

VT_BEGIN_DECLS

/* `count` is a constant wherever this is inlined: a short payload then never leaves the registers. */
VT_INLINE void vt__emit_payload(unsigned id, const void *payload, unsigned count)
{
	vt__emit(id, (const vt__word *)payload + 1, count);
}

/* Emits an event of a type that was registered at run time: `count` words, one a field, in order. */
VT_INLINE void vt_emit_words(unsigned id, const uint64_t *words, unsigned count)
{
	if (vt_unlikely(vt_load_relaxed(&vt__gate->mask) >> (id >> 8 & 63) & 1))
		vt__emit(id, words, count);
}

/*
 * Emits an event with a TEXT field: `words` are its other fields, in order. At most VT_MAX_TEXT bytes
 * of `text` are recorded.
 */
VT_API void vt_emit_text(unsigned id, const uint64_t *words, unsigned count,
                         const char *text, size_t length);

/*
 * Interns a string for STRING fields and returns its id; the same string gives the same id. 0 when
 * tracing is off or the table is full (0 prints as "?"). Takes a lock: call it once and keep the id.
 */
VT_API uint64_t vt_string(const char *text);

/* A field of an event type that is registered at run time. */
struct vt_field {
	const char *name, *help;
	uint8_t kind, unit, flags;      /* enum vt_kind, vt_unit, vt_field_flags */
};

/*
 * Registers a category (id VT_HOST_CATEGORY and up) or finds it by name. Return: its id, or a negative
 * error. Takes a lock; call it after vt_start.
 */
VT_API int vt_register_category(const char *name, const char *help);

/* Registers an event type in a category of the host. Return: its event id, or a negative error. */
VT_API int vt_register_event(int category, const char *name, const char *help, unsigned flags,
                             const struct vt_field *fields, unsigned count);

VT_END_DECLS

#endif
