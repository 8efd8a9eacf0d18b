/* SPDX-License-Identifier: MIT
 *
 * Futexes, between futex.c (waits and wakes; the protocol is described there), futex-pi.c and futex-robust.c.
 */
#pragma once

#include "libc/list.h"
#include "linux/futex.h"
#include "sched/mutex.h"

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
	uint32_t pi_tid;		/* [I] it waits for a lock and has this number; 0: an ordinary wait */
};

struct futex_bucket *futex_bucket_of(const struct futex_key *k);
bool futex_key_equal(const struct futex_key *a, const struct futex_key *b);
/* 0, -EINVAL (alignment), -EFAULT. */
int futex_make_key(vaddr_t addr, bool is_private, struct futex_key *out);
void futex_bucket_lock(struct futex_bucket *b);
/* Read the word without sleeping; -EFAULT if its page is not there now. */
int futex_load(vaddr_t addr, uint32_t *out);
/* No lock is held: bring the page in. 0: try again. */
int futex_fault_in(vaddr_t addr);
int futex_fault_in_writable(vaddr_t addr);
/* w is on the list of the bucket whose lock is held. */
void futex_wake_waiter(struct futex_waiter *w);
/* Take w off its list, wherever a requeue has put it. False: it has been woken. */
bool futex_remove_waiter(struct futex_waiter *w);

/* In futex-pi.c. */
long futex_pi_call(unsigned cmd, bool is_private, bool is_realtime, vaddr_t addr, vaddr_t timeout);
/* The owner of the lock at addr is dead and the word says so: pass the lock on to a waiter. False: nobody waits. */
bool futex_pi_pass_on(vaddr_t addr);
