/* SPDX-License-Identifier: MIT
 *
 * Moving bytes to and from the segments of a read or write.
 */
#include "fs/uio.h"

#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/user.h"

enum op { TO_SEGMENT, FROM_SEGMENT, ZERO_SEGMENT };

/* Bytes not moved between the segment's memory and buf. */
static inline size_t move(bool is_kernel, enum op op, void *seg, uint8_t *buf, size_t len)
{
	if (unlikely(is_kernel)) {
		if (op == ZERO_SEGMENT)
			memset(seg, 0, len);
		else if (op == TO_SEGMENT)
			memcpy(seg, buf, len);
		else
			memcpy(buf, seg, len);
		return 0;
	}
	if (unlikely(!user_range_ok(seg, len)))
		return len;
	if (op == ZERO_SEGMENT)
		return arch_user_zero(seg, len);
	return op == TO_SEGMENT ? arch_user_copy(seg, buf, len) : arch_user_copy(buf, seg, len);
}

/* Several segments. */
static inline ssize_t transfer_many(struct uio *u, enum op op, uint8_t *buf, size_t len)
{
	const struct iovec *iov = u->iov;
	size_t done = 0, skip = u->skip, missed = 0;
	unsigned nr = u->nr;

	while (done < len) {
		size_t n = MIN(iov->len - skip, len - done);

		if (likely(n)) {
			missed = move(u->is_kernel, op, (uint8_t *)iov->base + skip, buf + done, n);
			skip += n - missed;
			done += n - missed;
			if (unlikely(missed))
				break;
		}
		if (skip == iov->len) {
			if (nr <= 1)
				break;		/* the end, or left promised more than there is */
			iov++;
			nr--;
			skip = 0;
		}
	}
	u->iov = iov;
	u->nr = nr;
	u->skip = skip;
	u->left -= done;
	return unlikely(missed && !done) ? -EFAULT : (ssize_t)done;
}

static __attribute__((noinline)) ssize_t transfer_many_to(struct uio *u, uint8_t *buf, size_t len)
{
	return transfer_many(u, TO_SEGMENT, buf, len);
}

static __attribute__((noinline)) ssize_t transfer_many_from(struct uio *u, uint8_t *buf, size_t len)
{
	return transfer_many(u, FROM_SEGMENT, buf, len);
}

static __attribute__((noinline)) ssize_t transfer_many_zero(struct uio *u, uint8_t *buf, size_t len)
{
	return transfer_many(u, ZERO_SEGMENT, buf, len);
}

static inline ssize_t transfer(struct uio *u, enum op op, uint8_t *buf, size_t len)
{
	size_t missed;

	if (len > u->left)
		len = u->left;
	/* Inside the segment, and not up to its end unless it is the last: the usual case. */
	if (unlikely(len > u->iov->len - u->skip || (u->nr > 1 && len == u->iov->len - u->skip)))
		return op == TO_SEGMENT ? transfer_many_to(u, buf, len) : op == FROM_SEGMENT ? transfer_many_from(u, buf, len) : transfer_many_zero(u, buf, len);
	if (unlikely(!len))
		return 0;
	missed = move(u->is_kernel, op, (uint8_t *)u->iov->base + u->skip, buf, len);
	u->skip += len - missed;
	u->left -= len - missed;
	return unlikely(missed == len) ? -EFAULT : (ssize_t)(len - missed);
}

ssize_t uio_copy_to(struct uio *u, const void *buf, size_t len)
{
	return transfer(u, TO_SEGMENT, (uint8_t *)(uintptr_t)buf, len);
}

ssize_t uio_copy_from(struct uio *u, void *buf, size_t len)
{
	return transfer(u, FROM_SEGMENT, buf, len);
}

ssize_t uio_zero(struct uio *u, size_t len)
{
	return transfer(u, ZERO_SEGMENT, NULL, len);
}
