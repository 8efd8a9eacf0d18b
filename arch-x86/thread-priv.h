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

extern bool arch_has_fsgsbase;		/* [I] RDFSBASE and WRFSBASE work */

static inline struct aspace *current_aspace(void)
{
	const char *t = (const char *)arch_current();

	return t ? *(struct aspace *const *)(t + THREAD_ASPACE) : NULL;
}

static inline uint32_t current_preempt_count(void)
{
	return *(const uint32_t *)((const char *)arch_current() + THREAD_PREEMPT_COUNT);
}

static inline const uint8_t *current_kstack(void)
{
	const char *t = (const char *)arch_current();

	return t ? *(const uint8_t *const *)(t + THREAD_KSTACK) : NULL;
}
