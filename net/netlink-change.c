// SPDX-License-Identifier: MIT
/*
 * rtnetlink(7): changes of links, addresses, routes and neighbours. What a request says is checked before anything is changed; the errors and their texts are those that Linux gives
 * ip(8). There is one table of routes (main), and routes are of type unicast with one next hop.
 */
#include "libc/errno.h"
#include "libc/string.h"
#include "net/config.h"
#include "net/ip.h"
#include "net/neigh.h"
#include "net/netdev-priv.h"
#include "net/netlink-priv.h"
#include "net/route.h"
#include "net/worker.h"
#include "sched/clock.h"

#define NR_ATTRS	32u
#define TYPE_MASK	0x3fffu		/* without NLA_F_NESTED, NLA_F_NET_BYTEORDER */
#define DEFAULT_METRIC6	1024u

void nl_parse(const uint8_t *attrs, unsigned len, struct nl_attr_ref *out, unsigned nr)
{
	memset(out, 0, nr * sizeof(*out));
	while (len >= sizeof(struct rtattr)) {
		struct rtattr h;

		memcpy(&h, attrs, sizeof(h));
		if (h.len < sizeof(h) || h.len > len)
			return;
		if ((h.type & TYPE_MASK) < nr)
			out[h.type & TYPE_MASK] = (struct nl_attr_ref){ .data = attrs + sizeof(h), .len = h.len - (uint32_t)sizeof(h), .is_there = true };
		if (ALIGN_UP((unsigned)h.len, 4u) >= len)
			return;
		attrs += ALIGN_UP((unsigned)h.len, 4u);
		len -= ALIGN_UP((unsigned)h.len, 4u);
	}
}

int nl_get_ip(const struct nl_attr_ref *t, uint8_t family, struct ip_addr *out)
{
	uint32_t v4;

	if (family != AF_INET && family != AF_INET6)
		return -EAFNOSUPPORT;
	if (t->len < (family == AF_INET ? 4u : 16u))
		return -ERANGE;
	if (family == AF_INET) {
		memcpy(&v4, t->data, sizeof(v4));
		*out = ip_from_v4(v4);
	} else {
		memcpy(out->b, t->data, sizeof(out->b));
	}
	return 0;
}

/* An attribute of 32 bits; absent: *v stays. */
static int get_u32(const struct nl_attr_ref *t, uint32_t *v)
{
	if (!t->is_there)
		return 0;
	if (t->len < sizeof(*v))
		return -ERANGE;
	memcpy(v, t->data, sizeof(*v));
	return 0;
}

/* The header of a request and what follows it. */
static int split(struct answer *a, const uint8_t *body, unsigned len, void *header, unsigned size, struct nl_attr_ref *t)
{
	if (len < size)
		return nl_fail(a, -EINVAL, "Invalid header for parse");
	memcpy(header, body, size);
	nl_parse(body + MIN(len, ALIGN_UP(size, 4u)), len - MIN(len, ALIGN_UP(size, 4u)), t, NR_ATTRS);
	return 0;
}

static bool is_inet(uint8_t family)
{
	return family == AF_INET || family == AF_INET6;
}

static struct ip_addr any_of(uint8_t family)
{
	return family == AF_INET ? ip_from_v4(0) : (struct ip_addr){ .d = { 0, 0 } };
}

/* ROUTE_* of a request. */
static unsigned mode_of(const struct answer *a)
{
	uint16_t f = a->req->flags;

	return (f & NLM_F_CREATE ? ROUTE_CREATE : 0) | (f & NLM_F_EXCL ? ROUTE_EXCL : 0) | (f & NLM_F_REPLACE ? ROUTE_REPLACE : 0) | (f & NLM_F_APPEND ? ROUTE_APPEND : 0);
}

/* ---- links -------------------------------------------------------------------------------------------------------- */

static struct netdev *find_link(const struct ifinfomsg *m, const struct nl_attr_ref *t)
{
	char name[NETDEV_NAME_LEN];
	unsigned len = MIN(t[IFLA_IFNAME].len, (unsigned)sizeof(name) - 1);

	if (m->index)
		return netdev_by_index((uint32_t)m->index);
	if (!len)
		return NULL;
	memcpy(name, t[IFLA_IFNAME].data, len);
	name[len] = 0;
	return netdev_by_name(name);
}

