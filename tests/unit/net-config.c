/* SPDX-License-Identifier: MIT
 *
 * Router advertisements: addresses are made, live as long as is said, and a forged advertisement cannot end them at once (RFC 4861 6.1.2, RFC 4862 5.5.3). DHCP: a lease is
 * taken, renewed, rebound, refused and lost (RFC 2131 4.4), and declined if another has the address (4.4.1, RFC 5227 2.1).
 */
/* sources: @net-stack net/config.c net/dhcp.c net/ip-config.c net/ip-option.c net/netlink.c net/netlink-change.c net/netlink-diag.c */
#include "mmu/page.h"
#include "net/config.h"
#include "net/csum.h"
#include "net/net.h"
#include "net/netdev-priv.h"
#include "net/route.h"
#include "net/unix.h"
#include "net/wire.h"
#include "tests/host/fake-net.h"

#define DISCOVER	1
#define OFFER		2
#define REQUEST		3
#define DECLINE		4
#define ACK		5
#define NAK		6

static struct netdev eth;
static uint8_t xid[4];		/* of the last DHCP message that we sent */
static unsigned said;		/* its type; 0: none since the last look */
static bool was_broadcast;
static unsigned nr_probes;	/* ARP requests without a sender address */

static void eth_transmit(struct netdev *dev, unsigned queue, struct pkt *list)
{
	(void)dev;
	(void)queue;
	while (list) {
		struct pkt *p = list;
		const uint8_t *f = p->seg[0].data;

		list = pkt_next(p);
		if (p->seg[0].len >= 14 + 28 + 243 && f[12] == 8 && f[23] == 17 && f[36] == 0 && f[37] == 67) {
			memcpy(xid, f + 46, 4);
			said = f[14 + 28 + 242];
			was_broadcast = f[30] == 255;
		}
		if (p->seg[0].len >= 42 && f[12] == 8 && f[13] == 6 && f[21] == 1 && !memcmp(f + 28, (uint8_t[4]){ 0 }, 4))
			nr_probes++;
		pkt_free(p);
	}
}

static const struct netdev_ops eth_ops = { .transmit = eth_transmit };

void resolv_set(unsigned source, const struct ip_addr *servers, unsigned nr, const char *search)
{
	(void)source;
	(void)servers;
	(void)nr;
	(void)search;
}

void unix_get_name(struct unix_sock *u, struct sock_addr *out)
{
	(void)u;
	(void)out;
}

/* From fe80::9 to all nodes, hop limit 255: router lifetime 1800 s, then `len` bytes of options. */
static void advertise(const uint8_t *options, unsigned len)
{
	uint8_t f[256] = { 0x33, 0x33, 0, 0, 0, 1, 2, 9, 9, 9, 9, 9, 0x86, 0xdd, 0x60, [19] = (uint8_t)(16 + len), [20] = 58, [21] = 255 }, *m = f + 54;
	paddr_t page = page_alloc(0, 0);
	struct ip_addr src, dst;
	struct pkt *p;
	uint16_t sum;

	memcpy(f + 22, (uint8_t[16]){ 0xfe, 0x80, [15] = 9 }, 16);
	memcpy(f + 38, (uint8_t[16]){ 0xff, 2, [15] = 1 }, 16);
	memcpy(m, (uint8_t[16]){ 134, 0, 0, 0, 64, 0, 1800 >> 8, 1800 & 255 }, 16);
	memcpy(m + 16, options, len);
	memcpy(&src, f + 22, 16);
	memcpy(&dst, f + 38, 16);
	sum = (uint16_t)~csum_fold(csum_bytes(m, 16 + len, csum_pseudo(&src, &dst, 16 + len, IPPROTO_ICMPV6)));
	memcpy(m + 2, &sum, 2);
	memcpy((void *)(uintptr_t)page, f, 70 + len);
	p = pkt_from_page((void *)(uintptr_t)page, 0, 70 + len);
	netdev_receive(&eth, 0, p);
	sim_run(NSEC_PER_MSEC);
}

