// SPDX-License-Identifier: MIT
/*
 * The send queue: what the application wrote and the peer has not acknowledged, in chunks. A segment refers to them (sendq_attach), so data is copied once, from the application; small
 * ones are copied again, which is cheaper than counting.
 *
 *	copied		a page of our own, or 16 KiB for who writes much; bytes in it never change after they were appended
 *	referred to	a part of a page of somebody else, mostly the page cache: sendfile(2) and splice(2) from pipes. No byte is copied. If the file is written, what is sent
 *			later is the new content, as on Linux; if it is cut, the page stays as long as we refer to it
 *
 * A checksum over bytes that change would be wrong, so there are references only where a device makes it (from the bytes it sends) or nobody does (loopback). Pieces of less
 * than REFER_MIN are copied: one must not be able to hold a page for each byte, and a packet has room for so many pieces only (sendq_fit).
 *
 * The ring of chunks grows as needed; chunks are found by their first sequence number.
 */
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "mmu/page.h"
#include "net/netdev.h"
#include "net/tcp-priv.h"
#include "sched/poller.h"

#define FIRST_SLOTS	4u
#define KEEP_ROOM	64u
#define REFER_MIN	1024u
#define BIG_ORDER	2u
#define BIG_SIZE	(PAGE_SIZE << BIG_ORDER)
#define MAX_PIECES	(PKT_MAX_SEGS - 1)
#define PACKET_OVERHEAD	1280u	/* Linux's, of a packet in the queue: SO_SNDBUF is meant with it */

_Static_assert(MAX_PIECES * REFER_MIN > 9000, "a segment of jumbo frames fits");

static struct send_chunk *at(const struct sendq *q, uint32_t i)
{
	return &q->ring[i & q->mask];
}

static __attribute__((noinline)) bool grow(struct sendq *q)
{
	uint32_t n = q->tail - q->head, bigger = q->ring ? (q->mask + 1) * 2 : FIRST_SLOTS;
	struct send_chunk *ring;

	ring = kmalloc(bigger * sizeof(*ring));
	if (!ring)
		return false;
	for (uint32_t i = 0; i < n; i++)
		ring[i] = *at(q, q->head + i);
	kfree(q->ring);
	q->ring = ring;
	q->head = 0;
	q->tail = n;
	q->mask = bigger - 1;
	return true;
}

/* Room for one more at q->tail. False: no memory. */
static inline bool make_slot(struct sendq *q)
{
	return likely(q->ring && q->tail - q->head <= q->mask) || grow(q);
}

uint32_t sendq_bytes(const struct tcp_sock *tp)
{
	uint32_t una = tp->snd_una;

	return seq_lt(una, tp->write_seq) ? tp->write_seq - una : 0;
}

/* The counted page, or big page, that c lies in: c->data is never at its end. */
static paddr_t page_of(const struct send_chunk *c)
{
	return virt_to_phys(c->data) & ~(paddr_t)((c->is_big ? BIG_SIZE : PAGE_SIZE) - 1);
}

static void put_page_of(const struct send_chunk *c)
{
	page_put(page_of(c));
}

static struct send_chunk *last_with_room(struct sendq *q)
{
	struct send_chunk *c = q->head == q->tail ? NULL : at(q, q->tail - 1);

	return c && c->room ? c : NULL;
}

/* For at least the next want bytes, of which a big page holds many; with little memory it is a small one. */
static struct send_chunk *new_chunk(struct tcp_sock *tp, size_t want)
{
	paddr_t pa = PADDR_NONE;
	struct send_chunk *c;
	bool is_big;

	if (!make_slot(&tp->sendq))
		return NULL;
	if (want >= BIG_SIZE / 4 * 3)
		pa = page_alloc(BIG_ORDER, PAGE_NOWAIT);
	is_big = pa != PADDR_NONE;
	if (!is_big)
		pa = page_alloc(0, 0);
	if (pa == PADDR_NONE)
		return NULL;
	c = at(&tp->sendq, tp->sendq.tail++);
	*c = (struct send_chunk){ .data = phys_to_virt(pa), .seq = tp->write_seq, .room = is_big ? BIG_SIZE : PAGE_SIZE, .is_big = is_big };
	return c;
}

