/*
 * conserve.c - emitted = decoded + lost, exactly: threads emit at full speed into a log of this very
 * process, which is then read back and compared by thread and category.
 *
 *   conserve THREADS EVENTS overwrite|discard LOG     EVENTS is each thread's
 *
 * Each event carries its number among those of its thread and category, so that an event decoded
 * twice, invented or out of order is seen as well. Built with -DDROP, one in a million is counted here
 * but never emitted: that build must fail.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <valktrace.h>
#include <valktrace/reader.h>

#define MOST_THREADS 64u

struct generator {
	pthread_t thread;
	uint32_t tid;
	uint64_t seed, events;
	uint64_t emitted[VT_MAX_CATEGORIES];
	uint64_t next[VT_MAX_CATEGORIES];       /* decoding: the least number that may come now */
	uint64_t decoded[VT_MAX_CATEGORIES];
};

static struct generator generators[MOST_THREADS];
static unsigned threads;
static pthread_barrier_t start;
static unsigned wrong;

static void emit(unsigned category, uint64_t n)
{
	switch (category) {
	case VT_CAT_syscall:
		VT_EMIT(syscall, call, .number = n, .result = (int64_t)(n & 4095) - 11, .time = n * 7);
		break;
	case VT_CAT_memory:
		VT_EMIT(memory, alloc, .size = n);
		break;
	case VT_CAT_interp:
		VT_EMIT(interp, call, .function = n);
		break;
	case VT_CAT_gc:
		VT_EMIT(gc, slice, .cycle = n);
		break;
	default:
		vt_emit_text(VT_EV_custom_note, &n, 1, "a note of some length", n % 22);
		break;
	}
}

static unsigned pick(uint64_t random)
{
	unsigned x = random & 63;

	return x < 28 ? VT_CAT_interp : x < 48 ? VT_CAT_memory : x < 60 ? VT_CAT_syscall :
	       x < 63 ? VT_CAT_gc : VT_CAT_custom;
}

static void *generate(void *user)
{
	struct generator *g = user;
	uint64_t x = g->seed;

	g->tid = (uint32_t)gettid();
	pthread_barrier_wait(&start);
	for (uint64_t i = 1; i <= g->events; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		unsigned category = pick(x >> 20);
		uint64_t n = g->emitted[category]++;
#ifdef DROP
		if (i % 1000000 == 0)
			continue;
#endif
		emit(category, n);
	}
	return NULL;
}

static int run(const char *mode, const char *log)
{
	int err = vt_start(&(struct vt_options){ .program = "conserve", .events = "all", .mode = mode,
	                                         .output = log, .max_bytes = UINT64_MAX });
	if (err < 0)
		return err;
	pthread_barrier_init(&start, NULL, threads);
	for (unsigned i = 0; i < threads; i++)
		if (pthread_create(&generators[i].thread, NULL, generate, &generators[i]) != 0)
			abort();
	for (unsigned i = 0; i < threads; i++)
		pthread_join(generators[i].thread, NULL);
	pthread_barrier_destroy(&start);
	return vt_stop();
}

static void complain(const char *what, uint32_t tid, unsigned category, uint64_t a, uint64_t b)
{
	wrong++;
	printf("tid %" PRIu32 ", %s: %s: %" PRIu64 " and %" PRIu64 "\n", tid,
	       vt_schema_builtin()->categories[category].name, what, a, b);
}

static struct generator *find(uint32_t tid)
{
	for (unsigned i = 0; i < threads; i++)
		if (generators[i].tid == tid)
			return &generators[i];
	return NULL;
}

/* All events are decoded, not only counted: the numbers of each must ascend. */
static void check_column(struct generator *g, unsigned category, const uint64_t *numbers, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (numbers[i] < g->next[category])
			complain("decoded and already seen", g->tid, category, numbers[i],
			         g->next[category]);
		g->next[category] = numbers[i] + 1;
	}
	g->decoded[category] += count;
	if (g->next[category] > g->emitted[category])
		complain("number and events emitted", g->tid, category, g->next[category] - 1,
		         g->emitted[category]);
}

