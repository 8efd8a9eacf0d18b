// SPDX-License-Identifier: MIT
/* UDP: RFC 768, RFC 1122 4.1, udp(7). The receive queue is a lock-free list that the network pushes to and the application takes from. */
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "net/bpf.h"
#include "net/csum.h"
#include "net/dgram.h"
#include "net/net.h"
#include "net/netdev-priv.h"
#include "net/pkt-uio.h"
#include "net/wire.h"
#include "sched/clock.h"

#define UDP_MAX		65507u
#define UDP_CORK	1
#define UDP_ENCAP	100
#define UDP_NO_CHECK6_TX 101
#define UDP_NO_CHECK6_RX 102
#define UDP_SEGMENT	103
#define UDP_GRO		104
#define MAX_SEGMENTS	128u	/* of one send, as Linux */
#define CORK_OPTION	1u	/* UDP_CORK is set */
#define CORK_PENDING	2u	/* there is something in `pending` */
#define MAX_ENCAP	3	/* UDP_ENCAP_L2TPINUDP */

/* A datagram that UDP_CORK or MSG_MORE holds back: where it goes was settled by its first part. */
struct pending {
	struct pkt *head, *tail;	/* payload */
	unsigned len;
	struct ip_addr dst;
	uint16_t port;
	struct dgram_control c;
};

struct udp_sock {
	struct dgram d;
	struct port_entry port;
	uint16_t segment;		/* [so.lock] UDP_SEGMENT */
	bool has_addr, has_port;	/* [so.lock] bind(2) gave these, so disconnecting leaves them */
	bool kept[3];			/* [a] the options of kept_option() */
	uint32_t corking;		/* [a] CORK_*: nothing of it with most sockets */
	uint8_t encap;			/* [a] UDP_ENCAP, kept */
	struct pending pending;		/* [so.lock] */
};

static struct udp_sock *udp_of(struct socket *so)
{
	return container_of(so, struct udp_sock, d.so);
}

/* ---- input ------------------------------------------------------------------------------------------------------- */

/* True: intact, or the sender did not sum (IPv4 only, RFC 8200 8.1). p starts at the UDP header and is as long as it says. */
static bool is_intact(const struct pkt *p, uint16_t csum)
{
	if (p->flags & (PKT_CSUM_OK | PKT_CSUM_PARTIAL))
		return true;
	if (!csum)
		return !(p->flags & PKT_IS_IP6);
	return csum_fold(pkt_csum(p, 0, p->len, csum_pseudo(&p->src, &p->dst, p->len, IPPROTO_UDP))) == 0xffff;
}

/* take p, which starts at its payload. */
static void deliver(struct socket *so, struct pkt *p)
{
	if (dgram_deliver(&udp_of(so)->d, p))
		NET_COUNT(udp_in_datagrams);
	else
		NET_COUNT(udp_rcvbuf_errors);
}

/* Does so's filter let p pass? If so p is cut. It starts at its payload, the headers are before it. */
static bool is_wanted(struct socket *so, struct pkt *p)
{
	return likely(!atomic_load(&so->filter, RELAXED)) || sock_filter_pkt(so, p, sizeof(struct udp_hdr), sizeof(struct udp_hdr));
}

/* A copy of p, as long as so's filter says. NULL: none. */
static struct pkt *copy_for(struct socket *so, const struct pkt *p)
{
	uint32_t keep = atomic_load(&so->filter, RELAXED) ? sock_filter_ip(so, p, sizeof(struct udp_hdr)) : UINT32_MAX;
	struct pkt *c = keep ? pkt_copy(p, 0) : NULL;

	if (c)
		pkt_trim_to(c, keep - MIN(keep, (uint32_t)sizeof(struct udp_hdr)));
	return c;
}

static void deliver_all(struct pkt *p, uint16_t sport, uint16_t dport)
{
	struct socket *so = NULL;

	while ((so = port_next_match(&udp_ports, so, &p->src, sport, &p->dst, dport, p->dev))) {
		struct pkt *c = copy_for(so, p);

		if (c)
			deliver(so, c);
	}
	pkt_free(p);
}

