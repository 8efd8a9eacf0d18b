// SPDX-License-Identifier: MIT
/* ARP over Ethernet: RFC 826; announcements and probes: RFC 5227. */
#include "libc/string.h"
#include "net/eth.h"
#include "net/ip.h"
#include "net/neigh.h"
#include "net/netdev-priv.h"
#include "net/wire.h"

#define ARP_REQUEST	1
#define ARP_REPLY	2

static const uint8_t broadcast_mac[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static void send(struct netdev *dev, uint16_t op, const uint8_t *dst, uint32_t spa, const uint8_t *tha, uint32_t tpa)
{
	struct pkt *p = pkt_alloc(IP_HEADROOM, sizeof(struct arp_hdr));
	struct arp_hdr *h;

	if (!p)
		return;
	h = pkt_put(p, sizeof(*h));
	*h = (struct arp_hdr){ .htype = net16(1), .ptype = net16(ETH_P_IP4), .hlen = 6, .plen = 4, .op = net16(op), .spa = spa, .tpa = tpa };
	memcpy(h->sha, dev->mac, 6);
	memcpy(h->tha, tha, 6);
	eth_output(dev, p, dst, ETH_P_ARP);
}

void arp_solicit(struct netdev *dev, const struct ip_addr *target, const uint8_t *unicast_mac)
{
	static const uint8_t zero[6];
	struct ip_addr src;

	if (!ip_choose_source(target, dev, &src))
		src = ip_from_v4(0);
	send(dev, ARP_REQUEST, unicast_mac ? unicast_mac : broadcast_mac, src.w[3], zero, target->w[3]);
}

void arp_announce(struct netdev *dev, const struct ip_addr *addr)
{
	static const uint8_t zero[6];

	send(dev, ARP_REQUEST, broadcast_mac, addr->w[3], zero, addr->w[3]);
}

void arp_input(struct pkt *p)
{
	const struct arp_hdr *h = (const struct arp_hdr *)p->seg[0].data;
	struct ip_addr sender, target;
	bool is_for_us;

	if (!pkt_pull_up(p, sizeof(*h)))
		goto out;
	if (h->htype != net16(1) || h->ptype != net16(ETH_P_IP4) || h->hlen != 6 || h->plen != 4)
		goto out;
	sender = ip_from_v4(h->spa);
	target = ip_from_v4(h->tpa);
	if (ip_is_multicast(&sender) || ip_is_loopback(&sender) || h->sha[0] & 1 || ip_is_ours(&sender, p->dev))
		goto out;
	is_for_us = ip_is_ours(&target, p->dev);
	if (h->op != net16(ARP_REQUEST) && h->op != net16(ARP_REPLY))
		goto out;
	/* Only who talks to us makes an entry; others only change what is there. A probe (RFC 5227 2.1) has no sender address. */
	if (!ip_is_any(&sender))
		neigh_update(p->dev, &sender, h->sha,
			     NEIGH_OVERRIDE | (is_for_us && h->op == net16(ARP_REPLY) ? NEIGH_SOLICITED : 0) |
				     (is_for_us && h->op == net16(ARP_REQUEST) ? NEIGH_CREATE : 0));
	if (is_for_us && h->op == net16(ARP_REQUEST)) {
		uint8_t sha[6];

		memcpy(sha, h->sha, 6);
		send(p->dev, ARP_REPLY, sha, target.w[3], sha, sender.w[3]);
	}
out:
	pkt_free(p);
}
