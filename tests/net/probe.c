/* SPDX-License-Identifier: MIT
 *
 * Preloaded into a server under test (LD_PRELOAD): a thread that tells, to who connects to port 9999, the kernel's memory and socket counts.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void tell(int fd, const char *path)
{
	char buf[4096];
	int f = open(path, O_RDONLY);
	ssize_t n;

	while (f >= 0 && (n = read(f, buf, sizeof(buf))) > 0)
		if (send(fd, buf, (size_t)n, MSG_NOSIGNAL) != n)
			break;
	if (f >= 0)
		close(f);
}

static void *serve(void *unused)
{
	static const char *const paths[] = { "/proc/meminfo", "/proc/slabinfo", "/proc/net/sockstat", "/proc/net/snmp", "/proc/net/netstat" };
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(9999) };
	int s = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	(void)unused;
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof(a)) || listen(s, 8)) {
		perror("probe");
		return NULL;
	}
	for (;;) {
		int fd = accept4(s, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			continue;
		for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
			tell(fd, paths[i]);
		close(fd);
	}
}

__attribute__((constructor)) static void start(void)
{
	pthread_t t;

	pthread_create(&t, NULL, serve, NULL);
}
