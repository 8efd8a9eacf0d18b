/* SPDX-License-Identifier: MIT
 *
 * tmpfs: instances, nodes, attributes. Directories: tmpfs-dir.c; contents: tmpfs-file.c.
 */
#include "fs/tmpfs.h"

#include "fs/dentry.h"
#include "fs/procfs.h"
#include "fs/tmpfs-priv.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "mmu/heap.h"

#define TMPFS_MAGIC	0x01021994u
#define MQUEUE_MAGIC	0x19800202u
#define UNLIMITED	(UINT64_MAX >> PAGE_SHIFT)	/* of pages */
#define OVERLAYFS_MAGIC	0x794c7630u
#define SHORT_TARGET	128u		/* bytes */
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

/* A long target counts as a page of the file system: Linux keeps it in one. */
static uint64_t target_pages(const struct tnode *n)
{
	return vnode_type(&n->v) == S_IFLNK && !n->has_lower && n->v.size >= SHORT_TARGET;
}

static int set_target(struct tmpfs *fs, struct tnode *n, const char *target)
{
	int r;

	n->v.size = strlen(target);
	r = tmpfs_charge(fs, target_pages(n));
	if (r)
		return r;
	n->target = kstrdup(target);
	if (n->target)
		return 0;
	tmpfs_uncharge(fs, target_pages(n));
	return -ENOMEM;
}

