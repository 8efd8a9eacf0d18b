// SPDX-License-Identifier: MIT
/* TCP as sockets: tcp(7); creation, connect, shutdown, close, poll. */
#include "libc/errno.h"
#include "libc/random.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "net/netdev-priv.h"
#include "net/sysctl.h"
#include "net/tcp-priv.h"

#define POLL_IN		(FILE_POLLIN | FILE_POLLRDNORM)
#define POLL_OUT	(FILE_POLLOUT | FILE_POLLWRNORM | FILE_POLLWRBAND)
#define CONFIG_WAIT_MS	5000u

uint32_t tcp_nr_orphans, tcp_nr_time_wait;
uint32_t tcp_ecn_mode = TCP_ECN_AGREE;

/* ---- life ------------------------------------------------------------------------------------------------------------------ */

struct tcp_sock *tcp_sock_new(int family)
{
	struct tcp_sock *tp = KNEW(struct tcp_sock);

	_Static_assert(offsetof(struct tcp_sock, so) == 0, "socket_free() frees it");
	if (!tp)
		return NULL;
	socket_init(&tp->so, &tcp_ops, family, SOCK_STREAM, IPPROTO_TCP);
	tp->so.rcvbuf = TCP_SETTING(rmem[1]);
	tp->so.sndbuf = TCP_SETTING(wmem[1]);
	tp->state = TCP_CLOSED;
	tp->port.so = &tp->so;
	tp->port.laddr = family == AF_INET ? ip_from_v4(0) : (struct ip_addr){ .d = { 0, 0 } };
	tp->laddr = tp->raddr = tp->port.laddr;
	list_init(&tp->ofo);
	tx_init(tp);
	tcp_timer_init(tp);
	tp->work.run = tcp_work_run;
	tp->accept_tail = &tp->accept_head;
	tp->cong = tcp_cong_default();
	tp->mss = TCP_MSS_DEFAULT4;
	return tp;
}

/* As Linux: large enough for what the buffer may become, or for what the application said. */
static uint8_t pick_wscale(const struct tcp_sock *tp)
{
	uint32_t buf = atomic_load(&tp->so.rcvbuf, RELAXED), space = TCP_SETTING(rmem[2]);

	if (sock_has(&tp->so, SF_RCVBUF_SET))
		space = MIN(space, buf - buf / 4);
	if (tp->window_clamp)
		space = MIN(space, tp->window_clamp);
	space = space < 65536 ? 0 : 31 - (uint32_t)__builtin_clz(space) - 15;
	return (uint8_t)MIN(space, TCP_MAX_WSCALE);
}

void tcp_offer_options(struct tcp_sock *tp)
{
	tp->has_ts = TCP_SETTING(timestamps);
	tp->has_sack = TCP_SETTING(sack);
	tp->has_wscale = TCP_SETTING(window_scaling);
	tp->rcv_wscale = tp->has_wscale ? pick_wscale(tp) : 0;
}

nsec_t tcp_fin_timeout(const struct tcp_sock *tp)
{
	return tp->linger2_s < 0 ? 0 : (nsec_t)(tp->linger2_s ? (uint32_t)tp->linger2_s : TCP_SETTING(fin_timeout_s)) * NSEC_PER_SEC;
}

void tcp_set_state(struct tcp_sock *tp, enum tcp_state state)
{
	bool was = IN_STATES(tp, ST(ESTABLISHED) | ST(CLOSE_WAIT)), is;

	atomic_store(&tp->state, (uint8_t)state, RELAXED);
	is = IN_STATES(tp, ST(ESTABLISHED) | ST(CLOSE_WAIT));
	if (was != is)
		NET_COUNT_N(tcp_curr_estab, is ? 1 : -1);
}

void tcp_wake(struct tcp_sock *tp, uint32_t events)
{
	socket_wake(&tp->so, (unsigned)-1, events);
}

