/* export.c - the table of exporters, and what they share. */
#include "decoder/export.h"

#include <string.h>

#include "decoder/units.h"

const struct vt_export *const vt_exports[] = {
	&vt_export_text,
	&vt_export_json,
	&vt_export_csv,
	&vt_export_folded,
	&vt_export_chrome,
	&vt_export_perfetto,
	&vt_export_speedscope,
	&vt_export_summary,
	&vt_export_kernel,
	&vt_export_kernel_events,
	&vt_export_metrics_json,
	&vt_export_prometheus,
	&vt_export_openmetrics,
	NULL
};

const struct vt_export *vt_export_find(const char *name)
{
	for (const struct vt_export *const *e = vt_exports; *e; e++)
		if (strcmp((*e)->name, name) == 0)
			return *e;
	return NULL;
}

uint64_t vt_export_time(const struct vt_export_context *context, const struct vt_event *event)
{
	switch (context->time) {
	case VT_TIME_UTC:
		return vt_reader_realtime(context->in->reader, event->ticks);
	case VT_TIME_MONO:
		return context->mono_start + event->t_ns;
	case VT_TIME_TICKS:
		return event->ticks;
	default:
		return event->t_ns;
	}
}

const char *vt_thread_name_of(const struct vt_ring_info *ring)
{
	if (*ring->name)
		return ring->name;
	return *ring->process->program ? ring->process->program : "thread";
}

void vt_run_column(struct vt_sink *out, const struct vt_input *in)
{
	char *p = vt_sink_room(out, VT_NUM_MAX);

	if (in->run_digits == 0)
		return;
	p = vt_num_hex(p, in->run->run >> (64 - 4 * in->run_digits), in->run_digits);
	memcpy(p, "  ", 2);
	vt_sink_upto(out, p + 2);
}

void vt_thread_label(struct vt_sink *out, const struct vt_input *in,
                     const struct vt_ring_info *ring)
{
	const char *name = vt_thread_name_of(ring);

	vt_sink_escaped(out, name, strnlen(name, VT_MAX_NAME), VT_ESCAPE_ALL);
	if (in->several_processes)
		vt_sink_printf(out, "/%u", ring->process->pid);
	vt_sink_printf(out, "/%u", ring->tid);
}

const char *vt_enum_label(const struct vt_field_desc *field, uint64_t value)
{
	return field->of && value < field->of->count ? field->of->labels[value] : NULL;
}

void vt_field_key(struct vt_sink *out, const struct vt_field_desc *field)
{
	/* A key twice in one object is lost in most parsers: fields give way to the fixed columns. */
	static const char *const fixed[] = { "run", "pid", "tid", "thread", "category", "event", "lost",
	                                     "cause" };
	const char *unit = field->unit == VT_UNIT_NS ? "_ns"
	                   : field->unit == VT_UNIT_BYTES ? "_bytes" : "";
	bool taken = strcmp(field->name, "t") == 0 || strcmp(field->name, "t_ns") == 0;

	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
		taken |= strcmp(field->name, fixed[i]) == 0;
	vt_sink_string(out, taken ? "field_" : "");
	vt_sink_string(out, field->name);
	vt_sink_string(out, unit);
}
