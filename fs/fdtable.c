/* SPDX-License-Identifier: MIT
 *
 * Descriptor tables. The array of file pointers is read under RCU; installing, closing and growing take the table's mutex. Finding the lowest free descriptor looks at
 * the bitmap from first_free, below which nothing is free.
 */
#include "fs/fdtable.h"

#include "fs/file.h"
#include "fs/vfs.h"
#include "fs/vnode.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"

#define FD_INITIAL	64u
#define FD_MAX		(1u << 20)

static struct fdarray *array_alloc(unsigned capacity)
{
	size_t words = capacity / 64;
	struct fdarray *a = kzalloc(sizeof(*a) + capacity * sizeof(a->slot[0]) + 2 * words * sizeof(uint64_t));

	if (!a)
		return NULL;
	a->capacity = capacity;
	a->used = (uint64_t *)&a->slot[capacity];
	a->cloexec = a->used + words;
	return a;
}

static void array_free_rcu(struct rcu_head *head)
{
	kfree(container_of(head, struct fdarray, rcu));
}

static bool bit_test(const uint64_t *map, unsigned i)
{
	return map[i / 64] >> (i % 64) & 1;
}

static inline void bit_assign(uint64_t *map, unsigned i, bool on)
{
	if (on)
		map[i / 64] |= 1ull << (i % 64);
	else
		map[i / 64] &= ~(1ull << (i % 64));
}

struct fdtable *fdtable_create(void)
{
	struct fdtable *t = KNEW(struct fdtable);

	if (!t)
		return NULL;
	t->array = array_alloc(FD_INITIAL);
	if (!t->array) {
		kfree(t);
		return NULL;
	}
	t->refs = 1;
	return t;
}

void fdtable_share(struct fdtable *t)
{
	/* Relaxed: what starts the other thread publishes them. */
	atomic_store(&file_tables_are_shared, true, RELAXED);
	atomic_store(&t->is_shared, true, RELAXED);
}

struct fdtable *fdtable_copy(struct fdtable *t)
{
	struct fdtable *n = KNEW(struct fdtable);
	struct fdarray *from, *to;

	if (!n)
		return NULL;
	n->refs = 1;
	fdtable_share(n);	/* there are several threads, or will be */
	mutex_lock(&t->lock);
	from = t->array;
	to = array_alloc(from->capacity);
	if (to) {
		/* Numbers that are only reserved are free in the copy: nobody would ever fill them. */
		for (unsigned i = 0; i < from->capacity; i++)
			if (from->slot[i]) {
				to->slot[i] = from->slot[i];
				file_get(to->slot[i]);
				bit_assign(to->used, i, true);
				bit_assign(to->cloexec, i, bit_test(from->cloexec, i));
			}
		n->array = to;
	}
	mutex_unlock(&t->lock);
	if (!to) {
		kfree(n);
		return NULL;
	}
	return n;
}

static inline void close_file(struct fdtable *t, struct file *f)
{
	if (unlikely(f->ops->flush))
		f->ops->flush(f, t);
	if (f->vnode && unlikely(atomic_load(&f->vnode->locks, RELAXED)))
		file_locks_release(f, t);
	file_put(f);
}

void fdtable_put(struct fdtable *t)
{
	struct fdarray *a;

	/* acq_rel: all uses of t before the close. Pairs: the other fdtable_put()s */
	if (atomic_fetch_sub(&t->refs, 1u, ACQ_REL) != 1)
		return;
	a = t->array;
	for (unsigned w = 0; w < a->capacity / 64; w++)
		for (uint64_t bits = a->used[w]; bits; bits &= bits - 1) {
			struct file *f = a->slot[w * 64 + (unsigned)__builtin_ctzll(bits)];

			if (f)
				close_file(t, f);
		}
	kfree(a);
	kfree(t);
}

struct file *fd_get(struct fdtable *t, int fd)
{
	return fd_get_inline(t, fd);
}

