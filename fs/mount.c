/* SPDX-License-Identifier: MIT
 *
 * Mounts. A mount has the root dentry of its file system and the dentry that it covers; a dentry knows its mount, so no pair of both is needed. What is seen at further
 * places too (bind mounts) are shadows of those dentries: fs/bind.c.
 *
 * An unmounted file system lives on while anything of it is in use, or shown by another mount: it waits in `dying` until the end of a later change finds it idle.
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
static struct list dying = LIST_INIT(dying);	/* [mounts_lock] */
static struct mutex change_lock;	/* one at a time leaves its point, and is freed; before all others of fs/ */
static int next_mount_id = 20;		/* [mounts_lock] */
PSEUDO_EVENT(mounts_changed);
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

void mount_free(struct mount *m)
{
	if (!m)
		return;
	if (m->root)
		dentry_put(m->root);
	if (m->point)
		dentry_put(m->point);
	kfree(m->source);
	kfree(m->options);
	kfree(m);
}

struct mount *mount_alloc(struct fs_super *super, const char *source, const char *options, unsigned long flags)
{
	struct mount *m = KNEW(struct mount);

	if (!m)
		return NULL;
	m->super = super;
	m->source = kstrdup(source);
	m->options = kstrdup(options);
	m->flags = flags;
	if (m->source && m->options)
		return m;
	mount_free(m);
	return NULL;
}

bool mount_is_attached(const struct mount *m)
{
	return m && (m->point || m == vfs_root->mount);
}

struct dentry *mount_topmost(struct dentry *point)
{
	struct dentry *top = point;
	struct mount *m;

	list_for_each(m, &mounts, node)
		if (m->point && place_is_same(place_of(m->point), place_of(point)))
			top = m->point;
	top = dentry_resolve_mounts(top);
	dentry_get(top);
	dentry_put(point);
	return top;
}

void mount_set_point(struct mount *m, struct dentry *point)
{
	if (!m->id) {
		m->id = next_mount_id++;
		list_add_tail(&mounts, &m->node);
	}
	WRITE_ONCE(m->point, point);
	if (point->flags & DENTRY_SHADOW)
		atomic_fetch_or(&point->real->flags, DENTRY_POINT, RELAXED);
	m->parent_id = point->mount->id;
	atomic_store(&point->covered, m, RELEASE);	/* release: m's fields. Pairs: dentry_resolve_mounts */
	path_cache_flush();
}

int mount_link(struct mount *m, struct dentry *point)
{
	int r = 0;

	point = mount_topmost(point);
	if (!mount_is_attached(point->mount))
		r = -EINVAL;
	else if (READ_ONCE(dentry_real(point)->flags) & DENTRY_DELETED)
		r = -ENOENT;
	if (r)
		dentry_put(point);
	else
		mount_set_point(m, point);
	return r;
}

void mount_leave_point(struct mount *m)
{
	struct dentry *point = m->point;
	bool is_last = true;
	struct mount *o;

	atomic_store(&point->covered, NULL, RELEASE);	/* release: nothing; as it was set */
	path_cache_flush();
	list_for_each(o, &mounts, node)
		if (o != m && o->point && (o->point->flags & DENTRY_SHADOW) && dentry_real(o->point) == dentry_real(point))
			is_last = false;
	if (is_last && (point->flags & DENTRY_SHADOW))
		atomic_fetch_and(&point->real->flags, ~DENTRY_POINT, RELAXED);
	WRITE_ONCE(m->point, NULL);
	m->left = point;
}

/* Nothing of a dying mount is in use. change_lock held, and since it left its point RCU's readers have been waited for. */
static bool is_idle(struct mount *m)
{
	const struct fs_type *type = m->super->type;

	if (!mount_is_bind(m)) {
		(void)dentry_drop_mount(m);
		if (type->is_busy && type->is_busy(m->super))
			return false;
	}
	/* acquire: what the last shadow did. Pairs: release in dentry.c */
	return READ_ONCE(m->root->refs) == 1 && atomic_load(&m->nr_shadows, ACQUIRE) == (mount_is_bind(m) ? 1u : 0u);
}

