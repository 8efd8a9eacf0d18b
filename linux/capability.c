// SPDX-License-Identifier: MIT
/*
 * Capabilities: their transitions, capget(2), capset(2) and the options of prctl(2). The sets of a thread are numbers in
 * its credentials; asking for one is capable() (fs/cred.h).
 *
 * Files have no capabilities of their own (no attribute can be set), so that an execve gives some only to root and to
 * who has ambient ones:
 *
 *	ambient'     = the program changes users ? 0 : ambient
 *	permitted'   = root ? inheritable | bounding : ambient'
 *	effective'   = effective root ? permitted' : ambient'
 */
#include "linux/capability.h"

#include "fs/dentry.h"
#include "fs/vnode.h"
#include "linux/sys-util.h"

/* Securebits, each with a bit that locks it. */
#define SECURE_NOROOT			0x01u
#define SECURE_NO_SETUID_FIXUP		0x04u
#define SECURE_KEEP_CAPS		0x10u
#define SECURE_KEEP_CAPS_LOCKED		0x20u
#define SECURE_NO_CAP_AMBIENT_RAISE	0x40u
#define SECURE_ALL_BITS			0x55u
#define SECURE_ALL_LOCKS		(SECURE_ALL_BITS << 1)

/* What a file system user who is not root has not. */
#define CAPS_OF_FILES	(CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_DAC_READ_SEARCH) | CAP_BIT(CAP_FOWNER) | \
			 CAP_BIT(CAP_FSETID) | CAP_BIT(CAP_LINUX_IMMUTABLE) | CAP_BIT(CAP_MKNOD) | CAP_BIT(CAP_MAC_OVERRIDE))

/* ---- transitions ----------------------------------------------------------------------------------------------------- */

static bool is_root_anywhere(const struct cred *c)
{
	return !c->uid || !c->euid || !c->suid;
}

void capability_users_changed(struct cred *c, const struct cred *old)
{
	if (c->securebits & SECURE_NO_SETUID_FIXUP)
		return;
	if (is_root_anywhere(old) && !is_root_anywhere(c)) {
		if (!(c->securebits & SECURE_KEEP_CAPS))
			c->permitted = c->effective = 0;
		c->ambient = 0;
	}
	if (!old->euid && c->euid)
		c->effective = 0;
	if (old->euid && !c->euid)
		c->effective = c->permitted;
}

void capability_fsuid_changed(struct cred *c, const struct cred *old)
{
	if (c->securebits & SECURE_NO_SETUID_FIXUP)
		return;
	if (!old->fsuid && c->fsuid)
		c->effective &= ~CAPS_OF_FILES;
	if (old->fsuid && !c->fsuid)
		c->effective |= c->permitted & CAPS_OF_FILES;
}

/* Set-user-ID and set-group-ID programs (execve(2)). */
static void apply_file_ids(struct cred *c, struct file *program)
{
	const struct vnode *v = program->vnode;
	uint32_t mode = READ_ONCE(v->mode);

	if (task_current()->no_new_privs || (program->dentry && program->dentry->mount && (program->dentry->mount->flags & MS_NOSUID)))
		return;
	if (mode & S_ISUID)
		c->euid = READ_ONCE(v->uid);
	if ((mode & (S_ISGID | 0010)) == (S_ISGID | 0010))
		c->egid = READ_ONCE(v->gid);
}

struct cred *capability_exec(struct file *program, bool *is_secure)
{
	const struct cred *old = cred_current();
	struct cred *c = cred_copy(old);
	bool has_root, is_other;

	if (!c)
		return NULL;
	apply_file_ids(c, program);
	is_other = c->euid != old->euid || c->egid != old->egid;
	has_root = !(c->securebits & SECURE_NOROOT) && (!c->uid || !c->euid);
	if (is_other)
		c->ambient = 0;
	c->permitted = has_root ? c->inheritable | c->bounding : c->ambient;
	c->effective = has_root && !c->euid ? c->permitted : c->ambient;
	c->suid = c->fsuid = c->euid;
	c->sgid = c->fsgid = c->egid;
	c->securebits &= ~SECURE_KEEP_CAPS;
	*is_secure = c->uid != c->euid || c->gid != c->egid;
	return c;
}

/* ---- capget, capset (version 3, and 1 and 2 of old programs) ----------------------------------------------------------- */

#define CAPABILITY_VERSION_1	0x19980330u
#define CAPABILITY_VERSION_2	0x20071026u
#define CAPABILITY_VERSION_3	0x20080522u

struct cap_header {
	uint32_t version;
	int32_t pid;
};

struct cap_data {
	uint32_t effective, permitted, inheritable;
};

/* Words of each set; -EINVAL, and the version that we like best, for one that does not exist. */
static long get_header(long ptr, struct cap_header *h)
{
	if (copy_from_user(h, (const void *)ptr, sizeof(*h)))
		return -EFAULT;
	if (h->version == CAPABILITY_VERSION_1)
		return 1;
	if (h->version == CAPABILITY_VERSION_2 || h->version == CAPABILITY_VERSION_3)
		return 2;
	if (user_store32((uint32_t *)ptr, CAPABILITY_VERSION_3))
		return -EFAULT;
	return -EINVAL;
}

long sys_capget(long header_ptr, long data_ptr)
{
	struct process *p = process_current();
	struct cap_data d[2] = { 0 };
	const struct cred *c;
	struct cap_header h;
	struct task *t;
	long nr = get_header(header_ptr, &h);

	if (nr < 0)
		return nr == -EINVAL && !data_ptr ? 0 : nr;
	if (h.pid < 0)
		return -EINVAL;
	t = task_get(p, h.pid ? h.pid : task_current()->tid);
	if (!t)
		return -ESRCH;
	c = cred_get_of(t->thread);
	for (int i = 0; i < nr; i++)
		d[i] = (struct cap_data){ (uint32_t)(c->effective >> (32 * i)), (uint32_t)(c->permitted >> (32 * i)),
					  (uint32_t)(c->inheritable >> (32 * i)) };
	cred_put(c);
	task_put(t);
	return data_ptr && copy_to_user((void *)data_ptr, d, (size_t)nr * sizeof(d[0])) ? -EFAULT : 0;
}

