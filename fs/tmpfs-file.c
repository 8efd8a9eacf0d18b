/* SPDX-License-Identifier: MIT
 *
 * Contents of regular files of tmpfs.
 *
 *	slot in the tree	the page reads as
 *	page			that page
 *	page, clean		that page, a copy of the lower one (made because that cannot be mapped in place)
 *	hole			zeros
 *	nothing			the lower page if its index is below lower_pages, else zeros
 *
 * A read takes no lock: it finds a page under RCU, references it and copies. Writers and size changes take vnode->lock one after the other; the tree itself is changed under
 * vnode->meta, which a page fault may take. Pages that go are taken from the tree first, then from all mappings (vm_object_unmap), and are freed after a grace period.
 */
#include "fs/dentry.h"
#include "fs/inotify.h"
#include "fs/tmpfs-priv.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "mmu/user.h"

#define FALLOC_FL_KEEP_SIZE	1
#define FALLOC_FL_PUNCH_HOLE	2
#define MAX_FILE_SIZE		((uint64_t)INT64_MAX)

static uint64_t nr_pages_of(uint64_t size)
{
	return DIV_ROUND_UP(size, PAGE_SIZE);
}

static uint64_t file_size(const struct tnode *n)
{
	return atomic_load(&n->v.size, ACQUIRE);	/* acquire: contents written before the size grew. Pairs: set_size */
}

static void set_size(struct tnode *n, uint64_t size)
{
	atomic_store(&n->v.size, size, RELEASE);	/* release: contents before size. Pairs: file_size */
}

static bool is_lower(const struct tnode *n, uint64_t idx, slot_t s)
{
	return !s && idx < READ_ONCE(n->file.lower_pages);
}

int tmpfs_charge_index(struct tnode *n)
{
	struct tmpfs *fs = tmpfs_of(&n->v);
	/* A file without holes has a node for 64 slots. */
	uint64_t nodes = n->file.pages.nr_nodes, dense = n->file.pages.nr_slots / 8, old = n->file.index_pages;
	uint64_t pages = nodes > dense ? (nodes - dense) / PAGE_NODES_IN_PAGE : 0;

	if (pages == old)
		return 0;
	if (atomic_fetch_add(&fs->nr_index, pages - old, RELAXED) + (pages - old) > fs->max_index && pages > old) {
		atomic_fetch_sub(&fs->nr_index, pages - old, RELAXED);
		return -ENOSPC;
	}
	n->file.index_pages = pages;
	return 0;
}

/*
 * The page at idx as one of the file's own, made from what is there if need be, with a reference for the caller. *was_lower (if not NULL) is set if it
 * took the place of a lower page. for_fault: the size is looked at once more, as truncation excludes this only here. -ENOSPC, -ENOMEM, -EUCLEAN; -ENXIO: beyond the size.
 */
static int get_own_page(struct tnode *n, uint64_t idx, paddr_t *out, bool *was_lower, bool for_fault)
{
	struct tmpfs *fs = tmpfs_of(&n->v);
	struct page_tree *t = &n->file.pages;
	bool has_lower;
	paddr_t pa;
	slot_t s;
	int r;

	mutex_lock(&n->v.meta);
	if (for_fault && idx >= nr_pages_of(file_size(n))) {
		r = -ENXIO;
		goto out;
	}
	s = page_tree_load(t, idx);
	if ((s & SLOT_PAGE) && !(s & SLOT_CLEAN)) {
		pa = slot_page(s);
		goto found;
	}
	r = tmpfs_charge(fs, 1);
	if (r)
		goto out;
	if (s & SLOT_PAGE) {
		pa = slot_page(s);
		goto store;
	}
	has_lower = is_lower(n, idx, s);
	r = page_tree_reserve(t, idx);
	if (!r)
		r = tmpfs_charge_index(n);
	if (r)
		goto err_uncharge;
	pa = page_alloc(0, PAGE_CACHE | (has_lower ? 0 : PAGE_ZERO));
	if (pa == PADDR_NONE) {
		r = -ENOMEM;
		goto err_uncharge;
	}
	if (has_lower) {
		r = erofs_read(fs->lower, &n->lower, idx << PAGE_SHIFT, phys_to_virt(pa), PAGE_SIZE);
		if (r)
			goto err_page;
		if (was_lower)
			*was_lower = true;
	}
store:
	page_tree_store(t, idx, pa | SLOT_PAGE);
found:
	page_get(pa);
	mutex_unlock(&n->v.meta);
	tmpfs_pin(n);
	*out = pa;
	return 0;
err_page:
	page_put(pa);
err_uncharge:
	page_tree_prune(t, idx);
	(void)tmpfs_charge_index(n);
	tmpfs_uncharge(fs, 1);
out:
	mutex_unlock(&n->v.meta);
	return r;
}

