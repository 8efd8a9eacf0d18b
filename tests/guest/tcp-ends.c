/* SPDX-License-Identifier: MIT
 *
 * Ends and beginnings of TCP connections as an application sees them: data after both directions were shut, reset before accept, a listener that is shut and listens again, a
 * connection to itself, TCP_DEFER_ACCEPT, the urgent mark inline (tcp(7), shutdown(2), listen(2)).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in here = { .sin_family = AF_INET };

static const char *result(long n)
{
	static char text[4][40];
	static int i;

	i = (i + 1) % 4;
	if (n < 0)
		snprintf(text[i], sizeof(text[i]), "%s", strerrorname_np(errno));
	else
		snprintf(text[i], sizeof(text[i]), "%ld", n);
	return text[i];
}

static int listener_at(unsigned short port)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(here);

	here.sin_port = htons(port);
	inet_pton(AF_INET, "127.0.0.1", &here.sin_addr);
	if (bind(fd, (struct sockaddr *)&here, sizeof(here)) || listen(fd, 8))
		perror("listen");
	getsockname(fd, (struct sockaddr *)&here, &len);
	return fd;
}

static int listener(void)
{
	return listener_at(0);
}

static int client(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&here, sizeof(here)))
		perror("connect");
	return fd;
}

/* Events of fd, waiting until all of `wanted` are there, 3 s at most. */
static int events(int fd, short wanted)
{
	struct pollfd p = { fd, POLLIN | POLLOUT | POLLRDHUP | POLLPRI, 0 };

	for (int i = 0; i < 3000; i++) {
		poll(&p, 1, 0);
		if ((p.revents & wanted) == wanted)
			break;
		usleep(1000);
	}
	return p.revents;
}

static void shut(const char *title, const int *how, int nr, int is_early)
{
	int l = listener(), c = client(), s = accept(l, NULL, NULL);
	char b[16];

	if (is_early) {
		send(c, "early", 5, 0);
		events(s, POLLIN);
	}
	for (int i = 0; i < nr; i++)
		shutdown(s, how[i]);
	if (nr && (nr > 1 || how[0] != SHUT_RD))
		events(c, POLLRDHUP);
	printf("%s: send %s,", title, result(send(c, "data", 4, 0)));
	printf(" events %x,", events(c, nr && (nr > 1 || how[0] == SHUT_RDWR) ? POLLHUP : 0));
	printf(" send %s,", result(send(c, "more", 4, 0)));
	if (nr < 2 && (!nr || how[0] != SHUT_RDWR))
		usleep(200000);
	printf(" recv %s,", result(recv(s, b, sizeof(b), MSG_DONTWAIT)));
	printf(" recv %s\n", result(recv(s, b, sizeof(b), MSG_DONTWAIT)));
	close(l);
	close(c);
	close(s);
}

static void shuts(void)
{
	for (int early = 0; early < 2; early++) {
		shut("both", (int[]){ SHUT_RDWR }, 1, early);
		shut("write, then read", (int[]){ SHUT_WR, SHUT_RD }, 2, early);
		shut("read, then write", (int[]){ SHUT_RD, SHUT_WR }, 2, early);
		shut("write", (int[]){ SHUT_WR }, 1, early);
		shut("none", NULL, 0, early);
	}
}

