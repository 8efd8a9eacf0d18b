// SPDX-License-Identifier: MIT
/* /proc and /sys: what describes the machine and the system. Formats: proc(5). */
#include <arch/cpuinfo.h>
#include <version.h>

#include "fs/procfs.h"
#include "libc/print.h"
#include "libc/random.h"
#include "libc/string.h"
#include "linux/process.h"
#include "linux/system.h"
#include "mmu/page.h"
#include "sched/clock.h"
#include "sched/cpu.h"

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
	struct page_stats m;

	(void)a;
	page_stats(&m);
	text_printf(t, "MemTotal:       %8lu kB\nMemFree:        %8lu kB\nMemAvailable:   %8lu kB\n", KIB(m.total_bytes),
		    KIB(m.free_bytes), KIB(m.free_bytes));
	text_printf(t, "Buffers:        %8u kB\nCached:         %8lu kB\nSwapCached:     %8u kB\n", 0, KIB(m.cached_bytes), 0);
	text_printf(t, "Active:         %8lu kB\nInactive:       %8u kB\n", KIB(m.anon_bytes), 0);
	text_printf(t, "SwapTotal:      %8u kB\nSwapFree:       %8u kB\nDirty:          %8u kB\nWriteback:      %8u kB\n", 0, 0, 0, 0);
	text_printf(t, "AnonPages:      %8lu kB\nMapped:         %8u kB\nShmem:          %8lu kB\n", KIB(m.anon_bytes), 0, KIB(m.cached_bytes));
	text_printf(t, "Slab:           %8lu kB\nSReclaimable:   %8u kB\nKernelStack:    %8u kB\nPageTables:     %8u kB\n", KIB(m.kernel_bytes), 0, 0, 0);
	text_printf(t, "CommitLimit:    %8lu kB\nCommitted_AS:   %8lu kB\nVmallocTotal:   %8lu kB\n", KIB(m.total_bytes), KIB(m.anon_bytes), 133141626880ul);
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
		size_t n = arch_cpuinfo_text(buf, sizeof(buf), hwcap);

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
CONSTANT(self_cgroup, "/proc/self/cgroup", "0::/\n");
CONSTANT(devices, "/proc/devices", "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n\nBlock devices:\n");
CONSTANT(swaps, "/proc/swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
CONSTANT(osrelease, "/proc/sys/kernel/osrelease", SYSTEM_RELEASE "\n");
CONSTANT(ostype, "/proc/sys/kernel/ostype", "Linux\n");
CONSTANT(ngroups_max, "/proc/sys/kernel/ngroups_max", "65536\n");
CONSTANT(pid_max, "/proc/sys/kernel/pid_max", "4194304\n");
CONSTANT(threads_max, "/proc/sys/kernel/threads-max", "4194304\n");
CONSTANT(cap_last_cap, "/proc/sys/kernel/cap_last_cap", "40\n");
CONSTANT(core_pattern, "/proc/sys/kernel/core_pattern", "core\n");
CONSTANT(randomize, "/proc/sys/kernel/randomize_va_space", "2\n");
CONSTANT(perf_paranoid, "/proc/sys/kernel/perf_event_paranoid", "3\n");
CONSTANT(sem, "/proc/sys/kernel/sem", "32000\t1024000000\t500\t32000\n");
CONSTANT(shmmax, "/proc/sys/kernel/shmmax", "18446744073692774399\n");
CONSTANT(overcommit, "/proc/sys/vm/overcommit_memory", "0\n");
CONSTANT(overcommit_ratio, "/proc/sys/vm/overcommit_ratio", "50\n");
CONSTANT(max_map_count, "/proc/sys/vm/max_map_count", "65530\n");
CONSTANT(mmap_min_addr, "/proc/sys/vm/mmap_min_addr", "32768\n");
CONSTANT(swappiness, "/proc/sys/vm/swappiness", "60\n");
CONSTANT(file_max, "/proc/sys/fs/file-max", "9223372036854775807\n");
CONSTANT(nr_open, "/proc/sys/fs/nr_open", "1048576\n");
CONSTANT(pipe_max_size, "/proc/sys/fs/pipe-max-size", "1048576\n");
CONSTANT(somaxconn, "/proc/sys/net/core/somaxconn", "4096\n");
CONSTANT(thp_enabled, "/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n");
CONSTANT(thp_defrag, "/sys/kernel/mm/transparent_hugepage/defrag", "always defer defer+madvise [madvise] never\n");
CONSTANT(thp_shmem, "/sys/kernel/mm/transparent_hugepage/shmem_enabled", "always within_size advise [never] deny force\n");
CONSTANT(thp_pmd_size, "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "2097152\n");
CONSTANT(hugepages_nr, "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0\n");
CONSTANT(hugepages_free, "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "0\n");
CONSTANT(clocksource, "/sys/devices/system/clocksource/clocksource0/current_clocksource", "arch_sys_counter\n");
CONSTANT(clocksources, "/sys/devices/system/clocksource/clocksource0/available_clocksource", "arch_sys_counter\n");
CONSTANT(node_online, "/sys/devices/system/node/online", "0\n");
CONSTANT(node_possible, "/sys/devices/system/node/possible", "0\n");

/* ---- others -------------------------------------------------------------------------------------------------------------------------- */

static int show_hostname(struct text *t, struct pseudo_args *a)
{
	char name[65];

	(void)a;
	system_get_hostname(name, sizeof(name));
	text_printf(t, "%s\n", name);
	return 0;
}

static ssize_t store_hostname(const char *data, size_t len, struct pseudo_args *a)
{
	char name[65];
	size_t n = MIN(len, sizeof(name) - 1);

	(void)a;
	memcpy(name, data, n);
	while (n && name[n - 1] == '\n')
		n--;
	name[n] = 0;
	system_set_hostname(name);
	return (ssize_t)len;
}
PSEUDO_FILE(hostname, "/proc/sys/kernel/hostname", 0644, show_hostname, store_hostname);

static void put_uuid(struct text *t, const uint8_t *b)
{
	/* Version 4, variant 1 (RFC 9562 5.4). */
	text_printf(t, "%02x%02x%02x%02x-%02x%02x-4%x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x\n", b[0], b[1], b[2], b[3], b[4], b[5],
		    b[6] & 15u, b[7], (b[8] & 0x3fu) | 0x80u, b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

static int show_uuid(struct text *t, struct pseudo_args *a)
{
	uint8_t b[16];

	(void)a;
	random_bytes(b, sizeof(b));
	put_uuid(t, b);
	return 0;
}
PSEUDO_FILE(uuid, "/proc/sys/kernel/random/uuid", 0444, show_uuid, NULL);

/* Made at the first look; two first looks at once may see two ids, the later one stays. */
static int show_boot_id(struct text *t, struct pseudo_args *a)
{
	static uint8_t id[16];
	static uint32_t is_made;	/* [a] */

	(void)a;
	if (!atomic_load(&is_made, ACQUIRE)) {	/* Pairs: the release below */
		random_bytes(id, sizeof(id));
		atomic_store(&is_made, 1u, RELEASE);	/* release: id before the flag. Pairs: the acquire above */
	}
	put_uuid(t, id);
	return 0;
}
PSEUDO_FILE(boot_id, "/proc/sys/kernel/random/boot_id", 0444, show_boot_id, NULL);
CONSTANT(entropy, "/proc/sys/kernel/random/entropy_avail", "256\n");

static void put_cpu_list(struct text *t)
{
	if (nr_cpus == 1)
		text_printf(t, "0\n");
	else
		text_printf(t, "0-%u\n", nr_cpus - 1);
}

static int show_cpu_list(struct text *t, struct pseudo_args *a)
{
	(void)a;
	put_cpu_list(t);
	return 0;
}
PSEUDO_FILE(cpu_online, "/sys/devices/system/cpu/online", 0444, show_cpu_list, NULL);
PSEUDO_FILE(cpu_possible, "/sys/devices/system/cpu/possible", 0444, show_cpu_list, NULL);
PSEUDO_FILE(cpu_present, "/sys/devices/system/cpu/present", 0444, show_cpu_list, NULL);
PSEUDO_FILE(node0_cpus, "/sys/devices/system/node/node0/cpulist", 0444, show_cpu_list, NULL);
