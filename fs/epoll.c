/* SPDX-License-Identifier: MIT
 *
 * epoll(7).
 *
 * An item is one watched (file, descriptor). It subscribes to the wait queues that the file's poll() names. When one of them is woken, epoll_notify() runs in
 * the waker with that queue's lock held; it must be cheap and may not take ep->lock, so it pushes the item on a lock-free stack:
 *
 *	notify:		is_queued 0 -> 1, push on ep->incoming, wake ep->wq
 *	epoll_wait:	lock; move incoming to the tail of ready; take items from its head:
 *			is_queued = 0; fence; ask the file; report, and queue again at the tail if level-triggered
 *
 * An item is on exactly one of incoming, ready, a waiter's private list while is_queued is set, on none else. Clearing is_queued before asking the file means
 * that an event which the answer misses pushes the item again. A level-triggered item that an event has just brought most likely stays: it is asked where it is, and only if the
 * file then has nothing is it taken off and asked again. The list is taken from its head and level-triggered items return to its tail: when more are
 * ready than fit, the next call reports the others first.
 *
 * An item does not hold a reference to its file: the last file_put() takes it out (epoll_forget_file).
 *
 * Locks, in order: nest_lock (adding an epoll to an epoll), teardown_lock (files and epolls going), ep->lock (outer before inner), file->epoll_lock,
 * wait queues. Loops of epolls cannot exist, so locking inwards terminates.
 *
 * Stack of incoming: many producers, one consumer at a time (ep->lock) that takes all: no ABA. Lock-free. An item is freed only after waitq_del() (no notify
 * runs) and after incoming was emptied under the lock.
 */
#include "fs/epoll.h"

#include "fs/file.h"
#include "sched/sleeper.h"
#include "fs/special-priv.h"
#include "fs/vfs.h"
#include "libc/atomic.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/rbtree.h"
#include "mmu/heap.h"
#include "sched/poller.h"
#include "sched/rcu.h"

#define EPOLL_CTL_ADD	1
#define EPOLL_CTL_DEL	2
#define EPOLL_CTL_MOD	3
#define EPOLLEXCLUSIVE	(1u << 28)
#define EPOLLWAKEUP	(1u << 29)
#define EPOLLONESHOT	(1u << 30)
#define EPOLLET		(1u << 31)

#define PRIVATE_BITS	(EPOLLEXCLUSIVE | EPOLLWAKEUP | EPOLLONESHOT | EPOLLET)
#define ALWAYS		(FILE_POLLERR | FILE_POLLHUP)
#define EXCLUSIVE_OK	(FILE_POLLIN | FILE_POLLOUT | ALWAYS | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)
#define POLL_IN		(FILE_POLLIN | FILE_POLLRDNORM)
#define MAX_NESTS	4u
#define INLINE_SUBS	2u

struct epoll_item;

struct epoll_sub {
	struct waiter waiter;
	struct epoll_item *item;
	struct epoll_sub *next;		/* further ones than INLINE_SUBS */
};

/* Created by EPOLL_CTL_ADD; freed by DEL, by the end of its file or of its epoll. */
struct epoll_item {
	struct rb_node node;		/* [ep->lock] */
	struct list ready_node;		/* [ep->lock] */
	unsigned round;			/* [ep->lock] of its last report */
	struct epoll_item *next_incoming;	/* [who set is_queued, then ep->lock] */
	uint32_t is_queued;		/* [a] */
	bool is_fresh;			/* [ep->lock] an event has put it on ready, and it was not asked since */
	uint32_t events;		/* [a] written under ep->lock; 0 but for PRIVATE_BITS: disabled */
	uint32_t asked;			/* [ep->lock] events as epoll_ctl said, also of one that is disabled */
	uint32_t subscribed;		/* [ep->lock] events that the subscriptions were made for */
	int fd;				/* [I] */
	uint64_t data;			/* [ep->lock] */
	struct epoll *ep;		/* [I] */
	struct file *file;		/* [I] no reference */
	struct list file_node;		/* [file->epoll_lock] */
	unsigned nr_subs;		/* [ep->lock] of subs[] */
	int error;			/* [ep->lock] of subscribing */
	struct epoll_sub subs[INLINE_SUBS];
	struct epoll_sub *more_subs;	/* [ep->lock] */
};

