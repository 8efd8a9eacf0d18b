// SPDX-License-Identifier: MIT
/* Acknowledgements: RFC 9293 3.10.7.4 (fifth check), RTT and RTO (RFC 6298), recovery (RFC 6582, 6675, 8985). */
#include "net/neigh.h"
#include "net/tcp-priv.h"

void tcp_rtt_sample(struct tcp_sock *tp, nsec_t rtt)
{
	rtt = MAX(rtt, (nsec_t)1000);
	if (!tp->min_rtt || rtt < tp->min_rtt)
		tp->min_rtt = rtt;
	if (!tp->srtt) {
		tp->srtt = rtt;
		tp->rttvar = rtt / 2;
	} else {
		nsec_t d = rtt > tp->srtt ? rtt - tp->srtt : tp->srtt - rtt;

		tp->rttvar += d / 4 - tp->rttvar / 4;
		tp->srtt += rtt / 8 - tp->srtt / 8;
	}
	tp->rto = tp->srtt + MAX(4 * tp->rttvar, TCP_RTO_MIN);
	tp->rto = MIN(tp->rto, TCP_RTO_MAX);
}

void tcp_ecn_reduced(struct tcp_sock *tp)
{
	if (!tp->has_ecn)
		return;
	tp->ecn_cwr = tp->is_ecn_reduced = true;
	tp->ecn_end = tp->snd_nxt;
}

/*
 * RFC 3168 6.1.2: as if a segment were lost, but once for a window of data. Not before something is acknowledged that was sent after the last reduction, and so behind its CWR.
 * True: the window must not grow for this acknowledgement.
 */
static bool input_echo(struct tcp_sock *tp, const struct pkt *p)
{
	if (tp->is_ecn_reduced && seq_lt(tp->ecn_end, p->tcp.ack))
		tp->is_ecn_reduced = false;
	if (!(p->tcp.flags & TCP_ECE))
		return false;
	if (!tp->is_ecn_reduced && tp->ca_state < CA_RECOVERY) {
		tp->ssthresh = tp->cong->ssthresh(tp);
		tp->cwnd = MIN(tp->cwnd, tp->ssthresh);
		tcp_ecn_reduced(tp);
		NET_COUNT(tcp_ecn_reductions);
	}
	return true;
}

/* ---- reductions that were wrong: RFC 3522 (by the timestamp of the first repeat), RFC 4015 ----------------------------------- */

static void undo_begin(struct tcp_sock *tp)
{
	tp->earlier = tp->undo;
	/* A probe's duplicate says nothing of what is sent from now on. */
	tp->undo = (struct tcp_undo){ .cwnd = tp->cwnd, .ssthresh = tp->ssthresh, .w_max = tp->cubic.w_max, .mark = tp->snd_una,
				      .bytes = tp->is_tlp_out && tp->is_tlp_retrans ? tp->mss : 0, .may_undo = true };
}

static void restore(struct tcp_sock *tp, struct tcp_undo *u)
{
	tp->cwnd = MAX(tp->cwnd, u->cwnd);
	tp->ssthresh = MAX(tp->ssthresh, u->ssthresh);
	tp->cubic.w_max = u->w_max;
	tp->used_twice = 0;	/* that the smaller window was full says nothing of this one */
	u->may_undo = false;
}

/* Nothing was lost: as if it had not been believed. */
static void undo(struct tcp_sock *tp)
{
	if (tp->ca_state >= CA_RECOVERY) {
		if (tp->ca_state == CA_RECOVERY)
			tp->rack_reordering = true;
		tx_unmark_lost(tp);
		tp->ca_state = CA_OPEN;
		tp->nr_dupacks = 0;
		if (!tp->has_sack)
			tp->sacked_bytes = 0;
	}
	restore(tp, &tp->undo);
}

