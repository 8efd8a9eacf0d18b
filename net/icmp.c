// SPDX-License-Identifier: MIT
/* ICMP (RFC 792, RFC 1122 3.2.2) and ICMPv6 (RFC 4443): echo, errors in both directions. Neighbor Discovery is in nd.c. */
#include "libc/errno.h"
#include "libc/string.h"
#include "net/csum.h"
#include "net/ip.h"
#include "net/net.h"
#include "net/netdev-priv.h"
#include "net/sysctl.h"
#include "net/wire.h"
#include "sched/clock.h"

#define QUOTE_MIN	128u	/* as much of a quoted packet as is looked at, */
#define QUOTE_MAX	1240u	/* and as is given to who asks: RFC 4443 2.4 (c) */
#define ERRORS_PER_SEC	100u	/* RFC 4443 2.4 (f): limited */

/* Sum in place; p starts at the ICMP header. */
static void finish(struct pkt *p, const struct ip_addr *src, const struct ip_addr *dst)
{
	struct icmp_hdr *h = (struct icmp_hdr *)p->seg[0].data;
	uint32_t sum = ip_is_v4(dst) ? 0 : csum_pseudo(src, dst, p->len, IPPROTO_ICMPV6);

	h->csum = 0;
	h->csum = (uint16_t)~csum_fold(pkt_csum(p, 0, p->len, sum));
	NET_COUNT(icmp_out_msgs);
}

static bool is_intact(const struct pkt *p)
{
	uint32_t sum = p->flags & PKT_IS_IP6 ? csum_pseudo(&p->src, &p->dst, p->len, IPPROTO_ICMPV6) : 0;

	return csum_fold(pkt_csum(p, 0, p->len, sum)) == 0xffff;
}

static void reply_echo(struct pkt *p, uint8_t type)
{
	struct ip_opts opts = { .tos = 0 };
	struct pkt *r = pkt_copy(p, IP_HEADROOM);
	struct ip_addr src = p->dst;

	if (!r)
		return;
	r->flags = 0;
	((struct icmp_hdr *)r->seg[0].data)->type = type;
	if (p->flags & PKT_BROADCAST && !ip_choose_source(&p->src, p->dev, &src)) {
		pkt_free(r);
		return;
	}
	finish(r, &src, &p->src);
	NET_COUNT(icmp_out_echo_reps);
	ip_send(r, &src, &p->src, p->flags & PKT_IS_IP6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, &opts, p->dev == &loopback ? NULL : p->dev);
}

static void dispatch_error(const struct ip_error *e)
{
	switch (e->proto) {
	case IPPROTO_TCP:
		tcp_error(e);
		break;
	case IPPROTO_UDP:
		udp_error(e);
		break;
	}
	raw_error(e);
}

/* The IP header and first bytes of a packet of ours at h: fill in addresses, protocol, transport. False: not to be believed. */
static bool parse_quoted(struct ip_error *e, const uint8_t *h, unsigned len, bool v6)
{
	unsigned hlen;

	e->is_v6 = v6;
	if (v6) {
		const struct ip6_hdr *ip = (const struct ip6_hdr *)h;

		if (len < IP6_HLEN + 8)
			return false;
		hlen = IP6_HLEN;
		memcpy(e->src.b, ip->src, 16);
		memcpy(e->dst.b, ip->dst, 16);
		e->proto = ip->next;
		if (e->proto == IPPROTO_FRAGMENT && len >= IP6_HLEN + 16) {
			e->proto = h[IP6_HLEN];
			hlen += 8;
		}
	} else {
		const struct ip4_hdr *ip = (const struct ip4_hdr *)h;

		if (len < IP4_HLEN || ip->ver_ihl >> 4 != 4)
			return false;
		hlen = (ip->ver_ihl & 0xfu) * 4;
		if (hlen < IP4_HLEN || len < hlen + 8 || ip->frag & net16(IP4_OFFSET))
			return false;
		e->src = ip_from_v4(ip->src);
		e->dst = ip_from_v4(ip->dst);
		e->proto = ip->proto;
	}
	e->transport = h + hlen;
	e->header_len = hlen;
	e->transport_len = len - hlen;
	return true;
}

