/* SPDX-License-Identifier: MIT
 *
 * Waking threads, on this CPU and on others, without locks; spreading and stealing.
 *
 * To another CPU a thread goes by its incoming list:
 *
 *	waker				target
 *	push on incoming		is_polling = 0
 *	full fence			full fence
 *	look at is_polling		look at incoming; sleep (wfi)
 *	0: interrupt it
 *
 * Of the two looks at least one sees the other's store (Dekker), so either the target finds the thread or it is interrupted. Only the push on an empty list
 * tells: the target takes all at once, and whoever pushed first has told it, or will. A busy target is interrupted in any case.
 *
 * Placement of a woken thread: its former CPU if that polls, else the waker's, where it most likely shares data. There it waits SPREAD_NS at most while
 * another CPU is idle: then wake_spread() sends it there. A pair of threads that wake each other and sleep thus comes together on one CPU, without interrupts
 * (to start an idle virtual CPU costs tens of microseconds), and work that really runs in parallel spreads. The other half: a CPU that becomes idle asks the CPU with the most waiting threads for one (wake_steal()).
 * Where the number of busy threads is no multiple of the CPUs, wake_rotate() keeps the shares equal: a thread that waits goes to the CPU whose running
 * thread has had much more than it. Only the owner touches a run queue, so stealing is a request, served in the victim's interrupt; nobody waits for the answer.
 */
#include <arch/time.h>

#include "sched/irq.h"
#include "sched/sched-priv.h"
#include "sched/trace.h"

static __cacheline uint64_t idle_mask[CPU_WORDS];	/* [a] a hint: who might take work */

static void interrupt(struct cpu *cpu)
{
	if (atomic_load(&cpu->is_online, RELAXED))	/* else it looks when it comes up. Pairs: sched_secondary */
		irq_controller()->send_ipi(cpu);
}

/* Full fence inside. */
static void tell(struct runqueue *rq)
{
	/* seq_cst: the push, or request, before the look at is_polling: store->load. Pairs: wait_for_work (idle.c) */
	atomic_fence(SEQ_CST);
	if (!atomic_load(&rq->is_polling, RELAXED))
		interrupt(rq->cpu);
}

void wake_request(struct cpu *cpu, uint32_t request)
{
	/* release: what the request is about, before it. Pairs: wake_serve_requests. Earlier requests that were not taken yet have told the CPU. */
	if (!atomic_fetch_or(&cpu->rq->requests, request, RELEASE))
		tell(cpu->rq);
}

static void push(struct cpu *cpu, struct sched_entity *se)
{
	atomic_store(&se->thread->cpu, cpu, RELAXED);
	if (mpsc_push(&cpu->rq->incoming, &se->incoming))
		tell(cpu->rq);
}

void wake_set_idle(struct runqueue *rq, bool is_idle)
{
	uint64_t bit = 1ull << rq->cpu->id % 64;

	atomic_store(&rq->is_idle, is_idle, RELAXED);
	if (is_idle && cpu_mask_has(idle_mask, rq->cpu->id))
		return;
	if (is_idle)
		atomic_fetch_or(&idle_mask[rq->cpu->id / 64], bit, RELAXED);
	else
		atomic_fetch_and(&idle_mask[rq->cpu->id / 64], ~bit, RELAXED);
}

/* An idle CPU that t may run on; NULL. mask: t's affinity. */
static struct cpu *find_idle(const uint64_t *mask)
{
	unsigned w, nr_words = DIV_ROUND_UP(nr_cpus, 64);
	uint64_t word;

	for (w = 0; w < nr_words; w++) {
		word = atomic_load(&idle_mask[w], RELAXED) & atomic_load(&mask[w], RELAXED);
		if (word)
			return cpus[w * 64 + (unsigned)__builtin_ctzll(word)];
	}
	return NULL;
}

static struct cpu *find_allowed(const struct thread *t)
{
	unsigned i;

	for (i = 0; i < nr_cpus; i++)
		if (thread_may_run_on(t, cpus[i]) && atomic_load(&cpus[i]->is_online, RELAXED))
			return cpus[i];
	for (i = 0; i < nr_cpus; i++)
		if (thread_may_run_on(t, cpus[i]))
			return cpus[i];		/* it starts when that CPU does */
	return cpus[0];
}

