/* SPDX-License-Identifier: MIT */
/*
 * Many threads wait for the same thing, each through an epoll of its own with
 * EPOLLEXCLUSIVE, or in read(2), accept(2) or recv(2): an event wakes one of
 * them, not all; none is lost, also if who was woken leaves something for
 * others or is interrupted; the end of a pipe wakes all.
 *
 * How many were woken shows in the returns of epoll_wait(2), and for those
 * that wait in the call itself in the voluntary context switches. A thread on
 * its way back into epoll_wait(2) may see what another was woken for, so the
 * bounds lie far above one for each event, and far below one for each thread.
 */
#include "test.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#define NR_THREADS 32
#define NR_EVENTS 50

enum kind { EVENTFD, PIPE, TCP, UDP, UNIX_STREAM, UNIX_DGRAM, UNIX_DATA, NR_KINDS };
static const char *const names[] = { "eventfd", "pipe", "TCP listener", "UDP", "UNIX listener", "UNIX datagrams", "UNIX stream" };

static enum kind kind;
static int fd, other = -1; /* what is waited for; its other end */
static struct sockaddr_storage address;
static socklen_t address_len;
static bool is_blocking;
static int nr_begun, nr_returns;
static bool is_over;
static sem_t served;

static void lo_up(void)
{
	struct ifreq request = { .ifr_name = "lo" };
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	if (ioctl(s, SIOCGIFFLAGS, &request) == 0) {
		request.ifr_flags |= IFF_UP;
		ioctl(s, SIOCSIFFLAGS, &request);
	}
	close(s);
}

static bool is_listener(void)
{
	return kind == TCP || kind == UNIX_STREAM;
}

static void open_it(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int flags = is_blocking ? 0 : O_NONBLOCK, ends[2];

	if (kind == EVENTFD) {
		fd = eventfd(0, flags | EFD_SEMAPHORE);
	} else if (kind == PIPE) {
		need(pipe2(ends, flags) == 0);
		fd = ends[0];
		other = ends[1];
	} else if (kind == UNIX_DATA) {
		need(socketpair(AF_UNIX, SOCK_STREAM | flags, 0, ends) == 0);
		fd = ends[0];
		other = ends[1];
	} else {
		bool is_inet = kind == TCP || kind == UDP;

		fd = socket(is_inet ? AF_INET : AF_UNIX, (is_listener() ? SOCK_STREAM : SOCK_DGRAM) | flags, 0);
		snprintf(un.sun_path, sizeof(un.sun_path), "/tmp/exclusive-%d-%d", kind, is_blocking);
		unlink(un.sun_path);
		need(bind(fd, is_inet ? (void *)&in : (void *)&un, is_inet ? sizeof(in) : sizeof(un)) == 0);
		address_len = sizeof(address);
		need(getsockname(fd, (void *)&address, &address_len) == 0);
		if (is_listener())
			need(listen(fd, 100) == 0);
		else
			other = socket(address.ss_family, SOCK_DGRAM, 0);
	}
}

static void send_one(void)
{
	if (kind == EVENTFD) {
		need(eventfd_write(fd, 1) == 0);
	} else if (kind == PIPE || kind == UNIX_DATA) {
		need(write(other, "x", 1) == 1);
	} else if (is_listener()) {
		int s = socket(address.ss_family, SOCK_STREAM, 0);

		need(connect(s, (void *)&address, address_len) == 0);
		close(s);
	} else {
		need(sendto(other, "x", 1, 0, (void *)&address, address_len) == 1);
	}
}

static bool take_one(void)
{
	uint64_t value;
	char byte;
	int s;

	if (kind == EVENTFD)
		return read(fd, &value, 8) == 8;
	if (kind == PIPE || kind == UNIX_DATA)
		return read(fd, &byte, 1) == 1;
	if (!is_listener())
		return recv(fd, &byte, 1, 0) == 1;
	s = accept(fd, NULL, NULL);
	if (s >= 0)
		close(s);
	return s >= 0;
}

/* Also what ends the thread is taken: a queue that fills would block the sender. */
static void *serve(void *unused)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE }, got;
	bool is_taken, is_last = false;
	int ep = epoll_create1(0);

	(void)unused;
	if (!is_blocking)
		need(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event) == 0);
	__atomic_add_fetch(&nr_begun, 1, __ATOMIC_SEQ_CST);
	while (!is_last) {
		if (!is_blocking && epoll_wait(ep, &got, 1, -1) == 1)
			__atomic_add_fetch(&nr_returns, 1, __ATOMIC_SEQ_CST);
		is_taken = take_one();
		is_last = __atomic_load_n(&is_over, __ATOMIC_SEQ_CST);
		if (is_taken || is_last)
			sem_post(&served);
	}
	close(ep);
	return NULL;
}

static long switches(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_nvcsw;
}

