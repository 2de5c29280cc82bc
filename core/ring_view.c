/* ring_view.c - opening and checking ring files. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <valktrace/error.h>

#include "core/crc32c.h"
#include "core/ring_view.h"

enum { COPY_TRIES = 8 };        /* of a ring whose writer goes round it faster than it can be copied */

/* Reads a stretch of the file into the memory that stands for it. */
static int load(const struct vt_ring_view *v, uint64_t offset, uint64_t length)
{
	char *to = (char *)v->file + offset;
	while (length > 0) {
		ssize_t n = pread(v->fd, to, length, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -VT_E_SHORT;
		to += n;
		offset += (uint64_t)n;
		length -= (uint64_t)n;
	}
	return 0;
}

static bool table_fits(uint64_t offset, uint64_t count, uint64_t each, uint64_t end)
{
	return offset % 8 == 0 && offset <= end && count <= (end - offset) / each;
}

/* Every number that is used as an offset or a count later. */
static int check_header(const struct vt_ring_file *f, uint64_t size)
{
	if (f->abi != VT_ABI || f->slot_struct_size != sizeof(struct vt_slot) ||
	    f->header_size != VT_RING_FILE_HEADER)
		return -VT_E_ABI;
	if (f->crc != vt_ring_file_crc(f))
		return -VT_E_DAMAGED;
	uint64_t slot_least = VT_SLOT_HEADER + (uint64_t)f->segment_size * f->segment_count +
	                      (uint64_t)f->signal_segment_size * f->signal_segment_count +
	                      sizeof(struct vt_calls);
	if (f->total_size != size || f->category_count != VT_MAX_CATEGORIES ||
	    f->segment_size < VT_MIN_SEGMENT || f->segment_size % 8 || f->segment_size > VT_MAX_RING_FILE ||
	    f->signal_segment_size < VT_MIN_SEGMENT || f->signal_segment_size % 8 ||
	    f->segment_count == 0 || f->segment_count > 65536 ||
	    f->signal_segment_count == 0 || f->signal_segment_count > 65536 ||
	    f->slot_count > VT_MAX_SLOTS || f->slot_size < slot_least ||
	    !table_fits(f->threads_offset, f->slot_count, sizeof(struct vt_thread_entry), size) ||
	    !table_fits(f->types_offset, f->type_count, sizeof(struct vt_table_entry), size) ||
	    !table_fits(f->strings_offset, f->string_count, sizeof(struct vt_table_entry), size) ||
	    !table_fits(f->bytes_offset, f->bytes_size, 1, size) ||
	    !table_fits(f->slots_offset, f->slot_count, f->slot_size, size))
		return -VT_E_DAMAGED;
	return 0;
}

/* ---- its process --------------------------------------------------------------------------------- */

/* The last number of NSpid in /proc/NAME/status: how the process calls itself. 0: unknown. */
static uint32_t own_pid(const char *name)
{
	char path[64], text[4096];
	snprintf(path, sizeof(path), "/proc/%.16s/status", name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	char *at = strstr(text, "\nNSpid:");
	if (!at)
		return 0;
	at[1 + strcspn(at + 1, "\n")] = 0;
	char *last = strrchr(at, '\t');
	return last ? (uint32_t)strtoul(last, NULL, 10) : 0;
}

/* The process of another pid namespace that calls itself `pid` and began at `start`. 0: there is none. */
static uint32_t find_in_namespaces(uint32_t pid, uint64_t start)
{
	uint32_t found = 0;
	DIR *dir = opendir("/proc");
	if (!dir)
		return 0;
	for (struct dirent *e; !found && (e = readdir(dir));) {
		uint32_t candidate = (uint32_t)strtoul(e->d_name, NULL, 10);
		if (candidate && vt_process_start(candidate) == start && own_pid(e->d_name) == pid)
			found = candidate;
	}
	closedir(dir);
	return found;
}

/*
 * A pid alone may name nobody here, or somebody else: in a container each program has one that is taken here.
 * The start time tells. Who said how it ended is not looked for, for that reads all of /proc.
 */
static uint32_t pid_here(const struct vt_ring_file *f)
{
	uint64_t start = vt_process_start(f->pid);
	if (start == f->pid_start || f->pid_start == 0 || f->boot != vt_boot())
		return f->pid;
	uint32_t found = vt_load_acquire(&f->exited) ? 0 : find_in_namespaces(f->pid, f->pid_start);
	return found ? found : start ? 0 : f->pid;
}

bool vt_ring_view_alive(const struct vt_ring_view *v)
{
	const struct vt_ring_file *f = v->file;
	uint64_t start = v->pid ? vt_process_start(v->pid) : 0;
	return start != 0 && start == f->pid_start && f->boot == vt_boot();
}

/* ---- copies ---------------------------------------------------------------------------------------- */

/* A horizon that no producer stores would hide the whole ring. Of a live ring it is believed: drain.c. */
static void check_horizon(struct vt_ring *ring, uint32_t segment_size)
{
	if (ring->horizon % segment_size || ring->horizon > ring->commit + segment_size)
		ring->horizon = 0;
}

/* The segments of a ring that were ever entered: the rest of the file is a hole. */
static int load_segments(const struct vt_ring_view *v, const struct vt_ring *ring, uint64_t offset,
                         uint32_t segment_size, uint32_t segment_count)
{
	uint64_t all = (uint64_t)segment_size * segment_count;
	uint64_t used = ring->commit < all ? (ring->commit / segment_size + 1) * segment_size : all;

	return load(v, offset, used < all ? used : all);
}

/*
 * A live ring's horizon is read again behind its bytes: what the writer has reused meanwhile lies below
 * it. False: it has gone round the whole ring, and nothing of the copy can be used.
 */
static bool settle(const struct vt_ring_view *v, struct vt_ring *ring, uint32_t segment_size)
{
	check_horizon(ring, segment_size);
	if (!v->alive)
		return true;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	uint64_t before = ring->horizon;
	uint64_t at = (uint64_t)((char *)&ring->horizon - (char *)v->file);
	if (load(v, at, sizeof(ring->horizon)) < 0 || ring->horizon < before || ring->horizon % segment_size)
		ring->horizon = before;
	return ring->horizon <= ring->commit;
}

static int load_slot(const struct vt_ring_view *v, unsigned index)
{
	const struct vt_ring_file *f = v->file;
	struct vt_slot *slot = vt_slot_of(v->file, index);
	uint64_t offset = (uint64_t)((char *)slot - (char *)f), at = offset + VT_SLOT_HEADER;
	int err = 0;

	for (unsigned tries = 0; !err && tries < COPY_TRIES; tries++) {
		err = load(v, offset, sizeof(*slot));
		if (!err)
			err = load_segments(v, &slot->main, at, f->segment_size, f->segment_count);
		if (!err)
			err = load_segments(v, &slot->signal, at + (uint64_t)f->segment_size * f->segment_count,
			                    f->signal_segment_size, f->signal_segment_count);
		if (!err && slot->calls > VT_NO_CALLS)
			err = load(v, offset + vt_calls_offset(f), sizeof(struct vt_calls));
		bool whole = settle(v, &slot->main, f->segment_size);
		if (settle(v, &slot->signal, f->signal_segment_size) && whole)
			break;
	}
	return err;
}

/* Threads and their slots, as many as were there when the header was read. */
static int load_slots(const struct vt_ring_view *v)
{
	struct vt_ring_file *f = v->file;
	int err = load(v, f->threads_offset, f->slot_count * sizeof(struct vt_thread_entry));

	for (unsigned i = 0; !err && i < f->slot_count && i < f->slots_used; i++) {
		struct vt_thread_entry *thread = &vt_threads_of(f)[i];
		/* Unreadable: as if it were not there. The other threads are not to suffer. */
		if (thread->start != 0 && load_slot(v, i) < 0)
			thread->start = 0;
	}
	return err;
}

/* What the process has stated so far, then as much of the tables as is used: the file is sparse. */
static int load_tables(const struct vt_ring_view *v)
{
	struct vt_ring_file *f = v->file;
	uint64_t slots = f->slots_used;
	size_t mutable = offsetof(struct vt_ring_file, wanted_mask);
	int err = load(v, mutable, VT_RING_FILE_HEADER - mutable);

	f->slots_used = slots;
	uint64_t types = f->next_type < f->type_count ? f->next_type : f->type_count;
	uint64_t strings = f->next_string < f->string_count ? f->next_string : f->string_count;
	uint64_t bytes = f->next_byte < f->bytes_size ? f->next_byte : f->bytes_size;
	if (!err)
		err = load(v, f->types_offset, types * sizeof(struct vt_table_entry));
	if (!err)
		err = load(v, f->strings_offset, strings * sizeof(struct vt_table_entry));
	if (!err)
		err = load(v, f->bytes_offset, bytes);
	return err;
}

/* Behind a checked header. What is registered before a record refers to it is read after the record. */
static int copy(struct vt_ring_view *v, enum vt_view_mode mode)
{
	v->file->program[sizeof(v->file->program) - 1] = 0;
	v->pid = pid_here(v->file);
	v->alive = vt_ring_view_alive(v);
	if (mode == VT_VIEW_HEAD) {
		v->file->slots_used = 0;
		return 0;
	}
	int err = load_slots(v);
	return err ? err : load_tables(v);
}

/* ---- opening --------------------------------------------------------------------------------------- */

static int map(struct vt_ring_view *v, int fd, enum vt_view_mode mode)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	bool ours = mode == VT_VIEW_COPY || mode == VT_VIEW_LIVE;
	if (!S_ISREG(st.st_mode) || (ours && st.st_uid != geteuid()))
		return -EPERM;
	if (st.st_size < (off_t)VT_RING_FILE_HEADER)
		return -EAGAIN;
	if ((uint64_t)st.st_size > VT_MAX_RING_FILE)
		return -VT_E_LIMIT;
	v->size = (uint64_t)st.st_size;
	v->file = mmap(NULL, v->size, PROT_READ | PROT_WRITE,
	               MAP_NORESERVE | (v->live ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS),
	               v->live ? fd : -1, 0);
	if (v->file == MAP_FAILED) {
		v->file = NULL;
		return -errno;
	}
	return v->live ? 0 : load(v, 0, VT_RING_FILE_HEADER);
}

/* The decoder's copy of a pipe has no name but the one in /proc, which is a link. */
static int open_file(const char *path, bool live)
{
	int follow = strncmp(path, "/proc/self/fd/", 14) == 0 ? 0 : O_NOFOLLOW;

	return open(path, (live ? O_RDWR : O_RDONLY) | follow | O_CLOEXEC | O_NONBLOCK);
}

int vt_ring_view_open(struct vt_ring_view *v, const char *path, enum vt_view_mode mode)
{
	memset(v, 0, sizeof(*v));
	v->live = mode == VT_VIEW_LIVE;
	v->fd = open_file(path, v->live);
	if (v->fd < 0)
		return -errno;
	int err = map(v, v->fd, mode);
	/* Pairs with the store-release of magic: what is behind it is complete. */
	if (!err && vt_load_acquire(&v->file->magic) != VT_RING_MAGIC)
		err = v->file->magic == 0 ? -EAGAIN : -VT_E_NOT_A_LOG;
	if (!err)
		err = check_header(v->file, v->size);
	if (!err && v->live)
		v->pid = pid_here(v->file);
	else if (!err)
		err = copy(v, mode);
	close(v->fd);
	v->fd = -1;
	if (err)
		vt_ring_view_close(v);
	return err;
}

void vt_ring_view_locate(struct vt_ring_view *v)
{
	v->pid = pid_here(v->file);
}

void vt_ring_view_borrow(struct vt_ring_view *v, struct vt_ring_file *file)
{
	memset(v, 0, sizeof(*v));
	v->file = file;
	v->size = file->total_size;
	v->pid = file->pid;             /* no system call: each read of the metrics comes by here */
	v->fd = -1;
	v->live = v->borrowed = true;
}

void vt_ring_view_close(struct vt_ring_view *v)
{
	if (v->file && !v->borrowed)
		munmap(v->file, v->size);
	if (v->fd >= 0)
		close(v->fd);
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
		free(v->layouts[c]);
	memset(v, 0, sizeof(*v));
	v->fd = -1;
}

struct vt_slot *vt_ring_view_slot(struct vt_ring_view *v, unsigned index)
{
	struct vt_ring_file *f = v->file;
	/* A slot whose claim met a full file system has no pages, and touching it is SIGBUS. */
	if (index >= f->slot_count || vt_load_acquire(&vt_threads_of(f)[index].start) == 0)
		return NULL;
	return vt_slot_of(f, index);
}

const uint8_t *vt_ring_view_bytes(const struct vt_ring_view *v, const struct vt_table_entry *entry)
{
	/* Pairs with the store-release of ready: the entry and its bytes are whole. */
	if (!vt_load_acquire(&entry->ready))
		return NULL;
	uint32_t offset = entry->offset, length = entry->length;
	if (offset > v->file->bytes_size || length > v->file->bytes_size - offset)
		return NULL;
	const uint8_t *bytes = (const uint8_t *)v->file + v->file->bytes_offset + offset;
	return vt_crc32c(0, bytes, length) == entry->crc ? bytes : NULL;
}

/* ---- layouts ------------------------------------------------------------------------------------- */

static struct vt_layout *place_for(struct vt_ring_view *v, unsigned id)
{
	struct vt_layout **category = &v->layouts[id >> 8];
	if (!*category)
		*category = calloc(256, sizeof(**category));
	return *category ? &(*category)[id & 0xff] : NULL;
}

void vt_ring_view_learn(struct vt_ring_view *v, const struct vt_rec_event *type)
{
	struct vt_layout *l = type->id >> 8 < VT_MAX_CATEGORIES ? place_for(v, type->id) : NULL;
	if (!l)
		return;
	l->columns = type->count;
	l->text = -1;
	for (unsigned i = 0; i < type->count; i++) {
		l->kinds[i] = type->fields[i].kind;
		if (l->kinds[i] == VT_KIND_TEXT)
			l->text = (int8_t)i;
	}
	l->known = true;
}

const struct vt_layout *vt_ring_view_layout(void *view, unsigned id)
{
	struct vt_ring_view *v = view;
	struct vt_layout *l = place_for(v, id);

	if (l && !l->known && id < VT_HOST_CATEGORY << 8) {
		const struct vt_event_desc *e = vt_schema_event(vt_schema_builtin(), id);
		if (e) {
			l->columns = e->count;
			l->text = e->text;
			for (unsigned i = 0; i < e->count; i++)
				l->kinds[i] = e->fields[i].kind;
			l->known = true;
		}
	}
	return l;
}
