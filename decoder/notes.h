/*
 * notes.h - remarks about inputs: one table of codes and names, one place that words them.
 *
 * A text reads "E12 bad-payload-crc at 0x1a2b00: details". Codes are append-only.
 */
#ifndef DECODER_NOTES_H
#define DECODER_NOTES_H

#include <valktrace/reader.h>

/* XX(symbol, code, name): damage is positive, a remark negative. */
#define NOTE_MAP(XX) \
	XX(E_READ, 2, "cannot-read") \
	XX(E_HEADER, 3, "bad-chunk-header") \
	XX(E_TRAILER, 4, "bad-trailer") \
	XX(E_MISSING, 5, "missing-chunks") \
	XX(E_TAIL, 6, "bad-file-tail") \
	XX(E_TRUNCATED, 7, "truncated-tail") \
	XX(E_TABLE, 8, "bad-section-table") \
	XX(E_CHUNK_TYPE, 9, "unknown-chunk") \
	XX(E_CODEC, 10, "unknown-codec") \
	XX(E_BOMB, 11, "implausible-size") \
	XX(E_PAYLOAD, 12, "bad-payload-crc") \
	XX(E_DECODE, 13, "bad-decompression") \
	XX(E_COLUMNS, 14, "bad-columns") \
	XX(E_RECORD, 15, "bad-record") \
	XX(E_LIMIT, 16, "beyond-limit") \
	XX(E_ORDER, 17, "bad-order") \
	XX(E_INDEX, 18, "wrong-index") \
	XX(E_ACCOUNT, 19, "bad-account") \
	XX(N_OPEN, -1, "not-closed") \
	XX(N_PARTS, -2, "missing-parts") \
	XX(N_EVENT_TYPE, -3, "unknown-event-type") \
	XX(N_FOREIGN, -4, "other-run") \
	XX(N_SEEN, -5, "already-seen") \
	XX(N_INDEX, -6, "bad-index") \
	XX(N_CLOCK, -7, "bad-clock-anchor") \
	XX(N_RING, -8, "ring-file") \
	XX(N_NAMES, -9, "missing-names") \
	XX(N_SCHEMA, -10, "missing-schema")

enum vt_note_code {
#define XX(symbol, code, name) NOTE_##symbol = (code),
	NOTE_MAP(XX)
#undef XX
};

struct vt_notes {
	void (*each)(void *user, const struct vt_note *note);
	void *user;
	uint64_t damage, remarks;   /* how many of each there were */
};

/* One note about `file` at `offset`. The details are printf-like and may hold bytes of the file. */
void vt_notes_add(struct vt_notes *n, enum vt_note_code code, const char *file, uint64_t offset,
               const char *details, ...) __attribute__((format(printf, 5, 6)));

#endif
