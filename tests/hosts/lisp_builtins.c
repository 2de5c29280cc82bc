/* lisp_builtins.c - arithmetic, lists, strings, errors, the heap. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <valktrace/emit.h>

#include "tests/hosts/lisp.h"

int64_t to_integer(struct vm *vm, value v)
{
	if (v->type != INTEGER)
		fail(vm, "an integer is expected");
	return v->integer;
}

const char *to_text(struct vm *vm, value v)
{
	if (v->type != STRING)
		fail(vm, "a string is expected");
	return v->string.text;
}

static double to_real(struct vm *vm, value v)
{
	if (v->type == FLOAT)
		return v->real;
	return (double)to_integer(vm, v);
}

static value truth(struct vm *vm, bool is_true)
{
	return is_true ? vm->truth : vm->nil;
}

/* ---- arithmetic -------------------------------------------------------------------- */

static value combine(struct vm *vm, char op, value a, value b)
{
	int64_t n;
	bool overflow;

	if (a->type == FLOAT || b->type == FLOAT || op == '/') {
		double x = to_real(vm, a), y = to_real(vm, b);
		return new_float(vm, op == '+' ? x + y : op == '-' ? x - y :
		                     op == '*' ? x * y : x / y);
	}
	int64_t x = to_integer(vm, a), y = to_integer(vm, b);
	overflow = op == '+' ? __builtin_add_overflow(x, y, &n) :
	           op == '-' ? __builtin_sub_overflow(x, y, &n) : __builtin_mul_overflow(x, y, &n);
	if (overflow)
		fail(vm, "the result is too large for an integer");
	return new_integer(vm, n);
}

static value fold(struct vm *vm, char op, int64_t unit, value args)
{
	if (!is_pair(args))
		return new_integer(vm, unit);
	value sum = first(args);
	to_real(vm, sum);
	if (rest(args) == vm->nil && (op == '-' || op == '/'))
		return combine(vm, op, keep(vm, new_integer(vm, unit)), sum);
	for (args = rest(args); is_pair(args); args = rest(args))
		sum = keep(vm, combine(vm, op, sum, first(args)));
	return sum;
}

static value b_add(struct vm *vm, value args) { return fold(vm, '+', 0, args); }
static value b_subtract(struct vm *vm, value args) { return fold(vm, '-', 0, args); }
static value b_multiply(struct vm *vm, value args) { return fold(vm, '*', 1, args); }
static value b_divide(struct vm *vm, value args) { return fold(vm, '/', 1, args); }

static value divide(struct vm *vm, value args, bool remainder)
{
	int64_t a = to_integer(vm, first(args)), b = to_integer(vm, second(args));

	if (b == 0)
		fail(vm, "division by zero");
	if (b == -1)    /* the least integer has no positive counterpart */
		return remainder ? new_integer(vm, 0) : combine(vm, '*', first(args), second(args));
	return new_integer(vm, remainder ? a % b : a / b);
}

static value b_quotient(struct vm *vm, value args) { return divide(vm, args, false); }
static value b_remainder(struct vm *vm, value args) { return divide(vm, args, true); }

/* Neighbours in order, each pair compared as reals unless both are integers. */
static value compare(struct vm *vm, value args, int wanted, bool or_equal)
{
	for (; is_pair(rest(args)); args = rest(args)) {
		value a = first(args), b = second(args);
		double x = to_real(vm, a), y = to_real(vm, b);
		int order = (x > y) - (x < y);
		if (a->type == INTEGER && b->type == INTEGER)
			order = (a->integer > b->integer) - (a->integer < b->integer);
		if (order != wanted && !(or_equal && order == 0))
			return vm->nil;
	}
	return vm->truth;
}

static value b_equals(struct vm *vm, value args) { return compare(vm, args, 0, true); }
static value b_less(struct vm *vm, value args) { return compare(vm, args, -1, false); }
static value b_greater(struct vm *vm, value args) { return compare(vm, args, 1, false); }
static value b_at_most(struct vm *vm, value args) { return compare(vm, args, -1, true); }
static value b_at_least(struct vm *vm, value args) { return compare(vm, args, 1, true); }

static value b_sqrt(struct vm *vm, value args)
{
	return new_float(vm, sqrt(to_real(vm, first(args))));
}

/* ---- lists ------------------------------------------------------------------------- */

