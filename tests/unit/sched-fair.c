/* SPDX-License-Identifier: MIT
 *
 * Fixed-point fairness and the order of the run queue, simulated: one CPU, threads that run, sleep, yield.
 */
/* sources: sched/fair.c sched/rq.c sched/throttle.c sched/timer-set.c libc/rbtree.c */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sched/sched-priv.h"
#include "sched/trace.h"

#define CHECK(c, ...)	do { if (!(c)) { printf("%s:%d: %s ", __FILE__, __LINE__, #c); printf(" " __VA_ARGS__); printf("\n"); exit(1); } } while (0)
#define MAX_THREADS	32

unsigned nr_cpus = 1;
struct cpu *cpus[MAX_CPUS];

nsec_t trace_sample_period(void)
{
	return 0;
}

static struct runqueue rq;
static struct cpu cpu;
static struct thread thread[MAX_THREADS + 1];
static struct sched_entity entity[MAX_THREADS + 1];	/* the last: idle */
static nsec_t got[MAX_THREADS], now;

struct thread *arch_current(void)
{
	return cpu.running;
}

static void reset(nsec_t start, unsigned nr, const int *nice)
{
	memset(&rq, 0, sizeof(rq));
	memset(entity, 0, sizeof(entity));
	memset(got, 0, sizeof(got));
	now = start;
	cpu = (struct cpu){ .rq = &rq, .idle = &thread[MAX_THREADS], .running = &thread[MAX_THREADS] };
	cpus[0] = &cpu;
	rq_init(&rq, &cpu, now);
	for (unsigned i = 0; i <= MAX_THREADS; i++) {
		struct sched_entity *se = &entity[i];

		thread[i] = (struct thread){ .cpu = &cpu, .sched = se };
		se->thread = &thread[i];
		se->affinity[0] = 1;
		se->params = PARAMS(POLICY_OTHER, 0, i < nr && nice ? nice[i] : 0);
		se->generation = fair_generation(now);
		rq_refresh_params(se);
		se->is_idle = i == MAX_THREADS;
		if (i < nr)
			rq_insert(&rq, se, now);
	}
}

static void switch_to_first(void)
{
	struct sched_entity *se = rq_pop(&rq);

	cpu.running = se ? se->thread : cpu.idle;
}

static void charge(void)
{
	if (cpu.running != cpu.idle)
		got[cpu.running - thread] += now - rq.accounted;
	rq_account(&rq, cpu.running->sched, now);
	if (cpu.running->sched->uncharged)	/* as sched_look() does */
		rq_charge(&rq, cpu.running->sched, now);
}

/* Run until end as sched_switch() would. */
static unsigned run(nsec_t end)
{
	unsigned nr_switches = 0;

	while (now < end) {
		nsec_t at;

		if (rq_should_preempt(&rq, cpu.running->sched, now)) {
			if (cpu.running != cpu.idle)
				rq_insert(&rq, cpu.running->sched, now);
			switch_to_first();
			nr_switches++;
		}
		at = rq_preempt_time(&rq, cpu.running->sched, now);
		CHECK(at > now, "progress");
		now = MIN(at, end);
		charge();
	}
	return nr_switches;
}

static double worst;

static void equal_shares(unsigned nr, nsec_t start)
{
	unsigned switches;

	reset(start, nr, NULL);
	switches = run(start + 10 * NSEC_PER_SEC);
	for (unsigned i = 0; i < nr; i++) {
		double share = (double)got[i] * nr / 1e10;

		worst = MAX(worst, share > 1 ? share - 1 : 1 - share);
		CHECK(share > 0.985 && share < 1.015, "%u of %u: %f", i, nr, share);
	}
	CHECK(switches < 2100, "%u switches in 10 s", switches);	/* 5 ms each at least */
}

static void nice_ratio(int a, int b, double expect)
{
	const int nice[2] = { a, b };
	double ratio;

	reset(0, 2, nice);
	run(20 * NSEC_PER_SEC);
	ratio = (double)got[0] / (double)got[1];
	CHECK(ratio > expect * 0.93 && ratio < expect * 1.07, "nice %d, %d: %f, not %f", a, b, ratio, expect);
}

