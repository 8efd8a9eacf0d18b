/* SPDX-License-Identifier: MIT */
/*
 * AF_UNIX beside Linux: who sent a message and when that is recorded, control data that does not
 * fit or cannot be written, looks (MSG_PEEK, SO_PEEK_OFF), lengths, names, and the errors of ends
 * that are closed or shut.
 */
#include "test.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
static const char *const type_names[] = {"stream", "dgram", "seqpacket"};

static long result(const char *what, long r)
{
	if (r < 0)
		show("%s: %s", what, strerrorname_np(errno));
	else
		show("%s: %ld", what, r);
	return r;
}

static void pair(int s[2], int type)
{
	need(socketpair(AF_UNIX, type, 0, s) == 0);
}

static void set(int s, int name, int value)
{
	need(setsockopt(s, SOL_SOCKET, name, &value, sizeof(value)) == 0);
}

static void close_two(const int s[2])
{
	close(s[0]);
	close(s[1]);
}

static ssize_t send_control(int s, const void *data, size_t len, int type, const void *value,
			    size_t value_len)
{
	char control[CMSG_SPACE(300 * sizeof(int))] = "";
	struct iovec iov = {(void *)data, len};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = CMSG_SPACE(value_len)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(value_len);
	memcpy(CMSG_DATA(c), value, value_len);
	return sendmsg(s, &m, MSG_NOSIGNAL);
}

static ssize_t send_fds(int s, const void *data, size_t len, const int *fds, size_t n)
{
	return send_control(s, data, len, SCM_RIGHTS, fds, n * sizeof(int));
}

/* Receives with this much room and shows all that comes; descriptors are closed. */
static void receive(const char *what, int s, size_t len, size_t room, int flags)
{
	char data[64] = "", control[CMSG_SPACE(300 * sizeof(int))], line[300] = "";
	struct iovec iov = {data, len};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = room ? control : NULL,
			   .msg_controllen = room};
	ssize_t n = recvmsg(s, &m, flags | MSG_DONTWAIT);

	if (n < 0) {
		result(what, n);
		return;
	}
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		char part[100] = "";

		if (c->cmsg_type == SCM_CREDENTIALS) {
			struct ucred u = {-7, 77, 777};
			size_t have = c->cmsg_len - CMSG_LEN(0);

			memcpy(&u, CMSG_DATA(c), have < sizeof(u) ? have : sizeof(u));
			snprintf(part, sizeof(part), " cred[%zu] %s %d %d", have,
				 u.pid == getpid() ? "me"
				 : u.pid	   ? "?"
						   : "nobody",
				 (int)u.uid, (int)u.gid);
		} else if (c->cmsg_type == SCM_RIGHTS) {
			size_t n_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			int *fds = (int *)CMSG_DATA(c);

			for (size_t i = 0; i < n_fds; i++)
				close(fds[i]);
			snprintf(part, sizeof(part), " %zu fds", n_fds);
		}
		strcat(line, part);
	}
	show("%s: %zd \"%.*s\" flags %x, %zu of control%s", what, n,
	     (int)(n < (ssize_t)len ? n : (ssize_t)len), data, m.msg_flags, m.msg_controllen, line);
}

/* ---- identities --------------------------------------------------------------------------- */

static void test_credentials(int type)
{
	struct ucred mine = {getpid(), getuid(), getgid()}, other = {getpid(), 12, 13};
	int s[2];

	pair(s, type);
	need(send(s[0], "a", 1, 0) == 1);
	set(s[1], SO_PASSCRED, 1);
	receive("sent before anybody asked", s[1], 8, 200, 0);
	need(send(s[0], "b", 1, 0) == 1);
	receive("the receiver asks", s[1], 8, 200, 0);
	need(send(s[0], "c", 1, 0) == 1);
	set(s[1], SO_PASSCRED, 0);
	receive("it asks no more", s[1], 8, 200, 0);
	set(s[0], SO_PASSCRED, 1);
	need(send(s[0], "d", 1, 0) == 1);
	set(s[0], SO_PASSCRED, 0);
	set(s[1], SO_PASSCRED, 1);
	receive("the sender asked", s[1], 8, 200, 0);
	set(s[1], SO_PASSCRED, 0);
	result("named by hand", send_control(s[0], "e", 1, SCM_CREDENTIALS, &other, sizeof(other)));
	receive("not asked for", s[1], 8, 200, MSG_PEEK);
	set(s[1], SO_PASSCRED, 1);
	receive("asked for", s[1], 8, 200, 0);
	result("too short", send_control(s[0], "f", 1, SCM_CREDENTIALS, &mine, sizeof(mine) - 4));
	result("too long", send_control(s[0], "f", 1, SCM_CREDENTIALS, &mine, sizeof(mine) + 4));
	mine.pid = 99999;
	result("nobody's pid", send_control(s[0], "f", 1, SCM_CREDENTIALS, &mine, sizeof(mine)));
	result("unknown control message", send_control(s[0], "f", 1, 77, &mine, 4));

	/* No room, some room. */
	for (size_t room = 0; room <= 32; room += 4) {
		char what[40];

		need(send(s[0], "g", 1, 0) == 1);
		snprintf(what, sizeof(what), "room for %zu", room);
		receive(what, s[1], 8, room, 0);
	}
	close_two(s);
}

