/* SPDX-License-Identifier: MIT
 *
 * The run queue of a CPU: order, fairness, accounting. Pure: no switching, no other CPU. Own CPU, interrupts masked.
 *
 * One 64-bit key orders all classes, smallest first:
 *
 *	63 62 61      54 53                  0
 *	 0  0  101 - prio  sequence number		SCHED_FIFO, SCHED_RR: by priority, then by arrival; a preempted one goes to the head
 *	 0  1  usage					the others, by fair.h (62 bits)
 *
 * The smallest is kept outside of the tree in rq->first: two threads that take turns never touch the tree.
 */
#include "sched/sched-priv.h"
#include "sched/trace.h"

#define KEY_RT_SHIFT	54
#define RT_SEQ_MIDDLE	(1ull << 53)
#define RT_LOOK_NS	(10 * NSEC_PER_MSEC)	/* those behind a real-time thread: are they to go elsewhere, or has it had enough? */

static uint64_t key_usage(const struct sched_entity *se)
{
	return se->key & ~KEY_FAIR;
}

static inline void entity_age(struct sched_entity *se, uint32_t generation)
{
	if (likely(se->generation == generation))
		return;
	se->usage = fair_age(se->usage, se->generation, generation);
	se->generation = generation;
}

void rq_init(struct runqueue *rq, struct cpu *cpu, nsec_t now)
{
	rq->cpu = cpu;
	rq->generation = fair_generation(now);
	rq->rt_head = rq->rt_tail = RT_SEQ_MIDDLE;
	rq->accounted = now;
	rq->ahead = (int64_t)(FAIR_HYSTERESIS_NS << FAIR_UNIT_SHIFT << fair_step(now));
	rq->sample_at = trace_sample_period() ? now : NSEC_NEVER;
	rq->armed = rq->preempt_at = rq->spread_at = rq->callback_next = rq->rcu_at = NSEC_NEVER;
	rq->rcu_count = 1;
	timer_set_init(&rq->waits, now);
}

void rq_refresh_params(struct sched_entity *se)
{
	uint32_t params;

	atomic_store(&se->has_new_params, 0, RELAXED);
	/* seq_cst: cleared before params is read: store->load. Pairs: change (policy.c) */
	atomic_fence(SEQ_CST);
	params = atomic_load(&se->params, RELAXED);
	se->active_params = params;
	se->is_relieved = false;
	se->is_rt = PARAMS_PRIO(params) > 0;
	se->inverse_weight = PARAMS_POLICY(params) == POLICY_IDLE ? FAIR_IDLE_INVERSE
								   : fair_inverse_weight[PARAMS_NICE(params) + 20];
	se->quantum_ns = RR_QUANTUM_NS;
	se->is_special = se->is_idle || se->is_rt || se->inverse_weight < FAIR_NICE_0_INVERSE ||
			 se->inverse_weight == FAIR_IDLE_INVERSE;
}

static void tree_insert(struct runqueue *rq, struct sched_entity *se)
{
	struct rb_node **link = &rq->tree.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = se->key < entity_of_rb(parent)->key ? &parent->left : &parent->right;
	}
	rb_link(&rq->tree, &se->node, parent, link);
}

static inline __attribute__((always_inline)) void link_by_key(struct runqueue *rq, struct sched_entity *se, nsec_t now)
{
	struct sched_entity *displaced = se;

	se->is_queued = true;
	atomic_store(&se->thread->cpu, rq->cpu, RELAXED);
	if (!rq->first) {
		rq->first = se;
		atomic_store(&rq->queued_since, now, RELAXED);
	} else {
		if (se->key < rq->first->key) {
			displaced = rq->first;
			rq->first = se;
		}
		tree_insert(rq, displaced);
	}
	atomic_store(&rq->nr_queued, rq->nr_queued + 1, RELAXED);
}

struct sched_entity *rq_walk(const struct runqueue *rq, const struct sched_entity *prev)
{
	struct rb_node *n;

	if (!prev)
		return rq->first;
	n = prev == rq->first ? rb_first(&rq->tree) : rb_next(&prev->node);
	return n ? entity_of_rb(n) : NULL;
}