/* ---- reading and writing ------------------------------------------------------------------------------------------------------- */

static ssize_t copy_page_out(struct uio *u, paddr_t pa, size_t in_page, size_t len)
{
	ssize_t r = uio_copy_to(u, (uint8_t *)phys_to_virt(pa) + in_page, len);

	page_put(pa);
	return r;
}

/* Up to len bytes of the lower file from off, straight from the image where that is possible. */
static ssize_t read_lower(struct tnode *n, struct uio *u, uint64_t off, size_t len)
{
	struct erofs_extent x;
	paddr_t pa;
	int r;

	if (off >= n->lower.size)
		return uio_zero(u, MIN(len, PAGE_SIZE - off % PAGE_SIZE));
	/* With pages of our own in between it is one page at a time; else as much as lies together. */
	if (atomic_load(&n->file.pages.nr_slots, RELAXED))
		len = MIN(len, PAGE_SIZE - off % PAGE_SIZE);
	else
		len = (size_t)MIN((uint64_t)len, (READ_ONCE(n->file.lower_pages) << PAGE_SHIFT) - off);
	r = erofs_map(tmpfs_of(&n->v)->lower, &n->lower, off, &x);
	if (r)
		return r == -EUCLEAN ? -EIO : r;
	len = (size_t)MIN((uint64_t)len, x.len);
	if (x.is_encoded) {
		r = tmpfs_get_clean_page(n, off >> PAGE_SHIFT, &pa);
		if (r == -ENXIO)
			return 0;	/* truncated meanwhile */
		if (r)
			return r == -EUCLEAN ? -EIO : r;
		return copy_page_out(u, pa, off % PAGE_SIZE, MIN(len, PAGE_SIZE - off % PAGE_SIZE));
	}
	return x.data ? uio_copy_to(u, x.data, len) : uio_zero(u, len);
}

static ssize_t read_some(struct tnode *n, struct uio *u, uint64_t off, size_t len)
{
	uint64_t idx = off >> PAGE_SHIFT;
	size_t in_page = off % PAGE_SIZE;
	paddr_t pa;
	slot_t s = page_tree_get(&n->file.pages, idx, &pa);

	if (s & SLOT_PAGE)
		return copy_page_out(u, pa, in_page, MIN(len, PAGE_SIZE - in_page));
	if (is_lower(n, idx, s))
		return read_lower(n, u, off, len);
	return uio_zero(u, MIN(len, PAGE_SIZE - in_page));
}

static ssize_t read(struct file *f, struct uio *u, uint64_t *pos)
{
	struct tnode *n = tnode_of(f->vnode);
	uint64_t off = *pos, size = file_size(n);
	ssize_t done = 0, r = 0;

	if ((int64_t)off < 0)
		return -EINVAL;
	while (u->left && off < size) {
		size_t len = (size_t)MIN((uint64_t)u->left, size - off);

		r = read_some(n, u, off, len);
		if (r <= 0)
			break;
		done += r;
		off += (uint64_t)r;
	}
	*pos = off;
	return done ? done : r;
}

static ssize_t copy_to_buf(void __user *buf, const void *from, size_t len)
{
	size_t missed;

	if (unlikely(!user_range_ok(buf, len)))
		return -EFAULT;
	missed = arch_user_copy(buf, from, len);
	return unlikely(missed == len) ? -EFAULT : (ssize_t)(len - missed);
}

/* One page of the file's own. */
static ssize_t read_page_at(struct tnode *n, void __user *buf, size_t len, uint64_t off)
{
	paddr_t pa;
	ssize_t r;

	if (off % PAGE_SIZE + len > PAGE_SIZE || !(page_tree_get(&n->file.pages, off >> PAGE_SHIFT, &pa) & SLOT_PAGE))
		return -EAGAIN;
	r = copy_to_buf(buf, (uint8_t *)phys_to_virt(pa) + off % PAGE_SIZE, len);
	page_put(pa);
	return r;
}

