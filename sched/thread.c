/* SPDX-License-Identifier: MIT
 *
 * Life of a thread: creation, waiting, end. A struct thread and its sched_entity are one allocation; ended ones are kept for reuse, as are kernel stacks.
 */
#include "sched/thread.h"

#include <arch/time.h>

#include "libc/errno.h"
#include "libc/ring.h"
#include "libc/print.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "mmu/page.h"
#include "sched/irq.h"
#include "sched/mutex.h"
#include "sched/sched-priv.h"
#include "sched/trace.h"

#define NR_SPARE	64

RING_MPMC(spares, NR_SPARE);			/* struct thread_block without a stack */

static struct {
	struct mutex lock;
	struct list threads;			/* [lock], walked under RCU: sched_entity.all */
} registry = { .threads = LIST_INIT(registry.threads) };

void thread_registry_add(struct thread *t)
{
	struct list *n = &t->sched->all, *head = &registry.threads;

	mutex_lock(&registry.lock);
	n->next = head;
	n->prev = head->prev;
	/* release: the thread before it can be found. Pairs: thread_for_each */
	atomic_store(&head->prev->next, n, RELEASE);
	head->prev = n;
	mutex_unlock(&registry.lock);
}

/* Its own next pointer stays, for those who are just looking at it. */
static void registry_remove(struct thread *t)
{
	struct list *n = &t->sched->all;

	mutex_lock(&registry.lock);
	atomic_store(&n->prev->next, n->next, RELAXED);
	n->next->prev = n->prev;
	mutex_unlock(&registry.lock);
}

void thread_for_each(bool (*fn)(struct thread *t, void *arg), void *arg)
{
	struct list *n;

	preempt_disable();
	for (n = rcu_deref(registry.threads.next); n != &registry.threads; n = rcu_deref(n->next))
		if (!fn(list_entry(n, struct sched_entity, all)->thread, arg))
			break;
	preempt_enable();
}

/* ---- creation ---------------------------------------------------------------------------------------------------- */

struct thread *thread_alloc(void)
{
	struct thread_block *b;
	void *p;

	if (ring_mpmc_pop(&spares, &p)) {
		b = p;
		/* All but the FP registers, half a kilobyte: clone(2) and the start of a program set them. */
		memset(b, 0, offsetof(struct thread, arch.fpu));
		memset((char *)b + offsetof(struct thread, name), 0, sizeof(*b) - offsetof(struct thread, name));
	} else {
		b = kzalloc(sizeof(*b));
		if (!b)
			return NULL;
	}
	b->thread.sched = &b->sched;
	b->sched.thread = &b->thread;
	b->sched.refs = 1;
	return &b->thread;
}

static void *take_stack(void)
{
	arch_irqflags_t flags = arch_irq_save();
	struct runqueue *rq = rq_this();
	void *stack = rq->nr_stacks ? rq->stacks[--rq->nr_stacks] : NULL;

	arch_irq_restore(flags);
	return stack ? stack : kstack_alloc();
}

static uint32_t last_id;		/* [a] of kernel threads */

/* All but the stack. */
/* sched(7): policy, priority and nice value are inherited, unless the creator has said that they are not. What is lent to it is not. */
static uint32_t inherited_params(uint32_t params, bool is_reset)
{
	if (is_reset && PARAMS_OWN_PRIO(params))
		return PARAMS(POLICY_OTHER, 0, 0);
	if (is_reset && PARAMS_NICE(params) < 0)
		return PARAMS(PARAMS_POLICY(params), 0, 0);
	return params & ~(0xffu << PARAMS_BOOST_SHIFT | PARAMS_URGED);
}

static void setup(struct thread *t, const struct thread_params *p)
{
	struct sched_entity *se = t->sched, *mine = thread_current()->sched;
	enum thread_policy policy = p->is_realtime ? POLICY_FIFO : POLICY_OTHER;

	strlcpy(t->name, p->name ? p->name : "?", sizeof(t->name));
	t->task = p->task;
	t->id = THREAD_ID_KERNEL | atomic_fetch_add(&last_id, 1u, RELAXED);	/* linux/ puts the tid in its place */
	t->aspace = p->aspace;
	t->preempt_count = 1;			/* until sched_thread_main() */
	t->cpu = thread_current()->cpu;
	se->entry = p->entry;
	se->arg = p->arg;
	se->state = STATE_NEW;
	se->params = PARAMS(policy, p->is_realtime ? RT_PRIORITY_IRQ : 0, p->nice);
	if (p->task && thread_current()->task)
		se->params = inherited_params(atomic_load(&mine->params, RELAXED), p->is_reset);
	/* What its creator has used: being new is no advantage. */
	se->usage = mine->usage;
	se->generation = mine->generation;
	rq_refresh_params(se);
	se->is_restricted = p->pinned_cpu >= 0;
	if (p->pinned_cpu >= 0)
		se->affinity[p->pinned_cpu / 64] = 1ull << p->pinned_cpu % 64;
	else if (p->task && thread_current()->task)
		memcpy(se->affinity, mine->affinity, sizeof(se->affinity));	/* sched_setaffinity(2): a new thread inherits it */
	else
		memset(se->affinity, 0xff, sizeof(se->affinity));
}