static void stop_timers(struct tcp_sock *tp)
{
	tp->xmit_at = tp->keep_at = tp->state_at = tp->delack_at = NSEC_NEVER;
	tp->xmit_kind = XMIT_NONE;
	if (tp->armed_at == NSEC_NEVER)
		return;
	/*
	 * Out of the set, and its reference with it: it must not hold the memory any longer. timer_cancel() would wait for a run of its function, which waits for our lock
	 * and then drops the reference itself.
	 */
	tp->armed_at = NSEC_NEVER;
	if (timer_arm(&tp->timer, NSEC_NEVER, 0))
		socket_put(&tp->so);
}

void tcp_finish(struct tcp_sock *tp, int error)
{
	struct tcp_sock *lp = tp->has_file ? NULL : atomic_load(&tp->listener, RELAXED);

	if (tp->is_dead)
		return;
	tp->is_dead = true;
	if (tp->state == TCP_SYN_RECV)
		tcp_child_left_syn(tp);
	if (tp->state == TCP_TIME_WAIT)
		(void)atomic_fetch_sub(&tcp_nr_time_wait, 1u, RELAXED);
	else if (tp->is_orphan)
		(void)atomic_fetch_sub(&tcp_nr_orphans, 1u, RELAXED);
	/* A child that was never accepted lets go of its listener, unless the listener's queue still has it (accept does it then). */
	if (lp && tp->state == TCP_SYN_RECV && !tp->is_fastopen) {
		atomic_store(&tp->listener, NULL, RELEASE);
		socket_put(&lp->so);
	}
	if (error)
		atomic_store(&tp->so.error, error, RELAXED);
	if (IN_STATES(tp, ST(ESTABLISHED) | ST(CLOSE_WAIT)))	/* RFC 4022 tcpEstabResets: whoever sent the reset */
		NET_COUNT(tcp_estab_resets);
	tcp_set_state(tp, TCP_CLOSED);
	stop_timers(tp);
	tx_purge(tp);
	sendq_free(tp);
	tp->snd_una = tp->snd_nxt = tp->write_seq;
	if (!tp->has_file && !atomic_load(&tp->listener, RELAXED))
		recvq_free(tp);
	ip_route_put(&tp->route);
	tcp_table_remove(tp);
	tcp_wake(tp, error ? FILE_POLLANY : 0);
}

void tcp_abort(struct tcp_sock *tp, int error, nsec_t now)
{
	if (IN_STATES(tp, STATES_SYNCHRONIZED | ST(SYN_RECV)) && tp->state != TCP_TIME_WAIT)
		tcp_send_rst(tp, now);
	tcp_finish(tp, error);
}

void tcp_enter_time_wait(struct tcp_sock *tp, nsec_t now)
{
	if (atomic_load(&tcp_nr_time_wait, RELAXED) >= TCP_MAX_TIME_WAIT) {
		tcp_finish(tp, 0);
		return;
	}
	if (tp->is_orphan)
		(void)atomic_fetch_sub(&tcp_nr_orphans, 1u, RELAXED);
	(void)atomic_fetch_add(&tcp_nr_time_wait, 1u, RELAXED);
	NET_COUNT(tcp_tw);
	tcp_set_state(tp, TCP_TIME_WAIT);
	tx_purge(tp);
	sendq_free(tp);
	tp->xmit_at = tp->keep_at = tp->delack_at = NSEC_NEVER;
	tp->xmit_kind = XMIT_NONE;
	tp->state_at = now + TCP_TIME_WAIT_NS;
	tcp_timer_update(tp);
	tcp_wake(tp, 0);
}

static void tcp_destroy(struct socket *so)
{
	struct tcp_sock *tp = tcp_of(so);
	struct tcp_sock *lp = atomic_load(&tp->listener, RELAXED);
	struct mpsc_node *n = mpsc_take_newest_first(&tp->channel);

	if (n)
		pkt_free_list(container_of(n, struct pkt, node));
	recvq_free(tp);
	tx_purge(tp);
	sendq_free(tp);
	sock_free_errors(so);
	ip_route_put(&tp->route);
	if (lp)
		socket_put(&lp->so);
	socket_free(so);
}

