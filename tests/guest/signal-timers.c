/* SPDX-License-Identifier: MIT */
/* Interval timers and POSIX timers: expiry, intervals, overruns, who is told, none early. */
#include "test.h"
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/time.h>

static volatile int nr_ticks, value_seen, code_seen, tid_seen;

static void tick(int signal_number, siginfo_t *info, void *context)
{
	(void)signal_number;
	(void)context;
	nr_ticks = nr_ticks + 1;
	value_seen = info->si_int;
	code_seen = info->si_code;
	tid_seen = (int)syscall(SYS_gettid);
}

static void catch(int signal_number)
{
	struct sigaction action = { .sa_sigaction = tick, .sa_flags = SA_SIGINFO | SA_RESTART };

	sigaction(signal_number, &action, NULL);
}

static void wait_for_ticks(int n)
{
	for (int i = 0; i < 3000 && nr_ticks < n; i++)
		sleep_ms(1);
}

static void test_itimers(void)
{
	struct itimerval timer = { .it_value = { .tv_usec = 20000 } }, old;

	catch(SIGALRM);
	catch(SIGPROF);
	catch(SIGVTALRM);
	int64_t begin = now_ns(CLOCK_MONOTONIC);
	need(setitimer(ITIMER_REAL, &timer, NULL) == 0);
	getitimer(ITIMER_REAL, &old);
	check("time left is at most what was set", old.it_value.tv_sec == 0 && old.it_value.tv_usec <= 20001 &&
							   old.it_interval.tv_usec == 0);
	wait_for_ticks(1);
	check("SIGALRM, not early", nr_ticks == 1 && now_ns(CLOCK_MONOTONIC) - begin >= 20000000);
	sleep_ms(30);
	check("once only", nr_ticks == 1);

	timer.it_interval.tv_usec = 5000;
	timer.it_value.tv_usec = 5000;
	nr_ticks = 0;
	begin = now_ns(CLOCK_MONOTONIC);
	setitimer(ITIMER_REAL, &timer, NULL);
	wait_for_ticks(5);
	check("five intervals, not early", nr_ticks >= 5 && now_ns(CLOCK_MONOTONIC) - begin >= 25000000);
	memset(&timer, 0, sizeof(timer));
	setitimer(ITIMER_REAL, &timer, &old);
	check("old interval", old.it_interval.tv_usec == 5000);
	int before = nr_ticks;
	sleep_ms(20);
	check("stopped", nr_ticks == before);

	nr_ticks = 0;
	timer.it_value.tv_usec = 20000;
	setitimer(ITIMER_PROF, &timer, NULL);
	begin = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	while (nr_ticks == 0 && now_ns(CLOCK_PROCESS_CPUTIME_ID) - begin < 5000000000)
		;
	check("ITIMER_PROF fires while computing", nr_ticks == 1);
	nr_ticks = 0;
	setitimer(ITIMER_VIRTUAL, &timer, NULL);
	begin = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	while (nr_ticks == 0 && now_ns(CLOCK_PROCESS_CPUTIME_ID) - begin < 5000000000)
		for (volatile int i = 0; i < 10000; i++)
			;
	check("ITIMER_VIRTUAL fires while computing", nr_ticks == 1);

	check("alarm", alarm(100) == 0 && alarm(0) == 100);
	check_errno("unknown timer", setitimer((enum __itimer_which)9, &timer, NULL), EINVAL);
	timer.it_value.tv_usec = 1000000;
	check_errno("tv_usec too large", setitimer(ITIMER_REAL, &timer, NULL), EINVAL);
}

