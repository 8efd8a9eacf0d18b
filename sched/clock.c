/* SPDX-License-Identifier: MIT */
#include "sched/clock.h"

#include "libc/atomic.h"

static nsec_t realtime_offset;		/* [a] */

nsec_t clock_realtime_offset(void)
{
	return atomic_load(&realtime_offset, RELAXED);
}

void clock_set_realtime_offset(nsec_t offset)
{
	atomic_store(&realtime_offset, offset, RELAXED);
}
