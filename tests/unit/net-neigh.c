/* SPDX-License-Identifier: MIT
 *
 * Who a neighbour is, is not for anybody to say: one ARP message does not take over an entry that is confirmed, a machine that has moved is believed once the old one does not
 * answer, replies to others teach nothing, and claims of our own address are met once in ten seconds (RFC 5227 2.4). ND obeys its flags (RFC 4861 7.2.5).
 */
/* sources: @net-stack */
#include "mmu/page.h"
#include "net/ip.h"
#include "net/neigh.h"
#include "net/netdev-priv.h"
#include "net/route.h"
#include "net/wire.h"
#include "sched/clock.h"
#include "tests/host/fake-net.h"

static struct netdev eth;
static uint8_t sent_to;			/* last byte of the Ethernet address of the last IP packet; 0: none since the last look */
static unsigned nr_asked, asked_at;	/* ARP requests; the end of the last one's Ethernet destination */
static unsigned nr_announced;

static void eth_transmit(struct netdev *dev, unsigned queue, struct pkt *list)
{
	(void)dev;
	(void)queue;
	while (list) {
		struct pkt *p = list;
		const uint8_t *f = p->seg[0].data;

		list = pkt_next(p);
		if (f[12] == 8 && f[13] == 6) {
			bool is_ours = !memcmp(f + 28, f + 38, 4);

			nr_announced += is_ours;
			nr_asked += !is_ours && f[21] == 1;
			asked_at = f[5];
		} else {
			sent_to = f[5];
		}
		pkt_free(p);
	}
}

static const struct netdev_ops eth_ops = { .transmit = eth_transmit };

/* 10.0.0.`sender`, at the Ethernet address that ends in mac, says to 10.0.0.`target`. */
static void arp(uint8_t op, uint8_t mac, uint8_t sender, uint8_t target)
{
	uint8_t f[42] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, mac, 8, 6, 0, 1, 8, 0, 6, 4, 0, op, 2, 0, 0, 0, 0, mac, 10, 0, 0, sender, [38] = 10, [41] = target };
	paddr_t page = page_alloc(0, 0);

	memcpy((void *)(uintptr_t)page, f, sizeof(f));
	netdev_receive(&eth, 0, pkt_from_page((void *)(uintptr_t)page, 0, sizeof(f)));
}

/* Where a packet to 10.0.0.`host` goes now. */
static uint8_t where(uint8_t host)
{
	struct ip_addr a = ip_from_v4(net32(0x0a000000u | host));
	struct neigh *n = neigh_get(&eth, &a);
	struct pkt *p = pkt_alloc(IP_HEADROOM, 20);

	CHECK(n && p);
	memset(pkt_put(p, 20), 0, 20);
	sent_to = 0;
	neigh_output(n, p, clock_monotonic());
	neigh_put(n);
	return sent_to;
}

static void seconds(unsigned tenths)
{
	sim_run(tenths * 100 * NSEC_PER_MSEC);
}

/* 10.0.0.`host` is asked for and answers. */
static void meet(uint8_t host, uint8_t mac)
{
	nr_asked = 0;
	CHECK_EQ(where(host), 0);
	CHECK_EQ(nr_asked, 1);
	CHECK_EQ(asked_at, 0xff);
	arp(2, mac, host, 2);
	CHECK_EQ(sent_to, mac);
	CHECK_EQ(where(host), mac);
}

/* It answers for itself: whatever the others say, and however often. */
static void test_forged(void)
{
	meet(3, 3);
	for (unsigned i = 0; i < 40; i++) {
		nr_asked = 0;
		arp(2, 9, 3, 2);	/* a reply nobody asked for */
		arp(1, 8, 3, 2);	/* a question */
		arp(1, 9, 3, 3);	/* "I have moved" */
		arp(2, 8, 3, 3);
		CHECK_EQ(where(3), 3);
		CHECK_EQ(nr_asked, 0);	/* the timer asks */
		seconds(1);
		CHECK_EQ(nr_asked, 1);
		CHECK_EQ(asked_at, 3);
		CHECK_EQ(where(3), 3);
		arp(2, 3, 3, 2);
		seconds(1);
		CHECK_EQ(where(3), 3);
	}
	seconds(20);
	CHECK_EQ(where(3), 3);
}

