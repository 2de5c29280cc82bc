/* rendered.h - what the tests of the renderers share: metrics to render, and the text that came of them. */
#ifndef TESTS_RENDERED_H
#define TESTS_RENDERED_H

#include <valktrace/metrics.h>

#define RENDERED_SIZE (1u << 16)

typedef size_t renderer(const struct vt_metrics *m, char *to, size_t size);

/* The text of the last call of render(). */
extern char rendered[RENDERED_SIZE];

const char *render(renderer *how, const struct vt_metrics *m);

/* The built-in schema with its first four sources: texts outlive later additions. */
struct vt_metrics no_metrics(void);

void set_metric(struct vt_metrics *m, unsigned id, uint64_t value);

/* One of each kind of value, of a collector, an interpreter and a loop. */
struct vt_metrics sample_metrics(void);

#endif
