/*
 * format.h - the log file (.vtrace), version 1.0. The only definition there is.
 *
 * Goals: append-only (no byte is ever rewritten, so any prefix of a log is a log); every part finds
 * and checks itself, so that damage costs what it hits and nothing else; one category can be read
 * without touching the others; a stranger's file can be opened in bounded memory.
 *
 *   FileHeader 128 | Chunk | Chunk | ... | INDEX | FOOTER | FileTail 64
 *                      |
 *                      +-- ChunkHeader 128 | payload, zero-padded to 8 | ChunkTrailer 16
 *
 *   payload of EVENTS:   section table (64 a section) | section | section | ...
 *   payload of others:   one block, compressed as the header says
 *
 * Numbers of kinds, units and flags of fields and events stand in schema.h and are as fixed as these.
 *
 * All integers are little endian and of fixed width; all structures are multiples of 8 bytes; u16
 * and wider are read byte by byte or by memcpy, never by casting. `crc` is CRC-32C (Castagnoli,
 * reflected, initial and final value 0xffffffff) and always present: no value means "unchecked".
 * A name or text in a log is bytes from a stranger: escape it before it reaches a terminal.
 *
 * "ticks" are units of the recording process's clock. Anchors, pairs of ticks and monotonic ns, convert
 * them: each FileHeader, each ANCHOR, and each RECORD of a COUNTERS chunk without VT_CHUNK_RECOVERED is
 * one, but for those less than tick_hz / 100 ticks from the anchor before them in the order of parts and
 * offsets. Sorted by ticks, then ns, an anchor counts if both are above those of the last one that counts.
 * With a the last that counts at or before t, b the next one, integers, / that rounds down, and tick_hz of
 * the first part:
 *     ns(t) = a.ns + (t - a.ticks) * rate / 2^40
 *     rate = (b.ns - a.ns) * 2^40 / (b.ticks - a.ticks)
 * After the last, z, the rate is that from the first, f, to z if they are tick_hz ticks or more apart, else
 * 10^9 * 2^40 / tick_hz. Before f it is the same: ns(t) = f.ns - (f.ticks - t) * rate / 2^40. The time of
 * an event is ns(t) - ns(ticks of the first part's FileHeader), or 0 if that is negative.
 *
 * A log is closed when a FileTail is its last 64 bytes; INDEX and FOOTER may still be missing. It is not an error that a log is not
 * closed: its recorder was killed, or is still writing.
 *
 *
 * FileHeader, 128 bytes
 *   OFFSET SIZE FIELD         MEANING
 *        0    8 magic         89 56 54 4c 0d 0a 1a 0a
 *        8    2 major         1. A reader refuses a higher one
 *       10    2 minor         0. Higher ones only add
 *       12    4 length        128..4096, multiple of 8: the first chunk's offset. Skip what is unknown
 *       16    4 incompat      refuse the file if a bit is unknown (none is defined)
 *       20    4 compat        ignore unknown bits
 *       24    8 run           random id of the run; the same in all its parts
 *       32    4 part          1, 2, 3 ... for rotated parts
 *       36    4 pid           of the recorder
 *       40    8 realtime      ns since 1970 at the creation of this part
 *       48    8 monotonic     CLOCK_MONOTONIC ns at the same moment
 *       56    8 ticks         ticks at the same moment
 *       64    8 tick_hz       nominal ticks a second; anchors are better
 *       72   52 zero          must be ignored
 *      124    4 crc           of bytes 0..123
 *
 * ChunkHeader, 128 bytes
 *   OFFSET SIZE FIELD         MEANING
 *        0    8 mark          "VTLCHNK1"
 *        8    8 run           as in FileHeader: mark and run are the 16-byte sync of this run
 *       16    2 length        128..1024, multiple of 8; payload begins there
 *       18    2 type          VT_CHUNK_*; bit 15 set: ancillary, skip it silently if unknown
 *       20    1 codec         of the payload, VT_CODEC_*; 0 for EVENTS (each section has its own)
 *       21    1 flags         VT_CHUNK_RECOVERED
 *       22    2 sections      EVENTS: entries in the section table, 1..64; else 0
 *       24    4 stored        payload bytes without padding, <= VT_MAX_STORED
 *       28    4 raw           payload bytes when decompressed, <= VT_MAX_RAW;
 *                             EVENTS: the sum of the sections' raw, <= VT_MAX_RAW
 *       32    8 sequence      0, 1, 2 ... in the part; a hole is a lost chunk
 *       40    4 ring          EVENTS: id of the ring, unique in the run; else 0
 *       44    4 process       index of the process, else VT_NO_PROCESS
 *       48    8 pos_begin     EVENTS: byte positions in the ring: [pos_begin, pos_end) of one ring
 *       56    8 pos_end       never overlap in two chunks; the identity used to drop duplicates
 *       64    8 first         EVENTS: events committed to the ring before this chunk's first
 *       72    4 events        EVENTS: events in all sections, <= VT_MAX_EVENTS
 *       76    4 zero
 *       80    8 t_min         EVENTS: ticks of the first and last event
 *       88    8 t_max
 *       96    8 categories    EVENTS: bit set of the sections' categories
 *      104    4 zero
 *      108    4 zero
 *      112    4 crc_stored    of the stored payload; EVENTS: 0 (see the section table)
 *      116    4 crc_raw       of the decompressed payload; EVENTS: 0
 *      120    4 crc_table     EVENTS: of the section table; else 0
 *      124    4 crc           of bytes 0..123 and of 128..length
 *
 * ChunkTrailer, 16 bytes, after the padding
 *        0    4 total         header, payload, padding and trailer
 *        4    4 crc           copy of the header's crc
 *        8    8 mark          "1KNHCLTV"
 *
 * Section table entry, 64 bytes; sections follow the table in this order, each padded to 8
 *        0    1 category      ascending
 *        1    1 codec
 *        2    2 types         event types in the section, 1..256
 *        4    4 stored        bytes in the file without padding to 8; >= raw / VT_MAX_EXPANSION
 *        8    4 frame         of these, bytes of the codec's frame; the rest is zeros (a section that
 *                             compresses too well is filled up, so that more can be refused as a bomb)
 *       12    4 raw           bytes when decompressed
 *       16    4 events
 *       20    4 zero
 *       24    8 t_min         ticks of the section's first and last event
 *       32    8 t_max
 *       40    8 first         events of this category committed to this ring before the first here:
 *                             from the section before, the loss between the two is exact
 *       48    4 crc_stored    of the stored bytes
 *       52    4 crc_raw       of the decompressed bytes
 *       56    8 zero
 *
 * Section, decompressed: columns
 *   types x { u16 event id, u16 columns of this type, u32 events of this type }
 *   one u8 a column: its width in bits, 0..64, of which the last byte has 0, 1, 2, 4 or 8
 *   one u8 a column: its shift, 0..63: zero bits below, which all its values share and which are left
 *   out; then zero padding to 8
 *   the columns, each starting at a byte:
 *     [types]   which type (0..types-1) each event has; width 0 when there is one type
 *     [ticks]   t[i] - t[i-1] - 1, and 0 for the first event, which is at t_min. Ticks in a ring are
 *               strictly increasing, so a merge by (ticks, process, ring) is total
 *     then for each type in turn each of its fields, in order, one value an event of the type:
 *       UINT, BOOL, ENUM, STRING   the value
 *       INT                        zigzag(v)                        zigzag(v) = (v << 1) ^ (v >> 63)
 *       GAUGE                      zigzag(v - v of the event before; 0 before the first)
 *       FLOAT                      the bits
 *       TEXT                       its length; the bytes of all of them follow the last column,
 *                                  in the order of the columns
 *   A value without its shift is split into planes: the low bytes of all values, then the next bytes,
 *   and so on; a width of 8 q + r ends in a plane of r bits (1, 2 or 4), packed from the low bits of each
 *   byte up. The columns (and the texts) fill the section exactly: anything else is damage.
 *
 * Payloads of the other chunks are sequences of the records below, each
 *   u32 length (of the whole record, multiple of 8), u16 kind, u16 zero, body, zero padding.
 * Unknown kinds and trailing bytes of a body are skipped. str: u16 length, bytes. Bodies:
 *
 *   SCHEMA   1 CATEGORY  u8 id, str name, str help
 *            2 ENUM      u16 id, str name, u16 n, n x { u32 value, str label }
 *            3 EVENT     u16 id, u8 flags, u8 n, str name, str help,
 *                        n x { u8 kind, u8 unit, u8 flags, u16 enum id (0 none), str name, str help }
 *            4 METRIC    u16 id, u8 source, u8 kind, u8 unit, str name, family, labels, help
 *            5 SOURCE    u8 id, str name, str help
 *            6 METRIC_STATE  u16 metric id, u8 state (1 available, 2 not), str reason: why not, or what to
 *                        know of its values. Of the run; the last one counts
 *            The header's `process` is VT_NO_PROCESS for the recorder's own table, else the process
 *            that registered these (categories from 32 up, and their events).
 *   STRINGS  1 STRING    u32 id, u8 flags, str       ids are per process (the header's); 0: no string
 *   PROCESS  1 PROCESS   u32 index, u32 parent index (VT_NO_PROCESS: none), u32 pid, u32 ending
 *                        (VT_END_*), u32 status (exit code or signal), u32 zero, u64 start, u64 end
 *                        (ticks; 0 unknown), u64 image (random part of its ring file's name;
 *                        0: it had none, and fact "untraced" says why),
 *                        str program
 *            2 FACT      u32 index, u8 class (VT_FIELD_PUBLIC, _PATH, _USER), str key, str value
 *            A later record of the same index or key replaces the earlier one.
 *   THREADS  1 THREAD    u32 ring, u32 process, u32 tid, u32 slot, u32 generation, u8 kind (0 main,
 *                        1 signal, 2 the recorder's: not of a thread of the process, in no ring
 *                        file), str name: slot and generation find the ring in its ring file
 *   COUNTERS 1 RECORD    u64 sequence (per process, from 1), u64 ticks, u64 monotonic, u64 realtime,
 *                        u32 process, u16 m, u16 s, u16 c, u16 flags (1 final, 2 live snapshot),
 *                        m x { u64 value, u16 metric, u16 zero, u32 zero }    absent ones are left out
 *                        c x { u64 lost, u16 category, u16 zero, u32 zero }   so far, all causes
 *                        s x { u8 source, u8 available, str reason }
 *            2 ANCHOR    u64 ticks, u64 monotonic, u64 realtime
 *            3 CALLS     u32 process, u16 n, u16 zero, u64 sequence (of the RECORD that it goes with),
 *                        u64 missed (calls by threads that had no memory to count them),
 *                        n x { u16 call (unique in the record), u8 category, u8 zero, u32 zero,
 *                        u64 calls, errors, time, error time, least, most (ns; calls and time hold the
 *                        failed ones too), str name (empty: it has none), zero padding to 8 }
 *                        Sums over all threads since the recording began. The last one counts
 *   LOSS     1 GAP       u32 ring, u16 cause (VT_LOST_*), u16 c, u64 pos_begin, u64 pos_end,
 *                        u64 t_before, u64 t_after, c x { u64 events, u16 category, u16 0, u32 0 }
 *            2 TOTALS    u32 ring, u16 n, u16 zero, n x { u16 category, u16 cause, u32 zero,
 *                        u64 events }: what the ring's producer itself counted; cause 0xffff: events
 *                        committed, else VT_LOST_*. Ring VT_NO_RING: threads that got no ring.
 *                        Overwritten, disk and damaged events had been committed; the others had not
 *   INDEX    1 ENTRY     u64 offset, u32 total, u16 type, u16 zero, u32 ring, u32 process,
 *                        u64 t_min, u64 t_max, u64 categories, u32 events
 *            of the chunks since the INDEX before. A hint: a reader checks the chunk it leads to and
 *            scans from then on if the two differ.
 *   FOOTER   1 FOOTER    u32 n, u32 zero, n x u64 offset of an INDEX chunk
 *
 * FileTail, 64 bytes
 *        0    8 magic         "VTRCTAIL"
 *        8    8 run
 *       16    8 footer        offset of the FOOTER chunk
 *       24    8 length        of the file, this tail included
 *       32    8 chunks        in the file
 *       40    8 events        in the file
 *       48   12 zero
 *       60    4 crc           of bytes 0..59
 *
 *
 * What a reader must do
 *   - Check the header crc before it believes any other field, each length against its limit before
 *     it allocates, reads or multiplies, stored crc before the codec runs and raw crc after.
 *   - Schema and names precede their use and are repeated at the start of each part and at least
 *     every VT_SCHEMA_REPEAT chunks; what still lacks one is shown as #id.
 *   - Unknown chunk type: skip by its total; critical ones (bit 15 clear) are reported as damage.
 *     Unknown codec: skip the section. Event type without schema: it is still counted and skipped,
 *     the type list in its section says how many columns it has.
 *   - A bad chunk header: scan forward in steps of 8 bytes for the sync of this run, accept a header
 *     whose crc holds, whose payload fits the file and whose sequence is higher; report the bytes
 *     between as one range. The scan is linear and visits a byte once.
 *   - Rules of one chunk type ("EVENTS: ...") bind no other: what they leave open is ignored there.
 *   - A type with more columns than its schema says was written by a newer version: take those known.
 *   - Chunks of another run are reported and skipped. A position range already seen is dropped.
 *   - Two chunks of one ring with positions apart: what lies between was lost; `first` says how much.
 */
