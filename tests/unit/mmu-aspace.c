/* SPDX-License-Identifier: MIT
 *
 * Address spaces against a model that knows one thing a page: what is mapped there, with which protection, and which number its first word holds. Random mmap, munmap,
 * mprotect, mremap, madvise, truncation, text patching, reads and writes over a window of a few 2 MiB blocks; pages and blocks, anonymous, private and shared mappings.
 */
/* sources: mmu/aspace.c mmu/area.c mmu/area-tree.c mmu/limits.c mmu/remap.c mmu/advise.c mmu/info.c mmu/fault.c mmu/object.c mmu/pt.c mmu/heap.c mmu/page.c mmu/buddy.c mmu/init.c mmu/kmap.c tests/host/mmu-env.c */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libc/errno.h"
#include "libc/print.h"
#include "mmu/aspace.h"
#include "mmu/object.h"
#include "mmu/page.h"
#include "tests/host/mmu-env.h"

#define W		2048u			/* pages in the window: 4 blocks */
#define BASE		0x7f0000000000ul
#define FILE_PAGES	1024u			/* 2 blocks, contiguous, so that get_block can give them */
#define MIB		(1ul << 20)

struct mpage {
	bool is_mapped, is_shared, is_own;	/* own: private content in value */
	unsigned prot;
	int file;				/* -1: anonymous */
	uint32_t idx;				/* in the file */
	uint32_t value;
};

static struct mpage m[W];
static struct aspace *as;
static uint32_t next_value = 1;

/* ---- a file ---------------------------------------------------------------------------------------------------------- */

#define NR_FILES 3
struct file {
	struct vm_object o;
	paddr_t pa;
	uint64_t nr_pages;
	int refs;
};
static struct file files[NR_FILES];

static uint32_t *file_word(int f, uint64_t idx)
{
	return phys_to_virt(files[f].pa + idx * PAGE_SIZE);
}

static int file_get_page(struct vm_object *o, uint64_t idx, bool for_write, struct vm_page *out)
{
	struct file *f = container_of(o, struct file, o);

	if (idx >= f->nr_pages)
		return -ENXIO;
	out->pa = f->pa + idx * PAGE_SIZE;
	out->is_writable = for_write || idx % 3 == 0;
	page_get(out->pa);
	return 0;
}

static unsigned file_get_cached(struct vm_object *o, uint64_t idx, unsigned nr, paddr_t *pa)
{
	struct file *f = container_of(o, struct file, o);
	unsigned i, n = 0;

	for (i = 0; i < nr; i++) {
		pa[i] = PADDR_NONE;
		if (idx + i < f->nr_pages && (idx + i) % 5) {
			pa[i] = f->pa + (idx + i) * PAGE_SIZE;
			page_get(pa[i]);
			n++;
		}
	}
	return n;
}

static int file_get_block(struct vm_object *o, uint64_t idx, bool for_write, paddr_t *pa)
{
	struct file *f = container_of(o, struct file, o);

	if (for_write || idx + 512 > f->nr_pages)
		return -ENOTSUP;
	*pa = f->pa + idx * PAGE_SIZE;
	return 0;
}

static void file_ref(struct vm_object *o)
{
	container_of(o, struct file, o)->refs++;
}

static void file_unref(struct vm_object *o)
{
	CHECK(--container_of(o, struct file, o)->refs >= 0);
}

static const struct vm_object_ops plain_ops = { .get_page = file_get_page, .ref = file_ref, .unref = file_unref };
static const struct vm_object_ops cached_ops = {
	.get_page = file_get_page, .get_cached = file_get_cached, .ref = file_ref, .unref = file_unref
};
static const struct vm_object_ops block_ops = {
	.get_page = file_get_page, .get_cached = file_get_cached, .get_block = file_get_block, .ref = file_ref, .unref = file_unref
};

