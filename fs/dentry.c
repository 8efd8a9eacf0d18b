/* SPDX-License-Identifier: MIT
 *
 * The dentry cache: one hash table of singly linked chains, read under RCU, written under one of a few bucket mutexes. See dentry.h for the protocol.
 *
 * The cache is bounded: beyond PER_BUCKET entries a bucket an insertion looks at a few buckets from where the last one stopped (a clock) and drops an entry that only the
 * cache holds and that was not found since the last round. Names of files that live in memory anyway are dropped too: they come back at the next lookup; only a file that is
 * mapped keeps the name that /proc/self/maps shows. Of names that do not exist there are MAX_NEGATIVE at most: they, and removed directories that they were looked for
 * in, would be all that fills the cache.
 */
#include "fs/dentry.h"

#include "fs/path-cache.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "mmu/page.h"

#define NR_LOCKS	64u
#define MIN_BUCKETS	512u
#define MAX_BUCKETS	16384u
#define RAM_PER_BUCKET	(64ul * 1024)
#define PER_BUCKET	4u		/* entries per bucket at which trimming starts */
#define TRIM_BUCKETS	8u		/* buckets looked at per insertion beyond that */
#define MAX_NEGATIVE	1024u
#define NEGATIVE_BUCKETS 64u		/* the same for names that do not exist, which are rarer */

static struct dentry **buckets;
static uint32_t bucket_mask;		/* [I] */
static struct mutex bucket_locks[NR_LOCKS];
static uint32_t nr_dentries;		/* [a] in the table */
static uint32_t nr_negative;		/* [a] of them those that do not exist */
static uint32_t trim_hand, negative_hand; /* [a] */
static struct mutex rename_lock;
uint32_t rename_seq;			/* [a; rename_lock] odd: dentries are moving */

void dentry_init(void)
{
	struct page_stats st;
	uint64_t nr = MIN_BUCKETS;

	if (buckets)
		return;
	page_stats(&st);
	while (nr < MAX_BUCKETS && nr * RAM_PER_BUCKET < st.total_bytes)
		nr *= 2;
	while (!(buckets = kzalloc(nr * sizeof(*buckets))))
		nr /= 2;
	bucket_mask = (uint32_t)nr - 1;
}

uint32_t dname_hash(const char *name, size_t len)
{
	uint32_t h = 0;

	for (size_t i = 0; i < len; i++)
		h = (h + (uint8_t)name[i]) * 0x01000193u;
	return h ^ h >> 15;
}

static uint32_t bucket_of(const struct dentry *parent, uint32_t hash)
{
	uint64_t h = ((uintptr_t)parent >> 6 ^ hash) * 0x9e3779b97f4a7c15ull;

	return (uint32_t)(h >> 40) & bucket_mask;
}

static struct mutex *lock_of(uint32_t bucket)
{
	return &bucket_locks[bucket % NR_LOCKS];
}

bool dentry_try_get(struct dentry *d)
{
	uint32_t refs = atomic_load(&d->refs, RELAXED);

	do {
		if (!refs)
			return false;
	} while (!atomic_cas(&d->refs, &refs, refs + 1, RELAXED));
	return true;
}

static void free_rcu(struct rcu_head *head)
{
	struct dentry *d = container_of(head, struct dentry, rcu);

	if (d->name != &d->own)
		kfree(d->name);
	kfree(d);
}

/* No reference is left and it is not in the table. */
static void release(struct dentry *d)
{
	if (unlikely(d->flags & DENTRY_SHADOW)) {
		if (d->vnode)
			vnode_put(d->vnode);
		dentry_put(d->real);
		/* release: d is done with m. Pairs: is_idle in mount.c */
		atomic_fetch_sub(&d->mount->nr_shadows, 1u, RELEASE);
	} else if (d->vnode) {
		struct dentry *expected = d;

		atomic_cas(&d->vnode->alias, &expected, NULL, RELAXED);
		vnode_put(d->vnode);
	}
	rcu_defer(&d->rcu, free_rcu);
}

void dentry_put(struct dentry *d)
{
	/* acq_rel: all uses of d before the free. Pairs: the other dentry_put()s */
	while (atomic_fetch_sub(&d->refs, 1u, ACQ_REL) == 1) {
		struct dentry *parent = d->parent;
		bool is_root = parent == d;

		release(d);
		if (is_root)
			break;
		d = parent;
	}
}

struct dentry *dentry_create(struct dentry *parent, struct mount *m, const char *name, size_t len, uint32_t hash, struct vnode *v)
{
	struct dentry *d = kmalloc(sizeof(*d) + len + 1), *none = NULL;

