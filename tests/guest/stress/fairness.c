/* SPDX-License-Identifier: MIT */
/*
 * Shares of CPU time by the threads' own CPU clocks, in the mode named first:
 *
 *   equal   N busy threads on all CPUs: each has its equal share within P percent
 *   nice    two busy threads on one CPU, nice 0 and 5: 3 to 1 (weights 1024, 335)
 *   sleeper a thread that sleeps and works a little beside a busy one is served
 *           at once, and the busy one is not starved
 *   fifo    a SCHED_FIFO thread runs before all others on its CPU
 *   rr      two SCHED_RR threads of one priority take turns on one CPU, and a third
 *           of a lower priority gets nothing
 *   idle    a SCHED_IDLE thread gets next to nothing beside an ordinary one
 *
 * Arguments: mode, seconds (of wall time), threads, percent allowed. Under an
 * emulator on a shared host use --icount for exact figures: CPU time is then
 * deterministic. With `verbose` as fifth argument the figures are printed.
 */
#include "test.h"
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#define MAX_THREADS 64
static volatile bool is_over;
static long nr_threads = 8, percent = 2;
static double seconds = 2;
static bool is_verbose;
static int64_t cpu_ns[MAX_THREADS];
static int nice_of[MAX_THREADS], policy_of[MAX_THREADS], priority_of[MAX_THREADS];
static int nr_started;
static volatile int gate;

static void *burn(void *argument)
{
	long me = (long)argument;

	struct sched_param param = { .sched_priority = priority_of[me] };
	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), nice_of[me]);
	need(sched_setscheduler(0, policy_of[me], &param) == 0);
	__atomic_add_fetch(&nr_started, 1, __ATOMIC_SEQ_CST);
	while (!gate)
		sleep_ms(1);
	int64_t begin = now_ns(CLOCK_THREAD_CPUTIME_ID);
	while (!is_over)
		for (volatile int i = 0; i < 1000; i++)
			;
	cpu_ns[me] = now_ns(CLOCK_THREAD_CPUTIME_ID) - begin;
	return NULL;
}

static void bind_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	need(sched_setaffinity(0, sizeof(set), &set) == 0);
}

static void burn_for_a_while(void)
{
	pthread_t threads[MAX_THREADS];

	for (long i = 0; i < nr_threads; i++)
		need(pthread_create(&threads[i], NULL, burn, (void *)i) == 0);
	while (__atomic_load_n(&nr_started, __ATOMIC_SEQ_CST) != nr_threads)
		sleep_ms(1);
	gate = 1;
	sleep_ms((int)(seconds * 1000));
	is_over = true;
	for (long i = 0; i < nr_threads; i++)
		pthread_join(threads[i], NULL);
	if (is_verbose)
		for (long i = 0; i < nr_threads; i++)
			show("thread %ld: %.1f ms", i, (double)cpu_ns[i] / 1e6);
}

static void test_equal(void)
{
	double lowest = 1e18, highest = 0, sum = 0;

	burn_for_a_while();
	for (long i = 0; i < nr_threads; i++) {
		double ns = (double)cpu_ns[i];
		sum += ns;
		lowest = ns < lowest ? ns : lowest;
		highest = ns > highest ? ns : highest;
	}
	double mean = sum / (double)nr_threads;
	if (is_verbose)
		show("mean %.1f ms, lowest %.2f %%, highest %.2f %%", mean / 1e6, (lowest / mean - 1) * 100, (highest / mean - 1) * 100);
	check("every thread has its equal share", lowest >= mean * (1 - (double)percent / 100) && highest <= mean * (1 + (double)percent / 100));
}

static void test_nice(void)
{
	nr_threads = 2;
	nice_of[1] = 5;
	bind_to(0);
	burn_for_a_while();
	double ratio = (double)cpu_ns[0] / (double)cpu_ns[1], wanted = 1024.0 / 335;
	if (is_verbose)
		show("ratio %.3f, wanted %.3f", ratio, wanted);
	check("nice 0 to nice 5 as their weights", ratio > wanted * (1 - (double)percent / 100) && ratio < wanted * (1 + (double)percent / 100));
}

static long nr_wakeups, nr_late;

/* Works 0.1 ms in every ms; late is when it had to wait longer than 20 ms. */
static void *sleep_and_work(void *unused)
{
	(void)unused;
	while (!is_over) {
		int64_t begin = now_ns(CLOCK_MONOTONIC);
		usleep(1000);
		nr_late += now_ns(CLOCK_MONOTONIC) - begin > 21000000;
		nr_wakeups++;
		begin = now_ns(CLOCK_THREAD_CPUTIME_ID);
		while (now_ns(CLOCK_THREAD_CPUTIME_ID) - begin < 100000)
			;
	}
	return NULL;
}

