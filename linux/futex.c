/* SPDX-License-Identifier: MIT
 *
 * Futexes (futex(2)): WAIT, WAKE, WAIT_BITSET, WAKE_BITSET, REQUEUE, CMP_REQUEUE, WAKE_OP. Priority inheritance is in futex-pi.c and
 * futex-pi-requeue.c, waits for several words are in futex-waitv.c, robust lists in futex-robust.c.
 *
 * Waiters lie in a hash table by key, each bucket a list under a mutex. The protocol that no wake-up is lost by:
 *
 *	waiter				waker
 *	bucket.nr_waiters++		*word = new
 *	full fence			full fence
 *	load *word, compare		nr_waiters == 0 ? nobody : lock the bucket, take waiters off
 *
 * and both the comparison with the enqueueing and the taking off happen under the bucket's mutex. The word is read with preemption off, so that a page that is
 * not there fails instead of sleeping with the mutex held; it is then faulted in without the mutex, and all begins again.
 *
 * A waiter lives on the stack of its thread. Its waker takes it off the list and sets is_woken, after which it may be gone; the thread stays valid
 * for the wake-up by RCU.
 */
#include "linux/deadline.h"
#include "linux/futex-priv.h"

#include "libc/errno.h"
#include "libc/list.h"
#include "linux/process.h"
#include "linux/syscalls.h"
#include "linux/sys-util.h"
#include "mmu/aspace.h"
#include "mmu/object.h"
#include "mmu/user.h"
#include "sched/clock.h"
#include "sched/mutex.h"
#include "sched/rcu.h"

static struct futex_bucket buckets[NR_BUCKETS];

struct futex_bucket *futex_bucket_of(const struct futex_key *k)
{
	uint64_t h = ((uint64_t)(uintptr_t)k->space >> 6 ^ k->offset >> 2) * 0x9e3779b97f4a7c15ull;

	return &buckets[h >> 56];
}
_Static_assert(NR_BUCKETS == 256, "the top byte of the hash");

/* In offset, as addresses are aligned: who waits with FUTEX_PRIVATE_FLAG is not found by who wakes without it. */
#define KEY_SHARED 1u

bool futex_key_equal(const struct futex_key *a, const struct futex_key *b)
{
	return a->space == b->space && a->offset == b->offset;
}

int futex_make_key(vaddr_t addr, bool is_private, struct futex_key *out)
{
	struct aspace *as = thread_current()->aspace;
	struct vm_area_info area;
	uint32_t value;

	if (addr % 4)
		return -EINVAL;
	if (addr >= USER_TOP)
		return -EFAULT;
	*out = (struct futex_key){ as, addr };
	if (is_private)
		return 0;
	out->offset |= KEY_SHARED;
	if (!aspace_has_shared(as))		/* so this is not shared: the key is right if anything is there */
		return user_load32((const uint32_t *)addr, &value);
	if (!aspace_lookup(as, addr, &area))
		return -EFAULT;
	if ((area.flags & VM_SHARED) && area.object)
		*out = (struct futex_key){ area.object, area.off + (addr - area.start) };
	return 0;
}

void futex_bucket_lock(struct futex_bucket *b)
{
	mutex_lock(&b->lock);
	if (unlikely(!b->waiters.next))
		list_init(&b->waiters);
}

/* Bucket locked: read without the lock, changed with it. */
static inline void count_waiters(struct futex_bucket *b, int n)
{
	atomic_store(&b->nr_waiters, b->nr_waiters + (unsigned)n, RELAXED);
}

int futex_pair_init(struct futex_pair *p, bool is_private)
{
	int r = 0;

	for (unsigned i = 0; i < 2 && !r; i++) {
		r = futex_make_key(p->addr[i], is_private, &p->key[i]);
		p->bucket[i] = futex_bucket_of(&p->key[i]);
	}
	return r;
}

/* In order of address. */
void futex_pair_lock(const struct futex_pair *p)
{
	struct futex_bucket *a = MIN(p->bucket[0], p->bucket[1]), *b = MAX(p->bucket[0], p->bucket[1]);

	futex_bucket_lock(a);
	if (a != b)
		futex_bucket_lock(b);
}

void futex_pair_unlock(const struct futex_pair *p)
{
	mutex_unlock(&p->bucket[0]->lock);
	if (p->bucket[0] != p->bucket[1])
		mutex_unlock(&p->bucket[1]->lock);
}

int futex_pair_lock_if(const struct futex_pair *p, const uint32_t *expected)
{
	uint32_t value;
	int r;

	for (;;) {
		futex_pair_lock(p);
		if (!expected)
			return 0;
		r = futex_load(p->addr[0], &value);
		if (!r && value == *expected)
			return 0;
		futex_pair_unlock(p);
		if (!r)
			return -EAGAIN;
		r = futex_fault_in(p->addr[0]);
		if (r)
			return r;
	}
}

