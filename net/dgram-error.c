// SPDX-License-Identifier: MIT
/*
 * The error queue of IP_RECVERR and IPV6_RECVERR: ip(7), ipv6(7). The network pushes to a lock-free list, as it does with
 * datagrams: an error may come while the socket's own send holds its lock. What waits counts as received data does.
 */
#include "libc/errno.h"
#include "libc/string.h"
#include "net/dgram.h"
#include "net/net.h"
#include "net/pkt-uio.h"

#define IP_RECVERR		11
#define IPV6_RECVERR		25

#define SO_EE_ORIGIN_LOCAL	1
#define SO_EE_ORIGIN_ICMP	2
#define SO_EE_ORIGIN_ICMP6	3

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
};

bool dgram_wants_errors(const struct dgram *d, bool is_v4)
{
	return is_v4 ? sock_has(&d->so, SF_RECVERR) : atomic_load(&d->so.inet.flags, RELAXED) & INF6_RECVERR;
}

static void push(struct dgram *d, const struct queued_error *q, const struct ip_addr *dst, uint16_t port, const void *data,
		 unsigned len)
{
	struct pkt *p = pkt_alloc(0, (unsigned)sizeof(*q) + len);
	uint32_t before;

	if (!p)
		return;
	before = atomic_fetch_add(&d->queued, p->truesize, RELAXED);
	if (before + p->truesize > atomic_load(&d->so.rcvbuf, RELAXED)) {
		(void)atomic_fetch_sub(&d->queued, p->truesize, RELAXED);
		pkt_free(p);
		return;
	}
	memcpy(pkt_put(p, sizeof(*q)), q, sizeof(*q));
	if (len)
		memcpy(pkt_put(p, len), data, len);
	p->dst = *dst;
	p->udp.dport = port;
	(void)mpsc_push(&d->errors, &p->node);
	socket_wake(&d->so, (unsigned)-1, FILE_POLLERR);
}

void dgram_queue_error(struct dgram *d, const struct ip_error *e, uint16_t port, unsigned header)
{
	struct queued_error q = { .e = { .error = (uint32_t)e->error, .type = e->type, .code = e->code, .info = e->mtu },
				  .reporter = e->reporter };
	unsigned skip = MIN(header, e->transport_len);

	q.e.origin = ip_is_any(&e->reporter) ? SO_EE_ORIGIN_LOCAL : e->is_v6 ? SO_EE_ORIGIN_ICMP6 : SO_EE_ORIGIN_ICMP;
	push(d, &q, &e->dst, port, e->transport + skip, e->transport_len - skip);
}

void dgram_queue_too_long(struct dgram *d, const struct ip_addr *dst, uint16_t port, unsigned mtu)
{
	struct queued_error q = { .e = { .error = EMSGSIZE, .origin = SO_EE_ORIGIN_LOCAL, .info = mtu } };

	if (dgram_wants_errors(d, ip_is_v4(dst)))
		push(d, &q, dst, port, NULL, 0);
}

/* so.lock held. */
static struct pkt *first_error(struct dgram *d)
{
	if (!d->error_queue) {
		struct mpsc_node *n = mpsc_take_newest_first(&d->errors);

		if (n)
			atomic_store(&d->error_queue, container_of(mpsc_reverse(n), struct pkt, node), RELAXED);
	}
	return d->error_queue;
}

static void put_error(struct dgram *d, struct sock_msg *m, const struct queued_error *q)
{
	bool v4 = d->so.family == AF_INET;
	struct {
		struct ext_err e;
		uint8_t offender[28];
	} out = { .e = q->e };
	struct sock_addr a;

	if (q->e.origin != SO_EE_ORIGIN_LOCAL) {
		inet_to_sockaddr(&d->so, &a, &q->reporter, 0, NULL);
		memcpy(out.offender, a.bytes, a.len);
	}
	sock_msg_put(m, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_RECVERR : IPV6_RECVERR, &out, v4 ? 32 : sizeof(out));
}

/* The error of the next in the queue is the socket's pending one again, as on Linux. */
static void follow_up(struct dgram *d, const struct queued_error *taken)
{
	struct pkt *next = first_error(d);
	struct queued_error q;

	if (next)
		memcpy(&q, next->seg[0].data, sizeof(q));
	if (next && q.e.origin != SO_EE_ORIGIN_LOCAL)
		atomic_store(&d->so.error, (int)q.e.error, RELAXED);
	else if (taken->e.origin != SO_EE_ORIGIN_LOCAL)
		atomic_store(&d->so.error, 0, RELAXED);
}

ssize_t dgram_recv_error(struct dgram *d, struct sock_msg *m)
{
	struct queued_error q;
	struct pkt *p;
	unsigned len;
	ssize_t n;

	mutex_lock(&d->so.lock);
	p = first_error(d);
	if (p) {
		atomic_store(&d->error_queue, pkt_next(p), RELAXED);
		(void)atomic_fetch_sub(&d->queued, p->truesize, RELAXED);
		memcpy(&q, p->seg[0].data, sizeof(q));
		follow_up(d, &q);
	}
	mutex_unlock(&d->so.lock);
	if (!p)
		return sock_recv_errqueue(&d->so, m);
	len = (unsigned)MIN((size_t)p->len - sizeof(q), m->uio->left);
	n = len ? pkt_to_uio(p, sizeof(q), m->uio, len) : 0;
	if (n == (ssize_t)len) {
		m->out_flags |= MSG_ERRQUEUE | (len < p->len - sizeof(q) ? MSG_TRUNC : 0);
		if (m->name)
			inet_to_sockaddr(&d->so, m->name, &p->dst, p->udp.dport, NULL);
		put_error(d, m, &q);
	} else {
		n = -EFAULT;
	}
	pkt_free(p);
	return n;
}

bool dgram_has_errors(const struct dgram *d)
{
	return !mpsc_is_empty(&d->errors) || atomic_load(&d->error_queue, RELAXED);
}

void dgram_free_errors(struct dgram *d)
{
	struct mpsc_node *n = mpsc_take_newest_first(&d->errors);

	pkt_free_list(d->error_queue);
	if (n)
		pkt_free_list(container_of(n, struct pkt, node));
}
