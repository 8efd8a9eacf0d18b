/* SPDX-License-Identifier: MIT */
/*
 * What a handler does to a blocking call, with and without SA_RESTART: which
 * calls return EINTR and which go on (signal(7)), and what a restarted sleep
 * has left. The signal comes from another thread when the call blocks: when
 * /proc says that the thread sleeps.
 */
#include "test.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/timerfd.h>

#define LONG 1000	/* seconds: no call here ends because its time is over */
static int pipe_fds[2], full_pipe[2], event_fd, timer_fd, epoll_fd;
static pthread_t main_thread;
static long main_tid;
static int nr_handled;
static volatile bool is_calling, has_returned;

static void handle(int signal_number)
{
	(void)signal_number;
	__atomic_add_fetch(&nr_handled, 1, __ATOMIC_SEQ_CST);
}

static long call_read(void)
{
	char c;

	return read(pipe_fds[0], &c, 1);
}

static long call_write(void)
{
	static char big[4096];

	return write(full_pipe[1], big, sizeof(big));
}

static long call_eventfd(void)
{
	uint64_t value;

	return read(event_fd, &value, 8);
}

static long call_timerfd(void)
{
	uint64_t value;

	return read(timer_fd, &value, 8);
}

static long call_nanosleep(void)
{
	struct timespec second = { .tv_sec = LONG };

	return nanosleep(&second, NULL);
}

static long call_clock_nanosleep_absolute(void)
{
	struct timespec end = ns_to_timespec(now_ns(CLOCK_MONOTONIC) + LONG * 1000000000LL);

	errno = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL);
	return errno ? -1 : 0;
}

static uint32_t word;

static long call_futex(void)
{
	return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static long call_futex_timeout(void)
{
	struct timespec timeout = { .tv_sec = LONG };

	return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &timeout, NULL, 0);
}

static long call_poll(void)
{
	struct pollfd p = { .fd = pipe_fds[0], .events = POLLIN };

	return poll(&p, 1, LONG * 1000);
}

static long call_select(void)
{
	fd_set set;
	struct timeval timeout = { .tv_sec = LONG };

	FD_ZERO(&set);
	FD_SET(pipe_fds[0], &set);
	return select(pipe_fds[0] + 1, &set, NULL, NULL, &timeout);
}

static long call_epoll(void)
{
	struct epoll_event event;

	return epoll_wait(epoll_fd, &event, 1, LONG * 1000);
}

static long call_sigsuspend(void)
{
	sigset_t none;

	sigemptyset(&none);
	return sigsuspend(&none);
}

static long call_sigtimedwait(void)
{
	sigset_t set;
	struct timespec timeout = { .tv_sec = LONG };

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	return sigtimedwait(&set, NULL, &timeout);
}

static long call_pause(void)
{
	return pause();
}

static long call_lock(void)
{
	int fd = open("/tmp/restart-lock", O_RDWR | O_CREAT, 0600);
	long result = flock(fd, LOCK_EX);
	int error = errno;

	close(fd);
	errno = error;
	return result;
}

static sem_t semaphore;

static long call_semaphore(void)
{
	return sem_wait(&semaphore);
}

static const struct {
	const char *name;
	long (*call)(void);
} calls[] = {
	{ "read pipe", call_read },
	{ "write full pipe", call_write },
	{ "read eventfd", call_eventfd },
	{ "read timerfd", call_timerfd },
	{ "nanosleep", call_nanosleep },
	{ "clock_nanosleep absolute", call_clock_nanosleep_absolute },
	{ "futex wait", call_futex },
	{ "futex wait with timeout", call_futex_timeout },
	{ "poll", call_poll },
	{ "select", call_select },
	{ "epoll_wait", call_epoll },
	{ "sigsuspend", call_sigsuspend },
	{ "sigtimedwait", call_sigtimedwait },
	{ "pause", call_pause },
	{ "flock", call_lock },
	{ "sem_wait", call_semaphore },
};

/* Until the main thread sleeps in its call, or has returned from it. */
static void wait_until_blocked(void)
{
	char path[64], text[256], *state;

	snprintf(path, sizeof(path), "/proc/self/task/%ld/stat", main_tid);
	while (!is_calling)
		sched_yield();
	do {
		sched_yield();
		int fd = open(path, O_RDONLY);
		ssize_t n = read(fd, text, sizeof(text) - 1);

		need(n > 0 && close(fd) == 0);
		text[n] = '\0';
		state = strrchr(text, ')');
	} while (!has_returned && (!state || state[2] != 'S'));
}

static void interrupt_call(void)
{
	wait_until_blocked();
	pthread_kill(main_thread, SIGUSR1);
	while (!__atomic_load_n(&nr_handled, __ATOMIC_SEQ_CST))
		sched_yield();
	wait_until_blocked(); /* again, if the call goes on */
}

