/* SPDX-License-Identifier: MIT
 *
 * fs/file.c without names: for tests of special files.
 */
#include <stdlib.h>

#include "fs/epoll.h"
#include "fs/file.h"
#include "fs/vnode.h"
#include "libc/errno.h"
#include "mmu/heap.h"

struct file *file_alloc(const struct file_ops *ops, unsigned flags, void *private)
{
	struct file *f = calloc(1, sizeof(*f));

	f->ops = ops;
	f->refs = 1;
	f->flags = flags;
	f->private = private;
	list_init(&f->epoll_items);
	return f;
}

void file_last_put(struct file *f)
{
	epoll_forget_file(f);
	if (f->ops->release)
		f->ops->release(f);
	free(f);
}

ssize_t file_read(struct file *f, struct uio *u, uint64_t *pos)
{
	if ((f->flags & O_ACCMODE) == O_WRONLY)
		return -EBADF;
	return f->ops->read ? f->ops->read(f, u, pos ? pos : &f->pos) : -EINVAL;
}

ssize_t file_write(struct file *f, struct uio *u, uint64_t *pos)
{
	if ((f->flags & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	return f->ops->write ? f->ops->write(f, u, pos ? pos : &f->pos) : -EINVAL;
}

uint32_t file_poll(struct file *f, struct poll_table *pt)
{
	return f->ops->poll ? f->ops->poll(f, pt) : FILE_POLLIN | FILE_POLLOUT;
}

/* Nobody looks at the times of files without a name here. */
void vnode_now(struct timespec64 *t)
{
	*t = (struct timespec64){ 0 };
}
