/* SPDX-License-Identifier: MIT */
/*
 * Timers of a nanosecond and of a microsecond whose signal nobody takes: the
 * program goes on, on one CPU too, and what was missed is in the overruns when
 * the signal is taken at last.
 */
#include "test.h"
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>

/* Long enough for a busy host; what is waited for comes at once. */
static const struct timespec long_time = { 20, 0 };

static volatile int nr_caught, overrun_caught;

static void caught(int signal_number, siginfo_t *info, void *context)
{
	(void)signal_number;
	(void)context;
	nr_caught = nr_caught + 1;
	overrun_caught = info->si_overrun;
}

static sigset_t set_of(int signal_number)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal_number);
	return set;
}

static timer_t make_timer(clockid_t clock, int notify, int signal_number)
{
	struct sigevent event = { .sigev_notify = notify, .sigev_signo = signal_number, .sigev_value.sival_int = 77 };
	timer_t timer;

	event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	need(timer_create(clock, &event, &timer) == 0);
	return timer;
}

static void start(timer_t timer, long first_ns, long interval_ns)
{
	struct itimerspec setting = { { 0, interval_ns }, { 0, first_ns } };

	need(timer_settime(timer, 0, &setting, NULL) == 0);
}

/* The program does something for that long: with a storm of expiries it would not get there. */
static void work_ms(int milliseconds)
{
	int64_t end = now_ns(CLOCK_MONOTONIC) + milliseconds * 1000000LL;

	while (now_ns(CLOCK_MONOTONIC) < end)
		syscall(SYS_getppid);
}

static bool has_pending(int signal_number)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, signal_number);
}

static void await_pending(int signal_number)
{
	for (int i = 0; i < 10000 && !has_pending(signal_number); i++)
		sleep_ms(1);
}

static void test_blocked(const char *name, clockid_t clock, int notify, int signal_number)
{
	sigset_t set = set_of(signal_number);
	struct timespec nothing = { 0, 0 };
	struct itimerspec left;
	siginfo_t info;

	show("%s", name);
	timer_t timer = make_timer(clock, notify, signal_number);
	start(timer, 1, 1000);
	work_ms(50);
	await_pending(signal_number);
	need(timer_gettime(timer, &left) == 0);
	check("the interval is kept", left.it_interval.tv_nsec == 1000 && left.it_value.tv_nsec > 0);
	show("pending %d, overruns before it is taken %d", has_pending(signal_number), timer_getoverrun(timer));
	need(sigtimedwait(&set, &info, &nothing) == signal_number);
	show("code %d, value %d", info.si_code, info.si_int);
	check("missed expiries are counted", info.si_overrun >= 40000);
	check("and told", timer_getoverrun(timer) == info.si_overrun);
	check("it goes on", sigtimedwait(&set, &info, &long_time) == signal_number);
	start(timer, 0, 0);
	sigtimedwait(&set, &info, &nothing);
	need(timer_delete(timer) == 0);
}

static void test_nanosecond(void)
{
	sigset_t set = set_of(SIGRTMIN);
	struct timespec nothing = { 0, 0 };
	siginfo_t info;

	show("one nanosecond");
	timer_t timer = make_timer(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN);
	start(timer, 1, 1);
	work_ms(20);
	need(sigtimedwait(&set, &info, &long_time) == SIGRTMIN);
	check("overruns", info.si_overrun >= 10000000);
	/* Beside an entry of the same signal that others sent: both are pending, the timer's once. */
	start(timer, 0, 0);
	sigtimedwait(&set, &info, &nothing);
	kill(getpid(), SIGRTMIN);
	start(timer, 1, 0);
	work_ms(20);
	start(timer, 1, 0);
	work_ms(20);
	need(sigtimedwait(&set, &info, &nothing) == SIGRTMIN);
	show("code %d", info.si_code);
	need(sigtimedwait(&set, &info, &nothing) == SIGRTMIN);
	show("code %d", info.si_code);
	check_errno("no more", sigtimedwait(&set, &info, &nothing), EAGAIN);
	/* The signal of a timer that is deleted stays. */
	start(timer, 1, 0);
	await_pending(SIGRTMIN);
	need(timer_delete(timer) == 0);
	check("deleted, still pending", sigtimedwait(&set, &info, &nothing) == SIGRTMIN);
}

/* A standard signal that is pending already does not stop the timer. */
static void test_beside_another(void)
{
	sigset_t set = set_of(SIGUSR2);
	struct timespec nothing = { 0, 0 };
	siginfo_t info;
	int nr = 0;

	show("a standard signal, pending before");
	kill(getpid(), SIGUSR2);
	timer_t timer = make_timer(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR2);
	start(timer, 1, 1000);
	work_ms(10);
	while (nr < 4 && sigtimedwait(&set, &info, &long_time) == SIGUSR2)
		nr++;
	show("taken %d", nr);
	need(timer_delete(timer) == 0);
	while (sigtimedwait(&set, &info, &nothing) > 0)
		;
}

