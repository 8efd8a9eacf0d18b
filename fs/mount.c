/* SPDX-License-Identifier: MIT
 *
 * Mounts. A mount has the root dentry of its file system and the dentry that it covers; a dentry knows its mount, so no pair of both is needed (and one file system cannot be
 * seen at two places: bind mounts are refused).
 */
#include "fs/cred.h"
#include "fs/dentry.h"
#include "fs/erofs.h"
#include "fs/inotify.h"
#include "fs/pagecache.h"
#include "fs/path-cache.h"
#include "fs/procfs.h"
#include "fs/tmpfs.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "mmu/heap.h"

SET_DECLARE(fs_types, struct fs_type);

struct list mounts = LIST_INIT(mounts);
struct mutex mounts_lock;
struct dentry *vfs_root;
static int next_mount_id = 20;		/* [mounts_lock] */
static PSEUDO_EVENT(mounts_changed);
static uint32_t next_dev = 20;		/* [a] */
static struct fs_context *kernel_context;
struct fdtable *(*vfs_current_fds)(void);
struct fs_context *(*vfs_current_context)(void);

uint64_t fs_new_dev(void)
{
	return DEV_MAKE(0, atomic_fetch_add(&next_dev, 1u, RELAXED));
}

const struct fs_type *fs_type_find(const char *name)
{
	const struct fs_type *const *t;

	SET_FOREACH(t, fs_types)
		if (strcmp((*t)->name, name) == 0)
			return *t;
	return NULL;
}

static void mount_free(struct mount *m)
{
	if (!m)
		return;
	kfree(m->source);
	kfree(m->options);
	kfree(m);
}

int mount_attach(struct vnode *root, struct dentry *point, const char *source, const char *options, unsigned long flags, struct mount **out)
{
	struct mount *m = KNEW(struct mount);

	if (!m)
		goto err;
	m->source = kstrdup(source);
	m->options = kstrdup(options);
	if (!m->source || !m->options)
		goto err;
	vnode_get(root);
	m->root = dentry_create(NULL, m, "", 0, 0, root);
	if (!m->root)
		goto err;
	m->root->flags |= DENTRY_MOUNTROOT;
	m->super = root->super;
	m->flags = flags;
	m->point = point;
	mutex_lock(&mounts_lock);
	m->id = next_mount_id++;
	list_add_tail(&mounts, &m->node);
	if (point)
		atomic_store(&point->covered, m, RELEASE);	/* release: m's fields. Pairs: dentry_resolve_mounts */
	path_cache_flush();
	mutex_unlock(&mounts_lock);
	pseudo_event_raise(&mounts_changed);
	vnode_put(root);
	if (out)
		*out = m;
	return 0;
err:
	mount_free(m);
	vnode_put(root);
	if (point)
		dentry_put(point);
	return -ENOMEM;
}

static int mount_type(const struct fs_type *type, const char *source, struct dentry *point, unsigned long flags, const char *options)
{
	struct vnode *root;
	int r;

	r = type->mount(source, options, &root);
	if (r) {
		dentry_put(point);
		return r;
	}
	return mount_attach(root, point, source, options, flags, NULL);
}

/* Does a descriptor of the process keep m from becoming read-only? Files that wait in a socket are not seen. */
static bool is_written(const struct mount *m, bool is_whole_fs)
{
	struct fdtable *t = vfs_current_fds ? vfs_current_fds() : NULL;
	bool is_busy = false;

	for (int fd = t ? fd_next(t, 0) : -1; fd >= 0 && !is_busy; fd = fd_next(t, fd + 1)) {
		struct file *f = fd_get(t, fd);

		if (!f)
			continue;
		if (f->dentry && f->dentry->mount == m)
			is_busy = f->claim == VNODE_WRITES || (is_whole_fs && READ_ONCE(f->vnode->nlink) == 0);
		file_put(f);
	}
	return is_busy;
}

/* MS_REMOUNT. With MS_BIND the flags of the mount alone, else the file system's options, too. */
static int remount(struct dentry *root, unsigned long flags, const char *options)
{
	struct mount *m = root->mount;
	bool is_whole_fs = !(flags & MS_BIND);
	int r = 0;

	if (!m || root != m->root)
		return -EINVAL;
	if ((flags & MS_RDONLY) && !(m->flags & MS_RDONLY) && is_written(m, is_whole_fs))
		return -EBUSY;
	if (is_whole_fs && options && *options && m->super->type->remount)
		r = m->super->type->remount(m->super, options);
	if (r)
		return r;
	WRITE_ONCE(m->flags, flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC));
	pseudo_event_raise(&mounts_changed);
	return 0;
}

