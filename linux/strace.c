// SPDX-License-Identifier: MIT
/*
 * Lines of strace: begun when a call begins, in memory of the thread (a line is long and kernel stacks are small), written at once when it has ended.
 */
#include "linux/strace.h"

#include "libc/errno.h"
#include "libc/print.h"
#include "linux/process.h"
#include "linux/strace-priv.h"
#include "linux/syscalls.h"
#include "linux/task.h"
#include "mmu/heap.h"
#include "sched/clock.h"

static struct mutex console;		/* so that lines of several CPUs do not mix */

static void write_out(const char *text, size_t len)
{
	mutex_lock(&console);
	if (log_sink)
		log_sink(text, len);
	mutex_unlock(&console);
}

/* The line of this thread; NULL: there is no memory for it, which is said once, and the call is not shown. */
static struct strace_line *own_line(void)
{
	static uint32_t is_told;
	struct task *t = task_current();

	if (!t->strace)
		t->strace = kzalloc(sizeof(*t->strace));
	if (!t->strace && !atomic_exchange(&is_told, 1u, RELAXED))
		log_line("strace: no memory for the lines of a thread: its calls are not shown");
	return t->strace;
}

void strace_forget(struct task *t)
{
	kfree(t->strace);
	t->strace = NULL;
}

static void begin_line(struct strace_line *l)
{
	l->len = 0;
	strace_put(l, "[%5d] ", task_current()->tid);
}

static void end_line(struct strace_line *l)
{
	if (l->len >= STRACE_LINE - 2)		/* cut */
		l->len = STRACE_LINE - 2;
	l->text[l->len++] = '\n';
	write_out(l->text, l->len);
}

void strace_enter(uint64_t nr, const long args[6])
{
	const struct syscall *s = nr < ARCH_NR_SYSCALLS && syscall_table[nr].name ? &syscall_table[nr] : NULL;
	struct strace_line *l = own_line();

	if (!l)
		return;
	l->format = s ? strace_find_format(s->name) : NULL;
	l->name = s ? s->name : NULL;
	l->nr_args = s ? s->nargs : 6;
	l->next_arg = 0;
	l->has_ended = l->has_before = false;
	l->result = 0;
	for (unsigned i = 0; i < 6; i++)
		l->args[i] = args[i];
	begin_line(l);
	if (s)
		strace_put(l, "%s(", s->name);
	else
		strace_put(l, "syscall_%#lx(", (unsigned long)nr);
	strace_put_begin(l);
	strace_put_args(l);
	l->start = clock_monotonic();
}

/*
 * Linux' code for an interrupted call: whether it is made again is decided after the line is written. Calls that give EINTR in any case, those without SA_RESTART,
 * and those with their remaining time in memory.
 */
static int restart_code(uint64_t nr, const struct strace_line *l)
{
	uint32_t op = (uint32_t)l->args[1] & 127;

	if (nr >= ARCH_NR_SYSCALLS || !(atomic_load(&thread_current()->attention, RELAXED) & ATTN_INTERRUPT))
		return EINTR;
	if (syscall_table[nr].fn == (void (*)(void))sys_futex)
		return l->args[3] && (op == 0 || op == 9) ? ERESTART_RESTARTBLOCK : ERESTARTSYS;
	if (syscall_table[nr].fn == (void (*)(void))sys_nanosleep || (syscall_table[nr].fn == (void (*)(void))sys_clock_nanosleep && !(l->args[1] & 1)))
		return ERESTART_RESTARTBLOCK;
	if (syscall_table[nr].flags & SYSCALL_RESTART)
		return ERESTARTSYS;
	if (syscall_table[nr].fn == (void (*)(void))sys_epoll_pwait || syscall_table[nr].fn == (void (*)(void))sys_epoll_pwait2 ||
	    syscall_table[nr].fn == (void (*)(void))sys_rt_sigtimedwait)
		return EINTR;
	return ERESTARTNOHAND;
}

void strace_exit(uint64_t nr, long result)
{
	struct strace_line *l = task_current()->strace;
	nsec_t took;

	if (!l)
		return;
	took = clock_monotonic() - l->start;
	l->result = result;
	l->has_ended = true;
	if (nr < ARCH_NR_SYSCALLS && syscall_table[nr].fn == (void (*)(void))sys_rt_sigreturn)
		l->before = task_current()->blocked;
	strace_put_args(l);
	strace_put(l, ")");
	if (result == -EINTR && (atomic_load(&thread_current()->attention, RELAXED) & ATTN_EXIT)) {
		strace_put(l, " = ?");
		end_line(l);
		return;
	}
	strace_put_result(l, result == -EINTR ? restart_code(nr, l) : 0);
	strace_put(l, " <%lu.%06lu>", (unsigned long)(took / NSEC_PER_SEC), (unsigned long)(took % NSEC_PER_SEC / NSEC_PER_USEC));
	end_line(l);
}

void strace_no_return(void)
{
	struct strace_line *l = task_current()->strace;

	if (!l)
		return;
	strace_put(l, ") = ?");
	end_line(l);
}

void strace_signal(const struct siginfo *info)
{
	struct strace_line *l = own_line();

	if (!l)
		return;
	begin_line(l);
	strace_put(l, "--- ");
	strace_put_signal(l, (uint32_t)info->signo);
	strace_put(l, " ");
	strace_put_siginfo(l, info);
	strace_put(l, " ---");
	end_line(l);
}

void strace_thread_end(int status)
{
	struct strace_line *l = own_line();
	int sig = status & 0x7f;

	if (!l)
		return;
	begin_line(l);
	if (sig) {
		strace_put(l, "+++ killed by ");
		strace_put_signal(l, (uint32_t)sig);
		strace_put(l, " +++");
	} else {
		strace_put(l, "+++ exited with %d +++", status >> 8 & 0xff);
	}
	end_line(l);
}
