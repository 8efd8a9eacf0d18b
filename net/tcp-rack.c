// SPDX-License-Identifier: MIT
/*
 * The scoreboard of what is in flight, RACK-TLP (RFC 8985), SACK (RFC 2018, 2883, 6675).
 *
 * A record is one transmission: a range of sequence numbers and when it was sent, up to 64 KiB with TSO. Records are in sequence order and cover [snd_una, snd_nxt) without gap. SACK edges
 * split them. LOST and SACKED exclude each other; RETRANS only comes with LOST.
 */
#include "libc/string.h"
#include "mmu/heap.h"
#include "net/tcp-priv.h"

/* ---- records --------------------------------------------------------------------------------------------------------- */

void tx_init(struct tcp_sock *tp)
{
	list_init(&tp->tx);
	tp->tx_spare_used = 0;
}

static struct tx_rec *rec_alloc(struct tcp_sock *tp)
{
	struct tx_rec *r;

	for (unsigned i = 0; i < ARRAY_SIZE(tp->tx_spare); i++) {
		if (!(tp->tx_spare_used & 1u << i)) {
			tp->tx_spare_used |= (uint8_t)(1u << i);
			tp->tx_spare[i].flags = TX_EMBEDDED;
			return &tp->tx_spare[i];
		}
	}
	r = kmalloc(sizeof(*r));
	if (r)
		r->flags = 0;
	return r;
}

static void rec_free(struct tcp_sock *tp, struct tx_rec *r)
{
	list_del(&r->node);
	if (r->flags & TX_EMBEDDED)
		tp->tx_spare_used &= (uint8_t)~(r == tp->tx_spare ? 1u : 2u);	/* there are two */
	else
		kfree(r);
}

bool tx_add(struct tcp_sock *tp, uint32_t seq, uint32_t end, uint8_t flags, nsec_t now)
{
	struct tx_rec *r = rec_alloc(tp);

	if (!r)
		return false;
	r->seq = seq;
	r->end = end;
	r->sent_at = now;
	r->flags |= flags;
	list_add_tail(&tp->tx, &r->node);
	return true;
}

/* r becomes [seq, at); the rest, a record of its own behind it, is returned. NULL: no memory. */
struct tx_rec *tx_split(struct tcp_sock *tp, struct tx_rec *r, uint32_t at)
{
	struct tx_rec *rest = rec_alloc(tp);
	uint8_t embedded;

	if (!rest)
		return NULL;
	embedded = rest->flags;
	rest->seq = at;
	rest->end = r->end;
	rest->sent_at = r->sent_at;
	rest->flags = (r->flags & (uint8_t)~TX_EMBEDDED) | embedded;
	r->end = at;
	r->flags &= (uint8_t)~(TX_FIN | TX_PSH);
	list_add_head(&r->node, &rest->node);
	return rest;
}

void tx_purge(struct tcp_sock *tp)
{
	while (!list_is_empty(&tp->tx))
		rec_free(tp, list_first(&tp->tx, struct tx_rec, node));
	tp->sacked_bytes = tp->lost_bytes = tp->retrans_bytes = 0;
}

/* len bytes of r leave the scoreboard. */
static void uncount(struct tcp_sock *tp, const struct tx_rec *r, uint32_t len)
{
	if (r->flags & TX_SACKED && tp->has_sack)
		tp->sacked_bytes -= len;
	if (r->flags & TX_LOST)
		tp->lost_bytes -= len;
	if (r->flags & TX_RETRANS)
		tp->retrans_bytes -= len;
}

void tx_mark_lost(struct tcp_sock *tp, struct tx_rec *r)
{
	uint32_t len = r->end - r->seq;

	if (r->flags & TX_RETRANS) {
		tp->retrans_bytes -= len;
		r->flags &= (uint8_t)~TX_RETRANS;
	}
	if (!(r->flags & TX_LOST)) {
		tp->lost_bytes += len;
		r->flags |= TX_LOST;
	}
}

/* What was SACKed and is next in order: the peer has dropped it (RFC 2018 8), and perhaps all it had SACKed. */
static bool has_reneged(const struct tcp_sock *tp)
{
	return !list_is_empty(&tp->tx) && list_first(&tp->tx, struct tx_rec, node)->flags & TX_SACKED;
}

