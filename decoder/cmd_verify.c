/*
 * cmd_verify.c - `valktrace verify`: reads and decodes all of a log and judges it.
 *
 * The reader checks headers, payloads, sections and their columns. What nobody needs for reading is
 * checked here: that indexes, footer and tail agree with the chunks, that no ring goes back in time, that
 * the loss accounting adds up, and that names are there for all that refers to them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <valktrace/error.h>

#include "core/wire.h"
#include "decoder/cmd.h"
#include "decoder/notes.h"
#include "decoder/process_text.h"
#include "decoder/share.h"
#include "decoder/unpack.h"

#define MOST_INDEXES 4096u

struct settings {
	bool strict;
};

static const struct vt_opt options[] = {
	{ "strict", 0, VT_OPT_FLAG, NULL, "exit 8 if events are lost, parts missing, or it is not closed",
	  offsetof(struct settings, strict), 0 },
	VT_OPT_END
};

struct ring_end {
	uint64_t position, ticks;
};

struct verdict {
	const char *name;               /* as given */
	bool is_spool;                  /* standard input: files have no name of their own */
	struct vt_notes notes;          /* for findings of our own */
	struct { int code; unsigned seen; } kinds[VT_NOTE_KINDS];
	uint64_t findings, remarks;     /* Exx, Nxx */
	bool limit;                     /* a finding was E_LIMIT */
	uint64_t decoded;
	struct vt_unpacker unpacker;
	uint8_t *payload;               /* VT_MAX_RAW */
	struct ring_end *rings;         /* by id, VT_MAX_RINGS */
};

static void print_finding(void *user, const struct vt_note *note)
{
	struct verdict *v = user;
	unsigned i = 0;

	if (note->code > 0)
		v->findings++;
	else
		v->remarks++;
	v->limit |= note->code == NOTE_E_LIMIT;
	while (i < VT_NOTE_KINDS - 1 && v->kinds[i].seen > 0 && v->kinds[i].code != note->code)
		i++;
	v->kinds[i].code = note->code;
	if (++v->kinds[i].seen <= VT_NOTES_OF_A_KIND)
		vt_message("%s: %s", note->file && !v->is_spool ? note->file : v->name, note->text);
}

static void print_more_findings(const struct verdict *v)
{
	for (unsigned i = 0; i < VT_NOTE_KINDS; i++)
		if (v->kinds[i].seen > VT_NOTES_OF_A_KIND)
			vt_message("%s: %c%02d %u more of these", v->name, v->kinds[i].code < 0 ? 'N' : 'E',
			           abs(v->kinds[i].code), v->kinds[i].seen - VT_NOTES_OF_A_KIND);
}

/* ---- the chain of chunks, once more ------------------------------------------------------------- */

struct walk {
	struct verdict *v;
	struct vt_feed feed;
	const char *path;
	uint64_t run, end;
	uint64_t next;                  /* the first chunk that no index has had yet */
	uint64_t chunks, events;
	uint64_t indexes[MOST_INDEXES], index_count;
	uint64_t footer;                /* its offset; 0: none met */
	uint64_t unindexed;
	bool recovered;
};

/* False: no chunk begins here, which the reader has told of already. */
static bool read_chunk(const struct walk *w, uint64_t at, struct vt_chunk_header *h)
{
	uint8_t bytes[VT_MAX_CHUNK_HEADER];
	uint64_t left = w->end - at;
	size_t length = left < sizeof(bytes) ? (size_t)left : sizeof(bytes);

	return at < w->end && length >= VT_CHUNK_HEADER && vt_feed_read(&w->feed, at, bytes, length) == 0 &&
	       vt_chunk_header_decode(h, bytes, length) == 0 && vt_chunk_total(h) <= left;
}

static bool is_indexed(const struct walk *w, const struct vt_chunk_header *h)
{
	return h->run == w->run && h->type != VT_CHUNK_INDEX && h->type != VT_CHUNK_FOOTER;
}

static bool entry_agrees(const struct vt_rec_index *e, const struct vt_chunk_header *h)
{
	return e->total == vt_chunk_total(h) && e->type == h->type && e->ring == h->ring &&
	       e->process == h->process && e->t_min == h->t_min && e->t_max == h->t_max &&
	       e->categories == h->categories && e->events == h->events;
}

