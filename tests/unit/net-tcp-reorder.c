/* SPDX-License-Identifier: MIT
 *
 * What was only late was not lost: the duplicate that the peer reports (RFC 2883) widens RACK's window (RFC 8985 6.2), wherever the sequence numbers lie, and gives back the
 * congestion window, with timestamps (RFC 3522) and without (RFC 3708).
 */
/* sources: @net-stack */
#include "net/netdev-priv.h"
#include "net/tcp-priv.h"
#include "tests/host/fake-net.h"
#include "tests/host/tcp-pair.h"

#define MSS	1448u
#define DELAY	(20 * NSEC_PER_MSEC)

static enum { PASS, HOLD, DROP } next;	/* what happens to the next segment with data */
static struct pkt *held;
static nsec_t held_until;

static bool filter(struct pkt *p)
{
	if (next == PASS || p->len < 1000)
		return false;
	if (next == HOLD) {
		held = p;
		held_until = sim_now + 2 * DELAY + DELAY / 2;	/* when it has been sent again, which has not arrived yet */
	} else {
		pkt_free(p);
	}
	next = PASS;
	return true;
}

static void release(void)
{
	struct pkt *p = held;

	if (!p || sim_now < held_until)
		return;
	held = NULL;
	loopback_receive(&loopback, p);
}

static void move(struct pair *p, size_t total)
{
	pair_move(p, total, release);
	CHECK(!held && next == PASS);
	sim_run(NSEC_PER_SEC);
	(void)p->c->ops->poll(p->c);
}

static void late(bool with_ts, bool is_lost)
{
	struct pair p;
	uint32_t cwnd, ssthresh;

	tcp_settings.timestamps = with_ts;
	p = pair_open();
	move(&p, 100 * MSS);
	CHECK_EQ(p.tp->nr_retrans_total, 0);
	cwnd = p.tp->cwnd;
	ssthresh = p.tp->ssthresh;
	next = is_lost ? DROP : HOLD;
	move(&p, 20 * MSS);
	CHECK_EQ(p.tp->nr_retrans_total, 1);
	CHECK_EQ(p.tp->ca_state, CA_OPEN);
	/* A step for the report; with timestamps as many as it was late, but for their coarse clock. */
	CHECK(is_lost ? !p.tp->reo_steps : with_ts ? (p.tp->reo_steps + 1) * (p.tp->min_rtt / 4) >= DELAY - NSEC_PER_MSEC : p.tp->reo_steps == 1);
	CHECK_EQ(p.tp->rack_reordering, !is_lost);
	if (is_lost)
		CHECK(p.tp->ssthresh < ssthresh && p.tp->cwnd < cwnd);
	else
		CHECK(p.tp->ssthresh >= ssthresh && p.tp->cwnd >= cwnd);
	pair_close(&p);
}

int main(void)
{
	sim_link_attach();
	sim_filter = filter;
	loopback.mtu = 1500;
	loopback.features = NETDEV_CSUM | NETDEV_RXCSUM;
	sim_link = (struct sim_link){ .delay = DELAY };
	tcp_settings.slow_start_after_idle = 0;		/* the pauses here mean nothing */
	/* Initial sequence numbers in either half of the space. */
	for (unsigned i = 0; i < 16; i++) {
		late(true, false);
		late(false, false);
		late(true, true);
		late(false, true);
	}
	return 0;
}
