/*
 * warn.h - rules that the recorder judges while it records: `record --warn RULE`, VALKTRACE=warn=RULE.
 *
 * After each counter record of a process its rules are judged on it. A violation is a span of meta.violation
 * in the log: it begins with the first record that shows it and ends with the first that does not, or with
 * the process.
 *
 * These events are not emitted by the process but by the recorder, so they have no ring in its ring file:
 * nothing of the host's is touched, and nothing of them can be overwritten. In the log each rule that was
 * ever violated has a ring of its own in that process ("warn:gc.time"), so that the spans of two rules may
 * overlap. Its chunks are written at once and its totals when the process is done: what was emitted is what
 * was written, and nothing is lost. A log whose recorder died has the spans up to then; who recovers it
 * finds no ring file of theirs and looks for none.
 */
#ifndef CORE_WARN_H
#define CORE_WARN_H

#include "core/follow.h"
#include "core/rule.h"

struct vt_warner;

/* Rules, separated by ';' or newlines. 0 and NULL if there is none; a negative error and a line about it. */
int vt_warner_new(struct vt_warner **made, const char *rules, uint64_t least_ns, char *problem, size_t size);
void vt_warner_free(struct vt_warner *w);

/* Who is told, once when a violation begins: "gc.time 31.2 % > 10 %". */
void vt_warner_tell(struct vt_warner *w, void (*say)(void *user, uint32_t pid, const char *text), void *user);

/* Judges a counter record of a process; `last`: there will be no more. 0 or the output's error. */
int vt_warner_judge(struct vt_warner *w, const struct vt_followed *p, const struct vt_counter_sample *s,
                    bool last, struct vt_splitter *splitter, const struct vt_follow_out *out);

/* Ends what is open on a process, writes the totals of its rings and forgets it. */
int vt_warner_finish(struct vt_warner *w, const struct vt_followed *p, struct vt_splitter *splitter,
                     const struct vt_follow_out *out);

/* Names of rings are written again: a part begins. 0 or the output's error. */
int vt_warner_repeat(struct vt_warner *w, const struct vt_follow_out *out);

/* Events written so far. */
uint64_t vt_warner_events(const struct vt_warner *w);

#endif