/* Created by epoll_create_file(), freed with its file. */
struct epoll {
	struct mutex lock;
	struct rb_tree items;		/* [lock] by (file, fd) */
	unsigned round;			/* [lock] counts calls of epoll_wait that report something */
	struct list ready;		/* [lock], emptiness is looked at without */
	struct epoll_item *incoming;	/* [a] */
	struct sleeper sleeper;		/* the first who sleeps in epoll_wait */
	struct waitq wq;		/* others there (exclusive); poll and outer epolls */
	uint64_t visit;			/* [nest_lock] the check that saw it last, */
	unsigned depth;			/* [nest_lock] and what it found */
	struct file *file;		/* [I] */
};

static const struct file_ops epoll_ops;
static struct mutex nest_lock;
static struct mutex teardown_lock;
uint64_t epoll_max_watches = INT64_MAX;
static uint64_t nr_watches;	/* [a] items of all epolls */

static struct epoll *file_epoll(const struct file *f)
{
	return f->ops == &epoll_ops ? f->private : NULL;
}

/* ---- the ready list --------------------------------------------------------------------------------------------- */

static bool epoll_has_ready(struct epoll *ep)
{
	/* acquire: the lock of who emptied it. Pairs: epoll_collect */
	return atomic_load(&ep->incoming, ACQUIRE) || atomic_load(&ep->ready.next, RELAXED) != &ep->ready;
}

/* Before sleeping. Who holds the lock may have items in hand that are on neither list (mutex_is_busy). */
static bool epoll_may_be_ready(struct epoll *ep)
{
	return atomic_load(&ep->incoming, ACQUIRE) || mutex_is_busy(&ep->lock) || atomic_load(&ep->ready.next, RELAXED) != &ep->ready;
}

/* An item was queued: one thread of epoll_wait is enough, everybody else who watches is told. True: somebody was. */
static inline bool epoll_wake(struct epoll *ep)
{
	bool has_sleeper;

	atomic_fence(SEQ_CST);	/* the queued item before the looks at who sleeps. Pairs: sleeper_enter, waitq_add */
	has_sleeper = atomic_load(&ep->sleeper.thread, RELAXED) && sleeper_wake(&ep->sleeper);
	if (atomic_load(&ep->wq.nr_waiters, RELAXED)) {
		__waitq_wake(&ep->wq, !has_sleeper, POLL_IN);
		has_sleeper = true;
	}
	return has_sleeper;
}

static bool epoll_notify(struct waiter *w, uint32_t key)
{
	struct epoll_item *item = container_of(w, struct epoll_sub, waiter)->item;
	struct epoll *ep = item->ep;
	uint32_t events = atomic_load(&item->events, RELAXED);
	struct epoll_item *next;

	if (!(events & ~PRIVATE_BITS) || (key && !(key & events)))
		return false;
	/* The event, the waker's fence (waitq_wake), then is_queued. Pairs: the fence in epoll_ask */
	if (!atomic_exchange(&item->is_queued, 1u, RELAXED)) {
		next = atomic_load(&ep->incoming, RELAXED);
		do
			item->next_incoming = next;
		/* release: next_incoming before the item is seen. Pairs: epoll_collect */
		while (!atomic_cas(&ep->incoming, &next, item, RELEASE));
	}
	return epoll_wake(ep);
}

static inline void epoll_collect_one(struct epoll *ep, struct epoll_item *item)
{
	item->is_fresh = true;
	list_add_tail(&ep->ready, &item->ready_node);
}

