/* ring_file.c - directory, creation and pages of the ring file. libc only: the agent links it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/crc32c.h"
#include "core/ring_file.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/*
 * Entering a segment makes its pages on the first lap, inside an emit: 4 pages are 7 us, 16 were 25. An
 * eighth of a small ring, so that overwriting never takes more at once.
 */
enum { LEAST_SEGMENTS = 8, LARGEST_SEGMENT = 16384 };
enum { SIGNAL_SEGMENT = 4096, SIGNAL_SEGMENTS = 3, PAGE = 4096 };

static uint64_t round_up(uint64_t n, uint64_t unit)
{
	return (n + unit - 1) / unit * unit;
}

void vt_geometry_of(struct vt_geometry *g, uint64_t ring_size, enum vt_ring_mode mode)
{
	if (ring_size == 0)
		ring_size = 512 << 10;
	uint64_t segment = round_up(ring_size / LEAST_SEGMENTS, PAGE);
	if (segment < PAGE)
		segment = PAGE;
	if (segment > LARGEST_SEGMENT)
		segment = LARGEST_SEGMENT;
	uint64_t count = ring_size / segment;
	*g = (struct vt_geometry){
		.segment_size = (uint32_t)segment,
		.segment_count = (uint32_t)(count < LEAST_SEGMENTS ? LEAST_SEGMENTS : count), .mode = mode,
	};
}

static int make_private_directory(const char *path)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	struct stat st;
	if (lstat(path, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022))
		return -EPERM;
	return access(path, W_OK | X_OK) < 0 ? -errno : 0;
}

static bool is_our_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

int vt_ring_directory(const char *wanted, char *to, size_t size)
{
	if (wanted && *wanted) {
		int n = snprintf(to, size, "%s", wanted);
		return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : make_private_directory(to);
	}
	const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
	/* That of the user whom sudo -E took it from is not ours: he could move what lies in it. */
	if (runtime && *runtime == '/' && is_our_directory(runtime)) {
		int n = snprintf(to, size, "%s/valktrace", runtime);
		if (n > 0 && (size_t)n < size && make_private_directory(to) == 0)
			return 0;
	}
	snprintf(to, size, "/dev/shm/valktrace-%u", (unsigned)geteuid());
	return make_private_directory(to);
}

void vt_ring_directory_name(char *to, size_t size)
{
	const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
	char path[PATH_MAX / 2];
	struct stat st;

	if (runtime && *runtime == '/' && is_our_directory(runtime) &&
	    (size_t)snprintf(path, sizeof(path), "%s/valktrace", runtime) < sizeof(path) &&
	    lstat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		snprintf(to, size, "%s", path);
		return;
	}
	snprintf(to, size, "/dev/shm/valktrace-%u", (unsigned)geteuid());
}

uint64_t vt_process_start(uint32_t pid)
{
	char path[64] = "/proc/self/stat", text[1024];
	if (pid)
		snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = 0;
	char *at = strrchr(text, ')');      /* the name in parentheses may hold anything */
	if (at && at[1] == ' ' && (at[2] == 'Z' || at[2] == 'X'))
		return 0;       /* a zombie runs no more */
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at, NULL, 10) : 0;
}

static uint64_t hash_of_file(const char *path)
{
	char text[64];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof(text));
	close(fd);
	return n <= 0 ? 0 : (uint64_t)vt_crc32c(0, text, (size_t)n) << 32 | vt_crc32c(1, text, (size_t)n);
}

uint64_t vt_boot(void)
{
	return hash_of_file("/proc/sys/kernel/random/boot_id");
}

static void name_of_program(char *to, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", to, size - 1);
	if (n <= 0) {
		snprintf(to, size, "%s", program_invocation_short_name);
		return;
	}
	to[n] = 0;
	char *slash = strrchr(to, '/');
	if (slash)
		memmove(to, slash + 1, strlen(slash + 1) + 1);
}

/*
 * Bytes that the file may have. Growing it beyond ulimit -f would raise SIGXFSZ in the program, and of
 * ulimit -v the program needs the most part itself.
 */
static uint64_t room_for_file(void)
{
	struct rlimit file, space;
	uint64_t room = VT_MAX_RING_FILE;

	if (getrlimit(RLIMIT_FSIZE, &file) == 0 && file.rlim_cur < room)
		room = file.rlim_cur;
	if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur / 8 < room)
		room = space.rlim_cur / 8;
	return room;
}

static void fill_layout(struct vt_ring_file *f, const struct vt_geometry *g)
{
	f->abi = VT_ABI;
	f->header_size = VT_RING_FILE_HEADER;
	f->slot_struct_size = sizeof(struct vt_slot);
	f->segment_size = g->segment_size;
	f->segment_count = g->segment_count;
	f->signal_segment_size = SIGNAL_SEGMENT;
	f->signal_segment_count = SIGNAL_SEGMENTS;
	f->slot_size = (uint32_t)round_up(VT_SLOT_HEADER + (uint64_t)g->segment_size * g->segment_count +
	                                  SIGNAL_SEGMENT * SIGNAL_SEGMENTS + sizeof(struct vt_calls), PAGE);
	f->type_count = g->type_count ? g->type_count : 1024;
	f->string_count = g->string_count ? g->string_count : 65536;
	f->bytes_size = (uint64_t)f->string_count * 64;
	f->threads_offset = VT_RING_FILE_HEADER;
	f->types_offset = f->threads_offset + VT_MAX_SLOTS * sizeof(struct vt_thread_entry);
	f->strings_offset = round_up(f->types_offset + f->type_count * sizeof(struct vt_table_entry), PAGE);
	f->bytes_offset = round_up(f->strings_offset + f->string_count * sizeof(struct vt_table_entry), PAGE);
	f->slots_offset = f->bytes_offset + f->bytes_size;

	uint64_t most = room_for_file();
	uint64_t room = most > f->slots_offset ? (most - f->slots_offset) / f->slot_size : 0;
	f->slot_count = g->slot_count ? g->slot_count : VT_MAX_SLOTS;
	if (f->slot_count > room)
		f->slot_count = (uint32_t)room;
	f->total_size = f->slots_offset + (uint64_t)f->slot_count * f->slot_size;
	f->category_count = VT_MAX_CATEGORIES;
	f->mode = g->mode;
}

