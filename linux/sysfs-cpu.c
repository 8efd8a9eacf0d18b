// SPDX-License-Identifier: MIT
/*
 * /sys/devices/system: processors and the one memory node (Linux Documentation/ABI/testing/
 * sysfs-devices-system-cpu). Each CPU is a core of one package, as on Linux in the same machine.
 */
#include <arch/layout.h>

#include "fs/procfs.h"
#include "fs/vnode.h"
#include "libc/print.h"
#include "mmu/page.h"
#include "sched/cpu.h"

#define KIB(bytes)	((unsigned long)((bytes) / 1024))
#define CPU_MAX_INDEX	(MAX_CPUS - 1)

static void put_list(struct text *t, unsigned first, unsigned last)
{
	if (first == last)
		text_printf(t, "%u\n", first);
	else
		text_printf(t, "%u-%u\n", first, last);
}

/* CPUs first to last as groups of 32 bits, the highest first. */
static void put_mask(struct text *t, unsigned first, unsigned last)
{
	unsigned words = (nr_cpus + 31) / 32;

	for (unsigned w = words; w-- > 0;) {
		unsigned top = w == words - 1 ? (nr_cpus - 1) % 32 + 1 : 32;
		uint32_t bits = 0;

		for (unsigned i = 0; i < 32; i++)
			if (w * 32 + i >= first && w * 32 + i <= last)
				bits |= 1u << i;
		text_printf(t, "%0*x%s", (int)(top + 3) / 4, bits, w ? "," : "\n");
	}
}

static int show_all_list(struct text *t, struct pseudo_args *a)
{
	(void)a;
	put_list(t, 0, nr_cpus - 1);
	return 0;
}

/* The CPUs that are online, or those that are not, as Linux's lists: "0-3", "0,2-3". */
static int show_some(struct text *t, bool is_online)
{
	const char *comma = "";

	for (unsigned i = 0; i < nr_cpus; i++) {
		unsigned first = i;

		if (cpu_is_online(cpus[i]) != is_online)
			continue;
		while (i + 1 < nr_cpus && cpu_is_online(cpus[i + 1]) == is_online)
			i++;
		text_printf(t, first == i ? "%s%u" : "%s%u-%u", comma, first, i);
		comma = ",";
	}
	text_printf(t, "\n");
	return 0;
}

static int show_online(struct text *t, struct pseudo_args *a)
{
	(void)a;
	return show_some(t, true);
}

static int show_offline(struct text *t, struct pseudo_args *a)
{
	(void)a;
	return show_some(t, false);
}

static int show_all_mask(struct text *t, struct pseudo_args *a)
{
	(void)a;
	put_mask(t, 0, nr_cpus - 1);
	return 0;
}

static int show_own_list(struct text *t, struct pseudo_args *a)
{
	put_list(t, (unsigned)a->id[0], (unsigned)a->id[0]);
	return 0;
}

static int show_own_mask(struct text *t, struct pseudo_args *a)
{
	put_mask(t, (unsigned)a->id[0], (unsigned)a->id[0]);
	return 0;
}

static int show_own(struct text *t, struct pseudo_args *a)
{
	text_printf(t, "%ld\n", a->id[0]);
	return 0;
}

static int show_kernel_max(struct text *t, struct pseudo_args *a)
{
	(void)a;
	text_printf(t, "%u\n", CPU_MAX_INDEX);
	return 0;
}

/* Nothing is done against what only separates programs from each other or from their kernel. */
#define OPEN(name)	{ .path = "vulnerabilities/" name, .mode = 0444, .constant = "Vulnerable\n" }
#define SAFE(name)	{ .path = "vulnerabilities/" name, .mode = 0444, .constant = "Not affected\n" }

