// SPDX-License-Identifier: MIT
/*
 * Options of levels IP and IPv6: what was set is read again, and on an IPv6 socket that also speaks IPv4 each level
 * keeps its own. Control messages say what a datagram came with and send it so; an IPv6 socket takes an IPv4 address;
 * one send makes no more than so many segments.
 */
#include "test.h"
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SOL_UDP
#define SOL_UDP 17
#endif
#define UDP_SEGMENT 103

static const char *name_of(long r)
{
	return r >= 0 ? "ok" : strerrorname_np(errno);
}

static void set_get(int s, int level, int name, int v)
{
	socklen_t len = sizeof(v);
	int got = -7;
	long r = setsockopt(s, level, name, &v, sizeof(v));
	const char *how = name_of(r);

	r = getsockopt(s, level, name, &got, &len);
	printf("  %d/%d = %d: %s, reads %d %s\n", level, name, v, how, r ? 0 : got, name_of(r));
}

static void options(int type)
{
	static const struct {
		int name, value;
	} v4[] = {{IP_TOS, 16},
		  {IP_TTL, 33},
		  {IP_TTL, 0},
		  {IP_TTL, 256},
		  {IP_TTL, -1},
		  {IP_PKTINFO, 5},
		  {IP_RECVERR, 1},
		  {IP_RECVTTL, 1},
		  {IP_RECVTOS, 1},
		  {IP_RECVORIGDSTADDR, 1},
		  {IP_MTU_DISCOVER, 0},
		  {IP_MTU_DISCOVER, 3},
		  {IP_MTU_DISCOVER, 4},
		  {IP_MTU_DISCOVER, 5},
		  {IP_MTU_DISCOVER, 6},
		  {IP_MTU_DISCOVER, -1},
		  {IP_MTU, 1500},
		  {IP_FREEBIND, 1},
		  {IP_FREEBIND, 0},
		  {IP_TRANSPARENT, 1},
		  {IP_MINTTL, 255},
		  {IP_MINTTL, 256},
		  {IP_MULTICAST_TTL, 5},
		  {IP_MULTICAST_TTL, -1},
		  {IP_MULTICAST_TTL, 256},
		  {IP_MULTICAST_LOOP, 0},
		  {IP_MULTICAST_ALL, 0},
		  {IP_UNICAST_IF, 0},
		  {IP_BIND_ADDRESS_NO_PORT, 1},
		  {IP_HDRINCL, 1},
		  {IP_NODEFRAG, 1},
		  {IP_CHECKSUM, 1},
		  {120, 1}};
	static const struct {
		int name, value;
	} v6[] = {{IPV6_UNICAST_HOPS, 34},    {IPV6_UNICAST_HOPS, -1},
		  {IPV6_UNICAST_HOPS, 256},   {IPV6_MULTICAST_HOPS, 4},
		  {IPV6_MULTICAST_HOPS, 256}, {IPV6_MULTICAST_LOOP, 0},
		  {IPV6_MULTICAST_IF, 1},     {IPV6_MULTICAST_IF, 99},
		  {IPV6_RECVPKTINFO, 1},      {IPV6_RECVHOPLIMIT, 1},
		  {IPV6_RECVTCLASS, 1},	      {IPV6_TCLASS, 32},
		  {IPV6_TCLASS, 256},	      {IPV6_TCLASS, -1},
		  {IPV6_MTU_DISCOVER, 4},     {IPV6_MTU_DISCOVER, 6},
		  {IPV6_MTU, 1400},	      {IPV6_MTU, 1000},
		  {IPV6_RECVERR, 1},	      {IPV6_DONTFRAG, 1},
		  {IPV6_FREEBIND, 1},	      {IPV6_AUTOFLOWLABEL, 0},
		  {IPV6_ADDR_PREFERENCES, 2}, {IPV6_ADDR_PREFERENCES, 3},
		  {IPV6_ADDR_PREFERENCES, 4}, {IPV6_MINHOPCOUNT, 3},
		  {IPV6_MINHOPCOUNT, 256},    {IPV6_RECVRTHDR, 1},
		  {IPV6_RECVPATHMTU, 1},      {IPV6_TRANSPARENT, 1},
		  {IPV6_UNICAST_IF, 0},	      {IPV6_V6ONLY, 1},
		  {IPV6_PATHMTU, 1},	      {120, 1}};
	int s = socket(AF_INET, type, 0), s6 = socket(AF_INET6, type, 0);

	printf("options, type %d\n", type);
	for (unsigned i = 0; i < sizeof(v4) / sizeof(v4[0]); i++)
		set_get(s, SOL_IP, v4[i].name, v4[i].value);
	for (unsigned i = 0; i < sizeof(v6) / sizeof(v6[0]); i++)
		set_get(s6, SOL_IPV6, v6[i].name, v6[i].value);
	set_get(s, SOL_IPV6, IPV6_V6ONLY, 1);
	close(s);
	close(s6);
}

