/* SPDX-License-Identifier: MIT */
/*
 * Sockets passed over sockets, and closed while nobody has received them: chains of any length, circles that nothing
 * else reaches, and those that something does. The writing end of a pipe goes along with each: its reader
 * sees the end of the file when, and only when, the sockets are gone.
 */
#include "test.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

static void send_fds(int over, const int *fds, size_t n)
{
	char control[CMSG_SPACE(4 * sizeof(int))] = "", byte = 'x';
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(n * sizeof(int)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	need(sendmsg(over, &msg, 0) == 1);
}

/* The number of descriptors received. */
static size_t receive_fds(int from, int fds[4])
{
	char control[CMSG_SPACE(4 * sizeof(int))], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	size_t len;

	if (recvmsg(from, &msg, 0) != 1 || !(c = CMSG_FIRSTHDR(&msg)))
		return 0;
	len = c->cmsg_len - CMSG_LEN(0);
	memcpy(fds, CMSG_DATA(c), len);
	return len / sizeof(int);
}

static void pair(int s[2], int type)
{
	need(socketpair(AF_UNIX, type, 0, s) == 0);
}

/* Whether the pipe ends within this time. Circles are looked for when a socket is closed for good: the kernel is given occasions. */
static bool is_closed(int reader, int timeout_ms)
{
	struct pollfd p = { .fd = reader, .events = POLLIN };
	int64_t end = now_ns(CLOCK_MONOTONIC) + timeout_ms * 1000000LL;
	int other[2];

	do {
		pair(other, SOCK_STREAM);
		close(other[0]);
		close(other[1]);
		if (poll(&p, 1, 1) == 1 && p.revents & POLLHUP)
			return true;
	} while (now_ns(CLOCK_MONOTONIC) < end);
	return false;
}

/* Each pair lies in the queue of the next; the last is closed, and with it all. */
static void test_chain(int nr_links)
{
	int p[2], inner[2], outer[2];

	need(pipe(p) == 0);
	pair(inner, SOCK_STREAM);
	send_fds(inner[0], &p[1], 1);
	close(p[1]);
	for (int i = 0; i < nr_links; i++) {
		pair(outer, i & 1 ? SOCK_STREAM : SOCK_SEQPACKET);
		send_fds(outer[0], inner, 2);
		close(inner[0]);
		close(inner[1]);
		memcpy(inner, outer, sizeof(inner));
	}
	if (is_closed(p[0], 0))
		show("FAIL the end of a chain was closed early");
	close(inner[0]);
	close(inner[1]);
	if (!is_closed(p[0], 15000))
		show("FAIL a chain of %d was not closed", nr_links);
	close(p[0]);
}

/* Pairs in a circle, each in the queue of the next. */
static void test_circle(int length, int type)
{
	int p[2], s[8][2];

	need(pipe(p) == 0);
	for (int i = 0; i < length; i++)
		pair(s[i], type);
	for (int i = 0; i < length; i++) {
		int fds[] = { s[(i + 1) % length][0], s[(i + 1) % length][1], p[1] };
		send_fds(s[i][0], fds, i ? 2 : 3);
	}
	close(p[1]);
	for (int i = 0; i < length; i++) {
		close(s[i][0]);
		if (i < length - 1)
			close(s[i][1]);
	}
	/* One end is left: all can still be received through it. */
	bool is_early = is_closed(p[0], 3);
	close(s[length - 1][1]);
	bool is_late = !is_closed(p[0], 15000);
	if (is_early || is_late)
		show("FAIL circle of %d, type %d: %s", length, type, is_early ? "closed early" : "not closed");
	close(p[0]);
}

/* A circle in the queue of a socket that is still there: what is in it comes out whole. */
static void test_reachable(void)
{
	int p[2], s[2], keeper[2], again[4], fds[4];

	need(pipe(p) == 0);
	pair(s, SOCK_STREAM);
	pair(keeper, SOCK_STREAM);
	send_fds(s[0], (int[]){ s[1], s[0], p[1] }, 3);
	send_fds(keeper[0], (int[]){ s[1] }, 1);
	close(p[1]);
	close(s[0]);
	close(s[1]);
	check("a circle that can be reached is kept", !is_closed(p[0], 3));
	check("its socket comes out", receive_fds(keeper[1], again) == 1);
	check("and from its queue the circle", receive_fds(again[0], fds) == 3);
	close(again[0]);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	check("closed by hand", is_closed(p[0], 15000));
	close(keeper[0]);
	close(keeper[1]);
	close(p[0]);
}

/* The circle is closed through a socket that has a name, and is a datagram socket with its own messages. */
static void test_own_queue(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "\0unix-rights" };
	int p[2], s = socket(AF_UNIX, SOCK_DGRAM, 0), sender = socket(AF_UNIX, SOCK_DGRAM, 0);

	need(pipe(p) == 0 && bind(s, (struct sockaddr *)&a, sizeof(a)) == 0 && connect(sender, (struct sockaddr *)&a, sizeof(a)) == 0);
	send_fds(sender, (int[]){ s, p[1] }, 2);
	send_fds(sender, (int[]){ s }, 1);
	close(p[1]);
	check("a socket in its own queue is kept while it has a descriptor", !is_closed(p[0], 20));
	close(s);
	check("and goes with its last", is_closed(p[0], 15000));
	check_errno("its name is gone", send(sender, "x", 1, 0), ECONNREFUSED);
	close(sender);
	close(p[0]);
}

/* Threads that make circles and others that pass sockets through live ones: nothing alive is ever closed. */
static void *make_circles(void *unused)
{
	for (int i = 0; i < 200; i++)
		test_circle(1 + i % 3, i & 1 ? SOCK_STREAM : SOCK_SEQPACKET);
	return unused;
}

static void *pass_along(void *failures)
{
	int way[2], s[2], fd[4];
	char c;

	pair(way, SOCK_STREAM);
	for (int i = 0; i < 2000; i++) {
		pair(s, SOCK_STREAM);
		send_fds(way[0], &s[1], 1);
		close(s[1]);
		need(write(s[0], "y", 1) == 1);
		if (receive_fds(way[1], fd) != 1 || read(fd[0], &c, 1) != 1 || c != 'y')
			__atomic_add_fetch((int *)failures, 1, __ATOMIC_RELAXED);
		close(fd[0]);
		close(s[0]);
	}
	close(way[0]);
	close(way[1]);
	return NULL;
}

static void test_threads(void)
{
	pthread_t t[4];
	int failures = 0;

	for (int i = 0; i < 4; i++)
		need(pthread_create(&t[i], NULL, i < 2 ? make_circles : pass_along, &failures) == 0);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	check("with threads nothing alive is lost", failures == 0);
}

int main(void)
{
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 1024, 1024 });
	for (int length = 1; length <= 8; length++) {
		test_circle(length, SOCK_STREAM);
		test_circle(length, SOCK_SEQPACKET);
		test_circle(length, SOCK_DGRAM);
	}
	show("circles are closed");
	test_reachable();
	test_own_queue();
	test_chain(3);
	test_chain(2000);
	show("chains are closed");
	test_threads();
	return test_end();
}
