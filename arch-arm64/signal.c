/* SPDX-License-Identifier: MIT
 *
 * Signal frames of Linux arm64 (uapi asm/sigcontext.h, asm/ucontext.h), on the application's stack, from low to high:
 *
 *	sp ->	siginfo				128 bytes
 *		ucontext			flags, link, uc_stack, uc_sigmask, (1024-bit area), sigcontext:
 *			fault_address, x0-x30, sp, pc, pstate
 *			records (16-byte aligned, 4096 bytes reserved): fpsimd_context, esr_context, {0, 0}
 *		frame record			{ x29, x30 } of the interrupted code: x29 of the handler points here, so that unwinders pass
 *
 * The handler gets x0 = signal, x1 = siginfo, x2 = ucontext, x30 = restorer. pstate shows an application of EL0, as Linux has it; what comes back of it is
 * NZCV only: the mode is ours.
 */
#include <arch/signal.h>

#include <arch/frame.h>
#include <arch/layout.h>
#include <arch/program.h>
#include <arch/thread.h>
#include <arch/uaccess.h>

#include "libc/errno.h"
#include "libc/string.h"

#define FPSIMD_MAGIC	0x46508001u
#define ESR_MAGIC	0x45535201u
#define PSTATE_NZCV	0xf0000000ul
#define RESERVED_SIZE	4096

struct record {
	uint32_t magic, size;
};

struct fpsimd_context {
	struct record head;
	uint32_t fpsr, fpcr;
	__uint128_t vregs[32];
};
_Static_assert(sizeof(struct fpsimd_context) == 528, "uapi asm/sigcontext.h");

struct esr_context {
	struct record head;
	uint64_t esr;
};

struct sigcontext {
	uint64_t fault_address, regs[31], sp, pc, pstate;
	uint8_t records[RESERVED_SIZE] __attribute__((aligned(16)));
};

struct ucontext {
	uint64_t flags, link;
	uint64_t stack_sp;
	int32_t stack_flags, pad;
	uint64_t stack_size;
	uint64_t sigmask;
	uint8_t unused[120];
	struct sigcontext mc;
};
_Static_assert(offsetof(struct ucontext, mc) == 176, "uapi asm/ucontext.h");

struct sigframe {
	uint8_t siginfo[128];
	struct ucontext uc;
	uint64_t record[2];
};
_Static_assert(sizeof(struct sigframe) <= ARCH_MINSIGSTKSZ, "AT_MINSIGSTKSZ");

/* What is written of it: all but the unused part of the reserved space. */
#define RECORDS_USED	(sizeof(struct fpsimd_context) + sizeof(struct esr_context) + sizeof(struct record))
_Static_assert(RECORDS_USED <= 560, "kernel stack");

struct records {
	struct fpsimd_context fp;
	struct esr_context esr;
	struct record end;
};

/* As copy_to_user() and copy_from_user() of mmu/, which is above this folder. */
static int write_user(void *dst, const void *src, size_t len)
{
	return (vaddr_t)dst <= USER_TOP - len && arch_user_copy(dst, src, len) == 0 ? 0 : -EFAULT;
}

static int read_user(void *dst, const void *src, size_t len)
{
	return (vaddr_t)src <= USER_TOP - len && arch_user_copy(dst, src, len) == 0 ? 0 : -EFAULT;
}

static int push_records(struct sigframe *uf, const struct arch_signal *s)
{
	struct records r;
	struct arch_fpu fpu;

	arch_fpu_store(&fpu);
	r.fp.head = (struct record){ FPSIMD_MAGIC, sizeof(r.fp) };
	r.fp.fpsr = fpu.fpsr;
	r.fp.fpcr = fpu.fpcr;
	memcpy(r.fp.vregs, fpu.v, sizeof(fpu.v));
	if (!s->fault_code) {
		struct record end = { 0, 0 };

		return write_user(uf->uc.mc.records, &r.fp, sizeof(r.fp)) ||
		       write_user(uf->uc.mc.records + sizeof(r.fp), &end, sizeof(end)) ? -EFAULT : 0;
	}
	r.esr = (struct esr_context){ { ESR_MAGIC, sizeof(r.esr) }, s->fault_code };
	r.end = (struct record){ 0, 0 };
	return write_user(uf->uc.mc.records, &r, RECORDS_USED);
}