/* Find out whether the lower file lies together. */
static __attribute__((noinline)) ssize_t read_not_flat(struct tnode *n)
{
	if (n->has_lower && !READ_ONCE(n->file.flat_is_known)) {
		WRITE_ONCE(n->file.flat, erofs_flat(tmpfs_of(&n->v)->lower, &n->lower));
		WRITE_ONCE(n->file.flat_is_known, true);	/* whoever else comes here stores the same */
	}
	return -EAGAIN;
}

/* The shortest ways: one page of the file's own, or a lower file that lies together and of which nothing was changed. */
static ssize_t read_at(struct file *f, void __user *buf, size_t len, uint64_t off)
{
	struct tnode *n = tnode_of(f->vnode);
	uint64_t size = file_size(n);
	const uint8_t *flat;

	if (unlikely(off >= size))
		return (int64_t)(off + len) < 0 ? -EAGAIN : 0;
	len = (size_t)MIN((uint64_t)len, size - off);
	if (unlikely(!len))
		return 0;
	/* acquire: the root before lower_pages, so that pages that were dropped are not taken from below. Pairs: page_tree_reserve */
	if (rcu_deref(n->file.pages.root))
		return read_page_at(n, buf, len, off);
	flat = READ_ONCE(n->file.flat);
	if (unlikely(!flat || off + len > MIN(n->lower.size, READ_ONCE(n->file.lower_pages) << PAGE_SHIFT)))
		return read_not_flat(n);
	return copy_to_buf(buf, flat + off, len);
}

/* Bytes of one page. lock held. */
static ssize_t write_page(struct tnode *n, struct uio *u, uint64_t off, size_t len, bool *was_lower)
{
	paddr_t pa;
	slot_t s;
	ssize_t r;

	s = page_tree_get(&n->file.pages, off >> PAGE_SHIFT, &pa);
	if (!(s & SLOT_PAGE) || (s & SLOT_CLEAN)) {
		if (s & SLOT_PAGE)
			page_put(pa);
		r = get_own_page(n, off >> PAGE_SHIFT, &pa, was_lower, false);
		if (r)
			return r == -EUCLEAN ? -EIO : r;
	}
	r = uio_copy_from(u, (uint8_t *)phys_to_virt(pa) + off % PAGE_SIZE, len);
	page_put(pa);
	return r;
}

static ssize_t write(struct file *f, struct uio *u, uint64_t *pos)
{
	struct tnode *n = tnode_of(f->vnode);
	bool was_lower = false;
	ssize_t done = 0, r = 0;
	uint64_t off, start;

	if (!u->left)
		return 0;
	if ((int64_t)*pos < 0)
		return -EINVAL;
	mutex_lock(&n->v.lock);
	off = start = READ_ONCE(f->flags) & O_APPEND ? file_size(n) : *pos;
	while (u->left && off < MAX_FILE_SIZE) {
		r = write_page(n, u, off, MIN(MIN(u->left, PAGE_SIZE - off % PAGE_SIZE), MAX_FILE_SIZE - off), &was_lower);
		if (r <= 0)
			break;
		done += r;
		off += (uint64_t)r;
	}
	if (off >= MAX_FILE_SIZE && !done && !r)
		r = -EFBIG;
	if (done) {
		tmpfs_pin(n);
		if (off > n->v.size)
			set_size(n, off);
		vnode_touch(&n->v, VNODE_MTIME | VNODE_CTIME);
	}
	if (was_lower)
		vm_object_refresh(&n->file.object, start >> PAGE_SHIFT, nr_pages_of(off) - (start >> PAGE_SHIFT));
	mutex_unlock(&n->v.lock);
	*pos = off;
	return done ? done : r;
}

/* ---- size, holes ---------------------------------------------------------------------------------------------------------------- */

