/* SPDX-License-Identifier: MIT */
/* Threads: creation and join, and a sleep of one microsecond. */
#include "bench.h"

static void *nothing(void *argument)
{
	return argument;
}

static void run_create_join(long n)
{
	pthread_t thread;

	for (long i = 0; i < n; i++) {
		need(pthread_create(&thread, NULL, nothing, NULL) == 0);
		pthread_join(thread, NULL);
	}
}

static void run_nanosleep(long n)
{
	for (long i = 0; i < n; i++) {
		struct timespec microsecond = { .tv_nsec = 1000 };
		nanosleep(&microsecond, NULL);
	}
}

static void bind(void)
{
	bind_to(0);
}

static const struct row rows[] = {
	{ .name = "pthread_create_join", .run = run_create_join, .prepare = bind },
	{ .name = "nanosleep_1us", .run = run_nanosleep, .prepare = bind },
};

BENCH_MAIN(rows)