static void mark_lost_before(struct tcp_sock *tp, nsec_t sent_before)
{
	bool is_reneged = has_reneged(tp), is_first = true;
	struct tx_rec *r;

	if (!tp->has_sack || is_reneged)
		tp->sacked_bytes = 0;
	list_for_each(r, &tp->tx, node) {
		if (is_reneged)
			r->flags &= (uint8_t)~TX_SACKED;
		if (!(r->flags & TX_SACKED) && (is_first || is_reneged || r->sent_at <= sent_before))
			tx_mark_lost(tp, r);
		is_first = false;
	}
}

void tx_mark_all_lost(struct tcp_sock *tp)
{
	mark_lost_before(tp, NSEC_NEVER);
}

void tx_mark_timed_out(struct tcp_sock *tp, nsec_t now)
{
	mark_lost_before(tp, tp->has_sack ? now - MIN(tp->rack_rtt, now) : NSEC_NEVER);
}

void tx_unmark_lost(struct tcp_sock *tp)
{
	struct tx_rec *r;

	list_for_each(r, &tp->tx, node)
		r->flags &= (uint8_t)~(TX_LOST | TX_RETRANS);
	tp->lost_bytes = tp->retrans_bytes = 0;
}

struct tx_rec *tx_next_lost(struct tcp_sock *tp)
{
	struct tx_rec *r;

	if (tp->lost_bytes == tp->retrans_bytes)
		return NULL;
	list_for_each(r, &tp->tx, node) {
		if ((r->flags & (TX_LOST | TX_RETRANS)) == TX_LOST)
			return r;
	}
	return NULL;
}

/* ---- acknowledgements ------------------------------------------------------------------------------------------------- */

static bool sent_after(nsec_t t1, uint32_t end1, nsec_t t2, uint32_t end2)
{
	return t1 > t2 || (t1 == t2 && seq_lt(end2, end1));
}

#define REO_PERSIST	16u
#define REO_STEPS_MAX	255u

void rack_note_late(struct tcp_sock *tp, nsec_t rtt)
{
	nsec_t steps = rtt > tp->rack_rtt && tp->min_rtt >= 4 ? (rtt - tp->rack_rtt) / (tp->min_rtt / 4) : 0;

	tp->rack_reordering = true;
	if (!steps)
		return;
	tp->reo_steps = MAX(tp->reo_steps, (uint32_t)MIN(steps, (nsec_t)REO_STEPS_MAX));
	tp->reo_persist = REO_PERSIST;
}

/* RFC 8985 6.2 step 2: r was delivered. */
static void delivered(struct tcp_sock *tp, const struct tx_rec *r, uint32_t len, struct tcp_ack_result *res, nsec_t now)
{
	nsec_t rtt = now - r->sent_at;

	tp->delivered += len;
	if (!(r->flags & TX_EVER_RETRANS)) {
		res->has_original |= r->flags & TX_LOST;
		if (!res->has_sample || r->sent_at < res->oldest_sent)
			res->oldest_sent = r->sent_at;
		res->newest_sent = MAX(r->sent_at, res->newest_sent);
		res->has_sample = true;
	} else if (rtt < tp->min_rtt || (res->has_ecr && seq_lt(res->ecr, tcp_ts(tp, r->sent_at)))) {
		return;		/* the acknowledgement must be of the original */
	}
	/* step 3: reordering is seen when something older than the newest delivered arrives without having been sent again */
	if (seq_lt(tp->high_sacked, r->end))
		tp->high_sacked = r->end;
	else if (seq_lt(r->end, tp->high_sacked) && !(r->flags & TX_EVER_RETRANS))
		rack_note_late(tp, rtt);
	if (sent_after(r->sent_at, r->end, tp->rack_sent_at, tp->rack_end)) {
		tp->rack_sent_at = r->sent_at;
		tp->rack_end = r->end;
		tp->rack_rtt = rtt;
		tp->rack_advanced = true;
	}
}

