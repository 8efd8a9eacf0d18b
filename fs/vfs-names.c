/* SPDX-License-Identifier: MIT
 *
 * Calls that make, remove and change names: mkdir, mknod, symlink, link, unlink, rmdir, rename, readlink.
 */
#include "fs/cred.h"
#include "fs/dentry.h"
#include "fs/inotify.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"

/* May names in dir be changed? ns_lock held. */
static int check_dir(struct dentry *dir)
{
	if (READ_ONCE(dentry_real(dir)->flags) & DENTRY_DELETED)
		return -ENOENT;
	if (dentry_is_readonly(dir))
		return -EROFS;
	return vnode_permission(dir->vnode, MAY_WRITE | MAY_EXEC);
}

/* In a sticky directory only the owner of the file or of the directory may remove or rename it. */
static int check_sticky(struct vnode *dir, struct vnode *v)
{
	if (likely(!(READ_ONCE(dir->mode) & S_ISVTX)) || cred_current()->fsuid == READ_ONCE(dir->uid) || vnode_is_owner(v))
		return 0;
	return -EPERM;
}

/* walk to the parent of a name that shall be made; then: ns_lock of w->base held, *d its negative dentry. Nothing is held on failure except w. */
static int begin_create(struct walk *w, struct fs_context *ctx, struct file *at, const char *path, bool may_have_slash, struct dentry **d)
{
	struct mutex *ns;
	int r;

	r = walk_begin(w, ctx, at, path);
	if (!r)
		r = walk_parent(w);
	if (r)
		return r;
	if (w->last_type != LAST_NORMAL)
		return -EEXIST;
	ns = &w->base->vnode->super->ns_lock;
	mutex_lock(ns);
	r = vnode_permission(w->base->vnode, MAY_EXEC);
	if (!r)
		r = dentry_lookup_locked(w->base, w->last, w->last_len, w->last_hash, d);
	if (r)
		goto err_unlock;
	r = (*d)->vnode ? -EEXIST : w->has_slash && !may_have_slash ? -ENOENT : check_dir(w->base);
	if (!r)
		return 0;
	dentry_put(*d);
err_unlock:
	mutex_unlock(ns);
	return r;
}

/* v (take) now has the name of the negative d (put). */
static void end_create(struct walk *w, struct dentry *d, struct vnode *v)
{
	struct dentry *n;

	dentry_remove(d, false);
	if (v) {
		n = dentry_create(w->base, w->base->mount, d->name->text, d->name->len, d->name->hash, v);
		if (n) {
			dentry_insert(n);
			dentry_put(n);
		}
	}
	dentry_put(d);
}

static int create(struct fs_context *ctx, struct file *at, const char *path, struct vnode_new *how)
{
	struct dentry *d;
	struct vnode *dir, *v;
	struct walk w;
	int r;

	how->uid = cred_current()->fsuid;
	how->gid = cred_current()->fsgid;
	r = begin_create(&w, ctx, at, path, (how->mode & S_IFMT) == S_IFDIR, &d);
	if (!r) {
		dir = w.base->vnode;
		r = dir->ops->create ? dir->ops->create(dir, w.last, w.last_len, how, &v) : -EROFS;
		if (!r)
			end_create(&w, d, v);
		else
			dentry_put(d);
		mutex_unlock(&dir->super->ns_lock);
		if (!r)
			inotify_name_event(dir, w.last, w.last_len, IN_CREATE | ((how->mode & S_IFMT) == S_IFDIR ? IN_ISDIR : 0), 0);
	}
	walk_end(&w);
	return r;
}

int vfs_mkdir(struct fs_context *ctx, struct file *at, const char *path, uint32_t mode)
{
	struct vnode_new how = { .mode = S_IFDIR | (mode & 01777 & ~READ_ONCE(ctx->umask)) };

	return create(ctx, at, path, &how);
}