static bool may_refer(const struct tcp_sock *tp, const struct uio *u)
{
	return u->is_pages && ip_route_is_valid(&tp->route) && tp->route.dev->features & (NETDEV_CSUM | NETDEV_LOOPBACK);
}

/* Do these bytes lie in the page of c, which we refer to, right behind those we have of it? */
static bool continues(const struct send_chunk *c, const uint8_t *data)
{
	return c && !c->room && !c->is_big && data == c->data + c->len && (uintptr_t)data % PAGE_SIZE;
}

/* By reference, as far as that can be: what is left of u begins with bytes to be copied, *copy of them, or there is no room. Bytes, -ENOMEM. */
static ssize_t append_pages(struct tcp_sock *tp, struct uio *u, uint32_t room, size_t *copy)
{
	struct sendq *q = &tp->sendq;
	uint32_t done = 0, seq = tp->write_seq;

	while (u->left && done < room) {
		struct send_chunk *c = q->head == q->tail ? NULL : at(q, q->tail - 1);
		uint8_t *data = uio_front(u, copy);
		uint32_t len = (uint32_t)MIN(*copy, (size_t)(room - done));

		if (continues(c, data)) {
			c->len += (uint16_t)len;
		} else if (*copy < REFER_MIN) {
			break;
		} else if (!make_slot(q)) {
			return done ? (ssize_t)done : -ENOMEM;
		} else {
			c = at(q, q->tail++);
			*c = (struct send_chunk){ .data = data, .seq = seq + done, .len = (uint16_t)len };
			q->has_pieces |= len < PAGE_SIZE;
			if (len == *copy)
				u->given |= 1u << (u->nr - 1);
			else
				page_get(page_of(c));
		}
		uio_skip(u, len);
		done += len;
	}
	u->has_kept |= done > 0;
	NET_COUNT_N(tcp_by_reference, done);
	return (ssize_t)done;
}

/* Copy up to `most` bytes, which are not more than u has, into the chunk at the end or a new one. Bytes; -EFAULT: not all of them can be read, and none was taken; -ENOMEM. */
static ssize_t append_copy(struct tcp_sock *tp, struct uio *u, size_t most)
{
	struct send_chunk *c = last_with_room(&tp->sendq);
	ssize_t n, want;

	if (!c)
		c = new_chunk(tp, most);
	if (!c)
		return -ENOMEM;
	want = (ssize_t)MIN(most, (size_t)c->room);
	n = uio_copy_from(u, c->data + c->len, (size_t)want);
	if (n != want) {
		/* An empty chunk at the end would break the search: it goes. */
		if (!c->len) {
			put_page_of(c);
			tp->sendq.tail--;
		}
		return -EFAULT;
	}
	c->len += (uint16_t)n;
	c->room -= (uint16_t)n;
	return n;
}

ssize_t sendq_append(struct tcp_sock *tp, struct uio *u, uint32_t room)
{
	bool is_pages = unlikely(u->is_pages) && may_refer(tp, u);
	ssize_t done = 0;

	while (u->left && room) {
		size_t want = u->left;
		ssize_t n = 0;

		if (is_pages)
			n = append_pages(tp, u, room, &want);
		if (!n)
			n = append_copy(tp, u, MIN(want, (size_t)room));
		if (n < 0)
			return done ? done : n;
		tp->write_seq += (uint32_t)n;
		room -= (uint32_t)n;
		done += n;
	}
	return done;
}

void sendq_acked(struct tcp_sock *tp, uint32_t una)
{
	struct sendq *q = &tp->sendq;

	while (q->head != q->tail) {
		struct send_chunk *c = at(q, q->head);

		if (seq_lt(una, c->seq + c->len))
			break;
		/* The rest of the last page waits for the next answer; not for long (sendq_trim). */
		if (q->tail - q->head == 1 && c->room >= KEEP_ROOM) {
			c->data += c->len;
			c->seq += c->len;
			c->len = 0;
			return;
		}
		put_page_of(c);
		q->head++;
	}
	q->has_pieces &= q->head != q->tail;
	/* A burst's ring is not kept for ever. */
	if (q->head == q->tail && q->mask >= 256) {
		kfree(q->ring);
		*q = (struct sendq){ .ring = NULL };
	}
}