/* Sends one signal while the call blocks; then makes every call able to end. */
static void *interrupt(void *argument)
{
	int fd = *(int *)argument;
	static char sink[65536];

	interrupt_call();
	uint64_t one = 1;
	if (write(pipe_fds[1], "x", 1) != 1 || write(event_fd, &one, 8) != 8 || read(full_pipe[0], sink, 65536) < 0)
		show("FAIL cannot end the call");
	__atomic_store_n(&word, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	sem_post(&semaphore);
	flock(fd, LOCK_UN);
	struct itimerspec now = { .it_value = { .tv_nsec = 1 } };
	timerfd_settime(timer_fd, 0, &now, NULL);
	return NULL;
}

/* Everything back to "blocks". */
static void prepare(int fd)
{
	static char data[65536];
	uint64_t value;
	struct itimerspec never = { 0 };

	fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK);
	while (read(pipe_fds[0], data, sizeof(data)) > 0)
		;
	fcntl(pipe_fds[0], F_SETFL, 0);
	fcntl(full_pipe[1], F_SETFL, O_NONBLOCK);
	while (write(full_pipe[1], data, 4096) > 0)
		;
	fcntl(full_pipe[1], F_SETFL, 0);
	fcntl(event_fd, F_SETFL, O_NONBLOCK);
	while (read(event_fd, &value, 8) > 0)
		;
	fcntl(event_fd, F_SETFL, 0);
	timerfd_settime(timer_fd, 0, &never, NULL);
	while (sem_trywait(&semaphore) == 0)
		;
	word = 0;
	flock(fd, LOCK_EX);
}

static const char *error_name(int error)
{
	return error == EINTR ? "EINTR" : error == EAGAIN ? "EAGAIN" : error == ETIMEDOUT ? "ETIMEDOUT" : "another error";
}

static void run(int flags, const char *kind)
{
	struct sigaction action = { .sa_handler = handle, .sa_flags = flags };
	int fd = open("/tmp/restart-lock", O_RDWR | O_CREAT, 0600);

	sigaction(SIGUSR1, &action, NULL);
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		pthread_t thread;

		prepare(fd);
		nr_handled = 0;
		is_calling = has_returned = false;
		need(pthread_create(&thread, NULL, interrupt, &fd) == 0);
		errno = 0;
		is_calling = true;
		long result = calls[i].call();
		int error = errno;
		has_returned = true;
		pthread_join(thread, NULL);
		show("%s, %s: %s, handled %d", calls[i].name, kind, result >= 0 ? "goes on" : error_name(error), nr_handled);
	}
	close(fd);
}

/* The time left over, and a restarted relative sleep that is not prolonged. */
static void *interrupt_once(void *unused)
{
	(void)unused;
	interrupt_call();
	return NULL;
}

static void *interrupt_ignored(void *unused)
{
	(void)unused;
	wait_until_blocked();
	pthread_kill(main_thread, SIGUSR1);
	return NULL;
}

static void test_time_left(void)
{
	struct sigaction action = { .sa_handler = handle, .sa_flags = 0 };
	struct timespec request = { .tv_sec = LONG }, left = { 0 };
	pthread_t thread;

	sigaction(SIGUSR1, &action, NULL);
	nr_handled = 0;
	is_calling = has_returned = false;
	need(pthread_create(&thread, NULL, interrupt_once, NULL) == 0);
	int64_t begin = now_ns(CLOCK_MONOTONIC);
	is_calling = true;
	check_errno("nanosleep is interrupted", nanosleep(&request, &left), EINTR);
	has_returned = true;
	int64_t slept = now_ns(CLOCK_MONOTONIC) - begin;
	pthread_join(thread, NULL);
	int64_t sum = slept + left.tv_nsec + left.tv_sec * 1000000000LL, most = LONG * 1000000000LL;
	check("slept and left add up", sum >= most && sum < most + most / 50 && slept < most / 50);

	/* Ignored and default-ignored signals interrupt nothing. */
	signal(SIGUSR1, SIG_IGN);
	is_calling = has_returned = false;
	need(pthread_create(&thread, NULL, interrupt_ignored, NULL) == 0);
	request = (struct timespec){ .tv_nsec = 100000000 };
	begin = now_ns(CLOCK_MONOTONIC);
	is_calling = true;
	check("an ignored signal does not end a sleep", nanosleep(&request, &left) == 0);
	has_returned = true;
	check("which lasts its time", now_ns(CLOCK_MONOTONIC) - begin >= 100000000);
	pthread_join(thread, NULL);
}

int main(void)
{
	main_thread = pthread_self();
	main_tid = syscall(SYS_gettid);
	need(pipe(pipe_fds) == 0 && pipe(full_pipe) == 0);
	event_fd = eventfd(0, 0);
	timer_fd = timerfd_create(CLOCK_MONOTONIC, 0);
	epoll_fd = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN };
	need(event_fd >= 0 && timer_fd >= 0 && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, pipe_fds[0], &event) == 0);
	sem_init(&semaphore, 0, 0);
	run(0, "no SA_RESTART");
	run(SA_RESTART, "SA_RESTART");
	test_time_left();
	return test_end();
}
