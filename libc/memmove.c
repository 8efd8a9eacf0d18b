// SPDX-License-Identifier: MIT
#include "libc/string.h"

void *memmove(void *dst, const void *src, size_t n)
{
	char *to = dst;
	const char *from = src;

	if (to <= from || to >= from + n)
		while (n--)
			*to++ = *from++;
	else
		while (n--)
			to[n] = from[n];
	return dst;
}
