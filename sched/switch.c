/* SPDX-License-Identifier: MIT
 *
 * The switch: who runs next on this CPU. Interrupts are masked from the decision to the end of sched_finish().
 *
 *	sched_switch		on the stack of the old thread: take in wake-ups, charge, choose
 *	  arch_switch		registers
 *	sched_finish		on the stack of the new thread: the old one's registers are in memory now, so it may become BLOCKED,
 *				be pushed to another CPU, or lose its stack
 */
#include <arch/time.h>

#include "libc/errno.h"
#include "libc/print.h"
#include "mmu/aspace.h"
#include "mmu/page.h"
#include "sched/sched-priv.h"
#include "sched/sched.h"
#include "sched/trace.h"

void sched_arm(struct runqueue *rq)
{
	nsec_t at = MIN(rq->waits.next, rq->preempt_at);

	at = MIN(at, MIN(rq->callback_next, rq->spread_at));
	at = MIN(at, MIN(rq->rcu_at, rq->sample_at));
	/* Never put it off: what was cancelled costs one interrupt that finds nothing, less than setting the comparator at each cancel. */
	if (at < rq->armed) {
		rq->armed = at;
		arch_timer_arm(at);
	}
}

/*
 * When threads wait, the running one is looked at after FAIR_HYSTERESIS_NS, wherever that falls: the exact time costs a division, and a thread that sleeps or yields
 * before would have paid for nothing. Here it is exact.
 */
void sched_look(struct runqueue *rq, nsec_t now)
{
	struct thread *cur = rq->cpu->running;

	cur->sched->uncharged += now - rq->accounted;
	rq->accounted = now;
	rq_charge(rq, cur->sched, now);
	/* Backstops of wake_place() and wake_steal(). */
	rq->spread_at = MIN(rq->spread_at, now);
	wake_spread(rq, now);
	wake_rotate(rq, now);
	throttle_look(rq, now);
	/* Asked for once: with preemption held off, a comparator in the past would interrupt before each next instruction. */
	rq->preempt_at = NSEC_NEVER;
	if (rq_should_preempt(rq, cur->sched, now))
		cur->needs_resched = 1;
	else
		rq->preempt_at = rq_preempt_time(rq, cur->sched, now);
}

/* Its memory: the stack for the next thread that is created here, the struct after a grace period. */
static void bury(struct runqueue *rq, struct thread *t)
{
	if (rq->nr_stacks < RQ_NR_STACKS && t->kstack) {
		rq->stacks[rq->nr_stacks++] = t->kstack;
		t->kstack = NULL;
	}
	thread_put(t);
}

/* It does not sleep: it is dead, or runnable. */
static __attribute__((noinline)) void finish_other(struct thread *prev, uint32_t state)
{
	if (state == STATE_DEAD)
		bury(rq_this(), prev);
	else if (!prev->sched->is_queued && !prev->sched->is_idle)
		wake_place(prev, true);		/* woken on the way out, or not allowed here any more */
}

/* An ANNOUNCED thread is never queued (choose() takes the announcement back), nor an idle thread. */
inline void sched_finish(struct thread *prev)
{
	uint32_t state = STATE_ANNOUNCED;

	/* release: all of its context, before a waker on another CPU may let it run there. Pairs: thread_wake */
	if (unlikely(!atomic_cas(&prev->sched->state, &state, STATE_BLOCKED, RELEASE)))
		finish_other(prev, state);
}

void sched_thread_main(void *thread)
{
	struct thread *self = thread;

	arch_irq_disable();
	sched_finish(rq_this()->switched_from);
	arch_irq_enable();
	preempt_enable();		/* held since thread_setup() */
	self->sched->entry(self->sched->arg);
	thread_exit();
}

static void clock_stop(struct sched_entity *se, nsec_t now)
{
	atomic_store(&se->clock, now - (se->clock & ~CLOCK_RUNNING), RELAXED);
}

static void clock_start(struct sched_entity *se, nsec_t now)
{
	atomic_store(&se->clock, CLOCK_RUNNING | (now - se->clock), RELAXED);
}

