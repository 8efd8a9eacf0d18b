// SPDX-License-Identifier: MIT
/*
 * UDP_CORK and MSG_MORE: parts of one datagram, to where the first part said; what ends it, what breaks it, and what
 * is held back. With it what IPv6 sockets of TCP keep apart for the two levels.
 */
#include "test.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static const char *name_of(long r)
{
	return r >= 0 ? "ok" : strerrorname_np(errno);
}

static void drain(int s)
{
	static char buf[70000];
	ssize_t n;
	int nr = 0;

	while ((n = recv(s, buf, sizeof(buf), MSG_DONTWAIT)) >= 0) {
		if (n <= 40)
			printf("  got %zd '%.*s'\n", n, (int)n, buf);
		else
			printf("  got %zd\n", n);
		nr++;
	}
	if (!nr)
		printf("  nothing\n");
}

static void part(int s, const char *data, size_t len, int flags, const struct sockaddr_storage *to, socklen_t to_len)
{
	ssize_t r = sendto(s, data, len, flags, (const struct sockaddr *)to, to_len);

	printf(" %zd %s\n", r, name_of(r));
}

static int bound(int family, struct sockaddr_storage *a, socklen_t *len)
{
	int s = socket(family, SOCK_DGRAM, 0);
	struct sockaddr_in *v4 = (void *)a;
	struct sockaddr_in6 *v6 = (void *)a;

	memset(a, 0, sizeof(*a));
	a->ss_family = family;
	*len = family == AF_INET ? sizeof(*v4) : sizeof(*v6);
	if (family == AF_INET)
		v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		v6->sin6_addr = in6addr_loopback;
	need(!bind(s, (void *)a, *len) && !getsockname(s, (void *)a, len));
	return s;
}

static void cork(int family)
{
	struct sockaddr_storage to, other;
	socklen_t len;
	int a = bound(family, &to, &len), b = bound(family, &other, &len), s = socket(family, SOCK_DGRAM, 0), on = 1, off = 0;
	static char big[40000];

	printf("family %d: MSG_MORE\n", family);
	part(s, "one ", 4, MSG_MORE, &to, len);
	part(s, "two ", 4, MSG_MORE, &other, len);
	drain(a);
	part(s, "three", 5, 0, NULL, 0);
	drain(a);
	drain(b);
	printf("UDP_CORK\n");
	setsockopt(s, SOL_UDP, UDP_CORK, &on, sizeof(on));
	part(s, "held ", 5, 0, &other, len);
	part(s, "back", 4, 0, NULL, 0);
	drain(b);
	setsockopt(s, SOL_UDP, UDP_CORK, &off, sizeof(off));
	drain(b);
	printf(" nothing more: %s\n", name_of(setsockopt(s, SOL_UDP, UDP_CORK, &off, sizeof(off))));
	drain(b);
	printf("too long\n");
	part(s, big, sizeof(big), MSG_MORE, &to, len);
	part(s, big, sizeof(big), MSG_MORE, NULL, 0);
	part(s, "x", 1, 0, NULL, 0);
	drain(a);
	printf("long\n");
	part(s, big, 25000, MSG_MORE, &to, len);
	part(s, big, 25001, 0, NULL, 0);
	drain(a);
	printf("empty parts\n");
	part(s, "", 0, MSG_MORE, &to, len);
	part(s, "x", 1, MSG_MORE, &to, len);
	part(s, "", 0, 0, NULL, 0);
	drain(a);
	printf("closed and shut\n");
	part(s, "lost", 4, MSG_MORE, &to, len);
	close(s);
	drain(a);
	s = socket(family, SOCK_DGRAM, 0);
	need(!connect(s, (void *)&to, len));
	part(s, "lost", 4, MSG_MORE, NULL, 0);
	shutdown(s, SHUT_WR);
	part(s, "x", 1, MSG_NOSIGNAL, NULL, 0);
	drain(a);
	close(s);
	close(a);
	close(b);
}

static void one_option(int s, int level, int option, int value)
{
	int v = value, r = setsockopt(s, level, option, &v, sizeof(v));
	socklen_t len = sizeof(v);

	printf(" %d/%d %d %s", level, option, value, name_of(r));
	if (!getsockopt(s, level, option, &v, &len))
		printf(" %d/%u", v, len);
	printf("\n");
}

static void levels(void)
{
	int s = socket(AF_INET6, SOCK_STREAM, 0), u = socket(AF_INET, SOCK_DGRAM, 0);

	printf("both levels of a stream\n");
	one_option(s, SOL_IP, IP_TOS, 0x20);
	one_option(s, SOL_IPV6, IPV6_TCLASS, 0x48);
	one_option(s, SOL_IP, IP_TTL, 7);
	one_option(s, SOL_IPV6, IPV6_UNICAST_HOPS, 9);
	one_option(s, SOL_IP, IP_TOS, 0);
	one_option(s, SOL_IPV6, IPV6_TCLASS, 0);
	printf("UDP_ENCAP\n");
	for (int i = -1; i < 5; i++)
		one_option(u, SOL_UDP, UDP_ENCAP, i);
	close(s);
	close(u);
}

int main(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	ioctl(s, SIOCSIFFLAGS, &lo); /* Debian's kernel starts with it down */
	close(s);
	cork(AF_INET);
	cork(AF_INET6);
	levels();
	return 0;
}
