/* reader.c - the calls of reader.h on top of the modules beside it. */
#include <valktrace/reader.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <valktrace/error.h>

#include "core/recover.h"
#include "core/wire.h"
#include "decoder/batch.h"
#include "decoder/chunks.h"
#include "decoder/lanes.h"
#include "decoder/merge.h"
#include "decoder/records.h"
#include "decoder/ring_files.h"
#include "decoder/scan.h"

struct part {
	struct vt_feed feed;
	struct vt_file_header header;
};

enum delivery { NOTHING_YET, EVENTS, BATCHES };

struct vt_reader {
	struct vt_log *log;             /* apart, so that a const reader can still decode */
	struct vt_selection selection;
	enum delivery delivery;
	struct vt_merge merge;
	struct vt_batches batches;
};

/* ---- opening --------------------------------------------------------------------------------- */

static int open_part(struct part *p, const char *path)
{
	uint8_t bytes[VT_FILE_HEADER];

	int err = vt_feed_open(&p->feed, path);
	if (err < 0)
		return err;
	err = p->feed.size == 0 ? -VT_E_EMPTY : vt_feed_read(&p->feed, 0, bytes, sizeof bytes);
	/* Too short for a header: the magic says whether it was meant to be a log. */
	if (err == -VT_E_SHORT && (p->feed.size < 8 ||
	    vt_feed_read(&p->feed, 0, bytes, 8) < 0 || memcmp(bytes, VT_FILE_MAGIC, 8) != 0))
		err = -VT_E_NOT_A_LOG;
	if (err == 0)
		err = vt_file_header_decode(&p->header, bytes);
	if (err == 0 && p->header.length > p->feed.size)
		err = -VT_E_SHORT;
	if (err == 0)
		vt_feed_refresh(&p->feed);
	if (err < 0)
		vt_feed_close(&p->feed);
	return err;
}

static int by_part(const void *left, const void *right)
{
	const struct part *a = left, *b = right;

	return (a->header.part > b->header.part) - (a->header.part < b->header.part);
}

static int open_parts(struct part *parts, const char *const *paths, unsigned count)
{
	unsigned opened = 0;
	int err = 0;

	for (; opened < count; opened++) {
		err = open_part(&parts[opened], paths[opened]);
		if (err < 0)
			break;
		if (parts[opened].header.run != parts[0].header.run) {
			vt_feed_close(&parts[opened].feed);
			err = -VT_E_RUN_DIFFERS;
			break;
		}
	}
	if (err < 0) {
		while (opened-- > 0)
			vt_feed_close(&parts[opened].feed);
		return err;
	}
	qsort(parts, count, sizeof *parts, by_part);
	return 0;
}

/* Parts that should stand before and between those given; a part given twice counts once. */
static void count_parts(struct vt_log *log, const struct part *parts, unsigned count)
{
	struct vt_run_info *run = &log->run;
	uint32_t highest = parts[count - 1].header.part;

	for (unsigned i = 0; i < count; i++)
		if (i == 0 || parts[i].header.part != parts[i - 1].header.part)
			run->parts++;
		else
			vt_notes_add(&log->notes, NOTE_N_PARTS, log->feeds[i].name, 0,
			             "part %u is there twice: what both have counts once",
			             parts[i].header.part);
	if (highest > run->parts)
		run->parts_missing = highest - run->parts;
	if (run->parts_missing > 0)
		vt_notes_add(&log->notes, NOTE_N_PARTS, log->feeds[0].name, 0,
		             "%u of %u parts are not given", run->parts_missing, highest);
}

static int scan_parts(struct vt_log *log, const struct part *parts, unsigned count)
{
	log->run.closed = true;
	for (unsigned i = 0; i < count; i++) {
		const struct vt_file_header *h = &parts[i].header;
		bool closed;
		int err = vt_timeline_add(&log->timeline, h->ticks, h->monotonic);
		if (err == 0)
			err = vt_scan_feed(log, i, h->length, &closed);
		if (err < 0)
			return err;
		log->before += log->feeds[i].size;
		if (!closed)
			log->run.closed = false;
		if (!closed && !log->feeds[i].writing)
			vt_notes_add(&log->notes, NOTE_N_OPEN, log->feeds[i].name,
			             log->feeds[i].size, "the log was not closed");
	}
	return 0;
}

