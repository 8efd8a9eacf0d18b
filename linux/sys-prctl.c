// SPDX-License-Identifier: MIT
/*
 * prctl(2). Options that a machine or a kernel need not have are refused as by a Linux without them:
 * EINVAL. Those about capabilities are in capability.c. What is only kept: the subreaper, I/O flusher and machine-check flags.
 */
#include "libc/string.h"
#include "linux/capability.h"
#include "linux/signal.h"
#include "linux/sys-util.h"
#include "mmu/user.h"

enum {
	PR_SET_PDEATHSIG = 1,
	PR_GET_PDEATHSIG = 2,
	PR_GET_DUMPABLE = 3,
	PR_SET_DUMPABLE = 4,
	PR_GET_TIMING = 13,
	PR_SET_TIMING = 14,
	PR_SET_NAME = 15,
	PR_GET_NAME = 16,
	PR_GET_SECCOMP = 21,
	PR_SET_TIMERSLACK = 29,
	PR_GET_TIMERSLACK = 30,
	PR_TASK_PERF_EVENTS_DISABLE = 31,
	PR_TASK_PERF_EVENTS_ENABLE = 32,
	PR_MCE_KILL = 33,
	PR_MCE_KILL_GET = 34,
	PR_SET_CHILD_SUBREAPER = 36,
	PR_GET_CHILD_SUBREAPER = 37,
	PR_SET_NO_NEW_PRIVS = 38,
	PR_GET_NO_NEW_PRIVS = 39,
	PR_GET_TID_ADDRESS = 40,
	PR_SET_THP_DISABLE = 41,
	PR_GET_THP_DISABLE = 42,
	PR_GET_SPECULATION_CTRL = 52,
	PR_SET_MM = 35,
	PR_SET_SPECULATION_CTRL = 53,
	PR_SET_IO_FLUSHER = 57,
	PR_GET_IO_FLUSHER = 58,
};
enum { PR_MCE_KILL_CLEAR, PR_MCE_KILL_SET };

static long prctl_name(bool set, long ptr)
{
	struct thread *t = thread_current();
	char name[THREAD_NAME_LEN] = { 0 };
	ssize_t n;

	if (!set)
		return copy_to_user((void *)ptr, t->name, sizeof(t->name));
	n = strncpy_from_user(name, (const char *)ptr, sizeof(name) - 1);
	if (n < 0 && n != -ENAMETOOLONG)
		return n;
	name[sizeof(name) - 1] = 0;
	memcpy(t->name, name, sizeof(name));
	return 0;
}

/* ---- the process and the thread ---------------------------------------------------------------- */

static long set_mce_policy(struct process *p, unsigned long what, unsigned long policy, unsigned long c, unsigned long d)
{
	if (c || d || what > PR_MCE_KILL_SET || policy > (what == PR_MCE_KILL_SET ? PROCESS_MCE_DEFAULT : 0))
		return -EINVAL;
	atomic_store(&p->mce_policy, what == PR_MCE_KILL_SET ? (uint32_t)policy : PROCESS_MCE_DEFAULT, RELAXED);
	return 0;
}

static long prctl_process(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	struct process *p = process_current();

	switch (option) {
	case PR_GET_DUMPABLE:
		return (long)atomic_load(&p->dumpable, RELAXED);
	case PR_SET_DUMPABLE:
		if (a > 1)
			return -EINVAL;
		atomic_store(&p->dumpable, (uint32_t)a, RELAXED);
		return 0;
	case PR_SET_THP_DISABLE:
		if (b || c || d)
			return -EINVAL;
		atomic_store(&p->thp_disable, a != 0, RELAXED);
		return 0;
	case PR_GET_THP_DISABLE:
		return a || b || c || d ? -EINVAL : (long)p->thp_disable;
	case PR_SET_CHILD_SUBREAPER:
		atomic_store(&p->is_subreaper, a != 0, RELAXED);
		return 0;
	case PR_GET_CHILD_SUBREAPER:
		return user_store32((uint32_t *)a, atomic_load(&p->is_subreaper, RELAXED));
	case PR_MCE_KILL:
		return set_mce_policy(p, a, b, c, d);
	case PR_MCE_KILL_GET:
		return a || b || c || d ? -EINVAL : (long)atomic_load(&p->mce_policy, RELAXED);
	case PR_SET_IO_FLUSHER:
		if (a > 1 || b || c || d)
			return -EINVAL;
		atomic_store(&p->is_io_flusher, (uint32_t)a, RELAXED);
		return 0;
	case PR_GET_IO_FLUSHER:
		return a || b || c || d ? -EINVAL : (long)atomic_load(&p->is_io_flusher, RELAXED);
	}
	return -EINVAL;
}

