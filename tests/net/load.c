/* SPDX-License-Identifier: MIT
 *
 * Load for servers, on the host: load ADDRESS PORT KIND CONNECTIONS REQUESTS
 *
 * KIND: http (GET /), memcached (set and get in turn, the value checked), redis (SET and GET in turn), idle (connect, wait for a line on stdin, then one request on each: memcached on port 11211, else http).
 * Each connection has one request under way. Every answer is checked. Prints "REQUESTS requests, ERRORS errors, SECONDS s, longest gap MS ms"; exits 1 after an error, or when nothing
 * came for 20 s.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_ANSWER	8192

struct connection {
	int fd;
	unsigned n, len;		/* requests made; bytes of the answer so far */
	char expect[256];		/* memcached, redis: the whole answer */
	char buf[MAX_ANSWER];
};

static const char *kind;
static struct sockaddr_in6 to;
static unsigned long made, done, errors, wanted;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void request(struct connection *c)
{
	char text[512];
	int n, key = c->fd * 7 + (int)(c->n / 2 % 100);

	if (!strcmp(kind, "memcached")) {
		if (c->n % 2 == 0) {
			n = sprintf(text, "set k%d 0 0 20\r\nvalue-%014d\r\n", key, key);
			strcpy(c->expect, "STORED\r\n");
		} else {
			n = sprintf(text, "get k%d\r\n", key);
			sprintf(c->expect, "VALUE k%d 0 20\r\nvalue-%014d\r\nEND\r\n", key, key);
		}
	} else if (!strcmp(kind, "redis")) {
		if (c->n % 2 == 0) {
			n = sprintf(text, "SET k%d value-%014d\r\n", key, key);
			strcpy(c->expect, "+OK\r\n");
		} else {
			n = sprintf(text, "GET k%d\r\n", key);
			sprintf(c->expect, "$20\r\nvalue-%014d\r\n", key);
		}
	} else {
		n = sprintf(text, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	}
	c->n++;
	c->len = 0;
	made++;
	if (send(c->fd, text, (size_t)n, MSG_NOSIGNAL) != n)
		errors++;
}

/* 1: complete and right; 0: more is to come; -1: wrong. */
static int check(struct connection *c)
{
	char *body, *length;

	c->buf[c->len] = '\0';
	if (c->expect[0]) {
		size_t n = strlen(c->expect);

		if (c->len < n)
			return strncmp(c->buf, c->expect, c->len) ? -1 : 0;
		return c->len == n && !memcmp(c->buf, c->expect, n) ? 1 : -1;
	}
	if (c->len > 12 && strncmp(c->buf, "HTTP/1.1 200", 12))
		return -1;
	body = strstr(c->buf, "\r\n\r\n");
	length = strcasestr(c->buf, "content-length:");
	if (!body)
		return 0;
	if (!length || length > body)
		return -1;
	return c->len == (unsigned)(body + 4 - c->buf) + (unsigned)atoi(length + 15);
}

static int open_connection(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM, 0), one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to))) {
		perror("connect");
		exit(1);
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

/* False: the connection is of no use any more. */
static int answer(struct connection *c)
{
	ssize_t n = recv(c->fd, c->buf + c->len, MAX_ANSWER - 1 - c->len, 0);
	int r;

	if (n < 0 && errno == EAGAIN)
		return 1;
	if (n <= 0) {
		errors++;
		return 0;
	}
	c->len += (unsigned)n;
	r = check(c);
	if (r < 0) {
		errors++;
		return 0;
	}
	if (r) {
		done++;
		if (made < wanted)
			request(c);
	}
	return 1;
}

int main(int argc, char **argv)
{
	char text[80];
	struct rlimit files;
	struct epoll_event ev[256];
	double start, last, gap = 0;
	unsigned nr;
	int ep = epoll_create1(0);

	if (argc != 6)
		return 2;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	snprintf(text, sizeof(text), "%s%s", strchr(argv[1], ':') ? "" : "::ffff:", argv[1]);
	to = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons((unsigned short)atoi(argv[2])) };
	inet_pton(AF_INET6, text, &to.sin6_addr);
	kind = argv[3];
	nr = (unsigned)atoi(argv[4]);
	wanted = strtoul(argv[5], NULL, 0);
	struct connection *all = calloc(nr, sizeof(*all));

	for (unsigned i = 0; i < nr; i++) {
		all[i].fd = open_connection();
		epoll_ctl(ep, EPOLL_CTL_ADD, all[i].fd, &(struct epoll_event){ .events = EPOLLIN, .data.ptr = &all[i] });
	}
	if (!strcmp(kind, "idle")) {
		printf("%u connected\n", nr);
		fflush(stdout);
		if (!fgets(text, sizeof(text), stdin))
			return 1;
		kind = atoi(argv[2]) == 11211 ? "memcached" : "http";
		wanted = nr;
	}
	start = last = now();
	for (unsigned i = 0; i < nr && made < wanted; i++)
		request(&all[i]);
	while (done + errors < wanted) {
		int n = epoll_wait(ep, ev, 256, 20000);
		double t = now();

		if (n <= 0) {
			fprintf(stderr, "nothing came for 20 s after %lu answers\n", done);
			errors++;
			break;
		}
		if (t - last > gap)
			gap = t - last;
		last = t;
		for (int i = 0; i < n; i++) {
			struct connection *c = ev[i].data.ptr;

			if (!answer(c))
				epoll_ctl(ep, EPOLL_CTL_DEL, c->fd, NULL);
		}
	}
	printf("%lu requests, %lu errors, %.1f s, longest gap %.0f ms\n", done, errors, now() - start, gap * 1000);
	return errors != 0;
}