/* Whoever clears its bit has claimed it: one thread for each idle CPU. It sets the bit again when it is idle again. */
static bool claim(struct cpu *cpu)
{
	uint64_t bit = 1ull << cpu->id % 64;

	return atomic_fetch_and(&idle_mask[cpu->id / 64], ~bit, RELAXED) & bit;
}

/* Real-time priority of what runs there; 0: none; -1: idle. A hint. Preemption off (RCU). */
static int running_priority(const struct cpu *cpu)
{
	const struct sched_entity *se = atomic_load(&cpu->running, ACQUIRE)->sched;

	return se->is_idle ? -1 : PARAMS_PRIO(READ_ONCE(se->active_params));
}

/* Where a real-time thread can run at once: the CPU with the least priority below its own; this one if it is as good. NULL: nowhere. */
static struct cpu *find_lower(const struct thread *t, struct cpu *this)
{
	int prio = PARAMS_PRIO(atomic_load(&t->sched->params, RELAXED)), least, p;
	struct cpu *best = NULL;
	unsigned i;

	least = thread_may_run_on(t, this) ? running_priority(this) : prio;
	if (least < prio)
		best = this;
	for (i = 0; i < nr_cpus && least > 0; i++) {
		if (!thread_may_run_on(t, cpus[i]) || !atomic_load(&cpus[i]->is_online, RELAXED))
			continue;
		p = running_priority(cpus[i]);
		if (p < least) {
			least = p;
			best = cpus[i];
		}
	}
	return best;
}

static struct cpu *choose(const struct thread *t, struct cpu *this)
{
	struct cpu *prev = t->cpu, *idle;
	bool may_here;

	if (nr_cpus == 1)
		return this;
	may_here = thread_may_run_on(t, this);
	if (may_here && this->running == this->idle)
		return this;
	if (unlikely(PARAMS_PRIO(t->sched->params))) {
		idle = find_lower(t, this);
		if (idle)
			return idle;
	}
	if (prev != this && thread_may_run_on(t, prev)) {
		if (!may_here || atomic_load(&prev->rq->is_polling, RELAXED) ||
		    (this->rq->in_irq && atomic_load(&prev->rq->is_idle, RELAXED)))
			return prev;
	}
	/* A timer's wake-up has nothing to do with what runs here: no reason to wait for it. */
	if (may_here && !(this->rq->in_irq && PARAMS_PRIO(t->sched->params) == 0))
		return this;
	idle = nr_cpus > 1 ? find_idle(t->sched->affinity) : NULL;
	if (idle && claim(idle))
		return idle;
	return may_here ? this : find_allowed(t);
}

static inline bool is_anyone_idle(void)
{
	unsigned w, nr_words = DIV_ROUND_UP(nr_cpus, 64);

	for (w = 0; w < nr_words; w++)
		if (atomic_load(&idle_mask[w], RELAXED))
			return true;
	return false;
}

/* True: cur has to make way. */
static __attribute__((noinline)) bool insert_with_care(struct runqueue *rq, struct sched_entity *se,
						       const struct sched_entity *cur, nsec_t now)
{
	rq_limit_credit(rq, se, se->has_slept ? FAIR_SLEEPER_NS : FAIR_MIGRANT_NS, now);
	rq_insert_aged(rq, se, now);
	return cur->is_idle || rq_should_preempt(rq, cur, now);
}

static __attribute__((noinline)) void spread_later(struct runqueue *rq, nsec_t now)
{
	if (!is_anyone_idle())
		return;
	rq->spread_at = now + SPREAD_NS;
	if (rq->spread_at < rq->armed && !rq->in_irq)
		sched_arm(rq);
}

static void enqueue_here(struct runqueue *rq, struct sched_entity *se)
{
	struct thread *cur = rq->cpu->running;
	nsec_t now = arch_time_ns();
	bool has_to_go;

	rq_account(rq, cur->sched, now);
	has_to_go = insert_with_care(rq, se, cur->sched, now);
	se->has_slept = false;
	if (has_to_go) {
		cur->needs_resched = 1;
		return;
	}
	if (nr_cpus > 1 && rq->spread_at == NSEC_NEVER)
		spread_later(rq, now);
	sched_look_later(rq, now);
}

void wake_drop_timer(struct runqueue *rq, struct sched_entity *se)
{
	if (timer_node_is_set(&se->timer))
		timer_set_del(&rq->waits, &se->timer);
	se->timer_cpu = NULL;
	se->has_timer = false;
}

