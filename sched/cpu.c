/* SPDX-License-Identifier: MIT
 *
 * CPUs: the boot context becomes a thread, other CPUs are prepared and come up in their idle threads.
 */
#include "sched/cpu.h"

#include <arch/boot.h>
#include <arch/time.h>

#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "mmu/page.h"
#include "sched/clock.h"
#include "sched/irq.h"
#include "sched/sched-priv.h"
#include "sched/trace.h"
#include "sched/sched.h"

unsigned nr_cpus = 1;
struct cpu *cpus[MAX_CPUS];

#define START_NS	NSEC_PER_SEC	/* the most that the boot waits for CPUs */

static unsigned nr_started = 1;			/* [main] */
static uint32_t nr_online = 1, is_awaited;	/* [a] */
static struct cpu boot_cpu;
static struct runqueue boot_rq;
static struct thread_block boot_thread;		/* runs main(); never freed */

SET_DECLARE(percpu_defs, struct percpu_def);

void sched_early_init(void)
{
	struct thread *t = &boot_thread.thread;
	struct sched_entity *se = &boot_thread.sched;

	strlcpy(t->name, "main", sizeof(t->name));
	t->cpu = &boot_cpu;
	t->kstack = arch_boot_stack;
	t->sched = se;
	se->thread = t;
	se->state = STATE_RUNNABLE;
	se->refs = 2;
	se->params = PARAMS(POLICY_OTHER, 0, 0);
	se->clock = CLOCK_RUNNING | CLOCK_START;
	memset(se->affinity, 0xff, sizeof(se->affinity));
	rq_refresh_params(se);
	boot_cpu.running = t;
	boot_cpu.rq = &boot_rq;
	cpus[0] = &boot_cpu;
	arch_set_current(t);
}

/* An idle thread looks like a running one from the start: it is never created by switching to it, but by the entry code, or by its CPU's first idle moment. */
static struct thread *make_idle(struct cpu *cpu)
{
	struct thread *t = thread_alloc();
	struct sched_entity *se;

	if (!t)
		return NULL;
	t->kstack = kstack_alloc();
	if (!t->kstack) {
		kfree(container_of(t, struct thread_block, thread));
		return NULL;
	}
	se = t->sched;
	snprintf(t->name, sizeof(t->name), "idle/%u", cpu->id);
	t->cpu = cpu;
	t->preempt_count = 1;		/* interrupts return to idle_loop(), which decides */
	se->state = STATE_RUNNABLE;
	se->is_idle = true;
	se->params = PARAMS(POLICY_IDLE, 0, 0);
	se->affinity[cpu->id / 64] = 1ull << cpu->id % 64;
	rq_refresh_params(se);
	return t;
}

static void boot_idle_main(void *arg)
{
	(void)arg;
	arch_irq_disable();
	sched_finish(rq_this()->switched_from);
	idle_loop();
}

static bool percpu_add(unsigned id)
{
	const struct percpu_def *const *p;

	SET_FOREACH(p, percpu_defs) {
		struct percpu_def *def = (struct percpu_def *)(uintptr_t)*p;
		void *one = kzalloc(ALIGN_UP(def->size, 64ul));
		void **slots;

		if (!one)
			return false;
		/* Boot time, one CPU: nobody else looks. Grown by doubling. */
		if ((id & (id - 1)) == 0) {
			slots = kzalloc(2 * id * sizeof(*slots));
			if (!slots)
				return false;
			memcpy(slots, def->slots, id * sizeof(*slots));
			if (def->slots != def->first)
				kfree(def->slots);
			def->slots = slots;
		}
		def->slots[id] = one;
	}
	return true;
}

void sched_init(uint64_t boot_hwid)
{
	boot_cpu.hwid = boot_hwid;
	rq_init(&boot_rq, &boot_cpu, arch_time_ns());
	boot_rq.rcu_count = 0;
	boot_cpu.idle = make_idle(&boot_cpu);
	if (!boot_cpu.idle)
		panic("no memory for the first threads");
	arch_thread_init(boot_cpu.idle, boot_cpu.idle->kstack, KSTACK_SIZE, boot_idle_main, NULL);
	thread_registry_add(boot_cpu.idle);
	thread_registry_add(&boot_thread.thread);
	boot_cpu.is_online = 1;
	if (timer_init_cpu(&boot_cpu))
		panic("no memory for the first threads");
	rcu_init();
}

