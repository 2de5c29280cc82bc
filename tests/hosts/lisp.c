/*
 * lisp.c - a small Lisp that records itself: `lisp [--heap BYTES] [--metrics] [FILE... | -]`.
 *
 * Files are evaluated in order, then the loop runs until nothing is left to wait for. Without a
 * file, or with -, forms are read from standard input as they arrive and their values are printed.
 * --metrics prints the metrics as JSON before anything is evaluated.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <valktrace.h>

#include "tests/hosts/lisp.h"

/* Text that is not evaluated yet, and where it comes from. */
struct source {
	char *text;
	size_t length;
	bool prints;                    /* the value of every form */
	union { uv_handle_t handle; uv_stream_t stream; uv_pipe_t pipe; uv_tty_t tty; } in;
};

static struct source input;

/* ---- evaluation -------------------------------------------------------------------- */

static void eval_and_print(struct vm *vm, value form)
{
	value v = keep(vm, eval(vm, form, vm->nil));

	if (!input.prints)
		return;
	value text = printed(vm, v, true);
	write_out(text->string.text, text->string.length);
	write_out("\n", 1);
}

/* Evaluates one form after the other; what is left of the text is not complete. */
static value eval_all(struct vm *vm, void *nothing)
{
	const char *at = input.text, *end = input.text + input.length;
	size_t base = vm->top;
	value form;

	(void)nothing;
	while (read_form(vm, &at, end, &form) == 1) {
		/* What was read is taken out first: an error goes on behind it. */
		input.length = (size_t)(end - at);
		memmove(input.text, at, input.length);
		at = input.text;
		end = input.text + input.length;
		eval_and_print(vm, keep(vm, form));
		vm->top = base;
	}
	return vm->nil;
}

/* A form that fails ends a file; of what was typed, the rest of it is dropped. */
static bool run_input(struct vm *vm)
{
	bool good = run_turn(vm, eval_all, NULL);

	if (!good)
		input.length = 0;
	return good;
}

static bool has_text(void)
{
	for (size_t i = 0; i < input.length; i++)
		if (!strchr(" \t\r\n", input.text[i]))
			return true;
	return false;
}

static bool run_file(struct vm *vm, const char *path)
{
	ssize_t n = file_read(path, &input.text);

	if (n < 0) {
		fprintf(stderr, "lisp: %s: %s\n", path, strerror((int)-n));
		return false;
	}
	input.length = (size_t)n;
	bool good = run_input(vm);
	if (good && has_text() && input.text[strspn(input.text, " \t\r\n")] == '(') {
		fprintf(stderr, "lisp: %s: the last form does not end\n", path);
		good = false;
	}
	free(input.text);
	input.text = NULL;
	return good;
}

/* ---- standard input ---------------------------------------------------------------- */

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	static char bytes[65536];

	(void)handle;
	(void)suggested;
	*buffer = uv_buf_init(bytes, sizeof(bytes));
}

static void on_input(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
	struct vm *vm = stream->loop->data;

	if (n < 0) {
		uv_close((uv_handle_t *)stream, NULL);
		return;
	}
	vt_bytes_read((uint64_t)n);
	char *grown = realloc(input.text, input.length + (size_t)n + 1);
	if (!grown)
		return;
	memcpy(grown + input.length, buffer->base, (size_t)n);
	input.text = grown;
	input.length += (size_t)n;
	run_input(vm);
}

static bool run_standard_input(struct vm *vm)
{
	uv_handle_type type = uv_guess_handle(STDIN_FILENO);

	input.prints = true;
	if (type != UV_TTY && type != UV_NAMED_PIPE)
		return run_file(vm, "/dev/stdin");
	int err = type == UV_TTY ? uv_tty_init(&vm->loop, &input.in.tty, STDIN_FILENO, 1)
	                         : uv_pipe_init(&vm->loop, &input.in.pipe, 0);
	if (!err && type == UV_NAMED_PIPE)
		err = uv_pipe_open(&input.in.pipe, STDIN_FILENO);
	if (!err)
		err = uv_read_start(&input.in.stream, give_buffer, on_input);
	if (err)
		fprintf(stderr, "lisp: standard input: %s\n", uv_strerror(err));
	return err == 0;
}

/* ---- main -------------------------------------------------------------------------- */

struct arguments {
	size_t heap;
	bool metrics;
	char **files;
};

static bool parse(struct arguments *a, char **argv)
{
	a->heap = 16 << 20;
	for (a->files = argv + 1; *a->files && **a->files == '-' && (*a->files)[1]; a->files++) {
		if (strcmp(*a->files, "--metrics") == 0) {
			a->metrics = true;
		} else if (strcmp(*a->files, "--heap") == 0 && a->files[1]) {
			a->heap = strtoull(*++a->files, NULL, 10);
		} else {
			fprintf(stderr, "usage: lisp [--heap BYTES] [--metrics] [FILE... | -]\n");
			return false;
		}
	}
	if (a->heap >= 65536 && a->heap <= 1u << 30)
		return true;
	fprintf(stderr, "lisp: a heap has 64 KiB to 1 GiB\n");
	return false;
}

static struct arguments arguments;

static value make_world(struct vm *vm, void *nothing)
{
	(void)nothing;
	heap_init(vm, arguments.heap);
	eval_init(vm);
	builtins_init(vm);
	loop_init(vm);
	vm_init(vm);
	return vm->nil;
}

static void print_metrics(void)
{
	struct vt_metrics m;
	char text[4096];

	if (vt_metrics_read(&m) == 0 && vt_metrics_json(&m, text, sizeof(text)) < sizeof(text))
		printf("%s\n", text);
	fflush(stdout);
}

static int run(struct vm *vm)
{
	bool good = true;

	if (arguments.metrics)
		print_metrics();
	for (char **file = arguments.files; good && !vm->exiting && *file; file++)
		good = strcmp(*file, "-") == 0 ? run_standard_input(vm) : run_file(vm, *file);
	if (!*arguments.files)
		good = run_standard_input(vm);
	if (!vm->exiting)
		uv_run(&vm->loop, UV_RUN_DEFAULT);
	return good || vm->exiting ? vm->status : 1;
}

int main(int argc, char **argv)
{
	static struct vm vm;
	value unused;

	(void)argc;
	if (!parse(&arguments, argv))
		return 2;
	vt_start(&(struct vt_options){
		.program = "lisp", .version = "0.9.2", .events = "gc,loop" });
	vm.bottom = __builtin_frame_address(0);
	if (!protect(&vm, make_world, NULL, &unused)) {
		fprintf(stderr, "lisp: %s\n", vm.message);
		vt_stop();
		return 1;
	}
	int status = run(&vm);
	loop_close(&vm);
	heap_free(&vm);
	free(input.text);
	vt_stop();
	return status;
}
