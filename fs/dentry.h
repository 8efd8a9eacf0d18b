/* SPDX-License-Identifier: MIT
 *
 * Names: the dentry cache, mounts, and the path walk over both. Used inside fs/.
 *
 * A dentry says "parent, name -> vnode", or "-> nothing" (negative). Cached ones are in one hash table and hold a reference of the table. A lookup that finds its dentry
 * takes no lock (RCU): the walk reads parent and name, and validates the whole walk against rename_seq, which a rename makes odd while it moves dentries. Whoever changes
 * a directory holds its super's ns_lock, and so does a lookup that missed, so that the cache and the file system agree.
 *
 *	walker (RCU)			renamer (rename_lock)
 *	s = rename_seq, even		rename_seq++ (odd)
 *	hash lookups			unlink from old chain, change, link into new chain
 *	rename_seq == s ?		rename_seq++ (even)
 */
#pragma once

#include "fs/vnode.h"
#include "libc/list.h"

/* Name text, replaced as a whole by a rename so that a reader sees length and text that match. */
struct dname {
	struct rcu_head rcu;
	uint32_t hash, len;
	char text[];
};

#define DENTRY_HASHED	1u
#define DENTRY_DELETED	2u	/* its name has been removed: "(deleted)" */
#define DENTRY_MOUNTROOT 4u	/* root of a mount */
#define DENTRY_SEEN	8u	/* a path led here: the next time it is kept */
#define DENTRY_KNOWN	16u	/* a path that is kept leads here or through here: path-cache.h */
#define DENTRY_SHADOW	32u	/* in a bind mount: stands for another (below) */
#define DENTRY_POINT	64u	/* something is mounted on a shadow of it [mounts_lock] */

/*
 * Created by dentry_create(); counted; freed through RCU when neither the cache nor anyone else holds it.
 *
 * A dentry knows its mount. What a bind mount shows has its dentries elsewhere, in the file system's own mount; a walk through the bind mount goes along those and makes a
 * shadow of each that it reaches: (mount, real). A shadow has no name, no parent but itself, and is never in the hash table, so the ways of a walk that take no lock miss it
 * and leave the step to the slow one. Names are looked up and changed in the real dentry, whatever mount was gone through; so there is nothing to keep in step.
 * There may be several shadows of one place, but for those that something is mounted on and the root of the mount: shadow_get() finds these again. fs/bind.c
 */
struct dentry {
	union {
		struct dentry *next;	/* [bucket] hash chain, read under RCU */
		struct dentry *real;	/* [I] ref; of a shadow */
	};
	struct dentry *parent;		/* [rename_lock] ref; itself for a root and a shadow */
	struct dname *name;		/* [rename_lock] own, or allocated by a rename */
	struct vnode *vnode;		/* [I] ref; NULL: negative */
	struct mount *mount;		/* [I] which mount it belongs to; pinned by it */
	struct mount *covered;		/* [a] what is mounted here */
	uint32_t refs;			/* [a] */
	uint32_t flags;			/* [a] DENTRY_* */
	uint32_t was_used;		/* [a] second chance for the trimmer */
	struct rcu_head rcu;
	struct dname own;		/* [I] */
};

/* Created by mount_attach() and mount_clone(), freed by mount_change_end() when it is detached and nothing of it is in use. */
struct mount {
	struct list node;		/* [mounts_lock] all mounts, in order; then those that were detached */
	struct fs_super *super;		/* [I] pin: by the file system's own mount, whose dentries the shadows of others hold */
	struct dentry *root;		/* [I] ref; a shadow for a bind mount */
	struct dentry *point;		/* [mounts_lock, RCU] ref: what it covers; NULL for the first and for a detached one */
	struct dentry *left;		/* [mounts_lock] ref: the point that it has left, until no walk sees it there */
	struct mount *copy_of;		/* [o] while a tree of mounts is copied */
	int id;				/* [I] */
	int parent_id;			/* [mounts_lock] */
	unsigned long flags;		/* [a] MS_*, SUPER_RDONLY */
	uint32_t nr_shadows;		/* [a] */
	bool is_expiring;		/* [mounts_lock] umount2(MNT_EXPIRE) found it idle once */
	bool is_unbindable;		/* [mounts_lock] */
	char *source, *options;		/* [I] */
};

/* umount2(2). */
#define MNT_FORCE	1u
#define MNT_DETACH	2u
#define MNT_EXPIRE	4u
#define UMOUNT_NOFOLLOW	8u