static int tcp_create(struct socket **out, int family, int type, int proto)
{
	struct tcp_sock *tp = tcp_sock_new(family);

	(void)type;
	(void)proto;
	if (!tp)
		return -ENOMEM;
	tp->has_file = true;
	*out = &tp->so;
	return 0;
}

/* ---- bind, connect ---------------------------------------------------------------------------------------------------------- */

static int tcp_bind(struct socket *so, const struct sock_addr *a)
{
	struct tcp_sock *tp = tcp_of(so);
	struct netdev *dev = NULL;
	struct ip_addr ip;
	uint16_t port;
	int r = inet_from_bind_addr(so, a, &ip, &port, &dev);

	if (r)
		return r;
	if (ip_is_multicast(&ip) || ip_is_broadcast(&ip, NULL))
		return -EADDRNOTAVAIL;
	if (!ip_is_any(&ip) && !ip_is_ours(&ip, NULL) && !sock_may_bind_any(so)) {
		if (!net_is_configuring())
			return -EADDRNOTAVAIL;
		net_wait_configured(CONFIG_WAIT_MS);
		if (!ip_is_ours(&ip, NULL))
			return -EADDRNOTAVAIL;
	}
	mutex_lock(&so->lock);
	if (tp->port.port || tp->state != TCP_CLOSED)
		r = -EINVAL;
	else
		r = port_bind(&tcp_ports, &tp->port, &ip, port);
	if (!r) {
		tp->laddr = ip;
		tp->lport = tp->port.port;
		tp->is_port_given = port != 0;
		if (!ip_is_any(&ip) && !ip_is_v4(&ip))
			sock_set(so, SF_V6ONLY, true);	/* as Linux says from then on */
		if (dev)
			atomic_store(&so->bound_dev, dev, RELAXED);
	}
	mutex_unlock(&so->lock);
	return r;
}

/*
 * RFC 6056 3.3.3: ports of one destination go up from a secret start. Enters the table. Ports that somebody is bound to are left out, as on Linux: with that of a listener
 * of this machine a connection to it would meet itself (RFC 9293 3.5, simultaneous open).
 */
static int insert_with_port(struct tcp_sock *tp)
{
	static uint32_t next;		/* [a] */
	uint32_t first, range = net_ports(&first), start;
	int r;

	if (tp->port.port) {
		tp->lport = tp->port.port;
		return tcp_table_insert(tp);
	}
	start = tcp_secret_hash(&tp->laddr, 0, &tp->raddr, tp->rport, 4) + atomic_fetch_add(&next, 2u, RELAXED);
	for (uint32_t i = 0; i < range; i++) {
		tp->lport = (uint16_t)(first + (start + i) % range);
		if (net_port_is_reserved(tp->lport) || port_is_bound(&tcp_ports, tp->lport))
			continue;
		r = tcp_table_insert(tp);
		if (r != -EADDRNOTAVAIL)
			return r;
	}
	return -EADDRNOTAVAIL;
}

/* Lock held, state CLOSED: the other end, and a route to it. */
static int set_target(struct tcp_sock *tp, const struct ip_addr *dst, uint16_t port)
{
	struct ip_addr bound = tp->port.port ? tp->port.laddr : tp->laddr;

	tp->raddr = *dst;
	tp->rport = port;
	ip_route_put(&tp->route);
	tp->laddr = ip_is_any(&bound) ? (ip_is_v4(dst) ? ip_from_v4(0) : (struct ip_addr){ .d = { 0, 0 } }) : bound;
	return tcp_get_route(tp);
}

/* Lock held, state SYN-SENT: the SYN, of Fast Open with what of u it may carry. Bytes, -errno. */
static int send_first(struct tcp_sock *tp, struct uio *u, bool is_fast, nsec_t now)
{
	ssize_t n = 0;

	tp->is_deferred = false;
	list_first(&tp->tx, struct tx_rec, node)->sent_at = now;
	if (is_fast)
		n = tcp_fastopen_syn(tp, u, now);
	else
		tcp_send_syn(tp, now, false);
	tcp_arm_rto(tp, now);
	tcp_timer_update(tp);
	/* To itself (RFC 9293 3.5, figure 7): SYN, SYN-ACK and ACK are for nobody else to pick up. */
	for (unsigned i = 0; i < 3 && tp->lport == tp->rport && ip_equal(&tp->laddr, &tp->raddr); i++)
		tcp_process(tp);
	return (int)n;
}

