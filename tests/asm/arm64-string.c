/* SPDX-License-Identifier: MIT
 *
 * memcpy.S and its neighbours in arch-arm64/libc against the plain C of what they promise, for all small lengths, alignments and overlaps. Runs under qemu-user; the
 * kernel's functions are renamed k_*.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

void *k_memcpy(void *d, const void *s, size_t n);
void *k_memmove(void *d, const void *s, size_t n);
void *k_memset(void *d, int c, size_t n);
int k_memcmp(const void *a, const void *b, size_t n);

#define SIZE	2048
static unsigned char a[SIZE], b[SIZE], want[SIZE];

static void fail(const char *what, long x, long y, long z)
{
	printf("%s: length %ld, offsets %ld %ld\n", what, x, y, z);
	exit(1);
}

static void fill(unsigned char *p)
{
	for (int i = 0; i < SIZE; i++)
		p[i] = (unsigned char)rand();
}

static void check(const char *what, long x, long y, long z)
{
	for (int i = 0; i < SIZE; i++)
		if (b[i] != want[i])
			fail(what, x, y, z);
}

static void test_copy_and_set(long len, long from, long to)
{
	int c = len & 1 ? 0 : 0x5a;

	fill(a);
	fill(b);
	for (int i = 0; i < SIZE; i++)
		want[i] = b[i];
	for (long i = 0; i < len; i++)
		want[100 + to + i] = a[50 + from + i];
	if (k_memcpy(b + 100 + to, a + 50 + from, (size_t)len) != b + 100 + to)
		fail("memcpy's result", len, from, to);
	check("memcpy", len, from, to);
	for (long i = 0; i < len; i++)
		want[100 + to + i] = (unsigned char)c;
	if (k_memset(b + 100 + to, c, (size_t)len) != b + 100 + to)
		fail("memset's result", len, from, to);
	check("memset", len, from, to);
}

static void test_move(long len, long by)
{
	unsigned char saved[512];

	fill(b);
	for (int i = 0; i < SIZE; i++)
		want[i] = b[i];
	for (long i = 0; i < len; i++)
		saved[i] = b[600 + i];
	for (long i = 0; i < len; i++)
		want[600 + by + i] = saved[i];
	k_memmove(b + 600 + by, b + 600, (size_t)len);
	check("memmove", len, by, 0);
}

static void test_compare(long len, long differs_at)
{
	int r, expected = 0;

	fill(a);
	for (long i = 0; i < SIZE - 8; i++)
		b[1 + i] = a[3 + i];
	if (differs_at < len) {
		b[1 + differs_at] = (unsigned char)(a[3 + differs_at] + 1 + rand() % 200);
		expected = a[3 + differs_at] < b[1 + differs_at] ? -1 : 1;
	}
	r = k_memcmp(a + 3, b + 1, (size_t)len);
	if ((r > 0) - (r < 0) != expected)
		fail("memcmp", len, differs_at, r);
}

int main(void)
{
	for (long len = 0; len < 420; len++)
		for (long from = 0; from < 20; from += 5)
			for (long to = 0; to < 18; to += 3)
				test_copy_and_set(len, from, to);
	for (long len = 0; len < 400; len++)
		for (long by = -150; by <= 150; by += by > -10 && by < 10 ? 1 : 7)
			test_move(len, by);
	for (long len = 0; len < 100; len++)
		for (long p = 0; p <= len; p++)
			test_compare(len, p);
	return 0;
}