bool sendq_trim(struct tcp_sock *tp, bool is_idle)
{
	struct sendq *q = &tp->sendq;

	if (q->head == q->tail || at(q, q->head)->len)
		return false;
	if (is_idle) {
		put_page_of(at(q, q->head));
		q->head++;
	}
	return !is_idle;
}

void sendq_free(struct tcp_sock *tp)
{
	struct sendq *q = &tp->sendq;

	tcp_mark_free(tp);
	for (; q->head != q->tail; q->head++)
		put_page_of(at(q, q->head));
	kfree(q->ring);
	*q = (struct sendq){ .ring = NULL };
}

/* Index of the chunk that holds seq: the last one that does not begin after it. */
static uint32_t find(const struct sendq *q, uint32_t seq)
{
	uint32_t lo = 0, hi = q->tail - q->head;

	if (likely(hi == 1))
		return q->head;
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (seq_le(at(q, q->head + mid)->seq, seq))
			lo = mid;
		else
			hi = mid;
	}
	return q->head + lo;
}

uint32_t __sendq_fit(const struct tcp_sock *tp, uint32_t seq, uint32_t len)
{
	const struct sendq *q = &tp->sendq;
	const struct send_chunk *c;
	uint32_t i, n;

	if (!len)
		return 0;
	i = find(q, seq);
	if (q->tail - i <= MAX_PIECES)
		return len;
	c = at(q, i + MAX_PIECES);
	n = MIN(len, c->seq - seq);
	/* What is cut would be a short segment in the middle. */
	return n < len && n > tp->mss ? n - n % tp->mss : n;
}

bool sendq_attach(struct tcp_sock *tp, struct pkt *p, uint32_t seq, uint32_t len)
{
	struct sendq *q = &tp->sendq;
	uint32_t i = find(q, seq);

	while (len) {
		struct send_chunk *c = at(q, i++);
		uint32_t off = seq - c->seq, n = MIN(len, c->len - off);

		if (p->nr_segs == PKT_MAX_SEGS)
			return false;
		page_get(page_of(c));
		pkt_put_page(p, c->data + off, n, (unsigned)(virt_to_phys(c->data + off) - page_of(c)));
		seq += n;
		len -= n;
	}
	return true;
}

bool sendq_has(const struct tcp_sock *tp, uint32_t seq)
{
	const struct sendq *q = &tp->sendq;

	return q->head != q->tail && seq_le(at(q, q->head)->seq, seq) && seq_lt(seq, tp->write_seq);
}

void sendq_copy(struct tcp_sock *tp, uint32_t seq, uint8_t *to, uint32_t len)
{
	struct sendq *q = &tp->sendq;
	uint32_t i;

	if (likely(q->tail - q->head == 1)) {
		struct send_chunk *c = at(q, q->head);

		memcpy(to, c->data + (seq - c->seq), len);
		return;
	}
	i = find(q, seq);
	while (len) {
		struct send_chunk *c = at(q, i++);
		uint32_t off = seq - c->seq, n = MIN(len, c->len - off);

		memcpy(to, c->data + off, n);
		to += n;
		seq += n;
		len -= n;
	}
}

/* ---- send(2) --------------------------------------------------------------------------------------------------------- */

/* What goes to a device as one packet, in whole segments. */
static uint32_t packet_size(const struct tcp_sock *tp)
{
	bool has_tso = tp->route.dev && tp->route.dev->features & (ip_is_v4(&tp->raddr) ? NETDEV_TSO4 : NETDEV_TSO6);
	uint32_t size = has_tso ? tcp_packet_max(tp) : 0;

	return MAX(size - size % tp->mss, (uint32_t)tp->mss);
}

/* What the queue takes of SO_SNDBUF: with Linux's overhead of each packet. */
static uint32_t queue_memory(const struct tcp_sock *tp, uint32_t packet)
{
	uint32_t used = sendq_bytes(tp);

	return used + DIV_ROUND_UP(used, packet) * PACKET_OVERHEAD;
}

/*
 * Room enough to be told: a third of the buffer is free, and half of TCP_NOTSENT_LOWAT, as Linux has it. By the same
 * measure as send_packets() has, which must find room then: or who waits for room and finds none would ask again at once.
 */
