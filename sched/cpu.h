/* SPDX-License-Identifier: MIT
 *
 * CPUs and per-CPU data. cpus[i] for i < nr_cpus are present: the firmware names them. Online are those that run: one that does not start stays offline, and nothing is
 * given to it.
 */
#pragma once

#include "libc/set.h"
#include "libc/types.h"
#include "sched/thread.h"

#define MAX_CPUS	512

struct runqueue;

struct __cacheline cpu {
	unsigned id;			/* [I] */
	uint64_t hwid;			/* [I] MPIDR affinity fields, APIC id */
	uint32_t is_online;		/* [a] */
	struct thread *running;		/* [a] written by this CPU */
	struct thread *idle;		/* [I] */
	struct runqueue *rq;		/* [I] sched/ only */
	uint64_t nr_irqs, nr_switches, nr_ipis;	/* [c] counters for /proc */
	nsec_t idle_ns;			/* [c] time in the idle thread */
	nsec_t kernel_ns;		/* [c] in other kernel threads */
};

extern unsigned nr_cpus;
extern struct cpu *cpus[MAX_CPUS];

/* Only with preemption disabled (or interrupts masked). */
static inline struct cpu *cpu_this(void)
{
	return thread_current()->cpu;
}

static inline bool cpu_is_online(const struct cpu *cpu)
{
	return atomic_load(&cpu->is_online, RELAXED);
}

/* Wait until the CPUs that were started have come, at most a second: who has not come by then may come later. Context: thread. */
void cpus_wait_online(void);
/* The firmware refused to start it: nobody waits for it. */
void cpu_set_failed(struct cpu *cpu);
unsigned cpus_nr_online(void);
/* One of those that are online now, each in turn for n = 0, 1, 2, .... */
struct cpu *cpu_online_nth(unsigned n);

/* How long a CPU has been idle, up to now (idle_ns lacks the idleness that lasts). Any context. */
nsec_t cpu_idle_ns(struct cpu *cpu);

/*
 * A variable for each CPU: PERCPU(type, name) defines it at file level (static); PERCPU_PTR(name, cpu) points at one. Zero-initialised. CPU 0's exists from the
 * start, the others' after sched_add_cpu() of that CPU.
 */
struct percpu_def {
	size_t size;
	void **slots;			/* nr_cpus pointers, or one that is CPU 0's */
	void *first[1];			/* CPU 0's */
};

#define PERCPU(type, name) \
	static __cacheline type name##_cpu0; \
	static struct percpu_def name = { sizeof(type), name.first, { &name##_cpu0 } }; \
	typedef type name##_percpu_t; \
	SET_ADD(percpu_defs, name)
#define PERCPU_PTR(name, cpu_)	((name##_percpu_t *)(name).slots[(cpu_)->id])