void wake_place(struct thread *t, bool is_local)
{
	struct sched_entity *se = t->sched;
	struct cpu *this = cpu_this(), *target;

	if (se->timer_cpu) {
		if (se->timer_cpu != this) {
			push(se->timer_cpu, se);	/* only that CPU may take the deadline out */
			return;
		}
		wake_drop_timer(this->rq, se);
	}
	target = is_local && thread_may_run_on(t, this) ? this : choose(t, this);
	if (target == this)
		enqueue_here(this->rq, se);
	else
		push(target, se);
}

void wake_drain(struct runqueue *rq)
{
	struct mpsc_node *n = mpsc_take(&rq->incoming), *next;

	for (; n; n = next) {
		next = n->next;
		rq->nr_incoming++;
		wake_place(container_of(n, struct sched_entity, incoming)->thread, true);
	}
}

static bool was_placed(arch_irqflags_t flags)
{
	arch_irq_restore(flags);
	preempt_check();
	return true;
}

/* The comparator has to be set earlier: rare. */
static __attribute__((noinline)) bool arm_and_return(struct runqueue *rq, arch_irqflags_t flags)
{
	sched_arm(rq);
	return was_placed(flags);
}

/* t, taken from BLOCKED, goes anywhere. */
static __attribute__((noinline)) bool place_with_care(struct thread *t, arch_irqflags_t flags)
{
	trace(TRACE_WAKE, t->id, t->cpu->id);
	t->sched->has_slept = true;
	wake_place(t, false);
	return was_placed(flags);
}

/*
 * Whether se, which last ran on rq's CPU, may simply be queued behind the running thread: both are ordinary, nobody waits, neither is the running thread so far ahead that it
 * has to make way, nor se so far behind that its credit has to be cut.
 *
 * The running thread is taken as of the begin of its turn, which saves reading the clock. If that was long ago sched_look_later() asks for a look at a time that is over, and
 * the timer interrupt comes at once and looks with the exact time.
 */
static inline bool is_simple(const struct runqueue *rq, const struct sched_entity *se, const struct sched_entity *cur)
{
	return !rq->first && !cur->is_special && se->generation == rq->generation && (int64_t)(cur->usage - se->usage) <= rq->ahead &&
	       !rq->in_irq;
}

static inline bool insert_simply(struct runqueue *rq, struct sched_entity *se, arch_irqflags_t flags)
{
	nsec_t at = rq->accounted + FAIR_HYSTERESIS_NS;

	se->key = KEY_FAIR | se->usage;
	se->is_queued = true;
	rq->first = se;
	atomic_store(&rq->nr_queued, 1u, RELAXED);
	if (unlikely(rq->preempt_at > at)) {
		rq->preempt_at = at;
		if (at < rq->armed)
			return arm_and_return(rq, flags);
	}
	arch_irq_restore(flags);
	return true;
}

/* As place_with_care(), with several CPUs: others look at the times in the queue, and may want threads. */
static __attribute__((noinline)) bool place_among_many(struct thread *t, arch_irqflags_t flags)
{
	struct sched_entity *se = t->sched;
	struct cpu *this = cpu_this();
	struct runqueue *rq = this->rq;
	nsec_t now;

	if (t->cpu != this || se->is_special || se->has_timer || se->has_new_params || !is_simple(rq, se, thread_current()->sched) ||
	    (atomic_load(&se->is_restricted, RELAXED) && !thread_may_run_on(t, this)))
		return place_with_care(t, flags);
	now = arch_time_ns();
	if (now - rq->accounted > CHARGE_NS)
		return place_with_care(t, flags);
	trace(TRACE_WAKE, t->id, t->cpu->id);
	atomic_store(&rq->queued_since, now, RELAXED);
	if (rq->spread_at == NSEC_NEVER)
		spread_later(rq, now);
	return insert_simply(rq, se, flags);
}

/* t was not BLOCKED when it was looked at. */
static __attribute__((noinline)) bool wake_other(struct thread *t, uint32_t state, arch_irqflags_t flags)
{
	struct sched_entity *se = t->sched;
	bool did = false;

	for (;;) {
		if (state == STATE_ANNOUNCED) {
			did = atomic_cas(&se->state, &state, STATE_RUNNABLE, RELEASE);
			if (did)
				break;
		} else if (state == STATE_BLOCKED) {
			/* acquire, release: as in thread_wake */
			if (atomic_cas(&se->state, &state, STATE_RUNNABLE, ACQ_REL))
				return place_among_many(t, flags);
		} else {
			break;
		}
	}
	arch_irq_restore(flags);
	return did;
}

