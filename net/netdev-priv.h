/* SPDX-License-Identifier: MIT
 *
 * What net/ keeps about devices for itself. Devices never go away, so pointers to them need no care.
 */
#pragma once

#include "libc/atomic.h"
#include "net/netdev.h"

/* netdevice(7) */
#define IFF_UP		0x1u
#define IFF_BROADCAST	0x2u
#define IFF_LOOPBACK	0x8u
#define IFF_RUNNING	0x40u
#define IFF_MULTICAST	0x1000u

/* netdev.special */
#define NETDEV_TAPPED	1u	/* packet sockets see its frames: net/packet.h */
#define NETDEV_DOWN	2u	/* the program has taken it down: it drops them */
#define NETDEV_RAW	4u	/* raw sockets see its TCP or UDP: no segment takes the short way in */
/* Set or clear these, with what comes with it. Context: thread. */
void netdev_set_special(struct netdev *dev, uint32_t flag, bool on);

/* What ip-link(8) sets. -EINVAL: no MTU for this device. Context: thread. */
void netdev_set_up(struct netdev *dev, bool is_up);
int netdev_set_mtu(struct netdev *dev, uint32_t mtu);

struct netdev *netdev_first(void);	/* loopback; then ->next */
struct netdev *netdev_by_index(uint32_t index);
struct netdev *netdev_by_name(const char *name);
/* The transmit queue of a packet with these tx_queue and hash. */
static inline unsigned netdev_queue(const struct netdev *dev, uint16_t tx_queue, uint32_t hash)
{
	return dev->nr_tx_queues > 1 ? (tx_queue ? tx_queue - 1u : hash) % dev->nr_tx_queues : 0;
}
/* Whoever can wait asks before it sends: is the queue full? A hint. */
static inline bool netdev_is_full(const struct netdev *dev, uint16_t tx_queue, uint32_t hash)
{
	uint64_t full = atomic_load(&dev->full_queues, RELAXED);

	return unlikely(full) && full >> netdev_queue(dev, tx_queue, hash) & 1;
}
/* It is. True: w waits from now on. False: there is room now. The owner alone calls it, for a w that does not wait. */
bool netdev_wait_for_room(struct netdev *dev, uint16_t tx_queue, uint32_t hash, struct netdev_waiter *w);
/* A complete frame. take. */
void netdev_transmit(struct netdev *dev, struct pkt *p);
/* The same without showing it to packet sockets. take. */
void netdev_give(struct netdev *dev, struct pkt *p);

/*
 * gro.c: make one packet of TCP segments that follow each other in a list of received frames. take and give: the list. packets, bytes: what the new list has less is added.
 */
struct pkt *gro_merge(struct pkt *list, uint64_t *packets, uint64_t *bytes);

/* loopback.c: frames of this device have no link header. Idempotent. */
extern struct netdev loopback;
void loopback_init(void);
/* A packet that starts at its IP header arrives. take. */
void loopback_receive(struct netdev *dev, struct pkt *p);
/* May packets go the short ways, on which there are no frames that a packet socket could see? */
void loopback_set_short(bool on);
/* A packet of this length has gone a short way to ourselves (net_stats.tcp_local and udp_local count how many): bytes and trace. */
void loopback_count_local(unsigned len);
/* All that a device has received and sent. */
struct netdev_traffic {
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
};
struct netdev_traffic netdev_traffic(const struct netdev *dev);
void netdev_register_loopback(struct netdev *dev);
