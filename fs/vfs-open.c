/* SPDX-License-Identifier: MIT
 *
 * open(2).
 */
#include "fs/cred.h"
#include "fs/dentry.h"
#include "fs/inotify.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"

static const struct file_ops path_file_ops = { 0 };	/* O_PATH: a name, nothing to call */

static unsigned wanted_access(unsigned flags)
{
	unsigned acc = flags & O_ACCMODE, may = 0;

	if (acc != O_WRONLY)
		may |= MAY_READ;
	if (acc != O_RDONLY || (flags & O_TRUNC))
		may |= MAY_WRITE;
	return may;
}

static int check_open(struct dentry *d, unsigned flags, bool is_new)
{
	struct vnode *v = d->vnode;
	unsigned may = wanted_access(flags);
	uint32_t type = vnode_type(v);

	if (type == S_IFLNK)
		return -ELOOP;
	if (type == S_IFDIR && (may & MAY_WRITE))
		return -EISDIR;
	if (unlikely(type == S_IFCHR || type == S_IFBLK) && d->mount && (d->mount->flags & MS_NODEV))
		return -EACCES;
	if ((may & MAY_WRITE) && dentry_is_readonly(d) && (type == S_IFREG || type == S_IFDIR))
		return -EROFS;
	if (is_new)
		return 0;
	if ((flags & O_NOATIME) && !vnode_is_owner(v))
		return -EPERM;
	return vnode_permission(v, may);
}

/* take: d. */
static void attach(struct file *f, struct dentry *d)
{
	struct vnode *v = d->vnode;
	uint32_t type;

	/* A device may answer with a file that exists already: leave that alone. */
	if (unlikely(f->dentry || atomic_load(&f->refs, RELAXED) != 1)) {
		dentry_put(d);
		return;
	}
	type = vnode_type(v);
	f->dentry = d;
	f->vnode = v;
	f->has_position = type == S_IFREG || type == S_IFDIR;
}

static int open_special(struct vnode *v, unsigned flags, struct file **out)
{
	if ((flags & O_DIRECT) && vnode_is_dir(v))
		return -EINVAL;
	return v->ops->open ? v->ops->open(v, flags, out) : vnode_open(v, flags, out);
}

/* What is not so common: O_PATH, O_DIRECTORY, O_TRUNC. 0, and *is_done if it is open already. */
static int open_rare(struct dentry *d, unsigned flags, bool is_new, struct file **out, bool *is_done)
{
	struct vnode *v = d->vnode;
	int r;

	*is_done = false;
	if ((flags & O_DIRECTORY) && !vnode_is_dir(v))
		return -ENOTDIR;
	if (flags & O_PATH) {
		*is_done = true;
		*out = file_alloc(&path_file_ops, flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW), NULL);
		return *out ? 0 : -ENOMEM;
	}
	r = check_open(d, flags, is_new);
	if (r)
		return r;
	if ((flags & O_TRUNC) && !is_new && vnode_type(v) == S_IFREG) {
		r = vnode_truncate(v, 0);
		if (r)
			return r;
		inotify_file_event(v, d, IN_MODIFY);
	}
	return 0;
}

static int open_regular(struct vnode *v, unsigned flags, struct file **out)
{
	unsigned access = flags & O_ACCMODE;
	bool is_writer = access == O_WRONLY || access == O_RDWR;
	int r = is_writer ? vnode_claim(v, VNODE_WRITES) : 0;

	if (unlikely(r))
		return r;
	*out = file_alloc(v->fops, flags, NULL);
	if (is_writer) {
		if (unlikely(!*out))
			vnode_unclaim(v, VNODE_WRITES);
		else
			(*out)->claim = VNODE_WRITES;
	}
	return *out ? 0 : -ENOMEM;
}

/* take: d, also on failure. */
static int open_dentry(struct dentry *d, unsigned flags, bool is_new, struct file **out)
{
	struct vnode *v = d->vnode;
	bool is_done = false;
	int r;

	if (unlikely(flags & (O_PATH | O_DIRECTORY | O_TRUNC)))
		r = open_rare(d, flags, is_new, out, &is_done);
	else
		r = check_open(d, flags, is_new);
	if (likely(!r && !is_done)) {
		flags &= ~(unsigned)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC);
		if (likely(vnode_type(v) == S_IFREG && !v->ops->open)) {
			r = open_regular(v, flags, out);
		} else {
			r = open_special(v, flags, out);
		}
	}
	if (unlikely(r)) {
		dentry_put(d);
		return r;
	}
	if (unlikely(atomic_load(&inotify_nr_watches, RELAXED)) && !is_done)
		inotify_file_event(v, d, IN_OPEN);
	attach(*out, d);
	return 0;
}

