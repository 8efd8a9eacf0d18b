/* SPDX-License-Identifier: MIT */
/* What happens to bytes and events when the buffer they should go to is bad, wholly or from some point on: what Linux keeps is kept. */
#include "test.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

static char *edge;	/* what lies behind it cannot be reached */
#define BAD	((void *)16)

static int add(int ep, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event e = { .events = events, .data.u64 = data };

	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
}

static void test_epoll(const char *what, uint32_t events)
{
	int ep = epoll_create1(0), fd[3];
	struct epoll_event got[4], *two = (struct epoll_event *)(edge - 2 * sizeof(*two));

	for (int i = 0; i < 3; i++) {
		fd[i] = eventfd(1, EFD_NONBLOCK);
		need(add(ep, fd[i], EPOLLIN | events, 100 + i) == 0);
	}
	check_errno("epoll, nothing can be written", epoll_wait(ep, (struct epoll_event *)edge, 4, 0), EFAULT);
	check_errno("again", epoll_wait(ep, (struct epoll_event *)edge, 1, 0), EFAULT);
	int n = epoll_wait(ep, two, 3, 0);
	show("%s, two can be written: %d, %d %d", what, n, n > 0 ? (int)two[0].data.u64 : 0, n > 1 ? (int)two[1].data.u64 : 0);
	n = epoll_wait(ep, got, 4, 0);
	show("%s, what is left: %d, %d", what, n, n > 0 ? (int)got[0].data.u64 : 0);
	n = epoll_wait(ep, got, 4, 0);
	show("%s, then: %d", what, n);
	for (int i = 0; i < 3; i++)
		close(fd[i]);
	close(ep);
}

static void test_many(void)
{
	static struct epoll_event got[64];
	int ep = epoll_create1(0), fd[40];

	for (int i = 0; i < 40; i++) {
		fd[i] = eventfd(1, 0);
		need(add(ep, fd[i], EPOLLIN | EPOLLET | (i & 1 ? EPOLLONESHOT : 0), i) == 0);
	}
	int n = epoll_wait(ep, (struct epoll_event *)(edge - 21 * sizeof(got[0])), 40, 0), rest;
	rest = epoll_wait(ep, got, 64, 0);
	show("of 40: %d, then %d", n, rest);
	check("the others come once", rest > 0 && got[0].data.u64 == (uint64_t)n && epoll_wait(ep, got, 64, 0) == 0);
	for (int i = 0; i < 40; i++)
		close(fd[i]);
	close(ep);
}

static void test_counters(void)
{
	uint64_t v;
	int e = eventfd(5, EFD_NONBLOCK), t = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	struct itimerspec one = { .it_value.tv_nsec = 1 };

	check_errno("eventfd", read(e, BAD, 8), EFAULT);
	show("its value then: %d", read(e, &v, 8) == 8 ? (int)v : -errno);
	check_errno("eventfd written from nowhere", write(e, BAD, 8), EFAULT);
	show("its value then: %d", read(e, &v, 8) == 8 ? (int)v : -errno);
	check_errno("eventfd, too short", read(e, &v, 7), EINVAL);
	timerfd_settime(t, 0, &one, NULL);
	sleep_ms(20);
	check_errno("timerfd", read(t, BAD, 8), EFAULT);
	show("its expirations then: %d", read(t, &v, 8) == 8 ? (int)v : -errno);
}

static void test_signals(void)
{
	struct signalfd_siginfo *one = (struct signalfd_siginfo *)edge - 1, info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int fd = signalfd(-1, &set, SFD_NONBLOCK);
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR2);
	show("signalfd, one fits: %d", (int)read(fd, one, 2 * sizeof(info)) / (int)sizeof(info));
	show("then: %d", read(fd, &info, sizeof(info)) > 0 ? (int)info.ssi_signo : -errno);
	kill(getpid(), SIGUSR1);
	check_errno("signalfd, none fits", read(fd, BAD, sizeof(info)), EFAULT);
	show("then: %d", read(fd, &info, sizeof(info)) > 0 ? (int)info.ssi_signo : -errno);
}