void tx_cumulative(struct tcp_sock *tp, uint32_t una, struct tcp_ack_result *res)
{
	nsec_t now = tp->last_rcv;
	bool has_repeated = false;

	while (!list_is_empty(&tp->tx)) {
		struct tx_rec *r = list_first(&tp->tx, struct tx_rec, node);
		uint32_t len;

		if (seq_le(una, r->seq))
			break;
		has_repeated |= r->flags & TX_EVER_RETRANS;
		len = seq_lt(una, r->end) ? una - r->seq : r->end - r->seq;
		uncount(tp, r, len);
		if (!(r->flags & TX_SACKED))
			delivered(tp, r, len, res, now);
		if (seq_lt(una, r->end)) {
			r->seq = una;
			break;
		}
		rec_free(tp, r);
	}
	/* What lay behind a hole was acknowledged when the hole was filled: that says nothing of its round trip (the SACKs that did may have been lost). */
	if (has_repeated) {
		res->has_sample = false;
		res->newest_sent = 0;
		/* Without SACK it may be the first time that we hear of what lay behind the hole. */
		res->has_original &= tp->has_sack;
	}
}

bool tx_cumulative_one(struct tcp_sock *tp, uint32_t una, nsec_t *sent_at)
{
	struct tx_rec *r = list_first(&tp->tx, struct tx_rec, node);

	if (list_is_empty(&tp->tx) || r->end != una || r->flags & ~(TX_EMBEDDED | TX_PSH) || seq_lt(una, tp->high_sacked))
		return false;
	*sent_at = r->sent_at;
	tp->delivered += una - r->seq;
	tp->high_sacked = una;
	if (sent_after(r->sent_at, una, tp->rack_sent_at, tp->rack_end)) {
		tp->rack_sent_at = r->sent_at;
		tp->rack_end = una;
		tp->rack_rtt = tp->last_rcv - r->sent_at;
		tp->rack_advanced = true;
	}
	rec_free(tp, r);
	return true;
}

/* Mark [start, end) as arrived. */
static void mark_sacked(struct tcp_sock *tp, uint32_t start, uint32_t end, struct tcp_ack_result *res)
{
	struct tx_rec *r;

	list_for_each(r, &tp->tx, node) {
		uint32_t len;

		if (seq_le(end, r->seq))
			break;
		if (seq_le(r->end, start) || r->flags & TX_SACKED)
			continue;
		if (seq_lt(r->seq, start)) {
			r = tx_split(tp, r, start);
			if (!r)
				return;
		}
		if (seq_lt(end, r->end) && !tx_split(tp, r, end))
			return;
		len = r->end - r->seq;
		uncount(tp, r, len);
		delivered(tp, r, len, res, tp->last_rcv);
		r->flags = (r->flags & (uint8_t)~(TX_LOST | TX_RETRANS)) | TX_SACKED;
		tp->sacked_bytes += len;
		res->sacked_new += len;
	}
}

/* RFC 2883 4.1, 4.2.1: the first block is a duplicate if it lies below the acknowledgement, or in the second block. next: that, or NULL. */
static bool is_duplicate(uint32_t ack, uint32_t start, uint32_t end, const uint8_t *next)
{
	uint32_t w[2];

	if (seq_le(end, ack))
		return true;
	if (!next)
		return false;
	memcpy(w, next, 8);
	return seq_le(net32(w[0]), start) && seq_le(end, net32(w[1]));
}

void tx_sack(struct tcp_sock *tp, const struct pkt *p, struct tcp_ack_result *res)
{
	const uint8_t *o = p->base + p->l4 + sizeof(struct tcp_hdr);
	unsigned len = p->tcp.opt_len;

	for (unsigned i = 0; i < len && o[i];) {
		unsigned n = o[i] == 1 ? 1 : i + 1 < len ? o[i + 1] : 0;

		if (!n || (o[i] != 1 && n < 2) || i + n > len)
			return;
		if (o[i] == 5 && n >= 10 && (n - 2) % 8 == 0) {
			for (unsigned b = 0; b < (n - 2) / 8; b++) {
				uint32_t w[2], start, end;

				memcpy(w, o + i + 2 + 8 * b, 8);
				start = net32(w[0]);
				end = net32(w[1]);
				if (!b && seq_lt(start, end) && is_duplicate(p->tcp.ack, start, end, n >= 18 ? o + i + 10 : NULL)) {
					res->is_dsack = true;
					res->dsack_start = start;
					res->dsack_end = end;
				}
				if (!seq_lt(start, end) || seq_lt(start, tp->snd_una) || seq_lt(tp->snd_nxt, end))
					continue;
				mark_sacked(tp, start, end, res);
			}
		}
		i += n;
	}
}

/* ---- RACK -------------------------------------------------------------------------------------------------------------- */

