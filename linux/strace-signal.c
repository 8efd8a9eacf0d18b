// SPDX-License-Identifier: MIT
/*
 * Signals: numbers, sets, actions, siginfo.
 */
#include "libc/errno.h"
#include "libc/string.h"
#include "linux/crash.h"
#include "linux/strace-priv.h"

/* strace's RTMIN is the kernel's, 32. */
static void put_realtime(struct strace_line *l, unsigned signo)
{
	if (signo == SIGRTMIN)
		strace_put(l, "RTMIN");
	else
		strace_put(l, "RT_%u", signo - SIGRTMIN);
}

void strace_put_signal(struct strace_line *l, uint64_t signo)
{
	if (!signo || signo > NR_SIGNALS) {
		strace_put(l, "%d", (int)signo);
	} else if (signo < SIGRTMIN) {
		strace_put(l, "%s", signal_name((int)signo));
	} else {
		strace_put(l, "SIG");
		put_realtime(l, (unsigned)signo);
	}
}

/* [INT TERM]; ~[...] names those that are not in it, when these are fewer. */
void strace_put_signal_set(struct strace_line *l, uint64_t set)
{
	unsigned nr = 0;
	bool is_inverted;
	const char *space = "";

	for (uint64_t rest = set; rest; rest &= rest - 1)
		nr++;
	is_inverted = nr >= 64 * 2 / 3;
	strace_put(l, is_inverted ? "~[" : "[");
	for (unsigned signo = 1; signo <= NR_SIGNALS; signo++) {
		if ((set >> (signo - 1) & 1) == is_inverted)
			continue;
		strace_put(l, "%s", space);
		if (signo < SIGRTMIN)
			strace_put(l, "%s", signal_name((int)signo) + 3);
		else
			put_realtime(l, signo);
		space = " ";
	}
	strace_put(l, "]");
}

static void put_signal(struct strace_line *l, unsigned i)
{
	strace_put_signal(l, (uint32_t)l->args[i]);
}
STRACE_IN(signal);

static void put_sigset(struct strace_line *l, const void *set)
{
	strace_put_signal_set(l, *(const uint64_t *)set);
}
STRACE_OBJECT_IN(sigset_in, uint64_t, put_sigset);
STRACE_OBJECT_OUT(sigset_out, uint64_t, put_sigset);

static void put_action(struct strace_line *l, const void *object)
{
	const struct sigaction_k *act = object;
	static const struct strace_name list[] = {
		{ SA_RESTORER, "SA_RESTORER" }, { SA_ONSTACK, "SA_ONSTACK" }, { SA_RESTART, "SA_RESTART" }, { SA_NODEFER, "SA_NODEFER" },
		{ SA_RESETHAND, "SA_RESETHAND" }, { SA_NOCLDSTOP, "SA_NOCLDSTOP" }, { SA_NOCLDWAIT, "SA_NOCLDWAIT" }, { SA_SIGINFO, "SA_SIGINFO" }, { 0x400, "SA_UNSUPPORTED" },
		{ 0x800, "SA_EXPOSE_TAGBITS" }, { 0, NULL },
	};
	static const struct strace_names flags = { "SA_???", list };

	if (act->handler < 2)
		strace_put(l, "{sa_handler=%s, sa_mask=", act->handler ? "SIG_IGN" : "SIG_DFL");
	else
		strace_put(l, "{sa_handler=%#lx, sa_mask=", (unsigned long)act->handler);
	strace_put_signal_set(l, act->mask);
	strace_put(l, ", sa_flags=");
	strace_put_flags(l, &flags, act->flags);
	if (act->flags & SA_RESTORER)
		strace_put(l, ", sa_restorer=%#lx", (unsigned long)act->restorer);
	strace_put(l, "}");
}

STRACE_OBJECT_IN(sigaction_in, struct sigaction_k, put_action);
STRACE_OBJECT_OUT(sigaction_out, struct sigaction_k, put_action);

static void put_sigstack(struct strace_line *l, const void *object)
{
	const uint64_t *stack = object;
	static const struct strace_name list[] = { { 1, "SS_ONSTACK" }, { 2, "SS_DISABLE" }, { 1ul << 31, "SS_AUTODISARM" }, { 0, NULL } };
	static const struct strace_names flags = { "SS_???", list };

	strace_put(l, "{ss_sp=");
	strace_put_address(l, stack[0]);
	strace_put(l, ", ss_flags=");
	strace_put_flags(l, &flags, (uint32_t)stack[1]);
	strace_put(l, ", ss_size=%lu}", (unsigned long)stack[2]);
}

STRACE_OBJECT_IN(sigstack_in, uint64_t[3], put_sigstack);
STRACE_OBJECT_OUT(sigstack_out, uint64_t[3], put_sigstack);

/* ---- siginfo -------------------------------------------------------------------------------------------------------------------------- */