static long prctl_thread(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	struct task *t = task_current();

	switch (option) {
	case PR_SET_NAME:
	case PR_GET_NAME:
		return prctl_name(option == PR_SET_NAME, (long)a);
	case PR_SET_PDEATHSIG:
		if (a > NR_SIGNALS)
			return -EINVAL;
		t->pdeath_signal = (int)a;
		return 0;
	case PR_GET_PDEATHSIG:
		return user_store32((uint32_t *)a, (uint32_t)t->pdeath_signal);
	case PR_SET_TIMERSLACK:
		if (!thread_priority(t->thread))	/* of a realtime thread it is 0 and stays so */
			t->thread->slack_ns = (long)a > 0 ? (uint32_t)MIN(a, (unsigned long)UINT32_MAX) : t->default_slack_ns;
		return 0;
	case PR_GET_TIMERSLACK:
		return (long)t->thread->slack_ns;
	case PR_SET_NO_NEW_PRIVS:
		if (a != 1 || b || c || d)
			return -EINVAL;
		t->no_new_privs = true;
		return 0;
	case PR_GET_NO_NEW_PRIVS:
		return a || b || c || d ? -EINVAL : t->no_new_privs;
	case PR_GET_TID_ADDRESS:
		return user_store64((uint64_t *)a, t->clear_child_tid);
	case PR_SET_TIMING:
		return a ? -EINVAL : 0;
	case PR_GET_SPECULATION_CTRL:	/* of what there is (store bypass): not affected */
		return b || c || d ? -EINVAL : a ? -ENODEV : 0;
	case PR_SET_MM:
		return capable(CAP_SYS_RESOURCE) ? -EINVAL : -EPERM;	/* no part of the process can be moved */
	case PR_SET_SPECULATION_CTRL:
		return c || d ? -EINVAL : a ? -ENODEV : -ENXIO;
	case PR_GET_TIMING:
	case PR_GET_SECCOMP:
	case PR_TASK_PERF_EVENTS_DISABLE:
	case PR_TASK_PERF_EVENTS_ENABLE:
		return 0;
	}
	return prctl_process(option, a, b, c, d);
}

long sys_prctl(long option, long a, long b, long c, long d)
{
	long r = capability_prctl((int)option, (unsigned long)a, (unsigned long)b, (unsigned long)c, (unsigned long)d);

	return r != -ENOSYS ? r : prctl_thread((int)option, (unsigned long)a, (unsigned long)b, (unsigned long)c, (unsigned long)d);
}

/* ---- ioprio_get(2), ioprio_set(2): kept and shown, nothing here has a queue of requests ---------- */

enum { IOPRIO_WHO_PROCESS = 1, IOPRIO_WHO_PGRP, IOPRIO_WHO_USER };
enum { IOPRIO_CLASS_NONE, IOPRIO_CLASS_RT, IOPRIO_CLASS_BE, IOPRIO_CLASS_IDLE };
#define IOPRIO_CLASS_SHIFT	13
#define IOPRIO_DEFAULT		(IOPRIO_CLASS_BE << IOPRIO_CLASS_SHIFT | 4u)

struct io_visit {
	bool is_set;
	uint32_t value, best;
};

static bool visit(struct task *t, void *arg)
{
	struct io_visit *v = arg;
	uint32_t now;

	if (v->is_set)
		atomic_store(&t->io_priority, v->value, RELAXED);
	now = atomic_load(&t->io_priority, RELAXED);
	v->best = MIN(v->best, now ? now : IOPRIO_DEFAULT);
	return true;
}

/* -EINVAL, -ESRCH, or 0 and v->best: for a thread its own value, else the best (smallest) of all. */
static long io_priority(long which, long who, struct io_visit *v)
{
	struct process *p = process_current();
	struct task *t;

	v->best = UINT32_MAX;
	if (which == IOPRIO_WHO_PROCESS) {
		t = task_get(p, who ? (int)who : task_current()->tid);
		if (!t)
			return -ESRCH;
		(void)visit(t, v);
		v->best = atomic_load(&t->io_priority, RELAXED);
		task_put(t);
		return 0;
	}
	if (which != IOPRIO_WHO_PGRP && which != IOPRIO_WHO_USER)
		return -EINVAL;
	if (which == IOPRIO_WHO_PGRP ? who && (int)who != p->pgid : who && (uint32_t)who != cred_current()->uid)
		return -ESRCH;
	process_for_each_task(p, visit, v);
	return 0;
}

long sys_ioprio_get(long which, long who)
{
	struct io_visit v = { .is_set = false };
	long r = io_priority((int)which, (int)who, &v);

	return r ? r : (long)v.best;
}

long sys_ioprio_set(long which, long who, long value)
{
	struct io_visit v = { .is_set = true, .value = (uint32_t)value & 0xffff };

	switch ((int)value >> IOPRIO_CLASS_SHIFT) {
	case IOPRIO_CLASS_RT:
		if (!capable(CAP_SYS_ADMIN) && !capable(CAP_SYS_NICE))
			return -EPERM;
		break;
	case IOPRIO_CLASS_BE:
	case IOPRIO_CLASS_IDLE:
		break;
	case IOPRIO_CLASS_NONE:
		if (v.value)
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}
	return io_priority((int)which, (int)who, &v);
}
