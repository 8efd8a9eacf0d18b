/* SPDX-License-Identifier: MIT
 *
 * Address spaces: their life, mmap, munmap, mprotect, brk. Each operation checks everything that can be refused, then does what may lack memory in an order that leaves
 * the address space as it was, then commits.
 */
#include "mmu/aspace.h"

#include "mmu/aspace-priv.h"

#include <arch/tlb.h>

#include "mmu/fault.h"
#include "mmu/heap.h"

/* ---- address-space identifiers -------------------------------------------------------------------------------------- */

#define NR_ASIDS	1024u	/* as many address spaces at once; ASID 0 is nobody's */

static struct {
	struct mutex lock;
	uint64_t used[NR_ASIDS / 64];	/* [lock] */
	struct free_root *roots;	/* [lock] */
} ids;

/* An identifier that no TLB knows. 0: none free. */
static unsigned asid_get(void)
{
	unsigned i, max = MIN(arch_pt_asid_max(), NR_ASIDS - 1), found = 0;

	mutex_lock(&ids.lock);
	for (i = 1; i <= max && !found; i++) {
		if (!(ids.used[i / 64] >> i % 64 & 1)) {
			ids.used[i / 64] |= 1ull << i % 64;
			found = i;
		}
	}
	mutex_unlock(&ids.lock);
	if (found)
		arch_tlb_flush_asid(found);
	return found;
}

static void asid_put(unsigned asid)
{
	mutex_lock(&ids.lock);
	ids.used[asid / 64] &= ~(1ull << asid % 64);
	mutex_unlock(&ids.lock);
}

/*
 * A root table is never given back to the allocator: a CPU that runs kernel threads keeps the last one loaded and may walk it at any time. It is empty then, and serves
 * the next address space.
 */
struct free_root {
	paddr_t root;
	struct free_root *next;
};

static paddr_t root_get(void)
{
	struct free_root *f;
	paddr_t root;

	mutex_lock(&ids.lock);
	f = ids.roots;
	if (f)
		ids.roots = f->next;
	mutex_unlock(&ids.lock);
	if (!f) {
		root = page_alloc(0, PAGE_ZERO);
		if (root != PADDR_NONE)
			arch_pt_init_root(phys_to_virt(root));
		return root;
	}
	root = f->root;
	kfree(f);
	return root;
}

/* Without memory for the note the page is lost, which is better than given away. */
static void root_put(paddr_t root)
{
	struct free_root *f = kmalloc(sizeof(*f));

	if (!f)
		return;
	f->root = root;
	mutex_lock(&ids.lock);
	f->next = ids.roots;
	ids.roots = f;
	mutex_unlock(&ids.lock);
}

struct aspace *aspace_create(void)
{
	struct aspace *as = kzalloc(sizeof(*as));

	if (!as)
		return NULL;
	as->root = root_get();
	if (as->root == PADDR_NONE)
		goto err_free;
	as->asid = asid_get();
	if (!as->asid)
		goto err_root;
	as->mmap_base = TASK_END;
	as->stack_limit = 8 << 20;
	as->limits = (struct aspace_limits){ ~0ull, ~0ull, ~0ull, NULL, NULL };
	return as;
err_root:
	root_put(as->root);
err_free:
	kfree(as);
	return NULL;
}

void aspace_destroy(struct aspace *as)
{
	struct area_graves g = { NULL };

	rwlock_write_lock(&as->lock);
	while (as->tree.first)
		area_bury(area_of(as->tree.first), &g);
	pt_destroy(as);
	rwlock_write_unlock(&as->lock);
	area_graves_empty(&g);
	arch_tlb_retire(as->asid);
	asid_put(as->asid);
	root_put(as->root);
	kfree(as);
}

void aspace_activate(struct aspace *as)
{
	arch_pt_activate(as->root, as->asid);
}

void aspace_set_mmap_base(struct aspace *as, vaddr_t top)
{
	rwlock_write_lock(&as->lock);
	as->mmap_base = MIN(ALIGN_DOWN(top, PAGE_SIZE), TASK_END);
	rwlock_write_unlock(&as->lock);
}

void aspace_set_stack_limit(struct aspace *as, size_t bytes)
{
	rwlock_write_lock(&as->lock);
	as->stack_limit = bytes;
	rwlock_write_unlock(&as->lock);
}

/* ---- map ------------------------------------------------------------------------------------------------------------- */