int tmpfs_node_new(struct tmpfs *fs, const struct vnode_new *how, struct tnode **out)
{
	struct tnode *n;
	int r;

	if (atomic_load(&fs->nr_nodes, RELAXED) >= fs->max_nodes)
		return -ENOSPC;
	n = node_alloc(fs, how->mode, atomic_fetch_add(&fs->next_ino, 1u, RELAXED));
	if (!n)
		return -ENOMEM;
	r = (how->mode & S_IFMT) == S_IFLNK ? set_target(fs, n, how->target) : 0;
	if (r) {
		kfree(n);
		return r;
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

int tmpfs_charge_link(struct tnode *n)
{
	struct tmpfs *fs = tmpfs_of(&n->v);

	if (n->has_lower || !n->v.nlink)
		return 0;
	if (atomic_load(&fs->nr_nodes, RELAXED) >= READ_ONCE(fs->max_nodes))
		return -ENOSPC;
	atomic_fetch_add(&fs->nr_nodes, 1u, RELAXED);
	return 0;
}

void tmpfs_uncharge_link(struct tnode *n)
{
	if (!n->has_lower && n->v.nlink)
		atomic_fetch_sub(&tmpfs_of(&n->v)->nr_nodes, 1u, RELAXED);
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
	if (!vnode_is_dir(&n->v))
		tmpfs_uncharge_link(n);		/* but for the last one */
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
		tmpfs_uncharge(fs, target_pages(n));
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
	out->blocks = target_pages(n) * 8;
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
	if (atomic_fetch_add(&fs->nr_pages, nr, RELAXED) + nr > READ_ONCE(fs->max_pages)) {
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

	/* What has no limit says 0. */
	if (fs->max_pages != UNLIMITED) {
		out->blocks = fs->max_pages;
		out->bfree = fs->max_pages - MIN(fs->max_pages, atomic_load(&fs->nr_pages, RELAXED));
		out->bavail = out->bfree;
	}
	if (fs->max_nodes != UINT64_MAX) {
		out->files = fs->max_nodes;
		out->ffree = fs->max_nodes - MIN(fs->max_nodes, atomic_load(&fs->nr_nodes, RELAXED));
	}
}

/* ---- instances --------------------------------------------------------------------------------------------------------------------- */

static void unmount(struct fs_super *s)
{
	struct tmpfs *fs = container_of(s, struct tmpfs, super);

	/* Something without a name of it holds a file yet (a bound socket): its node needs us. */
	if (atomic_load(&fs->nr_nodes, RELAXED) || fs->lower)
		return;
	kfree(fs);
}

static bool is_busy(const struct fs_super *s)
{
	return atomic_load(&container_of(s, struct tmpfs, super)->nr_mapped, RELAXED);
}

/* What the options of a mount say; what they do not say is as it was. */
struct options {
	uint64_t max_pages, max_nodes;
	uint32_t mode, uid, gid;
};

/* Digits of one base, at most up to limit. Behind them, or NULL: there are none, or too many. */
static const char *parse_digits(const char *s, unsigned base, uint64_t limit, uint64_t *out)
{
	const char *begin = s;

	for (*out = 0; *s >= '0' && *s < (char)('0' + base); s++) {
		*out = *out * base + (uint64_t)(*s - '0');
		if (*out > limit)
			return NULL;
	}
	return s == begin ? NULL : s;
}

/* A number with k, m or g behind it. */
static const char *parse_size(const char *s, uint64_t *out)
{
	static const char units[] = "kmg";
	const char *unit;

	s = parse_digits(s, 10, 1ull << 33, out);
	unit = s && *s ? strchr(units, *s | 0x20) : NULL;
	if (!unit)
		return s;
	*out <<= 10 * (unsigned)(unit - units + 1);
	return s + 1;
}

/* value: behind the '='. Where the option ends, or NULL: it is none. */
static const char *parse_option(const char *name, const char *value, struct options *o)
{
	struct page_stats st;
	uint64_t n;

	if (strncmp(name, "size=", 5) == 0) {
		value = parse_size(value, &n);
		if (value && *value == '%') {
			page_stats(&st);
			value++;
			n = st.total_bytes / 100 * MIN(n, 100ul);
		}
		o->max_pages = n ? DIV_ROUND_UP(n, PAGE_SIZE) : UNLIMITED;
	} else if (strncmp(name, "nr_blocks=", 10) == 0) {
		value = parse_size(value, &n);
		o->max_pages = n ? n : UNLIMITED;
	} else if (strncmp(name, "nr_inodes=", 10) == 0) {
		value = parse_size(value, &n);
		o->max_nodes = n ? n : UINT64_MAX;
	} else if (strncmp(name, "mode=", 5) == 0) {
		value = parse_digits(value, 8, UINT32_MAX, &n);
		o->mode = (uint32_t)n & 07777;
	} else if (strncmp(name, "uid=", 4) == 0) {
		value = parse_digits(value, 10, UINT32_MAX - 1, &n);
		o->uid = (uint32_t)n;
	} else if (strncmp(name, "gid=", 4) == 0) {
		value = parse_digits(value, 10, UINT32_MAX - 1, &n);
		o->gid = (uint32_t)n;
	} else {
		return NULL;
	}
	return value;
}

/* "size=1m,mode=755": 0 or -EINVAL. */
static int parse_options(const char *text, struct options *o)
{
	while (*text) {
		const char *value = strchr(text, '=');

		if (*text == ',') {
			text++;
			continue;
		}
		text = value ? parse_option(text, value + 1, o) : NULL;
		if (!text || (*text && *text != ','))
			return -EINVAL;
	}
	return 0;
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
	fs->max_index = fs->max_pages;
	fs->max_nodes = MAX(fs->max_pages, 1024ul);
	fs->next_ino = 1;
	return fs;
}

static int mount_with(struct tmpfs *fs, const struct options *o, struct vnode **root)
{
	struct vnode_new how = { .mode = S_IFDIR | o->mode, .uid = o->uid, .gid = o->gid };
	struct tnode *n;
	int r;

	fs->max_pages = o->max_pages;
	fs->max_nodes = o->max_nodes;
	r = tmpfs_node_new(fs, &how, &n);
	if (!r)
		*root = &n->v;
	return r;
}

static int mount_as(const struct fs_type *type, const char *options, struct vnode **root)
{
	struct tmpfs *fs = instance(type);
	struct options o = { .mode = 01777 };
	int r;

	if (!fs)
		return -ENOMEM;
	fs->default_pages = o.max_pages = fs->max_pages;
	fs->default_nodes = o.max_nodes = fs->max_nodes;
	r = parse_options(options, &o);
	fs->mode = o.mode;
	fs->uid = o.uid;
	fs->gid = o.gid;
	if (!r)
		r = mount_with(fs, &o, root);
	if (r)
		kfree(fs);
	return r;
}

/* As shmem of Linux shows them: what is not the default. */
static void show_options(const struct fs_super *s, struct text *out)
{
	const struct tmpfs *fs = container_of(s, struct tmpfs, super);
	uint64_t pages = READ_ONCE(fs->max_pages), nodes = READ_ONCE(fs->max_nodes);

	if (pages != fs->default_pages)
		text_printf(out, ",size=%lluk", (unsigned long long)(pages == UNLIMITED ? 0 : pages << (PAGE_SHIFT - 10)));
	if (nodes != fs->default_nodes)
		text_printf(out, ",nr_inodes=%llu", (unsigned long long)(nodes == UINT64_MAX ? 0 : nodes));
	if (fs->mode != 01777)
		text_printf(out, ",mode=%03o", fs->mode);
	if (fs->uid)
		text_printf(out, ",uid=%u", fs->uid);
	if (fs->gid)
		text_printf(out, ",gid=%u", fs->gid);
	text_printf(out, ",inode64");
}

/* Only the limits can be changed, and not below what is in use. */
static int remount(struct fs_super *s, const char *options)
{
	struct tmpfs *fs = container_of(s, struct tmpfs, super);
	struct options o = { .max_pages = READ_ONCE(fs->max_pages), .max_nodes = READ_ONCE(fs->max_nodes) };
	int r = parse_options(options, &o);

	if (r)
		return r;
	if (o.max_pages < atomic_load(&fs->nr_pages, RELAXED) || o.max_nodes < atomic_load(&fs->nr_nodes, RELAXED))
		return -EINVAL;
	WRITE_ONCE(fs->max_pages, o.max_pages);
	WRITE_ONCE(fs->max_nodes, o.max_nodes);
	return 0;
}

static const struct fs_type tmpfs_type = {
	.name = "tmpfs",
	.magic = TMPFS_MAGIC,
	.mount = mount_as,
	.statfs = statfs,
	.is_busy = is_busy,
	.show_options = show_options,
	.remount = remount,
	.unmount = unmount,
};
FS_TYPE(tmpfs_type);

static int mount_devtmpfs(const struct fs_type *type, const char *options, struct vnode **root)
{
	int r = mount_as(type, options, root);

	return r ? r : devfs_populate(*root);
}

static const struct fs_type devtmpfs_type = {
	.name = "devtmpfs",
	.is_single = true,
	.magic = TMPFS_MAGIC,
	.mount = mount_devtmpfs,
	.statfs = statfs,
	.is_busy = is_busy,
	.show_options = show_options,
	.unmount = unmount,
};
FS_TYPE(devtmpfs_type);

/*
 * Others that hold files in memory, without limits, as ramfs does, or hold nothing here, as debugfs: programs mount them and look what is there. Queues of mq_open(3) and
 * huge pages are not behind them. Options that are not known are left alone.
 */
static int mount_plain(const struct fs_type *type, const char *options, struct vnode **root)
{
	struct tmpfs *fs = instance(type);
	struct options o = { .mode = type->magic == MQUEUE_MAGIC ? 01777 : type->is_single ? 0700 : 0755 };
	int r;

	if (!fs)
		return -ENOMEM;
	while (*options) {
		const char *value = strchr(options, '='), *end = strchr(options, ',');

		if (value && (!end || value < end))
			(void)parse_option(options, value + 1, &o);
		options = end ? end + 1 : "";
	}
	o.max_pages = UNLIMITED;
	o.max_nodes = UINT64_MAX;
	r = mount_with(fs, &o, root);
	if (r)
		kfree(fs);
	return r;
}

#define PLAIN_TYPE(id_, magic_, is_single_) \
	static const struct fs_type id_##_type = { \
		.name = #id_, .is_single = is_single_, .magic = magic_, .mount = mount_plain, .statfs = statfs, .is_busy = is_busy, .unmount = unmount, \
	}; \
	FS_TYPE(id_##_type)
PLAIN_TYPE(ramfs, 0x858458f6u, false);
PLAIN_TYPE(hugetlbfs, 0x958458f6u, false);
PLAIN_TYPE(mqueue, MQUEUE_MAGIC, true);
PLAIN_TYPE(debugfs, 0x64626720u, true);
PLAIN_TYPE(tracefs, 0x74726163u, true);

/* The root shows itself as an overlay where there is an image. */
static const struct fs_type overlay_type = { .name = "overlay", .magic = OVERLAYFS_MAGIC, .statfs = statfs };
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
