/* SPDX-License-Identifier: MIT
 *
 * A process: what its threads share. One exists today; nothing here assumes so.
 */
#pragma once

#include "libc/list.h"
#include "libc/types.h"
#include "linux/signal.h"
#include "linux/task.h"
#include "sched/mutex.h"
#include "sched/waitq.h"

struct aspace;
struct fdtable;
struct file;
struct cred;
struct fs_context;
struct posix_timers;

/* getrlimit(2), asm-generic numbers. */
#define RLIMIT_CPU		0
#define RLIMIT_FSIZE		1
#define RLIMIT_DATA		2
#define RLIMIT_STACK		3
#define RLIMIT_CORE		4
#define RLIMIT_RSS		5
#define RLIMIT_NPROC		6
#define RLIMIT_NOFILE		7
#define RLIMIT_MEMLOCK		8
#define RLIMIT_AS		9
#define RLIMIT_LOCKS		10
#define RLIMIT_SIGPENDING	11
#define RLIMIT_MSGQUEUE		12
#define RLIMIT_NICE		13
#define RLIMIT_RTPRIO		14
#define RLIMIT_RTTIME		15
#define NR_RLIMITS		16
#define RLIM_INFINITY		(~0ull)

struct rlimit_k {
	uint64_t cur, max;
};

#define AUXV_MAX	24		/* entries of two words */

#define PROCESS_MCE_DEFAULT	2u	/* PR_MCE_KILL_DEFAULT */

#define EXITING_GROUP	1u
#define EXITING_EXEC	2u

struct process {
	struct aspace *aspace;		/* [threads_lock] replaced by execve when one thread is left */
	struct fdtable *files;		/* [I] */
	struct fs_context *fs;		/* [I] holds umask, cwd, root */
	int pid, ppid, pgid, sid;	/* [lock] pgid, sid; others [I] */

	struct mutex lock;		/* limits, names below */
	struct rlimit_k rlimits[NR_RLIMITS];	/* [lock] single words may be read without */
	struct file *exe;		/* [lock] ref: the program */
	char *exe_path;			/* [lock] absolute, as /proc/self/exe shows it */
	vaddr_t arg_start, arg_end, env_start, env_end;	/* [lock] /proc/self/cmdline, environ */
	vaddr_t start_code, end_code, start_data, end_data, start_stack;	/* [lock] /proc/self/stat, prctl PR_SET_MM */
	vaddr_t vdso;			/* [I] between two execs; 0: none */
	uint64_t auxv[2 * AUXV_MAX];	/* [lock] /proc/self/auxv */
	unsigned nr_auxv;		/* [lock] words */
	nsec_t start_time;		/* [I] monotonic */
	uint32_t dumpable;		/* [a] prctl */
	uint32_t is_subreaper, is_io_flusher, mce_policy;	/* [a] prctl: kept, nothing obeys them */
	uint32_t membarrier;		/* [a] commands that were registered: membarrier(2) */
	bool thp_disable;		/* [a] prctl PR_SET_THP_DISABLE */

	struct mutex threads_lock;	/* before signal_lock */
	struct list threads;		/* [threads_lock] struct task */
	unsigned nr_threads;		/* [threads_lock] */
	uint32_t is_exiting;		/* [a] EXITING_*: exit_group has begun, or execve wants to be alone */
	int exit_status;		/* [threads_lock] as wait(2) codes it */
	struct thread *exec_waiter;	/* [threads_lock] woken when it is the last one */
	uint64_t dead_fast_calls;	/* [threads_lock] */
	nsec_t dead_user_ns, dead_system_ns;	/* [threads_lock] of threads that have ended */

	struct mutex signal_lock;
	struct sigaction_k actions[NR_SIGNALS];	/* [signal_lock] of signal n at n-1 */
	struct signal_queue pending;	/* [signal_lock] sent to the process */
	unsigned nr_queued;		/* [signal_lock] for RLIMIT_SIGPENDING */
	bool is_stopped;		/* [signal_lock] SIGSTOP */
	struct waitq signal_waitq;	/* woken when a signal becomes pending: signalfd */

	struct posix_timers *timers;	/* sigtimers.c */
};

static inline struct process *process_current(void)
{
	return task_current()->process;
}

/* The current thread acts as c (take) from now on; a process that gains or loses rights is not dumpable any more (prctl(2)). */
void process_become(struct cred *c);

/* The first process: empty address space, files and file system context, default limits. 0 or -errno. */
int process_create(struct process **out);
/* End the calling thread; the last one ends the process. */
_Noreturn void task_exit(void);
/* exit_group(2): status as wait(2) codes it. */
_Noreturn void process_exit(int status);
/* End all threads but the caller and wait for that; false if somebody else has begun to end the process. */
bool process_become_single(struct process *p);

/* User and system time of all threads, also the ended ones. */
void process_times(struct process *p, nsec_t *user_ns, nsec_t *system_ns);
/* Call fn for each thread, threads_lock held; fn returns false to stop. */
void process_for_each_task(struct process *p, bool (*fn)(struct task *t, void *arg), void *arg);
/* The process, from threads that are not the application's (/proc, terminal); NULL before it exists. */
struct process *process_first(void);
/* From the tid namespace: a process or thread exists with this number. */
bool process_pid_exists(int pid);