static void sleeper(void)
{
	nsec_t wait_max = 0, woken;

	/* Thread 0 sleeps 20 ms, works 1 ms; thread 1 is busy. */
	reset(0, 2, NULL);
	rq_remove(&rq, &entity[0]);
	for (int i = 0; i < 200; i++) {
		run(now + 20 * NSEC_PER_MSEC);
		woken = now;
		rq_limit_credit(&rq, &entity[0], FAIR_SLEEPER_NS, now);
		rq_insert(&rq, &entity[0], now);
		while (cpu.running != &thread[0])
			run(now + 100 * NSEC_PER_USEC);
		wait_max = MAX(wait_max, now - woken);
		run(now + NSEC_PER_MSEC);
		CHECK(cpu.running == &thread[0], "a sleeper gets its millisecond");
		switch_to_first();
	}
	CHECK(wait_max <= NSEC_PER_MSEC, "waited %lu", (unsigned long)wait_max);

	/* Coming back from a long sleep it does not shut the others out for more than its credit. */
	run(now + 3 * NSEC_PER_SEC);
	rq_limit_credit(&rq, &entity[0], FAIR_SLEEPER_NS, now);
	rq_insert(&rq, &entity[0], now);
	got[0] = got[1] = 0;
	run(now + 200 * NSEC_PER_MSEC);
	CHECK(got[0] <= 125 * NSEC_PER_MSEC && got[1] >= 70 * NSEC_PER_MSEC, "%lu %lu", (unsigned long)got[0], (unsigned long)got[1]);
}

static void policies(void)
{
	reset(0, 4, NULL);
	entity[1].params = PARAMS(POLICY_FIFO, 10, 0);
	entity[2].params = PARAMS(POLICY_RR, 20, 0);
	entity[3].params = PARAMS(POLICY_RR, 20, 0);
	for (int i = 1; i < 4; i++) {
		rq_remove(&rq, &entity[i]);
		rq_insert(&rq, &entity[i], now);
	}
	CHECK(rq_walk(&rq, NULL) == &entity[2]);
	CHECK(rq_walk(&rq, &entity[2]) == &entity[3]);
	CHECK(rq_walk(&rq, &entity[3]) == &entity[1]);
	CHECK(rq_walk(&rq, &entity[1]) == &entity[0]);
	CHECK(!rq_walk(&rq, &entity[0]));
	/* A preempted one goes to the head of its priority, an arriving one to the tail. */
	switch_to_first();
	CHECK(cpu.running == &thread[2]);
	CHECK(!rq_should_preempt(&rq, &entity[2], now) && rq_preempt_time(&rq, &entity[2], now) == RR_QUANTUM_NS);
	now = RR_QUANTUM_NS;
	charge();
	CHECK(rq_should_preempt(&rq, &entity[2], now));
	entity[2].was_preempted = true;
	rq_insert(&rq, &entity[2], now);
	CHECK(rq_walk(&rq, NULL) == &entity[2]);
	rq_remove(&rq, &entity[2]);
	rq_insert(&rq, &entity[2], now);
	CHECK(rq_walk(&rq, NULL) == &entity[3]);
	/* FIFO has no quantum, it is only looked at now and then; a fair thread never preempts it; it does not yield to a fair one. */
	rq_remove(&rq, &entity[2]);
	rq_remove(&rq, &entity[3]);
	switch_to_first();
	CHECK(cpu.running == &thread[1] && rq.first == &entity[0]);
	now += 10 * NSEC_PER_SEC;
	charge();
	CHECK(!rq_should_preempt(&rq, &entity[1], now));
	CHECK(rq_preempt_time(&rq, &entity[1], now) > now && rq_preempt_time(&rq, &entity[1], now) < NSEC_NEVER);
	CHECK(!rq_yields_to_first(&rq, &entity[1]));
}

