/* SPDX-License-Identifier: MIT
 *
 * Frames from a hostile network: Ethernet, ARP, IPv4, IPv6 with extension headers and fragments, ICMP, ICMPv6 and ND, UDP, TCP towards a listener, a connection in each state that a
 * peer can bring about, and bound UDP and raw sockets. Nothing may crash, leak pages without bound, or loop.
 *
 * Input: records of [flags][length, 2 bytes][frame]. Flags: 1 checksum is taken as good; 2 aim at our addresses (MAC and IP destination are set); 4 let time pass; 8 the TCP
 * sequence and acknowledgement numbers are relative to those of the connection under test; 64 the frame arrives together with the next one.
 */
/* sources: @net-stack */
#include "mmu/page.h"
#include "net/csum.h"
#include "net/netdev-priv.h"
#include "net/tcp-priv.h"
#include "tests/host/fake-net.h"

static struct socket *listener, *udp, *raw, *accepted;
static struct netdev eth;
static uint64_t nr_frames;

static void eth_transmit(struct netdev *dev, unsigned queue, struct pkt *list)
{
	(void)dev;
	(void)queue;
	while (list) {
		struct pkt *p = list;

		list = pkt_next(p);
		CHECK(p->nr_segs <= PKT_MAX_SEGS && p->seg[0].len >= 14);
		pkt_free(p);
		nr_frames++;
	}
}

static const struct netdev_ops eth_ops = { .transmit = eth_transmit };

static void setup(void)
{
	struct ip_addr a4 = ip_from_v4(net32(0x0a000002)), a6 = { .b = { 0xfd, [15] = 2 } };
	struct sock_addr a = { .len = 28, .in6 = { .family = AF_INET6, .port = net16(80) } };

	loopback_init();
	eth = (struct netdev){ .ops = &eth_ops, .mac = { 2, 0, 0, 0, 0, 2 }, .nr_tx_queues = 1, .nr_rx_queues = 1, .mtu = 1500, .is_link_up = 1 };
	CHECK_EQ(netdev_register(&eth), 0);
	(void)ifaddr_add(&eth, &a4, 120, 0, NSEC_NEVER, NSEC_NEVER);
	(void)ifaddr_add(&eth, &a6, 64, 0, NSEC_NEVER, NSEC_NEVER);
	listener = sim_socket(AF_INET6, SOCK_STREAM);
	CHECK_EQ(listener->ops->bind(listener, &a), 0);
	CHECK_EQ(listener->ops->listen(listener, 2), 0);
	udp = sim_socket(AF_INET6, SOCK_DGRAM);
	CHECK_EQ(udp->ops->bind(udp, &a), 0);
	CHECK_EQ(socket_create(AF_INET, SOCK_RAW, 1, &(struct sock_cred){ 1, 0, 0 }, &raw), 0);
}

