/* SPDX-License-Identifier: MIT
 *
 * What no application thread picks up in time is run here: a kernel thread for each CPU, started with the network, asleep while there is nothing to do.
 *
 * A connection whose channel got packets is put on a worker's list (once, however many packets come); the worker looks at each listed connection every WORKER_TICK_NS,
 * processes what still lies in its channel, sends delayed acknowledgements that are due, and takes it off the list when there is nothing to wait for.
 * work_urgent() wakes it at once: somebody waits for the result and no application thread will do it.
 *
 * The worker is that of the CPU which lists the connection: the one that received, which is the application's if its thread looks at the device itself (sched/poller.h), or if flows are
 * steered. It is woken on that CPU, without an interrupt to another (it is not pinned: where others keep it waiting it may go to an idle one), and stays the connection's until that
 * is taken off its list: who it is stands in work.state, set by the step that claims, so whoever finds a connection listed knows whom to wake.
 *
 * Adding is lock-free (libc/mpsc.h) and may be done in any thread, also with a socket's lock held.
 */
#pragma once

#include "libc/atomic.h"
#include "libc/mpsc.h"
#include "libc/types.h"

#define WORKER_TICK_NS	(20 * NSEC_PER_MSEC)

/* Embedded in what can be listed, which stays valid while it is (it holds a reference). */
struct work {
	struct mpsc_node node;		/* link while listed; then the worker's own */
	uint32_t state;			/* [a] WORK_LISTED, and from there on the CPU of the worker that has, or had, it */
	/*
	 * Called by the worker. True: keep it listed for the next tick. False: it was taken off: work_unlist(), then a look at whether there is something to do; if there is and
	 * work_relist() succeeds, true.
	 */
	bool (*run)(struct work *w, nsec_t now);
};

#define WORK_LISTED	1u
#define WORK_CPU_SHIFT	1u

bool __work_claim(struct work *w, uint32_t state);

/* Cheap if it is listed already. The caller holds a reference of its own and, if this returns true, gives another one to the list. */
static inline bool work_claim(struct work *w)
{
	uint32_t state = atomic_load(&w->state, RELAXED);

	return !(state & WORK_LISTED) && __work_claim(w, state);
}

/* By its worker, in run(): off the list, with a full fence behind it (pairs: the fence of who pushes and then looks at WORK_LISTED). Returns what work_relist() needs. */
static inline uint32_t work_unlist(struct work *w)
{
	/* release: the worker's use of node, before who lists it next writes it. Pairs: __work_claim */
	uint32_t state = atomic_fetch_and(&w->state, ~WORK_LISTED, RELEASE);

	atomic_fence(SEQ_CST);
	return state;
}

/* Back to the same worker. False: somebody has listed it meanwhile, anywhere; he, or its worker there, has looked later than we. */
static inline bool work_relist(struct work *w, uint32_t state)
{
	uint32_t unlisted = state & ~WORK_LISTED;

	return atomic_cas(&w->state, &unlisted, state, ACQ_REL);
}

/* After a successful work_claim() and taking the reference. */
void work_add(struct work *w);

/* w is listed, or was: its worker runs its list now rather than at the next tick. */
void work_urgent(struct work *w);
/* Starts the threads unless they are there; net_start() calls it with its lock. False: no memory even for the first, which the others can be left to. */
bool __must_check worker_start(void);
/* One round of the worker of that CPU; returns when the next should be, NSEC_NEVER if its list is empty. The thread's body, and host tests. */
nsec_t worker_run_once(unsigned cpu, nsec_t now);
/* A periodic call about once a second while the network is started (expiry of addresses, DHCP). Registered once at start. */
void worker_set_slow_tick(void (*fn)(nsec_t now));
void worker_request_slow_tick(nsec_t at);