static void put32(uint8_t *o, uint32_t v)
{
	o[0] = (uint8_t)(v >> 24);
	o[1] = (uint8_t)(v >> 16);
	o[2] = (uint8_t)(v >> 8);
	o[3] = (uint8_t)v;
}

/* Prefix 2001:db8:0:n::/64 for autonomous configuration; more: what follows it. */
static void advertise_prefix(uint8_t n, uint32_t valid, uint32_t preferred, const uint8_t *more, unsigned len)
{
	uint8_t o[64] = { 3, 4, 64, 0xc0 };

	put32(o + 4, valid);
	put32(o + 8, preferred);
	memcpy(o + 16, (uint8_t[8]){ 0x20, 1, 0xd, 0xb8, 0, 0, 0, n }, 8);
	if (len)
		memcpy(o + 32, more, len);
	advertise(o, 32 + len);
}

struct search {
	uint8_t n;
	nsec_t until;
};

static bool look(const struct ifaddr *a, void *arg)
{
	struct search *s = arg;

	if (a->dev == &eth && a->addr.b[0] == 0x20 && a->addr.b[7] == s->n)
		s->until = a->valid_until;
	return true;
}

/* Seconds that the address of prefix n still lives; 0: there is none, or it is over. */
static unsigned life(uint8_t n)
{
	struct search s = { .n = n };

	ifaddr_for_each(look, &s);
	return s.until <= sim_now ? 0 : (unsigned)((s.until - sim_now + NSEC_PER_SEC / 2) / NSEC_PER_SEC);
}

/* ---- DHCP ---------------------------------------------------------------------------------------------------------------- */

static void receive(const uint8_t *frame, unsigned len)
{
	paddr_t page = page_alloc(0, 0);
	struct pkt *p;

	memcpy((void *)(uintptr_t)page, frame, len);
	p = pkt_from_page((void *)(uintptr_t)page, 0, len);
	p->flags |= PKT_CSUM_OK;
	netdev_receive(&eth, 0, p);
	sim_run(10 * NSEC_PER_MSEC);
	dhcp_tick(sim_now);	/* the worker would do it now */
}

/* The server 10.0.0.1 says: type, for 10.0.0.`host`, for so many seconds. `wrong`: a byte of the message (behind the UDP header) that is flipped. */
static void serve(uint8_t type, uint8_t host, uint32_t seconds, unsigned wrong)
{
	uint8_t f[400] = { 0 }, *m = f + 42, *o = m + 236;
	unsigned total = 28 + 240 + 3 + 6 + 6 + 6 + 1;
	uint16_t sum;

	memcpy(f, eth.mac, 6);
	memcpy(f + 6, (uint8_t[6]){ 2, 9, 9, 9, 9, 9 }, 6);
	memcpy(f + 12, (uint8_t[]){ 8, 0, 0x45, 0, (uint8_t)(total >> 8), (uint8_t)total, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 255, 255, 255, 255 }, 22);
	sum = (uint16_t)~csum_fold(csum_bytes(f + 14, 20, 0));
	memcpy(f + 24, &sum, 2);
	memcpy(f + 34, (uint8_t[]){ 0, 67, 0, 68, (uint8_t)((total - 20) >> 8), (uint8_t)(total - 20) }, 6);
	memcpy(m, (uint8_t[]){ 2, 1, 6, 0 }, 4);
	memcpy(m + 4, xid, 4);
	memcpy(m + 16, (uint8_t[]){ 10, 0, 0, host }, 4);
	memcpy(m + 28, eth.mac, 6);
	memcpy(o, (uint8_t[]){ 0x63, 0x82, 0x53, 0x63, 53, 1, type, 54, 4, 10, 0, 0, 1, 1, 4, 255, 255, 255, 0, 51, 4 }, 21);
	put32(o + 21, seconds);
	o[25] = 255;
	if (wrong)
		m[wrong] ^= 0xff;
	receive(f, 14 + total);
}

struct have {
	unsigned host;
};

