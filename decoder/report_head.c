/* report_head.c - which run it is, how complete, how it ended, what was violated, and what is not in it. */
#include "decoder/report.h"

#include <inttypes.h>
#include <string.h>

#include "decoder/process_text.h"
#include "decoder/report_html.h"

/* Text for a terminal, of `print`, as text of the page. */
static void put_terminal_text(struct vt_report *r, void (*print)(struct vt_summary *s), const char *before,
                              const char *after)
{
	struct vt_sink text, *out = r->s->out;

	if (vt_sink_memory(&text))
		return;
	r->s->out = &text;
	print(r->s);
	r->s->out = out;
	const char *p = vt_sink_text(&text);
	p += strspn(p, "\n");
	if (*p) {
		vt_sink_string(r->out, before);
		/* It is escaped for a terminal already. Its headings are the page's own. */
		for (bool first = true; *p; p++) {
			if (first && strncmp(p, "--- ", 4) == 0) {
				const char *end = strstr(p + 4, " ---");
				p = end ? end + 4 : p;
				p += strspn(p, " ");
			}
			first = *p == '\n';
			if (*p == '&' || *p == '<' || *p == '>')
				vt_sink_string(r->out, *p == '&' ? "&amp;" : *p == '<' ? "&lt;" : "&gt;");
			else if (*p != '\n' || p[1])
				vt_sink_char(r->out, *p);
		}
		vt_sink_string(r->out, after);
	}
	vt_sink_discard(&text);
}

/* ---- head ---------------------------------------------------------------------------------------- */

static void put_item(struct vt_report *r, const char *name)
{
	vt_sink_printf(r->out, "<div><dt>%s</dt><dd>", name);
}

static void end_item(struct vt_report *r)
{
	vt_sink_string(r->out, "</dd></div>\n");
}

static void put_facts(struct vt_report *r, const struct vt_process_info *p)
{
	for (unsigned i = 0; p && i < p->fact_count; i++) {
		const struct vt_fact *fact = &p->facts[i];
		if (strcmp(fact->key, "program") == 0 || strcmp(fact->key, "version") == 0)
			continue;
		vt_sink_string(r->out, "<div><dt>");
		vt_html_text(r->out, fact->key);
		vt_sink_string(r->out, "</dt><dd>");
		vt_html_text(r->out, fact->value);
		end_item(r);
	}
}

static void put_run(struct vt_report *r, const struct vt_process_info *p)
{
	const struct vt_run_info *run = r->s->in->run;
	const char *slash = strrchr(r->s->in->name, '/');

	vt_sink_string(r->out, "<dl class=\"facts\">\n");
	put_item(r, "Run");
	vt_sink_printf(r->out, "<code>%016" PRIx64 "</code>", run->run);
	end_item(r);
	put_item(r, "Started");
	vt_sink_string(r->out, "<time>");
	vt_put_utc(r->out, run->realtime, 0);
	vt_sink_string(r->out, "</time>");
	end_item(r);
	put_item(r, "Duration");
	vt_html_seconds(r->out, r->s->length);
	end_item(r);
	if (p) {
		put_item(r, run->process_count > 1 ? "Processes" : "Process");
		if (run->process_count > 1)
			vt_sink_printf(r->out, "%u, the first ", run->process_count);
		vt_sink_printf(r->out, "pid %" PRIu32, p->pid);
		end_item(r);
	}
	put_item(r, "File");
	vt_html_text(r->out, slash && slash[1] ? slash + 1 : r->s->in->name);
	if (r->s->in->count > 1)
		vt_sink_printf(r->out, " and %u more", r->s->in->count - 1);
	end_item(r);
	put_facts(r, p);
	vt_sink_string(r->out, "</dl>\n");
}

static void put_filters(struct vt_report *r)
{
	if (!r->s->filtered)
		return;
	vt_sink_string(r->out, "<p class=\"note\">Filters keep ");
	vt_html_value(r->out, VT_HTML_COUNT, r->s->events);
	vt_sink_string(r->out, " of these events; filters by event and value apply to the collector's alone, and "
	               "counters are of the whole run.</p>\n");
}

static void put_contents(struct vt_report *r)
{
	static const struct { const char *key, *title; } all[] = {
		{ "gc", "Garbage Collector" }, { "interp", "Interpreter" }, { "loop", "Event Loop" },
		{ "http", "HTTP" }, { "process", "Process" }, { "paging", "Paging" },
		{ "perf", "Performance counters" }, { "calls", "Calls" }, { "threads", "Threads" },
		{ "events", "Events" }, { "absent", "Not recorded" },
	};

	vt_sink_string(r->out, "<nav aria-label=\"Sections\"><ul>\n");
	if (r->s->warned_count > 0)
		vt_sink_printf(r->out, "<li><a href=\"#r%u-thresholds\">Thresholds</a>\n", r->number);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (strcmp(all[i].key, "http") != 0 || vt_report_has(r, VT_SRC_http))
			vt_sink_printf(r->out, "<li><a href=\"#r%u-%s\">%s</a>\n", r->number, all[i].key,
			               all[i].title);
	vt_sink_string(r->out, "</ul></nav>\n");
}

