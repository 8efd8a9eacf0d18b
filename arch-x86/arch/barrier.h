/* SPDX-License-Identifier: MIT
 *
 * Barriers towards devices. Between CPUs use libc/atomic.h. (Intel SDM vol. 3A 8.2.2: stores are seen in order, loads are not reordered with loads; only a load may pass
 * an earlier store. Uncached accesses are in program order.)
 */
#pragma once

#include <stdint.h>

/* Writes to memory before it are seen by the device before writes after it. */
#define dma_wmb()	__asm__ volatile("" : : : "memory")
/* Reads of memory the device writes, before it, happen before reads after it. */
#define dma_rmb()	__asm__ volatile("" : : : "memory")
/*
 * quirk: QEMU 7.2's TCG translates locked instructions and fences of a machine with one CPU to nothing that the host would order by, though its devices are another thread
 * (fixed in 8.1). Its rdtsc takes a lock.
 */
#define dma_mb()	__asm__ volatile("lock addl $0, (%%rsp)\n\trdtsc" : : : "memory", "cc", "rax", "rdx")

/* Device registers: little endian, one access of just that size; a write comes after all earlier writes to memory. */
#define MMIO_READ(bits, insn) \
	static inline uint##bits##_t mmio_read##bits(const volatile void *reg) \
	{ \
		uint##bits##_t v; \
		__asm__ volatile(insn " (%1), %0" : "=r"(v) : "r"(reg) : "memory"); \
		return v; \
	}
#define MMIO_WRITE(bits, insn) \
	static inline void mmio_write##bits(volatile void *reg, uint##bits##_t v) \
	{ \
		__asm__ volatile(insn " %0, (%1)" : : "r"(v), "r"(reg) : "memory"); \
	}

MMIO_READ(8, "movb")
MMIO_READ(16, "movw")
MMIO_READ(32, "movl")
MMIO_READ(64, "movq")
MMIO_WRITE(8, "movb")
MMIO_WRITE(16, "movw")
MMIO_WRITE(32, "movl")
MMIO_WRITE(64, "movq")

#undef MMIO_READ
#undef MMIO_WRITE
