/* SPDX-License-Identifier: MIT */
/*
 * Affinity changes under load: threads move themselves and each other between
 * CPUs while they compute, sleep, and hand over; each must run where its mask says
 * when the call has returned. Argument: changes.
 */
#include "test.h"
#include <pthread.h>
#include <sched.h>

#define NR_THREADS 6

static volatile bool is_over;
static pid_t ids[NR_THREADS];
static long nr_changes = 500, nr_wrong;
static unsigned long progress[NR_THREADS];

static void *work(void *argument)
{
	long me = (long)argument;

	__atomic_store_n(&ids[me], (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	while (!is_over) {
		__atomic_add_fetch(&progress[me], 1, __ATOMIC_RELAXED);
		if (me % 3 == 1)
			sched_yield();
		if (me % 3 == 2)
			usleep(100);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[NR_THREADS];
	cpu_set_t all, one;
	unsigned int seed = 7;

	if (argc > 1)
		nr_changes = atol(argv[1]);
	sched_getaffinity(0, sizeof(all), &all);
	int nr_cpus = CPU_COUNT(&all);
	for (long i = 0; i < NR_THREADS; i++) {
		need(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
		while (__atomic_load_n(&ids[i], __ATOMIC_ACQUIRE) == 0)
			sched_yield();
	}
	for (long i = 0; i < nr_changes; i++) {
		seed = seed * 1103515245 + 12345;
		int cpu = (int)(seed >> 16) % nr_cpus, who = (int)(seed >> 8) % (NR_THREADS + 1);
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (who == NR_THREADS) {
			nr_wrong += sched_setaffinity(0, sizeof(one), &one) != 0 || sched_getcpu() != cpu;
		} else if (i % 5 == 0) {
			nr_wrong += sched_setaffinity(ids[who], sizeof(all), &all) != 0;
		} else {
			cpu_set_t got;
			nr_wrong += sched_setaffinity(ids[who], sizeof(one), &one) != 0;
			nr_wrong += sched_getaffinity(ids[who], sizeof(got), &got) < 0 || !CPU_EQUAL(&got, &one);
		}
	}
	sched_setaffinity(0, sizeof(all), &all);
	/* All go on wherever they were put. */
	unsigned long before[NR_THREADS];
	int nr_moving = 0;
	for (int i = 0; i < NR_THREADS; i++)
		before[i] = __atomic_load_n(&progress[i], __ATOMIC_RELAXED);
	for (int tries = 0; tries < 200 && nr_moving < NR_THREADS; tries++) {
		sleep_ms(20);
		nr_moving = 0;
		for (int i = 0; i < NR_THREADS; i++)
			nr_moving += __atomic_load_n(&progress[i], __ATOMIC_RELAXED) != before[i];
	}
	is_over = true;
	for (int i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
	show("changes %ld, wrong %ld, threads that go on %d", nr_changes, nr_wrong, nr_moving);
	return test_end();
}
