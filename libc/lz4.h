/* SPDX-License-Identifier: MIT
 *
 * LZ4 blocks (lz4_Block_format.md 1.5.1), decoding only. Neither side is trusted.
 */
#pragma once

#include "libc/types.h"

/*
 * Decode until out_len bytes are made or the input ends. Bytes made, or -1 for input that is not a block (a match before the start of the output, a length beyond the
 * input). What follows in the input once the output is full is not looked at.
 */
ssize_t lz4_decode(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len);
