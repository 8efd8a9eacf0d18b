// SPDX-License-Identifier: MIT
/*
 * System calls about who the process is: numbers, users and groups, capabilities. There is one user, root, until a program becomes another; Samara keeps the numbers and
 * hands them to the file system, but the boundary is the hypervisor, not the user.
 */
#include "libc/string.h"
#include "linux/signal.h"
#include "linux/sys-util.h"

#define KEEP	0xffffffffu		/* (uid_t)-1: leave as it is */

long sys_getpid(void)
{
	return process_current()->pid;
}

long sys_getppid(void)
{
	return process_current()->ppid;
}

long sys_gettid(void)
{
	return task_current()->tid;
}

long sys_getuid(void)
{
	return process_current()->cred.uid;
}

long sys_geteuid(void)
{
	return process_current()->cred.euid;
}

long sys_getgid(void)
{
	return process_current()->cred.gid;
}

long sys_getegid(void)
{
	return process_current()->cred.egid;
}

static long triple_put(uint32_t a, uint32_t b, uint32_t c, long pa, long pb, long pc)
{
	if (user_store32((uint32_t *)pa, a) || user_store32((uint32_t *)pb, b) || user_store32((uint32_t *)pc, c))
		return -EFAULT;
	return 0;
}

long sys_getresuid(long r, long e, long s)
{
	const struct credentials *c = &process_current()->cred;

	return triple_put(c->uid, c->euid, c->suid, r, e, s);
}

long sys_getresgid(long r, long e, long s)
{
	const struct credentials *c = &process_current()->cred;

	return triple_put(c->gid, c->egid, c->sgid, r, e, s);
}

static bool may_be_uid(const struct credentials *c, uint32_t id)
{
	return id == KEEP || c->euid == 0 || id == c->uid || id == c->euid || id == c->suid;
}

static bool may_be_gid(const struct credentials *c, uint32_t id)
{
	return id == KEEP || c->euid == 0 || id == c->gid || id == c->egid || id == c->sgid;
}

/* Losing root loses the capabilities (capabilities(7)); fsuid follows euid. */
static void uid_changed(struct process *p)
{
	if (p->cred.euid && p->cred.uid && p->cred.suid)
		p->cred.cap_permitted = 0;
	p->cred.cap_effective = p->cred.euid ? 0 : p->cred.cap_permitted;
	atomic_store(&p->fs->uid, p->cred.euid, RELAXED);
}

long sys_setresuid(long r, long e, long s)
{
	struct process *p = process_current();
	struct credentials *c = &p->cred;
	long result = -EPERM;

	mutex_lock(&p->lock);
	if (may_be_uid(c, (uint32_t)r) && may_be_uid(c, (uint32_t)e) && may_be_uid(c, (uint32_t)s)) {
		c->uid = (uint32_t)r == KEEP ? c->uid : (uint32_t)r;
		c->euid = (uint32_t)e == KEEP ? c->euid : (uint32_t)e;
		c->suid = (uint32_t)s == KEEP ? c->suid : (uint32_t)s;
		uid_changed(p);
		result = 0;
	}
	mutex_unlock(&p->lock);
	return result;
}

long sys_setresgid(long r, long e, long s)
{
	struct process *p = process_current();
	struct credentials *c = &p->cred;
	long result = -EPERM;

	mutex_lock(&p->lock);
	if (may_be_gid(c, (uint32_t)r) && may_be_gid(c, (uint32_t)e) && may_be_gid(c, (uint32_t)s)) {
		c->gid = (uint32_t)r == KEEP ? c->gid : (uint32_t)r;
		c->egid = (uint32_t)e == KEEP ? c->egid : (uint32_t)e;
		c->sgid = (uint32_t)s == KEEP ? c->sgid : (uint32_t)s;
		atomic_store(&p->fs->gid, c->egid, RELAXED);
		result = 0;
	}
	mutex_unlock(&p->lock);
	return result;
}

long sys_setuid(long id)
{
	const struct credentials *c = &process_current()->cred;

	if ((uint32_t)id == KEEP)
		return -EINVAL;
	if (c->euid == 0)
		return sys_setresuid(id, id, id);
	return (uint32_t)id == c->uid || (uint32_t)id == c->suid ? sys_setresuid(-1, id, -1) : -EPERM;
}

long sys_setgid(long id)
{
	const struct credentials *c = &process_current()->cred;

	if ((uint32_t)id == KEEP)
		return -EINVAL;
	if (c->euid == 0)
		return sys_setresgid(id, id, id);
	return (uint32_t)id == c->gid || (uint32_t)id == c->sgid ? sys_setresgid(-1, id, -1) : -EPERM;
}

/* The saved id follows the new effective one if the real one is set, or the effective one differs from the old real one (setreuid(2)). */
long sys_setreuid(long r, long e)
{
	const struct credentials *c = &process_current()->cred;
	bool saves = (uint32_t)r != KEEP || ((uint32_t)e != KEEP && (uint32_t)e != c->uid);

	if (c->euid && (uint32_t)r != KEEP && (uint32_t)r != c->uid && (uint32_t)r != c->euid)
		return -EPERM;			/* the saved id may not become the real one */
	return sys_setresuid(r, e, !saves ? -1 : (uint32_t)e != KEEP ? e : (long)c->euid);
}

long sys_setregid(long r, long e)
{
	const struct credentials *c = &process_current()->cred;
	bool saves = (uint32_t)r != KEEP || ((uint32_t)e != KEEP && (uint32_t)e != c->gid);

	if (c->euid && (uint32_t)r != KEEP && (uint32_t)r != c->gid && (uint32_t)r != c->egid)
		return -EPERM;			/* the saved id may not become the real one */
	return sys_setresgid(r, e, !saves ? -1 : (uint32_t)e != KEEP ? e : (long)c->egid);
}

