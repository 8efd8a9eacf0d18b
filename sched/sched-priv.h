/* SPDX-License-Identifier: MIT
 *
 * What the files of sched/ share: the scheduling entity, the run queue, and who may change what.
 *
 * The state word of a thread. Every change but the marked ones is a CAS.
 *
 *	from		to		by
 *	NEW		RUNNABLE	thread_start() (store: nobody else knows the thread)
 *	RUNNABLE	ANNOUNCED	the thread itself: thread_wait_begin() (store)
 *	ANNOUNCED	RUNNABLE	a waker; or the thread itself (thread_wait_end(), store; preempted before it blocked)
 *	ANNOUNCED	BLOCKED		its CPU, once its registers are saved (sched_finish())
 *	BLOCKED		RUNNABLE	a waker, who thereby owns the thread and has to place it on a CPU
 *	RUNNABLE	DEAD		the thread itself: thread_exit() (store)
 *
 * Every thread is, at each moment, in exactly one of these hands:
 *	- running: cpu->running == t, or on the way out (until sched_finish(t))
 *	- in the run queue of t->cpu: only that CPU touches it, interrupts masked
 *	- BLOCKED: nobody's. Its registers are in memory: a waker may take it to any CPU
 *	- in flight: taken by a waker, or pushed on the incoming list of t->cpu
 * A waker that finds ANNOUNCED has nothing to place: the thread is still on its CPU and finds out by itself. So a wake-up never needs to be waited for.
 */
#pragma once

#include <arch/cpu.h>

#include "libc/mpsc.h"
#include "libc/rbtree.h"
#include "sched/cpu.h"
#include "sched/fair.h"
#include "sched/rcu.h"
#include "sched/thread.h"
#include "sched/timer-set.h"

enum thread_state { STATE_NEW, STATE_RUNNABLE, STATE_ANNOUNCED, STATE_BLOCKED, STATE_DEAD };

#define CPU_WORDS	(MAX_CPUS / 64)

/*
 * Above those of applications, 1 to 99: what here are threads (interrupts, timers) is on Linux done in the interrupt. Between them is what a thread gets that other real-time
 * threads have kept from running: it must run before them, but not keep the kernel from its work.
 */
#define RT_PRIORITY_IRQ		101
#define RT_PRIORITY_RELIEF	100
#define RR_QUANTUM_NS	(100 * NSEC_PER_MSEC)
/* A thread that waits this long in a run queue while another CPU is idle goes there. Shorter, so that a pair which wakes each other stays together. */
#define SPREAD_NS	(50 * NSEC_PER_USEC)
#define CHARGE_NS	65536u

/*
 * Policy, RT priority, nice value and the priority that a lock's waiters lend (thread_boost(); thread_urge()) in one word, so that they change together.
 *	boost 31..24   urged 23   policy 22..16   priority 15..8   nice + 20 7..0
 */
#define PARAMS(policy, prio, nice)	((uint32_t)(policy) << 16 | (uint32_t)(prio) << 8 | (uint32_t)((nice) + 20))
#define PARAMS_BOOST_SHIFT		24
#define PARAMS_BOOST(p)			((int)((p) >> PARAMS_BOOST_SHIFT))
#define PARAMS_URGED			(1u << 23)
#define PARAMS_POLICY(p)		((enum thread_policy)((p) >> 16 & 0x7f))
#define PARAMS_OWN_PRIO(p)		((int)((p) >> 8 & 0xff))
#define PARAMS_LENT_PRIO(p)		MAX(PARAMS_BOOST(p), (p) & PARAMS_URGED ? RT_PRIORITY_IRQ : 0)
#define PARAMS_PRIO(p)			MAX(PARAMS_LENT_PRIO(p), PARAMS_OWN_PRIO(p))	/* > 0: real-time */
#define PARAMS_NICE(p)			((int)((p) & 0xff) - 20)

