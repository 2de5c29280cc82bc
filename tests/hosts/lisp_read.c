/* lisp_read.c - from text to values and back. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/hosts/lisp.h"

#define MOST_NESTED 1000

enum { INCOMPLETE = 0, FORM = 1, AT_END = -1 };

struct text {
	const char *at, *end;
	int nested;
};

static int skip_blanks(struct text *t)
{
	for (; t->at < t->end; t->at++) {
		if (*t->at == ';')
			while (t->at < t->end && *t->at != '\n')
				t->at++;
		if (t->at == t->end)
			break;
		if (!isspace((unsigned char)*t->at))
			return FORM;
	}
	return AT_END;
}

static bool ends_atom(char c)
{
	return isspace((unsigned char)c) || (c && strchr("()';\"", c));
}

static value atom(struct vm *vm, const char *at, size_t length)
{
	char word[64], *end;
	bool ends_as_number = isdigit((unsigned char)at[length - 1]) || at[length - 1] == '.';

	if (ends_as_number && length < sizeof(word)) {
		memcpy(word, at, length);
		word[length] = 0;
		errno = 0;
		int64_t n = strtoll(word, &end, 10);
		if (*end == 0 && errno == 0)
			return new_integer(vm, n);
		double x = strtod(word, &end);
		if (*end == 0 && end != word)
			return new_float(vm, x);
	}
	return intern(vm, at, length);
}

static int read_atom(struct vm *vm, struct text *t, value *form)
{
	const char *from = t->at;

	while (t->at < t->end && !ends_atom(*t->at))
		t->at++;
	*form = atom(vm, from, (size_t)(t->at - from));
	return FORM;
}

static int read_string(struct vm *vm, struct text *t, value *form)
{
	const char *p = ++t->at;

	while (p < t->end && *p != '"')
		p += *p == '\\' && p + 1 < t->end ? 2 : 1;
	if (p >= t->end)
		return INCOMPLETE;
	value v = new_string(vm, t->at, (size_t)(p - t->at));
	char *to = v->string.text;
	for (const char *from = t->at; from < p; from++) {
		if (*from == '\\' && *++from == 'n')
			*to++ = '\n';
		else
			*to++ = *from;
	}
	*to = 0;
	v->string.length = (size_t)(to - v->string.text);
	t->at = p + 1;
	*form = v;
	return FORM;
}

static int read_any(struct vm *vm, struct text *t, value *form);

static bool is_dot(const struct text *t)
{
	return t->at + 1 < t->end && *t->at == '.' && ends_atom(t->at[1]);
}

/* The last cdr of a list, and its closing parenthesis. */
static int read_tail(struct vm *vm, struct text *t, value last)
{
	value tail;

	t->at++;
	int got = read_any(vm, t, &tail);
	if (got != FORM)
		return INCOMPLETE;
	last->pair.cdr = tail;
	if (skip_blanks(t) != FORM)
		return INCOMPLETE;
	if (*t->at++ != ')')
		fail(vm, "more than one form behind a dot");
	return FORM;
}

static int read_list(struct vm *vm, struct text *t, value *form)
{
	size_t base = vm->top;
	value item, last = NULL;

	t->at++;
	keep(vm, vm->nil);
	for (;;) {
		if (skip_blanks(t) != FORM)
			return INCOMPLETE;
		if (*t->at == ')') {
			t->at++;
			break;
		}
		if (last && is_dot(t)) {
			if (read_tail(vm, t, last) != FORM)
				return INCOMPLETE;
			break;
		}
		if (read_any(vm, t, &item) != FORM)
			return INCOMPLETE;
		value cell = cons(vm, item, vm->nil);
		if (last)
			last->pair.cdr = cell;
		else
			vm->stack[base] = cell;
		last = cell;
	}
	*form = vm->stack[base];
	vm->top = base;
	return FORM;
}

static int read_quoted(struct vm *vm, struct text *t, value *form)
{
	t->at++;
	if (read_any(vm, t, form) != FORM)
		return INCOMPLETE;
	size_t base = vm->top;
	value quoted = keep(vm, cons(vm, *form, vm->nil));
	*form = cons(vm, intern(vm, "quote", 5), quoted);
	vm->top = base;
	return FORM;
}

static int read_any(struct vm *vm, struct text *t, value *form)
{
	int got = skip_blanks(t);

	if (got != FORM)
		return got;
	if (++t->nested > MOST_NESTED)
		fail(vm, "nested too deep");
	switch (*t->at) {
	case '(':
		got = read_list(vm, t, form);
		break;
	case '"':
		got = read_string(vm, t, form);
		break;
	case '\'':
		got = read_quoted(vm, t, form);
		break;
	case ')':
		t->at++;
		fail(vm, "a ) too many");
	default:
		got = read_atom(vm, t, form);
	}
	t->nested--;
	return got;
}

int read_form(struct vm *vm, const char **text, const char *end, value *form)
{
	struct text t = { *text, end, 0 };
	size_t base = vm->top;
	int got = read_any(vm, &t, form);

	vm->top = base;
	if (got == FORM)
		*text = t.at;
	return got;
}

/* ---- printing ---------------------------------------------------------------------- */

static void print_float(double x, FILE *to)
{
	char text[40];

	snprintf(text, sizeof(text), "%.15g", x);
	fprintf(to, strpbrk(text, ".en") ? "%s" : "%s.0", text);
}

static void print_string(value v, bool readably, FILE *to)
{
	if (!readably) {
		fwrite(v->string.text, 1, v->string.length, to);
		return;
	}
	fputc('"', to);
	for (size_t i = 0; i < v->string.length; i++) {
		if (v->string.text[i] == '"' || v->string.text[i] == '\\')
			fputc('\\', to);
		fputc(v->string.text[i], to);
	}
	fputc('"', to);
}

static void print_list(struct vm *vm, value v, bool readably, FILE *to)
{
	fputc('(', to);
	for (;;) {
		print_value(vm, first(v), readably, to);
		v = rest(v);
		if (!is_pair(v))
			break;
		fputc(' ', to);
	}
	if (v != vm->nil) {
		fputs(" . ", to);
		print_value(vm, v, readably, to);
	}
	fputc(')', to);
}

void print_value(struct vm *vm, value v, bool readably, FILE *to)
{
	switch ((enum type)v->type) {
	case NIL:
		fputs("()", to);
		break;
	case INTEGER:
		fprintf(to, "%" PRId64, v->integer);
		break;
	case FLOAT:
		print_float(v->real, to);
		break;
	case SYMBOL:
		fputs(v->symbol.name, to);
		break;
	case STRING:
		print_string(v, readably, to);
		break;
	case PAIR:
		print_list(vm, v, readably, to);
		break;
	case CLOSURE:
		fprintf(to, "#<function %s>", v->closure.name->symbol.name);
		break;
	case BUILTIN:
		fprintf(to, "#<builtin %s>", v->builtin.what->name);
		break;
	case ENVIRONMENT:
		fputs("#<environment>", to);
		break;
	}
}

value printed(struct vm *vm, value v, bool readably)
{
	char *text = NULL;
	size_t length = 0;
	FILE *to = open_memstream(&text, &length);

	if (!to)
		fail(vm, "out of memory");
	print_value(vm, v, readably, to);
	if (fclose(to) != 0)
		fail(vm, "out of memory");
	size_t most = vm->limit / 2;
	value string = length < most ? new_string(vm, text, length) : NULL;
	free(text);
	return string ? string : new_string(vm, "...", 3);
}
