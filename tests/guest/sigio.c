/* SPDX-License-Identifier: MIT */
/*
 * Signals that tell of events on a descriptor: F_SETOWN, F_SETSIG, O_ASYNC and
 * their like. The signals are blocked and taken one by one, so that what each
 * event sends shows, and nothing depends on when it comes.
 */
#include "test.h"
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#define SIG_EVENT (SIGRTMIN + 3)
#define SECONDS	  40

static sigset_t all;

static const char *band_name(int code)
{
	static const char *const names[] = { "?", "IN", "OUT", "MSG", "ERR", "PRI", "HUP" };

	return code == SI_KERNEL ? "KERNEL" : code == -5 ? "SI_SIGIO" : code > 0 && code <= 6 ? names[code] : "?";
}

/* The next signal of those that are blocked; of a descriptor: that one. */
static void take(const char *what, int fd)
{
	struct timespec limit = { .tv_sec = SECONDS };
	siginfo_t info;
	int sig;

	memset(&info, 0, sizeof(info));
	do
		sig = sigtimedwait(&all, &info, &limit);
	while (sig < 0 && errno == EINTR);
	if (sig < 0)
		show("%s: NONE", what);
	else if (info.si_code == SI_KERNEL)
		show("%s: %s, from the kernel", what, sig == SIGIO ? "SIGIO" : sig == SIGURG ? "SIGURG" : "another");
	else
		show("%s: %s %s, band %#lx, %s", what, sig == SIG_EVENT ? "event" : sig == SIGIO ? "SIGIO" : "another",
		     band_name(info.si_code), (long)info.si_band, info.si_fd == fd ? "its descriptor" : "ANOTHER DESCRIPTOR");
}

/* Nothing more has come: of events whose signals are sent before the call that causes them returns. */
static void none(const char *what)
{
	struct timespec now = { 0 };
	siginfo_t info;
	int sig = sigtimedwait(&all, &info, &now);

	if (sig < 0)
		show("%s: nothing", what);
	else
		show("%s: SIGNAL %d code %d band %#lx", what, sig, info.si_code, (long)info.si_band);
}

/* Linux may tell of the end of a connection twice. No more comes once it is closed. */
static void drop_all(void)
{
	struct timespec now = { 0 };
	siginfo_t info;

	while (sigtimedwait(&all, &info, &now) > 0)
		;
}

static void watch(int fd)
{
	need(fcntl(fd, F_SETOWN, getpid()) == 0);
	need(fcntl(fd, F_SETSIG, SIG_EVENT) == 0);
	need(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC) == 0);
}

/* ---- fcntl and ioctl ---- */

