/* SPDX-License-Identifier: MIT
 *
 * Threads: creation, sleeping, waking, preemption. See sched/sched.h for the map of the folder.
 *
 * Sleeping is "announce, look, block":
 *
 *	sleeper				waker
 *	state = WAITING			make the condition true
 *	look at the condition		thread_wake(sleeper)
 *	block, or take it back
 *
 * so that a wake-up between the look and the block is never lost. Use thread_wait_until*() or a waitq; both do that.
 */
#pragma once

#include <arch/cpu.h>
#include <arch/thread.h>

#include "libc/atomic.h"
#include "libc/list.h"
#include "libc/types.h"
#include "sched/mutex-check.h"

struct aspace;
struct cred;
struct cpu;
struct frame;
struct sched_entity;
struct task;

#define THREAD_NAME_LEN	16
#define KSTACK_SIZE	(16ul * 1024)

/*
 * Bits of thread.attention: the application thread must pass through linux_attention() before it next executes application code, and
 * interruptible waits end with -EINTR.
 */
#define ATTN_SIGNAL	1u	/* a signal may be deliverable */
#define ATTN_EXIT	2u	/* the thread has been told to end */
#define ATTN_STOP	4u	/* stop (SIGSTOP) until continued */
#define ATTN_RSEQ	8u	/* it was preempted, or runs on another CPU than told_cpu: no reason to end a sleep */
#define ATTN_INTERRUPT	(ATTN_SIGNAL | ATTN_EXIT | ATTN_STOP)

#define THREAD_ID_KERNEL	(1u << 31)

/* Allocated by thread_create(), freed through RCU after the thread has ended and nobody joins it. */
struct thread {
	uint32_t preempt_count;		/* [o] > 0: not preemptible, may not sleep. Also the RCU read side */
	uint32_t attention;		/* [a] ATTN_* */
	uint32_t told_cpu;		/* [o] number + 1 of the CPU that the application believes it runs on (rseq); 0: it does not ask */
	uint32_t needs_resched;		/* [c] while it runs: switch as soon as preempt_count is 0. Set and cleared by its CPU, interrupts masked */
	struct cpu *cpu;		/* [o] where it runs or last ran; stable while preemption is disabled */
	struct task *task;		/* [I] the application's side; NULL for a kernel thread */
	struct aspace *aspace;		/* [o] address space of the application; NULL for a kernel thread */
	const struct cred *cred;	/* [o] others read it under RCU: fs/cred.h; NULL: the kernel's */
	uint32_t id;			/* [I] for people and traces: the tid of an application thread; a kernel thread has the top bit set */
	uint8_t *kstack;		/* [I] KSTACK_SIZE bytes */
	struct arch_thread arch;	/* [o] */
	char name[THREAD_NAME_LEN];	/* [o] */
	const char *wchan;		/* [o] what it waits for, a literal, NULL when running; for people */
	uint32_t slack_ns;		/* [a] a deadline may be this late to share the interrupt of another; without one it is exact */
	bool gives_memory;		/* [o] others wait for it when memory is short: it must not wait for memory (mmu/page.h, struct shrinker) */
	bool is_call_again;		/* [o] the next call is an interrupted one, again: sched/call.h */
	uint64_t call_deadline;		/* [o] of its first start */
	struct sched_entity *sched;	/* run queue, state, accounting: sched/ only */
#ifdef MUTEX_CHECKS
	struct mutex *held;		/* [o] locks, the last one first */
	int nr_duties;			/* [o] it gives memory back */
#endif
};

static inline struct thread *thread_current(void)
{
	return arch_current();
}

struct thread_params {
	const char *name;		/* copied */
	void (*entry)(void *arg);
	void *arg;
	struct task *task;		/* NULL: kernel thread */
	struct aspace *aspace;		/* NULL: kernel thread */
	int pinned_cpu;			/* -1: any */
	int nice;			/* -20..19 */
	bool is_realtime;		/* interrupt threads: before all fair threads */
	bool is_reset;			/* an application's thread: not real-time and with no nice value below 0, whatever its creator is */
};

/* 0, or -ENOMEM. *out is created but does not run before thread_start(). Context: thread. */
int __must_check thread_create(const struct thread_params *params, struct thread **out);
void thread_start(struct thread *t);
/* Ends the current thread; its memory is freed later. Locks must have been released. */
_Noreturn void thread_exit(void);
/*
 * A reference keeps struct thread valid (not running). A thread owns one of itself from thread_create() until it has ended; thread_put() of a thread that was
 * never started drops that one and frees it.
 */
void thread_get(struct thread *t);
void thread_put(struct thread *t);

/*
 * Make t runnable if it waits (or is about to). Lock-free, any context including interrupt. True if this call did it.
 * The caller's earlier writes are visible to t when it looks at its condition again. t must be kept valid by RCU, a reference, or protocol.
 */
bool thread_wake(struct thread *t);
/* Interrupt the CPU that t runs on, if it runs now, so that it looks at t->attention. Any context. */
void thread_kick(struct thread *t);
/* Set attention bits, end an interruptible sleep, kick. Any context. */
void thread_set_attention(struct thread *t, uint32_t bits);

/* ---- sleeping -------------------------------------------------------------------------------------------------- */

