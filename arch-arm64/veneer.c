/* SPDX-License-Identifier: MIT
 *
 * Veneers: the instructions, and how text is changed under running CPUs.
 *
 *	site:	b   veneer			was: svc #0
 *
 *	veneer:	msr spsel, #1				the kernel stack: empty, as after an exception. Level and translation do not change
 *		stp x0, x30, [sp, #-FRAME_SIZE]!	a struct frame, partly filled in, in an order of its own (syscall-fast.S)
 *		ldr x30, entry
 *		blr x30					syscall_fast_entry; it comes back with interrupts masked, all registers but x0 and x30 restored
 *		ldp xzr, x30, [sp], #FRAME_SIZE
 *		msr spsel, #0
 *		msr daifclr, #2
 *		b   site + 4
 *	entry:	.quad syscall_fast_entry
 *
 * From "msr spsel, #1" to "msr spsel, #0" an interrupt finds the kernel (EL1h) and treats it so, whatever the pc. An interrupt that is pending at "msr daifclr" is
 * taken between it and the branch, at EL1t: the frame then shows a pc in the veneer, which arch_veneer_hide() turns into site + 4. At the veneer's first
 * instruction it is site, where the call has not begun. No other place of a veneer is ever seen from EL1t.
 *
 * Changing text (Arm ARM DDI0487 B2.2.5): SVC and B are among the instructions that may be replaced by each other while other CPUs execute them: each sees the old
 * or the new one. The veneer itself is complete and the instruction caches are invalidated for it before the branch to it is written.
 */
#include <arch/veneer.h>

#include <arch/cache.h>

#include "asm-offsets.h"
#include "libc/atomic.h"

#define INSN_SVC		0xd4000001u
#define INSN_B			0x14000000u
#define B_OFFSET_MASK		0x03ffffffu
#define INSN_SPSEL_1		0xd50041bfu
#define INSN_SPSEL_0		0xd50040bfu
#define INSN_IRQ_ENABLE		0xd50342ffu	/* msr daifclr, #2 */
#define INSN_PUSH_X0_X30(size)	(0xa9807be0u | (uint32_t)(-(size) / 8 & 0x7f) << 15)	/* stp x0, x30, [sp, #-size]! */
#define INSN_POP_XZR_X30(size)	(0xa8c07bffu | (uint32_t)((size) / 8 & 0x7f) << 15)	/* ldp xzr, x30, [sp], #size */
#define INSN_LDR_X30_PC(off)	(0x5800001eu | (uint32_t)((off) / 4) << 5)
#define INSN_BLR_X30		0xd63f03c0u

#define WORD_CALL		3
#define WORD_BACK		7
#define WORD_ENTRY		8

void syscall_fast_entry(void);

_Static_assert(FRAME_SIZE % 16 == 0 && FRAME_SIZE <= 504, "immediate of stp and ldp");
_Static_assert((WORD_ENTRY + 2) * 4 <= ARCH_VENEER_SIZE && ARCH_VENEER_SIZE % 8 == 0, "size");
_Static_assert(FAST_BACK_OFFSET == (WORD_BACK - WORD_CALL - 1) * 4, "syscall-fast.S finds the branch back behind its return address");

static uint32_t branch(vaddr_t from, vaddr_t to)
{
	return INSN_B | ((uint32_t)((int64_t)(to - from) >> 2) & B_OFFSET_MASK);
}

void arch_veneer_write(void *at, vaddr_t veneer, vaddr_t site, uint32_t nr)
{
	uint32_t *w = at;

	(void)nr;
	w[0] = INSN_SPSEL_1;
	w[1] = INSN_PUSH_X0_X30(FRAME_SIZE);
	w[2] = INSN_LDR_X30_PC((WORD_ENTRY - 2) * 4);
	w[WORD_CALL] = INSN_BLR_X30;
	w[4] = INSN_POP_XZR_X30(FRAME_SIZE);
	w[5] = INSN_SPSEL_0;
	w[6] = INSN_IRQ_ENABLE;
	w[WORD_BACK] = branch(veneer + WORD_BACK * 4, site + 4);
	*(uint64_t *)(w + WORD_ENTRY) = (uint64_t)syscall_fast_entry;
}

static vaddr_t read_site(const void *at, vaddr_t veneer)
{
	uint32_t b = ((const uint32_t *)at)[WORD_BACK];
	int64_t offset = (int64_t)((uint64_t)b << 38) >> 36;

	return veneer + WORD_BACK * 4 + (uint64_t)offset - 4;
}

void arch_veneer_sync(const void *at, size_t len)
{
	uint64_t ctr;

	arch_sync_icache(at, len);
	/* CTR_EL0.L1Ip VIPT: an invalidation by address reaches only lines of that alias (D7.5.9), and this is not the one that is executed. */
	__asm__("mrs %0, ctr_el0" : "=r"(ctr));
	if ((ctr >> 14 & 3) == 2 && !(ctr >> 29 & 1))
		__asm__ volatile("ic ialluis\n\tdsb ish\n\tisb" : : : "memory");
}

bool arch_site_patch(void *alias, vaddr_t site, vaddr_t veneer, uint32_t nr)
{
	uint32_t expected = INSN_SVC;

	(void)nr;
	/* The program may be writing there at this moment: only an svc is replaced. */
	if (!atomic_cas((uint32_t *)alias, &expected, branch(site, veneer), RELAXED))
		return expected == branch(site, veneer);
	arch_veneer_sync(alias, 4);
	return true;
}

bool arch_site_unpatch(void *alias, vaddr_t site, vaddr_t veneer, uint32_t nr)
{
	uint32_t expected = branch(site, veneer);

	(void)nr;
	if (!atomic_cas((uint32_t *)alias, &expected, INSN_SVC, RELAXED))
		return false;
	arch_veneer_sync(alias, 4);
	return true;
}

void arch_veneer_hide(struct frame *f, const void *at, vaddr_t veneer)
{
	vaddr_t site = read_site(at, veneer);

	f->pc = f->pc == veneer ? site : site + 4;
}
