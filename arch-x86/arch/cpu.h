/* SPDX-License-Identifier: MIT
 *
 * This CPU: the current thread, interrupt masking, waiting. Contract shared by all ports (same names in each arch folder).
 *
 * GS base is the kernel's, always: it points at this CPU's struct arch_cpu (arch-x86/percpu.h), whose first word is the current thread.
 */
#pragma once

#include "libc/types.h"

struct thread;

typedef unsigned long arch_irqflags_t;

/* Of this port alone. */
#define ARCH_RFLAGS_IF	(1ul << 9)

/* The running thread. Constant from the thread's own point of view, so the compiler may cache it. */
static inline struct thread *arch_current(void)
{
	struct thread *t;

	__asm__("movq %%gs:0, %0" : "=r"(t));
	return t;
}

/* Only the switch and the bring-up of a CPU use it. */
static inline void arch_set_current(struct thread *t)
{
	__asm__ volatile("movq %0, %%gs:0" : : "r"(t) : "memory");
}

/* Mask interrupts on this CPU; returns what arch_irq_restore() wants. "memory": accesses stay inside the masked section. */
static inline arch_irqflags_t arch_irq_save(void)
{
	arch_irqflags_t flags;

	__asm__ volatile("pushfq\n\tpopq %0\n\tcli" : "=r"(flags) : : "memory");
	return flags;
}

static inline void arch_irq_restore(arch_irqflags_t flags)
{
	if (flags & ARCH_RFLAGS_IF)
		__asm__ volatile("sti" : : : "memory");
	else
		__asm__ volatile("cli" : : : "memory");
}

/* The nop: sti lets interrupts in only after the instruction behind it, which may be a cli. */
static inline void arch_irq_enable(void)
{
	__asm__ volatile("sti\n\tnop" : : : "memory");
}

static inline void arch_irq_disable(void)
{
	__asm__ volatile("cli" : : : "memory");
}

static inline bool arch_irq_is_enabled(void)
{
	unsigned long flags;

	__asm__ volatile("pushfq\n\tpopq %0" : "=r"(flags));
	return flags & ARCH_RFLAGS_IF;
}

/*
 * Sleep until an interrupt is pending, and on this port take it. Called and returns with interrupts masked. Nothing is lost between the last look and the sleep: sti
 * enables interrupts only after the next instruction, which is the hlt (Intel SDM vol. 2, STI).
 */
void arch_wait_for_interrupt(void);

/* Instructions after it are fetched after it: those that another CPU has changed before. A move to a control register serializes (SDM vol. 3A 9.3). */
static inline void arch_sync_core(void)
{
	uint64_t v;

	__asm__ volatile("mov %%cr0, %0\n\tmov %0, %%cr0" : "=&r"(v) : : "memory");
}

/* In a bounded polling loop: lets a sibling hardware thread, or the hypervisor, have the core. */
static inline void arch_relax(void)
{
	__asm__ volatile("pause" : : : "memory");
}
