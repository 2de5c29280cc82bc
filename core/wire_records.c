/*
 * wire_records.c - records of SCHEMA, STRINGS, PROCESS, THREADS, INDEX and FOOTER payloads.
 *
 * Decoders refuse ids beyond the limits. Values of enumerations that a later minor may have
 * added are mapped to the nearest thing that this version knows.
 */
#include "core/wire_record.h"

static bool get_name(struct vt_in *in, struct vt_span *s)
{
	return vt__get_span(in, s, VT_MAX_NAME) && s->length > 0;
}

/* A class that is missing or contradicts itself counts as the most private one. */
static uint8_t class_of(uint8_t flags)
{
	uint8_t class_flag = flags & (VT_FIELD_PUBLIC | VT_FIELD_PATH | VT_FIELD_USER);

	if (class_flag == VT_FIELD_PUBLIC || class_flag == VT_FIELD_PATH)
		return class_flag;
	return VT_FIELD_USER;
}

bool vt_record_next(struct vt_in *in, uint16_t *kind, struct vt_in *body)
{
	if (in->bad || in->at == in->end)
		return false;
	uint32_t length = vt_in_u32(in);
	*kind = vt_in_u16(in);
	vt_in_u16(in);
	if (length < VT_RECORD_HEADER || length % 8 != 0) {
		in->bad = true;
		return false;
	}
	const uint8_t *data = vt_in_take(in, length - VT_RECORD_HEADER);
	if (!data)
		return false;
	*body = vt_in_of(data, length - VT_RECORD_HEADER);
	return true;
}

/* ---- SCHEMA -------------------------------------------------------------------------------- */

void vt_rec_category_encode(struct vt_out *out, const struct vt_rec_category *r)
{
	size_t start = vt__rec_begin(out, VT_REC_CATEGORY);

	vt_out_u8(out, r->id);
	vt__put_span(out, r->name, VT_MAX_NAME);
	vt__put_span(out, r->help, VT_MAX_STRING);
	vt__rec_end(out, start);
}

bool vt_rec_category_decode(struct vt_in body, struct vt_rec_category *r)
{
	r->id = vt_in_u8(&body);
	return get_name(&body, &r->name) && vt__get_text(&body, &r->help) &&
	       r->id < VT_MAX_CATEGORIES;
}

void vt_rec_enum_encode(struct vt_out *out, uint16_t id, const struct vt_enum_desc *e)
{
	size_t start = vt__rec_begin(out, VT_REC_ENUM);
	unsigned known = 0;

	vt_out_u16(out, id);
	vt__put_span(out, vt__span_of(e->name), VT_MAX_NAME);
	for (unsigned i = 0; i < e->count; i++)
		known += e->labels[i] != NULL;
	known = known < UINT16_MAX ? known : UINT16_MAX;
	vt_out_u16(out, (uint16_t)known);
	for (unsigned i = 0; i < e->count && known > 0; i++) {
		if (!e->labels[i])
			continue;
		vt_out_u32(out, i);
		vt__put_span(out, vt__span_of(e->labels[i]), VT_MAX_NAME);
		known--;
	}
	vt__rec_end(out, start);
}

bool vt_rec_enum_label(struct vt_rec_enum *r, uint32_t *value, struct vt_span *label)
{
	if (r->count == 0)
		return false;
	r->count--;
	*value = vt_in_u32(&r->labels);
	return get_name(&r->labels, label);
}

bool vt_rec_enum_decode(struct vt_in body, struct vt_rec_enum *r)
{
	uint32_t value;
	struct vt_span label;

	r->id = vt_in_u16(&body);
	if (!get_name(&body, &r->name) || r->id == 0)
		return false;
	r->count = vt_in_u16(&body);
	r->labels = body;
	struct vt_rec_enum walk = *r;
	for (unsigned i = 0; i < r->count; i++)
		if (!vt_rec_enum_label(&walk, &value, &label))
			return false;
	return !body.bad;
}

