/* SPDX-License-Identifier: MIT
 *
 * Kernel heap. Size classes with per-CPU caches up to a page, whole pages above. Context: thread (also with preemption disabled), not interrupt.
 */
#pragma once

#include "libc/types.h"

/* 16-byte aligned (64 for sizes that are multiples of 64). NULL: no memory. Freed with kfree(). */
void *__must_check kmalloc(size_t size);
void *__must_check kzalloc(size_t size);
void *__must_check krealloc(void *p, size_t size);
void kfree(void *p);			/* NULL is fine */
size_t ksize(const void *p);

/* A cache of equal objects; thin wrapper over the size classes, with a name for statistics and optional poisoning in DEBUG. */
#define KNEW(type)	((type *)kzalloc(sizeof(type)))

char *__must_check kstrdup(const char *s);
