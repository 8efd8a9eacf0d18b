/* SPDX-License-Identifier: MIT
 *
 * Page allocation: per-CPU caches in front of the buddy allocator, reference counts, shrinkers, statistics.
 *
 * Each CPU keeps single pages, blocks of 16 KiB and of 2 MiB, touched only by it with preemption off; a batch moves between it and the buddy under buddy.lock. With preemption
 * disabled by the caller the lock is only tried, and a page to free always fits the CPU's own cache: the next caller that may sleep trims it.
 */
#include "mmu/page-priv.h"

#include <arch/cache.h>

#include "libc/atomic.h"
#include "libc/print.h"
#include "libc/string.h"
#include "mmu/heap.h"

#define MAX_RESERVE	1024ul	/* pages */
#define MAX_TRIES	4u	/* rounds through the shrinkers for one request */

struct mmu_cpu *mmu_cpus[MAX_CPUS];
static struct mmu_cpu boot_cpu;

/* Sizes of the caches, from RAM and CPUs; changes as CPUs appear. */
static struct {
	uint32_t single, quad, block;	/* [a] most a CPU keeps */
	unsigned nr_cpus;		/* [buddy.lock] */
} limit;

/* Pages of orders other than 0 and the block, and frees without a mmu_cpu. */
static int64_t nr_kind_shared[NR_KINDS];	/* [a] */

static struct {
	struct mutex lock;		/* held for a round: reclaim() */
	struct shrinker *first;		/* [lock] */
	uint64_t nr_rounds;		/* [a] begun; written with the lock */
	uint64_t got;			/* [lock] by the last round, bytes */
} shrinkers;

static unsigned kind_of(unsigned flags)
{
	return flags / PAGE_ANON & 3;
}
_Static_assert(PAGE_ANON / PAGE_ANON == KIND_ANON && PAGE_CACHE / PAGE_ANON == KIND_CACHE, "flags say the kind");

static void list_push(struct page_list *l, uint32_t idx, struct page *p)
{
	page_set_state(p, PAGE_CACHED);
	p->next = l->head;
	l->head = idx;
	l->nr++;
}

static uint32_t list_pop(struct page_list *l)
{
	uint32_t idx = l->head;

	l->head = page_at(idx)->next;
	l->nr--;
	return idx;
}

/* Called with CPU caches still small: 8 MiB of RAM must not end up in them. */
static void limits_update(void)
{
	uint64_t singles = buddy.nr_total / (256 * limit.nr_cpus), blocks = buddy.nr_total / BLOCK_PAGES / (64 * limit.nr_cpus);

	atomic_store(&limit.single, (uint32_t)(singles < 8 ? 8 : singles > 256 ? 256 : singles), RELAXED);
	atomic_store(&limit.quad, (uint32_t)(singles > 256 ? 64 : singles / 4), RELAXED);
	atomic_store(&limit.block, (uint32_t)(blocks > 8 ? 8 : blocks), RELAXED);
}

static bool cpu_publish(struct mmu_cpu *c, unsigned id)
{
	struct mmu_cpu *none = NULL;

	memset(c, 0, sizeof(*c));
	c->single.head = c->quad.head = c->block.head = NO_PAGE;
	c->id = id;
	/* release: the cleared struct before the pointer. Pairs: page_stats, and mmu_cpu() through the CPU's own order */
	return atomic_cas(&mmu_cpus[id], &none, c, RELEASE);
}

void page_init_boot_cpu(void)
{
	if (cpu_publish(&boot_cpu, 0)) {
		limit.nr_cpus = 1;
		limits_update();
	}
}

/* The first allocation of a CPU: give it its caches. */
bool mmu_cpu_make(void)
{
	struct cpu *cpu = thread_current()->cpu;
	unsigned id = cpu ? cpu->id : 0, order = 0;
	uint32_t idx;

	if (id == 0 || atomic_load(&mmu_cpus[id], RELAXED))
		return true;
	while (PAGE_SIZE << order < sizeof(struct mmu_cpu))
		order++;
	mutex_lock(&buddy.lock);
	idx = buddy_take_locked(order);
	mutex_unlock(&buddy.lock);
	if (idx == NO_PAGE)
		return false;
	page_set_state(page_at(idx), PAGE_USED);
	mutex_lock(&buddy.lock);
	if (!cpu_publish(phys_to_virt(page_address(idx)), id)) {	/* another thread of this CPU was first */
		buddy_give_locked(idx, order);
		mutex_unlock(&buddy.lock);
		return true;
	}
	limit.nr_cpus++;
	limits_update();
	mutex_unlock(&buddy.lock);
	return true;
}

