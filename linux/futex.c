/* SPDX-License-Identifier: MIT
 *
 * Futexes (futex(2)): WAIT, WAKE, WAIT_BITSET, WAKE_BITSET, REQUEUE, CMP_REQUEUE, WAKE_OP, and robust lists. Priority inheritance is not there.
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
#include "linux/futex.h"

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

#define FUTEX_WAIT		0
#define FUTEX_WAKE		1
#define FUTEX_REQUEUE		3
#define FUTEX_CMP_REQUEUE	4
#define FUTEX_WAKE_OP		5
#define FUTEX_WAIT_BITSET	9
#define FUTEX_WAKE_BITSET	10
#define FUTEX_PRIVATE_FLAG	128
#define FUTEX_CLOCK_REALTIME	256

#define FUTEX_WAITERS		0x80000000u
#define FUTEX_OWNER_DIED	0x40000000u
#define FUTEX_TID_MASK		0x3fffffffu

#define NR_BUCKETS		256

/* Private memory: the address space and the address. A shared mapping: the object and the offset in it, so that two mappings of one page agree. */
struct futex_key {
	const void *space;
	uint64_t offset;
};

struct __cacheline futex_bucket {
	struct mutex lock;
	struct list waiters;		/* [lock] oldest first; zero: not initialised, empty */
	uint32_t nr_waiters;		/* [a] also counts those about to look */
};

struct futex_waiter {
	struct list node;		/* [bucket's lock] */
	struct futex_key key;		/* [bucket's lock] */
	struct futex_bucket *bucket;	/* [a] written under the locks of the old and the new one */
	struct thread *thread;		/* [I] */
	uint32_t bitset;		/* [I] */
	uint32_t is_woken;		/* [a] */
};

static struct futex_bucket buckets[NR_BUCKETS];

static struct futex_bucket *bucket_of(const struct futex_key *k)
{
	uint64_t h = ((uint64_t)(uintptr_t)k->space >> 6 ^ k->offset >> 2) * 0x9e3779b97f4a7c15ull;

	return &buckets[h >> 56];
}
_Static_assert(NR_BUCKETS == 256, "the top byte of the hash");

static bool key_equal(const struct futex_key *a, const struct futex_key *b)
{
	return a->space == b->space && a->offset == b->offset;
}

static int make_key(vaddr_t addr, bool is_private, struct futex_key *out)
{
	struct aspace *as = thread_current()->aspace;
	struct vm_area_info area;

	if (addr % 4)
		return -EINVAL;
	if (addr >= USER_TOP)
		return -EFAULT;
	*out = (struct futex_key){ as, addr };
	if (is_private)
		return 0;
	if (!aspace_lookup(as, addr, &area))
		return -EFAULT;
	if ((area.flags & VM_SHARED) && area.object)
		*out = (struct futex_key){ area.object, area.off + (addr - area.start) };
	return 0;
}

static void bucket_lock(struct futex_bucket *b)
{
	mutex_lock(&b->lock);
	if (unlikely(!b->waiters.next))
		list_init(&b->waiters);
}

/* Both, in order of address. */
static void bucket_lock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	bucket_lock(a < b ? a : b);
	if (a != b)
		bucket_lock(a < b ? b : a);
}

static void bucket_unlock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	mutex_unlock(&a->lock);
	if (a != b)
		mutex_unlock(&b->lock);
}

/* Read the word without sleeping; -EFAULT if its page is not there now. */
static int load_nofault(vaddr_t addr, uint32_t *out)
{
	int r;

	preempt_disable();
	r = arch_user_load32((const uint32_t *)addr, out);
	preempt_enable();
	return r;
}

/* No lock is held: bring the page in. 0: try again. */
static int fault_in(vaddr_t addr)
{
	uint32_t value;

	return user_load32((const uint32_t *)addr, &value);
}

/* ---- waking --------------------------------------------------------------------------------------------------------- */

/* w is on the list of the bucket whose lock is held. */
static void wake_waiter(struct futex_waiter *w)
{
	struct thread *t = w->thread;

	list_del(&w->node);
	atomic_fetch_sub(&w->bucket->nr_waiters, 1u, RELAXED);
	rcu_read_lock();
	/* release: it is off the list before its owner believes so and returns. Pairs: the loads of is_woken */
	atomic_store(&w->is_woken, 1u, RELEASE);
	thread_wake(t);
	rcu_read_unlock();
}

