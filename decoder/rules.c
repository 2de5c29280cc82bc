/* rules.c - see rules.h. */
#include "decoder/rules.h"

#include <valktrace/error.h>

#include "decoder/cmd.h"
#include "decoder/names.h"

int vt_rule_usage(const struct vt_rule *r, int err, const char *problem)
{
	const char *names[VT_MAX_METRICS + 64], *nearest;
	const struct vt_schema *schema = vt_schema_builtin();
	size_t count = 0;

	if (err != -VT_E_UNKNOWN_FIELD)
		return vt_usage("%s", problem);
	while (count < 64 && vt_rule_subject(count)) {
		names[count] = vt_rule_subject(count);
		count++;
	}
	for (unsigned i = 0; i < VT_MAX_METRICS; i++)
		names[count++] = schema->metrics[i].name;
	nearest = vt_name_nearest(r->name, names, count);
	if (!nearest) {
		count = 0;
		for (unsigned i = 0; i < VT_MAX_METRICS; i++)
			names[count++] = schema->metrics[i].family;
		nearest = vt_name_nearest(r->name, names, count);
	}
	if (nearest)
		return vt_usage("%s, did you mean '%s'? (valktrace check --subjects lists them)", problem, nearest);
	return vt_usage("%s (valktrace check --subjects lists them)", problem);
}

int vt_rule_read(struct vt_rule *r, const char *text)
{
	char problem[256] = "";
	int err = vt_rule_parse(r, text, vt_schema_builtin(), problem, sizeof(problem));

	return err ? vt_rule_usage(r, err, problem) : VT_EXIT_OK;
}
