/* SPDX-License-Identifier: MIT
 *
 * Open file descriptions: creation, the last close, and the checked calls.
 */
#include "fs/file.h"

#include "fs/async.h"
#include "fs/dentry.h"
#include "fs/epoll.h"
#include "fs/inotify.h"
#include "fs/special-priv.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"

bool file_tables_are_shared;

/*
 * The memory of one file that went last, for the next: open, read, close by turns is what servers of files do. Taken and given by an exchange, by anybody: who takes it owns it
 * alone. Not with DEBUG, where the heap looks for uses after the free.
 */
static struct file *spare;	/* [a] */

static inline struct file *take_spare(void)
{
	/* acquire: the last uses of the memory. Pairs: give_back */
	return atomic_load(&spare, RELAXED) ? atomic_exchange(&spare, NULL, ACQUIRE) : NULL;
}

static inline void give_back(struct file *f)
{
#ifndef DEBUG
	if (!atomic_load(&spare, RELAXED))
		f = atomic_exchange(&spare, f, ACQ_REL);	/* release: as above; acquire: another that was given meanwhile, which is freed */
#endif
	if (unlikely(f))
		kfree(f);
}

struct file *file_alloc(const struct file_ops *ops, unsigned flags, void *private)
{
	struct file *f = take_spare();

	if (unlikely(!f)) {
		f = kmalloc(sizeof(*f));
		if (!f)
			return NULL;
	}
	/* One by one, all but rcu: a call of memset would be twice as long. */
	f->refs = 1;
	f->flags = flags;
	f->ops = ops;
	f->pos = 0;
	f->pos_lock = (struct mutex)MUTEX_INIT;
	f->vnode = NULL;
	f->dentry = NULL;
	f->private = private;
	f->kind = NULL;
	f->async = NULL;
	list_init(&f->epoll_items);
	f->epoll_lock = (struct mutex)MUTEX_INIT;
	f->was_watched = false;
	f->claim = 0;
	f->has_position = false;
	f->plain = 0;
	return f;
}

static void file_free_rcu(struct rcu_head *head)
{
	kfree(container_of(head, struct file, rcu));
}

/* The count has become 0. Whoever finds f in a table just now may still count up, before the file is dead: then it lives until that one puts it. */
void file_last_put(struct file *f)
{
	uint32_t none = 0;

	/* acq_rel: all uses of f before the free. Pairs: file_put, fd_get */
	if (!atomic_cas(&f->refs, &none, FILE_DEAD, ACQ_REL))
		return;
	epoll_forget_file(f);
	if (unlikely(f->async))
		file_async_release(f);
	if (f->vnode) {
		if (unlikely(atomic_load(&inotify_nr_watches, RELAXED)) && !(f->flags & O_PATH))
			inotify_file_event(f->vnode, f->dentry, (f->flags & O_ACCMODE) == O_RDONLY ? IN_CLOSE_NOWRITE : IN_CLOSE_WRITE);
		if (unlikely(f->vnode->locks))
			file_locks_release(f, f);
		if (unlikely(f->claim))
			vnode_unclaim(f->vnode, f->claim);
	}
	if (f->ops->release)
		f->ops->release(f);
	if (f->dentry)
		dentry_put(f->dentry);
	if (atomic_load(&file_tables_are_shared, RELAXED))
		rcu_defer(&f->rcu, file_free_rcu);
	else
		give_back(f);
}

int file_deny_write(struct file *f)
{
	int r = vnode_claim(f->vnode, VNODE_RUNS);

	if (!r)
		f->claim = VNODE_RUNS;
	return r;
}

uint8_t file_is_plain(const struct file *f)
{
	unsigned flags = READ_ONCE(f->flags), plain = 0;

	if (f->has_position || f->vnode || (flags & O_PATH))
		return 0;
	if (f->ops->read && FILE_MAY_READ(flags))
		plain |= f->ops->read_buf ? FILE_PLAIN_READ | FILE_PLAIN_READ_BUF : FILE_PLAIN_READ;
	if (f->ops->write && FILE_MAY_WRITE(flags))
		plain |= f->ops->write_buf ? FILE_PLAIN_WRITE | FILE_PLAIN_WRITE_BUF : FILE_PLAIN_WRITE;
	return (uint8_t)plain;
}

