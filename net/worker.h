/* SPDX-License-Identifier: MIT
 *
 * What no application thread picks up in time is run here: one kernel thread, started with the network, asleep while there is nothing to do.
 *
 * A connection whose channel got packets is put on the worker's list (once, however many packets come); the worker looks at each listed connection every WORKER_TICK_NS,
 * processes what still lies in its channel, sends delayed acknowledgements that are due, and takes it off the list when there is nothing to wait for.
 * work_urgent() wakes it at once: somebody waits for the result and no application thread will do it.
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
	uint32_t state;			/* [a] WORK_* */
	/* Called by the worker. True: keep it listed for the next tick. False: it was taken off before the call's last look. See work_try_unlist(). */
	bool (*run)(struct work *w, nsec_t now);
};

#define WORK_LISTED	1u

void __work_add(struct work *w);

/* Cheap if it is listed already. The caller holds a reference of its own and, if this returns true, gives another one to the list. */
static inline bool work_claim(struct work *w)
{
	return !(atomic_load(&w->state, RELAXED) & WORK_LISTED) && !(atomic_fetch_or(&w->state, WORK_LISTED, ACQ_REL) & WORK_LISTED);
}

/* After a successful work_claim() and taking the reference. */
static inline void work_add(struct work *w)
{
	__work_add(w);
}

/* Run the list now rather than at the next tick. */
void work_urgent(void);
/* Starts the thread; net_start() calls it. */
void worker_start(void);
/* One round; returns when the next should be, NSEC_NEVER if the list is empty. The thread's body, and host tests. */
nsec_t worker_run_once(nsec_t now);
/* A periodic call about once a second while the network is started (expiry of addresses, DHCP). Registered once at start. */
void worker_set_slow_tick(void (*fn)(nsec_t now));
void worker_request_slow_tick(nsec_t at);
