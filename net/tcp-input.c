// SPDX-License-Identifier: MIT
/* Segments arrive: RFC 9293 3.10.7, with RFC 5961 (blind attacks), RFC 7323 (PAWS), RFC 6191 (TIME-WAIT reuse). All under the socket's lock. */
#include "libc/errno.h"
#include "libc/string.h"
#include "net/netdev-priv.h"
#include "net/tcp-priv.h"

#define PAWS_IDLE_NS	(24ull * 24 * 3600 * NSEC_PER_SEC)	/* RFC 7323 5.5 */

/* ---- options of a SYN ------------------------------------------------------------------------------------------------- */

void tcp_parse_syn(const struct pkt *p, struct tcp_syn_opts *s)
{
	const uint8_t *o = p->base + p->l4 + sizeof(struct tcp_hdr);
	unsigned len = p->tcp.opt_len;

	memset(s, 0, sizeof(*s));
	s->has_ts = p->tcp.has_ts;
	/* RFC 3168 6.1.1; a SYN that is itself marked is not to be believed. */
	s->has_ecn = (p->tcp.flags & (TCP_ECE | TCP_CWR | TCP_ACK)) == (TCP_ECE | TCP_CWR) && !p->tcp.ecn;
	for (unsigned i = 0; i < len && o[i];) {
		unsigned n = o[i] == 1 ? 1 : i + 1 < len ? o[i + 1] : 0;

		if (!n || (o[i] != 1 && n < 2) || i + n > len)
			return;
		if (o[i] == 2 && n == 4) {
			s->mss = (uint16_t)(o[i + 2] << 8 | o[i + 3]);
		} else if (o[i] == 3 && n == 3) {
			s->has_wscale = true;
			s->wscale = MIN(o[i + 2], (uint8_t)14);
		} else if (o[i] == 4 && n == 2) {
			s->has_sack = true;
		} else if (n > 1) {
			tcp_fastopen_parse(&s->cookie, o + i, n);
		}
		i += n;
	}
}

void tcp_apply_syn_opts(struct tcp_sock *tp, const struct tcp_syn_opts *o)
{
	tp->has_ts &= o->has_ts;
	tp->has_sack &= o->has_sack;
	tp->has_wscale &= o->has_wscale;
	tp->snd_wscale = tp->has_wscale ? o->wscale : 0;
	if (!tp->has_wscale)
		tp->rcv_wscale = 0;
	tp->peer_mss = o->mss ? o->mss : ip_is_v4(&tp->raddr) ? TCP_MSS_DEFAULT4 : TCP_MSS_DEFAULT6;
	tp->peer_mss = MAX(tp->peer_mss, (uint16_t)TCP_MIN_MSS);
	tcp_update_mss(tp);
}

void tcp_update_mss(struct tcp_sock *tp)
{
	uint32_t hlen = (ip_is_v4(&tp->raddr) ? IP4_HLEN : IP6_HLEN) + sizeof(struct tcp_hdr), mss = tp->route.dev ? tp->route.mtu - hlen : TCP_MSS_DEFAULT4;

	mss = MIN(mss, (uint32_t)tp->peer_mss);
	if (tp->user_mss)
		mss = MIN(mss, (uint32_t)tp->user_mss);
	/* RFC 6691: the option's room is not part of the MSS that was said. */
	tp->mss = (uint16_t)(mss - (tp->has_ts ? 12 : 0));
}

void tcp_start_transfer(struct tcp_sock *tp, nsec_t now)
{
	tp->cwnd = MIN(TCP_INIT_CWND * tp->mss, MAX(2u * tp->mss, 14600u));
	if (tp->mss > 14600)
		tp->cwnd = TCP_INIT_CWND * tp->mss;	/* loopback: as Linux, in segments */
	tp->ssthresh = 0x7fffffff;
	tp->copied_seq = tp->rcv_nxt;
	tp->high_sacked = tp->snd_short = tp->reo_round = tp->snd_una;
	tp->nr_backoff = 0;
	tp->nr_quick_acks = 8;
	tp->last_data_rcv = tp->last_data_snd = now;
	tp->rtune_at = now + 10 * NSEC_PER_MSEC;
	tcp_size_buffer(tp);
	tp->cong->init(tp);
}

void tcp_established(struct tcp_sock *tp, nsec_t now)
{
	tcp_set_state(tp, TCP_ESTABLISHED);
	if (!tp->is_fastopen)
		tcp_start_transfer(tp, now);
	tcp_arm_keepalive(tp, now);
}

