/* SPDX-License-Identifier: MIT */
/* System calls of inotify(7) but inotify_init1: fs/inotify.c does the work. */
#include "fs/file.h"
#include "fs/inotify.h"
#include "fs/vnode.h"
#include "libc/errno.h"
#include "linux/sys-util.h"
#include "linux/syscalls.h"

static int add(struct file *f, long pathname, uint32_t mask)
{
	struct path_arg p;
	struct vnode *v;
	int r;

	r = (int)path_arg_get(&p, AT_FDCWD, pathname, 0);
	if (r)
		return r;
	r = vfs_lookup_vnode(fs_current(), NULL, p.name, mask & IN_DONT_FOLLOW ? AT_SYMLINK_NOFOLLOW : 0, &v);
	path_arg_put(&p);
	if (r)
		return r;
	r = vnode_permission(v, MAY_READ);
	if (!r && (mask & IN_ONLYDIR) && !vnode_is_dir(v))
		r = -ENOTDIR;
	if (!r)
		r = inotify_add(f, v, mask);
	vnode_put(v);
	return r;
}

long sys_inotify_add_watch(long fd, long pathname, long mask)
{
	struct file *f = fd_file(fd);
	long r;

	if (!f)
		return -EBADF;
	r = add(f, pathname, (uint32_t)mask);
	file_put(f);
	return r;
}

long sys_inotify_rm_watch(long fd, long wd)
{
	struct file *f = fd_file(fd);
	long r;

	if (!f)
		return -EBADF;
	r = inotify_remove(f, (int)wd);
	file_put(f);
	return r;
}
