// SPDX-License-Identifier: MIT
/* Multicast groups that devices listen to, and saying so: IGMPv2 reports (RFC 2236, understood by all queriers), MLDv2 (RFC 3810). */
#include "fs/procfs.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "net/csum.h"
#include "net/ip.h"
#include "net/neigh.h"
#include "net/netdev-priv.h"
#include "net/wire.h"
#include "sched/clock.h"
#include "sched/mutex.h"
#include "sched/rcu.h"

struct group {
	struct ip_addr addr;		/* [I] */
	struct netdev *dev;		/* [I] */
	unsigned users;			/* [lock] */
	struct group *next;		/* [rcu] */
	struct rcu_head rcu;
};

static struct mutex lock;
static struct group *groups;		/* [rcu] */

static void group_free(struct rcu_head *head)
{
	kfree(container_of(head, struct group, rcu));
}

static struct group *find(const struct netdev *dev, const struct ip_addr *a)
{
	struct group *g = rcu_deref(groups);

	while (g && (g->dev != dev || !ip_equal(&g->addr, a)))
		g = rcu_deref(g->next);
	return g;
}

bool mcast_is_member(const struct netdev *dev, const struct ip_addr *a)
{
	bool r;

	/* All hosts: 224.0.0.1, ff01::1, ff02::1. */
	if (ip_is_v4(a) ? a->w[3] == net32(0xe0000001) : a->b[0] == 0xff && (a->b[1] == 1 || a->b[1] == 2) && a->w[0] == net32(0xff000000u | (uint32_t)a->b[1] << 16) &&
							  !a->w[1] && !a->w[2] && a->w[3] == net32(1))
		return true;
	rcu_read_lock();
	r = find(dev, a) != NULL;
	rcu_read_unlock();
	return r;
}

static void igmp_report(struct netdev *dev, const struct ip_addr *group, bool is_leave)
{
	struct ip_addr all_routers = ip_from_v4(net32(0xe0000002)), src;
	struct pkt *p = pkt_alloc(IP_HEADROOM + 4, 8);
	const struct ip_addr *dst = is_leave ? &all_routers : group;
	uint8_t *b;
	uint16_t sum;

	if (!p || !ip_choose_source(dst, dev, &src)) {
		pkt_free(p);
		return;
	}
	b = pkt_put(p, 8);
	memset(b, 0, 8);
	b[0] = is_leave ? 0x17 : 0x16;
	memcpy(b + 4, &group->w[3], 4);
	sum = (uint16_t)~csum_fold(csum_bytes(b, 8, 0));
	memcpy(b + 2, &sum, 2);
	ip_send(p, &src, dst, IPPROTO_IGMP, &(struct ip_opts){ .hop_limit = 1 }, dev);
}

/* One record: CHANGE_TO_EXCLUDE {} (join) or CHANGE_TO_INCLUDE {} (leave). RFC 3810 5.2. Router Alert (RFC 2711) goes in a hop-by-hop header. */
static void mld_report(struct netdev *dev, const struct ip_addr *group, bool is_leave)
{
	struct ip_addr dst = { .w = { net32(0xff020000), 0, 0, net32(0x16) } }, src;
	struct pkt *p = pkt_alloc(IP_HEADROOM, 8 + 8 + 20);
	uint8_t *b;
	uint16_t sum;

	if (!p)
		return;
	if (!ip_choose_source(&dst, dev, &src))
		src = (struct ip_addr){ .d = { 0, 0 } };	/* RFC 3810 5.2.13: while the own address is tentative */
	b = pkt_put(p, 36);
	memset(b, 0, 36);
	memcpy(b, (uint8_t[8]){ IPPROTO_ICMPV6, 0, 5, 2, 0, 0, 1, 0 }, 8);
	b[8] = MLD2_REPORT;
	b[8 + 7] = 1;
	b[16] = is_leave ? 3 : 4;
	memcpy(b + 20, group->b, 16);
	sum = (uint16_t)~csum_fold(csum_bytes(b + 8, 28, csum_pseudo(&src, &dst, 28, IPPROTO_ICMPV6)));
	memcpy(b + 10, &sum, 2);
	ip_send(p, &src, &dst, IPPROTO_HOPOPTS, &(struct ip_opts){ .hop_limit = 1 }, dev);
}

static void report(struct netdev *dev, const struct ip_addr *group, bool is_leave)
{
	if (dev == &loopback)
		return;
	if (ip_is_v4(group))
		igmp_report(dev, group, is_leave);
	else
		mld_report(dev, group, is_leave);
}

/* lock held. Tell the device which link-layer groups it should take. */
static void update_filter(struct netdev *dev)
{
	uint8_t macs[32][6];
	unsigned n = 0;
	bool is_all = false;

	if (!dev->ops->set_multicast)
		return;
	memcpy(macs[n++], (uint8_t[6]){ 0x01, 0x00, 0x5e, 0, 0, 1 }, 6);
	memcpy(macs[n++], (uint8_t[6]){ 0x33, 0x33, 0, 0, 0, 1 }, 6);
	for (struct group *g = groups; g; g = g->next) {
		if (g->dev != dev)
			continue;
		if (n == 32) {
			is_all = true;
			break;
		}
		if (ip_is_v4(&g->addr))
			memcpy(macs[n++], (uint8_t[6]){ 0x01, 0x00, 0x5e, g->addr.b[13] & 0x7f, g->addr.b[14], g->addr.b[15] }, 6);
		else
			memcpy(macs[n++], (uint8_t[6]){ 0x33, 0x33, g->addr.b[12], g->addr.b[13], g->addr.b[14], g->addr.b[15] }, 6);
	}
	dev->ops->set_multicast(dev, macs, n, is_all);
}

