/* SPDX-License-Identifier: MIT
 *
 * How much memory a process may have and lock: RLIMIT_AS, RLIMIT_DATA, RLIMIT_MEMLOCK (setrlimit(2)), mlock(2) and its kin. What an address space has is counted here, when a
 * limit is in force or memory is locked, by a walk over its areas: nothing is counted on the way of those that have no limits.
 */
#include "mmu/aspace-priv.h"

#include "mmu/fault.h"

#define NO_LIMIT	(~0ull)

bool aspace_commits_all;

void aspace_set_limits(struct aspace *as, const struct aspace_limits *l)
{
	rwlock_write_lock(&as->lock);
	as->limits = *l;
	as->is_limited = l->bytes != NO_LIMIT || l->data_bytes != NO_LIMIT || l->commit_limit || as->lock_future;
	rwlock_write_unlock(&as->lock);
}

/* What mlock(2) says is locked in [start, end). */
static uint64_t locked_bytes(struct aspace *as, vaddr_t start, vaddr_t end)
{
	uint64_t bytes = 0;

	for (struct area *a = area_find(as, start); a && a->node.start < end; a = area_next(a)) {
		if (a->flags & VM_LOCKED)
			bytes += MIN(end, a->node.end) - MAX(start, a->node.start);
	}
	return bytes;
}

/* Private, writable, no stack: what counts as data. */
static bool is_data(unsigned prot, unsigned flags)
{
	return prot & VM_WRITE && !(flags & (VM_SHARED | VM_GROWSDOWN));
}

static uint64_t data_bytes(struct aspace *as, vaddr_t start, vaddr_t end)
{
	uint64_t bytes = 0;

	for (struct area *a = area_find(as, start); a && a->node.start < end; a = area_next(a)) {
		if (is_data(a->prot, a->flags))
			bytes += MIN(end, a->node.end) - MAX(start, a->node.start);
	}
	return bytes;
}

/* Memory that is promised with the area, whether it is touched or not. */
static bool is_promised(unsigned prot, unsigned flags)
{
	return prot & VM_WRITE && !(flags & (VM_SHARED | VM_NORESERVE | VM_KERNEL));
}

static uint64_t promised_bytes(struct aspace *as, vaddr_t start, vaddr_t end)
{
	uint64_t bytes = 0;

	for (struct area *a = area_find(as, start); a && a->node.start < end; a = area_next(a)) {
		if (is_promised(a->prot, a->flags))
			bytes += MIN(end, a->node.end) - MAX(start, a->node.start);
	}
	return bytes;
}

/* more bytes of such an area, in the place of gone that were promised. */
static bool may_promise(struct aspace *as, uint64_t more, uint64_t gone)
{
	return promised_bytes(as, 0, TASK_END) - gone + more < as->limits.commit_limit(as->nr_virtual << PAGE_SHIFT);
}

uint64_t aspace_committed(struct aspace *as)
{
	uint64_t bytes;

	rwlock_read_lock(&as->lock);
	bytes = promised_bytes(as, 0, TASK_END);
	rwlock_read_unlock(&as->lock);
	return bytes;
}

static bool fits(uint64_t limit, uint64_t have, uint64_t more)
{
	return limit == NO_LIMIT || (have <= limit && more <= ALIGN_DOWN(limit, PAGE_SIZE) - MIN(have, ALIGN_DOWN(limit, PAGE_SIZE)));
}

static bool may_lock(struct aspace *as, uint64_t have, uint64_t more)
{
	return fits(as->limits.lock_bytes, have, more) || (as->limits.may_lock && as->limits.may_lock());
}

/* Bytes of areas in [start, end). */
static uint64_t mapped_bytes(struct aspace *as, vaddr_t start, vaddr_t end)
{
	uint64_t bytes = 0;

	for (struct area *a = area_find(as, start); a && a->node.start < end; a = area_next(a))
		bytes += MIN(end, a->node.end) - MAX(start, a->node.start);
	return bytes;
}

int area_check_limits(struct aspace *as, unsigned prot, unsigned flags, uint64_t more, vaddr_t start, vaddr_t end)
{
	if (flags & VM_KERNEL)
		return 0;
	if (flags & VM_LOCKED && !may_lock(as, locked_bytes(as, 0, TASK_END), more))
		return -EAGAIN;
	if (as->limits.bytes != NO_LIMIT && !fits(as->limits.bytes, (as->nr_virtual << PAGE_SHIFT) - mapped_bytes(as, start, end), more))
		return -ENOMEM;
	if (as->limits.data_bytes != NO_LIMIT && is_data(prot, flags) &&
	    !fits(as->limits.data_bytes, data_bytes(as, 0, TASK_END) - data_bytes(as, start, end), more))
		return -ENOMEM;
	if (as->limits.commit_limit && is_promised(prot, flags) && !may_promise(as, more, promised_bytes(as, start, end)))
		return -ENOMEM;
	return 0;
}

