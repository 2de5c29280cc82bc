/*
 * gc_kinds.c - a heap with every kind of collection that gc.h knows, each for a reason of its own:
 *
 *   minor         young objects only; old ones on dirty pages are roots too
 *   major         the world stands still
 *   incremental   marked in slices while the program runs, swept in the last one; it falls back to a pause
 *                 when pages get dirty faster than they are scanned, a slice takes too long, the stack of
 *                 gray objects or the buffer of overwritten references is full
 *
 *   gc_kinds LOG [HISTORY]   prints what it counted itself, a name and a number a line
 *
 * After each collection everything reachable is looked at: a collector that frees too much is caught.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <valktrace.h>

enum { PAGE = 4096, REFS = 4, ROOTS = 64, STACK = 4096, BUFFER = 4096, LIMIT = 64 << 20 };
enum color { WHITE, GRAY, BLACK };

struct object {
	uint8_t live, color, old, type;
	uint32_t seen;                  /* number of the check that was here last */
	size_t extra;                   /* bytes outside the heap */
	void *external;
	struct object *refs[REFS];
};

struct page {
	struct page *next;
	uint64_t dirty;
	struct object objects[(PAGE - 16) / sizeof(struct object)];
};
enum { A_PAGE = sizeof(((struct page *)0)->objects) / sizeof(struct object) };

/* What makes an incremental cycle fall back, and how much a slice does. */
struct limits {
	unsigned slice;                 /* objects */
	unsigned dirty;                 /* pages found dirty in one slice */
	uint64_t time;                  /* ns of a slice */
	unsigned stack, buffer;         /* entries in use */
};

static const struct limits generous = { 100, ~0u, ~0ull, STACK, BUFFER };

static struct {
	struct page *pages;
	struct object *free[1 << 16], *roots[ROOTS], *stack[STACK], *buffer[BUFFER];
	unsigned free_count, depth, logged;
	size_t used, young, since;      /* bytes; since the last collection */
	struct limits limits;
	bool marking, collecting, overflown;
	enum vt_enumerator fallback;
	uint32_t check;
	uint64_t random;
} heap = { .random = 1 };

static struct {
	uint64_t minor, major, incremental, slices, dirty, marked, freed, bytes, skipped, refused;
	uint64_t fallbacks[5], allocated[VT_GC_ALLOC_OTHER + 1];
} own;

static unsigned pick(unsigned n)
{
	heap.random = heap.random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(heap.random >> 33) % n;
}

static struct page *page_of(const struct object *o)
{
	return (struct page *)((uintptr_t)o & ~(uintptr_t)(PAGE - 1));
}

static size_t size_of(const struct object *o)
{
	return sizeof(*o) + o->extra;
}

/* ---- marking --------------------------------------------------------------------------------- */

static void shade(struct object *o, bool young_only)
{
	if (!o || o->color != WHITE || (young_only && o->old))
		return;
	o->color = GRAY;
	if (heap.depth < heap.limits.stack)
		heap.stack[heap.depth++] = o;
	else
		heap.overflown = true;  /* it stays gray in the heap, where finish_marking finds it */
}

static void blacken(struct object *o, bool young_only)
{
	if (o->color != GRAY)
		return;
	o->color = BLACK;
	own.marked++;
	for (unsigned i = 0; i < REFS; i++)
		shade(o->refs[i], young_only);
}

static void shade_roots(bool young_only)
{
	for (unsigned i = 0; i < ROOTS; i++)
		shade(heap.roots[i], young_only);
}

static void finish_marking(bool young_only)
{
	do {
		while (heap.depth > 0)
			blacken(heap.stack[--heap.depth], young_only);
		heap.overflown = false;
		for (struct page *p = heap.pages; p; p = p->next)
			for (unsigned i = 0; i < A_PAGE; i++)
				if (p->objects[i].live)
					blacken(&p->objects[i], young_only);
	} while (heap.depth > 0 || heap.overflown);
}

