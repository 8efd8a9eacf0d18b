// SPDX-License-Identifier: MIT
/*
 * Timers of a connection: retransmission (RFC 6298), loss probe and reordering (RFC 8985), window probes (RFC 9293 3.8.6.1), keepalive (3.8.4), user timeout (3.8.3), the
 * limited lives of FIN-WAIT-2 and TIME-WAIT. Delayed acknowledgements are sent by the worker, which looks at the connection anyhow.
 */
#include "libc/errno.h"
#include "net/netdev-priv.h"
#include "net/tcp-priv.h"

static void timer_fn(struct timer *t);

void tcp_timer_init(struct tcp_sock *tp)
{
	timer_init(&tp->timer, timer_fn);
	tp->armed_at = NSEC_NEVER;
	tp->xmit_at = tp->delack_at = tp->keep_at = tp->state_at = NSEC_NEVER;
	tp->rto = TCP_RTO_INIT;
}

/* Each run of timer_fn() that is to come, or waits for the lock, has a reference of its own. */
void tcp_arm_timer(struct tcp_sock *tp, nsec_t at, nsec_t slack)
{
	socket_get(&tp->so);
	if (timer_arm(&tp->timer, at, slack))
		socket_put(&tp->so);
}

void __tcp_timer_update(struct tcp_sock *tp, nsec_t next)
{
	if (tp->is_dead)
		return;
	tp->armed_at = next;
	tcp_arm_timer(tp, next, NSEC_PER_MSEC);
}

/* TCP_USER_TIMEOUT ends when it ends, not with the next try after it. */
static void clamp_to_user_timeout(struct tcp_sock *tp, nsec_t now)
{
	if (tp->user_timeout && tp->first_unacked_at)
		tp->xmit_at = MIN(tp->xmit_at, MAX(now + NSEC_PER_MSEC, tp->first_unacked_at + tp->user_timeout));
}

void tcp_arm_persist(struct tcp_sock *tp, nsec_t now)
{
	tp->xmit_kind = XMIT_PERSIST;
	tp->xmit_at = now + MAX(tcp_backed_off(tp), TCP_RTO_MIN);
	clamp_to_user_timeout(tp, now);
}

void tcp_arm_keepalive(struct tcp_sock *tp, nsec_t now)
{
	if (sock_has(&tp->so, SF_KEEPALIVE) && IN_STATES(tp, STATES_SYNCHRONIZED))
		tp->keep_at = now + tcp_keep_idle(tp);
	else
		tp->keep_at = NSEC_NEVER;
}

/* Has the peer been silent for too long? */
static bool is_given_up(const struct tcp_sock *tp, nsec_t now, unsigned retries)
{
	if (tp->user_timeout)
		return tp->first_unacked_at && now - tp->first_unacked_at >= tp->user_timeout;
	if (tp->is_orphan)
		retries = MIN(retries, TCP_SETTING(orphan_retries) ? TCP_SETTING(orphan_retries) : 8u);
	return tp->nr_backoff >= retries;
}

static void rto_fire(struct tcp_sock *tp, nsec_t now)
{
	struct tx_rec *r;

	if (list_is_empty(&tp->tx)) {
		tp->xmit_kind = XMIT_NONE;
		return;
	}
	NET_COUNT(tcp_timeouts);
	if (!tp->first_unacked_at)
		tp->first_unacked_at = list_first(&tp->tx, struct tx_rec, node)->sent_at;
	if (IN_STATES(tp, ST(SYN_SENT) | ST(SYN_RECV))) {
		unsigned max = tp->state == TCP_SYN_RECV ? TCP_SETTING(synack_retries) : tp->syn_retries ? tp->syn_retries : TCP_SETTING(syn_retries);
		/* A connection that a listener has not got yet is no business of the listener's TCP_USER_TIMEOUT. */
		bool has_limit = tp->user_timeout && !atomic_load(&tp->listener, RELAXED);

		if (tp->nr_backoff >= max || (has_limit && is_given_up(tp, now, max))) {
			NET_COUNT(tcp_attempt_fails);
			tcp_finish(tp, tp->soft_error ? tp->soft_error : ETIMEDOUT);
			return;
		}
		tp->nr_backoff++;
		tp->has_syn_timeout = true;
		list_first(&tp->tx, struct tx_rec, node)->flags |= TX_EVER_RETRANS;
		NET_COUNT(tcp_retrans_segs);
		tcp_send_syn(tp, now, tp->state == TCP_SYN_RECV);
		tcp_arm_rto(tp, now);
		return;
	}
	if (is_given_up(tp, now, TCP_SETTING(retries2))) {
		tcp_abort(tp, tp->soft_error ? tp->soft_error : ETIMEDOUT, now);
		return;
	}
	/* What is late lies in our own device, or behind what does. */
	if (ip_route_is_valid(&tp->route) && tcp_waits_for_room(tp)) {
		tp->xmit_kind = XMIT_RTO;
		tp->xmit_at = now + MIN(tcp_backed_off(tp), TCP_RESOURCE_PROBE_NS);
		return;
	}
	tcp_enter_loss(tp, now);
	if (tp->nr_backoff < 64)
		tp->nr_backoff++;
	/* A path that has gone silent may have changed. */
	if (tp->nr_backoff >= 2)
		ip_route_put(&tp->route);
	r = tx_next_lost(tp);
	if (r)
		(void)tcp_retransmit(tp, r, now);
	tcp_arm_rto(tp, now);
	clamp_to_user_timeout(tp, now);
}