static __attribute__((noinline)) void epoll_collect_many(struct epoll *ep, struct epoll_item *newest)
{
	struct epoll_item *item, *next, *oldest = NULL;

	for (item = newest; item; item = next) {
		next = item->next_incoming;
		item->next_incoming = oldest;
		oldest = item;
	}
	for (item = oldest; item; item = item->next_incoming)
		epoll_collect_one(ep, item);
}

/* lock held. Move incoming to the tail of ready, oldest first. */
static inline void epoll_collect(struct epoll *ep)
{
	struct epoll_item *newest;

	if (!atomic_load(&ep->incoming, RELAXED))
		return;
	/* acquire: next_incoming of the items. Pairs: epoll_notify. release: the lock. Pairs: epoll_may_be_ready */
	newest = atomic_exchange(&ep->incoming, NULL, ACQ_REL);
	if (likely(!newest->next_incoming))
		epoll_collect_one(ep, newest);
	else
		epoll_collect_many(ep, newest);
}

/* lock held. */
static void epoll_queue(struct epoll *ep, struct epoll_item *item)
{
	if (!atomic_exchange(&item->is_queued, 1u, RELAXED))
		list_add_tail(&ep->ready, &item->ready_node);
}

/* lock held; item was just taken off its list. The wanted events that are present. */
static uint32_t epoll_ask(struct epoll_item *item)
{
	atomic_store(&item->is_queued, 0u, RELAXED);
	/* seq_cst: is_queued = 0 before the look at the file (store before load), against: event, then is_queued = 1. Pairs: epoll_notify */
	atomic_fence(SEQ_CST);
	if (!(item->events & ~PRIVATE_BITS))
		return 0;
	return item->file->ops->poll(item->file, NULL) & item->events;
}

/* lock held; item is the first on ready. The wanted events that are present; it stays, as the last one, if there are any that stay. */
static inline uint32_t epoll_ask_first(struct epoll *ep, struct epoll_item *item)
{
	uint32_t events;

	if (item->is_fresh && !(item->events & (EPOLLET | EPOLLONESHOT))) {
		item->is_fresh = false;
		events = item->file->ops->poll(item->file, NULL) & item->events;
		if (likely(events && (item->events & ~PRIVATE_BITS))) {
			if (ep->ready.prev != &item->ready_node) {
				list_del(&item->ready_node);
				list_add_tail(&ep->ready, &item->ready_node);
			}
			return events;
		}
	}
	item->is_fresh = false;
	list_del(&item->ready_node);
	events = epoll_ask(item);
	if (!events)
		return 0;
	if (item->events & EPOLLONESHOT)
		atomic_store(&item->events, item->events & PRIVATE_BITS, RELAXED);
	else if (!(item->events & EPOLLET))
		epoll_queue(ep, item);
	return events;
}

/*
 * lock held. Report up to max events. Each item is asked at most once: the walk ends with the one that was last at its begin. With goes_on it continues
 * the walk before, and ends with the first item that was reported there.
 */
static __attribute__((noinline)) int epoll_harvest(struct epoll *ep, struct epoll_event_k *out, int max, bool goes_on)
{
	struct list *last = ep->ready.prev;
	int n = 0;

	ep->round += !goes_on;
	while (n < max && !list_is_empty(&ep->ready)) {
		struct epoll_item *item = list_first(&ep->ready, struct epoll_item, ready_node);
		bool is_last = &item->ready_node == last;
		uint32_t events;

		if (goes_on && item->round == ep->round)
			break;
		events = epoll_ask_first(ep, item);
		if (events) {
			item->round = ep->round;
			out[n++] = (struct epoll_event_k){ events, item->data };
		}
		if (is_last)
			break;
	}
	return n;
}

