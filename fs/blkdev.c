/* SPDX-License-Identifier: MIT
 *
 * Block devices: registry, synchronous helpers, and the device files /dev/vda to /dev/vdz, which go to the device directly: there is no cache for them.
 */
#include "fs/blkdev.h"

#include "fs/file.h"
#include "fs/procfs.h"
#include "fs/uio.h"
#include "fs/vfs.h"
#include "fs/vnode.h"
#include "libc/atomic.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "mmu/page.h"
#include "mmu/user.h"
#include "sched/sync.h"

#define MAX_DEVICES	26u
#define BOUNCE_ORDER	4u		/* 64 KiB through which device files go */
#define MAX_BATCH	16u

#define BLKROGET	0x125eu
#define BLKGETSIZE	0x1260u
#define BLKFLSBUF	0x1261u
#define BLKSSZGET	0x1268u
#define BLKBSZGET	0x80081270u
#define BLKGETSIZE64	0x80081272u

static struct mutex register_lock;
static struct blkdev *devices[MAX_DEVICES];	/* [a; register_lock] */

int blkdev_register(struct blkdev *dev)
{
	int r = -ENOSPC;

	mutex_lock(&register_lock);
	for (unsigned i = 0; i < MAX_DEVICES; i++) {
		if (devices[i])
			continue;
		dev->index = i;
		snprintf(dev->name, sizeof(dev->name), "vd%c", 'a' + i);
		/* release: the fields before it can be found. Pairs: blkdev_at */
		atomic_store(&devices[i], dev, RELEASE);
		r = 0;
		break;
	}
	mutex_unlock(&register_lock);
	return r;
}

static struct blkdev *blkdev_at(unsigned i)
{
	return i < MAX_DEVICES ? atomic_load(&devices[i], ACQUIRE) : NULL;	/* Pairs: blkdev_register */
}

struct blkdev *blkdev_find(const char *name)
{
	for (unsigned i = 0; i < MAX_DEVICES; i++) {
		struct blkdev *d = blkdev_at(i);

		if (d && !strcmp(d->name, name))
			return d;
	}
	return NULL;
}

int blkdev_submit(struct blkdev *dev, struct blk_request *r)
{
	uint64_t total = 0, size = atomic_load(&dev->nr_sectors, RELAXED);

	for (unsigned i = 0; i < r->nr_segs; i++) {
		if (!r->segs[i].len || r->segs[i].len % dev->block_size || r->segs[i].len > dev->max_seg_len)
			return -EINVAL;
		total += r->segs[i].len;
	}
	if (r->op != BLK_FLUSH && (!total || r->nr_segs > dev->max_segs || r->sector % (dev->block_size / BLK_SECTOR)))
		return -EINVAL;
	if (r->op == BLK_WRITE && dev->is_read_only)
		return -EROFS;
	if (r->op != BLK_FLUSH && (r->sector > size || total / BLK_SECTOR > size - r->sector))
		return -EIO;
	if (r->op == BLK_READ) {
		atomic_fetch_add(&dev->nr_reads, 1ul, RELAXED);
		atomic_fetch_add(&dev->read_sectors, total / BLK_SECTOR, RELAXED);
	} else if (r->op == BLK_WRITE) {
		atomic_fetch_add(&dev->nr_writes, 1ul, RELAXED);
		atomic_fetch_add(&dev->written_sectors, total / BLK_SECTOR, RELAXED);
	}
	dev->ops->submit(dev, r);
	return 0;
}

/* ---- waiting ------------------------------------------------------------------------------------------------------ */

struct waited {
	struct blk_request request;
	struct completion completion;
	int status;
};

static void wake_waiter(struct blk_request *r, int status)
{
	struct waited *w = container_of(r, struct waited, request);

	w->status = status;
	completion_set(&w->completion);
}

static int submit_and_wait(struct blkdev *dev, enum blk_op op, uint64_t sector, const struct blk_seg *segs, unsigned nr)
{
	struct waited w = { .request = { .op = op, .sector = sector, .segs = segs, .nr_segs = nr, .done = wake_waiter } };
	int r = blkdev_submit(dev, &w.request);

	if (r)
		return r;
	(void)completion_wait(&w.completion, NSEC_NEVER, 0);
	return w.status;
}

