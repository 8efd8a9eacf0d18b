// SPDX-License-Identifier: MIT
/*
 * AF_NETLINK, NETLINK_ROUTE: netlink(7), rtnetlink(7). Answers questions about links, addresses, routes and neighbours (what getifaddrs(3), getaddrinfo(3) and `ip` ask),
 * and announces changes to who is a member of a group; netlink-change.c makes them. A request is answered at once into the socket's queue, in chunks as long as a page.
 */
#include "net/netlink-priv.h"

#include "fs/cred.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "net/bpf.h"
#include "net/neigh.h"
#include "net/netdev-priv.h"
#include "net/pkt-uio.h"
#include "net/route.h"
#include "net/socket.h"
#include "sched/clock.h"

#define CHUNK		3584u
#define MAX_REQUEST	65536u
#define MAX_QUEUED	(32u << 20)	/* 80,000 connections; the end of a dump comes in any case */
#define QUOTED_MAX	256u		/* of a request, in an error that lies behind other messages */
#define MAX_MEMBERS	16u		/* of a group that are told */
#define SOL_NETLINK	270
#define ARPHRD_ETHER	1
#define ARPHRD_LOOPBACK	772
#define IFF_LOWER_UP	0x10000u
#define POLL_IN		(FILE_POLLIN | FILE_POLLRDNORM)
#define POLL_OUT	(FILE_POLLOUT | FILE_POLLWRNORM)

static struct nl_sock *nl_of(struct socket *so)
{
	return container_of(so, struct nl_sock, so);
}

/* ---- composing ------------------------------------------------------------------------------------------------------------------- */

/* The socket's filter sees a message from its header on, or the first of several. False: dropped. */
static bool is_wanted(struct nl_sock *nl, struct pkt *p)
{
	struct bpf_view v = { .pkt = p, .net = BPF_NONE, .link = BPF_NONE };
	uint32_t keep = sock_filter_view(&nl->so, &v);

	if (keep < p->len)
		pkt_trim_to(p, keep);
	return keep;
}

/* take: p. lock of nl held. */
static void append(struct nl_sock *nl, struct pkt *p)
{
	if (unlikely(atomic_load(&nl->so.filter, RELAXED)) && !is_wanted(nl, p)) {
		pkt_free(p);
		return;
	}
	nl->queued += p->len;
	pkt_set_next(p, NULL);
	if (nl->tail)
		pkt_set_next(nl->tail, p);
	else
		atomic_store(&nl->head, p, RELAXED);
	nl->tail = p;
}

/* lock of nl held. */
static void take_notes(struct nl_sock *nl)
{
	struct mpsc_node *n = mpsc_is_empty(&nl->notes) ? NULL : mpsc_reverse(mpsc_take_newest_first(&nl->notes));

	while (n) {
		struct pkt *p = container_of(n, struct pkt, node);

		n = n->next;
		(void)atomic_fetch_sub(&nl->note_bytes, p->len, RELAXED);
		append(nl, p);
	}
}

static void flush(struct answer *a)
{
	struct pkt *p = a->p;

	a->p = NULL;
	if (!p)
		return;
	if (!p->len || (a->nl->queued > MAX_QUEUED && !a->is_end)) {
		pkt_free(p);
		return;
	}
	take_notes(a->nl);	/* what the request has changed was announced before it is answered */
	append(a->nl, p);
}

void *nl_begin(struct answer *a, uint16_t type, unsigned size)
{
	if (a->p && a->p->len + 1024 > CHUNK)
		flush(a);
	if (!a->p)
		a->p = pkt_alloc(0, CHUNK);
	if (!a->p) {
		a->error = -ENOBUFS;
		return NULL;
	}
	a->msg = pkt_put(a->p, (unsigned)sizeof(*a->msg) + size);
	*a->msg = (struct nlmsghdr){ .len = (uint32_t)sizeof(*a->msg) + size, .type = a->type ? a->type : type, .flags = a->req->flags & NLM_F_DUMP && (a->req->type & 3) == 2 ? NLM_F_MULTI : 0, .seq = a->req->seq,
				     .pid = a->nl ? a->nl->pid : 0 };
	memset(a->msg + 1, 0, size);
	return a->msg + 1;
}

