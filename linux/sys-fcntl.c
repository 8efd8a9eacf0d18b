// SPDX-License-Identifier: MIT
/* fcntl(2). */
#include <arch/abi.h>

#include "fs/pipe.h"
#include "libc/string.h"
#include "fs/vnode.h"
#include "linux/sigio.h"
#include "linux/sys-util.h"

enum {
	F_DUPFD = 0,
	F_GETFD = 1,
	F_SETFD = 2,
	F_GETFL = 3,
	F_SETFL = 4,
	F_GETLK = 5,
	F_SETLK = 6,
	F_SETLKW = 7,
	F_SETOWN = 8,
	F_GETOWN = 9,
	F_SETSIG = 10,
	F_GETSIG = 11,
	F_SETOWN_EX = 15,
	F_GETOWN_EX = 16,
	F_OFD_GETLK = 36,
	F_OFD_SETLK = 37,
	F_OFD_SETLKW = 38,
	F_GETLEASE = 1025,
	F_NOTIFY = 1026,
	F_DUPFD_CLOEXEC = 1030,
	F_SETPIPE_SZ = 1031,
	F_GETPIPE_SZ = 1032,
	F_GET_RW_HINT = 1035,
	F_SET_RW_HINT = 1036,
};

#define FD_CLOEXEC	1
#define RW_HINT_MAX	5
#define DN_MULTISHOT	0x80000000ul
#define SETFL_MASK	(O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME)

/* struct flock of 64-bit Linux. */
struct flock_abi {
	int16_t type, whence;
	int64_t start, len;
	int32_t pid;
};

/* Where a lock's range counts from. */
static int range_base(struct file *f, int whence, int64_t *base)
{
	struct stat_info st = { 0 };
	int r = 0;

	if (whence < 0 || whence > 2)
		return -EINVAL;
	if (whence == 2)
		r = file_stat(f, &st);
	*base = whence == 1 ? (int64_t)READ_ONCE(f->pos) : (int64_t)st.size;
	return r;
}

static int flock_to_range(struct file *f, const struct flock_abi *fl, struct file_lock *l)
{
	int64_t start, end = INT64_MAX;
	int r = range_base(f, fl->whence, &start);

	if (r)
		return r;
	if (fl->type < 0 || fl->type > 2)
		return -EINVAL;
	if (fl->start > INT64_MAX - start)
		return -EOVERFLOW;
	start += fl->start;
	if (start < 0 || (fl->len < 0 && start + fl->len < 0))
		return -EINVAL;
	if (fl->len > 0 && __builtin_add_overflow(start, fl->len - 1, &end))
		return -EOVERFLOW;
	if (fl->len < 0) {
		end = start - 1;
		start += fl->len;
	}
	l->type = fl->type;
	l->start = (uint64_t)start;
	l->end = end == INT64_MAX ? UINT64_MAX : (uint64_t)end;
	return 0;
}

/* A close of fd that ran beside F_SETLK may have looked for locks before this one was there: it goes with the file. */
static int recheck_lock(struct file *f, long fd, struct file_lock *l)
{
	if (l->type == 2 || fd_is(process_current()->files, (int)fd, f))
		return 0;
	l->type = 2;
	(void)file_lock_set(f, l, false);
	return -EBADF;
}

static long do_lock(struct file *f, long fd, int cmd, long arg)
{
	bool is_ofd = cmd >= F_OFD_GETLK;
	struct file_lock l = { .pid = is_ofd ? -1 : process_current()->pid };
	unsigned access = f->flags & O_ACCMODE;
	struct flock_abi fl;
	int r;

	if (copy_from_user(&fl, (const void *)arg, sizeof(fl)))
		return -EFAULT;
	if (is_ofd && fl.pid)
		return -EINVAL;
	r = flock_to_range(f, &fl, &l);
	if (r)
		return r;
	l.owner = is_ofd ? (const void *)f : process_current()->files;	/* as fd_close() releases them */
	if (cmd == F_GETLK || cmd == F_OFD_GETLK) {
		if (l.type == 2)
			return -EINVAL;
		r = file_lock_get(f, &l);
		if (r)
			return r;
		fl.type = l.type;
		if (l.type != 2) {
			fl.whence = 0;
			fl.start = (int64_t)l.start;
			fl.len = l.end == UINT64_MAX ? 0 : (int64_t)(l.end - l.start + 1);
			fl.pid = l.pid;
		}
		return copy_to_user((void *)arg, &fl, sizeof(fl));
	}
	if ((l.type == 0 && !FILE_MAY_READ(access)) || (l.type == 1 && !FILE_MAY_WRITE(access)))
		return -EBADF;
	r = file_lock_set(f, &l, cmd == F_SETLKW || cmd == F_OFD_SETLKW);
	return r || is_ofd ? r : recheck_lock(f, fd, &l);
}

