/*
 * bench_pipeline.c - one sample of what the way from a ring to the log costs.
 *
 *   sustained LOG            (ns an event of the ev2 stream, less its generator) / timestamp ns: vt_start in
 *                            this process, discard mode, rings of 8 MiB, zstd 1, the recorder on the
 *                            other core; 200 rings full. The log is read back: nothing may be missing.
 *   drain ev2|mixed LOG      CPU ns an event of vt_drain with its sink (copy, split, columns, zstd 1,
 *                            CRC, write) over rings that are full already / timestamp ns
 *   log FILE CODEC EVENTS    writes the reference load's log, as the recorder would have
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <valktrace.h>
#include <valktrace/reader.h>

#include "core/process.h"
#include "core/recorder.h"
#include "tests/bench/bench.h"
#include "tests/bench/load.h"
#include "tests/bench/loops.h"

enum { RING = 8 << 20, DEFAULT_RING = 512 << 10, EV2_RECORD = 24, LAPS = 200, DRAINS = 21 };

static uint64_t file_size(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		bench_die(path, -errno);
	return (uint64_t)st.st_size;
}

/* ---- sustained ------------------------------------------------------------------------------------- */

struct producer {
	struct load_ev2 load;
	uint64_t events;
	double timestamp_ns, generator_ns, event_ns;
};

static double generate(struct load_ev2 load, uint64_t events)
{
	uint64_t words[2], sum = 0, start = bench_clock(CLOCK_MONOTONIC);

	for (uint64_t i = 0; i < events; i++)
		sum += load_ev2_next(&load, words) + words[0] + words[1];
	__asm__ volatile("" : : "r"(sum));
	return (double)(bench_clock(CLOCK_MONOTONIC) - start) / (double)events;
}

static void *produce(void *user)
{
	struct producer *p = user;
	struct load_ev2 load = p->load;
	uint64_t words[2];

	bench_pin(BENCH_PRODUCER_CORE);
	p->timestamp_ns = bench_timestamp_ns();
	p->generator_ns = generate(load, p->events / 4);
	uint64_t start = bench_clock(CLOCK_MONOTONIC);
	for (uint64_t i = 0; i < p->events; i++) {
		unsigned id = load_ev2_next(&load, words);
		vt_emit_words(id, words, 2);
	}
	p->event_ns = (double)(bench_clock(CLOCK_MONOTONIC) - start) / (double)p->events;
	return NULL;
}

/*
 * Every event decoded, counted by type and summed by field against the generator: else says what is wrong.
 * Returns the number of those that are in the log.
 */
static uint64_t verify(const char *path, struct load_ev2 load, uint64_t events)
{
	uint64_t counts[2] = { 0 }, sums[2] = { 0 }, words[2], lost = 0;
	struct vt_reader *reader;
	const struct vt_batch *batch;
	int err = vt_reader_open(&reader, &path, 1, NULL);

	if (err < 0)
		bench_die(path, err);
	for (unsigned cause = 0; cause < VT_LOST_CAUSES; cause++)
		lost += vt_reader_run(reader)->lost[cause][load.category];
	const char *name = "bench", *unknown;
	const struct vt_filter filter = { .size = sizeof(filter), .categories = &name, .category_count = 1 };
	err = vt_reader_select(reader, &filter, &unknown);
	while (!err && (err = vt_reader_next_batch(reader, &batch)) > 0)
		for (unsigned t = 0; t < batch->types; t++) {
			err = 0;
			counts[batch->desc[t]->id == load.rare] += batch->counts[t];
			for (unsigned f = 0; f < 2; f++) {
				const uint64_t *column = vt_batch_column(batch, t, f);
				for (uint32_t i = 0; column && i < batch->counts[t]; i++)
					sums[f] += column[i];
			}
		}
	vt_reader_close(reader);
	if (err < 0)
		bench_die(path, err);
	const uint64_t decoded = counts[0] + counts[1];
	for (uint64_t i = 0; i < events; i++) {
		counts[load_ev2_next(&load, words) == load.rare]--;
		sums[0] -= words[0];
		sums[1] -= words[1];
	}
	if (lost || counts[0] || counts[1] || sums[0] || sums[1])
		fprintf(stderr, "bench: sustained: %llu events emitted, %lld not decoded, %llu lost by the log's "
		        "own account\n", (unsigned long long)events,
		        (long long)(events - decoded), (unsigned long long)lost);
	return decoded;
}

