// SPDX-License-Identifier: MIT
/*
 * The receive queue: packets in order, from which recv(2) copies; and runs of data beyond a gap. A run is a chain of packets without holes in it; runs never touch or
 * overlap, so there are as many as there are gaps, and they are the SACK blocks.
 */
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "net/pkt-uio.h"
#include "net/tcp-priv.h"
#include "sched/poller.h"

#define COALESCE_MAX	512u	/* copy payloads up to this behind the last packet's instead of keeping a page for each */
#define MAX_RUNS	64u
#define TCP_CM_INQ	36
#define POLL_IN		(FILE_POLLIN | FILE_POLLRDNORM)

struct ofo_run {
	struct list node;
	uint32_t seq, end, stamp;
	struct pkt *head, *tail;
};

static void account(struct tcp_sock *tp, const struct pkt *p)
{
	tp->rcv_memory += p->truesize;
}

static void unaccount(struct tcp_sock *tp, const struct pkt *p)
{
	tp->rcv_memory -= p->truesize;
}

static void drop(struct tcp_sock *tp, struct pkt *p)
{
	unaccount(tp, p);
	pkt_free(p);
}

static void free_run(struct tcp_sock *tp, struct ofo_run *r)
{
	while (r->head) {
		struct pkt *p = r->head;

		r->head = pkt_next(p);
		drop(tp, p);
	}
	list_del(&r->node);
	kfree(r);
}

void recvq_free(struct tcp_sock *tp)
{
	while (!list_is_empty(&tp->ofo))
		free_run(tp, list_first(&tp->ofo, struct ofo_run, node));
	while (tp->rcv_head) {
		struct pkt *p = tp->rcv_head;

		atomic_store(&tp->rcv_head, pkt_next(p), RELAXED);
		drop(tp, p);
	}
	tp->rcv_tail = NULL;
	tp->rcv_bytes = 0;
}

/* ---- in order -------------------------------------------------------------------------------------------------------- */

/* A small payload goes behind the last packet's, if there is room in its memory. */
static bool coalesce(struct tcp_sock *tp, struct pkt *p)
{
	struct pkt *t = tp->rcv_tail;
	uint8_t *end;

	if (!t || p->len > COALESCE_MAX || t->nr_segs != 1 || !(t->flags & (PKT_IN_PAGE | PKT_IN_POOL)))
		return false;
	end = t->seg[0].data + t->seg[0].len;
	if ((size_t)((uint8_t *)t - end) < p->len)
		return false;
	pkt_copy_out(p, 0, end, p->len);
	pkt_put(t, p->len);
	t->tcp.data_len += p->len;
	t->time = p->time;
	pkt_free(p);
	return true;
}

static void append(struct tcp_sock *tp, struct pkt *p)
{
	tp->rcv_bytes += p->len;
	tp->rcv_nxt += p->len;
	tp->bytes_received += p->len;
	if (coalesce(tp, p))
		return;
	account(tp, p);
	pkt_set_next(p, NULL);
	if (tp->rcv_tail)
		pkt_set_next(tp->rcv_tail, p);
	else
		atomic_store(&tp->rcv_head, p, RELAXED);
	tp->rcv_tail = p;
}

/* What was beyond the gap and follows now. */
static void absorb(struct tcp_sock *tp)
{
	while (!list_is_empty(&tp->ofo)) {
		struct ofo_run *r = list_first(&tp->ofo, struct ofo_run, node);

		if (seq_lt(tp->rcv_nxt, r->seq))
			return;
		while (r->head) {
			struct pkt *p = r->head;

			r->head = pkt_next(p);
			unaccount(tp, p);
			append(tp, p);
		}
		list_del(&r->node);
		kfree(r);
	}
}

/* ---- out of order ------------------------------------------------------------------------------------------------------ */

static void remember_duplicate(struct tcp_sock *tp, uint32_t seq, uint32_t end)
{
	if (TCP_SETTING(dsack)) {
		tp->dsack_seq = seq;
		tp->dsack_end = end;
	}
	NET_COUNT(tcp_dup_data);
}

