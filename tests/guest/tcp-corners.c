// SPDX-License-Identifier: MIT
/*
 * Corners of TCP sockets that Linux's own scripts look into: whom accept(2) names when the connection has ended meanwhile, that a
 * connect which did not wait is told once that it has come true, also by send(2) with MSG_FASTOPEN, and that splice(2) does
 * not pass over an urgent byte.
 */
#include "test.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

/* What must work for the rest to mean anything. */
static void must(bool is_true)
{
	if (!is_true) {
		show("FAIL: %s", strerrorname_np(errno));
		exit(1);
	}
}

static int listener(struct sockaddr_in *a)
{
	socklen_t len = sizeof(*a);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	*a = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	must(bind(l, (struct sockaddr *)a, sizeof(*a)) == 0);
	must(listen(l, 8) == 0);
	must(getsockname(l, (struct sockaddr *)a, &len) == 0);
	return l;
}

static void wait_until(int fd, short events)
{
	struct pollfd p = { fd, events, 0 };

	must(poll(&p, 1, 20000) == 1);
}

static void reset_before_accept(void)
{
	struct sockaddr_in a, peer, own;
	socklen_t len = sizeof(peer), own_len = sizeof(own);
	int l = listener(&a), c = socket(AF_INET, SOCK_STREAM, 0), s;
	long r;

	must(connect(c, (struct sockaddr *)&a, sizeof(a)) == 0);
	must(getsockname(c, (struct sockaddr *)&own, &own_len) == 0);
	wait_until(l, POLLIN);
	must(setsockopt(c, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger)) == 0);
	close(c);
	s = accept(l, (struct sockaddr *)&peer, &len);
	must(s >= 0);
	wait_until(s, POLLIN);
	show("accepted, the name has %u bytes, %s", len, peer.sin_port == own.sin_port && peer.sin_addr.s_addr == own.sin_addr.s_addr ? "right" : "wrong");
	r = getpeername(s, (struct sockaddr *)&peer, &len);
	show("getpeername: %s", r ? strerrorname_np(errno) : "0");
	close(s);
	close(l);
}

static void connecting(int is_send)
{
	struct sockaddr_in a;
	int l = listener(&a), c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	long r;

	r = is_send ? sendto(c, "", 0, MSG_FASTOPEN, (struct sockaddr *)&a, sizeof(a)) : connect(c, (struct sockaddr *)&a, sizeof(a));
	show("first %s: %s", is_send ? "send" : "connect", r < 0 ? strerrorname_np(errno) : "0");
	wait_until(c, POLLOUT);
	for (int i = 0; i < 2; i++) {
		r = sendto(c, "data", 4, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr *)&a, sizeof(a));
		show("then: %s", r < 0 ? strerrorname_np(errno) : r == 4 ? "4" : "?");
	}
	r = connect(c, (struct sockaddr *)&a, sizeof(a));
	show("connect: %s", r < 0 ? strerrorname_np(errno) : "0");
	close(c);
	close(l);
}

static void splice_urgent(void)
{
	struct sockaddr_in a;
	int l = listener(&a), c = socket(AF_INET, SOCK_STREAM, 0), s, fds[2];

	must(connect(c, (struct sockaddr *)&a, sizeof(a)) == 0);
	s = accept(l, NULL, NULL);
	must(s >= 0 && pipe(fds) == 0);
	must(send(c, "0123456789", 10, MSG_OOB) == 10);
	wait_until(s, POLLPRI);
	show("splice: %zd", splice(s, NULL, fds[1], NULL, 9, 0));
	show("splice at the urgent byte: %zd", splice(s, NULL, fds[1], NULL, 1, 0));
	close(c);
	close(s);
	close(l);
}

int main(void)
{
	reset_before_accept();
	connecting(0);
	connecting(1);
	splice_urgent();
	return test_end();
}
