/* SPDX-License-Identifier: MIT
 *
 * Of this port alone: the reset that every machine has, a fault with no way to report it (Intel SDM vol. 3A 6.15, #DF). With QEMU's -no-reboot, and on Firecracker, it ends the
 * machine.
 */
#pragma once

#include <stdint.h>

static inline void arch_reset(void)
{
	static const struct { uint16_t limit; uint64_t base; } __attribute__((packed)) none = { 0, 0 };

	__asm__ volatile("lidt %0\n\tint3" : : "m"(none) : "memory");
}