#ifndef VALKTRACE_FORMAT_H
#define VALKTRACE_FORMAT_H

#include <valktrace/compiler.h>

#define VT_FILE_MAGIC       "\x89VTL\r\n\x1a\n"
#define VT_CHUNK_MARK       "VTLCHNK1"
#define VT_TRAILER_MARK     "1KNHCLTV"
#define VT_TAIL_MAGIC       "VTRCTAIL"

#define VT_FORMAT_MAJOR     1u
#define VT_FORMAT_MINOR     0u

#define VT_FILE_HEADER      128u
#define VT_CHUNK_HEADER     128u
#define VT_CHUNK_TRAILER    16u
#define VT_SECTION_ENTRY    64u
#define VT_FILE_TAIL        64u
#define VT_RECORD_HEADER    8u

#define VT_MAX_FILE_HEADER  4096u
#define VT_MAX_CHUNK_HEADER 1024u
#define VT_MAX_RAW          1048576u            /* decompressed bytes of a chunk, of a section */
#define VT_MAX_STORED       1114112u            /* bytes of a payload in the file */
#define VT_MAX_EXPANSION    512u
#define VT_MAX_SECTIONS     64u
#define VT_MAX_TYPES        256u                /* event types of a category, so of a section */
#define VT_MAX_EVENTS       1048576u            /* of a chunk: columns of width 0 hide any number */
#define VT_MAX_STRING       4096u
#define VT_MAX_STRINGS      1048576u            /* of a process */
#define VT_MAX_EVENT_TYPES  4096u               /* of a process */
#define VT_MAX_RINGS        65536u              /* of a run */
#define VT_MAX_PROCESSES    65536u              /* of a run */
#define VT_MAX_CALL_TOTALS  1024u               /* of a CALLS record, and their numbers */
#define VT_SCHEMA_REPEAT    256u                /* chunks between two copies of schema and strings */
#define VT_ROUND_RAW        16777216u           /* raw bytes of chunks that may overlap in time */

