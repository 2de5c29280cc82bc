/* labels.c - see labels.h. */
#include "decoder/labels.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/metrics_text.h"
#include "decoder/cmd.h"
#include "decoder/jsonw.h"
#include "decoder/process_text.h"

static size_t name_length(const char *label)
{
	return strcspn(label, "=");
}

static bool is_name(const char *s, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') || s[i] == '_' ||
		      (s[i] >= '0' && s[i] <= '9' && i > 0)))
			return false;
	return length > 0;
}

/* Does one of our metrics have it? Those of valk_trace_info give way instead. */
static bool is_taken(const char *name, size_t length)
{
	static const char *const reserved[] = { "source", "reason", "category", "le", "quantile" };
	const struct vt_schema *schema = vt_schema_builtin();

	for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
		if (strlen(reserved[i]) == length && strncmp(reserved[i], name, length) == 0)
			return true;
	for (unsigned i = 0; i < VT_MAX_METRICS; i++) {
		const char *at = schema->metrics[i].name ? schema->metrics[i].labels : NULL;
		for (; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
			if (strncmp(at, name, length) == 0 && at[length] == '=')
				return true;
	}
	return false;
}

static int check_one(const struct vt_list *labels, unsigned index)
{
	const char *label = labels->items[index];
	size_t length = name_length(label);

	if (label[length] != '=')
		return vt_usage("--label '%s' is not NAME=VALUE", label);
	if (!is_name(label, length))
		return vt_usage("--label '%s': a label name has letters, digits and _, no digit first", label);
	if (strncmp(label, "__", 2) == 0)
		return vt_usage("--label '%s': names that begin with __ are for Prometheus itself", label);
	if (is_taken(label, length))
		return vt_usage("--label '%s': our samples have a label '%.*s' already", label, (int)length,
		                label);
	for (unsigned i = 0; i < index; i++)
		if (name_length(labels->items[i]) == length && strncmp(labels->items[i], label, length) == 0)
			return vt_usage("--label '%s': '%.*s' is given twice", label, (int)length, label);
	for (const char *p = label; (p = strchr(p, '%')); p += 2)
		if (p[1] == '\0' || !strchr("rpf%", p[1]))
			return vt_usage("--label '%s': after %% comes r (run id), p (program), f (file) or %%",
			                label);
	return VT_EXIT_OK;
}

int vt_labels_check(const struct vt_list *labels)
{
	int code = VT_EXIT_OK;

	for (unsigned i = 0; i < labels->count && !code; i++)
		code = check_one(labels, i);
	return code;
}

static void put_value(struct vt_sink *to, const char *value, const struct vt_input *in)
{
	const struct vt_process_info *p = vt_main_process(in->run);
	const char *slash = strrchr(in->name, '/'), *program = p ? vt_fact_value(p, "program") : NULL;

	for (; *value; value++) {
		if (*value != '%') {
			vt_sink_char(to, *value);
			continue;
		}
		switch (*++value) {
		case 'r':
			vt_sink_printf(to, "%016" PRIx64, in->run->run);
			break;
		case 'p':
			vt_sink_string(to, program ? program : p ? p->program : "");
			break;
		case 'f':
			vt_sink_string(to, slash && slash[1] ? slash + 1 : in->name);
			break;
		default:
			vt_sink_char(to, '%');
		}
	}
}

/* As text of its own: a value may hold a name out of a log, so it ends at its first 0 byte. */
static void put_label(struct vt_text *t, const char *label, const char *value)
{
	if (t->length > 0)
		vt_text_string(t, ",");
	vt_text_bytes(t, label, name_length(label));
	vt_text_string(t, "=\"");
	vt_text_escaped(t, value, 1);
	vt_text_string(t, "\"");
}

char *vt_labels_text(const struct vt_list *labels, const struct vt_input *in)
{
	struct vt_text t = { NULL, 0, 0 };
	struct vt_sink value;

	for (int pass = 0; pass < 2; pass++) {
		if (pass > 0) {
			t = (struct vt_text){ malloc(t.length + 1), t.length + 1, 0 };
			if (!t.to)
				return NULL;
		}
		for (unsigned i = 0; i < labels->count; i++) {
			const char *label = labels->items[i];
			if (vt_sink_memory(&value))
				break;
			put_value(&value, label + name_length(label) + 1, in);
			put_label(&t, label, vt_sink_text(&value));
			vt_sink_discard(&value);
		}
	}
	vt_text_end(&t);
	return t.to;
}

void vt_labels_json(struct vt_sink *out, const struct vt_list *labels, const struct vt_input *in)
{
	struct vt_sink value;

	vt_sink_char(out, '{');
	for (unsigned i = 0; i < labels->count; i++) {
		const char *label = labels->items[i];
		if (vt_sink_memory(&value))
			continue;
		put_value(&value, label + name_length(label) + 1, in);
		if (i > 0)
			vt_sink_char(out, ',');
		vt_json_string(out, label, name_length(label));
		vt_sink_char(out, ':');
		vt_json_string(out, value.buffer, value.used);
		vt_sink_discard(&value);
	}
	vt_sink_char(out, '}');
}
