/* SPDX-License-Identifier: MIT
 *
 * The counter and the one comparator of each CPU (generic timer, Arm ARM D11). Context: any.
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
	uint64_t v;

	/* isb: the counter is not read ahead of what comes before (D11.2.1). */
	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(v) : : "memory");
	return v;
}

/* Nanoseconds since the entry, on top of what arch_time_init() was given; the same on all CPUs, never goes back. */
static inline nsec_t arch_time_ns(void)
{
	const struct arch_timebase *b = &arch_the_timebase;
	uint64_t count = arch_counter();

	/* Most counters make a whole number of nanoseconds a tick (1 GHz, as the architecture has it since Armv8.6; 25, 50, 62.5 or 100 MHz): modulo 2^64 that is exact. */
	if (likely(!b->shift))
		return count * b->mult - b->offset;
	/* The 128-bit product by halves, 0 < shift <= 32: no call. */
	count -= b->base;
	return count * b->mult >> b->shift |
	       (uint64_t)((unsigned __int128)count * b->mult >> 64) << (64 - b->shift);
}

/* Interrupt this CPU at (not before) deadline; replaces the former one. NSEC_NEVER switches it off. Interrupts masked. */
void arch_timer_arm(nsec_t deadline);
