// SPDX-License-Identifier: MIT
/* Congestion control: NewReno (RFC 5681, 6582), CUBIC (RFC 9438) with HyStart, proportional rate reduction (RFC 6937). All in bytes; fixed point. */
#include "libc/string.h"
#include "net/tcp-priv.h"

static bool slow_start(struct tcp_sock *tp, uint32_t *bytes)
{
	uint32_t room;

	if (tp->cwnd >= tp->ssthresh)
		return false;
	room = tp->ssthresh - tp->cwnd;
	if (*bytes <= room) {
		tp->cwnd += *bytes;
		return true;
	}
	tp->cwnd = tp->ssthresh;
	*bytes -= room;
	return false;
}

/* ---- NewReno ---------------------------------------------------------------------------------------------------------- */

static void reno_init(struct tcp_sock *tp)
{
	memset(&tp->cubic, 0, sizeof(tp->cubic));
}

static void reno_acked(struct tcp_sock *tp, uint32_t bytes, nsec_t now)
{
	(void)now;
	if (slow_start(tp, &bytes))
		return;
	/* RFC 5681 3.1: one segment for each window of bytes. */
	tp->cubic.cwnd_acc += bytes;
	while (tp->cubic.cwnd_acc >= tp->cwnd) {
		tp->cubic.cwnd_acc -= tp->cwnd;
		tp->cwnd += tp->mss;
	}
}

static uint32_t reno_ssthresh(struct tcp_sock *tp)
{
	return MAX(tp->cwnd / 2, 2u * tp->mss);
}

static void reno_timeout(struct tcp_sock *tp)
{
	tp->cubic.cwnd_acc = 0;
}

const struct tcp_cong tcp_reno = { "reno", reno_init, reno_acked, reno_ssthresh, reno_timeout };

/* ---- CUBIC -------------------------------------------------------------------------------------------------------------- */

static uint32_t cube_root(uint64_t x)
{
	uint64_t r = 0;

	for (int bit = 20; bit >= 0; bit--) {
		uint64_t t = r | 1ull << bit;

		if (t * t * t <= x)
			r = t;
	}
	return (uint32_t)r;
}

/* Section 4.2: W(t) = C (t - K)^3 + W_max, C = 0.4 segments / s^3. t in ms; bytes. */
static uint32_t cubic_window(const struct tcp_sock *tp, int64_t t_ms)
{
	int64_t d = t_ms - tp->cubic.k_ms, w;

	d = MIN(MAX(d, (int64_t)-100000), (int64_t)100000);
	w = d * d * d / 1000000 * 4 * tp->mss / 10000 + tp->cubic.origin;
	return (uint32_t)MIN(MAX(w, (int64_t)2 * tp->mss), (int64_t)0x3fffffff);
}

static void cubic_begin_epoch(struct tcp_sock *tp, nsec_t now)
{
	tp->cubic.epoch = now;
	tp->cubic.w_est = tp->cwnd;
	tp->cubic.cwnd_acc = tp->cubic.est_acc = 0;
	if (tp->cwnd < tp->cubic.w_max) {
		/* Section 4.2: K = cbrt((W_max - cwnd) / C) */
		tp->cubic.k_ms = cube_root((uint64_t)(tp->cubic.w_max - tp->cwnd) * 2500000000ull / tp->mss);
		tp->cubic.origin = tp->cubic.w_max;
	} else {
		tp->cubic.k_ms = 0;
		tp->cubic.origin = tp->cwnd;
	}
}

/*
 * HyStart (RFC 9406 4 for the delay; Ha and Rhee, "Taming the elephants", for the train), with Linux's numbers: slow start ends before it overflows a queue, when the round trip
 * gets longer, or when the acknowledgements of a round come in one train for half of the shortest round trip.
 */
#define HYSTART_SEGMENTS	16u
#define HYSTART_SAMPLES		8u
#define HYSTART_GAP		(2 * NSEC_PER_MSEC)
#define HYSTART_MIN_THRESH	(4 * NSEC_PER_MSEC)
#define HYSTART_MAX_THRESH	(16 * NSEC_PER_MSEC)

static bool is_slow_start_over(struct tcp_sock *tp, nsec_t now)
{
	nsec_t longer = MIN(MAX(tp->min_rtt / 8, HYSTART_MIN_THRESH), HYSTART_MAX_THRESH);
	bool is_train;

	if (!tp->cubic.has_round || seq_lt(tp->cubic.round_end, tp->snd_una)) {
		tp->cubic.has_round = true;
		tp->cubic.round_end = tp->snd_nxt;
		tp->cubic.round_start = tp->cubic.train_end = now;
		tp->cubic.round_rtt = NSEC_NEVER;
		tp->cubic.nr_samples = 0;
	}
	if (tp->cwnd < HYSTART_SEGMENTS * tp->mss)
		return false;
	is_train = now - tp->cubic.train_end <= HYSTART_GAP;
	if (is_train)
		tp->cubic.train_end = now;
	tp->cubic.round_rtt = MIN(tp->cubic.round_rtt, tp->rack_rtt);
	if (tp->cubic.nr_samples < HYSTART_SAMPLES)
		tp->cubic.nr_samples++;
	else if (tp->cubic.round_rtt > tp->min_rtt + longer)
		return true;
	return is_train && now - tp->cubic.round_start > tp->min_rtt / 2;
}

