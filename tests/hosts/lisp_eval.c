/*
 * lisp_eval.c - the evaluator: special forms, function calls with proper tail calls, errors.
 *
 * eval() is a loop. Each turn either ends with a value or leaves another expression to go on with
 * in the same C frame, which is what makes tail calls proper. The first function that a frame
 * enters is a call, any later one a tail call that replaces it; the frame's end returns from both.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <valktrace/interp.h>

#include "tests/hosts/lisp.h"

#define MOST_STACK (4u << 20)           /* bytes of C stack that eval may use */

/* What a turn leaves: a value if `done`, else an expression. */
struct step {
	value expr, env;
	bool done, called;
};

struct form {
	const char *name;
	int least;                      /* arguments */
	void (*run)(struct vm *vm, value args, struct step *s);
};

/* ---- errors ------------------------------------------------------------------------ */

_Noreturn void fail(struct vm *vm, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(vm->message, sizeof(vm->message), format, args);
	va_end(args);
	struct handler *h = vm->handlers;
	vm->handlers = h->outer;
	vm->top = h->top;
	vm->depth = h->depth;
	vt_unwind(h->mark);     /* the calls that are left behind will not return */
	longjmp(h->jump, 1);
}

bool protect(struct vm *vm, value (*call)(struct vm *vm, void *user), void *user, value *result)
{
	struct handler here = { .outer = vm->handlers, .top = vm->top, .depth = vm->depth, .mark = vt_mark() };

	if (setjmp(here.jump) != 0)
		return false;
	vm->handlers = &here;
	*result = call(vm, user);
	vm->handlers = here.outer;
	return true;
}

/* ---- environments ------------------------------------------------------------------ */

static value find_in_frame(value env, value name)
{
	value v = env->env.values;

	for (value n = env->env.names; is_pair(n); n = rest(n), v = rest(v))
		if (first(n) == name)
			return v;
	return NULL;
}

/* The cell of a local variable, NULL if it is not one. */
static value find_local(value env, value name)
{
	value cell = NULL;

	for (; !cell && env->type == ENVIRONMENT; env = env->env.parent)
		cell = find_in_frame(env, name);
	return cell;
}

static value lookup(struct vm *vm, value name, value env)
{
	vt_lookup();
	value cell = find_local(env, name);
	value v = cell ? first(cell) : name->symbol.global;
	if (!v)
		fail(vm, "%s is not defined", name->symbol.name);
	return v;
}

static value new_env(struct vm *vm, value names, value values, value parent)
{
	keep(vm, names);
	keep(vm, values);
	keep(vm, parent);
	value env = new_object(vm, ENVIRONMENT, 0);
	env->env.names = names;
	env->env.values = values;
	env->env.parent = parent;
	vm->top -= 3;
	return keep(vm, env);
}

static void define(struct vm *vm, value name, value v, value env)
{
	if (name->type != SYMBOL)
		fail(vm, "define: a name is missing");
	if (v->type == CLOSURE && v->closure.name == vm->lambda) {
		v->closure.name = name;
		v->closure.trace = vt_string(name->symbol.name);
	}
	if (env->type != ENVIRONMENT) {
		name->symbol.global = v;
		return;
	}
	value cell = find_in_frame(env, name);
	if (cell) {
		cell->pair.car = v;
		return;
	}
	/* To the front: the list of parameters behind it belongs to the function. */
	value names = keep(vm, cons(vm, name, env->env.names));
	env->env.values = cons(vm, v, env->env.values);
	env->env.names = names;
}

/* ---- calls ------------------------------------------------------------------------- */

static value call_builtin(struct vm *vm, value f, value args)
{
	const struct builtin *b = f->builtin.what;
	int count = 0;

	for (value a = args; is_pair(a); a = rest(a))
		count++;
	if (count < b->least || (b->most >= 0 && count > b->most))
		fail(vm, "%s: %d arguments are too %s", b->name, count,
		     count < b->least ? "few" : "many");
	vt_builtin(f->builtin.trace);
	value v = b->call(vm, args);
	vt_builtin_return();
	return v;
}

/* `args` is a fresh list: the surplus is folded into one list for the rest parameter. */
static value bind_arguments(struct vm *vm, value f, value args)
{
	value *last = &args;
	value p = f->closure.params;

	keep(vm, args);
	for (; is_pair(p) && !(f->closure.rest && rest(p) == vm->nil); p = rest(p)) {
		if (!is_pair(*last))
			fail(vm, "%s: too few arguments", f->closure.name->symbol.name);
		last = &(*last)->pair.cdr;
	}
	if (f->closure.rest)
		*last = cons(vm, *last, vm->nil);
	else if (is_pair(*last))
		fail(vm, "%s: too many arguments", f->closure.name->symbol.name);
	return new_env(vm, f->closure.params, args, f->closure.env);
}

