/* cmd_info.c - `valktrace info`: what a log is, how whole it is, and what its bytes went to. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "decoder/cmd.h"
#include "decoder/export.h"
#include "decoder/pages.h"
#include "decoder/jsonw.h"
#include "decoder/process_text.h"

#define MOST_PROCESSES 16u      /* lines in the text */
#define LABEL 11u               /* width of the first column */

struct settings {
	const char *output;
	bool json;
};

static const struct vt_opt options[] = {
	{ "json", 0, VT_OPT_FLAG, NULL, "as one JSON object a line, one a run",
	  offsetof(struct settings, json), 0 },
	{ "output", 'o', VT_OPT_STRING, "FILE", "write to FILE, which appears when it is complete",
	  offsetof(struct settings, output), 0 },
	VT_OPT_END
};

static size_t line_begin(struct vt_sink *out, const char *label)
{
	size_t line = out->used;

	vt_sink_string(out, label);
	vt_put_column(out, line, LABEL);
	return line;
}

static void print_head(struct vt_sink *out, const struct vt_input *in)
{
	const struct vt_run_info *run = in->run;

	line_begin(out, "file");
	vt_put_name(out, in->name);
	if (in->count > 1)
		vt_sink_printf(out, " and %u more", in->count - 1);
	vt_sink_string(out, "  ");
	vt_put_grouped(out, run->bytes);
	if (run->parts == 0)
		vt_sink_string(out, " bytes, ring file");
	else
		vt_sink_printf(out, " bytes, format %u.%u, %s", VT_FORMAT_MAJOR, VT_FORMAT_MINOR,
		               run->closed ? "closed" : run->writing ? "STILL BEING WRITTEN" : "NOT CLOSED");
	if (run->damaged) {
		vt_sink_string(out, ", DAMAGED (");
		vt_put_grouped(out, run->damaged_bytes);
		vt_sink_string(out, " bytes)\n");
	} else {
		/* No section was read, so nothing can be said of what is in them. */
		vt_sink_char(out, '\n');
		line_begin(out, "");
		vt_sink_string(out, "headers undamaged (valktrace verify reads all)\n");
	}
	line_begin(out, "run");
	vt_sink_printf(out, "%016" PRIx64, run->run);
	if (run->parts > 0)
		vt_sink_printf(out, ", %u part%s", run->parts, run->parts == 1 ? "" : "s");
	if (run->parts_missing > 0)
		vt_sink_printf(out, ", %u MISSING", run->parts_missing);
	vt_sink_char(out, '\n');
	line_begin(out, "time");
	vt_put_utc(out, run->realtime, 6);
	vt_sink_string(out, ", ");
	vt_put_seconds(out, vt_run_length(in), 3);
	vt_sink_printf(out, " s, clock error < %" PRIu64 "us\n", run->anchor_error_ns / 1000 + 1);
}

static void print_processes(struct vt_sink *out, const struct vt_run_info *run)
{
	for (unsigned i = 0; i < run->process_count && i < MOST_PROCESSES; i++) {
		const struct vt_process_info *p = run->processes[i];
		line_begin(out, i == 0 ? "program" : "");
		vt_program_text(out, p);
		vt_sink_printf(out, ", pid %u, ", p->pid);
		vt_ending_text(out, p);
		vt_sink_string(out, p->recovered ? ", read from its ring\n" : "\n");
	}
	if (run->process_count > MOST_PROCESSES) {
		line_begin(out, "");
		vt_sink_printf(out, "and %u more\n", run->process_count - MOST_PROCESSES);
	}
}

/* Facts that a line of their own, or the program's line, has shown. */
static bool is_shown(const char *key)
{
	return strcmp(key, "program") == 0 || strcmp(key, "version") == 0;
}

static void print_facts(struct vt_sink *out, const struct vt_run_info *run)
{
	const struct vt_process_info *p = vt_main_process(run);

	for (unsigned i = 0; p && i < p->fact_count; i++) {
		if (is_shown(p->facts[i].key))
			continue;
		size_t line = out->used;
		vt_put_name(out, p->facts[i].key);
		if (out->used - line >= LABEL)
			vt_sink_string(out, "  ");
		vt_put_column(out, line, LABEL);
		vt_put_name(out, p->facts[i].value);
		vt_sink_char(out, '\n');
	}
}