void udp_input(struct pkt *p)
{
	struct udp_hdr h;
	uint16_t sport, dport;
	uint8_t hops = p->udp.hop_limit, tos = p->udp.tos;
	struct socket *so;

	if (!pkt_pull_up(p, sizeof(h)))
		goto bad;
	memcpy(&h, p->seg[0].data, sizeof(h));
	if (net16(h.len) < sizeof(h) || net16(h.len) > p->len)
		goto bad;
	pkt_trim_to(p, net16(h.len));
	if (!is_intact(p, h.csum)) {
		NET_COUNT(udp_csum_errors);
		goto bad;
	}
	sport = net16(h.sport);
	dport = net16(h.dport);
	p->udp.sport = sport;
	p->udp.dport = dport;
	p->udp.hop_limit = hops;
	p->udp.tos = tos;
	if (p->flags & PKT_BROADCAST) {
		pkt_pull(p, sizeof(h));
		deliver_all(p, sport, dport);
		return;
	}
	so = port_lookup(&udp_ports, &p->src, sport, &p->dst, dport, p->dev, h.sport * 0x10001u ^ p->src.w[3], false);
	if (!so) {
		NET_COUNT(udp_no_ports);
		icmp_send_error(p, UNREACH_PORT, 0);
		pkt_free(p);
		return;
	}
	pkt_pull(p, sizeof(h));
	if (is_wanted(so, p))
		deliver(so, p);
	else
		pkt_free(p);
	socket_put(so);
	return;
bad:
	NET_COUNT(udp_in_errors);
	pkt_free(p);
}

void udp_error(const struct ip_error *e)
{
	uint16_t sport = (uint16_t)(e->transport[0] << 8 | e->transport[1]), dport = (uint16_t)(e->transport[2] << 8 | e->transport[3]);
	struct socket *so = port_lookup(&udp_ports, &e->dst, dport, &e->src, sport, NULL, 0, false);
	struct udp_sock *u;

	if (!so)
		return;
	u = udp_of(so);
	if (e->mtu)
		(void)pmtu_update(&e->dst, e->mtu);
	/*
	 * Only connected sockets hear of it (RFC 1122 4.1.3.3 as Linux reads it), and only of hard errors; but for those
	 * that asked to hear all.
	 */
	if (e->error && dgram_wants_errors(&u->d, ip_is_v4(&e->dst))) {
		dgram_queue_error(&u->d, e, dport, sizeof(struct udp_hdr));
		dgram_error(&u->d, e->error);
	} else if (e->error && e->is_hard && u->port.rport) {
		dgram_error(&u->d, e->error);
	}
	socket_put(so);
}

/* ---- calls ------------------------------------------------------------------------------------------------------- */

static struct ip_addr any_addr(const struct socket *so)
{
	return so->family == AF_INET ? ip_from_v4(0) : (struct ip_addr){ .d = { 0, 0 } };
}

/* so.lock held. Bind to any port if not bound; laddr NULL: and to any address. */
static __attribute__((noinline)) int bind_any_port(struct udp_sock *u, const struct ip_addr *laddr)
{
	struct ip_addr any = any_addr(&u->d.so);
	int r = port_bind(&udp_ports, &u->port, laddr ? laddr : &any, 0);

	if (!r)
		u->d.lport = u->port.port;
	return r;
}

static inline int autobind(struct udp_sock *u, const struct ip_addr *laddr)
{
	return likely(u->port.port) ? 0 : bind_any_port(u, laddr);
}

static int udp_bind(struct socket *so, const struct sock_addr *a)
{
	struct udp_sock *u = udp_of(so);
	struct netdev *dev = NULL;
	struct ip_addr ip;
	uint16_t port;
	int r;

	r = inet_from_bind_addr(so, a, &ip, &port, &dev);
	if (r)
		return r;
	if (!ip_is_any(&ip) && !ip_is_multicast(&ip) && !ip_is_ours(&ip, NULL) && !ip_is_broadcast(&ip, NULL) && !sock_may_bind_any(so)) {
		if (!net_is_configuring())
			return -EADDRNOTAVAIL;
		net_wait_configured(5000);
		if (!ip_is_ours(&ip, NULL))
			return -EADDRNOTAVAIL;
	}
	mutex_lock(&so->lock);
	r = u->port.port ? -EINVAL : port_bind(&udp_ports, &u->port, &ip, port);
	if (!r) {
		u->d.laddr = ip_is_multicast(&ip) || ip_is_broadcast(&ip, NULL) ? any_addr(so) : ip;
		u->d.lport = u->port.port;
		u->has_addr = !ip_is_any(&ip);
		u->has_port = port != 0;
	}
	mutex_unlock(&so->lock);
	return r;
}