#define MS_RDONLY	1ul
#define MS_NOSUID	2ul
#define MS_NODEV	4ul
#define MS_NOEXEC	8ul
#define MS_REMOUNT	32ul
#define MS_NOSYMFOLLOW	256ul
#define MS_NOATIME	1024ul
#define MS_NODIRATIME	2048ul
#define MS_BIND		4096ul
#define MS_MOVE		8192ul
#define MS_REC		16384ul
#define MS_SILENT	32768ul
#define MS_UNBINDABLE	(1ul << 17)
#define MS_PRIVATE	(1ul << 18)
#define MS_SLAVE	(1ul << 19)
#define MS_SHARED	(1ul << 20)
#define MS_RELATIME	(1ul << 21)
#define MS_STRICTATIME	(1ul << 24)
#define MS_NOUSER	(1ul << 31)
#define SUPER_RDONLY	(1ul << 40)	/* the file system is read-only, in all its mounts */

uint32_t dname_hash(const char *name, size_t len);

static inline void dentry_get(struct dentry *d)
{
	atomic_fetch_add(&d->refs, 1u, RELAXED);
}
bool dentry_try_get(struct dentry *d);
void dentry_put(struct dentry *d);

/* Takes over the reference to v (also on failure); refers to parent. parent NULL: a root. Not in the cache yet. NULL: no memory. give: dentry_put(). */
struct dentry *dentry_create(struct dentry *parent, struct mount *m, const char *name, size_t len, uint32_t hash, struct vnode *v);
void dentry_insert(struct dentry *d);
/* Out of the cache, for good (its reference is dropped). */
void dentry_remove(struct dentry *d, bool is_deleted);
/* RCU held; not referenced. */
struct dentry *dentry_find_rcu(struct dentry *parent, const char *name, size_t len, uint32_t hash);
/*
 * The child by that name, maybe negative; asks the file system if the cache does not know. parent->vnode->super->ns_lock is held. give: dentry_put(). 0, or errors of
 * vnode_ops.lookup other than -ENOENT.
 */
int dentry_lookup_locked(struct dentry *parent, const char *name, size_t len, uint32_t hash, struct dentry **out);
/* Between dentry_rename_begin() and _end(): give d another place; name_copy: take. */
void dentry_rename_begin(void);
void dentry_rename_end(void);
struct dname *dname_alloc(const char *name, size_t len);
void dentry_move(struct dentry *d, struct dentry *parent, struct dname *name_copy);
void dentry_exchange(struct dentry *a, struct dentry *b, struct dname *name_for_a, struct dname *name_for_b);
bool dentry_is_ancestor(struct dentry *a, struct dentry *d);	/* a == d or above; rename lock held */
extern uint32_t rename_seq;
/* Forget what is cached and unused below a super that goes away. True: there was something. */
bool dentry_drop_mount(struct mount *m);
void dentry_init(void);

/* Down through mounts: what a lookup that arrives at d means. RCU held, or d referenced. */
static inline struct dentry *dentry_resolve_mounts(struct dentry *d)
{
	struct mount *m;

	while (unlikely((m = atomic_load(&d->covered, ACQUIRE)) != NULL))	/* acquire: the mount's fields. Pairs: mount_set_point */
		d = m->root;
	return d;
}

/* ---- places: what is the same for a dentry and for its shadows ------------------------------------------------------------------ */

static inline struct dentry *dentry_real(struct dentry *d)
{
	return unlikely(READ_ONCE(d->flags) & DENTRY_SHADOW) ? d->real : d;
}

struct place {
	struct mount *mount;
	struct dentry *dentry;		/* not a shadow */
};

static inline struct place place_of(struct dentry *d)
{
	return (struct place){ d->mount, dentry_real(d) };
}

static inline bool place_is_same(struct place a, struct place b)
{
	return a.dentry == b.dentry && a.mount == b.mount;
}

static inline bool place_is_mount_root(struct place p)
{
	return p.mount && p.dentry == dentry_real(p.mount->root);
}

/* ".." of p, out of mounts. False: p is the top of its tree, or has been moved out of what its mount shows. RCU held. */
bool place_up(struct place *p);

static inline bool dentry_is_readonly(const struct dentry *d)
{
	return d->mount && (READ_ONCE(d->mount->flags) & (MS_RDONLY | SUPER_RDONLY));
}

/*
 * What real, a dentry of the same file system, is in m: itself in its own mount, else its shadow, which may be a mount point. real: take, also on failure. give: dentry_put().
 * -ENOMEM. Context: thread; mounts_lock is not held.
 */
int shadow_get(struct mount *m, struct dentry *real, struct dentry **out);
/* A new shadow, also if there is one. real: ref is taken. NULL: no memory. */
struct dentry *shadow_create(struct mount *m, struct dentry *real);

/* In which mount the names are that m shows. */
static inline bool mount_is_bind(const struct mount *m)
{
	return m->root->flags & DENTRY_SHADOW;
}

/*
 * Text of the path from root to d, at the end of buf; *start its first byte. Length without the 0 that ends it; -ENAMETOOLONG. A d that is not below root starts with
 * "(unreachable)".
 */
