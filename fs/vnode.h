/* SPDX-License-Identifier: MIT
 *
 * Vnodes: files as the file systems hold them, without a name. Names are dentries (fs/dentry.h), open files are struct file (fs/file.h).
 *
 * A file system gives each of its files one struct vnode (embedded in its own structure) and fills in ops; attributes live in the vnode itself. Directory contents of
 * one file system (everything that lookup, create, unlink, rename change) are guarded by its super's ns_lock: one mutex, held for memory operations only.
 *
 * Lock order: rename lock, super->ns_lock, vnode->lock, (address space of a fault), vnode->meta. Nothing is held across device I/O; vnode->lock is held while a writer
 * copies from the application, which may fault, hence a fault takes only meta.
 */
#pragma once

#include "fs/vfs.h"
#include "libc/atomic.h"
#include "libc/list.h"
#include "libc/set.h"
#include "libc/types.h"
#include "sched/mutex.h"
#include "sched/rcu.h"

#define S_IFMT		0170000u
#define S_IFSOCK	0140000u
#define S_IFLNK		0120000u
#define S_IFREG		0100000u
#define S_IFBLK		0060000u
#define S_IFDIR		0040000u
#define S_IFCHR		0020000u
#define S_IFIFO		0010000u
#define S_ISUID		04000u
#define S_ISGID		02000u
#define S_ISVTX		01000u

/* d_type of getdents64(2). */
#define DT_UNKNOWN	0
#define DT_FIFO		1
#define DT_CHR		2
#define DT_DIR		4
#define DT_BLK		6
#define DT_REG		8
#define DT_LNK		10
#define DT_SOCK		12

/* access(2). */
#define MAY_EXEC	1u
#define MAY_WRITE	2u
#define MAY_READ	4u

#define RENAME_NOREPLACE 1u
#define RENAME_EXCHANGE	2u
#define RENAME_WHITEOUT	4u	/* leave a character device 0:0 at the old place */

/* Device numbers as stat(2) gives them: minor 7:0 and 31:20, major 19:8. */
#define DEV_MAKE(major, minor) \
	((((uint64_t)(minor)) & 0xff) | ((uint64_t)(major) << 8) | (((uint64_t)(minor) & ~0xffull) << 12))
#define DEV_MAJOR(dev)	((unsigned)(((dev) >> 8) & 0xfff))
#define DEV_MINOR(dev)	((unsigned)(((dev) & 0xff) | (((dev) >> 12) & 0xfff00)))

struct dentry;
struct file_locks;
struct fs_super;
struct text;
struct vnode;

struct vnode_attr {
	unsigned what;			/* ATTR_* */
	uint32_t mode, uid, gid;
	struct timespec64 atime, mtime;
};
#define ATTR_MODE	1u
#define ATTR_UID	2u
#define ATTR_GID	4u
#define ATTR_ATIME	8u
#define ATTR_MTIME	16u

/* What create() makes: any type but a hard link. */
struct vnode_new {
	uint32_t mode;			/* with type bits */
	uint32_t uid, gid;
	uint64_t rdev;
	const char *target;		/* of a symlink */
};

/*
 * Names are not terminated. "ns" : super->ns_lock is held. All may sleep. NULL: the errno in brackets.
 */
struct vnode_ops {
	/* ns. give: vnode_put(). -ENOENT. [ENOTDIR] */
	int (*lookup)(struct vnode *dir, const char *name, size_t len, struct vnode **out);
	/* ns; the name does not exist. give. [EROFS] */
	int (*create)(struct vnode *dir, const char *name, size_t len, const struct vnode_new *how, struct vnode **out);
	/* ns; the name does not exist. v is of the same super, no directory. [EPERM] */
	int (*link)(struct vnode *dir, const char *name, size_t len, struct vnode *v);
	/* ns; the name is v's. -ENOTEMPTY if v is a directory that has entries. [EROFS] */
	int (*unlink)(struct vnode *dir, const char *name, size_t len, struct vnode *v);
	/* ns of one super. victim: what to has now, or NULL; checked for type. [EROFS] */
	int (*rename)(struct vnode *from_dir, const char *from, size_t from_len, struct vnode *v, struct vnode *to_dir, const char *to, size_t to_len,
		      struct vnode *victim, unsigned flags);
	/* A file without a name (O_TMPFILE); link() may name it later. [EOPNOTSUPP] */
	int (*tmpfile)(struct vnode *dir, const struct vnode_new *how, struct vnode **out);
	/* Length of the target, cut at size. [EINVAL] */
	ssize_t (*readlink)(struct vnode *v, char *buf, size_t size);
	/* A link that leads to an open file rather than to a name (/proc/self/fd/N). give: file_put(). -ENOTSUP: it is an ordinary link. [ENOTSUP] */
	int (*follow)(struct vnode *v, struct file **out);
	/* [fields of the vnode] */
	int (*getattr)(struct vnode *v, struct stat_info *out);
	int (*setattr)(struct vnode *v, const struct vnode_attr *a);	/* [EPERM] */
	int (*truncate)(struct vnode *v, uint64_t size);		/* regular files [EINVAL] */
	/* give: a file; vnode and dentry are attached by the caller. [file_alloc with fops; devices by number] */
	int (*open)(struct vnode *v, unsigned flags, struct file **out);
	ssize_t (*getxattr)(struct vnode *v, const char *name, void *buf, size_t size);	/* [EOPNOTSUPP] */
	/* The cache may not forget the name in v->alias: it is shown, and nothing else would find it again. Any locks may be held. [false] */
	bool (*needs_name)(struct vnode *v);
	/* The last reference is gone and nobody can find v any more: free what it has, then vnode_free_rcu(). */
	void (*destroy)(struct vnode *v);
};

