/* SPDX-License-Identifier: MIT
 *
 * The counter (TSC) and the one comparator of each CPU (local APIC timer). Context: any.
 */
#pragma once

#include "libc/types.h"

/* Nanoseconds since the counter was read at boot; the same on all CPUs, never goes back. */
nsec_t arch_time_ns(void);

/* Raw counter and its frequency, for the vDSO: ns = (cycles - base) * mult >> shift. */
struct arch_timebase {
	uint64_t base, mult;
	uint32_t shift, frequency_hz;
};
const struct arch_timebase *arch_timebase(void);

/* Interrupt this CPU at (not before) deadline; replaces the former one. NSEC_NEVER switches it off. Interrupts masked. */
void arch_timer_arm(nsec_t deadline);