void nl_attr(struct answer *a, uint16_t type, const void *data, unsigned len)
{
	struct rtattr h = { .len = (uint16_t)(sizeof(h) + len), .type = type };
	unsigned padded = ALIGN_UP((unsigned)sizeof(h) + len, 4u);
	uint8_t *at = pkt_put(a->p, padded);

	memset(at, 0, padded);
	memcpy(at, &h, sizeof(h));
	memcpy(at + sizeof(h), data, len);
	a->msg->len += padded;
}

void nl_attr_u32(struct answer *a, uint16_t type, uint32_t v)
{
	nl_attr(a, type, &v, 4);
}

static void attr_ip(struct answer *a, uint16_t type, const struct ip_addr *ip)
{
	if (ip_is_v4(ip))
		nl_attr(a, type, &ip->w[3], 4);
	else
		nl_attr(a, type, ip->b, 16);
}

static void put_link(struct answer *a, const struct netdev *d)
{
	struct ifinfomsg *m = nl_begin(a, RTM_NEWLINK, sizeof(*m));
	uint32_t flags = atomic_load(&d->flags, RELAXED), stats[24] = { 0 };
	uint64_t stats64[25] = { 0 };
	uint8_t map[32] = { 0 }, carrier = flags & IFF_RUNNING || d == &loopback, broadcast[6], state = d == &loopback && flags & IFF_UP ? 0 : flags & IFF_RUNNING ? 6 : 2, mode = 0;	/* unknown, up, down */
	struct netdev_traffic traffic = netdev_traffic(d);

	if (!m)
		return;
	m->type = d == &loopback ? ARPHRD_LOOPBACK : ARPHRD_ETHER;
	m->index = (int32_t)d->index;
	m->flags = flags | (flags & IFF_RUNNING ? IFF_LOWER_UP : 0);
	m->change = a->nl ? 0 : UINT32_MAX;
	memset(broadcast, d == &loopback ? 0 : 0xff, 6);
	nl_attr(a, IFLA_IFNAME, d->name, (unsigned)strlen(d->name) + 1);
	nl_attr_u32(a, IFLA_TXQLEN, 1000);
	nl_attr(a, IFLA_OPERSTATE, &state, 1);
	nl_attr(a, IFLA_LINKMODE, &mode, 1);
	nl_attr_u32(a, IFLA_MTU, atomic_load(&d->mtu, RELAXED));
	nl_attr_u32(a, IFLA_MIN_MTU, d == &loopback ? 0 : 68);	/* RFC 791: what each must be able to pass on */
	nl_attr_u32(a, IFLA_MAX_MTU, d == &loopback ? 0 : 65535);
	nl_attr_u32(a, IFLA_GROUP, 0);
	nl_attr_u32(a, IFLA_PROMISCUITY, 0);
	nl_attr_u32(a, IFLA_NUM_TX_QUEUES, 1);
	nl_attr_u32(a, IFLA_NUM_RX_QUEUES, 1);
	nl_attr(a, IFLA_CARRIER, &carrier, 1);
	nl_attr_u32(a, IFLA_CARRIER_CHANGES, 0);
	nl_attr(a, IFLA_PROTO_DOWN, &mode, 1);
	nl_attr(a, IFLA_MAP, map, sizeof(map));
	nl_attr(a, IFLA_QDISC, "noqueue", 8);
	nl_attr(a, IFLA_ADDRESS, d->mac, 6);
	nl_attr(a, IFLA_BROADCAST, broadcast, 6);
	stats64[0] = traffic.rx_packets;
	stats64[1] = traffic.tx_packets;
	stats64[2] = traffic.rx_bytes;
	stats64[3] = traffic.tx_bytes;
	for (unsigned i = 0; i < 4; i++)
		stats[i] = (uint32_t)stats64[i];
	nl_attr(a, IFLA_STATS64, stats64, sizeof(stats64));
	nl_attr(a, IFLA_STATS, stats, sizeof(stats));
}