/* Lock held, state CLOSED. u: for send_first(), if is_fast. Bytes of u that were sent, -errno. */
static int start_connect(struct tcp_sock *tp, const struct ip_addr *dst, uint16_t port, struct uio *u, bool is_fast)
{
	nsec_t now = clock_monotonic();
	int r;

	r = set_target(tp, dst, port);
	if (r == -ENETUNREACH && net_is_configuring()) {
		mutex_unlock(&tp->so.lock);
		net_wait_configured(CONFIG_WAIT_MS);
		mutex_lock(&tp->so.lock);
		/* Another thread may have connected it meanwhile, or have tried in vain. */
		if (tp->state != TCP_CLOSED)
			return -EALREADY;
		r = set_target(tp, dst, port);
	}
	if (r)
		return r;
	if (tp->route.is_multicast || tp->route.is_broadcast)
		return -ENETUNREACH;
	if (ip_is_any(&tp->laddr))
		tp->laddr = tp->route.src;
	r = insert_with_port(tp);
	if (r)
		return r;
	tp->is_dead = false;
	tcp_offer_options(tp);
	tp->has_ecn = atomic_load(&tcp_ecn_mode, RELAXED) == TCP_ECN_ASK;
	tp->ecn_echo = tp->ecn_cwr = tp->is_ecn_reduced = false;
	tp->advmss = tcp_advmss(tp);
	tp->mss = tp->advmss;
	tp->ts_offset = tcp_secret_hash(&tp->laddr, tp->lport, &tp->raddr, tp->rport, 2);
	tp->iss = tcp_new_isn(&tp->laddr, tp->lport, &tp->raddr, tp->rport, now);
	tp->snd_una = tp->high_sacked = tp->iss;
	tp->snd_nxt = tp->write_seq = tp->iss + 1;
	tp->rto = TCP_RTO_INIT;
	tp->nr_backoff = 0;
	tp->cwnd = TCP_INIT_CWND * tp->mss;
	if (!tx_add(tp, tp->iss, tp->iss + 1, TX_SYN, now)) {
		tcp_finish(tp, 0);
		return -ENOMEM;
	}
	tcp_set_state(tp, TCP_SYN_SENT);
	NET_COUNT(tcp_active_opens);
	tp->has_sent_cookie = tp->has_syn_data = tp->has_syn_timeout = tp->is_syn_data_taken = false;
	/* TCP_FASTOPEN_CONNECT: the first write sends it, if data may go with it. */
	tp->is_deferred = !is_fast && tp->is_fastopen_connect && tcp_fastopen_may_defer(tp);
	return tp->is_deferred ? 0 : send_first(tp, u, is_fast || tp->is_fastopen_connect, now);
}

static bool is_connect_over(struct tcp_sock *tp)
{
	bool r;

	tcp_lock(tp);
	r = !IN_STATES(tp, ST(SYN_SENT) | ST(SYN_RECV));
	tcp_unlock(tp);
	return r;
}

static int disconnect(struct tcp_sock *tp)
{
	mutex_lock(&tp->so.lock);
	if (tp->state != TCP_LISTEN)
		tcp_abort(tp, 0, clock_monotonic());
	recvq_free(tp);
	atomic_store(&tp->so.shut, 0u, RELAXED);
	atomic_store(&tp->so.error, 0, RELAXED);
	tp->is_fin_queued = tp->is_fin_sent = tp->is_fin_received = tp->has_fin_seq = false;
	tp->urg_state = URG_NONE;
	mutex_unlock(&tp->so.lock);
	return 0;
}

