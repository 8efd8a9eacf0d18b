/* SPDX-License-Identifier: MIT
 *
 * Futexes as locks that the kernel hands over (futex(2), "Priority-inheritance futexes"): LOCK_PI, LOCK_PI2, TRYLOCK_PI, UNLOCK_PI.
 *
 *	word	0: free	   owner's thread number, FUTEX_WAITERS: somebody waits in the kernel, FUTEX_OWNER_DIED
 *
 * UNLOCK_PI writes the next owner's number itself, before it wakes it: nobody can take the lock in between. The next owner is the waiter with the highest realtime
 * priority, the first of these. User space only changes 0 to its own number and back, so all other changes can be made by compare-and-swap with the bucket locked.
 *
 * Who waits for whom is a graph:
 *
 *	waiter's task.pi.blocked  ->  struct futex_pi_waiter  -- owner -->  owner's task, in whose pi.waiters it is
 *
 * A task runs with the highest priority among its waiters', lent ones too, if its own is less (thread_boost()). Whenever an edge or a priority has changed,
 * propagate() computes anew what the owner at its end is lent, and goes on from there while that makes a difference. There is no lock on the whole graph: each step
 * holds the lock of one task, and a step uses what the graph is then. Why the last word is right, when T's priority changes while T's wait goes from owner O to N:
 *
 *	propagate at T			enlist
 *	T's priority = new		waiter.owner = N
 *	full fence			full fence
 *	look at waiter.owner		look at T's priority, for N
 *
 * Of the two looks at least one sees the other's store, so N is computed with the new priority. (Dekker.) What is lent to O meanwhile is taken back by whoever took
 * the waiter off it. A circle is found by who closes it, after it has joined: -EDEADLK (closes_circle()).
 *
 * Locks: bucket, then one task's pi.lock. Only the bucket's holder changes owners. Kernel locks (sched/mutex.h) lend nothing.
 */
#include "libc/errno.h"
#include "linux/deadline.h"
#include "linux/futex-priv.h"
#include "linux/process.h"
#include "linux/syscalls.h"
#include "linux/sys-util.h"
#include "mmu/user.h"
#include "sched/rcu.h"

#define MAX_DEPTH	1024	/* of a chain, as Linux */

/* The word is still old: 0. -EAGAIN: it has changed; -EFAULT. Does not sleep. */
static int change(vaddr_t addr, uint32_t old, uint32_t fresh)
{
	uint32_t seen;
	int r;

	preempt_disable();
	r = arch_user_cas32((uint32_t *)addr, old, fresh, &seen);
	preempt_enable();
	return r ? r : seen == old ? 0 : -EAGAIN;
}

/* ---- the graph ------------------------------------------------------------------------------------------------------ */

/* Whom t waits for, referenced; NULL: nobody. t->pi.lock held, which keeps the waiter's record. */
static struct task *get_next(const struct task *t)
{
	struct task *o = NULL;

	if (!t->pi.blocked)
		return NULL;
	rcu_read_lock();
	o = atomic_load(&t->pi.blocked->owner, RELAXED);
	if (o && !task_try_ref(o))
		o = NULL;
	rcu_read_unlock();
	return o;
}

/* t->pi.lock held. True: what its waiters lend has changed. */
static bool take_loan(struct task *t)
{
	struct futex_pi_waiter *p;
	int most = 0;

	list_for_each(p, &t->pi.waiters, node)
		most = MAX(most, thread_priority(p->task->thread));
	if (most == t->pi.lent)
		return false;
	t->pi.lent = most;
	thread_boost(t->thread, most);
	return true;
}

/* From t (take) on along the chain. */
static void propagate(struct task *t)
{
	struct task *next;

	for (unsigned depth = 0; t && depth < MAX_DEPTH; depth++) {
		next = NULL;
		mutex_lock(&t->pi.lock);
		if (take_loan(t)) {
			atomic_fence(SEQ_CST);	/* seq_cst: the priority before the look at whom it waits for. Pairs: enlist */
			next = get_next(t);
		}
		mutex_unlock(&t->pi.lock);
		task_put(t);
		t = next;
	}
	if (t)
		task_put(t);
}

