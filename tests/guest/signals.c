/* SPDX-License-Identifier: MIT */
/*
 * Signals of one thread: actions, masks, the order of delivery, siginfo,
 * queues of real-time signals, the alternate stack, nesting, jumping out.
 */
#include "test.h"
#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>
#include <ucontext.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif

static volatile sig_atomic_t nr_calls, last_signal;
static char order[64];

static void count(int signal_number)
{
	nr_calls++;
	last_signal = signal_number;
}

static void note(int signal_number)
{
	size_t len = strlen(order);

	order[len] = (char)(signal_number >= SIGRTMIN ? 'a' + signal_number - SIGRTMIN : 'A' + signal_number);
}

static void set_action(int signal_number, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	need(sigaction(signal_number, &action, NULL) == 0);
}

static void set_mask(int how, int signal_number)
{
	sigset_t set;

	sigemptyset(&set);
	if (signal_number != 0)
		sigaddset(&set, signal_number);
	need(sigprocmask(how, &set, NULL) == 0);
}

static void test_actions(void)
{
	struct sigaction action, old;

	check("default at first", sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == SIG_DFL && old.sa_flags == 0);
	memset(&action, 0, sizeof(action));
	action.sa_handler = count;
	action.sa_flags = SA_RESTART | SA_NODEFER;
	sigaddset(&action.sa_mask, SIGUSR2);
	need(sigaction(SIGUSR1, &action, NULL) == 0);
	check("the action is read back", sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == count &&
						 (old.sa_flags & (SA_RESTART | SA_NODEFER)) == (SA_RESTART | SA_NODEFER) &&
						 sigismember(&old.sa_mask, SIGUSR2) && !sigismember(&old.sa_mask, SIGTERM));
	raise(SIGUSR1);
	check("raise runs the handler at once", nr_calls == 1 && last_signal == SIGUSR1);
	kill(getpid(), SIGUSR1);
	check("kill runs the handler at once", nr_calls == 2);

	check_errno("SIGKILL has no handler", sigaction(SIGKILL, &action, NULL), EINVAL);
	check_errno("SIGSTOP has no handler", sigaction(SIGSTOP, &action, NULL), EINVAL);
	check_errno("signal 0", sigaction(0, &action, NULL), EINVAL);
	check_errno("signal 65", syscall(SYS_rt_sigaction, 65, NULL, NULL, 8), EINVAL);
	check_errno("a wrong set size", syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 16), EINVAL);
	check_errno("kill with a wrong number", kill(getpid(), 65), EINVAL);
	check("kill with 0 tests", kill(getpid(), 0) == 0);
	check_errno("no such process", kill(999999, 0), ESRCH);
	check_errno("no such thread", syscall(SYS_tgkill, getpid(), 999999, SIGUSR1), ESRCH);

	set_action(SIGUSR1, SIG_IGN, 0);
	raise(SIGUSR1);
	check("an ignored signal does nothing", nr_calls == 2);
	set_action(SIGUSR1, count, SA_RESETHAND);
	raise(SIGUSR1);
	sigaction(SIGUSR1, NULL, &old);
	check("SA_RESETHAND", nr_calls == 3 && old.sa_handler == SIG_DFL);
	raise(SIGCHLD);
	raise(SIGURG);
	raise(SIGWINCH);
	raise(SIGCONT);
	check("signals ignored by default", true);
}

