/* SPDX-License-Identifier: MIT
 *
 * After a retransmission timeout: was it right (F-RTO, RFC 5682)? What is marked lost (RFC 8985 6.3), and what remains of the window. And HyStart, which ends slow start without a loss.
 */
/* sources: @net-stack */
#include "net/netdev-priv.h"
#include "net/tcp-priv.h"
#include "tests/host/fake-net.h"
#include "tests/host/tcp-pair.h"

#define MSS	1460u		/* without timestamps */
#define DELAY	(20 * NSEC_PER_MSEC)

static bool is_black_hole;

static bool filter(struct pkt *p)
{
	if (!is_black_hole || p->len < 1000)
		return false;
	pkt_free(p);
	return true;
}

/* Put n bytes into the connection: as much of it is sent as the window allows. */
static void begin(struct pair *p, size_t n)
{
	static uint8_t buf[200 * MSS];

	CHECK_EQ(sim_send(p->c, buf, n, MSG_DONTWAIT), n);
}

static void finish(struct pair *p, size_t n)
{
	static uint8_t buf[65536];
	ssize_t r;

	while (n) {
		while ((r = sim_recv(p->s, buf, MIN(sizeof(buf), n), MSG_DONTWAIT)) > 0)
			n -= (size_t)r;
		CHECK(!n || sim_step(sim_now + 300 * NSEC_PER_SEC));
	}
	sim_run(3 * NSEC_PER_SEC);
	(void)p->c->ops->poll(p->c);
	CHECK_EQ(p->tp->snd_una, p->tp->snd_nxt);
}

/* All is a second late, and nothing is lost: only the first segment is sent again, for each timeout, and a probe; the window comes back. */
static void path_stalls(bool is_on)
{
	struct pair p = pair_open();
	uint32_t cwnd, again;
	uint64_t spurious = net_stats.tcp_spurious_rtos;

	tcp_settings.frto = is_on ? 2 : 0;
	tcp_settings.dsack = 0;		/* nothing else is to tell */
	pair_move(&p, 100 * MSS, NULL);
	cwnd = p.tp->cwnd;
	again = p.tp->nr_retrans_total;
	sim_link.delay = NSEC_PER_SEC;
	begin(&p, 60 * MSS);
	sim_run(990 * NSEC_PER_MSEC);
	sim_link.delay = DELAY;
	CHECK(p.tp->nr_backoff >= 1 && p.tp->ca_state == CA_LOSS);
	finish(&p, 60 * MSS);
	CHECK_EQ(net_stats.tcp_spurious_rtos - spurious, is_on);
	if (is_on)
		CHECK(p.tp->cwnd >= cwnd && p.tp->nr_retrans_total - again <= 4);
	else
		CHECK(p.tp->ssthresh <= cwnd);
	tcp_settings.dsack = 1;
	tcp_settings.frto = 2;
	pair_close(&p);
}

/* A whole flight is lost: the timeout was right, and all comes again. */
static void flight_is_lost(bool has_more)
{
	struct pair p = pair_open();
	uint64_t spurious = net_stats.tcp_spurious_rtos;
	uint32_t cwnd, n;

	pair_move(&p, 100 * MSS, NULL);
	cwnd = p.tp->cwnd;
	n = has_more ? cwnd / MSS + 20 : 30;
	is_black_hole = true;
	begin(&p, n * MSS);
	sim_run(150 * NSEC_PER_MSEC);
	is_black_hole = false;
	finish(&p, n * MSS);
	CHECK_EQ(net_stats.tcp_spurious_rtos, spurious);
	CHECK(p.tp->ssthresh <= cwnd / 10 * 7 + MSS);
	pair_close(&p);
}

/* Of two flights the first is old enough to be lost. */
static void marks_what_is_old(void)
{
	struct pair p = pair_open();
	uint32_t cwnd;

	pair_move(&p, 100 * MSS, NULL);
	cwnd = p.tp->cwnd;
	is_black_hole = true;
	begin(&p, 5 * MSS);
	sim_run(45 * NSEC_PER_MSEC);
	is_black_hole = false;
	begin(&p, 6 * MSS);
	tcp_lock(p.tp);
	CHECK_EQ(tcp_flight(p.tp), 11 * MSS);
	p.tp->rack_rtt = 2 * DELAY;
	tcp_enter_loss(p.tp, sim_now);
	CHECK_EQ(p.tp->lost_bytes, 5 * MSS);
	CHECK_EQ(p.tp->cwnd, 7 * MSS);
	CHECK_EQ(p.tp->ssthresh, cwnd / 10 * 7 + cwnd % 10 * 7 / 10);
	tcp_unlock(p.tp);
	finish(&p, 11 * MSS);
	CHECK(p.tp->nr_retrans_total <= 6);
	pair_close(&p);
}

/* 35 segments fill the path. Slow start with HyStart stops before the queue is full, and nothing is lost. */
static void slow_start_ends(const char *name, bool has_end)
{
	struct pair p;
	uint64_t lost = sim_lost;

	sim_link.per_byte = 800;
	p = pair_open();
	p.tp->cong = tcp_cong_find(name);
	pair_move(&p, 150 * MSS, NULL);
	CHECK_EQ(sim_lost, lost);
	CHECK_EQ(p.tp->nr_retrans_total, 0);
	CHECK_EQ(p.tp->ssthresh < 100 * MSS, has_end);
	CHECK(p.tp->ssthresh >= 16 * MSS);
	CHECK_EQ(p.tp->cwnd < 100 * MSS, has_end);
	sim_link.per_byte = 0;
	pair_close(&p);
}

int main(void)
{
	sim_link_attach();
	sim_filter = filter;
	loopback.mtu = 1500;
	loopback.features = NETDEV_CSUM | NETDEV_RXCSUM;
	sim_link = (struct sim_link){ .delay = DELAY };
	tcp_settings.timestamps = 0;
	tcp_settings.slow_start_after_idle = 0;		/* the pauses here mean nothing */
	path_stalls(true);
	path_stalls(false);
	flight_is_lost(false);
	flight_is_lost(true);
	marks_what_is_old();
	slow_start_ends("cubic", true);
	slow_start_ends("reno", false);
	return 0;
}
