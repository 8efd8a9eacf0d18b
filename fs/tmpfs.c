/* SPDX-License-Identifier: MIT
 *
 * tmpfs: instances, nodes, attributes. Directories: tmpfs-dir.c; contents: tmpfs-file.c.
 */
#include "fs/tmpfs.h"

#include "fs/dentry.h"
#include "fs/tmpfs-priv.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "mmu/heap.h"

#define TMPFS_MAGIC	0x01021994u
#define OVERLAYFS_MAGIC	0x794c7630u
#define ICACHE_MIN	64u
#define ICACHE_MAX	8192u

static void set_ops(struct tnode *n)
{
	struct vnode *v = &n->v;

	switch (vnode_type(v)) {
	case S_IFREG:
		v->ops = &tmpfs_file_vops;
		v->fops = &tmpfs_file_fops;
		n->file.object.ops = &tmpfs_object_ops;
		break;
	case S_IFDIR:
		v->ops = &tmpfs_dir_vops;
		v->fops = &tmpfs_dir_fops;
		break;
	default:
		v->ops = &tmpfs_other_vops;
		break;
	}
}

static struct tnode *node_alloc(struct tmpfs *fs, uint32_t mode, uint64_t ino)
{
	struct tnode *n = KNEW(struct tnode);

	if (!n)
		return NULL;
	vnode_init(&n->v, &fs->super, NULL, NULL, mode, ino);
	set_ops(n);
	return n;
}

int tmpfs_node_new(struct tmpfs *fs, const struct vnode_new *how, struct tnode **out)
{
	struct tnode *n;

	if (atomic_load(&fs->nr_nodes, RELAXED) >= fs->max_nodes)
		return -ENOSPC;
	n = node_alloc(fs, how->mode, atomic_fetch_add(&fs->next_ino, 1u, RELAXED));
	if (!n)
		return -ENOMEM;
	if ((how->mode & S_IFMT) == S_IFLNK) {
		n->target = kstrdup(how->target);
		if (!n->target) {
			kfree(n);
			return -ENOMEM;
		}
		n->v.size = strlen(how->target);
	}
	n->v.uid = how->uid;
	n->v.gid = how->gid;
	n->v.rdev = how->rdev;
	if ((how->mode & S_IFMT) == S_IFDIR)
		n->v.nlink = 2;
	vnode_now(&n->v.btime);
	n->v.atime = n->v.mtime = n->v.ctime = n->v.btime;
	atomic_fetch_add(&fs->nr_nodes, 1u, RELAXED);
	*out = n;
	return 0;
}

/* ---- nodes of lower inodes ------------------------------------------------------------------------------------------------------- */

static struct tnode **icache_slot(struct tmpfs *fs, uint64_t nid)
{
	return &fs->icache[(nid * 0x9e3779b97f4a7c15ull >> 40) & fs->icache_mask];
}

static int node_from_lower(struct tmpfs *fs, uint64_t nid, struct tnode **out)
{
	struct erofs_inode in;
	struct tnode *n;
	int r;

	r = erofs_get_inode(fs->lower, nid, &in);
	if (r)
		return r;
	n = node_alloc(fs, in.mode, nid);
	if (!n)
		return -ENOMEM;
	n->has_lower = true;
	n->lower = in;
	n->v.uid = in.uid;
	n->v.gid = in.gid;
	n->v.nlink = in.nlink ? in.nlink : 1;
	n->v.mtime = (struct timespec64){ in.mtime, in.mtime_nsec };
	n->v.atime = n->v.ctime = n->v.btime = n->v.mtime;
	switch (in.mode & S_IFMT) {
	case S_IFREG:
		n->file.lower_pages = DIV_ROUND_UP(in.size, PAGE_SIZE);
		/* fall through */
	case S_IFLNK:
	case S_IFDIR:
		n->v.size = in.size;
		break;
	case S_IFCHR:
	case S_IFBLK:
		n->v.rdev = in.u;
		break;
	default:
		break;
	}
	atomic_fetch_add(&fs->nr_lower, 1u, RELAXED);
	*out = n;
	return 0;
}

int tmpfs_node_lower(struct tmpfs *fs, uint64_t nid, struct tnode **out)
{
	struct tnode **slot = icache_slot(fs, nid), *n;
	int r = 0;

	mutex_lock(&fs->icache_lock);
	for (n = *slot; n; n = n->icache_next)
		if (n->lower.nid == nid && vnode_try_get(&n->v))
			break;
	if (!n) {
		r = node_from_lower(fs, nid, &n);
		if (!r) {
			n->icache_next = *slot;
			*slot = n;
		}
	}
	mutex_unlock(&fs->icache_lock);
	*out = n;
	return r;
}

void tmpfs_pin(struct tnode *n)
{
	struct tmpfs *fs = tmpfs_of(&n->v);

	if (!n->has_lower || READ_ONCE(n->is_pinned))
		return;
	mutex_lock(&fs->icache_lock);
	/* Without a name nobody can come for it again: it lives as long as it is open. */
	if (!n->is_pinned && n->v.nlink) {
		n->is_pinned = true;
		vnode_get(&n->v);
	}
	mutex_unlock(&fs->icache_lock);
}

