/* SPDX-License-Identifier: MIT
 *
 * Calls on attributes by path: stat, access, chmod, chown, utimens, truncate, statfs, getxattr.
 */
#include "fs/cred.h"
#include "fs/dentry.h"
#include "fs/inotify.h"
#include "fs/path-cache.h"
#include "fs/special-priv.h"
#include "libc/errno.h"
#include "libc/string.h"

#define UTIME_NOW	0x3fffffff
#define UTIME_OMIT	0x3ffffffe

#define ST_VALID	0x20		/* statfs(2): f_flags means something */
#define ST_RELATIME	0x1000
#define ST_NOSYMFOLLOW	0x2000
#define PIPEFS_MAGIC	0x50495045
#define SOCKFS_MAGIC	0x534f434b
#define TMPFS_MAGIC	0x01021994
#define ANON_INODE_MAGIC 0x09041934

static unsigned walk_flags(unsigned at_flags)
{
	return ((at_flags & AT_SYMLINK_NOFOLLOW) ? 0 : WALK_FOLLOW) | ((at_flags & AT_EMPTY_PATH) ? WALK_EMPTY : 0);
}

static int dentry_stat(struct dentry *d, struct stat_info *out)
{
	struct vnode *v = d->vnode;
	int r = 0;

	if (v->ops->getattr)
		r = v->ops->getattr(v, out);
	else
		vnode_stat(v, out);
	if (!r && d->mount)
		out->mount_id = (uint64_t)d->mount->id;
	return r;
}

int vfs_stat(struct fs_context *ctx, struct file *at, const char *path, unsigned at_flags, struct stat_info *out)
{
	struct dentry *d;
	struct file *f;
	int r;

	r = path_lookup(ctx, at, path, walk_flags(at_flags), &d, &f);
	if (r)
		return r;
	if (f) {
		r = file_stat(f, out);
		file_put(f);
		return r;
	}
	r = dentry_stat(d, out);
	dentry_put(d);
	return r;
}

bool file_is_noexec(const struct file *f)
{
	return f->dentry && f->dentry->mount && (READ_ONCE(f->dentry->mount->flags) & MS_NOEXEC);
}

int vfs_access(struct fs_context *ctx, struct file *at, const char *path, unsigned mode, unsigned at_flags)
{
	struct dentry *d;
	struct file *f;
	int r;

	if (mode & ~7u)
		return -EINVAL;
	r = path_lookup(ctx, at, path, walk_flags(at_flags), &d, &f);
	if (r)
		return r;
	if (f) {
		file_put(f);
		return 0;
	}
	r = vnode_permission(d->vnode, mode);
	if (!r && (mode & MAY_EXEC) && d->mount && (d->mount->flags & MS_NOEXEC) && vnode_type(d->vnode) == S_IFREG)
		r = -EACCES;
	if (!r && (mode & MAY_WRITE) && dentry_is_readonly(d) && vnode_type(d->vnode) != S_IFCHR)
		r = -EROFS;
	dentry_put(d);
	return r;
}

static int setattr(struct dentry *d, const struct vnode_attr *a)
{
	struct vnode *v = d->vnode;
	int r;

	if (dentry_is_readonly(d))
		return -EROFS;
	r = v->ops->setattr ? v->ops->setattr(v, a) : -EPERM;
	if (!r && (a->what & (ATTR_MODE | ATTR_UID | ATTR_GID)) && vnode_is_dir(v))
		path_cache_flush();	/* who may go through it has changed */
	if (!r)
		inotify_file_event(v, d, a->what == ATTR_ATIME ? IN_ACCESS : a->what == ATTR_MTIME ? IN_MODIFY : IN_ATTRIB);
	return r;
}

/* The same for a file without a name, whose users have it from its maker. take: f. */
static int file_setattr(struct file *f, const struct vnode_attr *a)
{
	int r = 0;

	if (a->what)
		r = f->ops->setattr ? f->ops->setattr(f, a) : special_anon_setattr(f, a);
	file_put(f);
	return r;
}