/* It has really moved: the old one does not answer. */
static void test_moved(void)
{
	meet(4, 4);
	nr_asked = 0;
	arp(1, 14, 4, 4);
	CHECK_EQ(where(4), 4);
	seconds(20);
	CHECK_EQ(nr_asked, 2);
	CHECK_EQ(where(4), 14);
	/* Not confirmed yet, so another may say so, too; then it is asked, and keeps it. */
	arp(1, 15, 4, 4);
	CHECK_EQ(where(4), 15);
	seconds(60);
	CHECK_EQ(asked_at, 15);
	arp(2, 15, 4, 2);
	arp(1, 16, 4, 4);
	CHECK_EQ(where(4), 15);
	seconds(1);
	arp(2, 15, 4, 2);
	seconds(20);
	CHECK_EQ(where(4), 15);
}

/* An answer that was said to another, to nobody, or by a group. */
static void test_of_others(void)
{
	meet(5, 5);
	seconds(310);		/* not confirmed for long */
	arp(2, 9, 5, 77);
	CHECK_EQ(where(5), 5);
	arp(1, 9, 5, 77);
	CHECK_EQ(where(5), 5);
	CHECK_EQ(where(6), 0);
	arp(2, 9, 6, 77);
	CHECK_EQ(sent_to, 0);
}

/* A forged claim that nothing could contradict heals when the true one does not answer there, though its last acknowledgements came after it. */
static void test_heals(void)
{
	struct ip_addr a = ip_from_v4(net32(0x0a000007));
	struct neigh *n;

	meet(7, 7);
	seconds(310);
	arp(2, 9, 7, 2);
	CHECK_EQ(where(7), 9);
	n = neigh_get(&eth, &a);
	atomic_store(&n->confirmed, clock_monotonic(), RELAXED);
	neigh_put(n);
	for (unsigned i = 0; i < 12 && where(7) == 9; i++)
		seconds(10);
	nr_asked = 0;
	CHECK_EQ(where(7), 0);
	seconds(10);
	CHECK_EQ(asked_at, 0xff);
	arp(2, 7, 7, 2);
	CHECK_EQ(where(7), 7);
}

static void test_own_address(void)
{
	nr_announced = 0;
	for (unsigned i = 0; i < 100; i++) {
		arp(2, 9, 2, 2);
		arp(1, 9, 2, 3);
		seconds(1);
	}
	CHECK(nr_announced >= 1 && nr_announced <= 2);
	/* What comes back of our own is no conflict. */
	seconds(110);
	nr_announced = 0;
	arp(1, 2, 2, 2);
	CHECK_EQ(nr_announced, 0);
}

static void test_nd(void)
{
	struct ip_addr a = { .b = { 0xfe, 0x80, [15] = 3 } };
	struct neigh *n = neigh_get(&eth, &a);
	uint8_t mac[6] = { 2, 0, 0, 0, 0, 3 }, other[6] = { 2, 0, 0, 0, 0, 9 };

	neigh_update(&eth, &a, mac, NEIGH_SOLICITED | NEIGH_OVERRIDE);
	CHECK_EQ(n->state, NEIGH_REACHABLE);
	neigh_update(&eth, &a, other, 0);
	CHECK_EQ(n->state, NEIGH_STALE);
	CHECK_EQ(n->mac >> 40 & 0xff, 3);
	neigh_update(&eth, &a, other, NEIGH_SOLICITED);
	CHECK_EQ(n->mac >> 40 & 0xff, 3);
	neigh_update(&eth, &a, other, NEIGH_OVERRIDE);
	CHECK_EQ(n->state, NEIGH_STALE);
	CHECK_EQ(n->mac >> 40 & 0xff, 9);
	neigh_update(&eth, &a, mac, NEIGH_SOLICITED | NEIGH_OVERRIDE);
	CHECK_EQ(n->state, NEIGH_REACHABLE);
	CHECK_EQ(n->mac >> 40 & 0xff, 3);
	neigh_put(n);
}

int main(void)
{
	struct ip_addr a = ip_from_v4(net32(0x0a000002));

	eth = (struct netdev){ .ops = &eth_ops, .mac = { 2, 0, 0, 0, 0, 2 }, .nr_tx_queues = 1, .nr_rx_queues = 1, .mtu = 1500, .is_link_up = 1 };
	CHECK_EQ(netdev_register(&eth), 0);
	CHECK_EQ(ifaddr_add(&eth, &a, 120, 0, NSEC_NEVER, NSEC_NEVER), 0);
	sim_run(40 * NSEC_PER_SEC);
	test_forged();
	test_moved();
	test_of_others();
	test_heals();
	test_own_address();
	test_nd();
	return 0;
}
