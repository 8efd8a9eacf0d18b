/* SPDX-License-Identifier: MIT
 *
 * This CPU: the current thread, interrupt masking, waiting. Contract shared by all ports (same names in each arch folder).
 */
#pragma once

#include "libc/types.h"

struct thread;

typedef unsigned long arch_irqflags_t;

/* The running thread. Constant from the thread's own point of view, so the compiler may cache it. */
static inline struct thread *arch_current(void)
{
	struct thread *t;

	__asm__("mrs %0, tpidr_el1" : "=r"(t));
	return t;
}

/* Only the switch and the bring-up of a CPU use it. */
static inline void arch_set_current(struct thread *t)
{
	__asm__ volatile("msr tpidr_el1, %0" : : "r"(t) : "memory");
}

/* Mask interrupts on this CPU; returns what arch_irq_restore() wants. "memory": accesses stay inside the masked section. */
static inline arch_irqflags_t arch_irq_save(void)
{
	arch_irqflags_t flags;

	__asm__ volatile("mrs %0, daif\n\tmsr daifset, #2" : "=r"(flags) : : "memory");
	return flags;
}

static inline void arch_irq_restore(arch_irqflags_t flags)
{
	__asm__ volatile("msr daif, %0" : : "r"(flags) : "memory");
}

static inline void arch_irq_enable(void)
{
	__asm__ volatile("msr daifclr, #2" : : : "memory");
}

static inline void arch_irq_disable(void)
{
	__asm__ volatile("msr daifset, #2" : : : "memory");
}

static inline bool arch_irq_is_enabled(void)
{
	unsigned long daif;

	__asm__ volatile("mrs %0, daif" : "=r"(daif));
	return !(daif & (1ul << 7));
}

/*
 * Sleep until an interrupt is pending. Called with interrupts masked; a pending interrupt ends it although masked, so that nothing
 * is lost between the last look and the sleep (Arm ARM D1.7.2, "Wait For Interrupt").
 */
static inline void arch_wait_for_interrupt(void)
{
	__asm__ volatile("dsb sy\n\twfi" : : : "memory");
}

/* Instructions after it are fetched after it: those that another CPU has changed before. */
static inline void arch_sync_core(void)
{
	__asm__ volatile("isb" : : : "memory");
}

/* In a bounded polling loop: lets a sibling hardware thread, or the hypervisor, have the core. */
static inline void arch_relax(void)
{
	__asm__ volatile("yield" : : : "memory");
}
