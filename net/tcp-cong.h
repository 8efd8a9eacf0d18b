/* SPDX-License-Identifier: MIT
 *
 * A part of net/tcp-priv.h, which includes it: what is in flight, lost and found, and how much may be. The socket's lock is held everywhere.
 */
#pragma once

#include "net/tcp-priv.h"

/* ---- tcp-rack.c */
struct tcp_ack_result {
	uint32_t acked, sacked_new;	/* bytes newly acknowledged in order; newly SACKed */
	uint32_t ecr;			/* in: the timestamp it echoes, if has_ecr */
	nsec_t oldest_sent, newest_sent;	/* of segments newly acknowledged, if has_sample */
	bool has_sample, is_dsack, has_lost_retrans, has_ecr;
	bool has_original;		/* something that was believed lost, but never sent again */
	uint32_t before_una;
	uint32_t dsack_start, dsack_end;	/* if is_dsack */
};
/* Of an acknowledgement with has_sample: SRTT takes the oldest, the least RTT the newest. */
void tcp_rtt_samples(struct tcp_sock *tp, const struct tcp_ack_result *res, nsec_t now);
void tx_init(struct tcp_sock *tp);
/* Note that [seq, end) was sent now. False: no memory (the segment must not be sent). */
bool tx_add(struct tcp_sock *tp, uint32_t seq, uint32_t end, uint8_t flags, nsec_t now);
struct tx_rec *tx_split(struct tcp_sock *tp, struct tx_rec *r, uint32_t at);
void tx_cumulative(struct tcp_sock *tp, uint32_t una, struct tcp_ack_result *res);
/* The same, if una ends the oldest record and that was sent once, with nothing newer delivered before. False: nothing was done. *sent_at: for the RTT. */
bool tx_cumulative_one(struct tcp_sock *tp, uint32_t una, nsec_t *sent_at);
void tx_sack(struct tcp_sock *tp, const struct pkt *p, struct tcp_ack_result *res);
void tx_purge(struct tcp_sock *tp);
void tx_mark_lost(struct tcp_sock *tp, struct tx_rec *r);
void tx_mark_all_lost(struct tcp_sock *tp);
/* The timer ran out: the first one, and what was sent so long ago that it should have been acknowledged (RFC 8985 6.3). */
void tx_mark_timed_out(struct tcp_sock *tp, nsec_t now);
void tx_unmark_lost(struct tcp_sock *tp);
/* The first piece to be sent again, or NULL. */
struct tx_rec *tx_next_lost(struct tcp_sock *tp);
/* RFC 8985 6.2: mark what must be lost; sets the reordering timer. */
void rack_detect(struct tcp_sock *tp, nsec_t now);
/* Something arrived that had been overtaken, after that time: the window is to be wide enough for the next one. */
void rack_note_late(struct tcp_sock *tp, nsec_t rtt);
void rack_update_reo(struct tcp_sock *tp, const struct tcp_ack_result *res);
void tlp_schedule(struct tcp_sock *tp, nsec_t now);
/* The same where something is in flight and nothing out of the ordinary (TCP_PLAIN). */
static inline void tlp_schedule_plain(struct tcp_sock *tp, nsec_t now)
{
	nsec_t pto = tp->srtt ? 2 * tp->srtt : NSEC_PER_SEC;

	if (tcp_flight(tp) <= tp->mss)
		pto += TCP_WCDELACK_NS;
	pto = MIN(MAX(pto, 2 * NSEC_PER_MSEC), tp->rto);	/* never after the timer would have run out */
	tp->xmit_kind = XMIT_TLP;
	tp->xmit_at = now + pto;
}
void tlp_fire(struct tcp_sock *tp, nsec_t now);
void tlp_ack(struct tcp_sock *tp, uint32_t ack, bool is_dsack);

/* ---- tcp-cong.c */
struct tcp_cong {
	const char *name;
	void (*init)(struct tcp_sock *tp);
	void (*acked)(struct tcp_sock *tp, uint32_t bytes, nsec_t now);	/* not in recovery */
	uint32_t (*ssthresh)(struct tcp_sock *tp);			/* on loss */
	void (*timeout)(struct tcp_sock *tp);
};
extern const struct tcp_cong tcp_cubic, tcp_reno;
const struct tcp_cong *tcp_cong_find(const char *name);
const struct tcp_cong *tcp_cong_default(void);	/* of new sockets: sysctl-tcp.c */
/* A window that would shrink for not being used. */
static inline bool tcp_cong_is_large(const struct tcp_sock *tp)
{
	return unlikely(tp->cwnd > TCP_INIT_CWND * tp->mss);
}
/* Data is about to be sent with nothing in flight and a large window (RFC 5681 4.1). */
void tcp_cong_restart(struct tcp_sock *tp, nsec_t now);
/* Data was sent, or the window forbids it; is_limited: that. Less than a segment in flight uses no window, and need not be told if it is not large. */
void __tcp_cong_unlimited(struct tcp_sock *tp, nsec_t now);
static inline void tcp_cong_sent(struct tcp_sock *tp, bool is_limited, nsec_t now)
{
	uint32_t flight = tp->snd_nxt - tp->snd_una, twice = is_limited ? CWND_LIMITED : flight < tp->mss ? 0 : 2 * flight;

	if (twice > tp->used_twice || is_limited || (tp->used_twice && seq_le(tp->used_end, tp->snd_una))) {
		tp->used_twice = twice;
		tp->used_end = tp->snd_nxt;
	}
	if (tcp_cong_is_large(tp))
		__tcp_cong_unlimited(tp, now);
}
/*
 * May acknowledgements make the window grow? Only one that is used: who sends less learns nothing about more. In slow start it may be twice what is used, as the acknowledgements
 * of a flight make it so while the next one builds up.
 */
static inline bool tcp_cong_may_grow(const struct tcp_sock *tp)
{
	return tp->cwnd < tp->used_twice && (tp->used_twice == CWND_LIMITED || tp->cwnd < tp->ssthresh);
}
/* ---- tcp-pace.c */
/* SO_MAX_PACING_RATE may have changed. */
void tcp_pace_begin(struct tcp_sock *tp);
/* Bytes a second that the window lets pass, and SO_MAX_PACING_RATE. UINT64_MAX: not known, no limit. */
uint64_t tcp_pacing_rate(const struct tcp_sock *tp);
/* Must data wait, because the connection is paced? Then the timer goes on with it. */
bool tcp_pace_waits(struct tcp_sock *tp, nsec_t now);
/* The most that may be sent at once. */
uint32_t tcp_pace_burst(const struct tcp_sock *tp);
void tcp_pace_sent(struct tcp_sock *tp, uint32_t len, nsec_t now);

/* ---- tcp-cong.c again */
void prr_begin(struct tcp_sock *tp);
void prr_ack(struct tcp_sock *tp, uint32_t delivered, bool is_snd_una_advanced);
