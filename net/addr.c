// SPDX-License-Identifier: MIT
#include "net/addr.h"

#include "libc/print.h"
#include "libc/string.h"

static char *v6_to_text(const struct ip_addr *a, char *buf)
{
	int best = -1, best_len = 1, n = 0;	/* RFC 5952 4.2.2: a single group is not shortened */
	uint16_t g[8];

	for (int i = 0; i < 8; i++)
		g[i] = (uint16_t)(a->b[2 * i] << 8 | a->b[2 * i + 1]);
	for (int i = 0; i < 8; i++) {
		int len = 0;

		while (i + len < 8 && !g[i + len])
			len++;
		if (len > best_len) {
			best = i;
			best_len = len;
		}
		if (len)
			i += len - 1;
	}
	for (int i = 0; i < 8; i++) {
		if (i == best) {
			buf[n++] = ':';
			if (!i)
				buf[n++] = ':';
			i += best_len - 1;
			if (i == 7)
				buf[n] = 0;
			continue;
		}
		n += snprintf(buf + n, (size_t)(IP_TEXT_LEN - n), i < 7 ? "%x:" : "%x", g[i]);
	}
	/* "a:::" cannot happen: the group before the gap has written its colon, the gap adds one. */
	buf[n] = 0;
	return buf;
}

char *ip_to_text(const struct ip_addr *a, char *buf)
{
	if (!ip_is_v4(a))
		return v6_to_text(a, buf);
	snprintf(buf, IP_TEXT_LEN, "%u.%u.%u.%u", a->b[12], a->b[13], a->b[14], a->b[15]);
	return buf;
}

static bool parse_v4(const char *s, size_t len, uint8_t out[4])
{
	unsigned n = 0, v = 0, digits = 0;

	for (size_t i = 0; i <= len; i++) {
		if (i < len && s[i] >= '0' && s[i] <= '9') {
			v = v * 10 + (unsigned)(s[i] - '0');
			if (++digits > 3 || v > 255)
				return false;
		} else if ((i == len || s[i] == '.') && digits && n < 4) {
			out[n++] = (uint8_t)v;
			v = digits = 0;
		} else {
			return false;
		}
	}
	return n == 4;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_v6(const char *s, size_t len, struct ip_addr *out)
{
	unsigned n = 0, gap = 9;
	uint8_t b[16] = { 0 };
	size_t i = 0;

	if (len >= 2 && s[0] == ':' && s[1] == ':') {
		gap = 0;
		i = 2;
	}
	while (i < len) {
		unsigned v = 0, digits = 0;
		size_t start = i;

		if (n == 8)
			return false;
		for (; i < len && hex_digit(s[i]) >= 0; i++) {
			v = v << 4 | (unsigned)hex_digit(s[i]);
			if (++digits > 4)
				return false;
		}
		if (i < len && s[i] == '.') {
			if (n > 6 || !parse_v4(s + start, len - start, b + 2 * n))
				return false;
			n += 2;
			break;
		}
		if (!digits)
			return false;
		b[2 * n] = (uint8_t)(v >> 8);
		b[2 * n + 1] = (uint8_t)v;
		n++;
		if (i == len)
			break;
		if (s[i++] != ':' || i == len)
			return false;
		if (s[i] == ':') {
			if (gap != 9)
				return false;
			gap = n;
			i++;
		}
	}
	if (gap == 9 ? n != 8 : n > 7)
		return false;
	memset(out, 0, sizeof(*out));
	if (gap == 9)
		gap = n;
	memcpy(out->b, b, 2 * gap);
	memcpy(out->b + 16 - 2 * (n - gap), b + 2 * gap, 2 * (n - gap));
	return true;
}

bool ip_parse(const char *s, size_t len, struct ip_addr *out)
{
	uint8_t v4[4];

	if (parse_v4(s, len, v4)) {
		memset(out, 0, sizeof(*out));
		out->w[2] = IP_MAPPED_WORD;
		memcpy(out->b + 12, v4, 4);
		return true;
	}
	return memchr(s, ':', len) && parse_v6(s, len, out);
}

bool ip_in_prefix(const struct ip_addr *a, const struct ip_addr *prefix, unsigned prefix_len)
{
	unsigned bytes = prefix_len / 8, bits = prefix_len % 8;

	if (memcmp(a->b, prefix->b, bytes))
		return false;
	return !bits || !((a->b[bytes] ^ prefix->b[bytes]) & (uint8_t)(0xff00 >> bits));
}
