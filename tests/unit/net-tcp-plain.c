/* SPDX-License-Identifier: MIT
 *
 * Header prediction (is_plain(), plain() of net/tcp-input.c), the headers that are kept ready (send_short() of net/tcp-output.c) and the short way through Ethernet and IP
 * (tcp_input_short() of net/tcp-demux.c) must be no more than short cuts: two processes live through the same random segments, calls and waits, one of them without any short
 * cut. After each step all of the connection's state and all that was sent must be equal.
 */
/* sources: @net-stack */
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mmu/page.h"
#include "net/csum.h"
#include "net/neigh.h"
#include "net/netdev-priv.h"
#include "net/tcp-priv.h"
#include "tests/host/fake-net.h"

#define NR_RUNS		150u
#define NR_STEPS	250u
#define LEVEL_IP	0	/* IPPROTO_IP */
#define IP_TOS		1
#define IP_TTL		2

/* What a process shows of one moment: plain bytes without addresses. */
struct moment {
	struct tcp_sock tp;
	struct {
		uint32_t seq, end, flags;
		nsec_t sent_at;
	} tx[8];
	uint32_t rx[8][3];
	uint32_t nr_tx, nr_rx, events;
	int error;
	uint64_t rcvbuf, sndbuf, shut;
	uint64_t sent;			/* hash of all frames so far */
	long result;
};

static struct {
	uint64_t hash[NR_RUNS][NR_STEPS];
	unsigned nr_plain, nr_segments;	/* segments that met a plain connection */
	uint64_t nr_short_in, nr_short_out;
	struct moment at;		/* of the step that is asked for */
} *shared[2];
static unsigned mode, want_run = NR_RUNS, want_step;

static struct netdev eth;
static uint64_t sent_hash;

/* Hash of FNV-1a's kind, by words. */
static uint64_t hash(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return h;
}

static uint32_t last_iss;

static void eth_transmit(struct netdev *dev, unsigned queue, struct pkt *list)
{
	(void)dev;
	(void)queue;
	while (list) {
		struct pkt *p = list;
		uint8_t f[100] = { 0 };
		struct tcp_hdr *h = (struct tcp_hdr *)(f + 34);

		list = pkt_next(p);
		pkt_copy_out(p, 0, f, MIN(p->len, 100u));
		sent_hash = hash(hash(sent_hash, f, sizeof(f)), &p->len, sizeof(p->len));
		sent_hash = hash(sent_hash, (uint32_t[4]){ p->flags & PKT_CSUM_PARTIAL, p->csum_start, p->csum_offset, p->hash }, 16);
		if (f[23] == IPPROTO_TCP && h->flags & TCP_SYN)
			last_iss = net32(h->seq);
		pkt_free(p);
	}
}

static const struct netdev_ops eth_ops = { .transmit = eth_transmit };

static uint32_t below(uint32_t n)
{
	return n ? (sim_random() >> 4) % n : 0;
}

static bool chance(unsigned percent)
{
	return below(100) < percent;
}

/* ---- the peer ---------------------------------------------------------------------------------------------------- */

static struct {
	uint16_t port;
	bool has_ts, has_sack, has_wscale, has_ecn;
	uint32_t ts, window;
	unsigned sack;		/* segments in a hundred that have it */
} peer;

/* What is wrong with the frame, or just unusual. */
static enum { ODD_NO, ODD_DST, ODD_FRAG, ODD_MAC, ODD_SUM, ODD_OFF, ODD_PADDED, ODD_TYPE, NR_ODD } oddity;

