/* SPDX-License-Identifier: MIT
 *
 * Signals, between the files of linux/.
 */
#pragma once

#include "linux/process.h"
#include "linux/signal.h"

#define SIGMASK_KERNEL_ONLY	(SIGMASK(SIGKILL) | SIGMASK(SIGSTOP))	/* cannot be blocked, caught or ignored */
#define SIGMASK_SYNCHRONOUS	(SIGMASK(SIGSEGV) | SIGMASK(SIGBUS) | SIGMASK(SIGILL) | SIGMASK(SIGTRAP) | SIGMASK(SIGFPE) | SIGMASK(SIGSYS))
#define SIGMASK_IGNORED	(SIGMASK(SIGCHLD) | SIGMASK(SIGCONT) | SIGMASK(SIGURG) | SIGMASK(SIGWINCH))	/* by default */
#define SIGMASK_STOP	(SIGMASK(SIGSTOP) | SIGMASK(SIGTSTP) | SIGMASK(SIGTTIN) | SIGMASK(SIGTTOU))
#define SIGMASK_CORE	(SIGMASK(SIGQUIT) | SIGMASK(SIGILL) | SIGMASK(SIGTRAP) | SIGMASK(SIGABRT) | SIGMASK(SIGBUS) | SIGMASK(SIGFPE) | \
			 SIGMASK(SIGSEGV) | SIGMASK(SIGXCPU) | SIGMASK(SIGXFSZ) | SIGMASK(SIGSYS))

/* ---- signal-queue.c: no locking, process->signal_lock held ------------------------------------------------------------- */

/* Made by signal_queue_add(), or by a timer, which keeps it (is_timers) and puts it into a queue again and again. */
struct signal_entry {
	struct list node;		/* in a queue, if is_queued */
	struct siginfo info;
	bool is_timers;			/* it is not freed when it leaves a queue */
	bool is_queued;
};

/*
 * A standard signal is queued once; without memory for its siginfo it is pending all the same. 0; 1: it was pending already; -EAGAIN: a realtime signal, and no
 * memory or limit entries are there.
 */
int signal_queue_add(struct signal_queue *q, int sig, const struct siginfo *info, unsigned limit);
/* Queue a timer's own entry, which is in no queue: also beside another one of the same standard signal, as Linux does. */
void signal_queue_put(struct signal_queue *q, struct signal_entry *e);
/* The timer goes: free its entry, now or, if it is in a queue, when it leaves it. nr_total, in which it is counted, loses it then. */
void signal_entry_release(struct signal_entry *e, unsigned *nr_total);
/* Take the first signal out of those in mask: synchronous ones, then ascending. Its number, 0 if there is none. */
int signal_queue_take(struct signal_queue *q, sigmask_t mask, struct siginfo *out);
void signal_queue_remove(struct signal_queue *q, sigmask_t mask);
/* Those that POSIX timers sent: their timers go with an execve, and so do they. */
void signal_queue_remove_timers(struct signal_queue *q);

/* ---- signal-send.c ------------------------------------------------------------------------------------------------------- */

/*
 * With threads_lock and signal_lock held: send to the thread t, or to the process if it is NULL. 0; 1: it was pending already, or is ignored; -EINVAL, -EAGAIN. The caller wakes signal_waitq when
 * both are free again.
 */
int signal_send_locked(struct process *p, struct task *t, int sig, const struct siginfo *info);
/* The same with a timer's entry; one that is queued counts an overrun. False: the signal is ignored. */
bool signal_send_entry_locked(struct process *p, struct task *t, struct signal_entry *e);
/* The mask of t becomes blocked; signals that are now deliverable get attention. t is the current task. */
void signal_set_blocked(struct task *t, sigmask_t blocked);
/* Take a pending signal of the current task out of mask; 0: none. signal_lock held. */
int signal_take_locked(struct task *t, sigmask_t mask, struct siginfo *out);
/* Signals in set that were sent to the process, and that this thread no longer takes: tell others. No lock held. */
void signal_retarget(struct process *p, sigmask_t set);
/* The current thread ends: what was sent to the process and it might have taken is offered to others. */
void signal_task_exit(struct task *t);
/* Is the signal ignored by p (signal_lock held)? */
bool signal_is_ignored(const struct process *p, int sig);

/* ---- signal-deliver.c ---------------------------------------------------------------------------------------------------- */

/* Take what is pending: true if a handler is going to run. Does not return if the process ends. */
bool signal_deliver(struct frame *f);
/* End of a temporary mask that no handler has used up. */
void signal_restore_saved_mask(void);
/* execve: caught signals go back to their default. */
void signal_exec_reset(struct process *p, struct task *t);

/* ---- sigtimers.c --------------------------------------------------------------------------------------------------------- */

void sigtimers_stop(struct process *p);	/* no timer sends a signal any more */
void sigtimers_exec(struct process *p);	/* execve: POSIX timers go, interval timers stay */
/* The signal of a POSIX timer has been taken: overruns, and the timer goes on. signal_lock held. */
void sigtimers_dequeued(struct process *p, struct siginfo *info);
/* A SIGALRM has been taken: the interval timer of real time goes on. signal_lock held. */
void sigtimers_alarm_taken(struct process *p);
/* The realtime clock was set: absolute expiries on it follow. Context: thread. */
void sigtimers_clock_was_set(struct process *p);