long sys_setfsuid(long id)
{
	struct process *p = process_current();
	uint32_t old = p->fs->uid;

	if ((uint32_t)id != KEEP && may_be_uid(&p->cred, (uint32_t)id))
		atomic_store(&p->fs->uid, (uint32_t)id, RELAXED);
	return (long)old;
}

long sys_setfsgid(long id)
{
	struct process *p = process_current();
	uint32_t old = p->fs->gid;

	if ((uint32_t)id != KEEP && may_be_gid(&p->cred, (uint32_t)id))
		atomic_store(&p->fs->gid, (uint32_t)id, RELAXED);
	return (long)old;
}

long sys_getgroups(long size_arg, long list)
{
	int size = (int)size_arg;
	struct process *p = process_current();
	uint32_t n, groups[NR_GROUPS_MAX];

	mutex_lock(&p->lock);
	n = p->cred.nr_groups;
	memcpy(groups, p->cred.groups, sizeof(groups));
	mutex_unlock(&p->lock);
	if (size < 0 || (size && (uint32_t)size < n))
		return -EINVAL;
	if (size && copy_to_user((void *)list, groups, n * sizeof(groups[0])))
		return -EFAULT;
	return (long)n;
}

long sys_setgroups(long size_arg, long list)
{
	int size = (int)size_arg;
	struct process *p = process_current();
	uint32_t groups[NR_GROUPS_MAX];

	if (p->cred.euid)
		return -EPERM;
	if (size < 0 || size > NR_GROUPS_MAX)
		return -EINVAL;
	if (copy_from_user(groups, (const void *)list, (size_t)size * sizeof(groups[0])))
		return -EFAULT;
	mutex_lock(&p->lock);
	p->cred.nr_groups = (uint32_t)size;
	memcpy(p->cred.groups, groups, (size_t)size * sizeof(groups[0]));
	mutex_unlock(&p->lock);
	return 0;
}

/* ---- sessions: one process, so one group and one session --------------------------------------------------------------------- */

static bool is_self(long pid)
{
	return !pid || pid == process_current()->pid;
}

long sys_getpgid(long pid)
{
	return is_self(pid) ? process_current()->pgid : -ESRCH;
}

long sys_getsid(long pid)
{
	return is_self(pid) ? process_current()->sid : -ESRCH;
}

long sys_setpgid(long pid, long pgid_arg)
{
	int pgid = (int)pgid_arg;
	struct process *p = process_current();

	if (pgid < 0)
		return -EINVAL;
	if (!is_self((int)pid))
		return -ESRCH;
	if (p->sid == p->pid || (pgid && pgid != p->pid && pgid != p->pgid))
		return -EPERM;
	p->pgid = pgid ? pgid : p->pid;
	return 0;
}

long sys_setsid(void)
{
	struct process *p = process_current();

	if (p->pgid == p->pid)
		return -EPERM;
	p->sid = p->pgid = p->pid;
	return p->pid;
}

/* ---- capabilities (capget(2), version 3) ----------------------------------------------------------------------------------------- */

#define CAPABILITY_VERSION_3	0x20080522u

struct cap_header {
	uint32_t version;
	int32_t pid;
};

struct cap_data {
	uint32_t effective, permitted, inheritable;
};

long sys_capget(long header_ptr, long data_ptr)
{
	struct process *p = process_current();
	struct cap_data d[2] = { 0 };
	struct cap_header h;

	if (copy_from_user(&h, (const void *)header_ptr, sizeof(h)))
		return -EFAULT;
	if (h.version != CAPABILITY_VERSION_3) {
		h.version = CAPABILITY_VERSION_3;
		if (copy_to_user((void *)header_ptr, &h, sizeof(h)))
			return -EFAULT;
		return data_ptr ? -EINVAL : 0;
	}
	if (h.pid < 0)
		return -EINVAL;
	if (!is_self(h.pid))
		return -ESRCH;
	mutex_lock(&p->lock);
	for (int i = 0; i < 2; i++)
		d[i] = (struct cap_data){ (uint32_t)(p->cred.cap_effective >> (32 * i)),
					  (uint32_t)(p->cred.cap_permitted >> (32 * i)),
					  (uint32_t)(p->cred.cap_inheritable >> (32 * i)) };
	mutex_unlock(&p->lock);
	return data_ptr ? copy_to_user((void *)data_ptr, d, sizeof(d)) : 0;
}

static uint64_t join(uint32_t low, uint32_t high)
{
	return low | (uint64_t)high << 32;
}

long sys_capset(long header_ptr, long data_ptr)
{
	struct process *p = process_current();
	uint64_t effective, permitted, inheritable;
	struct cap_header h;
	struct cap_data d[2];
	long r = -EPERM;

	if (copy_from_user(&h, (const void *)header_ptr, sizeof(h)))
		return -EFAULT;
	if (h.version != CAPABILITY_VERSION_3)
		return -EINVAL;
	if (!is_self(h.pid))
		return -EPERM;
	if (copy_from_user(d, (const void *)data_ptr, sizeof(d)))
		return -EFAULT;
	effective = join(d[0].effective, d[1].effective);
	permitted = join(d[0].permitted, d[1].permitted);
	inheritable = join(d[0].inheritable, d[1].inheritable);
	mutex_lock(&p->lock);
	if (!(permitted & ~p->cred.cap_permitted) && !(effective & ~permitted)) {
		p->cred.cap_effective = effective;
		p->cred.cap_permitted = permitted;
		p->cred.cap_inheritable = inheritable;
		r = 0;
	}
	mutex_unlock(&p->lock);
	return r;
}
