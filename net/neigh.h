/* SPDX-License-Identifier: MIT
 *
 * Neighbours: link-layer addresses of hosts on the link, by ARP (RFC 826) and Neighbor Discovery (RFC 4861 7.3).
 *
 *	INCOMPLETE -> REACHABLE -> STALE -> DELAY -> PROBE -> gone
 *
 * One message must not take over a neighbour that answers. ARP proves nothing, so while the known address is confirmed, another one is only noted: the known one is asked, and
 * keeps the entry if it replies within CLAIM_PROBES questions. ND has a flag for it (RFC 4861 7.2.5), which is obeyed; what then is confirmed must be so after the change.
 *
 * Sending looks only at neigh.mac, one atomic word. Everything else happens under one mutex, in the thread that sends, receives, or in a timer.
 */
#pragma once

#include "libc/atomic.h"
#include "net/addr.h"
#include "sched/rcu.h"

struct netdev;
struct pkt;

enum neigh_state { NEIGH_INCOMPLETE, NEIGH_REACHABLE, NEIGH_STALE, NEIGH_DELAY, NEIGH_PROBE, NEIGH_FAILED };

/* Created by neigh_get(); freed through RCU when nobody refers to it. The table holds one reference. */
struct neigh {
	struct ip_addr addr;		/* [I] */
	struct netdev *dev;		/* [I] */
	uint64_t mac;			/* [a] bytes 0..5, byte 7 is 1 if known; 0: unknown */
	uint32_t refs;			/* [a] */
	nsec_t fresh_until;		/* [a] output beyond it must look at the state */
	nsec_t confirmed;		/* [a] written by transports: forward progress */
	enum neigh_state state;		/* [neigh_lock] */
	unsigned nr_probes;		/* [neigh_lock] */
	nsec_t probe_at;		/* [neigh_lock] */
	nsec_t changed_at;		/* [neigh_lock] when another mac replaced one that was known; 0: never */
	uint64_t claim;			/* [neigh_lock] another mac that ARP says it has, while the known one is asked; 0: none */
	bool is_router;			/* [neigh_lock] */
	bool is_permanent;		/* [neigh_lock] set by the program: never asked about, never forgotten */
	bool is_dead;			/* [neigh_lock] out of the table */
	struct pkt *pending, **pending_tail;	/* [neigh_lock] */
	unsigned nr_pending;		/* [neigh_lock] */
	struct neigh *next;		/* [neigh_lock] hash chain */
	struct rcu_head rcu;
};

/* Find or make. give: neigh_put(). NULL: no memory. */
struct neigh *neigh_get(struct netdev *dev, const struct ip_addr *addr);
void neigh_put(struct neigh *n);
/* Send an IP packet (no link header) to it; resolves first if need be. take. */
void neigh_output(struct neigh *n, struct pkt *p, nsec_t now);

/* What ARP and ND say. mac: 6 bytes. */
#define NEIGH_SOLICITED	1u	/* answer to our question */
#define NEIGH_OVERRIDE	2u	/* replaces what is known */
#define NEIGH_CREATE	4u	/* make an entry if there is none */
#define NEIGH_ROUTER	8u
#define NEIGH_CLAIM	16u	/* another address than a confirmed one is asked about first */
void neigh_update(struct netdev *dev, const struct ip_addr *addr, const uint8_t *mac, unsigned flags);
/* As ip-neighbour(8) has it. state: NUD_*; mac NULL: as it was. mode: ROUTE_* of net/route.h. 0, -EEXIST, -ENOENT, -EINVAL: no mac for a state that needs one. */
#define NUD_REACHABLE	0x02u
#define NUD_STALE	0x04u
#define NUD_NOARP	0x40u
#define NUD_PERMANENT	0x80u
int neigh_set(struct netdev *dev, const struct ip_addr *addr, const uint8_t *mac, unsigned state, unsigned mode);
int neigh_delete(struct netdev *dev, const struct ip_addr *addr);	/* -ENOENT */
/* Only a route stands for it: nobody has asked for it yet, and for the program it is not there. neigh_lock held. */
static inline bool neigh_is_unasked(const struct neigh *n)
{
	return n->state == NEIGH_INCOMPLETE && !n->probe_at && !n->is_permanent;
}
/* For /proc/net/arp and netlink: under the lock. */
void neigh_for_each(void (*fn)(const struct neigh *n, void *arg), void *arg);

/* arp.c, nd.c: ask for n; is_unicast: to the address known so far. */
void arp_solicit(struct netdev *dev, const struct ip_addr *target, const uint8_t *unicast_mac);
void nd_solicit(struct netdev *dev, const struct ip_addr *target, const uint8_t *unicast_mac);
/* arp.c: is anybody using target? Asked without a sender address (RFC 5227 2.1); who does answers to dhcp_address_in_use(). */
void arp_probe(struct netdev *dev, const struct ip_addr *target);
/* arp.c: announce our address (gratuitous ARP, RFC 5227 2.3). nd.c: unsolicited advertisement. */
void arp_announce(struct netdev *dev, const struct ip_addr *addr);
void nd_announce(struct netdev *dev, const struct ip_addr *addr);

/* eth.c: finish and send a packet that starts at its IP header. take. */
void eth_output(struct netdev *dev, struct pkt *p, const uint8_t *dst_mac, uint16_t type);
void eth_output_word(struct netdev *dev, struct pkt *p, uint64_t dst_mac, uint16_t type);
/* To the group's or the broadcast link-layer address. take. */
void eth_output_multicast(struct netdev *dev, struct pkt *p, const struct ip_addr *dst, bool is_broadcast);
/*
 * Another machine claims addr, which is ours. True, at most once in ten seconds by *next (of the protocol; two at once do
 * no harm), and a line on the console: tell all whose it is. Who goes on gets no war (RFC 5227 2.4 b).
 */
bool neigh_may_defend(struct netdev *dev, const struct ip_addr *addr, nsec_t *next);
