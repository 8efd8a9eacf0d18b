/* SPDX-License-Identifier: MIT
 *
 * Scripted segments against the TCP state machine (RFC 9293 3.10, RFC 5961, RFC 7323): each line sends one segment as a peer at 10.0.0.3 and looks at what comes back.
 */
/* sources: @net-stack */
#include "mmu/page.h"
#include "net/csum.h"
#include "net/neigh.h"
#include "net/netdev-priv.h"
#include "net/tcp-priv.h"
#include "tests/host/fake-net.h"

#define A	TCP_ACK
#define S	TCP_SYN
#define F	TCP_FIN
#define R	TCP_RST
#define P	TCP_PSH

struct seg {
	uint32_t seq, ack, len;
	uint16_t window, sport, dport;
	uint8_t flags;
	uint8_t opts[40];
	unsigned opt_len;
};

static struct netdev eth;
static struct seg out[4096];
static unsigned nr_out, seen;

static void eth_transmit(struct netdev *dev, unsigned queue, struct pkt *list)
{
	(void)dev;
	(void)queue;
	while (list) {
		struct pkt *p = list;
		uint8_t f[200] = { 0 };
		struct tcp_hdr *h = (struct tcp_hdr *)(f + 34);
		unsigned hlen;

		list = pkt_next(p);
		pkt_copy_out(p, 0, f, MIN(p->len, 200u));
		hlen = (h->off >> 4) * 4u;
		if (f[12] == 8 && f[13] == 0 && f[23] == 6 && nr_out < ARRAY_SIZE(out)) {
			struct seg *s = &out[nr_out++];

			*s = (struct seg){ .seq = net32(h->seq), .ack = net32(h->ack), .flags = h->flags, .len = p->len - 34 - hlen, .window = net16(h->window),
					   .sport = net16(h->sport), .dport = net16(h->dport), .opt_len = hlen - 20 };
			memcpy(s->opts, h + 1, s->opt_len);
		}
		pkt_free(p);
	}
}

static const struct netdev_ops eth_ops = { .transmit = eth_transmit };
static uint16_t peer_port = 2000;

static void send_from(uint8_t host, uint16_t sport, uint16_t dport, uint32_t seq, uint32_t ack, uint8_t flags, uint16_t window, const void *opts, unsigned opt_len,
		      unsigned len)
{
	paddr_t pa = page_alloc(0, 0);
	uint8_t *f = (uint8_t *)(uintptr_t)pa;
	struct eth_hdr *e = (struct eth_hdr *)f;
	struct ip4_hdr *ip = (struct ip4_hdr *)(f + 14);
	struct tcp_hdr *h = (struct tcp_hdr *)(f + 34);
	unsigned total = 40 + opt_len + len;
	struct ip_addr src = ip_from_v4(net32(0x0a000000u | host)), dst = ip_from_v4(net32(0x0a000002));

	memset(f, 0, 54);
	memcpy(e->dst, eth.mac, 6);
	e->type = net16(ETH_P_IP4);
	*ip = (struct ip4_hdr){ .ver_ihl = 0x45, .len = net16((uint16_t)total), .ttl = 64, .proto = 6, .src = src.w[3], .dst = dst.w[3] };
	ip->csum = (uint16_t)~csum_fold(csum_bytes(ip, 20, 0));
	*h = (struct tcp_hdr){ .sport = net16(sport), .dport = net16(dport), .seq = net32(seq), .ack = net32(ack), .off = (uint8_t)((20 + opt_len) << 2), .flags = flags,
			       .window = net16(window) };
	if (opt_len)
		memcpy(h + 1, opts, opt_len);
	memset((uint8_t *)(h + 1) + opt_len, 'd', len);
	h->csum = (uint16_t)~csum_fold(csum_bytes(h, total - 20, csum_pseudo(&src, &dst, total - 20, 6)));
	netdev_receive(&eth, 0, pkt_from_page(f, 0, 14 + total));
}

static void rx(uint32_t seq, uint32_t ack, uint8_t flags, uint16_t window, unsigned len)
{
	send_from(3, peer_port, 80, seq, ack, flags, window, NULL, 0, len);
}

