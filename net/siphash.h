/* SPDX-License-Identifier: MIT
 *
 * SipHash (Aumasson, Bernstein 2012): a keyed hash that an attacker who does not know the key cannot make collide. Input is whole 64-bit words.
 */
#pragma once

#include "libc/types.h"

struct siphash_key {
	uint64_t k[2];
};

/* c = 1, d = 3: for tables, where only collisions matter. */
uint64_t siphash13(const struct siphash_key *key, const uint64_t *words, unsigned nr);
/* c = 2, d = 4: for values that an attacker sees (initial sequence numbers, SYN cookies, ports). */
uint64_t siphash24(const struct siphash_key *key, const uint64_t *words, unsigned nr);
