/* SPDX-License-Identifier: MIT
 *
 * Moving bytes between files inside the kernel: sendfile(2), splice(2), tee(2), vmsplice(2), copy_file_range(2).
 *
 *	pipe -> pipe	buffers change hands: no copy
 *	file -> pipe	pages of a file that can be mapped go in by reference: no copy; else they are read into pages of the pipe: one
 *	pipe -> file	written from the pipe's pages: one copy, by the file
 *	file -> file	written from the pages of the source if it can be mapped: one copy; else through a buffer: two
 *	-> socket	as to a file; TCP keeps references to the pages and copies nothing (struct uio, is_pages)
 *
 * A pipe's lock is held while its pages are written elsewhere: nobody else may consume them meanwhile. Two pipes are locked in order of address.
 */
#include "fs/splice.h"

#include "fs/file.h"
#include "fs/inotify.h"
#include "fs/pipe-priv.h"
#include "fs/special-priv.h"
#include "fs/uio.h"
#include "fs/vfs.h"
#include "fs/vnode.h"
#include "libc/errno.h"
#include "mmu/heap.h"
#include "mmu/object.h"
#include "mmu/page.h"

#define VM_PROT_READ	1u
#define BATCH_PAGES	16u
#define BUFFER_SIZE	(64u * 1024)

/* ---- pages of a file ---------------------------------------------------------------------------------------------- */

/* Up to nr pages of a file from pos on, by reference. */
struct page_run {
	struct vm_object *object;
	unsigned nr;
	size_t len;
	bool is_more;			/* the file goes on behind it */
	struct iovec iov[BATCH_PAGES];
	uint8_t *pages[BATCH_PAGES];
};

/* -ENODEV: it cannot be mapped. *out is referenced. */
static int map_source(struct file *in, struct vm_object **out)
{
	if (!in->ops->map || !in->ops->seek || !in->vnode || vnode_type(in->vnode) != S_IFREG)
		return -ENODEV;
	return in->ops->map(in, 0, PAGE_SIZE, VM_PROT_READ, false, out);
}

/* After it was written by u. */
static void run_put(struct page_run *run, const struct uio *u)
{
	for (unsigned i = 0; i < run->nr; i++)
		if (!uio_is_given(u, run->nr, i))
			page_put(virt_to_phys(run->pages[i]));
	run->nr = 0;
}

/* At most len bytes, not beyond the end of the file. 0 with run->len 0: at the end. -ENXIO: it has to be read, as there is no room for pages in its holes. */
static int run_get(struct page_run *run, struct file *in, uint64_t pos, size_t len, unsigned max_pages)
{
	struct stat_info st;
	int r = file_stat(in, &st);

	run->nr = 0;
	run->len = 0;
	if (r || pos >= st.size)
		return r;
	len = (size_t)MIN((uint64_t)len, st.size - pos);
	run->is_more = true;
	while (len && run->nr < max_pages) {
		size_t off = pos % PAGE_SIZE, part = MIN(len, (size_t)PAGE_SIZE - off);
		struct vm_page page;

		r = run->object->ops->get_page(run->object, pos / PAGE_SIZE, false, &page);
		if (r == -ENXIO && (file_stat(in, &st) || pos >= st.size))
			return 0;	/* the file was cut meanwhile */
		if (r)
			return run->nr ? 0 : r;
		run->pages[run->nr] = phys_to_virt(page.pa);
		run->iov[run->nr++] = (struct iovec){ (uint8_t *)phys_to_virt(page.pa) + off, part };
		run->len += part;
		pos += part;
		len -= part;
	}
	run->is_more = pos < st.size;
	return 0;
}

/* ---- file to file ------------------------------------------------------------------------------------------------- */

static ssize_t copy_mapped(struct file *in, struct vm_object *object, uint64_t *pos, struct file *out, uint64_t *out_pos, size_t len)
{
	struct page_run run = { .object = object };
	size_t done = 0, want;
	ssize_t n = 0;
	struct uio u;

	while (done < len) {
		n = run_get(&run, in, *pos, len - done, BATCH_PAGES);
		want = run.len;
		if (n || !want)
			break;
		u = (struct uio){ .iov = run.iov, .nr = run.nr, .left = want, .is_kernel = true, .is_pages = true, .is_more = run.is_more && want < len - done };
		n = file_write(out, &u, out_pos);
		run_put(&run, &u);
		if (n <= 0)
			break;
		*pos += (uint64_t)n;
		done += (size_t)n;
		if ((size_t)n < want)
			break;
	}
	return done ? (ssize_t)done : n;
}