/* Something may be ready: report it. */
static __attribute__((noinline)) int epoll_take(struct epoll *ep, struct epoll_event_k *out, int max)
{
	struct epoll_item *item;
	uint32_t events;
	int n;

	mutex_lock_inline(&ep->lock);
	epoll_collect(ep);
	if (likely(ep->ready.next == ep->ready.prev && !list_is_empty(&ep->ready))) {	/* one, as mostly: epoll_harvest() without its loop */
		item = list_first(&ep->ready, struct epoll_item, ready_node);
		events = epoll_ask_first(ep, item);
		n = 0;
		if (events) {
			item->round = ++ep->round;
			*out = (struct epoll_event_k){ events, item->data };
			n = 1;
		}
	} else {
		n = epoll_harvest(ep, out, max, false);
	}
	mutex_unlock_inline(&ep->lock);
	return n;
}

static inline int epoll_look(struct epoll *ep, struct epoll_event_k *out, int max)
{
	return epoll_may_be_ready(ep) ? epoll_take(ep, out, max) : 0;
}

/* There may be something in a device. Who always finds something ready looks there, too. */
static __attribute__((noinline)) int epoll_look_polling(struct epoll *ep, struct epoll_event_k *out, int max, bool will_sleep)
{
	int n;

	(void)poller_look(false);
	n = epoll_look(ep, out, max);
	if (!n && will_sleep && poller_look(true))
		n = epoll_look(ep, out, max);
	return n;
}

/* The slot is taken by another thread: wait on the queue. As epoll_sleep(). */
static __attribute__((noinline)) int epoll_sleep_queued(struct epoll *ep, struct epoll_event_k *events, int max, nsec_t deadline)
{
	struct waiter w;
	int n, r = 0;

	waiter_init(&w, POLL_IN);
	w.is_exclusive = true;
	waitq_add(&ep->wq, &w);
	for (;;) {
		atomic_store(&w.fired, 0u, RELAXED);
		atomic_fence(SEQ_CST);	/* fired = 0 before the look: an event after it sets it again. Pairs: epoll_wake */
		n = epoll_look(ep, events, max);
		if (n || r)
			break;
		r = thread_wait_until("epoll", atomic_load(&w.fired, ACQUIRE), deadline, WAIT_INTERRUPTIBLE);
	}
	waitq_del(&w);
	return n ? n : r;
}

/* In the slot: sleep once. Number of events; 0: *r says why. */
static inline int epoll_sleep_once(struct epoll *ep, struct epoll_event_k *events, int max, nsec_t deadline, int *r)
{
	int n = epoll_look(ep, events, max);

	*r = 0;
	if (likely(!n))
		*r = sleeper_block(&ep->sleeper, "epoll", deadline);
	if (unlikely(n || *r))
		sleeper_leave(&ep->sleeper);
	if (likely(!n))
		n = epoll_take(ep, events, max);	/* what woke us, or came in the last moment */
	return n;
}

/* As epoll_sleep(). */
static __attribute__((noinline)) int epoll_sleep_more(struct epoll *ep, struct epoll_event_k *events, int max, nsec_t deadline)
{
	int n, r;

	while (sleeper_enter(&ep->sleeper)) {
		n = epoll_sleep_once(ep, events, max, deadline, &r);
		if (n)
			return n;
		if (r)
			return r == -ETIMEDOUT ? 0 : r;
	}
	n = epoll_sleep_queued(ep, events, max, deadline);
	return n == -ETIMEDOUT ? 0 : n;
}

/* Number of events, 0 at the deadline, -EINTR. Most waits are over after one sleep. */
static inline int epoll_sleep(struct epoll *ep, struct epoll_event_k *events, int max, nsec_t deadline)
{
	int n, r;

	if (likely(sleeper_enter(&ep->sleeper))) {
		n = epoll_sleep_once(ep, events, max, deadline, &r);
		if (likely(n))
			return n;
		if (r)
			return r == -ETIMEDOUT ? 0 : r;
	}
	return epoll_sleep_more(ep, events, max, deadline);
}

