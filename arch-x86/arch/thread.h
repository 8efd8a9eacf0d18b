/* SPDX-License-Identifier: MIT
 *
 * The machine's part of a thread, and the switch.
 *
 * A voluntary switch saves the callee-saved registers on the kernel stack. The extended state (x87, SSE, AVX) and FS base belong to the application (the kernel uses
 * neither): they are saved when an application thread is switched out.
 */
#pragma once

#include <arch/layout.h>

#include "libc/types.h"

struct thread;
struct frame;

/*
 * Of this port alone: ARCH_FPU_SIZE. An XSAVE area in the standard format (Intel SDM vol. 1 13.4): 512 bytes as of FXSAVE, a header of 64, then what else XCR0 enables. The entry code enables no more than
 * fits. Without XSAVE only the first 512 bytes are used.
 */
#define ARCH_FPU_SIZE	2752u

struct arch_fpu {
	uint16_t fcw, fsw;
	uint8_t ftw, reserved;
	uint16_t fop;
	uint64_t fip, fdp;
	uint32_t mxcsr, mxcsr_mask;
	uint8_t st[8][16], xmm[16][16];
	uint8_t unused[96];
	uint64_t xstate_bv, xcomp_bv, header[6];
	uint8_t extended[ARCH_FPU_SIZE - 576];
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct arch_fpu) == ARCH_FPU_SIZE, "XSAVE area");

/* Of this port alone. [I] XCR0 and the bytes of an area that are in use; xcr0 0: FXSAVE, 512 bytes. */
struct arch_fpu_format {
	uint64_t xcr0;
	uint32_t size;
	uint32_t mxcsr_mask;		/* bits that may be 1 */
};
extern struct arch_fpu_format arch_fpu_format;

struct arch_thread {
	uint64_t ksp;		/* saved kernel stack pointer while switched out */
	uint64_t tls;		/* FS base while switched out */
	uint64_t has_fpu;	/* application thread: save and load fpu at a switch */
	uint64_t nr_fast_calls;	/* system calls through veneers */
	struct arch_fpu fpu;
};

/* Lay out a new kernel stack [stack, stack + size) so that the first switch to t calls entry(arg), interrupts masked. */
void arch_thread_init(struct thread *t, void *stack, size_t size, void (*entry)(void *), void *arg);

/* Save into prev, load next, make it arch_current(). Interrupts masked. Returns, in next, the thread that ran before it on this CPU. */
struct thread *arch_switch(struct thread *prev, struct thread *next);

/* Leave the kernel for the application with the registers in *f; the frame lies at the top of the current thread's kernel stack. */
_Noreturn void arch_return_to_user(struct frame *f);

/*
 * Extended state of the current application thread, between memory and CPU. What is loaded must be well formed (what arch_fpu_store() made, or all zero: the initial
 * state): bits of xstate_bv within xcr0, mxcsr within its mask, the rest of the header 0.
 */
void arch_fpu_store(struct arch_fpu *to);
void arch_fpu_load(const struct arch_fpu *from);

/* Thread pointer of the current application thread (TPIDR_EL0, FS base). */
void arch_tls_set(uint64_t value);
uint64_t arch_tls_get(void);
/* May it be one? What is none would fault when it is loaded. */
static inline bool arch_tls_is_valid(uint64_t value)
{
	return value < USER_TOP;
}
