/*
 * ring.h - the ring file: what a producer shares with its recorder, and the producer's fast path.
 *
 *   RingFile:  vt_ring_file | type table | string table | threads | bytes | slot 0 | slot 1 | ...
 *   Slot:      vt_slot (two rings, counter cells) | segments of the main ring | of the signal ring |
 *              call cells and their bases (pages made at the first counted call)
 *   Segment:   vt_segment | record | record | ... | 0 (pad)
 *   Record:    word 0: ticks << 16 | event id; then one word a field. With a TEXT field: word 1 is
 *              its length, then the other fields, then its bytes, zero-padded to a word.
 *
 * One file a process image, shared-mapped, so that everything survives the process. A position is a
 * 64-bit count of bytes since the ring began and never wraps; byte p of a ring is in segment
 * (p / segment size) mod segments. One thread writes a ring, one recorder reads it.
 *
 * Ordering (argued in tests/model/ring.pml; all accesses to the shared words are atomic):
 *   commit   The producer's only position: everything below is written, and the next record goes
 *            there. Stored with release after the record; pairs with the reader's acquire load.
 *   horizon  Overwrite mode: everything below may be overwritten. Raised before a segment is reused,
 *            then a release fence, then the new bytes. Pairs with the reader's acquire fence between
 *            copying and reading horizon again: if the copy saw a new byte, the check sees the new
 *            horizon, and what lies below it is dropped unjudged.
 *   tail     Discard mode: everything below is free. Stored by the reader with release after the chunk
 *            is written; pairs with the producer's acquire load on entering a segment.
 *
 * This header is compiled into hosts: VT_ABI changes with every change of a structure in it.
 */
#ifndef VALKTRACE_RING_H
#define VALKTRACE_RING_H

#include <stdbool.h>

#include <valktrace/format.h>
#include <valktrace/schema.h>

#define VT_ABI              4u
#define VT_RING_MAGIC       0x31474e4952544c56ull   /* "VLTRING1" */
#define VT_SEGMENT_MAGIC    0x31474553544c5647ull   /* "GVLTSEG1" */

#define VT_TICK_BITS        48
#define VT_TICK_HALF        (1ull << (VT_TICK_BITS - 1))
#define VT_MAX_SLOTS        1024u
#define VT_MIN_SEGMENT      2048u
#define VT_MAX_RING_FILE    (1ull << 30)

enum vt_ring_mode { VT_OVERWRITE = 0, VT_DISCARD = 1 };

/* Begins every segment; written before `commit` enters it. */
struct vt_segment {
	uint64_t magic;
	uint64_t position;                      /* of this header: tells which lap it is */
	uint64_t ticks;                         /* full ticks: a record's 48 bits are relative to these */
	uint64_t first;                         /* events committed to the ring before */
	uint64_t emitted[VT_MAX_CATEGORIES];    /* the same by category */
};
VT_STATIC_ASSERT(sizeof(struct vt_segment) == 544, "layout");

/* One ring. Written by its thread alone, but for `tail` and `drained`. */
struct vt_ring {
	/* hot: one cache line, all that an emit touches but for a count and the record */
	uint64_t commit;
	uint64_t limit;             /* end of the current segment; 0: none was entered yet */
	uint64_t bias;              /* address of byte p is bias + p, in the current segment */
	uint64_t floor;             /* ticks of the current segment - VT_TICK_HALF */
	uint64_t nest;              /* of the emit that is running: stack address << 6 | category; else 0 */
	uint64_t horizon;
	uint64_t segments;          /* address of the first segment in the producer */
	uint32_t segment_size, segment_count;
	/* cold for the emit path, but for one word */
	uint64_t emitted[VT_MAX_CATEGORIES];    /* committed; may be one ahead of `commit` in a dead ring */
	/* the reader's line */
	uint64_t tail;              /* discard mode: free below. Overwrite: drained below */
	uint64_t reader_zero[7];
};
VT_STATIC_ASSERT(sizeof(struct vt_ring) == 640, "layout");
VT_STATIC_ASSERT(offsetof(struct vt_ring, emitted) == 64, "the hot line");
VT_STATIC_ASSERT(offsetof(struct vt_ring, tail) % 64 == 0, "the reader has a line of its own");

