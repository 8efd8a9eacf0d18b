/* SPDX-License-Identifier: MIT
 *
 * Addresses of devices, the routing table, path MTUs. Readers run under RCU; writers under one mutex. Each change raises route_generation, so that routes cached
 * in sockets know that they are stale.
 *
 * Context: thread. A route that was looked up holds a reference on its neighbour: ip_route_put().
 */
#pragma once

#include "libc/atomic.h"
#include "net/addr.h"

struct neigh;
struct netdev;
struct pkt;

#define IFA_F_DEPRECATED	0x20u
#define IFA_F_TENTATIVE		0x40u
#define IFA_F_PERMANENT		0x80u

/* prefix_len counts bits of the 128-bit form: IPv4 /24 is 120. */
struct ifaddr {
	struct ip_addr addr, broadcast;		/* [I] broadcast: any for IPv6 */
	struct netdev *dev;			/* [I] */
	uint8_t prefix_len;			/* [I] */
	uint32_t flags;				/* [a] IFA_F_* */
	nsec_t valid_until, preferred_until;	/* [a] NSEC_NEVER: for ever */
	struct ifaddr *next;			/* [rcu] */
};

struct route {
	struct ip_addr dst, gateway, src;	/* [I] gateway any: on the link; src any: chosen */
	struct netdev *dev;			/* [I] */
	uint32_t metric;			/* [I] */
	uint8_t prefix_len;			/* [I] */
	bool is_v4;				/* [I] */
	nsec_t valid_until;			/* [a] */
	struct route *next;			/* [rcu] */
};

/* What an output needs; kept by sockets. Zeroed is "none". */
struct ip_route {
	struct netdev *dev;
	struct neigh *neigh;		/* ref; NULL: local, broadcast or multicast */
	struct ip_addr src;
	uint32_t generation;
	uint32_t mtu;			/* path MTU */
	bool is_local, is_broadcast, is_multicast;
};

extern uint32_t route_generation;	/* [a] */

/* src any: chosen; else it must be ours. dev NULL: any. 0, -ENETUNREACH, -EADDRNOTAVAIL, -ENOMEM. out is overwritten. */
int __must_check ip_route_lookup(const struct ip_addr *dst, const struct ip_addr *src, struct netdev *dev, struct ip_route *out);
void ip_route_put(struct ip_route *rt);
static inline bool ip_route_is_valid(const struct ip_route *rt)
{
	return rt->dev && rt->generation == atomic_load(&route_generation, RELAXED);
}

/* Is it one of our addresses (dev NULL: of any device)? Broadcast and multicast are not. */
bool ip_is_ours(const struct ip_addr *a, const struct netdev *dev);
bool ip_is_broadcast(const struct ip_addr *a, const struct netdev *dev);
/* Can another host on dev's link have it? Not what is ours, a group's, everybody's, or nobody's (RFC 1122 3.2.1.3, RFC 4291 2.5.2, 2.5.3, 2.7; RFC 4942 2.2). */
bool ip_is_foreign_host(const struct ip_addr *a, const struct netdev *dev);
/* An address of dev for talking to dst. False: none. */
bool ip_choose_source(const struct ip_addr *dst, const struct netdev *dev, struct ip_addr *out);

/* Add (or refresh) and remove. Adding an address also adds the route to its network. 0, -ENOMEM, -EEXIST; -EADDRNOTAVAIL, -ESRCH. */
int ifaddr_add(struct netdev *dev, const struct ip_addr *addr, unsigned prefix_len, uint32_t flags, nsec_t valid_until, nsec_t preferred_until);
int ifaddr_remove(struct netdev *dev, const struct ip_addr *addr);
int route_add(const struct ip_addr *dst, unsigned prefix_len, const struct ip_addr *gateway, struct netdev *dev, uint32_t metric, nsec_t valid_until);
int route_remove(const struct ip_addr *dst, unsigned prefix_len, const struct ip_addr *gateway, struct netdev *dev);
/* Remove what has run out (SLAAC). */
void route_expire(nsec_t now);

/* Call fn for each under RCU; false stops. */
void ifaddr_for_each(bool (*fn)(const struct ifaddr *a, void *arg), void *arg);
void route_for_each(bool (*fn)(const struct route *r, void *arg), void *arg);

/* Path MTU discovery (RFC 1191, RFC 8201): a router said that packets to dst may have mtu bytes. False: not believable, or no news. */
bool pmtu_update(const struct ip_addr *dst, uint32_t mtu);
