/* SPDX-License-Identifier: MIT
 *
 * New kernel stacks, the thread pointer, FP registers (switch.S says when they are where).
 */
#include <arch/cpu.h>
#include <arch/frame.h>
#include <arch/thread.h>

#include "arch-arm64/thread-priv.h"
#include "libc/string.h"

/*
 * For so many turns after one in which a thread used FP registers it gets them loaded when it is switched in. A trap and a load cost about five times what a load
 * and a save do, so a thread that always uses them pays little more than if they were always loaded, and one that rarely does soon pays nothing.
 */
#define FPU_EAGER	31

/* What arch_switch() pops (switch.S). */
struct switch_frame {
	uint64_t x29, x30, x19_x28[10];
};

void arch_thread_first(void);

static struct arch_thread *current_arch(void)
{
	return (struct arch_thread *)((char *)arch_current() + THREAD_KSP);
}
_Static_assert(offsetof(struct arch_thread, ksp) == 0, "current_arch");

void arch_thread_init(struct thread *t, void *stack, size_t size, void (*entry)(void *), void *arg)
{
	/* The top is left to the frame of the application. */
	char *top = (char *)stack + size - sizeof(struct frame);
	struct switch_frame *s = (struct switch_frame *)(top - sizeof(struct switch_frame));
	struct arch_thread *a = (struct arch_thread *)((char *)t + THREAD_KSP);

	/* What is left of the others is an older thread's: nobody reads it. */
	s->x30 = (uint64_t)arch_thread_first;
	s->x19_x28[0] = (uint64_t)entry;
	s->x19_x28[1] = (uint64_t)arg;
	a->ksp = (uint64_t)s;
	/* A thread whose maker uses FP registers will most likely, and soon: setjmp() saves some. */
	a->fpu_eager = current_arch()->fpu_live;
}

void arch_tls_set(uint64_t value)
{
	__asm__ volatile("msr tpidr_el0, %0" : : "r"(value) : "memory");
}

uint64_t arch_tls_get(void)
{
	uint64_t value;

	__asm__ volatile("mrs %0, tpidr_el0" : "=r"(value));
	return value;
}

void fpu_store(struct arch_fpu *to);
void fpu_open_and_load(const struct arch_fpu *from);

void fpu_claim(void)
{
	struct arch_thread *a = current_arch();

	a->fpu_live = 1;
	a->fpu_eager = FPU_EAGER;
	fpu_open_and_load(&a->fpu);
}

/* That a copy uses them says nothing about the program: fpu_eager stays. */
bool fpu_claim_for_copy(void)
{
	struct arch_thread *a = current_arch();

	if (!a->has_fpu || a->fpu_live)
		return false;
	a->fpu_live = 1;
	fpu_open_and_load(&a->fpu);
	return true;
}

/* Masked: a switch in between would move the registers to where the other half does not look. */
void arch_fpu_store(struct arch_fpu *to)
{
	struct arch_thread *a = current_arch();
	arch_irqflags_t flags = arch_irq_save();

	if (a->fpu_live)
		fpu_store(to);
	else
		memcpy(to, &a->fpu, sizeof(*to));
	arch_irq_restore(flags);
}

void arch_fpu_load(const struct arch_fpu *from)
{
	struct arch_thread *a = current_arch();
	arch_irqflags_t flags = arch_irq_save();

	if (a->fpu_live)
		fpu_open_and_load(from);
	else
		memcpy(&a->fpu, from, sizeof(a->fpu));
	arch_irq_restore(flags);
}
