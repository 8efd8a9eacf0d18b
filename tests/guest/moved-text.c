/* SPDX-License-Identifier: MIT */
/*
 * Text with system calls that have been made before is moved: as it is; made writable, moved, and made executable again; and while another thread runs it. The calls work
 * where it is now, and nothing goes back to where it was.
 */
#include "test.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

#define PAGE 4096
#define OLD ((char *)0x2000000000l)
#define NEW ((char *)0x2000100000l)

/* long f(void) { return getppid(); } */
static const unsigned char call[] = {
#ifdef __aarch64__
	0xa8, 0x15, 0x80, 0xd2,		/* mov x8, 173 */
	0x01, 0x00, 0x00, 0xd4,		/* svc 0 */
	0xc0, 0x03, 0x5f, 0xd6,		/* ret */
#else
	0xb8, 110, 0, 0, 0,		/* mov $110, %eax */
	0x0f, 0x05,			/* syscall */
	0xc3,
#endif
};

static bool is_over;
static __thread sigjmp_buf back;

static long run(char *at)
{
	return ((long (*)(void))at)();
}

static void place(void)
{
	char *p = mmap(OLD, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	need(p == OLD);
	memcpy(p, call, sizeof(call));
	__builtin___clear_cache(p, p + sizeof(call));
}

static void on_fault(int number)
{
	(void)number;
	siglongjmp(back, 1);
}

/* A wide range is unmapped: what the kernel may have put beside the text, for its own use, is no reason to refuse. */
static void unmap_widely(long expected)
{
	const long reach = 1 << 20;
	bool is_right = true;

	for (int i = 0; i < 3; i++) {
		place();
		for (int k = 0; k < 3; k++)
			is_right &= run(OLD) == expected;
		need(mmap(OLD - reach, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == OLD - reach);
		need(mmap(OLD + reach - PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED);
		is_right &= munmap(OLD - reach, 2 * reach) == 0;
		is_right &= msync(OLD, PAGE, MS_ASYNC) == -1 && msync(OLD - reach, PAGE, MS_ASYNC) == -1 &&
			    msync(OLD + reach - PAGE, PAGE, MS_ASYNC) == -1;
	}
	check("unmapped with all around it", is_right);
}

static void *runner(void *argument)
{
	long expected = getppid();

	while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
		if (sigsetjmp(back, 1) == 0 && run(OLD) != expected)
			__atomic_add_fetch(&test_failures, 1, __ATOMIC_RELAXED);
		if (sigsetjmp(back, 1) == 0 && run(NEW) != expected)
			__atomic_add_fetch(&test_failures, 1, __ATOMIC_RELAXED);
	}
	return argument;
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_fault };
	long expected = getppid();
	pthread_t thread;
	bool is_right = true;

	for (int how = 0; how < 3; how++) {
		place();
		for (int i = 0; i < 3; i++)
			is_right &= run(OLD) == expected;
		if (how == 1)
			need(mprotect(OLD, PAGE, PROT_READ | PROT_WRITE) == 0);
		if (how == 2)
			need(mprotect(OLD, PAGE, PROT_NONE) == 0);
		need(mremap(OLD, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, NEW) == NEW);
		if (how)
			need(mprotect(NEW, PAGE, PROT_READ | PROT_EXEC) == 0);
		is_right &= memcmp(NEW, call, sizeof(call)) == 0;
		for (int i = 0; i < 3; i++)
			is_right &= run(NEW) == expected;
		need(munmap(NEW, PAGE) == 0);
		show("%s: %s", how == 0 ? "moved as it is" : how == 1 ? "writable, moved" : "without access, moved", is_right ? "right" : "wrong");
	}
	unmap_widely(expected);
	sigaction(SIGSEGV, &action, NULL);
	place();
	need(pthread_create(&thread, NULL, runner, NULL) == 0);
	for (int i = 0; i < 2000; i++) {
		need(mremap(OLD, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, NEW) == NEW);
		need(mremap(NEW, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, OLD) == OLD);
	}
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	check("moved while it runs", test_failures == 0);
	return test_end();
}