/* The first of the dying that is idle, off the list. NULL: none. */
static struct mount *take_idle(void)
{
	struct mount *m, *next, *found = NULL;
	struct list busy = LIST_INIT(busy);

	for (;;) {
		mutex_lock(&mounts_lock);
		next = list_is_empty(&dying) ? NULL : list_first(&dying, struct mount, node);
		if (next)
			list_del(&next->node);
		mutex_unlock(&mounts_lock);
		m = next;
		if (!m)
			break;
		if (!m->left && is_idle(m)) {
			found = m;
			break;
		}
		list_add_tail(&busy, &m->node);
	}
	mutex_lock(&mounts_lock);
	while (!list_is_empty(&busy)) {
		m = list_first(&busy, struct mount, node);
		list_del(&m->node);
		list_add_tail(&dying, &m->node);
	}
	mutex_unlock(&mounts_lock);
	return found;
}

/* One point that a mount has left. NULL: none. give. */
static struct dentry *take_left(const struct list *from)
{
	struct dentry *d = NULL;
	struct mount *m;

	mutex_lock(&mounts_lock);
	list_for_each(m, from, node)
		if (m->left) {
			d = m->left;
			m->left = NULL;
			break;
		}
	mutex_unlock(&mounts_lock);
	return d;
}

void mount_change_begin(void)
{
	mutex_lock(&change_lock);
}

void mount_change_end(void)
{
	struct dentry *d;
	struct mount *m;

	/* A walk may be between reading covered and the root, or on the way up from it. */
	rcu_synchronize();
	while ((d = take_left(&dying)) || (d = take_left(&mounts)))
		dentry_put(d);
	while ((m = take_idle())) {
		struct fs_super *super = mount_is_bind(m) ? NULL : m->super;

		dentry_put(m->root);
		m->root = NULL;
		if (super)
			inotify_unmount(super);
		rcu_synchronize();
		mount_free(m);
		if (super && super->type->unmount)
			super->type->unmount(super);
	}
	mutex_unlock(&change_lock);
}

int mount_attach(struct vnode *root, struct dentry *point, const char *source, const char *options, unsigned long flags, struct mount **out)
{
	struct mount *m = mount_alloc(root->super, source, options, flags);
	int r = m ? 0 : -ENOMEM;

	if (m) {
		vnode_get(root);
		m->root = dentry_create(NULL, m, "", 0, 0, root);
		r = m->root ? 0 : -ENOMEM;
	}
	vnode_put(root);
	if (r) {
		mount_free(m);
		if (point)
			dentry_put(point);
		return r;
	}
	m->root->flags |= DENTRY_MOUNTROOT;
	mutex_lock(&mounts_lock);
	if (point) {
		r = mount_link(m, point);
	} else {
		m->id = next_mount_id++;
		m->parent_id = 1;
		list_add_tail(&mounts, &m->node);
		vfs_root = m->root;
	}
	if (r)
		list_add_tail(&dying, &m->node);
	mutex_unlock(&mounts_lock);
	if (r) {
		mount_change_begin();
		mount_change_end();
		return r;
	}
	pseudo_event_raise(&mounts_changed);
	if (out)
		*out = m;
	return 0;
}

/* A file system of which there is only one: whoever mounts it again sees the same. NULL: not mounted. mounts_lock held. */
static struct mount *find_single(const struct fs_type *type)
{
	struct mount *m;

	list_for_each(m, &mounts, node)
		if (m->super->type == type && !mount_is_bind(m))
			return m;
	return NULL;
}