/* Cut p to what no run holds yet, seen from its front; runs that it covers whole are dropped. False: nothing is left (p freed). */
static bool cut_overlap(struct tcp_sock *tp, struct pkt *p)
{
	struct ofo_run *r, *tmp;

	list_for_each_safe(r, tmp, &tp->ofo, node) {
		uint32_t seq = p->tcp.seq, end = seq + p->len;

		if (seq_le(end, r->seq))
			return true;
		if (seq_le(r->end, seq))
			continue;
		if (seq_lt(seq, r->seq)) {
			if (seq_lt(r->end, end)) {
				free_run(tp, r);
				continue;
			}
			pkt_trim_to(p, r->seq - seq);
			return true;
		}
		if (seq_le(end, r->end)) {
			remember_duplicate(tp, seq, end);
			r->stamp = ++tp->ofo_stamp;
			pkt_free(p);
			return false;
		}
		remember_duplicate(tp, seq, r->end);
		pkt_trim_head(p, r->end - seq);
		p->tcp.seq = r->end;
	}
	return true;
}

/* p overlaps nothing: extend a run, join two, or make one. */
static void insert_run(struct tcp_sock *tp, struct pkt *p)
{
	uint32_t seq = p->tcp.seq, end = seq + p->len;
	struct ofo_run *r, *before = NULL, *after = NULL;
	unsigned nr = 0;

	list_for_each(r, &tp->ofo, node) {
		nr++;
		if (seq_le(r->end, seq))
			before = r;
		else if (!after)
			after = r;
	}
	pkt_set_next(p, NULL);
	account(tp, p);
	if (before && before->end == seq) {
		pkt_set_next(before->tail, p);
		before->tail = p;
		before->end = end;
		before->stamp = ++tp->ofo_stamp;
		if (after && after->seq == end) {
			pkt_set_next(p, after->head);
			before->tail = after->tail;
			before->end = after->end;
			list_del(&after->node);
			kfree(after);
		}
		return;
	}
	if (after && after->seq == end) {
		pkt_set_next(p, after->head);
		after->head = p;
		after->seq = seq;
		after->stamp = ++tp->ofo_stamp;
		return;
	}
	r = nr < MAX_RUNS ? kmalloc(sizeof(*r)) : NULL;
	if (!r) {
		NET_COUNT(tcp_rcv_pruned);
		drop(tp, p);
		return;
	}
	*r = (struct ofo_run){ .seq = seq, .end = end, .stamp = ++tp->ofo_stamp, .head = p, .tail = p };
	if (before)
		list_add_head(&before->node, &r->node);
	else
		list_add_head(&tp->ofo, &r->node);
}

/* Too much memory for what it holds: data beyond gaps goes first; it was not acknowledged (RFC 2018 8 allows reneging). */
static void prune(struct tcp_sock *tp)
{
	uint32_t limit = atomic_load(&tp->so.rcvbuf, RELAXED) * 4;

	while (tp->rcv_memory > limit && !list_is_empty(&tp->ofo)) {
		NET_COUNT(tcp_rcv_pruned);
		free_run(tp, list_last(&tp->ofo, struct ofo_run, node));
	}
}

unsigned recvq_sack_blocks(struct tcp_sock *tp, uint32_t out[8], unsigned max)
{
	uint32_t last = (uint32_t)-1;
	struct ofo_run *r;
	unsigned n = 0;

	if (tp->dsack_seq != tp->dsack_end && max) {	/* RFC 2883 4: first */
		out[0] = net32(tp->dsack_seq);
		out[1] = net32(tp->dsack_end);
		tp->dsack_seq = tp->dsack_end;
		n = 1;
	}
	for (; n < max; n++) {
		struct ofo_run *best = NULL;

		list_for_each(r, &tp->ofo, node) {
			if (r->stamp < last && (!best || r->stamp > best->stamp))
				best = r;
		}
		if (!best)
			break;
		last = best->stamp;
		out[2 * n] = net32(best->seq);
		out[2 * n + 1] = net32(best->end);
	}
	return n;
}

/* ---- a segment's payload -------------------------------------------------------------------------------------------- */

