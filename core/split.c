/*
 * split.c - the recorder's inner loop: one pass over the records puts each event's ticks, type and place
 * into its category; a second one, by category, gathers fields into columns. Built with -O3.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/pack.h"
#include "core/split.h"

enum {
	MAX_EVENTS = VT_SPLIT_BYTES / 8,
	RUN = 8,                        /* so many events of one type in a row: more will follow */
};

struct category;

struct type {
	const struct vt_layout *layout;
	struct category *category;
	struct type *next;              /* of the types in use */
	uint32_t *places;               /* index of each record's first word in `words` */
	uint32_t events;
	uint16_t id;
	uint8_t index;                  /* in its category */
};

struct category {
	uint64_t *ticks;                /* MAX_EVENTS, touched as used; so are `kinds` and `places` */
	uint8_t *kinds;                 /* type index of each event */
	struct type *types[VT_MAX_TYPES];
	uint64_t first;
	uint32_t events, type_count;
};

struct vt_splitter {
	struct type *by_id[VT_MAX_CATEGORIES << 8];     /* types of this chunk */
	uint8_t record_words[VT_MAX_CATEGORIES << 8];   /* of these; 0: none here, or it has a text */
	struct type *free_types, *used_types;
	struct category categories[VT_MAX_CATEGORIES];
	uint64_t *words;                /* the chunk's records, as copied: `places` point into it */
	uint32_t word_count;
	uint32_t events;
	bool failed;
	uint64_t *values;               /* one column */
	uint8_t *bytes;                 /* one of less than a byte each */
	struct vt_out raw;              /* all sections, one after the other */
	uint32_t *pieces;
	unsigned piece_count, piece_room;
	struct vt_split_section sections[VT_MAX_CATEGORIES];
};

struct vt_splitter *vt_splitter_new(void)
{
	struct vt_splitter *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->words = malloc(VT_SPLIT_BYTES);
	s->values = malloc(MAX_EVENTS * sizeof(*s->values));
	s->bytes = malloc(MAX_EVENTS + 8);
	if (!s->words || !s->values || !s->bytes) {
		vt_splitter_free(s);
		return NULL;
	}
	return s;
}

void vt_splitter_free(struct vt_splitter *s)
{
	if (!s)
		return;
	struct type *lists[] = { s->used_types, s->free_types };
	for (unsigned i = 0; i < 2; i++)
		for (struct type *t = lists[i], *next; t; t = next) {
			next = t->next;
			free(t->places);
			free(t);
		}
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		free(s->categories[c].ticks);
		free(s->categories[c].kinds);
	}
	free(s->words);
	free(s->values);
	free(s->bytes);
	free(s->pieces);
	vt_out_free(&s->raw);
	free(s);
}

uint32_t vt_splitter_events(const struct vt_splitter *s)
{
	return s->events;
}

/* ---- first pass: records to categories --------------------------------------------------------- */

static struct type *spare_type(struct vt_splitter *s)
{
	struct type *t = s->free_types;
	if (t) {
		s->free_types = t->next;
		return t;
	}
	t = calloc(1, sizeof(*t));
	if (t)
		t->places = malloc(MAX_EVENTS * sizeof(*t->places));
	if (!t || !t->places) {
		free(t);
		return NULL;
	}
	return t;
}

/* The first event of a type in this chunk. NULL: unknown type, or no memory (s->failed). */
static struct type *meet_type(struct vt_splitter *s, const struct vt_ring_cursor *cursor, unsigned id,
                              vt_layout_of *layout_of, void *user)
{
	const struct vt_layout *layout = id >> 8 < VT_MAX_CATEGORIES ? layout_of(user, id) : NULL;
	if (!layout || !layout->known)
		return NULL;
	struct category *c = &s->categories[id >> 8];
	struct type *t = spare_type(s);
	if (t && !c->ticks) {
		c->ticks = malloc(MAX_EVENTS * sizeof(*c->ticks));
		c->kinds = malloc(MAX_EVENTS + 8);      /* add_bits pads it */
	}
	if (!t || !c->ticks || !c->kinds) {
		s->failed = true;
		return NULL;
	}
	if (c->events == 0)
		c->first = cursor->counted[id >> 8] - cursor->base[id >> 8];
	t->layout = layout;
	t->category = c;
	t->events = 0;
	t->id = (uint16_t)id;
	t->index = (uint8_t)c->type_count;
	s->record_words[id] = layout->text >= 0 ? 0 : (uint8_t)(1 + layout->columns);
	t->next = s->used_types;
	s->used_types = t;
	c->types[c->type_count++] = t;
	s->by_id[id] = t;
	return t;
}

