/*
 * lisp_gc.c - the heap: allocation, mark and sweep, and the report of each collection.
 *
 * Roots are the shadow stack, the symbols and the callbacks that the loop holds. Objects do not
 * move, so it is enough to keep a value somewhere on the shadow stack while something allocates.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <valktrace/gc.h>

#include "tests/hosts/lisp.h"

void mark(struct vm *vm, value v)
{
	if (!v || v->marked)
		return;
	v->marked = true;
	v->gray = vm->gray;
	vm->gray = v;
}

static void mark_parts(struct vm *vm, value v)
{
	switch ((enum type)v->type) {
	case SYMBOL:
		mark(vm, v->symbol.global);
		mark(vm, v->symbol.chain);
		break;
	case PAIR:
		mark(vm, v->pair.car);
		mark(vm, v->pair.cdr);
		break;
	case CLOSURE:
		mark(vm, v->closure.params);
		mark(vm, v->closure.body);
		mark(vm, v->closure.env);
		mark(vm, v->closure.name);
		break;
	case ENVIRONMENT:
		mark(vm, v->env.names);
		mark(vm, v->env.values);
		mark(vm, v->env.parent);
		break;
	case NIL: case INTEGER: case FLOAT: case STRING: case BUILTIN:
		break;
	}
}

/* The gray list lies in the objects: marking needs no memory, and no recursion. */
static uint64_t mark_all(struct vm *vm)
{
	uint64_t marked = 0;

	mark(vm, vm->nil);
	for (unsigned i = 0; i < HASHES; i++)
		mark(vm, vm->symbols[i]);
	for (size_t i = 0; i < vm->top; i++)
		mark(vm, vm->stack[i]);
	loop_mark(vm);
	while (vm->gray) {
		value v = vm->gray;
		vm->gray = v->gray;
		mark_parts(vm, v);
		marked++;
	}
	return marked;
}

/* Frees what is not marked and takes the marks off; returns how many objects that were. */
static uint64_t sweep(struct vm *vm)
{
	uint64_t freed = 0;

	for (value *at = &vm->objects; *at; ) {
		value v = *at;
		if (v->marked) {
			v->marked = false;
			at = &v->next;
			continue;
		}
		*at = v->next;
		vm->used -= v->size;
		freed++;
		free(v);
	}
	return freed;
}

void collect(struct vm *vm)
{
	size_t before = vm->used;

	vt_gc_heap(before, vm->limit);
	vt_gc_begin(VT_GC_MAJOR);
	uint64_t marked = mark_all(vm);
	vt_gc_phase(VT_GC_MARK);
	uint64_t freed = sweep(vm);
	vt_gc_phase(VT_GC_SWEEP);
	vt_gc_end(.reclaimed = before - vm->used, .surviving = vm->used,
	          .heap_used = vm->used, .heap_total = vm->limit, .objects_marked = marked,
	          .objects_reclaimed = freed, .objects_surviving = marked);
	vm->threshold = 2 * vm->used > vm->limit / 8 ? 2 * vm->used : vm->limit / 8;
	if (vm->threshold > vm->limit)
		vm->threshold = vm->limit;
}

static const enum vt_gc_alloc_type kinds[] = {
	[NIL] = VT_GC_ALLOC_OTHER, [INTEGER] = VT_GC_ALLOC_NUMBER, [FLOAT] = VT_GC_ALLOC_NUMBER,
	[SYMBOL] = VT_GC_ALLOC_STRING, [STRING] = VT_GC_ALLOC_STRING, [PAIR] = VT_GC_ALLOC_PAIR,
	[CLOSURE] = VT_GC_ALLOC_CLOSURE, [BUILTIN] = VT_GC_ALLOC_CODE, [ENVIRONMENT] = VT_GC_ALLOC_SCOPE,
};

value new_object(struct vm *vm, enum type type, size_t extra)
{
	size_t size = sizeof(struct object) + extra;

	if (size > vm->limit)
		fail(vm, "an object of %zu bytes is larger than the heap", size);
	if (vm->used + size > vm->threshold)
		collect(vm);
	if (vm->used + size > vm->limit)
		fail(vm, "out of heap: %zu of %zu bytes are in use", vm->used, vm->limit);
	value v = calloc(1, size);
	if (!v)
		fail(vm, "out of memory");
	v->type = (uint8_t)type;
	v->size = (uint32_t)size;
	v->next = vm->objects;
	vm->objects = v;
	vm->used += size;
	vt_gc_alloc(kinds[type], size);
	return v;
}

value new_integer(struct vm *vm, int64_t n)
{
	value v = new_object(vm, INTEGER, 0);
	v->integer = n;
	return v;
}

value new_float(struct vm *vm, double x)
{
	value v = new_object(vm, FLOAT, 0);
	v->real = x;
	return v;
}

value new_string(struct vm *vm, const char *text, size_t length)
{
	value v = new_object(vm, STRING, length + 1);
	v->string.length = length;
	v->string.text = (char *)(v + 1);
	memcpy(v->string.text, text, length);
	return v;
}

value intern(struct vm *vm, const char *name, size_t length)
{
	unsigned hash = 5381;

	for (size_t i = 0; i < length; i++)
		hash = hash * 33 + (unsigned char)name[i];
	value *chain = &vm->symbols[hash % HASHES];
	for (value v = *chain; v; v = v->symbol.chain)
		if (strlen(v->symbol.name) == length && memcmp(v->symbol.name, name, length) == 0)
			return v;
	value v = new_object(vm, SYMBOL, length + 1);
	memcpy(v + 1, name, length);
	v->symbol.name = (const char *)(v + 1);
	v->symbol.chain = *chain;
	*chain = v;
	return v;
}

value cons(struct vm *vm, value car, value cdr)
{
	keep(vm, car);
	keep(vm, cdr);
	value v = new_object(vm, PAIR, 0);
	v->pair.car = car;
	v->pair.cdr = cdr;
	vm->top -= 2;
	return v;
}

value keep(struct vm *vm, value v)
{
	if (vm->top == vm->room) {
		size_t room = vm->room ? 2 * vm->room : 1024;
		value *grown = realloc(vm->stack, room * sizeof(*grown));
		if (!grown)
			fail(vm, "out of memory");
		vm->stack = grown;
		vm->room = room;
	}
	vm->stack[vm->top++] = v;
	return v;
}

void heap_init(struct vm *vm, size_t limit)
{
	vm->limit = limit;
	vm->threshold = limit / 8;
	vm->nil = new_object(vm, NIL, 0);
	/* These two are read as symbols whose value is what they mean. */
	vm->truth = intern(vm, "#t", 2);
	vm->truth->symbol.global = vm->truth;
	intern(vm, "#f", 2)->symbol.global = vm->nil;
	vt_gc_heap(vm->used, vm->limit);
}

void heap_free(struct vm *vm)
{
	while (vm->objects) {
		value v = vm->objects;
		vm->objects = v->next;
		free(v);
	}
	free(vm->stack);
}