int vfs_mknod(struct fs_context *ctx, struct file *at, const char *path, uint32_t mode, uint64_t dev)
{
	struct vnode_new how = { .mode = (mode & S_IFMT) | (mode & 07777 & ~READ_ONCE(ctx->umask)), .rdev = dev };

	switch (mode & S_IFMT) {
	case 0:
		how.mode |= S_IFREG;
		/* fall through */
	case S_IFREG:
	case S_IFIFO:
	case S_IFSOCK:
		how.rdev = 0;
		break;
	case S_IFCHR:
	case S_IFBLK:
		if (!capable(CAP_MKNOD))
			return -EPERM;
		break;
	case S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
	return create(ctx, at, path, &how);
}

int vfs_symlink(struct fs_context *ctx, const char *target, struct file *at, const char *path)
{
	struct vnode_new how = { .mode = S_IFLNK | 0777, .target = target };

	if (!*target)
		return -ENOENT;
	return create(ctx, at, path, &how);
}

/* ns_lock held. */
static int may_link(const struct dentry *base, const struct dentry *source)
{
	const struct vnode *dir = base->vnode;
	struct vnode *v = source->vnode;
	int r;

	if (base->mount != source->mount)	/* other file systems, and other mounts of one; a memfd is nowhere */
		return -EXDEV;
	r = vnode_may_link(v);
	if (r)
		return r;
	if (vnode_is_dir(v) || !dir->ops->link)
		return -EPERM;
	/* Files whose last name is gone get no new one. */
	return READ_ONCE(v->nlink) || (v->flags & VNODE_LINKABLE) ? 0 : -ENOENT;
}

int vfs_link(struct fs_context *ctx, struct file *at, const char *from, struct file *to_at, const char *to, unsigned at_flags)
{
	unsigned flags = ((at_flags & AT_SYMLINK_FOLLOW) ? WALK_FOLLOW : 0) | ((at_flags & AT_EMPTY_PATH) ? WALK_EMPTY : 0);
	struct dentry *source, *d;
	struct vnode *dir, *v;
	struct file *f;
	struct walk w;
	int r;

	if (at_flags & ~(unsigned)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if ((at_flags & AT_EMPTY_PATH) && !capable(CAP_DAC_READ_SEARCH))
		return -ENOENT;
	r = path_lookup(ctx, at, from, flags, &source, &f);
	if (r)
		return r;
	if (f) {	/* a pipe or socket, by /proc/self/fd */
		file_put(f);
		return -EXDEV;
	}
	v = source->vnode;
	r = begin_create(&w, ctx, to_at, to, false, &d);
	if (!r) {
		dir = w.base->vnode;
		r = may_link(w.base, source);
		if (!r)
			r = dir->ops->link(dir, w.last, w.last_len, v);
		if (!r) {
			v->flags &= ~VNODE_LINKABLE;
			vnode_get(v);
			end_create(&w, d, v);
		} else {
			dentry_put(d);
		}
		mutex_unlock(&dir->super->ns_lock);
		if (!r) {
			inotify_file_event(v, NULL, IN_ATTRIB);
			inotify_name_event(dir, w.last, w.last_len, IN_CREATE, 0);
		}
	}
	walk_end(&w);
	dentry_put(source);
	return r;
}

static bool is_mount_point(const struct dentry *d)
{
	return READ_ONCE(d->covered) || (READ_ONCE(d->flags) & DENTRY_POINT);
}

static int check_unlink(struct walk *w, struct dentry *d, bool is_dir)
{
	struct vnode *v = d->vnode;

	if (!v)
		return -ENOENT;
	if (is_mount_point(d) || (d->flags & DENTRY_MOUNTROOT))
		return -EBUSY;
	if (is_dir && !vnode_is_dir(v))
		return -ENOTDIR;
	if (!is_dir && vnode_is_dir(v))
		return -EISDIR;
	if (!is_dir && w->has_slash)
		return -ENOTDIR;
	if (!w->base->vnode->ops->unlink)
		return -EPERM;
	return check_sticky(w->base->vnode, v);
}

int vfs_unlink(struct fs_context *ctx, struct file *at, const char *path, bool is_dir)
{
	struct dentry *d = NULL;
	struct vnode *dir;
	struct walk w;
	int r;

	r = walk_begin(&w, ctx, at, path);
	if (!r)
		r = walk_parent(&w);
	if (!r && w.last_type != LAST_NORMAL)
		r = !is_dir ? -EISDIR : w.last_type == LAST_DOT ? -EINVAL : w.last_type == LAST_DOTDOT ? -ENOTEMPTY : -EBUSY;
	if (r)
		goto out;
	dir = w.base->vnode;
	mutex_lock(&dir->super->ns_lock);
	r = vnode_permission(dir, MAY_EXEC);
	if (!r)
		r = dentry_lookup_locked(w.base, w.last, w.last_len, w.last_hash, &d);
	if (!r) {
		r = !d->vnode ? -ENOENT : check_dir(w.base);
		if (!r)
			r = check_unlink(&w, d, is_dir);
		if (!r)
			r = dir->ops->unlink(dir, w.last, w.last_len, d->vnode);
		if (!r)
			dentry_remove(d, true);
	}
	mutex_unlock(&dir->super->ns_lock);
	if (!r) {
		inotify_gone(d->vnode);
		inotify_name_event(dir, w.last, w.last_len, IN_DELETE | (is_dir ? IN_ISDIR : 0), 0);
	}
	if (d)
		dentry_put(d);
out:
	walk_end(&w);
	return r;
}

/* Both names looked up, rename lock and ns_lock held: is this rename allowed? */
static int check_rename(struct walk *wf, struct dentry *f, struct walk *wt, struct dentry *t, unsigned flags)
{
	bool exchange = flags & RENAME_EXCHANGE;
	int r;

	if (!f->vnode)
		return -ENOENT;
	if (!t->vnode && exchange)
		return -ENOENT;
	if (t->vnode && (flags & RENAME_NOREPLACE))
		return -EEXIST;
	if ((wf->has_slash || (wt->has_slash && !exchange)) && !vnode_is_dir(f->vnode))
		return -ENOTDIR;
	if (wt->has_slash && exchange && !vnode_is_dir(t->vnode))
		return -ENOTDIR;
	if (dentry_is_ancestor(f, wt->base))
		return -EINVAL;
	if (t->vnode && dentry_is_ancestor(t, wf->base))
		return exchange ? -EINVAL : -ENOTEMPTY;
	r = check_dir(wf->base);
	if (!r)
		r = check_dir(wt->base);
	if (!r)
		r = check_sticky(wf->base->vnode, f->vnode);
	if (!r && t->vnode)
		r = check_sticky(wt->base->vnode, t->vnode);
	if (r)
		return r;
	if (t->vnode && !exchange && f->vnode != t->vnode) {
		if (vnode_is_dir(f->vnode) && !vnode_is_dir(t->vnode))
			return -ENOTDIR;
		if (!vnode_is_dir(f->vnode) && vnode_is_dir(t->vnode))
			return -EISDIR;
	}
	if (is_mount_point(f) || is_mount_point(t))
		return -EBUSY;
	return wf->base->vnode->ops->rename || f->vnode == t->vnode ? 0 : -EPERM;
}

static int rename_locked(struct walk *wf, struct walk *wt, struct dentry *f, struct dentry *t, unsigned flags)
{
	struct vnode *from = wf->base->vnode, *to = wt->base->vnode;
	struct dname *name = NULL, *back = NULL;
	int r;

	r = check_rename(wf, f, wt, t, flags);
	if (r || f->vnode == t->vnode)
		return r;	/* two names of one file: nothing happens (rename(2)) */
	name = dname_alloc(wt->last, wt->last_len);
	if (flags & RENAME_EXCHANGE)
		back = dname_alloc(wf->last, wf->last_len);
	r = name && (back || !(flags & RENAME_EXCHANGE)) ? 0 : -ENOMEM;
	if (!r)
		r = from->ops->rename(from, wf->last, wf->last_len, f->vnode, to, wt->last, wt->last_len, t->vnode, flags);
	if (r) {
		kfree(name);
		kfree(back);
		return r;
	}
	if (flags & RENAME_EXCHANGE) {
		dentry_exchange(f, t, name, back);
	} else {
		dentry_remove(t, t->vnode != NULL);
		dentry_move(f, dentry_real(wt->base), name);
	}
	return 0;
}

/* f has gone from wf's name to wt's; t was there. */
static void tell_rename(struct walk *wf, struct walk *wt, struct dentry *f, struct dentry *t, unsigned flags)
{
	uint32_t cookie = inotify_new_cookie(), is_dir = vnode_is_dir(f->vnode) ? IN_ISDIR : 0;

	inotify_name_event(wf->base->vnode, wf->last, wf->last_len, IN_MOVED_FROM | is_dir, cookie);
	inotify_name_event(wt->base->vnode, wt->last, wt->last_len, IN_MOVED_TO | is_dir, cookie);
	inotify_file_event(f->vnode, NULL, IN_MOVE_SELF);
	if (t->vnode && !(flags & RENAME_EXCHANGE))
		inotify_gone(t->vnode);
	if (t->vnode && (flags & RENAME_EXCHANGE)) {
		cookie = inotify_new_cookie();
		is_dir = vnode_is_dir(t->vnode) ? IN_ISDIR : 0;
		inotify_name_event(wt->base->vnode, wt->last, wt->last_len, IN_MOVED_FROM | is_dir, cookie);
		inotify_name_event(wf->base->vnode, wf->last, wf->last_len, IN_MOVED_TO | is_dir, cookie);
		inotify_file_event(t->vnode, NULL, IN_MOVE_SELF);
	}
}

int vfs_rename(struct fs_context *ctx, struct file *at, const char *from, struct file *to_at, const char *to, unsigned flags)
{
	struct dentry *f = NULL, *t = NULL;
	struct walk wf, wt;
	struct mutex *ns;
	int r;

	if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT)) ||
	    ((flags & RENAME_EXCHANGE) && (flags & (RENAME_NOREPLACE | RENAME_WHITEOUT))))
		return -EINVAL;
	if ((flags & RENAME_WHITEOUT) && !capable(CAP_MKNOD))
		return -EPERM;
	r = walk_begin(&wf, ctx, at, from);
	if (!r)
		r = walk_parent(&wf);
	if (r)
		goto out_from;
	r = walk_begin(&wt, ctx, to_at, to);
	if (!r)
		r = walk_parent(&wt);
	if (!r && (wf.last_type != LAST_NORMAL || wt.last_type != LAST_NORMAL))
		r = (flags & RENAME_NOREPLACE) && wf.last_type == LAST_NORMAL ? -EEXIST : -EBUSY;
	if (!r && wf.base->mount != wt.base->mount)
		r = -EXDEV;
	if (r)
		goto out_to;
	ns = &wf.base->vnode->super->ns_lock;
	dentry_rename_begin();
	mutex_lock(ns);
	r = dentry_lookup_locked(wf.base, wf.last, wf.last_len, wf.last_hash, &f);
	if (!r)
		r = dentry_lookup_locked(wt.base, wt.last, wt.last_len, wt.last_hash, &t);
	if (!r)
		r = rename_locked(&wf, &wt, f, t, flags);
	mutex_unlock(ns);
	dentry_rename_end();
	if (!r && f->vnode != t->vnode)
		tell_rename(&wf, &wt, f, t, flags);
	if (f)
		dentry_put(f);
	if (t)
		dentry_put(t);
out_to:
	walk_end(&wt);
out_from:
	walk_end(&wf);
	return r;
}

ssize_t vfs_readlink(struct fs_context *ctx, struct file *at, const char *path, char *buf, size_t size)
{
	struct dentry *d;
	ssize_t r;

	r = path_lookup(ctx, at, path, WALK_EMPTY, &d, NULL);
	if (r)
		return r;
	if (vnode_type(d->vnode) != S_IFLNK)
		r = *path ? -EINVAL : -ENOENT;
	else
		r = d->vnode->ops->readlink ? d->vnode->ops->readlink(d->vnode, buf, size) : -EINVAL;
	dentry_put(d);
	return r;
}