/* Read the word without sleeping; -EFAULT if its page is not there now. */
int futex_load(vaddr_t addr, uint32_t *out)
{
	int r;

	preempt_disable();
	r = arch_user_load32((const uint32_t *)addr, out);
	preempt_enable();
	return r;
}

/* No lock is held: bring the page in. 0: try again. */
int futex_fault_in(vaddr_t addr)
{
	uint32_t value;

	return user_load32((const uint32_t *)addr, &value);
}

/* ---- waking --------------------------------------------------------------------------------------------------------- */

/* w is on the list of the bucket whose lock is held. */
void futex_wake_waiter(struct futex_waiter *w)
{
	struct thread *t = w->thread;

	list_del(&w->node);
	count_waiters(w->bucket, -1);
	rcu_read_lock();
	/* release: it is off the list before its owner believes so and returns. Pairs: the loads of is_woken */
	atomic_store(&w->is_woken, 1u, RELEASE);
	thread_wake(t);
	rcu_read_unlock();
}

/* How many; -EINVAL: somebody waits there for a lock (which is no matter of waking). */
static int wake_locked(struct futex_bucket *b, const struct futex_key *key, int nr, uint32_t bitset)
{
	struct futex_waiter *w, *next;
	int done = 0;

	list_for_each_safe(w, next, &b->waiters, node) {
		if (done >= nr)
			break;
		if (!futex_key_equal(&w->key, key))
			continue;
		if (w->pi)
			return -EINVAL;
		if (!(w->bitset & bitset))
			continue;
		futex_wake_waiter(w);
		done++;
	}
	return done;
}

static int wake_key(const struct futex_key *key, int nr, uint32_t bitset)
{
	struct futex_bucket *b = futex_bucket_of(key);
	int done;

	/* seq_cst: the caller's store to the word before the load of nr_waiters (Dekker). Pairs: enqueue_if_equal */
	atomic_fence(SEQ_CST);
	if (!atomic_load(&b->nr_waiters, RELAXED))
		return 0;
	futex_bucket_lock(b);
	done = wake_locked(b, key, nr, bitset);
	mutex_unlock(&b->lock);
	return done;
}

int futex_wake(vaddr_t addr, int nr, uint32_t bitset)
{
	struct futex_key key;
	int r = futex_make_key(addr, false, &key);

	return r ? r : wake_key(&key, nr, bitset);
}

/* ---- waiting -------------------------------------------------------------------------------------------------------- */

/* Take w off its list, wherever a requeue has put it. False: it has been woken. */
bool futex_remove_waiter(struct futex_waiter *w)
{
	for (;;) {
		struct futex_bucket *b = atomic_load(&w->bucket, RELAXED);

		futex_bucket_lock(b);
		if (atomic_load(&w->is_woken, ACQUIRE)) {	/* acquire. Pairs: wake_waiter */
			mutex_unlock(&b->lock);
			return false;
		}
		if (b == w->bucket) {
			list_del(&w->node);
			count_waiters(b, -1);
			if (w->pi)
				futex_pi_give_up(w);
			mutex_unlock(&b->lock);
			return true;
		}
		mutex_unlock(&b->lock);
	}
}

/* Part of wait_on(): the way of every wait is worth the second copy. */
static inline __attribute__((always_inline)) int enqueue_if_equal(struct futex_waiter *w, vaddr_t addr, uint32_t expected)
{
	struct futex_bucket *b = w->bucket;
	uint32_t value;
	int r;

retry:
	futex_bucket_lock(b);
	count_waiters(b, 1);
	atomic_fence(SEQ_CST);		/* seq_cst: announced before the word is read (Dekker). Pairs: the fence in wake_key */
	r = futex_load(addr, &value);
	if (r || value != expected) {
		count_waiters(b, -1);
		mutex_unlock(&b->lock);
		if (!r)
			return -EAGAIN;
		r = futex_fault_in(addr);
		if (r)
			return r;
		goto retry;
	}
	list_add_tail(&b->waiters, &w->node);
	mutex_unlock(&b->lock);
	return 0;
}

int futex_enqueue_if_equal(struct futex_waiter *w, vaddr_t addr, uint32_t expected)
{
	return enqueue_if_equal(w, addr, expected);
}