int epoll_wait_file(struct file *f, struct epoll_event_k *events, int max, nsec_t deadline)
{
	struct epoll *ep = f->private;
	int n = 0;

	if (f->ops != &epoll_ops)
		return -EINVAL;
	/*
	 * What has been on the list since it was reported has most likely been dealt with. It is asked once, when we are in the slot, where looking is needed anyway, unless something
	 * new is there.
	 */
	if (poller_is_any_on())
		n = epoll_look_polling(ep, events, max, deadline);
	else if (!deadline || atomic_load(&ep->incoming, RELAXED))
		n = epoll_look(ep, events, max);
	if (!n && deadline)
		n = epoll_sleep(ep, events, max, deadline);
	/* More is ready, or we leave with an error although a wake-up may have been meant for us: pass it on. The fence is epoll_wake()'s. */
	atomic_fence(SEQ_CST);
	if (unlikely(atomic_load(&ep->sleeper.thread, RELAXED) || atomic_load(&ep->wq.nr_waiters, RELAXED)) && epoll_has_ready(ep))
		epoll_wake(ep);
	return n;
}

int epoll_more_file(struct file *f, struct epoll_event_k *events, int max)
{
	struct epoll *ep = file_epoll(f);
	int n;

	if (!epoll_has_ready(ep))
		return 0;
	mutex_lock(&ep->lock);
	epoll_collect(ep);
	n = epoll_harvest(ep, events, max, true);
	mutex_unlock(&ep->lock);
	return n;
}

/* lock held. An item that the last walk reported with this data. */
static struct epoll_item *epoll_find_reported(struct epoll *ep, uint64_t data)
{
	for (struct rb_node *node = rb_first(&ep->items); node; node = rb_next(node)) {
		struct epoll_item *item = rb_entry(node, struct epoll_item, node);

		if (item->round == ep->round && item->data == data)
			return item;
	}
	return NULL;
}

void epoll_unreport_file(struct file *f, const struct epoll_event_k *events, int n)
{
	struct epoll *ep = file_epoll(f);

	mutex_lock(&ep->lock);
	epoll_collect(ep);
	while (n > 0) {		/* the last first, so that the head of the list is as it was */
		struct epoll_item *item = epoll_find_reported(ep, events[--n].data);

		if (!item)
			continue;
		item->round--;	/* not found again */
		atomic_store(&item->events, item->asked, RELAXED);
		/* Queued already: on ready, or on incoming since a moment ago, where it may stay. */
		if (atomic_exchange(&item->is_queued, 1u, RELAXED) && list_is_empty(&item->ready_node))
			continue;
		list_del(&item->ready_node);
		list_add_head(&ep->ready, &item->ready_node);
	}
	mutex_unlock(&ep->lock);
	epoll_wake(ep);
}

/* An epoll is readable if one of its items is. */
static uint32_t epoll_poll(struct file *f, struct poll_table *pt)
{
	struct epoll *ep = f->private;
	struct epoll_item *item;
	uint32_t result = 0;

	poll_add(pt, &ep->wq);
	if (!epoll_may_be_ready(ep))
		return 0;
	mutex_lock(&ep->lock);
	epoll_collect(ep);
	while (!result && !list_is_empty(&ep->ready)) {
		item = list_first(&ep->ready, struct epoll_item, ready_node);
		list_del(&item->ready_node);
		if (!epoll_ask(item))
			continue;
		result = POLL_IN;
		if (!atomic_exchange(&item->is_queued, 1u, RELAXED))
			list_add_head(&ep->ready, &item->ready_node);
	}
	mutex_unlock(&ep->lock);
	return result;
}

/* ---- subscriptions ---------------------------------------------------------------------------------------------- */

struct item_table {
	struct poll_table table;
	struct epoll_item *item;
};

