/* summary_process.c - pages on what the kernel counted: of the processes, and of the machine's paging. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/jsonw.h"
#include "decoder/process_text.h"
#include "decoder/summary.h"
#include "decoder/units.h"

#define COLUMN      16u
#define MOST_SHOWN  5u

#define USE(name) (VT_M_process_##name - VT_M_process_cpu_user)

/* ---- collecting ------------------------------------------------------------------------------ */

static bool is_of_process(const struct vt_schema *schema, unsigned metric)
{
	const struct vt_metric_desc *m = &schema->metrics[metric];

	return m->name && (m->source == VT_SRC_process || m->source == VT_SRC_process_io);
}

static int add_use(void *user, const struct vt_counters *c)
{
	struct vt_summary *s = user;
	struct vt_process_use *u = &s->uses[s->use_count];
	bool any = false;

	/* One record a process; no more than there was room made for. */
	if (s->use_count >= s->in->run->process_count)
		return 0;
	*u = (struct vt_process_use){ .process = c->process };
	for (unsigned i = 0; i < VT_USES; i++) {
		const struct vt_counter_value *v = &c->metrics[VT_M_process_cpu_user + i];
		u->have[i] = v->present && is_of_process(c->process->schema, VT_M_process_cpu_user + i);
		u->value[i] = u->have[i] ? v->value : 0;
		any |= u->have[i];
	}
	s->use_count += any;
	return 0;
}

static uint64_t cpu_of(const struct vt_process_use *u)
{
	return u->value[USE(cpu_user)] + u->value[USE(cpu_system)];
}

static int compare_cpu(const void *a, const void *b)
{
	const struct vt_process_use *x = a, *y = b;

	if (cpu_of(x) != cpu_of(y))
		return cpu_of(x) > cpu_of(y) ? -1 : 1;
	return x->process->index < y->process->index ? -1 : x->process->index > y->process->index;
}

int vt_summary_collect_process(struct vt_summary *s)
{
	if (s->in->run->process_count == 0)
		return 0;
	s->uses = calloc(s->in->run->process_count, sizeof(*s->uses));
	if (!s->uses)
		return -ENOMEM;
	int err = vt_reader_counters(s->in->reader, -1, add_use, s);
	if (err < 0)
		return err;
	if (s->use_count > 1)
		qsort(s->uses, s->use_count, sizeof(*s->uses), compare_cpu);
	return 0;
}

/* ---- the page on processes --------------------------------------------------------------------- */

static bool has(const struct vt_summary *s, unsigned metric)
{
	return s->metrics.present[metric];
}

static bool any_of(const struct vt_summary *s, unsigned source)
{
	for (unsigned i = 0; i < VT_MAX_METRICS; i++)
		if (has(s, i) && s->metrics.schema->metrics[i].name && s->metrics.schema->metrics[i].source == source)
			return true;
	return false;
}

/* One value of a line and what it is of: "12,547 minor". Nothing when it is absent. */
struct part {
	unsigned metric;
	const char *before, *after;
};

static void put_value(struct vt_summary *s, unsigned metric)
{
	uint64_t v = s->metrics.values[metric];

	switch (s->metrics.schema->metrics[metric].unit) {
	case VT_UNIT_NS:
		vt_put_ns(s->out, v);
		break;
	case VT_UNIT_BYTES:
		vt_put_bytes(s->out, v);
		break;
	case VT_UNIT_MILLI:
		vt_sink_printf(s->out, "%llu.%02llu", (unsigned long long)(v / 1000),
		               (unsigned long long)(v % 1000 / 10));
		break;
	default:
		vt_put_grouped(s->out, v);
	}
}

/* True: something was put, behind the label or a comma. */
static bool put_parts(struct vt_summary *s, const char *label, const struct part *parts, unsigned count)
{
	size_t line = s->out->used;
	bool any = false;

	for (unsigned i = 0; i < count; i++) {
		if (!has(s, parts[i].metric))
			continue;
		if (any) {
			vt_sink_string(s->out, ", ");
		} else {
			vt_sink_string(s->out, label);
			vt_put_column(s->out, line, COLUMN);
		}
		any = true;
		vt_sink_string(s->out, parts[i].before);
		put_value(s, parts[i].metric);
		vt_sink_string(s->out, parts[i].after);
	}
	return any;
}