#define VT_NO_PROCESS       0xffffffffu
#define VT_NO_RING          0xffffffffu

enum vt_chunk_type {
	VT_CHUNK_EVENTS = 1,
	VT_CHUNK_SCHEMA = 2,
	VT_CHUNK_STRINGS = 3,
	VT_CHUNK_COUNTERS = 4,
	VT_CHUNK_LOSS = 5,
	VT_CHUNK_INDEX = 6 | 0x8000,
	VT_CHUNK_PROCESS = 7,
	VT_CHUNK_FOOTER = 10 | 0x8000,
	VT_CHUNK_THREADS = 11,
	VT_CHUNK_ANCILLARY = 0x8000,
};

enum vt_chunk_flags {
	VT_CHUNK_RECOVERED = 1,     /* written from a ring file after its process had ended */
	VT_CHUNK_SUSPECT = 2,       /* the last segment ended in a misfit; what precedes it is whole */
};

enum vt_codec_id {
	VT_CODEC_NONE = 0,
	VT_CODEC_LZ4 = 1,           /* an lz4 block */
	VT_CODEC_ZSTD = 2,          /* a zstd frame */
};

enum vt_record_kind {           /* u16 kind of a record, by chunk type */
	VT_REC_CATEGORY = 1, VT_REC_ENUM = 2, VT_REC_EVENT = 3, VT_REC_METRIC = 4, VT_REC_SOURCE = 5,
	VT_REC_METRIC_STATE = 6,
	VT_REC_STRING = 1,
	VT_REC_PROCESS = 1, VT_REC_FACT = 2,
	VT_REC_THREAD = 1,
	VT_REC_COUNTERS = 1, VT_REC_ANCHOR = 2, VT_REC_CALLS = 3,
	VT_REC_GAP = 1, VT_REC_TOTALS = 2,
	VT_REC_INDEX = 1,
	VT_REC_FOOTER = 1,
};

