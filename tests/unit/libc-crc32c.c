/* SPDX-License-Identifier: MIT
 *
 * CRC-32C: the examples of RFC 3720 B.4, whole and cut in two at every place.
 */
/* sources: libc/crc32c.c */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libc/crc32c.h"

static void check(const uint8_t *data, size_t len, uint32_t want)
{
	for (size_t cut = 0; cut <= len; cut++) {
		uint32_t crc = crc32c_update(crc32c_update(0xffffffffu, data, cut), data + cut, len - cut);

		if (~crc != want) {
			printf("cut at %zu: %08x, expected %08x\n", cut, ~crc, want);
			exit(1);
		}
	}
}

int main(void)
{
	uint8_t b[32];

	check((const uint8_t *)"123456789", 9, 0xe3069283);
	memset(b, 0, 32);
	check(b, 32, 0x8a9136aa);
	memset(b, 0xff, 32);
	check(b, 32, 0x62a8ab43);
	for (int i = 0; i < 32; i++)
		b[i] = (uint8_t)i;
	check(b, 32, 0x46dd794e);
	for (int i = 0; i < 32; i++)
		b[i] = (uint8_t)(31 - i);
	check(b, 32, 0x113fdb5c);
	puts("ok");
	return 0;
}
