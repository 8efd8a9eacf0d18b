// SPDX-License-Identifier: MIT
/* /proc and /sys: what describes the machine and the system. Formats: proc(5). */
#include <arch/cpuinfo.h>
#include <version.h>

#include "fs/procfs.h"
#include "libc/print.h"
#include "libc/string.h"
#include "linux/memory-limits.h"
#include "linux/process.h"
#include "linux/system.h"
#include "mmu/aspace.h"
#include "mmu/page.h"
#include "sched/clock.h"
#include "sched/cpu.h"
#include "sched/gather.h"

#define KIB(bytes)	((unsigned long)((bytes) / 1024))

static int show_version(struct text *t, struct pseudo_args *a)
{
	(void)a;
	text_printf(t, "Linux version %s (samara) %s\n", SYSTEM_RELEASE, SYSTEM_VERSION);
	return 0;
}
PSEUDO_FILE(version, "/proc/version", 0444, show_version, NULL);

static int show_meminfo(struct text *t, struct pseudo_args *a)
{
	struct process *p = process_first();
	uint64_t committed = p ? aspace_committed(p->aspace) : 0;
	struct page_stats m;

	(void)a;
	gather_memory();
	page_stats(&m);
	text_printf(t, "MemTotal:       %8lu kB\nMemFree:        %8lu kB\nMemAvailable:   %8lu kB\n", KIB(m.total_bytes),
		    KIB(m.free_bytes), KIB(m.free_bytes));
	text_printf(t, "Buffers:        %8u kB\nCached:         %8lu kB\nSwapCached:     %8u kB\n", 0, KIB(m.cached_bytes), 0);
	text_printf(t, "Active:         %8lu kB\nInactive:       %8u kB\n", KIB(m.anon_bytes), 0);
	text_printf(t, "SwapTotal:      %8u kB\nSwapFree:       %8u kB\nDirty:          %8u kB\nWriteback:      %8u kB\n", 0, 0, 0, 0);
	text_printf(t, "AnonPages:      %8lu kB\nMapped:         %8u kB\nShmem:          %8lu kB\n", KIB(m.anon_bytes), 0, KIB(m.cached_bytes));
	text_printf(t, "Slab:           %8lu kB\nSReclaimable:   %8u kB\nKernelStack:    %8u kB\nPageTables:     %8u kB\n", KIB(m.kernel_bytes), 0, 0, 0);
	text_printf(t, "CommitLimit:    %8lu kB\nCommitted_AS:   %8lu kB\nVmallocTotal:   %8lu kB\n", KIB(memory_commit_limit()), KIB(committed), 133141626880ul);
	text_printf(t, "HugePages_Total:   %5u\nHugePages_Free:    %5u\nHugePages_Rsvd:    %5u\nHugePages_Surp:    %5u\nHugepagesize:   %8u kB\n", 0, 0, 0, 0, 2048);
	return 0;
}
PSEUDO_FILE(meminfo, "/proc/meminfo", 0444, show_meminfo, NULL);

static int show_cpuinfo(struct text *t, struct pseudo_args *a)
{
	struct process *p = process_first();
	uint64_t hwcap[2] = { 0 };
	char buf[768];

	(void)a;
	for (unsigned i = 0; p && i + 1 < p->nr_auxv; i += 2) {
		if (p->auxv[i] == 16)	/* AT_HWCAP */
			hwcap[0] = p->auxv[i + 1];
		if (p->auxv[i] == 26)	/* AT_HWCAP2 */
			hwcap[1] = p->auxv[i + 1];
	}
	for (unsigned i = 0; i < nr_cpus; i++) {
		size_t n;

		if (!cpu_is_online(cpus[i]))
			continue;
		n = arch_cpuinfo_text(buf, sizeof(buf), hwcap);
		text_printf(t, "processor\t: %u\n", i);
		text_append(t, buf, MIN(n, sizeof(buf) - 1));
	}
	return 0;
}
PSEUDO_FILE(cpuinfo, "/proc/cpuinfo", 0444, show_cpuinfo, NULL);

/* ---- files with a constant text -------------------------------------------------------------------------------------------------- */

#define CONSTANT(id, path, text_) \
	static int show_##id(struct text *t, struct pseudo_args *a) \
	{ \
		(void)a; \
		text_printf(t, "%s", text_); \
		return 0; \
	} \
	PSEUDO_FILE(id, path, 0444, show_##id, NULL)

CONSTANT(cgroups, "/proc/cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\n");
CONSTANT(devices, "/proc/devices", "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n\nBlock devices:\n");
CONSTANT(swaps, "/proc/swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
