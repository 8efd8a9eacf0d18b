// SPDX-License-Identifier: MIT
/* What is sent, and when: RFC 9293 3.8, RFC 1122 4.2.3.4 (silly windows, Nagle), RFC 7323 (options). */
#include "libc/errno.h"
#include "libc/string.h"
#include "net/csum.h"
#include "net/neigh.h"
#include "net/netdev-priv.h"
#include "net/tcp-priv.h"
#include "sched/cpu.h"
#include "sched/thread.h"

#define MAX_HLEN	60u
#define INLINE_MAX	1024u	/* payloads up to this are copied behind the header: cheaper than counting pages */
#define SHORT_MAX	1460u	/* the same for one that is sent alone: no second descriptor either */
#define SEND_ECT	0x100u	/* beside the flags of the header: new data of a connection with ECN */
#define BURST_HALVED_NS	(512 * NSEC_PER_USEC)
#define LIMITED_ACK_NS	(500 * NSEC_PER_MSEC)

int tcp_get_route(struct tcp_sock *tp)
{
	struct ip_route rt;
	int r;

	if (likely(ip_route_is_valid(&tp->route)))
		return 0;
	r = ip_route_lookup(&tp->raddr, &tp->laddr, atomic_load(&tp->so.bound_dev, RELAXED), &rt);
	if (r)
		return r;
	ip_route_put(&tp->route);
	tp->route = rt;
	tp->ready.mac = 0;
	if (tp->peer_mss)
		tcp_update_mss(tp);
	return 0;
}

/* ---- windows and headers ------------------------------------------------------------------------------------------------ */

/* The window to advertise now, in bytes, were it sent: never takes back what was promised, opens in steps worth telling. */
static inline uint32_t receive_window(const struct tcp_sock *tp)
{
	uint32_t buf = atomic_load(&tp->so.rcvbuf, RELAXED), space = buf - buf / 4, promised = tp->rcv_adv - tp->rcv_nxt, free;

	if (tp->window_clamp)
		space = MIN(space, tp->window_clamp);
	free = space > tp->rcv_bytes ? space - tp->rcv_bytes : 0;
	if (tp->rcv_memory > buf * 4)
		free = 0;
	if (seq_lt(tp->rcv_adv, tp->rcv_nxt))
		promised = 0;
	if (free < promised || free - promised < MIN((uint32_t)tp->mss, space / 2))
		return promised;
	return MIN(free, 65535u << tp->rcv_wscale);
}

uint32_t tcp_receive_window(struct tcp_sock *tp)
{
	return receive_window(tp);
}

static inline uint16_t window_field(struct tcp_sock *tp, bool is_syn)
{
	uint32_t w = receive_window(tp), scaled;

	if (is_syn) {
		w = MIN(w, 65535u);
		tp->rcv_adv = tp->rcv_nxt + w;
		return net16((uint16_t)w);
	}
	scaled = w >> tp->rcv_wscale;
	/* Rounding down must not take back what was promised. */
	if (seq_lt(tp->rcv_nxt + (scaled << tp->rcv_wscale), tp->rcv_adv))
		scaled = DIV_ROUND_UP(tp->rcv_adv - tp->rcv_nxt, 1u << tp->rcv_wscale);
	scaled = MIN(scaled, 65535u);
	if (seq_lt(tp->rcv_adv, tp->rcv_nxt + (scaled << tp->rcv_wscale)))
		tp->rcv_adv = tp->rcv_nxt + (scaled << tp->rcv_wscale);
	return net16((uint16_t)scaled);
}

static uint8_t *put32(uint8_t *o, uint32_t v)
{
	v = net32(v);
	memcpy(o, &v, 4);
	return o + 4;
}

static unsigned put_options(struct tcp_sock *tp, uint8_t *start, bool want_sack, nsec_t now)
{
	uint8_t *o = start;

	if (tp->has_ts) {
		o = put32(o, 0x0101080a);
		o = put32(o, tcp_ts(tp, now));
		o = put32(o, tp->ts_recent);
	}
	if (want_sack && tp->has_sack && (!list_is_empty(&tp->ofo) || tp->dsack_seq != tp->dsack_end)) {
		uint32_t blocks[8];
		unsigned n = recvq_sack_blocks(tp, blocks, tp->has_ts ? 3 : 4);

		if (n) {
			o = put32(o, 0x01010500 | (2 + 8 * n));
			memcpy(o, blocks, 8 * n);
			o += 8 * n;
		}
	}
	return (unsigned)(o - start);
}

