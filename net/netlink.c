// SPDX-License-Identifier: MIT
/*
 * AF_NETLINK, NETLINK_ROUTE: netlink(7), rtnetlink(7). Answers questions about links, addresses, routes and neighbours (what getifaddrs(3), getaddrinfo(3) and `ip` ask); changes
 * nothing (-EOPNOTSUPP) and sends no notifications. A request is answered at once into the socket's queue, in chunks as long as a page.
 */
#include "net/netlink-priv.h"

#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "net/neigh.h"
#include "net/netdev-priv.h"
#include "net/pkt-uio.h"
#include "net/route.h"
#include "net/socket.h"
#include "sched/clock.h"

#define CHUNK		3584u
#define MAX_REQUEST	65536u
#define MAX_QUEUED	(32u << 20)	/* 80,000 connections; the end of a dump comes in any case */
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
	a->nl->queued += p->len;
	pkt_set_next(p, NULL);
	if (a->nl->tail)
		pkt_set_next(a->nl->tail, p);
	else
		atomic_store(&a->nl->head, p, RELAXED);
	a->nl->tail = p;
}

void *nl_begin(struct answer *a, uint16_t type, unsigned size)
{
	if (a->p && a->p->len + 512 > CHUNK)
		flush(a);
	if (!a->p)
		a->p = pkt_alloc(0, CHUNK);
	if (!a->p) {
		a->error = -ENOBUFS;
		return NULL;
	}
	a->msg = pkt_put(a->p, (unsigned)sizeof(*a->msg) + size);
	*a->msg = (struct nlmsghdr){ .len = (uint32_t)sizeof(*a->msg) + size, .type = type, .flags = a->req->flags & NLM_F_DUMP ? NLM_F_MULTI : 0, .seq = a->req->seq,
				     .pid = a->nl->pid };
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

static void put_link(struct answer *a, struct netdev *d)
{
	struct ifinfomsg *m = nl_begin(a, RTM_NEWLINK, sizeof(*m));
	uint32_t flags = atomic_load(&d->flags, RELAXED), stats[23] = { 0 };
	uint8_t broadcast[6], up = 6, mode = 0;
	struct netdev_traffic traffic = netdev_traffic(d);

	if (!m)
		return;
	m->type = d == &loopback ? ARPHRD_LOOPBACK : ARPHRD_ETHER;
	m->index = (int32_t)d->index;
	m->flags = flags | (flags & 0x40 ? IFF_LOWER_UP : 0);
	memset(broadcast, d == &loopback ? 0 : 0xff, 6);
	nl_attr(a, IFLA_IFNAME, d->name, (unsigned)strlen(d->name) + 1);
	nl_attr_u32(a, IFLA_TXQLEN, 1000);
	nl_attr(a, IFLA_OPERSTATE, &up, 1);
	nl_attr(a, IFLA_LINKMODE, &mode, 1);
	nl_attr_u32(a, IFLA_MTU, atomic_load(&d->mtu, RELAXED));
	nl_attr(a, IFLA_QDISC, "noqueue", 8);
	nl_attr(a, IFLA_ADDRESS, d->mac, 6);
	nl_attr(a, IFLA_BROADCAST, broadcast, 6);
	stats[0] = (uint32_t)traffic.rx_packets;
	stats[1] = (uint32_t)traffic.tx_packets;
	stats[2] = (uint32_t)traffic.rx_bytes;
	stats[3] = (uint32_t)traffic.tx_bytes;
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
	m->scope = ip_is_loopback(&i->addr) ? 254 : ip_is_link_local(&i->addr) ? 253 : 0;
	m->index = i->dev->index;
	if (i->valid_until != NSEC_NEVER) {
		info[0] = (uint32_t)((MAX(i->preferred_until, now) - now) / NSEC_PER_SEC);
		info[1] = (uint32_t)((MAX(i->valid_until, now) - now) / NSEC_PER_SEC);
	}
	attr_ip(a, IFA_ADDRESS, &i->addr);
	if (m->family == AF_INET) {
		attr_ip(a, IFA_LOCAL, &i->addr);
		if (i->dev != &loopback)
			attr_ip(a, IFA_BROADCAST, &i->broadcast);
		nl_attr(a, IFA_LABEL, i->dev->name, (unsigned)strlen(i->dev->name) + 1);
	}
	nl_attr_u32(a, IFA_FLAGS, flags);
	nl_attr(a, IFA_CACHEINFO, info, sizeof(info));
	return true;
}

static bool put_route(const struct route *r, void *arg)
{
	struct answer *a = arg;
	uint8_t family = r->is_v4 ? AF_INET : AF_INET6;
	struct rtmsg *m;

	if (a->family && a->family != family)
		return true;
	m = nl_begin(a, RTM_NEWROUTE, sizeof(*m));
	if (!m)
		return false;
	m->family = family;
	m->dst_len = (uint8_t)(r->is_v4 ? r->prefix_len - 96 : r->prefix_len);
	m->table = 254;		/* main */
	m->protocol = ip_is_any(&r->gateway) ? 2 : 3;	/* kernel, boot */
	m->scope = ip_is_any(&r->gateway) && r->is_v4 ? 253 : 0;
	m->type = 1;		/* unicast */
	nl_attr_u32(a, RTA_TABLE, 254);
	if (m->dst_len)
		attr_ip(a, RTA_DST, &r->dst);
	if (!ip_is_any(&r->gateway))
		attr_ip(a, RTA_GATEWAY, &r->gateway);
	if (r->metric)
		nl_attr_u32(a, RTA_PRIORITY, r->metric);
	nl_attr_u32(a, RTA_OIF, r->dev->index);
	return true;
}

static void put_neigh(const struct neigh *n, void *arg)
{
	static const uint16_t states[] = { 1, 2, 4, 8, 16, 32 };
	struct answer *a = arg;
	uint64_t mac = atomic_load(&n->mac, RELAXED);
	struct ndmsg *m;

	if (a->family && a->family != family_of(&n->addr))
		return;
	m = nl_begin(a, RTM_NEWNEIGH, sizeof(*m));
	if (!m)
		return;
	m->family = family_of(&n->addr);
	m->index = (int32_t)n->dev->index;
	m->state = states[n->state];
	m->type = 1;
	attr_ip(a, NDA_DST, &n->addr);
	if (mac)
		nl_attr(a, NDA_LLADDR, &mac, 6);
}

void nl_put_error(struct answer *a, int error)
{
	struct {
		int32_t error;
		struct nlmsghdr msg;
	} *e = nl_begin(a, NLMSG_ERROR, sizeof(*e));

	if (!e)
		return;
	a->msg->flags = 0;
	e->error = error;
	e->msg = *a->req;
}

/* `ip route get`: one route to one address. */
static void get_route(struct answer *a, const uint8_t *attrs, unsigned len)
{
	struct ip_addr dst = { .d = { 0, 0 } };
	struct ip_route rt;
	struct rtmsg *m;
	bool has_dst = false;
	int r;

	for (unsigned i = 0; i + sizeof(struct rtattr) <= len;) {
		struct rtattr h;

		memcpy(&h, attrs + i, sizeof(h));
		if (h.len < sizeof(h) || i + h.len > len)
			break;
		if (h.type == RTA_DST && h.len >= sizeof(h) + (a->family == AF_INET ? 4 : 16)) {
			uint32_t v4;

			memcpy(&v4, attrs + i + sizeof(h), 4);
			if (a->family == AF_INET)
				dst = ip_from_v4(v4);
			else
				memcpy(dst.b, attrs + i + sizeof(h), 16);
			has_dst = true;
		}
		i += ALIGN_UP(h.len, 4u);
	}
	r = has_dst ? ip_route_lookup(&dst, NULL, NULL, &rt) : -EINVAL;
	if (r) {
		nl_put_error(a, r);
		return;
	}
	m = nl_begin(a, RTM_NEWROUTE, sizeof(*m));
	if (m) {
		m->family = a->family;
		m->dst_len = a->family == AF_INET ? 32 : 128;
		m->table = 254;
		m->type = rt.is_local ? 2 : 1;
		attr_ip(a, RTA_DST, &dst);
		nl_attr_u32(a, RTA_OIF, rt.dev->index);
		attr_ip(a, RTA_PREFSRC, &rt.src);
		if (rt.neigh && !ip_equal(&rt.neigh->addr, &dst))
			attr_ip(a, RTA_GATEWAY, &rt.neigh->addr);
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
	struct answer a = { .nl = nl, .req = req, .family = len ? body[0] : 0 };
	bool is_dump = (req->flags & NLM_F_DUMP) != 0;

	if (nl->so.proto == NETLINK_SOCK_DIAG) {
		is_dump = nl_diag(&a, body, len) && is_dump;
		goto end;
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
			route_for_each(put_route, &a);
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

static ssize_t nl_recv(struct socket *so, struct sock_msg *m)
{
	struct nl_sock *nl = nl_of(so);
	nsec_t deadline = sock_deadline(atomic_load(&so->rcv_timeout, RELAXED));
	struct pkt *p;
	unsigned len;
	ssize_t n;
	int r;

	for (;;) {
		mutex_lock(&so->lock);
		p = nl->head;
		if (p)
			break;
		mutex_unlock(&so->lock);
		if (m->is_nonblock)
			return -EAGAIN;
		r = waitq_wait_until(&so->wq, "netlink", POLL_IN, atomic_load(&nl->head, RELAXED), deadline, WAIT_INTERRUPTIBLE);
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
			*m->name = (struct sock_addr){ .len = 12, .nl = { .family = AF_NETLINK } };
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

static int nl_bind(struct socket *so, const struct sock_addr *a)
{
	if (a->len < 12 || a->family != AF_NETLINK)
		return -EINVAL;
	if (a->nl.pid)
		nl_of(so)->pid = a->nl.pid;
	nl_of(so)->groups = a->nl.groups;
	return 0;
}

static int nl_connect(struct socket *so, const struct sock_addr *a, bool is_nonblock)
{
	(void)so;
	(void)is_nonblock;
	return a->len >= 2 && (a->family == AF_NETLINK || a->family == AF_UNSPEC) ? 0 : -EINVAL;
}

static int nl_getname(struct socket *so, struct sock_addr *out, bool is_peer)
{
	*out = (struct sock_addr){ .len = 12, .nl = { .family = AF_NETLINK, .pid = is_peer ? 0 : nl_of(so)->pid, .groups = is_peer ? 0 : nl_of(so)->groups } };
	return 0;
}

static uint32_t nl_poll(struct socket *so)
{
	return POLL_OUT | (atomic_load(&nl_of(so)->head, RELAXED) ? POLL_IN : 0);
}

/* NETLINK_ADD_MEMBERSHIP and friends: nothing is ever announced. */
static int nl_setopt(struct socket *so, int level, int name, const void *value, unsigned len)
{
	(void)so;
	(void)name;
	(void)value;
	(void)len;
	return level == 270 ? 0 : -ENOPROTOOPT;
}

static void nl_release(struct socket *so)
{
	struct nl_sock *nl = nl_of(so);

	pkt_free_list(nl->head);
	nl->head = NULL;
}

static void nl_destroy(struct socket *so)
{
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
