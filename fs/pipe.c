/* SPDX-License-Identifier: MIT
 *
 * Pipes and FIFOs: pipe(2), pipe(7), fifo(7).
 *
 * A write copies into pages, a read copies out of them: two copies in all, under the pipe's mutex (a fault in the copy may sleep; it never needs a pipe).
 * A write of at most PIPE_BUF bytes finds room in the last page or takes a free slot, so it is never split. How bytes are packed into pages follows Linux
 * (a write is merged only if it fits whole), because programs see it: how much fits before EAGAIN.
 *
 * Wake-ups: each write wakes readers, since an edge-triggered epoll must see each; a read wakes writers only if the pipe was full. Both cost a fence and a
 * load when nobody waits. Sleepers look at head, tail and the counts without the lock; the fence in waitq_wake() and the one in waitq_add() order that.
 */
#include "fs/pipe.h"

#include "fs/anon-attr.h"
#include "fs/async.h"
#include "fs/cred.h"
#include "fs/file.h"
#include "fs/pipe-priv.h"
#include "fs/special-priv.h"
#include "fs/uio.h"
#include "fs/vfs.h"
#include "fs/vnode.h"
#include "libc/atomic.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "mmu/page.h"
#include "mmu/user.h"

#define FIONREAD	0x541bu
#define POLL_IN		(FILE_POLLIN | FILE_POLLRDNORM)
#define POLL_OUT	(FILE_POLLOUT | FILE_POLLWRNORM)

void (*vfs_broken_pipe)(void);

uint32_t pipe_max_size = 1u << 20;
uint64_t pipe_user_soft = 16384, pipe_user_hard;
static uint64_t user_slots;	/* [a] of all pipes: there is one user, as good as always */

static struct mutex fifo_lock;	/* guards the slots of all FIFO inodes; before pipe.lock */

/* ---- pages and slots -------------------------------------------------------------------------------------------- */

uint8_t *pipe_page_alloc(struct pipe *p)
{
	uint8_t *page = p->spare;
	paddr_t pa;

	if (page) {
		p->spare = NULL;
		return page;
	}
	pa = page_alloc(0, 0);
	return pa == PADDR_NONE ? NULL : phys_to_virt(pa);
}

/* A page that only the pipe has. */
static inline void pipe_page_unused(struct pipe *p, uint8_t *page)
{
	if (!p->spare)
		p->spare = page;
	else
		page_put(virt_to_phys(page));
}

static inline void pipe_page_free(struct pipe *p, struct pipe_buf *b)
{
	if (b->can_merge)
		pipe_page_unused(p, b->page);
	else
		page_put(virt_to_phys(b->page));
}

bool pipe_push_page(struct pipe *p, uint8_t *page, unsigned off, unsigned len, bool can_merge)
{
	if (pipe_is_full(p))
		return false;
	*pipe_buf_at(p, p->head) = (struct pipe_buf){ .page = page, .off = (uint16_t)off, .len = (uint16_t)len, .can_merge = can_merge };
	atomic_store(&p->head, p->head + 1, RELAXED);
	return true;
}

void pipe_pop(struct pipe *p)
{
	pipe_page_free(p, pipe_buf_at(p, p->tail));
	atomic_store(&p->tail, p->tail + 1, RELAXED);
}

void pipe_drop(struct pipe *p)
{
	atomic_store(&p->tail, p->tail + 1, RELAXED);
}

void pipe_wake_readers(struct pipe *p)
{
	sleeper_wake_one(&p->reader, &p->rd, POLL_IN);
}

void pipe_wake_writers(struct pipe *p)
{
	sleeper_wake_one(&p->writer, &p->wr, POLL_OUT);
}

/* is_taker: what it finds it takes, and calls pipe_pass_on() if it leaves something. */
static inline int wait_readable(struct pipe *p, bool is_nonblock, bool is_taker)
{
	int r;

	if (!pipe_is_empty(p))
		return 1;
	if (!atomic_load(&p->nr_writers, RELAXED))
		return 0;
	if (is_nonblock)
		return -EAGAIN;
	r = sleeper_wait_as(&p->reader, &p->rd, "pipe-read", POLL_IN | FILE_POLLHUP, !pipe_is_empty(p) || !atomic_load(&p->nr_writers, RELAXED), NSEC_NEVER, is_taker);
	return r ? r : !pipe_is_empty(p);
}

