// SPDX-License-Identifier: MIT
/*
 * System calls about who a thread is: numbers, users and groups, sessions. What users mean for capabilities is in capability.c, what both mean for files in fs/permission.c.
 */
#include "fs/cred.h"
#include "libc/string.h"
#include "linux/capability.h"
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
	return cred_current()->uid;
}

long sys_geteuid(void)
{
	return cred_current()->euid;
}

long sys_getgid(void)
{
	return cred_current()->gid;
}

long sys_getegid(void)
{
	return cred_current()->egid;
}

static long triple_put(uint32_t a, uint32_t b, uint32_t c, long pa, long pb, long pc)
{
	if (user_store32((uint32_t *)pa, a) || user_store32((uint32_t *)pb, b) || user_store32((uint32_t *)pc, c))
		return -EFAULT;
	return 0;
}

long sys_getresuid(long r, long e, long s)
{
	const struct cred *c = cred_current();

	return triple_put(c->uid, c->euid, c->suid, r, e, s);
}

long sys_getresgid(long r, long e, long s)
{
	const struct cred *c = cred_current();

	return triple_put(c->gid, c->egid, c->sgid, r, e, s);
}

/* ---- changes: of the calling thread alone, as in Linux; the C library tells the others ------------------------------------------ */

static bool may_be_uid(const struct cred *c, uint32_t id)
{
	return id == KEEP || id == c->uid || id == c->euid || id == c->suid || cred_has(c, CAP_SETUID);
}

static bool may_be_gid(const struct cred *c, uint32_t id)
{
	return id == KEEP || id == c->gid || id == c->egid || id == c->sgid || cred_has(c, CAP_SETGID);
}

/* Become these users, KEEP for the same. The caller has looked whether that is allowed. */
static long set_users(uint32_t uid, uint32_t euid, uint32_t suid)
{
	const struct cred *old = cred_current();
	struct cred *c = cred_copy(old);

	if (!c)
		return -ENOMEM;
	c->uid = uid == KEEP ? old->uid : uid;
	c->euid = euid == KEEP ? old->euid : euid;
	c->suid = suid == KEEP ? old->suid : suid;
	c->fsuid = c->euid;
	capability_users_changed(c, old);
	process_become(c);
	return 0;
}

static long set_groups_ids(uint32_t gid, uint32_t egid, uint32_t sgid)
{
	const struct cred *old = cred_current();
	struct cred *c = cred_copy(old);

	if (!c)
		return -ENOMEM;
	c->gid = gid == KEEP ? old->gid : gid;
	c->egid = egid == KEEP ? old->egid : egid;
	c->sgid = sgid == KEEP ? old->sgid : sgid;
	c->fsgid = c->egid;
	process_become(c);
	return 0;
}

long sys_setresuid(long r, long e, long s)
{
	const struct cred *c = cred_current();

	if (!may_be_uid(c, (uint32_t)r) || !may_be_uid(c, (uint32_t)e) || !may_be_uid(c, (uint32_t)s))
		return -EPERM;
	return set_users((uint32_t)r, (uint32_t)e, (uint32_t)s);
}

long sys_setresgid(long r, long e, long s)
{
	const struct cred *c = cred_current();

	if (!may_be_gid(c, (uint32_t)r) || !may_be_gid(c, (uint32_t)e) || !may_be_gid(c, (uint32_t)s))
		return -EPERM;
	return set_groups_ids((uint32_t)r, (uint32_t)e, (uint32_t)s);
}

long sys_setuid(long id_arg)
{
	const struct cred *c = cred_current();
	uint32_t id = (uint32_t)id_arg;

	if (id == KEEP)
		return -EINVAL;
	if (cred_has(c, CAP_SETUID))
		return set_users(id, id, id);
	return id == c->uid || id == c->suid ? set_users(KEEP, id, KEEP) : -EPERM;
}

long sys_setgid(long id_arg)
{
	const struct cred *c = cred_current();
	uint32_t id = (uint32_t)id_arg;

	if (id == KEEP)
		return -EINVAL;
	if (cred_has(c, CAP_SETGID))
		return set_groups_ids(id, id, id);
	return id == c->gid || id == c->sgid ? set_groups_ids(KEEP, id, KEEP) : -EPERM;
}

