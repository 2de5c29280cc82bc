/* process_text.h - short phrases about processes and runs, as info and summary print them. */
#ifndef DECODER_PROCESS_TEXT_H
#define DECODER_PROCESS_TEXT_H

#include "decoder/input.h"
#include "decoder/out.h"

/* "exit 0", "SIGKILL", "end unknown" */
void vt_ending_text(struct vt_sink *out, const struct vt_process_info *process);

/* As one word for JSON: "exit", "signal", "unknown" ... */
const char *vt_ending_word(unsigned ending);

/* The value of a fact, or NULL. */
const char *vt_fact_value(const struct vt_process_info *process, const char *key);

/* The program as the host calls itself, with its version if it told one; escaped. */
void vt_program_text(struct vt_sink *out, const struct vt_process_info *process);

/* The process the run is about: the first that has no parent in the run; NULL if there is none. */
const struct vt_process_info *vt_main_process(const struct vt_run_info *run);

/* The run's length in ns: to the last event, or to the end of its last process. */
uint64_t vt_run_length(const struct vt_input *in);

/* Shorthands for numbers. */
void vt_put_grouped(struct vt_sink *out, uint64_t v);
void vt_put_ns(struct vt_sink *out, uint64_t v);
void vt_put_bytes(struct vt_sink *out, uint64_t v);
void vt_put_seconds(struct vt_sink *out, uint64_t ns, unsigned decimals);
void vt_put_percent(struct vt_sink *out, uint64_t part, uint64_t whole);
void vt_put_utc(struct vt_sink *out, uint64_t realtime, unsigned decimals);
void vt_put_name(struct vt_sink *out, const char *name);        /* escaped, blanks kept */

/* A number with commas, right-aligned to `width`. */
void vt_put_right(struct vt_sink *out, uint64_t v, size_t width);

/* Blanks up to `column` of the line that began at `line`. */
void vt_put_column(struct vt_sink *out, size_t line, size_t column);

/*
 * Text that may be longer than a line of 80, of which `column` are used: broken at a blank, as near to the end as
 * one is; the next line begins at `indent`.
 */
void vt_put_wrapped(struct vt_sink *out, const char *text, size_t length, size_t column, size_t indent);

#endif
