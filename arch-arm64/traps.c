/* SPDX-License-Identifier: MIT
 *
 * Synchronous exceptions other than system calls: which are page faults, which are signals (the codes are Linux's, sigaction(2)), which
 * are the kernel's own end. ESR_EL1 is decoded after Arm ARM DDI0487 D17.2.37.
 */
#include <arch/cpu.h>
#include <arch/frame.h>
#include <arch/layout.h>
#include <arch/panic.h>

#include "arch-arm64/sysreg.h"
#include "arch-arm64/thread-priv.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "linux/syscall.h"
#include "mmu/fault.h"

/* signal(7) and si_code, the same on all Linux ports. */
enum { SIGILL = 4, SIGTRAP = 5, SIGBUS = 7, SIGFPE = 8, SIGSEGV = 11 };
enum { ILL_ILLOPC = 1, ILL_ILLOPN = 2 };
enum { TRAP_BRKPT = 1, TRAP_TRACE = 2, TRAP_HWBKPT = 4 };
enum { BUS_ADRALN = 1, BUS_OBJERR = 3 };
enum { FPE_INTDIV = 1, FPE_FLTDIV = 3, FPE_FLTOVF, FPE_FLTUND, FPE_FLTRES, FPE_FLTINV, FPE_FLTUNK = 14 };

#define PSTATE_I	(1ul << 7)

const struct frame *arch_panic_frame;

struct extable_entry {
	int32_t from, to;	/* relative to their own address */
};
extern const struct extable_entry __extable_start[], __extable_end[];

void arch_user_trap(struct frame *f);
void arch_kernel_trap(struct frame *f);
_Noreturn void arch_bad_exception(struct frame *f, unsigned vector);
_Noreturn void arch_stack_overflow(struct frame *f);

/* TBI0: the top byte of an application address is not part of it; bit 55 selects the half of the address space. */
static vaddr_t untag(uint64_t far)
{
	return far & (1ul << 55) ? far | 0xfful << 56 : far & ~(0xfful << 56);
}

static bool is_page_fault(uint64_t esr)
{
	unsigned type = esr & ESR_ISS_FSC_TYPE;

	return type == FSC_TRANSLATION || type == FSC_ACCESS_FLAG || type == FSC_PERMISSION;
}

static enum fault_access access_kind(uint64_t esr)
{
	unsigned ec = (unsigned)(esr >> ESR_EC_SHIFT) & 0x3f;

	if (ec == ESR_EC_IABT || ec == ESR_EC_IABT_LOWER)
		return FAULT_EXEC;
	/* Cache maintenance is reported as a write and needs only to be readable. */
	return (esr & ESR_ISS_WNR) && !(esr & ESR_ISS_CM) ? FAULT_WRITE : FAULT_READ;
}

static void user_abort(struct frame *f)
{
	vaddr_t addr = untag(f->far);
	enum fault_access access = access_kind(f->esr);
	unsigned fsc = f->esr & ESR_ISS_FSC_MASK;
	int err = -EFAULT;

	if (fsc == FSC_ALIGNMENT) {
		linux_trap(f, SIGBUS, BUS_ADRALN, addr);
		return;
	}
	if (!is_page_fault(f->esr)) {
		/* External abort, address size, TLB conflict: the memory itself. */
		linux_trap(f, SIGBUS, BUS_OBJERR, addr);
		return;
	}
	if (addr < USER_TOP)
		err = mmu_fault(current_aspace(), addr, access);
	else if ((f->esr & ESR_ISS_FSC_TYPE) == FSC_PERMISSION)
		err = -EACCES;
	if (err)
		linux_fault(f, err, addr, access == FAULT_WRITE);
}

static int fp_code(uint64_t esr)
{
	if (!(esr & (1ul << 23)))	/* TFV: the bits say which */
		return FPE_FLTUNK;
	if (esr & 1)
		return FPE_FLTINV;
	if (esr & 2)
		return FPE_FLTDIV;
	if (esr & 4)
		return FPE_FLTOVF;
	if (esr & 8)
		return FPE_FLTUND;
	return esr & 16 ? FPE_FLTRES : FPE_FLTUNK;
}