/* RFC 8985 6.2 step 4: the reordering window. Each round with a duplicate widens it; it is forgotten after that many recoveries without. */
void rack_update_reo(struct tcp_sock *tp, const struct tcp_ack_result *res)
{
	nsec_t base = tp->min_rtt / 4;

	if (res->is_dsack && seq_le(tp->reo_round, tp->snd_una)) {
		tp->reo_round = tp->snd_nxt;
		if (tp->reo_steps < REO_STEPS_MAX)
			tp->reo_steps++;
		tp->reo_persist = REO_PERSIST;
	}
	if (!tp->rack_reordering && (tp->ca_state >= CA_RECOVERY || tp->sacked_bytes >= 3u * tp->mss)) {
		tp->reo_wnd = 0;
		return;
	}
	tp->reo_wnd = MIN(base * (tp->reo_steps + 1), tp->srtt);
}

/* Step 5. */
void rack_detect(struct tcp_sock *tp, nsec_t now)
{
	nsec_t timeout = 0;
	struct tx_rec *r;

	if (tp->xmit_kind == XMIT_REO)
		tcp_arm_rto(tp, now);
	if (!tp->rack_sent_at || !tp->has_sack)
		return;
	list_for_each(r, &tp->tx, node) {
		nsec_t due;

		if (r->flags & TX_SACKED || (r->flags & (TX_LOST | TX_RETRANS)) == TX_LOST)
			continue;
		if (!sent_after(tp->rack_sent_at, tp->rack_end, r->sent_at, r->end))
			continue;
		due = r->sent_at + tp->rack_rtt + tp->reo_wnd;
		if (due <= now)
			tx_mark_lost(tp, r);
		else
			timeout = MAX(timeout, due - now);
	}
	tp->rack_advanced = false;
	if (timeout) {
		tp->xmit_kind = XMIT_REO;
		tp->xmit_at = now + timeout + NSEC_PER_MSEC;
	}
}

/* ---- tail loss probe (RFC 8985 7) --------------------------------------------------------------------------------------- */

void tlp_schedule(struct tcp_sock *tp, nsec_t now)
{
	if (!tp->has_sack || tp->ca_state != CA_OPEN || tp->sacked_bytes || tp->is_tlp_out || !IN_STATES(tp, STATES_SYNCHRONIZED) || !tcp_flight(tp))
		return;
	tlp_schedule_plain(tp, now);
}

void tlp_fire(struct tcp_sock *tp, nsec_t now)
{
	uint32_t before = tp->snd_nxt;
	struct tx_rec *r;

	/* What is late in our own device needs no probe. */
	if (!list_is_empty(&tp->tx) && !(ip_route_is_valid(&tp->route) && tcp_waits_for_room(tp))) {
		tp->is_tlp_retrans = false;
		if (tcp_unsent(tp) && seq_lt(tp->snd_nxt, tp->snd_una + tp->snd_wnd)) {
			uint32_t cwnd = tp->cwnd;

			tp->cwnd = tcp_pipe(tp) + tp->mss;	/* one segment beyond the window */
			tcp_push(tp, now, true);
			tp->cwnd = cwnd;
		}
		if (tp->snd_nxt == before) {
			uint32_t most;

			r = list_last(&tp->tx, struct tx_rec, node);
			most = tp->mss + !!(r->flags & TX_FIN);
			if (r->end - r->seq > most) {
				struct tx_rec *last = tx_split(tp, r, r->end - most);

				r = last ? last : r;
			}
			if (!(r->flags & TX_SACKED)) {
				tcp_retransmit(tp, r, now);
				tp->is_tlp_retrans = true;
			}
		}
		NET_COUNT(tcp_loss_probes);
		tp->is_tlp_out = true;
		tp->tlp_end = tp->snd_nxt;
	}
	tcp_arm_rto(tp, now);
}

/* RFC 8985 7.4.2: did the probe repair a loss? */
void tlp_ack(struct tcp_sock *tp, uint32_t ack, bool is_dsack)
{
	if (!tp->is_tlp_out || seq_lt(ack, tp->tlp_end))
		return;
	tp->is_tlp_out = false;
	/* Not retransmitted, or the original arrived too: nothing was lost. */
	if (!tp->is_tlp_retrans || is_dsack)
		return;
	tp->ssthresh = tp->cong->ssthresh(tp);
	tp->cwnd = MIN(tp->cwnd, tp->ssthresh);
	tcp_ecn_reduced(tp);
}
