/* SPDX-License-Identifier: MIT */
/* pthread mutexes: uncontended, contended on one CPU (with a yield inside), contended by two CPUs. */
#include "bench.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static void (*side)(long n);
static volatile long shared;
static int partner_cpu;

static void run_uncontended(long n)
{
	for (long i = 0; i < n; i++) {
		pthread_mutex_lock(&mutex);
		pthread_mutex_unlock(&mutex);
		keep(i);
	}
}

static void yield_inside(long n)
{
	for (long i = 0; i < n; i++) {
		pthread_mutex_lock(&mutex);
		sched_yield();
		pthread_mutex_unlock(&mutex);
	}
}

static void add_inside(long n)
{
	for (long i = 0; i < n; i++) {
		pthread_mutex_lock(&mutex);
		shared++;
		pthread_mutex_unlock(&mutex);
	}
}

static void *be_partner(void *argument)
{
	bind_to(partner_cpu);
	side(*(long *)argument);
	return NULL;
}

/* Both sides do n operations; the row's divisor makes it one side's operation. */
static void run_both(long n, void (*body)(long), int cpu)
{
	pthread_t partner;

	bind_to(0);
	side = body;
	partner_cpu = cpu;
	need(pthread_create(&partner, NULL, be_partner, &n) == 0);
	body(n);
	pthread_join(partner, NULL);
}

static void run_with_yield(long n)
{
	run_both(n, yield_inside, 0);
}

static void run_2cpu(long n)
{
	run_both(n, add_inside, 1);
}

static void *nothing(void *argument)
{
	return argument;
}

/* glibc uses no atomic instructions as long as no thread was ever created. */
static void be_threaded(void)
{
	pthread_t thread;

	need(pthread_create(&thread, NULL, nothing, NULL) == 0);
	pthread_join(thread, NULL);
}

static const struct row rows[] = {
	{ .name = "mutex_uncontended", .run = run_uncontended, .prepare = be_threaded },
	{ .name = "mutex_contended_samecpu_yield_in_cs", .run = run_with_yield, .divisor = 2 },
	{ .name = "mutex_contended_per_side_op_2cpu", .run = run_2cpu },
};

BENCH_MAIN(rows)
