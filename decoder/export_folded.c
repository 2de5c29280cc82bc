/*
 * export_folded.c - one line a stack: thread;caller;callee and the ns it was on top, as flamegraph.pl and
 * its like read them. Nothing in a name can look like a separator: ';' and blanks are \\xNN there.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "decoder/cmd.h"
#include "decoder/export.h"

#include "decoder/profile.h"
#include "decoder/spans.h"

static void put_frame(struct vt_sink *out, const char *name, size_t length)
{
	while (length > 0) {
		const char *separator = memchr(name, ';', length);
		size_t n = separator ? (size_t)(separator - name) : length;
		vt_sink_escaped(out, name, n, VT_ESCAPE_ALL);
		if (separator)
			vt_sink_string(out, "\\x3b");
		n += separator != NULL;
		name += n;
		length -= n;
	}
}

static void put_thread(struct vt_sink *out, const struct vt_input *in, const struct vt_ring_info *ring)
{
	const char *name = vt_thread_name_of(ring);

	put_frame(out, name, strnlen(name, VT_MAX_NAME));
	if (in->several_processes)
		vt_sink_printf(out, "/%" PRIu32, ring->process->pid);
	vt_sink_printf(out, "/%" PRIu32, ring->tid);
}

static void put_stack(const struct vt_export_context *context, const struct vt_profile *p, uint32_t node)
{
	uint32_t stack[VT_SPAN_DEPTH + 2], depth = 0;
	const struct vt_input *in = context->in;
	struct vt_sink *out = context->out;

	for (; depth < VT_SPAN_DEPTH + 2; node = p->nodes[node].parent) {
		stack[depth++] = node;
		if (p->nodes[node].parent == VT_NO_NODE)
			break;
	}
	if (in->run_digits > 0)
		vt_sink_printf(out, "%0*" PRIx64 ";", (int)in->run_digits,
		               in->run->run >> (64 - 4 * in->run_digits));
	put_thread(out, in, in->run->rings[p->nodes[stack[depth - 1]].function]);
	while (--depth > 0) {
		const struct vt_function *f = &p->functions[p->nodes[stack[depth - 1]].function];
		vt_sink_char(out, ';');
		put_frame(out, f->name, f->length);
	}
	vt_sink_printf(out, " %" PRIu64 "\n", p->nodes[stack[0]].exclusive);
}

static int whole_folded(const struct vt_export_context *context)
{
	const struct vt_filter *f = context->filter;
	struct vt_profile p;

	if (f->event_count || f->where_count || f->min_duration_ns)
		return vt_usage("--format folded needs all events of a category; it takes --category, --tid, "
		                "--thread, --pid, --since, --until");
	int err = vt_profile_make(&p, context->in, f, VT_PROFILE_STACKS);
	for (size_t i = 0; !err && i < p.node_count; i++)
		if (p.nodes[i].exclusive > 0 && p.nodes[i].parent != VT_NO_NODE)
			put_stack(context, &p, (uint32_t)i);
	if (!err && p.node_count == 0)
		vt_message("%s: no calls in it; record --category interp records them", context->in->name);
	if (!err && p.capped)
		vt_message("%s: more than %u stacks: the rest counts for its callers", context->in->name,
		           VT_PROFILE_NODES);
	if (!err && p.missing > 0)
		vt_message("%s: events were lost; the stacks are those of the time that is known",
		           context->in->name);
	vt_profile_free(&p);
	return err ? vt_input_failed(context->in, err) : VT_EXIT_OK;
}

const struct vt_export vt_export_folded = {
	.name = "folded",
	.summary = "stacks of calls and their ns, for flamegraph.pl",
	.whole = whole_folded,
};
