/* SPDX-License-Identifier: MIT */
/*
 * Address-space changes by several threads at once: first touches of the same
 * pages, mmap/munmap/mprotect beside faults, a page protected here is protected
 * for all CPUs when the call returns.
 */
#include "test.h"
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

#define NR_THREADS 4
#define PAGE 4096ul
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static pthread_barrier_t barrier;
static volatile char *shared;

/* All touch the same fresh pages at once; no write may be lost. */
static void *touch_together(void *argument)
{
	long me = (long)argument;

	pthread_barrier_wait(&barrier);
	for (size_t i = 0; i < 4096; i++)
		shared[i * PAGE + (size_t)me * 64] = (char)(me + 1);
	return NULL;
}

static void test_touch(void)
{
	pthread_t threads[NR_THREADS];
	long nr_wrong = 0;

	for (int round = 0; round < 2; round++) {
		shared = mmap(NULL, 4096 * PAGE, RW, ANON, -1, 0);
		if (round == 0)
			madvise((void *)shared, 4096 * PAGE, MADV_NOHUGEPAGE);
		for (long i = 0; i < NR_THREADS; i++)
			need(pthread_create(&threads[i], NULL, touch_together, (void *)i) == 0);
		for (int i = 0; i < NR_THREADS; i++)
			pthread_join(threads[i], NULL);
		for (size_t i = 0; i < 4096; i++)
			for (int t = 0; t < NR_THREADS; t++)
				nr_wrong += shared[i * PAGE + (size_t)t * 64] != t + 1;
		munmap((void *)shared, 4096 * PAGE);
	}
	show("lost writes of concurrent first touches: %ld", nr_wrong);
}

/* Each maps, fills, checks, protects and unmaps on its own. */
static void *map_and_unmap(void *argument)
{
	unsigned int seed = (unsigned int)(long)argument;
	long nr_wrong = 0;

	for (int i = 0; i < 300; i++) {
		size_t nr = 1 + (seed = seed * 1103515245 + 12345) / 65536 % 40;
		char *p = mmap(NULL, nr * PAGE, RW, ANON, -1, 0);
		if (p == MAP_FAILED) {
			nr_wrong++;
			continue;
		}
		for (size_t k = 0; k < nr; k++) {
			nr_wrong += p[k * PAGE] != 0;
			p[k * PAGE] = (char)(long)argument;
		}
		mprotect(p, nr / 2 * PAGE, PROT_READ);
		for (size_t k = 0; k < nr; k++)
			nr_wrong += p[k * PAGE] != (char)(long)argument;
		munmap(p, nr * PAGE);
	}
	return (void *)nr_wrong;
}

static void test_map(void)
{
	pthread_t threads[NR_THREADS];
	long nr_wrong = 0;
	void *result;

	for (long i = 0; i < NR_THREADS; i++)
		need(pthread_create(&threads[i], NULL, map_and_unmap, (void *)(i + 1)) == 0);
	for (int i = 0; i < NR_THREADS; i++) {
		pthread_join(threads[i], &result);
		nr_wrong += (long)result;
	}
	show("wrong pages of concurrent mmap: %ld", nr_wrong);
}

/* After mprotect(PROT_READ) returned, no other thread may still write. */
static volatile bool is_over;
static volatile long *counter;
static long nr_faults;

static void open_again(int signal_number, siginfo_t *info, void *context)
{
	(void)signal_number;
	(void)info;
	(void)context;
	__atomic_add_fetch(&nr_faults, 1, __ATOMIC_SEQ_CST);
	sched_yield();
}

static void *keep_writing(void *unused)
{
	(void)unused;
	while (!is_over)
		__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void test_protection_reaches_all(void)
{
	struct sigaction action = { .sa_sigaction = open_again, .sa_flags = SA_SIGINFO };
	pthread_t threads[NR_THREADS - 1];
	long nr_wrong = 0;

	sigaction(SIGSEGV, &action, NULL);
	counter = mmap(NULL, PAGE, RW, ANON, -1, 0);
	for (int i = 0; i < NR_THREADS - 1; i++)
		need(pthread_create(&threads[i], NULL, keep_writing, NULL) == 0);
	for (int i = 0; i < 200; i++) {
		mprotect((void *)counter, PAGE, PROT_READ);
		long first = *counter;
		for (volatile int k = 0; k < 2000; k++)
			;
		nr_wrong += *counter != first;
		mprotect((void *)counter, PAGE, RW);
		for (volatile int k = 0; k < 500; k++)
			;
	}
	is_over = true;
	for (int i = 0; i < NR_THREADS - 1; i++)
		pthread_join(threads[i], NULL);
	show("writes after a page was protected: %ld", nr_wrong);
}

/* DONTNEED and munmap beside readers: each sees the old value or zero. */
static void *keep_reading(void *unused)
{
	long nr_wrong = 0;

	(void)unused;
	while (!is_over)
		for (size_t i = 0; i < 64; i++) {
			char c = shared[i * PAGE];
			nr_wrong += c != 0 && c != 7;
		}
	return (void *)nr_wrong;
}

static void test_dontneed(void)
{
	pthread_t threads[NR_THREADS - 1];
	long nr_wrong = 0;
	void *result;

	is_over = false;
	shared = mmap(NULL, 64 * PAGE, RW, ANON, -1, 0);
	for (int i = 0; i < NR_THREADS - 1; i++)
		need(pthread_create(&threads[i], NULL, keep_reading, NULL) == 0);
	for (int i = 0; i < 300; i++) {
		memset((void *)shared, 7, 64 * PAGE);
		madvise((void *)shared, 64 * PAGE, MADV_DONTNEED);
		for (size_t k = 0; k < 64; k++)
			nr_wrong += shared[k * PAGE] != 0;
	}
	is_over = true;
	for (int i = 0; i < NR_THREADS - 1; i++) {
		pthread_join(threads[i], &result);
		nr_wrong += (long)result;
	}
	show("wrong values beside DONTNEED: %ld", nr_wrong);
}

int main(void)
{
	pthread_barrier_init(&barrier, NULL, NR_THREADS);
	test_touch();
	test_map();
	test_protection_reaches_all();
	test_dontneed();
	return test_end();
}