void vt_rec_event_encode(struct vt_out *out, const struct vt_rec_event *r)
{
	size_t start = vt__rec_begin(out, VT_REC_EVENT);

	vt_out_u16(out, r->id);
	vt_out_u8(out, r->flags);
	vt_out_u8(out, r->count);
	vt__put_span(out, r->name, VT_MAX_NAME);
	vt__put_span(out, r->help, VT_MAX_STRING);
	for (unsigned i = 0; i < r->count; i++) {
		vt_out_u8(out, r->fields[i].kind);
		vt_out_u8(out, r->fields[i].unit);
		vt_out_u8(out, r->fields[i].flags);
		vt_out_u16(out, r->fields[i].of);
		vt__put_span(out, r->fields[i].name, VT_MAX_NAME);
		vt__put_span(out, r->fields[i].help, VT_MAX_STRING);
	}
	vt__rec_end(out, start);
}

static bool get_field(struct vt_in *body, struct vt_rec_event *r, unsigned i)
{
	uint8_t kind = vt_in_u8(body), unit = vt_in_u8(body), flags = vt_in_u8(body);

	if (kind < VT_KIND_UINT || kind > VT_KIND_TEXT)
		kind = VT_KIND_UINT;
	if (kind == VT_KIND_STRING || kind == VT_KIND_TEXT)
		flags = (uint8_t)((flags & VT_FIELD_OPTIONAL) | class_of(flags));
	r->fields[i].kind = kind;
	r->fields[i].unit = unit > VT_UNIT_LAST ? VT_UNIT_NONE : unit;
	r->fields[i].flags = flags;
	r->fields[i].of = vt_in_u16(body);
	return get_name(body, &r->fields[i].name) && vt__get_text(body, &r->fields[i].help);
}

bool vt_rec_event_decode(struct vt_in body, struct vt_rec_event *r)
{
	unsigned texts = 0;

	r->id = vt_in_u16(&body);
	r->flags = vt_in_u8(&body);
	r->count = vt_in_u8(&body);
	if (r->id >> 8 >= VT_MAX_CATEGORIES || (r->id & 0xff) == 0 || r->count > VT_MAX_FIELDS)
		return false;
	if (!get_name(&body, &r->name) || !vt__get_text(&body, &r->help))
		return false;
	for (unsigned i = 0; i < r->count; i++) {
		if (!get_field(&body, r, i))
			return false;
		texts += r->fields[i].kind == VT_KIND_TEXT;
	}
	return texts <= 1;
}

void vt_rec_metric_encode(struct vt_out *out, const struct vt_rec_metric *r)
{
	size_t start = vt__rec_begin(out, VT_REC_METRIC);

	vt_out_u16(out, r->id);
	vt_out_u8(out, r->source);
	vt_out_u8(out, r->kind);
	vt_out_u8(out, r->unit);
	vt__put_span(out, r->name, VT_MAX_NAME);
	vt__put_span(out, r->family, VT_MAX_STRING);
	vt__put_span(out, r->labels, VT_MAX_STRING);
	vt__put_span(out, r->help, VT_MAX_STRING);
	vt__rec_end(out, start);
}

bool vt_rec_metric_decode(struct vt_in body, struct vt_rec_metric *r)
{
	r->id = vt_in_u16(&body);
	r->source = vt_in_u8(&body);
	r->kind = vt_in_u8(&body);
	r->unit = vt_in_u8(&body);
	if (r->kind < VT_METRIC_COUNTER || r->kind > VT_METRIC_BUCKET)
		r->kind = VT_METRIC_GAUGE;
	if (r->unit > VT_UNIT_LAST)
		r->unit = VT_UNIT_NONE;
	return get_name(&body, &r->name) && vt__get_text(&body, &r->family) &&
	       vt__get_text(&body, &r->labels) && vt__get_text(&body, &r->help) &&
	       r->id < VT_MAX_METRICS && r->source < VT_MAX_SOURCES;
}

