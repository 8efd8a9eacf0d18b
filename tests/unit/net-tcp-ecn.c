/* SPDX-License-Identifier: MIT
 *
 * ECN (RFC 3168) between two ends of our TCP over a link that marks packets: who agrees to it, what is marked, and that a mark halves the window once and is answered until it has.
 */
/* sources: @net-stack */
#include "net/netdev-priv.h"
#include "net/tcp-priv.h"
#include "tests/host/fake-net.h"

#define MSS	1448u

/* What passed the link since look(), by direction: 0 from the client. */
static struct seen {
	unsigned data, marked, bare_marked, retrans, retrans_marked, ece, cwr, cwr_long;
	uint32_t end;			/* of the data so far */
	uint8_t syn, syn_tos;		/* of the last SYN */
} seen[2];
static uint16_t server_port;
static unsigned mark, drop;		/* of the data packets to come: so many get CE, are lost */
static bool marks_all, syn_marked, drops_syn;

static bool watch(struct pkt *p)
{
	uint8_t *ip = p->seg[0].data;
	bool v4 = ip[0] >> 4 == 4;
	unsigned hlen = v4 ? 20 : 40;
	struct tcp_hdr *h = (struct tcp_hdr *)(ip + hlen);
	uint8_t tos = v4 ? ip[1] : (uint8_t)(ip[0] << 4 | ip[1] >> 4);
	unsigned len = p->len - hlen - (h->off >> 4) * 4u;
	struct seen *s = &seen[net16(h->sport) == server_port];
	uint32_t seq = net32(h->seq);

	if (h->flags & TCP_SYN) {
		s->syn = h->flags;
		s->syn_tos = tos;
		s->end = seq + 1;
		if (syn_marked && v4)
			ip[1] |= IP_ECN_ECT0;
		if (drops_syn) {
			drops_syn = false;
			pkt_free(p);
			return true;
		}
		return false;
	}
	s->ece += !!(h->flags & TCP_ECE);
	if (!len) {
		s->bare_marked += !!(tos & IP_ECN_MASK);
		return false;
	}
	s->cwr += !!(h->flags & TCP_CWR);
	s->cwr_long += h->flags & TCP_CWR && p->gso_type;
	if (seq_lt(seq, s->end)) {
		s->retrans++;
		s->retrans_marked += !!(tos & IP_ECN_MASK);
		return false;
	}
	s->end = seq + len;
	s->data++;
	CHECK((tos & IP_ECN_MASK) == 0 || (tos & IP_ECN_MASK) == IP_ECN_ECT0);
	if (drop) {
		drop--;
		pkt_free(p);
		return true;
	}
	if (!(tos & IP_ECN_MASK))
		return false;
	s->marked++;
	if (mark || marks_all) {
		mark -= !!mark;
		if (v4)
			ip[1] |= IP_ECN_CE;	/* nobody checks the header's sum on loopback */
		else
			ip[1] |= IP_ECN_CE << 4;
	}
	return false;
}

struct pair {
	struct socket *l, *c, *s;
};

static struct pair pair_open(int family)
{
	static uint16_t port = 6000;
	struct pair p = { sim_socket(family, SOCK_STREAM), sim_socket(family, SOCK_STREAM), NULL };
	struct sock_addr a;

	server_port = ++port;
	a = sim_addr(family, port);
	memset(seen, 0, sizeof(seen));
	CHECK_EQ(p.l->ops->bind(p.l, &a), 0);
	CHECK_EQ(p.l->ops->listen(p.l, 5), 0);
	CHECK_EQ(p.c->ops->connect(p.c, &a, false), 0);
	CHECK_EQ(p.l->ops->accept(p.l, &p.s, false), 0);
	sim_run(NSEC_PER_SEC);
	return p;
}

static void pair_close(struct pair *p)
{
	sim_close(p->c);
	sim_close(p->s);
	sim_close(p->l);
	sim_run(300 * NSEC_PER_SEC);
	CHECK_EQ(sim_live_pages(), 0);
}

