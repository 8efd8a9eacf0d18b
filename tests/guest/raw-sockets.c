// SPDX-License-Identifier: MIT
/*
 * Raw sockets and ping sockets: filters, checksums, headers of our own, names and ports, what is refused, and the error
 * queue. ICMP errors are made by hand: a raw socket sends them to ourselves.
 */
#include "test.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static const char *name_of(long r)
{
	return r >= 0 ? "ok" : strerrorname_np(errno);
}

static struct sockaddr_storage to;
static socklen_t to_len;

static void aim(int family, uint16_t port)
{
	memset(&to, 0, sizeof(to));
	to.ss_family = family;
	to_len = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	((struct sockaddr_in *)&to)->sin_port = htons(port);
	if (family == AF_INET)
		((struct sockaddr_in *)&to)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		((struct sockaddr_in6 *)&to)->sin6_addr = in6addr_loopback;
}

static void option(int s, int level, int name, const void *value, socklen_t len, const char *what)
{
	uint32_t v[10] = {0};
	socklen_t room = sizeof(v);
	int r = setsockopt(s, level, name, value, len);

	printf("  %s %d/%d set %s", what, level, name, name_of(r));
	r = getsockopt(s, level, name, v, &room);
	if (r)
		printf(" get %s\n", name_of(r));
	else
		printf(" get %#x %#x len %u\n", v[0], v[1], room);
}

static void options(void)
{
	static const struct {
		const char *what;
		int family, type, protocol;
	} kinds[] = {{"raw icmp", AF_INET, SOCK_RAW, IPPROTO_ICMP},	  {"raw udp", AF_INET, SOCK_RAW, IPPROTO_UDP},
		     {"ping", AF_INET, SOCK_DGRAM, IPPROTO_ICMP},	  {"raw raw", AF_INET, SOCK_RAW, IPPROTO_RAW},
		     {"raw6 icmp", AF_INET6, SOCK_RAW, IPPROTO_ICMPV6},	  {"raw6 udp", AF_INET6, SOCK_RAW, IPPROTO_UDP},
		     {"raw6 raw", AF_INET6, SOCK_RAW, IPPROTO_RAW},	  {"ping6", AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6},
		     {"UDP6", AF_INET6, SOCK_DGRAM, IPPROTO_UDP}};
	uint32_t filter[8] = {0xdeadbeef, 0x12345678};

	for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
		int s = socket(kinds[i].family, kinds[i].type, kinds[i].protocol), v;

		need(s >= 0);
		option(s, SOL_RAW, 1, filter, sizeof(filter), kinds[i].what);
		option(s, SOL_RAW, 1, filter, 2, kinds[i].what);
		option(s, SOL_ICMPV6, 1, filter, sizeof(filter), kinds[i].what);
		option(s, SOL_IP, IP_HDRINCL, (v = 1, &v), 4, kinds[i].what);
		option(s, SOL_IP, IP_HDRINCL, (v = 0, &v), 4, kinds[i].what);
		for (int k = 0; k < 5; k++) {
			v = (int[]){4, 3, 0, -7, 2}[k];
			option(s, SOL_IPV6, 7, &v, 4, kinds[i].what);
		}
		option(s, SOL_RAW, 7, (v = 2, &v), 4, kinds[i].what);
		option(s, SOL_IPV6, 36, (v = 1, &v), 4, kinds[i].what);
		option(s, SOL_RAW, 99, &v, 4, kinds[i].what);
		close(s);
	}
}

static void show_name(int s, const char *what)
{
	struct sockaddr_in6 a;
	socklen_t len = sizeof(a);
	int r = getsockname(s, (void *)&a, &len);

	printf("  %s: name %s port %d", what, name_of(r), ntohs(a.sin6_port));
	len = sizeof(a);
	r = getpeername(s, (void *)&a, &len);
	printf(", peer %s port %d\n", name_of(r), r ? 0 : ntohs(a.sin6_port));
}

static void names(int family)
{
	int icmp = family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	int r = socket(family, SOCK_RAW, icmp), p = socket(family, SOCK_DGRAM, icmp), q = socket(family, SOCK_DGRAM, icmp);
	struct sockaddr none = {.sa_family = AF_UNSPEC};

	printf("names, family %d\n", family);
	show_name(r, "raw");
	aim(family, 77);
	printf("  bind %s\n", name_of(bind(r, (void *)&to, to_len)));
	show_name(r, "raw bound");
	printf("  connect %s\n", name_of(connect(r, (void *)&to, to_len)));
	show_name(r, "raw connected");
	aim(family, 0);
	printf("  connect to port 0 %s\n", name_of(connect(r, (void *)&to, to_len)));
	show_name(r, "raw connected");
	printf("  disconnect %s\n", name_of(connect(r, &none, sizeof(none))));
	show_name(r, "raw disconnected");
	aim(family, 1234);
	printf("  bind %s", name_of(bind(p, (void *)&to, to_len)));
	printf(", again %s", name_of(bind(p, (void *)&to, to_len)));
	printf(", another %s\n", name_of(bind(q, (void *)&to, to_len)));
	show_name(p, "ping bound");
	show_name(q, "ping");
	close(r);
	close(p);
	close(q);
}