void vt_rec_metric_state_encode(struct vt_out *out, const struct vt_rec_metric_state *r)
{
	size_t start = vt__rec_begin(out, VT_REC_METRIC_STATE);

	vt_out_u16(out, r->id);
	vt_out_u8(out, r->state);
	vt__put_span(out, r->reason, VT_MAX_STRING);
	vt__rec_end(out, start);
}

bool vt_rec_metric_state_decode(struct vt_in body, struct vt_rec_metric_state *r)
{
	r->id = vt_in_u16(&body);
	r->state = vt_in_u8(&body);
	if (r->state > VT_METRIC_UNAVAILABLE)
		r->state = VT_METRIC_UNTOLD;
	return vt__get_text(&body, &r->reason) && r->id < VT_MAX_METRICS;
}

void vt_rec_source_encode(struct vt_out *out, const struct vt_rec_source *r)
{
	size_t start = vt__rec_begin(out, VT_REC_SOURCE);

	vt_out_u8(out, r->id);
	vt__put_span(out, r->name, VT_MAX_NAME);
	vt__put_span(out, r->help, VT_MAX_STRING);
	vt__rec_end(out, start);
}

bool vt_rec_source_decode(struct vt_in body, struct vt_rec_source *r)
{
	r->id = vt_in_u8(&body);
	return get_name(&body, &r->name) && vt__get_text(&body, &r->help) && r->id < VT_MAX_SOURCES;
}

/* ---- STRINGS, PROCESS, THREADS ------------------------------------------------------------- */

void vt_rec_string_encode(struct vt_out *out, const struct vt_rec_string *r)
{
	size_t start = vt__rec_begin(out, VT_REC_STRING);

	vt_out_u32(out, r->id);
	vt_out_u8(out, r->flags);
	vt__put_span(out, r->bytes, VT_MAX_STRING);
	vt__rec_end(out, start);
}

bool vt_rec_string_decode(struct vt_in body, struct vt_rec_string *r)
{
	r->id = vt_in_u32(&body);
	r->flags = vt_in_u8(&body);
	return vt__get_text(&body, &r->bytes) && r->id < VT_MAX_STRINGS;
}

void vt_rec_process_encode(struct vt_out *out, const struct vt_rec_process *r)
{
	size_t start = vt__rec_begin(out, VT_REC_PROCESS);

	vt_out_u32(out, r->index);
	vt_out_u32(out, r->parent);
	vt_out_u32(out, r->pid);
	vt_out_u32(out, r->ending);
	vt_out_u32(out, r->status);
	vt_out_u32(out, 0);
	vt_out_u64(out, r->start);
	vt_out_u64(out, r->end);
	vt_out_u64(out, r->image);
	vt__put_span(out, r->program, VT_MAX_STRING);
	vt__rec_end(out, start);
}

bool vt_rec_process_decode(struct vt_in body, struct vt_rec_process *r)
{
	r->index = vt_in_u32(&body);
	r->parent = vt_in_u32(&body);
	r->pid = vt_in_u32(&body);
	r->ending = vt_in_u32(&body);
	r->status = vt_in_u32(&body);
	vt_in_u32(&body);
	r->start = vt_in_u64(&body);
	r->end = vt_in_u64(&body);
	r->image = vt_in_u64(&body);
	if (r->ending > VT_END_GONE)
		r->ending = VT_END_UNKNOWN;
	return vt__get_text(&body, &r->program) && r->index < VT_MAX_PROCESSES &&
	       vt__is_process(r->parent);
}

void vt_rec_fact_encode(struct vt_out *out, const struct vt_rec_fact *r)
{
	size_t start = vt__rec_begin(out, VT_REC_FACT);

	vt_out_u32(out, r->index);
	vt_out_u8(out, r->class_flag);
	vt__put_span(out, r->key, VT_MAX_STRING);
	vt__put_span(out, r->value, VT_MAX_STRING);
	vt__rec_end(out, start);
}

