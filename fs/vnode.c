/* SPDX-License-Identifier: MIT
 *
 * Vnodes: references, attributes, permission, opening by type.
 */
#include "fs/vnode.h"

#include "fs/cred.h"
#include "fs/dentry.h"
#include "libc/errno.h"
#include "mmu/heap.h"
#include "sched/clock.h"

SET_DECLARE(dev_nodes, struct dev_node);
SET_DECLARE(special_types, struct special_type);

void vnode_now(struct timespec64 *t)
{
	nsec_t now = clock_realtime();

	t->sec = (int64_t)(now / NSEC_PER_SEC);
	t->nsec = (int64_t)(now % NSEC_PER_SEC);
}

void vnode_init(struct vnode *v, struct fs_super *super, const struct vnode_ops *ops, const struct file_ops *fops, uint32_t mode, uint64_t ino)
{
	v->ops = ops;
	v->fops = fops;
	v->super = super;
	v->ino = ino;
	v->refs = 1;
	v->mode = mode;
	v->nlink = 1;
}

bool vnode_try_get(struct vnode *v)
{
	uint32_t refs = atomic_load(&v->refs, RELAXED);

	do {
		if (!refs)
			return false;
	} while (!atomic_cas(&v->refs, &refs, refs + 1, RELAXED));
	return true;
}

void vnode_put(struct vnode *v)
{
	/* acq_rel: all uses of v before it is destroyed. Pairs: the other vnode_put()s */
	if (atomic_fetch_sub(&v->refs, 1u, ACQ_REL) != 1)
		return;
	if (v->special && v->special_free)
		v->special_free(v->special);
	kfree(v->locks);
	v->ops->destroy(v);
}

int vnode_claim(struct vnode *v, int claim)
{
	int32_t claims = atomic_load(&v->claims, RELAXED);

	do {
		if (claim > 0 ? claims < 0 : claims > 0)
			return -ETXTBSY;
	} while (!atomic_cas(&v->claims, &claims, claims + claim, RELAXED));
	return 0;
}

void vnode_unclaim(struct vnode *v, int claim)
{
	atomic_fetch_sub(&v->claims, claim, RELAXED);
}

int vnode_truncate(struct vnode *v, uint64_t size)
{
	int r = vnode_claim(v, VNODE_WRITES);

	if (r)
		return r;
	r = v->ops->truncate ? v->ops->truncate(v, size) : 0;
	vnode_unclaim(v, VNODE_WRITES);
	return r;
}

static void free_rcu(struct rcu_head *head)
{
	kfree(container_of(head, struct vnode, rcu));
}

void vnode_free_rcu(struct vnode *v)
{
	rcu_defer(&v->rcu, free_rcu);
}

void vnode_stat(struct vnode *v, struct stat_info *out)
{
	uint64_t size = atomic_load(&v->size, RELAXED);

	/* All fields, one by one: the struct is not cleared first. */
	out->dev = v->super->dev;
	out->ino = v->ino;
	out->rdev = v->rdev;
	out->size = size;
	out->blocks = DIV_ROUND_UP(size, 512);
	out->blksize = PAGE_SIZE;
	out->nlink = READ_ONCE(v->nlink);
	out->mount_id = 0;
	mutex_lock_inline(&v->meta);
	out->mode = v->mode;
	out->uid = v->uid;
	out->gid = v->gid;
	out->atime = v->atime;
	out->mtime = v->mtime;
	out->ctime = v->ctime;
	out->btime = v->btime;
	mutex_unlock_inline(&v->meta);
}

void vnode_apply_attr(struct vnode *v, const struct vnode_attr *a)
{
	mutex_lock(&v->meta);
	if (a->what & ATTR_MODE)
		WRITE_ONCE(v->mode, (v->mode & S_IFMT) | (a->mode & 07777));
	if (a->what & ATTR_UID)
		WRITE_ONCE(v->uid, a->uid);
	if (a->what & ATTR_GID)
		WRITE_ONCE(v->gid, a->gid);
	if (a->what & ATTR_ATIME)
		v->atime = a->atime;
	if (a->what & ATTR_MTIME)
		v->mtime = a->mtime;
	vnode_now(&v->ctime);
	mutex_unlock(&v->meta);
}

void vnode_touch(struct vnode *v, unsigned what)
{
	struct timespec64 now;

	vnode_now(&now);
	mutex_lock_inline(&v->meta);
	if (unlikely(v->mode & (S_ISUID | S_ISGID)) && (what & VNODE_MTIME) && vnode_type(v) == S_IFREG && !capable(CAP_FSETID))
		WRITE_ONCE(v->mode, vnode_mode_after_change(v));
	if (what & VNODE_ATIME)
		v->atime = now;
	if (what & VNODE_MTIME)
		v->mtime = now;
	if (what & VNODE_CTIME)
		v->ctime = now;
	mutex_unlock_inline(&v->meta);
}

uint8_t vnode_dtype(uint32_t mode)
{
	return (uint8_t)((mode & S_IFMT) >> 12);
}

static int device_open(struct vnode *v, unsigned flags, struct file **out)
{
	const struct dev_node *const *p;
	unsigned major = DEV_MAJOR(v->rdev), minor = DEV_MINOR(v->rdev);

	SET_FOREACH(p, dev_nodes)
		if (((*p)->mode & S_IFMT) == vnode_type(v) && (*p)->major == major && ((*p)->is_any_minor || (*p)->minor == minor))
			return (*p)->open(v, flags, out);
	return -ENXIO;
}

int vnode_open(struct vnode *v, unsigned flags, struct file **out)
{
	const struct special_type *const *p;

	switch (vnode_type(v)) {
	case S_IFREG:
	case S_IFDIR:
		*out = file_alloc(v->fops, flags, NULL);
		return *out ? 0 : -ENOMEM;
	case S_IFCHR:
	case S_IFBLK:
		return device_open(v, flags, out);
	default:
		SET_FOREACH(p, special_types)
			if ((*p)->type == vnode_type(v))
				return (*p)->open(v, flags, out);
		return vnode_type(v) == S_IFLNK ? -ELOOP : -ENXIO;
	}
}

int64_t vnode_seek(struct file *f, int64_t off, int whence)
{
	uint64_t size = atomic_load(&f->vnode->size, RELAXED);
	int64_t base = 0;

	switch (whence) {
	case 0:			/* SEEK_SET */
		break;
	case 1:			/* SEEK_CUR */
		base = (int64_t)f->pos;
		break;
	case 2:			/* SEEK_END */
		base = (int64_t)size;
		break;
	case 3:			/* SEEK_DATA */
	case 4:			/* SEEK_HOLE */
		if (off < 0 || (uint64_t)off >= size)
			return -ENXIO;
		if (whence == 4)
			off = (int64_t)size;
		break;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, off, &base) || base < 0)
		return -EINVAL;		/* both, on Linux */
	f->pos = (uint64_t)base;
	return base;
}
