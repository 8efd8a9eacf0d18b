/* SPDX-License-Identifier: MIT
 *
 * The C string functions that the kernel uses; semantics of ISO C (C17 7.24) and of OpenBSD's strlcpy(3).
 * On the host the unit tests use the host's own.
 */
#pragma once

#include <stddef.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *what);

/* Copies at most size-1 bytes and always terminates (size > 0). Returns strlen(src). */
size_t samara_strlcpy(char *dst, const char *src, size_t size);
#define strlcpy(dst, src, size)	samara_strlcpy(dst, src, size)

/*
 * Zero n bytes at p, both multiples of 8, n a constant up to 128: in place, where gcc without vector registers would call memset.
 */
typedef unsigned long zero_word __attribute__((may_alias));
#define ZERO_WORD(i)	if (n > (i) * 8) w[i] = 0
static inline __attribute__((always_inline)) void zero_words(void *p, size_t n)
{
	zero_word *w = (zero_word *)p;

	ZERO_WORD(0); ZERO_WORD(1); ZERO_WORD(2); ZERO_WORD(3); ZERO_WORD(4); ZERO_WORD(5); ZERO_WORD(6); ZERO_WORD(7);
	ZERO_WORD(8); ZERO_WORD(9); ZERO_WORD(10); ZERO_WORD(11); ZERO_WORD(12); ZERO_WORD(13); ZERO_WORD(14); ZERO_WORD(15);
}
#undef ZERO_WORD

/* Let gcc expand small constant sizes in place: -ffreestanding would always call. */
#ifndef HOST_TEST
#define memcpy(...)	__builtin_memcpy(__VA_ARGS__)	/* variadic: arguments may be compound literals */
#define memset(...)	__builtin_memset(__VA_ARGS__)
#define memcmp(...)	__builtin_memcmp(__VA_ARGS__)
#endif
