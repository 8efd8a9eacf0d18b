/* SPDX-License-Identifier: MIT */
/* epoll: level and edge, one-shot, exclusive, nested, closed descriptors, many waiters, masks. */
#include "test.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

static int epoll_fd;

static int control(int operation, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = { .events = events, .data.u64 = data };

	return epoll_ctl(epoll_fd, operation, fd, &event);
}

/* "events:data ..." of what is ready now. */
static const char *ready(int timeout)
{
	static char text[256];
	struct epoll_event events[8];
	int n = epoll_wait(epoll_fd, events, 8, timeout);
	size_t len = 0;

	if (n <= 0)
		return n == 0 ? "none" : "error";
	for (int i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%x:%d", i ? " " : "", events[i].events,
					(int)events[i].data.u64);
	return text;
}

static void test_errors(void)
{
	struct epoll_event events[2];
	int p[2];

	need(pipe(p) == 0);
	check_errno("size 0", epoll_create(0), EINVAL);
	check_errno("flags", epoll_create1(0x1234), EINVAL);
	check_errno("wait with no room", epoll_wait(epoll_fd, events, 0, 0), EINVAL);
	check_errno("wait at a bad address", (control(EPOLL_CTL_ADD, p[1], EPOLLOUT, 0), epoll_wait(epoll_fd, (void *)16, 1, 0)), EFAULT);
	control(EPOLL_CTL_DEL, p[1], 0, 0);
	check_errno("wait on a pipe", epoll_wait(p[0], events, 1, 0), EINVAL);
	check_errno("add a bad descriptor", control(EPOLL_CTL_ADD, 999, EPOLLIN, 0), EBADF);
	check_errno("add itself", control(EPOLL_CTL_ADD, epoll_fd, EPOLLIN, 0), EINVAL);
	check("add", control(EPOLL_CTL_ADD, p[0], EPOLLIN, 1) == 0);
	check_errno("add again", control(EPOLL_CTL_ADD, p[0], EPOLLIN, 1), EEXIST);
	check_errno("modify what is not there", control(EPOLL_CTL_MOD, p[1], EPOLLIN, 1), ENOENT);
	check_errno("delete what is not there", control(EPOLL_CTL_DEL, p[1], 0, 0), ENOENT);
	check_errno("unknown operation", control(77, p[0], 0, 0), EINVAL);
	int file = open("/tmp/epoll-file", O_RDWR | O_CREAT, 0600);
	check_errno("a regular file", control(EPOLL_CTL_ADD, file, EPOLLIN, 0), EPERM);
	check_errno("a directory", control(EPOLL_CTL_ADD, open("/", O_RDONLY), EPOLLIN, 0), EPERM);
	close(p[0]);
	close(p[1]);
	close(file);
	unlink("/tmp/epoll-file");
}

static void test_modes(void)
{
	int p[2];
	char c;

	need(pipe2(p, O_NONBLOCK) == 0);
	control(EPOLL_CTL_ADD, p[0], EPOLLIN, 1);
	control(EPOLL_CTL_ADD, p[1], EPOLLOUT, 2);
	show("writable: %s", ready(0));
	control(EPOLL_CTL_DEL, p[1], 0, 0);
	show("empty: %s", ready(0));
	need(write(p[1], "ab", 2) == 2);
	show("level: %s, again %s", ready(0), ready(0));
	need(read(p[0], &c, 1) == 1);
	show("level, one left: %s", ready(0));

	control(EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLET, 3);
	show("edge: %s", ready(0));
	show("edge, again: %s", ready(0));
	need(write(p[1], "c", 1) == 1);
	show("edge, more: %s", ready(0));
	need(read(p[0], &c, 1) == 1);
	show("edge, after a read: %s", ready(0));
	control(EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLET, 4);
	show("edge, re-armed: %s", ready(0));

	control(EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT, 5);
	show("one-shot: %s", ready(0));
	show("one-shot, again: %s", ready(0));
	need(write(p[1], "d", 1) == 1);
	show("one-shot, more: %s", ready(0));
	control(EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT, 6);
	show("one-shot, re-armed: %s", ready(0));

	control(EPOLL_CTL_MOD, p[0], EPOLLIN, 7);
	close(p[1]);
	show("write end closed: %s", ready(0));
	while (read(p[0], &c, 1) > 0)
		;
	show("emptied: %s", ready(0));
	control(EPOLL_CTL_MOD, p[0], 0, 8);
	show("hang-up without asking: %s", ready(0));
	close(p[0]);
	show("closed: %s", ready(0));
}

