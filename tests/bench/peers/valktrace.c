/* valktrace.c - the stream under vt_start. The log and the size of the ring come by VALKTRACE=. */
#define VT_HOST_DEFINE
#define VT_HOST_DEF "stream.def"
#include <valktrace/host.h>

#include <valktrace.h>

#include "tests/bench/peers/stream.h"

static void stream_start(void)
{
	if (vt_start(&(struct vt_options){ .program = "stream", .events = "stream" }) < 0)
		exit(1);
}

static inline void stream_emit(bool rare, uint64_t pause_us, uint64_t bytes)
{
	if (rare)
		VT_EMIT(stream, rare, .pause_us = pause_us, .bytes = bytes);
	else
		VT_EMIT(stream, common, .pause_us = pause_us, .bytes = bytes);
}

static void stream_stop(void)
{
	if (vt_stop() < 0)
		exit(1);
}
