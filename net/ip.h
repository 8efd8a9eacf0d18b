/* SPDX-License-Identifier: MIT
 *
 * IP, both versions: input, output, fragments, ICMP.
 */
#pragma once

#include "net/netdev.h"
#include "net/route.h"

/* Headroom for pkt_alloc() of a packet that a transport builds: device, Ethernet, IPv6. Its own header comes in front of that by pkt_push() or is in the linear part. */
#define IP_HEADROOM	(PKT_DEV_ROOM + 16u + 40u)
#define IP4_HLEN	20u
#define IP6_HLEN	40u

/* Options of an output. Zeroed: defaults of the system. */
struct ip_opts {
	uint8_t hop_limit;	/* 0: default */
	uint8_t tos;		/* traffic class */
	bool no_fragment;	/* DF; too long: -EMSGSIZE */
	bool may_fragment;	/* IPv4: DF clear even below the MTU */
};

#define IP_DEFAULT_HOPS	64	/* IPv6; of IPv4 net_default_ttl */

/*
 * Send p, which starts at the transport's header (checksummed: PKT_CSUM_PARTIAL with csum_start from there, or complete), from src to dst along rt. Fragments if longer than the
 * path MTU and no gso. take. 0, -EMSGSIZE, -ENOMEM.
 */
int ip_output(struct pkt *p, const struct ip_route *rt, const struct ip_addr *src, const struct ip_addr *dst, uint8_t proto, const struct ip_opts *opts, nsec_t now);
/* What ip_output() would put in front of p, with Ethernet's header, for who looks at what was sent. has_ip: the IP header is there. */
void ip_push_headers(struct pkt *p, const struct ip_route *rt, const struct ip_addr *src, const struct ip_addr *dst, uint8_t proto, const struct ip_opts *opts, bool has_ip);
/* Route and send; for answers that belong to no socket. take. */
void ip_send(struct pkt *p, const struct ip_addr *src, const struct ip_addr *dst, uint8_t proto, const struct ip_opts *opts, struct netdev *dev);
/* Raw packet with its IP header (IP_HDRINCL), of which only IPv4's is completed. take. */
int ip_output_raw(struct pkt *p, const struct ip_route *rt, bool is_v4, nsec_t now);

/* Ethernet's type says IPv4 or IPv6; p starts at the IP header. take. */
void ip4_input(struct pkt *p);
void ip6_input(struct pkt *p);
/* p is for us: l3, l4 are set, seg[0] starts at the transport's header. take. */
void ip_deliver(struct pkt *p);

/* Transports, by protocol number. p as for ip_deliver(). take. */
void tcp_classify(struct pkt *p);
/* An Ethernet frame that is the usual segment of a connection that is known: take. False: it is not, nothing was done. */
bool __must_check tcp_input_short(struct pkt *p);
void udp_input(struct pkt *p);
void icmp_input(struct pkt *p);
void icmp6_input(struct pkt *p);
void igmp_input(struct pkt *p);
/* Copies to raw sockets; true if one took it. p stays the caller's. */
bool raw_input(const struct pkt *p);
/* Are there raw sockets of TCP or UDP? For a device that is new: the others have NETDEV_RAW. */
bool raw_sees_transports(void);

/* An ICMP error or local failure about a packet that we sent: from src to dst with these first bytes of its transport header (at least 8). */
struct ip_error {
	struct ip_addr src, dst;	/* of the packet that failed: src is ours */
	struct ip_addr reporter;
	uint8_t proto, type, code;
	bool is_v6, is_hard;
	int error;			/* errno */
	uint32_t mtu;			/* != 0: too big */
	const uint8_t *transport;
	unsigned transport_len;
	unsigned header_len;		/* of IP, before transport */
};
void tcp_error(const struct ip_error *e);
void udp_error(const struct ip_error *e);
void raw_error(const struct ip_error *e);
/* A packet that we sent (starts at its IP header) could not be delivered on this side. borrow. */
void ip_report_unreachable(const struct pkt *p, int error);

/* Answer p (as for ip_deliver()) with an ICMP error, limited in rate. borrow. */
enum ip_unreach { UNREACH_PORT, UNREACH_PROTOCOL, UNREACH_REASSEMBLY_TIME, UNREACH_PARAM, UNREACH_OPTION };
void icmp_send_error(const struct pkt *p, enum ip_unreach what, uint32_t pointer);

/* ip-frag.c: p as ip_deliver() gets it, but a fragment: take. The whole packet when it was the last missing one, else NULL. */
struct pkt *ip_reassemble(struct pkt *p, uint32_t id, uint32_t offset, bool has_more, uint8_t proto);

/* mcast.c: groups that a device listens to. Counted. */
int mcast_join(struct netdev *dev, const struct ip_addr *group);
int mcast_leave(struct netdev *dev, const struct ip_addr *group);
bool mcast_is_member(const struct netdev *dev, const struct ip_addr *group);
void mcast_input_query(struct netdev *dev, bool is_v6);
void mcast_report_all(struct netdev *dev);

/* nd.c: ICMPv6 types 133..137. take. */
void nd_input(struct pkt *p);