	if (!d) {
		if (v)
			vnode_put(v);
		return NULL;
	}
	if (parent) {
		parent = dentry_real(parent);
		m = parent->mount;
	}
	memset(d, 0, sizeof(*d));
	d->own.hash = hash;
	d->own.len = (uint32_t)len;
	memcpy(d->own.text, name, len);
	d->own.text[len] = 0;
	d->name = &d->own;
	d->refs = 1;
	d->mount = m;
	d->vnode = v;
	d->parent = parent ? parent : d;
	if (parent)
		dentry_get(parent);
	if (v)
		atomic_cas(&v->alias, &none, d, RELAXED);
	return d;
}

static void chain_remove(struct dentry **link, const struct dentry *d)
{
	while (*link && *link != d)
		link = &(*link)->next;
	if (*link)
		atomic_store(link, d->next, RELEASE);	/* release: keeps the chain's order for readers. Pairs: dentry_find_rcu */
}

/* d has left its chain, and still has its memory. */
static void forget_paths(const struct dentry *d)
{
	atomic_fence(SEQ_CST);		/* out of the chain before the look: store->load. Pairs: remember in path.c */
	if (READ_ONCE(d->flags) & DENTRY_KNOWN)
		path_cache_flush();
}

static void count_out(const struct dentry *d)
{
	atomic_fetch_sub(&nr_dentries, 1u, RELAXED);
	if (!d->vnode)
		atomic_fetch_sub(&nr_negative, 1u, RELAXED);
}

/* A file that others have, too, and that needs this name. */
static bool is_needed(struct vnode *v)
{
	return READ_ONCE(v->refs) > 1 && v->ops->needs_name && v->ops->needs_name(v);
}

/* Drop one entry of the bucket that only the cache holds and that was not used lately. False: there is none. */
static bool trim_bucket(uint32_t b, bool only_negative)
{
	struct dentry *d, *dead = NULL;

	if (!atomic_load(&buckets[b], RELAXED) || !mutex_trylock(lock_of(b)))
		return false;
	for (d = buckets[b]; d && !dead; d = d->next) {
		uint32_t one = 1;

		if ((only_negative && d->vnode) || atomic_exchange(&d->was_used, 0u, RELAXED) || READ_ONCE(d->covered) ||
		    (d->vnode && is_needed(d->vnode)))
			continue;
		if (atomic_cas(&d->refs, &one, 0u, ACQUIRE))
			dead = d;
	}
	if (dead) {
		chain_remove(&buckets[b], dead);
		forget_paths(dead);
		count_out(dead);
	}
	mutex_unlock(lock_of(b));
	if (dead) {
		struct dentry *parent = dead->parent;

		release(dead);
		dentry_put(parent);
	}
	return dead;
}

/* From the hand on until one entry is dropped, nr buckets at most. */
static void trim(uint32_t *hand, unsigned nr, bool only_negative)
{
	for (unsigned i = 0; i < nr; i++)
		if (trim_bucket(atomic_fetch_add(hand, 1u, RELAXED) & bucket_mask, only_negative))
			break;
}

void dentry_insert(struct dentry *d)
{
	uint32_t b = bucket_of(d->parent, d->name->hash);

	dentry_get(d);
	d->was_used = 1;
	mutex_lock(lock_of(b));
	d->next = buckets[b];
	atomic_fetch_or(&d->flags, DENTRY_HASHED, RELAXED);
	rcu_assign(buckets[b], d);
	mutex_unlock(lock_of(b));
	if (!d->vnode && atomic_fetch_add(&nr_negative, 1u, RELAXED) >= MIN(MAX_NEGATIVE, bucket_mask + 1))
		trim(&negative_hand, NEGATIVE_BUCKETS, true);
	if (atomic_fetch_add(&nr_dentries, 1u, RELAXED) > (bucket_mask + 1) * PER_BUCKET)
		trim(&trim_hand, TRIM_BUCKETS, false);
}

void dentry_remove(struct dentry *d, bool is_deleted)
{
	uint32_t b = bucket_of(d->parent, d->name->hash);
	bool was_hashed;

	mutex_lock(lock_of(b));
	was_hashed = READ_ONCE(d->refs) && (atomic_fetch_and(&d->flags, ~DENTRY_HASHED, RELAXED) & DENTRY_HASHED);
	if (is_deleted)
		atomic_fetch_or(&d->flags, DENTRY_DELETED, RELAXED);
	if (was_hashed) {
		chain_remove(&buckets[b], d);
		forget_paths(d);
	}
	mutex_unlock(lock_of(b));
	if (was_hashed) {
		count_out(d);
		dentry_put(d);
	}
}

