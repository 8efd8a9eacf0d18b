/* SPDX-License-Identifier: MIT
 *
 * Other CPUs: what each is told at its start, pointer-authentication keys that all share.
 */
#include <arch/boot.h>
#include <arch/cpu.h>
#include <arch/psci.h>

#include "arch-arm64/sysreg.h"
#include "asm-offsets.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "sched/irq.h"

/*
 * Read by start.S with the MMU off. It lies at the top of the new CPU's stack, which nobody uses before, and is cleaned to the point of coherency.
 */
struct secondary_start {
	paddr_t ttbr0, ttbr1;
	struct cpu *cpu;
	struct thread *idle;
	void *stack_top;
};

struct arch_boot arch_boot;

static struct {
	uint64_t key[10];	/* [I] APIA, APIB, APDA, APDB, APGA, each low and high */
	bool is_on;
} pauth;

extern char _text[];
extern uint64_t early_tables[][512], empty_table[512];
void secondary_entry(void);
_Noreturn void arch_secondary_start(struct cpu *cpu);
/* sched/sched.h; above this folder, and like the vectors' up-calls only ever called from here. */
_Noreturn void sched_secondary(struct cpu *cpu);

static paddr_t image_pa(const void *va)
{
	return arch_boot.image_start + (paddr_t)((const char *)va - _text);
}

uint64_t arch_cpu_hwid(void)
{
	uint64_t mpidr;

	__asm__("mrs %0, mpidr_el1" : "=r"(mpidr));
	return mpidr & 0xff00fffffful;
}

/* Physical address of a mapped kernel address (AT S1E1R, PAR_EL1: D17.2.108). */
static paddr_t translate(const void *va)
{
	uint64_t par;

	__asm__ volatile("at s1e1r, %1\n\tisb\n\tmrs %0, par_el1" : "=r"(par) : "r"(va) : "memory");
	return (par & 0x0000fffffffff000ul) | ((uint64_t)va & 0xfff);
}

static void clean_to_poc(const void *p, size_t len)
{
	for (vaddr_t a = (vaddr_t)p & ~15ul; a < (vaddr_t)p + len; a += 16)
		__asm__ volatile("dc cvac, %0" : : "r"(a) : "memory");
	__asm__ volatile("dsb sy" : : : "memory");
}

int arch_cpu_start(struct cpu *cpu, struct thread *idle, void *stack_top)
{
	struct secondary_start *s = (struct secondary_start *)((char *)stack_top - 64);
	uint64_t ttbr1;

	_Static_assert(sizeof(struct secondary_start) <= 64, "fits");
	__asm__ volatile("mrs %0, ttbr1_el1" : "=r"(ttbr1));
	*s = (struct secondary_start){ image_pa(early_tables[0]), ttbr1, cpu, idle, stack_top };
	clean_to_poc(s, sizeof(*s));
	return psci_cpu_on(*(const uint64_t *)((const char *)cpu + CPU_HWID), image_pa((const void *)secondary_entry), translate(s)) ? -EIO : 0;
}

static void pauth_apply(void)
{
	const uint64_t *k = pauth.key;
	uint64_t sctlr;

	/* APIAKeyLo_EL1 and the rest by encoding: the assembler's base architecture does not know them. */
	__asm__ volatile("msr S3_0_C2_C1_0, %0\n\tmsr S3_0_C2_C1_1, %1" : : "r"(k[0]), "r"(k[1]));
	__asm__ volatile("msr S3_0_C2_C1_2, %0\n\tmsr S3_0_C2_C1_3, %1" : : "r"(k[2]), "r"(k[3]));
	__asm__ volatile("msr S3_0_C2_C2_0, %0\n\tmsr S3_0_C2_C2_1, %1" : : "r"(k[4]), "r"(k[5]));
	__asm__ volatile("msr S3_0_C2_C2_2, %0\n\tmsr S3_0_C2_C2_3, %1" : : "r"(k[6]), "r"(k[7]));
	__asm__ volatile("mrs %0, sctlr_el1" : "=r"(sctlr));
	sctlr |= SCTLR_EL1_ENIA | SCTLR_EL1_ENIB | SCTLR_EL1_ENDA | SCTLR_EL1_ENDB;
	__asm__ volatile("msr sctlr_el1, %0\n\tisb" : : "r"(sctlr) : "memory");
}

void arch_pauth_init(const uint8_t seed[32])
{
	uint64_t isar1, isar2, words[4];

	__asm__("mrs %0, id_aa64isar1_el1" : "=r"(isar1));
	__asm__("mrs %0, S3_0_C0_C6_2" : "=r"(isar2));		/* ID_AA64ISAR2_EL1 */
	if (!(isar1 & 0xff0) && !(isar2 & 0xf000))		/* APA, API; APA3 */
		return;
	memcpy(words, seed, sizeof(words));
	/* splitmix64 (Steele 2014): keys need not be independent of each other for a wall that the application could climb anyway. */
	for (unsigned i = 0; i < ARRAY_SIZE(pauth.key); i++) {
		uint64_t z = (words[i & 3] += 0x9e3779b97f4a7c15ul);

		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ul;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebul;
		pauth.key[i] = z ^ (z >> 31);
	}
	pauth.is_on = true;
	pauth_apply();
}

void arch_secondary_start(struct cpu *cpu)
{
	__asm__ volatile("msr ttbr0_el1, %0\n\tisb\n\ttlbi vmalle1\n\tdsb nsh\n\tisb"
			 : : "r"(image_pa(empty_table)) : "memory");
	if (pauth.is_on)
		pauth_apply();
	arch_time_init_cpu();
	irq_controller()->init_cpu(cpu);
	sched_secondary(cpu);
}

void arch_cpu_halt(void)
{
	arch_irq_disable();
	for (;;)
		__asm__ volatile("wfi" : : : "memory");
}