/* Registers and address space. Returns when self is switched to again, maybe on another CPU. */
static inline void switch_to(struct runqueue *rq, struct thread *self, struct thread *next, nsec_t now)
{
	struct cpu *cpu = rq->cpu;

	trace(TRACE_SWITCH, self->id | (uint64_t)!self->sched->is_queued << 63, next->id);
	clock_stop(self->sched, now);
	clock_start(next->sched, now);
	rq->switched_from = self;
	cpu->nr_switches++;
	atomic_store(&cpu->running, next, RELAXED);
	if (next->told_cpu && next->told_cpu != cpu->id + 1)
		atomic_fetch_or(&next->attention, ATTN_RSEQ, RELAXED);
	/* The full fence inside also orders `running` before next's look at its attention word. Pairs: thread_kick */
	rcu_quiesce(rq);
	if (unlikely(next->aspace != rq->aspace) && next->aspace) {
		rq->aspace = next->aspace;
		aspace_activate(next->aspace);
	}
	sched_finish(arch_switch(self, next));
}

void sched_forget_aspace(struct aspace *as)
{
	unsigned i;

	/* A CPU that writes its own pointer at this moment writes another one: no thread of as is left. */
	for (i = 0; i < nr_cpus; i++) {
		struct aspace *expected = as;

		(void)atomic_cas(&cpus[i]->rq->aspace, &expected, NULL, RELAXED);
	}
}

/* self is RUNNABLE and may run here: does it go on? */
static bool goes_on(struct runqueue *rq, struct sched_entity *se, enum switch_reason why, nsec_t now)
{
	if (!rq->first)
		return true;
	if (why == SWITCH_YIELD)
		return !rq_yields_to_first(rq, se);
	if (!rq_should_preempt(rq, se, now))
		return true;
	if (unlikely(PARAMS_POLICY(se->active_params) == POLICY_RR && !se->quantum_ns))
		se->quantum_ns = RR_QUANTUM_NS;
	else
		se->was_preempted = true;
	return false;
}

/* Whom to run after self, which is taken care of; NULL: self goes on. */
static struct sched_entity *choose(struct runqueue *rq, struct thread *self, enum switch_reason why, nsec_t now)
{
	struct sched_entity *se = self->sched, *next;
	uint32_t state = atomic_load(&se->state, RELAXED);

	if (why == SWITCH_PREEMPT) {
		se->nr_involuntary++;
		/* Preempted between announcing and blocking: it has not looked at its condition yet, so it stays runnable and looks again. */
		if (state == STATE_ANNOUNCED && atomic_cas(&se->state, &state, STATE_RUNNABLE, RELAXED))
			state = STATE_RUNNABLE;
	} else {
		se->nr_voluntary++;
	}
	if (state == STATE_RUNNABLE && !se->is_idle) {
		if (why == SWITCH_BLOCK && se->timer_cpu)
			wake_drop_timer(rq, se);	/* woken before it slept */
		if (likely(!atomic_load(&se->is_restricted, RELAXED) || thread_may_run_on(self, rq->cpu)))
			return goes_on(rq, se, why, now) ? NULL : rq_exchange(rq, se, why == SWITCH_YIELD, now);
		/* Not allowed here any more: sched_finish() sends it away. */
	}
	next = rq_pop(rq);
	return next || se->is_idle ? next : rq->cpu->idle->sched;
}

void sched_switch(enum switch_reason why)
{
	struct thread *self = thread_current();
	struct runqueue *rq = self->cpu->rq;
	struct sched_entity *next;
	nsec_t now;

	if (unlikely(!mpsc_is_empty(&rq->incoming)))
		wake_drain(rq);
	self->needs_resched = 0;
	now = arch_time_ns();
	rq_account(rq, self->sched, now);
	next = choose(rq, self, why, now);
	if (rq->first)
		sched_look_later(rq, now);
	if (next)
		switch_to(rq, self, next->thread, now);
	else
		rcu_quiesce(rq);
}

/*
 * One thread sleeps, the only one in the queue runs: what half of all switches are. All is looked at before anything changes; what is not ordinary goes to sched_switch().
 * Otherwise this is sched_switch(), choose() and switch_to() in one.
 */