struct dentry *dentry_find_rcu(struct dentry *parent, const char *name, size_t len, uint32_t hash)
{
	struct dentry *d;

	for (d = rcu_deref(buckets[bucket_of(parent, hash)]); d; d = rcu_deref(d->next)) {
		const struct dname *n;

		if (READ_ONCE(d->parent) != parent)
			continue;
		n = rcu_deref(d->name);
		if (n->hash == hash && n->len == len && memcmp(n->text, name, len) == 0) {
			if (!READ_ONCE(d->was_used))
				WRITE_ONCE(d->was_used, 1);
			return d;
		}
	}
	return NULL;
}

int dentry_lookup_locked(struct dentry *parent_or_shadow, const char *name, size_t len, uint32_t hash, struct dentry **out)
{
	struct dentry *parent = dentry_real(parent_or_shadow), *d;
	struct vnode *dir = parent->vnode, *v = NULL;
	uint32_t b = bucket_of(parent, hash);
	int r;

	/* Under the bucket's lock: a rename elsewhere may be moving chain members about. */
	mutex_lock(lock_of(b));
	rcu_read_lock();
	d = dentry_find_rcu(parent, name, len, hash);
	if (d && !dentry_try_get(d))
		d = NULL;
	rcu_read_unlock();
	mutex_unlock(lock_of(b));
	if (d) {
		*out = d;
		return 0;
	}
	if (READ_ONCE(parent->flags) & DENTRY_DELETED)
		return -ENOENT;
	r = dir->ops->lookup ? dir->ops->lookup(dir, name, len, &v) : -ENOTDIR;
	if (r && r != -ENOENT)
		return r;
	d = dentry_create(parent, parent->mount, name, len, hash, v);
	if (!d)
		return -ENOMEM;
	if (!(dir->flags & VNODE_UNCACHED))
		dentry_insert(d);
	*out = d;
	return 0;
}

/* ---- rename -------------------------------------------------------------------------------------------------------------------- */

void dentry_rename_begin(void)
{
	mutex_lock(&rename_lock);
}

void dentry_rename_end(void)
{
	mutex_unlock(&rename_lock);
}

struct dname *dname_alloc(const char *name, size_t len)
{
	struct dname *n = kmalloc(sizeof(*n) + len + 1);

	if (!n)
		return NULL;
	n->hash = dname_hash(name, len);
	n->len = (uint32_t)len;
	memcpy(n->text, name, len);
	n->text[len] = 0;
	return n;
}

static void dname_free_rcu(struct rcu_head *head)
{
	kfree(container_of(head, struct dname, rcu));
}

static void seq_begin(void)
{
	atomic_store(&rename_seq, rename_seq + 1, RELAXED);
	atomic_fence(SEQ_CST);	/* odd before the changes, and before the look at DENTRY_KNOWN. Pairs: walk_validate, remember in path.c */
}

static void seq_end(void)
{
	atomic_store(&rename_seq, rename_seq + 1, RELEASE);	/* release: changes before even. Pairs: walk_start */
}

/* Out of its chain and into that of parent and name. rename_seq is odd. Old name and old parent are given back. */
static void place(struct dentry *d, struct dentry *parent, struct dname *name)
{
	uint32_t from = bucket_of(d->parent, d->name->hash), to = bucket_of(parent, name->hash);
	struct dname *old = d->name;

	if (READ_ONCE(d->flags) & DENTRY_KNOWN)
		path_cache_flush();
	mutex_lock(lock_of(from));
	chain_remove(&buckets[from], d);
	mutex_unlock(lock_of(from));
	WRITE_ONCE(d->parent, parent);
	rcu_assign(d->name, name);
	mutex_lock(lock_of(to));
	atomic_store(&d->next, buckets[to], RELAXED);
	if (READ_ONCE(d->flags) & DENTRY_HASHED)
		rcu_assign(buckets[to], d);
	mutex_unlock(lock_of(to));
	if (old != &d->own)
		rcu_defer(&old->rcu, dname_free_rcu);
}

void dentry_move(struct dentry *d, struct dentry *parent, struct dname *name_copy)
{
	struct dentry *old_parent = d->parent;

	dentry_get(parent);
	seq_begin();
	place(d, parent, name_copy);
	seq_end();
	dentry_put(old_parent);
}