static int by_start(const void *left, const void *right)
{
	const struct vt_section_ref *a = left, *b = right;

	if (a->t_min != b->t_min)
		return a->t_min < b->t_min ? -1 : 1;
	if (a->chunk != b->chunk)
		return a->chunk < b->chunk ? -1 : 1;
	return a->index - b->index;
}

/*
 * Chunks come nearly in order, so that each section has a few places to go at most. A log that is not like
 * that (several parts with long holes, or made by hand) is left to the general way.
 */
static void sort_sections(struct vt_section_ref *sections, size_t count)
{
	size_t moves = 0, most = 32 * count;

	for (size_t i = 1; i < count && moves <= most; i++) {
		const struct vt_section_ref ref = sections[i];
		size_t at = i;
		for (; at > 0 && by_start(&sections[at - 1], &ref) > 0 && moves <= most; at--, moves++)
			sections[at] = sections[at - 1];
		sections[at] = ref;
	}
	if (moves > most)
		qsort(sections, count, sizeof(*sections), by_start);
}

static int list_everyone(struct vt_log *log)
{
	struct vt_catalog *c = &log->catalog;

	log->processes = calloc(c->process_count + 1u, sizeof *log->processes);
	log->rings = calloc(c->ring_count + 1u, sizeof *log->rings);
	if (!log->processes || !log->rings)
		return -ENOMEM;
	for (size_t i = 0; i < c->process_limit; i++)
		if (c->processes[i])
			log->processes[log->run.process_count++] = &c->processes[i]->info;
	for (size_t i = 0; i < c->ring_limit; i++)
		if (c->rings[i])
			log->rings[log->run.ring_count++] = &c->rings[i]->info;
	log->run.processes = log->processes;
	log->run.rings = log->rings;
	return 0;
}

static void sum_up(struct vt_log *log)
{
	const struct vt_catalog *c = &log->catalog;
	struct vt_run_info *run = &log->run;

	for (unsigned i = 0; i < run->ring_count; i++)
		for (unsigned k = 0; k < VT_MAX_CATEGORIES; k++) {
			run->decoded[k] += run->rings[i]->decoded[k];
			for (unsigned cause = 0; cause < VT_LOST_CAUSES; cause++)
				run->lost[cause][k] += run->rings[i]->lost[cause][k];
		}
	for (size_t i = 0; i < c->process_limit; i++)
		for (unsigned k = 0; c->processes[i] && c->processes[i]->noring &&
		     k < VT_MAX_CATEGORIES; k++)
			run->lost[VT_LOST_NORING][k] += c->processes[i]->noring[k];
}

/* What a recorder writes at the start of a log: a ring file has only the types that its host registered. */
static int take_builtin_schema(struct vt_log *log)
{
	struct vt_out bytes = { 0 };
	struct vt_in body;
	uint16_t kind;

	vt_schema_encode(&bytes, vt_schema_builtin());
	struct vt_in in = vt_in_of(bytes.data, bytes.failed ? 0 : bytes.length);
	log->catalog.input_bytes += bytes.length;
	while (vt_record_next(&in, &kind, &body))
		vt_catalog_record(&log->catalog, VT_CHUNK_SCHEMA, VT_NO_PROCESS, kind, body);
	int err = bytes.failed ? -ENOMEM : 0;
	vt_out_free(&bytes);
	return err;
}

static int finish(struct vt_log *log)
{
	struct vt_run_info *run = &log->run;
	int err = 0;

	/* Ids are append-only: where the log's own schema was damaged, ours tells the same. */
	if (log->catalog.recorder.event_count == 0 && log->catalog.process_count > 0) {
		vt_notes_add(&log->notes, NOTE_N_SCHEMA, log->feed_count > 0 ? log->feeds[0].name : "", 0,
		             "the log's own list of events is damaged; that of this version is used");
		err = take_builtin_schema(log);
	}
	if (err < 0)
		return err;

	if (run->last < run->ticks)
		run->last = run->ticks;
	if (!vt_catalog_finish(&log->catalog) || !vt_records_finish(log) ||
	    vt_timeline_finish(&log->timeline, run->ticks) < 0 || list_everyone(log) < 0)
		return -ENOMEM;
	if (log->timeline.rejected > 0)
		vt_notes_add(&log->notes, NOTE_N_CLOCK, log->feed_count > 0 ? log->feeds[0].name : "", 0,
		             "%llu clock anchors contradict those before them",
		             (unsigned long long)log->timeline.rejected);
	vt_loss_finish(&log->loss, &log->catalog, run->ticks, run->last, log->notes.damage);
	sort_sections(log->sections, log->section_count);
	sum_up(log);
	run->anchor_error_ns = log->timeline.error_ns;
	run->damaged = log->notes.damage > 0;
	return 0;
}

