/* input.c - opening of logs for the commands, with messages and exit codes. */
#include "decoder/input.h"

#include <errno.h>
#include <sys/stat.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <valktrace/error.h>

#include "decoder/cmd.h"
#include "decoder/common.h"
#include "decoder/out.h"
#include "decoder/progress.h"
#include "decoder/ring_files.h"
#include "decoder/units.h"

static const char *const default_paths[] = { VT_DEFAULT_LOG };

static void print_note(void *user, const struct vt_note *note)
{
	struct vt_input *in = user;
	unsigned i = 0;

	if (in->quiet)
		return;
	while (i < VT_NOTE_KINDS - 1 && in->notes[i].seen > 0 && in->notes[i].code != note->code)
		i++;
	in->notes[i].code = note->code;
	if (++in->notes[i].seen > VT_NOTES_OF_A_KIND && !vt_common.verbose)
		return;
	const char *file = note->file && in->spool < 0 ? note->file : in->name;
	vt_remark("%s: %s", file, note->text);
}

static void print_more_notes(const struct vt_input *in)
{
	for (unsigned i = 0; i < VT_NOTE_KINDS; i++)
		if (in->notes[i].seen > VT_NOTES_OF_A_KIND && !vt_common.verbose)
			vt_remark("%s: %c%02d %u more of these", in->name,
			           in->notes[i].code < 0 ? 'N' : 'E', abs(in->notes[i].code),
			           in->notes[i].seen - VT_NOTES_OF_A_KIND);
}

/* A pipe cannot be read twice, and the reader seeks: stdin goes to a file without a name first. */
int vt_input_spool(void)
{
	const char *directory = getenv("TMPDIR");
	char buffer[65536], *name;
	uint64_t total = 0;
	ssize_t n;

	if (asprintf(&name, "%s/valktrace.XXXXXX", directory && *directory ? directory : "/tmp") < 0)
		return -ENOMEM;
	int fd = mkostemp(name, O_CLOEXEC);
	int err = fd < 0 ? -errno : unlink(name) ? -errno : 0;
	free(name);
	vt_progress_begin("reading", "standard input", false);
	while (!err) {
		/* Somebody who waits for a slow pipe sees that it is a pipe that is waited for. */
		struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
		while (vt_progress_on() && poll(&in, 1, 250) == 0)
			vt_progress(total, 0, total, VT_PROGRESS_BYTES);
		n = read(STDIN_FILENO, buffer, sizeof(buffer));
		if (n == 0)
			break;
		total += n > 0 ? (uint64_t)n : 0;
		vt_progress(total, 0, total, VT_PROGRESS_BYTES);
		if (n < 0 && errno != EINTR)
			err = -errno;
		for (ssize_t done = 0; !err && done < n;) {
			ssize_t w = write(fd, buffer + done, (size_t)(n - done));
			if (w < 0 && errno != EINTR)
				err = -errno;
			done += w > 0 ? w : 0;
		}
	}
	vt_progress_end();
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}

static int exit_code(int err)
{
	switch (-err) {
	case VT_E_NOT_A_LOG:
	case VT_E_EMPTY:
	case VT_E_DAMAGED:
	case VT_E_SHORT:
		return VT_EXIT_NOT_A_LOG;
	case VT_E_VERSION:
	case VT_E_INCOMPAT:
		return VT_EXIT_VERSION;
	case VT_E_LIMIT:
		return VT_EXIT_LIMIT;
	case VT_E_RUN_DIFFERS:
	case VT_E_UNKNOWN_CATEGORY:
	case VT_E_UNKNOWN_EVENT:
	case VT_E_UNKNOWN_FIELD:
	case EINVAL:
		return VT_EXIT_USAGE;
	case ENOMEM:
		return VT_EXIT_FAILURE;
	default:
		return VT_EXIT_INPUT;
	}
}

/* The newest log in this directory; empty: there is none. */
static void newest_log(char *to, size_t size)
{
	DIR *dir = opendir(".");
	time_t newest = 0;
	struct stat st;

	*to = 0;
	for (struct dirent *e; dir && (e = readdir(dir));) {
		const char *dot = strrchr(e->d_name, '.');
		if (!dot || strcmp(dot, ".vtrace") != 0 || strlen(e->d_name) >= size ||
		    stat(e->d_name, &st) < 0 || !S_ISREG(st.st_mode) || (*to && st.st_mtime < newest))
			continue;
		newest = st.st_mtime;
		strcpy(to, e->d_name);
	}
	if (dir)
		closedir(dir);
}

/* Did somebody mean standard input? A file or a pipe, not /dev/null or a terminal. */
static bool is_data(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || (S_ISREG(st.st_mode) && st.st_size > 0));
}

