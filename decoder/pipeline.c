/*
 * pipeline.c - events from the reader to the output, on one thread or on several.
 *
 * There are three kinds of work: to take events out of the reader, in order, and mark them (the calling thread
 * alone, in whose cache all that this needs stays); to write them as text (any number of threads); to put the
 * text out, in order (one at a time). Events travel in blocks, which are used in a circle. Every thread does
 * whatever it can do next, the calling one too when no block is free, so it does not matter which kind is the
 * dearest. The output is that of one thread: each block is written from the events and marks in it alone.
 *
 * All of struct pipeline is under its lock, but for what is the calling thread's, and the contents of a block,
 * which belong to the thread that changed its state last.
 */
#include "decoder/export.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decoder/common.h"
#include "decoder/log.h"
#include "decoder/progress.h"

#define BLOCK_EVENTS    2048u           /* long enough that threads seldom wait for each other */
#define BLOCK_MEMORY    (64u << 10)     /* for values and texts; more where one event needs it */
#define MOST_THREADS    16u
#define WORTH_THREADS   (1u << 15)      /* events */
#define MOST_BLOCKS     (2u * MOST_THREADS + 2u)
#define PROGRESS_MASK   1023u           /* events between two looks at the clock */

enum block_state { EMPTY, TAKEN, FULL, WRITTEN };

/* An event, so that it travels light: what it points to is in the block's memory. */
struct kept {
	uint64_t ticks, t_ns;
	const struct vt_ring_info *ring;
	const struct vt_event_desc *desc;       /* NULL: a gap */
	uint32_t at, mark;              /* at: values and then text, or the gap */
};

struct block {
	enum block_state state;
	bool last;                      /* writing it failed: nothing is put out behind it */
	unsigned count;
	struct kept events[BLOCK_EVENTS];
	char *memory;
	size_t used, room;
	struct vt_sink text;
};

struct pipeline {
	const struct vt_export *format;
	const struct vt_export_context *context;
	uint64_t length;                /* of the run in ns */
	/* the calling thread's */
	_Alignas(64) void *state;       /* of the format */
	const struct vt_event *event;   /* not NULL: taken, and belongs into the next block */
	uint64_t left, count;           /* events to take, taken */

	_Alignas(64) pthread_mutex_t lock;
	pthread_cond_t changed;
	bool putting, ended;
	int err;                        /* the first; what was taken before it is put out */
	bool stop;                      /* nothing more is put out */
	size_t next_take, next_put;     /* numbers of blocks; a block's place is its number modulo `blocks` */
	size_t blocks;
	struct block *circle[MOST_BLOCKS];
	unsigned threads;
	void *writers[MOST_THREADS];
};

struct worker {
	struct pipeline *p;
	void *writer;
	bool takes;                     /* the calling thread */
	pthread_t thread;
};

/* ---- taking ---------------------------------------------------------------------------------- */

/* The rare ones: a gap, or an event with text. */
static VT_COLD bool keep_more(struct block *b, const struct vt_event *event)
{
	size_t values = event->gap ? sizeof(*event->gap) : event->desc->count * sizeof(uint64_t);
	size_t text = event->text ? (size_t)event->values[event->desc->text] : 0;
	size_t need = values + ((text + 7) & ~(size_t)7);
	char *at = b->memory + b->used;

	if (need > b->room - b->used)
		return false;
	if (event->gap)
		memcpy(at, event->gap, values);
	else
		memcpy(at, event->values, values);
	if (text > 0)
		memcpy(at + values, event->text, text);
	b->events[b->count++] = (struct kept){
		event->ticks, event->t_ns, event->ring, event->gap ? NULL : event->desc, (uint32_t)b->used, 0,
	};
	b->used += need;
	return true;
}

/* Copies an event, which lives until the next one is taken. False: no room in this block. */
static inline bool keep(struct block *b, const struct vt_event *event)
{
	if (vt_unlikely(event->gap || event->text))
		return keep_more(b, event);
	unsigned words = event->desc->count;
	uint64_t *values = (uint64_t *)(void *)(b->memory + b->used);
	if (vt_unlikely(words * sizeof(*values) > b->room - b->used))
		return false;
	for (unsigned i = 0; i < words; i++)
		values[i] = event->values[i];
	/* One by one: a processor hands on a store at once only to a load of the same size. */
	struct kept *k = &b->events[b->count++];
	k->ticks = vt_load_relaxed(&event->ticks);
	k->t_ns = vt_load_relaxed(&event->t_ns);
	k->ring = event->ring;
	k->desc = event->desc;
	k->at = (uint32_t)b->used;
	b->used += words * sizeof(*values);
	return true;
}

/* As it was. */
static inline void unpack(const struct block *b, const struct kept *k, struct vt_event *event)
{
	const char *at = b->memory + k->at;

	event->ticks = k->ticks;
	event->t_ns = k->t_ns;
	event->ring = k->ring;
	event->desc = k->desc;
	event->gap = vt_likely(k->desc) ? NULL : (const struct vt_gap *)(const void *)at;
	event->values = (const uint64_t *)(const void *)at;
	event->text = vt_unlikely(k->desc && k->desc->text >= 0) ? at + k->desc->count * sizeof(uint64_t) : NULL;
}

