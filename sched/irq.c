/* SPDX-License-Identifier: MIT
 *
 * Interrupts: the top half, and the threads that do the work.
 */
#include "sched/irq.h"

#include <arch/boot.h>
#include <arch/time.h>

#include "libc/errno.h"
#include "mmu/heap.h"
#include "sched/load.h"
#include "sched/sched-priv.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "sched/trace.h"

#define NR_IRQS	1024		/* SGI, PPI, SPI of GICv2 and GICv3; LPIs are not used */

/* Created by irq_register(), never freed. */
struct irq {
	int number;			/* [I] */
	enum irq_trigger trigger;	/* [I] */
	const char *name;		/* [I] */
	void (*handler)(void *ctx);	/* [I] */
	void *ctx;			/* [I] */
	struct thread *thread;		/* [I] */
	uint64_t *counts;		/* [a] one a CPU, written by it */
	unsigned nr_counts;		/* [I] */
	uint32_t is_pending;		/* [a] */
	struct cpu *target;		/* [its thread] */
};

static struct irq *irqs[NR_IRQS];		/* [a] set once */
static const struct irq_controller *controller;	/* [I] */
static int timer_irq = -1;			/* [I] */
static struct mutex register_lock;
static uint32_t is_stopping;			/* [a] */

void irq_set_controller(const struct irq_controller *c)
{
	controller = c;
}

const struct irq_controller *irq_controller(void)
{
	return controller;
}

void irq_set_timer(int irq)
{
	timer_irq = irq;
}

void irq_init_cpu(void)
{
	controller->init_cpu(cpu_this());
	controller->configure(timer_irq, IRQ_LEVEL);
	controller->unmask(timer_irq);
}

/* ---- top half ---------------------------------------------------------------------------------------------------- */

static void device_interrupt(struct cpu *cpu, int number)
{
	/* acquire: the irq after its pointer. Pairs: irq_register */
	struct irq *irq = number < NR_IRQS ? atomic_load(&irqs[number], ACQUIRE) : NULL;

	if (!irq) {
		controller->mask(number);	/* nobody's: once is enough */
		return;
	}
	if (cpu->id < irq->nr_counts)
		atomic_store(&irq->counts[cpu->id], irq->counts[cpu->id] + 1, RELAXED);
	if (irq->trigger == IRQ_LEVEL)
		controller->mask(number);	/* the line stays up until the handler has served the device */
	atomic_store(&irq->is_pending, 1u, RELAXED);
	thread_wake(irq->thread);
}

void irq_raise(struct irq *irq)
{
	atomic_store(&irq->is_pending, 1u, RELAXED);
	thread_wake(irq->thread);
}

static void ipi(struct runqueue *rq)
{
	rq->cpu->nr_ipis++;
	if (unlikely(atomic_load(&is_stopping, RELAXED)))
		arch_cpu_halt();
	wake_drain(rq);
	wake_serve_requests(rq);
}

void sched_irq(struct frame *f)
{
	struct thread *self = thread_current();
	struct runqueue *rq = rq_this();
	bool is_timer = false;
	int number;

	self->preempt_count++;
	rq->in_irq = true;
	if (unlikely(rq->rcu_count & 1)) {	/* a port that takes interrupts inside arch_wait_for_interrupt() */
		/* seq_cst: counted as busy before anything is read. Pairs: wait_for_grace_period (rcu.c) */
		atomic_store(&rq->rcu_count, rq->rcu_count + 1, RELAXED);
		atomic_fence(SEQ_CST);
	}
	while ((number = controller->ack()) >= 0) {
		rq->cpu->nr_irqs++;
		trace(TRACE_IRQ_BEGIN, number, 0);
		if (number == timer_irq) {
			/* The line is level: disarm before the end of the interrupt. */
			rq->armed = NSEC_NEVER;
			arch_timer_arm(NSEC_NEVER);
			is_timer = true;
		} else if (number == controller->ipi) {
			ipi(rq);
		} else {
			device_interrupt(rq->cpu, number);
		}
		controller->eoi(number);
		trace(TRACE_IRQ_END, number, 0);
	}
	if (is_timer) {
		nsec_t now = arch_time_ns();

		if (now >= rq->sample_at) {
			rq->sample_at = now + trace_sample_period();
			trace_sample(f, now);
		}
		timer_interrupt(rq, now);
		load_tick(now);
	}
	rq->in_irq = false;
	sched_arm(rq);
	self->preempt_count--;
	if (self->needs_resched && self->preempt_count == 0)
		sched_switch(SWITCH_PREEMPT);
}