int vfs_mount(struct fs_context *ctx, const char *source, const char *target, const char *fstype, unsigned long flags, const char *options)
{
	const struct fs_type *type;
	struct dentry *point;
	int r;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	r = path_lookup(ctx, NULL, target, WALK_FOLLOW, &point, NULL);
	if (r)
		return r;
	if (flags & MS_REMOUNT) {
		r = remount(point, flags, options);
		dentry_put(point);
		return r;
	}
	if (flags & (MS_BIND | MS_MOVE | 0x1f0000)) {
		/* Propagation changes (MS_PRIVATE, ...) mean nothing here; bind and move are not supported. */
		dentry_put(point);
		return flags & (MS_BIND | MS_MOVE) ? -EINVAL : 0;
	}
	type = fs_type_find(fstype ? fstype : "");
	if (!type || !type->mount || !vnode_is_dir(point->vnode)) {
		r = type && type->mount ? -ENOTDIR : -ENODEV;
		dentry_put(point);
		return r;
	}
	return mount_type(type, source ? source : "none", point, flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC), options ? options : "");
}

int vfs_umount(struct fs_context *ctx, const char *target, unsigned flags)
{
	bool is_lazy = flags & MNT_DETACH;
	struct dentry *d;
	struct mount *m, *o;
	int r;

	if (flags & ~(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW))
		return -EINVAL;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	r = path_lookup(ctx, NULL, target, (flags & UMOUNT_NOFOLLOW) ? 0 : WALK_FOLLOW, &d, NULL);
	if (r)
		return r;
	m = d->mount;
	if (!m || m->root != d || !m->point) {
		r = m && m->root == d ? -EBUSY : -EINVAL;
		dentry_put(d);
		return r;
	}
	if ((flags & MNT_EXPIRE) && (flags & (MNT_FORCE | MNT_DETACH))) {
		dentry_put(d);
		return -EINVAL;
	}
	dentry_drop_mount(m);
	mutex_lock(&mounts_lock);
	list_for_each(o, &mounts, node)
		if (o->point && o->point->mount == m)
			r = -EBUSY;
	if (!r && !is_lazy && READ_ONCE(d->refs) > 2)	/* the mount's and ours */
		r = -EBUSY;
	if (!r && (flags & MNT_EXPIRE) && !m->is_expiring) {
		m->is_expiring = true;
		r = -EAGAIN;
	}
	if (!r) {
		atomic_store(&m->point->covered, o = NULL, RELEASE);
		path_cache_flush();
		list_del(&m->node);
	}
	mutex_unlock(&mounts_lock);
	dentry_put(d);
	if (r)
		return r;
	pseudo_event_raise(&mounts_changed);
	inotify_unmount(m->super);
	/*
	 * Open files below a lazily detached mount keep its dentries, and those point at m: m itself is only freed if nothing is left. A path walk may be between
	 * reading covered and m->root: wait for it.
	 */
	rcu_synchronize();
	if (!is_lazy && READ_ONCE(m->root->refs) == 1) {
		const struct fs_type *type = m->super->type;
		struct fs_super *super = m->super;

		dentry_put(m->root);
		dentry_put(m->point);
		rcu_synchronize();
		mount_free(m);
		if (type->unmount)
			type->unmount(super);
	}
	return 0;
}

/* ---- boot ---------------------------------------------------------------------------------------------------------------------- */

struct fs_context *vfs_kernel_context(void)
{
	return kernel_context;
}

int mount_fs(const char *type_name, const char *source, const char *path, const char *options)
{
	const struct fs_type *type = fs_type_find(type_name);
	struct dentry *point;
	int r;

	if (!type)
		return -ENODEV;
	r = vfs_mkdir(kernel_context, NULL, path, 0755);
	if (r && r != -EEXIST)
		return r;
	r = path_lookup(kernel_context, NULL, path, WALK_FOLLOW, &point, NULL);
	return r ? r : mount_type(type, source, point, 0, options);
}

static int mount_special(void)
{
	static const char *const row[][4] = {
		{ "devtmpfs", "devtmpfs", "/dev", "mode=755" },
		{ "tmpfs", "tmpfs", "/dev/shm", "mode=1777" },
		{ "proc", "proc", "/proc", "" },
		{ "sysfs", "sysfs", "/sys", "" },
	};
	int r;

	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		r = mount_fs(row[i][0], row[i][1], row[i][2], row[i][3]);
		if (r) {
			log_line("cannot mount %s (error %d)", row[i][2], -r);
			return r;
		}
	}
	(void)vfs_mkdir(kernel_context, NULL, "/run", 0755);
	if (vfs_mkdir(kernel_context, NULL, "/tmp", 0777) == 0)
		(void)vfs_chmod(kernel_context, NULL, "/tmp", 01777, 0);
	return 0;
}

