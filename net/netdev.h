/* SPDX-License-Identifier: MIT
 *
 * Network devices: what net/ wants of a driver, and what a driver calls. net/ knows no device; drivers see only this header and net/pkt.h.
 *
 * Life: the driver fills a struct netdev (zeroed, static or from the heap), calls netdev_register(), and never takes it back.
 *
 * Transmit: net/ calls ops->transmit() in any thread, also of several CPUs at once for one queue, with a chain of packets (pkt_next()), each a whole Ethernet frame without FCS:
 *	- seg[0] starts with the Ethernet header and holds all headers; PKT_DEV_ROOM writable bytes lie in front of it; at most PKT_MAX_SEGS segments;
 *	- without NETDEV_CSUM no packet has PKT_CSUM_PARTIAL; without NETDEV_TSO4/6 none has a gso_type; frames without gso are at most mtu + 14 long;
 *	- take: the driver owns each packet and frees it (pkt_free()) when the device is done with it, or at once if it drops it. It may drop whenever its queue is full;
 *	  dropping is not an error, the protocols repeat. It must give packets back in bounded time, also when nothing is sent any more (their pages are
 *	  counted by sockets), at the latest when the queue is half full or 10 ms have passed; before reuse of a sent page nobody waits.
 *	- may sleep on a mutex, may not wait for the device. Sockets hold their lock during the call: no call back into net/ but pkt_free().
 *	A driver that knows how much waits for its device sets the queue's bit in full_queues when that is much, and clears it when there is room again. Who can wait (TCP, with
 *	what it has to send) does so with ops->wait_for_room; others go on, so that room must be left for them.
 *
 * Receive: one thread at a time for each queue, the driver's or one of the application that looks (sched/poller.h), gathers the packets that are there and calls netdev_receive(dev, queue, list) with up to NETDEV_RX_BATCH of them,
 * oldest first. take: net/ owns them, even on error. The driver refills its ring from a pool (net/pkt-pool.h) of buffers that come back when their packet is freed: pkt_from_pool() on the
 * first buffer and pkt_add_pool() on the further ones of a merged packet make a packet without any allocation. (Without a pool: pkt_from_page(), pkt_add_page().)
 *	- the virtio_net_hdr is skipped with off (first buffer) and its contents become flags, csum_start, csum_offset, gso_type, gso_size;
 *	- csum_start counts from the Ethernet header. Lengths were checked against the buffers before; nothing in the frame was.
 *
 * Counters that the driver keeps (dropped, errors) are read by /proc/net/dev.
 */
#pragma once

#include "net/pkt-pool.h"
#include "net/pkt.h"

struct cpu;

#define NETDEV_CSUM	0x01u	/* takes PKT_CSUM_PARTIAL on transmit (any protocol, any place) */
#define NETDEV_TSO4	0x02u	/* takes PKT_GSO_TCP4; implies NETDEV_CSUM */
#define NETDEV_TSO6	0x04u
#define NETDEV_RXCSUM	0x08u	/* may set PKT_CSUM_OK or PKT_CSUM_PARTIAL on receive */
#define NETDEV_RXGSO	0x10u	/* may give merged TCP packets (gso_type set) of up to 64 KiB */
#define NETDEV_LOOPBACK	0x20u	/* net/loopback.c only: TCP's segments take a short way (tcp_deliver_local) */

#define NETDEV_MAX_QUEUES	64u
#define NETDEV_RX_BATCH		64u
#define NETDEV_NAME_LEN		16

struct netdev;

/*
 * Waits for room in a transmit queue. Part of an object of its owner's, who keeps it valid while is_waiting. It waits for one queue at a time.
 */
struct netdev_waiter {
	struct netdev_waiter *next;	/* the driver's */
	uint32_t is_waiting;		/* [a] set by netdev_wait_for_room(), cleared just before room() is called */
	/* There is room, for some: whoever waits is told. Context: thread, without a lock of the driver; shall not block for long. */
	void (*room)(struct netdev_waiter *w);
};

