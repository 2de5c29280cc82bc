/* warn.c - see warn.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <valktrace/error.h>

#include "core/warn.h"

enum {
	SEGMENT = 4096,                 /* each event begins one, whose header carries its full ticks */
	WORDS = 8 + VT_RULE_TEXT / 8,   /* of a record */
	NO_SLOT = -1,                   /* of no ring file */
};

struct violation {
	struct vt_rule_state state;
	bool open;
	uint64_t ticks, monotonic;      /* of the record that showed it first */
	double worst;
	struct vt_ring_cursor *ring;    /* NULL: never violated */
	uint32_t ring_id;
};

/* One process. */
struct warned {
	struct warned *next;
	uint32_t index;
	uint64_t ticks, monotonic;      /* of the last record */
	struct violation rules[];
};

struct vt_warner {
	struct vt_rule rules[VT_MOST_RULES];
	unsigned count;
	uint64_t least_ns, events;
	struct warned *processes;
	void (*say)(void *user, uint32_t pid, const char *text);
	void *user;
};

/* ---- the rules ------------------------------------------------------------------------------------- */

static int add_rule(struct vt_warner *w, const char *text, char *problem, size_t size)
{
	struct vt_rule *r = &w->rules[w->count];

	if (w->count == VT_MOST_RULES) {
		snprintf(problem, size, "more than %u rules", VT_MOST_RULES);
		return -VT_E_OPTION;
	}
	int err = vt_rule_parse(r, text, vt_schema_builtin(), problem, size);
	w->count += err == 0;
	return err;
}

int vt_warner_new(struct vt_warner **made, const char *rules, uint64_t least_ns, char *problem, size_t size)
{
	char *copy, *save = NULL;
	int err = 0;

	*made = NULL;
	if (!*rules)
		return 0;
	struct vt_warner *w = calloc(1, sizeof(*w));
	copy = strdup(rules);
	if (!w || !copy)
		err = -ENOMEM;
	for (char *at = copy; !err && (at = strtok_r(at, ";\n", &save)); at = NULL)
		if (at[strspn(at, " \t")] != 0)
			err = add_rule(w, at, problem, size);
	free(copy);
	if (w)
		w->least_ns = least_ns;
	if (err || w->count == 0) {
		free(w);
		w = NULL;
	}
	*made = w;
	return err;
}

static void free_warned(const struct vt_warner *w, struct warned *p)
{
	for (unsigned i = 0; i < w->count; i++)
		free(p->rules[i].ring);
	free(p);
}

void vt_warner_free(struct vt_warner *w)
{
	while (w && w->processes) {
		struct warned *p = w->processes;
		w->processes = p->next;
		free_warned(w, p);
	}
	free(w);
}

void vt_warner_tell(struct vt_warner *w, void (*say)(void *user, uint32_t pid, const char *text), void *user)
{
	if (w) {
		w->say = say;
		w->user = user;
	}
}

uint64_t vt_warner_events(const struct vt_warner *w)
{
	return w ? w->events : 0;
}

/* ---- writing --------------------------------------------------------------------------------------- */

static const struct vt_layout *layout_of(void *user, unsigned id)
{
	const struct vt_event_desc *e = vt_schema_event(vt_schema_builtin(), id);
	struct vt_layout *l = user;

	if (!e)
		return NULL;
	*l = (struct vt_layout){ .known = true, .columns = e->count, .text = e->text };
	for (unsigned i = 0; i < e->count; i++)
		l->kinds[i] = e->fields[i].kind;
	return l;
}

static uint64_t events_of(const struct vt_ring_cursor *ring)
{
	uint64_t n = 0;
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
		n += ring->counted[c];
	return n;
}

