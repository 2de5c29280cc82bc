/*
 * metrics_text.h - text into a bounded buffer that also counts what did not fit, as snprintf does.
 * Numbers are printed from integers: no locale can put a comma into them.
 */
#ifndef CORE_METRICS_TEXT_H
#define CORE_METRICS_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct vt_text {
	char *to;
	size_t size;
	size_t length;              /* of the whole text, also of what was cut */
};

__extension__ typedef unsigned __int128 vt_u128;

void vt_text_bytes(struct vt_text *t, const char *s, size_t length);
void vt_text_string(struct vt_text *t, const char *s);
void vt_text_number(struct vt_text *t, uint64_t value);
void vt_text_hex(struct vt_text *t, uint64_t value);        /* 16 digits */

/* numerator / denominator rounded half up to `decimals` digits; zero when the denominator is 0. */
void vt_text_ratio(struct vt_text *t, vt_u128 numerator, vt_u128 denominator, unsigned decimals);

/*
 * A stranger's text: backslash, newline and, if `quote`, the quotation mark are escaped by a
 * backslash; what is no UTF-8 and what a terminal might obey becomes U+FFFD. NULL is an empty
 * text.
 */
void vt_text_escaped(struct vt_text *t, const char *s, int quote);

/* Terminates the text; its length without the terminating 0. */
size_t vt_text_end(struct vt_text *t);

struct vt_metrics;

/* One run of a dump of several: its metrics, and the labels that tell it from the others. */
struct vt_labelled {
	const struct vt_metrics *metrics;
	const char *labels;         /* name="value",name="value", escaped; "" for none */
};

/*
 * The metrics of all of them as one Prometheus text: each family's head once, then the samples of each.
 * No two may have the same labels. Lengths as of vt_metrics_prometheus; 0: no memory. For one without
 * labels the bytes are those of vt_metrics_prometheus.
 */
size_t vt_metrics_prometheus_all(const struct vt_labelled *runs, unsigned count, char *to, size_t size);

struct vt_series;

/* One run over time (metrics_series.h), and its labels. */
struct vt_series_labelled {
	struct vt_series *series;   /* its place is moved */
	const char *labels;
};

/*
 * All moments of all runs as OpenMetrics text 1.0, handed to `write` piece by piece: families of the same
 * names and samples as above, each sample with its time. 0, -ENOMEM, or -E2BIG: a line is longer than any
 * may be.
 */
int vt_metrics_open(const struct vt_series_labelled *runs, unsigned count,
                    void (*write)(void *user, const char *bytes, size_t length), void *user);

#endif
