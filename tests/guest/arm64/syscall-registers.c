/* SPDX-License-Identifier: MIT */
/*
 * A system call changes x0 and nothing else: x1-x30, sp, NZCV, v0-v31, FPCR and
 * FPSR are as before. Checked at one site for the first execution (which
 * Samara's kernel takes as an exception and patches) and the next ones, for
 * calls that return at once, that block, and that switch threads.
 */
#include "test.h"
#include <pthread.h>
#include <sched.h>

struct registers {
	uint64_t x[31], sp, nzcv, fpcr, fpsr;
	__uint128_t v[32];
};

/*
 * Loads all registers from *before and jumps to before->x[30], which is one of
 * four sites (so that each kind of call has a fresh one). The site executes svc
 * and goes on at after_site, where all registers are stored in *after.
 */
extern void svc_with(const struct registers *before, struct registers *after);

#define SITE(n)                                      \
	"site_" #n ":\n"                             \
	"svc #0\n"                                   \
	"b after_site\n"

__asm__(".text\n"
	".balign 16\n"
	".global svc_with\n"
	".type svc_with, %function\n"
	"svc_with:\n"
	"stp x29, x30, [sp, #-176]!\n"
	"stp x19, x20, [sp, #16]\n"
	"stp x21, x22, [sp, #32]\n"
	"stp x23, x24, [sp, #48]\n"
	"stp x25, x26, [sp, #64]\n"
	"stp x27, x28, [sp, #80]\n"
	"stp d8, d9, [sp, #96]\n"
	"stp d10, d11, [sp, #112]\n"
	"stp d12, d13, [sp, #128]\n"
	"stp d14, d15, [sp, #144]\n"
	"str x1, [sp, #160]\n"
	"ldr x1, [x0, #256]\n" /* nzcv */
	"msr nzcv, x1\n"
	"ldp x1, x2, [x0, #264]\n"
	"msr fpcr, x1\n"
	"msr fpsr, x2\n"
	"add x1, x0, #288\n"
	"ldp q0, q1, [x1], #32\n ldp q2, q3, [x1], #32\n ldp q4, q5, [x1], #32\n ldp q6, q7, [x1], #32\n"
	"ldp q8, q9, [x1], #32\n ldp q10, q11, [x1], #32\n ldp q12, q13, [x1], #32\n ldp q14, q15, [x1], #32\n"
	"ldp q16, q17, [x1], #32\n ldp q18, q19, [x1], #32\n ldp q20, q21, [x1], #32\n ldp q22, q23, [x1], #32\n"
	"ldp q24, q25, [x1], #32\n ldp q26, q27, [x1], #32\n ldp q28, q29, [x1], #32\n ldp q30, q31, [x1], #32\n"
	"ldp x1, x2, [x0, #8]\n ldp x3, x4, [x0, #24]\n ldp x5, x6, [x0, #40]\n ldp x7, x8, [x0, #56]\n"
	"ldp x9, x10, [x0, #72]\n ldp x11, x12, [x0, #88]\n ldp x13, x14, [x0, #104]\n ldp x15, x16, [x0, #120]\n"
	"ldp x17, x18, [x0, #136]\n ldp x19, x20, [x0, #152]\n ldp x21, x22, [x0, #168]\n ldp x23, x24, [x0, #184]\n"
	"ldp x25, x26, [x0, #200]\n ldp x27, x28, [x0, #216]\n ldp x29, x30, [x0, #232]\n"
	/* The site's address is in x30. */
	"ldr x0, [x0]\n"
	"br x30\n"
	"sites:\n" SITE(0) SITE(1) SITE(2) SITE(3)
	"after_site:\n"
	"str x0, [sp, #-16]!\n"
	"ldr x0, [sp, #176]\n" /* the address of *after */
	"stp x1, x2, [x0, #8]\n stp x3, x4, [x0, #24]\n stp x5, x6, [x0, #40]\n stp x7, x8, [x0, #56]\n"
	"stp x9, x10, [x0, #72]\n stp x11, x12, [x0, #88]\n stp x13, x14, [x0, #104]\n stp x15, x16, [x0, #120]\n"
	"stp x17, x18, [x0, #136]\n stp x19, x20, [x0, #152]\n stp x21, x22, [x0, #168]\n stp x23, x24, [x0, #184]\n"
	"stp x25, x26, [x0, #200]\n stp x27, x28, [x0, #216]\n stp x29, x30, [x0, #232]\n"
	"mrs x1, nzcv\n str x1, [x0, #256]\n"
	"mrs x1, fpcr\n mrs x2, fpsr\n stp x1, x2, [x0, #264]\n"
	"msr fpcr, xzr\n"
	"ldr x1, [sp], #16\n"
	"str x1, [x0]\n"
	"mov x1, sp\n"
	"str x1, [x0, #248]\n"
	"add x1, x0, #288\n"
	"stp q0, q1, [x1], #32\n stp q2, q3, [x1], #32\n stp q4, q5, [x1], #32\n stp q6, q7, [x1], #32\n"
	"stp q8, q9, [x1], #32\n stp q10, q11, [x1], #32\n stp q12, q13, [x1], #32\n stp q14, q15, [x1], #32\n"
	"stp q16, q17, [x1], #32\n stp q18, q19, [x1], #32\n stp q20, q21, [x1], #32\n stp q22, q23, [x1], #32\n"
	"stp q24, q25, [x1], #32\n stp q26, q27, [x1], #32\n stp q28, q29, [x1], #32\n stp q30, q31, [x1], #32\n"
	"ldp x19, x20, [sp, #16]\n"
	"ldp x21, x22, [sp, #32]\n"
	"ldp x23, x24, [sp, #48]\n"
	"ldp x25, x26, [sp, #64]\n"
	"ldp x27, x28, [sp, #80]\n"
	"ldp d8, d9, [sp, #96]\n"
	"ldp d10, d11, [sp, #112]\n"
	"ldp d12, d13, [sp, #128]\n"
	"ldp d14, d15, [sp, #144]\n"
	"ldp x29, x30, [sp], #176\n"
	"ret\n"
	".size svc_with, . - svc_with\n");