static void test_calls(void)
{
	struct f_owner_ex ex = { 7, 7 };
	int ends[2], sv[2], on = 1, who, ev = eventfd(0, 0), ep = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, 0);

	need(pipe(ends) == 0);
	need(socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0);
	check("no owner at first", fcntl(ends[0], F_GETOWN) == 0);
	check("nor in F_GETOWN_EX, as a thread", fcntl(ends[0], F_GETOWN_EX, &ex) == 0 && ex.type == F_OWNER_TID && ex.pid == 0);
	check("no signal at first", fcntl(ends[0], F_GETSIG) == 0);
	check("F_SETOWN", fcntl(ends[0], F_SETOWN, getpid()) == 0 && fcntl(ends[0], F_GETOWN) == getpid());
	check("is a process", fcntl(ends[0], F_GETOWN_EX, &ex) == 0 && ex.type == F_OWNER_PID && ex.pid == getpid());
	check_errno("F_SETOWN of nobody", fcntl(ends[0], F_SETOWN, 999999), ESRCH);
	check_errno("F_SETOWN of no group", fcntl(ends[0], F_SETOWN, -999999), ESRCH);
	check_errno("F_SETOWN of the smallest number", fcntl(ends[0], F_SETOWN, 0x80000000), EINVAL);
	check("it stays", fcntl(ends[0], F_GETOWN) == getpid());
	check("F_SETOWN of a group", fcntl(ends[0], F_SETOWN, -getpgrp()) == 0);
	check("in F_GETOWN_EX", fcntl(ends[0], F_GETOWN_EX, &ex) == 0 && ex.type == F_OWNER_PGRP && ex.pid == getpgrp());
	check("F_SETOWN of 0", fcntl(ends[0], F_SETOWN, 0) == 0 && fcntl(ends[0], F_GETOWN) == 0);
	check("is a process, none", fcntl(ends[0], F_GETOWN_EX, &ex) == 0 && ex.type == F_OWNER_PID && ex.pid == 0);
	ex = (struct f_owner_ex){ F_OWNER_TID, (pid_t)syscall(SYS_gettid) };
	check("F_SETOWN_EX of a thread", fcntl(ends[0], F_SETOWN_EX, &ex) == 0);
	check("in F_GETOWN", fcntl(ends[0], F_GETOWN) == ex.pid);
	ex.type = 3;
	check_errno("F_SETOWN_EX of another type", fcntl(ends[0], F_SETOWN_EX, &ex), EINVAL);
	ex = (struct f_owner_ex){ F_OWNER_PID, 999999 };
	check_errno("F_SETOWN_EX of nobody", fcntl(ends[0], F_SETOWN_EX, &ex), ESRCH);
	check_errno("F_SETOWN_EX without memory", fcntl(ends[0], F_SETOWN_EX, 8), EFAULT);
	check_errno("F_GETOWN_EX without memory", fcntl(ends[0], F_GETOWN_EX, 8), EFAULT);
	check_errno("F_SETSIG of no signal", fcntl(ends[0], F_SETSIG, 65), EINVAL);
	check_errno("F_SETSIG below 0", fcntl(ends[0], F_SETSIG, -1), EINVAL);
	check("F_SETSIG of the last", fcntl(ends[0], F_SETSIG, 64) == 0 && fcntl(ends[0], F_GETSIG) == 64);
	check("the other end has its own", fcntl(ends[1], F_GETSIG) == 0 && fcntl(ends[1], F_GETOWN) == 0);

	check("O_ASYNC of a pipe", fcntl(ends[0], F_SETFL, O_ASYNC) == 0 && fcntl(ends[0], F_GETFL) & O_ASYNC);
	check("and off", fcntl(ends[0], F_SETFL, 0) == 0 && !(fcntl(ends[0], F_GETFL) & O_ASYNC));
	check("FIOASYNC", ioctl(ends[0], FIOASYNC, &on) == 0 && fcntl(ends[0], F_GETFL) & O_ASYNC);
	check_errno("FIOASYNC without memory", ioctl(ends[0], FIOASYNC, 8), EFAULT);
	on = 0;
	check("FIOASYNC off", ioctl(ends[0], FIOASYNC, &on) == 0 && !(fcntl(ends[0], F_GETFL) & O_ASYNC));
	on = 1;
	check("O_ASYNC of an eventfd is not kept", fcntl(ev, F_SETFL, O_ASYNC) == 0 && !(fcntl(ev, F_GETFL) & O_ASYNC));
	check_errno("FIOASYNC of an eventfd", ioctl(ev, FIOASYNC, &on), ENOTTY);
	check_errno("of an epoll", ioctl(ep, FIOASYNC, &on), ENOTTY);
	check_errno("of a timerfd", ioctl(timer, FIOASYNC, &on), ENOTTY);
	check_errno("FIOSETOWN of a pipe", ioctl(ends[0], FIOSETOWN, &on), ENOTTY);
	check_errno("SIOCGPGRP of a pipe", ioctl(ends[0], SIOCGPGRP, &who), ENOTTY);
	who = getpid();
	check("FIOSETOWN of a socket", ioctl(sv[0], FIOSETOWN, &who) == 0 && fcntl(sv[0], F_GETOWN) == getpid());
	who = -getpgrp();
	check("SIOCSPGRP of a group", ioctl(sv[0], SIOCSPGRP, &who) == 0 && fcntl(sv[0], F_GETOWN_EX, &ex) == 0 && ex.type == F_OWNER_PGRP);
	who = 0;
	check("SIOCGPGRP", ioctl(sv[0], SIOCGPGRP, &who) == 0 && who == -getpgrp());
	who = 0;
	check("FIOGETOWN", ioctl(sv[0], FIOGETOWN, &who) == 0 && who == -getpgrp());
	who = 999999;
	check_errno("SIOCSPGRP of nobody", ioctl(sv[0], SIOCSPGRP, &who), ESRCH);
	check_errno("SIOCSPGRP without memory", ioctl(sv[0], SIOCSPGRP, 8), EFAULT);
	for (int i = 0; i < 2; i++) {
		close(ends[i]);
		close(sv[i]);
	}
	close(ev);
	close(ep);
	close(timer);
}

