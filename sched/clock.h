/* SPDX-License-Identifier: MIT
 *
 * Clocks. All in nanoseconds; context: any.
 */
#pragma once

#include <arch/time.h>

#include "libc/types.h"

/* CLOCK_MONOTONIC: since boot. */
static inline nsec_t clock_monotonic(void)
{
	return arch_time_ns();
}

/* CLOCK_REALTIME - CLOCK_MONOTONIC. Set by the board from the RTC and by clock_settime(2). */
nsec_t clock_realtime_offset(void);
void clock_set_realtime_offset(nsec_t offset);

static inline nsec_t clock_realtime(void)
{
	return clock_monotonic() + clock_realtime_offset();
}
