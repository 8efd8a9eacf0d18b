/* SPDX-License-Identifier: MIT */
/*
 * Work conservation: with more runnable threads than CPUs no CPU stays idle. T
 * threads (all started on CPU 0 by an affinity that is then lifted) do equal work;
 * they must spread over all CPUs: the CPU time used in a wall interval is close to
 * the number of CPUs times the interval. Arguments: threads, seconds, percent of
 * the CPUs' time that may be missing, `verbose`.
 */
#include "test.h"
#include <pthread.h>
#include <sched.h>

static volatile bool is_over;
static unsigned long used_cpus[8];
static long nr_threads = 32;

static void *work(void *unused)
{
	(void)unused;
	while (!is_over) {
		for (volatile int i = 0; i < 20000; i++)
			;
		int cpu = sched_getcpu();
		__atomic_or_fetch(&used_cpus[cpu / 64 % 8], 1ul << cpu % 64, __ATOMIC_RELAXED);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	double seconds = argc > 2 ? atof(argv[2]) : 1, missing = argc > 3 ? atof(argv[3]) : 20;
	pthread_t threads[256];
	cpu_set_t all, one;

	if (argc > 1)
		nr_threads = atol(argv[1]);
	need(nr_threads > 0 && nr_threads <= 256);
	sched_getaffinity(0, sizeof(all), &all);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	for (long i = 0; i < nr_threads; i++) {
		need(pthread_create(&threads[i], NULL, work, NULL) == 0);
		pthread_setaffinity_np(threads[i], sizeof(all), &all);
	}
	sched_setaffinity(0, sizeof(all), &all);
	sleep_ms(50); /* time to spread */
	int64_t wall = now_ns(CLOCK_MONOTONIC), cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	sleep_ms((int)(seconds * 1000));
	cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	wall = now_ns(CLOCK_MONOTONIC) - wall;
	is_over = true;
	for (long i = 0; i < nr_threads; i++)
		pthread_join(threads[i], NULL);
	int nr_used = 0;
	for (int i = 0; i < 8; i++)
		nr_used += __builtin_popcountl(used_cpus[i]);
	double share = (double)cpu / (double)wall / CPU_COUNT(&all);
	if (argc > 4)
		show("%.1f %% of %d CPUs used", share * 100, CPU_COUNT(&all));
	check("every CPU was used", nr_used == CPU_COUNT(&all) || nr_used == nr_threads);
	check("and hardly ever idle", share > 1 - missing / 100);
	return test_end();
}