int sched_add_cpu(uint64_t hwid, struct cpu **out)
{
	struct cpu *cpu;
	struct runqueue *rq;

	if (nr_cpus == MAX_CPUS)
		return -ENOMEM;
	cpu = kzalloc(ALIGN_UP(sizeof(*cpu), 64ul));
	rq = kzalloc(ALIGN_UP(sizeof(*rq), 64ul));
	if (!cpu || !rq)
		goto err_free;
	cpu->id = nr_cpus;
	cpu->hwid = hwid;
	cpu->rq = rq;
	rq_init(rq, cpu, arch_time_ns());
	cpu->idle = make_idle(cpu);
	if (!cpu->idle || !percpu_add(cpu->id))
		goto err_free;
	cpu->idle->sched->clock = CLOCK_RUNNING | CLOCK_START;	/* no switch begins its first spell */
	cpu->running = cpu->idle;
	cpus[cpu->id] = cpu;
	/* release: the CPU before its number. CPUs that came up before look at it only by way of the number. */
	atomic_store(&nr_cpus, nr_cpus + 1, RELEASE);
	if (timer_init_cpu(cpu)) {	/* its thread waits on the new CPU's incoming list */
		nr_cpus--;
		goto err_free;
	}
	thread_registry_add(cpu->idle);
	nr_started++;
	*out = cpu;
	return 0;

err_free:
	kfree(rq);
	kfree(cpu);
	return -ENOMEM;
}

void cpu_set_failed(struct cpu *cpu)
{
	(void)cpu;
	nr_started--;
}

unsigned cpus_nr_online(void)
{
	return atomic_load(&nr_online, RELAXED);
}

struct cpu *cpu_online_nth(unsigned n)
{
	n %= cpus_nr_online();
	for (unsigned i = 0; i < nr_cpus; i++)
		if (cpu_is_online(cpus[i]) && n-- == 0)
			return cpus[i];
	return cpus[0];
}

void cpus_wait_online(void)
{
	nsec_t deadline = clock_monotonic() + START_NS;

	if (cpus_nr_online() >= nr_started)
		return;
	atomic_store(&is_awaited, 1u, RELAXED);
	/* The wait's fence: is_awaited before the look at the number. Pairs: count_online */
	if (thread_wait_until("cpus", cpus_nr_online() >= nr_started, deadline, 0))
		log_line("%u of %u CPUs do not answer: going on without them", nr_started - cpus_nr_online(), nr_started);
	nr_started = cpus_nr_online();		/* once is enough */
	atomic_store(&is_awaited, 0u, RELAXED);
}

/* By a CPU that has come, before it is idle for the first time. */
static void count_online(void)
{
	atomic_fetch_add(&nr_online, 1u, RELAXED);
	/* seq_cst: the number before the look at who waits: store->load. Pairs: cpus_wait_online */
	atomic_fence(SEQ_CST);
	if (atomic_load(&is_awaited, RELAXED))
		(void)thread_wake(&boot_thread.thread);
}

void sched_secondary(struct cpu *cpu)
{
	arch_time_init_cpu();
	irq_init_cpu();
	/* Before the first look at incoming in idle_loop(): store->load, the fence is below. Pairs: tell (wake.c) */
	atomic_store(&cpu->is_online, 1u, RELEASE);	/* release: what init_cpu() found out for send_ipi() */
	cpu->rq->accounted = arch_time_ns();
	rcu_quiesce(cpu->rq);
	atomic_store(&cpu->rq->rcu_count, cpu->rq->rcu_count + 1, RELAXED);	/* from now on it may have readers */
	count_online();		/* with the fence */
	idle_loop();
}

void sched_start(void)
{
	irq_init_cpu();
	rq_this()->sample_at = trace_sample_period() ? arch_time_ns() : NSEC_NEVER;
	sched_arm(rq_this());
	arch_irq_enable();
	/* What was made runnable during the boot starts now. */
	thread_yield();
}
