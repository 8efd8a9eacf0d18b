// SPDX-License-Identifier: MIT
/*
 * Classic BPF filters of sockets: what the checker refuses, what programs compute, what a filter of each kind of socket sees, and that a packet is cut to what the program returns.
 */
#include "test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#define MAX_INSNS	8
#define ALL		0xffffffffu

struct program {
	const char *name;
	struct sock_filter insns[MAX_INSNS];
	int nr;
};

#define S	BPF_STMT
#define J	BPF_JUMP
#define KEEP	S(BPF_RET | BPF_K, ALL)
#define DROP	S(BPF_RET | BPF_K, 0)
#define LD_AD(what)	S(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + (what))
/* A is v: keep, else drop. */
#define EXPECT(v)	J(BPF_JMP | BPF_JEQ | BPF_K, (v), 0, 1), KEEP, DROP
#define PROGRAM(name, ...)	{ name, { __VA_ARGS__ }, sizeof((struct sock_filter[]){ __VA_ARGS__ }) / sizeof(struct sock_filter) }

static int attach(int s, const struct sock_filter *insns, int nr)
{
	struct sock_fprog p = { .len = (unsigned short)nr, .filter = (struct sock_filter *)insns };

	return setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p));
}

static int detach(int s)
{
	int zero = 0;

	return setsockopt(s, SOL_SOCKET, SO_DETACH_FILTER, &zero, sizeof(zero));
}

static const struct program checked[] = {
	PROGRAM("keep", KEEP),
	PROGRAM("return A", S(BPF_RET | BPF_A, 0)),
	PROGRAM("return X", S(BPF_RET | BPF_X, 0)),
	PROGRAM("no return", S(BPF_LD | BPF_IMM, 1)),
	PROGRAM("return first", KEEP, S(BPF_LD | BPF_IMM, 1)),
	PROGRAM("unknown class bits", S(0x100 | BPF_RET, 0), KEEP),
	PROGRAM("unknown operation", S(BPF_ALU | 0xb0, 1), KEEP),
	PROGRAM("unknown mode", S(BPF_LD | 0xc0, 1), KEEP),
	PROGRAM("size 3", S(BPF_LD | BPF_ABS | 0x18, 0), KEEP),
	PROGRAM("half immediate", S(BPF_LD | BPF_H | BPF_IMM, 0), KEEP),
	PROGRAM("ldx absolute", S(BPF_LDX | BPF_W | BPF_ABS, 0), KEEP),
	PROGRAM("ldx word msh", S(BPF_LDX | BPF_W | BPF_MSH, 0), KEEP),
	PROGRAM("ld byte msh", S(BPF_LD | BPF_B | BPF_MSH, 0), KEEP),
	PROGRAM("ldx length", S(BPF_LDX | BPF_W | BPF_LEN, 0), KEEP),
	PROGRAM("division by 0", S(BPF_ALU | BPF_DIV | BPF_K, 0), KEEP),
	PROGRAM("modulo 0", S(BPF_ALU | BPF_MOD | BPF_K, 0), KEEP),
	PROGRAM("division by X", S(BPF_ALU | BPF_DIV | BPF_X, 0), KEEP),
	PROGRAM("shift 31", S(BPF_ALU | BPF_LSH | BPF_K, 31), KEEP),
	PROGRAM("shift 32", S(BPF_ALU | BPF_LSH | BPF_K, 32), KEEP),
	PROGRAM("shift right 32", S(BPF_ALU | BPF_RSH | BPF_K, 32), KEEP),
	PROGRAM("neg with X", S(BPF_ALU | BPF_NEG | BPF_X, 0), KEEP),
	PROGRAM("memory 15", S(BPF_ST, 15), S(BPF_LD | BPF_MEM, 15), KEEP),
	PROGRAM("memory 16", S(BPF_ST, 16), KEEP),
	PROGRAM("memory not written", S(BPF_LD | BPF_MEM, 0), KEEP),
	PROGRAM("memory of stx", S(BPF_STX, 3), S(BPF_LDX | BPF_MEM, 3), KEEP),
	PROGRAM("memory written on one way", J(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), S(BPF_ST, 0), S(BPF_LD | BPF_MEM, 0), KEEP),
	PROGRAM("memory written on both", J(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2), S(BPF_ST, 0), J(BPF_JMP | BPF_JA, 1, 0, 0), S(BPF_ST, 0), S(BPF_LD | BPF_MEM, 0), KEEP),
	PROGRAM("jump to the last", J(BPF_JMP | BPF_JA, 1, 0, 0), DROP, KEEP),
	PROGRAM("jump out", J(BPF_JMP | BPF_JA, 2, 0, 0), DROP, KEEP),
	PROGRAM("jump far out", J(BPF_JMP | BPF_JA, 0xffffffff, 0, 0), DROP, KEEP),
	PROGRAM("true out", J(BPF_JMP | BPF_JEQ | BPF_K, 0, 2, 0), DROP, KEEP),
	PROGRAM("false out", J(BPF_JMP | BPF_JSET | BPF_X, 0, 0, 2), DROP, KEEP),
	PROGRAM("jne", J(BPF_JMP | 0x50, 0, 0, 0), KEEP),
	PROGRAM("ancillary 60", LD_AD(SKF_AD_VLAN_TPID), KEEP),
	PROGRAM("ancillary 64", LD_AD(64), KEEP),
	PROGRAM("ancillary 2", LD_AD(2), KEEP),
	PROGRAM("ancillary byte", S(BPF_LD | BPF_B | BPF_ABS, SKF_AD_OFF + SKF_AD_CPU), KEEP),
	PROGRAM("misc 0x40", S(BPF_MISC | 0x40, 0), KEEP),
};

