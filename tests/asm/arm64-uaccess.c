/* SPDX-License-Identifier: MIT
 *
 * arch-arm64/uaccess.S at the edge of a mapping: counts must be exact to the byte, and nothing beyond may be touched. Runs under qemu-user; a
 * handler of SIGSEGV does what the kernel does with the exception table.
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

#define CHECK(cond) \
	do { \
		if (!(cond)) { \
			printf("%s:%d: %s\n", __FILE__, __LINE__, #cond); \
			exit(1); \
		} \
	} while (0)

/* len bytes wanted, have of them are there. */
static void test_copy(size_t len, size_t have)
{
	static unsigned char from[1024], to[1024];
	size_t missing = len - have;

	for (size_t i = 0; i < sizeof(from); i++)
		from[i] = (unsigned char)rand();
	memset(to, 0xee, sizeof(to));
	memcpy(edge - have, from, have);
	CHECK(arch_user_copy(to + 7, edge - have, len) == missing);
	CHECK(memcmp(to + 7, from, have) == 0);
	for (size_t i = 7 + have; i < sizeof(to); i++)
		CHECK(to[i] == 0xee);
	memset(edge - have, 0, have);
	CHECK(arch_user_copy(edge - have, from + 3, len) == missing);
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
	char *p = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED && mprotect(p + 2 * PAGE, PAGE, PROT_NONE) == 0);
	edge = p + 2 * PAGE;
	sigaction(SIGSEGV, &sa, NULL);
	for (size_t len = 0; len < 900; len += 1 + len / 32)
		for (size_t have = 0; have <= len; have += 1 + have / 24)
			test_copy(len, have);
	test_strings();
	test_words();
	return 0;
}