int thread_create(const struct thread_params *p, struct thread **out)
{
	struct thread *t;

	t = thread_alloc();
	if (!t)
		return -ENOMEM;
	t->kstack = take_stack();
	if (!t->kstack)
		goto err_free;
	setup(t, p);
	arch_thread_init(t, t->kstack, KSTACK_SIZE, sched_thread_main, t);
	thread_registry_add(t);
	*out = t;
	return 0;

err_free:
	kfree(container_of(t, struct thread_block, thread));
	return -ENOMEM;
}

/* ---- end --------------------------------------------------------------------------------------------------------- */

static void free_thread(struct rcu_head *head)
{
	struct thread *t = container_of(head, struct sched_entity, rcu)->thread;

	if (t->kstack)
		kstack_free(t->kstack);
	if (!ring_mpmc_push(&spares, container_of(t, struct thread_block, thread)))
		kfree(container_of(t, struct thread_block, thread));
}

void thread_get(struct thread *t)
{
	atomic_fetch_add(&t->sched->refs, 1u, RELAXED);
}

void thread_put(struct thread *t)
{
	/* release: this holder's accesses before the end; acquire: the others'. Pairs: itself */
	if (atomic_fetch_sub(&t->sched->refs, 1u, ACQ_REL) != 1)
		return;
	if (t->sched->state == STATE_NEW)
		registry_remove(t);
	rcu_defer(&t->sched->rcu, free_thread);
}

/* Eight bytes of the name, for the trace. */
static uint64_t name_word(const struct thread *t, unsigned i)
{
	uint64_t word;

	memcpy(&word, t->name + i * sizeof(word), sizeof(word));
	return word;
}

void thread_exit(void)
{
	struct thread *self = thread_current();

	trace(TRACE_THREAD_END, name_word(self, 0), name_word(self, 1));
	registry_remove(self);
	arch_irq_disable();
	/* From here on wakers find nothing to do. Its reference goes in sched_finish(), off its stack. */
	atomic_store(&self->sched->state, STATE_DEAD, RELAXED);
	sched_switch(SWITCH_EXIT);
	panic("dead thread %s runs", self->name);
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

void thread_wait_begin(const char *wchan)
{
	thread_wait_announce(thread_current(), wchan);
}

void thread_wait_end(void)
{
	struct thread *self = thread_current();

	/* Only a waker could have changed it, to the same. */
	atomic_store(&self->sched->state, STATE_RUNNABLE, RELAXED);
	self->wchan = NULL;
}

int thread_wait_give_up(int error)
{
	thread_wait_end();
	return error;
}

int thread_wait_block_until(nsec_t deadline)
{
	struct thread *self = thread_current();
	struct sched_entity *se = self->sched;
	struct runqueue *rq;
	nsec_t next;

	arch_irq_disable();
	rq = rq_this();
	if (arch_time_ns() >= deadline) {
		arch_irq_enable();
		return thread_wait_give_up(-ETIMEDOUT);
	}
	/* If another deadline comes within the slack, one interrupt serves both. */
	next = rq->waits.next;
	if (next > deadline && next - deadline <= self->slack_ns && !se->is_rt)
		deadline = next;
	timer_set_add(&rq->waits, &se->timer, deadline);
	se->timer_cpu = rq->cpu;
	se->has_timer = true;
	se->has_timed_out = false;
	if (rq->waits.next < rq->armed)
		sched_arm(rq);
	sched_block();
	arch_irq_enable();
	/* acquire: the waker's condition after the state that it changed. Pairs: thread_wake */
	atomic_fence(ACQUIRE);
	self->wchan = NULL;
	if (se->has_timed_out) {
		se->has_timed_out = false;
		return thread_wait_give_up(-ETIMEDOUT);
	}
	return 0;
}

int thread_sleep_until(nsec_t deadline, unsigned flags)
{
	int r;

	do {
		thread_wait_begin("sleep");
		r = thread_wait_block(deadline, flags);
	} while (!r);
	return r == -ETIMEDOUT ? 0 : r;
}

/* ---- attention --------------------------------------------------------------------------------------------------- */

void thread_kick(struct thread *t)
{
	struct cpu *cpu;

	preempt_disable();
	/* seq_cst: what it shall see before the look at who runs: store->load. Pairs: switch_to. Who is switched in later sees it on the way out. */
	atomic_fence(SEQ_CST);
	cpu = atomic_load(&t->cpu, RELAXED);
	if (cpu != cpu_this() && atomic_load(&cpu->running, RELAXED) == t)
		irq_controller()->send_ipi(cpu);
	preempt_enable();
}

void thread_set_attention(struct thread *t, uint32_t bits)
{
	atomic_fetch_or(&t->attention, bits, RELEASE);
	thread_wake(t);		/* a wait that is not interruptible looks at its condition once more */
	thread_kick(t);
}
