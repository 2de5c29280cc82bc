/* lttng_stream.h - LTTng-UST's tracepoint provider; included again and again by lttng/tracepoint-event.h. */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER stream

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "tests/bench/peers/lttng_stream.h"

#if !defined(LTTNG_STREAM_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define LTTNG_STREAM_H

#include <lttng/tracepoint.h>
#include <stdint.h>

LTTNG_UST_TRACEPOINT_EVENT_CLASS(stream, two_words,
	LTTNG_UST_TP_ARGS(uint64_t, pause_us, uint64_t, bytes),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_integer(uint64_t, pause_us, pause_us)
		lttng_ust_field_integer(uint64_t, bytes, bytes)))
LTTNG_UST_TRACEPOINT_EVENT_INSTANCE(stream, two_words, stream, common,
	LTTNG_UST_TP_ARGS(uint64_t, pause_us, uint64_t, bytes))
LTTNG_UST_TRACEPOINT_EVENT_INSTANCE(stream, two_words, stream, rare,
	LTTNG_UST_TP_ARGS(uint64_t, pause_us, uint64_t, bytes))

#endif

#include <lttng/tracepoint-event.h>
