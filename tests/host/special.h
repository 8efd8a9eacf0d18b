/* SPDX-License-Identifier: MIT
 *
 * Short hands of the tests of special files.
 */
#pragma once

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs/file.h"
#include "fs/uio.h"
#include "libc/errno.h"

#define CHECK(cond) \
	do { \
		if (!(cond)) { \
			fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #cond); \
			exit(1); \
		} \
	} while (0)
#define CHECK_EQ(a, b) \
	do { \
		long long a_ = (long long)(a), b_ = (long long)(b); \
		if (a_ != b_) { \
			fprintf(stderr, "%s:%d: %s = %lld, expected %s = %lld\n", __FILE__, __LINE__, #a, a_, #b, b_); \
			exit(1); \
		} \
	} while (0)

static inline ssize_t do_read(struct file *f, void *buf, size_t len)
{
	struct iovec iov;
	struct uio u;

	uio_init(&u, &iov, buf, len, false);
	return file_read(f, &u, NULL);
}

static inline ssize_t do_write(struct file *f, const void *buf, size_t len)
{
	struct iovec iov;
	struct uio u;

	uio_init(&u, &iov, (void *)(uintptr_t)buf, len, false);
	return file_write(f, &u, NULL);
}

static inline void nap_ms(unsigned ms)
{
	struct timespec ts = { ms / 1000, (ms % 1000) * 1000000l };

	nanosleep(&ts, NULL);
}

/* fake-special.c: page_alloc() gives nothing while it is set. */
extern bool fake_page_alloc_fails;
extern bool fake_timers_are_held;	/* armed ones do not run */
extern unsigned fake_nr_kfree;		/* calls so far */
unsigned fake_nr_pages(void);		/* blocks of page_alloc() that are not freed */
