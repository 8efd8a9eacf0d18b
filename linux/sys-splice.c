/* SPDX-License-Identifier: MIT
 *
 * tee(2) and vmsplice(2); splice(2) and sendfile(2) are in sys-file.c, all the work is in fs/splice.c.
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

	if (in && out && (in->flags & O_ACCMODE) != O_WRONLY && (out->flags & O_ACCMODE) != O_RDONLY)
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
