/* SPDX-License-Identifier: MIT
 *
 * Paths and the calls on them. linux/ copies strings and flags from the application and calls these; errors are those of the system calls' man pages.
 *
 * Paths are NUL-terminated kernel strings, shorter than PATH_MAX. "at" is where a relative path starts: NULL is the working directory of ctx.
 */
#pragma once

#include "fs/file.h"
#include "libc/types.h"

#define PATH_MAX	4096
#define NAME_MAX	255

struct dentry;
struct mount;

/* Process-side state: created by linux/, shared by CLONE_FS. */
struct fs_context {
	struct mutex lock;
	struct dentry *root, *cwd;	/* [lock] ref */
	uint32_t umask;			/* [a] */
	uint32_t refs;			/* [a] */
};

int fs_context_create(struct fs_context **out);			/* root and cwd at the root of the mounted tree */
void fs_context_put(struct fs_context *ctx);

/* As struct statx has it. */
struct timespec64 {
	int64_t sec;
	int64_t nsec;
};
struct stat_info {
	uint64_t dev, ino, rdev, size, blocks;	/* blocks of 512 bytes */
	uint32_t mode, nlink, uid, gid, blksize;
	struct timespec64 atime, mtime, ctime, btime;
	uint64_t mount_id;
};

struct statfs_info {
	uint64_t type, bsize, blocks, bfree, bavail, files, ffree, namelen, frsize, flags;
	uint64_t fsid;
};

#define AT_SYMLINK_NOFOLLOW	0x100
#define AT_REMOVEDIR		0x200
#define AT_SYMLINK_FOLLOW	0x400
#define AT_EMPTY_PATH		0x1000

int vfs_open(struct fs_context *ctx, struct file *at, const char *path, unsigned flags, uint32_t mode, struct file **out);
/* openat2(2): how the path may lead to the file. */
#define RESOLVE_NO_XDEV		0x01u
#define RESOLVE_NO_MAGICLINKS	0x02u
#define RESOLVE_NO_SYMLINKS	0x04u
#define RESOLVE_BENEATH		0x08u
#define RESOLVE_IN_ROOT		0x10u
#define RESOLVE_CACHED		0x20u
int vfs_open_within(struct fs_context *ctx, struct file *at, const char *path, unsigned flags, uint32_t mode, unsigned resolve,
		    struct file **out);
int vfs_stat(struct fs_context *ctx, struct file *at, const char *path, unsigned at_flags, struct stat_info *out);
int file_stat(struct file *f, struct stat_info *out);
bool file_is_noexec(const struct file *f);			/* nothing of its mount may be run (MS_NOEXEC) */
int vfs_access(struct fs_context *ctx, struct file *at, const char *path, unsigned mode, unsigned at_flags);
int vfs_mkdir(struct fs_context *ctx, struct file *at, const char *path, uint32_t mode);
int vfs_mknod(struct fs_context *ctx, struct file *at, const char *path, uint32_t mode, uint64_t dev);
int vfs_unlink(struct fs_context *ctx, struct file *at, const char *path, bool is_dir);
int vfs_rename(struct fs_context *ctx, struct file *at, const char *from, struct file *to_at, const char *to, unsigned flags);
/* Settings (Linux Documentation/admin-guide/sysctl/fs.rst): may a link to another's file be made, and one in /tmp be followed? [a] */
extern uint32_t vfs_protected_hardlinks, vfs_protected_symlinks, vfs_protected_fifos, vfs_protected_regular;
int vfs_link(struct fs_context *ctx, struct file *at, const char *from, struct file *to_at, const char *to, unsigned at_flags);
int vfs_symlink(struct fs_context *ctx, const char *target, struct file *at, const char *path);
/* Length (not terminated), at most size. */
ssize_t vfs_readlink(struct fs_context *ctx, struct file *at, const char *path, char *buf, size_t size);
int vfs_truncate(struct fs_context *ctx, const char *path, uint64_t size);
int vfs_chmod(struct fs_context *ctx, struct file *at, const char *path, uint32_t mode, unsigned at_flags);
int vfs_chown(struct fs_context *ctx, struct file *at, const char *path, uint32_t uid, uint32_t gid, unsigned at_flags);
/* times[i].nsec may be UTIME_NOW (0x3fffffff) or UTIME_OMIT (0x3ffffffe); times NULL: now. */
int vfs_utimens(struct fs_context *ctx, struct file *at, const char *path, const struct timespec64 times[2], unsigned at_flags);
int vfs_statfs(struct fs_context *ctx, const char *path, struct statfs_info *out);
int file_statfs(struct file *f, struct statfs_info *out);
int vfs_chdir(struct fs_context *ctx, const char *path);
int file_chdir(struct fs_context *ctx, struct file *f);
int vfs_chroot(struct fs_context *ctx, const char *path);
/* Path of cwd into buf; length with the 0; -ERANGE. */
ssize_t vfs_getcwd(struct fs_context *ctx, char *buf, size_t size);
/* As the link /proc/self/cwd shows it: also of a directory that was removed, or lies outside of the root. */
ssize_t vfs_cwd_link(struct fs_context *ctx, char *buf, size_t size);
/* Path of an open file as /proc/self/fd/N shows it. */
ssize_t file_path(struct fs_context *ctx, struct file *f, char *buf, size_t size);
int vfs_mount(struct fs_context *ctx, const char *source, const char *target, const char *fstype, unsigned long flags, const char *options);
int vfs_umount(struct fs_context *ctx, const char *target, unsigned flags);
/* Locks on whole files and ranges: flock(2); fcntl(2) F_GETLK/F_SETLK/F_SETLKW and the OFD kinds (kernel struct). */
int file_flock(struct file *f, int operation);
struct file_lock {
	int16_t type;			/* F_RDLCK 0, F_WRLCK 1, F_UNLCK 2 */
	uint64_t start, end;		/* inclusive; end UINT64_MAX: to the end */
	int32_t pid;
	const void *owner;		/* process for POSIX locks, struct file for OFD locks */
};
int file_lock_get(struct file *f, struct file_lock *l);
int file_lock_set(struct file *f, struct file_lock *l, bool wait);
void file_locks_release(struct file *f, const void *owner);

