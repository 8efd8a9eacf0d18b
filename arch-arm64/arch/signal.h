/* SPDX-License-Identifier: MIT
 *
 * Signal frames in the application's memory, in the layout of Linux for this port (uapi asm/sigcontext.h, asm/ucontext.h).
 */
#pragma once

#include "libc/types.h"

struct frame;

struct arch_signal {
	int signo;
	const void *siginfo;		/* 128 bytes, kernel memory */
	vaddr_t handler, restorer;
	vaddr_t stack_top;		/* alternate stack to switch to, or 0: below the present sp */
	uint64_t mask;			/* blocked signals to restore */
	vaddr_t alt_sp;			/* uc_stack */
	uint64_t alt_size;
	int alt_flags;
	uint64_t fault_address, fault_code;	/* of a synchronous fault, else 0 */
};

/* Push the frame and change *f so that the handler runs. 0, or -EFAULT (stack not writable). */
int arch_signal_push(struct frame *f, const struct arch_signal *s);
/* rt_sigreturn: restore *f and FP registers from the frame at sp; *mask and alt stack out. 0, -EFAULT or -EINVAL (malformed: kill). */
int arch_signal_pop(struct frame *f, uint64_t *mask, vaddr_t *alt_sp, uint64_t *alt_size, int *alt_flags);

/* Smallest alternate stack that sigaltstack(2) takes (MINSIGSTKSZ of this port's <signal.h>). */
#define ARCH_MIN_ALTSTACK	5120

/* The application's stack pointer, at any time in its thread's kernel code. */
static inline vaddr_t arch_user_sp(void)
{
	vaddr_t sp;

	__asm__ volatile("mrs %0, sp_el0" : "=r"(sp));
	return sp;
}