/*
 * Each CPU has a queue. A flow follows the thread that sends, but only while nothing is in flight that could be overtaken; and its answers follow it: the host's tap gives
 * a flow's packets to the queue that the flow was last sent from (Linux tun(4)), whose receive thread runs on that CPU and wakes the application there.
 */
static uint16_t flow_queue(struct tcp_sock *tp, uint32_t seq)
{
	if (tp->route.dev->nr_tx_queues > 1 && (!tp->tx_queue || seq == tp->snd_una))
		tp->tx_queue = (uint16_t)(thread_current()->cpu->id + 1);	/* a hint: it may move at any time */
	return tp->tx_queue;
}

/* Put the header in front of p's payload and send it. take. */
static void send_packet(struct tcp_sock *tp, struct pkt *p, uint32_t seq, unsigned flags, const uint8_t *opts, unsigned opt_len, nsec_t now)
{
	struct tcp_hdr *h = pkt_push(p, (unsigned)sizeof(*h) + opt_len);

	memcpy(h + 1, opts, opt_len);
	h->sport = net16(tp->lport);
	h->dport = net16(tp->rport);
	h->seq = net32(seq);
	h->ack = flags & TCP_ACK ? net32(tp->rcv_nxt) : 0;
	h->off = (uint8_t)((sizeof(*h) + opt_len) << 2);
	h->flags = (uint8_t)flags;
	if (unlikely(tp->ecn_echo) && !(flags & (TCP_SYN | TCP_RST)))
		h->flags |= TCP_ECE;
	h->window = flags & TCP_RST ? 0 : window_field(tp, flags & TCP_SYN);
	h->urgent = 0;
	if (tp->has_urg && seq_lt(seq, tp->snd_urg) && !(flags & (TCP_SYN | TCP_RST))) {
		h->flags |= TCP_URG;
		h->urgent = net16((uint16_t)MIN(tp->snd_urg - seq, 65535u));
	}
	p->flags |= PKT_CSUM_PARTIAL;
	tp->segs_out++;
	tp->last_snd = now;
	if (flags & TCP_ACK) {
		tp->last_ack_sent = tp->rcv_nxt;
		tp->needs_ack_now = false;
		tp->nr_unacked_segs = 0;
		tp->delack_at = NSEC_NEVER;
		if (tp->nr_quick_acks)
			tp->nr_quick_acks--;
	}
	if (atomic_load(&tp->route.dev->features, RELAXED) & NETDEV_LOOPBACK) {
		h->csum = 0;
		tcp_deliver_local(tp, p, now);
		return;
	}
	NET_COUNT(tcp_out_segs);
	h->csum = csum_fold(csum_pseudo(&tp->laddr, &tp->raddr, p->len, IPPROTO_TCP));
	p->csum_offset = offsetof(struct tcp_hdr, csum);
	p->hdr_len = (uint16_t)(sizeof(*h) + opt_len);
	p->hash = tp->hash;
	p->tx_queue = flow_queue(tp, seq);
	if (flags & SEND_ECT) {
		struct ip_opts marked = *tcp_opts(tp);

		marked.tos |= IP_ECN_ECT0;
		(void)ip_output(p, &tp->route, &tp->laddr, &tp->raddr, IPPROTO_TCP, &marked, now);
		return;
	}
	(void)ip_output(p, &tp->route, &tp->laddr, &tp->raddr, IPPROTO_TCP, tcp_opts(tp), now);
}

/* Data goes out. Where it answers what has come a dialogue begins: acknowledgements will ride on answers (which do not follow a FIN). */
static inline void note_dialogue(struct tcp_sock *tp, nsec_t now)
{
	if (tp->nr_quick_acks && tp->data_segs_in && now - tp->last_data_rcv < TCP_DELACK_NS)
		tp->nr_quick_acks = 0;
}