/* Extended attributes on whatever the root holds: -EOPNOTSUPP where the file system has none. */
ssize_t vfs_getxattr(struct fs_context *ctx, struct file *at, const char *path, unsigned at_flags, const char *name, void *buf, size_t size);

/* Directory entries: sink->emit returns 0, or -EINVAL when the buffer is full (the entry is offered again at the next call). */
struct dirent_sink {
	int (*emit)(struct dirent_sink *s, const char *name, size_t len, uint64_t ino, uint64_t next_off, uint8_t type);
};

/* ---- special files, by the system calls that make them (give: a file) ------------------------------------------------------- */

int pipe_create(struct file **read_end, struct file **write_end, unsigned flags);
int eventfd_create(uint32_t initial, unsigned flags, struct file **out);
int timerfd_create_file(int clock, unsigned flags, struct file **out);
/* Kernel struct of timerfd_settime: value 0 disarms. */
struct itimer_ns {
	nsec_t interval, value;
};
int timerfd_set(struct file *f, bool is_absolute, const struct itimer_ns *new_value, struct itimer_ns *old);
int timerfd_get(struct file *f, struct itimer_ns *out);
int epoll_create_file(unsigned flags, struct file **out);
struct epoll_event_k {
	uint32_t events;
	uint64_t data;
};
int epoll_ctl_file(struct file *ep, int op, int fd, struct file *target, const struct epoll_event_k *ev);
/* Number of events; emit as for the kernel struct array. deadline NSEC_NEVER: none, 0: do not wait. */
int epoll_wait_file(struct file *ep, struct epoll_event_k *events, int max, nsec_t deadline);
/* Of the last report n could not be given to the program: the same is ready again (one-shot and edge-triggered items too). */
void epoll_unreport_file(struct file *ep, const struct epoll_event_k *events, int n);
int epoll_more_file(struct file *ep, struct epoll_event_k *events, int max);	/* what else is ready; nothing twice. Number of events */
int memfd_create_file(const char *name, unsigned flags, struct file **out);
int inotify_create_file(unsigned flags, struct file **out);

/* poll(2), select(2) core: fills in revents. Number of ready ones. */
struct poll_entry {
	struct file *file;		/* NULL: skip, revents stays */
	uint32_t events, revents;
};
int poll_files(struct poll_entry *entries, unsigned nr, nsec_t deadline);

ssize_t file_splice(struct file *in, uint64_t *in_pos, struct file *out, uint64_t *out_pos, size_t len, unsigned flags);	/* sendfile, copy_file_range, splice */

/* ---- boot ------------------------------------------------------------------------------------------------------------------- */

/*
 * Mount the root: image [base, base+size) in the linear map (an EROFS image) below a writable memory overlay; size 0: empty tmpfs. Then /dev, /proc, /sys, /dev/shm, /tmp
 * and /run if missing. 0, or -errno after one clear log_line().
 */
int __must_check vfs_mount_root(const void *base, size_t size);
/* The same with an image that is open (NULL: none). take. */
struct erofs;
int __must_check vfs_mount_root_image(struct erofs *image);
