/* SPDX-License-Identifier: MIT
 *
 * See random.h. Two keys take turns: random_add() makes the next one from the present one and switches the index (release), readers take the index (acquire).
 */
#include "libc/random.h"

#include "libc/atomic.h"
#include "libc/string.h"
#include "libc/types.h"

#define BLOCK_BYTES	64
#define KEY_WORDS	8

static uint32_t keys[2][KEY_WORDS] = { { 0x61d3f1a5, 0x9b1c24e7, 0x3a7f0d92, 0xc5e86b40, 0x1f94d3b8, 0x72a0e65c, 0xd80b4f13, 0x46e59a2d } };
static uint32_t current;	/* [a] index of the key in use */
static uint64_t next_block;	/* [a] */

static uint32_t rotate(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static void quarter_round(uint32_t *s, unsigned a, unsigned b, unsigned c, unsigned d)
{
	s[a] += s[b];
	s[d] = rotate(s[d] ^ s[a], 16);
	s[c] += s[d];
	s[b] = rotate(s[b] ^ s[c], 12);
	s[a] += s[b];
	s[d] = rotate(s[d] ^ s[a], 8);
	s[c] += s[d];
	s[b] = rotate(s[b] ^ s[c], 7);
}

/* RFC 8439 2.3.1, with a 64-bit block counter and a 64-bit nonce in the last four words. */
static void chacha_block(const uint32_t key[KEY_WORDS], uint64_t counter, uint64_t nonce, uint32_t out[16])
{
	uint32_t in[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };

	memcpy(in + 4, key, KEY_WORDS * sizeof(uint32_t));
	in[12] = (uint32_t)counter;
	in[13] = (uint32_t)(counter >> 32);
	in[14] = (uint32_t)nonce;
	in[15] = (uint32_t)(nonce >> 32);
	memcpy(out, in, sizeof(in));
	for (int i = 0; i < 10; i++) {
		quarter_round(out, 0, 4, 8, 12);
		quarter_round(out, 1, 5, 9, 13);
		quarter_round(out, 2, 6, 10, 14);
		quarter_round(out, 3, 7, 11, 15);
		quarter_round(out, 0, 5, 10, 15);
		quarter_round(out, 1, 6, 11, 12);
		quarter_round(out, 2, 7, 8, 13);
		quarter_round(out, 3, 4, 9, 14);
	}
	for (int i = 0; i < 16; i++)
		out[i] += in[i];
}

void random_bytes(void *buf, size_t len)
{
	const uint32_t *key = keys[atomic_load(&current, ACQUIRE)];	/* acquire: the key after its index. Pairs: random_add */
	uint64_t block = atomic_fetch_add(&next_block, DIV_ROUND_UP(len, BLOCK_BYTES), RELAXED);
	uint8_t *p = buf;

	while (len) {
		uint32_t out[16];
		size_t n = MIN(len, (size_t)BLOCK_BYTES);

		chacha_block(key, block++, 0, out);
		memcpy(p, out, n);
		p += n;
		len -= n;
	}
}

void random_add(const void *data, size_t len)
{
	uint32_t from = atomic_load(&current, RELAXED);
	const uint8_t *p = data;

	do {
		uint32_t *key = keys[!from], out[16];
		size_t n = MIN(len, KEY_WORDS * sizeof(uint32_t));

		/* New key = block of the old one under a nonce that random_bytes() never uses, xor the entropy; then one more block, so that it is spread. */
		chacha_block(keys[from], atomic_load(&next_block, RELAXED), 1, out);
		for (size_t i = 0; i < n; i++)
			((uint8_t *)out)[i] ^= p[i];
		chacha_block(out, 0, 2, out);
		memcpy(key, out, KEY_WORDS * sizeof(uint32_t));
		from = !from;
		atomic_store(&current, from, RELEASE);	/* release: the key before its index. Pairs: random_bytes */
		p += n;
		len -= n;
	} while (len);
}
