// SPDX-License-Identifier: MIT
/* The loopback device: what is sent is received at once, by the sender's thread. Packets carry no link header and no finished checksum. */
#include "net/ip.h"
#include "net/net.h"
#include "net/netdev-priv.h"
#include "net/packet.h"
#include "net/route.h"
#include "net/wire.h"
#include "sched/clock.h"
#include "sched/trace.h"

static void loopback_transmit(struct netdev *dev, unsigned queue, struct pkt *list)
{
	(void)queue;
	while (list) {
		struct pkt *p = list;

		list = pkt_next(p);
		if (unlikely(atomic_load(&dev->special, RELAXED) & NETDEV_TAPPED))
			packet_tap(dev, p, false, false, NULL);
		loopback_receive(dev, p);
	}
}

void loopback_receive(struct netdev *dev, struct pkt *p)
{
	p->dev = dev;
	p->time = clock_monotonic();
	p->base = p->seg[0].data;
	p->l3 = 0;
	p->flags |= PKT_LOOPBACK;
	(void)atomic_fetch_add(&dev->rx_packets, 1ull, RELAXED);
	(void)atomic_fetch_add(&dev->rx_bytes, (uint64_t)p->len, RELAXED);
	if (p->seg[0].len && p->seg[0].data[0] >> 4 == 4)
		ip4_input(p);
	else
		ip6_input(p);
}

void loopback_set_short(bool on)
{
	static bool had_short;	/* by the caller's lock; false: tests of units may have none */

	if (!on && loopback.features & NETDEV_LOOPBACK) {
		had_short = true;
		(void)atomic_fetch_and(&loopback.features, ~NETDEV_LOOPBACK, RELAXED);
	} else if (on && had_short) {
		(void)atomic_fetch_or(&loopback.features, NETDEV_LOOPBACK, RELAXED);
	}
}

static uint64_t local_bytes;		/* [a] */

void loopback_count_local(unsigned len)
{
	(void)atomic_fetch_add(&local_bytes, (uint64_t)len, RELAXED);
	trace(TRACE_PACKET_OUT, len, 0);
	trace(TRACE_PACKET_IN, len, 0);
}

struct netdev_traffic netdev_traffic(const struct netdev *dev)
{
	struct netdev_traffic t = { atomic_load(&dev->rx_packets, RELAXED), atomic_load(&dev->rx_bytes, RELAXED), atomic_load(&dev->tx_packets, RELAXED),
				    atomic_load(&dev->tx_bytes, RELAXED) };

	if (dev == &loopback) {
		uint64_t packets = atomic_load(&net_stats.tcp_local, RELAXED) + atomic_load(&net_stats.udp_local, RELAXED), bytes = atomic_load(&local_bytes, RELAXED);

		t.rx_packets += packets;
		t.tx_packets += packets;
		t.rx_bytes += bytes;
		t.tx_bytes += bytes;
	}
	return t;
}

static const struct netdev_ops loopback_ops = { .transmit = loopback_transmit };

struct netdev loopback = {
	.ops = &loopback_ops,
	.nr_tx_queues = 1,
	.nr_rx_queues = 1,
	.features = NETDEV_CSUM | NETDEV_TSO4 | NETDEV_TSO6 | NETDEV_RXCSUM | NETDEV_RXGSO | NETDEV_LOOPBACK,
	.mtu = 65536,
	.is_link_up = 1,
};

void loopback_init(void)
{
	struct ip_addr v4 = ip_from_v4(net32(0x7f000001)), v6 = { .w = { 0, 0, 0, net32(1) } };
	static uint32_t once;

	if (atomic_exchange(&once, 1u, RELAXED))
		return;
	netdev_register_loopback(&loopback);
	if (ifaddr_add(&loopback, &v4, 104, IFA_F_PERMANENT, NSEC_NEVER, NSEC_NEVER) ||
	    ifaddr_add(&loopback, &v6, 128, IFA_F_PERMANENT, NSEC_NEVER, NSEC_NEVER))
		return;	/* no memory: it works without, local addresses are known by themselves */
}
