// SPDX-License-Identifier: MIT
/* ARP over Ethernet: RFC 826; announcements and probes: RFC 5227. */
#include "libc/string.h"
#include "net/config.h"
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

void arp_probe(struct netdev *dev, const struct ip_addr *target)
{
	static const uint8_t zero[6];

	send(dev, ARP_REQUEST, broadcast_mac, 0, zero, target->w[3]);
}

static nsec_t next_defence;		/* [a] */

void arp_input(struct pkt *p)
{
	const struct arp_hdr *h = (const struct arp_hdr *)p->seg[0].data;
	struct ip_addr sender, target;
	bool is_for_us, is_reply, is_own;

	if (!pkt_pull_up(p, sizeof(*h)))
		goto out;
	if (h->htype != net16(1) || h->ptype != net16(ETH_P_IP4) || h->hlen != 6 || h->plen != 4)
		goto out;
	sender = ip_from_v4(h->spa);
	target = ip_from_v4(h->tpa);
	is_reply = h->op == net16(ARP_REPLY);
	if ((h->op != net16(ARP_REQUEST) && !is_reply) || h->sha[0] & 1)
		goto out;
	/* Our own message that came back claims nothing. (A machine with our hardware address may be heard all the same: the two defaults of QEMU on one link.) */
	is_own = !memcmp(h->sha, p->dev->mac, 6);
	/* A probe (RFC 5227 2.1) has no sender address: two that probe the same one are in each other's way, too. */
	if (!is_own)
		dhcp_address_in_use(p->dev, ip_is_any(&sender) ? &target : &sender);
	if (ip_is_ours(&sender, p->dev)) {
		if (!is_own && neigh_may_defend(p->dev, &sender, &next_defence))
			arp_announce(p->dev, &sender);
		goto out;
	}
	if (!ip_is_any(&sender) && !ip_is_foreign_host(&sender, p->dev))
		goto out;
	is_for_us = ip_is_ours(&target, p->dev);
	/* Who talks to us makes an entry; who tells all of a new address (RFC 5227 3) changes one. What is said to others is not ours to believe. */
	if (!ip_is_any(&sender) && (is_for_us || ip_equal(&sender, &target)))
		neigh_update(p->dev, &sender, h->sha,
			     NEIGH_OVERRIDE | NEIGH_CLAIM | (is_for_us && is_reply ? NEIGH_SOLICITED : 0) | (is_for_us && !is_reply ? NEIGH_CREATE : 0));
	if (is_for_us && !is_reply) {
		uint8_t sha[6];

		memcpy(sha, h->sha, 6);
		send(p->dev, ARP_REPLY, sha, target.w[3], sha, sender.w[3]);
	}
out:
	pkt_free(p);
}