/*
 * A peer that answers probes may keep its window shut for as long as it likes (RFC 9293 3.8.6.1), unless the application
 * said how long, or has gone.
 */
static bool is_probing_over(const struct tcp_sock *tp, nsec_t now)
{
	unsigned max = TCP_SETTING(retries2), orphan = TCP_SETTING(orphan_retries);
	bool is_alive = tcp_backed_off(tp) < TCP_RTO_MAX;

	if (tp->user_timeout && now - tp->first_unacked_at >= tp->user_timeout)
		return true;
	if (tp->is_orphan) {
		max = orphan || !is_alive ? orphan : 8;
		if (!is_alive && tp->nr_backoff >= max)
			return true;
	}
	return tp->nr_keep_probes >= max;	/* since the last answer */
}

static void persist_fire(struct tcp_sock *tp, nsec_t now)
{
	uint32_t before = tp->snd_nxt;

	tp->xmit_kind = XMIT_NONE;
	tp->xmit_at = NSEC_NEVER;
	if (!tcp_unsent(tp) || tcp_flight(tp))
		return;
	tp->has_more = false;
	tcp_push(tp, now, true);	/* what TCP_CORK or a small window held back */
	if (tp->snd_nxt != before)
		return;
	if (!tp->first_unacked_at)
		tp->first_unacked_at = now;
	if (is_probing_over(tp, now)) {
		tcp_abort(tp, ETIMEDOUT, now);
		return;
	}
	if (tp->nr_backoff < 64)
		tp->nr_backoff++;
	if (tp->nr_keep_probes < 255)
		tp->nr_keep_probes++;
	tcp_send_probe(tp, now);
	tcp_arm_persist(tp, now);
}

static void keep_fire(struct tcp_sock *tp, nsec_t now)
{
	nsec_t idle = tcp_keep_idle(tp), interval = tcp_keep_interval(tp);
	unsigned count = tp->keep_count ? tp->keep_count : TCP_SETTING(keep_probes);

	tp->keep_at = NSEC_NEVER;
	if (!sock_has(&tp->so, SF_KEEPALIVE) || !IN_STATES(tp, STATES_SYNCHRONIZED & ~ST(TIME_WAIT)))
		return;
	if (now - tp->last_rcv < idle || tcp_flight(tp)) {
		tp->nr_keep_probes = 0;
		tp->keep_at = (tcp_flight(tp) ? now : tp->last_rcv) + idle;
		return;
	}
	if (tp->nr_keep_probes >= count || (tp->user_timeout && tp->nr_keep_probes && now - tp->last_rcv >= tp->user_timeout)) {
		tcp_abort(tp, ETIMEDOUT, now);
		return;
	}
	tp->nr_keep_probes++;
	NET_COUNT(tcp_keepalives);
	tcp_send_probe(tp, now);
	tp->keep_at = now + interval;
}

static void xmit_fire(struct tcp_sock *tp, nsec_t now)
{
	uint8_t kind = tp->xmit_kind;

	tp->xmit_at = NSEC_NEVER;
	switch (kind) {
	case XMIT_RTO:
		rto_fire(tp, now);
		break;
	case XMIT_TLP:
		tlp_fire(tp, now);
		break;
	case XMIT_REO:
		tp->xmit_kind = XMIT_NONE;
		rack_detect(tp, now);
		if (tp->lost_bytes > tp->retrans_bytes && tp->ca_state < CA_RECOVERY)
			tcp_enter_recovery(tp);
		if (tp->xmit_kind == XMIT_NONE && tcp_flight(tp))
			tcp_arm_rto(tp, now);
		break;
	case XMIT_PERSIST:
		persist_fire(tp, now);
		break;
	}
}

