/* SPDX-License-Identifier: MIT
 *
 * By interrupt; whoever asked sleeps until all have answered.
 *
 *	initiator				target
 *	its accesses of before
 *	full fence
 *	nr_pending + 1; request, interrupt -->	full fence; nr_pending - 1; at 0: wake the initiator
 *	sleep until nr_pending is 0
 *	its accesses of after
 *
 * A CPU that waits in idle is left alone: its count is odd, which was a release of all that ran there before, and a full fence comes before what it runs next (rcu.c). Not so
 * for instructions: what it runs next may be fetched already.
 *
 * Progress: a target answers as soon as it has interrupts enabled, whatever thread it runs.
 */
#include "sched/barrier.h"

#include <arch/cpu.h>

#include "libc/atomic.h"
#include "sched/mutex.h"
#include "sched/sched-priv.h"

static struct mutex lock;		/* one at a time */
static struct {
	enum barrier_kind kind;		/* [lock] read by targets, between the request and their answer */
	struct thread *waiter;		/* as kind */
	uint32_t nr_pending;		/* [a] targets that have not answered, and 1 while they are asked */
} barrier;

static void pass(enum barrier_kind kind)
{
	/* seq_cst: what this CPU did before against what it does now, whatever thread it is of. Pairs: the program's compiler barriers */
	atomic_fence(SEQ_CST);
	if (kind == BARRIER_CORE)
		arch_sync_core();
}

void barrier_serve(struct runqueue *rq)
{
	struct thread *cur = rq->cpu->running, *waiter = barrier.waiter;

	pass(barrier.kind);
	if (barrier.kind == BARRIER_RSEQ && cur->told_cpu)
		atomic_fetch_or(&cur->attention, ATTN_RSEQ, RELAXED);
	/* release: the barrier, and the looks at the request. Pairs: the wait in sched_barrier. The waiter is kept by RCU: interrupts are masked. */
	if (atomic_fetch_sub(&barrier.nr_pending, 1u, ACQ_REL) == 1)
		(void)thread_wake(waiter);
}

static bool is_target(const struct cpu *cpu, enum barrier_kind kind, int only)
{
	if (!cpu_is_online(cpu) || (only >= 0 && cpu->id != (unsigned)only))
		return false;
	/* acquire: what ran there before it went idle. Pairs: wait_for_work (idle.c) */
	return kind == BARRIER_CORE || !(atomic_load(&cpu->rq->rcu_count, ACQUIRE) & 1);
}

void sched_barrier(enum barrier_kind kind, int only)
{
	mutex_lock(&lock);
	barrier.kind = kind;
	barrier.waiter = thread_current();
	atomic_store(&barrier.nr_pending, 1u, RELAXED);
	preempt_disable();
	pass(kind);
	for (unsigned i = 0; i < nr_cpus; i++) {
		if (cpus[i] == cpu_this() || !is_target(cpus[i], kind, only))
			continue;
		atomic_fetch_add(&barrier.nr_pending, 1u, RELAXED);
		wake_request(cpus[i], REQUEST_BARRIER);
	}
	preempt_enable();
	/* acquire: the barriers of all before what we do next. Pairs: barrier_serve */
	if (atomic_fetch_sub(&barrier.nr_pending, 1u, ACQ_REL) != 1)
		(void)thread_wait_until("membarrier", !atomic_load(&barrier.nr_pending, ACQUIRE), NSEC_NEVER, 0);
	pass(kind);
	mutex_unlock(&lock);
}
