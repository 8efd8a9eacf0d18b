/* SPDX-License-Identifier: MIT */
/*
 * Settings in /proc/sys that bound what a program may have: pipes, inotify, epoll, threads, ports, groups. For each what may be written, and who meets the limit with which
 * error. All is put back.
 */
#include "test.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static const char *result(long r)
{
	return r < 0 ? strerrorname_np(errno) : "ok";
}

static void get(const char *name, char *buf, size_t size)
{
	char path[128];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	fd = open(path, O_RDONLY);
	n = read(fd, buf, size - 1);
	close(fd);
	buf[n > 0 ? n - 1 : 0] = '\0';
}

/* Without a word if it is taken. */
static void put(const char *name, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		show("%s <- %s: %s", name, value, strerrorname_np(errno));
	close(fd);
}

/* What the setting is after each; all that is not taken is said. */
static void try_values(const char *name, const char *const *values)
{
	char buf[128], old[128];

	get(name, old, sizeof(old));
	for (; *values; values++) {
		put(name, *values);
		get(name, buf, sizeof(buf));
		show("%s <- '%s': '%s'", name, *values, buf);
	}
	put(name, old);
}

#define VALUES(...)	((const char *const[]){ __VA_ARGS__, NULL })

/* The effective user, and with it the capabilities; the rest stays, so that root can come back. */
static void become(uid_t uid)
{
	need(seteuid(uid) == 0);
}

static long size_of(int fd)
{
	return fcntl(fd, F_GETPIPE_SZ);
}

static void pipes(void)
{
	int a[2], b[2], r;

	show("- pipes");
	try_values("fs/pipe-max-size", VALUES("0", "1", "4097", "1000000", "1048577", "2147483648", "2147483649", "-1", "x"));
	need(pipe(a) == 0);
	show("root may have more: %ld", (long)fcntl(a[1], F_SETPIPE_SZ, 2 << 20));
	show("of one byte: %ld", (long)fcntl(a[1], F_SETPIPE_SZ, 1));
	r = fcntl(a[1], F_SETPIPE_SZ, 0);
	show("of none: %s %ld", result(r), size_of(a[0]));
	r = fcntl(a[1], F_SETPIPE_SZ, 0x80000001u);
	show("too large for a number: %s", result(r));
	become(1000);
	r = fcntl(a[1], F_SETPIPE_SZ, 2 << 20);
	show("others may not: %s", result(r));
	show("up to the setting: %ld", (long)fcntl(a[1], F_SETPIPE_SZ, 1 << 20));
	become(0);
	close(a[0]), close(a[1]);

	put("fs/pipe-max-size", "8192");
	need(pipe(a) == 0);
	become(1000);
	need(pipe(b) == 0);
	show("new ones with a small setting: root %ld, others %ld", size_of(a[0]), size_of(b[0]));
	r = fcntl(b[0], F_SETPIPE_SZ, 8193);
	show("one byte more: %s", result(r));
	become(0);
	put("fs/pipe-max-size", "1048576");
	close(a[0]), close(a[1]), close(b[0]), close(b[1]);
}

/* The limits are those of a user who has no pipes yet. */
static void pipes_of_a_user(void)
{
	int fds[12][2], nr = 0, r;

	show("- pipes of a user");
	put("fs/pipe-user-pages-soft", "40");
	need(setresuid(2000, 2000, 0) == 0);
	for (; nr < 4; nr++) {
		need(pipe(fds[nr]) == 0);
		show("pipe %d: %ld bytes", nr, size_of(fds[nr][0]));
	}
	r = fcntl(fds[3][0], F_SETPIPE_SZ, 4 * 4096);
	show("larger: %s", result(r));
	r = fcntl(fds[0][0], F_SETPIPE_SZ, 4096);
	show("smaller: %s", result(r));
	r = fcntl(fds[3][0], F_SETPIPE_SZ, 4 * 4096);
	show("larger now: %s %ld", result(r), size_of(fds[3][0]));
	become(0);
	put("fs/pipe-user-pages-hard", "44");
	need(setresuid(2000, 2000, 0) == 0);
	for (r = 0; r == 0 && nr < 12; nr += r == 0)
		r = pipe(fds[nr]);
	show("%d pipes, then %s", nr, result(r));
	become(0);
	show("root has no limit: %s", result(nr < 12 ? pipe(fds[nr++]) : -1));
	need(setresuid(0, 0, 0) == 0);
	put("fs/pipe-user-pages-hard", "0");
	put("fs/pipe-user-pages-soft", "16384");
	while (nr > 0) {
		nr--;
		close(fds[nr][0]), close(fds[nr][1]);
	}
}