static ssize_t echo(int s, int family, uint16_t id, uint8_t code, size_t len, bool has_name)
{
	uint8_t data[16] = {family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST, code, 0, 0, (uint8_t)(id >> 8), (uint8_t)id, 0, 7, 'p', 'i', 'n', 'g'};

	return sendto(s, data, len, 0, has_name ? (void *)&to : NULL, has_name ? to_len : 0);
}

/* What was sent before has come, or never will: a later packet, over the same interface, is here. */
static void settle(int family)
{
	int s = socket(family, SOCK_DGRAM, 0);
	struct sockaddr_in6 a = {0};
	socklen_t len = sizeof(a);
	char c = 's';

	aim(family, 0);
	need(!bind(s, (void *)&to, to_len) && !getsockname(s, (void *)&a, &len));
	need(sendto(s, &c, 1, 0, (void *)&a, len) == 1 && recv(s, &c, 1, 0) == 1);
	close(s);
}

static void got(int s, int family, const char *what, size_t skip)
{
	uint8_t data[200], control[300];
	struct sockaddr_in6 from = {0};
	struct iovec io = {data, sizeof(data)};
	struct msghdr m = {&from, sizeof(from), &io, 1, control, sizeof(control), 0};
	ssize_t n;

	settle(family);
	n = recvmsg(s, &m, MSG_DONTWAIT);
	printf("  %s: %zd %s", what, n, name_of(n));
	if (n >= (ssize_t)(skip + 8)) {
		uint8_t *d = data + skip;

		printf(" type %d code %d id %d seq %d '%.*s' port %d", d[0], d[1], d[4] << 8 | d[5], d[6] << 8 | d[7], (int)(n - skip - 8), d + 8,
		       ntohs(from.sin6_port));
		for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h))
			printf(" %d/%d(%zu)", h->cmsg_level, h->cmsg_type, (size_t)h->cmsg_len);
	}
	printf("\n");
}

static void nothing(int s, const char *what)
{
	uint8_t data[100];
	ssize_t n = recv(s, data, sizeof(data), MSG_DONTWAIT);

	printf("  %s: %zd %s\n", what, n, name_of(n));
}

static void pings(int family)
{
	int p = socket(family, SOCK_DGRAM, family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6), on = 1;

	printf("ping, family %d\n", family);
	aim(family, 0x1234);
	need(!bind(p, (void *)&to, to_len));
	aim(family, 0);
	setsockopt(p, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof(on));
	setsockopt(p, SOL_IP, IP_RECVTTL, &on, sizeof(on));
	setsockopt(p, SOL_IP, IP_PKTINFO, &on, sizeof(on));
	setsockopt(p, SOL_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof(on));
	setsockopt(p, SOL_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
	printf("  no destination %s\n", name_of(echo(p, family, 1, 0, 12, false)));
	printf("  too short %s\n", name_of(echo(p, family, 1, 0, 7, true)));
	printf("  code %s\n", name_of(echo(p, family, 1, 1, 12, true)));
	printf("  sent %s\n", name_of(echo(p, family, 1, 0, 12, true)));
	got(p, family, "answer", 0);
	printf("  connect %s\n", name_of(connect(p, (void *)&to, to_len)));
	printf("  sent %s\n", name_of(echo(p, family, 1, 0, 8, false)));
	got(p, family, "answer", 0);
	printf("  out of band %s\n", name_of(send(p, "x", 1, MSG_OOB)));
	printf("  errors %s\n", name_of(recv(p, &on, sizeof(on), MSG_ERRQUEUE | MSG_DONTWAIT)));
	close(p);
}

static uint16_t sum(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t s = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		s += p[i] << 8 | p[i + 1];
	s = (s & 0xffff) + (s >> 16);
	return htons((uint16_t)~((s & 0xffff) + (s >> 16)));
}

/* "Port unreachable" about a packet of 127.0.0.1 to itself. */
static void unreachable4(uint8_t code, uint8_t protocol, const void *quote, size_t len)
{
	int r = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	struct {
		struct icmphdr icmp;
		struct iphdr ip;
		uint8_t quote[32];
	} e = {.icmp = {.type = ICMP_DEST_UNREACH, .code = code},
	       .ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = protocol, .saddr = htonl(INADDR_LOOPBACK), .daddr = htonl(INADDR_LOOPBACK)}};

	memcpy(e.quote, quote, len);
	e.ip.tot_len = htons((uint16_t)(20 + len));
	e.ip.check = sum(&e.ip, 20);
	e.icmp.checksum = sum(&e, 28 + len);
	aim(AF_INET, 0);
	need(sendto(r, &e, 28 + len, 0, (void *)&to, to_len) > 0);
	close(r);
}

