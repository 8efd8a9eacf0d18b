/* SPDX-License-Identifier: MIT */
/*
 * What a handler sees of the code it interrupts is the program's own: pc lies in
 * the program's function, at the svc or behind it, and all registers are as the
 * program set them, wherever the signal came: before, in, or after a system call,
 * also when the kernel runs the call in another place than the program wrote it.
 * The stack can be unwound from the handler through the call to main.
 */
#include "test.h"
#include <pthread.h>
#include <signal.h>
#include <ucontext.h>
#include <unwind.h>

/* void call_in_loop(long number, long a0, long a1, long *go_on): fixed values in x19-x28 and x2-x7. */
extern void call_in_loop(long number, long a0, long a1, const volatile long *go_on);
extern const char loop_start[], loop_site[], loop_end[];

__asm__(".text\n"
	".balign 64\n"
	".global call_in_loop\n"
	".type call_in_loop, %function\n"
	"call_in_loop:\n"
	".cfi_startproc\n"
	"stp x29, x30, [sp, #-96]!\n"
	".cfi_def_cfa_offset 96\n"
	".cfi_offset x29, -96\n"
	".cfi_offset x30, -88\n"
	"mov x29, sp\n"
	"stp x19, x20, [sp, #16]\n"
	".cfi_offset x19, -80\n"
	".cfi_offset x20, -72\n"
	"stp x21, x22, [sp, #32]\n"
	".cfi_offset x21, -64\n"
	".cfi_offset x22, -56\n"
	"str x23, [sp, #48]\n"
	".cfi_offset x23, -48\n"
	"mov x19, x0\n"
	"mov x20, x1\n"
	"mov x21, x2\n"
	"mov x22, x3\n"
	"mov x23, #2300\n"
	"mov x2, xzr\n"
	"mov x3, xzr\n"
	"mov x4, #400\n"
	"mov x5, #500\n"
	"mov x6, #600\n"
	"mov x7, #700\n"
	"mov x9, #900\n"
	"mov x16, #1600\n"
	"mov x17, #1700\n"
	"mov x30, #3000\n"
	".global loop_start\n"
	"loop_start:\n"
	"mov x8, x19\n"
	"mov x0, x20\n"
	"mov x1, x21\n"
	".global loop_site\n"
	"loop_site:\n"
	"svc #0\n"
	"ldr x10, [x22]\n"
	"cbnz x10, loop_start\n"
	".global loop_end\n"
	"loop_end:\n"
	"ldp x19, x20, [sp, #16]\n"
	"ldp x21, x22, [sp, #32]\n"
	"ldr x23, [sp, #48]\n"
	"ldp x29, x30, [sp], #96\n"
	".cfi_restore x29\n .cfi_restore x30\n .cfi_restore x19\n .cfi_restore x20\n .cfi_restore x21\n"
	".cfi_restore x22\n .cfi_restore x23\n .cfi_def_cfa_offset 0\n"
	"ret\n"
	".cfi_endproc\n"
	".size call_in_loop, . - call_in_loop\n");

static volatile long go_on;
static long nr_handled, nr_in_loop, nr_wrong_pc, nr_wrong_registers, nr_at_site, nr_odd_results;
static volatile long number_now;
static int nr_unwound, nr_not_unwound;

struct trace {
	bool has_loop, has_main_body;
	int depth;
};
static void run(const char *what, long number, long a0, long a1, int flags);

static _Unwind_Reason_Code visit(struct _Unwind_Context *context, void *argument)
{
	struct trace *trace = argument;
	void *function = _Unwind_FindEnclosingFunction((void *)_Unwind_GetIP(context));

	trace->has_loop |= function == (void *)call_in_loop;
	trace->has_main_body |= function == (void *)run;
	return ++trace->depth > 30 ? _URC_END_OF_STACK : _URC_NO_REASON;
}

static void look(int signal_number, siginfo_t *info, void *context)
{
	mcontext_t *mc = &((ucontext_t *)context)->uc_mcontext;
	const char *pc = (const char *)mc->pc;

	(void)signal_number;
	(void)info;
	nr_handled++;
	if (pc >= loop_start && pc < loop_end) {
		nr_in_loop++;
		nr_wrong_registers += mc->regs[19] != (uint64_t)number_now || mc->regs[23] != 2300 || mc->regs[4] != 400 ||
				      mc->regs[5] != 500 || mc->regs[6] != 600 || mc->regs[7] != 700 || mc->regs[9] != 900 ||
				      mc->regs[16] != 1600 || mc->regs[17] != 1700 || mc->regs[30] != 3000 || mc->sp != mc->regs[29];
		if (pc > loop_start)
			nr_wrong_registers += mc->regs[8] != (uint64_t)number_now;
		nr_at_site += pc == loop_site || pc == loop_site + 4;
		/* Behind the call x0 is its result: here 0, an id, or -EINTR. */
		if (pc == loop_site + 4)
			nr_odd_results += (long)mc->regs[0] < 0 && (long)mc->regs[0] != -EINTR && number_now != 999;
		struct trace trace = { 0 };
		_Unwind_Backtrace(visit, &trace);
		if (trace.has_loop)
			nr_unwound++;
		else
			nr_not_unwound++;
	} else if (!(pc >= (const char *)call_in_loop && pc < loop_end + 64)) {
		/* Elsewhere: in main before or behind the loop. Never outside the program's code. */
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

__attribute__((noinline)) static void run(const char *what, long number, long a0, long a1, int flags)
{
	struct sigaction action = { .sa_sigaction = look, .sa_flags = SA_SIGINFO | flags };
	pthread_t self = pthread_self(), sender;

	sigaction(SIGUSR1, &action, NULL);
	nr_handled = nr_in_loop = nr_wrong_pc = nr_wrong_registers = nr_at_site = nr_odd_results = 0;
	nr_unwound = nr_not_unwound = 0;
	number_now = number;
	go_on = 1;
	need(pthread_create(&sender, NULL, send_signals, &self) == 0);
	call_in_loop(number, a0, a1, &go_on);
	pthread_join(sender, NULL);
	show("%s: handled %s, wrong pc %ld, wrong registers %ld, wrong results %ld, not unwound %d", what,
	     nr_in_loop > 0 ? "some" : "none", nr_wrong_pc, nr_wrong_registers, nr_odd_results, nr_not_unwound);
}

int main(void)
{
	static struct timespec short_time = { .tv_nsec = 20000 }, long_time = { .tv_nsec = 3000000 };

	run("getpid", SYS_getpid, 1, 2, 0);
	run("unknown call, restarting", 999, 1, 2, SA_RESTART);
	run("sched_yield", SYS_sched_yield, 1, 2, SA_RESTART);
	run("short nanosleep", SYS_nanosleep, (long)&short_time, 0, 0);
	run("longer nanosleep", SYS_nanosleep, (long)&long_time, 0, SA_RESTART);
	return test_end();
}
