/* SPDX-License-Identifier: MIT
 *
 * Futexes, as other files of linux/ use them. See futex.c.
 */
#pragma once

#include "libc/types.h"

struct task;

#define FUTEX_BITSET_ANY	0xffffffffu

/* Wake up to nr waiters on the word at addr (as a shared futex): their number. */
int futex_wake(vaddr_t addr, unsigned nr, uint32_t bitset);
/* The current thread ends: mark and wake the robust mutexes that it holds. */
void futex_exit_robust(struct task *t);