static int decode(struct vt_reader *reader)
{
	const struct vt_batch *batch;
	int got;

	while ((got = vt_reader_next_batch(reader, &batch)) > 0) {
		struct generator *g = find(batch->ring->tid);

		if (!g || batch->category == VT_CAT_meta)
			continue;
		if (!vt_batch_ticks(batch))
			return -VT_E_DAMAGED;
		for (unsigned type = 0; type < batch->types; type++) {
			const uint64_t *numbers = vt_batch_column(batch, type, 0);

			if (!numbers)
				return -VT_E_DAMAGED;
			check_column(g, batch->category, numbers, batch->counts[type]);
		}
	}
	return got;
}

/* What the log says of one thread and category, against what the generator counted. */
static void compare(const struct generator *g, const struct vt_ring_info *ring, unsigned category)
{
	uint64_t lost = 0, refused = 0;

	for (unsigned cause = 0; cause < VT_LOST_CAUSES; cause++)
		lost += ring->lost[cause][category];
	for (unsigned cause = VT_LOST_DISCARDED; cause <= VT_LOST_NORING; cause++)
		refused += ring->lost[cause][category];
	if (g->decoded[category] != ring->decoded[category])
		complain("decoded and decoded by the log's account", g->tid, category,
		         g->decoded[category], ring->decoded[category]);
	if (g->decoded[category] + lost != g->emitted[category])
		complain("decoded + lost and emitted", g->tid, category, g->decoded[category] + lost,
		         g->emitted[category]);
	if (ring->committed[category] + refused != g->emitted[category])
		complain("counted by the producer's cells and emitted", g->tid, category,
		         ring->committed[category] + refused, g->emitted[category]);
}

static int check(const char *log, const char *mode)
{
	struct vt_reader *reader;
	uint64_t emitted = 0, decoded = 0, lost = 0;
	unsigned rings = 0;
	int err = vt_reader_open(&reader, &log, 1, &(struct vt_reader_options){ .no_ring_files = true });

	if (err < 0)
		return err;
	err = decode(reader);
	const struct vt_run_info *run_info = vt_reader_run(reader);
	for (unsigned i = 0; i < run_info->ring_count; i++) {
		const struct vt_ring_info *ring = run_info->rings[i];
		struct generator *g = find(ring->tid);

		if (!g || ring->is_signal)
			continue;
		rings++;
		if (!ring->totals_known)
			complain("no totals in the log", g->tid, 0, 0, 1);
		for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
			if (c == VT_CAT_meta)
				continue;
			compare(g, ring, c);
			emitted += g->emitted[c];
			decoded += g->decoded[c];
			for (unsigned cause = 0; cause < VT_LOST_CAUSES; cause++)
				lost += ring->lost[cause][c];
		}
	}
	if (rings != threads || !run_info->closed || run_info->damaged)
		wrong++;
	printf("%u threads, %s: %" PRIu64 " emitted = %" PRIu64 " decoded + %" PRIu64 " lost, %u rings%s%s\n",
	       threads, mode, emitted, decoded, lost, rings, run_info->closed ? "" : ", NOT CLOSED",
	       run_info->damaged ? ", DAMAGED" : "");
	vt_reader_close(reader);
	return err;
}

int main(int argc, char **argv)
{
	if (argc != 5 || (threads = (unsigned)atoi(argv[1])) == 0 || threads > MOST_THREADS) {
		fprintf(stderr, "usage: conserve THREADS EVENTS overwrite|discard LOG\n");
		return 2;
	}
	for (unsigned i = 0; i < threads; i++) {
		generators[i].seed = 88172645463325252u + i * 7919;
		generators[i].events = strtoull(argv[2], NULL, 10);
	}
	int err = run(argv[3], argv[4]);
	if (err >= 0)
		err = check(argv[4], argv[3]);
	if (err < 0) {
		fprintf(stderr, "conserve: %s\n", vt_strerror(err));
		return 1;
	}
	return wrong ? 1 : 0;
}
