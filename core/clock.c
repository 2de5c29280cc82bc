/* clock.c - anchors and the tick rate. */
#include <time.h>

#include <valktrace/ring.h>

#include "core/clock.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

static uint64_t ns_of(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The tightest of a few readings: an interrupt between two of them would shift one clock. */
struct vt_anchor vt_anchor_now(void)
{
	struct vt_anchor best = { 0, 0, 0 };
	uint64_t best_width = UINT64_MAX;

	for (int i = 0; i < 4; i++) {
		uint64_t before = vt_ticks();
		uint64_t monotonic = ns_of(CLOCK_MONOTONIC);
		uint64_t after = vt_ticks();
		uint64_t realtime = ns_of(CLOCK_REALTIME);
		if (after - before < best_width) {
			best_width = after - before;
			best = (struct vt_anchor){ before + (after - before) / 2, monotonic, realtime };
		}
	}
	return best;
}

#if defined(__x86_64__)
static uint64_t nominal_hz(void)
{
	unsigned denominator, numerator, crystal, unused;

	/* Leaf 15h gives the exact ratio; hypervisors say kHz in leaf 40000010h. */
	if (__get_cpuid(0x15, &denominator, &numerator, &crystal, &unused) &&
	    denominator && numerator && crystal)
		return (uint64_t)crystal * numerator / denominator;
	unsigned eax, ebx, ecx, edx;
	__cpuid(1, eax, ebx, ecx, edx);
	if (ecx >> 31) {
		__cpuid(0x40000000, eax, ebx, ecx, edx);
		if (eax >= 0x40000010) {
			__cpuid(0x40000010, eax, ebx, ecx, edx);
			if (eax)
				return (uint64_t)eax * 1000;
		}
	}
	return 0;
}
#elif defined(__aarch64__)
static uint64_t nominal_hz(void)
{
	uint64_t hz;
	__asm__ volatile("mrs %0, cntfrq_el0" : "=r"(hz));
	return hz;
}
#endif

/* A program may run under a clock that stands still (libfaketime): it must not wait for ever. */
static uint64_t measured_hz(void)
{
	struct vt_anchor a = vt_anchor_now(), b = a;

	for (unsigned tries = 0; b.monotonic - a.monotonic < 500000 && tries < 100000; tries++)
		b = vt_anchor_now();
	if (b.monotonic - a.monotonic - 1 >= 1000000000)        /* still, backwards or far off */
		return 1000000000;
	return (uint64_t)((vt_u128)(b.ticks - a.ticks) * 1000000000u /
	                  (b.monotonic - a.monotonic));
}

uint64_t vt_tick_hz(void)
{
	static uint64_t hz;     /* the same whoever computes it: relaxed is enough */

	uint64_t known = vt_load_relaxed(&hz);
	if (!known) {
		known = nominal_hz();
		/* A TSC that says nothing, or nonsense, is measured for half a ms. */
		if (known < 1000000 || known > 20000000000ull)
			known = measured_hz();
		vt_store_relaxed(&hz, known);
	}
	return known;
}

uint64_t vt_ticks_to_ns(uint64_t ticks)
{
	return (uint64_t)((vt_u128)ticks * 1000000000u / vt_tick_hz());
}