static void test_closing(void)
{
	int p[2];

	need(pipe(p) == 0);
	need(write(p[1], "x", 1) == 1);
	control(EPOLL_CTL_ADD, p[0], EPOLLIN, 1);
	int copy = dup(p[0]);
	close(p[0]);
	show("closed, but a duplicate lives: %s", ready(0));
	check_errno("and cannot be removed", control(EPOLL_CTL_DEL, p[0], 0, 0), EBADF);
	close(copy);
	show("all closed: %s", ready(0));
	need(pipe(p) == 0);
	check("the number can be added anew", control(EPOLL_CTL_ADD, p[0], EPOLLIN, 2) == 0);
	close(p[0]);
	close(p[1]);
}

static void test_nested(void)
{
	int inner = epoll_create1(0), event_fd = eventfd(0, EFD_NONBLOCK), outer = epoll_fd;
	uint64_t one = 1;

	epoll_fd = inner;
	control(EPOLL_CTL_ADD, event_fd, EPOLLIN, 9);
	epoll_fd = outer;
	control(EPOLL_CTL_ADD, inner, EPOLLIN, 8);
	show("nested, nothing: %s", ready(0));
	need(write(event_fd, &one, 8) == 8);
	show("nested, outer: %s", ready(0));
	epoll_fd = inner;
	show("nested, inner: %s", ready(0));
	check_errno("a cycle", control(EPOLL_CTL_ADD, outer, EPOLLIN, 0), ELOOP);
	epoll_fd = outer;
	struct pollfd p = { .fd = inner, .events = POLLIN };
	check("poll of an epoll", poll(&p, 1, 0) == 1);
	need(read(event_fd, &one, 8) == 8);
	show("nested, taken: %s", ready(0));
	close(inner);
	close(event_fd);
}

/* Several threads wait for one epoll; each event is taken by exactly one. */
#define NR_EVENTS 400
static int event_fds[NR_EVENTS], nr_taken[NR_EVENTS];

static void *take_events(void *unused)
{
	struct epoll_event event;

	(void)unused;
	while (epoll_wait(epoll_fd, &event, 1, 10000) == 1) {
		if (event.data.u64 >= NR_EVENTS)
			return NULL;
		__atomic_add_fetch(&nr_taken[event.data.u64], 1, __ATOMIC_SEQ_CST);
	}
	return (void *)1;
}

static void test_waiters(void)
{
	pthread_t threads[4];
	uint64_t one = 1;
	int nr_once = 0;

	for (int i = 0; i < NR_EVENTS; i++) {
		event_fds[i] = eventfd(0, EFD_NONBLOCK);
		need(control(EPOLL_CTL_ADD, event_fds[i], EPOLLIN | EPOLLET, (uint64_t)i) == 0);
	}
	for (int i = 0; i < 4; i++)
		need(pthread_create(&threads[i], NULL, take_events, NULL) == 0);
	for (int i = 0; i < NR_EVENTS; i++)
		need(write(event_fds[i], &one, 8) == 8);
	for (int i = 0; i < 500; i++) {
		nr_once = 0;
		for (int k = 0; k < NR_EVENTS; k++)
			nr_once += __atomic_load_n(&nr_taken[k], __ATOMIC_SEQ_CST) == 1;
		if (nr_once == NR_EVENTS)
			break;
		sleep_ms(2);
	}
	show("edge events taken exactly once: %d", nr_once);
	int stop = eventfd(1, 0);
	control(EPOLL_CTL_ADD, stop, EPOLLIN, NR_EVENTS + 1);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < NR_EVENTS; i++)
		close(event_fds[i]);
	close(stop);
}

