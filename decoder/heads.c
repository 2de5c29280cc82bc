/* heads.c - see heads.h. */
#include "decoder/heads.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/wire.h"

#define BATCH           32u             /* heads that change hands together */
#define BATCHES         4u

struct batch {
	unsigned count;
	struct vt_head heads[BATCH];
};

/*
 * Batches go round: the thread fills number `filled`, the scan is in number `taken`, and each is at most
 * BATCHES ahead of the other. A batch belongs to who works in it; the three fields below the lock to nobody.
 */
struct vt_heads {
	const struct vt_feed *feed;
	uint64_t at, end;               /* the thread's */
	const struct batch *batch;      /* the scan's; NULL: none yet */
	unsigned next;                  /* head in it */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t filled, taken;
	bool over, stop;                /* no batch will follow; nobody wants one */
	struct batch batches[BATCHES];
};

int vt_head_read(const struct vt_feed *feed, uint64_t at, uint64_t end, struct vt_head *head)
{
	uint64_t left = end - at;
	uint32_t before = at < VT_CHUNK_TRAILER ? (uint32_t)at : VT_CHUNK_TRAILER;

	head->at = at;
	head->have = left < VT_HEAD_BYTES - VT_CHUNK_TRAILER ? (size_t)left : VT_HEAD_BYTES - VT_CHUNK_TRAILER;
	return vt_feed_read(feed, at - before, head->bytes + VT_CHUNK_TRAILER - before, head->have + before);
}

/* False: the chain cannot be followed farther. */
static bool fill(struct vt_heads *h, struct batch *b)
{
	for (b->count = 0; b->count < BATCH; b->count++) {
		struct vt_head *head = &b->heads[b->count];
		struct vt_chunk_header header;
		if (h->at >= h->end || vt_head_read(h->feed, h->at, h->end, head) < 0 ||
		    vt_chunk_header_decode(&header, head->bytes + VT_CHUNK_TRAILER, head->have) < 0 ||
		    vt_chunk_total(&header) > h->end - h->at)
			return false;
		h->at += vt_chunk_total(&header);
	}
	return true;
}

static void *read_ahead(void *argument)
{
	struct vt_heads *h = argument;
	bool more = true;

	pthread_mutex_lock(&h->lock);
	while (more) {
		while (h->filled - h->taken == BATCHES && !h->stop)
			pthread_cond_wait(&h->changed, &h->lock);
		if (h->stop)
			break;
		struct batch *b = &h->batches[h->filled % BATCHES];
		pthread_mutex_unlock(&h->lock);
		more = fill(h, b);
		pthread_mutex_lock(&h->lock);
		h->filled++;
		h->over = !more;
		pthread_cond_signal(&h->changed);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

struct vt_heads *vt_heads_begin(const struct vt_feed *feed, uint64_t at, uint64_t end)
{
	struct vt_heads *h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->feed = feed;
	h->at = at;
	h->end = end;
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->changed, NULL);
	if (pthread_create(&h->thread, NULL, read_ahead, h) == 0)
		return h;
	pthread_cond_destroy(&h->changed);
	pthread_mutex_destroy(&h->lock);
	free(h);
	return NULL;
}

/* Gives back the batch, which is passed, and waits for the next. False: there is none. */
static bool next_batch(struct vt_heads *h)
{
	pthread_mutex_lock(&h->lock);
	if (h->batch) {
		h->taken++;
		pthread_cond_signal(&h->changed);
	}
	while (h->filled == h->taken && !h->over)
		pthread_cond_wait(&h->changed, &h->lock);
	h->batch = h->filled > h->taken ? &h->batches[h->taken % BATCHES] : NULL;
	h->next = 0;
	pthread_mutex_unlock(&h->lock);
	return h->batch != NULL;
}

bool vt_heads_take(struct vt_heads *h, uint64_t at, struct vt_head *head)
{
	for (;;) {
		const struct batch *b = h->batch;
		while (b && h->next < b->count && b->heads[h->next].at < at)
			h->next++;
		if (b && h->next < b->count && b->heads[h->next].at > at)
			return false;
		if (b && h->next < b->count) {
			*head = b->heads[h->next++];
			return true;
		}
		if (!next_batch(h))
			return false;
	}
}

void vt_heads_end(struct vt_heads *h)
{
	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->stop = true;
	pthread_cond_signal(&h->changed);
	pthread_mutex_unlock(&h->lock);
	pthread_join(h->thread, NULL);
	pthread_cond_destroy(&h->changed);
	pthread_mutex_destroy(&h->lock);
	free(h);
}
