/* SPDX-License-Identifier: MIT
 *
 * Call sites rewritten to branches (design section 5), the portable half: where veneers live, which site has which, when a site is rewritten.
 *
 * A site is rewritten when it has trapped (and, on ports whose instructions have several lengths, when the CPU has shown that it is one): so only words that were
 * executed as system calls ever change, in text, in generated code and in data that looks like code alike. A program that writes other code there overwrites our branch
 * like any other word; if it writes the call again, that traps again and gets its old veneer.
 *
 * Veneers lie in areas "[veneers]" of the application's address space, made within reach of a site: below its mapping if there is room, else wherever. The pages
 * of an area are added one by one as they fill up. A site without room in reach, or in a shared mapping (whose pages are the file's), keeps trapping;
 * the last of these are remembered, so that they do not cost a search each time.
 *
 * Who moves pages (mremap) says so before and after (veneer_move_begin): a branch is relative.
 */
#include "linux/veneer.h"

#include <arch/veneer.h>

#include "libc/atomic.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "linux/config.h"
#include "linux/process.h"
#include "linux/syscall.h"
#include "linux/syscalls.h"
#include "mmu/aspace.h"
#include "mmu/heap.h"
#include "mmu/object.h"
#include "mmu/page.h"

#define AREA_PAGES	16
#define AREA_SIZE	(AREA_PAGES * PAGE_SIZE)
#define PER_PAGE	(PAGE_SIZE / ARCH_VENEER_SIZE)	/* none crosses a page: the kernel may not fault in one */
#define AREA_VENEERS	(AREA_PAGES * PER_PAGE)
#define NR_BUCKETS	256
#define NR_HOPELESS	64
#define MAX_VENEERS	65536
#define LOWEST		(64ul << 10)

/* One piece of address space with veneers; freed when its last mapping goes. */
struct veneer_area {
	struct vm_object object;	/* first */
	uint32_t refs;			/* [a] ours and the mappings' */
	vaddr_t base;			/* [I] */
	paddr_t page[AREA_PAGES];	/* [lock] PADDR_NONE: not yet */
	unsigned nr;			/* [lock] veneers in it */
	struct veneer_area *next;	/* [lock] */
};

struct site {
	vaddr_t addr, veneer;
	uint32_t nr;			/* of the call, where the veneer holds it (arch_site_nr) */
	struct site *next;
};

static struct mutex lock;		/* before the address space's */
static struct veneer_area *areas;	/* [a] to read, [lock] to change; only added to while the program runs */
static struct site *buckets[NR_BUCKETS];	/* [lock] */
static unsigned nr_veneers;		/* [lock] */
static vaddr_t hopeless[NR_HOPELESS];	/* [a] */
static uint64_t nr_patched, nr_unreachable;	/* [a] */

/* ---- areas ------------------------------------------------------------------------------------------------------------- */

static int area_get_page(struct vm_object *o, uint64_t idx, bool for_write, struct vm_page *out)
{
	struct veneer_area *a = (struct veneer_area *)o;
	paddr_t pa = idx < AREA_PAGES ? atomic_load(&a->page[idx], ACQUIRE) : PADDR_NONE;	/* acquire: its contents. Pairs: add_page */

	(void)for_write;
	if (pa == PADDR_NONE)
		return -ENXIO;
	page_get(pa);
	*out = (struct vm_page){ .pa = pa };
	return 0;
}

static void area_ref(struct vm_object *o)
{
	atomic_fetch_add(&((struct veneer_area *)o)->refs, 1u, RELAXED);
}

static void area_unref(struct vm_object *o)
{
	struct veneer_area *a = (struct veneer_area *)o;

	/* acq_rel: all uses before the end. Pairs: itself */
	if (atomic_fetch_sub(&a->refs, 1u, ACQ_REL) != 1)
		return;
	for (unsigned i = 0; i < AREA_PAGES; i++)
		if (a->page[i] != PADDR_NONE)
			page_put(a->page[i]);
	kfree(a);
}

static const struct vm_object_ops area_ops = { .get_page = area_get_page, .ref = area_ref, .unref = area_unref };

static bool is_in_reach(vaddr_t base, vaddr_t site)
{
	vaddr_t far_end = base < site ? base : base + AREA_SIZE;

	return (far_end < site ? site - far_end : far_end - site) < ARCH_VENEER_REACH;
}

/* The gap for a new area: the last one in reach below the site, else the first above it. */
struct gap_search {
	vaddr_t site, prev_end, below, above;
};

