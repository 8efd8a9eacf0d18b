/* SPDX-License-Identifier: MIT
 *
 * Where the fields are that `samara run` reads from the memory of a machine which did not end in time
 * (tools/samara/hang.py): the tool needs no debugger and no cooperation of a kernel that may hang with interrupts
 * masked. Nothing in the kernel reads this table.
 */
#include <arch/time.h>

#include "sched/sched-priv.h"

#define LAYOUT_NAME_LEN	40

struct layout_row {
	char name[LAYOUT_NAME_LEN];
	uint32_t offset, size;
};

#define ROW(type, field)	{ #type "." #field, offsetof(struct type, field), sizeof(((struct type *)NULL)->field) }

/* Ends with an empty name. */
__attribute__((used, retain)) static const struct layout_row sched_layout[] = {
	ROW(arch_timebase, base),
	ROW(arch_timebase, mult),
	ROW(arch_timebase, shift),
	ROW(cpu, id),
	ROW(cpu, is_online),
	ROW(cpu, running),
	ROW(cpu, idle),
	ROW(cpu, rq),
	ROW(cpu, nr_irqs),
	ROW(cpu, nr_switches),
	ROW(cpu, idle_ns),
	ROW(runqueue, accounted),
	ROW(runqueue, armed),
	ROW(runqueue, idle_since),
	ROW(runqueue, incoming),
	ROW(runqueue, requests),
	ROW(runqueue, is_polling),
	ROW(runqueue, is_idle),
	ROW(runqueue, nr_queued),
	ROW(thread, preempt_count),
	ROW(thread, attention),
	ROW(thread, needs_resched),
	ROW(thread, cpu),
	ROW(thread, id),
	ROW(thread, name),
	ROW(thread, wchan),
	ROW(thread, sched),
	ROW(sched_entity, state),
	ROW(sched_entity, is_queued),
	ROW(sched_entity, clock),
	ROW(sched_entity, nr_voluntary),
	ROW(sched_entity, nr_involuntary),
	ROW(sched_entity, timer.deadline),
	ROW(sched_entity, timer.bucket),
	ROW(sched_entity, thread),
	ROW(sched_entity, all),
	{ "", 0, 0 },
};