/* Moves w->next to the chunk at `to` or behind; those passed over are in no index. */
static void pass_unindexed(struct walk *w, uint64_t to)
{
	struct vt_chunk_header h;

	while (w->next < to && read_chunk(w, w->next, &h)) {
		w->unindexed += is_indexed(w, &h);
		w->next += vt_chunk_total(&h);
	}
}

static bool take_entry(struct walk *w, struct vt_in body)
{
	struct vt_rec_index e;
	struct vt_chunk_header h;

	if (!vt_rec_index_decode(body, &e) || e.offset < w->next)
		return false;
	pass_unindexed(w, e.offset);
	if (w->next != e.offset || !read_chunk(w, w->next, &h))
		return false;
	w->next += vt_chunk_total(&h);
	return entry_agrees(&e, &h);
}

/* The payload of an INDEX or FOOTER chunk; false: damaged, which the reader has told of already. */
static bool read_payload(struct walk *w, uint64_t at, const struct vt_chunk_header *h, struct vt_in *in)
{
	struct vt_packed packed = {
		.offset = at + h->length, .stored = h->stored, .frame = h->stored, .raw = h->raw,
		.crc_stored = h->crc_stored, .crc_raw = h->crc_raw, .codec = h->codec,
	};

	*in = vt_in_of(w->v->payload, h->raw);
	return h->raw > 0 && vt_unpack(&w->v->unpacker, &w->feed, &packed, w->v->payload) == 0;
}

static void check_index(struct walk *w, uint64_t at, const struct vt_chunk_header *h)
{
	unsigned entries = 0, wrong = 0;
	uint16_t kind;
	struct vt_in in, body;

	if (w->index_count < MOST_INDEXES)
		w->indexes[w->index_count++] = at;
	if (!read_payload(w, at, h, &in))
		return;
	while (vt_record_next(&in, &kind, &body)) {
		if (kind != VT_REC_INDEX)
			continue;
		entries++;
		wrong += !take_entry(w, body);
	}
	if (wrong > 0)
		vt_notes_add(&w->v->notes, NOTE_E_INDEX, w->path, at,
		             "%u of %u entries of an index lead to no such chunk", wrong, entries);
	else
		pass_unindexed(w, at);
	w->next = at + vt_chunk_total(h);
}

static void check_footer(struct walk *w, uint64_t at, const struct vt_chunk_header *h)
{
	static uint64_t offsets[MOST_INDEXES];
	uint16_t kind;
	struct vt_in in, body;

	w->footer = at;
	if (!read_payload(w, at, h, &in) || !vt_record_next(&in, &kind, &body) || kind != VT_REC_FOOTER)
		return;
	uint32_t count = vt_rec_footer_decode(body, offsets, MOST_INDEXES);
	bool right = count <= w->index_count;
	for (uint32_t i = 0; i < count && right; i++)
		right = offsets[i] == w->indexes[i];
	if (!right)
		vt_notes_add(&w->v->notes, NOTE_E_INDEX, w->path, at,
		             "the footer names %u indexes, not those that are there", count);
}

static void check_time(struct walk *w, uint64_t at, const struct vt_chunk_header *h)
{
	struct ring_end *end = &w->v->rings[h->ring % VT_MAX_RINGS];

	if (h->ring >= VT_MAX_RINGS)
		return;
	if (end->position > 0 && h->pos_begin >= end->position && h->t_min <= end->ticks)
		vt_notes_add(&w->v->notes, NOTE_E_ORDER, w->path, at,
		             "ring %u: chunk %llu begins before the one before it ends", h->ring,
		             (unsigned long long)h->sequence);
	if (h->pos_end > end->position)
		*end = (struct ring_end){ h->pos_end, h->t_max };
}

static void take_chunk(struct walk *w, uint64_t at, const struct vt_chunk_header *h)
{
	w->chunks++;
	w->recovered |= (h->flags & VT_CHUNK_RECOVERED) != 0;
	if (h->type == VT_CHUNK_INDEX) {
		check_index(w, at, h);
	} else if (h->type == VT_CHUNK_FOOTER) {
		check_footer(w, at, h);
	} else if (h->type == VT_CHUNK_EVENTS) {
		w->events += h->events;
		check_time(w, at, h);
	}
}

