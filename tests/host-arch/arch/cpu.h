/* SPDX-License-Identifier: MIT
 *
 * The host as a port, for unit tests: threads are the test's affair (arch_current() is supplied by it or by tests/host/), interrupts do not exist.
 */
#pragma once

#include <sched.h>

#include "libc/types.h"

struct thread;

typedef unsigned long arch_irqflags_t;

struct thread *arch_current(void);
void arch_set_current(struct thread *t);

static inline arch_irqflags_t arch_irq_save(void)
{
	return 0;
}

static inline void arch_irq_restore(arch_irqflags_t flags)
{
	(void)flags;
}

static inline void arch_irq_enable(void)
{
}

static inline void arch_irq_disable(void)
{
}

static inline bool arch_irq_is_enabled(void)
{
	return true;
}

static inline void arch_wait_for_interrupt(void)
{
	sched_yield();
}

static inline void arch_relax(void)
{
	sched_yield();
}
