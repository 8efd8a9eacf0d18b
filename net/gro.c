/* SPDX-License-Identifier: MIT
 *
 * Generic receive offload: segments of one TCP connection that follow each other in a batch of received packets become one packet before IP sees them.
 *
 *	batch:   A1 B1 A2 A3 C B2  --->  A1-3 B1-2 C		a merged packet stands where its first segment stood
 *
 * Only in netdev_receive(), where a batch is at hand, because a packet's way from Ethernet to its connection's channel (headers, hash, lookup, push, waking) costs more than what TCP
 * does with it there: merging when the application drains the channel would save the smaller part. Nothing is kept beyond the batch, so nothing is delayed.
 *
 * Merged are segments that differ only in what a sender would have put into one larger segment: same addresses, ports, TTL, type of service (so also the same ECN mark), acknowledgement,
 * window; flags ACK and perhaps PSH; no options, or the timestamp alone, not running backwards: the first one stays, as it is the one that TCP would echo and PAWS would compare (RFC 7323
 * 4.3, 5.3); sequence numbers without gap or overlap; both checksums right. Anything else of the same connection ends the packet that grows, so that the order of a
 * connection's segments stays. gso_size says of how long segments a packet was made, for whoever counts them (tcp-recvq.c: acknowledgements).
 */
#include "net/netdev-priv.h"

#include "libc/string.h"
#include "net/csum.h"
#include "net/ip.h"
#include "net/net.h"
#include "net/wire.h"

#define HELD		8u	/* connections in a batch */
#define START_LEN	512u	/* a shorter frame starts none: requests and answers are not searched for */
#define OPT_TS_LEN	12u	/* NOP, NOP, timestamp */

/* A TCP segment in a frame, as far as it is looked at. */
struct view {
	struct pkt *p;
	union {
		struct ip4_hdr *v4;
		struct ip6_hdr *v6;
	};
	struct tcp_hdr *tcp;
	uint32_t ports, seq, data_len, ts;
	uint16_t hlen;			/* of all headers */
	uint8_t is_v6;
	uint8_t may_merge;
};

struct held {
	struct view v;			/* of the first segment */
	uint32_t next_seq, ts;		/* that would follow; timestamp of the last one */
	unsigned nr;			/* segments */
	bool is_checked;		/* the first one's checksums were right */
};

struct batch {
	struct held held[HELD];
	unsigned nr, oldest;
	unsigned recent;		/* of held: the one to look at first; perhaps not there any more */
	unsigned nr_merged;		/* segments that became part of another */
	uint64_t bytes;			/* their headers: what the packets lack of what came */
};

/* ---- looking ----------------------------------------------------------------------------------------------------------- */

static bool view_ip(struct view *v, const uint8_t *frame, unsigned len, unsigned *total)
{
	const struct eth_hdr *e = (const struct eth_hdr *)frame;

	if (e->type == net16(ETH_P_IP4)) {
		v->v4 = (struct ip4_hdr *)(e + 1);
		v->tcp = (struct tcp_hdr *)(v->v4 + 1);
		v->is_v6 = false;
		*total = net16(v->v4->len);
		return v->v4->ver_ihl == 0x45 && v->v4->proto == IPPROTO_TCP && !(v->v4->frag & net16(IP4_MF | IP4_OFFSET));
	}
	if (e->type != net16(ETH_P_IP6) || len < ETH_HLEN + IP6_HLEN + sizeof(struct tcp_hdr))
		return false;
	v->v6 = (struct ip6_hdr *)(e + 1);
	v->tcp = (struct tcp_hdr *)(v->v6 + 1);
	v->is_v6 = true;
	*total = IP6_HLEN + net16(v->v6->len);
	return (v->v6->ver_tc_flow & net32(0xf0000000)) == net32(0x60000000) && v->v6->next == IPPROTO_TCP;
}

