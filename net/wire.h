/* SPDX-License-Identifier: MIT
 *
 * What is on the wire: Ethernet (IEEE 802.3), ARP (RFC 826), IPv4 (RFC 791), ICMP (RFC 792), IPv6 (RFC 8200), ICMPv6 (RFC 4443), ND (RFC 4861), UDP (RFC 768), TCP (RFC 9293).
 * All fields in network order. Structures are packed: a header may lie at any address.
 */
#pragma once

#include "libc/types.h"

#define PACKED	__attribute__((packed))

struct eth_hdr {
	uint8_t dst[6], src[6];
	uint16_t type;
} PACKED;

#define ETH_HLEN	14u
#define ETH_P_IP4	0x0800
#define ETH_P_ARP	0x0806
#define ETH_P_VLAN	0x8100
#define ETH_P_IP6	0x86dd

struct arp_hdr {
	uint16_t htype, ptype;
	uint8_t hlen, plen;
	uint16_t op;
	uint8_t sha[6];
	uint32_t spa;
	uint8_t tha[6];
	uint32_t tpa;
} PACKED;

struct ip4_hdr {
	uint8_t ver_ihl, tos;
	uint16_t len, id, frag;
	uint8_t ttl, proto;
	uint16_t csum;
	uint32_t src, dst;
} PACKED;

#define IP4_DF		0x4000
#define IP4_OPT_LSRR		131
#define IP4_OPT_SSRR		137
#define IP4_MF		0x2000
#define IP4_OFFSET	0x1fff

struct ip6_hdr {
	uint32_t ver_tc_flow;
	uint16_t len;
	uint8_t next, hops;
	uint8_t src[16], dst[16];
} PACKED;

struct ip6_frag_hdr {
	uint8_t next, reserved;
	uint16_t off_more;	/* offset in units of 8 in bits 3.., M in bit 0 */
	uint32_t id;
} PACKED;

#define IPPROTO_HOPOPTS		0
#define IPPROTO_ICMP		1
#define IPPROTO_IGMP		2
#define IPPROTO_TCP		6
#define IPPROTO_UDP		17
#define IPPROTO_ROUTING		43
#define IPPROTO_FRAGMENT	44
#define IPPROTO_ICMPV6		58
#define IPPROTO_NONE		59
#define IPPROTO_DSTOPTS		60

struct icmp_hdr {		/* both versions */
	uint8_t type, code;
	uint16_t csum;
	union {
		struct {
			uint16_t id, seq;
		} PACKED;
		uint32_t word;	/* ICMPv6 Packet Too Big: MTU; Parameter Problem: pointer */
		struct {
			uint16_t unused, mtu;	/* RFC 1191 4 */
		} PACKED;
	};
} PACKED;

#define ICMP_ECHO_REPLY		0
#define ICMP_UNREACH		3
#define ICMP_ECHO		8
#define ICMP_TIME_EXCEEDED	11
#define ICMP_PARAM_PROBLEM	12

#define ICMP6_UNREACH		1
#define ICMP6_TOO_BIG		2
#define ICMP6_TIME_EXCEEDED	3
#define ICMP6_PARAM_PROBLEM	4
#define ICMP6_ECHO		128
#define ICMP6_ECHO_REPLY	129
#define ND_ROUTER_SOLICIT	133
#define ND_ROUTER_ADVERT	134
#define ND_NEIGHBOR_SOLICIT	135
#define ND_NEIGHBOR_ADVERT	136
#define MLD2_REPORT		143

struct udp_hdr {
	uint16_t sport, dport, len, csum;
} PACKED;

struct tcp_hdr {
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint8_t off, flags;	/* off: length in words in the high nibble */
	uint16_t window, csum, urgent;
} PACKED;

#define TCP_FIN		0x01
#define TCP_SYN		0x02
#define TCP_RST		0x04
#define TCP_PSH		0x08
#define TCP_ACK		0x10
#define TCP_URG		0x20
#define TCP_ECE		0x40
#define TCP_CWR		0x80

_Static_assert(sizeof(struct eth_hdr) == 14, "802.3");
_Static_assert(sizeof(struct arp_hdr) == 28, "RFC 826");
_Static_assert(sizeof(struct ip4_hdr) == 20, "RFC 791");
_Static_assert(sizeof(struct ip6_hdr) == 40, "RFC 8200");
_Static_assert(sizeof(struct icmp_hdr) == 8, "RFC 792");
_Static_assert(sizeof(struct udp_hdr) == 8, "RFC 768");
_Static_assert(sizeof(struct tcp_hdr) == 20, "RFC 9293");
