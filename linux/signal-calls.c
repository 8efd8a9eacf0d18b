/* SPDX-License-Identifier: MIT
 *
 * System calls about signals: dispositions, masks, alternate stacks, sending.
 */
#include <arch/signal.h>

#include "fs/cred.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "linux/process.h"
#include "linux/signal-priv.h"
#include "linux/syscalls.h"
#include "mmu/user.h"

#define SIG_BLOCK	0
#define SIG_UNBLOCK	1
#define SIG_SETMASK	2

#define SA_KNOWN	(SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_RESTORER | SA_ONSTACK | SA_RESTART | SA_NODEFER | SA_RESETHAND)

static int set_action(struct process *p, int sig, const struct sigaction_k *action)
{
	struct task *t;

	if (SIGMASK(sig) & SIGMASK_KERNEL_ONLY)
		return -EINVAL;
	mutex_lock(&p->threads_lock);
	mutex_lock(&p->signal_lock);
	p->actions[sig - 1] = *action;
	p->actions[sig - 1].mask &= ~SIGMASK_KERNEL_ONLY;
	p->actions[sig - 1].flags &= SA_KNOWN;
	if (signal_is_ignored(p, sig)) {	/* what is pending of it goes (POSIX, sigaction) */
		signal_queue_remove(&p->pending, SIGMASK(sig));
		list_for_each(t, &p->threads, node)
			signal_queue_remove(&t->pending, SIGMASK(sig));
	}
	mutex_unlock(&p->signal_lock);
	mutex_unlock(&p->threads_lock);
	return 0;
}

long sys_rt_sigaction(long sig, long act, long old, long size)
{
	struct process *p = process_current();
	struct sigaction_k fresh, before;

	if (size != sizeof(sigmask_t))
		return -EINVAL;
	if (act && copy_from_user(&fresh, (const void *)act, sizeof(fresh)))
		return -EFAULT;
	if (sig < 1 || sig > NR_SIGNALS)
		return -EINVAL;
	mutex_lock(&p->signal_lock);
	before = p->actions[sig - 1];
	mutex_unlock(&p->signal_lock);
	if (act) {
		int r = set_action(p, (int)sig, &fresh);

		if (r)
			return r;
	}
	return old ? copy_to_user((void *)old, &before, sizeof(before)) : 0;
}

long sys_rt_sigprocmask(long how, long set, long old, long size)
{
	struct task *t = task_current();
	sigmask_t mask, before = t->blocked;

	if (size != sizeof(sigmask_t))
		return -EINVAL;
	if (set) {
		if (user_load64((const uint64_t *)set, &mask))
			return -EFAULT;
		if (how == SIG_BLOCK)
			mask = before | mask;
		else if (how == SIG_UNBLOCK)
			mask = before & ~mask;
		else if (how != SIG_SETMASK)
			return -EINVAL;
		if (mask != before)
			signal_set_blocked(t, mask);
	}
	return old ? user_store64((uint64_t *)old, before) : 0;
}

long sys_rt_sigpending(long set, long size)
{
	struct task *t = task_current();
	struct process *p = t->process;
	sigmask_t mask;

	if ((unsigned long)size > sizeof(sigmask_t))
		return -EINVAL;
	mutex_lock(&p->signal_lock);
	mask = (t->pending.set | p->pending.set) & t->blocked;
	mutex_unlock(&p->signal_lock);
	return copy_to_user((void *)set, &mask, (size_t)size);
}

/* ---- alternate stack (sigaltstack(2)) -------------------------------------------------------------------------------- */

struct stack_k {
	uint64_t sp;
	int32_t flags, pad;
	uint64_t size;
};

