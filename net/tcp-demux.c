// SPDX-License-Identifier: MIT
/*
 * From a packet to its connection.
 *
 * The table has two links in each connection: while it grows, the chains of the new size are built with one while readers follow the other; then the new array is published. A
 * reader that still walks the old array sees complete old chains, since the old links stay as they are for a grace period.
 */
#include "libc/errno.h"
#include "libc/random.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "net/bpf.h"
#include "net/csum.h"
#include "net/netdev-priv.h"
#include "net/tcp-priv.h"
#include "sched/rcu.h"

#define FIRST_BITS	8u
#define MAX_BITS	20u
#define URGENT_QUEUED	128u	/* packets in a channel: do not wait for the application */

struct table {
	uint32_t mask;
	uint32_t link;			/* which of hash_next[] */
	struct rcu_head rcu;
	struct tcp_sock *buckets[];	/* [rcu] */
};

static struct mutex lock;
static struct table *table;		/* [rcu] */
static uint32_t nr_entries;		/* [lock] */
static bool is_growing;			/* [lock] the old links are still being read */
static struct siphash_key table_key, secret;

/*
 * The short way to a connection over IPv4: a slot each, by a hash that costs nothing and that an attacker may know, as a slot taken by another one leads to the table and no
 * further. Entered and left together with the table; a connection leaves its slot to none while it is established.
 */
#define SHORT_BITS	10u
static struct tcp_sock *short_slots[1u << SHORT_BITS];	/* [rcu] written under lock */
static uint32_t has_keys;		/* [a] */

static inline struct tcp_sock **short_slot(uint64_t wire_addrs, uint32_t wire_ports)
{
	return &short_slots[((uint32_t)wire_addrs ^ wire_ports) * 0x9e3779b1u >> (32 - SHORT_BITS)];
}

static void make_keys(void)
{
	struct siphash_key k[2];

	/* Twice at once does no harm before the first packet; later calls find the flag. */
	random_bytes(k, sizeof(k));
	mutex_lock(&lock);
	if (!has_keys) {
		table_key = k[0];
		secret = k[1];
		atomic_store(&has_keys, 1u, RELEASE);	/* release: the keys before the flag. Pairs: its readers */
	}
	mutex_unlock(&lock);
}

static inline void need_keys(void)
{
	if (unlikely(!atomic_load(&has_keys, ACQUIRE)))
		make_keys();
}

uint32_t tcp_hash(const struct ip_addr *laddr, uint16_t lport, const struct ip_addr *raddr, uint16_t rport)
{
	uint64_t w[5] = { (uint64_t)laddr->w[3] << 32 | raddr->w[3], (uint64_t)lport << 16 | rport };

	need_keys();
	if (likely(ip_is_v4(raddr)))
		return (uint32_t)siphash13(&table_key, w, 2);
	w[2] = laddr->d[0];
	w[3] = raddr->d[0];
	w[4] = (uint64_t)laddr->w[2] << 32 | raddr->w[2];
	return (uint32_t)siphash13(&table_key, w, 5);
}

uint32_t tcp_secret_hash(const struct ip_addr *laddr, uint16_t lport, const struct ip_addr *raddr, uint16_t rport, uint64_t salt)
{
	uint64_t w[6] = { laddr->d[0], laddr->d[1], raddr->d[0], raddr->d[1], (uint64_t)lport << 16 | rport, salt };

	need_keys();
	return (uint32_t)siphash24(&secret, w, 6);
}

/* RFC 6528 3: M + F(...), M a timer of 4 microseconds; here one of 64 ns as Linux has it. */
uint32_t tcp_new_isn(const struct ip_addr *laddr, uint16_t lport, const struct ip_addr *raddr, uint16_t rport, nsec_t now)
{
	return tcp_secret_hash(laddr, lport, raddr, rport, 1) + (uint32_t)(now >> 6);
}

