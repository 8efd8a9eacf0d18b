// SPDX-License-Identifier: MIT
//
// The lock-free protocols under the C11 memory model, by Relacy (Debian: relacy-dev), which runs them with every relaxed load free to return any value that the model allows.
// The Promela models beside this file are exhaustive, but know one reordering (store->load); this one is random, and knows all of them.
//
// Each protocol takes its orders from a table, with the kernel's values. After the kernel's, each order that matters is weakened in turn: that must be noticed (a race on plain
// data, a value that may not be, or somebody who sleeps for ever). Keep the code here like the kernel's, function for function.
#include <fstream>
#include <iostream>

#include <relacy/relacy.hpp>

using rl::mo_acq_rel;
using rl::mo_acquire;
using rl::mo_relaxed;
using rl::mo_release;
using rl::mo_seq_cst;

enum { RUNNABLE, ANNOUNCED, BLOCKED };
#define MAX_ORDERS 8
static rl::memory_order order[MAX_ORDERS];

// A fence that is left out is one that orders nothing.
static void fence(int i)
{
	if (order[i] != mo_relaxed)
		rl::atomic_thread_fence(order[i], $);
}

// A thread that sleeps: thread.c (thread_wait_begin), switch.c (sched_finish), wake.c (thread_wake).
struct sleeper {
	rl::atomic<int> state, is_resumed;
	rl::var<int> registers;

	void init()
	{
		state.store(RUNNABLE, mo_relaxed, $);
		is_resumed.store(0, mo_relaxed, $);
		registers($) = 0;
	}

	void announce(int fence_order)
	{
		state.store(ANNOUNCED, mo_relaxed, $);
		fence(fence_order);
	}

	// The last part of a switch, and being switched to again.
	void block(rl::memory_order saved)
	{
		int expected = ANNOUNCED;

		registers($) = 1;
		if (!state.compare_exchange_strong(expected, BLOCKED, saved, $, mo_relaxed, $))
			return;
		while (!is_resumed.load(mo_acquire, $))		// by way of a run queue
			rl::yield(1, $);
		is_resumed.store(0, mo_relaxed, $);
	}

	void wake(int fence_order, rl::memory_order taken)
	{
		int seen = BLOCKED;

		fence(fence_order);
		for (;;) {
			if (state.compare_exchange_strong(seen, RUNNABLE, taken, $, mo_relaxed, $)) {
				if (seen == BLOCKED) {
					registers($) = 2;	// it runs on the waker's CPU
					is_resumed.store(1, mo_release, $);
				}
				return;
			}
			if (seen == RUNNABLE)
				return;
		}
	}
};

// ---- thread_wait_until and thread_wake ----

struct wake_up : rl::test_suite<wake_up, 2> {
	static const char *name() { return "wake-up"; }
	sleeper s;
	rl::atomic<int> cond;
	rl::var<int> data;

	void before()
	{
		s.init();
		cond.store(0, mo_relaxed, $);
		data($) = 0;
	}

	void thread(unsigned i)
	{
		if (i == 0) {
			while (!cond.load(mo_acquire, $)) {
				s.announce(0);
				if (cond.load(mo_acquire, $)) {
					s.state.store(RUNNABLE, mo_relaxed, $);
					break;
				}
				s.block(order[1]);
			}
			RL_ASSERT(data($) == 1);
		} else {
			data($) = 1;
			cond.store(1, order[2], $);
			s.wake(3, order[4]);
		}
	}
};

// ---- fs/sleeper-priv.h: one sleeper in a slot ----

struct slot : rl::test_suite<slot, 2> {
	static const char *name() { return "slot"; }
	sleeper s;
	rl::atomic<int> thread_in, cond;
	rl::var<int> data;

	void before()
	{
		s.init();
		thread_in.store(0, mo_relaxed, $);
		cond.store(0, mo_relaxed, $);
		data($) = 0;
	}

