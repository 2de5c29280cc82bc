/* text_value.c - see text_value.h. */
#include "decoder/text_value.h"

#include "decoder/export.h"
#include "decoder/units.h"

static char *put_id(char *p, uint64_t id)
{
	*p++ = '#';
	return vt_num_u64(p, id);
}

static void put_string(struct vt_sink *out, const struct vt_input *in, const struct vt_event *event,
                       uint64_t id)
{
	size_t length;
	const char *text = vt_reader_string(in->reader, event->ring->process, id, &length);

	if (text)
		vt_sink_escaped(out, text, length, VT_ESCAPE_ALL);
	else
		vt_sink_upto(out, put_id(vt_sink_room(out, VT_NUM_MAX), id));
}

/* Remembers a string that is short enough. */
static VT_COLD void learn_string(struct vt_known_string *k, const struct vt_input *in,
                                 const struct vt_event *event, uint64_t id)
{
	struct vt_sink s;

	k->process = NULL;
	if (vt_sink_memory(&s))
		return;
	put_string(&s, in, event, id);
	if (s.used <= sizeof(k->bytes) && id <= UINT32_MAX) {
		k->process = event->ring->process;
		k->id = (uint32_t)id;
		k->length = (uint8_t)s.used;
		memcpy(k->bytes, s.buffer, s.used);
	}
	vt_sink_discard(&s);
}

static inline void put_known_string(struct vt_sink *out, const struct vt_input *in, const struct vt_event *event,
                                    uint64_t id, struct vt_known_strings *known)
{
	struct vt_known_string *k = &known->items[id % VT_KNOWN_STRINGS];

	if (vt_unlikely(k->id != id || k->process != event->ring->process))
		learn_string(k, in, event, id);
	if (vt_unlikely(!k->process)) {
		put_string(out, in, event, id);
		return;
	}
	/* A copy of constant length is the fastest. */
	char *p = vt_sink_room(out, sizeof(k->bytes));
	memcpy(p, k->bytes, sizeof(k->bytes));
	vt_sink_upto(out, p + k->length);
}

static char *put_unit(char *p, const struct vt_field_desc *field, uint64_t v, bool exact)
{
	if (!exact)
		return field->unit == VT_UNIT_NS ? vt_num_ns(p, v) : vt_num_bytes(p, v);
	p = vt_num_u64(p, v);
	if (field->unit == VT_UNIT_NS) {
		memcpy(p, "ns", 2);
		return p + 2;
	}
	*p++ = 'B';
	return p;
}

/* Values that are short: all but strings and text. */
static char *put_number(char *p, const struct vt_field_desc *field, uint64_t v, bool exact)
{
	double real;

	if (field->kind == VT_KIND_INT)
		return vt_num_i64(p, (int64_t)v);
	if (field->kind == VT_KIND_FLOAT) {
		memcpy(&real, &v, sizeof(real));
		return vt_num_float(p, real);
	}
	if (field->unit == VT_UNIT_NS || field->unit == VT_UNIT_BYTES)
		return put_unit(p, field, v, exact);
	return vt_num_u64(p, v);
}

void vt_text_value(struct vt_sink *out, const struct vt_input *in, const struct vt_event *event, unsigned i,
                   bool exact, struct vt_known_strings *known)
{
	const struct vt_field_desc *field = &event->desc->fields[i];
	uint64_t v = event->values[i];
	const char *label;

	switch (field->kind) {
	case VT_KIND_STRING:
		if (known)
			put_known_string(out, in, event, v, known);
		else
			put_string(out, in, event, v);
		break;
	case VT_KIND_TEXT:
		vt_sink_escaped(out, event->text, event->text ? (size_t)v : 0, VT_ESCAPE_ALL);
		break;
	case VT_KIND_ENUM:
		label = vt_enum_label(field, v);
		if (label)
			vt_sink_escaped(out, label, strlen(label), VT_ESCAPE_ALL);
		else
			vt_sink_upto(out, put_id(vt_sink_room(out, VT_NUM_MAX), v));
		break;
	default:
		vt_sink_upto(out, put_number(vt_sink_room(out, VT_NUM_MAX), field, v, exact));
	}
}