/* That a file has no positions is told before that it was not opened for this (pread(2), pwrite(2)). */
static int error_of_access(const struct file *f, unsigned flags, const uint64_t *pos)
{
	return pos && !f->ops->seek && !(flags & O_PATH) ? -ESPIPE : -EBADF;
}

/* POSIX wants read(2) and write(2) on regular files to be atomic with respect to the position: has_position says where that means anything. */
ssize_t file_read(struct file *f, struct uio *u, uint64_t *pos)
{
	unsigned flags = READ_ONCE(f->flags);
	ssize_t r;

	if (!FILE_MAY_READ(flags) || (flags & O_PATH))
		return error_of_access(f, flags, pos);
	if (unlikely(pos && !f->ops->seek && !(f->vnode && vnode_is_dir(f->vnode))))
		return -ESPIPE;
	if (!f->ops->read)
		return f->vnode && vnode_is_dir(f->vnode) ? -EISDIR : -EINVAL;
	if (pos || !f->has_position) {
		r = f->ops->read(f, u, pos ? pos : &f->pos);
	} else {
		mutex_lock(&f->pos_lock);
		r = f->ops->read(f, u, &f->pos);
		mutex_unlock(&f->pos_lock);
	}
	if (unlikely(inotify_nr_watches) && f->vnode && r > 0)
		inotify_file_event(f->vnode, f->dentry, IN_ACCESS);
	return r;
}

ssize_t file_read_at(struct file *f, void __user *buf, size_t len, uint64_t off)
{
	unsigned flags = READ_ONCE(f->flags);

	if (unlikely(!f->ops->read_at || (flags & O_PATH) || !FILE_MAY_READ(flags) || atomic_load(&inotify_nr_watches, RELAXED)))
		return -EAGAIN;
	return f->ops->read_at(f, buf, len, off);
}

ssize_t file_write(struct file *f, struct uio *u, uint64_t *pos)
{
	unsigned flags = READ_ONCE(f->flags);
	ssize_t r;

	if (!FILE_MAY_WRITE(flags) || (flags & O_PATH))
		return error_of_access(f, flags, pos);
	if (unlikely(pos && !f->ops->seek))
		return -ESPIPE;
	if (!f->ops->write)
		return -EINVAL;
	if (pos || !f->has_position) {
		r = f->ops->write(f, u, pos ? pos : &f->pos);
	} else {
		mutex_lock(&f->pos_lock);
		r = f->ops->write(f, u, &f->pos);
		mutex_unlock(&f->pos_lock);
	}
	if (unlikely(inotify_nr_watches) && f->vnode && r > 0)
		inotify_file_event(f->vnode, f->dentry, IN_MODIFY);
	return r;
}

/* Event descriptors (eventfd, timerfd, ...) have one that is always 0, for lseek(2) alone; pipes, sockets, devices have none. */
static bool has_no_position(const struct file *f)
{
	return f->vnode || !f->kind || f->kind[0] == '/' || strcmp(f->kind, "pipe") == 0 || strcmp(f->kind, "socket") == 0;
}

int64_t file_seek(struct file *f, int64_t off, int whence)
{
	int64_t r;

	if (READ_ONCE(f->flags) & O_PATH)
		return -EBADF;
	if (!f->ops->seek)
		return has_no_position(f) ? -ESPIPE : whence < 0 || whence > 4 ? -EINVAL : 0;
	mutex_lock(&f->pos_lock);
	r = f->ops->seek(f, off, whence);
	mutex_unlock(&f->pos_lock);
	return r;
}

uint32_t file_poll(struct file *f, struct poll_table *pt)
{
	if (READ_ONCE(f->flags) & O_PATH)
		return FILE_POLLNVAL;
	if (!f->ops->poll)
		return FILE_POLLIN | FILE_POLLRDNORM | FILE_POLLOUT | FILE_POLLWRNORM;
	return f->ops->poll(f, pt);
}

int file_stat(struct file *f, struct stat_info *out)
{
	if (f->ops->stat)
		return f->ops->stat(f, out);
	if (!f->vnode)
		return special_anon_stat(f, out);
	if (f->vnode->ops->getattr)
		return f->vnode->ops->getattr(f->vnode, out);
	vnode_stat(f->vnode, out);
	return 0;
}
