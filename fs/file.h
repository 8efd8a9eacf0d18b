/* SPDX-License-Identifier: MIT
 *
 * Open file descriptions and descriptor tables. What linux/ calls for read(2) and friends, and what everything that has descriptors (fs, net, linux) implements.
 */
#pragma once

#include "fs/uio.h"
#include "libc/atomic.h"
#include "libc/types.h"
#include "sched/mutex.h"
#include "sched/rcu.h"
#include "sched/waitq.h"

struct dirent_sink;
struct file;
struct file_async;
struct poll_table;
struct fdtable;
struct stat_info;
struct vm_object;
struct vnode;
struct vnode_attr;
struct dentry;

/* Events: numbers of poll(2). */
#define FILE_POLLIN	0x001u
#define FILE_POLLPRI	0x002u
#define FILE_POLLOUT	0x004u
#define FILE_POLLERR	0x008u
#define FILE_POLLHUP	0x010u
#define FILE_POLLNVAL	0x020u
#define FILE_POLLRDNORM	0x040u
#define FILE_POLLRDBAND	0x080u
#define FILE_POLLWRNORM	0x100u
#define FILE_POLLWRBAND	0x200u
#define FILE_POLLRDHUP	0x2000u
#define FILE_POLLANY	0x23ffu	/* all of these: for who announces an end and wakes everybody */

/* Open flags: numbers of Linux arm64 (asm-generic, with arm64's O_DIRECTORY, O_NOFOLLOW, O_DIRECT, O_LARGEFILE). linux/ translates for other ports. */
#define O_ACCMODE	00000003	/* 3: neither read nor write, but for ioctl(2); open(2) asks for both rights */
#define O_RDONLY	00000000
#define O_WRONLY	00000001
#define O_RDWR		00000002
#define O_CREAT		00000100
#define O_EXCL		00000200
#define O_NOCTTY	00000400
#define O_TRUNC		00001000
#define O_APPEND	00002000
#define O_NONBLOCK	00004000
#define O_DSYNC		00010000
#define O_ASYNC		00020000
#define O_DIRECTORY	00040000
#define O_NOFOLLOW	00100000
#define O_DIRECT	00200000
#define O_LARGEFILE	00400000
#define O_NOATIME	01000000
#define O_CLOEXEC	02000000
#define O_SYNC		04010000
#define O_PATH		010000000
#define O_TMPFILE	(020000000 | O_DIRECTORY)

#define FILE_MAY_READ(flags)	(!((flags) & O_WRONLY))
#define FILE_MAY_WRITE(flags)	(((flags) + 1) & O_RDWR)	/* O_WRONLY, O_RDWR, not 3 */

/*
 * All may sleep; all are optional (NULL: the errno in brackets). f is referenced by the caller during the call. Blocking calls honour O_NONBLOCK in f->flags (-EAGAIN)
 * and are interruptible: -EINTR when nothing has been transferred (linux/ turns that into restart or EINTR).
 */