static inline bool is_match(const struct tcp_sock *tp, const struct ip_addr *laddr, uint16_t lport, const struct ip_addr *raddr, uint16_t rport)
{
	return tp->rport == rport && tp->lport == lport && ip_equal(&tp->raddr, raddr) && ip_equal(&tp->laddr, laddr);
}

/* Under RCU or lock. */
static struct tcp_sock *find(uint32_t hash, const struct ip_addr *laddr, uint16_t lport, const struct ip_addr *raddr, uint16_t rport)
{
	const struct table *t = rcu_deref(table);
	struct tcp_sock *tp;

	if (unlikely(!t))
		return NULL;
	for (tp = rcu_deref(t->buckets[hash & t->mask]); tp; tp = rcu_deref(tp->hash_next[t->link])) {
		if (is_match(tp, laddr, lport, raddr, rport))
			return tp;
	}
	return NULL;
}

static struct tcp_sock *lookup_hashed(uint32_t hash, const struct ip_addr *laddr, uint16_t lport, const struct ip_addr *raddr, uint16_t rport)
{
	struct tcp_sock *tp;

	rcu_read_lock();
	tp = find(hash, laddr, lport, raddr, rport);
	if (tp && !socket_try_get(&tp->so))
		tp = NULL;
	rcu_read_unlock();
	return tp;
}

struct tcp_sock *tcp_lookup(const struct ip_addr *laddr, uint16_t lport, const struct ip_addr *raddr, uint16_t rport, uint32_t *hash)
{
	*hash = tcp_hash(laddr, lport, raddr, rport);
	return lookup_hashed(*hash, laddr, lport, raddr, rport);
}

static void free_table(struct rcu_head *head)
{
	kfree(container_of(head, struct table, rcu));
	mutex_lock(&lock);
	is_growing = false;	/* nobody follows the old links any more: they may be used for the next growth */
	mutex_unlock(&lock);
}

static struct table *table_alloc(unsigned bits, uint32_t link)
{
	struct table *t = kzalloc(sizeof(*t) + sizeof(t->buckets[0]) * (1ul << bits));

	if (t) {
		t->mask = (1u << bits) - 1;
		t->link = link;
	}
	return t;
}

/* lock held. Failure is not an error: chains get longer. */
static void grow(void)
{
	struct table *old = table, *t;

	if (is_growing || nr_entries <= old->mask * 2 || old->mask >= (1u << MAX_BITS) - 1)
		return;
	t = table_alloc((unsigned)__builtin_ctz(old->mask + 1) + 2, !old->link);
	if (!t)
		return;
	for (uint32_t i = 0; i <= old->mask; i++) {
		for (struct tcp_sock *tp = old->buckets[i]; tp; tp = tp->hash_next[old->link]) {
			struct tcp_sock **b = &t->buckets[tp->hash & t->mask];

			tp->hash_next[t->link] = *b;
			*b = tp;
		}
	}
	is_growing = true;
	rcu_assign(table, t);
	mutex_unlock(&lock);	/* host tests run the callback at once */
	rcu_defer(&old->rcu, free_table);
	mutex_lock(&lock);
}

/* lock held. */
static void enter_short(struct tcp_sock *tp)
{
	struct tcp_sock **slot = short_slot(tp->wire_addrs, tp->wire_ports);

	/* What is between two addresses of ours must come through the loopback device: ip4_input() looks. */
	if (ip_is_v4(&tp->raddr) && !tp->route.is_local && !ip_is_loopback(&tp->laddr) && (!*slot || atomic_load(&(*slot)->state, RELAXED) != TCP_ESTABLISHED))
		rcu_assign(*slot, tp);
}