/* Lives with its struct thread in one struct thread_block. [q] the hand that holds the thread (see above) */
struct sched_entity {
	uint32_t state;			/* [a] enum thread_state */
	uint32_t refs;			/* [a] */
	uint32_t params;		/* [a] as last set */
	uint32_t active_params;		/* [q] as the run queue has it */
	uint64_t key;			/* [q] order in the run queue: see rq.c */
	struct rb_node node;		/* [q] */
	bool is_queued;			/* [q] in the run queue of its CPU */
	bool was_preempted;		/* [q] goes first among equals */
	bool has_slept;			/* [q] woken, not yet in a run queue */
	bool has_timed_out;		/* [o, q] the deadline woke it */
	bool is_interruptible;		/* [o] for people */
	bool is_idle;			/* [I] an idle thread: never queued */
	bool is_rt;			/* [q] SCHED_FIFO, SCHED_RR, or boosted */
	bool is_relieved;		/* [q] runs at RT_PRIORITY_RELIEF for the moment: throttle.c */
	/* What keeps a wake-up from its short way: looked at together. */
	union {
		uint32_t care;
		struct {
			uint8_t is_special;	/* [q] idle, real-time, heavier than nice 0, or SCHED_IDLE */
			uint8_t is_restricted;	/* [a] may not run on all CPUs */
			uint8_t has_timer;	/* [q] timer_cpu is set */
			uint8_t has_new_params;	/* [a] params has changed: set after it, cleared before active_params is made from it */
		};
	};
	uint32_t inverse_weight;	/* [q] */
	uint32_t generation;		/* [q] of usage */
	uint64_t usage;			/* [q] fair.h */
	nsec_t quantum_ns;		/* [q] SCHED_RR: rest */
	nsec_t uncharged;		/* [q] time that it ran and usage does not hold yet: below CHARGE_NS */
	/* CPU time in one word, so that others read it exactly: total, or CLOCK_RUNNING | (time of the switch in - total). */
	uint64_t clock;			/* [a] written by its CPU */
	uint64_t nr_voluntary, nr_involuntary;	/* [o] */
	struct timer_node timer;	/* [timer_cpu's] deadline of the wait */
	struct cpu *timer_cpu;		/* [q] in whose set the timer is; NULL: none */
	struct mpsc_node incoming;	/* [q] */
	uint64_t affinity[CPU_WORDS];	/* [a] */
	struct thread *thread;		/* [I] */
	struct list all;		/* [registry.lock], read under RCU */
	struct rcu_head rcu;
	void (*entry)(void *arg);	/* [I] */
	void *arg;			/* [I] */
};

#define CLOCK_RUNNING	(1ull << 63)

struct thread_block {
	struct thread thread;
	struct sched_entity sched;
};

#define KEY_FAIR	(1ull << 62)	/* in sched_entity.key: rq.c */

/* rq->requests: what another CPU asks for, followed by an interrupt. */
#define REQUEST_RESCHED		1u	/* the running thread's parameters changed: decide again */
#define REQUEST_RECHECK		2u	/* affinity or parameters of a queued thread changed */
#define REQUEST_STEAL		4u	/* idle CPUs named in thieves want threads */
#define REQUEST_QUIESCE		8u	/* RCU waits for this CPU */
#define REQUEST_BARRIER		16u	/* barrier.c */

#define RQ_NR_STACKS	4

/* Allocated with its CPU, never freed. [c] own CPU, interrupts masked. */
struct runqueue {
	struct cpu *cpu;		/* [I] */
	struct sched_entity *first;	/* [c] the smallest key; not in the tree: most queues hold at most one */
	struct rb_tree tree;		/* [c] the others */
	uint32_t generation;		/* [c] of all usages in the queue, and the running thread's */
	uint64_t rt_head, rt_tail;	/* [c] sequence numbers at both ends of each RT priority */
	struct thread *switched_from;	/* [c] whom the running thread was switched to from */
	int64_t ahead;			/* [c] FAIR_HYSTERESIS_NS as usage of a nice-0 thread, when something was last charged */
	struct aspace *aspace;		/* [c] active on this CPU */
	nsec_t accounted;		/* [c] until when the running thread was charged */
	struct timer_set waits;		/* [c] deadlines of threads that wait here */
	nsec_t armed;			/* [c] what the comparator is set to */
	nsec_t preempt_at, spread_at;	/* [c] */
	nsec_t rt_period, rt_used;	/* [c] when this period of throttling began; what real-time threads had in it */
	nsec_t callback_next;		/* [c] when the timer thread has to run */
	nsec_t sample_at;		/* [c] when the profiler looks; NSEC_NEVER: not */
	nsec_t rcu_at;			/* [c] when the RCU thread has to run */
	unsigned rcu_nr_deferred;	/* [c] since it ran last, roughly */
	nsec_t poll_limit, idle_since;	/* [c] idle.c */
	bool in_irq;			/* [c] the comparator is set on the way out */
	void *stacks[RQ_NR_STACKS];	/* [c] of threads that ended, for new ones */
	unsigned nr_stacks;		/* [c] */
	uint64_t nr_stolen, nr_spread, nr_rotated, nr_incoming;	/* [c] counters */

	/* Written by other CPUs. */
	__cacheline struct mpsc incoming;	/* [a] woken threads: sched_entity.incoming */
	uint32_t requests;		/* [a] REQUEST_* */
	uint64_t thieves[CPU_WORDS];	/* [a] idle CPUs that want threads */
	struct mpsc rcu_deferred;	/* [a] rcu_head.node; pushed here by this CPU, taken by the RCU thread */