/* Each is asked about the datagram "abcdefgh" from port 1000 of 127.0.0.1. */
static const struct program run[] = {
	PROGRAM("cut to 12", S(BPF_RET | BPF_K, 12)),
	PROGRAM("cut to 8", S(BPF_RET | BPF_K, 8)),
	PROGRAM("cut to 1", S(BPF_RET | BPF_K, 1)),
	PROGRAM("cut to A", S(BPF_LD | BPF_IMM, 10), S(BPF_RET | BPF_A, 0)),
	PROGRAM("drop", DROP),
	PROGRAM("length", S(BPF_LD | BPF_W | BPF_LEN, 0), EXPECT(16)),
	PROGRAM("length in X", S(BPF_LDX | BPF_W | BPF_LEN, 0), S(BPF_MISC | BPF_TXA, 0), EXPECT(16)),
	PROGRAM("word", S(BPF_LD | BPF_W | BPF_ABS, 8), EXPECT(0x61626364)),
	PROGRAM("half", S(BPF_LD | BPF_H | BPF_ABS, 9), EXPECT(0x6263)),
	PROGRAM("byte", S(BPF_LD | BPF_B | BPF_ABS, 15), EXPECT('h')),
	PROGRAM("source port", S(BPF_LD | BPF_H | BPF_ABS, 0), EXPECT(1000)),
	PROGRAM("length of UDP", S(BPF_LD | BPF_H | BPF_ABS, 4), EXPECT(16)),
	PROGRAM("word over the end", S(BPF_LD | BPF_W | BPF_ABS, 13), KEEP),
	PROGRAM("byte behind the end", S(BPF_LD | BPF_B | BPF_ABS, 16), KEEP),
	PROGRAM("byte far behind", S(BPF_LD | BPF_B | BPF_ABS, 0x7fffffff), KEEP),
	PROGRAM("nowhere", S(BPF_LD | BPF_B | BPF_ABS, 0x80000000), KEEP),
	PROGRAM("indirect", S(BPF_LDX | BPF_IMM, 9), S(BPF_LD | BPF_B | BPF_IND, 2), EXPECT('d')),
	PROGRAM("indirect, back", S(BPF_LDX | BPF_IMM, 9), S(BPF_LD | BPF_B | BPF_IND, -1), EXPECT('a')),
	PROGRAM("indirect, before", S(BPF_LDX | BPF_IMM, 0), S(BPF_LD | BPF_B | BPF_IND, -1), KEEP),
	PROGRAM("indirect, behind", S(BPF_LDX | BPF_IMM, 14), S(BPF_LD | BPF_H | BPF_IND, 1), KEEP),
	PROGRAM("msh", S(BPF_LDX | BPF_B | BPF_MSH, 8), S(BPF_MISC | BPF_TXA, 0), EXPECT(4)),
	PROGRAM("msh behind", S(BPF_LDX | BPF_B | BPF_MSH, 16), KEEP),
	PROGRAM("network: protocol", S(BPF_LD | BPF_B | BPF_ABS, SKF_NET_OFF + 9), EXPECT(17)),
	PROGRAM("network: payload", S(BPF_LD | BPF_W | BPF_ABS, SKF_NET_OFF + 28), EXPECT(0x61626364)),
	PROGRAM("network: behind", S(BPF_LD | BPF_W | BPF_ABS, SKF_NET_OFF + 33), KEEP),
	PROGRAM("network: msh", S(BPF_LDX | BPF_B | BPF_MSH, SKF_NET_OFF), S(BPF_MISC | BPF_TXA, 0), EXPECT(20)),
	PROGRAM("protocol", LD_AD(SKF_AD_PROTOCOL), EXPECT(0x800)),
	PROGRAM("packet type", LD_AD(SKF_AD_PKTTYPE), EXPECT(0)),
	PROGRAM("interface", LD_AD(SKF_AD_IFINDEX), EXPECT(1)),
	PROGRAM("hardware", LD_AD(SKF_AD_HATYPE), EXPECT(772)),
	PROGRAM("mark", LD_AD(SKF_AD_MARK), EXPECT(0)),
	PROGRAM("vlan", LD_AD(SKF_AD_VLAN_TAG_PRESENT), EXPECT(0)),
	PROGRAM("random", LD_AD(SKF_AD_RANDOM), KEEP),
	PROGRAM("xor x", S(BPF_LD | BPF_IMM, 5), S(BPF_LDX | BPF_IMM, 6), LD_AD(SKF_AD_ALU_XOR_X), EXPECT(3)),
	PROGRAM("memory", S(BPF_LD | BPF_IMM, 7), S(BPF_ST, 4), S(BPF_LD | BPF_IMM, 0), S(BPF_LD | BPF_MEM, 4), EXPECT(7)),
	PROGRAM("x in memory", S(BPF_LDX | BPF_IMM, 7), S(BPF_STX, 4), S(BPF_LDX | BPF_IMM, 0), S(BPF_LD | BPF_MEM, 4), EXPECT(7)),
	PROGRAM("sum", S(BPF_LD | BPF_IMM, 0xfffffffe), S(BPF_ALU | BPF_ADD | BPF_K, 5), EXPECT(3)),
	PROGRAM("difference", S(BPF_LD | BPF_IMM, 3), S(BPF_ALU | BPF_SUB | BPF_K, 5), EXPECT(0xfffffffe)),
	PROGRAM("product", S(BPF_LD | BPF_IMM, 0x10000), S(BPF_ALU | BPF_MUL | BPF_K, 0x10003), EXPECT(0x30000)),
	PROGRAM("quotient", S(BPF_LD | BPF_IMM, 0xffffffff), S(BPF_ALU | BPF_DIV | BPF_K, 16), EXPECT(0xfffffff)),
	PROGRAM("rest", S(BPF_LD | BPF_IMM, 0xffffffff), S(BPF_ALU | BPF_MOD | BPF_K, 10), EXPECT(5)),
	PROGRAM("quotient of X 0", S(BPF_LDX | BPF_IMM, 0), S(BPF_ALU | BPF_DIV | BPF_X, 0), KEEP),
	PROGRAM("rest of X 0", S(BPF_LDX | BPF_IMM, 0), S(BPF_ALU | BPF_MOD | BPF_X, 0), KEEP),
	PROGRAM("and or xor", S(BPF_LD | BPF_IMM, 0xf0f), S(BPF_ALU | BPF_AND | BPF_K, 0xff), S(BPF_ALU | BPF_OR | BPF_K, 0x30), S(BPF_ALU | BPF_XOR | BPF_K, 1), EXPECT(0x3e)),
	PROGRAM("shifts", S(BPF_LD | BPF_IMM, 0x80000001), S(BPF_ALU | BPF_LSH | BPF_K, 1), S(BPF_ALU | BPF_RSH | BPF_K, 1), EXPECT(1)),
	PROGRAM("negative", S(BPF_LD | BPF_IMM, 1), S(BPF_ALU | BPF_NEG, 0), EXPECT(0xffffffff)),
	PROGRAM("unsigned greater", S(BPF_LD | BPF_IMM, 0xffffffff), J(BPF_JMP | BPF_JGT | BPF_K, 1, 0, 1), KEEP, DROP),
	PROGRAM("not greater", S(BPF_LD | BPF_IMM, 1), J(BPF_JMP | BPF_JGT | BPF_K, 1, 0, 1), KEEP, DROP),
	PROGRAM("greater or equal X", S(BPF_LD | BPF_IMM, 1), S(BPF_LDX | BPF_IMM, 1), J(BPF_JMP | BPF_JGE | BPF_X, 0, 0, 1), KEEP, DROP),
	PROGRAM("bits", S(BPF_LD | BPF_IMM, 6), J(BPF_JMP | BPF_JSET | BPF_K, 9, 0, 1), KEEP, DROP),
	PROGRAM("jump", J(BPF_JMP | BPF_JA, 1, 0, 0), DROP, KEEP),
};

