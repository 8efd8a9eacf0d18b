// SPDX-License-Identifier: MIT
/* System calls on path names, and the status of files. */
#include <arch/abi.h>

#include "fs/cred.h"
#include "fs/fdtable.h"
#include "libc/string.h"
#include "linux/sys-util.h"
#include "mmu/heap.h"

#define S_IFMT		0170000u
#define RESOLVE_MASK	0x3ful
/* What openat2(2) knows: unlike open(2) it refuses the rest, and with O_PATH all but the second line. */
#define OPEN_FLAGS_KNOWN \
	((unsigned)(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_LARGEFILE | \
		    O_NOATIME | O_SYNC | O_TMPFILE | OPEN_FLAGS_PATH))
#define OPEN_FLAGS_PATH	((unsigned)(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC))

static inline __attribute__((always_inline)) long open_at(long dirfd, long pathname, unsigned fl, long mode, unsigned resolve)
{
	struct fdtable *t = process_current()->files;
	struct path_arg p;
	struct file *f;
	long r = path_arg_get(&p, dirfd, pathname, 0);
	int fd;

	if (r)
		return r;
	fd = fd_reserve(t, fl & O_CLOEXEC, fd_limit());
	if (unlikely(fd < 0)) {
		path_arg_put(&p);
		return fd;
	}
	/* The directory is the root even of an absolute path. */
	if (unlikely(resolve & RESOLVE_IN_ROOT) && !p.at && (int)dirfd != AT_FDCWD)
		p.at = fd_file(dirfd);
	if (likely(!resolve))
		r = vfs_open(fs_current(), p.at, p.name, fl, (uint32_t)mode & 07777, &f);
	else if (unlikely((resolve & RESOLVE_IN_ROOT) && !p.at && (int)dirfd != AT_FDCWD))
		r = -EBADF;
	else
		r = vfs_open_within(fs_current(), p.at, p.name, fl, (uint32_t)mode & 07777, resolve, &f);
	path_arg_put(&p);
	if (unlikely(r)) {
		fd_unreserve(t, fd);
		return r;
	}
	fd_fill(t, fd, f);
	return fd;
}

long sys_openat(long dirfd, long pathname, long flags, long mode)
{
	return open_at(dirfd, pathname, abi_open_flags((unsigned)flags), mode, 0);
}

struct open_how {
	uint64_t flags, mode, resolve;
};

/* A struct that may have grown since: what lies behind the part that is known must be 0. */
static long open_how_get(struct open_how *how, long ptr, long size)
{
	uint8_t rest[64];
	size_t n;

	if ((size_t)size < sizeof(*how))
		return -EINVAL;
	if ((size_t)size > PAGE_SIZE)
		return -E2BIG;
	if (copy_from_user(how, (const void *)ptr, sizeof(*how)))
		return -EFAULT;
	for (size_t at = sizeof(*how); at < (size_t)size; at += n) {
		n = MIN((size_t)size - at, sizeof(rest));
		if (copy_from_user(rest, (const uint8_t *)ptr + at, n))
			return -EFAULT;
		for (size_t i = 0; i < n; i++)
			if (rest[i])
				return -E2BIG;
	}
	return 0;
}

static bool is_valid_how(const struct open_how *how)
{
	unsigned fl = abi_open_flags((unsigned)how->flags), tmpfile = (unsigned)O_TMPFILE & ~(unsigned)O_DIRECTORY;

	if (how->flags >> 32 || fl & ~OPEN_FLAGS_KNOWN || how->mode & ~07777ull || how->resolve & ~RESOLVE_MASK)
		return false;
	if ((how->resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) == (RESOLVE_BENEATH | RESOLVE_IN_ROOT))
		return false;
	if (how->mode && !(fl & (O_CREAT | tmpfile)))
		return false;
	if ((fl & tmpfile) && (fl & (O_TMPFILE | O_CREAT)) != O_TMPFILE)
		return false;
	return !(fl & O_PATH) || !(fl & ~OPEN_FLAGS_PATH);
}

long sys_openat2(long dirfd, long pathname, long how_ptr, long size)
{
	struct open_how how;
	long r = open_how_get(&how, how_ptr, size);

	if (r)
		return r;
	if (!is_valid_how(&how))
		return -EINVAL;
	return open_at(dirfd, pathname, abi_open_flags((unsigned)how.flags), (long)how.mode, (unsigned)how.resolve);
}

