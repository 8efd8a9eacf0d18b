/* SPDX-License-Identifier: MIT */
/*
 * What a handler sees of the code it interrupts is the program's own: pc lies in
 * the program's function, at the syscall or behind it, and all registers are as the
 * program set them, wherever the signal came: before, in, or after a system call,
 * also when the kernel runs the call in another place than the program wrote it.
 * The stack can be unwound from the handler through the call to main, and the red
 * zone of what was interrupted stays as it is.
 */
#include "test.h"
#include <pthread.h>
#include <signal.h>
#include <ucontext.h>
#include <unwind.h>

/*
 * long loop_...(long number, long a0, long a1, const volatile long *go_on): makes the call until *go_on is 0, with fixed values in the other registers and in the red
 * zone. Returns how often the red zone had changed.
 */
typedef long loop_fn(long, long, long, const volatile long *);
#define LOOP(name, mov)                                                                                                    \
	extern loop_fn loop_##name;                                                                                        \
	extern const char start_##name[], site_##name[], end_##name[];                                                     \
	__asm__(".text\n.balign 64\n.global loop_" #name "\n.type loop_" #name ", %function\n"                             \
		"loop_" #name ":\n"                                                                                        \
		".cfi_startproc\n"                                                                                         \
		"push %rbp\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset rbp, 0\n"                                            \
		"push %rbx\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset rbx, 0\n"                                            \
		"push %r12\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset r12, 0\n"                                            \
		"push %r13\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset r13, 0\n"                                            \
		"push %r14\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset r14, 0\n"                                            \
		"push %r15\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset r15, 0\n"                                            \
		"mov %rdi, %rbx\n mov %rsi, %r12\n mov %rdx, %r13\n mov %rcx, %r14\n"                                      \
		"mov $2300, %r15d\n xor %edx, %edx\n xor %r10d, %r10d\n mov $400, %r8d\n mov $500, %r9d\n xor %ebp, %ebp\n" \
		"start_" #name ":\n"                                                                                       \
		"mov %r15, -8(%rsp)\n mov %r15, -64(%rsp)\n mov %r15, -128(%rsp)\n"                                        \
		"mov %r12, %rdi\n mov %r13, %rsi\n" mov "site_" #name ":\n"                                                \
		"syscall\n"                                                                                                \
		"cmp %r15, -8(%rsp)\n jne 1f\n cmp %r15, -64(%rsp)\n jne 1f\n cmp %r15, -128(%rsp)\n je 2f\n"              \
		"1: inc %rbp\n"                                                                                            \
		"2: cmpq $0, (%r14)\n"                                                                                     \
		"jne start_" #name "\n"                                                                                    \
		"end_" #name ":\n"                                                                                         \
		"mov %rbp, %rax\n"                                                                                         \
		"pop %r15\n.cfi_adjust_cfa_offset -8\n pop %r14\n.cfi_adjust_cfa_offset -8\n"                              \
		"pop %r13\n.cfi_adjust_cfa_offset -8\n pop %r12\n.cfi_adjust_cfa_offset -8\n"                              \
		"pop %rbx\n.cfi_adjust_cfa_offset -8\n pop %rbp\n.cfi_adjust_cfa_offset -8\n"                              \
		"ret\n"                                                                                                    \
		".cfi_endproc\n"                                                                                           \
		".size loop_" #name ", . - loop_" #name "\n")

LOOP(any, "mov %rbx, %rax\n"); /* stays as it is */
LOOP(getpid, "mov $39, %eax\n");
LOOP(unknown, "mov $999, %eax\n");
LOOP(yield, "mov $24, %eax\n");
LOOP(nanosleep, "mov $35, %eax\n");
LOOP(nanosleep2, ".balign 8\nmov $35, %eax\n");

struct place {
	loop_fn *function;
	const char *start, *site, *end;
};
#define PLACE(name) { loop_##name, start_##name, site_##name, end_##name }

static const struct place *place;
static volatile long go_on;
static long nr_handled, nr_in_loop, nr_wrong_pc, nr_wrong_registers, nr_odd_results;
static volatile long number_now;
static int nr_not_unwound;

struct trace {
	bool has_loop, has_main_body;
	int depth;
};
static void run(const char *what, struct place there, long number, long a0, long a1, int flags);

static _Unwind_Reason_Code visit(struct _Unwind_Context *context, void *argument)
{
	struct trace *trace = argument;
	void *function = _Unwind_FindEnclosingFunction((void *)_Unwind_GetIP(context));

	trace->has_loop |= function == (void *)place->function;
	trace->has_main_body |= function == (void *)run;
	return ++trace->depth > 30 ? _URC_END_OF_STACK : _URC_NO_REASON;
}

static void look(int signal_number, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	const char *pc = (const char *)r[REG_RIP];

	(void)signal_number;
	(void)info;
	nr_handled++;
	if (pc >= place->start && pc < place->end) {
		nr_in_loop++;
		nr_wrong_registers += r[REG_RBX] != number_now || r[REG_R15] != 2300 || r[REG_RDX] != 0 || r[REG_R10] != 0 ||
				      r[REG_R8] != 400 || r[REG_R9] != 500 || r[REG_R14] != (greg_t)&go_on;
		if (pc == place->site)
			nr_wrong_registers += r[REG_RAX] != number_now;
		/* Behind the call rax is its result: here 0, an id, or -EINTR; rcx is where it is. */
		if (pc == place->site + 2) {
			nr_odd_results += r[REG_RAX] < 0 && r[REG_RAX] != -EINTR && number_now != 999;
			nr_wrong_registers += r[REG_RCX] != (greg_t)pc;
		}
		struct trace trace = { 0 };
		_Unwind_Backtrace(visit, &trace);
		nr_not_unwound += !(trace.has_loop && trace.has_main_body);
	} else {
		/* Elsewhere: in run before or behind the loop. Never outside the program's code. */
		extern char __executable_start, etext;
		nr_wrong_pc += !(pc >= &__executable_start && pc < &etext);
	}
}

static void *send_signals(void *argument)
{
	pthread_t target = *(pthread_t *)argument;

	usleep(2000); /* the other is in its loop then */
	for (int i = 0; i < 600; i++) {
		pthread_kill(target, SIGUSR1);
		for (volatile int k = 0; k < 300 + i % 7 * 200; k++)
			;
		if (i % 8 == 0)
			usleep(200);
	}
	go_on = 0;
	pthread_kill(target, SIGUSR1); /* out of a call that blocks */
	return NULL;
}

__attribute__((noinline)) static void run(const char *what, struct place there, long number, long a0, long a1, int flags)
{
	struct sigaction action = { .sa_sigaction = look, .sa_flags = SA_SIGINFO | flags };
	pthread_t self = pthread_self(), sender;
	long nr_wrong_words;

	place = &there;
	sigaction(SIGUSR1, &action, NULL);
	nr_handled = nr_in_loop = nr_wrong_pc = nr_wrong_registers = nr_odd_results = 0;
	nr_not_unwound = 0;
	number_now = number;
	go_on = 1;
	need(pthread_create(&sender, NULL, send_signals, &self) == 0);
	nr_wrong_words = there.function(number, a0, a1, &go_on);
	pthread_join(sender, NULL);
	show("%s: handled %s, wrong pc %ld, wrong registers %ld, wrong results %ld, not unwound %d, red zone %ld", what,
	     nr_in_loop > 0 ? "some" : "none", nr_wrong_pc, nr_wrong_registers, nr_odd_results, nr_not_unwound, nr_wrong_words);
}

int main(void)
{
	static struct timespec short_time = { .tv_nsec = 20000 }, long_time = { .tv_nsec = 3000000 };

	run("getpid, number in a register", (struct place)PLACE(any), SYS_getpid, 1, 2, 0);
	run("getpid", (struct place)PLACE(getpid), SYS_getpid, 1, 2, 0);
	run("unknown call, restarting", (struct place)PLACE(unknown), 999, 1, 2, SA_RESTART);
	run("sched_yield", (struct place)PLACE(yield), SYS_sched_yield, 1, 2, SA_RESTART);
	run("short nanosleep", (struct place)PLACE(nanosleep), SYS_nanosleep, (long)&short_time, 0, 0);
	run("longer nanosleep", (struct place)PLACE(nanosleep2), SYS_nanosleep, (long)&long_time, 0, SA_RESTART);
	return test_end();
}