/* The next segment that we sent; it must have these flags. */
static struct seg *expect_at(int line, uint8_t flags)
{
	if (seen == nr_out) {
		fprintf(stderr, "line %d: nothing was sent, flags %02x expected\n", line, flags);
		abort();
	}
	CHECK_EQ(out[seen].flags & ~P, flags);
	return &out[seen++];
}

#define expect(flags)	expect_at(__LINE__, (flags))

static void expect_none(void)
{
	CHECK_EQ(seen, nr_out);
}

static void forget(void)
{
	seen = nr_out = 0;
}

static struct socket *listen_on(uint16_t port)
{
	struct socket *l = sim_socket(AF_INET, SOCK_STREAM);
	struct sock_addr a = { .len = 16, .in = { .family = AF_INET, .port = net16(port) } };

	CHECK_EQ(l->ops->bind(l, &a), 0);
	CHECK_EQ(l->ops->listen(l, 100), 0);
	return l;
}

static const uint8_t mss_opt[4] = { 2, 4, 0x05, 0xb4 };

/* A handshake of a peer with no options but MSS; ours is *iss. */
static struct socket *accept_one(struct socket *l, uint32_t irs, uint32_t *iss)
{
	struct socket *so;
	struct seg *s;

	forget();
	peer_port++;
	send_from(3, peer_port, 80, irs, 0, S, 65535, mss_opt, 4, 0);
	(void)l->ops->poll(l);
	s = expect(S | A);
	CHECK_EQ(s->ack, irs + 1);
	*iss = s->seq;
	rx(irs + 1, *iss + 1, A, 65535, 0);
	CHECK_EQ(l->ops->accept(l, &so, true), 0);
	forget();
	return so;
}

static void poke(struct socket *so)
{
	(void)so->ops->poll(so);
}

static void test_handshake(struct socket *l)
{
	static const uint8_t all[20] = { 2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 99, 0, 0, 0, 0, 1, 3, 3, 7 };
	struct socket *so;
	struct seg *s;
	char buf[16];

	forget();
	peer_port++;
	send_from(3, peer_port, 80, 1000, 0, S, 65535, all, 20, 0);
	CHECK_EQ(l->ops->poll(l), 0);
	s = expect(S | A);
	CHECK_EQ(s->opt_len, 20);
	CHECK(!memcmp(s->opts, (uint8_t[6]){ 2, 4, 5, 0xb4, 4, 2 }, 6) && s->opts[6] == 8 && s->opts[15] == 99 && s->opts[17] == 3);
	/* A repeated SYN gets the same answer. */
	send_from(3, peer_port, 80, 1000, 0, S, 65535, all, 20, 0);
	CHECK_EQ(l->ops->poll(l), 0);
	CHECK_EQ(expect(S | A)->seq, s->seq);
	/* An acknowledgement of something else: reset (3.10.7.4, SYN-RECEIVED). */
	rx(1001, s->seq + 99, A, 1000, 0);
	CHECK_EQ(l->ops->poll(l), 0);
	CHECK_EQ(expect(R)->seq, s->seq + 99);
	rx(1001, s->seq + 1, A | P, 1000, 5);
	CHECK(l->ops->poll(l) & FILE_POLLIN);
	CHECK_EQ(l->ops->accept(l, &so, true), 0);
	CHECK_EQ(sim_recv(so, buf, 16, MSG_DONTWAIT), 5);
	forget();
	sim_close(so);
	CHECK_EQ(expect(F | A)->ack, 1006);
	rx(1006, s->seq + 2, R, 0, 0);
	sim_run(NSEC_PER_SEC);
}