	void sleep()
	{
		int none = 0, me = 1;

		while (!cond.load(mo_acquire, $)) {
			none = 0;
			thread_in.compare_exchange_strong(none, 1, mo_relaxed, $, mo_relaxed, $);	// sleeper_enter()
			fence(0);
			while (!cond.load(mo_acquire, $) && thread_in.load(mo_acquire, $) == 1) {	// thread_wait_slot()
				s.announce(1);
				if (thread_in.load(mo_acquire, $) != 1) {
					s.state.store(RUNNABLE, mo_relaxed, $);
					break;
				}
				s.block(mo_release);
			}
			me = 1;
			thread_in.compare_exchange_strong(me, 0, mo_relaxed, $, mo_relaxed, $);		// sleeper_leave()
		}
		RL_ASSERT(data($) == 1);
	}

	void thread(unsigned i)
	{
		if (i == 0) {
			sleep();
		} else {
			data($) = 1;
			cond.store(1, mo_release, $);
			fence(2);					// sleeper_wake_all()
			if (thread_in.load(mo_relaxed, $) && thread_in.exchange(0, mo_acq_rel, $))
				s.wake(3, mo_acq_rel);
		}
	}
};

// ---- tell (wake.c) and wait_for_work (idle.c) ----

struct idle : rl::test_suite<idle, 2> {
	static const char *name() { return "idle"; }
	rl::atomic<int> incoming, is_polling, ipi;
	rl::var<int> item;

	void before()
	{
		incoming.store(0, mo_relaxed, $);
		is_polling.store(1, mo_relaxed, $);
		ipi.store(0, mo_relaxed, $);
		item($) = 0;
	}

	void thread(unsigned i)
	{
		if (i == 0) {
			is_polling.store(0, mo_relaxed, $);
			fence(0);
			if (!incoming.load(mo_relaxed, $))
				while (!ipi.load(mo_acquire, $))	// wfi
					rl::yield(1, $);
			RL_ASSERT(incoming.exchange(0, order[1], $) == 1);
			RL_ASSERT(item($) == 1);
		} else {
			int empty = 0;

			item($) = 1;
			incoming.compare_exchange_strong(empty, 1, order[2], $, mo_relaxed, $);
			fence(3);
			if (!is_polling.load(mo_relaxed, $))
				ipi.store(1, mo_release, $);		// the interrupt controller's affair
		}
	}
};

// ---- mutex.c ----

struct mutex : rl::test_suite<mutex, 3> {
	static const char *name() { return "mutex"; }
	struct waiter {
		rl::var<int> thread, next;
	} waiters[3];
	sleeper threads[3];
	rl::atomic<int> word;		// owner + 1 << 1 | has waiters
	rl::atomic<int> incoming;	// waiter + 1, newest first
	rl::var<int> waiting;		// the owner's: waiter + 1, oldest first
	rl::var<int> sum;

	void before()
	{
		word.store(0, mo_relaxed, $);
		incoming.store(0, mo_relaxed, $);
		waiting($) = sum($) = 0;
		for (int i = 0; i < 3; i++)
			threads[i].init();
	}

	bool try_take(int me, int seen)
	{
		while (seen >> 1 == 0)
			if (word.compare_exchange_strong(seen, (me + 1) << 1 | seen, order[0], $, mo_relaxed, $))
				return true;
		return false;
	}

	// mpsc_take(): oldest first.
	int take()
	{
		int n = incoming.exchange(0, order[1], $), reversed = 0, next;

		for (; n; n = next) {
			next = waiters[n - 1].next($);
			waiters[n - 1].next($) = reversed;
			reversed = n;
		}
		return reversed;
	}

	int first_waiter()
	{
		int n = waiting($);

		if (n)
			return n;
		n = take();
		if (!n) {
			word.fetch_and(~1, mo_acquire, $);
			rl::atomic_thread_fence(mo_seq_cst, $);
			n = take();
			if (n)
				word.fetch_or(1, mo_relaxed, $);
		}
		waiting($) = n;
		return n;
	}

