/* check_print.c - a finding as a line. */
#include <stdio.h>
#include <string.h>

#include "decoder/check.h"
#include "decoder/jsonw.h"
#include "decoder/process_text.h"
#include "decoder/units.h"

#define COLUMN 10u              /* of the subject */
#define WIDTH  80u

static const char *const words[] = { "ok", "VIOLATED", "unknown" };

/* The operator that held. */
static const char *opposite(const struct vt_rule *r)
{
	static const uint8_t of[] = { VT_OP_LE, VT_OP_LT, VT_OP_GE, VT_OP_GT, VT_OP_NE, VT_OP_EQ };
	return vt_rule_ops[of[r->op]];
}

static void comma(struct vt_sink *out)
{
	if (out->used > 0)
		vt_sink_string(out, ", ");
}

static void put_count(struct vt_sink *out, const struct vt_finding *f, const char *one)
{
	vt_put_grouped(out, f->violated);
	vt_sink_string(out, " of ");
	vt_put_grouped(out, f->judged);
	vt_sink_printf(out, " %s%s", one, f->judged == 1 ? "" : "s");
}

/* When, where, how long: what stands in brackets. */
static void put_details(struct vt_sink *out, const struct vt_check *c, const struct vt_finding *f)
{
	bool interval = f->rule.over == VT_OVER_INTERVAL;
	bool timed = interval || f->rule.over == VT_OVER_MOMENT;

	if (f->verdict == VT_CHECK_VIOLATED && timed) {
		vt_sink_string(out, "from ");
		vt_put_seconds(out, f->first_ns, 3);
		vt_sink_string(out, " s, ");
		put_count(out, f, interval ? "interval" : "record");
		if (interval) {
			vt_sink_string(out, ", ");
			vt_put_ns(out, f->violated_ns);
			vt_sink_string(out, " in all");
		}
	} else if (timed && f->judged > 1) {
		vt_sink_string(out, "worst of ");
		vt_put_grouped(out, f->judged);
		vt_sink_string(out, interval ? " intervals" : " records");
	}
	/* A longer one may have been lost: the counter knows of it. */
	bool longest = f->located && (double)f->times->most >= 0.99 * f->value &&
	               strcmp(f->rule.name + strlen(f->rule.name) - 4, ".max") == 0;
	if (f->verdict == VT_CHECK_VIOLATED && longest) {
		if (f->cycle > 0)
			vt_sink_printf(out, "cycle %llu, ", (unsigned long long)f->cycle);
		vt_put_seconds(out, f->at_ns, 3);
		vt_sink_string(out, " s");
	}
	if (f->process && c->in->several_processes && f->verdict != VT_CHECK_UNKNOWN &&
	    (timed || longest)) {
		comma(out);
		vt_sink_printf(out, "process %u", f->process->pid);
	}
	if (f->lost > 0 && f->rule.over == VT_OVER_EVENTS && f->verdict != VT_CHECK_UNKNOWN) {
		comma(out);
		vt_put_percent(out, f->decoded, f->decoded + f->lost);
		vt_sink_string(out, " of the events");
	}
}

static void put_finding(struct vt_sink *out, const struct vt_finding *f)
{
	char value[32];

	vt_put_name(out, f->rule.name);
	if (f->verdict == VT_CHECK_UNKNOWN) {
		vt_sink_string(out, ": ");
		vt_put_name(out, f->reason);
		return;
	}
	if (f->empty) {
		vt_sink_string(out, " none");
		return;
	}
	vt_sink_printf(out, " %s %s %s", vt_rule_value(&f->rule, f->value, value),
	               f->verdict == VT_CHECK_OK ? opposite(&f->rule) : vt_rule_ops[f->rule.op],
	               f->rule.limit_text);
}

