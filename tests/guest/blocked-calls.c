/* SPDX-License-Identifier: MIT */
/*
 * Every call that blocks, against everything that ends it: what the other end does, what another
 * thread does to the same end, a signal whose handler restarts calls, one whose handler does not,
 * and a time-out. The call runs in a thread of its own; the event comes when that thread sleeps.
 * Linux says what the call returns, and whether it returns.
 */
#include "test.h"
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

enum { NONE_FD = -1 };

/* One blocked call: ours is the end it works on, theirs the other one. */
struct scene {
	const char *name;
	void (*open)(struct scene *sc);
	long (*call)(struct scene *sc);
	int ours, theirs, extra;
	int type;
	bool is_send;
};

static struct {
	struct scene *scene;
	_Atomic int tid, is_done;
	long result;
	int error, nr_sigpipe;
} run;

static char big[1 << 20];
static __thread int nr_sigpipe;

static void on_sigpipe(int sig)
{
	(void)sig;
	nr_sigpipe++;
}

static void on_signal(int sig)
{
	(void)sig;
}

static void *caller(void *unused)
{
	nr_sigpipe = 0;
	run.tid = (int)syscall(SYS_gettid);
	errno = 0;
	run.result = run.scene->call(run.scene);
	run.error = errno;
	run.nr_sigpipe = nr_sigpipe;
	run.is_done = 1;
	return unused;
}

/* Does the caller sleep? Twice in a row, so that a sleep on the way does not count. */
static bool is_asleep(void)
{
	char path[64], line[256] = "", *p;
	int fd;

	if (!run.tid || run.is_done)
		return false;
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", run.tid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, line, sizeof(line) - 1);
	close(fd);
	p = n > 0 ? strrchr(line, ')') : NULL;
	return p && p[2] == 'S';
}

static bool wait_asleep(void)
{
	for (int i = 0, in_a_row = 0; i < 10000 && in_a_row < 10; i++) {
		in_a_row = is_asleep() ? in_a_row + 1 : 0;
		if (run.is_done)
			return false;
		sleep_ms(2);
	}
	return true;
}

static bool wait_done(int ms)
{
	for (int i = 0; i < ms && !run.is_done; i++)
		sleep_ms(1);
	return run.is_done;
}

/* ---- the calls ---------------------------------------------------------------------------- */

static void open_pipe(struct scene *sc)
{
	int p[2];

	need(pipe(p) == 0);
	sc->ours = p[sc->is_send];
	sc->theirs = p[!sc->is_send];
}

static void open_pair(struct scene *sc)
{
	int p[2];

	need(socketpair(AF_UNIX, sc->type, 0, p) == 0);
	sc->ours = p[0];
	sc->theirs = p[1];
}

static int tcp_listener(struct sockaddr_in *a, int backlog)
{
	int l = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(*a);

	*a = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	need(bind(l, (struct sockaddr *)a, sizeof(*a)) == 0 && listen(l, backlog) == 0 &&
	     getsockname(l, (struct sockaddr *)a, &len) == 0);
	return l;
}

static void open_tcp(struct scene *sc)
{
	struct sockaddr_in a;
	int l = tcp_listener(&a, 1), size = 4096;

	sc->ours = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(sc->ours, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	need(connect(sc->ours, (struct sockaddr *)&a, sizeof(a)) == 0 &&
	     (sc->theirs = accept(l, NULL, NULL)) >= 0);
	close(l);
}

/*
 * A listener whose queue is full answers nobody. It is full once it has the last segment of the
 * handshake, which may be after connect has returned.
 */
static void open_full_tcp(struct scene *sc)
{
	struct pollfd p;
	struct sockaddr_in a;

	sc->theirs = tcp_listener(&a, 0);
	sc->extra = socket(AF_INET, SOCK_STREAM, 0);
	sc->ours = socket(AF_INET, SOCK_STREAM, 0);
	need(connect(sc->extra, (struct sockaddr *)&a, sizeof(a)) == 0);
	p = (struct pollfd){sc->theirs, POLLIN, 0};
	need(poll(&p, 1, -1) == 1);
}

static void open_udp(struct scene *sc)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);

	sc->ours = socket(AF_INET, SOCK_DGRAM, 0);
	sc->theirs = socket(AF_INET, SOCK_DGRAM, 0);
	need(bind(sc->theirs, (struct sockaddr *)&a, sizeof(a)) == 0 &&
	     getsockname(sc->theirs, (struct sockaddr *)&a, &len) == 0 &&
	     connect(sc->ours, (struct sockaddr *)&a, len) == 0 &&
	     getsockname(sc->ours, (struct sockaddr *)&a, &len) == 0 &&
	     connect(sc->theirs, (struct sockaddr *)&a, len) == 0);
}

