/* report.c - see report.h: the page around the runs, and what their sections share. */
#include "decoder/report.h"

#include <string.h>

#include "decoder/process_text.h"
#include "decoder/report_html.h"

#define MARK_BODY "@BODY@"

/* What stands in the place of a mark. */
struct filling {
	const char *mark, *text;
	bool is_strangers;
};

/* From `page` to `until`, with the marks on the way filled. */
static void put_page(struct vt_sink *out, const char *page, const char *until,
                     const struct filling *fillings, size_t count)
{
	while (page < until) {
		const char *next = until;
		const struct filling *found = NULL;
		for (size_t i = 0; i < count; i++) {
			const char *at = strstr(page, fillings[i].mark);
			if (at && at < next) {
				next = at;
				found = &fillings[i];
			}
		}
		vt_sink_bytes(out, page, (size_t)(next - page));
		page = next;
		if (!found)
			continue;
		if (found->is_strangers)
			vt_html_text(out, found->text);
		else
			vt_sink_string(out, found->text);
		page += strlen(found->mark);
	}
}

void vt_report_begin(struct vt_sink *out, const char *title)
{
	const struct filling fillings[] = {
		{ "@SCRIPT_HASH@", vt_report_script_hash, false },
		{ "@STYLE_HASH@", vt_report_style_hash, false },
		{ "@VERSION@", VT_VERSION, false }, { "@TITLE@", title, true },
		{ "@STYLE@", vt_report_style, false },
	};
	const char *body = strstr(vt_report_html, MARK_BODY);

	put_page(out, vt_report_html, body, fillings, sizeof(fillings) / sizeof(*fillings));
}

void vt_report_end(struct vt_sink *out)
{
	const struct filling fillings[] = { { "@SCRIPT@", vt_report_script, false } };
	const char *body = strstr(vt_report_html, MARK_BODY) + strlen(MARK_BODY);

	put_page(out, body, body + strlen(body), fillings, 1);
}

/* ---- of a run ------------------------------------------------------------------------------------ */

void vt_report_section(struct vt_report *r, const char *key, const char *title)
{
	vt_sink_printf(r->out, "\n<section id=\"r%u-%s\" aria-labelledby=\"r%u-%s-title\">\n"
	               "<h3 id=\"r%u-%s-title\">%s</h3>\n",
	               r->number, key, r->number, key, r->number, key, title);
}

bool vt_report_has(const struct vt_report *r, unsigned source)
{
	const struct vt_metrics *m = &r->s->metrics;

	for (unsigned i = 0; i < VT_MAX_METRICS; i++)
		if (m->present[i] && m->schema->metrics[i].name && m->schema->metrics[i].source == source)
			return true;
	return false;
}

/* Sources that a system has or has not; of others it is the program that tells, or does not. */
static bool is_of_system(unsigned source)
{
	return source == VT_SRC_vm || source == VT_SRC_process || source == VT_SRC_process_io ||
	       source == VT_SRC_cgroup || source == VT_SRC_pressure || source == VT_SRC_perf ||
	       source == VT_SRC_process_perf;
}

void vt_report_why(struct vt_report *r, unsigned source)
{
	const char *reason = r->s->metrics.sources[source].known ? r->s->metrics.sources[source].reason : NULL;
	bool told = reason && *reason;
	bool off = told && strncmp(reason, "not asked for", 13) == 0;

	vt_sink_printf(r->out, "<p class=\"absent\">%s: ", told && !off && is_of_system(source)
	               ? "Not available on this system" : "Not recorded");
	vt_html_text(r->out, told ? reason : "nothing in this run told of it");
	vt_sink_string(r->out, "</p>\n");
}

void vt_report_chart(struct vt_report *r, const char *key, const char *title)
{
	vt_sink_printf(r->out, "<figure class=\"chart\" data-chart=\"%s\" hidden><figcaption>%s"
	               "<span class=\"readout\"></span></figcaption><div class=\"plot\"></div></figure>\n",
	               key, title);
}

void vt_report_run(struct vt_report *r)
{
	static void (*const sections[])(struct vt_report *r) = {
		vt_report_head, vt_report_ending, vt_report_thresholds, vt_report_gc, vt_report_interp,
		vt_report_loop, vt_report_http, vt_report_process, vt_report_paging, vt_report_perf,
		vt_report_calls, vt_report_threads, vt_report_events, vt_report_absent, vt_report_data,
	};

	vt_sink_printf(r->out, "<article class=\"run\" id=\"r%u\" aria-labelledby=\"r%u-title\">\n", r->number,
	               r->number);
	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++)
		sections[i](r);
	vt_sink_string(r->out, "</article>\n");
}