void futex_pi_priority_changed(struct thread *thread)
{
	struct task *t, *next;

	rcu_read_lock();
	t = READ_ONCE(thread->task);
	if (t && !task_try_ref(t))
		t = NULL;
	rcu_read_unlock();
	if (!t)
		return;
	atomic_fence(SEQ_CST);		/* seq_cst: as in propagate */
	mutex_lock(&t->pi.lock);
	next = get_next(t);
	mutex_unlock(&t->pi.lock);
	task_put(t);
	propagate(next);
}

static bool is_waiting_for(const struct futex_pi_waiter *p, const struct task *o)
{
	const struct futex_pi_waiter *i;

	list_for_each(i, &o->pi.waiters, node)
		if (i == p)
			return true;
	return false;
}

/*
 * Does p, which has just joined, close a circle? The walk believes an edge out of a task only if the edge that led to the task is still there at that moment: who waits
 * cannot release, so both stay, and all that were found before. Two edges of different times may not make a circle.
 */
static bool closes_circle(const struct futex_pi_waiter *p)
{
	const struct task *t = p->task;
	struct task *o = p->owner, *next;

	task_ref(o);
	for (unsigned depth = 0; o && o != t && depth < MAX_DEPTH; depth++) {
		mutex_lock(&o->pi.lock);
		next = is_waiting_for(p, o) ? get_next(o) : NULL;
		p = o->pi.blocked;
		mutex_unlock(&o->pi.lock);
		task_put(o);
		o = next;
	}
	if (!o)
		return false;
	task_put(o);
	return true;
}

static void set_blocked(struct task *t, struct futex_pi_waiter *p)
{
	mutex_lock(&t->pi.lock);
	t->pi.blocked = p;
	mutex_unlock(&t->pi.lock);
}

/* p waits for o now. Bucket locked. False: o has ended. */
static bool enlist(struct futex_pi_waiter *p, struct task *o)
{
	bool is_there;

	mutex_lock(&o->pi.lock);
	is_there = !o->pi.is_gone;
	if (is_there) {
		task_ref(o);
		atomic_store(&p->owner, o, RELAXED);
		list_add_tail(&o->pi.waiters, &p->node);
	}
	mutex_unlock(&o->pi.lock);
	atomic_fence(SEQ_CST);		/* seq_cst: the owner before the look at the waiter's priority, in the caller's propagate(). Pairs: propagate */
	return is_there;
}

/* p waits for its owner no more. Bucket locked. give: the owner. */
static struct task *delist(struct futex_pi_waiter *p)
{
	struct task *o = p->owner;

	mutex_lock(&o->pi.lock);
	list_del(&p->node);
	mutex_unlock(&o->pi.lock);
	atomic_store(&p->owner, NULL, RELAXED);
	return o;
}

/* ---- waiters of one lock. The bucket is locked ---------------------------------------------------------------------- */

void futex_pi_waiter_init(struct futex_pi_waiter *p, vaddr_t addr)
{
	*p = (struct futex_pi_waiter){
		.w = { .thread = thread_current(), .bitset = FUTEX_BITSET_ANY, .pi = p }, .task = task_current(), .addr = addr,
	};
}

struct futex_waiter *futex_pi_best(const struct futex_bucket *b, const struct futex_key *key, unsigned *nr)
{
	struct futex_waiter *w, *best = NULL;
	int best_priority = -1, priority;

	*nr = 0;
	list_for_each(w, &b->waiters, node) {
		if (!futex_key_equal(&w->key, key))
			continue;
		(*nr)++;
		priority = thread_priority(w->thread);
		if (priority > best_priority) {
			best = w;
			best_priority = priority;
		}
	}
	return best;
}

