/* SPDX-License-Identifier: MIT
 *
 * virtio-net's receiving: who does it, and when.
 *
 * q->lock is the ring's ownership. Three kinds of threads take it, and none waits for another of its kind:
 *	- the interrupt's thread (with several queues, each queue's own thread, which the interrupt's thread wakes), when the device interrupts;
 *	- any thread of the application that is about to sleep, or has asked in vain (poller_look()): mutex_trylock(), else the owner does it;
 *	- the tick, a timer.
 * The first and the last wait for the second, which then runs ahead of the application's threads (mutex_lock_urgent()): it may be one of low priority, preempted in the middle.
 *
 * Interrupts are on, or the poller is. An interrupt that finds others waiting for the CPU (it has interrupted one of them, most likely) leaves interrupts off and turns the poller on:
 *
 *	interrupt -> take all -> nobody waits for this CPU: interrupts on again (look again: 2.7.7)
 *			      \> somebody waits for it: poller on; tick in TICK_NS
 *	look      -> take up to LOOK_BATCHES -> nothing was there, and the thread sleeps: poller off, interrupts on (look again)
 *	tick      -> take up to LOOK_BATCHES -> somebody has looked since the last one: tick in TICK_NS
 *					     \> nobody: poller off, interrupts on (look again: raise)
 *	idle      -> the CPU that looked last has nothing to do: poller off, interrupts on (look again: raise)
 *
 * So a thread that serves requests is interrupted once, and from then on takes what has come when it is done with the last: no switch to another thread and back for it. What
 * nobody picks up waits TICK_NS at most, and only while the CPU that looked last is busy: with an application that computes, once, and for a growing time (poll_pause) after that
 * not again, as its ticks find that nobody has looked.
 *
 * Nothing is lost: while the poller is on, the tick is armed (is_tick_armed, under the lock), and whoever turns it off enables interrupts, under the lock, with the barrier and the look
 * behind it that virtqueue_enable_interrupts() has: dma_mb() between used_event and used.idx, against the device's used.idx, barrier, used_event (2.7.10). If the look finds
 * something, he takes it, or raises the interrupt. An interrupt that comes while the poller is on (it was under way) takes what is there and changes nothing. A look that finds
 * the ring owned goes away: the owner either enables interrupts or leaves the poller on, and then the tick is armed. The order of packets is that of the ring, as they are given
 * to net/ with the lock held. Model: tests/models/poller.pml.
 */
#include "libc/atomic.h"
#include "sched/clock.h"
#include "sched/thread.h"
#include "virtio/net-priv.h"

#define TICK_NS		(2 * NSEC_PER_MSEC)
#define TICKS_ALONE	8u		/* ticks in a row before which nobody has looked: nobody looks */
#define LOOK_BATCHES	4u
#define PAUSE_MIN_NS	(64 * NSEC_PER_MSEC)
#define PAUSE_MAX_NS	(2 * NSEC_PER_SEC)

/* lock held. Up to NETDEV_RX_BATCH packets to net/. False: the ring is empty. */
static bool rx_batch(struct rx_queue *q)
{
	struct pkt *first = NULL, *last = NULL, *p;
	unsigned nr = 0;

	while (nr < NETDEV_RX_BATCH && virtio_net_rx_take(q, &p)) {
		nr++;
		if (!p)
			continue;
		pkt_set_next(p, NULL);
		if (last)
			pkt_set_next(last, p);
		else
			first = p;
		last = p;
	}
	virtio_net_rx_refill(q);
	if (first)
		netdev_receive(&q->net->netdev, q->index, first);
	return nr;
}

/* lock held. What is there, or LOOK_BATCHES of it, so that a flood of others' packets keeps nobody. False: nothing was there. */
static bool rx_some(struct rx_queue *q)
{
	unsigned n = 0;

	while (n < LOOK_BATCHES && rx_batch(q))
		n++;
	return n;
}

/* ---- polling ------------------------------------------------------------------------------------------------------- */

/* lock held. */
static void rx_arm_tick(struct rx_queue *q)
{
	if (q->is_tick_armed)
		return;
	q->is_tick_armed = true;
	timer_arm(&q->tick, clock_monotonic() + TICK_NS, 0);
}

/* The thread that receives runs soon. Any context. */
static void rx_raise(struct rx_queue *q)
{
	if (!q->thread) {
		q->net->device->transport->raise(q->net->device);
		return;
	}
	/* release: pairs with the acquire in virtio_net_rx_thread; what counts is in the ring anyway */
	atomic_store(&q->has_work, 1u, RELEASE);
	thread_wake(q->thread);
}

