/* SPDX-License-Identifier: MIT */
/*
 * Work conservation: with more runnable threads than CPUs no CPU stays idle. T
 * threads (all started on CPU 0 by an affinity that is then lifted) do equal work;
 * they must spread over all CPUs: the CPU time used in a wall interval is close to
 * the number of CPUs times the interval. With `sockets` as fourth argument each of
 * the T is a pair that passes a byte through a socket, and computes in between.
 * Arguments: threads, seconds, percent of the CPUs' time that may be missing,
 * `verbose` or `sockets`.
 */
#include "test.h"
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>

static volatile bool is_over;
static unsigned long used_cpus[8];
static long nr_threads = 32;

static void compute(void)
{
	for (volatile int i = 0; i < 20000; i++)
		;
	int cpu = sched_getcpu();
	__atomic_or_fetch(&used_cpus[cpu / 64 % 8], 1ul << cpu % 64, __ATOMIC_RELAXED);
}

static void *work(void *unused)
{
	(void)unused;
	while (!is_over)
		compute();
	return NULL;
}

static void *serve(void *argument)
{
	int fd = (int)(long)argument;
	char c;

	while (read(fd, &c, 1) == 1) {
		compute();
		if (write(fd, &c, 1) != 1)
			break;
	}
	close(fd);
	return NULL;
}

/* A connection, busy at one end or the other. */
static void *ask(void *unused)
{
	pthread_t server;
	int fds[2];
	char c = 0;

	(void)unused;
	need(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	need(pthread_create(&server, NULL, serve, (void *)(long)fds[1]) == 0);
	while (!is_over) {
		need(write(fds[0], &c, 1) == 1 && read(fds[0], &c, 1) == 1);
		compute();
	}
	close(fds[0]);
	pthread_join(server, NULL);
	return NULL;
}

static int count_used(void)
{
	int nr = 0;

	for (int i = 0; i < 8; i++)
		nr += __builtin_popcountl(__atomic_load_n(&used_cpus[i], __ATOMIC_RELAXED));
	return nr;
}

int main(int argc, char **argv)
{
	double seconds = argc > 2 ? atof(argv[2]) : 1, missing = argc > 3 ? atof(argv[3]) : 20;
	bool has_sockets = argc > 4 && strcmp(argv[4], "sockets") == 0, is_verbose = argc > 4 && !has_sockets;
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
		need(pthread_create(&threads[i], NULL, has_sockets ? ask : work, NULL) == 0);
		pthread_setaffinity_np(threads[i], sizeof(all), &all);
	}
	sched_setaffinity(0, sizeof(all), &all);
	sleep_ms(50); /* time to spread, and more if the host is slow to run a CPU at all */
	for (int i = 0; i < 20000 && count_used() < CPU_COUNT(&all) && count_used() < nr_threads; i++)
		sleep_ms(1);
	int64_t wall = now_ns(CLOCK_MONOTONIC), cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	sleep_ms((int)(seconds * 1000));
	cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	wall = now_ns(CLOCK_MONOTONIC) - wall;
	is_over = true;
	for (long i = 0; i < nr_threads; i++)
		pthread_join(threads[i], NULL);
	int nr_used = count_used();
	double share = (double)cpu / (double)wall / CPU_COUNT(&all);
	if (is_verbose)
		show("%.1f %% of %d CPUs used", share * 100, CPU_COUNT(&all));
	check("every CPU was used", nr_used == CPU_COUNT(&all) || nr_used == nr_threads);
	check("and hardly ever idle", share > 1 - missing / 100);
	return test_end();
}