static void test_inotify(void)
{
	char buf[4096];
	int fd = inotify_init1(IN_NONBLOCK);

	mkdir("/tmp/bad", 0700);
	need(inotify_add_watch(fd, "/tmp/bad", IN_CREATE) > 0);
	for (int i = 0; i < 3; i++) {
		char name[40];
		snprintf(name, sizeof(name), "/tmp/bad/%d", i);
		close(open(name, O_CREAT | O_RDWR, 0600));
	}
	check_errno("inotify, nothing can be written", read(fd, BAD, 4096), EFAULT);
	show("then: %d", (int)read(fd, edge - 32, 4096));
	show("errno %d", errno);
	show("then: %d", (int)read(fd, buf, sizeof(buf)));
}

static void test_pipe(void)
{
	char buf[10000];
	int fd[2];

	need(pipe2(fd, O_NONBLOCK) == 0);
	memset(buf, 'x', sizeof(buf));
	need(write(fd[1], buf, 9000) == 9000);
	check_errno("pipe, nothing can be written", read(fd[0], BAD, 100), EFAULT);
	show("pipe, 100 bytes can: %d", (int)read(fd[0], edge - 100, 200));
	show("what is left: %d", (int)read(fd[0], buf, sizeof(buf)));
	check_errno("pipe written from nowhere", write(fd[1], BAD, 100), EFAULT);
	check_errno("it is empty", read(fd[0], buf, 1), EAGAIN);
	show("100 bytes from the edge: %d", (int)write(fd[1], edge - 100, 200));
	errno = 0;
	show("it has: %d", (int)read(fd[0], buf, sizeof(buf)));
	need(write(fd[1], buf, 10) == 10);
	struct iovec iov[2] = { { buf, 4 }, { BAD, 6 } };
	show("readv, the second part is bad: %d", (int)readv(fd[0], iov, 2));
	show("what is left: %d", (int)read(fd[0], buf, sizeof(buf)));
	show("writev, the second part is bad: %d", (int)writev(fd[1], iov, 2));
	show("it has: %d", (int)read(fd[0], buf, sizeof(buf)));
	iov[0].iov_base = BAD;
	check_errno("writev, both are bad", writev(fd[1], iov, 2), EFAULT);
}

static void test_file(void)
{
	char buf[10000] = "0123456789";
	int fd = open("/tmp/bad-file", O_RDWR | O_CREAT | O_TRUNC, 0600);
	struct iovec iov[2] = { { buf, 4 }, { BAD, 6 } };

	need(write(fd, buf, 9000) == 9000 && lseek(fd, 0, SEEK_SET) == 0);
	check_errno("file, nothing can be written", read(fd, BAD, 100), EFAULT);
	show("position %d", (int)lseek(fd, 0, SEEK_CUR));
	show("file, 100 bytes can: %d", (int)read(fd, edge - 100, 200));
	show("position %d", (int)lseek(fd, 0, SEEK_CUR));
	show("readv, the second part is bad: %d", (int)readv(fd, iov, 2));
	show("preadv too: %d", (int)preadv(fd, iov, 2, 5000));
	show("writev too: %d", (int)writev(fd, iov, 2));
	show("position %d", (int)lseek(fd, 0, SEEK_CUR));
	check_errno("pwrite from nowhere", pwrite(fd, BAD, 10, 20000), EFAULT);
	show("size %d", (int)lseek(fd, 0, SEEK_END));
}

static void test_directory(void)
{
	char buf[4096];
	int fd = open("/tmp/bad", O_RDONLY | O_DIRECTORY), names = 0;
	long n = syscall(SYS_getdents64, fd, edge, 4096);

	check("getdents64, nothing can be written", n == -1 && errno == EFAULT);
	n = syscall(SYS_getdents64, fd, edge - 48, 4096);
	show("two can: %ld", n);
	while ((n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0)
		for (long at = 0; at < n; at += *(uint16_t *)(buf + at + 16))
			names++;
	show("the others: %d", names);
	check_errno("getrandom", syscall(SYS_getrandom, BAD, 10, 0), EFAULT);
}

int main(void)
{
	edge = mmap(NULL, 2 * 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(edge != MAP_FAILED);
	edge += 65536;
	need(munmap(edge, 65536) == 0);
	test_epoll("level", 0);
	test_epoll("edge", EPOLLET);
	test_epoll("once", EPOLLONESHOT);
	test_epoll("edge and once", EPOLLET | EPOLLONESHOT);
	test_many();
	test_counters();
	test_signals();
	test_inotify();
	test_pipe();
	test_file();
	test_directory();
	return test_end();
}
