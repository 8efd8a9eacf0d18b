/* SPDX-License-Identifier: MIT
 *
 * Trace sites on the host: off.
 */
#pragma once

#include "libc/types.h"

static inline bool arch_trace_site(unsigned event)
{
	(void)event;
	return false;
}

static inline void arch_trace_patch(uint64_t events)
{
	(void)events;
}