static __attribute__((noinline)) void queue_age_slow(struct runqueue *rq, uint32_t generation)
{
	struct sched_entity *se;

	rq->generation = generation;
	entity_age(rq->cpu->running->sched, generation);
	for (se = rq_walk(rq, NULL); se; se = rq_walk(rq, se)) {
		uint32_t from = se->generation;

		entity_age(se, generation);
		if (!se->is_rt)
			se->key = KEY_FAIR | fair_age(key_usage(se), from, generation);
	}
}

/* All queued usages become those of the present generation. Dividing keeps the order. */
static inline void queue_age(struct runqueue *rq, nsec_t now)
{
	uint32_t generation = fair_generation(now);

	if (unlikely((int32_t)(generation - rq->generation) > 0))
		queue_age_slow(rq, generation);
}

static uint64_t make_key(struct runqueue *rq, const struct sched_entity *se)
{
	uint64_t seq;

	if (!se->is_rt)
		return KEY_FAIR | se->usage;
	seq = se->was_preempted ? --rq->rt_head : ++rq->rt_tail;
	return (uint64_t)(RT_PRIORITY_IRQ - PARAMS_PRIO(se->active_params)) << KEY_RT_SHIFT | seq;
}

void rq_insert(struct runqueue *rq, struct sched_entity *se, nsec_t now)
{
	queue_age(rq, now);
	entity_age(se, rq->generation);
	rq_insert_aged(rq, se, now);
}

void rq_insert_aged(struct runqueue *rq, struct sched_entity *se, nsec_t now)
{
	if (unlikely(se->active_params != atomic_load(&se->params, RELAXED)))
		rq_refresh_params(se);
	se->key = make_key(rq, se);
	se->was_preempted = false;
	link_by_key(rq, se, now);
}

void rq_insert_relieved(struct runqueue *rq, struct sched_entity *se, nsec_t now)
{
	se->is_relieved = se->is_rt = true;
	se->is_special = true;
	se->active_params = (se->active_params & ~(0xffu << PARAMS_BOOST_SHIFT)) | (uint32_t)RT_PRIORITY_RELIEF << PARAMS_BOOST_SHIFT;
	se->key = make_key(rq, se);
	link_by_key(rq, se, now);
}

void rq_remove(struct runqueue *rq, struct sched_entity *se)
{
	struct rb_node *n;

	if (se == rq->first) {
		n = rb_first(&rq->tree);
		rq->first = n ? entity_of_rb(n) : NULL;
		if (n)
			rb_remove(&rq->tree, n);
	} else {
		rb_remove(&rq->tree, &se->node);
	}
	se->is_queued = false;
	atomic_store(&rq->nr_queued, rq->nr_queued - 1, RELAXED);
}

struct sched_entity *rq_exchange(struct runqueue *rq, struct sched_entity *se, bool is_yield, nsec_t now)
{
	struct sched_entity *next = rq->first;
	uint64_t key = make_key(rq, se);

	/* By its place only: the usage, which decides next time, stays what it is. */
	if (is_yield && (key & next->key & KEY_FAIR) && key <= next->key)
		key = MIN(next->key + 1, KEY_FAIR | FAIR_USAGE_MAX);
	se->key = key;
	se->was_preempted = false;
	if (likely(!rq->tree.root)) {
		rq->first = se;
		se->is_queued = true;
		next->is_queued = false;
		atomic_store(&rq->queued_since, now, RELAXED);
	} else {
		rq_remove(rq, next);
		link_by_key(rq, se, now);
	}
	return next;
}

struct sched_entity *rq_pop_for(struct runqueue *rq, const struct cpu *cpu)
{
	struct sched_entity *se;

	for (se = rq_walk(rq, NULL); se; se = rq_walk(rq, se)) {
		if (thread_may_run_on(se->thread, cpu)) {
			rq_remove(rq, se);
			return se;
		}
	}
	return NULL;
}

void rq_limit_credit(struct runqueue *rq, struct sched_entity *se, nsec_t most, nsec_t now)
{
	const struct sched_entity *cur = rq->cpu->running->sched, *first = rq->first;
	uint64_t base, credit;

	queue_age(rq, now);
	entity_age(se, rq->generation);
	if (cur->is_idle || cur->is_rt || entity_is_kernel_rt(se))
		return;
	/* Most have less than half of their credit. */
	if (se->inverse_weight >= FAIR_NICE_0_INVERSE && cur->generation == rq->generation &&
	    cur->usage <= se->usage + (most / 2 << FAIR_UNIT_SHIFT << fair_step(now)))
		return;
	credit = fair_span(most, se->inverse_weight, now);
	base = fair_age(cur->usage, cur->generation, rq->generation);
	if (first && !first->is_rt)
		base = MIN(base, first->usage);
	if (base > credit)
		se->usage = MAX(se->usage, base - credit);
}