void futex_pi_give_up(struct futex_waiter *w)
{
	if (!w->pi->owner)
		return;
	set_blocked(w->pi->task, NULL);
	propagate(delist(w->pi));
}

/* Its owner is gone and nobody can say who has the lock now: have p look itself. p waits for nobody. */
static void look_again(struct futex_pi_waiter *p)
{
	p->has_to_retry = true;
	set_blocked(p->task, NULL);
	futex_wake_waiter(&p->w);
}

/* All that wait for the lock wait for `to` now. */
static void move_waiters(struct futex_bucket *b, const struct futex_key *key, struct task *to)
{
	struct task *from = NULL, *old;
	struct futex_waiter *w, *next;

	list_for_each_safe(w, next, &b->waiters, node) {
		if (!futex_key_equal(&w->key, key) || !w->pi || !w->pi->owner || w->pi->owner == to)
			continue;
		old = delist(w->pi);
		if (!to || !enlist(w->pi, to))
			look_again(w->pi);
		if (from && old != from)
			propagate(from);
		else if (from)
			task_put(from);
		from = old;
	}
	if (from)
		propagate(from);
	if (to) {
		task_ref(to);
		propagate(to);
	}
}

/* Hand the lock at addr, which holds word, to the best waiter. 0; 1: nobody waits; -EAGAIN, -EFAULT, -EINVAL (an ordinary wait). */
static int hand_over(struct futex_bucket *b, const struct futex_key *key, vaddr_t addr, uint32_t word, uint32_t bits)
{
	unsigned nr;
	struct futex_waiter *w = futex_pi_best(b, key, &nr);
	struct task *heir, *old;
	int r;

	if (!w)
		return 1;
	if (!w->pi || !w->pi->owner)
		return -EINVAL;
	heir = w->pi->task;
	r = change(addr, word, (uint32_t)heir->tid | (nr > 1 ? FUTEX_WAITERS : 0) | bits);
	if (r)
		return r;
	task_ref(heir);
	old = delist(w->pi);
	set_blocked(heir, NULL);
	futex_wake_waiter(w);
	move_waiters(b, key, heir);
	propagate(old);
	task_put(heir);
	return 0;
}

/* ---- lock ----------------------------------------------------------------------------------------------------------- */

/* The first in the queue waits for the owner that the word names; or nobody waits. */
static bool is_consistent(const struct futex_bucket *b, const struct futex_key *key, uint32_t owner)
{
	struct futex_waiter *w;

	list_for_each(w, &b->waiters, node)
		if (futex_key_equal(&w->key, key))
			return w->pi && w->pi->owner && (!owner || (uint32_t)w->pi->owner->tid == owner);
	return true;
}

/* The lock is free: p->task takes it, and who waits (its last owner has died) waits for p->task. */
static int take(const struct futex_pi_waiter *p, struct futex_bucket *b, const struct futex_key *key, uint32_t word, uint32_t bits)
{
	int r = change(p->addr, word, (uint32_t)p->task->tid | (word & (FUTEX_OWNER_DIED | FUTEX_WAITERS)) | bits);

	if (!r && (word & FUTEX_WAITERS))
		move_waiters(b, key, p->task);
	return r;
}

/*
 * The owner that word names has ended. It released its locks, or marked the robust ones, before it went: only if the word is still the same, nobody will ever pass
 * the lock on. -ESRCH; -EAGAIN; -EFAULT.
 */
static int judge_lost_owner(vaddr_t addr, uint32_t word)
{
	uint32_t again;
	int r;

	atomic_fence(ACQUIRE);		/* acquire: that it has ended, before the word. Pairs: task_put, the mutex of futex_pi_exit */
	r = futex_load(addr, &again);
	return r ? r : again == word ? -ESRCH : -EAGAIN;
}

