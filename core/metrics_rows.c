/*
 * metrics_rows.c - which families a run has besides the compatibility set. Of a log's schema, which may be
 * a stranger's, only what keeps the exposition valid is taken.
 */
#include "core/metrics_dump.h"

#include <valktrace/format.h>

#include <string.h>

#include "core/metrics_family.h"
#include "core/metrics_labels.h"

#define COMPATIBLE VT_METRIC_COMPATIBLE

const struct vt_special vt_availability = {
	NULL, "gauge", "Which of these can be had, and why not", VT_MAX_METRICS, NULL
};

#define AVAILABLE_FRONT "valk_"
#define AVAILABLE_END   "_available"

/* Keeps the rows sorted by family; rows of one family stay in the order of their ids. */
static void insert(struct vt_dump_run *r, struct vt_dump_row row)
{
	unsigned at = r->count++;

	for (; at > 0 && strcmp(r->rows[at - 1].family, row.family) > 0; at--)
		r->rows[at] = r->rows[at - 1];
	r->rows[at] = row;
}

/* No family twice: names of the compatibility set and of vt_specials are taken. */
static bool is_taken(const char *family)
{
	const struct vt_schema *builtin = vt_schema_builtin();

	for (unsigned i = 0; i < COMPATIBLE; i++)
		if (strcmp(builtin->metrics[i].family, family) == 0)
			return true;
	for (unsigned i = 0; i < VT_SPECIALS; i++)
		if (strcmp(vt_specials[i].family, family) == 0)
			return true;
	/* Those of vt_availability are made of names of sources. */
	size_t length = strlen(family), end = strlen(AVAILABLE_END);
	return strncmp(family, AVAILABLE_FRONT, strlen(AVAILABLE_FRONT)) == 0 && length > end &&
	       strcmp(family + length - end, AVAILABLE_END) == 0;
}

static bool is_printable(const struct vt_metric_desc *d, const char *labels)
{
	return d->name && d->family && d->labels && vt_family_valid(d->family) && vt_labels_valid(d->labels) &&
	       !is_taken(d->family) && !vt_labels_meet(d->labels, labels);
}

/* Told of, with labels that are good and are no other's. */
static bool has_state(const struct vt_dump_run *r, unsigned metric, unsigned source)
{
	const struct vt_metric_desc *all = r->m->schema->metrics, *d = &all[metric];

	if (!d->name || !d->labels || d->state == VT_METRIC_UNTOLD || d->source != source ||
	    !vt_labels_valid(d->labels) || vt_labels_have(d->labels, "reason", 6) ||
	    vt_labels_meet(d->labels, r->labels))
		return false;
	for (unsigned i = 0; i < metric; i++)
		if (all[i].name && all[i].labels && all[i].state != VT_METRIC_UNTOLD && all[i].source == source &&
		    vt_labels_valid(all[i].labels) &&
		    vt_labels_same(all[i].labels, strlen(all[i].labels), d->labels, strlen(d->labels)))
			return false;
	return true;
}

static void put_state(struct vt_dump *d, struct vt_dump_run *r, const char *family, unsigned metric)
{
	const struct vt_metric_desc *desc = &r->m->schema->metrics[metric];

	for (vt_dump_rewind(r); vt_dump_next(r);) {
		const char *before = "{";
		vt_dump_begin(d, family, "");
		vt_dump_labels(d, &before, desc->labels, strlen(desc->labels));
		vt_dump_label(d, r, &before, "reason", desc->reason ? desc->reason : "");
		vt_dump_labelled(d, r, before);
		vt_text_string(&d->text, desc->state == VT_METRIC_AVAILABLE ? "1" : "0");
		vt_dump_end(d, r);
	}
}

void vt_dump_states(struct vt_dump *d, const char *family)
{
	for (struct vt_dump_run *r = d->runs; r < d->runs + d->count; r++)
		for (unsigned i = 0; i < VT_MAX_SOURCES; i++)
			for (unsigned m = 0; strcmp(r->families[i], family) == 0 && m < VT_MAX_METRICS; m++)
				if (has_state(r, m, i))
					put_state(d, r, family, m);
}

static void collect_states(struct vt_dump_run *r)
{
	for (unsigned i = 0; i < VT_MAX_SOURCES; i++) {
		const char *name = r->m->schema->sources[i].name;
		bool any = false;
		for (unsigned m = 0; name && m < VT_MAX_METRICS && !any; m++)
			any = has_state(r, m, i);
		/* A source of an earlier one's name would say things twice. */
		for (unsigned k = 0; k < i && any; k++)
			any = !*r->families[k] || strcmp(r->m->schema->sources[k].name, name) != 0;
		if (!any || !vt_family_valid(name) || strlen(name) > VT_MAX_NAME ||
		    strcmp(name, "source") == 0)
			continue;
		strcat(strcat(strcpy(r->families[i], AVAILABLE_FRONT), name), AVAILABLE_END);
		insert(r, (struct vt_dump_row){ r->families[i], &vt_availability, NULL, 0, false });
	}
}

void vt_dump_collect(struct vt_dump_run *r)
{
	for (unsigned i = COMPATIBLE; i < VT_MAX_METRICS; i++) {
		const struct vt_metric_desc *desc = &r->m->schema->metrics[i];
		if (!is_printable(desc, r->labels) || vt_family_in_histogram(r->m->schema, desc->family))
			continue;
		bool histogram = vt_family_is_histogram(r->m->schema, desc->family);
		if (vt_metric_present(r->m, i, histogram))
			insert(r, (struct vt_dump_row){ desc->family, NULL, desc, i, histogram });
	}
	for (unsigned i = 0; i < VT_SPECIALS; i++)
		insert(r, (struct vt_dump_row){ vt_specials[i].family, &vt_specials[i], NULL, 0, false });
	collect_states(r);
}