static void unreachable6(uint8_t code, uint8_t protocol, const void *quote, size_t len)
{
	int r = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
	uint8_t e[8 + 40 + 32] = {1, code, 0, 0, 0, 0, 0, 0, 0x60, 0, 0, 0, 0, (uint8_t)len, protocol, 64};

	e[8 + 8 + 15] = e[8 + 24 + 15] = 1;
	memcpy(e + 48, quote, len);
	aim(AF_INET6, 0);
	need(sendto(r, e, 48 + len, 0, (void *)&to, to_len) > 0);
	close(r);
}

static void queue(int s)
{
	uint8_t data[200], control[300];
	struct sockaddr_in6 from = {0};
	struct iovec io = {data, sizeof(data)};
	struct msghdr m = {&from, sizeof(from), &io, 1, control, sizeof(control), 0};
	ssize_t n;

	n = recvmsg(s, &m, MSG_ERRQUEUE | MSG_DONTWAIT);
	printf("  queue: %zd %s", n, name_of(n));
	if (n > 0)
		printf(" first %d flags %#x family %d port %d", data[0], m.msg_flags, from.sin6_family, ntohs(from.sin6_port));
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); n >= 0 && h; h = CMSG_NXTHDR(&m, h)) {
		const uint32_t *e = (void *)CMSG_DATA(h);
		const uint8_t *b = (void *)CMSG_DATA(h);

		printf(" %d/%d(%zu) %s origin %d type %d code %d", h->cmsg_level, h->cmsg_type, (size_t)h->cmsg_len, strerrorname_np((int)e[0]), b[4], b[5],
		       b[6]);
	}
	printf("\n");
}

static void error_of(int s)
{
	int v = -1;
	socklen_t len = sizeof(v);

	getsockopt(s, SOL_SOCKET, SO_ERROR, &v, &len);
	printf("  SO_ERROR %d\n", v);
}

static void errors(int family, int type, bool is_connected, bool asks)
{
	int icmp = family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6, s = socket(family, type, icmp), on = 1;
	uint8_t quote[12] = {family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST, 0, 0, 0, 0x43, 0x21, 0, 1, 'a', 'b', 'c', 'd'};
	uint8_t all[32] = {0xff};

	printf("errors, family %d type %d%s%s\n", family, type, is_connected ? " connected" : "", asks ? " asked for" : "");
	aim(family, 0x4321);
	memset(all, 0xff, sizeof(all));
	if (type == SOCK_RAW)
		setsockopt(s, family == AF_INET ? SOL_RAW : SOL_ICMPV6, 1, all, sizeof(all));
	need(!bind(s, (void *)&to, to_len));
	if (is_connected)
		need(!connect(s, (void *)&to, to_len));
	if (asks)
		setsockopt(s, family == AF_INET ? SOL_IP : SOL_IPV6, family == AF_INET ? IP_RECVERR : IPV6_RECVERR, &on, sizeof(on));
	for (int hard = 0; hard < 2; hard++) {
		if (family == AF_INET)
			unreachable4(hard ? 3 : 1, (uint8_t)icmp, quote, sizeof(quote));
		else
			unreachable6(hard ? 4 : 0, (uint8_t)icmp, quote, sizeof(quote));
		settle(family);
		error_of(s);
		queue(s);
		error_of(s);
	}
	quote[4]++; /* another's */
	if (family == AF_INET)
		unreachable4(3, type == SOCK_RAW ? IPPROTO_UDP : IPPROTO_ICMP, quote, sizeof(quote));
	else
		unreachable6(4, type == SOCK_RAW ? IPPROTO_UDP : IPPROTO_ICMPV6, quote, sizeof(quote));
	settle(family);
	error_of(s);
	close(s);
}