static int transfer(struct blkdev *dev, enum blk_op op, uint64_t sector, uint8_t *buf, size_t len)
{
	struct blk_seg segs[MAX_BATCH];
	int r = 0;

	while (len && !r) {
		unsigned nr = 0;
		size_t done = 0;

		while (done < len && nr < MIN(MAX_BATCH, dev->max_segs)) {
			segs[nr] = (struct blk_seg){ virt_to_phys(buf + done), (uint32_t)MIN(len - done, (size_t)dev->max_seg_len) };
			done += segs[nr++].len;
		}
		r = submit_and_wait(dev, op, sector, segs, nr);
		sector += done / BLK_SECTOR;
		buf += done;
		len -= done;
	}
	return r;
}

int blkdev_read(struct blkdev *dev, uint64_t sector, void *buf, size_t len)
{
	return transfer(dev, BLK_READ, sector, buf, len);
}

int blkdev_write(struct blkdev *dev, uint64_t sector, const void *buf, size_t len)
{
	return transfer(dev, BLK_WRITE, sector, (uint8_t *)(uintptr_t)buf, len);
}

int blkdev_flush(struct blkdev *dev)
{
	return dev->has_flush ? submit_and_wait(dev, BLK_FLUSH, 0, NULL, 0) : 0;
}

/* ---- device files ------------------------------------------------------------------------------------------------- */

/* The part of one bounce buffer's worth at pos: whole blocks [start, start + span) hold it, at offset within. */
struct piece {
	uint64_t start;
	size_t within, len, span;
};

static struct piece next_piece(const struct blkdev *dev, uint64_t pos, size_t left)
{
	struct piece p = { .start = ALIGN_DOWN(pos, (uint64_t)dev->block_size) };

	p.within = pos - p.start;
	p.len = MIN(left, (PAGE_SIZE << BOUNCE_ORDER) - p.within);
	p.span = ALIGN_UP(p.within + p.len, (size_t)dev->block_size);
	return p;
}

static uint64_t device_size(const struct blkdev *dev)
{
	return atomic_load(&dev->nr_sectors, RELAXED) * BLK_SECTOR;
}

static ssize_t read_piece(struct blkdev *dev, uint8_t *bounce, const struct piece *p, struct uio *u)
{
	int r = blkdev_read(dev, p->start / BLK_SECTOR, bounce, p->span);

	return r ? r : uio_copy_to(u, bounce + p->within, p->len);
}

/* Blocks that are written in part are read first. */
static ssize_t write_piece(struct blkdev *dev, uint8_t *bounce, const struct piece *p, struct uio *u)
{
	ssize_t n;
	int r = p->within || p->len != p->span ? blkdev_read(dev, p->start / BLK_SECTOR, bounce, p->span) : 0;

	if (r)
		return r;
	n = uio_copy_from(u, bounce + p->within, p->len);
	if (n <= 0)
		return n;
	if ((size_t)n < p->len && p->len == p->span)
		return -EFAULT;		/* the rest of the buffer was never filled */
	r = blkdev_write(dev, p->start / BLK_SECTOR, bounce, p->span);
	return r ? r : n;
}

static ssize_t move(struct file *f, struct uio *u, uint64_t *pos, bool is_write)
{
	struct blkdev *dev = f->private;
	uint64_t size = device_size(dev);
	ssize_t done = 0, n = 0;
	paddr_t pa;

	if (!u->left || (*pos >= size && !is_write))
		return 0;
	if (*pos >= size)
		return -ENOSPC;
	pa = page_alloc(BOUNCE_ORDER, 0);
	if (pa == PADDR_NONE)
		return -ENOMEM;
	while (u->left && *pos < size) {
		struct piece p = next_piece(dev, *pos, (size_t)MIN((uint64_t)u->left, size - *pos));

		n = is_write ? write_piece(dev, phys_to_virt(pa), &p, u) : read_piece(dev, phys_to_virt(pa), &p, u);
		if (n <= 0)
			break;
		done += n;
		*pos += (uint64_t)n;
		if ((size_t)n < p.len)
			break;
	}
	page_free(pa, BOUNCE_ORDER);
	return done ? done : n;
}

static ssize_t blk_read(struct file *f, struct uio *u, uint64_t *pos)
{
	return move(f, u, pos, false);
}

static ssize_t blk_write(struct file *f, struct uio *u, uint64_t *pos)
{
	return move(f, u, pos, true);
}

static int64_t blk_seek(struct file *f, int64_t off, int whence)
{
	int64_t base = whence == 0 ? 0 : whence == 1 ? (int64_t)f->pos : whence == 2 ? (int64_t)device_size(f->private) : -1;
	int64_t to;

	if (base < 0 || __builtin_add_overflow(base, off, &to) || to < 0)
		return -EINVAL;
	f->pos = (uint64_t)to;
	return to;
}

