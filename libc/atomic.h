/* SPDX-License-Identifier: MIT
 *
 * Atomic operations with the order spelled out at each use:
 *	atomic_load(&x, ACQUIRE)   atomic_store(&x, v, RELEASE)   atomic_fetch_add(&x, 1, RELAXED)
 * The operands are plain integers or pointers; a field that is accessed so carries [a] in its struct's legend.
 * atomic_cas() is strong: it fails only if *p != *expected, which it then stores in *expected.
 */
#pragma once

#include <stdbool.h>

#define RELAXED	__ATOMIC_RELAXED
#define ACQUIRE	__ATOMIC_ACQUIRE
#define RELEASE	__ATOMIC_RELEASE
#define ACQ_REL	__ATOMIC_ACQ_REL
#define SEQ_CST	__ATOMIC_SEQ_CST

#ifdef __SANITIZE_THREAD__
#define atomic_load(p, order)		__atomic_load_n((p), order)
#define atomic_store(p, v, order)	__atomic_store_n((p), (v), order)
#else
/* A relaxed one is a volatile access: the same, but gcc 12 computes the address of an __atomic one in an instruction of its own. */
#define atomic_load(p, order) \
	__builtin_choose_expr((order) == RELAXED, *(const volatile __typeof__(*(p)) *)(p), __atomic_load_n((p), order))
#define atomic_store(p, v, order) \
	__builtin_choose_expr((order) == RELAXED, (void)(*(volatile __typeof__(*(p)) *)(p) = (v)), __atomic_store_n((p), (v), order))
#endif
#define atomic_exchange(p, v, order)	__atomic_exchange_n((p), (v), order)
#define atomic_fetch_add(p, v, order)	__atomic_fetch_add((p), (v), order)
#define atomic_fetch_sub(p, v, order)	__atomic_fetch_sub((p), (v), order)
#define atomic_fetch_or(p, v, order)	__atomic_fetch_or((p), (v), order)
#define atomic_fetch_and(p, v, order)	__atomic_fetch_and((p), (v), order)
#define atomic_cas(p, expected, v, order) \
	__atomic_compare_exchange_n((p), (expected), (v), false, order, __ATOMIC_RELAXED)
/* The failure order too: for loops that read through the value they lost to. */
#define atomic_cas2(p, expected, v, order, fail) \
	__atomic_compare_exchange_n((p), (expected), (v), false, order, fail)
#ifdef __SANITIZE_THREAD__	/* it does not know fences: a read-modify-write of one word orders the same and more */
__attribute__((weak)) unsigned tsan_fence_word;
#define atomic_fence(order)		((void)__atomic_fetch_add(&tsan_fence_word, 0u, __ATOMIC_SEQ_CST))
#else
#define atomic_fence(order)		__atomic_thread_fence(order)
#endif
#define compiler_fence()		__atomic_signal_fence(__ATOMIC_SEQ_CST)
