/* SPDX-License-Identifier: MIT
 *
 * Which call sites may be rewritten (veneer.c says how):
 *
 *	b8 nr 00 00 00		mov $nr, %eax		<- these five bytes
 *	0f 05			syscall			stays: whoever jumps there, or is there, finds it
 *
 * One instruction takes the place of another of the same length, so a jump into the middle of either is none that the program makes. But the bytes before a syscall may
 * look so and be something else (b8 as part of a longer instruction). So the CPU is asked: a site that looks right gets an instruction breakpoint on the b8 (Intel SDM
 * vol. 3B 17.2, 17.3.1.1), which strikes only if an instruction begins there. When it does, with the same bytes, the site is rewritten.
 *
 * Each CPU has four such breakpoints. A site that gives way to another is forgotten, so that its next call begins anew.
 *
 * The five bytes are written at once, within an aligned word of eight: other CPUs fetch the old ones or the new ones (AMD64 APM vol. 2 7.6.1, "cross-modifying
 * code"; Intel's are known to do so, and says nothing). Sites that lie across two words are rewritten only where there is one CPU.
 */
#include "arch-x86/site.h"

#include <arch/cpu.h>
#include <arch/io.h>
#include <arch/uaccess.h>
#include <arch/veneer.h>

#include "arch-x86/percpu.h"
#include "arch-x86/sysreg.h"
#include "libc/atomic.h"
#include "libc/string.h"
#include "linux/syscall.h"

#define NR_BREAKPOINTS	4
#define DR7_ENABLE(n)	(1ul << 2 * (n))	/* L0-L3: RW and LEN 0 are an instruction's execution */
#define DR6_HIT(n)	(1ul << (n))
#define DR6_CLEAR	0xffff0ff0ul
#define DR7_CLEAR	0x400ul

uint64_t arch_sites_known[SITES_KNOWN];

void syscall_entry(void);

void arch_syscall_init_cpu(void)
{
	msr_write(MSR_STAR, (uint64_t)SEL_CODE << 32);	/* cs; ss is the next one */
	msr_write(MSR_LSTAR, (uint64_t)syscall_entry);
	msr_write(MSR_FMASK, RFLAGS_IF | RFLAGS_ODD);
	__asm__ volatile("movq %0, %%dr7" : : "r"(DR7_CLEAR));
	__asm__ volatile("movq %0, %%dr6" : : "r"(DR6_CLEAR));
}

static uint64_t *known_slot(uint64_t behind)
{
	return &arch_sites_known[(behind ^ behind >> SITE_HASH_SHIFT) % SITES_KNOWN];
}

static uint64_t read_dr(unsigned n)
{
	uint64_t v;

	switch (n) {
	case 0: __asm__ volatile("movq %%dr0, %0" : "=r"(v)); break;
	case 1: __asm__ volatile("movq %%dr1, %0" : "=r"(v)); break;
	case 2: __asm__ volatile("movq %%dr2, %0" : "=r"(v)); break;
	default: __asm__ volatile("movq %%dr3, %0" : "=r"(v)); break;
	}
	return v;
}

static void write_dr(unsigned n, uint64_t v)
{
	switch (n) {
	case 0: __asm__ volatile("movq %0, %%dr0" : : "r"(v)); break;
	case 1: __asm__ volatile("movq %0, %%dr1" : : "r"(v)); break;
	case 2: __asm__ volatile("movq %0, %%dr2" : : "r"(v)); break;
	default: __asm__ volatile("movq %0, %%dr3" : : "r"(v)); break;
	}
}

static uint64_t read_dr7(void)
{
	uint64_t v;

	__asm__ volatile("movq %%dr7, %0" : "=r"(v));
	return v;
}

static void write_dr7(uint64_t v)
{
	__asm__ volatile("movq %0, %%dr7" : : "r"(v) : "memory");
}

/* All of it in one page; and the five bytes can be written at once, or nobody is there to see them half written. */
static bool is_placed_well(vaddr_t site)
{
	if (site % PAGE_SIZE > PAGE_SIZE - (ARCH_SITE_SIZE + 2))
		return false;
	return atomic_load(&arch_nr_cpus, RELAXED) == 1 || site % 8 <= 8 - ARCH_SITE_SIZE;
}

/* Does it look like mov $nr, %eax; syscall, and can the first be replaced at once? */
static bool looks_right(vaddr_t site, uint32_t *nr)
{
	uint8_t code[ARCH_SITE_SIZE + 2];

	if (!is_placed_well(site) || arch_user_copy(code, (const void *)site, sizeof(code)))
		return false;
	memcpy(nr, code + 1, sizeof(*nr));
	return code[0] == 0xb8 && code[5] == 0x0f && code[6] == 0x05;
}

