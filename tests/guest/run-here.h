/* SPDX-License-Identifier: MIT */
/* What the tests of executable stacks share: does code on the calling thread's stack run? The test makes on_fault() the handler of SIGSEGV, on a stack of its own. */
#pragma once

#include "test.h"
#include <setjmp.h>

#ifdef __aarch64__
#define RETURN 0xd65f03c0
#else
#define RETURN 0xc3
#endif

static __thread sigjmp_buf back;

static void on_fault(int signo)
{
	siglongjmp(back, signo);
}

/* A function that returns at once, on the stack, depth pages below the caller. */
static __attribute__((noinline)) int run_here(int depth)
{
	volatile char room[4096];
	volatile uint32_t code[4] = { RETURN };

	room[0] = 1;
	if (depth)
		return run_here(depth - 1) + room[0];
	__builtin___clear_cache((char *)code, (char *)code + sizeof(code));
	((void (*)(void))(uintptr_t)code)();
	return room[0];
}

static void try(const char *what, int depth)
{
	int signo = sigsetjmp(back, 1);

	if (signo)
		show("%s: signal %d", what, signo);
	else
		show("%s: ran, %d", what, run_here(depth));
}
