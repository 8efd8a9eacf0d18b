/* SPDX-License-Identifier: MIT */
/* Sockets over loopback and AF_UNIX: what programs rely on, call by call, and echo servers under threads and epoll. */
#include "test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

static void loopback_up(void)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	ioctl(fd, SIOCSIFFLAGS, &r);	/* a bare Linux needs it; Samara's is always up */
	close(fd);
}

static struct sockaddr_in v4(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int listen_v4(int port, struct sockaddr_in *a)
{
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(*a);

	*a = v4(port);
	need(fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)));
	need(!bind(fd, (void *)a, sizeof(*a)) && !listen(fd, 16) && !getsockname(fd, (void *)a, &len));
	return fd;
}

static void tcp_pair(int fds[2])
{
	struct sockaddr_in a;
	int l = listen_v4(0, &a);

	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	need(!connect(fds[0], (void *)&a, sizeof(a)));
	fds[1] = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	need(fds[1] >= 0);
	close(l);
}

static void test_creation(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), v;
	socklen_t len = sizeof(v);

	check("nonblock flag", fcntl(fd, F_GETFL) & O_NONBLOCK);
	check("cloexec flag", fcntl(fd, F_GETFD) == FD_CLOEXEC);
	check("SO_TYPE", !getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, &len) && v == SOCK_STREAM);
	check("SO_DOMAIN", !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &v, &len) && v == AF_INET);
	check("SO_PROTOCOL", !getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &v, &len) && v == IPPROTO_TCP);
	close(fd);
	check_errno("bad family", socket(77, SOCK_STREAM, 0), EAFNOSUPPORT);
	check_errno("bad protocol", socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
	check_errno("not a socket", listen(1, 1), ENOTSOCK);
	check_errno("bad descriptor", listen(999, 1), EBADF);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	check_errno("recv unconnected", recv(fd, &v, 4, 0), ENOTCONN);
	check_errno("getpeername unconnected", getpeername(fd, (void *)&v, &len), ENOTCONN);
	check_errno("accept without listen", accept(fd, NULL, NULL), EINVAL);
	check_errno("setsockopt unknown", setsockopt(fd, SOL_SOCKET, 9999, &v, 4), ENOPROTOOPT);
	v = 20000;
	check("SO_RCVBUF doubles", !setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &v, 4) && !getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &v, &len) && v == 40000);
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in a = v4(1);
	check_errno("connection refused", connect(fd, (void *)&a, sizeof(a)), ECONNREFUSED);
	close(fd);
}

