/* clock.h - ticks and what they mean: anchors, the nominal rate, and nanoseconds for durations. */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdint.h>

/* The three clocks read at one moment (ticks within the two readings around them). */
struct vt_anchor {
	uint64_t ticks, monotonic, realtime;
};

struct vt_anchor vt_anchor_now(void);

/* Nominal ticks a second; measured once against CLOCK_MONOTONIC where the processor does not say. */
uint64_t vt_tick_hz(void);

/* A difference of ticks in ns, by the nominal rate. */
uint64_t vt_ticks_to_ns(uint64_t ticks);

#endif
