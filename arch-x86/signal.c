/* SPDX-License-Identifier: MIT
 *
 * Signal frames of Linux x86-64 (uapi asm/sigcontext.h, asm/ucontext.h), on the application's stack, from low to high:
 *
 *	sp ->	return address			the restorer: the handler's ret goes there, and it calls rt_sigreturn with sp behind this word
 *		ucontext			flags, link, uc_stack, sigcontext, uc_sigmask
 *		siginfo				128 bytes
 *		extended state			64-byte aligned, an XSAVE area in the standard format (SDM vol. 1 13.4); bytes 464-511 say how long it is; a magic word ends it
 *		128 bytes			the red zone of the interrupted function (System V AMD64 ABI 3.2.2), unless on another stack
 *
 * The handler gets rdi = signal, rsi = siginfo, rdx = ucontext, sp + 8 16-byte aligned, extended state initial. cs and ss show an application at ring 3, as Linux has
 * it; what comes back of flags and selectors is the application's part of the flags.
 */
#include <arch/signal.h>

#include <arch/cpu.h>
#include <arch/frame.h>
#include <arch/layout.h>
#include <arch/program.h>
#include <arch/thread.h>
#include <arch/uaccess.h>

#include "arch-x86/percpu.h"
#include "arch-x86/signal-reg.h"
#include "libc/errno.h"
#include "libc/string.h"

_Static_assert(sizeof(struct sigframe) + sizeof(struct arch_fpu) + 4 + RED_ZONE + 64 + 8 <= ARCH_MINSIGSTKSZ + 128, "AT_MINSIGSTKSZ");
_Static_assert(offsetof(struct arch_fpu, unused) + sizeof(((struct arch_fpu *)0)->unused) == SW_BYTES_OFFSET + sizeof(struct sw_bytes), "software's 48 bytes");

extern const struct arch_fpu arch_fpu_initial;

vaddr_t arch_user_sp(void)
{
	uint64_t top;

	__asm__ volatile("movq %%gs:%c1, %0" : "=r"(top) : "i"(offsetof(struct arch_cpu, kstack_top)));
	return ((struct frame *)top - 1)->rsp;
}

/* As copy_to_user() and copy_from_user() of mmu/, which is above this folder. */
static int write_user(vaddr_t dst, const void *src, size_t len)
{
	return dst <= USER_TOP - len && arch_user_copy((void *)dst, src, len) == 0 ? 0 : -EFAULT;
}

static int read_user(void *dst, vaddr_t src, size_t len)
{
	return src <= USER_TOP - len && arch_user_copy(dst, (const void *)src, len) == 0 ? 0 : -EFAULT;
}

/* Without XSAVE: 512 bytes, and nothing that says so. */
static size_t fpu_size(void)
{
	return arch_fpu_format.size + (arch_fpu_format.xcr0 ? sizeof(uint32_t) : 0);
}

static int push_fpu(vaddr_t at)
{
	uint32_t end = FP_XSTATE_MAGIC2;
	struct arch_fpu fpu;
	struct sw_bytes sw = {
		.magic1 = FP_XSTATE_MAGIC1, .extended_size = (uint32_t)fpu_size(), .xfeatures = arch_fpu_format.xcr0, .xstate_size = arch_fpu_format.size,
	};

	memset(&fpu, 0, arch_fpu_format.size);	/* parts that XSAVE leaves out */
	arch_fpu_store(&fpu);
	if (!arch_fpu_format.xcr0)
		return write_user(at, &fpu, 512);
	fpu.xstate_bv |= XFEATURE_FPSSE;	/* as Linux: the first 512 bytes count in any case */
	memcpy((uint8_t *)&fpu + SW_BYTES_OFFSET, &sw, sizeof(sw));
	return write_user(at, &fpu, arch_fpu_format.size) || write_user(at + arch_fpu_format.size, &end, sizeof(end)) ? -EFAULT : 0;
}

static void fill_context(struct sigcontext *mc, const struct frame *f, const struct arch_signal *s, vaddr_t fpstate)
{
	*mc = (struct sigcontext){
		.r8 = f->r8, .r9 = f->r9, .r10 = f->r10, .r11 = f->r11, .r12 = f->r12, .r13 = f->r13, .r14 = f->r14, .r15 = f->r15,
		.rdi = f->rdi, .rsi = f->rsi, .rbp = f->rbp, .rbx = f->rbx, .rdx = f->rdx, .rax = f->rax, .rcx = f->rcx, .rsp = f->rsp,
		.rip = f->rip, .eflags = f->rflags, .cs = LINUX_USER_CS, .ss = LINUX_USER_SS,
		.err = (uint32_t)s->fault_code, .trapno = s->fault_code >> 32, .oldmask = s->mask, .cr2 = s->fault_address, .fpstate = fpstate,
	};
}

/* A frame that begins on the alternate stack ends on it: below it lies something else (since Linux 5.14, x86 alone). */
static bool overflows_altstack(const struct arch_signal *s, vaddr_t at)
{
	return (s->stack_top || (s->alt_flags & 1)) && (at <= s->alt_sp || at - s->alt_sp > s->alt_size);	/* 1: SS_ONSTACK */
}