	void lock(int me)
	{
		int seen = 0, head = incoming.load(mo_relaxed, $);

		if (word.compare_exchange_strong(seen, (me + 1) << 1, order[0], $, mo_relaxed, $) || try_take(me, seen))
			return;
		waiters[me].thread($) = me;
		do {
			waiters[me].next($) = head;
		} while (!incoming.compare_exchange_strong(head, me + 1, mo_release, $, mo_relaxed, $));
		word.fetch_or(1, mo_acq_rel, $);
		for (;;) {
			threads[me].announce(2);
			if (try_take(me, word.load(mo_acquire, $))) {
				threads[me].state.store(RUNNABLE, mo_relaxed, $);
				break;
			}
			threads[me].block(mo_release);
		}
		// mutex_dequeue(): only the first, or one behind it.
		int n = first_waiter();
		if (n == me + 1) {
			waiting($) = waiters[me].next($);
			if (!waiters[me].next($))
				first_waiter();
			return;
		}
		int last = n, list = take();
		while (waiters[last - 1].next($))
			last = waiters[last - 1].next($);
		waiters[last - 1].next($) = list;
		while (waiters[n - 1].next($) != me + 1)
			n = waiters[n - 1].next($);
		waiters[n - 1].next($) = waiters[me].next($);
	}

	void unlock(int me)
	{
		int seen = (me + 1) << 1, t;

		if (word.compare_exchange_strong(seen, 0, order[3], $, mo_relaxed, $))
			return;
		t = waiters[first_waiter() - 1].thread($);
		word.store(1, order[4], $);
		threads[t].wake(5, mo_acq_rel);
	}

	void thread(unsigned i)
	{
		lock((int)i);
		sum($) = sum($) + 1;
		unlock((int)i);
	}

	void after()
	{
		RL_ASSERT(sum($) == 3);
	}
};

// ---- rcu.c: a reader on its CPU, an updater that waits for a grace period ----

struct rcu : rl::test_suite<rcu, 2> {
	static const char *name() { return "rcu"; }
	rl::atomic<int> pointer, count;
	rl::var<int> object[2];

	void before()
	{
		pointer.store(0, mo_relaxed, $);
		count.store(0, mo_relaxed, $);
		object[0]($) = 7;
		object[1]($) = 0;
	}

	void thread(unsigned i)
	{
		if (i == 0) {
			for (int k = 0; k < 3; k++) {
				RL_ASSERT(object[pointer.load(mo_acquire, $)]($) == 7);		// a reader
				count.store(count.load(mo_relaxed, $) + 2, order[0], $);	// rcu_quiesce()
				fence(1);
			}
			count.store(count.load(mo_relaxed, $) + 1, mo_release, $);		// idle from now on
		} else {
			object[1]($) = 7;
			pointer.store(1, order[2], $);		// unlink 0
			fence(3);				// wait_for_grace_period()
			int snapshot = count.load(mo_acquire, $);
			if (!(snapshot & 1))
				while (count.load(order[4], $) == snapshot)
					rl::yield(1, $);
			object[0]($) = 0;			// free
		}
	}
};

// ---- fs/path-cache.h: remember (path.c) keeps a path, dentry_remove takes its last name away ----

struct path_cache : rl::test_suite<path_cache, 2> {
	static const char *name() { return "path_cache"; }
	rl::atomic<int> is_in_chain, is_known, generation, slot;
	rl::var<int> entry[3];

	void before()
	{
		is_in_chain.store(1, mo_relaxed, $);
		is_known.store(0, mo_relaxed, $);
		generation.store(1, mo_relaxed, $);
		slot.store(0, mo_relaxed, $);
	}

	void thread(unsigned i)
	{
		if (i == 0) {
			for (int k = 1; k <= 2; k++) {				// remember()
				int g = generation.load(mo_acquire, $);

				is_known.fetch_or(1, mo_relaxed, $);		// path_cache_mark()
				fence(0);
				if (!is_in_chain.load(mo_acquire, $) || generation.load(mo_acquire, $) != g)
					continue;
				entry[k]($) = g;
				slot.store(k, order[2], $);			// path_cache_store()
			}
		} else {
			if (int k = slot.load(mo_acquire, $))			// path_cache_find()
				RL_ASSERT(entry[k]($) == 1);
			is_in_chain.store(0, mo_release, $);			// dentry_remove()
			fence(1);
			if (is_known.load(mo_relaxed, $))
				generation.fetch_add(1, mo_release, $);
		}
	}

	// The name is gone: what is kept must not be good.
	void after()
	{
		int k = slot.load(mo_relaxed, $);

		RL_ASSERT(!k || entry[k]($) != generation.load(mo_relaxed, $));
	}
};

