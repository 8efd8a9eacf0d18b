/* SPDX-License-Identifier: MIT
 *
 * Sizes and offsets of C structures for assembly: gen/asm-offsets.h is made from the assembly gcc makes of this. The one file of this
 * folder that looks into sched/'s structures, so that nothing else has to.
 */
#include <stddef.h>

#include <arch/boot.h>
#include <arch/frame.h>
#include <arch/thread.h>

#include "arch-x86/percpu.h"
#include "arch-x86/smp.h"
#include "sched/cpu.h"
#include "sched/thread.h"

#define DEF(sym, val) __asm__ volatile("\n.ascii \"->" #sym " %c0\"" : : "i"(val))
#define DEF_FRAME(NAME, field) DEF(FRAME_##NAME, offsetof(struct frame, field))

void asm_offsets(void);
void asm_offsets(void)
{
	DEF_FRAME(R15, r15);
	DEF_FRAME(R14, r14);
	DEF_FRAME(R13, r13);
	DEF_FRAME(R12, r12);
	DEF_FRAME(R11, r11);
	DEF_FRAME(R10, r10);
	DEF_FRAME(R9, r9);
	DEF_FRAME(R8, r8);
	DEF_FRAME(RDI, rdi);
	DEF_FRAME(RSI, rsi);
	DEF_FRAME(RBP, rbp);
	DEF_FRAME(RBX, rbx);
	DEF_FRAME(RDX, rdx);
	DEF_FRAME(RCX, rcx);
	DEF_FRAME(RAX, rax);
	DEF_FRAME(SYSCALL_NR, syscall_nr);
	DEF_FRAME(VECTOR, vector);
	DEF_FRAME(ERROR, error);
	DEF_FRAME(CR2, cr2);
	DEF_FRAME(RECORD, record);
	DEF_FRAME(RIP, rip);
	DEF_FRAME(CS, cs);
	DEF_FRAME(RFLAGS, rflags);
	DEF_FRAME(RSP, rsp);
	DEF_FRAME(SS, ss);
	DEF(FRAME_SIZE, sizeof(struct frame));
	DEF(BOOT_START_INFO, offsetof(struct arch_boot, start_info));
	DEF(BOOT_ENTRY_COUNTER, offsetof(struct arch_boot, entry_counter));
	DEF(CPU_KSTACK_TOP, offsetof(struct arch_cpu, kstack_top));
	DEF(CPU_USER_RSP, offsetof(struct arch_cpu, user_rsp));
	DEF(CPU_VECTOR, offsetof(struct arch_cpu, vector));
	DEF(SECONDARY_NEXT, offsetof(struct secondary_start, next));
	DEF(SECONDARY_APIC_ID, offsetof(struct secondary_start, apic_id));
	DEF(SECONDARY_STACK_TOP, offsetof(struct secondary_start, stack_top));
	DEF(ASM_KSTACK_SIZE, KSTACK_SIZE);
	DEF(ASM_MAX_CPUS, MAX_CPUS);
	DEF(THREAD_PREEMPT_COUNT, offsetof(struct thread, preempt_count));
	DEF(THREAD_ATTENTION, offsetof(struct thread, attention));
	DEF(THREAD_CPU, offsetof(struct thread, cpu));
	DEF(THREAD_TASK, offsetof(struct thread, task));
	DEF(THREAD_ASPACE, offsetof(struct thread, aspace));
	DEF(THREAD_KSTACK, offsetof(struct thread, kstack));
	DEF(THREAD_KSP, offsetof(struct thread, arch.ksp));
	DEF(THREAD_TLS, offsetof(struct thread, arch.tls));
	DEF(THREAD_HAS_FPU, offsetof(struct thread, arch.has_fpu));
	DEF(THREAD_FAST_CALLS, offsetof(struct thread, arch.nr_fast_calls));
	DEF(THREAD_FPU, offsetof(struct thread, arch.fpu));
	DEF(FPU_FCW, offsetof(struct arch_fpu, fcw));
	DEF(FPU_MXCSR, offsetof(struct arch_fpu, mxcsr));
	DEF(FPU_XSTATE_BV, offsetof(struct arch_fpu, xstate_bv));
	DEF(ASM_CPU_ID, offsetof(struct cpu, id));
	DEF(ASM_CPU_HWID, offsetof(struct cpu, hwid));
}

_Static_assert(offsetof(struct arch_cpu, current) == 0, "arch_current()");
_Static_assert(sizeof(struct frame) % 16 == 0, "rsp stays aligned");
_Static_assert(offsetof(struct frame, rip) == sizeof(struct frame) - 40, "iretq");
_Static_assert(offsetof(struct frame, rip) % 16 == 8, "vectors.S, fatal: rsp stays aligned");
_Static_assert((KSTACK_SIZE & (KSTACK_SIZE - 1)) == 0, "overflow test by one bit");
_Static_assert(offsetof(struct arch_fpu, xstate_bv) == 512 && offsetof(struct arch_fpu, mxcsr) == 24 && offsetof(struct arch_fpu, xmm) == 160, "FXSAVE");
_Static_assert(offsetof(struct thread, arch.fpu) % 64 == 0, "XSAVE");