/* The reduction before the last one was wrong, so that the last one began from too small a window. */
static void undo_earlier(struct tcp_sock *tp)
{
	if (!tp->undo.may_undo) {
		restore(tp, &tp->earlier);
		return;
	}
	if (tp->earlier.cwnd > tp->undo.cwnd) {
		uint64_t ssthresh = (uint64_t)tp->ssthresh * tp->earlier.cwnd / tp->undo.cwnd;

		tp->ssthresh = (uint32_t)MIN(ssthresh, (uint64_t)0x7fffffff);
		tp->undo.cwnd = tp->earlier.cwnd;
	}
	tp->undo.ssthresh = MAX(tp->undo.ssthresh, tp->earlier.ssthresh);
	tp->earlier.may_undo = false;
}

/* The report of a duplicate: is it the last of what u waits for? */
static bool is_last_duplicate(struct tcp_undo *u, const struct tcp_ack_result *res)
{
	if (!u->may_undo || !u->bytes)
		return false;
	u->bytes -= MIN(u->bytes, res->dsack_end - res->dsack_start);
	return !u->bytes;
}

/*
 * RFC 3708: all that was sent again in a recovery, or since, has arrived twice. Also when the recovery is over: the last duplicate is reported with or after the
 * acknowledgement that ends it, perhaps in the next recovery.
 */
static void undo_if_all_twice(struct tcp_sock *tp, const struct pkt *p, const struct tcp_ack_result *res)
{
	if (p->tcp.flags & TCP_ECE)
		return;
	if (seq_lt(tp->undo.mark, res->dsack_end)) {
		if (is_last_duplicate(&tp->undo, res)) {
			tp->rack_reordering = true;
			undo(tp);
		}
	} else if (seq_lt(tp->earlier.mark, res->dsack_end) && is_last_duplicate(&tp->earlier, res)) {
		undo_earlier(tp);
	}
}

/* The first acknowledgement after a repeat echoes a segment from before it: the originals were only late. */
static void undo_if_wrong(struct tcp_sock *tp, const struct pkt *p, const struct tcp_ack_result *res)
{
	if (tp->ca_state < CA_RECOVERY || !tp->has_undo_ts || !res->acked || !res->has_ecr || !res->ecr || !seq_lt(res->ecr, tp->undo_ts) ||
	    p->tcp.flags & TCP_ECE)
		return;
	if (tp->ca_state == CA_RECOVERY)
		rack_note_late(tp, (tcp_ts(tp, tp->last_rcv) - res->ecr) * NSEC_PER_MSEC);
	undo(tp);
}

void tcp_enter_recovery(struct tcp_sock *tp)
{
	undo_begin(tp);
	prr_begin(tp);
	tp->ssthresh = tp->cong->ssthresh(tp);
	tp->ca_state = CA_RECOVERY;
	tp->recovery_end = tp->snd_nxt;
	tp->is_tlp_out = false;
	tcp_ecn_reduced(tp);
	if (tp->has_sack)
		NET_COUNT(tcp_sack_recovery);
	NET_COUNT(tcp_fast_retrans);
}

/* The retransmission timer ran out: RFC 5681 3.1, RFC 8985 6.3. What is not believed lost is still in flight. */
void tcp_enter_loss(struct tcp_sock *tp, nsec_t now)
{
	bool is_first = tp->ca_state < CA_RECOVERY;
	/* The window is reduced once for a flight: not again in a recovery, nor when the repeat is lost too. */
	bool is_new = is_first || !seq_lt(tp->snd_una, tp->recovery_end) || (tp->ca_state == CA_LOSS && !tp->nr_backoff);

	if (is_new) {
		undo_begin(tp);
		tp->ssthresh = tp->cong->ssthresh(tp);
	}
	tp->cong->timeout(tp);
	tp->frto = TCP_SETTING(frto) && (is_first || tp->nr_backoff) ? FRTO_ASKS : FRTO_OFF;
	tp->ca_state = CA_LOSS;
	tp->recovery_end = tp->snd_nxt;
	tp->nr_dupacks = 0;
	tp->is_tlp_out = false;
	tcp_ecn_reduced(tp);
	tx_mark_timed_out(tp, now);
	tp->cwnd = tcp_pipe(tp) + tp->mss;
}