static uint8_t family_of(const struct ip_addr *ip)
{
	return ip_is_v4(ip) ? AF_INET : AF_INET6;
}

static bool put_addr(const struct ifaddr *i, void *arg)
{
	struct answer *a = arg;
	struct ifaddrmsg *m;
	uint32_t info[4] = { 0xffffffff, 0xffffffff, 0, 0 }, flags = atomic_load(&i->flags, RELAXED);
	nsec_t now = clock_monotonic();

	if (a->family && a->family != family_of(&i->addr))
		return true;
	m = nl_begin(a, RTM_NEWADDR, sizeof(*m));
	if (!m)
		return false;
	m->family = family_of(&i->addr);
	m->prefix_len = (uint8_t)(m->family == AF_INET ? i->prefix_len - 96 : i->prefix_len);
	m->flags = (uint8_t)flags;
	m->scope = i->scope;
	m->index = i->dev->index;
	if (i->valid_until != NSEC_NEVER) {
		info[0] = (uint32_t)((MAX(i->preferred_until, now) - now) / NSEC_PER_SEC);
		info[1] = (uint32_t)((MAX(i->valid_until, now) - now) / NSEC_PER_SEC);
	}
	attr_ip(a, IFA_ADDRESS, &i->addr);
	if (m->family == AF_INET) {
		attr_ip(a, IFA_LOCAL, &i->addr);
		if (i->has_broadcast)
			attr_ip(a, IFA_BROADCAST, &i->broadcast);
		nl_attr(a, IFA_LABEL, i->dev->name, (unsigned)strlen(i->dev->name) + 1);
	}
	if (i->metric)
		nl_attr_u32(a, IFA_RT_PRIORITY, i->metric);
	nl_attr_u32(a, IFA_FLAGS, flags);
	nl_attr(a, IFA_CACHEINFO, info, sizeof(info));
	return true;
}

static bool put_route(const struct route *r, void *arg)
{
	struct answer *a = arg;
	uint8_t family = r->is_v4 ? AF_INET : AF_INET6, medium = 0;
	struct rtmsg *m;

	if (a->family && a->family != family)
		return true;
	m = nl_begin(a, RTM_NEWROUTE, sizeof(*m));
	if (!m)
		return false;
	m->family = family;
	m->dst_len = (uint8_t)(r->is_v4 ? r->prefix_len - 96 : r->prefix_len);
	m->table = RT_TABLE_MAIN;
	m->protocol = r->protocol ? r->protocol : ip_is_any(&r->gateway) ? RTPROT_KERNEL : RTPROT_BOOT;
	m->scope = ip_is_any(&r->gateway) && r->is_v4 ? RT_SCOPE_LINK : 0;
	m->type = RTN_UNICAST;
	nl_attr_u32(a, RTA_TABLE, RT_TABLE_MAIN);
	if (m->dst_len)
		attr_ip(a, RTA_DST, &r->dst);
	if (!ip_is_any(&r->gateway))
		attr_ip(a, RTA_GATEWAY, &r->gateway);
	if (r->metric)
		nl_attr_u32(a, RTA_PRIORITY, r->metric);
	if (!ip_is_any(&r->src))
		attr_ip(a, RTA_PREFSRC, &r->src);
	nl_attr_u32(a, RTA_OIF, r->dev->index);
	if (!r->is_v4)
		nl_attr(a, RTA_PREF, &medium, 1);
	return true;
}

static bool put_default(const struct route *r, void *arg)
{
	return !r->is_v4 || r->prefix_len != 96 || put_route(r, arg);
}

static bool put_other(const struct route *r, void *arg)
{
	return (r->is_v4 && r->prefix_len == 96) || put_route(r, arg);
}

/* IPv4's default routes come first, as in Linux, whose table is in the order of addresses. */
static void dump_routes(struct answer *a)
{
	route_for_each(put_default, a);
	route_for_each(put_other, a);
}

