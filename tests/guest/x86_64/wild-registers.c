/* SPDX-License-Identifier: MIT */
/*
 * Register values that a program may have or ask for and a kernel must not trip
 * over: stack pointers that point nowhere, handlers and thread pointers that are no
 * addresses, flags that change how instructions of the kernel work, frames of
 * signals that have been tampered with.
 */
#include "test.h"
#include <asm/prctl.h>
#include <linux/sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

static sigjmp_buf jump;
static volatile int nr_handled;

static void leave(int signal_number)
{
	siglongjmp(jump, signal_number);
}

static void catch_all(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE };
	static char stack[65536];
	stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = { .sa_handler = leave, .sa_flags = SA_ONSTACK };

	sigaltstack(&alternate, NULL);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaction(signals[i], &action, NULL);
}

#define try(what, statement)                                 \
	do {                                                 \
		int number_ = sigsetjmp(jump, 1);            \
		if (number_ == 0) {                          \
			statement;                           \
			show("%s: no signal", what);         \
		} else {                                     \
			show("%s: signal %d", what, number_); \
		}                                            \
	} while (0)

static const unsigned long nowhere[] = { 0, 8, 0x1000, 0x7ffffffff000, 0x800000000000, 0x1000000000000000, 0x8000000000000000, 0xffff800000000000,
					 0xffffc00000000000, 0xfffffffffffffff8 };

/* A fault, a breakpoint and system calls on a stack that is none; the signal comes on the alternate one. */
static void test_stack_pointers(void)
{
	for (volatile size_t i = 0; i < ARRAY_LEN(nowhere); i++) {
		unsigned long sp = nowhere[i];

		/* (QEMU's emulation does not tell a stack that is not canonical, SIGBUS, from other addresses, SIGSEGV.) */
		if (sp <= 0x7ffffffff000 || sp > 0xffff800000000000)
			try("push", __asm__ volatile("mov %0, %%rsp\n push %%rax" ::"r"(sp) : "memory"));
		try("breakpoint", __asm__ volatile("mov %0, %%rsp\n int3" ::"r"(sp) : "memory"));
		for (volatile int k = 0; k < 3; k++)
			try("call, call, undefined", __asm__ volatile("mov %0, %%rsp\n mov $39, %%eax\n syscall\n"
								      "mov $24, %%eax\n syscall\n ud2" ::"r"(sp)
								      : "rax", "rcx", "r11", "memory"));
	}
}

static void test_handlers(void)
{
	for (volatile size_t i = 3; i < ARRAY_LEN(nowhere); i++) {
		struct sigaction action = { .sa_handler = (void (*)(int))nowhere[i] };

		sigaction(SIGUSR1, &action, NULL);
		try("handler nowhere", raise(SIGUSR1));
	}
	signal(SIGUSR1, SIG_DFL);
}

static void test_thread_pointers(void)
{
	unsigned long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS;
	static char stack[4096];

	for (size_t i = 4; i < ARRAY_LEN(nowhere); i++) {
		errno = 0;
		long r = syscall(SYS_clone, flags, stack + sizeof(stack), NULL, NULL, nowhere[i]);
		if (r == 0)
			syscall(SYS_exit, 0);
		show("clone: %ld, errno %d", r, errno);
		check_errno("arch_prctl", syscall(SYS_arch_prctl, ARCH_SET_FS, nowhere[i]), EPERM);
	}
}

static void on_usr1(int signal_number)
{
	(void)signal_number;
	nr_handled = nr_handled + 1;
	syscall(SYS_getppid);
}