int tcp_table_insert(struct tcp_sock *tp)
{
	struct tcp_sock **b;
	int r = 0;

	tp->hash = tcp_hash(&tp->laddr, tp->lport, &tp->raddr, tp->rport);
	tp->has_peer_hash = false;
	tp->wire_addrs = (uint64_t)tp->laddr.w[3] << 32 | tp->raddr.w[3];
	tp->wire_ports = (uint32_t)net16(tp->lport) << 16 | net16(tp->rport);
	mutex_lock(&lock);
	if (!table) {
		struct table *t = table_alloc(FIRST_BITS, 0);

		if (!t)
			r = -ENOMEM;
		else
			rcu_assign(table, t);
	}
	if (!r && find(tp->hash, &tp->laddr, tp->lport, &tp->raddr, tp->rport))
		r = -EADDRNOTAVAIL;
	if (!r) {
		socket_get(&tp->so);
		b = &table->buckets[tp->hash & table->mask];
		tp->hash_next[table->link] = *b;
		rcu_assign(*b, tp);
		tp->is_hashed = true;
		enter_short(tp);
		nr_entries++;
		grow();
	}
	mutex_unlock(&lock);
	return r;
}

void tcp_table_remove(struct tcp_sock *tp)
{
	struct tcp_sock **link;
	bool was = false;

	mutex_lock(&lock);
	if (tp->is_hashed) {
		link = &table->buckets[tp->hash & table->mask];
		while (*link != tp)
			link = &(*link)->hash_next[table->link];
		rcu_assign(*link, tp->hash_next[table->link]);
		tp->is_hashed = false;
		link = short_slot(tp->wire_addrs, tp->wire_ports);
		if (*link == tp)
			rcu_assign(*link, NULL);
		nr_entries--;
		was = true;
	}
	mutex_unlock(&lock);
	if (was)
		socket_put(&tp->so);
}

/* As port_takes(), but that an IPv6 socket which nobody bound to an IPv6 address also keeps the port of IPv4 (as on Linux). */
static bool is_overlapping(const struct tcp_sock *tp, const struct port_entry *e)
{
	bool is_dual = tp->so.family == AF_INET6 && !sock_has(&tp->so, SF_V6ONLY);

	return port_takes(e, &tp->laddr) || (is_dual && e->so->family == AF_INET && ip_is_v4(&e->laddr) && ip_is_any(&e->laddr));
}

/* Connections that have a port of their own by bind(2) are in the table of ports, too, where they were looked at. */
bool tcp_is_port_in_use(const struct port_entry *e)
{
	bool r = false;

	mutex_lock(&lock);
	for (uint32_t i = 0; table && nr_entries && i <= table->mask && !r; i++) {
		for (struct tcp_sock *tp = table->buckets[i]; tp && !r; tp = tp->hash_next[table->link]) {
			const struct netdev *da = tp->so.bound_dev, *db = e->so->bound_dev;

			if (tp->lport != e->port || tp->port.port || &tp->port == e || (da && db && da != db) || !is_overlapping(tp, e))
				continue;
			r = !(sock_has(&tp->so, SF_REUSEADDR) && sock_has(e->so, SF_REUSEADDR)) &&
			    !(sock_has(&tp->so, SF_REUSEPORT) && sock_has(e->so, SF_REUSEPORT) && (tp->state == TCP_TIME_WAIT || tp->so.cred.uid == e->so->cred.uid));
		}
	}
	mutex_unlock(&lock);
	return r;
}

uint32_t tcp_count_unacked(uint32_t *acked)
{
	uint32_t n = 0;

	*acked = 0;
	mutex_lock(&lock);
	for (uint32_t i = 0; table && i <= table->mask; i++) {
		for (struct tcp_sock *tp = table->buckets[i]; tp; tp = tp->hash_next[table->link]) {
			if (!IN_STATES(tp, ST(FIN_WAIT1) | ST(CLOSING) | ST(LAST_ACK)) || ip_is_ours(&tp->raddr, NULL))
				continue;
			n++;
			*acked += READ_ONCE(tp->snd_una);
		}
	}
	mutex_unlock(&lock);
	return n;
}

/* ---- classification ------------------------------------------------------------------------------------------------- */