/*
 * connect(2) to AF_UNSPEC: what connecting chose is forgotten, as on Linux. so.lock held. The entry may be used again before
 * a lookup that stands on it has ended: that lookup goes on in another list, and at worst a datagram finds nobody.
 */
static void disconnect(struct udp_sock *u)
{
	struct ip_addr any = any_addr(&u->d.so);

	u->d.is_connected = false;
	u->port.rport = u->d.rport = 0;
	u->port.raddr = u->d.raddr = any;
	if (!u->has_addr)
		u->d.laddr = u->port.laddr = any;
	if (!u->has_port) {
		port_unbind(&udp_ports, &u->port);
		u->d.lport = 0;
	}
	ip_route_put(&u->d.route);
}

/* Where a datagram goes or a socket is connected to. An IPv6 socket takes IPv4's addresses, too, unless it speaks IPv6 only (no_v4 says so). */
static int destination(struct socket *so, const struct sock_addr *a, int no_v4, struct ip_addr *ip, uint16_t *port, struct netdev **dev)
{
	int r = 0;

	if (a->len >= 2 && a->family == AF_INET && so->family == AF_INET6) {
		if (a->len < 16)
			return -EINVAL;
		if (sock_has(so, SF_V6ONLY))
			return no_v4;
		*ip = ip_from_v4(a->in.addr);
		*port = net16(a->in.port);
	} else if (a->len >= 16 && a->family == AF_UNSPEC && so->family == AF_INET) {
		*ip = ip_from_v4(a->in.addr);
		*port = net16(a->in.port);
	} else {
		r = inet_from_sockaddr(so, a, ip, port, dev);
	}
	if (!r && ip_is_any(ip))	/* means this host: ip(7) */
		*ip = ip_is_v4(ip) || so->family == AF_INET ? ip_from_v4(net32(0x7f000001)) : (struct ip_addr){ .w = { 0, 0, 0, net32(1) } };
	return r;
}

static int udp_connect(struct socket *so, const struct sock_addr *a, bool is_nonblock)
{
	struct udp_sock *u = udp_of(so);
	struct netdev *dev = NULL;
	struct ip_addr ip;
	uint16_t port;
	int r;

	(void)is_nonblock;
	if (a->len >= 2 && a->family == AF_UNSPEC) {
		mutex_lock(&so->lock);
		disconnect(u);
		mutex_unlock(&so->lock);
		return 0;
	}
	r = destination(so, a, -EAFNOSUPPORT, &ip, &port, &dev);
	if (r)
		return r;
	mutex_lock(&so->lock);
	r = inet_check_pair(&u->d.laddr, &ip);
	if (!r)
		r = dgram_route(&u->d, &ip, &u->d.laddr, dev);
	if (!r && u->d.route.is_broadcast && !sock_has(so, SF_BROADCAST))
		r = -EACCES;
	if (!r)
		r = autobind(u, ip_is_any(&u->d.laddr) ? &u->d.route.src : &u->d.laddr);
	if (!r) {
		if (ip_is_any(&u->d.laddr)) {
			u->d.laddr = u->d.route.src;
			u->port.laddr = u->d.laddr;
		}
		u->d.raddr = u->port.raddr = ip;
		u->d.rport = port;
		u->d.is_connected = true;
		u->port.rport = port;
	}
	mutex_unlock(&so->lock);
	return r;
}

/*
 * A datagram to ourselves for which there is a socket needs neither headers nor sums: what ip_output(), the loopback device, ip4_input() and udp_input() would make of it is known.
 * False: it goes their way. take p if true; it starts at its payload.
 */
