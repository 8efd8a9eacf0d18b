/* SPDX-License-Identifier: MIT
 *
 * Signals of the application: numbers and structures of Linux (asm-generic), sending, masks.
 *
 * Map: signal-send.c queues and chooses a thread, signal-deliver.c pushes frames and takes default actions, signal-calls.c the system calls, signal-wait.c
 * those that wait. Everything is guarded by process->signal_lock, a mutex: signals are sent from threads only (timers fire in a thread).
 */
#pragma once

#include "libc/list.h"
#include "libc/types.h"

struct frame;
struct process;
struct task;

#define SIGHUP		1
#define SIGINT		2
#define SIGQUIT		3
#define SIGILL		4
#define SIGTRAP		5
#define SIGABRT		6
#define SIGBUS		7
#define SIGFPE		8
#define SIGKILL		9
#define SIGUSR1		10
#define SIGSEGV		11
#define SIGUSR2		12
#define SIGPIPE		13
#define SIGALRM		14
#define SIGTERM		15
#define SIGSTKFLT	16
#define SIGCHLD		17
#define SIGCONT		18
#define SIGSTOP		19
#define SIGTSTP		20
#define SIGTTIN		21
#define SIGTTOU		22
#define SIGURG		23
#define SIGXCPU		24
#define SIGXFSZ		25
#define SIGVTALRM	26
#define SIGPROF		27
#define SIGWINCH	28
#define SIGIO		29
#define SIGPWR		30
#define SIGSYS		31
#define SIGRTMIN	32
#define NR_SIGNALS	64

#define SIG_DFL		0ul
#define SIG_IGN		1ul

#define SA_NOCLDSTOP	0x00000001ul
#define SA_NOCLDWAIT	0x00000002ul
#define SA_SIGINFO	0x00000004ul
#define SA_RESTORER	0x04000000ul
#define SA_ONSTACK	0x08000000ul
#define SA_RESTART	0x10000000ul
#define SA_NODEFER	0x40000000ul
#define SA_RESETHAND	0x80000000ul

#define SI_USER		0
#define SI_KERNEL	0x80
#define SI_QUEUE	(-1)
#define SI_TIMER	(-2)
#define SI_TKILL	(-6)

#define SS_ONSTACK	1
#define SS_DISABLE	2
#define SS_AUTODISARM	(1u << 31)

/* Bit n-1 is signal n. */
typedef uint64_t sigmask_t;
#define SIGMASK(sig)	((sigmask_t)1 << ((sig) - 1))

/* The kernel's siginfo_t: 128 bytes, the same layout on all 64-bit ports. */
struct siginfo {
	int32_t signo, err, code, pad;
	union {
		struct {
			int32_t pid;
			uint32_t uid;
			uint64_t value;			/* SI_QUEUE */
		} kill;
		struct {
			int32_t timer_id, overrun;
			uint64_t value;
			uint32_t setting;		/* which setting of the timer it is of; 0 in the program's copy */
		} timer;
		struct {
			uint64_t addr;
		} fault;
		struct {
			int32_t pid;
			uint32_t uid;
			int32_t status;
		} child;
		struct {
			uint64_t band;
			int32_t fd;
		} poll;
		uint8_t bytes[112];
	};
};
_Static_assert(sizeof(struct siginfo) == 128, "siginfo_t");

/* struct sigaction as the system call passes it (arm64 and x86-64 have the same order). */
struct sigaction_k {
	uint64_t handler, flags, restorer, mask;
};

struct signal_queue {
	struct list entries;		/* struct signal_entry, oldest first */
	sigmask_t set;			/* [a] which signals are in it: read without the lock by waits */
	unsigned *nr_total;		/* entries in all queues of the process */
};

/* ---- sending. Context: thread, no signal_lock held ---------------------------------------------------------------- */

/* Send to the process, any thread that does not block it. 0, or -EAGAIN (queue of realtime signals full). info NULL: from the kernel (SI_KERNEL). */
int signal_send_process(struct process *p, int sig, const struct siginfo *info);
int signal_send_task(struct task *t, int sig, const struct siginfo *info);
/* A fault of the current thread: delivered even if blocked or ignored (then it kills). Returned from by linux_attention(). */
void signal_force(int sig, const struct siginfo *info);
/* SIGPIPE for a write that got -EPIPE: r is passed through. */
long signal_pipe(long r);

/* ---- for calls that change the mask while they wait: sigsuspend, ppoll, pselect, epoll_pwait --------------------------------- */

/*
 * mask points to a mask of size bytes in the application, or is 0: nothing is done. 0, -EINVAL (size), -EFAULT. Then, with the call's result, signal_temp_mask_end(): if the
 * result is -EINTR the old mask is restored when the handler has been set up; else at once. Returns result.
 */
int signal_temp_mask_begin(long mask, long size);
long signal_temp_mask_end(long result);
