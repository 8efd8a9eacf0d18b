// SPDX-License-Identifier: MIT
/*
 * Pacing, for who asks for it with SO_MAX_PACING_RATE: the data of a window is spread over time instead of sent in bursts. As Linux without its fq: the connection's own timer lets
 * the next packet go when the last one, at the rate of now, has had its time.
 */
#include "net/tcp-priv.h"

#define UNPACED_SEGMENTS	10u			/* the first ones of a connection, as Linux */
#define CREDIT_NS		(2 * NSEC_PER_MSEC)	/* what a timer that was late gives back */

void tcp_pace_begin(struct tcp_sock *tp)
{
	tp->is_paced = atomic_load(&tp->so.max_pacing_rate, RELAXED) != UINT64_MAX;
	tp->is_unpredicted = tp->marks || tp->is_paced;
}

uint64_t tcp_pacing_rate(const struct tcp_sock *tp)
{
	uint64_t most = atomic_load(&tp->so.max_pacing_rate, RELAXED), ratio, window = MAX(tp->cwnd, tcp_pipe(tp));

	if (!tp->srtt)
		return most;
	ratio = tp->cwnd < tp->ssthresh / 2 ? TCP_SETTING(pacing_ss_ratio) : TCP_SETTING(pacing_ca_ratio);
	return MIN(window * NSEC_PER_SEC / tp->srtt * ratio / 100, most);
}

bool tcp_pace_waits(struct tcp_sock *tp, nsec_t now)
{
	if (!tp->is_paced || tp->pace_at <= now || !IN_STATES(tp, ~(ST(FIN_WAIT2) | ST(TIME_WAIT))))
		return false;
	tp->state_at = tp->pace_at;
	return true;
}

/* A millisecond's data, but two segments. */
uint32_t tcp_pace_burst(const struct tcp_sock *tp)
{
	uint64_t ms = tcp_pacing_rate(tp) / 1000;

	return (uint32_t)MAX(MIN(ms - ms % tp->mss, (uint64_t)TCP_GSO_MAX), 2ull * tp->mss);
}

void tcp_pace_sent(struct tcp_sock *tp, uint32_t len, nsec_t now)
{
	uint64_t rate = tcp_pacing_rate(tp);

	if (!tp->is_paced || !rate || tp->data_segs_out < UNPACED_SEGMENTS)
		return;
	tp->pace_at = MAX(tp->pace_at, now - CREDIT_NS) + (uint64_t)len * NSEC_PER_SEC / rate;
}