static void put_neigh(const struct neigh *n, void *arg)
{
	static const uint16_t states[] = { 1, 2, 4, 8, 16, 32 };
	struct answer *a = arg;
	uint64_t mac = atomic_load(&n->mac, RELAXED);
	struct ndmsg *m;

	if ((a->family && a->family != family_of(&n->addr)) || neigh_is_unasked(n))
		return;
	m = nl_begin(a, RTM_NEWNEIGH, sizeof(*m));
	if (!m)
		return;
	m->family = family_of(&n->addr);
	m->index = (int32_t)n->dev->index;
	m->state = n->is_permanent ? NUD_PERMANENT : states[n->state];
	m->type = 1;
	attr_ip(a, NDA_DST, &n->addr);
	if (mac)
		nl_attr(a, NDA_LLADDR, &mac, 6);
}

/* nlmsgerr: of a failure with the request that it is about, unless that is not wanted (NETLINK_CAP_ACK), and the reason, if it is (NETLINK_EXT_ACK). */
void nl_put_error(struct answer *a, int error)
{
	struct {
		int32_t error;
		struct nlmsghdr msg;
	} *e;
	bool is_whole = error && !(a->nl->options >> NETLINK_CAP_ACK & 1);
	unsigned len = is_whole ? a->req->len - (unsigned)sizeof(e->msg) : 0;
	const char *message = error && a->nl->options >> NETLINK_EXT_ACK & 1 ? a->message : NULL;

	a->type = 0;
	if (len > QUOTED_MAX) {		/* longer than a message of ours may be: in a buffer of its own */
		flush(a);
		a->p = pkt_alloc(0, len + CHUNK);
	}
	e = nl_begin(a, NLMSG_ERROR, sizeof(*e));
	if (!e)
		return;
	a->msg->flags = (is_whole ? 0 : NLM_F_CAPPED) | (message ? NLM_F_ACK_TLVS : 0);
	e->error = error;
	e->msg = *a->req;
	if (len) {
		memset(pkt_put(a->p, ALIGN_UP(len, 4u)), 0, ALIGN_UP(len, 4u));
		memcpy(e + 1, a->body, len);
		a->msg->len += ALIGN_UP(len, 4u);
	}
	if (message)
		nl_attr(a, NLMSGERR_ATTR_MSG, message, (unsigned)strlen(message) + 1);
}

/* `ip route get`: one route to one address. */
static void get_route(struct answer *a, const uint8_t *attrs, unsigned len)
{
	struct nl_attr_ref t[RTA_UID + 1];
	struct ip_addr dst, src = { .d = { 0, 0 } };
	uint32_t index, cache[8] = { 0 };
	struct netdev *dev = NULL;
	struct ip_route rt;
	struct rtmsg *m;
	int r;

	nl_parse(attrs, len, t, ARRAY_SIZE(t));
	if (!t[RTA_DST].is_there) {
		nl_put_error(a, -EINVAL);
		return;
	}
	r = nl_get_ip(&t[RTA_DST], a->family, &dst);
	if (!r && t[RTA_SRC].is_there)
		r = nl_get_ip(&t[RTA_SRC], a->family, &src);
	if (!r && t[RTA_OIF].len >= 4) {
		memcpy(&index, t[RTA_OIF].data, 4);
		dev = netdev_by_index(index);
		r = dev ? 0 : -ENODEV;
	}
	if (!r)
		r = ip_route_lookup(&dst, &src, dev, &rt);
	if (r) {
		nl_put_error(a, r);
		return;
	}
	m = nl_begin(a, RTM_NEWROUTE, sizeof(*m));
	if (m) {
		m->family = a->family;
		m->dst_len = a->family == AF_INET ? 32 : 128;
		m->table = RT_TABLE_MAIN;
		m->type = rt.is_local ? RTN_LOCAL : rt.is_broadcast ? 3 : rt.is_multicast ? 5 : RTN_UNICAST;
		m->flags = RTM_F_CLONED | (rt.is_local && a->family == AF_INET ? RTCF_LOCAL : 0);
		nl_attr_u32(a, RTA_TABLE, RT_TABLE_MAIN);
		attr_ip(a, RTA_DST, &dst);
		nl_attr_u32(a, RTA_OIF, rt.dev->index);
		attr_ip(a, RTA_PREFSRC, &rt.src);
		if (rt.neigh && !ip_equal(&rt.neigh->addr, &dst))
			attr_ip(a, RTA_GATEWAY, &rt.neigh->addr);
		nl_attr(a, RTA_CACHEINFO, cache, sizeof(cache));
		if (a->family == AF_INET) {
			nl_attr_u32(a, RTA_UID, a->nl->so.cred.uid);
		} else {
			m->src_len = 128;
			attr_ip(a, RTA_SRC, &src);
			nl_attr(a, RTA_PREF, cache, 1);
		}
	}
	ip_route_put(&rt);
}

