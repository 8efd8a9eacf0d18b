/* SPDX-License-Identifier: MIT
 *
 * The core of poll(2) and select(2).
 *
 * Most calls find something ready or do not want to wait, so the first pass only asks. Only if nothing is ready is each file asked again with a
 * subscription; subscriptions live on the stack for a few files and in chunks for many. Any of them sets one flag and wakes the caller, who then asks all files
 * again (without subscribing: the subscriptions stay until the call ends).
 */
#include "fs/file.h"
#include "fs/vfs.h"
#include "libc/atomic.h"
#include "libc/errno.h"
#include "mmu/heap.h"
#include "sched/clock.h"
#include "sched/poller.h"

#define ALWAYS		(FILE_POLLERR | FILE_POLLHUP)
#define INLINE_SUBS	12u
#define CHUNK_SUBS	42u	/* a chunk is about a page */

struct poll_sub {
	struct waiter waiter;
	struct poll_call *call;
};

struct poll_chunk {
	struct poll_chunk *next;
	unsigned nr;
	struct poll_sub subs[CHUNK_SUBS];
};

/* One poll_files() call; on its stack. */
struct poll_call {
	struct poll_table table;
	struct thread *thread;
	uint32_t has_fired;	/* [a] */
	int error;
	unsigned nr_inline;
	struct poll_chunk *chunks;
	struct poll_sub subs[INLINE_SUBS];
};

static bool poll_notify(struct waiter *w, uint32_t key)
{
	struct poll_call *c = container_of(w, struct poll_sub, waiter)->call;

	if (key && !(key & (w->events | ALWAYS)))
		return false;
	/* release: the event before the flag. Pairs: poll_files */
	atomic_store(&c->has_fired, 1u, RELEASE);
	thread_wake(c->thread);
	return true;
}

static struct poll_sub *poll_new_sub(struct poll_call *c)
{
	struct poll_chunk *chunk = c->chunks;

	if (c->nr_inline < INLINE_SUBS)
		return &c->subs[c->nr_inline++];
	if (!chunk || chunk->nr == CHUNK_SUBS) {
		chunk = kmalloc(sizeof(*chunk));
		if (!chunk)
			return NULL;
		chunk->nr = 0;
		chunk->next = c->chunks;
		c->chunks = chunk;
	}
	return &chunk->subs[chunk->nr++];
}

static void poll_subscribe(struct poll_table *pt, struct waitq *q)
{
	struct poll_call *c = container_of(pt, struct poll_call, table);
	struct poll_sub *s = poll_new_sub(c);

	if (!s) {
		c->error = -ENOMEM;
		return;
	}
	waiter_init(&s->waiter, pt->events);
	s->waiter.notify = poll_notify;
	s->call = c;
	waitq_add(q, &s->waiter);
}

static void poll_unsubscribe(struct poll_call *c)
{
	struct poll_chunk *chunk;

	for (unsigned i = 0; i < c->nr_inline; i++)
		waitq_del(&c->subs[i].waiter);
	while ((chunk = c->chunks)) {
		for (unsigned i = 0; i < chunk->nr; i++)
			waitq_del(&chunk->subs[i].waiter);
		c->chunks = chunk->next;
		kfree(chunk);
	}
}

/* Ask all; c NULL: do not subscribe. Once one is ready there is no need to subscribe to the rest. */
static int poll_pass(struct poll_entry *entries, unsigned nr, struct poll_call *c)
{
	int nr_ready = 0;

	for (unsigned i = 0; i < nr; i++) {
		struct poll_entry *e = &entries[i];
		struct poll_table *pt = NULL;

		if (e->file) {
			if (c && !nr_ready) {
				c->table.events = e->events | ALWAYS;
				pt = &c->table;
			}
			e->revents = file_poll(e->file, pt) & (e->events | ALWAYS);
		}
		nr_ready += e->revents != 0;
	}
	return nr_ready;
}

int poll_files(struct poll_entry *entries, unsigned nr, nsec_t deadline)
{
	struct poll_call call;
	int ready, r = 0;

	(void)poller_look(false);	/* also if it always finds something ready */
	ready = poll_pass(entries, nr, NULL);
	if (!ready && deadline && poller_look(true))
		ready = poll_pass(entries, nr, NULL);
	if (ready || !deadline)
		return ready;

	call.table.add = poll_subscribe;
	call.thread = thread_current();
	call.has_fired = 0;
	call.error = 0;
	call.nr_inline = 0;
	call.chunks = NULL;
	ready = poll_pass(entries, nr, &call);
	while (!ready && !call.error && !r) {
		/* acquire: the flag before what it announces. Pairs: poll_notify */
		r = thread_wait_until("poll", atomic_load(&call.has_fired, ACQUIRE), deadline, WAIT_INTERRUPTIBLE);
		atomic_store(&call.has_fired, 0u, RELAXED);
		atomic_fence(SEQ_CST);	/* has_fired = 0 before asking again: an event from now on sets it again. Pairs: waitq_wake */
		ready = poll_pass(entries, nr, NULL);
		if (!ready && poller_look(true))
			ready = poll_pass(entries, nr, NULL);
	}
	poll_unsubscribe(&call);
	if (ready)
		return ready;
	if (call.error)
		return call.error;
	return r == -ETIMEDOUT ? 0 : r;
}