/* Scans pages that were written to; `old_only` when looking for what is young. */
static unsigned scan_dirty(bool old_only)
{
	unsigned pages = 0;

	for (struct page *p = heap.pages; p; p = p->next) {
		if (!p->dirty)
			continue;
		pages++;
		p->dirty = 0;
		for (unsigned i = 0; i < A_PAGE; i++) {
			struct object *o = &p->objects[i];
			bool from = o->live && (old_only ? o->old : o->color == BLACK);
			for (unsigned k = 0; from && k < REFS; k++)
				shade(o->refs[k], old_only);
		}
	}
	return pages;
}

static void clear_colors(void)
{
	for (struct page *p = heap.pages; p; p = p->next)
		for (unsigned i = 0; i < A_PAGE; i++)
			p->objects[i].color = WHITE;
}

/* ---- sweeping -------------------------------------------------------------------------------- */

static void release(struct object *o)
{
	size_t size = size_of(o);

	heap.used -= size;
	heap.young -= o->old ? 0 : size;
	own.bytes += size;
	own.freed++;
	free(o->external);
	memset(o, 0, sizeof(*o));
	if (heap.free_count < sizeof(heap.free) / sizeof(heap.free[0]))
		heap.free[heap.free_count++] = o;
}

/* Frees what is white; what is not grows old. Returns how many objects are left. */
static uint64_t sweep(bool young_only)
{
	uint64_t left = 0;

	for (struct page *p = heap.pages; p; p = p->next)
		for (unsigned i = 0; i < A_PAGE; i++) {
			struct object *o = &p->objects[i];
			if (!o->live)
				continue;
			if (o->color == WHITE && !(young_only && o->old)) {
				release(o);
				continue;
			}
			left++;
			heap.young -= o->old ? 0 : size_of(o);
			o->old = 1;
			o->color = WHITE;
		}
	return left;
}

static unsigned look_at(struct object *o)
{
	if (!o || o->seen == heap.check)
		return 0;
	if (!o->live) {
		fprintf(stderr, "gc_kinds: a reachable object was freed\n");
		abort();
	}
	o->seen = heap.check;
	unsigned n = 1;
	for (unsigned i = 0; i < REFS; i++)
		n += look_at(o->refs[i]);
	return n;
}

static void check_heap(void)
{
	heap.check++;
	for (unsigned i = 0; i < ROOTS; i++)
		look_at(heap.roots[i]);
}

/* ---- collections ----------------------------------------------------------------------------- */

static void end(uint64_t left, enum vt_gc_type final_type, uint64_t marked, uint64_t freed, uint64_t bytes)
{
	vt_gc_end(.reclaimed = own.bytes - bytes, .surviving = heap.used, .heap_used = heap.used,
	          .heap_total = LIMIT, .heap_young = heap.young, .heap_old = heap.used - heap.young,
	          .objects_marked = own.marked - marked, .objects_reclaimed = own.freed - freed,
	          .objects_surviving = left, .final_type = final_type, .fallback = heap.fallback);
	own.fallbacks[heap.fallback]++;
	heap.fallback = VT_gc_fallback_none;
	heap.since = 0;
	check_heap();
}

static void collect_minor(void)
{
	uint64_t marked = own.marked, freed = own.freed, bytes = own.bytes;

	heap.collecting = true;
	vt_gc_begin(VT_GC_MINOR);
	vt_gc_phase_begin(VT_GC_MARK_SWEEP);
	scan_dirty(true);
	shade_roots(true);
	finish_marking(true);
	uint64_t left = sweep(true);
	vt_gc_phase(VT_GC_MARK_SWEEP);
	own.minor++;
	end(left, VT_GC_MINOR, marked, freed, bytes);
	heap.collecting = false;
}