static void epoll_subscribe(struct poll_table *pt, struct waitq *q)
{
	struct epoll_item *item = container_of(pt, struct item_table, table)->item;
	struct epoll_sub *s;

	if (item->nr_subs < INLINE_SUBS) {
		s = &item->subs[item->nr_subs++];
	} else {
		s = KNEW(struct epoll_sub);
		if (!s) {
			item->error = -ENOMEM;
			return;
		}
		s->next = item->more_subs;
		item->more_subs = s;
	}
	waiter_init(&s->waiter, 0);
	s->waiter.notify = epoll_notify;
	s->waiter.is_exclusive = item->events & EPOLLEXCLUSIVE;
	s->item = item;
	waitq_add(q, &s->waiter);
}

static void epoll_unsubscribe(struct epoll_item *item)
{
	struct epoll_sub *s;

	for (unsigned i = 0; i < item->nr_subs; i++)
		waitq_del(&item->subs[i].waiter);
	item->nr_subs = 0;
	while ((s = item->more_subs)) {
		waitq_del(&s->waiter);
		item->more_subs = s->next;
		kfree(s);
	}
}

/* ep->lock held. Subscribe for item->events, queue the item if something is there already. 0 or -ENOMEM. */
static int epoll_watch(struct epoll_item *item)
{
	struct item_table t = { .table = { epoll_subscribe, item->events & ~PRIVATE_BITS }, .item = item };
	uint32_t events;

	if (item->events & ~PRIVATE_BITS & ~item->subscribed) {
		epoll_unsubscribe(item);
		item->error = 0;
		item->subscribed = t.table.events;
		events = file_poll(item->file, &t.table);
		if (item->error)
			return item->error;
	} else {
		atomic_fence(SEQ_CST);	/* item->events before the look. Pairs: the waker's fence in waitq_wake */
		events = file_poll(item->file, NULL);
	}
	if (events & item->events)
		epoll_queue(item->ep, item);
	return 0;
}

/* ---- the interest set ------------------------------------------------------------------------------------------- */

/* lock held. The item, or NULL with the place for it. */
static struct epoll_item *epoll_find(struct epoll *ep, const struct file *f, int fd, struct rb_node **parent, struct rb_node ***link)
{
	*link = &ep->items.root;
	*parent = NULL;
	while (**link) {
		struct epoll_item *item = rb_entry(**link, struct epoll_item, node);

		if (item->file == f && item->fd == fd)
			return item;
		*parent = **link;
		*link = (uintptr_t)f < (uintptr_t)item->file || (f == item->file && fd < item->fd) ? &(*parent)->left : &(*parent)->right;
	}
	return NULL;
}

/* ep->lock held. Take the item out everywhere and free it. */
static void epoll_remove(struct epoll_item *item)
{
	struct epoll *ep = item->ep;
	struct file *f = item->file;

	epoll_unsubscribe(item);
	mutex_lock(&f->epoll_lock);
	list_del(&item->file_node);
	/* The file may be freed (through RCU) as soon as the lock is seen free: stay on this CPU until unlock has returned. */
	rcu_read_lock();
	mutex_unlock(&f->epoll_lock);
	rcu_read_unlock();
	epoll_collect(ep);	/* no notify runs any more: now the item is on no other list */
	list_del(&item->ready_node);
	rb_remove(&ep->items, &item->node);
	atomic_fetch_sub(&nr_watches, 1u, RELAXED);
	kfree(item);
}

static int epoll_add(struct epoll *ep, int fd, struct file *target, const struct epoll_event_k *ev)
{
	struct rb_node *parent, **link;
	struct epoll_item *item;
	int r;

	if (epoll_find(ep, target, fd, &parent, &link))
		return -EEXIST;
	if (atomic_load(&nr_watches, RELAXED) >= atomic_load(&epoll_max_watches, RELAXED))
		return -ENOSPC;
	item = KNEW(struct epoll_item);
	if (!item)
		return -ENOMEM;
	atomic_fetch_add(&nr_watches, 1u, RELAXED);
	item->ep = ep;
	item->file = target;
	item->fd = fd;
	item->events = item->asked = ev->events | ALWAYS;
	item->data = ev->data;
	list_init(&item->ready_node);
	rb_link(&ep->items, &item->node, parent, link);
	mutex_lock(&target->epoll_lock);
	target->was_watched = true;
	list_add_tail(&target->epoll_items, &item->file_node);
	mutex_unlock(&target->epoll_lock);
	r = epoll_watch(item);
	if (r)
		epoll_remove(item);
	return r;
}