static void reset_before_accept(void)
{
	struct linger hard = { 1, 0 };
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	char b[16];

	for (int i = 0; i < 2; i++) {
		int l = listener(), c = client(), s;

		if (i)
			send(c, "data", 4, 0);
		usleep(50000);
		setsockopt(c, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
		close(c);
		usleep(50000);
		printf("reset%s: listener %x,", i ? " with data" : "", events(l, POLLIN));
		s = accept(l, NULL, NULL);
		printf(" accept %s,", s < 0 ? result(s) : "ok");
		printf(" events %x,", events(s, POLLHUP));
		printf(" peer %s,", result(getpeername(s, (struct sockaddr *)&a, &len)));
		printf(" recv %s,", result(recv(s, b, sizeof(b), MSG_DONTWAIT)));
		printf(" recv %s\n", result(recv(s, b, sizeof(b), MSG_DONTWAIT)));
		close(l);
		close(s);
	}
}

/* A port that was given is kept, one that was chosen is not. */
static void listen_again(unsigned short given)
{
	int l = listener_at(given), c = client(), d, e, r;
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	printf("SHUT_WR %s,", result(shutdown(l, SHUT_WR)));
	printf(" events %x,", events(l, POLLIN));
	printf(" SHUT_RD %s,", result(shutdown(l, SHUT_RD)));
	printf(" accept %s,", result(accept(l, NULL, NULL)));
	printf(" client %x,", events(c, POLLHUP));
	d = socket(AF_INET, SOCK_STREAM, 0);
	printf(" connect %s,", result(connect(d, (struct sockaddr *)&here, sizeof(here))));
	getsockname(l, (struct sockaddr *)&a, &len);
	printf(" port %s,", a.sin_port == here.sin_port ? "kept" : "gone");
	e = socket(AF_INET, SOCK_STREAM, 0);
	printf(" another's bind %s,", result(bind(e, (struct sockaddr *)&here, sizeof(here))));
	close(e);
	printf(" listen %s,", result(listen(l, 8)));
	close(d);
	len = sizeof(here);
	getsockname(l, (struct sockaddr *)&here, &len);
	printf(" address %s,", here.sin_addr.s_addr == htonl(INADDR_LOOPBACK) ? "kept" : "gone");
	d = client();
	r = accept(l, NULL, NULL);
	printf(" accept %s\n", r < 0 ? result(r) : "ok");
	close(r);
	close(c);
	close(d);
	close(l);
}

static void to_itself(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), state;
	struct tcp_info info;
	socklen_t len = sizeof(here);
	char b[16];

	here.sin_port = 0;
	bind(fd, (struct sockaddr *)&here, sizeof(here));
	getsockname(fd, (struct sockaddr *)&here, &len);
	printf("itself: connect %s,", result(connect(fd, (struct sockaddr *)&here, sizeof(here))));
	len = sizeof(info);
	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
	state = info.tcpi_state;
	printf(" state %d,", state);
	printf(" send %s,", result(send(fd, "hello", 5, 0)));
	printf(" events %x,", events(fd, POLLIN));
	printf(" recv %s,", result(recv(fd, b, sizeof(b), 0)));
	printf(" shutdown %s,", result(shutdown(fd, SHUT_WR)));
	printf(" events %x,", events(fd, POLLHUP));
	printf(" recv %s\n", result(recv(fd, b, sizeof(b), 0)));
	close(fd);
}

static void defer(void)
{
	static const int seconds[] = { 0, 1, 2, 3, 5, 30, 300, -4 };
	int l = listener(), c, s, v;
	socklen_t len = sizeof(v);
	char b[16];

	printf("TCP_DEFER_ACCEPT:");
	for (unsigned i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		setsockopt(l, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds[i], sizeof(int));
		getsockopt(l, IPPROTO_TCP, TCP_DEFER_ACCEPT, &v, &len);
		printf(" %d=%d", seconds[i], v);
	}
	v = 30;
	setsockopt(l, IPPROTO_TCP, TCP_DEFER_ACCEPT, &v, sizeof(v));
	c = client();
	usleep(300000);
	printf(", without data %x,", events(l, 0));
	printf(" send %s,", result(send(c, "data", 4, 0)));
	printf(" with data %x,", events(l, POLLIN));
	s = accept(l, NULL, NULL);
	printf(" recv %s\n", result(recv(s, b, sizeof(b), MSG_DONTWAIT)));
	close(s);
	close(c);
	close(l);
}

static void mark(const char *title, int flags, size_t room)
{
	int l = listener(), c = client(), s = accept(l, NULL, NULL), one = 1, at;
	char b[20];

	setsockopt(s, SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one));
	send(c, "abc", 3, 0);
	send(c, "X", 1, MSG_OOB);
	send(c, "def", 3, 0);
	close(c);
	events(s, POLLRDHUP);
	printf("%s:", title);
	for (int i = 0; i < 4; i++) {
		long n;

		ioctl(s, SIOCATMARK, &at);
		n = recv(s, b, room, i ? 0 : flags);
		printf(" mark %d %s %.*s,", at, result(n), n > 0 ? (int)n : 0, b);
	}
	printf(" out of band %s\n", result(recv(s, b, 1, MSG_OOB)));
	close(l);
	close(s);
}

static void groups(void)
{
	static const int options[4][2] = { { IPPROTO_IP, IP_MULTICAST_TTL }, { IPPROTO_IP, IP_MULTICAST_LOOP }, { IPPROTO_IPV6, IPV6_MULTICAST_HOPS }, { IPPROTO_IPV6, IPV6_MULTICAST_LOOP } };
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	printf("groups:");
	for (int i = 0; i < 4; i++) {
		int v = -7;
		socklen_t len = sizeof(v);
		int r = getsockopt(fd, options[i][0], options[i][1], &v, &len);

		printf(" %s %d", result(r), len == 1 ? v & 255 : v);
	}
	printf("\n");
	close(fd);
}

int main(void)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	ioctl(fd, SIOCSIFFLAGS, &r);	/* a bare Linux needs it */
	close(fd);
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	shuts();
	reset_before_accept();
	listen_again(0);
	listen_again(20999);
	to_itself();
	defer();
	mark("inline", 0, 19);
	mark("all", MSG_WAITALL, 7);
	mark("peek", MSG_PEEK, 19);
	mark("two at a time", 0, 2);
	groups();
	return 0;
}
