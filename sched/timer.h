/* SPDX-License-Identifier: MIT
 *
 * One-shot timers on the monotonic clock, per CPU, cheap to arm and to cancel (most are cancelled).
 *
 * fn runs in a kernel thread of the CPU that armed it (may take mutexes; should be short), never early; late by at most slack when the machine is idle.
 */
#pragma once

#include "libc/list.h"
#include "libc/types.h"

struct cpu;

/* Member of a struct timer_set (timer-set.h). */
struct timer_node {
	nsec_t deadline;
	struct list link;
	uint32_t bucket;		/* index + 1; 0: in no set */
};

/* Owner: the caller, who may free it after timer_cancel(), or inside fn. Guarded by the lock of the CPU's callback set, but for the copy of the deadline. */
struct timer {
	nsec_t deadline;		/* [o] as given to timer_arm() */
	void (*fn)(struct timer *t);	/* [I] */
	struct timer_node node;		/* [l] */
	struct cpu *cpu;		/* [a] whose set it is, or was last, in; NULL: never armed */
	bool is_armed;			/* [l] */
};

void timer_init(struct timer *t, void (*fn)(struct timer *t));
/*
 * (Re)arm. The caller serialises arm and cancel of one timer; fn may arm its own. Context: thread, may sleep. True: it was armed, and only its deadline has changed.
 * False: fn will run once more than it would have; an earlier run may be under way, even wait for a lock that the caller holds. With NSEC_NEVER it is only taken out of
 * the set (true: fn will not run), without waiting for such a run as timer_cancel() does.
 */
bool timer_arm(struct timer *t, nsec_t deadline, nsec_t slack);
/* After it returns fn neither runs nor will run. True if it was armed and has not fired. Context: thread, not from fn of the same timer; may sleep. */
bool timer_cancel(struct timer *t);