static value pair_of(struct vm *vm, value v)
{
	if (!is_pair(v))
		fail(vm, "a pair is expected");
	return v;
}

static value b_cons(struct vm *vm, value args) { return cons(vm, first(args), second(args)); }
static value b_car(struct vm *vm, value args) { return first(pair_of(vm, first(args))); }
static value b_cdr(struct vm *vm, value args) { return rest(pair_of(vm, first(args))); }
static value b_list(struct vm *vm, value args) { (void)vm; return args; }
static value b_is_null(struct vm *vm, value args) { return truth(vm, first(args) == vm->nil); }
static value b_is_pair(struct vm *vm, value args) { return truth(vm, is_pair(first(args))); }
static value b_is_eq(struct vm *vm, value args) { return truth(vm, first(args) == second(args)); }

static bool equal(value a, value b)
{
	for (; is_pair(a) && is_pair(b); a = rest(a), b = rest(b))
		if (!equal(first(a), first(b)))
			return false;
	if (a == b || a->type != b->type)
		return a == b;
	return (a->type == INTEGER && a->integer == b->integer) ||
	       (a->type == FLOAT && a->real == b->real) ||
	       (a->type == STRING && a->string.length == b->string.length &&
	        memcmp(a->string.text, b->string.text, a->string.length) == 0);
}

static value b_is_equal(struct vm *vm, value args)
{
	return truth(vm, equal(first(args), second(args)));
}

static value b_length(struct vm *vm, value args)
{
	int64_t n = 0;

	for (value v = first(args); is_pair(v); v = rest(v))
		n++;
	return new_integer(vm, n);
}

/* Puts the items of a list before another list, the last one first. */
static value turn_onto(struct vm *vm, value list, value onto)
{
	size_t base = vm->top;

	keep(vm, onto);
	for (; is_pair(list); list = rest(list))
		vm->stack[base] = onto = cons(vm, first(list), onto);
	vm->top = base;
	return onto;
}

static value b_reverse(struct vm *vm, value args)
{
	return turn_onto(vm, first(args), vm->nil);
}

static value b_append(struct vm *vm, value args)
{
	value turned = keep(vm, turn_onto(vm, first(args), vm->nil));
	return turn_onto(vm, turned, second(args));
}

static value call_one(struct vm *vm, value f, value item)
{
	return apply(vm, f, keep(vm, cons(vm, item, vm->nil)));
}

/* (map f list), in order; `all` false keeps the items for which f is true instead (filter). */
static value collect_calls(struct vm *vm, value args, bool all)
{
	size_t base = vm->top;
	value results = vm->nil;

	keep(vm, results);
	for (value list = second(args); is_pair(list); list = rest(list)) {
		value v = call_one(vm, first(args), first(list));
		if (all || v != vm->nil)
			results = cons(vm, all ? v : first(list), vm->stack[base]);
		vm->top = base + 1;
		vm->stack[base] = results;
	}
	return turn_onto(vm, results, vm->nil);
}

static value b_map(struct vm *vm, value args) { return collect_calls(vm, args, true); }
static value b_filter(struct vm *vm, value args) { return collect_calls(vm, args, false); }

/* ---- strings ----------------------------------------------------------------------- */

static value b_string_append(struct vm *vm, value args)
{
	size_t length = 0;

	for (value a = args; is_pair(a); a = rest(a)) {
		to_text(vm, first(a));
		length += first(a)->string.length;
	}
	value v = new_object(vm, STRING, length + 1);
	v->string.text = (char *)(v + 1);
	for (value a = args; is_pair(a); a = rest(a)) {
		value piece = first(a);
		memcpy(v->string.text + v->string.length, piece->string.text, piece->string.length);
		v->string.length += piece->string.length;
	}
	return v;
}

static value b_string_length(struct vm *vm, value args)
{
	to_text(vm, first(args));
	return new_integer(vm, (int64_t)first(args)->string.length);
}

static value b_substring(struct vm *vm, value args)
{
	const char *text = to_text(vm, first(args));
	int64_t from = to_integer(vm, second(args)), to = to_integer(vm, third(args));

	if (from < 0 || to < from || (size_t)to > first(args)->string.length)
		fail(vm, "substring: the range is outside of the string");
	return new_string(vm, text + from, (size_t)(to - from));
}

static value b_to_string(struct vm *vm, value args) { return printed(vm, first(args), false); }