static bool deliver_local(struct udp_sock *u, struct pkt *p, const struct ip_addr *src, const struct ip_addr *dst, uint16_t port, const struct ip_opts *opts)
{
	const struct ip_route *rt = &u->d.route;
	uint16_t sport = u->d.lport;
	bool is_v4 = ip_is_v4(dst);
	unsigned len = p->len + (unsigned)sizeof(struct udp_hdr) + (is_v4 ? IP4_HLEN : IP6_HLEN);
	struct socket *so;

	if (!(atomic_load(&rt->dev->features, RELAXED) & NETDEV_LOOPBACK) || rt->is_broadcast || rt->is_multicast || len > rt->mtu)
		return false;
	so = port_lookup(&udp_ports, src, sport, dst, port, rt->dev, net16(sport) * 0x10001u ^ src->w[3], false);
	if (!so)
		return false;
	if (unlikely(atomic_load(&so->filter, RELAXED))) {	/* it wants to see headers */
		socket_put(so);
		return false;
	}
	NET_COUNT(udp_local);
	loopback_count_local(len);
	p->dev = rt->dev;
	p->time = clock_monotonic();
	p->flags |= is_v4 ? PKT_LOOPBACK : PKT_LOOPBACK | PKT_IS_IP6;
	p->proto = IPPROTO_UDP;
	p->src = *src;
	p->dst = *dst;
	p->udp.sport = sport;
	p->udp.dport = port;
	p->udp.hop_limit = opts->hop_limit ? opts->hop_limit : is_v4 ? (uint8_t)atomic_load(&net_default_ttl, RELAXED) : IP_DEFAULT_HOPS;
	p->udp.tos = opts->tos;
	deliver(so, p);
	socket_put(so);
	return true;
}

/* The device has no room: a datagram that it would drop waits, or -EAGAIN. so.lock held; may be dropped and retaken. */
static int wait_for_room(struct udp_sock *u, const struct sock_msg *m, uint32_t hash, const struct ip_addr *dst, const struct dgram_control *c)
{
	nsec_t deadline = sock_deadline(atomic_load(&u->d.so.snd_timeout, RELAXED));
	int r;

	while ((r = dgram_find_room(&u->d, u->d.route.dev, hash)) == -EAGAIN && !m->is_nonblock) {
		r = dgram_wait_for_room(&u->d, deadline);
		if (!r)
			r = dgram_route(&u->d, dst, &c->src, c->dev);
		if (r)
			break;
	}
	return r;
}

/* What goes the long way: through IP. m: who sends it can wait, NULL: it goes out now, or not. take. */
static __attribute__((noinline)) int output_ip(struct udp_sock *u, struct pkt *p, const struct ip_addr *src, const struct ip_addr *dst, uint16_t port,
					       const struct dgram_control *c, const struct sock_msg *m)
{
	uint32_t hash = (uint32_t)u->d.lport << 16 | port;
	struct ip_opts opts;
	struct dgram_stamp stamp;
	struct udp_hdr *h;
	int r;

	if (unlikely(atomic_load(&u->d.route.dev->full_queues, RELAXED)) && m) {
		r = wait_for_room(u, m, hash, dst, c);
		if (r) {
			pkt_free(p);
			return r;
		}
	}
	h = pkt_push(p, sizeof(*h));
	h->sport = net16(u->d.lport);
	h->dport = net16(port);
	h->len = net16((uint16_t)p->len);
	h->csum = 0;
	if (!sock_has(&u->d.so, SF_NO_CHECK) || !ip_is_v4(dst)) {
		h->csum = csum_fold(csum_pseudo(src, dst, p->len, IPPROTO_UDP));
		p->flags |= PKT_CSUM_PARTIAL;
		p->csum_offset = offsetof(struct udp_hdr, csum);
	}
	p->hash = hash;
	opts = c->opts;
	if (ip_is_multicast(dst))
		opts.hop_limit = u->d.mc_hops[!ip_is_v4(dst)];
	NET_COUNT(udp_out_datagrams);
	if (unlikely(c->stamps))
		dgram_stamp_begin(&u->d, c->stamps, p, &stamp);
	r = ip_output(p, &u->d.route, src, dst, IPPROTO_UDP, &opts, clock_monotonic());
	if (unlikely(c->stamps))
		dgram_stamp_end(&u->d, &stamp, !r, false, src, dst, &opts);
	return r;
}

/* so.lock held. p is the payload, with headroom for all. m: as in output_ip(). take. */
static int output(struct udp_sock *u, struct pkt *p, const struct ip_addr *dst, uint16_t port, const struct dgram_control *c, const struct sock_msg *m)
{
	const struct ip_addr *src = ip_is_any(&c->src) ? &u->d.route.src : &c->src;

	if (likely(!c->stamps) && deliver_local(u, p, src, dst, port, &c->opts))
		return 0;
	return output_ip(u, p, src, dst, port, c, m);
}

/* so.lock held. One datagram of len bytes from m->uio. */
static int send_one(struct udp_sock *u, struct sock_msg *m, unsigned len, const struct ip_addr *dst, uint16_t port, const struct dgram_control *c, bool can_wait)
{
	struct pkt *p;
	int r = pkt_from_uio(m->uio, IP_HEADROOM + sizeof(struct udp_hdr), len, &p);

	return r ? r : output(u, p, dst, port, c, can_wait ? m : NULL);
}