static void free_log(struct vt_log *log)
{
	if (!log)
		return;
	for (size_t i = 0; i < log->feed_count; i++)
		vt_feed_close(&log->feeds[i]);
	vt_catalog_free(&log->catalog);
	vt_unpacker_free(&log->unpacker);
	vt_timeline_free(&log->timeline);
	vt_loss_free(&log->loss);
	free(log->feeds);
	free(log->chunks);
	free(log->sections);
	free(log->counters);
	free(log->payload);
	free(log->processes);
	free(log->rings);
	free(log);
}

/* A log that owns the feeds of `parts`, nothing scanned yet. NULL: no memory, the feeds are closed. */
static struct vt_log *new_log(struct part *parts, unsigned count,
                              const struct vt_reader_options *options)
{
	struct vt_log *log = calloc(1, sizeof *log);
	struct vt_feed *feeds = calloc(count + 1u, sizeof *feeds);

	if (!log || !feeds) {
		for (unsigned i = 0; i < count; i++)
			vt_feed_close(&parts[i].feed);
		free(log);
		free(feeds);
		return NULL;
	}
	if (options) {
		log->notes.each = options->note;
		log->notes.user = options->user;
		/* Programs built before there was a `progress` say so by the size. */
		if (options->size > offsetof(struct vt_reader_options, progress))
			log->progress = options->progress;
		if (options->size > offsetof(struct vt_reader_options, threads))
			log->threads = options->threads;
	}
	vt_catalog_init(&log->catalog, &log->notes);
	log->feeds = feeds;
	for (unsigned i = 0; i < count; i++) {
		feeds[log->feed_count++] = parts[i].feed;
		log->run.bytes += parts[i].feed.size;
	}
	log->catalog.input_bytes = log->run.bytes;
	log->run.run = parts[0].header.run;
	log->run.realtime = parts[0].header.realtime;
	log->run.ticks = parts[0].header.ticks;
	return log;
}

/* A run without a log: the ring file that was made first says when it began. */
static int begin_with_ring(struct part *first, const struct vt_ring_sources *rings)
{
	for (unsigned i = 0; i < rings->count; i++) {
		struct vt_recover_head h;
		int err = vt_recover_head(rings->named[i], &h);
		if (err < 0)
			return err;
		if (i > 0 && h.run != first->header.run)
			return -VT_E_RUN_DIFFERS;
		if (i > 0 && h.ticks >= first->header.ticks)
			continue;
		first->header = (struct vt_file_header){
			.run = h.run, .realtime = h.realtime, .monotonic = h.monotonic,
			.ticks = h.ticks, .tick_hz = h.tick_hz,
		};
	}
	return 0;
}
/* Logs, and then ring files. `parts` has room for one more than `count`. */
static int open_all(struct vt_log **to, struct part *parts, const char *const *logs, unsigned count,
                    struct vt_ring_sources *rings, const struct vt_reader_options *options)
{
	int err = count > 0 ? open_parts(parts, logs, count) : begin_with_ring(parts, rings);
	if (err < 0)
		return err;
	struct vt_log *log = *to = new_log(parts, count, options);
	if (!log)
		return -ENOMEM;
	log->timeline.hz = parts[0].header.tick_hz;
	if (count > 0) {
		count_parts(log, parts, count);
		err = scan_parts(log, parts, count);
	} else {
		err = vt_timeline_add(&log->timeline, log->run.ticks, parts[0].header.monotonic);
		if (err == 0)
			err = take_builtin_schema(log);
	}
	rings->search = count > 0 && !(options && options->no_ring_files);
	rings->closed = log->run.closed;
	if (err == 0 && (rings->search || rings->count > 0))
		err = vt_ring_files_merge(log, rings);
	for (unsigned i = 0; i < count; i++)
		log->run.writing |= log->feeds[i].writing && !log->run.closed;
	return err == 0 ? finish(log) : err;
}

