/* SPDX-License-Identifier: MIT
 *
 * The generic timer (Arm ARM DDI0487 D11): the virtual counter and the virtual timer, which EL1 always has, whatever entered below.
 *
 *	ns     = (CNTVCT - base) * mult >> shift		(128-bit product: never wraps)
 *	CNTVCT = base + (ns * back_mult >> back_shift) + 1	(so that a deadline is never early)
 */
#include <arch/boot.h>
#include <arch/time.h>

#include "arch-arm64/sysreg.h"

#define CNTV_CTL_ENABLE	1u
#define BACK_SHIFT	32

struct arch_timebase arch_the_timebase = { .mult = 16, .frequency_hz = 62500000 };
static uint64_t back_mult;
static nsec_t clock_start;		/* [I] what the clock showed at the entry */

bool arch_time_init(uint32_t frequency_hz, nsec_t start)
{
	uint64_t cntfrq;

	__asm__ volatile("mrs %0, cntfrq_el0" : "=r"(cntfrq));
	if (!frequency_hz)
		frequency_hz = (uint32_t)cntfrq;
	if (frequency_hz < 1000000)
		return false;
	clock_start = start;
	arch_the_timebase.base = arch_boot.entry_counter - start * frequency_hz / NSEC_PER_SEC;
	arch_the_timebase.frequency_hz = frequency_hz;
	arch_the_timebase.shift = 32;
	arch_the_timebase.mult = (uint64_t)(((unsigned __int128)NSEC_PER_SEC << 32) / frequency_hz);
	/* Exact frequencies get small factors. */
	while (arch_the_timebase.shift && !(arch_the_timebase.mult & 1)) {
		arch_the_timebase.mult >>= 1;
		arch_the_timebase.shift--;
	}
	arch_the_timebase.offset = arch_the_timebase.base * arch_the_timebase.mult;
	back_mult = ((uint64_t)frequency_hz << BACK_SHIFT) / NSEC_PER_SEC;
	arch_time_init_cpu();
	return true;
}

void arch_time_init_cpu(void)
{
	__asm__ volatile("msr cntv_ctl_el0, xzr\n\tisb" : : : "memory");
}

void arch_timer_arm(nsec_t deadline)
{
	unsigned __int128 ticks;
	uint64_t compare;

	/* Before the entry the counter may have been below 0: an unsigned comparator would take that for the far future. */
	deadline = MAX(deadline, clock_start);
	ticks = ((unsigned __int128)deadline * back_mult) >> BACK_SHIFT;
	if (deadline == NSEC_NEVER || (uint64_t)(ticks >> 63)) {
		__asm__ volatile("msr cntv_ctl_el0, xzr" : : : "memory");
		return;
	}
	/* back_mult is rounded down: one tick of error in 2^32, made good by rounding what comes out. */
	compare = arch_the_timebase.base + (uint64_t)ticks + (uint64_t)(deadline >> BACK_SHIFT) + 1;
	__asm__ volatile("msr cntv_cval_el0, %0\n\tmsr cntv_ctl_el0, %1"
			 : : "r"(compare), "r"((uint64_t)CNTV_CTL_ENABLE) : "memory");
}
