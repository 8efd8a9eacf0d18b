/* SPDX-License-Identifier: MIT
 *
 * Sending: queue the signal, then give attention to a thread that will take it. Locks: threads_lock, then signal_lock.
 *
 * A thread takes signals in linux_attention() only. Attention is set whenever a pending signal may have become deliverable for a thread: when it is queued, when the
 * thread unblocks it, when another thread that should have taken it blocks it or ends.
 */
#include "fs/cred.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "linux/config.h"
#include "linux/process.h"
#include "linux/signal-priv.h"
#include "sched/waitq.h"

static const struct siginfo from_kernel = { .code = SI_KERNEL };

bool signal_is_ignored(const struct process *p, int sig)
{
	uint64_t handler = p->actions[sig - 1].handler;

	return handler == SIG_IGN || (handler == SIG_DFL && (SIGMASK(sig) & SIGMASK_IGNORED));
}

/* Would t take it? It does not block it, or sleeps in rt_sigtimedwait for it. */
static bool wants(const struct task *t, int sig)
{
	return !(t->blocked & ~t->sigwait_mask & SIGMASK(sig));
}

/* Tell t, which wants it, to take the signal. Who sleeps in rt_sigtimedwait takes one and is told of one: the next is for others. */
static void notify(struct task *t, int sig)
{
	if (t->sigwait_mask & SIGMASK(sig)) {
		WRITE_ONCE(t->sigwait_mask, 0);
		thread_wake(t->thread);
	} else {
		thread_set_attention(t->thread, ATTN_SIGNAL);
	}
}

/*
 * Both locks held. A signal to the process goes to the first thread that wants it and has not been told of another: two signals wake two threads. If all have been told, they will find this one too.
 */
static void give_attention(struct process *p, struct task *only, int sig)
{
	struct task *t;

	if (only) {
		if (wants(only, sig))
			notify(only, sig);
		return;
	}
	list_for_each(t, &p->threads, node) {
		if (wants(t, sig) && !(atomic_load(&t->thread->attention, RELAXED) & ATTN_SIGNAL)) {
			notify(t, sig);
			return;
		}
	}
}

/*
 * A signal that is ignored is not queued, unless it is blocked or waited for: the disposition may change before it is taken. A program that is traced gets it, as on Linux:
 * strace shows it.
 */
static bool is_dropped(const struct process *p, const struct task *t, int sig)
{
	if (!t && list_is_empty(&p->threads))
		return true;
	if (!t)
		t = list_first(&p->threads, struct task, node);
	return signal_is_ignored(p, sig) && !(t->blocked & SIGMASK(sig)) && !(t->sigwait_mask & SIGMASK(sig)) && !linux_config.strace;
}

/* Stop and continue cancel each other. */
static void cancel_opposite(struct process *p, int sig)
{
	sigmask_t gone = sig == SIGCONT ? SIGMASK_STOP : (SIGMASK(sig) & SIGMASK_STOP) ? SIGMASK(SIGCONT) : 0;
	struct task *t;

	if (!gone)
		return;
	signal_queue_remove(&p->pending, gone);
	list_for_each(t, &p->threads, node)
		signal_queue_remove(&t->pending, gone);
}

int signal_send_locked(struct process *p, struct task *t, int sig, const struct siginfo *info)
{
	unsigned limit;
	int r;

	if (sig < 1 || sig > NR_SIGNALS)
		return -EINVAL;
	cancel_opposite(p, sig);
	if (is_dropped(p, t, sig) || (t && t->is_dead))
		return 1;
	limit = (unsigned)MIN(p->rlimits[RLIMIT_SIGPENDING].cur, 1ul << 20);
	r = signal_queue_add(t ? &t->pending : &p->pending, sig, info, limit);
	if (r >= 0)
		give_attention(p, t, sig);
	return r;
}

bool signal_send_entry_locked(struct process *p, struct task *t, struct signal_entry *e)
{
	int sig = e->info.signo;

	cancel_opposite(p, sig);
	if (t && t->is_dead)
		return true;
	if (is_dropped(p, t, sig))
		return false;
	if (e->is_queued) {
		e->info.timer.overrun++;
		return true;
	}
	e->info.timer.overrun = 0;
	signal_queue_put(t ? &t->pending : &p->pending, e);
	give_attention(p, t, sig);
	return true;
}

