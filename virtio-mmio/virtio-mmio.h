/* SPDX-License-Identifier: MIT
 *
 * Virtio over MMIO (virtio 1.2, 4.2), modern and legacy. mmio.c is the transport, mmio-reg.h the registers.
 */
#pragma once

#include "libc/types.h"

/*
 * Look at one "virtio,mmio" node of the device tree and start what is there. An empty slot costs one register read. 0: a device was started; -ENODEV: nothing here, or no
 * driver; else -errno after one log_line(). Context: thread, INIT_DEVICE.
 */
int __must_check virtio_mmio_probe(paddr_t base, size_t size, int irq, bool is_edge);
