/* SPDX-License-Identifier: MIT
 *
 * Taking pending signals on the way back to the application: handlers get a frame on the application's stack, defaults are carried out here.
 *
 * A stop (SIGSTOP, SIGTSTP, ...) has no effect: there is no parent that could let the program continue, so it counts as stopped and continued at once.
 */
#include <arch/signal.h>

#include "libc/errno.h"
#include "libc/print.h"
#include "linux/config.h"
#include "linux/crash.h"
#include "linux/process.h"
#include "linux/rseq.h"
#include "linux/signal-priv.h"
#include "linux/strace.h"
#include "linux/syscalls.h"
#include "linux/vdso.h"
#include "linux/veneer.h"

static bool is_on_altstack(const struct task *t, vaddr_t sp)
{
	/* With SS_AUTODISARM the stack is switched off while a handler runs on it, so nobody is ever "on" it. */
	return !(t->alt_flags & (SS_DISABLE | SS_AUTODISARM)) && sp > t->alt_sp && sp - t->alt_sp <= t->alt_size;
}

static int push_handler(struct frame *f, struct task *t, const struct sigaction_k *a, const struct siginfo *info)
{
	int sig = info->signo, r;
	struct arch_signal s = {
		.signo = sig, .siginfo = info, .handler = a->handler,
		.restorer = a->flags & SA_RESTORER ? a->restorer : vdso_sigreturn(t->process->vdso),
		.mask = t->has_saved_mask ? t->saved_mask : t->blocked,
		.alt_sp = t->alt_sp, .alt_size = t->alt_size, .alt_flags = (int)t->alt_flags,
	};

	veneer_hide(f);
	rseq_before_handler(f);
	if (is_on_altstack(t, frame_sp(f)))
		s.alt_flags |= SS_ONSTACK;
	else if ((a->flags & SA_ONSTACK) && !(t->alt_flags & SS_DISABLE))
		s.stack_top = t->alt_sp + t->alt_size;
	if (SIGMASK(sig) & SIGMASK_SYNCHRONOUS) {
		s.fault_address = t->fault_address;
		s.fault_code = t->fault_code;
	}
	r = arch_signal_push(f, &s);
	if (r)
		return r;
	if (s.stack_top && (t->alt_flags & SS_AUTODISARM)) {
		t->alt_sp = t->alt_size = 0;
		t->alt_flags = SS_DISABLE;
	}
	t->has_saved_mask = false;
	signal_set_blocked(t, t->blocked | a->mask | (a->flags & SA_NODEFER ? 0 : SIGMASK(sig)));
	return 0;
}

/* The program ends by sig. The first thread that gets here says why. */
_Noreturn static void die(const struct frame *f, int sig, const struct siginfo *info)
{
	static uint32_t is_reported;
	bool has_core = SIGMASK(sig) & SIGMASK_CORE;

	if (has_core && !atomic_exchange(&is_reported, 1u, RELAXED))
		crash_report(f, sig, info);
	process_exit(sig | (has_core ? 0x80 : 0));
}

/* The next signal for this thread, with what is to be done about it. */
static int take(struct task *t, struct siginfo *info, struct sigaction_k *action)
{
	struct process *p = t->process;
	int sig;

	mutex_lock(&p->signal_lock);
	sig = signal_take_locked(t, ~t->blocked, info);
	if (sig) {
		*action = p->actions[sig - 1];
		if ((action->flags & SA_RESETHAND) && action->handler > SIG_IGN)
			p->actions[sig - 1].handler = SIG_DFL;
	}
	mutex_unlock(&p->signal_lock);
	return sig;
}

bool signal_deliver(struct frame *f)
{
	struct task *t = task_current();
	struct sigaction_k action;
	struct siginfo info;
	bool has_handler = false;
	int sig;

	while ((sig = take(t, &info, &action)) != 0) {
		if (unlikely(linux_config.strace))
			strace_signal(&info);
		if (action.handler == SIG_IGN)
			continue;
		if (action.handler == SIG_DFL) {
			if (SIGMASK(sig) & (SIGMASK_IGNORED | SIGMASK_STOP))
				continue;
			die(f, sig, &info);
		}
		syscall_before_handler(f, action.flags & SA_RESTART);
		has_handler = true;
		if (push_handler(f, t, &action, &info)) {
			if (sig == SIGSEGV)
				die(f, sig, &info);
			signal_force(SIGSEGV, NULL);
		}
	}
	return has_handler;
}

void signal_restore_saved_mask(void)
{
	struct task *t = task_current();

	if (t->has_saved_mask) {
		t->has_saved_mask = false;
		signal_set_blocked(t, t->saved_mask);
	}
}

void signal_exec_reset(struct process *p, struct task *t)
{
	mutex_lock(&p->signal_lock);
	for (int i = 0; i < NR_SIGNALS; i++) {
		uint64_t handler = p->actions[i].handler;

		p->actions[i] = (struct sigaction_k){ .handler = handler == SIG_IGN ? SIG_IGN : SIG_DFL };
	}
	signal_queue_remove_timers(&p->pending);
	signal_queue_remove_timers(&t->pending);
	mutex_unlock(&p->signal_lock);
	t->alt_sp = t->alt_size = 0;
	t->alt_flags = SS_DISABLE;
}

long sys_rt_sigreturn(struct frame *f)
{
	struct task *t = task_current();
	uint64_t mask, alt_size;
	vaddr_t alt_sp;
	int alt_flags;

	f->syscall_nr = -1;
	if (arch_signal_pop(f, &mask, &alt_sp, &alt_size, &alt_flags)) {
		log_line("a signal handler returned to a damaged frame at %#lx", (unsigned long)frame_sp(f));
		signal_force(SIGSEGV, NULL);
		return 0;
	}
	if (!is_on_altstack(t, frame_sp(f))) {
		t->alt_sp = alt_sp;
		t->alt_size = alt_size;
		t->alt_flags = (uint32_t)alt_flags & ~(uint32_t)SS_ONSTACK;
	}
	signal_set_blocked(t, mask);
	return 0;
}
