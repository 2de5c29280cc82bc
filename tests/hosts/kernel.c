/*
 * kernel.c - the calls of kernel.h from a program that does what they say: it writes and reads a pipe,
 * makes children, takes signals, sets timers. And what vt_enable, vt_disable and vt_reset do to the rest.
 *
 *   kernel LOG       writes the kernel-style block to block.N for the counter record N; prints what it
 *                    counted itself, and 1 for each rule of the uptime that held
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <valktrace.h>

static struct counts { unsigned calls, errors, ticks, spawned, exited, in, out; } own;
static volatile sig_atomic_t signals, timers;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void on_signal(int number)
{
	vt_signal_delivered();
	signals++;
	timers += number == SIGALRM;
}

/* What the program calls, told with its result and time. */
static long call(long number, long a, long b, long c)
{
	uint64_t since = now_ns();
	long result = syscall(number, a, b, c);

	result = result < 0 ? -errno : result;
	vt_syscall((uint64_t)number, result, now_ns() - since);
	own.calls++;
	own.errors += result < 0;
	return result;
}

static void make_child(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(0);
	vt_process_spawned();
	own.spawned += pid > 0;
	if (waitpid(pid, &status, 0) == pid) {
		vt_process_exited();
		own.exited++;
	}
}

static void wait_for_timer(void)
{
	struct itimerval at = { .it_value = { 0, 1000 } };
	sigset_t alarm, before;
	int due = timers;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigprocmask(SIG_BLOCK, &alarm, &before);
	setitimer(ITIMER_REAL, &at, NULL);
	while (timers == due)
		sigsuspend(&before);
	sigprocmask(SIG_SETMASK, &before, NULL);
	vt_timer_fired();
}

static void tick(void)
{
	uint64_t since = now_ns();
	char text[16] = "sixteen bytes...";
	int ends[2];

	if (pipe(ends) == 0) {
		long n = call(SYS_write, ends[1], (long)text, sizeof(text));
		vt_bytes_written((uint64_t)n);
		own.out += (unsigned)n;
		n = call(SYS_read, ends[0], (long)text, 10);
		vt_bytes_read((uint64_t)n);
		own.in += (unsigned)n;
		close(ends[0]);
		close(ends[1]);
	}
	call(SYS_read, -1, (long)text, 1);      /* EBADF */
	vt_tick(now_ns() - since);
	own.ticks++;
}

/* Reads all metrics; the block of this record goes into a file with its number. */
static struct vt_metrics read_all(void)
{
	struct vt_metrics m;
	char name[32], text[2048];

	if (vt_metrics_read(&m) < 0 || vt_metrics_kernel(&m, text, sizeof(text)) >= sizeof(text))
		abort();
	snprintf(name, sizeof(name), "block.%llu", (unsigned long long)m.sequence);
	FILE *to = fopen(name, "w");
	if (!to || fputs(text, to) < 0 || fclose(to) != 0)
		abort();
	return m;
}

static void rule(const char *name, bool held)
{
	printf("%s %d\n", name, held);
}

static bool all_zero(const struct vt_metrics *m)
{
	for (unsigned i = VT_M_kernel_syscalls; i <= VT_M_kernel_bytes_written; i++)
		if (m->values[i] != 0 || !m->present[i])
			return false;
	return true;
}

static void sleep_ms(long ms)
{
	struct timespec t = { 0, ms * 1000000 };

	while (nanosleep(&t, &t) < 0)
		;
}

static void work(void)
{
	for (unsigned i = 0; i < 5; i++)
		tick();
	for (unsigned i = 0; i < 3; i++)
		make_child();
	raise(SIGUSR1);
	raise(SIGUSR1);
	wait_for_timer();
	vt_note_in(VT_CAT_file, vt_string("open"), "/etc/passwd");
	vt_note_in(VT_CAT_file, vt_string("open"), NULL);
	vt_note_in(VT_CAT_scheduler, vt_string("switch"), "to\nidle");
	vt_note(vt_string("startup"), "initializing");
	vt_note_in(VT_CAT_gc, vt_string("never"), "not one of the ten");
}

static void check_uptime(uint64_t mask)
{
	struct vt_metrics m = read_all();
	rule("disabled-no-uptime", m.uptime == 0 && !m.enabled);

	uint64_t at = now_ns();
	vt_enable(mask);
	work();
	sleep_ms(20);
	m = read_all();
	rule("enabled-runs", m.enabled && m.uptime >= 20000000 && m.uptime <= now_ns() - at);
	vt_disable(mask);
	uint64_t most = now_ns() - at;
	m = read_all();
	uint64_t session = m.uptime;
	sleep_ms(20);
	m = read_all();
	rule("disabled-keeps-session", !m.enabled && m.uptime == session && session >= 20000000 &&
	     session <= most);
	vt_note(vt_string("startup"), "while off");

	at = now_ns();
	vt_enable(mask);
	m = read_all();
	rule("enabled-again-from-then", m.uptime <= now_ns() - at);
	rule("counters-go-on", m.values[VT_M_kernel_ticks] == own.ticks && own.ticks == 5);
	sleep_ms(20);

	at = now_ns();
	vt_reset();
	m = read_all();
	rule("reset-restarts", m.enabled && m.uptime <= now_ns() - at);
	rule("reset-clears", all_zero(&m) && m.buffered <= 1);
	tick();
	m = read_all();
	rule("counts-from-0", m.values[VT_M_kernel_ticks] == 1 && m.values[VT_M_kernel_syscalls] == 3 &&
	     m.values[VT_M_kernel_tick_max] == m.values[VT_M_kernel_tick_time]);
	vt_disable(mask);
	vt_reset();
	m = read_all();
	rule("reset-while-off", m.uptime == 0 && !m.enabled && all_zero(&m));
}

int main(int argc, char **argv)
{
	uint64_t mask;

	if (argc != 2 || vt_start(&(struct vt_options){ .program = "kernel", .output = argv[1],
	                                               .counters_ms = 60000 }) < 0)
		return 2;
	signal(SIGUSR1, on_signal);
	signal(SIGALRM, on_signal);
	if (vt_categories("syscall,file,scheduler,signal,custom,meta", &mask) < 0)
		return 2;
	check_uptime(mask);
	own = (struct counts){ .calls = 0 };
	signals = timers = 0;
	work();                         /* counted since the last reset, and no event of it */
	read_all();
	printf("calls %u\nerrors %u\nspawned %u\nexited %u\nsignals %d\ntimers %d\nread %u\nwritten %u\n",
	       own.calls, own.errors, own.spawned, own.exited, (int)signals, (int)timers, own.in, own.out);
	return vt_stop() < 0;
}
