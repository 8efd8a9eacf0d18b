// SPDX-License-Identifier: MIT
/*
 * connect(AF_UNSPEC) of a UDP socket leaves what bind() gave and forgets what connect() chose; the time at which the
 * datagram read last came; a filter that was never attached cannot be detached.
 */
#include "test.h"
#include <arpa/inet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static const char *name_of(long r)
{
	return r >= 0 ? "ok" : strerrorname_np(errno);
}

static void where(int s, const char *what)
{
	struct sockaddr_in me = {0}, peer = {0};
	socklen_t len = sizeof(me), peer_len = sizeof(peer);
	long r;

	getsockname(s, (void *)&me, &len);
	r = getpeername(s, (void *)&peer, &peer_len);
	printf("  %s: at %s, %s port, peer %s\n", what, inet_ntoa(me.sin_addr), me.sin_port ? "a" : "no", name_of(r));
}

static void disconnect(bool has_addr, bool has_port, uint16_t to_port)
{
	struct sockaddr_in to = {AF_INET, htons(to_port), {htonl(INADDR_ANY)}, {0}}, none = {.sin_family = AF_UNSPEC};
	struct sockaddr_in me = {
		AF_INET, htons(has_port ? 4711 : 0), {htonl(has_addr ? INADDR_LOOPBACK : INADDR_ANY)}, {0}};
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	printf("bound to %s address, %s port, connected to port %d\n", has_addr ? "an" : "no", has_port ? "a" : "no",
	       to_port);
	if (has_addr || has_port)
		printf("  bind %s\n", name_of(bind(s, (void *)&me, sizeof(me))));
	where(s, "bound");
	for (int i = 0; i < 2; i++) {
		printf("  connect %s\n", name_of(connect(s, (void *)&to, sizeof(to))));
		where(s, "connected");
		printf("  disconnect %s\n", name_of(connect(s, (void *)&none, sizeof(none))));
		where(s, "disconnected");
		printf("  send %s\n", name_of(send(s, "x", 1, 0)));
	}
	to.sin_port = htons(5000);
	printf("  sendto %s\n", name_of(sendto(s, "x", 1, 0, (void *)&to, sizeof(to))));
	where(s, "after a send");
	close(s);
}

static void stamp(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	struct timespec now, ns = {0};
	socklen_t len = sizeof(a);
	struct timeval us = {0};
	char c;

	printf("nothing read: %s, ", name_of(ioctl(s, SIOCGSTAMP_OLD, &us)));
	printf("%s\n", name_of(ioctl(s, SIOCGSTAMPNS_OLD, &ns)));
	bind(s, (void *)&a, sizeof(a));
	getsockname(s, (void *)&a, &len);
	sendto(s, "x", 1, 0, (void *)&a, sizeof(a));
	(void)!recv(s, &c, 1, 0);
	clock_gettime(CLOCK_REALTIME, &now);
	printf("read: %s, ", name_of(ioctl(s, SIOCGSTAMP_OLD, &us)));
	printf("%s, ", name_of(ioctl(s, SIOCGSTAMPNS_OLD, &ns)));
	printf("the same %d, in the past %d\n", us.tv_sec == ns.tv_sec && us.tv_usec == ns.tv_nsec / 1000,
	       ns.tv_sec < now.tv_sec || (ns.tv_sec == now.tv_sec && ns.tv_nsec <= now.tv_nsec));
	printf("detach: %s\n", name_of(setsockopt(s, SOL_SOCKET, SO_DETACH_FILTER, &(int){0}, sizeof(int))));
	close(s);
}

int main(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};

	setvbuf(stdout, NULL, _IOLBF, 0);
	(void)!ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFFLAGS, &lo);
	for (int i = 0; i < 4; i++) {
		disconnect(i & 1, i >> 1, 5000);
		disconnect(i & 1, i >> 1, 0);
	}
	stamp();
	return 0;
}