// ---- the run ----

struct weaker {
	int index;
	rl::memory_order order;
	const char *what;
};

// The kernel's orders, or with one weakened. What went wrong is printed only where nothing may.
template <typename suite>
static bool holds(const rl::memory_order *kernel, int nr, const weaker *w)
{
	static std::ofstream nowhere("/dev/null");	// no string stream: Relacy has its own malloc
	rl::test_params p;

	for (int i = 0; i < nr; i++)
		order[i] = kernel[i];
	if (w)
		order[w->index] = w->order;
	p.iteration_count = 60000;
	p.execution_depth_limit = 2000;
	p.progress_stream = &nowhere;
	p.output_stream = w ? &nowhere : static_cast<std::ostream *>(&std::cout);
	return rl::simulate<suite>(p);
}

template <typename suite, int nr, int nr_weaker>
static bool check(const rl::memory_order (&kernel)[nr], const weaker (&weakers)[nr_weaker])
{
	bool is_good = holds<suite>(kernel, nr, nullptr);

	if (!is_good)
		std::cout << "FAILED: " << suite::name() << " under the C11 model" << std::endl;
	for (const weaker &w : weakers) {
		if (!holds<suite>(kernel, nr, &w))
			continue;
		std::cout << "FAILED: " << suite::name() << " does not notice " << w.what << std::endl;
		is_good = false;
	}
	if (is_good)
		std::cout << "  MODEL   " << suite::name() << " under C11: holds, " << nr_weaker << " weaker orders noticed" << std::endl;
	return is_good;
}

int main()
{
	bool is_good = true;

	is_good &= check<wake_up>({ mo_seq_cst, mo_release, mo_release, mo_seq_cst, mo_acq_rel },
				  { { 0, mo_acq_rel, "the sleeper's fence" }, { 1, mo_relaxed, "BLOCKED without release" },
				    { 2, mo_relaxed, "a condition without release" }, { 3, mo_acq_rel, "the waker's fence" },
				    { 4, mo_relaxed, "taking a thread without acquire" } });
	is_good &= check<slot>({ mo_seq_cst, mo_seq_cst, mo_seq_cst, mo_seq_cst },
			       { { 0, mo_acq_rel, "the fence behind entering" }, { 1, mo_acq_rel, "the sleeper's fence" },
				 { 2, mo_acq_rel, "the fence before the look at the slot" }, { 3, mo_acq_rel, "the waker's fence" } });
	is_good &= check<idle>({ mo_seq_cst, mo_acquire, mo_release, mo_seq_cst },
			       { { 0, mo_acq_rel, "the idle CPU's fence" }, { 1, mo_relaxed, "taking without acquire" },
				 { 2, mo_relaxed, "a push without release" }, { 3, mo_acq_rel, "the waker's fence" } });
	is_good &= check<mutex>({ mo_acquire, mo_acquire, mo_seq_cst, mo_release, mo_release, mo_seq_cst },
				{ { 0, mo_relaxed, "a lock without acquire" }, { 1, mo_relaxed, "taking waiters without acquire" },
				  { 2, mo_acq_rel, "the waiter's fence" }, { 3, mo_relaxed, "the fast unlock without release" },
				  { 4, mo_relaxed, "the slow unlock without release" }, { 5, mo_acq_rel, "the fence of the wake-up" } });
	is_good &= check<rcu>({ mo_release, mo_seq_cst, mo_release, mo_seq_cst, mo_acquire },
			      { { 0, mo_relaxed, "a count without release" }, { 1, mo_acq_rel, "the reader's fence" },
				{ 2, mo_relaxed, "a pointer without release" }, { 3, mo_acq_rel, "the updater's fence" },
				{ 4, mo_relaxed, "a look at the count without acquire" } });
	is_good &= check<path_cache>({ mo_seq_cst, mo_seq_cst, mo_release },
				     { { 0, mo_acq_rel, "the fence behind the marks" }, { 1, mo_acq_rel, "the remover's fence" },
				       { 2, mo_relaxed, "an entry without release" } });
	return is_good ? 0 : 1;
}
