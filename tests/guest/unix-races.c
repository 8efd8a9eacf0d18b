/* SPDX-License-Identifier: MIT */
/*
 * Threads that do the same to one AF_UNIX socket at the same time: of two that connect it, or give
 * it a name, one succeeds, also where both slept before. And peers that change while others send
 * through them.
 */
#include "test.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define ROUNDS 200

static struct sockaddr_un listener = {.sun_family = AF_UNIX, .sun_path = "\0races"};
static const socklen_t listener_len = offsetof(struct sockaddr_un, sun_path) + 6;
static pthread_barrier_t barrier;
static int shared, errors[2];

static void *connect_it(void *arg)
{
	int *error = arg;

	pthread_barrier_wait(&barrier);
	*error = connect(shared, (struct sockaddr *)&listener, listener_len) ? errno : 0;
	return NULL;
}

static void *bind_it(void *arg)
{
	int *error = arg;
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	snprintf(a.sun_path, sizeof(a.sun_path), "/tmp/races-%d", (int)(error - errors));
	pthread_barrier_wait(&barrier);
	*error = bind(shared, (struct sockaddr *)&a, sizeof(a)) ? errno : 0;
	return NULL;
}

static bool one_of_two(int loser)
{
	return (errors[0] == 0 && errors[1] == loser) || (errors[1] == 0 && errors[0] == loser);
}

/* Connections that can be accepted now; each ends when the client is closed. */
static int accept_all(int l)
{
	int n = 0, s;

	while ((s = accept4(l, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		close(s);
		n++;
	}
	return n;
}

static void test_connect(int type, bool is_full)
{
	int wrong = 0;

	for (int i = 0; i < ROUNDS; i++) {
		int l = socket(AF_UNIX, type | SOCK_NONBLOCK, 0), first = socket(AF_UNIX, type, 0),
		    n = 0;
		pthread_t t[2];

		shared = socket(AF_UNIX, type, 0);
		need(bind(l, (struct sockaddr *)&listener, listener_len) == 0 &&
		     listen(l, is_full ? 0 : 8) == 0);
		if (is_full)
			need(connect(first, (struct sockaddr *)&listener, listener_len) == 0);
		for (int j = 0; j < 2; j++)
			need(pthread_create(&t[j], NULL, connect_it, &errors[j]) == 0);
		pthread_barrier_wait(&barrier);
		if (is_full) {
			struct pollfd p = {l, POLLIN, 0};

			sleep_ms(1);
			while (n < 2 && poll(&p, 1, 10000) == 1)
				n += accept_all(l);
			n--;
		}
		for (int j = 0; j < 2; j++)
			pthread_join(t[j], NULL);
		n += accept_all(l);
		wrong += !one_of_two(EISCONN) || n != 1;
		close(shared);
		close(first);
		close(l);
	}
	show("type %d%s: %d rounds without exactly one connection", type,
	     is_full ? ", a full backlog" : "", wrong);
}

static void test_bind(void)
{
	int wrong = 0;

	for (int i = 0; i < ROUNDS; i++) {
		pthread_t t[2];
		int names;

		unlink("/tmp/races-0");
		unlink("/tmp/races-1");
		shared = socket(AF_UNIX, SOCK_STREAM, 0);
		for (int j = 0; j < 2; j++)
			need(pthread_create(&t[j], NULL, bind_it, &errors[j]) == 0);
		pthread_barrier_wait(&barrier);
		for (int j = 0; j < 2; j++)
			pthread_join(t[j], NULL);
		names = (access("/tmp/races-0", F_OK) == 0) + (access("/tmp/races-1", F_OK) == 0);
		wrong += !one_of_two(EINVAL) || names != 1;
		close(shared);
	}
	show("bind: %d rounds without exactly one name", wrong);
}

/* ---- peers that come and go
 * ----------------------------------------------------------------------------------- */

static _Atomic bool is_over;
static struct sockaddr_un homes[2] = {{.sun_family = AF_UNIX, .sun_path = "\0home0"},
				      {.sun_family = AF_UNIX, .sun_path = "\0home1"}};
static const socklen_t home_len = offsetof(struct sockaddr_un, sun_path) + 6;

static void *send_through(void *unused)
{
	struct pollfd p = {shared, POLLOUT, 0};

	while (!is_over) {
		for (int i = 0; i < 20; i++)
			send(shared, "x", 1, MSG_DONTWAIT);
		poll(&p, 1, 1);
	}
	return unused;
}

static void *change_peer(void *unused)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};

	while (!is_over) {
		connect(shared, (struct sockaddr *)&homes[0], home_len);
		connect(shared, (struct sockaddr *)&homes[1], home_len);
		connect(shared, &none, sizeof(none));
	}
	return unused;
}

/* The sockets at home live for a short time, connected back or not. */
static void *be_at_home(void *arg)
{
	const struct sockaddr_un *a = arg, *caller = &listener;
	char data[8];

	for (int i = 0; !is_over; i++) {
		int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

		bind(s, (const struct sockaddr *)a, home_len);
		if (i & 1)
			connect(s, (const struct sockaddr *)caller, listener_len);
		for (int j = 0; j < 30; j++)
			recv(s, data, sizeof(data), 0);
		close(s);
	}
	return NULL;
}

static void test_peers(void)
{
	pthread_t t[6];

	shared = socket(AF_UNIX, SOCK_DGRAM, 0);
	need(bind(shared, (struct sockaddr *)&listener, listener_len) == 0);
	need(pthread_create(&t[0], NULL, be_at_home, &homes[0]) == 0 &&
	     pthread_create(&t[1], NULL, be_at_home, &homes[1]) == 0);
	need(pthread_create(&t[2], NULL, send_through, NULL) == 0 &&
	     pthread_create(&t[3], NULL, send_through, NULL) == 0);
	need(pthread_create(&t[4], NULL, change_peer, NULL) == 0 &&
	     pthread_create(&t[5], NULL, change_peer, NULL) == 0);
	sleep_ms(1500);
	is_over = true;
	for (int i = 0; i < 6; i++)
		pthread_join(t[i], NULL);
	close(shared);
	show("peers that come and go");
}

int main(void)
{
	mkdir("/tmp", 01777);
	need(pthread_barrier_init(&barrier, NULL, 3) == 0);
	test_connect(SOCK_STREAM, false);
	test_connect(SOCK_SEQPACKET, false);
	test_connect(SOCK_STREAM, true);
	test_bind();
	test_peers();
	return test_end();
}
