/* SPDX-License-Identifier: MIT */
/* One port for several sockets (SO_REUSEPORT); splice and sendfile between files, pipes and connections. */
#include "test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#define NR_LISTENERS 3
#define NR_CLIENTS 60

static int shared(int type, uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(*port) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, type, 0), one = 1;

	need(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) == 0);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
		close(fd);
		return -1;
	}
	need(getsockname(fd, (struct sockaddr *)&a, &len) == 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static int client(int type, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port) };
	int fd = socket(AF_INET, type, 0);

	need(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	return fd;
}

static void test_listeners(void)
{
	int listeners[NR_LISTENERS], clients[NR_CLIENTS], counts[NR_LISTENERS] = { 0 }, total = 0;
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct pollfd p[NR_LISTENERS];
	uint16_t port = 0;
	int stranger;

	for (int i = 0; i < NR_LISTENERS; i++) {
		listeners[i] = shared(SOCK_STREAM, &port);
		need(listeners[i] >= 0 && listen(listeners[i], NR_CLIENTS) == 0);
	}
	stranger = socket(AF_INET, SOCK_STREAM, 0);
	a.sin_port = htons(port);
	check_errno("not without the option", bind(stranger, (struct sockaddr *)&a, sizeof(a)), EADDRINUSE);
	close(stranger);
	for (int i = 0; i < NR_CLIENTS; i++)
		clients[i] = client(SOCK_STREAM, port);
	for (int i = 0; i < NR_LISTENERS; i++)
		p[i] = (struct pollfd){ .fd = listeners[i], .events = POLLIN };
	while (total < NR_CLIENTS && poll(p, NR_LISTENERS, 10000) > 0) {
		for (int i = 0; i < NR_LISTENERS; i++) {
			if (!p[i].revents)
				continue;
			close(accept(listeners[i], NULL, NULL));
			counts[i]++;
			total++;
		}
	}
	check("all connections are somewhere", total == NR_CLIENTS);
	check("each listener has some", counts[0] > 0 && counts[1] > 0 && counts[2] > 0);
	for (int i = 0; i < NR_CLIENTS; i++)
		close(clients[i]);
	close(listeners[0]);
	clients[0] = client(SOCK_STREAM, port);
	check("the others go on", clients[0] >= 0);
	close(clients[0]);
	close(listeners[1]);
	close(listeners[2]);
}

static void test_datagrams(void)
{
	uint16_t port = 0;
	int first = shared(SOCK_DGRAM, &port), second = shared(SOCK_DGRAM, &port), counts[2] = { 0 };
	char byte;

	need(first >= 0 && second >= 0);
	for (int i = 0; i < NR_CLIENTS; i++) {
		int fd = client(SOCK_DGRAM, port);

		need(send(fd, "x", 1, 0) == 1);
		close(fd);
	}
	while (recv(first, &byte, 1, MSG_DONTWAIT) == 1)
		counts[0]++;
	while (recv(second, &byte, 1, MSG_DONTWAIT) == 1)
		counts[1]++;
	check("all datagrams came", counts[0] + counts[1] == NR_CLIENTS);
	check("to both", counts[0] > 0 && counts[1] > 0);
	close(first);
	close(second);
}

static void test_moves(void)
{
	int file = open("/tmp/moves", O_RDWR | O_CREAT | O_TRUNC, 0600), out = open("/tmp/moved", O_RDWR | O_CREAT | O_TRUNC, 0600);
	static char data[30000], back[30000];
	uint16_t port = 0;
	int listener = shared(SOCK_STREAM, &port), pipes[2], c, s;
	size_t done = 0;
	off_t offset = 0;
	ssize_t n;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7 + i / 251);
	need(write(file, data, sizeof(data)) == sizeof(data) && listen(listener, 1) == 0 && pipe(pipes) == 0);
	c = client(SOCK_STREAM, port);
	s = accept(listener, NULL, NULL);
	check("sendfile", sendfile(c, file, &offset, sizeof(data)) == sizeof(data) && offset == sizeof(data));
	/* From the connection into a pipe, from there into a file. */
	while (done < sizeof(data)) {
		n = splice(s, NULL, pipes[1], NULL, sizeof(data) - done, 0);
		need(n > 0);
		for (ssize_t left = n; left > 0; left -= n) {
			n = splice(pipes[0], NULL, out, NULL, (size_t)left, 0);
			need(n > 0);
			done += (size_t)n;
		}
	}
	check("splice from a connection to a file", pread(out, back, sizeof(back), 0) == sizeof(back) && memcmp(data, back, sizeof(data)) == 0);
	/* And back: from the file into the pipe, from there into the connection. */
	memset(back, 0, sizeof(back));
	offset = 0;
	for (done = 0; done < sizeof(data);) {
		n = splice(out, &offset, pipes[1], NULL, 4096, 0);
		need(n > 0 && splice(pipes[0], NULL, s, NULL, (size_t)n, SPLICE_F_MORE) == n);
		done += (size_t)n;
	}
	close(s);
	check("splice from a file to a connection", recv(c, back, sizeof(back), MSG_WAITALL) == sizeof(back) && memcmp(data, back, sizeof(data)) == 0);
	check("then the end", recv(c, back, 1, 0) == 0);
	close(c);
	close(listener);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	test_listeners();
	test_datagrams();
	test_moves();
	return test_end();
}
