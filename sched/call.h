/* SPDX-License-Identifier: MIT
 *
 * Deadlines of system calls. A call that was interrupted and is made again unseen goes on with the
 * deadline of its first start.
 */
#pragma once

#include "sched/clock.h"
#include "sched/thread.h"

/*
 * For a call with a relative time-out, once in the call: its deadline on the monotonic clock,
 * NSEC_NEVER if timeout_ns is. The thread's own context.
 */
static inline nsec_t call_deadline(nsec_t timeout_ns)
{
	struct thread *t = thread_current();
	nsec_t now;

	if (t->is_call_again) {
		t->is_call_again = false;
		return t->call_deadline;
	}
	t->call_deadline = NSEC_NEVER;
	if (timeout_ns != NSEC_NEVER) {
		now = clock_monotonic();
		t->call_deadline = timeout_ns < NSEC_NEVER - now ? now + timeout_ns : NSEC_NEVER;
	}
	return t->call_deadline;
}
