/* SPDX-License-Identifier: MIT */
/* A program whose header asks for an executable stack (PT_GNU_STACK with PF_X) gets that and nothing else. */
#include "test.h"

/* What says of an object that it needs such a stack. The compiler's own note, that this one does not, comes later and changes nothing. */
__asm__(".section .note.GNU-stack,\"x\",%progbits\n\t.text");

int main(void)
{
	char line[512];
	FILE *f = fopen("/proc/self/maps", "r");
#ifdef __aarch64__
	volatile uint32_t code[4] = { 0xd65f03c0 };
#else
	volatile uint32_t code[4] = { 0xc3 };
#endif

	need(f);
	while (fgets(line, sizeof(line), f)) {
		char prot[8], name[64];

		if (sscanf(line, "%*s %7s %*s %*s %*s %63s", prot, name) == 2 && (!strcmp(name, "[stack]") || !strcmp(name, "[heap]")))
			show("%s %s", name, prot);
	}
	fclose(f);
	__builtin___clear_cache((char *)code, (char *)code + sizeof(code));
	((void (*)(void))(uintptr_t)code)();
	show("ran");
	return test_end();
}