static int change_link(struct answer *a, const uint8_t *body, unsigned len)
{
	struct nl_attr_ref t[NR_ATTRS];
	struct ifinfomsg m;
	struct netdev *dev;
	uint32_t mtu = 0, flags;
	int r = split(a, body, len, &m, sizeof(m), t);

	if (r)
		return r;
	if (m.index < 0)
		return nl_fail(a, -EINVAL, "ifindex can't be negative");
	dev = find_link(&m, t);
	if (!dev && a->req->type == RTM_NEWLINK && a->req->flags & NLM_F_CREATE && !m.index)
		return t[IFLA_LINKINFO].is_there ? nl_fail(a, -EOPNOTSUPP, "Unknown device type") : -EOPNOTSUPP;
	if (!dev)
		return a->req->type != RTM_NEWLINK && !m.index && !t[IFLA_IFNAME].is_there ? -EINVAL : -ENODEV;
	if (a->req->type == RTM_DELLINK)
		return -EOPNOTSUPP;
	if (a->req->type == RTM_NEWLINK && a->req->flags & NLM_F_EXCL)
		return -EEXIST;
	r = get_u32(&t[IFLA_MTU], &mtu);
	if (r)
		return r;
	/* Neither addresses nor names change here. What is already so is no change. */
	if (t[IFLA_ADDRESS].is_there && (t[IFLA_ADDRESS].len < 6 || memcmp(t[IFLA_ADDRESS].data, dev->mac, 6)))
		return t[IFLA_ADDRESS].len < 6 ? -EINVAL : -EOPNOTSUPP;
	if (m.index && t[IFLA_IFNAME].is_there && (!t[IFLA_IFNAME].len || strncmp((const char *)t[IFLA_IFNAME].data, dev->name, MIN(t[IFLA_IFNAME].len, (uint32_t)NETDEV_NAME_LEN))))
		return -EOPNOTSUPP;
	if (t[IFLA_MTU].is_there && netdev_set_mtu(dev, mtu))
		return nl_fail(a, -EINVAL, mtu < 68 ? "mtu less than device minimum" : "mtu greater than device maximum");
	if (m.flags || m.change) {
		flags = m.change ? (atomic_load(&dev->flags, RELAXED) & ~m.change) | (m.flags & m.change) : m.flags;
		netdev_set_up(dev, flags & IFF_UP);
	}
	return 0;
}

/* ---- addresses ---------------------------------------------------------------------------------------------------- */

struct find_addr {
	const struct ip_addr *addr;
	const struct netdev *dev;
	int prefix_len;			/* -1: any */
	bool is_there;
};

static bool look(const struct ifaddr *i, void *arg)
{
	struct find_addr *f = arg;

	if (i->dev != f->dev || !ip_equal(&i->addr, f->addr) || (f->prefix_len >= 0 && i->prefix_len != f->prefix_len))
		return true;
	f->is_there = true;
	return false;
}

/* IFA_CACHEINFO: how long, in seconds from now; all bits set: for ever. */
static int get_lifetimes(const struct nl_attr_ref *t, struct ifaddr *i)
{
	nsec_t now = clock_monotonic();
	uint32_t span[2];		/* preferred, valid */

	i->valid_until = i->preferred_until = NSEC_NEVER;
	if (!t->is_there)
		return 0;
	if (t->len < 16)
		return -ERANGE;
	memcpy(span, t->data, sizeof(span));
	if (!span[1] || span[0] > span[1])
		return -EINVAL;
	if (span[1] != UINT32_MAX)
		i->valid_until = now + span[1] * NSEC_PER_SEC;
	if (span[0] != UINT32_MAX)
		i->preferred_until = now + span[0] * NSEC_PER_SEC;
	return 0;
}

static int get_addr(struct answer *a, const uint8_t *body, unsigned len, struct ifaddrmsg *m, struct nl_attr_ref *t, struct ifaddr *i)
{
	int r = split(a, body, len, m, sizeof(*m), t);

	if (r)
		return r;
	if (!is_inet(m->family))
		return -EOPNOTSUPP;
	/* IPv6 says IFA_ADDRESS, unless there is a peer. */
	r = t[IFA_LOCAL].is_there ? IFA_LOCAL : m->family == AF_INET6 && t[IFA_ADDRESS].is_there ? IFA_ADDRESS : -1;
	if (r < 0 || m->prefix_len > (m->family == AF_INET ? 32 : 128))
		return -EINVAL;
	r = nl_get_ip(&t[r], m->family, &i->addr);
	if (r)
		return r;
	i->prefix_len = (uint8_t)(m->prefix_len + (m->family == AF_INET ? 96 : 0));
	i->dev = netdev_by_index(m->index);
	return i->dev ? 0 : -ENODEV;
}