/* What somebody should know before a log is attached to a public report. */
static void print_private(struct vt_sink *out, const struct vt_run_info *run)
{
	unsigned personal = 0;

	line_begin(out, "private");
	for (unsigned p = 0; p < run->process_count; p++) {
		for (unsigned i = 0; i < run->processes[p]->fact_count; i++) {
			const struct vt_fact *fact = &run->processes[p]->facts[i];
			if (fact->class_flag == VT_FIELD_PUBLIC || personal++ > 8)
				continue;
			vt_sink_string(out, personal == 1 ? "RECORDED: " : ", ");
			vt_put_name(out, fact->key);
		}
	}
	vt_sink_string(out, personal > 0 ? "\n" : "not recorded: arguments, environment, host, user\n");
}

static void print_missing(struct vt_sink *out, const struct vt_input *in)
{
	bool recovered = false;

	for (unsigned i = 0; i < in->run->process_count; i++)
		recovered |= in->run->processes[i]->recovered;
	if (in->run->closed || recovered)
		return;
	line_begin(out, "missing");
	vt_sink_string(out, "all after ");
	vt_put_seconds(out, vt_reader_ns(in->reader, in->run->last), 3);
	if (in->run->damaged) {
		vt_sink_string(out, " s: the file was damaged or cut on its way here; ask for\n");
		line_begin(out, "");
		vt_sink_string(out, "it again\n");
		return;
	}
	vt_sink_string(out, " s: it is in the ring file on the machine of the run,\n");
	line_begin(out, "");
	vt_sink_string(out, "until that reboots, or the recorder is still running. Run there:\n");
	line_begin(out, "");
	vt_sink_string(out, "valktrace recover ");
	vt_put_name(out, in->name);
	vt_sink_char(out, '\n');
}

static void print_category_row(struct vt_sink *out, const char *name, uint64_t events,
                               uint64_t bytes, uint64_t lost, bool is_log)
{
	size_t line = out->used;

	vt_put_name(out, name);
	vt_put_column(out, line, 10);
	vt_put_right(out, events, 12);
	vt_put_right(out, bytes, 14);
	if (events > 0 && is_log) {
		char ratio[32];
		uint64_t hundredths = bytes > UINT64_MAX / 100 ? 0 : (bytes * 100 + events / 2) / events;
		int n = snprintf(ratio, sizeof(ratio), "%" PRIu64 ".%02u", hundredths / 100,
		                 (unsigned)(hundredths % 100));
		vt_sink_blanks(out, n < 10 ? 10 - (size_t)n : 0);
		vt_sink_string(out, ratio);
	} else {
		vt_sink_blanks(out, 10);
	}
	vt_put_right(out, lost, 12);
	vt_sink_char(out, '\n');
}

static const char *category_label(const struct vt_run_info *run, unsigned c, char spare[8])
{
	const char *name = vt_category_name(run, c);

	if (name)
		return name;
	snprintf(spare, 8, "#%u", c % VT_MAX_CATEGORIES);
	return spare;
}

/* The rows add up to the size of the files. */
static void print_categories(struct vt_sink *out, const struct vt_run_info *run)
{
	uint64_t sections = 0;
	char spare[8];

	vt_sink_string(out, "\ncategory        events         bytes   B/event        lost\n");
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		uint64_t lost = vt_lost_of(run->lost, c);
		if (run->decoded[c] == 0 && lost == 0 && run->stored[c] == 0)
			continue;
		sections += run->stored[c];
		print_category_row(out, category_label(run, c, spare), run->decoded[c],
		                   run->stored[c], lost, run->parts > 0);
	}
	size_t line = out->used;
	vt_sink_string(out, run->parts > 0 ? "frame, schema, names" : "rings, tables");
	vt_put_column(out, line, 22);
	vt_put_right(out, run->bytes > sections ? run->bytes - sections : 0, 14);
	vt_sink_char(out, '\n');
	line = out->used;
	vt_sink_string(out, "total");
	vt_put_column(out, line, 10);
	vt_put_right(out, vt_decoded_all(run), 12);
	vt_put_right(out, run->bytes, 14);
	vt_sink_blanks(out, 10);
	vt_put_right(out, vt_lost_all(run), 12);
	vt_sink_char(out, '\n');
}