void tmpfs_drop_link(struct tnode *n, unsigned links)
{
	struct tmpfs *fs = tmpfs_of(&n->v);
	bool must_put = false;

	tmpfs_pin(n);
	vnode_touch(&n->v, VNODE_CTIME);
	if (n->has_lower)
		mutex_lock(&fs->icache_lock);
	WRITE_ONCE(n->v.nlink, n->v.nlink > links ? n->v.nlink - links : 0);
	if (n->has_lower) {
		if (!n->v.nlink && n->is_pinned) {
			n->is_pinned = false;
			must_put = true;
		}
		mutex_unlock(&fs->icache_lock);
	}
	if (must_put)
		vnode_put(&n->v);
}

void tmpfs_destroy(struct vnode *v)
{
	struct tnode *n = tnode_of(v), **link;
	struct tmpfs *fs = tmpfs_of(v);

	if (n->has_lower) {
		mutex_lock(&fs->icache_lock);
		for (link = icache_slot(fs, n->lower.nid); *link != n; link = &(*link)->icache_next)
			;
		*link = n->icache_next;
		mutex_unlock(&fs->icache_lock);
	}
	switch (vnode_type(v)) {
	case S_IFREG:
		tmpfs_file_destroy(n);
		break;
	case S_IFDIR:
		tmpfs_dir_destroy(n);
		break;
	default:
		kfree(n->target);
		break;
	}
	atomic_fetch_sub(n->has_lower ? &fs->nr_lower : &fs->nr_nodes, 1u, RELAXED);
	vnode_free_rcu(v);
}

/* ---- attributes, links ------------------------------------------------------------------------------------------------------------ */

int tmpfs_setattr(struct vnode *v, const struct vnode_attr *a)
{
	tmpfs_pin(tnode_of(v));
	vnode_apply_attr(v, a);
	return 0;
}

int tmpfs_getattr(struct vnode *v, struct stat_info *out)
{
	struct tnode *n = tnode_of(v);

	vnode_stat(v, out);
	if (likely(vnode_type(v) == S_IFREG)) {
		out->blocks = (atomic_load(&n->file.pages.nr_slots, RELAXED) + READ_ONCE(n->file.lower_pages)) * 8;
		if (n->has_lower)	/* slots may be holes, or stand for lower pages */
			out->blocks = MIN(out->blocks, ALIGN_UP(out->size, PAGE_SIZE) / 512);
		return 0;
	}
	if (vnode_is_dir(v))
		out->size = n->has_lower ? MAX(n->lower.size, 4096ul) : 4096;
	out->blocks = 0;
	return 0;
}

static ssize_t readlink(struct vnode *v, char *buf, size_t size)
{
	struct tnode *n = tnode_of(v);
	int r;

	if (vnode_type(v) != S_IFLNK)
		return -EINVAL;
	size = MIN(size, (size_t)v->size);
	if (!n->has_lower) {
		memcpy(buf, n->target, size);
		return (ssize_t)size;
	}
	if (n->lower.size >= PATH_MAX)
		return -EUCLEAN;
	r = erofs_read(tmpfs_of(v)->lower, &n->lower, 0, buf, size);
	return r ? r : (ssize_t)size;
}

ssize_t tmpfs_getxattr(struct vnode *v, const char *name, void *buf, size_t size)
{
	(void)v, (void)name, (void)buf, (void)size;
	return -ENODATA;
}

const struct vnode_ops tmpfs_other_vops = {
	.readlink = readlink,
	.getattr = tmpfs_getattr,
	.setattr = tmpfs_setattr,
	.getxattr = tmpfs_getxattr,
	.destroy = tmpfs_destroy,
};

/* ---- pages ------------------------------------------------------------------------------------------------------------------------- */

int tmpfs_charge(struct tmpfs *fs, uint64_t nr)
{
	if (atomic_fetch_add(&fs->nr_pages, nr, RELAXED) + nr > fs->max_pages) {
		tmpfs_uncharge(fs, nr);
		return -ENOSPC;
	}
	return 0;
}

void tmpfs_uncharge(struct tmpfs *fs, uint64_t nr)
{
	atomic_fetch_sub(&fs->nr_pages, nr, RELAXED);
}

static void statfs(struct fs_super *s, struct statfs_info *out)
{
	struct tmpfs *fs = container_of(s, struct tmpfs, super);

	out->type = fs->lower ? OVERLAYFS_MAGIC : TMPFS_MAGIC;
	out->blocks = fs->max_pages;
	out->bfree = fs->max_pages - MIN(fs->max_pages, atomic_load(&fs->nr_pages, RELAXED));
	out->bavail = out->bfree;
	out->files = fs->max_nodes;
	out->ffree = fs->max_nodes - MIN(fs->max_nodes, atomic_load(&fs->nr_nodes, RELAXED));
}

