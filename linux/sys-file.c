// SPDX-License-Identifier: MIT
/*
 * System calls on open files: reading, writing, descriptors, fcntl. Each takes a reference on the file for its duration, checks its arguments and calls fs/.
 */
#include <arch/abi.h>

#include "fs/fdtable.h"
#include "fs/uio.h"
#include "libc/string.h"
#include "linux/sigio.h"
#include "linux/signal.h"
#include "linux/sys-util.h"
#include "mmu/heap.h"

#define IOV_MAX		1024
#define IOV_SMALL	8

/* preadv2(2). */
#define RWF_HIPRI	0x01
#define RWF_DSYNC	0x02
#define RWF_SYNC	0x04
#define RWF_NOWAIT	0x08
#define RWF_APPEND	0x10

#define S_IFMT		0170000u
#define S_IFREG		0100000u
#define S_IFBLK		0060000u
#define S_IFIFO		0010000u
#define S_IFDIR		0040000u
#define S_IFLNK		0120000u

/* RLIMIT_FSIZE (setrlimit(2)): a regular file may not grow beyond it by a write of *len bytes at off. Cuts *len; -EFBIG and SIGXFSZ if nothing is left. */
static long limit_growth(uint64_t off, size_t *len)
{
	uint64_t limit = process_current()->rlimits[RLIMIT_FSIZE].cur;

	if (limit == RLIM_INFINITY || !*len)
		return 0;
	if (off >= limit) {
		(void)signal_send_task(task_current(), SIGXFSZ, NULL);
		return -EFBIG;
	}
	*len = MIN(*len, limit - off);
	return 0;
}

long limit_file_growth(struct file *f, uint64_t off, size_t *len)
{
	struct stat_info st;

	if (likely(process_current()->rlimits[RLIMIT_FSIZE].cur == RLIM_INFINITY) || file_stat(f, &st) || (st.mode & S_IFMT) != S_IFREG)
		return 0;
	return limit_growth(off, len);
}

static long limit_write(struct file *f, struct uio *u, const uint64_t *pos)
{
	struct stat_info st;
	uint64_t off;

	if (likely(process_current()->rlimits[RLIMIT_FSIZE].cur == RLIM_INFINITY) || !f->vnode)
		return 0;
	if (file_stat(f, &st) || (st.mode & S_IFMT) != S_IFREG)
		return 0;
	off = f->flags & O_APPEND ? st.size : pos ? *pos : f->pos;
	return limit_growth(off, &u->left);
}

static long transfer(struct file *f, struct uio *u, uint64_t *pos, bool is_write)
{
	long r;

	if (pos && unlikely((int64_t)(*pos + u->left) < 0) && f->ops->seek)
		return -EINVAL;
	if (!is_write)
		return file_read(f, u, pos);
	r = limit_write(f, u, pos);
	return r ? r : broken_pipe(f, file_write(f, u, pos));
}

/* f: held by the caller, or NULL: not open. */
static __attribute__((noinline)) long transfer_one(struct file *f, long buf, long len, uint64_t *pos, bool is_write)
{
	struct iovec iov;
	struct uio u;

	if (!f)
		return -EBADF;
	if ((size_t)len > RW_MAX) {
		if (len < 0 && !user_range_ok((void *)buf, (size_t)len))
			return -EFAULT;
		len = RW_MAX;
	}
	uio_init(&u, &iov, (void *)buf, (size_t)len, false);
	return transfer(f, &u, pos, is_write);
}

/* Pipes, sockets: nothing stands between the call and the file's operation. A counted f is put. */
static inline long read_plain(struct file *f, long buf, long len, bool is_counted)
{
	struct iovec iov;
	struct uio u;
	long r;

	if (!f || !(atomic_load(&f->plain, RELAXED) & FILE_PLAIN_READ) || (size_t)len > RW_MAX) {
		r = transfer_one(f, buf, len, NULL, false);
	} else {
		uio_init(&u, &iov, (void *)buf, (size_t)len, false);
		r = f->ops->read(f, &u, &f->pos);
	}
	if (is_counted && f)
		file_put(f);
	return r;
}

static inline long write_plain(struct file *f, long buf, long len, bool is_counted)
{
	struct iovec iov;
	struct uio u;
	long r;

	if (!f || !(atomic_load(&f->plain, RELAXED) & FILE_PLAIN_WRITE) || (size_t)len > RW_MAX) {
		r = transfer_one(f, buf, len, NULL, true);
	} else {
		uio_init(&u, &iov, (void *)buf, (size_t)len, false);
		r = f->ops->write(f, &u, &f->pos);
		if (unlikely(r == -EPIPE))
			r = broken_pipe(f, r);
	}
	if (is_counted && f)
		file_put(f);
	return r;
}

