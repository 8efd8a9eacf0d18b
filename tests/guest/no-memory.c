/* SPDX-License-Identifier: MIT */
/*
 * Memory is used up by one kind of the kernel's objects after the other, until a call says that there is no more, or as many are made as a machine of 32 MiB has no room for;
 * after each, all is given back and the machine does what it did before. Limits differ between kernels, so only that is shown.
 */
#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define MAX 20000
#define BIG 65536

static int fds[MAX], nr_fds;
static char big[BIG];

static bool keep(int fd)
{
	if (fd < 0 || nr_fds == MAX)
		return false;
	fds[nr_fds++] = fd;
	return true;
}

static void fill(int fd)
{
	while (write(fd, big, BIG) > 0)
		;
}

static bool a_pipe(void)
{
	int p[2];

	if (pipe2(p, O_NONBLOCK) || !keep(p[0]) || !keep(p[1]))
		return false;
	fill(p[1]);
	return true;
}

static bool a_pair(void)
{
	int p[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p) || !keep(p[0]) || !keep(p[1]))
		return false;
	fill(p[1]);
	return true;
}

static bool a_socket(void)
{
	return keep(socket(nr_fds % 2 ? AF_INET : AF_INET6, SOCK_STREAM, 0));
}

static bool an_eventfd(void)
{
	return keep(eventfd(0, 0));
}

static bool an_epoll(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = nr_fds ? epoll_create1(0) : eventfd(0, 0);

	return keep(fd) && (nr_fds == 1 || epoll_ctl(fd, EPOLL_CTL_ADD, fds[0], &event) == 0);
}

static bool a_memfd(void)
{
	int fd = memfd_create("no-memory", 0);

	return keep(fd) && write(fd, big, BIG) == BIG;
}

/* Far apart, so that it is the index that grows. */
static bool a_sparse_page(void)
{
	static off_t at;

	if (!nr_fds && !keep(memfd_create("sparse", 0)))
		return false;
	at += 1l << 33;
	return at < 1l << 47 && pwrite(fds[0], big, 1, at) == 1;
}

static void *end_at_once(void *argument)
{
	return argument;
}

static void try(const char *what, long most, bool (*make)(void))
{
	pthread_t thread;
	long n = 0;
	int p[2];

	while (n < most && make())
		n++;
	while (nr_fds)
		close(fds[--nr_fds]);
	usleep(100000);
	need(pipe(p) == 0 && write(p[1], "x", 1) == 1 && read(p[0], big, 1) == 1);
	close(p[0]);
	close(p[1]);
	need(pthread_create(&thread, NULL, end_at_once, NULL) == 0 && pthread_join(thread, NULL) == 0);
	check(what, n > 10);
}

int main(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max < MAX + 100 ? limit.rlim_max : MAX + 100;
	setrlimit(RLIMIT_NOFILE, &limit);
	try("pipes", 500, a_pipe);
	try("pairs of sockets", 150, a_pair);
	try("sockets", MAX, a_socket);
	try("event counters", MAX, an_eventfd);
	try("epoll instances", MAX, an_epoll);
	try("files", 400, a_memfd);
	try("pages of a sparse file", MAX, a_sparse_page);
	try("sockets again", MAX, a_socket);
	return test_end();
}