/* Bytes of different senders are not mixed, and only for who looks at senders. */
static void test_coalescing(void)
{
	struct ucred one = {getpid(), 1, 1}, two = {getpid(), 1, 2};
	int s[2];

	pair(s, SOCK_STREAM);
	for (int i = 0; i < 2; i++) {
		set(s[1], SO_PASSCRED, 0);
		need(send(s[0], "aa", 2, 0) == 2);
		need(send_control(s[0], "bb", 2, SCM_CREDENTIALS, &one, sizeof(one)) == 2);
		need(send_control(s[0], "cc", 2, SCM_CREDENTIALS, &one, sizeof(one)) == 2);
		need(send_control(s[0], "dd", 2, SCM_CREDENTIALS, &two, sizeof(two)) == 2);
		set(s[1], SO_PASSCRED, i);
		for (int j = 0; j < (i ? 4 : 1); j++)
			receive(i ? "senders matter" : "they do not", s[1], 20, 100, MSG_WAITALL);
	}
	close_two(s);
}

/* Nobody has accepted the connection yet: identities are kept, since it may want them. */
static void test_not_accepted(int type)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "\0unix-messages"};
	socklen_t len = offsetof(struct sockaddr_un, sun_path) + 14;
	int l = socket(AF_UNIX, type, 0), c = socket(AF_UNIX, type, 0), s;

	need(bind(l, (struct sockaddr *)&a, len) == 0 && listen(l, 1) == 0 &&
	     connect(c, (struct sockaddr *)&a, len) == 0);
	need(send(c, "early", 5, 0) == 5);
	set(l, SO_PASSCRED, 1);
	s = accept(l, NULL, NULL);
	set(l, SO_PASSCRED, 0);
	receive("sent before accept", s, 8, 100, 0);
	need(send(c, "late", 4, 0) == 4);
	receive("sent after it", s, 8, 100, 0);
	close(s);
	close(c);
	close(l);
}

static void show_peer(const char *what, int s)
{
	struct ucred u = {-1, 7, 7};
	socklen_t len = sizeof(u);
	gid_t groups[64];
	int r = getsockopt(s, SOL_SOCKET, SO_PEERCRED, &u, &len);

	show("%s: %d, %s %d %d", what, r,
	     u.pid == getpid() ? "me"
	     : u.pid	       ? "?"
			       : "nobody",
	     (int)u.uid, (int)u.gid);
	len = sizeof(groups);
	r = getsockopt(s, SOL_SOCKET, SO_PEERGROUPS, groups, &len);
	show("  groups: %s", r ? strerrorname_np(errno) : len % 4 ? "?" : "ok");
	len = 4;
	r = getsockopt(s, SOL_SOCKET, 77, groups, &len);
	show("  pidfd: %s", r ? strerrorname_np(errno) : "ok");
}

static void test_peer(void)
{
	int s[2];

	for (int i = 0; i < 3; i++) {
		pair(s, types[i]);
		show_peer(type_names[i], s[0]);
		close(s[1]);
		show_peer("its peer is closed", s[0]);
		close(s[0]);
		s[0] = socket(AF_UNIX, types[i], 0);
		show_peer("alone", s[0]);
		close(s[0]);
	}
	s[0] = socket(AF_INET, SOCK_STREAM, 0);
	show_peer("TCP", s[0]);
	close(s[0]);
}

/* ---- descriptors
 * ---------------------------------------------------------------------------------------------- */