/* All of buf; a file that takes less than all at once is asked again. */
static ssize_t write_all(struct file *out, uint64_t *out_pos, uint8_t *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		struct iovec iov;
		struct uio u;
		ssize_t n;

		uio_init(&u, &iov, buf + done, len - done, true);
		n = file_write(out, &u, out_pos);
		if (n <= 0)
			return done ? (ssize_t)done : n;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static ssize_t copy_buffered(struct file *in, uint64_t *pos, struct file *out, uint64_t *out_pos, size_t len)
{
	size_t size = MIN(len, (size_t)BUFFER_SIZE), done = 0;
	uint8_t *buf = kmalloc(size);
	ssize_t n = 0;

	if (!buf)
		return -ENOMEM;
	while (done < len) {
		uint64_t at = *pos;
		struct iovec iov;
		struct uio u;
		ssize_t got;

		uio_init(&u, &iov, buf, MIN(size, len - done), true);
		got = file_read(in, &u, in->ops->seek ? &at : NULL);
		n = got;
		if (got <= 0)
			break;
		n = write_all(out, out_pos, buf, (size_t)got);
		if (n <= 0)
			break;
		*pos += (uint64_t)n;
		done += (size_t)n;
		if (n < got)
			break;
	}
	kfree(buf);
	return done ? (ssize_t)done : n;
}

/*
 * A file to its own end, which is less than a buffer away: what is written is read again, so that those bytes repeat. One round after the other would take as many rounds as they fit
 * into len: ten million for a single byte.
 */
static ssize_t copy_to_own_end(struct file *f, uint64_t *pos, struct file *out, uint64_t *out_pos, size_t period, size_t len)
{
	uint8_t *buf = kmalloc(BUFFER_SIZE);
	size_t done = 0, n = MIN(len, (size_t)BUFFER_SIZE);
	struct iovec iov;
	struct uio u;
	uint64_t at = *pos;
	ssize_t r;

	if (!buf)
		return -ENOMEM;
	uio_init(&u, &iov, buf, period, true);
	r = file_read(f, &u, &at);
	if (r == (ssize_t)period) {
		for (size_t i = period; i < n; i++)
			buf[i] = buf[i - period];
		n -= n > period ? n % period : 0;	/* whole periods, so that each buffer starts alike */
		while (done < len) {
			r = write_all(out, out_pos, buf, MIN(n, len - done));
			if (r <= 0)
				break;
			done += (size_t)r;
			*pos += (uint64_t)r;
			if ((size_t)r < n)
				break;
		}
	}
	kfree(buf);
	return done ? (ssize_t)done : r;
}

/* Bytes from pos to the end of the file if that is where out writes; 0: not so. */
static size_t distance_to_own_end(const struct file *in, uint64_t pos, struct file *out, const uint64_t *out_pos)
{
	uint64_t end;

	if (in->vnode != out->vnode)
		return 0;
	end = atomic_load(&in->vnode->size, RELAXED);
	if (pos >= end || (out_pos ? *out_pos : atomic_load(&out->pos, RELAXED)) != end || end - pos >= BUFFER_SIZE)
		return 0;
	return (size_t)(end - pos);
}

static ssize_t file_to_file(struct file *in, uint64_t *pos, struct file *out, uint64_t *out_pos, size_t len)
{
	uint32_t type = in->vnode ? vnode_type(in->vnode) : 0;
	struct vm_object *object;
	size_t period;
	ssize_t n;

	/* sendfile(2): from files that have an end. A terminal or socket would have to be waited for, again and again. */
	if (type != S_IFREG && type != S_IFBLK)
		return -EINVAL;
	period = distance_to_own_end(in, *pos, out, out_pos);
	if (unlikely(period))
		return copy_to_own_end(in, pos, out, out_pos, period, len);
	if (map_source(in, &object))
		return copy_buffered(in, pos, out, out_pos, len);
	n = copy_mapped(in, object, pos, out, out_pos, len);
	object->ops->unref(object);
	return n == -ENXIO ? copy_buffered(in, pos, out, out_pos, len) : n;
}

/* ---- file to pipe ------------------------------------------------------------------------------------------------- */

/* Push what the run holds as far as there is room. Bytes pushed; references of those pages are the pipe's. */
static size_t push_run(struct pipe *p, struct page_run *run)
{
	size_t done = 0;
	unsigned i = 0;

	mutex_lock(&p->lock);
	for (; i < run->nr; i++) {
		unsigned off = (unsigned)((uint8_t *)run->iov[i].base - run->pages[i]);

		if (!pipe_push_page(p, run->pages[i], off, (unsigned)run->iov[i].len, false))
			break;
		done += run->iov[i].len;
	}
	mutex_unlock(&p->lock);
	for (; i < run->nr; i++)
		page_put(virt_to_phys(run->pages[i]));
	run->nr = 0;
	return done;
}

/* One page read from the file into the pipe. Bytes; 0: end of file. */
static ssize_t push_read(struct pipe *p, struct file *in, uint64_t *pos, size_t len)
{
	paddr_t pa = page_alloc(0, 0);
	uint8_t *page = phys_to_virt(pa);
	struct iovec iov;
	struct uio u;
	ssize_t n;
	bool has_pushed;

	if (pa == PADDR_NONE)
		return -ENOMEM;
	uio_init(&u, &iov, page, MIN(len, (size_t)PAGE_SIZE), true);
	n = file_read(in, &u, in->ops->seek ? pos : NULL);
	while (n > 0) {
		int r;

		mutex_lock(&p->lock);
		has_pushed = p->nr_readers && pipe_push_page(p, page, 0, (unsigned)n, true);
		mutex_unlock(&p->lock);
		if (has_pushed)
			return n;
		r = pipe_wait_writable(p, false);	/* another writer took the room: the bytes must not be lost */
		if (r < 0)
			n = r;
	}
	page_put(pa);
	return n;
}

static ssize_t file_to_pipe(struct file *in, uint64_t *pos, struct pipe *p, size_t len, bool is_nonblock)
{
	struct page_run run;
	size_t done = 0;
	ssize_t n = 0;
	bool is_mapped = !map_source(in, &run.object), has_object = is_mapped;

	while (done < len) {
		n = pipe_wait_writable(p, is_nonblock || done);
		if (n < 0)
			break;
		if (is_mapped) {
			n = run_get(&run, in, *pos, len - done, BATCH_PAGES);
			is_mapped = n != -ENXIO;
			if (!is_mapped)
				continue;
			if (n || !run.len)
				break;
			n = (ssize_t)push_run(p, &run);
			*pos += (uint64_t)n;
		} else {
			n = push_read(p, in, pos, len - done);
		}
		if (n < 0 || (!n && !is_mapped))
			break;
		done += (size_t)n;
		if (n)
			pipe_wake_readers(p);
		if (!in->ops->seek)
			break;	/* a socket or terminal: what is there now */
	}
	if (has_object)
		run.object->ops->unref(run.object);
	return done ? (ssize_t)done : n;
}

/* ---- pipe to file ------------------------------------------------------------------------------------------------- */

/* lock held. Write the buffers there are; consumed as far as the file takes them. */
static ssize_t pipe_drain(struct pipe *p, struct file *out, uint64_t *out_pos, size_t len, bool is_more)
{
	struct iovec iov[BATCH_PAGES];
	struct uio u = { .iov = iov, .is_kernel = true, .is_pages = true, .is_more = is_more };
	unsigned nr, i;
	size_t left;
	ssize_t n;

	for (uint32_t at = p->tail; at != p->head && u.nr < BATCH_PAGES && u.left < len; at++) {
		struct pipe_buf *b = pipe_buf_at(p, at);
		size_t part = MIN((size_t)b->len, len - u.left);

		iov[u.nr++] = (struct iovec){ b->page + b->off, part };
		u.left += part;
	}
	nr = u.nr;
	u.is_more |= nr == BATCH_PAGES && u.left < len && p->head - p->tail > BATCH_PAGES;
	n = file_write(out, &u, out_pos);
	for (i = 0, left = n > 0 ? (size_t)n : 0; left; i++) {
		struct pipe_buf *b = pipe_buf_at(p, p->tail);
		size_t part = MIN((size_t)b->len, left);

		if (u.has_kept)
			b->can_merge = false;	/* a socket may have a reference */
		b->off += (uint16_t)part;
		b->len -= (uint16_t)part;
		left -= part;
		if (uio_is_given(&u, nr, i) && b->len)
			page_get(virt_to_phys(b->page));	/* len ended within it */
		else if (uio_is_given(&u, nr, i))
			pipe_drop(p);
		else if (!b->len)
			pipe_pop(p);
	}
	return n;
}

static ssize_t pipe_to_file(struct pipe *p, struct file *out, uint64_t *out_pos, size_t len, bool is_nonblock, bool is_more)
{
	size_t done = 0;
	ssize_t n = 0;

	while (done < len) {
		bool was_full;

		n = pipe_wait_readable(p, is_nonblock || done);
		if (n <= 0)
			break;
		mutex_lock(&p->lock);
		was_full = pipe_is_full(p);
		n = p->head == p->tail ? 0 : pipe_drain(p, out, out_pos, len - done, is_more);
		was_full = was_full && !pipe_is_full(p);
		mutex_unlock(&p->lock);
		if (was_full)
			pipe_wake_writers(p);
		if (n < 0)
			break;
		done += (size_t)n;
	}
	return done ? (ssize_t)done : n;
}

/* ---- pipe to pipe ------------------------------------------------------------------------------------------------- */

static void lock_two(struct pipe *a, struct pipe *b)
{
	mutex_lock(a < b ? &a->lock : &b->lock);
	mutex_lock(a < b ? &b->lock : &a->lock);
}

static void unlock_two(struct pipe *a, struct pipe *b)
{
	mutex_unlock(&a->lock);
	mutex_unlock(&b->lock);
}

/* Both locked. Whole buffers move, a part of one is shared. Bytes. */
static size_t move_buffers(struct pipe *in, struct pipe *out, size_t len)
{
	size_t done = 0;

	while (done < len && in->head != in->tail && !pipe_is_full(out)) {
		struct pipe_buf *b = pipe_buf_at(in, in->tail);
		unsigned part = (unsigned)MIN((size_t)b->len, len - done);

		page_get(virt_to_phys(b->page));
		b->can_merge = false;	/* both have this page from now on, or the other one alone */
		pipe_push_page(out, b->page, b->off, part, false);
		b->off += (uint16_t)part;
		b->len -= (uint16_t)part;
		done += part;
		if (!b->len)
			pipe_pop(in);
	}
	return done;
}

/* Both locked. */
static size_t share_buffers(struct pipe *in, struct pipe *out, size_t len)
{
	size_t done = 0;

	for (uint32_t i = in->tail; done < len && i != in->head && !pipe_is_full(out); i++) {
		struct pipe_buf *b = pipe_buf_at(in, i);
		unsigned part = (unsigned)MIN((size_t)b->len, len - done);

		page_get(virt_to_phys(b->page));
		b->can_merge = false;
		pipe_push_page(out, b->page, b->off, part, false);
		done += part;
	}
	return done;
}

static ssize_t pipe_to_pipe(struct pipe *in, struct pipe *out, size_t len, bool is_nonblock, size_t (*transfer)(struct pipe *, struct pipe *, size_t))
{
	size_t n = 0;
	bool was_full, has_readers;
	int r;

	if (in == out)
		return -EINVAL;
	while (!n) {
		r = pipe_wait_readable(in, is_nonblock);
		if (r <= 0)
			return r;
		r = pipe_wait_writable(out, is_nonblock);
		if (r < 0)
			return r;
		lock_two(in, out);
		was_full = pipe_is_full(in);
		has_readers = out->nr_readers;
		n = has_readers ? transfer(in, out, len) : 0;
		was_full = was_full && !pipe_is_full(in);
		unlock_two(in, out);
		if (was_full)
			pipe_wake_writers(in);
		if (!has_readers)
			return -EPIPE;
	}
	pipe_wake_readers(out);
	return (ssize_t)n;
}

/* ---- the calls ---------------------------------------------------------------------------------------------------- */

ssize_t file_splice(struct file *in, uint64_t *in_pos, struct file *out, uint64_t *out_pos, size_t len, unsigned flags)
{
	struct pipe *in_pipe = file_pipe(in), *out_pipe = file_pipe(out);
	bool is_nonblock = flags & SPLICE_F_NONBLOCK;
	uint64_t pos = in_pos ? *in_pos : atomic_load(&in->pos, RELAXED);
	ssize_t n;

	if (!len)
		return 0;
	if (in_pipe && out_pipe)
		return pipe_to_pipe(in_pipe, out_pipe, len, is_nonblock || special_is_nonblock(in) || special_is_nonblock(out), move_buffers);
	if (in_pipe)
		return pipe_to_file(in_pipe, out, out_pos, len, is_nonblock || special_is_nonblock(in), flags & SPLICE_F_MORE);
	if (out_pipe)
		n = file_to_pipe(in, &pos, out_pipe, len, is_nonblock || special_is_nonblock(out));
	else
		n = file_to_file(in, &pos, out, out_pos, len);
	if (n > 0 && !out_pipe && unlikely(inotify_nr_watches))
		inotify_file_event(in->vnode, in->dentry, IN_ACCESS);
	if (n > 0 && in_pos)
		*in_pos = pos;
	else if (n > 0 && in->ops->seek)
		atomic_store(&in->pos, pos, RELAXED);
	return n;
}

ssize_t file_tee(struct file *in, struct file *out, size_t len, unsigned flags)
{
	struct pipe *a = file_pipe(in), *b = file_pipe(out);

	if (!a || !b)
		return -EINVAL;
	return len ? pipe_to_pipe(a, b, len, flags & SPLICE_F_NONBLOCK, share_buffers) : 0;
}

ssize_t file_vmsplice(struct file *pipe, struct uio *u, unsigned flags)
{
	struct pipe *p = file_pipe(pipe);
	int r;

	if (!p)
		return -EBADF;
	if (!FILE_MAY_WRITE(atomic_load(&pipe->flags, RELAXED))) {
		r = pipe_wait_readable(p, flags & SPLICE_F_NONBLOCK);
		return r <= 0 ? r : file_read(pipe, u, NULL);
	}
	r = pipe_wait_writable(p, flags & SPLICE_F_NONBLOCK);
	return r < 0 ? r : file_write(pipe, u, NULL);
}