static void open_unix_listener(struct scene *sc)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "\0blocked"};
	socklen_t len = offsetof(struct sockaddr_un, sun_path) + 8;
	int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);

	need(bind(l, (struct sockaddr *)&a, len) == 0 && listen(l, 0) == 0);
	if (!sc->is_send) { /* accept */
		close(c);
		sc->ours = l;
		sc->theirs = NONE_FD;
		return;
	}
	need(connect(c, (struct sockaddr *)&a, len) == 0);
	sc->extra = c;
	sc->ours = socket(AF_UNIX, SOCK_STREAM, 0);
	sc->theirs = l;
}

static void open_tcp_listener(struct scene *sc)
{
	struct sockaddr_in a;

	sc->ours = tcp_listener(&a, 1);
	sc->theirs = NONE_FD;
}

/* A datagram socket that is not connected back, and full. */
static void open_one_way(struct scene *sc)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "\0one-way"};
	socklen_t len = offsetof(struct sockaddr_un, sun_path) + 8;

	sc->ours = socket(AF_UNIX, SOCK_DGRAM, 0);
	sc->theirs = socket(AF_UNIX, SOCK_DGRAM, 0);
	need(bind(sc->theirs, (struct sockaddr *)&a, len) == 0 &&
	     connect(sc->ours, (struct sockaddr *)&a, len) == 0);
}

static void open_eventfd(struct scene *sc)
{
	sc->ours = eventfd(0, 0);
	sc->theirs = NONE_FD;
}

static void open_lock(struct scene *sc)
{
	sc->theirs = open("/tmp/blocked-lock", O_RDWR | O_CREAT, 0600);
	sc->ours = open("/tmp/blocked-lock", O_RDWR);
	need(sc->theirs >= 0 && sc->ours >= 0 && flock(sc->theirs, LOCK_EX) == 0);
}

static long do_read(struct scene *sc)
{
	char data[8];

	return read(sc->ours, data, sizeof(data));
}

static long do_recv(struct scene *sc)
{
	char data[8];

	return recv(sc->ours, data, sizeof(data), 0);
}

static long do_recvmmsg(struct scene *sc)
{
	char data[8];
	struct iovec iov = {data, 8};
	struct mmsghdr m = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};

	return recvmmsg(sc->ours, &m, 1, 0, NULL);
}

static long do_write(struct scene *sc)
{
	return write(sc->ours, big, sizeof(big)) > 0;
}

/* Packets until one cannot be sent. */
static long do_send(struct scene *sc)
{
	long r;

	while ((r = send(sc->ours, big, 1000, 0)) > 0)
		;
	return r;
}

/* What is sent in one call: a stream tells how much went. */
static long do_fill(struct scene *sc)
{
	fcntl(sc->ours, F_SETFL, O_NONBLOCK);
	while (write(sc->ours, big, 4096) > 0)
		;
	while (write(sc->ours, big, 1) > 0)
		;
	fcntl(sc->ours, F_SETFL, 0);
	errno = 0;
	return write(sc->ours, big, 100);
}

static long do_accept(struct scene *sc)
{
	long r = accept(sc->ours, NULL, NULL);

	if (r < 0)
		return r;
	close((int)r);
	return 0;
}

static long do_connect_unix(struct scene *sc)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "\0blocked"};

	return connect(sc->ours, (struct sockaddr *)&a, offsetof(struct sockaddr_un, sun_path) + 8);
}

static long do_connect_tcp(struct scene *sc)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	need(getsockname(sc->theirs, (struct sockaddr *)&a, &len) == 0);
	return connect(sc->ours, (struct sockaddr *)&a, len);
}

static long do_poll(struct scene *sc)
{
	struct pollfd p = {sc->ours, POLLIN | POLLRDHUP, 0};
	int r = poll(&p, 1, -1);

	return r < 0 ? r : 1000 + p.revents;
}

static long do_poll_out(struct scene *sc)
{
	struct pollfd p = {sc->ours, POLLOUT, 0};
	int r;

	fcntl(sc->ours, F_SETFL, O_NONBLOCK);
	while (write(sc->ours, big, 1000) > 0)
		;
	fcntl(sc->ours, F_SETFL, 0);
	errno = 0;
	r = poll(&p, 1, -1);
	return r < 0 ? r : 1000 + p.revents;
}

