/*
 * calls.c - a program with a known number of library calls of every category, for
 * tests/integration/libc.sh. It checks results and errno itself: recorded or not, it says the same.
 *
 *   calls [WHAT]   plain (default), threads, fork, spawn, heap, reads N
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

static int failures;
static volatile sig_atomic_t handled;

#define CHECK(condition) ((condition) ? (void)0 : (void)(failures++, printf("line %d: %s\n", __LINE__, #condition)))

static void on_usr1(int number)
{
	handled += number == SIGUSR1;
}

static void files(void)
{
	char bytes[100] = "";
	struct stat st;

	errno = 77;
	int zero = open("/dev/zero", O_RDONLY);
	CHECK(zero >= 0 && errno == 77);
	for (int i = 0; i < 1000; i++)
		CHECK(read(zero, bytes, 10) == 10);
	CHECK(close(zero) == 0 && errno == 77);
	CHECK(read(-1, bytes, 1) == -1 && errno == EBADF);
	errno = 0;
	CHECK(close(-1) == -1 && errno == EBADF);
	CHECK(open("nosuch", O_RDONLY) == -1 && errno == ENOENT);

	int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0640);
	CHECK(fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0640);
	CHECK(write(fd, "1234567", 7) == 7);
	CHECK(pread(fd, bytes, 100, 2) == 5 && memcmp(bytes, "34567", 5) == 0);         /* short */
	CHECK(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	CHECK(close(fd) == 0);
	CHECK(unlink("file") == 0);
	errno = 0;
	CHECK(unlink("file") == -1 && errno == ENOENT);
	CHECK(mkdir("dir", 0700) == 0 && rmdir("dir") == 0);
	FILE *f = fopen("/dev/null", "r");
	CHECK(f && fclose(f) == 0);
	CHECK(!fopen("nosuch", "r") && errno == ENOENT);
}

static void signals(void)
{
	struct sigaction a = { .sa_handler = on_usr1 }, old;

	CHECK(sigaction(SIGUSR1, &a, NULL) == 0);
	CHECK(sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == on_usr1);
	CHECK(raise(SIGUSR1) == 0 && kill(getpid(), SIGUSR1) == 0 && pthread_kill(pthread_self(), SIGUSR1) == 0);
	CHECK(handled == 3);
	CHECK(signal(SIGUSR1, SIG_IGN) == on_usr1);
	CHECK(kill(getpid(), SIGUSR1) == 0 && handled == 3);
	CHECK(signal(SIGUSR1, on_usr1) == SIG_IGN && raise(SIGUSR1) == 0 && handled == 4);
	errno = 0;
	CHECK(kill(getpid(), 9999) == -1 && errno == EINVAL);
}

static void other(void)
{
	struct timespec moment = { 0, 1000 }, wrong = { 0, -1 };
	char byte;
	int fds[2];

	CHECK(nanosleep(&moment, NULL) == 0);
	CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &wrong, NULL) == EINVAL);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	CHECK(send(fds[0], "ab", 2, 0) == 2 && recv(fds[1], &byte, 1, 0) == 1 && byte == 'a');
	struct pollfd one = { fds[1], POLLIN, 0 };
	CHECK(poll(&one, 1, 0) == 1);
	close(fds[0]);
	close(fds[1]);
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED && munmap(page, 4096) == 0);
	CHECK(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EINVAL);
}

static void *reader(void *unused)
{
	char byte;
	int fd = open("/dev/zero", O_RDONLY);

	(void)unused;
	for (int i = 0; i < 10000; i++)
		CHECK(read(fd, &byte, 1) == 1);
	close(fd);
	return NULL;
}

static void threads(void)
{
	pthread_t all[8];

	for (int i = 0; i < 8; i++)
		CHECK(pthread_create(&all[i], NULL, reader, NULL) == 0);
	for (int i = 0; i < 8; i++)
		pthread_join(all[i], NULL);
}

/* One child that ends by _exit after 10 reads, one that execs after 5, one that returns from main's way. */
static void children(void)
{
	char byte;
	int status, fd = open("/dev/zero", O_RDONLY);

	fflush(stdout);
	for (int kind = 0; kind < 3; kind++) {
		pid_t pid = fork();
		if (pid == 0) {
			for (int i = 0; i < 10; i++)
				CHECK(read(fd, &byte, 1) == 1);
			if (kind == 1)
				execlp("sh", "sh", "-c", "exit 3", (char *)NULL);
			if (kind == 2)
				exit(2 + failures);
			_exit(1 + failures);
		}
		CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
		CHECK(WEXITSTATUS(status) == (kind == 0 ? 1 : kind == 1 ? 3 : 2));
	}
	close(fd);
	errno = 0;
	CHECK(wait(NULL) == -1 && errno == ECHILD);
	CHECK(execl("/nosuch", "nosuch", (char *)NULL) == -1 && errno == ENOENT);
}

static void spawn(void)
{
	char *argv[] = { "true", NULL }, *envp[] = { NULL };
	pid_t pid;

	CHECK(posix_spawnp(&pid, "true", NULL, NULL, argv, envp) == 0 && wait(NULL) == pid);
	CHECK(posix_spawn(&pid, "/nosuch", NULL, NULL, argv, envp) == ENOENT);
	CHECK(system("exit 4") >> 8 == 4);
	pid = vfork();
	if (pid == 0) {
		close(-1);
		_exit(6);
	}
	CHECK(waitpid(pid, NULL, 0) == pid);
}

static void heap(void)
{
	void *aligned = NULL;

	for (int i = 0; i < 500; i++) {
		char *p = malloc(100), *q = calloc(3, 30);
		CHECK(p && q && q[0] == 0 && q[89] == 0);
		p = realloc(p, 1000);
		CHECK(p);
		free(p);
		free(q);
	}
	CHECK(posix_memalign(&aligned, 4096, 10) == 0 && (unsigned long)aligned % 4096 == 0);
	free(aligned);
	CHECK(posix_memalign(&aligned, 3, 10) == EINVAL);
	errno = 0;
	volatile size_t huge = (size_t)-1 / 2;
	CHECK(!malloc(huge) && errno == ENOMEM);
	free(NULL);
}

/* For the benchmark: N reads of one byte, and how long they took in ns. */
static void reads(long n)
{
	struct timespec from, to;
	char byte;
	int fd = open("/dev/zero", O_RDONLY);

	clock_gettime(CLOCK_MONOTONIC, &from);
	for (long i = 0; i < n; i++)
		CHECK(read(fd, &byte, 1) == 1);
	clock_gettime(CLOCK_MONOTONIC, &to);
	close(fd);
	printf("%ld\n", (to.tv_sec - from.tv_sec) * 1000000000 + to.tv_nsec - from.tv_nsec);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "plain";

	if (strcmp(what, "reads") == 0) {
		reads(argc > 2 ? atol(argv[2]) : 1000000);
		return failures;
	}
	if (strcmp(what, "plain") == 0) {
		files();
		signals();
		other();
	} else if (strcmp(what, "threads") == 0) {
		threads();
	} else if (strcmp(what, "fork") == 0) {
		children();
	} else if (strcmp(what, "spawn") == 0) {
		spawn();
	} else if (strcmp(what, "heap") == 0) {
		heap();
	}
	printf("%s: %d failures\n", what, failures);
	return failures;
}
