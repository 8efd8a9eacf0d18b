// SPDX-License-Identifier: MIT
/*
 * Raw sockets of TCP and UDP: what they see of others, the error queue of IP_RECVERR and
 * IPV6_RECVERR when a port of UDP has nobody, what a socket that did not ask hears. Ping sockets
 * that are not bound: the address that connect(2) chooses, and errors that another program forges.
 * The rest of raw sockets is in raw-sockets.c.
 */
#include "test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define NOBODY		9	/* a port: discard */

static uint16_t sum_of(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] | (uint32_t)p[i + 1] << 8;
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~(sum + (sum >> 16));
}

static void show_error(const char *what, int s)
{
	char data[64], control[256], text[INET6_ADDRSTRLEN];
	struct sockaddr_in6 name = { 0 };
	struct iovec io = { data, sizeof(data) };
	struct msghdr m = { &name, sizeof(name), &io, 1, control, sizeof(control), 0 };
	ssize_t n = recvmsg(s, &m, MSG_ERRQUEUE);
	struct cmsghdr *h = n < 0 ? NULL : CMSG_FIRSTHDR(&m);
	uint32_t *e = h ? (void *)CMSG_DATA(h) : NULL;
	uint8_t *b = (void *)e;
	struct sockaddr_in *v4 = (void *)(b + 16);
	struct sockaddr_in6 *v6 = (void *)(b + 16);

	if (n < 0) {
		show("%s: queue: %s", what, strerrorname_np(errno));
		return;
	}
	need(h);
	show("%s: queue: %zd bytes, flags %#x, family %d, %d/%d: %s, origin %d, type %d, code %d, from %s", what, n, m.msg_flags, name.sin6_family, h->cmsg_level, h->cmsg_type,
	     strerrorname_np((int)e[0]), b[4], b[5], b[6],
	     inet_ntop(v4->sin_family, v4->sin_family == AF_INET ? (void *)&v4->sin_addr : (void *)&v6->sin6_addr, text, sizeof(text)));
}

static void show_pending(const char *what, int s)
{
	struct pollfd p = { .fd = s, .events = POLLIN };
	int e = 0, n = poll(&p, 1, 0);
	socklen_t len = sizeof(e);

	need(!getsockopt(s, SOL_SOCKET, SO_ERROR, &e, &len));
	show("%s: poll %d, error %d, pending %s", what, n, p.revents & POLLERR ? 1 : 0, e ? strerrorname_np(e) : "none");
}

/* What a raw socket of this protocol sees until it has seen these 4 bytes at the end of a packet. */
static void show_until(const char *what, int s, const char *last)
{
	uint8_t data[256];
	struct pollfd p = { .fd = s, .events = POLLIN };
	struct sockaddr_in6 from = { 0 };
	socklen_t len = sizeof(from);
	ssize_t n;

	do {
		need(poll(&p, 1, 20000) == 1);
		n = recvfrom(s, data, sizeof(data), 0, (void *)&from, &len);
		need(n >= 8);
	} while (memcmp(data + n - 4, last, 4));
	if (from.sin6_family == AF_INET)
		show("%s: protocol %d, %d bytes", what, data[9], data[2] << 8 | data[3]);
	else
		show("%s: %zd bytes", what, n);
}

/* Raw sockets see what passes between others, also on connections that are older than they. */
static void show_seen(int family, int type)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr *to = family == AF_INET ? (void *)&in : (void *)&in6;
	socklen_t len = family == AF_INET ? sizeof(in) : sizeof(in6);
	int a = socket(family, type, 0), b = socket(family, type, 0), c = b, raw;
	char got[4], what[64];

	snprintf(what, sizeof(what), "%s, IPv%d", type == SOCK_STREAM ? "TCP" : "UDP", family == AF_INET ? 4 : 6);
	need(a >= 0 && b >= 0 && !bind(b, to, len) && !getsockname(b, to, &len));
	need(type != SOCK_STREAM || !listen(b, 1));
	need(!connect(a, to, len));
	if (type == SOCK_STREAM)
		need((c = accept(b, NULL, NULL)) >= 0);
	need(send(a, "miss", 4, 0) == 4 && recv(c, got, sizeof(got), 0) == 4);
	raw = socket(family, SOCK_RAW, type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP);
	need(raw >= 0);
	need(send(a, "here", 4, 0) == 4);
	show_until(what, raw, "here");
	check("arrived", recv(c, got, sizeof(got), 0) == 4 && !memcmp(got, "here", 4));
	close(raw);
	need(send(a, "more", 4, 0) == 4);
	check("arrived without", recv(c, got, sizeof(got), 0) == 4 && !memcmp(got, "more", 4));
	close(a);
	close(b);
	if (c != b)
		close(c);
}

