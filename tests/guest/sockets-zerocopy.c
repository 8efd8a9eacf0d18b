/* SPDX-License-Identifier: MIT */
/*
 * MSG_ZEROCOPY of TCP and UDP: each send has a number, and the error queue tells the range of those that are complete. Over loopback Linux copies, too, so even the code is
 * the same. How many sends one message covers is a matter of time: what is printed is their sum, and whether each range begins where the last one ended.
 */
#include "test.h"

#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY 60
#endif
#ifndef MSG_ZEROCOPY
#define MSG_ZEROCOPY 0x4000000
#endif
#define IPV6_RECVERR_TYPE 25
#define BIG 300000

static void loopback_up(void)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	ioctl(fd, SIOCSIFFLAGS, &r);	/* a bare Linux needs it */
	close(fd);
}

static int set_zerocopy(int fd, int v)
{
	return setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &v, sizeof(v));
}

static int get_zerocopy(int fd)
{
	int v = -1;
	socklen_t len = sizeof(v);

	need(getsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &v, &len) == 0);
	return v;
}

static short poll_once(int fd, int ms)
{
	struct pollfd p = { .fd = fd };

	poll(&p, 1, ms);
	return p.revents;
}

/* The next completion: its sends, or -1 and errno. */
static int completion(int family, int fd, uint32_t *next)
{
	union {
		struct cmsghdr h;
		uint8_t bytes[256];
	} control;
	uint8_t byte = 0x55;
	struct iovec iov = { &byte, 1 };
	struct sockaddr_storage name;
	struct msghdr m = { .msg_name = &name, .msg_namelen = sizeof(name), .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	struct sock_extended_err e;
	struct cmsghdr *c;
	ssize_t n = recvmsg(fd, &m, MSG_ERRQUEUE);
	uint32_t first;

	if (n < 0)
		return -1;
	c = CMSG_FIRSTHDR(&m);
	if (n != 0 || byte != 0x55 || m.msg_flags != MSG_ERRQUEUE || m.msg_namelen != 0 || !c || CMSG_NXTHDR(&m, c)) {
		show("FAIL message: n %zd flags %x name %u control %p", n, m.msg_flags, m.msg_namelen, (void *)c);
		return -1;
	}
	if (c->cmsg_level != (family == AF_INET ? SOL_IP : SOL_IPV6) || c->cmsg_type != (family == AF_INET ? 11 : IPV6_RECVERR_TYPE) ||
	    c->cmsg_len != CMSG_LEN(sizeof(e) + (family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6))))
		show("FAIL level %d type %d length %zu", c->cmsg_level, c->cmsg_type, (size_t)c->cmsg_len);
	memcpy(&e, CMSG_DATA(c), sizeof(e));
	if (e.ee_errno || e.ee_origin != SO_EE_ORIGIN_ZEROCOPY || e.ee_type || e.ee_code != SO_EE_CODE_ZEROCOPY_COPIED)
		show("FAIL error %u origin %u type %u code %u", e.ee_errno, e.ee_origin, e.ee_type, e.ee_code);
	first = e.ee_info;
	if (first != *next)
		show("FAIL range from %u, expected %u", first, *next);
	*next = e.ee_data + 1;
	return (int)(e.ee_data - first + 1);
}

/* Wait until all sends before `end` are told of. */
static void completions(int family, int fd, uint32_t *next, uint32_t end)
{
	check("poll says error", poll_once(fd, 5000) == POLLERR);
	for (int tries = 0; *next != end && tries < 50; tries++) {
		if (completion(family, fd, next) < 0)
			sleep_ms(100);
	}
	show("complete up to %u", *next);
	check_errno("then nothing", completion(family, fd, next), EAGAIN);
	check("poll says nothing", poll_once(fd, 0) == 0);
}