/* Mount what old's file system shows once more. -EBUSY: it is on top there. take: point. mounts_lock held. */
static int mount_again(struct mount *old, struct dentry *point, const char *source, unsigned long flags)
{
	struct mount *m = NULL;
	int r = -ENOMEM;

	if (point->vnode->super == old->super && place_is_mount_root(place_of(point))) {
		dentry_put(point);
		return -EBUSY;
	}
	m = mount_clone(old, old->root);
	if (m) {
		kfree(m->source);
		m->source = kstrdup(source);
		m->flags = flags | (m->flags & SUPER_RDONLY);
	}
	if (m && m->source)
		r = mount_link(m, point);
	else
		dentry_put(point);
	if (r)
		mount_free(m);
	return r;
}

static int mount_type(const struct fs_type *type, const char *source, struct dentry *point, unsigned long flags, const char *options)
{
	struct mount *old = NULL;
	struct vnode *root;
	int r = 0;

	if (type->is_single) {
		mutex_lock(&mounts_lock);
		old = find_single(type);
		if (old)
			r = mount_again(old, point, source, flags);
		mutex_unlock(&mounts_lock);
	}
	if (old) {
		if (!r)
			pseudo_event_raise(&mounts_changed);
		return r;
	}
	r = type->mount(type, options, &root);
	if (r) {
		dentry_put(point);
		return r;
	}
	if (flags & MS_RDONLY)
		flags |= SUPER_RDONLY;
	return mount_attach(root, point, source, options, flags, NULL);
}

/* Does a descriptor of the process keep m, or its whole file system, from becoming read-only? Files that wait in a socket are not seen. */
static bool is_written(const struct mount *m, bool is_whole_fs)
{
	struct fdtable *t = vfs_current_fds ? vfs_current_fds() : NULL;
	bool is_busy = false;

	for (int fd = t ? fd_next(t, 0) : -1; fd >= 0 && !is_busy; fd = fd_next(t, fd + 1)) {
		struct file *f = fd_get(t, fd);

		if (!f)
			continue;
		if (f->dentry && f->dentry->mount && (f->dentry->mount == m || (is_whole_fs && f->dentry->mount->super == m->super)))
			is_busy = f->claim == VNODE_WRITES || (is_whole_fs && READ_ONCE(f->vnode->nlink) == 0);
		file_put(f);
	}
	return is_busy;
}

/* MS_REMOUNT. With MS_BIND the flags of the mount alone, else the file system's options, too. */
static int remount(struct dentry *root, unsigned long flags, unsigned long mount_flags, const char *options)
{
	struct mount *m = root->mount, *o;
	bool is_whole_fs = !(flags & MS_BIND);
	unsigned long super_flags = 0;
	int r = 0;

	if (root != m->root)
		return -EINVAL;
	if ((flags & MS_RDONLY) && !(m->flags & (is_whole_fs ? SUPER_RDONLY : MS_RDONLY)) && is_written(m, is_whole_fs))
		return -EBUSY;
	if (is_whole_fs && *options && m->super->type->remount)
		r = m->super->type->remount(m->super, options);
	if (r)
		return r;
	mutex_lock(&mounts_lock);
	super_flags = is_whole_fs ? (flags & MS_RDONLY ? SUPER_RDONLY : 0) : m->flags & SUPER_RDONLY;
	list_for_each(o, &mounts, node)
		if (o->super == m->super)
			WRITE_ONCE(o->flags, (o == m ? mount_flags : o->flags & ~SUPER_RDONLY) | super_flags);
	mutex_unlock(&mounts_lock);
	pseudo_event_raise(&mounts_changed);
	return 0;
}

/* Those of mount(2)'s flags that a mount keeps. old: what a remount begins with. */
static unsigned long flags_to_keep(unsigned long flags, unsigned long old)
{
	unsigned long times = MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME;
	unsigned long kept = flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOSYMFOLLOW | MS_NODIRATIME | MS_NOATIME);

	if ((flags & MS_REMOUNT) && !(flags & times))
		return kept | (old & times);
	if (flags & MS_STRICTATIME)
		kept &= ~MS_NOATIME;
	else if (!(flags & MS_NOATIME))
		kept |= MS_RELATIME;
	return kept;
}

