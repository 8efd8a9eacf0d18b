/* SPDX-License-Identifier: MIT */
/*
 * What the syscall-sites.c of each machine use: memory for code, calls of it, and many threads at fresh sites. How a call
 * is encoded is the machine's: it supplies emit.
 */
#pragma once

#include "test.h"
#include <pthread.h>
#include <sys/mman.h>

typedef long code_fn(long, long);

__attribute__((unused)) static long run(const void *code)
{
	return ((code_fn *)code)(0, 0);
}

/* Does it return this, so many times in a row? */
__attribute__((unused)) static bool run_times(const void *code, long expected, int times)
{
	int nr_right = 0;

	for (int i = 0; i < times; i++)
		nr_right += run(code) == expected;
	return nr_right == times;
}

static void *map_code(size_t len, int prot)
{
	void *code = mmap(NULL, len, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(code != MAP_FAILED);
	return code;
}

/* ---- 8 threads at 1000 fresh sites ---------------------------------------------------------------------- */

#define NR_THREADS 8
#define NR_SITES 1000

static uint8_t *fresh;
static size_t fresh_stride;
static int fresh_times;
static pthread_barrier_t barrier;

static void *hit_fresh_sites(void *unused)
{
	long nr_right = 0, tid = syscall(SYS_gettid);

	(void)unused;
	for (int i = 0; i < NR_SITES; i++) {
		if (i % 50 == 0)
			pthread_barrier_wait(&barrier);
		for (int k = 0; k < fresh_times; k++)
			nr_right += run(fresh + fresh_stride * i) == tid;
	}
	return (void *)nr_right;
}

/* emit(code, number) writes a call there; stride: bytes from site to site. Returns how many calls were right. */
static long run_threads(void (*emit)(void *code, int number), size_t stride, int times)
{
	pthread_t threads[NR_THREADS];
	long nr_right = 0;
	void *result;

	fresh = map_code(stride * NR_SITES, PROT_READ | PROT_WRITE | PROT_EXEC);
	fresh_stride = stride;
	fresh_times = times;
	for (int i = 0; i < NR_SITES; i++)
		emit(fresh + stride * i, SYS_gettid);
	pthread_barrier_init(&barrier, NULL, NR_THREADS);
	for (int i = 0; i < NR_THREADS; i++)
		need(pthread_create(&threads[i], NULL, hit_fresh_sites, NULL) == 0);
	for (int i = 0; i < NR_THREADS; i++) {
		pthread_join(threads[i], &result);
		nr_right += (long)result;
	}
	return nr_right;
}
