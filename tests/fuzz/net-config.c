/* SPDX-License-Identifier: MIT
 *
 * Who configures us: a hostile DHCP server, hostile routers and neighbours; and a program that writes to a netlink socket. Nothing may crash, loop, or leak.
 *
 * Input: records of [kind][length][bytes]. Kind, modulo 6: 0 a DHCP answer whose header is right (bytes: message type, then options); 1 a router advertisement (bytes: the six
 * bytes after the checksum, reachable and retransmission time, options); 2 any ICMPv6 of ND (bytes: type, then the message); 3 a netlink request (bytes: type, flags, body);
 * 4 raw bytes to netlink; 5 time passes, or the text of ip=.
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

#define DHCP_LEN	240u

static struct netdev eth;
static uint8_t xid[4];
static unsigned nr_leases;

static void eth_transmit(struct netdev *dev, unsigned queue, struct pkt *list)
{
	(void)dev;
	(void)queue;
	while (list) {
		struct pkt *p = list;
		const uint8_t *f = p->seg[0].data;

		list = pkt_next(p);
		/* Our own DHCP message: the transaction to answer. */
		if (p->seg[0].len >= 14 + 28 + DHCP_LEN && f[12] == 8 && f[23] == 17 && f[36] == 0 && f[37] == 67)
			memcpy(xid, f + 14 + 28 + 4, 4);
		pkt_free(p);
	}
}

static const struct netdev_ops eth_ops = { .transmit = eth_transmit };

void resolv_set(unsigned source, const struct ip_addr *servers, unsigned nr, const char *search)
{
	(void)source;
	CHECK(nr <= RESOLV_MAX);
	for (unsigned i = 0; i < nr; i++)
		CHECK(!ip_is_any(&servers[i]));
	CHECK(!search || strlen(search) < 256);
	nr_leases++;
}

/* AF_UNIX needs a file system. */
void unix_get_name(struct unix_sock *u, struct sock_addr *out)
{
	(void)u;
	(void)out;
}

static void receive(const uint8_t *frame, unsigned len)
{
	paddr_t page = page_alloc(0, 0);
	struct pkt *p;

	memcpy((void *)(uintptr_t)page, frame, len);
	p = pkt_from_page((void *)(uintptr_t)page, 0, len);
	p->flags |= PKT_CSUM_OK;
	netdev_receive(&eth, 0, p);
}

static void dhcp(const uint8_t *data, unsigned len)
{
	uint8_t f[1500] = { 0 }, *m = f + 42;
	unsigned total = 28 + DHCP_LEN + 3 + (len ? len - 1 : 0);
	uint16_t sum;

	memcpy(f, eth.mac, 6);
	memcpy(f + 6, (uint8_t[6]){ 2, 9, 9, 9, 9, 9 }, 6);
	memcpy(f + 12, (uint8_t[]){ 8, 0, 0x45, 0, (uint8_t)(total >> 8), (uint8_t)total, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 255, 255, 255, 255 }, 22);
	sum = (uint16_t)~csum_fold(csum_bytes(f + 14, 20, 0));
	memcpy(f + 24, &sum, 2);
	memcpy(f + 34, (uint8_t[]){ 0, 67, 0, 68, (uint8_t)((total - 20) >> 8), (uint8_t)(total - 20) }, 6);
	memcpy(m, (uint8_t[]){ 2, 1, 6, 0 }, 4);
	memcpy(m + 4, xid, 4);
	memcpy(m + 16, (uint8_t[]){ 10, 0, (uint8_t)(len & 1), 77 }, 4);
	memcpy(m + 28, eth.mac, 6);
	memcpy(m + 236, (uint8_t[]){ 0x63, 0x82, 0x53, 0x63, 53, 1, len ? data[0] & 7 : 2 }, 7);
	if (len)
		memcpy(m + 243, data + 1, len - 1);
	receive(f, 14 + total);
}

