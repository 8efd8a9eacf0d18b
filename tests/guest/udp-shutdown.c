/* SPDX-License-Identifier: MIT */
/*
 * UDP after shutdown(2), beside Linux: what is queued, what still comes, what may be sent, and who
 * is told.
 */
#include "test.h"
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static volatile sig_atomic_t nr_sigpipe;

static void count(int sig)
{
	(void)sig;
	nr_sigpipe++;
}

static void result(const char *what, long r)
{
	if (r < 0)
		show("%s: %s", what, strerrorname_np(errno));
	else
		show("%s: %ld", what, r);
}

static void ask(int s)
{
	char data[8];
	struct pollfd p = {s, POLLIN | POLLOUT | POLLRDHUP, 0};

	poll(&p, 1, 0);
	show("  poll %x", p.revents);
	result("  recv", recv(s, data, 8, MSG_DONTWAIT));
	result("  recv", recv(s, data, 8, MSG_DONTWAIT));
	nr_sigpipe = 0;
	result("  send", send(s, "x", 1, 0));
	result("  write", write(s, "x", 1));
	show("  SIGPIPE: %d", nr_sigpipe);
}

int main(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING};
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	char data[8];

	signal(SIGPIPE, count);
	for (int is_v6 = 0; is_v6 < 2; is_v6++) {
		for (int how = 0; how < 3; how++) {
			struct sockaddr_in6 a = {.sin6_family = AF_INET6,
						 .sin6_addr = IN6ADDR_LOOPBACK_INIT};
			struct sockaddr_in *a4 = (struct sockaddr_in *)&a;
			socklen_t len = sizeof(a);
			int s = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0),
			    t = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);

			ioctl(s, SIOCSIFFLAGS, &request); /* a bare Linux needs it */
			if (!is_v6)
				*a4 = (struct sockaddr_in){.sin_family = AF_INET,
							   .sin_addr.s_addr =
								   htonl(INADDR_LOOPBACK)};
			need(bind(s, (struct sockaddr *)&a, sizeof(a)) == 0 &&
			     getsockname(s, (struct sockaddr *)&a, &len) == 0);
			need(connect(t, (struct sockaddr *)&a, len) == 0);
			show("IPv%d, how %d", is_v6 ? 6 : 4, how);
			result("not connected", shutdown(s, how));
			ask(s);
			need(send(t, "after", 5, 0) == 5);
			show("what comes after it");
			ask(s);
			close(s);

			s = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
			need(bind(s, (struct sockaddr *)&a, len) == 0);
			need(getsockname(t, (struct sockaddr *)&a, &len) == 0 &&
			     connect(s, (struct sockaddr *)&a, len) == 0);
			need(send(t, "before", 6, 0) == 6);
			result("connected", shutdown(s, how));
			need(send(t, "after", 5, 0) == 5);
			ask(s);
			ask(s);
			if (how != SHUT_WR)
				result("a recv that may wait", recv(s, data, 8, 0));
			result("a bad how", shutdown(s, 3));
			result("disconnect", connect(s, &none, sizeof(none)));
			result("shutdown", shutdown(s, how));
			result("connect", connect(s, (struct sockaddr *)&a, len));
			ask(s);
			close(s);
			close(t);
		}
	}
	return test_end();
}