static void note_urgent(struct tcp_sock *tp, const struct pkt *p)
{
	uint32_t off = tp->urg_seq - p->tcp.seq;

	if (tp->urg_state == URG_PENDING && off < p->len) {
		pkt_copy_out(p, off, &tp->urg_byte, 1);
		tp->urg_state = URG_VALID;
		tcp_wake(tp, FILE_POLLPRI);
	}
}

static void in_order(struct tcp_sock *tp, struct pkt *p, nsec_t now)
{
	unsigned nr = 1;

	/* A merged packet asks for as many acknowledgements as its segments would. */
	if (unlikely(p->len > tp->mss || p->gso_size))
		nr = MAX(p->len > tp->mss ? 2u : 1u, pkt_nr_wire(p));
	tp->nr_unacked_segs = (uint8_t)MIN(tp->nr_unacked_segs + nr, 255u);
	tp->data_segs_in += nr;
	tp->last_data_rcv = now;
	append(tp, p);
	if (!tp->delack_at || tp->delack_at == NSEC_NEVER)
		tp->delack_at = now + TCP_DELACK_NS;
	if (unlikely(atomic_load(&tp->so.is_async, RELAXED)))
		tcp_wake(tp, FILE_POLLIN | FILE_POLLRDNORM);
}

static __attribute__((noinline)) void unusual_data(struct tcp_sock *tp, struct pkt *p, nsec_t now)
{
	uint32_t seq = p->tcp.seq, end = seq + p->len, edge;

	if (seq_le(end, tp->rcv_nxt)) {
		remember_duplicate(tp, seq, end);
		tp->needs_ack_now = true;
		pkt_free(p);
		return;
	}
	if (seq_lt(seq, tp->rcv_nxt)) {
		remember_duplicate(tp, seq, tp->rcv_nxt);
		pkt_trim_head(p, tp->rcv_nxt - seq);
		seq = p->tcp.seq = tp->rcv_nxt;
		tp->needs_ack_now = true;
	}
	edge = tp->rcv_adv;
	if (seq_lt(edge, end)) {
		if (seq_le(edge, seq) && !(seq == tp->rcv_nxt && !tp->rcv_head && list_is_empty(&tp->ofo))) {
			tp->needs_ack_now = true;
			pkt_free(p);
			return;
		}
		if (seq_lt(seq, edge))
			pkt_trim_to(p, edge - seq);
		tp->needs_ack_now = true;
	}
	note_urgent(tp, p);
	if (seq == tp->rcv_nxt) {
		bool filled_gap = !list_is_empty(&tp->ofo);

		if (filled_gap && !cut_overlap(tp, p))
			return;
		in_order(tp, p, now);
		if (filled_gap) {
			absorb(tp);
			tp->needs_ack_now = true;	/* RFC 5681 4.2 */
		}
		return;
	}
	NET_COUNT(tcp_ofo_queue);
	tp->needs_ack_now = true;
	if (cut_overlap(tp, p))
		insert_run(tp, p);
	prune(tp);
}

void recvq_data(struct tcp_sock *tp, struct pkt *p, nsec_t now)
{
	uint32_t seq = p->tcp.seq;

	/* The usual: next in order, in the window, no gap before or behind it. */
	if (likely(seq == tp->rcv_nxt && seq_le(seq + p->len, tp->rcv_adv) && list_is_empty(&tp->ofo) && tp->urg_state != URG_PENDING))
		in_order(tp, p, now);
	else
		unusual_data(tp, p, now);
}

/* ---- recv(2) ---------------------------------------------------------------------------------------------------------- */

bool tcp_has_data(const struct tcp_sock *tp)
{
	return tp->rcv_bytes > (tp->urg_state == URG_VALID && tp->copied_seq == tp->urg_seq && !sock_has(&tp->so, SF_OOBINLINE));
}

/* Lock held. Drop n bytes from the front. */
static void consume(struct tcp_sock *tp, uint32_t n)
{
	tp->rcv_bytes -= n;
	tp->copied_seq += n;
	while (n) {
		struct pkt *p = tp->rcv_head;

		if (n < p->len) {
			pkt_trim_head(p, n);
			return;
		}
		n -= p->len;
		atomic_store(&tp->rcv_head, pkt_next(p), RELAXED);
		if (!tp->rcv_head)
			tp->rcv_tail = NULL;
		drop(tp, p);
	}
}

