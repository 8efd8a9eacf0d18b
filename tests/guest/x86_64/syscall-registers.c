/* SPDX-License-Identifier: MIT */
/*
 * A system call changes rax, rcx and r11 and nothing else: the other general
 * registers, rsp, the flags, xmm0-xmm15, MXCSR, the x87 control word and the red
 * zone are as before. Checked at sites where the number comes from a register
 * (which stay as they are) and at sites mov $nr, %eax; syscall (which Samara's
 * kernel rewrites), for the first executions and later ones, for calls that
 * return at once, that block, and that switch threads.
 */
#include "test.h"
#include <pthread.h>
#include <sched.h>

enum { RAX, RBX, RCX, RDX, RSI, RDI, RBP, R8, R9, R10, R11, R12, R13, R14, R15, NR_GENERAL };

struct registers {
	uint64_t r[NR_GENERAL], rsp, flags;
	uint32_t mxcsr;
	uint16_t fcw, fsw;
	uint64_t pad[2];
	unsigned char xmm[16][16];
};

/*
 * Loads all registers from *before and jumps to before->r[RCX], which is one of
 * the sites below. The site makes the call and goes on at after_site, where all
 * registers are stored in *after. The words below the stack pointer are filled
 * before and compared after: returns how many have changed.
 */
extern long call_with(const struct registers *before, struct registers *after);

#define SITE(n, mov) ".balign 16\nsite_" #n ":\n" mov "syscall\njmp after_site\n"
#define LOAD(n)	     "movdqu 160+16*" #n "(%rdi), %xmm" #n "\n"
#define STORE(n)     "movdqu %xmm" #n ", 160+16*" #n "(%rax)\n"
#define ALL(op)                                                                                                      \
	op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) op(14) op(15)

__asm__(".text\n"
	".balign 16\n"
	".global call_with\n"
	".type call_with, %function\n"
	"call_with:\n"
	"push %rbp\n push %rbx\n push %r12\n push %r13\n push %r14\n push %r15\n"
	"push %rsi\n"
	ALL(LOAD)
	"ldmxcsr 136(%rdi)\n fldcw 140(%rdi)\n"
	"mov $16, %ecx\n"
	"1: mov %rcx, -136(%rsp, %rcx, 8)\n"
	"dec %ecx\n"
	"jnz 1b\n"
	"mov 0(%rdi), %rax\n mov 8(%rdi), %rbx\n mov 16(%rdi), %rcx\n mov 24(%rdi), %rdx\n mov 32(%rdi), %rsi\n"
	"mov 48(%rdi), %rbp\n mov 56(%rdi), %r8\n mov 64(%rdi), %r9\n mov 72(%rdi), %r10\n mov 80(%rdi), %r11\n"
	"mov 88(%rdi), %r12\n mov 96(%rdi), %r13\n mov 104(%rdi), %r14\n mov 112(%rdi), %r15\n"
	/* Flags from above the red zone, where the stack pointer is put for the popf. */
	"lea -256(%rsp), %rsp\n push 128(%rdi)\n popf\n lea 256(%rsp), %rsp\n"
	"mov 40(%rdi), %rdi\n"
	"jmp *%rcx\n"
	SITE(0, "")
	SITE(1, "mov $39, %eax\n")  /* getpid */
	SITE(2, "mov $35, %eax\n")  /* nanosleep */
	SITE(3, "mov $24, %eax\n")  /* sched_yield */
	SITE(4, "mov $999, %eax\n") /* none */
	"after_site:\n"
	"lea -256(%rsp), %rsp\n pushf\n cld\n push %rax\n"
	"mov 272(%rsp), %rax\n" /* the address of *after */
	"mov %rbx, 8(%rax)\n mov %rcx, 16(%rax)\n mov %rdx, 24(%rax)\n mov %rsi, 32(%rax)\n mov %rdi, 40(%rax)\n"
	"mov %rbp, 48(%rax)\n mov %r8, 56(%rax)\n mov %r9, 64(%rax)\n mov %r10, 72(%rax)\n mov %r11, 80(%rax)\n"
	"mov %r12, 88(%rax)\n mov %r13, 96(%rax)\n mov %r14, 104(%rax)\n mov %r15, 112(%rax)\n"
	ALL(STORE)
	"stmxcsr 136(%rax)\n fnstcw 140(%rax)\n"
	"pop %rcx\n mov %rcx, 0(%rax)\n"
	"pop %rcx\n mov %rcx, 128(%rax)\n"
	"lea 256(%rsp), %rsp\n"
	"mov %rsp, 120(%rax)\n"
	"movl $0x1f80, -4(%rsp)\n" /* the last word of the red zone is not compared */
	"ldmxcsr -4(%rsp)\n"
	"movw $0x37f, -4(%rsp)\n"
	"fldcw -4(%rsp)\n"
	"xor %eax, %eax\n"
	"mov $15, %ecx\n"
	"2: cmp %rcx, -136(%rsp, %rcx, 8)\n"
	"je 3f\n"
	"inc %eax\n"
	"3: dec %ecx\n"
	"jnz 2b\n"
	"pop %rsi\n"
	"pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbx\n pop %rbp\n"
	"ret\n"
	".size call_with, . - call_with\n");