/*
 * Statistics of one call of one thread, always on. Calls below VT_HOST_CALLS are the C library's
 * (core/calls.def), their times are ticks; from there on they are the host's own, in ns: vt_syscall.
 */
#define VT_HOST_CALLS       192u
#define VT_MAX_CALLS        320u
struct vt_call_cell {
	uint64_t count, errors;     /* all calls; those of them that failed */
	uint64_t time, error_time;  /* of all; of those that failed */
	uint64_t least, most;       /* least + 1, so that 0 means none yet; the longest */
};
/* What was counted before this recording; of least and most nothing is kept. */
struct vt_call_base { uint64_t count, errors, time, error_time; };
struct vt_calls {
	struct vt_call_cell cells[VT_MAX_CALLS];
	struct vt_call_base bases[VT_MAX_CALLS];
	uint64_t zero[384];         /* to a page */
};
VT_STATIC_ASSERT(sizeof(struct vt_calls) == 28672, "layout");
#define VT_NO_CALLS         1u      /* slot->calls: there is no memory for them */

/*
 * What one thread owns. Positions, counts and cells are never reset: a new owner of a slot stores what
 * it found as its base.
 */
struct vt_slot {
	struct vt_ring main;        /* first: the thread-local pointer is to it */
	struct vt_ring signal;      /* for emits that interrupt an emit of the same thread */
	uint64_t cells[VT_MAX_CELLS];
	uint64_t lost[VT_LOST_CAUSES][VT_MAX_CATEGORIES];
	uint64_t emitted_base[2][VT_MAX_CATEGORIES];    /* of main and signal, at the claim */
	uint64_t lost_base[VT_LOST_CAUSES][VT_MAX_CATEGORIES];
	uint64_t position_base[2];
	uint64_t calls;             /* address of its vt_calls in the producer; 0: not made yet; VT_NO_CALLS */
	uint64_t zero[61];
};
VT_STATIC_ASSERT(sizeof(struct vt_slot) == 12544, "layout");
#define VT_SLOT_HEADER      16384u

/* Owner of a slot. `generation`: even free, odd owned. 64 bytes, a table of its own. */
struct vt_thread_entry {
	uint32_t generation;        /* claimed by compare-and-swap even -> odd; made even by the reader */
	uint32_t closing;           /* the generation whose thread has ended (store-release): drain and free it */
	uint32_t tid;
	uint32_t named;             /* 1: the host gave the name, so the system's is not taken */
	uint64_t start;             /* ticks of the claim */
	uint64_t name[5];           /* zero-terminated bytes; a torn name is harmless */
};
VT_STATIC_ASSERT(sizeof(struct vt_thread_entry) == 64, "layout");

/* An entry of the type or string table: `ready` is stored with release after the bytes. */
struct vt_table_entry {
	uint32_t offset, length, crc, ready;
};

/* A fact (string ids), a source state: also ready-last. */
struct vt_fact_entry { uint32_t key, value, class_flag, ready; };
struct vt_source_entry { uint32_t state, reason; };     /* state 0 unknown 1 absent 2 available; reason: string id + 1 */

#define VT_MAX_FACTS        64u
#define VT_SNAPSHOTS        8u

/* A live snapshot (vt_metrics_read) on its way to the recorder. */
struct vt_snapshot {
	uint64_t sequence;          /* of the record; stored with release, last; 0: being written */
	uint64_t ticks, monotonic, realtime;
	uint64_t present[VT_MAX_METRICS / 64];
	uint64_t values[VT_MAX_METRICS];
	uint64_t lost[VT_MAX_CATEGORIES];
	uint64_t sources_known, sources_available;
	uint32_t reasons[VT_MAX_SOURCES];       /* string id + 1 */
};

#define VT_RING_FILE_HEADER 65536u

