/* SPDX-License-Identifier: MIT
 *
 * Of this port alone: I/O ports, model-specific registers, CPUID.
 */
#pragma once

#include <stdint.h>

#define IO_READ(bits, suffix) \
	static inline uint##bits##_t io_read##bits(uint16_t port) \
	{ \
		uint##bits##_t v; \
		__asm__ volatile("in" suffix " %1, %0" : "=a"(v) : "Nd"(port) : "memory"); \
		return v; \
	}
#define IO_WRITE(bits, suffix) \
	static inline void io_write##bits(uint16_t port, uint##bits##_t v) \
	{ \
		__asm__ volatile("out" suffix " %0, %1" : : "a"(v), "Nd"(port) : "memory"); \
	}

IO_READ(8, "b")
IO_READ(16, "w")
IO_READ(32, "l")
IO_WRITE(8, "b")
IO_WRITE(16, "w")
IO_WRITE(32, "l")

#undef IO_READ
#undef IO_WRITE

/* Intel SDM vol. 4. */
#define MSR_APIC_BASE		0x1b
#define MSR_TSC_DEADLINE	0x6e0
#define MSR_X2APIC		0x800	/* + offset of the register / 16 */
#define MSR_EFER		0xc0000080
#define MSR_STAR		0xc0000081
#define MSR_LSTAR		0xc0000082
#define MSR_FMASK		0xc0000084
#define MSR_FS_BASE		0xc0000100
#define MSR_GS_BASE		0xc0000101

#define EFER_SCE		(1u << 0)
#define EFER_LME		(1u << 8)
#define EFER_NXE		(1u << 11)

static inline uint64_t msr_read(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
	return (uint64_t)hi << 32 | lo;
}

static inline void msr_write(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t sub)
{
	struct cpuid r;

	__asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(sub));
	return r;
}