/* Writes one record as a chunk. After an error it was never emitted. */
static int write_record(struct violation *v, uint32_t process, uint64_t ticks, const uint64_t *record,
                        uint32_t words, struct vt_splitter *splitter, const struct vt_follow_out *out)
{
	struct vt_ring_cursor saved = *v->ring, *at = v->ring;
	const struct vt_split_section *sections;
	struct vt_layout layout;
	uint32_t room, length = (uint32_t)sizeof(struct vt_segment) + 8 * words;

	at->position = (at->position + SEGMENT - 1) / SEGMENT * SEGMENT;
	at->in_segment = false;
	struct vt_segment head = {
		.magic = VT_SEGMENT_MAGIC, .position = at->position, .ticks = ticks, .first = events_of(at),
	};
	memcpy(head.emitted, at->counted, sizeof(head.emitted));
	struct vt_chunk_header h = {
		.ring = v->ring_id, .process = process, .first = head.first, .pos_begin = head.position,
	};
	vt_splitter_reset(splitter);
	uint64_t *to = vt_splitter_room(splitter, &room);
	memcpy(to, &head, sizeof(head));
	memcpy(to + sizeof(head) / 8, record, 8 * (size_t)words);
	int err = vt_splitter_take(splitter, at, SEGMENT, length, layout_of, &layout) == VT_SPLIT_WHOLE ?
	          0 : -ENOMEM;
	int count = err ? err : vt_splitter_sections(splitter, &sections);
	h.pos_end = at->position;
	err = count < 0 ? count : out->events(out->user, &h, sections, (unsigned)count);
	if (err) {
		vt_splitter_reset(splitter);
		*v->ring = saved;
	}
	return err;
}

