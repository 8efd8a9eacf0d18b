/* SPDX-License-Identifier: MIT
 *
 * CPUs and per-CPU data. cpus[i] for i < nr_cpus exist; online ones have is_online set.
 */
#pragma once

#include "libc/types.h"
#include "sched/thread.h"

#define MAX_CPUS	512

struct runqueue;

struct __cacheline cpu {
	unsigned id;			/* [I] */
	uint64_t hwid;			/* [I] MPIDR affinity fields, APIC id */
	uint32_t is_online;		/* [a] */
	uint32_t needs_resched;		/* [a] looked at by preempt_enable() and on return from an interrupt */
	struct thread *running;		/* [a] written by this CPU */
	struct thread *idle;		/* [I] */
	struct runqueue *rq;		/* [I] sched/ only */
	uint64_t nr_irqs, nr_switches, nr_ipis;	/* [c] counters for /proc */
	nsec_t idle_ns;			/* [c] */
};

extern unsigned nr_cpus;
extern struct cpu *cpus[MAX_CPUS];

/* Only with preemption disabled (or interrupts masked). */
static inline struct cpu *cpu_this(void)
{
	return thread_current()->cpu;
}

/*
 * A variable for each CPU: PERCPU(type, name) defines, PERCPU_PTR(name, cpu) points at one. Allocated for nr_cpus at boot by percpu_init();
 * before that only CPU 0's exists.
 */
struct percpu_def {
	void **slots;			/* nr_cpus pointers */
	size_t size;
};