/* Words of a record with a text, from the length in its second word; 0: nonsense. */
static uint32_t text_record_words(const struct type *t, const uint64_t *record, uint32_t room)
{
	if (room < 2)
		return 2;
	if (record[1] > VT_MAX_TEXT)
		return 0;
	return 1 + t->layout->columns + (uint32_t)((record[1] + 7) / 8);
}

/* A ring's order is its positions; ticks are made to agree (format.h: strictly increasing). */
static VT_COLD uint64_t corrected_ticks(struct vt_ring_cursor *cursor, uint64_t ticks, uint64_t last)
{
	cursor->corrections++;
	if (last + 1 - ticks > cursor->largest_correction)
		cursor->largest_correction = last + 1 - ticks;
	return last + 1;
}

static inline uint64_t full_ticks(struct vt_ring_cursor *cursor, uint64_t segment_ticks, uint64_t word,
                                  uint64_t last)
{
	int64_t distance = (int64_t)((word & ~0xffffull) - (segment_ticks << 16)) >> 16;
	uint64_t ticks = segment_ticks + (uint64_t)distance;

	return vt_likely(ticks > last) ? ticks : corrected_ticks(cursor, ticks, last);
}

/*
 * Do a header's counts agree with each other, with those of the header before and, if the segment between
 * them was read, with that? What was read may be too much only if that segment was damaged.
 */
static VT_COLD bool plausible(const struct vt_ring_cursor *cursor, const struct vt_segment *header)
{
	uint64_t sum = 0;
	bool less = false;

	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		sum += header->emitted[c];
		less = less || header->emitted[c] < cursor->counted[c];
	}
	return sum == header->first && sum >= cursor->first && !(less && cursor->in_segment);
}

/* Reads a segment header at the cursor. VT_SPLIT_WHOLE: the cursor is behind it. */
static enum vt_split_end pass_header(struct vt_ring_cursor *cursor, const struct vt_segment *header)
{
	if (header->magic != VT_SEGMENT_MAGIC || header->position != cursor->position)
		return VT_SPLIT_MISFIT;
	if (memcmp(cursor->counted, header->emitted, sizeof(cursor->counted)) != 0)
		return plausible(cursor, header) ? VT_SPLIT_LOST : VT_SPLIT_MISFIT;
	cursor->first = header->first;
	cursor->segment_ticks = header->ticks;
	cursor->position += sizeof(*header);
	cursor->in_segment = true;
	return VT_SPLIT_WHOLE;
}

uint64_t vt_splitter_lost(struct vt_ring_cursor *cursor, const struct vt_segment *header,
                          uint64_t lost[VT_MAX_CATEGORIES])
{
	uint64_t sum = 0;
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		/* A header that counts less than we have read is damage; it loses nothing. */
		lost[c] = header->emitted[c] > cursor->counted[c] ? header->emitted[c] - cursor->counted[c] : 0;
		cursor->counted[c] = header->emitted[c];
		sum += lost[c];
	}
	return sum;
}

enum take { TAKE_ALL, TAKE_PAD, TAKE_CUT, TAKE_MISFIT };

/* What take_records keeps in registers: passed by value, so that it has no address. */
struct taking {
	struct vt_ring_cursor *cursor;
	const uint64_t *words;
	uint64_t segment_ticks, last;
	uint32_t at, end;
};

/* The type and the length of the record at k->at, or why there is none. */
static VT_COLD enum take look(struct vt_splitter *s, struct taking k, vt_layout_of *layout_of,
                              void *user, uint32_t *size)
{
	const uint64_t word = k.words[k.at];
	const unsigned id = word & 0xffff;

	if (word == 0)
		return TAKE_PAD;
	if (id >> 8 >= VT_MAX_CATEGORIES ||
	    (!s->by_id[id] && !meet_type(s, k.cursor, id, layout_of, user)))
		return TAKE_MISFIT;
	const struct type *t = s->by_id[id];
	*size = 1u + t->layout->columns;
	if (t->layout->text >= 0)
		*size = text_record_words(t, k.words + k.at, k.end - k.at);
	return *size == 0 ? TAKE_MISFIT : *size > k.end - k.at ? TAKE_CUT : TAKE_ALL;
}

