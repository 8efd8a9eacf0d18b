/* SPDX-License-Identifier: MIT
 *
 * The page of data that the vDSO reads.
 */
#pragma once

#include <stdint.h>

#include "sched/clock-line.h"

/*
 * Read by code of the application, written by the kernel: all but realtime_offset and what follows it before the page is first mapped; that one is a single word, so that a
 * reader sees the clock before or after a change and waits for nobody. While lines.version is not 0 the realtime is what lines say.
 *	monotonic = (counter - base) * mult >> shift (128-bit product), realtime = monotonic + realtime_offset
 */
struct vdso_data {
	uint32_t shift;			/* [I] */
	uint64_t base, mult;		/* [I] */
	uint64_t realtime_offset;	/* [a] */
	uint64_t second_recip;		/* [I] seconds = (ns >> 9) * second_recip >> 64 >> 11: exact for all ns < 2^63; a load is shorter than the constant */
	struct clock_lines lines;
};