/* Of a log that recover closed, the tail counts events without those that stand in two chunks. */
static void check_tail(struct walk *w, const struct vt_file_tail *tail)
{
	if (tail->chunks != w->chunks || (tail->events != w->events && !w->recovered))
		vt_notes_add(&w->v->notes, NOTE_E_TAIL, w->path, w->end,
		             "the tail counts %llu chunks and %llu events, there are %llu and %llu",
		             (unsigned long long)tail->chunks, (unsigned long long)tail->events,
		             (unsigned long long)w->chunks, (unsigned long long)w->events);
	if (w->footer > 0 && tail->footer != w->footer)
		vt_notes_add(&w->v->notes, NOTE_E_TAIL, w->path, w->end,
		             "the tail says that the footer is at 0x%llx, it is at 0x%llx",
		             (unsigned long long)tail->footer, (unsigned long long)w->footer);
	pass_unindexed(w, w->end);
	if (w->unindexed > 0)
		vt_notes_add(&w->v->notes, NOTE_N_INDEX, w->path, w->end,
		             "%llu chunks are in no index: reading is slower, nothing is missing",
		             (unsigned long long)w->unindexed);
}

/* Stops where the chain breaks: then there is damage, and the reader has told of it. */
static void walk_file(struct walk *w)
{
	uint8_t bytes[VT_FILE_HEADER];
	struct vt_file_header header;
	struct vt_file_tail tail;
	struct vt_chunk_header h;

	if (vt_feed_read(&w->feed, 0, bytes, VT_FILE_HEADER) < 0 || vt_file_header_decode(&header, bytes) < 0)
		return;
	bool closed = w->feed.size >= header.length + VT_FILE_TAIL &&
	              vt_feed_read(&w->feed, w->feed.size - VT_FILE_TAIL, bytes, VT_FILE_TAIL) == 0 &&
	              vt_file_tail_decode(&tail, bytes) == 0;
	w->run = header.run;
	w->end = w->feed.size - (closed ? VT_FILE_TAIL : 0);
	w->next = header.length;
	uint64_t at = header.length;
	for (; read_chunk(w, at, &h); at += vt_chunk_total(&h))
		if (h.run == w->run)
			take_chunk(w, at, &h);
	if (closed && at == w->end)
		check_tail(w, &tail);
}

/* ---- what the reader makes of it ------------------------------------------------------------------ */

/* Values of a column that name strings which the log lacks. */
static uint64_t unnamed(const struct vt_reader *reader, const struct vt_process_info *process,
                        const uint64_t *values, uint32_t count)
{
	uint64_t missing = 0, last = 0;
	bool last_there = true;

	for (uint32_t i = 0; i < count; i++) {
		if (values[i] == 0)
			continue;
		if (values[i] != last)
			last_there = vt_reader_string(reader, process, values[i], NULL) != NULL;
		last = values[i];
		missing += !last_there;
	}
	return missing;
}

/* What one thread has decoded, or all of them. */
struct share {
	const struct vt_reader *reader;
	uint64_t decoded, unnamed;
};

static void begin_share(void *share, void *user, bool first)
{
	const struct share *all = user;

	(void)first;
	*(struct share *)share = (struct share){ .reader = all->reader };
}

static int decode_batch(void *state, const struct vt_batch *batch)
{
	struct share *share = state;

	if (!vt_batch_ticks(batch) || !vt_batch_types(batch))
		return -ENOMEM;
	share->decoded += batch->events;
	for (unsigned t = 0; t < batch->types; t++) {
		const struct vt_event_desc *d = batch->desc[t];
		for (unsigned f = 0; f < d->count; f++) {
			const uint64_t *values = vt_batch_column(batch, t, f);
			if (values && d->fields[f].kind == VT_KIND_STRING)
				share->unnamed += unnamed(share->reader, batch->ring->process, values,
				                          batch->counts[t]);
		}
	}
	return 0;
}

static int add_share(void *share, void *user, int err)
{
	const struct share *from = share;
	struct share *all = user;

	all->decoded += from->decoded;
	all->unnamed += from->unnamed;
	return err;
}