static void read_events(int fd, const char *what)
{
	union {
		struct inotify_event e;
		char bytes[4096];
	} u;
	char line[256] = "";
	ssize_t n = read(fd, &u, sizeof(u));

	for (char *p = u.bytes; n > 0 && p < u.bytes + n; p += sizeof(u.e) + ((struct inotify_event *)p)->len)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), " %d:%x", ((struct inotify_event *)p)->wd, ((struct inotify_event *)p)->mask);
	show("%s:%s", what, n < 0 ? strerrorname_np(errno) : line);
}

static void inotify(void)
{
	int fds[8], nr = 0, r;

	show("- inotify");
	try_values("fs/inotify/max_user_instances", VALUES("0", "-1", "2147483647", "2147483648"));
	try_values("fs/inotify/max_queued_events", VALUES("0", "-1", "2147483647", "2147483648"));
	put("fs/inotify/max_user_instances", "3");
	for (r = 0; r >= 0 && nr < 8; nr += r >= 0)
		r = fds[nr] = inotify_init1(IN_NONBLOCK);
	show("%d instances, then %s", nr, result(r));
	put("user/max_inotify_instances", "4");
	r = fds[nr] = inotify_init1(IN_NONBLOCK);
	show("under its other name: %s", result(r));
	nr += r >= 0;
	put("fs/inotify/max_user_instances", "128");
	put("fs/inotify/max_user_watches", "2");
	show("a watch: %d", inotify_add_watch(fds[0], "/proc", IN_OPEN));
	show("a watch: %d", inotify_add_watch(fds[1], "/sys", IN_OPEN));
	r = inotify_add_watch(fds[0], "/", IN_OPEN);
	show("one more: %s", result(r));
	show("a change of one: %d", inotify_add_watch(fds[0], "/proc", IN_OPEN | IN_CLOSE));
	while (nr > 0)
		close(fds[--nr]);
	put("fs/inotify/max_user_watches", "8192");

	put("fs/inotify/max_queued_events", "2");
	fds[0] = inotify_init1(IN_NONBLOCK);
	put("fs/inotify/max_queued_events", "16384");
	mkdir("/sysctl-limits", 0700);
	inotify_add_watch(fds[0], "/sysctl-limits", IN_CREATE | IN_DELETE);
	for (int i = 0; i < 2; i++) {
		mkdir("/sysctl-limits/a", 0700);
		rmdir("/sysctl-limits/a");
	}
	read_events(fds[0], "more than fit");
	read_events(fds[0], "then");
	mkdir("/sysctl-limits/b", 0700);
	read_events(fds[0], "again");
	rmdir("/sysctl-limits/b"), rmdir("/sysctl-limits");
	close(fds[0]);
}