/* ---- pipes ---- */

static void test_pipe(void)
{
	char byte[8];
	int ends[2];

	need(pipe(ends) == 0);
	need(fcntl(ends[0], F_SETOWN, getpid()) == 0);
	need(write(ends[1], "x", 1) == 1);
	none("pipe, owner but no O_ASYNC");
	need(fcntl(ends[0], F_SETFL, O_ASYNC) == 0);
	none("pipe, O_ASYNC when there is something already");
	need(write(ends[1], "x", 1) == 1);
	take("pipe, write, no F_SETSIG", ends[0]);
	need(write(ends[1], "x", 1) == 1 && write(ends[1], "x", 1) == 1);
	take("pipe, two writes", ends[0]);
	none("pipe, a second SIGIO");
	watch(ends[0]);
	need(write(ends[1], "x", 1) == 1 && write(ends[1], "x", 1) == 1);
	take("pipe, event", ends[0]);
	take("pipe, another event", ends[0]);
	none("pipe, a third");
	need(fcntl(ends[0], F_SETSIG, SIGIO) == 0);
	need(write(ends[1], "x", 1) == 1);
	take("pipe, F_SETSIG of SIGIO", ends[0]);
	need(fcntl(ends[0], F_SETSIG, SIGCHLD) == 0);
	need(write(ends[1], "x", 1) == 1);
	take("pipe, F_SETSIG of SIGCHLD", ends[0]);
	need(fcntl(ends[0], F_SETFL, 0) == 0);
	need(write(ends[1], "x", 1) == 1);
	none("pipe, O_ASYNC off");
	watch(ends[1]);
	need(read(ends[0], byte, 1) == 1);
	take("pipe, read", ends[1]);
	close(ends[0]);
	take("pipe, reader closed", ends[1]);
	none("pipe, anything more");
	close(ends[1]);
	need(pipe(ends) == 0);
	watch(ends[0]);
	close(ends[1]);
	take("pipe, writer closed", ends[0]);
	close(ends[0]);
	none("pipe, closed");
}

/* The descriptor that O_ASYNC was set by is told, and the open file description counts, not the descriptor. */
static void test_dup(void)
{
	int ends[2], copy;

	need(pipe(ends) == 0);
	copy = dup(ends[0]);
	watch(copy);
	need(write(ends[1], "x", 1) == 1);
	take("set by a copy", copy);
	close(copy);
	need(write(ends[1], "x", 1) == 1);
	take("after the copy was closed", copy);
	close(ends[0]);
	close(ends[1]);
}

static void test_queue_full(void)
{
	struct rlimit old, few = { 2, 2 };
	int ends[2];

	need(pipe(ends) == 0);
	watch(ends[0]);
	need(getrlimit(RLIMIT_SIGPENDING, &old) == 0);
	few.rlim_max = old.rlim_max;
	few.rlim_cur = 0;
	need(setrlimit(RLIMIT_SIGPENDING, &few) == 0);
	need(write(ends[1], "x", 1) == 1);
	take("no room in the queue", ends[0]);
	need(setrlimit(RLIMIT_SIGPENDING, &old) == 0);
	close(ends[0]);
	close(ends[1]);
}

/* ---- who gets it ---- */

static int told[2], go[2];

static void *owner_thread(void *tid)
{
	struct timespec now = { 0 }, limit = { .tv_sec = SECONDS };
	siginfo_t info;
	char byte;

	*(volatile pid_t *)tid = (pid_t)syscall(SYS_gettid);
	need(write(told[1], "x", 1) == 1);
	need(read(go[0], &byte, 1) == 1);
	show("the thread: %s", sigtimedwait(&all, &info, &limit) == SIG_EVENT ? "its event" : "NOTHING");
	show("the thread: %s", sigtimedwait(&all, &info, &now) < 0 ? "no more" : "MORE");
	return NULL;
}

