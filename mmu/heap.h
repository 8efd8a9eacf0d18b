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
/*
 * Objects of this CPU that others have freed wait for it. heap_has_freed(): whether there are some; the caller runs on cpu, preemption off. heap_take_back(): their pages are free after it. An idle
 * CPU does that before it sleeps, and who runs out of memory.
 */
bool heap_has_freed(unsigned cpu);
void heap_take_back(void);
size_t ksize(const void *p);

/* A cache of equal objects; thin wrapper over the size classes, with a name for statistics and optional poisoning in DEBUG. */
#define KNEW(type)	((type *)kzalloc(sizeof(type)))

char *__must_check kstrdup(const char *s);
