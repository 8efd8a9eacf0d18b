/* SPDX-License-Identifier: MIT
 *
 * Console device (virtio 1.2, 5.3).
 */
#pragma once

#include "libc/types.h"

#define VIRTIO_CONSOLE_F_SIZE		(1ull << 0)
#define VIRTIO_CONSOLE_F_MULTIPORT	(1ull << 1)
#define VIRTIO_CONSOLE_F_EMERG_WRITE	(1ull << 2)

/* 5.3.4 configuration layout */
#define VIRTIO_CONSOLE_CFG_COLS		0
#define VIRTIO_CONSOLE_CFG_ROWS		2
#define VIRTIO_CONSOLE_CFG_MAX_NR_PORTS	4

/* 5.3.6.2 Multiport Device Operation */
struct virtio_console_control {
	uint32_t id;
	uint16_t event;
	uint16_t value;
};
_Static_assert(sizeof(struct virtio_console_control) == 8, "virtio_console_control");
#define VIRTIO_CONSOLE_DEVICE_READY	0
#define VIRTIO_CONSOLE_DEVICE_ADD	1
#define VIRTIO_CONSOLE_DEVICE_REMOVE	2
#define VIRTIO_CONSOLE_PORT_READY	3
#define VIRTIO_CONSOLE_CONSOLE_PORT	4
#define VIRTIO_CONSOLE_RESIZE		5
#define VIRTIO_CONSOLE_PORT_OPEN	6
#define VIRTIO_CONSOLE_PORT_NAME	7
#define VIRTIO_CONSOLE_BAD_ID		0xffffffffu

/* 5.3.2 Virtqueues: port 0 has queues 0 and 1, control 2 and 3, port n > 0 the pair from 4 + 2 (n - 1). */
#define VIRTIO_CONSOLE_CONTROL_RX	2u
#define VIRTIO_CONSOLE_CONTROL_TX	3u