static void tcp_pair(int family, int pair[2], bool with_option)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr *sa = family == AF_INET ? (struct sockaddr *)&a4 : (struct sockaddr *)&a;
	socklen_t len = family == AF_INET ? sizeof(a4) : sizeof(a);
	int l = socket(family, SOCK_STREAM, 0);

	need(bind(l, sa, len) == 0 && (!with_option || set_zerocopy(l, 1) == 0) && listen(l, 1) == 0 && getsockname(l, sa, &len) == 0);
	pair[0] = socket(family, SOCK_STREAM, 0);
	need(connect(pair[0], sa, len) == 0);
	pair[1] = accept(l, NULL, NULL);
	need(pair[1] >= 0);
	close(l);
}

static void *reader(void *arg)
{
	static uint8_t buf[65536];
	size_t total = 0;
	ssize_t n;

	while ((n = recv(*(int *)arg, buf, sizeof(buf), 0)) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (buf[i] != (uint8_t)((total + (size_t)i) * 7))
				return (void *)1;
		}
		total += (size_t)n;
	}
	return (void *)total;
}

static void test_options(void)
{
	int tcp = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET6, SOCK_DGRAM, 0), local = socket(AF_UNIX, SOCK_STREAM, 0), netlink = socket(AF_NETLINK, SOCK_RAW, 0);
	int pair[2];

	check("off at first", get_zerocopy(tcp) == 0 && get_zerocopy(udp) == 0);
	check("TCP", set_zerocopy(tcp, 1) == 0 && get_zerocopy(tcp) == 1);
	check("off again", set_zerocopy(tcp, 0) == 0 && get_zerocopy(tcp) == 0);
	check("UDP", set_zerocopy(udp, 1) == 0 && get_zerocopy(udp) == 1);
	check_errno("two", set_zerocopy(tcp, 2), EINVAL);
	check_errno("less than none", set_zerocopy(tcp, -1), EINVAL);
	check_errno("AF_UNIX", set_zerocopy(local, 1), EOPNOTSUPP);
	check_errno("AF_NETLINK", set_zerocopy(netlink, 1), EOPNOTSUPP);
	tcp_pair(AF_INET, pair, true);
	check("a listener's connection has it", get_zerocopy(pair[1]) == 1);
	check("the other end has not", get_zerocopy(pair[0]) == 0);
	close(pair[0]);
	close(pair[1]);
	close(tcp);
	close(udp);
	close(local);
	close(netlink);
}

static void test_tcp(int family)
{
	static uint8_t data[BIG];
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET }, got = { 0 };
	uint32_t next = 0;
	pthread_t t;
	void *total;
	int pair[2], ep;

	show("TCP %s", family == AF_INET ? "IPv4" : "IPv6");
	tcp_pair(family, pair, false);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	need(pthread_create(&t, NULL, reader, &pair[1]) == 0);
	check_errno("nothing at first", completion(family, pair[0], &next), EAGAIN);
	check("without the option it is as any send", send(pair[0], data, 1000, MSG_ZEROCOPY) == 1000);
	sleep_ms(100);
	check_errno("and says nothing", completion(family, pair[0], &next), EAGAIN);
	need(set_zerocopy(pair[0], 1) == 0);
	check("nor does a send without the flag", send(pair[0], data + 1000, 1000, 0) == 1000);
	check("nor one of nothing", send(pair[0], data, 0, MSG_ZEROCOPY) == 0);
	sleep_ms(100);
	check_errno("nothing", completion(family, pair[0], &next), EAGAIN);

	ep = epoll_create1(0);
	need(epoll_ctl(ep, EPOLL_CTL_ADD, pair[0], &ev) == 0);
	check("epoll sees nothing", epoll_wait(ep, &got, 1, 0) == 0);
	check("one", send(pair[0], data + 2000, 1000, MSG_ZEROCOPY) == 1000);
	check("epoll sees it", epoll_wait(ep, &got, 1, 5000) == 1 && got.events == EPOLLERR);
	completions(family, pair[0], &next, 1);
	for (int i = 0; i < 7; i++)
		need(send(pair[0], data + 3000 + i * 1000, 1000, MSG_ZEROCOPY) == 1000);
	check("a long one", send(pair[0], data + 10000, BIG - 10000, MSG_ZEROCOPY) == BIG - 10000);
	completions(family, pair[0], &next, 9);
	shutdown(pair[0], SHUT_WR);
	pthread_join(t, &total);
	check("all bytes arrive", (size_t)total == BIG);
	check_errno("after shutdown", send(pair[0], data, 1, MSG_ZEROCOPY | MSG_NOSIGNAL), EPIPE);
	check_errno("a failed send is none", completion(family, pair[0], &next), EAGAIN);
	close(ep);
	close(pair[0]);
	close(pair[1]);
}

