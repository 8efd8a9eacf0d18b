/* SPDX-License-Identifier: MIT
 *
 * Exceptions other than interrupts: which are page faults, which are signals (the codes are Linux's, sigaction(2)), which are the kernel's own end. Vectors and error codes:
 * Intel SDM vol. 3A 6.15, 4.7.
 */
#include <arch/cpu.h>
#include <arch/frame.h>
#include <arch/io.h>
#include <arch/lapic.h>
#include <arch/layout.h>
#include <arch/panic.h>
#include <arch/pt.h>
#include <arch/thread.h>
#include <arch/uaccess.h>

#include "arch-x86/percpu.h"
#include "arch-x86/site.h"
#include "arch-x86/thread-priv.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "linux/syscall.h"
#include "mmu/fault.h"
#include "mmu/page.h"
#include "sched/irq.h"

/* signal(7) and si_code, the same on all Linux ports. */
enum { SIGILL = 4, SIGTRAP = 5, SIGBUS = 7, SIGFPE = 8, SIGSEGV = 11 };
enum { SI_KERNEL = 0x80 };
enum { ILL_ILLOPN = 2 };
enum { TRAP_TRACE = 2, TRAP_HWBKPT = 4 };
enum { BUS_ADRALN = 1, BUS_OBJERR = 3 };
enum { FPE_INTDIV = 1, FPE_INTOVF, FPE_FLTDIV, FPE_FLTOVF, FPE_FLTUND, FPE_FLTRES, FPE_FLTINV };

enum {
	VECTOR_DE = 0, VECTOR_DB = 1, VECTOR_NMI = 2, VECTOR_BP = 3, VECTOR_OF = 4, VECTOR_BR = 5, VECTOR_UD = 6, VECTOR_NM = 7, VECTOR_NP = 11, VECTOR_SS = 12,
	VECTOR_GP = 13, VECTOR_PF = 14, VECTOR_MF = 16, VECTOR_AC = 17, VECTOR_MC = 18, VECTOR_XM = 19,
};

#define PF_PRESENT	1u
#define PF_WRITE	2u
#define PF_RESERVED	8u
#define PF_FETCH	16u
#define DR6_STEP	(1ul << 14)
#define DR6_BREAKPOINTS	0xful

const struct frame *arch_panic_frame;

struct extable_entry {
	int32_t from, to;	/* relative to their own address */
};
extern const struct extable_entry __extable_start[], __extable_end[];

void arch_user_trap(struct frame *f);
void arch_kernel_trap(struct frame *f);
void arch_interrupt(struct frame *f);
_Noreturn void arch_bad_exception(struct frame *f);
_Noreturn void arch_stack_overflow(struct frame *f);

static enum fault_access access_kind(uint64_t error)
{
	return error & PF_FETCH ? FAULT_EXEC : error & PF_WRITE ? FAULT_WRITE : FAULT_READ;
}

/*
 * The oldest static programs call time(2) and two others at fixed addresses of the kernel's half (vsyscall). Nothing is there; a jump to one becomes the system call, as on
 * Linux with vsyscall=xonly.
 */
#define VSYSCALL_BASE	0xffffffffff600000ul
#define VSYSCALL_STEP	1024ul

static bool is_vsyscall(struct frame *f)
{
	static const uint16_t numbers[] = { 96, 201, 309 };	/* gettimeofday, time, getcpu */
	uint64_t n = (f->rip - VSYSCALL_BASE) / VSYSCALL_STEP, back;

	if (f->cr2 != f->rip || n >= ARRAY_SIZE(numbers) || f->rip % VSYSCALL_STEP)
		return false;
	if (f->rsp > USER_TOP - 8 || arch_user_copy(&back, (const void *)f->rsp, sizeof(back)))
		return false;
	f->rip = back;
	f->rsp += 8;
	f->rax = numbers[n];
	linux_syscall(f);
	return true;
}