static void test_thread(void)
{
	struct f_owner_ex ex = { F_OWNER_TID, 0 };
	pthread_t thread;
	int ends[2];
	char byte;

	need(pipe(ends) == 0 && pipe(told) == 0 && pipe(go) == 0);
	watch(ends[0]);
	need(pthread_create(&thread, NULL, owner_thread, &ex.pid) == 0);
	need(read(told[0], &byte, 1) == 1);
	need(fcntl(ends[0], F_SETOWN_EX, &ex) == 0);
	need(write(ends[1], "x", 1) == 1);
	none("the first thread");
	need(write(go[1], "x", 1) == 1);
	pthread_join(thread, NULL);
	ex = (struct f_owner_ex){ F_OWNER_PGRP, getpgrp() };
	need(fcntl(ends[0], F_SETOWN_EX, &ex) == 0);
	need(write(ends[1], "x", 1) == 1);
	take("the group", ends[0]);
	need(fcntl(ends[0], F_SETOWN, 0) == 0);
	need(write(ends[1], "x", 1) == 1);
	none("nobody");
	for (int i = 0; i < 2; i++) {
		close(ends[i]);
		close(told[i]);
		close(go[i]);
	}
}

/* ---- a handler, as programs have it ---- */

static volatile sig_atomic_t nr_handled;

static void handler(int sig)
{
	(void)sig;
	nr_handled++;
}

static void test_handler(void)
{
	struct sigaction action = { .sa_handler = handler };
	int ends[2];

	need(pipe(ends) == 0);
	need(fcntl(ends[0], F_SETOWN, getpid()) == 0 && fcntl(ends[0], F_SETFL, O_ASYNC) == 0);
	sigaction(SIGIO, &action, NULL);
	pthread_sigmask(SIG_UNBLOCK, &all, NULL);
	need(write(ends[1], "x", 1) == 1);
	show("handler after the write: %d", (int)nr_handled);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	signal(SIGIO, SIG_DFL);
	close(ends[0]);
	close(ends[1]);
}

/* ---- AF_UNIX ---- */

static void test_unix(void)
{
	char buf[4096] = { 0 };
	int sv[2];

	need(socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0);
	watch(sv[0]);
	none("UNIX stream, at first");
	need(write(sv[1], "xx", 2) == 2);
	take("UNIX stream, data", sv[0]);
	need(read(sv[0], buf, 2) == 2);
	need(write(sv[0], "x", 1) == 1 && read(sv[1], buf, 1) == 1);
	none("UNIX stream, room that nobody waits for");
	fcntl(sv[0], F_SETFL, O_NONBLOCK | O_ASYNC);
	while (write(sv[0], buf, sizeof(buf)) > 0)
		;
	none("UNIX stream, full");
	fcntl(sv[1], F_SETFL, O_NONBLOCK);
	while (read(sv[1], buf, sizeof(buf)) > 0)
		;
	take("UNIX stream, room", sv[0]);
	none("UNIX stream, room once");
	need(shutdown(sv[1], SHUT_WR) == 0);
	take("UNIX stream, end of data", sv[0]);
	need(shutdown(sv[1], SHUT_RDWR) == 0);
	take("UNIX stream, shut", sv[0]);
	close(sv[1]);
	take("UNIX stream, peer closed", sv[0]);
	none("UNIX stream, more");
	close(sv[0]);

	need(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv) == 0);
	watch(sv[0]);
	need(write(sv[1], "x", 1) == 1 && write(sv[1], "x", 1) == 1);
	take("UNIX datagram", sv[0]);
	take("UNIX datagram, second", sv[0]);
	none("UNIX datagram, more");
	close(sv[0]);
	close(sv[1]);
}

/* ---- inet ---- */

static void lo_up(void)
{
	struct ifreq request = { .ifr_name = "lo" };
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	if (ioctl(s, SIOCGIFFLAGS, &request) == 0) {
		request.ifr_flags |= IFF_UP;
		ioctl(s, SIOCSIFFLAGS, &request);
	}
	close(s);
}

static struct sockaddr_in bound(int fd)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);

	need(bind(fd, (void *)&in, len) == 0);
	need(getsockname(fd, (void *)&in, &len) == 0);
	return in;
}

static void test_udp(void)
{
	int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in in = bound(a), free_port = bound(b);

	close(b);
	b = socket(AF_INET, SOCK_DGRAM, 0);
	watch(a);
	need(sendto(b, "x", 1, 0, (void *)&in, sizeof(in)) == 1);
	take("UDP, datagram", a);
	need(connect(a, (void *)&free_port, sizeof(free_port)) == 0);
	need(send(a, "x", 1, 0) == 1);
	take("UDP, refused", a);
	close(a);
	close(b);
}

