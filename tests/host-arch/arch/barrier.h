/* SPDX-License-Identifier: MIT
 *
 * The host as a port: device registers are memory.
 */
#pragma once

#include <stdint.h>

#define dma_wmb()	__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define dma_rmb()	__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define dma_mb()	__atomic_thread_fence(__ATOMIC_SEQ_CST)

#define MMIO_ACCESS(bits) \
	static inline uint##bits##_t mmio_read##bits(const volatile void *reg) \
	{ \
		return *(const volatile uint##bits##_t *)reg; \
	} \
	static inline void mmio_write##bits(volatile void *reg, uint##bits##_t v) \
	{ \
		*(volatile uint##bits##_t *)reg = v; \
	}

MMIO_ACCESS(8)
MMIO_ACCESS(16)
MMIO_ACCESS(32)
MMIO_ACCESS(64)

#undef MMIO_ACCESS