/* An event that is alone too large for a block. */
static int make_room(struct block *b, const struct vt_event *event)
{
	size_t text = event->text ? (size_t)event->values[event->desc->text] : 0;
	size_t room = VT_MAX_FIELDS * sizeof(uint64_t) + sizeof(struct vt_gap) + text + 8;
	char *wider = realloc(b->memory, room);

	if (!wider)
		return -ENOMEM;
	b->memory = wider;
	b->room = room;
	return 0;
}

static int take_one(struct pipeline *p, struct block *b)
{
	const struct vt_export *format = p->format;
	uint32_t mark = 0;

	if (!keep(b, p->event)) {
		if (b->count > 0)
			return 1;
		if (make_room(b, p->event))
			return -ENOMEM;
		keep(b, p->event);
	}
	int err = format->mark ? format->mark(p->state, p->event, &mark) : 0;
	if (err)
		b->count--;             /* not written */
	else
		b->events[b->count - 1].mark = mark;
	return err;
}

/* Fills a block as far as there are events. 1: and there are more; 0: that was all; or an error. */
static int take(struct pipeline *p, struct block *b)
{
	int err = 0;

	b->count = 0;
	b->used = 0;
	while (b->count < BLOCK_EVENTS && p->left > 0) {
		if (!p->event && (err = vt_reader_next(p->context->in->reader, &p->event)) <= 0) {
			p->event = NULL;
			return err;
		}
		err = take_one(p, b);
		if (err)
			break;
		p->event = NULL;
		p->left--;
		p->count++;
	}
	if (b->count > 0)
		vt_progress(b->events[b->count - 1].t_ns, p->length, p->count, VT_PROGRESS_EVENTS);
	return err < 0 ? err : p->left > 0;
}

/* ---- writing and putting out ----------------------------------------------------------------- */

static int write_block(struct pipeline *p, void *writer, struct block *b)
{
	const struct vt_export *format = p->format;
	int err = 0;

	b->text.used = 0;
	b->text.colour = p->context->out->colour;
	for (unsigned i = 0; i < b->count && !err; i++) {
		struct vt_event event;
		unpack(b, &b->events[i], &event);
		err = format->write(writer, &b->text, &event, b->events[i].mark);
	}
	return err ? err : b->text.error ? -b->text.error : 0;
}

static int put_block(struct pipeline *p, const struct block *b)
{
	struct vt_sink *out = p->context->out;

	vt_sink_bytes(out, b->text.buffer, b->text.used);
	/* The sink's error is sticky: writing on into a full disk is of no use. */
	return out->error ? 1 : 0;
}

/* ---- who does what --------------------------------------------------------------------------- */

static struct block *at(const struct pipeline *p, size_t number)
{
	return p->circle[number % p->blocks];
}

static struct block *first_full(const struct pipeline *p)
{
	for (size_t i = p->next_put; i < p->next_take; i++)
		if (at(p, i)->state == FULL)
			return at(p, i);
	return NULL;
}

static void note_error(struct pipeline *p, int err)
{
	if (err < 0 && p->err == 0)
		p->err = err;
}

/* The three of them: called and left with the lock held, which is open meanwhile. */
static void do_take(struct pipeline *p, struct block *b)
{
	b->state = TAKEN;
	pthread_mutex_unlock(&p->lock);
	int more = take(p, b);
	pthread_mutex_lock(&p->lock);
	note_error(p, more);
	p->ended = more <= 0;
	b->state = FULL;
	p->next_take++;
}

static void do_write(struct pipeline *p, void *writer, struct block *b)
{
	b->state = TAKEN;
	pthread_mutex_unlock(&p->lock);
	int err = write_block(p, writer, b);
	pthread_mutex_lock(&p->lock);
	note_error(p, err);
	b->last = err < 0;
	b->state = WRITTEN;
}

static void do_put(struct pipeline *p, struct block *b)
{
	p->putting = true;
	pthread_mutex_unlock(&p->lock);
	int full = put_block(p, b);
	pthread_mutex_lock(&p->lock);
	p->stop |= full != 0 || b->last;
	b->state = EMPTY;
	p->next_put++;
	p->putting = false;
}

/* Does one thing, if there is one. Taking goes first: it is the work that cannot be shared. */
static bool step(struct pipeline *p, const struct worker *w)
{
	struct block *full;

	if (w->takes && !p->ended && at(p, p->next_take)->state == EMPTY)
		do_take(p, at(p, p->next_take));
	else if (!p->putting && p->next_put < p->next_take && at(p, p->next_put)->state == WRITTEN)
		do_put(p, at(p, p->next_put));
	else if ((full = first_full(p)))
		do_write(p, w->writer, full);
	else
		return false;
	pthread_cond_broadcast(&p->changed);
	return true;
}