static value b_display(struct vm *vm, value args)
{
	for (; is_pair(args); args = rest(args)) {
		value text = printed(vm, first(args), false);
		write_out(text->string.text, text->string.length);
	}
	return vm->nil;
}

static value b_print(struct vm *vm, value args)
{
	b_display(vm, args);
	write_out("\n", 1);
	return vm->nil;
}

static value b_write_file(struct vm *vm, value args)
{
	const char *text = to_text(vm, second(args));
	int err = file_write(to_text(vm, first(args)), text, second(args)->string.length);

	if (err < 0)
		fail(vm, "%s: %s", to_text(vm, first(args)), uv_strerror(err));
	return vm->nil;
}

/* ---- errors, functions, heap ------------------------------------------------------- */

static value b_error(struct vm *vm, value args)
{
	fail(vm, "%s", to_text(vm, first(args)));
}

static value call_thunk(struct vm *vm, void *f)
{
	return apply(vm, f, vm->nil);
}

/* (try thunk handler): the handler gets the message. */
static value b_try(struct vm *vm, value args)
{
	value v;

	if (protect(vm, call_thunk, first(args), &v))
		return v;
	if (vm->exiting)        /* not an error: nobody may hold it up */
		fail(vm, "exit");
	value why = new_string(vm, vm->message, strlen(vm->message));
	return call_one(vm, second(args), why);
}

static value b_apply(struct vm *vm, value args) { return apply(vm, first(args), second(args)); }

static value b_gc(struct vm *vm, value args)
{
	(void)args;
	collect(vm);
	return vm->nil;
}

static value b_heap_used(struct vm *vm, value args)
{
	(void)args;
	return new_integer(vm, (int64_t)vm->used);
}

static value b_heap_limit(struct vm *vm, value args)
{
	(void)args;
	return new_integer(vm, (int64_t)vm->limit);
}

static const struct builtin builtins[] = {
	{ "+", b_add, 0, -1 }, { "-", b_subtract, 1, -1 }, { "*", b_multiply, 0, -1 },
	{ "/", b_divide, 1, -1 }, { "quotient", b_quotient, 2, 2 },
	{ "remainder", b_remainder, 2, 2 },
	{ "=", b_equals, 1, -1 }, { "<", b_less, 1, -1 }, { ">", b_greater, 1, -1 },
	{ "<=", b_at_most, 1, -1 }, { ">=", b_at_least, 1, -1 }, { "sqrt", b_sqrt, 1, 1 },
	{ "cons", b_cons, 2, 2 }, { "car", b_car, 1, 1 }, { "cdr", b_cdr, 1, 1 },
	{ "list", b_list, 0, -1 }, { "null?", b_is_null, 1, 1 }, { "not", b_is_null, 1, 1 },
	{ "pair?", b_is_pair, 1, 1 }, { "eq?", b_is_eq, 2, 2 }, { "equal?", b_is_equal, 2, 2 },
	{ "length", b_length, 1, 1 }, { "reverse", b_reverse, 1, 1 }, { "append", b_append, 2, 2 },
	{ "map", b_map, 2, 2 }, { "filter", b_filter, 2, 2 },
	{ "string-append", b_string_append, 0, -1 }, { "string-length", b_string_length, 1, 1 },
	{ "substring", b_substring, 3, 3 }, { "->string", b_to_string, 1, 1 },
	{ "display", b_display, 0, -1 }, { "print", b_print, 0, -1 },
	{ "write-file", b_write_file, 2, 2 }, { "error", b_error, 1, 1 }, { "try", b_try, 2, 2 },
	{ "apply", b_apply, 2, 2 }, { "gc", b_gc, 0, 0 }, { "heap-used", b_heap_used, 0, 0 },
	{ "heap-limit", b_heap_limit, 0, 0 }, { NULL, NULL, 0, 0 },
};

void define_builtins(struct vm *vm, const struct builtin *table)
{
	for (; table->name; table++) {
		size_t base = vm->top;
		value f = keep(vm, new_object(vm, BUILTIN, 0));
		f->builtin.what = table;
		f->builtin.trace = vt_string(table->name);
		intern(vm, table->name, strlen(table->name))->symbol.global = f;
		vm->top = base;
	}
}

void builtins_init(struct vm *vm)
{
	define_builtins(vm, builtins);
}
