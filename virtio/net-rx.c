/* SPDX-License-Identifier: MIT
 *
 * virtio-net's receiving: interrupts are off while the thread works through the ring. A device with one pair is served by the interrupt thread itself; with several each has a thread
 * of its own that the interrupt thread wakes.
 */
#include "libc/atomic.h"
#include "sched/clock.h"
#include "sched/thread.h"
#include "virtio/net-priv.h"

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

static void rx_run(struct rx_queue *q)
{
	mutex_lock(&q->lock);
	virtqueue_disable_interrupts(q->vq);
	do {
		while (rx_batch(q))
			;
	} while (virtqueue_enable_interrupts(q->vq));
	mutex_unlock(&q->lock);
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

	if (!q->thread) {
		rx_run(q);
		return;
	}
	/* release: pairs with the acquire in virtio_net_rx_thread; what counts is in the ring anyway */
	atomic_store(&q->has_work, 1u, RELEASE);
	thread_wake(q->thread);
}
