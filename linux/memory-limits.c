/* SPDX-License-Identifier: MIT
 *
 * See memory-limits.h; and the calls that lock memory. The counting is mmu/limits.c.
 */
#include "linux/memory-limits.h"

#include "fs/cred.h"
#include "linux/sys-util.h"
#include "mmu/aspace.h"
#include "mmu/page.h"

/* Asked with the address space's lock held: looks, and does not sleep. */
static bool may_lock_memory(void)
{
	return capable(CAP_IPC_LOCK);
}

/* ---- vm.overcommit_memory ---------------------------------------------------------------------------------------------------------------- */

uint32_t memory_overcommit, memory_commit_ratio = 50;
uint64_t memory_commit_kbytes, memory_admin_kbytes = 8192, memory_user_kbytes = 131072;

uint64_t memory_commit_limit(void)
{
	uint64_t kbytes = atomic_load(&memory_commit_kbytes, RELAXED);
	struct page_stats s;

	if (kbytes)
		return ALIGN_DOWN(kbytes * 1024, PAGE_SIZE);
	page_stats(&s);
	return ALIGN_DOWN(s.total_bytes / 100 * atomic_load(&memory_commit_ratio, RELAXED), PAGE_SIZE);
}

/* Linux' vm_enough_memory: a process leaves a 32nd of its size to others. */
static uint64_t commit_limit(uint64_t virtual_bytes)
{
	uint64_t limit = memory_commit_limit(), kept = MIN(virtual_bytes / 32, atomic_load(&memory_user_kbytes, RELAXED) * 1024);

	if (!capable(CAP_SYS_ADMIN))
		kept += atomic_load(&memory_admin_kbytes, RELAXED) * 1024;
	return limit - MIN(limit, kept);
}

void memory_set_limits(struct process *p)
{
	struct aspace_limits l = { p->rlimits[RLIMIT_AS].cur, p->rlimits[RLIMIT_DATA].cur, p->rlimits[RLIMIT_MEMLOCK].cur, may_lock_memory,
				   atomic_load(&memory_overcommit, RELAXED) == 2 ? commit_limit : NULL };

	aspace_set_limits(p->aspace, &l);
}

bool memory_may_lock(void)
{
	return process_current()->rlimits[RLIMIT_MEMLOCK].cur || may_lock_memory();
}

bool memory_brk_is_beyond_limit(vaddr_t new_brk)
{
	struct process *p = process_current();
	uint64_t limit = p->rlimits[RLIMIT_DATA].cur;
	struct aspace_stats s;

	aspace_stats(p->aspace, &s);
	return new_brk > s.brk_start && new_brk - s.brk_start + (p->end_data - p->start_data) > limit;
}

/* ---- mlock(2) ------------------------------------------------------------------------------------------------------------------------ */

#define MLOCK_ONFAULT	1l
#define MCL_CURRENT	1l
#define MCL_FUTURE	2l
#define MCL_ONFAULT	4l

/* The pages that [addr, addr + len) touches. */
static long set_lock(long addr, long len, unsigned set)
{
	vaddr_t start = ALIGN_DOWN((vaddr_t)addr, PAGE_SIZE);
	size_t bytes = ALIGN_UP((size_t)len + ((vaddr_t)addr - start), PAGE_SIZE);

	if (set && !memory_may_lock())
		return -EPERM;
	if (start + bytes < start)
		return -EINVAL;
	return aspace_lock(process_current()->aspace, start, bytes, set);
}

long sys_mlock(long addr, long len)
{
	return set_lock(addr, len, VM_LOCKED);
}

long sys_mlock2(long addr, long len, long flags)
{
	if (flags & ~MLOCK_ONFAULT)
		return -EINVAL;
	return set_lock(addr, len, flags ? VM_LOCKED | VM_LOCK_ONFAULT : VM_LOCKED);
}

long sys_munlock(long addr, long len)
{
	return set_lock(addr, len, 0);
}

long sys_mlockall(long flags)
{
	unsigned set = flags & MCL_ONFAULT ? VM_LOCKED | VM_LOCK_ONFAULT : VM_LOCKED;

	if (!flags || flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) || flags == MCL_ONFAULT)
		return -EINVAL;
	if (!memory_may_lock())
		return -EPERM;
	return aspace_lock_all(process_current()->aspace, flags & MCL_CURRENT, set, flags & MCL_FUTURE ? set : 0);
}

long sys_munlockall(void)
{
	return aspace_lock_all(process_current()->aspace, true, 0, 0);
}