static void test_masks(void)
{
	sigset_t set, pending;

	nr_calls = 0;
	set_action(SIGUSR1, count, 0);
	set_action(SIGUSR2, count, 0);
	set_mask(SIG_BLOCK, SIGUSR1);
	raise(SIGUSR1);
	raise(SIGUSR1);
	check("a blocked signal waits", nr_calls == 0);
	sigpending(&pending);
	check("it is pending", sigismember(&pending, SIGUSR1) == 1 && sigismember(&pending, SIGUSR2) == 0);
	set_mask(SIG_UNBLOCK, SIGUSR1);
	check("it comes once when unblocked", nr_calls == 1);
	sigpending(&pending);
	check("and is pending no more", sigismember(&pending, SIGUSR1) == 0);

	set_mask(SIG_BLOCK, SIGUSR1);
	raise(SIGUSR1);
	set_action(SIGUSR1, SIG_IGN, 0);
	sigpending(&pending);
	check("ignoring discards what is pending", sigismember(&pending, SIGUSR1) == 0);
	set_action(SIGUSR1, count, 0);
	set_mask(SIG_SETMASK, 0);
	check("nothing came", nr_calls == 1);

	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	sigprocmask(SIG_SETMASK, NULL, &set);
	check("SIGKILL and SIGSTOP cannot be blocked", !sigismember(&set, SIGKILL) && !sigismember(&set, SIGSTOP) &&
							       sigismember(&set, SIGTERM));
	set_mask(SIG_SETMASK, 0);
	check_errno("wrong how", syscall(SYS_rt_sigprocmask, 9, &set, NULL, 8), EINVAL);
	check_errno("wrong size", syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 4), EINVAL);
	check_errno("bad pointer", syscall(SYS_rt_sigprocmask, SIG_BLOCK, (void *)16, NULL, 8), EFAULT);

	nr_calls = 0;
	set_mask(SIG_BLOCK, SIGUSR1);
	raise(SIGUSR1);
	sigemptyset(&set);
	check_errno("sigsuspend returns after the handler", sigsuspend(&set), EINTR);
	sigprocmask(SIG_SETMASK, NULL, &set);
	check("and restores the mask", nr_calls == 1 && sigismember(&set, SIGUSR1));
	set_mask(SIG_SETMASK, 0);
}

/* Pending signals are delivered lowest number first; each later one interrupts
 * the handler of the one before it, before its first instruction. So the
 * handlers run in the opposite order, unless their masks forbid. */
static void test_order(void)
{
	sigset_t all;
	struct sigaction action = { .sa_handler = note };

	for (int blocked = 0; blocked <= 1; blocked++) {
		if (blocked)
			sigfillset(&action.sa_mask);
		memset(order, 0, sizeof(order));
		int numbers[] = { SIGUSR1, SIGUSR2, SIGHUP, SIGTERM, SIGRTMIN + 1, SIGRTMIN };
		for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
			sigaction(numbers[i], &action, NULL);
		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
			kill(getpid(), numbers[i]);
		set_mask(SIG_SETMASK, 0);
		show("order with%s masks: %s", blocked ? "" : "out", order);
	}
}

static siginfo_t infos[16];
static volatile int nr_infos;

static void record(int signal_number, siginfo_t *info, void *context)
{
	(void)signal_number;
	(void)context;
	if (nr_infos < (int)ARRAY_LEN(infos))
		infos[nr_infos++] = *info;
}

static void show_infos(const char *what)
{
	for (int i = 0; i < nr_infos; i++)
		show("%s: signo %d code %d value %d pid %s uid %d", what,
		     infos[i].si_signo < SIGRTMIN ? infos[i].si_signo : 100 + infos[i].si_signo - SIGRTMIN,
		     infos[i].si_code, infos[i].si_code == SI_USER || infos[i].si_code == SI_TKILL ? 0 : infos[i].si_int,
		     infos[i].si_pid == getpid() ? "self" : "other", infos[i].si_uid);
	nr_infos = 0;
}

