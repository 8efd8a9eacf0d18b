/* SPDX-License-Identifier: MIT
 *
 * Generic receive offload: what is merged and what is not, and that a connection whose segments come in batches ends as one whose segments come one by one: the same bytes, the
 * same state, over random streams with gaps, repetitions, overlaps, marks, urgent data, wrong checksums and a FIN.
 */
/* sources: @net-stack */
#include "mmu/page.h"
#include "net/csum.h"
#include "net/neigh.h"
#include "net/net.h"
#include "net/netdev-priv.h"
#include "net/tcp-priv.h"
#include "tests/host/fake-net.h"

#define A	TCP_ACK
#define P	TCP_PSH

static struct netdev eth;
static struct pkt_pool pool;
static uint32_t answer_seq;		/* of the last SYN with ACK that we sent */

static void eth_transmit(struct netdev *dev, unsigned queue, struct pkt *list)
{
	(void)dev;
	(void)queue;
	while (list) {
		struct pkt *p = list;
		uint8_t f[100] = { 0 };
		struct tcp_hdr *h;

		list = pkt_next(p);
		pkt_copy_out(p, 0, f, MIN(p->len, 100u));
		h = (struct tcp_hdr *)(f + (f[12] == 8 ? 34 : 54));
		if ((h->flags & (TCP_SYN | A)) == (TCP_SYN | A))
			answer_seq = net32(h->seq);
		pkt_free(p);
	}
}

static const struct netdev_ops eth_ops = { .transmit = eth_transmit };

/* A segment of a peer. */
struct seg {
	bool is_v6, has_bad_sum, has_bad_ip_sum, is_verified, has_opts, has_sack;
	uint8_t flags, tos, ttl, pad;
	uint16_t sport, window, urgent, frag;
	uint32_t seq, ack, ts, ecr, len, from;	/* from: number of its first byte in the stream */
};

static uint8_t byte_at(uint32_t n)
{
	return (uint8_t)(n * 7 + n / 251);
}

static unsigned put_opts(uint8_t *o, const struct seg *s)
{
	uint32_t w[2] = { net32(s->ts), net32(s->ecr) };

	if (s->has_sack) {
		memcpy(o, (uint8_t[12]){ 1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2 }, 12);
		return 12;
	}
	if (!s->has_opts)
		return 0;
	memcpy(o, (uint8_t[4]){ 1, 1, 8, 10 }, 4);
	memcpy(o + 4, w, 8);
	if ((s->flags & (TCP_SYN | A)) != TCP_SYN)
		return 12;
	memcpy(o + 12, (uint8_t[4]){ 2, 4, 5, 0xb4 }, 4);
	return 16;
}

/* The frame, in a page of the pool, or in one of its own. */
static struct pkt *frame(const struct seg *s)
{
	struct ip_addr src = ip_from_v4(net32(0x0a000003)), dst = ip_from_v4(net32(0x0a000002));
	struct pkt *tail = sim_random() & 1 ? pkt_pool_get(&pool, sim_random() % 8 ? PKT_BUF_PAGE : PKT_BUF_BIG) : NULL, *p;
	void *page = tail ? pkt_buf_start(tail) : (void *)(uintptr_t)page_alloc(0, 0);
	uint8_t opts[16], *f = (uint8_t *)page + 12;
	unsigned opt_len = put_opts(opts, s), ip_len = s->is_v6 ? 40 : 20, tcp_len = 20 + opt_len + s->len, total = 14 + ip_len + tcp_len;
	struct eth_hdr *e = (struct eth_hdr *)f;
	struct tcp_hdr *h = (struct tcp_hdr *)(f + 14 + ip_len);