static void sustained(const char *path)
{
	const struct vt_options options = {
		.size = sizeof(options), .program = "bench", .output = path, .mode = "discard",
		.ring_size = RING, .max_bytes = UINT64_MAX,
	};
	struct producer p = { .events = (uint64_t)LAPS * (RING / EV2_RECORD) };
	pthread_t thread;

	bench_pin(BENCH_RECORDER_CORE);
	int err = vt_start(&options);
	if (!err)
		err = load_ev2_begin(&p.load);
	if (err < 0)
		bench_die(path, err);
	vt_enable(1ull << p.load.category);
	pthread_create(&thread, NULL, produce, &p);
	pthread_join(thread, NULL);
	err = vt_stop();
	if (err < 0)
		bench_die(path, err);
	uint64_t decoded = verify(path, p.load, p.events);
	bench_print("sustained_ratio", (p.event_ns - p.generator_ns) / p.timestamp_ns);
	bench_print("sustained_event_ns", p.event_ns);
	bench_print("sustained_generator_ns", p.generator_ns);
	bench_print("bytes_per_event_ev2", (double)file_size(path) / (double)decoded);
}

/* ---- a recorder that is run by hand ---------------------------------------------------------------- */

struct hand {
	uv_loop_t loop;
	struct vt_recorder recorder;
	struct vt_followed *process;
	char *directory;
	uint32_t index;
};

static void hand_open(struct hand *h, const char *path, const char *codec, uint64_t ring_size,
                      uint64_t mask)
{
	struct vt_settings settings;
	struct vt_geometry geometry;
	struct vt_ring_view view;

	vt_settings_default(&settings);
	snprintf(settings.codec, sizeof(settings.codec), "%s", codec);
	vt_geometry_of(&geometry, ring_size, VT_OVERWRITE);
	h->directory = bench_directory("/dev/shm");
	int err = vt_process_attach(h->directory, vt_ticks(), &geometry, mask, NULL, false);
	if (!err)
		err = uv_loop_init(&h->loop);
	if (!err)
		err = vt_recorder_open(&h->recorder, &h->loop, &settings, path, true, vt_process.place.run,
		                       vt_process.bell);
	if (err < 0)
		bench_die(path, err);
	vt_ring_view_borrow(&view, vt_process.file);
	int64_t index = vt_recorder_add(&h->recorder, &view, vt_process.place.image);
	if (index < 0)
		bench_die(path, (int)index);
	h->index = (uint32_t)index;
	h->process = vt_recorder_process(&h->recorder, h->index);
}

static void hand_close(struct hand *h)
{
	vt_process_detach();
	int err = vt_recorder_finish(&h->recorder, h->index, VT_END_EXIT, 0);
	if (!err)
		err = vt_recorder_close(&h->recorder, VT_END_STOPPED);
	uv_run(&h->loop, UV_RUN_DEFAULT);
	uv_loop_close(&h->loop);
	bench_remove(h->directory);
	free(h->directory);
	if (err < 0)
		bench_die("log", err);
}

/* ---- drain ------------------------------------------------------------------------------------------- */

static int sink_events(void *user, struct vt_chunk_header *h,
                       const struct vt_split_section *sections, unsigned count)
{
	return vt_log_events(user, h, sections, count);
}

static int sink_gap(void *user, const struct vt_rec_gap *gap)
{
	(void)user;
	(void)gap;
	bench_die("a gap in a ring that nobody overwrites", 0);
}

/*
 * Drains this thread's ring again and again from `position`, in stretches of `stretch` bytes: what the
 * recorder finds when it wakes. Prints CPU time an event over the timestamp's.
 */
