// SPDX-License-Identifier: MIT
/*
 * Neighbor Discovery (RFC 4861), stateless address configuration (RFC 4862), name servers from router advertisements (RFC 8106). Input is believed only with hop limit 255, from
 * the link. Duplicate address detection: an address is used at once (optimistic, RFC 4429) and announced; a conflict is reported on the console, and all are told whose it is.
 */
#include "libc/errno.h"
#include "libc/string.h"
#include "net/config.h"
#include "net/csum.h"
#include "net/ip.h"
#include "net/neigh.h"
#include "net/net.h"
#include "net/netdev-priv.h"
#include "net/wire.h"
#include "net/worker.h"
#include "sched/clock.h"
#include "sched/mutex.h"

#define OPT_NONE	0
#define OPT_SOURCE	1
#define OPT_TARGET	2
#define OPT_PREFIX	3
#define OPT_MTU		5
#define OPT_RDNSS	25

#define NA_ROUTER	0x80
#define NA_SOLICITED	0x40
#define NA_OVERRIDE	0x20

#define MAX_SOLICITS	3u	/* MAX_RTR_SOLICITATIONS */
#define SOLICIT_NS	(4 * NSEC_PER_SEC)
#define MAX_DEVICES	8u
#define MAX_ADDRS	16u	/* of one device that advertisements may make */

static const struct ip_addr all_nodes = { .b = { 0xff, 2, [15] = 1 } };
static const struct ip_addr all_routers = { .b = { 0xff, 2, [15] = 2 } };

static struct mutex lock;
static struct {
	struct netdev *dev;
	unsigned nr_sent;
	nsec_t next_at;
	bool is_on;
} solicits[MAX_DEVICES];	/* [lock] */

static struct ip_addr solicited_node(const struct ip_addr *a)
{
	return (struct ip_addr){ .b = { 0xff, 2, [11] = 1, [12] = 0xff, a->b[13], a->b[14], a->b[15] } };
}

void nd_join_solicited(struct netdev *dev, const struct ip_addr *addr)
{
	struct ip_addr g = solicited_node(addr);

	(void)mcast_join(dev, &g);
}

/* ---- sending ------------------------------------------------------------------------------------------------------------------ */

/* take p, which starts at its ICMPv6 header. mac: NULL for the group's. */
static void send(struct netdev *dev, struct pkt *p, const struct ip_addr *src, const struct ip_addr *dst, const uint8_t *mac)
{
	struct icmp_hdr *h = (struct icmp_hdr *)p->seg[0].data;
	struct ip6_hdr *ip;
	unsigned len = p->len;

	h->csum = 0;
	h->csum = (uint16_t)~csum_fold(pkt_csum(p, 0, len, csum_pseudo(src, dst, len, IPPROTO_ICMPV6)));
	ip = pkt_push(p, sizeof(*ip));
	*ip = (struct ip6_hdr){ .ver_tc_flow = net32(6u << 28), .len = net16((uint16_t)len), .next = IPPROTO_ICMPV6, .hops = 255 };
	memcpy(ip->src, src->b, 16);
	memcpy(ip->dst, dst->b, 16);
	if (mac)
		eth_output(dev, p, mac, ETH_P_IP6);
	else
		eth_output_multicast(dev, p, dst, false);
}

/* The same to a neighbour whose address may have to be found first. */
static void send_routed(struct netdev *dev, struct pkt *p, const struct ip_addr *src, const struct ip_addr *dst)
{
	struct icmp_hdr *h = (struct icmp_hdr *)p->seg[0].data;

	h->csum = 0;
	h->csum = (uint16_t)~csum_fold(pkt_csum(p, 0, p->len, csum_pseudo(src, dst, p->len, IPPROTO_ICMPV6)));
	ip_send(p, src, dst, IPPROTO_ICMPV6, &(struct ip_opts){ .hop_limit = 255 }, dev);
}

static struct pkt *make(uint8_t type, uint32_t word, const struct ip_addr *target, uint8_t opt, const uint8_t *mac)
{
	struct pkt *p = pkt_alloc(IP_HEADROOM, 8 + 16 + 8);
	struct icmp_hdr *h;
	uint8_t *o;

