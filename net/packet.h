/* SPDX-License-Identifier: MIT
 *
 * AF_PACKET: packet(7). Programs that see and send whole frames. packet-ring.c: the ring that they share with the kernel (PACKET_RX_RING).
 */
#pragma once

#include "libc/types.h"

struct bpf_view;
struct netdev;
struct packet_ring;
struct packet_sock;
struct pkt;
struct vm_object;

/* struct sockaddr_ll. */
struct sockaddr_ll {
	uint16_t family, protocol;	/* protocol in network order */
	int32_t index;
	uint16_t hatype;
	uint8_t kind, halen, addr[8];
};

/*
 * Show a frame to the sockets that want it; it stays the caller's. has_link: p begins with its Ethernet header; else with its IP header (the loopback device). is_out: it is being
 * sent, by sender (NULL: not by a packet socket). To be called only for devices with NETDEV_TAPPED. Any thread.
 */
void packet_tap(struct netdev *dev, const struct pkt *p, bool has_link, bool is_out, const struct packet_sock *sender);
/* Are there sockets that want frames? For a device that is new. */
bool packet_is_tapping(void);

#define TP_STATUS_USER			1u
#define TP_STATUS_COPY			2u
#define TP_STATUS_LOSING		4u
#define TP_STATUS_CSUM_NOT_READY	8u
#define TP_STATUS_CSUM_VALID		0x80u

/* What is told of a frame besides its bytes. */
struct packet_info {
	struct sockaddr_ll from;
	uint32_t status, len, snaplen;	/* TP_STATUS_*; on the wire, kept */
	uint32_t mac_len;		/* bytes of link header that are kept: the network header is behind them */
	uint64_t time;			/* realtime, ns */
};

/* struct tpacket_req, in host order. */
struct packet_ring_req {
	uint32_t block_size, nr_blocks, frame_size, nr_frames;
};

/* version: 0 TPACKET_V1, 1 TPACKET_V2. give. 0, -EINVAL, -ENOMEM. */
int packet_ring_make(const struct packet_ring_req *req, unsigned version, unsigned reserve, struct packet_ring **out);
void packet_ring_put(struct packet_ring *r);
/* A frame for the program; keep bytes of v from its start on. False: no room. Any thread. */
bool packet_ring_write(struct packet_ring *r, const struct bpf_view *v, struct packet_info *info);
/* Has the program something to read? */
bool packet_ring_has_data(struct packet_ring *r);
/* For mmap(2). give: a reference. -EINVAL: not the whole ring. */
int packet_ring_object(struct packet_ring *r, uint64_t off, size_t len, struct vm_object **out);
/* sizeof(struct tpacket_hdr), sizeof(struct tpacket2_hdr). */
unsigned packet_ring_header(unsigned version);
