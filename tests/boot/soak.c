/* SPDX-License-Identifier: MIT
 *
 * A long quiet time: wake-ups far apart, CPUs that sleep in between, every waiter with a deadline that only a lost wake-up lets pass. Meant for --icount with
 * sleep=off, where idle time costs nothing: an hour of virtual time in a minute.
 */
#include <arch/time.h>

#include "libc/atomic.h"
#include "libc/errno.h"
#include "sched/cpu.h"
#include "sched/rcu.h"
#include "sched/sync.h"
#include "sched/timer.h"
#include "sched/waitq.h"
#include "tests/boot/selftest.h"

#define NR	12
#define LOST_NS	(20 * NSEC_PER_SEC)	/* far beyond any rest */

static nsec_t until;
static struct thread *member[NR];
static uint32_t token[NR], is_over;
static uint64_t nr_passed, nr_conds, nr_turns, nr_timers, nr_grace;

static void rest(nsec_t max)
{
	thread_sleep_until(arch_time_ns() + selftest_random() % max, 0);
}

/* Passes tokens round a ring. */
static void pass(unsigned i)
{
	unsigned next = (i + 1) % NR;

	thread_get(thread_current());		/* for ever: late wake-ups hit a valid struct thread */
	atomic_store(&member[i], thread_current(), RELEASE);
	for (unsigned k = 0; k < NR; k++)
		while (!atomic_load(&member[k], ACQUIRE))
			thread_yield();
	while (!atomic_load(&is_over, RELAXED)) {
		int r = thread_wait_until("token", atomic_load(&token[i], ACQUIRE) || atomic_load(&is_over, RELAXED),
					  arch_time_ns() + LOST_NS, 0);

		CHECK(r == 0, "member %u waited in vain", i);
		if (r || atomic_load(&is_over, RELAXED))
			break;
		atomic_fetch_sub(&token[i], 1u, RELAXED);
		if (selftest_random() % 4)
			rest(5 * NSEC_PER_MSEC);
		atomic_fetch_add(&nr_passed, 1ul, RELAXED);
		atomic_fetch_add(&token[next], 1u, RELEASE);
		thread_wake(member[next]);
		if (i == 0 && arch_time_ns() > until)
			atomic_store(&is_over, 1u, RELAXED);
	}
	atomic_store(&is_over, 1u, RELAXED);
	thread_wake(member[next]);
}

static struct mutex m;
static struct cond filled, emptied;
static bool is_full;

static void hand_over(unsigned i)
{
	int r = 0;

	mutex_lock(&m);
	while (!atomic_load(&is_over, RELAXED)) {
		while (is_full != (i == 0) && !r && !atomic_load(&is_over, RELAXED))
			r = cond_wait(i ? &emptied : &filled, &m, arch_time_ns() + LOST_NS, 0);
		CHECK(r == 0 || atomic_load(&is_over, RELAXED), "the other side of the condition did not come");
		if (r)
			break;
		is_full = i != 0;
		nr_conds++;
		cond_signal(i ? &filled : &emptied, &m);
		mutex_unlock(&m);
		rest(10 * NSEC_PER_MSEC);
		mutex_lock(&m);
	}
	cond_broadcast(&filled, &m);
	cond_broadcast(&emptied, &m);
	mutex_unlock(&m);
}

static struct waitq q = WAITQ_INIT(q);
static uint32_t turn;

static void take_turns(unsigned i)
{
	int r = 0;

	while (!r && !atomic_load(&is_over, RELAXED)) {
		r = waitq_wait_until(&q, "turn", 0, atomic_load(&turn, ACQUIRE) % 3 == i || atomic_load(&is_over, RELAXED),
				     arch_time_ns() + LOST_NS, 0);
		CHECK(r == 0, "turn %u did not come", i);
		if (i == 0)
			rest(20 * NSEC_PER_MSEC);
		atomic_fetch_add(&turn, 1u, RELEASE);
		nr_turns++;
		waitq_wake_all(&q, 0);
	}
	waitq_wake_all(&q, 0);
}

struct alarm {
	struct timer timer;
	struct completion done;
};

static void ring_alarm(struct timer *t)
{
	completion_set(&container_of(t, struct alarm, timer)->done);
}

static void alarms(unsigned i)
{
	(void)i;
	while (!atomic_load(&is_over, RELAXED)) {
		struct alarm a = { 0 };
		nsec_t now = arch_time_ns(), at = now + selftest_random() % (100 * NSEC_PER_MSEC);

		timer_init(&a.timer, ring_alarm);
		timer_arm(&a.timer, at, selftest_random() % 2 ? 0 : NSEC_PER_MSEC);
		CHECK(completion_wait(&a.done, now + LOST_NS, 0) == 0, "a timer did not fire");
		CHECK(arch_time_ns() >= at);
		timer_cancel(&a.timer);		/* its function may still be on the way out */
		nr_timers++;
		if (nr_timers % 8 == 0) {
			rcu_synchronize();
			nr_grace++;
		}
	}
}

static void all(unsigned i)
{
	if (i < NR)
		pass(i);
	else if (i < NR + 2)
		hand_over(i - NR);
	else if (i < NR + 5)
		take_turns(i - NR - 2);
	else
		alarms(i);
}

void test_soak(void)
{
	until = arch_time_ns() + 10 * NSEC_PER_SEC * selftest_scale;
	for (unsigned i = 0; i < NR; i++)
		token[i] = i % 5 == 0;
	selftest_run(NR + 8, all, false);
	log_raw("%lu tokens passed, %lu conditions, %lu turns, %lu timers, %lu grace periods\n", nr_passed, nr_conds, nr_turns, nr_timers,
		nr_grace);
}
