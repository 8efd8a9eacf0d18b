/* SPDX-License-Identifier: MIT
 *
 * Patching trace sites. The kernel's text is mapped read-only, so it is written through the linear map.
 */
#include <arch/cache.h>
#include <arch/trace.h>

#include "mmu/page.h"

#define INSN_B		0x14000000u
#define INSN_B_MASK	0x03ffffffu
#define PAR_PA_MASK	0x0000fffffffff000ul

extern const struct arch_trace_entry __trace_sites_start[], __trace_sites_end[];

/* Where va, a kernel address, lies in the linear map (AT S1E1R, Arm ARM C5.4.10). */
static uint32_t *writable(vaddr_t va)
{
	uint64_t par;

	__asm__ volatile("at s1e1r, %1\n\tisb\n\tmrs %0, par_el1" : "=r"(par) : "r"(va));
	return phys_to_virt((par & PAR_PA_MASK) | (va & (PAGE_SIZE - 1)));
}

void arch_trace_patch(uint64_t events)
{
	for (const struct arch_trace_entry *e = __trace_sites_start; e < __trace_sites_end; e++) {
		vaddr_t site = (vaddr_t)&e->site + (vaddr_t)(int64_t)e->site;
		vaddr_t target = (vaddr_t)&e->target + (vaddr_t)(int64_t)e->target;
		uint32_t *word;

		if (!(events >> e->event & 1))
			continue;
		word = writable(site);
		*word = INSN_B | ((uint32_t)((int64_t)(target - site) >> 2) & INSN_B_MASK);
		arch_sync_icache(word, sizeof(*word));
		arch_sync_icache((const void *)site, sizeof(*word));
	}
}