static unsigned wake_locked(struct futex_bucket *b, const struct futex_key *key, unsigned nr, uint32_t bitset)
{
	struct futex_waiter *w, *next;
	unsigned done = 0;

	list_for_each_safe(w, next, &b->waiters, node) {
		if (done >= nr)
			break;
		if (!key_equal(&w->key, key) || !(w->bitset & bitset))
			continue;
		wake_waiter(w);
		done++;
	}
	return done;
}

static unsigned wake_key(const struct futex_key *key, unsigned nr, uint32_t bitset)
{
	struct futex_bucket *b = bucket_of(key);
	unsigned done;

	/* seq_cst: the caller's store to the word before the load of nr_waiters (Dekker). Pairs: the fetch_add in wait_on */
	atomic_fence(SEQ_CST);
	if (!atomic_load(&b->nr_waiters, RELAXED))
		return 0;
	bucket_lock(b);
	done = wake_locked(b, key, nr, bitset);
	mutex_unlock(&b->lock);
	return done;
}

int futex_wake(vaddr_t addr, unsigned nr, uint32_t bitset)
{
	struct futex_key key;
	int r = make_key(addr, false, &key);

	return r ? r : (int)wake_key(&key, nr, bitset);
}

/* ---- waiting -------------------------------------------------------------------------------------------------------- */

/* Take w off its list, wherever a requeue has put it. False: it has been woken. */
static bool remove_waiter(struct futex_waiter *w)
{
	for (;;) {
		struct futex_bucket *b = atomic_load(&w->bucket, RELAXED);

		bucket_lock(b);
		if (atomic_load(&w->is_woken, ACQUIRE)) {	/* acquire. Pairs: wake_waiter */
			mutex_unlock(&b->lock);
			return false;
		}
		if (b == w->bucket) {
			list_del(&w->node);
			atomic_fetch_sub(&b->nr_waiters, 1u, RELAXED);
			mutex_unlock(&b->lock);
			return true;
		}
		mutex_unlock(&b->lock);
	}
}

/* Put w on the list if the word holds expected. 0, -EAGAIN, -EFAULT. */
static int enqueue_if_equal(struct futex_waiter *w, vaddr_t addr, uint32_t expected)
{
	struct futex_bucket *b = w->bucket;
	uint32_t value;
	int r;

retry:
	bucket_lock(b);
	/* seq_cst: announced before the word is read (Dekker). Pairs: the fence in wake_key */
	atomic_fetch_add(&b->nr_waiters, 1u, SEQ_CST);
	atomic_fence(SEQ_CST);
	r = load_nofault(addr, &value);
	if (r || value != expected) {
		atomic_fetch_sub(&b->nr_waiters, 1u, RELAXED);
		mutex_unlock(&b->lock);
		if (!r)
			return -EAGAIN;
		r = fault_in(addr);
		if (r)
			return r;
		goto retry;
	}
	list_add_tail(&b->waiters, &w->node);
	mutex_unlock(&b->lock);
	return 0;
}

static int wait_on(vaddr_t addr, bool is_private, uint32_t expected, uint32_t bitset, nsec_t deadline)
{
	struct futex_waiter w = { .thread = thread_current(), .bitset = bitset };
	int r;

	if (!bitset)
		return -EINVAL;
	r = make_key(addr, is_private, &w.key);
	if (r)
		return r;
	w.bucket = bucket_of(&w.key);
	r = enqueue_if_equal(&w, addr, expected);
	if (r)
		return r;
	r = thread_wait_until("futex", atomic_load(&w.is_woken, ACQUIRE), deadline, WAIT_INTERRUPTIBLE);
	if (r == 0 || !remove_waiter(&w))
		return 0;
	/* With a timeout Linux does not restart it after a handler. */
	return r == -EINTR && deadline != NSEC_NEVER ? -ERESTARTNOHAND : r;
}

/* ---- requeue and wake-op -------------------------------------------------------------------------------------------- */

