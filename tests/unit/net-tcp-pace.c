/* SPDX-License-Identifier: MIT
 *
 * SO_MAX_PACING_RATE: data leaves at that rate, in bursts of a millisecond or two segments, also what is sent again, and its end is not cut off; the rates of TCP_INFO.
 */
/* sources: @net-stack */
#include "net/netdev-priv.h"
#include "net/tcp-priv.h"
#include "tests/host/fake-net.h"
#include "tests/host/tcp-pair.h"

#define MSS	1448u
#define TOTAL	(1000 * MSS)
#define DELAY	(5 * NSEC_PER_MSEC)
#define SOL_SOCKET	1
#define SO_MAX_PACING_RATE	47

static uint32_t burst, most_at_once;
static unsigned lose_each;
static nsec_t burst_at;

static bool watch(struct pkt *p)
{
	static unsigned nr;

	if (p->len < 1000)
		return false;
	burst = sim_now == burst_at ? burst + p->len : p->len;
	burst_at = sim_now;
	most_at_once = MAX(most_at_once, burst);
	if (!lose_each || ++nr % lose_each)
		return false;
	pkt_free(p);
	return true;
}

static void set_rate(struct pair *p, uint64_t rate)
{
	CHECK_EQ(socket_setopt(p->c, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof(rate)), 0);
}

static void rate_is_kept(uint64_t rate, bool has_tso)
{
	struct pair p;
	struct tcp_info_abi info;
	nsec_t start, took, ideal;

	loopback.features = NETDEV_CSUM | NETDEV_RXCSUM | (has_tso ? NETDEV_TSO4 : 0);
	p = pair_open();
	pair_move(&p, 100 * MSS, NULL);
	set_rate(&p, rate);
	most_at_once = 0;
	start = sim_now;
	pair_move(&p, TOTAL, NULL);
	took = sim_now - start;
	ideal = TOTAL * NSEC_PER_SEC / rate;
	CHECK(took > ideal / 10 * 9 && took < ideal / 10 * 11 + 10 * DELAY);
	CHECK(most_at_once <= MAX(4 * rate / 1000, 4ull * 1500));
	CHECK_EQ(p.tp->nr_retrans_total > 0, lose_each > 0);
	tcp_fill_info(p.tp, &info);
	CHECK_EQ(info.max_pacing_rate, rate);
	CHECK(info.pacing_rate <= rate);
	/* What is written just before the end goes out, too, and none of the states after it ends early. */
	CHECK_EQ(sim_send(p.c, &info, sizeof(info), MSG_DONTWAIT), sizeof(info));
	pair_close(&p);
}

static void slow_end_is_not_cut_off(void)
{
	struct pair p = pair_open();
	static uint8_t buf[40 * MSS];
	size_t n = 0;
	ssize_t r;

	pair_move(&p, 100 * MSS, NULL);
	set_rate(&p, 10000);
	CHECK_EQ(sim_send(p.c, buf, sizeof(buf), MSG_DONTWAIT), sizeof(buf));
	sim_close(p.c);
	while ((r = sim_recv(p.s, buf, sizeof(buf), 0)) > 0)
		n += (size_t)r;
	CHECK_EQ(r, 0);
	CHECK_EQ(n, sizeof(buf));
	sim_close(p.s);
	sim_close(p.l);
	sim_run(300 * NSEC_PER_SEC);
	CHECK_EQ(sim_live_pages(), 0);
}

/* Without a limit: what the window lets pass, and what the path delivers. */
static void rates_are_told(void)
{
	struct pair p;
	struct tcp_info_abi info;

	sim_link.per_byte = 1000;	/* a megabyte a second */
	p = pair_open();
	pair_move(&p, TOTAL, NULL);
	tcp_fill_info(p.tp, &info);
	CHECK_EQ(info.max_pacing_rate, UINT64_MAX);
	CHECK(info.pacing_rate > (uint64_t)p.tp->cwnd * NSEC_PER_SEC / p.tp->srtt && info.pacing_rate <= 2ull * p.tp->cwnd * NSEC_PER_SEC / p.tp->srtt);
	CHECK(info.delivery_rate > 800000 && info.delivery_rate < 2000000);	/* acknowledgements that waited make it too high */
	sim_link.per_byte = 0;
	pair_close(&p);
}

int main(void)
{
	sim_link_attach();
	sim_filter = watch;
	loopback.mtu = 1500;
	sim_link = (struct sim_link){ .delay = DELAY, .segment = true };
	rate_is_kept(1000000, false);
	rate_is_kept(1000000, true);
	rate_is_kept(20000000, true);
	rate_is_kept(50000, false);
	lose_each = 50;
	rate_is_kept(300000, false);
	lose_each = 0;
	slow_end_is_not_cut_off();
	rates_are_told();
	return 0;
}
