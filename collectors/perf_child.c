/* perf_child.c - see perf_child.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <uv.h>

#include "collectors/perf_child.h"

enum { ENDED, NUMBERS, MESSAGES, ALL };
enum { READ = 16384, MOST_READS = 64, LEAST_FD = 10, LOG_FD = 3 };

extern char **environ;

/* ---- start --------------------------------------------------------------------------------------------- */

/* Both ends are above all descriptors that the child's own are moved to. */
static int open_pipe(int ends[2])
{
	int raw[2];

	if (pipe2(raw, O_CLOEXEC) < 0)
		return -errno;
	ends[0] = fcntl(raw[0], F_DUPFD_CLOEXEC, LEAST_FD);
	ends[1] = fcntl(raw[1], F_DUPFD_CLOEXEC, LEAST_FD);
	int err = ends[0] < 0 || ends[1] < 0 ? -errno : 0;
	close(raw[0]);
	close(raw[1]);
	if (!err && fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0)
		err = -errno;
	if (err) {
		if (ends[0] >= 0)
			close(ends[0]);
		if (ends[1] >= 0)
			close(ends[1]);
	}
	return err;
}

/* Texts in English, decimal points; and nothing that would record perf. NULL: no memory. */
static char **environment(void)
{
	static const char *const without[] = { "LD_PRELOAD=", "VALKTRACE", "LC_", "LANG", "PERF_" };
	static char locale[] = "LC_ALL=C";
	size_t count = 0, kept = 0;

	while (environ && environ[count])
		count++;
	char **to = calloc(count + 2, sizeof(*to));
	if (!to)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		bool keep = true;
		for (size_t k = 0; k < sizeof(without) / sizeof(*without); k++)
			keep = keep && strncmp(environ[i], without[k], strlen(without[k])) != 0;
		if (keep)
			to[kept++] = environ[i];
	}
	to[kept] = locale;
	return to;
}

static int spawn(pid_t *pid, const char *const argv[], char **env, int numbers, int messages)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attributes);
	int err = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	err = err ? err : posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
	err = err ? err : posix_spawn_file_actions_adddup2(&files, messages, 2);
	err = err ? err : posix_spawn_file_actions_adddup2(&files, numbers, LOG_FD);
	err = err ? err : posix_spawn_file_actions_addclosefrom_np(&files, LOG_FD + 1);
	err = err ? err : posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
	                                           POSIX_SPAWN_SETPGROUP);
	err = err ? err : posix_spawnattr_setsigmask(&attributes, &none);
	err = err ? err : posix_spawnattr_setsigdefault(&attributes, &all);
	/* exec takes no pointer to const; it changes nothing. */
	err = err ? err : posix_spawnp(pid, argv[0], &files, &attributes, (char **)(uintptr_t)argv, env);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	return -err;
}

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

static void close_all(struct vt_perf_child *c)
{
	for (unsigned i = 0; i < ALL; i++)
		if (c->polls[i])
			uv_close((uv_handle_t *)c->polls[i], free_handle);
	memset(c->polls, 0, sizeof(c->polls));
	if (c->ended >= 0)
		close(c->ended);
	close(c->numbers);
	close(c->messages);
	c->pid = 0;
}

/* ---- while it runs ------------------------------------------------------------------------------------- */