static void find_timestamp(struct pkt *p, const uint8_t *o, unsigned len)
{
	static const uint8_t usual[4] = { 1, 1, 8, 10 };
	uint32_t w[2];
	const uint8_t *at = NULL;

	if (len >= 12 && !memcmp(o, usual, 4)) {
		at = o + 4;
	} else {
		for (unsigned i = 0; i < len && o[i];) {
			unsigned n = o[i] == 1 ? 1 : i + 1 < len ? o[i + 1] : 0;

			if (!n || (o[i] != 1 && n < 2) || i + n > len)
				break;
			if (o[i] == 8 && n == 10) {
				at = o + i + 2;
				break;
			}
			i += n;
		}
	}
	p->tcp.has_ts = at != NULL;
	if (at) {
		memcpy(w, at, 8);
		p->tcp.ts_val = net32(w[0]);
		p->tcp.ts_ecr = net32(w[1]);
	}
}

static inline void take_header(struct pkt *p, const struct tcp_hdr *h, unsigned hlen, uint8_t ecn)
{
	p->tcp.seq = net32(h->seq);
	p->tcp.ack = net32(h->ack);
	p->tcp.flags = h->flags;
	p->tcp.window = net16(h->window);
	p->tcp.urgent = net16(h->urgent);
	p->tcp.opt_len = (uint8_t)(hlen - sizeof(*h));
	p->tcp.ecn = ecn;
	p->tcp.data_len = p->len - hlen;
	find_timestamp(p, (const uint8_t *)(h + 1), p->tcp.opt_len);
}

/* p starts at the TCP header. False: malformed. Then seg[0] starts at the payload; the header is at base + l4. */
static bool parse(struct pkt *p, uint16_t *sport, uint16_t *dport)
{
	const struct tcp_hdr *h;
	uint8_t ecn = p->udp.tos & 3;
	unsigned hlen;

	if (!pkt_pull_up(p, sizeof(*h)))
		return false;
	h = (const struct tcp_hdr *)p->seg[0].data;
	hlen = (h->off >> 4) * 4u;
	if (hlen < sizeof(*h) || !pkt_pull_up(p, hlen))
		return false;
	if (!(p->flags & (PKT_CSUM_OK | PKT_CSUM_PARTIAL)) &&
	    csum_fold(pkt_csum(p, 0, p->len, csum_pseudo(&p->src, &p->dst, p->len, IPPROTO_TCP))) != 0xffff) {
		NET_COUNT(tcp_csum_errors);
		return false;
	}
	*sport = net16(h->sport);
	*dport = net16(h->dport);
	take_header(p, h, hlen, ecn);
	pkt_pull(p, hlen);
	return true;
}

/* Something was pushed to tp's channel or to another list that its work looks at. */
static void list_for_worker(struct tcp_sock *tp)
{
	/*
	 * The push before the looks at WORK_LISTED here, and at wants_acks and nr_waiters in push(): store->load.
	 * Pairs: tcp_work_run (WORK_LISTED), tcp_want_acks, waitq_add, waitq_wait_until
	 */
	atomic_fence(SEQ_CST);
	if (work_claim(&tp->work)) {
		socket_get(&tp->so);
		work_add(&tp->work);
	}
}

void tcp_list_for_work(struct tcp_sock *tp)
{
	list_for_worker(tp);
}

/*
 * A thread that waits processes what has come. Many that share a listener are left alone until a connection is there, which wakes one: the worker processes the handshake.
 * list_for_worker() was called.
 */
static inline void wake_for_channel(struct tcp_sock *tp)
{
	if (READ_ONCE(tp->state) == TCP_LISTEN && atomic_load(&tp->so.wq.nr_waiters, RELAXED) > 1)
		work_urgent(&tp->work);
	else
		socket_wake_fenced(&tp->so, (unsigned)-1, 0);
	/* The signal comes when it is known what has come (tcp_wake). */
	if (unlikely(atomic_load(&tp->so.is_async, RELAXED)))
		work_urgent(&tp->work);
}