void vt_report_head(struct vt_report *r)
{
	const struct vt_process_info *p = vt_main_process(r->s->in->run);
	const char *program = p ? vt_fact_value(p, "program") : NULL;
	const char *version = p ? vt_fact_value(p, "version") : NULL;
	bool whole = r->s->completeness <= VT_COMPLETE_TO_LAST;

	vt_sink_printf(r->out, "<header>\n<h2 id=\"r%u-title\">", r->number);
	vt_html_text(r->out, program && *program ? program : p ? p->program : "unknown program");
	if (version && *version) {
		vt_sink_string(r->out, " <span class=\"version\">");
		vt_html_text(r->out, version);
		vt_sink_string(r->out, "</span>");
	}
	if (p) {
		bool violent = p->ending == VT_END_SIGNAL;
		vt_sink_printf(r->out, " <span class=\"ending%s\">", violent ? " bad" : "");
		vt_ending_text(r->out, p);
		vt_sink_string(r->out, "</span>");
	}
	vt_sink_string(r->out, "</h2>\n");
	put_terminal_text(r, vt_summary_completeness,
	                  whole ? "<p class=\"status good\">" : "<p class=\"status bad\">", "</p>\n");
	put_filters(r);
	put_run(r, p);
	vt_sink_string(r->out, "</header>\n");
	put_contents(r);
	vt_sink_string(r->out, "<noscript><p class=\"note\">Charts need JavaScript; the tables have all numbers "
	               "without it.</p></noscript>\n");
}

/* ---- how it ended, what was violated ------------------------------------------------------------- */

void vt_report_ending(struct vt_report *r)
{
	put_terminal_text(r, vt_summary_end, "\n<section class=\"ending\">\n<h3>How it ended</h3>\n"
	                  "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"How it ended\"><pre>",
	                  "</pre></div>\n</section>\n");
}

void vt_report_thresholds(struct vt_report *r)
{
	if (r->s->warned_count == 0)
		return;
	vt_report_section(r, "thresholds", "Threshold violations");
	vt_table_begin(r->out, "Rules that were violated", "Rule|Process|#First|#Times|#In all|#Worst|#Limit");
	for (size_t i = 0; i < r->s->warned_count; i++) {
		const struct vt_warned_rule *row = &r->s->warned[i];
		vt_row(r->out, row->rule);
		vt_cell(r->out);
		vt_html_text(r->out, row->ring->process->program);
		vt_sink_printf(r->out, "/%" PRIu32, row->ring->process->pid);
		vt_cell_number(r->out);
		vt_html_seconds(r->out, row->first_ns);
		vt_cell_value(r->out, VT_HTML_COUNT, row->times);
		if (row->open > 0)
			vt_sink_string(r->out, "<td class=\"n\">open");
		else
			vt_cell_value(r->out, VT_HTML_NS, row->total_ns);
		vt_cell_number(r->out);
		vt_html_float(r->out, row->worst);
		vt_cell_number(r->out);
		vt_html_float(r->out, row->limit);
	}
	vt_table_end(r->out);
	vt_sink_string(r->out, "<p class=\"note\">The charts are tinted while a rule was violated.</p>\n</section>\n");
}

/* ---- not recorded -------------------------------------------------------------------------------- */

static void put_absent(struct vt_report *r, const char *what, const char *reason)
{
	vt_sink_string(r->out, "<div><dt>");
	vt_html_text(r->out, what);
	vt_sink_string(r->out, "</dt><dd>");
	vt_html_text(r->out, reason);
	end_item(r);
}

void vt_report_absent(struct vt_report *r)
{
	const struct vt_metrics *m = &r->s->metrics;
	const struct vt_process_info *p = vt_main_process(r->s->in->run);
	const char *untraced = p ? vt_fact_value(p, "untraced") : NULL;
	bool any = false;

	vt_report_section(r, "absent", "Not recorded");
	vt_sink_string(r->out, "<dl class=\"facts wide\">\n");
	if (untraced && vt_decoded_all(r->s->in->run) == 0)
		put_absent(r, "all of it", untraced);
	for (unsigned i = 0; i < VT_MAX_SOURCES; i++) {
		const char *reason = m->sources[i].known ? m->sources[i].reason : NULL;
		if (!vt_summary_is_absent(r->s, i))
			continue;
		any = true;
		put_absent(r, m->schema->sources[i].name,
		           reason && *reason ? reason : "nothing in this run told of it");
	}
	if (!any)
		put_absent(r, "nothing", "every source that valktrace knows told something");
	vt_sink_string(r->out, "</dl>\n</section>\n");
}