int mcast_join(struct netdev *dev, const struct ip_addr *a)
{
	struct group *g;
	bool is_new;

	if (!ip_is_multicast(a))
		return -EINVAL;
	mutex_lock(&lock);
	g = find(dev, a);
	is_new = !g;
	if (is_new) {
		g = KNEW(struct group);
		if (!g) {
			mutex_unlock(&lock);
			return -ENOMEM;
		}
		g->addr = *a;
		g->dev = dev;
		g->next = groups;
		rcu_assign(groups, g);
		update_filter(dev);
	}
	g->users++;
	mutex_unlock(&lock);
	if (is_new)
		report(dev, a, false);
	return 0;
}

int mcast_leave(struct netdev *dev, const struct ip_addr *a)
{
	struct group **link, *g;
	bool is_last = false;

	mutex_lock(&lock);
	for (link = &groups; (g = *link); link = &g->next) {
		if (g->dev == dev && ip_equal(&g->addr, a))
			break;
	}
	if (g && !--g->users) {
		is_last = true;
		rcu_assign(*link, g->next);
		update_filter(dev);
		rcu_defer(&g->rcu, group_free);
	}
	mutex_unlock(&lock);
	if (is_last)
		report(dev, a, true);
	return g ? 0 : -EADDRNOTAVAIL;
}

/* Copies groups out, since sending may sleep. */
static void report_some(struct netdev *dev, bool v4, bool v6)
{
	struct ip_addr list[64];
	unsigned n = 0;

	mutex_lock(&lock);
	for (struct group *g = groups; g && n < ARRAY_SIZE(list); g = g->next) {
		if (g->dev == dev && (ip_is_v4(&g->addr) ? v4 : v6))
			list[n++] = g->addr;
	}
	mutex_unlock(&lock);
	for (unsigned i = 0; i < n; i++)
		report(dev, &list[i], false);
}

/* Queries come rarely; the answer is sent at once instead of after a random delay. Limited, since a query costs a packet a group. */
void mcast_input_query(struct netdev *dev, bool is_v6)
{
	static nsec_t next;	/* [a] */
	nsec_t now = clock_monotonic();

	if (dev == &loopback || now < atomic_load(&next, RELAXED))
		return;
	atomic_store(&next, now + NSEC_PER_SEC, RELAXED);
	report_some(dev, !is_v6, is_v6);
}

void mcast_report_all(struct netdev *dev)
{
	report_some(dev, true, true);
}

void igmp_input(struct pkt *p)
{
	if (p->len >= 8 && pkt_pull_up(p, 8) && p->seg[0].data[0] == 0x11)
		mcast_input_query(p->dev, false);
	pkt_free(p);
}

/* ---- /proc ----------------------------------------------------------------------------------- */

static int show_igmp(struct text *t, struct pseudo_args *a)
{
	(void)a;
	text_printf(t, "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n");
	mutex_lock(&lock);
	for (struct netdev *d = netdev_first(); d; d = d->next) {
		unsigned nr = 0;

		for (struct group *g = groups; g; g = g->next)
			nr += g->dev == d && ip_is_v4(&g->addr);
		if (nr)
			text_printf(t, "%u\t%-10s: %5u      V2\n", d->index, d->name, nr);
		for (struct group *g = groups; g; g = g->next)
			if (g->dev == d && ip_is_v4(&g->addr))
				text_printf(t, "\t\t\t\t%08X %5u 0:00000000\t\t0\n", g->addr.w[3], g->users);
	}
	mutex_unlock(&lock);
	return 0;
}
PSEUDO_FILE(igmp, "/proc/self/net/igmp", 0444, show_igmp, NULL);

static void put_bytes(struct text *t, const uint8_t *b, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++)
		text_printf(t, "%02x", b[i]);
}

static int show_igmp6(struct text *t, struct pseudo_args *a)
{
	(void)a;
	mutex_lock(&lock);
	for (struct group *g = groups; g; g = g->next) {
		if (ip_is_v4(&g->addr))
			continue;
		text_printf(t, "%-4u %-15s ", g->dev->index, g->dev->name);
		put_bytes(t, g->addr.b, 16);
		text_printf(t, " %5u %08X 0\n", g->users, 4);
	}
	mutex_unlock(&lock);
	return 0;
}
PSEUDO_FILE(igmp6, "/proc/self/net/igmp6", 0444, show_igmp6, NULL);

/* Ethernet's groups: RFC 1112 6.4, RFC 2464 7. */
static int show_dev_mcast(struct text *t, struct pseudo_args *a)
{
	(void)a;
	mutex_lock(&lock);
	for (struct group *g = groups; g; g = g->next) {
		uint8_t mac[6] = { 0x33, 0x33, g->addr.b[12], g->addr.b[13], g->addr.b[14], g->addr.b[15] };

		if (g->dev == &loopback)
			continue;
		if (ip_is_v4(&g->addr)) {
			mac[0] = 1, mac[1] = 0, mac[2] = 0x5e;
			mac[3] &= 0x7f;
		}
		text_printf(t, "%-4u %-15s %-5u 0     ", g->dev->index, g->dev->name, g->users);
		put_bytes(t, mac, 6);
		text_printf(t, "\n");
	}
	mutex_unlock(&lock);
	return 0;
}
PSEUDO_FILE(dev_mcast, "/proc/self/net/dev_mcast", 0444, show_dev_mcast, NULL);