int vfs_mount_root(const void *base, size_t size)
{
	struct erofs *image = NULL;
	int r = size ? erofs_open(base, size, &image) : 0;

	return r ? r : vfs_mount_root_image(image);
}

int vfs_mount_root_image(struct erofs *image)
{
	struct vnode *root;
	struct mount *m;
	int r;

	dentry_init();
	page_batch_init();
	r = tmpfs_create_root(image, &root);
	if (!r)
		r = mount_attach(root, NULL, image ? "rootfs" : "tmpfs", "", 0, &m);
	if (r) {
		log_line("cannot make the root file system: not enough memory");
		return r;
	}
	vfs_root = m->root;
	r = fs_context_create(&kernel_context);
	if (r)
		return r;
	kernel_context->umask = 0;
	return mount_special();
}

/* ---- /proc --------------------------------------------------------------------------------------------------------------------- */

static void show_flags(struct text *t, const struct mount *m)
{
	text_printf(t, "%s%s%s%s,relatime", m->flags & MS_RDONLY ? "ro" : "rw", m->flags & MS_NOSUID ? ",nosuid" : "", m->flags & MS_NODEV ? ",nodev" : "",
		    m->flags & MS_NOEXEC ? ",noexec" : "");
}

/* A path with the characters that would break a line of mounts as octal (proc(5)). */
static void show_point(struct text *t, const struct mount *m)
{
	char *buf = kmalloc(PATH_MAX), *start;
	ssize_t n = buf ? dentry_path(vfs_root, m->root, buf, PATH_MAX, &start) : -ENOMEM;

	for (ssize_t i = 0; i < n; i++)
		if (strchr(" \t\n\\", start[i]))
			text_printf(t, "\\%03o", (unsigned)start[i]);
		else
			text_append(t, &start[i], 1);
	kfree(buf);
}

static const char *type_name(const struct mount *m)
{
	return m->super->type ? m->super->type->name : "none";
}

static int show_mounts(struct text *t, struct pseudo_args *a)
{
	struct mount *m;

	(void)a;
	mutex_lock(&mounts_lock);
	list_for_each(m, &mounts, node) {
		text_printf(t, "%s ", m->source);
		show_point(t, m);
		text_printf(t, " %s ", type_name(m));
		show_flags(t, m);
		text_printf(t, "%s%s 0 0\n", *m->options ? "," : "", m->options);
	}
	mutex_unlock(&mounts_lock);
	return 0;
}
PSEUDO_FILE_EVENT(proc_self_mounts, "/proc/self/mounts", 0444, show_mounts, &mounts_changed);

static int show_mountinfo(struct text *t, struct pseudo_args *a)
{
	struct mount *m;

	(void)a;
	mutex_lock(&mounts_lock);
	list_for_each(m, &mounts, node) {
		text_printf(t, "%d %d %u:%u / ", m->id, m->point && m->point->mount ? m->point->mount->id : 1, DEV_MAJOR(m->super->dev),
			    DEV_MINOR(m->super->dev));
		show_point(t, m);
		text_printf(t, " ");
		show_flags(t, m);
		text_printf(t, " - %s %s %s%s%s\n", type_name(m), m->source, m->flags & MS_RDONLY ? "ro" : "rw", *m->options ? "," : "", m->options);
	}
	mutex_unlock(&mounts_lock);
	return 0;
}
PSEUDO_FILE_EVENT(proc_self_mountinfo, "/proc/self/mountinfo", 0444, show_mountinfo, &mounts_changed);

static int show_mountstats(struct text *t, struct pseudo_args *a)
{
	struct mount *m;

	(void)a;
	mutex_lock(&mounts_lock);
	list_for_each(m, &mounts, node) {
		text_printf(t, "device %s mounted on ", m->source);
		show_point(t, m);
		text_printf(t, " with fstype %s\n", type_name(m));
	}
	mutex_unlock(&mounts_lock);
	return 0;
}
PSEUDO_FILE_EVENT(proc_self_mountstats, "/proc/self/mountstats", 0400, show_mountstats, &mounts_changed);

static int show_filesystems(struct text *t, struct pseudo_args *a)
{
	const struct fs_type *const *p;

	(void)a;
	SET_FOREACH(p, fs_types)
		text_printf(t, "%s\t%s\n", (*p)->needs_device ? "" : "nodev", (*p)->name);
	return 0;
}
PSEUDO_FILE(proc_filesystems, "/proc/filesystems", 0444, show_filesystems, NULL);

PSEUDO_LINK_TO(proc_mounts, "/proc/mounts", "self/mounts");
