/* SPDX-License-Identifier: MIT
 *
 * One-shot timers on the monotonic clock, per CPU, cheap to arm and to cancel (most are cancelled).
 *
 * fn runs in a kernel thread of the CPU that armed it (may take mutexes; should be short), never early; late by at most slack when the machine is idle.
 */
#pragma once

#include "libc/list.h"
#include "libc/rbtree.h"
#include "libc/types.h"

struct cpu;

struct timer {
	nsec_t deadline;		/* [o] */
	void (*fn)(struct timer *t);
	struct list node;		/* [c] */
	struct cpu *cpu;		/* [a] where it is armed; NULL: not armed */
	uint32_t state;			/* [a] */
	uint32_t bucket;		/* [c] */
};

void timer_init(struct timer *t, void (*fn)(struct timer *t));
/* (Re)arm. The caller serialises arm and cancel of one timer. Context: thread. */
void timer_arm(struct timer *t, nsec_t deadline, nsec_t slack);
/* After it returns fn neither runs nor will run. True if it was armed and has not fired. Context: thread, not from fn of the same timer; may sleep. */
bool timer_cancel(struct timer *t);