static void make_files(void)
{
	static const struct vm_object_ops *const ops[NR_FILES] = { &plain_ops, &cached_ops, &block_ops };
	int f;
	uint64_t i;

	for (f = 0; f < NR_FILES; f++) {
		files[f].o.ops = ops[f];
		files[f].nr_pages = FILE_PAGES;
		files[f].pa = page_alloc(10, PAGE_CACHE);
		CHECK(files[f].pa != PADDR_NONE);
		page_split(files[f].pa, 10);
		for (i = 0; i < FILE_PAGES; i++)
			*file_word(f, i) = next_value++;
	}
}

/* ---- the model ------------------------------------------------------------------------------------------------------- */

static vaddr_t va_of(unsigned i)
{
	return BASE + (vaddr_t)i * PAGE_SIZE;
}

static unsigned rnd(unsigned n)
{
	return (unsigned)rand() % n;
}

static unsigned rnd_len(unsigned from)
{
	unsigned n = rnd(8) ? 1 + rnd(40) : 1 + rnd(W);

	return MIN(n, W - from);
}

static unsigned rnd_prot(void)
{
	static const unsigned p[] = { 0, VM_READ, VM_READ | VM_WRITE, VM_READ | VM_WRITE, VM_READ | VM_WRITE, VM_READ | VM_EXEC, VM_READ | VM_WRITE | VM_EXEC };

	return p[rnd(ARRAY_SIZE(p))];
}

static uint32_t expected(const struct mpage *p)
{
	return p->file < 0 || p->is_own ? p->value : *file_word(p->file, p->idx);
}

static bool is_beyond(const struct mpage *p)
{
	return p->file >= 0 && p->idx >= files[p->file].nr_pages;
}

static void read_page(unsigned i)
{
	const struct mpage *p = &m[i];
	int error = 0;
	uint32_t *w = (uint32_t *)env_access(as, va_of(i), false, &error);

	if (!p->is_mapped)
		CHECK(!w && error == -EFAULT);
	else if (!p->prot)
		CHECK(!w && error == -EACCES);
	else if (is_beyond(p))
		CHECK(!w && error == -ENXIO);
	else if (!w || *w != expected(p))
		panic("page %u: %u, expected %u (error %d)", i, w ? *w : 0, expected(p), error);
}

static void write_page(unsigned i)
{
	struct mpage *p = &m[i];
	int error = 0;
	uint32_t *w = (uint32_t *)env_access(as, va_of(i), true, &error), v = next_value++;

	if (!p->is_mapped) {
		CHECK(!w && error == -EFAULT);
	} else if (!(p->prot & VM_WRITE)) {
		CHECK(!w && error == -EACCES);
	} else if (is_beyond(p)) {
		CHECK(!w && error == -ENXIO);
	} else {
		CHECK(w && *w == expected(p));
		*w = v;
		if (p->file >= 0 && p->is_shared) {
			CHECK(*file_word(p->file, p->idx) == v);
		} else {
			p->is_own = true;
			p->value = v;
		}
	}
}

/* ---- operations ------------------------------------------------------------------------------------------------------- */

static void op_map(void)
{
	unsigned from = rnd(W), n = rnd_len(from), i, huge = rnd(3) == 0 ? VM_HUGE : rnd(8) == 0 ? VM_NOHUGE : 0;
	int file = rnd(2) ? (int)rnd(NR_FILES) : -1;
	bool is_shared = file >= 0 && rnd(2);
	uint32_t idx = file < 0 ? 0 : rnd(3) ? (from & 511) : rnd(FILE_PAGES);
	struct vm_map_request r = { .hint = va_of(from), .len = n * PAGE_SIZE, .prot = rnd_prot(), .flags = VM_FIXED | huge | (is_shared ? VM_SHARED : 0),
				    .object = file < 0 ? NULL : &files[file].o, .off = idx * PAGE_SIZE };
	vaddr_t at;
	bool is_free = true;

	for (i = from; i < from + n; i++)
		is_free &= !m[i].is_mapped;
	if (rnd(4) == 0) {
		r.flags = (r.flags & ~VM_FIXED) | VM_FIXED_NOREPLACE;
		if (!is_free) {
			CHECK(aspace_map(as, &r, &at) == -EEXIST);
			return;
		}
	}
	CHECK(aspace_map(as, &r, &at) == 0 && at == va_of(from));
	for (i = from; i < from + n; i++)
		m[i] = (struct mpage){ .is_mapped = true, .is_shared = is_shared, .prot = r.prot, .file = file, .idx = idx + (i - from) };
}

