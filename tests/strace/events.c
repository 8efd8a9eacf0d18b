/* SPDX-License-Identifier: MIT */
/* Waiting: epoll, poll, select, eventfd, timerfd, signalfd, inotify, pipes. */
#include "calls.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

static int pipefd[2];

static void epolls(void)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.u64 = 0x1122334455667788 }, out[4];
	int ep = CALL(epoll_create1, EPOLL_CLOEXEC);
	struct timespec t = { 0, 1000000 };
	uint64_t mask = 1ull << (SIGUSR1 - 1);

	CALL(epoll_create1, 0x8);
	CALL(epoll_ctl, ep, EPOLL_CTL_ADD, pipefd[0], &e);
	CALL(epoll_ctl, ep, EPOLL_CTL_ADD, pipefd[0], &e);
	e.events = EPOLLOUT | EPOLLONESHOT | EPOLLEXCLUSIVE;
	e.data.u64 = 5;
	CALL(epoll_ctl, ep, EPOLL_CTL_MOD, pipefd[0], &e);
	e.events = EPOLLIN | EPOLLPRI | EPOLLERR | EPOLLHUP | EPOLLWAKEUP;
	CALL(epoll_ctl, ep, EPOLL_CTL_MOD, pipefd[0], &e);
	CALL(epoll_pwait, ep, out, 4, 0, NULL, 8);
	CALL(write, pipefd[1], "x", 1);
	CALL(epoll_pwait, ep, out, 4, -1, NULL, 8);
	CALL(epoll_pwait, ep, out, 4, 100, &mask, 8);
	CALL(epoll_pwait2, ep, out, 4, &t, NULL, 8);
	CALL(epoll_ctl, ep, EPOLL_CTL_ADD, pipefd[1], BAD);
	CALL(epoll_ctl, ep, EPOLL_CTL_DEL, pipefd[0], NULL);
	CALL(epoll_ctl, ep, EPOLL_CTL_DEL, pipefd[0], &e);
	CALL(epoll_ctl, ep, 99, pipefd[0], &e);
	CALL(epoll_pwait, ep, BAD, 0, 100, NULL, 8);
	CALL(close, ep);
}

static void polls(void)
{
	struct pollfd p[3] = { { .fd = pipefd[0], .events = POLLIN | POLLPRI | POLLRDHUP }, { .fd = pipefd[1], .events = POLLOUT | POLLRDNORM | POLLWRBAND }, { .fd = -1 } };
	struct timespec t = { 0, 5000000 }, zero = { 0, 0 };
	struct { const void *mask; size_t len; } sig = { NULL, 8 };
	uint64_t mask = ~0ull;
	fd_set in, out;

	CALL(ppoll, p, 3, &t, NULL, 8);
	p[2].fd = 500;
	CALL(ppoll, p, 3, NULL, &mask, 8);
	CALL(ppoll, p, 1, &zero, &mask, 8);
	CALL(read, pipefd[0], &in, 1);
	CALL(ppoll, p, 1, &zero, NULL, 8);
	t = (struct timespec){ 0, 5000000 };
	CALL(ppoll, p, 0, &t, NULL, 0);
	CALL(ppoll, BAD, 2, &zero, NULL, 8);
	CALL(ppoll, NULL, 0, BAD, NULL, 8);
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(pipefd[0], &in);
	FD_SET(pipefd[1], &out);
	FD_SET(1, &out);
	CALL(pselect6, 10, &in, &out, NULL, &t, &sig);
	FD_ZERO(&in);
	FD_SET(pipefd[0], &in);
	t = zero;
	CALL(pselect6, 10, &in, NULL, NULL, &t, NULL);
	CALL(pselect6, -1, NULL, NULL, NULL, &zero, NULL);
}

static void eventfds(void)
{
	uint64_t v = 3;
	int fd = CALL(eventfd2, 1, EFD_CLOEXEC | EFD_NONBLOCK);

	CALL(eventfd2, 0, EFD_SEMAPHORE | 0x100);
	CALL(write, fd, &v, 8);
	CALL(read, fd, &v, 8);
	CALL(read, fd, &v, 8);
	CALL(close, fd);
}

static void timerfds(void)
{
	struct itimerspec t = { { 0, 0 }, { 100, 500 } }, old;
	int fd = CALL(timerfd_create, CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	CALL(timerfd_create, 99, 0);
	CALL(timerfd_settime, fd, 0, &t, NULL);
	CALL(timerfd_settime, fd, TFD_TIMER_ABSTIME, &t, &old);
	CALL(timerfd_gettime, fd, &old);
	CALL(timerfd_settime, fd, 0, BAD, NULL);
	CALL(close, fd);
}

static void signalfds(void)
{
	uint64_t mask = 1ull << (SIGUSR1 - 1) | 1ull << (SIGTERM - 1);
	char buf[128];
	int fd = CALL(signalfd4, -1, &mask, 8, SFD_CLOEXEC | SFD_NONBLOCK);

	CALL(signalfd4, fd, BAD, 8, 0);
	CALL(read, fd, buf, sizeof(buf));
	CALL(close, fd);
}

static void inotifies(void)
{
	int fd = CALL(inotify_init1, IN_CLOEXEC | IN_NONBLOCK), wd = (int)CALL(inotify_add_watch, fd, "/tmp", IN_CREATE | IN_DELETE | IN_MODIFY | IN_ONLYDIR);

	CALL(inotify_add_watch, fd, "/nonexistent", IN_ALL_EVENTS);
	CALL(inotify_rm_watch, fd, wd);
	CALL(close, fd);
}

static void pipes(void)
{
	char text[] = "through a pipe and another one, as far as it is shown";
	struct iovec iov = { text, sizeof(text) };
	loff_t off = 0;
	int a[2], b[2], f;

	CALL(pipe2, a, O_CLOEXEC);
	CALL(pipe2, b, O_NONBLOCK | O_DIRECT);
	CALL(pipe2, BAD, 0);
	CALL(pipe2, b, 0x4);
	CALL(dup, a[0]);
	CALL(dup3, a[0], 60, O_CLOEXEC);
	CALL(dup3, a[0], a[0], 0);
	CALL(vmsplice, a[1], &iov, 1, SPLICE_F_GIFT);
	CALL(tee, a[0], b[1], 20, SPLICE_F_NONBLOCK);
	CALL(splice, a[0], NULL, b[1], NULL, 100, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	f = CALL(openat, AT_FDCWD, "/tmp/strace.pipe", O_RDWR | O_CREAT | O_TRUNC, 0600);
	CALL(splice, b[0], NULL, f, &off, 30, 0);
	off = 4;
	CALL(sendfile, a[1], f, &off, 10);
	CALL(sendfile, a[1], f, NULL, 10);
	CALL(sendfile, a[1], f, BAD, 10);
	CALL(copy_file_range, f, NULL, -1, &off, 10, 0);
	CALL(fcntl, a[0], F_GETPIPE_SZ);
	CALL(fcntl, a[0], F_SETPIPE_SZ, 8192);
	CALL(unlinkat, AT_FDCWD, "/tmp/strace.pipe", 0);
	CALL(close_range, 3, ~0u, 0);
}

int main(void)
{
	CALL(pipe2, pipefd, O_NONBLOCK);
	epolls();
	polls();
	eventfds();
	timerfds();
	signalfds();
	inotifies();
	pipes();
	return 0;
}
