/* probe.h - a probe knows one runtime: it finds it in the process and reports from inside. */
#ifndef COLLECTORS_PROBES_PROBE_H
#define COLLECTORS_PROBES_PROBE_H

#include <stdbool.h>
#include <stddef.h>

struct vt_probe {
	const char *name;
	unsigned source;                /* enum vt_source_id: whom it feeds */
	/* Looks for the runtime and hooks into it. True: found; `what` is then its name and version. */
	bool (*attach)(char *what, size_t size);
};

extern const struct vt_probe vt_probe_boehm;
extern const struct vt_probe vt_probe_epoll;

#endif