static void yielding(void)
{
	reset(0, 3, NULL);
	switch_to_first();
	for (int i = 0; i < 300; i++) {
		struct sched_entity *was = cpu.running->sched;

		now += 1000;
		charge();
		cpu.running = rq_exchange(&rq, was, true, now)->thread;
		CHECK(cpu.running->sched != was);
	}
	for (int i = 0; i < 3; i++)
		CHECK(got[i] > 60000, "%d: %lu", i, (unsigned long)got[i]);
}

static void stolen(void)
{
	reset(0, 3, NULL);
	entity[0].affinity[0] = 2;
	CHECK(rq_pop_for(&rq, &cpu) == &entity[1] && rq.nr_queued == 2);
	CHECK(rq_pop_for(&rq, &cpu) == &entity[2] && rq.nr_queued == 1);
	CHECK(!rq_pop_for(&rq, &cpu) && rq.first == &entity[0]);
}

static void arithmetic(void)
{
	/* One generation of the lightest thread does not overflow, and old usage fades to half in one step. */
	nsec_t end = (1ull << FAIR_GEN_SHIFT) - 1;
	uint64_t u = fair_charge(~0ull >> 1, FAIR_IDLE_INVERSE, end);

	CHECK(u < FAIR_USAGE_MAX / 2);
	CHECK(fair_add(FAIR_USAGE_MAX - 1, u) == FAIR_USAGE_MAX);
	CHECK(fair_charge(1000, FAIR_NICE_0_INVERSE, 1000) == 1000 << FAIR_UNIT_SHIFT);
	CHECK(fair_charge(1000, FAIR_NICE_0_INVERSE, (3ull << FAIR_STEP_SHIFT) + 1000) == 8000 << FAIR_UNIT_SHIFT);
	/* The middles of the halves of a step weigh 2^0.25 and 2^0.75; the end of a step as much as the begin of the next. */
	CHECK(fair_charge(FAIR_STEP_NS / 2, FAIR_NICE_0_INVERSE, FAIR_STEP_NS / 2) / (FAIR_STEP_NS * 32.0) > 1.18);
	CHECK(fair_charge(FAIR_STEP_NS / 2, FAIR_NICE_0_INVERSE, FAIR_STEP_NS / 2) / (FAIR_STEP_NS * 32.0) < 1.20);
	CHECK(fair_charge(FAIR_STEP_NS / 2, FAIR_NICE_0_INVERSE, FAIR_STEP_NS - 1) / (FAIR_STEP_NS * 32.0) > 1.67);
	CHECK(fair_charge(FAIR_STEP_NS / 2, FAIR_NICE_0_INVERSE, FAIR_STEP_NS - 1) / (FAIR_STEP_NS * 32.0) < 1.69);
	CHECK(fair_charge(2000, FAIR_NICE_0_INVERSE, FAIR_STEP_NS + 1000) == 4000 << FAIR_UNIT_SHIFT);
	CHECK(fair_age(1ull << 40, 5, 6) == 1ull << 24 && fair_age(1ull << 60, 5, 9) == 0 && fair_age(77, 6, 5) == 77);
	CHECK(fair_age(1ull << 40, 0xffffffff, 0) == 1ull << 24);
	/* The limit has been passed when the time is over. */
	for (int nice = 0; nice < 40; nice++) {
		nsec_t t = fair_time_to(1000, 5000000, fair_inverse_weight[nice], FAIR_STEP_NS / 2);

		CHECK(1000 + fair_charge(t, fair_inverse_weight[nice], FAIR_STEP_NS / 2 + t) >= 5000000 || t == FAIR_RECHECK_NS);
	}
}

int main(void)
{
	arithmetic();
	for (unsigned nr = 2; nr <= 9; nr++)
		equal_shares(nr, nr * 333 * NSEC_PER_MSEC);
	equal_shares(32, 0);
	nice_ratio(0, 1, 1.25);
	nice_ratio(0, 5, 3.05);
	nice_ratio(-5, 0, 3.05);
	nice_ratio(-10, -5, 3.05);
	sleeper();
	policies();
	yielding();
	stolen();
	printf("ok, shares within %f\n", worst);
	return 0;
}