static void show_checks(void)
{
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	for (unsigned i = 0; i < ARRAY_LEN(checked); i++)
		show("%s: %s", checked[i].name, attach(s, checked[i].insns, checked[i].nr) ? strerrorname_np(errno) : "taken");
	check("detach", !detach(s));
	check_errno("detach again", detach(s), ENOENT);
	check_errno("no instructions", attach(s, checked[0].insns, 0), EINVAL);
	check_errno("no address", attach(s, NULL, 1), EINVAL);
	check_errno("bad address", attach(s, (void *)8, 1), EFAULT);
	check_errno("short structure", setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &s, sizeof(s)), EINVAL);
	close(s);
}

static void show_get_and_lock(void)
{
	struct sock_filter in[4] = { S(BPF_LD | BPF_W | BPF_LEN, 0), EXPECT(16) }, out[4] = { 0 };
	int s = socket(AF_INET, SOCK_DGRAM, 0), one = 1, zero = 0, value;
	socklen_t len = 0;

	check("get none", !getsockopt(s, SOL_SOCKET, SO_GET_FILTER, out, &len) && !len);
	check("attach", !attach(s, in, 4));
	check("count", !getsockopt(s, SOL_SOCKET, SO_GET_FILTER, NULL, &len) && len == 4);
	len = 3;
	check_errno("no room", getsockopt(s, SOL_SOCKET, SO_GET_FILTER, out, &len), EINVAL);
	len = 100;
	check("get", !getsockopt(s, SOL_SOCKET, SO_GET_FILTER, out, &len) && len == 4 && !memcmp(in, out, sizeof(in)));
	len = 4;
	check_errno("bad address", getsockopt(s, SOL_SOCKET, SO_GET_FILTER, (void *)8, &len), EFAULT);
	len = sizeof(value);
	check_errno("detach is not read", getsockopt(s, SOL_SOCKET, SO_DETACH_FILTER, &value, &len), ENOPROTOOPT);
	len = sizeof(value);
	check("extensions", !getsockopt(s, SOL_SOCKET, SO_BPF_EXTENSIONS, &value, &len) && value == 64);
	check("lock", !setsockopt(s, SOL_SOCKET, SO_LOCK_FILTER, &one, sizeof(one)));
	check_errno("attach to a locked one", attach(s, in, 4), EPERM);
	check_errno("detach from a locked one", detach(s), EPERM);
	check_errno("unlock", setsockopt(s, SOL_SOCKET, SO_LOCK_FILTER, &zero, sizeof(zero)), EPERM);
	close(s);
}

