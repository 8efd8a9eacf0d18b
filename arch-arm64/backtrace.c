/* SPDX-License-Identifier: MIT
 *
 * Backtraces by frame records (AAPCS64 6.4.6: x29 points at {previous x29, return address}); exception frames carry one of their own.
 */
#include <arch/boot.h>
#include <arch/frame.h>
#include <arch/panic.h>

#include "arch-arm64/thread-priv.h"
#include "libc/print.h"

void arch_frame_print(const struct frame *f)
{
	for (unsigned i = 0; i < 31; i++)
		log_raw("x%-2u %016lx%s", i, f->x[i], i % 4 == 3 ? "\n" : "  ");
	log_raw("sp  %016lx\npc  %016lx  pstate %08lx  esr %08lx  far %016lx\n", f->sp, f->pc, f->pstate, f->esr,
		f->far);
}

static bool frame_is_on_stack(vaddr_t fp, vaddr_t low, vaddr_t high)
{
	return low && fp >= low && fp <= high - 16 && fp % 8 == 0;
}

unsigned arch_backtrace(const struct frame *f, vaddr_t *pcs, unsigned max, vaddr_t *outer)
{
	vaddr_t fp = f ? f->x[29] : (vaddr_t)__builtin_frame_address(0);
	vaddr_t low = (vaddr_t)current_kstack(), high, next = 0;
	unsigned nr = 0;

	/* The boot stack, if the thread has none or this is not it (early in the boot). */
	if (fp >= (vaddr_t)arch_boot_stack && fp < (vaddr_t)arch_boot_stack + ASM_KSTACK_SIZE)
		low = (vaddr_t)arch_boot_stack;
	high = low + ASM_KSTACK_SIZE;
	if (f && nr < max)
		pcs[nr++] = f->pc;
	/* A function that has no record of its own yet (or never) would hide its caller. */
	if (f && nr < max && frame_is_on_stack(fp, low, high) && f->x[30] && f->x[30] != ((const vaddr_t *)fp)[1])
		pcs[nr++] = f->x[30];
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
