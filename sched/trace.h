/* SPDX-License-Identifier: MIT
 *
 * Tracepoints and the sampling profiler: fixed-size records in a ring for each CPU, no locks, read out when the machine is left.
 *
 * A tracepoint that is off is one `nop` (arch/trace.h). trace() may stand in any context and costs about 40 instructions when on. Rings overwrite their oldest records;
 * how many were lost is told.
 *
 *	trace(TRACE_SWITCH, prev->id, next->id);
 */
#pragma once

#include <arch/trace.h>

#include "libc/types.h"

struct frame;

/* name for people and for `trace=`, what a and b are */
#define TRACE_EVENT_LIST(X) \
	X(TRACE_SWITCH, "switch")		/* thread that ran | blocked << 63, thread that runs */ \
	X(TRACE_WAKE, "wake")			/* thread, CPU it ran on last */ \
	X(TRACE_THREAD_END, "thread")		/* its name, 16 bytes */ \
	X(TRACE_IRQ_BEGIN, "irq")		/* number */ \
	X(TRACE_IRQ_END, "irq_end")		/* number */ \
	X(TRACE_SYSCALL_BEGIN, "syscall")	/* number, first argument */ \
	X(TRACE_SYSCALL_END, "syscall_end")	/* number, result */ \
	X(TRACE_FAULT_BEGIN, "fault")		/* address, access */ \
	X(TRACE_FAULT_END, "fault_end")		/* address, result */ \
	X(TRACE_PACKET_IN, "packet")		/* bytes, queue */ \
	X(TRACE_PACKET_OUT, "packet_out")	/* bytes, queue */ \
	X(TRACE_BLOCK_BEGIN, "block")		/* sector, bytes | write << 63 */ \
	X(TRACE_BLOCK_END, "block_end")		/* sector, result */ \
	X(TRACE_SAMPLE, "sample")		/* innermost pc, number of further ones */ \
	X(TRACE_SAMPLE_MORE, "sample_more")	/* two of them */

#define X(id, name)	id,
enum trace_event { TRACE_EVENT_LIST(X) NR_TRACE_EVENTS };
#undef X

struct trace_record {
	uint64_t time_ns;
	uint32_t event, thread;		/* enum trace_event; struct thread.id */
	uint64_t a, b;
};

void trace_record(enum trace_event event, uint64_t a, uint64_t b);

/* make TRACEPOINTS=0 leaves them out. */
#ifndef TRACEPOINTS
#define TRACEPOINTS 1
#endif
/* Whether the event is recorded: for a pair of tracepoints around something short, whose registers saved for the second would cost more than the `nop`s. */
#define trace_is_wanted(event)	(TRACEPOINTS && arch_trace_site(event))
#define trace(event, a, b) \
	do { \
		if (trace_is_wanted(event)) \
			trace_record(event, (uint64_t)(a), (uint64_t)(b)); \
	} while (0)

/*
 * Start. list: names of events separated by commas, each with its _end or _out; "" or "all": all but samples. hz > 0: also take samples of every busy CPU. bytes: size of a CPU's
 * ring, rounded down to a power of two, for max_cpus CPUs. Boot CPU, heap works, others not started. -ENOMEM, -EINVAL (unknown name).
 */
int __must_check trace_start(const char *list, unsigned hz, size_t bytes, unsigned max_cpus);
bool trace_is_on(void);
/* No more records: before trace_write(). Any context. */
void trace_stop(void);

/*
 * All that was recorded, as a stream of sections that tools/samara/trace.py reads:
 *	header	u32 magic "SMTR", u32 version, u32 CPUs, u32 size of a record
 *	section	u32 kind, u32 CPU, u64 bytes; then the bytes
 * emit() may sleep; it returns false to give up.
 */
#define TRACE_MAGIC	0x52544d53u
#define TRACE_VERSION	1u
enum trace_section { TRACE_SECTION_END, TRACE_SECTION_RECORDS, TRACE_SECTION_LOST, TRACE_SECTION_THREADS, TRACE_SECTION_MAPS };
void trace_write(bool (*emit)(void *arg, const void *data, size_t len), void *arg);

/* sched/ only: from the timer interrupt on this CPU; deadline of the next sample (NSEC_NEVER: no profiling). */
void trace_sample(const struct frame *f, nsec_t now);
nsec_t trace_sample_period(void);
