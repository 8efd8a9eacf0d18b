/* SPDX-License-Identifier: MIT */
/*
 * Threads without a thread library, as Go makes them: clone with raw flags, the
 * parent's and child's tid words, CLEARTID and its futex wake, exit of one thread,
 * wrong combinations of flags.
 */
#include "test.h"
#include <linux/futex.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>

#define THREAD_FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

/* long clone_thread(flags, stack_top, parent_tid, tls, child_tid, body, argument):
 * the child calls body(argument) and exits with SYS_exit. */
extern long clone_thread(unsigned long flags, void *stack, int *parent_tid, void *tls, int *child_tid,
			 void (*body)(void *), void *argument);
#ifdef __aarch64__
__asm__(".text\n"
	".global clone_thread\n"
	".type clone_thread, %function\n"
	"clone_thread:\n"
	"mov x8, #220\n"
	"mov x9, x5\n"
	"mov x10, x6\n"
	"svc #0\n"
	"cbnz x0, 1f\n"
	"mov x29, xzr\n"
	"mov x30, xzr\n"
	"mov x0, x10\n"
	"blr x9\n"
	"mov x8, #93\n"
	"mov x0, #0\n"
	"svc #0\n"
	"1: ret\n"
	".size clone_thread, . - clone_thread\n");

static long raw(long number, long a0, long a1, long a2, long a3)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a0;
	register long x1 __asm__("x1") = a1;
	register long x2 __asm__("x2") = a2;
	register long x3 __asm__("x3") = a3;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
	return x0;
}

static long thread_pointer(void)
{
	long tls;

	__asm__ volatile("mrs %0, tpidr_el0" : "=r"(tls));
	return tls;
}
#else
__asm__(".text\n"
	".global clone_thread\n"
	".type clone_thread, @function\n"
	"clone_thread:\n"
	"mov 8(%rsp), %rax\n"
	"sub $16, %rsi\n"
	"mov %rax, (%rsi)\n"
	"mov %r8, %r10\n"	/* here child_tid goes before tls (clone(2)) */
	"mov %rcx, %r8\n"
	"mov $56, %eax\n"
	"syscall\n"
	"test %rax, %rax\n"
	"jnz 1f\n"
	"xor %ebp, %ebp\n"
	"pop %rdi\n"
	"pop %rax\n"
	"call *%r9\n"
	"mov $60, %eax\n"
	"xor %edi, %edi\n"
	"syscall\n"
	"1: ret\n"
	".size clone_thread, . - clone_thread\n");

static long raw(long number, long a0, long a1, long a2, long a3)
{
	register long r10 __asm__("r10") = a3;

	__asm__ volatile("syscall" : "+a"(number) : "D"(a0), "S"(a1), "d"(a2), "r"(r10) : "rcx", "r11", "memory");
	return number;
}

static long thread_pointer(void)
{
	long tls = -1;

	raw(SYS_arch_prctl, 0x1003 /* ARCH_GET_FS */, (long)&tls, 0, 0);
	return tls;
}
#endif

static int parent_word, child_word, seen_tid, seen_child_word;
static long seen_tls;
static bool is_aligned;

/* No thread-local storage of the C library here: raw calls only. */
__attribute__((noinline)) static void body(void *argument)
{
	char here;

	seen_tid = (int)raw(SYS_gettid, 0, 0, 0, 0);
	seen_child_word = __atomic_load_n(&child_word, __ATOMIC_ACQUIRE);
	seen_tls = thread_pointer();
	is_aligned = ((uintptr_t)__builtin_frame_address(0) & 15) == 0 && &here < (char *)argument;
}

static char *new_stack(void)
{
	char *stack = mmap(NULL, 64 << 10, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(stack != MAP_FAILED);
	return stack + (64 << 10);
}

static void wait_for_exit(int *word)
{
	int value;

	while ((value = __atomic_load_n(word, __ATOMIC_ACQUIRE)) != 0)
		raw(SYS_futex, (long)word, FUTEX_WAIT, value, 0);
}

static void test_thread(void)
{
	char *stack = new_stack();

	child_word = 77;
	long tid = clone_thread(THREAD_FLAGS | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID,
				stack, &parent_word, (void *)0x123450, &child_word, body, stack);
	need(tid > 0);
	check("parent's word", __atomic_load_n(&parent_word, __ATOMIC_ACQUIRE) == tid);
	wait_for_exit(&child_word);
	check("the child's id", seen_tid == tid);
	check("the child's word", seen_child_word == tid);
	check("the thread pointer", seen_tls == 0x123450);
	check("the stack", is_aligned);
}

#define NR_THREADS 200
static int nr_ran, words[NR_THREADS];

static void count(void *unused)
{
	(void)unused;
	__atomic_add_fetch(&nr_ran, 1, __ATOMIC_SEQ_CST);
	for (int i = 0; i < 50; i++)
		raw(SYS_sched_yield, 0, 0, 0, 0);
}

static void test_many(void)
{
	void *tls = (void *)thread_pointer();

	for (int i = 0; i < NR_THREADS; i++) {
		words[i] = 1;
		/* Go's flags: no tid words but for the one that is waited for here. */
		need(clone_thread(THREAD_FLAGS | CLONE_SETTLS | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID, new_stack(), NULL, tls,
				  &words[i], count, NULL) > 0);
		if (i % 4 == 3)
			wait_for_exit(&words[i]);
	}
	for (int i = 0; i < NR_THREADS; i++)
		wait_for_exit(&words[i]);
	show("threads %d", nr_ran);
}

static void block_usr1(void *unused)
{
	unsigned long mask = 0;

	(void)unused;
	raw(SYS_rt_sigprocmask, SIG_BLOCK, 0, (long)&mask, 8);
	parent_word = mask == 1ul << (SIGUSR1 - 1);
}

static void test_inheritance(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	child_word = 1;
	void *tls = (void *)thread_pointer();
	need(clone_thread(THREAD_FLAGS | CLONE_SETTLS | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID, new_stack(), NULL, tls, &child_word,
			  block_usr1, NULL) > 0);
	wait_for_exit(&child_word);
	check("the signal mask is inherited", parent_word == 1);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int main(void)
{
	test_thread();
	test_many();
	test_inheritance();
	show("THREAD without SIGHAND: %ld", raw(SYS_clone, CLONE_THREAD | CLONE_VM, 0, 0, 0));
	show("SIGHAND without VM: %ld", raw(SYS_clone, CLONE_SIGHAND, 0, 0, 0));
	show("FS and NEWNS: %ld", raw(SYS_clone, CLONE_FS | CLONE_NEWNS, 0, 0, 0));
	struct clone_args args = { .flags = 1ull << 40 };
	show("clone3 with unknown flags: %ld", raw(435, (long)&args, sizeof(args), 0, 0));
	show("clone3 too small: %ld", raw(435, (long)&args, 8, 0, 0));
	show("clone3 at a bad address: %ld", raw(435, 16, sizeof(args), 0, 0));
	return test_end();
}
