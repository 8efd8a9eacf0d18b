/* SPDX-License-Identifier: MIT
 *
 * The few fields of the current thread that the traps look at. struct thread is sched/'s, above this folder: only the generated offsets
 * are known here.
 */
#pragma once

#include <arch/cpu.h>

#include "asm-offsets.h"
#include "libc/types.h"

struct aspace;

static inline struct aspace *current_aspace(void)
{
	const char *t = (const char *)arch_current();

	return t ? *(struct aspace *const *)(t + THREAD_ASPACE) : NULL;
}

/* The current application thread uses an FP register for the first time since it was switched in. Interrupts masked. */
void fpu_claim(void);
/* The kernel does, for the thread (uaccess.S). False: the thread has none. Interrupts masked. */
bool fpu_claim_for_copy(void);

static inline uint32_t current_preempt_count(void)
{
	return *(const uint32_t *)((const char *)arch_current() + THREAD_PREEMPT_COUNT);
}

static inline const uint8_t *current_kstack(void)
{
	const char *t = (const char *)arch_current();

	return t ? *(const uint8_t *const *)(t + THREAD_KSTACK) : NULL;
}