	if (!p)
		return NULL;
	h = pkt_put(p, sizeof(*h));
	*h = (struct icmp_hdr){ .type = type };
	h->word = net32(word);
	if (target)
		memcpy(pkt_put(p, 16), target->b, 16);
	if (opt) {
		o = pkt_put(p, 8);
		o[0] = opt;
		o[1] = 1;
		memcpy(o + 2, mac, 6);
	}
	return p;
}

void nd_solicit(struct netdev *dev, const struct ip_addr *target, const uint8_t *unicast_mac)
{
	struct ip_addr dst = unicast_mac ? *target : solicited_node(target), src;
	struct pkt *p;

	if (!ip_choose_source(target, dev, &src))
		return;
	p = make(ND_NEIGHBOR_SOLICIT, 0, target, OPT_SOURCE, dev->mac);
	if (p)
		send(dev, p, &src, &dst, unicast_mac);
}

void nd_announce(struct netdev *dev, const struct ip_addr *addr)
{
	struct pkt *p = make(ND_NEIGHBOR_ADVERT, (uint32_t)NA_OVERRIDE << 24, addr, OPT_TARGET, dev->mac);

	if (p)
		send(dev, p, addr, &all_nodes, NULL);
}

static void solicit_router(struct netdev *dev)
{
	struct ip_addr src;
	struct pkt *p;
	bool has_src = ip_choose_source(&all_routers, dev, &src);

	if (!has_src)
		src = (struct ip_addr){ .d = { 0, 0 } };
	p = make(ND_ROUTER_SOLICIT, 0, NULL, has_src ? OPT_SOURCE : 0, dev->mac);
	if (p)
		send(dev, p, &src, &all_routers, NULL);
}

/* ---- router solicitation -------------------------------------------------------------------------------------------------------- */

void slaac_start(struct netdev *dev)
{
	mutex_lock(&lock);
	for (unsigned i = 0; i < MAX_DEVICES; i++) {
		if (solicits[i].dev && solicits[i].dev != dev)
			continue;
		solicits[i].dev = dev;
		solicits[i].is_on = true;
		solicits[i].nr_sent = 0;
		solicits[i].next_at = clock_monotonic();
		worker_request_slow_tick(solicits[i].next_at);
		break;
	}
	mutex_unlock(&lock);
}

void slaac_tick(nsec_t now)
{
	for (unsigned i = 0; i < MAX_DEVICES; i++) {
		struct netdev *dev = NULL;

		mutex_lock(&lock);
		if (solicits[i].is_on && solicits[i].nr_sent < MAX_SOLICITS) {
			if (solicits[i].next_at <= now) {
				dev = solicits[i].dev;
				solicits[i].nr_sent++;
				solicits[i].next_at = now + SOLICIT_NS;
			}
			if (solicits[i].nr_sent < MAX_SOLICITS)
				worker_request_slow_tick(solicits[i].next_at);
		}
		mutex_unlock(&lock);
		if (dev)
			solicit_router(dev);
	}
}

static bool takes_advertisements(const struct netdev *dev)
{
	bool r = false;

	mutex_lock(&lock);
	for (unsigned i = 0; i < MAX_DEVICES; i++) {
		if (solicits[i].dev == dev && solicits[i].is_on) {
			r = true;
			solicits[i].nr_sent = MAX_SOLICITS;	/* answered */
		}
	}
	mutex_unlock(&lock);
	return r;
}

/* ---- input -------------------------------------------------------------------------------------------------------------------- */

/* The option of this type in o[0..len), at least min bytes; NULL: none. False in *ok: malformed (RFC 4861 4.6: length 0). */
static const uint8_t *find_option(const uint8_t *o, unsigned len, uint8_t type, unsigned min, bool *ok)
{
	for (unsigned i = 0; i < len;) {
		unsigned n = i + 1 < len ? o[i + 1] * 8u : 0;

		if (!n || i + n > len) {
			*ok = false;
			return NULL;
		}
		if (o[i] == type && n >= min)
			return o + i;
		i += n;
	}
	return NULL;
}

