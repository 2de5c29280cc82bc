/*
 * agent.c - the preloaded library: joins the run of `valktrace record` and carries the probes.
 *
 * It links libc and pthreads only, exports one versioned symbol and what its probes stand before (see
 * agent.map), and does nothing at all in a process that is not part of a run. Whatever fails, the program
 * goes on untraced.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <valktrace.h>

#include "collectors/probes/libc.h"
#include "collectors/probes/probe.h"
#include "core/process.h"
#include "core/run_page.h"
#include "core/thread.h"

static const struct vt_probe *const probes[] = {
	&vt_probe_boehm,
	&vt_probe_lua,
	&vt_probe_epoll,
	NULL
};

/* By this a library in the same process finds us, and which ABI we speak. */
VT_API extern const struct vt_outer valktrace_agent_1;
const struct vt_outer valktrace_agent_1 = { VT_ABI, &vt_process, vt_thread_claim_for };

VT_API extern const struct vt_agent_heap valktrace_agent_heap_1;
const struct vt_agent_heap valktrace_agent_heap_1 = { VT_ABI, 0, vt_libc_heap };

static struct vt_run_page *map_page(const char *directory, uint64_t run)
{
	char path[PATH_MAX];
	struct stat st;

	int n = snprintf(path, sizeof(path), "%s/%016llx.run", directory, (unsigned long long)run);
	int fd = n > 0 && (size_t)n < sizeof(path) ? open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC) : -1;
	if (fd < 0)
		return NULL;            /* the run is over, or is not ours: nothing to say */
	void *page = MAP_FAILED;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= (off_t)VT_RUN_PAGE_SIZE)
		page = mmap(NULL, VT_RUN_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return page == MAP_FAILED ? NULL : page;
}

static bool usable(const struct vt_run_page *page, uint64_t run)
{
	if (vt_load_acquire(&page->magic) != VT_RUN_PAGE_MAGIC || page->run != run || page->closed)
		return false;
	if (page->abi == VT_ABI)
		return true;
	fprintf(stderr, "valktrace: agent and recorder are of different versions; tracing is off\n");
	return false;
}

/* Absent is not zero: what was looked for is told with it. */
static void say_no_collector(void)
{
	char reason[256] = "no known collector in the process (known: ";
	size_t n = strlen(reason);

	const char *comma = "";
	for (unsigned i = 0; probes[i] && n < sizeof(reason) - 64; i++) {
		if (probes[i]->source != VT_SRC_gc)
			continue;
		n += (size_t)snprintf(reason + n, sizeof(reason) - n, "%s%.40s", comma, probes[i]->name);
		comma = ", ";
	}
	snprintf(reason + n, sizeof(reason) - n, ")");
	vt_source_say(VT_SRC_gc, false, reason);
}

static void attach_probes(void)
{
	char what[64], all[256] = "";

	for (unsigned i = 0; probes[i]; i++) {
		size_t n = strlen(all);
		if (probes[i]->attach(what, sizeof(what)))
			snprintf(all + n, sizeof(all) - n, "%s%s", n ? ", " : "", what);
	}
	if (*all)
		vt_fact("probe", all, VT_FIELD_PUBLIC);
	if (vt_process.file->sources[VT_SRC_gc].state == 0)
		say_no_collector();
	static const struct { enum vt_source_id source; const char *reason; } silent[] = {
		{ VT_SRC_interp, "no probe for this runtime (valktrace schema --probes lists them)" },
		{ VT_SRC_loop, "no event loop: nothing in the process waits by epoll" },
		{ VT_SRC_http, "no server in the process reports it (valktrace/http.h)" },
		{ VT_SRC_kernel, "calls of the C library are not counted (calls=off)" },
	};
	for (unsigned i = 0; i < sizeof(silent) / sizeof(silent[0]); i++)
		if (vt_process.file->sources[silent[i].source].state == 0)
			vt_source_say(silent[i].source, false, silent[i].reason);
}

/* The recorder is not the parent of every process and cannot ask how it ended. */
static void on_exit_called(int status, void *unused)
{
	(void)unused;
	vt_calls_settle();
	struct vt_ring_file *f = vt_process.file;
	if (!f || !vt_load_relaxed(&vt__gate.counting))
		return;
	f->exit_status = (uint32_t)status & 0xff;
	vt_store_release(&f->exited, 1);
}

static void join(const char *where)
{
	char *end;
	uint64_t run = strtoull(where, &end, 16);
	if (*end != ':' || end[1] != '/')
		return;
	struct vt_run_page *page = map_page(end + 1, run);
	if (!page || !usable(page, run))
		return;
	struct vt_geometry geometry;
	vt_geometry_of(&geometry, page->ring_size, page->mode == VT_DISCARD ? VT_DISCARD : VT_OVERWRITE);
	snprintf(vt_process.wanted_names, sizeof(vt_process.wanted_names), "%.*s",
	         (int)sizeof(page->names) - 1, page->names);
	vt_process.closed = &page->closed;
	vt_process.failures = &page->failures;
	int err = vt_process_attach(end + 1, run, &geometry, page->mask, &page->bell, true);
	if (err < 0) {
		vt_process_failed(err);
		return;
	}
	/* The recorder looks for files once more after it has set `closed`: it has seen this one, or we see
	 * that. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (vt_load_relaxed(&page->closed)) {
		vt_process_detach();
		unlink(vt_process.place.path);
		return;
	}
	on_exit(on_exit_called, NULL);
	if (!page->no_calls)
		vt_libc_attach();
	attach_probes();
}

__attribute__((constructor)) static void start(void)
{
	int saved = errno;
	const char *where = secure_getenv(VT_RUN_VARIABLE), *options = secure_getenv("VALKTRACE");

	vt_thread_inside++;
	vt_libc_prepare();
	if (where && !(options && strcmp(options, "0") == 0))
		join(where);
	vt_thread_inside--;
	errno = saved;
}
