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
	/*
	 * Of a write from the kernel. is_pages: each of at most 32 segments lies in one page of which the caller has a reference (page_get()); instead of copying, who takes the bytes may
	 * keep them as they are, with a reference of his own, and then says so in has_kept. Others see later changes of such bytes in either place. Who takes a segment to its end may
	 * have the caller's reference for it: bit nr - 1 of given, nr being how many segments were left. is_more: the rest comes at once.
	 */
	bool is_pages, has_kept, is_more;
	uint32_t given;
};

/* Has the reference of segment i of nr been given away? */
static inline bool uio_is_given(const struct uio *u, unsigned nr, unsigned i)
{
	return u->given >> (nr - 1 - i) & 1;
}

/* One segment; *iov is storage that must outlive the uio. */
static inline void uio_init(struct uio *u, struct iovec *iov, void *base, size_t len, bool is_kernel)
{
	iov->base = base;
	iov->len = len;
	*u = (struct uio){ .iov = iov, .nr = 1, .left = len, .is_kernel = is_kernel };
}

/* The bytes that lie together at the front of u, which is not empty; *len of them. */
static inline void *uio_front(struct uio *u, size_t *len)
{
	while (u->skip == u->iov->len && u->nr > 1) {
		u->iov++;
		u->nr--;
		u->skip = 0;
	}
	*len = u->iov->len - u->skip < u->left ? u->iov->len - u->skip : u->left;
	return (char *)u->iov->base + u->skip;
}

/* len of them are done. */
static inline void uio_skip(struct uio *u, size_t len)
{
	u->skip += len;
	u->left -= len;
}

/* Move up to len bytes between buf and the front of u, and consume them. Returns the number moved: short only if u ran out or a fault; -EFAULT if a fault came at once. */
ssize_t uio_copy_to(struct uio *u, const void *buf, size_t len);	/* kernel buf -> u (a read) */
ssize_t uio_copy_from(struct uio *u, void *buf, size_t len);		/* u -> kernel buf (a write) */
ssize_t uio_zero(struct uio *u, size_t len);
