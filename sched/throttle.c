/* SPDX-License-Identifier: MIT
 *
 * Real-time threads of the application may take 95 % of a CPU (sched(7), "Limiting the CPU usage of real-time
 * and deadline processes"); what they leave is for those that wait behind them, also the kernel's own ordinary
 * threads.
 *
 * When they have had their share of the period and another thread waits, the first of those is relieved: it
 * gets RT_PRIORITY_RELIEF until the period is over, or until it sleeps. Nothing else in the scheduler knows of
 * it. Who waits is looked at every RT_LOOK_NS, so a share may be exceeded by that much. If nobody waits nothing
 * is taken from anybody (where Linux lets the CPU idle).
 */
#include "sched/throttle.h"

#include "libc/errno.h"
#include "sched/sched-priv.h"

static uint32_t period_us = 1000000;	/* [a] */
static int32_t runtime_us = 950000;	/* [a] -1: no limit */

static nsec_t period_ns(void)
{
	return (nsec_t)atomic_load(&period_us, RELAXED) * NSEC_PER_USEC;
}

int throttle_set(int64_t period, int64_t runtime)
{
	if (period <= 0 || period > INT32_MAX || runtime < -1 || runtime > period)
		return -EINVAL;
	atomic_store(&period_us, (uint32_t)period, RELAXED);
	atomic_store(&runtime_us, (int32_t)runtime, RELAXED);
	return 0;
}

void throttle_get(int64_t *period, int64_t *runtime)
{
	*period = atomic_load(&period_us, RELAXED);
	*runtime = atomic_load(&runtime_us, RELAXED);
}

static void begin_period(struct runqueue *rq, nsec_t now)
{
	if (now - rq->rt_period < period_ns())
		return;
	rq->rt_period = now;
	rq->rt_used = 0;
}

void throttle_charge(struct runqueue *rq, nsec_t delta, nsec_t now)
{
	begin_period(rq, now);
	rq->rt_used += MIN(delta, now - rq->rt_period);
}

/* Above all real-time threads of the application; the run queue must not have it. */
static void relieve(struct runqueue *rq, struct sched_entity *se, nsec_t now)
{
	rq_remove(rq, se);
	if (se->active_params != atomic_load(&se->params, RELAXED))
		rq_refresh_params(se);
	rq_insert_relieved(rq, se, now);
}

void throttle_look(struct runqueue *rq, nsec_t now)
{
	struct sched_entity *cur = rq->cpu->running->sched, *se;
	int32_t runtime = atomic_load(&runtime_us, RELAXED);

	begin_period(rq, now);
	if (cur->is_relieved && (runtime < 0 || rq->rt_used < (nsec_t)runtime * NSEC_PER_USEC))
		rq_refresh_params(cur);		/* a new period */
	if (runtime < 0 || !cur->is_rt || cur->is_relieved || !cur->thread->task || rq->rt_used < (nsec_t)runtime * NSEC_PER_USEC)
		return;
	for (se = rq->first; se; se = rq_walk(rq, se)) {
		if (!se->is_rt) {
			relieve(rq, se, now);
			return;
		}
	}
}
