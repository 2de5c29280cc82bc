/* record_tree.c - see record_tree.h. All on the recorder's loop. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <valktrace/error.h>

#include "core/follow_tables.h"
#include "core/record_tree.h"

enum { SCAN_MS = 200 };

struct vt_tree_process {
	struct vt_tree_process *next;
	struct vt_tree *tree;
	uint32_t index;                 /* in the recorder */
	pid_t pid;
	uint64_t pid_start, image;
	char path[PATH_MAX];
	struct vt_ring_view view;       /* until the recorder has it */
	int pidfd;
	uv_poll_t poll;                 /* open while pidfd >= 0 */
};

/* ---- the run's page -------------------------------------------------------------------------------- */

int vt_tree_prepare(struct vt_tree *t, const char *directory, uint64_t run, uint64_t ring_size,
                    enum vt_ring_mode mode, uint64_t mask, const char *names)
{
	memset(t, 0, sizeof(*t));
	t->run = run;
	snprintf(t->directory, sizeof(t->directory), "%s", directory);
	snprintf(t->page_path, sizeof(t->page_path), "%s/%016llx.run", t->directory,
	         (unsigned long long)run);
	int fd = open(t->page_path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	/* Written, not only sized: a full file system must not be a SIGBUS in every process. */
	static const char zeros[VT_RUN_PAGE_SIZE];
	ssize_t n = write(fd, zeros, sizeof(zeros));
	void *page = n == (ssize_t)sizeof(zeros) ?
		mmap(NULL, sizeof(zeros), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
	int err = page == MAP_FAILED ? (n >= 0 && n < (ssize_t)sizeof(zeros) ? -ENOSPC : -errno) : 0;
	close(fd);
	if (err) {
		unlink(t->page_path);
		return err;
	}
	t->page = page;
	*t->page = (struct vt_run_page){
		.abi = VT_ABI, .mode = mode, .run = run, .ring_size = ring_size, .mask = mask,
	};
	snprintf(t->page->names, sizeof(t->page->names), "%s", names);
	vt_store_release(&t->page->magic, VT_RUN_PAGE_MAGIC);
	return 0;
}

/* ---- ends -------------------------------------------------------------------------------------------- */

static void free_process(uv_handle_t *handle)
{
	free(handle->data);
}

static void forget(struct vt_tree_process *p, bool written)
{
	struct vt_tree *t = p->tree;

	for (struct vt_tree_process **at = &t->processes; *at; at = &(*at)->next)
		if (*at == p) {
			*at = p->next;
			break;
		}
	if (written)
		unlink(p->path);
	else
		t->left_behind++;
	if (p->pidfd >= 0) {
		uv_poll_stop(&p->poll);
		close(p->pidfd);
		uv_close((uv_handle_t *)&p->poll, free_process);
	} else {
		free(p);
	}
}

static void add_probe(struct vt_tree *t, const char *name, size_t length)
{
	size_t have = strlen(t->probes);
	if (memmem(t->probes, have, name, length) || have + length + 3 > sizeof(t->probes))
		return;
	snprintf(t->probes + have, sizeof(t->probes) - have, "%s%.*s", have ? ", " : "", (int)length, name);
}

static void note_no_collector(struct vt_tree *t, const struct vt_followed *f)
{
	const struct vt_source_entry *gc = &f->view.file->sources[VT_SRC_gc];
	size_t n = 0;

	if (*t->no_collector || vt_load_acquire(&gc->state) != 1)
		return;
	struct vt_span text = vt_follow_string(f, vt_load_relaxed(&gc->reason));
	for (; n < text.length && n < sizeof(t->no_collector) - 1; n++)
		t->no_collector[n] = text.at[n] >= ' ' && text.at[n] < 0x7f ? text.at[n] : '?';
	t->no_collector[n] = 0;
}

/* For the closing line: which probes were found, how many threads there were. */
static void take_notes(struct vt_tree *t, struct vt_followed *f)
{
	struct vt_ring_file *file = f->view.file;

	t->threads += (unsigned)file->slots_used;
	note_no_collector(t, f);
	for (unsigned i = 0; i < VT_MAX_FACTS; i++) {
		const struct vt_fact_entry *fact = &file->facts[i];
		if (!vt_load_acquire(&fact->ready) || fact->key == 0 || fact->key > file->string_count ||
		    fact->value == 0 || fact->value > file->string_count)
			continue;
		const struct vt_table_entry *key = &vt_strings_of(file)[fact->key - 1];
		const struct vt_table_entry *value = &vt_strings_of(file)[fact->value - 1];
		const uint8_t *k = vt_ring_view_bytes(&f->view, key);
		const uint8_t *v = vt_ring_view_bytes(&f->view, value);
		if (k && v && key->length == 5 && memcmp(k, "probe", 5) == 0)
			add_probe(t, (const char *)v, value->length);
	}
}

static void finish(struct vt_tree_process *p, enum vt_ending ending, uint32_t status)
{
	struct vt_tree *t = p->tree;
	struct vt_followed *f = vt_recorder_process(t->recorder, p->index);

	if (f)
		take_notes(t, f);
	if (f && ending == VT_END_GONE && vt_load_acquire(&f->view.file->exited)) {
		ending = VT_END_EXIT;
		status = f->view.file->exit_status;
	}
	int err = vt_recorder_finish(t->recorder, p->index, ending, status);
	forget(p, err == 0);
}

/* A process ended. How, only its parent can say: for all but the command that is not us. */
static void on_gone(uv_poll_t *handle, int status, int events)
{
	struct vt_tree_process *p = handle->data;
	struct vt_tree *t = p->tree;
	(void)status, (void)events;

	if (p->pid == t->child) {
		uv_poll_stop(handle);   /* vt_tree_child_ended follows */
		return;
	}
	finish(p, VT_END_GONE, 0);
	vt_tree_scan(t);
	if (!t->processes && t->on_empty)
		t->on_empty(t);
}

void vt_tree_child_ended(struct vt_tree *t, int wait_status)
{
	vt_tree_scan(t);
	for (struct vt_tree_process *p = t->processes, *next; p; p = next) {
		next = p->next;
		if (p->pid != t->child)
			continue;
		if (WIFSIGNALED(wait_status))
			finish(p, VT_END_SIGNAL, (uint32_t)WTERMSIG(wait_status));
		else
			finish(p, VT_END_EXIT, (uint32_t)WEXITSTATUS(wait_status));
	}
	t->child = 0;
}

/* ---- beginnings -------------------------------------------------------------------------------------- */

static struct vt_tree_process *known(const struct vt_tree *t, const char *path)
{
	for (struct vt_tree_process *p = t->processes; p; p = p->next)
		if (strcmp(p->path, path) == 0)
			return p;
	return NULL;
}

static void watch_process(struct vt_tree_process *p)
{
	/* Not that of a process which has its pid by now, or has the same in our pid namespace. */
	p->pidfd = p->view.pid ? (int)syscall(SYS_pidfd_open, p->view.pid, 0) : -1;
	p->poll.data = p;
	if (p->pidfd >= 0 && (uv_poll_init(p->tree->loop, &p->poll, p->pidfd) != 0 ||
	                      uv_poll_start(&p->poll, UV_READABLE, on_gone) != 0)) {
		close(p->pidfd);
		p->pidfd = -1;          /* the scan will see that it is gone */
	}
}

/* exec keeps pid and start time, and the new image has a ring file of its own: the old one is done. */
static void finish_former_image(struct vt_tree *t, const struct vt_tree_process *now)
{
	for (struct vt_tree_process *p = t->processes, *next; p; p = next) {
		next = p->next;
		if (p != now && p->pid == now->pid && p->pid_start == now->pid_start)
			finish(p, VT_END_EXEC, 0);
	}
}

/* To be taken up with the others that this scan finds: in the order in which they began. */
static void find(struct vt_tree *t, const char *path, uint64_t image)
{
	struct vt_ring_view view;
	int err = vt_ring_view_open(&view, path, VT_VIEW_LIVE);

	if (err < 0)
		return;                 /* -EAGAIN: still being made, the next scan */
	struct vt_tree_process *p = view.file->run == t->run ? calloc(1, sizeof(*p)) : NULL;
	if (!p) {
		vt_ring_view_close(&view);
		return;
	}
	p->tree = t;
	p->view = view;
	p->pid = (pid_t)view.file->pid;
	p->pid_start = view.file->pid_start;
	p->image = image;
	snprintf(p->path, sizeof(p->path), "%s", path);
	struct vt_tree_process **at = &t->found;
	while (*at && (*at)->view.file->ticks <= view.file->ticks)
		at = &(*at)->next;
	p->next = *at;
	*at = p;
}

static void take_up(struct vt_tree *t, struct vt_tree_process *p)
{
	int64_t index = vt_recorder_add(t->recorder, &p->view, p->image);

	if (index < 0) {
		vt_ring_view_close(&p->view);
		free(p);
		return;
	}
	p->index = (uint32_t)index;
	p->next = t->processes;
	t->processes = p;
	t->seen++;
	watch_process(p);
	finish_former_image(t, p);
}

/* Calls `each` for every ring file of the run. */
static void each_ring_file(struct vt_tree *t, void (*each)(struct vt_tree *t, const char *path, uint64_t image))
{
	char prefix[32], path[PATH_MAX];
	DIR *dir = opendir(t->directory);
	if (!dir)
		return;
	int length = snprintf(prefix, sizeof(prefix), "%016llx-", (unsigned long long)t->run);
	for (struct dirent *e; (e = readdir(dir));) {
		unsigned long long image;
		if (strncmp(e->d_name, prefix, (size_t)length) != 0 ||
		    sscanf(e->d_name + length, "%*d-%16llx.vring", &image) != 1)
			continue;
		int n = snprintf(path, sizeof(path), "%s/%s", t->directory, e->d_name);
		if (n > 0 && (size_t)n < sizeof(path))
			each(t, path, image);
	}
	closedir(dir);
}

static void find_if_new(struct vt_tree *t, const char *path, uint64_t image)
{
	if (!known(t, path))
		find(t, path, image);
}

/* A process that was killed while it made its file has left one that will never be whole. */
static void remove_if_unfinished(struct vt_tree *t, const char *path, uint64_t image)
{
	struct vt_ring_view view;
	(void)t, (void)image;

	int err = vt_ring_view_open(&view, path, VT_VIEW_LIVE);
	if (!err)
		vt_ring_view_close(&view);
	else if (err == -EAGAIN)
		unlink(path);
}

void vt_tree_scan(struct vt_tree *t)
{
	each_ring_file(t, find_if_new);
	/* Parents before their children, images of a process in their order: who comes later looks for the former. */
	for (struct vt_tree_process *p; (p = t->found);) {
		t->found = p->next;
		take_up(t, p);
	}
	for (struct vt_tree_process *p = t->processes, *next; p; p = next) {
		next = p->next;
		struct vt_followed *f = vt_recorder_process(t->recorder, p->index);
		if (p->pidfd < 0 && p->pid != t->child && f && !vt_ring_view_alive(&f->view))
			finish(p, VT_END_GONE, 0);
	}
}

static void on_change(uv_fs_event_t *handle, const char *name, int events, int status)
{
	(void)name, (void)events, (void)status;
	vt_tree_scan(handle->data);
}

static void on_scan(uv_timer_t *handle)
{
	vt_tree_scan(handle->data);
}

int vt_tree_watch(struct vt_tree *t, uv_loop_t *loop, struct vt_recorder *recorder)
{
	t->loop = loop;
	t->recorder = recorder;
	int err = uv_timer_init(loop, &t->scan_timer);
	if (!err)
		err = uv_fs_event_init(loop, &t->watch);
	if (err)
		return err;
	t->scan_timer.data = t->watch.data = t;
	/* Without inotify (its limits can be used up) the timer alone finds them. */
	uv_fs_event_start(&t->watch, on_change, t->directory, 0);
	return uv_timer_start(&t->scan_timer, on_scan, SCAN_MS, SCAN_MS);
}

void vt_tree_missing(const struct vt_tree *t, char *to, size_t size)
{
	unsigned count = vt_load_relaxed(&t->page->failures.count);

	*to = 0;
	if (count > 0)
		snprintf(to, size, "%u process%s made no ring file: %s", count, count == 1 ? "" : "es",
		         vt_strerror(t->page->failures.error));
}

bool vt_tree_running(const struct vt_tree *t)
{
	return t->processes != NULL;
}

void vt_tree_close(struct vt_tree *t)
{
	if (t->page)
		vt_store_relaxed(&t->page->closed, 1);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);        /* with the agent's, which looks at it last */
	if (t->loop) {
		vt_tree_scan(t);
		uv_close((uv_handle_t *)&t->watch, NULL);
		uv_close((uv_handle_t *)&t->scan_timer, NULL);
	}
	while (t->processes) {
		struct vt_tree_process *p = t->processes;
		struct vt_followed *f = vt_recorder_process(t->recorder, p->index);
		if (f)
			vt_store_relaxed(&f->view.file->wanted_mask, 0);
		finish(p, VT_END_RUNNING, 0);
	}
	each_ring_file(t, remove_if_unfinished);
	unlink(t->page_path);
}
