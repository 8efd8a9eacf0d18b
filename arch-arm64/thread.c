/* SPDX-License-Identifier: MIT
 *
 * New kernel stacks, the thread pointer.
 */
#include <arch/frame.h>
#include <arch/thread.h>

#include "arch-arm64/thread-priv.h"

/* What arch_switch() pops (switch.S). */
struct switch_frame {
	uint64_t x29, x30, x19_x28[10];
};

void arch_thread_first(void);

void arch_thread_init(struct thread *t, void *stack, size_t size, void (*entry)(void *), void *arg)
{
	/* The top is left to the frame of the application. */
	char *top = (char *)stack + size - sizeof(struct frame);
	struct switch_frame *s = (struct switch_frame *)(top - sizeof(struct switch_frame));

	*s = (struct switch_frame){ .x30 = (uint64_t)arch_thread_first,
				    .x19_x28 = { (uint64_t)entry, (uint64_t)arg } };
	*(uint64_t *)((char *)t + THREAD_KSP) = (uint64_t)s;
}

void arch_tls_set(uint64_t value)
{
	__asm__ volatile("msr tpidr_el0, %0" : : "r"(value) : "memory");
}

uint64_t arch_tls_get(void)
{
	uint64_t value;

	__asm__ volatile("mrs %0, tpidr_el0" : "=r"(value));
	return value;
}
