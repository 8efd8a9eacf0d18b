/* SPDX-License-Identifier: MIT
 *
 * The generator: ChaCha20's block function against RFC 8439 2.3.2 and A.1, then what the generator promises: no block twice, another stream after entropy.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libc/random.c"

#define CHECK(cond) \
	do { \
		if (!(cond)) { \
			printf("%s:%d: failed: %s\n", __FILE__, __LINE__, #cond); \
			exit(1); \
		} \
	} while (0)

/* The RFC has a 32-bit counter and a 96-bit nonce; the function has the same four words as two of 64 bits. */
static void vector(const uint8_t key[32], uint32_t counter, uint32_t n0, uint32_t n1, uint32_t n2, const char *hex)
{
	uint32_t k[KEY_WORDS], out[16];
	char got[129];

	memcpy(k, key, sizeof(k));
	chacha_block(k, counter | (uint64_t)n0 << 32, n1 | (uint64_t)n2 << 32, out);
	for (int i = 0; i < 64; i++)
		sprintf(got + 2 * i, "%02x", ((uint8_t *)out)[i]);
	CHECK(strcmp(got, hex) == 0);
}

int main(void)
{
	uint8_t key[32], zero[32] = { 0 }, a[4096], b[4096];

	for (int i = 0; i < 32; i++)
		key[i] = (uint8_t)i;
	vector(key, 1, 0x09000000, 0x4a000000, 0,
	       "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4ed2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e");
	vector(zero, 0, 0, 0, 0,
	       "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586");
	vector(zero, 1, 0, 0, 0,
	       "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f");
	random_bytes(a, sizeof(a));
	random_bytes(b, sizeof(b));
	for (int i = 0; i < 4096; i += 64)
		for (int j = 0; j < 4096; j += 64)
			CHECK(memcmp(a + i, b + j, 64) && (i == j || memcmp(a + i, a + j, 64)));
	next_block = 0;
	random_bytes(b, sizeof(b));
	CHECK(memcmp(a, b, sizeof(a)) == 0);
	random_add("x", 1);
	next_block = 0;
	random_bytes(b, sizeof(b));
	CHECK(memcmp(a, b, sizeof(a)) != 0);
	random_bytes(b, 0);
	puts("ok");
	return 0;
}
