/* statsjob.c - see statsjob.h. */
#include "tests/unit/statsjob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "decoder/out.h"

#define RINGS 5u

static uint64_t seed;

uint64_t next(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

int start_seed(void **state)
{
	(void)state;
	seed = 88172645463325252u;
	return 0;
}

/* ---- an input, a plan, what they print ------------------------------------------------------- */

void open_job(struct job *job, struct file f)
{
	*job = (struct job){
		.in = { .name = "log", .several_processes = true },
		.filter.size = sizeof(job->filter),
	};
	job->in.reader = open_one(f.path);
	job->in.run = vt_reader_run(job->in.reader);
	close(f.fd);
}

void close_job(struct job *job)
{
	vt_stats_plan_free(&job->plan);
	vt_reader_close(job->in.reader);
}

/* Keys as --by takes them, with blanks between. */
void plan_by(struct job *job, const char *by, uint64_t step)
{
	static char text[256];
	unsigned count = 0;

	vt_stats_plan_free(&job->plan);
	snprintf(text, sizeof(text), "%s", by);
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
		unsigned k = 0;
		while (k < VT_BY_FIELD && strcmp(vt_stats_words[k], word) != 0)
			k++;
		job->keys[count++] = (struct vt_stats_key){ (enum vt_stats_by)k, word };
	}
	job->plan = (struct vt_stats_plan){
		.in = &job->in, .filter = &job->filter, .keys = job->keys, .key_count = count,
		.step = step,
		.origin = job->filter.since_set ? job->filter.since_ns : 0,
	};
	assert_int_equal(vt_stats_plan_make(&job->plan), 0);
}

/* JSON and text of it, to be freed. */
char *printed(const struct job *job, const struct vt_stats *s)
{
	struct vt_coverage coverage;
	struct vt_sink out;

	assert_int_equal(vt_coverage_find(&coverage, &job->in, &job->filter, &job->plan.selection),
	                 0);
	struct vt_stats_view v = {
		.stats = s, .coverage = &coverage, .sort = job->sort, .from = job->plan.origin,
		.until = vt_reader_ns(job->in.reader, job->in.run->last),
	};
	assert_int_equal(vt_sink_memory(&out), 0);
	assert_int_equal(vt_stats_view_make(&v), 0);
	vt_stats_json(&v, &out);
	vt_stats_print(&v, &out);
	char *text = strdup(vt_sink_text(&out));
	vt_sink_discard(&out);
	vt_stats_view_free(&v);
	vt_coverage_free(&coverage);
	assert_non_null(text);
	return text;
}

char *collected(struct job *job)
{
	struct vt_stats s;

	assert_int_equal(vt_stats_init(&s, &job->plan), 0);
	assert_int_equal(vt_stats_collect(&s), 0);
	char *text = printed(job, &s);
	vt_stats_free(&s);
	return text;
}

/* The group with this text (or, text NULL, this number) as its first key. */
const struct vt_stats_group *find(const struct vt_stats *s, uint64_t step, const char *text,
                                  uint64_t number)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct vt_stats_group *g = s->heap[i];
		bool same = !text ? g->key[0].tag != VT_STATS_TEXT && g->key[0].number == number
		            : g->key[0].tag == VT_STATS_TEXT && g->key[0].number == strlen(text) &&
		              memcmp(g->key[0].text, text, strlen(text)) == 0;
		if (same && g->step == step)
			return g;
	}
	return NULL;
}

/* ---- a log of everything --------------------------------------------------------------------- */

static const char *const functions[] = { NULL, "read", "write", "open", "a b\x1b[31m", "poll" };

/*
 * Some of each kind: durations of all sizes, strings, numbers, labels, types without schema, a
 * loss.
 */
static size_t random_events(struct lm_event *to, uint64_t *now)
{
	size_t count = 1 + next() % 60;

	for (size_t i = 0; i < count; i++) {
		uint64_t time = next() >> next() % 64;
		*now += 1 + next() % 5000;
		struct lm_event e = {
			AT(*now), VT_EV_file_call, { 1 + next() % 7, 0, 0, next() % 9, time }, NULL,
		};
		switch (next() % 8) {
		case 0:
			e.id = VT_EV_syscall_call;
			memcpy(e.values, (uint64_t[]){ next() % 6, next() % 3, time }, 24);
			break;
		case 1:
			e.id = VT_EV_gc_end;
			memcpy(e.values, (uint64_t[]){ next() % 4, time, next() % 2 * 4096 }, 24);
			break;
		case 2:
			e.id = VT_EV_gc_begin;
			memcpy(e.values, (uint64_t[]){ 1, next() % 6, 0 }, 24);
			break;
		case 3:
			e.id = VT_EV_memory_alloc;
			e.values[0] = 16u << next() % 4;
			break;
		case 4:
			e.id = 0x2101;
			memcpy(e.values, (uint64_t[]){ next() % 3, time }, 16);
			break;
		default:
			break;
		}
		to[i] = e;
	}
	return count;
}

struct file random_log(void)
{
	struct lm lm = { .codec = VT_CODEC_NONE };
	struct lm_event events[64];
	uint64_t now[RINGS] = { 0 };

	lm_begin(&lm, 1);
	lm_schema(&lm);
	lm_process(&lm, 0, 100, "one");
	lm_process(&lm, 1, 200, "two");
	for (uint32_t i = 0; i < RINGS; i++)
		lm_thread(&lm, i, i % 2, 100 + i, i == 3 ? "w\"1" : "worker");
	for (uint32_t i = 1; i <= 5; i++) {
		lm_string(&lm, 0, i, functions[i]);
		lm_string(&lm, 1, i, functions[6 - i]);
	}
	for (unsigned i = 0; i < 200; i++) {
		uint32_t ring = (uint32_t)(next() % RINGS);
		lm_events(&lm, ring, ring % 2, events, random_events(events, &now[ring]));
		if (next() % 20 == 0) {
			lm_lose(&lm, ring, VT_CAT_file, 1 + next() % 10);
			now[ring] += 20000;
		}
	}
	lm_end(&lm);
	struct file f = file_of(&lm);
	lm_free(&lm);
	return f;
}