/* Take the pages [first, last) out of the tree; where a lower page would show through, leave a hole. meta held. */
static int drop_pages(struct tnode *n, uint64_t first, uint64_t last, struct page_batch *batch)
{
	struct page_tree *t = &n->file.pages;
	uint64_t idx = first;
	slot_t s;

	for (; page_tree_next(t, &idx, last, &s); idx++) {
		if (!(s & SLOT_PAGE))
			continue;
		page_tree_store(t, idx, 0);
		if (!(s & SLOT_CLEAN))
			tmpfs_uncharge(tmpfs_of(&n->v), 1);
		page_batch_add(batch, slot_page(s));
	}
	for (idx = first; idx < MIN(last, n->file.lower_pages); idx++) {
		if (page_tree_reserve(t, idx))
			return -ENOMEM;
		page_tree_store(t, idx, SLOT_HOLE);
	}
	(void)tmpfs_charge_index(n);	/* less than before, or the holes of a lower file, which are as many as it has pages */
	return 0;
}

/* Zero bytes inside one page, if anything but zeros can be there. lock held. */
static int zero_in_page(struct tnode *n, uint64_t off, size_t len)
{
	uint64_t idx = off >> PAGE_SHIFT;
	bool was_lower = false;
	paddr_t pa;
	slot_t s;
	int r;

	mutex_lock(&n->v.meta);
	s = page_tree_load(&n->file.pages, idx);
	mutex_unlock(&n->v.meta);
	if (!len || (!(s & SLOT_PAGE) && !is_lower(n, idx, s)))
		return 0;
	r = get_own_page(n, idx, &pa, &was_lower, false);
	if (r)
		return r;
	memset((uint8_t *)phys_to_virt(pa) + off % PAGE_SIZE, 0, len);
	page_put(pa);
	if (was_lower)
		vm_object_refresh(&n->file.object, idx, 1);
	return 0;
}

int tmpfs_truncate(struct vnode *v, uint64_t size)
{
	struct tnode *n = tnode_of(v);
	uint64_t keep = nr_pages_of(size);
	struct page_batch batch = { 0 };
	bool is_shorter;
	int r = 0;

	if (size > MAX_FILE_SIZE)
		return -EFBIG;
	mutex_lock(&v->lock);
	is_shorter = size < v->size;
	if (is_shorter && size % PAGE_SIZE)
		r = zero_in_page(n, size, PAGE_SIZE - size % PAGE_SIZE);
	if (r)
		goto out;
	tmpfs_pin(n);
	mutex_lock(&v->meta);
	set_size(n, size);
	if (is_shorter) {
		WRITE_ONCE(n->file.lower_pages, MIN(n->file.lower_pages, keep));
		r = drop_pages(n, keep, UINT64_MAX >> PAGE_SHIFT, &batch);
	}
	mutex_unlock(&v->meta);
	if (is_shorter)
		vm_object_unmap(&n->file.object, keep, (UINT64_MAX >> PAGE_SHIFT) - keep);
	page_batch_end(&batch);
	vnode_touch(v, VNODE_MTIME | VNODE_CTIME);
out:
	mutex_unlock(&v->lock);
	return r;
}

static int punch(struct tnode *n, uint64_t off, uint64_t end)
{
	uint64_t first = nr_pages_of(off), last = end >> PAGE_SHIFT;
	struct page_batch batch = { 0 };
	int r;

	if (first > last)	/* inside one page */
		return zero_in_page(n, off, (size_t)(end - off));
	r = zero_in_page(n, off, (size_t)((first << PAGE_SHIFT) - off));
	if (!r && (end % PAGE_SIZE))
		r = zero_in_page(n, last << PAGE_SHIFT, end % PAGE_SIZE);
	if (r)
		return r;
	tmpfs_pin(n);
	mutex_lock(&n->v.meta);
	r = drop_pages(n, first, last, &batch);
	mutex_unlock(&n->v.meta);
	if (last > first)
		vm_object_refresh(&n->file.object, first, last - first);
	page_batch_end(&batch);
	return r;
}

static int reserve_pages(struct tnode *n, uint64_t off, uint64_t end)
{
	struct tmpfs *fs = tmpfs_of(&n->v);
	int r;

	/* Ask for all at once first, so that a hopeless request changes nothing. */
	if (nr_pages_of(end) - (off >> PAGE_SHIFT) > fs->max_pages)
		return -ENOSPC;
	for (uint64_t idx = off >> PAGE_SHIFT; idx < nr_pages_of(end); idx++) {
		paddr_t pa;

		if (idx < READ_ONCE(n->file.lower_pages))
			continue;
		r = get_own_page(n, idx, &pa, NULL, false);
		if (r)
			return r;
		page_put(pa);
	}
	return 0;
}