/* The general part of struct sigcontext. */
struct registers {
	uint64_t fault_address, regs[31], sp, pc, pstate;
};
_Static_assert(sizeof(struct registers) == offsetof(struct sigcontext, pstate) + 8, "same layout");

static int push_context(struct sigframe *uf, const struct frame *f, const struct arch_signal *s)
{
	struct {
		uint64_t flags, link, stack_sp;
		int32_t stack_flags, pad;
		uint64_t stack_size, sigmask;
		uint8_t unused[120];
	} head = { .stack_sp = s->alt_sp, .stack_flags = s->alt_flags, .stack_size = s->alt_size, .sigmask = s->mask };
	struct registers r = { .fault_address = s->fault_address, .sp = f->sp, .pc = f->pc, .pstate = f->pstate & PSTATE_NZCV };

	memcpy(r.regs, f->x, sizeof(r.regs));
	if (write_user(&uf->uc, &head, sizeof(head)))
		return -EFAULT;
	return write_user(&uf->uc.mc, &r, sizeof(r));
}

int arch_signal_push(struct frame *f, const struct arch_signal *s)
{
	vaddr_t top = s->stack_top ? s->stack_top : f->sp;
	struct sigframe *uf = (struct sigframe *)(ALIGN_DOWN(top, 16ul) - sizeof(struct sigframe));
	uint64_t record[2] = { f->x[29], f->x[30] };

	if (top < sizeof(struct sigframe))
		return -EFAULT;
	if (push_context(uf, f, s) || push_records(uf, s) || write_user(uf->siginfo, s->siginfo, sizeof(uf->siginfo)) ||
	    write_user(uf->record, record, sizeof(record)))
		return -EFAULT;
	f->x[0] = (uint64_t)s->signo;
	f->x[1] = (uint64_t)uf->siginfo;
	f->x[2] = (uint64_t)&uf->uc;
	f->x[29] = (uint64_t)uf->record;
	f->x[30] = s->restorer;
	f->sp = (uint64_t)uf;
	f->pc = s->handler;
	f->pstate = PSTATE_EL1T;	/* NZCV undefined for a function; BTYPE, SS clear */
	return 0;
}

/* Walk the records; the FP one must be there. Unknown ones are a newer program's: refused, as Linux does. */
static int pop_records(const struct sigframe *uf, struct arch_fpu *fpu)
{
	bool has_fp = false;
	size_t off = 0;

	for (;;) {
		struct record head;

		if (off + sizeof(head) > RESERVED_SIZE)
			return -EINVAL;
		if (read_user(&head, uf->uc.mc.records + off, sizeof(head)))
			return -EFAULT;
		if (!head.magic)
			return head.size || !has_fp ? -EINVAL : 0;
		if (head.size < sizeof(head) || head.size % 16 || head.size > RESERVED_SIZE - off)
			return -EINVAL;
		if (head.magic == FPSIMD_MAGIC) {
			const struct fpsimd_context *from = (const void *)(uf->uc.mc.records + off);

			if (has_fp || head.size != sizeof(*from))
				return -EINVAL;
			if (read_user(&fpu->fpsr, &from->fpsr, 4) || read_user(&fpu->fpcr, &from->fpcr, 4) ||
			    read_user(fpu->v, from->vregs, sizeof(fpu->v)))
				return -EFAULT;
			has_fp = true;
		} else if (head.magic != ESR_MAGIC) {
			return -EINVAL;
		}
		off += head.size;
	}
}

int arch_signal_pop(struct frame *f, uint64_t *mask, vaddr_t *alt_sp, uint64_t *alt_size, int *alt_flags)
{
	const struct sigframe *uf = (const struct sigframe *)f->sp;
	struct arch_fpu fpu;
	struct registers mc;
	int r;

	if (f->sp % 16)
		return -EINVAL;
	if (read_user(&mc, &uf->uc.mc, sizeof(mc)) || read_user(mask, &uf->uc.sigmask, 8) ||
	    read_user(alt_sp, &uf->uc.stack_sp, 8) || read_user(alt_size, &uf->uc.stack_size, 8) ||
	    read_user(alt_flags, &uf->uc.stack_flags, 4))
		return -EFAULT;
	r = pop_records(uf, &fpu);
	if (r)
		return r;
	memcpy(f->x, mc.regs, sizeof(mc.regs));
	f->sp = mc.sp;
	f->pc = mc.pc;
	f->pstate = PSTATE_EL1T | (mc.pstate & PSTATE_NZCV);
	arch_fpu_load(&fpu);
	return 0;
}