static int tcp_connect(struct socket *so, const struct sock_addr *a, bool is_nonblock)
{
	struct tcp_sock *tp = tcp_of(so);
	struct netdev *dev = NULL;
	struct ip_addr dst;
	uint16_t port;
	nsec_t deadline;
	bool is_deferred = false;
	int r;

	if (a->len >= 2 && a->family == AF_UNSPEC)
		return disconnect(tp);
	r = inet_from_sockaddr(so, a, &dst, &port, &dev);
	if (r)
		return r;
	if (ip_is_any(&dst))
		dst = ip_is_v4(&dst) || so->family == AF_INET ? ip_from_v4(net32(0x7f000001)) : (struct ip_addr){ .w = { 0, 0, 0, net32(1) } };
	r = inet_check_pair(&tp->laddr, &dst);
	if (r)
		return r;
	tcp_lock(tp);
	if (dev)
		atomic_store(&so->bound_dev, dev, RELAXED);
	if (IN_STATES(tp, ST(SYN_SENT) | ST(SYN_RECV))) {
		r = tp->is_deferred ? -EISCONN : is_nonblock ? -EALREADY : 0;
	} else if (tp->state != TCP_CLOSED) {
		r = tp->state == TCP_LISTEN ? -EINVAL : tp->is_connecting ? 0 : -EISCONN;
		tp->is_connecting = false;
	} else {
		r = sock_take_error(so);	/* of an attempt that failed: told once */
		if (!r && tp->is_dead && tp->iss) {
			tp->is_fin_queued = tp->is_fin_sent = tp->is_fin_received = tp->has_fin_seq = false;
			recvq_free(tp);
			if (!tp->port.port)
				tp->laddr = so->family == AF_INET ? ip_from_v4(0) : (struct ip_addr){ .d = { 0, 0 } };
		}
		if (!r)
			r = start_connect(tp, &dst, port, NULL, false);
		is_deferred = !r && tp->is_deferred;
		tp->is_connecting = !r && is_nonblock && !is_deferred;
		if (tp->is_connecting)
			r = -EINPROGRESS;	/* even where the answer is here already, as Linux */
	}
	tcp_unlock(tp);
	if (r || is_nonblock || is_deferred)
		return r ? r : sock_take_error(so);
	deadline = sock_deadline(atomic_load(&so->snd_timeout, RELAXED));
	r = waitq_wait_until(&so->wq, "connect", 0, is_connect_over(tp), deadline, WAIT_INTERRUPTIBLE);
	if (r)
		return r == -ETIMEDOUT ? -EINPROGRESS : sock_wait_error(r, deadline);
	return sock_take_error(so);
}

/* Lock held. The part of tcp_send_first() that sends. Bytes, -errno. */
static int send_and_connect(struct tcp_sock *tp, struct sock_msg *m)
{
	struct netdev *dev = NULL;
	struct ip_addr dst;
	uint16_t port;
	int r;

	if (tp->is_deferred)
		return send_first(tp, m->uio, true, clock_monotonic());
	if (IN_STATES(tp, ST(SYN_SENT) | ST(SYN_RECV)))
		return -EALREADY;
	if (tp->state != TCP_CLOSED)
		return -EISCONN;
	r = sock_take_error(&tp->so);
	if (!r && !m->name)
		r = -EINVAL;
	if (!r)
		r = inet_from_sockaddr(&tp->so, m->name, &dst, &port, &dev);
	if (r)
		return r;
	if (dev)
		atomic_store(&tp->so.bound_dev, dev, RELAXED);
	return start_connect(tp, &dst, port, m->uio, true);
}

