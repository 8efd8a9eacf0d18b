/* SPDX-License-Identifier: MIT
 *
 * Classic BPF: programs that decide how much of a packet a socket gets (bpf(4) of the BSDs; Linux Documentation/networking/filter.rst). The machine has an accumulator A, an index
 * register X and 16 words of memory; jumps go forward only, so every program ends.
 *
 * bpf.c checks and runs programs and knows no socket. sock-filter.c attaches them to sockets.
 */
#pragma once

#include "libc/types.h"
#include "sched/rcu.h"

#define BPF_MAX_INSNS	4096u

struct netdev;
struct pkt;
struct socket;

/* struct sock_filter of linux/filter.h. */
struct bpf_insn {
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};

/* Created by bpf_check()'s caller, counted; freed through RCU: who runs it needs no reference. */
struct bpf_filter {
	uint32_t refs;			/* [a] */
	uint32_t nr;			/* [I] */
	struct rcu_head rcu;
	struct bpf_insn insns[];	/* [I] checked */
};

/* Packet types: packet(7). */
enum { PACKET_HOST, PACKET_BROADCAST, PACKET_MULTICAST, PACKET_OTHERHOST, PACKET_OUTGOING };

/*
 * What a program sees: head, then the packet.
 *
 *	head                                  pkt
 *	+-------------+----------+-----------+------------------- - -
 *	| link header | IP header| transport | payload
 *	+-------------+----------+-----------+------------------- - -
 *	link          net        start: offset 0 of ordinary loads (wherever the socket's data begins)
 */
struct bpf_view {
	const uint8_t *head;
	uint32_t head_len;
	const struct pkt *pkt;		/* NULL: all is in head */
	uint32_t start, net, link;	/* from the begin of head; BPF_NONE: there is none */
	const struct netdev *dev;	/* NULL: none */
	uint16_t protocol;		/* Ethernet's type, host order */
	uint8_t kind;			/* PACKET_* */
};
#define BPF_NONE	UINT32_MAX

/* May it run? 0; -EINVAL: unknown instruction, jump out of the program, memory read before it is written, no return at the end. */
int __must_check bpf_check(const struct bpf_insn *insns, unsigned nr);
/* What it returns: bytes to keep, 0: drop. It was checked. Pure but for random numbers. */
uint32_t bpf_run(const struct bpf_insn *insns, const struct bpf_view *v);

/* ---- sock-filter.c ------------------------------------------------------------------------------------------------ */

/* SO_ATTACH_FILTER (struct sock_fprog), SO_DETACH_FILTER. -EPERM: locked. */
int sock_attach_filter(struct socket *so, const void *fprog, unsigned len);
int sock_detach_filter(struct socket *so);
/* SO_GET_FILTER: *nr instructions have room in the application's memory at `to`; 0 asks how many there are. */
int sock_get_filter(struct socket *so, void *to, unsigned *nr);
/* A connection that was made by a listener has its filter. to is new. */
void sock_inherit_filter(struct socket *to, struct socket *from);
/* Last step of a socket. */
void sock_drop_filter(struct socket *so);
/* so's filter, if it has one, run: bytes to keep from v->start on; 0: drop. Any thread. */
uint32_t sock_filter_view(struct socket *so, const struct bpf_view *v);
/* The same for a received packet of IP; the filter's data begins `back` bytes before p's, in the headers. */
uint32_t sock_filter_ip(struct socket *so, const struct pkt *p, unsigned back);
/*
 * The same, obeyed: p is cut. cap: bytes from the filter's offset 0 that stay in any case. False: to be dropped (by the caller). Call it only if so->filter is set.
 */
bool sock_filter_pkt(struct socket *so, struct pkt *p, unsigned back, unsigned cap);
