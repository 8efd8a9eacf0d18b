/* SPDX-License-Identifier: MIT
 *
 * The push list under TSan: producers push, two takers take; every element arrives once, a producer's in order within one taker, and "was empty" is
 * told exactly once for each take that found something.
 */
/* sanitizer: thread */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "libc/mpsc.h"

#define CHECK(c)	do { if (!(c)) { printf("%s:%d: %s\n", __FILE__, __LINE__, #c); exit(1); } } while (0)
#define NR_PRODUCERS	3
#define NR_EACH		60000

struct item {
	struct mpsc_node node;
	unsigned producer, nr;
	unsigned times;
};

static struct mpsc list;
static struct item items[NR_PRODUCERS][NR_EACH];
static uint64_t nr_taken, nr_was_empty, nr_takes;

static void *producer(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg;

	for (unsigned i = 0; i < NR_EACH; i++) {
		items[me][i].producer = me;
		items[me][i].nr = i;
		if (mpsc_push(&list, &items[me][i].node))
			atomic_fetch_add(&nr_was_empty, 1ull, RELAXED);
	}
	return NULL;
}

static void *taker(void *arg)
{
	unsigned last[NR_PRODUCERS] = { 0 };
	struct mpsc_node *n, *next;

	while (atomic_load(&nr_taken, RELAXED) < NR_PRODUCERS * NR_EACH) {
		n = mpsc_take(&list);
		if (!n) {
			sched_yield();
			continue;
		}
		atomic_fetch_add(&nr_takes, 1ull, RELAXED);
		for (; n; n = next) {
			struct item *it = container_of(n, struct item, node);

			next = n->next;
			CHECK(it->nr + 1 > last[it->producer]);
			last[it->producer] = it->nr + 1;
			CHECK(it->times++ == 0);
			atomic_fetch_add(&nr_taken, 1ull, RELAXED);
		}
	}
	return arg;
}

int main(void)
{
	pthread_t t[NR_PRODUCERS + 2];
	uintptr_t i;

	CHECK(mpsc_is_empty(&list) && !mpsc_take(&list));
	for (i = 0; i < NR_PRODUCERS; i++)
		pthread_create(&t[i], NULL, producer, (void *)i);
	for (; i < NR_PRODUCERS + 2; i++)
		pthread_create(&t[i], NULL, taker, NULL);
	for (i = 0; i < NR_PRODUCERS + 2; i++)
		pthread_join(t[i], NULL);
	CHECK(nr_was_empty == nr_takes && mpsc_is_empty(&list));
	printf("ok\n");
	return 0;
}
