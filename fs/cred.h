/* SPDX-License-Identifier: MIT
 *
 * Who a thread acts as: users, groups and capabilities (credentials(7), capabilities(7)).
 *
 * As in Linux each thread has a reference on a structure that never changes: whoever becomes somebody else makes a
 * changed copy and puts it in the place of the old one. So the rights of a thread can be read without a lock, and they
 * cannot change in the middle of a decision.
 *
 *	struct cred *c = cred_copy(cred_current());
 *	c->euid = ...;
 *	cred_commit(c);
 *
 * Kernel threads have none of their own and act as the kernel, who may do everything. The hypervisor is the boundary of
 * the machine, not the user: all this serves programs that rely on losing rights.
 */
#pragma once

#include "libc/types.h"
#include "sched/rcu.h"
#include "sched/thread.h"

/* capabilities(7). Those that nothing asks for have no name here. */
#define CAP_CHOWN		0u
#define CAP_DAC_OVERRIDE	1u
#define CAP_DAC_READ_SEARCH	2u
#define CAP_FOWNER		3u
#define CAP_FSETID		4u
#define CAP_KILL		5u
#define CAP_SETGID		6u
#define CAP_SETUID		7u
#define CAP_SETPCAP		8u
#define CAP_LINUX_IMMUTABLE	9u
#define CAP_NET_BIND_SERVICE	10u
#define CAP_NET_ADMIN		12u
#define CAP_NET_RAW		13u
#define CAP_IPC_LOCK		14u
#define CAP_SYS_CHROOT		18u
#define CAP_SYS_PTRACE		19u
#define CAP_SYS_ADMIN		21u
#define CAP_SYS_BOOT		22u
#define CAP_SYS_NICE		23u
#define CAP_SYS_RESOURCE	24u
#define CAP_SYS_TIME		25u
#define CAP_MKNOD		27u
#define CAP_MAC_OVERRIDE	32u
#define CAP_WAKE_ALARM		35u
#define CAP_LAST		40u
#define CAP_ALL			((1ull << (CAP_LAST + 1)) - 1)
#define CAP_BIT(cap_)		(1ull << (cap_))

#define NR_GROUPS_MAX		65536u

/* Created by cred_copy(), counted; freed through RCU. All fields but refs are [I] once it is committed. */
struct cred {
	uint32_t refs;			/* [a] */
	uint32_t uid, euid, suid, fsuid;
	uint32_t gid, egid, sgid, fsgid;
	uint64_t effective, permitted, inheritable, bounding, ambient;
	uint32_t securebits;
	uint64_t id;			/* of no other: what was found out for it holds for it. 0: no directory stops it */
	struct rcu_head rcu;
	uint32_t nr_groups;
	uint32_t groups[];		/* supplementary, ascending */
};

extern const struct cred cred_of_kernel;

static inline const struct cred *cred_current(void)
{
	const struct cred *c = thread_current()->cred;

	return c ? c : &cred_of_kernel;
}

static inline bool cred_has(const struct cred *c, unsigned cap)
{
	return c->effective >> cap & 1;
}

/* May the current thread do what this capability allows? */
static inline bool capable(unsigned cap)
{
	return cred_has(cred_current(), cap);
}

/* Is gid the group that files are made with, or one of the supplementary ones? */
bool cred_in_group(const struct cred *c, uint32_t gid);

/* A copy to change; NULL: no memory. give: cred_commit() or cred_free(). */
struct cred *cred_copy(const struct cred *from);
/* The same with room for other groups, which the caller writes. */
struct cred *cred_copy_groups(const struct cred *from, uint32_t nr_groups);
void cred_free(struct cred *c);
/* take: c. The current thread acts as c from now on. Context: thread. */
void cred_commit(struct cred *c);
/* The same for a while, until cred_revert(), which takes what this answers. */
const struct cred *cred_override(struct cred *c);
void cred_revert(const struct cred *old);
/* The thread, which does not run yet, acts as the current one does. */
void cred_inherit(struct thread *t);
/* The thread has ended. */
void cred_drop(struct thread *t);
/* What another thread acts as. give: cred_put(). */
const struct cred *cred_get_of(struct thread *t);
void cred_put(const struct cred *c);