/* Every column of every section. Damage is noted by the reader. 0 or a negative error. */
static int decode_all(struct verdict *v, struct vt_reader *reader, const char *path)
{
	static const struct vt_sharing how = {
		.size = sizeof(struct share), .begin = begin_share, .batch = decode_batch, .end = add_share,
	};
	struct share all = { .reader = reader };
	int err = vt_share_out(reader, &how, &all);

	v->decoded += all.decoded;
	if (all.unnamed > 0)
		vt_notes_add(&v->notes, NOTE_N_NAMES, path, 0,
		             "%llu values name strings that the log lacks (shown as #id)",
		             (unsigned long long)all.unnamed);
	return err;
}

/* committed = decoded + lost, of each ring and category whose producer told what it committed. */
static void check_accounts(struct verdict *v, const struct vt_run_info *run, const char *path)
{
	for (unsigned i = 0; i < run->ring_count; i++) {
		const struct vt_ring_info *r = run->rings[i];
		for (unsigned c = 0; r->totals_known && c < VT_MAX_CATEGORIES; c++) {
			uint64_t lost = r->lost[VT_LOST_OVERWRITTEN][c] + r->lost[VT_LOST_DISK][c] +
			                r->lost[VT_LOST_DAMAGED][c];
			if (r->committed[c] == r->decoded[c] + lost)
				continue;
			vt_notes_add(&v->notes, NOTE_E_ACCOUNT, path, 0,
			             "ring %u, category %u: %llu events committed, %llu decoded, %llu lost",
			             r->id, c, (unsigned long long)r->committed[c],
			             (unsigned long long)r->decoded[c], (unsigned long long)lost);
		}
	}
	if (v->decoded != vt_decoded_all(run))
		vt_notes_add(&v->notes, NOTE_E_ACCOUNT, path, 0, "%llu events decoded, %llu announced",
		             (unsigned long long)v->decoded, (unsigned long long)vt_decoded_all(run));
}

static int count_record(void *user, const struct vt_counters *c)
{
	(void)user, (void)c;
	return 0;
}

/* ---- the verdict ---------------------------------------------------------------------------------- */

static void print_verdict(const struct verdict *v, const struct vt_run_info *run)
{
	struct vt_sink line;
	uint64_t lost = vt_lost_all(run);
	const char *before = " (";

	if (vt_sink_memory(&line))
		return;
	vt_put_name(&line, v->name);
	if (v->findings > 0)
		vt_sink_printf(&line, ": DAMAGED, %llu finding%s", (unsigned long long)v->findings,
		               v->findings == 1 ? "" : "s");
	else
		vt_sink_string(&line, ": undamaged");
	if (run->parts + run->parts_missing > 1)
		vt_sink_printf(&line, ", %u parts", run->parts);
	if (run->parts_missing > 0)
		vt_sink_printf(&line, " and %u MISSING", run->parts_missing);
	vt_sink_string(&line, run->closed ? ", closed, " : ", NOT CLOSED, ");
	vt_put_grouped(&line, vt_decoded_all(run));
	vt_sink_string(&line, " events, ");
	vt_put_grouped(&line, lost);
	vt_sink_string(&line, " lost");
	for (unsigned cause = 0; cause < VT_LOST_CAUSES; cause++) {
		uint64_t sum = vt_lost_to(run, cause);
		if (sum == 0)
			continue;
		vt_sink_printf(&line, "%s%s ", before, vt_cause_name(cause));
		vt_put_grouped(&line, sum);
		before = ", ";
	}
	if (lost > 0)
		vt_sink_char(&line, ')');
	puts(vt_sink_text(&line));
	vt_sink_discard(&line);
}

static int walk_files(struct verdict *v, const char *const *paths, unsigned count)
{
	struct walk *w = malloc(sizeof(*w));
	int err = 0;

	v->payload = malloc(VT_MAX_RAW);
	v->rings = calloc(VT_MAX_RINGS, sizeof(*v->rings));
	if (!w || !v->payload || !v->rings)
		err = -ENOMEM;
	for (unsigned i = 0; i < count && !err; i++) {
		memset(w, 0, sizeof(*w));
		w->v = v;
		w->path = paths[i];
		err = vt_feed_open(&w->feed, paths[i]);
		if (!err)
			walk_file(w);
		if (!err)
			vt_feed_close(&w->feed);
	}
	free(w);
	return err;
}