	/* Written by its CPU, read by others. */
	__cacheline uint32_t is_polling;	/* [a] looks at incoming and requests without being interrupted */
	uint32_t is_idle;		/* [a] */
	uint32_t nr_queued;		/* [a] */
	uint32_t rcu_count;		/* [a] odd: quiescent for as long as it lasts; else += 2 at each quiescent state */
	nsec_t queued_since;		/* [a] when the queue was last empty */
};

static inline struct runqueue *rq_this(void)
{
	return cpu_this()->rq;
}

static inline struct sched_entity *entity_of_rb(struct rb_node *n)
{
	return rb_entry(n, struct sched_entity, node);
}

static inline bool cpu_mask_has(const uint64_t *mask, unsigned id)
{
	return atomic_load(&mask[id / 64], RELAXED) >> id % 64 & 1;
}

static inline bool thread_may_run_on(const struct thread *t, const struct cpu *cpu)
{
	return cpu_mask_has(t->sched->affinity, cpu->id);
}

/* ---- rq.c: order and accounting. Own CPU, interrupts masked ----------------------------------------------------- */

void rq_init(struct runqueue *rq, struct cpu *cpu, nsec_t now);
/* At the head of its equals if was_preempted. t->cpu becomes this CPU. */
void rq_insert(struct runqueue *rq, struct sched_entity *se, nsec_t now);
/* The same right after rq_limit_credit(se), which brings queue and se up to date. */
void rq_insert_aged(struct runqueue *rq, struct sched_entity *se, nsec_t now);
void rq_remove(struct runqueue *rq, struct sched_entity *se);
/* Remove the first; the tree is empty. */
static inline void rq_pop_only(struct runqueue *rq)
{
	rq->first->is_queued = false;
	rq->first = NULL;
	atomic_store(&rq->nr_queued, 0u, RELAXED);
}

/* The next one to run, removed; NULL: none. */
static inline struct sched_entity *rq_pop(struct runqueue *rq)
{
	struct sched_entity *se = rq->first;

	if (!se)
		return NULL;
	if (likely(!rq->tree.root))
		rq_pop_only(rq);
	else
		rq_remove(rq, se);
	return se;
}

/* The first that may run on that CPU, removed; NULL: none. */
struct sched_entity *rq_pop_for(struct runqueue *rq, const struct cpu *cpu);
/* Take over changed parameters. Not queued. */
void rq_refresh_params(struct sched_entity *se);
/* se, which comes here, is at most that much ahead of the others. Not queued. */
void rq_limit_credit(struct runqueue *rq, struct sched_entity *se, nsec_t most, nsec_t now);
/* What has gathered in uncharged, as usage. */
void rq_charge(struct runqueue *rq, struct sched_entity *se, nsec_t now);

/* An interrupt's thread, or one like it: it never competes by usage, which is neither kept nor limited. One that is not boosted any more goes on with what it had. */
static inline bool entity_is_kernel_rt(const struct sched_entity *se)
{
	return se->is_rt && !se->thread->task;
}

/*
 * The running thread, whose usage is always of the queue's generation, has run until now. Its usage is computed only now and then: who runs for some microseconds at a time would pay more for that than it can matter
 * beside FAIR_HYSTERESIS_NS.
 */
static inline void rq_account(struct runqueue *rq, struct sched_entity *se, nsec_t now)
{
	se->uncharged += now - rq->accounted;
	rq->accounted = now;
	if (unlikely(se->uncharged >= CHARGE_NS))
		rq_charge(rq, se, now);
}

/* ---- throttle.c: real-time threads leave something to the others. Own CPU, interrupts masked ------------------------ */

/* A real-time thread of the application has run for delta, until now. */
void throttle_charge(struct runqueue *rq, nsec_t delta, nsec_t now);
/* From sched_look(): if real-time threads have had their share, put one that waits behind them before them; end such a relief when its time is over. */
void throttle_look(struct runqueue *rq, nsec_t now);

/* ---- rq.c, more ------------------------------------------------------------------------------------------------------ */

/* se, not queued, gets RT_PRIORITY_RELIEF and its place by that; until rq_refresh_params(), which the next insertion does. */
void rq_insert_relieved(struct runqueue *rq, struct sched_entity *se, nsec_t now);
/* Should the first in the queue run instead of cur, which was charged until now? */
bool rq_should_preempt(const struct runqueue *rq, const struct sched_entity *cur, nsec_t now);
/* When that will be, if nothing else happens; NSEC_NEVER. */
nsec_t rq_preempt_time(const struct runqueue *rq, const struct sched_entity *cur, nsec_t now);
/* sched_yield(2): does the first (there is one) run before se, which gives way to its equals? */
bool rq_yields_to_first(const struct runqueue *rq, const struct sched_entity *se);
/* The first, removed (there is one); se, which was running and is charged until now, takes a place in the queue, behind it if it yields. */
struct sched_entity *rq_exchange(struct runqueue *rq, struct sched_entity *se, bool is_yield, nsec_t now);
/* Visit all queued: first, then in order. NULL: end. */
struct sched_entity *rq_walk(const struct runqueue *rq, const struct sched_entity *prev);