static void send_segment(uint32_t seq, uint32_t ack, uint8_t flags, uint16_t window, const uint8_t *opts, unsigned opt_len, unsigned len, uint8_t tos, uint16_t urgent)
{
	uint8_t *f = (uint8_t *)(uintptr_t)page_alloc(0, 0);
	struct ip4_hdr *ip = (struct ip4_hdr *)(f + 14);
	struct tcp_hdr *h = (struct tcp_hdr *)(f + 34);
	unsigned total = 40 + opt_len + len;
	struct ip_addr src = ip_from_v4(net32(0x0a000003)), dst = ip_from_v4(net32(oddity == ODD_DST ? 0x0a000077 : 0x0a000002));
	struct pkt *p;

	memset(f, 0, 54);
	memcpy(f, eth.mac, 6);
	f[12] = oddity == ODD_TYPE ? 9 : 8;
	*ip = (struct ip4_hdr){ .ver_ihl = 0x45, .tos = tos, .len = net16((uint16_t)total), .ttl = 64, .proto = 6, .src = src.w[3], .dst = dst.w[3] };
	if (oddity == ODD_FRAG)
		ip->frag = net16(0x8000);	/* the bit without a meaning */
	ip->csum = (uint16_t)~csum_fold(csum_bytes(ip, 20, 0));
	f[5] ^= oddity == ODD_MAC;
	ip->csum ^= oddity == ODD_SUM;
	*h = (struct tcp_hdr){ .sport = net16(peer.port), .dport = net16(80), .seq = net32(seq), .ack = net32(ack), .off = (uint8_t)((20 + opt_len) << 2), .flags = flags,
			       .window = net16(window), .urgent = net16(urgent) };
	memcpy(h + 1, opts, opt_len);
	for (unsigned i = 0; i < len; i++)
		((uint8_t *)(h + 1))[opt_len + i] = (uint8_t)(seq + i);
	if (oddity == ODD_OFF)
		h->off = chance(50) ? 0x40 : 0xf0;
	h->csum = (uint16_t)~csum_fold(csum_bytes(h, total - 20, csum_pseudo(&src, &dst, total - 20, 6)));
	if (oddity == ODD_PADDED)
		total += 6;
	p = pkt_from_page(f, 0, 14 + total);
	if (mode)	/* without it tcp_input_short() leaves the frame to the others, who look at the checksum and find the same */
		p->flags |= PKT_CSUM_OK;
	netdev_receive(&eth, 0, p);
}

static unsigned put(uint8_t *o, unsigned at, uint32_t v)
{
	v = net32(v);
	memcpy(o + at, &v, 4);
	return at + 4;
}

static struct socket *open_connection(struct socket *l)
{
	uint8_t o[40];
	unsigned n = put(o, 0, 0x02040000 | (chance(80) ? 1460 : 536));
	uint32_t irs = sim_random();
	struct socket *so;

	peer.port = (uint16_t)(peer.port % 60000 + 1024);
	peer.has_ts = chance(80);
	peer.has_sack = chance(85);
	peer.has_wscale = chance(80);
	peer.has_ecn = chance(10);
	peer.sack = chance(50) ? 1 : 10;
	peer.ts = sim_random();
	peer.window = chance(80) ? 65535 : 1 + below(65535);
	if (peer.has_ts) {
		n = put(o, n, 0x0101080a);
		n = put(o, n, peer.ts);
		n = put(o, n, 0);
	}
	if (peer.has_sack)
		n = put(o, n, 0x01010402);
	if (peer.has_wscale)
		n = put(o, n, 0x01030300 | below(8));
	send_segment(irs, 0, TCP_SYN | (peer.has_ecn ? TCP_ECE | TCP_CWR : 0), 65535, o, n, 0, 0, 0);
	(void)l->ops->poll(l);
	n = 0;
	if (peer.has_ts) {
		n = put(o, n, 0x0101080a);
		n = put(o, n, peer.ts);
		n = put(o, n, 0);
	}
	send_segment(irs + 1, last_iss + 1, TCP_ACK, (uint16_t)peer.window, o, n, 0, 0, 0);
	CHECK_EQ(l->ops->accept(l, &so, true), 0);
	tcp_of(so)->is_unpredicted = !mode;
	if (chance(70))
		CHECK_EQ(so->ops->setopt(so, IPPROTO_TCP, 1, &(int){ 1 }, 4), 0);	/* TCP_NODELAY: more than one piece in flight */
	return so;
}