bool vt_rec_fact_decode(struct vt_in body, struct vt_rec_fact *r)
{
	r->index = vt_in_u32(&body);
	r->class_flag = class_of(vt_in_u8(&body));
	return vt__get_text(&body, &r->key) && vt__get_text(&body, &r->value) &&
	       r->index < VT_MAX_PROCESSES && r->key.length > 0;
}

void vt_rec_thread_encode(struct vt_out *out, const struct vt_rec_thread *r)
{
	size_t start = vt__rec_begin(out, VT_REC_THREAD);

	vt_out_u32(out, r->ring);
	vt_out_u32(out, r->process);
	vt_out_u32(out, r->tid);
	vt_out_u32(out, r->slot);
	vt_out_u32(out, r->generation);
	vt_out_u8(out, r->kind);
	vt__put_span(out, r->name, VT_MAX_STRING);
	vt__rec_end(out, start);
}

bool vt_rec_thread_decode(struct vt_in body, struct vt_rec_thread *r)
{
	r->ring = vt_in_u32(&body);
	r->process = vt_in_u32(&body);
	r->tid = vt_in_u32(&body);
	r->slot = vt_in_u32(&body);
	r->generation = vt_in_u32(&body);
	r->kind = vt_in_u8(&body);
	return vt__get_text(&body, &r->name) && r->ring < VT_MAX_RINGS &&
	       r->process < VT_MAX_PROCESSES;
}

/* ---- INDEX, FOOTER ------------------------------------------------------------------------- */

void vt_rec_index_encode(struct vt_out *out, const struct vt_rec_index *r)
{
	size_t start = vt__rec_begin(out, VT_REC_INDEX);

	vt_out_u64(out, r->offset);
	vt_out_u32(out, r->total);
	vt_out_u16(out, r->type);
	vt_out_u16(out, 0);
	vt_out_u32(out, r->ring);
	vt_out_u32(out, r->process);
	vt_out_u64(out, r->t_min);
	vt_out_u64(out, r->t_max);
	vt_out_u64(out, r->categories);
	vt_out_u32(out, r->events);
	vt__rec_end(out, start);
}

bool vt_rec_index_decode(struct vt_in body, struct vt_rec_index *r)
{
	r->offset = vt_in_u64(&body);
	r->total = vt_in_u32(&body);
	r->type = vt_in_u16(&body);
	vt_in_u16(&body);
	r->ring = vt_in_u32(&body);
	r->process = vt_in_u32(&body);
	r->t_min = vt_in_u64(&body);
	r->t_max = vt_in_u64(&body);
	r->categories = vt_in_u64(&body);
	r->events = vt_in_u32(&body);
	return !body.bad && r->offset >= VT_FILE_HEADER && r->offset % 8 == 0 &&
	       r->total >= VT_CHUNK_HEADER + VT_CHUNK_TRAILER && r->total % 8 == 0 &&
	       r->total <= VT_MAX_CHUNK_HEADER + VT_MAX_STORED + VT_CHUNK_TRAILER &&
	       r->events <= VT_MAX_EVENTS && r->t_min <= r->t_max;
}

void vt_rec_footer_encode(struct vt_out *out, const uint64_t *offsets, uint32_t count)
{
	size_t start = vt__rec_begin(out, VT_REC_FOOTER);

	vt_out_u32(out, count);
	vt_out_u32(out, 0);
	for (uint32_t i = 0; i < count; i++)
		vt_out_u64(out, offsets[i]);
	vt__rec_end(out, start);
}

uint32_t vt_rec_footer_decode(struct vt_in body, uint64_t *offsets, uint32_t limit)
{
	uint32_t count = vt_in_u32(&body);

	vt_in_u32(&body);
	if (body.bad || count > (size_t)(body.end - body.at) / 8)
		return 0;
	count = count < limit ? count : limit;
	for (uint32_t i = 0; i < count; i++)
		offsets[i] = vt_in_u64(&body);
	return count;
}
