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

/*
 * A standard signal is queued once; without memory for its siginfo it is pending all the same. 0; 1: it was pending already; -EAGAIN: a realtime signal, and no
 * memory or limit entries are there.
 */
int signal_queue_add(struct signal_queue *q, int sig, const struct siginfo *info, unsigned limit);
/* Take the first signal out of those in mask: synchronous ones, then ascending. Its number, 0 if there is none. */
int signal_queue_take(struct signal_queue *q, sigmask_t mask, struct siginfo *out);
void signal_queue_remove(struct signal_queue *q, sigmask_t mask);
/* Those that POSIX timers sent: their timers go with an execve, and so do they. */
void signal_queue_remove_timers(struct signal_queue *q);

/* ---- signal-send.c ------------------------------------------------------------------------------------------------------- */

/* The mask of t becomes blocked; signals that are now deliverable get attention. t is the current task. */
void signal_set_blocked(struct task *t, sigmask_t blocked);
/* Take a pending signal of the current task out of mask; 0: none. signal_lock held. */
int signal_take_locked(struct task *t, sigmask_t mask, struct siginfo *out);
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
/* A timer's signal has been taken: overruns. */
void sigtimers_dequeued(struct process *p, struct siginfo *info);