static void get_links(struct answer *a, const uint8_t *body, unsigned len)
{
	struct ifinfomsg m = { .index = 0 };
	bool is_dump = a->req->flags & NLM_F_DUMP, found = false;
	char name[NETDEV_NAME_LEN] = "";

	memcpy(&m, body, MIN(len, (unsigned)sizeof(m)));
	if (!is_dump && len > sizeof(m) + 4) {
		struct rtattr h;

		memcpy(&h, body + sizeof(m), sizeof(h));
		if (h.type == IFLA_IFNAME && h.len > sizeof(h) && h.len <= len - sizeof(m))
			strlcpy(name, (const char *)body + sizeof(m) + sizeof(h), MIN(sizeof(name), h.len - sizeof(h) + 1));
	}
	for (struct netdev *d = netdev_first(); d; d = d->next) {
		if (is_dump || (m.index ? (int32_t)d->index == m.index : !strcmp(d->name, name))) {
			put_link(a, d);
			found = true;
		}
	}
	if (!found && !is_dump)
		nl_put_error(a, -ENODEV);
}

/* One request. */
static void handle(struct nl_sock *nl, const struct nlmsghdr *req, const uint8_t *body, unsigned len)
{
	struct answer a = { .nl = nl, .req = req, .body = body, .family = len ? body[0] : 0 };
	bool is_dump = (req->flags & NLM_F_DUMP) != 0;
	int r;

	if (nl->so.proto == NETLINK_SOCK_DIAG) {
		is_dump = nl_diag(&a, body, len) && is_dump;
		goto end;
	}
	if ((req->type & 3) != (RTM_GETLINK & 3) && req->type <= RTM_MAX) {
		r = !capable(CAP_NET_ADMIN) ? -EPERM : nl_change(&a, body, len);
		if (r || req->flags & NLM_F_ACK)
			nl_put_error(&a, r);
		a.is_end = true;
		flush(&a);
		return;
	}
	switch (req->type) {
	case RTM_GETLINK:
		get_links(&a, body, len);
		break;
	case RTM_GETADDR:
		ifaddr_for_each(put_addr, &a);
		break;
	case RTM_GETROUTE:
		if (is_dump)
			dump_routes(&a);
		else
			get_route(&a, body + MIN(len, (unsigned)sizeof(struct rtmsg)), len - MIN(len, (unsigned)sizeof(struct rtmsg)));
		break;
	case RTM_GETNEIGH:
		neigh_for_each(put_neigh, &a);
		break;
	default:
		nl_put_error(&a, -EOPNOTSUPP);
		is_dump = false;
	}
end:
	if (is_dump) {
		int32_t *result = nl_begin(&a, NLMSG_DONE, sizeof(*result));

		if (result)
			*result = 0;
	} else if (req->flags & NLM_F_ACK && req->type <= RTM_GETNEIGH) {
		nl_put_error(&a, 0);
	}
	a.is_end = true;
	flush(&a);
}

/* ---- calls ------------------------------------------------------------------------------------------------------------------------- */

