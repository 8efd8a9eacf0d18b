/* SPDX-License-Identifier: MIT
 *
 * Thread life, affinity, timers, RCU.
 */
#include <arch/time.h>

#include "libc/atomic.h"
#include "mmu/heap.h"
#include "sched/cpu.h"
#include "sched/rcu.h"
#include "sched/sync.h"
#include "sched/timer.h"
#include "tests/boot/selftest.h"

static uint64_t counter;

static void count(unsigned i)
{
	(void)i;
	atomic_fetch_add(&counter, 1ul, RELAXED);
}

/* ---- create and exit ---------------------------------------------------------------------------------------------- */

static bool count_threads(struct thread *t, void *arg)
{
	(void)t;
	++*(unsigned *)arg;
	return true;
}

void test_threads(void)
{
	unsigned nr = 2000 * selftest_scale, before = 0, after = 0;

	thread_for_each(count_threads, &before);
	counter = 0;
	for (unsigned i = 0; i < nr; i++)
		selftest_run(1, count, false);
	for (unsigned i = 0; i < nr / 50; i++)
		selftest_run(50, count, false);
	CHECK(counter == nr + nr / 50 * 50);
	thread_sleep_until(arch_time_ns() + 5 * NSEC_PER_MSEC, 0);
	thread_for_each(count_threads, &after);
	CHECK(after == before, "%u threads, %u before", after, before);
}

static void rest(unsigned i)
{
	atomic_fetch_add(&counter, 1ul, RELAXED);
	thread_sleep_until(arch_time_ns() + 2 * NSEC_PER_SEC + i, 0);
}

void test_many_threads(void)
{
	unsigned nr = 100000, nr_alive = 10000;

	counter = 0;
	for (unsigned i = 0; i < nr; i++)
		selftest_run(1, count, false);
	CHECK(counter == nr);
	counter = 0;
	selftest_run(nr_alive, rest, false);
	CHECK(counter == nr_alive);
}

/* ---- affinity ----------------------------------------------------------------------------------------------------- */

#define NR_ROAMERS	8

static struct thread *roamer[NR_ROAMERS];
static uint32_t is_over;

static unsigned here(void)
{
	unsigned id;

	preempt_disable();
	id = cpu_this()->id;
	preempt_enable();
	return id;
}

static void roam(unsigned i)
{
	uint64_t mask;

	atomic_store(&roamer[i], thread_current(), RELEASE);
	for (unsigned n = 0; n < 500 * selftest_scale; n++) {
		unsigned id = (unsigned)(selftest_random() % nr_cpus);

		mask = 1ull << id;
		CHECK(thread_set_affinity(thread_current(), &mask, 1) == 0);
		/* Others move us too: the mask may have changed again, but then we are there. */
		thread_get_affinity(thread_current(), &mask, 1);
		if (n % 4 == 0)
			thread_sleep_until(arch_time_ns() + selftest_random() % 20000, 0);
	}
	mask = ~0ull;
	CHECK(thread_set_affinity(thread_current(), &mask, 1) == 0);
	thread_get(thread_current());
}

static void push_around(unsigned i)
{
	(void)i;
	while (!atomic_load(&is_over, RELAXED)) {
		struct thread *t = atomic_load(&roamer[selftest_random() % NR_ROAMERS], ACQUIRE);
		uint64_t mask = selftest_random() | 1;

		if (t)
			CHECK(thread_set_affinity(t, &mask, 1) == 0);
		thread_yield();
	}
}

static void roam_or_push(unsigned i)
{
	static uint32_t nr_left;

	if (i == 0) {
		push_around(i);
		return;
	}
	atomic_fetch_add(&nr_left, 1u, RELAXED);
	roam(i - 1);
	if (atomic_fetch_sub(&nr_left, 1u, RELAXED) == 1)
		atomic_store(&is_over, 1u, RELAXED);
}

static void stay(unsigned i)
{
	uint64_t mask = 1ull << i % nr_cpus;

	CHECK(thread_set_affinity(thread_current(), &mask, 1) == 0);
	for (unsigned n = 0; n < 200; n++) {
		CHECK(here() == i % nr_cpus, "on CPU %u, not %u", here(), i % nr_cpus);
		if (n % 2)
			thread_yield();
		else
			thread_sleep_until(arch_time_ns() + selftest_random() % 5000, 0);
	}
}

/* ---- per-CPU variables -------------------------------------------------------------------------------------------- */

struct tally {
	uint64_t count;
	unsigned last_cpu;
};
PERCPU(struct tally, tallies);

static void tally(unsigned i)
{
	(void)i;
	for (unsigned n = 0; n < 1000; n++) {
		struct tally *t;

		preempt_disable();
		t = PERCPU_PTR(tallies, cpu_this());
		t->count++;		/* nobody else's: no atomic needed */
		t->last_cpu = cpu_this()->id;
		preempt_enable();
		if (n % 100 == 0)
			thread_yield();
	}
}

static void test_percpu(void)
{
	uint64_t sum = 0;

	selftest_run(16, tally, false);
	for (unsigned i = 0; i < nr_cpus; i++) {
		struct tally *t = PERCPU_PTR(tallies, cpus[i]);

		sum += t->count;
		CHECK(!t->count || t->last_cpu == i);
		t->count = 0;
	}
	CHECK(sum == 16 * 1000, "%lu", sum);
}

