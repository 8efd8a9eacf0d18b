// SPDX-License-Identifier: MIT
/*
 * The error queue of a socket, which recvmsg(MSG_ERRQUEUE) reads: what IP_RECVERR and IPV6_RECVERR ask for (ip(7),
 * ipv6(7)), and the times of sending of SO_TIMESTAMPING (Linux Documentation/networking/timestamping.rst). Who has
 * something to say pushes to a lock-free list, as the network does with datagrams: an error may come while the
 * socket's own send holds its lock. What waits may take as much memory as the receive buffer.
 */
#include "libc/errno.h"
#include "libc/string.h"
#include "net/dgram.h"
#include "net/net.h"
#include "net/netdev-priv.h"
#include "net/pkt-uio.h"
#include "sched/clock.h"

#define IP_RECVERR		11
#define IPV6_RECVERR		25

#define SO_EE_ORIGIN_LOCAL	1
#define SO_EE_ORIGIN_ICMP	2
#define SO_EE_ORIGIN_ICMP6	3
#define SO_EE_ORIGIN_STAMP	4	/* SO_EE_ORIGIN_TIMESTAMPING */
#define QUOTE_MAX		65000u	/* of a frame: a segment's length has 16 bits */

/* struct sock_extended_err of linux/errqueue.h. */
struct ext_err {
	uint32_t error;
	uint8_t origin, type, code, pad;
	uint32_t info, data;
};
_Static_assert(sizeof(struct ext_err) == 16, "Linux ABI");

/* What a packet in the queue starts with; the payload that was quoted is behind it. dst and udp.dport are where it went. */
struct queued_error {
	struct ext_err e;
	struct ip_addr reporter;
	bool has_control;	/* src, dst and dev tell about a frame that was sent */
};

bool dgram_wants_errors(const struct dgram *d, bool is_v4)
{
	return is_v4 ? sock_has(&d->so, SF_RECVERR) : atomic_load(&d->so.inet.flags, RELAXED) & INF6_RECVERR;
}

/* take. */
static void push(struct socket *so, struct pkt *p)
{
	uint32_t before = atomic_fetch_add(&so->error_bytes, p->truesize, RELAXED);

	if (before + p->truesize > atomic_load(&so->rcvbuf, RELAXED)) {
		(void)atomic_fetch_sub(&so->error_bytes, p->truesize, RELAXED);
		pkt_free(p);
		return;
	}
	(void)mpsc_push(&so->errors, &p->node);
	socket_wake(so, (unsigned)-1, FILE_POLLERR);
}

static struct pkt *make(const struct queued_error *q, const struct ip_addr *dst, uint16_t port, unsigned len)
{
	struct pkt *p = pkt_alloc(0, (unsigned)sizeof(*q) + len);

	if (!p)
		return NULL;
	memcpy(pkt_put(p, sizeof(*q)), q, sizeof(*q));
	p->dst = *dst;
	p->udp.dport = port;
	p->time = clock_monotonic();
	return p;
}

void dgram_queue_error(struct dgram *d, const struct ip_error *e, uint16_t port, unsigned header)
{
	struct queued_error q = { .e = { .error = (uint32_t)e->error, .type = e->type, .code = e->code, .info = e->mtu },
				  .reporter = e->reporter };
	unsigned skip = MIN(header, e->transport_len), len = e->transport_len - skip;
	struct pkt *p;

	q.e.origin = ip_is_any(&e->reporter) ? SO_EE_ORIGIN_LOCAL : e->is_v6 ? SO_EE_ORIGIN_ICMP6 : SO_EE_ORIGIN_ICMP;
	p = make(&q, &e->dst, port, len);
	if (!p)
		return;
	memcpy(pkt_put(p, len), e->transport + skip, len);
	push(&d->so, p);
}

void dgram_queue_too_long(struct dgram *d, const struct ip_addr *dst, uint16_t port, unsigned mtu)
{
	struct queued_error q = { .e = { .error = EMSGSIZE, .origin = SO_EE_ORIGIN_LOCAL, .info = mtu } };

	struct pkt *p = dgram_wants_errors(d, ip_is_v4(dst)) ? make(&q, dst, port, 0) : NULL;

	if (p)
		push(&d->so, p);
}

void sock_queue_stamp(struct socket *so, unsigned kind, uint32_t key, nsec_t time, const struct pkt *sent)
{
	struct queued_error q = { .e = { .error = ENOMSG, .origin = SO_EE_ORIGIN_STAMP, .info = kind } };
	uint32_t stamping = atomic_load(&so->stamping, RELAXED);
	unsigned len = sent ? MIN(sent->len, QUOTE_MAX) : 0;
	struct ip_addr nowhere = { .d = { 0, 0 } };
	struct pkt *p;

	/* Linux asks for OPT_CMSG with IPv4 only. */
	q.has_control = (stamping & SOF_OPT_CMSG || so->family == AF_INET6) && sent && sent->dev;
	if (stamping & SOF_OPT_ID)
		q.e.data = key;
	p = make(&q, sent ? &sent->dst : &nowhere, 0, len);
	if (!p)
		return;
	if (len)
		pkt_copy_out(sent, 0, pkt_put(p, len), len);
	if (q.has_control) {
		p->src = sent->src;
		p->dev = sent->dev;
		p->udp.hop_limit = sent->udp.hop_limit;
		p->udp.tos = sent->udp.tos;
	}
	p->time = time;
	push(so, p);
}

