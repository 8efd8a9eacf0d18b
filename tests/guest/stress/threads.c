/* SPDX-License-Identifier: MIT */
/*
 * Thread storms: many in sequence, several creators at once, detached ones, and
 * many alive at the same time. Arguments: in sequence, alive at once.
 */
#include "test.h"
#include <linux/futex.h>
#include <pthread.h>

static long nr_sequence = 2000, nr_alive = 500, nr_ran, nr_ready;
static uint32_t gate;

static void *run(void *argument)
{
	static __thread int mine = 3;

	mine += (int)(long)argument & 1;
	__atomic_add_fetch(&nr_ran, mine - ((int)(long)argument & 1) - 2, __ATOMIC_RELAXED);
	return argument;
}

static void *create_many(void *argument)
{
	long n = (long)argument, nr_right = 0;
	pthread_t thread;
	void *result;

	for (long i = 0; i < n; i++) {
		if (pthread_create(&thread, NULL, run, (void *)i) != 0)
			continue;
		pthread_join(thread, &result);
		nr_right += result == (void *)i;
	}
	return (void *)nr_right;
}

static void *wait_alive(void *unused)
{
	(void)unused;
	__atomic_add_fetch(&nr_ready, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&gate, __ATOMIC_ACQUIRE) == 0)
		syscall(SYS_futex, &gate, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	__atomic_add_fetch(&nr_ran, 1, __ATOMIC_RELAXED);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t creators[4], *alive;
	pthread_attr_t attr;
	void *result;
	long nr_right = 0;

	if (argc > 1)
		nr_sequence = atol(argv[1]);
	if (argc > 2)
		nr_alive = atol(argv[2]);
	show("in sequence: %ld", (long)create_many((void *)nr_sequence));
	for (int i = 0; i < 4; i++)
		need(pthread_create(&creators[i], NULL, create_many, (void *)(nr_sequence / 4)) == 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(creators[i], &result);
		nr_right += (long)result;
	}
	show("by four creators: %ld, ran %ld", nr_right, nr_ran);

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 64 << 10);
	nr_ran = 0;
	for (long i = 0; i < nr_sequence / 4; i++)
		while (pthread_create(&creators[0], &attr, run, NULL) != 0)
			sched_yield();
	while (__atomic_load_n(&nr_ran, __ATOMIC_RELAXED) != nr_sequence / 4)
		sleep_ms(1);
	show("detached: %ld", nr_ran);

	alive = calloc((size_t)nr_alive, sizeof(*alive));
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_JOINABLE);
	nr_ran = 0;
	for (long i = 0; i < nr_alive; i++)
		need(pthread_create(&alive[i], &attr, wait_alive, NULL) == 0);
	while (__atomic_load_n(&nr_ready, __ATOMIC_SEQ_CST) != nr_alive)
		sleep_ms(1);
	show("alive at once: %ld", nr_ready);
	__atomic_store_n(&gate, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &gate, FUTEX_WAKE_PRIVATE, 0x7fffffff, NULL, NULL, 0);
	for (long i = 0; i < nr_alive; i++)
		pthread_join(alive[i], NULL);
	show("all woken: %ld", nr_ran);
	return test_end();
}
