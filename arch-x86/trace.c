/* SPDX-License-Identifier: MIT
 *
 * Patching trace sites. The kernel's text is mapped read-only, so it is written through the linear map. No other CPU runs yet.
 */
#include <arch/io.h>
#include <arch/pt.h>
#include <arch/trace.h>

#include "libc/string.h"
#include "mmu/page.h"

#define OP_JMP_REL32	0xe9
#define SITE_SIZE	5

extern const struct arch_trace_entry __trace_sites_start[], __trace_sites_end[];

/* A site may lie across the end of a page. */
static void write_text(vaddr_t at, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		paddr_t pa;

		if (arch_pt_translate((const void *)(at + i), &pa))
			*(uint8_t *)phys_to_virt(pa) = bytes[i];
	}
}

void arch_trace_patch(uint64_t events)
{
	for (const struct arch_trace_entry *e = __trace_sites_start; e < __trace_sites_end; e++) {
		vaddr_t site = (vaddr_t)&e->site + (vaddr_t)(int64_t)e->site;
		vaddr_t target = (vaddr_t)&e->target + (vaddr_t)(int64_t)e->target;
		int32_t offset = (int32_t)(target - site - SITE_SIZE);
		uint8_t insn[SITE_SIZE] = { OP_JMP_REL32 };

		if (!(events >> e->event & 1))
			continue;
		memcpy(insn + 1, &offset, sizeof(offset));
		write_text(site, insn, sizeof(insn));
	}
	(void)cpuid(0, 0);	/* serializes: nothing that was fetched before is executed (SDM vol. 3A 8.1.3) */
}
