/* SPDX-License-Identifier: MIT */
/*
 * UDP and TCP over the loopback device, IPv4 and IPv6: connections, bulk data,
 * non-blocking calls, shutdown and reset, options, addresses, poll and epoll,
 * errors.
 */
#include "test.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static void bring_up_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	need(fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0);
	request.ifr_flags |= IFF_UP | IFF_RUNNING;
	ioctl(fd, SIOCSIFFLAGS, &request);
	check("the loopback device", (request.ifr_flags & IFF_LOOPBACK) != 0);
	close(fd);
}

static socklen_t loopback(int family, union address *a)
{
	memset(a, 0, sizeof(*a));
	a->any.sa_family = (sa_family_t)family;
	if (family == AF_INET)
		a->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		a->v6.sin6_addr = in6addr_loopback;
	return family == AF_INET ? sizeof(a->v4) : sizeof(a->v6);
}

/* A socket bound to a free port of the loopback address; the address comes back. */
static int bound(int family, int type, union address *a)
{
	socklen_t len = loopback(family, a);
	int fd = socket(family, type, 0);

	need(fd >= 0 && bind(fd, &a->any, len) == 0 && getsockname(fd, &a->any, &len) == 0);
	need(family == AF_INET ? a->v4.sin_port != 0 : a->v6.sin6_port != 0);
	return fd;
}

static socklen_t size_of(union address *a)
{
	return a->any.sa_family == AF_INET ? sizeof(a->v4) : sizeof(a->v6);
}