/* [seq, seq + len) of the send queue, and FIN if flags say so. False: could not (no memory, no route); nothing was sent. */
static bool send_data(struct tcp_sock *tp, uint32_t seq, uint32_t len, unsigned flags, nsec_t now)
{
	uint8_t opts[40];
	unsigned opt_len;
	struct pkt *p;

	if (tcp_get_route(tp))
		return false;
	p = pkt_alloc(IP_HEADROOM + MAX_HLEN, len <= INLINE_MAX ? len : 0);
	if (!p)
		return false;
	if (len <= INLINE_MAX) {
		if (len)
			sendq_copy(tp, seq, pkt_put(p, len), len);
	} else if (!sendq_attach(tp, p, seq, len)) {
		pkt_free(p);
		return false;
	}
	opt_len = put_options(tp, opts, false, now);
	if (len > tp->mss) {
		p->gso_type = ip_is_v4(&tp->raddr) ? PKT_GSO_TCP4 : PKT_GSO_TCP6;
		p->gso_size = tp->mss;
	}
	if (len)
		note_dialogue(tp, now);
	tp->data_segs_out += len > tp->mss ? DIV_ROUND_UP(len, (uint32_t)tp->mss) : 1;
	tp->last_data_snd = now;
	send_packet(tp, p, seq, flags, opts, opt_len, now);
	return true;
}

static void send_empty(struct tcp_sock *tp, uint32_t seq, uint8_t flags, nsec_t now)
{
	uint8_t opts[40];
	unsigned opt_len;
	struct pkt *p;

	if (tcp_get_route(tp))
		return;
	p = pkt_alloc(IP_HEADROOM + MAX_HLEN, 0);
	if (!p)
		return;
	opt_len = put_options(tp, opts, flags == TCP_ACK, now);
	send_packet(tp, p, seq, flags, opts, opt_len, now);
}

void tcp_send_ack(struct tcp_sock *tp, nsec_t now)
{
	send_empty(tp, tp->snd_nxt, TCP_ACK, now);
}

void tcp_send_probe(struct tcp_sock *tp, nsec_t now)
{
	send_empty(tp, tp->snd_una - 1, TCP_ACK, now);
}

void tcp_send_rst(struct tcp_sock *tp, nsec_t now)
{
	NET_COUNT(tcp_out_rsts);
	send_empty(tp, tp->snd_nxt, TCP_RST | TCP_ACK, now);
}

/*
 * To what proves nothing about its sender: so that two ends that are out of step do not answer each other for ever, and forged packets bring few answers. Each connection has
 * a limit of its own: who could use up a common one would learn from it about other connections (CVE-2016-5696).
 */
bool tcp_may_answer(struct tcp_sock *tp, nsec_t now)
{
	if (tp->limited_ack_at && now - tp->limited_ack_at < LIMITED_ACK_NS)
		return false;
	tp->limited_ack_at = now;
	return true;
}

void tcp_limited_ack(struct tcp_sock *tp, nsec_t now)
{
	if (tcp_may_answer(tp, now))
		tcp_send_ack(tp, now);
}

void tcp_challenge_ack(struct tcp_sock *tp, nsec_t now)
{
	NET_COUNT(tcp_challenge_acks);
	tcp_limited_ack(tp, now);
}

static void send_syn(struct tcp_sock *tp, nsec_t now, bool with_ack, const struct tcp_cookie *c, uint32_t len)
{
	uint8_t opts[40], *o = opts;
	unsigned ecn = 0;
	struct pkt *p;

	if (tcp_get_route(tp))
		return;
	p = pkt_alloc(IP_HEADROOM + MAX_HLEN, len);
	if (!p)
		return;
	/* RFC 3168 6.1.1; a SYN that was lost may have been lost for asking: 6.1.1.1. */
	if (tp->has_ecn && with_ack)
		ecn = TCP_ECE;
	else if (tp->has_ecn && !tp->nr_backoff)
		ecn = TCP_ECE | TCP_CWR;
	o = put32(o, 0x02040000u | tp->advmss);
	/* In an answer only what was offered (RFC 7323 1.3, RFC 2018 2). */
	if (tp->has_ts) {
		o = put32(o, tp->has_sack ? 0x0402080a : 0x0101080a);
		o = put32(o, tcp_ts(tp, now));
		o = put32(o, with_ack ? tp->ts_recent : 0);
	} else if (tp->has_sack) {
		o = put32(o, 0x01010402);
	}
	if (tp->has_wscale)
		o = put32(o, 0x01030300u | tp->rcv_wscale);
	if (c && (size_t)(o - opts) + c->len + 4 <= sizeof(opts))
		o = tcp_fastopen_put(c, o);
	if (len)
		sendq_copy(tp, tp->iss + 1, pkt_put(p, len), len);
	send_packet(tp, p, tp->iss, TCP_SYN | (with_ack ? TCP_ACK : 0) | ecn, opts, (unsigned)(o - opts), now);
}