	memset(f, 0, 14 + ip_len + 20);
	memcpy(e->dst, eth.mac, 6);
	if (s->is_v6) {
		struct ip6_hdr *ip = (struct ip6_hdr *)(f + 14);

		src = (struct ip_addr){ .b = { 0xfd, [15] = 3 } };
		dst = (struct ip_addr){ .b = { 0xfd, [15] = 2 } };
		*ip = (struct ip6_hdr){ .ver_tc_flow = net32(0x60000000u | (uint32_t)s->tos << 20), .len = net16((uint16_t)tcp_len), .next = 6, .hops = s->ttl };
		memcpy(ip->src, src.b, 16);
		memcpy(ip->dst, dst.b, 16);
		e->type = net16(ETH_P_IP6);
	} else {
		struct ip4_hdr *ip = (struct ip4_hdr *)(f + 14);

		*ip = (struct ip4_hdr){ .ver_ihl = 0x45, .tos = s->tos, .len = net16((uint16_t)(ip_len + tcp_len)), .id = (uint16_t)sim_random(), .frag = net16(s->frag),
					.ttl = s->ttl, .proto = 6, .src = src.w[3], .dst = dst.w[3] };
		ip->csum = (uint16_t)~csum_fold(csum_bytes(ip, 20, 0));
		ip->csum ^= s->has_bad_ip_sum;
		e->type = net16(ETH_P_IP4);
	}
	*h = (struct tcp_hdr){ .sport = net16(s->sport), .dport = net16(80), .seq = net32(s->seq), .ack = net32(s->ack), .off = (uint8_t)((20 + opt_len) << 2),
			       .flags = s->flags, .window = net16(s->window), .urgent = net16(s->urgent) };
	memcpy(h + 1, opts, opt_len);
	for (unsigned i = 0; i < s->len; i++)
		((uint8_t *)(h + 1))[opt_len + i] = byte_at(s->from + i);
	h->csum = (uint16_t)~csum_fold(csum_bytes(h, tcp_len, csum_pseudo(&src, &dst, tcp_len, 6)));
	if (s->is_verified)
		h->csum = 0;
	else
		h->csum ^= net16(s->has_bad_sum);
	p = tail ? pkt_from_pool(tail, 12, total + s->pad) : pkt_from_page(page, 12, total + s->pad);
	if (s->is_verified)
		p->flags |= PKT_CSUM_OK;
	return p;
}

/* ---- what is merged ----------------------------------------------------------------------------------------------------- */

static struct pkt *chain(const struct seg *s, unsigned nr)
{
	struct pkt *first = NULL, *last = NULL;

	for (unsigned i = 0; i < nr; i++) {
		struct pkt *p = frame(&s[i]);

		if (last)
			pkt_set_next(last, p);
		else
			first = p;
		last = p;
	}
	return first;
}

/* How many packets come of these segments. */
static unsigned merged(const struct seg *s, unsigned nr)
{
	uint64_t packets = 0, bytes = 0, sum = 0;
	struct pkt *list = gro_merge(chain(s, nr), &packets, &bytes);
	unsigned n = 0;

	for (const struct pkt *p = list; p; p = pkt_next(p), n++)
		sum += p->len;
	CHECK_EQ(n + packets, nr);
	for (unsigned i = 0; i < nr; i++)
		sum -= s[i].len + s[i].pad + 14 + (s[i].is_v6 ? 40 : 20) + 20 + (s[i].has_opts || s[i].has_sack ? 12 : 0);
	CHECK_EQ(sum + bytes, 0);
	pkt_free_list(list);
	return n;
}