/* Interrupts masked. A free breakpoint, else one by chance: in turn, five sites called in turn would always find theirs gone. */
static void watch(vaddr_t site)
{
	uint64_t dr7 = read_dr7(), old;
	unsigned n;

	for (n = 0; n < NR_BREAKPOINTS && dr7 & DR7_ENABLE(n); n++)
		if (read_dr(n) == site)
			return;
	if (n == NR_BREAKPOINTS) {
		uint32_t lo, hi;

		__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
		n = (lo >> 4 ^ lo >> 9) % NR_BREAKPOINTS;
		old = read_dr(n) + ARCH_SITE_SIZE + 2;
		if (atomic_load(known_slot(old), RELAXED) == old)
			atomic_store(known_slot(old), 0ul, RELAXED);
	}
	write_dr(n, site);
	write_dr7(dr7 | DR7_ENABLE(n) | DR7_CLEAR);
}

bool arch_site_ready(const struct frame *f)
{
	vaddr_t site = arch_veneer_site(f);
	arch_irqflags_t flags;
	uint32_t nr;

	atomic_store(known_slot(f->rip), f->rip, RELAXED);
	if (looks_right(site, &nr) && nr == (uint64_t)f->syscall_nr) {
		flags = arch_irq_save();
		watch(site);
		arch_irq_restore(flags);
	}
	return false;
}

void arch_sites_forget(void)
{
	for (unsigned i = 0; i < SITES_KNOWN; i++)
		atomic_store(&arch_sites_known[i], 0ul, RELAXED);
}

bool arch_site_hit(struct frame *f)
{
	uint64_t dr6, dr7 = read_dr7();
	bool is_ours = false;
	uint32_t nr;

	__asm__ volatile("movq %%dr6, %0" : "=r"(dr6));
	for (unsigned n = 0; n < NR_BREAKPOINTS; n++) {
		if (!(dr6 & DR6_HIT(n)) || !(dr7 & DR7_ENABLE(n)) || read_dr(n) != f->rip)
			continue;
		dr7 &= ~DR7_ENABLE(n);
		is_ours = true;
	}
	if (!is_ours)
		return false;
	__asm__ volatile("movq %0, %%dr6" : : "r"(DR6_CLEAR));
	write_dr7(dr7);
	arch_irq_enable();
	if (looks_right(f->rip, &nr))
		linux_site_ready(f->rip, nr);
	return true;
}

/* ---- changing text ------------------------------------------------------------------------------------------------------- */

/* Replace the five bytes at alias, if they are what is expected. */
static bool exchange(void *alias, const uint8_t from[ARCH_SITE_SIZE], const uint8_t to[ARCH_SITE_SIZE])
{
	unsigned off = (vaddr_t)alias % 8;
	uint64_t *word = (uint64_t *)((vaddr_t)alias - off), old, fresh;

	if (off > 8 - ARCH_SITE_SIZE) {		/* there is one CPU, and it is here */
		if (memcmp(alias, from, ARCH_SITE_SIZE))
			return false;
		memcpy(alias, to, ARCH_SITE_SIZE);
		return true;
	}
	old = READ_ONCE(*word);
	do {
		if (memcmp((uint8_t *)&old + off, from, ARCH_SITE_SIZE))
			return false;
		fresh = old;
		memcpy((uint8_t *)&fresh + off, to, ARCH_SITE_SIZE);
	} while (!atomic_cas(word, &old, fresh, RELEASE));	/* release: the veneer before the branch to it. Pairs: instruction fetch, which follows the branch */
	return true;
}

static void encode(uint8_t insn[ARCH_SITE_SIZE], uint8_t opcode, uint32_t imm)
{
	insn[0] = opcode;
	memcpy(insn + 1, &imm, sizeof(imm));
}

static void encode_both(vaddr_t site, vaddr_t veneer, uint32_t nr, uint8_t mov[ARCH_SITE_SIZE], uint8_t jmp[ARCH_SITE_SIZE])
{
	encode(mov, 0xb8, nr);
	encode(jmp, 0xe9, (uint32_t)(veneer - (site + ARCH_SITE_SIZE)));
}

bool arch_site_patch(void *alias, vaddr_t site, vaddr_t veneer, uint32_t nr)
{
	uint8_t mov[ARCH_SITE_SIZE], jmp[ARCH_SITE_SIZE];

	/* The program may have written other code there since it was looked at. */
	if (!is_placed_well(site) || memcmp((uint8_t *)alias + ARCH_SITE_SIZE, "\x0f\x05", 2))
		return false;
	encode_both(site, veneer, nr, mov, jmp);
	return exchange(alias, mov, jmp);
}

bool arch_site_unpatch(void *alias, vaddr_t site, vaddr_t veneer, uint32_t nr)
{
	uint8_t mov[ARCH_SITE_SIZE], jmp[ARCH_SITE_SIZE];

	encode_both(site, veneer, nr, mov, jmp);
	return exchange(alias, jmp, mov);
}
