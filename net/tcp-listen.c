// SPDX-License-Identifier: MIT
/*
 * Listeners. SYNs lie in the listener's channel until a thread in accept, poll or epoll, or the worker, makes connections of them. These enter the table at once, in
 * SYN-RECEIVED. A child with packets puts itself on the listener's `attention` list, one that has become established on `established`; both are lock-free lists, so a
 * child never needs the listener's lock, and whoever holds the listener's lock may take a child's.
 *
 * More children in SYN-RECEIVED than listen(2) allows to wait: SYN cookies, unless tcp_syncookies says no. A cookie is a sequence number that says when and with which
 * options, and proves that we made it.
 */
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "net/bpf.h"
#include "net/csum.h"
#include "net/netdev-priv.h"
#include "net/tcp-priv.h"
#include "sched/poller.h"

#define POLL_IN		(FILE_POLLIN | FILE_POLLRDNORM)
#define COOKIE_NS	(64 * NSEC_PER_SEC)	/* a cookie's counter; valid for this and the last one */

/* ---- children ------------------------------------------------------------------------------------------------------------- */

void tcp_child_left_syn(struct tcp_sock *tp)
{
	struct tcp_sock *lp = atomic_load(&tp->listener, RELAXED);

	if (!lp)
		return;
	(void)atomic_fetch_sub(&lp->nr_half_open, 1u, RELAXED);
	if (tp->is_fastopen)
		(void)atomic_fetch_sub(&lp->nr_fastopen, 1u, RELAXED);
}

static void queue_child(struct tcp_sock *lp, struct tcp_sock *tp)
{
	(void)atomic_fetch_add(&lp->nr_accept, 1u, RELAXED);
	socket_get(&tp->so);
	(void)mpsc_push(&lp->established, &tp->accept_node);
	tcp_list_for_work(lp);	/* if it is closed meanwhile, the worker empties its lists */
	socket_wake(&lp->so, 1, POLL_IN);
}

void tcp_child_established(struct tcp_sock *tp)
{
	struct tcp_sock *lp = atomic_load(&tp->listener, RELAXED);

	if (!lp)
		return;
	tcp_child_left_syn(tp);
	NET_COUNT(tcp_passive_opens);
	if (!tp->is_fastopen)
		queue_child(lp, tp);
}

/* A child from a SYN or a cookie: identity, options, buffers of the listener. Not in the table yet. NULL: no memory. */
static struct tcp_sock *make_child(struct tcp_sock *lp, const struct pkt *p, const struct tcp_syn_opts *opts)
{
	const struct tcp_hdr *h = (const struct tcp_hdr *)(p->base + p->l4);
	struct tcp_sock *tp = tcp_sock_new(lp->so.family);

	if (!tp)
		return NULL;
	tp->so.flags = atomic_load(&lp->so.flags, RELAXED) & ~SF_ACCEPTCONN;
	tp->so.rcvbuf = lp->so.rcvbuf;
	tp->so.sndbuf = lp->so.sndbuf;
	tp->so.rcv_timeout = lp->so.rcv_timeout;
	tp->so.snd_timeout = lp->so.snd_timeout;
	tp->so.linger_s = lp->so.linger_s;
	tp->so.max_pacing_rate = atomic_load(&lp->so.max_pacing_rate, RELAXED);
	tcp_pace_begin(tp);
	tp->so.priority = lp->so.priority;
	tp->so.mark = lp->so.mark;
	tp->so.bound_dev = lp->so.bound_dev;
	tp->so.cred = lp->so.cred;
	sock_inherit_filter(&tp->so, &lp->so);
	tp->is_nodelay = lp->is_nodelay;
	tp->is_cork = lp->is_cork;
	tp->keep_idle = lp->keep_idle;
	tp->keep_interval = lp->keep_interval;
	tp->keep_count = lp->keep_count;
	tp->user_timeout = lp->user_timeout;
	tp->linger2_s = lp->linger2_s;
	tp->wants_inq = lp->wants_inq;
	tp->is_thin_linear = lp->is_thin_linear;
	tp->tx_delay = lp->tx_delay;
	tp->user_mss = lp->user_mss;
	tp->window_clamp = lp->window_clamp;
	tp->notsent_lowat = lp->notsent_lowat;
	tp->cong = lp->cong;
	memcpy(tp->opts, lp->opts, sizeof(tp->opts));
	tp->so.inet = lp->so.inet;
	tp->so.stamping = lp->so.stamping;
	tp->laddr = p->dst;
	tp->raddr = p->src;
	tp->lport = net16(h->dport);
	tp->rport = net16(h->sport);
	tp->ts_offset = tcp_secret_hash(&tp->laddr, tp->lport, &tp->raddr, tp->rport, 2);
	if (ip_is_link_local(&tp->raddr) && !tp->so.bound_dev)
		tp->so.bound_dev = p->dev;
	if (tcp_get_route(tp)) {
		socket_put(&tp->so);
		return NULL;
	}
	tp->advmss = (uint16_t)(tp->route.mtu - (ip_is_v4(&tp->raddr) ? IP4_HLEN : IP6_HLEN) - sizeof(struct tcp_hdr));
	if (tp->user_mss)
		tp->advmss = MIN(tp->advmss, tp->user_mss);
	tcp_offer_options(tp);
	tcp_apply_syn_opts(tp, opts);
	tp->has_ecn = opts->has_ecn && atomic_load(&tcp_ecn_mode, RELAXED) != TCP_ECN_NEVER;
	if (p->tcp.has_ts) {
		tp->ts_recent = p->tcp.ts_val;
		tp->ts_recent_at = p->time;
	}
	return tp;
}