/* ---- instances --------------------------------------------------------------------------------------------------------------------- */

static void unmount(struct fs_super *s)
{
	struct tmpfs *fs = container_of(s, struct tmpfs, super);

	kfree(fs->icache);
	kfree(fs);
}

static uint64_t parse_number(const char *s)
{
	uint64_t n = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		n = n * 10 + (uint64_t)(*s - '0');
	switch (*s | 0x20) {
	case 'g':
		n <<= 10;
		/* fall through */
	case 'm':
		n <<= 10;
		/* fall through */
	case 'k':
		n <<= 10;
		break;
	default:
		break;
	}
	return n;
}

/* size=, mode=, nr_inodes=; others mean nothing here. */
static void parse_options(struct tmpfs *fs, const char *o, uint32_t *mode)
{
	while (*o) {
		if (strncmp(o, "size=", 5) == 0) {
			const char *p = o + 5;
			uint64_t n = parse_number(p);

			while (*p >= '0' && *p <= '9')
				p++;
			if (*p == '%')
				fs->max_pages = fs->max_pages * 2 * MIN(n, 100ul) / 100;
			else if (n)
				fs->max_pages = DIV_ROUND_UP(n, PAGE_SIZE);
		} else if (strncmp(o, "mode=", 5) == 0) {
			uint32_t m = 0;

			for (const char *p = o + 5; *p >= '0' && *p <= '7'; p++)
				m = m * 8 + (uint32_t)(*p - '0');
			*mode = m & 07777;
		} else if (strncmp(o, "nr_inodes=", 10) == 0 && parse_number(o + 10)) {
			fs->max_nodes = parse_number(o + 10);
		}
		while (*o && *o++ != ',')
			;
	}
}

static struct tmpfs *instance(const struct fs_type *type)
{
	struct tmpfs *fs = KNEW(struct tmpfs);
	struct page_stats st;

	if (!fs)
		return NULL;
	page_stats(&st);
	fs->super.type = type;
	fs->super.dev = fs_new_dev();
	fs->max_pages = st.total_bytes / PAGE_SIZE / 2;
	fs->max_nodes = MAX(fs->max_pages, 1024ul);
	fs->next_ino = 1;
	return fs;
}

static int mount_as(const struct fs_type *type, const char *options, struct vnode **root)
{
	struct vnode_new how = { .mode = S_IFDIR | 01777 };
	struct tmpfs *fs = instance(type);
	uint32_t mode = 01777;
	struct tnode *n;
	int r;

	if (!fs)
		return -ENOMEM;
	parse_options(fs, options, &mode);
	how.mode = S_IFDIR | mode;
	r = tmpfs_node_new(fs, &how, &n);
	if (r) {
		kfree(fs);
		return r;
	}
	*root = &n->v;
	return 0;
}

static int mount_tmpfs(const char *source, const char *options, struct vnode **root);
static const struct fs_type tmpfs_type = { .name = "tmpfs", .mount = mount_tmpfs, .statfs = statfs, .unmount = unmount };
FS_TYPE(tmpfs_type);

static int mount_tmpfs(const char *source, const char *options, struct vnode **root)
{
	(void)source;
	return mount_as(&tmpfs_type, options, root);
}

static int mount_devtmpfs(const char *source, const char *options, struct vnode **root);
static const struct fs_type devtmpfs_type = { .name = "devtmpfs", .mount = mount_devtmpfs, .statfs = statfs, .unmount = unmount };
FS_TYPE(devtmpfs_type);

static int mount_devtmpfs(const char *source, const char *options, struct vnode **root)
{
	int r;

	(void)source;
	r = mount_as(&devtmpfs_type, options, root);
	return r ? r : devfs_populate(*root);
}

/* The root shows itself as an overlay where there is an image. */
static const struct fs_type overlay_type = { .name = "overlay", .statfs = statfs };
FS_TYPE(overlay_type);

int tmpfs_create_root(struct erofs *image, struct vnode **root)
{
	struct vnode_new how = { .mode = S_IFDIR | 0755 };
	struct tmpfs *fs = instance(image ? &overlay_type : &tmpfs_type);
	uint64_t nr = ICACHE_MIN;
	struct tnode *n;
	int r;

	if (!fs)
		return -ENOMEM;
	if (!image) {
		r = tmpfs_node_new(fs, &how, &n);
	} else {
		while (nr < ICACHE_MAX && nr < erofs_nr_inodes(image))
			nr *= 2;
		fs->icache = kzalloc(nr * sizeof(fs->icache[0]));
		fs->icache_mask = (uint32_t)nr - 1;
		fs->lower = image;
		tmpfs_shrinker_init();
		/* New files get numbers that no lower inode can have. */
		fs->next_ino = (erofs_image_size(image) >> 5) + 1;
		r = fs->icache ? tmpfs_node_lower(fs, erofs_root(image), &n) : -ENOMEM;
	}
	if (r) {
		kfree(fs->icache);
		kfree(fs);
		return r;
	}
	*root = &n->v;
	return 0;
}
