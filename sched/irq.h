/* SPDX-License-Identifier: MIT
 *
 * Interrupts. Owned by sched/, implemented by gic/ and apic/ (struct irq_controller), called by the vectors (sched_irq_enter).
 *
 * A device interrupt has a thread. The top half only masks or acknowledges at the controller and wakes that thread; the handler runs in the thread, may sleep,
 * and when it returns the line is unmasked. The thread's CPU and the interrupt's target follow each other.
 */
#pragma once

#include "libc/types.h"

struct cpu;
struct frame;
struct irq;

enum irq_trigger { IRQ_LEVEL, IRQ_EDGE };

struct irq_controller {
	const char *name;
	/* On each CPU, interrupts masked: by sched_start() and sched_secondary(). */
	void (*init_cpu)(struct cpu *cpu);
	/* Acknowledge the highest pending interrupt: its number, or -1 for none (spurious). */
	int (*ack)(void);
	void (*eoi)(int irq);
	/* Any context. The timer's number is of the CPU that calls. */
	void (*configure)(int irq, enum irq_trigger trigger);
	void (*unmask)(int irq);
	void (*mask)(int irq);
	void (*set_target)(int irq, struct cpu *cpu);
	/* Interrupt another CPU. Any context. */
	void (*send_ipi)(struct cpu *cpu);
	int ipi;			/* number that ack() returns for it */
};

/* Once, by the board, before secondary CPUs start. pin. */
void irq_set_controller(const struct irq_controller *c);
const struct irq_controller *irq_controller(void);

/* Up-call from the vectors: interrupts masked, on the kernel stack of the current thread; f is the interrupted context. May switch threads if that was preemptible. */
void sched_irq(struct frame *f);

/* The timer's interrupt number (PPI), told by the board. */
void irq_set_timer(int irq);

/*
 * Give irq a thread that runs handler(ctx). 0, -EBUSY, -ENOMEM. Context: thread. Once registered it is unmasked.
 */
int __must_check irq_register(int irq, enum irq_trigger trigger, const char *name, void (*handler)(void *ctx), void *ctx, struct irq **out);
/* Have its thread run the handler, as if it had come. Any context. */
void irq_raise(struct irq *irq);
/* For /proc/interrupts: calls fn for each registered interrupt, with how often it came on each of nr CPUs (others write while it reads). */
void irq_for_each(void (*fn)(int irq, const char *name, const uint64_t *counts, unsigned nr, void *arg), void *arg);
