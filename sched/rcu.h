/* SPDX-License-Identifier: MIT
 *
 * Read-copy update by preemption counting. Readers only hold preemption off: free, may nest, must not sleep.
 * A grace period is over when every CPU has switched threads, run the application, or been idle since it began; idle CPUs are not woken.
 */
#pragma once

#include "libc/atomic.h"
#include "libc/mpsc.h"
#include "sched/thread.h"

struct rcu_head {
	struct mpsc_node node;
	void (*fn)(struct rcu_head *head);
};

static inline void rcu_read_lock(void)
{
	preempt_disable();
}

static inline void rcu_read_unlock(void)
{
	preempt_enable();
}

/* Publish and read a pointer. acquire: gcc has no usable consume, and on both ports it costs nothing that matters. */
#define rcu_assign(p, v)	atomic_store(&(p), (v), RELEASE)	/* Pairs: rcu_deref */
#define rcu_deref(p)		atomic_load(&(p), ACQUIRE)		/* Pairs: rcu_assign */

/* fn(head) runs in a kernel thread after a grace period. Does not sleep. Context: thread, or irq. */
void rcu_defer(struct rcu_head *head, void (*fn)(struct rcu_head *head));
/* Wait for a grace period. Context: thread, may sleep. */
void rcu_synchronize(void);