static int nr_open(void)
{
	int n = 0;

	for (int i = 0; i < 1024; i++)
		n += fcntl(i, F_GETFD) >= 0;
	return n;
}

static void test_descriptors(int type)
{
	int s[2], null = open("/dev/null", O_RDWR), path = open("/", O_PATH),
		  fds[4] = {null, null, null, null}, bad[2] = {null, 900};
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	     data[8] = "";
	int before;

	need(munmap(page + 4096, 4096) == 0);
	pair(s, type);
	before = nr_open();
	for (size_t room = 0; room <= 40; room += 4) {
		char what[40];

		need(send_fds(s[0], "x", 1, fds, 4) == 1);
		snprintf(what, sizeof(what), "four, room for %zu", room);
		receive(what, s[1], 8, room, 0);
	}
	set(s[1], SO_PASSCRED, 1);
	need(send_fds(s[0], "x", 1, fds, 4) == 1);
	receive("with credentials, no room behind them", s[1], 8, CMSG_SPACE(12), 0);
	need(send_fds(s[0], "x", 1, fds, 4) == 1);
	receive("room for two behind them", s[1], 8, CMSG_SPACE(12) + CMSG_LEN(8), 0);
	set(s[1], SO_PASSCRED, 0);
	need(send_fds(s[0], "xy", 2, fds, 2) == 2);
	receive("a look", s[1], 1, 100, MSG_PEEK);
	receive("another", s[1], 8, 100, MSG_PEEK);
	receive("a short read", s[1], 1, 100, 0);
	receive("the rest", s[1], 8, 100, 0);
	result("a number that is not open", send_fds(s[0], "x", 1, bad, 2));
	result("O_PATH", send_fds(s[0], "x", 1, &path, 1));
	receive("received", s[1], 8, 100, 0);
	result("none", send_fds(s[0], "x", 1, fds, 0));
	receive("received", s[1], 8, 100, 0);
	show("descriptors left over: %d", nr_open() - before);

	/* No memory where the control data should go: the data is received, the descriptors are
	 * closed. */
	struct iovec iov = {data, 8};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = page + 4096,
			   .msg_controllen = 100};
	need(send_fds(s[0], "lost", 4, fds, 4) == 4);
	result("bad control buffer", recvmsg(s[1], &m, MSG_DONTWAIT));
	show("flags %x, %zu of control, descriptors left over: %d", m.msg_flags, m.msg_controllen,
	     nr_open() - before);
	set(s[1], SO_PASSCRED, 1);
	need(send(s[0], "lost", 4, 0) == 4);
	m.msg_controllen = 100;
	result("bad control buffer for credentials", recvmsg(s[1], &m, MSG_DONTWAIT));
	show("flags %x, %zu of control", m.msg_flags, m.msg_controllen);
	set(s[1], SO_PASSCRED, 0);
	/* No memory for the data. */
	need(send_fds(s[0], "data", 4, fds, 4) == 4);
	iov.iov_base = page + 4096;
	m = (struct msghdr){.msg_iov = &iov, .msg_iovlen = 1};
	result("bad buffer", recvmsg(s[1], &m, MSG_DONTWAIT));
	receive("then", s[1], 8, 100, 0);
	/* Half of it. */
	need(send_fds(s[0], "half", 4, fds, 4) == 4);
	iov.iov_base = page + 4094;
	result("half a buffer", recvmsg(s[1], &m, MSG_DONTWAIT));
	receive("then", s[1], 8, 100, 0);
	receive("then", s[1], 8, 100, 0);
	show("descriptors left over: %d", nr_open() - before);
	close_two(s);
	close(null);
	close(path);
	munmap(page, 4096);
}

/* Plain bytes before and after a message with descriptors. */
static void test_mixed(void)
{
	int s[2], null = open("/dev/null", O_RDWR);

	pair(s, SOCK_STREAM);
	need(send(s[0], "aa", 2, 0) == 2 && send_fds(s[0], "bb", 2, &null, 1) == 2 &&
	     send(s[0], "cc", 2, 0) == 2 && send_fds(s[0], "dd", 2, &null, 1) == 2);
	receive("looks", s[1], 20, 100, MSG_PEEK);
	receive("reads", s[1], 20, 100, 0);
	receive("reads", s[1], 20, 100, MSG_WAITALL);
	receive("reads", s[1], 20, 100, 0);
	close_two(s);
	close(null);
}

