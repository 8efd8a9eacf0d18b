/* SPDX-License-Identifier: MIT */
/*
 * Synchronous faults: signal, code, address, the registers in the ucontext
 * (general, trap number, error code, CR2, extended state), and registers that a
 * handler changes. (Flags of the error code that depend on the machine are left
 * out: write and user are shown.)
 */
#include "faults.h"
#include <ucontext.h>

#define MAGIC1 0x46505853u
#define MAGIC2 0x46505845u

static ucontext_t uc_seen;
static uint64_t rip_seen;
static bool has_fpu, has_ends, is_aligned;

/* What software finds in bytes 464-511 of the FXSAVE area (asm/sigcontext.h, struct _fpx_sw_bytes). */
struct sw_bytes {
	uint32_t magic1, extended_size;
	uint64_t xfeatures;
	uint32_t xstate_size;
};

static struct sw_bytes sw_of(const ucontext_t *uc)
{
	struct sw_bytes sw;

	memcpy(&sw, (char *)uc->uc_mcontext.fpregs + 464, sizeof(sw));
	return sw;
}

static void look(int signal_number, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	struct sw_bytes sw = sw_of(uc);
	uint32_t end = 0;

	info_seen = *info;
	uc_seen = *uc;
	rip_seen = (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
	has_fpu = uc->uc_mcontext.fpregs != NULL && (uc->uc_flags & 1) == (sw.magic1 == MAGIC1);
	if (sw.magic1 == MAGIC1)
		memcpy(&end, (char *)uc->uc_mcontext.fpregs + sw.xstate_size, sizeof(end));
	has_ends = sw.magic1 != MAGIC1 || (end == MAGIC2 && sw.extended_size == sw.xstate_size + 4 && (sw.xfeatures & 3) == 3);
	is_aligned = (uintptr_t)uc->uc_mcontext.fpregs % 64 == 0 && ((uintptr_t)__builtin_frame_address(0) & 15) == 0 &&
		     (uc->uc_flags & ~1ul) == 6;
	siglongjmp(jump, signal_number);
}

static void show_fault(const char *what, int signal_number, const void *address)
{
	greg_t *r = uc_seen.uc_mcontext.gregs;
	bool is_pf = r[REG_TRAPNO] == 14;

	show("%s: signal %d, code %d, address %s, trap %d, error %d, cr2 %s, state %d %d %d", what, signal_number,
	     info_seen.si_code, info_seen.si_addr == address ? "right" : "wrong", (int)r[REG_TRAPNO],
	     (int)(is_pf ? r[REG_ERR] & 6 : r[REG_ERR]), !is_pf ? "-" : r[REG_CR2] == (greg_t)address ? "right" : "wrong",
	     has_fpu, has_ends, is_aligned);
}

static volatile uint8_t *volatile not_canonical = (uint8_t *)(1ul << 55);

static void test_faults(void)
{
	volatile uint8_t sink;

	test_memory_faults();
	try_fault("read an address that is not canonical", NULL, sink = *not_canonical);
	(void)sink;
}

/* These labels are what si_addr and pc must name. */
extern char label_ud2[], label_int3[], label_div[];

static void test_instructions(void)
{
	try_fault("undefined instruction", label_ud2, __asm__ volatile(".global label_ud2\nlabel_ud2: ud2"));
	check("pc is at the instruction", rip_seen == (uint64_t)label_ud2);
	try_fault("breakpoint", NULL, __asm__ volatile(".global label_int3\nlabel_int3: int3"));
	check("pc is behind the instruction", rip_seen == (uint64_t)label_int3 + 1);
	try_fault("division by zero", label_div,
		  __asm__ volatile("xor %%ecx, %%ecx\n.global label_div\nlabel_div: div %%ecx" ::: "eax", "ecx", "edx"));
	/* (SSE exceptions that are not masked would be next; QEMU's emulation does not raise them.) */
	/* A single step: the trap comes behind the instruction after popf. */
	try_fault("single step", rip_seen, __asm__ volatile("pushf\n orl $0x100, (%%rsp)\n popf\n nop\n nop" ::: "memory"));
}

/* int3 leaves pc behind the instruction; a handler changes registers. */
static void change(int signal_number, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	greg_t *r = uc->uc_mcontext.gregs;
	struct _libc_fpstate *fp = uc->uc_mcontext.fpregs;

	(void)signal_number;
	(void)info;
	r[REG_RAX] += 1;
	r[REG_RBX] ^= 0xff;
	r[REG_R11] ^= 0xff;
	r[REG_RCX] += 7;
	r[REG_EFL] ^= 0x8d5;
	r[REG_EFL] |= 0x3000; /* IOPL: not the program's, has no effect */
	fp->_xmm[0].element[0] += 1;
	fp->_xmm[15].element[3] ^= 0xffffffff;
	fp->mxcsr ^= 0x8000; /* flush to zero */
	fp->cwd ^= 0x400;
}

static void test_modified_registers(void)
{
	struct sigaction action = { .sa_sigaction = change, .sa_flags = SA_SIGINFO };
	uint64_t rax, rbx, rcx, r11, r12, flags;
	uint32_t mxcsr = 0x1f80, xmm[12];
	uint16_t fcw;

	sigaction(SIGTRAP, &action, NULL);
	__asm__ volatile("ldmxcsr %[mxcsr]\n fninit\n"
			 "mov $41, %%eax\n mov $0xf0f, %%ebx\n mov $3, %%ecx\n mov $0x111, %%r11d\n mov $1234, %%r12d\n"
			 "pxor %%xmm0, %%xmm0\n pxor %%xmm8, %%xmm8\n pcmpeqd %%xmm15, %%xmm15\n"
			 "cmp %%eax, %%eax\n" /* Z and P */
			 "int3\n"
			 "mov %%rax, %[rax]\n"
			 "pushf\n pop %%rax\n mov %%rax, %[flags]\n"
			 "mov %%rbx, %[rbx]\n mov %%rcx, %[rcx]\n mov %%r11, %[r11]\n mov %%r12, %[r12]\n"
			 "movdqu %%xmm0, 0+%[xmm]\n movdqu %%xmm8, 16+%[xmm]\n movdqu %%xmm15, 32+%[xmm]\n"
			 "stmxcsr %[mxcsr]\n fnstcw %[fcw]\n fninit\n"
			 : [rax] "=m"(rax), [rbx] "=m"(rbx), [rcx] "=m"(rcx), [r11] "=m"(r11), [r12] "=m"(r12), [flags] "=m"(flags),
			   [xmm] "=m"(xmm), [mxcsr] "+m"(mxcsr), [fcw] "=m"(fcw)
			 :
			 : "rax", "rbx", "rcx", "r11", "r12", "xmm0", "xmm8", "xmm15", "cc", "memory");
	uint32_t usual = 0x1f80;
	__asm__ volatile("ldmxcsr %0" ::"m"(usual));
	show("rax %d rbx 0x%x rcx %d r11 0x%x r12 %d", (int)rax, (unsigned)rbx, (int)rcx, (unsigned)r11, (int)r12);
	show("flags 0x%x mxcsr 0x%x fcw 0x%x", (unsigned)flags & 0x8d5, mxcsr, fcw);
	show("xmm0 %u %u, xmm8 %u, xmm15 %x %x", xmm[0], xmm[1], xmm[4], xmm[8], xmm[11]);
}

/* The handler may destroy every register; the interrupted code must not see it. The upper halves of ymm, too, where there are some. */
__attribute__((target("avx"))) static void destroy_ymm(void)
{
	__asm__ volatile("vpcmpeqd %%xmm0, %%xmm0, %%xmm0\n vinsertf128 $1, %%xmm0, %%ymm0, %%ymm0\n vmovaps %%ymm0, %%ymm7\n vmovaps %%ymm0, %%ymm15\n" ::
				 : "xmm0", "xmm7", "xmm15");
}

static void destroy_registers(int signal_number)
{
	(void)signal_number;
	if (__builtin_cpu_supports("avx"))
		destroy_ymm();
	uint32_t mxcsr = 0xff80;
	__asm__ volatile("pcmpeqd %%xmm1, %%xmm1\n pcmpeqd %%xmm14, %%xmm14\n ldmxcsr %0\n mov $-1, %%rdx\n mov %%rdx, %%r8\n mov %%rdx, %%r9\n"
			 "mov %%rdx, %%r10\n std\n fldpi\n cld" ::"m"(mxcsr)
			 : "rdx", "r8", "r9", "r10", "xmm1", "xmm14", "cc", "st");
}

/* tgkill(pid, tid, SIGUSR1) with a pattern in ymm7. */
__attribute__((target("avx"))) static void kill_with_ymm(const unsigned char before[32], unsigned char after[32], long pid, long tid)
{
	long number = SYS_tgkill;

	__asm__ volatile("vmovdqu (%[before]), %%ymm7\n syscall\n vmovdqu %%ymm7, (%[after])"
			 : "+a"(number)
			 : [before] "r"(before), [after] "r"(after), "D"(pid), "S"(tid), "d"((long)SIGUSR1)
			 : "rcx", "r11", "xmm7", "memory");
}

static void test_preserved_registers(void)
{
	unsigned char before[32], after[32];
	uint64_t differences;
	uint32_t mxcsr = 0x1f80;

	signal(SIGUSR1, destroy_registers);
	long pid = getpid(), tid = syscall(SYS_gettid);
	for (int i = 0; i < 32; i++)
		before[i] = after[i] = (unsigned char)(i * 7 + 1);
	if (__builtin_cpu_supports("avx"))
		kill_with_ymm(before, after, pid, tid);
	__asm__ volatile("ldmxcsr %[mxcsr]\n mov $3, %%r8d\n mov $4, %%r9d\n mov $5, %%r10d\n mov $6, %%r12d\n mov $7, %%ebx\n"
			 "pxor %%xmm1, %%xmm1\n pxor %%xmm14, %%xmm14\n"
			 "mov %[pid], %%rdi\n mov %[tid], %%rsi\n mov $10, %%edx\n mov $234, %%eax\n"
			 "syscall\n"
			 "sub $10, %%rdx\n or %%rdx, %%rax\n sub $3, %%r8\n or %%r8, %%rax\n sub $4, %%r9\n or %%r9, %%rax\n"
			 "sub $5, %%r10\n or %%r10, %%rax\n sub $6, %%r12\n or %%r12, %%rax\n sub $7, %%rbx\n or %%rbx, %%rax\n"
			 "movq %%xmm1, %%rdx\n or %%rdx, %%rax\n movq %%xmm14, %%rdx\n or %%rdx, %%rax\n"
			 "stmxcsr %[mxcsr]\n mov %[mxcsr], %%edx\n sub $0x1f80, %%edx\n or %%rdx, %%rax\n"
			 : "=a"(differences), [mxcsr] "+m"(mxcsr)
			 : [pid] "r"(pid), [tid] "r"(tid)
			 : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "xmm1", "xmm14", "cc", "memory");
	show("registers changed by a signal at a system call: %llx, vectors %s", (unsigned long long)differences,
	     memcmp(before, after, 32) == 0 ? "no" : "yes");
}

/* Frames that a handler has damaged: the extended state cut off, its header full of nonsense, no state at all. */
static int how_to_damage;

static void damage(int signal_number, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	struct sw_bytes sw = sw_of(uc);
	char *fp = (char *)uc->uc_mcontext.fpregs;

	(void)signal_number;
	(void)info;
	if (how_to_damage == 0)
		memset(fp + 464, 0, 48); /* only FXSAVE */
	else if (how_to_damage == 1 && sw.magic1 == MAGIC1)
		memset(fp + sw.xstate_size, 0, 4);
	else if (how_to_damage == 2)
		uc->uc_mcontext.fpregs = NULL; /* initial */
}

static void test_damaged_frames(void)
{
	struct sigaction action = { .sa_sigaction = damage, .sa_flags = SA_SIGINFO };
	int nr_right = 0;

	sigaction(SIGUSR2, &action, NULL);
	for (how_to_damage = 0; how_to_damage < 3; how_to_damage++) {
		uint64_t xmm;
		long result;

		__asm__ volatile("mov $77, %%edi\n movq %%rdi, %%xmm3\n mov %[pid], %%rdi\n mov $12, %%esi\n mov $62, %%eax\n syscall\n"
				 "movq %%xmm3, %[xmm]\n"
				 : "=&a"(result), [xmm] "=r"(xmm)
				 : [pid] "r"((long)getpid())
				 : "rcx", "rdi", "rsi", "r11", "xmm3", "memory");
		nr_right += result == 0 && xmm == (how_to_damage == 2 ? 0 : 77);
	}
	show("frames with less state: %d", nr_right);
}

/* A program that steps through its own calls, at a site that has been called before: it gets past it, and each pc is one of its own. */
extern long step_through(long flag);
extern char step_start[], step_site[], step_end[];
__asm__(".text\n.balign 64\n.global step_through\nstep_through:\n"
	"push %rbx\n mov $5, %ebx\n"
	"pushf\n or %rdi, (%rsp)\n popf\n"
	"step_start:\n"
	"mov $39, %eax\n"
	"step_site: syscall\n"
	"nop\n"
	"dec %ebx\n"
	"jnz step_start\n"
	"pushf\n andl $~0x100, (%rsp)\n popf\n"
	"step_end:\n"
	"pop %rbx\n ret\n");

static volatile int nr_steps, nr_strange_steps, nr_at_site;

static void on_step(int signal_number, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	char *pc = (char *)r[REG_RIP];

	(void)signal_number;
	nr_steps = nr_steps + 1;
	if (pc < step_start || pc > step_end || info->si_addr != pc || info->si_code != TRAP_TRACE)
		nr_strange_steps = nr_strange_steps + 1;
	if (pc == step_site) {
		nr_at_site = nr_at_site + 1;
		if (r[REG_RAX] != 39)
			nr_strange_steps = nr_strange_steps + 1;
	}
}

static void test_single_steps(void)
{
	struct sigaction action = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };
	int nr_right = 0;

	sigaction(SIGTRAP, &action, NULL);
	for (int i = 0; i < 10; i++)
		nr_right += step_through(0) == getpid();
	nr_right += step_through(0x100) == getpid();
	show("stepping through calls: right %d, at the site %d, strange %d, others %s", nr_right, nr_at_site, nr_strange_steps,
	     nr_steps > 15 ? "some" : "few");
}

int main(void)
{
	prepare();
	test_faults();
	test_instructions();
	test_modified_registers();
	test_preserved_registers();
	test_repair();
	test_damaged_frames();
	test_single_steps();
	return test_end();
}