static void input_solicit(struct pkt *p)
{
	const uint8_t *b = p->seg[0].data, *lla;
	struct ip_addr target, group;
	uint32_t flags = (uint32_t)(NA_SOLICITED | NA_OVERRIDE) << 24;
	uint8_t mac[6];
	struct pkt *r;
	bool ok = true, is_probe = ip_is_any(&p->src);

	if (p->len < 24)
		return;
	memcpy(target.b, b + 8, 16);
	group = solicited_node(&target);
	if (ip_is_multicast(&target) || !ip_is_ours(&target, p->dev))
		return;
	lla = find_option(b + 24, p->len - 24, OPT_SOURCE, 8, &ok);
	if (!ok)
		return;
	if (is_probe) {	/* somebody tries our address (RFC 4862 5.4.3): defend it */
		if (lla || !ip_equal(&p->dst, &group))	/* 7.1.1 */
			return;
		r = make(ND_NEIGHBOR_ADVERT, (uint32_t)NA_OVERRIDE << 24, &target, OPT_TARGET, p->dev->mac);
		if (r)
			send(p->dev, r, &target, &all_nodes, NULL);
		return;
	}
	if (!lla) {	/* a unicast solicitation may leave it out (RFC 4861 7.2.4) */
		r = ip_is_multicast(&p->dst) ? NULL : make(ND_NEIGHBOR_ADVERT, flags, &target, OPT_TARGET, p->dev->mac);
		if (r)
			send_routed(p->dev, r, &target, &p->src);
		return;
	}
	memcpy(mac, lla + 2, 6);
	neigh_update(p->dev, &p->src, mac, NEIGH_CREATE | NEIGH_OVERRIDE);
	r = make(ND_NEIGHBOR_ADVERT, flags, &target, OPT_TARGET, p->dev->mac);
	if (r)
		send(p->dev, r, &target, &p->src, mac);
}

static nsec_t next_defence;		/* [a] */

static void input_advert(struct pkt *p)
{
	const uint8_t *b = p->seg[0].data, *lla;
	struct ip_addr target;
	bool ok = true;

	if (p->len < 24)
		return;
	memcpy(target.b, b + 8, 16);
	lla = find_option(b + 24, p->len - 24, OPT_TARGET, 8, &ok);
	if (!ok || !lla || ip_is_multicast(&target))
		return;
	if (ip_is_ours(&target, p->dev)) {
		if (memcmp(lla + 2, p->dev->mac, 6) && neigh_may_defend(p->dev, &target, &next_defence))
			nd_announce(p->dev, &target);
		return;
	}
	neigh_update(p->dev, &target, lla + 2,
		     (b[4] & NA_SOLICITED ? NEIGH_SOLICITED : 0) | (b[4] & NA_OVERRIDE ? NEIGH_OVERRIDE : 0) | (b[4] & NA_ROUTER ? NEIGH_ROUTER : 0));
}

static nsec_t lifetime(uint32_t s, nsec_t now)
{
	return s == 0xffffffff ? NSEC_NEVER : now + s * NSEC_PER_SEC;
}

static uint32_t get32(const uint8_t *b)
{
	uint32_t v;

	memcpy(&v, b, 4);
	return net32(v);
}

struct addr_count {
	struct netdev *dev;
	const struct ip_addr *addr;	/* of which `until` is the end of its life; 0: there is none */
	unsigned nr;
	nsec_t until;
};

static bool count_addrs(const struct ifaddr *a, void *arg)
{
	struct addr_count *count = arg;

	count->nr += a->dev == count->dev && !ip_is_v4(&a->addr);
	if (a->dev == count->dev && ip_equal(&a->addr, count->addr))
		count->until = atomic_load(&a->valid_until, RELAXED);
	return true;
}

