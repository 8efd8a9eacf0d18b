// SPDX-License-Identifier: MIT
/* System calls about scheduling: policy, priority, affinity. */
#include "libc/string.h"
#include "linux/futex.h"
#include "linux/sys-util.h"
#include "sched/cpu.h"

#define MASK_WORDS	(MAX_CPUS / 64)

/* The thread that pid names (0: the caller), with a reference. */
static struct thread *thread_of(long pid)
{
	struct thread *thread;
	struct task *t;

	if (!pid) {
		thread_get(thread_current());
		return thread_current();
	}
	t = task_get(process_current(), (int)pid);
	if (!t)
		return NULL;
	thread = t->thread;
	thread_get(thread);
	task_put(t);
	return thread;
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

long sys_sched_setaffinity(long pid, long size, long ptr)
{
	uint64_t mask[MASK_WORDS] = { 0 };
	struct thread *t;
	long r;

	if (copy_from_user(mask, (const void *)ptr, MIN((size_t)(uint32_t)size, sizeof(mask))))
		return -EFAULT;
	t = thread_of(pid);
	if (!t)
		return -ESRCH;
	r = thread_set_affinity(t, mask, MASK_WORDS);
	thread_put(t);
	return r;
}

/* Returns the bytes written, as the raw call does. */
long sys_sched_getaffinity(long pid, long size, long ptr)
{
	size_t needed = ALIGN_UP(DIV_ROUND_UP((size_t)nr_cpus, 8), 8);
	uint64_t mask[MASK_WORDS] = { 0 };
	size_t n = (uint32_t)size;
	struct thread *t;

	if (n < needed || n & 7)
		return -EINVAL;
	t = thread_of(pid);
	if (!t)
		return -ESRCH;
	thread_get_affinity(t, mask, MASK_WORDS);
	thread_put(t);
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

static long set_policy(long pid, int policy, int priority)
{
	struct thread *t;
	long r;

	policy &= ~SCHED_RESET_ON_FORK;
	if (pid < 0 || !is_policy(policy) || (is_rt(policy) ? priority < 1 || priority > 99 : priority != 0))
		return -EINVAL;
	t = thread_of(pid);
	if (!t)
		return -ESRCH;
	r = thread_set_policy(t, (enum thread_policy)policy, priority);
	futex_pi_priority_changed(t);
	thread_put(t);
	return r;
}

static long get_policy(long pid, int *policy, int *priority, int *nice)
{
	enum thread_policy p;
	struct thread *t;

	if (pid < 0)
		return -EINVAL;
	t = thread_of(pid);
	if (!t)
		return -ESRCH;
	thread_get_policy(t, &p, priority);
	*nice = thread_get_nice(t);
	thread_put(t);
	*policy = (int)p;
	return 0;
}

long sys_sched_setscheduler(long pid, long policy, long param)
{
	uint32_t priority;

	if (!param)
		return -EINVAL;
	if (user_load32((const uint32_t *)param, &priority))
		return -EFAULT;
	return set_policy(pid, (int)policy, (int)priority);
}

long sys_sched_setparam(long pid, long param)
{
	int policy, old, nice;
	uint32_t priority;
	long r;

	if (!param)
		return -EINVAL;
	if (user_load32((const uint32_t *)param, &priority))
		return -EFAULT;
	r = get_policy(pid, &policy, &old, &nice);
	return r ? r : set_policy(pid, policy, (int)priority);
}

long sys_sched_getscheduler(long pid)
{
	int policy, priority, nice;
	long r = get_policy(pid, &policy, &priority, &nice);

	return r ? r : policy;
}

long sys_sched_getparam(long pid, long param)
{
	int policy, priority, nice;
	long r = get_policy(pid, &policy, &priority, &nice);

	if (!param)
		return -EINVAL;
	return r ? r : user_store32((uint32_t *)param, (uint32_t)priority);
}

/* struct sched_attr, first version (sched_setattr(2)). */
struct sched_attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

long sys_sched_setattr(long pid, long ptr, long flags)
{
	struct sched_attr a;
	struct thread *t;
	long r;

	if (!ptr || flags)
		return -EINVAL;
	if (copy_from_user(&a, (const void *)ptr, sizeof(a)))
		return -EFAULT;
	if (a.size && a.size < sizeof(a))
		return -EINVAL;
	r = set_policy(pid, (int)a.policy, (int)a.priority);
	if (r || is_rt((int)a.policy))
		return r;
	t = thread_of(pid);
	if (!t)
		return -ESRCH;
	r = thread_set_nice(t, MAX(-20, MIN(19, a.nice)));
	thread_put(t);
	return r;
}

long sys_sched_getattr(long pid, long ptr, long size, long flags)
{
	struct sched_attr a = { .size = sizeof(a) };
	int policy, priority, nice;
	long r;

	if (!ptr || flags || (uint32_t)size < sizeof(a))
		return -EINVAL;
	r = get_policy(pid, &policy, &priority, &nice);
	if (r)
		return r;
	a.policy = (uint32_t)policy;
	a.priority = (uint32_t)priority;
	a.nice = nice;
	return copy_to_user((void *)ptr, &a, sizeof(a));
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
	int policy, priority, nice;
	long r = get_policy(pid, &policy, &priority, &nice);

	if (r)
		return r;
	return timespec_put(ptr, policy == POLICY_RR ? 100 * NSEC_PER_MSEC : policy == POLICY_FIFO ? 0 : 10 * NSEC_PER_MSEC);
}

#define PRIO_PROCESS	0
#define PRIO_PGRP	1
#define PRIO_USER	2

static bool set_nice_of(struct task *t, void *nice)
{
	thread_set_nice(t->thread, *(int *)nice);
	return true;
}

long sys_setpriority(long which, long who, long nice_arg)
{
	int nice = MAX(-20, MIN(19, (int)nice_arg));
	struct thread *t;
	long r;

	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	if (which != PRIO_PROCESS) {
		process_for_each_task(process_current(), set_nice_of, &nice);
		return 0;
	}
	t = thread_of(who);
	if (!t)
		return -ESRCH;
	r = thread_set_nice(t, nice);
	thread_put(t);
	return r;
}

/* The raw call returns 20 - nice, so that no result looks like an error. */
long sys_getpriority(long which, long who)
{
	struct thread *t;
	long r;

	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	t = thread_of(which == PRIO_PROCESS ? who : 0);
	if (!t)
		return -ESRCH;
	r = 20 - thread_get_nice(t);
	thread_put(t);
	return r;
}

#define MEMBARRIER_CMD_QUERY				0
#define MEMBARRIER_CMD_GLOBAL				1
#define MEMBARRIER_CMD_GLOBAL_EXPEDITED			2
#define MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED	4
#define MEMBARRIER_CMD_PRIVATE_EXPEDITED		8
#define MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED	16

/*
 * A full barrier on every CPU: the calling thread visits each and executes one there. A barrier orders the accesses of the whole CPU, also those of the thread that it
 * displaced (Arm ARM B2.3.10), and a CPU that comes on line later has passed one. Slow, but nobody waits for an answer and nothing new is needed.
 */
static void barrier_everywhere(void)
{
	uint64_t mine[MASK_WORDS], one[MASK_WORDS];

	thread_get_affinity(thread_current(), mine, MASK_WORDS);
	for (unsigned i = 0; i < nr_cpus; i++) {
		memset(one, 0, sizeof(one));
		one[i / 64] = 1ull << (i % 64);
		if (thread_set_affinity(thread_current(), one, MASK_WORDS) == 0)
			atomic_fence(SEQ_CST);	/* accesses before the call against those after it, on CPU i. Pairs: compiler barriers of the program */
	}
	if (thread_set_affinity(thread_current(), mine, MASK_WORDS))
		atomic_fence(SEQ_CST);		/* mine was valid before: cannot fail */
}

long sys_membarrier(long cmd, long flags)
{
	if (flags)
		return -EINVAL;
	switch (cmd) {
	case MEMBARRIER_CMD_QUERY:
		return 31;
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED:
		if (!(atomic_load(&process_current()->membarrier, RELAXED) & MEMBARRIER_CMD_PRIVATE_EXPEDITED))
			return -EPERM;
		__attribute__((fallthrough));
	case MEMBARRIER_CMD_GLOBAL:
	case MEMBARRIER_CMD_GLOBAL_EXPEDITED:
		barrier_everywhere();
		return 0;
	case MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED:
	case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED:
		atomic_fetch_or(&process_current()->membarrier, (uint32_t)cmd >> 1, RELAXED);
		return 0;
	default:
		return -EINVAL;
	}
}
