/* SPDX-License-Identifier: MIT
 *
 * Kernel heap: size classes in slabs of one page, each slab owned by the CPU that made it; whole pages above that.
 *
 *	page: | struct heap_slab (64 bytes) | object | object | ... |
 *
 * The owner takes from and gives to a slab's free list with plain loads and stores, preemption off. Another CPU that frees pushes the object on the owner's remote
 * list of that class: lock-free, many producers; the taker exchanges the whole list for NULL, so ABA cannot happen and any CPU may be the taker. An owner looks there
 * when its active slab is empty; a CPU that can get no page takes the others' remote lists.
 *
 * An object's slab is found by rounding its address down; objects never begin on a page boundary, whole pages always do.
 *
 * DEBUG: freed objects are filled with 0x6b and checked when handed out, and the slack behind an object (at least 8 bytes) holds a pattern that is checked when freed.
 */
#include "mmu/heap.h"

#include "mmu/page-priv.h"

#include "libc/print.h"
#include "libc/string.h"

struct heap_slab {
	void *free;			/* [c] */
	uint16_t nr_used;		/* [c] */
	uint16_t nr_fresh;		/* [c] objects that were never on the free list: the last ones */
	uint16_t class_idx;		/* [I] */
	uint16_t owner;			/* [I] CPU number */
	bool is_listed;			/* [c] on its owner's partial list */
	struct heap_slab *next, *prev;	/* [c] */
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct heap_slab) == 64, "objects of multiples of 64 bytes are aligned to 64");

/* Sizes that fill a page behind the header; requests that are multiples of 64 always land in such a class. */
static const uint16_t class_size[HEAP_CLASSES] = {
	16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 576, 640, 768, 960, 1344, 1984, 0,
};
#define CLASS_MAX	1984u
#define STEP		16u
static uint8_t class_of_step[CLASS_MAX / STEP + 1];	/* [I after the first slab] size in steps, rounded up: class; 0: table not made */

/* Bytes to add to a request. DEBUG: at least 8, and 64 where that keeps the alignment that was promised. */
#ifdef DEBUG
#define RED_MAX		64u
#define RED_SIZE(size)	((size) % 64 == 0 ? 64u : 8u)
#else
#define RED_MAX		0u
#define RED_SIZE(size)	0u
#endif
#define RED_BYTE	0xcc
#define FREED_BYTE	0x6b

static __attribute__((noinline)) void make_table(void)
{
	unsigned step, k = 0;

	for (step = 0; step < ARRAY_SIZE(class_of_step); step++) {
		while (class_size[k] < step * STEP)
			k++;
		atomic_store(&class_of_step[step], (uint8_t)(k + 1), RELAXED);	/* the same value whoever stores it */
	}
}

static struct heap_slab *slab_of(const void *p)
{
	return (struct heap_slab *)ALIGN_DOWN((vaddr_t)p, PAGE_SIZE);
}

/* ---- checks, DEBUG only ------------------------------------------------------------------------------------------ */

#ifdef DEBUG
/* The size asked for lies in the last 2 bytes of the object; red bytes stand between. */
static void mark_used(void *obj, unsigned k, size_t size)
{
	uint8_t *p = obj;
	unsigned i;

	for (i = sizeof(void *); i < class_size[k]; i++) {
		if (p[i] != FREED_BYTE)
			panic("heap: object %p of %u bytes was written after it was freed (byte %u is %x)", obj, class_size[k], i, p[i]);
	}
	memset(p + size, RED_BYTE, class_size[k] - size);
	*(uint16_t *)(p + class_size[k] - 2) = (uint16_t)size;
}

static void mark_freed(void *obj, unsigned k)
{
	uint8_t *p = obj;
	size_t size = *(uint16_t *)(p + class_size[k] - 2), i;

	if (size + 8 > class_size[k])
		panic("heap: object %p of class %u: freed twice, or its end was overwritten", obj, class_size[k]);
	for (i = size; i < class_size[k] - 2u; i++) {
		if (p[i] != RED_BYTE)
			panic("heap: object %p of %zu bytes: byte %zu behind it was overwritten", obj, size, i - size);
	}
	memset(obj, FREED_BYTE, class_size[k]);
}

static void mark_fresh(void *obj, unsigned k)
{
	memset(obj, FREED_BYTE, class_size[k]);
}
#else
static void mark_used(void *obj, unsigned k, size_t size)
{
	(void)obj, (void)k, (void)size;
}

static void mark_freed(void *obj, unsigned k)
{
	(void)obj, (void)k;
}

static void mark_fresh(void *obj, unsigned k)
{
	(void)obj, (void)k;
}
#endif

/* ---- slabs: the owner's, preemption off -------------------------------------------------------------------------- */

static void list_slab(struct heap_cpu *h, struct heap_slab *s)
{
	s->is_listed = true;
	s->prev = NULL;
	s->next = h->partial[s->class_idx];
	if (s->next)
		s->next->prev = s;
	h->partial[s->class_idx] = s;
}

