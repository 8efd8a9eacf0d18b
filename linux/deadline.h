/* SPDX-License-Identifier: MIT
 *
 * Deadlines on either clock in one word: on the monotonic one as everywhere; on the realtime clock with
 * DEADLINE_REALTIME. Who sleeps until such a time wakes earlier or later when that clock is set or steered.
 *
 *	sleeper						clock_was_set()
 *	waits_realtime = 1				the clock, then clock_nr_set() + 1
 *	nr = clock_nr_set(); deadline = at - offset	full fence
 *	announce (full fence); look at clock_nr_set()	wake all with waits_realtime
 *	sleep
 *
 * Either the sleeper sees the new number, or the setter sees that it sleeps.
 */
#pragma once

#include "libc/errno.h"
#include "linux/task.h"
#include "sched/clock.h"

#define DEADLINE_REALTIME	(1ull << 63)	/* times are below 2^62; NSEC_NEVER has all bits */

static inline bool deadline_is_realtime(nsec_t d)
{
	return d != NSEC_NEVER && d & DEADLINE_REALTIME;
}

/* On the monotonic clock, as the realtime clock stands and runs now. */
static inline nsec_t deadline_monotonic(nsec_t d)
{
	return clock_when_realtime(d & ~DEADLINE_REALTIME);
}

/* As thread_wait_until(). cond is looked at once more after it was true. */
#define deadline_wait_until(wchan_, cond, deadline_, flags_) \
	({ \
		nsec_t dl_at_ = (deadline_); \
		int dl_r_ = 0; \
		if (likely(!deadline_is_realtime(dl_at_))) { \
			dl_r_ = thread_wait_until(wchan_, (cond), dl_at_, (flags_)); \
		} else { \
			uint32_t dl_nr_; \
			atomic_store(&task_current()->waits_realtime, 1u, RELAXED); \
			do { \
				dl_nr_ = clock_nr_set(); \
				dl_r_ = thread_wait_until(wchan_, (cond) || clock_nr_set() != dl_nr_, deadline_monotonic(dl_at_), (flags_)); \
			} while ((!dl_r_ || dl_r_ == -ETIMEDOUT) && \
				 (clock_nr_set() != dl_nr_ || (dl_r_ && clock_realtime() < (dl_at_ & ~DEADLINE_REALTIME))) && !(cond)); \
			atomic_store(&task_current()->waits_realtime, 0u, RELAXED); \
		} \
		dl_r_; \
	})

/* sys-time.c: the realtime clock was set, or (no step) runs at another rate: all that wait for a time on it look again. Context: thread. */
void clock_was_set(bool is_step);
