/* SPDX-License-Identifier: MIT
 *
 * tee(2), vmsplice(2), splice(2), sendfile(2), copy_file_range(2): arguments are checked here, all the work is in fs/splice.c.
 */
#include "fs/splice.h"

#include "fs/uio.h"
#include "linux/signal.h"
#include "linux/sys-util.h"

#define SPLICE_F_ALL	15l
#define IOV_MAX		1024

long sys_tee(long in_fd, long out_fd, long len, long flags)
{
	struct file *in = fd_file(in_fd), *out = fd_file(out_fd);
	long r = -EBADF;

	if (in && out && FILE_MAY_READ(in->flags) && FILE_MAY_WRITE(out->flags))
		r = flags & ~SPLICE_F_ALL ? -EINVAL : signal_pipe(file_tee(in, out, MIN((size_t)len, RW_MAX), (unsigned)flags));
	if (in)
		file_put(in);
	if (out)
		file_put(out);
	return r;
}

/* One segment after the other: what went before an error is the result. */
long sys_vmsplice(long fd, long iov_ptr, long nr, long flags)
{
	struct file *f = fd_file(fd);
	long done = 0, r = 0;

	if (!f)
		return -EBADF;
	if (flags & ~SPLICE_F_ALL || nr < 0 || nr > IOV_MAX)
		r = -EINVAL;
	for (long i = 0; !r && i < nr; i++) {
		struct iovec user, iov;
		struct uio u;

		r = copy_from_user(&user, (const struct iovec *)iov_ptr + i, sizeof(user));
		if (r)
			break;
		uio_init(&u, &iov, user.base, MIN(user.len, RW_MAX), false);
		r = file_vmsplice(f, &u, (unsigned)flags | (done ? SPLICE_F_NONBLOCK : 0));
		if (r < 0)
			break;
		done += r;
		r = (size_t)r < user.len;	/* short: stop here */
	}
	file_put(f);
	return done ? done : signal_pipe(r);
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

/* Ends of the ranges, O_APPEND, RLIMIT_FSIZE. 0, and *size as much as may be moved. */
static long check_move(struct file *in, const uint64_t *in_pos, struct file *out, const uint64_t *out_pos, long len, size_t *size)
{
	uint64_t from = in_pos ? *in_pos : READ_ONCE(in->pos), to = out_pos ? *out_pos : READ_ONCE(out->pos);

	if ((len < 0 && (in->ops->seek || out->ops->seek)) || (in->ops->seek && (int64_t)(from + (uint64_t)len) < 0) || (out->ops->seek && (int64_t)(to + (uint64_t)len) < 0))
		return -EINVAL;
	if (!out->vnode || !out->ops->seek)
		return 0;
	return READ_ONCE(out->flags) & O_APPEND ? -EINVAL : limit_file_growth(out, to, size);
}

static long move(long in_fd, long in_off, long out_fd, long out_off, long len, long flags)
{
	uint64_t in_pos = 0, out_pos = 0;
	struct file *in, *out;
	size_t size;
	long r = offset_get(in_off, &in_pos);

	if (!r)
		r = offset_get(out_off, &out_pos);
	if (r)
		return r;
	in = fd_file(in_fd);
	out = fd_file(out_fd);
	r = -EBADF;
	if (!in || !out || !FILE_MAY_READ(in->flags) || !FILE_MAY_WRITE(out->flags) ||
	    (in->flags | out->flags) & O_PATH)
		goto out_put;
	size = MIN((size_t)len, RW_MAX);
	r = check_move(in, in_off ? &in_pos : NULL, out, out_off ? &out_pos : NULL, len, &size);
	if (!r)
		r = signal_pipe(file_splice(in, in_off ? &in_pos : NULL, out, out_off ? &out_pos : NULL, size, (unsigned)flags));
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
		if (!r && (in_pos + (uint64_t)len < in_pos || out_pos + (uint64_t)len < out_pos))
			r = -EOVERFLOW;
		if (!r)		/* what lies behind the end of the source does not count */
			len = (long)MIN(MIN((uint64_t)len, in_stat.size - MIN(in_pos, in_stat.size)), (uint64_t)INT64_MAX - out_pos);
		if (!r && in_stat.dev == out_stat.dev && in_stat.ino == out_stat.ino)
			r = limit_to_file(&in_stat, in_pos, out_pos, &len);
	}
	if (in)
		file_put(in);
	if (out)
		file_put(out);
	return r ? r : move(in_fd, in_off, out_fd, out_off, len, 0);
}