/* A SYN again is answered, and then for half a second no more (RFC 5961 7, Linux's tcp_invalid_ratelimit); in the window and outside of it. */
static void test_repeated_syns(struct socket *l)
{
	forget();
	peer_port++;
	for (unsigned i = 0; i < 100; i++) {
		send_from(3, peer_port, 80, i & 1 ? 900 : 1000, 0, S, 65535, mss_opt, 4, 0);
		CHECK_EQ(l->ops->poll(l), 0);
	}
	CHECK_EQ(nr_out, 2);
	sim_run(600 * NSEC_PER_MSEC);
	forget();
	send_from(3, peer_port, 80, 1000, 0, S, 65535, mss_opt, 4, 0);
	(void)l->ops->poll(l);
	(void)expect(S | A);
	expect_none();
	rx(1001, 0, R, 0, 0);
	sim_run(NSEC_PER_SEC);
}

/* From our own address, from a broadcast address, from nowhere: nobody is to be answered ("LAND"; RFC 1122 3.2.1.3). */
static void test_martians(struct socket *l)
{
	static const uint8_t hosts[] = { 2, 255 };

	forget();
	for (unsigned i = 0; i < ARRAY_SIZE(hosts); i++) {
		for (uint16_t port = 79; port <= 81; port++) {
			send_from(hosts[i], 80, port, 1000, 0, S, 1000, NULL, 0, 0);
			send_from(hosts[i], 80, port, 1000, 1, S | A, 1000, NULL, 0, 0);
			send_from(hosts[i], 80, port, 1000, 1, A, 1000, NULL, 0, 5);
			CHECK_EQ(l->ops->poll(l), 0);
		}
	}
	sim_run(10 * NSEC_PER_SEC);
	expect_none();
	CHECK_EQ(loopback.rx_packets, 0);
}

/* The listener is closed between the second and the third step of a handshake: the peer must not be left believing in a connection. */
static void test_close_in_handshake(struct socket *l)
{
	uint32_t iss;

	forget();
	peer_port++;
	send_from(3, peer_port, 80, 5000, 0, S, 65535, mss_opt, 4, 0);
	(void)l->ops->poll(l);
	iss = expect(S | A)->seq;
	sim_close(l);
	rx(5001, iss + 1, A | P, 65535, 5);
	sim_run(NSEC_PER_SEC);
	/* The worker may process the child before its listener. */
	if (seen < nr_out && out[seen].flags == A)
		seen++;
	CHECK_EQ(expect(R | A)->seq, iss + 1);
	forget();
}

static void test_no_listener(void)
{
	forget();
	send_from(3, 999, 81, 500, 0, S, 1000, NULL, 0, 0);
	CHECK_EQ(expect(R | A)->ack, 501);
	send_from(3, 999, 81, 500, 777, A, 1000, NULL, 0, 3);
	CHECK_EQ(expect(R)->seq, 777);
	send_from(3, 999, 81, 500, 777, R, 1000, NULL, 0, 0);
	expect_none();
}

static void test_blind_attacks(struct socket *l)
{
	uint32_t iss, irs = 70000;
	struct socket *so = accept_one(l, irs, &iss);
	char buf[8];

	rx(irs + 100, iss + 1, R, 0, 0);	/* in the window, not exact: RFC 5961 3 */
	poke(so);
	CHECK_EQ(expect(A)->ack, irs + 1);
	rx(irs + 100, iss + 1, R, 0, 0);	/* two a second at most: RFC 5961 7 */
	poke(so);
	expect_none();
	sim_now += 600 * NSEC_PER_MSEC;
	rx(irs + 1, iss + 1, S, 1000, 0);	/* RFC 5961 4 */
	poke(so);
	CHECK_EQ(expect(A)->ack, irs + 1);
	sim_now += 600 * NSEC_PER_MSEC;
	rx(irs + 1, iss + 500000, A, 1000, 0);	/* acknowledges what was never sent */
	poke(so);
	expect_none();		/* dropped in silence, as on Linux */
	rx(irs - 5000, iss + 1, A, 1000, 10);	/* old data */
	poke(so);
	CHECK_EQ(expect(A)->ack, irs + 1);
	rx(irs + 900000, iss + 1, A, 1000, 10);	/* beyond the window */
	poke(so);
	CHECK_EQ(expect(A)->ack, irs + 1);
	rx(irs + 900000, 0, R, 1000, 0);
	poke(so);
	expect_none();
	CHECK_EQ(sim_recv(so, buf, 8, MSG_DONTWAIT), -EAGAIN);
	rx(irs + 1, 0, R, 0, 0);		/* exact */
	poke(so);
	CHECK_EQ(sim_recv(so, buf, 8, MSG_DONTWAIT), -ECONNRESET);
	CHECK_EQ(sim_recv(so, buf, 8, MSG_DONTWAIT), 0);
	CHECK_EQ(sim_send(so, "x", 1, MSG_DONTWAIT), -EPIPE);
	sim_close(so);
	expect_none();
}

