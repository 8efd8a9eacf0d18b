/* SPDX-License-Identifier: MIT
 *
 * Who may do what with a file: its mode, its owner and the capabilities that go before them (path_resolution(7),
 * capabilities(7)), and what becomes of set-user-ID and set-group-ID bits when a file is changed.
 */
#include "fs/cred.h"
#include "fs/vfs.h"
#include "fs/vnode.h"
#include "libc/errno.h"

/* Where the owner's bits do not settle it. */
static __attribute__((noinline)) int permission_slow(const struct vnode *v, const struct cred *c, unsigned may)
{
	uint32_t mode = READ_ONCE(v->mode), bits = mode;
	bool is_dir = (mode & S_IFMT) == S_IFDIR;

	/* capabilities(7): of a file that nobody may execute, not even this makes a program. */
	if (cred_has(c, CAP_DAC_OVERRIDE) && (is_dir || !(may & MAY_EXEC) || (mode & 0111)))
		return 0;
	if (c->fsuid == READ_ONCE(v->uid))
		bits >>= 6;
	else if (cred_in_group(c, READ_ONCE(v->gid)))
		bits >>= 3;
	if (!(may & ~bits & 7))
		return 0;
	if (cred_has(c, CAP_DAC_READ_SEARCH) && (is_dir ? !(may & MAY_WRITE) : may == MAY_READ))
		return 0;
	return -EACCES;
}

int vnode_permission(struct vnode *v, unsigned may)
{
	const struct cred *c = cred_current();

	/* The usual case: the owner, who may. */
	if (likely(c->fsuid == READ_ONCE(v->uid) && !(may & ~(READ_ONCE(v->mode) >> 6) & 7)))
		return 0;
	return permission_slow(v, c, may);
}

bool vnode_is_owner(const struct vnode *v)
{
	return cred_current()->fsuid == READ_ONCE(v->uid) || capable(CAP_FOWNER);
}

uint32_t vfs_protected_hardlinks = 1, vfs_protected_symlinks = 1, vfs_protected_fifos, vfs_protected_regular;

int vnode_may_link(struct vnode *v)
{
	uint32_t mode = READ_ONCE(v->mode);
	bool is_safe = (mode & S_IFMT) == S_IFREG && !(mode & S_ISUID) && (mode & (S_ISGID | 0010)) != (S_ISGID | 0010);

	if (!atomic_load(&vfs_protected_hardlinks, RELAXED) || vnode_is_owner(v))
		return 0;
	return is_safe && !vnode_permission(v, MAY_READ | MAY_WRITE) ? 0 : -EPERM;
}

int vnode_may_follow(const struct vnode *link, const struct vnode *dir)
{
	uint32_t owner = READ_ONCE(link->uid);

	if (likely((READ_ONCE(dir->mode) & (S_ISVTX | 0002)) != (S_ISVTX | 0002)) || !atomic_load(&vfs_protected_symlinks, RELAXED))
		return 0;
	return cred_current()->fsuid == owner || READ_ONCE(dir->uid) == owner ? 0 : -EACCES;
}

int vnode_may_create_over(const struct vnode *v, const struct vnode *dir)
{
	uint32_t mode = READ_ONCE(dir->mode), owner = READ_ONCE(v->uid), level = 0;

	if (vnode_type(v) == S_IFIFO)
		level = atomic_load(&vfs_protected_fifos, RELAXED);
	else if (vnode_type(v) == S_IFREG)
		level = atomic_load(&vfs_protected_regular, RELAXED);
	if (!level || !(mode & S_ISVTX) || owner == READ_ONCE(dir->uid) || owner == cred_current()->fsuid)
		return 0;
	return mode & 0002 || (mode & 0020 && level >= 2) ? -EACCES : 0;
}

uint32_t vnode_keep_setgid(uint32_t mode, uint32_t gid)
{
	bool may = cred_in_group(cred_current(), gid) || capable(CAP_FSETID);

	return may ? mode : mode & ~(uint32_t)S_ISGID;
}

uint32_t vnode_mode_after_change(const struct vnode *v)
{
	uint32_t mode = READ_ONCE(v->mode);

	if (vnode_is_dir(v))
		return mode;
	mode &= ~(uint32_t)S_ISUID;
	return (mode & 0010) ? mode & ~(uint32_t)S_ISGID : vnode_keep_setgid(mode, READ_ONCE(v->gid));
}
