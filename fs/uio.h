/* SPDX-License-Identifier: MIT
 *
 * Where the bytes of a read go or those of a write come from: an array of segments, in the application or in the kernel, consumed from the front.
 */
#pragma once

#include "libc/types.h"

struct iovec {
	void *base;
	size_t len;
};

struct uio {
	const struct iovec *iov;	/* borrow */
	unsigned nr;			/* segments left */
	size_t skip;			/* bytes done of iov[0] */
	size_t left;			/* bytes left in all */
	bool is_kernel;			/* segments are kernel memory */
};

/* One segment; *iov is storage that must outlive the uio. */
static inline void uio_init(struct uio *u, struct iovec *iov, void *base, size_t len, bool is_kernel)
{
	iov->base = base;
	iov->len = len;
	*u = (struct uio){ .iov = iov, .nr = 1, .left = len, .is_kernel = is_kernel };
}

/* Move up to len bytes between buf and the front of u, and consume them. Returns the number moved: short only if u ran out or a fault; -EFAULT if a fault came at once. */
ssize_t uio_copy_to(struct uio *u, const void *buf, size_t len);	/* kernel buf -> u (a read) */
ssize_t uio_copy_from(struct uio *u, void *buf, size_t len);		/* u -> kernel buf (a write) */
ssize_t uio_zero(struct uio *u, size_t len);
