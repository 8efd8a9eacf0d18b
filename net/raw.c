// SPDX-License-Identifier: MIT
/* Raw sockets and ping sockets: raw(7), icmp(7) ("ping_group_range" sockets: SOCK_DGRAM with IPPROTO_ICMP). */
#include "fs/cred.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "net/csum.h"
#include "net/dgram.h"
#include "net/net.h"
#include "net/netdev-priv.h"
#include "net/pkt-uio.h"
#include "net/wire.h"
#include "sched/clock.h"
#include "sched/rcu.h"

#define IPPROTO_RAW	255
#define ICMP_FILTER	1
#define MAX_RECEIVERS	16u

struct raw_sock {
	struct dgram d;
	uint32_t filter[8];		/* [a] types not wanted: ICMP_FILTER, ICMP6_FILTER */
	int csum_offset;		/* [so.lock] IPV6_CHECKSUM; -1: none */
	struct raw_sock *next;		/* [rcu] */
};

static struct mutex lock;
static struct raw_sock *socks;		/* [rcu] */
static uint16_t next_ping_id;		/* [lock] */

static struct raw_sock *raw_of(struct socket *so)
{
	return container_of(so, struct raw_sock, d.so);
}

static bool is_ping(const struct socket *so)
{
	return so->type == SOCK_DGRAM;
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

static void give(struct raw_sock *r, const struct pkt *p, bool *taken)
{
	unsigned hlen = r->d.so.family == AF_INET && !is_ping(&r->d.so) ? (unsigned)(p->l4 - p->l3) : 0u;
	struct pkt *c = pkt_copy(p, hlen);

	if (!c)
		return;
	if (hlen)	/* IPv4 raw sockets see the IP header */
		memcpy(pkt_push(c, hlen), p->base + p->l3, hlen);
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
		give(who[i], p, &taken);
		socket_put(&who[i]->d.so);
	}
	return taken;
}

void raw_error(const struct ip_error *e)
{
	struct raw_sock *r;

	rcu_read_lock();
	for (r = rcu_deref(socks); r; r = rcu_deref(r->next)) {
		if (r->d.so.proto == e->proto && r->d.is_connected && ip_equal(&r->d.raddr, &e->dst) && e->is_hard)
			atomic_store(&r->d.so.error, e->error, RELAXED);
	}
	rcu_read_unlock();
}

/* ---- output --------------------------------------------------------------------------------------------------------------------- */

static void finish_csum(struct raw_sock *r, struct pkt *p, const struct ip_addr *src, const struct ip_addr *dst)
{
	uint8_t proto = r->d.so.proto;
	uint32_t sum = 0;
	uint16_t folded, off;

	if (proto == IPPROTO_ICMPV6 || (r->d.so.family == AF_INET6 && r->csum_offset >= 0)) {
		off = proto == IPPROTO_ICMPV6 ? 2 : (uint16_t)r->csum_offset;
		sum = csum_pseudo(src, dst, p->len, proto);
	} else if (is_ping(&r->d.so)) {
		off = 2;
	} else {
		return;
	}
	if (p->len < off + 2u || !pkt_pull_up(p, off + 2u))
		return;
	memset(p->seg[0].data + off, 0, 2);
	folded = (uint16_t)~csum_fold(pkt_csum(p, 0, p->len, sum));
	memcpy(p->seg[0].data + off, &folded, 2);
}

static int check_ping(struct raw_sock *r, struct pkt *p)
{
	uint16_t id = net16(r->d.lport);

	if (p->len < 8 || !pkt_pull_up(p, 8) || p->seg[0].data[0] != (r->d.so.family == AF_INET6 ? ICMP6_ECHO : ICMP_ECHO) || p->seg[0].data[1])
		return -EINVAL;
	memcpy(p->seg[0].data + 4, &id, 2);
	return 0;
}