static void test_full(void)
{
	static uint8_t data[65536];
	uint32_t next = 0;
	int pair[2], sends = 0;

	show("full");
	tcp_pair(AF_INET, pair, false);
	need(set_zerocopy(pair[0], 1) == 0);
	while (send(pair[0], data, sizeof(data), MSG_ZEROCOPY | MSG_DONTWAIT) > 0)
		sends++;
	check("no room", errno == EAGAIN || errno == ENOBUFS);
	close(pair[1]);	/* unread data: a reset; what was sent is given up, and so complete */
	sleep_ms(100);
	for (int tries = 0; next != (uint32_t)sends && tries < 50; tries++) {
		struct msghdr m = { 0 };
		uint8_t control[256];

		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		if (recvmsg(pair[0], &m, MSG_ERRQUEUE) == 0 && CMSG_FIRSTHDR(&m)) {
			struct sock_extended_err e;

			memcpy(&e, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(e));
			next = e.ee_data + 1;
		} else {
			sleep_ms(100);
		}
	}
	check("each send that took bytes is told of", sends > 0 && next == (uint32_t)sends);
	close(pair[0]);
}

static void test_udp(int family)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr *sa = family == AF_INET ? (struct sockaddr *)&a4 : (struct sockaddr *)&a;
	socklen_t len = family == AF_INET ? sizeof(a4) : sizeof(a);
	int to = socket(family, SOCK_DGRAM, 0), from = socket(family, SOCK_DGRAM, 0);
	static uint8_t data[20000], buf[20000];
	struct msghdr m = { 0 };
	uint32_t next = 0;

	show("UDP %s", family == AF_INET ? "IPv4" : "IPv6");
	need(bind(to, sa, len) == 0 && getsockname(to, sa, &len) == 0);
	need(set_zerocopy(from, 1) == 0);
	check_errno("nothing at first", completion(family, from, &next), EAGAIN);
	for (int i = 0; i < 3; i++) {
		memset(data, 'a' + i, sizeof(data));
		need(sendto(from, data, sizeof(data), MSG_ZEROCOPY, sa, len) == sizeof(data));
	}
	completions(family, from, &next, 3);
	for (int i = 0; i < 3; i++)
		check("arrives", recv(to, buf, sizeof(buf), 0) == sizeof(buf) && buf[0] == 'a' + i && buf[sizeof(buf) - 1] == 'a' + i);
	check("an empty one", sendto(from, data, 0, MSG_ZEROCOPY, sa, len) == 0);
	completions(family, from, &next, 4);
	check("one more", sendto(from, data, 100, MSG_ZEROCOPY, sa, len) == 100);
	need(poll_once(from, 5000) == POLLERR);
	m.msg_flags = 0x55;
	check("no room for the message", recvmsg(from, &m, MSG_ERRQUEUE) == 0 && m.msg_flags == (MSG_ERRQUEUE | MSG_CTRUNC) && m.msg_controllen == 0);
	check_errno("it is gone", completion(family, from, &next), EAGAIN);
	check_errno("too long", sendto(from, data, 0x7fffffff, MSG_ZEROCOPY, sa, len), EMSGSIZE);
	check_errno("a failed send is none", completion(family, from, &next), EAGAIN);
	close(to);
	close(from);
}

int main(void)
{
	loopback_up();
	test_options();
	test_tcp(AF_INET);
	test_tcp(AF_INET6);
	test_full();
	test_udp(AF_INET);
	test_udp(AF_INET6);
	return test_end();
}