static __attribute__((noinline)) long wait_on(vaddr_t addr, bool is_private, uint32_t expected, uint32_t bitset, nsec_t deadline)
{
	struct futex_waiter w;
	int r;

	if (!bitset)
		return -EINVAL;
	r = futex_make_key(addr, is_private, &w.key);
	if (r)
		return r;
	w.thread = thread_current();	/* field by field: an initialiser would clear it all first */
	w.bitset = bitset;
	w.is_woken = 0;
	w.pi = NULL;
	w.bucket = futex_bucket_of(&w.key);
	r = enqueue_if_equal(&w, addr, expected);
	if (r)
		return r;
	r = deadline_wait_until("futex", atomic_load(&w.is_woken, ACQUIRE), deadline, WAIT_INTERRUPTIBLE);
	if (r == 0 || !futex_remove_waiter(&w))
		return 0;
	/* With a timeout Linux does not restart it after a handler. */
	return r == -EINTR && deadline != NSEC_NEVER ? -ERESTARTNOHAND : r;
}

/* ---- requeue and wake-op -------------------------------------------------------------------------------------------- */

void futex_move_waiter(struct futex_waiter *w, struct futex_bucket *to, const struct futex_key *key)
{
	struct futex_bucket *from = w->bucket;

	w->key = *key;
	if (from == to)
		return;
	list_del(&w->node);
	list_add_tail(&to->waiters, &w->node);
	count_waiters(to, 1);
	count_waiters(from, -1);
	atomic_store(&w->bucket, to, RELAXED);
}

/* Bucket locked. The waiters of pair->key[0], in both meanings of the call. */
static long requeue_locked(struct futex_pair *pair, long nr_wake, long nr_requeue)
{
	long woken = 0, moved = 0;
	struct futex_waiter *w, *next;

	list_for_each_safe(w, next, &pair->bucket[0]->waiters, node) {
		if (!futex_key_equal(&w->key, &pair->key[0]))
			continue;
		if (woken + moved >= nr_wake + nr_requeue)	/* also before meeting the moved ones again */
			break;
		if (w->pi)
			return -EINVAL;
		if (woken < nr_wake) {
			futex_wake_waiter(w);
			woken++;
		} else {
			futex_move_waiter(w, pair->bucket[1], &pair->key[1]);
			moved++;
		}
	}
	return woken + moved;
}

static long requeue(struct futex_pair *pair, bool is_private, long nr_wake, long nr_requeue, const uint32_t *expected)
{
	long r;

	if (nr_wake < 0 || nr_requeue < 0)
		return -EINVAL;
	r = futex_pair_init(pair, is_private);
	if (!r)
		r = futex_pair_lock_if(pair, expected);
	if (r)
		return r;
	r = requeue_locked(pair, nr_wake, nr_requeue);
	futex_pair_unlock(pair);
	return r;
}

static uint32_t wake_op_new(unsigned op, uint32_t old, uint32_t arg)
{
	switch (op) {
	case 0:
		return arg;
	case 1:
		return old + arg;
	case 2:
		return old | arg;
	case 3:
		return old & ~arg;
	default:
		return old ^ arg;
	}
}

static bool wake_op_compare(unsigned cmp, int32_t old, int32_t arg)
{
	switch (cmp) {
	case 0:
		return old == arg;
	case 1:
		return old != arg;
	case 2:
		return old < arg;
	case 3:
		return old <= arg;
	case 4:
		return old > arg;
	default:
		return old >= arg;
	}
}

/* The atomic change of the second word, page present or -EFAULT. */
static int wake_op_apply(vaddr_t addr, unsigned op, uint32_t arg, uint32_t *old)
{
	uint32_t seen;
	int r;

	preempt_disable();
	r = arch_user_load32((const uint32_t *)addr, &seen);
	while (!r) {
		*old = seen;
		r = arch_user_cas32((uint32_t *)addr, *old, wake_op_new(op, *old, arg), &seen);
		if (seen == *old)
			break;
	}
	preempt_enable();
	return r;
}

int futex_fault_in_writable(vaddr_t addr)
{
	uint32_t value, seen;
	int r = user_load32((const uint32_t *)addr, &value);

	return r ? r : arch_user_cas32((uint32_t *)addr, value, value, &seen);
}

static long wake_op(struct futex_pair *pair, bool is_private, int nr_wake, int nr_wake2, uint32_t encoded)
{
	unsigned op = encoded >> 28 & 7, cmp = encoded >> 24 & 15;
	uint32_t arg = encoded >> 12 & 0xfff, old;
	int32_t cmp_arg = (int32_t)(encoded << 20) >> 20;
	int r, more;

	if (encoded >> 31)		/* FUTEX_OP_OPARG_SHIFT */
		arg = 1u << (arg & 31);
	else
		arg = (uint32_t)((int32_t)(encoded << 8) >> 20);
	if (op > 4 || cmp > 5)
		return -ENOSYS;
	r = futex_pair_init(pair, is_private);
	if (r)
		return r;
retry:
	futex_pair_lock(pair);
	r = wake_op_apply(pair->addr[1], op, arg, &old);
	if (r) {
		futex_pair_unlock(pair);
		r = futex_fault_in_writable(pair->addr[1]);
		if (r)
			return r;
		goto retry;
	}
	r = wake_locked(pair->bucket[0], &pair->key[0], MAX(nr_wake, 1), FUTEX_BITSET_ANY);
	if (r >= 0 && wake_op_compare(cmp, (int32_t)old, cmp_arg)) {
		more = wake_locked(pair->bucket[1], &pair->key[1], MAX(nr_wake2, 1), FUTEX_BITSET_ANY);
		r = more < 0 ? more : r + more;
	}
	futex_pair_unlock(pair);
	return r;
}