static int mount_new(const char *source, struct dentry *point, const char *type_name, unsigned long flags, const char *options)
{
	const struct fs_type *type = type_name ? fs_type_find(type_name) : NULL;
	int r = 0;

	if (!type_name)
		r = -EINVAL;
	else if (!type || !type->mount)
		r = -ENODEV;
	else if (!vnode_is_dir(point->vnode))
		r = -ENOTDIR;
	if (!r)
		return mount_type(type, source ? source : "none", point, flags_to_keep(flags, 0), options);
	dentry_put(point);
	return r;
}

int vfs_mount(struct fs_context *ctx, const char *source, const char *target, const char *fstype, unsigned long flags, const char *options)
{
	struct dentry *point;
	int r;

	r = path_lookup(ctx, NULL, target, WALK_FOLLOW, &point, NULL);
	if (r)
		return r;
	if ((flags & 0xffff0000) == 0xc0ed0000)		/* of old programs: mount(2) */
		flags &= 0xffff;
	if (flags & MS_NOUSER)
		r = -EINVAL;
	else if (!capable(CAP_SYS_ADMIN))
		r = -EPERM;
	else if (!point->mount)		/* a memfd: nowhere */
		r = -EINVAL;
	else if (flags & MS_REMOUNT)
		r = remount(point, flags, flags_to_keep(flags, point->mount->flags), options ? options : "");
	else if (flags & MS_BIND)
		r = mount_bind(ctx, point, source, flags & MS_REC);
	else if (flags & (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE))
		r = mount_change_type(point, flags);
	else if (flags & MS_MOVE)
		r = mount_move(ctx, point, source);
	else
		return mount_new(source, point, fstype, flags, options ? options : "");
	dentry_put(point);
	return r;
}

/* Is m, which others show too, in use itself? Files that wait in a socket are not seen. */
static bool has_files(const struct mount *m)
{
	struct fdtable *t = vfs_current_fds ? vfs_current_fds() : NULL;
	struct fs_context *ctx = vfs_current_context ? vfs_current_context() : NULL;
	bool is_busy = ctx && (ctx->root->mount == m || ctx->cwd->mount == m);

	for (int fd = t ? fd_next(t, 0) : -1; fd >= 0 && !is_busy; fd = fd_next(t, fd + 1)) {
		struct file *f = fd_get(t, fd);

		if (!f)
			continue;
		is_busy = f->dentry && f->dentry->mount == m;
		file_put(f);
	}
	return is_busy;
}

/* Is there another mount of m's file system? mounts_lock held. */
static bool is_shown_elsewhere(const struct mount *m)
{
	const struct mount *o;

	list_for_each(o, &mounts, node)
		if (o != m && o->super == m->super)
			return true;
	return false;
}

/* mounts_lock held; the caller has one reference to the root. */
static bool is_busy(const struct mount *m)
{
	const struct mount *o;
	bool is_last;

	list_for_each(o, &mounts, node)
		if (o->point && o->point->mount == m)
			return true;
	is_last = !is_shown_elsewhere(m);
	if (mount_is_bind(m) ? READ_ONCE(m->root->refs) > 2 || atomic_load(&m->nr_shadows, RELAXED) > 1 :
			       is_last ? READ_ONCE(m->root->refs) > 2 : has_files(m))
		return true;
	/* Nobody knows by which mount a file was mapped. */
	return is_last && m->super->type->is_busy && m->super->type->is_busy(m->super);
}

