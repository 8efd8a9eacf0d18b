/* SPDX-License-Identifier: MIT
 *
 * RLIMIT_AS, RLIMIT_DATA and RLIMIT_MEMLOCK (setrlimit(2)), and who may lock memory (mlock(2)).
 */
#pragma once

#include "libc/types.h"

struct process;

/* A limit of p has changed, or p has a new address space. */
void memory_set_limits(struct process *p);
/* Whether the caller may lock any memory at all. */
bool memory_may_lock(void);
/* RLIMIT_DATA counts the program's data and the heap together. */
bool memory_brk_is_beyond_limit(vaddr_t new_brk);
