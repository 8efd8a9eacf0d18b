/* SPDX-License-Identifier: MIT */
/*
 * What every guest test uses. A guest test is an ordinary Linux program whose
 * output must be the same bytes on Linux and on Samara, on every run and with
 * every number of CPUs: no address, no time, no process id is printed.
 *
 * check(what, condition) prints "ok what" or "FAIL what"; show() prints a value.
 * Each line leaves by one write(2), so that a crash loses nothing and lines of
 * several threads do not mix. A test ends with `return test_end();`.
 */
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int test_failures;

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

__attribute__((format(printf, 1, 2), unused)) static void show(const char *format, ...)
{
	char line[512];
	va_list args;
	int saved_errno = errno;

	va_start(args, format);
	int len = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	if (len > (int)sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	for (int done = 0; done < len;) {
		ssize_t n = write(1, line + done, len - done);
		if (n < 0 && errno != EINTR)
			break;
		if (n > 0)
			done += n;
	}
	errno = saved_errno;
}

__attribute__((unused)) static bool check_at(const char *what, bool is_true, int line)
{
	if (is_true) {
		show("ok %s", what);
	} else {
		__atomic_add_fetch(&test_failures, 1, __ATOMIC_RELAXED);
		show("FAIL %s (line %d, errno %d)", what, line, errno);
	}
	return is_true;
}
#define check(what, condition) check_at(what, condition, __LINE__)

/* The call must fail with this errno; shows the errno that came if not. */
#define check_errno(what, call, expected)                                       \
	do {                                                                    \
		errno = 0;                                                      \
		long result_ = (long)(call);                                    \
		int errno_ = errno;                                             \
		if (result_ == -1 && errno_ == (expected))                      \
			show("ok %s", what);                                    \
		else                                                            \
			show("FAIL %s (line %d): result %ld, errno %d, not %s", \
			     what, __LINE__, result_, errno_, #expected),       \
				(void)__atomic_add_fetch(&test_failures, 1,     \
							 __ATOMIC_RELAXED);     \
	} while (0)

/* Preconditions: what a test cannot go on without. */
#define need(condition)                                                          \
	do {                                                                     \
		if (!(condition)) {                                              \
			show("FAIL cannot go on: %s (line %d, errno %d)",        \
			     #condition, __LINE__, errno);                       \
			exit(99);                                                \
		}                                                                \
	} while (0)

__attribute__((unused)) static int test_end(void)
{
	show(test_failures ? "failed: %d" : "done", test_failures);
	return test_failures ? 1 : 0;
}

__attribute__((unused)) static int64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

__attribute__((unused)) static struct timespec ns_to_timespec(int64_t ns)
{
	return (struct timespec){ .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
}

__attribute__((unused)) static void sleep_ms(int ms)
{
	struct timespec left = ns_to_timespec(ms * 1000000LL);

	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}
