// SPDX-License-Identifier: MIT
/*
 * /proc: counters of the system that ps, top, vmstat and the like read. Formats: proc(5).
 *
 * Times of a CPU: idle is exact; system is what kernel threads used; the rest is user, because a system call is a branch in the program's thread and nothing marks where it
 * begins. Interrupts count for what they interrupt.
 */
#include <arch/time.h>

#include "fs/blkdev.h"
#include "fs/procfs.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "linux/process.h"
#include "mmu/aspace.h"
#include "mmu/heap.h"
#include "mmu/page.h"
#include "sched/clock.h"
#include "sched/cpu.h"
#include "sched/irq.h"
#include "sched/load.h"

#define TICK_NS		(NSEC_PER_SEC / 100)

struct cpu_times {
	nsec_t user, system, idle;
};

/* Adds those of a CPU. */
static struct cpu_times cpu_times_add(struct cpu *cpu, struct cpu_times *sum)
{
	nsec_t up = clock_monotonic() - CLOCK_START, busy, idle = MIN(cpu_idle_ns(cpu), up);
	struct cpu_times t;

	busy = up - idle;
	t.system = MIN(READ_ONCE(cpu->kernel_ns), busy);
	t.idle = idle;
	t.user = busy - t.system;
	sum->user += t.user;
	sum->system += t.system;
	sum->idle += t.idle;
	return t;
}

static int show_uptime(struct text *t, struct pseudo_args *a)
{
	nsec_t up = clock_monotonic();
	struct cpu_times sum = { 0 };

	(void)a;
	for (unsigned i = 0; i < nr_cpus; i++)
		if (cpu_is_online(cpus[i]))
			(void)cpu_times_add(cpus[i], &sum);
	text_printf(t, "%lu.%02lu %lu.%02lu\n", (unsigned long)(up / NSEC_PER_SEC), (unsigned long)(up / TICK_NS % 100),
		    (unsigned long)(sum.idle / NSEC_PER_SEC), (unsigned long)(sum.idle / TICK_NS % 100));
	return 0;
}
PSEUDO_FILE(uptime, "/proc/uptime", 0444, show_uptime, NULL);

struct run_count {
	unsigned runnable, blocked, all;
};

static bool count_thread(struct thread *th, void *arg)
{
	struct run_count *c = arg;
	char state = thread_state_letter(th);

	if (th->task) {
		c->all++;
		c->runnable += state == 'R';
		c->blocked += state == 'D';
	}
	return true;
}

static int show_loadavg(struct text *t, struct pseudo_args *a)
{
	struct run_count c = { 0 };
	uint32_t avg[3];

	(void)a;
	thread_for_each(count_thread, &c);
	load_averages(arch_time_ns(), avg);
	for (unsigned i = 0; i < ARRAY_SIZE(avg); i++) {
		/* To the nearest hundredth. */
		uint32_t hundredths = (avg[i] * 100u + (1u << (LOAD_SHIFT - 1))) >> LOAD_SHIFT;

		text_printf(t, "%u.%02u ", hundredths / 100, hundredths % 100);
	}
	text_printf(t, "%u/%u %d\n", c.runnable, c.all, process_current()->pid);
	return 0;
}
PSEUDO_FILE(loadavg, "/proc/loadavg", 0444, show_loadavg, NULL);

static void put_times(struct text *t, const struct cpu_times *times)
{
	text_printf(t, " %lu 0 %lu %lu 0 0 0 0 0 0\n", (unsigned long)(times->user / TICK_NS), (unsigned long)(times->system / TICK_NS),
		    (unsigned long)(times->idle / TICK_NS));
}

static int show_stat(struct text *t, struct pseudo_args *a)
{
	uint64_t switches = 0, irqs = 0;
	struct cpu_times sum = { 0 };
	struct run_count c = { 0 };

	(void)a;
	for (unsigned i = 0; i < nr_cpus; i++)
		if (cpu_is_online(cpus[i]))
			(void)cpu_times_add(cpus[i], &sum);
	text_printf(t, "cpu ");
	put_times(t, &sum);
	for (unsigned i = 0; i < nr_cpus; i++) {
		struct cpu_times here;

		if (!cpu_is_online(cpus[i]))
			continue;
		here = cpu_times_add(cpus[i], &sum);
		text_printf(t, "cpu%u", i);
		put_times(t, &here);
		switches += READ_ONCE(cpus[i]->nr_switches);
		irqs += READ_ONCE(cpus[i]->nr_irqs);
	}
	thread_for_each(count_thread, &c);
	text_printf(t, "intr %lu\nctxt %lu\nbtime %lu\nprocesses %u\nprocs_running %u\nprocs_blocked %u\n", (unsigned long)irqs,
		    (unsigned long)switches, (unsigned long)(clock_realtime_offset() / NSEC_PER_SEC), 1 + c.all, c.runnable, c.blocked);
	return 0;
}
PSEUDO_FILE(stat, "/proc/stat", 0444, show_stat, NULL);