static void print_causes(struct vt_sink *out, const struct vt_run_info *run)
{
	for (unsigned cause = 0; cause < VT_LOST_CAUSES; cause++) {
		uint64_t sum = vt_lost_to(run, cause);
		if (sum == 0)
			continue;
		vt_sink_printf(out, "\nlost       ");
		vt_put_grouped(out, sum);
		vt_sink_printf(out, " %s", vt_cause_name(cause));
		if (cause == VT_LOST_OVERWRITTEN || cause == VT_LOST_DISCARDED)
			vt_sink_string(out, ": a larger --ring-size or a shorter --flush keeps them");
	}
	if (vt_lost_all(run) > 0)
		vt_sink_char(out, '\n');
}

/* The highest number that --at takes. */
static int highest_record(void *user, const struct vt_counters *c)
{
	uint64_t *highest = user;

	if (c->sequence > *highest)
		*highest = c->sequence;
	return 0;
}

static uint64_t last_record(const struct vt_input *in)
{
	uint64_t highest = 0;

	vt_reader_counters(in->reader, 0, highest_record, &highest);
	return highest;
}

static void print_text(struct vt_sink *out, const struct vt_input *in)
{
	unsigned threads = 0;

	print_head(out, in);
	print_processes(out, in->run);
	print_facts(out, in->run);
	print_private(out, in->run);
	print_missing(out, in);
	print_categories(out, in->run);
	print_causes(out, in->run);
	for (unsigned i = 0; i < in->run->ring_count; i++)
		threads += !in->run->rings[i]->is_signal && !in->run->rings[i]->is_recorder;
	vt_sink_printf(out, "\nthreads    %u\n", threads);
	uint64_t last = last_record(in);
	if (last > 0)
		vt_sink_printf(out, "counters   records #1 to #%" PRIu64 " (decode --at #N)\n", last);
	else
		vt_sink_string(out, "counters   no record\n");
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void put_hex(struct vt_json *j, const char *key, uint64_t v)
{
	char text[20];

	snprintf(text, sizeof(text), "%016" PRIx64, v);
	vt_json_put_string(j, key, text);
}

static void json_process(struct vt_json *j, const struct vt_input *in,
                         const struct vt_process_info *p)
{
	vt_json_open(j, NULL, '{');
	vt_json_put_u64(j, "pid", p->pid);
	if (p->parent == VT_NO_PROCESS)
		vt_json_put_null(j, "parent");
	else
		vt_json_put_u64(j, "parent", p->parent);
	vt_json_put_string(j, "program", p->program);
	vt_json_put_string(j, "ending", vt_ending_word(p->ending));
	if (p->ending == VT_END_EXIT || p->ending == VT_END_SIGNAL)
		vt_json_put_u64(j, "status", p->status);
	vt_json_put_u64(j, "start_ns", vt_reader_ns(in->reader, p->start));
	if (p->end > 0)
		vt_json_put_u64(j, "end_ns", vt_reader_ns(in->reader, p->end));
	vt_json_put_bool(j, "recovered", p->recovered);
	vt_json_open(j, "facts", '{');
	for (unsigned i = 0; i < p->fact_count; i++)
		vt_json_put_string(j, p->facts[i].key, p->facts[i].value);
	vt_json_close(j, '}');
	vt_json_close(j, '}');
}

static void json_categories(struct vt_json *j, const struct vt_run_info *run)
{
	char spare[8];

	vt_json_open(j, "categories", '{');
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		uint64_t lost = vt_lost_of(run->lost, c);
		if (run->decoded[c] == 0 && lost == 0)
			continue;
		vt_json_open(j, category_label(run, c, spare), '{');
		vt_json_put_u64(j, "events", run->decoded[c]);
		vt_json_put_u64(j, "bytes", run->stored[c]);
		vt_json_put_u64(j, "lost", lost);
		vt_json_close(j, '}');
	}
	vt_json_close(j, '}');
}

/* By thread and category, so that emitted = decoded + lost can be checked from outside. */
static void json_counts(struct vt_json *j, const char *key, const struct vt_run_info *run,
                        const uint64_t counts[VT_MAX_CATEGORIES])
{
	char spare[8];

	vt_json_open(j, key, '{');
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
		if (counts[c] > 0)
			vt_json_put_u64(j, category_label(run, c, spare), counts[c]);
	vt_json_close(j, '}');
}