/* ---- lengths and looks
 * ---------------------------------------------------------------------------------------- */

static void test_lengths(int type)
{
	int s[2], n, off;
	socklen_t len = sizeof(off);
	char data[16];

	pair(s, type);
	need(send(s[0], "abcdef", 6, 0) == 6 && send(s[0], "gh", 2, 0) == 2);
	need(ioctl(s[1], FIONREAD, &n) == 0);
	show("FIONREAD %d", n);
	receive("a short look", s[1], 3, 0, MSG_PEEK);
	result("MSG_TRUNC, a look", recv(s[1], data, 3, MSG_PEEK | MSG_TRUNC));
	result("MSG_TRUNC", recv(s[1], data, 3, MSG_TRUNC));
	receive("after it", s[1], 16, 0, 0);
	result("nothing", recv(s[1], data, 3, MSG_DONTWAIT | MSG_PEEK));
	result("an empty send", send(s[0], "", 0, 0));
	result("received", recv(s[1], data, 3, MSG_DONTWAIT));
	need(ioctl(s[1], FIONREAD, &n) == 0);
	show("FIONREAD %d", n);
	need(ioctl(s[0], TIOCOUTQ, &n) == 0);
	while (recv(s[1], data, 16, MSG_DONTWAIT) >= 0)
		;
	show("TIOCOUTQ %d", n);
	result("MSG_EOR", send(s[0], "abcd", 4, MSG_EOR));
	receive("received", s[1], 16, 0, 0);
	result("MSG_OOB to receive", recv(s[1], data, 1, MSG_OOB | MSG_DONTWAIT));

	getsockopt(s[1], SOL_SOCKET, SO_PEEK_OFF, &off, &len);
	show("SO_PEEK_OFF %d", off);
	set(s[1], SO_PEEK_OFF, 2);
	need(send(s[0], "abcdef", 6, 0) == 6 && send(s[0], "ghij", 4, 0) == 4);
	receive("from 2", s[1], 2, 0, MSG_PEEK);
	receive("goes on", s[1], 16, 0, MSG_PEEK);
	receive("and on", s[1], 16, 0, MSG_PEEK);
	receive("to the end", s[1], 16, 0, MSG_PEEK);
	getsockopt(s[1], SOL_SOCKET, SO_PEEK_OFF, &off, &len);
	show("SO_PEEK_OFF %d", off);
	receive("a read", s[1], 3, 0, 0);
	getsockopt(s[1], SOL_SOCKET, SO_PEEK_OFF, &off, &len);
	show("SO_PEEK_OFF %d", off);
	set(s[1], SO_PEEK_OFF, -1);
	receive("a look without", s[1], 2, 0, MSG_PEEK);
	close_two(s);
	s[0] = socket(AF_INET, SOCK_STREAM, 0);
	off = 1;
	result("SO_PEEK_OFF of TCP", setsockopt(s[0], SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off)));
	close(s[0]);
}

/* SO_RCVLOWAT of a stream: what is there is not enough. */
static void test_low_water(void)
{
	char data[8];
	int s[2];

	pair(s, SOCK_STREAM);
	set(s[1], SO_RCVLOWAT, 4);
	setsockopt(s[1], SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_usec = 20000},
		   sizeof(struct timeval));
	need(send(s[0], "ab", 2, 0) == 2);
	int64_t begin = now_ns(CLOCK_MONOTONIC);
	result("below the low water mark", recv(s[1], data, 8, 0));
	show("waited: %s", now_ns(CLOCK_MONOTONIC) - begin >= 19000000 ? "yes" : "no");
	close_two(s);
}

static void test_many(void)
{
	struct mmsghdr m[4] = {0};
	struct iovec iov[4];
	char data[4][8];
	int s[2];

	pair(s, SOCK_DGRAM);
	for (int i = 0; i < 4; i++) {
		iov[i] = (struct iovec){data[i], 8};
		m[i].msg_hdr.msg_iov = &iov[i];
		m[i].msg_hdr.msg_iovlen = 1;
		need(send(s[0], "abcd", i + 1, 0) == i + 1);
	}
	iov[2].iov_base = (void *)8;
	result("recvmmsg, the third is bad", recvmmsg(s[1], m, 4, MSG_DONTWAIT, NULL));
	result("which the next call tells", recvmmsg(s[1], m, 1, MSG_DONTWAIT, NULL));
	result("and goes on", recvmmsg(s[1], m, 4, MSG_DONTWAIT, NULL));
	show("length %u", m[0].msg_len);
	struct timespec t = {100, 0};
	need(send(s[0], "a", 1, 0) == 1);
	result("with a time-out", recvmmsg(s[1], m, 1, 0, &t));
	show("what is left of it: %s", t.tv_sec == 99 ? "less" : "?");
	m[0].msg_hdr.msg_namelen = -1;
	m[0].msg_hdr.msg_name = data;
	result("a negative length", recvmmsg(s[1], m, 1, MSG_DONTWAIT, NULL));
	close_two(s);
}