bool area_may_become_data(const struct area *a, uint64_t bytes, unsigned prot)
{
	struct aspace *as = a->as;

	if (as->limits.commit_limit && !is_promised(a->prot, a->flags) && is_promised(prot, a->flags) && !may_promise(as, bytes, 0))
		return false;
	return as->limits.data_bytes == NO_LIMIT || is_data(a->prot, a->flags) || !is_data(prot, a->flags) ||
	       fits(as->limits.data_bytes, data_bytes(as, 0, TASK_END), bytes);
}

/* ---- locking --------------------------------------------------------------------------------------------------------------------------- */

/* Fault in [start, end), of one area with these properties. What mlock(2) tells of what cannot be. */
static int fill_area(struct aspace *as, vaddr_t start, vaddr_t end, unsigned prot, unsigned flags)
{
	enum fault_access access = prot & VM_WRITE && !(flags & VM_SHARED) ? FAULT_WRITE : prot & VM_READ ? FAULT_READ : FAULT_EXEC;

	if (!(prot & VM_PROT_MASK))
		return -ENOMEM;
	for (vaddr_t va = start; va < end && !is_ending(); va += PAGE_SIZE) {
		int r = page_reserve_is_used() ? -ENOMEM : mmu_fault(as, va, access);

		if (r)
			return r == -ENOMEM ? -EAGAIN : -ENOMEM;
	}
	return 0;
}

int aspace_fill_locked(struct aspace *as, vaddr_t start, vaddr_t end, bool goes_on)
{
	while (start < end && !is_ending()) {
		struct area *a;
		vaddr_t from, to;
		unsigned prot, flags;
		int r;

		rwlock_read_lock(&as->lock);
		a = area_find(as, start);
		if (!a || a->node.start >= end) {
			rwlock_read_unlock(&as->lock);
			return 0;
		}
		from = MAX(start, a->node.start);
		to = MIN(end, a->node.end);
		prot = a->prot;
		flags = a->flags;
		rwlock_read_unlock(&as->lock);
		start = to;
		if (!(flags & VM_LOCKED) || flags & VM_LOCK_ONFAULT)
			continue;
		r = fill_area(as, from, to, prot, flags);
		if (r && !goes_on)
			return r;
	}
	return 0;
}

/* The flags of all areas in [start, end), up to the first hole: -ENOMEM then. Those of the kernel are never locked. */
static int set_locked(struct aspace *as, vaddr_t start, vaddr_t end, unsigned set, struct area_graves *g)
{
	struct area *a = area_find(as, start);
	vaddr_t at = start;

	if (!a || a->node.start > start)
		return -ENOMEM;
	while (at < end) {
		if (!a || a->node.start > at)
			return -ENOMEM;
		if (!(a->flags & VM_KERNEL) && (a->flags & VM_LOCK_MASK) != set) {
			if (area_split(a, at))
				return -ENOMEM;
			a = area_find(as, at);
			if (area_split(a, end))
				return -ENOMEM;
			a = area_find(as, at);
			a->flags = (a->flags & ~VM_LOCK_MASK) | set;
			area_merge(a, g);
			a = area_find(as, at);
		}
		at = a->node.end;
		a = area_next(a);
	}
	return 0;
}

int aspace_lock(struct aspace *as, vaddr_t start, uint64_t len, unsigned set)
{
	struct area_graves g = { NULL };
	int r = -ENOMEM;

	if (!len)
		return 0;
	if (len > TASK_END || start > TASK_END - len)
		return -ENOMEM;
	rwlock_write_lock(&as->lock);
	if (!set || may_lock(as, locked_bytes(as, 0, TASK_END) - locked_bytes(as, start, start + len), len))
		r = set_locked(as, start, start + len, set, &g);
	rwlock_write_unlock(&as->lock);
	area_graves_empty(&g);
	return r || !set ? r : aspace_fill_locked(as, start, start + len, false);
}

int aspace_lock_all(struct aspace *as, bool is_current, unsigned now, unsigned future)
{
	struct area_graves g = { NULL };
	struct area *a;
	int r = 0;

	rwlock_write_lock(&as->lock);
	if (is_current && now && !may_lock(as, 0, as->nr_virtual << PAGE_SHIFT)) {
		r = -ENOMEM;
		goto out;
	}
	as->lock_future = future;
	as->is_limited = as->limits.bytes != NO_LIMIT || as->limits.data_bytes != NO_LIMIT || as->limits.commit_limit || future;
	if (!is_current)
		goto out;
	for (a = area_of(as->tree.first); a; a = area_next(a)) {
		vaddr_t at = a->node.start;

		if (a->flags & VM_KERNEL)
			continue;
		a->flags = (a->flags & ~VM_LOCK_MASK) | now;
		area_merge(a, &g);
		a = area_find(as, at);
	}
out:
	rwlock_write_unlock(&as->lock);
	area_graves_empty(&g);
	if (!r && is_current && now)
		(void)aspace_fill_locked(as, 0, TASK_END, true);
	return r;
}