/* One for each, so that the calls below end with a branch to them. */
static __attribute__((noinline)) long read_counted(struct file *f, long buf, long len)
{
	return read_plain(f, buf, len, true);
}

static __attribute__((noinline)) long read_borrowed(struct file *f, long buf, long len)
{
	return read_plain(f, buf, len, false);
}

static __attribute__((noinline)) long write_counted(struct file *f, long buf, long len)
{
	return write_plain(f, buf, len, true);
}

static __attribute__((noinline)) long write_borrowed(struct file *f, long buf, long len)
{
	return write_plain(f, buf, len, false);
}

static bool is_plain(const struct file *f, unsigned how)
{
	return f && (atomic_load(&f->plain, RELAXED) & how);
}

/* Event descriptors: not even a uio. */
long sys_read(long fd, long buf, long len)
{
	struct fdtable *t = process_current()->files;
	struct file *f;
	long r;

	if (fd_can_borrow(t)) {
		f = fd_borrow(t, fd);
		return is_plain(f, FILE_PLAIN_READ_BUF) ? f->ops->read_buf(f, (void *)buf, (size_t)len) : read_borrowed(f, buf, len);
	}
	f = fd_get_inline(t, fd);
	if (!is_plain(f, FILE_PLAIN_READ_BUF))
		return read_counted(f, buf, len);
	r = f->ops->read_buf(f, (void *)buf, (size_t)len);
	file_put(f);
	return r;
}

long sys_write(long fd, long buf, long len)
{
	struct fdtable *t = process_current()->files;
	struct file *f;
	long r;

	if (fd_can_borrow(t)) {
		f = fd_borrow(t, fd);
		return is_plain(f, FILE_PLAIN_WRITE_BUF) ? f->ops->write_buf(f, (const void *)buf, (size_t)len) : write_borrowed(f, buf, len);
	}
	f = fd_get_inline(t, fd);
	if (!is_plain(f, FILE_PLAIN_WRITE_BUF))
		return write_counted(f, buf, len);
	r = f->ops->write_buf(f, (const void *)buf, (size_t)len);
	file_put(f);
	return r;
}

static __attribute__((noinline)) long pread_slow(struct file *f, long buf, long len, long off)
{
	uint64_t pos = (uint64_t)off;

	return transfer_one(f, buf, len, &pos, false);
}

long sys_pread64(long fd, long buf, long len, long off)
{
	bool is_counted;
	struct file *f;
	long r = -EAGAIN;

	if (unlikely(off < 0))
		return -EINVAL;
	f = fd_hold(process_current()->files, fd, &is_counted);
	if (likely(f && (size_t)len <= RW_MAX))
		r = file_read_at(f, (void *)buf, (size_t)len, (uint64_t)off);
	if (unlikely(r == -EAGAIN))
		r = pread_slow(f, buf, len, off);
	if (f)
		fd_drop(f, is_counted);
	return r;
}

long sys_pwrite64(long fd, long buf, long len, long off)
{
	uint64_t pos = (uint64_t)off;
	bool is_counted;
	struct file *f;
	long r;

	if (off < 0)
		return -EINVAL;
	f = fd_hold(process_current()->files, fd, &is_counted);
	r = transfer_one(f, buf, len, &pos, true);
	if (f)
		fd_drop(f, is_counted);
	return r;
}

/* Copy in and check an array of iovecs. *iov is small or allocated. Total length, or -errno. */
static ssize_t iov_get(long ptr, long nr, struct iovec *small, struct iovec **iov)
{
	size_t total = 0;

	*iov = small;
	if (nr < 0 || nr > IOV_MAX)
		return -EINVAL;
	if (nr > IOV_SMALL) {
		*iov = kmalloc((size_t)nr * sizeof(**iov));
		if (!*iov)
			return -ENOMEM;
	}
	if (copy_from_user(*iov, (const void *)ptr, (size_t)nr * sizeof(**iov)))
		goto err_fault;
	for (long i = 0; i < nr; i++) {
		struct iovec *v = &(*iov)[i];

		if (unlikely((ssize_t)v->len < 0))
			goto err_invalid;
		if (unlikely(!user_range_ok(v->base, v->len)))
			goto err_fault;
		v->len = MIN(v->len, RW_MAX - total);
		total += v->len;
	}
	return (ssize_t)total;
err_fault:
	if (*iov != small)
		kfree(*iov);
	return -EFAULT;
err_invalid:
	if (*iov != small)
		kfree(*iov);
	return -EINVAL;
}