static void epolls(void)
{
	int ep = epoll_create1(0), other = epoll_create1(0), p[8][2], r, nr = 0;
	struct epoll_event e = { .events = EPOLLIN };
	char old[64];

	show("- epoll");
	get("fs/epoll/max_user_watches", old, sizeof(old));
	put("fs/epoll/max_user_watches", "-1");
	put("fs/epoll/max_user_watches", "9223372036854775808");
	put("fs/epoll/max_user_watches", "5");
	for (int i = 0; i < 8; i++)
		need(pipe(p[i]) == 0);
	for (r = 0; r == 0 && nr < 8; nr += r == 0)
		r = epoll_ctl(ep, EPOLL_CTL_ADD, p[nr][0], &e);
	show("%d files, then %s", nr, result(r));
	r = epoll_ctl(other, EPOLL_CTL_ADD, p[7][0], &e);
	show("in another one: %s", result(r));
	r = epoll_ctl(ep, EPOLL_CTL_MOD, p[0][0], &e);
	show("a change: %s", result(r));
	r = epoll_ctl(ep, EPOLL_CTL_DEL, p[0][0], &e);
	show("one less: %s", result(r));
	r = epoll_ctl(other, EPOLL_CTL_ADD, p[7][0], &e);
	show("in another one: %s", result(r));
	close(p[1][0]), close(p[1][1]);
	r = epoll_ctl(ep, EPOLL_CTL_ADD, p[0][0], &e);
	show("in place of a file that was closed: %s", result(r));
	close(ep);
	for (r = 0, nr = 2; r == 0 && nr < 6; nr += r == 0)
		r = epoll_ctl(other, EPOLL_CTL_ADD, p[nr][0], &e);
	show("after the first was closed: %d", nr - 2);
	put("fs/epoll/max_user_watches", old);
	close(other);
	for (int i = 0; i < 8; i++)
		close(p[i][0]), close(p[i][1]);
}

static pthread_barrier_t all_there;

static void *wait_for_end(void *arg)
{
	pthread_barrier_wait(&all_there);
	return arg;
}

static void *tell_tid(void *arg)
{
	*(long *)arg = gettid();
	return NULL;
}

static long tid_of_a_thread(void)
{
	pthread_t t;
	long tid = -1;

	if (pthread_create(&t, NULL, tell_tid, &tid) == 0)
		pthread_join(t, NULL);
	return tid;
}

static void threads(void)
{
	char old[64];
	pthread_t t[4];
	long first, tid;
	int r;

	show("- threads");
	try_values("kernel/pid_max", VALUES("301", "300", "4194304", "4194305"));
	try_values("kernel/threads-max", VALUES("1000", "0", "1073741823", "1073741824", "-1"));
	put("kernel/ns_last_pid", "4000");
	first = tid_of_a_thread();
	check("a number after the last one", first > 4000 && first < 4100);
	get("kernel/pid_max", old, sizeof(old));
	put("kernel/pid_max", "4000");
	tid = tid_of_a_thread();
	check("below a smaller largest one, not among the first 300", tid >= 300 && tid < 4000);
	put("kernel/ns_last_pid", "4001");
	put("kernel/ns_last_pid", "-1");
	put("kernel/pid_max", old);
	get("kernel/threads-max", old, sizeof(old));
	put("kernel/threads-max", "1");
	r = pthread_create(&t[0], NULL, wait_for_end, NULL);
	show("more threads than there may be: %s", strerrorname_np(r));
	put("kernel/threads-max", old);

	/* RLIMIT_NPROC: of users without privileges. The user here has no thread but this one. */
	struct rlimit l, was;

	getrlimit(RLIMIT_NPROC, &was);
	l = (struct rlimit){ 3, was.rlim_max };
	need(setrlimit(RLIMIT_NPROC, &l) == 0);
	pthread_barrier_init(&all_there, NULL, 4);
	need(pthread_create(&t[0], NULL, wait_for_end, NULL) == 0);
	need(pthread_create(&t[1], NULL, wait_for_end, NULL) == 0);
	need(pthread_create(&t[2], NULL, wait_for_end, NULL) == 0);
	show("RLIMIT_NPROC does not bound root");
	pthread_barrier_wait(&all_there);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	setrlimit(RLIMIT_NPROC, &was);
}

