/*
 * lisp.h - a small Lisp on a libuv loop, the example of a host that records itself.
 *
 * Where valktrace is called: lisp.c (start, stop, the loop), lisp_gc.c (collections), lisp_eval.c
 * (what the interpreter does), lisp_loop.c (ticks, timers, threads) and lisp_vm.c (live metrics).
 */
#ifndef TESTS_HOSTS_LISP_H
#define TESTS_HOSTS_LISP_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <uv.h>

typedef struct object *value;
struct vm;
struct form;

enum type { NIL, INTEGER, FLOAT, SYMBOL, STRING, PAIR, CLOSURE, BUILTIN, ENVIRONMENT };

struct builtin {
	const char *name;
	value (*call)(struct vm *vm, value args);
	int least, most;                /* arguments; most < 0: any number */
};

struct object {
	value next;                     /* all objects of the heap */
	value gray;                     /* marked, and what it refers to not yet */
	uint32_t size;
	uint8_t type;
	bool marked;
	union {
		int64_t integer;
		double real;
		struct { size_t length; char *text; } string;   /* the bytes are behind it */
		struct {
			const char *name;
			value global, chain;            /* NULL: unbound; next of its hash */
			const struct form *form;        /* NULL: not a special form */
		} symbol;
		struct { value car, cdr; } pair;
		struct { value params, body, env, name; bool rest; uint64_t trace; } closure;
		struct { const struct builtin *what; uint64_t trace; } builtin;
		struct { value names, values, parent; } env;    /* two lists side by side */
	};
};

/* Where an error goes to, and what is then put back. */
struct handler {
	jmp_buf jump;
	struct handler *outer;
	size_t top;
	unsigned depth;
	uint64_t mark;                  /* of the tracer */
};

#define HASHES 256u

struct vm {
	/* The heap. */
	value objects, gray;
	size_t used, threshold, limit;  /* bytes; `limit` is hard */
	value nil, truth, lambda;
	value symbols[HASHES];
	/* The shadow stack: what C code holds on to. */
	value *stack;
	size_t top, room;
	/* Errors. */
	struct handler *handlers;
	char message[512];
	unsigned depth;                 /* calls of Lisp functions that are open */
	const char *bottom;             /* of the C stack */
	/* The loop. */
	uv_loop_t loop;
	uv_prepare_t tick;
	struct task *tasks;
	uint64_t busy;                  /* ns in Lisp since the last tick */
	bool exiting;
	int status;
	uint64_t sequence;              /* number of the counter record last read */
};

/* lisp_gc.c */
void heap_init(struct vm *vm, size_t limit);
void heap_free(struct vm *vm);
void collect(struct vm *vm);
void mark(struct vm *vm, value v);
value new_object(struct vm *vm, enum type type, size_t extra);
value new_integer(struct vm *vm, int64_t n);
value new_float(struct vm *vm, double x);
value new_string(struct vm *vm, const char *text, size_t length);
value intern(struct vm *vm, const char *name, size_t length);
value cons(struct vm *vm, value car, value cdr);
value keep(struct vm *vm, value v);     /* until vm->top is put back */

/* lisp_read.c: 1 and a form, 0 when it is not complete, -1 at the end of the text */
int read_form(struct vm *vm, const char **text, const char *end, value *form);
void print_value(struct vm *vm, value v, bool readably, FILE *to);
value printed(struct vm *vm, value v, bool readably);

/* lisp_eval.c */
void eval_init(struct vm *vm);
value eval(struct vm *vm, value expr, value env);
value apply(struct vm *vm, value f, value args);
_Noreturn void fail(struct vm *vm, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* False: it failed, and vm->message says why. */
bool protect(struct vm *vm, value (*call)(struct vm *vm, void *user), void *user, value *result);

/* The others each add builtins. */
void define_builtins(struct vm *vm, const struct builtin *table);
void builtins_init(struct vm *vm);
void vm_init(struct vm *vm);
void loop_init(struct vm *vm);
void loop_mark(struct vm *vm);
void loop_close(struct vm *vm);         /* and all that is open in it */
/* Runs a function as one turn of the scheduler and prints its error; false: it failed. */
bool run_turn(struct vm *vm, value (*call)(struct vm *vm, void *user), void *user);

/* lisp_file.c: whole files, by system calls that are counted */
ssize_t file_read(const char *path, char **text);
int file_write(const char *path, const char *text, size_t length);
void write_out(const char *text, size_t length);

static inline bool is_pair(value v) { return v->type == PAIR; }
static inline value first(value v) { return v->pair.car; }
static inline value rest(value v) { return v->pair.cdr; }
static inline value second(value v) { return first(rest(v)); }
static inline value third(value v) { return first(rest(rest(v))); }

int64_t to_integer(struct vm *vm, value v);
const char *to_text(struct vm *vm, value v);

#endif