void dgram_stamp_begin(struct dgram *d, uint32_t stamps, const struct pkt *p, struct dgram_stamp *s)
{
	uint32_t stamping = atomic_load(&d->so.stamping, RELAXED);

	*s = (struct dgram_stamp){ .stamps = stamps };
	if (stamping & SOF_OPT_ID)
		s->key = atomic_fetch_add(&d->so.stamp_key, 1u, RELAXED);
	if (!(stamping & SOF_OPT_TSONLY) && stamps & (SOF_TX_SCHED | SOF_TX_SOFTWARE))
		s->frame = pkt_copy(p, IP_HEADROOM);
}

void dgram_stamp_end(struct dgram *d, struct dgram_stamp *s, bool is_sent, bool has_ip, const struct ip_addr *src, const struct ip_addr *dst, const struct ip_opts *opts)
{
	bool is_all = s->frame || atomic_load(&d->so.stamping, RELAXED) & SOF_OPT_TSONLY;
	struct pkt *f = s->frame;

	if (f) {
		ip_push_headers(f, &d->route, src, dst, d->so.proto, opts, has_ip);
		f->src = *src;
		f->dst = *dst;
		f->dev = d->route.dev;
		f->udp.hop_limit = opts->hop_limit ? opts->hop_limit : ip_is_v4(dst) ? (uint8_t)atomic_load(&net_default_ttl, RELAXED) : IP_DEFAULT_HOPS;
		f->udp.tos = opts->tos;
	}
	if (is_sent && is_all && s->stamps & SOF_TX_SCHED)
		sock_queue_stamp(&d->so, STAMP_SCHED, s->key, clock_monotonic(), f);
	if (is_sent && is_all && s->stamps & SOF_TX_SOFTWARE)
		sock_queue_stamp(&d->so, STAMP_SENT, s->key, clock_monotonic(), f);
	pkt_free(f);
}

/* Lock held. */
static struct pkt *first_error(struct socket *so)
{
	if (!so->error_queue) {
		struct mpsc_node *n = mpsc_take_newest_first(&so->errors);

		if (n)
			so->error_queue = container_of(mpsc_reverse(n), struct pkt, node);
	}
	return so->error_queue;
}

static bool is_icmp(const struct queued_error *q)
{
	return q->e.origin == SO_EE_ORIGIN_ICMP || q->e.origin == SO_EE_ORIGIN_ICMP6;
}

static void put_error(struct socket *so, struct sock_msg *m, const struct queued_error *q, const struct pkt *p)
{
	bool v4 = so->family == AF_INET;
	struct {
		struct ext_err e;
		uint8_t offender[28];
	} out = { .e = q->e };
	struct sock_addr a;

	if (q->has_control || is_icmp(q)) {
		inet_to_sockaddr(so, &a, q->has_control ? &p->src : &q->reporter, 0, NULL);
		memcpy(out.offender, a.bytes, a.len);
	}
	if (q->has_control)
		inet_put_control(so, m, p, &p->src);
	sock_msg_put(m, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_RECVERR : IPV6_RECVERR, &out, v4 ? 32 : sizeof(out));
}

/* The error of the next in the queue is the socket's pending one again, as on Linux. */
static void follow_up(struct socket *so, const struct queued_error *taken)
{
	struct pkt *next = first_error(so);
	struct queued_error q;

	if (next)
		memcpy(&q, next->seg[0].data, sizeof(q));
	if (next && is_icmp(&q))
		atomic_store(&so->error, (int)q.e.error, RELAXED);
	else if (is_icmp(taken))
		atomic_store(&so->error, 0, RELAXED);
}

/* Give p, which was taken from the queue. */
static ssize_t give(struct socket *so, struct sock_msg *m, const struct queued_error *q, const struct pkt *p)
{
	unsigned all = p->len - (unsigned)sizeof(*q), len = (unsigned)MIN((size_t)all, m->uio->left);
	ssize_t n = len ? pkt_to_uio(p, sizeof(*q), m->uio, len) : 0;

	if (n < (ssize_t)len)
		return -EFAULT;
	m->out_flags |= MSG_ERRQUEUE | (len < all ? MSG_TRUNC : 0);
	if (m->name && q->e.origin != SO_EE_ORIGIN_STAMP)
		inet_to_sockaddr(so, m->name, &p->dst, p->udp.dport, NULL);
	if (sock_has(so, SF_TIMESTAMP) || (q->e.origin != SO_EE_ORIGIN_LOCAL && atomic_load(&so->stamping, RELAXED) & SOF_SOFTWARE))
		stamp_put(so, m, p->time);
	put_error(so, m, q, p);
	return n;
}

ssize_t sock_recv_error(struct socket *so, struct sock_msg *m)
{
	struct queued_error q;
	struct pkt *p;
	ssize_t n;

	mutex_lock(&so->lock);
	p = first_error(so);
	if (p) {
		so->error_queue = pkt_next(p);
		(void)atomic_fetch_sub(&so->error_bytes, p->truesize, RELAXED);
		memcpy(&q, p->seg[0].data, sizeof(q));
		follow_up(so, &q);
	}
	mutex_unlock(&so->lock);
	if (!p)
		return sock_recv_errqueue(so, m);
	n = give(so, m, &q, p);
	pkt_free(p);
	return n;
}

void sock_free_errors(struct socket *so)
{
	struct mpsc_node *n = mpsc_take_newest_first(&so->errors);

	pkt_free_list(so->error_queue);
	if (n)
		pkt_free_list(container_of(n, struct pkt, node));
}