struct vt_ring_file {
	/* static: written once, before `magic` is stored with release; `crc` covers it */
	uint64_t magic;
	uint32_t abi, header_size, slot_struct_size, crc;
	uint64_t total_size;
	uint32_t slot_count, slot_size;
	uint64_t threads_offset, types_offset, strings_offset, bytes_offset, slots_offset;
	uint32_t type_count, string_count;
	uint64_t bytes_size;
	uint32_t segment_size, segment_count;           /* of main rings */
	uint32_t signal_segment_size, signal_segment_count;
	uint32_t category_count, mode;
	uint64_t run, tick_hz;
	uint32_t pid, parent_pid;                       /* in its own pid namespace */
	uint64_t pid_start;                             /* field 22 of /proc/self/stat */
	uint64_t boot;                                  /* hash of the boot id */
	uint64_t ticks, monotonic, realtime;            /* at the creation */
	char program[64];                               /* base name, zero-terminated */
	/* mutable, by anyone */
	uint64_t wanted_mask __attribute__((aligned(64)));  /* events to record; any recorder may write it */
	uint32_t recorder_sleeps __attribute__((aligned(64)));  /* futex: 1 while the recorder waits */
	uint32_t ended;                                 /* 1: the process said it is done (vt_stop) */
	uint32_t exited, exit_status;                   /* 1: it called exit with this status */
	/* mutable, by the process */
	uint64_t next_type __attribute__((aligned(64)));
	uint64_t next_string, next_byte, next_fact, next_record;
	uint64_t slots_used;                            /* entries of the thread table ever claimed */
	uint64_t no_ring[VT_MAX_CATEGORIES];            /* lost: threads without a slot (atomic add) */
	uint64_t overflow[VT_MAX_CELLS];                /* their cells (atomic add; MAX by compare-and-swap) */
	uint64_t gauges[VT_MAX_METRICS];                /* GAUGE rows, and all that collectors set */
	uint64_t present[VT_MAX_METRICS / 64];          /* metrics that a writer declared (atomic or) */
	struct vt_source_entry sources[VT_MAX_SOURCES];
	struct vt_fact_entry facts[VT_MAX_FACTS];
	uint64_t cell_base[VT_MAX_CELLS];               /* sums when this recording began */
	uint64_t no_ring_base[VT_MAX_CATEGORIES];
	uint64_t lost_base[VT_MAX_CATEGORIES], events_base;     /* of all slots, when this recording began */
	uint64_t enabled_since, last_session;           /* monotonic ns, 0: events are off; ns */
	uint64_t tables;            /* names the types and strings: a forked child's begin with its parent's */
	uint64_t overwritten[VT_MAX_CATEGORIES];        /* lost, as the recorder has found so far */
	uint32_t call_names[VT_MAX_CALLS - VT_HOST_CALLS];      /* string ids; 0: no name was given */
	/* Longest pause that ended since the last counter record, ns: the process raises it by
	 * compare-and-swap, its one recorder takes it (core/follow.c). */
	uint64_t longest_pause;
	uint64_t calls_missed, calls_missed_base;       /* calls of threads without cells (atomic add) */
	struct vt_snapshot snapshots[VT_SNAPSHOTS];
};
VT_STATIC_ASSERT(sizeof(struct vt_ring_file) <= VT_RING_FILE_HEADER, "layout");

/*
 * What decides whether anything is recorded. A page of its own, which is zero in every child
 * (MADV_WIPEONFORK), so that a child writes nothing into its parent's rings, however it was made. It is a
 * variable and not behind a pointer: one load less before the tick read is 0.5 ns of an emit.
 */
#define VT_GATE_PAGE        4096
struct vt_gate {
	uint64_t mask;              /* categories whose events are on */
	uint64_t counting;          /* not 0: counters are on */
	uint64_t ours;              /* not 0: the rings are this process's, not its parent's */
	uint64_t zero[VT_GATE_PAGE / 8 - 3];
} __attribute__((aligned(VT_GATE_PAGE)));
VT_STATIC_ASSERT(sizeof(struct vt_gate) == VT_GATE_PAGE, "a page of its own");

