/* SPDX-License-Identifier: MIT */
/* Clocks and sleeping: never backwards on any CPU, resolution, CPU time, sleeps never early. */
#include "test.h"
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>

static const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
				    CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_PROCESS_CPUTIME_ID,
				    CLOCK_THREAD_CPUTIME_ID };
static const char *const names[] = { "realtime", "monotonic", "monotonic-raw", "realtime-coarse", "monotonic-coarse",
				     "boottime", "process-cpu", "thread-cpu" };

static void test_clocks(void)
{
	for (size_t i = 0; i < ARRAY_LEN(clocks); i++) {
		struct timespec ts, resolution;
		int64_t last = 0;
		int nr_backwards = 0;
		bool is_valid = true;

		for (int k = 0; k < 2000; k++) {
			is_valid &= clock_gettime(clocks[i], &ts) == 0 && ts.tv_nsec >= 0 && ts.tv_nsec < 1000000000;
			int64_t now = ts.tv_sec * 1000000000LL + ts.tv_nsec;
			nr_backwards += now < last;
			last = now;
		}
		bool is_coarse = i == 3 || i == 4;
		need(clock_getres(clocks[i], &resolution) == 0);
		show("%s: valid %d, backwards %d, resolution %s", names[i], is_valid, nr_backwards,
		     resolution.tv_sec == 0 && (is_coarse ? resolution.tv_nsec <= 10000000 : resolution.tv_nsec == 1) ? "right" : "wrong");
		/* The system call itself agrees with the vDSO. */
		struct timespec by_call;
		need(syscall(SYS_clock_gettime, clocks[i], &by_call) == 0);
		int64_t difference = by_call.tv_sec * 1000000000LL + by_call.tv_nsec - last;
		need(clock_gettime(clocks[i], &ts) == 0);
		if (!(difference >= 0 && difference < 1000000000 && ts.tv_sec * 1000000000LL + ts.tv_nsec >= last + difference))
			show("FAIL %s: system call and vDSO disagree", names[i]);
	}
	struct timespec ts;
	check_errno("unknown clock", clock_gettime(77, &ts), EINVAL);
	check_errno("bad address", syscall(SYS_clock_gettime, CLOCK_MONOTONIC, (void *)16), EFAULT);
	int64_t wall = now_ns(CLOCK_REALTIME);
	struct timeval tv;
	gettimeofday(&tv, NULL);
	int64_t by_tv = tv.tv_sec * 1000000LL + tv.tv_usec;
	check("gettimeofday agrees", by_tv - wall / 1000 >= 0 && by_tv - wall / 1000 < 1000000);
	check("time agrees", time(NULL) - wall / 1000000000 >= 0 && time(NULL) - wall / 1000000000 <= 1);
	check("the year is plausible", wall / 1000000000 > 1600000000);
	/* Programs take second 0 for "never set", however fast the machine came up. */
	check("the monotonic clocks are past their second 0", now_ns(CLOCK_MONOTONIC) >= 1000000000 && now_ns(CLOCK_MONOTONIC_RAW) >= 1000000000 &&
	      now_ns(CLOCK_BOOTTIME) >= 1000000000);
}

/* A value read on one CPU is not smaller than one read before on another. */
static int64_t latest;
static long nr_backwards;