/* Lock held. Copy from offset off of the queue, up to the urgent mark. Bytes, -EFAULT. */
static ssize_t copy_some(struct tcp_sock *tp, struct uio *u, uint32_t off, bool discard)
{
	uint32_t limit = tp->rcv_bytes - off;
	struct pkt *p = tp->rcv_head;
	ssize_t done = 0;

	if (tp->urg_state != URG_NONE) {
		uint32_t mark = tp->urg_seq - (tp->copied_seq + off);

		if (mark < limit && mark > 0)
			limit = mark;
	}
	for (; p && off >= p->len; p = pkt_next(p))
		off -= p->len;
	while (p && u->left && limit) {
		uint32_t n = MIN(MIN(p->len - off, limit), (uint32_t)MIN(u->left, (size_t)UINT32_MAX));
		ssize_t r;

		if (discard) {	/* MSG_TRUNC: tcp(7) */
			u->left -= n;
			r = (ssize_t)n;
		} else {
			r = pkt_to_uio(p, off, u, n);
		}
		if (r < 0)
			return done ? done : r;
		done += r;
		limit -= (uint32_t)r;
		if (r < (ssize_t)n)
			break;
		off = 0;
		p = pkt_next(p);
	}
	return done;
}

/* Lock held. The urgent byte is not part of the stream unless SO_OOBINLINE. */
void __recvq_skip_urgent(struct tcp_sock *tp)
{
	if ((tp->urg_state == URG_VALID || tp->urg_state == URG_READ) && !sock_has(&tp->so, SF_OOBINLINE) && tp->copied_seq == tp->urg_seq && tp->rcv_bytes) {
		consume(tp, 1);
		if (tp->urg_state == URG_READ)
			tp->urg_state = URG_NONE;
	}
}

/* Lock held. Autotuning: the buffer is to hold twice what the application reads in a round trip. */
static void tune_buffer(struct tcp_sock *tp, uint32_t copied, nsec_t now)
{
	uint32_t buf = atomic_load(&tp->so.rcvbuf, RELAXED), want;

	tp->rtune_copied += copied;
	if (now < tp->rtune_at)
		return;
	want = tp->rtune_copied * 4;
	if (want > buf && !sock_has(&tp->so, SF_RCVBUF_SET) && tp->rtune_copied < TCP_SETTING(rmem[2]))
		atomic_store(&tp->so.rcvbuf, MAX(buf, MIN(want, TCP_SETTING(rmem[2]))), RELAXED);
	tp->rtune_copied = 0;
	tp->rtune_at = now + (tp->srtt ? tp->srtt : NSEC_PER_MSEC);
}

/* Lock held. After reading: tell the peer if the window has opened by much (RFC 9293 3.8.6.2.2). */
static void maybe_update_window(struct tcp_sock *tp, uint32_t copied)
{
	uint32_t left = tp->rcv_adv - tp->rcv_nxt, window;

	tune_buffer(tp, copied, tp->last_rcv);
	if (!IN_STATES(tp, STATES_RECEIVING))
		return;
	window = tcp_receive_window(tp);
	/* Also answers at once if the reader has taken all of several segments: the sender's clock. */
	if (window > left && (window - left >= MIN(window / 2, 32u * tp->mss) || left < 2u * tp->mss || (tp->nr_unacked_segs >= 2 && !tp->rcv_bytes)))
		tcp_send_ack(tp, clock_monotonic());
}

static int recv_oob(struct tcp_sock *tp, struct sock_msg *m)
{
	int r = -EAGAIN;

	tcp_lock(tp);
	if (sock_has(&tp->so, SF_OOBINLINE) || tp->urg_state == URG_NONE || tp->urg_state == URG_READ)
		r = -EINVAL;
	else if (tp->urg_state == URG_VALID) {
		r = uio_copy_to(m->uio, &tp->urg_byte, 1) == 1 ? 1 : -EFAULT;
		if (r == 1 && !(m->flags & MSG_PEEK)) {
			tp->urg_state = URG_READ;
			m->out_flags |= MSG_OOB;
		}
	}
	tcp_unlock(tp);
	return r;
}