static void put_line(struct vt_summary *s, const char *label, const struct part *parts, unsigned count)
{
	if (put_parts(s, label, parts, count))
		vt_sink_char(s->out, '\n');
}
#define PUT_LINE(s, label, ...) \
	put_line(s, label, (const struct part[]){ __VA_ARGS__ }, \
	         sizeof((const struct part[]){ __VA_ARGS__ }) / sizeof(struct part))

static void put_cpu(struct vt_summary *s)
{
	static const struct part parts[] = {
		{ VT_M_process_cpu_user, "", " user" }, { VT_M_process_cpu_system, "", " system" },
	};
	const uint64_t *v = s->metrics.values;

	if (!put_parts(s, "cpu", parts, 2))
		return;
	if (s->length > 0) {
		vt_sink_string(s->out, ", ");
		vt_put_percent(s->out, v[VT_M_process_cpu_user] + v[VT_M_process_cpu_system], s->length);
		vt_sink_string(s->out, " of one");
	}
	if (has(s, VT_M_process_run_delay)) {
		vt_sink_string(s->out, "; waited ");
		put_value(s, VT_M_process_run_delay);
	}
	vt_sink_char(s->out, '\n');
}

static void put_cgroup(struct vt_summary *s)
{
	if (!any_of(s, VT_SRC_cgroup))
		return;
	PUT_LINE(s, "cgroup",
	         { VT_M_cgroup_memory, "", " of memory" }, { VT_M_cgroup_memory_limit, "limit ", "" },
	         { VT_M_cgroup_cpu_limit, "", " CPUs" });
	PUT_LINE(s, "its limits hit", { VT_M_cgroup_throttled, "", " throttled periods" },
	         { VT_M_cgroup_throttled_time, "", " kept waiting" }, { VT_M_cgroup_oom_kills, "", " OOM kills" });
}

/* Right-aligned at `end` of the line; "-" when it is absent. */
static void put_cell(struct vt_summary *s, size_t width, const struct vt_process_use *u, unsigned a, unsigned b)
{
	char text[VT_NUM_MAX];
	char *end = text;
	uint64_t v = u->value[a] + (b != a ? u->value[b] : 0);
	uint8_t unit = s->metrics.schema->metrics[VT_M_process_cpu_user + a].unit;

	if (!u->have[a] || !u->have[b])
		*end++ = '-';
	else
		end = unit == VT_UNIT_NS ? vt_num_ns(text, v) : unit == VT_UNIT_BYTES ? vt_num_bytes(text, v) :
		      vt_num_grouped(text, v);
	size_t n = (size_t)(end - text);
	vt_sink_blanks(s->out, n < width ? width - n : 1);
	vt_sink_bytes(s->out, text, n);
}

static void print_use(struct vt_summary *s, const struct vt_process_use *u)
{
	size_t line = s->out->used;
	char name[24];

	/* Bytes of a stranger: cut first, then escaped by what prints it. */
	snprintf(name, sizeof(name), "%.14s", u->process->program);
	vt_put_name(s->out, name);
	vt_sink_printf(s->out, "/%u", u->process->pid);
	vt_put_column(s->out, line, 22);
	put_cell(s, 8, u, USE(cpu_user), USE(cpu_system));
	put_cell(s, 10, u, USE(peak_resident), USE(peak_resident));
	put_cell(s, 10, u, USE(minor_faults), USE(major_faults));
	put_cell(s, 10, u, USE(voluntary_switches), USE(involuntary_switches));
	put_cell(s, 10, u, USE(read), USE(read));
	put_cell(s, 10, u, USE(written), USE(written));
	vt_sink_char(s->out, '\n');
}

