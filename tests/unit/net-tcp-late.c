/* SPDX-License-Identifier: MIT
 *
 * A path that loses nothing but lets segments overtake each other (tests/net/late.py, in virtual time): few are sent again, since the first that come late show how long to
 * wait for the others (RFC 8985 6.2), and the window does not stay reduced.
 */
/* sources: @net-stack */
#include "net/netdev-priv.h"
#include "net/tcp-priv.h"
#include "tests/host/fake-net.h"
#include "tests/host/tcp-pair.h"

#define TOTAL	(8u << 20)
#define NR	5

static struct pair p;
static uint32_t newest;
static unsigned nr_again;

/* A segment with data that begins before what was sent already was sent again. */
static bool count(struct pkt *k)
{
	const struct tcp_hdr *h = (const struct tcp_hdr *)(k->seg[0].data + 20);
	uint32_t seq = net32(h->seq), len = k->len - 20 - (h->off >> 2);

	if (!p.tp || h->sport != net16(p.tp->lport) || !len)
		return false;
	if (newest && seq_lt(seq, newest))
		nr_again++;
	else
		newest = seq + len;
	return false;
}

/* How often NR transfers sent something again. */
static unsigned transfers(struct sim_link path, bool with_ts)
{
	nr_again = 0;
	tcp_settings.timestamps = with_ts;
	sim_link = path;
	for (unsigned seed = 1; seed <= NR; seed++) {
		sim_seed(seed);
		newest = 0;
		p = pair_open();
		pair_move(&p, TOTAL, NULL);
		pair_close(&p);
		p.tp = NULL;
	}
	return nr_again;
}

int main(void)
{
	const struct sim_link reorder = { .delay = 500000, .jitter = 1000000, .reorder = 1000, .per_byte = 270 };
	const struct sim_link jitter = { .delay = 10000000, .jitter = 20000000, .per_byte = 270 };

	sim_link_attach();
	sim_filter = count;
	loopback.mtu = 1500;
	loopback.features = NETDEV_CSUM | NETDEV_RXCSUM;
	CHECK(transfers(reorder, true) < NR * 25);	/* of 580 that come late */
	CHECK(transfers(jitter, true) < NR * 35);
	/* Without timestamps only the peer's reports of duplicates tell, a step each. */
	CHECK(transfers(reorder, false) < NR * 400);
	CHECK(transfers(jitter, false) < NR * 100);
	return 0;
}