static void connect_pair(int listener, const struct sockaddr_in *in, int out[2])
{
	out[0] = socket(AF_INET, SOCK_STREAM, 0);
	need(connect(out[0], (const void *)in, sizeof(*in)) == 0);
	out[1] = accept(listener, NULL, NULL);
	need(out[1] >= 0);
}

static void test_tcp(void)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), pair[2], server;
	struct sockaddr_in in = bound(listener);
	struct linger hard = { 1, 0 };
	char byte;

	need(listen(listener, 5) == 0);
	watch(listener);
	watch(client);
	drop_all();
	check_errno("TCP, connect", connect(client, (void *)&in, sizeof(in)), EINPROGRESS);
	{
		struct timespec limit = { .tv_sec = SECONDS };
		bool has_in = false, has_out = false;
		siginfo_t info;

		while (!has_in || !has_out) {
			if (sigtimedwait(&all, &info, &limit) < 0)
				break;
			has_in |= info.si_fd == listener && info.si_code == POLL_IN;
			has_out |= info.si_fd == client && info.si_code == POLL_OUT;
		}
		check("TCP, the listener is told of a connection", has_in);
		check("TCP, the client that it stands", has_out);
	}
	fcntl(listener, F_SETFL, 0);
	server = accept(listener, NULL, NULL);
	need(server >= 0);
	check("TCP, what was accepted has no owner", fcntl(server, F_GETOWN) == 0 && !(fcntl(server, F_GETFL) & O_ASYNC));
	drop_all();
	need(send(server, "x", 1, 0) == 1);
	take("TCP, data", client);
	need(shutdown(server, SHUT_WR) == 0);
	take("TCP, end of data", client);
	close(client);
	close(server);
	drop_all();

	connect_pair(listener, &in, pair);
	watch(pair[0]);
	need(shutdown(pair[0], SHUT_WR) == 0);
	need(recv(pair[1], &byte, 1, 0) == 0);
	close(pair[1]);
	take("TCP, end of both", pair[0]);
	close(pair[0]);
	drop_all();

	connect_pair(listener, &in, pair);
	watch(pair[0]);
	setsockopt(pair[1], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(pair[1]);
	take("TCP, reset", pair[0]);
	close(pair[0]);
	drop_all();

	/* Urgent data: the owner hears of it without O_ASYNC, too. */
	connect_pair(listener, &in, pair);
	need(send(pair[0], "u", 1, MSG_OOB) == 1);
	need(fcntl(pair[1], F_SETOWN, getpid()) == 0);
	drop_all();
	close(pair[0]);
	close(pair[1]);
	connect_pair(listener, &in, pair);
	need(fcntl(pair[1], F_SETOWN, getpid()) == 0);
	need(send(pair[0], "u", 1, MSG_OOB) == 1);
	take("TCP, urgent", pair[1]);
	need(fcntl(pair[1], F_SETSIG, SIG_EVENT) == 0);
	need(send(pair[0], "u", 1, MSG_OOB) == 1);
	take("TCP, urgent, with F_SETSIG alone", pair[1]);
	close(pair[0]);
	close(pair[1]);
	close(listener);
	drop_all();
}

static void test_inotify(void)
{
	int in = inotify_init1(IN_NONBLOCK), file;

	need(inotify_add_watch(in, "/tmp", IN_CREATE) >= 0);
	watch(in);
	file = open("/tmp/sigio-file", O_CREAT | O_RDWR, 0600);
	need(file >= 0);
	take("inotify", in);
	close(in);
	check("O_ASYNC of a file is not kept", fcntl(file, F_SETFL, O_ASYNC) == 0 && !(fcntl(file, F_GETFL) & O_ASYNC));
	close(file);
	unlink("/tmp/sigio-file");
	none("at the end");
}

int main(void)
{
	sigemptyset(&all);
	sigaddset(&all, SIGIO);
	sigaddset(&all, SIGURG);
	sigaddset(&all, SIGCHLD);
	sigaddset(&all, SIG_EVENT);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	(void)setpgid(0, 0); /* what is sent to the group is for this process alone */
	lo_up();
	test_calls();
	test_pipe();
	test_dup();
	test_queue_full();
	test_thread();
	test_handler();
	test_unix();
	test_udp();
	test_tcp();
	test_inotify();
	return test_end();
}