static void test_queue(void)
{
	struct sigaction action = { .sa_sigaction = record, .sa_flags = SA_SIGINFO };
	union sigval value;

	sigfillset(&action.sa_mask);
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGRTMIN, &action, NULL);
	sigaction(SIGRTMIN + 3, &action, NULL);
	kill(getpid(), SIGUSR1);
	show_infos("kill");
	raise(SIGUSR1);
	show_infos("tgkill");
	value.sival_int = 77;
	sigqueue(getpid(), SIGUSR1, value);
	show_infos("sigqueue");

	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (int i = 0; i < 3; i++) {
		value.sival_int = i;
		sigqueue(getpid(), SIGRTMIN + 3, value);
		value.sival_int = i + 10;
		sigqueue(getpid(), SIGRTMIN, value);
		value.sival_int = i + 20;
		sigqueue(getpid(), SIGUSR1, value);
	}
	set_mask(SIG_SETMASK, 0);
	show_infos("queued");

	siginfo_t forged = { .si_signo = SIGUSR1, .si_code = -60 };
	forged.si_value.sival_int = 5;
	forged.si_pid = getpid();
	check("rt_sigqueueinfo", syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &forged) == 0);
	show_infos("own code");
	check_errno("sigqueue to nobody", sigqueue(999999, 0, value), ESRCH);
}

static void test_wait(void)
{
	sigset_t set;
	siginfo_t info;
	union sigval value = { .sival_int = 9 };
	struct timespec zero = { 0 }, short_time = { .tv_nsec = 10000000 };

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	check_errno("sigtimedwait, none there", sigtimedwait(&set, &info, &zero), EAGAIN);
	check_errno("sigtimedwait, none comes", sigtimedwait(&set, &info, &short_time), EAGAIN);
	sigqueue(getpid(), SIGRTMIN, value);
	kill(getpid(), SIGUSR1);
	show("sigwaitinfo %d, code %d", sigwaitinfo(&set, &info), info.si_code);
	check("then the real-time one", sigwaitinfo(&set, &info) == SIGRTMIN && info.si_int == 9 && info.si_code == SI_QUEUE);
	check_errno("bad timeout", sigtimedwait(&set, &info, &(struct timespec){ .tv_nsec = -1 }), EINVAL);
	check_errno("bad pointer", syscall(SYS_rt_sigtimedwait, (void *)16, NULL, NULL, 8), EFAULT);
	set_mask(SIG_SETMASK, 0);
}

static char alternate[64 * 1024];
static volatile bool was_on_alternate, was_ss_onstack;

static void on_stack(int signal_number)
{
	char here;
	stack_t now;

	(void)signal_number;
	was_on_alternate = (uintptr_t)&here - (uintptr_t)alternate < sizeof(alternate);
	sigaltstack(NULL, &now);
	was_ss_onstack = now.ss_flags & SS_ONSTACK;
	nr_calls++;
}

static void change_while_on(int signal_number)
{
	stack_t other = { .ss_sp = alternate, .ss_size = sizeof(alternate) / 2 };

	(void)signal_number;
	errno = 0;
	was_ss_onstack = sigaltstack(&other, NULL) == -1 && errno == EPERM;
}

static void test_alternate_stack(void)
{
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) }, old;

	sigaltstack(NULL, &old);
	check("no alternate stack at first", old.ss_flags == SS_DISABLE);
	need(sigaltstack(&stack, NULL) == 0);
	set_action(SIGUSR1, on_stack, SA_ONSTACK);
	raise(SIGUSR1);
	check("the handler runs on it", was_on_alternate);
	check("and sees SS_ONSTACK", was_ss_onstack);
	set_action(SIGUSR1, on_stack, 0);
	raise(SIGUSR1);
	check("not without SA_ONSTACK", !was_on_alternate && !was_ss_onstack);
	set_action(SIGUSR1, change_while_on, SA_ONSTACK);
	raise(SIGUSR1);
	check("it cannot be changed while in use", was_ss_onstack);
	sigaltstack(NULL, &old);
	check("it is read back", old.ss_sp == alternate && old.ss_size == sizeof(alternate) && old.ss_flags == 0);
	stack.ss_size = 1024;
	check_errno("too small", sigaltstack(&stack, NULL), ENOMEM);
	stack.ss_size = sizeof(alternate);
	stack.ss_flags = 0x1234;
	check_errno("wrong flags", sigaltstack(&stack, NULL), EINVAL);
	stack.ss_flags = (int)SS_AUTODISARM;
	check("SS_AUTODISARM", sigaltstack(&stack, NULL) == 0);
	set_action(SIGUSR1, on_stack, SA_ONSTACK);
	raise(SIGUSR1);
	check("disarmed in the handler", was_on_alternate && !was_ss_onstack);
	sigaltstack(NULL, &old);
	check("armed again after it", old.ss_sp == alternate);
	stack.ss_flags = SS_DISABLE;
	check("disable", sigaltstack(&stack, NULL) == 0);
	raise(SIGUSR1);
	check("disabled: the ordinary stack", !was_on_alternate);
}

