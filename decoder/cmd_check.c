/*
 * cmd_check.c - `valktrace check`: rules on runs, and an exit code that a CI job can act on.
 *
 * Arguments are files, rules are options: nothing is guessed from what an argument looks like.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <valktrace/error.h>

#include "decoder/check.h"
#include "decoder/cmd.h"
#include "decoder/common.h"
#include "decoder/pages.h"
#include "decoder/rules.h"

#define MOST_LINE 1024u         /* bytes of a line of --rules */

/* Judged when no rule is given. What none of them finds a source for does not count then. */
static const char *const standard[] = { "gc.time > 10%", "gc.heap > 90%", "tick.max > 16ms" };
enum { STANDARD = sizeof(standard) / sizeof(*standard) };

struct settings {
	struct vt_list rules, files;
	const char *output, *coverage;
	uint64_t interval;
	bool json, subjects;
};

static const struct vt_opt options[] = {
	{ "rule", 'r', VT_OPT_LIST_WHOLE, "RULE", "what must not be: 'gc.time > 10%'; repeatable",
	  offsetof(struct settings, rules), 0, .names = vt_rule_subject },
	{ "rules", 0, VT_OPT_LIST_WHOLE, "FILE", "rules, one a line; # begins a comment",
	  offsetof(struct settings, files) },
	{ "interval", 0, VT_OPT_DURATION, "TIME", "shares and rates are judged over at least this long "
	  "(default 100ms)", offsetof(struct settings, interval) },
	{ "min-coverage", 0, VT_OPT_STRING, "PERCENT", "of the events that a rule needs; with fewer it is "
	  "unknown (default 99%)", offsetof(struct settings, coverage) },
	{ "json", 0, VT_OPT_FLAG, NULL, "a line of JSON for each rule and run",
	  offsetof(struct settings, json) },
	{ "subjects", 0, VT_OPT_FLAG, NULL, "list what a rule can be about, and end",
	  offsetof(struct settings, subjects) },
	{ "output", 'o', VT_OPT_STRING, "FILE", "write to FILE, which appears when it is complete",
	  offsetof(struct settings, output) },
	VT_OPT_END
};

struct job {
	struct settings set;
	char rules[VT_MOST_RULES][VT_RULE_TEXT];
	unsigned count;
	double min_coverage;
};

/* ---- the rules ------------------------------------------------------------------------------------- */

/* A subject that only the log's schema may know is left to the log. `where`: "FILE:LINE: ", or "". */
static int add_rule(struct job *job, const char *text, const char *where)
{
	char problem[256], whole[512];
	struct vt_rule rule;

	if (job->count == VT_MOST_RULES)
		return vt_usage("%smore than %u rules", where, VT_MOST_RULES);
	int err = strlen(text) < VT_RULE_TEXT ?
	          vt_rule_parse(&rule, text, vt_schema_builtin(), problem, sizeof(problem)) : -EMSGSIZE;
	if (err == -EMSGSIZE)
		return vt_usage("%sa rule is at most %u bytes long", where, VT_RULE_TEXT - 1);
	if (err && err != -VT_E_UNKNOWN_FIELD) {
		snprintf(whole, sizeof(whole), "%s%s", where, problem);
		return vt_usage("%s", whole);
	}
	strcpy(job->rules[job->count++], text);
	return VT_EXIT_OK;
}

static int add_file(struct job *job, const char *path)
{
	FILE *file = fopen(path, "re");
	char line[MOST_LINE], where[512];
	int code = VT_EXIT_OK;

	if (!file) {
		vt_message("%s: %s", path, strerror(errno));
		return VT_EXIT_INPUT;
	}
	for (unsigned number = 1; !code && fgets(line, sizeof(line), file); number++) {
		line[strcspn(line, "#\r\n")] = 0;
		snprintf(where, sizeof(where), "%.400s:%u: ", path, number);
		if (line[strspn(line, " \t")] != 0)
			code = add_rule(job, line, where);
	}
	if (!code && ferror(file)) {
		vt_message("%s: %s", path, strerror(errno));
		code = VT_EXIT_INPUT;
	}
	fclose(file);
	return code;
}