void sched_stop_others(void)
{
	unsigned i;

	atomic_store(&is_stopping, 1u, RELAXED);
	atomic_fence(SEQ_CST);	/* the flag before the interrupts that make the others look at it */
	if (!controller)
		return;
	for (i = 0; i < nr_cpus; i++)
		if (cpus[i] != thread_current()->cpu && atomic_load(&cpus[i]->is_online, RELAXED))
			controller->send_ipi(cpus[i]);
}

/* ---- threads ----------------------------------------------------------------------------------------------------- */

static void irq_main(void *arg)
{
	struct irq *irq = arg;
	struct cpu *cpu;

	for (;;) {
		thread_wait_until("irq", atomic_exchange(&irq->is_pending, 0u, RELAXED), NSEC_NEVER, 0);
		irq->handler(irq->ctx);
		preempt_disable();
		cpu = cpu_this();
		preempt_enable();
		if (cpu != irq->target) {	/* the interrupt follows its thread */
			irq->target = cpu;
			controller->set_target(irq->number, cpu);
			/*
			 * quirk: QEMU 7.2, GICv2: an edge that is pending on the old CPU when the target changes is never delivered (seen: virtio-mmio
			 * with InterruptStatus 1 and nothing pending, for ever). Look at the device once more; an edge after that goes to the new CPU.
			 */
			if (irq->trigger == IRQ_EDGE)
				atomic_store(&irq->is_pending, 1u, RELAXED);
		}
		if (irq->trigger == IRQ_LEVEL)
			controller->unmask(irq->number);
	}
}

int irq_register(int number, enum irq_trigger trigger, const char *name, void (*handler)(void *ctx), void *ctx,
		 struct irq **out)
{
	struct thread_params p = { .name = name, .entry = irq_main, .pinned_cpu = -1, .is_realtime = true };
	struct irq *irq;
	int r = -EINVAL;

	if (number < 0 || number >= NR_IRQS)
		return r;
	mutex_lock(&register_lock);
	r = -EBUSY;
	if (irqs[number])
		goto err_unlock;
	r = -ENOMEM;
	irq = KNEW(struct irq);
	if (!irq)
		goto err_unlock;
	/* CPUs come before devices; should one come later, its interrupts are not counted. */
	irq->counts = kzalloc(nr_cpus * sizeof(*irq->counts));
	if (!irq->counts)
		goto err_free;
	*irq = (struct irq){ .number = number, .trigger = trigger, .name = name, .handler = handler, .ctx = ctx, .counts = irq->counts,
			     .nr_counts = nr_cpus };
	p.arg = irq;
	r = thread_create(&p, &irq->thread);
	if (r)
		goto err_free;
	irq->target = cpus[0];
	if (out)
		*out = irq;
	thread_start(irq->thread);
	/* release: all of it. Pairs: device_interrupt */
	atomic_store(&irqs[number], irq, RELEASE);
	mutex_unlock(&register_lock);
	controller->configure(number, trigger);
	controller->set_target(number, irq->target);
	controller->unmask(number);
	return 0;

err_free:
	kfree(irq->counts);
	kfree(irq);
err_unlock:
	mutex_unlock(&register_lock);
	return r;
}

void irq_for_each(void (*fn)(int irq, const char *name, const uint64_t *counts, unsigned nr, void *arg), void *arg)
{
	struct irq *irq;
	int i;

	for (i = 0; i < NR_IRQS; i++) {
		irq = atomic_load(&irqs[i], ACQUIRE);	/* Pairs: irq_register */
		if (irq)
			fn(i, irq->name, irq->counts, irq->nr_counts, arg);
	}
}
