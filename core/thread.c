/*
 * thread.c - the gate, the claim of a slot, thread exit, fork.
 *
 * Life of a slot: free (even generation) -> claimed by compare-and-swap (odd) -> its thread ends and
 * says `closing` -> the recorder drains what is left and makes the generation even. A thread that died
 * without its destructor is found by the recorder by its tid. tests/model/lifecycle.pml is this.
 */
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <valktrace/emit.h>
#include <valktrace/host.h>

#include "core/process.h"
#include "core/tables.h"
#include "core/run_page.h"
#include "core/thread.h"

struct vt_gate vt__gate;
VT_THREAD_LOCAL struct vt_ring *vt__ring __attribute__((tls_model("initial-exec")));

static pthread_mutex_t own_lock = PTHREAD_MUTEX_INITIALIZER;
struct vt_process vt_process = { .lock = &own_lock, .gate = &vt__gate };
void (*vt_process_on_reset)(void);

/* This thread's vt__ring in a library that joined us, once it has emitted. */
static VT_THREAD_LOCAL struct vt_ring **joined_ring __attribute__((tls_model("initial-exec")));

VT_THREAD_LOCAL unsigned vt_thread_inside __attribute__((tls_model("initial-exec")));

static void set_ring(struct vt_ring *ring)
{
	vt__ring = ring;
	if (joined_ring)
		*joined_ring = ring;
}

static void set_file(struct vt_ring_file *f)
{
	vt_store_release(&vt_process.file, f);
	if (vt_process.joined)
		vt_store_release(&vt_process.joined->file, f);
}

/* A thread that got no slot asks again only now and then: each attempt scans the table. */
static VT_THREAD_LOCAL unsigned attempts_to_skip __attribute__((tls_model("initial-exec")));

/* Sets the gates of all libraries in this process that write the same rings. */
static void set_gates(uint64_t counting, uint64_t mask)
{
	struct vt_gate *gates[] = {
		&vt__gate, vt_process.joined ? vt_process.joined->gate : NULL,
		vt_process.outer ? vt_process.outer->process->gate : NULL,
	};

	for (unsigned i = 0; i < 3; i++) {
		if (!gates[i])
			continue;
		vt_store_relaxed(&gates[i]->counting, counting);
		vt_store_relaxed(&gates[i]->mask, mask);
	}
}

static pthread_key_t exit_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* ---- claim ------------------------------------------------------------------------------------- */

void vt_thread_refresh_name(void)
{
	int index = vt_thread_slot();
	if (index < 0 || vt_threads_of(vt_process.file)[index].named)
		return;
	union { char bytes[40]; uint64_t words[5]; } name = { .bytes = "" };
	prctl(PR_GET_NAME, name.bytes);
	struct vt_thread_entry *entry = &vt_threads_of(vt_process.file)[index];
	for (int i = 0; i < 5; i++)
		vt_store_relaxed(&entry->name[i], name.words[i]);
}

static void set_up_ring(struct vt_ring *ring, char *segments, uint32_t size, uint32_t count)
{
	vt_store_relaxed(&ring->segments, (uint64_t)(uintptr_t)segments);
	ring->segment_size = size;
	if (ring->segment_count == 0)
		ring->segment_count = count;
	vt_ring_restore(ring);
	vt_store_relaxed(&ring->nest, 0);
}

/* Nothing is reset: what was counted so far is the base of a new owner, or of a new recording. */
static void store_bases(struct vt_slot *slot)
{
	memcpy(slot->emitted_base[0], slot->main.emitted, sizeof(slot->emitted_base[0]));
	memcpy(slot->emitted_base[1], slot->signal.emitted, sizeof(slot->emitted_base[1]));
	memcpy(slot->lost_base, slot->lost, sizeof(slot->lost_base));
	slot->position_base[0] = slot->main.commit;
	slot->position_base[1] = slot->signal.commit;
}

static void take_over(struct vt_ring_file *f, struct vt_slot *slot, struct vt_thread_entry *entry)
{
	char *segments = (char *)slot + VT_SLOT_HEADER;
	char *signal_segments = segments + (size_t)f->segment_size * f->segment_count;

	set_up_ring(&slot->main, segments, f->segment_size, f->segment_count);
	set_up_ring(&slot->signal, signal_segments, f->signal_segment_size, f->signal_segment_count);
	store_bases(slot);
	entry->named = 0;
	/* Pairs with the acquire load of who reads slots: this one has its pages. */
	vt_store_release(&entry->start, vt_ticks());
}

