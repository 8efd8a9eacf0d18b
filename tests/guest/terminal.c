/* SPDX-License-Identifier: MIT */
/*
 * Calls that block on a terminal, against what ends them: a signal whose handler restarts calls, one whose handler does not, VTIME, the time-out of a poll, another thread that
 * starts the output again, the number closed meanwhile. Here it is the terminal that the program has; the oracle, which has none, takes a virtual console.
 * Nothing is said while the output stands still.
 */
#include "test.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <termios.h>

static int tty;
static bool is_elsewhere;	/* what is written to tty is not seen */
static char said[64];

static struct {
	long (*call)(void);
	_Atomic int tid, is_done;
	long result;
	int error;
} run;

static void on_signal(int sig)
{
	(void)sig;
}

static void *caller(void *unused)
{
	run.tid = (int)syscall(SYS_gettid);
	errno = 0;
	run.result = run.call();
	run.error = errno;
	run.is_done = 1;
	return unused;
}

static bool is_asleep(void)
{
	char path[64], line[256] = "", *p;
	ssize_t n = 0;
	int fd = -1;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", run.tid);
	if (run.tid && !run.is_done)
		fd = open(path, O_RDONLY);
	if (fd < 0)
		return false;
	n = read(fd, line, sizeof(line) - 1);
	close(fd);
	p = n > 0 ? strrchr(line, ')') : NULL;
	return p && p[2] == 'S';
}

static bool wait_asleep(void)
{
	for (int i = 0, in_a_row = 0; i < 10000 && in_a_row < 10 && !run.is_done; i++) {
		in_a_row = is_asleep() ? in_a_row + 1 : 0;
		sleep_ms(2);
	}
	return !run.is_done;
}

static long read_8(void)
{
	char buf[8];

	return read(tty, buf, sizeof(buf));
}

static long write_4(void)
{
	return write(tty, "abc\n", 4);
}

static long poll_in(void)
{
	struct pollfd p = { tty, POLLIN, 0 };
	int r = poll(&p, 1, -1);

	return r < 0 ? r : 1000 + p.revents;
}

static long poll_out(void)
{
	struct pollfd p = { tty, POLLOUT, 0 };
	int r = poll(&p, 1, -1);

	return r < 0 ? r : 1000 + p.revents;
}

static long epoll_out(void)
{
	struct epoll_event e = { .events = EPOLLOUT };
	int ep = epoll_create1(0), r, error;

	need(epoll_ctl(ep, EPOLL_CTL_ADD, tty, &e) == 0);
	errno = 0;
	r = epoll_wait(ep, &e, 1, -1);
	error = errno;
	close(ep);
	errno = error;
	return r < 0 ? r : 1000 + (int)e.events;
}

/* What ends them. */
static void start_output(void)
{
	need(tcflow(tty, TCOON) == 0);
}

static void close_number(void)
{
	int spare = dup(tty);

	need(spare >= 0 && close(tty) == 0);
	sleep_ms(20);
	need(!run.is_done);
	need(dup2(spare, tty) == tty && close(spare) == 0);
	need(tcflow(tty, TCOON) == 0);
}

static void restart(void)
{
	need(syscall(SYS_tgkill, getpid(), run.tid, SIGUSR1) == 0);
}

static void interrupt(void)
{
	need(syscall(SYS_tgkill, getpid(), run.tid, SIGUSR2) == 0);
}

static void set(tcflag_t canonical, int min, int time)
{
	struct termios t;

	need(tcgetattr(tty, &t) == 0);
	t.c_lflag = (t.c_lflag & ~(tcflag_t)(ICANON | ECHO | ISIG)) | canonical;
	t.c_oflag &= ~(tcflag_t)OPOST;
	t.c_cc[VMIN] = (cc_t)min;
	t.c_cc[VTIME] = (cc_t)time;
	need(tcsetattr(tty, TCSANOW, &t) == 0);
}