/* The default log is not there: what the user may have meant instead. */
static void print_no_log(void)
{
	char log[256];

	newest_log(log, sizeof(log));
	if (is_data(STDIN_FILENO))
		vt_usage(VT_DEFAULT_LOG ": no such file in this directory; standard input is read when it is "
		         "named: valktrace ... -");
	else if (*log)
		vt_usage(VT_DEFAULT_LOG ": no such file in this directory; there is %s: valktrace ... %s", log, log);
	else
		vt_usage(VT_DEFAULT_LOG ": no such file in this directory; name a log, or make one: "
		         "valktrace record -- COMMAND");
}

int vt_input_failed(const struct vt_input *in, int err)
{
	if (in->quiet)
		return exit_code(err);
	if (err == -ENOENT && (in->paths == default_paths || strcmp(in->name, VT_DEFAULT_LOG) == 0))
		print_no_log();
	else if (err == -ESPIPE)
		vt_message("%s: is no regular file; to read a pipe: valktrace ... - < %s", in->name, in->name);
	else if (err == -ELOOP)
		vt_message("%s: is a symbolic link; a ring file must be named itself", in->name);
	else if (err == -EAGAIN)
		vt_message("%s: its process is still making it; try again", in->name);
	else if (err == -ENOMEM)
		vt_message("out of memory");
	else
		vt_message("%s: %s", in->name, vt_strerror(err));
	return exit_code(err);
}

static void on_progress(void *user, uint64_t done, uint64_t total)
{
	(void)user;
	vt_progress(done, total, done, VT_PROGRESS_BYTES);
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000;
}

static int open_reader(struct vt_input *in)
{
	struct vt_reader_options options = { .size = sizeof(options), .note = print_note, .user = in,
	                                     .ring_directory = vt_common.ring_directory,
	                                     .progress = on_progress, .threads = vt_threads() };
	char spooled[32];
	const char *paths[1] = { spooled };

	if (in->spool >= 0)
		snprintf(spooled, sizeof(spooled), "/proc/self/fd/%d", in->spool);
	vt_progress_begin("opening", in->name, false);
	int err = vt_reader_open(&in->reader, in->spool >= 0 ? paths : in->paths, in->count, &options);
	vt_progress_end();
	return err;
}

/* What --verbose tells of the inputs. */
static void tell_files(const struct vt_input *in)
{
	struct vt_ring_file_chunks f;

	for (unsigned i = 0; i < in->count; i++)
		vt_detail("reads %s", in->spool >= 0 ? in->name : in->paths[i]);
	for (unsigned i = 0; vt_common.verbose && vt_reader_ring_file(in->reader, i, &f); i++)
		vt_detail("reads ring file %s%s", f.path, f.alive ? ", its process still runs" : "");
	vt_detail("%llu bytes in %llu chunks, opened in %llu us",
	          (unsigned long long)in->run->bytes, (unsigned long long)in->run->chunks,
	          (unsigned long long)(now_us() - in->begun_us));
}

/* One name stands for all parts of its run. A file that is no log is left to the reader's error. */
static int find_parts(struct vt_input *in)
{
	int err = vt_parts_find(in->paths[0], &in->parts);

	if (err == 0 && in->parts.count > 0) {
		in->paths = (const char *const *)in->parts.paths;
		in->count = in->parts.count;
	}
	return err;
}

/* 0, or an exit code after a message. */
static int check_names(struct vt_input *in)
{
	for (unsigned i = 0; i < in->count; i++) {
		if (strcmp(in->paths[i], "-") == 0) {
			if (in->count > 1)
				return vt_usage("'-' (standard input) must be the only file");
			in->name = "standard input";
			in->spool = vt_input_spool();
			if (in->spool < 0)
				return vt_input_failed(in, in->spool);
		} else if (access(in->paths[i], R_OK)) {
			/* Which of several files it was: the reader's error does not say. */
			int err = -errno;
			in->name = in->paths[i];
			return vt_input_failed(in, err);
		}
	}
	return 0;
}

static void print_writing(const struct vt_input *in)
{
	char seconds[VT_NUM_MAX + 1];

	*vt_num_seconds(seconds, vt_reader_ns(in->reader, in->run->last), 3) = '\0';
	vt_remark("%s: is still being written: read up to %s s", in->name, seconds);
}

static int open_input(struct vt_input *in, char **paths, int count, bool quiet)
{
	*in = (struct vt_input){ .spool = -1, .paths = default_paths, .count = 1, .quiet = quiet,
	                         .begun_us = now_us() };
	if (count > 0) {
		in->paths = (const char *const *)paths;
		in->count = (unsigned)count;
	}
	in->name = in->paths[0];
	int err = in->count == 1 && strcmp(in->name, "-") != 0 ? find_parts(in) : 0;
	if (err < 0)
		return vt_input_failed(in, err);
	int code = check_names(in);
	if (code == 0 && (err = open_reader(in)) < 0)
		code = vt_input_failed(in, err);
	if (code) {
		if (in->spool >= 0)
			close(in->spool);
		vt_parts_free(&in->parts);
		return code;
	}
	in->run = vt_reader_run(in->reader);
	in->several_processes = in->run->process_count > 1;
	if (in->run->writing && !in->quiet)
		print_writing(in);
	if (!in->quiet)
		tell_files(in);
	return VT_EXIT_OK;
}