/* Do not keep dentries of this directory's entries: the next lookup asks again (/proc/self/fd). */
#define VNODE_UNCACHED	1u
/* A link that leads to an object rather than to a name, for openat2(2), though we follow it by its text (/proc/self/exe). */
#define VNODE_MAGIC	2u
/* Has no name yet, but may get one: link(2) of an O_TMPFILE. [ns_lock] */
#define VNODE_LINKABLE	4u

/* Created by a file system; counted: vnode_get(), vnode_put(). Readable under RCU after that. */
struct vnode {
	const struct vnode_ops *ops;	/* [I] */
	const struct file_ops *fops;	/* [I] for the default open */
	struct fs_super *super;		/* [I] */
	uint64_t ino;			/* [I] */
	uint64_t rdev;			/* [I] */
	uint32_t refs;			/* [a] */
	uint32_t flags;			/* [I] VNODE_*, but for VNODE_LINKABLE */
	uint32_t mode;			/* [a; meta] type bits never change */
	uint32_t uid, gid;		/* [a; meta] */
	uint32_t nlink;			/* [a; ns_lock] */
	uint64_t size;			/* [a; lock and meta] */
	struct timespec64 atime, mtime, ctime, btime;	/* [meta] */
	struct mutex lock;		/* writers of contents, one at a time */
	struct mutex meta;		/* attributes, page tree: never held across a fault */
	struct dentry *alias;		/* [a] weak: some name of it, for people */
	struct file_locks *locks;	/* [a] fs/locks.c; those of records: fs/record-tree.c */
	int32_t claims;			/* [a] vnode_claim(): files open for writing, or less than 0: programs that run it */
	uint8_t rw_hint;		/* [a] F_SET_RW_HINT */
	void *special;			/* [lock] a fifo's pipe (fs/pipe.c), a bound socket (net/unix.c) */
	void (*special_free)(void *special);	/* [lock] called at the end if special is set */
	struct list watches;		/* fs/inotify.c; next NULL: never watched */
	struct rcu_head rcu;
};

static inline uint32_t vnode_type(const struct vnode *v)
{
	return READ_ONCE(v->mode) & S_IFMT;
}

static inline bool vnode_is_dir(const struct vnode *v)
{
	return vnode_type(v) == S_IFDIR;
}

void vnode_init(struct vnode *v, struct fs_super *super, const struct vnode_ops *ops, const struct file_ops *fops, uint32_t mode, uint64_t ino);
static inline void vnode_get(struct vnode *v)
{
	atomic_fetch_add(&v->refs, 1u, RELAXED);
}
/* False: it is dying. For those who found v by RCU or under a lock that destroy() takes. */
bool vnode_try_get(struct vnode *v);
void vnode_put(struct vnode *v);
/* Frees the block that starts at mem, which holds v, after a grace period; v must be its first member. */
void vnode_free_rcu(struct vnode *v);

void vnode_stat(struct vnode *v, struct stat_info *out);
/* Set the fields and ctime. For setattr() of file systems that hold attributes in memory. */
void vnode_apply_attr(struct vnode *v, const struct vnode_attr *a);
void vnode_now(struct timespec64 *t);
#define VNODE_MTIME	1u
#define VNODE_CTIME	2u
#define VNODE_ATIME	4u
/* VNODE_MTIME: the content was changed, too, so a file loses the rights that it lends (vnode_mode_after_change()). */
void vnode_touch(struct vnode *v, unsigned what);
/*
 * A regular file is either written to or run, by any number of each at once. claim: VNODE_WRITES or VNODE_RUNS, given back by
 * vnode_unclaim(). 0, or -ETXTBSY: it is used in the other way.
 */