static int nr_woken;

static void *wait_exclusively(void *argument)
{
	int own = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };

	need(epoll_ctl(own, EPOLL_CTL_ADD, *(int *)argument, &event) == 0);
	if (epoll_wait(own, &event, 1, 10000) == 1) {
		uint64_t value;
		if (read(*(int *)argument, &value, 8) == 8)
			__atomic_add_fetch(&nr_woken, 1, __ATOMIC_SEQ_CST);
	}
	close(own);
	return NULL;
}

static void test_exclusive(void)
{
	pthread_t threads[3];
	int fd = eventfd(0, EFD_SEMAPHORE);
	uint64_t one = 1;

	for (int i = 0; i < 3; i++)
		need(pthread_create(&threads[i], NULL, wait_exclusively, &fd) == 0);
	sleep_ms(30);
	for (int i = 0; i < 3; i++) {
		need(write(fd, &one, 8) == 8);
		sleep_ms(5);
	}
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	show("exclusive waiters served: %d", nr_woken);
	check_errno("EPOLLEXCLUSIVE cannot be modified",
		    (control(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLEXCLUSIVE, 0), control(EPOLL_CTL_MOD, fd, EPOLLIN, 0)), EINVAL);
	close(fd);
}

static volatile int nr_handled;

static void count(int signal_number)
{
	(void)signal_number;
	nr_handled = nr_handled + 1;
}

static void test_timeouts_and_masks(void)
{
	struct epoll_event event;
	sigset_t none, blocked;
	int64_t begin = now_ns(CLOCK_MONOTONIC);

	show("timeout: %s", ready(20));
	check("not early", now_ns(CLOCK_MONOTONIC) - begin >= 20000000);
	signal(SIGUSR1, count);
	sigemptyset(&none);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	raise(SIGUSR1);
	check("blocked signal: no interruption", epoll_pwait(epoll_fd, &event, 1, 10, NULL) == 0 && nr_handled == 0);
	check_errno("unblocked by epoll_pwait", epoll_pwait(epoll_fd, &event, 1, 1000, &none), EINTR);
	show("handled %d", nr_handled);
	struct timespec timeout = { .tv_nsec = 5000000 };
	begin = now_ns(CLOCK_MONOTONIC);
	check("epoll_pwait2", syscall(441, epoll_fd, &event, 1, &timeout, NULL, 0) == 0 &&
				      now_ns(CLOCK_MONOTONIC) - begin >= 5000000);
	sigprocmask(SIG_UNBLOCK, &blocked, NULL);
	int timer = timerfd_create(CLOCK_MONOTONIC, 0);
	struct itimerspec spec = { .it_value = { .tv_nsec = 10000000 } };
	timerfd_settime(timer, 0, &spec, NULL);
	control(EPOLL_CTL_ADD, timer, EPOLLIN, 11);
	show("a timerfd: %s", ready(5000));
	close(timer);
}

/* Events are handed out in turn: with room for one, no descriptor starves. */
static void test_fairness(void)
{
	int fds[3], counts[3] = { 0 };
	struct epoll_event event;

	for (int i = 0; i < 3; i++) {
		fds[i] = eventfd(1, 0);
		control(EPOLL_CTL_ADD, fds[i], EPOLLIN, (uint64_t)i);
	}
	for (int i = 0; i < 30; i++)
		if (epoll_wait(epoll_fd, &event, 1, 0) == 1)
			counts[event.data.u64]++;
	show("in turn: %d %d %d", counts[0], counts[1], counts[2]);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}

int main(void)
{
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	need(epoll_fd >= 0);
	test_errors();
	test_modes();
	test_closing();
	test_nested();
	test_waiters();
	test_exclusive();
	test_timeouts_and_masks();
	test_fairness();
	return test_end();
}
