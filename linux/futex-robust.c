/* SPDX-License-Identifier: MIT
 *
 * Robust lists (get_robust_list(2); Linux, Documentation/locking/robust-futex-ABI): mutexes that a thread holds when it ends.
 */
#include "libc/errno.h"
#include "linux/futex-priv.h"
#include "linux/process.h"
#include "linux/syscalls.h"
#include "mmu/user.h"

#define ROBUST_LIST_LIMIT	2048
#define PI_FLAG			1ul	/* in a pointer to an entry: a priority-inheritance mutex */

struct robust_head {
	uint64_t next;		/* of struct robust_head.next of the first entry; the head itself ends the list */
	int64_t futex_offset;
	uint64_t pending;
};

long sys_set_robust_list(long head, long len)
{
	if (len != sizeof(struct robust_head))
		return -EINVAL;
	task_current()->robust_list = (vaddr_t)head;
	return 0;
}

long sys_get_robust_list(long pid, long head, long len)
{
	struct task *t = pid ? task_get(process_current(), (int)pid) : task_current();
	uint64_t list;

	if (!t)
		return -ESRCH;
	list = t->robust_list;
	if (pid)
		task_put(t);
	if (user_store64((uint64_t *)len, sizeof(struct robust_head)))
		return -EFAULT;
	return user_store64((uint64_t *)head, list);
}

/* The word at addr is a mutex that tid may own: say that its owner died, and wake one waiter. */
static void mark_dead_owner(vaddr_t addr, uint32_t tid, bool is_pi, bool is_pending)
{
	uint32_t value, seen;

	if (addr % 4 || user_load32((const uint32_t *)addr, &value))
		return;
	for (;;) {
		if (is_pending && !is_pi && value == 0) {		/* died between the release and the wake */
			(void)futex_wake(addr, 1, FUTEX_BITSET_ANY);
			return;
		}
		if ((value & FUTEX_TID_MASK) != tid)
			return;
		if (!user_range_ok((void *)addr, 4) ||
		    arch_user_cas32((uint32_t *)addr, value, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED, &seen))
			return;
		if (seen == value)
			break;
		value = seen;
	}
	/* The waiters of a priority-inheritance mutex: futex_pi_exit(). */
	if ((value & FUTEX_WAITERS) && !is_pi)
		(void)futex_wake(addr, 1, FUTEX_BITSET_ANY);
}

static void exit_robust(struct task *t)
{
	struct robust_head head;
	uint64_t entry, next, pending;

	if (!t->robust_list || copy_from_user(&head, (const void *)t->robust_list, sizeof(head)))
		return;
	entry = head.next;
	pending = head.pending;
	for (unsigned n = 0; (entry & ~PI_FLAG) != t->robust_list && n < ROBUST_LIST_LIMIT; n++) {
		int r = user_load64((const uint64_t *)(entry & ~PI_FLAG), &next);

		if ((entry & ~PI_FLAG) != (pending & ~PI_FLAG))
			mark_dead_owner((entry & ~PI_FLAG) + (uint64_t)head.futex_offset, (uint32_t)t->tid, entry & PI_FLAG, false);
		if (r)
			break;
		entry = next;
	}
	if (pending & ~PI_FLAG)
		mark_dead_owner((pending & ~PI_FLAG) + (uint64_t)head.futex_offset, (uint32_t)t->tid, pending & PI_FLAG, true);
	t->robust_list = 0;
}

void futex_exit(struct task *t)
{
	exit_robust(t);
	futex_pi_exit(t);
}
