// SPDX-License-Identifier: MIT
#include "net/route.h"

#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "net/ip.h"
#include "net/neigh.h"
#include "net/netdev-priv.h"
#include "sched/clock.h"
#include "sched/mutex.h"
#include "sched/rcu.h"

uint32_t route_generation = 1;
void (*net_watch)(enum net_event e, const void *what);

/* Entries leave the lists and are freed after a grace period (their `next` stays readable until then). */
struct ifaddr_entry {
	struct ifaddr a;
	struct rcu_head rcu;
};

struct route_entry {
	struct route r;
	struct rcu_head rcu;
};

static struct mutex lock;
static struct ifaddr *addrs;	/* [rcu] */
static struct route *routes;	/* [rcu] longest prefix first, then by metric */

static void changed(void)
{
	(void)atomic_fetch_add(&route_generation, 1u, RELEASE);
}

static void free_addr(struct rcu_head *head)
{
	kfree(container_of(head, struct ifaddr_entry, rcu));
}

static void free_route(struct rcu_head *head)
{
	kfree(container_of(head, struct route_entry, rcu));
}

/* ---- addresses -------------------------------------------------------------------------------------------------- */

static struct ifaddr *find_addr(const struct ip_addr *a, const struct netdev *dev)
{
	struct ifaddr *i;

	for (i = rcu_deref(addrs); i; i = rcu_deref(i->next)) {
		if (ip_equal(&i->addr, a) && (!dev || i->dev == dev))
			return i;
	}
	return NULL;
}

bool ip_is_ours(const struct ip_addr *a, const struct netdev *dev)
{
	struct ifaddr *i;
	bool r;

	if (ip_is_loopback(a))
		return !dev || dev == &loopback;
	rcu_read_lock();
	i = find_addr(a, dev);
	r = i && !(atomic_load(&i->flags, RELAXED) & IFA_F_TENTATIVE);
	rcu_read_unlock();
	return r;
}

bool ip_is_broadcast(const struct ip_addr *a, const struct netdev *dev)
{
	bool r = false;

	if (!ip_is_v4(a))
		return false;
	if (a->w[3] == 0xffffffff)
		return true;
	rcu_read_lock();
	for (struct ifaddr *i = rcu_deref(addrs); i && !r; i = rcu_deref(i->next))
		r = (!dev || i->dev == dev) && ip_is_v4(&i->addr) && i->prefix_len < 127 && i->dev != &loopback && ip_equal(&i->broadcast, a);
	rcu_read_unlock();
	return r;
}

bool ip_is_foreign_host(const struct ip_addr *a, const struct netdev *dev)
{
	bool v4 = ip_is_v4(a), r = true;

	if (v4 ? !a->b[12] || a->b[12] == 127 || a->w[3] == 0xffffffff : ip_is_any(a) || ip_is_loopback(a))
		return false;
	if (ip_is_multicast(a))
		return false;
	rcu_read_lock();
	for (struct ifaddr *i = rcu_deref(addrs); i && r; i = rcu_deref(i->next)) {
		if (ip_equal(&i->addr, a))
			r = atomic_load(&i->flags, RELAXED) & IFA_F_TENTATIVE;
		else if (v4 && i->dev == dev && i->prefix_len < 127)
			r = !ip_equal(&i->broadcast, a);
	}
	rcu_read_unlock();
	return r;
}

static unsigned common_bits(const struct ip_addr *a, const struct ip_addr *b)
{
	unsigned n = 0;

	while (n < 16 && a->b[n] == b->b[n])
		n++;
	return n == 16 ? 128 : n * 8 + (unsigned)__builtin_clz((uint32_t)(a->b[n] ^ b->b[n]) << 24);
}

/* RFC 6724 5, rules 2 (scope), 3 (deprecated), 8 (prefix); for IPv4 the same. */
bool ip_choose_source(const struct ip_addr *dst, const struct netdev *dev, struct ip_addr *out)
{
	bool v4 = ip_is_v4(dst), want_ll = ip_is_link_local(dst) || (!v4 && ip_is_multicast(dst) && (dst->b[1] & 0xf) == 2);
	int best = -1;

	rcu_read_lock();
	for (struct ifaddr *i = rcu_deref(addrs); i; i = rcu_deref(i->next)) {
		uint32_t flags = atomic_load(&i->flags, RELAXED);
		int score;

		if (ip_is_v4(&i->addr) != v4 || flags & IFA_F_TENTATIVE)
			continue;
		if (i->dev != dev && (v4 ? ip_is_loopback(&i->addr) : true))
			continue;
		score = (int)common_bits(&i->addr, dst) + (flags & IFA_F_DEPRECATED ? 0 : 200) + (ip_is_link_local(&i->addr) == want_ll ? 400 : 0) +
			(i->dev == dev ? 1000 : 0);
		if (score > best) {
			best = score;
			*out = i->addr;
		}
	}
	rcu_read_unlock();
	return best >= 0;
}