static bool is_kept(unsigned order)
{
	return order == 0 || order == PAGE_ORDER_QUAD || order == PAGE_ORDER_BLOCK;
}

static struct page_list *cache_of(struct mmu_cpu *c, unsigned order)
{
	return order == 0 ? &c->single : order == PAGE_ORDER_QUAD ? &c->quad : &c->block;
}

static uint32_t most_of(unsigned order)
{
	return atomic_load(order == 0 ? &limit.single : order == PAGE_ORDER_QUAD ? &limit.quad : &limit.block, RELAXED);
}

/* Return what a CPU keeps too much (keep: how much stays). */
static void trim(unsigned order, uint32_t keep)
{
	struct page_list out = { NO_PAGE, 0 };
	uint32_t run = 0, run_end = 0;
	struct mmu_cpu *c;

	preempt_disable();
	c = mmu_cpu();
	while (c && cache_of(c, order)->nr > keep) {
		uint32_t idx = list_pop(cache_of(c, order));

		list_push(&out, idx, page_at(idx));
	}
	if (c && order == 0 && !keep) {
		run = c->run;
		run_end = c->run_end;
		c->run = c->run_end = 0;
	}
	preempt_enable();
	if (!out.nr && run == run_end)
		return;
	mutex_lock(&buddy.lock);
	while (out.nr)
		buddy_give_locked(list_pop(&out), order);
	for (; run < run_end; run++)
		buddy_give_locked(run, 0);
	mutex_unlock(&buddy.lock);
}

void page_cpu_give_back(void)
{
	heap_take_back();
	trim(0, 0);
	trim(PAGE_ORDER_QUAD, 0);
	trim(PAGE_ORDER_BLOCK, 0);
}

bool page_cpu_keeps(unsigned cpu, bool only_objects)
{
	struct mmu_cpu *c = atomic_load(&mmu_cpus[cpu], ACQUIRE);	/* Pairs: mmu_cpu_make */

	if (!c)
		return false;
	return atomic_load(&c->heap.has_remote, RELAXED) ||
	       (!only_objects && (READ_ONCE(c->single.nr) || READ_ONCE(c->run) != READ_ONCE(c->run_end) || READ_ONCE(c->quad.nr) || READ_ONCE(c->block.nr)));
}

uint64_t page_nr_shared(void)
{
	return READ_ONCE(buddy.nr_free);
}

/*
 * The last pages are for page faults. Calls that make objects of the kernel can say ENOMEM, and a program may go on after that; a fault that finds no memory ends it.
 * buddy.lock held, or for a look.
 */
static bool is_in_reserve(uint64_t nr)
{
	return READ_ONCE(buddy.nr_free) < MIN(buddy.nr_total / 64, MAX_RESERVE) + nr;
}

bool page_reserve_is_used(void)
{
	return is_in_reserve(0);
}

/* Go through the shrinkers. shrinkers.lock held. */
static void run_round(uint64_t want)
{
	struct thread *self = thread_current();
	struct shrinker *s;

	atomic_store(&shrinkers.nr_rounds, shrinkers.nr_rounds + 1, RELAXED);
	shrinkers.got = 0;
	self->gives_memory = true;
	mutex_check_duty(true);
	for (s = shrinkers.first; s && shrinkers.got < want; s = s->next)
		shrinkers.got += s->shrink(want - shrinkers.got);
	mutex_check_duty(false);
	self->gives_memory = false;
	page_cpu_give_back();		/* for those who waited */
}

/*
 * Shrinkers give back what can be made again; true if it is worth trying once more. One thread at a time goes round; who comes meanwhile waits for the end of that round and
 * goes itself only if it did not free enough, and nobody has begun another since.
 */
