/* record_child.c - see record_child.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/record_child.h"

enum { EXEC_FAILED = 127 };

/* PIPE and XFSZ are blocked, not read: our writes then fail with an errno instead. */
static const int watched[] = {
	SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2,
};

/* ---- signals ---------------------------------------------------------------------------------------- */

int vt_child_hold_signals(struct vt_child *c)
{
	struct sigaction standard = { .sa_handler = SIG_DFL };
	sigset_t read, blocked;

	sigemptyset(&read);
	for (unsigned i = 0; i < sizeof(watched) / sizeof(watched[0]); i++)
		sigaddset(&read, watched[i]);
	blocked = read;
	sigaddset(&blocked, SIGPIPE);
	sigaddset(&blocked, SIGXFSZ);
	c->signals = signalfd(-1, &read, SFD_NONBLOCK | SFD_CLOEXEC);
	if (c->signals < 0)
		return -errno;
	sigprocmask(SIG_BLOCK, &blocked, &c->mask_before);
	/* An ignored SIGCHLD, which we may have inherited, would reap the command behind our back. */
	sigaction(SIGCHLD, &standard, &c->chld_before);
	return 0;
}

void vt_child_release_signals(struct vt_child *c)
{
	close(c->signals);
	sigaction(SIGCHLD, &c->chld_before, NULL);
	sigprocmask(SIG_SETMASK, &c->mask_before, NULL);
}

bool vt_child_must_not_start(void)
{
	static const int deadly[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2 };
	struct sigaction action;
	sigset_t waiting;

	sigpending(&waiting);
	for (unsigned i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		if (sigismember(&waiting, deadly[i]) && sigaction(deadly[i], NULL, &action) == 0 &&
		    action.sa_handler != SIG_IGN)
			return true;
	return false;
}

static void unblock(int number, int how)
{
	sigset_t one;
	sigemptyset(&one);
	sigaddset(&one, number);
	sigprocmask(how, &one, NULL);
}

/* The command has stopped: our parent, often a shell, must see a job that stopped. */
static void stop_too(int number)
{
	struct sigaction standard = { .sa_handler = SIG_DFL }, before;

	sigaction(number, &standard, &before);
	raise(number);
	unblock(number, SIG_UNBLOCK);   /* here we stop, and here we go on */
	unblock(number, SIG_BLOCK);
	sigaction(number, &before, NULL);
}

/* Before it is reaped: what /proc tells of a zombie is the last that can be known. */
static void note_end(struct vt_child *c)
{
	siginfo_t info = { .si_pid = 0 };

	/* The system call, and not libc's function: it also gives the usage. */
	if (syscall(SYS_waitid, P_PID, c->pid, &info, WEXITED | WNOHANG | WNOWAIT, &c->usage) < 0 ||
	    info.si_pid != c->pid)
		return;
	c->end = vt_anchor_now();
	c->status = info.si_code == CLD_EXITED ? (info.si_status & 0xff) << 8 :
	            info.si_status | (info.si_code == CLD_DUMPED ? 0x80 : 0);
	c->ended = true;
	if (c->usage.ru_maxrss <= c->memory_before)
		c->usage.ru_maxrss = 0;
	c->on_end(c);
}

/*
 * SIGSTOP is left out: who sends it to the command alone means the command, and will send SIGCONT to
 * nobody else. Who means the job sends it to the group, and that stops us without being asked.
 */
static void look_after(struct vt_child *c)
{
	siginfo_t info = { .si_pid = 0 };

	if (c->ended)
		return;
	note_end(c);
	if (c->ended) {
		waitpid(c->pid, NULL, 0);
		return;
	}
	/* Of its end, if it comes now, there will be another SIGCHLD. */
	while (waitid(P_PID, (id_t)c->pid, &info, WSTOPPED | WCONTINUED | WNOHANG) == 0 && info.si_pid == c->pid) {
		c->stopped = info.si_code == CLD_STOPPED;
		if (c->stopped && (info.si_status == SIGTSTP || info.si_status == SIGTTIN ||
		                   info.si_status == SIGTTOU))
			stop_too(info.si_status);
		info.si_pid = 0;
	}
}

static void take_signal(struct vt_child *c, const struct signalfd_siginfo *s)
{
	int number = (int)s->ssi_signo;
	bool of_terminal = s->ssi_code == SI_KERNEL;

	look_after(c);
	if (number == SIGCHLD)
		return;
	if (c->ended) {
		if (c->on_late_signal && number != SIGCONT && number != SIGTSTP && number != SIGTTIN &&
		    number != SIGTTOU)
			c->on_late_signal(c);
		return;
	}
	/* A shell continues the whole group; only a command that is still stopped was left out. */
	if (number == SIGCONT ? c->stopped : !of_terminal)
		kill(c->pid, number);
}

static void on_signals(uv_poll_t *handle, int status, int events)
{
	struct vt_child *c = handle->data;
	struct signalfd_siginfo s;
	(void)status, (void)events;

	while (read(c->signals, &s, sizeof(s)) == (ssize_t)sizeof(s))
		take_signal(c, &s);
}

int vt_child_watch(struct vt_child *c, uv_loop_t *loop)
{
	c->poll.data = c;
	int err = uv_poll_init(loop, &c->poll, c->signals);
	return err ? err : uv_poll_start(&c->poll, UV_READABLE, on_signals);
}

/* ---- start and end ---------------------------------------------------------------------------------- */

static void execute(const struct vt_child *c, const char *path, char **argv, int report)
{
	sigaction(SIGCHLD, &c->chld_before, NULL);
	sigprocmask(SIG_SETMASK, &c->mask_before, NULL);
	if (path)
		execv(path, argv);
	else
		execvp(argv[0], argv);
	int failure = errno;
	while (write(report, &failure, sizeof(failure)) < 0 && errno == EINTR)
		;
	_exit(EXEC_FAILED);
}

/* The errno of a failed exec comes back through a close-on-exec pipe. */
int vt_child_start(struct vt_child *c, const char *path, char **argv)
{
	int pipes[2], failure = 0;
	ssize_t n;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return -errno;
	c->begin = vt_anchor_now();
	struct rusage own = { .ru_maxrss = 0 };
	getrusage(RUSAGE_SELF, &own);
	c->memory_before = own.ru_maxrss;
	pid_t pid = fork();
	if (pid < 0)
		failure = -errno;
	else if (pid == 0)
		execute(c, path, argv, pipes[1]);
	close(pipes[1]);
	while (pid > 0 && (n = read(pipes[0], &failure, sizeof(failure))) < 0 && errno == EINTR)
		;
	close(pipes[0]);
	if (pid > 0 && failure > 0)
		waitpid(pid, NULL, 0);
	else if (pid > 0)
		c->pid = pid;
	return failure;
}

int vt_child_end_alike(const struct vt_child *c)
{
	if (!WIFSIGNALED(c->status))
		return WEXITSTATUS(c->status);
	int number = WTERMSIG(c->status);
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	prctl(PR_SET_DUMPABLE, 0);
	fflush(NULL);
	signal(number, SIG_DFL);
	raise(number);
	unblock(number, SIG_UNBLOCK);
	return 128 + number;
}
