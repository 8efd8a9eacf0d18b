/* SPDX-License-Identifier: MIT
 *
 * The kernel's half of the address space: its page table is the one that the entry code began (root in .bss), extended here. Entries are only added; tables are never freed.
 *
 * While booting, tables are reached through the linear map where it exists already, else through the image's own mapping, as the first ones lie in the image.
 */
#include "mmu/page-priv.h"

#include <arch/pt.h>

#include "libc/print.h"
#include "libc/string.h"

#define NR_BOOT_TABLES	4

static struct {
	struct mutex lock;
	pte_t *root;			/* [I] */
	uint64_t image_offset;		/* [I] linked address - physical address, of the image */
	unsigned nr_boot_used;		/* [lock] */
	uint32_t low, high;		/* [lock] virgin indices for tables while booting; both 0: none */
	bool has_linear;		/* [I after boot] all tables are reached by the linear map */
	bool has_allocator;
} kmap;

static pte_t boot_tables[NR_BOOT_TABLES][PT_ENTRIES] __attribute__((aligned(4096)));

static pte_t *table_at(paddr_t pa)
{
	paddr_t unused;

	if (likely(kmap.has_linear) || arch_pt_translate(phys_to_virt(pa), &unused))
		return phys_to_virt(pa);
	return (pte_t *)(pa + kmap.image_offset);
}

void kmap_init(void)
{
	paddr_t pa;

	if (kmap.root)
		return;
	if (!arch_pt_translate(boot_tables, &pa))
		panic("kmap: the image is not mapped");
	kmap.image_offset = (vaddr_t)boot_tables - pa;
	kmap.root = table_at(arch_pt_kernel_root());
}

paddr_t kmap_image_address(void)
{
	return (vaddr_t)boot_tables - kmap.image_offset;
}

void kmap_tables_from(uint32_t low, uint32_t high)
{
	kmap.low = low;
	kmap.high = high;
}

void kmap_tables_from_allocator(void)
{
	kmap.root = phys_to_virt(arch_pt_kernel_root());
	kmap.has_linear = true;
	kmap.has_allocator = true;
}

static paddr_t table_alloc(void)
{
	uint32_t idx;

	if (kmap.nr_boot_used < NR_BOOT_TABLES)	/* .bss: zero */
		return (vaddr_t)boot_tables[kmap.nr_boot_used++] - kmap.image_offset;
	if (kmap.has_allocator)
		return page_alloc(0, PAGE_ZERO);
	if (kmap.low == kmap.high)
		return PADDR_NONE;
	idx = buddy_carve(1, kmap.low, kmap.high);
	if (idx == NO_PAGE)
		return PADDR_NONE;
	memset(phys_to_virt(page_address(idx)), 0, PAGE_SIZE);
	return page_address(idx);
}

/*
 * The entry for va at this level, making the tables above it. *level comes back higher if a leaf stands there already. NULL: no memory.
 */
static pte_t *entry_for(vaddr_t va, unsigned *level)
{
	pte_t *table = kmap.root;
	unsigned l;

	for (l = PT_TOP_LEVEL;; l--) {
		pte_t *e = &table[va >> PT_SHIFT(l) & (PT_ENTRIES - 1)];

		if (l == *level)
			return e;
		if (pt_is_empty(*e)) {
			paddr_t pa = table_alloc();

			if (pa == PADDR_NONE)
				return NULL;
			/* release: the zeroed table before the entry. Pairs: table walks, which see an entry before what it points to only if it was written so */
			atomic_store(e, pt_make_table(pa), RELEASE);
		} else if (!pt_is_table(*e, l)) {
			*level = l;
			return e;
		}
		table = table_at(pt_address(*e));
	}
}