int pipe_wait_readable(struct pipe *p, bool is_nonblock)
{
	return wait_readable(p, is_nonblock, false);
}

/* A write wakes one reader, which has read. */
static void pipe_pass_on(struct pipe *p)
{
	if (!pipe_is_empty(p))
		sleeper_pass_on(&p->reader, &p->rd, POLL_IN);
}

int pipe_wait_writable(struct pipe *p, bool is_nonblock)
{
	int r = 0;

	if (atomic_load(&p->nr_readers, RELAXED) && pipe_is_full(p)) {
		if (is_nonblock)
			return -EAGAIN;
		r = sleeper_wait_until(&p->writer, &p->wr, "pipe-write", POLL_OUT | FILE_POLLERR,
				       !pipe_is_full(p) || !atomic_load(&p->nr_readers, RELAXED), NSEC_NEVER);
	}
	if (r)
		return r;
	return atomic_load(&p->nr_readers, RELAXED) ? 1 : -EPIPE;
}

/* ---- read and write --------------------------------------------------------------------------------------------- */

/* lock held. Bytes moved, or -EFAULT. */
static inline ssize_t pipe_copy_out(struct pipe *p, struct uio *u)
{
	ssize_t done = 0;

	while (u->left && p->head != p->tail) {
		struct pipe_buf *b = pipe_buf_at(p, p->tail);
		bool is_packet = b->is_packet;
		size_t want = MIN((size_t)b->len, u->left);
		ssize_t n = uio_copy_to(u, b->page + b->off, want);

		/* What could not be given wholly stays wholly, as on Linux. */
		if (unlikely((size_t)n != want))
			return done ? done : -EFAULT;
		done += n;
		b->off += (uint16_t)n;
		b->len -= (uint16_t)n;
		if (is_packet)
			b->len = 0;	/* the rest of a packet is discarded: pipe(2), O_DIRECT */
		if (!b->len)
			pipe_pop(p);
		if (is_packet)
			break;
	}
	return done;
}

static ssize_t pipe_read_some(struct pipe *p, struct uio *u)
{
	bool was_full;
	ssize_t done;

	mutex_lock(&p->lock);
	was_full = p->head - p->tail >= p->nr_slots;
	done = pipe_copy_out(p, u);
	was_full = (was_full && !pipe_is_full(p)) || p->tells_reads;
	mutex_unlock(&p->lock);
	if (unlikely(was_full))
		pipe_wake_writers(p);
	return done;
}

static ssize_t pipe_read(struct file *f, struct uio *u, uint64_t *pos)
{
	struct pipe *p = f->private;
	bool has_slept = false;
	ssize_t done;
	int r;

	(void)pos;
	if (!u->left)
		return 0;
	for (;;) {
		done = pipe_is_empty(p) ? 0 : pipe_read_some(p, u);
		if (done) {
			if (has_slept)
				pipe_pass_on(p);
			return done;
		}
		r = wait_readable(p, special_is_nonblock(f), true);
		if (r <= 0)
			return r;
		has_slept = true;
	}
}

/* lock held. Append len bytes of u to the newest page if all fit. Bytes moved; 0: no room; -EFAULT. */
static ssize_t pipe_merge(struct pipe *p, struct uio *u, size_t len)
{
	struct pipe_buf *b;
	ssize_t n;

	if (p->head == p->tail || !len)
		return 0;
	b = pipe_buf_at(p, p->head - 1);
	if (!b->can_merge || b->is_packet || b->off + b->len + len > PAGE_SIZE)
		return 0;
	n = uio_copy_from(u, b->page + b->off + b->len, len);
	if (unlikely((size_t)n != len))
		return -EFAULT;
	b->len += (uint16_t)n;
	return n;
}

/* lock held. Fill free slots. Bytes moved (0: full), -EFAULT, -ENOMEM. */
static ssize_t pipe_copy_in(struct pipe *p, struct uio *u, bool is_packet)
{
	ssize_t done = 0;

	while (u->left && !pipe_is_full(p)) {
		size_t want = MIN(u->left, (size_t)PAGE_SIZE);
		uint8_t *page = pipe_page_alloc(p);
		ssize_t n;

		if (!page)
			return done ? done : -ENOMEM;
		n = uio_copy_from(u, page, want);
		if (unlikely((size_t)n != want)) {
			pipe_page_unused(p, page);
			return done ? done : -EFAULT;
		}
		pipe_push_page(p, page, 0, (unsigned)n, true);
		pipe_buf_at(p, p->head - 1)->is_packet = is_packet;
		done += n;
	}
	return done;
}