static void drop_child(struct tcp_sock *tp)
{
	ip_route_put(&tp->route);
	socket_put(&tp->so);
}

/* ---- SYN cookies ------------------------------------------------------------------------------------------------------------ */

/* What the sequence number cannot hold goes into our timestamp, which comes back: low 6 bits wscale (15: none), SACK. */
static const uint16_t cookie_mss[8] = { 88, 536, 1220, 1300, 1380, 1440, 1460, 8940 };

static uint32_t cookie_hash(const struct pkt *p, const struct tcp_hdr *h, uint32_t seq, uint32_t count)
{
	return tcp_secret_hash(&p->dst, net16(h->dport), &p->src, net16(h->sport), (uint64_t)seq << 32 | (count << 8 | 3)) & 0xffffff;
}

/* [counter: 5 bits][mss: 3 bits][hash: 24 bits] */
static uint32_t cookie_make(const struct pkt *p, const struct tcp_syn_opts *o, nsec_t now)
{
	const struct tcp_hdr *h = (const struct tcp_hdr *)(p->base + p->l4);
	uint32_t count = (uint32_t)(now / COOKIE_NS), mss = o->mss ? o->mss : TCP_MSS_DEFAULT4, i = 7;

	while (i && cookie_mss[i] > mss)
		i--;
	return (count & 31) << 27 | i << 24 | cookie_hash(p, h, p->tcp.seq, count << 3 | i);
}

static bool cookie_check(const struct pkt *p, nsec_t now, struct tcp_syn_opts *o)
{
	const struct tcp_hdr *h = (const struct tcp_hdr *)(p->base + p->l4);
	uint32_t cookie = p->tcp.ack - 1, i = cookie >> 24 & 7, count = (uint32_t)(now / COOKIE_NS);

	for (unsigned age = 0; age < 2; age++, count--) {
		if ((count & 31) != cookie >> 27 || cookie_hash(p, h, p->tcp.seq - 1, count << 3 | i) != (cookie & 0xffffff))
			continue;
		*o = (struct tcp_syn_opts){ .mss = cookie_mss[i], .has_ts = p->tcp.has_ts };
		if (p->tcp.has_ts) {
			o->wscale = p->tcp.ts_ecr & 15;
			o->has_wscale = o->wscale != 15;
			o->has_sack = p->tcp.ts_ecr & 16;
		}
		return true;
	}
	return false;
}

static void cookie_send(struct tcp_sock *lp, struct pkt *p, const struct tcp_syn_opts *o, nsec_t now)
{
	struct tcp_sock *tp = make_child(lp, p, o);

	if (!tp)
		return;
	tp->rcv_nxt = tp->rcv_adv = tp->last_ack_sent = p->tcp.seq + 1;
	tp->iss = cookie_make(p, o, now);
	tp->has_ecn = false;		/* the cookie does not remember it */
	if (tp->has_ts) {
		uint32_t ts = tcp_ts(tp, now) & ~31u;

		tp->ts_offset += (ts | (tp->has_wscale ? o->wscale : 15u) | (tp->has_sack ? 16u : 0)) - tcp_ts(tp, now);
	} else {
		tp->has_wscale = tp->has_sack = false;	/* nowhere to remember them */
	}
	NET_COUNT(tcp_syncookies_sent);
	tcp_send_syn(tp, now, true);
	drop_child(tp);
}

