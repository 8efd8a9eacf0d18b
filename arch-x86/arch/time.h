/* SPDX-License-Identifier: MIT
 *
 * The counter (TSC) and the one comparator of each CPU (local APIC timer). Context: any.
 */
#pragma once

#include "libc/types.h"

/* Raw counter and its frequency, for the vDSO: ns = (cycles - base) * mult >> shift. Constant after arch_time_init(). */
struct arch_timebase {
	uint64_t base, mult;
	uint32_t shift, frequency_hz;
	uint64_t offset;	/* base * mult */
};
extern struct arch_timebase arch_the_timebase;

static inline const struct arch_timebase *arch_timebase(void)
{
	return &arch_the_timebase;
}

static inline uint64_t arch_counter(void)
{
	uint32_t lo, hi;

	/* lfence: the counter is not read ahead of what comes before (SDM vol. 2B, RDTSC). */
	__asm__ volatile("lfence\n\trdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}

/* Nanoseconds since the entry, on top of what arch_time_init() was given; the same on all CPUs, never goes back. */
static inline nsec_t arch_time_ns(void)
{
	const struct arch_timebase *b = &arch_the_timebase;

	return (nsec_t)(((unsigned __int128)(arch_counter() - b->base) * b->mult) >> b->shift);
}

/* Interrupt this CPU at (not before) deadline; replaces the former one. NSEC_NEVER switches it off. Interrupts masked. */
void arch_timer_arm(nsec_t deadline);
