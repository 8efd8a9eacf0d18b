// SPDX-License-Identifier: MIT
/*
 * Raw sockets and ping sockets: raw(7), icmp(7) ("ping_group_range" sockets: SOCK_DGRAM with IPPROTO_ICMP). A ping
 * socket has the identifier of its echo requests as its port.
 */
#include "fs/cred.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "net/bpf.h"
#include "net/csum.h"
#include "net/dgram.h"
#include "net/net.h"
#include "net/netdev-priv.h"
#include "net/pkt-uio.h"
#include "net/sysctl.h"
#include "net/wire.h"
#include "sched/clock.h"
#include "sched/rcu.h"

#define IPPROTO_RAW	255
#define ICMP_FILTER	1
#define ICMPV6_FILTER	1
#define IPV6_CHECKSUM	7
#define IPV6_HDRINCL	36
#define MAX_RECEIVERS	16u
#define CSUM_OFFSET6	2	/* of ICMPv6 */

struct raw_sock {
	struct dgram d;
	uint32_t filter[8];		/* [a] types not wanted: ICMP_FILTER, ICMP6_FILTER */
	int csum_offset;		/* [so.lock] IPV6_CHECKSUM; -1: none */
	bool has_addr;			/* [so.lock] bind(2) gave laddr */
	bool has_lost_port;		/* [so.lock] it was disconnected */
	struct raw_sock *next;		/* [rcu] */
};

static struct mutex lock;
static struct raw_sock *socks;		/* [rcu] */
static uint16_t next_ping_id;		/* [lock] */
static uint32_t nr_transports;		/* [a] written under lock: sockets that see TCP or UDP */

static struct raw_sock *raw_of(struct socket *so)
{
	return container_of(so, struct raw_sock, d.so);
}

static bool is_ping(const struct socket *so)
{
	return so->type == SOCK_DGRAM;
}

bool raw_sees_transports(void)
{
	return atomic_load(&nr_transports, RELAXED);
}

/* lock held. While there are such sockets, no packet may take a way that passes by ip_deliver(). */
static void count_transport(const struct raw_sock *r, int change)
{
	uint32_t nr = nr_transports + (uint32_t)change;

	if (is_ping(&r->d.so) || (r->d.so.proto != IPPROTO_TCP && r->d.so.proto != IPPROTO_UDP))
		return;
	atomic_store(&nr_transports, nr, RELAXED);
	for (struct netdev *d = netdev_first(); d; d = d->next)
		netdev_set_special(d, NETDEV_RAW, nr);
}

static struct ip_addr any_addr(const struct socket *so)
{
	return so->family == AF_INET ? ip_from_v4(0) : (struct ip_addr){ .d = { 0, 0 } };
}

/* ---- input --------------------------------------------------------------------------------------------------------------------- */

static bool wants(struct raw_sock *r, const struct pkt *p, uint8_t type, uint16_t id)
{
	struct netdev *bound = atomic_load(&r->d.so.bound_dev, RELAXED);
	bool v6 = p->flags & PKT_IS_IP6;

	if ((r->d.so.family == AF_INET6) != v6 || r->d.so.proto != p->proto || (bound && bound != p->dev))
		return false;
	if (!ip_is_any(&r->d.laddr) && !ip_equal(&r->d.laddr, &p->dst))
		return false;
	if (r->d.is_connected && !ip_equal(&r->d.raddr, &p->src))
		return false;
	if (is_ping(&r->d.so))
		return type == (v6 ? ICMP6_ECHO_REPLY : ICMP_ECHO_REPLY) && id == r->d.lport;
	if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6)
		return !(atomic_load(&r->filter[v6 ? type / 32 : 0], RELAXED) >> (type % 32) & 1) || (!v6 && type > 31);
	return true;
}

/* IPV6_CHECKSUM: what is not intact is not for the socket. */
static bool is_intact(const struct raw_sock *r, const struct pkt *p)
{
	if (r->d.so.family == AF_INET || is_ping(&r->d.so) || r->csum_offset < 0 || p->flags & (PKT_CSUM_OK | PKT_CSUM_PARTIAL))
		return true;
	return csum_fold(pkt_csum(p, 0, p->len, csum_pseudo(&p->src, &p->dst, p->len, p->proto))) == 0xffff;
}

