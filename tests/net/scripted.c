/* SPDX-License-Identifier: MIT
 *
 * The side under test of tests/net/conformance.py: a port for each behaviour of an application. Runs on Samara and on Linux.
 *
 *	7001 echo	7002 sends 20,000 bytes at once, then reads	7003 never reads	7004 closes at once	7005 sends a byte, closes with a reset (SO_LINGER 0)
 *	7006 shutdown(SHUT_WR), then reads to the end	7007 keepalive after 1 s, each second, twice; waits	7008 TCP_USER_TIMEOUT 1.5 s; sends, waits
 *	7009 reads one byte a second	7010/udp "PORT": connects to that port of the sender, sends "hello", echoes; the answer is "ok" or the errno
 *	7011 reads the urgent byte and the rest, tells both	7012 sends 200,000 bytes at once, then reads	7013 sends "ab" and, urgent, "X"; echo
 *	7020/udp echo; "E PORT": a connected socket sends to that port of the sender, the errno that it then gets is the answer; "S SIZE": the answer has that size
 *	7014 sends "a", "b", "c", 20 ms apart; echo 	7015 reads after a second, all there is	7016 sends 3,000 bytes, closes
 *	7021 sends "aaaa" and "bbb" with MSG_EOR and "cc", all under TCP_CORK, then takes the cork off; echo
 *	7022 after a byte sends "more" with MSG_MORE, which TCP_NODELAY then lets go; echo
 *	7017 echo, with TCP Fast Open	7019 the same; closes after the first read	7018/udp "PORT": as 7010, with "hello" in the SYN if the peer's cookie is known
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void set(int fd, int level, int option, int value)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)))
		perror("setsockopt");
}

static void echo(int fd)
{
	char buf[65536];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (send(fd, buf, (size_t)n, MSG_NOSIGNAL) != n)
			break;
}

static void echo_once(int fd)
{
	char buf[64];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n > 0)
		send(fd, buf, (size_t)n, MSG_NOSIGNAL);
}

static void urgent(int fd)
{
	char byte = '?', buf[64], text[128];
	ssize_t n;

	/* The mark stops the first read (tcp(7)). */
	n = recv(fd, buf, sizeof(buf) - 1, 0);
	buf[n > 0 ? n : 0] = '\0';
	recv(fd, &byte, 1, MSG_OOB);
	n = snprintf(text, sizeof(text), "%s,%c", buf, byte);
	send(fd, text, (size_t)n, MSG_NOSIGNAL);
	usleep(20000);	/* a further mark finds the byte of this one still there */
	echo(fd);
}

static void *serve(void *arg)
{
	int *fds = arg, fd = fds[0], port = fds[1];
	static char data[200000];
	char byte, buf[65536];

	switch (port) {
	case 7019:
		echo_once(fd);
		break;
	case 7001:
	case 7017:
		echo(fd);
		break;
	case 7002:
		send(fd, data, 20000, MSG_NOSIGNAL);
		echo(fd);
		break;
	case 7003:
		sleep(3600);
		break;
	case 7005:
		send(fd, "x", 1, MSG_NOSIGNAL);
		usleep(200000);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
		break;
	case 7006:
		shutdown(fd, SHUT_WR);
		while (read(fd, &byte, 1) > 0)
			;
		break;
	case 7007:
		set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 1);
		set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 1);
		set(fd, IPPROTO_TCP, TCP_KEEPCNT, 2);
		set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
		echo(fd);
		break;
	case 7008:
		set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 1500);
		send(fd, "x", 1, MSG_NOSIGNAL);
		echo(fd);
		break;
	case 7009:
		while (sleep(1) == 0 && read(fd, &byte, 1) > 0)
			;
		break;
	case 7011:
		urgent(fd);
		break;
	case 7012:
		send(fd, data, sizeof(data), MSG_NOSIGNAL);
		echo(fd);
		break;
	case 7013:
		send(fd, "ab", 2, MSG_NOSIGNAL);
		send(fd, "X", 1, MSG_OOB | MSG_NOSIGNAL);
		echo(fd);
		break;
	case 7014:
		for (const char *p = "abc"; *p; p++) {
			send(fd, p, 1, MSG_NOSIGNAL);
			usleep(20000);
		}
		echo(fd);
		break;
	case 7015:
		sleep(1);
		while (read(fd, buf, sizeof(buf)) > 0)
			;
		break;
	case 7021:
		set(fd, IPPROTO_TCP, TCP_CORK, 1);
		send(fd, "aaaa", 4, MSG_EOR | MSG_NOSIGNAL);
		send(fd, "bbb", 3, MSG_EOR | MSG_NOSIGNAL);
		send(fd, "cc", 2, MSG_NOSIGNAL);
		set(fd, IPPROTO_TCP, TCP_CORK, 0);
		echo(fd);
		break;
	case 7022:
		if (read(fd, &byte, 1) == 1)
			send(fd, "more", 4, MSG_MORE | MSG_NOSIGNAL);
		set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
		echo(fd);
		break;
	case 7016:
		send(fd, data, 3000, MSG_NOSIGNAL);
		break;
	}
	close(fd);
	free(fds);
	return NULL;
}