static __attribute__((noinline)) int grow_slow(struct fdtable *t, unsigned fd)
{
	struct fdarray *old = t->array, *new;
	unsigned capacity = old->capacity;

	if (fd >= FD_MAX)
		return -EMFILE;
	while (capacity <= fd)
		capacity *= 2;
	new = array_alloc(capacity);
	if (!new)
		return -ENOMEM;
	memcpy(new->slot, old->slot, old->capacity * sizeof(old->slot[0]));
	memcpy(new->used, old->used, old->capacity / 8);
	memcpy(new->cloexec, old->cloexec, old->capacity / 8);
	rcu_assign(t->array, new);
	rcu_defer(&old->rcu, array_free_rcu);
	return 0;
}

/* Room for descriptor fd. lock held. */
static inline int grow(struct fdtable *t, unsigned fd)
{
	return likely(fd < t->array->capacity) ? 0 : grow_slow(t, fd);
}

/* lock held. */
static inline unsigned find_free(const struct fdtable *t, unsigned min)
{
	const struct fdarray *a = t->array;
	unsigned start = MAX(min, t->first_free), w = start / 64;
	uint64_t bits;

	if (start >= a->capacity)
		return start;
	bits = ~a->used[w] & ~0ull << (start % 64);
	while (!bits) {
		if (++w == a->capacity / 64)
			return a->capacity;
		bits = ~a->used[w];
	}
	return w * 64 + (unsigned)__builtin_ctzll(bits);
}

/* The lowest free number >= min becomes used. lock held. */
static inline int reserve(struct fdtable *t, int min, bool cloexec, int limit)
{
	unsigned fd, first = (unsigned)MAX(min, 0);
	struct fdarray *a;
	int r;

	fd = find_free(t, first);
	if (unlikely((int)fd >= limit))
		return -EMFILE;
	r = grow(t, fd);
	if (unlikely(r))
		return r;
	a = t->array;
	a->used[fd / 64] |= 1ull << (fd % 64);
	if (cloexec)	/* else it is clear, as of all that are free */
		a->cloexec[fd / 64] |= 1ull << (fd % 64);
	if (first <= t->first_free)
		t->first_free = fd + 1;
	return (int)fd;
}

/* lock held. */
static inline void fill(struct fdtable *t, int fd, struct file *f)
{
	if (!f->vnode)
		atomic_store(&f->plain, file_is_plain(f), RELAXED);	/* the same for all its descriptors */
	rcu_assign(t->array->slot[(unsigned)fd], f);
}

int fd_install(struct fdtable *t, struct file *f, int min, bool cloexec, int limit)
{
	int r;

	mutex_lock_inline(&t->lock);
	r = reserve(t, min, cloexec, limit);
	if (likely(r >= 0))
		fill(t, r, f);
	mutex_unlock_inline(&t->lock);
	return r;
}

int fd_reserve(struct fdtable *t, bool cloexec, int limit)
{
	int r;

	mutex_lock_inline(&t->lock);
	r = reserve(t, 0, cloexec, limit);
	mutex_unlock_inline(&t->lock);
	return r;
}

void fd_fill_slow(struct fdtable *t, int fd, struct file *f)
{
	mutex_lock(&t->lock);
	fill(t, fd, f);
	mutex_unlock(&t->lock);
}

/* lock held. */
static inline void release(struct fdtable *t, unsigned fd)
{
	t->array->used[fd / 64] &= ~(1ull << (fd % 64));
	t->array->cloexec[fd / 64] &= ~(1ull << (fd % 64));
	if (fd < t->first_free)
		t->first_free = fd;
}

void fd_unreserve(struct fdtable *t, int fd)
{
	mutex_lock(&t->lock);
	release(t, (unsigned)fd);
	mutex_unlock(&t->lock);
}

/* Take fd out of the table. lock held. NULL: was not open. */
static inline struct file *take(struct fdtable *t, unsigned fd)
{
	struct fdarray *a = t->array;
	struct file *f;

	if (unlikely(fd >= a->capacity))
		return NULL;
	f = a->slot[fd];
	if (unlikely(!f))
		return NULL;
	atomic_store(&a->slot[fd], NULL, RELAXED);
	release(t, fd);
	return f;
}