static void op_unmap(void)
{
	unsigned from = rnd(W), n = rnd_len(from), i;

	CHECK(aspace_unmap(as, va_of(from), n * PAGE_SIZE) == 0);
	for (i = from; i < from + n; i++)
		m[i] = (struct mpage){ 0 };
}

static bool all_mapped(unsigned from, unsigned n)
{
	while (n--) {
		if (!m[from + n].is_mapped)
			return false;
	}
	return true;
}

static void op_protect(void)
{
	unsigned from = rnd(W), n = rnd_len(from), prot = rnd_prot(), i;
	int r = aspace_protect(as, va_of(from), n * PAGE_SIZE, prot);

	CHECK(r == (all_mapped(from, n) ? 0 : -ENOMEM));
	for (i = from; i < from + n && m[i].is_mapped; i++)	/* up to the hole */
		m[i].prot = prot;
}

static void op_dontneed(void)
{
	unsigned from = rnd(W), n = rnd_len(from), i;
	int r = aspace_advise(as, va_of(from), n * PAGE_SIZE, 4);

	CHECK(r == (all_mapped(from, n) ? 0 : -ENOMEM));
	for (i = from; i < from + n; i++) {
		m[i].is_own = false;
		m[i].value = 0;
	}
}

/* One area of the kernel's, as far as the model can tell. */
static bool is_uniform(unsigned from, unsigned n)
{
	unsigned i;

	for (i = from; i < from + n; i++) {
		const struct mpage *a = &m[from], *p = &m[i];

		if (!p->is_mapped || p->prot != a->prot || p->file != a->file || p->is_shared != a->is_shared || (a->file >= 0 && p->idx != a->idx + (i - from)))
			return false;
	}
	return true;
}

static void op_remap(void)
{
	unsigned from = rnd(W), n = rnd_len(from), to = rnd(W), n2 = rnd(2) ? n : rnd_len(to), i;
	bool keep = rnd(6) == 0;
	static struct mpage old[W];
	vaddr_t at = 0;
	int r;

	if (keep)
		n2 = n;
	if (to + n2 > W)
		return;
	if (rnd(2) && !(from & 511))	/* aligned moves: blocks go as blocks */
		to &= ~511u;
	r = aspace_remap(as, va_of(from), n * PAGE_SIZE, n2 * PAGE_SIZE, 1 | 2 | (keep ? 4 : 0), va_of(to), &at);
	if (from < to + n2 && to < from + n) {
		CHECK(r == -EINVAL);
		return;
	}
	if (r) {	/* several areas (flags may differ where the model sees none) */
		CHECK(r == -EFAULT);
		/* The target is untouched in that case, or gone if the check came after: look. */
		return;
	}
	CHECK(is_uniform(from, MIN(n, n2)) && at == va_of(to));
	memcpy(old, m, sizeof(m));
	for (i = 0; i < n2; i++) {
		m[to + i] = i < n ? old[from + i] : (struct mpage){ .is_mapped = true, .prot = old[from].prot, .is_shared = old[from].is_shared, .file = old[from].file };
		if (i >= n && old[from].file >= 0)
			m[to + i].idx = old[from].idx + i;
	}
	for (i = 0; i < n; i++) {
		if (keep && i < n2) {
			m[from + i].is_own = false;
			m[from + i].value = 0;
		} else {
			m[from + i] = (struct mpage){ 0 };
		}
	}
}

