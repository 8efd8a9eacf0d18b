/* SPDX-License-Identifier: MIT */
/* Stacks that may be executed: mprotect(2) with PROT_GROWSDOWN, as glibc does it for a library that wants one, and what READ_IMPLIES_EXEC means. */
#include "run-here.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/personality.h>

static char protection_of(const void *p, char wanted)
{
	char line[512], prot[8], found = '?';
	FILE *f = fopen("/proc/self/maps", "r");

	need(f);
	while (fgets(line, sizeof(line), f)) {
		unsigned long start, end;

		if (sscanf(line, "%lx-%lx %7s", &start, &end, prot) == 3 && (unsigned long)p >= start && (unsigned long)p < end)
			found = strchr(prot, wanted) ? wanted : '-';
	}
	fclose(f);
	return found;
}

static void protect(const char *what, void *p, size_t len, int prot)
{
	errno = 0;
	show("%s: %s", what, mprotect(p, len, prot) ? strerrorname_np(errno) : "done");
}

int main(void)
{
	static char alternate[65536];
	stack_t ss = { .ss_sp = alternate, .ss_size = sizeof(alternate) };
	struct sigaction sa = { .sa_handler = on_fault, .sa_flags = SA_ONSTACK | SA_NODEFER };
	char *page = (char *)((uintptr_t)&ss & ~4095ul), *other;

	need(sigaltstack(&ss, NULL) == 0 && sigaction(SIGSEGV, &sa, NULL) == 0);
	try("plain stack", 0);
	other = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(other != MAP_FAILED && munmap(other + 8192, 4096) == 0);
	protect("other memory, down", other, 4096, PROT_READ | PROT_GROWSDOWN);
	protect("other memory, up", other, 4096, PROT_READ | PROT_GROWSUP);
	protect("both ways", page, 4096, PROT_READ | PROT_WRITE | PROT_GROWSDOWN | PROT_GROWSUP);
	protect("both ways, nothing", page, 0, PROT_READ | PROT_GROWSDOWN | PROT_GROWSUP);
	protect("a hole, down", other + 8192, 4096, PROT_READ | PROT_GROWSDOWN);
	protect("unknown bit", other, 4096, PROT_READ | 0x04000000);
	protect("PROT_SEM", other, 4096, PROT_READ | PROT_WRITE | 8);
	protect("stack, up", page, 4096, PROT_READ | PROT_WRITE | PROT_GROWSUP);
	try("still plain", 0);
	protect("stack, down", page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC | PROT_GROWSDOWN);
	try("executable", 0);
	try("30 pages deep", 30);
	try("300 pages deep", 300);
	protect("plain again", page, 4096, PROT_READ | PROT_WRITE | PROT_GROWSDOWN);
	try("plain again", 0);
	try("plain and deep", 40);

	need(personality(READ_IMPLIES_EXEC) == 0);
	show("personality %x", (unsigned)personality(0xffffffff));
	protect("implied", other, 4096, PROT_READ | PROT_WRITE);
	show("readable memory: %c, unprotected: %c", protection_of(other, 'x'), protection_of(other + 4096, 'x'));
	protect("not implied", other, 4096, PROT_WRITE);
	show("written only: %c", protection_of(other, 'x'));
	munmap(other, 8192);
	other = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	show("new memory: %c", protection_of(other, 'x'));
	return test_end();
}
