/*
 * test_gc_history.c - the history of cycles under racing writers and readers, and in the middle of a push.
 * The order of the plan that it is made after (write the slot, then advance the index, one writer, readers
 * that trust the index) runs through the same checks and must fail them.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void between(unsigned i);
#define VT_HISTORY_WORD_WRITTEN(i) between(i)
#include "collectors/gc_history.c"

enum { SLOTS = 8, WRITERS = 2, READERS = 2, EACH = 200000 };

/* All words of a record follow from one number: one that is torn shows it. */
static struct vt_gc_cycle cycle_of(uint64_t number)
{
	struct vt_gc_cycle c;
	vt__word *words = (vt__word *)(void *)&c;

	for (unsigned i = 0; i < VT_CYCLE_WORDS; i++)
		words[i] = number * 2654435761u + i;
	return c;
}

static bool is_torn(const struct vt_gc_cycle *c)
{
	struct vt_gc_cycle whole;
	const vt__word *words = (const vt__word *)(const void *)c;
	vt__word *expected = (vt__word *)(void *)&whole;

	for (unsigned i = 0; i < VT_CYCLE_WORDS; i++)
		expected[i] = words[0] + i;
	return memcmp(c, &whole, sizeof(whole)) != 0;
}

/* ---- the two orders -------------------------------------------------------------------------- */

struct order {
	void (*push)(uint64_t number);
	unsigned (*recent)(struct vt_gc_cycle *to, unsigned n);
	void (*clear)(void);
};

static struct vt_gc_slot slots[SLOTS];
static struct vt_gc_history ours = { .count = SLOTS, .slots = slots };

static void push_ours(uint64_t number)
{
	struct vt_gc_cycle c = cycle_of(number);

	vt_gc_history_push(&ours, &c);
}

static unsigned recent_ours(struct vt_gc_cycle *to, unsigned n)
{
	uint64_t ticket = UINT64_MAX;
	unsigned found = 0;

	while (found < n && vt_gc_history_step(&ours, &ticket, &to[found]))
		found++;
	return found;
}

static void clear_ours(void)
{
	memset(slots, 0, sizeof(slots));
	ours = (struct vt_gc_history){ .count = SLOTS, .slots = slots };
}

static uint64_t plan_words[SLOTS][VT_CYCLE_WORDS], plan_next;

static void push_plan(uint64_t number)
{
	struct vt_gc_cycle c = cycle_of(number);
	uint64_t index = vt_load_relaxed(&plan_next) % SLOTS;
	const vt__word *words = (const vt__word *)(const void *)&c;

	for (unsigned i = 0; i < VT_CYCLE_WORDS; i++) {
		vt_store_relaxed(&plan_words[index][i], words[i]);
		between(i);
	}
	__atomic_fetch_add(&plan_next, 1, __ATOMIC_RELEASE);
}

static unsigned recent_plan(struct vt_gc_cycle *to, unsigned n)
{
	uint64_t total = vt_load_acquire(&plan_next);
	unsigned count = n < total ? n : (unsigned)total;

	count = count < SLOTS ? count : SLOTS;
	for (unsigned i = 0; i < count; i++)
		for (unsigned k = 0; k < VT_CYCLE_WORDS; k++)
			((vt__word *)(void *)&to[i])[k] =
				vt_load_relaxed(&plan_words[(total - 1 - i) % SLOTS][k]);
	return count;
}

static void clear_plan(void)
{
	plan_next = 0;
}

static const struct order order_of_ours = { push_ours, recent_ours, clear_ours };
static const struct order order_of_plan = { push_plan, recent_plan, clear_plan };

/* ---- in the middle of a push ----------------------------------------------------------------- */

static const struct order *looking;
static unsigned torn_in_between, looks;

/* A reader that is as fast as can be: it looks after each word that is written. */
static void between(unsigned i)
{
	struct vt_gc_cycle got[SLOTS];

	if (!looking || i == VT_CYCLE_WORDS - 1)
		return;
	unsigned n = looking->recent(got, SLOTS);
	looks++;
	for (unsigned k = 0; k < n; k++)
		torn_in_between += is_torn(&got[k]);
}

static unsigned count_torn(const struct order *o)
{
	o->clear();
	torn_in_between = looks = 0;
	looking = o;
	for (uint64_t i = 1; i <= 3 * SLOTS; i++)
		o->push(i);
	looking = NULL;
	assert_int_equal(looks, 3 * SLOTS * (VT_CYCLE_WORDS - 1));
	return torn_in_between;
}

static void test_between(void **state)
{
	(void)state;
	assert_int_equal(count_torn(&order_of_ours), 0);
	assert_true(count_torn(&order_of_plan) > 0);
}

/* ---- racing threads -------------------------------------------------------------------------- */

static bool over;
static pthread_barrier_t go;

struct racer {
	pthread_t thread;
	const struct order *order;
	uint64_t index, torn, disordered, read;
};

static void *write_all(void *arg)
{
	const struct racer *r = arg;

	pthread_barrier_wait(&go);
	for (uint64_t i = 0; i < EACH; i++)
		r->order->push(r->index * EACH + i + 1);
	return NULL;
}