struct netdev_ops {
	/* See above. queue < nr_tx_queues. Context: thread, preemption enabled. */
	void (*transmit)(struct netdev *dev, unsigned queue, struct pkt *list);
	/* The threads that read this receive queue have moved to that CPU: let interrupt and its thread follow. Optional. Context: thread. */
	void (*set_rx_affinity)(struct netdev *dev, unsigned queue, struct cpu *cpu);
	/*
	 * Receive multicast frames to these addresses (6 bytes each) besides unicast and broadcast; is_all: all of them. Optional: without it the device must
	 * deliver all multicast. Context: thread.
	 */
	void (*set_multicast)(struct netdev *dev, const uint8_t (*mac)[6], unsigned nr, bool is_all);
	/*
	 * First use of the network: allocate buffers, start queues. Optional. 0 or -errno. Called before any other operation; again
	 * after -ENOMEM. Context: thread.
	 */
	int (*open)(struct netdev *dev);
	/*
	 * The queue has its bit in full_queues. False: there is room now, after all, and the bit is clear. True: w, which does not wait yet, waits, and w->room() is called when
	 * there is room, or soon. With full_queues only. Context: thread; may sleep on a mutex. Sockets hold their lock.
	 */
	bool (*wait_for_room)(struct netdev *dev, unsigned queue, struct netdev_waiter *w);
	/* Are there frames that the device has not taken yet? Optional. Context: thread. */
	bool (*is_sending)(struct netdev *dev);
};

struct netdev_queue_stats {
	uint64_t packets, bytes, dropped, errors;
};

struct netdev {
	/* Filled by the driver before netdev_register(). */
	const struct netdev_ops *ops;	/* [I] */
	void *private;			/* [I] the driver's */
	uint8_t mac[6];			/* [I] */
	uint16_t nr_tx_queues, nr_rx_queues;	/* [I] >= 1 */
	uint32_t features;		/* [I] NETDEV_*; but for NETDEV_LOOPBACK: [a] */
	uint32_t mtu;			/* [a] of IP; 1500 if the device does not say */
	uint32_t is_link_up;		/* [a] true if the device cannot tell; later netdev_link_changed() */
	uint64_t full_queues;		/* [a] a bit for each transmit queue: see above. 0 if the driver does not say */
	/* Statistics: rx by the queue's thread, tx under the driver's own serialisation (netdev_count_tx() is not needed: net/ counts what it hands over). */
	struct netdev_queue_stats rx_errors;	/* [a] dropped and errors only: the driver adds */
	struct netdev_queue_stats tx_errors;	/* [a] dropped and errors only: the driver adds */

	/* net/ only. */
	char name[NETDEV_NAME_LEN];	/* [I] eth0, ... */
	uint32_t index;			/* [I] ifindex, from 1 (lo) */
	uint32_t flags;			/* [a] IFF_* */
	uint32_t tso_off;		/* [a] NETDEV_TSO4/6 that were switched off: ethtool.c */
	uint32_t special;		/* [a] NETDEV_TAPPED, _DOWN, _RAW: frames do not just pass */
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;	/* [a] */
	struct netdev *next;		/* [I] */
	struct netdev_config *config;	/* route.c, ip-config.c: addresses and what is configuring them */
};

/* Make the device known: names it. 0, -ENOMEM. pin: for ever. Context: thread (INIT_DEVICE or later). */
int __must_check netdev_register(struct netdev *dev);
/* is_link_up has changed. Context: thread. */
void netdev_link_changed(struct netdev *dev);
/* The device asks for an announcement of our addresses (virtio-net VIRTIO_NET_S_ANNOUNCE). Context: thread. */
void netdev_announce(struct netdev *dev);
/* Received packets, linked by pkt_next(), oldest first. take. Context: thread, one at a time for a queue, without a lock of net/, preemption enabled. */
void netdev_receive(struct netdev *dev, unsigned queue, struct pkt *list);
