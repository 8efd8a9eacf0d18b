/* SPDX-License-Identifier: MIT
 *
 * Guest side of tests/virtio/run.py: device-guest copy FROM TO | cat | echo PORT CONNECTIONS.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char buf[65536];

static int fail(const char *what)
{
	perror(what);
	return 1;
}

/* Until the end of in; in odd pieces if odd is set, so that blocks are written in part. */
static int pump(int in, int out, int is_odd)
{
	ssize_t n, done;

	while ((n = read(in, buf, is_odd ? 777 : sizeof(buf))) > 0)
		for (ssize_t at = 0; at < n; at += done)
			if ((done = write(out, buf + at, (size_t)(n - at))) <= 0)
				return fail("write");
	return n < 0 ? fail("read") : 0;
}

static int copy(const char *from, const char *to, int is_odd)
{
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY);

	if (in < 0 || out < 0)
		return fail("open");
	if (pump(in, out, is_odd))
		return 1;
	return fsync(out) ? fail("fsync") : 0;
}

static int echo(int port, int connections)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	if (s < 0 || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) || bind(s, (struct sockaddr *)&a, sizeof(a)) || listen(s, 8))
		return fail("listen");
	puts("ready");
	fflush(stdout);
	while (connections--) {
		int f = accept(s, NULL, NULL);

		if (f < 0 || pump(f, f, 0))
			return fail("connection");
		close(f);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "copy"))
		return copy(argv[2], argv[3], 0);
	if (argc == 4 && !strcmp(argv[1], "copy-odd"))
		return copy(argv[2], argv[3], 1);
	if (argc == 4 && !strcmp(argv[1], "echo"))
		return echo(atoi(argv[2]), atoi(argv[3]));
	return argc == 2 && !strcmp(argv[1], "cat") ? pump(0, 1, 0) : 2;
}
