/* SPDX-License-Identifier: MIT
 *
 * The idle thread of each CPU: poll for a short, self-tuning time, then wait for an interrupt.
 *
 * Polling saves the waker the interrupt, and this CPU the wake-up from wfi, which under a hypervisor is an exit and a scheduling of the virtual CPU. It pays
 * only if work comes within POLL_MAX_NS: after an idle time that polling would have covered the limit grows, after a longer one it shrinks, to nothing. With one
 * CPU only interrupts bring work, and nothing is polled for.
 *
 * The idle thread holds preemption off, so that interrupts return to it and only it decides to leave.
 */
#include <arch/time.h>

#include "mmu/heap.h"
#include "sched/poller.h"
#include "sched/sched-priv.h"

#define POLL_MAX_NS	(20 * NSEC_PER_USEC)
#define POLL_MIN_NS	(2 * NSEC_PER_USEC)
#define POLL_ANSWER_NS	(10 * NSEC_PER_USEC)	/* after asking another CPU for threads */

static bool has_work(const struct runqueue *rq)
{
	return READ_ONCE(rq->first) || !mpsc_is_empty(&rq->incoming) || atomic_load(&rq->requests, RELAXED);
}

/* The idle time ends at now. */
void idle_tune(struct runqueue *rq, nsec_t now)
{
	nsec_t idle = now - rq->idle_since;

	if (idle > POLL_MAX_NS)
		rq->poll_limit = rq->poll_limit / 2 < POLL_MIN_NS ? 0 : rq->poll_limit / 2;
	else if (idle > rq->poll_limit && nr_cpus > 1)
		rq->poll_limit = MIN(MAX(rq->poll_limit * 2, POLL_MIN_NS), POLL_MAX_NS);
}

/* Bounded by poll_limit; interrupts enabled. */
static void poll(struct runqueue *rq)
{
	nsec_t end = rq->idle_since + rq->poll_limit;

	atomic_store(&rq->is_polling, 1u, RELAXED);
	arch_irq_enable();
	while (!has_work(rq) && arch_time_ns() < end)
		arch_relax();
	arch_irq_disable();
	atomic_store(&rq->is_polling, 0u, RELAXED);
}

/* Interrupts masked, also at the return. */
static void wait_for_work(struct runqueue *rq)
{
	poller_idle(rq->cpu->id);
	if (rq->poll_limit && arch_time_ns() < rq->idle_since + rq->poll_limit)
		poll(rq);
	/* Not before: threads that pass work to and fro between CPUs free what the other CPU made all the time. */
	if (heap_has_freed(rq->cpu->id) && !has_work(rq)) {
		arch_irq_enable();
		heap_take_back();
		arch_irq_disable();
		return;
	}
	/* seq_cst: is_polling = 0 before the last look: store->load. Pairs: tell (wake.c) */
	atomic_fence(SEQ_CST);
	if (!has_work(rq)) {
		/* release: readers of before are done. Pairs: wait_for_grace_period (rcu.c) */
		atomic_store(&rq->rcu_count, rq->rcu_count + 1, RELEASE);
		arch_wait_for_interrupt();
		if (rq->rcu_count & 1) {	/* else an interrupt taken inside has done it: sched_irq() */
			/* seq_cst: counted as busy before anything is read. Pairs: wait_for_grace_period (rcu.c) */
			atomic_store(&rq->rcu_count, rq->rcu_count + 1, RELAXED);
			atomic_fence(SEQ_CST);
		}
	}
	arch_irq_enable();
	arch_irq_disable();
}

void idle_loop(void)
{
	struct runqueue *rq = rq_this();

	arch_irq_disable();
	for (;;) {
		wake_drain(rq);
		wake_serve_requests(rq);
		if (rq->first) {
			if (rq->is_idle) {
				wake_set_idle(rq, false);
				idle_tune(rq, arch_time_ns());
			}
			sched_switch(SWITCH_PREEMPT);
			continue;
		}
		if (!rq->is_idle) {
			rq->idle_since = arch_time_ns();
			wake_set_idle(rq, true);
			if (wake_steal(rq, false))	/* the answer is near */
				rq->poll_limit = MAX(rq->poll_limit, POLL_ANSWER_NS);
		} else {
			wake_set_idle(rq, true);	/* who claimed us has sent work, but that has gone elsewhere */
		}
		wait_for_work(rq);
	}
}