static inline long transfer_vector(long fd, long ptr, long nr, uint64_t *pos, bool is_write)
{
	struct iovec small[IOV_SMALL], *iov;
	bool is_counted;
	struct file *f = fd_hold(process_current()->files, fd, &is_counted);
	struct uio u;
	ssize_t total;
	long r;

	if (unlikely(!f))
		return -EBADF;
	total = iov_get(ptr, nr, small, &iov);
	if (unlikely(total < 0)) {
		fd_drop(f, is_counted);
		return total;
	}
	u = (struct uio){ .iov = iov, .nr = (unsigned)nr, .left = (size_t)total };
	if (!pos && (atomic_load(&f->plain, RELAXED) & (is_write ? FILE_PLAIN_WRITE : FILE_PLAIN_READ))) {
		r = is_write ? f->ops->write(f, &u, &f->pos) : f->ops->read(f, &u, &f->pos);
		if (is_write && unlikely(r == -EPIPE))
			r = broken_pipe(f, r);
	} else {
		r = transfer(f, &u, pos, is_write);
	}
	if (unlikely(iov != small))
		kfree(iov);
	fd_drop(f, is_counted);
	return r;
}

long sys_readv(long fd, long iov, long nr)
{
	return transfer_vector(fd, iov, nr, NULL, false);
}

long sys_writev(long fd, long iov, long nr)
{
	return transfer_vector(fd, iov, nr, NULL, true);
}

/* The offset comes in two halves; on 64-bit ports the first is all of it. */
long sys_preadv(long fd, long iov, long nr, long off, long off_high)
{
	uint64_t pos = (uint64_t)off;

	(void)off_high;
	return off < 0 ? -EINVAL : transfer_vector(fd, iov, nr, &pos, false);
}

long sys_pwritev(long fd, long iov, long nr, long off, long off_high)
{
	uint64_t pos = (uint64_t)off;

	(void)off_high;
	return off < 0 ? -EINVAL : transfer_vector(fd, iov, nr, &pos, true);
}

/* With flags that the open file has not: a copy of it has them, for the time of the call. Only flags and position of a file change, and its operations look at nothing else. */
static long transfer_as(long fd, struct uio *u, uint64_t *pos, unsigned flags, bool is_write)
{
	struct file *f = fd_file(fd), as;
	long r;

	if (!f)
		return -EBADF;
	/* As on Linux only few kinds of files promise not to wait for one call. */
	if ((flags & O_NONBLOCK) && (!f->kind || strcmp(f->kind, "eventfd") != 0)) {
		file_put(f);
		return -EOPNOTSUPP;
	}
	as = *f;
	as.flags |= flags;
	as.pos_lock = (struct mutex)MUTEX_INIT;
	if (!pos && f->has_position) {
		mutex_lock(&f->pos_lock);
		as.pos = f->pos;
		r = transfer(&as, u, NULL, is_write);
		f->pos = as.pos;
		mutex_unlock(&f->pos_lock);
	} else {
		r = transfer(&as, u, pos, is_write);
	}
	file_put(f);
	return r;
}

static long transfer_vector2(long fd, long ptr, long nr, long off, long flags, bool is_write)
{
	struct iovec small[IOV_SMALL], *iov;
	uint64_t pos = (uint64_t)off;
	struct uio u;
	ssize_t total;
	long r;

	if (off < -1)
		return -EINVAL;
	if (flags & ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND))
		return -EOPNOTSUPP;
	if (!(flags & (RWF_NOWAIT | RWF_APPEND)))
		return transfer_vector(fd, ptr, nr, off == -1 ? NULL : &pos, is_write);
	total = iov_get(ptr, nr, small, &iov);
	if (total < 0)
		return total;
	u = (struct uio){ .iov = iov, .nr = (unsigned)nr, .left = (size_t)total };
	r = transfer_as(fd, &u, off == -1 ? NULL : &pos, (flags & RWF_NOWAIT ? O_NONBLOCK : 0) | (flags & RWF_APPEND ? O_APPEND : 0), is_write);
	if (iov != small)
		kfree(iov);
	return r;
}

long sys_preadv2(long fd, long iov, long nr, long off, long off_high, long flags)
{
	(void)off_high;
	return transfer_vector2(fd, iov, nr, off, flags, false);
}

long sys_pwritev2(long fd, long iov, long nr, long off, long off_high, long flags)
{
	(void)off_high;
	return transfer_vector2(fd, iov, nr, off, flags, true);
}

