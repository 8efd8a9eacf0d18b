// SPDX-License-Identifier: MIT
/* System calls on the address space. */
#include <arch/abi.h>

#include "libc/string.h"
#include "linux/memory-limits.h"
#include "linux/sys-util.h"
#include "linux/veneer.h"
#include "mmu/aspace.h"
#include "mmu/heap.h"
#include "mmu/page.h"

/* mmap(2), asm-generic numbers: the same on both ports but for those that neither uses. */
#define PROT_MASK		0x0000000fl	/* and PROT_SEM; PROT_MTE is 0x20 */
#define PROT_BTI		0x10l
#define PROT_GROWSDOWN		0x01000000l
#define PROT_GROWSUP		0x02000000l
#define MAP_SHARED		0x01l
#define MAP_PRIVATE		0x02l
#define MAP_SHARED_VALIDATE	0x03l
#define MAP_TYPE		0x0fl
#define MAP_FIXED		0x10l
#define MAP_ANONYMOUS		0x20l
#define MAP_GROWSDOWN		0x100l
#define MAP_LOCKED		0x2000l
#define MAP_NORESERVE		0x4000l
#define MAP_POPULATE		0x8000l
#define MAP_NONBLOCK		0x10000l
#define MAP_HUGETLB		0x40000l
#define MAP_SYNC		0x80000l
#define MAP_FIXED_NOREPLACE	0x100000l
/*
 * What MAP_SHARED_VALIDATE lets through: the flags of before it, MAP_UNINITIALIZED and the sizes of huge pages among them. MAP_FIXED_NOREPLACE and MAP_SYNC came later, and no
 * file here is in persistent memory.
 */
#define MAP_LEGACY		(0x0407f933l | 21l << 26 | 30l << 26 | ABI_MAP_32BIT)

/* personality(2): what programs of old take for granted. */
static unsigned implied_prot(long prot)
{
	return prot & VM_READ && task_current()->personality & PERSONALITY_READ_IMPLIES_EXEC ? VM_EXEC : 0;
}

static unsigned vm_flags(long flags)
{
	unsigned vm = (flags & MAP_TYPE) != MAP_PRIVATE ? VM_SHARED : 0;

	if (likely(!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_GROWSDOWN | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE))))
		return vm;
	if (flags & MAP_FIXED_NOREPLACE)
		vm |= VM_FIXED_NOREPLACE;
	else if (flags & MAP_FIXED)
		vm |= VM_FIXED;
	if (flags & MAP_GROWSDOWN)
		vm |= VM_GROWSDOWN;
	if (flags & MAP_LOCKED)
		vm |= VM_LOCKED;
	if (flags & MAP_NORESERVE && atomic_load(&memory_overcommit, RELAXED) != 2)
		vm |= VM_NORESERVE;
	if (flags & MAP_POPULATE && !(flags & MAP_NONBLOCK))
		vm |= VM_POPULATE;
	return vm;
}

/* The object that shows [off, off + len) of fd, and what it may ever be protected to. */
static long file_object(long fd, long prot, bool is_shared, uint64_t off, size_t len, struct vm_map_request *req)
{
	struct file *f = fd_file(fd);
	unsigned access;
	long r = -EACCES;

	if (!f)
		return -EBADF;
	access = f->flags & O_ACCMODE;
	if (f->flags & O_PATH)
		r = -EBADF;
	else if (!FILE_MAY_READ(access) || (is_shared && prot & VM_WRITE && access != O_RDWR))
		r = -EACCES;
	else if (!f->ops->map)
		r = -ENODEV;
	else if (prot & VM_EXEC && file_is_noexec(f))
		r = -EPERM;
	else
		r = f->ops->map(f, off, len, (unsigned)prot & VM_PROT_MASK, is_shared, &req->object);
	req->max_prot = is_shared && access != O_RDWR ? VM_READ | VM_EXEC : 0;
	if (unlikely(file_is_noexec(f)))
		req->max_prot = (req->max_prot ? req->max_prot : VM_READ | VM_WRITE) & ~VM_EXEC;
	file_put(f);
	return r;
}

