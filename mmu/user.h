/* SPDX-License-Identifier: MIT
 *
 * Memory of the application, from the kernel: range checked, faults become -EFAULT. The only ways by which kernel code touches an application pointer.
 *
 * Context: thread. May sleep (a fault may read a file); with preemption disabled a page that is not present is -EFAULT.
 */
#pragma once

#include <arch/layout.h>
#include <arch/uaccess.h>

#include "libc/errno.h"
#include "libc/types.h"

static inline bool user_range_ok(const void __user *p, size_t len)
{
	return len <= USER_TOP && (vaddr_t)p <= USER_TOP - len;
}

/* 0 or -EFAULT. */
static inline int __must_check copy_from_user(void *dst, const void __user *src, size_t len)
{
	return user_range_ok(src, len) && arch_user_copy(dst, src, len) == 0 ? 0 : -EFAULT;
}

static inline int __must_check copy_to_user(void __user *dst, const void *src, size_t len)
{
	return user_range_ok(dst, len) && arch_user_copy(dst, src, len) == 0 ? 0 : -EFAULT;
}

static inline int __must_check zero_user(void __user *dst, size_t len)
{
	return user_range_ok(dst, len) && arch_user_zero(dst, len) == 0 ? 0 : -EFAULT;
}

/* Length without the 0; -EFAULT; -ENAMETOOLONG if there is no 0 within size bytes. */
static inline ssize_t __must_check strncpy_from_user(char *dst, const char __user *src, size_t size)
{
	size_t max = size;
	ssize_t n;

	if ((vaddr_t)src >= USER_TOP)
		return -EFAULT;
	if (max > USER_TOP - (vaddr_t)src)
		max = USER_TOP - (vaddr_t)src;
	n = arch_user_strncpy(dst, src, max);
	if (n < 0)
		return n;
	return (size_t)n < max ? n : max < size ? -EFAULT : -ENAMETOOLONG;
}

static inline int __must_check user_load32(const uint32_t __user *p, uint32_t *out)
{
	return user_range_ok(p, sizeof(*p)) ? arch_user_load32(p, out) : -EFAULT;
}

static inline int __must_check user_store32(uint32_t __user *p, uint32_t v)
{
	return user_range_ok(p, sizeof(*p)) ? arch_user_store32(p, v) : -EFAULT;
}

static inline int __must_check user_load64(const uint64_t __user *p, uint64_t *out)
{
	return user_range_ok(p, sizeof(*p)) ? arch_user_load64(p, out) : -EFAULT;
}

static inline int __must_check user_store64(uint64_t __user *p, uint64_t v)
{
	return user_range_ok(p, sizeof(*p)) ? arch_user_store64(p, v) : -EFAULT;
}