static inline void take_one(struct taking *k, struct type *t, uint32_t size)
{
	struct category *c = t->category;

	k->last = full_ticks(k->cursor, k->segment_ticks, k->words[k->at], k->last);
	t->places[t->events++] = k->at;
	c->ticks[c->events] = k->last;
	c->kinds[c->events++] = t->index;
	k->at += size;
}

/*
 * Takes records of one type as long as they follow each other. The processor guesses this loop's branch,
 * where it would wait for each record's length to know where the next one is.
 */
static struct taking take_run(struct taking k, struct type *t, uint32_t size)
{
	const uint64_t id = t->id;
	struct category *c = t->category;
	uint32_t *place = t->places + t->events;
	uint64_t *tick = c->ticks + c->events;

	while (k.end - k.at >= size && (k.words[k.at] & 0xffff) == id) {
		k.last = full_ticks(k.cursor, k.segment_ticks, k.words[k.at], k.last);
		*place++ = k.at;
		*tick++ = k.last;
		k.at += size;
	}
	uint32_t count = (uint32_t)(place - t->places) - t->events;
	memset(c->kinds + c->events, t->index, count);
	t->events += count;
	c->events += count;
	return k;
}

/* `counted` of the categories that this chunk has, and the chunk's sum, from what was taken. */
static void count_taken(struct vt_splitter *s, struct vt_ring_cursor *cursor)
{
	s->events = 0;
	for (const struct type *t = s->used_types; t; t = t->next) {
		const unsigned c = t->id >> 8;
		cursor->counted[c] = cursor->base[c] + t->category->first + t->category->events;
		s->events += t->events;
	}
}

/* Takes records from words[at] to words[end], which lie in one segment. Returns why it ended at *stop. */
static enum take take_records(struct vt_splitter *s, struct vt_ring_cursor *cursor, uint32_t at,
                              uint32_t end, uint32_t *stop, vt_layout_of *layout_of, void *user)
{
	struct taking k = { cursor, s->words, cursor->segment_ticks, cursor->last, at, end };
	enum take result = TAKE_ALL;
	unsigned before = 0, run = 0;

	while (k.at < end) {
		const unsigned id = k.words[k.at] & 0xffff;
		uint32_t size = id >> 8 < VT_MAX_CATEGORIES ? s->record_words[id] : 0;
		if (vt_unlikely(size - 1 >= end - k.at)) {      /* it is 0, or too long */
			uint32_t length;
			result = look(s, k, layout_of, user, &length);
			size = length;
			if (result != TAKE_ALL)
				break;
		}
		take_one(&k, s->by_id[id], size);
		run = (run + 1) & -(unsigned)(id == before);
		before = id;
		if (vt_unlikely(run >= RUN) && s->record_words[id])
			k = take_run(k, s->by_id[id], size);
	}
	cursor->last = k.last;
	*stop = k.at;
	count_taken(s, cursor);
	return result;
}

uint64_t *vt_splitter_room(struct vt_splitter *s, uint32_t *bytes)
{
	*bytes = VT_SPLIT_BYTES - 8 * s->word_count;
	return s->words + s->word_count;
}

enum vt_split_end vt_splitter_take(struct vt_splitter *s, struct vt_ring_cursor *cursor,
                                   uint32_t segment_size, uint32_t length,
                                   vt_layout_of *layout_of, void *user)
{
	const uint64_t start = cursor->position, end = start + length;
	const uint32_t base = s->word_count;

	while (cursor->position < end) {
		uint32_t at = base + (uint32_t)((cursor->position - start) / 8);
		uint64_t offset = cursor->position % segment_size;
		s->word_count = at;
		if (offset == 0) {
			if (end - cursor->position < sizeof(struct vt_segment))
				return VT_SPLIT_WHOLE;
			const void *header = s->words + at;
			enum vt_split_end result = pass_header(cursor, header);
			if (result != VT_SPLIT_WHOLE)
				return result;
			continue;
		}
		if (!cursor->in_segment)
			return VT_SPLIT_MISFIT;
		uint64_t segment_end = cursor->position - offset + segment_size;
		uint64_t until = segment_end < end ? segment_end : end;
		uint32_t stop;
		enum take why = take_records(s, cursor, at, base + (uint32_t)((until - start) / 8), &stop,
		                             layout_of, user);
		cursor->position += 8 * (uint64_t)(stop - at);
		s->word_count = stop;
		if (why == TAKE_PAD)
			cursor->position = segment_end < end ? segment_end : end;
		if (why == TAKE_CUT && until == end && end < segment_end)
			return VT_SPLIT_WHOLE;
		if (why == TAKE_CUT || why == TAKE_MISFIT)
			return VT_SPLIT_MISFIT;
	}
	s->word_count = base + length / 8;
	return VT_SPLIT_WHOLE;
}