/* Is it a TCP segment? It may be merged if its headers have the form for that; its checksums are still to be looked at. */
static bool view_init(struct view *v, struct pkt *p)
{
	unsigned len = p->seg[0].len, total, opt_len;
	const uint8_t *o;

	if (len < ETH_HLEN + IP4_HLEN + sizeof(struct tcp_hdr) || !view_ip(v, p->seg[0].data, len, &total))
		return false;
	v->p = p;
	memcpy(&v->ports, &v->tcp->sport, 4);
	v->seq = net32(v->tcp->seq);
	opt_len = (v->tcp->off >> 4) * 4u - (unsigned)sizeof(struct tcp_hdr);
	v->hlen = (uint16_t)((const uint8_t *)(v->tcp + 1) - p->seg[0].data + opt_len);
	v->may_merge = (v->tcp->flags & ~TCP_PSH) == TCP_ACK && (!opt_len || opt_len == OPT_TS_LEN) && total + ETH_HLEN == p->len && v->hlen < p->len &&
		       v->hlen <= len && !p->gso_type;
	if (!v->may_merge)
		return true;
	v->data_len = p->len - v->hlen;
	v->ts = 0;
	if (opt_len) {
		static const uint8_t usual[4] = { 1, 1, 8, 10 };

		o = (const uint8_t *)(v->tcp + 1);
		v->may_merge = !memcmp(o, usual, 4);
		memcpy(&v->ts, o + 4, 4);
		v->ts = net32(v->ts);
	}
	return true;
}

static bool is_same_flow(const struct view *a, const struct view *b)
{
	if (a->ports != b->ports || a->is_v6 != b->is_v6)
		return false;
	return a->is_v6 ? !memcmp(a->v6->src, b->v6->src, 32) : !memcmp(&a->v4->src, &b->v4->src, 8);
}

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline unsigned load_be16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/*
 * Is p the continuation of h? What has to have one value only (types, versions, flags, kinds of options) has it in h, and is compared with that: in words, whatever the fields in
 * them. Left out are lengths, which must fit p, IP's identification, and checksums.
 *
 *	Ethernet 0      IPv4  14 version, TOS   16 length   18 id   20 fragment, TTL, protocol   24 sum   26 addresses		34 TCP
 *			IPv6  14 version, class, flow   18 length   20 next header, hops   22 addresses			54 TCP
 *	TCP  +0 ports   +4 sequence   +8 acknowledgement   +12 offset, flags, window   +16 sum, urgent   +20 options
 */
static bool is_next(const struct held *h, const struct pkt *p)
{
	const uint8_t *a = h->v.p->seg[0].data, *b = p->seg[0].data, *ta = (const uint8_t *)h->v.tcp, *tb = b + (ta - a);
	unsigned hlen = h->v.hlen;

	_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "PSH in the word at +12");
	if (p->seg[0].len <= hlen || p->nr_segs != 1 || p->gso_type)
		return false;
	if (load32(tb) != load32(ta) || net32(load32(tb + 4)) != h->next_seq || load32(tb + 8) != load32(ta + 8) ||
	    (load32(tb + 12) ^ load32(ta + 12)) & ~((uint32_t)TCP_PSH << 8))
		return false;
	if (load64(a) != load64(b) || load64(a + 8) != load64(b + 8))
		return false;
	if (hlen > (unsigned)(ta - a) + sizeof(struct tcp_hdr) && (load32(ta + 20) != load32(tb + 20) || (int32_t)(net32(load32(tb + 24)) - h->ts) < 0))
		return false;
	if (likely(!h->v.is_v6))
		return load32(a + 20) == load32(b + 20) && load64(a + 26) == load64(b + 26) && load_be16(b + 16) + ETH_HLEN == p->len;
	return load32(a + 14) == load32(b + 14) && !memcmp(a + 20, b + 20, 34) && load_be16(b + 18) + IP6_HLEN + ETH_HLEN == p->len;
}

static bool has_right_tcp_sum(struct pkt *p, const struct view *like)
{
	struct ip_addr src, dst;
	const uint8_t *data = p->seg[0].data;
	unsigned l4 = (unsigned)((const uint8_t *)like->tcp - like->p->seg[0].data), len = p->len - l4;

	if (like->is_v6) {
		memcpy(src.b, data + 22, 16);
		memcpy(dst.b, data + 38, 16);
	} else {
		src = ip_from_v4(load32(data + 26));
		dst = ip_from_v4(load32(data + 30));
	}
	if (csum_fold(pkt_csum(p, l4, len, csum_pseudo(&src, &dst, len, IPPROTO_TCP))) != 0xffff)
		return false;
	p->flags |= PKT_CSUM_OK;	/* TCP need not compute it again */
	return true;
}

/* p's headers have the form of like's. */
static inline bool has_right_sums(struct pkt *p, const struct view *like)
{
	if (!like->is_v6 && csum_fold(csum_ip4(p->seg[0].data + ETH_HLEN)) != 0xffff)
		return false;
	return p->flags & (PKT_CSUM_OK | PKT_CSUM_PARTIAL) || has_right_tcp_sum(p, like);
}