/* ---- names -------------------------------------------------------------------------------- */

static void show_name(const char *what, int s)
{
	struct sockaddr_un a = {0};
	socklen_t len = sizeof(a);
	int r = getsockname(s, (struct sockaddr *)&a, &len);

	show("%s: %d, %u bytes \"%s\"", what, r, len,
	     a.sun_path[0]   ? a.sun_path
	     : a.sun_path[1] ? "@"
			     : "");
}

static void test_names(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX}, from;
	const socklen_t base = offsetof(struct sockaddr_un, sun_path);
	int s = socket(AF_UNIX, SOCK_DGRAM, 0), t = socket(AF_UNIX, SOCK_DGRAM, 0);
	socklen_t len;
	char data[8];

	mkdir("/tmp", 01777);
	unlink("/tmp/um");
	unlink("/tmp/um2");
	show_name("unnamed", s);
	result("connect, 2 bytes", connect(s, (struct sockaddr *)&a, base));
	result("connect, 1 byte", connect(s, (struct sockaddr *)&a, 1));
	result("bind, 1 byte", bind(s, (struct sockaddr *)&a, 1));
	result("bind, too long", bind(s, (struct sockaddr *)&a, sizeof(a) + 1));
	a.sun_family = AF_INET;
	result("bind, another family", bind(s, (struct sockaddr *)&a, sizeof(a)));
	a.sun_family = AF_UNIX;
	result("autobind", bind(s, (struct sockaddr *)&a, base));
	show_name("named", s);
	result("autobind again", bind(s, (struct sockaddr *)&a, base));
	strcpy(a.sun_path, "/tmp/um");
	result("bind to another name", bind(s, (struct sockaddr *)&a, sizeof(a)));
	show("which exists: %s", access("/tmp/um", F_OK) ? "no" : "yes");
	result("bind", bind(t, (struct sockaddr *)&a, base + 7));
	show_name("named", t);
	result("bind to a name that is there", bind(s, (struct sockaddr *)&a, sizeof(a)));
	result("send to it", sendto(s, "x", 1, 0, (struct sockaddr *)&a, base + 7));
	len = sizeof(from);
	result("from", recvfrom(t, data, 8, 0, (struct sockaddr *)&from, &len));
	show("%u bytes of name", len);
	close(s);

	s = socket(AF_UNIX, SOCK_DGRAM, 0);
	need(sendto(s, "x", 1, 0, (struct sockaddr *)&a, base + 7) == 1);
	len = sizeof(from);
	result("from one without a name", recvfrom(t, data, 8, 0, (struct sockaddr *)&from, &len));
	show("%u bytes of name", len);
	set(s, SO_PASSCRED, 1);
	need(sendto(s, "x", 1, 0, (struct sockaddr *)&a, base + 7) == 1);
	show_name("SO_PASSCRED gives it one when it sends", s);
	close(s);
	s = socket(AF_UNIX, SOCK_STREAM, 0);
	result("another type", connect(s, (struct sockaddr *)&a, sizeof(a)));
	strcpy(a.sun_path, "/tmp");
	result("a directory", connect(s, (struct sockaddr *)&a, sizeof(a)));
	close(s);
	close(t);
	unlink("/tmp/um");

	/* The longest path has no room for its final 0. */
	memset(a.sun_path, 'n', sizeof(a.sun_path));
	memcpy(a.sun_path, "/tmp/", 5);
	t = socket(AF_UNIX, SOCK_DGRAM, 0);
	result("the longest path", bind(t, (struct sockaddr *)&a, sizeof(a)));
	len = sizeof(a);
	getsockname(t, (struct sockaddr *)&from, &len);
	show("%u bytes of name", len);
	close(t);

	/* Abstract names are as long as they are given. */
	memcpy(a.sun_path, "\0name", 6);
	s = socket(AF_UNIX, SOCK_DGRAM, 0);
	t = socket(AF_UNIX, SOCK_DGRAM, 0);
	result("abstract", bind(s, (struct sockaddr *)&a, base + 5));
	result("with a 0 behind it, another", bind(t, (struct sockaddr *)&a, base + 6));
	result("the same", bind(t, (struct sockaddr *)&a, base + 5));
	close(t);
	t = socket(AF_UNIX, SOCK_DGRAM, 0);
	result("the same", bind(t, (struct sockaddr *)&a, base + 5));
	close(s);
	result("free again", bind(t, (struct sockaddr *)&a, base + 5));
	close(t);

	/* A stream tells the name of its peer. */
	int l = socket(AF_UNIX, SOCK_STREAM, 0);
	need(bind(l, (struct sockaddr *)&a, base + 5) == 0 && listen(l, 1) == 0);
	s = socket(AF_UNIX, SOCK_STREAM, 0);
	need(connect(s, (struct sockaddr *)&a, base + 5) == 0 && (t = accept(l, NULL, NULL)) >= 0);
	show_name("the accepted end", t);
	need(send(t, "x", 1, 0) == 1 && send(s, "y", 1, 0) == 1);
	len = sizeof(from);
	result("from the listener's name", recvfrom(s, data, 8, 0, (struct sockaddr *)&from, &len));
	show("%u bytes of name", len);
	len = sizeof(from);
	result("from one without", recvfrom(t, data, 8, 0, (struct sockaddr *)&from, &len));
	show("%u bytes of name", len);
	close(s);
	close(t);
	close(l);
}

