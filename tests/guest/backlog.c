// SPDX-License-Identifier: MIT
/*
 * Limits of what waits: handshakes and connections of a listener (listen(2), somaxconn, tcp_syncookies,
 * tcp_max_syn_backlog, tcp_abort_on_overflow), and datagrams in a receive buffer. TCP_DEFER_ACCEPT keeps handshakes
 * open, as it wants data first.
 */
#include "test.h"
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define CLIENTS 12

static void put(const char *path, int value)
{
	char text[80];
	int f, n;

	snprintf(text, sizeof(text), "/proc/sys/net/%s", path);
	f = open(text, O_WRONLY);
	need(f >= 0);
	n = snprintf(text, sizeof(text), "%d", value);
	need(write(f, text, (size_t)n) == n);
	close(f);
}

static struct sockaddr_in6 at;
static socklen_t at_len;

static int listener(int family, int backlog, int defer)
{
	int l = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);

	memset(&at, 0, sizeof(at));
	at.sin6_family = (sa_family_t)family;
	at_len = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(at);
	if (family == AF_INET)
		((struct sockaddr_in *)&at)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		at.sin6_addr = in6addr_loopback;
	setsockopt(l, SOL_TCP, TCP_DEFER_ACCEPT, &defer, sizeof(defer));
	need(!bind(l, (void *)&at, at_len) && !listen(l, backlog) && !getsockname(l, (void *)&at, &at_len));
	return l;
}

static int events(int s)
{
	struct pollfd p = {s, POLLIN | POLLOUT, 0};

	poll(&p, 1, 0);
	return p.revents;
}

/* A client whose SYN has been seen, and whatever followed. */
static int client(int l, int family)
{
	int c = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);

	(void)!connect(c, (void *)&at, at_len);
	for (int i = 0; i < 3; i++) {
		events(l);
		events(c);
	}
	return c;
}

static int accept_all(int l)
{
	int nr = 0, s;

	while ((s = accept(l, NULL, NULL)) >= 0) {
		close(s);
		nr++;
	}
	return nr;
}

static void fill(int family, int backlog, int cookies, int max, int defer)
{
	int l, c[CLIENTS];

	put("ipv4/tcp_syncookies", cookies);
	put("ipv4/tcp_max_syn_backlog", max);
	l = listener(family, backlog, defer);
	printf("%d backlog %d cookies %d max %d defer %d:", family, backlog, cookies, max, defer);
	for (int i = 0; i < CLIENTS; i++) {
		c[i] = client(l, family);
		printf(" %s", events(c[i]) & POLLOUT ? "connected" : "waits");
	}
	printf(", accepted %d\n", accept_all(l));
	for (int i = 0; i < CLIENTS; i++)
		close(c[i]);
	close(l);
	put("ipv4/tcp_syncookies", 1);
	put("ipv4/tcp_max_syn_backlog", 128);
}

/* The queue of a listener fills up with cookies while an older handshake is open; then that one has its data. */
static void overflow(int family, int does_abort)
{
	int l, a, b, c, d, e = 0;
	socklen_t len = sizeof(e);

	put("ipv4/tcp_abort_on_overflow", does_abort);
	l = listener(family, 1, 30);
	a = client(l, family);
	b = client(l, family);
	c = client(l, family);
	d = client(l, family);
	printf("%d abort %d: events %#x %#x %#x %#x,", family, does_abort, events(a), events(b), events(c), events(d));
	printf(" sent %zd,", send(a, "data", 4, MSG_NOSIGNAL));
	events(l);
	printf(" events %#x", events(a));
	getsockopt(a, SOL_SOCKET, SO_ERROR, &e, &len);
	printf(" error %d, accepted %d\n", e, accept_all(l));
	close(a);
	close(b);
	close(c);
	close(d);
	close(l);
	put("ipv4/tcp_abort_on_overflow", 0);
}

/* As Linux counts a datagram of this size that came over loopback; it may count less for one that waits behind many. */
static int fits(int buffer, int size)
{
	int memory = 512, nr = 0;

	while (memory < size + 384)
		memory *= 2;
	for (int used = 0; used <= buffer; used += memory + 256)
		nr++;
	return nr;
}

