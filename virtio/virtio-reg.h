/* SPDX-License-Identifier: MIT
 *
 * Virtio: status, feature bits, split virtqueue (Virtual I/O Device, OASIS version 1.2, sections 2.1, 2.2, 2.7, 6).
 */
#pragma once

#include "libc/types.h"

/* 2.1 Device Status Field */
#define VIRTIO_STATUS_ACKNOWLEDGE	1u
#define VIRTIO_STATUS_DRIVER		2u
#define VIRTIO_STATUS_DRIVER_OK		4u
#define VIRTIO_STATUS_FEATURES_OK	8u
#define VIRTIO_STATUS_DEVICE_NEEDS_RESET 64u
#define VIRTIO_STATUS_FAILED		128u

/* 5 Device Types */
#define VIRTIO_ID_NET		1u
#define VIRTIO_ID_BLOCK		2u
#define VIRTIO_ID_CONSOLE	3u
#define VIRTIO_ID_RNG		4u

/* 6 Reserved Feature Bits */
#define VIRTIO_F_NOTIFY_ON_EMPTY	(1ull << 24)	/* legacy */
#define VIRTIO_F_ANY_LAYOUT		(1ull << 27)	/* legacy */
#define VIRTIO_F_INDIRECT_DESC		(1ull << 28)
#define VIRTIO_F_EVENT_IDX		(1ull << 29)
#define VIRTIO_F_VERSION_1		(1ull << 32)
#define VIRTIO_F_ACCESS_PLATFORM	(1ull << 33)
#define VIRTIO_F_RING_PACKED		(1ull << 34)
#define VIRTIO_F_IN_ORDER		(1ull << 35)

/* 2.7.5 The Virtqueue Descriptor Table */
struct virtq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};
_Static_assert(sizeof(struct virtq_desc) == 16, "virtq_desc");
#define VIRTQ_DESC_F_NEXT	1u
#define VIRTQ_DESC_F_WRITE	2u
#define VIRTQ_DESC_F_INDIRECT	4u

/* 2.7.6 The Virtqueue Available Ring; ring[num] is used_event (2.7.7) */
struct virtq_avail {
	uint16_t flags;
	uint16_t idx;
	uint16_t ring[];
};
#define VIRTQ_AVAIL_F_NO_INTERRUPT	1u

/* 2.7.8 The Virtqueue Used Ring; after ring[num - 1] comes avail_event */
struct virtq_used_elem {
	uint32_t id;
	uint32_t len;
};
struct virtq_used {
	uint16_t flags;
	uint16_t idx;
	struct virtq_used_elem ring[];
};
#define VIRTQ_USED_F_NO_NOTIFY		1u