static void user_page_fault(struct frame *f)
{
	enum fault_access access = access_kind(f->error);
	vaddr_t addr = f->cr2;
	int err = -EFAULT;

	if (f->error & PF_RESERVED) {
		linux_trap(f, SIGBUS, BUS_OBJERR, addr);
		return;
	}
	if (addr < USER_TOP)
		err = mmu_fault(current_aspace(), addr, access);
	else if (is_vsyscall(f))
		return;
	if (err)
		linux_fault(f, err, addr, access == FAULT_WRITE);
}

/* Exceptions that are flagged and not masked; the masks stand 7 bits above the flags in MXCSR, and in a word of their own on the x87. */
static int fp_code(uint32_t flags)
{
	if (flags & 1)
		return FPE_FLTINV;
	if (flags & 4)
		return FPE_FLTDIV;
	if (flags & 8)
		return FPE_FLTOVF;
	if (flags & (16 | 2))
		return FPE_FLTUND;
	return flags & 32 ? FPE_FLTRES : 0;
}

static void user_fp_exception(struct frame *f)
{
	uint32_t mxcsr;
	uint16_t fcw, fsw;

	__asm__ volatile("fnstcw %0\n\tfnstsw %1\n\tstmxcsr %2" : "=m"(fcw), "=m"(fsw), "=m"(mxcsr));
	linux_trap(f, SIGFPE, fp_code(f->vector == VECTOR_MF ? fsw & ~(uint32_t)fcw & 0x3f : mxcsr & ~(mxcsr >> 7) & 0x3f), f->rip);
}

/*
 * Whether the application said `int n` (0xcd n) with the vector of f, which at its privilege level arrives as if the exception or the interrupt had come. Where privilege
 * levels differ it is a general protection fault at the instruction (SDM vol. 3A 6.12.1.1), and so it is made one. int3 has an opcode of its own. Vectors with an error code
 * do not come here: vectors.S knows them.
 */
static bool is_int_instruction(const struct frame *f)
{
	uint8_t code[2];

	return f->rip >= 2 && f->rip <= USER_TOP && !arch_user_copy(code, (const void *)(f->rip - 2), 2) && code[0] == 0xcd && code[1] == (uint8_t)f->vector;
}

static bool make_int_instruction(struct frame *f)
{
	if (!is_int_instruction(f))
		return false;
	f->rip -= 2;
	f->error = f->vector << 3 | 2;
	f->vector = VECTOR_GP;
	return true;
}

/* Interrupts masked at entry: DR6 is this CPU's. */
static void user_debug(struct frame *f)
{
	uint64_t dr6;

	if (arch_site_hit(f))
		return;
	__asm__ volatile("movq %%dr6, %0" : "=r"(dr6));
	__asm__ volatile("movq %0, %%dr6" : : "r"(0xffff0ff0ul));
	arch_irq_enable();
	if (!(dr6 & (DR6_STEP | DR6_BREAKPOINTS)) && make_int_instruction(f)) {
		linux_trap(f, SIGSEGV, SI_KERNEL, 0);
		return;
	}
	linux_trap(f, SIGTRAP, dr6 & DR6_STEP ? TRAP_TRACE : TRAP_HWBKPT, f->rip);
}

/* From the application, interrupts masked; returns with them enabled or not. */
void arch_user_trap(struct frame *f)
{
	if (f->vector == VECTOR_DB) {
		user_debug(f);
		return;
	}
	arch_irq_enable();
	if (likely(f->vector == VECTOR_PF)) {
		user_page_fault(f);
		return;
	}
	if (f->vector < VECTOR_NP && f->vector != VECTOR_BP && f->vector != VECTOR_OF)
		make_int_instruction(f);
	else if (f->vector > VECTOR_PF && f->vector != VECTOR_AC)
		make_int_instruction(f);
	switch (f->vector) {
	case VECTOR_DE:
		linux_trap(f, SIGFPE, FPE_INTDIV, f->rip);
		break;
	case VECTOR_BP:
		linux_trap(f, SIGTRAP, SI_KERNEL, 0);
		break;
	case VECTOR_UD:
		linux_trap(f, SIGILL, ILL_ILLOPN, f->rip);
		break;
	case VECTOR_MF:
	case VECTOR_XM:
		user_fp_exception(f);
		break;
	case VECTOR_AC:
		linux_trap(f, SIGBUS, BUS_ADRALN, 0);
		break;
	case VECTOR_NP:
	case VECTOR_SS:
		linux_trap(f, SIGBUS, SI_KERNEL, 0);
		break;
	case VECTOR_NMI:
	case VECTOR_MC:
		arch_bad_exception(f);
	default:	/* #GP: an address that is not canonical, a bad selector */
		linux_trap(f, SIGSEGV, SI_KERNEL, 0);
		break;
	}
}

