/* SPDX-License-Identifier: MIT
 *
 * System calls that wait for signals, and masks that hold during a wait.
 */
#include "libc/errno.h"
#include "linux/process.h"
#include "linux/signal-priv.h"
#include "linux/syscalls.h"
#include "linux/sys-util.h"
#include "mmu/user.h"

int signal_temp_mask_begin(long mask, long size)
{
	struct task *t = task_current();
	sigmask_t set;

	if (!mask)
		return 0;
	if (size != sizeof(sigmask_t))
		return -EINVAL;
	if (user_load64((const uint64_t *)mask, &set))
		return -EFAULT;
	t->saved_mask = t->blocked;
	t->has_saved_mask = true;
	signal_set_blocked(t, set);
	return 0;
}

long signal_temp_mask_end(long result)
{
	if (result != -EINTR && result != -ERESTARTNOHAND)
		signal_restore_saved_mask();
	return result;
}

long sys_rt_sigsuspend(long mask, long size)
{
	int r = mask ? signal_temp_mask_begin(mask, size) : -EFAULT;

	if (r)
		return r;
	r = thread_wait_until("sigsuspend", false, NSEC_NEVER, WAIT_INTERRUPTIBLE);
	return signal_temp_mask_end(r == -EINTR ? -ERESTARTNOHAND : r);
}

/* Or we were told of one, which another thread may have taken meanwhile: then we are told of no more before take() asks again. */
static bool is_pending(const struct task *t, sigmask_t mask)
{
	return !READ_ONCE(t->sigwait_mask) || (READ_ONCE(t->pending.set) | READ_ONCE(t->process->pending.set)) & mask;
}

static int take(struct task *t, sigmask_t mask, sigmask_t wait_mask, struct siginfo *info)
{
	struct process *p = t->process;
	sigmask_t others;
	int sig;

	mutex_lock(&p->signal_lock);
	sig = signal_take_locked(t, mask, info);
	t->sigwait_mask = sig ? 0 : wait_mask;
	/* While we waited signals were left to us without attention: those that we do not block (which is for the program to avoid) get it now. */
	if (!t->sigwait_mask && ((t->pending.set | p->pending.set) & ~t->blocked))
		atomic_fetch_or(&t->thread->attention, ATTN_SIGNAL, RELAXED);
	others = t->sigwait_mask ? 0 : p->pending.set & mask;
	mutex_unlock(&p->signal_lock);
	/* We may have been told of one and taken another: who else waits for that one learns of it. */
	if (unlikely(others))
		signal_retarget(p, others);
	return sig;
}

long sys_rt_sigtimedwait(long set, long uinfo, long timeout, long size)
{
	struct task *t = task_current();
	nsec_t deadline = NSEC_NEVER;
	struct siginfo info;
	sigmask_t mask;
	int sig, r;

	if (size != sizeof(sigmask_t))
		return -EINVAL;
	if (user_load64((const uint64_t *)set, &mask))
		return -EFAULT;
	r = timespec_get_deadline(timeout, &deadline);
	if (r)
		return r;
	mask &= ~SIGMASK_KERNEL_ONLY;
	for (;;) {
		sig = take(t, mask, mask, &info);
		if (sig)
			break;
		r = thread_wait_until("sigwait", mask && is_pending(t, mask), deadline, WAIT_INTERRUPTIBLE);
		if (r) {
			sig = take(t, mask, 0, &info);
			if (!sig)
				return r == -ETIMEDOUT ? -EAGAIN : r;
			break;
		}
	}
	if (uinfo && copy_to_user((void *)uinfo, &info, sizeof(info)))
		return -EFAULT;
	return sig;
}