/* From the application, interrupts masked; returns with them enabled or not. */
void arch_user_trap(struct frame *f)
{
	if ((f->esr >> ESR_EC_SHIFT & 0x3f) == ESR_EC_FP_TRAP) {
		fpu_claim();
		return;
	}
	arch_irq_enable();
	switch ((f->esr >> ESR_EC_SHIFT) & 0x3f) {
	case ESR_EC_DABT:
	case ESR_EC_IABT:
		user_abort(f);
		break;
	case ESR_EC_PC_ALIGN:
		linux_trap(f, SIGBUS, BUS_ADRALN, untag(f->far));
		break;
	case ESR_EC_SP_ALIGN:
		linux_trap(f, SIGBUS, BUS_ADRALN, f->sp);
		break;
	case ESR_EC_FP_EXCEPTION:
		linux_trap(f, SIGFPE, fp_code(f->esr), f->pc);
		break;
	case ESR_EC_BRK:
		linux_trap(f, SIGTRAP, TRAP_BRKPT, f->pc);
		break;
	case ESR_EC_BREAKPOINT:
		linux_trap(f, SIGTRAP, TRAP_HWBKPT, f->pc);
		break;
	case ESR_EC_WATCHPOINT:
		linux_trap(f, SIGTRAP, TRAP_HWBKPT, untag(f->far));
		break;
	case ESR_EC_STEP:
		linux_trap(f, SIGTRAP, TRAP_TRACE, f->pc);
		break;
	case ESR_EC_FPAC:
		linux_trap(f, SIGILL, ILL_ILLOPN, f->pc);
		break;
	default:	/* undefined, SVE, traps of system registers, BTI, illegal state */
		linux_trap(f, SIGILL, ILL_ILLOPC, f->pc);
		break;
	}
}

static bool fix_up(struct frame *f)
{
	for (const struct extable_entry *e = __extable_start; e < __extable_end; e++) {
		if ((vaddr_t)&e->from + (vaddr_t)(int64_t)e->from == f->pc) {
			f->pc = (vaddr_t)&e->to + (vaddr_t)(int64_t)e->to;
			return true;
		}
	}
	return false;
}

static const char *class_name(uint64_t esr)
{
	switch ((esr >> ESR_EC_SHIFT) & 0x3f) {
	case ESR_EC_DABT: return "data abort";
	case ESR_EC_IABT: return "instruction abort";
	case ESR_EC_BRK: return "brk";
	case ESR_EC_PC_ALIGN: return "misaligned pc";
	case ESR_EC_SP_ALIGN: return "misaligned sp";
	case ESR_EC_ILLEGAL_STATE: return "illegal execution state";
	case ESR_EC_SERROR: return "system error";
	case ESR_EC_UNKNOWN: return "undefined instruction";
	default: return "unexpected exception";
	}
}

/* From the kernel, interrupts masked at entry and at return. */
void arch_kernel_trap(struct frame *f)
{
	unsigned ec = (f->esr >> ESR_EC_SHIFT) & 0x3f;
	vaddr_t addr = untag(f->far);
	bool is_access = ec == ESR_EC_DABT && addr < USER_TOP;

	if (ec == ESR_EC_FP_TRAP && fpu_claim_for_copy())
		return;
	if (is_access && is_page_fault(f->esr) && current_aspace() && !current_preempt_count() &&
	    !(f->pstate & PSTATE_I)) {
		int err;

		arch_irq_enable();
		err = mmu_fault(current_aspace(), addr, access_kind(f->esr));
		arch_irq_disable();
		if (!err)
			return;
	}
	if ((is_access || ec == ESR_EC_UNKNOWN) && fix_up(f))
		return;
	arch_panic_frame = f;
	panic("%s in the kernel: pc %#lx address %#lx esr %#lx", class_name(f->esr), f->pc, f->far, f->esr);
}

void arch_bad_exception(struct frame *f, unsigned vector)
{
	static const char *const kind[] = { "synchronous", "irq", "fiq", "system error" };

	arch_panic_frame = f;
	panic("%s exception (vector %u): pc %#lx address %#lx esr %#lx", kind[vector & 3], vector, f->pc, f->far,
	      f->esr);
}

void arch_stack_overflow(struct frame *f)
{
	arch_panic_frame = f;
	panic("kernel stack overflow: sp %#lx pc %#lx (%s, address %#lx)", f->sp, f->pc, class_name(f->esr), f->far);
}
