/*
 * record.c - `valktrace record`: run a command under the agent and write one log of its process tree.
 *
 * Manners of env and timeout: the command's streams, signals and exit status are its own; whatever goes
 * wrong here, the command runs on.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <valktrace.h>

#include "core/collecting.h"
#include "core/executable.h"
#include "core/record_child.h"
#include "core/record_tree.h"
#include "decoder/cmd.h"
#include "decoder/common.h"
#include "decoder/names.h"
#include "decoder/rules.h"
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
	struct vt_list categories, rules;
	bool all, wait_all, force;
};

static const char *const mode_names[] = { "overwrite", "discard", NULL };
static const char *const calls_names[] = { "on", "off", NULL };
static const char *const codec_names[] = { "zstd", "lz4", "none", NULL };
#define NAMES_OF(field) \
	(OPTION_##field == OPTION_mode ? mode_names : \
	 OPTION_##field == OPTION_calls ? calls_names : \
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
	{ "warn", 0, VT_OPT_LIST_WHOLE, "RULE",
	  "say and record when it is violated: 'gc.time > 10%'; repeatable (valktrace check)",
	  offsetof(struct record_settings, rules), 0, .names = vt_rule_subject },
	{ "force", 'f', VT_OPT_FLAG, NULL, "an old log is replaced, not kept as .old",
	  offsetof(struct record_settings, force), 0 },
	VT_OPT_END
};

static struct {
	struct vt_tree tree;
	struct vt_recorder recorder;
	struct vt_child child;
	struct vt_executable executable;
	uv_loop_t loop;
	bool wait_all;
	bool agent;                     /* it was found, and is asked for */
	struct stat log_before;         /* the file that the log replaced */
} record;

/* ---- the command --------------------------------------------------------------------------------- */

/* Where `make install` puts libraries, and the way there from this program: a moved tree still works. */
#ifndef VT_LIBDIR
#define VT_LIBDIR "/usr/local/lib"
#define VT_LIBDIR_FROM_TOOL "../lib"
#endif

/* The agent is beside this program, where the installed one is from here, or where it was installed. */
static int find_library(const char *name, char path[PATH_MAX])
{
	static const char *const places[] = {
		"", VT_LIBDIR_FROM_TOOL "/valktrace/", VT_LIBDIR "/valktrace/",
	};
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0)
		return -errno;
	self[n] = 0;
	*(strrchr(self, '/') + 1) = 0;
	for (unsigned i = 0; i < sizeof(places) / sizeof(*places); i++) {
		char candidate[2 * PATH_MAX];
		snprintf(candidate, sizeof(candidate), "%s%s%s", *places[i] == '/' ? "" : self, places[i], name);
		if (realpath(candidate, path))
			return 0;
	}
	return -ENOENT;
}

