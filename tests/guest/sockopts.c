// SPDX-License-Identifier: MIT
/*
 * Options of sockets: what is set can be read, what is refused is refused with the right error and changes nothing. A row for each value; then options whose meaning changes with
 * the state of a connection.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define TCP	6

static const struct row {
	const char *name;
	int level, option, values[4], nr;
} rows[] = {
	{ "debug", SOL_SOCKET, SO_DEBUG, { 1, 0 }, 2 },
	{ "passsec", SOL_SOCKET, 34, { 7 }, 1 },
	{ "peek_off", SOL_SOCKET, 42, { 5 }, 1 },
	{ "lock_filter", SOL_SOCKET, 44, { 1, 0 }, 2 },
	{ "select_err_queue", SOL_SOCKET, 45, { 2 }, 1 },
	{ "busy_poll", SOL_SOCKET, 46, { 20, -1 }, 2 },
	{ "max_pacing_rate", SOL_SOCKET, 47, { 5000, -1 }, 2 },
	{ "incoming_cpu", SOL_SOCKET, 49, { 0 }, 1 },
	{ "txtime", SOL_SOCKET, 61, { 1 }, 1 },
	{ "bindtoifindex", SOL_SOCKET, 62, { 1, 0, -1 }, 3 },
	{ "prefer_busy_poll", SOL_SOCKET, 69, { 1 }, 1 },
	{ "buf_lock", SOL_SOCKET, 72, { 3, 0, 4 }, 3 },
	{ "napi_id", SOL_SOCKET, 56, { 1 }, 1 },
	{ "maxseg", TCP, 2, { 87, 88, 32767, 32768 }, 4 },
	{ "linger2", TCP, 8, { 120, 121, -5, 0 }, 4 },
	{ "defer_accept", TCP, 9, { 1, 2, 100, 0 }, 4 },
	{ "window_clamp", TCP, 10, { 1, 1153, 0 }, 3 },
	{ "quickack", TCP, 12, { 0, 1 }, 2 },
	{ "thin_linear", TCP, 16, { 1, 2 }, 2 },
	{ "thin_dupack", TCP, 17, { 1, 2 }, 2 },
	{ "user_timeout", TCP, 18, { 1, -1, 0 }, 3 },
	{ "repair", TCP, 19, { 0, 9 }, 2 },
	{ "repair_queue", TCP, 20, { 1 }, 1 },
	{ "fastopen", TCP, 23, { 3, -1 }, 2 },
	{ "notsent_lowat", TCP, 25, { 1, -1 }, 2 },
	{ "save_syn", TCP, 27, { 2, 3 }, 2 },
	{ "fastopen_connect", TCP, 30, { 1, 2 }, 2 },
	{ "fastopen_no_cookie", TCP, 34, { 1, -1 }, 2 },
	{ "inq", TCP, 36, { 1, 2 }, 2 },
	{ "tx_delay", TCP, 37, { 12 }, 1 },
	{ "unknown", TCP, 200, { 1 }, 1 },
};

static const char *error_of(int r)
{
	return r ? strerrorname_np(errno) : "ok";
}

static void show(int s, const struct row *r)
{
	int64_t v = 0x5a5a5a5a5a5a5a5a;
	socklen_t len = sizeof(v);

	if (getsockopt(s, r->level, r->option, &v, &len))
		printf(" [%s]", strerrorname_np(errno));
	else if (len == sizeof(v))
		printf(" %lld", (long long)v);
	else
		printf(" %d/%u", (int)v, len);
}

static void table(const char *what, int s)
{
	printf("-- %s\n", what);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];

		if (r->level == TCP && strcmp(what, "tcp"))
			continue;
		printf("%s:", r->name);
		show(s, r);
		for (int j = 0; j < r->nr; j++) {
			int e = setsockopt(s, r->level, r->option, &r->values[j], sizeof(int));

			printf(", %d %s", r->values[j], error_of(e));
			show(s, r);
		}
		printf("\n");
	}
}

static int value(int s, int level, int option)
{
	int v = -1;
	socklen_t len = sizeof(v);

	return getsockopt(s, level, option, &v, &len) ? -errno : v;
}

static int set(int s, int level, int option, int v)
{
	return setsockopt(s, level, option, &v, sizeof(v)) ? -errno : 0;
}

static void cookies(void)
{
	int a = socket(AF_INET, SOCK_STREAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);
	uint64_t x = 0, y = 0, again = 0;
	socklen_t len = 8, four = 4;

	getsockopt(b, SOL_SOCKET, SO_COOKIE, &y, &len);
	getsockopt(a, SOL_SOCKET, SO_COOKIE, &x, &len);
	getsockopt(b, SOL_SOCKET, SO_COOKIE, &again, &len);
	printf("cookies: in the order of asking %d, the same again %d, in part %s\n", x == y + 1, y == again,
	       error_of(getsockopt(a, SOL_SOCKET, SO_COOKIE, &x, &four)));
	close(a);
	close(b);
}

static void connection(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int l = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0), a;
	struct sockaddr_in peer;
	socklen_t len = sizeof(to);
	char text[32] = "x";

	printf("-- connection\n");
	set(l, TCP, 2, 1000);
	set(l, TCP, 8, 7);
	set(l, TCP, 36, 1);
	bind(l, (struct sockaddr *)&to, sizeof(to));
	listen(l, 1);
	getsockname(l, (struct sockaddr *)&to, &len);
	printf("peername before %s\n", error_of(getsockopt(c, SOL_SOCKET, 28, &peer, &len)));
	printf("maxseg before %d\n", value(c, TCP, 2));
	connect(c, (struct sockaddr *)&to, sizeof(to));
	a = accept(l, NULL, NULL);
	printf("maxseg after %d, accepted %d, listener %d\n", value(c, TCP, 2), value(a, TCP, 2), value(l, TCP, 2));
	printf("inherited: linger2 %d inq %d\n", value(a, TCP, 8), value(a, TCP, 36));
	printf("connected: fastopen %d fastopen_connect %d no_cookie %d window_clamp 0 %d\n", set(c, TCP, 23, 1), set(c, TCP, 30, 1), set(c, TCP, 34, 1), set(c, TCP, 10, 0));
	len = sizeof(peer);
	printf("peername %s, ", error_of(getsockopt(c, SOL_SOCKET, 28, &peer, &len)));
	printf("the listener's %d\n", !memcmp(&peer, &to, 8));
	len = 20;
	printf("peername, more room than it has: %s\n", error_of(getsockopt(c, SOL_SOCKET, 28, text, &len)));
	len = 16;
	printf("cc_info %s", error_of(getsockopt(c, TCP, 26, text, &len)));
	printf(" %u bytes\n", len);
	len = 16;
	printf("ulp %s", error_of(getsockopt(c, TCP, 31, text, &len)));
	printf(" %u bytes, none such %s\n", len, error_of(setsockopt(c, TCP, 31, "nosuch", 6)));
	printf("md5 or repair on a listener %d\n", set(l, TCP, 19, 0));
	close(a);
	close(c);
	close(l);
}

static void zerocopy(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int l = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0), a;
	struct {
		uint64_t address;
		uint32_t length, hint, inq;
		int err;
	} zc = { .length = 4096 };
	static char page[8192];
	socklen_t len = sizeof(to);

	bind(l, (struct sockaddr *)&to, sizeof(to));
	listen(l, 1);
	getsockname(l, (struct sockaddr *)&to, &len);
	connect(c, (struct sockaddr *)&to, sizeof(to));
	a = accept(l, NULL, NULL);
	len = 16;
	zc.length = 4096;
	printf("zerocopy_receive, nothing here: %s", error_of(getsockopt(a, TCP, 35, &zc, &len)));
	printf(" length %u hint %u\n", zc.length, zc.hint);
	write(c, page, 100);
	recv(a, page, 100, MSG_PEEK | MSG_WAITALL);
	len = 16;
	zc.length = 4096;
	printf("zerocopy_receive, 100 bytes: %s", error_of(getsockopt(a, TCP, 35, &zc, &len)));
	printf(" length %u hint %u\n", zc.length, zc.hint);
	write(c, page, 8092);
	recv(a, page, 8192, MSG_PEEK | MSG_WAITALL);
	printf("zerocopy_receive, no mapping: %s\n", error_of(getsockopt(a, TCP, 35, &zc, &len)));
	zc.address = 1;
	printf("zerocopy_receive, not a page: %s\n", error_of(getsockopt(a, TCP, 35, &zc, &len)));
	len = 8;
	printf("zerocopy_receive, cut: %s\n", error_of(getsockopt(a, TCP, 35, &zc, &len)));
	close(a);
	close(c);
	close(l);
}

static void flags_of(const char *what, int fd)
{
	int fl = fcntl(fd, F_GETFL), large = 0;

	large = fl & (O_LARGEFILE ? O_LARGEFILE : sizeof(void *) == 8 ?
#ifdef __aarch64__
		0400000
#else
		0100000
#endif
		: 0);
	printf("%s: access %d%s\n", what, fl & O_ACCMODE, large ? " large" : "");
}

/* open(2) adds O_LARGEFILE; what comes from other calls does not have it. */
static void large(void)
{
	int p[2];

	pipe(p);
	printf("-- O_LARGEFILE\n");
	flags_of("file", open("/proc/self/stat", O_RDONLY));
	flags_of("directory", open("/", O_RDONLY | O_DIRECTORY));
	flags_of("path", open("/", O_PATH));
	flags_of("socket", socket(AF_INET, SOCK_STREAM, 0));
	flags_of("unix", socket(AF_UNIX, SOCK_DGRAM, 0));
	flags_of("pipe read", p[0]);
	flags_of("pipe write", p[1]);
	flags_of("eventfd", eventfd(0, 0));
	flags_of("epoll", epoll_create1(0));
	flags_of("timerfd", timerfd_create(CLOCK_MONOTONIC, 0));
}

int main(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING };
	int unix_one = socket(AF_UNIX, SOCK_STREAM, 0);

	ioctl(unix_one, SIOCSIFFLAGS, &lo);	/* a bare Linux needs it */
	table("tcp", socket(AF_INET, SOCK_STREAM, 0));
	table("udp", socket(AF_INET, SOCK_DGRAM, 0));
	printf("reuseport of AF_UNIX: on %d off %d\n", set(unix_one, SOL_SOCKET, SO_REUSEPORT, 1), set(unix_one, SOL_SOCKET, SO_REUSEPORT, 0));
	cookies();
	connection();
	zerocopy();
	large();
	return 0;
}
