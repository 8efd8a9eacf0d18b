/* SPDX-License-Identifier: MIT
 *
 * BUILD=debug: finds deadlocks of memory that is short, without its being short.
 *
 * Who asks for memory may have to wait until others give some back: shrinkers (mmu/page.h), which may wait for RCU, and RCU's callbacks. So a lock that one of those waits
 * for must not be held around a request. Each mutex remembers both: that it was waited for in that duty, and that it was held at a request. Whichever comes second is a
 * panic, which says where the lock was taken.
 */
#pragma once

#include "libc/types.h"

struct mutex;

#if defined(DEBUG) && !defined(HOST_TEST)
#define MUTEX_CHECKS	1

/* What a mutex remembers. */
struct mutex_check {
	struct mutex *next;		/* [the owner] held by the same thread, before this one */
	const void *taken_at;		/* [the owner] in the code */
	bool is_for_duty, is_at_request;	/* [a] once true, true for ever */
};

/* The current thread is about to wait for m; has taken it; is about to unlock it. */
void mutex_check_wait(struct mutex *m);
void mutex_check_taken(struct mutex *m, const void *where);
void mutex_check_left(struct mutex *m);
/* It is about to ask for memory, and may wait for it. */
void mutex_check_request(void);
/* It begins or ends to give memory back. */
void mutex_check_duty(bool begins);
#else
static inline void mutex_check_wait(struct mutex *m)
{
	(void)m;
}

static inline void mutex_check_taken(struct mutex *m, const void *where)
{
	(void)m, (void)where;
}

static inline void mutex_check_left(struct mutex *m)
{
	(void)m;
}

static inline void mutex_check_request(void)
{
}

static inline void mutex_check_duty(bool begins)
{
	(void)begins;
}
#endif
