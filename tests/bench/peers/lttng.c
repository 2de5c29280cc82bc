/* lttng.c - the stream through LTTng-UST. The session and its buffers are peers.sh's. */
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "tests/bench/peers/lttng_stream.h"

#include "tests/bench/peers/stream.h"

static void stream_start(void)
{
	/* The library registers with the session daemon before main(). */
}

static inline void stream_emit(bool rare, uint64_t pause_us, uint64_t bytes)
{
	if (rare)
		lttng_ust_tracepoint(stream, rare, pause_us, bytes);
	else
		lttng_ust_tracepoint(stream, common, pause_us, bytes);
}

static void stream_stop(void)
{
}
