/* SPDX-License-Identifier: MIT
 *
 * What the sys-*.c files share: descriptors, path names and time values as arguments of system calls.
 */
#pragma once

#include "fs/file.h"
#include "fs/vfs.h"
#include "libc/errno.h"
#include "libc/types.h"
#include "linux/process.h"
#include "linux/syscalls.h"
#include "linux/task.h"
#include "mmu/user.h"

#define AT_FDCWD	(-100)
#define RW_MAX		0x7ffff000ul	/* most bytes one read or write moves (read(2)) */

/* give: file_put(). NULL: not open (-EBADF). */
static inline struct file *fd_file(long fd)
{
	return fd_get(process_current()->files, (int)fd);
}

/*
 * A path argument and the directory it starts at. Most are short: only a long one is allocated.
 *	int r = path_arg_get(&p, dirfd, pathname, flags);  if (r) return r;  ...  path_arg_put(&p);
 */
struct path_arg {
	const char *name;	/* "" is allowed only with AT_EMPTY_PATH */
	struct file *at;	/* ref; NULL: working directory */
	char *allocated;
	char small[192] __attribute__((aligned(8)));	/* fs/path-cache.c wants words */
};

/* 0; -EFAULT, -ENAMETOOLONG, -ENOMEM; -EBADF (relative and dirfd not open); -ENOENT empty without AT_EMPTY_PATH. */
int __must_check path_arg_get(struct path_arg *p, long dirfd, long pathname, unsigned at_flags);
void path_arg_put_slow(struct path_arg *p);
static inline void path_arg_put(struct path_arg *p)
{
	if (unlikely(p->at || p->allocated))
		path_arg_put_slow(p);
}

static inline struct fs_context *fs_current(void)
{
	return process_current()->fs;
}

/* struct timespec at ptr: 0, -EFAULT, -EINVAL (nsec out of range, negative). Large values saturate below NSEC_NEVER. */
int __must_check timespec_get(long ptr, nsec_t *out);
int __must_check timespec_put(long ptr, nsec_t t);
/* timeout argument that may be NULL (no deadline): deadline on the monotonic clock for syscall restarts. */
int __must_check timespec_get_deadline(long ptr, nsec_t *deadline);

/* Descriptor limit of the process. */
static inline int fd_limit(void)
{
	uint64_t cur = process_current()->rlimits[RLIMIT_NOFILE].cur;

	return cur > 0x7fffffff ? 0x7fffffff : (int)cur;
}

/* The result of a write to f: SIGPIPE for -EPIPE, but for sockets of packets, which Linux spares. */
long broken_pipe(const struct file *f, long r);

/*
 * RLIMIT_FSIZE (setrlimit(2)), of regular files; 0, or -EFBIG with SIGXFSZ. limit_file_growth(): for a write of *len bytes at off, which is cut. limit_size(): for a file
 * of size bytes that shall have new_size.
 */
struct file;
long limit_file_growth(struct file *f, uint64_t off, size_t *len);
long limit_size(uint64_t new_size, uint64_t size);

/* Give f a descriptor; puts it on failure. */
long fd_return(struct file *f, bool cloexec);

struct timespec64;
/* utimensat(2) with times in the kernel; NULL: now. pathname 0: the file that dirfd is. */
long utimens_at(long dirfd, long pathname, const struct timespec64 *times, unsigned flags);