static void *watch_clock(void *argument)
{
	clockid_t clock = (clockid_t)(long)argument;

	for (int i = 0; i < 20000; i++) {
		int64_t before = __atomic_load_n(&latest, __ATOMIC_SEQ_CST), now = now_ns(clock);
		if (now < before)
			__atomic_add_fetch(&nr_backwards, 1, __ATOMIC_SEQ_CST);
		while (now > before && !__atomic_compare_exchange_n(&latest, &before, now, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			;
		if (i % 1000 == 0)
			sched_yield();
	}
	return NULL;
}

static void test_across_cpus(void)
{
	static const clockid_t both[] = { CLOCK_MONOTONIC, CLOCK_REALTIME };

	for (int k = 0; k < 2; k++) {
		pthread_t threads[4];

		latest = 0;
		for (int i = 0; i < 4; i++)
			need(pthread_create(&threads[i], NULL, watch_clock, (void *)(long)both[k]) == 0);
		for (int i = 0; i < 4; i++)
			pthread_join(threads[i], NULL);
	}
	show("backwards among threads: %ld", nr_backwards);
}

static void test_sleeps(void)
{
	static const long times[] = { 0, 1, 1000, 100000, 1000000, 10000000 };
	int nr_early = 0;

	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		struct timespec request = { .tv_nsec = times[i] };
		int64_t begin = now_ns(CLOCK_MONOTONIC);
		need(nanosleep(&request, NULL) == 0);
		nr_early += now_ns(CLOCK_MONOTONIC) - begin < times[i];
		for (int k = 0; k < 2; k++) {
			clockid_t clock = k ? CLOCK_REALTIME : CLOCK_MONOTONIC;
			begin = now_ns(clock);
			struct timespec end = ns_to_timespec(begin + times[i]);
			need(clock_nanosleep(clock, TIMER_ABSTIME, &end, NULL) == 0);
			nr_early += now_ns(clock) - begin < times[i];
		}
	}
	show("early sleeps: %d", nr_early);
	struct timespec bad = { .tv_nsec = 1000000000 }, negative = { .tv_sec = -1 };
	check_errno("bad nanoseconds", nanosleep(&bad, NULL), EINVAL);
	check_errno("negative time", nanosleep(&negative, NULL), EINVAL);
	check("own CPU clock: no sleep", clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &bad, NULL) == EINVAL);
	check("absolute, in the past", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &(struct timespec){ .tv_sec = 0 }, NULL) == 0);
	check("usleep", usleep(1000) == 0);
}

static void burn(int64_t ns)
{
	int64_t begin = now_ns(CLOCK_THREAD_CPUTIME_ID);

	while (now_ns(CLOCK_THREAD_CPUTIME_ID) - begin < ns)
		;
}

static volatile bool may_end;

static void *burn_half(void *unused)
{
	(void)unused;
	burn(50000000);
	while (!may_end) /* a thread that has ended has no clock */
		sched_yield();
	return (void *)now_ns(CLOCK_THREAD_CPUTIME_ID);
}

static void test_cpu_time(void)
{
	int64_t process = now_ns(CLOCK_PROCESS_CPUTIME_ID), thread = now_ns(CLOCK_THREAD_CPUTIME_ID);

	sleep_ms(100);
	check("sleeping takes no CPU time", now_ns(CLOCK_THREAD_CPUTIME_ID) - thread < 50000000);
	burn(30000000);
	check("computing does", now_ns(CLOCK_PROCESS_CPUTIME_ID) - process >= 30000000);
	pthread_t threads[2];
	process = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	thread = now_ns(CLOCK_THREAD_CPUTIME_ID);
	for (int i = 0; i < 2; i++)
		need(pthread_create(&threads[i], NULL, burn_half, NULL) == 0);
	clockid_t other;
	check("the clock of another thread", pthread_getcpuclockid(threads[0], &other) == 0 && now_ns(other) >= 0);
	may_end = true;
	for (int i = 0; i < 2; i++) {
		void *result;
		pthread_join(threads[i], &result);
		check("a thread's own time", (int64_t)result >= 50000000 && (int64_t)result < 5000000000);
	}
	check("the process has the sum", now_ns(CLOCK_PROCESS_CPUTIME_ID) - process >= 100000000);
	check("the waiting thread has little", now_ns(CLOCK_THREAD_CPUTIME_ID) - thread < 50000000);
	struct rusage usage;
	check("getrusage", getrusage(RUSAGE_SELF, &usage) == 0 &&
				   (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec >= 100000);
	struct tms tms;
	check("times", times(&tms) > 0 && tms.tms_utime + tms.tms_stime >= 5);
}

int main(void)
{
	test_clocks();
	test_across_cpus();
	test_sleeps();
	test_cpu_time();
	return test_end();
}
