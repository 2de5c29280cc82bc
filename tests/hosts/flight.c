/*
 * flight.c - a host that does what its arguments say, one after another; the tests' script for vt_start,
 * vt_dump, vt_flush, fork and death. Options come from VALKTRACE.
 *
 *   flight emit=1000 dump=a.vtrace emit=5 raise=USR2 fork=10 flush stop start kill
 *
 * Event n of all that are emitted is custom.note "note" with the number as its detail. A word of one of
 * our calls that fails is printed with its error; so is what on_loss was told in all.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <valktrace.h>

static uint64_t emitted, name;
static uint64_t lost;

static void on_loss(void *user, uint64_t more)
{
	*(uint64_t *)user += more;
}

static int start(void)
{
	static const struct vt_options options = {
		.program = "flight", .events = "custom", .on_loss = on_loss, .user = &lost, .follow_fork = true,
	};
	int err = vt_start(&options);

	name = vt_string("note");
	return err;
}

static int emit(uint64_t count)
{
	char text[24];

	for (uint64_t i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "%llu", (unsigned long long)++emitted);
		vt_note(name, text);
	}
	return 0;
}

/* The child uses the name that its parent interned. */
static int emit_in_child(uint64_t count)
{
	pid_t child = fork();

	if (child == 0) {
		emit(count);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	return child < 0 ? -1 : 0;
}

static int raise_signal(const char *which)
{
	for (int i = 1; i < NSIG; i++)
		if (sigabbrev_np(i) && strcmp(sigabbrev_np(i), which) == 0)
			return kill(getpid(), i);
	return -1;
}

/* A note in each category that has them, and an allocation. */
static int note_everywhere(void)
{
	for (unsigned category = VT_CAT_syscall; category <= VT_CAT_custom; category++)
		vt_note_in((enum vt_category_id)category, name, "in its category");
	vt_alloc(64);
	return 0;
}

static int act(const char *word, const char *value)
{
	uint64_t n = strtoull(value, NULL, 10);

	if (strcmp(word, "notes") == 0)
		return note_everywhere();
	if (strcmp(word, "emit") == 0)
		return emit(n);
	if (strcmp(word, "sleep") == 0)
		return usleep((useconds_t)n * 1000);
	if (strcmp(word, "fork") == 0)
		return emit_in_child(n);
	if (strcmp(word, "raise") == 0 || strcmp(word, "kill") == 0)
		return raise_signal(*value ? value : "KILL");
	if (strcmp(word, "dump") == 0)
		return vt_dump(*value ? value : NULL);
	if (strcmp(word, "flush") == 0)
		return vt_flush();
	if (strcmp(word, "stop") == 0)
		return vt_stop();
	if (strcmp(word, "start") == 0)
		return start();
	return -1;
}

int main(int argc, char **argv)
{
	int err = start();

	if (err)
		printf("vt_start: %s\n", vt_strerror(err));
	for (int i = 1; i < argc; i++) {
		char word[16] = "";
		size_t length = strcspn(argv[i], "=");
		memcpy(word, argv[i], length < sizeof(word) ? length : sizeof(word) - 1);
		err = act(word, argv[i] + length + (argv[i][length] == '='));
		if (err < 0)
			printf("%s: %s\n", word, vt_strerror(err));
		fflush(stdout);
	}
	vt_stop();
	if (lost > 0)
		printf("lost %llu\n", (unsigned long long)lost);
	return 0;
}
