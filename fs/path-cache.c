/* SPDX-License-Identifier: MIT
 *
 * The cache of whole paths. See path-cache.h for the protocol.
 *
 * Two places for each path, next to each other. Text is hashed and compared by words of 8 bytes, of which the last is filled up with zeros: an aligned word does not cross a
 * page, so what lies behind the end of the string may be read. A path that does not begin at a multiple of 8 is not found.
 */
#include "fs/path-cache.h"

#include "fs/cred.h"

#include "mmu/heap.h"

#define NR_SLOTS	1024u
#define SLOT_SHIFT	(64 - 10)
#define MAX_WORDS	24u		/* longer paths are not kept */
#define MAX_DEPTH	64u
#define PATIENCE	16u		/* conflicts of good entries for one that gives way */
#define ONES		0x0101010101010101ull
#define HIGHS		0x8080808080808080ull

/* Created by path_cache_store(), freed through RCU when another takes its slot. */
struct path_entry {
	struct rcu_head rcu;
	const struct dentry *start;	/* [I] weak */
	struct dentry *found;		/* [I] weak */
	uint64_t who;			/* [I] */
	uint64_t generation;		/* [a] */
	uint64_t text[];		/* [I] a zero byte in the last word only */
};

static struct path_entry *slots[NR_SLOTS];	/* [a] */
static uint32_t nr_conflicts;			/* [a] */
uint64_t path_generation = 1;			/* [a] */

static inline uint64_t mix(uint64_t h, uint64_t w)
{
	return ((h >> 23 | h << 41) ^ w) * 0x9e3779b97f4a7c15ull;
}

static inline uint64_t zero_bytes(uint64_t w)
{
	return (w - ONES) & ~w & HIGHS;		/* the lowest bit is right, those above it perhaps not */
}

/* The bytes of a word before its first zero byte. */
static inline uint64_t before_end(uint64_t w, uint64_t zeros)
{
	return w & (((zeros & -zeros) >> 7) - 1);
}

static inline bool is_for(const struct path_entry *e, const struct dentry *start, uint64_t who)
{
	return e && e->start == start && e->who == who;
}

__attribute__((no_sanitize_address)) static inline bool is_same_text(const struct path_entry *e, const uint64_t *path, unsigned nr_full, uint64_t last)
{
	/* An entry that is shorter differs where it ends. */
	for (unsigned i = 0; i < nr_full; i++)
		if (e->text[i] != path[i])
			return false;
	return e->text[nr_full] == last;
}

struct measure {
	uint64_t hash, last;
	unsigned nr_full;
};

__attribute__((no_sanitize_address)) static inline void measure(struct measure *m, const uint64_t *p, const struct dentry *start, uint64_t who)
{
	uint64_t h = (uintptr_t)start ^ who, w, zeros;
	unsigned i;

	for (i = 0; w = p[i], (zeros = zero_bytes(w)) == 0; i++)
		h = mix(h, w);
	m->last = before_end(w, zeros);
	m->hash = mix(h, m->last);
	m->nr_full = i;
}

struct dentry *path_cache_find(const struct dentry *start, const char *path)
{
	uint64_t generation = path_cache_generation(), who = cred_current()->id;
	const uint64_t *words = (const uint64_t *)(const void *)path;
	struct path_entry *const *slot;
	const struct path_entry *e;
	struct measure m;
	struct dentry *d;

	if (unlikely((uintptr_t)path % sizeof(*words)))
		return NULL;
	measure(&m, words, start, who);
	slot = &slots[m.hash >> SLOT_SHIFT];
	e = rcu_deref(*slot);
	if (unlikely(!is_for(e, start, who) || !is_same_text(e, words, m.nr_full, m.last))) {
		e = rcu_deref(slots[(m.hash >> SLOT_SHIFT) ^ 1]);
		if (!is_for(e, start, who) || !is_same_text(e, words, m.nr_full, m.last))
			return NULL;
	}
	if (unlikely(atomic_load(&e->generation, RELAXED) != generation))
		return NULL;
	d = e->found;
	if (!READ_ONCE(d->was_used))
		WRITE_ONCE(d->was_used, 1);
	return d;
}