/* A connection that nobody has accepted yet: the listener's threads take care of it. */
static __attribute__((noinline)) void give_to_listener(struct tcp_sock *tp)
{
	struct tcp_sock *lp;

	rcu_read_lock();
	lp = atomic_load(&tp->listener, ACQUIRE);
	if (lp && !socket_try_get(&lp->so))
		lp = NULL;
	rcu_read_unlock();
	if (!lp)
		return;
	if (!atomic_exchange(&tp->needs_attention, 1u, ACQ_REL)) {
		socket_get(&tp->so);
		(void)mpsc_push(&lp->attention, &tp->attention_node);
		list_for_worker(lp);
		wake_for_channel(lp);
	}
	socket_put(&lp->so);
}

/* take p; the caller has a reference on tp. */
static void push(struct tcp_sock *tp, struct pkt *p)
{
	bool is_plain_ack = !p->tcp.data_len && !(p->tcp.flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_URG));
	uint32_t queued = atomic_fetch_add(&tp->nr_queued, 1u, RELAXED);

	if (queued >= TCP_MAX_QUEUED) {
		(void)atomic_fetch_sub(&tp->nr_queued, 1u, RELAXED);
		NET_COUNT(tcp_backlog_drops);
		pkt_free(p);
		work_urgent(&tp->work);
		return;
	}
	(void)mpsc_push(&tp->channel, &p->node);
	list_for_worker(tp);
	if (unlikely(atomic_load(&tp->listener, RELAXED)))
		give_to_listener(tp);
	if (is_plain_ack && !atomic_load(&tp->wants_acks, RELAXED))
		return;
	if (socket_has_waiters(&tp->so))
		wake_for_channel(tp);
	else if (atomic_load(&tp->wants_acks, RELAXED))
		work_urgent(&tp->work);
	if (queued >= URGENT_QUEUED)
		work_urgent(&tp->work);
}

/* Does tp's filter let p pass? If so p is cut, but for its header. */
static bool is_wanted(struct tcp_sock *tp, struct pkt *p)
{
	unsigned hlen = (unsigned)sizeof(struct tcp_hdr) + p->tcp.opt_len;

	if (!sock_filter_pkt(&tp->so, p, hlen, hlen))
		return false;
	p->tcp.data_len = p->len;
	return true;
}

/* take; p->hash is set. */
static void deliver(struct pkt *p, uint16_t sport, uint16_t dport)
{
	struct tcp_sock *tp = lookup_hashed(p->hash, &p->dst, dport, &p->src, sport);

	if (!tp && !(p->tcp.flags & TCP_RST) && p->tcp.flags & (TCP_SYN | TCP_ACK)) {
		struct socket *so = port_lookup(&tcp_ports, &p->src, sport, &p->dst, dport, p->dev, p->hash, true);

		if (so)
			tp = tcp_of(so);
	}
	if (!tp) {
		if (!(p->tcp.flags & TCP_RST))
			tcp_send_reset(p);
		pkt_free(p);
		return;
	}
	if (likely(!atomic_load(&tp->so.filter, RELAXED)) || is_wanted(tp, p))
		push(tp, p);
	else
		pkt_free(p);
	socket_put(&tp->so);
}

void tcp_classify(struct pkt *p)
{
	uint16_t sport, dport;

	NET_COUNT(tcp_in_segs);
	if (p->flags & PKT_BROADCAST || !parse(p, &sport, &dport)) {
		NET_COUNT(tcp_in_errs);
		pkt_free(p);
		return;
	}
	p->hash = tcp_hash(&p->dst, dport, &p->src, sport);
	deliver(p, sport, dport);
}

/* Parts of a frame as they lie in memory. */
#define FRAME_FIELD(type, f, field)	({ type v_; memcpy(&v_, (const uint8_t *)(f) + offsetof(struct tcp_frame, field), sizeof(v_)); v_; })