/* RFC 1122 4.2.3.9 and Linux: which errors are hard. */
static void classify4(struct ip_error *e, uint16_t mtu)
{
	static const int codes[16] = { ENETUNREACH, EHOSTUNREACH, ENOPROTOOPT, ECONNREFUSED, EMSGSIZE, EOPNOTSUPP, ENETUNREACH, EHOSTDOWN, ENONET, ENETUNREACH,
				       EHOSTUNREACH, ENETUNREACH, EHOSTUNREACH, EHOSTUNREACH, EHOSTUNREACH, EHOSTUNREACH };

	if (e->type == ICMP_UNREACH) {
		e->error = codes[e->code & 15];
		e->is_hard = 0xe7ccu >> (e->code & 15) & 1;	/* not nets, hosts, fragmentation, source routes, types of service */
		if (e->code == 4)
			e->mtu = mtu ? mtu : 576;
	} else {
		e->error = e->type == ICMP_PARAM_PROBLEM ? EPROTO : EHOSTUNREACH;
		e->is_hard = e->type == ICMP_PARAM_PROBLEM;
	}
}

static void classify6(struct ip_error *e, uint32_t word)
{
	static const int codes[7] = { ENETUNREACH, EACCES, EHOSTUNREACH, EHOSTUNREACH, ECONNREFUSED, EACCES, EACCES };

	if (e->type == ICMP6_TOO_BIG) {
		e->mtu = word;
		e->error = EMSGSIZE;
	} else if (e->type == ICMP6_UNREACH) {
		e->error = e->code < 7 ? codes[e->code] : EHOSTUNREACH;
		e->is_hard = e->code == 1 || e->code >= 4;	/* prohibited, port, policy, reject */
	} else {
		e->error = e->type == ICMP6_PARAM_PROBLEM ? EPROTO : EHOSTUNREACH;
		e->is_hard = e->type == ICMP6_PARAM_PROBLEM && e->code == 1;
	}
}

static void input_error(struct pkt *p, bool v6)
{
	struct icmp_hdr h;
	struct ip_error e = { .reporter = p->src };
	unsigned len = MIN(p->len, 8u + QUOTE_MIN);

	if (!pkt_pull_up(p, len))
		return;
	len = MIN((unsigned)p->seg[0].len, 8u + QUOTE_MAX);	/* more of the quote, if it lies there */
	memcpy(&h, p->seg[0].data, sizeof(h));
	e.type = h.type;
	e.code = h.code;
	if (!parse_quoted(&e, p->seg[0].data + 8, len - 8, v6) || !ip_is_ours(&e.src, NULL))
		return;
	if (v6)
		classify6(&e, net32(h.word));
	else
		classify4(&e, net16(h.mtu));
	NET_COUNT(icmp_in_unreach);
	dispatch_error(&e);
}

void ip_report_unreachable(const struct pkt *p, int error)
{
	struct ip_error e = { .error = error };
	unsigned len = p->seg[0].len;

	if (len && parse_quoted(&e, p->seg[0].data, len, p->seg[0].data[0] >> 4 == 6))
		dispatch_error(&e);
}

void icmp_input(struct pkt *p)
{
	const struct icmp_hdr *h = (const struct icmp_hdr *)p->seg[0].data;

	NET_COUNT(icmp_in_msgs);
	if (!pkt_pull_up(p, sizeof(*h)) || !is_intact(p)) {
		NET_COUNT(icmp_in_errors);
	} else if (h->type == ICMP_ECHO) {
		NET_COUNT(icmp_in_echos);
		if (!(p->flags & PKT_BROADCAST) && !atomic_load(&net_ignore_echo, RELAXED))	/* RFC 1122 3.2.2.6 allows silence */
			reply_echo(p, ICMP_ECHO_REPLY);
	} else if (h->type == ICMP_UNREACH || h->type == ICMP_TIME_EXCEEDED || h->type == ICMP_PARAM_PROBLEM) {
		input_error(p, false);
	}
	pkt_free(p);
}

