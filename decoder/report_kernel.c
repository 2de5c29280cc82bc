/* report_kernel.c - sections on what the kernel counted: of the processes, and of the machine. */
#include "decoder/report.h"

#include <inttypes.h>

#include "decoder/process_text.h"
#include "decoder/report_html.h"
#include "decoder/units.h"

#define MOST_PROCESSES 16u

static bool has(const struct vt_report *r, unsigned metric)
{
	return r->s->metrics.present[metric];
}

static enum vt_html_unit unit_of(const struct vt_report *r, unsigned metric)
{
	switch (r->s->metrics.schema->metrics[metric].unit) {
	case VT_UNIT_NS:
		return VT_HTML_NS;
	case VT_UNIT_BYTES:
		return VT_HTML_BYTES;
	case VT_UNIT_MILLI:
		return VT_HTML_MILLI;
	default:
		return VT_HTML_COUNT;
	}
}

static void put_value(struct vt_report *r, unsigned metric)
{
	vt_html_value(r->out, unit_of(r, metric), r->s->metrics.values[metric]);
}

static void put_card(struct vt_report *r, const char *name, unsigned metric)
{
	if (!has(r, metric)) {
		vt_card_none(r->out, name);
		return;
	}
	vt_card(r->out, name);
	put_value(r, metric);
	vt_card_end(r->out);
}

/* The sum of two, with the parts below it: "1.70s", "1.69s user, 24.6ms system". */
static void put_pair(struct vt_report *r, const char *name, unsigned a, const char *after_a, unsigned b,
                     const char *after_b)
{
	if (!has(r, a) || !has(r, b)) {
		vt_card_none(r->out, name);
		return;
	}
	vt_card(r->out, name);
	vt_html_value(r->out, unit_of(r, a), r->s->metrics.values[a] + r->s->metrics.values[b]);
	vt_card_note(r->out);
	put_value(r, a);
	vt_sink_printf(r->out, " %s, ", after_a);
	put_value(r, b);
	vt_sink_printf(r->out, " %s", after_b);
	vt_card_end(r->out);
}

/* ---- process ------------------------------------------------------------------------------------- */

static void put_use(struct vt_report *r, const struct vt_process_use *u, unsigned a, unsigned b)
{
	unsigned i = a - VT_M_process_cpu_user, k = b - VT_M_process_cpu_user;

	if (!u->have[i] || !u->have[k])
		vt_cell_none(r->out);
	else
		vt_cell_value(r->out, unit_of(r, a), u->value[i] + (k != i ? u->value[k] : 0));
}

static void put_processes(struct vt_report *r)
{
	vt_table_begin(r->out, "Processes by CPU time",
	               "Process|#CPU|#Peak memory|#Page faults|#Switches|#Read|#Written");
	for (size_t i = 0; i < r->s->use_count && i < MOST_PROCESSES; i++) {
		const struct vt_process_use *u = &r->s->uses[i];
		vt_row(r->out, u->process->program);
		vt_sink_printf(r->out, "/%" PRIu32, u->process->pid);
		put_use(r, u, VT_M_process_cpu_user, VT_M_process_cpu_system);
		put_use(r, u, VT_M_process_peak_resident, VT_M_process_peak_resident);
		put_use(r, u, VT_M_process_minor_faults, VT_M_process_major_faults);
		put_use(r, u, VT_M_process_voluntary_switches, VT_M_process_involuntary_switches);
		put_use(r, u, VT_M_process_read, VT_M_process_read);
		put_use(r, u, VT_M_process_written, VT_M_process_written);
	}
	vt_table_end(r->out);
	if (r->s->use_count > MOST_PROCESSES)
		vt_sink_printf(r->out, "<p class=\"note\">And %zu more.</p>\n", r->s->use_count - MOST_PROCESSES);
}

/* Rows of what there is. */
struct row { const char *name; unsigned metric; };

static void put_rows(struct vt_report *r, const char *caption, const struct row *rows, size_t count)
{
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		if (!has(r, rows[i].metric))
			continue;
		if (!any)
			vt_table_begin(r->out, caption, "|#Value");
		any = true;
		vt_row(r->out, rows[i].name);
		vt_cell_number(r->out);
		put_value(r, rows[i].metric);
	}
	if (any)
		vt_table_end(r->out);
}

static void put_process_cards(struct vt_report *r)
{
	vt_cards_begin(r->out);
	put_pair(r, "CPU", VT_M_process_cpu_user, "user", VT_M_process_cpu_system, "system");
	put_card(r, "Waited for a CPU", VT_M_process_run_delay);
	put_card(r, "Peak memory", VT_M_process_peak_resident);
	put_pair(r, "Page faults", VT_M_process_minor_faults, "minor", VT_M_process_major_faults, "major");
	put_pair(r, "Switches", VT_M_process_voluntary_switches, "own", VT_M_process_involuntary_switches,
	         "forced");
	put_card(r, "Read", VT_M_process_read);
	put_card(r, "Written", VT_M_process_written);
	vt_cards_end(r->out);
}

