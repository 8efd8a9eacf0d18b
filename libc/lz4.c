/* SPDX-License-Identifier: MIT
 *
 * LZ4 blocks. A sequence is: token (literal length, match length, four bits each), more literal length bytes, literals, match offset (2 bytes), more match length bytes.
 */
#include "libc/lz4.h"

#include "libc/string.h"

#define MIN_MATCH	4u

/* Length that starts with the token's four bits n: bytes are added up to and including the first that is not 255. False: the input ends. */
static bool more_length(const uint8_t **p, const uint8_t *end, size_t *n)
{
	uint8_t b;

	if (*n != 15)
		return true;
	do {
		if (*p == end)
			return false;
		b = *(*p)++;
		*n += b;
	} while (b == 255);
	return true;
}

static void copy_match(uint8_t *to, size_t offset, size_t len)
{
	const uint8_t *from = to - offset;

	/* A match may overlap what it makes: repeat in steps of what is there. */
	while (len) {
		size_t n = MIN(len, offset);

		memcpy(to, from, n);
		to += n;
		len -= n;
		offset += n;
	}
}

ssize_t lz4_decode(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len)
{
	const uint8_t *p = in, *end = in + in_len;
	size_t done = 0;

	while (p < end && done < out_len) {
		uint8_t token = *p++;
		size_t n = token >> 4, offset;

		if (!more_length(&p, end, &n))
			return -1;
		if (n > (size_t)(end - p))
			return -1;
		n = MIN(n, out_len - done);
		memcpy(out + done, p, n);
		p += n;
		done += n;
		if (p == end || done == out_len)
			break;		/* the last sequence has literals only */
		if (end - p < 2)
			return -1;
		offset = (size_t)(p[0] | p[1] << 8);
		p += 2;
		n = token & 15;
		if (!more_length(&p, end, &n))
			return -1;
		if (!offset || offset > done)
			return -1;
		n = MIN(n + MIN_MATCH, out_len - done);
		copy_match(out + done, offset, n);
		done += n;
	}
	return (ssize_t)done;
}