/* Lock held. What recv returns when there is no data: 0 end of stream, -errno, or -EAGAIN. */
static int why_no_data(struct tcp_sock *tp)
{
	int r;

	if (tp->is_fin_received)	/* the end was told before what came after it */
		return 0;
	r = sock_take_error(&tp->so);
	if (r)
		return r;
	if (atomic_load(&tp->so.shut, RELAXED) & SHUT_RD_BIT)
		return 0;
	if (IN_STATES(tp, ST(CLOSED) | ST(LISTEN)))
		return tp->irs || tp->iss ? 0 : -ENOTCONN;
	return IN_STATES(tp, ST(TIME_WAIT) | ST(CLOSING) | ST(LAST_ACK)) ? 0 : -EAGAIN;
}

/*
 * A look without the lock: nothing is here or has come, and nothing has happened. What changes without a packet wakes with an event: is_dead, shutdown(2).
 * Whoever holds the lock may have packets in hand that are in neither queue.
 */
static bool looks_empty(const struct tcp_sock *tp)
{
	return mpsc_is_empty_acquire(&tp->channel) && !mutex_is_busy(&tp->so.lock) && !atomic_load(&tp->rcv_head, RELAXED) && !READ_ONCE(tp->is_fin_received) &&
	       !READ_ONCE(tp->is_dead) && !atomic_load(&tp->so.shut, RELAXED) && !atomic_load(&tp->so.error, RELAXED);
}

static __attribute__((noinline)) bool has_enough(struct tcp_sock *tp, uint32_t target)
{
	bool r;

	if (atomic_load(&tp->so.error, RELAXED))
		return true;
	tcp_lock(tp);
	recvq_skip_urgent(tp);
	r = tp->rcv_bytes >= target || tp->is_fin_received || !IN_STATES(tp, ST(ESTABLISHED) | ST(FIN_WAIT1) | ST(FIN_WAIT2) | ST(SYN_SENT) | ST(SYN_RECV)) ||
	    atomic_load(&tp->so.shut, RELAXED) & SHUT_RD_BIT || (tp->urg_state == URG_VALID && tcp_has_data(tp));
	/* The window is full and less than the target is here: no more will come. */
	r = r || (tp->rcv_bytes && tp->rcv_adv == tp->rcv_nxt);
	tcp_unlock(tp);
	return r;
}

static inline bool is_readable(struct tcp_sock *tp, uint32_t target)
{
	return !looks_empty(tp) && has_enough(tp, target);
}

/* Lock held. A read that has brought something ends before the urgent byte (tcp(7)). Where that is part of the stream, the mark is gone once it was read. */
static bool is_at_mark(struct tcp_sock *tp, uint32_t peeked)
{
	if (likely(tp->urg_state == URG_NONE))
		return false;
	if (sock_has(&tp->so, SF_OOBINLINE) && seq_lt(tp->urg_seq, tp->copied_seq))
		tp->urg_state = URG_NONE;
	return tp->urg_state != URG_NONE && tp->copied_seq + peeked == tp->urg_seq;
}

/* Lock held. When the byte at this offset of the queue came. */
static nsec_t time_of(const struct tcp_sock *tp, uint32_t off)
{
	const struct pkt *p = tp->rcv_head;

	for (; p && off >= p->len; p = pkt_next(p))
		off -= p->len;
	return p ? p->time : 0;
}