static int send_all(struct udp_sock *u, struct sock_msg *m, size_t len, const struct ip_addr *dst, uint16_t port, const struct dgram_control *c)
{
	unsigned segment = c->segment ? c->segment : u->segment;
	bool can_wait = true;
	int r;

	do {
		unsigned n = segment ? (unsigned)MIN((size_t)segment, m->uio->left) : (unsigned)len;

		r = send_one(u, m, n, dst, port, c, can_wait);
		can_wait = !m->is_nonblock;	/* what is begun is not refused half way */
	} while (!r && segment && m->uio->left);
	return r;
}

/* so.lock held. What fits a datagram, or segments of which each fits the path without fragments. */
static int check_length(const struct udp_sock *u, size_t len, const struct dgram_control *c, bool is_v4)
{
	size_t segment = c->segment ? c->segment : u->segment;

	if (len > UDP_MAX)
		return -EMSGSIZE;
	if (!segment)
		return 0;
	if (MIN(len, segment) + sizeof(struct udp_hdr) + (is_v4 ? IP4_HLEN : IP6_HLEN) > u->d.route.mtu)
		return -EINVAL;
	return len > segment * MAX_SEGMENTS ? -EINVAL : 0;
}

/* ---- UDP_CORK, MSG_MORE: udp(7). so.lock held ---------------------------------------------------------------------- */

static void drop_pending(struct udp_sock *u)
{
	pkt_free_list(u->pending.head);
	u->pending = (struct pending){ .head = NULL };
	(void)atomic_fetch_and(&u->corking, ~CORK_PENDING, RELAXED);
}

static int send_pending(struct udp_sock *u)
{
	struct pending *w = &u->pending;
	struct pkt *p = pkt_alloc(IP_HEADROOM + sizeof(struct udp_hdr), w->len);
	int r = p ? dgram_route(&u->d, &w->dst, &w->c.src, w->c.dev) : -ENOMEM;

	for (struct pkt *q = w->head; !r && q; q = pkt_next(q))
		pkt_copy_out(q, 0, pkt_put(p, q->len), q->len);
	if (!r)
		r = output_ip(u, p, ip_is_any(&w->c.src) ? &u->d.route.src : &w->c.src, &w->dst, w->port, &w->c, NULL);
	else
		pkt_free(p);
	drop_pending(u);
	return r;
}

/* One more part, the last one unless is_more. What fails takes all that waits with it, as on Linux. */
static int append_pending(struct udp_sock *u, struct sock_msg *m, size_t len, bool is_more)
{
	struct pending *w = &u->pending;
	struct pkt *p = NULL;
	int r = w->len + len > UDP_MAX ? -EMSGSIZE : 0;

	if (!r && len)
		r = pkt_from_uio(m->uio, 0, (unsigned)len, &p);
	if (r) {
		drop_pending(u);
		return r;
	}
	if (p) {
		pkt_set_next(p, NULL);
		if (w->tail)
			pkt_set_next(w->tail, p);
		else
			w->head = p;
		w->tail = p;
		w->len += (unsigned)len;
	}
	return is_more ? 0 : send_pending(u);
}

static int begin_pending(struct udp_sock *u, struct sock_msg *m, size_t len, const struct ip_addr *dst, uint16_t port, const struct dgram_control *c)
{
	u->pending = (struct pending){ .dst = *dst, .port = port, .c = *c };
	(void)atomic_fetch_or(&u->corking, CORK_PENDING, RELAXED);
	return append_pending(u, m, len, true);
}

/* Out-of-band data, or parts. True: *r is what the send returns; else it begins a datagram, of which there may be more. */
static __attribute__((noinline)) bool was_special(struct udp_sock *u, struct sock_msg *m, size_t len, bool *is_more, ssize_t *r)
{
	bool is_begun;

	*is_more = m->flags & MSG_MORE || atomic_load(&u->corking, RELAXED) & CORK_OPTION;
	*r = -EOPNOTSUPP;
	if (m->flags & MSG_OOB)
		return true;
	mutex_lock(&u->d.so.lock);
	is_begun = atomic_load(&u->corking, RELAXED) & CORK_PENDING;
	if (is_begun) {
		*r = append_pending(u, m, len, *is_more);	/* also when it was shut meanwhile, as on Linux */
		if (!*r)
			*r = (ssize_t)len;
	}
	mutex_unlock(&u->d.so.lock);
	return is_begun;
}

