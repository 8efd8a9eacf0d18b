/* SPDX-License-Identifier: MIT
 *
 * The vDSO: an ELF shared object of functions that need no system call, and the page of data they read. See linux/vdso.c and arch-<port>/vdso/.
 */
#pragma once

#include "libc/types.h"

struct aspace;

/*
 * Read by code of the application, written by the kernel: seq is odd while it changes.
 *	monotonic = (counter - base) * mult >> shift (128-bit product), realtime = monotonic + realtime_offset
 */
struct vdso_data {
	uint32_t seq;			/* [a] */
	uint32_t shift;
	uint64_t base, mult;
	uint64_t realtime_offset;
};

/* Map vDSO and data page; *base: where its ELF header is. */
int vdso_map(struct aspace *as, vaddr_t *base);
/* After clock_set_realtime_offset(). Context: thread. */
void vdso_clock_changed(void);
/* Address of __kernel_rt_sigreturn in a vDSO at base: what a handler without SA_RESTORER returns to. */
vaddr_t vdso_sigreturn(vaddr_t base);
