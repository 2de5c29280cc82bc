/* lisp_vm.c - builtins that show a program its own metrics, live, and steer what is recorded. */
#include <stdlib.h>
#include <string.h>

#include <valktrace.h>

#include "tests/hosts/lisp.h"

typedef size_t render_fn(const struct vt_metrics *m, char *to, size_t size);

/* Reads all metrics and renders them; `sequence` is then the number of the record. */
static value metrics_text(struct vm *vm, render_fn *render)
{
	struct vt_metrics m;

	vt_gc_heap(vm->used, vm->limit);
	int err = vt_metrics_read(&m);
	if (err)
		fail(vm, "metrics: %s", vt_strerror(err));
	size_t length = render(&m, NULL, 0);
	value text = new_object(vm, STRING, length + 1);
	text->string.text = (char *)(text + 1);
	text->string.length = render(&m, text->string.text, length + 1);
	vm->sequence = m.sequence;
	return text;
}

static value b_metrics_json(struct vm *vm, value args)
{
	(void)args;
	return metrics_text(vm, vt_metrics_json);
}

static value b_metrics_prometheus(struct vm *vm, value args)
{
	(void)args;
	return metrics_text(vm, vt_metrics_prometheus);
}

static value b_kernel_summary(struct vm *vm, value args)
{
	(void)args;
	return metrics_text(vm, vt_metrics_kernel);
}

static value b_combined_json(struct vm *vm, value args)
{
	(void)args;
	return metrics_text(vm, vt_metrics_combined);
}

/* The #N of `valktrace decode --at #N` for the metrics last read. */
static value b_sequence(struct vm *vm, value args)
{
	(void)args;
	return new_integer(vm, (int64_t)vm->sequence);
}

static value b_flush(struct vm *vm, value args)
{
	(void)args;
	int err = vt_flush();
	if (err)
		fail(vm, "flush: %s", vt_strerror(err));
	return vm->nil;
}

static uint64_t categories_of(struct vm *vm, value names)
{
	uint64_t set = 0;
	int err = vt_categories(to_text(vm, names), &set);

	if (err)
		fail(vm, "%s: %s", to_text(vm, names), vt_strerror(err));
	return set;
}

static value b_enable(struct vm *vm, value args)
{
	vt_enable(categories_of(vm, first(args)));
	return vm->nil;
}

static value b_disable(struct vm *vm, value args)
{
	vt_disable(categories_of(vm, first(args)));
	return vm->nil;
}

static value b_reset(struct vm *vm, value args)
{
	(void)args;
	vt_reset();
	return vm->nil;
}

/* (cycles time paused reclaimed) of the last n collections; no event or counter record is needed. */
static value b_gc_recent(struct vm *vm, value args)
{
	struct vt_gc_cycle c[VT_GC_HISTORY];
	uint64_t n = (uint64_t)to_integer(vm, first(args)), time = 0, paused = 0, reclaimed = 0;

	n = vt_gc_recent(c, n < VT_GC_HISTORY ? (unsigned)n : VT_GC_HISTORY);
	for (unsigned i = 0; i < n; i++) {
		time += c[i].time;
		paused += c[i].paused;
		reclaimed += c[i].reclaimed;
	}
	const uint64_t sums[] = { reclaimed, paused, time, n };
	size_t base = vm->top;
	value list = keep(vm, vm->nil);
	for (unsigned i = 0; i < sizeof(sums) / sizeof(sums[0]); i++)
		list = keep(vm, cons(vm, new_integer(vm, (int64_t)sums[i]), list));
	vm->top = base;
	return list;
}

static const struct builtin builtins[] = {
	{ "vm/metrics-json", b_metrics_json, 0, 0 },
	{ "vm/metrics-prometheus", b_metrics_prometheus, 0, 0 },
	{ "vm/metrics-sequence", b_sequence, 0, 0 },
	{ "vm/kernel-summary", b_kernel_summary, 0, 0 },
	{ "vm/combined-json", b_combined_json, 0, 0 },
	{ "vm/flush", b_flush, 0, 0 },
	{ "vm/reset", b_reset, 0, 0 }, { "vm/gc-recent", b_gc_recent, 1, 1 },
	{ "vm/trace-enable", b_enable, 1, 1 }, { "vm/trace-disable", b_disable, 1, 1 },
	{ NULL, NULL, 0, 0 },
};

void vm_init(struct vm *vm)
{
	define_builtins(vm, builtins);
}