static int blk_fsync(struct file *f, bool data_only)
{
	(void)data_only;
	return blkdev_flush(f->private);
}

static long blk_ioctl(struct file *f, unsigned cmd, unsigned long arg)
{
	struct blkdev *dev = f->private;

	switch (cmd) {
	case BLKROGET:
		return user_store32((uint32_t __user *)arg, dev->is_read_only);
	case BLKGETSIZE:
		return user_store64((uint64_t __user *)arg, device_size(dev) / BLK_SECTOR);
	case BLKGETSIZE64:
		return user_store64((uint64_t __user *)arg, device_size(dev));
	case BLKSSZGET:
		return user_store32((uint32_t __user *)arg, dev->block_size);
	case BLKBSZGET:
		return user_store32((uint32_t __user *)arg, PAGE_SIZE);
	case BLKFLSBUF:
		return blkdev_flush(dev);
	default:
		return -ENOTTY;
	}
}

static const struct file_ops blk_file_ops = {
	.read = blk_read,
	.write = blk_write,
	.seek = blk_seek,
	.fsync = blk_fsync,
	.ioctl = blk_ioctl,
};

static int blk_open(struct vnode *v, unsigned flags, struct file **out)
{
	unsigned minor = DEV_MINOR(v->rdev);
	struct blkdev *dev = minor % BLKDEV_MINORS ? NULL : blkdev_at(minor / BLKDEV_MINORS);

	if (!dev)
		return -ENXIO;
	if (dev->is_read_only && (flags & O_ACCMODE) != O_RDONLY)
		return -EROFS;
	*out = file_alloc(&blk_file_ops, flags, dev);
	return *out ? 0 : -ENOMEM;
}
DEV_NODE(vda, "vda", S_IFBLK | 0660, BLKDEV_MAJOR, 0 * BLKDEV_MINORS, blk_open);
DEV_NODE(vdb, "vdb", S_IFBLK | 0660, BLKDEV_MAJOR, 1 * BLKDEV_MINORS, blk_open);
DEV_NODE(vdc, "vdc", S_IFBLK | 0660, BLKDEV_MAJOR, 2 * BLKDEV_MINORS, blk_open);
DEV_NODE(vdd, "vdd", S_IFBLK | 0660, BLKDEV_MAJOR, 3 * BLKDEV_MINORS, blk_open);

void blkdev_totals(uint64_t *read, uint64_t *written)
{
	*read = *written = 0;
	for (unsigned i = 0; i < MAX_DEVICES; i++) {
		struct blkdev *d = blkdev_at(i);

		if (d) {
			*read += atomic_load(&d->read_sectors, RELAXED) * BLK_SECTOR;
			*written += atomic_load(&d->written_sectors, RELAXED) * BLK_SECTOR;
		}
	}
}

/* ---- /proc -------------------------------------------------------------------------------------------------------- */

static int show_partitions(struct text *t, struct pseudo_args *a)
{
	(void)a;
	for (unsigned i = 0; i < MAX_DEVICES; i++) {
		struct blkdev *d = blkdev_at(i);

		if (d && !t->len)
			text_printf(t, "major minor  #blocks  name\n\n");
		if (d)
			text_printf(t, "%4u  %7u %10llu %s\n", BLKDEV_MAJOR, i * BLKDEV_MINORS, (unsigned long long)(device_size(d) / 1024), d->name);
	}
	return 0;
}
PSEUDO_FILE(partitions, "/proc/partitions", 0444, show_partitions, NULL);

static int show_diskstats(struct text *t, struct pseudo_args *a)
{
	(void)a;
	for (unsigned i = 0; i < MAX_DEVICES; i++) {
		struct blkdev *d = blkdev_at(i);

		if (d)
			text_printf(t, "%4u %7u %s %llu 0 %llu 0 %llu 0 %llu 0 0 0 0 0 0 0 0 0 0\n", BLKDEV_MAJOR, i * BLKDEV_MINORS, d->name,
				    (unsigned long long)atomic_load(&d->nr_reads, RELAXED), (unsigned long long)atomic_load(&d->read_sectors, RELAXED),
				    (unsigned long long)atomic_load(&d->nr_writes, RELAXED),
				    (unsigned long long)atomic_load(&d->written_sectors, RELAXED));
	}
	return 0;
}
PSEUDO_FILE(diskstats, "/proc/diskstats", 0444, show_diskstats, NULL);
