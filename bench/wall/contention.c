/* SPDX-License-Identifier: MIT */
/*
 * One lock, as many threads as CPUs: what is left of the throughput when virtual
 * CPUs are paused while they hold the lock. Each thread takes a mutex, works a
 * little inside and a little more outside. Wall time, so not for -icount.
 * Prints "contention_N VALUE ops/s OPS SPREAD" like the others; arguments: seconds
 * a measurement, measurements.
 */
#include "bench.h"

#define MAX_THREADS 64

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static volatile bool is_over;
static volatile long shared;
static long ops[MAX_THREADS];

static void work(long n)
{
	for (long i = 0; i < n; i++)
		keep(i);
}

static void *contend(void *argument)
{
	long me = (long)argument, done = 0;

	bind_to((int)me);
	while (!is_over) {
		pthread_mutex_lock(&mutex);
		shared++;
		work(100);
		pthread_mutex_unlock(&mutex);
		work(300);
		done++;
	}
	ops[me] = done;
	return NULL;
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 1, rates[16];
	int repeats = argc > 2 ? atoi(argv[2]) : 5, nr_cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	long total = 0;

	need(repeats > 0 && repeats <= 16 && nr_cpus <= MAX_THREADS);
	for (int i = 0; i < repeats; i++) {
		pthread_t threads[MAX_THREADS];
		is_over = false;
		total = 0;
		int64_t begin = now_ns();
		for (long t = 0; t < nr_cpus; t++)
			need(pthread_create(&threads[t], NULL, contend, (void *)t) == 0);
		usleep((useconds_t)(seconds * 1e6));
		is_over = true;
		for (int t = 0; t < nr_cpus; t++) {
			pthread_join(threads[t], NULL);
			total += ops[t];
		}
		rates[i] = (double)total / ((double)(now_ns() - begin) / 1e9);
	}
	qsort(rates, (size_t)repeats, sizeof(rates[0]), by_value);
	double median = rates[repeats / 2];
	printf("contention_%d %.0f ops/s %ld %.1f%%\n", nr_cpus, median, total, (rates[repeats - 1] - rates[0]) / median * 100);
	return 0;
}
