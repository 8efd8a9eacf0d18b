/* SPDX-License-Identifier: MIT
 *
 * Up-calls from the exception vectors into linux/. All run on the thread's kernel stack with interrupts enabled and preemption on, unless said otherwise.
 */
#pragma once

#include "libc/types.h"

struct frame;

/* The slow path: an exception or entry of its own for the call in f. Sets the result in f; attention is looked at by the caller afterwards. */
void linux_syscall(struct frame *f);

/*
 * A synchronous fault of application code that is a signal: signo, si_code and address as sigaction(2) describes them.
 */
void linux_trap(struct frame *f, int signo, int code, vaddr_t addr);

/* mmu_fault() failed with error for an access of application code. Decides the signal (or the out-of-memory end). */
void linux_fault(struct frame *f, int error, vaddr_t addr, bool is_write);

/*
 * Called with interrupts masked before each return to the application while thread->attention != 0: delivers signals (rewrites f), ends the thread. Enables
 * interrupts inside, returns with them masked.
 */
void linux_attention(struct frame *f);

/* As linux_syscall(), from a veneer: frame_begin_syscall() has been done, no exception was taken. */
void linux_syscall_from_veneer(struct frame *f);

/* The call instruction at site, with this number, may be rewritten now (<arch/veneer.h>, arch_site_ready). */
void linux_site_ready(vaddr_t site, uint32_t nr);
