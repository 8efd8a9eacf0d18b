/* SPDX-License-Identifier: MIT
 *
 * The table of system calls, the slow path (by exception) and what happens before the return to the application.
 *
 * Interrupted calls. A call that has waited in vain because of thread->attention returns -EINTR (or -ERESTARTNOHAND from within linux/). linux_attention() then
 * decides, with the registers of the call still in the frame:
 *
 *	no handler is to run			the call is made again, here, and the program sees nothing of it
 *	a handler runs, SYS_RESTART row, SA_RESTART	the program makes the call again after the handler: pc back on the call, registers restored
 *	a handler runs, otherwise		-EINTR
 *
 * Calls made again use the deadline of their first start (syscall_deadline).
 */
#include "linux/syscalls.h"

#include <arch/cpu.h>
#include <arch/frame.h>

#include "libc/errno.h"
#include "libc/print.h"
#include "linux/crash.h"
#include "linux/process.h"
#include "linux/rseq.h"
#include "linux/config.h"
#include "linux/signal-priv.h"
#include "linux/strace.h"
#include "linux/syscall.h"
#include "linux/veneer.h"
#include "sched/call.h"
#include "sched/trace.h"

#define SLOT(a, x)	(ARCH_SYSCALL_NR(a, x) < 0 ? ARCH_NR_SYSCALLS : ARCH_SYSCALL_NR(a, x))
#define FN(name)	(void (*)(void))sys_##name

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"	/* the slot of calls that this port does not have */
#define SYS(name, a, x, n)		[SLOT(a, x)] = { FN(name), #name, n, SYSCALL_KNOWN },
#define SYS_RESTART(name, a, x, n)	[SLOT(a, x)] = { FN(name), #name, n, SYSCALL_KNOWN | SYSCALL_RESTART },
#define SYS_FRAME(name, a, x)		[SLOT(a, x)] = { FN(name), #name, 6, SYSCALL_KNOWN | SYSCALL_FRAME },
#define SYS_TODO(name, a, x, n)		[SLOT(a, x)] = { NULL, #name, n, SYSCALL_KNOWN },
const struct syscall syscall_table[ARCH_NR_SYSCALLS + 1] = {
#include "linux/syscalls.def"
};
#undef SYS
#undef SYS_RESTART
#undef SYS_FRAME
#undef SYS_TODO

/* For the fast entry: the functions alone; a frame is built for the others. */
void syscall_fast_frame(void);
extern void (*syscall_fast_table[ARCH_NR_SYSCALLS + 1])(void);	/* [I] */

#define SYS(name, a, x, n)		[SLOT(a, x)] = FN(name),
#define SYS_RESTART(name, a, x, n)	[SLOT(a, x)] = FN(name),
#define SYS_FRAME(name, a, x)
#define SYS_TODO(name, a, x, n)
void (*syscall_fast_table[ARCH_NR_SYSCALLS + 1])(void) = {
	[0 ... ARCH_NR_SYSCALLS] = syscall_fast_frame,
#include "linux/syscalls.def"
};
#undef SYS
#undef SYS_RESTART
#undef SYS_FRAME
#undef SYS_TODO
#pragma GCC diagnostic pop

typedef long (*syscall_fn)(long, long, long, long, long, long);
typedef long (*syscall_frame_fn)(struct frame *f);

static uint32_t told[(ARCH_NR_SYSCALLS + 31) / 32];	/* [a] numbers named on the console already */
static uint64_t nr_exceptions;				/* [a] */

/* A program that tries out what there is should not fill the console. */
#define MAX_NOTICES	8

long syscall_unknown(unsigned long nr)
{
	static uint32_t nr_notices;
	const char *name = nr < ARCH_NR_SYSCALLS ? syscall_table[nr].name : NULL;
	uint32_t bit = 1u << nr % 32, n;

	if (nr >= ARCH_NR_SYSCALLS || (atomic_fetch_or(&told[nr / 32], bit, RELAXED) & bit))
		return -ENOSYS;
	n = atomic_fetch_add(&nr_notices, 1u, RELAXED);
	if (n > MAX_NOTICES)
		return -ENOSYS;
	if (n == MAX_NOTICES)
		log_line("more system calls are not there yet: not named any more");
	else if (name)
		log_line("system call %s (%lu) is not there yet: the program gets ENOSYS", name, nr);
	else
		log_line("system call %lu is not known: the program gets ENOSYS", nr);
	return -ENOSYS;
}

static long dispatch(struct frame *f)
{
	uint64_t nr = (uint64_t)f->syscall_nr;
	const struct syscall *s;

	/* The number first: an address outside of the table would tell the compiler that it cannot be too big. */
	if (nr >= ARCH_NR_SYSCALLS || !syscall_table[nr].fn)
		return syscall_unknown(nr);
	s = &syscall_table[nr];
	if (s->flags & SYSCALL_FRAME)
		return ((syscall_frame_fn)s->fn)(f);
	return ((syscall_fn)s->fn)(frame_arg(f, 0), frame_arg(f, 1), frame_arg(f, 2), frame_arg(f, 3), frame_arg(f, 4), frame_arg(f, 5));
}