/* len in whole pages; 0: too long. */
static uint64_t round_len(size_t len)
{
	return len > TASK_END ? 0 : ALIGN_UP(len, PAGE_SIZE);
}

/* Whether [addr, addr + len) lies in the application's half. */
static bool range_ok(vaddr_t addr, uint64_t len)
{
	return len <= TASK_END && addr <= TASK_END - len;
}

static int choose_place(struct aspace *as, const struct vm_map_request *req, uint64_t len, vaddr_t *out)
{
	vaddr_t at = req->hint;

	if (req->flags & (VM_FIXED | VM_FIXED_NOREPLACE)) {
		struct area *a = area_find(as, at);

		if (req->flags & VM_FIXED_NOREPLACE && a && a->node.start < at + len)
			return -EEXIST;
	} else {
		at = ALIGN_DOWN(at, PAGE_SIZE);
		if (at < MAP_LOWEST || !range_ok(at, len) || !area_tree_is_free(&as->tree, at, at + len))
			at = area_place(as, len, req->object);
		if (!at)
			return -ENOMEM;
	}
	*out = at;
	return 0;
}

/* Make the area at a free place: grow a neighbour that is alike, or a new one. Takes over the caller's reference to the object. */
static int place_area(struct aspace *as, const struct vm_map_request *req, vaddr_t at, uint64_t len, struct area_graves *g)
{
	struct area *a = area_alloc(as);

	if (!a)
		return -ENOMEM;
	a->prot = req->prot & VM_PROT_MASK;
	a->flags = req->flags & VM_AREA_FLAGS;
	a->max_prot = req->max_prot ? req->max_prot : VM_PROT_MASK;
	a->object = req->object;
	a->off = req->object ? req->off : 0;
	a->name = req->name;
	a->node.start = at;
	a->node.end = at + len;
	area_insert(a);
	area_merge(a, g);
	return 0;
}

/* Whether anonymous memory asked for by req is just like a. */
static bool is_like(const struct area *a, const struct vm_map_request *req)
{
	return a->prot == (req->prot & VM_PROT_MASK) && a->flags == (req->flags & VM_AREA_FLAGS) && !a->object && a->name == req->name &&
	       a->max_prot == (req->max_prot ? req->max_prot : VM_PROT_MASK);
}

/* Anonymous memory beside an area just like it: no allocation, no tree change. (Between two: place_area joins all three.) */
static bool extend_neighbour(struct aspace *as, const struct vm_map_request *req, vaddr_t at, uint64_t len)
{
	struct area *n = area_find(as, at), *p = n ? area_prev(n) : area_of(as->tree.last);
	bool joins_n, joins_p;

	if (req->object || req->flags & VM_GROWSDOWN)
		return false;
	joins_n = n && n->node.start == at + len && is_like(n, req);
	joins_p = p && p->node.end == at && is_like(p, req);
	if (joins_n == joins_p)
		return false;
	if (joins_p)
		area_resize(p, p->node.start, at + len);
	else
		area_resize(n, at, n->node.end);
	return true;
}

static void populate(struct aspace *as, vaddr_t start, uint64_t len, unsigned prot)
{
	enum fault_access access = prot & VM_WRITE ? FAULT_WRITE : FAULT_READ;
	vaddr_t va;

	for (va = start; va < start + len && !is_ending(); va += PAGE_SIZE) {
		if (page_reserve_is_used() || mmu_fault(as, va, access))
			break;
	}
}

static int check_map(const struct vm_map_request *req, uint64_t len)
{
	bool is_fixed = req->flags & (VM_FIXED | VM_FIXED_NOREPLACE);

	if (!req->len || !IS_ALIGNED(req->off, PAGE_SIZE))
		return -EINVAL;
	if (!len)
		return -ENOMEM;
	if (req->object && req->off + len < req->off)
		return -EOVERFLOW;
	if (is_fixed && !IS_ALIGNED(req->hint, PAGE_SIZE))
		return -EINVAL;
	if (is_fixed && !range_ok(req->hint, len))
		return -ENOMEM;
	if (is_fixed && req->hint < PAGE_SIZE)
		return -EPERM;
	if (req->max_prot && req->prot & VM_PROT_MASK & ~req->max_prot)
		return -EACCES;
	return area_can_commit(len, req->prot, req->flags, req->object) ? 0 : -ENOMEM;
}

