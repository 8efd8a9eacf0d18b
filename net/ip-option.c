// SPDX-License-Identifier: MIT
/* The text of `ip=`: Documentation/admin-guide/nfs/nfsroot.rst of Linux says the syntax; IPv6 in brackets and a second specification after a comma are ours. */
#include "libc/string.h"
#include "net/config.h"

#define MAX_FIELDS	10u

struct field {
	const char *s;
	size_t len;
};

/* Split at colons outside brackets. Number of fields, 0: too many. */
static unsigned split(const char *s, size_t len, struct field *f)
{
	unsigned n = 0, depth = 0;
	size_t start = 0;

	for (size_t i = 0; i <= len; i++) {
		if (i < len && s[i] == '[')
			depth++;
		else if (i < len && s[i] == ']')
			depth = 0;
		if (i < len && (s[i] != ':' || depth))
			continue;
		if (n == MAX_FIELDS)
			return 0;
		f[n++] = (struct field){ s + start, i - start };
		start = i + 1;
	}
	return n;
}

static bool is_word(const struct field *f, const char *word)
{
	return f->len == strlen(word) && !strncmp(f->s, word, f->len);
}

static unsigned parse_number(const char *s, size_t len, unsigned max)
{
	unsigned v = 0;

	if (!len || len > 3)
		return max + 1;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return max + 1;
		v = v * 10 + (unsigned)(s[i] - '0');
	}
	return v;
}

/* An address, in brackets or not, perhaps with /prefix. Empty is fine. */
static bool parse_addr(const struct field *f, struct ip_addr *a, unsigned *prefix)
{
	const char *slash = memchr(f->s, '/', f->len);
	size_t len = slash ? (size_t)(slash - f->s) : f->len;
	const char *s = f->s;

	memset(a, 0, sizeof(*a));
	if (!f->len)
		return true;
	if (slash) {
		*prefix = parse_number(slash + 1, f->len - len - 1, 128);
		if (*prefix > 128)
			return false;
	}
	if (len >= 2 && s[0] == '[' && s[len - 1] == ']') {
		s++;
		len -= 2;
	}
	return ip_parse(s, len, a);
}

/* A netmask of IPv4, or a number of bits. */
static bool parse_mask(const struct field *f, unsigned *prefix)
{
	struct ip_addr m;
	uint32_t bits;

	if (!f->len)
		return true;
	*prefix = parse_number(f->s, f->len, 128);
	if (*prefix <= 128)
		return true;
	if (!ip_parse(f->s, f->len, &m) || !ip_is_v4(&m))
		return false;
	bits = net32(m.w[3]);
	*prefix = bits == 0xffffffff ? 32 : (unsigned)__builtin_clz(~bits);
	return !(~bits & (~bits + 1));	/* ones, then zeros */
}

static bool parse_auto(const struct field *f, struct ip_option *out)
{
	static const char *const on[] = { "dhcp", "on", "any", "both", "auto", "dhcp6" };

	if (!f->len)
		return true;
	if (is_word(f, "off") || is_word(f, "none")) {
		out->is_off = true;
		return true;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(on); i++) {
		if (is_word(f, on[i])) {
			out->wants_dhcp = true;
			return true;
		}
	}
	return false;
}

static void copy_word(char *to, size_t size, const struct field *f)
{
	size_t n = MIN(f->len, size - 1);

	if (!f->len)
		return;
	memcpy(to, f->s, n);
	to[n] = 0;
}

/* The class of the address, when no mask is given (as Linux). */
static unsigned class_prefix(const struct ip_addr *a)
{
	return a->b[12] < 128 ? 8 : a->b[12] < 192 ? 16 : 24;
}

static bool parse_one(const char *s, size_t len, struct ip_option *out)
{
	struct field f[MAX_FIELDS];
	unsigned n = split(s, len, f), prefix = 129, nr_dns = 0;
	struct ip_addr addr, server, gw = { .d = { 0, 0 } };

	if (!n)
		return false;
	if (n == 1 && parse_auto(&f[0], out))
		return true;
	if (!parse_addr(&f[0], &addr, &prefix) || (n > 1 && !parse_addr(&f[1], &server, &(unsigned){ 0 })) || (n > 2 && !parse_addr(&f[2], &gw, &(unsigned){ 0 })) ||
	    (n > 3 && !parse_mask(&f[3], &prefix)) || (n > 6 && !parse_auto(&f[6], out)))
		return false;
	if (n > 4)
		copy_word(out->hostname, sizeof(out->hostname), &f[4]);
	if (n > 5)
		copy_word(out->device, sizeof(out->device), &f[5]);
	for (unsigned i = 7; i < n && i < 9; i++) {
		if (!parse_addr(&f[i], &out->dns[nr_dns], &(unsigned){ 0 }))
			return false;
		nr_dns += f[i].len != 0;
	}
	if (!f[0].len)
		return true;
	if (ip_is_v4(&addr)) {
		out->addr = addr;
		out->gateway = gw;
		out->prefix_len = prefix <= 32 ? prefix : class_prefix(&addr);
		out->has_static = true;
	} else {
		out->addr6 = addr;
		out->gateway6 = gw;
		out->prefix_len6 = prefix <= 128 ? prefix : 64;
		out->has_static6 = true;
	}
	return true;
}

bool ip_option_parse(const char *text, struct ip_option *out)
{
	memset(out, 0, sizeof(*out));
	for (;;) {
		const char *comma = strchr(text, ',');
		size_t len = comma ? (size_t)(comma - text) : strlen(text);

		if (!parse_one(text, len, out))
			return false;
		if (!comma)
			return true;
		text = comma + 1;
	}
}