static bool reclaim(uint64_t want)
{
	uint64_t nr_rounds = atomic_load(&shrinkers.nr_rounds, RELAXED);
	bool has_enough = false, again;

	page_cpu_give_back();
	if (!mutex_trylock(&shrinkers.lock)) {
		mutex_lock(&shrinkers.lock);
		has_enough = !is_in_reserve(want >> PAGE_SHIFT);
	}
	if (!has_enough && shrinkers.nr_rounds == nr_rounds)
		run_round(want);
	again = has_enough || shrinkers.got;
	mutex_unlock(&shrinkers.lock);
	return again;
}

bool page_make_room(uint64_t nr)
{
	for (unsigned tries = 0; is_in_reserve(nr) && tries < MAX_TRIES && reclaim(nr << PAGE_SHIFT); tries++)
		;
	return !is_in_reserve(nr);
}

static bool lock_buddy(void)
{
	if (!mmu_can_sleep())
		return mutex_trylock(&buddy.lock);
	mutex_lock(&buddy.lock);
	return true;
}

/* A stretch of single pages for this CPU, as long as there is and its limit says; the first is the caller's. Of the reserve, one page. */
static uint32_t refill_run(bool from_reserve)
{
	unsigned k = 31 - (unsigned)__builtin_clz(atomic_load(&limit.single, RELAXED) / 2);
	uint32_t idx = NO_PAGE, end;
	struct mmu_cpu *c;

	if (!lock_buddy())
		return NO_PAGE;
	while (k && is_in_reserve(1ull << k))
		k--;
	if (from_reserve || !is_in_reserve(1))
		while ((idx = buddy_take_locked(k)) == NO_PAGE && k)
			k--;
	mutex_unlock(&buddy.lock);
	if (idx == NO_PAGE)
		return NO_PAGE;
	end = idx + (1u << k);
	preempt_disable();
	c = mmu_cpu();
	if (c && c->run == c->run_end && end - idx > 1) {
		c->run = idx + 1;
		c->run_end = end;
		end = idx + 1;
	}
	while (c && --end > idx)	/* another thread filled it meanwhile */
		list_push(&c->single, end, page_at(end));
	preempt_enable();
	if (end > idx + 1) {		/* no caches: could not be made */
		mutex_lock(&buddy.lock);
		while (--end > idx)
			buddy_give_locked(end, 0);
		mutex_unlock(&buddy.lock);
	}
	return idx;
}

static uint32_t take_slow(unsigned order, bool from_reserve)
{
	uint32_t idx = NO_PAGE;

	if (!mmu_cpu() && mmu_can_sleep())
		(void)mmu_cpu_make();	/* without, it goes on all the same */
	if (order == 0) {
		idx = refill_run(from_reserve);
		if (likely(idx != NO_PAGE) || !mmu_can_sleep())
			return idx;
		trim(PAGE_ORDER_QUAD, 0);	/* the last there is */
		return refill_run(from_reserve);
	}
	if (lock_buddy()) {
		if (from_reserve || !is_in_reserve(1ull << order))
			idx = buddy_take_locked(order);
		mutex_unlock(&buddy.lock);
	}
	return idx;
}

/* From what this CPU keeps. Preemption off. */
static inline uint32_t take_cached(struct mmu_cpu *c, unsigned order)
{
	if (order == 0) {
		if (c->single.nr)
			return list_pop(&c->single);
		return c->run < c->run_end ? c->run++ : NO_PAGE;
	}
	return is_kept(order) && cache_of(c, order)->nr ? list_pop(cache_of(c, order)) : NO_PAGE;
}

/* After shrinkers have run. What they freed lies in this CPU's cache, or in the buddy once that is trimmed. */
static uint32_t take_hard(unsigned order, unsigned flags)
{
	unsigned tries;

	if (flags & PAGE_NOWAIT || !mmu_can_sleep() || thread_current()->gives_memory)
		return NO_PAGE;
	for (tries = 0; tries < MAX_TRIES; tries++) {
		bool again = reclaim(1ull << order << PAGE_SHIFT);
		uint32_t idx;

		trim(0, 0);
		idx = take_slow(order, false);
		if (idx != NO_PAGE || !again)
			return idx;
	}
	return NO_PAGE;
}