int fd_install_at(struct fdtable *t, struct file *f, int fd, bool cloexec, int limit)
{
	struct file *old;
	int r;

	if (fd < 0 || fd >= limit)
		return -EBADF;
	mutex_lock(&t->lock);
	r = grow(t, (unsigned)fd);
	if (r) {
		mutex_unlock(&t->lock);
		return r == -EMFILE ? -EBADF : r;
	}
	old = t->array->slot[fd];
	if (!old && bit_test(t->array->used, (unsigned)fd)) {	/* a call in another thread will fill it */
		mutex_unlock(&t->lock);
		return -EBUSY;
	}
	bit_assign(t->array->used, (unsigned)fd, true);
	bit_assign(t->array->cloexec, (unsigned)fd, cloexec);
	atomic_store(&f->plain, file_is_plain(f), RELAXED);
	rcu_assign(t->array->slot[fd], f);
	mutex_unlock(&t->lock);
	if (old)
		close_file(t, old);
	return fd;
}

int fd_close(struct fdtable *t, int fd)
{
	struct file *f;

	mutex_lock_inline(&t->lock);
	f = take(t, (unsigned)fd);	/* negative: beyond any */
	mutex_unlock_inline(&t->lock);
	if (unlikely(!f))
		return -EBADF;
	close_file(t, f);
	return 0;
}

bool fd_is(struct fdtable *t, int fd, const struct file *f)
{
	bool is_it;

	mutex_lock(&t->lock);
	is_it = (unsigned)fd < t->array->capacity && t->array->slot[(unsigned)fd] == f;
	mutex_unlock(&t->lock);
	return is_it;
}

int fd_close_range(struct fdtable *t, unsigned first, unsigned last, bool only_set_cloexec)
{
	for (unsigned fd = first; fd <= last; fd++) {
		int next;
		struct file *f = NULL;

		if (fd > FD_MAX)
			break;
		next = fd_next(t, (int)fd);
		if (next < 0 || (unsigned)next > last)
			break;
		fd = (unsigned)next;
		mutex_lock(&t->lock);
		if (only_set_cloexec) {
			if (fd < t->array->capacity && t->array->slot[fd])
				bit_assign(t->array->cloexec, fd, true);
		} else {
			f = take(t, fd);
		}
		mutex_unlock(&t->lock);
		if (f)
			close_file(t, f);
	}
	return 0;
}

int fd_get_cloexec(struct fdtable *t, int fd)
{
	int r = -EBADF;

	mutex_lock(&t->lock);
	if (fd >= 0 && (unsigned)fd < t->array->capacity && t->array->slot[fd])
		r = bit_test(t->array->cloexec, (unsigned)fd);
	mutex_unlock(&t->lock);
	return r;
}

int fd_set_cloexec(struct fdtable *t, int fd, bool on)
{
	int r = -EBADF;

	mutex_lock(&t->lock);
	if (fd >= 0 && (unsigned)fd < t->array->capacity && t->array->slot[fd]) {
		bit_assign(t->array->cloexec, (unsigned)fd, on);
		r = 0;
	}
	mutex_unlock(&t->lock);
	return r;
}

void fd_close_on_exec(struct fdtable *t)
{
	for (int fd = 0; (fd = fd_next(t, fd)) >= 0; fd++)
		if (fd_get_cloexec(t, fd) == 1)
			(void)fd_close(t, fd);
}

int fd_next(struct fdtable *t, int fd)
{
	struct fdarray *a;
	int r = -1;

	if (fd < 0)
		fd = 0;
	rcu_read_lock();
	a = rcu_deref(t->array);
	for (unsigned i = (unsigned)fd; i < a->capacity; i++) {
		uint64_t bits = READ_ONCE(a->used[i / 64]) >> (i % 64);

		if (!bits) {
			i |= 63;
			continue;
		}
		i += (unsigned)__builtin_ctzll(bits);
		if (!rcu_deref(a->slot[i]))	/* only reserved */
			continue;
		r = (int)i;
		break;
	}
	rcu_read_unlock();
	return r;
}