/* lock held. Bytes moved now; 0: no room. */
static ssize_t pipe_write_some(struct pipe *p, struct uio *u, bool is_first, bool is_packet)
{
	ssize_t done = 0, n;

	if (is_first && !is_packet) {
		size_t part = u->left & (PAGE_SIZE - 1);

		done = pipe_merge(p, u, part);
		if (done < 0 || (done && (size_t)done < part))
			return done;
	}
	n = pipe_copy_in(p, u, is_packet);
	if (n < 0)
		return done ? done : n;
	return done + n;
}

/* The short way of a write that is never split: into the newest page, or into the next slot. Bytes; 0: no room; -errno. */
static ssize_t pipe_write_small(struct pipe *p, struct uio *u)
{
	size_t len = u->left;
	struct pipe_buf *b;
	uint32_t head;
	uint8_t *page;
	ssize_t n = 0;

	mutex_lock(&p->lock);
	head = p->head;
	if (unlikely(!p->nr_readers)) {
		n = -EPIPE;
		goto out;
	}
	if (head != p->tail) {
		b = pipe_buf_at(p, head - 1);
		if (b->can_merge && !b->is_packet && b->off + b->len + len <= PAGE_SIZE) {
			n = uio_copy_from(u, b->page + b->off + b->len, len);
			if (likely((size_t)n == len))
				b->len += (uint16_t)n;
			else
				n = -EFAULT;
			goto out;
		}
	}
	if (head - p->tail >= p->nr_slots)
		goto out;
	page = pipe_page_alloc(p);
	if (unlikely(!page)) {
		n = -ENOMEM;
		goto out;
	}
	n = uio_copy_from(u, page, len);
	if (unlikely((size_t)n != len)) {
		n = -EFAULT;
		pipe_page_unused(p, page);
		goto out;
	}
	*pipe_buf_at(p, head) = (struct pipe_buf){ .page = page, .len = (uint16_t)n, .can_merge = true };
	atomic_store(&p->head, head + 1, RELAXED);
out:
	mutex_unlock(&p->lock);
	return n;
}

static ssize_t pipe_write_long(struct file *f, struct uio *u)
{
	struct pipe *p = f->private;
	bool is_packet = atomic_load(&f->flags, RELAXED) & O_DIRECT;
	ssize_t done = 0, n;
	int r;

	for (;;) {
		mutex_lock(&p->lock);
		n = p->nr_readers ? pipe_write_some(p, u, !done, is_packet) : -EPIPE;
		mutex_unlock(&p->lock);
		if (n > 0) {
			done += n;
			pipe_wake_readers(p);
		}
		if (n < 0 || !u->left)
			break;
		/* After a short copy there is room: the next round meets the fault at once and ends with it. */
		r = pipe_wait_writable(p, special_is_nonblock(f));
		if (r <= 0) {
			n = r;
			break;
		}
	}
	if (done && n == -EPIPE && vfs_broken_pipe)
		vfs_broken_pipe();	/* for -EPIPE alone the caller sends it */
	return done ? done : n;
}

static ssize_t pipe_write(struct file *f, struct uio *u, uint64_t *pos)
{
	struct pipe *p = f->private;
	ssize_t n;

	(void)pos;
	if (!u->left)
		return 0;
	if (u->left > PAGE_SIZE || atomic_load(&f->flags, RELAXED) & O_DIRECT)
		return pipe_write_long(f, u);
	n = pipe_write_small(p, u);
	if (unlikely(!n))
		return pipe_write_long(f, u);	/* full: wait there */
	if (n > 0)
		pipe_wake_readers(p);
	return n;
}

