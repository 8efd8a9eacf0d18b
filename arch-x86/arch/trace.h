/* SPDX-License-Identifier: MIT
 *
 * Trace sites: one 5-byte `nop` while off, a jump to the recording code when patched (arch_trace_patch), which happens before other CPUs run.
 */
#pragma once

#include "libc/types.h"

struct arch_trace_entry {
	int32_t site, target;	/* relative to their own address */
	uint32_t event;
};

static inline __attribute__((always_inline)) bool arch_trace_site(const unsigned event)
{
	__asm__ goto("1:	.byte 0x0f, 0x1f, 0x44, 0x00, 0x00\n"
		     "	.pushsection .trace_sites, \"a\"\n"
		     "	.balign 4\n"
		     "	.long 1b - ., %l[on] - ., %c0\n"
		     "	.popsection"
		     : : "i"(event) : : on);
	return false;
on:
	return true;
}

/* Turn on all sites of the events in the mask. Boot CPU, before the others start. */
void arch_trace_patch(uint64_t events);
