// SPDX-License-Identifier: MIT
/*
 * Times of packets: SO_TIMESTAMP and SO_TIMESTAMPNS (both numbers of each) and SO_TIMESTAMPING, received and sent, of
 * UDP, TCP and ping sockets over IPv4 and IPv6. Of a time only this is shown: that it is one, of these seconds.
 */
#include "test.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define TX_SOFTWARE 0x2
#define RX_SOFTWARE 0x8
#define SOFTWARE    0x10
#define OPT_ID	    0x80
#define TX_SCHED    0x100
#define TX_ACK	    0x200
#define OPT_CMSG    0x400
#define OPT_TSONLY  0x800

static time_t started;

static const char *name_of(long r)
{
	return r >= 0 ? "ok" : strerrorname_np(errno);
}

static const char *is_now(const int64_t *t, int64_t most)
{
	if (!t[0] && !t[1])
		return "none";
	return t[0] >= started && t[0] < started + 1000 && t[1] >= 0 && t[1] < most ? "now" : "WRONG";
}

static void show_control(struct msghdr *m)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		const int64_t *t = (void *)CMSG_DATA(h);
		const uint32_t *e = (void *)CMSG_DATA(h);
		const uint8_t *b = (void *)CMSG_DATA(h);

		printf(" %d/%d(%zu)", h->cmsg_level, h->cmsg_type, (size_t)h->cmsg_len);
		if (h->cmsg_level == SOL_SOCKET && (h->cmsg_type == 29 || h->cmsg_type == 63))
			printf(" %s", is_now(t, 1000000));
		else if (h->cmsg_level == SOL_SOCKET && (h->cmsg_type == 35 || h->cmsg_type == 64))
			printf(" %s", is_now(t, 1000000000));
		else if (h->cmsg_level == SOL_SOCKET && (h->cmsg_type == 37 || h->cmsg_type == 65))
			printf(" %s %s %s", is_now(t, 1000000000), is_now(t + 2, 1), is_now(t + 4, 1));
		else if ((h->cmsg_level == SOL_IP && h->cmsg_type == IP_RECVERR) || (h->cmsg_level == SOL_IPV6 && h->cmsg_type == IPV6_RECVERR))
			printf(" error %u origin %d type %d code %d info %u data %u from %d", e[0], b[4], b[5], b[6], e[2], e[3],
			       *(const uint16_t *)(b + 16));
	}
	printf("\n");
}

/* The last bytes of what is quoted: headers before them hold numbers of no interest. */
static bool take(int s, const char *what, int flags)
{
	static char data[3000], control[600];
	struct sockaddr_in6 name;
	struct iovec io = {data, sizeof(data)};
	struct msghdr m = {&name, sizeof(name), &io, 1, control, sizeof(control), 0};
	ssize_t n = recvmsg(s, &m, flags);

	if (n < 0) {
		printf("  %s: %s\n", what, name_of(n));
		return false;
	}
	printf("  %s: %zd '%.*s' flags %#x name %u:", what, n, (int)(n > 3 ? 3 : n), data + (n > 3 ? n - 3 : 0), m.msg_flags & ~MSG_ERRQUEUE,
	       m.msg_namelen);
	show_control(&m);
	return true;
}

/* Stamps come in their own time: wait for as many. */
static void take_errors(int s, int nr)
{
	for (int i = 0; i < nr; i++) {
		struct pollfd p = {.fd = s};
		int r = poll(&p, 1, 5000);

		if (r != 1 || !(p.revents & POLLERR))
			printf("  no error: %d %#x\n", r, p.revents);
		take(s, "queue", MSG_ERRQUEUE | MSG_DONTWAIT);
	}
	take(s, "queue", MSG_ERRQUEUE | MSG_DONTWAIT);
}

static int set(int s, int option, int v)
{
	return setsockopt(s, SOL_SOCKET, option, &v, sizeof(v));
}