/* ---- the system call ------------------------------------------------------------------------------------------------ */

int futex_deadline(vaddr_t timeout, bool is_realtime, nsec_t *deadline)
{
	int r;

	*deadline = NSEC_NEVER;
	if (!timeout)
		return 0;
	r = timespec_get((long)timeout, deadline);
	if (r)
		return r;
	if (is_realtime)
		*deadline |= DEADLINE_REALTIME;
	return 0;
}

static long wait_call(unsigned cmd, bool is_private, bool is_realtime, long addr, uint32_t val, long timeout, uint32_t bitset)
{
	nsec_t deadline;
	int r = futex_deadline((vaddr_t)timeout, is_realtime && cmd != FUTEX_WAIT, &deadline);

	if (!r && cmd == FUTEX_WAIT && timeout)		/* a span, not a time */
		deadline = syscall_deadline(deadline);
	return r ? r : wait_on((vaddr_t)addr, is_private, val, cmd == FUTEX_WAIT ? FUTEX_BITSET_ANY : bitset, deadline);
}

static __attribute__((noinline)) long wake_call(bool is_private, long addr, int nr, uint32_t bitset)
{
	struct futex_key key;
	int r;

	if (!bitset)
		return -EINVAL;
	r = futex_make_key((vaddr_t)addr, is_private, &key);
	/* Linux wakes one for nr 0 (and for a negative one: the count is tested after the wake). */
	return r ? r : wake_key(&key, MAX(nr, 1), bitset);
}

static __attribute__((noinline)) long any_call(long addr, long op, long val, long timeout, long addr2, long val3)
{
	bool is_private = op & FUTEX_PRIVATE_FLAG, is_realtime = op & FUTEX_CLOCK_REALTIME;
	unsigned cmd = (unsigned)op & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
	struct futex_pair pair = { .addr = { (vaddr_t)addr, (vaddr_t)addr2 } };
	uint32_t expected = (uint32_t)val3;

	if (is_realtime && cmd != FUTEX_WAIT_BITSET && cmd != FUTEX_WAIT && cmd != FUTEX_LOCK_PI2 && cmd != FUTEX_WAIT_REQUEUE_PI)
		return -ENOSYS;
	switch (cmd) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
		return wait_call(cmd, is_private, is_realtime, addr, (uint32_t)val, timeout, expected);
	case FUTEX_WAKE:
		return wake_call(is_private, addr, (int32_t)val, FUTEX_BITSET_ANY);
	case FUTEX_WAKE_BITSET:
		return wake_call(is_private, addr, (int32_t)val, expected);
	case FUTEX_REQUEUE:
		return requeue(&pair, is_private, (int32_t)val, (int32_t)timeout, NULL);
	case FUTEX_CMP_REQUEUE:
		return requeue(&pair, is_private, (int32_t)val, (int32_t)timeout, &expected);
	case FUTEX_CMP_REQUEUE_PI:
		return futex_requeue_pi(&pair, is_private, (int32_t)val, (int32_t)timeout, expected);
	case FUTEX_WAIT_REQUEUE_PI:
		return futex_wait_requeue_pi(&pair, is_private, is_realtime, (uint32_t)val, (vaddr_t)timeout);
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
	case FUTEX_TRYLOCK_PI:
	case FUTEX_UNLOCK_PI:
		return futex_pi_call(cmd, is_private, is_realtime, (vaddr_t)addr, (vaddr_t)timeout);
	case FUTEX_WAKE_OP:
		return wake_op(&pair, is_private, (int32_t)val, (int32_t)timeout, expected);
	default:
		return -ENOSYS;
	}
}

/* The two calls of every mutex and condition by short ways. */
long sys_futex(long addr, long op, long val, long timeout, long addr2, long val3)
{
	if (op == (FUTEX_WAKE | FUTEX_PRIVATE_FLAG))
		return wake_call(true, addr, (int32_t)val, FUTEX_BITSET_ANY);
	if (op == (FUTEX_WAIT | FUTEX_PRIVATE_FLAG) && !timeout)
		return wait_on((vaddr_t)addr, true, (uint32_t)val, FUTEX_BITSET_ANY, NSEC_NEVER);
	return any_call(addr, op, val, timeout, addr2, val3);
}