static inline int map_at(struct aspace *as, const struct vm_map_request *req, vaddr_t at, uint64_t len, struct area_graves *g)
{
	int r = req->flags & VM_FIXED ? area_unmap(as, at, at + len, g) : 0;

	return r || extend_neighbour(as, req, at, len) ? r : place_area(as, req, at, len, g);
}

/* The same, with limits in force, or memory to be locked. */
static __attribute__((noinline)) int map_limited(struct aspace *as, const struct vm_map_request *req, vaddr_t at, uint64_t len, struct area_graves *g,
						 bool *is_locked)
{
	struct vm_map_request with = *req;
	int r;

	if (!(req->flags & VM_KERNEL))
		with.flags |= as->lock_future;
	r = area_check_limits(as, with.prot, with.flags, len, at, at + len);
	*is_locked = with.flags & VM_LOCKED;
	return r ? r : map_at(as, &with, at, len, g);
}

int aspace_map(struct aspace *as, const struct vm_map_request *req, vaddr_t *out)
{
	struct area_graves g = { NULL };
	uint64_t len = round_len(req->len);
	bool is_locked = false;
	vaddr_t at = 0;
	int r = check_map(req, len);

	if (r)
		return r;
	if (req->object)
		req->object->ops->ref(req->object);
	rwlock_write_lock(&as->lock);
	r = choose_place(as, req, len, &at);
	if (area_is_limited(as, req->flags))
		r = r ? r : map_limited(as, req, at, len, &g, &is_locked);
	else
		r = r ? r : map_at(as, req, at, len, &g);
	rwlock_write_unlock(&as->lock);
	area_graves_empty(&g);
	if (r) {
		if (req->object)
			req->object->ops->unref(req->object);
		return r;
	}
	*out = at;
	if (unlikely(is_locked))
		(void)aspace_fill_locked(as, at, at + len, true);
	else if (req->flags & VM_POPULATE && req->prot & VM_PROT_MASK)
		populate(as, at, len, req->flags & VM_SHARED && req->object ? req->prot & ~VM_WRITE : req->prot);
	return 0;
}

/* The part of [start, end) before the kernel's next area in it; *next: where the part behind that begins. */
static vaddr_t end_of_part(struct aspace *as, vaddr_t start, vaddr_t end, vaddr_t *next)
{
	for (struct area *a = area_find(as, start); a && a->node.start < end; a = area_next(a)) {
		if (a->flags & VM_KERNEL) {
			*next = MIN(a->node.end, end);
			return MAX(a->node.start, start);
		}
	}
	*next = end;
	return end;
}

/* The program does not know that there are areas of the kernel in the range: they stay, and all else goes. */
static __attribute__((noinline)) int unmap_around(struct aspace *as, vaddr_t start, vaddr_t end, struct area_graves *g)
{
	vaddr_t part_end, next;
	int r = 0;

	for (; !r && start < end; start = next) {
		part_end = end_of_part(as, start, end, &next);
		if (part_end > start)
			r = area_unmap(as, start, part_end, g);
	}
	return r;
}

int aspace_unmap(struct aspace *as, vaddr_t addr, size_t len)
{
	struct area_graves g = { NULL };
	uint64_t size = round_len(len);
	int r;

	if (!IS_ALIGNED(addr, PAGE_SIZE) || !size || !range_ok(addr, size))
		return -EINVAL;
	rwlock_write_lock(&as->lock);
	r = area_unmap(as, addr, addr + size, &g);
	if (unlikely(r == -EPERM))
		r = unmap_around(as, addr, addr + size, &g);
	rwlock_write_unlock(&as->lock);
	area_graves_empty(&g);
	return r;
}

/* ---- protect --------------------------------------------------------------------------------------------------------- */

/* a: the first area in the range. What mprotect(2) would refuse and why; *stop: where the refused part begins. What lies before it is changed, as on Linux. */
static int check_protect(struct area *a, vaddr_t start, vaddr_t end, unsigned prot, vaddr_t *stop)
{
	for (; start < end; a = area_next(a)) {
		*stop = start;
		if (!a || a->node.start > start)
			return -ENOMEM;
		if (a->flags & VM_KERNEL)
			return -EPERM;
		if (prot & ~a->max_prot)
			return -EACCES;
		if (!(a->prot & VM_WRITE) && !area_can_commit(MIN(end, a->node.end) - start, prot, a->flags, a->object))
			return -ENOMEM;
		if (unlikely(a->as->is_limited) && !area_may_become_data(a, MIN(end, a->node.end) - start, prot))
			return -ENOMEM;
		start = a->node.end;
	}
	*stop = end;
	return 0;
}

