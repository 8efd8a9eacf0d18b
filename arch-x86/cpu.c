/* SPDX-License-Identifier: MIT
 *
 * Bringing up a CPU: descriptor tables, exception stacks, GS base, extended state. (Intel SDM vol. 3A: 3.4.5 descriptors, 6.14 exceptions in 64-bit mode, 7.7 TSS.)
 */
#include <arch/boot.h>
#include <arch/cpu.h>
#include <arch/io.h>
#include <arch/lapic.h>
#include <arch/thread.h>

#include "arch-x86/percpu.h"
#include "arch-x86/site.h"
#include "arch-x86/sysreg.h"
#include "asm-offsets.h"
#include "libc/string.h"

#define NR_VECTORS	256
#define STUB_SIZE	16
#define GATE_INTERRUPT	0x8e00ull	/* present, type 14: interrupts masked */

struct gate {
	uint64_t low, high;
};

struct table_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

struct arch_boot arch_boot;
struct arch_fpu_format arch_fpu_format;
struct arch_cpu *arch_cpus[ASM_MAX_CPUS];
unsigned arch_nr_cpus;

static struct gate idt[NR_VECTORS];
static uint8_t boot_area[ARCH_CPU_AREA] __attribute__((aligned(ARCH_CPU_AREA)));
bool arch_has_fsgsbase;

extern const char vector_stubs[];
void arch_early_init(void);
void arch_pt_early_init(void);

static unsigned ist_of(unsigned vector)
{
	return vector == 8 ? 2 : vector == 2 ? 3 : vector == 18 ? 4 : 1;
}

static void init_idt(void)
{
	for (unsigned v = 0; v < NR_VECTORS; v++) {
		uint64_t at = (uint64_t)vector_stubs + v * STUB_SIZE;

		idt[v].low = (at & 0xffff) | (uint64_t)SEL_CODE << 16 | (uint64_t)ist_of(v) << 32 | GATE_INTERRUPT << 32 | (at >> 16 & 0xffff) << 48;
		idt[v].high = at >> 32;
	}
}

/* XCR0: x87, SSE, AVX, AVX-512, as far as the CPU has them and struct arch_fpu has room. Boot CPU. */
static void choose_fpu_format(void)
{
	const uint64_t candidates[] = { 0xe7, 0x7, 0x3 };
	struct cpuid c;

	arch_fpu_format.size = 512;
	if (!(cpuid(1, 0).ecx & (1u << 26)))
		return;
	__asm__ volatile("mov %%cr4, %%rax\n\tor %0, %%rax\n\tmov %%rax, %%cr4" : : "i"(CR4_OSXSAVE) : "rax", "memory");
	c = cpuid(0xd, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(candidates); i++) {
		if (candidates[i] & ~((uint64_t)c.edx << 32 | c.eax))
			continue;
		__asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)candidates[i]), "d"(0));
		if (cpuid(0xd, 0).ebx <= ARCH_FPU_SIZE) {
			arch_fpu_format.xcr0 = candidates[i];
			arch_fpu_format.size = cpuid(0xd, 0).ebx;
			return;
		}
	}
}

static void init_fpu(void)
{
	uint32_t mxcsr = 0x1f80;

	if (arch_fpu_format.xcr0) {
		__asm__ volatile("mov %%cr4, %%rax\n\tor %0, %%rax\n\tmov %%rax, %%cr4" : : "i"(CR4_OSXSAVE) : "rax", "memory");
		__asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)arch_fpu_format.xcr0), "d"(0));
	}
	__asm__ volatile("fninit\n\tldmxcsr %0" : : "m"(mxcsr));
}

static void load_tables(struct arch_cpu *c)
{
	struct table_pointer gdt = { sizeof(c->gdt) - 1, (uint64_t)c->gdt }, idtr = { sizeof(idt) - 1, (uint64_t)idt };

	__asm__ volatile("lgdt %0\n\tlidt %1" : : "m"(gdt), "m"(idtr));
	__asm__ volatile("pushq %0\n\tleaq 1f(%%rip), %%rax\n\tpushq %%rax\n\tlretq\n1:" : : "i"(SEL_CODE) : "rax", "memory");
	__asm__ volatile("movl %0, %%ss\n\tmovl %0, %%ds\n\tmovl %0, %%es\n\tltr %w1" : : "r"(SEL_DATA), "r"(SEL_TSS) : "memory");
}

void arch_cpu_init(void *area, uint32_t apic_id)
{
	struct arch_cpu *c = area;
	uint64_t tss = (uint64_t)&c->tss, base = (uint64_t)area;

	c->self = c;
	c->apic_id = apic_id;
	c->vector = -1;
	c->gdt[1] = 0x00af9b000000ffff;		/* SEL_CODE: 64 bits, ring 0, accessed */
	c->gdt[2] = 0x00cf93000000ffff;		/* SEL_DATA */
	c->gdt[3] = (sizeof(c->tss) - 1) | (tss & 0xffffff) << 16 | 0x89ull << 40 | (tss >> 24 & 0xff) << 56;
	c->gdt[4] = tss >> 32;
	c->gdt[5] = 0x00cff3000000ffff;		/* 0x2b: what Linux has in ss, and a program may load */
	c->tss.ist[0] = base + ARCH_CPU_IST_FAULT;
	c->tss.ist[1] = base + ARCH_CPU_IST_DF;
	c->tss.ist[2] = base + ARCH_CPU_IST_NMI;
	c->tss.ist[3] = base + ARCH_CPU_IST_MC;
	c->tss.io_map = sizeof(c->tss);
}

/* On the CPU itself. */
void arch_cpu_load(struct arch_cpu *c)
{
	load_tables(c);
	msr_write(MSR_GS_BASE, (uint64_t)c);
	msr_write(MSR_FS_BASE, 0);
	if (arch_has_fsgsbase)
		__asm__ volatile("mov %%cr4, %%rax\n\tor %0, %%rax\n\tmov %%rax, %%cr4" : : "i"(CR4_FSGSBASE) : "rax", "memory");
	init_fpu();
	arch_syscall_init_cpu();
}

uint64_t arch_cpu_hwid(void)
{
	struct cpuid c = cpuid(0, 0);

	if (c.eax >= 0xb) {
		c = cpuid(0xb, 0);
		if (c.ebx)
			return c.edx;
	}
	return cpuid(1, 0).ebx >> 24;
}

/* First C code of the boot CPU, from start.S. No thread is current yet. */
void arch_early_init(void)
{
	struct fxsave {
		uint8_t bytes[512];
	} __attribute__((aligned(16))) area;

	arch_pt_early_init();
	init_idt();
	if (cpuid(0, 0).eax >= 7)
		arch_has_fsgsbase = cpuid(7, 0).ebx & 1;
	choose_fpu_format();
	arch_cpu_init(boot_area, (uint32_t)arch_cpu_hwid());
	arch_cpus[0] = (struct arch_cpu *)boot_area;
	arch_nr_cpus = 1;
	arch_cpu_load(arch_cpus[0]);
	memset(&area, 0, sizeof(area));
	__asm__ volatile("fxsave %0" : "=m"(area));
	memcpy(&arch_fpu_format.mxcsr_mask, area.bytes + 28, 4);
	if (!arch_fpu_format.mxcsr_mask)
		arch_fpu_format.mxcsr_mask = 0xffbf;	/* SDM vol. 1 11.6.6 */
}

void arch_pauth_init(const uint8_t seed[32])
{
	(void)seed;
}

void arch_cpu_halt(void)
{
	arch_irq_disable();
	for (;;)
		__asm__ volatile("hlt" : : : "memory");
}