static void unlist_slab(struct heap_cpu *h, struct heap_slab *s)
{
	if (s->next)
		s->next->prev = s->prev;
	if (s->prev)
		s->prev->next = s->next;
	else
		h->partial[s->class_idx] = s->next;
	s->is_listed = false;
}

/* True: the slab is empty, unlisted, and the caller should free its page (preemption on or off). */
static bool give_local(struct heap_cpu *h, struct heap_slab *s, void *obj)
{
	*(void **)obj = s->free;
	s->free = obj;
	s->nr_used--;
	if (s == h->active[s->class_idx])
		return false;
	if (s->nr_used == 0) {
		if (s->is_listed)
			unlist_slab(h, s);
		return true;
	}
	if (!s->is_listed)
		list_slab(h, s);
	return false;
}

/* Take back what other CPUs freed. Pages that became empty go back at once. */
static void drain_remote(struct mmu_cpu *c, unsigned k)
{
	void *obj, *next;

	if (!atomic_load(&c->heap.remote[k], RELAXED))
		return;
	/* acquire: the freers' writes to the objects, links among them. Pairs: push_remote */
	for (obj = atomic_exchange(&c->heap.remote[k], NULL, ACQUIRE); obj; obj = next) {
		next = *(void **)obj;
		if (give_local(&c->heap, slab_of(obj), obj))
			page_free(virt_to_phys(slab_of(obj)), 0);
	}
}

static void push_remote(struct mmu_cpu *owner, unsigned k, void *obj)
{
	void *head = atomic_load(&owner->heap.remote[k], RELAXED);

	do {
		*(void **)obj = head;
		/* release: the object's last writes and its link before it can be taken. Pairs: drain_remote, steal_remote */
	} while (!atomic_cas(&owner->heap.remote[k], &head, obj, RELEASE));
	atomic_store(&owner->heap.has_remote, true, RELAXED);
}

bool heap_has_freed(unsigned cpu)
{
	struct mmu_cpu *c = atomic_load(&mmu_cpus[cpu], RELAXED);

	return c && atomic_load(&c->heap.has_remote, RELAXED);
}

void heap_take_back(void)
{
	for (unsigned k = 0; k < HEAP_CLASSES; k++) {
		struct mmu_cpu *c;

		preempt_disable();
		c = mmu_cpu();
		if (c) {
			/* What is freed after this look says so again. */
			atomic_store(&c->heap.has_remote, false, RELAXED);
			drain_remote(c, k);
		}
		preempt_enable();
	}
}

static unsigned nr_objects(unsigned k)
{
	return (unsigned)((PAGE_SIZE - sizeof(struct heap_slab)) / class_size[k]);
}

/* Whether s has an object on its free list, after putting some fresh ones there if not. A few at a time: most slabs are never used up. */
static bool has_object(struct heap_slab *s)
{
	unsigned size = class_size[s->class_idx], i = nr_objects(s->class_idx) - s->nr_fresh, n = MIN(s->nr_fresh, 8u);
	char *obj = (char *)(s + 1) + (i + n) * size;

	if (s->free)
		return true;
	s->nr_fresh = (uint16_t)(s->nr_fresh - n);
	for (; n; n--) {
		obj -= size;
		mark_fresh(obj, s->class_idx);
		*(void **)obj = s->free;
		s->free = obj;
	}
	return s->free != NULL;
}

/* Make c's active slab of this class one that has a free object. False: it needs a page. */
static bool find_slab(struct mmu_cpu *c, unsigned k)
{
	struct heap_slab *s;

	drain_remote(c, k);
	s = c->heap.active[k];
	if (s && has_object(s))
		return true;
	s = c->heap.partial[k];
	if (!s)
		return false;
	unlist_slab(&c->heap, s);
	c->heap.active[k] = s;	/* the former one is full: found again through its objects */
	return has_object(s);
}

static void slab_init(struct heap_slab *s, unsigned k, unsigned owner)
{
	*s = (struct heap_slab){ .class_idx = (uint16_t)k, .owner = (uint16_t)owner, .nr_fresh = (uint16_t)nr_objects(k) };
	has_object(s);
}

/* Last resort: an object that others freed to another owner. It stays that owner's; the rest of the list goes back. */
static void *steal_remote(unsigned k)
{
	unsigned i;

	for (i = 0; i < MAX(nr_cpus, 1u); i++) {
		struct mmu_cpu *c = atomic_load(&mmu_cpus[i], ACQUIRE);	/* Pairs: mmu_cpu_make */
		void *obj, *p, *next;

		/* acquire. Pairs: push_remote */
		obj = c ? atomic_exchange(&c->heap.remote[k], NULL, ACQUIRE) : NULL;
		if (!obj)
			continue;
		for (p = *(void **)obj; p; p = next) {
			next = *(void **)p;
			push_remote(c, k, p);
		}
		return obj;
	}
	return NULL;
}