static uint64_t bits_of(double v)
{
	uint64_t bits;
	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

/* In the unit that the rule names, to thousandths: what a reader compares with its limit. */
static uint64_t as_written(const struct vt_rule *r, double v)
{
	v /= r->written;
	return bits_of(v < 1e12 ? (double)(uint64_t)(v * 1000 + 0.5) / 1000 : v);
}

/* Fields in the order of schema.def, but for the text's length, which comes first. */
static uint32_t make_record(const struct vt_rule *r, unsigned id, uint64_t ticks, uint64_t time,
                            double value, uint64_t record[WORDS])
{
	char text[VT_RULE_TEXT];
	size_t length = 0;

	/* Without blanks: text output would escape them. */
	for (const char *at = r->text; *at; at++)
		if (*at != ' ')
			text[length++] = *at;
	memset(record, 0, 8 * WORDS);
	record[0] = ticks << 16 | id;
	record[1] = length;
	record[2] = time;
	record[3] = as_written(r, value);
	record[4] = as_written(r, r->limit);
	memcpy(record + 5, text, length);
	return 5 + (uint32_t)(length + 7) / 8;
}

static int write_name(const struct violation *v, const struct vt_rule *r, uint32_t process,
                      const struct vt_follow_out *out)
{
	struct vt_out payload = { 0 };
	char name[41];

	snprintf(name, sizeof(name), "warn:%.35s", r->name);
	vt_rec_thread_encode(&payload, &(struct vt_rec_thread){
		.ring = v->ring_id, .process = process, .tid = (uint32_t)syscall(SYS_gettid),
		.slot = (uint32_t)NO_SLOT, .kind = 2, .name = { name, strlen(name) },
	});
	int err = out->records(out->user, VT_CHUNK_THREADS, process, &payload);
	vt_out_free(&payload);
	return err;
}

int vt_warner_repeat(struct vt_warner *w, const struct vt_follow_out *out)
{
	int err = 0;

	for (const struct warned *p = w ? w->processes : NULL; p && !err; p = p->next)
		for (unsigned i = 0; i < w->count && !err; i++)
			if (p->rules[i].ring)
				err = write_name(&p->rules[i], &w->rules[i], p->index, out);
	return err;
}

/* The first violation of a rule by a process: a ring for it. */
static int make_ring(struct violation *v, const struct vt_rule *r, uint32_t process,
                     const struct vt_follow_out *out)
{
	struct vt_ring_cursor *ring = calloc(1, sizeof(*ring));

	if (!ring)
		return -ENOMEM;
	v->ring_id = out->new_ring(out->user);
	int err = write_name(v, r, process, out);
	if (err) {
		free(ring);
		return err;
	}
	v->ring = ring;
	return 0;
}

/* ---- judging --------------------------------------------------------------------------------------- */

static void say(const struct vt_warner *w, const struct vt_rule *r, double value, uint32_t pid)
{
	char text[VT_RULE_TEXT + 64], number[32];

	if (!w->say)
		return;
	snprintf(text, sizeof(text), "%s %s %s %s", r->name, vt_rule_value(r, value, number),
	         vt_rule_ops[r->op], r->limit_text);
	w->say(w->user, pid, text);
}

static int begin(struct vt_warner *w, struct violation *v, const struct vt_rule *r, const struct warned *p,
                 const struct vt_judgement *j, struct vt_splitter *splitter, const struct vt_follow_out *out)
{
	uint64_t record[WORDS];
	int err = v->ring ? 0 : make_ring(v, r, p->index, out);

	if (err)
		return err;
	uint32_t words = make_record(r, VT_EV_meta_violation, p->ticks, j->to - j->from, j->value, record);
	err = write_record(v, p->index, p->ticks, record, words, splitter, out);
	if (err)
		return err;
	v->open = true;
	v->ticks = p->ticks;
	v->monotonic = p->monotonic;
	v->worst = j->value;
	w->events++;
	return 0;
}

static int end(struct vt_warner *w, struct violation *v, const struct vt_rule *r, const struct warned *p,
               struct vt_splitter *splitter, const struct vt_follow_out *out)
{
	uint64_t record[WORDS], time = p->monotonic > v->monotonic ? p->monotonic - v->monotonic : 0;
	uint32_t words = make_record(r, VT_EV_meta_violation_end, p->ticks, time, v->worst, record);
	int err = write_record(v, p->index, p->ticks, record, words, splitter, out);

	if (!err) {
		v->open = false;
		w->events++;
	}
	return err;
}

static struct warned *warned_of(struct vt_warner *w, const struct vt_followed *f)
{
	struct warned *p = w->processes;

	while (p && p->index != f->index)
		p = p->next;
	if (p)
		return p;
	p = calloc(1, sizeof(*p) + w->count * sizeof(*p->rules));
	if (!p)
		return NULL;
	p->index = f->index;
	for (unsigned i = 0; i < w->count; i++)
		vt_rule_begin(&p->rules[i].state, f->view.file->monotonic);
	p->next = w->processes;
	w->processes = p;
	return p;
}

static void point_of(const struct vt_counter_sample *s, struct vt_point *p)
{
	uint64_t events = s->values[VT_M_trace_events];

	p->ns = s->monotonic;
	memcpy(p->present, s->present, sizeof(p->present));
	memcpy(p->values, s->values, sizeof(p->values));
	p->lost = 0;
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
		p->lost += s->lost[c];
	p->events = events > p->lost ? events - p->lost : 0;
}

int vt_warner_judge(struct vt_warner *w, const struct vt_followed *f, const struct vt_counter_sample *s,
                    bool last, struct vt_splitter *splitter, const struct vt_follow_out *out)
{
	struct warned *p = warned_of(w, f);
	struct vt_point point;
	int err = 0;

	if (!p)
		return -ENOMEM;
	point_of(s, &point);
	p->ticks = s->ticks;
	p->monotonic = s->monotonic;
	for (unsigned i = 0; i < w->count && !err; i++) {
		const struct vt_rule *r = &w->rules[i];
		struct violation *v = &p->rules[i];
		struct vt_judgement j;
		vt_rule_judge(r, &v->state, &point, last, w->least_ns, &j);
		if (j.verdict == VT_RULE_VIOLATED && v->open && vt_rule_worse(r, j.value, v->worst))
			v->worst = j.value;
		if (j.verdict == VT_RULE_VIOLATED && !v->open) {
			err = begin(w, v, r, p, &j, splitter, out);
			if (!err)
				say(w, r, j.value, f->view.file->pid);
		} else if (j.verdict == VT_RULE_HOLDS && v->open) {
			err = end(w, v, r, p, splitter, out);
		}
	}
	return err;
}

static int write_totals(const struct vt_warner *w, const struct warned *p, const struct vt_follow_out *out)
{
	struct vt_out payload = { 0 };
	int err = 0;

	for (unsigned i = 0; i < w->count; i++) {
		const struct violation *v = &p->rules[i];
		if (!v->ring)
			continue;
		struct vt_rec_totals t = { .ring = v->ring_id };
		memcpy(t.committed, v->ring->counted, sizeof(t.committed));
		vt_rec_totals_encode(&payload, &t);
	}
	if (payload.length > 0 || payload.failed)
		err = out->records(out->user, VT_CHUNK_LOSS, p->index, &payload);
	vt_out_free(&payload);
	return err;
}

int vt_warner_finish(struct vt_warner *w, const struct vt_followed *f, struct vt_splitter *splitter,
                     const struct vt_follow_out *out)
{
	struct warned **link = &w->processes;
	int err = 0;

	while (*link && (*link)->index != f->index)
		link = &(*link)->next;
	struct warned *p = *link;
	if (!p)
		return 0;
	for (unsigned i = 0; i < w->count && !err; i++)
		if (p->rules[i].open)
			err = end(w, &p->rules[i], &w->rules[i], p, splitter, out);
	if (!err)
		err = write_totals(w, p, out);
	*link = p->next;
	free_warned(w, p);
	return err;
}
