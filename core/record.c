/*
 * record.c - `valktrace record`: run a command under the agent and write one log of its process tree.
 *
 * Manners of env and timeout: the command's streams, signals and exit status are its own; whatever goes
 * wrong here, the command runs on.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <valktrace.h>

#include "core/record_tree.h"
#include "decoder/cmd.h"
#include "decoder/common.h"
#include "decoder/names.h"
#include "decoder/units.h"

enum { EXIT_OURS = 125, EXIT_CANNOT_EXECUTE = 126, EXIT_NOT_FOUND = 127 };

/* Every row of options.def is an option here; its value is handed to vt_settings_set. */
enum {
#define VT_OPTION(field, name, kind, standard, least, most, argument, help) OPTION_##field,
#include "core/options.def"
	OPTIONS
};

struct record_settings {
	const char *values[OPTIONS];
	struct vt_list categories;
	bool all, wait_all, force;
};

static const char *const mode_names[] = { "overwrite", "discard", NULL };
static const char *const codec_names[] = { "zstd", "lz4", "none", NULL };
#define NAMES_OF(field) \
	(OPTION_##field == OPTION_mode ? mode_names : \
	 OPTION_##field == OPTION_codec ? codec_names : NULL)

static const struct vt_opt options[] = {
	{ "category", 'c', VT_OPT_LIST_WHOLE, "NAMES", "record these as well: gc,interp or !loop (default gc,loop,meta)",
	  offsetof(struct record_settings, categories), 0, .names = vt_names_of_categories },
	{ "all", 'a', VT_OPT_FLAG, NULL, "record every category", offsetof(struct record_settings, all), 0 },
	{ "output", 'o', VT_OPT_STRING, "FILE", "the log (default valktrace.vtrace; an old one becomes .old)",
	  offsetof(struct record_settings, values[OPTION_output]), 0 },
	{ "wait-all", 'w', VT_OPT_FLAG, NULL, "wait for all processes, not only the command",
	  offsetof(struct record_settings, wait_all), 0 },
#define ROW(field, name, argument, help) \
	{ name, 0, VT_OPT_STRING, argument, help, \
	  offsetof(struct record_settings, values[OPTION_##field]), 0, .values = NAMES_OF(field) }
#define VT_OPTION(field, name, kind, standard, least, most, argument, help) ROW(field, name, argument, help),
#define VT_OPTIONS_OF_RECORD
#include "core/options.def"
	{ "force", 'f', VT_OPT_FLAG, NULL, "an old log is replaced, not kept as .old",
	  offsetof(struct record_settings, force), 0 },
	VT_OPT_END
};

static struct {
	struct vt_tree tree;
	struct vt_recorder recorder;
	uv_loop_t loop;
	uv_poll_t child_poll;
	uv_signal_t forwarded[4];
	bool wait_all, ended;
	pid_t child;
	int wait_status, pidfd;
	uint64_t begin, end;            /* monotonic ns */
} record;

/* ---- the command --------------------------------------------------------------------------------- */

/* Where `make install` puts libraries, and the way there from this program: a moved tree still works. */
#ifndef VT_LIBDIR
#define VT_LIBDIR "/usr/local/lib"
#define VT_LIBDIR_FROM_TOOL "../lib"
#endif

/* The agent is beside this program, where the installed one is from here, or where it was installed. */
static int find_agent(char path[PATH_MAX])
{
	static const char *const places[] = {
		"libvalktrace-agent.so",
		VT_LIBDIR_FROM_TOOL "/valktrace/libvalktrace-agent.so",
		VT_LIBDIR "/valktrace/libvalktrace-agent.so",
	};
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0)
		return -errno;
	self[n] = 0;
	*(strrchr(self, '/') + 1) = 0;
	for (unsigned i = 0; i < sizeof(places) / sizeof(*places); i++) {
		char candidate[2 * PATH_MAX];
		snprintf(candidate, sizeof(candidate), "%s%s", *places[i] == '/' ? "" : self, places[i]);
		if (realpath(candidate, path))
			return 0;
	}
	return -ENOENT;
}

static int set_environment(const struct vt_tree *t)
{
	char agent[PATH_MAX], value[3 * PATH_MAX];
	int err = find_agent(agent);

	if (err)
		return err;
	const char *before = getenv("LD_PRELOAD");
	int n = snprintf(value, sizeof(value), "%s%s%s", agent, before && *before ? ":" : "", before ? before : "");
	if (n < 0 || (size_t)n >= sizeof(value))
		return -E2BIG;
	setenv("LD_PRELOAD", value, 1);
	snprintf(value, sizeof(value), "%016llx:%s", (unsigned long long)t->run, t->directory);
	setenv(VT_RUN_VARIABLE, value, 1);
	return 0;
}

static void unset_environment(const char *preload)
{
	if (preload)
		setenv("LD_PRELOAD", preload, 1);
	else
		unsetenv("LD_PRELOAD");
	unsetenv(VT_RUN_VARIABLE);
}

/* fork and exec; the errno of a failed exec comes back through a close-on-exec pipe. */
static int start_command(char **argv, pid_t *pid)
{
	int pipes[2], failure = 0;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return -errno;
	*pid = fork();
	if (*pid < 0) {
		int err = -errno;
		close(pipes[0]);
		close(pipes[1]);
		return err;
	}
	if (*pid == 0) {
		execvp(argv[0], argv);
		failure = errno;
		while (write(pipes[1], &failure, sizeof(failure)) < 0 && errno == EINTR)
			;
		_exit(EXIT_NOT_FOUND);
	}
	close(pipes[1]);
	ssize_t n;
	while ((n = read(pipes[0], &failure, sizeof(failure))) < 0 && errno == EINTR)
		;
	close(pipes[0]);
	if (n != (ssize_t)sizeof(failure))
		return 0;
	waitpid(*pid, NULL, 0);
	return -failure;
}

/* ---- while it runs ---------------------------------------------------------------------------------- */

static void stop_if_done(struct vt_tree *t)
{
	if (record.ended && (!record.wait_all || !vt_tree_running(t)))
		uv_stop(&record.loop);
}

static void on_child(uv_poll_t *handle, int status, int events)
{
	(void)status, (void)events;
	if (waitpid(record.child, &record.wait_status, WNOHANG) != record.child)
		return;
	record.ended = true;
	record.end = vt_anchor_now().monotonic;
	uv_poll_stop(handle);
	vt_tree_child_ended(&record.tree, record.wait_status);
	stop_if_done(&record.tree);
}

/* INT, QUIT and TSTP come from the terminal and reach the whole group: only these are passed on. */
static void on_signal(uv_signal_t *handle, int number)
{
	(void)handle;
	if (!record.ended)
		kill(record.child, number);
}

static void ignore_terminal_signals(void)
{
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

static int watch_command(void)
{
	static const int passed_on[4] = { SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 };

	ignore_terminal_signals();
	for (unsigned i = 0; i < 4; i++) {
		uv_signal_init(&record.loop, &record.forwarded[i]);
		uv_signal_start(&record.forwarded[i], on_signal, passed_on[i]);
		uv_unref((uv_handle_t *)&record.forwarded[i]);
	}
	record.pidfd = (int)syscall(SYS_pidfd_open, record.child, 0);
	if (record.pidfd < 0)
		return -errno;
	int err = uv_poll_init(&record.loop, &record.child_poll, record.pidfd);
	return err ? err : uv_poll_start(&record.child_poll, UV_READABLE, on_child);
}

static void record_until_end(void)
{
	record.tree.child = record.child;
	record.tree.on_empty = stop_if_done;
	int err = watch_command();
	if (err) {
		vt_message("cannot watch the command: %s", vt_strerror(err));
		while (waitpid(record.child, &record.wait_status, 0) < 0 && errno == EINTR)
			;
	} else {
		uv_run(&record.loop, UV_RUN_DEFAULT);
	}
	vt_tree_close(&record.tree);
}

/* ---- what is said at the end -------------------------------------------------------------------------- */

static void print_first_line(const char *command)
{
	const struct vt_tree *t = &record.tree;
	char time[VT_NUM_MAX + 1] = "";
	uint64_t hundredths = (record.end - record.begin) / 10000000;
	snprintf(time, sizeof(time), "%llu.%02llu s", (unsigned long long)(hundredths / 100),
	         (unsigned long long)(hundredths % 100));

	if (WIFSIGNALED(record.wait_status)) {
		const char *name = sigabbrev_np(WTERMSIG(record.wait_status));
		fprintf(stderr, "valktrace: %s was killed by SIG%s after %s; %s\n", command, name ? name : "?",
		        time, t->seen ? "its ring was read" : "it had no ring");
		return;
	}
	fprintf(stderr, "valktrace: ");
	if (*t->probes)
		fprintf(stderr, "found %s; ", t->probes);
	fprintf(stderr, "%s, exit %d, %u thread%s", time, WEXITSTATUS(record.wait_status), t->threads,
	        t->threads == 1 ? "" : "s");
	if (t->seen > 1)
		fprintf(stderr, ", %u processes", t->seen);
	fputc('\n', stderr);
}

static void print_reasons(uint64_t events)
{
	const struct vt_tree *t = &record.tree;
	if (t->seen == 0)
		fprintf(stderr, "valktrace: no process loaded the agent: static or set-uid programs cannot;\n"
		        "valktrace: link libvalktrace and call vt_start in such a program\n");
	else if (!*t->probes && events == 0)
		fprintf(stderr, "valktrace: found no runtime that it knows (valktrace schema --probes)\n");
}

static void print_end(const char *command, const char *path, uint64_t events, uint64_t lost, uint64_t bytes,
                      int error)
{
	char e[VT_NUM_MAX + 1], l[VT_NUM_MAX + 1], b[VT_NUM_MAX + 1];

	*vt_num_grouped(e, events) = 0;
	*vt_num_grouped(l, lost) = 0;
	*vt_num_bytes(b, bytes) = 0;
	print_first_line(command);
	print_reasons(events);
	if (error)
		fprintf(stderr, "valktrace: %s: %s; what was written is whole\n", path, vt_strerror(error));
	fprintf(stderr, "valktrace: %s events, %s lost, %s -> %s\n", e, l, b, path);
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "valktrace: next: valktrace summary%s%s%s\n",
		        strcmp(path, "valktrace.vtrace") ? " " : "", strcmp(path, "valktrace.vtrace") ? path : "",
		        WIFSIGNALED(record.wait_status) ? "     (what was open when it died)" : "");
}

/* As the command ended: the same status, or the same signal without a core of ours. */
static int end_like_command(void)
{
	if (!WIFSIGNALED(record.wait_status))
		return WEXITSTATUS(record.wait_status);
	int number = WTERMSIG(record.wait_status);
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	prctl(PR_SET_DUMPABLE, 0);
	fflush(NULL);
	signal(number, SIG_DFL);
	sigset_t one;
	sigemptyset(&one);
	sigaddset(&one, number);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	raise(number);
	return 128 + number;
}

/* ---- set up -------------------------------------------------------------------------------------------- */

/* Which events are on. */
struct wanted {
	uint64_t mask;
	char names[VT_OPTION_WORD];     /* categories that only the host knows: "a,b" */
};

/* A name one slip away from one of ours is misspelt; any other may be registered by the host. */
static int want_host_categories(struct wanted *w, const char *unknown)
{
	const char *known[VT_MAX_CATEGORIES], *nearest;
	char copy[VT_OPTION_WORD], *save = NULL;
	size_t count = 0, n = strlen(w->names);

	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
		if (vt_schema_builtin()->categories[c].name)
			known[count++] = vt_schema_builtin()->categories[c].name;
	snprintf(copy, sizeof(copy), "%s", unknown);
	for (char *name = strtok_r(copy, ",", &save); name; name = strtok_r(NULL, ",", &save))
		if ((nearest = vt_name_nearest(name, known, count)) && vt_name_distance(name, nearest) < 2)
			return vt_usage("unknown category '%s', did you mean '%s'? (valktrace schema lists them)",
			                name, nearest);
	if (n + strlen(unknown) + 2 > sizeof(w->names))
		return vt_usage("too many categories");
	strcat(strcat(w->names, n > 0 ? "," : ""), unknown);
	return 0;
}

static int want_categories(struct wanted *w, const char *names)
{
	char unknown[VT_OPTION_WORD];
	uint64_t set;

	if (vt_category_set(names, &set, unknown, sizeof(unknown)) < 0 && want_host_categories(w, unknown) != 0)
		return -VT_E_UNKNOWN_CATEGORY;
	w->mask = *names == '!' ? w->mask & set : w->mask | set;
	return 0;
}

static int settings_of(const struct record_settings *from, struct vt_settings *s, struct wanted *wanted)
{
	char problem[512];
	const char *environment = secure_getenv("VALKTRACE");

	vt_settings_default(s);
	if (environment && vt_settings_parse(s, environment, problem, sizeof(problem)) < 0)
		vt_message("VALKTRACE: %s", problem);
	for (unsigned i = 0; i < OPTIONS; i++)
		if (from->values[i] &&
		    vt_settings_set(s, vt_option_rows[i].name, from->values[i], problem, sizeof(problem)) < 0)
			return vt_usage("--%s", problem);
	*wanted = (struct wanted){ .mask = 1ull << VT_CAT_gc | 1ull << VT_CAT_loop | 1ull << VT_CAT_meta };
	for (unsigned i = 0; i <= from->categories.count; i++) {
		const char *names = i < from->categories.count ? from->categories.items[i] : s->events;
		if (*names && want_categories(wanted, names) < 0)
			return VT_EXIT_USAGE;
	}
	if (from->all)
		wanted->mask = ~0ull;
	return 0;
}

static int begin_recording(const struct vt_settings *s, const struct wanted *wanted, const char **what)
{
	struct vt_resolved resolved;
	static char text[512], directory[PATH_MAX / 2];
	uint64_t run;

	*what = text;
	int err = vt_settings_resolve(s, &resolved, text, sizeof(text));
	if (err)
		return err;
	*what = "no directory for ring files";
	err = vt_ring_directory(s->ring_directory, directory, sizeof(directory));
	if (err)
		return err;
	*what = directory;
	if (getrandom(&run, sizeof(run), 0) != sizeof(run))
		return -EIO;
	err = vt_tree_prepare(&record.tree, directory, run, s->ring_size, resolved.geometry.mode, wanted->mask,
	                      wanted->names);
	if (err)
		return err;
	*what = s->output;
	err = uv_loop_init(&record.loop);
	if (!err)
		err = vt_recorder_open(&record.recorder, &record.loop, s, s->output, true, run,
		                       &record.tree.page->bell);
	if (!err)
		err = vt_tree_watch(&record.tree, &record.loop, &record.recorder);
	if (err)
		unlink(record.tree.page_path);
	return err;
}

/* With --force: the old log has just been moved away, over whatever had that name before. */
static void remove_old(const char *path)
{
	char old[PATH_MAX];

	if (snprintf(old, sizeof(old), "%s.old", path) < (int)sizeof(old))
		unlink(old);
}

static void on_problem(void *unused, int error)
{
	(void)unused;
	vt_message("%s: %s; the command runs on", record.recorder.log.path, vt_strerror(error));
}

static int run_command(char **argv)
{
	const char *preload = getenv("LD_PRELOAD");
	char *saved = preload ? strdup(preload) : NULL;
	int err = set_environment(&record.tree);

	if (err)
		vt_message("libvalktrace-agent.so: %s; the command runs without it", vt_strerror(err));
	record.begin = vt_anchor_now().monotonic;
	err = start_command(argv, &record.child);
	unset_environment(saved);
	free(saved);
	return err;
}

static int record_command(const struct record_settings *from, char **argv)
{
	struct vt_settings settings;
	struct wanted wanted;
	const char *what = "";

	if (settings_of(from, &settings, &wanted) != 0)
		return EXIT_OURS;
	if (!*settings.output)
		strcpy(settings.output, "valktrace.vtrace");
	record.wait_all = from->wait_all;
	bool is_old = from->force && access(settings.output, F_OK) == 0;
	int err = begin_recording(&settings, &wanted, &what);
	if (!err && is_old)
		remove_old(settings.output);
	if (err) {
		vt_message("%s: %s", what, vt_strerror(err));
		return EXIT_OURS;
	}
	record.recorder.problem = on_problem;
	vt_detail("run %016llx, rings of %llu bytes in %s", (unsigned long long)record.tree.run,
	          (unsigned long long)settings.ring_size, record.tree.directory);
	err = run_command(argv);
	if (err) {
		vt_message("%s: %s", argv[0], vt_strerror(err));
		vt_tree_close(&record.tree);
		vt_recorder_close(&record.recorder, VT_END_UNKNOWN);
		unlink(settings.output);
		return err == -ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE;
	}
	record_until_end();
	uint64_t events = vt_recorder_events(&record.recorder), lost = vt_recorder_lost(&record.recorder);
	err = vt_recorder_close(&record.recorder, VT_END_RUNNING);
	if (err && vt_common.quiet)
		vt_message("%s: %s; what was written is whole", record.recorder.log.name,
		           vt_strerror(err));
	if (!vt_common.quiet)
		print_end(argv[0], record.recorder.log.name, events, lost, vt_log_bytes(&record.recorder.log), err);
	return 0;
}

static int run(int argc, char **argv)
{
	struct record_settings from = { .all = false };
	int code = EXIT_OURS;

	int first = vt_opt_parse(&vt_cmd_record, argc, argv, &from);
	if (first == VT_OPT_HELP)
		code = VT_EXIT_OK;
	else if (first >= argc)
		vt_usage("record: no command given; try: valktrace record -- guile program.scm");
	else if (first >= 0)
		code = record_command(&from, argv + first);
	vt_opt_free(options, &from);
	return code ? code : first >= 0 ? end_like_command() : VT_EXIT_OK;
}

const struct vt_command vt_cmd_record = {
	.name = "record",
	.args = "[--] COMMAND [ARGUMENT...]",
	.summary = "run a command and record its garbage collector, loops, calls",
	.details = "The command's streams, signals and exit status are its own. The log can be read\n"
	           "by valktrace summary and decode while it is written, too.\n",
	.exits = "  that of the command; its signal, if one killed it; or, before it began:\n"
	         "  125  recording cannot begin    126  it cannot be run    127  it was not found\n",
	.examples = "  valktrace record -- guile program.scm\n"
	            "  valktrace record -c interp -o slow.vtrace -- ./vm main.vm\n",
	.opts = options,
	.stop_at_argument = true,
	.run = run,
};