/* o owns the lock. 1, or an error as of futex_pi_claim(). */
static int join(struct futex_pi_waiter *p, const struct futex_key *key, uint32_t word, struct task *o)
{
	struct futex_key old = p->w.key;
	int r = word & FUTEX_WAITERS ? 0 : change(p->addr, word, word | FUTEX_WAITERS);

	if (r)
		return r;
	p->w.key = *key;
	if (!enlist(p, o)) {
		p->w.key = old;
		return judge_lost_owner(p->addr, word | FUTEX_WAITERS);
	}
	set_blocked(p->task, p);
	if (closes_circle(p)) {
		futex_pi_give_up(&p->w);
		p->w.key = old;
		return -EDEADLK;
	}
	task_ref(o);
	propagate(o);
	return 1;
}

int futex_pi_claim(struct futex_pi_waiter *p, struct futex_bucket *b, const struct futex_key *key, uint32_t bits)
{
	uint32_t word, owner;
	struct task *o;
	int r = futex_load(p->addr, &word);

	if (r)
		return r;
	owner = word & FUTEX_TID_MASK;
	if (owner == (uint32_t)p->task->tid)
		return -EDEADLK;
	if (!is_consistent(b, key, owner))
		return -EINVAL;
	if (!owner)
		return take(p, b, key, word, bits);
	o = task_find((int)owner);
	if (!o)
		return judge_lost_owner(p->addr, word);
	r = join(p, key, word, o);
	task_put(o);
	return r;
}

/* Until the lock is ours (0), or p is on b's list (1), or an error. */
static int claim_or_queue(struct futex_pi_waiter *p)
{
	struct futex_bucket *b = p->w.bucket;
	int r;

	do {
		futex_bucket_lock(b);
		r = futex_pi_claim(p, b, &p->w.key, 0);
		if (r == 1) {
			atomic_store(&b->nr_waiters, b->nr_waiters + 1, RELAXED);
			list_add_tail(&b->waiters, &p->w.node);
		}
		mutex_unlock(&b->lock);
		if (r == -EFAULT && !futex_fault_in_writable(p->addr))
			r = -EAGAIN;
	} while (r == -EAGAIN);
	return r;
}

long futex_pi_lock(vaddr_t addr, bool is_private, nsec_t deadline)
{
	struct futex_pi_waiter p;
	int r;

	futex_pi_waiter_init(&p, addr);
	r = futex_make_key(addr, is_private, &p.w.key);
	if (r)
		return r;
	p.w.bucket = futex_bucket_of(&p.w.key);
	for (;;) {
		r = claim_or_queue(&p);
		if (r <= 0)
			return r;
		r = deadline_wait_until("futex-pi", atomic_load(&p.w.is_woken, ACQUIRE), deadline, WAIT_INTERRUPTIBLE);
		if (r && futex_remove_waiter(&p.w))
			return r == -EINTR ? -ERESTARTNOINTR : r;
		if (!p.has_to_retry)
			return 0;
		p.has_to_retry = false;
		p.w.is_woken = 0;
	}
}

static long try_lock(vaddr_t addr, bool is_private)
{
	uint32_t tid = (uint32_t)task_current()->tid, word;
	struct futex_pi_waiter p;
	struct futex_bucket *b;
	struct futex_key key;
	int r = futex_make_key(addr, is_private, &key);

	if (r)
		return r;
	futex_pi_waiter_init(&p, addr);
	b = futex_bucket_of(&key);
	for (;;) {
		futex_bucket_lock(b);
		r = futex_load(addr, &word);
		if (!r && (word & FUTEX_TID_MASK) == tid)
			r = -EDEADLK;
		else if (!r)
			r = word & FUTEX_TID_MASK ? 1 : take(&p, b, &key, word, 0);
		mutex_unlock(&b->lock);
		if (r == 1 && process_pid_exists((int)(word & FUTEX_TID_MASK)))
			return -EAGAIN;
		if (r == 1)
			r = judge_lost_owner(addr, word);
		if (r == -EFAULT && !futex_fault_in_writable(addr))
			r = -EAGAIN;
		if (r != -EAGAIN)
			return r;
	}
}

