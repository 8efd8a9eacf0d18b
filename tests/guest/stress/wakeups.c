/* SPDX-License-Identifier: MIT */
/*
 * Storms of wake-ups: tokens passed round rings of threads by futex, pipe and
 * eventfd at once, one waker for many sleepers, and waits with timeouts that race
 * with their wake-up. A lost wake-up shows as a hang, a doubled one as a wrong
 * count. Arguments: rounds, threads in a ring.
 */
#include "test.h"
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#define MAX_THREADS 64
static long rounds = 500, nr_threads = 8;

struct station {
	uint32_t word; /* futex */
	int pipe_fds[2];
	int event_fd;
	long passed;
};
static struct station stations[3][MAX_THREADS];

static void futex_wait(uint32_t *word, uint32_t value)
{
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void send_token(int kind, struct station *to)
{
	uint64_t one = 1;

	if (kind == 0) {
		__atomic_add_fetch(&to->word, 1, __ATOMIC_RELEASE);
		syscall(SYS_futex, &to->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	} else if (kind == 1) {
		need(write(to->pipe_fds[1], "t", 1) == 1);
	} else {
		need(write(to->event_fd, &one, 8) == 8);
	}
}

static void receive_token(int kind, struct station *at, uint32_t nr_before)
{
	char c;
	uint64_t value;

	if (kind == 0) {
		while (__atomic_load_n(&at->word, __ATOMIC_ACQUIRE) == nr_before)
			futex_wait(&at->word, nr_before);
	} else if (kind == 1) {
		need(read(at->pipe_fds[0], &c, 1) == 1);
	} else {
		struct pollfd p = { .fd = at->event_fd, .events = POLLIN };
		need(poll(&p, 1, -1) == 1);
		need(read(at->event_fd, &value, 8) == 8 && value == 1);
	}
}

static void *pass_on(void *argument)
{
	int kind = (int)(long)argument / MAX_THREADS, me = (int)(long)argument % MAX_THREADS;

	for (long i = 0; i < rounds; i++) {
		receive_token(kind, &stations[kind][me], (uint32_t)i);
		stations[kind][me].passed++;
		if (i < rounds - 1 || me != nr_threads - 1)
			send_token(kind, &stations[kind][(me + 1) % nr_threads]);
	}
	return NULL;
}

static void test_rings(void)
{
	pthread_t threads[3][MAX_THREADS];
	long passed = 0;

	for (long kind = 0; kind < 3; kind++)
		for (long i = 0; i < nr_threads; i++) {
			need(pipe(stations[kind][i].pipe_fds) == 0);
			stations[kind][i].event_fd = eventfd(0, 0);
			need(pthread_create(&threads[kind][i], NULL, pass_on, (void *)(kind * MAX_THREADS + i)) == 0);
		}
	for (int kind = 0; kind < 3; kind++)
		send_token(kind, &stations[kind][0]);
	for (int kind = 0; kind < 3; kind++)
		for (long i = 0; i < nr_threads; i++) {
			pthread_join(threads[kind][i], NULL);
			passed += stations[kind][i].passed;
		}
	show("tokens passed: %ld", passed);
}

/* One waker, many sleepers, all woken at once, again and again. */
static uint32_t gate;
static long nr_through, nr_waiting;

static void *wait_at_gate(void *unused)
{
	(void)unused;
	for (uint32_t i = 0; i < (uint32_t)rounds; i++) {
		__atomic_add_fetch(&nr_waiting, 1, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&gate, __ATOMIC_ACQUIRE) == i)
			futex_wait(&gate, i);
		__atomic_add_fetch(&nr_through, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static void test_gate(void)
{
	pthread_t threads[MAX_THREADS];

	for (long i = 0; i < nr_threads; i++)
		need(pthread_create(&threads[i], NULL, wait_at_gate, NULL) == 0);
	for (long i = 0; i < rounds; i++) {
		while (__atomic_load_n(&nr_waiting, __ATOMIC_SEQ_CST) != (i + 1) * nr_threads)
			sched_yield();
		__atomic_add_fetch(&gate, 1, __ATOMIC_RELEASE);
		syscall(SYS_futex, &gate, FUTEX_WAKE_PRIVATE, 0x7fffffff, NULL, NULL, 0);
	}
	for (long i = 0; i < nr_threads; i++)
		pthread_join(threads[i], NULL);
	show("through the gate: %ld", nr_through);
}

/* A semaphore by hand whose waits time out at random: units are conserved. */
static uint32_t units;
static long nr_taken, nr_timeouts;
static volatile bool is_over;

static void *take_units(void *argument)
{
	unsigned int seed = (unsigned int)(long)argument + 1;

	while (!is_over) {
		uint32_t now = __atomic_load_n(&units, __ATOMIC_ACQUIRE);
		if (now > 0) {
			if (__atomic_compare_exchange_n(&units, &now, now - 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
				__atomic_add_fetch(&nr_taken, 1, __ATOMIC_RELAXED);
			continue;
		}
		seed = seed * 1103515245 + 12345;
		struct timespec timeout = { .tv_nsec = (seed >> 16) % 200000 };
		if (syscall(SYS_futex, &units, FUTEX_WAIT_PRIVATE, 0, &timeout, NULL, 0) != 0 && errno == ETIMEDOUT)
			__atomic_add_fetch(&nr_timeouts, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void test_timeouts(void)
{
	pthread_t threads[MAX_THREADS];
	long total = rounds * nr_threads;

	for (long i = 0; i < nr_threads; i++)
		need(pthread_create(&threads[i], NULL, take_units, (void *)i) == 0);
	for (long i = 0; i < total; i++) {
		__atomic_add_fetch(&units, 1, __ATOMIC_ACQ_REL);
		syscall(SYS_futex, &units, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
		if (i % 64 == 0)
			usleep(50);
	}
	while (__atomic_load_n(&units, __ATOMIC_ACQUIRE) != 0)
		usleep(100);
	is_over = true;
	for (long i = 0; i < nr_threads; i++)
		pthread_join(threads[i], NULL);
	show("units taken: %ld", nr_taken);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		rounds = atol(argv[1]);
	if (argc > 2)
		nr_threads = atol(argv[2]);
	need(nr_threads > 1 && nr_threads <= MAX_THREADS);
	test_rings();
	test_gate();
	test_timeouts();
	return test_end();
}