/* ---- stat --------------------------------------------------------------------------------------------------------------- */

static long stat_put(long ptr, const struct stat_info *st)
{
	struct abi_stat a;

	/* Spare words of the ports; all else is set. */
	_Static_assert(sizeof(a) % 8 == 0 && sizeof(a) <= 18 * 8, "zeroed in two parts");
	zero_words(&a, 64);
	zero_words((char *)&a + 64, sizeof(a) - 64);
	a.dev = st->dev;
	a.ino = st->ino;
	a.mode = st->mode;
	a.nlink = st->nlink;
	a.uid = st->uid;
	a.gid = st->gid;
	a.rdev = st->rdev;
	a.size = (int64_t)st->size;
	a.blksize = (__typeof__(a.blksize))st->blksize;
	a.blocks = (int64_t)st->blocks;
	a.atime_sec = st->atime.sec;
	a.atime_nsec = st->atime.nsec;
	a.mtime_sec = st->mtime.sec;
	a.mtime_nsec = st->mtime.nsec;
	a.ctime_sec = st->ctime.sec;
	a.ctime_nsec = st->ctime.nsec;
	return copy_to_user((void *)ptr, &a, sizeof(a));
}

long sys_fstat(long fd, long ptr)
{
	bool is_counted;
	struct file *f = fd_hold(process_current()->files, fd, &is_counted);
	struct stat_info st;
	long r;

	if (!f)
		return -EBADF;
	r = file_stat(f, &st);
	fd_drop(f, is_counted);
	return r ? r : stat_put(ptr, &st);
}

/* The file that (dirfd, pathname, AT_*) names. */
static long stat_at(long dirfd, long pathname, unsigned at_flags, struct stat_info *st)
{
	struct path_arg p;
	long r = path_arg_get(&p, dirfd, pathname, at_flags);

	if (r)
		return r;
	if (!p.name[0] && p.at)
		r = file_stat(p.at, st);
	else
		r = vfs_stat(fs_current(), p.at, p.name[0] ? p.name : ".", at_flags, st);
	path_arg_put(&p);
	return r;
}

#define AT_NO_AUTOMOUNT		0x800u
#define AT_STATX_SYNC_TYPE	0x6000u

long sys_newfstatat(long dirfd, long pathname, long ptr, long flags)
{
	struct stat_info st;
	uint32_t start;		/* of the name; little-endian, as all ports */
	long r;

	if ((unsigned)flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT))
		return -EINVAL;
	/* fstat(3) of the C libraries. */
	if ((flags & AT_EMPTY_PATH) && (int)dirfd >= 0 && !user_load32((const uint32_t *)pathname, &start) && !(start & 0xff))
		return sys_fstat(dirfd, ptr);
	r = stat_at(dirfd, pathname, (unsigned)flags, &st);
	return r ? r : stat_put(ptr, &st);
}

struct statx_time {
	int64_t sec;
	uint32_t nsec, pad;
};

/* struct statx (statx(2)), the same on all ports. */
struct statx_abi {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, pad;
	uint64_t ino, size, blocks, attributes_mask;
	struct statx_time atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t mount_id;
	uint64_t spare[13];
};
_Static_assert(sizeof(struct statx_abi) == 256, "struct statx");

#define STATX_BASIC_STATS	0x7ffu
#define STATX_BTIME		0x800u
#define STATX_MNT_ID		0x1000u

/* Device numbers as struct stat codes them. */
static uint32_t dev_major(uint64_t dev)
{
	return (uint32_t)((dev >> 8) & 0xfff);
}

static uint32_t dev_minor(uint64_t dev)
{
	return (uint32_t)((dev & 0xff) | ((dev >> 12) & 0xfff00));
}

static struct statx_time statx_time(struct timespec64 t)
{
	return (struct statx_time){ .sec = t.sec, .nsec = (uint32_t)t.nsec };
}