bool tcp_may_write(const struct tcp_sock *tp)
{
	uint32_t buf = atomic_load(&tp->so.sndbuf, RELAXED);

	if (likely(!sendq_bytes(tp)))
		return true;
	return queue_memory(tp, packet_size(tp)) < buf - buf / 3 && 2ull * tcp_unsent(tp) < tcp_notsent_lowat(tp);
}

/* 0, or what write(2) returns now. */
static int check_writable(struct tcp_sock *tp)
{
	int r = sock_take_error(&tp->so);

	if (r)
		return r;
	if (atomic_load(&tp->so.shut, RELAXED) & SHUT_WR_BIT || tp->is_fin_queued)
		return -EPIPE;
	if (tcp_may_send(tp))
		return 0;
	if (IN_STATES(tp, ST(SYN_SENT) | ST(SYN_RECV)))
		return -EAGAIN;
	return -EPIPE;
}

static bool is_wait_over(struct tcp_sock *tp)
{
	bool r;

	tcp_lock(tp);
	r = check_writable(tp) != -EAGAIN && (!tcp_may_send(tp) || tcp_may_write(tp));
	if (!r)
		tcp_want_acks(tp, WANT_ROOM);
	tcp_unlock(tp);
	return r;
}

/* is_wait_over() must not eat the error that send(2) is to return. */
static bool is_wait_over_keep_error(struct tcp_sock *tp)
{
	return atomic_load(&tp->so.error, RELAXED) || is_wait_over(tp);
}

/* The acknowledgement may lie in a device. */
static bool is_wait_over_or_comes(struct tcp_sock *tp, bool will_sleep)
{
	return is_wait_over_keep_error(tp) || (poller_look(will_sleep) && is_wait_over_keep_error(tp));
}

/* A segment as Linux counts its memory: with its headers, rounded up to a power of two. */
static uint32_t segment_memory(const struct tcp_sock *tp)
{
	return (2u << (31 - __builtin_clz(tp->mss + 639u))) + 256;
}

/* Lock held. Autotuning: twice the congestion window, as long as the application did not say. */
__attribute__((noinline)) void tcp_size_buffer(struct tcp_sock *tp)
{
	uint32_t segments = MAX(tp->cwnd / tp->mss, TCP_INIT_CWND), buf = atomic_load(&tp->so.sndbuf, RELAXED);
	uint64_t want = MIN(2ull * segments * segment_memory(tp), (uint64_t)TCP_SETTING(wmem[2]));

	tp->sized_cwnd = tp->cwnd;
	if (!sock_has(&tp->so, SF_SNDBUF_SET) && want > buf)
		atomic_store(&tp->so.sndbuf, (uint32_t)want, RELAXED);
}

/* Lock held. Bytes were appended: send what may be sent. is_more: more will be, now. */
static __attribute__((noinline)) void appended_slow(struct tcp_sock *tp, const struct uio *u, int flags, bool is_more, nsec_t now)
{
	bool was_cork = tp->is_cork;

	if (tp->write_marks && !u->left) {
		tcp_mark_add(tp, tp->write_marks);
		tp->write_marks = 0;
	}
	tp->has_more = flags & MSG_MORE;
	tp->is_cork |= is_more | tp->has_more;
	if (flags & MSG_OOB && !u->left) {	/* before it is sent: the segment itself tells */
		tp->snd_urg = tp->write_seq;
		tp->has_urg = true;
	}
	tcp_output(tp, now);
	tp->is_cork = was_cork;
}

static inline void appended(struct tcp_sock *tp, const struct uio *u, int flags, bool is_more, nsec_t now)
{
	tp->has_writer = false;
	if (!tp->busy) {
		tp->busy = BUSY_SENDING;
		tp->busy_at = now;
	}
	if (unlikely(flags & (int)(MSG_MORE | MSG_OOB) || tp->write_marks || tp->has_more || is_more))
		appended_slow(tp, u, flags, is_more, now);
	else
		tcp_output(tp, now);
}

/*
 * Lock held. More than the buffer or TCP_NOTSENT_LOWAT lets pass at once. As on Linux a packet is begun while there is room, and then filled; what of it the windows allow is sent
 * before the next one is begun, so that it does not count as unsent. Bytes, or -errno.
 */