static unsigned random_options(const struct tcp_sock *tp, uint8_t *o)
{
	unsigned n = 0;

	if (peer.has_ts && !chance(2)) {
		bool is_odd = chance(3);

		n = put(o, n, is_odd ? 0x080a0000 | (peer.ts >> 16 & 0xffff) : 0x0101080a);
		if (is_odd) {	/* the same option, placed otherwise */
			n = put(o, n, peer.ts << 16 | (tp->ts_offset >> 16));
			n = put(o, n, tp->ts_offset << 16 | 0x0101);
		} else {
			n = put(o, n, chance(3) ? peer.ts - 1 - below(1000) : peer.ts);
			n = put(o, n, tcp_ts(tp, sim_now) - below(100));
		}
	}
	if (peer.has_sack && chance(peer.sack) && tcp_flight(tp)) {
		uint32_t from = tp->snd_una + below(tcp_flight(tp)), to = chance(70) ? tp->snd_nxt : from + 1 + below(tp->snd_nxt - from);

		n = put(o, n, 0x0101050a);
		n = put(o, n, from);
		n = put(o, n, to);
	}
	return n;
}

static void random_segment(const struct tcp_sock *tp)
{
	static const uint8_t odd[] = { TCP_ACK | TCP_URG, TCP_ACK | TCP_ECE, TCP_ACK | TCP_CWR, TCP_PSH, TCP_ACK | TCP_SYN, TCP_ACK | TCP_PSH | TCP_FIN, TCP_ACK | TCP_RST };
	uint32_t seq = tp->rcv_nxt, ack = tp->snd_nxt, len = 0;
	uint8_t flags = TCP_ACK, opts[40];

	if (chance(60))
		len = chance(50) ? 1 + below(300) : 1 + below(1460);
	if (chance(10))
		seq += below(5) * 700;
	else if (chance(4))
		seq -= below(2000);
	else if (chance(1))
		seq = tp->rcv_adv - below(1500);
	if (chance(30))
		ack = tp->snd_una;
	else if (chance(50) && !list_is_empty(&tp->tx))
		ack = list_first(&tp->tx, struct tx_rec, node)->end;
	else if (chance(15))
		ack = tp->snd_una + below(tcp_flight(tp) + 1);
	else if (chance(3))
		ack += below(100000) - 50000;
	if (len && chance(50))
		flags |= TCP_PSH;
	if (chance(3))
		flags = odd[below(chance(30) ? ARRAY_SIZE(odd) : 5)];
	if (chance(5))
		peer.window = chance(20) ? below(10) : below(65536);
	peer.ts += below(3);
	oddity = chance(4) ? below(NR_ODD) : ODD_NO;
	send_segment(seq, ack, flags, (uint16_t)peer.window, opts, random_options(tp, opts), len, chance(2) ? IP_ECN_CE : chance(5) ? IP_ECN_ECT0 : 0, 1);
	oddity = ODD_NO;
	shared[mode]->nr_segments++;
	shared[mode]->nr_plain += tp->state == TCP_ESTABLISHED && tp->has_sack && !tp->has_ecn && !tp->ca_state && !tp->sacked_bytes && !tp->lost_bytes;
}

/* ---- one moment ---------------------------------------------------------------------------------------------------- */

