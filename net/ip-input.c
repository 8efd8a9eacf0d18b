// SPDX-License-Identifier: MIT
/* IP input: RFC 791, RFC 1122 3.2.1, RFC 8200 4. A host, not a router: what is not for us is dropped. */
#include "libc/string.h"
#include "net/csum.h"
#include "net/ip.h"
#include "net/net.h"
#include "net/netdev-priv.h"
#include "net/wire.h"

/* Of TCP and UDP, of which there are many: one word says that raw sockets want them. */
static void show_raw(const struct pkt *p)
{
	if (unlikely(atomic_load(&p->dev->special, RELAXED) & NETDEV_RAW))
		raw_input(p);
}

void ip_deliver(struct pkt *p)
{
	NET_COUNT(ip_in_delivers);
	switch (p->proto) {
	case IPPROTO_TCP:
		show_raw(p);
		tcp_classify(p);
		return;
	case IPPROTO_UDP:
		show_raw(p);
		udp_input(p);
		return;
	case IPPROTO_ICMP:
		if (p->flags & PKT_IS_IP6)
			break;
		raw_input(p);
		icmp_input(p);
		return;
	case IPPROTO_ICMPV6:
		if (!(p->flags & PKT_IS_IP6))
			break;
		raw_input(p);
		icmp6_input(p);
		return;
	case IPPROTO_IGMP:
		if (p->flags & PKT_IS_IP6)
			break;
		raw_input(p);
		igmp_input(p);
		return;
	}
	if (!raw_input(p)) {
		NET_COUNT(ip_in_unknown_protos);
		icmp_send_error(p, UNREACH_PROTOCOL, 0);
	}
	pkt_free(p);
}

static bool is_for_us(struct pkt *p)
{
	if (p->flags & PKT_LOOPBACK || ip_is_ours(&p->dst, NULL))
		return !ip_is_loopback(&p->dst) || p->dev == &loopback;
	if (ip_is_multicast(&p->dst) ? mcast_is_member(p->dev, &p->dst) : ip_is_broadcast(&p->dst, p->dev)) {
		p->flags |= PKT_BROADCAST;
		return true;
	}
	/* DHCP answers may come by unicast to an address that we do not have yet (RFC 2131 4.1). */
	return !ip_is_multicast(&p->dst) && ip_is_v4(&p->dst) && p->proto == IPPROTO_UDP && p->seg[0].len >= 8 && p->seg[0].data[2] == 0 && p->seg[0].data[3] == 68;
}

/*
 * Does it come from where no answer can go? Then nobody sees it: the answer would come to ourselves, to all, or to nobody. Who has no address yet may speak to all (DHCP, and ND
 * over IPv6). A device's packets only: what went out through the loopback device, or comes back from a group of ours, was sent by ourselves.
 */
static bool is_martian(const struct pkt *p)
{
	bool v6 = p->flags & PKT_IS_IP6;

	if (p->flags & PKT_LOOPBACK || likely(ip_is_foreign_host(&p->src, p->dev)))
		return false;
	/* Who claims an address of ours must be heard (RFC 4862 5.4.4): nd.c answers with care. */
	if (v6 && p->proto == IPPROTO_ICMPV6 && p->udp.hop_limit == 255 && p->seg[0].len && p->seg[0].data[0] == ND_NEIGHBOR_ADVERT)
		return ip_is_any(&p->src) || ip_is_multicast(&p->src) || ip_is_loopback(&p->src);
	if (v6)
		return !ip_is_any(&p->src) || !ip_is_multicast(&p->dst) || p->proto != IPPROTO_ICMPV6;
	return p->src.b[12] || (p->dst.w[3] != 0xffffffff && (p->dst.w[3] & 0x00ffffff) != net32(0xe0000000));
}

/* Options (RFC 791 3.1): none is obeyed; a source route is refused (RFC 7126 4.3, 4.4), and so are lengths that do not fit. */
static bool is_options4_fine(const uint8_t *o, unsigned len)
{
	for (unsigned i = 0; i < len && o[i]; i++) {
		if (o[i] == 1)
			continue;
		if (o[i] == IP4_OPT_LSRR || o[i] == IP4_OPT_SSRR || i + 1 >= len || o[i + 1] < 2 || i + o[i + 1] > len)
			return false;
		i += o[i + 1] - 1u;
	}
	return true;
}

void ip4_input(struct pkt *p)
{
	struct ip4_hdr *h;
	unsigned hlen, len, frag;

	NET_COUNT(ip_in_receives);
	if (!pkt_pull_up(p, IP4_HLEN))
		goto bad;
	h = (struct ip4_hdr *)p->seg[0].data;
	hlen = (h->ver_ihl & 0xfu) * 4;
	len = net16(h->len);
	if (h->ver_ihl >> 4 != 4 || hlen < IP4_HLEN || len < hlen || len > p->len || !pkt_pull_up(p, hlen))
		goto bad;
	h = (struct ip4_hdr *)p->seg[0].data;
	if (!(p->flags & PKT_LOOPBACK) && csum_fold(hlen == IP4_HLEN ? csum_ip4(h) : csum_bytes(h, hlen, 0)) != 0xffff)
		goto bad;
	if (unlikely(hlen != IP4_HLEN) && !is_options4_fine((const uint8_t *)(h + 1), hlen - IP4_HLEN))
		goto bad;
	pkt_trim_to(p, len);
	p->src = ip_from_v4(h->src);
	p->dst = ip_from_v4(h->dst);
	p->proto = h->proto;
	p->udp.hop_limit = h->ttl;
	p->udp.tos = h->tos;
	frag = net16(h->frag);
	p->l4 = (uint16_t)(p->l3 + hlen);
	pkt_pull(p, hlen);
	if (is_martian(p) || !is_for_us(p)) {
		NET_COUNT(ip_in_addr_errors);
		pkt_free(p);
		return;
	}
	if (frag & (IP4_MF | IP4_OFFSET)) {
		p = ip_reassemble(p, net16(h->id), (frag & IP4_OFFSET) * 8, frag & IP4_MF, h->proto);
		if (!p)
			return;
	}
	ip_deliver(p);
	return;
bad:
	NET_COUNT(ip_in_hdr_errors);
	pkt_free(p);
}