/* All parts of one run. 0 and *code, or a negative error. */
static int judge(struct verdict *v, const char *const *paths, unsigned count, bool strict, int *code)
{
	struct vt_reader_options only_these = {
		.size = sizeof(only_these), .no_ring_files = true, .note = print_finding, .user = v,
	};
	struct vt_reader *reader;
	int err = vt_reader_open(&reader, paths, count, &only_these);

	if (err < 0)
		return err;
	const struct vt_run_info *run = vt_reader_run(reader);
	err = decode_all(v, reader, paths[0]);
	if (err >= 0)
		err = vt_reader_counters(reader, 0, count_record, NULL);
	if (err >= 0)
		err = walk_files(v, paths, count);
	if (err >= 0) {
		check_accounts(v, run, paths[0]);
		print_more_findings(v);
		print_verdict(v, run);
		bool whole = vt_lost_all(run) == 0 && run->parts_missing == 0 && run->closed;
		*code = v->limit ? VT_EXIT_LIMIT : v->findings > 0 ? VT_EXIT_DAMAGED :
		        strict && !whole ? VT_EXIT_LOSS : VT_EXIT_OK;
	}
	vt_reader_close(reader);
	return err < 0 ? err : 0;
}

/* The exit code of one argument: a log with all its parts, or "-". */
static int verify(const char *name, bool strict)
{
	struct verdict v = { .name = name };
	struct vt_input in = { .name = name, .paths = &name, .count = 1, .spool = -1 };
	char spooled[32];
	const char *path = spooled;
	int code = VT_EXIT_OK, err = 0;

	v.notes = (struct vt_notes){ .each = print_finding, .user = &v };
	if (strcmp(name, "-") == 0) {
		in.name = v.name = "standard input";
		v.is_spool = true;
		in.spool = vt_input_spool();
		err = in.spool < 0 ? in.spool : 0;
		snprintf(spooled, sizeof(spooled), "/proc/self/fd/%d", in.spool);
		in.paths = &path;
	} else {
		err = vt_parts_find(name, &in.parts);
		if (!err && in.parts.count > 0) {
			in.paths = (const char *const *)in.parts.paths;
			in.count = in.parts.count;
		}
	}
	if (!err)
		err = judge(&v, in.paths, in.count, strict, &code);
	if (err < 0)
		code = vt_input_failed(&in, err);
	if (in.spool >= 0)
		close(in.spool);
	vt_parts_free(&in.parts);
	vt_unpacker_free(&v.unpacker);
	free(v.payload);
	free(v.rings);
	return code;
}

/* Of several files the worst counts. */
static int worse(int a, int b)
{
	static const int order[] = {
		VT_EXIT_FAILURE, VT_EXIT_USAGE, VT_EXIT_INPUT, VT_EXIT_NOT_A_LOG, VT_EXIT_VERSION,
		VT_EXIT_LIMIT, VT_EXIT_DAMAGED, VT_EXIT_LOSS,
	};

	for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (a == order[i] || b == order[i])
			return order[i];
	return VT_EXIT_OK;
}

static int run(int argc, char **argv)
{
	struct settings set = { false };
	int code = VT_EXIT_OK;
	int first = vt_opt_parse(&vt_cmd_verify, argc, argv, &set);

	if (first < 0)
		return first == VT_OPT_HELP ? VT_EXIT_OK : VT_EXIT_USAGE;
	if (first == argc)
		code = verify(VT_DEFAULT_LOG, set.strict);
	for (int i = first; i < argc; i++)
		code = worse(code, verify(argv[i], set.strict));
	return code;
}

const struct vt_command vt_cmd_verify = {
	.name = "verify",
	.args = "[FILE...|-]",
	.summary = "read all of a log and judge it: damage, order, accounts, loss",
	.details = "One line a log on standard output, one a finding on standard error. Exit code:\n"
	           "0 undamaged, 3 damaged, 4 not a log, 5 too new, 6 a limit was met, 7 cannot be\n"
	           "read. Ring files are left alone: what is judged is what somebody else would get.\n",
	.examples = "  valktrace verify run.vtrace && echo whole\n"
	            "  valktrace verify --strict *.vtrace\n",
	.opts = options,
	.run = run,
};
