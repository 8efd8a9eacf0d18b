/* SPDX-License-Identifier: MIT
 *
 * Backtraces by frame records (System V AMD64 ABI 3.2.2: rbp points at {previous rbp, return address}); exception frames carry one of their own.
 */
#include <arch/boot.h>
#include <arch/frame.h>
#include <arch/panic.h>

#include "arch-x86/thread-priv.h"
#include "libc/print.h"

void arch_frame_print(const struct frame *f)
{
	log_raw("rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx\n", f->rax, f->rbx, f->rcx, f->rdx);
	log_raw("rsi %016lx  rdi %016lx  rbp %016lx  rsp %016lx\n", f->rsi, f->rdi, f->rbp, f->rsp);
	log_raw("r8  %016lx  r9  %016lx  r10 %016lx  r11 %016lx\n", f->r8, f->r9, f->r10, f->r11);
	log_raw("r12 %016lx  r13 %016lx  r14 %016lx  r15 %016lx\n", f->r12, f->r13, f->r14, f->r15);
	log_raw("rip %016lx  rflags %08lx  vector %lu  error %lx  cr2 %016lx\n", f->rip, f->rflags, f->vector, f->error, f->cr2);
}

static bool frame_is_on_stack(vaddr_t fp, vaddr_t low, vaddr_t high)
{
	return low && fp >= low && fp <= high - 16 && fp % 8 == 0;
}

unsigned arch_backtrace(const struct frame *f, vaddr_t *pcs, unsigned max, vaddr_t *outer)
{
	vaddr_t fp = f ? f->rbp : (vaddr_t)__builtin_frame_address(0);
	vaddr_t low = (vaddr_t)current_kstack(), high, next = 0;
	unsigned nr = 0;

	/* The boot stack, if the thread has none or this is not it (early in the boot). */
	if (fp >= (vaddr_t)arch_boot_stack && fp < (vaddr_t)arch_boot_stack + ASM_KSTACK_SIZE)
		low = (vaddr_t)arch_boot_stack;
	high = low + ASM_KSTACK_SIZE;
	if (f && nr < max)
		pcs[nr++] = f->rip;
	while (nr < max && frame_is_on_stack(fp, low, high)) {
		const vaddr_t *record = (const vaddr_t *)fp;

		if (!record[1])
			break;
		pcs[nr++] = record[1];
		next = record[0];
		if (next <= fp)
			break;
		fp = next;
	}
	if (outer)
		*outer = next;
	return nr;
}