static void op_grow(void)
{
	unsigned from = rnd(W), n = MIN(1 + rnd(10), W - from), n2, i;
	vaddr_t at;
	int r;

	n2 = MIN(n + rnd(20), W - from);
	r = aspace_remap(as, va_of(from), n * PAGE_SIZE, n2 * PAGE_SIZE, 0, 0, &at);
	if (r) {
		CHECK(r == -ENOMEM || r == -EFAULT);
		return;
	}
	CHECK(is_uniform(from, n) && at == va_of(from));
	for (i = n; i < n2; i++) {
		CHECK(!m[from + i].is_mapped);
		m[from + i] = m[from];
		m[from + i].is_own = false;
		m[from + i].value = 0;
		m[from + i].idx = m[from].file >= 0 ? m[from].idx + i : 0;
	}
}

static void op_truncate(void)
{
	int f = (int)rnd(NR_FILES);
	uint64_t old = files[f].nr_pages, n = rnd(3) ? FILE_PAGES : rnd(FILE_PAGES);
	unsigned i;

	files[f].nr_pages = n;
	if (n < old)
		vm_object_unmap(&files[f].o, n, (uint64_t)-1);
	vm_object_refresh(&files[f].o, rnd(FILE_PAGES), rnd(FILE_PAGES));	/* nothing to be seen of it */
	for (i = 0; i < W; i++) {
		if (m[i].is_mapped && m[i].file == f && m[i].idx >= n)
			m[i].is_own = false;
	}
}

static void op_text(void)
{
	unsigned i = rnd(W);
	struct mpage *p = &m[i];
	void *alias;
	int r = aspace_text_lock(as, va_of(i), &alias);

	if (!p->is_mapped || !(p->prot & VM_EXEC)) {
		CHECK(r == -EFAULT);
	} else if (p->file >= 0 && p->is_shared) {
		CHECK(r == -EPERM);
	} else if (is_beyond(p)) {
		CHECK(r == -ENXIO);
	} else {
		CHECK(r == 0);
		if (p->file >= 0 || p->prot & VM_WRITE) {
			CHECK(*(uint32_t *)alias == expected(p));
			p->value = *(uint32_t *)alias = next_value++;
			p->is_own = true;
		} else {
			CHECK(*(uint32_t *)alias == expected(p));
		}
		aspace_text_unlock(as);
	}
}

/* ---- checks --------------------------------------------------------------------------------------------------------- */

static unsigned walk_at, walk_areas;

static bool walk(const struct vm_area_info *a, void *arg)
{
	unsigned i;

	(void)arg;
	walk_areas++;
	for (i = walk_at; va_of(i) < a->start; i++)
		CHECK(!m[i].is_mapped);
	for (; va_of(i) < a->end; i++) {
		CHECK(m[i].is_mapped && m[i].prot == a->prot);
		CHECK((m[i].file >= 0 ? &files[m[i].file].o : NULL) == a->object);
		if (a->object)
			CHECK(m[i].idx == (a->off + (va_of(i) - a->start)) / PAGE_SIZE);
	}
	walk_at = i;
	return true;
}

static void check_all(void)
{
	struct aspace_stats s;
	unsigned i, n = 0;

	walk_at = walk_areas = 0;
	aspace_for_each(as, walk, NULL);
	for (i = 0; i < W; i++) {
		n += m[i].is_mapped;
		CHECK(i < walk_at || !m[i].is_mapped);
	}
	aspace_stats(as, &s);
	CHECK(s.virtual_bytes == n * PAGE_SIZE);
}