void tcp_send_syn(struct tcp_sock *tp, nsec_t now, bool with_ack)
{
	send_syn(tp, now, with_ack, NULL, 0);
}

void tcp_send_syn_with(struct tcp_sock *tp, const struct tcp_cookie *c, uint32_t len, nsec_t now)
{
	send_syn(tp, now, tp->state == TCP_SYN_RECV, c, len);
}

/* ---- sending again -------------------------------------------------------------------------------------------------------- */

bool tcp_retransmit(struct tcp_sock *tp, struct tx_rec *r, nsec_t now)
{
	uint32_t pipe = tcp_pipe(tp), room = tp->cwnd > pipe ? tp->cwnd - pipe : 0, len, data;
	uint8_t flags = TCP_ACK;
	uint32_t max = tp->route.dev && tp->route.dev->features & (ip_is_v4(&tp->raddr) ? NETDEV_TSO4 : NETDEV_TSO6) ? TCP_GSO_MAX : tp->mss;

	/* At least a segment: loopback's is longer than TCP_GSO_MAX. */
	room = MIN(room, max);
	room = MAX(room - room % tp->mss, (uint32_t)tp->mss);
	len = r->end - r->seq;
	if (len > room && !(r->flags & TX_FIN && len == room + 1)) {
		if (!tx_split(tp, r, r->seq + room))
			return false;
		len = room;
	}
	data = len - !!(r->flags & TX_FIN);
	if (r->flags & TX_FIN)
		flags |= TCP_FIN;
	if (r->flags & TX_PSH || data > tp->mss)
		flags |= TCP_PSH;
	if (unlikely(r->flags & TX_SYN))
		tcp_send_syn(tp, now, tp->state != TCP_SYN_SENT);
	else if (!send_data(tp, r->seq, data, flags, now))
		return false;
	if ((r->flags & (TX_LOST | TX_RETRANS)) == TX_LOST) {
		r->flags |= TX_RETRANS;
		tp->retrans_bytes += len;
	}
	if (!tp->has_undo_ts) {
		tp->has_undo_ts = true;
		tp->undo_ts = tcp_ts(tp, now);
	}
	r->flags |= TX_EVER_RETRANS;
	r->sent_at = now;
	tcp_pace_sent(tp, len, now);
	tp->prr_out += len;
	tp->undo.bytes += len;
	tp->bytes_retrans += data;
	tp->nr_retrans_total++;
	NET_COUNT(tcp_retrans_segs);
	return true;
}

static void send_lost(struct tcp_sock *tp, nsec_t now)
{
	struct tx_rec *r;

	while (tcp_pipe(tp) < tp->cwnd && (r = tx_next_lost(tp))) {
		if (likely(tp->route.dev) && tcp_waits_for_room(tp))
			break;
		if (tcp_pace_waits(tp, now))
			break;
		if (!tcp_retransmit(tp, r, now))
			break;
		if (tp->xmit_kind == XMIT_NONE || tp->xmit_kind == XMIT_TLP)
			tcp_arm_rto(tp, now);
	}
}

/* ---- new data --------------------------------------------------------------------------------------------------------------- */

/* May a segment shorter than a full one, the last of what there is, be sent? */
static bool nagle_allows(const struct tcp_sock *tp, bool ignore)
{
	if (ignore || tp->is_fin_queued)
		return true;
	if (tp->is_cork)
		return false;
	if (tp->is_nodelay || tp->has_urg)
		return true;
	/* As Linux (Minshall): only a short segment in flight holds the next one back, so the end of an answer does not wait for its middle. */
	return !(seq_lt(tp->snd_una, tp->snd_short) && seq_le(tp->snd_short, tp->snd_nxt));
}

/*
 * The most that is given to the device at once, by Linux's measure (tcp_tso_autosize): what goes out in a millisecond, more when the peer is near (up to 64 KiB, halved for each half of a
 * millisecond), two segments at least. Long bursts over a long path would come in lumps, and so would their acknowledgements.
 */
