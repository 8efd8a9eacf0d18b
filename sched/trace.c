/* SPDX-License-Identifier: MIT
 *
 * Rings of trace records, and samples of where CPUs are.
 */
#include "sched/trace.h"

#include <arch/frame.h>
#include <arch/panic.h>
#include <arch/time.h>

#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "mmu/page.h"
#include "mmu/user.h"
#include "sched/cpu.h"
#include "sched/rcu.h"
#include "sched/thread.h"

#define STACK_DEPTH	64

/* Created by trace_start(), never freed. */
struct trace_ring {
	struct trace_record *records;	/* [I] */
	uint64_t head;			/* [c] interrupts masked: records ever written */
};

static struct trace_ring *rings;	/* [I] one a CPU */
static uint64_t mask;			/* [I] records in a ring - 1 */
static uint32_t is_running;		/* [a] */
static nsec_t period;			/* [I] of samples */

static const char *const names[NR_TRACE_EVENTS] = {
#define X(id, name) [id] = name,
	TRACE_EVENT_LIST(X)
#undef X
};

bool trace_is_on(void)
{
	return rings;
}

nsec_t trace_sample_period(void)
{
	return period;
}

/* Interrupts masked. */
static void put(struct thread *self, nsec_t now, enum trace_event event, uint64_t a, uint64_t b)
{
	struct trace_ring *ring = &rings[self->cpu->id];

	ring->records[ring->head++ & mask] = (struct trace_record){ now, event, self->id, a, b };
}

void trace_record(enum trace_event event, uint64_t a, uint64_t b)
{
	arch_irqflags_t flags;

	if (!atomic_load(&is_running, RELAXED))
		return;
	flags = arch_irq_save();
	put(thread_current(), arch_time_ns(), event, a, b);
	arch_irq_restore(flags);
}

/* Return addresses of the application from the record at fp on, behind n others: how many they are then (a libc without them gives short stacks). Preemption is off: an absent page ends the walk. */
static unsigned user_stack(vaddr_t fp, vaddr_t *pcs, unsigned n, unsigned max)
{
	uint64_t record[2];

	while (n < max && fp && fp < USER_TOP && !(fp & 7) && copy_from_user(record, (const void *)fp, sizeof(record)) == 0) {
		if (!record[1] || record[1] >= USER_TOP)
			break;
		pcs[n++] = record[1];
		if (record[0] <= fp)
			break;
		fp = record[0];
	}
	return n;
}

void trace_sample(const struct frame *f, nsec_t now)
{
	struct thread *self = thread_current();
	vaddr_t pcs[STACK_DEPTH], outer;
	unsigned n = 1;

	if (self == self->cpu->idle || !atomic_load(&is_running, RELAXED))
		return;
	if (frame_is_user(f)) {
		pcs[0] = frame_pc(f);
		outer = frame_fp(f);
	} else {
		n = arch_backtrace(f, pcs, STACK_DEPTH, &outer);	/* and on in the application that made the call */
	}
	n = user_stack(outer, pcs, n, STACK_DEPTH);
	put(self, now, TRACE_SAMPLE, pcs[0], n - 1);
	for (unsigned i = 1; i < n; i += 2)
		put(self, now, TRACE_SAMPLE_MORE, pcs[i], i + 1 < n ? pcs[i + 1] : 0);
}

/* "irq" also turns on "irq_end": the events whose name begins so up to the end or a '_'. 0: no such name. */
static uint64_t events_named(const char *name, size_t len)
{
	uint64_t events = 0;

	for (unsigned i = 0; i < TRACE_SAMPLE; i++)
		if (!strncmp(names[i], name, len) && (!names[i][len] || names[i][len] == '_'))
			events |= 1ull << i;
	return events;
}

static int parse_events(const char *list, uint64_t *events)
{
	*events = 1ull << TRACE_THREAD_END;
	if (!*list || !strcmp(list, "all"))
		*events = (1ull << TRACE_SAMPLE) - 1;
	else
		while (*list) {
			const char *comma = strchr(list, ',');
			size_t len = comma ? (size_t)(comma - list) : strlen(list);
			uint64_t named = events_named(list, len);

			if (!named)
				return -EINVAL;
			*events |= named;
			list += len + (comma != NULL);
		}
	return 0;
}

