// SPDX-License-Identifier: MIT
/* System calls about scheduling: policy, priority, affinity. */
#include "fs/cred.h"
#include "libc/string.h"
#include "linux/futex.h"
#include "linux/sys-util.h"
#include "sched/barrier.h"
#include "sched/cpu.h"

#define MASK_WORDS	(MAX_CPUS / 64)

/* The task that pid names (0: the caller), referenced; NULL: none. */
static struct task *task_of(long pid)
{
	if (pid)
		return task_get(process_current(), (int)pid);
	task_ref(task_current());
	return task_current();
}

long sys_sched_yield(void)
{
	thread_yield();
	return 0;
}

long sys_getcpu(long cpu, long node, long unused)
{
	(void)unused;
	if (cpu && user_store32((uint32_t *)cpu, (uint32_t)thread_cpu_id(thread_current())))
		return -EFAULT;
	return node && user_store32((uint32_t *)node, 0) ? -EFAULT : 0;
}

/* ---- rights (sched(7)) ----------------------------------------------------------------------------------------------------- */

/* Does the thread belong to the current thread's user, or does it not matter? */
static bool is_ours(const struct task *t)
{
	uint32_t me = cred_current()->euid;
	const struct cred *c;
	bool r;

	if (likely(t == task_current() || capable(CAP_SYS_NICE)))
		return true;
	c = cred_get_of(t->thread);
	r = me == c->euid || me == c->uid;
	cred_put(c);
	return r;
}

static bool can_nice(int nice)
{
	return (uint64_t)(20 - nice) <= process_current()->rlimits[RLIMIT_NICE].cur || capable(CAP_SYS_NICE);
}

long sys_sched_setaffinity(long pid, long size, long ptr)
{
	uint64_t mask[MASK_WORDS] = { 0 };
	struct task *t;
	long r;

	if (copy_from_user(mask, (const void *)ptr, MIN((size_t)(uint32_t)size, sizeof(mask))))
		return -EFAULT;
	t = task_of(pid);
	if (!t)
		return -ESRCH;
	r = is_ours(t) ? thread_set_affinity(t->thread, mask, MASK_WORDS) : -EPERM;
	task_put(t);
	return r;
}

/* Returns the bytes written, as the raw call does. */
long sys_sched_getaffinity(long pid, long size, long ptr)
{
	size_t needed = ALIGN_UP(DIV_ROUND_UP((size_t)nr_cpus, 8), 8);
	uint64_t mask[MASK_WORDS] = { 0 };
	size_t n = (uint32_t)size;
	struct task *t;

	if (n < needed || n & 7)
		return -EINVAL;
	t = task_of(pid);
	if (!t)
		return -ESRCH;
	thread_get_affinity(t->thread, mask, MASK_WORDS);
	task_put(t);
	n = MIN(n, needed);
	return copy_to_user((void *)ptr, mask, n) ? -EFAULT : (long)n;
}

#define SCHED_RESET_ON_FORK	0x40000000

static bool is_policy(int policy)
{
	return (policy >= POLICY_OTHER && policy <= POLICY_BATCH) || policy == POLICY_IDLE;
}

static bool is_rt(int policy)
{
	return policy == POLICY_FIFO || policy == POLICY_RR;
}

/* What sched_setattr(2) calls attributes. */
struct attributes {
	int policy, priority;
	int nice;		/* of an ordinary thread */
	bool has_nice;
	bool is_reset;		/* SCHED_RESET_ON_FORK */
};

static void set_slack(struct task *t, bool is_realtime)
{
	if (is_realtime)
		t->thread->slack_ns = 0;
	else if (!t->thread->slack_ns)
		t->thread->slack_ns = t->default_slack_ns;
}

static bool is_valid(const struct attributes *a)
{
	return is_policy(a->policy) && (is_rt(a->policy) ? a->priority >= 1 && a->priority <= 99 : a->priority == 0);
}

static void get_attributes(const struct task *t, struct attributes *a)
{
	enum thread_policy policy;

	thread_get_policy(t->thread, &policy, &a->priority);
	a->policy = (int)policy;
	a->nice = thread_get_nice(t->thread);
	a->has_nice = false;
	a->is_reset = atomic_load(&t->resets_on_fork, RELAXED);
}

/* Who has not CAP_SYS_NICE may give a thread of his less, and more up to RLIMIT_NICE and RLIMIT_RTPRIO. */
static bool may_set(const struct task *t, const struct attributes *a)
{
	uint64_t limit = process_current()->rlimits[RLIMIT_RTPRIO].cur;
	struct attributes old;

	if (likely(capable(CAP_SYS_NICE)))
		return true;
	get_attributes(t, &old);
	if (!is_ours(t) || (old.is_reset && !a->is_reset))
		return false;
	if (is_rt(a->policy))
		return (a->policy == old.policy || limit) && (a->priority <= old.priority || (uint64_t)a->priority <= limit);
	if (a->has_nice && a->nice < old.nice && !can_nice(a->nice))
		return false;
	return old.policy != POLICY_IDLE || a->policy == POLICY_IDLE || can_nice(old.nice);
}

