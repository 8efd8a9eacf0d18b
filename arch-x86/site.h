/* SPDX-License-Identifier: MIT
 *
 * Call sites, between the files of this port (site.c, syscall.S, traps.c, cpu.c). Included by assembly.
 */
#pragma once

#define SITES_KNOWN	512	/* a power of two */
#define SITE_HASH_SHIFT	9

#ifndef __ASSEMBLY__
#include "libc/types.h"

struct frame;

/* [a] Addresses behind syscall instructions that linux/ has seen: their next calls go straight on. */
extern uint64_t arch_sites_known[SITES_KNOWN];

/* On each CPU: the entry of system calls. */
void arch_syscall_init_cpu(void);
/* A debug exception of the application: true if it was ours (nothing is left to do). Called with interrupts masked, may enable them. */
bool arch_site_hit(struct frame *f);
#endif
