/* SPDX-License-Identifier: MIT
 *
 * What was only late was not lost: the duplicate that the peer reports (RFC 2883) widens RACK's window (RFC 8985 6.2), wherever the sequence numbers lie, and gives back the
 * congestion window, with timestamps (RFC 3522) and without (RFC 3708).
 */
/* sources: @net-stack */
#include "net/netdev-priv.h"
#include "net/tcp-priv.h"
#include "tests/host/fake-net.h"

#define MSS	1448u
#define DELAY	(20 * NSEC_PER_MSEC)

static uint8_t buf[65536];
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

struct pair {
	struct socket *l, *c, *s;
	struct tcp_sock *tp;
};

static struct pair pair_open(void)
{
	static uint16_t port = 5000;
	struct sock_addr a = sim_addr(AF_INET, ++port);
	struct pair p = { sim_socket(AF_INET, SOCK_STREAM), sim_socket(AF_INET, SOCK_STREAM), NULL, NULL };

	CHECK_EQ(p.l->ops->bind(p.l, &a), 0);
	CHECK_EQ(p.l->ops->listen(p.l, 5), 0);
	CHECK_EQ(p.c->ops->connect(p.c, &a, false), 0);
	CHECK_EQ(p.l->ops->accept(p.l, &p.s, false), 0);
	p.tp = tcp_of(p.c);
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

static void move(struct pair *p, size_t total)
{
	size_t sent = 0, received = 0;
	ssize_t r;

	while (received < total || p->tp->snd_una != p->tp->snd_nxt) {
		r = sent < total ? sim_send(p->c, buf, MIN(sizeof(buf), total - sent), MSG_DONTWAIT) : -EAGAIN;
		sent += r > 0 ? (size_t)r : 0;
		while ((r = sim_recv(p->s, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
			received += (size_t)r;
		if (received < total || p->tp->snd_una != p->tp->snd_nxt)
			CHECK(sim_step(sim_now + NSEC_PER_SEC));
		release();
		(void)p->c->ops->poll(p->c);	/* what has come is processed */
	}
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
	CHECK_EQ(p.tp->reo_steps, is_lost ? 0 : 1);
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
