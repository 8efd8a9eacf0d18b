/* SPDX-License-Identifier: MIT
 *
 * New kernel stacks, the thread pointer, the initial extended state.
 */
#include <arch/frame.h>
#include <arch/io.h>
#include <arch/thread.h>

#include "arch-x86/thread-priv.h"
#include "libc/string.h"

/* What arch_switch() pops (switch.S). */
struct switch_frame {
	uint64_t r15, r14, r13, r12, rbx, rbp, rip;
};

extern const struct arch_fpu arch_fpu_initial;
/* After FNINIT, and MXCSR after reset (Intel SDM vol. 1 8.1.5, 10.2.3). */
const struct arch_fpu arch_fpu_initial = { .fcw = 0x37f, .mxcsr = 0x1f80 };

void arch_thread_first(void);

void arch_thread_init(struct thread *t, void *stack, size_t size, void (*entry)(void *), void *arg)
{
	/* The top is left to the frame of the application. */
	char *top = (char *)stack + size - sizeof(struct frame);
	struct switch_frame *s = (struct switch_frame *)top - 1;

	_Static_assert(sizeof(struct frame) % 16 == 0, "rsp stays aligned");
	*s = (struct switch_frame){ .rip = (uint64_t)arch_thread_first, .rbx = (uint64_t)entry, .r12 = (uint64_t)arg };
	*(uint64_t *)((char *)t + THREAD_KSP) = (uint64_t)s;
	/* A thread may be a used one again: what XRSTOR looks at must be well formed. */
	memcpy((char *)t + THREAD_FPU, &arch_fpu_initial, 576);
}

void arch_tls_set(uint64_t value)
{
	/* Preempted in between, both are right: the switch loads what was noted, or saves what was written. */
	*(uint64_t *)((char *)arch_current() + THREAD_TLS) = value;
	if (arch_has_fsgsbase)
		__asm__ volatile("wrfsbase %0" : : "r"(value) : "memory");
	else
		msr_write(MSR_FS_BASE, value);
}

uint64_t arch_tls_get(void)
{
	uint64_t value;

	if (!arch_has_fsgsbase)
		return *(uint64_t *)((char *)arch_current() + THREAD_TLS);
	__asm__ volatile("rdfsbase %0" : "=r"(value));
	return value;
}