static int new_addr(struct answer *a, const uint8_t *body, unsigned len)
{
	struct ifaddr i = { .metric = 0 };
	struct nl_attr_ref t[NR_ATTRS];
	struct find_addr f;
	struct ifaddrmsg m;
	int r = get_addr(a, body, len, &m, t, &i);

	if (r)
		return r;
	if (ip_is_multicast(&i.addr) || (m.family == AF_INET6 && (ip_is_any(&i.addr) || ip_is_v4(&i.addr))))
		return m.family == AF_INET ? -EINVAL : -EADDRNOTAVAIL;
	r = get_lifetimes(&t[IFA_CACHEINFO], &i);
	if (!r)
		r = get_u32(&t[IFA_RT_PRIORITY], &i.metric);
	i.flags = m.flags;
	if (!r)
		r = get_u32(&t[IFA_FLAGS], &i.flags);
	if (r)
		return r;
	i.flags = (i.flags & IFA_F_NOPREFIXROUTE) | (i.valid_until == NSEC_NEVER ? IFA_F_PERMANENT : 0);
	i.scope = m.family == AF_INET ? m.scope : ip_is_link_local(&i.addr) ? RT_SCOPE_LINK : ip_is_loopback(&i.addr) ? RT_SCOPE_HOST : 0;
	i.has_broadcast = t[IFA_BROADCAST].is_there;
	f = (struct find_addr){ .addr = &i.addr, .dev = i.dev, .prefix_len = -1 };
	ifaddr_for_each(look, &f);
	if (f.is_there && (a->req->flags & NLM_F_EXCL || !(a->req->flags & NLM_F_REPLACE)))
		return nl_fail(a, -EEXIST, m.family == AF_INET ? "ipv4: Address already assigned" : "ipv6: address already assigned");
	r = ifaddr_insert(&i);
	if (!r && m.family == AF_INET6)
		nd_join_solicited(i.dev, &i.addr);
	if (!r && i.valid_until != NSEC_NEVER)
		worker_request_slow_tick(MIN(i.preferred_until, i.valid_until));	/* it looks for what runs out */
	return r == -EEXIST ? 0 : r;
}

static int del_addr(struct answer *a, const uint8_t *body, unsigned len)
{
	struct ifaddr i = { .metric = 0 };
	struct nl_attr_ref t[NR_ATTRS];
	struct find_addr f;
	struct ifaddrmsg m;
	int r = get_addr(a, body, len, &m, t, &i);

	if (r)
		return r;
	f = (struct find_addr){ .addr = &i.addr, .dev = i.dev, .prefix_len = t[IFA_ADDRESS].is_there || m.family == AF_INET6 ? i.prefix_len : -1 };
	ifaddr_for_each(look, &f);
	r = f.is_there ? ifaddr_remove(i.dev, &i.addr) : -EADDRNOTAVAIL;
	return r ? nl_fail(a, r, m.family == AF_INET ? "ipv4: Address not found" : "ipv6: address not found") : 0;
}

/* ---- routes ------------------------------------------------------------------------------------------------------- */

/* Destination, and what else a request says. by: ROUTE_BY_* of what it does say. */
static int get_route_of(struct answer *a, const uint8_t *body, unsigned len, struct rtmsg *m, struct route *r, unsigned *by)
{
	struct nl_attr_ref t[NR_ATTRS];
	uint32_t table, index = 0;
	struct ip_addr net;
	unsigned plen;
	int e = split(a, body, len, m, sizeof(*m), t);

	if (e)
		return e;
	if (!is_inet(m->family))
		return -EOPNOTSUPP;
	if (m->dst_len > (m->family == AF_INET ? 32 : 128))
		return nl_fail(a, -EINVAL, "Invalid prefix length");
	table = m->table;
	plen = m->dst_len + (m->family == AF_INET ? 96u : 0);
	*r = (struct route){ .dst = any_of(m->family), .gateway = any_of(m->family), .src = any_of(m->family), .prefix_len = (uint8_t)plen, .is_v4 = m->family == AF_INET,
			     .protocol = m->protocol, .valid_until = NSEC_NEVER };
	*by = m->protocol ? ROUTE_BY_PROTOCOL : 0;
	e = t[RTA_DST].is_there ? nl_get_ip(&t[RTA_DST], m->family, &r->dst) : 0;
	if (!e && t[RTA_GATEWAY].is_there) {
		*by |= ROUTE_BY_GATEWAY;
		e = nl_get_ip(&t[RTA_GATEWAY], m->family, &r->gateway);
	}
	if (!e && t[RTA_PREFSRC].is_there)
		e = nl_get_ip(&t[RTA_PREFSRC], m->family, &r->src);
	if (!e)
		e = get_u32(&t[RTA_TABLE], &table);
	if (!e)
		e = get_u32(&t[RTA_OIF], &index);
	if (!e)
		e = get_u32(&t[RTA_PRIORITY], &r->metric);
	if (e)
		return e;
	if (r->metric)
		*by |= ROUTE_BY_METRIC;
	net = ip_network_of(&r->dst, plen);
	if (m->family == AF_INET && !ip_equal(&net, &r->dst))
		return nl_fail(a, -EINVAL, "Invalid prefix for given prefix length");
	r->dst = net;
	if (t[RTA_MULTIPATH].is_there || t[RTA_VIA].is_there || m->src_len || (table && table != RT_TABLE_MAIN))
		return nl_fail(a, -EOPNOTSUPP, "One table, one next hop, no sources");
	if (index) {
		*by |= ROUTE_BY_DEV;
		r->dev = netdev_by_index(index);
		if (!r->dev)
			return -ENODEV;
	}
	return 0;
}

