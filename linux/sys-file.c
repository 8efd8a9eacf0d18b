// SPDX-License-Identifier: MIT
/*
 * System calls on open files: reading, writing, descriptors, fcntl. Each takes a reference on the file for its duration, checks its arguments and calls fs/.
 */
#include <arch/abi.h>

#include "fs/fdtable.h"
#include "fs/uio.h"
#include "libc/string.h"
#include "linux/signal.h"
#include "linux/sys-util.h"
#include "mmu/heap.h"

#define IOV_MAX		1024
#define IOV_SMALL	8

/* preadv2(2). RWF_NOWAIT and RWF_APPEND are refused. */
#define RWF_HIPRI	0x01
#define RWF_DSYNC	0x02
#define RWF_SYNC	0x04

#define S_IFMT		0170000u
#define S_IFREG		0100000u

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

static long limit_write(struct file *f, struct uio *u, const uint64_t *pos)
{
	struct stat_info st;
	uint64_t off;

	if (likely(process_current()->rlimits[RLIMIT_FSIZE].cur == RLIM_INFINITY) || !f->vnode)
		return 0;
	if (file_stat(f, &st) || (st.mode & S_IFMT) != S_IFREG)
		return 0;
	off = pos ? *pos : f->flags & O_APPEND ? st.size : f->pos;
	return limit_growth(off, &u->left);
}

static long transfer(struct file *f, struct uio *u, uint64_t *pos, bool is_write)
{
	long r;

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

static long transfer_vector2(long fd, long iov, long nr, long off, long flags, bool is_write)
{
	uint64_t pos = (uint64_t)off;

	if (flags & ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC))
		return -EOPNOTSUPP;
	if (off < -1)
		return -EINVAL;
	return transfer_vector(fd, iov, nr, off == -1 ? NULL : &pos, is_write);
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
	r = f->ops->fsync ? f->ops->fsync(f, false) : -EINVAL;
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

	if (!f)
		return -EBADF;
	file_put(f);
	return 0;
}

long sys_sync_file_range(long fd, long off, long len, long flags)
{
	if (off < 0 || len < 0 || flags & ~7l)
		return -EINVAL;
	return sys_syncfs(fd);
}

/* A file may not be made longer than the limit at all. */
static long limit_size(uint64_t size)
{
	size_t one = 1;

	return size ? limit_growth(size - 1, &one) : 0;
}

long sys_ftruncate(long fd, long size)
{
	struct file *f;
	long r;

	if (size < 0)
		return -EINVAL;
	r = limit_size((uint64_t)size);
	if (r)
		return r;
	f = fd_file(fd);
	if (!f)
		return -EBADF;
	if (f->flags & O_PATH)
		r = -EBADF;
	else if ((f->flags & O_ACCMODE) == O_RDONLY || !f->ops->truncate)
		r = -EINVAL;
	else
		r = f->ops->truncate(f, (uint64_t)size);
	file_put(f);
	return r;
}

long sys_fallocate(long fd, long mode, long off, long len)
{
	struct file *f;
	long r;

	if (off < 0 || len <= 0)
		return -EINVAL;
	if ((uint64_t)off + (uint64_t)len > INT64_MAX)
		return -EFBIG;
	r = limit_size((uint64_t)off + (uint64_t)len);
	if (r)
		return r;
	f = fd_file(fd);
	if (!f)
		return -EBADF;
	if ((f->flags & O_ACCMODE) == O_RDONLY)
		r = -EBADF;
	else if (!f->ops->allocate)
		r = f->ops->seek ? -EOPNOTSUPP : -ESPIPE;
	else
		r = f->ops->allocate(f, (int)mode, (uint64_t)off, (uint64_t)len);
	file_put(f);
	return r;
}

/* Advice only. */
long sys_fadvise64(long fd, long off, long len, long advice)
{
	struct file *f = fd_file(fd);
	bool can_seek;

	(void)off;
	if (!f)
		return -EBADF;
	can_seek = f->ops->seek != NULL;
	file_put(f);
	if (!can_seek)
		return -ESPIPE;
	return len < 0 || advice < 0 || advice > 5 ? -EINVAL : 0;
}

long sys_readahead(long fd, long off, long len)
{
	(void)off;
	(void)len;
	return sys_syncfs(fd);
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
#define FIOASYNC	0x5452
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
	return f->ops->set_flags ? f->ops->set_flags(f, f->flags) : 0;
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
	else if ((unsigned)cmd == FIOASYNC)
		r = set_status_flag(f, O_ASYNC, arg);
	else
		r = f->ops->ioctl ? f->ops->ioctl(f, (unsigned)cmd, (unsigned long)arg) : -ENOTTY;
	if (r == -ENOTTY && (unsigned)cmd == FIONREAD && f->vnode)
		r = bytes_to_read(f, arg);
	file_put(f);
	return r;
}