ssize_t dentry_path(struct dentry *root, struct dentry *d, char *buf, size_t size, char **start);

/* ---- walking ----------------------------------------------------------------------------------------------------------------- */

enum walk_last { LAST_NORMAL, LAST_DOT, LAST_DOTDOT, LAST_ROOT };

/*
 * walk_begin(); then walk_parent() stops before the last component (base is its directory, referenced), walk_child() looks that up; walk_follow() goes through it if it is a
 * link, after which walk_parent() is called again. walk_end() in any case.
 */
struct walk {
	struct fs_context *ctx;		/* borrow */
	struct dentry *root, *base;	/* base: ref; root: only if is_scoped() */
	const char *rest;		/* what is left to walk */
	char *buf;			/* text of the links followed, or NULL */
	unsigned nr_links;
	unsigned resolve;		/* RESOLVE_*: then nothing is taken from the caches of whole paths and stretches */
	uint32_t seq;			/* rename_seq at the begin of a scoped walk */
	/* after walk_parent() */
	enum walk_last last_type;
	const char *last;
	size_t last_len;
	uint32_t last_hash;
	bool has_slash;			/* "name/": must be a directory */
	struct file *file;		/* ref: a link led to an open file that has no name */
};

int walk_begin(struct walk *w, struct fs_context *ctx, struct file *at, const char *path);
/* The same under the restrictions of openat2(2). */
int walk_begin_within(struct walk *w, struct fs_context *ctx, struct file *at, const char *path, unsigned resolve);
int walk_parent(struct walk *w);
/* The last component, mounts resolved, maybe negative. give: dentry_put(). */
int walk_child(struct walk *w, struct dentry **out);
/* d, the last component, is a link: 0 and call walk_parent() again; w->file may have been set instead. */
int walk_follow(struct walk *w, struct dentry *d);
void walk_end(struct walk *w);

#define WALK_FOLLOW	1u
#define WALK_EMPTY	2u	/* "" is the directory (or file) at */
/* give: one of *out (never negative) and, if file is not NULL, *file (for links to files without a name; *out is NULL then). */
int path_lookup(struct fs_context *ctx, struct file *at, const char *path, unsigned flags, struct dentry **out, struct file **file);
/* The same under the restrictions of openat2(2), where they can fail: -EXDEV, -ELOOP, -EAGAIN. */
int path_lookup_within(struct fs_context *ctx, struct file *at, const char *path, unsigned flags, unsigned resolve,
		       struct dentry **out, struct file **file);

/* Follows links at the end. 0: everything was cached, as path_lookup(); other results mean nothing. */
int path_lookup_cached(struct fs_context *ctx, struct file *at, const char *path, struct dentry **out);

/* ---- mounts ------------------------------------------------------------------------------------------------------------------ */

extern struct list mounts;
extern struct mutex mounts_lock;
extern struct dentry *vfs_root;		/* root of the first mount */

/* point NULL: the first. take: point. */
int mount_attach(struct vnode *root, struct dentry *point, const char *source, const char *options, unsigned long flags, struct mount **out);
int mount_fs(const char *type, const char *source, const char *path, const char *options);

/* Among themselves: mount.c, bind.c, mount-proc.c. */
struct pseudo_event;
extern struct pseudo_event mounts_changed;
struct mount *mount_alloc(struct fs_super *super, const char *source, const char *options, unsigned long flags);
void mount_free(struct mount *m);	/* one that nobody has seen; NULL: nothing */
/* What a path that ends at point means now: others may have mounted something there since it was walked. mounts_lock held. point: take. give. */
struct dentry *mount_topmost(struct dentry *point);
/* m, new or without a point, gets one that nothing covers (take). mounts_lock held. */
void mount_set_point(struct mount *m, struct dentry *point);
/* The same with what is topmost at point (take, also on failure). -ENOENT: its name is gone; -EINVAL: it is not in the tree. */
int mount_link(struct mount *m, struct dentry *point);
/* m's point shows what is below it. Its reference is kept in m->left for walks that are there. mounts_lock held, in a change. */
void mount_leave_point(struct mount *m);
/* Around what makes mounts leave their points. The end frees what is not in use any more. Context: thread, no locks. */
void mount_change_begin(void);
void mount_change_end(void);
bool mount_is_attached(const struct mount *m);	/* mounts_lock held */
int mount_bind(struct fs_context *ctx, struct dentry *point, const char *source, bool is_recursive);
int mount_move(struct fs_context *ctx, struct dentry *point, const char *source);
int mount_change_type(struct dentry *root, unsigned long flags);
/* A further mount of old's file system: what real shows. mounts_lock held. NULL: no memory. */
struct mount *mount_clone(const struct mount *old, struct dentry *real);

/* vfs-open.c */
struct fs_context *vfs_kernel_context(void);	/* root's context, for boot */
