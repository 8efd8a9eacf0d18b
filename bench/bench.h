/* SPDX-License-Identifier: MIT */
/*
 * What every benchmark uses. A benchmark is a static Linux program with rows;
 * each row is a function that performs n operations. Output, one line a row:
 *
 *   NAME VALUE UNIT N SPREAD
 *
 * VALUE is the median of REPEATS measurements of N operations, per operation,
 * after subtraction of an empty loop; SPREAD is (max - min) / median in percent.
 * The clock is CLOCK_MONOTONIC: under QEMU's -icount shift=0 one nanosecond is
 * one instruction, so ns/op is instructions/op. Its step is 16 ns there (62.5
 * MHz), so a measurement lasts at least MEASURE_NS.
 *
 * Arguments: the names of the rows to run (none: all), or `2cpu` for the rows
 * whose name ends in _2cpu, which run only then (they need two CPUs).
 */
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define REPEATS 5
#define MEASURE_NS 24000000
#define MAX_OPS 4000000L
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

struct row {
	const char *name;
	void (*run)(long n);
	const char *unit; /* NULL: ns/op */
	long divisor; /* operations that one call of the loop body stands for; 0: 1 */
	void (*prepare)(void); /* may be NULL; not measured */
	void (*finish)(void); /* may be NULL; not measured */
};

#define need(condition)                                                                           \
	do {                                                                                      \
		if (!(condition)) {                                                               \
			fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno); \
			exit(1);                                                                  \
		}                                                                                 \
	} while (0)

static inline int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* The compiler must believe that the loop does something. */
#define keep(x) __asm__ volatile("" : "+r"(x)::"memory")

static inline void empty_loop(long n)
{
	for (long i = 0; i < n; i++)
		keep(i);
}

static inline bool is_cpu_there(int cpu)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_ISSET(cpu, &set);
}

static inline void bind_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	need(sched_setaffinity(0, sizeof(set), &set) == 0);
}

static int64_t measure(void (*run)(long), long n)
{
	int64_t begin = now_ns();

	run(n);
	return now_ns() - begin;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void run_row(const struct row *row)
{
	double values[REPEATS];
	long n = 1, divisor = row->divisor ? row->divisor : 1;

	if (row->prepare)
		row->prepare();
	row->run(1); /* first use: pages, call sites, caches */
	while (n < MAX_OPS && measure(row->run, n) < MEASURE_NS / 8)
		n *= 2;
	n = n * 8 < MAX_OPS ? n * 8 : MAX_OPS;
	for (int i = 0; i < REPEATS; i++) {
		int64_t took = measure(row->run, n);
		int64_t empty = row->run == empty_loop ? 0 : measure(empty_loop, n);
		values[i] = (double)(took - empty) / ((double)n * (double)divisor);
	}
	if (row->finish)
		row->finish();
	qsort(values, REPEATS, sizeof(values[0]), by_value);
	double median = values[REPEATS / 2];
	printf("%s %.1f %s %ld %.1f%%\n", row->name, median, row->unit ? row->unit : "ns/op", n,
	       median > 0 ? (values[REPEATS - 1] - values[0]) / median * 100 : 0.0);
	fflush(stdout);
}

/* Whether the arguments ask for a row: see the head of this file. */
__attribute__((unused)) static bool is_wanted(const struct row *row, int argc, char **argv)
{
	size_t len = strlen(row->name);
	bool needs_two = len > 5 && strcmp(row->name + len - 5, "_2cpu") == 0;

	if (argc == 1)
		return !needs_two;
	if (strcmp(argv[1], "2cpu") == 0)
		return needs_two;
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], row->name) == 0)
			return true;
	return false;
}

__attribute__((unused)) static int run_rows(const struct row *rows, size_t nr, int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "2cpu") == 0 && !is_cpu_there(1)) {
		fprintf(stderr, "there is one CPU only\n");
		return 1;
	}
	for (size_t i = 0; i < nr; i++)
		if (is_wanted(&rows[i], argc, argv))
			run_row(&rows[i]);
	return 0;
}

#define BENCH_MAIN(rows)                                              \
	int main(int argc, char **argv)                               \
	{                                                             \
		return run_rows(rows, ARRAY_LEN(rows), argc, argv);   \
	}