/* Preemption off. */
static void account(struct mmu_cpu *c, unsigned kind, int64_t nr)
{
	if (likely(c))
		c->nr_kind[kind] += nr;
	else
		atomic_fetch_add(&nr_kind_shared[kind], nr, RELAXED);
}

/* Hand idx out. Preemption off. */
static inline __attribute__((always_inline)) void make_used(struct mmu_cpu *c, uint32_t idx, unsigned order, unsigned kind)
{
	struct page *p = page_at(idx);

	page_set_state(p, PAGE_USED);
	p->order = (uint8_t)order;
	p->kind = (uint8_t)kind;
	p->count = 1;
	account(c, kind, 1ll << order);
}

static __attribute__((noinline)) uint32_t alloc_slow(unsigned order, unsigned flags)
{
	uint32_t idx = take_slow(order, false);

	if (idx == NO_PAGE)
		idx = take_hard(order, flags);
	if (idx == NO_PAGE && flags & PAGE_RESERVE)
		idx = take_slow(order, true);
	if (idx == NO_PAGE)
		return NO_PAGE;
	preempt_disable();
	make_used(mmu_cpu(), idx, order, kind_of(flags));
	preempt_enable();
	return idx;
}

paddr_t page_alloc(unsigned order, unsigned flags)
{
	uint32_t idx = NO_PAGE;
	struct mmu_cpu *c;

	if (!(flags & PAGE_NOWAIT) && mmu_can_sleep())
		mutex_check_request();
	preempt_disable();
	c = mmu_cpu();
	if (likely(c))
		idx = take_cached(c, order);
	if (likely(idx != NO_PAGE))
		make_used(c, idx, order, kind_of(flags));
	preempt_enable();
	if (unlikely(idx == NO_PAGE)) {
		idx = order <= PAGE_ORDER_MAX ? alloc_slow(order, flags) : NO_PAGE;
		if (idx == NO_PAGE)
			return PADDR_NONE;
	}
	if (flags & PAGE_ZERO)
		arch_clear_pages(phys_to_virt(page_address(idx)), PAGE_SIZE << order);
	return page_address(idx);
}

/* An order that CPUs keep: to this CPU's cache whatever its size. */
static void free_cached(uint32_t idx, struct page *p, unsigned order)
{
	uint32_t most = most_of(order);
	bool is_full = false;
	struct mmu_cpu *c;

	preempt_disable();
	c = mmu_cpu();
	account(c, p->kind, -(1ll << order));
	if (likely(c)) {
		list_push(cache_of(c, order), idx, p);
		is_full = cache_of(c, order)->nr > most;
	}
	preempt_enable();
	if (unlikely(!c)) {
		mutex_lock(&buddy.lock);
		buddy_give_locked(idx, order);
		mutex_unlock(&buddy.lock);
	} else if (unlikely(is_full) && mmu_can_sleep()) {
		trim(order, most / 2);
	}
}

void page_free(paddr_t pa, unsigned order)
{
	uint32_t idx = page_index(pa), end = idx + (1u << order);
	struct page *p = page_find(pa);

	ASSERT(p && page_state(p) == PAGE_USED && p->order == order);
	if (is_kept(order)) {
		free_cached(idx, p, order);
	} else if (!mmu_can_sleep()) {	/* not the time to take the lock: as single pages */
		page_split(pa, order);
		for (; idx < end; idx++)
			free_cached(idx, page_at(idx), 0);
	} else {
		preempt_disable();
		account(mmu_cpu(), p->kind, -(1ll << order));
		preempt_enable();
		mutex_lock(&buddy.lock);
		buddy_give_locked(idx, order);
		mutex_unlock(&buddy.lock);
	}
}