static void collect_major(void)
{
	uint64_t marked = own.marked, freed = own.freed, bytes = own.bytes;

	heap.collecting = true;
	vt_gc_begin(VT_GC_MAJOR);
	vt_gc_phase_begin(VT_GC_CLEAR);
	clear_colors();
	vt_gc_phase(VT_GC_CLEAR);
	shade_roots(false);
	finish_marking(false);
	vt_gc_phase(VT_GC_MARK);
	uint64_t left = sweep(false);
	vt_gc_phase(VT_GC_SWEEP);
	own.major++;
	end(left, VT_GC_MAJOR, marked, freed, bytes);
	heap.collecting = false;
}

/* Of the incremental cycle that is open. */
static uint64_t began_marked, began_freed, began_bytes;

static void begin_incremental(void)
{
	began_marked = own.marked;
	began_freed = own.freed;
	began_bytes = own.bytes;
	vt_gc_begin_concurrent(VT_GC_INCREMENTAL_MAJOR);
	vt_gc_slice_begin();
	clear_colors();
	for (struct page *p = heap.pages; p; p = p->next)
		p->dirty = 0;
	vt_gc_phase(VT_GC_CLEAR);
	heap.depth = heap.logged = 0;
	heap.marking = true;
	shade_roots(false);
	vt_gc_phase(VT_GC_MARK);
	vt_gc_slice_end_with(0, 0);
	own.slices++;
}