static int allocate(struct file *f, int mode, uint64_t off, uint64_t len)
{
	struct tnode *n = tnode_of(f->vnode);
	uint64_t end = off + len;
	int r;

	if (!FILE_MAY_WRITE(READ_ONCE(f->flags)))
		return -EBADF;
	if ((int64_t)off < 0 || (int64_t)len <= 0)
		return -EINVAL;
	if (end > MAX_FILE_SIZE)
		return -EFBIG;
	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))	/* Linux's tmpfs knows no more */
		return -EOPNOTSUPP;
	mutex_lock(&n->v.lock);
	r = mode & FALLOC_FL_PUNCH_HOLE ? punch(n, off, end) : reserve_pages(n, off, end);
	if (!r && !(mode & FALLOC_FL_KEEP_SIZE) && end > n->v.size)
		set_size(n, end);
	tmpfs_pin(n);
	vnode_touch(&n->v, VNODE_MTIME | VNODE_CTIME);
	mutex_unlock(&n->v.lock);
	if (!r)
		inotify_file_event(&n->v, f->dentry, IN_MODIFY);
	return r;
}

static bool is_data(const struct tnode *n, uint64_t idx)
{
	slot_t s = page_tree_load(&n->file.pages, idx);

	return (s & SLOT_PAGE) || is_lower(n, idx, s);
}

/* First byte at or behind off that is data (or is none); size if there is none. */
static uint64_t find_data(struct tnode *n, uint64_t off, uint64_t size, bool want_data)
{
	uint64_t idx = off >> PAGE_SHIFT, last = nr_pages_of(size);
	slot_t s = 0;

	mutex_lock(&n->v.meta);
	while (idx < last && is_data(n, idx) != want_data) {
		idx++;
		/* Skip big holes in one go. */
		if (want_data && idx >= n->file.lower_pages && !page_tree_next(&n->file.pages, &idx, last, &s))
			idx = last;
	}
	mutex_unlock(&n->v.meta);
	if (idx == off >> PAGE_SHIFT)
		return off;
	return MIN(idx << PAGE_SHIFT, size);
}

static int64_t seek(struct file *f, int64_t off, int whence)
{
	struct tnode *n = tnode_of(f->vnode);
	uint64_t size = file_size(n), found;

	if (whence != 3 && whence != 4)
		return vnode_seek(f, off, whence);
	if (off < 0 || (uint64_t)off >= size)
		return -ENXIO;
	found = find_data(n, (uint64_t)off, size, whence == 3);
	if (whence == 3 && found >= size)
		return -ENXIO;
	f->pos = found;
	return (int64_t)found;
}

static int truncate(struct file *f, uint64_t size)
{
	int r;

	if (!FILE_MAY_WRITE(READ_ONCE(f->flags)))
		return -EINVAL;
	r = tmpfs_truncate(f->vnode, size);
	if (!r)
		inotify_file_event(f->vnode, f->dentry, IN_MODIFY);
	return r;
}

static int fsync(struct file *f, bool data_only)
{
	(void)f, (void)data_only;
	return 0;
}

/* ---- mapping -------------------------------------------------------------------------------------------------------------------- */

static struct tnode *node_of_object(struct vm_object *o)
{
	return container_of(o, struct tnode, file.object);
}

/*
 * From the first shared writable mapping on, the lower pages of the file are not handed out any more: a store into one of two mappings of a page must be seen through
 * the other, and a fault cannot take a page out of other mappings.
 */
static void make_shared(struct tnode *n)
{
	bool must_unmap;

	mutex_lock(&n->v.meta);
	must_unmap = !n->file.is_shared && n->file.lower_pages;
	n->file.is_shared = true;
	mutex_unlock(&n->v.meta);
	if (must_unmap)
		vm_object_refresh(&n->file.object, 0, UINT64_MAX >> PAGE_SHIFT);
}

static void ref(struct vm_object *o)
{
	struct vnode *v = &node_of_object(o)->v;

	atomic_fetch_add(&tmpfs_of(v)->nr_mapped, 1ull, RELAXED);
	vnode_get(v);
}

static int map(struct file *f, uint64_t off, size_t len, unsigned prot, bool is_shared, struct vm_object **out)
{
	struct tnode *n = tnode_of(f->vnode);

	(void)off, (void)len, (void)prot;
	if (is_shared && (READ_ONCE(f->flags) & O_ACCMODE) == O_RDWR)
		make_shared(n);
	ref(&n->file.object);
	*out = &n->file.object;
	return 0;
}