static int epoll_modify(struct epoll_item *item, const struct epoll_event_k *ev)
{
	if (ev->events & EPOLLEXCLUSIVE || item->events & EPOLLEXCLUSIVE)
		return -EINVAL;
	item->data = ev->data;
	item->asked = ev->events | ALWAYS;
	atomic_store(&item->events, item->asked, RELAXED);
	return epoll_watch(item);
}

/* ---- epolls in epolls ------------------------------------------------------------------------------------------- */

/*
 * nest_lock held. Levels of epolls below ep (0: none); more than MAX_NESTS if target is met or the limit passed. visit is the number of this check: an epoll that was looked at in it is
 * not looked at again, so the check is as long as there are epolls and items in them, however many ways lead to one.
 */
static unsigned epoll_depth_below(struct epoll *ep, const struct epoll *target, unsigned level, uint64_t visit)
{
	unsigned depth = 0;

	if (ep == target || level > MAX_NESTS)
		return MAX_NESTS + 1;
	if (ep->visit == visit)
		return level + ep->depth > MAX_NESTS ? MAX_NESTS + 1 : ep->depth;
	mutex_lock(&ep->lock);
	for (struct rb_node *n = rb_first(&ep->items); n; n = rb_next(n)) {
		struct epoll *inner = file_epoll(rb_entry(n, struct epoll_item, node)->file);

		if (inner)
			depth = MAX(depth, 1 + epoll_depth_below(inner, target, level + 1, visit));
		if (depth > MAX_NESTS)
			break;
	}
	mutex_unlock(&ep->lock);
	ep->visit = visit;
	ep->depth = depth;
	return depth;
}

/* nest_lock held. Levels of epolls that watch ep, directly or not. */
static unsigned epoll_depth_above(struct epoll *ep, unsigned level, uint64_t visit)
{
	struct epoll_item *item;
	unsigned depth = 0;

	if (level > MAX_NESTS)
		return 0;
	if (ep->visit == visit)
		return ep->depth;
	mutex_lock(&ep->file->epoll_lock);
	list_for_each(item, &ep->file->epoll_items, file_node)
		depth = MAX(depth, 1 + epoll_depth_above(item->ep, level + 1, visit));
	mutex_unlock(&ep->file->epoll_lock);
	ep->visit = visit;
	ep->depth = depth;
	return depth;
}

static bool epoll_may_nest(struct epoll *ep, struct epoll *inner)
{
	static uint64_t visit;		/* [nest_lock] */
	unsigned below = epoll_depth_below(inner, ep, 0, ++visit);

	return below <= MAX_NESTS && below + 1 + epoll_depth_above(ep, 0, ++visit) <= MAX_NESTS;
}

/* ---- system calls ----------------------------------------------------------------------------------------------- */

static int epoll_check(struct epoll *ep, int op, struct file *target, const struct epoll_event_k *ev)
{
	if (!ep || target == ep->file)
		return -EINVAL;
	if (!target->ops->poll)
		return -EPERM;
	if (op != EPOLL_CTL_DEL && ev->events & EPOLLEXCLUSIVE) {
		if (op == EPOLL_CTL_MOD || ev->events & ~EXCLUSIVE_OK || file_epoll(target))
			return -EINVAL;
	}
	return 0;
}

