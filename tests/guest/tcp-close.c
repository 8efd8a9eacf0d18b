// SPDX-License-Identifier: MIT
/*
 * How a connection ends when one side closes: by a FIN or a reset, over IPv4 and IPv6, with data that nobody read, with
 * SO_LINGER, and in each state of both directions. Then what a reset leaves to be read or spliced, and
 * TCP_USER_TIMEOUT while the peer's window is shut.
 */
#include "test.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static const char *name_of(long r)
{
	static char text[4][24];
	static int i;

	if (r < 0)
		return strerrorname_np(errno);
	i = (i + 1) % 4;
	snprintf(text[i], sizeof(text[i]), "%ld", r);
	return text[i];
}

static void connect_two(int family, int *a, int *c, int rcvbuf)
{
	struct sockaddr_in6 at = {.sin6_family = (sa_family_t)family};
	socklen_t len = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(at);
	int l = socket(family, SOCK_STREAM, 0);

	if (family == AF_INET)
		((struct sockaddr_in *)&at)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		at.sin6_addr = in6addr_loopback;
	if (rcvbuf)
		setsockopt(l, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
	need(!bind(l, (void *)&at, len) && !listen(l, 1) && !getsockname(l, (void *)&at, &len));
	*c = socket(family, SOCK_STREAM, 0);
	need(!connect(*c, (void *)&at, len));
	*a = accept(l, NULL, NULL);
	need(*a >= 0);
	close(l);
}

static int events(int s)
{
	struct pollfd p = {s, POLLIN | POLLOUT | POLLRDHUP, 0};

	poll(&p, 1, 0);
	return p.revents;
}

/* Both ends take what has come. */
static void settle(int a, int c)
{
	for (int i = 0; i < 3; i++) {
		events(a);
		events(c);
	}
}

static int state_of(int s)
{
	struct tcp_info i;
	socklen_t len = sizeof(i);

	return getsockopt(s, SOL_TCP, TCP_INFO, &i, &len) ? -1 : i.tcpi_state;
}

/* Wait until what the peer was sent after its end has come back as a reset; it comes in the peer's own time. */
static void wait_for_reset(int s)
{
	struct pollfd p = {.fd = s};

	(void)!poll(&p, 1, 2000);
}

static void wait_for_end(int s)
{
	struct pollfd p = {s, POLLRDHUP, 0};

	(void)!poll(&p, 1, 2000);
}

enum shut { NONE, PEER, SELF, SELF_THEN_PEER, PEER_THEN_SELF, SELF_BOTH };
static const char *const shut_names[] = {"open", "peer shut", "self shut", "self, then peer", "peer, then self", "self both"};

static void ends(int family, int linger, int unread, enum shut how)
{
	struct linger l = {linger >= 0, linger};
	char buf[16];
	ssize_t sent;
	int a, c, state;

	connect_two(family, &a, &c, 0);
	if (unread)
		send(c, "unread", 6, 0);
	settle(a, c);
	if (how == SELF || how == SELF_THEN_PEER)
		shutdown(a, SHUT_WR);
	if (how == SELF_BOTH)
		shutdown(a, SHUT_RDWR);
	if (how >= SELF && how != PEER_THEN_SELF)
		wait_for_end(c);
	settle(a, c);
	if (how == PEER || how == SELF_THEN_PEER || how == PEER_THEN_SELF)
		shutdown(c, SHUT_WR);
	if (how == PEER || how == SELF_THEN_PEER || how == PEER_THEN_SELF)
		wait_for_end(a);
	settle(a, c);
	if (how == PEER_THEN_SELF)
		shutdown(a, SHUT_WR);
	if (how == PEER_THEN_SELF)
		wait_for_end(c);
	settle(a, c);
	state = state_of(a);
	if (state == TCP_FIN_WAIT1) /* the acknowledgement may take its time */
		state = TCP_FIN_WAIT2;
	printf("%d %s%s, linger %d: state %d", family, shut_names[how], unread ? ", unread" : "", linger, state);
	if (linger >= 0)
		setsockopt(a, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(a);
	if ((unread || linger == 0) && how != SELF_THEN_PEER && how != PEER_THEN_SELF)
		wait_for_reset(c);
	else
		wait_for_end(c);
	printf(" events %#x", events(c));
	printf(" recv %s", name_of(recv(c, buf, sizeof(buf), MSG_DONTWAIT)));
	printf(" again %s", name_of(recv(c, buf, sizeof(buf), MSG_DONTWAIT)));
	sent = send(c, "x", 1, MSG_NOSIGNAL);
	printf(" send %s", name_of(sent));
	if (sent > 0)
		wait_for_reset(c);
	printf(" send %s", name_of(send(c, "x", 1, MSG_NOSIGNAL)));
	printf(" events %#x\n", events(c));
	close(c);
}

static void after_reset(int family, bool has_data, bool by_splice)
{
	struct linger hard = {1, 0};
	char buf[16];
	int a, c, p[2];

	connect_two(family, &a, &c, 0);
	need(!pipe(p));
	if (has_data)
		send(c, "data", 4, 0);
	settle(a, c);
	setsockopt(c, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(c);
	wait_for_reset(a);
	printf("%d reset%s: events %#x", family, has_data ? " with data" : "", events(a));
	for (int i = 0; i < 3; i++)
		printf(" %s %s", by_splice ? "splice" : "recv",
		       name_of(by_splice ? splice(a, NULL, p[1], NULL, 4, SPLICE_F_NONBLOCK) : recv(a, buf, sizeof(buf), MSG_DONTWAIT)));
	need(write(p[1], "x", 1) == 1);
	printf(" splice to %s", name_of(splice(p[0], NULL, a, NULL, 1, 0)));
	printf(" events %#x\n", events(a));
	close(a);
	close(p[0]);
	close(p[1]);
}

/* The peer answers each probe, and reads nothing: that ends with TCP_USER_TIMEOUT, else not, however few retries there are. */
static void shut_window(int family, unsigned ms)
{
	static char data[100000];
	int a, c, v = -1;
	socklen_t len = sizeof(v);
	struct pollfd p;

	connect_two(family, &a, &c, 4096);
	fcntl(c, F_SETFL, O_NONBLOCK);
	setsockopt(c, SOL_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
	for (int i = 0; i < 3; i++) {
		p = (struct pollfd){c, POLLOUT, 0};
		while (send(c, data, sizeof(data), 0) > 0)
			;
		(void)!poll(&p, 1, 50);
	}
	p = (struct pollfd){c, 0, 0};
	printf("%d shut window, %u ms: %d", family, ms, poll(&p, 1, ms ? 30000 : 4000));
	getsockopt(c, SOL_SOCKET, SO_ERROR, &v, &len);
	printf(" events %#x error %s\n", p.revents, v ? strerrorname_np(v) : "none");
	close(a);
	close(c);
}

int main(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int f;

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	(void)!ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFFLAGS, &lo);
	f = open("/proc/sys/net/ipv4/tcp_retries2", O_WRONLY);
	need(write(f, "3", 1) == 1); /* used up after 3 s, were an answer not to count */
	close(f);
	for (int k = 0; k < 2; k++) {
		int family = k ? AF_INET6 : AF_INET;

		for (int how = NONE; how <= SELF_BOTH; how++) {
			for (int unread = 0; unread < 2; unread++) {
				for (int linger = -1; linger < 2; linger++)
					ends(family, linger, unread, (enum shut)how);
			}
		}
		for (int i = 0; i < 4; i++)
			after_reset(family, i & 1, i & 2);
		shut_window(family, 300);
		if (!k)
			shut_window(family, 0);
	}
	return 0;
}