static void give(struct raw_sock *r, const struct pkt *p, bool *taken)
{
	unsigned hlen = r->d.so.family == AF_INET && !is_ping(&r->d.so) ? (unsigned)(p->l4 - p->l3) : 0u;
	uint32_t keep = atomic_load(&r->d.so.filter, RELAXED) ? sock_filter_ip(&r->d.so, p, hlen) : UINT32_MAX;
	struct pkt *c = keep ? pkt_copy(p, hlen) : NULL;

	if (!c)
		return;
	if (hlen)	/* IPv4 raw sockets see the IP header */
		memcpy(pkt_push(c, hlen), p->base + p->l3, hlen);
	pkt_trim_to(c, keep);
	c->udp.sport = 0;
	*taken |= dgram_deliver(&r->d, c);
}

bool raw_input(const struct pkt *p)
{
	struct raw_sock *r, *who[MAX_RECEIVERS];
	uint8_t head[8] = { 0 };
	bool taken = false;
	unsigned n = 0;

	if (likely(!rcu_deref(socks)))
		return false;
	pkt_copy_out(p, 0, head, MIN(p->len, 8u));
	rcu_read_lock();
	for (r = rcu_deref(socks); r && n < MAX_RECEIVERS; r = rcu_deref(r->next)) {
		if (wants(r, p, head[0], (uint16_t)(head[4] << 8 | head[5])) && socket_try_get(&r->d.so))
			who[n++] = r;
	}
	rcu_read_unlock();
	for (unsigned i = 0; i < n; i++) {
		if (is_intact(who[i], p))
			give(who[i], p, &taken);
		socket_put(&who[i]->d.so);
	}
	return taken;
}

static bool wants_error(const struct raw_sock *r, const struct ip_error *e)
{
	if (r->d.so.proto != e->proto || (r->d.so.family == AF_INET6) != e->is_v6)
		return false;
	if (!ip_is_any(&r->d.laddr) && !ip_equal(&r->d.laddr, &e->src))
		return false;
	if (r->d.is_connected && !ip_equal(&r->d.raddr, &e->dst))
		return false;
	return !is_ping(&r->d.so) || (e->transport[0] == (e->is_v6 ? ICMP6_ECHO : ICMP_ECHO) && (e->transport[4] << 8 | e->transport[5]) == r->d.lport);
}

/* Who did not ask (IP_RECVERR) hears only of hard errors, and only when connected. */
static void tell_error(struct raw_sock *r, const struct ip_error *e)
{
	struct ip_error all = *e;

	if (dgram_wants_errors(&r->d, !e->is_v6)) {
		if (sock_has(&r->d.so, SF_HDRINCL)) {
			all.transport -= all.header_len;
			all.transport_len += all.header_len;
		}
		dgram_queue_error(&r->d, &all, 0, 0);
	} else if (!r->d.is_connected || !e->is_hard) {
		return;
	}
	dgram_error(&r->d, e->error);
}

void raw_error(const struct ip_error *e)
{
	struct raw_sock *r, *who[MAX_RECEIVERS];
	unsigned n = 0;

	if (likely(!rcu_deref(socks)) || !e->error)
		return;
	rcu_read_lock();
	for (r = rcu_deref(socks); r && n < MAX_RECEIVERS; r = rcu_deref(r->next)) {
		if (wants_error(r, e) && socket_try_get(&r->d.so))
			who[n++] = r;
	}
	rcu_read_unlock();
	for (unsigned i = 0; i < n; i++) {
		tell_error(who[i], e);
		socket_put(&who[i]->d.so);
	}
}

/* ---- output --------------------------------------------------------------------------------------------------------------------- */