static int open_log(struct vt_log **log, const char *const *paths, unsigned count,
                    const struct vt_reader_options *options)
{
	struct part *parts = calloc(count + 1u, sizeof *parts);
	const char **names = calloc(count, sizeof *names);      /* logs from the front, rings from the end */
	unsigned logs = 0, rings = 0;
	int err = -ENOMEM;

	if (parts && names) {
		for (unsigned i = 0; i < count; i++) {
			if (vt_is_ring_file(paths[i]))
				names[count - ++rings] = paths[i];
			else
				names[logs++] = paths[i];
		}
		struct vt_ring_sources sources = {
			.named = names + logs, .count = rings,
			.directory = options ? options->ring_directory : NULL,
		};
		err = open_all(log, parts, names, logs, &sources, options);
	}
	free(names);
	free(parts);
	return err;
}

int vt_reader_open(struct vt_reader **reader, const char *const *paths, unsigned count,
                   const struct vt_reader_options *options)
{
	*reader = NULL;
	if (count == 0)
		return -EINVAL;
	struct vt_reader *r = calloc(1, sizeof *r);
	if (!r)
		return -ENOMEM;
	int err = open_log(&r->log, paths, count, options);
	if (err == 0)
		err = vt_selection_make(&r->selection, r->log, NULL, NULL);
	if (err < 0) {
		free_log(r->log);
		free(r);
		return err;
	}
	*reader = r;
	return 0;
}

/* ---- events ---------------------------------------------------------------------------------- */

static void start_over(struct vt_reader *r)
{
	if (r->delivery == EVENTS)
		vt_merge_stop(&r->merge);
	else if (r->delivery == BATCHES)
		vt_batches_stop(&r->batches);
	r->delivery = NOTHING_YET;
}

void vt_reader_close(struct vt_reader *reader)
{
	if (!reader)
		return;
	start_over(reader);
	vt_selection_free(&reader->selection);
	free_log(reader->log);
	free(reader);
}

bool vt_reader_ring_file(const struct vt_reader *reader, unsigned index, struct vt_ring_file_chunks *f)
{
	const struct vt_log *log = reader->log;

	for (size_t i = 0; i < log->feed_count; i++) {
		const struct vt_feed *feed = &log->feeds[i];
		if (feed->fd >= 0 || index-- > 0)
			continue;
		*f = (struct vt_ring_file_chunks){
			.path = feed->name, .bytes = feed->memory, .length = feed->size, .alive = feed->alive,
		};
		return true;
	}
	return false;
}

uint64_t vt_reader_next_sequence(const struct vt_reader *reader)
{
	return reader->log->next_sequence;
}

struct vt_log *vt_reader_log(const struct vt_reader *reader)
{
	return reader->log;
}

bool vt_reader_selects_more(const struct vt_reader *reader, uint64_t events)
{
	struct vt_log *log = reader->log;
	uint64_t seen = 0;

	for (size_t i = 0; i < log->section_count && seen <= events; i++)
		if (vt_selection_section(&reader->selection, log, &log->sections[i]))
			seen += log->sections[i].events;
	return seen > events;
}

const struct vt_run_info *vt_reader_run(const struct vt_reader *reader)
{
	return &reader->log->run;
}

int vt_reader_select(struct vt_reader *reader, const struct vt_filter *filter, const char **unknown)
{
	struct vt_selection selection;

	int err = vt_selection_make(&selection, reader->log, filter, unknown);
	if (err < 0)
		return err;
	start_over(reader);
	vt_selection_free(&reader->selection);
	reader->selection = selection;
	return 0;
}

int vt_reader_next(struct vt_reader *reader, const struct vt_event **event)
{
	if (vt_unlikely(reader->delivery != EVENTS)) {
		start_over(reader);
		vt_merge_start(&reader->merge, reader->log, &reader->selection);
		reader->delivery = EVENTS;
	}
	*event = &reader->merge.event;
	return vt_merge_next(&reader->merge);
}