static void test_out_of_order(struct socket *l)
{
	uint32_t iss, irs = 90000;
	struct socket *so = accept_one(l, irs, &iss);
	char buf[64];

	rx(irs + 11, iss + 1, A, 1000, 10);
	poke(so);
	CHECK_EQ(expect(A)->ack, irs + 1);
	rx(irs + 16, iss + 1, A, 1000, 15);	/* overlaps the end of it */
	poke(so);
	CHECK_EQ(expect(A)->ack, irs + 1);
	rx(irs + 1, iss + 1, A, 1000, 12);
	poke(so);
	CHECK_EQ(expect(A)->ack, irs + 31);
	CHECK_EQ(sim_recv(so, buf, 64, MSG_DONTWAIT), 30);
	/* FIN before the data it follows. */
	rx(irs + 36, iss + 1, A | F, 1000, 0);
	poke(so);
	CHECK_EQ(sim_recv(so, buf, 64, MSG_DONTWAIT), -EAGAIN);
	forget();
	rx(irs + 31, iss + 1, A, 1000, 5);
	poke(so);
	CHECK_EQ(expect(A)->ack, irs + 37);
	CHECK_EQ(tcp_of(so)->state, TCP_CLOSE_WAIT);
	CHECK_EQ(sim_recv(so, buf, 64, MSG_DONTWAIT), 5);
	CHECK_EQ(sim_recv(so, buf, 64, MSG_DONTWAIT), 0);
	forget();
	sim_close(so);
	CHECK_EQ(expect(F | A)->seq, iss + 1);
	rx(irs + 37, iss + 2, A, 1000, 0);
	sim_run(NSEC_PER_SEC);
	expect_none();
}

static void test_active_close(struct socket *l)
{
	uint32_t iss, irs = 110000, tw = tcp_nr_time_wait;
	struct socket *so = accept_one(l, irs, &iss);

	CHECK_EQ(so->ops->shutdown(so, SHUT_WR), 0);
	CHECK_EQ(expect(F | A)->seq, iss + 1);
	CHECK_EQ(tcp_of(so)->state, TCP_FIN_WAIT1);
	rx(irs + 1, iss + 1, A | F, 1000, 0);	/* simultaneous close */
	poke(so);
	CHECK_EQ(tcp_of(so)->state, TCP_CLOSING);
	CHECK_EQ(expect(A)->ack, irs + 2);
	rx(irs + 2, iss + 2, A, 1000, 0);
	poke(so);
	CHECK_EQ(tcp_of(so)->state, TCP_TIME_WAIT);
	CHECK_EQ(tcp_nr_time_wait, tw + 1);
	rx(irs + 1, iss + 2, A | F, 1000, 0);	/* repeated FIN */
	poke(so);
	CHECK_EQ(expect(A)->ack, irs + 2);
	rx(irs + 2, 0, R, 0, 0);		/* RFC 1337 */
	poke(so);
	CHECK_EQ(tcp_of(so)->state, TCP_TIME_WAIT);
	sim_close(so);
	sim_run(61 * NSEC_PER_SEC);
	CHECK_EQ(tcp_nr_time_wait, tw);
}

