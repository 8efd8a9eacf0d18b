// SPDX-License-Identifier: MIT
#include "net/csum.h"

#include "libc/string.h"

struct unaligned64 {
	uint64_t v;
} __attribute__((packed, may_alias));

uint32_t csum_bytes(const void *buf, size_t len, uint32_t sum)
{
	const uint8_t *p = buf;
	uint64_t s = sum, t = 0;

	/* Eight bytes a step: halves into 64-bit accumulators, which cannot overflow below 32 GiB. */
	for (; len >= 32; len -= 32, p += 32) {
		const struct unaligned64 *q = (const struct unaligned64 *)p;
		uint64_t a = q[0].v, b = q[1].v, c = q[2].v, d = q[3].v;

		s += (a & 0xffffffff) + (a >> 32) + (b & 0xffffffff) + (b >> 32);
		t += (c & 0xffffffff) + (c >> 32) + (d & 0xffffffff) + (d >> 32);
	}
	for (; len >= 4; len -= 4, p += 4) {
		uint32_t w;

		memcpy(&w, p, 4);
		s += w;
	}
	if (len & 2) {
		uint16_t h;

		memcpy(&h, p, 2);
		s += h;
		p += 2;
	}
	if (len & 1)
		s += *p;
	s += t;
	s = (s & 0xffffffff) + (s >> 32);
	s = (s & 0xffffffff) + (s >> 32);
	return (uint32_t)s;
}