void test_affinity(void)
{
	const uint64_t none = 0, beyond = 1ull << 63;

	CHECK(thread_set_affinity(thread_current(), &none, 1) < 0);
	if (nr_cpus < 64)
		CHECK(thread_set_affinity(thread_current(), &beyond, 1) < 0);
	test_percpu();
	selftest_run(16, stay, false);
	is_over = 0;
	for (unsigned i = 0; i < NR_ROAMERS; i++)
		roamer[i] = NULL;
	selftest_run(NR_ROAMERS + 1, roam_or_push, false);
}

/* ---- timers ------------------------------------------------------------------------------------------------------- */

#define NR_TIMERS	200

struct test_timer {
	struct timer timer;
	nsec_t deadline;
	uint32_t nr_fired, nr_armed;
	uint32_t nr_again;
};

static nsec_t latest;

static void fired(struct timer *timer)
{
	struct test_timer *t = container_of(timer, struct test_timer, timer);
	nsec_t now = arch_time_ns();

	CHECK(now >= t->deadline, "%lu ns early", t->deadline - now);
	latest = MAX(latest, now - t->deadline);
	t->nr_fired++;
	if (t->nr_again) {
		t->nr_again--;
		t->nr_armed++;
		t->deadline = now + selftest_random() % 100000;
		timer_arm(timer, t->deadline, 0);
	}
}

static void arm_timers(unsigned i)
{
	struct test_timer *all = kzalloc(NR_TIMERS * sizeof(*all));

	CHECK(all);
	for (unsigned n = 0; n < NR_TIMERS; n++)
		timer_init(&all[n].timer, fired);
	for (unsigned n = 0; n < 1000 * selftest_scale; n++) {
		struct test_timer *t = &all[selftest_random() % NR_TIMERS];

		/* The owner serialises: an armed one is cancelled first, as its deadline is read by fired(). */
		if (timer_cancel(&t->timer))
			t->nr_armed--;
		t->deadline = arch_time_ns() + selftest_random() % (n % 8 ? 300000 : 20000000);
		t->nr_armed++;
		timer_arm(&t->timer, t->deadline, n % 3 ? 0 : 50000);
		if (n % 10 == 0)
			thread_yield();
		if (n % 50 == i)
			thread_sleep_until(arch_time_ns() + selftest_random() % 100000, 0);
	}
	/* Some re-arm themselves. */
	for (unsigned n = 0; n < 10; n++) {
		if (timer_cancel(&all[n].timer))
			all[n].nr_armed--;
		all[n].nr_again = 20;
		all[n].nr_armed++;
		all[n].deadline = arch_time_ns() + 1000;
		timer_arm(&all[n].timer, all[n].deadline, 0);
	}
	thread_sleep_until(arch_time_ns() + 60 * NSEC_PER_MSEC, 0);
	for (unsigned n = 0; n < NR_TIMERS; n++) {
		if (timer_cancel(&all[n].timer))
			all[n].nr_armed--;
		CHECK(all[n].nr_fired == all[n].nr_armed, "timer %u: armed %u, fired %u", n, all[n].nr_armed, all[n].nr_fired);
	}
	kfree(all);
}

static void sleepers(unsigned i)
{
	for (unsigned n = 0; n < 100 * selftest_scale; n++) {
		nsec_t until = arch_time_ns() + selftest_random() % (i % 4 ? 50000 : 2000000);

		thread_sleep_until(until, 0);
		CHECK(arch_time_ns() >= until, "slept too short");
	}
}

void test_timers(void)
{
	selftest_run(6, arm_timers, false);
	selftest_report("latest timer", latest / 1000, "us after its deadline");
	selftest_run(32, sleepers, false);
}

/* ---- RCU ---------------------------------------------------------------------------------------------------------- */

#define ALIVE	0x600dull
#define POISON	0xdeadull

struct object {
	struct rcu_head rcu;
	uint64_t value;
};

static struct object *slot[4];
static uint64_t nr_freed, nr_bad;

static void free_object(struct rcu_head *head)
{
	struct object *o = container_of(head, struct object, rcu);

	WRITE_ONCE(o->value, POISON);
	atomic_fetch_add(&nr_freed, 1ul, RELAXED);
	kfree(o);
}

static void readers_updaters(unsigned i)
{
	for (unsigned n = 0; n < 2000 * selftest_scale; n++) {
		struct object *o, **s = &slot[selftest_random() % 4];

		if (i % 4 == 0) {
			struct object *fresh = KNEW(struct object);

			if (!fresh)
				continue;
			fresh->value = ALIVE;
			o = atomic_exchange(s, fresh, ACQ_REL);
			if (o)
				rcu_defer(&o->rcu, free_object);
			if (n % 256 == 0)
				rcu_synchronize();
			continue;
		}
		rcu_read_lock();
		o = rcu_deref(*s);
		for (unsigned k = 0; o && k < 50; k++)
			if (READ_ONCE(o->value) != ALIVE)
				atomic_fetch_add(&nr_bad, 1ul, RELAXED);
		rcu_read_unlock();
		if (n % 100 == 0)
			thread_sleep_until(arch_time_ns() + 2000, 0);
	}
}

void test_rcu(void)
{
	nr_freed = nr_bad = 0;
	selftest_run(16, readers_updaters, false);
	rcu_synchronize();
	rcu_synchronize();
	CHECK(nr_bad == 0, "%lu reads of freed objects", nr_bad);
	CHECK(nr_freed == 4ul * 2000 * selftest_scale - 4, "%lu freed", nr_freed);
	for (unsigned i = 0; i < 4; i++) {
		kfree(slot[i]);
		slot[i] = NULL;
	}
}