static ssize_t nl_send(struct socket *so, struct sock_msg *m)
{
	struct nl_sock *nl = nl_of(so);
	size_t total = m->uio->left;
	uint8_t *buf;

	if (total > MAX_REQUEST)
		return -EMSGSIZE;
	buf = kmalloc(MAX(total, (size_t)1));
	if (!buf)
		return -ENOBUFS;
	if (total && uio_copy_from(m->uio, buf, total) != (ssize_t)total) {
		kfree(buf);
		return -EFAULT;
	}
	mutex_lock(&so->lock);
	for (size_t off = 0; off + sizeof(struct nlmsghdr) <= total;) {
		struct nlmsghdr h;

		memcpy(&h, buf + off, sizeof(h));
		if (h.len < sizeof(h) || h.len > total - off)
			break;
		if (h.flags & NLM_F_REQUEST && h.type >= 16)
			handle(nl, &h, buf + off + sizeof(h), h.len - (unsigned)sizeof(h));
		off += ALIGN_UP((size_t)h.len, 4ul);
	}
	mutex_unlock(&so->lock);
	kfree(buf);
	socket_wake(so, (unsigned)-1, POLL_IN);
	return (ssize_t)total;
}

static bool has_data(struct nl_sock *nl)
{
	return atomic_load(&nl->head, RELAXED) || !mpsc_is_empty_acquire(&nl->notes);
}

static ssize_t nl_recv(struct socket *so, struct sock_msg *m)
{
	struct nl_sock *nl = nl_of(so);
	nsec_t deadline = sock_deadline(atomic_load(&so->rcv_timeout, RELAXED));
	struct pkt *p;
	unsigned len;
	ssize_t n;
	int r;

	for (;;) {
		r = sock_take_error(so);
		if (r)
			return r;
		mutex_lock(&so->lock);
		if (!nl->head)
			take_notes(nl);
		p = nl->head;
		if (p)
			break;
		mutex_unlock(&so->lock);
		if (m->is_nonblock)
			return -EAGAIN;
		r = waitq_wait_until(&so->wq, "netlink", POLL_IN | FILE_POLLERR, has_data(nl) || atomic_load(&so->error, RELAXED), deadline, WAIT_INTERRUPTIBLE);
		if (r)
			return sock_wait_error(r, deadline);
	}
	len = (unsigned)MIN((size_t)p->len, m->uio->left);
	n = len ? pkt_to_uio(p, 0, m->uio, len) : 0;
	if (n == (ssize_t)len) {
		if (len < p->len)
			m->out_flags |= MSG_TRUNC;
		if (m->flags & MSG_TRUNC)
			n = (ssize_t)p->len;
		if (m->name)
			*m->name = (struct sock_addr){ .len = 12, .nl = { .family = AF_NETLINK, .groups = p->hash ? 1u << (p->hash - 1) : 0 } };
	} else {
		n = -EFAULT;
	}
	if (!(m->flags & MSG_PEEK)) {
		atomic_store(&nl->head, pkt_next(p), RELAXED);
		if (!nl->head)
			nl->tail = NULL;
		nl->queued -= p->len;
		pkt_free(p);
	}
	mutex_unlock(&so->lock);
	return n;
}

/* ---- groups ----------------------------------------------------------------------------------------------------------------------- */

struct members {
	unsigned group, nr;
	struct socket *who[MAX_MEMBERS];	/* referenced */
};

/* socket_for_each(). */
static void find_member(struct socket *so, void *arg)
{
	struct members *m = arg;

	if (so->family == AF_NETLINK && so->proto == NETLINK_ROUTE && atomic_load(&nl_of(so)->groups, RELAXED) >> (m->group - 1) & 1 && m->nr < MAX_MEMBERS && socket_try_get(so))
		m->who[m->nr++] = so;
}

/* A copy for a member, without its lock. */
static void give_note(struct socket *so, const struct pkt *p, unsigned group)
{
	struct nl_sock *nl = nl_of(so);
	struct pkt *c = atomic_load(&nl->note_bytes, RELAXED) < atomic_load(&so->rcvbuf, RELAXED) ? pkt_copy(p, 0) : NULL;

	if (c) {
		c->hash = group;
		(void)atomic_fetch_add(&nl->note_bytes, c->len, RELAXED);
		(void)mpsc_push(&nl->notes, &c->node);
	} else if (!(atomic_load(&nl->options, RELAXED) >> NETLINK_NO_ENOBUFS & 1)) {
		atomic_store(&so->error, ENOBUFS, RELAXED);	/* it has missed something: netlink(7) */
	}
	socket_wake(so, (unsigned)-1, POLL_IN);
}