static void *listener(void *arg)
{
	int port = (int)(intptr_t)arg, s = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };

	set(s, SOL_SOCKET, SO_REUSEADDR, 1);
	if (port == 7017 || port == 7019)
		set(s, IPPROTO_TCP, TCP_FASTOPEN, 64);
	if (bind(s, (struct sockaddr *)&a, sizeof(a)) || listen(s, 64)) {
		perror("listen");
		exit(1);
	}
	for (;;) {
		int fd = accept(s, NULL, NULL), *fds;
		pthread_t t;

		if (fd < 0)
			continue;
		fds = malloc(2 * sizeof(*fds));
		fds[0] = fd;
		fds[1] = port;
		if (pthread_create(&t, NULL, serve, fds))
			close(fd);
		else
			pthread_detach(t);
	}
}

struct request {
	struct sockaddr_in6 from;
	uint16_t port;
	int socket;
	int is_fast;
};

static void *connect_back(void *arg)
{
	struct request *q = arg;
	struct sockaddr_in6 to = q->from;
	int fd = socket(AF_INET6, SOCK_STREAM, 0), r;
	char text[16];

	to.sin6_port = htons(q->port);
	if (q->is_fast)
		r = sendto(fd, "hello", 5, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof(to)) == 5 ? 0 : errno;
	else
		r = connect(fd, (struct sockaddr *)&to, sizeof(to)) ? errno : 0;
	sprintf(text, r ? "%d" : "ok", r);
	sendto(q->socket, text, strlen(text), 0, (struct sockaddr *)&q->from, sizeof(q->from));
	if (!r) {
		if (!q->is_fast)
			send(fd, "hello", 5, MSG_NOSIGNAL);
		echo(fd);
	}
	close(fd);
	free(q);
	return NULL;
}

static void *connector(void *arg)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)(intptr_t)arg) };
	int s = socket(AF_INET6, SOCK_DGRAM, 0);

	if (bind(s, (struct sockaddr *)&a, sizeof(a)))
		perror("bind");
	for (;;) {
		struct request *q = malloc(sizeof(*q));
		socklen_t len = sizeof(q->from);
		char buf[64] = "";
		pthread_t t;

		if (recvfrom(s, buf, sizeof(buf) - 1, 0, (struct sockaddr *)&q->from, &len) <= 0) {
			free(q);
			continue;
		}
		q->port = (uint16_t)atoi(buf);
		q->socket = s;
		q->is_fast = (intptr_t)arg == 7018;
		if (!pthread_create(&t, NULL, connect_back, q))
			pthread_detach(t);
	}
	return NULL;
}

/* The errno that a connected socket gets within a second after it has sent to `to`. */
static int error_of(const struct sockaddr_in6 *to)
{
	int fd = socket(AF_INET6, SOCK_DGRAM, 0), r = 0;
	struct timeval second = { 1, 0 };
	char byte;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) || send(fd, "error?", 6, 0) < 0 || recv(fd, &byte, 1, 0) < 0)
		r = errno;
	close(fd);
	return r;
}

static void *datagrams(void *unused)
{
	int s = socket(AF_INET6, SOCK_DGRAM, 0);
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(7020) };
	static char buf[65536];

	(void)unused;
	if (bind(s, (struct sockaddr *)&a, sizeof(a)))
		perror("bind");
	for (;;) {
		struct sockaddr_in6 from;
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(s, buf, sizeof(buf) - 1, 0, (struct sockaddr *)&from, &len);

		if (n < 0)
			continue;
		buf[n] = '\0';
		if (buf[0] == 'E') {
			struct sockaddr_in6 to = from;

			to.sin6_port = htons((uint16_t)atoi(buf + 1));
			n = sprintf(buf, "%d", error_of(&to));
		} else if (buf[0] == 'S') {
			n = atoi(buf + 1);
			memset(buf, 's', (size_t)n);
		}
		if (sendto(s, buf, (size_t)n, 0, (struct sockaddr *)&from, len) < 0)
			sendto(s, buf, (size_t)n, 0, (struct sockaddr *)&from, len);	/* an error of before */
	}
	return NULL;
}

/* For servers, too, which Linux is not without being asked. */
static void enable_fast_open(void)
{
	FILE *f = fopen("/proc/sys/net/ipv4/tcp_fastopen", "w");

	if (!f || fputs("3", f) < 0 || fclose(f))
		perror("tcp_fastopen");
}

int main(void)
{
	pthread_t t;

	setvbuf(stdout, NULL, _IOLBF, 0);
	enable_fast_open();
	for (int port = 7001; port <= 7022; port++)
		if (port != 7010 && port != 7018 && port != 7020)
			pthread_create(&t, NULL, listener, (void *)(intptr_t)port);
	pthread_create(&t, NULL, connector, (void *)7010);
	pthread_create(&t, NULL, connector, (void *)7018);
	pthread_create(&t, NULL, datagrams, NULL);
	usleep(300000);
	puts("ready");
	pause();
	return 0;
}