static bool look4(const struct ifaddr *a, void *arg)
{
	if (a->dev == &eth && ip_is_v4(&a->addr))
		((struct have *)arg)->host = a->addr.b[15];
	return true;
}

/* The last byte of our IPv4 address; 0: none. */
static unsigned host_of(void)
{
	struct have h = { 0 };

	ifaddr_for_each(look4, &h);
	return h.host;
}

static unsigned what_was_said(void)
{
	unsigned r = said;

	said = 0;
	return r;
}

/* As the worker does, which does not run here when it is asked to. */
static void pass(unsigned seconds)
{
	while (seconds--) {
		sim_run(NSEC_PER_SEC);
		dhcp_tick(sim_now);
	}
}

/* The server asks for our Ethernet address, so that we know its own. */
static void greet(uint8_t host)
{
	uint8_t f[42] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 9, 9, 9, 9, 9, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 9, 9, 9, 9, 9, 10, 0, 0, 1, [38] = 10, [41] = host };

	receive(f, sizeof(f));
}

/* Another machine, as ARP has it: the operation, its Ethernet address's end, its address and whom it asks for, 0: none. */
static void arp(uint8_t op, uint8_t mac, uint8_t sender, uint8_t target)
{
	uint8_t f[42] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 9, 9, 9, 9, mac, 8, 6, 0, 1, 8, 0, 6, 4, 0, op, 2, 9, 9, 9, 9, mac };

	if (sender)
		memcpy(f + 28, (uint8_t[4]){ 10, 0, 0, sender }, 4);
	memcpy(f + 38, (uint8_t[4]){ 10, 0, 0, target }, 4);
	receive(f, sizeof(f));
}

static void ask(uint8_t host, uint32_t seconds)
{
	for (unsigned i = 0; i < 200 && said != DISCOVER; i++)
		pass(1);
	CHECK_EQ(what_was_said(), DISCOVER);
	serve(OFFER, host, seconds, 0);
	CHECK_EQ(what_was_said(), REQUEST);
	CHECK(was_broadcast);
	CHECK_EQ(host_of(), 0);
	nr_probes = 0;
	serve(ACK, host, seconds, 0);
	CHECK_EQ(host_of(), 0);
	CHECK_EQ(nr_probes, 1);
}

/* From SELECTING to BOUND. */
static void lease(uint8_t host, uint32_t seconds)
{
	ask(host, seconds);
	pass(3);
	CHECK(nr_probes > 1);
	CHECK_EQ(host_of(), host);
	CHECK_EQ(what_was_said(), 0);
}

/* It has the address that we were given, or tries it as we do: declined, and after 10 s all begins again. Of other addresses nothing is to be heard. */
static void test_decline(void)
{
	for (unsigned i = 0; i < 2; i++) {
		ask(5, 1000);
		arp(2, 7, 6, 9);
		arp(1, 7, 0, 6);
		CHECK_EQ(what_was_said(), 0);
		arp(i ? 1 : 2, 7, i ? 0 : 5, 5);
		CHECK_EQ(what_was_said(), DECLINE);
		CHECK(was_broadcast);
		serve(OFFER, 5, 1000, 0);
		pass(8);
		CHECK_EQ(what_was_said(), 0);
		CHECK_EQ(host_of(), 0);
	}
}