/* t, RUNNABLE and ours, to a run queue. */
static inline bool place(struct thread *t, struct sched_entity *se, arch_irqflags_t flags)
{
	struct thread *self = thread_current();
	struct runqueue *rq = self->cpu->rq;

	if (unlikely(nr_cpus > 1))
		return place_among_many(t, flags);
	if (unlikely(trace_is_wanted(TRACE_WAKE) || atomic_load(&se->care, RELAXED) || !is_simple(rq, se, self->sched)))
		return place_with_care(t, flags);
	return insert_simply(rq, se, flags);
}

void thread_start(struct thread *t)
{
	arch_irqflags_t flags = arch_irq_save();

	atomic_store(&t->sched->state, STATE_RUNNABLE, RELAXED);	/* placing it publishes it */
	place(t, t->sched, flags);
}

/* BLOCKED -> RUNNABLE: t is ours to place. False: it is in another state. */
static inline bool unblock(struct sched_entity *se)
{
	uint32_t state = STATE_BLOCKED;

	/* seq_cst: the caller's condition before the look at the state: store->load. Pairs: thread_wait_begin */
	atomic_fence(SEQ_CST);
	/*
	 * acquire: its saved registers. Pairs: sched_finish. release: together with the run queue or the incoming list, the caller's condition for the thread's
	 * next look.
	 */
	return atomic_cas(&se->state, &state, STATE_RUNNABLE, ACQ_REL);
}

/* Interrupts are masked from the change of the state to the placing: a thread that is BLOCKED no more is not kept waiting. */
bool thread_wake(struct thread *t)
{
	arch_irqflags_t flags = arch_irq_save();
	struct sched_entity *se = t->sched;

	if (unlikely(!unblock(se)))
		return wake_other(t, atomic_load(&se->state, RELAXED), flags);
	return place(t, se, flags);
}

