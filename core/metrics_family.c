/* metrics_family.c - see metrics_family.h. */
#include "core/metrics_family.h"

#include <string.h>

#include "core/metrics_labels.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

bool vt_family_valid(const char *s)
{
	bool good = *s != '\0';

	for (const char *p = s; *p; p++)
		good = good && (vt_label_name_byte(*p, p == s) || *p == ':');
	return good;
}

bool vt_family_is_histogram(const struct vt_schema *schema, const char *family)
{
	for (unsigned i = VT_METRIC_COMPATIBLE; i < VT_MAX_METRICS; i++) {
		const struct vt_metric_desc *d = &schema->metrics[i];
		if (d->name && d->kind == VT_METRIC_BUCKET && d->family && strcmp(d->family, family) == 0)
			return true;
	}
	return false;
}

bool vt_family_in_histogram(const struct vt_schema *schema, const char *family)
{
	static const char *const ends[] = { "_bucket", "_sum", "_count" };
	char stem[VT_MAX_HELP + 1];
	size_t length = strlen(family);

	for (unsigned i = 0; i < LENGTH(ends); i++) {
		size_t end = strlen(ends[i]);
		if (length <= end || length - end >= sizeof(stem) || strcmp(family + length - end, ends[i]) != 0)
			continue;
		memcpy(stem, family, length - end);
		stem[length - end] = '\0';
		if (vt_family_is_histogram(schema, stem))
			return true;
	}
	return false;
}

bool vt_metric_present(const struct vt_metrics *m, unsigned metric, bool histogram)
{
	for (unsigned i = VT_METRIC_COMPATIBLE; i < VT_MAX_METRICS && histogram; i++) {
		const struct vt_metric_desc *d = &m->schema->metrics[i];
		if (m->present[i] && d->name && d->family &&
		    strcmp(d->family, m->schema->metrics[metric].family) == 0)
			return true;
	}
	return m->present[metric];
}

bool vt_source_there(const struct vt_metrics *m, unsigned source)
{
	if (m->sources[source].known)
		return m->sources[source].available;
	for (unsigned i = 0; i < VT_MAX_METRICS; i++) {
		const struct vt_metric_desc *desc = &m->schema->metrics[i];
		if (m->present[i] && desc->name && desc->source == source)
			return true;
	}
	return false;
}

const char *vt_source_reason(const struct vt_metrics *m, unsigned source)
{
	if (vt_source_there(m, source))
		return "";
	return m->sources[source].known ? m->sources[source].reason : "not reported";
}
