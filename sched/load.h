/* SPDX-License-Identifier: MIT
 *
 * Load averages, as Linux has them: the number of threads that run or could, averaged over 1, 5 and 15 minutes with exponential decay in steps of 5 s.
 *
 * There is no tick. A sample covers all the time since the one before it: the mean number of busy CPUs comes from the idle times, which are exact; the threads that wait
 * for a CPU are counted at the sample. Samples are taken by timer interrupts that come anyway, at most one in 5 s, and when somebody asks; a machine in which none comes for
 * long has been idle, or busy in the same way, so that the mean says it.
 */
#pragma once

#include "libc/types.h"

#define LOAD_SHIFT	11			/* fixed point: 1.0 is 1 << LOAD_SHIFT */
#define LOAD_PERIOD_NS	(5ull * NSEC_PER_SEC)

/* The averages over 1, 5, 15 minutes up to now (arch_time_ns()). Any context. */
void load_averages(nsec_t now, uint32_t avg[3]);
/* From the timer interrupt. */
void load_tick(nsec_t now);
/* avg after nr periods in which the load was active; factor is that of one period. Pure. */
uint32_t load_decay(uint32_t avg, uint32_t factor, uint64_t active, uint64_t nr);