void icmp6_input(struct pkt *p)
{
	const struct icmp_hdr *h = (const struct icmp_hdr *)p->seg[0].data;

	NET_COUNT(icmp_in_msgs);
	if (!pkt_pull_up(p, sizeof(*h)) || !is_intact(p)) {
		NET_COUNT(icmp_in_errors);
	} else if (h->type == ICMP6_ECHO) {
		NET_COUNT(icmp_in_echos);
		if (!atomic_load(&net_ignore_echo6, RELAXED))
			reply_echo(p, ICMP6_ECHO_REPLY);
	} else if (h->type >= ICMP6_UNREACH && h->type <= ICMP6_PARAM_PROBLEM) {
		input_error(p, true);
	} else if (h->type >= 130 && h->type <= 132) {
		if (h->type == 130 && p->udp.hop_limit == 1)
			mcast_input_query(p->dev, true);
	} else if (h->type >= ND_ROUTER_SOLICIT && h->type <= ND_NEIGHBOR_ADVERT) {
		nd_input(p);
		return;
	}
	pkt_free(p);
}

/* One word holds the second and the count within it. */
static bool may_send_error(nsec_t now)
{
	static uint64_t window;		/* [a] second << 16 | count */
	uint64_t sec = now / NSEC_PER_SEC, w = atomic_load(&window, RELAXED);

	if (w >> 16 != sec) {
		atomic_store(&window, sec << 16 | 1, RELAXED);
		return true;
	}
	return (atomic_fetch_add(&window, 1ull, RELAXED) & 0xffff) < ERRORS_PER_SEC;
}

void icmp_send_error(const struct pkt *p, enum ip_unreach what, uint32_t pointer)
{
	static const uint8_t v4[][2] = { { ICMP_UNREACH, 3 }, { ICMP_UNREACH, 2 }, { ICMP_TIME_EXCEEDED, 1 }, { ICMP_PARAM_PROBLEM, 0 }, { ICMP_PARAM_PROBLEM, 0 } };
	static const uint8_t v6[][2] = { { ICMP6_UNREACH, 4 }, { ICMP6_PARAM_PROBLEM, 1 }, { ICMP6_TIME_EXCEEDED, 1 }, { ICMP6_PARAM_PROBLEM, 0 }, { ICMP6_PARAM_PROBLEM, 2 } };
	bool is_v6 = p->flags & PKT_IS_IP6;
	/* RFC 792: header and 8 bytes; RFC 1812 4.3.2.3 allows 576 in all; RFC 4443 3: as much as fits 1280. */
	unsigned hlen = p->l4 - p->l3, room = (is_v6 ? 1280 - 48 : 576 - 28) - hlen, data = MIN(p->len, room);
	struct ip_opts opts = { .tos = is_v6 ? 0 : 0xc0 };
	struct icmp_hdr *h;
	struct pkt *r;

	/* Never about broadcasts, errors, or from nowhere (RFC 1122 3.2.2, RFC 4443 2.4 (e)). */
	if (p->flags & PKT_BROADCAST || ip_is_any(&p->src) || p->proto == IPPROTO_ICMP || (p->proto == IPPROTO_ICMPV6 && what < UNREACH_PARAM) ||
	    !may_send_error(p->time))
		return;
	r = pkt_alloc(IP_HEADROOM, (unsigned)sizeof(*h) + hlen + data);
	if (!r)
		return;
	h = pkt_put(r, sizeof(*h));
	*h = (struct icmp_hdr){ .type = is_v6 ? v6[what][0] : v4[what][0], .code = is_v6 ? v6[what][1] : v4[what][1] };
	h->word = is_v6 && what == UNREACH_PROTOCOL ? net32(6) : what >= UNREACH_PARAM ? net32(is_v6 ? pointer : pointer << 24) : 0;
	memcpy(pkt_put(r, hlen), p->base + p->l3, hlen);
	pkt_copy_out(p, 0, pkt_put(r, data), data);
	finish(r, &p->dst, &p->src);
	ip_send(r, &p->dst, &p->src, is_v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, &opts, NULL);
}
