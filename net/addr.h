/* SPDX-License-Identifier: MIT
 *
 * IP addresses of both families in one type: an IPv4 address is its IPv4-mapped IPv6 address (RFC 4291 2.5.5.2). So everything above IP has one code path.
 * Bytes are in network order in memory.
 */
#pragma once

#include "libc/types.h"

struct ip_addr {
	union {
		uint8_t b[16];
		uint32_t w[4];
		uint64_t d[2];
	};
};

static inline uint16_t net16(uint16_t x)
{
	return __builtin_bswap16(x);
}

static inline uint32_t net32(uint32_t x)
{
	return __builtin_bswap32(x);
}

#define IP_MAPPED_WORD	0xffff0000u	/* 00 00 ff ff in memory; both ports are little endian */

/* v4 in network order. */
static inline struct ip_addr ip_from_v4(uint32_t v4)
{
	return (struct ip_addr){ .w = { 0, 0, IP_MAPPED_WORD, v4 } };
}

static inline bool ip_is_v4(const struct ip_addr *a)
{
	return !a->d[0] && a->w[2] == IP_MAPPED_WORD;
}

static inline bool ip_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return ((a->d[0] ^ b->d[0]) | (a->d[1] ^ b->d[1])) == 0;
}

/* :: or 0.0.0.0 */
static inline bool ip_is_any(const struct ip_addr *a)
{
	return !a->d[0] && (!a->d[1] || (a->w[2] == IP_MAPPED_WORD && !a->w[3]));
}

static inline bool ip_is_multicast(const struct ip_addr *a)
{
	return ip_is_v4(a) ? (a->b[12] & 0xf0) == 0xe0 : a->b[0] == 0xff;
}

static inline bool ip_is_loopback(const struct ip_addr *a)
{
	return ip_is_v4(a) ? a->b[12] == 127 : !a->d[0] && a->w[2] == 0 && a->w[3] == net32(1);
}

/* fe80::/10 */
static inline bool ip_is_link_local(const struct ip_addr *a)
{
	return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

#define IP_TEXT_LEN	46
/* Text of RFC 5952 (IPv4 dotted); buf holds IP_TEXT_LEN. Returns buf. */
char *ip_to_text(const struct ip_addr *a, char *buf);
/* Parses either family at s, ends at end (exclusive). False: not an address. */
bool __must_check ip_parse(const char *s, size_t len, struct ip_addr *out);
/* The first prefix_len bits are the same (of 128; IPv4 prefixes count from 96). */
bool ip_in_prefix(const struct ip_addr *a, const struct ip_addr *prefix, unsigned prefix_len);