/* net_watch: tell the members of its group. */
static void announce(enum net_event e, const void *what)
{
	static const struct nlmsghdr no_request;
	struct answer a = { .req = &no_request };
	struct members m = { .group = RTNLGRP_LINK };
	const struct ifaddr *addr = what;
	const struct route *route = what;

	switch (e) {
	case NET_ADDR_NEW:
	case NET_ADDR_GONE:
		a.type = e == NET_ADDR_NEW ? RTM_NEWADDR : RTM_DELADDR;
		m.group = ip_is_v4(&addr->addr) ? RTNLGRP_IPV4_IFADDR : RTNLGRP_IPV6_IFADDR;
		(void)put_addr(addr, &a);
		break;
	case NET_ROUTE_NEW:
	case NET_ROUTE_GONE:
		a.type = e == NET_ROUTE_NEW ? RTM_NEWROUTE : RTM_DELROUTE;
		m.group = route->is_v4 ? RTNLGRP_IPV4_ROUTE : RTNLGRP_IPV6_ROUTE;
		(void)put_route(route, &a);
		break;
	case NET_NEIGH_NEW:
	case NET_NEIGH_GONE:
		a.type = e == NET_NEIGH_NEW ? RTM_NEWNEIGH : RTM_DELNEIGH;
		m.group = RTNLGRP_NEIGH;
		put_neigh(what, &a);
		break;
	case NET_LINK:
		put_link(&a, what);
		break;
	}
	if (!a.p)
		return;
	socket_for_each(find_member, &m);
	for (unsigned i = 0; i < m.nr; i++) {
		give_note(m.who[i], a.p, m.group);
		socket_put(m.who[i]);
	}
	pkt_free(a.p);
}

/* Of the groups in mask, those in groups and no others. */
static void set_groups(struct nl_sock *nl, uint64_t groups, uint64_t mask)
{
	atomic_store(&nl->groups, (nl->groups & ~mask) | (groups & mask), RELAXED);
	if (nl->groups && nl->so.proto == NETLINK_ROUTE)
		atomic_store(&net_watch, announce, RELAXED);
}

static int nl_bind(struct socket *so, const struct sock_addr *a)
{
	if (a->len < 12 || a->family != AF_NETLINK)
		return -EINVAL;
	if (a->nl.pid)
		nl_of(so)->pid = a->nl.pid;
	set_groups(nl_of(so), a->nl.groups, UINT32_MAX);
	return 0;
}

static int nl_connect(struct socket *so, const struct sock_addr *a, bool is_nonblock)
{
	(void)so;
	(void)is_nonblock;
	return a->len >= 2 && (a->family == AF_NETLINK || a->family == AF_UNSPEC) ? 0 : -EINVAL;
}

static int nl_getname(struct socket *so, struct sock_addr *out, enum sock_name whose)
{
	*out = (struct sock_addr){ .len = 12, .nl = { .family = AF_NETLINK, .pid = whose ? 0 : nl_of(so)->pid, .groups = whose ? 0 : (uint32_t)nl_of(so)->groups } };
	return 0;
}

static uint32_t nl_poll(struct socket *so)
{
	return POLL_OUT | (has_data(nl_of(so)) ? POLL_IN : 0) | (atomic_load(&so->error, RELAXED) ? FILE_POLLERR : 0);
}