/* The sum of an IPv4 header without options is that of one which is intact. */
static inline bool is_intact4(const struct tcp_frame *f)
{
	uint64_t a = FRAME_FIELD(uint64_t, f, ip), b = FRAME_FIELD(uint64_t, f, ip.ttl);

	/* A sum of 16-bit words modulo 65535 may be made of longer ones: 2^16 is 1 there. It is not 0 itself: ver_ihl is not. */
	return ((a & UINT32_MAX) + (a >> 32) + (b & UINT32_MAX) + (b >> 32) + f->ip.dst) % 0xffff == 0;
}

/* give: a reference. NULL: not in its slot. */
static inline struct tcp_sock *find_short(const struct tcp_frame *f)
{
	uint64_t addrs = FRAME_FIELD(uint64_t, f, ip.src);
	uint32_t ports = FRAME_FIELD(uint32_t, f, tcp.sport);
	struct tcp_sock *tp;

	rcu_read_lock();
	tp = rcu_deref(*short_slot(addrs, ports));
	if (tp && (tp->wire_addrs != addrs || tp->wire_ports != ports || atomic_load(&tp->so.filter, RELAXED) || READ_ONCE(tp->route.generation) != atomic_load(&route_generation, RELAXED) || !socket_try_get(&tp->so)))
		tp = NULL;
	rcu_read_unlock();
	return tp;
}

/*
 * What eth_input(), ip4_input(), ip_deliver() and tcp_classify() find out one after the other, for a frame where none of them has anything special to do. That the address is
 * still ours follows from the route: it was looked up for this address, and nothing has changed since (else: the long way).
 */
bool tcp_input_short(struct pkt *p)
{
	const struct tcp_frame *f = (const struct tcp_frame *)p->seg[0].data;
	struct tcp_sock *tp;
	unsigned hlen;

	/* Ethernet's type, IP's version and length; fragment bits but for DF, and protocol (little-endian, as net16() has it). */
	if (p->seg[0].len < offsetof(struct tcp_frame, ts) || (FRAME_FIELD(uint32_t, f, eth.type) & 0xffffff) != 0x450008u ||
	    (FRAME_FIELD(uint32_t, f, ip.frag) & 0xff00ffbf) != (uint32_t)IPPROTO_TCP << 24 || net16(f->ip.len) + ETH_HLEN != p->len ||
	    !(p->flags & (PKT_CSUM_OK | PKT_CSUM_PARTIAL)) || memcmp(f->eth.dst, p->dev->mac, 6) || !is_intact4(f))
		return false;
	hlen = (f->tcp.off >> 4) * 4u;
	if (hlen < sizeof(f->tcp) || ETH_HLEN + IP4_HLEN + hlen > p->seg[0].len)
		return false;
	tp = find_short(f);
	if (!tp)
		return false;
	NET_COUNT(tcp_short_in);
	p->base = p->seg[0].data;
	p->l3 = ETH_HLEN;
	p->l4 = ETH_HLEN + IP4_HLEN;
	p->proto = IPPROTO_TCP;
	p->src = tp->raddr;
	p->dst = tp->laddr;
	p->hash = tp->hash;
	pkt_pull(p, ETH_HLEN + IP4_HLEN + hlen);
	take_header(p, &f->tcp, hlen, f->ip.tos & IP_ECN_MASK);
	p->tcp.data_len = p->len;
	push(tp, p);
	socket_put(&tp->so);
	return true;
}

void tcp_deliver_local(struct tcp_sock *from, struct pkt *p, nsec_t now)
{
	const struct tcp_hdr *h = (const struct tcp_hdr *)p->seg[0].data;

	p->base = p->seg[0].data;	/* p->l3 and p->l4 are 0 */
	take_header(p, h, (h->off >> 4) * 4u, 0);
	pkt_pull(p, (h->off >> 4) * 4u);
	tcp_deliver_short(from, p, now);
}

