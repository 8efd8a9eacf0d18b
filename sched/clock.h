/* SPDX-License-Identifier: MIT
 *
 * Clocks. All in nanoseconds; context: any.
 */
#pragma once

#include <arch/time.h>

#include "libc/types.h"

/*
 * What CLOCK_MONOTONIC shows at the entry of the kernel. Not 0: programs take second 0 for a time that was never set (ping(8) does, and sends without a pause),
 * as no Linux gets to a program within it.
 */
#define CLOCK_START	NSEC_PER_SEC

/* CLOCK_MONOTONIC: since boot, from CLOCK_START on. */
static inline nsec_t clock_monotonic(void)
{
	return arch_time_ns();
}

/* CLOCK_REALTIME - CLOCK_MONOTONIC. Set by the board from the RTC and by clock_settime(2). */
nsec_t clock_realtime_offset(void);
/* How often it was set: who sleeps until a realtime looks again when that has changed (linux/deadline.h). */
uint32_t clock_nr_set(void);
void clock_set_realtime_offset(nsec_t offset);

static inline nsec_t clock_realtime(void)
{
	return clock_monotonic() + clock_realtime_offset();
}