/* False: the checksum's place is not in the packet. */
static bool finish_csum(struct raw_sock *r, struct pkt *p, const struct ip_addr *src, const struct ip_addr *dst)
{
	uint32_t sum = 0;
	uint16_t folded;
	unsigned off = 2;

	if (r->d.so.family == AF_INET6 && r->csum_offset >= 0) {
		off = (unsigned)r->csum_offset;
		sum = csum_pseudo(src, dst, p->len, r->d.so.proto);
	} else if (!is_ping(&r->d.so)) {
		return true;
	}
	if (p->len < off + 2u || !pkt_pull_up(p, off + 2u))
		return false;
	memset(p->seg[0].data + off, 0, 2);
	folded = (uint16_t)~csum_fold(pkt_csum(p, 0, p->len, sum));
	memcpy(p->seg[0].data + off, &folded, 2);
	return true;
}

/* 0, -EINVAL: it is no echo request. */
static int check_ping(struct raw_sock *r, struct pkt *p)
{
	uint16_t id = net16(r->d.lport);

	if (p->len < 8 || !pkt_pull_up(p, 8) || p->seg[0].data[0] != (r->d.so.family == AF_INET6 ? ICMP6_ECHO : ICMP_ECHO) || p->seg[0].data[1])
		return -EINVAL;
	memcpy(p->seg[0].data + 4, &id, 2);
	return 0;
}

/* With its IP header. */
static int check_header(struct raw_sock *r, struct pkt *p)
{
	unsigned len = r->d.so.family == AF_INET ? IP4_HLEN : IP6_HLEN;

	if (p->len < len || !pkt_pull_up(p, len))
		return -EINVAL;
	if (r->d.so.family == AF_INET6)
		return 0;
	len = (p->seg[0].data[0] & 15u) * 4;
	return len > p->len || !pkt_pull_up(p, len) ? -EINVAL : 0;
}

/* take. */
static int output(struct raw_sock *r, struct pkt *p, const struct ip_addr *dst, const struct dgram_control *c)
{
	const struct ip_addr *src = ip_is_any(&c->src) ? &r->d.route.src : &c->src;
	bool has_header = sock_has(&r->d.so, SF_HDRINCL) && r->d.so.type == SOCK_RAW;
	struct ip_opts opts = c->opts;
	struct dgram_stamp stamp;
	int e = 0;

	if (is_ping(&r->d.so))
		e = check_ping(r, p);
	else if (has_header)
		e = check_header(r, p);
	if (!e && !has_header && !finish_csum(r, p, src, dst))
		e = -EINVAL;
	if (e) {
		pkt_free(p);
		return e;
	}
	if (ip_is_multicast(dst))
		opts.hop_limit = r->d.mc_hops[!ip_is_v4(dst)];
	if (c->stamps)
		dgram_stamp_begin(&r->d, c->stamps, p, &stamp);
	if (has_header)
		e = ip_output_raw(p, &r->d.route, ip_is_v4(dst), clock_monotonic());
	else
		e = ip_output(p, &r->d.route, src, dst, r->d.so.proto, &opts, clock_monotonic());
	if (c->stamps)
		dgram_stamp_end(&r->d, &stamp, !e, has_header, src, dst, &opts);
	return e;
}

static int send_locked(struct raw_sock *r, struct sock_msg *m, unsigned len, const struct ip_addr *dst, struct netdev *dev)
{
	struct dgram_control c;
	struct pkt *p;
	int e = dgram_parse_control(&r->d, m, dst, &c);

	if (!e)
		e = dgram_route(&r->d, dst, &c.src, c.dev ? c.dev : dev);
	if (!e && r->d.route.is_broadcast && !sock_has(&r->d.so, SF_BROADCAST))
		e = -EACCES;
	if (!e)
		e = pkt_from_uio(m->uio, IP_HEADROOM, len, &p);
	if (!e)
		e = output(r, p, dst, &c);
	if (e == -EMSGSIZE)
		dgram_queue_too_long(&r->d, dst, 0, r->d.route.dev ? r->d.route.mtu : 0);
	return e;
}

/* IPv6: the port of the destination may name the protocol. */
static bool is_port_right(const struct socket *so, uint16_t port)
{
	return so->family == AF_INET || is_ping(so) || !port || port == so->proto || (so->proto == IPPROTO_RAW && port < 256);
}

