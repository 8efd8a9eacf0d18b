// SPDX-License-Identifier: MIT
#include "net/netdev.h"

#include "libc/print.h"
#include "libc/string.h"
#include "net/config.h"
#include "net/eth.h"
#include "net/net.h"
#include "net/netdev-priv.h"
#include "net/packet.h"
#include "sched/clock.h"
#include "sched/mutex.h"
#include "sched/rcu.h"
#include "sched/trace.h"

static struct mutex register_lock;
static struct netdev *devices;		/* [rcu] written under register_lock; loopback first */
static uint32_t nr_devices;		/* [a] */
struct net_stats net_stats;

static void publish(struct netdev *dev)
{
	struct netdev **link = &devices;

	dev->index = atomic_load(&nr_devices, RELAXED) + 1;
	atomic_store(&nr_devices, dev->index, RELAXED);
	dev->is_tapped = packet_is_tapping();
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

void netdev_receive(struct netdev *dev, unsigned queue, struct pkt *list)
{
	uint64_t packets = 0, bytes = 0;
	nsec_t now = clock_monotonic();

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
		if (unlikely(atomic_load(&dev->is_tapped, RELAXED)))
			packet_tap(dev, p, true, false, NULL);
		eth_input(p);
	}
	(void)atomic_fetch_add(&dev->rx_packets, packets, RELAXED);
	(void)atomic_fetch_add(&dev->rx_bytes, bytes, RELAXED);
}

void netdev_transmit(struct netdev *dev, struct pkt *p)
{
	if (unlikely(atomic_load(&dev->is_tapped, RELAXED))) {
		p->time = clock_monotonic();
		packet_tap(dev, p, dev != &loopback, true, NULL);
	}
	netdev_give(dev, p);
}

void netdev_give(struct netdev *dev, struct pkt *p)
{
	unsigned queue = dev->nr_tx_queues > 1 ? (p->tx_queue ? p->tx_queue - 1u : p->hash) % dev->nr_tx_queues : 0;

	(void)atomic_fetch_add(&dev->tx_packets, 1ull, RELAXED);
	(void)atomic_fetch_add(&dev->tx_bytes, (uint64_t)p->len, RELAXED);
	trace(TRACE_PACKET_OUT, p->len, queue);
	pkt_set_next(p, NULL);
	dev->ops->transmit(dev, queue, p);
}