static long do_ppoll(struct scene *sc)
{
	struct pollfd p = {sc->ours, POLLIN | POLLRDHUP, 0};
	sigset_t none;
	int r;

	sigemptyset(&none);
	r = ppoll(&p, 1, NULL, &none);
	return r < 0 ? r : 1000 + p.revents;
}

static long do_epoll(struct scene *sc)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP};
	int ep = epoll_create1(0), r, error;

	need(epoll_ctl(ep, EPOLL_CTL_ADD, sc->ours, &e) == 0);
	errno = 0;
	r = epoll_wait(ep, &e, 1, -1);
	error = errno;
	close(ep);
	errno = error;
	return r < 0 ? r : 1000 + (int)e.events;
}

static long do_eventfd_write(struct scene *sc)
{
	uint64_t v = UINT64_MAX - 1;

	need(write(sc->ours, &v, 8) == 8);
	return write(sc->ours, &v, 8);
}

static long do_flock(struct scene *sc)
{
	return flock(sc->ours, LOCK_EX);
}

static long do_ofd_lock(struct scene *sc)
{
	struct flock l = {.l_type = F_WRLCK};

	need(fcntl(sc->theirs, F_OFD_SETLK, &l) == 0);
	return fcntl(sc->ours, F_OFD_SETLKW, &l);
}

/* ---- what ends them
 * ------------------------------------------------------------------------------------------- */

static void close_theirs(struct scene *sc)
{
	close(sc->theirs);
	sc->theirs = NONE_FD;
}

static void unread_and_close(struct scene *sc)
{
	need(write(sc->ours, "x", 1) == 1);
	close_theirs(sc);
}

static void read_a_part(struct scene *sc)
{
	char data[100];

	need(read(sc->theirs, data, sizeof(data)) > 0);
	sleep_ms(20);
	close_theirs(sc);
}

static void shut_theirs(struct scene *sc)
{
	need(shutdown(sc->theirs, SHUT_RDWR) == 0);
}

static void shut_ours_rd(struct scene *sc)
{
	need(shutdown(sc->ours, SHUT_RD) == 0);
}

static void shut_ours_wr(struct scene *sc)
{
	need(shutdown(sc->ours, SHUT_WR) == 0);
}

static void shut_ours(struct scene *sc)
{
	need(shutdown(sc->ours, SHUT_RDWR) == 0);
}

/* The call goes on with the file it began with. */
static void close_ours_then_feed(struct scene *sc)
{
	int spare = dup(sc->ours);

	close(sc->ours);
	sc->ours = spare;
	sleep_ms(20);
	need(!run.is_done);
	need(write(sc->theirs, "x", 1) == 1);
}

static void signal_restart(struct scene *sc)
{
	(void)sc;
	need(syscall(SYS_tgkill, getpid(), run.tid, SIGUSR1) == 0);
}

static void signal_no_restart(struct scene *sc)
{
	(void)sc;
	need(syscall(SYS_tgkill, getpid(), run.tid, SIGUSR2) == 0);
}

struct event {
	const char *name;
	void (*act)(struct scene *sc);
	unsigned kinds, not ; /* of scenes that it makes sense for, and does not */
};

#define HAS_PEER 1u
#define SOCKET	 2u
#define READS	 4u
#define FILLS	 8u
#define POLLS	 16u /* of a number: what is closed is not there any more */
#define TCP_DATA 64u /* is reset by an end that is shut, sooner or later */
#define NO_CLOSE 32u /* what it says of a close in progress is chance */

static const struct event events[] = {
	{"the other end is closed", close_theirs, HAS_PEER, NO_CLOSE},
	{"closed with data unread", unread_and_close, HAS_PEER | SOCKET | READS, 0},
	{"read in part, then closed", read_a_part, HAS_PEER | FILLS, 0},
	{"the other end is shut", shut_theirs, HAS_PEER | SOCKET, TCP_DATA},
	{"SHUT_RD", shut_ours_rd, SOCKET, 0},
	{"SHUT_WR", shut_ours_wr, SOCKET, 0},
	{"SHUT_RDWR", shut_ours, SOCKET, 0},
	{"closed here, then fed", close_ours_then_feed, HAS_PEER | READS, POLLS},
	{"a signal, SA_RESTART", signal_restart, 0, 0},
	{"a signal", signal_no_restart, 0, 0},
};

/* ---- one run ------------------------------------------------------------------------------ */

/* Ends a call that went on sleeping: handlers that do not restart, until it is over. */
static void get_rid_of(void)
{
	for (int i = 0; i < 100 && !run.is_done; i++) {
		syscall(SYS_tgkill, getpid(), run.tid, SIGUSR2);
		wait_done(50);
	}
	need(run.is_done);
}

