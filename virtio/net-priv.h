/* SPDX-License-Identifier: MIT
 *
 * virtio-net: what its files share. net.c: the device, transmit, control; net-rx.c: who receives and when; net-rxbuf.c: receive buffers and the packets made of them.
 */
#pragma once

#include "net/netdev.h"
#include "sched/mutex.h"
#include "sched/poller.h"
#include "sched/timer.h"
#include "virtio/queue.h"
#include "virtio/virtio.h"

#define ETH_HDR_LEN	14u

struct net;

struct rx_queue {
	struct net *net;		/* [I] */
	unsigned index;			/* [I] */
	struct mutex lock;		/* who receives, and the timers: mutex_trylock() or mutex_lock_urgent() */
	struct virtqueue *vq;		/* [lock] */
	struct timer timer;		/* [lock] refills a ring that memory was too short for */
	bool is_timer_armed;		/* [lock] */
	bool may_use_big;		/* [I] */
	uint32_t big_for;		/* [lock] packets, if small, until the ring gets pages again; 0: it does */
	uint32_t most_big;		/* [I] buffers that the pool keeps then */
	uint32_t budget, posted;	/* [I], [lock] bytes of memory that the ring may hold, that it holds */
	struct pkt_pool pool;		/* [lock] owner's part */
	struct poller poller;		/* [lock] on: interrupts are off and threads look */
	struct timer tick;		/* [lock] looks when nobody else does */
	bool is_tick_armed;		/* [lock] */
	uint32_t is_looked_at;		/* [a] since the last tick */
	unsigned nr_alone;		/* [lock] ticks in a row before which nobody has */
	nsec_t poll_after, poll_pause;	/* [lock] after a tick before which nobody has looked: not on again before that; how long that was */
	struct thread *thread;		/* [I] NULL: served by the interrupt thread */
	uint32_t has_work;		/* [a] */
};

struct tx_queue {
	struct net *net;		/* [I] */
	struct mutex lock;
	struct virtqueue *vq;		/* [lock] */
	struct timer timer;		/* [lock] */
	bool is_timer_armed;		/* [lock] */
	bool is_full;			/* [lock] our bit of netdev.full_queues */
	uint32_t bytes;			/* [lock] of frames that the device has not used */
	unsigned full_at;		/* [I] descriptors in use that make it full */
	struct netdev_waiter *waiters;	/* [lock]; looked at without */
};

/* One a device, never freed. */
struct net {
	struct netdev netdev;
	struct virtio_device *device;	/* [I] */
	unsigned hdr_size;		/* [I] */
	unsigned nr_pairs, max_pairs;	/* [I] used; in the device (the control queue comes after them) */
	struct rx_queue *rx;		/* [I] nr_pairs */
	struct tx_queue *tx;		/* [I] nr_pairs */
	struct mutex ctrl_lock;
	struct virtqueue *ctrl;		/* [ctrl_lock] or NULL */
	uint8_t *ctrl_buffer;		/* [ctrl_lock] command, data, answer */
};

/* ---- net-rx.c */
/* The device may have used buffers of vq, whose priv is a struct rx_queue. Context: interrupt thread. */
void virtio_net_rx_interrupt(struct virtqueue *vq);
/* Once, before the device runs. home: of its poller. */
void virtio_net_rx_start(struct rx_queue *q, int home);
/* Entry of the thread that serves a queue of several; arg: struct rx_queue. */
void virtio_net_rx_thread(void *arg);

/* ---- net-rxbuf.c */
/* Once, when the queue has been created. memory: bytes of RAM for each queue; it takes a part of that. */
void virtio_net_rx_init(struct rx_queue *q, uint64_t memory);
/* q->lock held. Fill the ring up and tell the device, if it pays already. */
void virtio_net_rx_refill(struct rx_queue *q);
/*
 * q->lock held. Take one packet from the ring. False: the ring is empty. *out: the packet, give: pkt_free(); NULL: it was dropped.
 */
bool virtio_net_rx_take(struct rx_queue *q, struct pkt **out);