static void *read_all(void *arg)
{
	struct racer *r = arg;
	struct vt_gc_cycle got[SLOTS];

	pthread_barrier_wait(&go);
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		unsigned n = r->order->recent(got, SLOTS);
		uint64_t last[WRITERS + 1];
		memset(last, 0xff, sizeof(last));
		for (unsigned i = 0; i < n; i++) {
			r->torn += is_torn(&got[i]);
			/* Of one writer the later number is the newer one. */
			uint64_t number = *(const vt__word *)(const void *)&got[i] / 2654435761u;
			uint64_t who = (number - 1) / EACH;
			if (who < WRITERS && number >= last[who])
				r->disordered++;
			last[who < WRITERS ? who : WRITERS] = number;
		}
		r->read += n;
	}
	return NULL;
}

static struct racer race(const struct order *o, unsigned writers)
{
	struct racer w[WRITERS], r[READERS], sum = { .torn = 0 };

	o->clear();
	over = false;
	memset(w, 0, sizeof(w));
	memset(r, 0, sizeof(r));
	pthread_barrier_init(&go, NULL, writers + READERS);
	for (unsigned i = 0; i < READERS; i++) {
		r[i].order = o;
		pthread_create(&r[i].thread, NULL, read_all, &r[i]);
	}
	for (unsigned i = 0; i < writers; i++) {
		w[i] = (struct racer){ .order = o, .index = i };
		pthread_create(&w[i].thread, NULL, write_all, &w[i]);
	}
	for (unsigned i = 0; i < writers; i++)
		pthread_join(w[i].thread, NULL);
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < READERS; i++) {
		pthread_join(r[i].thread, NULL);
		sum.torn += r[i].torn;
		sum.disordered += r[i].disordered;
		sum.read += r[i].read;
	}
	pthread_barrier_destroy(&go);
	return sum;
}

static void test_race(void **state)
{
	(void)state;
	for (unsigned writers = 1; writers <= WRITERS; writers++) {
		struct racer sum = race(&order_of_ours, writers);
		print_message("%u writers: %llu read, %llu dropped\n", writers, (unsigned long long)sum.read,
		              (unsigned long long)ours.dropped);
		assert_true(sum.torn == 0);
		assert_true(sum.disordered == 0);
		assert_true(sum.read > 0);
		assert_true(ours.next == (uint64_t)writers * EACH);
		assert_true(writers > 1 || ours.dropped == 0);
	}
	/* When nobody writes, all slots but those that a writer had to leave out can be read. */
	struct vt_gc_cycle got[SLOTS + 1];
	assert_in_range(recent_ours(got, SLOTS + 1), 1, SLOTS);
}

/* Threads are not steered: it is tried until it shows. */
static void test_race_of_plan(void **state)
{
	uint64_t torn = 0;

	(void)state;
	for (unsigned i = 0; i < 50 && torn == 0; i++)
		torn = race(&order_of_plan, 1).torn;
	assert_true(torn > 0);
}

/* ---- one thread ------------------------------------------------------------------------------ */

static uint64_t first_word(const struct vt_gc_cycle *c)
{
	return *(const vt__word *)(const void *)c / 2654435761u;
}

static void test_recent(void **state)
{
	struct vt_gc_cycle got[SLOTS + 1];

	(void)state;
	clear_ours();
	assert_int_equal(recent_ours(got, SLOTS), 0);
	for (uint64_t i = 1; i <= 100; i++) {
		push_ours(i);
		assert_int_equal(recent_ours(got, 0), 0);
		unsigned n = recent_ours(got, SLOTS + 1);
		assert_int_equal(n, i < SLOTS ? i : SLOTS);
		for (unsigned k = 0; k < n; k++)
			assert_true(first_word(&got[k]) == i - k);
		assert_int_equal(recent_ours(got, 3), i < 3 ? i : 3);
	}
	vt_gc_history_forget(&ours);
	assert_int_equal(recent_ours(got, SLOTS), 0);
	push_ours(101);
	assert_int_equal(recent_ours(got, SLOTS), 1);
	assert_true(first_word(&got[0]) == 101);
}

/* A writer that stands still in its slot is left alone, and so is who comes a lap later. */
static void test_stuck_writer(void **state)
{
	struct vt_gc_cycle got[SLOTS];

	(void)state;
	clear_ours();
	push_ours(1);
	slots[1].sequence = 2 * 1 + 1;  /* the writer of ticket 1 */
	ours.next = 2;
	for (uint64_t i = 3; i <= 2 * SLOTS; i++)
		push_ours(i);
	assert_true(ours.dropped == 1);
	assert_int_equal(recent_ours(got, SLOTS), SLOTS - 1);
	for (unsigned k = 0; k < SLOTS - 1; k++)
		assert_false(is_torn(&got[k]));
	slots[1].sequence = 2 * 1 + 2;  /* it goes on: its cycle is older than the history */
	assert_int_equal(recent_ours(got, SLOTS), SLOTS - 1);
	push_ours(17);
	push_ours(18);
	assert_int_equal(recent_ours(got, SLOTS), SLOTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recent),
		cmocka_unit_test(test_stuck_writer),
		cmocka_unit_test(test_between),
		cmocka_unit_test(test_race),
		cmocka_unit_test(test_race_of_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
