// SPDX-License-Identifier: MIT
#include "libc/string.h"
#undef memset

void *memset(void *dst, int c, size_t n)
{
	char *to = dst;

	while (n--)
		*to++ = (char)c;
	return dst;
}
