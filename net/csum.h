/* SPDX-License-Identifier: MIT
 *
 * The Internet checksum (RFC 1071). Sums are kept as 32 bits, in the order of the bytes in memory, folded at the end.
 */
#pragma once

#include "net/addr.h"

/* One's complement sum over buf, added to sum. A part that starts at an odd offset of the whole is to be swapped: csum_add_at(). */
uint32_t csum_bytes(const void *buf, size_t len, uint32_t sum);
/* sum plus part, which begins at offset off of the whole. */
static inline uint32_t csum_add_at(uint32_t sum, uint32_t part, size_t off)
{
	uint64_t s;

	if (off & 1) {
		part = (part & 0xffff) + (part >> 16);
		part = (part & 0xffff) + (part >> 16);
		part = net16((uint16_t)part);
	}
	s = (uint64_t)sum + part;
	return (uint32_t)s + (uint32_t)(s >> 32);
}

/* The sum of an IPv4 header without options. */
static inline uint32_t csum_ip4(const void *header)
{
	const uint8_t *p = header;
	uint32_t w[5];
	uint64_t s;

	__builtin_memcpy(w, p, sizeof(w));
	s = (uint64_t)w[0] + w[1] + w[2] + w[3] + w[4];
	s = (s & 0xffffffff) + (s >> 32);
	return (uint32_t)s + (uint32_t)(s >> 32);
}

static inline uint16_t csum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Sum of the pseudo-header (RFC 9293 3.1, RFC 8200 8.1). len in host order. */
static inline uint32_t csum_pseudo(const struct ip_addr *src, const struct ip_addr *dst, uint32_t len, uint8_t proto)
{
	uint64_t s = (uint64_t)src->w[3] + dst->w[3] + net32(len) + ((uint32_t)proto << 24);

	if (!ip_is_v4(dst))
		s += (uint64_t)src->w[0] + src->w[1] + src->w[2] + dst->w[0] + dst->w[1] + dst->w[2];
	s = (s & 0xffffffff) + (s >> 32);
	return (uint32_t)s + (uint32_t)(s >> 32);
}