/* A stack overflow is caught on the alternate stack. */
static sigjmp_buf jump;

static void jump_out(int signal_number)
{
	siglongjmp(jump, signal_number);
}

static int overflow(int depth)
{
	volatile char frame[1024];

	frame[depth & 1023] = 1;
	if (depth < 0)
		return 0;
	return overflow(depth + 1) + frame[0];
}

static void test_jumps(void)
{
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) };
	volatile int caught = 0;
	sigset_t set;

	sigaltstack(&stack, NULL);
	set_action(SIGSEGV, jump_out, SA_ONSTACK);
	for (int i = 0; i < 3; i++) {
		int number = sigsetjmp(jump, 1);
		if (number == 0)
			overflow(1);
		caught = caught + (number == SIGSEGV);
	}
	show("stack overflows caught %d", caught);
	caught = 0;
	for (volatile int i = 0; i < 1000; i++) {
		int number = sigsetjmp(jump, 1);
		if (number == 0)
			*(volatile int *)(uintptr_t)(16 + i % 4 * 4) = 1;
		caught = caught + (number == SIGSEGV);
	}
	show("faults caught %d", caught);
	sigprocmask(SIG_SETMASK, NULL, &set);
	check("siglongjmp restores the mask", !sigismember(&set, SIGSEGV));
	set_action(SIGUSR1, jump_out, 0);
	if (sigsetjmp(jump, 0) == 0)
		raise(SIGUSR1);
	sigprocmask(SIG_SETMASK, NULL, &set);
	check("without a saved mask the signal stays blocked", sigismember(&set, SIGUSR1));
	set_mask(SIG_SETMASK, 0);
	set_action(SIGSEGV, SIG_DFL, 0);
}

static volatile int depth, deepest;

static void nest(int signal_number)
{
	depth++;
	if (depth > deepest)
		deepest = depth;
	if (depth < 20)
		raise(signal_number);
	depth--;
}

static void test_nesting(void)
{
	set_action(SIGUSR1, nest, SA_NODEFER);
	raise(SIGUSR1);
	show("nested with SA_NODEFER: %d", deepest);
	deepest = 0;
	set_action(SIGUSR1, nest, 0);
	nr_calls = 0;
	depth = 19; /* one level only: the raise inside would come again and again otherwise */
	raise(SIGUSR1);
	depth = 0;
	show("nested without: %d", deepest - 19);
}

/* Changing the mask in the ucontext changes it after the handler. */
static void block_usr2_after(int signal_number, siginfo_t *info, void *context)
{
	(void)signal_number;
	(void)info;
	sigaddset(&((ucontext_t *)context)->uc_sigmask, SIGUSR2);
}

static void test_context_mask(void)
{
	struct sigaction action = { .sa_sigaction = block_usr2_after, .sa_flags = SA_SIGINFO };
	sigset_t set;

	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	sigprocmask(SIG_SETMASK, NULL, &set);
	check("uc_sigmask takes effect", sigismember(&set, SIGUSR2) && !sigismember(&set, SIGUSR1));
	set_mask(SIG_SETMASK, 0);
}

int main(void)
{
	test_actions();
	test_masks();
	test_order();
	test_queue();
	test_wait();
	test_alternate_stack();
	test_jumps();
	test_nesting();
	test_context_mask();
	return test_end();
}
