/* SPDX-License-Identifier: MIT
 *
 * Devices that threads look at themselves. A device whose interrupts are off because a thread that comes by often enough takes what it has, without being interrupted for it, is
 * "on": whoever waits for something that may come from a device, or has asked in vain, calls poller_look(). What the device's driver guarantees while it is on:
 *	- a thread that is about to sleep and finds nothing turns it off, so that an interrupt comes for the next thing; so does a CPU that becomes idle and was the last to look;
 *	- the driver looks itself at bounded intervals (a timer), and turns it off if nobody else has looked since.
 * So what comes late comes late by that interval, and only while CPUs are busy. Nobody waits here: who finds another thread at the device leaves it to that one.
 *
 * virtio/net-rx.c is the user; its head has the protocol, tests/models/poller.pml the model.
 */
#pragma once

#include "libc/atomic.h"
#include "libc/types.h"

/* Static or from the heap, for ever. */
struct poller {
	/*
	 * Take what is there, without waiting, in a bounded number of steps. will_sleep: the caller sleeps next if this returns false. True: there was something. Context: thread
	 * without locks of what is above the device; may sleep on mutexes.
	 */
	bool (*poll)(struct poller *p, bool will_sleep);
	/* The CPU that looked last is idle. Interrupts masked, in the idle thread: must not sleep. */
	void (*idle)(struct poller *p);
	int home;			/* [I] number of the CPU whose threads look; -1: all */
	uint32_t is_on;			/* [a] written by poller_set() */
	uint32_t last_cpu;		/* [a] number of the CPU that looked last */
	struct poller *next;		/* [I] */
};

/* So often one call looks before it sleeps all the same: a flood of what others wait for keeps nobody. */
#define POLLER_LOOKS	4u

extern uint32_t pollers_on;		/* [a] how many are on */

/* Once; off. */
void poller_register(struct poller *p);
/* The caller serialises. On: as if this CPU had looked. */
void poller_set(struct poller *p, bool is_on);
static inline bool poller_is_on(const struct poller *p)
{
	return atomic_load(&p->is_on, RELAXED);
}

static inline bool poller_is_any_on(void)
{
	return unlikely(atomic_load(&pollers_on, RELAXED));
}

bool __poller_look(bool will_sleep);
/* True: look again for what you want. */
static inline bool poller_look(bool will_sleep)
{
	return poller_is_any_on() && __poller_look(will_sleep);
}

void __poller_idle(unsigned cpu);
/* Of the idle loop. */
static inline void poller_idle(unsigned cpu)
{
	if (poller_is_any_on())
		__poller_idle(cpu);
}