static void show_end(const struct scene *sc, const char *event, bool has_slept, bool has_ended)
{
	/* A stream whose sender sleeps is shut: Linux sends none, unlike to who begins to send. */
	const char *sigpipe = run.nr_sigpipe && sc->open == open_pipe ? " SIGPIPE" : "";

	if (!has_slept)
		show("%s, %s: did not sleep: %ld %s", sc->name, event, run.result,
		     run.result < 0 ? strerrorname_np(run.error) : "");
	else if (!has_ended)
		show("%s, %s: sleeps on", sc->name, event);
	else if (run.result < 0)
		show("%s, %s: %s%s", sc->name, event, strerrorname_np(run.error), sigpipe);
	else
		show("%s, %s: %ld%s", sc->name, event, run.result, sigpipe);
}

static void start(struct scene *sc, pthread_t *t)
{
	sc->extra = NONE_FD;
	sc->open(sc);
	memset(&run, 0, sizeof(run));
	run.scene = sc;
	need(pthread_create(t, NULL, caller, NULL) == 0);
}

static void finish(struct scene *sc, pthread_t t)
{
	pthread_join(t, NULL);
	close(sc->ours);
	if (sc->theirs != NONE_FD)
		close(sc->theirs);
	if (sc->extra != NONE_FD)
		close(sc->extra);
}

static void try(struct scene *sc, const struct event *e)
{
	bool has_slept, has_ended;
	pthread_t t;

	start(sc, &t);
	has_slept = wait_asleep();
	if (has_slept)
		e->act(sc);
	/* Long enough where it ends; what sleeps on is seen to be asleep again. */
	has_ended = wait_done(100) || !wait_asleep();
	if (!has_ended)
		get_rid_of();
	else
		need(wait_done(10000));
	show_end(sc, e->name, has_slept, has_ended);
	finish(sc, t);
}