int tcp_send_first(struct tcp_sock *tp, struct sock_msg *m)
{
	bool is_connected;
	int n = 0, r;

	if (m->flags & MSG_FASTOPEN && (!tcp_fastopen_is_client() || (m->name && m->name->len >= 2 && m->name->family == AF_UNSPEC)))
		return -EOPNOTSUPP;
	tcp_lock(tp);
	/* The first call after a connect that did not wait is told that it has come true, as that of connect(2). */
	is_connected = tp->is_connecting && IN_STATES(tp, STATES_SYNCHRONIZED);
	if (!is_connected)
		n = send_and_connect(tp, m);
	tp->has_writer = !is_connected && n >= 0 && m->uio->left && !m->is_nonblock;
	tp->is_connecting = !is_connected && n >= 0 && m->is_nonblock;
	tcp_unlock(tp);
	if (n < 0 || is_connected)
		return n;
	if (m->is_nonblock)
		return n ? n : -EINPROGRESS;
	r = waitq_wait_until(&tp->so.wq, "connect", 0, is_connect_over(tp), sock_deadline(atomic_load(&tp->so.snd_timeout, RELAXED)), WAIT_INTERRUPTIBLE);
	if (r)
		return n ? n : r == -ETIMEDOUT ? -EINPROGRESS : r;
	r = sock_take_error(&tp->so);
	return r ? r : n;
}

/* ---- shutdown, close ---------------------------------------------------------------------------------------------------------- */

/* Lock held: no more data from the application. */
static void send_fin(struct tcp_sock *tp, nsec_t now)
{
	if (tp->is_fin_queued || !tcp_may_send(tp))
		return;
	tp->is_fin_queued = true;
	tcp_set_state(tp, tp->state != TCP_CLOSE_WAIT ? TCP_FIN_WAIT1 : TCP_LAST_ACK);
	tcp_output(tp, now);
}

static int tcp_shutdown(struct socket *so, int how)
{
	struct tcp_sock *tp = tcp_of(so);
	int r = 0;

	tcp_lock(tp);
	if (tp->state == TCP_LISTEN) {
		if (how != SHUT_WR) {
			if (tp->is_port_given)
				port_unlisten(&tcp_ports, &tp->port);
			else
				port_unbind(&tcp_ports, &tp->port);
			sock_set(so, SF_ACCEPTCONN, false);
			tcp_set_state(tp, TCP_CLOSED);
			tcp_listener_close(tp);
		}
	} else if (tp->state == TCP_SYN_SENT) {
		tcp_finish(tp, ECONNRESET);	/* who waits for the connection hears of it, as on Linux; the socket may try again */
	} else if (!IN_STATES(tp, STATES_SYNCHRONIZED | ST(SYN_RECV))) {
		r = -ENOTCONN;
	} else {
		(void)atomic_fetch_or(&so->shut, how == SHUT_RDWR ? 3u : how == SHUT_RD ? SHUT_RD_BIT : SHUT_WR_BIT, RELAXED);
		if (how != SHUT_RD)
			send_fin(tp, clock_monotonic());
	}
	tcp_unlock(tp);
	tcp_wake(tp, 0);
	return r;
}

static bool is_flushed(struct tcp_sock *tp)
{
	bool r;

	tcp_lock(tp);
	r = tp->is_dead || !IN_STATES(tp, ST(FIN_WAIT1) | ST(CLOSING) | ST(LAST_ACK));
	tcp_unlock(tp);
	return r;
}

/* Lock held. Nobody refers to it from the application any more. */
static void make_orphan(struct tcp_sock *tp, nsec_t now)
{
	if (atomic_fetch_add(&tcp_nr_orphans, 1u, RELAXED) >= TCP_MAX_ORPHANS) {
		NET_COUNT(tcp_abort_on_memory);
		tp->is_orphan = true;
		tcp_abort(tp, 0, now);
		return;
	}
	tp->is_orphan = true;
	if (tp->state == TCP_FIN_WAIT2) {
		tp->state_at = now + tcp_fin_timeout(tp);
		tcp_timer_update(tp);
	}
}