static int set_environment(const struct vt_tree *t)
{
	char agent[PATH_MAX], heap[PATH_MAX] = "", value[4 * PATH_MAX];
	int err = find_library("libvalktrace-agent.so", agent);

	if (err)
		return err;
	/* Behind the agent, and before the allocator that the user may have asked for. */
	bool wanted = !t->page->no_calls && t->page->mask >> VT_CAT_memory & 1;
	if (wanted && find_library("libvalktrace-heap.so", heap))
		vt_message("libvalktrace-heap.so is missing: malloc and free are not recorded");
	const char *before = getenv("LD_PRELOAD");
	int n = snprintf(value, sizeof(value), "%s%s%s%s%s", agent, *heap ? ":" : "", heap,
	                 before && *before ? ":" : "", before ? before : "");
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

/* ---- while it runs ---------------------------------------------------------------------------------- */

static void stop_if_done(struct vt_tree *t)
{
	if (record.child.ended && (!record.wait_all || !vt_tree_running(t)))
		uv_stop(&record.loop);
}

static void on_child_end(struct vt_child *c)
{
	record.recorder.usage = &c->usage;
	record.recorder.usage_pid = (uint32_t)c->pid;
	vt_tree_child_ended(&record.tree, c->status);
	record.recorder.usage = NULL;
	stop_if_done(&record.tree);
}

/* With --wait-all: whoever sends one after the command has ended wants us to wait no longer. */
static void on_late_signal(struct vt_child *c)
{
	(void)c;
	uv_stop(&record.loop);
}

static void record_until_end(void)
{
	record.tree.child = record.child.pid;
	record.tree.on_empty = stop_if_done;
	record.child.on_end = on_child_end;
	record.child.on_late_signal = on_late_signal;
	uv_run(&record.loop, UV_RUN_DEFAULT);
	vt_tree_close(&record.tree);
}

/* ---- what is said at the end -------------------------------------------------------------------------- */

static void print_first_line(const char *command)
{
	const struct vt_tree *t = &record.tree;
	const struct vt_child *c = &record.child;
	char time[VT_NUM_MAX + 1] = "", signal_name[24];
	uint64_t hundredths = (c->end.monotonic - c->begin.monotonic) / 10000000;
	snprintf(time, sizeof(time), "%llu.%02llu s", (unsigned long long)(hundredths / 100),
	         (unsigned long long)(hundredths % 100));

	if (WIFSIGNALED(c->status)) {
		const char *name = sigabbrev_np(WTERMSIG(c->status));
		if (name)
			snprintf(signal_name, sizeof(signal_name), "SIG%s", name);
		else
			snprintf(signal_name, sizeof(signal_name), "signal %d", WTERMSIG(c->status));
		fprintf(stderr, "valktrace: %s was killed by %s after %s%s\n", command, signal_name, time,
		        t->threads ? "; its ring was read" : "");
		return;
	}
	fprintf(stderr, "valktrace: ");
	if (*t->probes)
		fprintf(stderr, "found %s; ", t->probes);
	fprintf(stderr, "%s, exit %d", time, WEXITSTATUS(c->status));
	if (t->threads > 0)
		fprintf(stderr, ", %u thread%s", t->threads, t->threads == 1 ? "" : "s");
	if (t->seen > 1)
		fprintf(stderr, ", %u processes", t->seen);
	fputc('\n', stderr);
}

/* Of the command, when no process recorded anything. */
static void reason_of_nothing(char *reason, size_t size)
{
	const struct vt_run_failures *failures = &record.tree.page->failures;
	char name[41];

	vt_executable_reason(&record.executable, record.agent, reason, size);
	if (vt_load_relaxed(&failures->count) == 0)
		return;
	vt_executable_name(&record.executable, name, sizeof(name));
	snprintf(reason, size, "%s made no ring file: %s", name, vt_strerror(failures->error));
}

/* Why there is nothing, and what to try. */
static void print_reasons(uint64_t events)
{
	const struct vt_tree *t = &record.tree;
	char reason[VT_REASON_MAX];

	if (t->seen == 0) {
		reason_of_nothing(reason, sizeof(reason));
		fprintf(stderr, "valktrace: %s;\nvalktrace: %s\n", reason,
		        vt_executable_advice(&record.executable, record.agent));
	} else if (!*t->probes && events == 0) {
		fprintf(stderr, "valktrace: %s;\n"
		        "valktrace: a program of your own can report itself: valktrace.h\n",
		        *t->no_collector ? t->no_collector : "found no runtime that it knows");
	}
}

static void print_end(const char *command, const char *path, uint64_t events, uint64_t lost, uint64_t bytes)
{
	char e[VT_NUM_MAX + 1], l[VT_NUM_MAX + 1], b[VT_NUM_MAX + 1];

	*vt_num_grouped(e, events) = 0;
	*vt_num_grouped(l, lost) = 0;
	*vt_num_bytes(b, bytes) = 0;
	print_first_line(command);
	print_reasons(events);
	fprintf(stderr, "valktrace: %s events, %s lost, %s -> %s\n", e, l, b, path);
	if (isatty(STDERR_FILENO) && events > 0)
		fprintf(stderr, "valktrace: next: valktrace summary%s%s%s\n",
		        strcmp(path, "valktrace.vtrace") ? " " : "", strcmp(path, "valktrace.vtrace") ? path : "",
		        WIFSIGNALED(record.child.status) ? "     (what was open when it died)" : "");
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

/* Messages of the command line know the nearest name. */
static int want_rules(const struct record_settings *from, struct vt_settings *s)
{
	struct vt_rule rule;
	char problem[512];

	for (unsigned i = 0; i < from->rules.count; i++) {
		int code = vt_rule_read(&rule, from->rules.items[i]);
		if (code)
			return code;
		if (vt_settings_set(s, "warn", from->rules.items[i], problem, sizeof(problem)) < 0)
			return vt_usage("--%s", problem);
	}
	return VT_EXIT_OK;
}

/* The list of --collect. */
static int check_collectors(const char *list)
{
	const char *known[32];
	char copy[VT_OPTION_WORD], *save = NULL;
	size_t count = 0;

	while (vt_collectors[count] && count < sizeof(known) / sizeof(*known)) {
		known[count] = vt_collectors[count]->name;
		count++;
	}
	snprintf(copy, sizeof(copy), "%s", list);
	for (char *name = strtok_r(copy, ",+ ", &save); name; name = strtok_r(NULL, ",+ ", &save)) {
		name += *name == '!';
		if (vt_collecting_knows(name))
			continue;
		const char *nearest = vt_name_nearest(name, known, count);
		return vt_usage("unknown collector '%s'%s%s%s (valktrace schema --collectors lists them)", name,
		                nearest ? ", did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
	}
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
	if (want_rules(from, s) != VT_EXIT_OK || check_collectors(s->collect) != 0)
		return VT_EXIT_USAGE;
	*wanted = (struct wanted){ .mask = 1ull << VT_CAT_gc | 1ull << VT_CAT_loop | 1ull << VT_CAT_meta };
	for (unsigned i = 0; i <= from->categories.count; i++) {
		const char *names = i < from->categories.count ? from->categories.items[i] : s->events;
		if (*names && want_categories(wanted, names) < 0)
			return VT_EXIT_USAGE;
	}
	if (from->all)
		wanted->mask = ~0ull;
	/* A category of which there are only counters. */
	if ((wanted->mask >> VT_CAT_perf & 1) && strlen(s->collect) + 6 < sizeof(s->collect)) {
		memmove(s->collect + 5, s->collect, strlen(s->collect) + 1);
		memcpy(s->collect, "perf,", 5);
	}
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
	/* The command may change its directory, so it must not be told a relative one. */
	char whole[PATH_MAX];
	if (!realpath(directory, whole))
		return -errno;
	if (strlen(whole) >= sizeof(directory))
		return -ENAMETOOLONG;
	strcpy(directory, whole);
	if (getrandom(&run, sizeof(run), 0) != sizeof(run))
		return -EIO;
	err = vt_tree_prepare(&record.tree, directory, run, s->ring_size, resolved.geometry.mode, wanted->mask,
	                      wanted->names);
	if (err)
		return err;
	record.tree.page->no_calls = resolved.no_calls;
	*what = s->output;
	err = uv_loop_init(&record.loop);
	if (!err)
		err = vt_recorder_open(&record.recorder, &record.loop, s, s->output, true, run,
		                       &record.tree.page->bell);
	if (!err)
		err = vt_tree_watch(&record.tree, &record.loop, &record.recorder);
	if (!err)
		err = vt_child_watch(&record.child, &record.loop);
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

static void on_violation(void *unused, uint32_t pid, const char *text)
{
	(void)unused;
	if (record.tree.seen > 1)
		vt_message("%s, process %u", text, pid);
	else
		vt_message("%s", text);
}

static int start_command(char **argv)
{
	struct vt_executable *x = &record.executable;
	const char *preload = getenv("LD_PRELOAD");
	char *saved = preload ? strdup(preload) : NULL;

	vt_executable_find(x, argv[0]);
	bool refuses = vt_executable_refuses(x);
	int err = refuses ? 0 : set_environment(&record.tree);
	if (err)
		vt_message("libvalktrace-agent.so: %s; going on without it", vt_strerror(err));
	record.agent = err == 0;
	/* Only a text without #! may be handed to the shell, as execvp does; never a program. */
	err = vt_child_start(&record.child, x->is_elf ? x->path : NULL, argv);
	if (!refuses)
		unset_environment(saved);
	free(saved);
	return err;
}

/* What was recorded before is worth more than an empty log. */
static void put_log_back(const char *path)
{
	char old[PATH_MAX + 8];
	struct stat st;

	unlink(path);
	snprintf(old, sizeof(old), "%s.old", path);
	if (record.log_before.st_ino != 0 && stat(old, &st) == 0 && st.st_ino == record.log_before.st_ino &&
	    st.st_dev == record.log_before.st_dev)
		rename(old, path);
}

/* Nothing was started: all is as it was before, but for one line. `err` as of vt_child_start, or 0. */
static int give_up(const char *name, const char *path, int err)
{
	const struct vt_executable *x = &record.executable;

	vt_tree_close(&record.tree);
	vt_recorder_close(&record.recorder, VT_END_UNKNOWN);
	put_log_back(path);
	if (err < 0)
		vt_message("cannot start %s: %s", name, vt_strerror(err));
	else if (err == ENOENT && x->missing)
		vt_message("%s: its interpreter %s is missing", name, x->judged);
	else if (err == ENOENT && !*x->path)
		vt_message("%s: command not found", name);
	else if (err > 0)
		vt_message("%s: %s", name, vt_strerror(-err));
	/* A signal that came before the start acts now. */
	vt_child_release_signals(&record.child);
	return err <= 0 ? EXIT_OURS : err == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE;
}

/* In the log there is always a process: the command, even if it had no ring. */
static void note_untraced(void)
{
	const struct vt_child *c = &record.child;
	struct vt_untraced u = {
		.pid = (uint32_t)c->pid, .start = c->begin.ticks, .end = c->end,
		.ending = WIFSIGNALED(c->status) ? VT_END_SIGNAL : VT_END_EXIT,
		.status = (uint32_t)(WIFSIGNALED(c->status) ? WTERMSIG(c->status) : WEXITSTATUS(c->status)),
		.advice = vt_executable_advice(&record.executable, record.agent),
	};

	reason_of_nothing(u.reason, sizeof(u.reason));
	vt_executable_name(&record.executable, u.program, sizeof(u.program));
	vt_recorder_untraced(&record.recorder, &u);
}

static void finish_recording(const char *command, bool quiet)
{
	struct vt_recorder *r = &record.recorder;
	uint64_t events = vt_recorder_events(r), lost = vt_recorder_lost(r);

	if (record.tree.seen == 0)
		note_untraced();
	else
		vt_tree_missing(&record.tree, r->missing, sizeof(r->missing));
	if (*r->missing) {
		vt_message("%s;", r->missing);
		vt_message("ran untraced; ring files are in %s", record.tree.directory);
	}
	int err = vt_recorder_close(r, VT_END_RUNNING);
	if (err && !r->said)
		vt_message("%s: %s; its end is not written", r->log.path, vt_strerror(err));
	if (record.tree.left_behind)
		vt_message("what could not be written is in ring files: valktrace recover %s", r->log.name);
	if (!quiet)
		print_end(command, r->log.name, events, lost, vt_log_bytes(&r->log));
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
	if (stat(settings.output, &record.log_before) < 0)
		record.log_before.st_ino = 0;
	int err = vt_child_hold_signals(&record.child);
	if (!err)
		err = begin_recording(&settings, &wanted, &what);
	if (err) {
		vt_message("%s: %s", what, err == -EBUSY ? "another recorder is writing it" : vt_strerror(err));
		return EXIT_OURS;
	}
	record.recorder.problem = on_problem;
	if (!vt_common.quiet)
		vt_warner_tell(record.recorder.warner, on_violation, NULL);
	vt_detail("run %016llx, rings of %llu bytes in %s", (unsigned long long)record.tree.run,
	          (unsigned long long)settings.ring_size, record.tree.directory);
	if (vt_child_must_not_start())
		return give_up(argv[0], settings.output, 0);
	err = start_command(argv);
	if (err)
		return give_up(argv[0], settings.output, err);
	if (from->force && record.log_before.st_ino != 0)
		remove_old(settings.output);
	record_until_end();
	finish_recording(argv[0], vt_common.quiet);
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
	return code ? code : first >= 0 ? vt_child_end_alike(&record.child) : VT_EXIT_OK;
}

const struct vt_command vt_cmd_record = {
	.name = "record",
	.args = "[--] COMMAND [ARGUMENT...]",
	.summary = "run a command and record its garbage collector, loops, calls",
	.details = "The command's streams, signals and exit status are its own; signals sent to\n"
	           "record are sent on to it. The log can be read by valktrace summary and decode\n"
	           "while it is written, too.\n",
	.exits = "  that of the command; its signal, if one killed it; or, before it began:\n"
	         "  125  recording cannot begin    126  it cannot be run    127  it was not found\n",
	.examples = "  valktrace record -- guile program.scm\n"
	            "  valktrace record -c interp -o slow.vtrace -- ./vm main.vm\n",
	.opts = options,
	.stop_at_argument = true,
	.run = run,
};
