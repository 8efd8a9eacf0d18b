/* SPDX-License-Identifier: MIT
 *
 * The buddy allocator behind the per-CPU caches: free blocks of 2^order pages, naturally aligned, order 0..18.
 *
 * Memory that was never used is "virgin": a few ranges, cut up on demand, a 2 MiB block at a time; only then is the metadata of that block written. So boot looks at
 * banks and reserved ranges, never at pages or blocks, and 16 GiB start as fast as 64 MiB.
 *
 * Invariant: a page is in exactly one of: a virgin range; the block of one PAGE_FREE head; a CPU's cache; allocated; PAGE_RESERVED. Two buddies of one order are never
 * both PAGE_FREE.
 */
#include "mmu/page-priv.h"

#include "libc/print.h"
#include "libc/string.h"

struct page_map page_map;
struct buddy buddy;

#define NR_ORDERS	(PAGE_ORDER_MAX + 1)
#define MAX_VIRGIN	(MEM_MAX_BANKS + MEM_MAX_RESERVED + 32)

static struct {
	uint32_t head[NR_ORDERS];	/* [buddy.lock] NO_PAGE: empty. Valid if the bit in orders is set */
	uint32_t orders;		/* [buddy.lock] bit k: head[k] is not empty */
	struct {
		uint32_t start, end;
	} virgin[MAX_VIRGIN];		/* [buddy.lock] */
	unsigned nr_virgin;
} lists;

static void push(uint32_t idx, unsigned order)
{
	struct page *p = page_at(idx);
	uint32_t next = lists.orders >> order & 1 ? lists.head[order] : NO_PAGE;

	page_set_state(p, PAGE_FREE);
	p->order = (uint8_t)order;
	p->prev = NO_PAGE;
	p->next = next;
	if (next != NO_PAGE)
		page_at(next)->prev = idx;
	lists.head[order] = idx;
	lists.orders |= 1u << order;
}

static void unlink_page(struct page *p, unsigned order)
{
	if (p->next != NO_PAGE)
		page_at(p->next)->prev = p->prev;
	if (p->prev != NO_PAGE)
		page_at(p->prev)->next = p->next;
	else if (p->next != NO_PAGE)
		lists.head[order] = p->next;
	else
		lists.orders &= ~(1u << order);
}

/* The buddy's metadata can be read only if its block is initialised: a reserved or virgin neighbour is no partner. */
static bool is_free_buddy(uint32_t idx, unsigned order)
{
	struct page *p = page_find(page_address(idx));

	return p && page_state(p) == PAGE_FREE && p->order == order;
}

void buddy_give_locked(uint32_t idx, unsigned order)
{
	buddy.nr_free += 1ull << order;
	while (order < PAGE_ORDER_MAX) {
		uint32_t other = idx ^ (1u << order);

		if (!is_free_buddy(other, order))
			break;
		unlink_page(page_at(other), order);
		page_set_state(page_at(idx | (1u << order)), PAGE_TAIL);
		idx &= ~(1u << order);
		order++;
	}
	push(idx, order);
}

/* Write the metadata of the 2 MiB block at block for the first time: all PAGE_TAIL, what is outside [start, end) PAGE_RESERVED. */
static void initialise_block(uint32_t block, uint32_t start, uint32_t end)
{
	struct chunk *c = &page_map.chunks[block / CHUNK_PAGES];
	unsigned bit = block % CHUNK_PAGES / BLOCK_PAGES;
	uint32_t i;

	memset(page_at(block), 0, BLOCK_PAGES * sizeof(struct page));
	for (i = block; i < start; i++)
		page_set_state(page_at(i), PAGE_RESERVED);
	for (i = MAX(end, block); i < block + BLOCK_PAGES; i++)
		page_set_state(page_at(i), PAGE_RESERVED);
	/* release: metadata before the bit. Pairs: page_find */
	atomic_fetch_or(&c->initialised[bit / 64], 1ull << bit % 64, RELEASE);
}

static bool is_initialised(uint32_t block)
{
	unsigned bit = block % CHUNK_PAGES / BLOCK_PAGES;

	return page_map.chunks[block / CHUNK_PAGES].initialised[bit / 64] >> bit % 64 & 1;
}