/* ---- unlock --------------------------------------------------------------------------------------------------------- */

static int unlock_once(struct futex_bucket *b, const struct futex_key *key, vaddr_t addr, uint32_t tid)
{
	uint32_t word;
	int r = futex_load(addr, &word);

	if (r)
		return r;
	if ((word & FUTEX_TID_MASK) != tid)
		return -EPERM;
	r = hand_over(b, key, addr, word, 0);
	return r == 1 ? change(addr, word, 0) : r;
}

static long unlock_pi(vaddr_t addr, bool is_private)
{
	uint32_t tid = (uint32_t)task_current()->tid;
	struct futex_bucket *b;
	struct futex_key key;
	int r = futex_make_key(addr, is_private, &key);

	if (r)
		return r;
	b = futex_bucket_of(&key);
	do {
		futex_bucket_lock(b);
		r = unlock_once(b, &key, addr, tid);
		mutex_unlock(&b->lock);
		if (r == -EFAULT && !futex_fault_in_writable(addr))
			r = -EAGAIN;
	} while (r == -EAGAIN);
	return r;
}

/* t, which ends, owns the lock; or somebody has taken it since t's robust list said that it is free. Bucket locked. 0, -EAGAIN, -EFAULT. */
static int pass_on(struct task *t, struct futex_bucket *b, const struct futex_key *key, vaddr_t addr)
{
	uint32_t word, owner;
	struct task *o;
	int r = futex_load(addr, &word);

	if (r)
		return r;
	owner = word & FUTEX_TID_MASK;
	if (!owner || owner == (uint32_t)t->tid) {
		r = hand_over(b, key, addr, word, FUTEX_OWNER_DIED);
		return r > 0 ? 0 : r;
	}
	o = task_find((int)owner);
	move_waiters(b, key, o);
	if (o)
		task_put(o);
	return 0;
}

/* addr 0: its word is not in this address space. */
static void pass_on_or_let_look(struct task *t, const struct futex_key *key, vaddr_t addr)
{
	struct futex_bucket *b = futex_bucket_of(key);
	bool is_there = addr != 0;
	int r;

	do {
		futex_bucket_lock(b);
		r = is_there ? pass_on(t, b, key, addr) : -EINVAL;
		if (r == -EINVAL)
			move_waiters(b, key, NULL);
		mutex_unlock(&b->lock);
		if (r == -EFAULT)
			is_there = futex_fault_in_writable(addr) == 0;
	} while (r == -EAGAIN || r == -EFAULT);
}

void futex_pi_exit(struct task *t)
{
	struct futex_pi_waiter *p;
	struct futex_key key;
	vaddr_t addr;

	mutex_lock(&t->pi.lock);
	t->pi.is_gone = true;
	while (!list_is_empty(&t->pi.waiters)) {
		p = list_first(&t->pi.waiters, struct futex_pi_waiter, node);
		key = p->w.key;
		addr = p->task->process == t->process ? p->addr : 0;
		mutex_unlock(&t->pi.lock);
		pass_on_or_let_look(t, &key, addr);
		mutex_lock(&t->pi.lock);
	}
	mutex_unlock(&t->pi.lock);
}

/* ---- the calls ------------------------------------------------------------------------------------------------------ */

long futex_pi_call(unsigned cmd, bool is_private, bool is_realtime, vaddr_t addr, vaddr_t timeout)
{
	nsec_t deadline;
	int r;

	if (cmd == FUTEX_UNLOCK_PI)
		return unlock_pi(addr, is_private);
	if (cmd == FUTEX_TRYLOCK_PI)
		return try_lock(addr, is_private);
	r = futex_deadline(timeout, cmd == FUTEX_LOCK_PI || is_realtime, &deadline);
	return r ? r : futex_pi_lock(addr, is_private, deadline);
}