static ssize_t udp_send(struct socket *so, struct sock_msg *m)
{
	struct udp_sock *u = udp_of(so);
	size_t len = m->uio->left;
	bool is_more = false;
	struct dgram_control c;
	struct ip_addr dst;
	struct netdev *dev = NULL;
	uint16_t port;
	ssize_t done;
	int r;

	if (len > 65535)
		return -EMSGSIZE;
	if (unlikely(m->flags & (MSG_OOB | MSG_MORE) || atomic_load(&u->corking, RELAXED)) && was_special(u, m, len, &is_more, &done))
		return done;
	r = sock_take_error(so);
	if (r)
		return r;
	if (m->name && m->name->len) {
		r = destination(so, m->name, -ENETUNREACH, &dst, &port, &dev);
		if (r)
			return r;
		if (!port)
			return -EINVAL;
		if (so->family != AF_INET)
			r = inet_check_pair(&u->d.laddr, &dst);
		if (r)
			return r;
	}
	mutex_lock(&so->lock);
	if (!m->name || !m->name->len) {
		dst = u->d.raddr;
		port = u->d.rport;
		r = u->d.is_connected ? 0 : -EDESTADDRREQ;
	}
	if (!r && atomic_load(&so->shut, RELAXED) & SHUT_WR_BIT)
		r = -EPIPE;
	if (!r)
		r = dgram_parse_control(&u->d, m, &dst, &c);
	if (!r) {
		c.dev = c.dev ? c.dev : dev;
		r = dgram_route(&u->d, &dst, &c.src, c.dev);
	}
	if (!r && u->d.route.is_broadcast && !sock_has(so, SF_BROADCAST))
		r = -EACCES;
	if (!r && (c.segment || u->segment || len > UDP_MAX))
		r = check_length(u, len, &c, ip_is_v4(&dst));
	if (!r)
		r = autobind(u, NULL);
	if (!r)
		r = unlikely(is_more) ? begin_pending(u, m, len, &dst, port, &c) : send_all(u, m, len, &dst, port, &c);
	if (unlikely(r == -EMSGSIZE))
		dgram_queue_too_long(&u->d, &dst, port, u->d.route.dev ? u->d.route.mtu : 0);
	mutex_unlock(&so->lock);
	if (r)
		return r;
	sock_zerocopy_done(so, m);
	return (ssize_t)len;
}

static ssize_t udp_recv(struct socket *so, struct sock_msg *m)
{
	struct udp_sock *u = udp_of(so);
	struct pkt *p;
	ssize_t n;
	int r;

	if (m->flags & MSG_ERRQUEUE)
		return sock_recv_error(so, m);
	r = dgram_wait(&u->d, m, &p);
	if (r)
		return r == 1 ? 0 : r;
	if (m->flags & MSG_PEEK) {
		n = dgram_copy(&u->d, m, p);
		mutex_unlock(&so->lock);
		return n;
	}
	dgram_pop(&u->d);
	mutex_unlock(&so->lock);
	n = dgram_copy(&u->d, m, p);
	pkt_free(p);
	return n;
}

static int udp_getname(struct socket *so, struct sock_addr *out, enum sock_name whose)
{
	struct udp_sock *u = udp_of(so);
	int r = 0;

	mutex_lock(&so->lock);
	if (!whose)
		inet_to_sockaddr(so, out, &u->d.laddr, u->d.lport, u->d.route.dev);
	else if (u->d.is_connected && u->d.rport)
		inet_to_sockaddr(so, out, &u->d.raddr, u->d.rport, u->d.route.dev);
	else
		r = -ENOTCONN;
	mutex_unlock(&so->lock);
	return r;
}

static int udp_shutdown(struct socket *so, int how)
{
	bool is_connected = udp_of(so)->d.is_connected;

	(void)atomic_fetch_or(&so->shut, how == SHUT_RDWR ? 3u : how == SHUT_RD ? SHUT_RD_BIT : SHUT_WR_BIT, RELAXED);
	socket_wake(so, (unsigned)-1, 0);
	return is_connected ? 0 : -ENOTCONN;
}