/* Fill the entries of one table from va on, as far as the range and the table go. 0: no memory. */
static uint64_t map_run(vaddr_t va, paddr_t pa, uint64_t len, unsigned level, unsigned flags)
{
	uint64_t size = 1ull << PT_SHIFT(level), done = 0;
	unsigned l = level, n, room = PT_ENTRIES - (va >> PT_SHIFT(level) & (PT_ENTRIES - 1));
	pte_t *e = entry_for(va, &l), leaf = pt_make_leaf(pa, level, flags);

	if (!e)
		return 0;
	if (l > level)		/* a bigger leaf is there */
		return MIN(len, (1ull << PT_SHIFT(l)) - (va & ((1ull << PT_SHIFT(l)) - 1)));
	if (pt_is_table(*e, level))
		return map_run(va, pa, MIN(len, size), level - 1, flags);
	/* The address stands in its place in the entry: adding to the one is adding to the other. */
	for (n = (unsigned)MIN(room, len >> PT_SHIFT(level)); n; n--, e++, leaf += size, done += size) {
		if (likely(pt_is_empty(*e)))
			*e = leaf;
		else if (pt_is_table(*e, level))
			break;
	}
	return done;
}

bool kmap_range(vaddr_t va, paddr_t pa, uint64_t len, unsigned flags)
{
	bool is_ok = true;

	mutex_lock(&kmap.lock);
	while (len) {
		unsigned level = PT_BLOCK_MAX;
		uint64_t n;

		while (level && (!IS_ALIGNED(va | pa, 1ull << PT_SHIFT(level)) || len < 1ull << PT_SHIFT(level)))
			level--;
		/* Small leaves end where a bigger one could begin. */
		n = len;
		if (level < PT_BLOCK_MAX && IS_ALIGNED(va - pa, 1ull << PT_SHIFT(level + 1)))
			n = MIN(len, ALIGN_UP(va + 1, 1ull << PT_SHIFT(level + 1)) - va);
		n = map_run(va, pa, n, level, flags);
		if (!n) {
			is_ok = false;
			break;
		}
		va += n;
		pa += n;
		len -= n;
	}
	arch_pt_sync();
	mutex_unlock(&kmap.lock);
	return is_ok;
}

bool kmap_add_pages(vaddr_t va, const paddr_t *pa, unsigned nr, unsigned flags)
{
	unsigned level = 0;
	pte_t *e;

	mutex_lock(&kmap.lock);
	e = entry_for(va, &level);
	for (; e && nr; nr--)
		*e++ = pt_make_leaf(*pa++, 0, flags);
	arch_pt_sync();
	mutex_unlock(&kmap.lock);
	return e;
}

/* Whether the 2 MiB around pa are unmapped or device already: then a block may cover more than was asked for. Else RAM shares them. */
static bool can_map_block(paddr_t pa)
{
	pte_t *table = kmap.root, e = 0;
	unsigned l;

	for (l = PT_TOP_LEVEL; l > 0; l--) {
		e = table[(LINEAR_BASE + pa) >> PT_SHIFT(l) & (PT_ENTRIES - 1)];
		if (!pt_is_table(e, l))
			break;
		table = table_at(pt_address(e));
	}
	return l > 0 && (pt_is_empty(e) || pt_flags(e) & PT_DEVICE);
}

void *mmu_map_device(paddr_t pa, size_t len)
{
	paddr_t p = ALIGN_DOWN(pa, PAGE_SIZE), end = ALIGN_UP(pa + len, PAGE_SIZE);

	kmap_init();
	if (end > USER_TOP || end < p)
		return NULL;
	while (p < end) {
		paddr_t block = ALIGN_DOWN(p, BLOCK_SIZE);
		bool is_block = can_map_block(p);
		paddr_t stop = MIN(block + BLOCK_SIZE, is_block ? block + BLOCK_SIZE : end);

		if (is_block)
			p = block;
		if (!kmap_range(LINEAR_BASE + p, p, stop - p, PT_WRITE | PT_DEVICE))
			return NULL;
		p = stop;
	}
	return phys_to_virt(pa);
}