void vt_check_print(struct vt_sink *out, const struct vt_check *c, const struct vt_finding *f)
{
	static const enum vt_role roles[] = { VT_ROLE_GOOD, VT_ROLE_BAD, VT_ROLE_PLAIN };
	unsigned digits = c->in->run_digits;
	struct vt_sink text, details;
	size_t indent = COLUMN;

	if (vt_sink_memory(&text) || vt_sink_memory(&details))
		return;
	if (digits > 0) {
		char *p = vt_sink_room(out, VT_NUM_MAX);
		vt_sink_upto(out, vt_num_hex(p, c->in->run->run >> (64 - 4 * digits), digits));
		vt_sink_string(out, "  ");
		indent += digits + 2;
	}
	vt_sink_role(out, roles[f->verdict]);
	vt_sink_string(out, words[f->verdict]);
	vt_sink_role(out, VT_ROLE_END);
	vt_sink_blanks(out, COLUMN - strlen(words[f->verdict]));
	put_finding(&text, f);
	put_details(&details, c, f);
	if (details.used > 0) {
		/* In one piece, if it fits into a line of its own. */
		bool fits = indent + text.used + details.used + 3 <= WIDTH;
		vt_sink_string(&text, " (");
		vt_sink_bytes(&text, details.buffer, details.used);
		vt_sink_char(&text, ')');
		if (!fits && indent + details.used + 2 <= WIDTH) {
			size_t head = text.used - details.used - 3;
			vt_sink_bytes(out, text.buffer, head);
			vt_sink_char(out, '\n');
			vt_sink_blanks(out, indent);
			vt_sink_bytes(out, text.buffer + head + 1, details.used + 2);
			text.used = 0;
		}
	}
	vt_put_wrapped(out, vt_sink_text(&text), text.used, indent, indent);
	vt_sink_char(out, '\n');
	vt_sink_discard(&text);
	vt_sink_discard(&details);
}

void vt_check_json(struct vt_sink *out, const struct vt_check *c, const struct vt_finding *f)
{
	static const char *const units[] = { "count", "percent", "ns", "bytes" };
	static const char *const verdicts[] = { "ok", "violated", "unknown" };
	struct vt_json j = { .out = out, .compact = true };
	char run[20];
	bool timed = f->rule.over == VT_OVER_INTERVAL || f->rule.over == VT_OVER_MOMENT;

	snprintf(run, sizeof(run), "%016llx", (unsigned long long)c->in->run->run);
	vt_json_open(&j, NULL, '{');
	vt_json_put_string(&j, "run", run);
	vt_json_put_string(&j, "rule", f->rule.text);
	vt_json_put_string(&j, "verdict", verdicts[f->verdict]);
	vt_json_put_string(&j, "subject", f->rule.name);
	vt_json_put_string(&j, "op", vt_rule_ops[f->rule.op]);
	vt_json_put_float(&j, "limit", f->rule.limit);
	if (!f->judged_any || f->empty)
		vt_json_put_null(&j, "value");
	else
		vt_json_put_float(&j, "value", f->value);
	vt_json_put_string(&j, "unit", units[f->rule.unit]);
	if (f->verdict == VT_CHECK_UNKNOWN)
		vt_json_put_string(&j, "reason", f->reason);
	if (timed && f->judged_any) {
		vt_json_put_u64(&j, "judged", f->judged);
		vt_json_put_u64(&j, "violated", f->violated);
	}
	if (timed && f->violated > 0) {
		vt_json_put_u64(&j, "first_ns", f->first_ns);
		vt_json_put_u64(&j, "violated_ns", f->violated_ns);
	}
	if (f->located && f->judged_any && f->times->count > 0) {
		vt_json_put_u64(&j, "longest_at_ns", f->at_ns);
		if (f->cycle > 0)
			vt_json_put_u64(&j, "longest_cycle", f->cycle);
	}
	if (f->process)
		vt_json_put_u64(&j, "pid", f->process->pid);
	if (f->rule.over == VT_OVER_EVENTS)
		vt_json_put_float(&j, "coverage", vt_check_coverage(f));
	vt_json_close(&j, '}');
	vt_sink_char(out, '\n');
}