static void put_table(struct vt_summary *s)
{
	vt_sink_string(s->out, "most CPU                   cpu      peak    faults  switches      read   "
	                       "written\n");
	for (size_t i = 0; i < s->use_count && i < MOST_SHOWN; i++)
		print_use(s, &s->uses[i]);
	if (s->use_count > MOST_SHOWN)
		vt_sink_printf(s->out, "and %zu more: valktrace summary --json\n", s->use_count - MOST_SHOWN);
}

void vt_summary_process(struct vt_summary *s)
{
	char right[96] = "";
	unsigned all = s->in->run->process_count;

	if (!any_of(s, VT_SRC_process) && !any_of(s, VT_SRC_process_io) && !any_of(s, VT_SRC_cgroup))
		return;
	if (s->use_count < all)
		snprintf(right, sizeof(right), "%zu of %u processes, the others were too short",
		         s->use_count, all);
	else if (all > 1)
		snprintf(right, sizeof(right), "%u processes together", all);
	vt_summary_title(s, "Process", right);
	put_cpu(s);
	/* What processes had at different times gives no sum. */
	if (s->use_count > 1)
		PUT_LINE(s, "memory", { VT_M_process_peak_resident, "peak seen ", " (of the largest process)" });
	else
		PUT_LINE(s, "memory", { VT_M_process_peak_resident, "peak seen ", "" },
		         { VT_M_process_resident, "", " at the last look" }, { VT_M_process_virtual, "", " virtual" });
	PUT_LINE(s, "page faults", { VT_M_process_minor_faults, "", " minor" },
	         { VT_M_process_major_faults, "", " major" });
	PUT_LINE(s, "switches", { VT_M_process_voluntary_switches, "", " voluntary" },
	         { VT_M_process_involuntary_switches, "", " involuntary" });
	PUT_LINE(s, "read", { VT_M_process_read, "", "" }, { VT_M_process_reads, "", " calls" },
	         { VT_M_process_storage_read, "", " from storage" });
	PUT_LINE(s, "written", { VT_M_process_written, "", "" }, { VT_M_process_writes, "", " calls" },
	         { VT_M_process_storage_written, "", " to storage" });
	if (s->use_count == 1)
		PUT_LINE(s, "last look", { VT_M_process_threads, "threads: ", "" },
		         { VT_M_process_open_fds, "open files: ", "" });
	put_cgroup(s);
	if (s->use_count > 1)
		put_table(s);
}

/* ---- the page on paging ------------------------------------------------------------------------ */

static void put_amount(struct vt_summary *s, size_t width, bool bytes, bool present, uint64_t v)
{
	char text[VT_NUM_MAX];
	char *end = text;

	if (present)
		end = bytes ? vt_num_bytes(text, v) : vt_num_grouped(text, v);
	else
		*end++ = '-';
	size_t n = (size_t)(end - text);
	vt_sink_blanks(s->out, n < width ? width - n : 1);
	vt_sink_bytes(s->out, text, n);
}

static void put_paging(struct vt_summary *s, const char *label, unsigned metric)
{
	unsigned rate = metric - VT_M_vm_paged_in + VT_M_vm_paged_in_per_second;
	bool bytes = s->metrics.schema->metrics[metric].unit == VT_UNIT_BYTES;
	uint64_t v = s->metrics.values[metric], last = s->metrics.values[rate];
	vt_u128 mean = s->length > 0 ? (vt_u128)v * 1000000000u / s->length : 0;
	size_t line = s->out->used;

	if (!has(s, metric))
		return;
	vt_sink_string(s->out, label);
	vt_put_column(s->out, line, 27);
	put_amount(s, 14, bytes, true, v);
	put_amount(s, 14, bytes, s->length > 0, mean > UINT64_MAX ? UINT64_MAX : (uint64_t)mean);
	put_amount(s, 18, bytes, has(s, rate), bytes ? last : last / 1000);
	vt_sink_char(s->out, '\n');
}

static void put_stalls(struct vt_summary *s)
{
	PUT_LINE(s, "some waited", { VT_M_pressure_cpu_some, "for CPUs ", "" },
	         { VT_M_pressure_memory_some, "for memory ", "" }, { VT_M_pressure_io_some, "for I/O ", "" });
	PUT_LINE(s, "all waited", { VT_M_pressure_memory_full, "for memory ", "" },
	         { VT_M_pressure_io_full, "for I/O ", "" });
}