static void drain(struct hand *h, const char *name, uint64_t stretch)
{
	const struct vt_drain_sink sink = { sink_events, sink_gap, &h->recorder.log };
	const struct vt_followed_slot *slot = &h->process->slots[vt_thread_slot()];
	const uint64_t until = vt_load_relaxed(&slot->main.ring->commit);
	double ratios[DRAINS];

	for (int i = 0; i < DRAINS; i++) {
		struct vt_drain_ring ring = slot->main;
		double unit = bench_timestamp_ns();
		uint64_t before = h->recorder.log.events, start = bench_clock(CLOCK_THREAD_CPUTIME_ID);
		int64_t n = 1;
		while (n > 0 && ring.cursor.position < until) {
			uint64_t to = ring.cursor.position + stretch;
			n = vt_drain(&ring, to < until ? to : until, stretch, h->recorder.splitter,
			             &h->process->view, &sink);
		}
		if (n < 0)
			bench_die("drain", (int)n);
		double ns = (double)(bench_clock(CLOCK_THREAD_CPUTIME_ID) - start) /
		            (double)(h->recorder.log.events - before);
		ratios[i] = ns / unit;
	}
	bench_print(name, bench_median(ratios, DRAINS));
}

/* A private ring of `path`'s own log, filled with one stream and drained. */
static void drain_ev2(const char *path)
{
	struct hand h;
	struct load_ev2 load;
	uint64_t words[2];

	hand_open(&h, path, "zstd", RING, 0);
	int err = load_ev2_begin(&load);
	if (err < 0)
		bench_die("event type", err);
	vt_store_relaxed(&vt_process.file->wanted_mask, 1ull << load.category);
	vt_process_refresh_mask();
	vt_emit_words(load.common, (const uint64_t[]){ 1, 2 }, 2);
	vt_recorder_flush(&h.recorder);         /* it knows the ring and the types now */
	while (vt__ring->commit < RING - (64 << 10)) {
		unsigned id = load_ev2_next(&load, words);
		vt_emit_words(id, words, 2);
	}
	drain(&h, "drain_ratio_ev2", VT_SPLIT_BYTES);
	hand_close(&h);
}

/* The recorder wakes when a quarter of a ring is full: of the default one, 128 KiB, in small chunks. */
static void drain_mixed(const char *path)
{
	struct hand h;
	struct load load;

	hand_open(&h, path, "zstd", RING, LOAD_CATEGORIES);
	load_begin(&load, vt_ticks(), vt_tick_hz());
	load_emit(load_next(&load));
	vt_recorder_flush(&h.recorder);
	while (vt__ring->commit < RING - (64 << 10))
		load_emit(load_next(&load));
	drain(&h, "drain_ratio_mixed", DEFAULT_RING / 4);
	drain(&h, "drain_ratio_mixed_large", VT_SPLIT_BYTES);
	hand_close(&h);
}

/* ---- the reference log ---------------------------------------------------------------------------------- */

/* As the recorder does: where the producer wakes it, it looks whether there is enough for a chunk. */
static void write_log(const char *path, const char *codec, uint64_t events)
{
	struct hand h;
	struct load load;

	hand_open(&h, path, codec, 0, LOAD_CATEGORIES);
	load_begin(&load, vt_ticks(), vt_tick_hz());
	load_names(&load);
	uint64_t limit = 0;
	for (uint64_t i = 0; i < events; i++) {
		if (!load_emit(load_next(&load)))
			bench_die("an event was lost", 0);
		if (vt__ring->limit == limit)
			continue;
		limit = vt__ring->limit;
		/* It is woken at each eighth of the ring. */
		if ((limit - vt__ring->segment_size) % (DEFAULT_RING / 8) != 0)
			continue;
		while (vt_follow_busy(h.process))
			vt_recorder_flush(&h.recorder);
	}
	hand_close(&h);
	printf("bytes_per_event_%s %.6f\n", codec, (double)file_size(path) / (double)events);
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	if (!strcmp(what, "sustained") && argc == 3) {
		sustained(argv[2]);
	} else if (!strcmp(what, "drain") && argc == 4 && !strcmp(argv[2], "ev2")) {
		drain_ev2(argv[3]);
	} else if (!strcmp(what, "drain") && argc == 4 && !strcmp(argv[2], "mixed")) {
		drain_mixed(argv[3]);
	} else if (!strcmp(what, "log") && argc == 5) {
		write_log(argv[2], argv[3], strtoull(argv[4], NULL, 10));
	} else {
		fprintf(stderr, "usage: bench_pipeline sustained LOG | drain ev2|mixed LOG | "
		        "log FILE CODEC EVENTS\n");
		return 2;
	}
	return 0;
}