static int bound(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_ANY) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), r = bind(fd, (struct sockaddr *)&a, sizeof(a)), e = errno;
	socklen_t len = sizeof(a);

	getsockname(fd, (struct sockaddr *)&a, &len);
	close(fd);
	errno = e;
	return r ? r : ntohs(a.sin_port);
}

static void ports(void)
{
	int r, nr_bad = 0;

	show("- ports");
	try_values("net/ipv4/ip_unprivileged_port_start", VALUES("0", "65535", "32768", "32769", "-1"));
	become(1000);
	r = bound(1023);
	show("1023: %s", result(r));
	r = bound(1024);
	show("1024: %d", r);
	become(0);
	put("net/ipv4/ip_unprivileged_port_start", "80");
	become(1000);
	r = bound(79);
	show("79: %s", result(r));
	show("80: %d", bound(80));
	become(0);
	put("net/ipv4/ip_local_port_range", "79 100");
	put("net/ipv4/ip_unprivileged_port_start", "1024");

	try_values("net/ipv4/ip_local_reserved_ports", VALUES("7", "1,3-5,4-9,2,65535", "10-9", "65536", "5x", "x", "40001,", "\n"));
	put("net/ipv4/ip_local_port_range", "40000 40003");
	put("net/ipv4/ip_local_reserved_ports", "40000,40002-40003");
	for (int i = 0; i < 20; i++)
		nr_bad += bound(0) != 40001;
	show("all but one are reserved: %d wrong", nr_bad);
	show("to be asked for: %d", bound(40002));
	put("net/ipv4/ip_local_reserved_ports", "40000-40003");
	r = bound(0);
	show("all are: %s", result(r));
	put("net/ipv4/ip_local_reserved_ports", "\n");
	put("net/ipv4/ip_local_port_range", "32768 60999");
}

static void sockets(void)
{
	struct sockaddr_in foreign = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000201) };
	struct sockaddr_in6 foreign6 = { .sin6_family = AF_INET6, .sin6_addr = { .s6_addr = { 0x20, 1, 0xd, 0xb8, [15] = 1 } } };
	int fd, fd6, r, nr;

	show("- sockets");
	try_values("net/ipv4/ping_group_range", VALUES("5 7", "7 5", "-1 5", "0 2147483647", "0 2147483648", "0 4294967294", "0 4294967295"));
	put("net/ipv4/ping_group_range", "1 0");
	r = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	show("nobody: %s", result(r));
	r = socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6);
	show("nobody: %s", result(r));
	put("net/ipv4/ping_group_range", "100 100");
	r = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	show("root's group is not in it: %s", result(r));
	need(setegid(100) == 0);
	fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	show("a group that is: %s", result(fd));
	close(fd);
	need(setegid(0) == 0);
	put("net/ipv4/ping_group_range", "1 0");

	fd = socket(AF_INET, SOCK_DGRAM, 0);
	fd6 = socket(AF_INET6, SOCK_DGRAM, 0);
	r = bind(fd, (struct sockaddr *)&foreign, sizeof(foreign));
	show("an address of somebody else: %s", result(r));
	r = bind(fd6, (struct sockaddr *)&foreign6, sizeof(foreign6));
	show("IPv6: %s", result(r));
	put("net/ipv4/ip_nonlocal_bind", "1");
	put("net/ipv6/ip_nonlocal_bind", "1");
	r = bind(fd, (struct sockaddr *)&foreign, sizeof(foreign));
	show("when it is allowed: %s", result(r));
	r = bind(fd6, (struct sockaddr *)&foreign6, sizeof(foreign6));
	show("IPv6: %s", result(r));
	put("net/ipv4/ip_nonlocal_bind", "0");
	put("net/ipv6/ip_nonlocal_bind", "0");
	close(fd), close(fd6);

	fd = socket(AF_INET, SOCK_DGRAM, 0);
	put("net/ipv4/igmp_max_memberships", "3");
	for (r = 0, nr = 0; r == 0 && nr < 10; nr += r == 0) {
		struct ip_mreqn m = { .imr_multiaddr.s_addr = htonl(0xef000001u + (unsigned)nr), .imr_ifindex = 1 };

		r = setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m));
	}
	show("%d groups, then %s", nr, result(r));
	put("net/ipv4/igmp_max_memberships", "20");
	close(fd);

	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "\0limits" };
	socklen_t len = sizeof(sa_family_t) + 7;

	put("net/unix/max_dgram_qlen", "2");
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	put("net/unix/max_dgram_qlen", "10");
	need(bind(fd, (struct sockaddr *)&name, len) == 0);
	fd6 = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	for (r = 0, nr = 0; r >= 0 && nr < 20; nr += r >= 0)
		r = (int)sendto(fd6, "x", 1, 0, (struct sockaddr *)&name, len);
	show("%d messages, then %s", nr, result(r));
	close(fd), close(fd6);
}