enum vt_counters_flags {
	VT_COUNTERS_FINAL = 1,      /* read once more after the process had ended, or at close */
	VT_COUNTERS_LIVE = 2,       /* a snapshot that the host itself took (vt_metrics_read) */
};

enum vt_ending {                /* how a process ended */
	VT_END_UNKNOWN = 0,
	VT_END_RUNNING = 1,         /* it ran on when the recording was closed */
	VT_END_EXIT = 2,            /* status: exit code */
	VT_END_SIGNAL = 3,          /* status: signal */
	VT_END_STOPPED = 4,         /* the host called vt_stop */
	VT_END_EXEC = 5,            /* the image was replaced by exec */
	VT_END_GONE = 6,            /* it ended; not our child, so nobody told how */
};

enum vt_lost_cause {
	VT_LOST_OVERWRITTEN = 0,    /* the ring went round before it was drained */
	VT_LOST_DISCARDED = 1,      /* discard mode: the ring was full */
	VT_LOST_TOOBIG = 2,         /* longer than a quarter of a segment */
	VT_LOST_NESTED = 3,         /* a signal handler interrupted one that was emitting */
	VT_LOST_ABORTED = 4,        /* an emit was left by siglongjmp */
	VT_LOST_NORING = 5,         /* no slot, or no memory for one */
	VT_LOST_DISK = 6,           /* the log could not be written */
	VT_LOST_DAMAGED = 7,        /* a segment of the ring file did not check */
	VT_LOST_CAUSES = 8,
};
#define VT_CAUSE_COMMITTED  0xffffu             /* in TOTALS: events committed to the ring */