/* What get_page() does if the page is not there, or not as it shall be. */
static __attribute__((noinline)) int make_page(struct tnode *n, uint64_t idx, bool must_own, struct vm_page *out)
{
	const void *p;
	slot_t s;
	int r;

again:
	if (idx >= nr_pages_of(file_size(n)))
		return -ENXIO;
	s = page_tree_get(&n->file.pages, idx, &out->pa);
	if (s & SLOT_PAGE) {
		out->is_writable = !(s & SLOT_CLEAN);
		if (out->is_writable || !must_own)
			return 0;
		page_put(out->pa);
	} else if (is_lower(n, idx, s) && !must_own) {
		out->is_writable = false;
		p = erofs_page_in_place(tmpfs_of(&n->v)->lower, &n->lower, idx);
		if (p) {
			out->pa = virt_to_phys(p);
			page_get(out->pa);
			return 0;
		}
		r = tmpfs_get_clean_page(n, idx, &out->pa);
		if (r == -ENXIO)
			goto again;	/* truncated meanwhile: what is there now? */
		return r == -EUCLEAN ? -EIO : r;
	}
	out->is_writable = true;
	r = get_own_page(n, idx, &out->pa, NULL, true);
	return r == -EUCLEAN ? -EIO : r == -ENOSPC ? -ENXIO : r;
}

static int get_page(struct vm_object *o, uint64_t idx, bool for_write, struct vm_page *out)
{
	struct tnode *n = node_of_object(o);
	bool must_own = for_write || READ_ONCE(n->file.is_shared);
	slot_t s;

	if (idx < nr_pages_of(file_size(n))) {
		s = page_tree_get(&n->file.pages, idx, &out->pa);
		out->is_writable = !(s & SLOT_CLEAN);
		if (likely(s & SLOT_PAGE && (out->is_writable || !must_own)))
			return 0;
		if (s & SLOT_PAGE)
			page_put(out->pa);
	}
	return make_page(n, idx, must_own, out);
}

/* Pages that are there, or lie in the image: what get_page() would give, without making any. */
static unsigned get_cached(struct vm_object *o, uint64_t idx, unsigned nr, paddr_t *pa)
{
	struct tnode *n = node_of_object(o);
	bool must_own = READ_ONCE(n->file.is_shared);
	uint64_t end = nr_pages_of(file_size(n));
	unsigned i, found = 0;

	for (i = 0; i < nr; i++, idx++) {
		const void *p;
		slot_t s;

		pa[i] = PADDR_NONE;
		if (idx >= end)
			continue;
		s = page_tree_get(&n->file.pages, idx, &pa[i]);
		if (s & SLOT_PAGE) {
			if (s & SLOT_CLEAN && must_own) {
				page_put(pa[i]);
				pa[i] = PADDR_NONE;
				continue;
			}
		} else {
			p = is_lower(n, idx, s) && !must_own ? erofs_page_if_here(tmpfs_of(&n->v)->lower, &n->lower, idx) : NULL;
			pa[i] = p ? virt_to_phys(p) : PADDR_NONE;
			if (!p)
				continue;
			page_get(pa[i]);
		}
		found++;
	}
	return found;
}

static int get_block(struct vm_object *o, uint64_t idx, bool for_write, paddr_t *pa)
{
	struct tnode *n = node_of_object(o);
	uint64_t off = idx << PAGE_SHIFT;
	struct erofs_extent x;

	if (for_write || READ_ONCE(n->file.is_shared) || READ_ONCE(n->file.pages.nr_slots) || off + BLOCK_SIZE > n->lower.size ||
	    idx + BLOCK_SIZE / PAGE_SIZE > READ_ONCE(n->file.lower_pages))
		return -ENOTSUP;
	if (erofs_map(tmpfs_of(&n->v)->lower, &n->lower, off, &x) || !x.data || x.len < BLOCK_SIZE)
		return -ENOTSUP;
	*pa = virt_to_phys(x.data);
	return IS_ALIGNED(*pa, BLOCK_SIZE) ? 0 : -ENOTSUP;
}