bool thread_wake_slot(struct thread **slot)
{
	arch_irqflags_t flags = arch_irq_save();	/* from the exchange on t is kept valid by RCU */
	struct sched_entity *se;
	struct thread *t;

	/* acq_rel: the condition before the slot is seen empty. Pairs: thread_wait_slot */
	t = atomic_exchange(slot, NULL, ACQ_REL);
	if (unlikely(!t)) {
		arch_irq_restore(flags);
		return false;
	}
	se = t->sched;
	if (unlikely(!unblock(se))) {
		wake_other(t, atomic_load(&se->state, RELAXED), flags);
		return true;
	}
	return place(t, se, flags);
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */

/* Parameters or affinity of queued threads have changed: put those in their right place. */
static void recheck(struct runqueue *rq)
{
	struct mpsc_node *moved = NULL, *n;
	struct sched_entity *se, *next;

	for (se = rq_walk(rq, NULL); se; se = next) {
		next = rq_walk(rq, se);
		if (se->active_params == atomic_load(&se->params, RELAXED) && thread_may_run_on(se->thread, rq->cpu))
			continue;
		rq_remove(rq, se);
		se->incoming.next = moved;
		moved = &se->incoming;
	}
	while ((n = moved)) {
		moved = n->next;
		wake_place(container_of(n, struct sched_entity, incoming)->thread, true);
	}
}

static void serve_thieves(struct runqueue *rq)
{
	unsigned w, nr_words = DIV_ROUND_UP(nr_cpus, 64), nr;
	struct sched_entity *se;
	struct cpu *thief;
	uint64_t word;

	for (w = 0; w < nr_words; w++) {
		word = atomic_exchange(&rq->thieves[w], 0ull, RELAXED);
		for (; word; word &= word - 1) {
			thief = cpus[w * 64 + (unsigned)__builtin_ctzll(word)];
			if (!atomic_load(&thief->rq->is_idle, RELAXED))
				continue;
			/* Half of what waits, so that it does not come back at once. */
			for (nr = (rq->nr_queued + 1) / 2; nr && (se = rq_pop_for(rq, thief)); nr--) {
				rq->nr_stolen++;
				push(thief, se);
			}
		}
	}
}

void wake_serve_requests(struct runqueue *rq)
{
	uint32_t requests;

	if (!atomic_load(&rq->requests, RELAXED))
		return;
	/* acquire: what the requests are about. Pairs: wake_request */
	requests = atomic_exchange(&rq->requests, 0u, ACQUIRE);
	if (requests & REQUEST_RESCHED)
		rq_refresh_params(rq->cpu->running->sched);
	if (requests & REQUEST_RECHECK)
		recheck(rq);
	if (requests & REQUEST_STEAL)
		serve_thieves(rq);
	if (requests & REQUEST_BARRIER)
		barrier_serve(rq);
	if (requests & (REQUEST_RESCHED | REQUEST_QUIESCE))
		rq->cpu->running->needs_resched = 1;
}

void wake_spread(struct runqueue *rq, nsec_t now)
{
	struct sched_entity *se, *next;
	struct cpu *target;

	if (now < rq->spread_at)
		return;
	rq->spread_at = NSEC_NEVER;
	if (!rq->first && rq->is_idle)
		wake_steal(rq, true);
	for (se = rq_walk(rq, NULL); se; se = next) {
		next = rq_walk(rq, se);
		target = find_idle(se->affinity);
		if (!target || target == rq->cpu)
			continue;
		if (!claim(target))
			continue;
		rq_remove(rq, se);
		rq->nr_spread++;
		push(target, se);
	}
}

/* What the thread that runs there has used by now; 0 if it is idle or real-time. Read while it changes: a hint. Preemption off (RCU). */
static uint64_t running_usage(const struct cpu *cpu, const struct runqueue *mine, nsec_t now)
{
	const struct sched_entity *se = atomic_load(&cpu->running, ACQUIRE)->sched;
	nsec_t since = READ_ONCE(cpu->rq->accounted);
	uint64_t usage;

	if (se->is_idle || READ_ONCE(se->is_rt))
		return 0;
	usage = fair_age(READ_ONCE(se->usage), READ_ONCE(se->generation), mine->generation);
	return now > since ? fair_add(usage, fair_charge(now - since, READ_ONCE(se->inverse_weight), now)) : usage;
}

/* The CPU whose running thread has had much more than se; NULL: none. */
static struct cpu *find_ahead(const struct runqueue *rq, const struct sched_entity *se, nsec_t now)
{
	uint64_t usage, most = se->usage + fair_span(FAIR_ROTATE_NS, FAIR_NICE_0_INVERSE, now);
	struct cpu *best = NULL;
	unsigned i;

	for (i = 0; i < nr_cpus; i++) {
		if (cpus[i] == rq->cpu || !thread_may_run_on(se->thread, cpus[i]) ||
		    !atomic_load(&cpus[i]->is_online, RELAXED))
			continue;
		usage = running_usage(cpus[i], rq, now);
		if (usage > most) {
			most = usage;
			best = cpus[i];
		}
	}
	return best;
}

void wake_rotate(struct runqueue *rq, nsec_t now)
{
	struct sched_entity *se = rq->first;
	struct cpu *target;

	if (nr_cpus == 1)
		return;
	/* The first real-time one, and the first of the others, which may wait behind several of those. */
	for (; se; se = rq_walk(rq, se)) {
		target = se->is_rt ? find_lower(se->thread, rq->cpu) : find_ahead(rq, se, now);
		if (target && target != rq->cpu) {
			rq_remove(rq, se);
			rq->nr_rotated++;
			push(target, se);
			return;
		}
		if (!se->is_rt)
			return;
	}
}

bool wake_steal(struct runqueue *rq, bool is_again)
{
	unsigned i, id = rq->cpu->id, nr, max = 0;
	struct runqueue *victim = NULL;
	bool has_fresh = false;
	nsec_t now;

	if (nr_cpus == 1)
		return false;
	now = arch_time_ns();
	for (i = 1; i < nr_cpus; i++) {
		struct runqueue *other = cpus[(id + i) % nr_cpus]->rq;

		nr = atomic_load(&other->nr_queued, RELAXED);
		if (nr <= max)
			continue;
		/* A lone thread that has just been queued will most likely be run by its own CPU. */
		if (nr == 1 && now <= atomic_load(&other->queued_since, RELAXED) + SPREAD_NS) {
			has_fresh = true;
			continue;
		}
		max = nr;
		victim = other;
	}
	if (!victim) {
		/* But if not: when it was queued nobody was idle, so nobody will spread it. Look once more; who is queued from now on is spread. */
		if (has_fresh && !is_again) {
			rq->spread_at = now + SPREAD_NS;
			sched_arm(rq);
		}
		return false;
	}
	atomic_fetch_or(&victim->thieves[id / 64], 1ull << id % 64, RELAXED);
	wake_request(victim->cpu, REQUEST_STEAL);
	return true;
}