/*
 * RFC 5682 3.1, with SACK 3.2 in spirit: after a timeout the first segment was sent again. If its acknowledgement moves on, new data goes out; if the next one reports something
 * that was sent once, the originals were only late.
 */
static void ask_if_timeout_was_right(struct tcp_sock *tp, const struct tcp_ack_result *res, bool is_dupack)
{
	uint8_t was = tp->frto;

	if (res->has_original) {
		NET_COUNT(tcp_spurious_rtos);
		undo(tp);
		tp->frto = FRTO_OFF;
		return;
	}
	if (was == FRTO_WAITS) {
		tp->frto = res->sacked_new || is_dupack || res->acked ? FRTO_OFF : FRTO_WAITS;
	} else if (res->acked && seq_lt(tp->snd_una, tp->recovery_end)) {
		bool has_new = tcp_unsent(tp) && seq_lt(tp->snd_nxt, tp->snd_una + tp->snd_wnd);

		tp->frto = has_new ? FRTO_NEW : FRTO_OFF;
	}
}

/* Without SACK: the first segment is lost, of those that went out with it nothing is known. */
static void mark_first_lost(struct tcp_sock *tp)
{
	struct tx_rec *r = list_first(&tp->tx, struct tx_rec, node);

	if (r->end - r->seq > tp->mss && !tx_split(tp, r, r->seq + tp->mss))
		return;		/* no memory: the timer will run out */
	tx_mark_lost(tp, r);
	/* What is lost is not what the duplicates stand for. */
	tp->sacked_bytes = MIN(tp->sacked_bytes, tcp_flight(tp) - tp->lost_bytes);
}

/* Without SACK: count duplicates (RFC 5681 2), each of which means that a segment has left the network. What that adds to what was delivered (RFC 6937 3). */
static uint32_t reno_dupack(struct tcp_sock *tp)
{
	tp->nr_dupacks++;
	if (tp->sacked_bytes + tp->lost_bytes + tp->mss < tcp_flight(tp))
		tp->sacked_bytes += tp->mss;
	if (tp->nr_dupacks == 3 && tp->ca_state < CA_RECOVERY && !list_is_empty(&tp->tx))
		mark_first_lost(tp);
	return tp->mss;
}

static void reno_advance(struct tcp_sock *tp, uint32_t acked)
{
	uint32_t gone = acked > tp->mss ? acked - tp->mss : 0;

	tp->nr_dupacks = 0;
	tp->sacked_bytes = tp->ca_state == CA_RECOVERY && tp->sacked_bytes > gone ? tp->sacked_bytes - gone : 0;
	if (tp->sacked_bytes + tp->lost_bytes > tcp_flight(tp))
		tp->sacked_bytes = tcp_flight(tp) - tp->lost_bytes;
	/* A partial acknowledgement: the next one is lost too (RFC 6582 3.2). */
	if (tp->ca_state == CA_RECOVERY && seq_lt(tp->snd_una, tp->recovery_end) && !list_is_empty(&tp->tx) &&
	    !(list_first(&tp->tx, struct tx_rec, node)->flags & TX_RETRANS))
		mark_first_lost(tp);
}

static inline __attribute__((always_inline)) void update_window(struct tcp_sock *tp, const struct pkt *p)
{
	uint32_t wnd = (uint32_t)p->tcp.window << tp->snd_wscale;

	if (seq_lt(p->tcp.ack, tp->snd_una))
		return;
	if (seq_lt(tp->snd_wl1, p->tcp.seq) || (tp->snd_wl1 == p->tcp.seq && (seq_lt(tp->snd_wl2, p->tcp.ack) || (tp->snd_wl2 == p->tcp.ack && wnd > tp->snd_wnd)))) {
		tp->snd_wnd = wnd;
		tp->snd_wl1 = p->tcp.seq;
		tp->snd_wl2 = p->tcp.ack;
		tp->max_wnd = MAX(tp->max_wnd, wnd);
	}
}