/* What a link to an open file without a name gives: the file itself. */
static __attribute__((noinline)) int reopen(struct file *f, unsigned flags, struct file **out)
{
	if (flags & O_DIRECTORY) {
		file_put(f);
		return -ENOTDIR;
	}
	/* Sockets and event descriptors cannot be opened again; pipes and terminals can. */
	if (!(flags & O_PATH) && f->kind && f->kind[0] != '/' && strcmp(f->kind, "pipe") != 0) {
		file_put(f);
		return -ENXIO;
	}
	*out = f;
	return 0;
}

static int open_existing(struct fs_context *ctx, struct file *at, const char *path, unsigned flags, struct file **out)
{
	struct dentry *d;
	struct file *f;
	int r;

	r = path_lookup(ctx, at, path, (flags & O_NOFOLLOW) ? 0 : WALK_FOLLOW, &d, &f);
	if (r)
		return r;
	return likely(d) ? open_dentry(d, flags, false, out) : reopen(f, flags, out);
}

/* What a file that open(2) makes begins with. */
static struct vnode_new new_file(const struct fs_context *ctx, uint32_t mode)
{
	const struct cred *c = cred_current();

	return (struct vnode_new){ .mode = S_IFREG | (mode & 07777 & ~READ_ONCE(ctx->umask)), .uid = c->fsuid, .gid = c->fsgid };
}

/* The last component does not exist: make it. ns_lock held; negative is put. */
static int create_locked(struct fs_context *ctx, struct dentry *dir, struct dentry *negative, uint32_t mode, struct dentry **out)
{
	struct vnode_new how = new_file(ctx, mode);
	struct vnode *v;
	int r;

	r = vnode_permission(dir->vnode, MAY_WRITE | MAY_EXEC);
	if (!r && (READ_ONCE(dentry_real(dir)->flags) & DENTRY_DELETED))
		r = -ENOENT;
	if (!r && dentry_is_readonly(dir))
		r = -EROFS;
	if (!r)
		r = dir->vnode->ops->create ? dir->vnode->ops->create(dir->vnode, negative->name->text, negative->name->len, &how, &v) : -EROFS;
	if (r)
		return r;
	dentry_remove(negative, false);
	*out = dentry_create(dir, dir->mount, negative->name->text, negative->name->len, negative->name->hash, v);
	if (!*out)
		return -ENOMEM;		/* the file exists; a later lookup finds it */
	dentry_insert(*out);
	return 0;
}

/* walk_child(), or a new file in its place. */
static int child_or_create(struct walk *w, uint32_t mode, struct dentry **out, bool *is_new)
{
	struct dentry *d, *made = NULL;
	struct mutex *ns = &w->base->vnode->super->ns_lock;
	int r;

	*is_new = false;
	r = walk_child(w, &d);
	if (r)
		return r;
	if (d->vnode) {
		*out = d;
		return 0;
	}
	dentry_put(d);
	if (w->has_slash)
		return -EISDIR;
	mutex_lock(ns);
	r = dentry_lookup_locked(w->base, w->last, w->last_len, w->last_hash, &d);
	if (!r && !d->vnode) {
		r = create_locked(w->ctx, w->base, d, mode, &made);
		dentry_put(d);
		d = made;
		*is_new = true;
	}
	mutex_unlock(ns);
	if (!r && unlikely(w->base->flags & DENTRY_SHADOW))
		r = shadow_get(w->base->mount, d, &d);
	*out = d;
	if (!r && *is_new)
		inotify_name_event(w->base->vnode, w->last, w->last_len, IN_CREATE, 0);
	return r;
}

static int open_create(struct fs_context *ctx, struct file *at, const char *path, unsigned flags, uint32_t mode, unsigned resolve,
		       struct file **out)
{
	struct dentry *d = NULL;
	struct walk w;
	bool is_new = false;
	int r;

	r = walk_begin_within(&w, ctx, at, path, resolve);
	while (!r) {
		r = walk_parent(&w);
		if (!r && w.last_type != LAST_NORMAL)
			r = (flags & O_EXCL) ? -EEXIST : -EISDIR;
		if (!r)
			r = child_or_create(&w, mode, &d, &is_new);
		if (r)
			break;
		if (!is_new && (flags & O_EXCL)) {
			r = -EEXIST;
		} else if (!is_new && vnode_type(d->vnode) == S_IFLNK && !(flags & O_NOFOLLOW)) {
			r = walk_follow(&w, d);
			dentry_put(d);
			d = NULL;
			if (r || !w.file)
				continue;
			if (w.file->dentry) {
				dentry_get(w.file->dentry);
				r = open_dentry(w.file->dentry, flags, false, out);
			} else {
				r = reopen(w.file, flags, out);
				w.file = NULL;
			}
			break;
		} else {
			r = w.has_slash && !vnode_is_dir(d->vnode) ? -ENOTDIR : vnode_is_dir(d->vnode) ? -EISDIR : 0;
			if (!r && !is_new)
				r = vnode_may_create_over(d->vnode, w.base->vnode);
		}
		if (!r) {
			r = open_dentry(d, flags, is_new, out);
			d = NULL;
		}
		break;
	}
	if (d)
		dentry_put(d);
	walk_end(&w);
	return r;
}

