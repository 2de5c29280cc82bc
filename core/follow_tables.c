/* follow_tables.c - what events refer to: types, strings, facts, threads, the process itself. */
#include <string.h>

#include "core/follow_tables.h"

enum { PAYLOAD = 256 << 10 };   /* records are written in chunks of about this many bytes */

unsigned vt_follow_slots_used(const struct vt_followed *p)
{
	uint64_t used = vt_load_relaxed(&p->view.file->slots_used);
	return (unsigned)(used < p->view.file->slot_count ? used : p->view.file->slot_count);
}

int vt_follow_flush(struct vt_followed *p, const struct vt_follow_out *out, enum vt_chunk_type type,
                    struct vt_out *payload, size_t limit)
{
	if (payload->length <= limit && !payload->failed)
		return 0;
	int err = out->records(out->user, type, p->index, payload);
	payload->length = 0;
	return err;
}

/* A registered type is kept as the SCHEMA record that goes into the log; what does not parse is left out. */
static bool copy_type(struct vt_followed *p, const struct vt_table_entry *e, struct vt_out *payload)
{
	const uint8_t *bytes = vt_ring_view_bytes(&p->view, e);
	struct vt_rec_event type;
	struct vt_in body;
	uint16_t kind;

	if (!bytes)
		return false;
	struct vt_in in = vt_in_of(bytes, e->length);
	if (!vt_record_next(&in, &kind, &body))
		return true;
	if (kind == VT_REC_EVENT) {
		if (!vt_rec_event_decode(body, &type) || type.id < VT_HOST_CATEGORY << 8)
			return true;
		vt_ring_view_learn(&p->view, &type);
	}
	vt_out_bytes(payload, bytes, e->length);
	return true;
}

int vt_follow_write_types(struct vt_followed *p, const struct vt_follow_out *out)
{
	struct vt_ring_file *f = p->view.file;
	uint64_t end = vt_load_acquire(&f->next_type);
	struct vt_out payload = { 0 };
	int err = 0;

	end = end < f->type_count ? end : f->type_count;
	while (p->types < end && !err && copy_type(p, &vt_types_of(f)[p->types], &payload)) {
		p->types++;
		err = vt_follow_flush(p, out, VT_CHUNK_SCHEMA, &payload, PAYLOAD);
	}
	if (!err)
		err = vt_follow_flush(p, out, VT_CHUNK_SCHEMA, &payload, 0);
	vt_out_free(&payload);
	return err;
}

int vt_follow_write_strings(struct vt_followed *p, const struct vt_follow_out *out)
{
	struct vt_ring_file *f = p->view.file;
	uint64_t end = vt_load_acquire(&f->next_string);
	struct vt_out payload = { 0 };
	int err = 0;

	end = end < f->string_count ? end : f->string_count;
	for (; p->strings < end && !err; p->strings++) {
		const struct vt_table_entry *e = &vt_strings_of(f)[p->strings];
		const uint8_t *bytes = vt_ring_view_bytes(&p->view, e);
		if (!bytes)
			continue;       /* damaged: this one shows as #id, no other does */
		vt_rec_string_encode(&payload, &(struct vt_rec_string){
			.id = (uint32_t)p->strings + 1, .bytes = { (const char *)bytes, e->length },
		});
		err = vt_follow_flush(p, out, VT_CHUNK_STRINGS, &payload, PAYLOAD);
	}
	if (!err)
		err = vt_follow_flush(p, out, VT_CHUNK_STRINGS, &payload, 0);
	vt_out_free(&payload);
	return err;
}

struct vt_span vt_follow_string(const struct vt_followed *p, uint32_t id)
{
	struct vt_ring_file *f = p->view.file;
	if (id == 0 || id > f->string_count)
		return (struct vt_span){ "", 0 };
	const struct vt_table_entry *e = &vt_strings_of(f)[id - 1];
	const uint8_t *bytes = vt_ring_view_bytes(&p->view, e);
	return bytes ? (struct vt_span){ (const char *)bytes, e->length } : (struct vt_span){ "", 0 };
}

void vt_follow_put_process(const struct vt_followed *p, struct vt_out *payload)
{
	const struct vt_ring_file *f = p->view.file;

	vt_rec_process_encode(payload, &(struct vt_rec_process){
		.index = p->index, .parent = p->parent, .pid = f->pid, .ending = p->ending,
		.status = p->status, .start = f->ticks, .end = p->ended_ticks, .image = p->image,
		.program = { f->program, strnlen(f->program, sizeof(f->program)) },
	});
}

int vt_follow_write_process(struct vt_followed *p, const struct vt_follow_out *out)
{
	const struct vt_ring_file *f = p->view.file;
	uint64_t end = vt_load_relaxed(&f->next_fact);
	struct vt_out payload = { 0 };

	end = end < VT_MAX_FACTS ? end : VT_MAX_FACTS;
	if (!p->announced)
		vt_follow_put_process(p, &payload);
	/* Pairs with the store-release of ready. */
	for (; p->facts < end && vt_load_acquire(&f->facts[p->facts].ready); p->facts++) {
		const struct vt_fact_entry *e = &f->facts[p->facts];
		vt_rec_fact_encode(&payload, &(struct vt_rec_fact){
			.index = p->index, .class_flag = (uint8_t)e->class_flag,
			.key = vt_follow_string(p, e->key), .value = vt_follow_string(p, e->value),
		});
	}
	int err = vt_follow_flush(p, out, VT_CHUNK_PROCESS, &payload, 0);
	if (!err)
		p->announced = true;
	vt_out_free(&payload);
	return err;
}

static void put_thread(const struct vt_followed *p, const struct vt_followed_slot *s, unsigned index,
                       bool is_signal, struct vt_out *payload)
{
	vt_rec_thread_encode(payload, &(struct vt_rec_thread){
		.ring = is_signal ? s->signal.id : s->main.id, .process = p->index, .tid = s->tid,
		.slot = index, .generation = s->generation, .kind = is_signal,
		.name = { s->name, strlen(s->name) },
	});
}

int vt_follow_write_threads(struct vt_followed *p, const struct vt_follow_out *out)
{
	struct vt_out payload = { 0 };
	unsigned used = vt_follow_slots_used(p);

	for (unsigned i = 0; i < used; i++) {
		struct vt_followed_slot *s = &p->slots[i];
		bool signal_new = !s->signal_used && s->until_signal > s->signal.cursor.position;
		if (!s->generation || (s->announced && !signal_new))
			continue;
		if (signal_new) {
			s->signal.id = out->new_ring(out->user);
			s->signal_used = true;
		}
		put_thread(p, s, i, false, &payload);
		if (s->signal_used)
			put_thread(p, s, i, true, &payload);
		s->announced = true;
	}
	int err = vt_follow_flush(p, out, VT_CHUNK_THREADS, &payload, 0);
	vt_out_free(&payload);
	if (err)
		vt_follow_repeat(p);
	return err;
}

void vt_follow_repeat(struct vt_followed *p)
{
	p->types = p->strings = p->facts = 0;
	p->announced = false;
	for (unsigned i = 0; i < vt_follow_slots_used(p); i++)
		p->slots[i].announced = false;
}