static void move_waiter(struct futex_waiter *w, struct futex_bucket *to, const struct futex_key *key)
{
	struct futex_bucket *from = w->bucket;

	w->key = *key;
	if (from == to)
		return;
	list_del(&w->node);
	list_add_tail(&to->waiters, &w->node);
	atomic_fetch_add(&to->nr_waiters, 1u, RELAXED);
	atomic_fetch_sub(&from->nr_waiters, 1u, RELAXED);
	atomic_store(&w->bucket, to, RELAXED);
}

static long requeue(vaddr_t addr, vaddr_t addr2, bool is_private, long nr_wake, long nr_requeue, const uint32_t *expected)
{
	struct futex_waiter *w, *next;
	struct futex_bucket *b1, *b2;
	struct futex_key k1, k2;
	unsigned woken = 0, moved = 0;
	uint32_t value;
	int r;

	if (nr_wake < 0 || nr_requeue < 0)
		return -EINVAL;
	r = make_key(addr, is_private, &k1);
	if (!r)
		r = make_key(addr2, is_private, &k2);
	if (r)
		return r;
	b1 = bucket_of(&k1);
	b2 = bucket_of(&k2);
retry:
	bucket_lock_two(b1, b2);
	if (expected) {
		r = load_nofault(addr, &value);
		if (r || value != *expected) {
			bucket_unlock_two(b1, b2);
			if (!r)
				return -EAGAIN;
			r = fault_in(addr);
			if (r)
				return r;
			goto retry;
		}
	}
	list_for_each_safe(w, next, &b1->waiters, node) {
		if (!key_equal(&w->key, &k1))
			continue;
		if (woken < nr_wake) {
			wake_waiter(w);
			woken++;
		} else if (moved < nr_requeue) {
			move_waiter(w, b2, &k2);
			moved++;
		} else {
			break;
		}
		/* From a list to itself: stop before meeting the moved ones again. */
		if (key_equal(&k1, &k2) && woken + moved >= nr_wake + nr_requeue)
			break;
	}
	bucket_unlock_two(b1, b2);
	return woken + moved;
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

static int fault_in_writable(vaddr_t addr)
{
	uint32_t value, seen;
	int r = user_load32((const uint32_t *)addr, &value);

	return r ? r : arch_user_cas32((uint32_t *)addr, value, value, &seen);
}

static long wake_op(vaddr_t addr, vaddr_t addr2, bool is_private, long nr_wake, long nr_wake2, uint32_t encoded)
{
	unsigned op = encoded >> 28 & 7, cmp = encoded >> 24 & 15;
	uint32_t arg = encoded >> 12 & 0xfff, old;
	int32_t cmp_arg = (int32_t)(encoded << 20) >> 20;
	struct futex_bucket *b1, *b2;
	struct futex_key k1, k2;
	long done;
	int r;

	if (encoded >> 31)		/* FUTEX_OP_OPARG_SHIFT */
		arg = 1u << (arg & 31);
	else
		arg = (uint32_t)((int32_t)(encoded << 8) >> 20);
	if (op > 4 || cmp > 5)
		return -ENOSYS;
	r = make_key(addr, is_private, &k1);
	if (!r)
		r = make_key(addr2, is_private, &k2);
	if (r)
		return r;
	b1 = bucket_of(&k1);
	b2 = bucket_of(&k2);
retry:
	bucket_lock_two(b1, b2);
	r = wake_op_apply(addr2, op, arg, &old);
	if (r) {
		bucket_unlock_two(b1, b2);
		r = fault_in_writable(addr2);
		if (r)
			return r;
		goto retry;
	}
	done = wake_locked(b1, &k1, nr_wake < 0 ? 1 : (unsigned)nr_wake, FUTEX_BITSET_ANY);
	if (wake_op_compare(cmp, (int32_t)old, cmp_arg))
		done += wake_locked(b2, &k2, nr_wake2 < 0 ? 1 : (unsigned)nr_wake2, FUTEX_BITSET_ANY);
	bucket_unlock_two(b1, b2);
	return done;
}

/* ---- the system call ------------------------------------------------------------------------------------------------ */

static int wait_deadline(unsigned cmd, bool is_realtime, vaddr_t timeout, nsec_t *deadline)
{
	nsec_t t, offset;
	int r;

	*deadline = NSEC_NEVER;
	if (!timeout)
		return 0;
	r = timespec_get((long)timeout, &t);
	if (r)
		return r;
	if (cmd == FUTEX_WAIT) {
		*deadline = syscall_deadline(t);
		return 0;
	}
	offset = is_realtime ? clock_realtime_offset() : 0;
	*deadline = t == NSEC_NEVER ? t : t > offset ? t - offset : 0;
	return 0;
}

static long futex_wait_call(unsigned cmd, bool is_private, bool is_realtime, long addr, uint32_t val, long timeout, uint32_t bitset)
{
	nsec_t deadline;
	int r = wait_deadline(cmd, is_realtime, (vaddr_t)timeout, &deadline);

	return r ? r : wait_on((vaddr_t)addr, is_private, val, cmd == FUTEX_WAIT ? FUTEX_BITSET_ANY : bitset, deadline);
}

static long futex_wake_call(bool is_private, long addr, uint32_t nr, uint32_t bitset)
{
	struct futex_key key;
	int r;

	if (!bitset)
		return -EINVAL;
	r = make_key((vaddr_t)addr, is_private, &key);
	/* Linux wakes one for nr 0 (and for a negative one: the count is tested after the wake). */
	return r ? r : (long)wake_key(&key, (int32_t)nr < 1 ? 1 : nr, bitset);
}

long sys_futex(long addr, long op, long val, long timeout, long addr2, long val3)
{
	bool is_private = op & FUTEX_PRIVATE_FLAG, is_realtime = op & FUTEX_CLOCK_REALTIME;
	unsigned cmd = (unsigned)op & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
	uint32_t expected = (uint32_t)val3;

	if (is_realtime && cmd != FUTEX_WAIT_BITSET && cmd != FUTEX_WAIT)
		return -ENOSYS;
	switch (cmd) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
		return futex_wait_call(cmd, is_private, is_realtime, addr, (uint32_t)val, timeout, expected);
	case FUTEX_WAKE:
		return futex_wake_call(is_private, addr, (uint32_t)val, FUTEX_BITSET_ANY);
	case FUTEX_WAKE_BITSET:
		return futex_wake_call(is_private, addr, (uint32_t)val, expected);
	case FUTEX_REQUEUE:
		return requeue((vaddr_t)addr, (vaddr_t)addr2, is_private, (int32_t)val, (int32_t)timeout, NULL);
	case FUTEX_CMP_REQUEUE:
		return requeue((vaddr_t)addr, (vaddr_t)addr2, is_private, (int32_t)val, (int32_t)timeout, &expected);
	case FUTEX_WAKE_OP:
		return wake_op((vaddr_t)addr, (vaddr_t)addr2, is_private, (int32_t)val, (int32_t)timeout, expected);
	default:
		return -ENOSYS;
	}
}