static void json_thread(struct vt_json *j, const struct vt_input *in,
                        const struct vt_ring_info *ring)
{
	uint64_t lost[VT_MAX_CATEGORIES];

	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
		lost[c] = vt_lost_of(ring->lost, c);
	vt_json_open(j, NULL, '{');
	vt_json_put_u64(j, "ring", ring->id);
	vt_json_put_u64(j, "pid", ring->process->pid);
	vt_json_put_u64(j, "tid", ring->tid);
	vt_json_put_string(j, "thread", vt_thread_name_of(ring));
	vt_json_put_bool(j, "signal", ring->is_signal);
	if (ring->is_recorder)
		vt_json_put_bool(j, "recorder", true);
	if (ring->last > 0) {
		vt_json_put_u64(j, "first_ns", vt_reader_ns(in->reader, ring->first));
		vt_json_put_u64(j, "last_ns", vt_reader_ns(in->reader, ring->last));
	}
	json_counts(j, "decoded", in->run, ring->decoded);
	json_counts(j, "lost", in->run, lost);
	if (ring->totals_known)
		json_counts(j, "committed", in->run, ring->committed);
	else
		vt_json_put_null(j, "committed");
	vt_json_close(j, '}');
}

static void json_causes(struct vt_json *j, const struct vt_run_info *run)
{
	vt_json_open(j, "lost_by_cause", '{');
	for (unsigned cause = 0; cause < VT_LOST_CAUSES; cause++) {
		uint64_t sum = vt_lost_to(run, cause);
		if (sum > 0)
			vt_json_put_u64(j, vt_cause_name(cause), sum);
	}
	vt_json_close(j, '}');
}

static void print_json(struct vt_sink *out, const struct vt_input *in)
{
	const struct vt_run_info *run = in->run;
	struct vt_json j = { .out = out };

	vt_json_open(&j, NULL, '{');
	put_hex(&j, "run", run->run);
	vt_json_put_u64(&j, "parts", run->parts);
	vt_json_put_u64(&j, "parts_missing", run->parts_missing);
	vt_json_put_u64(&j, "bytes", run->bytes);
	vt_json_put_u64(&j, "chunks", run->chunks);
	vt_json_put_bool(&j, "closed", run->closed);
	vt_json_put_bool(&j, "damaged", run->damaged);
	vt_json_put_u64(&j, "damaged_bytes", run->damaged_bytes);
	vt_json_put_u64(&j, "start_unix_ns", run->realtime);
	vt_json_put_u64(&j, "length_ns", vt_run_length(in));
	vt_json_put_u64(&j, "clock_error_ns", run->anchor_error_ns);
	vt_json_put_u64(&j, "counter_records", last_record(in));
	vt_json_put_u64(&j, "events", vt_decoded_all(run));
	vt_json_put_u64(&j, "lost", vt_lost_all(run));
	json_causes(&j, run);
	json_categories(&j, run);
	vt_json_open(&j, "processes", '[');
	for (unsigned i = 0; i < run->process_count; i++)
		json_process(&j, in, run->processes[i]);
	vt_json_close(&j, ']');
	vt_json_open(&j, "threads", '[');
	for (unsigned i = 0; i < run->ring_count; i++)
		json_thread(&j, in, run->rings[i]);
	vt_json_close(&j, ']');
	vt_json_close(&j, '}');
	vt_sink_char(out, '\n');
}

static int print_run(void *user, struct vt_input *in, struct vt_sink *text)
{
	const struct settings *set = user;

	if (set->json)
		print_json(text, in);
	else
		print_text(text, in);
	return VT_EXIT_OK;
}

static int run(int argc, char **argv)
{
	struct settings set = { .json = false };
	int first = vt_opt_parse(&vt_cmd_info, argc, argv, &set);

	if (first < 0)
		return first == VT_OPT_HELP ? VT_EXIT_OK : VT_EXIT_USAGE;
	struct vt_pages pages = { .path = set.output, .apart = !set.json };
	return vt_pages_close(&pages, vt_pages_of_runs(&pages, argv + first, argc - first, print_run, &set));
}

const struct vt_command vt_cmd_info = {
	.name = "info",
	.args = "[FILE...|-]",
	.summary = "what a log is, how whole it is, what is in it",
	.details = "Files, run, times, processes, what is private in it; events, bytes and losses by\n"
	           "category. A FILE stands for all parts of its run; '-' is standard input.\n",
	.exits = vt_exits_of_readers,
	.examples = "  valktrace info\n"
	            "  valktrace info --json run.vtrace | jq .categories\n",
	.opts = options,
	.run = run,
};