static void cubic_acked(struct tcp_sock *tp, uint32_t bytes, nsec_t now)
{
	uint32_t target;
	uint64_t inc;

	if (tp->cwnd < tp->ssthresh && !tp->cubic.has_left && tp->ca_state == CA_OPEN && is_slow_start_over(tp, now)) {
		tp->cubic.has_left = true;
		tp->ssthresh = tp->cwnd;
	}
	if (slow_start(tp, &bytes))
		return;
	if (!tp->cubic.epoch)
		cubic_begin_epoch(tp, now);
	else if (now - tp->cubic.last > tp->rto)
		tp->cubic.epoch += now - tp->cubic.last;	/* RFC 9438 5.8: when the window was not used does not count */
	tp->cubic.last = now;
	target = cubic_window(tp, (int64_t)((now - tp->cubic.epoch + tp->srtt) / NSEC_PER_MSEC));
	target = MIN(MAX(target, tp->cwnd), tp->cwnd + tp->cwnd / 2);
	inc = (uint64_t)(target - tp->cwnd) * bytes / tp->cwnd;

	/* Section 4.3, Reno-friendly: alpha = 3 (1 - beta) / (1 + beta) = 9/17 until W_max is reached, then 1. */
	tp->cubic.est_acc += tp->cubic.w_est < tp->cubic.w_max ? (uint32_t)((uint64_t)bytes * 9 / 17) : bytes;
	while (tp->cubic.est_acc >= tp->cwnd) {
		tp->cubic.est_acc -= tp->cwnd;
		tp->cubic.w_est += tp->mss;
	}
	if (tp->cubic.w_est > tp->cwnd + inc)
		tp->cwnd = tp->cubic.w_est;
	else
		tp->cwnd += (uint32_t)inc;
}

/* Sections 4.6, 4.7: beta = 0.7, fast convergence. */
static uint32_t cubic_ssthresh(struct tcp_sock *tp)
{
	tp->cubic.w_max = tp->cwnd < tp->cubic.w_max ? (uint32_t)((uint64_t)tp->cwnd * 17 / 20) : tp->cwnd;
	tp->cubic.epoch = 0;
	return MAX((uint32_t)((uint64_t)tp->cwnd * 7 / 10), 2u * tp->mss);
}

static void cubic_timeout(struct tcp_sock *tp)
{
	tp->cubic.epoch = 0;
	tp->cubic.has_left = tp->cubic.has_round = false;
}

const struct tcp_cong tcp_cubic = { "cubic", reno_init, cubic_acked, cubic_ssthresh, cubic_timeout };

const struct tcp_cong *tcp_cong_find(const char *name)
{
	if (!strcmp(name, "cubic"))
		return &tcp_cubic;
	return !strcmp(name, "reno") ? &tcp_reno : NULL;
}

/* ---- a window that is not used ------------------------------------------------------------------------------------------- */

/* What an application that does not fill the window, or pauses, keeps of it. */
static uint32_t initial_window(const struct tcp_sock *tp)
{
	return MIN(tp->cwnd, TCP_INIT_CWND * tp->mss);
}

static void remember_window(struct tcp_sock *tp)
{
	tp->ssthresh = MAX(tp->ssthresh, tp->cwnd - tp->cwnd / 4);
}

/* As Linux: the window halves with each timeout of the pause, so that a short one costs little; the way back is slow start. */
void tcp_cong_restart(struct tcp_sock *tp, nsec_t now)
{
	nsec_t pause = now - tp->last_data_snd;
	uint32_t least = initial_window(tp);

	if (pause <= tp->rto || tp->cwnd <= least || !TCP_SETTING(slow_start_after_idle))
		return;
	remember_window(tp);
	for (; pause > tp->rto && tp->cwnd > least; pause -= tp->rto)
		tp->cwnd /= 2;
	tp->cwnd = MAX(tp->cwnd, least);
	tp->limited_at = now;
	tp->unlimited_most = 0;
}

/* RFC 7661 4.4 in spirit: what was not used for a timeout's time is no longer known to be there. */
void __tcp_cong_unlimited(struct tcp_sock *tp, nsec_t now)
{
	uint32_t used;

	if (tcp_cong_may_grow(tp)) {
		tp->limited_at = now;
		tp->unlimited_most = 0;
		return;
	}
	tp->unlimited_most = MAX(tp->unlimited_most, tcp_flight(tp));
	if (now - tp->limited_at < tp->rto || !TCP_SETTING(slow_start_after_idle))
		return;
	used = MAX(tp->unlimited_most, initial_window(tp));
	if (tp->ca_state == CA_OPEN && used < tp->cwnd && !atomic_load(&tp->room.is_waiting, RELAXED)) {
		remember_window(tp);
		tp->cwnd = (tp->cwnd + used) / 2;
	}
	tp->limited_at = now;
	tp->unlimited_most = 0;
}

/* ---- PRR ---------------------------------------------------------------------------------------------------------------- */

void prr_begin(struct tcp_sock *tp)
{
	tp->prr_delivered = tp->prr_out = 0;
	tp->prr_flight = MAX(tcp_flight(tp), (uint32_t)tp->mss);
}

void prr_ack(struct tcp_sock *tp, uint32_t delivered, bool is_snd_una_advanced)
{
	uint32_t pipe = tcp_pipe(tp);
	int64_t send;

	if (!delivered)
		return;
	tp->prr_delivered += delivered;
	if (pipe > tp->ssthresh) {
		send = (int64_t)DIV_ROUND_UP((uint64_t)tp->prr_delivered * tp->ssthresh, tp->prr_flight) - tp->prr_out;
	} else {
		int64_t limit = (int64_t)tp->prr_delivered - tp->prr_out;

		if (is_snd_una_advanced)	/* PRR-SSRB when things go well */
			limit = MAX(limit, (int64_t)delivered) + tp->mss;
		send = MIN((int64_t)tp->ssthresh - pipe, limit);
	}
	/* The first retransmission always goes out (fast retransmit). */
	if (send < tp->mss && !tp->prr_out)
		send = tp->mss;
	tp->cwnd = pipe + (uint32_t)MAX(send, (int64_t)0);
}