/* ---- moving bytes between files --------------------------------------------------------------------------------------- */

/* An offset argument that is a pointer, or 0 for the file's own. */
static int offset_get(long ptr, uint64_t *pos)
{
	if (!ptr)
		return 0;
	if (user_load64((const uint64_t *)ptr, pos))
		return -EFAULT;
	return (int64_t)*pos < 0 ? -EINVAL : 0;
}

static long move(long in_fd, long in_off, long out_fd, long out_off, long len, long flags)
{
	uint64_t in_pos = 0, out_pos = 0;
	struct file *in, *out;
	long r = offset_get(in_off, &in_pos);

	if (!r)
		r = offset_get(out_off, &out_pos);
	if (r)
		return r;
	in = fd_file(in_fd);
	out = fd_file(out_fd);
	r = -EBADF;
	if (!in || !out || (in->flags & O_ACCMODE) == O_WRONLY || (out->flags & O_ACCMODE) == O_RDONLY ||
	    (in->flags | out->flags) & O_PATH)
		goto out_put;
	r = signal_pipe(file_splice(in, in_off ? &in_pos : NULL, out, out_off ? &out_pos : NULL,
				    MIN((size_t)len, RW_MAX), (unsigned)flags));
	if (r > 0 && in_off && user_store64((uint64_t *)in_off, in_pos))
		r = -EFAULT;
	if (r > 0 && out_off && user_store64((uint64_t *)out_off, out_pos))
		r = -EFAULT;
out_put:
	if (in)
		file_put(in);
	if (out)
		file_put(out);
	return r;
}

long sys_sendfile(long out_fd, long in_fd, long off, long len)
{
	return move(in_fd, off, out_fd, 0, len, 0);
}

long sys_splice(long in_fd, long in_off, long out_fd, long out_off, long len, long flags)
{
	struct file *in = fd_file(in_fd), *out = fd_file(out_fd);
	bool in_pipe = in && !in->ops->seek, out_pipe = out && !out->ops->seek;
	long r = 0;

	if (!in || !out)
		r = -EBADF;
	else if (flags & ~15l || (!in_pipe && !out_pipe))
		r = -EINVAL;
	else if ((in_pipe && in_off) || (out_pipe && out_off))
		r = -ESPIPE;
	if (in)
		file_put(in);
	if (out)
		file_put(out);
	return r ? r : move(in_fd, in_off, out_fd, out_off, len, flags);
}

/* Within one file: what is copied ends where the file ends now, and may not overlap. */
static int limit_to_file(const struct stat_info *st, uint64_t in_pos, uint64_t out_pos, long *len)
{
	uint64_t n = MIN((uint64_t)*len, st->size - MIN(in_pos, st->size));

	*len = (long)n;
	return out_pos < in_pos + n && in_pos < out_pos + n ? -EINVAL : 0;
}

long sys_copy_file_range(long in_fd, long in_off, long out_fd, long out_off, long len, long flags)
{
	struct stat_info in_stat, out_stat;
	uint64_t in_pos, out_pos;
	struct file *in, *out;
	long r = -EBADF;

	if (flags)
		return -EINVAL;
	in = fd_file(in_fd);
	out = fd_file(out_fd);
	if (in && out) {
		r = file_stat(in, &in_stat);
		if (!r)
			r = file_stat(out, &out_stat);
		if (!r && ((in_stat.mode & 0170000) == 0040000 || (out_stat.mode & 0170000) == 0040000))
			r = -EISDIR;
		else if (!r && ((in_stat.mode & 0170000) != 0100000 || (out_stat.mode & 0170000) != 0100000))
			r = -EINVAL;
		else if (!r && out->flags & O_APPEND)
			r = -EBADF;
		in_pos = in->pos;
		out_pos = out->pos;
		if (!r)
			r = offset_get(in_off, &in_pos);
		if (!r)
			r = offset_get(out_off, &out_pos);
		if (!r && in_stat.dev == out_stat.dev && in_stat.ino == out_stat.ino)
			r = limit_to_file(&in_stat, in_pos, out_pos, &len);
	}
	if (in)
		file_put(in);
	if (out)
		file_put(out);
	return r ? r : move(in_fd, in_off, out_fd, out_off, len, 0);
}