static void test_windows(struct socket *l)
{
	static char data[4000];
	uint32_t iss, irs = 130000;
	struct socket *so = accept_one(l, irs, &iss);
	struct seg *s;

	CHECK_EQ(sim_send(so, data, 1460, MSG_DONTWAIT), 1460);
	CHECK_EQ(expect(A)->len, 1460);
	rx(irs + 1, iss + 1461, A, 0, 0);	/* taken, and shut */
	poke(so);
	CHECK_EQ(sim_send(so, data, 4000, MSG_DONTWAIT), 4000);
	expect_none();
	sim_run(2 * NSEC_PER_SEC);
	s = expect(A);				/* window probe: a byte number that is old */
	CHECK_EQ(s->seq, iss + 1460);
	CHECK_EQ(s->len, 0);
	forget();
	rx(irs + 1, iss + 1461, A, 1460, 0);
	poke(so);
	s = expect(A);
	CHECK_EQ(s->len, 1460);
	CHECK_EQ(s->seq, iss + 1461);
	expect_none();
	rx(irs + 1, iss + 2921, A, 65535, 0);
	poke(so);
	CHECK_EQ(expect(A)->len, 1460);
	CHECK_EQ(expect(A)->len, 1080);		/* the end does not wait for full segments ... */
	CHECK_EQ(sim_send(so, data, 100, MSG_DONTWAIT), 100);
	expect_none();				/* ... but for a short one: Nagle, RFC 9293 3.7.4 */
	CHECK_EQ(so->ops->setopt(so, IPPROTO_TCP, 1, &(int){ 1 }, 4), 0);
	CHECK_EQ(expect(A)->len, 100);
	/* Nobody answers: repeated with back-off, then the connection ends. */
	sim_run(3000 * NSEC_PER_SEC);
	CHECK(nr_out > 10);
	CHECK_EQ(tcp_of(so)->state, TCP_CLOSED);
	CHECK_EQ(sim_send(so, data, 1, MSG_DONTWAIT), -EHOSTUNREACH);	/* the soft error says why */
	sim_close(so);
}

static void test_dupacks(struct socket *l)
{
	static char data[20000];
	uint32_t iss, irs = 150000;
	struct socket *so = accept_one(l, irs, &iss);	/* without SACK */
	struct seg *s;

	CHECK_EQ(sim_send(so, data, 14600, MSG_DONTWAIT), 14600);
	CHECK_EQ(nr_out, 10);
	forget();
	for (int i = 0; i < 3; i++)
		rx(irs + 1, iss + 1, A, 65535, 0);
	poke(so);
	s = expect(A);				/* RFC 5681 3.2: fast retransmit */
	CHECK_EQ(s->seq, iss + 1);
	CHECK_EQ(s->len, 1460);
	rx(irs + 1, iss + 14601, A, 65535, 0);
	poke(so);
	CHECK_EQ(tcp_of(so)->ca_state, CA_OPEN);
	CHECK_EQ(tcp_of(so)->nr_retrans_total, 1);
	rx(irs + 1, 0, R, 0, 0);
	sim_close(so);
}

static void test_connect(void)
{
	struct sock_addr a = { .len = 16, .in = { .family = AF_INET, .port = net16(7), .addr = net32(0x0a000003) } };
	struct socket *so = sim_socket(AF_INET, SOCK_STREAM);
	struct seg *s;

	forget();
	CHECK_EQ(so->ops->connect(so, &a, true), -EINPROGRESS);
	CHECK_EQ(so->ops->connect(so, &a, true), -EALREADY);
	s = expect(S);
	/* Simultaneous open (3.5, figure 7). */
	send_from(3, 7, s->sport, 5000, 0, S, 1000, mss_opt, 4, 0);
	poke(so);
	CHECK_EQ(expect(S | A)->ack, 5001);
	CHECK_EQ(tcp_of(so)->state, TCP_SYN_RECV);
	send_from(3, 7, s->sport, 5000, s->seq + 1, S | A, 1000, mss_opt, 4, 0);
	poke(so);
	CHECK_EQ(tcp_of(so)->state, TCP_ESTABLISHED);
	send_from(3, 7, s->sport, 5001, 0, R, 0, NULL, 0, 0);
	sim_close(so);

	so = sim_socket(AF_INET, SOCK_STREAM);
	forget();
	CHECK_EQ(so->ops->connect(so, &a, true), -EINPROGRESS);
	s = expect(S);
	send_from(3, 7, s->sport, 5000, s->seq + 5, R | A, 0, NULL, 0, 0);	/* not ours */
	poke(so);
	CHECK_EQ(tcp_of(so)->state, TCP_SYN_SENT);
	send_from(3, 7, s->sport, 0, s->seq + 1, R | A, 0, NULL, 0, 0);
	CHECK(so->ops->poll(so) & FILE_POLLERR);
	CHECK_EQ(so->ops->connect(so, &a, true), -ECONNREFUSED);
	sim_close(so);

	so = sim_socket(AF_INET, SOCK_STREAM);
	forget();
	CHECK_EQ(so->ops->connect(so, &a, false), -EHOSTUNREACH);	/* nobody answers ARP either: virtual seconds */
	CHECK(nr_out >= 3);
	sim_close(so);
}