/* ---- what ICMP says (tcp_error() made a packet of it) ---------------------------------------------------------------------- */

static void input_error(struct tcp_sock *tp, const struct pkt *p, nsec_t now)
{
	int error = p->tcp.urgent;
	uint32_t seq = p->tcp.seq;

	/* Only about something that is in flight (RFC 5927 4). */
	if (tp->state == TCP_LISTEN)
		return;
	if (seq_lt(seq, tp->snd_una) || !seq_lt(seq, tp->snd_nxt))
		return;
	if (p->tcp.ack) {
		if (!pmtu_update(&tp->raddr, p->tcp.ack) || tcp_get_route(tp))
			return;
		if (tp->state == TCP_SYN_SENT && tp->has_syn_data) {	/* a SYN that is too long because of what it carries: at once without */
			tp->advmss = MIN(tp->advmss, tcp_advmss(tp));
			tcp_send_syn(tp, now, false);
			list_first(&tp->tx, struct tx_rec, node)->flags |= TX_EVER_RETRANS;
			tp->has_syn_timeout = true;
		} else if (IN_STATES(tp, STATES_SYNCHRONIZED)) {
			tcp_update_mss(tp);
			tx_mark_all_lost(tp);
			tcp_output(tp, now);
		}
		return;
	}
	if (IN_STATES(tp, ST(SYN_SENT) | ST(SYN_RECV)) && (p->tcp.ecn || error != ENETUNREACH || tp->state == TCP_SYN_SENT)) {
		NET_COUNT(tcp_attempt_fails);
		tcp_finish(tp, error);
		return;
	}
	tp->soft_error = error;
}

/* What our SYN carried beside itself is acknowledged with it, or lost. */
static void syn_answered(struct tcp_sock *tp, struct pkt *p, const struct tcp_syn_opts *opts, nsec_t now)
{
	tcp_fastopen_answered(tp, &opts->cookie, opts->mss ? opts->mss : tp->peer_mss);
	tp->is_syn_data_taken = tp->has_syn_data && !tcp_flight(tp);
	if (tp->is_syn_data_taken)
		tp->delivered = 1;	/* TCP_INFO tells of one segment */
	if (tcp_flight(tp))
		tx_mark_all_lost(tp);
	/* Who has data to send sends the acknowledgement with it. */
	if (tp->has_writer && tp->delack_at == NSEC_NEVER) {
		tp->delack_at = now + TCP_DELACK_NS;
		tp->nr_quick_acks = 0;
	} else {
		tp->needs_ack_now = true;
	}
	if (p->tcp.data_len && tp->has_sent_cookie) {
		struct pkt *copy = pkt_copy(p, 0);

		if (copy) {
			copy->tcp = p->tcp;
			copy->tcp.seq++;
			copy->time = p->time;
			recvq_data(tp, copy, now);
			tp->needs_ack_now = true;
		}
	}
}

/* ---- SYN-SENT -------------------------------------------------------------------------------------------------------------- */

static void syn_sent(struct tcp_sock *tp, struct pkt *p, nsec_t now)
{
	struct tcp_syn_opts opts;
	uint8_t flags = p->tcp.flags;

	if (flags & TCP_ACK && (seq_le(p->tcp.ack, tp->iss) || seq_lt(tp->snd_nxt, p->tcp.ack))) {
		if (!(flags & TCP_RST))
			tcp_send_reset(p);
		return;
	}
	if (flags & TCP_RST) {
		if (flags & TCP_ACK) {
			NET_COUNT(tcp_attempt_fails);
			tcp_finish(tp, ECONNREFUSED);
		}
		return;
	}
	if (!(flags & TCP_SYN))
		return;
	tcp_parse_syn(p, &opts);
	tp->irs = p->tcp.seq;
	tp->rcv_nxt = tp->rcv_adv = tp->copied_seq = tp->last_ack_sent = p->tcp.seq + 1;
	tp->rcv_adv = tp->rcv_nxt + MIN(65535u, tcp_receive_window(tp));
	tcp_apply_syn_opts(tp, &opts);
	/* The answer has ECE alone: 6.1.1. */
	tp->has_ecn &= opts.has_ecn || (flags & (TCP_ACK | TCP_ECE | TCP_CWR)) == (TCP_ACK | TCP_ECE);
	if (p->tcp.has_ts) {
		tp->ts_recent = p->tcp.ts_val;
		tp->ts_recent_at = now;
	}
	tp->snd_wnd = tp->max_wnd = p->tcp.window;	/* not scaled in a SYN */
	tp->snd_wl1 = p->tcp.seq;
	tp->snd_wl2 = p->tcp.ack;
	if (flags & TCP_ACK) {
		struct tcp_ack_result res = { .before_una = tp->snd_una };

		tx_cumulative(tp, p->tcp.ack, &res);
		if (res.has_sample)
			tcp_rtt_samples(tp, &res, now);
		tp->snd_una = p->tcp.ack;
		sendq_acked(tp, tp->snd_una);
		tp->xmit_at = NSEC_NEVER;
		tp->xmit_kind = XMIT_NONE;
		tcp_established(tp, now);
		syn_answered(tp, p, &opts, now);
		tcp_wake(tp, FILE_POLLOUT | FILE_POLLWRNORM);
		return;
	}
	/* Simultaneous open (RFC 9293 3.5, figure 7). */
	tcp_set_state(tp, TCP_SYN_RECV);
	tcp_send_syn(tp, now, true);
	tcp_arm_rto(tp, now);
}