/* Move bytes from one end to the other; every byte is compared. */
static void move(struct socket *from, struct socket *to, size_t total)
{
	static uint8_t buf[65536];
	size_t sent = 0, received = 0;

	while (received < total) {
		ssize_t r;

		for (size_t i = 0; i < sizeof(buf); i++)
			buf[i] = (uint8_t)((sent + i) * 7);
		r = sent < total ? sim_send(from, buf, MIN(sizeof(buf), total - sent), MSG_DONTWAIT) : -EAGAIN;
		if (r > 0)
			sent += (size_t)r;
		while ((r = sim_recv(to, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
			for (ssize_t i = 0; i < r; i++)
				CHECK_EQ(buf[i], (uint8_t)((received + (size_t)i) * 7));
			received += (size_t)r;
		}
		CHECK_EQ(r, -EAGAIN);
		if (received < total)
			CHECK(sim_step(sim_now + 1000 * NSEC_PER_SEC));
	}
	sim_run(NSEC_PER_SEC);
}

static void negotiation(int family)
{
	static const struct {
		uint32_t mode;
		bool is_marked, is_lost;
		uint8_t syn, answer;
		bool has;
	} cases[] = {
		{ TCP_ECN_AGREE, false, false, TCP_SYN, TCP_SYN | TCP_ACK, false },
		{ TCP_ECN_NEVER, false, false, TCP_SYN, TCP_SYN | TCP_ACK, false },
		{ TCP_ECN_ASK, false, false, TCP_SYN | TCP_ECE | TCP_CWR, TCP_SYN | TCP_ACK | TCP_ECE, true },
		{ TCP_ECN_ASK, true, false, TCP_SYN | TCP_ECE | TCP_CWR, TCP_SYN | TCP_ACK, false },
		{ TCP_ECN_ASK, false, true, TCP_SYN, TCP_SYN | TCP_ACK, false },	/* it asks only once */
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pair p;

		if (cases[i].is_marked && family != AF_INET)
			continue;
		tcp_ecn_mode = cases[i].mode;
		syn_marked = cases[i].is_marked;
		drops_syn = cases[i].is_lost;
		p = pair_open(family);
		syn_marked = false;
		CHECK_EQ(seen[0].syn, cases[i].syn);
		CHECK_EQ(seen[1].syn, cases[i].answer);
		CHECK_EQ(seen[0].syn_tos | seen[1].syn_tos, 0);
		CHECK_EQ(tcp_of(p.c)->has_ecn, cases[i].has);
		CHECK_EQ(tcp_of(p.s)->has_ecn, cases[i].has);
		move(p.c, p.s, 100000);
		CHECK_EQ(seen[0].marked, cases[i].has ? seen[0].data : 0);
		CHECK_EQ(seen[0].bare_marked + seen[1].bare_marked, 0);
		pair_close(&p);
	}
	tcp_ecn_mode = TCP_ECN_ASK;
}

/* One mark: one reduction, ECE until CWR and not after. */
static void one_mark(int family, bool with_tso)
{
	struct pair p = pair_open(family);
	struct tcp_sock *tp = tcp_of(p.c);
	uint64_t before = net_stats.tcp_ecn_reductions;
	uint32_t cwnd;

	loopback.features = NETDEV_CSUM | NETDEV_RXCSUM | (with_tso ? NETDEV_TSO4 | NETDEV_TSO6 : 0);
	move(p.c, p.s, 300000);
	CHECK_EQ(seen[1].ece, 0);
	CHECK_EQ(seen[0].cwr, 0);
	cwnd = tp->cwnd;
	mark = 1;
	move(p.c, p.s, 300000);
	CHECK_EQ(mark, 0);
	CHECK_EQ(net_stats.tcp_ecn_reductions, before + 1);
	CHECK(tp->ssthresh < 0x7fffffff && tp->ssthresh >= cwnd / 2);
	CHECK_EQ(tp->ca_state, CA_OPEN);
	CHECK_EQ(seen[0].cwr, 1);
	CHECK_EQ(seen[0].cwr_long, 0);
	CHECK(seen[1].ece > 0);
	CHECK(!tcp_of(p.s)->ecn_echo);
	CHECK_EQ(seen[0].retrans, 0);
	/* And no more. */
	seen[1].ece = seen[0].cwr = 0;
	move(p.c, p.s, 300000);
	CHECK_EQ(seen[1].ece + seen[0].cwr, 0);
	pair_close(&p);
}

/* The window at the moment of the mark, in congestion avoidance: seven tenths (CUBIC), a half (NewReno). */
static void reduction(const struct tcp_cong *cong, unsigned tenths)
{
	struct pair p = pair_open(AF_INET);
	struct tcp_sock *tp = tcp_of(p.c);
	static uint8_t buf[4 * MSS];
	uint32_t cwnd;

	tp->cong = cong;
	cong->init(tp);
	tp->cwnd = tp->ssthresh = 40 * MSS;
	cwnd = tp->cwnd;
	mark = 1;
	CHECK_EQ(sim_send(p.c, buf, MSS, 0), MSS);
	CHECK_EQ(mark, 0);
	sim_run(NSEC_PER_SEC);
	(void)sim_recv(p.s, buf, sizeof(buf), MSG_DONTWAIT);
	sim_run(NSEC_PER_SEC);
	(void)sim_recv(p.c, buf, 1, MSG_DONTWAIT);	/* what came is processed */
	CHECK_EQ(tp->cwnd, cwnd / 10 * tenths);
	CHECK_EQ(tp->ssthresh, tp->cwnd);
	CHECK(tp->ecn_cwr && tcp_of(p.s)->ecn_echo);
	/* Our acknowledgements go on saying it, but what was in flight then counts no more. */
	CHECK_EQ(sim_send(p.c, buf, 100, 0), 100);
	sim_run(NSEC_PER_SEC);
	CHECK_EQ(seen[0].cwr, 1);
	(void)sim_recv(p.s, buf, sizeof(buf), MSG_DONTWAIT);
	(void)sim_recv(p.c, buf, 1, MSG_DONTWAIT);
	CHECK_EQ(tp->ssthresh, cwnd / 10 * tenths);
	CHECK(!tcp_of(p.s)->ecn_echo);
	pair_close(&p);
}

/* Everything is marked: once a round trip, down to two segments, and it still arrives. */
static void all_marked(int family)
{
	struct pair p = pair_open(family);
	uint64_t before = net_stats.tcp_ecn_reductions;

	marks_all = true;
	move(p.c, p.s, 200000);
	move(p.s, p.c, 200000);
	marks_all = false;
	CHECK(net_stats.tcp_ecn_reductions - before > 10);
	CHECK(tcp_of(p.c)->ssthresh <= 3 * MSS);
	CHECK_EQ(seen[0].retrans + seen[1].retrans, 0);
	CHECK(seen[0].cwr >= net_stats.tcp_ecn_reductions - before - seen[1].cwr - 2);
	pair_close(&p);
}

/* A loss: what is sent again is not marked; CWR tells of the reduction. */
static void loss(int family)
{
	struct pair p = pair_open(family);

	move(p.c, p.s, 300000);
	drop = 1;
	move(p.c, p.s, 300000);
	CHECK(seen[0].retrans > 0);
	CHECK_EQ(seen[0].retrans_marked, 0);
	CHECK_EQ(seen[0].cwr, 1);
	pair_close(&p);
}

int main(void)
{
	tcp_settings.slow_start_after_idle = 0;	/* the pauses here mean nothing */
	setvbuf(stdout, NULL, _IOLBF, 0);
	sim_link_attach();
	loopback.mtu = 1500;
	loopback.features = NETDEV_CSUM | NETDEV_RXCSUM;
	sim_link = (struct sim_link){ .delay = 10 * NSEC_PER_MSEC, .segment = true, .per_byte = 80 };
	sim_filter = watch;
	for (int v6 = 0; v6 < 2; v6++) {
		int family = v6 ? AF_INET6 : AF_INET;

		negotiation(family);
		one_mark(family, false);
		one_mark(family, true);
		loopback.features = NETDEV_CSUM | NETDEV_RXCSUM;
		all_marked(family);
		loss(family);
	}
	reduction(&tcp_cubic, 7);
	reduction(&tcp_reno, 5);
	printf("ok\n");
	return 0;
}