long sys_lseek(long fd, long off, long whence)
{
	struct file *f = fd_file(fd);
	long r;

	if (!f)
		return -EBADF;
	r = file_seek(f, off, (int)whence);
	file_put(f);
	return r;
}

long sys_close(long fd)
{
	return fd_close(process_current()->files, (int)fd);
}

#define CLOSE_RANGE_UNSHARE	2u
#define CLOSE_RANGE_CLOEXEC	4u

long sys_close_range(long first, long last, long flags)
{
	if ((unsigned)flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) || (unsigned)first > (unsigned)last)
		return -EINVAL;
	return fd_close_range(process_current()->files, (unsigned)first, (unsigned)last,
			      (unsigned)flags & CLOSE_RANGE_CLOEXEC);
}

long sys_dup(long fd)
{
	struct file *f = fd_file(fd);

	return f ? fd_return(f, false) : -EBADF;
}

long sys_dup3(long fd, long new_fd, long flags)
{
	struct file *f;
	long r;

	if (abi_open_flags((unsigned)flags) & ~(unsigned)O_CLOEXEC || (int)fd == (int)new_fd)
		return -EINVAL;
	f = fd_file(fd);
	if (!f)
		return -EBADF;
	r = fd_install_at(process_current()->files, f, (int)new_fd, flags != 0, fd_limit());
	if (r < 0)
		file_put(f);
	return r;
}

long sys_fsync(long fd)
{
	struct file *f = fd_file(fd);
	long r;

	if (!f)
		return -EBADF;
	r = f->flags & O_PATH ? -EBADF : f->ops->fsync ? f->ops->fsync(f, false) : -EINVAL;
	file_put(f);
	return r;
}

long sys_fdatasync(long fd)
{
	return sys_fsync(fd);
}

long sys_sync(void)
{
	return 0;
}

long sys_syncfs(long fd)
{
	struct file *f = fd_file(fd);
	long r;

	if (!f)
		return -EBADF;
	r = f->flags & O_PATH ? -EBADF : 0;
	file_put(f);
	return r;
}

/* The type of an open file, as S_IFMT has it, if fd is one; -EBADF. */
static long type_of_fd(long fd, bool for_reading)
{
	struct file *f = fd_file(fd);
	struct stat_info st = { 0 };
	long r;

	if (!f)
		return -EBADF;
	r = f->flags & O_PATH || (for_reading && !FILE_MAY_READ(f->flags)) ? -EBADF : file_stat(f, &st);
	file_put(f);
	return r ? r : (long)(st.mode & S_IFMT);
}

long sys_sync_file_range(long fd, long off, long len, long flags)
{
	long type = type_of_fd(fd, false);

	if (type < 0)
		return type;
	if (flags & ~7l || off < 0 || (int64_t)((uint64_t)off + (uint64_t)len) < off)
		return -EINVAL;
	return type == S_IFREG || type == S_IFBLK || type == S_IFDIR || type == S_IFLNK ? 0 : -ESPIPE;
}

long limit_size(uint64_t new_size, uint64_t size)
{
	size_t one = 1;

	return new_size > size ? limit_growth(new_size - 1, &one) : 0;
}

static long limit_truncate(struct file *f, uint64_t new_size)
{
	struct stat_info st;

	if (likely(process_current()->rlimits[RLIMIT_FSIZE].cur == RLIM_INFINITY))
		return 0;
	return file_stat(f, &st) ? 0 : limit_size(new_size, st.size);
}

long sys_ftruncate(long fd, long size)
{
	struct file *f;
	long r;

	if (size < 0)
		return -EINVAL;
	f = fd_file(fd);
	if (!f)
		return -EBADF;
	if (f->flags & O_PATH)
		r = -EBADF;
	else if (!FILE_MAY_WRITE(f->flags) || !f->ops->truncate)
		r = -EINVAL;
	else
		r = limit_truncate(f, (uint64_t)size);
	if (!r)
		r = f->ops->truncate(f, (uint64_t)size);
	file_put(f);
	return r;
}

#define FALLOC_KEEP_SIZE	0x01
#define FALLOC_PUNCH_HOLE	0x02
#define FALLOC_COLLAPSE		0x08
#define FALLOC_ZERO		0x10
#define FALLOC_INSERT		0x20
#define FALLOC_UNSHARE		0x40
#define FALLOC_KNOWN		0x7bl