int arch_signal_push(struct frame *f, const struct arch_signal *s)
{
	vaddr_t top = s->stack_top ? s->stack_top : f->rsp - RED_ZONE, fpstate, at;
	struct sigframe sf;

	/* A handler that is no address would make iretq fault, not the program (SDM vol. 2, IRET). */
	if (top < sizeof(sf) + sizeof(struct arch_fpu) + 256 || top > USER_TOP || s->handler >= USER_TOP)
		return -EFAULT;
	fpstate = ALIGN_DOWN(top - fpu_size(), 64ul);
	at = ALIGN_DOWN(fpstate - sizeof(sf), 16ul) - 8;
	if (overflows_altstack(s, at))
		return -EFAULT;
	memset(&sf, 0, sizeof(sf));
	sf.restorer = s->restorer;
	sf.uc.flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS | (arch_fpu_format.xcr0 ? UC_FP_XSTATE : 0);
	sf.uc.stack_sp = s->alt_sp;
	sf.uc.stack_flags = s->alt_flags;
	sf.uc.stack_size = s->alt_size;
	sf.uc.sigmask = s->mask;
	fill_context(&sf.uc.mc, f, s, fpstate);
	memcpy(sf.siginfo, s->siginfo, sizeof(sf.siginfo));
	if (push_fpu(fpstate) || write_user(at, &sf, sizeof(sf)))
		return -EFAULT;
	arch_fpu_load(&arch_fpu_initial);
	f->rdi = (uint64_t)s->signo;
	f->rsi = at + offsetof(struct sigframe, siginfo);
	f->rdx = at + offsetof(struct sigframe, uc);
	f->rax = 0;		/* no vector registers hold arguments (ABI 3.5.7) */
	f->rsp = at;
	f->rip = s->handler;
	f->rflags &= ~(RFLAGS_DF | RFLAGS_RF | RFLAGS_TF);
	return 0;
}

/* Make what the program may have written well formed: XRSTOR faults on anything else (SDM vol. 1 13.8.1). */
static void sanitize_fpu(struct arch_fpu *fpu)
{
	fpu->xstate_bv &= arch_fpu_format.xcr0;
	fpu->xcomp_bv = 0;
	memset(fpu->header, 0, sizeof(fpu->header));
	fpu->mxcsr &= arch_fpu_format.mxcsr_mask;
}

static int pop_fpu(vaddr_t at, struct arch_fpu *fpu)
{
	struct sw_bytes sw;
	uint32_t end = 0;

	if (!at) {
		*fpu = arch_fpu_initial;
		return 0;
	}
	if (read_user(fpu, at, 512))
		return -EFAULT;
	memcpy(&sw, (uint8_t *)fpu + SW_BYTES_OFFSET, sizeof(sw));
	memset((uint8_t *)fpu + 512, 0, MAX(arch_fpu_format.size, 576u) - 512);
	fpu->xstate_bv = XFEATURE_FPSSE;
	/* Only if it says so at both ends is it more than the first 512 bytes: a frame may have been copied by who knew no more (uapi asm/sigcontext.h). */
	if (arch_fpu_format.xcr0 && sw.magic1 == FP_XSTATE_MAGIC1 && sw.xstate_size == arch_fpu_format.size) {
		if (read_user(&end, at + arch_fpu_format.size, sizeof(end)))
			return -EFAULT;
		if (end == FP_XSTATE_MAGIC2 && read_user((uint8_t *)fpu + 512, at + 512, arch_fpu_format.size - 512))
			return -EFAULT;
	}
	sanitize_fpu(fpu);
	return 0;
}

int arch_signal_pop(struct frame *f, uint64_t *mask, vaddr_t *alt_sp, uint64_t *alt_size, int *alt_flags)
{
	struct arch_fpu fpu;
	struct ucontext uc;
	const struct sigcontext *mc = &uc.mc;
	int r = read_user(&uc, f->rsp, sizeof(uc));	/* the handler's ret has taken the word before it */

	if (r)
		return r;
	if (mc->rip >= USER_TOP || mc->rsp >> 63)
		return -EINVAL;
	r = pop_fpu(mc->fpstate, &fpu);
	if (r)
		return r;
	*f = (struct frame){
		.r15 = mc->r15, .r14 = mc->r14, .r13 = mc->r13, .r12 = mc->r12, .r11 = mc->r11, .r10 = mc->r10, .r9 = mc->r9, .r8 = mc->r8,
		.rdi = mc->rdi, .rsi = mc->rsi, .rbp = mc->rbp, .rbx = mc->rbx, .rdx = mc->rdx, .rcx = mc->rcx, .rax = mc->rax,
		.syscall_nr = f->syscall_nr, .record = { mc->rbp, mc->rip },
		.rip = mc->rip, .cs = f->cs, .rflags = (f->rflags & ~RFLAGS_USER) | (mc->eflags & RFLAGS_USER), .rsp = mc->rsp, .ss = f->ss,
	};
	*mask = uc.sigmask;
	*alt_sp = uc.stack_sp;
	*alt_size = uc.stack_size;
	*alt_flags = uc.stack_flags;
	arch_fpu_load(&fpu);
	return 0;
}