extern const char sites[] __attribute__((visibility("hidden")));

_Static_assert(offsetof(struct registers, sp) == 248, "assembly above");
_Static_assert(offsetof(struct registers, v) == 288, "assembly above");

static uint64_t random_state = 88172645463325252ull;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* Run one call `times` times with new register values; count what differs. */
static void run(const char *what, int site, int times, long number, long a0, long a1, long a2, long a3, long expected)
{
	struct registers before __attribute__((aligned(16))), after __attribute__((aligned(16)));
	int nr_wrong_x = 0, nr_wrong_v = 0, nr_wrong_flags = 0, nr_wrong_result = 0;
	uint64_t sp = 0;

	for (int i = 0; i < times; i++) {
		for (int r = 0; r < 31; r++)
			before.x[r] = next_random();
		for (int r = 0; r < 32; r++)
			before.v[r] = (__uint128_t)next_random() << 64 | next_random();
		before.nzcv = next_random() & 0xf0000000;
		before.fpcr = next_random() & 0x07c00000; /* rounding mode, FZ, DN, AHP */
		before.fpsr = next_random() & 0x0800009f;
		before.x[0] = (uint64_t)a0;
		before.x[1] = (uint64_t)a1;
		before.x[2] = (uint64_t)a2;
		before.x[3] = (uint64_t)a3;
		before.x[8] = (uint64_t)number;
		before.x[30] = (uint64_t)(sites + 8 * site);
		svc_with(&before, &after);
		for (int r = 1; r < 31; r++)
			nr_wrong_x += before.x[r] != after.x[r];
		nr_wrong_v += memcmp(before.v, after.v, sizeof(before.v)) != 0;
		nr_wrong_flags += before.nzcv != after.nzcv || before.fpcr != after.fpcr || before.fpsr != after.fpsr;
		nr_wrong_flags += i > 0 && sp != after.sp;
		nr_wrong_result += after.x[0] != (uint64_t)expected;
		sp = after.sp;
	}
	show("%s: x %d, v %d, flags %d, result %d", what, nr_wrong_x, nr_wrong_v, nr_wrong_flags, nr_wrong_result);
}

static volatile bool is_over;

/* Another thread that keeps all FP registers busy with other values. */
static void *disturb(void *unused)
{
	(void)unused;
	while (!is_over) {
		double a = 1.5, b = 2.5;
		for (int i = 0; i < 1000; i++)
			a = a * b / 2.4;
		*(volatile double *)&a = a;
		__asm__ volatile("movi v8.2d, #0\n movi v15.2d, #0\n movi v31.2d, #0" ::: "v8", "v15", "v31");
		sched_yield();
	}
	return NULL;
}

int main(void)
{
	struct timespec short_time = { .tv_nsec = 100000 };
	pthread_t threads[2];

	run("getppid, first", 0, 1, SYS_getpid, 1, 2, 3, 4, getpid());
	run("getppid, again", 0, 1000, SYS_getpid, 1, 2, 3, 4, getpid());
	run("unknown call", 0, 100, 999, 1, 2, 3, 4, -ENOSYS);
	run("huge number", 0, 100, -1, 1, 2, 3, 4, -ENOSYS);
	run("bad pointer", 1, 100, SYS_nanosleep, 16, 0, 0, 0, -EFAULT);
	run("nanosleep", 1, 50, SYS_nanosleep, (long)&short_time, 0, 0, 0, 0);
	for (int i = 0; i < 2; i++)
		need(pthread_create(&threads[i], NULL, disturb, NULL) == 0);
	run("sched_yield beside busy threads", 2, 2000, SYS_sched_yield, 0, 0, 0, 0, 0);
	run("nanosleep beside busy threads", 3, 100, SYS_nanosleep, (long)&short_time, 0, 0, 0, 0);
	is_over = true;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	return test_end();
}