static uint32_t pipe_poll(struct file *f, struct poll_table *pt)
{
	struct pipe *p = f->private;
	unsigned mode = atomic_load(&f->flags, RELAXED) & O_ACCMODE;
	uint32_t events = 0;

	if (mode != O_WRONLY)
		poll_add(pt, &p->rd);
	if (mode != O_RDONLY)
		poll_add(pt, &p->wr);
	if (mode != O_WRONLY) {
		if (!pipe_is_empty(p))
			events |= POLL_IN;
		/* A FIFO that no writer has opened yet is not hung up. */
		if (!atomic_load(&p->nr_writers, RELAXED) && atomic_load(&p->writer_opens, RELAXED) != (uint32_t)f->pos)
			events |= FILE_POLLHUP;
	}
	if (mode != O_RDONLY) {
		if (!pipe_is_full(p))
			events |= POLL_OUT;
		if (!atomic_load(&p->nr_readers, RELAXED))
			events |= FILE_POLLERR;
	}
	return events;
}

static int pipe_async(struct file *f, uint32_t what)
{
	struct pipe *p = f->private;

	if (!(what & (FILE_ASYNC_ON | FILE_ASYNC_OFF)) || (f->flags & O_ACCMODE) == O_RDONLY)
		return file_async_plain(f, what);
	mutex_lock(&p->lock);
	p->tells_reads += what & FILE_ASYNC_ON ? 1 : -1u;
	mutex_unlock(&p->lock);
	return 0;
}

static long pipe_ioctl(struct file *f, unsigned cmd, unsigned long arg)
{
	struct pipe *p = f->private;
	uint32_t total = 0;

	if (cmd != FIONREAD)
		return -ENOTTY;
	mutex_lock(&p->lock);
	for (uint32_t i = p->tail; i != p->head; i++)
		total += pipe_buf_at(p, i)->len;
	mutex_unlock(&p->lock);
	return user_store32((uint32_t __user *)arg, total);
}

static int pipe_stat(struct file *f, struct stat_info *out)
{
	struct pipe *p = f->private;

	special_stat(out, SPECIAL_IFIFO | 0600, p->ino);
	anon_attr_stat(&p->attr, out);
	return 0;
}

static int pipe_setattr(struct file *f, const struct vnode_attr *a)
{
	struct pipe *p = f->private;

	return anon_attr_set(&p->attr, a);
}

/* ---- open and close --------------------------------------------------------------------------------------------- */

static void pipe_free(struct pipe *p)
{
	while (p->head != p->tail)
		pipe_pop(p);
	if (p->spare)
		page_put(virt_to_phys(p->spare));
	if (p->bufs != p->inline_bufs)
		kfree(p->bufs);
	atomic_fetch_sub(&user_slots, p->nr_charged, RELAXED);
	kfree(p->attr);
	kfree(p);
}

/* One end has gone: who waits for the other must look. Frees the pipe after the last one. */
static void pipe_detach(struct pipe *p, unsigned mode)
{
	struct pipe **slot = p->slot;
	bool is_last;

	mutex_lock(&p->lock);
	if (mode != O_WRONLY)
		atomic_store(&p->nr_readers, p->nr_readers - 1, RELAXED);
	if (mode != O_RDONLY)
		atomic_store(&p->nr_writers, p->nr_writers - 1, RELAXED);
	mutex_unlock(&p->lock);
	sleeper_wake_all(&p->reader, &p->rd, POLL_IN | FILE_POLLHUP);
	sleeper_wake_all(&p->writer, &p->wr, POLL_OUT | FILE_POLLERR);

	if (slot)
		mutex_lock(&fifo_lock);
	/* acq_rel: all use of the pipe by this file before the free by the last one. Pairs: itself, by the other end */
	is_last = atomic_fetch_sub(&p->nr_files, 1u, ACQ_REL) == 1;
	if (slot && is_last)
		*slot = NULL;
	if (slot)
		mutex_unlock(&fifo_lock);
	if (is_last)
		pipe_free(p);
}

static void pipe_release(struct file *f)
{
	pipe_detach(f->private, f->flags & O_ACCMODE);
}

static const struct file_ops pipe_ops = {
	.read = pipe_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.async = pipe_async,
	.ioctl = pipe_ioctl,
	.stat = pipe_stat,
	.setattr = pipe_setattr,
	.release = pipe_release,
};

/* stat comes from the inode. */
static const struct file_ops fifo_ops = {
	.read = pipe_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.async = pipe_async,
	.ioctl = pipe_ioctl,
	.release = pipe_release,
};

