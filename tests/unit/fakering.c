/* fakering.c - see fakering.h. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/child.h"
#include "tests/unit/fakering.h"

#define HOST_TYPES 8u

static unsigned host_types[HOST_TYPES];
static unsigned host_type_count;

void fake_open(struct fake_ring *f, uint32_t segment_size, uint32_t segments, uint64_t begin)
{
	memset(f, 0, sizeof(*f));
	f->segments = aligned_alloc(4096, (size_t)segment_size * segments);
	f->events = malloc(FAKE_MOST * sizeof(*f->events));
	if (!f->segments || !f->events)
		abort();
	memset(f->segments, 0, (size_t)segment_size * segments);
	f->begin = f->ring.commit = f->ring.limit = begin;
	f->ring.segment_size = segment_size;
	f->ring.segment_count = segments;
	f->view.fd = -1;
	f->random = 88172645463325252u;
	f->now = 1000000;
	f->longest_text = 100;
	host_type_count = 0;
}

void fake_close(struct fake_ring *f)
{
	free(f->segments);
	free(f->events);
	vt_ring_view_close(&f->view);
}

static void next_segment(struct fake_ring *f, uint64_t ticks)
{
	struct vt_ring *r = &f->ring;
	uint64_t start = r->limit, size = (uint64_t)r->segment_size * r->segment_count;
	struct vt_segment header = { .magic = VT_SEGMENT_MAGIC, .position = start, .ticks = ticks };

	if (r->commit < start)
		memset(fake_segment(f, start - r->segment_size) + r->commit % r->segment_size, 0, 8);
	if (start + r->segment_size - f->begin > size)
		r->horizon = start + r->segment_size - size;
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		header.emitted[c] = r->emitted[c];
		header.first += r->emitted[c];
	}
	memcpy(fake_segment(f, start), &header, sizeof(header));
	r->floor = ticks - VT_TICK_HALF;
	r->commit = start + sizeof(header);
	r->limit = start + r->segment_size;
}

static void remember(struct fake_ring *f, unsigned id, const struct vt_layout *l, const uint64_t *values,
                     uint64_t ticks)
{
	if (f->count == FAKE_MOST)
		abort();
	struct fake_event *e = &f->events[f->count++];
	e->ticks = ticks;
	e->position = f->ring.commit;
	e->id = (uint16_t)id;
	e->fields = l->columns;
	e->text = l->text >= 0 ? (uint32_t)values[l->text] : 0;
	memcpy(e->values, values, l->columns * sizeof(*values));
}

/* The value that a type's text follows from: the first field that is no text, if there is one. */
static uint64_t seed_of(const struct vt_layout *l, const uint64_t *values)
{
	unsigned field = l->text == 0 ? 1 : 0;
	return field < l->columns ? values[field] : 0;
}

void fake_emit(struct fake_ring *f, unsigned id, const uint64_t *values, uint64_t ticks)
{
	const struct vt_layout *l = vt_ring_view_layout(&f->view, id);
	uint64_t record[1 + VT_MAX_FIELDS + VT_MAX_TEXT / 8], distance;
	uint32_t words = 1;

	memset(record, 0, sizeof(record));
	record[0] = ticks << 16 | id;
	if (l->text >= 0)
		record[words++] = values[l->text];
	for (int i = 0; i < l->columns; i++)
		if (i != l->text)
			record[words++] = values[i];
	if (l->text >= 0) {
		char *text = (char *)(record + words);
		for (uint32_t i = 0; i < values[l->text]; i++)
			text[i] = fake_letter(seed_of(l, values), i);
		words += (uint32_t)((values[l->text] + 7) / 8);
	}
	distance = ticks - f->ring.floor;
	if (f->ring.commit + 8 * words > f->ring.limit || distance >> VT_TICK_BITS)
		next_segment(f, ticks);
	remember(f, id, l, values, ticks);
	memcpy(fake_segment(f, f->ring.commit) + f->ring.commit % f->ring.segment_size, record, 8 * words);
	f->ring.emitted[id >> 8]++;
	f->ring.commit += 8 * words;
}

void fake_type(struct fake_ring *f, unsigned id, const uint8_t *kinds, unsigned count)
{
	struct vt_rec_event type = { .id = (uint16_t)id, .count = (uint8_t)count };

	for (unsigned i = 0; i < count; i++)
		type.fields[i].kind = kinds[i];
	vt_ring_view_learn(&f->view, &type);
	host_types[host_type_count++] = id;
}

static unsigned random_type(struct fake_ring *f)
{
	const struct vt_schema *s = vt_schema_builtin();

	if (host_type_count > 0 && random_next(&f->random) % 4 == 0)
		return host_types[random_next(&f->random) % host_type_count];
	for (;;) {
		unsigned id = (unsigned)(random_next(&f->random) % s->event_limit);
		if (vt_schema_event(s, id))
			return id;
	}
}

void fake_random(struct fake_ring *f, uint32_t count)
{
	uint64_t values[VT_MAX_FIELDS];

	while (count > 0) {
		unsigned id = random_type(f);
		const struct vt_layout *l = vt_ring_view_layout(&f->view, id);
		/* Some types come in runs, which the splitter takes in another way. */
		uint32_t run = random_next(&f->random) % 4 ? 1 : 1 + (uint32_t)(random_next(&f->random) % 40);
		unsigned width = (unsigned)(random_next(&f->random) % 65);
		for (; run > 0 && count > 0; run--, count--) {
			for (int i = 0; i < l->columns; i++) {
				uint64_t v = random_next(&f->random);
				values[i] = width == 0 ? 0 : v >> (64 - width);
				if (i == l->text)
					values[i] = v % (f->longest_text + 1);
				else if (l->kinds[i] == VT_KIND_INT && v & 1)
					values[i] = -values[i];
			}
			f->now += 1 + (random_next(&f->random) >> (random_next(&f->random) % 30 + 34));
			fake_emit(f, id, values, f->now);
		}
	}
}

void fake_drain(struct fake_ring *f, struct vt_drain_ring *r)
{
	static const uint64_t none[VT_MAX_CATEGORIES];

	vt_drain_begin(r, &f->ring, f->segments, f->ring.segment_size, f->ring.segment_count, f->begin, none);
	r->id = 1;
}
