/* SPDX-License-Identifier: MIT
 *
 * What start.S reads of other CPUs.
 */
#pragma once

#include "libc/types.h"

struct cpu;
struct thread;

/* It lies at the top of the new CPU's stack, which nobody uses before. */
struct secondary_start {
	struct secondary_start *next;
	uint32_t apic_id;
	struct arch_cpu *area;
	struct cpu *cpu;
	struct thread *idle;
	void *stack_top;		/* of the rest of the stack */
};