static uint32_t burst_max(const struct tcp_sock *tp)
{
	uint64_t percent = tp->cwnd < tp->ssthresh / 2 ? 200 : 120, bytes = 0;
	nsec_t halvings = tp->min_rtt / BURST_HALVED_NS;

	if (tp->srtt)
		bytes = MAX(tp->cwnd, tcp_flight(tp)) * percent * (NSEC_PER_SEC / 1024 / 100) / tp->srtt;
	if (halvings < 32)
		bytes += 65536u >> halvings;
	return (uint32_t)MIN(MAX(bytes / tp->mss, 2ull) * tp->mss, (uint64_t)TCP_GSO_MAX);
}

/* How much of it may be, where records end or there is pacing; the rest comes behind it, so there is nothing to wait for. */
static __attribute__((noinline)) uint32_t special_length(struct tcp_sock *tp, uint32_t unsent, nsec_t now)
{
	if (tp->is_paced && tcp_pace_waits(tp, now))
		return 0;
	unsent = tcp_mark_limit(tp, unsent);
	return tp->is_paced ? MIN(unsent, tcp_pace_burst(tp)) : unsent;
}

/* How much of the unsent data goes into the next packet; 0: none now. */
static uint32_t next_length(struct tcp_sock *tp, bool ignore_nagle, nsec_t now)
{
	uint32_t unsent = tcp_unsent(tp), pipe = tcp_pipe(tp), edge = tp->snd_una + tp->snd_wnd, n, room;
	bool has_tso = tp->route.dev && tp->route.dev->features & (ip_is_v4(&tp->raddr) ? NETDEV_TSO4 : NETDEV_TSO6);

	if (unlikely(tp->is_unpredicted)) {
		n = special_length(tp, unsent, now);
		ignore_nagle |= n < unsent;
		unsent = n;
	}
	if (!unsent || seq_le(edge, tp->snd_nxt) || pipe >= tp->cwnd)
		return 0;
	room = tp->cwnd - pipe;
	n = MIN(unsent, edge - tp->snd_nxt);
	if (n < tp->mss) {
		if (n == unsent)
			return nagle_allows(tp, ignore_nagle) ? n : 0;
		return n >= tp->max_wnd / 2 ? n : 0;	/* the window is small (RFC 9293 3.8.6.2.1) */
	}
	if (room < tp->mss)
		return pipe ? 0 : tp->mss;
	n = MIN(n, room);
	if (!has_tso)
		return MIN(n, (uint32_t)tp->mss);
	/* A device would repeat CWR in each segment: it goes in one of its own. */
	if (unlikely(tp->ecn_cwr))
		return tp->mss;
	/* Two packets at least for a window, as Linux: so that one is on its way while the other is acknowledged. */
	n = MIN(n, MAX(MIN(tcp_packet_max(tp), tp->cwnd / 2), (uint32_t)tp->mss));
	if (n > 2u * tp->mss && tp->min_rtt >= BURST_HALVED_NS)
		n = MIN(n, burst_max(tp));
	if (n % tp->mss && n > tp->mss && !(n == unsent && nagle_allows(tp, ignore_nagle)))
		n -= n % tp->mss;
	return n;
}

/* What ECN adds to n bytes of new data (RFC 3168 6.1.2). */
static unsigned ecn_flags(struct tcp_sock *tp, uint32_t n)
{
	unsigned flags = SEND_ECT;

	if (!tp->has_ecn || !n)
		return 0;
	if (tp->ecn_cwr) {
		tp->ecn_cwr = false;
		flags |= TCP_CWR;
	}
	return flags;
}

static bool may_send_fin(const struct tcp_sock *tp)
{
	return tp->is_fin_queued && !tp->is_fin_sent && tp->snd_nxt == tp->write_seq;
}

/* For TCP_INFO: what kept the sender from sending more? */
static void note_limit(struct tcp_sock *tp, bool is_stalled, nsec_t now)
{
	uint32_t room = tp->snd_una + tp->snd_wnd - tp->snd_nxt;
	uint8_t busy = tp->busy;

	if (is_stalled && (int32_t)room < (int32_t)MIN(tcp_unsent(tp), (uint32_t)tp->mss) && tcp_pipe(tp) < tp->cwnd)
		busy = BUSY_RWND;
	else if (!is_stalled && tcp_pipe(tp) < tp->cwnd && atomic_load(&tp->wants_acks, RELAXED) & WANT_ROOM && IN_STATES(tp, STATES_SENDING))
		busy = BUSY_SNDBUF;
	else if (busy == BUSY_RWND)
		busy = BUSY_SENDING;
	if (busy != tp->busy && tp->busy)
		tcp_set_busy(tp, busy, now);
}