/* ---- ends --------------------------------------------------------------------------------- */

static volatile sig_atomic_t nr_sigpipe;

static void count_sigpipe(int sig)
{
	(void)sig;
	nr_sigpipe++;
}

static void ask(const char *what, int s)
{
	char data[8];
	struct pollfd p = {s, POLLIN | POLLOUT | POLLRDHUP, 0};
	int error = 0;
	socklen_t len = sizeof(error);

	poll(&p, 1, 0);
	show("%s: poll %x", what, p.revents);
	result("  recv", recv(s, data, 8, MSG_DONTWAIT));
	getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &len);
	show("  SO_ERROR %s", error ? strerrorname_np(error) : "0");
	nr_sigpipe = 0;
	result("  send", send(s, "x", 1, 0));
	show("  SIGPIPE: %d", nr_sigpipe);
	nr_sigpipe = 0;
	result("  write", write(s, "x", 1));
	show("  SIGPIPE: %d", nr_sigpipe);
	result("  recv", recv(s, data, 8, MSG_DONTWAIT));
}

static void test_ends(int type)
{
	static const char *const hows[] = {"SHUT_RD", "SHUT_WR", "SHUT_RDWR"};
	int s[2];

	for (int how = 0; how < 3; how++) {
		pair(s, type);
		result(hows[how], shutdown(s[0], how));
		ask("this end", s[0]);
		ask("that end", s[1]);
		close_two(s);
	}
	for (int unread = 0; unread < 2; unread++) {
		pair(s, type);
		need(send(s[0], "lost", 4, 0) == 4);
		if (!unread) {
			char data[8];
			need(recv(s[1], data, 8, 0) == 4);
		}
		need(send(s[1], "kept", 4, 0) == 4);
		close(s[1]);
		ask(unread ? "closed with data unread" : "closed", s[0]);
		close(s[0]);
	}
	s[0] = socket(AF_UNIX, type, 0);
	ask("not connected", s[0]);
	result("shutdown", shutdown(s[0], SHUT_RDWR));
	ask("and shut", s[0]);
	result("listen without a name", listen(s[0], 1));
	result("accept", accept(s[0], NULL, NULL));
	close(s[0]);
}

