/* report_perf.c - the section on performance counters: each event with its numbers, or with why it has none. */
#include "decoder/report.h"

#include <string.h>

#include "decoder/report_html.h"
#include "decoder/units.h"

static bool any_told(const struct vt_report *r, unsigned source)
{
	for (unsigned i = 0; i < VT_MAX_METRICS; i++)
		if (vt_summary_is_told(&r->s->metrics.schema->metrics[i], source))
			return true;
	return false;
}

/* Its label is escaped for a terminal; what is left is for HTML. */
static void put_label(struct vt_report *r, const struct vt_metric_desc *d)
{
	struct vt_sink name;

	if (vt_sink_memory(&name))
		return;
	vt_summary_put_label(&name, d);
	vt_html_text(r->out, vt_sink_text(&name));
	vt_sink_discard(&name);
}

static void put_lacking(struct vt_report *r, const struct vt_metric_desc *d)
{
	vt_sink_string(r->out, "<td colspan=\"3\" class=\"absent\">Not available on this system");
	if (d->reason && *d->reason) {
		vt_sink_string(r->out, ": ");
		vt_html_text(r->out, d->reason);
	}
}

static void put_rate(struct vt_report *r, const struct vt_metric_desc *d, uint64_t value)
{
	uint64_t time = vt_summary_counted_time(r->s, d->source);

	if (time == 0) {
		vt_cell_none(r->out);
		return;
	}
	vt_cell_number(r->out);
	if (d->unit == VT_UNIT_NS) {
		uint64_t hundredths = (uint64_t)((vt_u128)value * 100 / time);
		vt_sink_printf(r->out, "%llu.%02llu CPUs", (unsigned long long)(hundredths / 100),
		               (unsigned long long)(hundredths % 100));
		return;
	}
	vt_u128 rate = (vt_u128)value * 1000000000u / time;
	vt_html_value(r->out, VT_HTML_COUNT, rate > UINT64_MAX ? UINT64_MAX : (uint64_t)rate);
	vt_sink_string(r->out, "/s");
}

static void put_counter(struct vt_report *r, unsigned metric)
{
	const struct vt_metric_desc *d = &r->s->metrics.schema->metrics[metric];
	uint64_t value = r->s->metrics.values[metric], share = vt_summary_share_of(r->s, d);
	bool user = d->reason && strncmp(d->reason, "in user mode", 12) == 0;

	if (!r->s->metrics.present[metric]) {
		vt_sink_string(r->out, "<td colspan=\"3\" class=\"absent\">not counted in the last interval");
		return;
	}
	vt_cell_value(r->out, d->unit == VT_UNIT_NS ? VT_HTML_NS : VT_HTML_COUNT,
	              d->unit == VT_UNIT_MILLI ? value / 1000 : value);
	put_rate(r, d, value);
	if (share > 0)
		vt_cell_percent(r->out, share, 1000000);
	else
		vt_cell_none(r->out);
	if (user)
		vt_sink_string(r->out, share > 0 ? ", user mode" : " user mode");
}

static void put_table(struct vt_report *r, unsigned source, const char *caption)
{
	const struct vt_metric_desc *all = r->s->metrics.schema->metrics;
	static const uint8_t order[] = { VT_METRIC_AVAILABLE, VT_METRIC_UNAVAILABLE };

	vt_table_begin(r->out, caption, "Event|#Total|#Rate|#On the counter");
	for (unsigned k = 0; k < 2; k++)
		for (unsigned i = 0; i < VT_MAX_METRICS; i++) {
			if (!vt_summary_is_told(&all[i], source) || all[i].state != order[k])
				continue;
			vt_row(r->out, "");
			put_label(r, &all[i]);
			if (k == 0)
				put_counter(r, i);
			else
				put_lacking(r, &all[i]);
		}
	vt_table_end(r->out);
}

/* The events of one source: those that lack can be chosen as well, and say why. */
static void put_options(struct vt_report *r, unsigned source, const char *group)
{
	const struct vt_metric_desc *all = r->s->metrics.schema->metrics;

	if (!any_told(r, source))
		return;
	vt_sink_printf(r->out, "<optgroup label=\"%s\">\n", group);
	for (unsigned i = 0; i < VT_MAX_METRICS; i++) {
		if (!vt_summary_is_told(&all[i], source))
			continue;
		bool lacks = all[i].state == VT_METRIC_UNAVAILABLE;
		vt_sink_printf(r->out, "<option value=\"%u\"", i);
		if (lacks) {
			vt_sink_string(r->out, " data-absent=\"Not available on this system");
			vt_sink_string(r->out, all[i].reason && *all[i].reason ? ": " : "");
			vt_html_text(r->out, all[i].reason ? all[i].reason : "");
			vt_sink_char(r->out, '"');
		}
		vt_sink_char(r->out, '>');
		put_label(r, &all[i]);
		vt_sink_string(r->out, lacks ? " (" VT_HTML_NONE ")</option>\n" : "</option>\n");
	}
	vt_sink_string(r->out, "</optgroup>\n");
}

static void put_history(struct vt_report *r)
{
	vt_sink_printf(r->out, "<div class=\"charts\">\n<figure class=\"chart\" data-chart=\"perf\" hidden><figcaption>"
	               "<label for=\"r%u-perf-event\">History of</label> <select id=\"r%u-perf-event\">\n",
	               r->number, r->number);
	put_options(r, VT_SRC_process_perf, "Processes");
	put_options(r, VT_SRC_perf, "Machine");
	vt_sink_string(r->out, "</select><span class=\"readout\"></span></figcaption><div class=\"plot\"></div>"
	               "<p class=\"absent\" hidden></p></figure>\n</div>\n");
}

void vt_report_perf(struct vt_report *r)
{
	bool processes = any_told(r, VT_SRC_process_perf), machine = any_told(r, VT_SRC_perf);

	vt_report_section(r, "perf", "Performance counters");
	if (!processes && !machine) {
		bool known = r->s->metrics.sources[VT_SRC_process_perf].known;
		vt_report_why(r, known ? VT_SRC_process_perf : VT_SRC_perf);
	} else {
		put_history(r);
	}
	if (processes)
		put_table(r, VT_SRC_process_perf, "Of the recorded processes");
	if (machine)
		put_table(r, VT_SRC_perf, "Of the whole machine");
	vt_sink_string(r->out, "</section>\n");
}
