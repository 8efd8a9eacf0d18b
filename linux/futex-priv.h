/* SPDX-License-Identifier: MIT
 *
 * Futexes, between futex.c (waits and wakes; the protocol is described there) and the other futex-*.c files.
 */
#pragma once

#include "libc/list.h"
#include "linux/futex.h"
#include "sched/mutex.h"

struct futex_pi_waiter;
struct task;
struct thread;

#define FUTEX_WAIT		0
#define FUTEX_WAKE		1
#define FUTEX_REQUEUE		3
#define FUTEX_CMP_REQUEUE	4
#define FUTEX_WAKE_OP		5
#define FUTEX_LOCK_PI		6
#define FUTEX_UNLOCK_PI		7
#define FUTEX_TRYLOCK_PI	8
#define FUTEX_WAIT_BITSET	9
#define FUTEX_WAKE_BITSET	10
#define FUTEX_WAIT_REQUEUE_PI	11
#define FUTEX_CMP_REQUEUE_PI	12
#define FUTEX_LOCK_PI2		13
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
	struct futex_pi_waiter *pi;	/* [I] it waits for a lock, or to be sent to one; NULL: an ordinary wait */
};

/* A thread that waits for a lock that has an owner: see futex-pi.c. On its stack. */
struct futex_pi_waiter {
	struct futex_waiter w;
	struct task *task;		/* [I] who waits */
	vaddr_t addr;			/* [I] of the lock's word, in the address space of task */
	struct task *owner;		/* [a] ref: who has the lock; NULL: not waiting for it (yet). Written with the bucket locked */
	struct list node;		/* [owner->pi.lock] in owner->pi.waiters */
	const struct futex_key *target;	/* [I] FUTEX_WAIT_REQUEUE_PI: the lock it may be sent to */
	bool has_to_retry;		/* [bucket's lock] woken without the lock: begin again */
};

/* The two words of a call. */
struct futex_pair {
	vaddr_t addr[2];
	struct futex_key key[2];
	struct futex_bucket *bucket[2];
};

struct futex_bucket *futex_bucket_of(const struct futex_key *k);
bool futex_key_equal(const struct futex_key *a, const struct futex_key *b);
/* 0, -EINVAL (alignment), -EFAULT. */
int __must_check futex_make_key(vaddr_t addr, bool is_private, struct futex_key *out);
void futex_bucket_lock(struct futex_bucket *b);
/* Keys and buckets of the addresses. 0, or as futex_make_key(). */
int __must_check futex_pair_init(struct futex_pair *p, bool is_private);
void futex_pair_lock(const struct futex_pair *p);
void futex_pair_unlock(const struct futex_pair *p);
/* Locked (0) if the first word holds *expected (NULL: anything). Else not: -EAGAIN, -EFAULT. */
int __must_check futex_pair_lock_if(const struct futex_pair *p, const uint32_t *expected);
/* Read the word without sleeping; -EFAULT if its page is not there now. */
int __must_check futex_load(vaddr_t addr, uint32_t *out);
/* No lock is held: bring the page in. 0: try again. */
int __must_check futex_fault_in(vaddr_t addr);
int __must_check futex_fault_in_writable(vaddr_t addr);
/* An absolute time, of either clock (deadline.h); NULL: *deadline is NSEC_NEVER. 0, -EFAULT, -EINVAL. */
int __must_check futex_deadline(vaddr_t timeout, bool is_realtime, nsec_t *deadline);
/* Put w on its bucket's list if the word holds expected. 0, -EAGAIN, -EFAULT. */
int __must_check futex_enqueue_if_equal(struct futex_waiter *w, vaddr_t addr, uint32_t expected);
/* w is on the list of the bucket whose lock is held. */
void futex_wake_waiter(struct futex_waiter *w);
/* Both buckets locked. */
void futex_move_waiter(struct futex_waiter *w, struct futex_bucket *to, const struct futex_key *key);
/* Take w off its list, wherever a requeue has put it. False: it has been woken. */
bool futex_remove_waiter(struct futex_waiter *w);

/* ---- futex-pi.c ------------------------------------------------------------------------------------------------------ */

long futex_pi_call(unsigned cmd, bool is_private, bool is_realtime, vaddr_t addr, vaddr_t timeout);
/* Wait for the lock at addr. 0, -ETIMEDOUT, -ERESTARTNOINTR, -EDEADLK, -ESRCH (no such owner), -EINVAL, -EFAULT. */
long futex_pi_lock(vaddr_t addr, bool is_private, nsec_t deadline);
void futex_pi_waiter_init(struct futex_pi_waiter *p, vaddr_t addr);
/*
 * One attempt to get the lock at p->addr for p->task, b locked and the page there. bits: set in the word with the new owner. 0: the lock is p->task's. 1: p waits
 * for it, but has to be put on b's list. -EAGAIN (the word has changed), -EFAULT, -EDEADLK, -ESRCH, -EINVAL.
 */
int __must_check futex_pi_claim(struct futex_pi_waiter *p, struct futex_bucket *b, const struct futex_key *key, uint32_t bits);
/* The waiter on key with the highest realtime priority, the first of these; NULL: none. *nr: how many wait. Bucket locked. */
struct futex_waiter *futex_pi_best(const struct futex_bucket *b, const struct futex_key *key, unsigned *nr);
/* p is off its list and waits no more. Bucket locked. */
void futex_pi_give_up(struct futex_waiter *w);
/* Pass on the locks that t owns. The current thread. */
void futex_pi_exit(struct task *t);

/* ---- futex-pi-requeue.c ---------------------------------------------------------------------------------------------- */

long futex_wait_requeue_pi(struct futex_pair *pair, bool is_private, bool is_realtime, uint32_t expected, vaddr_t timeout);
long futex_requeue_pi(struct futex_pair *pair, bool is_private, long nr_wake, long nr_requeue, uint32_t expected);