/* ---- second pass: categories to columns ---------------------------------------------------------- */

static uint8_t width_of(uint64_t all)
{
	if (all == 0)
		return 0;
	unsigned bits = 64 - (unsigned)__builtin_clzll(all);
	unsigned rest = bits % 8;
	return (uint8_t)(bits - rest + (rest <= 2 ? rest : rest <= 4 ? 4 : 8));
}

static void add_piece(struct vt_splitter *s, uint32_t length)
{
	if (length == 0)
		return;
	if (s->piece_count == s->piece_room) {
		unsigned room = s->piece_room ? 2 * s->piece_room : 256;
		uint32_t *pieces = realloc(s->pieces, room * sizeof(*pieces));
		if (!pieces) {
			s->failed = true;
			return;
		}
		s->pieces = pieces;
		s->piece_room = room;
	}
	s->pieces[s->piece_count++] = length;
}

/* Room for `length` bytes of a column, which are counted already; NULL: no memory. */
static uint8_t *plane_room(struct vt_splitter *s, uint32_t length)
{
	uint8_t *to = vt_out_room(&s->raw, length);
	if (!to)
		return NULL;
	s->raw.length += length;
	add_piece(s, length);
	return to;
}

/* A column of values that are less than a byte each; `bytes` has room for 7 more. */
static void add_bits(struct vt_splitter *s, uint8_t *bytes, uint32_t count, unsigned width)
{
	uint32_t length = (uint32_t)(((uint64_t)count * width + 7) / 8);
	uint8_t *to = plane_room(s, length);
	if (!to)
		return;
	memset(bytes + count, 0, 7);
	vt_pack_bits(to, bytes, length, width);
}

/* What the head of a section says of a column. */
struct shape { uint8_t width, shift; };

/* Appends one column; `all` has every bit that any of its values has. */
static struct shape add_column(struct vt_splitter *s, const uint64_t *values, uint32_t count, uint64_t all)
{
	unsigned shift = all ? (unsigned)__builtin_ctzll(all) : 0;
	unsigned width = width_of(all >> shift), at = shift;

	for (unsigned plane = 0; plane < width / 8; plane++, at += 8) {
		uint8_t *to = plane_room(s, count);
		if (!to)
			return (struct shape){ 0, 0 };
		vt_pack_plane(to, values, count, at);
	}
	if (width % 8 > 0) {
		vt_pack_plane(s->bytes, values, count, at);
		add_bits(s, s->bytes, count, width % 8);
	}
	return (struct shape){ (uint8_t)width, (uint8_t)shift };
}

static struct shape add_types_column(struct vt_splitter *s, struct category *c)
{
	uint8_t width = width_of(c->type_count - 1u);

	if (width == 8) {
		uint8_t *to = plane_room(s, c->events);
		if (to)
			memcpy(to, c->kinds, c->events);
	} else if (width > 0) {
		add_bits(s, c->kinds, c->events, width);
	}
	return (struct shape){ width, 0 };
}

static struct shape add_ticks_column(struct vt_splitter *s, const struct category *c)
{
	uint64_t all = vt_pack_steps(s->values, c->ticks, c->events);
	return add_column(s, s->values, c->events, all);
}

/* A text's length is the first word behind the header, and the other fields follow it. */
static struct shape add_field_column(struct vt_splitter *s, const struct type *t, unsigned field)
{
	const int text = t->layout->text;
	const unsigned word = 1 + (text < 0 || (int)field > text ? field :
	                           (int)field == text ? 0 : field + 1);
	const uint64_t *from = s->words + word;
	uint64_t all;

