/* SPDX-License-Identifier: MIT
 *
 * Network device (virtio 1.2, 5.1).
 */
#pragma once

#include "libc/types.h"

/* 5.1.3 Feature bits */
#define VIRTIO_NET_F_CSUM		(1ull << 0)
#define VIRTIO_NET_F_GUEST_CSUM		(1ull << 1)
#define VIRTIO_NET_F_MTU		(1ull << 3)
#define VIRTIO_NET_F_MAC		(1ull << 5)
#define VIRTIO_NET_F_GUEST_TSO4		(1ull << 7)
#define VIRTIO_NET_F_GUEST_TSO6		(1ull << 8)
#define VIRTIO_NET_F_GUEST_ECN		(1ull << 9)
#define VIRTIO_NET_F_HOST_TSO4		(1ull << 11)
#define VIRTIO_NET_F_HOST_TSO6		(1ull << 12)
#define VIRTIO_NET_F_HOST_ECN		(1ull << 13)
#define VIRTIO_NET_F_MRG_RXBUF		(1ull << 15)
#define VIRTIO_NET_F_STATUS		(1ull << 16)
#define VIRTIO_NET_F_CTRL_VQ		(1ull << 17)
#define VIRTIO_NET_F_GUEST_ANNOUNCE	(1ull << 21)
#define VIRTIO_NET_F_MQ			(1ull << 22)

/* 5.1.4 Device configuration layout */
#define VIRTIO_NET_CFG_MAC		0
#define VIRTIO_NET_CFG_STATUS		6
#define VIRTIO_NET_CFG_MAX_PAIRS	8
#define VIRTIO_NET_CFG_MTU		10
#define VIRTIO_NET_S_LINK_UP		1u
#define VIRTIO_NET_S_ANNOUNCE		2u

/* 5.1.6 Device Operation: in front of each packet. num_buffers only with VIRTIO_F_VERSION_1 or VIRTIO_NET_F_MRG_RXBUF. */
struct virtio_net_hdr {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
	uint16_t num_buffers;
};
_Static_assert(sizeof(struct virtio_net_hdr) == 12, "virtio_net_hdr");
#define VIRTIO_NET_HDR_SIZE_SHORT	10u
#define VIRTIO_NET_HDR_F_NEEDS_CSUM	1u
#define VIRTIO_NET_HDR_F_DATA_VALID	2u
#define VIRTIO_NET_HDR_GSO_NONE		0u
#define VIRTIO_NET_HDR_GSO_TCPV4	1u
#define VIRTIO_NET_HDR_GSO_UDP		3u
#define VIRTIO_NET_HDR_GSO_TCPV6	4u
#define VIRTIO_NET_HDR_GSO_ECN		0x80u

/* 5.1.6.5 Control Virtqueue */
struct virtio_net_ctrl {
	uint8_t class;
	uint8_t command;
};
#define VIRTIO_NET_OK			0u
#define VIRTIO_NET_CTRL_ANNOUNCE	3u
#define VIRTIO_NET_CTRL_ANNOUNCE_ACK	0u
#define VIRTIO_NET_CTRL_MQ		4u
#define VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET	0u