static void get(int s, int option)
{
	int v[4] = {-1, -1, -1, -1};
	socklen_t len = sizeof(v);
	int r = getsockopt(s, SOL_SOCKET, option, v, &len);

	printf(" %d:", option);
	if (r)
		printf("%s", name_of(r));
	else
		printf("%#x/%u", v[0], len);
}

static void get_all(int s)
{
	printf(" ");
	for (unsigned i = 0; i < 6; i++)
		get(s, (int[]){29, 35, 37, 63, 64, 65}[i]);
	printf("\n");
}

static void options(int type)
{
	int s = socket(AF_INET, type, 0);
	static const int flags[] = {SOFTWARE | RX_SOFTWARE, 0xffff, 0x7fff, 0x80000000, OPT_ID | TX_SOFTWARE, 0x1000, 0x1800, 0};

	printf("options of type %d\n", type);
	get_all(s);
	for (unsigned i = 0; i < 4; i++) {
		int option = (int[]){29, 35, 63, 64}[i];

		printf("  %d 1 %s\n", option, name_of(set(s, option, 1)));
		get_all(s);
	}
	printf("  35 0 %s\n", name_of(set(s, 35, 0)));
	get_all(s);
	for (unsigned i = 0; i < ARRAY_LEN(flags); i++) {
		printf("  37 %#x %s\n", flags[i], name_of(set(s, 37, flags[i])));
		get_all(s);
	}
	printf("  65 %s\n", name_of(set(s, 65, SOFTWARE)));
	get_all(s);
	close(s);
}

static struct sockaddr_storage to;
static socklen_t to_len;

static int make(int family, int type, int protocol)
{
	struct sockaddr_in *v4 = (void *)&to;
	struct sockaddr_in6 *v6 = (void *)&to;
	int s = socket(family, type, protocol);

	need(s >= 0);
	memset(&to, 0, sizeof(to));
	to.ss_family = family;
	to_len = family == AF_INET ? sizeof(*v4) : sizeof(*v6);
	if (family == AF_INET)
		v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		v6->sin6_addr = in6addr_loopback;
	return s;
}

static int bound(int family)
{
	int s = make(family, SOCK_DGRAM, 0);

	need(!bind(s, (void *)&to, to_len) && !getsockname(s, (void *)&to, &to_len));
	return s;
}

static void send_with(int s, uint32_t flags, int type, size_t len)
{
	char control[CMSG_SPACE(8)] = {0};
	struct iovec io = {"one", 3};
	struct msghdr m = {&to, to_len, &io, 1, control, CMSG_SPACE(len), 0};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = type;
	h->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(h), &flags, 4);
	printf("  control %d %#x of %zu: %s\n", type, flags, len, name_of(sendmsg(s, &m, 0)));
}

