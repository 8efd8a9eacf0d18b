/* SPDX-License-Identifier: MIT
 *
 * Grace periods. Each CPU counts its quiescent states in rq->rcu_count: += 2 at each switch of threads, and odd while it waits in idle. One thread waits until each
 * CPU that was busy at the begin has counted on, and then runs what was deferred before the begin.
 *
 *	updater				reader's CPU
 *	unlink				count += 2 (its readers are over)
 *	full fence			full fence
 *	snapshot of count		reader: load the pointer
 *	... later: count != snapshot
 *
 * A reader that began before the count: its accesses happen before what follows the grace period (count: release, its look: acquire). One that began after it:
 * either the fence pair makes it see the unlinked state, or the snapshot already had that count and the grace period goes on.
 *
 * Deferred functions are batched: the thread runs RCU_DELAY_NS after the first, or when RCU_BATCH have gathered on a CPU. A CPU that runs one thread for long
 * without a switch gets an interrupt after RCU_ROUND_NS; an idle one none.
 */
#include "sched/rcu.h"

#include <arch/time.h>

#include "libc/print.h"
#include "sched/sched-priv.h"
#include "sched/sync.h"

#define RCU_DELAY_NS	(10 * NSEC_PER_MSEC)
#define RCU_ROUND_NS	NSEC_PER_MSEC
#define RCU_BATCH	64

static struct thread *rcu_thread;	/* [I] after rcu_init() */
static uint32_t is_wanted;		/* [a] */

void rcu_thread_due(void)
{
	atomic_store(&is_wanted, 1u, RELEASE);	/* release: the deferred heads before it. Pairs: rcu_main */
	if (rcu_thread)
		thread_wake(rcu_thread);
}

void rcu_defer(struct rcu_head *head, void (*fn)(struct rcu_head *head))
{
	arch_irqflags_t flags;
	struct runqueue *rq;

	preempt_disable();
	flags = arch_irq_save();
	rq = rq_this();
	head->fn = fn;
	mpsc_push(&rq->rcu_deferred, &head->node);
	rq->rcu_nr_deferred++;
	if (rq->rcu_at == NSEC_NEVER) {
		rq->rcu_at = arch_time_ns() + RCU_DELAY_NS;
		if (!rq->in_irq)
			sched_arm(rq);
	}
	if (rq->rcu_nr_deferred >= RCU_BATCH) {
		rq->rcu_nr_deferred = 0;
		rcu_thread_due();
	}
	arch_irq_restore(flags);
	preempt_enable();
}

/* Everything that was deferred before. */
static struct mpsc_node *take_all(void)
{
	struct mpsc_node *all = NULL, *n, *last;
	unsigned i;

	for (i = 0; i < nr_cpus; i++) {
		n = mpsc_take(&cpus[i]->rq->rcu_deferred);
		if (!n)
			continue;
		for (last = n; last->next; last = last->next)
			;
		last->next = all;
		all = n;
	}
	return all;
}

static void wait_for_grace_period(void)
{
	static uint32_t snapshot[MAX_CPUS];	/* of the RCU thread */
	unsigned i, nr = nr_cpus, nr_busy, round;
	arch_irqflags_t flags;

	/* seq_cst: the unlinking before the snapshot: store->load. Pairs: rcu_quiesce, wait_for_work (idle.c) */
	atomic_fence(SEQ_CST);
	for (i = 0; i < nr; i++)
		snapshot[i] = atomic_load(&cpus[i]->rq->rcu_count, ACQUIRE);
	flags = arch_irq_save();
	rcu_quiesce(rq_this());		/* this thread is no reader */
	arch_irq_restore(flags);
	for (round = 0;; round++) {
		nr_busy = 0;
		for (i = 0; i < nr; i++) {
			/* acquire: the readers before the count. Pairs: rcu_quiesce */
			if ((snapshot[i] & 1) || atomic_load(&cpus[i]->rq->rcu_count, ACQUIRE) != snapshot[i])
				continue;
			nr_busy++;
			if (round)
				wake_request(cpus[i], REQUEST_QUIESCE);
		}
		if (!nr_busy)
			return;
		thread_sleep_until(arch_time_ns() + RCU_ROUND_NS, 0);
	}
}

static void rcu_main(void *arg)
{
	struct mpsc_node *n, *next;

	(void)arg;
	thread_current()->gives_memory = true;
	for (;;) {
		/* acquire: the deferred heads after it. Pairs: rcu_thread_due */
		thread_wait_until("rcu", atomic_exchange(&is_wanted, 0u, ACQUIRE), NSEC_NEVER, 0);
		n = take_all();
		if (!n)
			continue;
		wait_for_grace_period();
		for (; n; n = next) {
			struct rcu_head *head = container_of(n, struct rcu_head, node);

			next = n->next;
			mutex_check_duty(true);
			head->fn(head);
			mutex_check_duty(false);
		}
	}
}

void rcu_init(void)
{
	const struct thread_params p = { .name = "rcu", .entry = rcu_main, .pinned_cpu = -1 };

	if (thread_create(&p, &rcu_thread))
		panic("no memory for the RCU thread");
	thread_start(rcu_thread);
}

struct synchronizer {
	struct rcu_head head;
	struct completion done;
};

static void synchronized(struct rcu_head *head)
{
	completion_set(&container_of(head, struct synchronizer, head)->done);
}

void rcu_synchronize(void)
{
	struct synchronizer s = { 0 };

	rcu_defer(&s.head, synchronized);
	rcu_thread_due();
	completion_wait(&s.done, NSEC_NEVER, 0);
}
