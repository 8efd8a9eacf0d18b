// SPDX-License-Identifier: MIT
/* Ethernet II framing (IEEE 802.3 3.2.6, type interpretation), checksums that the device does not compute. */
#include "net/eth.h"

#include "libc/string.h"
#include "net/csum.h"
#include "net/ip.h"
#include "net/neigh.h"
#include "net/netdev-priv.h"
#include "net/wire.h"

void eth_input(struct pkt *p)
{
	if (likely(tcp_input_short(p)))
		return;
	eth_input_long(p);
}

void eth_input_long(struct pkt *p)
{
	const struct eth_hdr *h = (const struct eth_hdr *)p->seg[0].data;

	if (p->seg[0].len < ETH_HLEN)
		goto drop;
	p->base = p->seg[0].data;
	p->l3 = ETH_HLEN;
	if (h->dst[0] & 1)
		p->flags |= PKT_BROADCAST;
	else if (memcmp(h->dst, p->dev->mac, 6))
		goto drop;
	pkt_pull(p, ETH_HLEN);
	switch (net16(h->type)) {
	case ETH_P_IP4:
		ip4_input(p);
		return;
	case ETH_P_IP6:
		ip6_input(p);
		return;
	case ETH_P_ARP:
		arp_input(p);
		return;
	}
drop:
	pkt_free(p);
}

/* The device does not do it: store the checksum of a PKT_CSUM_PARTIAL packet. */
static void finish_csum(struct pkt *p)
{
	uint16_t sum = (uint16_t)~csum_fold(pkt_csum(p, p->csum_start, p->len - p->csum_start, 0));

	if (!sum)
		sum = 0xffff;	/* RFC 768: 0 would mean "none"; for TCP it is the same value */
	memcpy(p->seg[0].data + p->csum_start + p->csum_offset, &sum, 2);
	p->flags &= (uint16_t)~PKT_CSUM_PARTIAL;
}

static void eth_finish(struct netdev *dev, struct pkt *p)
{
	memcpy(p->seg[0].data + 6, dev->mac, 6);
	if (p->flags & PKT_CSUM_PARTIAL) {
		p->csum_start += ETH_HLEN;
		if (!(dev->features & NETDEV_CSUM))
			finish_csum(p);
	}
	if (p->gso_type)
		p->hdr_len += ETH_HLEN;
	netdev_transmit(dev, p);
}

void eth_output(struct netdev *dev, struct pkt *p, const uint8_t *dst_mac, uint16_t type)
{
	struct eth_hdr *h = pkt_push(p, ETH_HLEN);

	memcpy(h->dst, dst_mac, 6);
	h->type = net16(type);
	eth_finish(dev, p);
}

void eth_output_word(struct netdev *dev, struct pkt *p, uint64_t dst_mac, uint16_t type)
{
	struct eth_hdr *h = pkt_push(p, ETH_HLEN);

	memcpy(h->dst, &dst_mac, 6);
	h->type = net16(type);
	eth_finish(dev, p);
}

/* RFC 1112 6.4, RFC 2464 7. */
void eth_output_multicast(struct netdev *dev, struct pkt *p, const struct ip_addr *dst, bool is_broadcast)
{
	uint8_t mac[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	if (is_broadcast)
		;
	else if (ip_is_v4(dst))
		memcpy(mac, (uint8_t[6]){ 0x01, 0x00, 0x5e, dst->b[13] & 0x7f, dst->b[14], dst->b[15] }, 6);
	else
		memcpy(mac, (uint8_t[6]){ 0x33, 0x33, dst->b[12], dst->b[13], dst->b[14], dst->b[15] }, 6);
	eth_output(dev, p, mac, ip_is_v4(dst) ? ETH_P_IP4 : ETH_P_IP6);
}