/* Version 15 (Linux Documentation/scheduler/sched-stats.rst): calls of schedule() and wake-ups are not kept, nor how long threads waited. */
static int show_schedstat(struct text *t, struct pseudo_args *a)
{
	struct cpu_times sum = { 0 };

	(void)a;
	text_printf(t, "version 15\ntimestamp %lu\n", (unsigned long)(clock_monotonic() / TICK_NS));
	for (unsigned i = 0; i < nr_cpus; i++) {
		struct cpu_times here;

		if (!cpu_is_online(cpus[i]))
			continue;
		here = cpu_times_add(cpus[i], &sum);
		text_printf(t, "cpu%u 0 0 0 0 0 0 %lu 0 %lu\n", i, (unsigned long)(here.user + here.system),
			    (unsigned long)READ_ONCE(cpus[i]->nr_switches));
	}
	return 0;
}
PSEUDO_FILE(schedstat, "/proc/schedstat", 0444, show_schedstat, NULL);

/* ---- interrupts ------------------------------------------------------------------------------------------------------------------- */

struct irq_rows {
	struct text *t;
	uint64_t devices[MAX_CPUS];	/* interrupts that have a row */
};

static void show_irq(int irq, const char *name, const uint64_t *counts, unsigned nr, void *arg)
{
	struct irq_rows *rows = arg;

	text_printf(rows->t, "%3d:", irq);
	for (unsigned i = 0; i < nr_cpus; i++) {
		uint64_t count = i < nr ? atomic_load(&counts[i], RELAXED) : 0;

		if (!cpu_is_online(cpus[i]))
			continue;
		rows->devices[i] += count;
		text_printf(rows->t, " %10lu", (unsigned long)count);
	}
	text_printf(rows->t, "  %s\n", name);
}

/* What is no device's and no other CPU's is the timer's. */
static int show_interrupts(struct text *t, struct pseudo_args *a)
{
	struct irq_rows *rows = kzalloc(sizeof(*rows));

	(void)a;
	if (!rows)
		return -ENOMEM;
	rows->t = t;
	text_printf(t, "    ");
	for (unsigned i = 0; i < nr_cpus; i++)
		if (cpu_is_online(cpus[i]))
			text_printf(t, "       CPU%-3u", i);
	text_printf(t, "\n");
	irq_for_each(show_irq, rows);
	text_printf(t, "IPI:");
	for (unsigned i = 0; i < nr_cpus; i++)
		if (cpu_is_online(cpus[i]))
			text_printf(t, " %10lu", (unsigned long)READ_ONCE(cpus[i]->nr_ipis));
	text_printf(t, "  from other CPUs\nLOC:");
	for (unsigned i = 0; i < nr_cpus; i++) {
		if (!cpu_is_online(cpus[i]))
			continue;
		uint64_t others = rows->devices[i] + READ_ONCE(cpus[i]->nr_ipis), all = READ_ONCE(cpus[i]->nr_irqs);

		text_printf(t, " %10lu", (unsigned long)(all - MIN(others, all)));
	}
	text_printf(t, "  timer\n");
	kfree(rows);
	return 0;
}
PSEUDO_FILE(interrupts, "/proc/interrupts", 0444, show_interrupts, NULL);

/* ---- memory ----------------------------------------------------------------------------------------------------------------------- */

static int show_vmstat(struct text *t, struct pseudo_args *a)
{
	struct process *p = process_first();
	struct aspace_stats s = { 0 };
	uint64_t read, written;
	struct page_stats m;

	(void)a;
	page_stats(&m);
	blkdev_totals(&read, &written);
	if (p && p->aspace)
		aspace_stats(p->aspace, &s);
	text_printf(t, "nr_free_pages %lu\nnr_anon_pages %lu\nnr_file_pages %lu\nnr_dirty 0\nnr_writeback 0\n", (unsigned long)(m.free_bytes / PAGE_SIZE),
		    (unsigned long)(m.anon_bytes / PAGE_SIZE), (unsigned long)(m.cached_bytes / PAGE_SIZE));
	text_printf(t, "pgpgin %lu\npgpgout %lu\npswpin 0\npswpout 0\npgfault %lu\npgmajfault %lu\n", (unsigned long)(read / 1024),
		    (unsigned long)(written / 1024), (unsigned long)s.nr_faults, (unsigned long)s.nr_major_faults);
	return 0;
}
PSEUDO_FILE(vmstat, "/proc/vmstat", 0444, show_vmstat, NULL);