/*
 * The options of an extension header, o bytes long, whose first is `at` bytes behind the IPv6 header's start. None is obeyed; the two highest bits of each say whether it may be
 * skipped (RFC 8200 4.2). False: the packet is to be dropped, an error has been sent if one is due.
 */
static bool walk_options6(struct pkt *p, const uint8_t *o, unsigned len, unsigned at)
{
	for (unsigned i = 0; i < len; i++) {
		if (!o[i])	/* Pad1 */
			continue;
		if (i + 1 >= len || i + 2 + o[i + 1] > len)
			return false;
		/* Router alert (RFC 2711) says 00 by itself; so does PadN. */
		if (o[i] >> 6 >= 2 && !(o[i] >> 6 == 3 && ip_is_multicast(&p->dst)))
			icmp_send_error(p, UNREACH_OPTION, at + i);
		if (o[i] >> 6)
			return false;
		i += o[i + 1] + 1u;
	}
	return true;
}

/* Walk extension headers (RFC 8200 4.1): p->proto becomes the transport. 1: go on; 0: taken. */
static int ip6_extensions(struct pkt *p, uint8_t next)
{
	for (unsigned nr = 0;; nr++) {
		const uint8_t *h;
		unsigned len;

		p->proto = next;
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_FRAGMENT && next != IPPROTO_DSTOPTS)
			return next == IPPROTO_NONE ? -1 : 1;
		if (nr >= 8 || !pkt_pull_up(p, 8))
			return -1;
		h = p->seg[0].data;
		if (next == IPPROTO_FRAGMENT) {
			struct ip6_frag_hdr f;
			unsigned off;

			memcpy(&f, h, sizeof(f));
			off = net16(f.off_more) & 0xfff8u;
			p->l4 += (uint16_t)sizeof(f);
			pkt_pull(p, sizeof(f));
			next = p->proto = f.next;
			if (off || net16(f.off_more) & 1) {
				p = ip_reassemble(p, net32(f.id), off, net16(f.off_more) & 1, f.next);
				if (p)
					ip_deliver(p);
				return 0;
			}
			continue;
		}
		len = (h[1] + 1u) * 8;
		if (!pkt_pull_up(p, len))
			return -1;
		h = p->seg[0].data;
		if (next == IPPROTO_ROUTING && h[3]) {	/* segments left: we are no router (RFC 8200 4.4, RFC 5095) */
			icmp_send_error(p, UNREACH_PARAM, p->l4 - p->l3 + 2u);
			return -1;
		}
		/* Hop-by-hop options come first or not at all. */
		if (next == IPPROTO_HOPOPTS && nr)
			return -1;
		if (next != IPPROTO_ROUTING && !walk_options6(p, h + 2, len - 2, p->l4 - p->l3 + 2u))
			return -1;
		next = h[0];
		p->l4 += (uint16_t)len;
		pkt_pull(p, len);
	}
}

void ip6_input(struct pkt *p)
{
	struct ip6_hdr *h;
	unsigned len;
	int r;

	NET_COUNT(ip_in_receives);
	if (!pkt_pull_up(p, IP6_HLEN))
		goto bad;
	h = (struct ip6_hdr *)p->seg[0].data;
	len = net16(h->len);
	if ((net32(h->ver_tc_flow) >> 28) != 6 || len + IP6_HLEN > p->len)
		goto bad;
	pkt_trim_to(p, len + IP6_HLEN);
	memcpy(p->src.b, h->src, 16);
	memcpy(p->dst.b, h->dst, 16);
	p->flags |= PKT_IS_IP6;
	p->udp.hop_limit = h->hops;
	p->udp.tos = (uint8_t)(net32(h->ver_tc_flow) >> 20);
	/* Mapped addresses do not appear on the wire (RFC 4942 2.2). */
	if (ip_is_v4(&p->src) || ip_is_v4(&p->dst))
		goto bad;
	p->l4 = (uint16_t)(p->l3 + IP6_HLEN);
	p->proto = h->next;
	pkt_pull(p, IP6_HLEN);
	if (is_martian(p) || !is_for_us(p)) {
		NET_COUNT(ip_in_addr_errors);
		pkt_free(p);
		return;
	}
	r = ip6_extensions(p, h->next);
	if (r > 0)
		ip_deliver(p);
	else if (r < 0)
		pkt_free(p);
	return;
bad:
	NET_COUNT(ip_in_hdr_errors);
	pkt_free(p);
}