static int send(struct process *p, struct task *t, int sig, const struct siginfo *info)
{
	int r;

	mutex_lock(&p->threads_lock);
	mutex_lock(&p->signal_lock);
	r = signal_send_locked(p, t, sig, info ? info : &from_kernel);
	mutex_unlock(&p->signal_lock);
	mutex_unlock(&p->threads_lock);
	if (r == 0)
		waitq_wake_all(&p->signal_waitq, 0);
	return r < 0 ? r : 0;
}

int signal_send_process(struct process *p, int sig, const struct siginfo *info)
{
	return send(p, NULL, sig, info);
}

int signal_send_task(struct task *t, int sig, const struct siginfo *info)
{
	return send(t->process, t, sig, info);
}

void signal_retarget(struct process *p, sigmask_t set)
{
	mutex_lock(&p->threads_lock);
	mutex_lock(&p->signal_lock);
	for (set &= p->pending.set; set; set &= set - 1)
		give_attention(p, NULL, __builtin_ctzll(set) + 1);
	mutex_unlock(&p->signal_lock);
	mutex_unlock(&p->threads_lock);
}

void signal_set_blocked(struct task *t, sigmask_t blocked)
{
	struct process *p = t->process;
	sigmask_t fresh, pending;

	blocked &= ~SIGMASK_KERNEL_ONLY;
	mutex_lock(&p->signal_lock);
	fresh = blocked & ~t->blocked & p->pending.set;
	t->blocked = blocked;
	pending = (t->pending.set | p->pending.set) & ~blocked;
	mutex_unlock(&p->signal_lock);
	if (pending)
		atomic_fetch_or(&t->thread->attention, ATTN_SIGNAL, RELAXED);	/* our own: looked at before the return */
	if (unlikely(fresh))
		signal_retarget(p, fresh);
}

int signal_take_locked(struct task *t, sigmask_t mask, struct siginfo *out)
{
	struct process *p = t->process;
	int sig = signal_queue_take(&t->pending, mask, out);

	if (!sig)
		sig = signal_queue_take(&p->pending, mask, out);
	if (sig && out->code == SI_TIMER && out->timer.setting)
		sigtimers_dequeued(p, out);
	if (sig == SIGALRM)
		sigtimers_alarm_taken(p);
	return sig;
}

void signal_task_exit(struct task *t)
{
	struct process *p = t->process;
	sigmask_t could_take;

	mutex_lock(&p->signal_lock);
	could_take = ~t->blocked;
	t->blocked = ~0ull;
	signal_queue_remove(&t->pending, ~0ull);
	mutex_unlock(&p->signal_lock);
	if (READ_ONCE(p->pending.set) & could_take)
		signal_retarget(p, could_take);
}

void signal_force(int sig, const struct siginfo *info)
{
	struct task *t = task_current();
	struct process *p = t->process;
	struct sigaction_k *a = &p->actions[sig - 1];

	mutex_lock(&p->signal_lock);
	if (a->handler == SIG_IGN || (t->blocked & SIGMASK(sig))) {
		a->handler = SIG_DFL;
		t->blocked &= ~SIGMASK(sig);
	}
	signal_queue_remove(&t->pending, SIGMASK(sig));
	/* With a limit of 0 entries a standard signal is pending all the same, only without its siginfo. */
	if (signal_queue_add(&t->pending, sig, info ? info : &from_kernel, ~0u) < 0)
		t->forced.signo = 0;
	mutex_unlock(&p->signal_lock);
	atomic_fetch_or(&t->thread->attention, ATTN_SIGNAL, RELAXED);
}

long signal_pipe(long r)
{
	if (unlikely(r == -EPIPE)) {
		struct siginfo info = { .code = SI_USER, .kill = { .pid = process_current()->pid, .uid = cred_current()->uid } };
		int sent = signal_send_task(task_current(), SIGPIPE, &info);

		return sent < 0 ? sent : r;
	}
	return r;
}