static void tcp_release(struct socket *so)
{
	struct tcp_sock *tp = tcp_of(so);
	nsec_t now = clock_monotonic();

	if (sock_has(so, SF_LINGER) && so->linger_s > 0 && IN_STATES(tp, STATES_SENDING | ST(FIN_WAIT1) | ST(CLOSING) | ST(LAST_ACK)) && !tp->rcv_bytes) {
		tcp_lock(tp);
		send_fin(tp, now);
		tcp_unlock(tp);
		(void)waitq_wait_until(&so->wq, "linger", 0, is_flushed(tp), now + (nsec_t)so->linger_s * NSEC_PER_SEC, WAIT_INTERRUPTIBLE);
	}
	port_unbind(&tcp_ports, &tp->port);
	mutex_lock(&so->lock);
	if (tp->state == TCP_LISTEN) {
		tcp_set_state(tp, TCP_CLOSED);
		tcp_process(tp);	/* SYNs that nobody will answer: reset */
		tcp_listener_close(tp);
	} else {
		tcp_process(tp);
	}
	tp->has_file = false;
	if (tp->is_dead || tp->state == TCP_CLOSED) {
		tp->is_dead = true;
	} else if (tp->state == TCP_SYN_SENT) {
		tcp_finish(tp, 0);
	} else if (tp->rcv_bytes && tp->state != TCP_TIME_WAIT) {
		tcp_abort(tp, 0, now);		/* RFC 2525 2.17: data is lost, so say it */
	} else if (tp->state != TCP_TIME_WAIT && sock_has(so, SF_LINGER) && !so->linger_s) {
		/* Who has nothing more to say, and has heard all, goes in silence, as on Linux. */
		if (IN_STATES(tp, ST(CLOSING) | ST(LAST_ACK)) && tp->is_fin_sent)
			tcp_finish(tp, 0);
		else
			tcp_abort(tp, 0, now);
	} else {
		send_fin(tp, now);
		if (!tp->is_dead && tp->state != TCP_TIME_WAIT)
			make_orphan(tp, now);
	}
	recvq_free(tp);
	tcp_unlock(tp);
}

/* ---- poll, names -------------------------------------------------------------------------------------------------------------- */

static uint32_t listener_poll(struct tcp_sock *tp)
{
	uint32_t events;

	mutex_lock(&tp->so.lock);
	tcp_listener_process(tp);
	events = tp->accept_head ? POLL_IN : 0;
	mutex_unlock(&tp->so.lock);
	return events;
}

uint32_t tcp_poll(struct socket *so)
{
	struct tcp_sock *tp = tcp_of(so);
	uint32_t shut, events = 0;

	if (atomic_load(&tp->state, RELAXED) == TCP_LISTEN)
		return listener_poll(tp);
	tcp_lock(tp);
	shut = atomic_load(&so->shut, RELAXED);
	if (tp->plain_word == TCP_PLAIN && tp->urg_state == URG_NONE && !shut && !atomic_load(&so->error, RELAXED) && !sock_has_errqueue(so) && tcp_may_write(tp)) {
		/* As below, where nothing else is to be found. */
		events = tp->rcv_bytes && (tp->rcv_bytes >= atomic_load(&so->rcvlowat, RELAXED) || tp->rcv_adv == tp->rcv_nxt) ? POLL_IN | POLL_OUT : POLL_OUT;
		tcp_unlock(tp);
		return events;
	}
	if (tp->is_fin_received)
		shut |= SHUT_RD_BIT;
	if (tcp_has_data(tp) && (tp->rcv_bytes >= atomic_load(&so->rcvlowat, RELAXED) || tp->rcv_adv == tp->rcv_nxt))
		events |= POLL_IN;
	if (shut & SHUT_RD_BIT)
		events |= POLL_IN | FILE_POLLRDHUP;
	if (tp->urg_state == URG_VALID)
		events |= FILE_POLLPRI;
	if (IN_STATES(tp, ST(SYN_SENT) | ST(SYN_RECV)) && !tp->is_fastopen) {
		events |= tp->is_deferred ? POLL_OUT : 0;
	} else if (tp->is_fin_queued || tp->state == TCP_CLOSED || tcp_may_write(tp)) {
		events |= POLL_OUT;
	} else {
		tcp_want_acks(tp, WANT_ROOM);
		/* An acknowledgement that came before it was set has woken nobody. */
		tcp_process(tp);
		if (tcp_may_write(tp))
			events |= POLL_OUT;
	}
	if (tp->state == TCP_CLOSED || (shut & SHUT_RD_BIT && tp->is_fin_queued))
		events |= FILE_POLLHUP;
	if (tp->state == TCP_CLOSED && tp->iss)
		events |= POLL_IN | FILE_POLLRDHUP;
	if (atomic_load(&so->error, RELAXED) || sock_has_errqueue(so))
		events |= FILE_POLLERR;
	tcp_unlock(tp);
	return events;
}

