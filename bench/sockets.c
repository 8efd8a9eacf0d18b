/* SPDX-License-Identifier: MIT */
/*
 * Round trips of one byte over sockets between two threads: a UNIX socket pair,
 * and UDP and TCP over the loopback device. Both threads on CPU 0, or (_2cpu) on
 * CPUs 0 and 1. A row whose sockets cannot be made is left out.
 *
 * The way of 64 KiB to the other end of a TCP connection, by send(2) and by
 * sendfile(2) of a file in memory, where they are discarded (MSG_TRUNC), so that
 * what is left is the sending; one thread does both.
 */
#include "bench.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

static int here = -1, there = -1;
static pthread_t partner;
static int partner_cpu;

static void *answer(void *unused)
{
	char c;

	(void)unused;
	bind_to(partner_cpu);
	while (recv(there, &c, 1, 0) == 1 && c != 'q')
		need(send(there, &c, 1, 0) == 1);
	return NULL;
}

static void run_round_trips(long n)
{
	char c = 'x';

	for (long i = 0; i < n; i++) {
		need(send(here, &c, 1, 0) == 1);
		need(recv(here, &c, 1, 0) == 1);
	}
}

static void start(int cpu)
{
	partner_cpu = cpu;
	bind_to(0);
	need(pthread_create(&partner, NULL, answer, NULL) == 0);
}

static void stop(void)
{
	need(send(here, "q", 1, 0) == 1);
	pthread_join(partner, NULL);
	close(here);
	close(there);
}

static bool make_pair(void)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
		return false;
	here = fds[0];
	there = fds[1];
	return true;
}

/* An init process brings the loopback device up; here the benchmark is that process. */
static void bring_up_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0) {
		request.ifr_flags |= IFF_UP | IFF_RUNNING;
		ioctl(fd, SIOCSIFFLAGS, &request);
	}
	close(fd);
}

/* A socket bound to a free port of 127.0.0.1, and its address. */
static int bound(int type, struct sockaddr_in *address)
{
	socklen_t len = sizeof(*address);
	int fd = socket(AF_INET, type, 0);

	memset(address, 0, sizeof(*address));
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)address, len) != 0 ||
	    getsockname(fd, (struct sockaddr *)address, &len) != 0)
		return -1;
	return fd;
}

static bool make_udp(void)
{
	struct sockaddr_in a, b;

	bring_up_loopback();
	here = bound(SOCK_DGRAM, &a);
	there = bound(SOCK_DGRAM, &b);
	return here >= 0 && there >= 0 && connect(here, (struct sockaddr *)&b, sizeof(b)) == 0 &&
	       connect(there, (struct sockaddr *)&a, sizeof(a)) == 0;
}

static bool make_tcp(void)
{
	struct sockaddr_in a;
	int one = 1;

	bring_up_loopback();
	int listener = bound(SOCK_STREAM, &a);
	if (listener < 0 || listen(listener, 1) != 0)
		return false;
	here = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(here, (struct sockaddr *)&a, sizeof(a)) != 0)
		return false;
	there = accept(listener, NULL, NULL);
	close(listener);
	setsockopt(here, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(there, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return there >= 0;
}

#define BULK (64 << 10)
static char bulk[BULK];
static int bulk_file;

static bool make_bulk(void)
{
	bulk_file = open("/tmp/bench-bulk", O_RDWR | O_CREAT | O_TRUNC, 0600);
	need(bulk_file >= 0 && write(bulk_file, bulk, BULK) == BULK);
	if (!make_tcp())
		return false;
	return fcntl(here, F_SETFL, O_NONBLOCK) == 0 && fcntl(there, F_SETFL, O_NONBLOCK) == 0;
}

/* One after the other, as much as goes: no end ever waits for itself. */
static void move_bulk(bool is_file)
{
	off_t sent = 0, come = 0;
	ssize_t n;

	while (come < BULK) {
		n = 0;
		if (sent < BULK && is_file)
			n = sendfile(here, bulk_file, &sent, (size_t)(BULK - sent));
		else if (sent < BULK && (n = send(here, bulk + sent, (size_t)(BULK - sent), 0)) > 0)
			sent += n;
		need(n >= 0 || errno == EAGAIN);
		while (come < sent && (n = recv(there, bulk, BULK, MSG_TRUNC)) > 0)
			come += n;
	}
}

static void run_send(long n)
{
	for (long i = 0; i < n; i++)
		move_bulk(false);
}

static void run_sendfile(long n)
{
	for (long i = 0; i < n; i++)
		move_bulk(true);
}

static void start_alone(void)
{
	bind_to(0);
}

static void stop_alone(void)
{
	close(here);
	close(there);
	close(bulk_file);
}

static void start_same(void)
{
	start(0);
}

static void start_two(void)
{
	start(1);
}

static const struct {
	struct row row;
	bool (*make)(void);
} rows[] = {
	{ { .name = "unixsock_pingpong_samecpu", .prepare = start_same }, make_pair },
	{ { .name = "udp_lo_pingpong_samecpu", .prepare = start_same }, make_udp },
	{ { .name = "tcp_lo_pingpong_samecpu", .prepare = start_same }, make_tcp },
	{ { .name = "tcp_lo_send_64k", .run = run_send, .prepare = start_alone, .finish = stop_alone }, make_bulk },
	{ { .name = "tcp_lo_sendfile_64k", .run = run_sendfile, .prepare = start_alone, .finish = stop_alone }, make_bulk },
	{ { .name = "udp_lo_pingpong_2cpu", .prepare = start_two }, make_udp },
	{ { .name = "tcp_lo_pingpong_2cpu", .prepare = start_two }, make_tcp },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct row row = rows[i].row;

		if (!row.run) {
			row.run = run_round_trips;
			row.finish = stop;
		}
		if (!is_wanted(&row, argc, argv))
			continue;
		if (rows[i].make())
			run_row(&row);
		else
			fprintf(stderr, "%s: no such sockets (errno %d)\n", row.name, errno);
	}
	return 0;
}