/* What is here. *n: bytes copied, or -EFAULT; done: bytes of earlier looks. Returns what recv does if nothing was copied; -EAGAIN: it may wait. */
static int take_data(struct tcp_sock *tp, struct sock_msg *m, uint32_t *peeked, ssize_t done, ssize_t *n)
{
	int r;

	*n = 0;
	tcp_lock(tp);
	/* splice(2) does not pass over the urgent byte: it ends there, as on Linux. */
	if (unlikely(tp->urg_state == URG_VALID) && m->uio->is_kernel && !sock_has(&tp->so, SF_OOBINLINE) && tp->copied_seq == tp->urg_seq && tp->rcv_bytes) {
		tcp_unlock(tp);
		return 0;
	}
	recvq_skip_urgent(tp);
	if (tp->rcv_bytes > *peeked && m->uio->left) {
		*n = copy_some(tp, m->uio, *peeked, m->flags & MSG_TRUNC);
		if (unlikely(stamp_is_wanted(&tp->so)) && *n > 0)
			m->stamp = time_of(tp, *peeked + (uint32_t)*n - 1);
		if (*n > 0 && m->flags & MSG_PEEK) {
			*peeked += (uint32_t)*n;
		} else if (*n > 0) {
			consume(tp, (uint32_t)*n);
			maybe_update_window(tp, (uint32_t)*n);
		}
	}
	r = *n > 0 || done ? -EAGAIN : *n < 0 ? (int)*n : why_no_data(tp);
	if (*n > 0 && unlikely(is_at_mark(tp, *peeked)))
		r = 0;
	if (*n <= 0 && done && (tp->is_fin_received || tp->state == TCP_CLOSED || atomic_load(&tp->so.shut, RELAXED) & SHUT_RD_BIT))
		r = 0;
	tcp_unlock(tp);
	return r;
}

static ssize_t recv_data(struct tcp_sock *tp, struct sock_msg *m)
{
	struct socket *so = &tp->so;
	uint32_t target = m->flags & MSG_WAITALL ? (uint32_t)MIN(m->uio->left, (size_t)0x7fffffff) :
						  (uint32_t)MIN(m->uio->left, (size_t)atomic_load(&so->rcvlowat, RELAXED));
	nsec_t deadline = 0;
	uint32_t peeked = 0;
	ssize_t done = 0, n;
	int r;

	if (unlikely(m->flags & (MSG_OOB | MSG_ERRQUEUE)))
		return m->flags & MSG_OOB ? recv_oob(tp, m) : sock_recv_error(so, m);
	for (;;) {
		/* Who waits for an answer usually finds nothing: then without the lock, too. */
		n = 0;
		r = -EAGAIN;
		if (m->is_nonblock || atomic_load(&tp->state, RELAXED) != TCP_ESTABLISHED || !looks_empty(tp))
			r = take_data(tp, m, &peeked, done, &n);
		if (n > 0)
			done += n;
		if (r != -EAGAIN || !m->uio->left || done >= (ssize_t)target)
			return done || !m->uio->left ? done : r;
		if (n > 0)
			continue;
		if (poller_is_any_on() && sock_msg_look(m))
			continue;
		if (m->is_nonblock || atomic_load(&so->error, RELAXED))
			return done ? done : -EAGAIN;
		if (!deadline)
			deadline = sock_deadline(atomic_load(&so->rcv_timeout, RELAXED));
		r = sleeper_wait_until(&so->reader, &so->wq, "tcp-recv", POLL_IN | FILE_POLLRDHUP | FILE_POLLERR | FILE_POLLHUP,
				       is_readable(tp, peeked + MAX(1u, MIN(target - (uint32_t)done, atomic_load(&so->rcvbuf, RELAXED) / 4))), deadline);
		if (r)
			return done ? done : sock_wait_error(r, deadline);
	}
}

/* What a recv that brought n bytes tells besides: when the last of them came, and TCP_INQ: what is there to be read, with a byte for the end of the stream. */
static __attribute__((noinline)) void put_control(struct tcp_sock *tp, struct sock_msg *m, ssize_t n)
{
	int inq;

	if (n < 0 || !m->control)
		return;
	if (m->stamp && n)
		stamp_put(&tp->so, m, m->stamp);
	if (!tp->wants_inq || m->flags & (MSG_OOB | MSG_ERRQUEUE))
		return;
	tcp_lock(tp);
	inq = (int)(tp->rcv_nxt - tp->copied_seq);
	if (!inq && tp->is_fin_received)
		inq = 1;
	tcp_unlock(tp);
	sock_msg_put(m, IPPROTO_TCP, TCP_CM_INQ, &inq, sizeof(inq));
}

ssize_t tcp_recv(struct socket *so, struct sock_msg *m)
{
	struct tcp_sock *tp = tcp_of(so);
	ssize_t n = recv_data(tp, m);

	if (unlikely(m->stamp || tp->wants_inq))
		put_control(tp, m, n);
	return n;
}