void tcp_deliver_short(struct tcp_sock *from, struct pkt *p, nsec_t now)
{
	bool is_v4 = ip_is_v4(&from->raddr);

	NET_COUNT(tcp_local);
	loopback_count_local((unsigned)(p->seg[0].data - p->base) + p->len + (is_v4 ? IP4_HLEN : IP6_HLEN));
	if (!from->has_peer_hash) {
		from->peer_hash = tcp_hash(&from->raddr, from->rport, &from->laddr, from->lport);
		from->has_peer_hash = true;
	}
	p->hash = from->peer_hash;
	p->dev = &loopback;
	p->time = now;
	p->flags |= is_v4 ? PKT_LOOPBACK : PKT_LOOPBACK | PKT_IS_IP6;
	p->proto = IPPROTO_TCP;
	p->src = from->laddr;
	p->dst = from->raddr;
	deliver(p, from->lport, from->rport);
}

void tcp_give_to_listener(struct pkt *p, uint16_t sport, uint16_t dport)
{
	struct socket *so = port_lookup(&tcp_ports, &p->src, sport, &p->dst, dport, p->dev, p->hash, true);

	if (!so) {
		tcp_send_reset(p);
		pkt_free(p);
		return;
	}
	push(tcp_of(so), p);
	socket_put(so);
}

void tcp_send_reset(const struct pkt *p)
{
	const struct tcp_hdr *in = (const struct tcp_hdr *)(p->base + p->l4);
	struct pkt *r = pkt_alloc(IP_HEADROOM, sizeof(struct tcp_hdr));
	struct tcp_hdr *h;

	if (!r)
		return;
	h = pkt_put(r, sizeof(*h));
	*h = (struct tcp_hdr){ .sport = in->dport, .dport = in->sport, .off = 0x50, .flags = TCP_RST };
	if (p->tcp.flags & TCP_ACK) {
		h->seq = in->ack;
	} else {
		h->ack = net32(p->tcp.seq + p->tcp.data_len + !!(p->tcp.flags & TCP_SYN) + !!(p->tcp.flags & TCP_FIN));
		h->flags |= TCP_ACK;
	}
	h->csum = csum_fold(csum_pseudo(&p->dst, &p->src, sizeof(*h), IPPROTO_TCP));
	r->flags |= PKT_CSUM_PARTIAL;
	r->csum_offset = offsetof(struct tcp_hdr, csum);
	NET_COUNT(tcp_out_rsts);
	ip_send(r, &p->dst, &p->src, IPPROTO_TCP, &(struct ip_opts){ .tos = 0 }, p->dev == &loopback ? NULL : p->dev);
}

/* An ICMP error about one of our segments: it becomes a packet in the connection's channel (no lock is needed to tell it). */
void tcp_error(const struct ip_error *e)
{
	const uint8_t *t = e->transport;
	uint16_t lport = (uint16_t)(t[0] << 8 | t[1]), rport = (uint16_t)(t[2] << 8 | t[3]);
	uint32_t hash, seq = (uint32_t)t[4] << 24 | (uint32_t)t[5] << 16 | (uint32_t)t[6] << 8 | t[7];
	struct tcp_sock *tp = tcp_lookup(&e->src, lport, &e->dst, rport, &hash);
	struct pkt *p;

	if (!tp)
		return;
	/* Only about something that is in flight (RFC 5927 4). Counted at once, which a look without the lock is good enough for: tcp-input.c looks again. */
	if (seq - READ_ONCE(tp->snd_una) >= READ_ONCE(tp->snd_nxt) - READ_ONCE(tp->snd_una)) {
		NET_COUNT(tcp_out_of_window_icmps);
		socket_put(&tp->so);
		return;
	}
	p = pkt_alloc(0, 0);
	if (p) {
		p->proto = IPPROTO_ICMP;	/* tcp-input.c tells it by this */
		p->tcp = (struct pkt_tcp){ .seq = seq, .ack = e->mtu, .urgent = (uint16_t)e->error, .flags = TCP_RST, .ecn = e->is_hard };
		p->time = clock_monotonic();
		push(tp, p);
	}
	socket_put(&tp->so);
}
