/* SPDX-License-Identifier: MIT */
/*
 * Synchronous faults: signal, code, address, the registers in the ucontext
 * (general, FP/SIMD, ESR), and registers that a handler changes.
 */
#include "faults.h"
#include <asm/sigcontext.h>
#include <ucontext.h>

static uint64_t pc_seen, x0_seen, fault_address_seen, pstate_seen;
static uint32_t esr_seen;
static bool has_esr, has_fpsimd, is_terminated;

/* Walk the records behind the general registers (arm64 asm/sigcontext.h). */
static struct _aarch64_ctx *find_record(ucontext_t *uc, uint32_t magic)
{
	char *next = (char *)uc->uc_mcontext.__reserved;

	for (int i = 0; i < 16; i++) {
		struct _aarch64_ctx *record = (struct _aarch64_ctx *)next;
		if (record->magic == magic)
			return record;
		if (record->magic == 0 || record->size < 8)
			return NULL;
		next += record->size;
	}
	return NULL;
}

static bool ends_with_zero(ucontext_t *uc)
{
	char *next = (char *)uc->uc_mcontext.__reserved;

	for (int i = 0; i < 16; i++) {
		struct _aarch64_ctx *record = (struct _aarch64_ctx *)next;
		if (record->magic == 0)
			return record->size == 0;
		next += record->size;
	}
	return false;
}

static void look(int signal_number, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	struct esr_context *esr = (struct esr_context *)find_record(uc, ESR_MAGIC);

	info_seen = *info;
	pc_seen = uc->uc_mcontext.pc;
	x0_seen = uc->uc_mcontext.regs[0];
	pstate_seen = uc->uc_mcontext.pstate;
	fault_address_seen = uc->uc_mcontext.fault_address;
	has_esr = esr != NULL;
	esr_seen = esr ? (uint32_t)esr->esr : 0;
	has_fpsimd = find_record(uc, FPSIMD_MAGIC) != NULL;
	is_terminated = ends_with_zero(uc);
	siglongjmp(jump, signal_number);
}

static void show_fault(const char *what, int signal_number, const void *address)
{
	show("%s: signal %d, code %d, address %s, esr %s%d, fpsimd %d, end %d", what, signal_number, info_seen.si_code,
	     info_seen.si_addr == address ? "right" : "wrong", has_esr ? "class " : "none ", has_esr ? esr_seen >> 26 : 0,
	     has_fpsimd, is_terminated);
}

static void return_only(void)
{
}

static void test_faults(void)
{
	test_memory_faults();
	try_fault("jump to an unaligned address", (char *)return_only + 2, ((void (*)(void))((char *)return_only + 2))());
}

/* These labels are what si_addr and pc must name. */
extern char label_udf[], label_brk[], label_reserved[];

static void test_instructions(void)
{
	try_fault("undefined instruction", label_udf, __asm__ volatile(".global label_udf\nlabel_udf: udf #7"));
	check("pc is at the instruction", pc_seen == (uint64_t)label_udf);
	try_fault("breakpoint", label_brk, __asm__ volatile(".global label_brk\nlabel_brk: brk #5"));
	check("pc is at the instruction", pc_seen == (uint64_t)label_brk);
	try_fault("reserved encoding", label_reserved,
		  __asm__ volatile(".global label_reserved\nlabel_reserved: .inst 0x00001234"));
}

/* brk leaves pc at the instruction; a handler steps over it and changes registers. */
static void step_over(int signal_number, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	struct fpsimd_context *fp = (struct fpsimd_context *)find_record(uc, FPSIMD_MAGIC);

	(void)signal_number;
	(void)info;
	uc->uc_mcontext.pc += 4;
	uc->uc_mcontext.regs[0] += 1;
	uc->uc_mcontext.regs[19] ^= 0xff;
	uc->uc_mcontext.pstate ^= 0xf0000000;
	fp->vregs[0] += 1;
	fp->vregs[31] = fp->vregs[31] << 64 | fp->vregs[31] >> 64;
	fp->fpcr ^= 1u << 24; /* FZ */
	fp->fpsr ^= 1u << 4;
}