static void headers(void)
{
	int s = socket(AF_INET, SOCK_RAW, IPPROTO_RAW), r = socket(AF_INET, SOCK_RAW, 200), v = 1;
	struct {
		struct iphdr ip;
		char data[12];
	} p = {.ip = {.version = 4, .ihl = 5, .ttl = 9, .protocol = 200, .daddr = htonl(INADDR_LOOPBACK)}, .data = "12345678abc"};
	uint8_t in[100];
	static uint8_t big[70000];
	ssize_t n;

	printf("headers\n");
	aim(AF_INET, 0);
	printf("  short %s\n", name_of(sendto(s, &p, 19, 0, (void *)&to, to_len)));
	p.ip.ihl = 15;
	printf("  length of header %s\n", name_of(sendto(s, &p, sizeof(p), 0, (void *)&to, to_len)));
	p.ip.ihl = 5;
	printf("  empty %s\n", name_of(sendto(s, NULL, 0, 0, (void *)&to, to_len)));
	printf("  too long %s %s\n", name_of(sendto(s, big, 65536, 0, (void *)&to, to_len)), name_of(sendto(r, big, 65536, 0, (void *)&to, to_len)));
	printf("  nowhere %s\n", name_of(send(r, "x", 1, 0)));
	printf("  sent %s\n", name_of(sendto(s, &p, sizeof(p), 0, (void *)&to, to_len)));
	n = recv(r, in, sizeof(in), 0);
	printf("  got %zd ttl %d protocol %d length %d sum %d from %d '%.12s'\n", n, in[8], in[9], in[2] << 8 | in[3], sum(in, 20), in[12], in + 20);
	setsockopt(r, SOL_IP, IP_TTL, (v = 33, &v), sizeof(v));
	printf("  without %s\n", name_of(sendto(r, "hello", 5, 0, (void *)&to, to_len)));
	n = recv(r, in, sizeof(in), 0);
	printf("  got %zd ttl %d protocol %d '%.5s'\n", n, in[8], in[9], in + 20);
	nothing(s, "for IPPROTO_RAW nothing comes");
	close(s);
	close(r);
}

static void sums(void)
{
	int a = socket(AF_INET6, SOCK_RAW, 200), b = socket(AF_INET6, SOCK_RAW, 200), v;
	uint8_t in[100];
	ssize_t n;

	printf("checksums\n");
	aim(AF_INET6, 0);
	setsockopt(a, SOL_IPV6, 7, (v = 2, &v), sizeof(v));
	printf("  too short %s\n", name_of(sendto(a, "abc", 3, 0, (void *)&to, to_len)));
	printf("  filled in %s\n", name_of(sendto(a, "ab..cd", 6, 0, (void *)&to, to_len)));
	n = recv(b, in, sizeof(in), 0);
	printf("  got %zd %02x%02x%02x%02x%02x%02x\n", n, in[0], in[1], in[2], in[3], in[4], in[5]);
	n = recv(a, in, sizeof(in), 0);
	printf("  got %zd\n", n);
	printf("  wrong %s\n", name_of(sendto(b, "abcdef", 6, 0, (void *)&to, to_len)));
	n = recv(b, in, sizeof(in), 0);
	printf("  got %zd\n", n);
	nothing(a, "who checks");
	aim(AF_INET6, 201);
	printf("  another protocol %s\n", name_of(sendto(a, "abcdef", 6, 0, (void *)&to, to_len)));
	aim(AF_INET6, 200);
	printf("  its own %s\n", name_of(sendto(a, "abcdef", 6, 0, (void *)&to, to_len)));
	close(a);
	close(b);
}

static void filters(int family)
{
	int r = socket(family, SOCK_RAW, family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	uint32_t f[8];

	printf("filters, family %d\n", family);
	memset(f, 0, sizeof(f));
	aim(family, 0);
	if (family == AF_INET) /* a bit set: not this type */
		f[0] = 1u << ICMP_ECHO;
	else
		f[ICMP6_ECHO_REQUEST / 32] = 1u << (ICMP6_ECHO_REQUEST % 32);
	need(!setsockopt(r, family == AF_INET ? SOL_RAW : SOL_ICMPV6, 1, f, sizeof(f)));
	echo(r, family, 99, 0, 12, true);
	got(r, family, "only the answer", family == AF_INET ? 20 : 0);
	nothing(r, "no more");
	close(r);
}

int main(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int f = open("/proc/sys/net/ipv4/ping_group_range", O_WRONLY);

	setvbuf(stdout, NULL, _IOLBF, 0);
	(void)!ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFFLAGS, &lo);
	(void)!write(f, "0 1000", 6);
	close(f);
	options();
	for (int i = 0; i < 2; i++) {
		int family = i ? AF_INET6 : AF_INET;

		names(family);
		pings(family);
		filters(family);
		for (int k = 0; k < 8; k++)
			errors(family, k & 4 ? SOCK_RAW : SOCK_DGRAM, k & 2, k & 1);
	}
	headers();
	sums();
	return 0;
}