void path_cache_flush(void)
{
	atomic_fetch_add(&path_generation, 1ull, RELEASE);	/* release: the change before it. Pairs: path_cache_generation */
}

bool path_cache_mark(struct dentry *d, const struct dentry *start)
{
	for (unsigned depth = 0; d != start; depth++) {
		struct dentry *up = READ_ONCE(d->parent);

		if (depth == MAX_DEPTH)
			return false;
		if (!(READ_ONCE(d->flags) & DENTRY_KNOWN))
			atomic_fetch_or(&d->flags, DENTRY_KNOWN, RELAXED);
		if (up == d)
			up = d->mount && dentry_real(d) == dentry_real(d->mount->root) ? READ_ONCE(d->mount->point) : NULL;
		if (!up)
			return false;
		d = up;
	}
	return true;
}

static void free_rcu(struct rcu_head *head)
{
	kfree(container_of(head, struct path_entry, rcu));
}

/* The entry of this path gets the generation. False: there is none. RCU held. */
static bool renew(const struct measure *m, const uint64_t *words, const struct dentry *start, uint64_t who, const struct dentry *d, uint64_t generation)
{
	for (unsigned way = 0; way < 2; way++) {
		struct path_entry *e = rcu_deref(slots[(m->hash >> SLOT_SHIFT) ^ way]);

		if (!is_for(e, start, who) || e->found != d || !is_same_text(e, words, m->nr_full, m->last))
			continue;
		atomic_store(&e->generation, generation, RELAXED);
		return true;
	}
	return false;
}

/* A slot for the path: one that is empty or not good any more; now and then another. RCU held. NULL: not this time. */
static struct path_entry **choose(const struct measure *m, uint64_t generation)
{
	unsigned i = (unsigned)(m->hash >> SLOT_SHIFT);

	for (unsigned way = 0; way < 2; way++) {
		const struct path_entry *e = rcu_deref(slots[i ^ way]);

		if (!e || atomic_load(&e->generation, RELAXED) != generation)
			return &slots[i ^ way];
	}
	return atomic_fetch_add(&nr_conflicts, 1u, RELAXED) % PATIENCE ? NULL : &slots[i];
}

__attribute__((no_sanitize_address)) static struct path_entry *entry_create(const struct measure *m, const uint64_t *words)
{
	struct path_entry *e = kmalloc(sizeof(*e) + (m->nr_full + 1) * sizeof(e->text[0]));

	if (!e)
		return NULL;
	for (unsigned i = 0; i < m->nr_full; i++)
		e->text[i] = words[i];
	e->text[m->nr_full] = m->last;
	return e;
}

void path_cache_store(const struct dentry *start, const char *path, struct dentry *d, uint64_t generation)
{
	const uint64_t *words = (const uint64_t *)(const void *)path;
	uint64_t who = cred_current()->id;
	struct path_entry **slot = NULL, *e;
	struct measure m;
	bool is_done;

	if ((uintptr_t)path % sizeof(*words))
		return;
	measure(&m, words, start, who);
	if (m.nr_full >= MAX_WORDS)
		return;
	rcu_read_lock();
	is_done = renew(&m, words, start, who, d, generation);
	if (!is_done)
		slot = choose(&m, generation);
	rcu_read_unlock();
	if (!slot)
		return;
	e = entry_create(&m, words);
	if (!e)
		return;
	e->start = start;
	e->found = d;
	e->who = who;
	e->generation = generation;
	e = atomic_exchange(slot, e, ACQ_REL);	/* release: the entry before the pointer. Pairs: rcu_deref in path_cache_find */
	if (e)
		rcu_defer(&e->rcu, free_rcu);
}