static void test_ignored(void)
{
	struct sigaction action = { .sa_sigaction = caught, .sa_flags = SA_SIGINFO };

	show("ignored");
	signal(SIGUSR1, SIG_IGN);
	sigset_t set = set_of(SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	timer_t timer = make_timer(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1);
	start(timer, 1, 1000);
	work_ms(50);
	/* 50 ms, then a handler: the timer still runs. It is set to be slow before the handler can fill the CPU. */
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGUSR1, &action, NULL);
	work_ms(20);
	await_pending(SIGUSR1);
	check("it is sent again once it is not ignored", has_pending(SIGUSR1));
	start(timer, 0, 0);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	check("and caught", nr_caught == 1);
	need(timer_delete(timer) == 0);
}

static void test_silent(void)
{
	struct itimerspec left;

	show("SIGEV_NONE");
	timer_t timer = make_timer(CLOCK_MONOTONIC, SIGEV_NONE, 0);
	start(timer, 1, 1);
	work_ms(20);
	need(timer_gettime(timer, &left) == 0);
	show("interval %ld, left %ld, overrun %d", left.it_interval.tv_nsec, left.it_value.tv_nsec, timer_getoverrun(timer));
	start(timer, 1, 0);
	work_ms(2);
	need(timer_gettime(timer, &left) == 0);
	show("once: left %ld", left.it_value.tv_nsec);
	need(timer_delete(timer) == 0);
}

static void test_itimer(void)
{
	struct itimerval setting = { { 0, 1 }, { 0, 1 } }, left;
	sigset_t set = set_of(SIGALRM);
	struct timespec nothing = { 0, 0 };
	siginfo_t info;

	show("setitimer");
	need(setitimer(ITIMER_REAL, &setting, NULL) == 0);
	work_ms(20);
	await_pending(SIGALRM);
	need(getitimer(ITIMER_REAL, &left) == 0);
	show("interval %ld, left %ld", (long)left.it_interval.tv_usec, (long)left.it_value.tv_usec);
	need(sigtimedwait(&set, &info, &nothing) == SIGALRM);
	show("code %d", info.si_code);
	check("it goes on", sigtimedwait(&set, &info, &long_time) == SIGALRM);
	memset(&setting, 0, sizeof(setting));
	need(setitimer(ITIMER_REAL, &setting, NULL) == 0);
	sigtimedwait(&set, &info, &nothing);
	for (int which = ITIMER_VIRTUAL; which <= ITIMER_PROF; which++) {
		int number = which == ITIMER_VIRTUAL ? SIGVTALRM : SIGPROF;

		setting = (struct itimerval){ { 0, 1 }, { 0, 1 } };
		need(setitimer(which, &setting, NULL) == 0);
		for (int i = 0; i < 200 && !has_pending(number); i++)
			work_ms(10);
		check("of CPU time", has_pending(number));
		memset(&setting, 0, sizeof(setting));
		need(setitimer(which, &setting, NULL) == 0);
		set = set_of(number);
		while (sigtimedwait(&set, &info, &nothing) > 0)
			;
	}
}

static void test_descriptors(void)
{
	struct itimerspec setting = { { 0, 1 }, { 0, 1 } };
	sigset_t set = set_of(SIGRTMIN + 2);
	struct signalfd_siginfo info;
	uint64_t nr = 0;

	show("descriptors");
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	need(timerfd_settime(fd, 0, &setting, NULL) == 0);
	work_ms(20);
	check("timerfd", read(fd, &nr, 8) == 8 && nr >= 10000000);
	close(fd);
	timer_t timer = make_timer(CLOCK_REALTIME, SIGEV_SIGNAL, SIGRTMIN + 2);
	start(timer, 1, 1000);
	work_ms(20);
	await_pending(SIGRTMIN + 2);
	fd = signalfd(-1, &set, SFD_NONBLOCK);
	need(read(fd, &info, sizeof(info)) == sizeof(info));
	check("signalfd", info.ssi_code == SI_TIMER && info.ssi_overrun >= 10000);
	need(timer_delete(timer) == 0);
	while (read(fd, &info, sizeof(info)) > 0)
		;
	close(fd);
}

int main(void)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	test_blocked("monotonic, to the process", CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN + 1);
	test_blocked("realtime, to a thread", CLOCK_REALTIME, SIGEV_THREAD_ID, SIGALRM);
	test_nanosecond();
	test_beside_another();
	test_ignored();
	test_silent();
	test_itimer();
	test_descriptors();
	return test_end();
}