/* Combinations that mean nothing, whatever the file system can do. */
static long check_fallocate_mode(long mode)
{
	if (mode & ~FALLOC_KNOWN || (mode & (FALLOC_PUNCH_HOLE | FALLOC_ZERO)) == (FALLOC_PUNCH_HOLE | FALLOC_ZERO) ||
	    (mode & (FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE)) == FALLOC_PUNCH_HOLE)
		return -EOPNOTSUPP;
	if ((mode & FALLOC_COLLAPSE && mode != FALLOC_COLLAPSE) || (mode & FALLOC_INSERT && mode != FALLOC_INSERT) ||
	    (mode & FALLOC_UNSHARE && mode & ~(FALLOC_UNSHARE | FALLOC_KEEP_SIZE)))
		return -EINVAL;
	return 0;
}

static long allocate(struct file *f, int mode, uint64_t off, uint64_t len)
{
	struct stat_info st;
	uint32_t type;
	long r;

	if (!FILE_MAY_WRITE(f->flags) || f->flags & O_PATH)
		return -EBADF;
	r = file_stat(f, &st);
	if (r)
		return r;
	type = st.mode & S_IFMT;
	if (type == S_IFIFO)
		return -ESPIPE;
	if (type != S_IFREG && type != S_IFBLK)
		return -ENODEV;
	if (off + len > INT64_MAX)
		return -EFBIG;
	if (!f->ops->allocate)
		return -EOPNOTSUPP;
	r = limit_size(off + len, st.size);	/* even if the size is kept, as on Linux's tmpfs */
	return r ? r : f->ops->allocate(f, mode, off, len);
}

long sys_fallocate(long fd, long mode, long off, long len)
{
	struct file *f = fd_file(fd);
	long r;

	if (!f)
		return -EBADF;
	r = off < 0 || len <= 0 ? -EINVAL : check_fallocate_mode((int)mode);
	if (!r)
		r = allocate(f, (int)mode, (uint64_t)off, (uint64_t)len);
	file_put(f);
	return r;
}

/* Advice only. */
long sys_fadvise64(long fd, long off, long len, long advice)
{
	long type = type_of_fd(fd, false);

	(void)off;
	if (type < 0)
		return type;
	return type == S_IFIFO ? -ESPIPE : len < 0 || advice < 0 || advice > 5 ? -EINVAL : 0;
}

long sys_readahead(long fd, long off, long len)
{
	long type = type_of_fd(fd, true);

	(void)off, (void)len;
	return type < 0 ? type : type == S_IFREG || type == S_IFBLK ? 0 : -EINVAL;
}

long sys_flock(long fd, long operation)
{
	struct file *f = fd_file(fd);
	long r;

	if (!f)
		return -EBADF;
	r = f->flags & O_PATH ? -EBADF : file_flock(f, (int)operation);
	file_put(f);
	return r;
}

#define FIONCLEX	0x5450
#define FIOCLEX		0x5451
#define FIONBIO		0x5421
#define FIONREAD	0x541bu

static long set_status_flag(struct file *f, unsigned flag, long arg)
{
	uint32_t on;

	if (user_load32((const uint32_t *)arg, &on))
		return -EFAULT;
	if (on)
		atomic_fetch_or(&f->flags, flag, RELAXED);
	else
		atomic_fetch_and(&f->flags, ~flag, RELAXED);
	return 0;
}

/* FIONREAD of a file: from its position to its end. */
static long bytes_to_read(struct file *f, long arg)
{
	struct stat_info st;
	int r = file_stat(f, &st), n;

	if (r)
		return r;
	if ((st.mode & S_IFMT) != S_IFREG)
		return -ENOTTY;
	n = (int)(st.size - READ_ONCE(f->pos));
	return copy_to_user((void *)arg, &n, sizeof(n));
}

long sys_ioctl(long fd, long cmd, long arg)
{
	struct file *f = fd_file(fd);
	long r;

	if (!f)
		return -EBADF;
	if (f->flags & O_PATH)
		r = -EBADF;
	else if ((unsigned)cmd == FIOCLEX || (unsigned)cmd == FIONCLEX)
		r = fd_set_cloexec(process_current()->files, (int)fd, (unsigned)cmd == FIOCLEX);
	else if ((unsigned)cmd == FIONBIO)
		r = set_status_flag(f, O_NONBLOCK, arg);
	else
		r = sigio_ioctl(f, (int)fd, (unsigned)cmd, arg);
	if (r == -ENOTTY)
		r = f->ops->ioctl ? f->ops->ioctl(f, (unsigned)cmd, (unsigned long)arg) : -ENOTTY;
	if (r == -ENOTTY && (unsigned)cmd == FIONREAD && f->vnode)
		r = bytes_to_read(f, arg);
	file_put(f);
	return r;
}