/* RFC 4862 5.5.3, RFC 4861 6.3.4. */
static void input_prefix(struct netdev *dev, const uint8_t *o, nsec_t now)
{
	unsigned len = o[2];
	uint32_t valid = get32(o + 4), preferred = get32(o + 8);
	nsec_t until = lifetime(valid, now), two_hours = now + 7200 * NSEC_PER_SEC;
	struct ip_addr a;
	struct addr_count count = { .dev = dev, .addr = &a };

	memcpy(a.b, o + 16, 16);
	if (len > 128 || ip_is_link_local(&a) || ip_is_multicast(&a) || preferred > valid)
		return;
	if (!(o[3] & 0x40) || len != 64)	/* A flag; interface identifiers are 64 bits long */
		return;
	memcpy(a.b + 8, (uint8_t[8]){ dev->mac[0] ^ 2, dev->mac[1], dev->mac[2], 0xff, 0xfe, dev->mac[3], dev->mac[4], dev->mac[5] }, 8);
	ifaddr_for_each(count_addrs, &count);
	if (!count.until && (!valid || count.nr >= MAX_ADDRS))
		return;
	/* (e): a forged advertisement must not end an address at once. */
	if (count.until && valid <= 7200 && until <= count.until)
		until = MIN(count.until, two_hours);
	if (!ifaddr_add(dev, &a, 64, 0, until, lifetime(preferred, now)))
		nd_join_solicited(dev, &a);
	worker_request_slow_tick(now + 60 * NSEC_PER_SEC);
}

static void input_rdnss(const uint8_t *o)
{
	struct ip_addr servers[3];
	unsigned nr = 0;

	if (!get32(o + 4))
		return;
	for (unsigned i = 8; i + 16 <= o[1] * 8u && nr < ARRAY_SIZE(servers); i += 16) {
		memcpy(servers[nr].b, o + i, 16);
		if (!ip_is_any(&servers[nr]) && !ip_is_multicast(&servers[nr]))
			nr++;
	}
	if (nr)
		resolv_set(2, servers, nr, NULL);
}

static void input_router(struct pkt *p)
{
	const uint8_t *b = p->seg[0].data, *lla;
	struct ip_addr any = { .d = { 0, 0 } };
	unsigned router_s;
	bool ok = true;

	if (p->len < 16 || !ip_is_link_local(&p->src) || !takes_advertisements(p->dev))
		return;
	router_s = (unsigned)(b[6] << 8 | b[7]);
	lla = find_option(b + 16, p->len - 16, OPT_SOURCE, 8, &ok);
	(void)find_option(b + 16, p->len - 16, OPT_NONE, UINT32_MAX, &ok);
	if (!ok)	/* all of it or nothing (RFC 4861 6.1.2) */
		return;
	if (lla)
		neigh_update(p->dev, &p->src, lla + 2, NEIGH_CREATE | NEIGH_OVERRIDE | NEIGH_ROUTER);
	if (router_s)
		(void)route_add(&any, 0, &p->src, p->dev, 1024, p->time + router_s * NSEC_PER_SEC);
	else
		(void)route_remove(&any, 0, &p->src, p->dev);
	for (unsigned i = 16; i + 2 <= p->len;) {
		unsigned n = b[i + 1] * 8u;

		if (!n || i + n > p->len)
			return;
		if (b[i] == OPT_PREFIX && n >= 32)
			input_prefix(p->dev, b + i, p->time);
		else if (b[i] == OPT_MTU && n >= 8 && get32(b + i + 4) >= 1280 && get32(b + i + 4) < atomic_load(&p->dev->mtu, RELAXED))
			atomic_store(&p->dev->mtu, get32(b + i + 4), RELAXED);
		else if (b[i] == OPT_RDNSS && n >= 24)
			input_rdnss(b + i);
		i += n;
	}
}

void nd_input(struct pkt *p)
{
	const struct icmp_hdr *h = (const struct icmp_hdr *)p->seg[0].data;

	if (p->udp.hop_limit != 255 || h->code || p->dev == &loopback || !pkt_pull_up(p, p->len))
		goto out;
	switch (h->type) {
	case ND_NEIGHBOR_SOLICIT:
		input_solicit(p);
		break;
	case ND_NEIGHBOR_ADVERT:
		input_advert(p);
		break;
	case ND_ROUTER_ADVERT:
		input_router(p);
		break;
	}
out:
	pkt_free(p);
}