void tcp_rtt_samples(struct tcp_sock *tp, const struct tcp_ack_result *res, nsec_t now)
{
	nsec_t least = MAX(now - res->newest_sent, (nsec_t)1000);

	tcp_rtt_sample(tp, now - res->oldest_sent);
	tp->min_rtt = MIN(tp->min_rtt, least);
}

static void take_rtt(struct tcp_sock *tp, const struct pkt *p, const struct tcp_ack_result *res, nsec_t now)
{
	if (res->has_sample) {
		tcp_rtt_samples(tp, res, now);
	} else if (res->acked && tp->has_ts && p->tcp.has_ts && p->tcp.ts_ecr) {
		/* All of it was sent again; the timestamp says which copy arrived (RFC 7323 4.1). */
		uint32_t ms = tcp_ts(tp, now) - p->tcp.ts_ecr;

		nsec_t rtt = ms ? ms * NSEC_PER_MSEC : NSEC_PER_MSEC / 2;

		if (ms < 600000)
			tcp_rtt_sample(tp, rtt);
	}
}

/* Congestion state after the scoreboard was brought up to date. */
static void update_state(struct tcp_sock *tp, const struct tcp_ack_result *res, uint32_t delivered, bool is_echo, nsec_t now)
{
	if (unlikely(tp->ca_state == CA_LOSS && tp->frto))
		ask_if_timeout_was_right(tp, res, !res->acked && delivered);
	if (tp->ca_state >= CA_RECOVERY && seq_le(tp->recovery_end, tp->snd_una)) {
		if (tp->ca_state == CA_RECOVERY)
			tp->cwnd = tp->ssthresh;
		if (tp->reo_persist && !--tp->reo_persist)
			tp->reo_steps = 0;
		tp->ca_state = CA_OPEN;
		if (!tp->has_sack)
			tp->sacked_bytes = 0;
	}
	if (tp->lost_bytes > tp->retrans_bytes && tp->ca_state < CA_RECOVERY)
		tcp_enter_recovery(tp);
	if (tp->ca_state == CA_RECOVERY) {
		prr_ack(tp, delivered, res->acked && !res->has_lost_retrans);
		/* What a partial acknowledgement asks for goes out in any case (RFC 6582 3.2). */
		if (!tp->has_sack && res->acked)
			tp->cwnd = MAX(tp->cwnd, tcp_pipe(tp) + tp->mss);
	} else if (res->acked && !is_echo && tcp_cong_may_grow(tp))
		tp->cong->acked(tp, res->acked, now);
}

/* Something was acknowledged: forward progress. */
static inline void advance(struct tcp_sock *tp, uint32_t ack, nsec_t now)
{
	tp->bytes_acked += ack - tp->snd_una;
	tp->snd_una = ack;
	sendq_acked(tp, ack);
	if (!seq_lt(ack, tp->write_seq) && tp->busy)
		tcp_set_busy(tp, BUSY_NONE, now);
	tp->nr_backoff = 0;
	tp->first_unacked_at = 0;
	if (tp->route.neigh)
		atomic_store(&tp->route.neigh->confirmed, now, RELAXED);
}

static inline void no_xmit_timer(struct tcp_sock *tp)
{
	tp->xmit_at = NSEC_NEVER;
	tp->xmit_kind = XMIT_NONE;
}

/* Who waited for room is told of it. */
static inline void wake_writers(struct tcp_sock *tp, nsec_t now)
{
	if (atomic_load(&tp->wants_acks, RELAXED) & WANT_ROOM && tcp_may_write(tp)) {
		tcp_dont_want_acks(tp, WANT_ROOM);
		if (tp->busy == BUSY_SNDBUF)
			tcp_set_busy(tp, BUSY_SENDING, now);
		tcp_wake(tp, FILE_POLLOUT | FILE_POLLWRNORM);
	}
}