uint32_t vt_ring_file_crc(const struct vt_ring_file *f)
{
	struct vt_ring_file copy;
	memcpy(&copy, f, offsetof(struct vt_ring_file, wanted_mask));
	copy.crc = 0;
	copy.magic = VT_RING_MAGIC;
	return vt_crc32c(0, &copy, offsetof(struct vt_ring_file, wanted_mask));
}

void vt_ring_file_identify(struct vt_ring_file *f, uint64_t run)
{
	f->run = run;
	f->tick_hz = vt_tick_hz();
	f->pid = (uint32_t)getpid();
	f->parent_pid = (uint32_t)getppid();
	f->pid_start = vt_process_start(0);     /* /proc may be that of another pid namespace */
	f->boot = vt_boot();
	struct vt_anchor now = vt_anchor_now();
	f->ticks = now.ticks;
	f->monotonic = now.monotonic;
	f->realtime = now.realtime;
	char path[PATH_MAX];
	name_of_program(path, sizeof(path));
	size_t n = strnlen(path, sizeof(f->program) - 1);
	memcpy(f->program, path, n);
	if (!f->tables)
		f->tables = (f->ticks ^ (uint64_t)f->pid << 40) | 1;
	f->crc = vt_ring_file_crc(f);
	/* Pairs with the recorder's acquire load of magic: it then sees the whole header. */
	vt_store_release(&f->magic, VT_RING_MAGIC);
}

int vt_ring_file_name(struct vt_ring_place *place)
{
	if (getrandom(&place->image, sizeof(place->image), GRND_NONBLOCK) != sizeof(place->image))
		place->image = vt_ticks() * 0x9e3779b97f4a7c15ull;
	int n = snprintf(place->path, sizeof(place->path), "%s/%016llx-%d-%016llx.vring",
	                 place->directory, (unsigned long long)place->run, (int)getpid(),
	                 (unsigned long long)place->image);
	return n < 0 || (size_t)n >= sizeof(place->path) ? -ENAMETOOLONG : 0;
}

static int open_new(struct vt_ring_place *place)
{
	int err = vt_ring_file_name(place);
	if (err < 0)
		return err;
	int fd = open(place->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

int vt_ring_file_create(struct vt_ring_place *place, const struct vt_geometry *g,
                        struct vt_ring_file **file)
{
	struct vt_ring_file layout;
	memset(&layout, 0, sizeof(layout));
	fill_layout(&layout, g);
	if (layout.slot_count == 0)
		return room_for_file() < VT_MAX_RING_FILE ? -EFBIG : -EINVAL;

	int fd = open_new(place);
	if (fd < 0)
		return fd;
	int err = ftruncate(fd, (off_t)layout.total_size) < 0 ? -errno : 0;
	struct vt_ring_file *f = MAP_FAILED;
	if (!err) {
		f = mmap(NULL, layout.total_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
		err = f == MAP_FAILED ? -errno : 0;
	}
	close(fd);
	if (!err)
		err = vt_ring_file_populate(place, f, f, layout.types_offset);
	if (err) {
		if (f != MAP_FAILED)
			munmap(f, layout.total_size);
		unlink(place->path);
		return err;
	}
	memcpy(f, &layout, offsetof(struct vt_ring_file, wanted_mask));
	f->next_record = 1;
	vt_ring_file_identify(f, place->run);
	*file = f;
	return 0;
}

/* Kernels before 5.14: write zeros through a descriptor that is not kept, so that no host can hit it. */
static int populate_by_writing(const struct vt_ring_place *place, uint64_t offset, size_t length)
{
	static const char zeros[PAGE];
	int fd = open(place->path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int err = 0;
	while (length > 0 && !err) {
		size_t n = length < sizeof(zeros) ? length : sizeof(zeros);
		ssize_t done = pwrite(fd, zeros, n, (off_t)offset);
		if (done < 0 && errno != EINTR)
			err = -errno;
		else if (done > 0) {
			offset += (uint64_t)done;
			length -= (size_t)done;
		}
	}
	close(fd);
	return err;
}

int vt_ring_file_populate(const struct vt_ring_place *place, struct vt_ring_file *file,
                          void *from, size_t length)
{
	/* Not by madvise(): the agent's wrapper would count it as the host's, in the middle of the host's emit. */
	if (syscall(SYS_madvise, from, length, MADV_POPULATE_WRITE) == 0)
		return 0;
	if (errno != EINVAL)
		return errno == EFAULT ? -ENOSPC : -errno;
	uint64_t offset = (uint64_t)((char *)from - (char *)file);
	return populate_by_writing(place, offset, length);
}