static void test_random(unsigned rounds)
{
	unsigned n, k;

	memset(m, 0, sizeof(m));
	for (n = 0; n < rounds; n++) {
		switch (rnd(16)) {
		case 0: case 1: case 2: op_map(); break;
		case 3: op_unmap(); break;
		case 4: case 5: op_protect(); break;
		case 6: op_dontneed(); break;
		case 7: case 8: op_remap(); break;
		case 9: op_grow(); break;
		case 10: op_truncate(); break;
		case 11: op_text(); break;
		default:
			for (k = 0; k < 30; k++)
				rnd(2) ? write_page(rnd(W)) : read_page(rnd(W));
			break;
		}
		if (n % 64 == 0) {
			check_all();
			for (k = 0; k < W; k += 1 + rnd(3))
				read_page(k);
		}
	}
}

/* ---- single cases ---------------------------------------------------------------------------------------------------- */

static int map(vaddr_t hint, size_t len, unsigned prot, unsigned flags, vaddr_t *out)
{
	struct vm_map_request r = { .hint = hint, .len = len, .prot = prot, .flags = flags };

	return aspace_map(as, &r, out);
}

static void test_placement(void)
{
	vaddr_t a, b, c;

	aspace_set_mmap_base(as, 0x7fff00000000);
	CHECK(map(0, PAGE_SIZE, VM_READ, 0, &a) == 0 && a == 0x7fff00000000 - PAGE_SIZE);
	CHECK(map(0, 3 * PAGE_SIZE + 1, VM_READ | VM_WRITE, 0, &b) == 0 && b == a - 4 * PAGE_SIZE);
	CHECK(map(b, PAGE_SIZE, VM_READ, 0, &c) == 0 && c == b - PAGE_SIZE);	/* hint taken: elsewhere */
	CHECK(map(0x10000000, PAGE_SIZE, VM_READ, 0, &c) == 0 && c == 0x10000000);
	CHECK(map(0, 5 * MIB, VM_READ, 0, &c) == 0 && IS_ALIGNED(c, BLOCK_SIZE));
	/* Reservations of terabytes cost nothing; what can never be is refused. */
	CHECK(map(0, 64ul << 40, 0, VM_NORESERVE, &c) == 0);
	CHECK(aspace_protect(as, c + MIB, MIB, VM_READ | VM_WRITE) == 0);
	CHECK(map(0, 1ul << 40, VM_READ | VM_WRITE, 0, &a) == -ENOMEM);
	CHECK(map(0, 1ul << 40, VM_READ | VM_WRITE, VM_NORESERVE, &a) == 0);
	CHECK(map(0, 200ul << 40, 0, VM_NORESERVE, &a) == -ENOMEM);
	CHECK(map(0, 0, VM_READ, 0, &a) == -EINVAL);
	CHECK(map(0, (size_t)-1, VM_READ, 0, &a) == -ENOMEM);
	CHECK(map(0, PAGE_SIZE, VM_READ, VM_FIXED, &a) == -EPERM);
	CHECK(map(0x10001, PAGE_SIZE, VM_READ, VM_FIXED, &a) == -EINVAL);
	CHECK(map(USER_TOP - PAGE_SIZE, PAGE_SIZE, VM_READ, VM_FIXED, &a) == -ENOMEM);
	CHECK(aspace_unmap(as, PAGE_SIZE, USER_TOP - 2 * PAGE_SIZE) == 0);
}

static void test_stack(void)
{
	vaddr_t top = 0x7ff000000000, s, other;
	int e = 0;

	aspace_set_stack_limit(as, 8 * MIB);
	CHECK(map(top - 128 * 1024, 128 * 1024, VM_READ | VM_WRITE, VM_FIXED | VM_GROWSDOWN, &s) == 0);
	CHECK(env_access(as, top - 8, true, &e));
	CHECK(env_access(as, top - 4 * MIB, true, &e));
	CHECK(env_access(as, top - 3 * MIB, true, &e));
	CHECK(!env_access(as, top - 9 * MIB, true, &e) && e == -EFAULT);
	CHECK(map(top - 6 * MIB, PAGE_SIZE, VM_READ, VM_FIXED, &other) == 0);
	CHECK(!env_access(as, top - 6 * MIB + 2 * PAGE_SIZE, true, &e) && e == -EFAULT);	/* too near to the other */
	CHECK(env_access(as, top - 6 * MIB + (300ul << 12), true, &e));
	CHECK(aspace_unmap(as, PAGE_SIZE, USER_TOP - 2 * PAGE_SIZE) == 0);
}

