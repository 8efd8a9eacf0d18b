// SPDX-License-Identifier: MIT
/*
 * The error queue of IP_RECVERR and IPV6_RECVERR: what ICMP says of datagrams to a port where nobody is, to IPv4, IPv6
 * and mapped addresses, connected or not; how it goes with SO_ERROR, poll() and the next send; and what the sender's
 * own side says of a datagram that is too long.
 */
#include "test.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static const char *name_of(long r)
{
	return r >= 0 ? "ok" : strerrorname_np(errno);
}

/* ICMP comes in its own time, so wait until it is there. */
static void wait_for_error(int s)
{
	struct pollfd p = {.fd = s};

	(void)!poll(&p, 1, 2000);
}

static bool show_error(int s, size_t room)
{
	char data[100] = "", control[256], text[64];
	struct sockaddr_in6 name = {0};
	struct iovec io = {data, room};
	struct msghdr m = {&name, sizeof(name), &io, 1, control, sizeof(control), 0};
	ssize_t n = recvmsg(s, &m, MSG_ERRQUEUE);

	if (n < 0) {
		printf("  queue: %s\n", name_of(n));
		return false;
	}
	printf("  queue: %zd '%.*s' flags %#x, to family %d port %d", n, (int)n, data, m.msg_flags, name.sin6_family,
	       ntohs(name.sin6_port));
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
		uint32_t *e = (void *)CMSG_DATA(h);
		uint8_t *b = (void *)CMSG_DATA(h);
		struct sockaddr_in *v4 = (void *)(b + 16);
		struct sockaddr_in6 *v6 = (void *)(b + 16);

		printf(", %d/%d (%zu) %s origin %d type %d code %d info %u", h->cmsg_level, h->cmsg_type,
		       (size_t)h->cmsg_len, strerrorname_np((int)e[0]), b[4], b[5], b[6], e[2]);
		if (v4->sin_family == AF_INET)
			printf(" from %s", inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text)));
		else if (v6->sin6_family == AF_INET6)
			printf(" from %s", inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text)));
		else
			printf(" from nobody");
	}
	printf("\n");
	return true;
}

static int make(const char *address, bool is_connected, int recverr, struct sockaddr_in6 *to, socklen_t *len)
{
	struct sockaddr_in *v4 = (void *)to;
	int s, on = 1;

	memset(to, 0, sizeof(*to));
	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(9);
		*len = sizeof(*v4);
	} else {
		inet_pton(AF_INET6, address, &to->sin6_addr);
		to->sin6_family = AF_INET6;
		to->sin6_port = htons(9);
		*len = sizeof(*to);
	}
	s = socket(to->sin6_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (recverr & 1)
		setsockopt(s, SOL_IP, IP_RECVERR, &on, sizeof(on));
	if (recverr & 2)
		setsockopt(s, SOL_IPV6, IPV6_RECVERR, &on, sizeof(on));
	if (is_connected)
		connect(s, (void *)to, *len);
	return s;
}

static void refused(const char *address, bool is_connected, int recverr)
{
	struct sockaddr_in6 to;
	socklen_t len, four = sizeof(int);
	int s = make(address, is_connected, recverr, &to, &len), error = 0;
	struct pollfd p = {.fd = s, .events = POLLIN};
	char c;

	printf("%s, %s, RECVERR %d\n", address, is_connected ? "connected" : "not connected", recverr);
	for (int i = 0; i < 3; i++) {
		ssize_t n = is_connected ? send(s, "one\0two\0six" + 4 * i, 3, 0)
					 : sendto(s, "one\0two\0six" + 4 * i, 3, 0, (void *)&to, len);

		printf("  send: %s\n", name_of(n));
		if (n > 0 && (recverr || is_connected))
			wait_for_error(s);
	}
	p.revents = 0;
	(void)!poll(&p, 1, 0);
	printf("  poll %#x\n", p.revents);
	show_error(s, 2);
	getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &four);
	printf("  SO_ERROR %s\n", error ? strerrorname_np(error) : "none");
	while (show_error(s, 100))
		;
	printf("  recv: %s\n", name_of(recv(s, &c, 1, 0)));
	p.revents = 0;
	(void)!poll(&p, 1, 0);
	printf("  poll %#x\n", p.revents);
	close(s);
}

static void too_long(const char *address, int recverr)
{
	static char data[65507];
	struct sockaddr_in6 to;
	socklen_t len;
	int s = make(address, true, recverr, &to, &len), how = IP_PMTUDISC_DO;

	setsockopt(s, SOL_IP, IP_MTU_DISCOVER, &how, sizeof(how));
	printf("too long to %s: %s\n", address, name_of(send(s, data, sizeof(data) + 1, MSG_DONTWAIT)));
	show_error(s, 100);
	close(s);
}

int main(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};

	setvbuf(stdout, NULL, _IOLBF, 0);
	(void)!ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFFLAGS, &lo);
	for (int is_connected = 0; is_connected < 2; is_connected++) {
		for (int recverr = 0; recverr < 4; recverr++) {
			if (!(recverr & 2))
				refused("127.0.0.1", is_connected, recverr);
			if (!(recverr & 1))
				refused("::1", is_connected, recverr);
			if (recverr != 2)
				refused("::ffff:127.0.0.1", is_connected, recverr);
		}
	}
	too_long("127.0.0.1", 0);
	too_long("127.0.0.1", 1);
	return 0;
}
