/* SPDX-License-Identifier: MIT
 *
 * arch-arm64/uaccess.S at the edge of a mapping: counts must be exact to the byte, and nothing beyond may be touched. Runs under qemu-user; a
 * handler of SIGSEGV does what the kernel does with the exception table, and one of SIGILL gives the current thread, whose FP registers are open, closed, or not there.
 * Whatever a copy uses of them it puts back.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

size_t arch_user_copy(void *dst, const void *src, size_t len);
size_t arch_user_zero(void *dst, size_t len);
long arch_user_strncpy(char *dst, const char *src, size_t max);
int arch_user_load32(const uint32_t *src, uint32_t *out);
int arch_user_store64(uint64_t *dst, uint64_t value);
int arch_user_cas32(uint32_t *p, uint32_t expected, uint32_t desired, uint32_t *seen);

struct entry {
	int32_t from, to;
};
extern const struct entry __start_extable[], __stop_extable[];

#define PAGE	4096ul
static char *edge;	/* the first byte that is not there */

#define CHECK(cond) \
	do { \
		if (!(cond)) { \
			printf("%s:%d: %s\n", __FILE__, __LINE__, #cond); \
			exit(1); \
		} \
	} while (0)

#ifdef __x86_64__
#define NR_KINDS 1
static unsigned kind;

static void registers_set(void) {}
static int registers_wrong(void) { return 0; }
#else
#include "asm-offsets.h"
#define NR_KINDS 3
#define READ_CURRENT	0xd538d083u	/* mrs x3, tpidr_el1 */
static unsigned kind;			/* the thread is an application's with its registers open, closed, or the kernel's */
static uint32_t thread[THREAD_HAS_FPU / 4 + 1];

static void current_thread(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)sig;
	(void)info;
	if (*(const uint32_t *)uc->uc_mcontext.pc != READ_CURRENT)
		_Exit(3);
	thread[THREAD_FPU_LIVE / 4] = kind == 0;
	thread[THREAD_HAS_FPU / 4] = kind < 2;
	uc->uc_mcontext.regs[3] = (uintptr_t)thread;
	uc->uc_mcontext.pc += 4;
}

/* The test is compiled without the use of these registers in between. */
static void registers_set(void)
{
	__asm__ volatile("movi v0.16b, #1\n movi v1.16b, #2\n movi v2.16b, #3\n movi v3.16b, #4\n"
			 "movi v4.16b, #5\n movi v5.16b, #6\n movi v6.16b, #7\n movi v7.16b, #8\n movi v8.16b, #9\n"
			 : : : "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8");
}

static int registers_wrong(void)
{
	unsigned char seen[9 * 16];

	__asm__ volatile("stp q0, q1, [%0]\n stp q2, q3, [%0, #32]\n stp q4, q5, [%0, #64]\n stp q6, q7, [%0, #96]\n str q8, [%0, #128]\n"
			 : : "r"(seen) : "memory");
	for (unsigned i = 0; i < sizeof(seen); i++)
		if (seen[i] != i / 16 + 1)
			return 1;
	return 0;
}
#endif

static size_t copy(void *dst, const void *src, size_t len)
{
	size_t missing;

	registers_set();
	missing = arch_user_copy(dst, src, len);
	CHECK(!registers_wrong());
	return missing;
}

static void fix_up(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
#ifdef __x86_64__
	greg_t *pc = &uc->uc_mcontext.gregs[REG_RIP];
#else
	unsigned long long *pc = &uc->uc_mcontext.pc;
#endif

	(void)sig;
	(void)info;
	for (const struct entry *e = __start_extable; e < __stop_extable; e++) {
		if ((uintptr_t)&e->from + (uintptr_t)(intptr_t)e->from == (uintptr_t)*pc) {
			*pc = (__typeof__(*pc))((uintptr_t)&e->to + (uintptr_t)(intptr_t)e->to);
			return;
		}
	}
	_Exit(2);
}

/* len bytes wanted, have of them are there. */
static void test_copy(size_t len, size_t have)
{
	static unsigned char from[2 * PAGE], to[2 * PAGE];
	size_t missing = len - have;

	for (size_t i = 0; i < sizeof(from); i++)
		from[i] = (unsigned char)rand();
	memset(to, 0xee, sizeof(to));
	memcpy(edge - have, from, have);
	CHECK(copy(to + 7, edge - have, len) == missing);
	CHECK(memcmp(to + 7, from, have) == 0);
	for (size_t i = 7 + have; i < sizeof(to); i++)
		CHECK(to[i] == 0xee);
	memset(edge - have, 0, have);
	CHECK(copy(edge - have, from + 3, len) == missing);
	CHECK(memcmp(edge - have, from + 3, have) == 0);
	CHECK(arch_user_zero(edge - have, len) == missing);
	for (size_t i = 0; i < have; i++)
		CHECK(edge[(long)i - (long)have] == 0);
}

static void test_strings(void)
{
	char to[128];

	for (size_t have = 1; have < 70; have++) {
		memset(edge - have, 'x', have);
		CHECK(arch_user_strncpy(to, edge - have, sizeof(to)) == -14);
		CHECK(arch_user_strncpy(to, edge - have, have) == (long)have);
		memset(to, 1, sizeof(to));
		edge[-1] = '\0';
		CHECK(arch_user_strncpy(to, edge - have, sizeof(to)) == (long)have - 1);
		CHECK(strlen(to) == have - 1);
		for (size_t max = 0; max < have; max++) {
			memset(to, 1, sizeof(to));
			CHECK(arch_user_strncpy(to, edge - have, max) == (long)max);
			CHECK(to[max] == 1);
		}
		/* Bytes with the high bit are not ends. */
		memset(edge - have, 0x80, have);
		edge[-1] = '\0';
		CHECK(arch_user_strncpy(to, edge - have, sizeof(to)) == (long)have - 1);
	}
}

static void test_words(void)
{
	uint32_t *w = (uint32_t *)(edge - 4), v = 0;

	*w = 5;
	CHECK(arch_user_load32(w, &v) == 0 && v == 5);
	CHECK(arch_user_load32(w + 1, &v) == -14);
	CHECK(arch_user_store64((uint64_t *)(edge - 8), 0x0000000700000001) == 0 && *w == 7);
	CHECK(arch_user_store64((uint64_t *)edge, 1) == -14);
	CHECK(arch_user_cas32(w, 7, 9, &v) == 0 && v == 7 && *w == 9);
	CHECK(arch_user_cas32(w, 7, 11, &v) == 0 && v == 9 && *w == 9);
	CHECK(arch_user_cas32(w + 1, 7, 9, &v) == -14);
}

int main(void)
{
	struct sigaction sa = { .sa_sigaction = fix_up, .sa_flags = SA_SIGINFO };
	char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED && mprotect(p + 3 * PAGE, PAGE, PROT_NONE) == 0);
	edge = p + 3 * PAGE;
	sigaction(SIGSEGV, &sa, NULL);
#ifndef __x86_64__
	sa.sa_sigaction = current_thread;
	sigaction(SIGILL, &sa, NULL);
#endif
	for (kind = 0; kind < NR_KINDS; kind++) {
		for (size_t len = 0; len < 1400; len += 1 + len / 32)
			for (size_t have = 0; have <= len; have += 1 + have / 24)
				test_copy(len, have);
		for (size_t len = PAGE - 1; len < 5000; len += 301)
			for (size_t have = 0; have <= len; have += 1 + have / 5)
				test_copy(len, have);
	}
	test_strings();
	test_words();
	return 0;
}
