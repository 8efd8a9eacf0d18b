/* SPDX-License-Identifier: MIT
 *
 * Disks in /sys (Linux Documentation/ABI/stable/sysfs-block): /sys/block, /sys/class/block and
 * /sys/dev/block lead to /sys/devices/platform/virtio-blk/block/NAME.
 */
#include "fs/blkdev.h"
#include "fs/procfs.h"
#include "fs/vnode.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"

#define HOME		"devices/platform/virtio-blk/block/"
#define NR_DISKS	26		/* fs/blkdev.c */

static struct blkdev *disk_of(long index)
{
	char name[] = { 'v', 'd', (char)('a' + index), 0 };

	return index < NR_DISKS ? blkdev_find(name) : NULL;
}

static long next_disk(long n, struct pseudo_args *a)
{
	(void)a;
	while (n < NR_DISKS && !disk_of(n))
		n++;
	return n < NR_DISKS ? n : -1;
}

static void name_disk(long n, char *buf, size_t size)
{
	snprintf(buf, size, "vd%c", (char)('a' + n));
}

static void name_number(long n, char *buf, size_t size)
{
	snprintf(buf, size, "%u:%ld", BLKDEV_MAJOR, n * BLKDEV_MINORS);
}
PSEUDO_DIR_NAMED(block, "/sys/block/%", next_disk, name_disk);
PSEUDO_DIR_NAMED(class_block, "/sys/class/block/%", next_disk, name_disk);
PSEUDO_DIR_NAMED(dev_block, "/sys/dev/block/%", next_disk, name_number);
PSEUDO_DIR_NAMED(disk, "/sys/" HOME "%", next_disk, name_disk);

static ssize_t block_target(char *buf, size_t size, struct pseudo_args *a)
{
	return snprintf(buf, size, "../" HOME "vd%c", (char)('a' + a->id[0]));
}

static ssize_t class_target(char *buf, size_t size, struct pseudo_args *a)
{
	return snprintf(buf, size, "../../" HOME "vd%c", (char)('a' + a->id[0]));
}
PSEUDO_LINK(block, "/sys/block/%", block_target, NULL);
PSEUDO_LINK(class_block, "/sys/class/block/%", class_target, NULL);
PSEUDO_LINK(dev_block, "/sys/dev/block/%", class_target, NULL);
PSEUDO_LINK_TO(disk_class, "/sys/" HOME "%/subsystem", "../../../../../class/block");
PSEUDO_LINK_TO(disk_device, "/sys/" HOME "%/device", "../../../virtio-blk");
PSEUDO_LINK_TO(disk_bus, "/sys/devices/platform/virtio-blk/subsystem", "../../../bus/virtio");

#define ATTR(name, ...) \
	static int show_##name(struct text *t, struct pseudo_args *a) \
	{ \
		struct blkdev *d = disk_of(a->id[0]); \
		if (!d) \
			return -ENODEV; \
		__VA_ARGS__; \
		return 0; \
	}

ATTR(dev, text_printf(t, "%u:%ld\n", BLKDEV_MAJOR, a->id[0] * BLKDEV_MINORS))
ATTR(size, text_printf(t, "%llu\n", (unsigned long long)atomic_load(&d->nr_sectors, RELAXED)))
ATTR(ro, text_printf(t, "%u\n", d->is_read_only))
ATTR(block_size, text_printf(t, "%u\n", d->block_size))
ATTR(uevent, text_printf(t, "MAJOR=%u\nMINOR=%ld\nDEVNAME=%s\nDEVTYPE=disk\n", BLKDEV_MAJOR, a->id[0] * BLKDEV_MINORS, d->name))
ATTR(cache, text_printf(t, "%s\n", d->has_flush ? "write back" : "write through"))
ATTR(stat, text_printf(t, "%8llu %8u %8llu %8u %8llu %8u %8llu %8u %8u %8u %8u %8u %8u %8u %8u %8u %8u\n",
		       (unsigned long long)atomic_load(&d->nr_reads, RELAXED), 0, (unsigned long long)atomic_load(&d->read_sectors, RELAXED), 0,
		       (unsigned long long)atomic_load(&d->nr_writes, RELAXED), 0, (unsigned long long)atomic_load(&d->written_sectors, RELAXED), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))

#define SHOW(name_, mode_, fn)	{ .path = name_, .mode = mode_, .show = fn }
#define TEXT(name_, mode_, text_)	{ .path = name_, .mode = mode_, .constant = text_ }

static const struct pseudo_file rows[] = {
	SHOW("dev", 0444, show_dev), SHOW("size", 0444, show_size), SHOW("ro", 0444, show_ro), SHOW("uevent", 0644, show_uevent), SHOW("stat", 0444, show_stat),
	SHOW("cache_type", 0644, show_cache), TEXT("alignment_offset", 0444, "0\n"), TEXT("capability", 0444, "0\n"), TEXT("discard_alignment", 0444, "0\n"),
	TEXT("events", 0444, "\n"), TEXT("ext_range", 0444, "256\n"), TEXT("hidden", 0444, "0\n"), TEXT("inflight", 0444, "       0        0\n"),
	TEXT("range", 0444, "16\n"), TEXT("removable", 0444, "0\n"), TEXT("serial", 0444, ""),
	{ .path = "holders", .mode = S_IFDIR | 0755 }, { .path = "slaves", .mode = S_IFDIR | 0755 },
	SHOW("queue/logical_block_size", 0444, show_block_size), SHOW("queue/physical_block_size", 0444, show_block_size),
	SHOW("queue/hw_sector_size", 0444, show_block_size), SHOW("queue/minimum_io_size", 0444, show_block_size), TEXT("queue/optimal_io_size", 0444, "0\n"),
	TEXT("queue/rotational", 0644, "0\n"), TEXT("queue/add_random", 0644, "0\n"), TEXT("queue/discard_granularity", 0444, "0\n"),
	TEXT("queue/discard_max_bytes", 0644, "0\n"), TEXT("queue/discard_zeroes_data", 0444, "0\n"), TEXT("queue/nr_requests", 0644, "128\n"),
	TEXT("queue/read_ahead_kb", 0644, "128\n"), TEXT("queue/scheduler", 0644, "[none]\n"), TEXT("queue/write_same_max_bytes", 0444, "0\n"),
	TEXT("queue/zoned", 0444, "none\n"), TEXT("queue/dax", 0444, "0\n"),
};
PSEUDO_TABLE(disk, "/sys/" HOME "%", rows);
