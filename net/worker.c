// SPDX-License-Identifier: MIT
#include "net/worker.h"

#include "libc/print.h"
#include "mmu/heap.h"
#include "sched/clock.h"
#include "sched/cpu.h"
#include "sched/thread.h"

/* One for each CPU. CPU 0's exists from the start, and works for all while the others' are not there (no memory). Never freed. */
struct __cacheline worker {
	struct mpsc incoming;		/* [a] new ones */
	struct work *listed;		/* [its thread] linked by node */
	uint32_t is_urgent;		/* [a] */
	uint32_t is_asleep;		/* [a] it sleeps with no deadline: a new entry must wake it */
	struct thread *thread;		/* [a] NULL: not started */
};

static struct worker first;
static struct worker *others;		/* [a] nr_cpus - 1, of CPU 1 and on */
static void (*slow_tick)(nsec_t now);	/* CPU 0's worker calls it */
static nsec_t slow_tick_at = NSEC_NEVER;	/* [a] */

static struct worker *worker_of(unsigned cpu)
{
	/* acquire: what it points at. Pairs: worker_start */
	struct worker *w = cpu ? atomic_load(&others, ACQUIRE) : NULL;

	return w ? &w[cpu - 1] : &first;
}

static struct worker *worker_of_work(const struct work *w)
{
	return worker_of(atomic_load(&w->state, RELAXED) >> WORK_CPU_SHIFT);
}

static void wake(struct worker *wk)
{
	struct thread *t = atomic_load(&wk->thread, ACQUIRE);

	if (t)
		thread_wake(t);
}

bool __work_claim(struct work *w, uint32_t state)
{
	/* Once the others are there, a hint: the thread may move at any time. Until then it is CPU 0's, whose state says 0. */
	uint32_t cpu = atomic_load(&others, RELAXED) ? thread_current()->cpu->id : 0;

	/* A compare-and-swap that fails: somebody else has claimed it. acq_rel: what was done before it was unlisted, and before it was pushed to. */
	return atomic_cas(&w->state, &state, WORK_LISTED | cpu << WORK_CPU_SHIFT, ACQ_REL);
}

void work_add(struct work *w)
{
	struct worker *wk = worker_of_work(w);

	(void)mpsc_push(&wk->incoming, &w->node);
	atomic_fence(SEQ_CST);	/* push before the look at is_asleep. Pairs: worker_main */
	if (atomic_load(&wk->is_asleep, RELAXED))
		wake(wk);
}

void work_urgent(struct work *w)
{
	struct worker *wk = worker_of_work(w);

	atomic_fence(SEQ_CST);	/* the caller's push before is_urgent. Pairs: worker_main */
	if (!atomic_exchange(&wk->is_urgent, 1u, RELAXED))
		wake(wk);
}

void worker_set_slow_tick(void (*fn)(nsec_t now))
{
	slow_tick = fn;
}

void worker_request_slow_tick(nsec_t at)
{
	if (at < atomic_load(&slow_tick_at, RELAXED)) {
		atomic_store(&slow_tick_at, at, RELAXED);
		wake(&first);		/* fences. Pairs: the wait of worker_main */
	}
}

static nsec_t run_slow_tick(nsec_t now)
{
	if (atomic_load(&slow_tick_at, RELAXED) <= now && slow_tick) {
		atomic_store(&slow_tick_at, NSEC_NEVER, RELAXED);
		atomic_fence(SEQ_CST);	/* what is requested from now on is either seen by slow_tick() or left in slow_tick_at */
		slow_tick(now);
	}
	return atomic_load(&slow_tick_at, RELAXED);
}

static nsec_t run_once(struct worker *wk, nsec_t now)
{
	struct mpsc_node *n = mpsc_take_newest_first(&wk->incoming);
	struct work *keep = NULL, *w;
	nsec_t slow;

	/* New ones in front: their order does not matter. */
	while (n) {
		w = container_of(n, struct work, node);
		n = n->next;
		w->node.next = wk->listed ? &wk->listed->node : NULL;
		wk->listed = w;
	}
	while ((w = wk->listed)) {
		wk->listed = w->node.next ? container_of(w->node.next, struct work, node) : NULL;
		if (w->run(w, now)) {
			w->node.next = keep ? &keep->node : NULL;
			keep = w;
		}
	}
	wk->listed = keep;
	slow = wk == &first ? run_slow_tick(now) : NSEC_NEVER;
	return MIN(wk->listed || !mpsc_is_empty(&wk->incoming) ? now + WORKER_TICK_NS : NSEC_NEVER, slow);
}

nsec_t worker_run_once(unsigned cpu, nsec_t now)
{
	return run_once(worker_of(cpu), now);
}

static void worker_main(void *arg)
{
	struct worker *wk = arg;

	for (;;) {
		nsec_t next;
		bool is_idle;

		atomic_store(&wk->is_urgent, 0u, RELAXED);
		atomic_fence(SEQ_CST);	/* is_urgent = 0 before the looks at lists and channels: store->load. Pairs: work_urgent */
		next = run_once(wk, clock_monotonic());
		is_idle = !wk->listed;
		if (is_idle)
			atomic_store(&wk->is_asleep, 1u, RELAXED);	/* the wait's fence comes before its last look at incoming. Pairs: work_add */
		(void)thread_wait_until("net-idle", atomic_load(&wk->is_urgent, ACQUIRE) || (is_idle && !mpsc_is_empty(&wk->incoming)) ||
					(wk == &first && atomic_load(&slow_tick_at, RELAXED) < next), next, 0);
		atomic_store(&wk->is_asleep, 0u, RELAXED);
		/* What has just come in is given a tick's time to be picked up by its application. */
		if (is_idle && !atomic_load(&wk->is_urgent, ACQUIRE) && !mpsc_is_empty(&wk->incoming))
			(void)thread_wait_until("net-tick", atomic_load(&wk->is_urgent, ACQUIRE), clock_monotonic() + WORKER_TICK_NS, 0);
	}
}

static bool start(struct worker *wk)
{
	struct thread_params params = { .name = "net", .entry = worker_main, .arg = wk, .pinned_cpu = -1 };
	struct thread *t;

	if (thread_create(&params, &t))
		return false;
	atomic_store(&wk->thread, t, RELEASE);
	thread_start(t);
	return true;
}

/* Others' lists are used by nobody before all have their threads. */
static void start_others(void)
{
	struct worker *rest = kzalloc((nr_cpus - 1) * sizeof(*rest));

	if (!rest)
		return;
	for (unsigned i = 1; i < nr_cpus; i++)
		if (!start(&rest[i - 1]))
			return;		/* the threads of those before sleep for ever */
	/* release: all of them. Pairs: worker_of */
	atomic_store(&others, rest, RELEASE);
}

bool worker_start(void)
{
	if (READ_ONCE(first.thread))
		return true;
	if (!start(&first))
		return false;
	if (nr_cpus > 1)
		start_others();
	return true;
}