/* Room for a mapping that must lie in the first 2 GiB (MAP_32BIT): where Linux looks for it. */
#define LOW_START	(1ul << 30)
#define LOW_END		(2ul << 30)

struct low_gap {
	vaddr_t at;
	size_t len;
};

static bool look_below_2g(const struct vm_area_info *info, void *arg)
{
	struct low_gap *g = arg;

	if (info->end <= g->at)
		return true;
	if (info->start >= g->at && info->start - g->at >= g->len)
		return false;
	g->at = info->end;
	return g->at < LOW_END;
}

/* Another thread may take the room that was found: look again. */
static int map_low(struct aspace *as, struct vm_map_request *req, vaddr_t *where)
{
	int r = -EEXIST;

	for (int tries = 0; tries < 8 && r == -EEXIST; tries++) {
		struct low_gap g = { .at = LOW_START, .len = ALIGN_UP(req->len, PAGE_SIZE) };

		aspace_for_each(as, look_below_2g, &g);
		if (g.at >= LOW_END || LOW_END - g.at < g.len)
			return -ENOMEM;
		req->hint = g.at;
		req->flags |= VM_FIXED_NOREPLACE;
		r = aspace_map(as, req, where);
	}
	return r == -EEXIST ? -ENOMEM : r;
}

long sys_mmap(long addr, long len, long prot, long flags, long fd, long off)
{
	struct aspace *as = process_current()->aspace;
	struct vm_map_request req = { .hint = (vaddr_t)addr, .len = (size_t)len,
				      .prot = (unsigned)prot & VM_PROT_MASK, .flags = vm_flags(flags),
				      .off = (uint64_t)off };
	long type = flags & MAP_TYPE;
	vaddr_t where;
	long r;

	if (!len || off & (long)(PAGE_SIZE - 1) || (type != MAP_SHARED && type != MAP_PRIVATE && type != MAP_SHARED_VALIDATE))
		return -EINVAL;
	if ((size_t)len > USER_TOP || ALIGN_UP((size_t)len, PAGE_SIZE) > USER_TOP)
		return -ENOMEM;
	if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) && addr & (long)(PAGE_SIZE - 1))
		return -EINVAL;
	if (unlikely(flags & MAP_HUGETLB))
		return !(flags & MAP_ANONYMOUS) ? -EINVAL : -ENOMEM;	/* no reserved pool, as on a Linux with nr_hugepages 0; large blocks come by themselves */
	if (type == MAP_SHARED_VALIDATE && flags & MAP_ANONYMOUS)
		return -EINVAL;
	req.prot |= implied_prot(prot);
	if (!(flags & MAP_ANONYMOUS)) {
		if (off < 0 || (uint64_t)off + ALIGN_UP((uint64_t)len, PAGE_SIZE) > (uint64_t)INT64_MAX)
			return -EOVERFLOW;
		r = file_object(fd, req.prot, type != MAP_PRIVATE, (uint64_t)off, (size_t)len, &req);
		if (!r && type == MAP_SHARED_VALIDATE && flags & ~MAP_LEGACY) {
			req.object->ops->unref(req.object);
			r = -EOPNOTSUPP;
		}
		if (r)
			return r;
	} else {
		req.off = 0;
		if (type != MAP_PRIVATE) {
			/* Shared anonymous memory is a nameless file in memory: it survives into a future fork. */
			struct file *f;

			r = memfd_create_file("dev/zero", 0, &f);
			if (r)
				return r;
			r = f->ops->truncate(f, ALIGN_UP((size_t)len, PAGE_SIZE));
			if (!r)
				r = f->ops->map(f, 0, (size_t)len, req.prot, true, &req.object);
			file_put(f);
			if (r)
				return r;
		}
	}
	if (flags & MAP_LOCKED && !memory_may_lock())
		r = -EPERM;
	else if (flags & ABI_MAP_32BIT && !(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)))
		r = map_low(as, &req, &where);
	else
		r = aspace_map(as, &req, &where);
	if (req.object)
		req.object->ops->unref(req.object);	/* the area has its own reference */
	return r ? r : (long)where;
}