static void datagrams(int family)
{
	static const int sizes[] = {0, 1, 100, 200, 500, 700, 1400, 2000, 4000, 9000, 16000, 30000, 60000}, buffers[] = {0, 1, 4000, 100000};
	static char data[70000];

	for (unsigned b = 0; b < ARRAY_LEN(buffers); b++) {
		int v = 0;

		printf("%d receive buffer %d:", family, buffers[b]);
		for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
			int r = socket(family, SOCK_DGRAM, 0), s = socket(family, SOCK_DGRAM, 0), n = 0, want;
			socklen_t len = sizeof(v);

			memset(&at, 0, sizeof(at));
			at.sin6_family = (sa_family_t)family;
			at_len = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(at);
			need(!bind(r, (void *)&at, at_len) && !getsockname(r, (void *)&at, &at_len));
			if (buffers[b])
				setsockopt(r, SOL_SOCKET, SO_RCVBUF, &buffers[b], sizeof(int));
			getsockopt(r, SOL_SOCKET, SO_RCVBUF, &v, &len);
			for (int k = 0; k < 300; k++)
				sendto(s, data, (size_t)sizes[i], 0, (void *)&at, at_len);
			while (recv(r, data, sizeof(data), MSG_DONTWAIT) >= 0)
				n++;
			want = fits(v, sizes[i]);
			printf(" %s", 3 * (n - 1) <= 4 * want && 4 * n >= 3 * want ? "near" : n < want ? "LESS" : "MORE");
			close(r);
			close(s);
		}
		printf(" of %d\n", v);
	}
}

/* SO_RXQ_OVFL: how many were lost, told with those that come later. */
static void losses(int family)
{
	int r = socket(family, SOCK_DGRAM, 0), s = socket(family, SOCK_DGRAM, 0), small = 1, on = 1, got = 0;
	char data[16], control[64];
	struct iovec io = {data, sizeof(data)};
	struct msghdr m = {NULL, 0, &io, 1, control, sizeof(control), 0};
	struct cmsghdr *h;
	uint32_t lost = 0;

	memset(&at, 0, sizeof(at));
	at.sin6_family = (sa_family_t)family;
	at_len = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(at);
	need(!bind(r, (void *)&at, at_len) && !getsockname(r, (void *)&at, &at_len));
	setsockopt(r, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	setsockopt(r, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on));
	for (int k = 0; k < 20; k++)
		sendto(s, "x", 1, 0, (void *)&at, at_len);
	while (recvmsg(r, &m, MSG_DONTWAIT) >= 0) {
		if (!got)
			printf("%d first: %s\n", family, CMSG_FIRSTHDR(&m) ? "has a count" : "no count");
		got++;
		m.msg_controllen = sizeof(control);
	}
	sendto(s, "x", 1, 0, (void *)&at, at_len);
	m.msg_controllen = sizeof(control);
	recvmsg(r, &m, MSG_DONTWAIT);
	h = CMSG_FIRSTHDR(&m);
	if (h)
		memcpy(&lost, CMSG_DATA(h), 4);
	printf("%d next: type %d, all that are missing %d\n", family, h ? h->cmsg_type : -1, (int)lost == 20 - got);
	close(r);
	close(s);
}

int main(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};

	setvbuf(stdout, NULL, _IOLBF, 0);
	(void)!ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFFLAGS, &lo);
	for (int k = 0; k < 2; k++) {
		int family = k ? AF_INET6 : AF_INET;

		for (int cookies = 0; cookies < 3; cookies++) {
			fill(family, 4, cookies, 128, 0);
			fill(family, 4, cookies, 128, 30);
			fill(family, 100, cookies, 4, 30);
			fill(family, 100, cookies, 8, 30);
			fill(family, 0, cookies, 128, 0);
			fill(family, 0, cookies, 128, 30);
		}
		put("core/somaxconn", 2);
		fill(family, 100, 1, 128, 0);
		fill(family, -1, 0, 128, 30);
		put("core/somaxconn", 4096);
		overflow(family, 0);
		overflow(family, 1);
		datagrams(family);
		losses(family);
	}
	return 0;
}