/* This CPU keeps what it may; the rest goes to the buddy, some at a time, so that others get the lock too. */
void page_free_chain(uint32_t chain)
{
	uint32_t most = atomic_load(&limit.single, RELAXED), idx, n;
	struct mmu_cpu *c;

	if (chain == NO_PAGE)
		return;
	preempt_disable();
	c = mmu_cpu();
	for (; c && chain != NO_PAGE && c->single.nr < most; chain = idx) {
		struct page *p = page_at(chain);

		idx = p->next;
		account(c, p->kind, -1);
		list_push(&c->single, chain, p);
	}
	preempt_enable();
	while (chain != NO_PAGE) {
		int64_t nr_kind[NR_KINDS] = { 0 };

		mutex_lock(&buddy.lock);
		for (n = 0; n < 256 && chain != NO_PAGE; n++, chain = idx) {
			idx = page_at(chain)->next;
			nr_kind[page_at(chain)->kind]++;
			buddy_give_locked(chain, 0);
		}
		mutex_unlock(&buddy.lock);
		preempt_disable();
		for (n = 0; n < NR_KINDS; n++)
			account(mmu_cpu(), n, -nr_kind[n]);
		preempt_enable();
	}
}

void page_get(paddr_t pa)
{
	struct page *p = page_find(pa);

	if (p)
		atomic_fetch_add(&p->count, 1u, RELAXED);
}

void page_put(paddr_t pa)
{
	struct page *p = page_find(pa);

	if (!p)
		return;
	/* acquire: what other owners did to the page before they put it. Pairs: the release in the fetch_sub. A count of 1 is ours and cannot change. */
	if (atomic_load(&p->count, ACQUIRE) != 1 && atomic_fetch_sub(&p->count, 1u, ACQ_REL) != 1)
		return;
	DEBUG_ASSERT(page_state(p) == PAGE_USED);
	if (likely(!p->order))
		free_cached(page_index(pa), p, 0);
	else
		page_free(pa, p->order);
}

unsigned page_count(paddr_t pa)
{
	struct page *p = page_find(pa);

	return p ? atomic_load(&p->count, ACQUIRE) : (unsigned)-1;	/* acquire: see page_put */
}

void page_split(paddr_t pa, unsigned order)
{
	uint32_t idx = page_index(pa), i;
	uint8_t kind = page_at(idx)->kind;

	for (i = idx; i < idx + (1u << order); i++) {
		struct page *p = page_at(i);

		page_set_state(p, PAGE_USED);
		p->order = 0;
		p->kind = kind;
		p->count = 1;
	}
}

void shrinker_register(struct shrinker *s)
{
	mutex_lock(&shrinkers.lock);
	s->next = shrinkers.first;
	shrinkers.first = s;
	mutex_unlock(&shrinkers.lock);
}

/* Sums of what CPUs change meanwhile: near enough for people. */
void page_stats(struct page_stats *out)
{
	int64_t anon = atomic_load(&nr_kind_shared[KIND_ANON], RELAXED), cache = atomic_load(&nr_kind_shared[KIND_CACHE], RELAXED);
	uint64_t nr_free = READ_ONCE(buddy.nr_free);
	unsigned i, n = MAX(nr_cpus, 1u);

	for (i = 0; i < n; i++) {
		struct mmu_cpu *c = atomic_load(&mmu_cpus[i], ACQUIRE);	/* Pairs: mmu_cpu_make */

		if (!c)
			continue;
		nr_free += READ_ONCE(c->single.nr) + READ_ONCE(c->run_end) - READ_ONCE(c->run) + (uint64_t)READ_ONCE(c->block.nr) * BLOCK_PAGES +
			   ((uint64_t)READ_ONCE(c->quad.nr) << PAGE_ORDER_QUAD);
		anon += READ_ONCE(c->nr_kind[KIND_ANON]);
		cache += READ_ONCE(c->nr_kind[KIND_CACHE]);
	}
	out->total_bytes = buddy.nr_total << PAGE_SHIFT;
	out->free_bytes = MIN(nr_free, buddy.nr_total) << PAGE_SHIFT;
	out->anon_bytes = (uint64_t)MAX(anon, 0) << PAGE_SHIFT;
	out->cached_bytes = (uint64_t)MAX(cache, 0) << PAGE_SHIFT;
	out->kernel_bytes = out->total_bytes - out->free_bytes;
	out->kernel_bytes -= MIN(out->kernel_bytes, out->anon_bytes + out->cached_bytes);
}