/* ---- TIME-WAIT ---------------------------------------------------------------------------------------------------------------- */

/* take. */
static void time_wait(struct tcp_sock *tp, struct pkt *p, nsec_t now)
{
	uint8_t flags = p->tcp.flags;

	if (flags & TCP_RST)	/* RFC 1337 */
		goto out;
	if ((flags & (TCP_SYN | TCP_ACK)) == TCP_SYN &&
	    (p->tcp.has_ts && tp->has_ts && p->tcp.ts_val != tp->ts_recent ? seq_lt(tp->ts_recent, p->tcp.ts_val) : seq_lt(tp->rcv_nxt, p->tcp.seq))) {
		tcp_finish(tp, 0);
		tcp_give_to_listener(p, tp->rport, tp->lport);
		return;
	}
	if (flags & TCP_FIN)
		tp->state_at = now + TCP_TIME_WAIT_NS;
	if ((p->tcp.data_len || flags & TCP_FIN) && !(flags & TCP_SYN))
		tcp_send_ack(tp, now);
	else if (flags & TCP_SYN || p->tcp.seq != tp->rcv_nxt)
		tcp_limited_ack(tp, now);
out:
	pkt_free(p);
}

/* ---- synchronized states ---------------------------------------------------------------------------------------------------- */

/* First check. */
static bool is_acceptable(const struct tcp_sock *tp, const struct pkt *p)
{
	uint32_t len = p->tcp.data_len + !!(p->tcp.flags & TCP_FIN) + !!(p->tcp.flags & TCP_SYN), edge = tp->rcv_adv;

	if (seq_lt(edge, tp->rcv_nxt))
		edge = tp->rcv_nxt;
	/* From what we acknowledged last on, as Linux: a bare acknowledgement that was overtaken by data is no reason to answer. */
	return seq_le(tp->last_ack_sent, p->tcp.seq + len) && seq_le(p->tcp.seq, edge);
}

static bool is_paws_reject(const struct tcp_sock *tp, const struct pkt *p, nsec_t now)
{
	return tp->has_ts && p->tcp.has_ts && seq_lt(p->tcp.ts_val, tp->ts_recent) && now - tp->ts_recent_at < PAWS_IDLE_NS;
}

static void reset_received(struct tcp_sock *tp, const struct pkt *p, nsec_t now)
{
	if (p->tcp.seq != tp->rcv_nxt) {
		tcp_challenge_ack(tp, now);	/* RFC 5961 3.2 */
		return;
	}
	if (tp->state == TCP_SYN_RECV) {
		NET_COUNT(tcp_attempt_fails);
		tcp_finish(tp, tp->is_fastopen ? ECONNRESET : tp->has_file ? ECONNREFUSED : 0);
		return;
	}
	tcp_finish(tp, tp->state == TCP_CLOSE_WAIT ? EPIPE : IN_STATES(tp, ST(CLOSING) | ST(LAST_ACK)) ? 0 : ECONNRESET);
}

/* A repeated SYN gets the SYN-ACK again: limited, since it may be forged, or our own SYN-ACK that came back to us. */
static void answer_syn(struct tcp_sock *tp, nsec_t now)
{
	if (tcp_may_answer(tp, now))
		tcp_send_syn(tp, now, true);
}

/* Data is answered each time: it shows that the peer lacks an acknowledgement. */
static void answer_unacceptable(struct tcp_sock *tp, const struct pkt *p, nsec_t now)
{
	if ((p->tcp.data_len || p->tcp.flags & TCP_FIN) && !(p->tcp.flags & TCP_SYN))
		tcp_send_ack(tp, now);
	else
		tcp_limited_ack(tp, now);
}