/* An identifier that no other ping socket has. 0, -EADDRINUSE. */
static int choose_id(struct raw_sock *r)
{
	bool is_taken = true;

	mutex_lock(&lock);
	for (unsigned tries = 0; is_taken && tries < 65536; tries++) {
		uint16_t id = ++next_ping_id;

		is_taken = !id;
		for (struct raw_sock *q = socks; q && !is_taken; q = q->next)
			is_taken = is_ping(&q->d.so) && q->d.so.family == r->d.so.family && q->d.lport == id;
		if (!is_taken)
			r->d.lport = id;
	}
	mutex_unlock(&lock);
	return is_taken ? -EADDRINUSE : 0;
}

static int autobind(struct raw_sock *r)
{
	return is_ping(&r->d.so) && !r->d.lport ? choose_id(r) : 0;
}

static ssize_t raw_send(struct socket *so, struct sock_msg *m)
{
	struct raw_sock *r = raw_of(so);
	size_t len = m->uio->left;
	struct netdev *dev = NULL;
	struct ip_addr dst;
	uint16_t port;
	int e = sock_take_error(so);

	if (e)
		return e;
	if (len > 65535)
		return -EMSGSIZE;
	if (is_ping(so) && len < sizeof(struct icmp_hdr))
		return -EINVAL;
	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (m->name && m->name->len) {
		e = so->family == AF_INET6 && m->name->len < 24 ? -EINVAL : inet_from_sockaddr(so, m->name, &dst, &port, &dev);
		if (!e && !is_port_right(so, port))
			e = -EINVAL;
		if (e)
			return e;
	}
	e = autobind(r);
	if (e)
		return e;
	mutex_lock(&so->lock);
	if (!m->name || !m->name->len) {
		dst = r->d.raddr;
		e = r->d.is_connected ? 0 : -EDESTADDRREQ;
	}
	/* As on Linux, whose other raw sockets do not care. */
	if (!e && atomic_load(&so->shut, RELAXED) & SHUT_WR_BIT && (is_ping(so) || sock_has(so, SF_HDRINCL)))
		e = -EPIPE;
	if (!e)
		e = send_locked(r, m, (unsigned)len, &dst, dev);
	mutex_unlock(&so->lock);
	return e ? e : (ssize_t)len;
}

static ssize_t raw_recv(struct socket *so, struct sock_msg *m)
{
	struct raw_sock *r = raw_of(so);
	struct pkt *p;
	ssize_t n;
	int e;

	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (m->flags & MSG_ERRQUEUE)
		return sock_recv_error(so, m);
	e = dgram_wait(&r->d, m, &p);
	if (e)
		return e == 1 ? 0 : e;
	n = dgram_copy(&r->d, m, p);
	if (!(m->flags & MSG_PEEK)) {
		dgram_pop(&r->d);
		pkt_free(p);
	}
	mutex_unlock(&so->lock);
	return n;
}

/* ---- calls ------------------------------------------------------------------------------------------------------------------------ */

static int raw_bind(struct socket *so, const struct sock_addr *a)
{
	struct raw_sock *r = raw_of(so);
	struct netdev *dev = NULL;
	struct ip_addr ip;
	uint16_t port;
	int e = inet_from_bind_addr(so, a, &ip, &port, &dev);

	if (e)
		return e;
	if (!ip_is_any(&ip) && !ip_is_ours(&ip, NULL) && !sock_may_bind_any(so))
		return -EADDRNOTAVAIL;
	if (is_ping(so) ? r->d.lport : r->d.is_connected)
		return -EINVAL;
	if (is_ping(so) && !port)
		e = choose_id(r);
	if (e)
		return e;
	mutex_lock(&so->lock);
	if (is_ping(so) && port)	/* another's, too: Linux */
		r->d.lport = port;
	r->d.laddr = ip;
	r->has_addr = !ip_is_any(&ip);
	mutex_unlock(&so->lock);
	return 0;
}