static void icmp6(uint8_t type, const uint8_t *data, unsigned len)
{
	uint8_t f[1500] = { 0 };
	struct ip_addr src, dst;
	uint16_t sum;

	memcpy(f, (uint8_t[]){ 0x33, 0x33, 0, 0, 0, 1, 2, 9, 9, 9, 9, 9, 0x86, 0xdd, 0x60 }, 15);
	f[18] = (uint8_t)((len + 4) >> 8);
	f[19] = (uint8_t)(len + 4);
	f[20] = 58;
	f[21] = 255;
	memcpy(f + 22, (uint8_t[]){ 0xfe, 0x80, [15] = 9 }, 16);
	memcpy(f + 38, (uint8_t[]){ 0xff, 2, [15] = 1 }, 16);
	f[54] = type;
	memcpy(f + 58, data, len);
	memcpy(&src, f + 22, 16);
	memcpy(&dst, f + 38, 16);
	sum = (uint16_t)~csum_fold(csum_bytes(f + 54, len + 4, csum_pseudo(&src, &dst, len + 4, IPPROTO_ICMPV6)));
	memcpy(f + 56, &sum, 2);
	receive(f, 58 + len);
}

static void netlink(struct socket *so, const uint8_t *data, unsigned len, bool has_header)
{
	static uint8_t buf[8192];
	uint8_t m[300] = { 0 };
	unsigned n = len;

	if (has_header) {
		n = 16 + (len > 2 ? len - 2 : 0);
		memcpy(m, &n, 4);
		m[4] = 16 + (len ? data[0] % 40 : 0);
		m[6] = len > 1 ? data[1] : 1;
		m[7] = len > 1 ? data[1] >> 4 : 3;
		if (len > 2)
			memcpy(m + 16, data + 2, len - 2);
	} else {
		memcpy(m, data, len);
	}
	(void)sim_send(so, m, n, MSG_DONTWAIT);
	for (unsigned i = 0; i < 100 && sim_recv(so, buf, sizeof(buf), MSG_DONTWAIT) >= 0; i++)
		;
}

struct addr_list {
	struct ip_addr addrs[256];
	unsigned nr;
};

static bool collect(const struct ifaddr *a, void *arg)
{
	struct addr_list *l = arg;

	if (a->dev == &eth && l->nr < ARRAY_SIZE(l->addrs))
		l->addrs[l->nr++] = a->addr;
	return true;
}

/* What a program has added would be there for ever. */
static void clean(void)
{
	static struct addr_list l;

	l.nr = 0;
	ifaddr_for_each(collect, &l);
	for (unsigned i = 0; l.nr > 20 && i < l.nr; i++)
		(void)ifaddr_remove(&eth, &l.addrs[i]);
	netdev_set_up(&eth, false);	/* its routes go */
	netdev_set_up(&eth, true);
	netdev_set_up(&loopback, false);
	netdev_set_up(&loopback, true);
	(void)netdev_set_mtu(&eth, 1500);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct socket *nl;
	char text[260];

	if (!nl) {
		eth = (struct netdev){ .ops = &eth_ops, .mac = { 2, 0, 0, 0, 0, 2 }, .nr_tx_queues = 1, .nr_rx_queues = 1, .mtu = 1500, .is_link_up = 1 };
		CHECK_EQ(netdev_register(&eth), 0);
		(void)!net_start();
		sim_run(3 * NSEC_PER_SEC);
		CHECK_EQ(socket_create(AF_NETLINK, SOCK_RAW, 0, &(struct sock_cred){ 1, 0, 0 }, &nl), 0);
		CHECK_EQ(nl->ops->bind(nl, &(struct sock_addr){ .len = 12, .nl = { .family = AF_NETLINK, .groups = UINT32_MAX } }), 0);
	}
	while (size > 2) {
		unsigned kind = data[0] % 6, n = (unsigned)MIN((size_t)data[1], size - 2);
		struct ip_option option;
		const uint8_t *bytes = data + 2;

		data += 2 + n;
		size -= 2 + n;
		if (kind == 0)
			dhcp(bytes, n);
		else if (kind == 1)
			icmp6(134, bytes, n);
		else if (kind == 2 && n)
			icmp6((uint8_t)(133 + bytes[0] % 5), bytes + 1, n - 1);
		else if (kind == 3)
			netlink(nl, bytes, n, true);
		else if (kind == 4)
			netlink(nl, bytes, n, false);
		if (kind != 5)
			continue;
		sim_run(n ? (nsec_t)bytes[0] * bytes[0] * NSEC_PER_SEC / 16 : NSEC_PER_SEC);
		memcpy(text, bytes, n);
		text[n] = 0;
		(void)ip_option_parse(text, &option);
	}
	sim_run(3 * NSEC_PER_SEC);
	clean();
	CHECK(sim_live_pages() < 2000);
	return 0;
}