static int send_locked(struct raw_sock *r, struct sock_msg *m, unsigned len, const struct ip_addr *dst, struct netdev *dev)
{
	struct dgram_control c;
	const struct ip_addr *src;
	struct pkt *p;
	int e = dgram_parse_control(&r->d, m, dst, &c);

	if (!e)
		e = dgram_route(&r->d, dst, &c.src, c.dev ? c.dev : dev);
	if (!e && r->d.route.is_broadcast && !sock_has(&r->d.so, SF_BROADCAST))
		e = -EACCES;
	if (!e)
		e = pkt_from_uio(m->uio, IP_HEADROOM, len, &p);
	if (e)
		return e;
	src = ip_is_any(&c.src) ? &r->d.route.src : &c.src;
	if (is_ping(&r->d.so))
		e = check_ping(r, p);
	if (!e && sock_has(&r->d.so, SF_HDRINCL) && r->d.so.family == AF_INET) {
		if (len < IP4_HLEN || !pkt_pull_up(p, IP4_HLEN) || p->seg[0].data[0] >> 4 != 4 || (p->seg[0].data[0] & 15u) * 4 > len || (p->seg[0].data[0] & 15) < 5 ||
		    !pkt_pull_up(p, (p->seg[0].data[0] & 15u) * 4)) {
			pkt_free(p);
			return -EINVAL;
		}
		return ip_output_raw(p, &r->d.route, clock_monotonic());
	}
	if (e) {
		pkt_free(p);
		return e;
	}
	finish_csum(r, p, src, dst);
	if (ip_is_multicast(dst))
		c.opts.hop_limit = r->d.mc_hops[!ip_is_v4(dst)];
	return ip_output(p, &r->d.route, src, dst, r->d.so.proto, &c.opts, clock_monotonic());
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
	if (m->name && m->name->len) {
		e = inet_from_sockaddr(so, m->name, &dst, &port, &dev);
		if (e)
			return e;
	}
	mutex_lock(&so->lock);
	if (!m->name || !m->name->len) {
		dst = r->d.raddr;
		e = r->d.is_connected ? 0 : -EDESTADDRREQ;
	}
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

	if (m->flags & MSG_ERRQUEUE)
		return -EAGAIN;
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
	if (!ip_is_any(&ip) && !ip_is_ours(&ip, NULL))
		return -EADDRNOTAVAIL;
	mutex_lock(&so->lock);
	r->d.laddr = ip;
	if (is_ping(so) && port)
		r->d.lport = port;
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
		r->d.is_connected = false;
		return 0;
	}
	e = inet_from_sockaddr(so, a, &ip, &port, &dev);
	if (e)
		return e;
	mutex_lock(&so->lock);
	e = dgram_route(&r->d, &ip, &r->d.laddr, dev);
	if (!e) {
		r->d.raddr = ip;
		r->d.is_connected = true;
	}
	mutex_unlock(&so->lock);
	return e;
}

static int raw_getname(struct socket *so, struct sock_addr *out, bool is_peer)
{
	struct raw_sock *r = raw_of(so);

	if (is_peer && !r->d.is_connected)
		return -ENOTCONN;
	inet_to_sockaddr(so, out, is_peer ? &r->d.raddr : &r->d.laddr, is_ping(so) && !is_peer ? r->d.lport : 0, NULL);
	return 0;
}

static int raw_setopt(struct socket *so, int level, int name, const void *value, unsigned len)
{
	struct raw_sock *r = raw_of(so);
	int v;

	if (so->proto == IPPROTO_ICMP && level == IPPROTO_RAW && name == ICMP_FILTER) {
		memcpy(r->filter, value, MIN(len, 4u));
		return 0;
	}
	if (so->proto == IPPROTO_ICMPV6 && level == IPPROTO_ICMPV6 && name == 1) {
		memcpy(r->filter, value, MIN(len, 32u));
		return 0;
	}
	if (level == IPPROTO_IPV6 && name == 7 && len >= 4) {	/* IPV6_CHECKSUM */
		memcpy(&v, value, 4);
		if (v >= 0 && v & 1)
			return -EINVAL;
		r->csum_offset = v;
		return 0;
	}
	return dgram_setopt(so, level, name, value, len);
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
	.getopt = dgram_getopt,
	.queued = dgram_queued,
	.release = raw_release,
	.destroy = raw_destroy,
};

static int raw_create(struct socket **out, int family, int type, int proto)
{
	struct raw_sock *r = KNEW(struct raw_sock);

	_Static_assert(offsetof(struct raw_sock, d.so) == 0, "socket_free() frees it");
	if (type == SOCK_RAW && !capable(CAP_NET_RAW)) {
		kfree(r);
		return -EPERM;
	}
	if (!r)
		return -ENOMEM;
	socket_init(&r->d.so, &raw_ops, family, type, proto);
	dgram_init(&r->d);
	if (proto == IPPROTO_RAW && type == SOCK_RAW)
		r->d.so.flags |= SF_HDRINCL;
	r->csum_offset = -1;
	r->d.laddr = r->d.raddr = family == AF_INET ? ip_from_v4(0) : (struct ip_addr){ .d = { 0, 0 } };
	mutex_lock(&lock);
	r->d.lport = is_ping(&r->d.so) ? ++next_ping_id : 0;
	r->next = socks;
	rcu_assign(socks, r);
	mutex_unlock(&lock);
	*out = &r->d.so;
	return 0;
}

NET_PROTO(raw4, .family = AF_INET, .type = SOCK_RAW, .takes_any_proto = true, .create = raw_create);
NET_PROTO(raw6, .family = AF_INET6, .type = SOCK_RAW, .takes_any_proto = true, .create = raw_create);
NET_PROTO(ping4, .family = AF_INET, .type = SOCK_DGRAM, .proto = IPPROTO_ICMP, .create = raw_create);
NET_PROTO(ping6, .family = AF_INET6, .type = SOCK_DGRAM, .proto = IPPROTO_ICMPV6, .create = raw_create);