struct file_ops {
	/* Bytes moved, 0 at end of file. *pos is the offset to use and advance (files without one ignore it; NULL never). [EINVAL] */
	ssize_t (*read)(struct file *f, struct uio *u, uint64_t *pos);
	ssize_t (*write)(struct file *f, struct uio *u, uint64_t *pos);
	/* The same for one buffer of the application, where that is much shorter than by a uio. Optional, beside read and write. */
	ssize_t (*read_buf)(struct file *f, void __user *buf, size_t len);
	ssize_t (*write_buf)(struct file *f, const void __user *buf, size_t len);
	/* read() of one buffer of the application at an offset, where that is shorter than by a uio. -EAGAIN: use read(). Optional, beside read. */
	ssize_t (*read_at)(struct file *f, void __user *buf, size_t len, uint64_t off);
	/* Present events (FILE_POLL*). If w is not NULL also subscribe it: waitq_add() to one queue. A file that has two (read, write) uses poll_add. Never sleeps long. [always ready] */
	uint32_t (*poll)(struct file *f, struct poll_table *pt);
	int64_t (*seek)(struct file *f, int64_t off, int whence);	/* [ESPIPE] */
	long (*ioctl)(struct file *f, unsigned cmd, unsigned long arg);	/* [ENOTTY] */
	/* Object to map [off, off+len) of f; referenced for the caller. [ENODEV] */
	int (*map)(struct file *f, uint64_t off, size_t len, unsigned prot, bool is_shared, struct vm_object **out);
	int (*getdents)(struct file *f, struct dirent_sink *sink);	/* [ENOTDIR] */
	int (*fsync)(struct file *f, bool data_only);			/* [EINVAL] */
	int (*truncate)(struct file *f, uint64_t size);			/* [EINVAL] */
	int (*allocate)(struct file *f, int mode, uint64_t off, uint64_t len);	/* fallocate(2) [EOPNOTSUPP] */
	int (*stat)(struct file *f, struct stat_info *out);		/* [from the vnode] */
	/* Of a file without a dentry; see fs/anon-attr.h. [the one of all event descriptors] */
	int (*setattr)(struct file *f, const struct vnode_attr *a);
	/* fcntl(2) commands of one kind of file: F_SETPIPE_SZ, F_GETPIPE_SZ, F_ADD_SEALS, F_GET_SEALS, leases. [EINVAL] */
	long (*fcntl)(struct file *f, unsigned cmd, unsigned long arg);
	/*
	 * fs/async.h: a subscription for signals begins or ends (0); else which enum file_band the events, which are not 0, are worth. With locks held that who caused the events has.
	 * [O_ASYNC cannot be set]
	 */
	int (*async)(struct file *f, uint32_t what);
	/* Each close(2) of a descriptor (POSIX locks). [nothing] */
	void (*flush)(struct file *f, struct fdtable *table);
	/* Last reference gone: free private. Runs in thread context. */
	void (*release)(struct file *f);
	/* Extra lines for /proc/self/fdinfo/N. Optional. */
	size_t (*fdinfo)(struct file *f, char *buf, size_t size);
};

/* Created by file_alloc() (count 1) and freed by the last file_put(), through RCU (fdtable lookups are lock-free) once tables are shared. */
struct file {
	uint32_t refs;			/* [a] FILE_DEAD: gone, whatever is added to it */
	uint32_t flags;			/* [a] O_* status flags and access mode */
	const struct file_ops *ops;	/* [I] */
	uint64_t pos;			/* [pos_lock] */
	struct mutex pos_lock;
	struct vnode *vnode;		/* [I] the dentry's, or NULL (pipe ends of pipe(2), sockets, ...) */
	struct dentry *dentry;		/* [I] name it was opened by, or NULL; ref */
	void *private;			/* [I] the implementation's */
	const char *kind;		/* [I] "eventfd" for /proc/self/fd: anon_inode:[eventfd]; NULL with a dentry */
	struct file_async *async;	/* [a] fs/async.h; NULL: none */
	struct list epoll_items;	/* fs/epoll.c: subscriptions of epoll instances to this file */
	struct mutex epoll_lock;
	bool was_watched;		/* [epoll_lock] an epoll has had it; who sets it has a reference, so that the last file_put() sees it */
	int8_t claim;			/* [I] what it holds of vnode_claim(), until the last file_put() */
	bool has_position;		/* [I] pos is real and needs pos_lock: regular files, directories */
	uint8_t plain;			/* [a] FILE_PLAIN_*, set when it gets a descriptor */
	struct rcu_head rcu;		/* file.c */
};

#define FILE_DEAD	(1u << 31)

/* give: file_put(). NULL: no memory. Takes over nothing on failure. */
struct file *file_alloc(const struct file_ops *ops, unsigned flags, void *private);
/* f, just opened by a name, is a program: as long as it is open nobody can write to it. 0, -ETXTBSY: somebody may write. */
int file_deny_write(struct file *f);
static inline void file_get(struct file *f)
{
	atomic_fetch_add(&f->refs, 1u, RELAXED);
}
void file_last_put(struct file *f);
static inline void file_put(struct file *f)
{
	/* release: all uses of f before the free. Pairs: file_last_put */
	if (atomic_fetch_sub(&f->refs, 1u, ACQ_REL) == 1)
		file_last_put(f);
}