static const char *code_name(int sig, int code)
{
	static const struct { int code; const char *name; } general[] = {
		{ 0, "SI_USER" }, { 0x80, "SI_KERNEL" }, { -1, "SI_QUEUE" }, { -2, "SI_TIMER" }, { -3, "SI_MESGQ" }, { -4, "SI_ASYNCIO" }, { -5, "SI_SIGIO" },
		{ -6, "SI_TKILL" }, { -60, "SI_ASYNCNL" },
	};
	static const char *const segv[] = { "SEGV_MAPERR", "SEGV_ACCERR", "SEGV_BNDERR", "SEGV_PKUERR" };
	static const char *const bus[] = { "BUS_ADRALN", "BUS_ADRERR", "BUS_OBJERR", "BUS_MCEERR_AR", "BUS_MCEERR_AO" };
	static const char *const ill[] = { "ILL_ILLOPC", "ILL_ILLOPN", "ILL_ILLADR", "ILL_ILLTRP", "ILL_PRVOPC", "ILL_PRVREG", "ILL_COPROC", "ILL_BADSTK" };
	static const char *const fpe[] = { "FPE_INTDIV", "FPE_INTOVF", "FPE_FLTDIV", "FPE_FLTOVF", "FPE_FLTUND", "FPE_FLTRES", "FPE_FLTINV", "FPE_FLTSUB" };
	static const char *const trap[] = { "TRAP_BRKPT", "TRAP_TRACE", "TRAP_BRANCH", "TRAP_HWBKPT" };
	static const char *const child[] = { "CLD_EXITED", "CLD_KILLED", "CLD_DUMPED", "CLD_TRAPPED", "CLD_STOPPED", "CLD_CONTINUED" };
	static const char *const io[] = { "POLL_IN", "POLL_OUT", "POLL_MSG", "POLL_ERR", "POLL_PRI", "POLL_HUP" };
	static const struct { int sig; const char *const *names; int nr; } special[] = {
		{ SIGSEGV, segv, ARRAY_SIZE(segv) }, { SIGBUS, bus, ARRAY_SIZE(bus) }, { SIGILL, ill, ARRAY_SIZE(ill) }, { SIGFPE, fpe, ARRAY_SIZE(fpe) },
		{ SIGTRAP, trap, ARRAY_SIZE(trap) }, { SIGCHLD, child, ARRAY_SIZE(child) }, { SIGIO, io, ARRAY_SIZE(io) },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(general); i++)
		if (general[i].code == code)
			return general[i].name;
	for (unsigned i = 0; i < ARRAY_SIZE(special); i++)
		if (special[i].sig == sig && code >= 1 && code <= special[i].nr)
			return special[i].names[code - 1];
	return NULL;
}

static void put_sender(struct strace_line *l, const struct siginfo *info)
{
	strace_put(l, ", si_pid=%d, si_uid=%d", info->kill.pid, (int)info->kill.uid);
}

static void put_value(struct strace_line *l, uint64_t value)
{
	if (value)
		strace_put(l, ", si_int=%d, si_ptr=%#lx", (int)value, (unsigned long)value);
}

static void put_sent_by_kernel(struct strace_line *l, const struct siginfo *info)
{
	switch (info->signo) {
	case SIGSEGV: case SIGBUS: case SIGILL: case SIGFPE:
		strace_put(l, ", si_addr=");
		strace_put_address(l, info->fault.addr);
		break;
	case SIGCHLD:
		put_sender(l, info);
		strace_put(l, ", si_status=%d", info->child.status);
		break;
	case SIGIO:
		strace_put(l, ", si_band=%ld", (long)info->poll.band);
		break;
	default:
		if (info->kill.pid || info->kill.uid)
			put_sender(l, info);
		put_value(l, info->kill.value);
	}
}

void strace_put_siginfo(struct strace_line *l, const struct siginfo *info)
{
	const char *code = code_name(info->signo, info->code);

	strace_put(l, "{si_signo=");
	strace_put_signal(l, (uint32_t)info->signo);
	if (code)
		strace_put(l, ", si_code=%s", code);
	else
		strace_put(l, ", si_code=%#x", (unsigned)info->code);
	if (info->err)
		strace_put(l, ", si_errno=%d", info->err);
	switch (info->code) {
	case SI_USER: case SI_TKILL:
		put_sender(l, info);
		break;
	case SI_TIMER:
		strace_put(l, info->timer.timer_id ? ", si_timerid=%#x, si_overrun=%d" : ", si_timerid=%u, si_overrun=%d", (unsigned)info->timer.timer_id,
			   info->timer.overrun);
		put_value(l, info->timer.value);
		break;
	case SI_QUEUE:
		put_sender(l, info);
		put_value(l, info->kill.value);
		break;
	default:
		put_sent_by_kernel(l, info);
	}
	strace_put(l, "}");
}

static void put_siginfo(struct strace_line *l, const void *info)
{
	strace_put_siginfo(l, info);
}
STRACE_OBJECT_IN(siginfo_in, struct siginfo, put_siginfo);
STRACE_OBJECT_OUT(siginfo_out, struct siginfo, put_siginfo);

/* rt_sigreturn: the mask that it has restored (strace_exit() puts it there). */
static void put_sigreturn(struct strace_line *l, unsigned i)
{
	(void)i;
	strace_put(l, "{mask=");
	strace_put_signal_set(l, l->before);
	strace_put(l, "}");
}
STRACE_OUT(sigreturn);

/* rt_sigtimedwait: its name. */
void strace_result_signal(struct strace_line *l)
{
	strace_put(l, "%ld (", l->result);
	strace_put_signal(l, (uint64_t)l->result);
	strace_put(l, ")");
}
