/* SPDX-License-Identifier: MIT
 *
 * /dev: a tmpfs that starts with the nodes that drivers have registered (DEV_NODE), and the memory devices themselves.
 */
#include "fs/dentry.h"
#include "fs/tmpfs.h"
#include "libc/errno.h"
#include "libc/random.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "mmu/page.h"
#include "sched/thread.h"

#define RANDOM_CHUNK	256u

SET_DECLARE(dev_nodes, struct dev_node);

static ssize_t read_null(struct file *f, struct uio *u, uint64_t *pos)
{
	(void)f, (void)u, (void)pos;
	return 0;
}

static ssize_t write_null(struct file *f, struct uio *u, uint64_t *pos)
{
	size_t n = u->left;

	(void)f, (void)pos;
	u->left = 0;
	return (ssize_t)n;
}

static ssize_t read_zero(struct file *f, struct uio *u, uint64_t *pos)
{
	(void)f, (void)pos;
	return uio_zero(u, u->left);
}

static ssize_t write_full(struct file *f, struct uio *u, uint64_t *pos)
{
	(void)f, (void)u, (void)pos;
	return -ENOSPC;
}

static ssize_t read_random(struct file *f, struct uio *u, uint64_t *pos)
{
	uint8_t buf[RANDOM_CHUNK];
	ssize_t done = 0, r = 0;

	(void)f, (void)pos;
	while (u->left) {
		size_t n = MIN(u->left, sizeof(buf));

		random_bytes(buf, n);
		r = uio_copy_to(u, buf, n);
		if (r <= 0)
			break;
		done += r;
		if (atomic_load(&thread_current()->attention, RELAXED) & ATTN_INTERRUPT)
			break;		/* a long read ends early for a signal (random(4)) */
	}
	memset(buf, 0, sizeof(buf));
	return done ? done : r;
}

static ssize_t write_random(struct file *f, struct uio *u, uint64_t *pos)
{
	static struct mutex one_at_a_time;	/* random_add() wants it so */
	uint8_t buf[RANDOM_CHUNK];
	ssize_t done = 0, r = 0;

	(void)f, (void)pos;
	while (u->left) {
		r = uio_copy_from(u, buf, MIN(u->left, sizeof(buf)));
		if (r <= 0)
			break;
		mutex_lock(&one_at_a_time);
		random_add(buf, (size_t)r);
		mutex_unlock(&one_at_a_time);
		done += r;
	}
	return done ? done : r;
}

static int64_t seek_nowhere(struct file *f, int64_t off, int whence)
{
	(void)f, (void)off, (void)whence;
	return 0;
}

static int fsync_nothing(struct file *f, bool data_only)
{
	(void)f, (void)data_only;
	return -EINVAL;
}

/* A private mapping of /dev/zero is anonymous memory; a shared one is a file of its own. */
static int map_zero(struct file *f, uint64_t off, size_t len, unsigned prot, bool is_shared, struct vm_object **out)
{
	struct file *anon;
	int r;

	(void)f;
	r = tmpfs_create_unnamed("dev/zero", O_RDWR, 0600, &anon);
	if (r)
		return r;
	r = anon->ops->truncate(anon, off + ALIGN_UP(len, PAGE_SIZE));
	if (!r)
		r = anon->ops->map(anon, off, len, prot, is_shared, out);
	file_put(anon);
	return r;
}

static const struct file_ops null_ops = { .read = read_null, .write = write_null, .seek = seek_nowhere, .fsync = fsync_nothing };
static const struct file_ops zero_ops = { .read = read_zero, .write = write_null, .seek = seek_nowhere, .map = map_zero, .fsync = fsync_nothing };
static const struct file_ops full_ops = { .read = read_zero, .write = write_full, .seek = seek_nowhere, .fsync = fsync_nothing };
static const struct file_ops random_ops = { .read = read_random, .write = write_random, .seek = seek_nowhere, .fsync = fsync_nothing };

static int open_memory(struct vnode *v, unsigned flags, struct file **out)
{
	const struct file_ops *ops;

	switch (DEV_MINOR(v->rdev)) {
	case 3:
		ops = &null_ops;
		break;
	case 5:
		ops = &zero_ops;
		break;
	case 7:
		ops = &full_ops;
		break;
	default:
		ops = &random_ops;
		break;
	}
	*out = file_alloc(ops, flags, NULL);
	return *out ? 0 : -ENOMEM;
}

/* Numbers: Linux Documentation/admin-guide/devices.txt. */
DEV_NODE(null, "null", S_IFCHR | 0666, 1, 3, open_memory);
DEV_NODE(zero, "zero", S_IFCHR | 0666, 1, 5, open_memory);
DEV_NODE(full, "full", S_IFCHR | 0666, 1, 7, open_memory);
DEV_NODE(random, "random", S_IFCHR | 0666, 1, 8, open_memory);
DEV_NODE(urandom, "urandom", S_IFCHR | 0666, 1, 9, open_memory);

/*
 * Devices that there are no drivers for. Programs that can do without try them: no driver (ENODEV), which is what Linux says of every minor number of major 10 that
 * nobody has registered, is another answer than no device (ENOENT, ENXIO).
 */
static int open_missing(struct vnode *v, unsigned flags, struct file **out)
{
	(void)v, (void)flags, (void)out;
	return -ENODEV;
}
static const struct dev_node dev_node_misc = { NULL, S_IFCHR, 10, 0, true, open_missing };
SET_ADD(dev_nodes, dev_node_misc);
DEV_NODE(fuse, "fuse", S_IFCHR | 0666, 10, 229, open_missing);

static int make(struct vnode *root, const char *name, const struct vnode_new *how)
{
	struct vnode *v;
	int r;

	r = root->ops->create(root, name, strlen(name), how, &v);
	if (!r)
		vnode_put(v);
	return r;
}

/* /dev/net/tun. */
static int make_tun(struct vnode *root)
{
	struct vnode_new dir = { .mode = S_IFDIR | 0755 }, tun = { .mode = S_IFCHR | 0666, .rdev = DEV_MAKE(10, 200) };
	struct vnode *v;
	int r = root->ops->create(root, "net", 3, &dir, &v);

	if (r)
		return r == -EEXIST ? 0 : r;
	r = make(v, "tun", &tun);
	vnode_put(v);
	return r;
}

int devfs_populate(struct vnode *root)
{
	static const char *const links[][2] = {
		{ "fd", "/proc/self/fd" }, { "stdin", "/proc/self/fd/0" }, { "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
	};
	const struct dev_node *const *p;
	int r = 0;

	mutex_lock(&root->super->ns_lock);
	SET_FOREACH(p, dev_nodes) {
		struct vnode_new how = { .mode = (*p)->mode, .rdev = DEV_MAKE((*p)->major, (*p)->minor) };

		if (!r && (*p)->name)
			r = make(root, (*p)->name, &how);
		if (r == -EEXIST)
			r = 0;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(links) && !r; i++) {
		struct vnode_new how = { .mode = S_IFLNK | 0777, .target = links[i][1] };

		r = make(root, links[i][0], &how);
	}
	if (!r)
		r = make_tun(root);
	mutex_unlock(&root->super->ns_lock);
	if (r)
		vnode_put(root);
	return r;
}
