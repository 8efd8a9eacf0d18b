/* SPDX-License-Identifier: MIT */
/* eventfd, timerfd and signalfd: values, modes, blocking, readiness. */
#include "test.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

static int events_of(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

	return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

static void *add_later(void *argument)
{
	uint64_t value = 5;

	sleep_ms(20);
	if (write(*(int *)argument, &value, 8) != 8)
		show("FAIL write");
	return NULL;
}

static void test_eventfd(void)
{
	int fd = eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC);
	uint64_t value;

	need(fd >= 0);
	show("ready %d", events_of(fd));
	check("first value", read(fd, &value, 8) == 8 && value == 3);
	show("ready %d", events_of(fd));
	check_errno("zero: would block", read(fd, &value, 8), EAGAIN);
	value = 1;
	check("adds up", write(fd, &value, 8) == 8 && write(fd, &value, 8) == 8 && read(fd, &value, 8) == 8 && value == 2);
	value = UINT64_MAX;
	check_errno("the highest value is refused", write(fd, &value, 8), EINVAL);
	value = UINT64_MAX - 1;
	check("up to one below", write(fd, &value, 8) == 8);
	show("ready %d", events_of(fd));
	value = 1;
	check_errno("full: would block", write(fd, &value, 8), EAGAIN);
	check_errno("short read", read(fd, &value, 4), EINVAL);
	check_errno("short write", write(fd, &value, 4), EINVAL);
	check_errno("bad flags", eventfd(0, 0x7777), EINVAL);
	close(fd);

	fd = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
	check("semaphore gives one at a time", read(fd, &value, 8) == 8 && value == 1 && read(fd, &value, 8) == 8 && value == 1 &&
						       read(fd, &value, 8) == -1);
	close(fd);
	fd = eventfd(0, 0);
	pthread_t thread;
	need(pthread_create(&thread, NULL, add_later, &fd) == 0);
	check("a read waits", read(fd, &value, 8) == 8 && value == 5);
	pthread_join(thread, NULL);
	close(fd);
}

static void test_timerfd(void)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	struct itimerspec spec = { .it_value = { .tv_nsec = 20000000 } }, now;
	uint64_t value;

	need(fd >= 0);
	check_errno("not armed: would block", read(fd, &value, 8), EAGAIN);
	timerfd_gettime(fd, &now);
	check("not armed: zero", now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0);
	int64_t begin = now_ns(CLOCK_MONOTONIC);
	need(timerfd_settime(fd, 0, &spec, NULL) == 0);
	check_errno("not yet", read(fd, &value, 8), EAGAIN);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	check("poll waits for it", poll(&p, 1, 10000) == 1 && p.revents == POLLIN);
	check("not early", now_ns(CLOCK_MONOTONIC) - begin >= 20000000);
	check("one expiry", read(fd, &value, 8) == 8 && value == 1);
	check_errno("read once", read(fd, &value, 8), EAGAIN);

	spec.it_interval = (struct timespec){ .tv_nsec = 2000000 };
	spec.it_value = (struct timespec){ .tv_nsec = 2000000 };
	timerfd_settime(fd, 0, &spec, NULL);
	sleep_ms(50);
	check("intervals are counted", read(fd, &value, 8) == 8 && value >= 20 && value < 5000);
	struct itimerspec old;
	memset(&spec, 0, sizeof(spec));
	timerfd_settime(fd, 0, &spec, &old);
	check("old setting", old.it_interval.tv_nsec == 2000000 && old.it_value.tv_nsec <= 2000000);
	sleep_ms(10);
	check_errno("disarmed", read(fd, &value, 8), EAGAIN);
	spec.it_value = (struct timespec){ .tv_nsec = 1 };
	timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL);
	check("absolute time in the past", poll(&p, 1, 1000) == 1 && read(fd, &value, 8) == 8 && value == 1);
	spec.it_value = ns_to_timespec(now_ns(CLOCK_MONOTONIC) + 10000000);
	timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL);
	fcntl(fd, F_SETFL, 0);
	check("a blocking read waits", read(fd, &value, 8) == 8 && value == 1 &&
					       now_ns(CLOCK_MONOTONIC) >= spec.it_value.tv_sec * 1000000000LL + spec.it_value.tv_nsec);
	spec.it_value.tv_nsec = 1000000000;
	check_errno("bad nanoseconds", timerfd_settime(fd, 0, &spec, NULL), EINVAL);
	check_errno("bad clock", timerfd_create(CLOCK_THREAD_CPUTIME_ID, 0), EINVAL);
	check_errno("short read", read(fd, &value, 4), EINVAL);
	check_errno("not a timerfd", timerfd_gettime(1, &now), EINVAL);
	int real = timerfd_create(CLOCK_REALTIME, 0), boot = timerfd_create(CLOCK_BOOTTIME, 0);
	check("other clocks", real >= 0 && boot >= 0);
	close(fd);
}

static void test_signalfd(void)
{
	sigset_t set;
	struct signalfd_siginfo infos[4];
	union sigval value = { .sival_int = 321 };

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 4);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	need(fd >= 0);
	check_errno("none: would block", read(fd, infos, sizeof(infos)), EAGAIN);
	show("ready %d", events_of(fd));
	raise(SIGUSR1);
	show("ready %d", events_of(fd));
	sigqueue(getpid(), SIGRTMIN + 4, value);
	value.sival_int = 322;
	sigqueue(getpid(), SIGRTMIN + 4, value);
	show("read %zd", read(fd, infos, sizeof(infos)));
	show("first %d code %d", infos[0].ssi_signo, infos[0].ssi_code);
	check("second and third", infos[1].ssi_signo == (uint32_t)SIGRTMIN + 4 && infos[1].ssi_int == 321 && infos[2].ssi_int == 322 &&
					  infos[1].ssi_code == SI_QUEUE && infos[1].ssi_pid == (uint32_t)getpid());
	check("none left", events_of(fd) == 0);
	sigdelset(&set, SIGUSR1);
	check("the set can be changed", signalfd(fd, &set, 0) == fd);
	raise(SIGUSR1);
	check("another set: not ready", events_of(fd) == 0);
	sigset_t pending;
	sigpending(&pending);
	check("but pending", sigismember(&pending, SIGUSR1));
	check_errno("short read", read(fd, infos, 10), EINVAL);
	check_errno("not a signalfd", signalfd(1, &set, 0), EINVAL);
	struct timespec zero = { 0 };
	sigaddset(&set, SIGUSR1);
	sigtimedwait(&set, NULL, &zero);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int main(void)
{
	test_eventfd();
	test_timerfd();
	test_signalfd();
	return test_end();
}