static void test_rules(bool is_v6)
{
	struct seg base = { .is_v6 = is_v6, .flags = A, .ttl = 64, .sport = 5000, .window = 1000, .seq = 1000, .ack = 77, .ts = 50, .ecr = 9, .len = 1400, .has_opts = true }, s[30];

#define PAIR(change) \
	({ \
		s[0] = s[1] = base; \
		s[1].seq = s[1].from = base.seq + base.len; \
		change; \
		merged(s, 2); \
	})
	CHECK_EQ(PAIR(), 1);
	CHECK_EQ(PAIR(s[0].flags |= P), 1);
	CHECK_EQ(PAIR(s[1].flags |= P), 1);
	CHECK_EQ(PAIR(s[1].len = 1), 1);
	CHECK_EQ(PAIR(s[1].ts++), 1);
	CHECK_EQ(PAIR(s[0].has_opts = s[1].has_opts = false), 1);
	CHECK_EQ(PAIR(s[0].is_verified = true), 1);
	CHECK_EQ(PAIR(s[1].is_verified = true), 1);
	CHECK_EQ(PAIR(s[0].tos = s[1].tos = IP_ECN_CE), 1);
	CHECK_EQ(PAIR(s[1].ts--), 2);
	CHECK_EQ(PAIR(s[1].has_opts = false), 2);
	CHECK_EQ(PAIR(s[0].has_sack = s[1].has_sack = true), 2);
	CHECK_EQ(PAIR(s[1].seq++), 2);
	CHECK_EQ(PAIR(s[1].seq--), 2);
	CHECK_EQ(PAIR(s[1].seq = s[0].seq), 2);
	CHECK_EQ(PAIR(s[1].ack++), 2);
	CHECK_EQ(PAIR(s[1].window++), 2);
	CHECK_EQ(PAIR(s[1].sport++), 2);
	CHECK_EQ(PAIR(s[1].tos = IP_ECN_CE), 2);
	CHECK_EQ(PAIR(s[1].ttl--), 2);
	CHECK_EQ(PAIR(s[1].pad = 1), 2);
	CHECK_EQ(PAIR(s[1].len = 0), 2);
	CHECK_EQ(PAIR(s[0].has_bad_sum = true), 2);
	CHECK_EQ(PAIR(s[1].has_bad_sum = true), 2);
	CHECK_EQ(PAIR(s[1].is_v6 = !is_v6), 2);
	for (unsigned flag = 1; flag < 256; flag <<= 1) {
		if (flag == A || flag == P)
			continue;
		CHECK_EQ(PAIR(s[0].flags |= (uint8_t)flag), 2);
		CHECK_EQ(PAIR(s[1].flags |= (uint8_t)flag), 2);
	}
	if (!is_v6) {
		CHECK_EQ(PAIR(s[0].has_bad_ip_sum = true), 2);
		CHECK_EQ(PAIR(s[1].has_bad_ip_sum = true), 2);
		CHECK_EQ(PAIR(s[1].frag = IP4_MF), 2);
		CHECK_EQ(PAIR(s[0].frag = s[1].frag = IP4_DF), 1);
	}
	CHECK_EQ(PAIR(s[0].len = 100; s[1].seq = 1100), 2);	/* too short to begin with */
	/* As many as there are slots; a second connection in between; an acknowledgement alone ends it. */
	for (unsigned i = 0; i < 30; i++) {
		s[i] = base;
		s[i].seq += i * base.len;
	}
	CHECK_EQ(merged(s, 30), 2);
	for (unsigned i = 1; i < 30; i += 2) {
		s[i].sport = 6000;
		s[i - 1].seq = base.seq + i / 2 * base.len;
		s[i].seq = s[i - 1].seq;
	}
	CHECK_EQ(merged(s, 30), 2);
	for (unsigned i = 0; i < 3; i++)
		s[i] = base;
	s[1].seq = s[2].seq = base.seq + base.len;
	s[1].len = 0;
	CHECK_EQ(merged(s, 3), 3);
	/* More connections than are looked at at once. */
	for (unsigned i = 0; i < 30; i++) {
		s[i] = base;
		s[i].sport = (uint16_t)(7000 + i % 15);
		s[i].seq += i / 15 * base.len;
	}
	CHECK_EQ(merged(s, 30), 30);
}

/* ---- the same connection with and without ---------------------------------------------------------------------------------- */

static uint16_t next_port = 10000;

struct conn {
	struct socket *so;
	struct tcp_sock *tp;
	uint16_t port;
	uint32_t iss, got;
};

static struct socket *listen_on(void)
{
	struct socket *l = sim_socket(AF_INET6, SOCK_STREAM);
	struct sock_addr a = { .len = 28, .in6 = { .family = AF_INET6, .port = net16(80) } };

	CHECK_EQ(l->ops->bind(l, &a), 0);
	CHECK_EQ(l->ops->listen(l, 100), 0);
	return l;
}

#define IRS	0xfffff000u	/* sequence numbers pass zero */

/* Answers must find their way at once; entries grow old. */
static void learn_peers(void)
{
	struct ip_addr p4 = ip_from_v4(net32(0x0a000003)), p6 = { .b = { 0xfd, [15] = 3 } };
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 3 };

	neigh_update(&eth, &p4, mac, NEIGH_CREATE | NEIGH_SOLICITED | NEIGH_OVERRIDE);
	neigh_update(&eth, &p6, mac, NEIGH_CREATE | NEIGH_SOLICITED | NEIGH_OVERRIDE);
}

