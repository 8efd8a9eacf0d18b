// SPDX-License-Identifier: MIT
/*
 * What there is of /sys beside processors (sysfs-cpu.c), network devices (net/sysfs.c) and disks
 * (fs/blkdev.c): mostly constants, and the empty directories that programs list.
 */
#include "fs/procfs.h"
#include "fs/vnode.h"

#define DIR(path_)	{ .path = path_, .mode = S_IFDIR | 0755 }

static const struct pseudo_file rows[] = {
	{ .path = "kernel/mm/hugepages/hugepages-2048kB/demote_size", .mode = 0644, .constant = "64kB\n" },
	{ .path = "kernel/mm/hugepages/hugepages-2048kB/free_hugepages", .mode = 0444, .constant = "0\n" },
	{ .path = "kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", .mode = 0644, .constant = "0\n" },
	{ .path = "kernel/mm/hugepages/hugepages-2048kB/nr_hugepages_mempolicy", .mode = 0644, .constant = "0\n" },
	{ .path = "kernel/mm/hugepages/hugepages-2048kB/nr_overcommit_hugepages", .mode = 0644, .constant = "0\n" },
	{ .path = "kernel/mm/hugepages/hugepages-2048kB/resv_hugepages", .mode = 0444, .constant = "0\n" },
	{ .path = "kernel/mm/hugepages/hugepages-2048kB/surplus_hugepages", .mode = 0444, .constant = "0\n" },
	{ .path = "kernel/mm/ksm/full_scans", .mode = 0444, .constant = "0\n" },
	{ .path = "kernel/mm/ksm/max_page_sharing", .mode = 0644, .constant = "256\n" },
	{ .path = "kernel/mm/ksm/merge_across_nodes", .mode = 0644, .constant = "1\n" },
	{ .path = "kernel/mm/ksm/pages_shared", .mode = 0444, .constant = "0\n" },
	{ .path = "kernel/mm/ksm/pages_sharing", .mode = 0444, .constant = "0\n" },
	{ .path = "kernel/mm/ksm/pages_to_scan", .mode = 0644, .constant = "100\n" },
	{ .path = "kernel/mm/ksm/pages_unshared", .mode = 0444, .constant = "0\n" },
	{ .path = "kernel/mm/ksm/pages_volatile", .mode = 0444, .constant = "0\n" },
	{ .path = "kernel/mm/ksm/run", .mode = 0644, .constant = "0\n" },
	{ .path = "kernel/mm/ksm/sleep_millisecs", .mode = 0644, .constant = "20\n" },
	{ .path = "kernel/mm/ksm/stable_node_chains", .mode = 0444, .constant = "0\n" },
	{ .path = "kernel/mm/ksm/stable_node_chains_prune_millisecs", .mode = 0644, .constant = "2000\n" },
	{ .path = "kernel/mm/ksm/stable_node_dups", .mode = 0444, .constant = "0\n" },
	{ .path = "kernel/mm/ksm/use_zero_pages", .mode = 0644, .constant = "0\n" },
	{ .path = "kernel/mm/numa/demotion_enabled", .mode = 0644, .constant = "false\n" },
	{ .path = "kernel/mm/swap/vma_ra_enabled", .mode = 0644, .constant = "true\n" },
	{ .path = "kernel/mm/transparent_hugepage/defrag", .mode = 0644, .constant = "always defer defer+madvise [madvise] never\n" },
	{ .path = "kernel/mm/transparent_hugepage/enabled", .mode = 0644, .constant = "[always] madvise never\n" },
	{ .path = "kernel/mm/transparent_hugepage/hpage_pmd_size", .mode = 0444, .constant = "2097152\n" },
	{ .path = "kernel/mm/transparent_hugepage/khugepaged/alloc_sleep_millisecs", .mode = 0644, .constant = "60000\n" },
	{ .path = "kernel/mm/transparent_hugepage/khugepaged/defrag", .mode = 0644, .constant = "1\n" },
	{ .path = "kernel/mm/transparent_hugepage/khugepaged/full_scans", .mode = 0444, .constant = "0\n" },
	{ .path = "kernel/mm/transparent_hugepage/khugepaged/max_ptes_none", .mode = 0644, .constant = "511\n" },
	{ .path = "kernel/mm/transparent_hugepage/khugepaged/max_ptes_shared", .mode = 0644, .constant = "256\n" },
	{ .path = "kernel/mm/transparent_hugepage/khugepaged/max_ptes_swap", .mode = 0644, .constant = "64\n" },
	{ .path = "kernel/mm/transparent_hugepage/khugepaged/pages_collapsed", .mode = 0444, .constant = "0\n" },
	{ .path = "kernel/mm/transparent_hugepage/khugepaged/pages_to_scan", .mode = 0644, .constant = "4096\n" },
	{ .path = "kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs", .mode = 0644, .constant = "10000\n" },
	{ .path = "kernel/mm/transparent_hugepage/shmem_enabled", .mode = 0644, .constant = "always within_size advise [never] deny force\n" },
	{ .path = "kernel/mm/transparent_hugepage/use_zero_page", .mode = 0644, .constant = "1\n" },
	{ .path = "kernel/uevent_seqnum", .mode = 0444, .constant = "0\n" },
	{ .path = "kernel/profiling", .mode = 0644, .constant = "0\n" },
	{ .path = "kernel/fscaps", .mode = 0444, .constant = "1\n" },
	{ .path = "kernel/kexec_loaded", .mode = 0444, .constant = "0\n" },
	{ .path = "kernel/kexec_crash_loaded", .mode = 0444, .constant = "0\n" },
	{ .path = "kernel/kexec_crash_size", .mode = 0644, .constant = "0\n" },
	{ .path = "kernel/oops_count", .mode = 0444, .constant = "0\n" },
	{ .path = "kernel/warn_count", .mode = 0444, .constant = "0\n" },
	{ .path = "kernel/rcu_expedited", .mode = 0644, .constant = "0\n" },
	{ .path = "kernel/rcu_normal", .mode = 0644, .constant = "0\n" },
	{ .path = "kernel/cgroup/delegate", .mode = 0444, .constant = "cgroup.procs\ncgroup.threads\ncgroup.subtree_control\nmemory.oom.group\nmemory.reclaim\n" },
	{ .path = "kernel/cgroup/features", .mode = 0444, .constant = "nsdelegate\nfavordynmods\nmemory_localevents\nmemory_recursiveprot\n" },
	{ .path = "kernel/reboot/mode", .mode = 0644, .constant = "cold\n" },
	{ .path = "kernel/reboot/cpu", .mode = 0644, .constant = "0\n" },
	{ .path = "kernel/debug", .mode = S_IFDIR | 0555 },
	{ .path = "kernel/tracing", .mode = S_IFDIR | 0555 },
	{ .path = "kernel/security", .mode = S_IFDIR | 0555 },
	DIR("kernel/iommu_groups"), DIR("kernel/irq"), DIR("kernel/slab"), DIR("kernel/software_nodes"),
	{ .path = "fs/cgroup", .mode = S_IFDIR | 0555 },
	{ .path = "fs/bpf", .mode = S_IFDIR | 0555 },
	{ .path = "fs/pstore", .mode = S_IFDIR | 0555 },
	{ .path = "power/state", .mode = 0644, .constant = "freeze\n" },
	{ .path = "power/disk", .mode = 0644, .constant = "[disabled]\n" },
	{ .path = "power/pm_async", .mode = 0644, .constant = "1\n" },
	{ .path = "power/wakeup_count", .mode = 0644, .constant = "0\n" },
	{ .path = "bus/cpu/drivers_autoprobe", .mode = 0644, .constant = "1\n" },
	{ .path = "bus/cpu/uevent", .mode = 0200 },
	{ .path = "bus/cpu/drivers_probe", .mode = 0200 },
	DIR("bus/cpu/drivers"), DIR("bus/clocksource/devices"), DIR("bus/node/devices"), DIR("bus/memory/devices"), DIR("bus/platform/devices"), DIR("bus/virtio/devices"),
	DIR("bus/pci/devices"), DIR("bus/usb/devices"), DIR("bus/scsi/devices"), DIR("bus/workqueue/devices"),
	DIR("class/backlight"), DIR("class/bdi"), DIR("class/block"), DIR("class/dma"), DIR("class/hwmon"), DIR("class/input"), DIR("class/iommu"), DIR("class/leds"), DIR("class/mem"),
	DIR("class/misc"), DIR("class/net"), DIR("class/power_supply"), DIR("class/pps"), DIR("class/ptp"), DIR("class/rtc"), DIR("class/thermal"), DIR("class/tpm"), DIR("class/vc"),
	DIR("class/watchdog"), DIR("class/wakeup"), DIR("class/gpio"), DIR("class/pci_bus"),
	{ .path = "devices/virtual/tty/console/active", .mode = 0444, .constant = "ttyAMA0\n" },
	{ .path = "devices/virtual/tty/console/dev", .mode = 0444, .constant = "5:1\n" },
	{ .path = "devices/virtual/tty/tty/dev", .mode = 0444, .constant = "5:0\n" },
	DIR("block"), DIR("dev/block"), DIR("dev/char"), DIR("hypervisor"), DIR("module"), DIR("firmware"), DIR("devices/platform"),
};
PSEUDO_TABLE(sysfs, "/sys", rows);
PSEUDO_LINK_TO(sys_tty_console, "/sys/class/tty/console", "../../devices/virtual/tty/console");
PSEUDO_LINK_TO(sys_tty_tty, "/sys/class/tty/tty", "../../devices/virtual/tty/tty");

static const struct pseudo_file clock_rows[] = {
	{ .path = "current_clocksource", .mode = 0644, .constant = "arch_sys_counter\n" },
	{ .path = "available_clocksource", .mode = 0444, .constant = "arch_sys_counter \n" },
	{ .path = "unbind_clocksource", .mode = 0200 },
	{ .path = "uevent", .mode = 0644, .constant = "" },
};
PSEUDO_TABLE(sys_clock, "/sys/devices/system/clocksource/clocksource0", clock_rows);
PSEUDO_LINK_TO(sys_clock_bus, "/sys/devices/system/clocksource/clocksource0/subsystem", "../../../../bus/clocksource");
