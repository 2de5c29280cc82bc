/*
 * filter.h - what a struct vt_filter means for rings, sections, event types and single events, from
 * the cheapest test to the dearest.
 */
#ifndef DECODER_FILTER_H
#define DECODER_FILTER_H

#include "decoder/log.h"

#define VT_MAX_CONDITIONS 16u

struct vt_selection {
	struct vt_filter filter;        /* its arrays are the caller's */
	uint64_t *masks;                /* categories, by process index */
	bool *rings;                    /* by ring id */
};

/* What the conditions mean for one event type. */
struct vt_type_test {
	bool wanted;
	int8_t fields[VT_MAX_CONDITIONS];       /* index of each condition's field */
};

/* 0, -ENOMEM, -EINVAL or the codes of vt_reader_select with *unknown set. */
int vt_selection_make(struct vt_selection *s, struct vt_log *log, const struct vt_filter *filter,
                      const char **unknown);
void vt_selection_free(struct vt_selection *s);

bool vt_selection_section(const struct vt_selection *s, struct vt_log *log,
                          const struct vt_section_ref *ref);

/* The categories of a ring's gaps that are wanted; 0: none. */
uint64_t vt_selection_mask(const struct vt_selection *s, const struct vt_ring_info *ring);

/* A time span touches the wanted one; a moment is in it. */
bool vt_selection_span(const struct vt_selection *s, struct vt_log *log, uint64_t from, uint64_t to);
bool vt_selection_inside(const struct vt_selection *s, struct vt_log *log, uint64_t from,
                         uint64_t to);

struct vt_type_test vt_selection_type(const struct vt_selection *s, const struct vt_schema *schema,
                                      const struct vt_event_desc *desc);

/* True if single events have to be looked at. */
bool vt_selection_values(const struct vt_selection *s);
bool vt_selection_event(const struct vt_selection *s, const struct vt_log *log, uint32_t process,
                        const struct vt_event_desc *desc, const struct vt_type_test *test,
                        const uint64_t *values, const char *text);

#endif
