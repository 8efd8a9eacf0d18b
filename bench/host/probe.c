/* SPDX-License-Identifier: MIT */
/*
 * A library for LD_PRELOAD in the guest: a thread that answers any UDP packet to
 * port 9 with /proc/meminfo. The only way to ask a machine that runs a single
 * server how much memory it has left; used in boots in which nothing else is
 * measured.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT 9

static void *answer(void *unused)
{
	struct sockaddr_in self = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	static char text[8192];

	if (sock < 0 || bind(sock, (struct sockaddr *)&self, sizeof(self)) != 0)
		return NULL;
	for (;;) {
		struct sockaddr_in from;
		socklen_t from_len = sizeof(from);
		if (recvfrom(sock, text, sizeof(text), 0, (struct sockaddr *)&from, &from_len) < 0)
			continue;
		int file = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
		ssize_t len = file < 0 ? 0 : read(file, text, 1400);
		if (file >= 0)
			close(file);
		sendto(sock, text, len < 0 ? 0 : len, 0, (struct sockaddr *)&from, from_len);
	}
	return unused;
}

__attribute__((constructor)) static void start(void)
{
	pthread_attr_t attributes;
	pthread_t thread;
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 64 << 10);
	pthread_create(&thread, &attributes, answer, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}