static int nl_setopt(struct socket *so, int level, int name, const void *value, unsigned len)
{
	struct nl_sock *nl = nl_of(so);
	uint32_t v = 0;

	if (level != SOL_NETLINK)
		return -ENOPROTOOPT;
	if (len >= sizeof(v))
		memcpy(&v, value, sizeof(v));
	if (len < sizeof(v) && name != NETLINK_LIST_MEMBERSHIPS)
		return -EINVAL;
	switch (name) {
	case NETLINK_ADD_MEMBERSHIP:
	case NETLINK_DROP_MEMBERSHIP:
		if (!v || v > RTNLGRP_MAX)
			return -EINVAL;
		mutex_lock(&so->lock);
		set_groups(nl, name == NETLINK_ADD_MEMBERSHIP ? UINT64_MAX : 0, 1ull << (v - 1));
		mutex_unlock(&so->lock);
		return 0;
	case NETLINK_PKTINFO:
	case NETLINK_BROADCAST_ERROR:
	case NETLINK_NO_ENOBUFS:
	case NETLINK_LISTEN_ALL_NSID:
	case NETLINK_CAP_ACK:
	case NETLINK_EXT_ACK:
	case NETLINK_GET_STRICT_CHK:
		if (v)
			(void)atomic_fetch_or(&nl->options, 1u << name, RELAXED);
		else
			(void)atomic_fetch_and(&nl->options, ~(1u << name), RELAXED);
		return 0;
	}
	return -ENOPROTOOPT;
}

static int nl_getopt(struct socket *so, int level, int name, void *value, unsigned *len)
{
	struct nl_sock *nl = nl_of(so);
	uint64_t groups = atomic_load(&nl->groups, RELAXED);
	uint32_t v;

	if (level != SOL_NETLINK)
		return -ENOPROTOOPT;
	if (name == NETLINK_LIST_MEMBERSHIPS) {		/* the length that is needed comes back */
		memcpy(value, &groups, MIN(*len & ~3u, (unsigned)sizeof(groups)));
		*len = sizeof(groups);
		return 0;
	}
	if (name < NETLINK_PKTINFO || name > NETLINK_GET_STRICT_CHK || name == 6 || name == 7)
		return -ENOPROTOOPT;
	if (*len < sizeof(v))
		return -EINVAL;
	v = atomic_load(&nl->options, RELAXED) >> name & 1;
	memcpy(value, &v, sizeof(v));
	*len = sizeof(v);
	return 0;
}

static void nl_release(struct socket *so)
{
	struct nl_sock *nl = nl_of(so);

	mutex_lock(&so->lock);
	take_notes(nl);
	pkt_free_list(nl->head);
	nl->head = nl->tail = NULL;
	mutex_unlock(&so->lock);
}

static void nl_destroy(struct socket *so)
{
	struct mpsc_node *n = mpsc_take_newest_first(&nl_of(so)->notes);	/* announced after it was closed */

	if (n)
		pkt_free_list(container_of(n, struct pkt, node));
	socket_free(so);
}

static const struct socket_ops nl_ops = {
	.bind = nl_bind,
	.connect = nl_connect,
	.getname = nl_getname,
	.send = nl_send,
	.recv = nl_recv,
	.poll = nl_poll,
	.setopt = nl_setopt,
	.getopt = nl_getopt,
	.release = nl_release,
	.destroy = nl_destroy,
};

static int nl_create(struct socket **out, int family, int type, int proto)
{
	struct nl_sock *nl = KNEW(struct nl_sock);

	_Static_assert(offsetof(struct nl_sock, so) == 0, "socket_free() frees it");
	if (!nl)
		return -ENOMEM;
	socket_init(&nl->so, &nl_ops, family, type, proto);
	nl->pid = (uint32_t)nl->so.ino;
	*out = &nl->so;
	return 0;
}

NET_PROTO(netlink_raw, .family = AF_NETLINK, .type = SOCK_RAW, .proto = NETLINK_ROUTE, .is_default = true, .create = nl_create);
NET_PROTO(netlink_dgram, .family = AF_NETLINK, .type = SOCK_DGRAM, .proto = NETLINK_ROUTE, .is_default = true, .create = nl_create);
NET_PROTO(netlink_diag_raw, .family = AF_NETLINK, .type = SOCK_RAW, .proto = NETLINK_SOCK_DIAG, .create = nl_create);
NET_PROTO(netlink_diag_dgram, .family = AF_NETLINK, .type = SOCK_DGRAM, .proto = NETLINK_SOCK_DIAG, .create = nl_create);
