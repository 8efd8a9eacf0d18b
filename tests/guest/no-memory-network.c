/* SPDX-License-Identifier: MIT */
/*
 * The first socket of a machine is made when memory is used up, over and over; then memory is given back. What is begun at the first socket must not stay half begun: the
 * interfaces are up, and a connection carries what it should.
 */
#include "test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#define MAX 40000

static int fds[MAX], nr_fds;
static char big[65536];

static bool keep(int fd)
{
	if (fd < 0 || nr_fds == MAX)
		return false;
	fds[nr_fds++] = fd;
	return true;
}

/* Pipes that are full, until a call says that there is no more; then small things. Tries a socket each time that something fails. */
static void use_up(void)
{
	for (int nr = 0, fails = 0; nr < 400 && fails < 30; nr++) {
		int p[2];

		if (pipe2(p, O_NONBLOCK) || !keep(p[0]) || !keep(p[1])) {
			fails++;
			(void)close(socket(AF_INET, SOCK_STREAM, 0));
			continue;
		}
		fcntl(p[1], F_SETPIPE_SZ, 1 << 20);
		while (write(p[1], big, sizeof(big)) > 0)
			;
		if (errno != EAGAIN && ++fails)
			(void)close(socket(AF_INET, SOCK_STREAM, 0));
	}
	while (keep(eventfd(0, 0)))
		;
	for (int i = 0; i < 3; i++)
		(void)close(socket(AF_INET, SOCK_STREAM, 0));
}

/* Whether all interfaces but loopback are up. */
static bool are_up(void)
{
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq r;
	bool up = true;

	for (int i = 1; i < 10; i++) {
		memset(&r, 0, sizeof(r));
		r.ifr_ifindex = i;
		if (ioctl(s, SIOCGIFNAME, &r) || strcmp(r.ifr_name, "lo") == 0)
			continue;
		up = up && ioctl(s, SIOCGIFFLAGS, &r) == 0 && r.ifr_flags & IFF_UP;
	}
	close(s);
	return up;
}

int main(void)
{
	struct rlimit limit = { MAX + 100, MAX + 100 };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(a);
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	struct utsname name;
	bool is_small;
	ssize_t n, sent = 0;
	int l, c, s;

	uname(&name);
	is_small = strcmp(name.nodename, "samara") == 0;	/* Linux has more memory than these take */
	setrlimit(RLIMIT_NOFILE, &limit);
	if (is_small)
		use_up();
	while (nr_fds)
		close(fds[--nr_fds]);
	l = socket(AF_INET, SOCK_STREAM, 0);
	check("a socket can be made again", l >= 0);
	check("interfaces are up", !is_small || are_up());
	(void)!ioctl(l, SIOCSIFFLAGS, &lo);
	need(bind(l, (void *)&a, sizeof(a)) == 0 && listen(l, 1) == 0 && getsockname(l, (void *)&a, &len) == 0);
	c = socket(AF_INET, SOCK_STREAM, 0);
	need(connect(c, (void *)&a, sizeof(a)) == 0 && (s = accept(l, NULL, NULL)) >= 0);
	fcntl(c, F_SETFL, O_NONBLOCK);
	while ((n = write(c, big, sizeof(big))) > 0)
		sent += n;
	close(c);
	while ((n = read(s, big, sizeof(big))) > 0)
		sent -= n;
	check("all that was sent came, and the end", n == 0 && sent == 0);
	return test_end();
}
