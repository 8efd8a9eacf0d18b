/* SPDX-License-Identifier: MIT
 *
 * The rings: order, full and empty; then stress under TSan: every element arrives once, per producer in order, with its contents.
 */
/* sanitizer: thread */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "libc/ring.h"

#define CHECK(c)	do { if (!(c)) { printf("%s:%d: %s\n", __FILE__, __LINE__, #c); exit(1); } } while (0)
#define NR_SPSC		200000
#define NR_MPMC		60000
#define NR_SIDES	3

struct item {
	uint64_t producer, nr;		/* plain: TSan sees a race if the ring does not order it */
};

RING_MPMC(mpmc, 16);
static struct ring_spsc spsc;
static void *spsc_slots[8];
static struct item spsc_items[NR_SPSC], mpmc_items[NR_SIDES][NR_MPMC];
static uint32_t seen[NR_SIDES][NR_MPMC];
static uint64_t nr_consumed;

static void sequential(void)
{
	struct ring_spsc s;
	void *slots[4], *p;
	uintptr_t i, round;

	ring_spsc_init(&s, slots, 4);
	for (round = 0; round < 5; round++) {
		for (i = 1; i <= 4; i++)
			CHECK(ring_spsc_push(&s, (void *)i));
		CHECK(!ring_spsc_push(&s, (void *)i) && ring_spsc_count(&s) == 4);
		for (i = 1; i <= 4; i++)
			CHECK(ring_spsc_pop(&s, &p) && p == (void *)i);
		CHECK(!ring_spsc_pop(&s, &p));
		for (i = 1; i <= 16; i++)
			CHECK(ring_mpmc_push(&mpmc, (void *)i));
		CHECK(!ring_mpmc_push(&mpmc, (void *)i));
		for (i = 1; i <= 16; i++)
			CHECK(ring_mpmc_pop(&mpmc, &p) && p == (void *)i);
		CHECK(!ring_mpmc_pop(&mpmc, &p));
		CHECK(ring_mpmc_push(&mpmc, &s) && ring_mpmc_pop(&mpmc, &p) && p == &s);
	}
}

static void *spsc_producer(void *arg)
{
	for (uint64_t i = 0; i < NR_SPSC; i++) {
		spsc_items[i].nr = i;
		while (!ring_spsc_push(&spsc, &spsc_items[i]))
			sched_yield();
	}
	return arg;
}

static void *spsc_consumer(void *arg)
{
	void *p;

	for (uint64_t i = 0; i < NR_SPSC; i++) {
		while (!ring_spsc_pop(&spsc, &p))
			sched_yield();
		CHECK(p == &spsc_items[i] && ((struct item *)p)->nr == i);
		((struct item *)p)->nr = ~i;		/* ours now */
	}
	return arg;
}

static void *mpmc_producer(void *arg)
{
	uint64_t me = (uint64_t)(uintptr_t)arg;

	for (uint64_t i = 0; i < NR_MPMC; i++) {
		mpmc_items[me][i] = (struct item){ me, i };
		while (!ring_mpmc_push(&mpmc, &mpmc_items[me][i]))
			sched_yield();
	}
	return NULL;
}

static void *mpmc_consumer(void *arg)
{
	uint64_t last[NR_SIDES] = { 0 };
	struct item *it;
	void *p;

	while (atomic_load(&nr_consumed, RELAXED) < NR_SIDES * NR_MPMC) {
		if (!ring_mpmc_pop(&mpmc, &p)) {
			sched_yield();
			continue;
		}
		it = p;
		CHECK(it->nr + 1 > last[it->producer]);	/* one producer's elements come in order to one consumer */
		last[it->producer] = it->nr + 1;
		CHECK(atomic_fetch_add(&seen[it->producer][it->nr], 1u, RELAXED) == 0);
		it->nr = ~0ull;
		atomic_fetch_add(&nr_consumed, 1ull, RELAXED);
	}
	return arg;
}

int main(void)
{
	pthread_t t[2 * NR_SIDES];

	sequential();
	ring_spsc_init(&spsc, spsc_slots, 8);
	pthread_create(&t[0], NULL, spsc_producer, NULL);
	pthread_create(&t[1], NULL, spsc_consumer, NULL);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	for (uintptr_t i = 0; i < NR_SIDES; i++) {
		pthread_create(&t[2 * i], NULL, mpmc_producer, (void *)i);
		pthread_create(&t[2 * i + 1], NULL, mpmc_consumer, NULL);
	}
	for (int i = 0; i < 2 * NR_SIDES; i++)
		pthread_join(t[i], NULL);
	printf("ok\n");
	return 0;
}