static void look(struct tcp_sock *tp, long result, struct moment *m)
{
	struct tx_rec *r;

	memset(m, 0, sizeof(*m));
	memcpy(&m->tp, tp, sizeof(*tp));
	/* Addresses, and what belongs to others. */
	memset(&m->tp.so, 0, sizeof(m->tp.so));
	memset(m->tp.hash_next, 0, sizeof(m->tp.hash_next));
	memset(&m->tp.port, 0, offsetof(struct tcp_sock, state) - offsetof(struct tcp_sock, port));
	m->tp.is_unpredicted = false;
	m->tp.sendq.ring = NULL;
	list_init(&m->tp.tx);
	m->tp.tx.next = m->tp.tx.prev = NULL;
	memset(m->tp.tx_spare, 0, sizeof(m->tp.tx_spare));
	m->tp.rcv_head = m->tp.rcv_tail = NULL;
	m->tp.ofo.next = m->tp.ofo.prev = NULL;
	m->tp.cong = NULL;
	memset(&m->tp.timer, 0, sizeof(m->tp.timer));
	m->tp.route.dev = NULL;
	m->tp.route.neigh = NULL;
	memset(&m->tp.ready, 0, sizeof(m->tp.ready));
	memset(&m->tp.established, 0, sizeof(*tp) - offsetof(struct tcp_sock, established));
	list_for_each(r, &tp->tx, node) {
		if (m->nr_tx < 8) {
			m->tx[m->nr_tx].seq = r->seq;
			m->tx[m->nr_tx].end = r->end;
			m->tx[m->nr_tx].flags = r->flags & (unsigned)~TX_EMBEDDED;
			m->tx[m->nr_tx].sent_at = r->sent_at;
		}
		m->nr_tx++;
	}
	for (struct pkt *p = tp->rcv_head; p; p = pkt_next(p)) {
		if (m->nr_rx < 8)
			memcpy(m->rx[m->nr_rx], (uint32_t[3]){ p->len, p->tcp.seq, p->tcp.data_len }, 12);
		m->nr_rx++;
	}
	m->error = tp->so.error;
	m->rcvbuf = tp->so.rcvbuf;
	m->sndbuf = tp->so.sndbuf;
	m->shut = tp->so.shut;
	m->sent = sent_hash;
	m->result = result;
}

static void set_mac(uint8_t last)
{
	struct ip_addr p4 = ip_from_v4(net32(0x0a000003));

	neigh_update(&eth, &p4, (uint8_t[6]){ 2, 0, 0, 0, 0, last }, NEIGH_CREATE | NEIGH_SOLICITED | NEIGH_OVERRIDE);
}

static long random_step(struct socket *so)
{
	static uint8_t buf[8192];
	struct tcp_sock *tp = tcp_of(so);
	long r;

	switch (below(12)) {
	case 10:
	case 11:
	case 0:
	case 1:
		return sim_send(so, buf, chance(80) ? 1 + below(500) : 1 + below(sizeof(buf)), MSG_DONTWAIT | (chance(3) ? MSG_OOB : 0));
	case 2:
		r = sim_recv(so, buf, chance(80) ? sizeof(buf) : 1 + below(400), MSG_DONTWAIT);
		return r > 0 ? (long)(hash(1, buf, (size_t)r) >> 8) : r;
	case 3:
		sim_run(chance(80) ? below(3 * NSEC_PER_MSEC) : chance(95) ? below(NSEC_PER_SEC) : 40 * NSEC_PER_SEC);
		return 0;
	case 4:
		if (chance(10))
			return so->ops->setopt(so, IPPROTO_TCP, chance(50) ? 1 : 3, &(int){ (int)below(2) }, 4);
		if (chance(1))
			return so->ops->shutdown(so, SHUT_WR);
		if (chance(10))
			return so->ops->setopt(so, LEVEL_IP, chance(50) ? IP_TOS : IP_TTL, &(int){ 4 * (int)(1 + below(10)) }, 4);
		if (chance(5))
			return so->ops->setopt(so, LEVEL_IP, IP_TOS, &(uint8_t){ (uint8_t)(4 * below(10)) }, 1);
		if (chance(5))
			set_mac((uint8_t)below(4));
		if (chance(5))
			route_generation++;
		return so->ops->poll(so);
	default:
		for (unsigned n = chance(70) ? 1 : 1 + below(4); n; n--)
			random_segment(tp);
		return chance(50) ? (long)so->ops->poll(so) : 0;
	}
}