/* ---- segments for the listener ------------------------------------------------------------------------------------------------ */

/* The child's lock held. The SYN has a good cookie: its data is taken, and the child can be accepted and written to at once. */
static void open_fast(struct tcp_sock *lp, struct tcp_sock *tp, const struct pkt *p, nsec_t now)
{
	struct pkt *copy = p->tcp.data_len ? pkt_copy(p, 0) : NULL;

	tp->is_fastopen = true;
	(void)atomic_fetch_add(&lp->nr_fastopen, 1u, RELAXED);
	tcp_start_transfer(tp, now);
	if (copy) {
		copy->tcp = p->tcp;
		copy->tcp.seq++;
		copy->time = p->time;
		tp->rcv_adv = tp->rcv_nxt + tcp_receive_window(tp);
		recvq_data(tp, copy, now);
		tp->is_syn_data_taken = true;
		tp->delack_at = NSEC_NEVER;	/* the answer acknowledges it */
		tp->nr_unacked_segs = 0;
	}
	tp->needs_ack_now = false;
	queue_child(lp, tp);
}

static bool is_accept_full(const struct tcp_sock *lp)
{
	return atomic_load(&lp->nr_accept, RELAXED) > atomic_load(&lp->backlog, RELAXED);
}

/* What becomes of a SYN, by how many handshakes are under way: Linux's rules for the settings' values. */
enum syn_fate { SYN_DROP, SYN_COOKIE, SYN_TAKE };

static enum syn_fate judge_syn(const struct tcp_sock *lp, const struct pkt *p)
{
	uint32_t nr = atomic_load(&lp->nr_half_open, RELAXED), cookies = TCP_SETTING(syncookies), max = TCP_SETTING(max_syn_backlog);

	if (cookies == 2 || nr > atomic_load(&lp->backlog, RELAXED))
		return cookies ? SYN_COOKIE : SYN_DROP;
	/* Without cookies the last quarter is for hosts that are known: of those there is only this one. */
	return !cookies && (int32_t)(max - nr) < (int32_t)max >> 2 && !ip_is_ours(&p->src, NULL) ? SYN_DROP : SYN_TAKE;
}

static void syn_received(struct tcp_sock *lp, struct pkt *p, nsec_t now)
{
	enum syn_fate fate = judge_syn(lp, p);
	struct tcp_syn_opts opts;
	struct tcp_sock *tp;
	bool has_data;

	if (is_accept_full(lp))
		NET_COUNT(tcp_listen_overflows);
	if (is_accept_full(lp) || fate == SYN_DROP) {
		NET_COUNT(tcp_listen_drops);
		return;
	}
	tcp_parse_syn(p, &opts);
	if (fate == SYN_COOKIE) {
		lp->cookies_until = now + 2 * COOKIE_NS;
		cookie_send(lp, p, &opts, now);
		return;
	}
	has_data = tcp_fastopen_try(lp, p, &opts.cookie);
	tp = make_child(lp, p, &opts);
	if (!tp) {
		NET_COUNT(tcp_listen_drops);
		return;
	}
	mutex_lock(&tp->so.lock);
	tp->irs = p->tcp.seq;
	tp->rcv_nxt = tp->rcv_adv = tp->copied_seq = tp->last_ack_sent = p->tcp.seq + 1;
	tp->iss = tcp_new_isn(&tp->laddr, tp->lport, &tp->raddr, tp->rport, now);
	tp->snd_una = tp->high_sacked = tp->iss;
	tp->snd_nxt = tp->write_seq = tp->iss + 1;
	tp->snd_wnd = tp->max_wnd = p->tcp.window;
	tp->snd_wl1 = p->tcp.seq;
	tp->state = TCP_SYN_RECV;
	tp->last_rcv = now;
	socket_get(&lp->so);
	atomic_store(&tp->listener, lp, RELEASE);
	(void)atomic_fetch_add(&lp->nr_half_open, 1u, RELAXED);
	(void)tx_add(tp, tp->iss, tp->iss + 1, TX_SYN, now);
	if (tcp_table_insert(tp)) {
		/* A twin: a repeated SYN that came before the first one's connection was in the table. */
		tcp_finish(tp, 0);
	} else {
		if (has_data)
			open_fast(lp, tp, p, now);
		tcp_send_syn_with(tp, &opts.cookie, 0, now);
		tcp_arm_rto(tp, now);
		tcp_timer_update(tp);
	}
	mutex_unlock(&tp->so.lock);
	socket_put(&tp->so);
}

