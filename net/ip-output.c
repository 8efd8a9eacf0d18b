// SPDX-License-Identifier: MIT
/* IP output: headers (RFC 791 3.1, RFC 8200 3), fragments (RFC 791 3.2, RFC 8200 4.5). */
#include "libc/errno.h"
#include "libc/random.h"
#include "libc/string.h"
#include "net/csum.h"
#include "net/ip.h"
#include "net/neigh.h"
#include "net/net.h"
#include "net/netdev-priv.h"
#include "net/sysctl.h"
#include "net/wire.h"
#include "mmu/page.h"
#include "sched/clock.h"

static uint32_t next_id;	/* [a] */

static uint32_t new_id(void)
{
	uint32_t id = atomic_fetch_add(&next_id, 1u, RELAXED);

	if (!id) {
		random_bytes(&id, sizeof(id));
		atomic_store(&next_id, id + 1, RELAXED);
	}
	return id;
}

/* p starts at the IP header. take. */
static void link_output(struct pkt *p, const struct ip_route *rt, const struct ip_addr *dst, nsec_t now)
{
	NET_COUNT(ip_out_requests);
	if (rt->is_local || rt->dev == &loopback) {
		netdev_transmit(rt->dev, p);
		return;
	}
	if (rt->neigh) {
		neigh_output(rt->neigh, p, now);
		return;
	}
	/* Our own members of the group hear it too (RFC 1112 6.1; broadcast likewise). */
	if (rt->is_broadcast || mcast_is_member(rt->dev, dst)) {
		struct pkt *c = p->gso_type ? NULL : pkt_copy(p, PKT_DEV_ROOM + 16);

		if (c) {
			c->flags |= PKT_CSUM_OK | PKT_BROADCAST;
			c->base = c->seg[0].data;
			loopback_receive(rt->dev, c);
		}
	}
	eth_output_multicast(rt->dev, p, dst, rt->is_broadcast);
}

static void push_ip4(struct pkt *p, const struct ip_addr *src, const struct ip_addr *dst, uint8_t proto, const struct ip_opts *o, uint16_t id, uint16_t frag)
{
	struct ip4_hdr *h = pkt_push(p, IP4_HLEN);

	h->ver_ihl = 0x45;
	h->tos = o->tos;
	/* A gso packet of more than 64 KiB with headers does not exist: tcp-output.c limits. */
	h->len = net16((uint16_t)p->len);
	h->id = net16(id);
	h->frag = net16(frag);
	h->ttl = o->hop_limit ? o->hop_limit : (uint8_t)atomic_load(&net_default_ttl, RELAXED);
	h->proto = proto;
	h->csum = 0;
	h->src = src->w[3];
	h->dst = dst->w[3];
	h->csum = (uint16_t)~csum_fold(csum_ip4(h));
}

static void push_ip6(struct pkt *p, const struct ip_addr *src, const struct ip_addr *dst, uint8_t proto, const struct ip_opts *o)
{
	struct ip6_hdr *h = pkt_push(p, IP6_HLEN);

	h->ver_tc_flow = net32(6u << 28 | (uint32_t)o->tos << 20 | (p->hash & 0xfffff));
	h->len = net16((uint16_t)(p->len - IP6_HLEN));
	h->next = proto;
	h->hops = o->hop_limit ? o->hop_limit : IP_DEFAULT_HOPS;
	memcpy(h->src, src->b, 16);
	memcpy(h->dst, dst->b, 16);
}

/* Fragments carry finished checksums. p starts at the transport's header. */
static void finish_transport_csum(struct pkt *p)
{
	uint16_t sum;

	if (!(p->flags & PKT_CSUM_PARTIAL))
		return;
	sum = (uint16_t)~csum_fold(pkt_csum(p, p->csum_start, p->len - p->csum_start, 0));
	if (!sum)
		sum = 0xffff;
	memcpy(p->seg[0].data + p->csum_start + p->csum_offset, &sum, 2);
	p->flags &= (uint16_t)~PKT_CSUM_PARTIAL;
}