static void *take(struct heap_slab *s)
{
	void *obj = s->free;

	s->free = *(void **)obj;
	s->nr_used++;
	return obj;
}

/* A fresh slab for the CPU that the caller is on now, in pa. NULL, and pa is still the caller's: that CPU has no caches. */
static void *begin_slab(paddr_t pa, unsigned k)
{
	struct heap_slab *s = phys_to_virt(pa);
	void *obj = NULL;
	struct mmu_cpu *c;

	preempt_disable();
	c = mmu_cpu();
	if (c) {
		slab_init(s, k, c->id);
		if (c->heap.active[k] && has_object(c->heap.active[k]))	/* others got here while the page was fetched */
			list_slab(&c->heap, c->heap.active[k]);
		c->heap.active[k] = s;
		obj = take(s);
	}
	preempt_enable();
	return obj;
}

static __attribute__((noinline)) void *alloc_slow(unsigned k)
{
	struct mmu_cpu *c;
	void *obj = NULL;
	paddr_t pa;

	preempt_disable();
	c = mmu_cpu();
	if (c && find_slab(c, k))
		obj = take(c->heap.active[k]);
	preempt_enable();
	if (obj)
		return obj;
	pa = page_alloc(0, 0);
	if (pa == PADDR_NONE)
		return steal_remote(k);
	/* page_alloc() has made the caches of the CPU that it began on; this may be another one that never allocated before. Each turn makes some. */
	while (!(obj = begin_slab(pa, k)) && mmu_can_sleep() && mmu_cpu_make())
		;
	if (!obj)	/* too little memory for caches */
		page_free(pa, 0);
	return obj;
}

/* ---- interface --------------------------------------------------------------------------------------------------- */

static unsigned page_order(size_t size)
{
	unsigned order = 0;

	while (PAGE_SIZE << order < size)
		order++;
	return order;
}

static __attribute__((noinline)) void *alloc_pages(size_t size, unsigned flags)
{
	paddr_t pa;

	if (size > PAGE_SIZE << PAGE_ORDER_MAX)
		return NULL;
	pa = page_alloc(page_order(size), flags);
	return pa == PADDR_NONE ? NULL : phys_to_virt(pa);
}

void *kmalloc(size_t size)
{
	struct mmu_cpu *c;
	struct heap_slab *s;
	void *obj = NULL;
	unsigned k;
	size_t step;

	if (mmu_can_sleep())
		mutex_check_request();
	if (unlikely(size > CLASS_MAX - RED_MAX))
		return alloc_pages(size, 0);
	step = (size + RED_SIZE(size) + STEP - 1) / STEP;
	k = class_of_step[step];
	if (unlikely(k == 0)) {
		make_table();
		k = class_of_step[step];
	}
	k--;
	preempt_disable();
	c = mmu_cpu();
	if (likely(c)) {
		s = c->heap.active[k];
		if (likely(s && s->free))
			obj = take(s);
	}
	preempt_enable();
	if (unlikely(!obj))
		obj = alloc_slow(k);
	if (likely(obj))
		mark_used(obj, k, size);
	return obj;
}

void kfree(void *p)
{
	struct heap_slab *s = slab_of(p);
	bool is_empty = false;
	struct mmu_cpu *c;

	if (unlikely(s == p)) {		/* whole pages, or NULL */
		struct page *page;

		if (!p)
			return;
		page = page_find(virt_to_phys(p));
		ASSERT(page && page_state(page) == PAGE_USED);
		page_free(virt_to_phys(p), page->order);
		return;
	}
	mark_freed(p, s->class_idx);
	preempt_disable();
	c = mmu_cpus[s->owner];		/* there since the slab is */
	if (likely(s->owner == mmu_cpu_id()))
		is_empty = give_local(&c->heap, s, p);
	else
		push_remote(c, s->class_idx, p);
	preempt_enable();
	if (unlikely(is_empty))
		page_free(virt_to_phys(s), 0);
}

size_t ksize(const void *p)
{
	if (!p)
		return 0;
	if (slab_of(p) == p)
		return PAGE_SIZE << page_find(virt_to_phys(p))->order;
#ifdef DEBUG
	return *(const uint16_t *)((const char *)p + class_size[slab_of(p)->class_idx] - 2);
#else
	return class_size[slab_of(p)->class_idx];
#endif
}

void *kzalloc(size_t size)
{
	void *p;

	if (size > CLASS_MAX - RED_MAX)
		return alloc_pages(size, PAGE_ZERO);
	p = kmalloc(size);
	if (p)
		memset(p, 0, size);
	return p;
}

void *krealloc(void *p, size_t size)
{
	size_t old = ksize(p);
	void *n;

	if (p && size <= old && size >= old / 2)
		return p;
	n = kmalloc(size);
	if (!n)
		return NULL;
	if (p) {
		memcpy(n, p, MIN(old, size));
		kfree(p);
	}
	return n;
}

char *kstrdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *p = kmalloc(n);

	if (p)
		memcpy(p, s, n);
	return p;
}
