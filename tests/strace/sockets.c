/* SPDX-License-Identifier: MIT */
/* Sockets: families, addresses, options, messages. */
#include "calls.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

static struct sockaddr_in inet4(const char *ip, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };

	inet_pton(AF_INET, ip, &a.sin_addr);
	return a;
}

static void options(int fd)
{
	static const int ints[][2] = {
		{ SOL_SOCKET, SO_REUSEADDR }, { SOL_SOCKET, SO_REUSEPORT }, { SOL_SOCKET, SO_KEEPALIVE }, { SOL_SOCKET, SO_BROADCAST }, { SOL_SOCKET, SO_OOBINLINE },
		{ SOL_TCP, TCP_NODELAY }, { SOL_TCP, TCP_CORK }, { SOL_TCP, TCP_KEEPIDLE }, { SOL_TCP, TCP_KEEPINTVL }, { SOL_TCP, TCP_KEEPCNT },
		{ SOL_TCP, TCP_DEFER_ACCEPT }, { SOL_TCP, TCP_QUICKACK }, { SOL_TCP, TCP_USER_TIMEOUT }, { SOL_IP, IP_TOS },
		{ SOL_IP, IP_TTL }, { SOL_IP, IP_RECVERR }, { SOL_IP, IP_FREEBIND }, { SOL_SOCKET, 9999 }, { SOL_TCP, 9999 },
	};
	struct linger linger = { 1, 5 };
	struct timeval tv = { 2, 500000 };
	int v, one = 1;
	socklen_t len;
	char name[16];

	for (unsigned i = 0; i < N(ints); i++) {
		CALL(setsockopt, fd, ints[i][0], ints[i][1], &one, sizeof(one));
		len = sizeof(v);
		CALL(getsockopt, fd, ints[i][0], ints[i][1], &v, &len);
	}
	CALL(setsockopt, fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	len = sizeof(linger);
	CALL(getsockopt, fd, SOL_SOCKET, SO_LINGER, &linger, &len);
	CALL(setsockopt, fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	len = sizeof(tv);
	CALL(getsockopt, fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len);
	CALL(setsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	len = sizeof(v);
	CALL(getsockopt, fd, SOL_SOCKET, SO_TYPE, &v, &len);
	CALL(getsockopt, fd, SOL_SOCKET, SO_ERROR, &v, &len);
	CALL(getsockopt, fd, SOL_SOCKET, SO_DOMAIN, &v, &len);
	CALL(getsockopt, fd, SOL_SOCKET, SO_PROTOCOL, &v, &len);
	CALL(getsockopt, fd, SOL_SOCKET, SO_ACCEPTCONN, &v, &len);
	len = 2;
	CALL(getsockopt, fd, SOL_SOCKET, SO_TYPE, &v, &len);
	len = sizeof(name);
	CALL(getsockopt, fd, SOL_TCP, TCP_CONGESTION, name, &len);
	CALL(setsockopt, fd, SOL_SOCKET, SO_REUSEADDR, &one, 2);
	CALL(setsockopt, -1, 9999, 1, &one, 4);
	CALL(setsockopt, fd, SOL_SOCKET, SO_REUSEADDR, BAD, 4);
	CALL(setsockopt, -1, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	CALL(getsockopt, fd, SOL_SOCKET, SO_REUSEADDR, &v, BAD);
	CALL(setsockopt, fd, SOL_TCP, TCP_CONGESTION, "abc", 3);
	CALL(setsockopt, fd, SOL_IP, IP_TOS, "\b", 1);
}

static void udp(void)
{
	struct sockaddr_in here = inet4("127.0.0.1", 7002), from;
	struct iovec iov[2] = { { "first ", 6 }, { "second, which is longer than what is shown of it", 48 } };
	struct msghdr out = { .msg_name = &here, .msg_namelen = sizeof(here), .msg_iov = iov, .msg_iovlen = 2 };
	char buf[100], buf2[100], control[64];
	struct iovec in_iov = { buf, sizeof(buf) };
	struct msghdr in = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &in_iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	struct mmsghdr many[2] = { { .msg_hdr = out }, { .msg_hdr = out } };
	struct iovec many_iov[2] = { { buf, sizeof(buf) }, { buf2, 10 } };
	struct mmsghdr many_in[2] = { { .msg_hdr = { .msg_iov = &many_iov[0], .msg_iovlen = 1 } }, { .msg_hdr = { .msg_iov = &many_iov[1], .msg_iovlen = 1 } } };
	int a = CALL(socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP), b = CALL(socket, AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	struct timespec second = { 1, 0 };
	socklen_t len = sizeof(from);

	CALL(bind, a, &here, sizeof(here));
	CALL(recvfrom, b, buf, sizeof(buf), 0, NULL, NULL);
	here.sin_port = htons(7003);
	CALL(bind, b, &here, sizeof(here));
	here.sin_port = htons(7002);
	CALL(sendto, b, "hello", 5, MSG_NOSIGNAL, &here, sizeof(here));
	CALL(recvfrom, a, buf, sizeof(buf), MSG_PEEK, &from, &len);
	CALL(recvfrom, a, buf, sizeof(buf), 0, &from, &len);
	CALL(sendto, b, "hello", 5, 0, BAD, sizeof(here));
	CALL(sendto, b, "", 0, MSG_MORE | 0x80000000u, &here, 4);
	CALL(sendmsg, b, &out, MSG_NOSIGNAL);
	CALL(recvmsg, a, &in, MSG_TRUNC);
	in.msg_controllen = sizeof(control);
	CALL(sendmsg, b, &out, 0);
	in_iov.iov_len = 10;
	CALL(recvmsg, a, &in, 0);
	CALL(sendmmsg, b, many, 2, MSG_DONTWAIT);
	CALL(recvmmsg, a, many_in, 2, MSG_WAITFORONE, &second);
	CALL(sendmsg, b, BAD, 0);
	CALL(recvmsg, a, BAD, 0);
	out.msg_iov = BAD;
	CALL(sendmsg, b, &out, 0);
	CALL(recvmsg, a, &in, MSG_DONTWAIT);
	CALL(recvmmsg, a, many_in, 2, MSG_DONTWAIT, NULL);
	CALL(connect, b, &here, sizeof(here));
	CALL(getpeername, b, &from, &len);
	CALL(sendto, b, "more", 4, 0, NULL, 0);
	CALL(close, a);
	CALL(close, b);
}

static void tcp(void)
{
	struct sockaddr_in here = inet4("127.0.0.1", 7001), from;
	int s = CALL(socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP), c, a;
	struct pollfd ready = { .fd = s, .events = POLLIN };
	struct iovec iov[3] = { { "one", 3 }, { "two", 3 }, { "three", 5 } };
	socklen_t len = sizeof(from), big = 64;
	char buf[64];
	struct iovec in[2] = { { buf, 4 }, { buf + 4, 60 } };

	options(s);
	CALL(bind, s, &here, sizeof(here));
	CALL(bind, s, &here, sizeof(here));
	CALL(listen, s, 128);
	CALL(accept4, s, NULL, NULL, SOCK_CLOEXEC);
	CALL(getsockname, s, &from, &len);
	len = 4;
	CALL(getsockname, s, &from, &len);
	len = sizeof(from);
	CALL(getpeername, s, &from, &len);
	c = CALL(socket, AF_INET, SOCK_STREAM, 0);
	here.sin_port = htons(7009);
	CALL(connect, c, &here, sizeof(here));
	CALL(close, c);
	here.sin_port = htons(7001);
	c = CALL(socket, AF_INET, SOCK_STREAM, 0);
	CALL(connect, c, &here, sizeof(here));
	CALL(ppoll, &ready, 1, NULL, NULL, 8);
	a = CALL(accept4, s, &from, &big, SOCK_NONBLOCK | SOCK_CLOEXEC);
	CALL(accept, s, BAD, NULL);
	CALL(writev, c, iov, 3);
	CALL(readv, a, in, 2);
	CALL(write, c, "GET / HTTP/1.1\r\nHost: here\r\n\r\n", 30);
	CALL(read, a, buf, sizeof(buf));
	CALL(sendto, c, "x\0\1\0012\377\33\7\b\v\f\"\\", 13, MSG_MORE | MSG_NOSIGNAL, NULL, 0);
	CALL(recvfrom, a, buf, sizeof(buf), MSG_WAITALL | MSG_DONTWAIT, NULL, NULL);
	CALL(shutdown, c, SHUT_WR);
	CALL(read, a, buf, sizeof(buf));
	CALL(shutdown, a, SHUT_RDWR);
	CALL(shutdown, a, 7);
	CALL(close, a);
	CALL(close, c);
	CALL(close, s);
	CALL(close, s);
}

static void tcp6(void)
{
	struct sockaddr_in6 here = { .sin6_family = AF_INET6, .sin6_port = htons(7005), .sin6_addr = IN6ADDR_LOOPBACK_INIT }, from;
	int s = CALL(socket, AF_INET6, SOCK_STREAM, 0), one = 1;
	socklen_t len = sizeof(from);

	CALL(setsockopt, s, SOL_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	CALL(setsockopt, s, SOL_IPV6, IPV6_UNICAST_HOPS, &one, sizeof(one));
	CALL(connect, s, &here, 10);
	here.sin6_addr = (struct in6_addr)IN6ADDR_ANY_INIT;
	CALL(bind, s, &here, sizeof(here));
	CALL(getsockname, s, &from, &len);
	here.sin6_flowinfo = htonl(0x12345);
	here.sin6_scope_id = 1;
	inet_pton(AF_INET6, "2001:db8::1:0:0:5", &here.sin6_addr);
	CALL(bind, -1, &here, sizeof(here));
	inet_pton(AF_INET6, "::ffff:10.0.2.15", &here.sin6_addr);
	CALL(bind, -1, &here, sizeof(here));
	inet_pton(AF_INET6, "fd00:0:0:1::", &here.sin6_addr);
	CALL(bind, -1, &here, 24);
	CALL(close, s);
}

static void unix_domain(void)
{
	struct sockaddr_un here = { .sun_family = AF_UNIX, .sun_path = "/tmp/strace.sock" }, hidden = { .sun_family = AF_UNIX, .sun_path = "\0abstract" }, from;
	int pair[2], s = CALL(socket, AF_UNIX, SOCK_STREAM, 0), c;
	union {
		char bytes[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} control = { .align = { .cmsg_len = CMSG_LEN(2 * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
	struct iovec iov = { "fd", 2 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	int fds[2] = { 0, 1 }, one = 1;
	socklen_t len = sizeof(from);
	struct ucred cred;
	char buf[8];

	CALL(unlinkat, AT_FDCWD, here.sun_path, 0);
	CALL(bind, s, &here, sizeof(here));
	CALL(listen, s, 5);
	c = CALL(socket, AF_UNIX, SOCK_STREAM, 0);
	CALL(connect, c, &here, sizeof(here));
	CALL(getsockname, s, &from, &len);
	len = sizeof(from);
	CALL(getsockname, c, &from, &len);
	len = sizeof(from);
	CALL(getpeername, c, &from, &len);
	CALL(accept, s, NULL, NULL);
	CALL(unlinkat, AT_FDCWD, here.sun_path, 0);
	CALL(connect, -1, &hidden, 2 + 9);
	c = CALL(socket, AF_UNIX, SOCK_DGRAM, 0);
	CALL(bind, c, &hidden, 2 + 9);
	CALL(socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
	CALL(socketpair, AF_UNIX, SOCK_SEQPACKET, 0, BAD);
	memcpy(CMSG_DATA(&control.align), fds, sizeof(fds));
	CALL(sendmsg, pair[0], &m, 0);
	iov = (struct iovec){ buf, sizeof(buf) };
	CALL(recvmsg, pair[1], &m, MSG_CMSG_CLOEXEC);
	CALL(setsockopt, pair[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one));
	len = sizeof(cred);
	CALL(getsockopt, pair[0], SOL_SOCKET, SO_PEERCRED, &cred, &len);
	CALL(close, pair[1]);
	CALL(close_range, 3, 100, 0);
}

static void netlink(void)
{
	int s = CALL(socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct sockaddr_nl here = { .nl_family = AF_NETLINK }, from;
	socklen_t len = sizeof(from);

	CALL(bind, s, &here, sizeof(here));
	CALL(getsockname, s, &from, &len);
	CALL(close, s);
}

static void interfaces(void)
{
	int s = CALL(socket, AF_INET, SOCK_DGRAM, 0), n;
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING }, all[4];
	struct ifconf conf = { .ifc_len = sizeof(all), .ifc_req = all };

	CALL(ioctl, s, SIOCSIFFLAGS, &r);	/* a bare Linux needs it; Samara answers ENOTTY */
	CALL(ioctl, s, SIOCGIFFLAGS, &r);
	CALL(ioctl, s, SIOCGIFINDEX, &r);
	CALL(ioctl, s, SIOCGIFNAME, &r);
	CALL(ioctl, s, SIOCGIFADDR, &r);
	CALL(ioctl, s, SIOCGIFNETMASK, &r);
	CALL(ioctl, s, SIOCGIFHWADDR, &r);
	CALL(ioctl, s, SIOCGIFMTU, &r);
	CALL(ioctl, -1, SIOCGIFCONF, &conf);
	conf.ifc_len = 50;
	CALL(ioctl, s, SIOCGIFCONF, &conf);
	r.ifr_name[0] = 'x';
	CALL(ioctl, s, SIOCGIFINDEX, &r);
	n = 1;
	CALL(ioctl, s, FIONBIO, &n);
	CALL(ioctl, s, FIONREAD, &n);
	CALL(ioctl, s, SIOCOUTQ, &n);
	CALL(close, s);
}

static void families(void)
{
	CALL(socket, AF_INET, SOCK_RAW, IPPROTO_ICMP);
	CALL(socket, AF_INET, 99, 0);
	CALL(socket, 77, SOCK_STREAM, 0);
	CALL(socket, AF_INET, SOCK_STREAM | 0x10000000, 250);
	CALL(socket, AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6 + 100);
}

int main(void)
{
	interfaces();
	udp();
	tcp();
	tcp6();
	unix_domain();
	netlink();
	families();
	return 0;
}