VT_BEGIN_DECLS

/* Zeros when there is no recording. Hosts only read it. */
extern VT_API struct vt_gate vt__gate;

/* This thread's ring, NULL until its first emit; the slot begins with it. */
extern VT_API VT_THREAD_LOCAL struct vt_ring *vt__ring __attribute__((tls_model("initial-exec")));

/*
 * The slow half of an emit. vt__ring_acquire finds a ring that is not in the middle of an emit: claims
 * a slot for a new thread, or gives the signal ring. vt__ring_enter enters the next segment of a ring
 * whose `nest` this emit has set, or clears `nest`. Both count the loss of one event of type `id` when
 * they give nothing. errno is kept.
 */
VT_API VT_COLD struct vt_ring *vt__ring_acquire(unsigned id);
VT_API VT_COLD bool vt__ring_enter(struct vt_ring *ring, uint64_t now, unsigned id, uint64_t size);

/* Counts a call for a thread that has no call cells yet. errno is kept. */
VT_API VT_COLD void vt__call_slow(unsigned call, bool failed, uint64_t time);

/* Counts for a thread without a slot: claims one, else counts in the shared row. */
VT_API VT_COLD void vt__count_slow(unsigned metric, uint64_t n, bool is_max);

/* The processor's constant-rate counter. */
VT_INLINE uint64_t vt_ticks(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t ticks;
	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
	return ticks;
#else
#error "no tick counter for this processor"
#endif
}

/* Somewhere in the caller's frame: where in it does not matter, so the compiler may read it once. */
VT_INLINE uint64_t vt__stack_address(void)
{
	uint64_t sp;
#if defined(__x86_64__)
	__asm__("mov %%rsp, %0" : "=r"(sp));
#else
	__asm__("mov %0, sp" : "=r"(sp));
#endif
	return sp;
}

/* A field of any type, read as the word that it is. */
typedef uint64_t __attribute__((may_alias)) vt__word;

/*
 * Emits one record of `count` words: about 20 instructions, of which the tick read costs the most. It
 * is read first, so that the loads hide in its latency.
 */
VT_INLINE void vt__emit(unsigned id, const vt__word *words, unsigned count)
{
	const uint64_t now = vt_ticks();
	const uint64_t size = 8 + 8 * (uint64_t)count;
	struct vt_ring *ring = vt__ring;

	if (vt_unlikely(!ring) || vt_unlikely(vt_load_relaxed(&ring->nest))) {
		ring = vt__ring_acquire(id);
		if (!ring)
			return;
	}
	vt_store_relaxed(&ring->nest, vt__stack_address() << 6 | id >> 8);
	vt_signal_fence();  /* a handler sees nest before any change of the ring */

	uint64_t position = vt_load_relaxed(&ring->commit);
	/* Both in one branch: each difference is small unless the segment is full, or its ticks too far. */
	uint64_t room = vt_load_relaxed(&ring->limit) - size - position;
	if (vt_unlikely((room | (now - vt_load_relaxed(&ring->floor))) >> VT_TICK_BITS)) {
		if (!vt__ring_enter(ring, now, id, size))
			return;
		position = vt_load_relaxed(&ring->commit);
	}
	uint64_t *to = (uint64_t *)(uintptr_t)(vt_load_relaxed(&ring->bias) + position);
	vt_store_relaxed(to, now << 16 | id);
	for (unsigned i = 0; i < count; i++)
		vt_store_relaxed(to + 1 + i, words[i]);

	uint64_t *emitted = &ring->emitted[id >> 8];
	vt_store_relaxed(emitted, vt_load_relaxed(emitted) + 1);
	vt_store_release(&ring->commit, position + size);   /* pairs with the reader's load of commit */
	vt_signal_fence();
	vt_store_relaxed(&ring->nest, 0);
}

/* The cells in which this thread may count; NULL: it has none, or counting is off: ask vt_count. */
VT_INLINE uint64_t *vt__cells(void)
{
	struct vt_slot *slot = (struct vt_slot *)(void *)vt__ring;

	return vt_likely(slot && vt_load_relaxed(&vt__gate.counting)) ? slot->cells : NULL;
}

