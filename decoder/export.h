/*
 * export.h - an exporter is one file, one const vtable, one line in the table of export.c.
 *
 * Exporters of events get them in time order through `event`; exporters of the whole run do
 * everything in `whole`. None knows an event by name: each walks the descriptor.
 */
#ifndef DECODER_EXPORT_H
#define DECODER_EXPORT_H

#include <valktrace/reader.h>

#include "decoder/input.h"
#include "decoder/opt.h"
#include "decoder/out.h"

enum vt_time_mode { VT_TIME_REL, VT_TIME_UTC, VT_TIME_MONO, VT_TIME_TICKS };

struct vt_export_context {
	struct vt_sink *out;
	const struct vt_input *in;
	const struct vt_filter *filter;
	enum vt_time_mode time;
	uint64_t mono_start;            /* CLOCK_MONOTONIC at t_ns 0, for VT_TIME_MONO */
	bool exact;
	int64_t at;                     /* --at '#N'; -1: the last record of each process */
	bool at_time;                   /* --at TIME: the last ones before at_ns after the start */
	uint64_t at_ns, step;           /* --step, ns; 0: not given */
	const struct vt_list *labels;   /* --label */
	unsigned runs;                  /* how many are printed, one after another */
	void *shared;                   /* what the exporter keeps from run to run; zeroed at first */
};

struct vt_export {
	const char *name, *summary;
	bool replaces;                  /* -o always replaces: the file is polled by somebody */
	bool takes_labels, takes_step;
	bool binary;                    /* not for a terminal */
	bool in_ns;                     /* its readers want ns: no --time ticks */
	size_t state_size;              /* zeroed before `begin` */
	int (*begin)(void *state, const struct vt_export_context *context);     /* NULL: nothing to do */
	int (*event)(void *state, const struct vt_event *event);        /* gaps too; 0 or an error */
	int (*end)(void *state);        /* NULL: nothing to do */
	void (*destroy)(void *state);   /* NULL: nothing to free */
	/*
	 * Instead of `event`, where several threads may write events: `mark` sees all of them in order and
	 * tells as a number what of an event's text depends on those before it (NULL: nothing does). A writer
	 * is one thread's own and sees any of them; it gets text from the event, the mark, and what does not
	 * change. write_begin: 0 or an error; write_end frees, NULL: nothing.
	 */
	int (*mark)(void *state, const struct vt_event *event, uint32_t *mark);
	size_t writer_size;             /* zeroed before write_begin */
	int (*write_begin)(void *writer, const struct vt_export_context *context);
	int (*write)(void *writer, struct vt_sink *out, const struct vt_event *event, uint32_t mark);
	void (*write_end)(void *writer);
	int (*whole)(const struct vt_export_context *context);          /* instead of all these; exit code */
	/* Instead of all these: every run at once, `count` contexts of runs that are open. Exit code. */
	int (*all)(const struct vt_export_context *contexts, unsigned count);
	/* What is needed to know of all runs before the first is printed. 0 or an error. */
	size_t shared_size;
	int (*survey)(const struct vt_export_context *context);
	/* What stands behind the last run; nothing is written after it. */
	void (*finish)(struct vt_sink *out, void *shared);
	void (*forget)(void *shared);
};

extern const struct vt_export *const vt_exports[];      /* ends with NULL */

extern const struct vt_export vt_export_chrome, vt_export_perfetto, vt_export_speedscope;
extern const struct vt_export vt_export_csv, vt_export_folded, vt_export_json, vt_export_kernel,
	vt_export_kernel_events, vt_export_metrics_json, vt_export_openmetrics, vt_export_prometheus,
	vt_export_summary, vt_export_text;

const struct vt_export *vt_export_find(const char *name);

/*
 * Takes events out of the context's reader and has them written, at most `most`, on as many threads as the
 * exporter and vt_threads() allow: the output is the same. Returns how many there were, or a negative error;
 * what came before it is written. pipeline.c
 */
int64_t vt_export_events(const struct vt_export *format, const struct vt_export_context *context,
                         uint64_t most);

/* The time of an event as the mode says: ns or ticks. */
uint64_t vt_export_time(const struct vt_export_context *context, const struct vt_event *event);

/* name/tid, or name/pid/tid when there are several processes; escaped, without blanks. */
void vt_thread_label(struct vt_sink *out, const struct vt_input *in,
                     const struct vt_ring_info *ring);

/* The run, as much of its id as tells it from the others; nothing when there is one only. */
void vt_run_column(struct vt_sink *out, const struct vt_input *in);

/* The name of a thread, or of its program if it has none. */
const char *vt_thread_name_of(const struct vt_ring_info *ring);

/* Label of an ENUM's value, or NULL. */
const char *vt_enum_label(const struct vt_field_desc *field, uint64_t value);

/* Not there: OPTIONAL and zero. */
static inline bool vt_field_absent(const struct vt_field_desc *field, uint64_t value)
{
	return value == 0 && (field->flags & VT_FIELD_OPTIONAL) != 0;
}

/* "category.event" and its fields, as the text format has them. */
void vt_text_event(struct vt_sink *out, const struct vt_input *in, const struct vt_event *event);

/* Its fields alone, each with a blank before it; false: it has none. */
bool vt_text_fields(struct vt_sink *out, const struct vt_input *in, const struct vt_event *event,
                    bool exact);

/* Name of a column or key: the field's, with its unit; "field_tid" if a fixed column has the name. */
void vt_field_key(struct vt_sink *out, const struct vt_field_desc *field);

#endif