/* m and what is mounted below it go. mounts_lock held. */
static void unlink_all(struct mount *m)
{
	struct list gone = LIST_INIT(gone);
	struct mount *o, *next, *g;

	list_del(&m->node);
	list_add_tail(&gone, &m->node);
	list_for_each(g, &gone, node)		/* it grows */
		list_for_each_safe(o, next, &mounts, node)
			if (o->point && o->point->mount == g) {
				list_del(&o->node);
				list_add_tail(&gone, &o->node);
			}
	while (!list_is_empty(&gone)) {
		m = list_first(&gone, struct mount, node);
		mount_leave_point(m);
		list_del(&m->node);
		list_add_tail(&dying, &m->node);
	}
}

/* put: root. */
static int umount_root(struct dentry *root, unsigned flags)
{
	struct mount *m = root->mount;
	bool was_used;
	int r = 0;

	mount_change_begin();
	was_used = dentry_drop_mount(m);
	mutex_lock(&mounts_lock);
	if (!mount_is_attached(m))
		r = -EINVAL;
	else if (!m->point || (!(flags & MNT_DETACH) && is_busy(m)))
		r = -EBUSY;
	if (!r && (flags & MNT_EXPIRE) && (!m->is_expiring || was_used)) {
		m->is_expiring = true;
		r = -EAGAIN;
	}
	if (!r)
		unlink_all(m);
	mutex_unlock(&mounts_lock);
	dentry_put(root);
	if (!r)
		pseudo_event_raise(&mounts_changed);
	mount_change_end();
	return r;
}

int vfs_umount(struct fs_context *ctx, const char *target, unsigned flags)
{
	struct dentry *d;
	int r;

	if (flags & ~(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW))
		return -EINVAL;
	r = path_lookup(ctx, NULL, target, (flags & UMOUNT_NOFOLLOW) ? 0 : WALK_FOLLOW, &d, NULL);
	if (r)
		return r;
	if (!capable(CAP_SYS_ADMIN))
		r = -EPERM;
	else if (!d->mount || d->mount->root != d || ((flags & MNT_EXPIRE) && (flags & (MNT_FORCE | MNT_DETACH))))
		r = -EINVAL;
	else
		return umount_root(d, flags);
	dentry_put(d);
	return r;
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
	r = path_lookup(kernel_context, NULL, path, WALK_FOLLOW, &point, NULL);
	if (r == -ENOENT)
		r = vfs_mkdir(kernel_context, NULL, path, 0755);
	else if (!r)
		return mount_type(type, source, point, MS_RELATIME, options);
	if (!r)
		r = path_lookup(kernel_context, NULL, path, WALK_FOLLOW, &point, NULL);
	return r ? r : mount_type(type, source, point, MS_RELATIME, options);
}

struct count_sink {
	struct dirent_sink sink;
	unsigned nr;
};

static int count_entry(struct dirent_sink *s, const char *name, size_t len, uint64_t ino, uint64_t next_off, uint8_t type)
{
	(void)name, (void)len, (void)ino, (void)next_off, (void)type;
	return ++container_of(s, struct count_sink, sink)->nr > 2 ? -EINVAL : 0;
}

static bool is_empty_or_missing(const char *path)
{
	struct count_sink c = { .sink.emit = count_entry };
	struct file *f;

	if (vfs_open(kernel_context, NULL, path, O_RDONLY | O_DIRECTORY, 0, &f))
		return true;
	(void)f->ops->getdents(f, &c.sink);
	file_put(f);
	return c.nr <= 2;
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
	/* What the image has in /tmp stays to be seen. */
	return is_empty_or_missing("/tmp") ? mount_fs("tmpfs", "tmpfs", "/tmp", "mode=1777") : 0;
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
	int r;

	dentry_init();
	page_batch_init();
	r = tmpfs_create_root(image, &root);
	if (!r)
		r = mount_attach(root, NULL, image ? "rootfs" : "tmpfs", "", MS_RELATIME, NULL);
	if (r) {
		log_line("cannot make the root file system: not enough memory");
		return r;
	}
	r = fs_context_create(&kernel_context);
	if (r)
		return r;
	kernel_context->umask = 0;
	return mount_special();
}