static const struct pseudo_file all_rows[] = {
	{ .path = "online", .mode = 0444, .show = show_online },
	{ .path = "possible", .mode = 0444, .show = show_all_list },
	{ .path = "present", .mode = 0444, .show = show_all_list },
	{ .path = "offline", .mode = 0444, .show = show_offline },
	{ .path = "isolated", .mode = 0444, .constant = "\n" },
	{ .path = "nohz_full", .mode = 0444, .constant = "\n" },
	{ .path = "kernel_max", .mode = 0444, .show = show_kernel_max },
	{ .path = "modalias", .mode = 0444, .constant = "cpu:type:samara\n" },
	{ .path = "uevent", .mode = 0644, .constant = "" },
	{ .path = "smt/active", .mode = 0444, .constant = "0\n" },
	{ .path = "smt/control", .mode = 0644, .constant = "notimplemented\n" },
	{ .path = "cpufreq", .mode = S_IFDIR | 0755 },
	{ .path = "hotplug", .mode = S_IFDIR | 0755 },
	{ .path = "power", .mode = S_IFDIR | 0755 },
	{ .path = "cpuidle/available_governors", .mode = 0444, .constant = "menu \n" },
	{ .path = "cpuidle/current_driver", .mode = 0444, .constant = "none\n" },
	{ .path = "cpuidle/current_governor", .mode = 0644, .constant = "menu\n" },
	{ .path = "cpuidle/current_governor_ro", .mode = 0444, .constant = "menu\n" },
	SAFE("itlb_multihit"), SAFE("l1tf"), SAFE("mds"), SAFE("meltdown"), SAFE("mmio_stale_data"),
	SAFE("retbleed"), SAFE("srbds"),
	OPEN("spec_store_bypass"), OPEN("spectre_v1"), OPEN("spectre_v2"), SAFE("tsx_async_abort"), SAFE("gather_data_sampling"), SAFE("spec_rstack_overflow"),
};
PSEUDO_TABLE(sys_cpus, "/sys/devices/system/cpu", all_rows);

/* ---- one CPU ---------------------------------------------------------------------------------- */

static long next_cpu(long n, struct pseudo_args *a)
{
	(void)a;
	return n < (long)nr_cpus ? n : -1;
}

static void name_cpu(long n, char *buf, size_t size)
{
	snprintf(buf, size, "cpu%ld", n);
}
PSEUDO_DIR_NAMED(sys_cpu, "/sys/devices/system/cpu/%", next_cpu, name_cpu);

static const struct pseudo_file cpu_rows[] = {
	{ .path = "online", .mode = 0644, .constant = "1\n" },
	{ .path = "cpu_capacity", .mode = 0444, .constant = "1024\n" },
	{ .path = "crash_notes", .mode = 0400, .constant = "0\n" },
	{ .path = "crash_notes_size", .mode = 0400, .constant = "0\n" },
	{ .path = "uevent", .mode = 0644, .constant = "" },
	{ .path = "hotplug/fail", .mode = 0644, .constant = "-1\n" },
	{ .path = "hotplug/state", .mode = 0444, .constant = "236\n" },
	{ .path = "hotplug/target", .mode = 0644, .constant = "236\n" },
	{ .path = "power", .mode = S_IFDIR | 0755 },
	{ .path = "topology/core_id", .mode = 0444, .show = show_own },
	{ .path = "topology/physical_package_id", .mode = 0444, .constant = "0\n" },
	{ .path = "topology/cluster_id", .mode = 0444, .constant = "0\n" },
	{ .path = "topology/core_cpus", .mode = 0444, .show = show_own_mask },
	{ .path = "topology/core_cpus_list", .mode = 0444, .show = show_own_list },
	{ .path = "topology/thread_siblings", .mode = 0444, .show = show_own_mask },
	{ .path = "topology/thread_siblings_list", .mode = 0444, .show = show_own_list },
	{ .path = "topology/core_siblings", .mode = 0444, .show = show_all_mask },
	{ .path = "topology/core_siblings_list", .mode = 0444, .show = show_all_list },
	{ .path = "topology/cluster_cpus", .mode = 0444, .show = show_all_mask },
	{ .path = "topology/cluster_cpus_list", .mode = 0444, .show = show_all_list },
	{ .path = "topology/package_cpus", .mode = 0444, .show = show_all_mask },
	{ .path = "topology/package_cpus_list", .mode = 0444, .show = show_all_list },
	{ .path = "cache/uevent", .mode = 0644, .constant = "" },
	{ .path = "cache/index0/level", .mode = 0444, .constant = "1\n" },
	{ .path = "cache/index0/type", .mode = 0444, .constant = "Data\n" },
	{ .path = "cache/index0/shared_cpu_list", .mode = 0444, .show = show_own_list },
	{ .path = "cache/index0/shared_cpu_map", .mode = 0444, .show = show_own_mask },
	{ .path = "cache/index1/level", .mode = 0444, .constant = "1\n" },
	{ .path = "cache/index1/type", .mode = 0444, .constant = "Instruction\n" },
	{ .path = "cache/index1/shared_cpu_list", .mode = 0444, .show = show_own_list },
	{ .path = "cache/index1/shared_cpu_map", .mode = 0444, .show = show_own_mask },
};
PSEUDO_TABLE(sys_cpu, "/sys/devices/system/cpu/%", cpu_rows);
PSEUDO_LINK_TO(sys_cpu_node, "/sys/devices/system/cpu/%/node0", "../../node/node0");
PSEUDO_LINK_TO(sys_cpu_bus, "/sys/devices/system/cpu/%/subsystem", "../../../../bus/cpu");