static void raise_to(uint64_t *word, uint64_t value)
{
	uint64_t old = vt_load_relaxed(word);
	while (old < value && !__atomic_compare_exchange_n(word, &old, value, true,
	                                                   __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

/* The number of a slot that is now ours (its generation odd), or -1. */
static int take_number(struct vt_ring_file *f)
{
	struct vt_thread_entry *threads = vt_threads_of(f);

	for (unsigned i = 0; i < f->slot_count; i++) {
		uint32_t generation = vt_load_relaxed(&threads[i].generation);
		/* Acquire pairs with the recorder's release when it made the generation even: it is done. */
		if (generation % 2 == 0 &&
		    __atomic_compare_exchange_n(&threads[i].generation, &generation, generation + 1,
		                                false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
			raise_to(&f->slots_used, i + 1);
			return (int)i;
		}
	}
	return -1;
}

static struct vt_ring_file *file_of_child(void);

static struct vt_slot *claim(void)
{
	struct vt_ring_file *f = vt_load_acquire(&vt_process.file);
	if (!f)
		f = file_of_child();
	int index = f ? take_number(f) : -1;
	if (index < 0) {
		attempts_to_skip = 1000;
		return NULL;
	}
	struct vt_slot *slot = vt_slot_of(f, (unsigned)index);
	struct vt_thread_entry *entry = &vt_threads_of(f)[index];
	if (vt_ring_file_populate(&vt_process.place, f, slot, VT_SLOT_HEADER) < 0) {
		vt_add_relaxed(&entry->generation, (uint32_t)-1);
		attempts_to_skip = 1000;
		return NULL;
	}
	take_over(f, slot, entry);
	set_ring(&slot->main);
	vt_thread_refresh_name();
	/* Pairs with the recorder's acquire load: an entry with a tid is complete. */
	vt_store_release(&entry->tid, (uint32_t)syscall(SYS_gettid));
	pthread_setspecific(exit_key, slot);
	return slot;
}

struct vt_slot *vt_thread_claim(void)
{
	sigset_t all, before;

	if (vt_process.outer) {
		struct vt_ring *ring = vt_process.outer->claim(&vt__ring);
		return (struct vt_slot *)(void *)ring;
	}
	if (attempts_to_skip > 0) {
		attempts_to_skip--;
		return NULL;
	}
	/* In a child of vfork this is its parent's memory, and the slot would be freed when it is gone. */
	if ((uint32_t)getpid() != vt_process.pid)
		return NULL;
	/* A handler in the middle of a claim would claim a second slot, or leave a half one by siglongjmp. */
	sigfillset(&all);
	vt_thread_inside++;
	pthread_sigmask(SIG_SETMASK, &all, &before);
	bool had = vt__ring != NULL;    /* a handler may have claimed just before */
	struct vt_slot *slot = had ? (struct vt_slot *)(void *)vt__ring : claim();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	vt_thread_inside--;
	if (slot && !had)
		VT_EMIT(meta, thread_begin, .tid = (uint64_t)syscall(SYS_gettid));
	return slot;
}

struct vt_ring *vt_thread_claim_for(struct vt_ring **theirs)
{
	struct vt_ring *ring = vt__ring;

	if (!ring) {
		struct vt_slot *slot = vt_thread_claim();
		ring = slot ? &slot->main : NULL;
	}
	joined_ring = theirs;
	*theirs = ring;
	return ring;
}

int vt_thread_slot(void)
{
	struct vt_ring *ring = vt__ring;
	const struct vt_ring_file *f = vt_process.file;
	if (!ring || !f)
		return -1;
	return (int)(((uint64_t)(uintptr_t)ring - (uint64_t)(uintptr_t)f - f->slots_offset) / f->slot_size);
}

/* Later destructors of the same thread may still emit: they claim anew. */
static void at_thread_exit(void *value)
{
	int index = vt_thread_slot();
	if (index < 0 || vt__ring != value || !vt__gate.ours)
		return;
	struct vt_thread_entry *entry = &vt_threads_of(vt_process.file)[index];
	vt_thread_refresh_name();
	VT_EMIT(meta, thread_end, .tid = entry->tid);
	set_ring(NULL);
	/* Pairs with the recorder's acquire load: what it drains after it is all there is. */
	vt_store_release(&entry->closing, vt_load_relaxed(&entry->generation));
	vt_process_wake();
}

/* ---- fork ---------------------------------------------------------------------------------------- */

static uint64_t mask_before_fork;
static bool recording_before_fork;
static struct vt_ring_file *file_before_fork;
static struct vt_tables_mark tables_before_fork;

static void before_fork(void)
{
	pthread_mutex_lock(vt_process.lock);
	mask_before_fork = vt__gate.mask;
	recording_before_fork = vt__gate.counting;
	/* A child that has not made its file yet hands on what it has of its parent's. */
	if (!vt_process.detached_child)
		file_before_fork = vt_process.file;
	if (vt_process.file)
		tables_before_fork = vt_tables_mark(vt_process.file);
}

static void after_fork_in_parent(void)
{
	pthread_mutex_unlock(vt_process.lock);
}

/*
 * The child's gate page is zero. When forks are followed its mask is set again while it has no file:
 * the first emit then takes the slow path, which makes one. The child may fork before that.
 */
static void after_fork_in_child(void)
{
	pthread_mutex_init(vt_process.lock, NULL);
	set_ring(NULL);
	attempts_to_skip = 0;
	vt_process.pid = (uint32_t)getpid();
	vt_calls_forget();
	if (file_before_fork) {
		if (vt_process.bell == &file_before_fork->recorder_sleeps)
			vt_process.bell = NULL;
		set_file(NULL);
	}
	vt_process.detached_child = vt_process.follow_fork && recording_before_fork;
	/* A child that will have a file of its own takes its parent's names over into it. */
	if (file_before_fork && !vt_process.detached_child)
		munmap(file_before_fork, file_before_fork->total_size);
	if (vt_process.detached_child) {
		vt__gate.ours = 1;
		set_gates(1, mask_before_fork);
	}
}

/* What the gate lets through: never the category of types that are not registered. */
static uint64_t mask_of(const struct vt_ring_file *f)
{
	return vt_load_relaxed(&f->wanted_mask) & ~(1ull << VT_HOST_UNREGISTERED);
}

static void open_gate(const struct vt_ring_file *f)
{
	set_gates(1, mask_of(f));
}

static int make_file_of_child(struct vt_ring_file **f)
{
	int err = vt_run_is_over() ? -ESRCH : vt_ring_file_create(&vt_process.place, &vt_process.geometry, f);

	if (err < 0 || !vt_run_is_over())
		return err;
	unlink(vt_process.place.path);
	munmap(*f, (*f)->total_size);
	return -ESRCH;
}

bool vt_process_failed(int error)
{
	if (!vt_process.failures)
		return false;
	if (error != -ESRCH) {          /* the run is over: nothing failed */
		__atomic_store_n(&vt_process.failures->error, error, __ATOMIC_RELAXED);
		vt_add_relaxed(&vt_process.failures->count, 1);
	}
	return true;
}

static struct vt_ring_file *file_of_child(void)
{
	struct vt_ring_file *f = NULL;

	if (!vt_process.detached_child)
		return NULL;
	vt_process.detached_child = false;
	int err = make_file_of_child(&f);
	if (err < 0) {
		vt_process_failed(err);
		set_gates(0, 0);
		munmap(file_before_fork, file_before_fork->total_size);
		return NULL;
	}
	f->wanted_mask = mask_before_fork;
	f->enabled_since = mask_before_fork ? f->monotonic : 0;
	if (!vt_process.bell)
		vt_process.bell = &f->recorder_sleeps;
	set_file(f);
	vt_tables_inherit(f, file_before_fork, &tables_before_fork);
	munmap(file_before_fork, file_before_fork->total_size);
	open_gate(f);
	return f;
}

/* ---- attach -------------------------------------------------------------------------------------- */

static int once_error;

/* Zeroed data is anonymous memory as a rule; where it is not, a page that is takes its place. */
static int wipe_gate_on_fork(void)
{
	if (madvise(&vt__gate, VT_GATE_PAGE, MADV_WIPEONFORK) == 0)
		return 0;
	if (mmap(&vt__gate, VT_GATE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
	         -1, 0) == MAP_FAILED)
		return -errno;
	return madvise(&vt__gate, VT_GATE_PAGE, MADV_WIPEONFORK) < 0 ? -errno : 0;
}

static void set_up_once(void)
{
	once_error = wipe_gate_on_fork();
	if (!once_error)
		once_error = -pthread_key_create(&exit_key, at_thread_exit);
	if (!once_error)
		once_error = -pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* A largest value has no base: that of a new recording is its own. */
static const bool keeps_largest[VT_MAX_METRICS] = {
#define VT_METRIC(name, id, source, kind, unit, family, labels, help) \
	[id] = VT_METRIC_##kind == VT_METRIC_MAX,
#include <valktrace/schema.def>
};

/* Another recording in the same process: what was counted before is the base of this one. */
static void rebase(struct vt_ring_file *f)
{
	uint64_t used = vt_load_relaxed(&f->slots_used);

	f->events_base = 0;
	memset(f->lost_base, 0, sizeof(f->lost_base));
	for (unsigned m = 0; m < VT_MAX_CELLS; m++) {
		if (keeps_largest[m])
			vt_store_relaxed(&f->overflow[m], 0);
		f->cell_base[m] = f->overflow[m];
	}
	for (unsigned i = 0; i < used; i++) {
		struct vt_slot *slot = vt_slot_of(f, i);
		if (vt_threads_of(f)[i].start == 0)
			continue;       /* its claim met a full file system: it has no pages */
		/* A thread in the middle of an emit is done in nanoseconds, unless it is not running. */
		for (int spin = 0; spin < 1000 && vt_load_acquire(&slot->main.nest); spin++)
			sched_yield();
		store_bases(slot);
		vt_calls_rebase(f, slot);
		for (unsigned m = 0; m < VT_MAX_CELLS; m++) {
			if (keeps_largest[m])
				vt_store_relaxed(&slot->cells[m], 0);
			f->cell_base[m] += vt_load_relaxed(&slot->cells[m]);
		}
		for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
			f->events_base += slot->main.emitted[c] + slot->signal.emitted[c];
			for (unsigned cause = 0; cause < VT_LOST_CAUSES; cause++)
				f->lost_base[c] += slot->lost[cause][c];
		}
	}
	memcpy(f->no_ring_base, f->no_ring, sizeof(f->no_ring_base));
	f->calls_missed_base = vt_load_relaxed(&f->calls_missed);
	memset(f->overwritten, 0, sizeof(f->overwritten));
	f->next_fact = 0;
	memset(f->facts, 0, sizeof(f->facts));
	f->next_record = 1;
	memset(f->snapshots, 0, sizeof(f->snapshots));
	f->last_session = 0;
	f->ended = 0;
	if (vt_process_on_reset)
		vt_process_on_reset();
}

/* Threads hold pointers into the ring file for ever: the same file serves every recording. */
static int attach_again(const struct vt_geometry *g)
{
	struct vt_ring_file *f = vt_process.file;
	char old[PATH_MAX];

	memcpy(old, vt_process.place.path, sizeof(old));
	int err = vt_ring_file_name(&vt_process.place);
	if (err < 0)
		return err;
	if (rename(old, vt_process.place.path) < 0) {
		err = -errno;
		memcpy(vt_process.place.path, old, sizeof(old));
		return err;
	}
	rebase(f);
	f->mode = g->mode;
	vt_ring_file_identify(f, vt_process.place.run);
	return 0;
}

int vt_process_attach(const char *directory, uint64_t run, const struct vt_geometry *g,
                      uint64_t mask, uint32_t *bell, bool follow_fork)
{
	pthread_once(&once, set_up_once);
	if (once_error)
		return once_error;
	struct vt_ring_place *place = &vt_process.place;
	struct vt_ring_file *f = vt_process.file;
	int n = snprintf(place->directory, sizeof(place->directory), "%s", directory);
	if (n < 0 || (size_t)n >= sizeof(place->directory))
		return -ENAMETOOLONG;
	place->run = run;
	int err = f ? attach_again(g) : vt_ring_file_create(place, g, &f);
	if (err < 0)
		return err;
	vt__gate.ours = 1;
	vt_process.pid = (uint32_t)getpid();
	vt_process.geometry = *g;
	vt_process.follow_fork = follow_fork;
	vt_process.detached_child = false;
	f->wanted_mask = mask;
	f->enabled_since = mask ? f->monotonic : 0;
	f->last_session = 0;
	vt_process.bell = bell ? bell : &f->recorder_sleeps;
	vt_store_release(&vt_process.file, f);
	open_gate(f);
	vt_types_register_hosts();
	return 0;
}

static void wipe_once(void)
{
	once_error = wipe_gate_on_fork();
}

int vt_process_join(const struct vt_outer *outer)
{
	struct vt_process *p = outer->process;

	static pthread_once_t wiped = PTHREAD_ONCE_INIT;

	if (!p->file)
		return -ENOTCONN;
	pthread_once(&wiped, wipe_once);
	if (once_error)
		return once_error;
	vt_process.outer = outer;
	vt_process.place = p->place;
	vt_process.geometry = p->geometry;
	vt_process.bell = p->bell;
	vt_process.lock = p->lock;
	memcpy(vt_process.wanted_names, p->wanted_names, sizeof(vt_process.wanted_names));
	vt_process.file = p->file;
	p->joined = &vt_process;
	set_gates(vt_load_relaxed(&p->gate->counting), vt_load_relaxed(&p->gate->mask));
	vt_types_register_hosts();
	return 0;
}

void vt_process_leave(void)
{
	vt_process.outer->process->joined = NULL;
	vt_process.outer = NULL;
	set_gates(0, 0);
	vt_process.file = NULL;
	vt_process.lock = &own_lock;
}

void vt_process_detach(void)
{
	if (!vt_process.file)
		return;
	set_gates(0, 0);
	vt_store_release(&vt_process.file->ended, 1);
}

void vt_process_put_away(void)
{
	char parked[PATH_MAX];
	struct vt_ring_place *place = &vt_process.place;

	if (!vt_process.file)
		return;
	int n = snprintf(parked, sizeof(parked), "%s/parked-%d-%016llx.vring", place->directory,
	                 (int)getpid(), (unsigned long long)place->image);
	if (n > 0 && (size_t)n < sizeof(parked) && rename(place->path, parked) == 0)
		memcpy(place->path, parked, sizeof(parked));
}

/* The name of a file that no recording uses goes with its process. */
__attribute__((destructor)) static void remove_parked(void)
{
	if (vt_process.file && vt_process.file->ended && (pid_t)vt_process.file->pid == getpid())
		unlink(vt_process.place.path);
}

void vt_process_refresh_mask(void)
{
	if (vt_process.file && vt_load_relaxed(&vt__gate.counting))
		set_gates(1, mask_of(vt_process.file));
}

void vt_process_wake(void)
{
	uint32_t *bell = vt_process.bell;
	if (!bell)
		return;
	/* With the recorder's fence between its store of 1 and its last look at the rings: one of us sees
	 * the other (tests/model/wake.pml). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (vt_load_relaxed(bell) == 0)
		return;
	int saved = errno;
	vt_store_relaxed(bell, 0);
	syscall(SYS_futex, bell, FUTEX_WAKE, 1, NULL, NULL, 0);
	errno = saved;
}

/* ---- cells of a process -------------------------------------------------------------------------- */

void vt__count_slow(unsigned metric, uint64_t n, bool is_max)
{
	int saved = errno;
	struct vt_slot *slot = metric < VT_MAX_CELLS ? vt_thread_claim() : NULL;
	struct vt_ring_file *f = metric < VT_MAX_CELLS ? vt_process.file : NULL;

	if (slot) {
		uint64_t *cell = &slot->cells[metric];
		uint64_t old = vt_load_relaxed(cell);
		vt_store_relaxed(cell, !is_max ? old + n : n > old ? n : old);
	} else if (f && !is_max) {
		vt_add_relaxed(&f->overflow[metric], n);
	} else if (f) {
		raise_to(&f->overflow[metric], n);
	}
	errno = saved;
}