/* Bend a frame towards us, so that the fuzzer need not find addresses and sums. */
static void aim(uint8_t *f, unsigned len, bool relative)
{
	unsigned l4 = 34;
	uint8_t proto;
	struct tcp_sock *tp = accepted ? tcp_of(accepted) : NULL;

	memcpy(f, eth.mac, 6);
	if (len < 34)
		return;
	if (f[12] == 8 && f[13] == 0) {
		uint16_t sum;

		f[14] = 0x45;
		f[16] = (uint8_t)((len - 14) >> 8);
		f[17] = (uint8_t)(len - 14);
		proto = f[23];
		memcpy(f + 26, (uint8_t[4]){ 10, 0, 0, (uint8_t)(3 + (f[29] & 3)) }, 4);
		memcpy(f + 30, (uint8_t[4]){ 10, 0, 0, 2 }, 4);
		f[24] = f[25] = 0;
		sum = (uint16_t)~csum_fold(csum_bytes(f + 14, 20, 0));
		memcpy(f + 24, &sum, 2);
	} else if (f[12] == 0x86 && f[13] == 0xdd && len >= 54) {
		f[14] = 0x60;
		f[18] = (uint8_t)((len - 54) >> 8);
		f[19] = (uint8_t)(len - 54);
		proto = f[20];
		memset(f + 22, 0, 32);
		f[22] = 0xfd;
		f[37] = 3;
		f[38] = 0xfd;
		f[53] = 2;
		l4 = 54;
	} else {
		return;
	}
	if (proto == 6 && len >= l4 + 20) {
		f[l4] = 4;
		f[l4 + 1] &= 3;
		f[l4 + 2] = 0;
		f[l4 + 3] = 80;
		if (relative && tp) {
			uint32_t seq, ack;

			f[l4] = (uint8_t)(tp->rport >> 8);
			f[l4 + 1] = (uint8_t)tp->rport;
			memcpy(&seq, f + l4 + 4, 4);
			memcpy(&ack, f + l4 + 8, 4);
			seq = net32(tp->rcv_nxt + (net32(seq) >> 16) - 32768);
			ack = net32(tp->snd_nxt + (net32(ack) >> 20) - 2048);
			if (f[l4 + 14] & 1)
				seq = net32(tp->rcv_nxt);
			if (f[l4 + 14] & 2)
				ack = net32(tp->snd_nxt);
			memcpy(f + l4 + 4, &seq, 4);
			memcpy(f + l4 + 8, &ack, 4);
		}
	} else if (proto == 17 && len >= l4 + 8) {
		f[l4 + 2] = 0;
		f[l4 + 3] = 80;
	}
}

static void use_sockets(unsigned what)
{
	static uint8_t buf[4096];
	struct socket *so;

	if (listener->ops->poll(listener) && !listener->ops->accept(listener, &so, true)) {
		if (accepted)
			sim_close(accepted);
		accepted = so;
	}
	if (accepted && what & 1)
		(void)sim_recv(accepted, buf, 1 + what * 13, MSG_DONTWAIT);
	if (accepted && what & 2)
		(void)sim_send(accepted, buf, 1 + what * 7, MSG_DONTWAIT | (what & 64 ? MSG_OOB : 0));
	if (accepted && (what & 0x3c) == 0x3c)
		(void)accepted->ops->shutdown(accepted, SHUT_WR);
	while (sim_recv(udp, buf, sizeof(buf), MSG_DONTWAIT) >= 0)
		;
	while (sim_recv(raw, buf, sizeof(buf), MSG_DONTWAIT) >= 0)
		;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool once;
	struct pkt *batch = NULL, *last = NULL;

	if (!once) {
		once = true;
		setup();
	}
	while (size > 3) {
		unsigned flags = data[0], len = (data[1] << 8 | data[2]) & 0x7ff, n;
		paddr_t page;
		struct pkt *p;

		data += 3;
		size -= 3;
		n = (unsigned)MIN((size_t)len, size);
		page = page_alloc(0, 0);
		memcpy((void *)(uintptr_t)page, data, n);
		if (flags & 2)
			aim((uint8_t *)(uintptr_t)page, n, flags & 8);
		data += n;
		size -= n;
		p = pkt_from_page((void *)(uintptr_t)page, 0, n);
		if (flags & 1)
			p->flags |= PKT_CSUM_OK;
		if (last)
			pkt_set_next(last, p);
		else
			batch = p;
		last = p;
		if (flags & 64 && size > 3)
			continue;
		netdev_receive(&eth, 0, batch);
		batch = last = NULL;
		use_sockets(flags >> 1);
		if (flags & 4)
			sim_run((flags & 0x30) == 0x30 ? 3 * NSEC_PER_SEC : 30 * NSEC_PER_MSEC);
	}
	if (accepted) {
		sim_close(accepted);
		accepted = NULL;
	}
	use_sockets(0);
	sim_run(700 * NSEC_PER_SEC);
	CHECK(sim_live_pages() < 2000);
	return 0;
}