static int read_rules(struct job *job)
{
	const struct settings *set = &job->set;
	int code = VT_EXIT_OK;

	for (unsigned i = 0; i < set->rules.count && !code; i++)
		code = add_rule(job, set->rules.items[i], "");
	for (unsigned i = 0; i < set->files.count && !code; i++)
		code = add_file(job, set->files.items[i]);
	if (!code && set->files.count > 0 && job->count == 0)
		return vt_usage("%s: no rule in it", set->files.items[0]);
	for (unsigned i = 0; i < STANDARD && set->rules.count + set->files.count == 0 && !code; i++)
		code = add_rule(job, standard[i], "");
	return code;
}

static int read_coverage(struct job *job)
{
	const char *text = job->set.coverage;
	char rule[64], problem[256];
	struct vt_rule r;

	job->min_coverage = 99;
	if (!text)
		return VT_EXIT_OK;
	snprintf(rule, sizeof(rule), "lost.share > %.30s%s", text, strchr(text, '%') ? "" : "%");
	if (vt_rule_parse(&r, rule, vt_schema_builtin(), problem, sizeof(problem)) < 0 || r.limit > 100)
		return vt_usage("--min-coverage: '%s' is no percentage from 0 to 100", text);
	job->min_coverage = r.limit;
	return VT_EXIT_OK;
}

/* A rule where a file should be: the one mistake that everybody makes once. */
static int check_arguments(char **argv, int count)
{
	for (int i = 0; i < count; i++)
		if (strpbrk(argv[i], "<>=") && access(argv[i], F_OK) < 0)
			return vt_usage("'%s' is no file; a rule goes behind --rule: valktrace check -r '%s'",
			                argv[i], argv[i]);
	return VT_EXIT_OK;
}

/* By the built-in schema, or by that of a process which declares more. */
static int resolve(const struct job *job, const struct vt_input *in, struct vt_finding *found)
{
	char problem[256];

	for (unsigned i = 0; i < job->count; i++) {
		struct vt_rule *r = &found[i].rule;
		int err = vt_rule_parse(r, job->rules[i], vt_schema_builtin(), problem, sizeof(problem));
		for (unsigned k = 0; k < in->run->process_count && err; k++) {
			const struct vt_schema *schema = in->run->processes[k]->schema;
			if (schema != vt_schema_builtin() && (k == 0 || schema != in->run->processes[k - 1]->schema))
				err = vt_rule_parse(r, job->rules[i], schema, problem, sizeof(problem));
		}
		if (err)
			return vt_rule_usage(r, err, problem);
	}
	return VT_EXIT_OK;
}

/* ---- a run ----------------------------------------------------------------------------------------- */

static int code_of(const struct job *job, const struct vt_check *c)
{
	bool asked = job->set.rules.count + job->set.files.count > 0;
	unsigned unknown = 0;
	bool violated = false;

	for (unsigned i = 0; i < c->count; i++) {
		violated |= c->found[i].verdict == VT_CHECK_VIOLATED;
		unknown += c->found[i].verdict == VT_CHECK_UNKNOWN;
	}
	if (violated)
		return VT_EXIT_VIOLATED;
	return unknown > 0 && (asked || unknown == c->count) ? VT_EXIT_LOSS : VT_EXIT_OK;
}

static int judge(struct job *job, struct vt_check *c, struct vt_sink *text)
{
	int err = vt_check_run(c);

	for (unsigned i = 0; i < c->count && !err; i++) {
		if (job->set.json)
			vt_check_json(text, c, &c->found[i]);
		else
			vt_check_print(text, c, &c->found[i]);
	}
	return err ? err : code_of(job, c);
}

