/* SPDX-License-Identifier: MIT
 *
 * The host as a port: coherent.
 */
#pragma once

#include "libc/string.h"
#include "libc/types.h"

static inline void arch_sync_icache(const void *va, size_t len)
{
	(void)va;
	(void)len;
}

static inline void arch_clear_pages(void *va, size_t len)
{
	memset(va, 0, len);
}