/* A raw socket sends a datagram of UDP to nobody. */
static void show_raw(int family, bool asks, bool connects)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr *to = family == AF_INET ? (void *)&in : (void *)&in6;
	socklen_t len = family == AF_INET ? sizeof(in) : sizeof(in6);
	struct { struct udphdr h; char data[4]; } d = { .h = { .source = htons(7), .dest = htons(NOBODY), .len = htons(12) }, .data = "data" };
	int s = socket(family, SOCK_RAW, IPPROTO_UDP), one = 1, at = 6;
	char what[64];

	snprintf(what, sizeof(what), "raw, IPv%d%s%s", family == AF_INET ? 4 : 6, asks ? ", asks" : "", connects ? ", connected" : "");
	need(s >= 0);
	if (family == AF_INET6)
		need(!setsockopt(s, IPPROTO_IPV6, IPV6_CHECKSUM, &at, sizeof(at)));
	if (asks)
		need(!setsockopt(s, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6, family == AF_INET ? IP_RECVERR : IPV6_RECVERR, &one, sizeof(one)));
	if (connects)
		need(!connect(s, to, len));
	show_error(what, s);
	need(sendto(s, &d, sizeof(d), 0, to, len) == sizeof(d));
	show_pending(what, s);
	show_error(what, s);
	show_error(what, s);
	close(s);
}

/* A ping socket, and a message about what it has sent that somebody forges. */
static void show_ping(bool asks)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct { struct icmphdr h; struct iphdr ip; struct icmphdr echo; } lie = { .h = { .type = ICMP_DEST_UNREACH, .code = ICMP_HOST_UNREACH } };
	const char *what = asks ? "ping, asks" : "ping, connected";
	int forger = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), s, one = 1, range = open("/proc/sys/net/ipv4/ping_group_range", O_WRONLY);
	struct icmphdr echo = { .type = ICMP_ECHO };
	socklen_t len = sizeof(to);
	char buf[64];

	if (range >= 0)
		need(write(range, "0 0", 3) == 3);
	close(range);
	s = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	need(forger >= 0 && s >= 0);
	if (asks)
		need(!setsockopt(s, IPPROTO_IP, IP_RECVERR, &one, sizeof(one)));
	need(!connect(s, (void *)&to, len) && send(s, &echo, sizeof(echo), 0) == sizeof(echo));
	check("the answer", recv(s, buf, sizeof(buf), 0) == sizeof(echo));
	need(!getsockname(s, (void *)&to, &len));
	lie.ip = (struct iphdr){ .version = 4, .ihl = 5, .tot_len = htons(28), .ttl = 1, .protocol = IPPROTO_ICMP, .saddr = htonl(INADDR_LOOPBACK), .daddr = htonl(INADDR_LOOPBACK) };
	lie.ip.check = sum_of(&lie.ip, sizeof(lie.ip));
	lie.echo.type = ICMP_ECHO;
	lie.echo.un.echo.id = to.sin_port;
	lie.h.checksum = sum_of(&lie, sizeof(lie));
	check("its address", to.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	to.sin_port = 0;
	need(sendto(forger, &lie, sizeof(lie), 0, (void *)&to, sizeof(to)) == sizeof(lie));
	show_pending(what, s);
	show_error(what, s);
	show_error(what, s);
	close(s);
	close(forger);
}

/* A machine that has just started may not have done it. */
static void set_up(void)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	(void)!ioctl(s, SIOCSIFFLAGS, &r);
	close(s);
}

int main(void)
{
	set_up();
	for (int i = 0; i < 4; i++)
		show_seen(i & 1 ? AF_INET6 : AF_INET, i & 2 ? SOCK_STREAM : SOCK_DGRAM);
	for (int i = 0; i < 4; i++) {
		show_raw(AF_INET, i & 1, i & 2);
		show_raw(AF_INET6, i & 1, i & 2);
	}
	show_ping(true);
	show_ping(false);
	return test_end();
}
