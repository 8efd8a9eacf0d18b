/* SPDX-License-Identifier: MIT
 *
 * Ends of threads and processes. A thread that ends while others live wakes who joins it (clear_child_tid) and marks the robust mutexes it holds; the last
 * one closes the files and leaves the machine.
 */
#include "fs/file.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "linux/config.h"
#include "linux/futex.h"
#include "linux/linux.h"
#include "linux/process.h"
#include "linux/signal-priv.h"
#include "linux/strace.h"
#include "linux/syscalls.h"
#include "mmu/user.h"

/* The status of the virtual machine: as a shell has it. */
static int shell_status(int status)
{
	int sig = status & 0x7f;

	return sig ? 128 + sig : (status >> 8) & 0xff;
}

_Noreturn static void end_process(struct process *p)
{
	int status = shell_status(p->exit_status);

	sigtimers_stop(p);
	fdtable_put(p->files);
	board_exit(status);
}

/*
 * Take the current thread off its process. True: it was the last one. When all threads end one by one the process has the status of the last one (since Linux 5.19;
 * before, of its first).
 */
static bool leave_process(struct task *t, struct process *p, int status)
{
	struct thread_times times;
	bool is_last;

	thread_times(t->thread, &times);
	mutex_lock(&p->threads_lock);
	list_del(&t->node);
	t->is_dead = true;
	p->dead_user_ns += times.user_ns;
	p->dead_system_ns += times.system_ns;
	p->dead_fast_calls += t->thread->arch.nr_fast_calls;
	/* The address space may go as soon as the process does not count this thread: switched away from, it must not be switched to with it. */
	if (p->nr_threads > 1)
		t->thread->aspace = NULL;
	is_last = --p->nr_threads == 0;
	if (is_last && !p->is_exiting)
		p->exit_status = status;
	if (p->nr_threads == 1 && p->exec_waiter)
		thread_wake(p->exec_waiter);
	mutex_unlock(&p->threads_lock);
	return is_last;
}

static _Noreturn void end_task(int status)
{
	struct task *t = task_current();
	struct process *p = t->process;

	if (unlikely(linux_config.strace))
		strace_thread_end(atomic_load(&p->is_exiting, RELAXED) == EXITING_GROUP ? p->exit_status : status);
	futex_exit(t);
	if (t->clear_child_tid && user_store32((uint32_t *)t->clear_child_tid, 0) == 0)
		futex_wake(t->clear_child_tid, 1, FUTEX_BITSET_ANY);
	signal_task_exit(t);
	if (leave_process(t, p, status))
		end_process(p);
	task_detach(t);
	thread_exit();
}

/* Told to: the process is exiting, and has its status. */
void task_exit(void)
{
	end_task(0);
}

static void tell_others_to_exit(struct process *p, struct task *self)
{
	struct task *t;

	list_for_each(t, &p->threads, node)
		if (t != self)
			thread_set_attention(t->thread, ATTN_EXIT);
}

void process_exit(int status)
{
	struct process *p = process_current();

	mutex_lock(&p->threads_lock);
	if (!p->is_exiting) {
		p->exit_status = status;
		atomic_store(&p->is_exiting, EXITING_GROUP, RELAXED);
		tell_others_to_exit(p, task_current());
	}
	mutex_unlock(&p->threads_lock);
	task_exit();
}

bool process_become_single(struct process *p)
{
	mutex_lock(&p->threads_lock);
	if (p->is_exiting) {
		mutex_unlock(&p->threads_lock);
		return false;
	}
	if (p->nr_threads > 1) {
		p->exec_waiter = thread_current();
		atomic_store(&p->is_exiting, EXITING_EXEC, RELAXED);
		tell_others_to_exit(p, task_current());
		mutex_unlock(&p->threads_lock);
		(void)thread_wait_until("exec", atomic_load(&p->nr_threads, ACQUIRE) == 1, NSEC_NEVER, 0);
		mutex_lock(&p->threads_lock);
		p->exec_waiter = NULL;
		atomic_store(&p->is_exiting, 0u, RELAXED);
	}
	mutex_unlock(&p->threads_lock);
	return true;
}

long sys_exit(long status)
{
	end_task((int)(status & 0xff) << 8);
}

long sys_exit_group(long status)
{
	process_exit((int)(status & 0xff) << 8);
}

long sys_set_tid_address(long addr)
{
	struct task *t = task_current();

	t->clear_child_tid = (vaddr_t)addr;
	return t->tid;
}

/* There are no children: fork comes later. */
long sys_wait4(long pid, long status, long options, long rusage)
{
	(void)pid, (void)status, (void)options, (void)rusage;
	return -ECHILD;
}

long sys_waitid(long type, long id, long info, long options, long rusage)
{
	(void)type, (void)id, (void)info, (void)options, (void)rusage;
	return -ECHILD;
}