void vt_report_process(struct vt_report *r)
{
	static const struct row more[] = {
		{ "memory at the last look", VT_M_process_resident }, { "address space", VT_M_process_virtual },
		{ "threads at the last look", VT_M_process_threads }, { "open files", VT_M_process_open_fds },
		{ "calls like read", VT_M_process_reads }, { "calls like write", VT_M_process_writes },
		{ "fetched from storage", VT_M_process_storage_read },
		{ "sent to storage", VT_M_process_storage_written },
	};
	static const struct row group[] = {
		{ "memory", VT_M_cgroup_memory }, { "limit of memory", VT_M_cgroup_memory_limit },
		{ "limit of CPUs", VT_M_cgroup_cpu_limit }, { "throttled periods", VT_M_cgroup_throttled },
		{ "kept waiting", VT_M_cgroup_throttled_time }, { "OOM kills", VT_M_cgroup_oom_kills },
	};
	unsigned all = r->s->in->run->process_count;

	vt_report_section(r, "process", "Process");
	put_process_cards(r);
	if (!vt_report_has(r, VT_SRC_process))
		vt_report_why(r, VT_SRC_process);
	else if (r->s->use_count < all)
		vt_sink_printf(r->out, "<p class=\"note\">%zu of %u processes; the others were too short.</p>\n",
		               r->s->use_count, all);
	else if (all > 1)
		vt_sink_printf(r->out, "<p class=\"note\">%u processes together; the peak is of the largest.</p>\n",
		               all);
	vt_sink_string(r->out, "<div class=\"charts\">\n");
	vt_report_chart(r, "cpu", "CPU, in percent of one");
	vt_report_chart(r, "memory", "Memory in RAM");
	vt_sink_string(r->out, "</div>\n<div class=\"tables\">\n");
	/* What processes had at different times gives no sum. */
	if (r->s->use_count == 1)
		put_rows(r, "More of the process", more, sizeof(more) / sizeof(*more));
	else if (r->s->use_count > 1)
		put_processes(r);
	put_rows(r, "Control group", group, sizeof(group) / sizeof(*group));
	vt_sink_string(r->out, "</div>\n</section>\n");
}

/* ---- paging -------------------------------------------------------------------------------------- */

static void put_amount(struct vt_report *r, bool bytes, bool present, uint64_t v)
{
	if (present)
		vt_cell_value(r->out, bytes ? VT_HTML_BYTES : VT_HTML_COUNT, v);
	else
		vt_cell_none(r->out);
}

static void put_paging_row(struct vt_report *r, const char *name, unsigned metric)
{
	const uint64_t *values = r->s->metrics.values;
	unsigned rate = metric - VT_M_vm_paged_in + VT_M_vm_paged_in_per_second;
	bool bytes = unit_of(r, metric) == VT_HTML_BYTES;

	vt_row(r->out, name);
	put_amount(r, bytes, has(r, metric), values[metric]);
	put_amount(r, bytes, has(r, metric) && r->s->length > 0, vt_summary_rate(r->s, values[metric]));
	put_amount(r, bytes, has(r, rate), bytes ? values[rate] : values[rate] / 1000);
}

static void put_paging(struct vt_report *r)
{
	static const struct row rows[] = {
		{ "read from devices", VT_M_vm_paged_in }, { "written to devices", VT_M_vm_paged_out },
		{ "swapped in", VT_M_vm_swapped_in }, { "swapped out", VT_M_vm_swapped_out },
		{ "page faults", VT_M_vm_faults }, { "major page faults", VT_M_vm_major_faults },
	};

	vt_table_begin(r->out, "Paging of the whole machine", "|#Total|#Mean/s|#Last interval/s");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		put_paging_row(r, rows[i].name, rows[i].metric);
	vt_table_end(r->out);
	if (has(r, VT_M_vm_gaps) && r->s->metrics.values[VT_M_vm_gaps] > 0) {
		vt_sink_string(r->out, "<p class=\"note\">");
		put_value(r, VT_M_vm_gaps);
		vt_sink_string(r->out, " intervals without rates: the machine was suspended or held up.</p>\n");
	}
}

void vt_report_paging(struct vt_report *r)
{
	static const struct row stalls[] = {
		{ "some waited for CPUs", VT_M_pressure_cpu_some },
		{ "some waited for memory", VT_M_pressure_memory_some },
		{ "some waited for I/O", VT_M_pressure_io_some },
		{ "all waited for memory", VT_M_pressure_memory_full },
		{ "all waited for I/O", VT_M_pressure_io_full },
	};

	vt_report_section(r, "paging", "Paging");
	if (!vt_report_has(r, VT_SRC_vm))
		vt_report_why(r, VT_SRC_vm);
	vt_sink_string(r->out, "<div class=\"charts\">\n");
	vt_report_chart(r, "paging", "Paging, bytes a second");
	vt_report_chart(r, "faults", "Page faults a second");
	vt_sink_string(r->out, "</div>\n<div class=\"tables\">\n");
	if (vt_report_has(r, VT_SRC_vm))
		put_paging(r);
	put_rows(r, "Stalls of the machine", stalls, sizeof(stalls) / sizeof(*stalls));
	vt_sink_string(r->out, "</div>\n</section>\n");
}