static void test_syn_flood(struct socket *l)
{
	struct socket *so;
	struct seg *s;
	char buf[8];

	forget();
	for (unsigned i = 0; i < 3000; i++) {
		send_from((uint8_t)(10 + i % 200), (uint16_t)(1024 + i), 80, i * 77, 0, S, 1000, mss_opt, 4, 0);
		if (i % 50 == 49)
			CHECK_EQ(l->ops->poll(l), 0);
		if (nr_out > 4000)
			forget();
	}
	CHECK(tcp_of(l)->nr_half_open <= tcp_of(l)->backlog + 1);
	CHECK(net_stats.tcp_syncookies_sent > 2000);
	/* An honest peer gets through with a cookie. */
	forget();
	send_from(3, 60001, 80, 4242, 0, S, 1000, mss_opt, 4, 0);
	CHECK_EQ(l->ops->poll(l), 0);
	s = expect(S | A);
	send_from(3, 60001, 80, 4243, s->seq + 7, A, 1000, NULL, 0, 0);	/* a wrong cookie */
	CHECK_EQ(l->ops->poll(l), 0);
	CHECK_EQ(expect(R)->seq, s->seq + 7);
	send_from(3, 60001, 80, 4243, s->seq + 1, A | P, 1000, NULL, 0, 4);
	CHECK_EQ(l->ops->accept(l, &so, true), 0);
	CHECK_EQ(sim_recv(so, buf, 8, MSG_DONTWAIT), 4);
	CHECK_EQ(tcp_of(so)->mss, 1460);
	sim_close(so);
	sim_run(400 * NSEC_PER_SEC);
	CHECK_EQ(tcp_of(l)->nr_half_open, 0);
}

static void learn_neighbours(void)
{
	for (unsigned i = 3; i < 240; i++) {
		struct ip_addr peer = ip_from_v4(net32(0x0a000000u | i));

		neigh_update(&eth, &peer, (uint8_t[6]){ 2, 0, 0, 0, 0, (uint8_t)i }, NEIGH_CREATE | NEIGH_SOLICITED | NEIGH_OVERRIDE);
	}
}

int main(void)
{
	struct ip_addr a4 = ip_from_v4(net32(0x0a000002));
	struct socket *l;

	loopback_init();
	eth = (struct netdev){ .ops = &eth_ops, .mac = { 2, 0, 0, 0, 0, 2 }, .nr_tx_queues = 1, .nr_rx_queues = 1, .mtu = 1500, .is_link_up = 1 };
	CHECK_EQ(netdev_register(&eth), 0);
	CHECK_EQ(ifaddr_add(&eth, &a4, 120, 0, NSEC_NEVER, NSEC_NEVER), 0);
	learn_neighbours();
	l = listen_on(80);
	test_handshake(l);
	test_repeated_syns(l);
	test_martians(l);
	test_no_listener();
	test_blind_attacks(l);
	test_out_of_order(l);
	test_active_close(l);
	test_dupacks(l);
	test_connect();
	learn_neighbours();
	test_syn_flood(l);
	learn_neighbours();
	test_windows(l);
	learn_neighbours();
	test_close_in_handshake(l);
	sim_run(700 * NSEC_PER_SEC);
	CHECK_EQ(sim_live_pages(), 0);
	return 0;
}
