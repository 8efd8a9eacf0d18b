// SPDX-License-Identifier: MIT
#include "net/netdev.h"

#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "net/config.h"
#include "net/eth.h"
#include "net/ip.h"
#include "net/net.h"
#include "net/netdev-priv.h"
#include "net/packet.h"
#include "net/route.h"
#include "sched/clock.h"
#include "sched/mutex.h"
#include "sched/rcu.h"
#include "sched/trace.h"

#define MTU_MIN	68u	/* RFC 791 3.2 */

static struct mutex register_lock;
/* Innermost: packet sockets, raw sockets and who takes a device down hold locks of their own. */
static struct mutex special_lock;
static struct netdev *devices;		/* [rcu] written under register_lock; loopback first */
static uint32_t nr_devices;		/* [a] */
struct net_stats net_stats;

static void publish(struct netdev *dev)
{
	struct netdev **link = &devices;

	dev->index = atomic_load(&nr_devices, RELAXED) + 1;
	atomic_store(&nr_devices, dev->index, RELAXED);
	dev->special = (packet_is_tapping() ? NETDEV_TAPPED : 0) | (raw_sees_transports() ? NETDEV_RAW : 0);
	while (*link)
		link = &(*link)->next;
	rcu_assign(*link, dev);
}

void netdev_register_loopback(struct netdev *dev)
{
	mutex_lock(&register_lock);
	if (!devices) {
		strlcpy(dev->name, "lo", sizeof(dev->name));
		dev->flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING;
		publish(dev);
	}
	mutex_unlock(&register_lock);
}

int netdev_register(struct netdev *dev)
{
	int r;

	loopback_init();
	r = net_config_attach(dev);
	if (r)
		return r;
	mutex_lock(&register_lock);
	snprintf(dev->name, sizeof(dev->name), "eth%u", atomic_load(&nr_devices, RELAXED) - 1);
	dev->flags = IFF_BROADCAST | IFF_MULTICAST;
	publish(dev);
	mutex_unlock(&register_lock);
	if (net_is_started())
		net_config_start_device(dev);
	return 0;
}

void netdev_link_changed(struct netdev *dev)
{
	net_config_link_changed(dev);
}

void netdev_announce(struct netdev *dev)
{
	net_config_announce(dev);
}

struct netdev *netdev_first(void)
{
	return rcu_deref(devices);
}

struct netdev *netdev_by_index(uint32_t index)
{
	struct netdev *d = netdev_first();

	while (d && d->index != index)
		d = rcu_deref(d->next);
	return d;
}

struct netdev *netdev_by_name(const char *name)
{
	struct netdev *d = netdev_first();

	while (d && strcmp(d->name, name))
		d = rcu_deref(d->next);
	return d;
}

/* From a device with these NETDEV_* in special. take. */
static void receive_special(struct netdev *dev, uint32_t special, struct pkt *p)
{
	if (special & NETDEV_DOWN) {
		pkt_free(p);
		return;
	}
	if (special & NETDEV_TAPPED)
		packet_tap(dev, p, true, false, NULL);
	if (special & NETDEV_RAW)
		eth_input_long(p);
	else
		eth_input(p);
}

void netdev_receive(struct netdev *dev, unsigned queue, struct pkt *list)
{
	uint64_t packets = 0, bytes = 0;
	nsec_t now = clock_monotonic();
	uint32_t special;

	if (list && pkt_next(list))
		list = gro_merge(list, &packets, &bytes);
	while (list) {
		struct pkt *p = list;

		list = pkt_next(p);
		p->dev = dev;
		p->time = now;
		packets++;
		bytes += p->len;
		trace(TRACE_PACKET_IN, p->len, queue);
		special = atomic_load(&dev->special, RELAXED);
		if (unlikely(special))
			receive_special(dev, special, p);
		else
			eth_input(p);
	}
	(void)atomic_fetch_add(&dev->rx_packets, packets, RELAXED);
	(void)atomic_fetch_add(&dev->rx_bytes, bytes, RELAXED);
}

bool netdev_wait_for_room(struct netdev *dev, uint16_t tx_queue, uint32_t hash, struct netdev_waiter *w)
{
	return dev->ops->wait_for_room(dev, netdev_queue(dev, tx_queue, hash), w);
}

void netdev_transmit(struct netdev *dev, struct pkt *p)
{
	uint32_t special = atomic_load(&dev->special, RELAXED);

	if (unlikely(special & NETDEV_DOWN)) {
		pkt_free(p);
		return;
	}
	if (unlikely(special & NETDEV_TAPPED)) {
		p->time = clock_monotonic();
		packet_tap(dev, p, dev != &loopback, true, NULL);
	}
	netdev_give(dev, p);
}

void netdev_give(struct netdev *dev, struct pkt *p)
{
	unsigned queue = netdev_queue(dev, p->tx_queue, p->hash);

	(void)atomic_fetch_add(&dev->tx_packets, 1ull, RELAXED);
	(void)atomic_fetch_add(&dev->tx_bytes, (uint64_t)p->len, RELAXED);
	trace(TRACE_PACKET_OUT, p->len, queue);
	pkt_set_next(p, NULL);
	dev->ops->transmit(dev, queue, p);
}

/* ---- what the program sets ---------------------------------------------------------------------------------------- */

void netdev_set_special(struct netdev *dev, uint32_t flag, bool on)
{
	mutex_lock(&special_lock);
	if (on)
		(void)atomic_fetch_or(&dev->special, flag, RELAXED);
	else
		(void)atomic_fetch_and(&dev->special, ~flag, RELAXED);
	if (dev == &loopback)
		loopback_set_short(!atomic_load(&dev->special, RELAXED));
	mutex_unlock(&special_lock);
}

void netdev_set_up(struct netdev *dev, bool is_up)
{
	uint32_t running = atomic_load(&dev->is_link_up, RELAXED) ? IFF_UP | IFF_RUNNING : IFF_UP;

	mutex_lock(&register_lock);
	if (is_up == !!(atomic_load(&dev->flags, RELAXED) & IFF_UP)) {
		mutex_unlock(&register_lock);
		return;
	}
	if (is_up)
		(void)atomic_fetch_or(&dev->flags, running, RELAXED);
	else
		(void)atomic_fetch_and(&dev->flags, ~(IFF_UP | IFF_RUNNING), RELAXED);
	netdev_set_special(dev, NETDEV_DOWN, !is_up);
	mutex_unlock(&register_lock);
	route_device_changed(dev, is_up);
	net_tell(NET_LINK, dev);
}

int netdev_set_mtu(struct netdev *dev, uint32_t mtu)
{
	if (mtu < MTU_MIN || mtu > (dev == &loopback ? 65536u : 65535u))
		return -EINVAL;
	if (atomic_exchange(&dev->mtu, mtu, RELAXED) == mtu)
		return 0;
	(void)atomic_fetch_add(&route_generation, 1u, RELEASE);	/* cached routes know it. Pairs: ip_route_lookup */
	net_tell(NET_LINK, dev);
	return 0;
}
