/* SPDX-License-Identifier: MIT
 *
 * Map of the folder:
 *	thread.h	create, sleep, wake, preempt		rq.c	run queue, fairness
 *	mutex.h		the mutex				wake.c	wake-ups across CPUs, placement, stealing
 *	sync.h		rwlock, condition, semaphore		idle.c	polling and waiting
 *	waitq.h		wait queues for poll and friends	timer.h	per-CPU timers
 *	rcu.h		read-copy update			irq.h	interrupts and their threads
 *	cpu.h		CPUs and per-CPU data			clock.h	clocks
 *	trace.h		tracepoints, samples			load.h	load averages
 *	poller.h	devices that threads look at themselves	barrier.h	barriers on all CPUs
 *	gather.h	free memory that CPUs keep
 */
#pragma once

#include "libc/types.h"

struct aspace;
struct cpu;
struct thread;

/*
 * First of all C code on the boot CPU: makes thread_current() valid, so that preempt_disable() and mutex_lock() work in what runs before sched_init().
 */
void sched_early_init(void);
/*
 * Turn the boot context into the first thread and its CPU into cpus[0]; heap and pages work. Interrupts stay masked until sched_start().
 */
void sched_init(uint64_t boot_hwid);
/* Prepare cpus[id] (idle thread, run queue) before it is started. 0 or -ENOMEM. The entry code enters on (*out)->idle->kstack + KSTACK_SIZE with arch_current() = (*out)->idle. */
int sched_add_cpu(uint64_t hwid, struct cpu **out);
/* First C code of a secondary CPU, on its idle thread's stack, arch_current() set: never returns. */
_Noreturn void sched_secondary(struct cpu *cpu);
/* Enable interrupts on the boot CPU; from here on threads run. */
void sched_start(void);
/* Stop all other CPUs for good (panic). Any context. */
void sched_stop_others(void);
/*
 * An address space is about to be destroyed, no thread uses it any more: CPUs that still have it loaded must not take another one, at the same address of memory, for
 * it. Context: thread.
 */
void sched_forget_aspace(struct aspace *as);