static void open_conn(struct socket *l, struct conn *c, bool is_v6, bool has_ecn)
{
	struct seg s = { .is_v6 = is_v6, .sport = c->port = next_port++, .flags = TCP_SYN | (has_ecn ? TCP_ECE | TCP_CWR : 0), .seq = IRS, .window = 60000, .ttl = 64,
			 .has_opts = true, .ts = 100 };

	netdev_receive(&eth, 0, frame(&s));
	(void)l->ops->poll(l);
	c->iss = answer_seq;
	s.flags = A;
	s.seq++;
	s.ack = c->iss + 1;
	netdev_receive(&eth, 0, frame(&s));
	CHECK_EQ(l->ops->accept(l, &c->so, true), 0);
	c->tp = tcp_of(c->so);
	CHECK(c->tp->has_ts && c->tp->has_ecn == has_ecn);
}

static struct pkt *bare_frame(const struct conn *c, const struct seg *s)
{
	struct seg own = *s;

	own.sport = c->port;
	own.ack += c->iss;
	return frame(&own);
}

/* Read what there is, compare it with the stream. */
static void read_all(struct conn *c)
{
	static uint8_t buf[200000];
	ssize_t n = sim_recv(c->so, buf, sizeof(buf), MSG_DONTWAIT);

	for (ssize_t i = 0; i < n; i++)
		CHECK_EQ(buf[i], byte_at(c->got + (uint32_t)i));
	if (n > 0)
		c->got += (uint32_t)n;
}

static void compare(struct conn *a, struct conn *b, bool is_disordered)
{
	uint32_t sa[8], sb[8];
	unsigned n = recvq_sack_blocks(a->tp, sa, 4);

	CHECK_EQ(a->tp->state, b->tp->state);
	CHECK_EQ(a->got, b->got);
	CHECK_EQ(a->tp->rcv_nxt, b->tp->rcv_nxt);
	CHECK_EQ(a->tp->rcv_bytes, b->tp->rcv_bytes);
	CHECK_EQ(a->tp->bytes_received, b->tp->bytes_received);
	CHECK_EQ(a->tp->segs_in, b->tp->segs_in);
	CHECK_EQ(a->tp->snd_wnd, b->tp->snd_wnd);
	CHECK_EQ(a->tp->snd_una - a->iss, b->tp->snd_una - b->iss);
	CHECK_EQ(a->tp->ecn_echo, b->tp->ecn_echo);
	CHECK_EQ(a->tp->urg_state, b->tp->urg_state);
	CHECK_EQ(a->tp->is_fin_received, b->tp->is_fin_received);
	/* What was seen twice is told at once and as one range, not for each segment; a repeated segment's timestamp may be the earlier one. */
	if (is_disordered)
		return;
	CHECK_EQ(a->tp->rcv_adv, b->tp->rcv_adv);
	CHECK_EQ(a->tp->last_ack_sent, b->tp->last_ack_sent);
	CHECK_EQ(a->tp->nr_unacked_segs, b->tp->nr_unacked_segs);
	CHECK_EQ(a->tp->delack_at, b->tp->delack_at);
	CHECK_EQ(a->tp->ts_recent, b->tp->ts_recent);
	CHECK_EQ(n, recvq_sack_blocks(b->tp, sb, 4));
	CHECK(!memcmp(sa, sb, n * 8));
}

/* One batch of a random stream. end: where the stream stands; limit: the window's edge, which only a stream in disorder ignores. */
static unsigned make_batch(struct seg *s, uint32_t *end, uint32_t limit, uint32_t *ts, bool is_v6, bool has_ecn, bool is_disordered)
{
	unsigned nr = 1 + sim_random() % 40;

	for (unsigned i = 0; i < nr; i++) {
		uint32_t at = *end, what = sim_random() % 100;

		*ts += sim_random() % 8 == 0;
		s[i] = (struct seg){ .is_v6 = is_v6, .flags = (uint8_t)(A | (sim_random() % 5 ? 0 : P)), .ttl = 64, .window = 60000, .ack = 1, .ts = *ts, .ecr = 1, .has_opts = true,
				     .len = sim_random() % 4 ? 1400 : 1 + sim_random() % 1400, .is_verified = sim_random() & 1 };
		if (what < 4 && is_disordered) {	/* a gap that a later one fills */
			at += 1 + sim_random() % 3000;
		} else if (what < 8 && is_disordered && at > 3000) {
			at -= 1 + sim_random() % 3000;
		} else if (what < 10) {
			s[i].is_verified = false;
			s[i].has_bad_sum = true;
		} else if (what < 12) {
			s[i].window = (uint16_t)(30000 + sim_random() % 30000);
		} else if (what < 14) {
			s[i].len = 0;
		} else if (what < 16 && has_ecn) {
			s[i].tos = IP_ECN_CE;
		} else if (what < 17 && has_ecn) {
			s[i].flags |= TCP_CWR;
		}
		if (!is_disordered && at + s[i].len > limit)
			s[i].len = 0;
		s[i].from = at;
		s[i].seq = IRS + 1 + at;
		if (!s[i].has_bad_sum && at <= *end && at + s[i].len > *end)
			*end = at + s[i].len;
	}
	return nr;
}