static void ack_received(struct tcp_sock *lp, struct pkt *p, nsec_t now)
{
	struct tcp_syn_opts opts;
	struct tcp_sock *tp;

	if (now >= lp->cookies_until || !TCP_SETTING(syncookies) || !cookie_check(p, now, &opts)) {
		if (now < lp->cookies_until)
			NET_COUNT(tcp_syncookies_failed);
		tcp_send_reset(p);
		pkt_free(p);
		return;
	}
	tp = is_accept_full(lp) ? NULL : make_child(lp, p, &opts);
	if (!tp) {
		NET_COUNT(tcp_listen_drops);
		pkt_free(p);
		return;
	}
	NET_COUNT(tcp_syncookies_recv);
	mutex_lock(&tp->so.lock);
	tp->irs = p->tcp.seq - 1;
	tp->rcv_nxt = tp->rcv_adv = tp->copied_seq = tp->last_ack_sent = p->tcp.seq;
	tp->rcv_adv += MIN(65535u, tcp_receive_window(tp));
	tp->iss = p->tcp.ack - 1;
	tp->snd_una = tp->high_sacked = tp->iss;
	tp->snd_nxt = tp->write_seq = tp->iss + 1;
	tp->state = TCP_SYN_RECV;
	if (tp->has_ts)
		tp->ts_offset += p->tcp.ts_ecr - tcp_ts(tp, now);	/* our clock goes on from what the cookie showed */
	socket_get(&lp->so);
	atomic_store(&tp->listener, lp, RELEASE);
	(void)atomic_fetch_add(&lp->nr_half_open, 1u, RELAXED);
	if (tcp_table_insert(tp)) {
		tcp_finish(tp, 0);
		pkt_free(p);
	} else {
		tp->nr_backoff = lp->defer_accept;	/* there is no SYN-ACK to repeat: TCP_DEFER_ACCEPT does not hold it back */
		tcp_segment(tp, p, now);
		tp->nr_backoff = 0;
		if (!tp->is_dead)
			tcp_output(tp, now);
	}
	mutex_unlock(&tp->so.lock);
	socket_put(&tp->so);
}

/* RFC 9293 3.10.7.2. take. */
void tcp_listener_segment(struct tcp_sock *lp, struct pkt *p, nsec_t now)
{
	const struct tcp_hdr *h = (const struct tcp_hdr *)(p->base + p->l4);
	uint8_t flags = p->tcp.flags;
	struct tcp_sock *tp;
	uint32_t hash;

	/* Since it was classified its connection may have been made. */
	tp = tcp_lookup(&p->dst, net16(h->dport), &p->src, net16(h->sport), &hash);
	if (tp) {
		mutex_lock(&tp->so.lock);
		tcp_segment(tp, p, now);
		if (!tp->is_dead)
			tcp_output(tp, now);
		mutex_unlock(&tp->so.lock);
		socket_put(&tp->so);
		return;
	}
	if (flags & TCP_ACK) {
		ack_received(lp, p, now);
		return;
	}
	if ((flags & (TCP_SYN | TCP_RST)) == TCP_SYN)
		syn_received(lp, p, now);
	pkt_free(p);
}

static void collect_established(struct tcp_sock *lp)
{
	struct mpsc_node *n = mpsc_take(&lp->established);

	if (!n)
		return;
	*lp->accept_tail = n;
	while (n->next)
		n = n->next;
	lp->accept_tail = &n->next;
}

/* lp's lock held. */
void tcp_listener_process(struct tcp_sock *lp)
{
	struct mpsc_node *n;

	tcp_process(lp);
	n = mpsc_take(&lp->attention);
	while (n) {
		struct tcp_sock *tp = container_of(n, struct tcp_sock, attention_node);

		n = n->next;
		atomic_store(&tp->needs_attention, 0u, RELAXED);
		atomic_fence(SEQ_CST);	/* cleared before its channel is emptied: a later packet puts it back. Pairs: list_for_worker, before give_to_listener */
		mutex_lock(&tp->so.lock);
		tcp_process(tp);
		mutex_unlock(&tp->so.lock);
		socket_put(&tp->so);
	}
	collect_established(lp);
	if (lp->state != TCP_LISTEN)
		tcp_listener_close(lp);
}

bool tcp_listener_has_ready(struct tcp_sock *lp)
{
	return atomic_load(&lp->accept_head, RELAXED) || !mpsc_is_empty(&lp->established);
}

