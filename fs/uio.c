/* SPDX-License-Identifier: MIT
 *
 * Moving bytes to and from the segments of a read or write.
 */
#include "fs/uio.h"

#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/user.h"

/* Bytes not moved between the segment's memory and buf (NULL: zero the segment). */
static size_t move(const struct uio *u, void *seg, void *buf, size_t len, bool to_seg)
{
	if (u->is_kernel) {
		if (!buf)
			memset(seg, 0, len);
		else if (to_seg)
			memcpy(seg, buf, len);
		else
			memcpy(buf, seg, len);
		return 0;
	}
	if (!user_range_ok(seg, len))
		return len;
	if (!buf)
		return arch_user_zero(seg, len);
	return to_seg ? arch_user_copy(seg, buf, len) : arch_user_copy(buf, seg, len);
}

static ssize_t transfer(struct uio *u, uint8_t *buf, size_t len, bool to_seg)
{
	size_t done = 0;

	if (len > u->left)
		len = u->left;
	while (done < len) {
		size_t room = u->iov->len - u->skip, n = MIN(room, len - done), missed;

		if (n) {
			missed = move(u, (uint8_t *)u->iov->base + u->skip, buf ? buf + done : NULL, n, to_seg);
			n -= missed;
			u->skip += n;
			u->left -= n;
			done += n;
			if (missed)
				return done ? (ssize_t)done : -EFAULT;
		}
		if (!n && u->nr <= 1)
			break;		/* left promised more than there is */
		if (u->skip == u->iov->len && u->nr > 1) {
			u->iov++;
			u->nr--;
			u->skip = 0;
		}
	}
	return (ssize_t)done;
}

ssize_t uio_copy_to(struct uio *u, const void *buf, size_t len)
{
	return transfer(u, (uint8_t *)(uintptr_t)buf, len, true);
}

ssize_t uio_copy_from(struct uio *u, void *buf, size_t len)
{
	return transfer(u, buf, len, false);
}

ssize_t uio_zero(struct uio *u, size_t len)
{
	return transfer(u, NULL, len, true);
}
