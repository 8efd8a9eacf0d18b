/* SPDX-License-Identifier: MIT
 *
 * Queues of pending signals (signal(7), "Queueing and delivery semantics"): a standard signal is there or not; realtime signals are kept each, in order. Pure
 * data structure, tested on the host (tests/unit/linux-signal-queue.c). The caller holds the lock.
 */
#include "libc/atomic.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "linux/signal-priv.h"
#include "mmu/heap.h"

int signal_queue_add(struct signal_queue *q, int sig, const struct siginfo *info, unsigned limit)
{
	struct signal_entry *e = NULL;

	if (sig < SIGRTMIN && (q->set & SIGMASK(sig)))
		return 1;
	if (*q->nr_total < limit || sig < SIGRTMIN)
		e = KNEW(struct signal_entry);
	if (!e && sig >= SIGRTMIN)
		return -EAGAIN;
	if (e) {
		e->info = *info;
		e->info.signo = sig;
		signal_queue_put(q, e);
		(*q->nr_total)++;
	}
	WRITE_ONCE(q->set, q->set | SIGMASK(sig));
	return 0;
}

void signal_queue_put(struct signal_queue *q, struct signal_entry *e)
{
	e->is_queued = true;
	list_add_tail(&q->entries, &e->node);
	WRITE_ONCE(q->set, q->set | SIGMASK(e->info.signo));
}

void signal_entry_release(struct signal_entry *e, unsigned *nr_total)
{
	e->is_timers = false;
	if (!e->is_queued) {
		(*nr_total)--;
		kfree(e);
	}
}

static int choose(sigmask_t set)
{
	if (set & SIGMASK_SYNCHRONOUS)
		set &= SIGMASK_SYNCHRONOUS;
	return set ? __builtin_ctzll(set) + 1 : 0;
}

static void free_entry(struct signal_queue *q, struct signal_entry *e)
{
	list_del(&e->node);
	e->is_queued = false;
	if (e->is_timers)
		return;
	(*q->nr_total)--;
	kfree(e);
}

int signal_queue_take(struct signal_queue *q, sigmask_t mask, struct siginfo *out)
{
	int sig = choose(q->set & mask);
	struct signal_entry *e, *next, *first = NULL;
	bool is_more = false;

	if (!sig)
		return 0;
	list_for_each_safe(e, next, &q->entries, node) {
		if (e->info.signo != sig)
			continue;
		if (first) {
			is_more = true;
			break;
		}
		first = e;
	}
	if (first) {
		*out = first->info;
		free_entry(q, first);
	} else {
		memset(out, 0, sizeof(*out));
		out->signo = sig;
	}
	if (!is_more)
		WRITE_ONCE(q->set, q->set & ~SIGMASK(sig));
	return sig;
}

void signal_queue_remove(struct signal_queue *q, sigmask_t mask)
{
	struct signal_entry *e, *next;

	if (!(q->set & mask))
		return;
	list_for_each_safe(e, next, &q->entries, node)
		if (SIGMASK(e->info.signo) & mask)
			free_entry(q, e);
	WRITE_ONCE(q->set, q->set & ~mask);
}

void signal_queue_remove_timers(struct signal_queue *q)
{
	sigmask_t left = 0, removed = 0;
	struct signal_entry *e, *next;

	list_for_each_safe(e, next, &q->entries, node) {
		if (e->info.code == SI_TIMER) {
			removed |= SIGMASK(e->info.signo);
			free_entry(q, e);
		} else {
			left |= SIGMASK(e->info.signo);
		}
	}
	WRITE_ONCE(q->set, q->set & ~(removed & ~left));
}
