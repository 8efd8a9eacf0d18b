/* SPDX-License-Identifier: MIT */
#include "sched/clock.h"

#include "libc/atomic.h"

static nsec_t realtime_offset;		/* [a] */
static uint32_t nr_set;			/* [a] */

nsec_t clock_realtime_offset(void)
{
	return atomic_load(&realtime_offset, RELAXED);
}

void clock_set_realtime_offset(nsec_t offset)
{
	atomic_store(&realtime_offset, offset, RELAXED);
	atomic_fetch_add(&nr_set, 1u, RELEASE);	/* release: the offset. Pairs: clock_nr_set */
}

uint32_t clock_nr_set(void)
{
	return atomic_load(&nr_set, ACQUIRE);
}
