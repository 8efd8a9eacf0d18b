/* SPDX-License-Identifier: MIT
 *
 * Formatting, the kernel's log, and the end.
 *
 * Formats: %d %i %u %x %X %o %c %s %p %% with flags "-0+ #", width and precision (also *), and h hh l ll z t j. No floating point.
 *
 * Context: any, also with interrupts masked: log_*() formats on the stack and hands bytes to the console's polled writer.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "libc/types.h"

/* As snprintf(3): returns the length the whole text would have. */
int samara_snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
int samara_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap) __printf(3, 0);
#define snprintf	samara_snprintf
#define vsnprintf	samara_vsnprintf

/* One line (the '\n' is added) on the console, prefixed "samara: ". For what a user should read: errors, once-only notices. */
void log_line(const char *fmt, ...) __printf(1, 2);
/* Text as it is, no prefix, no newline: for dumps. */
void log_raw(const char *fmt, ...) __printf(1, 2);

/* Where log output goes; set by the board (polled UART). NULL before. Must work in any context. */
extern void (*log_sink)(const char *text, size_t len);

/* A broken invariant: print, registers, backtrace, stop all CPUs, leave with status 125. Supplied by boards/ (host tests: abort). */
_Noreturn void panic(const char *fmt, ...) __printf(1, 2);

#define ASSERT(cond) \
	do { \
		if (unlikely(!(cond))) \
			panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #cond); \
	} while (0)
/* Costs nothing in a release build. */
#ifdef DEBUG
#define DEBUG_ASSERT(cond)	ASSERT(cond)
#else
#define DEBUG_ASSERT(cond)	((void)sizeof(!(cond)))
#endif
