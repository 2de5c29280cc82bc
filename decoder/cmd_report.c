/* cmd_report.c - `valktrace report`: runs as one page of HTML that needs nothing but a browser. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decoder/choice.h"
#include "decoder/cmd.h"
#include "decoder/pages.h"
#include "decoder/process_text.h"
#include "decoder/report.h"

#define FUNCTION_EVENTS 20000000u       /* a page is made once: it may take a second for the functions */

struct settings {
	struct vt_choice choice;
	const char *output;
	bool functions;
};

static const struct vt_opt options[] = {
	VT_CHOICE_ROWS(struct settings),
	{ "functions", 0, VT_OPT_FLAG, NULL, "time by function also of more than 20,000,000 events",
	  offsetof(struct settings, functions) },
	{ "output", 'o', VT_OPT_STRING, "FILE", "write to FILE, which appears when it is complete",
	  offsetof(struct settings, output) },
	VT_OPT_END
};

struct job {
	struct settings set;
	unsigned runs;                  /* in the page so far */
};

/* "guile, 2026-11-21T18:28:01Z": what a tab or a file list shows. */
static void begin_page(struct vt_sink *text, const struct vt_input *in)
{
	const struct vt_process_info *p = vt_main_process(in->run);
	const char *program = p ? vt_fact_value(p, "program") : NULL;
	struct vt_sink title;

	if (vt_sink_memory(&title))
		return;
	vt_sink_string(&title, program && *program ? program : p ? p->program : "valktrace");
	vt_sink_string(&title, ", ");
	vt_put_utc(&title, in->run->realtime, 0);
	vt_report_begin(text, vt_sink_text(&title));
	vt_sink_discard(&title);
}

static int put_run(struct job *job, struct vt_input *in, struct vt_sink *text)
{
	struct vt_summary *s = calloc(1, sizeof(*s));
	struct vt_history *series = calloc(1, sizeof(*series));
	int err = s && series ? 0 : -ENOMEM;

	if (!err) {
		*s = (struct vt_summary){ .in = in, .filter = &job->set.choice.filter, .out = text,
		                          .functions = job->set.functions ||
		                                       vt_decoded_all(in->run) <= FUNCTION_EVENTS };
		err = vt_history_begin(series, s);
	}
	if (!err)
		err = vt_summary_collect(s);
	if (!err)
		err = vt_history_finish(series);
	if (!err) {
		struct vt_report r = { .s = s, .series = series, .out = text, .number = ++job->runs };
		if (job->runs == 1)
			begin_page(text, in);
		vt_report_run(&r);
	}
	if (s)
		vt_summary_free(s);
	if (series)
		vt_history_free(series);
	free(series);
	free(s);
	return err;
}

/* One of several runs may lack a name that others have; one that none has is a mistake. */
static int print_run(void *user, struct vt_input *in, struct vt_sink *text)
{
	struct job *job = user;
	bool several = in->run_digits > 0, unknown = false;
	int code = vt_choice_apply_known(&job->set.choice, in, several ? &unknown : NULL);

	if (unknown)
		vt_message("%s: has none of what is asked for", in->name);
	return code || unknown ? code : put_run(job, in, text);
}

static int end_page(struct vt_pages *pages)
{
	struct vt_sink text;

	if (vt_pages_text(pages, &text))
		return VT_EXIT_FAILURE;
	vt_report_end(&text);
	return vt_pages_add(pages, &text);
}

static int report(struct job *job, char **files, int count)
{
	struct vt_pages pages = { .path = job->set.output };

	if (!job->set.output && isatty(STDOUT_FILENO))
		return vt_usage("report writes HTML; say where: -o run.html");
	int code = vt_pages_of_runs(&pages, files, count, print_run, job);
	if (job->runs > 0)
		code = vt_exit_worse(code, end_page(&pages));
	else if (code == VT_EXIT_OK)
		code = VT_EXIT_USAGE;
	return vt_pages_close(&pages, code);
}

static int run(int argc, char **argv)
{
	struct job job = { .runs = 0 };
	int first = vt_opt_parse(&vt_cmd_report, argc, argv, &job.set);
	int code = first >= 0 ? report(&job, argv + first, argc - first)
	         : first == VT_OPT_HELP ? VT_EXIT_OK : VT_EXIT_USAGE;

	vt_opt_free(options, &job.set);
	return code;
}

const struct vt_command vt_cmd_report = {
	.name = "report",
	.args = "[FILE...|-]",
	.summary = "a page of HTML with tables and charts, in one file",
	.details = "What summary tells, and how it went over time, as one file that is opened in a\n"
	           "browser, also offline: it asks for nothing from anywhere. Tables are readable\n"
	           "without JavaScript. In a chart, drag to zoom, which moves all charts; double\n"
	           "click shows all again. They know 400 parts of the time: --since and --until make\n"
	           "a page of less. Several runs become one page, one after another.\n",
	.exits = vt_exits_of_readers,
	.examples = "  valktrace report -o run.html\n"
	            "  valktrace report --since 1s --until 2s -o second.html run.vtrace\n"
	            "  valktrace report -o both.html before.vtrace after.vtrace\n",
	.opts = options,
	.run = run,
};