static void test_posix_timers(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 2 };
	struct itimerspec spec = { .it_value = { .tv_nsec = 10000000 } }, now;
	timer_t timer;

	catch(SIGRTMIN + 2);
	event.sigev_value.sival_int = 4711;
	nr_ticks = 0;
	need(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	timer_gettime(timer, &now);
	check("disarmed at first", now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0);
	int64_t begin = now_ns(CLOCK_MONOTONIC);
	need(timer_settime(timer, 0, &spec, NULL) == 0);
	wait_for_ticks(1);
	check("one shot, not early", nr_ticks == 1 && now_ns(CLOCK_MONOTONIC) - begin >= 10000000);
	show("value %d code %d", value_seen, code_seen);

	/* Absolute time in the past fires at once. */
	nr_ticks = 0;
	spec.it_value = (struct timespec){ .tv_nsec = 1 };
	timer_settime(timer, TIMER_ABSTIME, &spec, NULL);
	wait_for_ticks(1);
	check("a time in the past", nr_ticks == 1);

	/* Blocked: expirations become overruns of one signal. */
	sigset_t set;
	siginfo_t info;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	spec = (struct itimerspec){ .it_value = { .tv_nsec = 2000000 }, .it_interval = { .tv_nsec = 2000000 } };
	timer_settime(timer, 0, &spec, NULL);
	sleep_ms(50);
	check("sigwaitinfo takes the timer's signal", sigwaitinfo(&set, &info) == SIGRTMIN + 2 && info.si_code == SI_TIMER);
	check("it counts overruns", info.si_overrun >= 10 && timer_getoverrun(timer) == info.si_overrun);
	timer_gettime(timer, &now);
	check("interval is read back", now.it_interval.tv_nsec == 2000000 && now.it_value.tv_nsec <= 2000000);
	check("delete", timer_delete(timer) == 0);
	struct timespec zero = { 0 };
	while (sigtimedwait(&set, NULL, &zero) > 0)
		;
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	check_errno("use after delete", timer_settime(timer, 0, &spec, NULL), EINVAL);

	/* To one thread by its id. */
	event.sigev_notify = SIGEV_THREAD_ID;
	event._sigev_un._tid = (int)syscall(SYS_gettid);
	need(timer_create(CLOCK_REALTIME, &event, &timer) == 0);
	spec = (struct itimerspec){ .it_value = { .tv_nsec = 1000000 } };
	nr_ticks = 0;
	timer_settime(timer, 0, &spec, NULL);
	wait_for_ticks(1);
	check("SIGEV_THREAD_ID", nr_ticks == 1 && tid_seen == syscall(SYS_gettid));
	timer_delete(timer);

	event.sigev_notify = SIGEV_NONE;
	need(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	spec.it_value = (struct timespec){ .tv_sec = 100 };
	timer_settime(timer, 0, &spec, NULL);
	timer_gettime(timer, &now);
	check("SIGEV_NONE counts down", now.it_value.tv_sec >= 98 && now.it_value.tv_sec < 100);
	timer_delete(timer);

	event.sigev_notify = SIGEV_SIGNAL;
	need(timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer) == 0);
	spec.it_value = (struct timespec){ .tv_nsec = 20000000 };
	nr_ticks = 0;
	begin = now_ns(CLOCK_THREAD_CPUTIME_ID);
	timer_settime(timer, 0, &spec, NULL);
	while (nr_ticks == 0 && now_ns(CLOCK_THREAD_CPUTIME_ID) - begin < 5000000000)
		;
	check("a timer on CPU time, not early", nr_ticks == 1 && now_ns(CLOCK_THREAD_CPUTIME_ID) - begin >= 20000000);
	timer_delete(timer);
	check_errno("unknown clock", timer_create(99, &event, &timer), EINVAL);
}

static sem_t told;

static void notify(union sigval value)
{
	show("notification thread: %d", value.sival_int);
	sem_post(&told);
}

/* SIGEV_THREAD is made by the C library from the parts above. */
static void test_thread_notification(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD, .sigev_notify_function = notify };
	struct itimerspec spec = { .it_value = { .tv_nsec = 1000000 } };
	timer_t timer;

	event.sigev_value.sival_int = 12;
	sem_init(&told, 0, 0);
	need(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	timer_settime(timer, 0, &spec, NULL);
	sem_wait(&told);
	check("delete", timer_delete(timer) == 0);
}

int main(void)
{
	test_itimers();
	test_posix_timers();
	test_thread_notification();
	return test_end();
}