/* ---- robust lists (get_robust_list(2); the kernel's robust-futex-ABI) ------------------------------------------------ */

#define ROBUST_LIST_LIMIT	2048

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
static void mark_dead_owner(vaddr_t addr, uint32_t tid, bool is_pending)
{
	uint32_t value, seen;

	if (addr % 4 || user_load32((const uint32_t *)addr, &value))
		return;
	for (;;) {
		if (is_pending && value == 0) {		/* died between the release and the wake */
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
	if (value & FUTEX_WAITERS)
		(void)futex_wake(addr, 1, FUTEX_BITSET_ANY);
}

void futex_exit_robust(struct task *t)
{
	struct robust_head head;
	uint64_t entry, next, pending;

	if (!t->robust_list || copy_from_user(&head, (const void *)t->robust_list, sizeof(head)))
		return;
	entry = head.next;
	pending = head.pending & ~1ul;	/* bit 0: a PI mutex */
	for (unsigned n = 0; (entry & ~1ul) != t->robust_list && n < ROBUST_LIST_LIMIT; n++) {
		int r = user_load64((const uint64_t *)(entry & ~1ul), &next);

		if ((entry & ~1ul) != pending)
			mark_dead_owner((entry & ~1ul) + (uint64_t)head.futex_offset, (uint32_t)t->tid, false);
		if (r)
			break;
		entry = next;
	}
	if (pending)
		mark_dead_owner(pending + (uint64_t)head.futex_offset, (uint32_t)t->tid, true);
	t->robust_list = 0;
}
