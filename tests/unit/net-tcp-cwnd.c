/* SPDX-License-Identifier: MIT
 *
 * The congestion window and who uses it: slow start counts bytes, a window that is not used neither grows nor stays (RFC 7661, RFC 5681 4.1), and CUBIC does not count pauses.
 */
/* sources: @net-stack */
#include "net/netdev-priv.h"
#include "net/tcp-priv.h"
#include "tests/host/fake-net.h"
#include "tests/host/tcp-pair.h"

#define MSS	1448u
#define IW	(10 * MSS)

static bool drops_one, drops_data;
static uint32_t largest;

static bool drop(struct pkt *p)
{
	largest = MAX(largest, p->len);
	if ((!drops_one && !drops_data) || p->len < 1000)
		return false;
	drops_one = false;
	pkt_free(p);
	return true;
}

static void move(struct pair *p, size_t total)
{
	CHECK_EQ(p->tp->mss, MSS);
	pair_move(p, total, NULL);
}

/* Every acknowledged byte adds one while the window is what limits, none when it is not. */
static void slow_start(void)
{
	struct pair p = pair_open();
	uint32_t grown;

	CHECK_EQ(p.tp->cwnd, IW);
	for (int i = 0; i < 100; i++)
		move(&p, 2 * MSS);
	CHECK_EQ(p.tp->cwnd, IW);
	for (int i = 0; i < 100; i++)
		move(&p, 100);
	CHECK_EQ(p.tp->cwnd, IW);
	move(&p, 64 * MSS);
	CHECK(p.tp->cwnd > 40 * MSS && p.tp->cwnd <= IW + 64 * MSS);
	grown = p.tp->cwnd;
	/* A flight of a third of it: no growth. */
	for (int i = 0; i < 3; i++)
		move(&p, grown / 3);
	CHECK_EQ(p.tp->cwnd, grown);
	pair_close(&p);
}

/* A pause halves it with each timeout, down to the first window; ssthresh remembers. */
static void pause_restarts(bool is_on)
{
	struct pair p = pair_open();
	uint32_t grown;

	tcp_settings.slow_start_after_idle = is_on;
	move(&p, 400 * MSS);
	grown = p.tp->cwnd;
	CHECK(grown >= 150 * MSS);
	sim_run(p.tp->rto + p.tp->rto / 2);
	move(&p, 100);
	CHECK_EQ(p.tp->cwnd, is_on ? grown / 2 : grown);
	sim_run(10 * NSEC_PER_SEC);
	move(&p, 100);
	CHECK_EQ(p.tp->cwnd, is_on ? IW : grown);
	CHECK(!is_on || p.tp->ssthresh >= grown / 4 * 3);
	tcp_settings.slow_start_after_idle = 1;
	pair_close(&p);
}

/* Who goes on with less than the window gives back what it does not use, without a pause. */
static void small_use_shrinks(void)
{
	struct pair p = pair_open();
	nsec_t end;

	move(&p, 400 * MSS);
	end = sim_now + 20 * NSEC_PER_SEC;
	while (sim_now < end)
		move(&p, 3 * MSS);
	CHECK(p.tp->cwnd <= IW + MSS);
	pair_close(&p);
}

/* After a loss CUBIC grows with time: not with that of a pause. */
static void cubic_does_not_count_pauses(void)
{
	struct pair p = pair_open();
	uint32_t before;

	tcp_settings.slow_start_after_idle = 0;
	move(&p, 400 * MSS);
	drops_one = true;
	move(&p, 400 * MSS);
	CHECK(!drops_one);
	before = p.tp->cwnd;
	CHECK(p.tp->cubic.epoch && before >= p.tp->ssthresh);
	sim_run(600 * NSEC_PER_SEC);
	move(&p, before);
	CHECK(p.tp->cwnd < before + before / 8);
	tcp_settings.slow_start_after_idle = 1;
	pair_close(&p);
}

/* Without SACK, two packets of two segments and three duplicates: one segment is sent again, at once. */
static void duplicates_of_bursts(void)
{
	static uint8_t buf[4 * MSS];
	struct pair p;

	tcp_settings.sack = 0;
	loopback.features |= NETDEV_TSO4 | NETDEV_TSO6;
	p = pair_open();
	move(&p, 10 * MSS);
	drops_data = true;
	CHECK_EQ(sim_send(p.c, buf, sizeof(buf), MSG_DONTWAIT), (ssize_t)sizeof(buf));
	CHECK_EQ(tcp_flight(p.tp), 4 * MSS);
	sim_run(30 * NSEC_PER_MSEC);
	for (int i = 0; i < 4; i++) {	/* the first may be an update of the window */
		tcp_lock(tcp_of(p.s));
		tcp_send_ack(tcp_of(p.s), sim_now);
		tcp_unlock(tcp_of(p.s));
	}
	sim_run(30 * NSEC_PER_MSEC);
	(void)p.c->ops->poll(p.c);
	CHECK_EQ(p.tp->nr_retrans_total, 1);
	CHECK_EQ(p.tp->bytes_retrans, MSS);
	CHECK_EQ(tcp_pipe(p.tp), MSS);
	drops_data = false;
	tcp_settings.sack = 1;
	move(&p, MSS);
	loopback.features &= ~(NETDEV_TSO4 | NETDEV_TSO6);
	pair_close(&p);
}

/* What is given to a device at once: two segments where a millisecond does not see more, else half the window. */
static void size_of_bursts(nsec_t delay, uint32_t nr_segs)
{
	struct pair p;

	sim_link.delay = delay;
	loopback.features |= NETDEV_TSO4 | NETDEV_TSO6;
	p = pair_open();
	largest = 0;
	move(&p, 10 * MSS);
	CHECK(largest > (nr_segs - 1) * MSS + 100 && largest <= nr_segs * MSS + 100);
	loopback.features &= ~(NETDEV_TSO4 | NETDEV_TSO6);
	pair_close(&p);
	sim_link.delay = 20 * NSEC_PER_MSEC;
}

int main(void)
{
	sim_link_attach();
	sim_filter = drop;
	loopback.mtu = 1500;
	loopback.features = NETDEV_CSUM | NETDEV_RXCSUM;
	sim_link = (struct sim_link){ .delay = 20 * NSEC_PER_MSEC };
	slow_start();
	pause_restarts(true);
	pause_restarts(false);
	small_use_shrinks();
	cubic_does_not_count_pauses();
	duplicates_of_bursts();
	size_of_bursts(20 * NSEC_PER_MSEC, 2);
	size_of_bursts(20 * NSEC_PER_USEC, 5);
	return 0;
}