/* A file of user 1000 in a directory of root, opened with O_CREAT by user 2000. */
static void try_create(mode_t dir_mode, const char *regular, const char *fifo)
{
	int r, f;

	put("fs/protected_regular", regular);
	put("fs/protected_fifos", fifo);
	need(chmod("/sysctl-files", dir_mode) == 0);
	become(2000);
	r = open("/sysctl-files/file", O_RDWR | O_CREAT, 0600);
	f = open("/sysctl-files/fifo", O_RDWR | O_CREAT, 0600);
	close(r), close(f);
	show("directory %o, settings %s and %s: file %s, fifo %s", dir_mode, regular, fifo, r < 0 ? "EACCES" : "ok", f < 0 ? "EACCES" : "ok");
	become(0);
}

static void files(void)
{
	int r;

	show("- files");
	try_values("fs/protected_regular", VALUES("2", "3", "-1"));
	try_values("fs/protected_fifos", VALUES("2", "3", "-1"));
	umask(0);
	need(mkdir("/sysctl-files", 0777) == 0);
	close(open("/sysctl-files/file", O_CREAT | O_RDWR, 0666));
	mkfifo("/sysctl-files/fifo", 0666);
	need(chown("/sysctl-files/file", 1000, 0) == 0 && chown("/sysctl-files/fifo", 1000, 0) == 0);
	try_create(01777, "0", "0");
	try_create(01777, "1", "0");
	try_create(01777, "0", "1");
	try_create(01777, "2", "2");
	try_create(01775, "1", "1");
	try_create(01775, "2", "1");
	try_create(01775, "1", "2");
	try_create(00777, "2", "2");
	need(chmod("/sysctl-files", 01777) == 0);
	put("fs/protected_regular", "1");
	r = open("/sysctl-files/file", O_RDWR | O_CREAT, 0600);
	show("root: %s", result(r));
	close(r);
	r = open("/sysctl-files/file", O_RDWR | O_CREAT | O_EXCL, 0600);
	show("that must be new: %s", result(r));
	r = open("/sysctl-files/file", O_RDWR);
	show("without O_CREAT: %s", result(r));
	close(r);
	become(1000);
	r = open("/sysctl-files/file", O_RDWR | O_CREAT, 0600);
	show("its owner: %s", result(r));
	close(r);
	become(0);
	put("fs/protected_regular", "0");
	put("fs/protected_fifos", "0");
	unlink("/sysctl-files/file"), unlink("/sysctl-files/fifo"), rmdir("/sysctl-files");
}

/* Without any address Linux takes each for a broadcast. */
static void bring_lo_up(void)
{
	struct ifreq r = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	need(ioctl(fd, SIOCGIFFLAGS, &r) == 0);
	r.ifr_flags |= IFF_UP;
	need(ioctl(fd, SIOCSIFFLAGS, &r) == 0);
	close(fd);
}

int main(void)
{
	bring_lo_up();
	pipes();
	pipes_of_a_user();
	inotify();
	epolls();
	threads();
	ports();
	sockets();
	files();
	return test_end();
}
