/*
 * choice.h - the filter options that commands share, and what they become.
 */
#ifndef DECODER_CHOICE_H
#define DECODER_CHOICE_H

#include <valktrace/reader.h>

#include "decoder/input.h"
#include "decoder/names.h"
#include "decoder/opt.h"

#define VT_MOST_CONDITIONS 16u
#define VT_MAX_IDS        256u          /* of --tid and --pid each */

struct vt_choice {
	/* as given */
	struct vt_list categories, events, tids, pids, where;
	const char *thread, *since, *until;
	uint64_t min_duration;
	/* as understood */
	struct vt_filter filter;
	struct vt_condition conditions[VT_MOST_CONDITIONS];
	const char *values[VT_MOST_CONDITIONS];         /* split from `where` when the first run came */
	uint32_t ids[2 * VT_MAX_IDS];
};

/* Rows for a settings struct `type` with a member `choice`. */
#define VT_CHOICE_ROWS(type) \
	{ "category", 'c', VT_OPT_LIST, "NAMES", "only these categories: gc,loop; !NAME leaves one out", \
	  offsetof(type, choice.categories), 0, .names = vt_names_of_categories }, \
	{ "event", 'e', VT_OPT_LIST, "NAMES", "only these events: gc.end, gc.*, end; !NAME leaves out", \
	  offsetof(type, choice.events), 0, .names = vt_names_of_events }, \
	{ "tid", 0, VT_OPT_LIST, "IDS", "only these threads, by id", \
	  offsetof(type, choice.tids), 0 }, \
	{ "thread", 0, VT_OPT_STRING, "NAME", "only threads of this name", \
	  offsetof(type, choice.thread), 0 }, \
	{ "pid", 0, VT_OPT_LIST, "IDS", "only these processes", \
	  offsetof(type, choice.pids), 0 }, \
	{ "since", 0, VT_OPT_STRING, "TIME", "from TIME on: 1.5s after the start, -2s before the end, " \
	  "or 2026-11-21T11:40:02Z", offsetof(type, choice.since), 0 }, \
	{ "until", 0, VT_OPT_STRING, "TIME", "before TIME", offsetof(type, choice.until), 0 }, \
	{ "min-duration", 0, VT_OPT_DURATION, "TIME", "only events that carry a duration this long: 1ms", \
	  offsetof(type, choice.min_duration), 0 }, \
	{ "where", 0, VT_OPT_LIST_WHOLE, "COND", "only events with a field for which COND holds: " \
	  "'reclaimed >= 1MiB', 'type = major'; repeat for and", offsetof(type, choice.where), 0 }

/*
 * Turns the options into a filter and selects. Returns VT_EXIT_OK, or an exit code after a
 * message that names the nearest and the valid names.
 */
int vt_choice_apply(struct vt_choice *s, const struct vt_input *in);

/*
 * The same for one of several runs, which may lack a name that others have: then *unknown is set, nothing
 * is selected and nothing said.
 */
int vt_choice_apply_known(struct vt_choice *s, const struct vt_input *in, bool *unknown);

/* True if an event type of the run has a field of this name. */
bool vt_choice_has_field(const struct vt_input *in, const char *name);

/*
 * A message for the name of a key that is neither a field of the run nor one of `words` (which end with NULL):
 * the nearest and the valid ones. Returns VT_EXIT_USAGE.
 */
int vt_choice_unknown_key(const struct vt_input *in, const char *given, const char *const *words);

/*
 * A time as --since takes it: relative to the start, to the end with '-', or absolute; to ns since the start.
 * VT_EXIT_OK, or VT_EXIT_USAGE after a message.
 */
int vt_choice_time(const struct vt_input *in, const char *option, const char *text, uint64_t *ns);

/*
 * What --at says, once for all runs: *record is the number behind '#', or 0 for a time. VT_EXIT_OK, or
 * VT_EXIT_USAGE after a message.
 */
int vt_choice_at(const char *text, int64_t *record);

/* One line on stderr: nothing matched, what the log has, and why the asked categories are missing. */
void vt_choice_explain_nothing(const struct vt_choice *s, const struct vt_input *in);

#endif
