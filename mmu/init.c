/* SPDX-License-Identifier: MIT
 *
 * Start of the memory system: from banks and reserved ranges to a linear map, page metadata and a working allocator. Its cost depends on the number of banks, reserved
 * ranges and 1 GiB chunks, not on pages.
 *
 * Order: free ranges by arithmetic; map blocks of RAM around the kernel image (needs at most two tables, from .bss); map the rest with tables taken from there; place
 * the metadata; open the allocator.
 */
#include "mmu/page-priv.h"

#include <arch/pt.h>

#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"

#define MAX_CHUNKS	(1u << (32 - (CHUNK_SHIFT - PAGE_SHIFT)))	/* what 32-bit indices reach */

struct banks {
	struct mem_range r[MEM_MAX_BANKS];
	unsigned nr;
};

/* Whole pages, in order of address, overlaps merged. */
static void sort_banks(const struct mem_layout *layout, struct banks *out)
{
	unsigned i, k;

	out->nr = 0;
	for (i = 0; i < layout->nr_banks; i++) {
		paddr_t start = ALIGN_UP(layout->bank[i].start, PAGE_SIZE);
		paddr_t end = ALIGN_DOWN(layout->bank[i].start + layout->bank[i].size, PAGE_SIZE);

		if (start >= end)
			continue;
		for (k = out->nr++; k > 0 && out->r[k - 1].start > start; k--)
			out->r[k] = out->r[k - 1];
		out->r[k] = (struct mem_range){ start, end - start };
	}
	for (i = 0, k = 1; k < out->nr; k++) {
		paddr_t end = out->r[i].start + out->r[i].size;

		if (out->r[k].start > end)
			out->r[++i] = out->r[k];
		else
			out->r[i].size = MAX(end, out->r[k].start + out->r[k].size) - out->r[i].start;
	}
	out->nr = out->nr ? i + 1 : 0;
}

static void add_free(paddr_t start, paddr_t end)
{
	if (start < end)
		buddy_add_virgin(page_index(start), page_index(end - 1) + 1);
}

/* What of [p, end) is in no reserved range (those may overlap and come in any order). */
static void add_bank(const struct mem_layout *layout, paddr_t p, paddr_t end)
{
	while (p < end) {
		paddr_t next = end, after = end;
		unsigned i;

		for (i = 0; i < layout->nr_reserved; i++) {
			paddr_t start = ALIGN_DOWN(layout->reserved[i].start, PAGE_SIZE);
			paddr_t stop = ALIGN_UP(layout->reserved[i].start + layout->reserved[i].size, PAGE_SIZE);

			if (stop > p && start < next) {
				next = start;
				after = stop;
			}
		}
		add_free(p, next);
		p = MAX(after, p);
	}
}

static bool map_ram(paddr_t start, paddr_t end)
{
	return start >= end || kmap_range(LINEAR_BASE + start, start, end - start, PT_WRITE);
}

/*
 * The blocks of one bank within one 1 GiB: those of the image if it is in RAM as we know it (its tables exist already), else of the first bank. Afterwards tables can be
 * taken from there.
 */
static int map_first(const struct banks *banks, struct mem_range *out)
{
	paddr_t at = kmap_image_address(), start, end, chunk;
	unsigned i;

	for (i = 0; i < banks->nr; i++) {
		if (at >= banks->r[i].start && at - banks->r[i].start < banks->r[i].size)
			break;
	}
	if (i == banks->nr) {
		i = 0;
		at = banks->r[0].start;
	}
	chunk = ALIGN_DOWN(at, 1ull << CHUNK_SHIFT);
	start = ALIGN_UP(MAX(banks->r[i].start, chunk), BLOCK_SIZE);
	end = ALIGN_DOWN(MIN(banks->r[i].start + banks->r[i].size, chunk + (1ull << CHUNK_SHIFT)), BLOCK_SIZE);
	if (start >= end || !map_ram(start, end))
		return -ENOMEM;
	*out = (struct mem_range){ start, end - start };
	kmap_tables_from(page_index(start), page_index(end - 1) + 1);
	return 0;
}

/* Take memory for the chunk table and each chunk's metadata; none of it is written except the table. */
static int place_metadata(const struct banks *banks)
{
	uint32_t table_pages = (uint32_t)DIV_ROUND_UP(page_map.nr_chunks * sizeof(struct chunk), PAGE_SIZE);
	uint32_t idx = buddy_carve(table_pages, 0, NO_PAGE), i;
	unsigned b = 0;

	if (idx == NO_PAGE)
		return -ENOMEM;
	page_map.chunks = phys_to_virt(page_address(idx));
	memset(page_map.chunks, 0, table_pages * PAGE_SIZE);
	for (i = 0; i < page_map.nr_chunks; i++) {
		paddr_t start = page_map.base + ((paddr_t)i << CHUNK_SHIFT), end = start + (1ull << CHUNK_SHIFT);
		paddr_t low = end, high = start;
		uint32_t first, nr;
		unsigned k;

		while (b < banks->nr && banks->r[b].start + banks->r[b].size <= start)
			b++;
		for (k = b; k < banks->nr && banks->r[k].start < end; k++) {
			low = MIN(low, banks->r[k].start);
			high = MAX(high, banks->r[k].start + banks->r[k].size);
		}
		if (low >= high)
			continue;
		low = ALIGN_DOWN(MAX(low, start), BLOCK_SIZE);
		high = ALIGN_UP(MIN(high, end), BLOCK_SIZE);
		first = (uint32_t)((low - start) >> PAGE_SHIFT);
		nr = (uint32_t)((high - low) >> PAGE_SHIFT);
		idx = buddy_carve((uint32_t)DIV_ROUND_UP(nr * sizeof(struct page), PAGE_SIZE), 0, NO_PAGE);
		if (idx == NO_PAGE)
			return -ENOMEM;
		page_map.chunks[i].pages = (struct page *)phys_to_virt(page_address(idx)) - first;
	}
	return 0;
}

int mmu_init(const struct mem_layout *layout)
{
	struct mem_range first;
	struct banks banks;
	paddr_t last;
	unsigned i;
	int r;

	kmap_init();
	sort_banks(layout, &banks);
	if (!banks.nr)
		return -ENOMEM;
	page_map.base = ALIGN_DOWN(banks.r[0].start, 1ull << CHUNK_SHIFT);
	last = page_map.base + (((paddr_t)MAX_CHUNKS - 1) << CHUNK_SHIFT);	/* index NO_PAGE stays free */
	while (banks.r[banks.nr - 1].start >= last)
		banks.nr--;
	if (banks.r[banks.nr - 1].start + banks.r[banks.nr - 1].size > last)
		banks.r[banks.nr - 1].size = last - banks.r[banks.nr - 1].start;
	last = banks.r[banks.nr - 1].start + banks.r[banks.nr - 1].size;
	page_map.nr_chunks = (uint32_t)DIV_ROUND_UP(last - page_map.base, 1ull << CHUNK_SHIFT);
	for (i = 0; i < banks.nr; i++)
		add_bank(layout, banks.r[i].start, banks.r[i].start + banks.r[i].size);
	r = map_first(&banks, &first);
	if (r)
		return r;
	for (i = 0; i < banks.nr; i++) {
		paddr_t start = banks.r[i].start, end = start + banks.r[i].size;

		if (!map_ram(start, MIN(end, first.start)) || !map_ram(MAX(start, first.start + first.size), end))
			return -ENOMEM;
	}
	r = place_metadata(&banks);
	if (r)
		return r;
	kmap_tables_from_allocator();
	page_init_boot_cpu();
	return 0;
}
