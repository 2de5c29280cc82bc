/*
 * node_addon.c - valktrace inside a process that brings another libuv: an addon for Node.js.
 *
 * Node exports its own uv_* symbols, and so libvalktrace.so, though it needs Debian's libuv, calls
 * node's. For JavaScript: start(), flush(), stop() and watch(), which watches node's own loop, give the
 * result as a number, emit(n) emits n events in category gc, metrics() is the Prometheus text of now,
 * cases() the result of loop_cases.h.
 */
#include <stdlib.h>

#include <node_api.h>

#include <valktrace.h>

#include "tests/hosts/loop_cases.h"

static napi_value number(napi_env env, int n)
{
	napi_value v = NULL;

	napi_create_int32(env, n, &v);
	return v;
}

static napi_value start(napi_env env, napi_callback_info info)
{
	(void)info;
	return number(env, vt_start(&(struct vt_options){ .program = "node", .events = "gc,loop" }));
}

static napi_value stop(napi_env env, napi_callback_info info)
{
	(void)info;
	return number(env, vt_stop());
}

static napi_value flush(napi_env env, napi_callback_info info)
{
	(void)info;
	return number(env, vt_flush());
}

static napi_value emit(napi_env env, napi_callback_info info)
{
	napi_value argument = NULL;
	size_t count = 1;
	uint32_t n = 0;

	napi_get_cb_info(env, info, &count, &argument, NULL, NULL);
	if (count < 1 || napi_get_value_uint32(env, argument, &n) != napi_ok) {
		napi_throw_type_error(env, NULL, "emit: a number is expected");
		return NULL;
	}
	for (uint32_t i = 0; i < n; i++)
		VT_EMIT(gc, pause_end, .cycle = i, .time = 1000);
	return number(env, (int)n);
}

static struct uv_loop_s *loop_of(napi_env env)
{
	struct uv_loop_s *loop = NULL;

	napi_get_uv_event_loop(env, &loop);
	return loop;
}

static napi_value watch(napi_env env, napi_callback_info info)
{
	(void)info;
	return number(env, vt_loop_watch_with(loop_of(env), "node", VT_LOOP_IDLE_TIME));
}

static napi_value string(napi_env env, const char *text, size_t length)
{
	napi_value v = NULL;

	napi_create_string_utf8(env, text, length, &v);
	return v;
}

static napi_value metrics(napi_env env, napi_callback_info info)
{
	static char text[1 << 16];
	struct vt_metrics m;

	(void)info;
	vt_loop_update(loop_of(env));
	int err = vt_metrics_read(&m);
	size_t length = err ? 0 : vt_metrics_prometheus(&m, text, sizeof(text));
	return string(env, text, length < sizeof(text) ? length : 0);
}

static napi_value cases(napi_env env, napi_callback_info info)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	(void)info;
	if (!out)
		return NULL;
	loop_cases(out);
	fclose(out);
	napi_value v = string(env, text, length);
	free(text);
	return v;
}

NAPI_MODULE_INIT()
{
	static const struct { const char *name; napi_callback call; } functions[] = {
		{ "start", start }, { "emit", emit }, { "flush", flush }, { "stop", stop },
		{ "watch", watch }, { "metrics", metrics }, { "cases", cases },
	};

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		napi_value f = NULL;
		if (napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].call, NULL,
		                         &f) != napi_ok ||
		    napi_set_named_property(env, exports, functions[i].name, f) != napi_ok)
			return NULL;
	}
	return exports;
}
