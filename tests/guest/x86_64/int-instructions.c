/* SPDX-License-Identifier: MIT */
/*
 * `int n` for every n. All but int3, int 4 and int 0x80 (which Linux may have as a door for 32-bit programs) are gates that a program may not use: SIGSEGV at the
 * instruction, with an error code that names a gate (QEMU and real machines differ in how they write its number).
 */
#include "test.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#define AT 16

static sigjmp_buf back;
static struct {
	volatile int number, code, trap;
	volatile long error, offset;
} seen;
static char *text;

static void on_signal(int number, siginfo_t *info, void *context)
{
	const ucontext_t *u = context;

	seen.number = number;
	seen.code = info->si_code;
	seen.trap = (int)u->uc_mcontext.gregs[REG_TRAPNO];
	seen.error = (long)u->uc_mcontext.gregs[REG_ERR];
	seen.offset = (long)u->uc_mcontext.gregs[REG_RIP] - (long)text - AT;
	siglongjmp(back, 1);
}

static void execute(const char *code, size_t len)
{
	memset(text, 0x90, 64);
	memcpy(text + AT, code, len);
	text[AT + len] = (char)0xc3;
	seen.number = 0;
	if (sigsetjmp(back, 1) == 0)
		((void (*)(void))(text + AT))();
}

int main(void)
{
	static const int signals[] = { SIGSEGV, SIGTRAP, SIGILL, SIGFPE, SIGBUS };
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	int refused = 0;

	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaction(signals[i], &action, NULL);
	text = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(text != MAP_FAILED);
	for (int n = 0; n < 256; n++) {
		char code[] = { (char)0xcd, (char)n };

		if (n == 0x80)
			continue;
		execute(code, 2);
		if (seen.number == SIGSEGV && seen.code == SI_KERNEL && seen.trap == 13 && (seen.error & 7) == 2 && seen.offset == 0)
			refused++;
		else
			show("int %d: signal %d, code %d, trap %d, error %ld, at %ld", n, seen.number, seen.code, seen.trap, seen.error, seen.offset);
	}
	show("%d are refused", refused);
	execute("\xcc", 1);
	show("int3: signal %d, code %d, trap %d, at %ld", seen.number, seen.code, seen.trap, seen.offset);
	execute("\xce", 1);
	show("into: signal %d, code %d, trap %d, at %ld", seen.number, seen.code, seen.trap, seen.offset);
	return test_end();
}
