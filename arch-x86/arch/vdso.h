/* SPDX-License-Identifier: MIT
 *
 * What the vDSO reads.
 */
#pragma once

#include <stdint.h>

/*
 * Read by code of the application, written by the kernel: seq is odd while it changes.
 *	monotonic = (counter - base) * mult >> shift (128-bit product), realtime = monotonic + realtime_offset
 */
struct vdso_data {
	uint32_t seq;			/* [a] */
	uint32_t shift;
	uint64_t base, mult;
	uint64_t realtime_offset;
	uint64_t second_recip;		/* seconds = (ns >> 9) * second_recip >> 64 >> 11: exact for all ns < 2^63; a load is shorter than the constant */
};