static void lengths(void)
{
	int s = socket(AF_INET, SOCK_DGRAM, 0), s6 = socket(AF_INET6, SOCK_DGRAM, 0), v = 300;
	socklen_t len;

	for (int n = 0; n < 5; n++) {
		printf("length %d: TOS %s, ", n, name_of(setsockopt(s, SOL_IP, IP_TOS, "\7\0\0", (socklen_t)n)));
		printf("TTL %s, ", name_of(setsockopt(s, SOL_IP, IP_TTL, "\7\0\0", (socklen_t)n)));
		printf("TCLASS %s, ", name_of(setsockopt(s6, SOL_IPV6, IPV6_TCLASS, "\7\0\0", (socklen_t)n)));
		printf("DONTFRAG %s, ", name_of(setsockopt(s6, SOL_IPV6, IPV6_DONTFRAG, "\1\0\0", (socklen_t)n)));
		len = (socklen_t)n;
		v = 0;
		printf("get TTL %s", name_of(getsockopt(s, SOL_IP, IP_TTL, &v, &len)));
		printf(" %d, %u\n", v, len);
	}
	close(s);
	close(s6);
}

static void show_datagram(int s, const char *what)
{
	char data[64], control[512];
	struct iovec io = {data, sizeof(data)};
	struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(s, &m, MSG_DONTWAIT);

	printf("%s: %s", what, name_of(n));
	for (struct cmsghdr *h = n < 0 ? NULL : CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
		char text[64];

		printf(" %d/%d(%zu)", h->cmsg_level, h->cmsg_type, (size_t)h->cmsg_len);
		if (h->cmsg_level == SOL_IP && h->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo *p = (void *)CMSG_DATA(h);

			printf(" if %d %s", p->ipi_ifindex, inet_ntop(AF_INET, &p->ipi_spec_dst, text, sizeof(text)));
			printf(" %s", inet_ntop(AF_INET, &p->ipi_addr, text, sizeof(text)));
		} else if (h->cmsg_level == SOL_IPV6 && h->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo *p = (void *)CMSG_DATA(h);

			printf(" if %d %s", p->ipi6_ifindex, inet_ntop(AF_INET6, &p->ipi6_addr, text, sizeof(text)));
		} else {
			printf(" %d", *(unsigned char *)CMSG_DATA(h));
		}
	}
	printf("\n");
}

static ssize_t send_with(int s, const void *to, socklen_t to_len, int level, int type, const void *data, size_t len)
{
	_Alignas(8) char control[128] = {0};
	struct iovec io = {"hello", 5};
	struct msghdr m = {(void *)to, to_len, &io, 1, control, CMSG_SPACE(len), 0};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = level;
	h->cmsg_type = type;
	h->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(h), data, len);
	return sendmsg(s, &m, 0);
}

static void one_control(int from, int to, const void *a, socklen_t len, int level, int type, int v, size_t size)
{
	char what[40];
	ssize_t n = send_with(from, a, len, level, type, &v, size);

	snprintf(what, sizeof(what), "%d/%d = %d (%zu)", level, type, v, size);
	if (n < 0)
		printf("%s: %s\n", what, name_of(n));
	else
		show_datagram(to, what);
}