/* Is it the congestion window that holds back what there is to send? */
static bool is_window_full(const struct tcp_sock *tp)
{
	uint32_t pipe = tcp_pipe(tp);

	return pipe >= tp->cwnd || (tp->cwnd - pipe < tp->mss && tcp_unsent(tp) && seq_lt(tp->snd_nxt, tp->snd_una + tp->snd_wnd));
}

void tcp_push(struct tcp_sock *tp, nsec_t now, bool ignore_nagle)
{
	bool has_sent = false, is_stalled, is_limited;
	uint32_t n;

	if (!IN_STATES(tp, ST(ESTABLISHED) | ST(CLOSE_WAIT) | ST(FIN_WAIT1) | ST(CLOSING) | ST(LAST_ACK)) && !tcp_may_send(tp))
		return;
	if (!ip_route_is_valid(&tp->route) && tcp_get_route(tp))
		goto out;
	if (!tcp_flight(tp) && tcp_cong_is_large(tp))
		tcp_cong_restart(tp, now);
	while ((n = sendq_fit(tp, tp->snd_nxt, next_length(tp, ignore_nagle, now))) || may_send_fin(tp)) {
		uint32_t seq = tp->snd_nxt, end = seq + n;
		bool with_fin = tp->is_fin_queued && end == tp->write_seq;
		bool is_end = (end == tp->write_seq && !tp->has_more) || (unlikely(tp->marks) && tcp_mark_is_end(tp, end));
		bool is_pushed = (is_end && n) || n > tp->mss;	/* as Linux: also what the receiver can merge */
		unsigned flags = TCP_ACK | (is_pushed ? TCP_PSH : 0) | (with_fin ? TCP_FIN : 0);

		if (tcp_waits_for_room(tp))
			break;
		/* The record first: without it the segment could never be repeated. */
		if (!tx_add(tp, seq, end + with_fin, (with_fin ? TX_FIN : 0) | (is_end && n ? TX_PSH : 0), now))
			break;
		tp->snd_nxt = end + with_fin;
		tp->is_fin_sent |= with_fin;
		if (n % tp->mss)
			tp->snd_short = end;
		if (!send_data(tp, seq, n, flags | ecn_flags(tp, n), now)) {
			/* As if it were lost at once: the timer repeats it. */
			tx_mark_lost(tp, list_last(&tp->tx, struct tx_rec, node));
			has_sent = true;
			break;
		}
		if (tp->ca_state == CA_RECOVERY)
			tp->prr_out += n;
		if (unlikely(tp->is_unpredicted)) {
			tcp_mark_sent(tp, seq, now);
			tcp_pace_sent(tp, n, now);
		}
		has_sent = true;
	}
	is_limited = is_window_full(tp);
	if (has_sent || is_limited)
		tcp_cong_sent(tp, is_limited, now);
	if (tp->has_urg && seq_le(tp->snd_urg, tp->snd_una))
		tp->has_urg = false;
	if (has_sent) {
		if (tp->xmit_kind == XMIT_NONE || tp->xmit_kind == XMIT_PERSIST) {
			tp->first_unacked_at = 0;	/* the window was shut before */
			tcp_arm_rto(tp, now);
		}
		if (tp->state != TCP_SYN_RECV)
			tlp_schedule(tp, now);
	}
out:
	is_stalled = tcp_unsent(tp) != 0;
	if (is_stalled || tp->busy != BUSY_SENDING || atomic_load(&tp->wants_acks, RELAXED) & WANT_ROOM)
		note_limit(tp, is_stalled, now);
	if (is_stalled)
		tcp_want_acks(tp, WANT_OUTPUT);
	else
		tcp_dont_want_acks(tp, WANT_OUTPUT);
	/* Nothing in flight whose acknowledgement would restart us: the peer's window is shut, we hold back for TCP_CORK, or there is no route. */
	if (is_stalled && !tcp_flight(tp) && tp->xmit_kind == XMIT_NONE && !atomic_load(&tp->room.is_waiting, RELAXED) && !tcp_pace_waits(tp, now))
		tcp_arm_persist(tp, now);
}

