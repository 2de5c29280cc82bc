/* schema_wire.c - a schema as SCHEMA records: enumerations before the events that refer to them. */
#include "core/wire_record.h"

/* The enumerations met so far; an enumeration's id in the log is its place here, from 1. */
struct enums {
	struct vt_out bytes;            /* of const struct vt_enum_desc * */
};

static unsigned enum_count(const struct enums *e)
{
	return (unsigned)(e->bytes.length / sizeof(const struct vt_enum_desc *));
}

static uint16_t enum_id(const struct enums *e, const struct vt_enum_desc *desc)
{
	const struct vt_enum_desc *const *all = (const void *)e->bytes.data;

	for (unsigned i = 0; i < enum_count(e); i++)
		if (all[i] == desc)
			return (uint16_t)(i + 1);
	return 0;
}

/* Events that have more enumerations than ids keep their fields, without labels. */
static void encode_enum(struct vt_out *out, struct enums *e, const struct vt_enum_desc *desc)
{
	if (!desc || enum_id(e, desc) != 0 || enum_count(e) >= UINT16_MAX)
		return;
	vt_out_bytes(&e->bytes, &desc, sizeof(desc));
	if (e->bytes.failed)
		out->failed = true;
	else
		vt_rec_enum_encode(out, (uint16_t)enum_count(e), desc);
}

static void encode_event(struct vt_out *out, const struct enums *e,
                         const struct vt_event_desc *desc)
{
	struct vt_rec_event r = {
		.id = desc->id,
		.flags = desc->flags,
		.count = desc->count,
		.name = vt__span_of(desc->name),
		.help = vt__span_of(desc->help),
	};

	for (unsigned i = 0; i < desc->count; i++) {
		const struct vt_field_desc *f = &desc->fields[i];

		r.fields[i].kind = f->kind;
		r.fields[i].unit = f->unit;
		r.fields[i].flags = f->flags;
		r.fields[i].of = f->of ? enum_id(e, f->of) : 0;
		r.fields[i].name = vt__span_of(f->name);
		r.fields[i].help = vt__span_of(f->help);
	}
	vt_rec_event_encode(out, &r);
}

static void encode_events(struct vt_out *out, const struct vt_schema *schema)
{
	struct enums enums = { 0 };

	for (unsigned id = 0; id < schema->event_limit; id++) {
		const struct vt_event_desc *desc = schema->events[id];

		if (!desc || desc->count > VT_MAX_FIELDS)
			continue;
		for (unsigned i = 0; i < desc->count; i++)
			encode_enum(out, &enums, desc->fields[i].of);
		encode_event(out, &enums, desc);
	}
	vt_out_free(&enums.bytes);
}

static void encode_metric(struct vt_out *out, unsigned id, const struct vt_metric_desc *m)
{
	vt_rec_metric_encode(out, &(struct vt_rec_metric){
		.id = (uint16_t)id,
		.source = m->source,
		.kind = m->kind,
		.unit = m->unit,
		.name = vt__span_of(m->name),
		.family = vt__span_of(m->family),
		.labels = vt__span_of(m->labels),
		.help = vt__span_of(m->help),
	});
}

void vt_schema_encode(struct vt_out *out, const struct vt_schema *schema)
{
	for (unsigned i = 0; i < VT_MAX_CATEGORIES; i++)
		if (schema->categories[i].name)
			vt_rec_category_encode(out, &(struct vt_rec_category){
				.id = (uint8_t)i,
				.name = vt__span_of(schema->categories[i].name),
				.help = vt__span_of(schema->categories[i].help),
			});
	encode_events(out, schema);
	for (unsigned i = 0; i < VT_MAX_SOURCES; i++)
		if (schema->sources[i].name)
			vt_rec_source_encode(out, &(struct vt_rec_source){
				.id = (uint8_t)i,
				.name = vt__span_of(schema->sources[i].name),
				.help = vt__span_of(schema->sources[i].help),
			});
	for (unsigned i = 0; i < VT_MAX_METRICS; i++)
		if (schema->metrics[i].name)
			encode_metric(out, i, &schema->metrics[i]);
}