int epoll_ctl_file(struct file *f, int op, int fd, struct file *target, const struct epoll_event_k *ev)
{
	struct epoll *ep = file_epoll(f), *inner = file_epoll(target);
	struct rb_node *parent, **link;
	struct epoll_item *item;
	bool is_nesting = op == EPOLL_CTL_ADD && inner, has_ready;
	int r = epoll_check(ep, op, target, ev);

	if (r)
		return r;
	if (is_nesting) {
		mutex_lock(&nest_lock);
		if (!epoll_may_nest(ep, inner)) {
			mutex_unlock(&nest_lock);
			return -ELOOP;
		}
	}
	mutex_lock(&ep->lock);
	item = epoll_find(ep, target, fd, &parent, &link);
	switch (op) {
	case EPOLL_CTL_ADD:
		r = item ? -EEXIST : epoll_add(ep, fd, target, ev);
		break;
	case EPOLL_CTL_MOD:
		r = item ? epoll_modify(item, ev) : -ENOENT;
		break;
	case EPOLL_CTL_DEL:
		r = item ? 0 : -ENOENT;
		if (item)
			epoll_remove(item);
		break;
	default:
		r = -EINVAL;
	}
	has_ready = epoll_has_ready(ep);
	mutex_unlock(&ep->lock);
	if (is_nesting)
		mutex_unlock(&nest_lock);
	if (has_ready && op != EPOLL_CTL_DEL)
		epoll_wake(ep);
	return r;
}

void epoll_forget_file(struct file *f)
{
	bool is_watched;

	if (!f->was_watched)
		return;
	mutex_lock(&f->epoll_lock);
	is_watched = !list_is_empty(&f->epoll_items);
	mutex_unlock(&f->epoll_lock);
	if (!is_watched)
		return;
	/* With teardown_lock no epoll goes away: item->ep stays valid. An epoll that went just before has emptied the list. */
	mutex_lock(&teardown_lock);
	while (!list_is_empty(&f->epoll_items)) {
		struct epoll_item *item = list_first(&f->epoll_items, struct epoll_item, file_node);
		struct epoll *ep = item->ep;

		mutex_lock(&ep->lock);
		epoll_remove(item);
		mutex_unlock(&ep->lock);
	}
	mutex_unlock(&teardown_lock);
}

static void epoll_release(struct file *f)
{
	struct epoll *ep = f->private;
	struct rb_node *n;

	mutex_lock(&teardown_lock);
	mutex_lock(&ep->lock);
	while ((n = rb_first(&ep->items)))
		epoll_remove(rb_entry(n, struct epoll_item, node));
	mutex_unlock(&ep->lock);
	mutex_unlock(&teardown_lock);
	kfree(ep);
}

static size_t epoll_fdinfo(struct file *f, char *buf, size_t size)
{
	struct epoll *ep = f->private;
	size_t len = 0;

	mutex_lock(&ep->lock);
	for (struct rb_node *n = rb_first(&ep->items); n; n = rb_next(n)) {
		struct epoll_item *item = rb_entry(n, struct epoll_item, node);

		len += (size_t)snprintf(buf + MIN(len, size), size - MIN(len, size), "tfd: %8d events: %8x data: %16llx\n", item->fd, item->events,
					(unsigned long long)item->data);
	}
	mutex_unlock(&ep->lock);
	return len;
}

static const struct file_ops epoll_ops = {
	.poll = epoll_poll,
	.stat = special_anon_stat,
	.fdinfo = epoll_fdinfo,
	.release = epoll_release,
};

int epoll_create_file(unsigned flags, struct file **out)
{
	struct epoll *ep;
	struct file *f;

	if (flags & ~(unsigned)O_CLOEXEC)
		return -EINVAL;
	ep = KNEW(struct epoll);
	if (!ep)
		return -ENOMEM;
	waitq_init(&ep->wq);
	list_init(&ep->ready);
	f = file_alloc(&epoll_ops, O_RDWR, ep);
	if (!f) {
		kfree(ep);
		return -ENOMEM;
	}
	f->kind = "eventpoll";
	ep->file = f;
	*out = f;
	return 0;
}