static void start(pthread_t *threads)
{
	nr_begun = 0;
	is_over = false;
	need(sem_init(&served, 0, 0) == 0);
	open_it();
	for (int i = 0; i < NR_THREADS; i++)
		need(pthread_create(&threads[i], NULL, serve, NULL) == 0);
	while (__atomic_load_n(&nr_begun, __ATOMIC_SEQ_CST) != NR_THREADS)
		sleep_ms(1);
	sleep_ms(100);
}

static void wait_served(void)
{
	while (sem_wait(&served) != 0)
		;
}

/* Each event ends one; the end of a pipe ends all, as it concerns all. */
static void stop(pthread_t *threads)
{
	__atomic_store_n(&is_over, true, __ATOMIC_SEQ_CST);
	if (kind == PIPE || kind == UNIX_DATA) {
		close(other);
		other = -1;
	}
	for (int i = 0; i < NR_THREADS; i++) {
		if (kind != PIPE && kind != UNIX_DATA)
			send_one();
		wait_served();
	}
	for (int i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
	close(fd);
	if (other >= 0)
		close(other);
	other = -1;
}

static void test(void)
{
	pthread_t threads[NR_THREADS];
	long before, nr;

	start(threads);
	before = switches();
	nr_returns = 0;
	for (int i = 0; i < NR_EVENTS; i++) {
		send_one();
		wait_served();
		sleep_ms(1);
	}
	nr = is_blocking ? switches() - before : __atomic_load_n(&nr_returns, __ATOMIC_SEQ_CST);
	/* All at once: every one is served, though each wakes one thread only. */
	for (int i = 0; i < NR_EVENTS; i++)
		send_one();
	for (int i = 0; i < NR_EVENTS; i++)
		wait_served();
	/* Linux wakes all who read an eventfd or a stream of AF_UNIX. */
	if (is_blocking && (kind == EVENTFD || kind == UNIX_DATA))
		show("%s, blocking: all served", names[kind]);
	else
		show("%s%s: all served, %s woken", names[kind], is_blocking ? ", blocking" : "", nr < 16 * NR_EVENTS ? "few" : "MANY");
	stop(threads);
}

/* One write for all: each takes a byte of it, and the next must hear that there is more. */
static void test_parts(void)
{
	char bytes[NR_THREADS] = { 0 };
	pthread_t threads[NR_THREADS];

	start(threads);
	need(write(other, bytes, sizeof(bytes)) == sizeof(bytes));
	for (int i = 0; i < NR_THREADS; i++)
		wait_served();
	show("%s: one write served all", names[kind]);
	stop(threads);
}

static void nothing(int sig)
{
	(void)sig;
}

/* Reads until it is interrupted or nothing more comes. */
static void *read_once(void *unused)
{
	(void)unused;
	__atomic_add_fetch(&nr_begun, 1, __ATOMIC_SEQ_CST);
	while (take_one())
		sem_post(&served);
	return NULL;
}

/* Who is woken may be interrupted at the same time and go: another must take what came. */
static void test_interrupted(void)
{
	struct sigaction action = { .sa_handler = nothing };
	pthread_t threads[NR_THREADS];

	sigaction(SIGUSR1, &action, NULL);
	nr_begun = 0;
	need(sem_init(&served, 0, 0) == 0);
	open_it();
	for (int i = 0; i < NR_THREADS; i++)
		need(pthread_create(&threads[i], NULL, read_once, NULL) == 0);
	while (__atomic_load_n(&nr_begun, __ATOMIC_SEQ_CST) != NR_THREADS)
		sleep_ms(1);
	sleep_ms(100);
	for (int i = 0; i < NR_THREADS - 1; i++) {
		if (i % 2)
			pthread_kill(threads[i], SIGUSR1);
		send_one();
		if (i % 2 == 0)
			pthread_kill(threads[i], SIGUSR1);
		wait_served();
	}
	show("%s: all served beside interruptions", names[kind]);
	for (int i = 0; i < NR_THREADS; i++) {
		while (pthread_tryjoin_np(threads[i], NULL) != 0) {
			pthread_kill(threads[i], SIGUSR1);
			sleep_ms(1);
		}
	}
	close(fd);
	if (other >= 0)
		close(other);
	other = -1;
}

int main(void)
{
	lo_up();
	for (int i = 0; i < NR_KINDS; i++) {
		kind = i;
		test();
	}
	is_blocking = true;
	for (int i = 0; i < NR_KINDS; i++) {
		kind = i;
		test();
	}
	for (int i = 0; i < NR_KINDS; i++) {
		kind = i;
		if (i == PIPE || i == UNIX_DATA)
			test_parts();
		if (i == EVENTFD || i == PIPE || i == UNIX_DATA)
			test_interrupted();
	}
	return test_end();
}