/* Options that are kept and mean nothing here, as sums of IPv6 are always made and datagrams never joined. -1: another. */
static int kept_option(int name)
{
	return name == UDP_NO_CHECK6_TX ? 0 : name == UDP_NO_CHECK6_RX ? 1 : name == UDP_GRO ? 2 : -1;
}

/* What waited goes out; that it could not is not told, as on Linux. */
static int set_cork(struct udp_sock *u, bool on)
{
	if (on) {
		(void)atomic_fetch_or(&u->corking, CORK_OPTION, RELAXED);
		return 0;
	}
	(void)atomic_fetch_and(&u->corking, ~CORK_OPTION, RELAXED);
	mutex_lock(&u->d.so.lock);
	if (atomic_load(&u->corking, RELAXED) & CORK_PENDING)
		(void)send_pending(u);
	mutex_unlock(&u->d.so.lock);
	return 0;
}

static int get_option(const struct udp_sock *u, int name)
{
	switch (name) {
	case UDP_CORK:
		return (atomic_load(&u->corking, RELAXED) & CORK_OPTION) != 0;
	case UDP_ENCAP:
		return atomic_load(&u->encap, RELAXED);
	case UDP_SEGMENT:
		return u->segment;
	}
	return kept_option(name) < 0 ? -ENOPROTOOPT : atomic_load(&u->kept[kept_option(name)], RELAXED);
}

static int udp_setopt(struct socket *so, int level, int name, const void *value, unsigned len)
{
	struct udp_sock *u = udp_of(so);
	int v;

	if (level != IPPROTO_UDP)
		return dgram_setopt(so, level, name, value, len);
	if (len < 4)
		return -EINVAL;
	memcpy(&v, value, 4);
	if (name == UDP_SEGMENT) {
		if (v < 0 || v > 65535)
			return -EINVAL;
		u->segment = (uint16_t)v;
		return 0;
	}
	if (name == UDP_CORK)
		return set_cork(u, v != 0);
	if (name == UDP_ENCAP && v >= 0 && v <= MAX_ENCAP) {
		atomic_store(&u->encap, (uint8_t)v, RELAXED);
		return 0;
	}
	if (kept_option(name) < 0)
		return -ENOPROTOOPT;
	atomic_store(&u->kept[kept_option(name)], v != 0, RELAXED);
	return 0;
}

static int udp_getopt(struct socket *so, int level, int name, void *value, unsigned *len)
{
	int v;

	if (level != IPPROTO_UDP)
		return dgram_getopt(so, level, name, value, len);
	v = get_option(udp_of(so), name);
	if (v < 0)
		return v;
	*len = MIN(*len, 4u);
	memcpy(value, &v, *len);
	return 0;
}

static void udp_release(struct socket *so)
{
	struct udp_sock *u = udp_of(so);

	port_unbind(&udp_ports, &u->port);
	mutex_lock(&so->lock);
	drop_pending(u);
	mutex_unlock(&so->lock);
	dgram_release(&u->d);
}

static void udp_destroy(struct socket *so)
{
	dgram_destroy(&udp_of(so)->d);
}

static const struct socket_ops udp_ops = {
	.bind = udp_bind,
	.connect = udp_connect,
	.shutdown = udp_shutdown,
	.getname = udp_getname,
	.send = udp_send,
	.recv = udp_recv,
	.poll = dgram_poll,
	.setopt = udp_setopt,
	.getopt = udp_getopt,
	.queued = dgram_queued,
	.release = udp_release,
	.destroy = udp_destroy,
};

static int udp_create(struct socket **out, int family, int type, int proto)
{
	struct udp_sock *u = KNEW(struct udp_sock);

	_Static_assert(offsetof(struct udp_sock, d.so) == 0, "socket_free() frees it");
	if (!u)
		return -ENOMEM;
	socket_init(&u->d.so, &udp_ops, family, type, proto);
	dgram_init(&u->d);
	u->port.so = &u->d.so;
	u->d.laddr = u->d.raddr = u->port.laddr = u->port.raddr = any_addr(&u->d.so);
	*out = &u->d.so;
	return 0;
}

NET_PROTO(udp4, .family = AF_INET, .type = SOCK_DGRAM, .proto = IPPROTO_UDP, .is_default = true, .create = udp_create);
NET_PROTO(udp6, .family = AF_INET6, .type = SOCK_DGRAM, .proto = IPPROTO_UDP, .is_default = true, .create = udp_create);