static int raw_connect(struct socket *so, const struct sock_addr *a, bool is_nonblock)
{
	struct raw_sock *r = raw_of(so);
	struct netdev *dev = NULL;
	struct ip_addr ip;
	uint16_t port;
	int e;

	(void)is_nonblock;
	if (a->len >= 2 && a->family == AF_UNSPEC) {
		mutex_lock(&so->lock);
		r->d.is_connected = false;
		r->has_lost_port = true;
		r->d.rport = 0;
		r->d.raddr = any_addr(so);
		if (!r->has_addr)
			r->d.laddr = r->d.raddr;
		mutex_unlock(&so->lock);
		return 0;
	}
	e = inet_from_sockaddr(so, a, &ip, &port, &dev);
	if (!e)
		e = autobind(r);
	if (e)
		return e;
	mutex_lock(&so->lock);
	e = dgram_route(&r->d, &ip, &r->d.laddr, dev);
	if (!e && r->d.route.is_broadcast && !sock_has(so, SF_BROADCAST))
		e = -EACCES;
	if (!e) {
		r->d.raddr = ip;
		r->d.rport = port;
		if (ip_is_any(&r->d.laddr))
			r->d.laddr = r->d.route.src;
		r->d.is_connected = true;
	}
	mutex_unlock(&so->lock);
	return e;
}

static int raw_getname(struct socket *so, struct sock_addr *out, enum sock_name whose)
{
	struct raw_sock *r = raw_of(so);

	/* A port of a raw socket is its protocol, of the peer what connect(2) was told; without one Linux knows no peer. */
	if (whose && (!r->d.is_connected || !r->d.rport))
		return -ENOTCONN;
	inet_to_sockaddr(so, out, whose ? &r->d.raddr : &r->d.laddr, whose ? r->d.rport : is_ping(so) ? r->d.lport : r->has_lost_port ? 0 : so->proto, NULL);
	return 0;
}

/* Which socket has the options of this level; a ping socket has only those of IP. */
static bool is_filter_level(const struct socket *so, int level)
{
	return !is_ping(so) && level == (so->family == AF_INET ? IPPROTO_RAW : IPPROTO_ICMPV6);
}