long sys_statx(long dirfd, long pathname, long flags, long mask, long ptr)
{
	struct stat_info st;
	struct statx_abi x;
	long r;

	if ((uint32_t)mask & 0x80000000u ||
	    (unsigned)flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE) ||
	    ((unsigned)flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	r = stat_at(dirfd, pathname, (unsigned)flags, &st);
	if (r)
		return r;
	x = (struct statx_abi){
		.mask = STATX_BASIC_STATS | STATX_MNT_ID | (st.btime.sec || st.btime.nsec ? STATX_BTIME : 0),
		.blksize = st.blksize, .nlink = st.nlink, .uid = st.uid, .gid = st.gid, .mode = (uint16_t)st.mode,
		.ino = st.ino, .size = st.size, .blocks = st.blocks,
		.atime = statx_time(st.atime), .btime = statx_time(st.btime), .ctime = statx_time(st.ctime),
		.mtime = statx_time(st.mtime),
		.rdev_major = dev_major(st.rdev), .rdev_minor = dev_minor(st.rdev),
		.dev_major = dev_major(st.dev), .dev_minor = dev_minor(st.dev), .mount_id = st.mount_id,
	};
	return copy_to_user((void *)ptr, &x, sizeof(x));
}

struct statfs_abi {
	int64_t type, bsize;
	uint64_t blocks, bfree, bavail, files, ffree, fsid;
	int64_t namelen, frsize, flags, spare[4];
};

static long statfs_put(long ptr, const struct statfs_info *s)
{
	struct statfs_abi a = {
		.type = (int64_t)s->type, .bsize = (int64_t)s->bsize, .blocks = s->blocks, .bfree = s->bfree,
		.bavail = s->bavail, .files = s->files, .ffree = s->ffree, .fsid = s->fsid,
		.namelen = (int64_t)s->namelen, .frsize = (int64_t)s->frsize, .flags = (int64_t)s->flags,
	};

	return copy_to_user((void *)ptr, &a, sizeof(a));
}

long sys_statfs(long pathname, long ptr)
{
	struct statfs_info s = { 0 };
	struct path_arg p;
	long r = path_arg_get(&p, AT_FDCWD, pathname, 0);

	if (r)
		return r;
	r = vfs_statfs(fs_current(), p.name, &s);
	path_arg_put(&p);
	return r ? r : statfs_put(ptr, &s);
}

long sys_fstatfs(long fd, long ptr)
{
	struct statfs_info s = { 0 };
	struct file *f = fd_file(fd);
	long r;

	if (!f)
		return -EBADF;
	r = file_statfs(f, &s);
	file_put(f);
	return r ? r : statfs_put(ptr, &s);
}

/* ---- the tree ------------------------------------------------------------------------------------------------------------ */

#define AT_EACCESS	0x200u

/* access(2) asks as the real user, who if he is not root has none of the capabilities. NULL: no memory. */
static struct cred *real_user(const struct cred *c)
{
	struct cred *real = cred_copy(c);

	if (!real)
		return NULL;
	real->fsuid = c->uid;
	real->fsgid = c->gid;
	real->effective = c->uid ? 0 : c->permitted;
	return real;
}

static bool is_real_user(const struct cred *c)
{
	return c->fsuid == c->uid && c->fsgid == c->gid && c->effective == (c->uid ? 0 : c->permitted);
}

static long access_at(long dirfd, long pathname, long mode, unsigned flags)
{
	const struct cred *own = NULL;
	struct cred *real = NULL;
	struct path_arg p;
	long r;

	if (mode & ~7l || flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_EACCESS))
		return -EINVAL;
	r = path_arg_get(&p, dirfd, pathname, flags);
	if (r)
		return r;
	if (!(flags & AT_EACCESS) && !is_real_user(cred_current())) {
		real = real_user(cred_current());
		if (!real) {
			path_arg_put(&p);
			return -ENOMEM;
		}
		own = cred_override(real);
	}
	r = vfs_access(fs_current(), p.at, p.name, (unsigned)mode, flags & ~AT_EACCESS);
	if (real)
		cred_revert(own);
	path_arg_put(&p);
	return r;
}

long sys_faccessat(long dirfd, long pathname, long mode)
{
	return access_at(dirfd, pathname, mode, 0);
}

long sys_faccessat2(long dirfd, long pathname, long mode, long flags)
{
	return access_at(dirfd, pathname, mode, (unsigned)flags);
}

long sys_mkdirat(long dirfd, long pathname, long mode)
{
	struct path_arg p;
	long r = path_arg_get(&p, dirfd, pathname, 0);

	if (r)
		return r;
	r = vfs_mkdir(fs_current(), p.at, p.name, (uint32_t)mode & 07777);
	path_arg_put(&p);
	return r;
}

long sys_mknodat(long dirfd, long pathname, long mode, long dev)
{
	struct path_arg p;
	long r = path_arg_get(&p, dirfd, pathname, 0);

	if (r)
		return r;
	r = vfs_mknod(fs_current(), p.at, p.name, (uint32_t)mode & (S_IFMT | 07777), (uint64_t)(uint32_t)dev);
	path_arg_put(&p);
	return r;
}