int vt_input_open(struct vt_input *in, char **paths, int count)
{
	return open_input(in, paths, count, false);
}

int vt_input_open_quietly(struct vt_input *in, char **paths, int count)
{
	return open_input(in, paths, count, true);
}

const char *vt_cause_name(unsigned cause)
{
	static const char *const names[VT_LOST_CAUSES] = {
		[VT_LOST_OVERWRITTEN] = "overwritten", [VT_LOST_DISCARDED] = "discarded",
		[VT_LOST_TOOBIG] = "too_big",          [VT_LOST_NESTED] = "nested",
		[VT_LOST_ABORTED] = "aborted",         [VT_LOST_NORING] = "no_ring",
		[VT_LOST_DISK] = "disk",               [VT_LOST_DAMAGED] = "damaged",
	};
	return cause < VT_LOST_CAUSES ? names[cause] : "unknown";
}

uint64_t vt_lost_of(const uint64_t lost[VT_LOST_CAUSES][VT_MAX_CATEGORIES], unsigned category)
{
	uint64_t sum = 0;

	for (unsigned cause = 0; cause < VT_LOST_CAUSES; cause++)
		sum += lost[cause][category];
	return sum;
}

uint64_t vt_lost_to(const struct vt_run_info *run, unsigned cause)
{
	uint64_t sum = 0;

	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
		sum += run->lost[cause][c];
	return sum;
}

uint64_t vt_lost_all(const struct vt_run_info *run)
{
	uint64_t sum = 0;

	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
		sum += vt_lost_of(run->lost, c);
	return sum;
}

uint64_t vt_decoded_all(const struct vt_run_info *run)
{
	uint64_t sum = 0;

	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
		sum += run->decoded[c];
	return sum;
}

const char *vt_category_name(const struct vt_run_info *run, unsigned id)
{
	for (unsigned i = 0; i < run->process_count; i++)
		if (run->processes[i]->schema->categories[id].name)
			return run->processes[i]->schema->categories[id].name;
	return NULL;
}

static void append_causes(struct vt_sink *line, const struct vt_run_info *run)
{
	const char *before = " (";

	for (unsigned cause = 0; cause < VT_LOST_CAUSES; cause++) {
		uint64_t sum = vt_lost_to(run, cause);
		if (sum == 0)
			continue;
		vt_sink_printf(line, "%s%s ", before, vt_cause_name(cause));
		vt_sink_upto(line, vt_num_grouped(vt_sink_room(line, VT_NUM_MAX), sum));
		before = ", ";
	}
	vt_sink_char(line, ')');
}

/* The tally is the last line on stderr, and only there when there is something to tell. */
static void print_tally(const struct vt_input *in, int code)
{
	struct vt_sink line;
	uint64_t lost = vt_lost_all(in->run);

	if ((lost == 0 && !in->run->damaged) || vt_sink_memory(&line))
		return;
	vt_sink_upto(&line, vt_num_grouped(vt_sink_room(&line, VT_NUM_MAX), vt_decoded_all(in->run)));
	vt_sink_string(&line, in->run->parts > 0 ? " events in the log; lost " : " events in the ring; lost ");
	vt_sink_upto(&line, vt_num_grouped(vt_sink_room(&line, VT_NUM_MAX), lost));
	if (lost > 0)
		append_causes(&line, in->run);
	if (in->run->damaged) {
		vt_sink_string(&line, "; damaged ");
		vt_sink_upto(&line, vt_num_grouped(vt_sink_room(&line, VT_NUM_MAX),
		                                    in->run->damaged_bytes));
		vt_sink_string(&line, " bytes");
	}
	vt_remark("%s: %s; exit %d", in->name, vt_sink_text(&line), code);
	vt_sink_discard(&line);
}

int vt_input_close(struct vt_input *in, int code)
{
	if (in->reader) {
		/* What was judged of it gives way to what is wrong with it. */
		if ((code == VT_EXIT_OK || code == VT_EXIT_VIOLATED || code == VT_EXIT_LOSS) && in->run->damaged)
			code = VT_EXIT_DAMAGED;
		if (!in->quiet) {
			print_more_notes(in);
			print_tally(in, code);
			vt_detail("done in %llu us, exit %d",
			          (unsigned long long)(now_us() - in->begun_us), code);
		}
		vt_reader_close(in->reader);
	}
	if (in->spool >= 0)
		close(in->spool);
	vt_parts_free(&in->parts);
	in->reader = NULL;
	in->spool = -1;
	return code;
}