static bool has_filter(const struct socket *so)
{
	return so->proto == (so->family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

/* IPV6_CHECKSUM and IPV6_HDRINCL, which Linux has at two levels. */
static bool is_raw6_option(const struct socket *so, int level, int name)
{
	return !is_ping(so) && so->family == AF_INET6 && (level == IPPROTO_RAW || (level == IPPROTO_IPV6 && (name == IPV6_CHECKSUM || name == IPV6_HDRINCL)));
}

/* Linux gives the options of IPv4 to all sockets of IPv6 but raw ones. */
static bool lacks_level(const struct socket *so, int level)
{
	return level == IPPROTO_IP && so->family == AF_INET6 && so->type == SOCK_RAW;
}

static int set_raw6(struct raw_sock *r, int level, int name, const void *value, unsigned len)
{
	int v;

	if (len < 4)
		return -EINVAL;
	memcpy(&v, value, 4);
	if (name == IPV6_HDRINCL) {
		sock_set(&r->d.so, SF_HDRINCL, v != 0);
		return 0;
	}
	if (name != IPV6_CHECKSUM)
		return -ENOPROTOOPT;
	if ((level == IPPROTO_IPV6 && r->d.so.proto == IPPROTO_ICMPV6) || (v > 0 && v & 1))	/* RFC 3542 3.1 */
		return -EINVAL;
	mutex_lock(&r->d.so.lock);
	r->csum_offset = MAX(v, -1);
	mutex_unlock(&r->d.so.lock);
	return 0;
}

static int raw_setopt(struct socket *so, int level, int name, const void *value, unsigned len)
{
	struct raw_sock *r = raw_of(so);

	if (is_filter_level(so, level)) {
		if (name != ICMP_FILTER)
			return -ENOPROTOOPT;
		if (!has_filter(so))
			return -EOPNOTSUPP;
		memcpy(r->filter, value, MIN(len, so->family == AF_INET ? 4u : 32u));
		return 0;
	}
	if (is_raw6_option(so, level, name))
		return set_raw6(r, level, name, value, len);
	if (lacks_level(so, level))
		return -ENOPROTOOPT;
	return dgram_setopt(so, level, name, value, len);
}

static int raw_getopt(struct socket *so, int level, int name, void *value, unsigned *len)
{
	struct raw_sock *r = raw_of(so);
	int v;

	if (is_filter_level(so, level)) {
		if (name != ICMP_FILTER)
			return -ENOPROTOOPT;
		if (!has_filter(so))
			return -EOPNOTSUPP;
		*len = MIN(*len, so->family == AF_INET ? 4u : 32u);
		memcpy(value, r->filter, *len);
		return 0;
	}
	if (lacks_level(so, level))
		return -ENOPROTOOPT;
	if (!is_raw6_option(so, level, name))
		return dgram_getopt(so, level, name, value, len);
	if (name != IPV6_CHECKSUM && name != IPV6_HDRINCL)
		return -ENOPROTOOPT;
	v = name == IPV6_HDRINCL ? sock_has(so, SF_HDRINCL) : r->csum_offset;
	*len = MIN(*len, 4u);
	memcpy(value, &v, *len);
	return 0;
}

static int raw_shutdown(struct socket *so, int how)
{
	(void)atomic_fetch_or(&so->shut, how == SHUT_RDWR ? 3u : how == SHUT_RD ? SHUT_RD_BIT : SHUT_WR_BIT, RELAXED);
	socket_wake(so, (unsigned)-1, 0);
	return raw_of(so)->d.is_connected ? 0 : -ENOTCONN;
}

static void raw_release(struct socket *so)
{
	struct raw_sock *r = raw_of(so), **link;

	mutex_lock(&lock);
	for (link = &socks; *link != r; link = &(*link)->next)
		;
	rcu_assign(*link, r->next);
	count_transport(r, -1);
	mutex_unlock(&lock);
	dgram_release(&r->d);
}

static void raw_destroy(struct socket *so)
{
	dgram_destroy(&raw_of(so)->d);
}

static const struct socket_ops raw_ops = {
	.bind = raw_bind,
	.connect = raw_connect,
	.shutdown = raw_shutdown,
	.getname = raw_getname,
	.send = raw_send,
	.recv = raw_recv,
	.poll = dgram_poll,
	.setopt = raw_setopt,
	.getopt = raw_getopt,
	.queued = dgram_queued,
	.release = raw_release,
	.destroy = raw_destroy,
};

static bool may_ping(void)
{
	uint32_t first = atomic_load(&net_ping_groups[0], RELAXED), last = atomic_load(&net_ping_groups[1], RELAXED);
	const struct cred *c = cred_current();

	if (c->egid >= first && c->egid <= last)
		return true;
	for (uint32_t i = 0; i < c->nr_groups; i++)
		if (c->groups[i] >= first && c->groups[i] <= last)
			return true;
	return false;
}

static int raw_create(struct socket **out, int family, int type, int proto)
{
	struct raw_sock *r;

	_Static_assert(offsetof(struct raw_sock, d.so) == 0, "socket_free() frees it");
	if (type == SOCK_RAW ? !capable(CAP_NET_RAW) : !may_ping())
		return type == SOCK_RAW ? -EPERM : -EACCES;
	r = KNEW(struct raw_sock);
	if (!r)
		return -ENOMEM;
	socket_init(&r->d.so, &raw_ops, family, type, proto);
	dgram_init(&r->d);
	if (proto == IPPROTO_RAW && type == SOCK_RAW)
		r->d.so.flags |= SF_HDRINCL;
	r->csum_offset = proto == IPPROTO_ICMPV6 ? CSUM_OFFSET6 : -1;
	r->d.laddr = r->d.raddr = any_addr(&r->d.so);
	mutex_lock(&lock);
	r->next = socks;
	rcu_assign(socks, r);
	count_transport(r, 1);
	mutex_unlock(&lock);
	*out = &r->d.so;
	return 0;
}

NET_PROTO(raw4, .family = AF_INET, .type = SOCK_RAW, .takes_any_proto = true, .create = raw_create);
NET_PROTO(raw6, .family = AF_INET6, .type = SOCK_RAW, .takes_any_proto = true, .create = raw_create);
NET_PROTO(ping4, .family = AF_INET, .type = SOCK_DGRAM, .proto = IPPROTO_ICMP, .create = raw_create);
NET_PROTO(ping6, .family = AF_INET6, .type = SOCK_DGRAM, .proto = IPPROTO_ICMPV6, .create = raw_create);