static struct ip_addr broadcast_of(const struct ip_addr *a, unsigned prefix_len)
{
	struct ip_addr b = *a;

	if (!ip_is_v4(a))
		return (struct ip_addr){ .d = { 0, 0 } };
	for (unsigned bit = prefix_len; bit < 128; bit++)
		b.b[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return b;
}

struct ip_addr ip_network_of(const struct ip_addr *a, unsigned prefix_len)
{
	struct ip_addr n = *a;

	for (unsigned bit = prefix_len; bit < 128; bit++)
		n.b[bit / 8] &= (uint8_t)~(0x80 >> bit % 8);
	return n;
}

/* The address of a's network on its device that was there first, but for a itself. */
static struct ifaddr *find_neighbour(const struct ifaddr *a)
{
	struct ifaddr *i;

	for (i = rcu_deref(addrs); i; i = rcu_deref(i->next)) {
		if (i->dev == a->dev && i->prefix_len == a->prefix_len && ip_is_v4(&i->addr) == ip_is_v4(&a->addr) && !ip_equal(&i->addr, &a->addr) &&
		    ip_in_prefix(&i->addr, &a->addr, a->prefix_len))
			return i;
	}
	return NULL;
}

/* The route to a's network. */
static void add_connected(const struct ifaddr *a)
{
	bool v4 = ip_is_v4(&a->addr);
	struct route r = { .dst = ip_network_of(&a->addr, a->prefix_len), .dev = a->dev, .metric = a->metric ? a->metric : v4 ? 0 : 256, .prefix_len = a->prefix_len, .is_v4 = v4,
			   .protocol = RTPROT_KERNEL, .valid_until = NSEC_NEVER };

	if (a->dev == &loopback || a->prefix_len == 128 || a->flags & (IFA_F_NOPREFIXROUTE | IFA_F_SECONDARY))
		return;
	if (v4)
		r.src = a->addr;
	(void)route_change(&r, ROUTE_CREATE);
}

int ifaddr_insert(const struct ifaddr *want)
{
	struct ifaddr_entry *e = KNEW(struct ifaddr_entry);
	struct ifaddr *old, **link = &addrs, copy;

	if (!e)
		return -ENOMEM;
	mutex_lock(&lock);
	old = find_addr(&want->addr, want->dev);
	if (old) {
		atomic_store(&old->valid_until, want->valid_until, RELAXED);
		atomic_store(&old->preferred_until, want->preferred_until, RELAXED);
		mutex_unlock(&lock);
		kfree(e);
		return -EEXIST;
	}
	e->a = *want;
	e->a.broadcast = broadcast_of(&want->addr, want->prefix_len);
	if (ip_is_v4(&want->addr) && find_neighbour(want))
		e->a.flags |= IFA_F_SECONDARY;
	e->a.next = NULL;
	copy = e->a;
	while (*link)
		link = &(*link)->next;
	rcu_assign(*link, &e->a);
	mutex_unlock(&lock);
	changed();
	net_tell(NET_ADDR_NEW, &copy);
	add_connected(&copy);
	return 0;
}

int ifaddr_add(struct netdev *dev, const struct ip_addr *addr, unsigned prefix_len, uint32_t flags, nsec_t valid_until, nsec_t preferred_until)
{
	struct ifaddr a = { .addr = *addr, .dev = dev, .prefix_len = (uint8_t)prefix_len, .flags = flags, .valid_until = valid_until, .preferred_until = preferred_until,
			    .has_broadcast = dev != &loopback };

	a.scope = ip_is_loopback(addr) ? RT_SCOPE_HOST : ip_is_link_local(addr) ? RT_SCOPE_LINK : 0;
	return ifaddr_insert(&a);
}

/* Take it out of the list. False: it is not there. */
static bool take_addr(struct netdev *dev, const struct ip_addr *addr, struct ifaddr *copy)
{
	struct ifaddr **link, *a;

	mutex_lock(&lock);
	for (link = &addrs; (a = *link); link = &a->next) {
		if (a->dev == dev && ip_equal(&a->addr, addr))
			break;
	}
	if (a) {
		*copy = *a;
		rcu_assign(*link, a->next);
		rcu_defer(&container_of(a, struct ifaddr_entry, a)->rcu, free_addr);
	}
	mutex_unlock(&lock);
	return a;
}

/* Another address of the network of one that has gone. */
static bool has_neighbour(const struct ifaddr *a, struct ifaddr *out)
{
	struct ifaddr *i;

	rcu_read_lock();
	i = find_neighbour(a);
	if (i)
		*out = *i;
	rcu_read_unlock();
	return i;
}

static void drop_routes(const struct netdev *dev, const struct ip_addr *src);
static bool has_v4(const struct netdev *dev);

int ifaddr_remove(struct netdev *dev, const struct ip_addr *addr)
{
	struct ip_addr net, none = { .d = { 0, 0 } };
	struct ifaddr a, other;

	if (!take_addr(dev, addr, &a))
		return -EADDRNOTAVAIL;
	changed();
	if (!(a.flags & IFA_F_SECONDARY)) {
		while (ip_is_v4(addr) && has_neighbour(&a, &other))
			(void)ifaddr_remove(dev, &other.addr);
		net = ip_network_of(addr, a.prefix_len);
		if (a.prefix_len < 128 && (ip_is_v4(addr) || !has_neighbour(&a, &other)))
			(void)route_remove(&net, a.prefix_len, &none, dev);
	}
	drop_routes(NULL, addr);
	if (ip_is_v4(addr) && !has_v4(dev))	/* the last one: IPv4 ends there, as on Linux */
		drop_routes(dev, addr);
	net_tell(NET_ADDR_GONE, &a);
	return 0;
}

void ifaddr_for_each(bool (*fn)(const struct ifaddr *a, void *arg), void *arg)
{
	rcu_read_lock();
	for (struct ifaddr *i = rcu_deref(addrs); i && fn(i, arg); i = rcu_deref(i->next))
		;
	rcu_read_unlock();
}

/* ---- routes ----------------------------------------------------------------------------------------------------- */

static bool same_route(const struct route *r, const struct ip_addr *dst, unsigned prefix_len, const struct ip_addr *gw, const struct netdev *dev)
{
	return r->prefix_len == prefix_len && r->dev == dev && ip_equal(&r->dst, dst) && (ip_equal(&r->gateway, gw) || (ip_is_any(&r->gateway) && ip_is_any(gw)));
}

/* lock held. Where a route of this prefix and metric goes: before those that are there, or behind them. */
static struct route **place_of(unsigned prefix_len, uint32_t metric, bool is_behind)
{
	struct route **link, *r;

