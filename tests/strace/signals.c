/* SPDX-License-Identifier: MIT */
/* Signals: actions, masks, sending, and their arrival; the last one ends the program. */
#include "calls.h"

#include <sys/mman.h>
#include <sys/time.h>

static void handler(int signo, siginfo_t *info, void *context)
{
	(void)signo, (void)info, (void)context;
}

static void to_next_page(int signo, siginfo_t *info, void *context)
{
	(void)signo, (void)context;
	CALL(mmap, info->si_addr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static void catch(int signo, void (*function)(int, siginfo_t *, void *), int flags)
{
	struct sigaction act = { .sa_sigaction = function, .sa_flags = flags };

	sigaddset(&act.sa_mask, SIGHUP);
	sigaddset(&act.sa_mask, SIGRTMIN + 2);
	sigaction(signo, &act, NULL);
}

int main(void)
{
	uint64_t mask = 1ull << (SIGUSR1 - 1) | 1ull << (SIGCHLD - 1) | 1ull << (40 - 1), old, none = 0;
	struct timespec t = { 0, 1000000 };
	struct itimerval itv = { { 0, 0 }, { 0, 20000 } };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 3, .sigev_value.sival_int = 7 };
	struct itimerspec its = { { 0, 0 }, { 0, 1000000 } };
	siginfo_t info = { .si_signo = SIGUSR2, .si_code = SI_QUEUE };
	stack_t stack = { .ss_sp = NULL, .ss_flags = SS_DISABLE, .ss_size = 0 };
	int pid = CALL(getpid), tid = CALL(gettid), timer, pipefd[2];
	char buf[8];

	catch(SIGUSR1, handler, SA_SIGINFO | SA_RESTART);
	catch(SIGUSR2, handler, SA_SIGINFO | SA_NODEFER | SA_ONSTACK);
	catch(SIGALRM, handler, SA_SIGINFO);
	catch(SIGRTMIN + 3, handler, SA_SIGINFO | SA_RESETHAND);
	catch(SIGSEGV, to_next_page, SA_SIGINFO);
	signal(SIGPIPE, SIG_IGN);
	CALL(rt_sigaction, SIGKILL, NULL, NULL, 8);
	CALL(rt_sigaction, 99, NULL, NULL, 8);
	CALL(sigaltstack, NULL, &stack);
	CALL(sigaltstack, &stack, NULL);
	CALL(rt_sigprocmask, SIG_BLOCK, &mask, &old, 8);
	CALL(rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
	CALL(rt_sigprocmask, 77, NULL, &old, 8);
	CALL(rt_sigprocmask, SIG_BLOCK, BAD, NULL, 8);
	CALL(kill, pid, SIGUSR1);
	CALL(rt_sigpending, &old, 8);
	CALL(rt_sigtimedwait, &mask, &info, &t, 8);
	CALL(rt_sigtimedwait, &mask, NULL, &t, 8);
	CALL(tgkill, pid, tid, SIGUSR1);
	CALL(rt_sigprocmask, SIG_UNBLOCK, &mask, NULL, 8);
	CALL(tkill, tid, SIGUSR2);
	info = (siginfo_t){ .si_signo = SIGUSR2, .si_code = SI_QUEUE };
	info.si_pid = 1;
	info.si_int = 55;
	CALL(rt_sigqueueinfo, pid, SIGUSR2, &info);
	CALL(rt_tgsigqueueinfo, pid, tid, SIGUSR2, &info);
	CALL(kill, pid, 0);
	CALL(kill, pid, 99);
	CALL(kill, pid, SIGCHLD);
	/* Blocked but for the wait, so that they come nowhere else. */
	mask = 1ull << (SIGALRM - 1) | 1ull << (SIGRTMIN + 3 - 1);
	CALL(rt_sigprocmask, SIG_BLOCK, &mask, NULL, 8);
	CALL(setitimer, ITIMER_REAL, &itv, NULL);
	CALL(rt_sigsuspend, &none, 8);
	CALL(setitimer, ITIMER_REAL, &itv, NULL);
	t.tv_sec = 100;
	CALL(ppoll, NULL, 0, &t, &none, 8);
	CALL(timer_create, CLOCK_MONOTONIC, &ev, &timer);
	CALL(timer_settime, timer, 0, &its, NULL);
	CALL(rt_sigsuspend, &none, 8);
	CALL(rt_sigprocmask, SIG_UNBLOCK, &mask, NULL, 8);
	CALL(pipe2, pipefd, 0);
	itv.it_value.tv_usec = 500000;
	CALL(setitimer, ITIMER_REAL, &itv, NULL);
	CALL(read, pipefd[0], buf, sizeof(buf));
	CALL(setitimer, ITIMER_REAL, &itv, NULL);
	t.tv_nsec = 0;
	CALL(nanosleep, &t, &t);
	CALL(close, pipefd[0]);
	CALL(write, pipefd[1], "x", 1);
	*(volatile int *)0x10000000000 = 1;
	CALL(mprotect, 0x10000000000, 4096, PROT_READ);
	CALL(munmap, 0x10000000000, 4096);
	signal(SIGSEGV, SIG_DFL);
	*(volatile int *)0x10000000008 = 1;
	return 0;
}