/* ---- the node, and memory --------------------------------------------------------------------- */

static int show_node_memory(struct text *t, struct pseudo_args *a)
{
	struct page_stats m;

	(void)a;
	page_stats(&m);
	text_printf(t, "Node 0 MemTotal:       %8lu kB\nNode 0 MemFree:        %8lu kB\nNode 0 MemUsed:        %8lu kB\n",
		    KIB(m.total_bytes), KIB(m.free_bytes), KIB(m.total_bytes - m.free_bytes));
	text_printf(t, "Node 0 FilePages:      %8lu kB\nNode 0 AnonPages:      %8lu kB\nNode 0 Shmem:          %8lu kB\n",
		    KIB(m.cached_bytes), KIB(m.anon_bytes), KIB(m.cached_bytes));
	text_printf(t, "Node 0 HugePages_Total: %5u\nNode 0 HugePages_Free:  %5u\nNode 0 HugePages_Surp:  %5u\n", 0, 0, 0);
	return 0;
}

static const struct pseudo_file node_rows[] = {
	{ .path = "node/online", .mode = 0444, .constant = "0\n" },
	{ .path = "node/possible", .mode = 0444, .constant = "0\n" },
	{ .path = "node/has_cpu", .mode = 0444, .constant = "0\n" },
	{ .path = "node/has_memory", .mode = 0444, .constant = "0\n" },
	{ .path = "node/has_normal_memory", .mode = 0444, .constant = "0\n" },
	{ .path = "node/has_generic_initiator", .mode = 0444, .constant = "\n" },
	{ .path = "node/uevent", .mode = 0644, .constant = "" },
	{ .path = "node/node0/cpulist", .mode = 0444, .show = show_all_list },
	{ .path = "node/node0/cpumap", .mode = 0444, .show = show_all_mask },
	{ .path = "node/node0/distance", .mode = 0444, .constant = "10\n" },
	{ .path = "node/node0/meminfo", .mode = 0444, .show = show_node_memory },
	{ .path = "node/node0/numastat", .mode = 0444,
	  .constant = "numa_hit 0\nnuma_miss 0\nnuma_foreign 0\ninterleave_hit 0\nlocal_node 0\nother_node 0\n" },
	{ .path = "node/node0/uevent", .mode = 0644, .constant = "" },
	{ .path = "node/node0/hugepages/hugepages-2048kB/nr_hugepages", .mode = 0644, .constant = "0\n" },
	{ .path = "node/node0/hugepages/hugepages-2048kB/free_hugepages", .mode = 0444, .constant = "0\n" },
	{ .path = "node/node0/hugepages/hugepages-2048kB/surplus_hugepages", .mode = 0444, .constant = "0\n" },
	{ .path = "memory/block_size_bytes", .mode = 0444, .constant = "8000000\n" },
	{ .path = "memory/auto_online_blocks", .mode = 0644, .constant = "offline\n" },
	{ .path = "memory/uevent", .mode = 0644, .constant = "" },
	{ .path = "container/uevent", .mode = 0644, .constant = "" },
	{ .path = "edac/uevent", .mode = 0644, .constant = "" },
	{ .path = "clockevents", .mode = S_IFDIR | 0755 },
	{ .path = "clocksource/uevent", .mode = 0644, .constant = "" },
};
PSEUDO_TABLE(sys_nodes, "/sys/devices/system", node_rows);

static ssize_t node_cpu_target(char *buf, size_t size, struct pseudo_args *a)
{
	return snprintf(buf, size, "../../cpu/cpu%ld", a->id[0]);
}
PSEUDO_DIR_NAMED(node_cpu, "/sys/devices/system/node/node0/%", next_cpu, name_cpu);
PSEUDO_LINK(node_cpu, "/sys/devices/system/node/node0/%", node_cpu_target, NULL);

static ssize_t bus_cpu_target(char *buf, size_t size, struct pseudo_args *a)
{
	return snprintf(buf, size, "../../../devices/system/cpu/cpu%ld", a->id[0]);
}
PSEUDO_DIR_NAMED(bus_cpu, "/sys/bus/cpu/devices/%", next_cpu, name_cpu);
PSEUDO_LINK(bus_cpu, "/sys/bus/cpu/devices/%", bus_cpu_target, NULL);