void tcp_ack_plain(struct tcp_sock *tp, struct pkt *p, nsec_t now)
{
	uint32_t ack = p->tcp.ack, flight = tcp_flight(tp), acked = ack - tp->snd_una;
	nsec_t sent_at;

	if (!acked) {
		update_window(tp, p);
		if (!flight)
			no_xmit_timer(tp);
		wake_writers(tp, now);
		return;
	}
	if (unlikely(!tx_cumulative_one(tp, ack, &sent_at))) {
		(void)tcp_ack_input(tp, p, now);
		return;
	}
	update_window(tp, p);
	advance(tp, ack, now);
	tcp_rtt_sample(tp, now - sent_at);
	if (tcp_cong_may_grow(tp))
		tp->cong->acked(tp, acked, now);
	if (flight == acked) {
		tp->used_twice = 0;	/* of the next round nothing is known */
		no_xmit_timer(tp);
	} else {
		tcp_arm_rto(tp, now);
		tlp_schedule_plain(tp, now);
	}
	wake_writers(tp, now);
}

bool tcp_ack_input(struct tcp_sock *tp, struct pkt *p, nsec_t now)
{
	uint32_t ack = p->tcp.ack, before = tp->delivered, old_wnd = tp->snd_wnd;
	struct tcp_ack_result res = { .before_una = tp->snd_una, .has_ecr = tp->has_ts && p->tcp.has_ts, .ecr = p->tcp.ts_ecr };
	bool is_old = seq_lt(ack, tp->snd_una), is_echo = false;

	/* RFC 5961 5.2: older than anything that we sent, the SYN included, or than the peer's window was ever wide. */
	if (seq_lt(ack, tp->snd_una - (uint32_t)MIN((uint64_t)tp->max_wnd, tp->bytes_acked + 1))) {
		tcp_challenge_ack(tp, now);
		return false;
	}
	if (seq_lt(tp->snd_nxt, ack)) {
		/* An established connection drops it in silence, as on Linux: the answer would tell a forger that he was near. */
		if (tp->state != TCP_ESTABLISHED)
			tcp_challenge_ack(tp, now);
		return false;
	}
	update_window(tp, p);
	if (!is_old && ack != tp->snd_una) {
		res.acked = ack - tp->snd_una;
		tx_cumulative(tp, ack, &res);
		if (unlikely(tp->marks))
			tcp_mark_acked(tp, ack);
		advance(tp, ack, now);
		if (!tp->has_sack)
			reno_advance(tp, res.acked);
	} else if (!tp->has_sack && !is_old && tcp_flight(tp) && !p->tcp.data_len && tp->snd_wnd == old_wnd && !(p->tcp.flags & TCP_FIN)) {
		before -= reno_dupack(tp);
	}
	if (tp->has_sack && p->tcp.opt_len > (tp->has_ts ? 12 : 0))	/* a duplicate may be reported when nothing is in flight any more */
		tx_sack(tp, p, &res);
	take_rtt(tp, p, &res, now);
	undo_if_wrong(tp, p, &res);
	if (unlikely(res.is_dsack))
		undo_if_all_twice(tp, p, &res);
	tlp_ack(tp, ack, res.is_dsack);
	if (tp->sacked_bytes || tp->lost_bytes || tp->rack_reordering || res.is_dsack || tp->ca_state >= CA_RECOVERY) {
		rack_update_reo(tp, &res);
		rack_detect(tp, now);
	}
	if (unlikely(tp->has_ecn) && !is_old)
		is_echo = input_echo(tp, p);
	update_state(tp, &res, tp->delivered - before, is_echo, now);
	if (tp->ca_state == CA_OPEN && !tp->is_tlp_out)
		tp->has_undo_ts = false;

	if (!tcp_flight(tp)) {
		tp->used_twice = 0;
		no_xmit_timer(tp);
		tp->is_tlp_out = false;
	} else if (res.acked && tp->xmit_kind != XMIT_REO) {
		tcp_arm_rto(tp, now);
		tlp_schedule(tp, now);
	}
	if (tp->snd_wnd && tp->xmit_kind == XMIT_PERSIST) {
		no_xmit_timer(tp);
		tp->nr_backoff = 0;
		if (tcp_flight(tp))
			tcp_arm_rto(tp, now);
	}
	wake_writers(tp, now);
	return true;
}