/* Checks one to four. True: go on with the acknowledgement. */
static bool check_segment(struct tcp_sock *tp, struct pkt *p, nsec_t now)
{
	uint8_t flags = p->tcp.flags;

	if (unlikely(is_paws_reject(tp, p, now)) && !(flags & TCP_RST)) {
		NET_COUNT(tcp_paws);
		answer_unacceptable(tp, p, now);
		return false;
	}
	if (unlikely(!is_acceptable(tp, p))) {
		if (flags & TCP_RST)
			return false;
		if (tp->state == TCP_SYN_RECV && flags & TCP_SYN) {
			answer_syn(tp, now);
			return false;
		}
		if (p->tcp.data_len && seq_lt(p->tcp.seq, tp->rcv_nxt)) {
			tp->dsack_seq = p->tcp.seq;
			tp->dsack_end = p->tcp.seq + p->tcp.data_len;
		}
		answer_unacceptable(tp, p, now);
		return false;
	}
	if (unlikely(flags & (TCP_RST | TCP_SYN))) {
		if (flags & TCP_RST)
			reset_received(tp, p, now);
		else if (tp->state == TCP_SYN_RECV && p->tcp.seq == tp->irs) {
			/* The other half of a simultaneous open, or a repeated SYN. */
			if (flags & TCP_ACK) {
				/* Its number has been before: acknowledged again, and told to be a duplicate (RFC 2883). */
				tp->needs_ack_now = true;
				if (TCP_SETTING(dsack)) {
					tp->dsack_seq = p->tcp.seq;
					tp->dsack_end = p->tcp.seq + 1;
				}
				return true;
			}
			answer_syn(tp, now);
		} else {
			tcp_challenge_ack(tp, now);	/* RFC 5961 4.2 */
		}
		return false;
	}
	/* Not from a segment that will be dropped for what it acknowledges. */
	if (tp->has_ts && p->tcp.has_ts && seq_le(p->tcp.seq, tp->last_ack_sent) && !seq_lt(tp->snd_nxt, p->tcp.ack)) {
		tp->ts_recent = p->tcp.ts_val;
		tp->ts_recent_at = now;
	}
	return flags & TCP_ACK;
}

/* The handshake's last step. False: drop the segment. */
static bool complete_handshake(struct tcp_sock *tp, struct pkt *p, nsec_t now)
{
	struct tcp_sock *lp = atomic_load(&tp->listener, RELAXED);
	struct tcp_ack_result res = { .before_una = tp->snd_una };

	if (seq_le(p->tcp.ack, tp->snd_una) || seq_lt(tp->snd_nxt, p->tcp.ack)) {
		tcp_send_reset(p);
		return false;
	}
	if (lp && !tp->is_fastopen && atomic_load(&lp->nr_accept, RELAXED) > atomic_load(&lp->backlog, RELAXED)) {
		NET_COUNT(tcp_listen_overflows);
		if (TCP_SETTING(abort_on_overflow)) {
			tcp_send_reset(p);
			tcp_finish(tp, 0);
		}
		return false;
	}
	/* TCP_DEFER_ACCEPT: not before there is data, or the SYN-ACK was sent again often enough. */
	if (lp && !p->tcp.data_len && !(p->tcp.flags & TCP_FIN) && tp->nr_backoff < lp->defer_accept)
		return false;
	tx_cumulative(tp, p->tcp.ack, &res);
	if (res.has_sample)
		tcp_rtt_samples(tp, &res, now);
	tp->snd_una = p->tcp.ack;
	sendq_acked(tp, tp->snd_una);
	tp->snd_wnd = (uint32_t)p->tcp.window << (p->tcp.flags & TCP_SYN ? 0 : tp->snd_wscale);
	tp->max_wnd = tp->snd_wnd;
	tp->snd_wl1 = p->tcp.seq;
	tp->snd_wl2 = p->tcp.ack;
	tp->xmit_at = NSEC_NEVER;
	tp->xmit_kind = XMIT_NONE;
	tcp_established(tp, now);
	tcp_child_established(tp);
	if (tcp_flight(tp))	/* data of Fast Open */
		tcp_arm_rto(tp, now);
	tcp_wake(tp, FILE_POLLOUT | FILE_POLLWRNORM);
	return true;
}

