// SPDX-License-Identifier: MIT
/*
 * Whoever goes to sleep looks whether there is something first. Here others have things in hand at that moment: on the way from where a producer puts them to where a
 * consumer takes them. Each round needs an answer; five seconds without one is a wake-up that got lost.
 */
#include "test.h"

#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#define NR_ROUNDS	1500
#define NR_RECEIVERS	3
#define NR_EVENTS	3
#define NR_STREAMS	6
#define NR_TRIPS	600

static void loopback_up(void)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	ioctl(fd, SIOCSIFFLAGS, &r);	/* a bare Linux needs it */
	close(fd);
}

static int answers;		/* eventfd, semaphore: one for each thing taken */
static volatile int is_over;

static bool wait_answers(int nr)
{
	struct timeval limit = { .tv_sec = 5 };
	uint64_t v;

	for (int i = 0; i < nr; i++) {
		fd_set set;

		FD_ZERO(&set);
		FD_SET(answers, &set);
		if (select(answers + 1, &set, NULL, NULL, &limit) != 1 || read(answers, &v, sizeof(v)) != sizeof(v))
			return false;
	}
	return true;
}

static void answer(void)
{
	uint64_t one = 1;

	need(write(answers, &one, sizeof(one)) == sizeof(one));
}

/* Several threads receive on one socket; each takes what lies in its channel, and one datagram of that. */
static void *receiver(void *arg)
{
	int s = *(int *)arg;
	char byte;

	while (recv(s, &byte, 1, 0) == 1 && byte != 'q')
		answer();
	return NULL;
}

static void test_datagrams(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int in = socket(AF_INET, SOCK_DGRAM, 0), out = socket(AF_INET, SOCK_DGRAM, 0), done = 0;
	socklen_t len = sizeof(a);
	pthread_t t[NR_RECEIVERS];

	need(!bind(in, (void *)&a, sizeof(a)) && !getsockname(in, (void *)&a, &len) && !connect(out, (void *)&a, sizeof(a)));
	for (int i = 0; i < NR_RECEIVERS; i++)
		need(!pthread_create(&t[i], NULL, receiver, &in));
	for (; done < NR_ROUNDS; done++) {
		for (int i = 0; i < NR_RECEIVERS; i++)
			need(send(out, "x", 1, 0) == 1);
		if (!wait_answers(NR_RECEIVERS))
			break;
	}
	show("%d rounds of datagrams for %d receivers", done, NR_RECEIVERS);
	for (int i = 0; i < NR_RECEIVERS; i++)
		need(send(out, "q", 1, 0) == 1);
	for (int i = 0; i < NR_RECEIVERS; i++)
		pthread_join(t[i], NULL);
	close(in);
	close(out);
}

/* Two threads on each connection, and beside them the stack itself takes what they have not picked up. */
static void *echo(void *arg)
{
	char buf[2048];
	ssize_t n;

	while ((n = read(*(int *)arg, buf, sizeof(buf))) > 0)
		need(write(*(int *)arg, buf, (size_t)n / 2) == n / 2 && write(*(int *)arg, buf + n / 2, (size_t)(n - n / 2)) == n - n / 2);
	return NULL;
}

static void *trips(void *arg)
{
	struct timeval limit = { .tv_sec = 5 };
	int fd = *(int *)arg;
	char buf[2048] = "";
	long good = 0;

	need(!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	for (int i = 0; i < NR_TRIPS; i++) {
		size_t len = 2 + (size_t)i * 37 % 1999;

		need(write(fd, buf, len) == (ssize_t)len);
		good += recv(fd, buf, len, MSG_WAITALL) == (ssize_t)len;
	}
	need(!shutdown(fd, SHUT_WR));
	return (void *)good;
}

static void test_streams(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int l = socket(AF_INET, SOCK_STREAM, 0), fds[NR_STREAMS][2], one = 1;
	pthread_t t[NR_STREAMS][2];
	socklen_t len = sizeof(a);
	long total = 0;

	need(!bind(l, (void *)&a, sizeof(a)) && !listen(l, NR_STREAMS) && !getsockname(l, (void *)&a, &len));
	for (int i = 0; i < NR_STREAMS; i++) {
		fds[i][0] = socket(AF_INET, SOCK_STREAM, 0);
		need(!connect(fds[i][0], (void *)&a, sizeof(a)));
		fds[i][1] = accept(l, NULL, NULL);
		need(fds[i][1] >= 0 && !setsockopt(fds[i][1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
		need(!pthread_create(&t[i][0], NULL, trips, &fds[i][0]) && !pthread_create(&t[i][1], NULL, echo, &fds[i][1]));
	}
	for (int i = 0; i < NR_STREAMS; i++) {
		void *good;

		pthread_join(t[i][0], &good);
		pthread_join(t[i][1], NULL);
		total += (long)good;
	}
	show("%ld trips through %d connections", total, NR_STREAMS);
}

/* One waits for events; another changes the set, and looks through what is ready while it does. */
static int ep, events[NR_EVENTS];

static void *waiter(void *arg)
{
	struct epoll_event e;
	uint64_t v;

	(void)arg;
	for (;;) {
		if (epoll_wait(ep, &e, 1, -1) != 1)
			continue;
		if (is_over)
			return NULL;
		if (read(events[e.data.u32], &v, sizeof(v)) == sizeof(v))
			answer();
	}
}

static void *changer(void *arg)
{
	struct epoll_event e = { .events = EPOLLIN };
	int quiet = eventfd(0, 0), outer = epoll_create1(0);

	(void)arg;
	need(!epoll_ctl(outer, EPOLL_CTL_ADD, ep, &e));
	while (!is_over) {
		need(!epoll_ctl(ep, EPOLL_CTL_ADD, quiet, &e));
		need(epoll_wait(outer, &e, 1, 0) >= 0);
		e = (struct epoll_event){ .events = EPOLLIN };
		need(!epoll_ctl(ep, EPOLL_CTL_DEL, quiet, &e));
	}
	close(outer);
	close(quiet);
	return NULL;
}

static void test_epoll(void)
{
	pthread_t t[2];
	uint64_t one = 1;
	int done = 0;

	ep = epoll_create1(0);
	for (uint32_t i = 0; i < NR_EVENTS; i++) {
		struct epoll_event e = { .events = EPOLLIN | EPOLLET, .data.u32 = i };

		events[i] = eventfd(0, EFD_NONBLOCK);
		need(!epoll_ctl(ep, EPOLL_CTL_ADD, events[i], &e));
	}
	need(!pthread_create(&t[0], NULL, waiter, NULL));
	need(!pthread_create(&t[1], NULL, changer, NULL));
	for (; done < NR_ROUNDS; done++) {
		for (int i = 0; i < NR_EVENTS; i++)
			need(write(events[i], &one, sizeof(one)) == sizeof(one));
		if (!wait_answers(NR_EVENTS))
			break;
	}
	show("%d rounds of events beside changes of the set", done);
	is_over = 1;
	for (int i = 0; i < NR_EVENTS; i++)
		need(write(events[i], &one, sizeof(one)) == sizeof(one));
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
}

int main(void)
{
	answers = eventfd(0, EFD_SEMAPHORE);
	loopback_up();
	test_datagrams();
	test_streams();
	test_epoll();
	return test_end();
}