static void live(struct socket *l)
{
	static struct moment m;

	for (unsigned run = 0; run < NR_RUNS; run++) {
		struct socket *so;

		eth.features = run % 4 ? NETDEV_CSUM : 0;
		set_mac(3);
		sim_seed(run + 1);
		so = open_connection(l);
		sim_seed(run + 10001);		/* whatever the handshake took of it */
		for (unsigned step = 0; step < NR_STEPS; step++) {
			long r = random_step(so);

			look(tcp_of(so), r, &m);
			shared[mode]->hash[run][step] = hash(1, &m, sizeof(m));
			if (run == want_run && step == want_step) {
				shared[mode]->at = m;
				_exit(0);
			}
		}
		sim_close(so);
		sim_run(200 * NSEC_PER_SEC);
	}
	shared[mode]->nr_short_in = net_stats.tcp_short_in;
	shared[mode]->nr_short_out = net_stats.tcp_short_out;
	sim_close(l);
	sim_run(700 * NSEC_PER_SEC);
	CHECK_EQ(sim_live_pages(), 0);
}

static void world(void)
{
	struct ip_addr a4 = ip_from_v4(net32(0x0a000002));
	struct sock_addr any = { .len = 16, .in = { .family = AF_INET, .port = net16(80) } };
	struct socket *l;

	loopback_init();
	eth = (struct netdev){ .ops = &eth_ops, .mac = { 2, 0, 0, 0, 0, 2 }, .nr_tx_queues = 1, .nr_rx_queues = 1, .mtu = 1500, .is_link_up = 1 };
	CHECK_EQ(netdev_register(&eth), 0);
	CHECK_EQ(ifaddr_add(&eth, &a4, 120, 0, NSEC_NEVER, NSEC_NEVER), 0);
	l = sim_socket(AF_INET, SOCK_STREAM);
	CHECK_EQ(l->ops->bind(l, &any), 0);
	CHECK_EQ(l->ops->listen(l, 100), 0);
	live(l);
}

static void run_both(void)
{
	for (mode = 0; mode < 2; mode++) {
		pid_t pid = fork();
		int status;

		CHECK(pid >= 0);
		if (!pid) {
			world();
			_exit(0);
		}
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(status, 0);
	}
}

int main(void)
{
	for (unsigned i = 0; i < 2; i++) {
		shared[i] = mmap(NULL, sizeof(*shared[i]), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		CHECK(shared[i] != MAP_FAILED);
	}
	run_both();
	printf("%u segments, %u of them for a plain connection\n", shared[1]->nr_segments, shared[1]->nr_plain);
	CHECK(shared[1]->nr_plain > shared[1]->nr_segments / 4);
	CHECK(shared[1]->nr_short_in > shared[1]->nr_segments / 4 && shared[1]->nr_short_out > 1000);
	CHECK_EQ(shared[0]->nr_short_in, 0);
	CHECK_EQ(shared[0]->nr_short_out, 0);
	for (unsigned i = 0; i < NR_RUNS * NR_STEPS; i++) {
		const uint8_t *a = (const uint8_t *)&shared[0]->at, *b = (const uint8_t *)&shared[1]->at;

		if (shared[0]->hash[i / NR_STEPS][i % NR_STEPS] == shared[1]->hash[i / NR_STEPS][i % NR_STEPS])
			continue;
		want_run = i / NR_STEPS;
		want_step = i % NR_STEPS;
		fprintf(stderr, "run %u, step %u: they differ in bytes", want_run, want_step);
		run_both();
		for (size_t k = 0; k < sizeof(struct moment); k++)
			if (a[k] != b[k])
				fprintf(stderr, " %zu", k);
		fprintf(stderr, " of struct moment (p &((struct moment *)0)->tp.FIELD)\n");
		return 1;
	}
	return 0;
}
