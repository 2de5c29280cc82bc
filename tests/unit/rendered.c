/* rendered.c - see rendered.h. */
#include "tests/unit/rendered.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

char rendered[RENDERED_SIZE];

const char *render(renderer *how, const struct vt_metrics *m)
{
	memset(rendered, '#', sizeof(rendered));
	size_t length = how(m, rendered, sizeof(rendered));

	assert_in_range(length, 1, sizeof(rendered) - 1);
	assert_int_equal(strlen(rendered), length);
	return rendered;
}

struct vt_metrics no_metrics(void)
{
	static struct vt_schema schema;

	schema = *vt_schema_builtin();
	for (unsigned i = VT_SRC_kernel + 1; i < VT_MAX_SOURCES; i++)
		schema.sources[i].name = NULL;
	return (struct vt_metrics){ .schema = &schema, .program = "", .version = "" };
}

void set_metric(struct vt_metrics *m, unsigned id, uint64_t value)
{
	m->present[id] = true;
	m->values[id] = value;
}

struct vt_metrics sample_metrics(void)
{
	struct vt_metrics m = no_metrics();

	set_metric(&m, VT_M_gc_cycles, 3);
	set_metric(&m, VT_M_gc_pause_time, 4567499);
	set_metric(&m, VT_M_gc_pause_max, 2000999);
	set_metric(&m, VT_M_gc_reclaimed, 123456789012);
	set_metric(&m, VT_M_gc_heap_used, 1);
	set_metric(&m, VT_M_gc_heap_total, 3);
	set_metric(&m, VT_M_interp_evals, 7);
	set_metric(&m, VT_M_interp_calls, 8);
	set_metric(&m, VT_M_interp_builtins, 9);
	set_metric(&m, VT_M_interp_depth_max, 10);
	set_metric(&m, VT_M_interp_closures, 11);
	set_metric(&m, VT_M_interp_lookups, 12);
	set_metric(&m, VT_M_loop_iterations, 13);
	set_metric(&m, VT_M_loop_events, 14);
	set_metric(&m, VT_M_loop_idle_time, 1500000500);
	m.uptime = 2000000000;
	m.program = "tinylisp";
	m.version = "0.9.2";
	m.run = 0x3f9c2e71a0b4d852;
	m.wanted = 1ull << VT_CAT_gc | 1ull << VT_CAT_loop;
	return m;
}
