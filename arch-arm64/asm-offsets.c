/* SPDX-License-Identifier: MIT
 *
 * Sizes and offsets of C structures for assembly: gen/asm-offsets.h is made from the assembly gcc makes of this. The one file of this
 * folder that looks into sched/'s structures, so that nothing else has to.
 */
#include <stddef.h>

#include <arch/boot.h>
#include <arch/frame.h>
#include <arch/thread.h>

#include "sched/cpu.h"
#include "sched/thread.h"

#define DEF(sym, val) __asm__ volatile("\n.ascii \"->" #sym " %c0\"" : : "i"(val))

void asm_offsets(void);
void asm_offsets(void)
{
	DEF(FRAME_X, offsetof(struct frame, x));
	DEF(FRAME_SP, offsetof(struct frame, sp));
	DEF(FRAME_PC, offsetof(struct frame, pc));
	DEF(FRAME_PSTATE, offsetof(struct frame, pstate));
	DEF(FRAME_ORIG_X0, offsetof(struct frame, orig_x0));
	DEF(FRAME_SYSCALL_NR, offsetof(struct frame, syscall_nr));
	DEF(FRAME_ESR, offsetof(struct frame, esr));
	DEF(FRAME_FAR, offsetof(struct frame, far));
	DEF(FRAME_RECORD, offsetof(struct frame, record));
	DEF(FRAME_SIZE, sizeof(struct frame));
	DEF(FRAME_PSTATE_EL1T, PSTATE_EL1T);
	DEF(FAST_BACK_OFFSET, 12);	/* from a veneer's call to its branch back: arch-arm64/veneer.c */
	DEF(BOOT_FDT, offsetof(struct arch_boot, fdt));
	DEF(BOOT_IMAGE_START, offsetof(struct arch_boot, image_start));
	DEF(BOOT_IMAGE_END, offsetof(struct arch_boot, image_end));
	DEF(BOOT_ENTRY_COUNTER, offsetof(struct arch_boot, entry_counter));
	DEF(BOOT_FROM_EL2, offsetof(struct arch_boot, from_el2));
	DEF(ASM_KSTACK_SIZE, KSTACK_SIZE);
	DEF(KSTACK_SIZE_LOG2, __builtin_ctzl(KSTACK_SIZE));
	DEF(THREAD_PREEMPT_COUNT, offsetof(struct thread, preempt_count));
	DEF(THREAD_ATTENTION, offsetof(struct thread, attention));
	DEF(THREAD_CPU, offsetof(struct thread, cpu));
	DEF(THREAD_TASK, offsetof(struct thread, task));
	DEF(THREAD_ASPACE, offsetof(struct thread, aspace));
	DEF(THREAD_KSTACK, offsetof(struct thread, kstack));
	DEF(THREAD_KSP, offsetof(struct thread, arch.ksp));
	DEF(THREAD_TLS, offsetof(struct thread, arch.tls));
	DEF(THREAD_USER_SP, offsetof(struct thread, arch.user_sp));
	DEF(THREAD_FPU_LIVE, offsetof(struct thread, arch.fpu_live));
	DEF(THREAD_HAS_FPU, offsetof(struct thread, arch.has_fpu));
	DEF(THREAD_FPU_EAGER, offsetof(struct thread, arch.fpu_eager));
	DEF(THREAD_FAST_CALLS, offsetof(struct thread, arch.nr_fast_calls));
	DEF(THREAD_FPU, offsetof(struct thread, arch.fpu));
	DEF(FPU_V, offsetof(struct arch_fpu, v));
	DEF(FPU_FPSR, offsetof(struct arch_fpu, fpsr));
	DEF(CPU_ID, offsetof(struct cpu, id));
	DEF(CPU_HWID, offsetof(struct cpu, hwid));
	DEF(CPU_IDLE, offsetof(struct cpu, idle));
}

_Static_assert(sizeof(struct frame) % 16 == 0, "sp stays aligned");
_Static_assert((KSTACK_SIZE & (KSTACK_SIZE - 1)) == 0, "overflow test by one bit");
_Static_assert(offsetof(struct frame, sp) == offsetof(struct frame, x) + 31 * 8, "x30 and sp are stored as a pair");
_Static_assert(offsetof(struct frame, pstate) == offsetof(struct frame, pc) + 8, "pair");
_Static_assert(offsetof(struct frame, syscall_nr) == offsetof(struct frame, orig_x0) + 8, "pair");
_Static_assert(offsetof(struct frame, far) == offsetof(struct frame, esr) + 8, "pair");
_Static_assert(offsetof(struct arch_thread, user_sp) == offsetof(struct arch_thread, tls) + 8, "pair");
_Static_assert(offsetof(struct arch_thread, has_fpu) == offsetof(struct arch_thread, fpu_live) + 4, "pair");
_Static_assert(offsetof(struct arch_thread, fpu_eager) == offsetof(struct arch_thread, has_fpu) + 4, "pair");
_Static_assert(offsetof(struct arch_fpu, fpcr) == offsetof(struct arch_fpu, fpsr) + 4, "pair");
