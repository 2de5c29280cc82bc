/*
 * node_addon.c - valktrace inside a process that brings another libuv: an addon for Node.js.
 *
 * Node exports its own uv_* symbols, and so libvalktrace.so, though it needs Debian's libuv, calls
 * node's. For JavaScript: start(), flush() and stop() give the result as a number, emit(n) emits n
 * events in category gc.
 */
#include <node_api.h>

#include <valktrace.h>

static napi_value number(napi_env env, int n)
{
	napi_value v = NULL;

	napi_create_int32(env, n, &v);
	return v;
}

static napi_value start(napi_env env, napi_callback_info info)
{
	(void)info;
	return number(env, vt_start(&(struct vt_options){ .program = "node", .events = "gc" }));
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

NAPI_MODULE_INIT()
{
	static const struct { const char *name; napi_callback call; } functions[] = {
		{ "start", start }, { "emit", emit }, { "flush", flush }, { "stop", stop },
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
