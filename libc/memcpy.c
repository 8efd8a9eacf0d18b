// SPDX-License-Identifier: MIT
/* Portable version; a port's folder may hold a faster file of the same name. */
#include "libc/string.h"
#undef memcpy

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	char *to = dst;
	const char *from = src;

	while (n--)
		*to++ = *from++;
	return dst;
}
