/*
 * heap.c - libvalktrace-heap.so: the allocator's calls, for `record --category memory`.
 *
 * A library of its own, as every program allocates and most are not asked about it: they keep their
 * allocator untouched. Preloaded behind the agent and before whatever allocator comes next, which does the
 * work; a block is never ours, so a foreign pointer passes through free as it is. Before the next malloc is
 * known, memory comes from a small arena that is never given back.
 */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/probes/libc.h"
#include <valktrace/ring.h>

enum {
#define VT_CALL_HEAP(id, category, name) C_##name = id,
#include "core/calls.def"
};

static void (*report)(unsigned call, bool failed, uint64_t size, uint64_t begin);

static void *(*next_malloc)(size_t);
static void *(*next_calloc)(size_t, size_t);
static void *(*next_realloc)(void *, size_t);
static void *(*next_reallocarray)(void *, size_t, size_t);
static void (*next_free)(void *);
static int (*next_posix_memalign)(void **, size_t, size_t);
static void *(*next_aligned_alloc)(size_t, size_t);
static void *(*next_memalign)(size_t, size_t);

/* ---- before the next one is known ------------------------------------------------------------------- */

/* A block: its size in 16 bytes, then its bytes. */
static _Alignas(4096) char arena[64 << 10];
static size_t arena_used;
static VT_THREAD_LOCAL bool looking __attribute__((tls_model("initial-exec")));

static bool is_arena(const void *p)
{
	return (const char *)p >= arena && (const char *)p < arena + sizeof(arena);
}

static void *arena_take(size_t align, size_t n)
{
	if (align < 16)
		align = 16;
	if (n > sizeof(arena) || align > 4096)
		return NULL;
	size_t whole = n + align + 32;
	size_t at = __atomic_fetch_add(&arena_used, whole, __ATOMIC_RELAXED);
	if (at + whole > sizeof(arena))
		return NULL;
	at = (at + 16 + align - 1) / align * align;
	memcpy(arena + at - 16, &n, sizeof(n));
	return arena + at;
}

static size_t arena_size(const void *p)
{
	size_t n;
	memcpy(&n, (const char *)p - 16, sizeof(n));
	return n;
}

/* dlsym may allocate: this thread is served by the arena meanwhile. */
static void look_up(void)
{
	static const struct { const char *name; void *to; } all[] = {
		{ "free", &next_free }, { "calloc", &next_calloc }, { "realloc", &next_realloc },
		{ "reallocarray", &next_reallocarray }, { "posix_memalign", &next_posix_memalign },
		{ "aligned_alloc", &next_aligned_alloc }, { "memalign", &next_memalign },
		{ "malloc", &next_malloc },
	};

	looking = true;
	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++)
		*(void **)all[i].to = dlsym(RTLD_NEXT, all[i].name);
	looking = false;
}

/* May the next one be called? */
static inline bool ready(void)
{
	if (vt_likely(next_malloc != NULL))
		return true;
	if (!looking)
		look_up();
	return next_malloc != NULL;
}

/* ---- the calls --------------------------------------------------------------------------------------- */

VT_API void *malloc(size_t n)
{
	if (vt_unlikely(!ready()))
		return arena_take(16, n);
	if (!report)
		return next_malloc(n);
	uint64_t begin = vt_ticks();
	void *p = next_malloc(n);
	report(C_malloc, !p, n, begin);
	return p;
}

VT_API void *calloc(size_t count, size_t n)
{
	if (vt_unlikely(!ready()))      /* the arena is zero, and no block is used twice */
		return n && count > SIZE_MAX / n ? NULL : arena_take(16, count * n);
	if (!report)
		return next_calloc(count, n);
	uint64_t begin = vt_ticks();
	void *p = next_calloc(count, n);
	report(C_calloc, !p, count * n, begin);
	return p;
}

static void *leave_arena(void *old, size_t n)
{
	size_t had = arena_size(old);
	void *p = malloc(n);

	if (p)
		memcpy(p, old, had < n ? had : n);
	return p;
}

VT_API void *realloc(void *old, size_t n)
{
	if (vt_unlikely(is_arena(old)))
		return leave_arena(old, n);
	if (vt_unlikely(!ready()))
		return arena_take(16, n);
	if (!report)
		return next_realloc(old, n);
	uint64_t begin = vt_ticks();
	void *p = next_realloc(old, n);
	report(C_realloc, !p && n > 0, n, begin);
	return p;
}

VT_API void *reallocarray(void *old, size_t count, size_t n)
{
	if (vt_unlikely(is_arena(old) || !ready())) {
		if (n && count > SIZE_MAX / n) {
			errno = ENOMEM;
			return NULL;
		}
		return realloc(old, count * n);
	}
	if (!report)
		return next_reallocarray(old, count, n);
	uint64_t begin = vt_ticks();
	void *p = next_reallocarray(old, count, n);
	report(C_reallocarray, !p && n > 0 && count > 0, count * n, begin);
	return p;
}

VT_API void free(void *p)
{
	if (vt_unlikely(is_arena(p)) || vt_unlikely(!ready()))
		return;
	if (!report) {
		next_free(p);
		return;
	}
	uint64_t begin = vt_ticks();
	next_free(p);
	report(C_free, false, 0, begin);
}

VT_API int posix_memalign(void **to, size_t align, size_t n)
{
	if (vt_unlikely(!ready()))
		return ENOMEM;
	if (!report)
		return next_posix_memalign(to, align, n);
	uint64_t begin = vt_ticks();
	int err = next_posix_memalign(to, align, n);
	report(C_posix_memalign, err != 0, n, begin);
	return err;
}

VT_API void *aligned_alloc(size_t align, size_t n)
{
	if (vt_unlikely(!ready()))
		return arena_take(align, n);
	if (!report)
		return next_aligned_alloc(align, n);
	uint64_t begin = vt_ticks();
	void *p = next_aligned_alloc(align, n);
	report(C_aligned_alloc, !p, n, begin);
	return p;
}

VT_API void *memalign(size_t align, size_t n)
{
	if (vt_unlikely(!ready()))
		return arena_take(align, n);
	if (!report)
		return next_memalign(align, n);
	uint64_t begin = vt_ticks();
	void *p = next_memalign(align, n);
	report(C_memalign, !p, n, begin);
	return p;
}

/* ---- the agent --------------------------------------------------------------------------------------- */

__attribute__((constructor)) static void start(void)
{
	int saved = errno;
	const struct vt_agent_heap *agent = dlsym(RTLD_DEFAULT, "valktrace_agent_heap_1");

	ready();
	if (agent && agent->abi == VT_ABI)
		report = agent->report;
	errno = saved;
}