int vt_reader_next_batch(struct vt_reader *reader, const struct vt_batch **batch)
{
	if (reader->delivery != BATCHES) {
		start_over(reader);
		vt_batches_start(&reader->batches, reader->log, &reader->selection);
		reader->delivery = BATCHES;
	}
	*batch = &reader->batches.batch;
	return vt_batches_next(&reader->batches);
}

int vt_reader_scan(struct vt_reader *reader, unsigned threads,
                   int (*each)(void *state, const struct vt_batch *batch), void *const *states)
{
	start_over(reader);
	return vt_lanes_run(reader->log, &reader->selection, threads, each, states);
}

const uint64_t *vt_batch_column(const struct vt_batch *batch, unsigned type, unsigned field)
{
	return vt_batches_column(batch->source, type, field);
}

const uint64_t *vt_batch_ticks(const struct vt_batch *batch)
{
	return vt_batches_ticks(batch->source);
}

const uint64_t *vt_batch_times(const struct vt_batch *batch)
{
	return vt_batches_times(batch->source);
}

const uint8_t *vt_batch_types(const struct vt_batch *batch)
{
	return vt_batches_types(batch->source);
}

/* ---- the rest -------------------------------------------------------------------------------- */

int vt_reader_counters(struct vt_reader *reader, int64_t which,
                       int (*each)(void *user, const struct vt_counters *c), void *user)
{
	return vt_records_each(reader->log, which, each, user);
}

const struct vt_rec_calls *vt_reader_calls_now(const struct vt_reader *reader)
{
	return reader->log->calls.count > 0 ? &reader->log->calls : NULL;
}

int vt_reader_calls(struct vt_reader *reader, int (*each)(void *user, const struct vt_call_info *c),
                    void *user, uint64_t *missed)
{
	const struct vt_catalog *c = &reader->log->catalog;
	int delivered = 0;
	bool enough = false;

	if (missed)
		*missed = 0;
	for (size_t i = 0; i < c->process_limit; i++) {
		const struct vt_log_process *p = c->processes[i];
		if (p && missed)
			*missed = p->calls_missed > UINT64_MAX - *missed ? UINT64_MAX : *missed + p->calls_missed;
		for (unsigned k = 0; p && k < p->call_count && !enough; k++) {
			delivered++;
			enough = each(user, &p->calls[k]) != 0;
		}
	}
	return delivered;
}

const char *vt_reader_string(const struct vt_reader *reader, const struct vt_process_info *process,
                             uint64_t id, size_t *length)
{
	const struct vt_interned_slot *slot = id > UINT32_MAX ? NULL :
		vt_interned_find(&reader->log->catalog.strings, process->index, (uint32_t)id);

	if (length)
		*length = slot ? (size_t)slot->length : 0;
	return slot ? slot->text : NULL;
}

uint64_t vt_reader_ns(const struct vt_reader *reader, uint64_t ticks)
{
	return vt_timeline_ns(&reader->log->timeline, ticks);
}

/* One line for the whole run: a clock that was set meanwhile must not turn the order around. */
uint64_t vt_reader_realtime(const struct vt_reader *reader, uint64_t ticks)
{
	return reader->log->run.realtime + vt_timeline_ns(&reader->log->timeline, ticks);
}

const char *vt_event_category(const struct vt_event *event)
{
	static const char numbers[VT_MAX_CATEGORIES][4] = {
		"#0", "#1", "#2", "#3", "#4", "#5", "#6", "#7", "#8", "#9", "#10", "#11", "#12",
		"#13", "#14", "#15", "#16", "#17", "#18", "#19", "#20", "#21", "#22", "#23", "#24",
		"#25", "#26", "#27", "#28", "#29", "#30", "#31", "#32", "#33", "#34", "#35", "#36",
		"#37", "#38", "#39", "#40", "#41", "#42", "#43", "#44", "#45", "#46", "#47", "#48",
		"#49", "#50", "#51", "#52", "#53", "#54", "#55", "#56", "#57", "#58", "#59", "#60",
		"#61", "#62", "#63",
	};

	if (event->gap)
		return "";
	const char *name = event->ring->process->schema->categories[event->desc->category].name;
	return name ? name : numbers[event->desc->category];
}