/* ---- the short way ------------------------------------------------------------------------------------------------------------- */

/* False: there is none for this route. */
static bool make_ready(struct tcp_sock *tp, uint64_t mac)
{
	struct tcp_ready *y = &tp->ready;
	struct tcp_frame *f = &y->frame;
	const struct ip_opts *o = tcp_opts(tp);

	if (mac != READY_LOCAL && (!ip_is_v4(&tp->raddr) || o->may_fragment || !(tp->route.dev->features & NETDEV_CSUM)))
		return false;
	memset(y, 0, sizeof(*y));
	memcpy(f->eth.dst, &mac, 6);
	memcpy(f->eth.src, tp->route.dev->mac, 6);
	f->eth.type = net16(ETH_P_IP4);
	f->ip = (struct ip4_hdr){ .ver_ihl = 0x45, .tos = o->tos, .frag = net16(IP4_DF), .ttl = o->hop_limit ? o->hop_limit : (uint8_t)atomic_load(&net_default_ttl, RELAXED),
				  .proto = IPPROTO_TCP, .src = tp->laddr.w[3], .dst = tp->raddr.w[3] };
	f->tcp = (struct tcp_hdr){ .sport = net16(tp->lport), .dport = net16(tp->rport), .off = tp->has_ts ? 0x80 : 0x50, .flags = TCP_ACK | TCP_PSH };
	f->ts[0] = net32(0x0101080a);
	y->ip_sum = csum_fold(csum_ip4(&f->ip));
	y->tcp_sum = csum_fold(csum_pseudo(&tp->laddr, &tp->raddr, 0, IPPROTO_TCP));
	y->mac = mac;
	return true;
}

/* Give the frame to where it goes; hlen: of TCP, with its option. take. */
static void send_ready(struct tcp_sock *tp, struct pkt *p, struct tcp_frame *f, unsigned hlen, uint32_t seq, uint32_t len, nsec_t now)
{
	uint32_t ts = tcp_ts(tp, now);
	uint16_t window = window_field(tp, false);

	f->tcp.seq = net32(seq);
	f->tcp.ack = net32(tp->rcv_nxt);
	f->tcp.window = window;
	if (hlen > sizeof(f->tcp)) {
		f->ts[1] = net32(ts);
		f->ts[2] = net32(tp->ts_recent);
	}
	if (tp->ready.mac == READY_LOCAL) {
		p->base = (uint8_t *)&f->tcp;
		p->seg[0].data = p->base + hlen;
		p->seg[0].len = (uint16_t)len;
		p->len = len;
		p->tcp = (struct pkt_tcp){ .seq = seq, .ack = tp->rcv_nxt, .ts_val = ts, .ts_ecr = tp->ts_recent, .window = net16(window), .flags = TCP_ACK | TCP_PSH,
					   .opt_len = (uint8_t)(hlen - sizeof(f->tcp)), .has_ts = hlen > sizeof(f->tcp), .data_len = len };
		p->flags = PKT_CSUM_PARTIAL;
		tcp_deliver_short(tp, p, now);
		return;
	}
	p->seg[0].len = (uint16_t)(ETH_HLEN + IP4_HLEN + hlen + len);
	p->len = p->seg[0].len;
	f->ip.len = net16((uint16_t)(IP4_HLEN + hlen + len));
	f->ip.csum = (uint16_t)~csum_fold(tp->ready.ip_sum + f->ip.len);
	f->tcp.csum = csum_fold(tp->ready.tcp_sum + net16((uint16_t)(hlen + len)));
	p->flags = PKT_CSUM_PARTIAL;
	p->csum_start = ETH_HLEN + IP4_HLEN;
	p->csum_offset = offsetof(struct tcp_hdr, csum);
	p->hash = tp->hash;
	p->tx_queue = flow_queue(tp, seq);
	NET_COUNT(tcp_short_out);
	netdev_transmit(tp->route.dev, p);
}

static __attribute__((noinline)) void note_short(struct tcp_sock *tp, uint32_t flight_before, nsec_t now)
{
	if (!flight_before)
		tcp_cong_restart(tp, now);
	tcp_cong_sent(tp, tcp_flight(tp) >= tp->cwnd, now);
}

/*
 * The usual case: nothing is out of the ordinary, and one short segment holds all that is unsent. It is sent with the headers that are kept ready; to the same end as tcp_push(),
 * send_data(), send_packet() and ip_output() would come. False: it was something else, nothing was done.
 */
