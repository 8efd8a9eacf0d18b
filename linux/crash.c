/* SPDX-License-Identifier: MIT
 *
 * The crash report: which signal, where, in which mapped file, and where the caller was. And what becomes of faults of application code.
 */
#include "linux/crash.h"

#include <arch/frame.h>

#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "linux/process.h"
#include "linux/signal-priv.h"
#include "linux/syscall.h"
#include "linux/veneer.h"
#include "mmu/aspace.h"
#include "mmu/object.h"
#include "mmu/user.h"

#define SEGV_MAPERR	1
#define SEGV_ACCERR	2
#define BUS_ADRERR	2
#define BUS_OBJERR	3

static const char *const names[] = {
	[SIGHUP] = "SIGHUP", [SIGINT] = "SIGINT", [SIGQUIT] = "SIGQUIT", [SIGILL] = "SIGILL", [SIGTRAP] = "SIGTRAP", [SIGABRT] = "SIGABRT",
	[SIGBUS] = "SIGBUS", [SIGFPE] = "SIGFPE", [SIGKILL] = "SIGKILL", [SIGUSR1] = "SIGUSR1", [SIGSEGV] = "SIGSEGV", [SIGUSR2] = "SIGUSR2",
	[SIGPIPE] = "SIGPIPE", [SIGALRM] = "SIGALRM", [SIGTERM] = "SIGTERM", [SIGSTKFLT] = "SIGSTKFLT", [SIGCHLD] = "SIGCHLD", [SIGCONT] = "SIGCONT",
	[SIGSTOP] = "SIGSTOP", [SIGTSTP] = "SIGTSTP", [SIGTTIN] = "SIGTTIN", [SIGTTOU] = "SIGTTOU", [SIGURG] = "SIGURG", [SIGXCPU] = "SIGXCPU",
	[SIGXFSZ] = "SIGXFSZ", [SIGVTALRM] = "SIGVTALRM", [SIGPROF] = "SIGPROF", [SIGWINCH] = "SIGWINCH", [SIGIO] = "SIGIO", [SIGPWR] = "SIGPWR",
	[SIGSYS] = "SIGSYS",
};

const char *signal_name(int sig)
{
	return sig > 0 && sig < (int)ARRAY_SIZE(names) && names[sig] ? names[sig] : "a realtime signal";
}

static const char *fault_reason(int sig, const struct siginfo *info)
{
	if (info->code == SI_USER || info->code == SI_TKILL || info->code == SI_QUEUE)
		return "sent by the program itself";
	switch (sig) {
	case SIGSEGV:
		return info->code == SEGV_ACCERR ? "access not permitted there" : info->code == SEGV_MAPERR ? "nothing is mapped there" : "";
	case SIGBUS:
		return info->code == BUS_ADRERR ? "beyond the end of the mapped file" : info->code == 1 ? "misaligned" : "";
	case SIGILL:
		return "not an instruction of this CPU";
	case SIGTRAP:
		return "breakpoint";
	default:
		return "";
	}
}

/* "  pc 0x... libc.so.6+0x1234 (address in the file)". */
static void show_place(const char *what, vaddr_t addr)
{
	struct vm_area_info area;
	char name[128];

	if (!aspace_find(thread_current()->aspace, addr, &area)) {
		log_line("  %-5s %#018lx  (nothing is mapped there)", what, (unsigned long)addr);
		return;
	}
	name[0] = '\0';
	if (area.object && area.object->ops->name)
		(void)area.object->ops->name(area.object, name, sizeof(name));
	if (!name[0])
		strlcpy(name, area.name ? area.name : "anonymous memory", sizeof(name));
	log_line("  %-5s %#018lx  %s + %#lx", what, (unsigned long)addr, name,
		(unsigned long)(addr - area.start + (area.object ? area.off : 0)));
}

void crash_report(const struct frame *f, int sig, const struct siginfo *info)
{
	struct frame shown = *f;
	bool is_fault = info->code > 0 && info->code != SI_KERNEL && sig != SIGABRT;
	const char *reason = fault_reason(sig, info);

	veneer_hide(&shown);
	log_line("%s (thread %d): %s%s%s", thread_current()->name, task_current()->tid, signal_name(sig), reason[0] ? ", " : "", reason);
	show_place("pc", frame_pc(&shown));
	if (frame_lr(&shown))
		show_place("lr", frame_lr(&shown));
	if (is_fault && info->fault.addr != frame_pc(&shown))
		show_place("fault", info->fault.addr);
	log_line("  sp    %#018lx  (addr2line -e FILE ADDRESS names the line; --gdb stops in it)", (unsigned long)frame_sp(&shown));
}

/* ---- faults ---------------------------------------------------------------------------------------------------------- */

void linux_trap(struct frame *f, int signo, int code, vaddr_t addr)
{
	struct siginfo info = { .signo = signo, .code = code, .fault = { .addr = addr } };
	struct task *t = task_current();

	bool is_memory = signo == SIGSEGV || signo == SIGBUS, is_at_pc = addr == frame_pc(f);

	veneer_hide(f);		/* a single step may have ended in one */
	if (is_at_pc)
		info.fault.addr = frame_pc(f);
	t->fault_address = is_memory ? addr : 0;
	t->fault_code = frame_fault_code(f, is_memory);
	signal_force(signo, &info);
}

void linux_fault(struct frame *f, int error, vaddr_t addr, bool is_write)
{
	static uint32_t is_told;

	(void)is_write;
	switch (error) {
	case -ENOMEM:
		if (!atomic_exchange(&is_told, 1u, RELAXED))
			log_line("%s: out of memory: give the machine more (--memory), or the program less to do", thread_current()->name);
		process_exit(SIGKILL);
	case -EACCES:
		linux_trap(f, SIGSEGV, SEGV_ACCERR, addr);
		break;
	case -EFAULT:
		linux_trap(f, SIGSEGV, SEGV_MAPERR, addr);
		break;
	case -ENXIO:
		linux_trap(f, SIGBUS, BUS_ADRERR, addr);
		break;
	default:
		linux_trap(f, SIGBUS, BUS_OBJERR, addr);
		break;
	}
}
