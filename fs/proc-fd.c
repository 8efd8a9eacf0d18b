/* SPDX-License-Identifier: MIT
 *
 * /proc/self/fd and /proc/self/fdinfo (proc(5)).
 */
#include "fs/dentry.h"
#include "fs/procfs.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "mmu/heap.h"

static struct fdtable *current_fds(void)
{
	return vfs_current_fds ? vfs_current_fds() : NULL;
}

static struct file *file_of(const struct pseudo_args *a)
{
	struct fdtable *t = current_fds();

	return t && a->id[0] <= INT32_MAX ? fd_get(t, (int)a->id[0]) : NULL;
}

static long next_fd(long n, struct pseudo_args *a)
{
	struct fdtable *t = current_fds();

	(void)a;
	return t && n <= INT32_MAX ? fd_next(t, (int)n) : -1;
}
PSEUDO_DIR(proc_fd, "/proc/self/fd/%", next_fd);
PSEUDO_DIR(proc_fdinfo, "/proc/self/fdinfo/%", next_fd);

static ssize_t fd_target(char *buf, size_t size, struct pseudo_args *a)
{
	struct fs_context *ctx = vfs_current_context ? vfs_current_context() : NULL;
	struct file *f = file_of(a);
	ssize_t r;

	if (!f)
		return -ENOENT;
	r = file_path(ctx ? ctx : vfs_kernel_context(), f, buf, size);
	file_put(f);
	return r;
}

static int fd_open(struct pseudo_args *a, struct file **out)
{
	*out = file_of(a);
	return *out ? 0 : -ENOENT;
}
PSEUDO_LINK(proc_fd, "/proc/self/fd/%", fd_target, fd_open);

static int show_fdinfo(struct text *t, struct pseudo_args *a)
{
	struct file *f = file_of(a);
	struct stat_info st = { 0 };
	char *buf;

	if (!f)
		return -ENOENT;
	if (file_stat(f, &st))
		st.ino = 0;
	text_printf(t, "pos:\t%llu\nflags:\t0%o\nmnt_id:\t%d\nino:\t%llu\n", (unsigned long long)READ_ONCE(f->pos),
		    READ_ONCE(f->flags) | (fd_get_cloexec(current_fds(), (int)a->id[0]) == 1 ? O_CLOEXEC : 0),
		    f->dentry && f->dentry->mount ? f->dentry->mount->id : 15, (unsigned long long)st.ino);
	buf = f->ops->fdinfo ? kmalloc(PAGE_SIZE) : NULL;
	if (buf)
		text_append(t, buf, MIN(f->ops->fdinfo(f, buf, PAGE_SIZE), PAGE_SIZE - 1));
	kfree(buf);
	file_put(f);
	return 0;
}
PSEUDO_FILE(proc_fdinfo, "/proc/self/fdinfo/%", 0444, show_fdinfo, NULL);