static void test_brk(void)
{
	vaddr_t s = 0x500000001000, other;
	int e = 0;

	aspace_set_brk_start(as, s);
	CHECK(aspace_brk(as, 0) == s);
	CHECK(aspace_brk(as, s + 100) == s + 100);
	CHECK(env_access(as, s + 4095, true, &e));
	CHECK(aspace_brk(as, s + 10 * MIB) == s + 10 * MIB);
	*env_access(as, s + 10 * MIB - 1, true, &e) = 7;
	CHECK(aspace_brk(as, s + 1) == s + 1);
	CHECK(!env_access(as, s + 10 * MIB - 1, true, &e) && e == -EFAULT);
	CHECK(aspace_brk(as, s + 10 * MIB) == s + 10 * MIB && *env_access(as, s + 10 * MIB - 1, false, &e) == 0);
	CHECK(map(s + 11 * MIB, PAGE_SIZE, VM_READ, VM_FIXED, &other) == 0);
	CHECK(aspace_brk(as, s + 12 * MIB) == s + 10 * MIB);
	CHECK(aspace_brk(as, s - 1) == s + 10 * MIB);
	CHECK(aspace_unmap(as, PAGE_SIZE, USER_TOP - 2 * PAGE_SIZE) == 0);
}

static void test_blocks(void)
{
	vaddr_t a, b;
	int e = 0;
	uint64_t before, i;
	struct aspace_stats s;

	CHECK(map(0, 16 * MIB, VM_READ | VM_WRITE, 0, &a) == 0);
	*env_access(as, a, true, &e) = 1;
	aspace_stats(as, &s);
	CHECK(s.resident_bytes == 2 * MIB);
	for (i = 0; i < 16 * MIB; i += PAGE_SIZE)
		*env_access(as, a + i, true, &e) = (uint8_t)(i >> 12);
	CHECK(s.nr_faults + 7 >= 8);
	/* A block moves as it is, or in pages, with its content. */
	CHECK(aspace_remap(as, a, 16 * MIB, 16 * MIB, 3, a - 64 * MIB, &b) == 0);
	CHECK(aspace_remap(as, b, 16 * MIB, 16 * MIB, 3, a + PAGE_SIZE, &b) == 0 && b == a + PAGE_SIZE);
	for (i = 0; i < 16 * MIB; i += PAGE_SIZE)
		CHECK(*env_access(as, b + i, false, &e) == (uint8_t)(i >> 12));
	before = env_free_bytes();
	CHECK(aspace_advise(as, b, 16 * MIB, 4) == 0);
	CHECK(env_free_bytes() >= before + 16 * MIB);
	CHECK(*env_access(as, b, false, &e) == 0);
	CHECK(aspace_unmap(as, PAGE_SIZE, USER_TOP - 2 * PAGE_SIZE) == 0);
	aspace_stats(as, &s);
	CHECK(s.resident_bytes == 0 && s.virtual_bytes == 0);
}