void vt_summary_paging(struct vt_summary *s)
{
	if (any_of(s, VT_SRC_vm)) {
		vt_summary_line(s, "\n--- Paging ---  machine-wide        total        mean/s   last interval/s\n");
		put_paging(s, "read from devices", VT_M_vm_paged_in);
		put_paging(s, "written to devices", VT_M_vm_paged_out);
		put_paging(s, "swapped in", VT_M_vm_swapped_in);
		put_paging(s, "swapped out", VT_M_vm_swapped_out);
		put_paging(s, "page faults", VT_M_vm_faults);
		put_paging(s, "major page faults", VT_M_vm_major_faults);
		if (has(s, VT_M_vm_gaps) && s->metrics.values[VT_M_vm_gaps] > 0)
			PUT_LINE(s, "gaps", { VT_M_vm_gaps, "", " intervals without rates: it was suspended or held up" });
	}
	if (!any_of(s, VT_SRC_pressure))
		return;
	if (!any_of(s, VT_SRC_vm))
		vt_summary_title(s, "Stalls of the machine", "");
	put_stalls(s);
}

/* ---- JSON ---------------------------------------------------------------------------------------- */

/* "process_cpu_user" as "cpu_user_ns" in the map "process". */
static void put_member(struct vt_json *j, const struct vt_metric_desc *m, const char *prefix, uint64_t v)
{
	static const char *const units[] = {
		[VT_UNIT_NONE] = "", [VT_UNIT_NS] = "_ns", [VT_UNIT_BYTES] = "_bytes", [VT_UNIT_MILLI] = "_milli",
		[VT_UNIT_PPM] = "_ppm",
	};
	size_t n = strlen(prefix);
	char key[VT_MAX_NAME + 16];

	snprintf(key, sizeof(key), "%.*s%s", (int)VT_MAX_NAME,
	         strncmp(m->name, prefix, n) == 0 ? m->name + n : m->name,
	         m->unit <= VT_UNIT_LAST ? units[m->unit] : "");
	vt_json_put_u64(j, key, v);
}

void vt_summary_json_kernel(struct vt_json *j, const struct vt_summary *s)
{
	static const struct { const char *key, *prefix; unsigned source, other; } maps[] = {
		{ "process", "process_", VT_SRC_process, VT_SRC_process_io },
		{ "paging", "vm_", VT_SRC_vm, VT_SRC_vm },
		{ "pressure", "pressure_", VT_SRC_pressure, VT_SRC_pressure },
		{ "cgroup", "cgroup_", VT_SRC_cgroup, VT_SRC_cgroup },
	};

	for (size_t k = 0; k < sizeof(maps) / sizeof(*maps); k++) {
		if (!any_of(s, maps[k].source) && !any_of(s, maps[k].other))
			continue;
		vt_json_open(j, maps[k].key, '{');
		for (unsigned i = 0; i < VT_MAX_METRICS; i++) {
			const struct vt_metric_desc *m = &s->metrics.schema->metrics[i];
			/* What processes had at different times gives no sum. */
			if (m->kind == VT_METRIC_GAUGE && s->use_count > 1)
				continue;
			if (has(s, i) && m->name && (m->source == maps[k].source || m->source == maps[k].other))
				put_member(j, m, maps[k].prefix, s->metrics.values[i]);
		}
		vt_json_close(j, '}');
	}
}

void vt_summary_json_use(struct vt_json *j, const struct vt_summary *s, const struct vt_process_info *p)
{
	for (size_t k = 0; k < s->use_count; k++) {
		const struct vt_process_use *u = &s->uses[k];
		if (u->process != p)
			continue;
		for (unsigned i = 0; i < VT_USES; i++)
			if (u->have[i])
				put_member(j, &p->schema->metrics[VT_M_process_cpu_user + i], "process_", u->value[i]);
		return;
	}
}