static int check_run(void *user, struct vt_input *in, struct vt_sink *text)
{
	struct job *job = user;
	struct vt_check *c = calloc(1, sizeof(*c));
	struct vt_finding *found = calloc(job->count, sizeof(*found));
	int code = c && found ? resolve(job, in, found) : -ENOMEM;

	text->colour &= !job->set.json;
	if (!code) {
		*c = (struct vt_check){
			.in = in, .found = found, .count = job->count, .min_coverage = job->min_coverage,
			/* A timer that is a little late is early the next time. */
			.least_ns = (job->set.interval ? job->set.interval : 100000000) / 8 * 7,
		};
		code = judge(job, c, text);
		vt_check_free(c);
	}
	free(found);
	free(c);
	return code;
}

static int print_subjects(void)
{
	struct vt_sink text;

	if (vt_sink_memory(&text)) {
		vt_message("out of memory");
		return VT_EXIT_FAILURE;
	}
	for (size_t i = 0; vt_rule_subject(i); i++)
		vt_sink_printf(&text, "%-20s %s\n", vt_rule_subject(i), vt_rule_subject_help(i));
	vt_sink_string(&text,
		"METRIC               a metric by its Prometheus family or its name\n"
		"METRIC/s             how much a second a counter grows\n"
		"EVENT.p99            of the durations of an event, such as gc.mark or loop.idle:\n"
		"                     max min mean p50 p90 p99 p999, or their number: count\n");
	return vt_sink_print(&text);
}

static int work(struct job *job, char **files, int count)
{
	struct vt_pages pages = { .path = job->set.output };
	int code = check_arguments(files, count);

	if (!code)
		code = read_rules(job);
	if (!code)
		code = read_coverage(job);
	if (!code)
		code = vt_pages_of_runs(&pages, files, count, check_run, job);
	return vt_pages_close(&pages, code);
}

static int run(int argc, char **argv)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job) {
		vt_message("out of memory");
		return VT_EXIT_FAILURE;
	}
	int first = vt_opt_parse(&vt_cmd_check, argc, argv, &job->set), code;
	if (first < 0)
		code = first == VT_OPT_HELP ? VT_EXIT_OK : VT_EXIT_USAGE;
	else if (job->set.subjects)
		code = print_subjects();
	else
		code = work(job, argv + first, argc - first);
	vt_opt_free(options, &job->set);
	free(job);
	return code;
}

const struct vt_command vt_cmd_check = {
	.name = "check",
	.args = "[FILE...|-]",
	.summary = "judge runs by rules, for CI: pauses too long, heap too full",
	.details = "A rule says what must not be: SUBJECT OP VALUE. OP is one of > >= < <= == !=,\n"
	           "VALUE has its unit: %, us ms s, KiB MiB GiB. Without rules: gc.time > 10%,\n"
	           "gc.heap > 90%, tick.max > 16ms, as far as the run has them. A line for each:\n"
	           "ok, VIOLATED, or unknown and why. Shares and rates are judged over each\n"
	           "interval between counter records, percentiles over all events of the run.\n"
	           "Counters are exact, whatever was lost of the events.\n"
	,
	.subjects =
#define VT_SUBJECT(name, over, unit, how, top, bottom, help) "  " name ": " help "\n"
#include "core/subjects.def"
		"  METRIC: a metric by its Prometheus family or its name\n"
		"  METRIC/s: how much a second a counter grows\n"
		"  EVENT.p99: of the durations of an event such as gc.mark; max min mean p50 p90\n"
		"  p99 p999, or their number: EVENT.count\n",
	.exits = "  0  all rules hold   3  input damaged, the rest used   6  a limit was reached\n"
	         "  1  output failed    4  not a log                      7  cannot be read\n"
	         "  2  wrong usage      5  of an unknown version          9  a rule is violated\n"
	         "  8  a rule cannot be judged: no source, or too much lost\n"
	         "  of several the first in 1 2 7 4 5 6 3 9 8: the input comes before the verdict\n",
	.examples = "  valktrace check\n"
	            "  valktrace check -r 'gc.pause.p99 > 5ms' -r 'lost > 0' run.vtrace\n"
	            "  valktrace check --rules limits.txt --json *.vtrace | jq .verdict\n"
	            "  valktrace check -r 'valk_gc_cycles_total > 1000' -r 'gc.mark.max > 2ms'\n",
	.opts = options,
	.run = run,
};
