// SPDX-License-Identifier: MIT
/* getdents64(2), getdents(2): entries of directories. */
#include "fs/inotify.h"
#include "linux/sys-util.h"

/* struct linux_dirent64. The older struct linux_dirent has the name where the type is, and the type in the last byte. */
struct dirent_abi {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

struct user_dirents {
	struct dirent_sink sink;
	vaddr_t buf;
	size_t left, done;
	bool is_old, has_faulted;
};

static int put_record(struct user_dirents *u, const char *name, size_t len, struct dirent_abi *d)
{
	vaddr_t to = u->buf + u->done, end = to + d->reclen;
	size_t header = offsetof(struct dirent_abi, name) - u->is_old;

	if (copy_to_user((void *)to, d, header) || copy_to_user((void *)(to + header), name, len) ||
	    zero_user((void *)(to + header + len), d->reclen - header - len))
		return -EFAULT;
	return u->is_old ? copy_to_user((void *)(end - 1), &d->type, 1) : 0;
}

static int emit_dirent(struct dirent_sink *s, const char *name, size_t len, uint64_t ino, uint64_t next_off, uint8_t type)
{
	struct user_dirents *u = container_of(s, struct user_dirents, sink);
	size_t reclen = ALIGN_UP(offsetof(struct dirent_abi, name) + len + 1, 8);
	struct dirent_abi d = { ino, (int64_t)next_off, (uint16_t)reclen, type };

	if (reclen > u->left)
		return -EINVAL;
	if (put_record(u, name, len, &d)) {
		u->has_faulted = true;
		return -EFAULT;
	}
	u->done += reclen;
	u->left -= reclen;
	return 0;
}

static long get_entries(long fd, struct user_dirents *u)
{
	struct file *f = fd_file(fd);
	long r;

	if (!f)
		return -EBADF;
	if (f->flags & O_PATH) {
		file_put(f);
		return -EBADF;
	}
	r = f->ops->getdents ? f->ops->getdents(f, &u->sink) : -ENOTDIR;
	if (f->vnode && f->ops->getdents)
		inotify_file_event(f->vnode, f->dentry, IN_ACCESS);
	file_put(f);
	if (u->done)
		return (long)u->done;
	return u->has_faulted ? -EFAULT : r < 0 ? r : 0;
}

/* Linux counts the room in an int: a size above its maximum is room for nothing. */
static size_t room(int32_t size)
{
	return size < 0 ? 0 : (size_t)size;
}

long sys_getdents64(long fd, long buf, long size)
{
	struct user_dirents u = { .sink = { emit_dirent }, .buf = (vaddr_t)buf, .left = room((int32_t)size) };

	return get_entries(fd, &u);
}

long sys_getdents(long fd, long buf, long size)
{
	struct user_dirents u = { .sink = { emit_dirent }, .buf = (vaddr_t)buf, .left = room((int32_t)size), .is_old = true };

	return get_entries(fd, &u);
}