static void show_udp(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) }, from = to;
	int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t len = sizeof(to);
	char buf[16];

	from.sin_port = htons(1000);
	need(!bind(a, (void *)&to, sizeof(to)) && !bind(b, (void *)&from, sizeof(from)));
	need(!getsockname(a, (void *)&to, &len) && !connect(b, (void *)&to, sizeof(to)));
	for (unsigned i = 0; i < ARRAY_LEN(run); i++) {
		ssize_t n;

		need(!attach(a, run[i].insns, run[i].nr));
		need(send(b, "abcdefgh", 8, 0) == 8);
		n = recv(a, buf, sizeof(buf), MSG_DONTWAIT);
		if (n < 0)
			show("%s: dropped", run[i].name);
		else
			show("%s: %zd", run[i].name, n);
	}
	check("detach", !detach(a));
	check("all again", send(b, "abcdefgh", 8, 0) == 8 && recv(a, buf, sizeof(buf), MSG_DONTWAIT) == 8);
	close(a);
	close(b);
}

static void show_udp6(void)
{
	static const struct sock_filter next_is_udp[] = { S(BPF_LD | BPF_B | BPF_ABS, SKF_NET_OFF + 6), J(BPF_JMP | BPF_JEQ | BPF_K, 17, 0, 1), S(BPF_RET | BPF_K, 10), DROP };
	static const struct sock_filter is_ip6[] = { LD_AD(SKF_AD_PROTOCOL), EXPECT(0x86dd) };
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int a = socket(AF_INET6, SOCK_DGRAM, 0), b = socket(AF_INET6, SOCK_DGRAM, 0);
	socklen_t len = sizeof(to);
	char buf[16];

	need(!bind(a, (void *)&to, sizeof(to)) && !getsockname(a, (void *)&to, &len) && !connect(b, (void *)&to, sizeof(to)));
	need(!attach(a, next_is_udp, 4) && send(b, "abcdefgh", 8, 0) == 8);
	show("IPv6, cut: %zd", recv(a, buf, sizeof(buf), MSG_DONTWAIT));
	need(!attach(a, is_ip6, 4) && send(b, "abcdefgh", 8, 0) == 8);
	show("IPv6, protocol: %zd", recv(a, buf, sizeof(buf), MSG_DONTWAIT));
	close(a);
	close(b);
}

