/* SPDX-License-Identifier: MIT
 *
 * An EROFS image on a disk: memory for all of it is reserved, in one piece, and filled in pieces of EROFS_LOAD_SIZE when they are first looked at. What was read stays: file
 * pages are mapped as they lie there. So a machine needs RAM for its whole image, but neither the boot loader nor the boot copies it.
 */
#include "fs/blkdev.h"
#include "fs/erofs.h"
#include "libc/atomic.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "mmu/page.h"
#include "sched/mutex.h"

struct erofs_disk {
	struct erofs_source source;
	struct blkdev *dev;		/* [I] */
	uint8_t *base;			/* [I] */
	uint64_t size;			/* [I] */
	struct mutex lock;		/* one reads; below every lock of fs/, above the device's */
	uint64_t loaded[];		/* [a; lock for writes] a bit for each piece */
};

static struct erofs_disk *disk_of(struct erofs_source *s)
{
	return container_of(s, struct erofs_disk, source);
}

static bool is_loaded(const struct erofs_disk *d, uint64_t piece)
{
	/* acquire: the flag before the bytes. Pairs: load_piece */
	return atomic_load(&d->loaded[piece / 64], ACQUIRE) & 1ull << piece % 64;
}

static bool load_piece(struct erofs_disk *d, uint64_t piece)
{
	uint64_t at = piece * EROFS_LOAD_SIZE, len = MIN((uint64_t)EROFS_LOAD_SIZE, d->size - at);
	int r = 0;

	mutex_lock(&d->lock);
	if (!is_loaded(d, piece)) {
		r = blkdev_read(d->dev, at / BLK_SECTOR, d->base + at, len);
		if (r)
			log_line("the root disk %s cannot be read at %llu (error %d)", d->dev->name, (unsigned long long)at, -r);
		else	/* release: the bytes before the flag. Pairs: is_loaded */
			(void)atomic_fetch_or(&d->loaded[piece / 64], 1ull << piece % 64, RELEASE);
	}
	mutex_unlock(&d->lock);
	return r == 0;
}

static bool disk_load(struct erofs_source *s, uint64_t off, uint64_t len)
{
	struct erofs_disk *d = disk_of(s);

	for (uint64_t piece = off / EROFS_LOAD_SIZE; len && piece <= (off + len - 1) / EROFS_LOAD_SIZE; piece++)
		if (!is_loaded(d, piece) && !load_piece(d, piece))
			return false;
	return true;
}

static bool disk_is_here(struct erofs_source *s, uint64_t off, uint64_t len)
{
	for (uint64_t piece = off / EROFS_LOAD_SIZE; piece <= (off + len - 1) / EROFS_LOAD_SIZE; piece++)
		if (!is_loaded(disk_of(s), piece))
			return false;
	return true;
}

/* Memory in one piece; what the power of two has too much goes back. NULL: none. */
static uint8_t *reserve(uint64_t size)
{
	unsigned order = 0;
	paddr_t pa;

	while ((PAGE_SIZE << order) < size)
		if (++order > PAGE_ORDER_MAX)
			return NULL;
	pa = page_alloc(order, 0);
	if (pa == PADDR_NONE)
		return NULL;
	page_split(pa, order);
	for (uint64_t at = ALIGN_UP(size, (uint64_t)PAGE_SIZE); at < PAGE_SIZE << order; at += PAGE_SIZE)
		page_put(pa + at);
	return phys_to_virt(pa);
}

int erofs_open_disk(struct blkdev *dev, struct erofs **out)
{
	uint64_t size = atomic_load(&dev->nr_sectors, RELAXED) * BLK_SECTOR, pieces = DIV_ROUND_UP(size, (uint64_t)EROFS_LOAD_SIZE);
	struct erofs_disk *d = kzalloc(sizeof(*d) + DIV_ROUND_UP(pieces, 64ull) * sizeof(uint64_t));
	int r;

	if (!d)
		return -ENOMEM;
	*d = (struct erofs_disk){ .source = { disk_load, disk_is_here }, .dev = dev, .size = size, .base = reserve(size) };
	if (!d->base) {
		log_line("the root disk %s has %llu MiB, for which there is no memory in one piece: give the machine more", dev->name, (unsigned long long)(size >> 20));
		kfree(d);
		return -ENOMEM;
	}
	r = erofs_open_source(d->base, size, &d->source, out);
	return r;	/* on failure the machine ends */
}