/* Virgin pages [start, end) become free: initialise their metadata and put them on the lists in the largest aligned blocks. */
static void break_in(uint32_t start, uint32_t end)
{
	uint32_t block, i;

	for (block = ALIGN_DOWN(start, BLOCK_PAGES); block < end; block += BLOCK_PAGES) {
		if (!is_initialised(block)) {
			initialise_block(block, start, end);
			continue;
		}
		for (i = MAX(block, start); i < MIN(block + BLOCK_PAGES, end); i++)
			page_set_state(page_at(i), PAGE_TAIL);
	}
	buddy.nr_free -= end - start;	/* counted as virgin; give counts again */
	while (start < end) {
		unsigned order = start ? (unsigned)__builtin_ctz(start) : PAGE_ORDER_MAX;

		while (order > PAGE_ORDER_MAX || 1ull << order > end - start)
			order--;
		buddy_give_locked(start, order);
		start += 1u << order;
	}
}

static void virgin_insert(uint32_t start, uint32_t end)
{
	if (start < end) {
		ASSERT(lists.nr_virgin < MAX_VIRGIN);
		lists.virgin[lists.nr_virgin].start = start;
		lists.virgin[lists.nr_virgin].end = end;
		lists.nr_virgin++;
	}
}

/* Cut [start, end) out of virgin range i. */
static void virgin_cut(unsigned i, uint32_t start, uint32_t end)
{
	uint32_t old_end = lists.virgin[i].end;

	if (start == lists.virgin[i].start) {
		lists.virgin[i].start = end;
	} else {
		lists.virgin[i].end = start;
		virgin_insert(end, old_end);
	}
	if (lists.virgin[i].start == lists.virgin[i].end)
		lists.virgin[i] = lists.virgin[--lists.nr_virgin];
}

/* Make some virgin memory free, at least a block of that order if there is one. False: none left that would help. */
static bool refill(unsigned order)
{
	uint32_t size = 1u << MAX(order, (unsigned)PAGE_ORDER_BLOCK);
	unsigned i;

	for (i = 0; i < lists.nr_virgin; i++) {
		uint32_t start = lists.virgin[i].start, end = lists.virgin[i].end;

		if (order > PAGE_ORDER_BLOCK) {
			start = ALIGN_UP(start, size);
			if (start < lists.virgin[i].start || start >= end || end - start < size || lists.nr_virgin == MAX_VIRGIN)
				continue;
			end = start + size;
		} else {
			end = MIN(end, ALIGN_DOWN(start, size) + size);
		}
		virgin_cut(i, start, end);
		break_in(start, end);
		return true;
	}
	return false;
}

uint32_t buddy_take_locked(unsigned order)
{
	uint32_t fit, idx;
	unsigned k;

	while (!(fit = lists.orders >> order << order)) {
		if (!refill(order))
			return NO_PAGE;
	}
	k = (unsigned)__builtin_ctz(fit);
	idx = lists.head[k];
	unlink_page(page_at(idx), k);
	while (k > order) {	/* keep the lower half, give the upper back */
		k--;
		push(idx + (1u << k), k);
	}
	page_set_state(page_at(idx), PAGE_CACHED);
	page_at(idx)->order = (uint8_t)order;
	buddy.nr_free -= 1ull << order;
	return idx;
}

void buddy_add_virgin(uint32_t start, uint32_t end)
{
	virgin_insert(start, end);
	buddy.nr_free += end - start;
	buddy.nr_total += end - start;
}

uint32_t buddy_carve(uint32_t nr, uint32_t low, uint32_t high)
{
	uint32_t best = 0, best_end = 0;
	unsigned i, best_i = 0;

	for (i = 0; i < lists.nr_virgin; i++) {
		uint32_t start = MAX(lists.virgin[i].start, low), end = MIN(lists.virgin[i].end, high);

		if (start < end && end - start > best) {
			best = end - start;
			best_end = end;
			best_i = i;
		}
	}
	if (best < nr)
		return NO_PAGE;
	virgin_cut(best_i, best_end - nr, best_end);
	buddy.nr_free -= nr;
	buddy.nr_total -= nr;
	return best_end - nr;
}