static void test_dhcp(void)
{
	static const unsigned places[] = { 4, 28, 33, 236 };

	/* Not to us: another transaction, another client (twice), no cookie. */
	CHECK_EQ(what_was_said(), DISCOVER);
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		serve(OFFER, 7, 1000, places[i]);
		CHECK(what_was_said() != REQUEST);
	}
	serve(ACK, 7, 1000, 0);		/* nothing was asked for */
	serve(NAK, 7, 1000, 0);
	CHECK_EQ(host_of(), 0);
	said = DISCOVER;
	test_decline();
	lease(7, 1000);

	/* BOUND hears nothing: not even a refusal. */
	serve(NAK, 7, 1000, 0);
	serve(ACK, 9, 1000, 0);
	CHECK_EQ(host_of(), 7);

	/* T1: asks its server; the answer prolongs. */
	pass(490);
	CHECK_EQ(what_was_said(), 0);
	greet(7);
	pass(20);
	CHECK_EQ(what_was_said(), REQUEST);
	CHECK(!was_broadcast);
	serve(ACK, 7, 1000, 0);
	pass(480);
	CHECK_EQ(host_of(), 7);
	CHECK_EQ(what_was_said(), 0);

	/* No answer: T2: asks everybody; still none: the address is gone, all begins again. */
	greet(7);
	pass(300);
	CHECK_EQ(what_was_said(), REQUEST);
	CHECK(!was_broadcast);
	pass(150);
	CHECK_EQ(what_was_said(), REQUEST);
	CHECK(was_broadcast);
	CHECK_EQ(host_of(), 7);
	pass(80);
	CHECK_EQ(host_of(), 0);
	lease(8, 1000);

	/* Refused while renewing: gone at once. */
	pass(490);
	greet(8);
	pass(20);
	CHECK_EQ(what_was_said(), REQUEST);
	serve(NAK, 0, 0, 0);
	CHECK_EQ(host_of(), 0);
	lease(9, 0xffffffff);

	/* For ever. */
	pass(100000);
	CHECK_EQ(host_of(), 9);
	CHECK_EQ(what_was_said(), 0);
}

int main(void)
{
	eth = (struct netdev){ .ops = &eth_ops, .mac = { 2, 0, 0, 0, 0, 2 }, .nr_tx_queues = 1, .nr_rx_queues = 1, .mtu = 1500, .is_link_up = 1 };
	CHECK_EQ(netdev_register(&eth), 0);
	CHECK_EQ(net_start(), 0);
	sim_run(3 * NSEC_PER_SEC);
	test_dhcp();

	/* All of an advertisement or nothing: an option of length 0 behind a good one. */
	advertise_prefix(1, 1000, 1000, (const uint8_t[8]){ 1, 0 }, 8);
	CHECK_EQ(life(1), 0);
	advertise_prefix(1, 1000, 2000, NULL, 0);	/* preferred beyond valid */
	CHECK_EQ(life(1), 0);
	advertise_prefix(1, 0, 0, NULL, 0);
	CHECK_EQ(life(1), 0);

	/* (d), (e): made, prolonged; less than two hours only shortens to two hours, and not at all what has less. */
	advertise_prefix(1, 86400, 3600, NULL, 0);
	CHECK_EQ(life(1), 86400);
	advertise_prefix(1, 90000, 3600, NULL, 0);
	CHECK_EQ(life(1), 90000);
	advertise_prefix(1, 8000, 3600, NULL, 0);
	CHECK_EQ(life(1), 8000);
	advertise_prefix(1, 1, 1, NULL, 0);
	CHECK_EQ(life(1), 7200);
	advertise_prefix(1, 0, 0, NULL, 0);
	CHECK_EQ(life(1), 7200);
	advertise_prefix(2, 600, 600, NULL, 0);
	CHECK_EQ(life(2), 600);
	advertise_prefix(2, 5, 5, NULL, 0);
	CHECK_EQ(life(2), 600);
	advertise_prefix(2, 900, 900, NULL, 0);
	CHECK_EQ(life(2), 900);
	advertise_prefix(3, 0xffffffff, 0xffffffff, NULL, 0);
	advertise_prefix(3, 10, 10, NULL, 0);
	CHECK_EQ(life(3), 7200);

	/* And it ends. */
	sim_run(1000 * NSEC_PER_SEC);
	CHECK_EQ(life(2), 0);
	CHECK(life(1) > 6000);

	/* Prefixes without end make no addresses without end; those there are still live on. */
	for (unsigned n = 10; n < 60; n++)
		advertise_prefix((uint8_t)n, 86400, 86400, NULL, 0);
	CHECK_EQ(life(59), 0);
	advertise_prefix(1, 86400, 86400, NULL, 0);
	CHECK_EQ(life(1), 86400);
	return 0;
}
