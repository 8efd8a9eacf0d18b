/* SPDX-License-Identifier: MIT
 *
 * Veneers. Which sites are rewritten, and how: site.c.
 *
 *	site:	jmp veneer			was: mov $nr, %eax
 *		syscall				still there, no longer reached
 *	back:	...
 *
 *	veneer:	mov $nr, %eax
 *		lea back(%rip), %rcx		what syscall does with rcx
 *		cli				and with the interrupt flag
 *		jmp *entry(%rip)		syscall_fast_entry (syscall.S), which comes back to rcx by itself
 *	entry:	.quad
 *
 * Nothing is pushed: below the stack pointer lies the program's red zone. Interrupted in a veneer, the program is shown at the syscall
 * instruction, with the number in rax (rcx is dead there), and goes on with that: so even a program that single-steps finds what it expects, and gets past the site. From
 * cli on it cannot be interrupted.
 */
#include <arch/veneer.h>

#include "libc/atomic.h"
#include "libc/string.h"

#define AT_LEA		5
#define AT_CLI		12
#define AT_JMP		13
#define AT_ENTRY	24

_Static_assert(AT_ENTRY + 8 == ARCH_VENEER_SIZE, "size");

void syscall_fast_entry(void);

void arch_veneer_write(void *at, vaddr_t veneer, vaddr_t site, uint32_t nr)
{
	int32_t back = (int32_t)(site + ARCH_SITE_SIZE + 2 - (veneer + AT_CLI)), entry = AT_ENTRY - (AT_JMP + 6);
	uint64_t target = (uint64_t)syscall_fast_entry;
	uint8_t *b = at;

	memset(b, 0xcc, ARCH_VENEER_SIZE);
	b[0] = 0xb8;
	memcpy(b + 1, &nr, 4);
	memcpy(b + AT_LEA, "\x48\x8d\x0d", 3);
	memcpy(b + AT_LEA + 3, &back, 4);
	b[AT_CLI] = 0xfa;
	memcpy(b + AT_JMP, "\xff\x25", 2);
	memcpy(b + AT_JMP + 2, &entry, 4);
	memcpy(b + AT_ENTRY, &target, 8);
}

void arch_veneer_sync(const void *at, size_t len)
{
	(void)at;
	(void)len;	/* instruction fetch is coherent, whatever the linear address (SDM vol. 3A 11.6) */
	atomic_fence(RELEASE);	/* release: the veneer before the branch to it. Pairs: arch_site_patch */
}

void arch_veneer_hide(struct frame *f, const void *at, vaddr_t veneer)
{
	uint32_t nr;
	int32_t back;

	memcpy(&nr, (const uint8_t *)at + 1, sizeof(nr));
	memcpy(&back, (const uint8_t *)at + AT_LEA + 3, sizeof(back));
	f->rip = veneer + AT_CLI + (uint64_t)(int64_t)back - 2;
	f->rax = nr;
}
