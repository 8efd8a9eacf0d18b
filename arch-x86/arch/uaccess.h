/* SPDX-License-Identifier: MIT
 *
 * Accesses to memory of the application that may fault. A fault is resolved by the address space (and may sleep) if preemption is
 * enabled; if it cannot be resolved, or preemption is disabled, the access fails. Nothing here checks ranges: mmu/user.h does.
 */
#pragma once

#include "libc/types.h"

/* Returns the number of bytes NOT copied. Either side may be the application's. */
size_t arch_user_copy(void *dst, const void *src, size_t len);
/* Returns the number of bytes NOT zeroed. */
size_t arch_user_zero(void *dst, size_t len);
/* Copies up to and including the first 0, at most max bytes. Returns the length without the 0, max if there was none, -EFAULT. */
ssize_t arch_user_strncpy(char *dst, const char *src, size_t max);

/* 0 or -EFAULT. Single accesses, naturally aligned. */
int arch_user_load32(const uint32_t *src, uint32_t *out);
int arch_user_load64(const uint64_t *src, uint64_t *out);
int arch_user_store32(uint32_t *dst, uint32_t value);
int arch_user_store64(uint64_t *dst, uint64_t value);
/* Atomic, seq_cst (futex). 0 with *seen the old value (the exchange happened if *seen == expected), or -EFAULT. */
int arch_user_cas32(uint32_t *p, uint32_t expected, uint32_t desired, uint32_t *seen);