static void control(void)
{
	static const int names4[] = {IP_PKTINFO, IP_RECVTTL, IP_RECVTOS},
			 names6[] = {IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS};
	static const struct {
		int type, v;
		size_t size;
	} c4[] = {{IP_TTL, 77, 4}, {IP_TTL, 0, 4},   {IP_TTL, 256, 4},	 {IP_TTL, 9, 1}, {IP_TOS, 40, 4},
		  {IP_TOS, 8, 1},  {IP_TOS, 256, 4}, {IP_PKTINFO, 0, 8}, {99, 1, 4}},
	  c6[] = {{IPV6_HOPLIMIT, 55, 4}, {IPV6_HOPLIMIT, -1, 4}, {IPV6_HOPLIMIT, 256, 4},
		  {IPV6_HOPLIMIT, 9, 1},  {IPV6_TCLASS, 48, 4},	  {IPV6_TCLASS, 256, 4},
		  {IPV6_DONTFRAG, 1, 4},  {IPV6_DONTFRAG, 2, 4},  {99, 1, 4}};
	int s4 = socket(AF_INET, SOCK_DGRAM, 0), s6 = socket(AF_INET6, SOCK_DGRAM, 0),
	    r = socket(AF_INET6, SOCK_DGRAM, 0), on;
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6}, mapped;
	struct sockaddr_in a4 = {.sin_family = AF_INET};
	struct in_pktinfo p4 = {0};
	struct in6_pktinfo p6 = {0};
	socklen_t len = sizeof(a6);

	bind(r, (void *)&a6, sizeof(a6));
	getsockname(r, (void *)&a6, &len);
	inet_pton(AF_INET6, "::1", &a6.sin6_addr);
	mapped = a6;
	inet_pton(AF_INET6, "::ffff:127.0.0.5", &mapped.sin6_addr);
	a4.sin_port = a6.sin6_port;
	inet_pton(AF_INET, "127.0.0.5", &a4.sin_addr);
	for (int k = 0; k < 4; k++) {
		for (int i = 0; i < 3; i++) {
			on = k & 1;
			setsockopt(r, SOL_IP, names4[i], &on, sizeof(on));
			on = k >> 1;
			setsockopt(r, SOL_IPV6, names6[i], &on, sizeof(on));
		}
		printf("IPv4's %d, IPv6's %d\n", k & 1, k >> 1);
		sendto(s4, "x", 1, 0, (void *)&a4, sizeof(a4));
		show_datagram(r, "IPv4");
		sendto(s6, "x", 1, 0, (void *)&mapped, sizeof(mapped));
		show_datagram(r, "mapped");
		printf("IPv6 socket to sockaddr_in: %s\n", name_of(sendto(s6, "x", 1, 0, (void *)&a4, sizeof(a4))));
		show_datagram(r, "sockaddr_in");
		sendto(s6, "x", 1, 0, (void *)&a6, sizeof(a6));
		show_datagram(r, "IPv6");
	}
	for (unsigned i = 0; i < sizeof(c4) / sizeof(c4[0]); i++)
		one_control(s4, r, &a4, sizeof(a4), SOL_IP, c4[i].type, c4[i].v, c4[i].size);
	for (unsigned i = 0; i < sizeof(c6) / sizeof(c6[0]); i++)
		one_control(s6, r, &a6, sizeof(a6), SOL_IPV6, c6[i].type, c6[i].v, c6[i].size);
	one_control(s4, r, &a4, sizeof(a4), SOL_IPV6, IPV6_HOPLIMIT, 9, 4);
	one_control(s4, r, &a4, sizeof(a4), SOL_UDP, UDP_SEGMENT, 9, 4);
	one_control(s4, r, &a4, sizeof(a4), SOL_UDP, 1, 9, 2);
	inet_pton(AF_INET, "9.9.9.9", &p4.ipi_spec_dst);
	printf("source not ours: %s\n", name_of(send_with(s4, &a4, sizeof(a4), SOL_IP, IP_PKTINFO, &p4, sizeof(p4))));
	inet_pton(AF_INET6, "2001:db8::9", &p6.ipi6_addr);
	printf("source not ours: %s\n",
	       name_of(send_with(s6, &a6, sizeof(a6), SOL_IPV6, IPV6_PKTINFO, &p6, sizeof(p6))));
	p6 = (struct in6_pktinfo){.ipi6_ifindex = 99};
	printf("no interface: %s\n", name_of(send_with(s6, &a6, sizeof(a6), SOL_IPV6, IPV6_PKTINFO, &p6, sizeof(p6))));
	on = 99;
	setsockopt(s6, SOL_IPV6, IPV6_UNICAST_HOPS, &on, sizeof(on));
	on = 88;
	setsockopt(s6, SOL_IP, IP_TTL, &on, sizeof(on));
	sendto(s6, "x", 1, 0, (void *)&mapped, sizeof(mapped));
	show_datagram(r, "mapped, own TTL");
	sendto(s6, "x", 1, 0, (void *)&a6, sizeof(a6));
	show_datagram(r, "IPv6, own hop limit");
	on = 1;
	printf("V6ONLY after bind: %s\n", name_of(setsockopt(r, SOL_IPV6, IPV6_V6ONLY, &on, sizeof(on))));
	setsockopt(s6 = socket(AF_INET6, SOCK_DGRAM, 0), SOL_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	printf("IPv6 only: send %s, ", name_of(sendto(s6, "x", 1, 0, (void *)&a4, sizeof(a4))));
	printf("connect %s\n", name_of(connect(s6, (void *)&a4, sizeof(a4))));
}

static void segments(void)
{
	static char data[65000];
	int r = socket(AF_INET, SOCK_DGRAM, 0), s = socket(AF_INET, SOCK_DGRAM, 0), size = 1 << 20, n;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);

	setsockopt(r, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	bind(r, (void *)&a, sizeof(a));
	getsockname(r, (void *)&a, &len);
	connect(s, (void *)&a, sizeof(a));
	size = 10;
	setsockopt(s, SOL_UDP, UDP_SEGMENT, &size, sizeof(size));
	for (int i = 0; i < 4; i++) {
		static const size_t lengths[] = {10, 95, 640, 64000};

		printf("segments of 10, %zu: %s,", lengths[i], name_of(send(s, data, lengths[i], 0)));
		for (n = 0; recv(r, data, sizeof(data), MSG_DONTWAIT) >= 0; n++)
			;
		printf(" %d\n", n);
	}
}

int main(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	struct sockaddr_in6 a = {.sin6_family = AF_INET6};

	(void)!ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFFLAGS, &lo);
	options(SOCK_DGRAM);
	options(SOCK_STREAM);
	lengths();
	control();
	segments();
	inet_pton(AF_INET6, "ff02::1", &a.sin6_addr);
	printf("bind ff02::1: %s\n", name_of(bind(socket(AF_INET6, SOCK_DGRAM, 0), (void *)&a, sizeof(a))));
	inet_pton(AF_INET6, "fe80::1", &a.sin6_addr);
	printf("bind fe80::1: %s\n", name_of(bind(socket(AF_INET6, SOCK_DGRAM, 0), (void *)&a, sizeof(a))));
	return 0;
}