static void test_stream(struct socket *l, bool is_v6, bool has_ecn, bool is_disordered, uint32_t seed)
{
	struct conn a = { 0 }, b = { 0 };
	struct seg s[50];
	uint32_t end = 0, ts = 100;

	sim_seed(seed);
	learn_peers();
	open_conn(l, &a, is_v6, has_ecn);
	open_conn(l, &b, is_v6, has_ecn);
	for (unsigned round = 0; round < 60; round++) {
		struct pkt *first = NULL, *last = NULL;
		unsigned nr;

		end = a.tp->rcv_nxt - IRS - 1;	/* what did not fit the window comes again */
		if (round < 59) {
			nr = make_batch(s, &end, a.tp->rcv_adv - IRS - 1, &ts, is_v6, has_ecn, is_disordered);
		} else {		/* everything was read before, so this fits */
			nr = 2;
			for (unsigned i = 0; i < nr; i++)
				s[i] = (struct seg){ .is_v6 = is_v6, .flags = (uint8_t)(A | (i ? TCP_FIN : 0)), .ttl = 64, .window = 60000, .ack = 1, .ts = ts, .ecr = 1, .has_opts = true,
						     .from = end + 1000 * i, .seq = IRS + 1 + end + 1000 * i, .len = 1000 };
			end += 2000;
		}
		for (unsigned i = 0; i < nr; i++) {
			struct pkt *p = bare_frame(&a, &s[i]);

			if (last)
				pkt_set_next(last, p);
			else
				first = p;
			last = p;
			netdev_receive(&eth, 0, bare_frame(&b, &s[i]));
		}
		netdev_receive(&eth, 0, first);
		(void)a.so->ops->poll(a.so);
		(void)b.so->ops->poll(b.so);
		compare(&a, &b, is_disordered);
		if (sim_random() & 1 || round == 58) {
			read_all(&a);
			read_all(&b);
			compare(&a, &b, is_disordered);
		}
		sim_run(sim_random() % 4 ? NSEC_PER_MSEC : 100 * NSEC_PER_MSEC);
		compare(&a, &b, is_disordered);
	}
	CHECK_EQ(a.tp->is_fin_received, 1);
	read_all(&a);
	read_all(&b);
	CHECK_EQ(a.got, end);
	sim_close(a.so);
	sim_close(b.so);
	sim_run(200 * NSEC_PER_SEC);
}

int main(void)
{
	struct ip_addr a4 = ip_from_v4(net32(0x0a000002)), a6 = { .b = { 0xfd, [15] = 2 } };
	struct socket *l;
	unsigned before;

	loopback_init();
	eth = (struct netdev){ .ops = &eth_ops, .mac = { 2, 0, 0, 0, 0, 2 }, .nr_tx_queues = 1, .nr_rx_queues = 1, .mtu = 1500, .is_link_up = 1 };
	CHECK_EQ(netdev_register(&eth), 0);
	(void)ifaddr_add(&eth, &a4, 120, 0, NSEC_NEVER, NSEC_NEVER);
	(void)ifaddr_add(&eth, &a6, 64, 0, NSEC_NEVER, NSEC_NEVER);
	pkt_pool_init(&pool, 8, 2);
	before = sim_live_pages();
	test_rules(false);
	test_rules(true);
	CHECK(sim_live_pages() <= before + 10);
	atomic_store(&tcp_ecn_mode, TCP_ECN_AGREE, RELAXED);
	l = listen_on();
	for (uint32_t seed = 1; seed <= 40; seed++)
		test_stream(l, seed & 1, seed & 2, seed & 4, seed);
	CHECK(atomic_load(&net_stats.tcp_gro_merged, RELAXED) > 10000);
	sim_close(l);
	sim_run(300 * NSEC_PER_SEC);
	CHECK(sim_live_pages() <= before + 12);
	printf("%llu segments merged\n", (unsigned long long)atomic_load(&net_stats.tcp_gro_merged, RELAXED));
	return 0;
}