int trace_start(const char *list, unsigned hz, size_t bytes, unsigned max_cpus)
{
	unsigned order = 0;
	uint64_t events = 1ull << TRACE_THREAD_END;
	int r = list ? parse_events(list, &events) : 0;

	if (r)
		return r;
	while (order < PAGE_ORDER_BLOCK + 3 && (PAGE_SIZE << (order + 1)) <= bytes)
		order++;
	rings = kzalloc(max_cpus * sizeof(*rings));
	if (!rings)
		return -ENOMEM;
	for (unsigned i = 0; i < max_cpus; i++) {
		paddr_t pa = page_alloc(order, PAGE_ZERO);

		if (pa == PADDR_NONE)
			return -ENOMEM;
		rings[i].records = phys_to_virt(pa);
	}
	/* 32-byte records: a power of two of them in a power of two of pages. */
	mask = (PAGE_SIZE << order) / sizeof(struct trace_record) - 1;
	period = hz ? NSEC_PER_SEC / hz : 0;
	atomic_store(&is_running, 1u, RELAXED);
	arch_trace_patch(events);
	return 0;
}

void trace_stop(void)
{
	atomic_store(&is_running, 0u, RELAXED);
}

/* ---- writing out ------------------------------------------------------------------------------------------------- */

struct writer {
	bool (*emit)(void *arg, const void *data, size_t len);
	void *arg;
	bool has_failed;
};

struct section {
	uint32_t kind, cpu;
	uint64_t bytes;
};

static void emit(struct writer *w, const void *data, size_t len)
{
	if (len && !w->has_failed)
		w->has_failed = !w->emit(w->arg, data, len);
}

static void emit_section(struct writer *w, uint32_t kind, uint32_t cpu, uint64_t bytes)
{
	struct section s = { kind, cpu, bytes };

	emit(w, &s, sizeof(s));
}

static void emit_ring(struct writer *w, unsigned cpu)
{
	const struct trace_ring *ring = &rings[cpu];
	uint64_t size = mask + 1, head = ring->head, first = head > size ? head - size : 0;
	uint64_t start = first & mask, nr = head - first, lost = first;

	emit_section(w, TRACE_SECTION_RECORDS, cpu, nr * sizeof(struct trace_record));
	emit(w, ring->records + start, MIN(nr, size - start) * sizeof(struct trace_record));
	if (nr > size - start)
		emit(w, ring->records, (nr - (size - start)) * sizeof(struct trace_record));
	emit_section(w, TRACE_SECTION_LOST, cpu, sizeof(lost));
	emit(w, &lost, sizeof(lost));
}

struct thread_names {
	struct {
		uint32_t id;
		char name[THREAD_NAME_LEN];
	} entry[512];
	unsigned nr;
};

static bool add_name(struct thread *t, void *arg)
{
	struct thread_names *n = arg;

	n->entry[n->nr].id = t->id;
	memcpy(n->entry[n->nr].name, t->name, THREAD_NAME_LEN);
	return ++n->nr < ARRAY_SIZE(n->entry);
}

void trace_write(bool (*emit_fn)(void *arg, const void *data, size_t len), void *arg)
{
	struct writer w = { emit_fn, arg, false };
	const uint32_t header[4] = { TRACE_MAGIC, TRACE_VERSION, nr_cpus, sizeof(struct trace_record) };
	struct thread_names *n = kzalloc(sizeof(*n));

	emit(&w, header, sizeof(header));
	for (unsigned i = 0; i < nr_cpus; i++)
		emit_ring(&w, i);
	if (n) {
		thread_for_each(add_name, n);
		emit_section(&w, TRACE_SECTION_THREADS, 0, n->nr * sizeof(n->entry[0]));
		emit(&w, n->entry, n->nr * sizeof(n->entry[0]));
		kfree(n);
	}
}
