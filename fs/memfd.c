/* SPDX-License-Identifier: MIT
 *
 * memfd_create(2): a file of the in-memory root without a name, and its seals (fcntl(2), File Sealing).
 *
 * A sealed file differs from an ordinary one only in what it refuses, so its operations are those of tmpfs with a check before. Seals are bits in vnode.special,
 * which nothing else uses for regular files; the vnode's default operations are replaced too, so that opening /proc/self/fd/N gives no way around.
 *
 * Shortcoming: whether shared writable mappings exist is not counted. F_SEAL_WRITE is refused (-EBUSY) while there is any mapping and there ever was a shared writable one.
 */
#include "fs/file.h"
#include "fs/tmpfs-priv.h"
#include "fs/uio.h"
#include "fs/vfs.h"
#include "fs/vnode.h"
#include "libc/atomic.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "mmu/aspace.h"
#include "sched/init.h"

#define MFD_CLOEXEC		1u
#define MFD_ALLOW_SEALING	2u
#define MFD_NOEXEC_SEAL		8u
#define MFD_EXEC		16u

#define F_SEAL_SHRINK		2u
#define F_SEAL_GROW		4u
#define F_SEAL_WRITE		8u
#define F_SEAL_FUTURE_WRITE	16u
#define F_SEAL_EXEC		32u
#define F_SEAL_ALL		63u
#define HAS_SEALS		64u	/* marks the word: special is not NULL */

#define FALLOC_KEEP_SIZE	1
#define FALLOC_PUNCH_HOLE	2

static struct file_ops memfd_ops;	/* [I] after memfd_init */

static unsigned get_seals(const struct vnode *v)
{
	return (unsigned)(uintptr_t)atomic_load(&v->special, RELAXED) & F_SEAL_ALL;
}

/* Both: v->lock held, or creation. */
static void set_seals(struct vnode *v, unsigned seals)
{
	atomic_store(&v->special, (void *)(uintptr_t)(seals | HAS_SEALS), RELAXED);
}

static ssize_t memfd_write(struct file *f, struct uio *u, uint64_t *pos)
{
	unsigned seals = get_seals(f->vnode);
	uint64_t size = READ_ONCE(f->vnode->size), at = READ_ONCE(f->flags) & O_APPEND ? size : *pos;

	if (!u->left)
		return 0;
	if (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EPERM;
	/* What fills whole pages goes in, as Linux writes a page at a time. */
	if (seals & F_SEAL_GROW && at + u->left > size) {
		if (at >= ALIGN_DOWN(size, PAGE_SIZE))
			return -EPERM;
		u->left = ALIGN_DOWN(size, PAGE_SIZE) - at;
	}
	return tmpfs_file_fops.write(f, u, pos);
}

static int memfd_truncate(struct file *f, uint64_t size)
{
	unsigned seals = get_seals(f->vnode);
	uint64_t old = READ_ONCE(f->vnode->size);

	if ((seals & F_SEAL_SHRINK && size < old) || (seals & F_SEAL_GROW && size > old))
		return -EPERM;
	return tmpfs_file_fops.truncate(f, size);
}

static int memfd_allocate(struct file *f, int mode, uint64_t off, uint64_t len)
{
	unsigned seals = get_seals(f->vnode);

	if (mode & FALLOC_PUNCH_HOLE && seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EPERM;
	if (!(mode & FALLOC_KEEP_SIZE) && seals & F_SEAL_GROW && off + len > READ_ONCE(f->vnode->size))
		return -EPERM;
	return tmpfs_file_fops.allocate(f, mode, off, len);
}

static int memfd_map(struct file *f, uint64_t off, size_t len, unsigned prot, bool is_shared, struct vm_object **out)
{
	if (is_shared && prot & VM_WRITE && get_seals(f->vnode) & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EPERM;
	return tmpfs_file_fops.map(f, off, len, prot, is_shared, out);
}

static long add_seals(struct file *f, unsigned seals)
{
	struct tnode *n = tnode_of(f->vnode);
	unsigned have;
	long r = 0;

	if (!FILE_MAY_WRITE(READ_ONCE(f->flags)))
		return -EPERM;
	if (seals & ~F_SEAL_ALL)
		return -EINVAL;
	mutex_lock(&n->v.lock);
	have = get_seals(&n->v);
	if (have & F_SEAL_SEAL)
		r = -EPERM;
	else if (seals & F_SEAL_WRITE && !(have & F_SEAL_WRITE) && n->file.is_shared && READ_ONCE(n->file.object.mappings.first))
		r = -EBUSY;
	else
		set_seals(&n->v, have | seals);
	mutex_unlock(&n->v.lock);
	return r;
}

static long memfd_fcntl(struct file *f, unsigned cmd, unsigned long arg)
{
	switch (cmd) {
	case F_ADD_SEALS:
		return add_seals(f, (unsigned)arg);
	case F_GET_SEALS:
		return get_seals(f->vnode);
	default:
		return -EINVAL;
	}
}

static void memfd_init(void)
{
	memfd_ops = tmpfs_file_fops;
	memfd_ops.write = memfd_write;
	memfd_ops.truncate = memfd_truncate;
	memfd_ops.allocate = memfd_allocate;
	memfd_ops.map = memfd_map;
	memfd_ops.fcntl = memfd_fcntl;
}
INIT_HOOK(INIT_FS, memfd_init);

int memfd_create_file(const char *name, unsigned flags, struct file **out)
{
	char full[NAME_MAX + 1];
	struct file *f;
	int r;

	if (flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC) || strlen(name) > NAME_MAX - 6)
		return -EINVAL;
	snprintf(full, sizeof(full), "memfd:%s", name);
	r = tmpfs_create_unnamed(full, O_RDWR | O_LARGEFILE, flags & MFD_NOEXEC_SEAL ? 0666 : 0777, &f);
	if (r)
		return r;
	/* Nobody else has seen the file or its vnode yet. */
	set_seals(f->vnode, flags & MFD_NOEXEC_SEAL ? F_SEAL_EXEC : flags & MFD_ALLOW_SEALING ? 0 : F_SEAL_SEAL);
	f->vnode->fops = &memfd_ops;
	f->ops = &memfd_ops;
	*out = f;
	return 0;
}
