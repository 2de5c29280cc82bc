/*
 * fuzz_rule.c - a rule, and its judgement over three points. The one spelling that a rule is told
 * in must be read as the same rule again.
 */
#include <string.h>

#include "core/rule.h"
#include "tests/fuzz/fuzz.h"

static void judge(const struct vt_rule *r, const uint8_t *data, size_t size)
{
	static struct vt_point point;
	struct vt_rule_state state;
	struct vt_judgement j;
	char text[32];

	memset(&point, 0, sizeof(point));
	vt_rule_begin(&state, 0);
	for (unsigned n = 0; n < 3; n++) {
		point.ns += 1000000 + size * n;
		for (unsigned i = 0; i < r->metric_count; i++) {
			unsigned m = r->metrics[i];
			fuzz_must(m < VT_MAX_METRICS);
			point.present[m / 64] |= 1ull << m % 64;
			memcpy(&point.values[m], data, size < 8 ? size : 8);
			point.values[m] >>= n;
		}
		vt_rule_judge(r, &state, &point, n == 2, 1000, &j);
		fuzz_must(j.verdict <= VT_RULE_VIOLATED);
		fuzz_must(strlen(vt_rule_value(r, j.value, text)) < sizeof(text));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct vt_schema *schema = vt_schema_builtin();
	char *text = fuzz_text(data, size), problem[200] = "";
	struct vt_rule r, again;

	if (vt_rule_parse(&r, text, schema, problem, sizeof(problem)) != 0) {
		fuzz_must(*problem && strlen(problem) < sizeof(problem));
	} else {
		judge(&r, data, size);
		fuzz_must(vt_rule_parse(&again, r.text, schema, problem, sizeof(problem)) == 0);
		fuzz_must(strcmp(again.text, r.text) == 0);
		fuzz_must(again.op == r.op && again.how == r.how && again.metric_count == r.metric_count);
	}
	free(text);
	return 0;
}