static void test_listener(int type)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "\0listener"};
	socklen_t len = offsetof(struct sockaddr_un, sun_path) + 9;
	int l = socket(AF_UNIX, type | SOCK_NONBLOCK, 0), c[4], n;

	for (int i = 0; i < 4; i++)
		c[i] = socket(AF_UNIX, type | SOCK_NONBLOCK, 0);
	need(bind(l, (struct sockaddr *)&a, len) == 0);
	result("connect before listen", connect(c[0], (struct sockaddr *)&a, len));
	need(listen(l, 1) == 0);
	for (int i = 0; i < 4; i++)
		result("connect", connect(c[i], (struct sockaddr *)&a, len));
	result("connect again", connect(c[0], (struct sockaddr *)&a, len));
	result("the listener to itself", connect(l, (struct sockaddr *)&a, len));
	result("FIONREAD", ioctl(l, FIONREAD, &n));
	result("a longer backlog", listen(l, 2));
	result("connect", connect(c[2], (struct sockaddr *)&a, len));
	show_peer("listener", l);
	result("shutdown", shutdown(l, SHUT_RD));
	result("connect", connect(c[3], (struct sockaddr *)&a, len));
	struct pollfd p = {l, POLLIN | POLLOUT, 0};
	poll(&p, 1, 0);
	show("poll %x", p.revents);
	for (int i = 0; i < 4; i++)
		show("accept: %s",
		     (n = accept(l, NULL, NULL)) >= 0 ? "ok" : strerrorname_np(errno));
	fcntl(l, F_SETFL, 0);
	result("accept that may wait", accept(l, NULL, NULL));
	result("listen again", listen(l, 1));
	result("connect", connect(c[3], (struct sockaddr *)&a, len));
	for (int i = 0; i < 4; i++)
		close(c[i]);
	for (int i = l + 5; i < l + 10; i++)
		close(i);
	close(l);
}

/* ---- datagrams and peers
 * -------------------------------------------------------------------------------------- */

static void test_datagram_peers(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "\0peer-a"},
			   b = {.sun_family = AF_UNIX, .sun_path = "\0peer-b"};
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	socklen_t len = offsetof(struct sockaddr_un, sun_path) + 7;
	int r = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0),
	    s = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0),
	    o = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	char data[8];
	int n = 0;

	need(bind(r, (struct sockaddr *)&a, len) == 0 && bind(s, (struct sockaddr *)&b, len) == 0);
	need(connect(s, (struct sockaddr *)&a, len) == 0);
	while (send(s, "x", 1, 0) == 1)
		n++;
	result("after so many", n);
	struct pollfd p = {s, POLLOUT, 0};
	result("poll: writable", poll(&p, 1, 0));
	result("a stranger's", sendto(o, "x", 1, 0, (struct sockaddr *)&a, len));
	result("received", recv(r, data, 8, 0));
	result("poll: writable", poll(&p, 1, 0));
	result("send", send(s, "x", 1, 0));
	result("connected back", connect(r, (struct sockaddr *)&b, len));
	result("poll: writable", poll(&p, 1, 0));
	result("send", send(s, "x", 1, 0));
	result("a stranger's", sendto(o, "x", 1, 0, (struct sockaddr *)&a, len));
	result("a stranger connects", connect(o, (struct sockaddr *)&a, len));
	result("it disconnects", connect(r, &none, sizeof(none)));
	ask("its queue is lost, and the peer hears of it", s);
	result("received", recv(r, data, 8, 0));
	result("received", recv(r, data, 8, 0));
	result("a stranger's", sendto(o, "x", 1, 0, (struct sockaddr *)&a, len));
	close(r);
	result("its peer is closed", send(s, "x", 1, 0));
	result("told once", send(s, "x", 1, 0));
	result("to its name", sendto(s, "x", 1, 0, (struct sockaddr *)&a, len));
	result("to itself", sendto(s, "x", 1, 0, (struct sockaddr *)&b, len));
	result("received", recv(s, data, 8, 0));
	result("too long", send(o, NULL, 1 << 20, 0));
	result("connected to itself", connect(s, (struct sockaddr *)&b, len));
	result("send", send(s, "x", 1, 0));
	result("received", recv(s, data, 8, 0));
	close(s);
	close(o);
}

int main(void)
{
	struct sigaction sa = {.sa_handler = count_sigpipe};

	sigaction(SIGPIPE, &sa, NULL);
	for (int i = 0; i < 3; i++) {
		show("--- %s", type_names[i]);
		test_credentials(types[i]);
		test_descriptors(types[i]);
		test_lengths(types[i]);
		test_ends(types[i]);
		if (types[i] != SOCK_DGRAM) {
			test_not_accepted(types[i]);
			test_listener(types[i]);
		}
	}
	show("--- all");
	test_coalescing();
	test_peer();
	test_mixed();
	test_low_water();
	test_many();
	test_names();
	test_datagram_peers();
	return test_end();
}