/* All but the last form of a body; the last one is the tail. */
static void run_body(struct vm *vm, value body, struct step *s)
{
	s->expr = vm->nil;
	for (; is_pair(body); body = rest(body)) {
		if (rest(body) == vm->nil)
			s->expr = first(body);
		else
			eval(vm, first(body), s->env);
	}
}

static void enter(struct vm *vm, value f, value args, struct step *s)
{
	s->env = bind_arguments(vm, f, args);
	if (s->called) {
		vt_tail_call(f->closure.trace);
	} else {
		vt_call(f->closure.trace);
		vm->depth++;
		s->called = true;
	}
	run_body(vm, f->closure.body, s);
}

static value eval_list(struct vm *vm, value exprs, value env)
{
	size_t base = vm->top;
	value last = NULL;

	keep(vm, vm->nil);
	for (; is_pair(exprs); exprs = rest(exprs)) {
		value v = keep(vm, eval(vm, first(exprs), env));
		value cell = cons(vm, v, vm->nil);
		vm->top--;
		if (last)
			last->pair.cdr = cell;
		else
			vm->stack[base] = cell;
		last = cell;
	}
	value list = vm->stack[base];
	vm->top = base;
	return list;
}

static void finish(struct step *s, value v)
{
	s->expr = v;
	s->done = true;
}

static void combine(struct vm *vm, struct step *s)
{
	value expr = s->expr;
	value f = keep(vm, eval(vm, first(expr), s->env));
	value args = keep(vm, eval_list(vm, rest(expr), s->env));

	if (f->type == BUILTIN)
		finish(s, call_builtin(vm, f, args));
	else if (f->type == CLOSURE)
		enter(vm, f, args, s);
	else
		fail(vm, "this is no function");
}

static value leave(struct vm *vm, const struct step *s, size_t base)
{
	if (s->called) {
		vt_return();
		vm->depth--;
	}
	vm->top = base;
	return s->expr;
}

static void turn(struct vm *vm, struct step *s)
{
	value expr = s->expr;

	vt_eval();
	if (expr->type == SYMBOL) {
		finish(s, lookup(vm, expr, s->env));
	} else if (expr->type != PAIR) {
		finish(s, expr);
	} else if (first(expr)->type == SYMBOL && first(expr)->symbol.form) {
		const struct form *form = first(expr)->symbol.form;
		int count = 0;
		for (value a = rest(expr); is_pair(a); a = rest(a))
			count++;
		if (count < form->least)
			fail(vm, "%s: something is missing", form->name);
		form->run(vm, rest(expr), s);
	} else {
		combine(vm, s);
	}
}

static value go(struct vm *vm, struct step *s)
{
	size_t base = vm->top;

	if ((size_t)(vm->bottom - (const char *)__builtin_frame_address(0)) > MOST_STACK)
		fail(vm, "recursion is too deep");
	keep(vm, s->expr);
	keep(vm, s->env);
	while (!s->done) {
		vm->stack[base] = s->expr;
		vm->stack[base + 1] = s->env;
		vm->top = base + 2;
		turn(vm, s);
	}
	return leave(vm, s, base);
}

value eval(struct vm *vm, value expr, value env)
{
	struct step s = { .expr = expr, .env = env };
	return go(vm, &s);
}

value apply(struct vm *vm, value f, value args)
{
	size_t base = vm->top;
	struct step s = { .expr = vm->nil, .env = vm->nil };

	keep(vm, f);
	keep(vm, args);
	if (f->type == BUILTIN)
		finish(&s, call_builtin(vm, f, args));
	else if (f->type == CLOSURE)
		enter(vm, f, args, &s);
	else
		fail(vm, "this is no function");
	value v = go(vm, &s);
	vm->top = base;
	return v;
}

/* ---- special forms ----------------------------------------------------------------- */

static value new_function(struct vm *vm, value params, value body, value env)
{
	size_t base = vm->top;
	bool takes_rest = false;
	value names = keep(vm, vm->nil), p;

	for (p = params; is_pair(p); p = rest(p)) {
		if (first(p)->type != SYMBOL)
			fail(vm, "lambda: a parameter is no name");
		names = keep(vm, cons(vm, first(p), names));
	}
	if (p->type == SYMBOL) {
		takes_rest = true;
		names = keep(vm, cons(vm, p, names));
	}
	value ordered = keep(vm, vm->nil);
	for (; is_pair(names); names = rest(names))
		ordered = keep(vm, cons(vm, first(names), ordered));
	value f = new_object(vm, CLOSURE, 0);
	f->closure.params = ordered;
	f->closure.body = body;
	f->closure.env = env;
	f->closure.name = vm->lambda;
	f->closure.rest = takes_rest;
	vt_closure();
	vm->top = base;
	return f;
}