static void end_incremental(void)
{
	bool fell_back = heap.fallback != VT_gc_fallback_none;

	heap.collecting = true;
	if (fell_back)
		vt_gc_pause_begin();
	else
		vt_gc_slice_begin();
	vt_gc_phase_begin(VT_GC_MARK);
	unsigned dirty = scan_dirty(false);
	shade_roots(false);
	for (unsigned i = 0; i < heap.logged; i++)
		shade(heap.buffer[i], false);
	finish_marking(false);
	vt_gc_phase(VT_GC_MARK);
	heap.marking = false;
	uint64_t left = sweep(false);
	vt_gc_phase(VT_GC_SWEEP);
	if (!fell_back) {
		vt_gc_slice_end_with(0, dirty);
		own.slices++;
		own.dirty += dirty;
	} else {
		vt_gc_pause_end();
	}
	/* A late slice leaves the cycle what it was; for the other reasons it was a full one in the end. */
	bool major = fell_back && heap.fallback != VT_gc_fallback_slice_timeout;
	own.major += major;
	own.incremental += !major;
	end(left, major ? VT_GC_MAJOR : VT_GC_INCREMENTAL_MAJOR, began_marked, began_freed, began_bytes);
	heap.collecting = false;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void step(void)
{
	uint64_t since = now_ns(), marked = own.marked;

	heap.collecting = true;
	vt_gc_slice_begin();
	unsigned dirty = scan_dirty(false);
	while (heap.logged > 0)
		shade(heap.buffer[--heap.logged], false);
	for (unsigned i = 0; i < heap.limits.slice && heap.depth > 0; i++)
		blacken(heap.stack[--heap.depth], false);
	vt_gc_phase(VT_GC_MARK);
	vt_gc_slice_end_with(own.marked - marked, dirty);
	heap.collecting = false;
	own.slices++;
	own.dirty += dirty;
	if (heap.overflown)
		heap.fallback = VT_gc_fallback_worklist_unbounded;
	else if (dirty > heap.limits.dirty)
		heap.fallback = VT_gc_fallback_dirty_pages_exceeded;
	else if (now_ns() - since > heap.limits.time)
		heap.fallback = VT_gc_fallback_slice_timeout;
	if (heap.fallback != VT_gc_fallback_none || heap.depth == 0)
		end_incremental();
}

/* A request by the program: nothing to do, or one is running. */
static void request(void)
{
	if (heap.collecting || heap.marking) {
		own.refused++;
		vt_gc_refuse(VT_gc_outcome_refused);
	} else if (heap.since == 0) {
		own.skipped++;
		vt_gc_refuse(VT_gc_outcome_skipped);
	} else {
		collect_major();
	}
}

/* ---- the program ----------------------------------------------------------------------------- */

static void overwritten(struct object *before)
{
	if (!heap.marking || !before)
		return;
	if (heap.logged == heap.limits.buffer) {
		heap.fallback = VT_gc_fallback_satb_buffer_overflow;
		shade(before, false);
		end_incremental();
	} else {
		heap.buffer[heap.logged++] = before;
	}
}

static void set_ref(struct object *o, unsigned i, struct object *to)
{
	overwritten(o->refs[i]);
	o->refs[i] = to;
	page_of(o)->dirty = 1;
}

static void set_root(unsigned i, struct object *to)
{
	overwritten(heap.roots[i]);
	heap.roots[i] = to;
}

static void add_page(void)
{
	struct page *p = aligned_alloc(PAGE, PAGE);

	if (!p)
		abort();
	memset(p, 0, PAGE);
	p->next = heap.pages;
	heap.pages = p;
	for (unsigned i = 0; i < A_PAGE; i++)
		heap.free[heap.free_count++] = &p->objects[i];
}

static struct object *allocate(enum vt_gc_alloc_type type, size_t extra)
{
	if (heap.free_count == 0)
		add_page();
	struct object *o = heap.free[--heap.free_count];
	*o = (struct object){ .live = 1, .type = (uint8_t)type, .extra = extra };
	o->color = heap.marking ? BLACK : WHITE;
	own.allocated[type] += sizeof(*o);
	vt_gc_alloc(type, sizeof(*o));
	if (extra) {
		o->external = malloc(extra);
		own.allocated[VT_GC_ALLOC_EXTERNAL] += extra;
		vt_gc_alloc(VT_GC_ALLOC_EXTERNAL, extra);
	}
	heap.used += size_of(o);
	heap.young += size_of(o);
	heap.since += size_of(o);
	vt_gc_heap(heap.used, LIMIT);
	vt_gc_heap_generations(heap.young, heap.used - heap.young);
	return o;
}

/* Builds and drops trees; each collection is begun by `collect` after `bytes` were allocated. */
static void run(unsigned rounds, size_t bytes, void (*collect)(void), unsigned writes, struct limits limits)
{
	heap.limits = limits;
	for (unsigned i = 0; i < rounds; i++) {
		enum vt_gc_alloc_type type = (enum vt_gc_alloc_type)(i % (VT_GC_ALLOC_OTHER + 1));
		type = type == VT_GC_ALLOC_EXTERNAL ? VT_GC_ALLOC_ARRAY : type;
		unsigned root = pick(ROOTS);
		struct object *o = allocate(type, type == VT_GC_ALLOC_ARRAY ? 200 : 0);
		set_ref(o, 0, pick(16) ? heap.roots[root] : NULL);      /* else what hung there is garbage */
		set_root(root, o);
		for (unsigned k = 0; k < writes; k++)
			if (heap.roots[k % ROOTS])
				set_ref(heap.roots[k % ROOTS], 1 + pick(REFS - 1), heap.roots[pick(ROOTS)]);
		if (heap.marking && i % 8 == 0)
			step();
		else if (!heap.marking && heap.since > bytes)
			collect();
	}
	while (heap.marking)
		step();
}

static void run_all(void)
{
	struct limits l = generous;

	run(20000, 64 << 10, collect_minor, 0, generous);
	run(20000, 256 << 10, collect_major, 0, generous);
	run(20000, 128 << 10, begin_incremental, 1, generous);
	l.dirty = 2;
	run(4000, 32 << 10, begin_incremental, ROOTS, l);
	l = generous;
	l.time = 0;                     /* any slice is too long */
	run(4000, 32 << 10, begin_incremental, 0, l);
	l = generous;
	l.stack = 8;
	run(4000, 32 << 10, begin_incremental, 0, l);
	l = generous;
	l.buffer = 4;
	run(4000, 32 << 10, begin_incremental, 8, l);
	heap.limits = generous;
	collect_major();
	request();                      /* nothing was allocated since */
	allocate(VT_GC_ALLOC_OBJECT, 0);
	begin_incremental();
	request();                      /* one is running */
	while (heap.marking)
		step();
	set_root(0, allocate(VT_GC_ALLOC_OBJECT, 0));   /* stays young */
	vt_gc_phase(VT_GC_MARK);        /* no cycle is open: ignored, and counted */
}

/* ---- what it says ---------------------------------------------------------------------------- */

static bool is_sound(const struct vt_gc_cycle *c)
{
	uint64_t sum = c->other;

	for (unsigned i = 0; i < VT_GC_PHASES; i++)
		sum += c->phases[i];
	bool incremental = c->begun_as == VT_GC_INCREMENTAL_MAJOR;
	return sum == c->time && c->paused <= c->time && c->longest <= c->paused && c->pauses > 0 &&
	       (c->slices > 0) == incremental && (incremental || c->dirty_pages == 0) &&
	       c->heap_old + c->heap_young == c->heap_used;
}

static void say_history(void)
{
	static struct vt_gc_cycle c[VT_GC_HISTORY_MOST];
	unsigned n = vt_gc_recent(c, VT_GC_HISTORY_MOST), sound = 0;
	struct vt_gc_cycle last;
	struct vt_gc_totals t;
	struct vt_gc_heap_sizes sizes;
	uint64_t paused = 0, pauses = 0, longest = 0;

	for (unsigned i = 0; i < n; i++) {
		sound += is_sound(&c[i]) && (i == 0 || c[i].number == c[i - 1].number - 1);
		paused += c[i].paused;
		pauses += c[i].pauses;
		longest = c[i].longest > longest ? c[i].longest : longest;
	}
	vt_gc_totals_read(&t);
	vt_gc_heap_read(&sizes);
	bool same = vt_gc_last(&last) && memcmp(&last, &c[0], sizeof(last)) == 0 &&
	            vt_gc_average_pause(n) == paused / pauses && vt_gc_max_pause(n) == longest;
	printf("history %u\nsound %u\nrecorded %llu\nqueries %d\n", n, sound,
	       (unsigned long long)vt_gc_recorded(), same);
	printf("totals %d\n", t.minor == own.minor && t.major == own.major && t.cycles == vt_gc_recorded() &&
	       t.incremental == own.incremental && t.reclaimed == own.bytes && t.objects_reclaimed == own.freed);
	printf("sizes %d\n", sizes.used == heap.used && sizes.total == LIMIT &&
	       sizes.young + sizes.old == heap.used);
}

static void say(const char *name, uint64_t n)
{
	printf("%s %llu\n", name, (unsigned long long)n);
}

int main(int argc, char **argv)
{
	if (argc < 2 || vt_start(&(struct vt_options){ .program = "gc_kinds", .output = argv[1], .events = "gc",
	                                               .ring_size = 16 << 20 }) < 0)
		return 2;
	if (argc > 2 && vt_gc_history((unsigned)atoi(argv[2])) < 0)
		return 2;
	run_all();
	say("minor", own.minor);
	say("major", own.major);
	say("incremental_major", own.incremental);
	say("slices", own.slices);
	say("dirty_pages", own.dirty);
	say("objects_marked", own.marked);
	say("objects_reclaimed", own.freed);
	say("reclaimed", own.bytes);
	say("skipped", own.skipped);
	say("refused", own.refused);
	say("dirty_pages_exceeded", own.fallbacks[VT_gc_fallback_dirty_pages_exceeded]);
	say("slice_timeout", own.fallbacks[VT_gc_fallback_slice_timeout]);
	say("worklist_unbounded", own.fallbacks[VT_gc_fallback_worklist_unbounded]);
	say("satb_buffer_overflow", own.fallbacks[VT_gc_fallback_satb_buffer_overflow]);
	say("allocated_external", own.allocated[VT_GC_ALLOC_EXTERNAL]);
	say("allocated_closure", own.allocated[VT_GC_ALLOC_CLOSURE]);
	say_history();
	return vt_stop() < 0;
}
