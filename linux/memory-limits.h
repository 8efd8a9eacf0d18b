/* SPDX-License-Identifier: MIT
 *
 * RLIMIT_AS, RLIMIT_DATA and RLIMIT_MEMLOCK (setrlimit(2)), and who may lock memory (mlock(2)).
 */
#pragma once

#include "libc/types.h"

struct process;

/* A limit of p has changed, or p has a new address space. */
void memory_set_limits(struct process *p);
/*
 * vm.overcommit_memory, overcommit_ratio (percent of RAM) and overcommit_kbytes (instead, if not 0), and what is kept from users without CAP_SYS_ADMIN and from any one process.
 * [a] Whoever changes the first calls memory_set_limits().
 */
extern uint32_t memory_overcommit, memory_commit_ratio;
extern uint64_t memory_commit_kbytes, memory_admin_kbytes, memory_user_kbytes;
/* CommitLimit of /proc/meminfo. */
uint64_t memory_commit_limit(void);
/* Whether the caller may lock any memory at all. */
bool memory_may_lock(void);
/* RLIMIT_DATA counts the program's data and the heap together. */
bool memory_brk_is_beyond_limit(vaddr_t new_brk);
