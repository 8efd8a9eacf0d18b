/* SPDX-License-Identifier: MIT
 *
 * Root, working directory and umask of a process, and paths as text.
 */
#include "fs/cred.h"
#include "fs/dentry.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "mmu/heap.h"

static struct fs_context *context_alloc(struct dentry *root, struct dentry *cwd)
{
	struct fs_context *ctx = KNEW(struct fs_context);

	if (!ctx)
		return NULL;
	dentry_get(root);
	dentry_get(cwd);
	ctx->root = root;
	ctx->cwd = cwd;
	ctx->umask = 022;
	ctx->refs = 1;
	return ctx;
}

int fs_context_create(struct fs_context **out)
{
	if (!vfs_root)
		return -ENODEV;
	*out = context_alloc(vfs_root, vfs_root);
	return *out ? 0 : -ENOMEM;
}

void fs_context_put(struct fs_context *ctx)
{
	/* acq_rel: all uses before the free. Pairs: the other fs_context_put()s */
	if (atomic_fetch_sub(&ctx->refs, 1u, ACQ_REL) != 1)
		return;
	dentry_put(ctx->root);
	dentry_put(ctx->cwd);
	kfree(ctx);
}

/* slot = d (taken). Readers that saw the old one are in RCU, and dentries are freed through RCU. */
static void replace(struct fs_context *ctx, struct dentry **slot, struct dentry *d)
{
	struct dentry *old;

	mutex_lock(&ctx->lock);
	old = *slot;
	rcu_assign(*slot, d);
	mutex_unlock(&ctx->lock);
	dentry_put(old);
}

static int lookup_dir(struct fs_context *ctx, const char *path, struct dentry **out)
{
	int r;

	r = path_lookup(ctx, NULL, path, WALK_FOLLOW, out, NULL);
	if (r)
		return r;
	r = !vnode_is_dir((*out)->vnode) ? -ENOTDIR : vnode_permission((*out)->vnode, MAY_EXEC);
	if (r)
		dentry_put(*out);
	return r;
}

int vfs_chdir(struct fs_context *ctx, const char *path)
{
	struct dentry *d;
	int r;

	r = lookup_dir(ctx, path, &d);
	if (!r)
		replace(ctx, &ctx->cwd, d);
	return r;
}

int file_chdir(struct fs_context *ctx, struct file *f)
{
	int r;

	if (!f->dentry || !vnode_is_dir(f->dentry->vnode))
		return -ENOTDIR;
	r = vnode_permission(f->dentry->vnode, MAY_EXEC);
	if (r)
		return r;
	dentry_get(f->dentry);
	replace(ctx, &ctx->cwd, f->dentry);
	return 0;
}

int vfs_chroot(struct fs_context *ctx, const char *path)
{
	struct dentry *d;
	int r;

	r = lookup_dir(ctx, path, &d);
	if (r)
		return r;
	if (!capable(CAP_SYS_CHROOT)) {
		dentry_put(d);
		return -EPERM;
	}
	replace(ctx, &ctx->root, d);
	return 0;
}

/* Does ".." lead from d to root? */
static bool is_below(struct dentry *root, struct dentry *d)
{
	struct place at = place_of(d), top = place_of(root);

	rcu_read_lock();
	while (!place_is_same(at, top) && place_up(&at))
		;
	rcu_read_unlock();
	return place_is_same(at, top);
}

/* Path of d into buf, from its start; length with the 0. */
static ssize_t path_text(struct fs_context *ctx, struct dentry *d, bool may_be_deleted, char *buf, size_t size)
{
	static const char deleted[] = " (deleted)", unreachable[] = "(unreachable)";
	size_t before = 0;
	struct dentry *root;
	bool is_deleted = READ_ONCE(dentry_real(d)->flags) & DENTRY_DELETED;
	char *tmp, *start;
	ssize_t r;

	if (is_deleted && !may_be_deleted)
		return -ENOENT;
	tmp = kmalloc(PATH_MAX);
	if (!tmp)
		return -ENOMEM;
	mutex_lock(&ctx->lock);
	root = ctx->root;
	dentry_get(root);
	mutex_unlock(&ctx->lock);
	r = dentry_path(root, d, tmp, PATH_MAX, &start);
	/* getcwd(2) says so of a directory outside of the root (chroot(2)); links of /proc do not. */
	if (r > 0 && !may_be_deleted && root != vfs_root && *start == '/' && !is_below(root, d))
		before = sizeof(unreachable) - 1;
	dentry_put(root);
	if (r >= 0) {
		size_t need = before + (size_t)r + (is_deleted ? sizeof(deleted) - 1 : 0) + 1;

		if (need > size) {
			r = -ERANGE;
		} else {
			memcpy(buf, unreachable, before);
			memcpy(buf + before, start, (size_t)r + 1);
			if (is_deleted)
				memcpy(buf + r, deleted, sizeof(deleted));
			r = (ssize_t)need;
		}
	}
	kfree(tmp);
	return r;
}

static ssize_t cwd_text(struct fs_context *ctx, bool is_link, char *buf, size_t size)
{
	struct dentry *d;
	ssize_t r;

	mutex_lock(&ctx->lock);
	d = ctx->cwd;
	dentry_get(d);
	mutex_unlock(&ctx->lock);
	r = path_text(ctx, d, is_link, buf, size);
	dentry_put(d);
	return r;
}

ssize_t vfs_getcwd(struct fs_context *ctx, char *buf, size_t size)
{
	return cwd_text(ctx, false, buf, size);
}

ssize_t vfs_cwd_link(struct fs_context *ctx, char *buf, size_t size)
{
	return cwd_text(ctx, true, buf, size);
}

ssize_t file_path(struct fs_context *ctx, struct file *f, char *buf, size_t size)
{
	const char *kind = f->kind ? f->kind : "file";
	struct stat_info st;
	ssize_t r;

	if (f->dentry) {
		r = path_text(ctx, f->dentry, true, buf, size);
		return r > 0 ? r - 1 : r;
	}
	if (strcmp(kind, "pipe") == 0 || strcmp(kind, "socket") == 0) {
		if (file_stat(f, &st))
			st.ino = 0;
		return snprintf(buf, size, "%s:[%llu]", kind, (unsigned long long)st.ino);
	}
	if (kind[0] == '/')
		return snprintf(buf, size, "%s", kind);
	return snprintf(buf, size, "anon_inode:[%s]", kind);
}
