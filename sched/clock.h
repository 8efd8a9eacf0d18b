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

/* CLOCK_REALTIME - CLOCK_MONOTONIC, now. Set by the board from the RTC and by clock_settime(2), and it changes by itself while the clock is slewed. */
nsec_t clock_realtime_offset(void);
/* CLOCK_REALTIME when the monotonic clock shows, or showed, t. */
nsec_t clock_realtime_at(nsec_t t);
/* When the monotonic clock shows what the realtime clock takes for at, or has taken, as that runs and is planned to run now: never too early. NSEC_NEVER stays that. */
nsec_t clock_when_realtime(nsec_t at);
/* How often it was set or its rate changed: who sleeps until a realtime looks again when that has changed (linux/deadline.h). */
uint32_t clock_nr_set(void);
void clock_set_realtime_offset(nsec_t offset);

static inline nsec_t clock_realtime(void)
{
	return clock_realtime_at(clock_monotonic());
}

/*
 * From about now on the realtime clock runs so much faster than the monotonic one: rate 2^-32 (below 0: slower) for good, and extra[i].rate more for extra[i].span ns.
 * What was in force before ends. The clock goes on from where it is. Calls exclude each other. Context: thread.
 */
struct clock_extra {
	int64_t rate;
	nsec_t span;
};
void clock_slew(int64_t rate, const struct clock_extra extra[2]);
struct clock_lines;
/* For the vDSO. The same for the life of the machine. */
const struct clock_lines *clock_lines(void);
/* How long after a call of clock_slew() it takes effect at most. */
#define CLOCK_SLEW_DELAY	NSEC_PER_MSEC
bool clock_is_slewed(void);