/* Nested task, alignment check, direction: set while calls are made, signals come, pages are touched. */
static void test_flags(void)
{
	static const unsigned long flags[] = { 0x4000, 0x40000, 0x400, 0x44400 };
	char *pages = mmap(NULL, 64 << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long nr_right = 0;

	signal(SIGUSR1, on_usr1);
	for (int i = 0; i < 64; i++) {
		long result, pid = getpid();

		/* kill(pid, SIGUSR1); touch a page; getpid() twice, at sites of their own */
		__asm__ volatile("pushf\n or %[flags], (%%rsp)\n popf\n"
				 "mov $62, %%eax\n syscall\n"
				 "movb $1, (%[page])\n"
				 "mov $39, %%eax\n syscall\n"
				 ".balign 8\n"
				 "mov $39, %%eax\n syscall\n"
				 "pushf\n andl $~0x44400, (%%rsp)\n popf\n"
				 : "=&a"(result)
				 : [flags] "r"(flags[i % 4]), [page] "r"(pages + (i << 12)), "D"(pid), "S"((long)SIGUSR1)
				 : "rcx", "r11", "memory", "cc");
		nr_right += result == pid;
	}
	show("with odd flags: right %ld, handled %d", nr_right, nr_handled);
}

/* popf with the interrupt flag clear: it is not the program's, time goes on. (Where the program runs at the kernel's level the next fault puts it right.) */
static void test_interrupt_flag(void)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int before = nr_handled;

	signal(SIGALRM, on_usr1);
	ualarm(20000, 0);
	__asm__ volatile("push $2\n popf\n movb $1, (%0)" ::"r"(page) : "memory", "cc");
	while (nr_handled == before)
		;
	show("ok the alarm came");
}

static int tampering;

static void tamper(int signal_number, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	greg_t *r = uc->uc_mcontext.gregs;
	char *fp = (char *)uc->uc_mcontext.fpregs;

	(void)signal_number;
	(void)info;
	switch (tampering) {
	case 0: r[REG_RIP] = (greg_t)0x800000000000; break;
	case 1: r[REG_RIP] = (greg_t)0xffffffff80001000; break;
	case 2: r[REG_RIP] = 0; break;
	case 3: r[REG_RSP] = 8; break;
	case 4: r[REG_EFL] = 0; break;			/* what of it is not the program's has no effect */
	case 5: r[REG_EFL] |= 0x3f7000; break;
	case 6: memset(fp + 24, 0xff, 4); break;	/* MXCSR: reserved bits */
	case 7: memset(fp + 512, 0xff, 64); break;	/* header of the XSAVE area */
	case 8: memset(fp, 0xff, 416); break;
	case 9: uc->uc_mcontext.fpregs = (void *)16; break;
	case 10: uc->uc_mcontext.fpregs = (void *)0xffff800000000000; break;
	case 11: uc->uc_mcontext.fpregs = (void *)((char *)uc->uc_mcontext.fpregs + 1); break;
	case 12: r[REG_CSGSFS] = 0; break;
	}
}

static void test_frames(void)
{
	struct sigaction action = { .sa_sigaction = tamper, .sa_flags = SA_SIGINFO };

	sigaction(SIGUSR2, &action, NULL);
	for (tampering = 0; tampering < 4; tampering++)
		try("frame that leads nowhere", raise(SIGUSR2); ((void (*)(void))0)());
	for (; tampering < 6; tampering++)
		try("flags", raise(SIGUSR2));
	for (; tampering < 13; tampering++) {
		/* Whether what is wrong there is refused or put right is the kernel's choice. */
		int number = sigsetjmp(jump, 1);
		if (number == 0)
			raise(SIGUSR2);
		check("extended state or selectors", number == 0 || number == SIGSEGV);
		uint32_t mxcsr = 0x1f80;
		__asm__ volatile("fninit\n ldmxcsr %0" ::"m"(mxcsr));
	}
}

static char *nested_stack;
static int nr_nested;

/* Each signal comes while the handler of the one before runs, on the same alternate stack, until there is no room: that is the end, and what lies below is as it was. */
static void nest(int signal_number)
{
	nr_nested++;
	for (int i = 0; i < 4096; i++)
		if (nested_stack[i] != 0x5a) {
			show("FAIL what lies below the alternate stack has changed");
			_exit(1);
		}
	if (nr_nested == 3)
		show("ok signals nest");
	raise(signal_number);
}

static void test_full_altstack(void)
{
	struct sigaction action = { .sa_handler = nest, .sa_flags = SA_ONSTACK | SA_NODEFER };
	stack_t alternate = { .ss_size = 32768 };

	nested_stack = mmap(NULL, 4096 + 32768, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(nested_stack, 0x5a, 4096);
	alternate.ss_sp = nested_stack + 4096;
	need(sigaltstack(&alternate, NULL) == 0);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	show("FAIL it ended");
}

int main(void)
{
	catch_all();
	test_stack_pointers();
	test_handlers();
	test_thread_pointers();
	test_flags();
	test_interrupt_flag();
	test_frames();
	test_full_altstack();
	return test_end();
}