/* A connection has its listener's filter. What a filter drops was never there: it is sent again. */
static void show_tcp(int family)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr *to = family == AF_INET ? (void *)&in : (void *)&in6;
	socklen_t len = family == AF_INET ? sizeof(in) : sizeof(in6), nr = 0;
	/* Segments whose payload begins with x are dropped. */
	struct sock_filter no_x[] = { S(BPF_LD | BPF_B | BPF_ABS, 12), S(BPF_ALU | BPF_RSH | BPF_K, 2), S(BPF_MISC | BPF_TAX, 0), S(BPF_LD | BPF_W | BPF_LEN, 0),
				      J(BPF_JMP | BPF_JGT | BPF_X, 0, 0, 2), S(BPF_LD | BPF_B | BPF_IND, 0), J(BPF_JMP | BPF_JEQ | BPF_K, 'x', 1, 0), KEEP, DROP };
	struct sock_filter net[] = { S(BPF_LD | BPF_B | BPF_ABS, SKF_NET_OFF + (family == AF_INET ? 9 : 6)), EXPECT(6) };
	int l = socket(family, SOCK_STREAM, 0), c = socket(family, SOCK_STREAM, 0), s;
	char buf[16];

	need(!bind(l, to, len) && !getsockname(l, to, &len) && !listen(l, 4) && !attach(l, no_x, 9));
	need(!connect(c, to, len));
	s = accept(l, NULL, NULL);
	need(s >= 0);
	check("inherited", !getsockopt(s, SOL_SOCKET, SO_GET_FILTER, NULL, &nr) && nr == 9);
	check("passes", send(c, "abc", 3, 0) == 3 && recv(s, buf, sizeof(buf), 0) == 3);
	check("is dropped", send(c, "xyz", 3, 0) == 3 && recv(s, buf, sizeof(buf), MSG_DONTWAIT) < 0 && errno == EAGAIN);
	check("detach", !detach(s));
	check("comes again", recv(s, buf, sizeof(buf), 0) == 3 && buf[0] == 'x');
	check("IP header", !attach(s, net, 4) && send(c, "abc", 3, 0) == 3 && recv(s, buf, sizeof(buf), 0) == 3);
	close(s);
	close(c);
	close(l);
}

