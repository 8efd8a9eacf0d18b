/* SPDX-License-Identifier: MIT
 *
 * A thread of the application, as Linux sees it: what belongs to one thread beyond sched/thread.h.
 */
#pragma once

#include <arch/frame.h>

#include "libc/list.h"
#include "libc/types.h"
#include "linux/futex.h"
#include "linux/signal.h"
#include "sched/thread.h"

struct process;
struct strace_line;

/* Created by clone.c, exec.c; freed through RCU after the thread has ended (exit.c). Others may hold pointers under process->threads_lock or RCU. */
struct task {
	struct thread *thread;		/* [I] its name is the comm */
	struct process *process;	/* [I] */
	int tid;			/* [I] */
	struct list node;		/* [process->threads_lock] in process->threads */
	uint32_t refs;			/* [a] */
	void (*entry)(void *arg);	/* [I] */
	void *entry_arg;		/* [I] */
	struct task *hash_next;		/* [tid_lock] in task.c */

	vaddr_t clear_child_tid;	/* [o] 0: none */
	vaddr_t set_child_tid;		/* [o] */
	vaddr_t robust_list;		/* [o] */
	struct pi_task pi;		/* futex-pi.c */
	vaddr_t rseq;			/* [o] 0: none */
	uint32_t rseq_len, rseq_sig;	/* [o] */

	sigmask_t blocked;		/* [process->signal_lock] written by the owner only */
	sigmask_t saved_mask;		/* [o] of a temporary mask */
	bool has_saved_mask;		/* [o] */
	sigmask_t sigwait_mask;		/* [process->signal_lock] what rt_sigtimedwait waits for */
	struct signal_queue pending;	/* [process->signal_lock] */
	vaddr_t alt_sp;			/* [o] sigaltstack */
	uint64_t alt_size;		/* [o] */
	uint32_t alt_flags;		/* [o] SS_DISABLE: none */

	uint32_t waits_realtime;	/* [a] it sleeps until a time of the realtime clock: deadline.h */
	struct siginfo forced;		/* [o] fault to deliver; signo 0: none */
	uint64_t fault_address, fault_code;	/* [o] for the signal frame */

	uint64_t personality;		/* [o] PERSONALITY_* */
	int pdeath_signal;		/* [o] prctl */
	uint32_t io_priority;		/* [a] ioprio_set(2); 0: none */
	uint32_t mempolicy;		/* [o] set_mempolicy(2): mode and flags; 0: the default */
	uint64_t mempolicy_nodes;	/* [o] */
	uint32_t default_slack_ns;	/* [I] of thread->slack_ns: its creator's (PR_SET_TIMERSLACK) */
	uint32_t resets_on_fork;	/* [a] SCHED_RESET_ON_FORK */
	bool no_new_privs;		/* [o] */
	bool is_dead;			/* [process->threads_lock] */
	struct strace_line *strace;	/* [o] strace.c; NULL: none yet */
};

#define PERSONALITY_READ_IMPLIES_EXEC	0x0400000ul	/* mmap and mprotect: what may be read may be executed */

static inline struct task *task_current(void)
{
	return thread_current()->task;
}

/* The registers of its application side, at the top of its kernel stack. */
static inline struct frame *task_frame(const struct task *t)
{
	return (struct frame *)(t->thread->kstack + KSTACK_SIZE) - 1;
}

/*
 * A new task of p with a thread that will run entry(arg) once started; it is in no list yet. give: task_start() or task_abandon(). 0, -ENOMEM, -EAGAIN (no
 * number free, limit).
 */
int task_create(struct process *p, void (*entry)(void *arg), void *arg, struct task **out);
/* Make it a thread of its process and let it run. -EAGAIN: the process is exiting (the task is gone then). */
int task_start(struct task *t);
void task_abandon(struct task *t);
/* The last step of the current thread before thread_exit(). */
void task_detach(struct task *t);
/*
 * /proc/sys/kernel: pid_max (the first number that is too large; at least 301) and threads-max. What there is already stays. [a]
 * The number given last, and another to go on from (ns_last_pid).
 */
extern uint32_t task_pid_max, task_max_threads;
int task_last_number(void);
void task_set_last_number(int tid);
/* Take over another number: execve of a thread becomes the process's first. threads_lock held. */
void task_renumber(struct task *t, int tid);

/* References on the structure (not on its running): task_get_ref for one that is known to be valid. */
void task_ref(struct task *t);
/* For one that only RCU keeps: false: its last reference has gone. */
bool task_try_ref(struct task *t);
void task_put(struct task *t);
/* Any thread of any process by number, referenced; NULL: none. Context: thread. */
struct task *task_find(int tid);

/* The task with this tid in the process, referenced (task_put()); NULL: none. Context: thread. */
struct task *task_get(struct process *p, int tid);