static bool look_at_gap(const struct vm_area_info *info, void *arg)
{
	struct gap_search *g = arg;
	vaddr_t start = MAX(g->prev_end, LOWEST), end = info->start, at;

	g->prev_end = info->end;
	if (end < start || end - start < 2 * AREA_SIZE || (info->flags & VM_GROWSDOWN))
		return true;
	if (end <= g->site) {
		at = end - AREA_SIZE;
		if (is_in_reach(at, g->site))
			g->below = at;
		return true;
	}
	/* Away from the mapping below it, which may be a heap that grows, but in reach. */
	at = end - AREA_SIZE;
	if (!is_in_reach(at, g->site) && start + ARCH_VENEER_REACH / 2 < at)
		at = start + ARCH_VENEER_REACH / 2;
	if (is_in_reach(at, g->site))
		g->above = at;
	return g->above == 0 && start < g->site + ARCH_VENEER_REACH;
}

static vaddr_t find_room(struct aspace *as, vaddr_t site)
{
	struct gap_search g = { .site = site };

	aspace_for_each(as, look_at_gap, &g);
	return g.below ? g.below : g.above;
}

static struct veneer_area *make_area(struct aspace *as, vaddr_t site)
{
	struct veneer_area *a = KNEW(struct veneer_area);

	if (!a)
		return NULL;
	a->object.ops = &area_ops;
	a->refs = 1;
	for (unsigned i = 0; i < AREA_PAGES; i++)
		a->page[i] = PADDR_NONE;
	/* Another thread may map something there before we do: look again. */
	for (int tries = 0; tries < 4; tries++) {
		struct vm_map_request req = {
			.hint = ALIGN_DOWN(find_room(as, site), PAGE_SIZE), .len = AREA_SIZE, .prot = VM_READ | VM_EXEC,
			.flags = VM_KERNEL | VM_FIXED_NOREPLACE, .object = &a->object, .name = "[veneers]",
		};
		vaddr_t at;
		int r;

		if (!req.hint)
			break;
		r = aspace_map(as, &req, &at);
		if (r == -EEXIST)
			continue;
		if (r)
			break;
		a->base = at;
		a->next = areas;
		atomic_store(&areas, a, RELEASE);	/* release: the area before it can be found. Pairs: veneer_hide */
		return a;
	}
	area_unref(&a->object);
	return NULL;
}

static bool add_page(struct veneer_area *a, unsigned idx)
{
	paddr_t pa = page_alloc(0, PAGE_ZERO);

	if (pa == PADDR_NONE)
		return false;
	atomic_store(&a->page[idx], pa, RELEASE);	/* release: the zeros. Pairs: area_get_page */
	return true;
}

static vaddr_t slot_address(const struct veneer_area *a, unsigned n)
{
	return a->base + n / PER_PAGE * PAGE_SIZE + n % PER_PAGE * ARCH_VENEER_SIZE;
}

static void *slot_memory(const struct veneer_area *a, unsigned n)
{
	return (char *)phys_to_virt(a->page[n / PER_PAGE]) + n % PER_PAGE * ARCH_VENEER_SIZE;
}

/* ---- sites, lock held ------------------------------------------------------------------------------------------------------ */

static struct site **bucket_of(vaddr_t addr)
{
	return &buckets[(addr >> 2 ^ addr >> 12) % NR_BUCKETS];
}

static struct site *find_site(vaddr_t addr, uint32_t nr)
{
	struct site *s = *bucket_of(addr);

	while (s && (s->addr != addr || s->nr != nr))
		s = s->next;
	return s;
}

static struct veneer_area *area_for(struct aspace *as, vaddr_t addr)
{
	for (struct veneer_area *a = areas; a; a = a->next)
		if (a->nr < AREA_VENEERS && is_in_reach(a->base, addr))
			return a;
	return make_area(as, addr);
}

static struct site *make_site(struct aspace *as, vaddr_t addr, uint32_t nr)
{
	struct veneer_area *a = nr_veneers < MAX_VENEERS ? area_for(as, addr) : NULL;
	struct site *s;
	unsigned n;

	if (!a)
		return NULL;
	n = a->nr;
	if (a->page[n / PER_PAGE] == PADDR_NONE && !add_page(a, n / PER_PAGE))
		return NULL;
	s = KNEW(struct site);
	if (!s)
		return NULL;
	s->addr = addr;
	s->nr = nr;
	s->veneer = slot_address(a, n);
	arch_veneer_write(slot_memory(a, n), s->veneer, addr, nr);
	arch_veneer_sync(slot_memory(a, n), ARCH_VENEER_SIZE);
	a->nr = n + 1;
	nr_veneers++;
	s->next = *bucket_of(addr);
	*bucket_of(addr) = s;
	return s;
}