static bool fix_up(struct frame *f)
{
	for (const struct extable_entry *e = __extable_start; e < __extable_end; e++) {
		if ((vaddr_t)&e->from + (vaddr_t)(int64_t)e->from == f->rip) {
			f->rip = (vaddr_t)&e->to + (vaddr_t)(int64_t)e->to;
			return true;
		}
	}
	return false;
}

/* An entry of the kernel's root that came after this address space was made (device registers far up). */
static bool copy_root_entry(vaddr_t addr)
{
	const pte_t *from = phys_to_virt(arch_pt_kernel_root());
	unsigned i = addr >> PT_SHIFT(PT_TOP_LEVEL) & (PT_ENTRIES - 1);
	paddr_t root;
	pte_t *to;

	__asm__ volatile("movq %%cr3, %0" : "=r"(root));
	to = phys_to_virt(root & PTE_ADDR_MASK);
	if (pt_is_empty(from[i]) || !pt_is_empty(to[i]))
		return false;
	to[i] = from[i];
	return true;
}

static const char *vector_name(uint64_t vector)
{
	switch (vector) {
	case VECTOR_DE: return "division error";
	case VECTOR_BP: return "int3";
	case VECTOR_UD: return "undefined instruction";
	case VECTOR_GP: return "general protection";
	case VECTOR_PF: return "page fault";
	case 2: return "NMI";
	case 8: return "double fault";
	case 18: return "machine check";
	default: return "unexpected exception";
	}
}

/* From the kernel, interrupts masked at entry and at return. */
void arch_kernel_trap(struct frame *f)
{
	bool is_fault = f->vector == VECTOR_PF && !(f->error & (PF_RESERVED | PF_FETCH));
	bool is_access = is_fault && f->cr2 < USER_TOP;

	if (is_access && current_aspace() && !current_preempt_count() && f->rflags & ARCH_RFLAGS_IF) {
		int err;

		arch_irq_enable();
		err = mmu_fault(current_aspace(), f->cr2, access_kind(f->error));
		arch_irq_disable();
		if (!err)
			return;
	}
	if (is_fault && !is_access && !(f->error & PF_PRESENT) && copy_root_entry(f->cr2))
		return;
	if ((is_access || f->vector == VECTOR_GP) && fix_up(f))
		return;
	arch_panic_frame = f;
	panic("%s in the kernel: rip %#lx address %#lx error %#lx", vector_name(f->vector), f->rip, f->cr2, f->error);
}

/* An interrupt that no interrupt controller has made is the application's `int n`. */
void arch_interrupt(struct frame *f)
{
	if (likely(!frame_is_user(f) || !is_int_instruction(f) || lapic_is_in_service((unsigned)f->vector))) {
		sched_irq(f);
		return;
	}
	make_int_instruction(f);
	arch_irq_enable();
	linux_trap(f, SIGSEGV, SI_KERNEL, 0);
}

void arch_bad_exception(struct frame *f)
{
	arch_panic_frame = f;
	panic("%s: rip %#lx address %#lx error %#lx", vector_name(f->vector), f->rip, f->cr2, f->error);
}

void arch_stack_overflow(struct frame *f)
{
	arch_panic_frame = f;
	panic("kernel stack overflow: rsp %#lx rip %#lx (%s, address %#lx)", f->rsp, f->rip, vector_name(f->vector), f->cr2);
}