/* lock held; any context. */
static void rx_end_polling(struct rx_queue *q)
{
	poller_set(&q->poller, false);
	if (virtqueue_enable_interrupts(q->vq))
		rx_raise(q);
}

static bool rx_poll(struct poller *p, bool will_sleep)
{
	struct rx_queue *q = container_of(p, struct rx_queue, poller);
	bool has_found;

	atomic_store(&q->is_looked_at, 1u, RELAXED);
	if (!will_sleep && !virtqueue_has_used(q->vq))
		return false;
	if (!mutex_trylock(&q->lock))
		return false;
	if (!poller_is_on(p)) {
		/* The interrupt that is on its way, or raised, is about what lies there: without it nobody would enable the next. */
		mutex_unlock_urged(&q->lock);
		return false;
	}
	has_found = rx_some(q);
	if (!has_found && will_sleep) {
		if (virtqueue_enable_interrupts(q->vq)) {
			virtqueue_disable_interrupts(q->vq);
			has_found = rx_some(q);
		} else {
			poller_set(p, false);
		}
	}
	mutex_unlock_urged(&q->lock);
	return has_found;
}

static void rx_idle(struct poller *p)
{
	struct rx_queue *q = container_of(p, struct rx_queue, poller);

	if (!mutex_trylock(&q->lock))
		return;		/* the owner's CPU is the last to look, or the tick has been armed */
	if (poller_is_on(p))
		rx_end_polling(q);
	mutex_unlock(&q->lock);
}

static void rx_tick(struct timer *t)
{
	struct rx_queue *q = container_of(t, struct rx_queue, tick);

	mutex_lock_urgent(&q->lock);
	q->is_tick_armed = false;
	if (poller_is_on(&q->poller)) {
		(void)rx_some(q);
		if (atomic_exchange(&q->is_looked_at, 0u, RELAXED)) {
			q->nr_alone = 0;
			q->poll_pause = 0;
			rx_arm_tick(q);
		} else if (++q->nr_alone < TICKS_ALONE) {
			rx_arm_tick(q);
		} else {
			q->poll_pause = MIN(MAX(q->poll_pause * 2, PAUSE_MIN_NS), PAUSE_MAX_NS);
			q->poll_after = clock_monotonic() + q->poll_pause;
			rx_end_polling(q);
		}
	}
	mutex_unlock_urged(&q->lock);
}

void virtio_net_rx_start(struct rx_queue *q, int home)
{
	timer_init(&q->tick, rx_tick);
	q->poller = (struct poller){ .poll = rx_poll, .idle = rx_idle, .home = home };
	poller_register(&q->poller);
}

/* ---- interrupts ---------------------------------------------------------------------------------------------------- */

/* lock held. The ring is empty, interrupts are off: who looks from now on? False: it is not empty any more. */
static bool rx_leave(struct rx_queue *q, bool is_busy)
{
	if (poller_is_on(&q->poller))
		return true;
	if (!is_busy || clock_monotonic() < q->poll_after)
		return !virtqueue_enable_interrupts(q->vq);
	q->nr_alone = 0;
	poller_set(&q->poller, true);
	rx_arm_tick(q);
	return true;
}

static void rx_run(struct rx_queue *q)
{
	bool is_busy = thread_others_wait();	/* before what is received wakes more */

	mutex_lock_urgent(&q->lock);
	virtqueue_disable_interrupts(q->vq);
	do {
		while (rx_batch(q))
			;
	} while (!rx_leave(q, is_busy));
	mutex_unlock_urged(&q->lock);
}

void virtio_net_rx_thread(void *arg)
{
	struct rx_queue *q = arg;

	for (;;) {
		(void)thread_wait_until("virtio-net-rx", atomic_load(&q->has_work, ACQUIRE), NSEC_NEVER, 0);
		atomic_store(&q->has_work, 0u, RELAXED);
		atomic_fence(SEQ_CST);	/* has_work = 0 before the look at the ring: what the device adds later sets it again. Pairs: virtio_net_rx_interrupt */
		rx_run(q);
	}
}

void virtio_net_rx_interrupt(struct virtqueue *vq)
{
	struct rx_queue *q = vq->priv;

	if (q->thread)
		rx_raise(q);
	else
		rx_run(q);
}