/* ---- merging ----------------------------------------------------------------------------------------------------------- */

/* q is_next(). */
static bool merge(struct batch *g, struct held *h, struct pkt *q)
{
	struct pkt *p = h->v.p;
	unsigned hlen = h->v.hlen, data_len = q->len - hlen, l4 = (unsigned)((const uint8_t *)h->v.tcp - p->seg[0].data);
	const struct tcp_hdr *t = (const struct tcp_hdr *)(q->seg[0].data + l4);	/* it stays when q becomes part of p: the buffer is p's then */

	if (unlikely(!h->is_checked)) {
		if (!has_right_sums(p, &h->v))
			return false;
		h->is_checked = true;
	}
	if (p->len + data_len > 0xffff + ETH_HLEN || !has_right_sums(q, &h->v) || !pkt_absorb(p, q, hlen))
		return false;
	h->v.tcp->flags |= t->flags;
	h->next_seq += data_len;
	if (hlen > l4 + sizeof(*t))
		h->ts = net32(load32((const uint8_t *)(t + 1) + 4));
	h->nr++;
	g->nr_merged++;
	g->bytes += hlen;
	return true;
}

/* The headers of what was merged say so. */
static void finish(struct held *h)
{
	struct pkt *p = h->v.p;
	unsigned total = p->len - ETH_HLEN;

	if (h->nr == 1)
		return;
	p->flags |= PKT_CSUM_OK;
	p->gso_size = (uint16_t)((p->len - h->v.hlen + h->nr - 1) / h->nr);
	p->gso_type = h->v.is_v6 ? PKT_GSO_TCP6 : PKT_GSO_TCP4;
	if (h->v.is_v6) {
		h->v.v6->len = net16((uint16_t)(total - IP6_HLEN));
	} else {
		h->v.v4->len = net16((uint16_t)total);
		h->v.v4->csum = 0;
		h->v.v4->csum = (uint16_t)~csum_fold(csum_ip4(h->v.v4));
	}
}

static void hold(struct batch *g, unsigned at, const struct view *v)
{
	struct held *h = &g->held[at];

	h->v = *v;
	h->next_seq = v->seq + v->data_len;
	h->ts = v->ts;
	h->nr = 1;
	h->is_checked = false;
	g->recent = at;
}

/* A segment arrives. True: it is part of another packet now. */
static bool receive(struct batch *g, const struct view *v)
{
	unsigned i = 0;

	while (i < g->nr && !is_same_flow(&g->held[i].v, v))
		i++;
	if (i < g->nr) {
		struct held *h = &g->held[i];

		if (is_next(h, v->p) && merge(g, h, v->p)) {
			g->recent = i;
			return true;
		}
		finish(h);
		if (v->may_merge && v->p->len >= START_LEN)
			hold(g, i, v);
		else
			*h = g->held[--g->nr];
		return false;
	}
	if (!v->may_merge || v->p->len < START_LEN)
		return false;
	if (g->nr == HELD) {
		i = g->oldest++ % HELD;
		finish(&g->held[i]);
	} else {
		g->nr++;
	}
	hold(g, i, v);
	return false;
}

struct pkt *gro_merge(struct pkt *list, uint64_t *packets, uint64_t *bytes)
{
	struct batch g;
	struct pkt *last = NULL, *next;

	g.nr = g.oldest = g.recent = g.nr_merged = 0;
	g.bytes = 0;
	for (struct pkt *p = list; p; p = next) {
		struct view v;

		next = pkt_next(p);
		if (g.recent < g.nr && is_next(&g.held[g.recent], p) && merge(&g, &g.held[g.recent], p))
			pkt_set_next(last, next);
		else if ((g.nr || p->len >= START_LEN) && view_init(&v, p) && receive(&g, &v))
			pkt_set_next(last, next);
		else
			last = p;
	}
	for (unsigned i = 0; i < g.nr; i++)
		finish(&g.held[i]);
	if (g.nr_merged) {
		*packets += g.nr_merged;
		*bytes += g.bytes;
		NET_COUNT_N(tcp_gro_merged, g.nr_merged);
		NET_COUNT_N(tcp_in_segs, g.nr_merged);
		NET_COUNT_N(ip_in_receives, g.nr_merged);
		NET_COUNT_N(ip_in_delivers, g.nr_merged);
	}
	return list;
}