#define VNODE_WRITES	1
#define VNODE_RUNS	(-1)
int vnode_claim(struct vnode *v, int claim);
void vnode_unclaim(struct vnode *v, int claim);
/* A regular file. 0, -ETXTBSY, what the file system says. */
int vnode_truncate(struct vnode *v, uint64_t size);
/* 0 or -EACCES. */
int vnode_permission(struct vnode *v, unsigned may);
/* May the current thread give v another name (-EPERM); follow a link that lies in dir (-EACCES)? By settings (fs/vfs.h). */
int vnode_may_link(struct vnode *v);
int vnode_may_follow(const struct vnode *link, const struct vnode *dir);
/* open(2) with O_CREAT of v, which is in dir already: protected_fifos and protected_regular of proc(5). -EACCES. */
int __must_check vnode_may_create_over(const struct vnode *v, const struct vnode *dir);
/* May the current thread do what is left to the owner? */
bool vnode_is_owner(const struct vnode *v);
/* The mode without S_ISGID where the current thread may not give the group's rights away. */
uint32_t vnode_keep_setgid(uint32_t mode, uint32_t gid);
/* The mode of a file whose content or owner changes: without rights that it lends to who runs it (chown(2), inode(7)). */
uint32_t vnode_mode_after_change(const struct vnode *v);
uint8_t vnode_dtype(uint32_t mode);
/* Open by type: default of vnode_ops.open. */
int vnode_open(struct vnode *v, unsigned flags, struct file **out);
/* For files whose position is an offset below the vnode's size; SEEK_DATA and SEEK_HOLE see one extent. */
int64_t vnode_seek(struct file *f, int64_t off, int whence);

/* ---- file systems and devices ------------------------------------------------------------------------------------------------ */

struct fs_super {
	const struct fs_type *type;	/* [I] */
	uint64_t dev;			/* [I] st_dev */
	struct mutex ns_lock;		/* names in all directories */
	void *private;			/* [I] the file system's */
};

struct fs_type {
	const char *name;
	bool needs_device;		/* for /proc/filesystems: not "nodev" */
	bool is_single;			/* there is one: mounted again it shows the same */
	uint32_t magic;			/* for statfs(2) */
	/* give: *root a directory, of a new super. options: "size=64M,mode=1777" or "". */
	int (*mount)(const struct fs_type *type, const char *options, struct vnode **root);
	void (*statfs)(struct fs_super *s, struct statfs_info *out);	/* or NULL */
	/* Is there a file in memory that is mapped? [false] */
	bool (*is_busy)(const struct fs_super *s);
	/* ",size=64k": its options as /proc/self/mounts has them. [those it was mounted with] */
	void (*show_options)(const struct fs_super *s, struct text *out);
	/* New options for a mounted one. [takes any, and does nothing] */
	int (*remount)(struct fs_super *s, const char *options);
	/* No dentry, no file is left: free s and all. */
	void (*unmount)(struct fs_super *s);
};
#define FS_TYPE(t)	SET_ADD(fs_types, t)

/* dev number 0:N for a new file system. */
uint64_t fs_new_dev(void);
const struct fs_type *fs_type_find(const char *name);

/* A node in /dev and what opening a device number does. */
struct dev_node {
	const char *name;		/* below /dev; NULL: no name there */
	uint32_t mode;			/* with S_IFCHR or S_IFBLK */
	uint16_t major, minor;
	bool is_any_minor;
	int (*open)(struct vnode *v, unsigned flags, struct file **out);
};
#define DEV_NODE(id_, name_, mode_, major_, minor_, open_) \
	static const struct dev_node dev_node_##id_ = { name_, mode_, major_, minor_, false, open_ }; \
	SET_ADD(dev_nodes, dev_node_##id_)

/* open(2) of a node of this type (S_IFIFO: fs/pipe.c; S_IFSOCK would be net/): type_open is called with the vnode; it may keep its state in v->special. */
struct special_type {
	uint32_t type;
	int (*open)(struct vnode *v, unsigned flags, struct file **out);
};
#define SPECIAL_TYPE(id_, type_, open_) \
	static const struct special_type special_type_##id_ = { type_, open_ }; \
	SET_ADD(special_types, special_type_##id_)

/* An unnamed file of the root's tmpfs, size 0: memfd_create(2), shared anonymous memory. give: file_put(). */
int tmpfs_create_unnamed(const char *name, unsigned flags, uint32_t mode, struct file **out);

/* The vnode a path leads to (bound sockets). give: vnode_put(). */
int vfs_lookup_vnode(struct fs_context *ctx, struct file *at, const char *path, unsigned at_flags, struct vnode **out);

/* Set by linux/: the calling process's table and context (borrowed: they outlive the call) for /proc/self/fd; the functions may return NULL. */
extern struct fdtable *(*vfs_current_fds)(void);
extern struct fs_context *(*vfs_current_context)(void);
/* The calling thread has written to a pipe without readers, which the result of its call does not say: SIGPIPE. NULL: none. */
extern void (*vfs_broken_pipe)(void);