struct vt_file_header {
	uint8_t magic[8];
	uint16_t major, minor;
	uint32_t length, incompat, compat;
	uint64_t run;
	uint32_t part, pid;
	uint64_t realtime, monotonic, ticks, tick_hz;
	uint8_t zero[52];
	uint32_t crc;
};
VT_STATIC_ASSERT(sizeof(struct vt_file_header) == VT_FILE_HEADER, "layout");
VT_STATIC_ASSERT(offsetof(struct vt_file_header, run) == 24, "layout");
VT_STATIC_ASSERT(offsetof(struct vt_file_header, realtime) == 40, "layout");
VT_STATIC_ASSERT(offsetof(struct vt_file_header, crc) == 124, "layout");

struct vt_chunk_header {
	uint8_t mark[8];
	uint64_t run;
	uint16_t length, type;
	uint8_t codec, flags;
	uint16_t sections;
	uint32_t stored, raw;
	uint64_t sequence;
	uint32_t ring, process;
	uint64_t pos_begin, pos_end, first;
	uint32_t events, zero0;
	uint64_t t_min, t_max, categories;
	uint32_t zero1, zero2;
	uint32_t crc_stored, crc_raw, crc_table, crc;
};
VT_STATIC_ASSERT(sizeof(struct vt_chunk_header) == VT_CHUNK_HEADER, "layout");
VT_STATIC_ASSERT(offsetof(struct vt_chunk_header, stored) == 24, "layout");
VT_STATIC_ASSERT(offsetof(struct vt_chunk_header, sequence) == 32, "layout");
VT_STATIC_ASSERT(offsetof(struct vt_chunk_header, first) == 64, "layout");
VT_STATIC_ASSERT(offsetof(struct vt_chunk_header, categories) == 96, "layout");
VT_STATIC_ASSERT(offsetof(struct vt_chunk_header, crc) == 124, "layout");

struct vt_chunk_trailer {
	uint32_t total, crc;
	uint8_t mark[8];
};
VT_STATIC_ASSERT(sizeof(struct vt_chunk_trailer) == VT_CHUNK_TRAILER, "layout");

struct vt_section_entry {
	uint8_t category, codec;
	uint16_t types;
	uint32_t stored, frame, raw, events, zero0;
	uint64_t t_min, t_max, first;
	uint32_t crc_stored, crc_raw;
	uint64_t zero1;
};
VT_STATIC_ASSERT(sizeof(struct vt_section_entry) == VT_SECTION_ENTRY, "layout");
VT_STATIC_ASSERT(offsetof(struct vt_section_entry, t_min) == 24, "layout");
VT_STATIC_ASSERT(offsetof(struct vt_section_entry, crc_stored) == 48, "layout");

struct vt_file_tail {
	uint8_t magic[8];
	uint64_t run, footer, length, chunks, events;
	uint8_t zero[12];
	uint32_t crc;
};
VT_STATIC_ASSERT(sizeof(struct vt_file_tail) == VT_FILE_TAIL, "layout");
VT_STATIC_ASSERT(offsetof(struct vt_file_tail, crc) == 60, "layout");

#endif