static ssize_t send_packets(struct tcp_sock *tp, struct uio *u, int flags, nsec_t now)
{
	uint32_t size = packet_size(tp), lowat = tcp_notsent_lowat(tp), buf = atomic_load(&tp->so.sndbuf, RELAXED);
	ssize_t done = 0, n = 0;

	while (u->left) {
		uint32_t unsent = tcp_unsent(tp), begun = unsent % size;

		if (!begun && (unsent >= lowat || queue_memory(tp, size) >= buf))
			break;
		n = sendq_append(tp, u, size - begun);
		if (n <= 0)
			break;
		done += n;
		appended(tp, u, flags, u->left, now);
	}
	return done ? done : n;
}

/* Lock held. Take what fits and send it; flags: MSG_MORE, MSG_OOB. Bytes, or -errno. */
static ssize_t send_some(struct tcp_sock *tp, struct uio *u, int flags)
{
	nsec_t now = clock_monotonic();
	ssize_t n;

	if (unlikely(tp->cwnd > tp->sized_cwnd))
		tcp_size_buffer(tp);
	if (unlikely(tcp_notsent_lowat(tp) != UINT32_MAX || sendq_bytes(tp) + u->left > atomic_load(&tp->so.sndbuf, RELAXED)))
		return send_packets(tp, u, flags, now);
	n = sendq_append(tp, u, (uint32_t)u->left);
	if (n > 0)
		appended(tp, u, flags, false, now);
	return n;
}

/* What is to be noted at the end of this write. 0, -errno of a control message. */
static __attribute__((noinline)) int find_marks(struct socket *so, const struct sock_msg *m, uint32_t *marks)
{
	uint32_t stamps = stamp_of_send(so);
	const struct cmsg_hdr *h;
	size_t pos = 0;
	int error, r = 0;

	if (!m->control_len)
		error = 0;
	while (!r && m->control_len && (h = sock_msg_next(m, &pos, &error))) {
		if (h->level == SOL_SOCKET)
			r = stamp_parse_control(so, h, &stamps);
	}
	*marks = stamps | (m->flags & MSG_EOR ? TCP_MARK_EOR : 0);
	return r ? r : error;
}

static ssize_t send_all(struct tcp_sock *tp, struct sock_msg *m)
{
	struct socket *so = &tp->so;
	nsec_t deadline = NSEC_NEVER;
	uint32_t marks = 0;
	bool has_deadline = false;
	ssize_t done = 0, n;
	int r;

	if (unlikely(m->control_len || m->flags & MSG_EOR || sock_has(so, SF_TX_STAMPS))) {
		r = find_marks(so, m, &marks);
		if (r)
			return r;
	}
	if (unlikely(m->flags & MSG_FASTOPEN)) {
		done = tcp_send_first(tp, m);
		if (done < 0 || !m->uio->left || (done && m->is_nonblock))
			return done;
	}
	for (;;) {
		tcp_lock(tp);
		r = check_writable(tp);
		n = r;
		if (unlikely(marks))
			tp->write_marks = marks;
		if (!r)
			n = send_some(tp, m->uio, m->flags);
		tcp_unlock(tp);
		if (n == -EAGAIN && unlikely(tp->is_deferred)) {
			done = tcp_send_first(tp, m);
			if (done < 0 || !m->uio->left || m->is_nonblock)
				return done;
			continue;
		}
		if (n > 0)
			done += n;
		if (!m->uio->left && n >= 0)
			return done;
		if (n < 0 && n != -EAGAIN)
			return done ? done : n;
		if (m->is_nonblock) {
			if (!is_wait_over_or_comes(tp, false))	/* sets wants_acks: the acknowledgement that makes room must wake */
				return done ? done : -EAGAIN;
			continue;
		}
		if (!has_deadline) {
			deadline = sock_deadline(atomic_load(&so->snd_timeout, RELAXED));
			has_deadline = true;
		}
		r = waitq_wait_until(&so->wq, "tcp-send", 0, is_wait_over_or_comes(tp, true), deadline, WAIT_INTERRUPTIBLE);
		if (r)
			return done ? done : sock_wait_error(r, deadline);
	}
}

ssize_t tcp_send(struct socket *so, struct sock_msg *m)
{
	ssize_t n = send_all(tcp_of(so), m);

	if (n > 0)
		sock_zerocopy_done(so, m);
	return n;
}
