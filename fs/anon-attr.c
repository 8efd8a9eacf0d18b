/* SPDX-License-Identifier: MIT
 *
 * Attributes of files without a vnode (anon-attr.h).
 */
#include "fs/anon-attr.h"

#include "fs/vnode.h"
#include "libc/errno.h"
#include "mmu/heap.h"

/* Made by the first anon_attr_set() of a slot, freed with the file that has the slot. */
struct anon_attr {
	unsigned what;			/* [attr_lock] ATTR_*: the fields that were ever set */
	uint32_t mode, uid, gid;	/* [attr_lock] */
	struct timespec64 atime, mtime, ctime;	/* [attr_lock] */
};

static struct mutex attr_lock;

static void apply(struct anon_attr *to, const struct vnode_attr *a)
{
	to->what |= a->what;
	if (a->what & ATTR_MODE)
		to->mode = a->mode & 07777;
	if (a->what & ATTR_UID)
		to->uid = a->uid;
	if (a->what & ATTR_GID)
		to->gid = a->gid;
	if (a->what & ATTR_ATIME)
		to->atime = a->atime;
	if (a->what & ATTR_MTIME)
		to->mtime = a->mtime;
	vnode_now(&to->ctime);
}

int anon_attr_set(struct anon_attr **slot, const struct vnode_attr *a)
{
	int r = 0;

	mutex_lock(&attr_lock);
	if (!*slot)
		atomic_store(slot, KNEW(struct anon_attr), RELAXED);	/* its fields are read with the lock */
	if (*slot)
		apply(*slot, a);
	else
		r = -ENOMEM;
	mutex_unlock(&attr_lock);
	return r;
}

void anon_attr_stat(struct anon_attr *const *slot, struct stat_info *st)
{
	const struct anon_attr *a = atomic_load(slot, RELAXED);

	if (likely(!a))
		return;
	mutex_lock(&attr_lock);
	if (a->what & ATTR_MODE)
		st->mode = (st->mode & S_IFMT) | a->mode;
	if (a->what & ATTR_UID)
		st->uid = a->uid;
	if (a->what & ATTR_GID)
		st->gid = a->gid;
	if (a->what & ATTR_ATIME)
		st->atime = a->atime;
	if (a->what & ATTR_MTIME)
		st->mtime = a->mtime;
	st->ctime = a->ctime;
	mutex_unlock(&attr_lock);
}