static void unref(struct vm_object *o)
{
	struct vnode *v = &node_of_object(o)->v;

	atomic_fetch_sub(&tmpfs_of(v)->nr_mapped, 1ull, RELAXED);
	vnode_put(v);
}

static size_t object_name(struct vm_object *o, char *buf, size_t size)
{
	struct vnode *v = &node_of_object(o)->v;
	char path[256], *start;
	struct dentry *d;
	size_t len = 0;
	ssize_t r;

	rcu_read_lock();
	d = rcu_deref(v->alias);
	if (d && !dentry_try_get(d))
		d = NULL;
	rcu_read_unlock();
	if (!d)
		return (size_t)snprintf(buf, size, "inode:%llu", (unsigned long long)v->ino);
	r = dentry_path(vfs_root, d, path, sizeof(path), &start);
	if (r > 0)
		len = (size_t)snprintf(buf, size, "%s%s", start, READ_ONCE(d->flags) & DENTRY_DELETED ? " (deleted)" : "");
	dentry_put(d);
	return len;
}

static void identity(struct vm_object *o, uint64_t *dev, uint64_t *ino)
{
	*dev = node_of_object(o)->v.super->dev;
	*ino = node_of_object(o)->v.ino;
}

const struct vm_object_ops tmpfs_object_ops = {
	.get_page = get_page,
	.get_cached = get_cached,
	.get_block = get_block,
	.ref = ref,
	.unref = unref,
	.name = object_name,
	.identity = identity,
};

void tmpfs_file_destroy(struct tnode *n)
{
	struct page_tree *t = &n->file.pages;
	uint64_t idx = 0, nr = 0;
	slot_t s;

	tmpfs_clean_remove(n);
	/* Nobody can be reading: readers hold a reference to the vnode. */
	for (; page_tree_next(t, &idx, UINT64_MAX >> PAGE_SHIFT, &s); idx++) {
		if (!(s & SLOT_PAGE))
			continue;
		page_put(slot_page(s));
		nr += !(s & SLOT_CLEAN);
	}
	page_tree_destroy(t);
	tmpfs_uncharge(tmpfs_of(&n->v), nr);
	atomic_fetch_sub(&tmpfs_of(&n->v)->nr_index, n->file.index_pages, RELAXED);
}

/* A file that is no memfd is as one that does not allow sealing. */
static long fcntl(struct file *f, unsigned cmd, unsigned long arg)
{
	(void)f, (void)arg;
	return cmd == F_GET_SEALS ? (long)F_SEAL_SEAL : cmd == F_ADD_SEALS ? -EPERM : -EINVAL;
}

const struct file_ops tmpfs_file_fops = {
	.read = read,
	.read_at = read_at,
	.write = write,
	.seek = seek,
	.map = map,
	.fsync = fsync,
	.truncate = truncate,
	.allocate = allocate,
	.fcntl = fcntl,
};

/* /proc/self/maps shows the names of what is mapped. */
static bool is_mapped(struct vnode *v)
{
	return READ_ONCE(tnode_of(v)->file.object.mappings.first) != NULL;
}

const struct vnode_ops tmpfs_file_vops = {
	.needs_name = is_mapped,
	.getattr = tmpfs_getattr,
	.setattr = tmpfs_setattr,
	.truncate = tmpfs_truncate,
	.getxattr = tmpfs_getxattr,
	.destroy = tmpfs_destroy,
};

int tmpfs_create_unnamed(const char *name, unsigned flags, uint32_t mode, struct file **out)
{
	struct tmpfs *fs = container_of(vfs_root->vnode->super, struct tmpfs, super);
	struct vnode_new how = { .mode = S_IFREG | (mode & 07777) };
	size_t len = strnlen(name, NAME_MAX);
	struct dentry *d;
	struct tnode *n;
	struct file *f;
	int r;

	r = tmpfs_node_new(fs, &how, &n);
	if (r)
		return r;
	n->v.nlink = 0;
	d = dentry_create(NULL, NULL, name, len, dname_hash(name, len), &n->v);
	if (!d)
		return -ENOMEM;
	d->flags |= DENTRY_DELETED;
	f = file_alloc(&tmpfs_file_fops, flags, NULL);
	if (!f) {
		dentry_put(d);
		return -ENOMEM;
	}
	f->vnode = &n->v;
	f->dentry = d;
	f->has_position = true;
	*out = f;
	return 0;
}