/* Is there a way to the gateway? It may say which device. */
static int check_gateway(struct answer *a, const struct rtmsg *m, struct route *r)
{
	bool v4 = r->is_v4;

	if (ip_is_any(&r->gateway))
		return r->dev ? 0 : -ENODEV;
	if (ip_is_ours(&r->gateway, NULL) || ip_is_multicast(&r->gateway))
		return v4 ? nl_fail(a, -EINVAL, "Nexthop has invalid gateway") : nl_fail(a, -EINVAL, "Invalid gateway address");
	if (m->flags & RTNH_F_ONLINK || (!v4 && ip_is_link_local(&r->gateway)))
		return r->dev ? 0 : nl_fail(a, -ENODEV, "Device for nexthop does not exist");
	if (!route_is_on_link(&r->gateway, &r->dev))
		return v4 ? nl_fail(a, -ENETUNREACH, "Nexthop has invalid gateway") : -EHOSTUNREACH;
	return 0;
}

static int new_route(struct answer *a, const uint8_t *body, unsigned len)
{
	unsigned by, mode = mode_of(a);
	struct route r;
	struct rtmsg m;
	int e = get_route_of(a, body, len, &m, &r, &by);

	if (e)
		return e;
	if (m.type != RTN_UNICAST)
		return m.type > 11 ? nl_fail(a, -EINVAL, "Invalid route type") : nl_fail(a, -EOPNOTSUPP, "Only unicast routes");
	e = check_gateway(a, &m, &r);
	if (e)
		return e;
	if (!(atomic_load(&r.dev->flags, RELAXED) & IFF_UP))
		return nl_fail(a, -ENETDOWN, r.is_v4 ? "Device for nexthop is not up" : "Nexthop device is not up");
	if (!ip_is_any(&r.src) && !ip_is_ours(&r.src, NULL))
		return nl_fail(a, -EINVAL, r.is_v4 ? "Invalid prefsrc address" : "Invalid source address");
	if (!r.is_v4) {
		if (!r.metric)
			r.metric = DEFAULT_METRIC6;
		if (!(mode & ROUTE_REPLACE))
			mode |= ROUTE_CREATE;	/* as Linux takes it */
	}
	if (!r.protocol)
		r.protocol = RTPROT_BOOT;
	return route_change(&r, mode);
}

static int del_route(struct answer *a, const uint8_t *body, unsigned len)
{
	struct route r;
	struct rtmsg m;
	unsigned by;
	int e = get_route_of(a, body, len, &m, &r, &by);

	return e ? e : route_delete(&r, by);
}

/* ---- neighbours --------------------------------------------------------------------------------------------------- */

static int change_neigh(struct answer *a, const uint8_t *body, unsigned len)
{
	struct nl_attr_ref t[NR_ATTRS];
	const uint8_t *mac = NULL;
	struct netdev *dev;
	struct ip_addr ip;
	struct ndmsg m;
	int r = split(a, body, len, &m, sizeof(m), t);

	if (r)
		return r;
	if (!t[NDA_DST].is_there)
		return nl_fail(a, -EINVAL, "Network address not specified");
	if (!m.index && a->req->type == RTM_NEWNEIGH)
		return -EINVAL;
	dev = netdev_by_index((uint32_t)m.index);
	if (!dev)
		return -ENODEV;
	if (!is_inet(m.family))
		return -EAFNOSUPPORT;
	if (nl_get_ip(&t[NDA_DST], m.family, &ip))
		return nl_fail(a, -EINVAL, "Invalid network address");
	if (a->req->type == RTM_DELNEIGH)
		return neigh_delete(dev, &ip);
	if (t[NDA_LLADDR].is_there) {
		if (t[NDA_LLADDR].len < 6)
			return nl_fail(a, -EINVAL, "Invalid link address");
		mac = t[NDA_LLADDR].data;
	}
	return neigh_set(dev, &ip, mac, m.state, mode_of(a));
}

int nl_change(struct answer *a, const uint8_t *body, unsigned len)
{
	switch (a->req->type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
	case RTM_SETLINK:
		return change_link(a, body, len);
	case RTM_NEWADDR:
		return new_addr(a, body, len);
	case RTM_DELADDR:
		return del_addr(a, body, len);
	case RTM_NEWROUTE:
		return new_route(a, body, len);
	case RTM_DELROUTE:
		return del_route(a, body, len);
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		return change_neigh(a, body, len);
	}
	return -EOPNOTSUPP;
}