static int tcp_getname(struct socket *so, struct sock_addr *out, enum sock_name whose)
{
	struct tcp_sock *tp = tcp_of(so);
	int r = 0;

	tcp_lock(tp);
	if (!whose)
		inet_to_sockaddr(so, out, &tp->laddr, tp->lport, tp->route.dev);
	else if (IN_STATES(tp, STATES_SYNCHRONIZED & ~ST(TIME_WAIT)) || ((tp->is_fastopen || whose == SOCK_NAME_ACCEPTED) && tp->rport))
		inet_to_sockaddr(so, out, &tp->raddr, tp->rport, tp->route.dev);
	else
		r = -ENOTCONN;
	tcp_unlock(tp);
	return r;
}

static int tcp_queued(struct socket *so, unsigned what, int *out)
{
	struct tcp_sock *tp = tcp_of(so);

	if (tp->state == TCP_LISTEN)
		return -EINVAL;
	tcp_lock(tp);
	switch (what) {
	case 0x541b:	/* SIOCINQ */
		*out = (int)tp->rcv_bytes;
		break;
	case 0x5411:	/* SIOCOUTQ */
		*out = (int)sendq_bytes(tp);
		break;
	case 0x894b:	/* SIOCOUTQNSD */
		*out = (int)tcp_unsent(tp);
		break;
	case 0x8905:	/* SIOCATMARK */
		*out = tp->urg_state != URG_NONE && tp->urg_seq == tp->copied_seq;
		break;
	}
	tcp_unlock(tp);
	return 0;
}

static void tcp_keepalive_changed(struct socket *so)
{
	struct tcp_sock *tp = tcp_of(so);

	mutex_lock(&so->lock);
	tcp_arm_keepalive(tp, clock_monotonic());
	tcp_timer_update(tp);
	mutex_unlock(&so->lock);
}

static int tcp_stamp_base(struct socket *so, uint32_t *key)
{
	struct tcp_sock *tp = tcp_of(so);
	int r = 0;

	tcp_lock(tp);
	if (IN_STATES(tp, ST(CLOSED) | ST(LISTEN)))
		r = -EINVAL;
	*key = tp->snd_una;
	tcp_unlock(tp);
	return r;
}

static void tcp_pacing_changed(struct socket *so)
{
	struct tcp_sock *tp = tcp_of(so);

	tcp_lock(tp);
	tcp_pace_begin(tp);
	if (tp->state != TCP_LISTEN)
		tcp_output(tp, clock_monotonic());
	tcp_unlock(tp);
}

const struct socket_ops tcp_ops = {
	.pacing_changed = tcp_pacing_changed,
	.stamp_base = tcp_stamp_base,
	.keepalive_changed = tcp_keepalive_changed,
	.bind = tcp_bind,
	.connect = tcp_connect,
	.listen = tcp_listen,
	.accept = tcp_accept,
	.shutdown = tcp_shutdown,
	.getname = tcp_getname,
	.send = tcp_send,
	.recv = tcp_recv,
	.poll = tcp_poll,
	.setopt = tcp_setopt,
	.getopt = tcp_getopt,
	.queued = tcp_queued,
	.release = tcp_release,
	.destroy = tcp_destroy,
};

NET_PROTO(tcp4, .family = AF_INET, .type = SOCK_STREAM, .proto = IPPROTO_TCP, .is_default = true, .create = tcp_create);
NET_PROTO(tcp6, .family = AF_INET6, .type = SOCK_STREAM, .proto = IPPROTO_TCP, .is_default = true, .create = tcp_create);