/* All that is there, within reason. False: there is no more to come. */
static bool read_numbers(struct vt_perf_child *c, unsigned most)
{
	char bytes[READ];
	ssize_t n = 1;

	for (unsigned i = 0; i < most && n > 0; i++) {
		n = read(c->numbers, bytes, sizeof(bytes));
		if (n > 0)
			c->bytes(c->user, bytes, (size_t)n);
	}
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* The beginning is kept, the rest is read so that perf never waits for us. */
static bool read_messages(struct vt_perf_child *c, unsigned most)
{
	char bytes[READ];
	ssize_t n = 1;

	for (unsigned i = 0; i < most && n > 0; i++) {
		n = read(c->messages, bytes, sizeof(bytes));
		size_t room = sizeof(c->said) - 1 - c->said_length, take = n > 0 ? (size_t)n : 0;
		take = take < room ? take : room;
		memcpy(c->said + c->said_length, bytes, take);
		c->said_length += take;
		c->said[c->said_length] = 0;
	}
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* It has ended: reads what is left, reaps it, tells. Whoever holds its pipes open is not waited for. */
static void reap(struct vt_perf_child *c)
{
	int status = -1;

	read_numbers(c, MOST_READS);
	read_messages(c, MOST_READS);
	if (waitpid(c->pid, &status, WNOHANG) != c->pid)
		status = -1;
	close_all(c);
	c->exited(c->user, status);
}

static void on_event(uv_poll_t *handle, int status, int events)
{
	struct vt_perf_child *c = handle->data;

	(void)status;
	(void)events;
	if (handle == c->polls[ENDED])
		reap(c);
	else if (handle == c->polls[NUMBERS] ? !read_numbers(c, 1) : !read_messages(c, 1))
		uv_poll_stop(handle);
}

static int watch(struct vt_perf_child *c, uv_loop_t *loop)
{
	int fds[ALL] = { c->ended, c->numbers, c->messages };

	for (unsigned i = 0; i < ALL; i++) {
		uv_poll_t *handle = calloc(1, uv_handle_size(UV_POLL));
		int err = handle ? uv_poll_init(loop, handle, fds[i]) : -ENOMEM;
		if (err) {
			free(handle);
			return err;
		}
		c->polls[i] = handle;
		handle->data = c;
		err = uv_poll_start(handle, UV_READABLE, on_event);
		if (err)
			return err;
		/* The loop may end when all others have: it is the recording that lasts. */
		uv_unref((uv_handle_t *)handle);
	}
	return 0;
}

int vt_perf_child_start(struct vt_perf_child *c, struct uv_loop_s *loop, const char *const argv[])
{
	int numbers[2], messages[2], err = open_pipe(numbers);

	if (err)
		return err;
	err = open_pipe(messages);
	if (err) {
		close(numbers[0]);
		close(numbers[1]);
		return err;
	}
	char **env = environment();
	pid_t pid = 0;
	err = env ? spawn(&pid, argv, env, numbers[1], messages[1]) : -ENOMEM;
	free(env);
	close(numbers[1]);
	close(messages[1]);
	c->numbers = numbers[0];
	c->messages = messages[0];
	c->ended = -1;
	c->said_length = 0;
	*c->said = 0;
	if (err) {
		close_all(c);
		return err;
	}
	c->pid = pid;
	c->ended = (int)syscall(SYS_pidfd_open, pid, 0);
	err = c->ended < 0 ? -errno : watch(c, loop);
	if (err)
		vt_perf_child_kill(c);
	return err;
}

/* ---- the end ------------------------------------------------------------------------------------------- */

static int ms_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int)((now.tv_sec - start->tv_sec) * 1000 + (now.tv_nsec - start->tv_nsec) / 1000000);
}

void vt_perf_child_finish(struct vt_perf_child *c, int ms)
{
	struct timespec start;
	struct pollfd fds[2] = { { c->ended, POLLIN, 0 }, { c->numbers, POLLIN, 0 } };

	if (c->pid == 0)
		return;
	clock_gettime(CLOCK_MONOTONIC, &start);
	kill(c->pid, SIGINT);
	for (int left = ms; left > 0; left = ms - ms_since(&start)) {
		if (poll(fds, 2, left) <= 0 && errno != EINTR)
			return;
		if (fds[0].revents) {
			reap(c);
			return;
		}
		if (fds[1].revents && !read_numbers(c, 1))
			fds[1].fd = -1;
	}
}

void vt_perf_child_kill(struct vt_perf_child *c)
{
	struct pollfd ended = { c->ended, POLLIN, 0 };

	if (c->pid == 0)
		return;
	kill(c->pid, SIGKILL);
	/* Moments, unless it hangs in the kernel; then init will have it. */
	if (c->ended >= 0)
		poll(&ended, 1, 100);
	waitpid(c->pid, NULL, WNOHANG);
	close_all(c);
}
