// SPDX-License-Identifier: MIT
#include "net/worker.h"

#include "libc/print.h"
#include "sched/clock.h"
#include "sched/thread.h"

static struct mpsc incoming;		/* new ones */
static struct work *listed;		/* [worker] linked by node */
static uint32_t is_urgent;		/* [a] */
static uint32_t is_asleep;		/* [a] the worker sleeps with no deadline: a new entry must wake it */
static struct thread *thread;		/* [a] NULL: not started */
static void (*slow_tick)(nsec_t now);
static nsec_t slow_tick_at = NSEC_NEVER;	/* [a] */

static void wake(void)
{
	struct thread *t = atomic_load(&thread, ACQUIRE);

	if (t)
		thread_wake(t);
}

void __work_add(struct work *w)
{
	(void)mpsc_push(&incoming, &w->node);
	atomic_fence(SEQ_CST);	/* push before the look at is_asleep. Pairs: worker_main */
	if (atomic_load(&is_asleep, RELAXED))
		wake();
}

void work_urgent(void)
{
	atomic_fence(SEQ_CST);	/* the caller's push before is_urgent. Pairs: worker_main */
	if (!atomic_exchange(&is_urgent, 1u, RELAXED))
		wake();
}

void worker_set_slow_tick(void (*fn)(nsec_t now))
{
	slow_tick = fn;
}

void worker_request_slow_tick(nsec_t at)
{
	if (at < atomic_load(&slow_tick_at, RELAXED)) {
		atomic_store(&slow_tick_at, at, RELAXED);
		wake();		/* fences. Pairs: the wait of worker_main */
	}
}

nsec_t worker_run_once(nsec_t now)
{
	struct mpsc_node *n = mpsc_take_newest_first(&incoming);
	struct work *keep = NULL, *w;
	nsec_t slow = atomic_load(&slow_tick_at, RELAXED);

	/* New ones in front: their order does not matter. */
	while (n) {
		w = container_of(n, struct work, node);
		n = n->next;
		w->node.next = listed ? &listed->node : NULL;
		listed = w;
	}
	while ((w = listed)) {
		listed = w->node.next ? container_of(w->node.next, struct work, node) : NULL;
		if (w->run(w, now)) {
			w->node.next = keep ? &keep->node : NULL;
			keep = w;
		}
	}
	listed = keep;
	if (slow <= now && slow_tick) {
		atomic_store(&slow_tick_at, NSEC_NEVER, RELAXED);
		atomic_fence(SEQ_CST);	/* what is requested from now on is either seen by slow_tick() or left in slow_tick_at */
		slow_tick(now);
		slow = atomic_load(&slow_tick_at, RELAXED);
	}
	return MIN(listed || !mpsc_is_empty(&incoming) ? now + WORKER_TICK_NS : NSEC_NEVER, slow);
}

static void worker_main(void *arg)
{
	(void)arg;
	for (;;) {
		nsec_t next;
		bool is_idle;

		atomic_store(&is_urgent, 0u, RELAXED);
		atomic_fence(SEQ_CST);	/* is_urgent = 0 before the looks at lists and channels: store->load. Pairs: work_urgent */
		next = worker_run_once(clock_monotonic());
		is_idle = !listed;
		if (is_idle)
			atomic_store(&is_asleep, 1u, RELAXED);	/* the wait's fence comes before its last look at incoming. Pairs: __work_add */
		(void)thread_wait_until("net-idle", atomic_load(&is_urgent, ACQUIRE) || (is_idle && !mpsc_is_empty(&incoming)) ||
					atomic_load(&slow_tick_at, RELAXED) < next, next, 0);
		atomic_store(&is_asleep, 0u, RELAXED);
		/* What has just come in is given a tick's time to be picked up by its application. */
		if (is_idle && !atomic_load(&is_urgent, ACQUIRE) && !mpsc_is_empty(&incoming))
			(void)thread_wait_until("net-tick", atomic_load(&is_urgent, ACQUIRE), clock_monotonic() + WORKER_TICK_NS, 0);
	}
}

void worker_start(void)
{
	struct thread_params params = { .name = "net", .entry = worker_main, .pinned_cpu = -1 };
	static uint32_t once;
	struct thread *t;

	if (atomic_exchange(&once, 1u, RELAXED))
		return;
	if (thread_create(&params, &t)) {
		log_line("network: no memory for the worker thread");
		return;
	}
	atomic_store(&thread, t, RELEASE);
	thread_start(t);
}
