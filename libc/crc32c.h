/* SPDX-License-Identifier: MIT
 *
 * CRC-32C. Start with 0xffffffff; the RFC's value is the complement of the result.
 */
#pragma once

#include "libc/types.h"

uint32_t crc32c_update(uint32_t crc, const void *data, size_t len);
