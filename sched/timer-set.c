/* SPDX-License-Identifier: MIT */
#include "sched/timer-set.h"

static unsigned bucket_of(nsec_t last, nsec_t deadline)
{
	return deadline <= last ? 0 : 64 - (unsigned)__builtin_clzll(deadline ^ last);
}

static void insert(struct timer_set *s, struct timer_node *n)
{
	unsigned b = bucket_of(s->last, n->deadline);

	n->bucket = b + 1;
	s->nonempty |= 1ull << b;
	list_add_tail(&s->bucket[b], &n->link);
	if (n->deadline < s->next)
		s->next = n->deadline;
}

void timer_set_init(struct timer_set *s, nsec_t now)
{
	unsigned i;

	s->last = now;
	s->next = NSEC_NEVER;
	s->nonempty = 0;
	for (i = 0; i < TIMER_BUCKETS; i++)
		list_init(&s->bucket[i]);
}

void timer_set_add(struct timer_set *s, struct timer_node *n, nsec_t deadline)
{
	n->deadline = MIN(deadline, (nsec_t)INT64_MAX);
	insert(s, n);
}

void timer_set_del(struct timer_set *s, struct timer_node *n)
{
	unsigned b = n->bucket - 1;

	list_del(&n->link);
	n->bucket = 0;
	if (list_is_empty(&s->bucket[b]))
		s->nonempty &= ~(1ull << b);
	if (!s->nonempty)
		s->next = NSEC_NEVER;
}

static nsec_t earliest(const struct timer_set *s)
{
	const struct timer_node *n;
	const struct list *head;
	nsec_t min = NSEC_NEVER;

	if (!s->nonempty)
		return NSEC_NEVER;
	head = &s->bucket[__builtin_ctzll(s->nonempty)];
	list_for_each(n, head, link)
		min = MIN(min, n->deadline);
	return min;
}

static void take_due(struct timer_set *s, unsigned b, struct list *due)
{
	struct timer_node *n;

	list_for_each(n, &s->bucket[b], link)
		n->bucket = 0;
	list_splice_tail(due, &s->bucket[b]);
	s->nonempty &= ~(1ull << b);
}

void timer_set_expire(struct timer_set *s, nsec_t now, struct list *due)
{
	unsigned top = bucket_of(s->last, now);
	struct list again = LIST_INIT(again);
	struct timer_node *n, *tmp;
	uint64_t below = s->nonempty & ((1ull << top) - 1);

	for (; below; below &= below - 1)
		take_due(s, (unsigned)__builtin_ctzll(below), due);
	list_splice_tail(&again, &s->bucket[top]);
	s->nonempty &= ~(1ull << top);
	s->last = MAX(s->last, now);
	list_for_each_safe(n, tmp, &again, link) {
		list_del(&n->link);
		if (n->deadline <= now) {
			n->bucket = 0;
			list_add_tail(due, &n->link);
		} else {
			insert(s, n);
		}
	}
	s->next = earliest(s);
}