static bool send_short(struct tcp_sock *tp, nsec_t now)
{
	uint32_t seq = tp->snd_nxt, len = tp->write_seq - seq, flight = tcp_flight(tp);
	unsigned hlen = sizeof(struct tcp_hdr) + (tp->has_ts ? 12 : 0);
	uint64_t mac = READY_LOCAL;
	struct tcp_frame *f;
	struct pkt *p;

	if (tp->plain_word != TCP_PLAIN || len >= tp->mss || len > SHORT_MAX || flight + len > tp->snd_wnd || flight >= tp->cwnd || tp->sacked_bytes | tp->lost_bytes ||
	    tp->has_urg | tp->has_more || !ip_route_is_valid(&tp->route) || !nagle_allows(tp, false))
		return false;
	if (tp->route.neigh) {
		mac = atomic_load(&tp->route.neigh->mac, RELAXED);
		if (!mac || now > atomic_load(&tp->route.neigh->fresh_until, RELAXED) || unlikely(atomic_load(&tp->route.dev->full_queues, RELAXED)))
			return false;
	} else if (!(atomic_load(&tp->route.dev->features, RELAXED) & NETDEV_LOOPBACK)) {
		return false;
	}
	if (unlikely(tp->ready.mac != mac) && !make_ready(tp, mac))
		return false;
	p = pkt_alloc(PKT_DEV_ROOM, sizeof(*f) + len);
	if (!p)
		return false;
	if (!tx_add(tp, seq, seq + len, TX_PSH, now)) {
		pkt_free(p);
		return false;
	}
	tp->snd_nxt = tp->snd_short = seq + len;
	f = (struct tcp_frame *)p->seg[0].data;
	memcpy(f, &tp->ready.frame, sizeof(*f));
	sendq_copy(tp, seq, (uint8_t *)&f->tcp + hlen, len);
	if (unlikely(flight || tcp_cong_is_large(tp)))	/* one alone in a small window: nothing to note */
		note_short(tp, flight, now);
	tp->segs_out++;
	tp->data_segs_out++;
	tp->last_snd = tp->last_data_snd = now;
	tp->needs_ack_now = false;
	tp->nr_unacked_segs = 0;
	if (unlikely(tp->nr_quick_acks)) {
		note_dialogue(tp, now);
		tp->nr_quick_acks -= !!tp->nr_quick_acks;
	}
	tp->delack_at = NSEC_NEVER;
	tp->last_ack_sent = tp->rcv_nxt;
	send_ready(tp, p, f, hlen, seq, len, now);
	if (tp->xmit_kind == XMIT_NONE || tp->xmit_kind == XMIT_PERSIST)
		tcp_arm_rto(tp, now);
	tlp_schedule_plain(tp, now);
	if (unlikely(tp->busy != BUSY_SENDING || atomic_load(&tp->wants_acks, RELAXED) & (WANT_ROOM | WANT_OUTPUT))) {
		note_limit(tp, false, now);
		tcp_dont_want_acks(tp, WANT_OUTPUT);
	}
	return true;
}

/* What F-RTO wants first (RFC 5682 2.1, step 2b); true: what is believed lost waits for the answer to it. */
static bool send_new_first(struct tcp_sock *tp, nsec_t now)
{
	if (tp->frto == FRTO_NEW) {
		tcp_push(tp, now, false);
		tp->frto = seq_lt(tp->recovery_end, tp->snd_nxt) ? FRTO_WAITS : FRTO_OFF;
	}
	return tp->frto == FRTO_WAITS;
}

void __tcp_output(struct tcp_sock *tp, nsec_t now)
{
	if (tp->lost_bytes > tp->retrans_bytes && !(unlikely(tp->ca_state == CA_LOSS) && send_new_first(tp, now)))
		send_lost(tp, now);
	if (tcp_unsent(tp) || (tp->is_fin_queued && !tp->is_fin_sent)) {
		if (!send_short(tp, now))
			tcp_push(tp, now, false);
	} else {
		tcp_dont_want_acks(tp, WANT_OUTPUT);
	}
	if (tcp_is_ack_due(tp) && (IN_STATES(tp, STATES_SYNCHRONIZED) || tcp_may_send(tp)))
		tcp_send_ack(tp, now);
	tcp_timer_update(tp);
}
