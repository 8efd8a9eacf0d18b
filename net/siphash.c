// SPDX-License-Identifier: MIT
#include "net/siphash.h"

static inline uint64_t rotl(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static inline __attribute__((always_inline)) void round_once(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] = rotl(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] = rotl(v[2], 32);
}

static inline __attribute__((always_inline)) uint64_t siphash(const struct siphash_key *key, const uint64_t *words, unsigned nr, unsigned c,
							     unsigned d)
{
	uint64_t v[4] = { key->k[0] ^ 0x736f6d6570736575ull, key->k[1] ^ 0x646f72616e646f6dull,
			  key->k[0] ^ 0x6c7967656e657261ull, key->k[1] ^ 0x7465646279746573ull };
	uint64_t last = (uint64_t)(nr * 8) << 56;

	for (unsigned i = 0; i <= nr; i++) {
		uint64_t m = i < nr ? words[i] : last;

		v[3] ^= m;
		for (unsigned j = 0; j < c; j++)
			round_once(v);
		v[0] ^= m;
	}
	v[2] ^= 0xff;
	for (unsigned j = 0; j < d; j++)
		round_once(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t siphash13(const struct siphash_key *key, const uint64_t *words, unsigned nr)
{
	return siphash(key, words, nr, 1, 3);
}

uint64_t siphash24(const struct siphash_key *key, const uint64_t *words, unsigned nr)
{
	return siphash(key, words, nr, 2, 4);
}