static long set_attributes(struct task *t, const struct attributes *a)
{
	long r;

	if (!is_valid(a))
		return -EINVAL;
	if (!may_set(t, a))
		return -EPERM;
	r = thread_set_policy(t->thread, (enum thread_policy)a->policy, a->priority);
	if (!r && a->has_nice && !is_rt(a->policy))
		r = thread_set_nice(t->thread, MAX(-20, MIN(19, a->nice)));
	if (r)
		return r;
	atomic_store(&t->resets_on_fork, (uint32_t)a->is_reset, RELAXED);
	set_slack(t, is_rt(a->policy));
	futex_pi_priority_changed(t->thread);
	return 0;
}

/* policy -1: as it is. */
static long set_policy(long pid, int policy, int priority)
{
	struct attributes a;
	struct task *t;
	long r;

	if ((int)pid < 0)
		return -EINVAL;
	t = task_of(pid);
	if (!t)
		return -ESRCH;
	get_attributes(t, &a);
	if (policy >= 0) {
		a.policy = policy & ~SCHED_RESET_ON_FORK;
		a.is_reset = policy & SCHED_RESET_ON_FORK;
	}
	a.priority = priority;
	r = set_attributes(t, &a);
	task_put(t);
	return r;
}

static long get_policy(long pid, struct attributes *a)
{
	struct task *t;

	if ((int)pid < 0)
		return -EINVAL;
	t = task_of(pid);
	if (!t)
		return -ESRCH;
	get_attributes(t, a);
	task_put(t);
	return 0;
}

long sys_sched_setscheduler(long pid, long policy, long param)
{
	uint32_t priority;

	if (!param)
		return -EINVAL;
	if (user_load32((const uint32_t *)param, &priority))
		return -EFAULT;
	return (int)policy < 0 ? -EINVAL : set_policy(pid, (int)policy, (int)priority);
}

long sys_sched_setparam(long pid, long param)
{
	uint32_t priority;

	if (!param)
		return -EINVAL;
	if (user_load32((const uint32_t *)param, &priority))
		return -EFAULT;
	return set_policy(pid, -1, (int)priority);
}

long sys_sched_getscheduler(long pid)
{
	struct attributes a;
	long r = get_policy(pid, &a);

	return r ? r : a.policy | (a.is_reset ? SCHED_RESET_ON_FORK : 0);
}

long sys_sched_getparam(long pid, long param)
{
	struct attributes a;
	long r = get_policy(pid, &a);

	if (!param)
		return -EINVAL;
	return r ? r : user_store32((uint32_t *)param, (uint32_t)a.priority);
}

#define ATTR_RESET_ON_FORK	1u
#define ATTR_KEEP_POLICY	8u
#define ATTR_KEEP_PARAMS	16u
#define ATTR_FLAGS		(ATTR_RESET_ON_FORK | ATTR_KEEP_POLICY | ATTR_KEEP_PARAMS | 2u | 4u)	/* and two of SCHED_DEADLINE */

/* struct sched_attr, first version (sched_setattr(2)). */
struct sched_attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

#define ATTR_SIZE 56u	/* the version of today: with limits for utilisation, which only flags that are not taken look at */

/* What is beyond the struct, of a program that knows a newer one, says nothing; or cannot be read. */
static bool is_zero_beyond(long ptr, uint32_t size)
{
	for (uint32_t i = ATTR_SIZE; i < size; i++) {
		uint8_t byte;

		if (copy_from_user(&byte, (const char *)ptr + i, 1) || byte)
			return false;
	}
	return true;
}

static int get_attr_arg(long ptr, struct sched_attr *a)
{
	uint32_t size;

	if (user_load32((const uint32_t *)ptr, &size))
		return -EFAULT;
	if (!size)
		size = sizeof(*a);
	if (size < sizeof(*a) || size > PAGE_SIZE || !is_zero_beyond(ptr, size))
		return user_store32((uint32_t *)ptr, ATTR_SIZE) ? -EFAULT : -E2BIG;
	return copy_from_user(a, (const void *)ptr, sizeof(*a)) ? -EFAULT : 0;
}

long sys_sched_setattr(long pid, long ptr, long flags)
{
	struct attributes old, new;
	struct sched_attr a;
	struct task *t;
	long r;

	if (!ptr || (int)pid < 0 || (uint32_t)flags)
		return -EINVAL;
	r = get_attr_arg(ptr, &a);
	if (r)
		return r;
	if ((int32_t)a.policy < 0 || (a.flags & ~(uint64_t)ATTR_FLAGS))
		return -EINVAL;
	t = task_of(pid);
	if (!t)
		return -ESRCH;
	get_attributes(t, &old);
	new = (struct attributes){ (int)a.policy, (int)a.priority, a.nice, true, a.flags & ATTR_RESET_ON_FORK };
	if (a.flags & ATTR_KEEP_POLICY) {
		new.policy = old.policy;
		new.is_reset = old.is_reset;
	}
	if ((a.flags & ATTR_KEEP_PARAMS) && is_rt(old.policy))
		new.priority = old.priority;
	r = is_valid(&new) ? 0 : -EINVAL;
	if (a.flags & ATTR_KEEP_PARAMS) {	/* the policy, too, as Linux has it */
		old.is_reset = new.is_reset;
		new = old;
	}
	if (!r)
		r = set_attributes(t, &new);
	task_put(t);
	return r;
}

