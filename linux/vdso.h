/* SPDX-License-Identifier: MIT
 *
 * The vDSO: an ELF shared object of functions that need no system call, and the page of data they read. See linux/vdso.c and linux/vdso/.
 */
#pragma once

#include "libc/types.h"

struct aspace;

/* Map vDSO and data page; *base: where its ELF header is. */
int vdso_map(struct aspace *as, vaddr_t *base);
/* After clock_set_realtime_offset(). Context: thread. */
void vdso_clock_changed(void);
/* Address of __kernel_rt_sigreturn in a vDSO at base: what a handler without SA_RESTORER returns to. */
vaddr_t vdso_sigreturn(vaddr_t base);
