/* SPDX-License-Identifier: MIT
 *
 * System-call sites rewritten to branches: what linux/veneer.c needs of the machine. See arch-arm64/veneer.c and syscall-fast.S.
 */
#pragma once

#include <arch/frame.h>

#include "libc/types.h"

#define ARCH_VENEER_SIZE	40
#define ARCH_VENEER_REACH	(127ul << 20)	/* distance between a site and its veneer, at most */

/* The instruction that made the call in f. */
static inline vaddr_t arch_veneer_site(const struct frame *f)
{
	return f->pc - 4;
}

/* May the site of the call in f be rewritten now? (On other ports the machine looks first, and says linux_site_ready() when it knows.) Context: thread. */
static inline bool arch_site_ready(const struct frame *f)
{
	(void)f;
	return true;
}

/* A new program: its sites are not those of the old one, though they may have the same addresses. */
static inline void arch_sites_forget(void)
{
}

/* What of a call's number is part of its veneer: nothing on this port, which has it in a register. */
static inline uint32_t arch_site_nr(uint32_t nr)
{
	(void)nr;
	return 0;
}

/* Write the veneer of site at its place in kernel memory; it will run at address veneer. Not visible to instruction fetch before arch_veneer_sync(). */
void arch_veneer_write(void *at, vaddr_t veneer, vaddr_t site, uint32_t nr);
/* What was written at [at, at + len) will be executed at another address, by any CPU. */
void arch_veneer_sync(const void *at, size_t len);
/* Replace the call instruction at alias (kernel address of site) by a branch to veneer, or back. False: something else is there. */
bool arch_site_patch(void *alias, vaddr_t site, vaddr_t veneer, uint32_t nr);
bool arch_site_unpatch(void *alias, vaddr_t site, vaddr_t veneer, uint32_t nr);
/*
 * Application code was interrupted in the veneer that runs at address veneer and was written at at: give *f the pc, and the registers, that the program would have there
 * without veneers.
 */
void arch_veneer_hide(struct frame *f, const void *at, vaddr_t veneer);
