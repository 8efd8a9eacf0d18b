// SPDX-License-Identifier: MIT
/* sources: linux/signal-queue.c */
/* Pending signals: merging of standard ones, order of realtime ones, limits, no memory. */
#include "linux/signal-priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "libc/errno.h"
#include "mmu/heap.h"

static int failures;
static bool has_no_memory;
static long nr_allocated;

#define CHECK(cond) \
	do { \
		if (!(cond)) { \
			printf("line %d: %s\n", __LINE__, #cond); \
			failures++; \
		} \
	} while (0)

void *kzalloc(size_t size)
{
	void *p = has_no_memory ? NULL : calloc(1, size);

	nr_allocated += p != NULL;
	return p;
}

void kfree(void *p)
{
	nr_allocated -= p != NULL;
	free(p);
}

static unsigned nr_total;
static struct signal_queue q;

static int add(int sig, uint64_t value)
{
	struct siginfo info = { .code = SI_QUEUE, .kill = { .value = value } };

	return signal_queue_add(&q, sig, &info, 4);
}

static int take(sigmask_t mask, uint64_t *value)
{
	struct siginfo info;
	int sig = signal_queue_take(&q, mask, &info);

	*value = info.kill.value;
	CHECK(!sig || info.signo == sig);
	return sig;
}

static void test_order(void)
{
	uint64_t v;

	CHECK(add(40, 1) == 0 && add(SIGTERM, 2) == 0 && add(40, 3) == 0 && add(35, 4) == 0);
	CHECK(add(SIGTERM, 5) == 1);		/* merged: the first one's siginfo stays */
	CHECK(nr_total == 4);
	CHECK(add(50, 6) == -EAGAIN);		/* limit */
	CHECK(take(SIGMASK(SIGUSR1), &v) == 0);
	CHECK(take(~0ull, &v) == SIGTERM && v == 2);
	CHECK(take(~0ull, &v) == 35 && v == 4);
	CHECK(take(~SIGMASK(40), &v) == 0);
	CHECK(take(~0ull, &v) == 40 && v == 1);
	CHECK(q.set == SIGMASK(40));
	CHECK(take(~0ull, &v) == 40 && v == 3);
	CHECK(q.set == 0 && take(~0ull, &v) == 0 && nr_total == 0);
}

static void test_synchronous_first(void)
{
	uint64_t v;

	CHECK(add(SIGHUP, 1) == 0 && add(SIGSEGV, 2) == 0);
	CHECK(take(~0ull, &v) == SIGSEGV);
	CHECK(take(~0ull, &v) == SIGHUP);
}

static void test_no_memory(void)
{
	struct siginfo info;

	has_no_memory = true;
	CHECK(add(SIGCHLD, 1) == 0);		/* pending all the same, without siginfo */
	CHECK(add(40, 1) == -EAGAIN);
	has_no_memory = false;
	CHECK(signal_queue_take(&q, ~0ull, &info) == SIGCHLD && info.signo == SIGCHLD && info.code == 0);
	CHECK(q.set == 0);
}

static void test_remove(void)
{
	uint64_t v;

	CHECK(add(40, 1) == 0 && add(40, 2) == 0 && add(SIGUSR1, 3) == 0);
	signal_queue_remove(&q, SIGMASK(40) | SIGMASK(41));
	CHECK(q.set == SIGMASK(SIGUSR1) && nr_total == 1);
	CHECK(take(~0ull, &v) == SIGUSR1 && v == 3);
	CHECK(nr_allocated == 0);
}

/* execve: what timers sent goes, the rest stays; a realtime signal may be both. */
static void test_remove_timers(void)
{
	struct siginfo timer = { .code = SI_TIMER };
	uint64_t v;

	CHECK(signal_queue_add(&q, SIGUSR1, &timer, 100) == 0 && add(SIGHUP, 1) == 0);
	CHECK(add(40, 2) == 0 && signal_queue_add(&q, 40, &timer, 100) == 0);
	signal_queue_remove_timers(&q);
	CHECK(q.set == (SIGMASK(SIGHUP) | SIGMASK(40)) && nr_total == 2);
	CHECK(take(~0ull, &v) == SIGHUP && take(~0ull, &v) == 40 && v == 2);
	CHECK(q.set == 0 && nr_allocated == 0);
}

int main(void)
{
	list_init(&q.entries);
	q.nr_total = &nr_total;
	test_order();
	test_synchronous_first();
	test_no_memory();
	test_remove();
	test_remove_timers();
	return failures != 0;
}