struct pipe *file_pipe(const struct file *f)
{
	return f->ops == &pipe_ops || f->ops == &fifo_ops ? f->private : NULL;
}

static bool is_beyond(uint64_t slots, const uint64_t *limit)
{
	uint64_t l = atomic_load(limit, RELAXED);

	return unlikely(l && slots > l) && !capable(CAP_SYS_RESOURCE) && !capable(CAP_SYS_ADMIN);
}

/* The slots of a new pipe, charged; 0: the user may not have any more. */
static uint32_t charge_new(void)
{
	uint32_t slots = PIPE_DEFAULT_SLOTS, max = atomic_load(&pipe_max_size, RELAXED);
	uint64_t all;

	if (unlikely(slots * PAGE_SIZE > max) && !capable(CAP_SYS_RESOURCE))
		slots = max / PAGE_SIZE;
	all = atomic_fetch_add(&user_slots, slots, RELAXED) + slots;
	if (is_beyond(all, &pipe_user_soft)) {
		/* Two pages also where the size above left only one, as Linux. */
		all = atomic_fetch_add(&user_slots, (uint64_t)PIPE_FEW_SLOTS - slots, RELAXED) + PIPE_FEW_SLOTS - slots;
		slots = PIPE_FEW_SLOTS;
	}
	if (!is_beyond(all, &pipe_user_hard))
		return slots;
	atomic_fetch_sub(&user_slots, slots, RELAXED);
	return 0;
}

/* NULL: no memory, or no more pipes for this user. */
static struct pipe *pipe_alloc(void)
{
	uint32_t slots = charge_new();
	struct pipe *p = slots ? KNEW(struct pipe) : NULL;

	if (!p) {
		atomic_fetch_sub(&user_slots, slots, RELAXED);
		return NULL;
	}
	waitq_init(&p->rd);
	waitq_init(&p->wr);
	p->bufs = p->inline_bufs;
	p->nr_slots = p->nr_charged = slots;
	p->ino = special_new_ino();
	return p;
}