	switch (t->layout->kinds[field]) {
	case VT_KIND_GAUGE:
		all = vt_gather_changes(s->values, from, t->places, t->events);
		break;
	case VT_KIND_INT:
		all = vt_gather_signed(s->values, from, t->places, t->events);
		break;
	default:
		all = vt_gather(s->values, from, t->places, t->events);
	}
	return add_column(s, s->values, t->events, all);
}

static void add_texts(struct vt_splitter *s, const struct type *t)
{
	size_t before = s->raw.length;

	for (uint32_t i = 0; i < t->events; i++) {
		const uint64_t *record = s->words + t->places[i];
		vt_out_bytes(&s->raw, record + 1 + t->layout->columns, record[1]);
	}
	add_piece(s, (uint32_t)(s->raw.length - before));
}

/* Appends the section of a category to s->raw. */
static void add_section(struct vt_splitter *s, struct category *c)
{
	size_t start = s->raw.length;
	size_t columns = 2;

	for (unsigned i = 0; i < c->type_count; i++)
		columns += c->types[i]->layout->columns;
	size_t head_length = 8 * (size_t)c->type_count + ((2 * columns + 7) & ~(size_t)7);
	if (!vt_out_room(&s->raw, head_length))
		return;
	memset(s->raw.data + start, 0, head_length);
	s->raw.length += head_length;
	add_piece(s, (uint32_t)head_length);

	/* raw.data may move while columns are added: the head is filled in at the end. */
	struct shape shapes[2 + VT_MAX_TYPES * VT_MAX_FIELDS];
	size_t n = 0;
	shapes[n++] = add_types_column(s, c);
	shapes[n++] = add_ticks_column(s, c);
	for (unsigned i = 0; i < c->type_count; i++)
		for (unsigned f = 0; f < c->types[i]->layout->columns; f++)
			shapes[n++] = add_field_column(s, c->types[i], f);
	for (unsigned i = 0; i < c->type_count; i++)
		if (c->types[i]->layout->text >= 0)
			add_texts(s, c->types[i]);
	if (s->raw.failed)
		return;
	uint8_t *head = s->raw.data + start;
	for (unsigned i = 0; i < c->type_count; i++, head += 8) {
		vt_put_le16(head, c->types[i]->id);
		vt_put_le16(head + 2, c->types[i]->layout->columns);
		vt_put_le32(head + 4, c->types[i]->events);
	}
	for (size_t i = 0; i < n; i++) {
		head[i] = shapes[i].width;
		head[n + i] = shapes[i].shift;
	}
}

void vt_splitter_reset(struct vt_splitter *s)
{
	while (s->used_types) {
		struct type *t = s->used_types;
		s->used_types = t->next;
		s->by_id[t->id] = NULL;
		s->record_words[t->id] = 0;
		t->category->events = 0;
		t->category->type_count = 0;
		t->next = s->free_types;
		s->free_types = t;
	}
	s->events = 0;
	s->word_count = 0;
}

int vt_splitter_sections(struct vt_splitter *s, const struct vt_split_section **sections)
{
	int n = 0;
	size_t starts[VT_MAX_CATEGORIES + 1];
	unsigned pieces[VT_MAX_CATEGORIES + 1];

	s->raw.length = 0;
	s->piece_count = 0;
	for (unsigned id = 0; id < VT_MAX_CATEGORIES; id++) {
		struct category *c = &s->categories[id];
		if (c->events == 0)
			continue;
		starts[n] = s->raw.length;
		pieces[n] = s->piece_count;
		s->sections[n++] = (struct vt_split_section){
			.category = (uint8_t)id, .types = (uint16_t)c->type_count, .events = c->events,
			.t_min = c->ticks[0], .t_max = c->ticks[c->events - 1], .first = c->first,
		};
		add_section(s, c);
	}
	starts[n] = s->raw.length;
	pieces[n] = s->piece_count;
	for (int i = 0; i < n; i++) {
		s->sections[i].raw = s->raw.data + starts[i];
		s->sections[i].raw_length = (uint32_t)(starts[i + 1] - starts[i]);
		s->sections[i].pieces = s->pieces + pieces[i];
		s->sections[i].piece_count = pieces[i + 1] - pieces[i];
	}
	bool failed = s->failed || s->raw.failed;
	s->failed = s->raw.failed = false;
	vt_splitter_reset(s);
	*sections = s->sections;
	return failed ? -ENOMEM : n;
}
