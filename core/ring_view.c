/* ring_view.c - opening and checking ring files. */
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

/* Reads a stretch of a dead file into the memory that stands for it. */
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
	                      (uint64_t)f->signal_segment_size * f->signal_segment_count;
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

/* Only as much of the tables as is used: the file is sparse. */
static int load_tables(const struct vt_ring_view *v)
{
	struct vt_ring_file *f = v->file;
	uint64_t types = f->next_type < f->type_count ? f->next_type : f->type_count;
	uint64_t strings = f->next_string < f->string_count ? f->next_string : f->string_count;
	uint64_t bytes = f->next_byte < f->bytes_size ? f->next_byte : f->bytes_size;

	int err = load(v, f->threads_offset, f->slot_count * sizeof(struct vt_thread_entry));
	if (!err)
		err = load(v, f->types_offset, types * sizeof(struct vt_table_entry));
	if (!err)
		err = load(v, f->strings_offset, strings * sizeof(struct vt_table_entry));
	if (!err)
		err = load(v, f->bytes_offset, bytes);
	f->program[sizeof(f->program) - 1] = 0;
	return err;
}

static int map(struct vt_ring_view *v, int fd, enum vt_view_mode mode)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return -EPERM;
	if (st.st_size < (off_t)VT_RING_FILE_HEADER)
		return -EAGAIN;
	if ((uint64_t)st.st_size > VT_MAX_RING_FILE)
		return -VT_E_LIMIT;
	v->size = (uint64_t)st.st_size;
	int flags = mode == VT_VIEW_LIVE ? MAP_SHARED : mode == VT_VIEW_PEEK ? MAP_PRIVATE :
	            MAP_PRIVATE | MAP_ANONYMOUS;
	v->file = mmap(NULL, v->size, PROT_READ | PROT_WRITE, flags | MAP_NORESERVE,
	               mode == VT_VIEW_DEAD ? -1 : fd, 0);
	if (v->file == MAP_FAILED) {
		v->file = NULL;
		return -errno;
	}
	return mode == VT_VIEW_DEAD ? load(v, 0, VT_RING_FILE_HEADER) : 0;
}

int vt_ring_view_open(struct vt_ring_view *v, const char *path, enum vt_view_mode mode)
{
	memset(v, 0, sizeof(*v));
	v->live = mode == VT_VIEW_LIVE;
	v->fd = open(path, (v->live ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (v->fd < 0)
		return -errno;
	int err = map(v, v->fd, mode);
	/* Pairs with the store-release of magic: what is behind it is complete. */
	if (!err && vt_load_acquire(&v->file->magic) != VT_RING_MAGIC)
		err = v->file->magic == 0 ? -EAGAIN : -VT_E_NOT_A_LOG;
	if (!err)
		err = check_header(v->file, v->size);
	if (!err && mode == VT_VIEW_DEAD)
		err = load_tables(v);
	if (mode != VT_VIEW_DEAD || err) {
		close(v->fd);
		v->fd = -1;
	}
	if (err)
		vt_ring_view_close(v);
	return err;
}

void vt_ring_view_borrow(struct vt_ring_view *v, struct vt_ring_file *file)
{
	memset(v, 0, sizeof(*v));
	v->file = file;
	v->size = file->total_size;
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

/* A horizon that no producer stores would hide the whole ring. Of a live ring it is believed: drain.c. */
static void check_horizon(struct vt_ring *ring, uint32_t segment_size)
{
	if (ring->horizon % segment_size || ring->horizon > ring->commit + segment_size)
		ring->horizon = 0;
}

struct vt_slot *vt_ring_view_slot(struct vt_ring_view *v, unsigned index)
{
	struct vt_ring_file *f = v->file;
	/* A slot whose claim met a full file system has no pages, and touching it is SIGBUS. */
	if (index >= f->slot_count || vt_load_acquire(&vt_threads_of(f)[index].start) == 0)
		return NULL;
	struct vt_slot *slot = vt_slot_of(f, index);
	uint64_t offset = (uint64_t)((char *)slot - (char *)f);
	if (v->fd < 0)
		return slot;
	if (load(v, offset, f->slot_size) < 0)
		return NULL;
	check_horizon(&slot->main, f->segment_size);
	check_horizon(&slot->signal, f->signal_segment_size);
	return slot;
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

/* ---- its process --------------------------------------------------------------------------------- */

static uint64_t start_time_of(uint32_t pid)
{
	char path[64], text[1024];
	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = 0;
	char *at = strrchr(text, ')');
	if (at && at[1] == ' ' && (at[2] == 'Z' || at[2] == 'X'))
		return 0;       /* a zombie runs no more */
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at, NULL, 10) : 0;
}

bool vt_ring_view_alive(const struct vt_ring_view *v)
{
	const struct vt_ring_file *f = v->file;
	uint64_t start = start_time_of(f->pid);
	return start != 0 && start == f->pid_start;
}