int pipe_create(struct file **read_end, struct file **write_end, unsigned flags)
{
	struct file *r, *w;
	struct pipe *p;

	if (flags & ~(unsigned)(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	flags &= O_NONBLOCK | O_DIRECT;
	p = pipe_alloc();
	if (!p)
		return -ENFILE;	/* as Linux, which does not say why either */
	r = file_alloc(&pipe_ops, O_RDONLY | (flags & O_NONBLOCK), p);
	if (!r)
		goto err_free;
	p->nr_files = 1;
	p->nr_readers = p->reader_opens = 1;
	r->kind = "pipe";
	w = file_alloc(&pipe_ops, O_WRONLY | flags, p);
	if (!w) {
		file_put(r);	/* the last file: frees the pipe */
		return -ENOMEM;
	}
	p->nr_files = 2;
	p->nr_writers = p->writer_opens = 1;
	w->kind = "pipe";
	*read_end = r;
	*write_end = w;
	return 0;
err_free:
	pipe_free(p);
	return -ENOMEM;
}

/* Wait for the first opener of the other side since the count was seen. */
static int fifo_wait_peer(struct waitq *q, uint32_t *opens, uint32_t seen)
{
	return waitq_wait_until(q, "fifo-open", 0, atomic_load(opens, RELAXED) != seen, NSEC_NEVER, WAIT_INTERRUPTIBLE);
}

int fifo_open(struct pipe **slot, unsigned flags, struct file **out)
{
	unsigned mode = flags & O_ACCMODE;
	bool is_nonblock = flags & O_NONBLOCK, must_wait;
	uint32_t seen_readers, seen_writers;
	struct pipe *p;
	struct file *f;
	int r = 0;

	mutex_lock(&fifo_lock);
	p = *slot ? *slot : pipe_alloc();
	f = p ? file_alloc(&fifo_ops, flags & (O_ACCMODE | O_NONBLOCK), p) : NULL;
	if (!f) {
		if (p && !*slot)
			pipe_free(p);
		mutex_unlock(&fifo_lock);
		return -ENOMEM;
	}
	p->slot = slot;
	*slot = p;
	mutex_lock(&p->lock);
	atomic_fetch_add(&p->nr_files, 1u, RELAXED);
	if (mode != O_WRONLY) {
		atomic_store(&p->nr_readers, p->nr_readers + 1, RELAXED);
		atomic_store(&p->reader_opens, p->reader_opens + 1, RELAXED);
	}
	if (mode != O_RDONLY) {
		atomic_store(&p->nr_writers, p->nr_writers + 1, RELAXED);
		atomic_store(&p->writer_opens, p->writer_opens + 1, RELAXED);
	}
	seen_readers = p->reader_opens;
	seen_writers = p->writer_opens;
	/* f->pos: writers so far, for POLLHUP. A writer that is there now may hang up later. */
	f->pos = p->nr_writers ? seen_writers - 1 : seen_writers;
	must_wait = (mode == O_RDONLY && !p->nr_writers) || (mode == O_WRONLY && !p->nr_readers);
	mutex_unlock(&p->lock);
	mutex_unlock(&fifo_lock);

	waitq_wake_all(&p->rd, 0);
	waitq_wake_all(&p->wr, 0);
	if (must_wait && is_nonblock)
		r = mode == O_WRONLY ? -ENXIO : 0;
	else if (must_wait && mode == O_RDONLY)
		r = fifo_wait_peer(&p->rd, &p->writer_opens, seen_writers);
	else if (must_wait)
		r = fifo_wait_peer(&p->wr, &p->reader_opens, seen_readers);
	if (r) {
		file_put(f);
		return r;
	}
	*out = f;
	return 0;
}

/* ---- capacity --------------------------------------------------------------------------------------------------- */

uint32_t pipe_round_size(uint64_t size)
{
	uint32_t pages = 1;

	if (size > 1ull << 31)
		return 0;
	while (pages * PAGE_SIZE < size)
		pages *= 2;
	return pages * (uint32_t)PAGE_SIZE;
}

long pipe_get_size(struct file *f)
{
	struct pipe *p = file_pipe(f);

	return p ? (long)(atomic_load(&p->nr_slots, RELAXED) * PAGE_SIZE) : -EBADF;
}

long pipe_set_size(struct file *f, size_t size)
{
	struct pipe *p = file_pipe(f);
	struct pipe_buf *bufs, *old = NULL;
	uint32_t slots, used;
	uint64_t all;
	bool grows;
	int r;

	if (!p)
		return -EBADF;
	slots = pipe_round_size(size) / PAGE_SIZE;
	if (!slots)
		return -EINVAL;
	mutex_lock(&p->lock);
	grows = slots > p->nr_slots;
	r = grows && slots * PAGE_SIZE > atomic_load(&pipe_max_size, RELAXED) && !capable(CAP_SYS_RESOURCE) ? -EPERM : 0;
	if (r)
		goto err_unlock;
	all = atomic_fetch_add(&user_slots, (uint64_t)slots - p->nr_charged, RELAXED) + slots - p->nr_charged;
	r = grows && (is_beyond(all, &pipe_user_hard) || is_beyond(all, &pipe_user_soft)) ? -EPERM : 0;
	used = p->head - p->tail;
	if (!r && used > slots)
		r = -EBUSY;
	bufs = r ? NULL : kzalloc(slots * sizeof(*bufs));
	if (!bufs) {
		atomic_fetch_sub(&user_slots, (uint64_t)slots - p->nr_charged, RELAXED);
		r = r ? r : -ENOMEM;
		goto err_unlock;
	}
	p->nr_charged = slots;
	for (uint32_t i = 0; i < used; i++)
		bufs[(p->tail + i) & (slots - 1)] = *pipe_buf_at(p, p->tail + i);
	if (p->bufs != p->inline_bufs)
		old = p->bufs;
	p->bufs = bufs;
	atomic_store(&p->nr_slots, slots, RELAXED);
	mutex_unlock(&p->lock);
	kfree(old);
	pipe_wake_writers(p);
	return (long)(slots * PAGE_SIZE);
err_unlock:
	mutex_unlock(&p->lock);
	return r;
}

/* open(2) of an inode of type S_IFIFO. */
static int fifo_open_vnode(struct vnode *v, unsigned flags, struct file **out)
{
	return fifo_open((struct pipe **)&v->special, flags, out);
}

SPECIAL_TYPE(fifo, S_IFIFO, fifo_open_vnode);