static void *work(void *argument)
{
	struct worker *w = argument;
	struct pipeline *p = w->p;

	pthread_mutex_lock(&p->lock);
	while (!p->stop && !(p->ended && p->next_put == p->next_take))
		if (!step(p, w))
			pthread_cond_wait(&p->changed, &p->lock);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* ---- the run --------------------------------------------------------------------------------- */

static void end_writers(struct pipeline *p)
{
	for (unsigned i = 0; i < p->threads; i++) {
		if (p->writers[i] && p->format->write_end)
			p->format->write_end(p->writers[i]);
		free(p->writers[i]);
	}
	for (size_t i = 0; i < p->blocks; i++) {
		if (!p->circle[i])
			continue;
		vt_sink_discard(&p->circle[i]->text);
		free(p->circle[i]->memory);
		free(p->circle[i]);
	}
}

static struct block *new_block(void)
{
	struct block *b = calloc(1, sizeof(*b));

	if (b && vt_sink_memory(&b->text) == 0) {
		b->memory = malloc(BLOCK_MEMORY);
		b->room = b->memory ? BLOCK_MEMORY : 0;
		return b;
	}
	free(b);
	return NULL;
}

static int begin_writers(struct pipeline *p, unsigned threads)
{
	int err = 0;

	p->threads = threads;
	p->blocks = threads > 1 ? 2 * threads + 2 : 0;
	for (unsigned i = 0; i < threads && !err; i++) {
		p->writers[i] = calloc(1, p->format->writer_size);
		err = p->writers[i] ? p->format->write_begin(p->writers[i], p->context) : -ENOMEM;
	}
	for (size_t i = 0; i < p->blocks && !err; i++)
		err = (p->circle[i] = new_block()) ? 0 : -ENOMEM;
	return err;
}

static void run_threads(struct pipeline *p)
{
	struct worker workers[MOST_THREADS] = { { .p = p, .writer = p->writers[0], .takes = true } };
	unsigned begun = 1;

	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
	/* Short work is done before there is a second thread; one that cannot be had is no error. */
	pthread_mutex_lock(&p->lock);
	step(p, &workers[0]);
	bool more = !p->ended;
	pthread_mutex_unlock(&p->lock);
	for (; begun < p->threads && more; begun++) {
		workers[begun] = (struct worker){ .p = p, .writer = p->writers[begun] };
		if (pthread_create(&workers[begun].thread, NULL, work, &workers[begun]) != 0)
			break;
	}
	work(&workers[0]);
	for (unsigned i = 1; i < begun; i++)
		pthread_join(workers[i].thread, NULL);
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->lock);
}

/* One event after another, on this thread. */
static int run_alone(struct pipeline *p)
{
	const struct vt_export *format = p->format;
	struct vt_reader *reader = p->context->in->reader;
	struct vt_sink *out = p->context->out;
	uint64_t count = 0, most = p->left;
	const struct vt_event *event;
	int err = 0;

	for (; count < most && !out->error && (err = vt_reader_next(reader, &event)) > 0; count++) {
		uint32_t mark = 0;
		err = format->mark ? format->mark(p->state, event, &mark) : 0;
		if (!err)
			err = format->write ? format->write(p->writers[0], out, event, mark)
			                    : format->event(p->state, event);
		if (vt_unlikely(err))
			break;
		if (vt_unlikely((count & PROGRESS_MASK) == PROGRESS_MASK))
			vt_progress(event->t_ns, p->length, count, VT_PROGRESS_EVENTS);
	}
	p->count = count;
	return err;
}

static int run(struct pipeline *p)
{
	unsigned threads = p->format->write ? vt_threads() : 0;

	/* Few events out of a large log: it is the reading that takes time, and that is not shared. */
	if (threads > 1 && !vt_reader_selects_more(p->context->in->reader, WORTH_THREADS))
		threads = 1;
	int err = begin_writers(p, threads < MOST_THREADS ? threads : MOST_THREADS);

	if (!err && p->threads > 1)
		run_threads(p);
	else if (!err)
		err = run_alone(p);
	end_writers(p);
	return err ? err : p->err;
}

int64_t vt_export_events(const struct vt_export *format, const struct vt_export_context *context,
                         uint64_t most)
{
	struct pipeline *p = aligned_alloc(64, sizeof(*p));
	void *state = calloc(1, format->state_size + 1);
	int err = p && state ? 0 : -ENOMEM;
	int64_t count = 0;

	if (!err)
		*p = (struct pipeline){
			.format = format, .context = context, .state = state, .left = most,
			.length = vt_reader_ns(context->in->reader, context->in->run->last),
		};
	if (!err && format->begin)
		err = format->begin(state, context);
	vt_progress_begin("decoding", context->in->name, context->out->fd == STDOUT_FILENO);
	if (!err) {
		err = run(p);
		count = (int64_t)p->count;
	}
	vt_progress_end();
	if (!err && format->end)
		err = format->end(state);
	if (state && format->destroy)
		format->destroy(state);
	free(state);
	free(p);
	return err ? err : count;
}