long sys_sched_getattr(long pid, long ptr, long size, long flags)
{
	struct sched_attr out = { .size = sizeof(out) };
	struct attributes a;
	long r;

	if (!ptr || (int)pid < 0 || flags || (uint32_t)size < sizeof(out) || (uint32_t)size > 4096)
		return -EINVAL;
	r = get_policy(pid, &a);
	if (r)
		return r;
	out.policy = (uint32_t)a.policy;
	out.flags = a.is_reset ? ATTR_RESET_ON_FORK : 0;
	if (is_rt(a.policy))
		out.priority = (uint32_t)a.priority;
	else
		out.nice = a.nice;
	return copy_to_user((void *)ptr, &out, sizeof(out));
}

long sys_sched_get_priority_max(long policy)
{
	return is_rt((int)policy) ? 99 : is_policy((int)policy) ? 0 : -EINVAL;
}

long sys_sched_get_priority_min(long policy)
{
	return is_rt((int)policy) ? 1 : is_policy((int)policy) ? 0 : -EINVAL;
}

long sys_sched_rr_get_interval(long pid, long ptr)
{
	struct attributes a;
	long r = get_policy(pid, &a);

	if (r)
		return r;
	return timespec_put(ptr, a.policy == POLICY_RR ? 100 * NSEC_PER_MSEC : a.policy == POLICY_FIFO ? 0 : 10 * NSEC_PER_MSEC);
}

#define PRIO_PROCESS	0
#define PRIO_PGRP	1
#define PRIO_USER	2

static long set_nice(struct task *t, int nice)
{
	if (!is_ours(t))
		return -EPERM;
	if (nice < thread_get_nice(t->thread) && !can_nice(nice))
		return -EACCES;
	return thread_set_nice(t->thread, nice);
}

struct nice_request {
	int nice;
	long result;
};

static bool set_nice_of(struct task *t, void *arg)
{
	struct nice_request *q = arg;
	long r = set_nice(t, q->nice);

	if (r)
		q->result = r;
	return true;
}

long sys_setpriority(long which, long who, long nice_arg)
{
	int nice = MAX(-20, MIN(19, (int)nice_arg));
	struct task *t;
	long r;

	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	if (which != PRIO_PROCESS) {
		struct nice_request q = { .nice = nice };

		process_for_each_task(process_current(), set_nice_of, &q);
		return q.result;
	}
	t = task_of(who);
	if (!t)
		return -ESRCH;
	r = set_nice(t, nice);
	task_put(t);
	return r;
}

/* The raw call returns 20 - nice, so that no result looks like an error. */
long sys_getpriority(long which, long who)
{
	struct task *t;
	long r;

	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	t = task_of(which == PRIO_PROCESS ? who : 0);
	if (!t)
		return -ESRCH;
	r = 20 - thread_get_nice(t->thread);
	task_put(t);
	return r;
}

enum {
	MEMBARRIER_CMD_QUERY = 0,
	MEMBARRIER_CMD_GLOBAL = 1,
	MEMBARRIER_CMD_GLOBAL_EXPEDITED = 2,
	MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED = 4,
	MEMBARRIER_CMD_PRIVATE_EXPEDITED = 8,
	MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED = 16,
	MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE = 32,
	MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE = 64,
	MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ = 128,
	MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ = 256,
};
#define MEMBARRIER_ALL		511
#define MEMBARRIER_FLAG_CPU	1

/* A command that a process must have registered for, which is the next number. */
static long private_barrier(long cmd, enum barrier_kind kind, int only)
{
	if (!(atomic_load(&process_current()->membarrier, RELAXED) & (uint32_t)cmd))
		return -EPERM;
	sched_barrier(kind, only);
	return 0;
}

long sys_membarrier(long cmd_arg, long flags_arg, long cpu_arg)
{
	int cmd = (int)cmd_arg, cpu = (int)cpu_arg;
	unsigned flags = (unsigned)flags_arg;

	if (flags & ~(cmd == MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ ? MEMBARRIER_FLAG_CPU : 0u))
		return -EINVAL;
	switch (cmd) {
	case MEMBARRIER_CMD_QUERY:
		return MEMBARRIER_ALL;
	case MEMBARRIER_CMD_GLOBAL:
	case MEMBARRIER_CMD_GLOBAL_EXPEDITED:
		sched_barrier(BARRIER_MEMORY, -1);
		return 0;
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED:
		return private_barrier(cmd, BARRIER_MEMORY, -1);
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE:
		return private_barrier(cmd, BARRIER_CORE, -1);
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ:
		return private_barrier(cmd, BARRIER_RSEQ, flags ? cpu : -1);
	case MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED:
	case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED:
	case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE:
	case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ:
		atomic_fetch_or(&process_current()->membarrier, (uint32_t)cmd >> 1, RELAXED);
		return 0;
	default:
		return -EINVAL;
	}
}
