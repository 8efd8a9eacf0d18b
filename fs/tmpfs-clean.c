/* SPDX-License-Identifier: MIT
 *
 * Clean pages of tmpfs: copies of lower pages that cannot be mapped in place (compressed, or the tail of a file). They can go at any time: a shrinker takes them out of
 * their trees, out of all mappings if need be, and frees them after a grace period.
 */
#include "fs/tmpfs-priv.h"
#include "libc/errno.h"
#include "libc/string.h"

#define SHRINK_BATCH	512u		/* pages per grace period, which takes long compared with all else here */

static struct mutex clean_lock;		/* after vnode->meta; the shrinker, which comes the other way, only tries meta */
static struct list clean_files = LIST_INIT(clean_files);	/* [clean_lock] tfile.clean, longest known first */
static paddr_t victims[SHRINK_BATCH];	/* [clean_lock] */

static void clean_list_add(struct tnode *n)
{
	if (n->file.clean.next)
		return;
	mutex_lock(&clean_lock);
	list_add_tail(&clean_files, &n->file.clean);
	mutex_unlock(&clean_lock);
}

void tmpfs_clean_remove(struct tnode *n)
{
	if (!n->file.clean.next)
		return;
	mutex_lock(&clean_lock);
	list_del(&n->file.clean);
	mutex_unlock(&clean_lock);
}

/* Take up to max clean pages out of n's tree, from its hand on: those that only the tree holds, or also those that are mapped. meta held. */
static unsigned take_clean(struct tnode *n, paddr_t *out, unsigned max, bool also_mapped)
{
	struct page_tree *t = &n->file.pages;
	uint64_t idx = n->file.hand;
	unsigned nr = 0;
	slot_t s;

	for (; nr < max && page_tree_next(t, &idx, UINT64_MAX >> PAGE_SHIFT, &s); idx++) {
		if (!(s & SLOT_CLEAN) || (!also_mapped && page_count(slot_page(s)) != 1))
			continue;
		page_tree_store(t, idx, 0);
		if (also_mapped)
			vm_object_refresh(&n->file.object, idx, 1);
		out[nr++] = slot_page(s);
	}
	n->file.hand = nr == max ? idx : 0;
	return nr;
}

/* clean_lock held. Number of victims. */
static unsigned find_victims(unsigned nr, bool also_mapped)
{
	struct tnode *n, *next;
	unsigned first;

	list_for_each_safe(n, next, &clean_files, file.clean) {
		if (!mutex_trylock(&n->v.meta))
			continue;
		first = nr;
		nr += take_clean(n, victims + nr, SHRINK_BATCH - nr, also_mapped);
		/* What lies before the hand comes at the second round. */
		if (nr == first)
			nr += take_clean(n, victims + nr, SHRINK_BATCH - nr, also_mapped);
		mutex_unlock(&n->v.meta);
		if (nr == SHRINK_BATCH) {
			/* To the end: the next time it is another file's turn. */
			list_del(&n->file.clean);
			list_add_tail(&clean_files, &n->file.clean);
			break;
		}
	}
	return nr;
}

/* struct shrinker: thread context, may sleep, must not allocate. */
static uint64_t shrink(uint64_t want)
{
	unsigned nr;

	if (!mutex_trylock(&clean_lock))
		return 0;
	nr = find_victims(0, false);
	if (nr * PAGE_SIZE < want)
		nr = find_victims(nr, true);
	if (nr)
		rcu_synchronize();	/* readers that saw a slot have their own reference now */
	for (unsigned i = 0; i < nr; i++)
		page_put(victims[i]);
	mutex_unlock(&clean_lock);
	return nr * PAGE_SIZE;
}

void tmpfs_shrinker_init(void)
{
	static struct shrinker shrinker = { .name = "page cache", .shrink = shrink };

	shrinker_register(&shrinker);
}

/* A copy of the lower page at idx, kept in the tree, not counted as the file's own. */
int tmpfs_get_clean_page(struct tnode *n, uint64_t idx, paddr_t *out)
{
	struct page_tree *t = &n->file.pages;
	paddr_t pa;
	slot_t s;
	int r;

	mutex_lock(&n->v.meta);
	s = page_tree_load(t, idx);
	if (s & SLOT_PAGE) {
		pa = slot_page(s);
		page_get(pa);
		mutex_unlock(&n->v.meta);
		*out = pa;
		return 0;
	}
	if (idx >= n->file.lower_pages) {
		r = -ENXIO;
		goto out;
	}
	r = page_tree_reserve(t, idx);
	pa = r ? PADDR_NONE : page_alloc(0, PAGE_CACHE);
	if (pa == PADDR_NONE) {
		r = -ENOMEM;
		goto out;
	}
	r = erofs_read(tmpfs_of(&n->v)->lower, &n->lower, idx << PAGE_SHIFT, phys_to_virt(pa), PAGE_SIZE);
	if (r) {
		page_put(pa);
		goto out;
	}
	page_get(pa);
	page_tree_store(t, idx, pa | SLOT_PAGE | SLOT_CLEAN);
	clean_list_add(n);
	*out = pa;
out:
	mutex_unlock(&n->v.meta);
	return r;
}
