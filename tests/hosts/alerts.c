/*
 * alerts.c - a host that does well for 2 seconds and badly for 9: then it pauses nearly all the time, its heap
 * is full, ticks and system calls are slow and fail, requests fail, and more events come than its ring holds.
 *
 * Options come from VALKTRACE. Times are slept, so that a busy machine makes none of this better.
 */
#include <stdio.h>
#include <time.h>

#include <valktrace.h>

enum { WELL = 20, BADLY = 90, ROUND_MS = 100, LIMIT = 1 << 20 };

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void wait_ms(unsigned ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000L }, NULL);
}

/* A round of 100 ms, and what it reports. */
static void work(bool well)
{
	struct vt_http_request request = { 0 };
	unsigned pause = well ? 1 : 95;
	uint64_t begun = now();

	vt_http_request_begin(&request);
	vt_gc_begin(VT_GC_MAJOR);
	wait_ms(pause);
	vt_gc_end(.reclaimed = 1000, .heap_used = well ? LIMIT / 2 : LIMIT - 1000, .heap_total = LIMIT);
	uint64_t time = now() - begun;
	vt_tick(time);
	vt_syscall(1, well ? 0 : -1, time);
	vt_http_request_end(&request, well ? 200 : 503, 10, 10);
	for (unsigned i = 0; !well && i < 100000; i++)
		VT_EMIT(gc, refused, .outcome = VT_gc_outcome_skipped);
	wait_ms(ROUND_MS - pause);
}

int main(void)
{
	if (vt_start(&(struct vt_options){ .program = "alerts", .version = "1" }) < 0)
		return 1;
	vt_syscall_name(1, "fetch");
	vt_http_attach();
	for (unsigned i = 0; i < WELL + BADLY; i++)
		work(i < WELL);
	vt_stop();
	return 0;
}