extern const char site_0[], site_1[], site_2[], site_3[], site_4[];

_Static_assert(offsetof(struct registers, flags) == 128, "assembly above");
_Static_assert(offsetof(struct registers, mxcsr) == 136 && offsetof(struct registers, fcw) == 140, "assembly above");
_Static_assert(offsetof(struct registers, xmm) == 160, "assembly above");

#define FLAGS	  0xcd5ul /* OF DF SF ZF AF PF CF */
#define FLAGS_ALL 0x40ed5ul

static uint64_t random_state = 88172645463325252ull;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* Run one call `times` times with new register values; count what differs. */
static void run(const char *what, const char *site, int times, long number, long a0, long a1, long expected)
{
	struct registers before, after = { .rsp = 0 };
	int nr_wrong_r = 0, nr_wrong_xmm = 0, nr_wrong_flags = 0, nr_wrong_result = 0;
	long nr_wrong_words = 0;
	uint64_t rsp = 0;

	for (int i = 0; i < times; i++) {
		for (int r = 0; r < NR_GENERAL; r++)
			before.r[r] = next_random();
		for (size_t b = 0; b < sizeof(before.xmm); b++)
			((unsigned char *)before.xmm)[b] = (unsigned char)next_random();
		before.flags = (next_random() & FLAGS) | 0x202;
		before.mxcsr = 0x1f80 | (next_random() & 0xe07f); /* rounding, FZ, DAZ, flags */
		before.fcw = 0x37f | (next_random() & 0xc00);
		before.r[RAX] = (uint64_t)number;
		before.r[RDI] = (uint64_t)a0;
		before.r[RSI] = (uint64_t)a1;
		before.r[RCX] = (uint64_t)site;
		nr_wrong_words += call_with(&before, &after);
		for (int r = 0; r < NR_GENERAL; r++)
			nr_wrong_r += r != RAX && r != RCX && r != R11 && before.r[r] != after.r[r];
		nr_wrong_xmm += memcmp(before.xmm, after.xmm, sizeof(before.xmm)) != 0;
		nr_wrong_flags += before.mxcsr != after.mxcsr || before.fcw != after.fcw;
		nr_wrong_flags += (before.flags ^ after.flags) & FLAGS_ALL ? 1 : 0;
		nr_wrong_flags += i > 0 && rsp != after.rsp;
		nr_wrong_result += after.r[RAX] != (uint64_t)expected;
		rsp = after.rsp;
	}
	show("%s: registers %d, xmm %d, flags %d, red zone %ld, result %d", what, nr_wrong_r, nr_wrong_xmm, nr_wrong_flags,
	     nr_wrong_words, nr_wrong_result);
}

static volatile bool is_over;

/* Another thread that keeps the vector registers busy with other values. */
static void *disturb(void *unused)
{
	(void)unused;
	while (!is_over) {
		__asm__ volatile("pxor %%xmm0, %%xmm0\n pxor %%xmm7, %%xmm7\n pxor %%xmm15, %%xmm15\n" ::
					 : "xmm0", "xmm7", "xmm15");
		sched_yield();
	}
	return NULL;
}

int main(void)
{
	struct timespec short_time = { .tv_nsec = 100000 };
	pthread_t threads[2];

	run("getpid, first", site_0, 1, SYS_getpid, 1, 2, getpid());
	run("getpid, again", site_0, 1000, SYS_getpid, 1, 2, getpid());
	run("getpid at a site of its own, first", site_1, 1, 0, 1, 2, getpid());
	run("second", site_1, 1, 0, 1, 2, getpid());
	run("again", site_1, 1000, 0, 1, 2, getpid());
	run("unknown call", site_0, 100, 999, 1, 2, -ENOSYS);
	run("unknown call at a site of its own", site_4, 100, 0, 1, 2, -ENOSYS);
	run("huge number", site_0, 100, -1, 1, 2, -ENOSYS);
	run("upper half of the number", site_0, 100, 1l << 32 | SYS_getpid, 1, 2, getpid());
	run("bad pointer", site_0, 100, SYS_nanosleep, 16, 0, -EFAULT);
	run("nanosleep", site_0, 50, SYS_nanosleep, (long)&short_time, 0, 0);
	for (int i = 0; i < 2; i++)
		need(pthread_create(&threads[i], NULL, disturb, NULL) == 0);
	run("sched_yield beside busy threads", site_3, 2000, 0, 0, 0, 0);
	run("nanosleep beside busy threads", site_2, 100, 0, (long)&short_time, 0, 0);
	is_over = true;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	return test_end();
}