	for (link = &routes; (r = *link); link = &r->next) {
		if (r->prefix_len < prefix_len || (r->prefix_len == prefix_len && (is_behind ? r->metric > metric : r->metric >= metric)))
			break;
	}
	return link;
}

/* lock held. */
static void unlink_route(struct route **link)
{
	struct route *r = *link;

	rcu_assign(*link, r->next);
	rcu_defer(&container_of(r, struct route_entry, r)->rcu, free_route);
}

int route_add(const struct ip_addr *dst, unsigned prefix_len, const struct ip_addr *gateway, struct netdev *dev, uint32_t metric, nsec_t valid_until)
{
	struct route_entry *e = KNEW(struct route_entry);
	struct route **link, *r, copy;

	if (!e)
		return -ENOMEM;
	mutex_lock(&lock);
	for (r = routes; r; r = r->next) {
		if (same_route(r, dst, prefix_len, gateway, dev)) {
			atomic_store(&r->valid_until, valid_until, RELAXED);
			mutex_unlock(&lock);
			kfree(e);
			return -EEXIST;
		}
	}
	copy = (struct route){ .dst = *dst, .gateway = *gateway, .dev = dev, .metric = metric, .prefix_len = (uint8_t)prefix_len, .is_v4 = ip_is_v4(dst), .valid_until = valid_until };
	copy.protocol = copy.is_v4 || valid_until == NSEC_NEVER ? RTPROT_BOOT : RTPROT_RA;
	e->r = copy;
	link = place_of(prefix_len, metric, true);
	e->r.next = *link;
	rcu_assign(*link, &e->r);
	mutex_unlock(&lock);
	changed();
	net_tell(NET_ROUTE_NEW, &copy);
	return 0;
}

int route_remove(const struct ip_addr *dst, unsigned prefix_len, const struct ip_addr *gateway, struct netdev *dev)
{
	struct route **link, *r, copy;

	mutex_lock(&lock);
	for (link = &routes; (r = *link); link = &r->next) {
		if (same_route(r, dst, prefix_len, gateway, dev))
			break;
	}
	if (r) {
		copy = *r;
		unlink_route(link);
	}
	mutex_unlock(&lock);
	changed();
	if (r)
		net_tell(NET_ROUTE_GONE, &copy);
	return r ? 0 : -ESRCH;
}

static bool same_any(const struct ip_addr *a, const struct ip_addr *b)
{
	return ip_equal(a, b) || (ip_is_any(a) && ip_is_any(b));
}

/* lock held. 0: e is in the list; 1: the same is there and replaces itself. */
static int change_locked(struct route_entry *e, unsigned mode)
{
	struct route **link, **first = NULL, *want = &e->r;

	for (link = &routes; *link; link = &(*link)->next) {
		struct route *r = *link;

		if (r->prefix_len != want->prefix_len || r->metric != want->metric || !ip_equal(&r->dst, &want->dst) || r->is_v4 != want->is_v4)
			continue;
		if (mode & ROUTE_EXCL)
			return -EEXIST;
		if (!first)
			first = link;
		if (r->dev == want->dev && r->protocol == want->protocol && same_any(&r->gateway, &want->gateway) && same_any(&r->src, &want->src))
			return mode & ROUTE_REPLACE && first == link ? 1 : -EEXIST;
	}
	if (first && mode & ROUTE_REPLACE) {
		want->next = (*first)->next;
		rcu_defer(&container_of(*first, struct route_entry, r)->rcu, free_route);
		rcu_assign(*first, want);
		return 0;
	}
	if (!first && !(mode & ROUTE_CREATE))
		return -ENOENT;
	link = place_of(want->prefix_len, want->metric, mode & ROUTE_APPEND);
	want->next = *link;
	rcu_assign(*link, want);
	return 0;
}

int route_change(const struct route *want, unsigned mode)
{
	struct route_entry *e = KNEW(struct route_entry);
	int r;

	if (!e)
		return -ENOMEM;
	e->r = *want;
	mutex_lock(&lock);
	r = change_locked(e, mode);
	mutex_unlock(&lock);
	if (r) {
		kfree(e);
		return r > 0 ? 0 : r;
	}
	changed();
	net_tell(NET_ROUTE_NEW, want);
	return 0;
}

int route_delete(const struct route *like, unsigned by)
{
	struct route **link, *r, copy;

	mutex_lock(&lock);
	for (link = &routes; (r = *link); link = &r->next) {
		if (r->is_v4 == like->is_v4 && r->prefix_len == like->prefix_len && ip_equal(&r->dst, &like->dst) &&
		    (!(by & ROUTE_BY_GATEWAY) || same_any(&r->gateway, &like->gateway)) && (!(by & ROUTE_BY_DEV) || r->dev == like->dev) &&
		    (!(by & ROUTE_BY_METRIC) || r->metric == like->metric) && (!(by & ROUTE_BY_PROTOCOL) || r->protocol == like->protocol))
			break;
	}
	if (r) {
		copy = *r;
		unlink_route(link);
	}
	mutex_unlock(&lock);
	if (!r)
		return -ESRCH;
	changed();
	net_tell(NET_ROUTE_GONE, &copy);
	return 0;
}

static bool has_v4(const struct netdev *dev)
{
	bool found = false;

	rcu_read_lock();
	for (struct ifaddr *i = rcu_deref(addrs); i && !found; i = rcu_deref(i->next))
		found = i->dev == dev && ip_is_v4(&i->addr);
	rcu_read_unlock();
	return found;
}

/* Those of dev (src: of its family only), or of all devices with this source. */
static void drop_routes(const struct netdev *dev, const struct ip_addr *src)
{
	struct route **link, *r;
	bool is_change = false;

	mutex_lock(&lock);
	for (link = &routes; (r = *link);) {
		if (dev ? r->dev != dev || (src && r->is_v4 != ip_is_v4(src)) : !ip_equal(&r->src, src)) {
			link = &r->next;
			continue;
		}
		unlink_route(link);
		is_change = true;
	}
	mutex_unlock(&lock);
	if (is_change)
		changed();
}

void route_device_changed(struct netdev *dev, bool is_up)
{
	struct ifaddr copies[16];
	unsigned n = 0;

	if (!is_up) {
		drop_routes(dev, NULL);
		changed();
		return;
	}
	mutex_lock(&lock);
	for (struct ifaddr *i = addrs; i && n < ARRAY_SIZE(copies); i = i->next) {
		if (i->dev == dev)
			copies[n++] = *i;
	}
	mutex_unlock(&lock);
	for (unsigned i = 0; i < n; i++)
		add_connected(&copies[i]);
	changed();
}

bool route_is_on_link(const struct ip_addr *a, struct netdev **dev)
{
	bool v4 = ip_is_v4(a), found = false;

	rcu_read_lock();
	for (struct route *r = rcu_deref(routes); r && !found; r = rcu_deref(r->next)) {
		if (r->is_v4 != v4 || (*dev && r->dev != *dev) || !ip_in_prefix(a, &r->dst, r->prefix_len))
			continue;
		found = ip_is_any(&r->gateway);
		if (!found)
			break;
		*dev = r->dev;
	}
	rcu_read_unlock();
	return found;
}

void route_for_each(bool (*fn)(const struct route *r, void *arg), void *arg)
{
	rcu_read_lock();
	for (struct route *r = rcu_deref(routes); r && fn(r, arg); r = rcu_deref(r->next))
		;
	rcu_read_unlock();
}

void route_expire(nsec_t now)
{
	struct route **rlink, *r;
	struct ifaddr **alink, *a;
	bool is_change = false;

	mutex_lock(&lock);
	for (rlink = &routes; (r = *rlink);) {
		if (r->valid_until > now) {
			rlink = &r->next;
			continue;
		}
		rcu_assign(*rlink, r->next);
		rcu_defer(&container_of(r, struct route_entry, r)->rcu, free_route);
		is_change = true;
	}
	for (alink = &addrs; (a = *alink);) {
		if (a->preferred_until <= now && !(a->flags & IFA_F_DEPRECATED)) {
			atomic_store(&a->flags, a->flags | IFA_F_DEPRECATED, RELAXED);
			is_change = true;
		}
		if (a->valid_until > now) {
			alink = &a->next;
			continue;
		}
		rcu_assign(*alink, a->next);
		rcu_defer(&container_of(a, struct ifaddr_entry, a)->rcu, free_addr);
		is_change = true;
	}
	mutex_unlock(&lock);
	if (is_change)
		changed();
}

/* ---- path MTU --------------------------------------------------------------------------------------------------- */

/* Few destinations have one that differs; the oldest is replaced. An entry ends after ten minutes (RFC 1191 6.3). */
#define NR_PMTU		64u
#define PMTU_NS		(600 * NSEC_PER_SEC)

static struct {
	struct ip_addr dst;
	uint32_t mtu;
	nsec_t until;
} pmtus[NR_PMTU];			/* [lock] */
static uint32_t nr_pmtus;		/* [a] entries in use; 0 lets lookups pass by */

bool pmtu_update(const struct ip_addr *dst, uint32_t mtu)
{
	nsec_t now = clock_monotonic();
	unsigned best = 0;
	bool is_news = true;

	/* RFC 8201 4: never below 1280. IPv4: RFC 1191 allows 68; below 552 is more likely an attack than a link. */
	if (mtu < (ip_is_v4(dst) ? 552 : 1280))
		mtu = ip_is_v4(dst) ? 552 : 1280;
	mutex_lock(&lock);
	for (unsigned i = 0; i < NR_PMTU; i++) {
		if (ip_equal(&pmtus[i].dst, dst)) {
			is_news = pmtus[i].until <= now || pmtus[i].mtu > mtu;
			best = i;
			break;
		}
		if (pmtus[i].until < pmtus[best].until)
			best = i;
	}
	if (is_news) {
		pmtus[best].dst = *dst;
		pmtus[best].mtu = mtu;
		pmtus[best].until = now + PMTU_NS;
		atomic_store(&nr_pmtus, 1u, RELAXED);
	}
	mutex_unlock(&lock);
	if (is_news)
		changed();
	return is_news;
}

static uint32_t pmtu_lookup(const struct ip_addr *dst, uint32_t mtu)
{
	nsec_t now;

	if (likely(!atomic_load(&nr_pmtus, RELAXED)))
		return mtu;
	now = clock_monotonic();
	mutex_lock(&lock);
	for (unsigned i = 0; i < NR_PMTU; i++) {
		if (ip_equal(&pmtus[i].dst, dst) && pmtus[i].until > now)
			mtu = MIN(mtu, pmtus[i].mtu);
	}
	mutex_unlock(&lock);
	return mtu;
}

/* ---- lookup ----------------------------------------------------------------------------------------------------- */

void ip_route_put(struct ip_route *rt)
{
	neigh_put(rt->neigh);
	rt->neigh = NULL;
	rt->dev = NULL;
}

/* src: left alone unless the route has one. */
static bool find_route(const struct ip_addr *dst, const struct netdev *dev, struct netdev **out_dev, struct ip_addr *next_hop, struct ip_addr *src)
{
	bool v4 = ip_is_v4(dst), found = false;

	rcu_read_lock();
	for (struct route *r = rcu_deref(routes); r; r = rcu_deref(r->next)) {
		if (r->is_v4 != v4 || (dev && r->dev != dev) || !ip_in_prefix(dst, &r->dst, r->prefix_len))
			continue;
		*out_dev = r->dev;
		*next_hop = ip_is_any(&r->gateway) ? *dst : r->gateway;
		if (!ip_is_any(&r->src))
			*src = r->src;
		found = true;
		break;
	}
	rcu_read_unlock();
	return found;
}

/* A device for multicast, broadcast, link-local when nothing says which: the first that is not loopback. */
static struct netdev *default_device(void)
{
	struct netdev *d = netdev_first();