/* SO_RCVTIMEO and SO_SNDTIMEO: over after it; ended for good by any handler. */
static void try_timeouts(struct scene *sc)
{
	static const int sigs[] = {0, SIGUSR1};
	pthread_t t;

	for (int i = 0; i < 2; i++) {
		struct timeval tv = {.tv_sec = sigs[i] ? 1000 : 0, .tv_usec = 30000};

		memset(&run, 0, sizeof(run));
		sc->extra = NONE_FD;
		sc->open(sc);
		need(setsockopt(sc->ours, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == 0 &&
		     setsockopt(sc->ours, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) == 0);
		run.scene = sc;
		need(pthread_create(&t, NULL, caller, NULL) == 0);
		if (sigs[i]) {
			need(wait_asleep());
			need(syscall(SYS_tgkill, getpid(), run.tid, sigs[i]) == 0);
		}
		need(wait_done(20000));
		show_end(sc, sigs[i] ? "a time-out, and SA_RESTART" : "a time-out", true, true);
		finish(sc, t);
	}
}

static const struct {
	struct scene scene;
	unsigned kinds;
	bool has_timeout;
} scenes[] = {
	{{.name = "pipe, read", .open = open_pipe, .call = do_read}, HAS_PEER | READS, false},
	{{.name = "pipe, write", .open = open_pipe, .call = do_write, .is_send = true},
	 HAS_PEER | FILLS,
	 false},
	{{.name = "pipe, full", .open = open_pipe, .call = do_fill, .is_send = true},
	 HAS_PEER | FILLS,
	 false},
	{{.name = "pipe, poll", .open = open_pipe, .call = do_poll},
	 HAS_PEER | READS | POLLS,
	 false},
	{{.name = "stream, recv", .open = open_pair, .call = do_recv, .type = SOCK_STREAM},
	 HAS_PEER | SOCKET | READS,
	 true},
	{{.name = "stream, read", .open = open_pair, .call = do_read, .type = SOCK_STREAM},
	 HAS_PEER | SOCKET | READS,
	 true},
	{{.name = "stream, write", .open = open_pair, .call = do_write, .type = SOCK_STREAM},
	 HAS_PEER | SOCKET | FILLS,
	 true},
	{{.name = "stream, full", .open = open_pair, .call = do_fill, .type = SOCK_STREAM},
	 HAS_PEER | SOCKET | FILLS,
	 true},
	{{.name = "stream, poll", .open = open_pair, .call = do_poll, .type = SOCK_STREAM},
	 HAS_PEER | SOCKET | READS | POLLS,
	 false},
	{{.name = "stream, ppoll", .open = open_pair, .call = do_ppoll, .type = SOCK_STREAM},
	 HAS_PEER | SOCKET | READS | POLLS,
	 false},
	{{.name = "stream, epoll", .open = open_pair, .call = do_epoll, .type = SOCK_STREAM},
	 HAS_PEER | SOCKET | READS,
	 false},
	{{.name = "stream, poll for room",
	  .open = open_pair,
	  .call = do_poll_out,
	  .type = SOCK_STREAM},
	 HAS_PEER | SOCKET | NO_CLOSE,
	 false},
	{{.name = "dgram, recv", .open = open_pair, .call = do_recv, .type = SOCK_DGRAM},
	 HAS_PEER | SOCKET | READS,
	 true},
	{{.name = "dgram, recvmmsg", .open = open_pair, .call = do_recvmmsg, .type = SOCK_DGRAM},
	 HAS_PEER | SOCKET | READS,
	 true},
	{{.name = "dgram, send", .open = open_pair, .call = do_send, .type = SOCK_DGRAM},
	 HAS_PEER | SOCKET | FILLS,
	 true},
	{{.name = "dgram one way, send", .open = open_one_way, .call = do_send},
	 HAS_PEER | SOCKET | FILLS,
	 true},
	{{.name = "dgram one way, poll for room", .open = open_one_way, .call = do_poll_out},
	 HAS_PEER | SOCKET,
	 false},
	{{.name = "seqpacket, recv", .open = open_pair, .call = do_recv, .type = SOCK_SEQPACKET},
	 HAS_PEER | SOCKET | READS,
	 true},
	{{.name = "seqpacket, send", .open = open_pair, .call = do_send, .type = SOCK_SEQPACKET},
	 HAS_PEER | SOCKET | FILLS,
	 true},
	{{.name = "listener, accept", .open = open_unix_listener, .call = do_accept}, SOCKET, true},
	{{.name = "listener, poll", .open = open_unix_listener, .call = do_poll}, SOCKET, false},
	{{.name = "full listener, connect",
	  .open = open_unix_listener,
	  .call = do_connect_unix,
	  .is_send = true},
	 HAS_PEER | SOCKET,
	 true},
	{{.name = "TCP, recv", .open = open_tcp, .call = do_recv}, HAS_PEER | SOCKET | READS, true},
	{{.name = "TCP, write", .open = open_tcp, .call = do_write},
	 HAS_PEER | SOCKET | TCP_DATA,
	 true},
	{{.name = "TCP, poll", .open = open_tcp, .call = do_poll},
	 HAS_PEER | SOCKET | READS | POLLS,
	 false},
	{{.name = "TCP, accept", .open = open_tcp_listener, .call = do_accept}, SOCKET, true},
	{{.name = "TCP, connect", .open = open_full_tcp, .call = do_connect_tcp}, SOCKET, true},
	{{.name = "UDP, recv", .open = open_udp, .call = do_recv}, SOCKET | READS, true},
	{{.name = "UDP, recvmmsg", .open = open_udp, .call = do_recvmmsg}, SOCKET | READS, true},
	{{.name = "UDP, poll", .open = open_udp, .call = do_poll}, SOCKET | READS, false},
	{{.name = "eventfd, read", .open = open_eventfd, .call = do_read}, 0, false},
	{{.name = "eventfd, write", .open = open_eventfd, .call = do_eventfd_write}, 0, false},
	{{.name = "flock", .open = open_lock, .call = do_flock}, HAS_PEER, false},
	{{.name = "fcntl lock", .open = open_lock, .call = do_ofd_lock}, HAS_PEER, false},
};

static void bring_up_loopback(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	ioctl(fd, SIOCSIFFLAGS, &request); /* a bare Linux needs it */
	close(fd);
}

int main(void)
{
	struct sigaction sa = {.sa_handler = on_sigpipe};

	bring_up_loopback();
	sigaction(SIGPIPE, &sa, NULL);
	sa.sa_handler = on_signal;
	sigaction(SIGUSR2, &sa, NULL);
	sa.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &sa, NULL);
	mkdir("/tmp", 01777);
	for (size_t i = 0; i < ARRAY_LEN(scenes); i++) {
		struct scene sc = scenes[i].scene;

		for (size_t j = 0; j < ARRAY_LEN(events); j++) {
			if (!(events[j].kinds & ~scenes[i].kinds) &&
			    !(events[j].not &scenes[i].kinds))
				try(&sc, &events[j]);
		}
		if (scenes[i].has_timeout)
			try_timeouts(&sc);
	}
	return test_end();
}
