/* SPDX-License-Identifier: MIT
 *
 * Time: the TSC as counter, the local APIC's timer as comparator, which compares with the TSC itself where the CPU can do that (Intel SDM vol. 3A 10.5.4.1).
 *
 *	ns     = (TSC - base) * mult >> shift		(128-bit product: never wraps)
 *
 * The TSC's frequency is taken from where it is told, else measured against the APIC timer, which hypervisors run at 1 GHz (QEMU hw/intc/apic.c, KVM APIC_BUS_CYCLE_NS).
 * A timer without the TSC's help counts down those nanoseconds. What it loses or wins against the TSC does no harm: sched/ looks at the time when it is interrupted, and arms
 * again if it was early.
 */
#include <arch/boot.h>
#include <arch/time.h>

#include <arch/io.h>
#include <arch/lapic.h>

#define SHIFT			32
#define TIMER_MAX		0xffffffffu
#define MEASURE_MAX_NS		5000000u
#define MEASURE_ERROR		4000u		/* one part in so many */

struct arch_timebase arch_the_timebase = { .mult = 1, .shift = 0, .frequency_hz = 1000000000 };
static uint64_t back_mult;			/* [I] cycles for each ns << SHIFT */
static nsec_t clock_start;			/* [I] what the clock showed at the entry */
static bool has_deadline;			/* [I] */
static bool has_lapic;				/* [I] */

/* What the hypervisor or the CPU says; 0: nothing. */
static uint64_t told_hz(void)
{
	struct cpuid c;

	if (cpuid(1, 0).ecx & (1u << 31)) {
		c = cpuid(0x40000000, 0);
		/* VMware's leaf, which KVM and QEMU follow: kHz. */
		if (c.eax >= 0x40000010 && c.eax < 0x40000100 && cpuid(0x40000010, 0).eax)
			return cpuid(0x40000010, 0).eax * 1000ull;
	}
	if (cpuid(0, 0).eax >= 0x15) {
		c = cpuid(0x15, 0);
		if (c.eax && c.ebx && c.ecx)
			return (uint64_t)c.ecx * c.ebx / c.eax;
	}
	return 0;
}

struct sample {
	uint64_t tsc, error;
	uint32_t ns;
};

/* The APIC timer, and between which two values of the TSC it was read. */
static struct sample sample(void)
{
	uint64_t before = arch_counter(), after;
	uint32_t left = lapic_read(LAPIC_TIMER_CURRENT);

	after = arch_counter();
	return (struct sample){ .tsc = before + (after - before) / 2, .error = after - before, .ns = TIMER_MAX - left };
}

/*
 * Until the uncertainty of both ends is small against the time between them, so that a machine whose time goes by instructions needs few. A measurement that misses a
 * multiple of 1 MHz by less than that is taken for it. Bounded by MEASURE_MAX_NS.
 */
static uint64_t measure_hz(void)
{
	struct sample first, last;
	uint64_t hz, near, margin;

	lapic_write(LAPIC_TIMER_DIVIDE, LAPIC_TIMER_DIVIDE_1);
	lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER | LAPIC_LVT_MASKED);
	lapic_write(LAPIC_TIMER_INITIAL, TIMER_MAX);
	(void)sample();
	first = sample();
	do
		last = sample();
	while (last.ns - first.ns < MEASURE_MAX_NS && (first.error + last.error) * MEASURE_ERROR > last.tsc - first.tsc);
	lapic_write(LAPIC_TIMER_INITIAL, 0);
	if (last.ns <= first.ns)
		return 0;
	hz = (last.tsc - first.tsc) * NSEC_PER_SEC / (last.ns - first.ns);	/* 5 ms: no overflow */
	near = (hz + 500000) / 1000000 * 1000000;
	margin = hz / MEASURE_ERROR;
	return near + margin > hz && near < hz + margin ? near : hz;
}

bool arch_time_init(uint32_t frequency_hz, nsec_t start)
{
	uint64_t hz = frequency_hz;

	has_deadline = cpuid(1, 0).ecx & (1u << 24);
	has_lapic = arch_lapic_init();
	if (!has_lapic)
		return false;
	if (!hz)
		hz = told_hz();
	if (!hz)
		hz = measure_hz();
	if (hz < 1000000)
		return false;
	clock_start = start;
	arch_the_timebase.base = arch_boot.entry_counter - start * hz / NSEC_PER_SEC;
	arch_the_timebase.frequency_hz = (uint32_t)MIN(hz, 0xfffffffful);
	arch_the_timebase.shift = SHIFT;
	arch_the_timebase.mult = (NSEC_PER_SEC << SHIFT) / hz;
	/* Exact frequencies get small factors. */
	while (arch_the_timebase.shift && !(arch_the_timebase.mult & 1)) {
		arch_the_timebase.mult >>= 1;
		arch_the_timebase.shift--;
	}
	arch_the_timebase.offset = arch_the_timebase.base * arch_the_timebase.mult;
	back_mult = ((uint64_t)arch_the_timebase.frequency_hz << SHIFT) / NSEC_PER_SEC;
	arch_time_init_cpu();
	return true;
}

void arch_time_init_cpu(void)
{
	if (!arch_lapic_init())
		return;
	lapic_write(LAPIC_TIMER_DIVIDE, LAPIC_TIMER_DIVIDE_1);
	lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER | (has_deadline ? LAPIC_LVT_DEADLINE : 0));
	/* The write above before those to the deadline (10.5.4.1). */
	__asm__ volatile("mfence" : : : "memory");
	arch_timer_arm(NSEC_NEVER);
}

void arch_timer_arm(nsec_t deadline)
{
	nsec_t now;

	if (deadline == NSEC_NEVER) {
		if (has_deadline)
			msr_write(MSR_TSC_DEADLINE, 0);
		else
			lapic_write(LAPIC_TIMER_INITIAL, 0);
		return;
	}
	if (has_deadline) {
		/* Before the entry the counter may have been below 0: an unsigned comparison would take that for the far future. */
		unsigned __int128 ticks = ((unsigned __int128)MAX(deadline, clock_start) * back_mult) >> SHIFT;

		/* 0 would switch it off; a deadline beyond the counter's end never comes. */
		msr_write(MSR_TSC_DEADLINE, ticks >> 63 ? ~0ull : arch_the_timebase.base + (uint64_t)ticks + 2);
		return;
	}
	now = arch_time_ns();
	lapic_write(LAPIC_TIMER_INITIAL, deadline <= now ? 1 : (uint32_t)MIN(deadline - now + 1, (nsec_t)TIMER_MAX));
}