/* ---- switch.c. Interrupts masked --------------------------------------------------------------------------------- */

enum switch_reason { SWITCH_BLOCK, SWITCH_PREEMPT, SWITCH_YIELD, SWITCH_EXIT };
void sched_switch(enum switch_reason why);
/* The running thread, ANNOUNCED (or woken meanwhile), sleeps. */
void sched_block(void);
void sched_finish(struct thread *prev);
/* The first thing a new thread does. */
void sched_thread_main(void *thread);
/* Set the comparator to the next thing this CPU has to do. */
void sched_arm(struct runqueue *rq);
/* Threads wait behind one that runs: look at the latest in FAIR_HYSTERESIS_NS whether it has to make way. */
static inline void sched_look_later(struct runqueue *rq, nsec_t now)
{
	nsec_t at = now + FAIR_HYSTERESIS_NS;

	if (rq->preempt_at > at) {
		rq->preempt_at = at;
		if (at < rq->armed && !rq->in_irq)
			sched_arm(rq);
	}
}
/* From the timer interrupt: make way, or look again when it will be time. */
void sched_look(struct runqueue *rq, nsec_t now);

/* ---- wake.c ------------------------------------------------------------------------------------------------------ */

/* t is RUNNABLE, saved, and ours: put it on a CPU. Interrupts masked. */
void wake_place(struct thread *t, bool is_local);
/* Take in what others have pushed. Interrupts masked. */
void wake_drain(struct runqueue *rq);
/* Take the deadline of a wait that is over out of this CPU's set. Interrupts masked. */
void wake_drop_timer(struct runqueue *rq, struct sched_entity *se);
/* Serve requests of other CPUs. Interrupts masked. */
void wake_serve_requests(struct runqueue *rq);
/* Ask a CPU for something; interrupts it if it would not see that soon. Any context. */
void wake_request(struct cpu *cpu, uint32_t request);
/* Threads that have waited too long while other CPUs are idle go there. Interrupts masked. */
void wake_spread(struct runqueue *rq, nsec_t now);
/* The first in the queue has had much less than what runs on another CPU: send it there. Interrupts masked. */
void wake_rotate(struct runqueue *rq, nsec_t now);
/* This CPU has nothing to do: ask a busy one for threads. True: asked. Interrupts masked. */
bool wake_steal(struct runqueue *rq, bool is_again);
void wake_set_idle(struct runqueue *rq, bool is_idle);
/* Serve REQUEST_BARRIER: barrier.c. Interrupts masked. */
void barrier_serve(struct runqueue *rq);

/* ---- others ------------------------------------------------------------------------------------------------------ */

_Noreturn void idle_loop(void);
void idle_tune(struct runqueue *rq, nsec_t now);
/* From the timer interrupt: wake what is due. Interrupts masked. */
void timer_interrupt(struct runqueue *rq, nsec_t now);
void timer_callbacks_due(struct runqueue *rq);	/* wake the CPU's timer thread */
int timer_init_cpu(struct cpu *cpu);
void rcu_init(void);
void rcu_thread_due(void);
/* A quiescent state of this CPU: no reader is inside. Full fence. Interrupts masked. */
static inline void rcu_quiesce(struct runqueue *rq)
{
	/* release: the readers of before. seq_cst fence: counted before later readers load. Pairs: wait_for_grace_period (rcu.c) */
	atomic_store(&rq->rcu_count, rq->rcu_count + 2, RELEASE);
	atomic_fence(SEQ_CST);
}

struct thread *thread_alloc(void);
static inline void thread_wait_announce(struct thread *self, const char *wchan)
{
	self->wchan = wchan;
	atomic_store(&self->sched->state, STATE_ANNOUNCED, RELAXED);
	/* seq_cst: the announcement before the look at the condition: store->load. Pairs: thread_wake */
	atomic_fence(SEQ_CST);
}

/* Parts of thread_wait_block(): take the announcement back, returns error; the wait with a deadline. */
int thread_wait_give_up(int error);
int thread_wait_block_until(nsec_t deadline);
void thread_registry_add(struct thread *t);
/* This CPU's part of the interrupt controller, and its timer interrupt. Interrupts masked. */
void irq_init_cpu(void);