void dentry_exchange(struct dentry *a, struct dentry *b, struct dname *name_for_a, struct dname *name_for_b)
{
	struct dentry *pa = a->parent, *pb = b->parent;

	/* Each parent loses one child and gains one: the references change hands. */
	seq_begin();
	place(a, pb, name_for_a);
	place(b, pa, name_for_b);
	seq_end();
}

bool dentry_is_ancestor(struct dentry *a, struct dentry *d)
{
	struct place p = place_of(d);
	bool is_above;

	rcu_read_lock();
	do
		is_above = dentry_real(a) == p.dentry;
	while (!is_above && place_up(&p));
	rcu_read_unlock();
	return is_above;
}

/* ---- going away, and paths ------------------------------------------------------------------------------------------------------- */

bool dentry_drop_mount(struct mount *m)
{
	bool again = true, was_used = false;

	/* Children hold their parents: repeat until a round frees nothing. */
	while (again) {
		again = false;
		for (uint32_t b = 0; b <= bucket_mask; b++) {
			struct dentry *d, *found;

			do {
				found = NULL;
				mutex_lock(lock_of(b));
				for (d = buckets[b]; d; d = d->next)
					if (d->mount == m && READ_ONCE(d->refs) == 1) {
						dentry_get(d);
						found = d;
						break;
					}
				mutex_unlock(lock_of(b));
				if (found) {
					dentry_remove(found, false);
					dentry_put(found);
					again = was_used = true;
				}
			} while (found);
		}
	}
	return was_used;
}

bool place_up(struct place *p)
{
	struct dentry *up;

	while (place_is_mount_root(*p)) {
		up = READ_ONCE(p->mount->point);
		if (!up)
			return false;
		*p = place_of(up);
	}
	up = READ_ONCE(p->dentry->parent);
	if (up == p->dentry)
		return false;
	p->dentry = up;
	return true;
}

static bool put_text(char **p, const char *buf, const char *text, size_t len)
{
	if ((size_t)(*p - buf) < len)
		return false;
	*p -= len;
	memcpy(*p, text, len);
	return true;
}

/* One try under RCU; -EAGAIN: a rename interfered. */
static ssize_t path_try(struct dentry *root, struct dentry *d, char *buf, size_t size, char **start)
{
	static const char unreachable[] = "(unreachable)";
	uint32_t seq = atomic_load(&rename_seq, ACQUIRE);	/* acquire: even before reading names. Pairs: seq_end */
	struct place top = place_of(root), at = place_of(d);
	bool is_long = false;
	char *p = buf + size;

	if (seq & 1)
		return -EAGAIN;
	*--p = 0;
	while (!place_is_same(at, top) && !is_long) {
		const struct dname *n = rcu_deref(at.dentry->name);

		if (place_is_mount_root(at)) {
			struct dentry *point = READ_ONCE(at.mount->point);

			if (point) {
				at = place_of(point);
				continue;
			}
			if (at.mount == vfs_root->mount)
				break;		/* above a chroot: show the real one */
		}
		if (!at.mount) {		/* of no tree: "/memfd:name" */
			is_long = !put_text(&p, buf, n->text, n->len) || !put_text(&p, buf, "/", 1);
			break;
		}
		if (place_is_mount_root(at) || READ_ONCE(at.dentry->parent) == at.dentry) {
			is_long = (!*p && !put_text(&p, buf, "/", 1)) || !put_text(&p, buf, unreachable, sizeof(unreachable) - 1);
			break;
		}
		is_long = !put_text(&p, buf, n->text, n->len) || !put_text(&p, buf, "/", 1);
		at.dentry = READ_ONCE(at.dentry->parent);
	}
	if (is_long)
		return -ENAMETOOLONG;
	atomic_fence(ACQUIRE);		/* acquire: names before the second look. Pairs: seq_begin */
	if (atomic_load(&rename_seq, RELAXED) != seq)
		return -EAGAIN;
	if (!*p && !put_text(&p, buf, "/", 1))
		return -ENAMETOOLONG;
	*start = p;
	return buf + size - 1 - p;
}

ssize_t dentry_path(struct dentry *root, struct dentry *d, char *buf, size_t size, char **start)
{
	ssize_t r;

	if (!size)
		return -ENAMETOOLONG;
	rcu_read_lock();
	r = path_try(root, d, buf, size, start);
	rcu_read_unlock();
	if (r != -EAGAIN)
		return r;
	/* The renamer may be off its CPU: wait for it instead of looking again and again. */
	mutex_lock(&rename_lock);
	rcu_read_lock();
	r = path_try(root, d, buf, size, start);
	rcu_read_unlock();
	mutex_unlock(&rename_lock);
	return r;
}