static int open_tmpfile(struct fs_context *ctx, struct file *at, const char *path, unsigned flags, uint32_t mode, unsigned resolve,
			struct file **out)
{
	struct vnode_new how = new_file(ctx, mode);
	struct dentry *dir, *d = NULL;
	struct vnode *v;
	int r;

	if ((flags & O_ACCMODE) == O_RDONLY)
		return -EINVAL;
	r = path_lookup_within(ctx, at, path, WALK_FOLLOW, resolve, &dir, NULL);
	if (r)
		return r;
	r = !vnode_is_dir(dir->vnode) ? -ENOTDIR : vnode_permission(dir->vnode, MAY_WRITE | MAY_EXEC);
	if (!r)
		r = dir->vnode->ops->tmpfile ? dir->vnode->ops->tmpfile(dir->vnode, &how, &v) : -EOPNOTSUPP;
	if (!r) {
		char name[32];
		int len = snprintf(name, sizeof(name), "#%llu", (unsigned long long)v->ino);

		if (!(flags & O_EXCL))
			v->flags |= VNODE_LINKABLE;
		d = dentry_create(dir, dir->mount, name, (size_t)len, dname_hash(name, (size_t)len), v);
		r = d ? 0 : -ENOMEM;
	}
	if (!r) {
		atomic_fetch_or(&d->flags, DENTRY_DELETED, RELAXED);
		if (unlikely(dir->flags & DENTRY_SHADOW))
			r = shadow_get(dir->mount, d, &d);
	}
	if (!r) {
		r = open_dentry(d, flags & ~(unsigned)O_TMPFILE, true, out);
	}
	dentry_put(dir);
	return r;
}

/* As vnode_may_create_over(), for the directory that d is in now. */
static int may_create_over(struct dentry *d)
{
	struct dentry *dir;
	int r = 0;

	if (likely(!atomic_load(&vfs_protected_fifos, RELAXED) && !atomic_load(&vfs_protected_regular, RELAXED)))
		return 0;
	rcu_read_lock();
	dir = READ_ONCE(d->parent);
	if (dir->vnode)
		r = vnode_may_create_over(d->vnode, dir->vnode);
	rcu_read_unlock();
	return r;
}

int vfs_open(struct fs_context *ctx, struct file *at, const char *path, unsigned flags, uint32_t mode, struct file **out)
{
	struct dentry *d;
	int r;

	if (flags & O_PATH) {
		flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
		/* A link is opened as itself with O_NOFOLLOW. */
		r = path_lookup(ctx, at, path, (flags & O_NOFOLLOW) ? 0 : WALK_FOLLOW, &d, NULL);
		return r ? r : open_dentry(d, flags, false, out);
	}
	if ((flags & O_TMPFILE) == O_TMPFILE)
		return open_tmpfile(ctx, at, path, flags, mode, 0, out);
	if (!(flags & O_CREAT))
		return open_existing(ctx, at, path, flags, out);
	if (flags & O_DIRECTORY)
		return -EINVAL;
	/* Usually the file is there already. Of anything out of the ordinary open_create() takes care. */
	if (!(flags & (O_EXCL | O_NOFOLLOW)) && path_lookup_cached(ctx, at, path, &d) == 0) {
		r = vnode_is_dir(d->vnode) ? -EISDIR : may_create_over(d);
		if (likely(!r))
			return open_dentry(d, flags, false, out);
		dentry_put(d);
		return r;
	}
	return open_create(ctx, at, path, flags, mode, 0, out);
}

int vfs_open_within(struct fs_context *ctx, struct file *at, const char *path, unsigned flags, uint32_t mode, unsigned resolve,
		    struct file **out)
{
	struct dentry *d;
	struct file *f;
	int r;

	if ((resolve & RESOLVE_CACHED) && (flags & (O_CREAT | O_TRUNC | (O_TMPFILE & ~(unsigned)O_DIRECTORY))))
		return -EAGAIN;
	if (!(flags & O_PATH) && (flags & O_TMPFILE) == O_TMPFILE)
		return open_tmpfile(ctx, at, path, flags, mode, resolve, out);
	if (!(flags & O_PATH) && (flags & O_CREAT))
		return flags & O_DIRECTORY ? -EINVAL : open_create(ctx, at, path, flags, mode, resolve, out);
	r = path_lookup_within(ctx, at, path, (flags & O_NOFOLLOW) ? 0 : WALK_FOLLOW, resolve, &d, &f);
	if (r)
		return r;
	return likely(d) ? open_dentry(d, flags, false, out) : reopen(f, flags, out);
}