static void show_unix(void)
{
	static const struct sock_filter not_a[] = { S(BPF_LD | BPF_B | BPF_ABS, 0), J(BPF_JMP | BPF_JEQ | BPF_K, 'a', 1, 0), S(BPF_RET | BPF_K, 3), DROP };
	static const int types[] = { SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM };
	char buf[16];

	for (unsigned i = 0; i < ARRAY_LEN(types); i++) {
		ssize_t n;
		int s[2];

		need(!socketpair(AF_UNIX, types[i], 0, s) && !attach(s[1], not_a, 4));
		need(send(s[0], "abcdef", 6, 0) == 6 && send(s[0], "bcdefg", 6, 0) == 6);
		n = recv(s[1], buf, sizeof(buf), MSG_DONTWAIT);
		show("AF_UNIX %u: %zd, %c", i, n, buf[0]);
		show("AF_UNIX %u: %zd more", i, recv(s[1], buf, sizeof(buf), MSG_DONTWAIT));
		close(s[0]);
		close(s[1]);
	}
}

static void show_raw(void)
{
	/* The IP header is there: echo replies only, cut behind the header of ICMP. */
	static const struct sock_filter replies[] = { S(BPF_LDX | BPF_B | BPF_MSH, 0), S(BPF_LD | BPF_B | BPF_IND, 0), J(BPF_JMP | BPF_JEQ | BPF_K, ICMP_ECHOREPLY, 0, 1),
						      S(BPF_RET | BPF_K, 28), DROP };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct { struct icmphdr h; char data[8]; } echo = { .h = { .type = ICMP_ECHO, .un.echo.id = htons(77) } };
	int s = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	uint16_t words[8];
	uint32_t sum = 0;
	uint8_t buf[64];
	ssize_t n;

	need(s >= 0);
	memcpy(words, &echo, sizeof(words));
	for (int i = 0; i < 8; i++)
		sum += words[i];
	echo.h.checksum = (uint16_t)~(sum + (sum >> 16));
	need(!attach(s, replies, 5) && sendto(s, &echo, sizeof(echo), 0, (void *)&to, sizeof(to)) == sizeof(echo));
	n = recv(s, buf, sizeof(buf), 0);
	show("raw: %zd, type %d", n, buf[20]);
	show("raw: %zd more", recv(s, buf, sizeof(buf), MSG_DONTWAIT));
	close(s);
}

/* Whole messages of rtnetlink: the answer to a request, its acknowledgement, the end of a list. */
static void show_netlink(void)
{
	const struct sock_filter no_errors[] = { { 0x28, 0, 0, 4 }, { 0x15, 1, 0, NLMSG_ERROR << 8 }, { 0x06, 0, 0, 0xffff }, { 0x06, 0, 0, 0 } };
	const struct sock_filter cut[] = { { 0x06, 0, 0, 10 } };
	struct {
		struct nlmsghdr h;
		struct ifinfomsg m;
	} req = { .h = { .nlmsg_len = sizeof(req), .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK }, .m.ifi_index = 1 };
	static struct nlmsghdr answer[1024];
	int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	ssize_t n;

	/* Offset 4 is the type, in the order of the machine: what is not there to be acknowledged is an error, too. */
	need(s >= 0 && !attach(s, no_errors, 4));
	need(send(s, &req, sizeof(req), 0) == sizeof(req));
	n = recv(s, answer, sizeof(answer), MSG_DONTWAIT);
	show("netlink: %s, type %d", n > 0 ? "there" : "nothing", answer[0].nlmsg_type);
	n = recv(s, answer, sizeof(answer), MSG_DONTWAIT);
	show("netlink: %s more", n > 0 ? "something" : "nothing");
	req.m.ifi_index = 12345;
	need(send(s, &req, sizeof(req), 0) == sizeof(req));
	n = recv(s, answer, sizeof(answer), MSG_DONTWAIT);
	show("netlink: of an error %s", n > 0 ? "something" : "nothing");
	need(!attach(s, cut, 1));
	need(send(s, &req, sizeof(req), 0) == sizeof(req));
	n = recv(s, answer, sizeof(answer), MSG_DONTWAIT);
	show("netlink: cut to %zd", n);
	close(s);
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
	show_checks();
	show_get_and_lock();
	show_udp();
	show_udp6();
	show_tcp(AF_INET);
	show_tcp(AF_INET6);
	show_unix();
	show_raw();
	show_netlink();
	return test_end();
}