long sys_munmap(long addr, long len)
{
	if (addr & (long)(PAGE_SIZE - 1) || !len || !user_range_ok((void *)addr, (size_t)len))
		return -EINVAL;
	return aspace_unmap(process_current()->aspace, (vaddr_t)addr, (size_t)len);
}

long sys_mprotect(long addr, long len, long prot)
{
	long grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
	unsigned reach = grows == PROT_GROWSDOWN ? VM_GROWSDOWN : 0;

	prot &= ~grows;
	if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || addr & (long)(PAGE_SIZE - 1))
		return -EINVAL;
	if (!len)
		return 0;
	if (!user_range_ok((void *)addr, (size_t)len))
		return -ENOMEM;
	/* No memory here grows upwards. */
	if (prot & ~(PROT_MASK | PROT_BTI) || grows == PROT_GROWSUP)
		return -EINVAL;
	return aspace_protect(process_current()->aspace, (vaddr_t)addr, (size_t)len, ((unsigned)prot & VM_PROT_MASK) | implied_prot(prot) | reach);
}

long sys_pkey_mprotect(long addr, long len, long prot, long key)
{
	return key == -1 ? sys_mprotect(addr, len, prot) : -EINVAL;
}

long sys_mremap(long old, long old_len, long new_len, long flags, long new_addr)
{
	vaddr_t where;
	long r;

	if (old & (long)(PAGE_SIZE - 1) || flags & ~7l || !new_len)
		return -EINVAL;
	veneer_move_begin((vaddr_t)old, (size_t)old_len);
	r = aspace_remap(process_current()->aspace, (vaddr_t)old, (size_t)old_len, (size_t)new_len, (unsigned)flags,
			 (vaddr_t)new_addr, &where);
	veneer_move_end();
	return r ? r : (long)where;
}

long sys_madvise(long addr, long len, long advice)
{
	return aspace_advise(process_current()->aspace, (vaddr_t)addr, (size_t)len, (int)advice);
}

#define MS_ASYNC	1
#define MS_INVALIDATE	2
#define MS_SYNC		4

long sys_msync(long addr, long len, long flags)
{
	if (addr & (long)(PAGE_SIZE - 1) || flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) ||
	    (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
		return -EINVAL;
	if (!user_range_ok((void *)addr, (size_t)len))
		return -ENOMEM;
	return aspace_sync(process_current()->aspace, (vaddr_t)addr, (size_t)len, (int)flags);
}

#define MINCORE_BATCH	256ul

long sys_mincore(long addr, long len, long vec)
{
	uint8_t present[MINCORE_BATCH];
	size_t pages;

	if (addr & (long)(PAGE_SIZE - 1))
		return -EINVAL;
	if (!user_range_ok((void *)addr, (size_t)len))
		return -ENOMEM;
	pages = DIV_ROUND_UP((size_t)len, PAGE_SIZE);
	if (!user_range_ok((void *)vec, pages))
		return -EFAULT;
	for (size_t done = 0; done < pages;) {
		size_t n = MIN(MINCORE_BATCH, pages - done);
		int r = aspace_mincore(process_current()->aspace, (vaddr_t)addr + done * PAGE_SIZE, n * PAGE_SIZE, present);

		if (r)
			return r;
		if (copy_to_user((uint8_t *)vec + done, present, n))
			return -EFAULT;
		done += n;
	}
	return 0;
}

long sys_brk(long addr)
{
	struct process *p = process_current();

	if (unlikely(p->rlimits[RLIMIT_DATA].cur != RLIM_INFINITY) && memory_brk_is_beyond_limit((vaddr_t)addr))
		addr = 0;
	return (long)aspace_brk(p->aspace, (vaddr_t)addr);
}
