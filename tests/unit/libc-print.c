// SPDX-License-Identifier: MIT
/* sources: libc/print.c libc/string.c */
/* Our formatter against the host's. */
#include "libc/string.h"
#include "libc/print.h"
#undef snprintf
#include <stdio.h>
#include <stdlib.h>

static int failures;

#define SAME(...) \
	do { \
		char a[200], b[200]; \
		int n = samara_snprintf(a, sizeof(a), __VA_ARGS__), m = snprintf(b, sizeof(b), __VA_ARGS__); \
		if (n != m || strcmp(a, b)) { \
			printf("line %d: '%s' (%d) for '%s' (%d)\n", __LINE__, a, n, b, m); \
			failures++; \
		} \
	} while (0)

int main(void)
{
	char small[5];

	SAME("plain %% text");
	SAME("%d %i %u", -1, 42, 4000000000u);
	SAME("%5d|%-5d|%05d|%+d|% d", 42, 42, -42, 42, 42);
	SAME("%x %X %#x %#o %o", 0xbeef, 0xbeef, 0xbeef, 8, 8);
	SAME("%lx %lld %zu %jd %td", 0x123456789abcdeful, -5ll, (size_t)7, (intmax_t)-8, (ptrdiff_t)9);
	SAME("%hhd %hd %hhu %hu", 300, 70000, 300, 70000);
	SAME("%.3d|%8.3d|%-8.3d|%.0d|", 5, 5, 5, 0);
	SAME("%s|%8s|%-8s|%.2s|%.*s|%*d", "abc", "abc", "abc", "abc", 1, "abc", 6, 7);
	SAME("%c%c|%3c", 'a', 'b', 'c');
	SAME("%p", (void *)0x1234);
	SAME("%ld %lu", -0x7fffffffffffffffl - 1, ~0ul);
	SAME("%016lx|%#018lx", 0xabcul, 0xabcul);
	if (samara_snprintf(small, sizeof(small), "abcdefgh") != 8 || strcmp(small, "abcd"))
		failures++;
	return failures != 0;
}