static void form_quote(struct vm *vm, value args, struct step *s)
{
	(void)vm;
	finish(s, first(args));
}

static void form_lambda(struct vm *vm, value args, struct step *s)
{
	finish(s, new_function(vm, first(args), rest(args), s->env));
}

/* (define name value), or (define (name parameter...) body...) */
static void form_define(struct vm *vm, value args, struct step *s)
{
	value name = first(args), v;

	if (is_pair(name)) {
		v = new_function(vm, rest(name), rest(args), s->env);
		name = first(name);
	} else {
		v = is_pair(rest(args)) ? eval(vm, second(args), s->env) : vm->nil;
	}
	define(vm, name, keep(vm, v), s->env);
	finish(s, name);
}

static void form_set(struct vm *vm, value args, struct step *s)
{
	value name = first(args), v = eval(vm, second(args), s->env);

	if (name->type != SYMBOL)
		fail(vm, "set!: a name is missing");
	value cell = find_local(s->env, name);
	if (!cell && !name->symbol.global)
		fail(vm, "set!: %s is not defined", name->symbol.name);
	*(cell ? &cell->pair.car : &name->symbol.global) = v;
	finish(s, v);
}

static void form_if(struct vm *vm, value args, struct step *s)
{
	if (eval(vm, first(args), s->env) != vm->nil)
		s->expr = second(args);
	else
		s->expr = is_pair(rest(rest(args))) ? third(args) : vm->nil;
}

static void form_cond(struct vm *vm, value args, struct step *s)
{
	for (; is_pair(args); args = rest(args)) {
		value clause = first(args);
		if (!is_pair(clause))
			fail(vm, "cond: a clause is no list");
		bool otherwise = first(clause) == intern(vm, "else", 4);
		value v = otherwise ? vm->truth : eval(vm, first(clause), s->env);
		if (v == vm->nil)
			continue;
		if (rest(clause) == vm->nil)
			finish(s, v);
		else
			run_body(vm, rest(clause), s);
		return;
	}
	finish(s, vm->nil);
}

static void form_begin(struct vm *vm, value args, struct step *s)
{
	run_body(vm, args, s);
}

static void form_while(struct vm *vm, value args, struct step *s)
{
	while (eval(vm, first(args), s->env) != vm->nil)
		for (value body = rest(args); is_pair(body); body = rest(body))
			eval(vm, first(body), s->env);
	finish(s, vm->nil);
}

static void form_and(struct vm *vm, value args, struct step *s)
{
	for (; is_pair(rest(args)); args = rest(args))
		if (eval(vm, first(args), s->env) == vm->nil) {
			finish(s, vm->nil);
			return;
		}
	s->expr = first(args);
}

static void form_or(struct vm *vm, value args, struct step *s)
{
	for (; is_pair(rest(args)); args = rest(args)) {
		value v = eval(vm, first(args), s->env);
		if (v != vm->nil) {
			finish(s, v);
			return;
		}
	}
	s->expr = first(args);
}

/* `let` evaluates what it binds outside of itself, `let*` in the scope that grows. */
static void bind_all(struct vm *vm, value args, struct step *s, bool one_by_one)
{
	value inner = new_env(vm, vm->nil, vm->nil, s->env);

	for (value b = first(args); is_pair(b); b = rest(b)) {
		if (!is_pair(first(b)) || !is_pair(rest(first(b))))
			fail(vm, "let: a binding is no (name value)");
		size_t base = vm->top;
		value v = keep(vm, eval(vm, second(first(b)), one_by_one ? inner : s->env));
		define(vm, first(first(b)), v, inner);
		vm->top = base;
	}
	s->env = inner;
	run_body(vm, rest(args), s);
}

static void form_let(struct vm *vm, value args, struct step *s)
{
	bind_all(vm, args, s, false);
}

static void form_let_star(struct vm *vm, value args, struct step *s)
{
	bind_all(vm, args, s, true);
}

static const struct form forms[] = {
	{ "quote", 1, form_quote }, { "lambda", 2, form_lambda }, { "define", 1, form_define },
	{ "set!", 2, form_set }, { "if", 2, form_if }, { "cond", 0, form_cond },
	{ "begin", 0, form_begin }, { "while", 1, form_while }, { "and", 1, form_and },
	{ "or", 1, form_or }, { "let", 2, form_let }, { "let*", 2, form_let_star },
};

void eval_init(struct vm *vm)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		intern(vm, forms[i].name, strlen(forms[i].name))->symbol.form = &forms[i];
	vm->lambda = intern(vm, "lambda", 6);
	vt_interp_attach();
}