static void udp(int family)
{
	int r = bound(family), s = socket(family, SOCK_DGRAM, 0), on = 1;
	static const int receive[][2] = {{29, 1}, {35, 1}, {63, 1}, {64, 1}, {37, SOFTWARE | RX_SOFTWARE}, {64, 0}, {65, SOFTWARE | RX_SOFTWARE}};
	static const int sent[] = {TX_SOFTWARE | SOFTWARE, TX_SOFTWARE | TX_SCHED | TX_ACK | SOFTWARE | OPT_ID, TX_SOFTWARE | SOFTWARE | OPT_ID | OPT_TSONLY,
				   TX_SOFTWARE | OPT_TSONLY, TX_SOFTWARE | SOFTWARE | OPT_CMSG, TX_SOFTWARE | SOFTWARE | OPT_CMSG | OPT_TSONLY | OPT_ID};

	printf("UDP, family %d\n", family);
	for (unsigned i = 0; i < ARRAY_LEN(receive); i++) {
		set(r, receive[i][0], receive[i][1]);
		sendto(s, "abc", 3, 0, (void *)&to, to_len);
		take(r, "got", 0);
	}
	for (unsigned i = 0; i < ARRAY_LEN(sent); i++) {
		printf("  send with %#x\n", sent[i]);
		set(s, 37, sent[i]);
		for (int k = 0; k < 2; k++)
			sendto(s, "abcdef", 6, 0, (void *)&to, to_len);
		take_errors(s, sent[i] & TX_SCHED ? 4 : 2);
	}
	printf("  and what packets carry\n");
	setsockopt(s, SOL_IP, IP_PKTINFO, &on, sizeof(on));
	setsockopt(s, SOL_IP, IP_RECVTTL, &on, sizeof(on));
	setsockopt(s, SOL_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
	setsockopt(s, SOL_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof(on));
	set(s, 37, TX_SOFTWARE | SOFTWARE | OPT_CMSG);
	set(s, 29, 1);
	sendto(s, "abcdef", 6, 0, (void *)&to, to_len);
	take_errors(s, 1);
	set(s, 29, 0);
	set(s, 37, SOFTWARE | OPT_ID | OPT_TSONLY);
	printf("  asked for one by one\n");
	send_with(s, TX_SOFTWARE, 37, 4);
	send_with(s, 0, 37, 4);
	send_with(s, TX_SCHED, 37, 4);
	send_with(s, TX_SCHED, 65, 4);
	send_with(s, SOFTWARE, 37, 4);
	send_with(s, TX_SCHED, 37, 8);
	send_with(s, 0, 77, 4);
	take_errors(s, 3);
	close(r);
	close(s);
}

static void tcp(int family)
{
	int l = make(family, SOCK_STREAM, 0), c = socket(family, SOCK_STREAM, 0), a;
	static const int sent[] = {TX_SOFTWARE | SOFTWARE | OPT_TSONLY, TX_SOFTWARE | TX_SCHED | TX_ACK | SOFTWARE | OPT_ID | OPT_TSONLY,
				   TX_ACK | SOFTWARE | OPT_ID, TX_SOFTWARE | SOFTWARE | OPT_ID};
	char buf[100];

	printf("TCP, family %d\n", family);
	need(!bind(l, (void *)&to, to_len) && !listen(l, 5) && !getsockname(l, (void *)&to, &to_len));
	printf("  too early: %s %s\n", name_of(set(c, 37, OPT_ID | TX_ACK)), name_of(set(l, 37, OPT_ID | TX_ACK)));
	set(l, 35, 1);
	need(!connect(c, (void *)&to, to_len));
	a = accept(l, NULL, NULL);
	get_all(a);
	send(c, "abc", 3, 0);
	take(a, "got", 0);
	set(a, 37, SOFTWARE | RX_SOFTWARE);
	send(c, "def", 3, 0);
	take(a, "peek", MSG_PEEK);
	take(a, "got", 0);
	set(a, 35, 0);
	send(c, "ghi", 3, 0);
	take(a, "got", 0);
	for (unsigned i = 0; i < ARRAY_LEN(sent); i++) {
		int nr = !!(sent[i] & TX_SOFTWARE) + !!(sent[i] & TX_SCHED) + !!(sent[i] & TX_ACK);

		printf("  send with %#x\n", sent[i]);
		set(c, 37, 0);
		printf("  %s\n", name_of(set(c, 37, sent[i])));
		for (int k = 0; k < 2; k++) {
			send(c, "abcdefghij", k ? 10 : 4, 0);
			recv(a, buf, sizeof(buf), 0);
			take_errors(c, nr);
		}
	}
	set(c, 37, SOFTWARE | OPT_TSONLY);
	send_with(c, TX_SOFTWARE, 37, 4);
	take_errors(c, 1);
	send_with(c, SOFTWARE, 37, 4);
	close(l);
	close(c);
	close(a);
}

int main(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};

	setvbuf(stdout, NULL, _IOLBF, 0);
	(void)!ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFFLAGS, &lo);
	started = time(NULL);
	options(SOCK_DGRAM);
	options(SOCK_STREAM);
	udp(AF_INET);
	udp(AF_INET6);
	tcp(AF_INET);
	tcp(AF_INET6);
	return 0;
}