static void state_fire(struct tcp_sock *tp)
{
	tp->state_at = NSEC_NEVER;
	if (IN_STATES(tp, ST(TIME_WAIT) | ST(FIN_WAIT2)))
		tcp_finish(tp, 0);
}

static void timer_fn(struct timer *t)
{
	struct tcp_sock *tp = container_of(t, struct tcp_sock, timer);
	nsec_t now;

	mutex_lock(&tp->so.lock);
	now = clock_monotonic();
	tp->armed_at = NSEC_NEVER;	/* if it was armed again while we waited for the lock, the next tcp_timer_update() may do so once more */
	/* What came meanwhile may make the expiry void. */
	if (tp->state != TCP_LISTEN)
		tcp_process(tp);
	if (!tp->is_dead && tp->xmit_at <= now)
		xmit_fire(tp, now);
	if (!tp->is_dead && tp->keep_at <= now)
		keep_fire(tp, now);
	if (!tp->is_dead && tp->state_at <= now)
		state_fire(tp);
	if (!tp->is_dead)
		tcp_output(tp, now);
	tcp_unlock(tp);
	socket_put(&tp->so);	/* this run's */
}

/* ---- room in the device ------------------------------------------------------------------------------------------------- */

static void room_came(struct netdev_waiter *w)
{
	struct tcp_sock *tp = container_of(w, struct tcp_sock, room);

	atomic_store(&tp->has_room, 1u, RELAXED);
	tcp_list_for_work(tp);		/* has_room before the look at WORK_LISTED. Pairs: tcp_work_run */
	work_urgent(&tp->work);
	socket_put(&tp->so);
}

bool __tcp_waits_for_room(struct tcp_sock *tp)
{
	struct netdev *dev = tp->route.dev;

	if (!netdev_is_full(dev, tp->tx_queue, tp->hash))
		return false;
	/* acquire: the driver has looked at its link. Pairs: tx_take_back */
	if (atomic_load(&tp->room.is_waiting, ACQUIRE))
		return true;
	tp->room.room = room_came;
	socket_get(&tp->so);
	if (netdev_wait_for_room(dev, tp->tx_queue, tp->hash, &tp->room))
		return true;
	socket_put(&tp->so);
	return false;
}

/* The worker's look: process what lies in the channel, send a delayed acknowledgement that is due. */
bool tcp_work_run(struct work *w, nsec_t now)
{
	struct tcp_sock *tp = container_of(w, struct tcp_sock, work);
	uint32_t state;
	bool is_waiting;

	if (tp->state == TCP_LISTEN) {
		if (tcp_listener_has_ready(tp) || !mpsc_is_empty(&tp->channel) || !mpsc_is_empty(&tp->attention)) {
			mutex_lock(&tp->so.lock);
			tcp_listener_process(tp);
			mutex_unlock(&tp->so.lock);
		}
		is_waiting = false;
	} else {
		bool has_room = atomic_load(&tp->has_room, RELAXED);

		/* Somebody who holds the lock is at work on it: he, or the next tick. But he may not know yet of the room in the device. */
		if (!mutex_trylock(&tp->so.lock)) {
			if (!has_room)
				return true;
			mutex_lock(&tp->so.lock);
		}
		/* A listener that was closed while a child of it finished its handshake: the child is reset. */
		if (unlikely(!mpsc_is_empty(&tp->attention) || !mpsc_is_empty(&tp->established)))
			tcp_listener_process(tp);
		tcp_process(tp);
		if (unlikely(has_room)) {
			atomic_store(&tp->has_room, 0u, RELAXED);
			if (!tp->is_dead)
				tcp_output(tp, now);
		}
		if (tp->delack_at <= now && !tp->is_dead) {
			NET_COUNT(tcp_delayed_acks);
			tcp_send_ack(tp, now);
		}
		is_waiting = !tp->is_dead && tp->delack_at != NSEC_NEVER;
		is_waiting |= sendq_trim(tp, now >= tp->last_snd + WORKER_TICK_NS);
		tcp_unlock(tp);
	}
	if (is_waiting)
		return true;
	/* Off the list; then look again: who pushed before that did not list it. */
	state = work_unlist(w);		/* and a fence: off the list before the looks. Pairs: list_for_worker */
	if ((!mpsc_is_empty(&tp->channel) || atomic_load(&tp->has_room, RELAXED) || !mpsc_is_empty(&tp->attention) || !mpsc_is_empty(&tp->established)) && work_relist(w, state))
		return true;
	socket_put(&tp->so);
	return false;
}