/* file_read(), file_write() with pos NULL are nothing but ops->read, ops->write with &f->pos: allowed, there, no position to lock, no inode. */
#define FILE_PLAIN_READ		1u
#define FILE_PLAIN_WRITE	2u
#define FILE_PLAIN_READ_BUF	4u	/* and there is ops->read_buf */
#define FILE_PLAIN_WRITE_BUF	8u
uint8_t file_is_plain(const struct file *f);

/* Checked calls: access mode (-EBADF), missing operation, offset handling. pos NULL: use and update f->pos. */
ssize_t file_read(struct file *f, struct uio *u, uint64_t *pos);
ssize_t file_write(struct file *f, struct uio *u, uint64_t *pos);
/* The short way of file_read() with a position. -EAGAIN: only file_read() knows. */
ssize_t file_read_at(struct file *f, void __user *buf, size_t len, uint64_t off);
int64_t file_seek(struct file *f, int64_t off, int whence);
uint32_t file_poll(struct file *f, struct poll_table *pt);

/*
 * Polling. The caller prepares a poll_table; the file's poll() calls poll_add(pt, queue) for each queue whose wake-ups change its answer, then returns its
 * present events. pt NULL: only ask.
 */
struct poll_table {
	void (*add)(struct poll_table *pt, struct waitq *q);
	uint32_t events;		/* what the caller wants */
};
static inline void poll_add(struct poll_table *pt, struct waitq *q)
{
	if (pt)
		pt->add(pt, q);
}

/* ---- descriptor tables ----------------------------------------------------------------------------------------------------- */

struct fdtable *fdtable_create(void);
/*
 * The only thread that uses t is about to make a second one that will. Until the first such call nobody can be inside fd_get() while a file loses its last reference, and files
 * are freed without a grace period; afterwards, for good, they are not.
 */
void fdtable_share(struct fdtable *t);
extern bool file_tables_are_shared;	/* [a] fdtable_share() was called */
struct fdtable *fdtable_copy(struct fdtable *t);	/* clone without CLONE_FILES */
void fdtable_put(struct fdtable *t);			/* last: closes all */
/* Referenced (file_put() it), or NULL. O_PATH files too. Lock-free. */
struct file *fd_get(struct fdtable *t, int fd);
/* Install f (takes the reference on success) at the lowest free descriptor >= min. Descriptor, -EMFILE (limit), -ENOMEM. */
int fd_install(struct fdtable *t, struct file *f, int min, bool cloexec, int limit);
/*
 * For calls that change something before they have a file (open makes and empties files, accept takes a connection):
 * the number first, so that there is no way to fail afterwards for want of one. fd_reserve() answers as fd_install()
 * does; until fd_fill() (take: f) the number is taken but not open. Else fd_unreserve() gives it back.
 */
int fd_reserve(struct fdtable *t, bool cloexec, int limit);
void fd_fill_slow(struct fdtable *t, int fd, struct file *f);	/* fd_fill() is in fs/fdtable.h */
void fd_unreserve(struct fdtable *t, int fd);
/* At exactly fd, closing what is there (dup2, dup3). fd, or -EBADF beyond limit, -EBUSY reserved, -ENOMEM. Takes the reference on success. */
int fd_install_at(struct fdtable *t, struct file *f, int fd, bool cloexec, int limit);
/* Is f what fd stands for? Not before a close of it has taken it out, and then that close sees the locks that were set before (fcntl(2)). */
bool fd_is(struct fdtable *t, int fd, const struct file *f);
int fd_close(struct fdtable *t, int fd);		/* 0, -EBADF */
int fd_close_range(struct fdtable *t, unsigned first, unsigned last, bool only_set_cloexec);
int fd_get_cloexec(struct fdtable *t, int fd);		/* 0, 1, -EBADF */
int fd_set_cloexec(struct fdtable *t, int fd, bool on);
void fd_close_on_exec(struct fdtable *t);
/* Next used descriptor >= fd, or -1: for /proc/self/fd. */
int fd_next(struct fdtable *t, int fd);
