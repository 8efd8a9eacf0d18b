/* SPDX-License-Identifier: MIT
 *
 * Base types and the macros that every file may use. No state, no code.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t paddr_t;	/* physical address */
typedef uint64_t vaddr_t;	/* virtual address, of the kernel or of the application */
typedef uint64_t nsec_t;	/* nanoseconds: a point on a clock, or a span */
typedef int64_t ssize_t;
typedef int64_t off_t;

#define PADDR_NONE	((paddr_t)-1)	/* "no page": page 0 may be RAM on some boards */
#define NSEC_NEVER	((nsec_t)-1)	/* a deadline that does not come */
#define NSEC_PER_SEC	1000000000ull
#define NSEC_PER_MSEC	1000000ull
#define NSEC_PER_USEC	1000ull

#define PAGE_SHIFT	12
#define PAGE_SIZE	4096ul
#define BLOCK_SHIFT	21		/* the large mapping of both ports */
#define BLOCK_SIZE	(1ul << BLOCK_SHIFT)

#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define ALIGN_DOWN(x, a)	((x) & ~((__typeof__(x))(a) - 1))
#define ALIGN_UP(x, a)		(((x) + ((__typeof__(x))(a) - 1)) & ~((__typeof__(x))(a) - 1))
#define IS_ALIGNED(x, a)	(((x) & ((__typeof__(x))(a) - 1)) == 0)
#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))
/* Each argument is evaluated once; the names are unique, so that they nest. */
#define MIN(a, b)	MIN_MAX_NUMBERED(a, b, <, __COUNTER__)
#define MAX(a, b)	MIN_MAX_NUMBERED(a, b, >, __COUNTER__)
#define MIN_MAX_NUMBERED(a, b, op, n)	MIN_MAX_NAMED(a, b, op, n)
#define MIN_MAX_NAMED(a, b, op, n) \
	({ __typeof__(a) a_##n = (a); __typeof__(b) b_##n = (b); a_##n op b_##n ? a_##n : b_##n; })
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define __must_check	__attribute__((warn_unused_result))
#define __printf(f, a)	__attribute__((format(printf, f, a)))
#define __user		/* a pointer into the application's address space */
#define __cacheline	__attribute__((aligned(64)))

/* One access, neither torn nor repeated by the compiler; no ordering. */
#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)	((void)(*(volatile __typeof__(x) *)&(x) = (v)))
