/* SPDX-License-Identifier: MIT
 *
 * Load averages: what the decay is after known times, and that a CPU's idle time and the threads that wait give the load.
 */
/* sources: sched/load.c */
#include <stdio.h>
#include <stdlib.h>

#include "sched/cpu.h"
#include "sched/load.h"
#include "sched/sched-priv.h"

#define CHECK(c)	do { if (!(c)) { printf("%s:%d: %s\n", __FILE__, __LINE__, #c); exit(1); } } while (0)
#define ONE		(1u << LOAD_SHIFT)
#define NEAR(a, b)	((a) + ONE / 100 >= (b) && (a) <= (b) + ONE / 100)

static nsec_t idle[2];
static struct runqueue queues[2];
static struct cpu two[2] = { { .id = 0, .rq = &queues[0] }, { .id = 1, .rq = &queues[1] } };
unsigned nr_cpus = 2;
struct cpu *cpus[MAX_CPUS] = { &two[0], &two[1] };
static nsec_t now = 1000 * NSEC_PER_SEC;

nsec_t cpu_idle_ns(struct cpu *cpu)
{
	return idle[cpu->id];
}

static void pass(nsec_t seconds, unsigned nr_busy, unsigned nr_waiting)
{
	now += seconds * NSEC_PER_SEC;
	for (unsigned i = nr_busy; i < 2; i++)
		idle[i] += seconds * NSEC_PER_SEC;
	queues[0].nr_queued = nr_waiting;
	load_tick(now);
}

int main(void)
{
	uint32_t avg[3];

	/* 1 - 1/e of a load of 1 after its time, in one step or in many (e = 2.71828). */
	CHECK(NEAR(load_decay(0, 1884, ONE, 12), ONE * 632 / 1000));
	CHECK(NEAR(load_decay(0, 2014, ONE, 60), ONE * 632 / 1000));
	CHECK(NEAR(load_decay(0, 2037, ONE, 180), ONE * 632 / 1000));
	CHECK(NEAR(load_decay(ONE, 1884, 0, 12), ONE * 368 / 1000));
	CHECK(load_decay(ONE, 1884, ONE, 1) == ONE);		/* a steady load stays */
	CHECK(load_decay(0, 1884, 0, 1000000) == 0);
	CHECK(load_decay(64 * ONE, 1884, 0, ~0ull) == 0);
	CHECK(load_decay(0, 2037, 3 * ONE, 5000) == 3 * ONE);

	load_averages(now, avg);
	CHECK(!avg[0] && !avg[1] && !avg[2]);
	for (int i = 0; i < 12; i++)
		pass(5, 1, 0);
	load_averages(now, avg);
	CHECK(NEAR(avg[0], ONE * 632 / 1000) && avg[1] < avg[0] && avg[2] < avg[1] && avg[2] > 0);
	pass(3600, 2, 1);		/* one long span counts as many short ones */
	load_averages(now, avg);
	CHECK(NEAR(avg[0], 3 * ONE) && NEAR(avg[1], 3 * ONE) && avg[2] > 2 * ONE);
	pass(1, 0, 0);			/* too soon: nothing changes */
	load_averages(now, avg);
	CHECK(NEAR(avg[0], 3 * ONE));
	pass(7200, 0, 0);
	load_averages(now, avg);
	CHECK(!avg[0] && !avg[1]);
	printf("ok\n");
	return 0;
}
