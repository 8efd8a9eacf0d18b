/* SPDX-License-Identifier: MIT
 *
 * Up-call from the exception vectors: a translation, permission or access-flag fault on an application address.
 */
#pragma once

#include "libc/types.h"

struct aspace;

enum fault_access { FAULT_READ, FAULT_WRITE, FAULT_EXEC };

/*
 * Resolve the fault: 0 - try the instruction again. Else it cannot be resolved: -EFAULT nothing mapped there (SEGV_MAPERR), -EACCES protection (SEGV_ACCERR), -ENXIO beyond the
 * end of the file (SIGBUS BUS_ADRERR), -ENOMEM. Context: thread, preemption and interrupts enabled, may sleep.
 */
int mmu_fault(struct aspace *as, vaddr_t addr, enum fault_access access);