static bool never_returns(const struct syscall *s)
{
	return s->fn == FN(exit) || s->fn == FN(exit_group);
}

/* The same with a line on the console. */
static void run_traced(struct frame *f)
{
	uint64_t nr = (uint64_t)f->syscall_nr;
	long args[6] = { frame_arg(f, 0), frame_arg(f, 1), frame_arg(f, 2), frame_arg(f, 3), frame_arg(f, 4), frame_arg(f, 5) };
	long r;

	strace_enter(nr, args);
	if (nr < ARCH_NR_SYSCALLS && syscall_table[nr].fn && never_returns(&syscall_table[nr]))
		strace_no_return();
	r = dispatch(f);
	if (f->syscall_nr < 0) {		/* execve that worked, rt_sigreturn: other registers */
		strace_exit(nr, syscall_table[nr].fn == FN(rt_sigreturn) ? frame_result(f) : 0);
		return;
	}
	strace_exit(nr, r);
	frame_set_result(f, r);
}

static __attribute__((noinline, cold)) long dispatch_recorded(struct frame *f)
{
	int64_t nr = f->syscall_nr;
	long r;

	trace(TRACE_SYSCALL_BEGIN, nr, frame_arg(f, 0));
	r = dispatch(f);
	trace(TRACE_SYSCALL_END, nr, r);
	return r;
}

/* Make the call in f. A call that has replaced the registers says so by syscall_nr -1. */
static void run_syscall(struct frame *f)
{
	long r;

	if (unlikely(linux_config.strace)) {
		run_traced(f);
		return;
	}
	r = trace_is_wanted(TRACE_SYSCALL_BEGIN) ? dispatch_recorded(f) : dispatch(f);
	if (f->syscall_nr >= 0)
		frame_set_result(f, r);
}

/* Every call passes run_syscall(), where its tracepoints are. */
void syscall_use_frames(void)
{
	for (unsigned i = 0; i <= ARCH_NR_SYSCALLS; i++)
		syscall_fast_table[i] = syscall_fast_frame;
}

void linux_syscall(struct frame *f)
{
	atomic_fetch_add(&nr_exceptions, 1u, RELAXED);
	frame_begin_syscall(f);
	veneer_patch(f);
	run_syscall(f);
}

/* From a veneer: the call needs a frame, and the entry has built one. */
void linux_syscall_from_veneer(struct frame *f)
{
	thread_current()->arch.nr_fast_calls++;
	run_syscall(f);
}

nsec_t syscall_deadline(nsec_t timeout_ns)
{
	return call_deadline(timeout_ns);
}

static bool was_interrupted(const struct frame *f)
{
	long r = frame_result(f);

	return f->syscall_nr >= 0 && (r == -EINTR || r == -ERESTARTNOHAND || r == -ERESTARTNOINTR);
}

/* A handler is about to run on top of an interrupted call. */
void syscall_before_handler(struct frame *f, bool sa_restart)
{
	if (was_interrupted(f)) {
		uint64_t nr = (uint64_t)f->syscall_nr;
		long r = frame_result(f);

		if (r == -ERESTARTNOINTR ||
		    (sa_restart && r == -EINTR && nr < ARCH_NR_SYSCALLS && (syscall_table[nr].flags & SYSCALL_RESTART)))
			frame_rewind_syscall(f);
		else
			frame_set_result(f, -EINTR);
	}
	f->syscall_nr = -1;
}

/* No handler ran: make the call again. */
static void restart_unseen(struct frame *f)
{
	struct thread *t = thread_current();

	signal_restore_saved_mask();
	t->is_call_again = true;
	frame_redo_syscall(f);
	run_syscall(f);
	t->is_call_again = false;
}

void linux_attention(struct frame *f)
{
	struct thread *self = thread_current();
	uint32_t bits;

	arch_irq_enable();
	/* acquire: what was set in motion before the bits. Pairs: thread_set_attention */
	while ((bits = atomic_exchange(&self->attention, 0u, ACQUIRE)) != 0) {
		if (bits & ATTN_EXIT)
			task_exit();
		if (bits & ATTN_RSEQ)
			rseq_resume(f);
		if ((bits & ATTN_INTERRUPT) && !signal_deliver(f) && was_interrupted(f))
			restart_unseen(f);
	}
	if (was_interrupted(f))
		frame_set_result(f, -EINTR);
	f->syscall_nr = -1;
	signal_restore_saved_mask();
	arch_irq_disable();
}

void syscall_stats(struct syscall_stats *out)
{
	struct process *p = process_first();
	struct task *t;

	*out = (struct syscall_stats){ .exceptions = atomic_load(&nr_exceptions, RELAXED) };
	veneer_stats(&out->patched, &out->unreachable);
	if (!p)
		return;
	mutex_lock(&p->threads_lock);
	out->fast = p->dead_fast_calls;
	list_for_each(t, &p->threads, node)
		out->fast += READ_ONCE(t->thread->arch.nr_fast_calls);
	mutex_unlock(&p->threads_lock);
}