/* Our FIN has been acknowledged, or not: states that depend on it. False: the connection is gone. */
static bool after_ack(struct tcp_sock *tp, nsec_t now)
{
	if (likely(!tp->is_fin_sent) || seq_lt(tp->snd_una, tp->snd_nxt))
		return true;
	switch (tp->state) {
	case TCP_FIN_WAIT1:
		tcp_set_state(tp, TCP_FIN_WAIT2);
		tp->keep_at = tp->state_at = NSEC_NEVER;
		if (tp->is_orphan) {
			if (!tcp_fin_timeout(tp)) {
				tcp_finish(tp, 0);
				return false;
			}
			tp->state_at = now + tcp_fin_timeout(tp);
		}
		tcp_wake(tp, 0);
		break;
	case TCP_CLOSING:
		tcp_enter_time_wait(tp, now);
		return false;
	case TCP_LAST_ACK:
		tcp_finish(tp, 0);
		return false;
	}
	return true;
}

static void input_urgent(struct tcp_sock *tp, const struct pkt *p)
{
	uint32_t seq = p->tcp.seq + p->tcp.urgent - 1;	/* the byte before where the pointer points (RFC 6093 leaves it so in practice) */

	if (!p->tcp.urgent || seq_lt(seq, tp->copied_seq) || (tp->urg_state != URG_NONE && seq_le(seq, tp->urg_seq)))
		return;
	recvq_skip_urgent(tp);	/* the byte of the former mark, if all before it was read: without the mark it would be read again */
	tp->urg_seq = seq;
	tp->urg_state = URG_PENDING;
	tcp_wake(tp, FILE_POLLPRI | FILE_POLLRDBAND);
}

/* The peer's FIN is next in order. */
static void fin_received(struct tcp_sock *tp, nsec_t now)
{
	tp->rcv_nxt++;
	tp->is_fin_received = true;
	tp->needs_ack_now = true;
	switch (tp->state) {
	case TCP_ESTABLISHED:
		tcp_set_state(tp, TCP_CLOSE_WAIT);
		break;
	case TCP_FIN_WAIT1:
		tcp_set_state(tp, TCP_CLOSING);
		break;
	case TCP_FIN_WAIT2:
		tcp_send_ack(tp, now);
		tcp_enter_time_wait(tp, now);
		break;
	}
	tcp_wake(tp, FILE_POLLIN | FILE_POLLRDNORM | FILE_POLLRDHUP | (tp->is_fin_queued ? FILE_POLLHUP : 0));
}

/* RFC 3168 6.1.3. */
static void input_ecn(struct tcp_sock *tp, const struct pkt *p)
{
	if (p->tcp.flags & TCP_CWR) {
		tp->ecn_echo = false;
		tp->needs_ack_now = true;	/* its window may be a single segment */
	}
	if (p->tcp.ecn == IP_ECN_CE) {
		tp->needs_ack_now |= !tp->ecn_echo;
		tp->ecn_echo = true;
		NET_COUNT(tcp_ecn_ce);
	}
}

/* Sixth to eighth step: urgent data, text, FIN. take. */
static void input_text(struct tcp_sock *tp, struct pkt *p, nsec_t now)
{
	uint32_t end = p->tcp.seq + p->tcp.data_len;
	uint8_t flags = p->tcp.flags;

	if (unlikely(flags & TCP_URG))
		input_urgent(tp, p);
	if (unlikely(tp->has_ecn) && p->tcp.data_len)
		input_ecn(tp, p);
	if (unlikely(flags & TCP_FIN) && !tp->is_fin_received && seq_le(tp->rcv_nxt, end) && seq_le(end, MAX(tp->rcv_adv - tp->rcv_nxt, 0u) + tp->rcv_nxt)) {
		tp->fin_seq = end;
		tp->has_fin_seq = true;
	} else if (unlikely(flags & TCP_FIN && tp->is_fin_received)) {
		tp->needs_ack_now = true;	/* again: our acknowledgement was lost */
	}
	if (!p->tcp.data_len) {
		pkt_free(p);
	} else if (!IN_STATES(tp, STATES_RECEIVING)) {
		pkt_free(p);
	} else if (IN_STATES(tp, ST(FIN_WAIT1) | ST(FIN_WAIT2)) && seq_lt(tp->rcv_nxt, end) && (tp->is_orphan || atomic_load(&tp->so.shut, RELAXED) & SHUT_RD_BIT)) {
		/* Nobody will read it: RFC 9293 3.6.1, RFC 1122 4.2.2.13. What came before may still be read. */
		tcp_send_reset(p);
		pkt_free(p);
		tcp_finish(tp, tp->is_orphan ? 0 : ECONNRESET);
		return;
	} else {
		recvq_data(tp, p, now);
	}
	if (tp->has_fin_seq && !tp->is_fin_received && tp->rcv_nxt == tp->fin_seq && IN_STATES(tp, STATES_RECEIVING))
		fin_received(tp, now);
}