long sys_sigaltstack(long fresh, long old)
{
	struct task *t = task_current();
	vaddr_t sp = arch_user_sp();
	bool is_on = !(t->alt_flags & (SS_DISABLE | SS_AUTODISARM)) && sp > t->alt_sp && sp - t->alt_sp <= t->alt_size;
	struct stack_k before = { .sp = t->alt_sp, .size = t->alt_size }, s;

	before.flags = (int)t->alt_flags | (is_on ? SS_ONSTACK : 0);
	if (fresh) {
		uint32_t mode;

		if (copy_from_user(&s, (const void *)fresh, sizeof(s)))
			return -EFAULT;
		if (is_on)
			return -EPERM;
		mode = (uint32_t)s.flags & ~SS_AUTODISARM;
		if (mode != 0 && mode != SS_ONSTACK && mode != SS_DISABLE)
			return -EINVAL;
		if (mode == SS_DISABLE)
			s.sp = s.size = 0;
		else if (s.size < ARCH_MIN_ALTSTACK)
			return -ENOMEM;
		t->alt_sp = s.sp;
		t->alt_size = s.size;
		t->alt_flags = (uint32_t)s.flags & ~(uint32_t)SS_ONSTACK;
	}
	return old ? copy_to_user((void *)old, &before, sizeof(before)) : 0;
}

/* ---- sending ------------------------------------------------------------------------------------------------------------ */

static struct siginfo from_us(int code)
{
	struct process *p = process_current();

	return (struct siginfo){ .code = code, .kill = { .pid = p->pid, .uid = cred_current()->uid } };
}

long sys_kill(long pid_arg, long sig_arg)
{
	int pid = (int)pid_arg, sig = (int)sig_arg;
	struct process *p = process_current();
	struct siginfo info = from_us(SI_USER);

	if (sig < 0 || sig > NR_SIGNALS)
		return -EINVAL;
	if (pid > 0 && pid != p->pid) {
		struct task *t = task_find(pid);

		if (!t)
			return -ESRCH;
		task_put(t);
	} else if (pid == -1 || (pid < -1 && -pid != p->pgid)) {
		return -ESRCH;	/* "all others": there are none */
	}
	return sig ? signal_send_process(p, sig, &info) : 0;
}

static long send_to_thread(int tgid, int tid, int sig, const struct siginfo *info)
{
	struct task *t;
	long r = 0;

	if (tid <= 0 || sig < 0 || sig > NR_SIGNALS)
		return -EINVAL;
	t = task_find(tid);
	if (!t)
		return -ESRCH;
	if (t->is_dead || (tgid > 0 && t->process->pid != tgid))
		r = -ESRCH;
	else if (sig)
		r = signal_send_task(t, sig, info);
	task_put(t);
	return r;
}

long sys_tkill(long tid, long sig)
{
	struct siginfo info = from_us(SI_TKILL);

	return send_to_thread(0, (int)tid, (int)sig, &info);
}

long sys_tgkill(long tgid, long tid, long sig)
{
	struct siginfo info = from_us(SI_TKILL);

	if ((int)tgid <= 0)
		return -EINVAL;
	return send_to_thread((int)tgid, (int)tid, (int)sig, &info);
}

static long queued_info(long uinfo, long sig, struct siginfo *info)
{
	if (copy_from_user(info, (const void *)uinfo, sizeof(*info)))
		return -EFAULT;
	info->signo = (int)sig;
	return 0;
}

long sys_rt_sigqueueinfo(long pid, long sig, long uinfo)
{
	struct process *p = process_current();
	struct siginfo info;
	long r = queued_info(uinfo, sig, &info);

	if (r)
		return r;
	if ((int)sig < 0 || (int)sig > NR_SIGNALS)
		return -EINVAL;
	if ((int)pid != p->pid && !process_pid_exists((int)pid))
		return -ESRCH;
	return (int)sig ? signal_send_process(p, (int)sig, &info) : 0;
}

long sys_rt_tgsigqueueinfo(long tgid, long tid, long sig, long uinfo)
{
	struct siginfo info;
	long r = queued_info(uinfo, sig, &info);

	if (r)
		return r;
	if ((int)tgid <= 0)
		return -EINVAL;
	return send_to_thread((int)tgid, (int)tid, (int)sig, &info);
}

/* Calls are restarted in the kernel; nobody gets here but by hand. */
long sys_restart_syscall(void)
{
	return -EINTR;
}
