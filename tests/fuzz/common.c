/* common.c - see fuzz.h. */
#include <string.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <valktrace/reader.h>

#include "tests/fuzz/fuzz.h"

/* A few bytes may stand for a million events in columns of width 0. */
enum { MOST_EVENTS = 100000, MOST_BATCHES = 400, THREADS = 3 };

char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	fuzz_must(text);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = 0;
	return text;
}

const char *fuzz_file(const void *data, size_t size)
{
	static char path[32];
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("fuzz", MFD_CLOEXEC);
		fuzz_must(fd >= 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	fuzz_must(ftruncate(fd, 0) == 0);
	fuzz_must(pwrite(fd, data, size, 0) == (ssize_t)size);
	return path;
}

/* Reads all bytes of what it was given: a sanitizer then sees what is not there. */
static uint64_t seen;

static void touch(const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		seen += (uint8_t)bytes[i];
}

static int on_counters(void *user, const struct vt_counters *c)
{
	(void)user;
	for (unsigned i = 0; i < VT_MAX_METRICS; i++)
		seen += c->metrics[i].present ? c->metrics[i].value : 0;
	for (unsigned i = 0; i < VT_MAX_SOURCES; i++)
		if (c->sources[i].known && c->sources[i].reason)
			touch(c->sources[i].reason, strlen(c->sources[i].reason));
	fuzz_must(c->process);
	return 0;
}

static int on_call(void *user, const struct vt_call_info *c)
{
	(void)user;
	touch(c->name, strlen(c->name));
	fuzz_must(c->process);
	return 0;
}

static void read_event(struct vt_reader *r, const struct vt_event *e)
{
	if (e->gap) {
		seen += e->gap->total;
		return;
	}
	touch(e->desc->name, strlen(e->desc->name));
	for (unsigned i = 0; i < e->desc->count; i++) {
		size_t length = 0;
		const char *string = NULL;
		if (e->desc->fields[i].kind == VT_KIND_TEXT)
			touch(e->text, e->values[i]);
		else if (e->desc->fields[i].kind == VT_KIND_STRING)
			string = vt_reader_string(r, e->ring->process, e->values[i], &length);
		touch(string, string ? length : 0);
		seen += e->values[i];
	}
	seen += vt_reader_realtime(r, e->ticks);
}

static void read_events(struct vt_reader *r)
{
	const struct vt_event *e;
	uint64_t ticks = 0;

	for (unsigned n = 0; n < MOST_EVENTS && vt_reader_next(r, &e) > 0; n++) {
		fuzz_must(e->ticks >= ticks);
		ticks = e->ticks;
		read_event(r, e);
	}
}

struct sum { uint64_t batches, events, values; };

/* All of a batch, added up: whoever reads it, and in whatever order, finds the same. */
static int read_batch(void *state, const struct vt_batch *b)
{
	const uint64_t *ticks = vt_batch_ticks(b);
	const uint8_t *types = vt_batch_types(b);
	struct sum *sum = state;
	uint64_t count = 0;

	for (unsigned i = 0; ticks && types && i < b->events; i++) {
		fuzz_must(types[i] < b->types);
		sum->values += ticks[i];
	}
	for (unsigned type = 0; type < b->types; type++) {
		count += b->counts[type];
		for (unsigned f = 0; f < b->desc[type]->count; f++) {
			const uint64_t *column = vt_batch_column(b, type, f);
			for (unsigned i = 0; column && i < b->counts[type]; i++)
				sum->values += column[i];
		}
	}
	fuzz_must(count == b->events);
	sum->batches++;
	sum->events += b->events;
	return 0;
}

static void read_batches(struct vt_reader *r)
{
	struct sum alone = { 0 }, each[THREADS] = { { 0 } }, together = { 0 };
	void *const states[THREADS] = { &each[0], &each[1], &each[2] };
	const struct vt_batch *batch;

	if (vt_reader_select(r, NULL, NULL) != 0)
		return;
	while (alone.batches < MOST_BATCHES && vt_reader_next_batch(r, &batch) > 0)
		read_batch(&alone, batch);
	if (alone.batches == MOST_BATCHES || vt_reader_scan(r, THREADS, read_batch, states) != 0)
		return;
	for (unsigned i = 0; i < THREADS; i++) {
		together.batches += each[i].batches;
		together.events += each[i].events;
		together.values += each[i].values;
	}
	fuzz_must(memcmp(&alone, &together, sizeof(alone)) == 0);
}

static void check_run(const struct vt_run_info *run)
{
	for (unsigned i = 0; i < run->process_count; i++) {
		const struct vt_process_info *p = run->processes[i];
		touch(p->program, strlen(p->program));
		for (unsigned f = 0; f < p->fact_count; f++) {
			touch(p->facts[f].key, strlen(p->facts[f].key));
			touch(p->facts[f].value, strlen(p->facts[f].value));
		}
	}
	for (unsigned i = 0; i < run->ring_count; i++)
		touch(run->rings[i]->name, strlen(run->rings[i]->name));
}

void fuzz_read_all(const char *path)
{
	struct vt_reader_options options = { .size = sizeof(options), .no_ring_files = true };
	struct vt_reader *r;
	uint64_t missed;

	if (vt_reader_open(&r, &path, 1, &options) < 0)
		return;
	check_run(vt_reader_run(r));
	read_events(r);
	read_batches(r);
	vt_reader_counters(r, -1, on_counters, NULL);
	vt_reader_counters(r, 0, on_counters, NULL);
	vt_reader_calls(r, on_call, NULL, &missed);
	check_run(vt_reader_run(r));
	vt_reader_close(r);
}
