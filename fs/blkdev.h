/* SPDX-License-Identifier: MIT
 *
 * Block devices: what fs/ wants of a driver (virtio/blk.c), and what the driver calls. All counts are in sectors of 512 bytes, as virtio and Linux have them; a device may
 * demand requests in multiples of a larger block_size.
 *
 * A request is asynchronous: submit() may sleep for room in the device's queue, done() comes from the driver's thread, once for each request. Requests may be carried out in any
 * order; what must be on disk before something else is waited for, and flushed.
 */
#pragma once

#include "libc/types.h"

struct blkdev;

#define BLK_SECTOR	512u
#define BLK_NAME_LEN	16
#define BLKDEV_MAJOR	254u		/* as virtblk gets on Linux */
#define BLKDEV_MINORS	16u		/* minor numbers a disk, for partitions (not done) */

enum blk_op { BLK_READ, BLK_WRITE, BLK_FLUSH };

/* dma: from submit() to done(). Length a multiple of block_size. */
struct blk_seg {
	paddr_t pa;
	uint32_t len;
};

/* Owned by the submitter, who keeps it and segs until done(). */
struct blk_request {
	enum blk_op op;
	uint64_t sector;
	const struct blk_seg *segs;
	unsigned nr_segs;		/* <= max_segs; 0 for a flush */
	/* status: 0, -EIO, -EOPNOTSUPP. Context: thread; may submit more, may not wait for a request. */
	void (*done)(struct blk_request *r, int status);
	void *private;			/* the submitter's */
};

struct blkdev_ops {
	/* take until done(). The request was checked: inside the device, not a write to a read-only one. Context: thread, may sleep. */
	void (*submit)(struct blkdev *dev, struct blk_request *r);
};

/* Filled in by the driver (zeroed before), given to blkdev_register(), never taken back. */
struct blkdev {
	const struct blkdev_ops *ops;	/* [I] */
	void *private;			/* [I] the driver's */
	uint64_t nr_sectors;		/* [a] */
	uint32_t block_size;		/* [I] power of two, 512 to 4096 */
	uint32_t max_segs;		/* [I] >= 1 */
	uint32_t max_seg_len;		/* [I] */
	bool is_read_only;		/* [I] */
	bool has_flush;			/* [I] a volatile cache: writes are safe only after BLK_FLUSH */

	/* fs/ only. */
	char name[BLK_NAME_LEN];	/* [I] "vda" */
	unsigned index;			/* [I] */
	uint64_t nr_reads, nr_writes, read_sectors, written_sectors;	/* [a] for /proc/diskstats */
};

/* Names it vda, vdb, ... 0, -ENOSPC (26 are known). pin. Context: thread. */
int __must_check blkdev_register(struct blkdev *dev);

/* ---- for file systems --------------------------------------------------------------------------------------------- */

/* Bytes read and written on all devices since boot. */
void blkdev_totals(uint64_t *read, uint64_t *written);
struct blkdev *blkdev_find(const char *name);	/* NULL: none */
/* Start a request. 0: done() will be called; -EINVAL, -EROFS, -EIO (outside the device): it will not. */
int __must_check blkdev_submit(struct blkdev *dev, struct blk_request *r);
/* Move len bytes between the device and buf (linear map, aligned as blocks are) and wait. sector and len are multiples of block_size. 0 or -errno. */
int __must_check blkdev_read(struct blkdev *dev, uint64_t sector, void *buf, size_t len);
int __must_check blkdev_write(struct blkdev *dev, uint64_t sector, const void *buf, size_t len);
/* All writes that were done before are on stable storage. 0 or -errno. */
int __must_check blkdev_flush(struct blkdev *dev);
