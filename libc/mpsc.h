/* SPDX-License-Identifier: MIT
 *
 * Multi-producer list from which one taker takes everything at once. Intrusive.
 *
 *	head --> newest --> ... --> oldest --> NULL		push: CAS on head; take: exchange of head with NULL
 *
 * Producers: any number, any context. Takers: any number too, since a take is one exchange and what it returns belongs to the taker alone; the order of
 * elements is kept only within one take.
 * Progress: push is lock-free (a failed CAS means that another push or take succeeded), take and is_empty are wait-free.
 * Linearization: the successful CAS; the exchange.
 * ABA: cannot harm. A push compares only the head it is going to link to; if that element left and came back meanwhile, it is the head again and linking to
 * it is right. Nobody ever takes a single element, so no stale next pointer is ever installed.
 * Reclamation: an element belongs to its producer until the push, to the taker after the take. A producer must not touch it after mpsc_push().
 * Cache lines: give the head a line of its own if producers are on other CPUs.
 */
#pragma once

#include "libc/atomic.h"
#include "libc/types.h"

struct mpsc_node {
	struct mpsc_node *next;
};

struct mpsc {
	struct mpsc_node *head;		/* [a] */
};

/* True if the list was empty: of several producers, the one that has to tell the taker. */
static inline bool mpsc_push(struct mpsc *q, struct mpsc_node *n)
{
	struct mpsc_node *head = atomic_load(&q->head, RELAXED);

	do
		n->next = head;
	/* release: the element's contents before it can be found. Pairs: mpsc_take */
	while (!atomic_cas(&q->head, &head, n, RELEASE));
	return head == NULL;
}

static inline bool mpsc_is_empty(const struct mpsc *q)
{
	return atomic_load(&q->head, RELAXED) == NULL;
}

/* What the taker did before it emptied the list, taking a lock for instance, is seen after this. */
static inline bool mpsc_is_empty_acquire(const struct mpsc *q)
{
	return atomic_load(&q->head, ACQUIRE) == NULL;
}

/* All elements, newest first; NULL: none. */
static inline struct mpsc_node *mpsc_take_newest_first(struct mpsc *q)
{
	/*
	 * acquire: the contents after the head. Pairs: mpsc_push. Elements below the head were published by earlier CASes; the later ones are
	 * read-modify-writes of the same word, so they continue the release sequence and this one acquire covers all.
	 * release: what the taker did before. Pairs: mpsc_is_empty_acquire
	 */
	return atomic_exchange(&q->head, (struct mpsc_node *)NULL, ACQ_REL);
}

static inline struct mpsc_node *mpsc_reverse(struct mpsc_node *n)
{
	struct mpsc_node *out = NULL, *next;

	for (; n; n = next) {
		next = n->next;
		n->next = out;
		out = n;
	}
	return out;
}

/* All elements in the order of their pushes. */
static inline struct mpsc_node *mpsc_take(struct mpsc *q)
{
	return mpsc_reverse(mpsc_take_newest_first(q));
}
