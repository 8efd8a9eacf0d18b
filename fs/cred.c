/* SPDX-License-Identifier: MIT
 *
 * Credentials: copies, references, groups (cred.h).
 */
#include "fs/cred.h"

#include "libc/atomic.h"
#include "libc/string.h"
#include "mmu/heap.h"

const struct cred cred_of_kernel = { .refs = 1, .effective = CAP_ALL, .permitted = CAP_ALL, .bounding = CAP_ALL };
static uint64_t last_id;		/* [a] */

bool cred_in_group(const struct cred *c, uint32_t gid)
{
	uint32_t low = 0, high = c->nr_groups;

	if (gid == c->fsgid)
		return true;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (c->groups[middle] < gid)
			low = middle + 1;
		else
			high = middle;
	}
	return low < c->nr_groups && c->groups[low] == gid;
}

struct cred *cred_copy_groups(const struct cred *from, uint32_t nr_groups)
{
	struct cred *c = kmalloc(sizeof(*c) + nr_groups * sizeof(c->groups[0]));

	if (!c)
		return NULL;
	*c = *from;
	c->refs = 1;
	c->nr_groups = nr_groups;
	return c;
}

struct cred *cred_copy(const struct cred *from)
{
	struct cred *c = cred_copy_groups(from, from->nr_groups);

	if (c)
		memcpy(c->groups, from->groups, from->nr_groups * sizeof(c->groups[0]));
	return c;
}

void cred_free(struct cred *c)
{
	kfree(c);
}

static void free_rcu(struct rcu_head *head)
{
	kfree(container_of(head, struct cred, rcu));
}

void cred_put(const struct cred *c)
{
	struct cred *mine = (struct cred *)c;

	if (c == &cred_of_kernel)	/* not counted: threads that act as the kernel have NULL */
		return;
	/* acq_rel: all uses before the free. Pairs: the other cred_put()s */
	if (atomic_fetch_sub(&mine->refs, 1u, ACQ_REL) == 1)
		rcu_defer(&mine->rcu, free_rcu);
}

const struct cred *cred_override(struct cred *c)
{
	struct thread *me = thread_current();
	const struct cred *old = me->cred;
	bool is_free = cred_has(c, CAP_DAC_OVERRIDE) || cred_has(c, CAP_DAC_READ_SEARCH);

	c->id = is_free ? 0 : atomic_fetch_add(&last_id, 1ull, RELAXED) + 1;
	rcu_assign(me->cred, c);
	return old;
}

void cred_revert(const struct cred *old)
{
	const struct cred *c = thread_current()->cred;

	rcu_assign(thread_current()->cred, old);
	cred_put(c);
}

void cred_commit(struct cred *c)
{
	const struct cred *old = cred_override(c);

	if (old)
		cred_put(old);
}

void cred_inherit(struct thread *t)
{
	struct cred *c = (struct cred *)thread_current()->cred;

	if (c)
		atomic_fetch_add(&c->refs, 1u, RELAXED);
	t->cred = c;
}

void cred_drop(struct thread *t)
{
	const struct cred *c = t->cred;

	if (!c)
		return;
	rcu_assign(t->cred, NULL);
	cred_put(c);
}

/* False: its last reference has gone. RCU held. */
static bool try_ref(const struct cred *c)
{
	uint32_t *refs = &((struct cred *)c)->refs, n = atomic_load(refs, RELAXED);

	while (n)
		if (atomic_cas(refs, &n, n + 1, RELAXED))
			return true;
	return false;
}

const struct cred *cred_get_of(struct thread *t)
{
	const struct cred *c;

	rcu_read_lock();
	/* Whoever drops a thread's reference has put something else in its place before. */
	do
		c = rcu_deref(t->cred);
	while (c && !try_ref(c));
	rcu_read_unlock();
	return c ? c : &cred_of_kernel;
}