int vfs_chmod(struct fs_context *ctx, struct file *at, const char *path, uint32_t mode, unsigned at_flags)
{
	struct vnode_attr a = { .what = ATTR_MODE };
	struct dentry *d;
	struct file *f;
	int r;

	r = path_lookup(ctx, at, path, walk_flags(at_flags), &d, &f);
	if (r)
		return r;
	if (f)
		return file_setattr(f, &(struct vnode_attr){ .what = ATTR_MODE, .mode = mode });
	a.mode = vnode_keep_setgid(mode, READ_ONCE(d->vnode->gid));
	if (vnode_type(d->vnode) == S_IFLNK)
		r = -EOPNOTSUPP;
	else
		r = vnode_is_owner(d->vnode) ? setattr(d, &a) : -EPERM;
	dentry_put(d);
	return r;
}

/* chown(2): an owner may give a file to a group of his, nobody without CAP_CHOWN to another user. */
static bool may_change_owner(const struct vnode *v, const struct vnode_attr *a)
{
	const struct cred *c = cred_current();
	bool is_owner = c->fsuid == READ_ONCE(v->uid);

	if ((a->what & ATTR_UID) && !(is_owner && a->uid == READ_ONCE(v->uid)) && !cred_has(c, CAP_CHOWN))
		return false;
	if ((a->what & ATTR_GID) && !(is_owner && (a->gid == READ_ONCE(v->gid) || cred_in_group(c, a->gid))) && !cred_has(c, CAP_CHOWN))
		return false;
	return !(a->what & ATTR_MODE) || vnode_is_owner(v);
}

int vfs_chown(struct fs_context *ctx, struct file *at, const char *path, uint32_t uid, uint32_t gid, unsigned at_flags)
{
	struct vnode_attr a = { .uid = uid, .gid = gid };
	struct dentry *d;
	struct file *f;
	int r;

	r = path_lookup(ctx, at, path, walk_flags(at_flags), &d, &f);
	if (r)
		return r;
	if (uid != (uint32_t)-1)
		a.what |= ATTR_UID;
	if (gid != (uint32_t)-1)
		a.what |= ATTR_GID;
	if (f)
		return file_setattr(f, &a);
	a.mode = vnode_mode_after_change(d->vnode);
	if (a.mode != READ_ONCE(d->vnode->mode))
		a.what |= ATTR_MODE;
	r = may_change_owner(d->vnode, &a) ? setattr(d, &a) : -EPERM;
	dentry_put(d);
	return r;
}

static int resolve_time(const struct timespec64 *t, const struct timespec64 *now, struct timespec64 *out, unsigned bit, unsigned *what)
{
	if (t->nsec == UTIME_OMIT)
		return 0;
	*what |= bit;
	*out = t->nsec == UTIME_NOW ? *now : *t;
	return out->nsec < 0 || out->nsec >= (int64_t)NSEC_PER_SEC ? -EINVAL : 0;
}

int vfs_utimens(struct fs_context *ctx, struct file *at, const char *path, const struct timespec64 times[2], unsigned at_flags)
{
	static const struct timespec64 both_now[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };
	const struct timespec64 *t = times ? times : both_now;
	struct vnode_attr a = { 0 };
	struct timespec64 now;
	struct dentry *d;
	struct file *f;
	int r;

	vnode_now(&now);
	r = resolve_time(&t[0], &now, &a.atime, ATTR_ATIME, &a.what);
	if (!r)
		r = resolve_time(&t[1], &now, &a.mtime, ATTR_MTIME, &a.what);
	if (r)
		return r;
	r = path_lookup(ctx, at, path, walk_flags(at_flags), &d, &f);
	if (r)
		return r;
	if (f)
		return file_setattr(f, &a);
	if (!a.what)
		r = 0;
	else if (vnode_is_owner(d->vnode))
		r = setattr(d, &a);
	else if (t[0].nsec == UTIME_NOW && t[1].nsec == UTIME_NOW)
		r = vnode_permission(d->vnode, MAY_WRITE) ? -EACCES : setattr(d, &a);
	else
		r = -EPERM;
	dentry_put(d);
	return r;
}

