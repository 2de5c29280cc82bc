/*
 * report.h - a run as one page of HTML: what `summary` tells as tables, which need nothing but a browser, and
 * charts of how it went over time.
 *
 * The numbers are those of a struct vt_summary; nothing is counted here a second time. The page asks for
 * nothing from anywhere: its policy allows one script and one style sheet, which it names by their hashes.
 */
#ifndef DECODER_REPORT_H
#define DECODER_REPORT_H

#include "decoder/report_history.h"
#include "decoder/summary.h"

struct vt_report {
	struct vt_summary *s;
	const struct vt_history *series;
	struct vt_sink *out;
	unsigned number;                /* of the run in the page, from 1 */
};

/* What stands before the runs: `title` is a stranger's. And what stands behind them. */
void vt_report_begin(struct vt_sink *out, const char *title);
void vt_report_end(struct vt_sink *out);

/* One run: all its sections, and the data of its charts. */
void vt_report_run(struct vt_report *r);

/* The sections, in their order. Each has a heading, also when there is nothing: it then says why. */
void vt_report_head(struct vt_report *r);
void vt_report_ending(struct vt_report *r);     /* only of a run that did not end by itself */
void vt_report_thresholds(struct vt_report *r); /* only if rules were violated */
void vt_report_gc(struct vt_report *r);
void vt_report_interp(struct vt_report *r);
void vt_report_loop(struct vt_report *r);
void vt_report_http(struct vt_report *r);       /* only if there was a server or client */
void vt_report_process(struct vt_report *r);
void vt_report_paging(struct vt_report *r);
void vt_report_perf(struct vt_report *r);
void vt_report_calls(struct vt_report *r);
void vt_report_threads(struct vt_report *r);
void vt_report_events(struct vt_report *r);
void vt_report_absent(struct vt_report *r);

/* The data that the charts are drawn from, as a JSON element. */
void vt_report_data(struct vt_report *r);

/* Has it any metric of this source? */
bool vt_report_has(const struct vt_report *r, unsigned source);

/*
 * A section begins: `key` is unique in a run, and where the list of contents points to. Its end is
 * vt_sink_string(out, "</section>\n").
 */
void vt_report_section(struct vt_report *r, const char *key, const char *title);

/* A table of the metrics `first` to `last`, the buckets of one histogram of durations; nothing if it is empty. */
void vt_report_buckets(struct vt_report *r, const char *caption, const char *counted, unsigned first, unsigned last);

/* Why nothing tells of a source: a paragraph. */
void vt_report_why(struct vt_report *r, unsigned source);

/* A place for a chart that the data may have, hidden until it is drawn. */
void vt_report_chart(struct vt_report *r, const char *key, const char *title);

/* Made by decoder/report/embed.sh: the page with places for the others, and what a policy calls them. */
extern const char vt_report_html[], vt_report_style[], vt_report_script[];
extern const char vt_report_html_hash[], vt_report_style_hash[], vt_report_script_hash[];

#endif
