/* SPDX-License-Identifier: MIT
 *
 * Mapping of the vDSO. Two areas that the application can neither change nor remove:
 *
 *	base - one page		[vvar]	struct vdso_data, read-only
 *	base			[vdso]	the ELF image of linux/vdso/, private (its system-call sites may be rewritten)
 *
 * The pages are made once, at the first use, and shared by all address spaces.
 */
#include "linux/vdso.h"

#include <arch/time.h>

#include "libc/atomic.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "linux/elf.h"
#include "linux/vdso/data.h"
#include "mmu/aspace.h"
#include "mmu/object.h"
#include "mmu/page.h"
#include "sched/clock.h"
#include "sched/mutex.h"

#define VDSO_PAGES_MAX	4

extern const uint8_t vdso_image_start[], vdso_image_end[];

struct pages_object {
	struct vm_object object;	/* first */
	unsigned nr;
	paddr_t page[VDSO_PAGES_MAX];
};

static int get_page(struct vm_object *o, uint64_t idx, bool for_write, struct vm_page *out)
{
	struct pages_object *p = (struct pages_object *)o;

	(void)for_write;
	if (idx >= p->nr)
		return -ENXIO;
	page_get(p->page[idx]);
	*out = (struct vm_page){ .pa = p->page[idx], .is_writable = false };
	return 0;
}

static void keep(struct vm_object *o)
{
	(void)o;
}

static const struct vm_object_ops pages_ops = { .get_page = get_page, .ref = keep, .unref = keep };

static struct pages_object vvar = { .object = { .ops = &pages_ops } }, vdso = { .object = { .ops = &pages_ops } };
static struct mutex lock;			/* making the pages; the last change of the clock is the last to be written */
static struct vdso_data *data;			/* [lock] in the linear map */

/* lock held. As publish() in sched/clock.c writes its own: the set that is not in use, then its number. */
static void write_lines(struct vdso_data *d)
{
	const struct clock_lines *l = clock_lines();
	unsigned from = l->version & 1, version = d->lines.version + 1;

	if (!l->version)
		return;
	if (!version)
		version = 2;
	for (unsigned i = 0; i < CLOCK_PIECES; i++) {
		atomic_store(&d->lines.set[version & 1][i].start, l->set[from][i].start, RELAXED);
		atomic_store(&d->lines.set[version & 1][i].offset, l->set[from][i].offset, RELAXED);
		atomic_store(&d->lines.set[version & 1][i].rate, l->set[from][i].rate, RELAXED);
	}
	atomic_store(&d->lines.version, version, RELEASE);	/* release: the set. Pairs: clock_lines_at */
}

/* Once, before anybody can read it. */
static void write_data(struct vdso_data *d)
{
	const struct arch_timebase *tb = arch_timebase();

	d->shift = tb->shift;
	d->base = tb->base;
	d->mult = tb->mult;
	d->second_recip = 0x44b82fa09b5a53;	/* ceil(2^84 / 10^9) >> 9, as gcc divides by 10^9 */
	d->realtime_offset = clock_realtime_offset();
	write_lines(d);
}

static int make_pages(void)
{
	size_t len = (size_t)(vdso_image_end - vdso_image_start);
	unsigned nr = (unsigned)DIV_ROUND_UP(len, PAGE_SIZE);

	if (data)
		return 0;
	if (nr > VDSO_PAGES_MAX)
		return -ENOEXEC;
	vvar.page[0] = page_alloc(0, PAGE_ZERO);
	if (vvar.page[0] == PADDR_NONE)
		return -ENOMEM;
	for (unsigned i = 0; i < nr; i++) {
		vdso.page[i] = page_alloc(0, PAGE_ZERO);
		if (vdso.page[i] == PADDR_NONE)
			goto err_pages;
		memcpy(phys_to_virt(vdso.page[i]), vdso_image_start + i * PAGE_SIZE, MIN(PAGE_SIZE, len - i * PAGE_SIZE));
		vdso.nr = i + 1;
	}
	vvar.nr = 1;
	data = phys_to_virt(vvar.page[0]);
	write_data(data);
	return 0;

err_pages:
	for (unsigned i = 0; i < vdso.nr; i++)
		page_free(vdso.page[i], 0);
	page_free(vvar.page[0], 0);
	vdso.nr = 0;
	return -ENOMEM;
}

int vdso_map(struct aspace *as, vaddr_t *base)
{
	struct vm_map_request req = { 0 };
	vaddr_t at, code;
	int r;

	mutex_lock(&lock);
	r = make_pages();
	mutex_unlock(&lock);
	if (r)
		return r;
	/* Find room for both, then map them next to each other: nobody else uses this address space yet. */
	req.len = PAGE_SIZE * (1 + vdso.nr);
	r = aspace_map(as, &req, &at);
	if (!r)
		r = aspace_unmap(as, at, req.len);
	if (r)
		return r;
	req = (struct vm_map_request){ .hint = at, .len = PAGE_SIZE, .prot = VM_READ, .flags = VM_KERNEL | VM_FIXED,
				       .object = &vvar.object, .name = "[vvar]" };
	r = aspace_map(as, &req, &at);
	if (r)
		return r;
	req = (struct vm_map_request){ .hint = at + PAGE_SIZE, .len = PAGE_SIZE * vdso.nr, .prot = VM_READ | VM_EXEC,
				       .flags = VM_KERNEL | VM_FIXED, .object = &vdso.object, .name = "[vdso]" };
	r = aspace_map(as, &req, &code);
	if (r)
		return r;
	*base = code;
	return 0;
}

void vdso_clock_changed(void)
{
	mutex_lock(&lock);
	if (data) {
		atomic_store(&data->realtime_offset, clock_realtime_offset(), RELAXED);
		write_lines(data);
	}
	mutex_unlock(&lock);
}

/* ---- the one symbol that the kernel itself needs ---------------------------------------------------------------------- */

struct elf_dyn {
	uint64_t tag, value;
};
struct elf_sym {
	uint32_t name;
	uint8_t info, other;
	uint16_t shndx;
	uint64_t value, size;
};
#define PT_DYNAMIC	2
#define DT_HASH		4
#define DT_STRTAB	5
#define DT_SYMTAB	6

static uint64_t find_symbol(const char *name)
{
	const uint8_t *image = vdso_image_start;
	const struct elf_header *h = (const void *)image;
	const struct elf_phdr *ph = (const void *)(image + h->e_phoff);
	const struct elf_dyn *d = NULL;
	const struct elf_sym *syms = NULL;
	const char *strings = NULL;
	const uint32_t *hash = NULL;

	for (unsigned i = 0; i < h->e_phnum; i++)
		if (ph[i].p_type == PT_DYNAMIC)
			d = (const void *)(image + ph[i].p_offset);
	for (; d && d->tag; d++) {
		if (d->tag == DT_HASH)
			hash = (const void *)(image + d->value);
		else if (d->tag == DT_STRTAB)
			strings = (const char *)(image + d->value);
		else if (d->tag == DT_SYMTAB)
			syms = (const void *)(image + d->value);
	}
	for (unsigned i = 0; hash && strings && syms && i < hash[1]; i++)
		if (strcmp(strings + syms[i].name, name) == 0)
			return syms[i].value;
	return 0;
}

vaddr_t vdso_sigreturn(vaddr_t base)
{
	static uint64_t offset;		/* [a] the same whoever computes it */
	uint64_t o = atomic_load(&offset, RELAXED);

	if (!o) {
		o = find_symbol("__kernel_rt_sigreturn");
		atomic_store(&offset, o, RELAXED);
	}
	return base && o ? base + o : 0;
}