#define WAIT_INTERRUPTIBLE	1u	/* end with -EINTR when attention is set */

void thread_wait_begin(const char *wchan);	/* announce */
void thread_wait_end(void);			/* condition found true: take it back */
/* Block. 0: woken (look again); -ETIMEDOUT: deadline passed; -EINTR: attention. After an error the wait is taken back already. */
int thread_wait_block(nsec_t deadline, unsigned flags);

/*
 * Sleep until cond is true. 0, -ETIMEDOUT (deadline on the monotonic clock, NSEC_NEVER: none), or -EINTR. Evaluates cond repeatedly, in state
 * WAITING: cond must not sleep. If cond is true the result is 0 even when the deadline has passed.
 */
#define thread_wait_until(wchan_, cond, deadline, flags) \
	({ \
		int wait_r_ = 0; \
		while (!(cond)) { \
			thread_wait_begin(wchan_); \
			if (cond) { \
				thread_wait_end(); \
				break; \
			} \
			wait_r_ = thread_wait_block(deadline, flags); \
			if (wait_r_) { \
				if (cond) \
					wait_r_ = 0; \
				break; \
			} \
		} \
		wait_r_; \
	})

/*
 * A slot for one sleeping thread, emptied by who wakes it. thread_wake_slot: take the thread out and wake it; false: nobody was in it. Any context. thread_wait_slot: the
 * current thread has put itself in and looked at its condition after a full fence; sleep until it is out. As thread_wait_until(), interruptible; after an error it may still
 * be in.
 */
bool thread_wake_slot(struct thread **slot);
int thread_wait_slot(struct thread **slot, const char *wchan, nsec_t deadline);

/* Sleep until the deadline. 0, or -EINTR. */
int thread_sleep_until(nsec_t deadline, unsigned flags);
void thread_yield(void);
/* Do others wait for this CPU, which the current thread has? A hint. Context: thread. */
bool thread_others_wait(void);

/* ---- preemption ------------------------------------------------------------------------------------------------ */

void thread_preempt_slow(void);		/* the switch that was put off while the count was held */

/* self: thread_current(), for who has it at hand. */
static inline void preempt_disable_self(struct thread *self)
{
	self->preempt_count++;
	compiler_fence();
}

static inline void preempt_enable_self(struct thread *self)
{
	compiler_fence();
	self->preempt_count--;
	/* An interrupt between the two looks for itself: nothing is lost, at worst this looks twice. */
	if (unlikely(READ_ONCE(self->needs_resched)) && self->preempt_count == 0)
		thread_preempt_slow();
}

static inline void preempt_disable(void)
{
	preempt_disable_self(thread_current());
}

static inline void preempt_enable(void)
{
	preempt_enable_self(thread_current());
}

/* After something that may have asked the running thread to make way. */
static inline void preempt_check(void)
{
	struct thread *self = thread_current();

	if (unlikely(READ_ONCE(self->needs_resched)) && self->preempt_count == 0)
		thread_preempt_slow();
}

/* ---- accounting and policy (what the system calls need) ---------------------------------------------------------- */

struct thread_times {
	nsec_t user_ns, system_ns;	/* sum is exact; the split is by where the time was accounted */
	uint64_t nr_voluntary, nr_involuntary;	/* switches */
};

/* Exact at the time of the call, also for a thread that runs on another CPU. */
void thread_times(struct thread *t, struct thread_times *out);

enum thread_policy { POLICY_OTHER = 0, POLICY_FIFO = 1, POLICY_RR = 2, POLICY_BATCH = 3, POLICY_IDLE = 5 };	/* sched(7) numbers */

int thread_set_policy(struct thread *t, enum thread_policy policy, int priority);
void thread_get_policy(struct thread *t, enum thread_policy *policy, int *priority);
/*
 * Priority inheritance: t runs with at least this real-time priority (1..99), whatever its policy, until the next call; 0: no more. Who lends it says so again when the
 * waiters change. Any context with interrupts enabled; t kept valid.
 */
void thread_boost(struct thread *t, int priority);
/* t runs at least as an interrupt thread does, or no more: mutex_lock_urgent(). Beside what else it is lent. As thread_boost(). */
void thread_urge(struct thread *t, bool is_urged);
/* The realtime priority with which t runs, its own or lent; 0: none. */
int thread_priority(const struct thread *t);
int thread_set_nice(struct thread *t, int nice);
int thread_get_nice(struct thread *t);
/* Bit mask over CPU numbers, nr_words 64-bit words. -EINVAL if no CPU that exists is in it. */
int thread_set_affinity(struct thread *t, const uint64_t *mask, unsigned nr_words);
void thread_get_affinity(struct thread *t, uint64_t *mask, unsigned nr_words);
/* 'R' running or runnable, 'S' interruptible wait, 'D' wait, 'Z' ended: as /proc/PID/stat shows it. */
char thread_state_letter(struct thread *t);
int thread_cpu_id(struct thread *t);

/* Call fn for every thread, under RCU (fn must not sleep). Stops when fn returns false. */
void thread_for_each(bool (*fn)(struct thread *t, void *arg), void *arg);
/* Print all threads on the console. Any context. */
void thread_dump_all(void);
