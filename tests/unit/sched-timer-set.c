/* SPDX-License-Identifier: MIT
 *
 * The bucket set against a plain array: nothing early, nothing lost, next never late.
 */
/* sources: sched/timer-set.c */
#include <stdio.h>
#include <stdlib.h>

#include "sched/timer-set.h"

#define NR	300
#define CHECK(c)	do { if (!(c)) { printf("%s:%d: %s\n", __FILE__, __LINE__, #c); exit(1); } } while (0)

static struct timer_set set;
static struct timer_node node[NR];
static bool is_armed[NR];

static uint64_t rnd(void)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	return x ^= x << 17;
}

static nsec_t naive_next(void)
{
	nsec_t min = NSEC_NEVER;

	for (int i = 0; i < NR; i++)
		if (is_armed[i])
			min = MIN(min, node[i].deadline);
	return min;
}

static unsigned expire(nsec_t now)
{
	struct list due = LIST_INIT(due);
	struct timer_node *n, *tmp;
	unsigned nr = 0;

	timer_set_expire(&set, now, &due);
	list_for_each_safe(n, tmp, &due, link) {
		CHECK(!timer_node_is_set(n));
		CHECK(n->deadline <= now);		/* not early */
		CHECK(is_armed[n - node]);
		is_armed[n - node] = false;
		nr++;
	}
	for (int i = 0; i < NR; i++)
		CHECK(!is_armed[i] || node[i].deadline > now);	/* none forgotten */
	CHECK(set.next == naive_next());			/* exact after an expiry */
	return nr;
}

static void random_run(unsigned max_shift, nsec_t start)
{
	nsec_t now = start;

	timer_set_init(&set, now);
	for (int step = 0; step < 30000; step++) {
		unsigned i = (unsigned)(rnd() % NR);

		switch (rnd() % 4) {
		case 0:
		case 1:
			if (is_armed[i])
				timer_set_del(&set, &node[i]);
			timer_set_add(&set, &node[i], now + (rnd() & ((1ull << rnd() % max_shift) - 1)));
			is_armed[i] = true;
			break;
		case 2:
			if (is_armed[i]) {
				timer_set_del(&set, &node[i]);
				is_armed[i] = false;
			}
			break;
		default:
			if (rnd() % 2 && set.next != NSEC_NEVER)
				now = MAX(now, set.next);
			else
				now += rnd() & ((1ull << rnd() % max_shift) - 1);
			expire(now);
		}
		CHECK(set.next <= naive_next());
	}
	expire(INT64_MAX);
	CHECK(set.next == NSEC_NEVER && set.nonempty == 0);
}

int main(void)
{
	random_run(8, 0);
	random_run(34, 0);
	random_run(40, 0x7fffffff0ull);
	random_run(50, 123456789012345ull);

	/* Past deadlines are due at once; the far end is clamped. */
	timer_set_init(&set, 1000);
	timer_set_add(&set, &node[0], 10);
	timer_set_add(&set, &node[1], NSEC_NEVER - 1);
	is_armed[0] = is_armed[1] = true;
	CHECK(set.next == 10);
	CHECK(expire(1000) == 1);
	CHECK(is_armed[1] && expire(INT64_MAX) == 1);
	printf("ok\n");
	return 0;
}
