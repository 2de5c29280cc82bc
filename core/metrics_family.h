/*
 * metrics_family.h - what a schema, which may be a stranger's, says of the families and sources of its metrics.
 */
#ifndef CORE_METRICS_FAMILY_H
#define CORE_METRICS_FAMILY_H

#include <stdbool.h>

#include <valktrace/metrics.h>

/* Metric ids below it are the compatibility set: no log's schema changes these. */
#define VT_METRIC_COMPATIBLE 15u

/* A name that the exposition may have. */
bool vt_family_valid(const char *s);

/* A family with a bucket is a histogram, and has nothing but buckets and sums. */
bool vt_family_is_histogram(const struct vt_schema *schema, const char *family);

/* A name that a sample of a histogram has. */
bool vt_family_in_histogram(const struct vt_schema *schema, const char *family);

/* Has it a value? A row of a histogram is 0, not absent, as soon as another one of it is there. */
bool vt_metric_present(const struct vt_metrics *m, unsigned metric, bool histogram);

/* Is the source there? One that nobody reported on is known by its metrics alone. */
bool vt_source_there(const struct vt_metrics *m, unsigned source);

/* Why it is not there; "" if it is. */
const char *vt_source_reason(const struct vt_metrics *m, unsigned source);

#endif