	return d && d->next ? d->next : d;
}

int ip_route_lookup(const struct ip_addr *dst, const struct ip_addr *src, struct netdev *dev, struct ip_route *out)
{
	struct ip_addr next_hop = *dst, from = { .d = { 0, 0 } };

	*out = (struct ip_route){ .generation = atomic_load(&route_generation, ACQUIRE) };
	if (src && !ip_is_any(src) && !ip_is_ours(src, NULL))
		return -EADDRNOTAVAIL;
	if (ip_is_ours(dst, NULL)) {
		out->dev = &loopback;
		out->is_local = true;
		out->src = src && !ip_is_any(src) ? *src : *dst;
		out->mtu = MIN(atomic_load(&loopback.mtu, RELAXED), 65535u);	/* what the length field of IPv4 can say */
		return 0;
	}
	out->is_multicast = ip_is_multicast(dst);
	out->is_broadcast = !out->is_multicast && ip_is_broadcast(dst, dev);
	if (out->is_multicast || out->is_broadcast || ip_is_link_local(dst)) {
		out->dev = dev;
		if (!dev && src && !ip_is_any(src)) {
			rcu_read_lock();
			out->dev = find_addr(src, NULL) ? find_addr(src, NULL)->dev : NULL;
			rcu_read_unlock();
		}
		if (!out->dev && (!find_route(dst, NULL, &out->dev, &next_hop, &from) || !out->is_broadcast))
			out->dev = default_device();
		next_hop = *dst;
	} else if (!find_route(dst, dev, &out->dev, &next_hop, &from)) {
		return -ENETUNREACH;
	}
	if (!out->dev)
		return -ENETUNREACH;
	if (src && !ip_is_any(src))
		out->src = *src;
	else if (!out->is_broadcast && !ip_is_any(&from) && ip_is_ours(&from, NULL))
		out->src = from;
	else if (!ip_choose_source(dst, out->dev, &out->src)) {
		if (!out->is_broadcast && !out->is_multicast)
			return -ENETUNREACH;	/* nothing configured yet */
		out->src = ip_is_v4(dst) ? ip_from_v4(0) : (struct ip_addr){ .d = { 0, 0 } };
	}
	out->mtu = pmtu_lookup(dst, MIN(atomic_load(&out->dev->mtu, RELAXED), 65535u));
	if (out->is_multicast || out->is_broadcast || out->dev == &loopback)
		return 0;
	out->neigh = neigh_get(out->dev, &next_hop);
	return out->neigh ? 0 : -ENOMEM;
}