static bool patch_locked(struct aspace *as, vaddr_t addr, uint32_t nr)
{
	struct site *s = find_site(addr, nr);
	bool is_done;
	void *alias;

	if (!s)
		s = make_site(as, addr, nr);
	if (!s || aspace_text_lock(as, addr, &alias))
		return false;
	is_done = arch_site_patch(alias, addr, s->veneer, nr);
	aspace_text_unlock(as);
	if (is_done)
		atomic_fetch_add(&nr_patched, 1u, RELAXED);
	return true;
}

/* Not calls that are made once, nor those that are not there. */
static bool is_worth_it(const struct frame *f)
{
	uint64_t nr = (uint64_t)f->syscall_nr;
	const struct syscall *s = nr < ARCH_NR_SYSCALLS ? &syscall_table[nr] : NULL;

	return s && s->fn && s->fn != (void (*)(void))sys_exit_group &&
	       s->fn != (void (*)(void))sys_execve && s->fn != (void (*)(void))sys_rt_sigreturn;
}

void linux_site_ready(vaddr_t addr, uint32_t nr)
{
	vaddr_t *h = &hopeless[(addr >> 2) % NR_HOPELESS];

	if (!linux_config.veneers || linux_config.strace || atomic_load(h, RELAXED) == addr)
		return;
	mutex_lock(&lock);
	if (!patch_locked(thread_current()->aspace, addr, arch_site_nr(nr))) {
		atomic_store(h, addr, RELAXED);
		atomic_fetch_add(&nr_unreachable, 1u, RELAXED);
	}
	mutex_unlock(&lock);
}

void veneer_patch(struct frame *f)
{
	if (is_worth_it(f) && arch_site_ready(f))
		linux_site_ready(arch_veneer_site(f), (uint32_t)f->syscall_nr);
}

void veneer_move_begin(vaddr_t start, size_t len)
{
	struct aspace *as = thread_current()->aspace;
	void *alias;

	mutex_lock(&lock);
	if (!atomic_load(&areas, RELAXED))
		return;
	for (unsigned i = 0; i < NR_BUCKETS; i++) {
		for (struct site *s = buckets[i]; s; s = s->next) {
			/* What was rewritten is a private page. */
			if (s->addr - start >= len || !aspace_text_lock_own(as, s->addr, &alias))
				continue;
			(void)arch_site_unpatch(alias, s->addr, s->veneer, s->nr);
			aspace_text_unlock(as);
		}
	}
}

void veneer_move_end(void)
{
	mutex_unlock(&lock);
}

void veneer_reset(void)
{
	struct veneer_area *a;

	mutex_lock(&lock);
	a = areas;
	atomic_store(&areas, NULL, RELAXED);
	while (a) {
		struct veneer_area *next = a->next;

		area_unref(&a->object);
		a = next;
	}
	for (unsigned i = 0; i < NR_BUCKETS; i++) {
		while (buckets[i]) {
			struct site *s = buckets[i];

			buckets[i] = s->next;
			kfree(s);
		}
	}
	memset(hopeless, 0, sizeof(hopeless));
	arch_sites_forget();
	nr_veneers = 0;
	mutex_unlock(&lock);
}

void veneer_stats(uint64_t *patched, uint64_t *unreachable)
{
	*patched = atomic_load(&nr_patched, RELAXED);
	*unreachable = atomic_load(&nr_unreachable, RELAXED);
}

void veneer_hide(struct frame *f)
{
	vaddr_t pc = frame_pc(f);

	/* acquire: the area. Pairs: make_area. Areas go only with the program (execve), in its last thread. */
	for (const struct veneer_area *a = atomic_load(&areas, ACQUIRE); a; a = a->next) {
		size_t off = pc - a->base, in_page = off % PAGE_SIZE;
		unsigned n = (unsigned)(off / PAGE_SIZE * PER_PAGE + in_page / ARCH_VENEER_SIZE);

		if (off >= AREA_SIZE || in_page / ARCH_VENEER_SIZE >= PER_PAGE || a->page[n / PER_PAGE] == PADDR_NONE)
			continue;
		arch_veneer_hide(f, slot_memory(a, n), slot_address(a, n));
		return;
	}
}