static void test_modified_registers(void)
{
	struct sigaction action = { .sa_sigaction = step_over, .sa_flags = SA_SIGINFO };
	uint64_t x0, x19, x20, nzcv, fpcr, fpsr, v0[2], v31[2], v8[2];

	sigaction(SIGTRAP, &action, NULL);
	__asm__ volatile("mov x0, #41\n"
			 "mov x19, #0x0f\n"
			 "mov x20, #1234\n"
			 "movi v0.2d, #0\n"
			 "mov x1, #6\n"
			 "mov v0.d[0], x1\n"
			 "mov x1, #8\n"
			 "dup v8.2d, x1\n"
			 "mov x1, #1\n"
			 "mov v31.d[0], x1\n"
			 "mov x1, #2\n"
			 "mov v31.d[1], x1\n"
			 "msr fpcr, xzr\n"
			 "msr fpsr, xzr\n"
			 "cmp xzr, xzr\n" /* nZCv */
			 "brk #1\n"
			 "mrs %[nzcv], nzcv\n"
			 "mov %[x0], x0\n"
			 "mov %[x19], x19\n"
			 "mov %[x20], x20\n"
			 "mrs %[fpcr], fpcr\n"
			 "mrs %[fpsr], fpsr\n"
			 "msr fpcr, xzr\n"
			 "msr fpsr, xzr\n"
			 "str q0, [%[v0]]\n"
			 "str q8, [%[v8]]\n"
			 "str q31, [%[v31]]\n"
			 : [x0] "=&r"(x0), [x19] "=&r"(x19), [x20] "=&r"(x20), [nzcv] "=&r"(nzcv), [fpcr] "=&r"(fpcr),
			   [fpsr] "=&r"(fpsr)
			 : [v0] "r"(v0), [v31] "r"(v31), [v8] "r"(v8)
			 : "x0", "x1", "x19", "x20", "v0", "v8", "v31", "cc", "memory");
	show("x0 %llu x19 0x%llx x20 %llu", (unsigned long long)x0, (unsigned long long)x19, (unsigned long long)x20);
	show("nzcv 0x%llx fpcr 0x%llx fpsr 0x%llx", (unsigned long long)nzcv, (unsigned long long)fpcr,
	     (unsigned long long)fpsr);
	show("v0 %llu %llu, v8 %llu %llu, v31 %llu %llu", (unsigned long long)v0[0], (unsigned long long)v0[1],
	     (unsigned long long)v8[0], (unsigned long long)v8[1], (unsigned long long)v31[0],
	     (unsigned long long)v31[1]);
}

/* The handler may destroy every register; the interrupted code must not see it. */
static void destroy_registers(int signal_number)
{
	(void)signal_number;
	__asm__ volatile("mov x1, #-1\n"
			 "dup v0.2d, x1\n dup v1.2d, x1\n dup v7.2d, x1\n dup v15.2d, x1\n dup v16.2d, x1\n"
			 "dup v31.2d, x1\n mov x9, x1\n mov x16, x1\n mov x17, x1\n mov x18, x1\n cmp x1, #5\n"
			 "mov x2, #0x1000000\n msr fpcr, x2\n mov x2, #0x1f\n msr fpsr, x2\n" ::
				 : "x1", "x2", "x9", "x16", "x17", "x18", "v0", "v1", "v7", "v15", "v16", "v31", "cc");
}

static void test_preserved_registers(void)
{
	uint64_t differences;

	signal(SIGUSR1, destroy_registers);
	long pid = getpid(), tid = syscall(SYS_gettid);
	/* All v registers get a pattern, tgkill is called, and all are compared. */
	__asm__ volatile("mov x9, #3\n mov x10, #4\n mov x11, #5\n mov x12, #6\n mov x13, #7\n mov x14, #8\n"
			 "mov x15, #9\n mov x16, #10\n mov x17, #11\n mov x18, #12\n mov x19, #13\n"
			 "dup v0.2d, x9\n dup v1.2d, x10\n dup v7.2d, x11\n dup v15.2d, x12\n dup v16.2d, x13\n"
			 "dup v31.2d, x14\n msr fpcr, xzr\n msr fpsr, xzr\n"
			 "mov x0, %[pid]\n mov x1, %[tid]\n mov x2, #10\n mov x8, #131\n"
			 "cmp xzr, xzr\n"
			 "svc #0\n"
			 "cset x3, ne\n"
			 "orr x3, x3, x0\n" /* result 0 */
			 "sub x4, x8, #131\n orr x3, x3, x4\n"
			 "sub x4, x2, #10\n orr x3, x3, x4\n"
			 "sub x4, x9, #3\n orr x3, x3, x4\n"
			 "sub x4, x16, #10\n orr x3, x3, x4\n"
			 "sub x4, x17, #11\n orr x3, x3, x4\n"
			 "sub x4, x18, #12\n orr x3, x3, x4\n"
			 "sub x4, x19, #13\n orr x3, x3, x4\n"
			 "mov x4, v0.d[1]\n sub x4, x4, #3\n orr x3, x3, x4\n"
			 "mov x4, v1.d[0]\n sub x4, x4, #4\n orr x3, x3, x4\n"
			 "mov x4, v7.d[1]\n sub x4, x4, #5\n orr x3, x3, x4\n"
			 "mov x4, v15.d[1]\n sub x4, x4, #6\n orr x3, x3, x4\n"
			 "mov x4, v16.d[0]\n sub x4, x4, #7\n orr x3, x3, x4\n"
			 "mov x4, v31.d[1]\n sub x4, x4, #8\n orr x3, x3, x4\n"
			 "mrs x4, fpcr\n orr x3, x3, x4\n mrs x4, fpsr\n orr x3, x3, x4\n"
			 "mov %[differences], x3\n"
			 : [differences] "=&r"(differences)
			 : [pid] "r"(pid), [tid] "r"(tid)
			 : "x0", "x1", "x2", "x3", "x4", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16",
			   "x17", "x18", "x19", "v0", "v1", "v7", "v15", "v16", "v31", "cc", "memory");
	show("registers changed by a signal at a system call: %llx", (unsigned long long)differences);
}

int main(void)
{
	prepare();
	test_faults();
	test_instructions();
	test_modified_registers();
	test_preserved_registers();
	test_repair();
	return test_end();
}