static uint64_t join(uint32_t low, uint32_t high)
{
	return (low | (uint64_t)high << 32) & CAP_ALL;
}

long sys_capset(long header_ptr, long data_ptr)
{
	const struct cred *old = cred_current();
	struct cap_data d[2] = { 0 };
	struct cap_header h;
	struct cred *c;
	long nr = get_header(header_ptr, &h);

	if (nr < 0)
		return nr;
	if (h.pid && h.pid != task_current()->tid)
		return -EPERM;
	if (copy_from_user(d, (const void *)data_ptr, (size_t)nr * sizeof(d[0])))
		return -EFAULT;
	c = cred_copy(old);
	if (!c)
		return -ENOMEM;
	c->effective = join(d[0].effective, d[1].effective);
	c->permitted = join(d[0].permitted, d[1].permitted);
	c->inheritable = join(d[0].inheritable, d[1].inheritable);
	c->ambient &= c->permitted & c->inheritable;
	if ((c->permitted & ~old->permitted) || (c->effective & ~c->permitted) || (c->inheritable & ~(old->inheritable | old->bounding)) ||
	    ((c->inheritable & ~(old->inheritable | old->permitted)) && !cred_has(old, CAP_SETPCAP))) {
		cred_free(c);
		return -EPERM;
	}
	process_become(c);
	return 0;
}

/* ---- prctl ------------------------------------------------------------------------------------------------------------- */

enum {
	PR_GET_KEEPCAPS = 7,
	PR_SET_KEEPCAPS = 8,
	PR_CAPBSET_READ = 23,
	PR_CAPBSET_DROP = 24,
	PR_GET_SECUREBITS = 27,
	PR_SET_SECUREBITS = 28,
	PR_CAP_AMBIENT = 47,
};

enum {
	AMBIENT_IS_SET = 1,
	AMBIENT_RAISE,
	AMBIENT_LOWER,
	AMBIENT_CLEAR_ALL,
};

/* A copy of the current credentials with these sets becomes current. */
static long change(uint64_t bounding, uint64_t ambient, uint32_t securebits)
{
	struct cred *c = cred_copy(cred_current());

	if (!c)
		return -ENOMEM;
	c->bounding = bounding;
	c->ambient = ambient;
	c->securebits = securebits;
	process_become(c);
	return 0;
}

static long drop_bounding(unsigned long cap)
{
	const struct cred *c = cred_current();

	if (!cred_has(c, CAP_SETPCAP))
		return -EPERM;
	if (cap > CAP_LAST)
		return -EINVAL;
	return change(c->bounding & ~CAP_BIT(cap), c->ambient, c->securebits);
}

static long set_keep_caps(unsigned long on)
{
	const struct cred *c = cred_current();

	if (on > 1)
		return -EINVAL;
	if (c->securebits & SECURE_KEEP_CAPS_LOCKED)
		return -EPERM;
	return change(c->bounding, c->ambient, on ? c->securebits | SECURE_KEEP_CAPS : c->securebits & ~SECURE_KEEP_CAPS);
}

/* A locked bit stays, a lock stays. */
static long set_securebits(unsigned long bits)
{
	const struct cred *c = cred_current();
	uint32_t locked = (c->securebits & SECURE_ALL_LOCKS) >> 1;

	if ((locked & (c->securebits ^ bits)) || (c->securebits & SECURE_ALL_LOCKS & ~bits) || (bits & ~(unsigned long)(SECURE_ALL_LOCKS | SECURE_ALL_BITS)) ||
	    !cred_has(c, CAP_SETPCAP))
		return -EPERM;
	return change(c->bounding, c->ambient, (uint32_t)bits);
}

static long change_ambient(unsigned long how, unsigned long cap, unsigned long d, unsigned long e)
{
	const struct cred *c = cred_current();

	if (how == AMBIENT_CLEAR_ALL)
		return cap | d | e ? -EINVAL : change(c->bounding, 0, c->securebits);
	if (cap > CAP_LAST || (d | e))
		return -EINVAL;
	switch (how) {
	case AMBIENT_IS_SET:
		return (long)(c->ambient >> cap & 1);
	case AMBIENT_RAISE:
		if (!(c->permitted & c->inheritable & CAP_BIT(cap)) || (c->securebits & SECURE_NO_CAP_AMBIENT_RAISE))
			return -EPERM;
		return change(c->bounding, c->ambient | CAP_BIT(cap), c->securebits);
	case AMBIENT_LOWER:
		return change(c->bounding, c->ambient & ~CAP_BIT(cap), c->securebits);
	default:
		return -EINVAL;
	}
}

long capability_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	switch (option) {
	case PR_GET_KEEPCAPS:
		return cred_current()->securebits & SECURE_KEEP_CAPS ? 1 : 0;
	case PR_SET_KEEPCAPS:
		return set_keep_caps(a);
	case PR_CAPBSET_READ:
		return a > CAP_LAST ? -EINVAL : (long)(cred_current()->bounding >> a & 1);
	case PR_CAPBSET_DROP:
		return drop_bounding(a);
	case PR_GET_SECUREBITS:
		return (long)cred_current()->securebits;
	case PR_SET_SECUREBITS:
		return set_securebits(a);
	case PR_CAP_AMBIENT:
		return change_ambient(a, b, c, d);
	default:
		return -ENOSYS;
	}
}
