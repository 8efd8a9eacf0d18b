// SPDX-License-Identifier: MIT
/*
 * Marks in the send queue: ends of records (MSG_EOR), which no segment may cross, and bytes whose times of sending and
 * acknowledgement the application wants to know (SO_TIMESTAMPING). Few connections have any: a list by sequence. While
 * there are some nothing takes the short ways. A mark goes when it is acknowledged. All with the socket's lock.
 */
#include "libc/string.h"
#include "mmu/heap.h"
#include "net/dgram.h"
#include "net/tcp-priv.h"

struct tcp_mark {
	struct tcp_mark *next;
	uint32_t end;		/* behind the last byte of the write */
	uint32_t start;		/* of the segment that it was sent in, if is_sent */
	uint32_t stamps;	/* SOF_TX_* */
	bool is_eor, is_sent;
};

void tcp_mark_add(struct tcp_sock *tp, uint32_t what)
{
	struct tcp_mark *m = KNEW(struct tcp_mark), **link = &tp->marks;

	if (!m)	/* no stamp, no boundary: as if nobody had asked */
		return;
	m->end = tp->write_seq;
	m->stamps = what & SOF_TX_MASK;
	m->is_eor = what & TCP_MARK_EOR;
	while (*link)
		link = &(*link)->next;
	*link = m;
	tp->is_unpredicted = true;
}

uint32_t tcp_mark_limit(const struct tcp_sock *tp, uint32_t unsent)
{
	for (const struct tcp_mark *m = tp->marks; m; m = m->next) {
		if (m->is_eor && seq_lt(tp->snd_nxt, m->end))
			return MIN(unsent, m->end - tp->snd_nxt);
	}
	return unsent;
}

bool tcp_mark_is_end(const struct tcp_sock *tp, uint32_t end)
{
	for (const struct tcp_mark *m = tp->marks; m; m = m->next) {
		if (m->is_eor && m->end == end)
			return true;
	}
	return false;
}

/* The segment that m was sent in, with headers unless it is the acknowledgement that is told. NULL: not wanted, no memory. */
static struct pkt *copy_segment(struct tcp_sock *tp, const struct tcp_mark *m, bool has_headers)
{
	uint32_t len = MIN(m->end - m->start, 64000u);
	unsigned hlen = (unsigned)sizeof(struct tcp_hdr) + (tp->has_ts ? 12 : 0);
	struct pkt *p;
	struct tcp_hdr *h;

	if (atomic_load(&tp->so.stamping, RELAXED) & SOF_OPT_TSONLY || !sendq_has(tp, m->start))
		return NULL;
	p = pkt_alloc(IP_HEADROOM + hlen, len);
	if (!p)
		return NULL;
	sendq_copy(tp, m->start, pkt_put(p, len), len);
	p->src = tp->laddr;
	p->dst = tp->raddr;
	if (!has_headers)
		return p;
	h = pkt_push(p, hlen);
	memset(h, 0, hlen);
	*h = (struct tcp_hdr){ .sport = net16(tp->lport), .dport = net16(tp->rport), .seq = net32(m->start), .ack = net32(tp->rcv_nxt), .off = (uint8_t)(hlen << 2), .flags = TCP_ACK | TCP_PSH };
	ip_push_headers(p, &tp->route, &tp->laddr, &tp->raddr, IPPROTO_TCP, tcp_opts(tp), false);
	p->dev = tp->route.dev;
	return p;
}

static void tell(struct tcp_sock *tp, const struct tcp_mark *m, unsigned kind, nsec_t now)
{
	struct pkt *p = copy_segment(tp, m, kind != STAMP_ACKED);

	if (p || atomic_load(&tp->so.stamping, RELAXED) & SOF_OPT_TSONLY)
		sock_queue_stamp(&tp->so, kind, m->end - 1 - atomic_load(&tp->so.stamp_key, RELAXED), now, p);
	pkt_free(p);
}

void tcp_mark_sent(struct tcp_sock *tp, uint32_t start, nsec_t now)
{
	for (struct tcp_mark *m = tp->marks; m && seq_le(m->end, tp->snd_nxt); m = m->next) {
		if (m->is_sent)
			continue;
		m->is_sent = true;
		m->start = start;
		/* Of several in one segment the last one speaks for all, as on Linux. */
		if (m->next && seq_le(m->next->end, tp->snd_nxt)) {
			m->next->stamps |= m->stamps;
			m->stamps = 0;
			continue;
		}
		if (m->stamps & SOF_TX_SCHED)
			tell(tp, m, STAMP_SCHED, now);
		if (m->stamps & SOF_TX_SOFTWARE)
			tell(tp, m, STAMP_SENT, now);
	}
}

void tcp_mark_acked(struct tcp_sock *tp, uint32_t una)
{
	struct tcp_mark *m;

	while ((m = tp->marks) && seq_le(m->end, una)) {
		if (m->is_sent && m->stamps & SOF_TX_ACK)
			tell(tp, m, STAMP_ACKED, clock_monotonic());
		tp->marks = m->next;
		kfree(m);
	}
	tp->is_unpredicted = tp->marks || tp->is_paced;
}

void tcp_mark_free(struct tcp_sock *tp)
{
	struct tcp_mark *m;

	while ((m = tp->marks)) {
		tp->marks = m->next;
		kfree(m);
	}
}
