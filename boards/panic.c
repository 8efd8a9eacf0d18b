/* SPDX-License-Identifier: MIT
 *
 * The end of the kernel by its own fault: say why, where and how it came there; stop everything; leave with status 125.
 */
#include <stdarg.h>

#include <arch/boot.h>
#include <arch/cpu.h>
#include <arch/frame.h>
#include <arch/panic.h>

#include "boards/boot.h"
#include "boards/exit.h"
#include "libc/atomic.h"
#include "libc/print.h"
#include "sched/cpu.h"
#include "sched/irq.h"
#include "sched/sched.h"
#include "sched/thread.h"

#define MAX_BACKTRACE	40

/* Made by tools/symbols.py in the second pass of the link. */
extern const uint64_t symbols_count;
extern const uint32_t symbols_offsets[], symbols_names[];
extern const char symbols_strings[], _text[], _text_end[];

static struct thread *panicking;	/* [a] who panics; never reset */
static uint32_t has_panicked;		/* [a] */

static void print_address(const char *what, vaddr_t pc)
{
	uint64_t offset = pc - (vaddr_t)_text;
	uint64_t low = 0, high = symbols_count;

	if (pc < (vaddr_t)_text || pc >= (vaddr_t)_text_end || !symbols_count) {
		log_raw("%s%016lx\n", what, pc);
		return;
	}
	while (high - low > 1) {
		uint64_t mid = (low + high) / 2;

		if (symbols_offsets[mid] <= offset)
			low = mid;
		else
			high = mid;
	}
	log_raw("%s%016lx %s+%#lx\n", what, pc, &symbols_strings[symbols_names[low]], offset - symbols_offsets[low]);
}

static void print_state(void)
{
	const struct frame *f = arch_panic_frame;
	const struct thread *t = thread_current();
	vaddr_t pcs[MAX_BACKTRACE];
	unsigned nr;

	if (t && t->cpu)
		log_raw("CPU %u, thread \"%s\", preempt count %u\n", t->cpu->id, t->name, t->preempt_count);
	if (f)
		arch_frame_print(f);
	nr = arch_backtrace(f, pcs, MAX_BACKTRACE, NULL);
	for (unsigned i = 0; i < nr; i++)
		print_address("  ", pcs[i]);
}

void panic(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	arch_irq_disable();
	if (atomic_exchange(&has_panicked, 1u, ACQ_REL)) {
		/* In the report itself: leave. On another CPU: the first one reports. */
		if (atomic_load(&panicking, RELAXED) == thread_current())
			machine_exit(EXIT_KERNEL);
		arch_cpu_halt();
	}
	atomic_store(&panicking, thread_current(), RELAXED);
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_line("kernel panic: %s", text);
	if (irq_controller())
		sched_stop_others();
	print_state();
	if (boot_options.threads)
		thread_dump_all();
	machine_exit(EXIT_KERNEL);
}
