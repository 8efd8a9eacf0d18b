/* SPDX-License-Identifier: MIT */
/* poll, ppoll, select, pselect: readiness of each kind, timeouts, masks, errors. */
#include "test.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/select.h>

static volatile int nr_handled;

static void count(int signal_number)
{
	(void)signal_number;
	nr_handled = nr_handled + 1;
}

static void *write_later(void *argument)
{
	sleep_ms(20);
	if (write(*(int *)argument, "x", 1) != 1)
		show("FAIL write");
	return NULL;
}

static void test_poll(void)
{
	int p[2];
	pthread_t thread;
	char c;

	need(pipe2(p, O_NONBLOCK) == 0);
	int file = open("/tmp/poll-file", O_RDWR | O_CREAT, 0600);
	struct pollfd fds[] = { { p[0], POLLIN, 77 }, { p[1], POLLOUT, 77 }, { -1, POLLIN, 77 }, { 999, POLLIN, 77 },
				{ file, POLLIN | POLLOUT, 77 } };
	int n = poll(fds, 5, 0);
	show("poll %d: %x %x %x %x %x", n, fds[0].revents, fds[1].revents, fds[2].revents, fds[3].revents,
	     fds[4].revents);
	check("nothing ready", poll(fds, 1, 0) == 0 && fds[0].revents == 0);
	int64_t begin = now_ns(CLOCK_MONOTONIC);
	check("timeout, not early", poll(fds, 1, 20) == 0 && now_ns(CLOCK_MONOTONIC) - begin >= 20000000);
	check("no descriptors at all", poll(NULL, 0, 5) == 0);
	need(pthread_create(&thread, NULL, write_later, &p[1]) == 0);
	check("woken by a write", poll(fds, 1, -1) == 1 && fds[0].revents == POLLIN);
	pthread_join(thread, NULL);
	need(read(p[0], &c, 1) == 1);
	while (write(p[1], &fds, sizeof(fds)) > 0)
		;
	check("a full pipe is not writable", poll(fds + 1, 1, 0) == 0);
	close(p[1]);
	n = poll(fds, 1, 0);
	show("hang-up: %d %x", n, fds[0].revents);
	check_errno("bad address", poll((void *)16, 1, 0), EFAULT);
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	static struct pollfd many[100000];
	check_errno("too many", poll(many, limit.rlim_cur + 1, 0), EINVAL);
	close(p[0]);
	close(file);
	unlink("/tmp/poll-file");
}

static void test_select(void)
{
	int p[2];
	fd_set in, out, except;
	struct timeval timeout = { .tv_usec = 20000 };
	pthread_t thread;

	need(pipe2(p, O_NONBLOCK) == 0);
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&except);
	FD_SET(p[0], &in);
	FD_SET(p[1], &out);
	FD_SET(p[0], &except);
	int n = select(p[1] + 1, &in, &out, &except, &timeout);
	show("select %d: in %d out %d except %d", n, FD_ISSET(p[0], &in), FD_ISSET(p[1], &out), FD_ISSET(p[0], &except));
	FD_ZERO(&in);
	FD_SET(p[0], &in);
	int64_t begin = now_ns(CLOCK_MONOTONIC);
	timeout.tv_usec = 20000;
	n = select(p[1] + 1, &in, NULL, NULL, &timeout);
	check("timeout, not early", n == 0 && !FD_ISSET(p[0], &in) && now_ns(CLOCK_MONOTONIC) - begin >= 20000000);
	check("the time left is written back", timeout.tv_sec == 0 && timeout.tv_usec == 0);
	need(pthread_create(&thread, NULL, write_later, &p[1]) == 0);
	FD_SET(p[0], &in);
	timeout.tv_sec = 100;
	check("woken by a write", select(p[1] + 1, &in, NULL, NULL, &timeout) == 1 && FD_ISSET(p[0], &in));
	check("with time left", timeout.tv_sec >= 90 && timeout.tv_sec < 100);
	pthread_join(thread, NULL);
	FD_ZERO(&in);
	FD_SET(50, &in);
	check_errno("a closed descriptor", select(51, &in, NULL, NULL, &timeout), EBADF);
	check_errno("negative count", select(-1, NULL, NULL, NULL, NULL), EINVAL);
	timeout.tv_sec = -1;
	check_errno("negative time", select(0, NULL, NULL, NULL, &timeout), EINVAL);
	close(p[0]);
	close(p[1]);
}

static void test_masks(void)
{
	sigset_t none, blocked;
	int p[2];
	struct timespec second = { .tv_sec = 5 }, short_time = { .tv_nsec = 5000000 };

	need(pipe(p) == 0);
	struct pollfd fd = { p[0], POLLIN, 0 };
	signal(SIGUSR1, count);
	sigemptyset(&none);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	raise(SIGUSR1);
	check("ppoll, still blocked", ppoll(&fd, 1, &short_time, NULL) == 0 && nr_handled == 0);
	check_errno("ppoll unblocks", ppoll(&fd, 1, &second, &none), EINTR);
	show("handled %d", nr_handled);
	raise(SIGUSR1);
	fd_set in;
	FD_ZERO(&in);
	FD_SET(p[0], &in);
	check_errno("pselect unblocks", pselect(p[0] + 1, &in, NULL, NULL, &second, &none), EINTR);
	show("handled %d", nr_handled);
	raise(SIGUSR1);
	need(write(p[1], "x", 1) == 1);
	check("ready comes before the signal", ppoll(&fd, 1, &second, &none) == 1 && nr_handled == 2);
	sigset_t pending;
	sigpending(&pending);
	check("which stays pending", sigismember(&pending, SIGUSR1));
	sigprocmask(SIG_UNBLOCK, &blocked, NULL);
	show("handled %d", nr_handled);
}

int main(void)
{
	test_poll();
	test_select();
	test_masks();
	return test_end();
}