/* lp's lock held, state not LISTEN any more: its children that nobody accepted are reset. */
void tcp_listener_close(struct tcp_sock *lp)
{
	struct mpsc_node *n;

	collect_established(lp);
	while ((n = lp->accept_head)) {
		struct tcp_sock *tp = container_of(n, struct tcp_sock, accept_node);

		lp->accept_head = n->next;
		(void)atomic_fetch_sub(&lp->nr_accept, 1u, RELAXED);
		mutex_lock(&tp->so.lock);
		if (!tp->is_dead)
			tcp_abort(tp, 0, clock_monotonic());
		mutex_unlock(&tp->so.lock);
		socket_put(&tp->so);
	}
	lp->accept_tail = &lp->accept_head;
	n = mpsc_take(&lp->attention);
	while (n) {
		struct tcp_sock *tp = container_of(n, struct tcp_sock, attention_node);

		n = n->next;
		atomic_store(&tp->needs_attention, 0u, RELAXED);
		socket_put(&tp->so);
	}
}

/* ---- calls ---------------------------------------------------------------------------------------------------------------------- */

int tcp_listen(struct socket *so, int backlog)
{
	struct tcp_sock *tp = tcp_of(so);
	int r = 0;

	mutex_lock(&so->lock);
	if (tp->state == TCP_LISTEN) {
		;
	} else if (tp->state != TCP_CLOSED) {
		r = -EINVAL;
	} else {
		struct ip_addr laddr = tp->port.laddr;	/* any, or what was bound before a shutdown(2) */

		if (!tp->port.port)
			r = port_bind(&tcp_ports, &tp->port, &laddr, 0);
		if (!r) {
			tp->lport = tp->port.port;
			tp->accept_tail = &tp->accept_head;
			tp->is_dead = false;
			tcp_set_state(tp, TCP_LISTEN);
			sock_set(so, SF_ACCEPTCONN, true);
			r = port_listen(&tcp_ports, &tp->port);
			if (r)
				tcp_set_state(tp, TCP_CLOSED);
		}
	}
	if (!r)
		tcp_fastopen_listen(tp, (unsigned)backlog);
	if (!r)
		atomic_store(&tp->backlog, sock_backlog(backlog), RELAXED);
	mutex_unlock(&so->lock);
	return r;
}

/* lp's lock held. The oldest established child, its reference becomes the caller's. */
static struct tcp_sock *take_child(struct tcp_sock *lp)
{
	struct mpsc_node *n = lp->accept_head;
	struct tcp_sock *tp;

	if (!n)
		return NULL;
	tp = container_of(n, struct tcp_sock, accept_node);
	lp->accept_head = n->next;
	if (!lp->accept_head)
		lp->accept_tail = &lp->accept_head;
	(void)atomic_fetch_sub(&lp->nr_accept, 1u, RELAXED);
	return tp;
}

static bool is_accept_over(struct tcp_sock *lp)
{
	bool r;

	mutex_lock(&lp->so.lock);
	tcp_listener_process(lp);
	r = lp->accept_head || lp->state != TCP_LISTEN;
	mutex_unlock(&lp->so.lock);
	return r;
}

int tcp_accept(struct socket *so, struct socket **out, bool is_nonblock)
{
	struct tcp_sock *lp = tcp_of(so), *tp;
	nsec_t deadline = NSEC_NEVER;
	bool has_deadline = false;
	int r;

	for (;;) {
		mutex_lock(&so->lock);
		if (lp->state != TCP_LISTEN) {
			mutex_unlock(&so->lock);
			return -EINVAL;
		}
		tcp_listener_process(lp);
		tp = take_child(lp);
		mutex_unlock(&so->lock);
		if (tp)
			break;
		if (is_nonblock)
			return -EAGAIN;
		if (!has_deadline) {
			deadline = sock_deadline(atomic_load(&so->rcv_timeout, RELAXED));
			has_deadline = true;
		}
		r = waitq_wait_exclusive(&so->wq, "accept", POLL_IN, is_accept_over(lp) || (poller_look(true) && is_accept_over(lp)), deadline, WAIT_INTERRUPTIBLE);
		if (r)
			return sock_wait_error(r, deadline);
	}
	mutex_lock(&tp->so.lock);
	if (tp->state == TCP_SYN_RECV)
		tcp_child_left_syn(tp);
	tp->has_file = true;
	atomic_store(&tp->listener, NULL, RELEASE);
	mutex_unlock(&tp->so.lock);
	socket_put(&lp->so);	/* what tp->listener held; the caller's file keeps it alive */
	*out = &tp->so;
	return 0;
}
