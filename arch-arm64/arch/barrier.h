/* SPDX-License-Identifier: MIT
 *
 * Barriers towards devices. Between CPUs use libc/atomic.h. (Arm ARM B2.3.12; virtio 1.2 2.7.13.)
 */
#pragma once

#include <stdint.h>

/* Writes to memory before it are seen by the device before writes after it. */
#define dma_wmb()	__asm__ volatile("dmb oshst" : : : "memory")
/* Reads of memory the device writes, before it, happen before reads after it. */
#define dma_rmb()	__asm__ volatile("dmb oshld" : : : "memory")
/*
 * Writes before it are seen by the device before reads after it.
 *
 * quirk: QEMU before 8.1, TCG, one CPU: it translates barriers to nothing, though devices run in threads of their own; the host's store buffer then lets the read pass the write,
 * and a notification or an interrupt of a virtqueue is lost for ever (seen: a transfer of 64 MiB stood still, one in fifteen). Reading the counter takes a lock in QEMU, which is a
 * barrier; anywhere else it is one cheap instruction. QEMU commit c914d46d0a; test: tests/net/lossy.py.
 */
static inline void dma_mb(void)
{
	uint64_t ignored;

	__asm__ volatile("dmb osh\n\tmrs %0, cntvct_el0" : "=r"(ignored) : : "memory");
}

/* Device registers: little endian, one access of just that size; a write comes after all earlier writes to memory. */
#define MMIO_READ(bits, insn) \
	static inline uint##bits##_t mmio_read##bits(const volatile void *reg) \
	{ \
		uint##bits##_t v; \
		__asm__ volatile(insn : "=r"(v) : "r"(reg) : "memory"); \
		dma_rmb(); \
		return v; \
	}
#define MMIO_WRITE(bits, insn) \
	static inline void mmio_write##bits(volatile void *reg, uint##bits##_t v) \
	{ \
		dma_wmb(); \
		__asm__ volatile(insn : : "r"(v), "r"(reg) : "memory"); \
	}

MMIO_READ(8, "ldrb %w0, [%1]")
MMIO_READ(16, "ldrh %w0, [%1]")
MMIO_READ(32, "ldr %w0, [%1]")
MMIO_READ(64, "ldr %0, [%1]")
MMIO_WRITE(8, "strb %w0, [%1]")
MMIO_WRITE(16, "strh %w0, [%1]")
MMIO_WRITE(32, "str %w0, [%1]")
MMIO_WRITE(64, "str %0, [%1]")

#undef MMIO_READ
#undef MMIO_WRITE