static void try(const char *what, long (*call)(void), bool is_stopped, void (*act)(void))
{
	bool has_slept, has_ended = false;
	pthread_t t;

	if (is_stopped)
		need(tcflow(tty, TCOOFF) == 0);
	memset(&run, 0, sizeof(run));
	run.call = call;
	need(pthread_create(&t, NULL, caller, NULL) == 0);
	has_slept = wait_asleep();
	if (has_slept) {
		act();
		for (int i = 0; i < 100 && !run.is_done; i++)
			sleep_ms(1);
		has_ended = run.is_done || !wait_asleep();
	}
	for (int i = 0; i < 200 && !run.is_done; i++) {
		interrupt();
		sleep_ms(50);
	}
	need(run.is_done);
	pthread_join(t, NULL);
	if (is_stopped)
		need(tcflow(tty, TCOON) == 0);
	need(has_slept);
	if (call == write_4 && run.result == 4 && is_elsewhere)
		show("abc");
	if (!has_ended)
		show("%s: sleeps on", what);
	else
		show("%s: %ld %s", what, run.result, run.result < 0 ? strerrorname_np(run.error) : "");
}

#define result(what, call)                                                                    \
	do {                                                                                  \
		errno = 0;                                                                    \
		long r_ = (long)(call);                                                       \
		snprintf(said, sizeof(said), "%ld %s", r_, r_ < 0 ? strerrorname_np(errno) : ""); \
		if (is_off)                                                                   \
			need(tcflow(tty, TCOON) == 0);                                        \
		show("%s: %s", what, said);                                                   \
		if (is_off)                                                                   \
			need(tcflow(tty, TCOOFF) == 0);                                       \
	} while (0)

static void test_read(const char *mode)
{
	show("%s", mode);
	try("read, a signal, SA_RESTART", read_8, false, restart);
	try("read, a signal", read_8, false, interrupt);
	try("poll, a signal, SA_RESTART", poll_in, false, restart);
	try("poll, a signal", poll_in, false, interrupt);
}

static void test_times(void)
{
	struct pollfd p = { tty, POLLIN, 0 };
	bool is_off = false;
	int n = -1;

	set(0, 0, 0);
	result("VMIN 0, VTIME 0", read_8());
	set(0, 0, 1);
	result("VMIN 0, VTIME 1", read_8());
	result("poll with a time-out", poll(&p, 1, 20));
	need(fcntl(tty, F_SETFL, O_RDWR | O_NONBLOCK) == 0);
	result("no waiting, VMIN 0", read_8());
	set(0, 1, 0);
	result("no waiting, VMIN 1", read_8());
	set(ICANON, 1, 0);
	result("no waiting, lines", read_8());
	need(fcntl(tty, F_SETFL, O_RDWR) == 0);
	result("FIONREAD", ioctl(tty, FIONREAD, &n) ? -1 : n);
}

static void test_write(void)
{
	struct pollfd p = { tty, POLLOUT, 0 };
	bool is_off = true;

	show("output stopped");
	try("write, a signal, SA_RESTART", write_4, true, restart);
	try("write, a signal", write_4, true, interrupt);
	try("write, started", write_4, true, start_output);
	try("write, the number closed, started", write_4, true, close_number);
	try("poll for room, a signal", poll_out, true, interrupt);
	try("poll for room, started", poll_out, true, start_output);
	try("epoll for room, started", epoll_out, true, start_output);
	need(tcflow(tty, TCOOFF) == 0);
	result("poll, no time", poll(&p, 1, 0));
	need(fcntl(tty, F_SETFL, O_RDWR | O_NONBLOCK) == 0);
	result("write without waiting", write_4());
	need(fcntl(tty, F_SETFL, O_RDWR) == 0);
	need(tcflow(tty, TCOON) == 0);
	is_off = false;
	result("poll, started", poll(&p, 1, 0));
	result("tcdrain", tcdrain(tty));
	result("tcflow, unknown", tcflow(tty, 9));
	result("tcflush, unknown", tcflush(tty, 9));
	result("tcflush", tcflush(tty, TCIOFLUSH));
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGUSR2, &sa, NULL);
	sa.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &sa, NULL);
	is_elsewhere = !isatty(1);
	tty = open(is_elsewhere ? "/dev/tty1" : "/dev/tty", O_RDWR | O_NOCTTY);
	need(tty >= 0 && isatty(tty));
	set(ICANON, 1, 0);
	test_read("lines");
	set(0, 1, 0);
	test_read("bytes");
	test_times();
	test_write();
	return test_end();
}