static void test_udp(int family, const char *name)
{
	union address a, b, from;
	socklen_t len = sizeof(from);
	int x = bound(family, SOCK_DGRAM, &a), y = bound(family, SOCK_DGRAM, &b), value;
	char buffer[2000] = "";

	show("-- UDP over %s", name);
	check("sendto and recvfrom", sendto(x, "hello", 5, 0, &b.any, size_of(&b)) == 5 &&
					     recvfrom(y, buffer, sizeof(buffer), 0, &from.any, &len) == 5 && memcmp(buffer, "hello", 5) == 0);
	check("the sender's address", len == size_of(&a) && memcmp(&from, &a, len) == 0);
	check("empty datagrams", sendto(x, "", 0, 0, &b.any, size_of(&b)) == 0 && recv(y, buffer, 10, 0) == 0);
	check("a long one is cut", sendto(x, buffer, 1000, 0, &b.any, size_of(&b)) == 1000 && recv(y, buffer, 10, MSG_TRUNC) == 1000);
	check_errno("none left", recv(y, buffer, 10, MSG_DONTWAIT), EAGAIN);
	check("FIONREAD", sendto(x, "abc", 3, 0, &b.any, size_of(&b)) == 3 && ioctl(y, FIONREAD, &value) == 0 && value == 3);
	struct pollfd p = { y, POLLIN | POLLOUT, 0 };
	check("poll", poll(&p, 1, 1000) == 1 && p.revents == (POLLIN | POLLOUT) && recv(y, buffer, 10, 0) == 3);
	check("connect", connect(x, &b.any, size_of(&b)) == 0 && send(x, "c", 1, 0) == 1 && recv(y, buffer, 10, 0) == 1);
	check("getpeername", getpeername(x, &from.any, &len) == 0 && memcmp(&from, &b, len) == 0);
	union address stranger;
	int z = bound(family, SOCK_DGRAM, &stranger);
	check("a connected socket hears its peer only", sendto(z, "no", 2, 0, &a.any, size_of(&a)) == 2 &&
								sendto(y, "yes", 3, 0, &a.any, size_of(&a)) == 3 && recv(x, buffer, 10, 0) == 3);
	close(y);
	send(x, "x", 1, 0);
	check_errno("nobody there", recv(x, buffer, 10, 0), ECONNREFUSED);
	check_errno("too long", sendto(z, buffer, 70000, 0, &a.any, size_of(&a)), EMSGSIZE);
	check_errno("no address", send(z, "x", 1, 0), EDESTADDRREQ);
	check_errno("address in use", bind(x, &stranger.any, size_of(&stranger)), EINVAL);
	int w = socket(family, SOCK_DGRAM, 0);
	check_errno("port in use", bind(w, &stranger.any, size_of(&stranger)), EADDRINUSE);
	struct timeval timeout = { .tv_usec = 20000 };
	setsockopt(z, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	int64_t begin = now_ns(CLOCK_MONOTONIC);
	check_errno("SO_RCVTIMEO", recv(z, buffer, 10, 0), EAGAIN);
	check("not early", now_ns(CLOCK_MONOTONIC) - begin >= 20000000);
	close(x);
	close(z);
	close(w);
}

struct transfer {
	int fd;
	long total, nr_wrong;
};

static void *receive_all(void *argument)
{
	struct transfer *t = argument;
	static char buffer[50000];
	ssize_t n;

	while ((n = read(t->fd, buffer, sizeof(buffer))) > 0)
		for (ssize_t i = 0; i < n; i++, t->total++)
			t->nr_wrong += buffer[i] != (char)(t->total * 7 + t->total / 1000);
	return NULL;
}

static void test_tcp(int family, const char *name)
{
	union address a, from;
	socklen_t len = sizeof(from);
	int listener = bound(family, SOCK_STREAM, &a), client, peer, value, one = 1;
	char buffer[64] = "";
	pthread_t thread;

	show("-- TCP over %s", name);
	client = socket(family, SOCK_STREAM, 0);
	check_errno("not connected: send", send(client, "x", 1, MSG_NOSIGNAL), EPIPE);
	check_errno("not connected: recv", recv(client, buffer, 1, 0), ENOTCONN);
	check_errno("not connected: getpeername", getpeername(client, &from.any, &len), ENOTCONN);
	check_errno("accept without listen", accept(listener, NULL, NULL), EINVAL);
	check_errno("connect before listen", connect(client, &a.any, size_of(&a)), ECONNREFUSED);
	check("listen", listen(listener, 5) == 0);
	close(client);
	client = socket(family, SOCK_STREAM, 0);
	check("connect", connect(client, &a.any, size_of(&a)) == 0);
	check_errno("connect again", connect(client, &a.any, size_of(&a)), EISCONN);
	peer = accept4(listener, &from.any, &len, SOCK_CLOEXEC);
	check("accept", peer >= 0 && fcntl(peer, F_GETFD) == FD_CLOEXEC);
	union address mine;
	socklen_t mine_len = sizeof(mine);
	check("the peer's address is the client's", getsockname(client, &mine.any, &mine_len) == 0 && memcmp(&mine, &from, size_of(&a)) == 0);
	check("both ways", write(client, "ping", 4) == 4 && read(peer, buffer, 64) == 4 && write(peer, "pong!", 5) == 5 && read(client, buffer, 64) == 5);
	check("MSG_WAITALL", write(client, "ab", 2) == 2 && write(client, "cd", 2) == 2 && recv(peer, buffer, 4, MSG_WAITALL) == 4);
	struct iovec io[2] = { { "gather", 6 }, { "ed", 2 } };
	struct msghdr message = { .msg_iov = io, .msg_iovlen = 2 };
	check("sendmsg", sendmsg(client, &message, 0) == 8 && recv(peer, buffer, 64, MSG_PEEK) == 8 && recv(peer, buffer, 64, 0) == 8 &&
				 memcmp(buffer, "gathered", 8) == 0);
	check("TCP_NODELAY", setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0);
	len = sizeof(value);
	check("is read back", getsockopt(client, IPPROTO_TCP, TCP_NODELAY, &value, &len) == 0 && value == 1);
	check("SO_KEEPALIVE, SO_REUSEADDR", setsockopt(client, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)) == 0 &&
						    getsockopt(client, SOL_SOCKET, SO_KEEPALIVE, &value, &len) == 0 && value == 1);
	check("SO_ACCEPTCONN", getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &value, &len) == 0 && value == 1);
	check_errno("unknown option", setsockopt(client, SOL_SOCKET, 7777, &one, sizeof(one)), ENOPROTOOPT);
	struct tcp_info info;
	len = sizeof(info);
	check("TCP_INFO", getsockopt(client, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 && info.tcpi_state == TCP_ESTABLISHED);

	/* 8 MiB in odd pieces. */
	struct transfer transfer = { .fd = peer };
	need(pthread_create(&thread, NULL, receive_all, &transfer) == 0);
	static char data[30000];
	long sent = 0;
	while (sent < 8 << 20) {
		size_t piece = 1 + (size_t)(sent * 13 % (long)sizeof(data));
		for (size_t i = 0; i < piece; i++)
			data[i] = (char)((sent + (long)i) * 7 + (sent + (long)i) / 1000);
		for (size_t done = 0; done < piece;) {
			ssize_t n = write(client, data + done, piece - done);
			need(n > 0);
			done += (size_t)n;
		}
		sent += (long)piece;
	}
	check("shutdown", shutdown(client, SHUT_WR) == 0);
	pthread_join(thread, NULL);
	check("all bytes arrive in order", transfer.total == sent && transfer.nr_wrong == 0);
	check("the other direction works on", write(peer, "still", 5) == 5 && read(client, buffer, 64) == 5);
	close(peer);
	check("end of file", read(client, buffer, 64) == 0);
	close(client);

	/* Non-blocking, with epoll. */
	int epoll = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN };
	fcntl(listener, F_SETFL, O_NONBLOCK);
	check_errno("nothing to accept", accept(listener, NULL, NULL), EAGAIN);
	need(epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) == 0);
	client = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int result = connect(client, &a.any, size_of(&a));
	check("connect without waiting", result == 0 || errno == EINPROGRESS);
	struct pollfd p = { client, POLLOUT, 0 };
	len = sizeof(value);
	check("writable when connected", poll(&p, 1, 2000) == 1 && (p.revents & POLLOUT) &&
						 getsockopt(client, SOL_SOCKET, SO_ERROR, &value, &len) == 0 && value == 0);
	check("epoll shows the listener", epoll_wait(epoll, &event, 1, 2000) == 1 && (event.events & EPOLLIN));
	peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	check_errno("nothing to read", read(peer, buffer, 1), EAGAIN);
	long filled = 0;
	ssize_t n;
	while ((n = write(client, data, sizeof(data))) > 0)
		filled += n;
	check("a full socket", errno == EAGAIN && filled > 10000);
	long emptied = 0;
	for (int tries = 0; emptied < filled && tries < 100000; tries++)
		if ((n = read(peer, data, sizeof(data))) > 0)
			emptied += n;
		else
			sched_yield();
	check("can be emptied", emptied == filled);
	check("and is writable again", poll(&p, 1, 2000) == 1);

	/* Reset. */
	struct linger linger = { 1, 0 };
	setsockopt(peer, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(peer);
	p.events = POLLIN;
	check("a reset", poll(&p, 1, 2000) == 1 && (p.revents & (POLLERR | POLLHUP)));
	check_errno("is an error once", read(client, buffer, 1), ECONNRESET);
	check("then end of file", read(client, buffer, 1) == 0);
	close(client);
	close(epoll);
	close(listener);
	client = socket(family, SOCK_STREAM, 0);
	check_errno("nobody listens", connect(client, &a.any, size_of(&a)), ECONNREFUSED);
	close(client);
	listener = socket(family, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	check("the port can be bound anew", bind(listener, &a.any, size_of(&a)) == 0 && listen(listener, 1) == 0);
	close(listener);
}

/* Many short connections by several threads. */
static union address server;

static void *connect_often(void *unused)
{
	long nr_right = 0;

	(void)unused;
	for (int i = 0; i < 50; i++) {
		char c = (char)i;
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		nr_right += connect(fd, &server.any, sizeof(server.v4)) == 0 && write(fd, &c, 1) == 1 && read(fd, &c, 1) == 1 && c == (char)(i + 1);
		close(fd);
	}
	return (void *)nr_right;
}

static void *serve(void *argument)
{
	int listener = *(int *)argument;

	for (int i = 0; i < 200; i++) {
		char c;
		int fd = accept(listener, NULL, NULL);
		if (read(fd, &c, 1) == 1) {
			c++;
			if (write(fd, &c, 1) != 1)
				show("FAIL answer");
		}
		close(fd);
	}
	return NULL;
}

/* A port that connect() chooses is none that somebody is bound to: with a listener's own it would reach itself. */
static void test_chosen_port(void)
{
	union address a, mine;
	int listener = bound(AF_INET, SOCK_STREAM, &a), client[2], taken[16], nr_same = 0;
	socklen_t len = sizeof(mine);
	in_port_t first = 0;

	need(listen(listener, 5) == 0);
	for (int k = 0; k < 2; k++) {
		client[k] = socket(AF_INET, SOCK_STREAM, 0);
		need(connect(client[k], &a.any, size_of(&a)) == 0 && getsockname(client[k], &mine.any, &len) == 0);
		first = k ? first : ntohs(mine.v4.sin_port);
		for (int i = 0; k == 0 && i < 16; i++) { /* those that come next */
			union address next = mine;
			next.v4.sin_port = htons((in_port_t)(32768 + (first - 32768 + i + 1) % (60999 - 32768 + 1)));
			taken[i] = socket(AF_INET, SOCK_STREAM, 0);
			if (bind(taken[i], &next.any, size_of(&next)) != 0)
				need(errno == EADDRINUSE);
		}
		nr_same += k == 1 && (in_port_t)(ntohs(mine.v4.sin_port) - first - 1) < 16;
	}
	check("a chosen port is nobody's", nr_same == 0);
	for (int i = 0; i < 16; i++)
		close(taken[i]);
	close(client[0]);
	close(client[1]);
	close(listener);
}

static void test_many(void)
{
	int listener = bound(AF_INET, SOCK_STREAM, &server);
	pthread_t threads[5];
	long nr_right = 0;
	void *result;

	need(listen(listener, 64) == 0);
	need(pthread_create(&threads[4], NULL, serve, &listener) == 0);
	for (int i = 0; i < 4; i++)
		need(pthread_create(&threads[i], NULL, connect_often, NULL) == 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &result);
		nr_right += (long)result;
	}
	pthread_join(threads[4], NULL);
	show("connections served %ld", nr_right);
	close(listener);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	bring_up_loopback();
	test_udp(AF_INET, "IPv4");
	test_udp(AF_INET6, "IPv6");
	test_tcp(AF_INET, "IPv4");
	test_tcp(AF_INET6, "IPv6");
	test_chosen_port();
	test_many();
	return test_end();
}