/* The saved id follows the new effective one if the real one is set, or the effective one differs from the old real one (setreuid(2)). */
static uint32_t saved_of(uint32_t r, uint32_t e, uint32_t old_real, uint32_t old_effective)
{
	if (r == KEEP && (e == KEEP || e == old_real))
		return KEEP;
	return e == KEEP ? old_effective : e;
}

long sys_setreuid(long r_arg, long e_arg)
{
	const struct cred *c = cred_current();
	uint32_t r = (uint32_t)r_arg, e = (uint32_t)e_arg;

	/* The saved id may not become the real one. */
	if (r != KEEP && r != c->uid && r != c->euid && !cred_has(c, CAP_SETUID))
		return -EPERM;
	if (!may_be_uid(c, e))
		return -EPERM;
	return set_users(r, e, saved_of(r, e, c->uid, c->euid));
}

long sys_setregid(long r_arg, long e_arg)
{
	const struct cred *c = cred_current();
	uint32_t r = (uint32_t)r_arg, e = (uint32_t)e_arg;

	if (r != KEEP && r != c->gid && r != c->egid && !cred_has(c, CAP_SETGID))
		return -EPERM;
	if (!may_be_gid(c, e))
		return -EPERM;
	return set_groups_ids(r, e, saved_of(r, e, c->gid, c->egid));
}

/* setfsuid(2) and setfsgid(2) answer the old number, and never an error. */
long sys_setfsuid(long id_arg)
{
	const struct cred *old = cred_current();
	uint32_t id = (uint32_t)id_arg, was = old->fsuid;
	struct cred *c;

	if (id == KEEP || id == was || (id != old->fsuid && !may_be_uid(old, id)))
		return (long)was;
	c = cred_copy(old);
	if (c) {
		c->fsuid = id;
		capability_fsuid_changed(c, old);
		process_become(c);
	}
	return (long)was;
}

long sys_setfsgid(long id_arg)
{
	const struct cred *old = cred_current();
	uint32_t id = (uint32_t)id_arg, was = old->fsgid;
	struct cred *c;

	if (id == KEEP || id == was || !may_be_gid(old, id))
		return (long)was;
	c = cred_copy(old);
	if (c) {
		c->fsgid = id;
		process_become(c);
	}
	return (long)was;
}

long sys_getgroups(long size_arg, long list)
{
	const struct cred *c = cred_current();
	int size = (int)size_arg;

	if (size < 0 || (size && (uint32_t)size < c->nr_groups))
		return -EINVAL;
	if (size && copy_to_user((void *)list, c->groups, c->nr_groups * sizeof(c->groups[0])))
		return -EFAULT;
	return (long)c->nr_groups;
}

/* Ascending, by sifting down a heap: the program names the numbers, and may name 65,536 of the worst. */
static void sort_groups(uint32_t *g, uint32_t nr)
{
	for (uint32_t start = nr / 2, end = nr; end > 1;) {
		uint32_t at, child, v;

		if (start) {
			start--;
		} else {
			end--;
			v = g[end];
			g[end] = g[0];
			g[0] = v;
		}
		for (at = start; (child = 2 * at + 1) < end; at = child) {
			if (child + 1 < end && g[child + 1] > g[child])
				child++;
			if (g[at] >= g[child])
				break;
			v = g[at];
			g[at] = g[child];
			g[child] = v;
		}
	}
}

long sys_setgroups(long size_arg, long list)
{
	struct cred *c;
	int size = (int)size_arg;

	if (!capable(CAP_SETGID))
		return -EPERM;
	if (size < 0 || (unsigned)size > NR_GROUPS_MAX)
		return -EINVAL;
	c = cred_copy_groups(cred_current(), (uint32_t)size);
	if (!c)
		return -ENOMEM;
	if (copy_from_user(c->groups, (const void *)list, (size_t)size * sizeof(c->groups[0]))) {
		cred_free(c);
		return -EFAULT;
	}
	sort_groups(c->groups, c->nr_groups);
	process_become(c);
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