int vfs_truncate(struct fs_context *ctx, const char *path, uint64_t size)
{
	struct dentry *d;
	struct vnode *v;
	struct file *f;
	int r;

	if ((int64_t)size < 0)
		return -EINVAL;
	r = path_lookup(ctx, NULL, path, WALK_FOLLOW, &d, &f);
	if (r)
		return r;
	if (f) {
		file_put(f);
		return -EINVAL;
	}
	v = d->vnode;
	if (vnode_is_dir(v))
		r = -EISDIR;
	else if (vnode_type(v) != S_IFREG || !v->ops->truncate)
		r = -EINVAL;
	else if (dentry_is_readonly(d))
		r = -EROFS;
	else
		r = vnode_permission(v, MAY_WRITE);
	if (!r)
		r = vnode_truncate(v, size);
	if (!r)
		inotify_file_event(v, d, IN_MODIFY);
	dentry_put(d);
	return r;
}

/* Those of a mount as statfs(2) has them: many are the same as mount(2)'s. */
static uint64_t mount_st_flags(const struct mount *m)
{
	unsigned long flags = READ_ONCE(m->flags);

	return (flags & (MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME)) | (flags & (MS_RDONLY | SUPER_RDONLY) ? MS_RDONLY : 0) |
	       (flags & MS_RELATIME ? ST_RELATIME : 0) | (flags & MS_NOSYMFOLLOW ? ST_NOSYMFOLLOW : 0);
}

static int super_statfs(struct dentry *d, struct statfs_info *out)
{
	struct fs_super *s = d->vnode->super;

	*out = (struct statfs_info){ .bsize = PAGE_SIZE, .frsize = PAGE_SIZE, .namelen = NAME_MAX, .fsid = s->dev };
	out->type = s->type ? s->type->magic : 0;
	if (s->type && s->type->statfs)
		s->type->statfs(s, out);
	if (d->mount)	/* memfds are of a mount of their own that nobody sees */
		out->flags = ST_VALID | mount_st_flags(d->mount);
	else
		*out = (struct statfs_info){ .type = TMPFS_MAGIC, .bsize = PAGE_SIZE, .frsize = PAGE_SIZE, .namelen = NAME_MAX, .flags = ST_VALID };
	return 0;
}

int vfs_statfs(struct fs_context *ctx, const char *path, struct statfs_info *out)
{
	struct dentry *d;
	struct file *f;
	int r;

	r = path_lookup(ctx, NULL, path, WALK_FOLLOW, &d, &f);
	if (r)
		return r;
	if (f) {
		r = file_statfs(f, out);
		file_put(f);
		return r;
	}
	r = super_statfs(d, out);
	dentry_put(d);
	return r;
}

int file_statfs(struct file *f, struct statfs_info *out)
{
	if (f->dentry)
		return super_statfs(f->dentry, out);
	*out = (struct statfs_info){ .type = ANON_INODE_MAGIC, .bsize = PAGE_SIZE, .frsize = PAGE_SIZE, .namelen = NAME_MAX, .flags = ST_VALID };
	if (f->kind && !strcmp(f->kind, "pipe"))
		out->type = PIPEFS_MAGIC;
	else if (f->kind && !strcmp(f->kind, "socket"))
		out->type = SOCKFS_MAGIC;
	return 0;
}

ssize_t vfs_getxattr(struct fs_context *ctx, struct file *at, const char *path, unsigned at_flags, const char *name, void *buf, size_t size)
{
	struct dentry *d;
	ssize_t r;

	r = path_lookup(ctx, at, path, walk_flags(at_flags), &d, NULL);
	if (r)
		return r;
	r = d->vnode->ops->getxattr ? d->vnode->ops->getxattr(d->vnode, name, buf, size) : -EOPNOTSUPP;
	dentry_put(d);
	return r;
}

int vfs_lookup_vnode(struct fs_context *ctx, struct file *at, const char *path, unsigned at_flags, struct vnode **out)
{
	struct dentry *d;
	int r;

	r = path_lookup(ctx, at, path, walk_flags(at_flags), &d, NULL);
	if (r)
		return r;
	vnode_get(d->vnode);
	*out = d->vnode;
	dentry_put(d);
	return 0;
}