long sys_unlinkat(long dirfd, long pathname, long flags)
{
	struct path_arg p;
	long r;

	if (flags & ~(long)AT_REMOVEDIR)
		return -EINVAL;
	r = path_arg_get(&p, dirfd, pathname, 0);
	if (r)
		return r;
	r = vfs_unlink(fs_current(), p.at, p.name, flags & AT_REMOVEDIR);
	path_arg_put(&p);
	return r;
}

long sys_renameat2(long from_dirfd, long from, long to_dirfd, long to, long flags)
{
	struct path_arg p, q;
	long r;

	if (flags & ~7l || (flags & 2 && flags & 5))
		return -EINVAL;
	r = path_arg_get(&p, from_dirfd, from, 0);
	if (r)
		return r;
	r = path_arg_get(&q, to_dirfd, to, 0);
	if (!r) {
		r = vfs_rename(fs_current(), p.at, p.name, q.at, q.name, (unsigned)flags);
		path_arg_put(&q);
	}
	path_arg_put(&p);
	return r;
}

long sys_renameat(long from_dirfd, long from, long to_dirfd, long to)
{
	return sys_renameat2(from_dirfd, from, to_dirfd, to, 0);
}

long sys_linkat(long from_dirfd, long from, long to_dirfd, long to, long flags)
{
	struct path_arg p, q;
	long r;

	if (flags & ~(long)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	r = path_arg_get(&p, from_dirfd, from, (unsigned)flags);
	if (r)
		return r;
	r = path_arg_get(&q, to_dirfd, to, 0);
	if (!r) {
		r = vfs_link(fs_current(), p.at, p.name, q.at, q.name, (unsigned)flags);
		path_arg_put(&q);
	}
	path_arg_put(&p);
	return r;
}

long sys_symlinkat(long target, long dirfd, long pathname)
{
	struct path_arg t, p;
	long r = path_arg_get(&t, AT_FDCWD, target, 0);

	if (r)
		return r;
	r = path_arg_get(&p, dirfd, pathname, 0);
	if (!r) {
		r = vfs_symlink(fs_current(), t.name, p.at, p.name);
		path_arg_put(&p);
	}
	path_arg_put(&t);
	return r;
}

long sys_readlinkat(long dirfd, long pathname, long buf, long size)
{
	struct path_arg p;
	char *target;
	long r;

	if ((int)size <= 0)
		return -EINVAL;
	r = path_arg_get(&p, dirfd, pathname, AT_EMPTY_PATH);
	if (r)
		return r;
	target = kmalloc(PATH_MAX);
	r = -ENOMEM;
	if (target)
		r = vfs_readlink(fs_current(), p.at, p.name, target, PATH_MAX);
	path_arg_put(&p);
	r = MIN(r, (long)(int)size);
	if (r > 0 && copy_to_user((void *)buf, target, (size_t)r))
		r = -EFAULT;
	kfree(target);
	return r;
}

static long limit_truncate(const char *path, uint64_t size)
{
	struct stat_info st;

	if (likely(process_current()->rlimits[RLIMIT_FSIZE].cur == RLIM_INFINITY) || vfs_stat(fs_current(), NULL, path, 0, &st) ||
	    (st.mode & S_IFMT) != 0100000)
		return 0;
	return limit_size(size, st.size);
}

long sys_truncate(long pathname, long size)
{
	struct path_arg p;
	long r;

	if (size < 0)
		return -EINVAL;
	r = path_arg_get(&p, AT_FDCWD, pathname, 0);
	if (r)
		return r;
	r = limit_truncate(p.name, (uint64_t)size);
	if (!r)
		r = vfs_truncate(fs_current(), p.name, (uint64_t)size);
	path_arg_put(&p);
	return r;
}

/* ---- attributes ---------------------------------------------------------------------------------------------------------------- */

long sys_fchmodat(long dirfd, long pathname, long mode)
{
	struct path_arg p;
	long r = path_arg_get(&p, dirfd, pathname, 0);

	if (r)
		return r;
	r = vfs_chmod(fs_current(), p.at, p.name, (uint32_t)mode & 07777, 0);
	path_arg_put(&p);
	return r;
}

/* Run on the descriptor itself: an empty path at f. */
long sys_fchmod(long fd, long mode)
{
	struct file *f = fd_file(fd);
	long r;

	if (!f)
		return -EBADF;
	r = f->flags & O_PATH ? -EBADF : vfs_chmod(fs_current(), f, "", (uint32_t)mode & 07777, AT_EMPTY_PATH);
	file_put(f);
	return r;
}

long sys_fchownat(long dirfd, long pathname, long uid, long gid, long flags)
{
	struct path_arg p;
	long r;

	if ((unsigned)flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	r = path_arg_get(&p, dirfd, pathname, (unsigned)flags);
	if (r)
		return r;
	r = vfs_chown(fs_current(), p.at, p.name, (uint32_t)uid, (uint32_t)gid, (unsigned)flags);
	path_arg_put(&p);
	return r;
}

long sys_fchown(long fd, long uid, long gid)
{
	struct file *f = fd_file(fd);
	long r;

	if (!f)
		return -EBADF;
	r = f->flags & O_PATH ? -EBADF :
				vfs_chown(fs_current(), f, "", (uint32_t)uid, (uint32_t)gid, AT_EMPTY_PATH);
	file_put(f);
	return r;
}

#define UTIME_NOW	0x3fffffff
#define UTIME_OMIT	0x3ffffffe

static bool is_valid_nsec(int64_t nsec)
{
	return nsec == UTIME_NOW || nsec == UTIME_OMIT || (nsec >= 0 && nsec < (int64_t)NSEC_PER_SEC);
}

long utimens_at(long dirfd, long pathname, const struct timespec64 *times, unsigned flags)
{
	struct path_arg p;
	struct file *f;
	long r;

	if (!pathname) {	/* futimens(3) */
		f = fd_file(dirfd);
		if (!f)
			return -EBADF;
		r = f->flags & O_PATH ? -EBADF : vfs_utimens(fs_current(), f, "", times, AT_EMPTY_PATH);
		file_put(f);
		return r;
	}
	r = path_arg_get(&p, dirfd, pathname, flags);
	if (r)
		return r;
	r = vfs_utimens(fs_current(), p.at, p.name, times, flags);
	path_arg_put(&p);
	return r;
}

long sys_utimensat(long dirfd, long pathname, long times_ptr, long flags)
{
	struct timespec64 times[2];

	if ((unsigned)flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (times_ptr && copy_from_user(times, (const void *)times_ptr, sizeof(times)))
		return -EFAULT;
	if (times_ptr && !(is_valid_nsec(times[0].nsec) && is_valid_nsec(times[1].nsec)))
		return -EINVAL;
	if (times_ptr && times[0].nsec == UTIME_OMIT && times[1].nsec == UTIME_OMIT)
		return 0;	/* whatever the file is, or whether there is one */
	return utimens_at(dirfd, pathname, times_ptr ? times : NULL, (unsigned)flags);
}

long sys_umask(long mask)
{
	return (long)atomic_exchange(&fs_current()->umask, (uint32_t)mask & 0777, RELAXED);
}

/* Extended attributes: reading is passed to the file system, all else it does not have. */
static long getxattr_at(long pathname, unsigned at_flags, long name_ptr, long buf, long size)
{
	char name[NAME_MAX + 1];
	struct path_arg p;
	void *value = NULL;
	long r = strncpy_from_user(name, (const char *)name_ptr, sizeof(name));

	if (r < 0)
		return r == -ENAMETOOLONG ? -ERANGE : r;
	r = path_arg_get(&p, AT_FDCWD, pathname, 0);
	if (r)
		return r;
	if (size > 65536)
		size = 65536;
	if (size > 0) {
		value = kmalloc((size_t)size);
		r = value ? 0 : -ENOMEM;
	}
	if (!r)
		r = vfs_getxattr(fs_current(), p.at, p.name, at_flags, name, value, (size_t)size);
	path_arg_put(&p);
	if (r > 0 && size > 0 && copy_to_user((void *)buf, value, (size_t)r))
		r = -EFAULT;
	kfree(value);
	return r;
}

long sys_getxattr(long pathname, long name, long buf, long size)
{
	return getxattr_at(pathname, 0, name, buf, size);
}

long sys_lgetxattr(long pathname, long name, long buf, long size)
{
	return getxattr_at(pathname, AT_SYMLINK_NOFOLLOW, name, buf, size);
}

static long no_xattr_fd(long fd, long result)
{
	struct file *f = fd_file(fd);

	if (!f)
		return -EBADF;
	file_put(f);
	return result;
}

static long no_xattr_path(long pathname, long result)
{
	struct stat_info st;
	long r = stat_at(AT_FDCWD, pathname, AT_SYMLINK_NOFOLLOW, &st);

	return r ? r : result;
}

long sys_fgetxattr(long fd, long name, long buf, long size)
{
	(void)name, (void)buf, (void)size;
	return no_xattr_fd(fd, -EOPNOTSUPP);
}

long sys_setxattr(long path, long name, long value, long size, long flags)
{
	(void)name, (void)value, (void)size, (void)flags;
	return no_xattr_path(path, -EOPNOTSUPP);
}

long sys_lsetxattr(long path, long name, long value, long size, long flags)
{
	return sys_setxattr(path, name, value, size, flags);
}

long sys_fsetxattr(long fd, long name, long value, long size, long flags)
{
	(void)name, (void)value, (void)size, (void)flags;
	return no_xattr_fd(fd, -EOPNOTSUPP);
}

/* A list of none. */
long sys_listxattr(long path, long list, long size)
{
	(void)list, (void)size;
	return no_xattr_path(path, 0);
}

long sys_llistxattr(long path, long list, long size)
{
	return sys_listxattr(path, list, size);
}

long sys_flistxattr(long fd, long list, long size)
{
	(void)list, (void)size;
	return no_xattr_fd(fd, 0);
}

long sys_removexattr(long path, long name)
{
	(void)name;
	return no_xattr_path(path, -EOPNOTSUPP);
}

long sys_lremovexattr(long path, long name)
{
	return sys_removexattr(path, name);
}

long sys_fremovexattr(long fd, long name)
{
	(void)name;
	return no_xattr_fd(fd, -EOPNOTSUPP);
}

/* ---- where we are ------------------------------------------------------------------------------------------------------------------ */

long sys_getcwd(long buf, long size)
{
	char *path = kmalloc(PATH_MAX);
	long r;

	if (!path)
		return -ENOMEM;
	r = vfs_getcwd(fs_current(), path, MIN((size_t)size, (size_t)PATH_MAX));
	if (r > 0 && copy_to_user((void *)buf, path, (size_t)r))
		r = -EFAULT;
	kfree(path);
	return r;
}

long sys_chdir(long pathname)
{
	struct path_arg p;
	long r = path_arg_get(&p, AT_FDCWD, pathname, 0);

	if (r)
		return r;
	r = vfs_chdir(fs_current(), p.name);
	path_arg_put(&p);
	return r;
}

long sys_fchdir(long fd)
{
	struct file *f = fd_file(fd);
	long r;

	if (!f)
		return -EBADF;
	r = file_chdir(fs_current(), f);
	file_put(f);
	return r;
}

long sys_chroot(long pathname)
{
	struct path_arg p;
	long r = path_arg_get(&p, AT_FDCWD, pathname, 0);

	if (r)
		return r;
	r = vfs_chroot(fs_current(), p.name);
	path_arg_put(&p);
	return r;
}

/* A string argument that may be NULL, into a buffer of its own. give: kfree(). */
static long string_arg(long ptr, size_t size, char **out)
{
	ssize_t n;

	*out = NULL;
	if (!ptr)
		return 0;
	*out = kmalloc(size);
	if (!*out)
		return -ENOMEM;
	n = strncpy_from_user(*out, (const char *)ptr, size);
	if (n >= 0)
		return 0;
	kfree(*out);
	*out = NULL;
	return n == -ENAMETOOLONG ? -EINVAL : n;
}

long sys_mount(long source, long target, long fstype, long flags, long data)
{
	char *text[4] = { 0 };
	long ptrs[4] = { source, target, fstype, data };
	long r = 0;

	for (int i = 0; i < 4 && !r; i++)
		r = string_arg(ptrs[i], i == 2 ? 64 : PATH_MAX, &text[i]);
	if (!r)
		r = text[1] ? vfs_mount(fs_current(), text[0], text[1], text[2], (unsigned long)flags, text[3] ? text[3] : "") : -EFAULT;
	for (int i = 0; i < 4; i++)
		kfree(text[i]);
	return r;
}

long sys_umount2(long target, long flags)
{
	struct path_arg p;
	long r = path_arg_get(&p, AT_FDCWD, target, 0);

	if (r)
		return r;
	r = vfs_umount(fs_current(), p.name, (unsigned)flags);
	path_arg_put(&p);
	return r;
}