static int fragment(struct pkt *p, const struct ip_route *rt, const struct ip_addr *src, const struct ip_addr *dst, uint8_t proto, const struct ip_opts *o,
		    nsec_t now)
{
	bool v4 = ip_is_v4(dst);
	uint32_t id = new_id(), total = p->len;
	unsigned room = (rt->mtu - (v4 ? IP4_HLEN : IP6_HLEN + (unsigned)sizeof(struct ip6_frag_hdr))) & ~7u;

	finish_transport_csum(p);
	for (unsigned off = 0; off < total; off += room) {
		unsigned n = MIN(room, total - off);
		bool more = off + n < total;
		struct pkt *f = pkt_alloc(IP_HEADROOM + sizeof(struct ip6_frag_hdr), n);

		if (!f) {
			NET_COUNT(ip_frag_fails);
			pkt_free(p);
			return -ENOMEM;
		}
		f->hash = p->hash;
		pkt_copy_out(p, off, pkt_put(f, n), n);
		if (v4) {
			push_ip4(f, src, dst, proto, o, (uint16_t)id, (uint16_t)(off / 8 | (more ? IP4_MF : 0)));
		} else {
			struct ip6_frag_hdr *h = pkt_push(f, sizeof(*h));

			*h = (struct ip6_frag_hdr){ .next = proto, .off_more = net16((uint16_t)(off | more)), .id = net32(id) };
			push_ip6(f, src, dst, IPPROTO_FRAGMENT, o);
		}
		NET_COUNT(ip_frag_creates);
		link_output(f, rt, dst, now);
	}
	NET_COUNT(ip_frag_oks);
	pkt_free(p);
	return 0;
}

int ip_output(struct pkt *p, const struct ip_route *rt, const struct ip_addr *src, const struct ip_addr *dst, uint8_t proto, const struct ip_opts *o, nsec_t now)
{
	bool v4 = ip_is_v4(dst);
	unsigned hlen = v4 ? IP4_HLEN : IP6_HLEN;

	if (!p->gso_type && p->len + hlen > rt->mtu) {
		if (o->no_fragment || p->len > 0xffff - hlen) {
			pkt_free(p);
			NET_COUNT(ip_frag_fails);
			return -EMSGSIZE;
		}
		return fragment(p, rt, src, dst, proto, o, now);
	}
	p->csum_start += (uint16_t)hlen;
	p->hdr_len += (uint16_t)hlen;
	if (v4) {
		/* RFC 6864 4.1: an atomic datagram's id means nothing; but some middle boxes and TSO want it to count. */
		push_ip4(p, src, dst, proto, o, p->gso_type || o->may_fragment ? (uint16_t)new_id() : 0, o->may_fragment ? 0 : IP4_DF);
	} else {
		push_ip6(p, src, dst, proto, o);
	}
	link_output(p, rt, dst, now);
	return 0;
}

void ip_push_headers(struct pkt *p, const struct ip_route *rt, const struct ip_addr *src, const struct ip_addr *dst, uint8_t proto, const struct ip_opts *o, bool has_ip)
{
	bool v4 = ip_is_v4(dst), has_mac = rt->dev && rt->dev != &loopback && !rt->is_local;
	uint64_t mac = rt->neigh ? atomic_load(&rt->neigh->mac, RELAXED) : 0;
	struct eth_hdr *eth;

	if (!has_ip && v4)
		push_ip4(p, src, dst, proto, o, 0, o->may_fragment ? 0 : IP4_DF);
	else if (!has_ip)
		push_ip6(p, src, dst, proto, o);
	eth = pkt_push(p, sizeof(*eth));
	memcpy(eth->dst, &mac, 6);
	memset(eth->src, 0, 6);
	if (has_mac)
		memcpy(eth->src, rt->dev->mac, 6);
	eth->type = net16(v4 ? ETH_P_IP4 : ETH_P_IP6);
}

int ip_output_raw(struct pkt *p, const struct ip_route *rt, bool is_v4, nsec_t now)
{
	struct ip4_hdr *h = (struct ip4_hdr *)p->seg[0].data;
	struct ip_addr dst;

	if (p->len > rt->mtu) {
		pkt_free(p);
		return -EMSGSIZE;
	}
	if (!is_v4) {
		memcpy(dst.b, ((const struct ip6_hdr *)h)->dst, 16);
		link_output(p, rt, &dst, now);
		return 0;
	}
	dst = ip_from_v4(h->dst);
	if ((h->ver_ihl & 15) * 4u < IP4_HLEN) {	/* left as it is: Linux */
		link_output(p, rt, &dst, now);
		return 0;
	}
	h->len = net16((uint16_t)p->len);
	if (!h->src)
		h->src = rt->src.w[3];
	if (!h->id)
		h->id = net16((uint16_t)new_id());
	h->csum = 0;
	h->csum = (uint16_t)~csum_fold(csum_bytes(h, (h->ver_ihl & 0xfu) * 4, 0));
	link_output(p, rt, &dst, now);
	return 0;
}

void ip_send(struct pkt *p, const struct ip_addr *src, const struct ip_addr *dst, uint8_t proto, const struct ip_opts *o, struct netdev *dev)
{
	struct ip_route rt;

	if (ip_route_lookup(dst, src, dev, &rt)) {
		NET_COUNT(ip_out_no_routes);
		pkt_free(p);
		return;
	}
	(void)ip_output(p, &rt, src && !ip_is_any(src) ? src : &rt.src, dst, proto, o, clock_monotonic());
	ip_route_put(&rt);
}
