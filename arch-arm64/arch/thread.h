/* SPDX-License-Identifier: MIT
 *
 * The machine's part of a thread, and the switch.
 *
 * A voluntary switch saves the callee-saved registers on the kernel stack. FP/SIMD registers and the thread pointer belong to the
 * application (the kernel uses neither; only big copies borrow q0-q7 and put them back): they are saved when an application thread is switched out, the FP registers
 * only if it has used them since it was switched in (switch.S).
 */
#pragma once

#include "libc/types.h"

struct thread;
struct frame;

struct arch_fpu {
	__uint128_t v[32];
	uint32_t fpsr, fpcr;
} __attribute__((aligned(16)));

struct arch_thread {
	uint64_t ksp;		/* saved kernel stack pointer while switched out */
	uint64_t tls;		/* TPIDR_EL0 while switched out */
	uint64_t user_sp;	/* SP_EL0 while switched out */
	uint32_t fpu_live;	/* [o] 1: the CPU's FP registers are this thread's, and accessible; 0: they are in fpu */
	uint32_t has_fpu;	/* [I] 1: application thread: has tls, user_sp and fpu; 0: kernel thread */
	uint32_t fpu_eager;	/* [o] switches in that still load fpu at once */
	uint64_t nr_fast_calls;	/* system calls through veneers */
	struct arch_fpu fpu;
};

/* Lay out a new kernel stack [stack, stack + size) so that the first switch to t calls entry(arg), interrupts masked. */
void arch_thread_init(struct thread *t, void *stack, size_t size, void (*entry)(void *), void *arg);

/* Save into prev, load next, make it arch_current(). Interrupts masked. Returns, in next, the thread that ran before it on this CPU. */
struct thread *arch_switch(struct thread *prev, struct thread *next);

/* Leave the kernel for the application with the registers in *f; the frame lies at the top of the current thread's kernel stack. */
_Noreturn void arch_return_to_user(struct frame *f);

/* FP/SIMD registers of the current application thread: a copy of them; replace them. Context: thread. */
void arch_fpu_store(struct arch_fpu *to);
void arch_fpu_load(const struct arch_fpu *from);

/* Thread pointer of the current application thread (TPIDR_EL0, FS base). */
void arch_tls_set(uint64_t value);
uint64_t arch_tls_get(void);
/* May it be one? What is none would fault when it is loaded. */
static inline bool arch_tls_is_valid(uint64_t value)
{
	(void)value;
	return true;
}