/* All of [start, end) is mapped, from area a on, and may have this protection. */
static int protect_areas(struct area *a, vaddr_t start, vaddr_t end, unsigned prot, struct area_graves *g)
{
	struct aspace *as = a->as;
	struct area *last;
	struct pt_batch b;
	vaddr_t at;

	if (a->prot == prot && a->node.end >= end)
		return 0;
	if (a->node.start < start) {
		if (area_split(a, start))
			return -ENOMEM;
		a = area_next(a);
	}
	for (last = a; last->node.end < end;)
		last = area_next(last);
	if (area_split(last, end))
		return -ENOMEM;
	pt_batch_init(&b, as);
	for (last = a; last && last->node.start < end; last = area_next(last)) {
		if (last->prot == prot)
			continue;
		last->prot = prot;
		pt_protect(&b, last, last->node.start, last->node.end);
	}
	pt_batch_finish(&b);
	if (a->node.end == end) {	/* the usual case: one area */
		area_merge(a, g);
		return 0;
	}
	for (at = start; at < end; at = area_find(as, at)->node.end)
		area_merge(area_find(as, at), g);
	return 0;
}

static int protect_locked(struct aspace *as, vaddr_t start, vaddr_t end, unsigned prot, struct area_graves *g)
{
	struct area *a = area_find(as, start);
	vaddr_t stop;
	int refused, r = 0;

	if (prot & VM_GROWSDOWN) {
		if (!a || a->node.start >= end)
			return -ENOMEM;
		if (!(a->flags & VM_GROWSDOWN))
			return -EINVAL;
		start = a->node.start;
		prot &= VM_PROT_MASK;
	}
	refused = check_protect(a, start, end, prot, &stop);
	if (stop > start)
		r = protect_areas(a, start, stop, prot, g);
	return refused ? refused : r;
}

int aspace_protect(struct aspace *as, vaddr_t addr, size_t len, unsigned prot)
{
	struct area_graves g = { NULL };
	uint64_t size = round_len(len);
	int r;

	if (!IS_ALIGNED(addr, PAGE_SIZE) || prot & ~(VM_PROT_MASK | VM_GROWSDOWN))
		return -EINVAL;
	if (!len)
		return 0;
	if (!size || !range_ok(addr, size))
		return -ENOMEM;
	rwlock_write_lock(&as->lock);
	r = protect_locked(as, addr, addr + size, prot, &g);
	rwlock_write_unlock(&as->lock);
	area_graves_empty(&g);
	return r;
}

/* ---- brk --------------------------------------------------------------------------------------------------------------- */

void aspace_set_brk_start(struct aspace *as, vaddr_t start)
{
	rwlock_write_lock(&as->lock);
	as->brk_start = as->brk_end = start;
	rwlock_write_unlock(&as->lock);
}

static bool brk_grow(struct aspace *as, vaddr_t from, vaddr_t to, struct area_graves *g)
{
	struct vm_map_request req = {
		.hint = from, .len = to - from, .prot = VM_READ | VM_WRITE, .flags = as->lock_future, .name = "[heap]",
	};

	if (to > TASK_END || !area_tree_is_free(&as->tree, from, to) || !area_can_commit(to - from, req.prot, 0, NULL))
		return false;
	if (area_is_limited(as, req.flags) && area_check_limits(as, req.prot, req.flags, to - from, 0, 0))
		return false;
	return extend_neighbour(as, &req, from, to - from) || place_area(as, &req, from, to - from, g) == 0;
}

vaddr_t aspace_brk(struct aspace *as, vaddr_t new_brk)
{
	struct area_graves g = { NULL };
	vaddr_t from, to, r;
	bool is_locked;

	rwlock_write_lock(&as->lock);
	from = ALIGN_UP(as->brk_end, PAGE_SIZE);
	to = new_brk < TASK_END ? ALIGN_UP(new_brk, PAGE_SIZE) : (vaddr_t)-1;
	if (new_brk >= as->brk_start && (to == from || (to < from ? area_unmap(as, to, from, &g) == 0 : brk_grow(as, from, to, &g))))
		as->brk_end = new_brk;
	r = as->brk_end;
	is_locked = as->lock_future;
	rwlock_write_unlock(&as->lock);
	area_graves_empty(&g);
	if (unlikely(is_locked) && r == new_brk && from < to)
		(void)aspace_fill_locked(as, from, to, true);
	return r;
}