/* May this thread count in its own cells? If not, the count is done (slowly) or not wanted. */
VT_INLINE bool vt__has_cells(enum vt_metric_id metric, uint64_t n, bool is_max)
{
	if (vt_unlikely(!vt_load_relaxed(&vt__gate.counting)))
		return false;
	if (vt_likely(vt__ring != NULL))
		return true;
	vt__count_slow(metric, n, is_max);
	return false;
}

/*
 * Adds to a counter cell of this thread. A relaxed load and store: one writer, and a reader needs no
 * order between cells. (As one instruction it takes three times as long: the processor forwards a store
 * to a load at no cost, but not to an addition in memory.) In a signal handler use vt_count_in_handler.
 */
VT_INLINE void vt_count(enum vt_metric_id metric, uint64_t n)
{
	if (!VT_COMPILED_IN || vt_unlikely(!vt__has_cells(metric, n, false)))
		return;
	uint64_t *cell = &((struct vt_slot *)(void *)vt__ring)->cells[metric];
	vt_store_relaxed(cell, vt_load_relaxed(cell) + n);
}

/* One instruction that no handler of this thread can divide. */
VT_INLINE void vt__add_whole(uint64_t *cell, uint64_t n)
{
#if defined(__x86_64__)
	__asm__ volatile("addq %1, %0" : "+m"(*cell) : "er"(n));
#else
	vt_add_relaxed(cell, n);
#endif
}

/*
 * The same where it may interrupt itself: one instruction that no handler of this thread can divide. A
 * metric that handlers count is counted in this way only.
 */
VT_INLINE void vt_count_in_handler(enum vt_metric_id metric, uint64_t n)
{
	if (!VT_COMPILED_IN || vt_unlikely(!vt__has_cells(metric, n, false)))
		return;
	vt__add_whole(&((struct vt_slot *)(void *)vt__ring)->cells[metric], n);
}

/* Raises a MAX cell of this thread. */
VT_INLINE void vt_count_max(enum vt_metric_id metric, uint64_t value)
{
	if (!VT_COMPILED_IN || vt_unlikely(!vt__has_cells(metric, value, true)))
		return;
	uint64_t *cell = &((struct vt_slot *)(void *)vt__ring)->cells[metric];
	uint64_t old = vt_load_relaxed(cell);
	while (vt_unlikely(value > old) && !__atomic_compare_exchange_n(cell, &old, value, true,
	                                                                __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

/* In handlers too. A handler between the load and the store costs one least or most, no count. */
VT_INLINE void vt__call_add(struct vt_call_cell *c, bool failed, uint64_t time)
{
	uint64_t least = vt_load_relaxed(&c->least);

	vt__add_whole(&c->count, 1);
	vt__add_whole(&c->time, time);
	if (vt_unlikely(failed)) {
		vt__add_whole(&c->errors, 1);
		vt__add_whole(&c->error_time, time);
	}
	if (vt_unlikely(least == 0 || time + 1 < least))
		vt_store_relaxed(&c->least, time + 1);
	if (vt_unlikely(time > vt_load_relaxed(&c->most)))
		vt_store_relaxed(&c->most, time);
}

/* Counts a call of this thread, `call` < VT_MAX_CALLS. */
VT_INLINE void vt__count_call(unsigned call, bool failed, uint64_t time)
{
	if (!VT_COMPILED_IN || vt_unlikely(!vt_load_relaxed(&vt__gate.counting)))
		return;
	const struct vt_slot *slot = (const struct vt_slot *)(void *)vt__ring;
	uint64_t at = slot ? vt_load_relaxed(&slot->calls) : 0;
	if (vt_unlikely(at <= VT_NO_CALLS))
		vt__call_slow(call, failed, time);
	else
		vt__call_add(&((struct vt_calls *)(uintptr_t)at)->cells[call], failed, time);
}

VT_END_DECLS

#endif