/*
 * Header prediction: is it the segment that an undisturbed connection gets next? In order, only ACK and PSH, only the timestamp option if that, an acknowledgement of what is in
 * flight; nothing lost, SACKed, reordered or probed, no ECN. Then most of what not_plain() looks for has nothing to find; plain() does the rest, to the same end.
 */
static inline bool is_plain(const struct tcp_sock *tp, const struct pkt *p)
{
	uint32_t word;		/* flags, opt_len, has_ts, ecn */

	_Static_assert(offsetof(struct pkt_tcp, ecn) == offsetof(struct pkt_tcp, flags) + 3, "word");
	memcpy(&word, &p->tcp.flags, sizeof(word));
	return tp->plain_word == TCP_PLAIN && (word & ~(0xff000000u | TCP_PSH)) == (tp->has_ts ? 1u << 16 | 12u << 8 | TCP_ACK : TCP_ACK) && p->tcp.seq == tp->rcv_nxt &&
	       !(tp->sacked_bytes | tp->lost_bytes) && tp->xmit_kind <= XMIT_TLP && p->tcp.ack - tp->snd_una <= tcp_flight(tp) &&
	       !(tp->has_ts && seq_lt(p->tcp.ts_val, tp->ts_recent));
}

/* take. */
static void plain(struct tcp_sock *tp, struct pkt *p, nsec_t now)
{
	if (tp->has_ts && p->tcp.seq == tp->last_ack_sent) {	/* it cannot be less: check_segment() */
		tp->ts_recent = p->tcp.ts_val;
		tp->ts_recent_at = now;
	}
	tcp_ack_plain(tp, p, now);
	if (p->tcp.data_len)
		recvq_data(tp, p, now);
	else
		pkt_free(p);
}

/* take. */
static __attribute__((noinline)) void not_plain(struct tcp_sock *tp, struct pkt *p, nsec_t now)
{
	switch (tp->state) {
	case TCP_CLOSED:
		if (!(p->tcp.flags & TCP_RST))
			tcp_send_reset(p);
		goto out;
	case TCP_SYN_SENT:
		syn_sent(tp, p, now);
		goto out;
	case TCP_TIME_WAIT:
		time_wait(tp, p, now);
		return;
	}
	if (!check_segment(tp, p, now))
		goto out;
	if (unlikely(tp->state == TCP_SYN_RECV)) {
		if (!complete_handshake(tp, p, now))
			goto out;
	} else if (!tcp_ack_input(tp, p, now)) {
		goto out;
	}
	if (!after_ack(tp, now))
		goto out;
	if (likely(!(p->tcp.flags & (TCP_FIN | TCP_URG))) && !p->tcp.data_len)
		goto out;
	input_text(tp, p, now);
	return;
out:
	pkt_free(p);
}

void tcp_segment(struct tcp_sock *tp, struct pkt *p, nsec_t now)
{
	tp->segs_in += pkt_nr_wire(p);
	tp->last_rcv = now;
	tp->nr_keep_probes = 0;
	if (likely(is_plain(tp, p)))
		plain(tp, p, now);
	else
		not_plain(tp, p, now);
}

/* ---- the channel ------------------------------------------------------------------------------------------------------------ */

void __tcp_process(struct tcp_sock *tp)
{
	struct mpsc_node *n = mpsc_take(&tp->channel);
	nsec_t now = clock_monotonic();
	uint32_t nr = 0;

	while (n) {
		struct pkt *p = container_of(n, struct pkt, node);

		n = n->next;
		nr++;
		if (p->proto == IPPROTO_ICMP) {
			input_error(tp, p, now);
			pkt_free(p);
		} else if (tp->state == TCP_LISTEN) {
			tcp_listener_segment(tp, p, now);
		} else {
			tcp_segment(tp, p, now);
		}
	}
	(void)atomic_fetch_sub(&tp->nr_queued, nr, RELAXED);
	if (tp->is_dead || tp->state == TCP_LISTEN)
		return;
	tcp_output(tp, now);
	if (tp->delack_at != NSEC_NEVER)
		tcp_list_for_work(tp);
}
