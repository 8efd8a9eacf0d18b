/* SPDX-License-Identifier: MIT */
/*
 * The realtime clock is set while threads wait for a time on it: absolute
 * times come when the clock says so, spans of time are not moved.
 */
#include "test.h"
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/timex.h>

#define HOUR 3600

static int nr_begun, nr_over;
static uint32_t word;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static sem_t semaphore;
static struct timespec until;

static struct timespec now_plus(clockid_t clock, long seconds)
{
	struct timespec t;

	clock_gettime(clock, &t);
	t.tv_sec += seconds;
	return t;
}

static void set_clock(long seconds)
{
	struct timespec t = now_plus(CLOCK_REALTIME, seconds);

	need(clock_settime(CLOCK_REALTIME, &t) == 0);
}

static void begin(void)
{
	__atomic_add_fetch(&nr_begun, 1, __ATOMIC_SEQ_CST);
}

static void over(bool is_right)
{
	if (!is_right)
		show("FAIL a wait ended otherwise than by its time");
	__atomic_add_fetch(&nr_over, 1, __ATOMIC_SEQ_CST);
}

static void *wait_nanosleep(void *clock)
{
	begin();
	over(clock_nanosleep((clockid_t)(long)clock, TIMER_ABSTIME, &until, NULL) == 0);
	return NULL;
}

static void *wait_futex(void *unused)
{
	(void)unused;
	begin();
	long r = syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &until, NULL, FUTEX_BITSET_MATCH_ANY);
	over(r == -1 && errno == ETIMEDOUT);
	return NULL;
}

static void *wait_cond(void *unused)
{
	(void)unused;
	begin();
	pthread_mutex_lock(&mutex);
	over(pthread_cond_timedwait(&cond, &mutex, &until) == ETIMEDOUT);
	pthread_mutex_unlock(&mutex);
	return NULL;
}

static void *wait_mutex(void *unused)
{
	(void)unused;
	begin();
	over(pthread_mutex_timedlock(&held, &until) == ETIMEDOUT);
	return NULL;
}

static void *wait_semaphore(void *unused)
{
	(void)unused;
	begin();
	over(sem_timedwait(&semaphore, &until) == -1 && errno == ETIMEDOUT);
	return NULL;
}

static void *wait_timerfd(void *unused)
{
	struct itimerspec setting = { .it_value = until };
	int fd = timerfd_create(CLOCK_REALTIME, 0);
	uint64_t nr;

	(void)unused;
	need(timerfd_settime(fd, TFD_TIMER_ABSTIME, &setting, NULL) == 0);
	begin();
	over(read(fd, &nr, 8) == 8 && nr == 1);
	close(fd);
	return NULL;
}

static void *wait_timer(void *unused)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	struct itimerspec setting = { .it_value = until };
	siginfo_t info;
	sigset_t set;
	timer_t timer;

	(void)unused;
	need(timer_create(CLOCK_REALTIME, &event, &timer) == 0);
	need(timer_settime(timer, TIMER_ABSTIME, &setting, NULL) == 0);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	begin();
	over(sigwaitinfo(&set, &info) == SIGRTMIN);
	timer_delete(timer);
	return NULL;
}

/* Spans of time: not moved. They are cancelled at the end of the process. */
static void *wait_span(void *unused)
{
	struct timespec span = { HOUR, 0 };

	(void)unused;
	begin();
	clock_nanosleep(CLOCK_REALTIME, 0, &span, NULL);
	over(false);
	return NULL;
}

static void test_waits(void)
{
	static void *(*const waits[])(void *) = { wait_nanosleep, wait_futex, wait_cond, wait_mutex, wait_semaphore, wait_timerfd, wait_timer,
						  wait_nanosleep };
	pthread_t threads[ARRAY_LEN(waits)], spans;
	int nr = ARRAY_LEN(waits);

	sem_init(&semaphore, 0, 0);
	pthread_mutex_lock(&held);
	need(pthread_create(&spans, NULL, wait_span, NULL) == 0);
	until = now_plus(CLOCK_REALTIME, HOUR);
	for (int i = 0; i < nr; i++)
		need(pthread_create(&threads[i], NULL, waits[i], (void *)(long)(i == nr - 1 ? CLOCK_TAI : CLOCK_REALTIME)) == 0);
	while (__atomic_load_n(&nr_begun, __ATOMIC_SEQ_CST) != nr + 1)
		sleep_ms(1);
	sleep_ms(100);
	show("before: %d", nr_over);
	set_clock(HOUR / 2);
	sleep_ms(100);
	show("half an hour: %d", nr_over);
	set_clock(-HOUR);
	sleep_ms(100);
	show("back: %d", nr_over);
	set_clock(2 * HOUR);
	for (int i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
	show("past it: %d", nr_over);
}

static void test_past(void)
{
	struct timespec t = now_plus(CLOCK_REALTIME, -10);
	struct itimerspec setting = { { 0, 100000000 }, t };
	int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
	uint64_t nr = 0;

	need(timerfd_settime(fd, TFD_TIMER_ABSTIME, &setting, NULL) == 0);
	sleep_ms(5);
	check("expiries since 10 s ago", read(fd, &nr, 8) == 8 && nr >= 101 && nr < 2000);
	setting.it_value = (struct timespec){ 0, 1 };
	need(timerfd_settime(fd, TFD_TIMER_ABSTIME, &setting, NULL) == 0);
	sleep_ms(5);
	clock_gettime(CLOCK_REALTIME, &t);
	check("since 1970", read(fd, &nr, 8) == 8 && nr >= (uint64_t)(t.tv_sec - 1000) * 10 && nr <= (uint64_t)(t.tv_sec + 1) * 10);
	setting = (struct itimerspec){ { 1, 0 }, now_plus(CLOCK_REALTIME, 1) };
	need(timerfd_settime(fd, TFD_TIMER_ABSTIME, &setting, NULL) == 0);
	set_clock(1000);
	sleep_ms(20);
	check("a jump of 1000 s", read(fd, &nr, 8) == 8 && nr >= 998 && nr < 1500);
	setting.it_value = now_plus(CLOCK_REALTIME, 100);
	need(timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &setting, NULL) == 0);
	set_clock(-1000);
	check_errno("cancelled by a setting", (int)read(fd, &nr, 8), ECANCELED);
	close(fd);
}

static void test_limits(void)
{
	struct timeval tv = { INT64_MAX, 0 };
	struct timespec ts = { INT64_MAX, 0 };

	check_errno("settimeofday, huge", settimeofday(&tv, NULL), EINVAL);
	tv.tv_sec = INT64_MAX / 1000000000;
	check_errno("settimeofday, as many as nanoseconds fit", settimeofday(&tv, NULL), EINVAL);
	check_errno("clock_settime, huge", clock_settime(CLOCK_REALTIME, &ts), EINVAL);
	tv = (struct timeval){ -1, 0 };
	check_errno("settimeofday, before 1970", settimeofday(&tv, NULL), EINVAL);
	tv = (struct timeval){ 1, 1000000 };
	check_errno("settimeofday, microseconds", settimeofday(&tv, NULL), EINVAL);
	tv = (struct timeval){ 0, 1 };
	check_errno("settimeofday, before the machine's start", settimeofday(&tv, NULL), EINVAL);
	ts = (struct timespec){ 1700000000, 0 };
	check_errno("clock_settime, monotonic", clock_settime(CLOCK_MONOTONIC, &ts), EINVAL);
	check_errno("clock_settime, TAI", clock_settime(CLOCK_TAI, &ts), EINVAL);
}

int main(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	test_waits();
	test_past();
	test_limits();
	return test_end();
}