static void test_sleeper(void)
{
	pthread_t sleeper;

	bind_to(0);
	nr_threads = 1;
	need(pthread_create(&sleeper, NULL, sleep_and_work, NULL) == 0);
	burn_for_a_while();
	pthread_join(sleeper, NULL);
	if (is_verbose)
		show("wake-ups %ld, late %ld, busy thread %.1f ms", nr_wakeups, nr_late, (double)cpu_ns[0] / 1e6);
	check("the sleeper is served", nr_wakeups > seconds * 20);
	check("and hardly ever late", nr_late <= nr_wakeups / 20);
	check("the busy thread has the rest", (double)cpu_ns[0] > seconds * 1e9 * 0.4);
}

static void *burn_fifo(void *argument)
{
	struct sched_param param = { .sched_priority = 10 };

	need(sched_setscheduler(0, SCHED_FIFO, &param) == 0);
	int64_t end = now_ns(CLOCK_MONOTONIC) + *(int64_t *)argument;
	while (now_ns(CLOCK_MONOTONIC) < end)
		;
	is_over = true;
	return NULL;
}

static void test_fifo(void)
{
	pthread_t ordinary, fifo;
	int64_t ns = (int64_t)(seconds * 1e9 / 4);

	bind_to(0);
	nr_threads = 1;
	need(pthread_create(&ordinary, NULL, burn, (void *)0) == 0);
	while (__atomic_load_n(&nr_started, __ATOMIC_SEQ_CST) != 1)
		sched_yield();
	need(pthread_create(&fifo, NULL, burn_fifo, &ns) == 0);
	gate = 1;
	pthread_join(fifo, NULL);
	pthread_join(ordinary, NULL);
	if (is_verbose)
		show("ordinary thread beside SCHED_FIFO: %.1f ms of %.1f", (double)cpu_ns[0] / 1e6, (double)ns / 1e6);
	/* Linux throttles real-time threads to 95 % by default. */
	check("SCHED_FIFO wins", (double)cpu_ns[0] < (double)ns * 0.25);
}

/* By the threads' clocks, which are read from outside: the one of low priority may not come to it. */
static void test_rr(void)
{
	struct sched_param param = { .sched_priority = 50 };

	bind_to(0);
	need(sched_setscheduler(0, SCHED_FIFO, &param) == 0);
	nr_threads = 3;
	for (int i = 0; i < 3; i++) {
		policy_of[i] = SCHED_RR;
		priority_of[i] = i < 2 ? 10 : 5;
	}
	burn_for_a_while();
	if (is_verbose)
		show("%.1f ms, %.1f ms, lower %.1f ms", (double)cpu_ns[0] / 1e6, (double)cpu_ns[1] / 1e6, (double)cpu_ns[2] / 1e6);
	double mean = (double)(cpu_ns[0] + cpu_ns[1]) / 2;
	check("SCHED_RR takes turns", (double)cpu_ns[0] > mean * 0.7 && (double)cpu_ns[1] > mean * 0.7);
	check("a lower priority has to wait", (double)cpu_ns[2] < mean * 0.1);
}

static void test_idle(void)
{
	bind_to(0);
	nr_threads = 2;
	policy_of[1] = SCHED_IDLE;
	burn_for_a_while();
	if (is_verbose)
		show("ordinary %.1f ms, SCHED_IDLE %.1f ms", (double)cpu_ns[0] / 1e6, (double)cpu_ns[1] / 1e6);
	check("SCHED_IDLE gets next to nothing", (double)cpu_ns[1] < (double)cpu_ns[0] * 0.03);
	check("but is not forgotten", cpu_ns[1] > 0);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "equal";

	if (argc > 2)
		seconds = atof(argv[2]);
	if (argc > 3)
		nr_threads = atol(argv[3]);
	if (argc > 4)
		percent = atol(argv[4]);
	is_verbose = argc > 5;
	need(nr_threads > 0 && nr_threads <= MAX_THREADS);
	if (strcmp(mode, "equal") == 0)
		test_equal();
	else if (strcmp(mode, "nice") == 0)
		test_nice();
	else if (strcmp(mode, "sleeper") == 0)
		test_sleeper();
	else if (strcmp(mode, "rr") == 0)
		test_rr();
	else if (strcmp(mode, "idle") == 0)
		test_idle();
	else
		test_fifo();
	return test_end();
}