static void test_limits(void)
{
	unsigned i, n = 0;
	vaddr_t a;
	struct vm_area_info info;
	struct vm_map_request kernel = { .hint = 0x600000000000, .len = PAGE_SIZE, .prot = VM_READ, .flags = VM_FIXED | VM_KERNEL };

	/* Areas that cannot merge, up to the limit; then an unmap that needs one more fails, one that does not succeeds. */
	for (i = 0; i < 70000; i++) {
		int r = map(BASE + 4 * i * PAGE_SIZE, 3 * PAGE_SIZE, i % 2 ? VM_READ : 0, VM_FIXED, &a);

		if (r) {
			CHECK(r == -ENOMEM);
			break;
		}
		n++;
	}
	CHECK(n == 65530);
	CHECK(aspace_unmap(as, BASE + PAGE_SIZE, PAGE_SIZE) == -ENOMEM);
	CHECK(aspace_protect(as, BASE + PAGE_SIZE, PAGE_SIZE, VM_READ) == -ENOMEM);
	CHECK(aspace_unmap(as, BASE, PAGE_SIZE) == 0);
	CHECK(aspace_unmap(as, PAGE_SIZE, USER_TOP - 2 * PAGE_SIZE) == 0);
	CHECK(aspace_map(as, &kernel, &a) == 0);
	/* What is the kernel's stays, and all around it goes. */
	CHECK(aspace_unmap(as, a, PAGE_SIZE) == 0);
	for (i = 0; i < 3; i++)
		CHECK(map(a + (2 * i - 2) * PAGE_SIZE + (i == 1 ? PAGE_SIZE : 0), PAGE_SIZE, VM_READ, VM_FIXED, &(vaddr_t){ 0 }) == 0);
	CHECK(aspace_unmap(as, a - 4 * PAGE_SIZE, 8 * PAGE_SIZE) == 0);
	for (i = 0; i < 8; i++)
		CHECK(aspace_lookup(as, a + (i - 4ul) * PAGE_SIZE, &info) == (i == 4));
	CHECK(aspace_protect(as, a, PAGE_SIZE, VM_READ | VM_WRITE) == -EPERM);
	CHECK(map(a, PAGE_SIZE, VM_READ, VM_FIXED, &a) == -EPERM);
}

static void test_oom(void)
{
	vaddr_t a, va;
	int e = 0;

	CHECK(map(0, 64 * MIB, VM_READ | VM_WRITE, VM_NOHUGE | VM_NORESERVE, &a) == 0);
	for (va = a; va < a + 64 * MIB; va += PAGE_SIZE) {
		if (!env_access(as, va, true, &e))
			break;
	}
	CHECK(va < a + 64 * MIB && e == -ENOMEM);
	CHECK(aspace_unmap(as, a, 64 * MIB) == 0);
	CHECK(map(0, MIB, VM_READ | VM_WRITE, 0, &a) == 0 && env_access(as, a, true, &e));
	CHECK(aspace_unmap(as, a, MIB) == 0);
}

int main(int argc, char **argv)
{
	static const struct mem_range bank = { 0, 60 * MIB };
	struct page_stats s;
	uint64_t before;
	int f;

	srand(argc > 1 ? (unsigned)atoi(argv[1]) : 3);
	env_init(64 * MIB, 0, &bank, 1, NULL, 0);
	make_files();
	before = env_free_bytes();
	as = aspace_create();
	CHECK(as);
	test_placement();
	test_stack();
	test_brk();
	test_blocks();
	test_oom();
	test_random(argc > 2 ? (unsigned)atoi(argv[2]) : 40000);
	CHECK(aspace_unmap(as, PAGE_SIZE, USER_TOP - 2 * PAGE_SIZE) == 0);
	test_limits();
	aspace_destroy(as);
	for (f = 0; f < NR_FILES; f++) {
		CHECK(files[f].refs == 0 && !files[f].o.mappings.first);
		for (uint64_t i = 0; i < FILE_PAGES; i++)
			CHECK(page_count(files[f].pa + i * PAGE_SIZE) == 1);
	}
	page_stats(&s);
	CHECK(s.anon_bytes == 0);
	CHECK(env_free_bytes() + 16 * PAGE_SIZE >= before);	/* but for the heap's active slabs and the root */
	puts("ok");
	return 0;
}
