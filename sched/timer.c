/* SPDX-License-Identifier: MIT
 *
 * Two kinds of deadline on each CPU, one comparator:
 *
 *	rq->waits	deadlines of waiting threads. Touched by its CPU only, interrupts masked; the interrupt wakes the threads.
 *	struct callbacks struct timer. Under a mutex, so that any CPU can cancel; the CPU's timer thread runs the functions. The interrupt only wakes that thread.
 */
#include "sched/timer.h"

#include <arch/time.h>

#include "libc/errno.h"
#include "libc/print.h"
#include "mmu/heap.h"
#include "sched/sched-priv.h"
#include "sched/sync.h"

struct callbacks {
	struct mutex lock;
	struct timer_set set;		/* [lock] */
	struct list due;		/* [lock] expired, not yet run */
	struct timer *running;		/* [lock] whose fn runs now; may be freed: only compared */
	struct cond ran;		/* [lock] running changed */
	struct thread *thread;		/* [I] */
	uint32_t is_wanted;		/* [a] */
};

static struct callbacks *callbacks_of[MAX_CPUS];	/* [I] once the CPU was prepared */

/* ---- the interrupt ----------------------------------------------------------------------------------------------- */

void timer_callbacks_due(struct runqueue *rq)
{
	struct callbacks *c = callbacks_of[rq->cpu->id];

	atomic_store(&c->is_wanted, 1u, RELAXED);
	thread_wake(c->thread);
}

void timer_interrupt(struct runqueue *rq, nsec_t now)
{
	struct list due = LIST_INIT(due);
	struct sched_entity *se, *tmp;

	if (now >= rq->waits.next) {
		timer_set_expire(&rq->waits, now, &due);
		list_for_each_safe(se, tmp, &due, timer.link) {
			list_del(&se->timer.link);
			se->has_timed_out = true;
			thread_wake(se->thread);	/* it takes timer_cpu back itself */
		}
	}
	if (now >= rq->callback_next) {
		rq->callback_next = NSEC_NEVER;
		timer_callbacks_due(rq);
	}
	if (now >= rq->rcu_at) {
		rq->rcu_at = NSEC_NEVER;
		rq->rcu_nr_deferred = 0;
		rcu_thread_due();
	}
	if (now >= rq->preempt_at)
		sched_look(rq, now);
	wake_spread(rq, now);
}

/* ---- callbacks --------------------------------------------------------------------------------------------------- */

/* Have c's thread wake at the first deadline of its set. c->lock held. */
static void announce_next(struct callbacks *c)
{
	arch_irqflags_t flags = arch_irq_save();
	struct runqueue *rq = rq_this();
	nsec_t next = c->set.next;

	if (callbacks_of[rq->cpu->id] == c) {
		if (next < rq->callback_next) {
			rq->callback_next = next;
			sched_arm(rq);
		}
		arch_irq_restore(flags);
		return;
	}
	arch_irq_restore(flags);
	/* This thread has moved since it chose c: c's own thread does it on its CPU. */
	atomic_store(&c->is_wanted, 1u, RELEASE);
	thread_wake(c->thread);
}

static void run_due_locked(struct callbacks *c)
{
	struct timer *t;

	timer_set_expire(&c->set, arch_time_ns(), &c->due);
	while (!list_is_empty(&c->due)) {
		t = list_first(&c->due, struct timer, node.link);
		list_del(&t->node.link);
		t->is_armed = false;
		c->running = t;
		mutex_unlock(&c->lock);
		t->fn(t);			/* may free t */
		mutex_lock(&c->lock);
		c->running = NULL;
		cond_broadcast(&c->ran, &c->lock);
	}
}

static void timer_main(void *arg)
{
	struct callbacks *c = arg;

	for (;;) {
		mutex_lock(&c->lock);
		run_due_locked(c);
		announce_next(c);
		mutex_unlock(&c->lock);
		/* acquire: the set after the wish. Pairs: announce_next */
		thread_wait_until("timer", atomic_exchange(&c->is_wanted, 0u, ACQUIRE), NSEC_NEVER, 0);
	}
}

int timer_init_cpu(struct cpu *cpu)
{
	struct thread_params p = { .name = "timer", .entry = timer_main, .pinned_cpu = (int)cpu->id, .is_realtime = true };
	struct callbacks *c = KNEW(struct callbacks);
	int r;

	if (!c)
		return -ENOMEM;
	timer_set_init(&c->set, arch_time_ns());
	list_init(&c->due);
	p.arg = c;
	r = thread_create(&p, &c->thread);
	if (r) {
		kfree(c);
		return r;
	}
	callbacks_of[cpu->id] = c;
	thread_start(c->thread);
	return 0;
}

static void remove_locked(struct callbacks *c, struct timer *t)
{
	if (timer_node_is_set(&t->node))
		timer_set_del(&c->set, &t->node);
	else
		list_del(&t->node.link);	/* due */
	t->is_armed = false;
}

void timer_init(struct timer *t, void (*fn)(struct timer *t))
{
	*t = (struct timer){ .deadline = NSEC_NEVER, .fn = fn };
}

/* The latest moment up to at + slack that has the most trailing zeros: deadlines that can fall together do. */
static nsec_t coalesce(nsec_t at, nsec_t slack)
{
	nsec_t end = at + slack;

	if (!slack || end < at)
		return at;
	return end & ~((1ull << (63 - __builtin_clzll(at ^ end))) - 1);
}

bool timer_arm(struct timer *t, nsec_t deadline, nsec_t slack)
{
	struct callbacks *c;
	struct cpu *old = atomic_load(&t->cpu, RELAXED), *cpu;
	bool is_first, was = false;

	if (old) {
		c = callbacks_of[old->id];
		mutex_lock(&c->lock);
		was = t->is_armed;
		if (was)
			remove_locked(c, t);
		mutex_unlock(&c->lock);
	}
	t->deadline = deadline;
	if (deadline == NSEC_NEVER)
		return was;
	preempt_disable();
	cpu = cpu_this();
	preempt_enable();
	c = callbacks_of[cpu->id];
	mutex_lock(&c->lock);
	atomic_store(&t->cpu, cpu, RELAXED);
	t->is_armed = true;
	is_first = coalesce(deadline, slack) < c->set.next;
	timer_set_add(&c->set, &t->node, coalesce(deadline, slack));
	if (is_first)
		announce_next(c);
	mutex_unlock(&c->lock);
	return was;
}

bool timer_cancel(struct timer *t)
{
	struct cpu *cpu;
	struct callbacks *c;
	bool was_armed = false;

	for (;;) {
		cpu = atomic_load(&t->cpu, RELAXED);
		if (!cpu)
			return was_armed;
		c = callbacks_of[cpu->id];
		mutex_lock(&c->lock);
		if (atomic_load(&t->cpu, RELAXED) == cpu)
			break;
		mutex_unlock(&c->lock);		/* fn has armed it elsewhere */
	}
	if (t->is_armed) {
		was_armed = true;
		remove_locked(c, t);
	}
	while (c->running == t) {
		cond_wait(&c->ran, &c->lock, NSEC_NEVER, 0);
		if (t->is_armed && atomic_load(&t->cpu, RELAXED) == cpu)
			remove_locked(c, t);	/* by fn itself */
	}
	mutex_unlock(&c->lock);
	return was_armed;
}