inline void sched_block(void)
{
	struct thread *self = thread_current(), *next;
	struct cpu *cpu = self->cpu;
	struct runqueue *rq = cpu->rq;
	struct sched_entity *se = self->sched, *first = rq->first;
	nsec_t now = arch_time_ns(), uncharged = se->uncharged + (now - rq->accounted);

	if (unlikely(!first || rq->tree.root || !mpsc_is_empty(&rq->incoming) || atomic_load(&se->state, RELAXED) != STATE_ANNOUNCED ||
		     uncharged >= CHARGE_NS || trace_is_wanted(TRACE_SWITCH)))
		goto other;
	next = first->thread;
	if (unlikely(next->aspace != rq->aspace || (next->told_cpu != cpu->id + 1 && next->told_cpu)))
		goto other;
	self->needs_resched = 0;
	se->uncharged = uncharged;
	se->nr_voluntary++;
	rq->accounted = now;
	rq_pop_only(rq);
	clock_stop(se, now);
	clock_start(first, now);
	rq->switched_from = self;
	cpu->nr_switches++;
	atomic_store(&cpu->running, next, RELAXED);
	rcu_quiesce(rq);	/* and the fence of switch_to() */
	sched_finish(arch_switch(self, next));
	return;
other:
	sched_switch(SWITCH_BLOCK);
}

/* ---- sleeping ---------------------------------------------------------------------------------------------------- */

static inline int wait_block(struct thread *self, nsec_t deadline, unsigned flags)
{
	/* So interrupts are enabled, too: who masks them may not sleep. */
	DEBUG_ASSERT(self->preempt_count == 0 && arch_irq_is_enabled());
	self->sched->is_interruptible = flags & WAIT_INTERRUPTIBLE;
	if ((flags & WAIT_INTERRUPTIBLE) && unlikely(atomic_load(&self->attention, RELAXED) & ATTN_INTERRUPT))
		return thread_wait_give_up(-EINTR);
	if (unlikely(deadline != NSEC_NEVER))
		return thread_wait_block_until(deadline);
	arch_irq_disable();
	sched_block();
	arch_irq_enable();
	atomic_fence(ACQUIRE);		/* acquire: the waker's condition after the state that it changed. Pairs: thread_wake */
	self->wchan = NULL;
	return 0;
}

int thread_wait_block(nsec_t deadline, unsigned flags)
{
	return wait_block(thread_current(), deadline, flags);
}

static __attribute__((noinline)) int wait_slot(struct thread **slot, const char *wchan, nsec_t deadline)
{
	/* acquire: what the waker has done. Pairs: thread_wake_slot */
	return thread_wait_until(wchan, atomic_load(slot, ACQUIRE) != thread_current(), deadline, WAIT_INTERRUPTIBLE);
}

/* The short way is wait_slot() without a deadline, with one turn of its loop. */
int thread_wait_slot(struct thread **slot, const char *wchan, nsec_t deadline)
{
	struct thread *self = thread_current();

	if (unlikely(deadline != NSEC_NEVER))
		return wait_slot(slot, wchan, deadline);
	thread_wait_announce(self, wchan);
	if (unlikely(atomic_load(slot, RELAXED) != self || (atomic_load(&self->attention, RELAXED) & ATTN_INTERRUPT))) {
		thread_wait_end();
		return wait_slot(slot, wchan, deadline);
	}
	self->sched->is_interruptible = true;
	arch_irq_disable();
	sched_block();
	arch_irq_enable();
	self->wchan = NULL;
	return likely(atomic_load(slot, ACQUIRE) != self) ? 0 : wait_slot(slot, wchan, deadline);	/* acquire: as above */
}

void thread_preempt_slow(void)
{
	arch_irqflags_t flags;

	if (!arch_irq_is_enabled()) {
		/* May not switch here: have the timer interrupt do it as soon as it can. */
		if (rq_this()->armed) {
			rq_this()->armed = 0;
			arch_timer_arm(0);
		}
		return;
	}
	flags = arch_irq_save();
	if (thread_current()->needs_resched && thread_current()->preempt_count == 0)
		sched_switch(SWITCH_PREEMPT);
	arch_irq_restore(flags);
}

bool thread_others_wait(void)
{
	bool r;

	preempt_disable();
	r = READ_ONCE(rq_this()->first);
	preempt_enable();
	return r;
}

void thread_yield(void)
{
	arch_irqflags_t flags = arch_irq_save();

	sched_switch(SWITCH_YIELD);
	arch_irq_restore(flags);
}
