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

#define IFA_F_SECONDARY		0x01u	/* IPv4: not the first of its network */
#define IFA_F_DEPRECATED	0x20u
#define IFA_F_TENTATIVE		0x40u
#define IFA_F_PERMANENT		0x80u
#define IFA_F_NOPREFIXROUTE	0x200u	/* no route to its network comes with it */

/* prefix_len counts bits of the 128-bit form: IPv4 /24 is 120. */
struct ifaddr {
	struct ip_addr addr, broadcast;		/* [I] broadcast: any for IPv6 */
	struct netdev *dev;			/* [I] */
	uint8_t prefix_len;			/* [I] */
	uint8_t scope;				/* [I] of rtnetlink(7) */
	bool has_broadcast;			/* [I] it was given: told to who asks */
	uint32_t metric;			/* [I] of the route to its network; 0: the default */
	uint32_t flags;				/* [a] IFA_F_* */
	nsec_t valid_until, preferred_until;	/* [a] NSEC_NEVER: for ever */
	struct ifaddr *next;			/* [rcu] */
};

struct route {
	struct ip_addr dst, gateway, src;	/* [I] gateway any: on the link; src any (of either family): chosen */
	struct netdev *dev;			/* [I] */
	uint32_t metric;			/* [I] */
	uint8_t prefix_len;			/* [I] */
	bool is_v4;				/* [I] */
	uint8_t protocol;			/* [I] who made it: RTPROT_* */
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

/* Scopes and makers of rtnetlink(7). */
#define RT_SCOPE_LINK		253u
#define RT_SCOPE_HOST		254u
#define RTPROT_KERNEL		2u
#define RTPROT_BOOT		3u
#define RTPROT_RA		9u

/*
 * What changes is told to netlink (netlink.c) if anybody there listens: net_watch is NULL as long as nobody ever has. what: struct ifaddr, route, neigh or netdev, for the call.
 * Context: thread, no lock of net/ but a socket's or the configuration's.
 */
enum net_event { NET_ADDR_NEW, NET_ADDR_GONE, NET_ROUTE_NEW, NET_ROUTE_GONE, NET_NEIGH_NEW, NET_NEIGH_GONE, NET_LINK };
extern void (*net_watch)(enum net_event e, const void *what);	/* [a] */
static inline void net_tell(enum net_event e, const void *what)
{
	void (*fn)(enum net_event e, const void *what) = atomic_load(&net_watch, RELAXED);

	if (fn)
		fn(e, what);
}

/* Add (or refresh) and remove. Adding an address also adds the route to its network. 0, -ENOMEM, -EEXIST; -EADDRNOTAVAIL, -ESRCH. */
int ifaddr_add(struct netdev *dev, const struct ip_addr *addr, unsigned prefix_len, uint32_t flags, nsec_t valid_until, nsec_t preferred_until);
/* The same with all that a says; broadcast and next are found here. */
int ifaddr_insert(const struct ifaddr *a);
/* Of IPv4 also the secondary addresses of its network, as on Linux, and routes that name it. */
int ifaddr_remove(struct netdev *dev, const struct ip_addr *addr);
int route_add(const struct ip_addr *dst, unsigned prefix_len, const struct ip_addr *gateway, struct netdev *dev, uint32_t metric, nsec_t valid_until);
int route_remove(const struct ip_addr *dst, unsigned prefix_len, const struct ip_addr *gateway, struct netdev *dev);
/*
 * The same as the program wants it: a route of this destination and metric that is there makes it fail (ROUTE_EXCL, -EEXIST) or goes (ROUTE_REPLACE); without ROUTE_CREATE there must be
 * one (-ENOENT). What is the same in all is there already (-EEXIST).
 */
#define ROUTE_CREATE	1u
#define ROUTE_EXCL	2u
#define ROUTE_REPLACE	4u
#define ROUTE_APPEND	8u	/* behind what is there, else before it */
int route_change(const struct route *want, unsigned mode);
/* The first that is as `like` says, as far as `by` says; dst and prefix_len always count. -ESRCH. */
#define ROUTE_BY_GATEWAY	1u
#define ROUTE_BY_DEV		2u
#define ROUTE_BY_METRIC		4u
#define ROUTE_BY_PROTOCOL	8u
int route_delete(const struct route *like, unsigned by);
/* dev goes down: its routes go. It comes up: those to the networks of its addresses come back. */
void route_device_changed(struct netdev *dev, bool is_up);
/* Is a directly on dev's link (dev NULL: on which, in *dev)? */
bool route_is_on_link(const struct ip_addr *a, struct netdev **dev);
struct ip_addr ip_network_of(const struct ip_addr *a, unsigned prefix_len);
/* Remove what has run out (SLAAC). */
void route_expire(nsec_t now);

/* Call fn for each under RCU; false stops. */
void ifaddr_for_each(bool (*fn)(const struct ifaddr *a, void *arg), void *arg);
void route_for_each(bool (*fn)(const struct route *r, void *arg), void *arg);

/* Path MTU discovery (RFC 1191, RFC 8201): a router said that packets to dst may have mtu bytes. False: not believable, or no news. */
bool pmtu_update(const struct ip_addr *dst, uint32_t mtu);
