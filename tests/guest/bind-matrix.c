/* SPDX-License-Identifier: MIT
 *
 * Who may bind where beside whom: ip(7), ipv6(7), socket(7). Each row is a pair of addresses, each letter in it a pair of options: none, SO_REUSEADDR, SO_REUSEPORT, both, of the
 * first socket (four groups) and of the second. '.' both are bound, 'l' the second may not listen when the first does, 'X' EADDRINUSE, 'E' another error.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct place {
	const char *name, *text;
	int family, only;
};

static const struct place places[] = {
	{ "0.0.0.0", "0.0.0.0", AF_INET, 0 }, { "127.0.0.1", "127.0.0.1", AF_INET, 0 }, { "127.0.0.2", "127.0.0.2", AF_INET, 0 }, { "::", "::", AF_INET6, 0 },
	{ ":: only", "::", AF_INET6, 1 }, { "::1", "::1", AF_INET6, 0 }, { "mapped any", "::ffff:0.0.0.0", AF_INET6, 0 }, { "mapped 127.0.0.1", "::ffff:127.0.0.1", AF_INET6, 0 },
};
#define NR	((int)(sizeof(places) / sizeof(places[0])))

enum kind { UDP, BOUND, LISTENING };
static unsigned short next_port = 21000;

static int make(const struct place *p, int type, int options)
{
	int fd = socket(p->family, type, 0), one = 1;

	if (fd < 0)
		perror("socket");
	if (p->family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &p->only, sizeof(p->only));
	if (options & 1)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (options & 2)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	return fd;
}

static socklen_t name_of(const struct place *p, unsigned short port, struct sockaddr_storage *s)
{
	struct sockaddr_in *four = (struct sockaddr_in *)s;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)s;

	memset(s, 0, sizeof(*s));
	s->ss_family = (sa_family_t)p->family;
	if (p->family == AF_INET) {
		four->sin_port = htons(port);
		inet_pton(AF_INET, p->text, &four->sin_addr);
		return sizeof(*four);
	}
	six->sin6_port = htons(port);
	inet_pton(AF_INET6, p->text, &six->sin6_addr);
	return sizeof(*six);
}

static int bind_to(int fd, const struct place *p, unsigned short port)
{
	struct sockaddr_storage s;
	socklen_t len = name_of(p, port, &s);

	return bind(fd, (struct sockaddr *)&s, len);
}

static char try_pair(const struct place *a, const struct place *b, enum kind kind, int first, int second)
{
	int type = kind == UDP ? SOCK_DGRAM : SOCK_STREAM, x = make(a, type, first), y = make(b, type, second);
	unsigned short port = next_port++;
	char c = '.';

	if (bind_to(x, a, port) || (kind == LISTENING && listen(x, 1)))
		c = 'E';
	else if (bind_to(y, b, port))
		c = errno == EADDRINUSE ? 'X' : 'E';
	else if (kind == BOUND && !listen(x, 1) && listen(y, 1))
		c = errno == EADDRINUSE ? 'l' : 'E';
	close(x);
	close(y);
	return c;
}

static void pairs(const char *title, enum kind kind)
{
	printf("%s\n", title);
	for (int a = 0; a < NR; a++) {
		for (int b = 0; b < NR; b++) {
			/* Linux 6.1 allows for TCP what it does not the other way round (its second hash table has them in two chains). */
			if (a == 6 && b == 7 && kind != UDP)
				continue;
			printf("%16s %-16s ", places[a].name, places[b].name);
			for (int i = 0; i < 16; i++)
				printf("%s%c", i % 4 ? "" : " ", try_pair(&places[a], &places[b], kind, i / 4, i % 4));
			printf("\n");
		}
	}
}

enum past { CONNECTED, LISTENER_CLOSED, SERVER_TIME_WAIT, CLIENT };

/* A connection over the loopback address of p, of which the local port is left in some state; then a bind to that port at b. */
static char after(const struct place *p, const struct place *b, enum past past, int first, int second)
{
	int l = make(p, SOCK_STREAM, first), c = make(p, SOCK_STREAM, first), s = -1, y = make(b, SOCK_STREAM, second);
	unsigned short port = next_port++;
	struct sockaddr_storage name;
	socklen_t len = name_of(p, port, &name);
	char byte, r = '.';

	if (bind_to(l, p, port) || listen(l, 1) || connect(c, (struct sockaddr *)&name, len) || (s = accept(l, NULL, NULL)) < 0)
		r = 'E';
	if (past != CONNECTED)
		close(l);
	if (past == SERVER_TIME_WAIT) {
		close(s);
		if (read(c, &byte, 1))
			r = 'E';
		close(c);
		usleep(1000);
	}
	if (past == CLIENT) {
		len = sizeof(name);
		getsockname(c, (struct sockaddr *)&name, &len);
		port = ntohs(((struct sockaddr_in *)&name)->sin_port);
	}
	if (r == '.' && bind_to(y, b, port))
		r = errno == EADDRINUSE ? 'X' : 'E';
	if (r == '.' && listen(y, 1))
		r = errno == EADDRINUSE ? 'l' : 'E';
	if (past == CONNECTED)
		close(l);
	if (past != SERVER_TIME_WAIT) {
		close(s);
		close(c);
	}
	close(y);
	return r;
}

static void pasts(const char *title, enum past past)
{
	static const int froms[] = { 1, 5, 7 };

	printf("%s\n", title);
	for (unsigned a = 0; a < 3; a++) {
		for (int b = 0; b < NR; b++) {
			printf("%16s %-16s ", places[froms[a]].name, places[b].name);
			for (int i = 0; i < 16; i++)
				printf("%s%c", i % 4 ? "" : " ", after(&places[froms[a]], &places[b], past, i / 4, i % 4));
			printf("\n");
		}
	}
}

int main(void)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	ioctl(fd, SIOCSIFFLAGS, &r);	/* a bare Linux needs it */
	close(fd);
	pairs("UDP", UDP);
	pairs("TCP, bound", BOUND);
	pairs("TCP, listening", LISTENING);
	pasts("listener and connection", CONNECTED);
	pasts("connection whose listener was closed", LISTENER_CLOSED);
	pasts("TIME-WAIT", SERVER_TIME_WAIT);
	pasts("the client's port", CLIENT);
	return 0;
}
