/* SPDX-License-Identifier: MIT
 *
 * This port's lines of /proc/cpuinfo for one CPU, without "processor". hwcap: AT_HWCAP, AT_HWCAP2. Returns the length as snprintf. Context: any.
 */
#pragma once

#include "libc/types.h"

size_t arch_cpuinfo_text(char *buf, size_t size, const uint64_t hwcap[2]);