static long set_flags(struct file *f, long fd, long arg)
{
	uint32_t wanted = abi_open_flags((unsigned)arg), flags;
	int r = sigio_set(f, (int)fd, wanted & O_ASYNC);

	if (r)
		return r;
	wanted &= SETFL_MASK;
	flags = atomic_load(&f->flags, RELAXED);
	/* A racing F_SETFL may win or lose, as on Linux; bits that it does not touch stay. */
	while (!atomic_cas2(&f->flags, &flags, (flags & ~(uint32_t)SETFL_MASK) | wanted, RELAXED, RELAXED))
		;
	return 0;
}

/* By a name: open(2) of a 64-bit program adds O_LARGEFILE, which no socket, pipe or event file has. */
static bool was_opened(const struct file *f)
{
	return !(f->flags & O_PATH) && (!f->kind || !strcmp(f->kind, "tty"));
}

/* How long data will live: memory does not care, but who sets it reads it. */
static long rw_hint(struct file *f, int cmd, long arg)
{
	uint64_t hint = 0;

	if (cmd == F_GET_RW_HINT) {
		hint = f->vnode ? READ_ONCE(f->vnode->rw_hint) : 0;
		return copy_to_user((void *)arg, &hint, sizeof(hint));
	}
	if (copy_from_user(&hint, (const void *)arg, sizeof(hint)))
		return -EFAULT;
	if (hint > RW_HINT_MAX)
		return -EINVAL;
	if (f->vnode)
		WRITE_ONCE(f->vnode->rw_hint, (uint8_t)hint);
	return 0;
}

static long do_fcntl(struct file *f, long fd, int cmd, long arg)
{
	struct fdtable *files = process_current()->files;
	long r;

	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		if (arg < 0 || arg >= fd_limit())
			return -EINVAL;
		file_get(f);
		r = fd_install(files, f, (int)arg, cmd == F_DUPFD_CLOEXEC, fd_limit());
		if (r < 0)
			file_put(f);
		return r;
	case F_GETFD:
		r = fd_get_cloexec(files, (int)fd);
		return r > 0 ? FD_CLOEXEC : r;
	case F_SETFD:
		return fd_set_cloexec(files, (int)fd, arg & FD_CLOEXEC);
	case F_GETFL:
		return (long)abi_open_flags_out((f->flags & ~(uint32_t)(O_CLOEXEC | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC)) | (was_opened(f) ? O_LARGEFILE : 0));
	}
	if (f->flags & O_PATH)
		return -EBADF;
	switch (cmd) {
	case F_SETFL:
		return set_flags(f, fd, arg);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return do_lock(f, fd, cmd, arg);
	case F_SETOWN:
	case F_GETOWN:
	case F_SETSIG:
	case F_GETSIG:
	case F_SETOWN_EX:
	case F_GETOWN_EX:
		return sigio_fcntl(f, cmd, arg);
	case F_GETLEASE:			/* nobody can have taken one */
		return 2;
	case F_GET_RW_HINT:
	case F_SET_RW_HINT:
		return rw_hint(f, cmd, arg);
	case F_NOTIFY:				/* no events: ends a watch. dnotify itself is not there (inotify is). */
		return (unsigned long)arg & ~DN_MULTISHOT ? -EINVAL : 0;
	case F_SETPIPE_SZ:
		return pipe_set_size(f, (unsigned)arg);
	case F_GETPIPE_SZ:
		return pipe_get_size(f);
	default:
		return f->ops->fcntl ? f->ops->fcntl(f, (unsigned)cmd, (unsigned long)arg) : -EINVAL;
	}
}

long sys_fcntl(long fd, long cmd, long arg)
{
	struct file *f = fd_file(fd);
	long r;

	if (!f)
		return -EBADF;
	r = do_fcntl(f, fd, (int)cmd, arg);
	file_put(f);
	return r;
}