static void test_tcp(void)
{
	int p[2], v;
	char buf[64];
	struct pollfd pf;
	struct tcp_info info;
	socklen_t len = sizeof(info);

	tcp_pair(p);
	check("send", send(p[0], "hello world", 11, 0) == 11);
	pf = (struct pollfd){ p[1], POLLIN | POLLOUT, 0 };
	check("poll in and out", poll(&pf, 1, 1000) == 1 && pf.revents & POLLIN && pf.revents & POLLOUT);
	check("FIONREAD", !ioctl(p[1], FIONREAD, &v) && v == 11);
	check("peek", recv(p[1], buf, 5, MSG_PEEK) == 5 && !memcmp(buf, "hello", 5));
	check("recv", recv(p[1], buf, 6, MSG_WAITALL) == 6 && !memcmp(buf, "hello ", 6));
	check("recv rest", recv(p[1], buf, 64, 0) == 5 && !memcmp(buf, "world", 5));
	check_errno("would block", recv(p[1], buf, 64, MSG_DONTWAIT), EAGAIN);
	v = 1;
	check("nodelay", !setsockopt(p[0], IPPROTO_TCP, TCP_NODELAY, &v, sizeof(v)));
	check("tcp_info", !getsockopt(p[0], IPPROTO_TCP, TCP_INFO, &info, &len) && info.tcpi_state == 1);
	check("half close", !shutdown(p[0], SHUT_WR));
	check("end of stream", recv(p[1], buf, 64, 0) == 0);
	pf = (struct pollfd){ p[1], POLLIN | POLLRDHUP, 0 };
	check("poll hang-up of the peer", poll(&pf, 1, 1000) == 1 && pf.revents == (POLLIN | POLLRDHUP));
	check("other direction still open", send(p[1], "x", 1, 0) == 1 && recv(p[0], buf, 64, 0) == 1);
	check_errno("write after shutdown", send(p[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	close(p[1]);
	check("end at both ends", recv(p[0], buf, 64, 0) == 0);
	close(p[0]);

	tcp_pair(p);
	check("unread data", send(p[0], "lost", 4, 0) == 4);
	poll(&(struct pollfd){ p[1], POLLIN, 0 }, 1, 1000);
	close(p[1]);
	poll(&(struct pollfd){ p[0], POLLIN, 0 }, 1, 1000);
	check_errno("reset", recv(p[0], buf, 64, 0), ECONNRESET);
	check_errno("broken pipe", send(p[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	close(p[0]);

	tcp_pair(p);
	struct timeval tv = { 0, 50000 };
	check("receive timeout", !setsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	check_errno("timed out", recv(p[0], buf, 1, 0), EAGAIN);
	check("urgent byte", send(p[0], "ab!", 3, MSG_OOB) == 3);
	pf = (struct pollfd){ p[1], POLLPRI, 0 };
	check("poll urgent", poll(&pf, 1, 1000) == 1 && pf.revents == POLLPRI);
	check("receive it", recv(p[1], buf, 1, MSG_OOB) == 1 && buf[0] == '!');
	check("normal data", recv(p[1], buf, 64, 0) == 2 && !memcmp(buf, "ab", 2));
	close(p[0]);
	close(p[1]);
}

static volatile sig_atomic_t got_pipe;
static void on_pipe(int sig)
{
	(void)sig;
	got_pipe = 1;
}

static void test_sigpipe(void)
{
	int p[2];

	signal(SIGPIPE, on_pipe);
	need(!socketpair(AF_UNIX, SOCK_STREAM, 0, p));
	close(p[1]);
	check_errno("EPIPE", write(p[0], "x", 1), EPIPE);
	check("SIGPIPE", got_pipe);
	signal(SIGPIPE, SIG_IGN);
	close(p[0]);
}

static void test_nonblocking(void)
{
	static char big[1 << 16];
	struct sockaddr_in a;
	int l = listen_v4(0, &a), s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), c, v;
	socklen_t len = sizeof(v);
	size_t sent = 0, got = 0;
	ssize_t n;
	struct pollfd pf;

	check_errno("in progress", connect(s, (void *)&a, sizeof(a)), EINPROGRESS);
	pf = (struct pollfd){ s, POLLOUT, 0 };
	check("becomes writable", poll(&pf, 1, 1000) == 1 && pf.revents == POLLOUT);
	check("no error", !getsockopt(s, SOL_SOCKET, SO_ERROR, &v, &len) && !v);
	check("connect again", connect(s, (void *)&a, sizeof(a)) == 0);
	check_errno("and again", connect(s, (void *)&a, sizeof(a)), EISCONN);
	c = accept4(l, NULL, NULL, SOCK_NONBLOCK);
	need(c >= 0);
	check_errno("no more", (fcntl(l, F_SETFL, O_NONBLOCK), accept(l, NULL, NULL)), EAGAIN);
	while ((n = write(s, big, sizeof(big))) > 0)
		sent += (size_t)n;
	check("full", n < 0 && errno == EAGAIN && sent > sizeof(big));
	pf.revents = 0;
	check("not writable", poll(&pf, 1, 0) == 0);
	while (got < sent) {
		pf = (struct pollfd){ c, POLLIN, 0 };
		need(poll(&pf, 1, 5000) == 1);
		n = read(c, big, sizeof(big));
		need(n > 0);
		got += (size_t)n;
	}
	pf = (struct pollfd){ s, POLLOUT, 0 };
	check("writable again", poll(&pf, 1, 1000) == 1);
	close(s);
	close(c);
	close(l);
}

static void test_udp(void)
{
	int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0), v = 1;
	struct sockaddr_in addr = v4(0), from;
	socklen_t len = sizeof(addr);
	char buf[100], control[100];
	struct iovec iov = { buf, 100 };
	struct msghdr m = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = 100 };

	need(!bind(a, (void *)&addr, sizeof(addr)) && !getsockname(a, (void *)&addr, &len));
	check("port was chosen", addr.sin_port != 0);
	check("sendto", sendto(b, "one", 3, 0, (void *)&addr, sizeof(addr)) == 3);
	check("empty datagram", sendto(b, "", 0, 0, (void *)&addr, sizeof(addr)) == 0);
	check("sendto", sendto(b, "a longer one", 12, 0, (void *)&addr, sizeof(addr)) == 12);
	len = sizeof(from);
	check("recvfrom", recvfrom(a, buf, 100, 0, (void *)&from, &len) == 3 && len == sizeof(from) && from.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	check("empty", recv(a, buf, 100, 0) == 0);
	check("truncated", recv(a, buf, 4, MSG_TRUNC) == 12);
	check("reply", sendto(a, "re", 2, 0, (void *)&from, len) == 2 && recv(b, buf, 100, 0) == 2);
	check("pktinfo", !setsockopt(a, IPPROTO_IP, IP_PKTINFO, &v, sizeof(v)));
	check("connected send", !connect(b, (void *)&addr, sizeof(addr)) && send(b, "four", 4, 0) == 4);
	check("recvmsg", recvmsg(a, &m, 0) == 4 && m.msg_flags == 0);
	check("control message", CMSG_FIRSTHDR(&m) && CMSG_FIRSTHDR(&m)->cmsg_type == IP_PKTINFO);
	struct mmsghdr mm[2] = { { .msg_hdr = { .msg_iov = &iov, .msg_iovlen = 1 } }, { .msg_hdr = { .msg_iov = &iov, .msg_iovlen = 1 } } };
	iov.iov_len = 7;
	check("sendmmsg", sendmmsg(b, mm, 2, 0) == 2 && mm[1].msg_len == 7);
	check("recvmmsg", recvmmsg(a, mm, 2, MSG_WAITFORONE, NULL) == 2);
	close(a);
	send(b, "x", 1, 0);
	poll(&(struct pollfd){ b, POLLIN, 0 }, 1, 1000);
	check_errno("port unreachable", recv(b, buf, 1, MSG_DONTWAIT), ECONNREFUSED);
	static char big[60000];
	a = socket(AF_INET, SOCK_DGRAM, 0);
	addr = v4(0);
	len = sizeof(addr);
	need(!bind(a, (void *)&addr, sizeof(addr)) && !getsockname(a, (void *)&addr, &len));
	check("60000 bytes", sendto(b, big, 60000, 0, (void *)&addr, sizeof(addr)) == 60000 && recv(a, big, 60000, 0) == 60000);
	check_errno("too long", sendto(b, big, 65508, 0, (void *)&addr, sizeof(addr)), EMSGSIZE);
	close(a);
	close(b);
}

static void test_v6(void)
{
	int l = socket(AF_INET6, SOCK_STREAM, 0), s, c;
	struct sockaddr_in6 a = { .sin6_family = AF_INET6 }, peer;
	struct sockaddr_in a4;
	socklen_t len = sizeof(a);
	char text[64], buf[4];

	need(!bind(l, (void *)&a, sizeof(a)) && !listen(l, 5) && !getsockname(l, (void *)&a, &len));
	a4 = v4(ntohs(a.sin6_port));
	a.sin6_addr = in6addr_loopback;
	s = socket(AF_INET6, SOCK_STREAM, 0);
	check("connect to ::1", !connect(s, (void *)&a, sizeof(a)));
	len = sizeof(peer);
	c = accept(l, (void *)&peer, &len);
	show("peer %s", inet_ntop(AF_INET6, &peer.sin6_addr, text, sizeof(text)));
	check("data", write(c, "six", 3) == 3 && read(s, buf, 4) == 3);
	close(s);
	close(c);
	s = socket(AF_INET, SOCK_STREAM, 0);
	check("IPv4 to a dual socket", !connect(s, (void *)&a4, sizeof(a4)));
	len = sizeof(peer);
	c = accept(l, (void *)&peer, &len);
	show("peer %s", inet_ntop(AF_INET6, &peer.sin6_addr, text, sizeof(text)));
	close(s);
	close(c);
	check_errno("address in use", bind(s = socket(AF_INET, SOCK_STREAM, 0), (void *)&a4, sizeof(a4)), EADDRINUSE);
	close(s);
	close(l);
}

static void test_unix(void)
{
	struct sockaddr_un a = { AF_UNIX, "/tmp/test.sock" }, name;
	int l = socket(AF_UNIX, SOCK_STREAM, 0), s = socket(AF_UNIX, SOCK_STREAM, 0), c, p[2], fd;
	socklen_t len;
	struct ucred cred;
	char buf[100], control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { buf, 100 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *h;

	unlink(a.sun_path);
	check_errno("no such name", connect(s, (void *)&a, sizeof(a)), ENOENT);
	check("bind", !bind(l, (void *)&a, sizeof(a)));
	check_errno("bound twice", bind(s, (void *)&a, sizeof(a)), EADDRINUSE);
	check_errno("nobody listens", connect(s, (void *)&a, sizeof(a)), ECONNREFUSED);
	check("listen, connect", !listen(l, 2) && !connect(s, (void *)&a, sizeof(a)));
	c = accept(l, NULL, NULL);
	len = sizeof(name);
	check("peer's name", c >= 0 && !getpeername(s, (void *)&name, &len) && !strcmp(name.sun_path, a.sun_path));
	len = sizeof(cred);
	check("SO_PEERCRED", !getsockopt(s, SOL_SOCKET, SO_PEERCRED, &cred, &len) && cred.pid == getpid());
	check("stream", write(s, "abc", 3) == 3 && write(s, "def", 3) == 3 && read(c, buf, 100) == 6);
	need(!pipe(p));
	h = CMSG_FIRSTHDR(&m);
	*h = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(h), &p[1], sizeof(int));
	iov.iov_len = 1;
	check("pass a descriptor", sendmsg(s, &m, 0) == 1);
	close(p[1]);
	memset(control, 0, sizeof(control));
	check("receive it", recvmsg(c, &m, 0) == 1 && h->cmsg_type == SCM_RIGHTS);
	memcpy(&fd, CMSG_DATA(h), sizeof(int));
	check("it works", write(fd, "pipe", 4) == 4 && read(p[0], buf, 100) == 4);
	close(fd);
	close(p[0]);
	close(s);
	check("end of stream", read(c, buf, 100) == 0);
	close(c);
	close(l);
	unlink(a.sun_path);

	need(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, p));
	check("packets", send(p[0], "12345", 5, 0) == 5 && send(p[0], "67", 2, 0) == 2 && recv(p[1], buf, 3, MSG_TRUNC) == 5 && recv(p[1], buf, 100, 0) == 2);
	close(p[0]);
	close(p[1]);
	struct sockaddr_un abs = { AF_UNIX, "\0abstract" };
	l = socket(AF_UNIX, SOCK_DGRAM, 0);
	s = socket(AF_UNIX, SOCK_DGRAM, 0);
	len = offsetof(struct sockaddr_un, sun_path) + 9;
	check("abstract datagrams", !bind(l, (void *)&abs, len) && sendto(s, "dg", 2, 0, (void *)&abs, len) == 2 && recv(l, buf, 100, 0) == 2);
	close(l);
	close(s);
}

#define NR_CLIENTS 8
#define NR_ROUNDS 300

static void *client(void *arg)
{
	struct sockaddr_in *a = arg;
	char out[2000], in[2000];
	int s = socket(AF_INET, SOCK_STREAM, 0);
	long good = 0;

	need(!connect(s, (void *)a, sizeof(*a)));
	for (int i = 0; i < NR_ROUNDS; i++) {
		int len = 1 + i * 37 % 1999;

		memset(out, 'a' + i % 26, sizeof(out));
		if (write(s, out, len) != len || recv(s, in, len, MSG_WAITALL) != len || memcmp(in, out, len))
			break;
		good++;
	}
	close(s);
	return (void *)good;
}

static void test_epoll_server(void)
{
	struct sockaddr_in a;
	int l = listen_v4(0, &a), ep = epoll_create1(0), nr_open = 0, nr_done = 0;
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = l }, evs[8];
	pthread_t t[NR_CLIENTS];
	long total = 0;

	need(!epoll_ctl(ep, EPOLL_CTL_ADD, l, &ev));
	for (int i = 0; i < NR_CLIENTS; i++)
		need(!pthread_create(&t[i], NULL, client, &a));
	while (nr_done < NR_CLIENTS) {
		int n = epoll_wait(ep, evs, 8, 10000);

		need(n > 0);
		for (int i = 0; i < n; i++) {
			char buf[4096];
			int fd = evs[i].data.fd;
			ssize_t r;

			if (fd == l) {
				fd = accept4(l, NULL, NULL, SOCK_NONBLOCK);
				need(fd >= 0);
				ev = (struct epoll_event){ .events = EPOLLIN | EPOLLET | EPOLLRDHUP, .data.fd = fd };
				need(!epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
				nr_open++;
				continue;
			}
			while ((r = read(fd, buf, sizeof(buf))) > 0)
				need(write(fd, buf, (size_t)r) == r);
			if (!r) {
				close(fd);
				nr_done++;
			}
		}
	}
	for (int i = 0; i < NR_CLIENTS; i++) {
		void *good;

		pthread_join(t[i], &good);
		total += (long)good;
	}
	show("%d connections, %ld round trips", nr_open, total);
	close(ep);
	close(l);
}

static void test_interfaces(void)
{
	struct ifaddrs *list, *i;
	bool has_lo = false;

	need(!getifaddrs(&list));
	for (i = list; i; i = i->ifa_next)
		has_lo |= !strcmp(i->ifa_name, "lo") && i->ifa_addr && i->ifa_addr->sa_family == AF_INET &&
			  ((struct sockaddr_in *)i->ifa_addr)->sin_addr.s_addr == htonl(INADDR_LOOPBACK) && i->ifa_flags & IFF_LOOPBACK;
	freeifaddrs(list);
	check("getifaddrs has lo", has_lo);
	check("if_nametoindex", if_nametoindex("lo") == 1);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	loopback_up();
	test_creation();
	test_tcp();
	test_sigpipe();
	test_nonblocking();
	test_udp();
	test_v6();
	test_unix();
	test_epoll_server();
	test_interfaces();
	return test_end();
}