void rq_charge(struct runqueue *rq, struct sched_entity *se, nsec_t now)
{
	nsec_t delta = se->uncharged;

	se->uncharged = 0;
	queue_age(rq, now);
	rq->ahead = (int64_t)(FAIR_HYSTERESIS_NS << FAIR_UNIT_SHIFT << fair_step(now));
	if (se->is_idle) {
		rq->cpu->idle_ns += delta;
		se->generation = rq->generation;
		return;
	}
	se->quantum_ns -= MIN(se->quantum_ns, delta);
	if (!se->thread->task) {
		rq->cpu->kernel_ns += delta;
		if (se->is_rt)
			return;		/* nobody asks for its usage: entity_is_kernel_rt() */
	}
	if (se->is_rt && !se->is_relieved)
		throttle_charge(rq, delta, now);
	entity_age(se, rq->generation);
	se->usage = fair_add(se->usage, fair_charge(delta, se->inverse_weight, now));
	if (unlikely(se->active_params != atomic_load(&se->params, RELAXED)) && !se->is_relieved)
		rq_refresh_params(se);
}

/*
 * The usage from which on cur has to make way for first. Both fair. The hysteresis is a time of the heavier of the two: two heavy ones alternate as often as two
 * light ones, and a light one does not keep a heavy one waiting.
 */
static uint64_t preempt_limit(const struct sched_entity *first, const struct sched_entity *cur, nsec_t now)
{
	bool only_idle = PARAMS_POLICY(cur->active_params) == POLICY_IDLE &&
			 PARAMS_POLICY(first->active_params) != POLICY_IDLE;

	uint32_t inverse = MIN(first->inverse_weight, cur->inverse_weight);

	return key_usage(first) + (only_idle ? 1 : fair_span(FAIR_HYSTERESIS_NS, inverse, now));
}

bool rq_yields_to_first(const struct runqueue *rq, const struct sched_entity *se)
{
	return !se->is_rt || (rq->first->is_rt && PARAMS_PRIO(rq->first->active_params) >= PARAMS_PRIO(se->active_params));
}

bool rq_should_preempt(const struct runqueue *rq, const struct sched_entity *cur, nsec_t now)
{
	const struct sched_entity *first = rq->first;
	int a, b;

	if (!first)
		return false;
	if (cur->is_idle)
		return true;
	/* Most are far from it. */
	if (!first->is_rt && cur->usage < key_usage(first) + (FAIR_HYSTERESIS_NS << FAIR_UNIT_SHIFT << fair_step(now)) &&
	    MIN(first->inverse_weight, cur->inverse_weight) >= FAIR_NICE_0_INVERSE && cur->inverse_weight < FAIR_IDLE_INVERSE)
		return false;
	if (!first->is_rt)
		return !cur->is_rt && cur->usage >= preempt_limit(first, cur, now);
	if (!cur->is_rt)
		return true;
	a = PARAMS_PRIO(first->active_params);
	b = PARAMS_PRIO(cur->active_params);
	return a > b || (a == b && PARAMS_POLICY(cur->active_params) == POLICY_RR && cur->quantum_ns == 0);
}

nsec_t rq_preempt_time(const struct runqueue *rq, const struct sched_entity *cur, nsec_t now)
{
	const struct sched_entity *first = rq->first;

	if (!first || cur->is_idle)
		return NSEC_NEVER;
	if (cur->is_rt)
		return PARAMS_POLICY(cur->active_params) == POLICY_RR && first->is_rt &&
				       PARAMS_PRIO(first->active_params) == PARAMS_PRIO(cur->active_params)
			       ? now + cur->quantum_ns
			       : now + RT_LOOK_NS;
	if (first->is_rt)
		return now;
	return now + fair_time_to(cur->usage, preempt_limit(first, cur, now), cur->inverse_weight, now);
}
