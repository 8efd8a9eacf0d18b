/* SPDX-License-Identifier: MIT
 *
 * TCP (RFC 9293). Map:
 *	tcp-demux.c	connection table, classification, resets		tcp-cong.c	NewReno, CUBIC, PRR
 *	tcp-input.c	segments: the state machine of RFC 9293 3.10.7		tcp-rack.c	SACK scoreboard, RACK-TLP
 *	tcp-ack.c	acknowledgements, RTT, send window			tcp-timer.c	all timers
 *	tcp-fastopen.c	data in SYNs (RFC 7413)				sysctl-tcp.c	settings
 *	tcp-recvq.c	receive queue, reassembly, recv(2)			tcp-listen.c	SYNs, cookies, accept(2)
 *	tcp-sendq.c	send queue, send(2)					tcp-sock.c	connect, close, poll ...
 *	tcp-output.c	what to send and when					tcp-opt.c	options of tcp(7), TCP_INFO
 *	tcp-mark.c	ends of records, times of sending			tcp-pace.c	SO_MAX_PACING_RATE
 *
 * Everything in a struct tcp_sock marked [l] is guarded by so.lock. Packets reach it through `channel`, to which any thread pushes without a lock; whoever takes the lock to do
 * something for the application first runs tcp_process(), which is the protocol. All timers of a connection share one struct timer, armed no earlier than needed and never
 * cancelled while the connection lives: when it fires too early, it is armed again.
 *
 * References (so.refs): the file; the connection table; the armed timer; the worker's list; a listener's queue. All sequence numbers in host order; arithmetic modulo 2^32
 * (RFC 9293 3.4). Congestion windows and flight sizes are in bytes.
 */
#pragma once

#include "libc/list.h"
#include "libc/mpsc.h"
#include "net/ip.h"
#include "net/net.h"
#include "net/netdev.h"
#include "net/pkt.h"
#include "net/port.h"
#include "net/siphash.h"
#include "net/socket.h"
#include "net/wire.h"
#include "net/worker.h"
#include "sched/clock.h"
#include "sched/timer.h"

/* Numbers of Linux's TCP_INFO, /proc/net/tcp. */
enum tcp_state {
	TCP_ESTABLISHED = 1, TCP_SYN_SENT, TCP_SYN_RECV, TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_TIME_WAIT, TCP_CLOSED, TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_LISTEN, TCP_CLOSING,
};
#define IN_STATES(tp, mask)	((1u << (tp)->state) & (mask))
#define ST(s)			(1u << TCP_##s)
/* A peer exists and its data may still come; ours may still go. */
#define STATES_RECEIVING	(ST(ESTABLISHED) | ST(FIN_WAIT1) | ST(FIN_WAIT2))
#define STATES_SENDING		(ST(ESTABLISHED) | ST(CLOSE_WAIT))
#define STATES_SYNCHRONIZED	(ST(ESTABLISHED) | ST(FIN_WAIT1) | ST(FIN_WAIT2) | ST(CLOSE_WAIT) | ST(LAST_ACK) | ST(CLOSING) | ST(TIME_WAIT))

/* As Linux's net.ipv4.tcp_ecn: 0 never, 1 ask for ECN, 2 agree when the peer asks. */
#define TCP_ECN_NEVER	0u
#define TCP_ECN_ASK	1u
#define TCP_ECN_AGREE	2u
extern uint32_t tcp_ecn_mode;	/* [a] */

/* What /proc/sys/net/ipv4/tcp_* say (sysctl-tcp.c). Each may change at any time: one atomic_load() for a decision. */
struct tcp_settings {
	uint32_t timestamps, sack, window_scaling, dsack;	/* 0: not offered, not agreed to */
	uint32_t syn_retries, synack_retries, retries2, orphan_retries;
	uint32_t fin_timeout_s, keep_idle_s, keep_interval_s, keep_probes;
	uint32_t notsent_lowat;
	uint32_t fastopen;
	uint32_t max_syn_backlog, syncookies, abort_on_overflow;
	uint32_t slow_start_after_idle, frto;
	uint32_t pacing_ss_ratio, pacing_ca_ratio;	/* per cent of a window for a round trip */
	uint32_t rmem[3], wmem[3];	/* of a buffer: least, at first, most by autotuning */
};
extern struct tcp_settings tcp_settings;
#define TCP_SETTING(name)	atomic_load(&tcp_settings.name, RELAXED)

/* The ECN field of the IP header (RFC 3168 5). */
#define IP_ECN_MASK	3u
#define IP_ECN_ECT0	2u
#define IP_ECN_CE	3u

static inline bool seq_lt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool seq_le(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) <= 0;
}

#define TCP_MSS_DEFAULT4	536u		/* RFC 9293 3.7.1 */
#define TCP_MSS_DEFAULT6	1220u
#define TCP_MIN_MSS		88u		/* an attacker's tiny MSS must not make us send headers only */
#define TCP_MAX_WSCALE		14u
#define TCP_GSO_MAX		64000u		/* bytes given to a device as one packet */
#define TCP_INIT_CWND		10u		/* RFC 6928 */
#define TCP_RTO_INIT		(1 * NSEC_PER_SEC)
#define TCP_RTO_MIN		(200 * NSEC_PER_MSEC)
#define TCP_RTO_MAX		(120 * NSEC_PER_SEC)
#define TCP_RESOURCE_PROBE_NS	(500 * NSEC_PER_MSEC)	/* between looks whether there is room in the device */
#define TCP_DELACK_NS		(40 * NSEC_PER_MSEC)
#define TCP_WCDELACK_NS		(200 * NSEC_PER_MSEC)	/* RFC 8985 7.2 */
#define TCP_TIME_WAIT_NS	(60 * NSEC_PER_SEC)
#define TCP_FIN_TIMEOUT_MAX_S	120
#define TCP_MAX_QUEUED		2048u		/* packets in a channel */
#define TCP_MAX_ORPHANS		8192u
#define TCP_MAX_TIME_WAIT	8192u

/* ---- send queue (tcp-sendq.c): the bytes [snd_una, write_seq) ----------------------------------------------------------- */

struct send_chunk {
	uint8_t *data;			/* in a counted page; not always at its start */
	uint32_t seq;			/* of the first byte */
	uint16_t len;
	uint16_t room : 15;		/* bytes that may still be appended after len; 0: none, or the page is not ours */
	uint16_t is_big : 1;		/* the page is one of several */
};

struct sendq {
	struct send_chunk *ring;	/* power of two */
	uint32_t head, tail, mask;	/* tail - head chunks */
	bool has_pieces;		/* there are or were chunks of which a packet cannot hold a full load */
};

/* ---- scoreboard (tcp-rack.c): what is in flight, in pieces as it was sent ------------------------------------------------- */

#define TX_SACKED	0x01u
#define TX_LOST		0x02u		/* believed lost, to be sent again */
#define TX_RETRANS	0x04u		/* has been sent again, the copy is in flight */
#define TX_EVER_RETRANS	0x08u		/* Karn: no RTT from it without timestamps */
#define TX_FIN		0x10u
#define TX_SYN		0x20u	/* the SYN, alone: no byte of the send queue */
#define TX_PSH		0x40u	/* it was pushed, and will be when it is sent again */
#define TX_EMBEDDED	0x80u

struct tx_rec {
	struct list node;		/* by sequence */
	uint32_t seq, end;
	nsec_t sent_at;
	uint8_t flags;
};

struct tcp_cong;

/* Of TCP Fast Open. */
struct tcp_cookie {
	uint8_t data[16], len;		/* 0: asks for one */
	bool has_option, is_exp;	/* is_exp: with the experimental number */
};

struct tcp_fastopen_keys {
	uint8_t k[2][16];
	uint32_t nr;
};

/* ---- headers kept ready (tcp-output.c) ----------------------------------------------------------------------------------- */

/* IPv4 over Ethernet, with the timestamp option behind the header if the connection has it. */
struct tcp_frame {
	struct eth_hdr eth;
	struct ip4_hdr ip;
	struct tcp_hdr tcp;
	uint32_t ts[3];
} PACKED;

/* What of the headers of a short segment is always the same; the rest is 0. */
struct tcp_ready {
	struct tcp_frame frame;
	uint32_t ip_sum, tcp_sum;	/* sums of the IP header and the pseudo-header, without their lengths */
	uint64_t mac;			/* neigh.mac that it was made with; READY_LOCAL: to ourselves; 0: not made. Whoever changes route or opts clears it */
};

#define READY_LOCAL	1ull

/* ---- a reduction that may prove wrong (tcp-ack.c) ------------------------------------------------------------------------------- */

struct tcp_undo {
	uint32_t cwnd, ssthresh, w_max;	/* as they were before CA_RECOVERY or CA_LOSS */
	uint32_t mark, bytes;		/* snd_una then, and what was sent again since and not reported as a duplicate (RFC 3708) */
	bool may_undo;			/* it was not undone yet */
};

/* ---- a connection ----------------------------------------------------------------------------------------------------- */

struct tcp_sock {
	struct socket so;		/* first */

	/* Identity: set before it enters the table. */
	struct ip_addr laddr, raddr;
	uint16_t lport, rport;
	uint32_t hash;
	uint32_t wire_ports;		/* as a frame to us has them, source first */
	uint64_t wire_addrs;		/* IPv4: likewise */
	struct tcp_sock *hash_next[2];	/* [rcu] one for each of two tables while it grows */
	bool is_hashed;			/* [table lock] */
	bool has_peer_hash;		/* [l] */
	uint16_t tx_queue;		/* [l] as in struct pkt: CPU + 1 of the thread that last sent with nothing in flight */
	struct netdev_waiter room;	/* waits for room in the device, with a reference; begun with the lock held */
	uint32_t has_room;		/* [a] it was told, and the worker is to send */
	uint32_t peer_hash;		/* [l] what the other end of a connection over loopback is found by */
	struct port_entry port;		/* bound by bind(2), or listening */

	/* What others touch without the lock. */
	struct mpsc channel __cacheline;
	uint32_t nr_queued;		/* [a] packets in the channel */
	uint32_t wants_acks;		/* [a] WANT_*: an acknowledgement lets something go on, so somebody must be woken for it */
	struct work work;
	struct tcp_sock *listener;	/* [a] not accepted yet: ref */
	struct mpsc_node accept_node, attention_node;
	uint32_t needs_attention;	/* [a] is in listener->attention */

	/* What is_plain() looks at, as one word: compared with TCP_PLAIN. */
	union {
		struct {
			uint8_t state;		/* [l], read without */
			bool has_sack;		/* [l] */
			uint8_t ca_state;	/* [l] CA_* */
			bool rack_reordering, is_tlp_out;	/* [l] */
			bool has_fin_seq;	/* [l] */
			bool has_ecn;		/* [l] */
			bool is_unpredicted;	/* [l] no segment takes the short way: there are marks (tcp-mark.c), it is paced, or a test wants it */
		};
		uint64_t plain_word;
	};
	bool has_file, is_orphan, is_dead;	/* [l] */
	bool is_port_given;		/* [l] by bind(2), not chosen: a listener that is shut keeps it */
	bool is_connecting;		/* [l] connect(2) has said EINPROGRESS and not yet 0 */

	/* Send sequence space (RFC 9293 3.3.1). */
	uint32_t iss, snd_una, snd_nxt, write_seq;	/* [l] write_seq: end of what the application gave */
	uint32_t snd_wnd, snd_wl1, snd_wl2, max_wnd;	/* [l] */
	uint32_t snd_urg;		/* [l] */
	uint32_t snd_short;		/* [l] end of the last segment that was not a full one: Nagle */
	bool is_fin_queued, is_fin_sent, has_urg;	/* [l] */
	bool has_more;			/* [l] the last write had MSG_MORE: its end is not pushed */
	struct sendq sendq;		/* [l] */
	struct tcp_mark *marks;		/* [l] tcp-mark.c */
	uint32_t write_marks;		/* [l] what the write that is under way puts at its end */
	struct list tx;			/* [l] struct tx_rec, [snd_una, snd_nxt) */
	struct tx_rec tx_spare[2];	/* [l] so that a request and its answer allocate nothing */
	uint8_t tx_spare_used;

	/* Receive sequence space. */
	uint32_t irs, rcv_nxt, rcv_adv, rcv_wup;	/* [l] rcv_adv: right edge of the window we promised */
	uint32_t copied_seq;		/* [l] next byte the application reads */
	struct pkt *rcv_head, *rcv_tail;	/* [l] in order; head is read without for poll */
	struct list ofo;		/* [l] struct ofo_run, by sequence: data beyond a gap */
	uint32_t ofo_stamp;		/* [l] */
	uint32_t dsack_seq, dsack_end;	/* [l] a duplicate to report (RFC 2883); equal: none */
	uint32_t rcv_bytes, rcv_memory;	/* [l] payload, and memory it pins (with ofo) */
	uint32_t urg_seq;		/* [l] */
	uint8_t urg_byte, urg_state;	/* [l] URG_* */
	bool is_fin_received;		/* [l] */
	uint32_t fin_seq;		/* [l] */

	/* Options agreed on. */
	uint16_t mss;			/* [l] payload of a full segment with the options we send */
	uint16_t peer_mss, advmss, user_mss;	/* [l] */
	uint8_t snd_wscale, rcv_wscale;	/* [l] */
	bool has_ts, has_wscale;	/* [l]; and has_sack, has_ecn above */

	/* ECN (RFC 3168 6.1), when has_ecn. */
	bool ecn_echo;			/* [l] CE has come: ECE in all we send until CWR comes */
	bool ecn_cwr;			/* [l] the window was reduced: CWR in the next new data */
	bool is_ecn_reduced;		/* [l] and not again before something beyond ecn_end is acknowledged */
	uint32_t ecn_end;		/* [l] */

	uint32_t ts_recent, ts_offset;	/* [l] */
	nsec_t ts_recent_at;		/* [l] */
	uint32_t last_ack_sent;		/* [l] */

	/* RTT (RFC 6298) and congestion. */
	nsec_t srtt, rttvar, min_rtt, rto;	/* [l] 0: none yet */
	uint32_t cwnd, ssthresh;	/* [l] bytes */
	/* Is the window used? (RFC 7661) Of the round until used_end is acknowledged: twice the most that was in flight; CWND_LIMITED: the window was what held us back. */
	uint32_t used_twice, used_end;	/* [l] */
	uint32_t unlimited_most;	/* [l] the most that was in flight since limited_at */
	nsec_t limited_at;		/* [l] when the window held us back last, or was cut for not being used */
	uint32_t sacked_bytes, lost_bytes, retrans_bytes;	/* [l] retrans_bytes <= lost_bytes */
	uint32_t delivered;		/* [l] bytes, wraps */
	uint32_t recovery_end;		/* [l] */
	uint8_t nr_dupacks;		/* [l] for peers without SACK */
	uint32_t prr_delivered, prr_out, prr_flight;	/* [l] RFC 6937 */
	struct tcp_undo undo, earlier;	/* [l] of the last reduction, and of the one before it while its duplicates may still be reported */
	uint32_t undo_ts;		/* [l] our timestamp in the first segment that was repeated, if has_undo_ts */
	bool has_undo_ts;		/* [l] */
	uint8_t frto;			/* [l] FRTO_* */
	const struct tcp_cong *cong;	/* [l] */
	bool is_paced;			/* [l] SO_MAX_PACING_RATE: no data goes out before pace_at */
	nsec_t pace_at;			/* [l] */
	struct {
		uint32_t w_max, origin, cwnd_acc, est_acc, w_est;	/* bytes */
		uint32_t k_ms;
		nsec_t epoch, last;
		/* HyStart: of the round that ends with round_end. */
		nsec_t round_start, train_end, round_rtt;
		uint32_t round_end;
		uint8_t nr_samples;
		bool has_round, has_left;	/* has_left: slow start has found its end */
	} cubic;			/* [l] RFC 9438 */

	/* RACK (RFC 8985). */
	nsec_t rack_sent_at, rack_rtt, reo_wnd;	/* [l] */
	uint32_t rack_end, high_sacked, tlp_end, reo_steps, reo_round;	/* [l] */
	uint8_t reo_persist;		/* [l] recoveries until reo_steps is forgotten */
	bool rack_advanced, is_tlp_retrans;	/* [l] */

	/* Timers: NSEC_NEVER when off. */
	struct timer timer;
	nsec_t armed_at;		/* [l] */
	nsec_t xmit_at, delack_at, keep_at;	/* [l] */
	nsec_t state_at;		/* [l] end of FIN-WAIT-2 or TIME-WAIT; before them: when pacing lets more data go */
	uint8_t xmit_kind;		/* [l] XMIT_* */
	uint8_t nr_backoff, nr_keep_probes, nr_syn_retries;	/* [l] */
	nsec_t first_unacked_at;	/* [l] when the oldest unacknowledged data was first seen lost, 0 */
	nsec_t last_rcv, last_snd;	/* [l] */
	nsec_t limited_ack_at;		/* [l] tcp_limited_ack() */
	bool needs_ack_now;		/* [l] */
	uint8_t nr_quick_acks, nr_unacked_segs;	/* [l] */

	/* Options of tcp(7). */
	bool is_nodelay, is_cork, no_quickack;	/* [l] */
	uint8_t defer_accept;		/* [l] TCP_DEFER_ACCEPT: how often a SYN-ACK is sent again before a connection without data is given; 0: at once */
	bool wants_inq, is_thin_linear;	/* [l] TCP_INQ, TCP_THIN_LINEAR_TIMEOUTS */
	uint8_t save_syn;		/* [l] */
	bool is_fastopen_connect, no_cookie;	/* [l] TCP_FASTOPEN_CONNECT, TCP_FASTOPEN_NO_COOKIE */
	uint32_t fastopen_max;		/* [l] TCP_FASTOPEN; read without */
	uint32_t nr_fastopen;		/* [a] of a listener: children of Fast Open in SYN-RECEIVED and not accepted */
	struct tcp_fastopen_keys fastopen_keys;	/* [l] TCP_FASTOPEN_KEY; nr 0: the common ones */
	bool is_fastopen;		/* [l] a child that data may pass in SYN-RECEIVED */
	bool is_deferred;		/* [l] SYN-SENT, but the SYN waits for the first send(2) */
	bool has_sent_cookie, is_exp_cookie, has_syn_data;	/* [l] what our SYN carried */
	bool has_syn_timeout;		/* [l] it was sent again, without all that */
	bool is_syn_data_taken;		/* [l] data of a SYN was taken: TCPI_OPT_SYN_DATA */
	bool has_writer;		/* [l] connect(2) is part of a send: the data carries the acknowledgement */
	int32_t tx_delay;		/* [l] */
	nsec_t keep_idle, keep_interval;	/* [l] */
	uint8_t keep_count, syn_retries;	/* [l] 0: default */
	nsec_t user_timeout;		/* [l] 0: default */
	int32_t linger2_s;		/* [l] 0: default; -1: none */
	uint32_t window_clamp, notsent_lowat;	/* [l] 0: none */
	struct ip_opts opts[2];		/* [l] of level IP, of level IPv6 */

	struct ip_route route;		/* [l] */
	struct tcp_ready ready;		/* [l] */
	int32_t soft_error;		/* [l] told with the timeout */
	uint32_t nr_retrans_total;	/* [l] TCP_INFO */
	uint64_t bytes_acked, bytes_received, segs_in, segs_out;	/* [l] TCP_INFO */
	uint64_t bytes_retrans;		/* [l] TCP_INFO */
	uint32_t data_segs_in, data_segs_out;	/* [l] TCP_INFO */
	nsec_t last_data_snd, last_data_rcv;	/* [l] TCP_INFO */
	nsec_t busy_at, busy_ns[3];	/* [l] since when the sender is in the state busy, and the times in each */
	uint8_t busy;			/* [l] BUSY_* */
	uint32_t sized_cwnd;		/* [l] the window that the send buffer was last made large enough for */

	/* Receive buffer autotuning. */
	uint32_t rtune_copied, rtune_seq;	/* [l] */
	nsec_t rtune_at;		/* [l] */

	/* Listeners. */
	struct mpsc established;	/* [a] children that became established: accept_node, a reference each */
	struct mpsc attention;		/* [a] children with packets in their channels: likewise */
	struct mpsc_node *accept_head, **accept_tail;	/* [l] */
	uint32_t nr_accept, nr_half_open;	/* [a] children established and not accepted; in SYN_RECV */
	uint32_t backlog;		/* [a] */
	nsec_t cookies_until;		/* [l] */
};

#define XMIT_NONE	0
#define XMIT_RTO	1
#define XMIT_TLP	2
#define XMIT_REO	3
#define XMIT_PERSIST	4

#define WANT_OUTPUT	1u	/* there is something to send that the windows did not allow */
#define WANT_ROOM	2u	/* a writer or poller waits for room in the send queue */

#define CWND_LIMITED	UINT32_MAX	/* of used_twice */

/* In CA_LOSS: was the timeout right? (RFC 5682 3.1) */
#define FRTO_OFF	0	/* it was, or nobody asks */
#define FRTO_ASKS	1	/* the first segment was sent again: what does its acknowledgement say? */
#define FRTO_NEW	2	/* new data is to be sent */
#define FRTO_WAITS	3	/* it was: nothing is sent again before the next acknowledgement */

#define CA_OPEN		0
#define CA_DISORDER	1
#define CA_CWR		2
#define CA_RECOVERY	3
#define CA_LOSS		4

/* What keeps the sender at work: TCP_INFO's busy, rwnd-limited and sndbuf-limited times. */
#define BUSY_NONE	0	/* all is acknowledged */
#define BUSY_SENDING	1
#define BUSY_RWND	2	/* the peer's window holds data back */
#define BUSY_SNDBUF	3	/* all is sent, and a writer waits for room in the buffer */

#define URG_NONE	0
#define URG_PENDING	1	/* announced, byte not here */
#define URG_VALID	2
#define URG_READ	3

/* Established, with SACK, and nothing out of the ordinary: the bytes of plain_word. */
#define TCP_PLAIN	((uint64_t)1 << 8 | TCP_ESTABLISHED)
_Static_assert(offsetof(struct tcp_sock, state) % 8 == 0 && offsetof(struct tcp_sock, has_sack) == offsetof(struct tcp_sock, state) + 1 &&
	       offsetof(struct tcp_sock, is_unpredicted) == offsetof(struct tcp_sock, state) + 7, "plain_word");

static inline struct tcp_sock *tcp_of(struct socket *so)
{
	return container_of(so, struct tcp_sock, so);
}

/* The options of ip(7) or ipv6(7), by what the connection runs over. */
static inline const struct ip_opts *tcp_opts(const struct tcp_sock *tp)
{
	return &tp->opts[!ip_is_v4(&tp->raddr)];
}

static inline uint32_t tcp_flight(const struct tcp_sock *tp)
{
	return tp->snd_nxt - tp->snd_una;
}

/* RFC 6675 "pipe": what is believed to be in the network. */
static inline uint32_t tcp_pipe(const struct tcp_sock *tp)
{
	return tcp_flight(tp) - tp->sacked_bytes - tp->lost_bytes + tp->retrans_bytes;
}

static inline void tcp_want_acks(struct tcp_sock *tp, uint32_t why)
{
	(void)atomic_fetch_or(&tp->wants_acks, why, RELAXED);
	atomic_fence(SEQ_CST);	/* wants_acks before the next look at the channel, by tcp_process(): store->load. Pairs: list_for_worker, called by push */
}

static inline void tcp_dont_want_acks(struct tcp_sock *tp, uint32_t why)
{
	if (atomic_load(&tp->wants_acks, RELAXED) & why)
		(void)atomic_fetch_and(&tp->wants_acks, ~why, RELAXED);
}

/* The most that is given to a device as one packet; as Linux no more than half the peer's largest window, so that acknowledgements come while there is more to send. */
static inline uint32_t tcp_packet_max(const struct tcp_sock *tp)
{
	return MIN(TCP_GSO_MAX, MAX(tp->max_wnd / 2, (uint32_t)tp->mss));
}

/* Bytes given by the application and not yet sent once (a FIN not counted). */
static inline uint32_t tcp_unsent(const struct tcp_sock *tp)
{
	return tp->is_fin_sent ? 0 : tp->write_seq - tp->snd_nxt;
}

/* May data be sent? */
static inline bool tcp_may_send(const struct tcp_sock *tp)
{
	return IN_STATES(tp, STATES_SENDING) || (tp->state == TCP_SYN_RECV && tp->is_fastopen);
}

static inline void tcp_set_busy(struct tcp_sock *tp, uint8_t busy, nsec_t now)
{
	if (tp->busy)
		tp->busy_ns[tp->busy - 1] += now - tp->busy_at;
	tp->busy = busy;
	tp->busy_at = now;
}

/* TCP_NOTSENT_LOWAT: as much as may be unsent before a writer has to wait. */
static inline uint32_t tcp_notsent_lowat(const struct tcp_sock *tp)
{
	return tp->notsent_lowat ? tp->notsent_lowat : TCP_SETTING(notsent_lowat);
}

/* Millisecond clock of the timestamp option (RFC 7323 5.4). */
static inline uint32_t tcp_ts(const struct tcp_sock *tp, nsec_t now)
{
	return (uint32_t)(now / NSEC_PER_MSEC) + tp->ts_offset;
}

/* ---- tcp-demux.c */
/*
 * A segment to ourselves, from its TCP header on, becomes what it would be after its way through IP and the loopback device, of which only the counters are moved. No checksum
 * is needed. Lock of `from` held. take p.
 */
void tcp_deliver_local(struct tcp_sock *from, struct pkt *p, nsec_t now);
/* The same for a packet whose p->tcp is filled and that starts at its payload; base and l4 are set. */
void tcp_deliver_short(struct tcp_sock *from, struct pkt *p, nsec_t now);
struct tcp_sock *tcp_lookup(const struct ip_addr *laddr, uint16_t lport, const struct ip_addr *raddr, uint16_t rport, uint32_t *hash);
uint32_t tcp_hash(const struct ip_addr *laddr, uint16_t lport, const struct ip_addr *raddr, uint16_t rport);
/* Enter the table, which takes a reference. -EADDRNOTAVAIL: exists; -ENOMEM. */
int tcp_table_insert(struct tcp_sock *tp);
/* Does a connection, though it be in TIME-WAIT, keep e from being bound (socket(7), SO_REUSEADDR)? Looks at all connections. */
bool tcp_is_port_in_use(const struct port_entry *e);
void tcp_table_remove(struct tcp_sock *tp);
/* A SYN that ended a TIME-WAIT opens anew, if somebody listens. take. */
void tcp_give_to_listener(struct pkt *p, uint16_t sport, uint16_t dport);
/* RFC 9293 3.10.7.1: answer a segment that belongs to nothing. borrow. */
void tcp_send_reset(const struct pkt *p);
/* ISN (RFC 6528), timestamp offset, ephemeral port offset (RFC 6056 3.3.3). */
/* Closed connections to others whose peer has not acknowledged everything; acked changes when one acknowledges something. */
uint32_t tcp_count_unacked(uint32_t *acked);
uint32_t tcp_new_isn(const struct ip_addr *laddr, uint16_t lport, const struct ip_addr *raddr, uint16_t rport, nsec_t now);
uint32_t tcp_secret_hash(const struct ip_addr *laddr, uint16_t lport, const struct ip_addr *raddr, uint16_t rport, uint64_t salt);

/* ---- tcp-input.c: lock held everywhere below unless said otherwise */
/* Run what lies in the channel. Call it first, whatever you want of the socket; then tcp_unlock(). */
void __tcp_process(struct tcp_sock *tp);
static inline void tcp_process(struct tcp_sock *tp)
{
	if (!mpsc_is_empty(&tp->channel))
		__tcp_process(tp);
}
/* lock and tcp_process() */
static inline void tcp_lock(struct tcp_sock *tp)
{
	mutex_lock(&tp->so.lock);
	tcp_process(tp);
}
static inline void tcp_unlock(struct tcp_sock *tp)
{
	mutex_unlock(&tp->so.lock);
}
void tcp_segment(struct tcp_sock *tp, struct pkt *p, nsec_t now);	/* take */
/* Parse the options of a SYN. */
struct tcp_syn_opts {
	uint16_t mss;			/* 0: none */
	uint8_t wscale;
	bool has_wscale, has_sack, has_ts;
	bool has_ecn;			/* asks for ECN; a SYN with ACK does not ask */
	struct tcp_cookie cookie;
};
void tcp_parse_syn(const struct pkt *p, struct tcp_syn_opts *o);
/* The connection is synchronized: set windows and buffers up. */
void tcp_established(struct tcp_sock *tp, nsec_t now);
/* The part of it that comes before the handshake's end with Fast Open. */
void tcp_start_transfer(struct tcp_sock *tp, nsec_t now);
void tcp_apply_syn_opts(struct tcp_sock *tp, const struct tcp_syn_opts *o);
void tcp_update_mss(struct tcp_sock *tp);

/* ---- tcp-ack.c */
/* False: the segment is to be dropped (an acknowledgement was sent if RFC 5961 wants one). */
bool tcp_ack_input(struct tcp_sock *tp, struct pkt *p, nsec_t now);
/* The same for a segment that is_plain() of tcp-input.c lets pass. */
void tcp_ack_plain(struct tcp_sock *tp, struct pkt *p, nsec_t now);
void tcp_rtt_sample(struct tcp_sock *tp, nsec_t rtt);
void tcp_enter_recovery(struct tcp_sock *tp);
void tcp_enter_loss(struct tcp_sock *tp, nsec_t now);
/* The congestion window was reduced: tell a peer with ECN. */
void tcp_ecn_reduced(struct tcp_sock *tp);

#include "net/tcp-cong.h"

/* ---- tcp-output.c */
void tcp_push(struct tcp_sock *tp, nsec_t now, bool ignore_nagle);
void tcp_send_ack(struct tcp_sock *tp, nsec_t now);
void tcp_send_syn(struct tcp_sock *tp, nsec_t now, bool with_ack);
/* Ours, with a cookie and len bytes of the send queue; SYN-RECEIVED: the answer with a cookie. */
void tcp_send_syn_with(struct tcp_sock *tp, const struct tcp_cookie *c, uint32_t len, nsec_t now);
void tcp_send_rst(struct tcp_sock *tp, nsec_t now);		/* RST for a connection of ours */
void tcp_send_probe(struct tcp_sock *tp, nsec_t now);		/* keepalive, window probe: an old byte number */
/* RFC 5961 7: limited in rate. True: an answer may be sent, which then counts. */
bool tcp_may_answer(struct tcp_sock *tp, nsec_t now);
void tcp_limited_ack(struct tcp_sock *tp, nsec_t now);
void tcp_challenge_ack(struct tcp_sock *tp, nsec_t now);
uint32_t tcp_receive_window(struct tcp_sock *tp);
int tcp_get_route(struct tcp_sock *tp);
/* Send [rec->seq, rec->end) again. */
bool tcp_retransmit(struct tcp_sock *tp, struct tx_rec *rec, nsec_t now);

/* ---- tcp-fastopen.c */
void tcp_fastopen_parse(struct tcp_cookie *c, const uint8_t *option, unsigned len);
uint8_t *tcp_fastopen_put(const struct tcp_cookie *c, uint8_t *o);	/* its end */
void tcp_fastopen_listen(struct tcp_sock *lp, unsigned backlog);
/* A SYN: true if its data is to be taken. *c: in, what it carries; out, what the answer is to carry. */
bool tcp_fastopen_try(struct tcp_sock *lp, const struct pkt *p, struct tcp_cookie *c);
bool tcp_fastopen_is_client(void);
bool tcp_fastopen_may_defer(struct tcp_sock *tp);	/* could data go with the SYN? */
/* Send the SYN of a connection in SYN-SENT, with data if the peer's cookie is known. u may be NULL. Bytes taken, -ENOMEM. */
ssize_t tcp_fastopen_syn(struct tcp_sock *tp, struct uio *u, nsec_t now);
/* The answer to our SYN; mss: as it says. */
void tcp_fastopen_answered(struct tcp_sock *tp, const struct tcp_cookie *c, uint16_t mss);
void tcp_fastopen_show_key(char *buf, size_t size);
int tcp_fastopen_parse_key(const char *text);
int tcp_fastopen_set_key(struct tcp_sock *tp, const void *value, unsigned len);
unsigned tcp_fastopen_get_key(struct tcp_sock *tp, void *value, unsigned room);

/* ---- tcp-sendq.c */
uint32_t sendq_bytes(const struct tcp_sock *tp);
/* The connection is made: room for ten segments in flight and as many more, if the application did not say. */
void tcp_size_buffer(struct tcp_sock *tp);
/* Append up to what u has and room allows. Bytes taken, -EFAULT, -ENOMEM. */
ssize_t sendq_append(struct tcp_sock *tp, struct uio *u, uint32_t room);
void sendq_acked(struct tcp_sock *tp, uint32_t una);
/* An empty page at hand is given back if is_idle. True: there is one still; ask again. */
bool sendq_trim(struct tcp_sock *tp, bool is_idle);
void sendq_free(struct tcp_sock *tp);
/* How much of [seq, seq + len) a packet can refer to. */
uint32_t __sendq_fit(const struct tcp_sock *tp, uint32_t seq, uint32_t len);
static inline uint32_t sendq_fit(const struct tcp_sock *tp, uint32_t seq, uint32_t len)
{
	return likely(!tp->sendq.has_pieces) ? len : __sendq_fit(tp, seq, len);
}
/* Append [seq, seq + len), which fit, to the packet. False: no slot or memory. */
bool sendq_attach(struct tcp_sock *tp, struct pkt *p, uint32_t seq, uint32_t len);
/* Is the byte still there? */
bool sendq_has(const struct tcp_sock *tp, uint32_t seq);
void sendq_copy(struct tcp_sock *tp, uint32_t seq, uint8_t *to, uint32_t len);
bool tcp_may_write(const struct tcp_sock *tp);
ssize_t tcp_send(struct socket *so, struct sock_msg *m);

/* ---- tcp-mark.c; who calls has looked at tp->marks, but for the first */
#define TCP_MARK_EOR	0x80000000u	/* beside SOF_TX_* */
void tcp_mark_add(struct tcp_sock *tp, uint32_t what);	/* behind all that was written */
/* How much of the unsent bytes comes before the end of a record. */
uint32_t tcp_mark_limit(const struct tcp_sock *tp, uint32_t unsent);
bool tcp_mark_is_end(const struct tcp_sock *tp, uint32_t end);	/* of a record */
void tcp_mark_sent(struct tcp_sock *tp, uint32_t start, nsec_t now);	/* [start, snd_nxt) */
void tcp_mark_acked(struct tcp_sock *tp, uint32_t una);	/* while the bytes are there */
void tcp_mark_free(struct tcp_sock *tp);

/* ---- tcp-recvq.c */
void recvq_data(struct tcp_sock *tp, struct pkt *p, nsec_t now);	/* take: payload of a segment in the window */
void recvq_free(struct tcp_sock *tp);
/* If the next byte is the urgent one it is passed over, unless it belongs to the stream (SO_OOBINLINE). */
void __recvq_skip_urgent(struct tcp_sock *tp);
static inline void recvq_skip_urgent(struct tcp_sock *tp)
{
	if (unlikely(tp->urg_state != URG_NONE))
		__recvq_skip_urgent(tp);
}
bool tcp_has_data(const struct tcp_sock *tp);
ssize_t tcp_recv(struct socket *so, struct sock_msg *m);
/* SACK blocks to report (RFC 2018 4), most recent first; words in network order. Number of blocks. */
unsigned recvq_sack_blocks(struct tcp_sock *tp, uint32_t out[8], unsigned max);

/* ---- tcp-timer.c */
void tcp_timer_init(struct tcp_sock *tp);
/* Arm for the earliest deadline if the timer would come too late. */
void tcp_arm_timer(struct tcp_sock *tp, nsec_t at, nsec_t slack);
void __tcp_timer_update(struct tcp_sock *tp, nsec_t next);
static inline void tcp_timer_update(struct tcp_sock *tp)
{
	nsec_t next = MIN(MIN(tp->xmit_at, tp->keep_at), tp->state_at);

	if (unlikely(next < tp->armed_at))
		__tcp_timer_update(tp, next);
}
static inline nsec_t tcp_backed_off(const struct tcp_sock *tp)
{
	nsec_t t = tp->rto << MIN(tp->nr_backoff, 12u);

	return MIN(t, TCP_RTO_MAX);
}
static inline void tcp_arm_rto(struct tcp_sock *tp, nsec_t now)
{
	tp->xmit_kind = XMIT_RTO;
	tp->xmit_at = now + tcp_backed_off(tp);
}
void tcp_arm_keepalive(struct tcp_sock *tp, nsec_t now);
static inline nsec_t tcp_keep_idle(const struct tcp_sock *tp)
{
	return tp->keep_idle ? tp->keep_idle : TCP_SETTING(keep_idle_s) * NSEC_PER_SEC;
}
static inline nsec_t tcp_keep_interval(const struct tcp_sock *tp)
{
	return tp->keep_interval ? tp->keep_interval : TCP_SETTING(keep_interval_s) * NSEC_PER_SEC;
}
void tcp_arm_persist(struct tcp_sock *tp, nsec_t now);
/* No lock: the worker's call. */
bool tcp_work_run(struct work *w, nsec_t now);
void tcp_list_for_work(struct tcp_sock *tp);	/* no lock needed */
/*
 * Must what can wait wait for the device to take what it has? Then the worker goes on when it has. So no segment of ours is lost in our own machine, and little lies below us that
 * more urgent ones would have to wait for.
 */
bool __tcp_waits_for_room(struct tcp_sock *tp);
static inline bool tcp_waits_for_room(struct tcp_sock *tp)
{
	return unlikely(atomic_load(&tp->route.dev->full_queues, RELAXED)) && __tcp_waits_for_room(tp);
}

/* The MSS that a SYN says, by the route and the application. */
static inline uint16_t tcp_advmss(const struct tcp_sock *tp)
{
	uint16_t mss = (uint16_t)(tp->route.mtu - (ip_is_v4(&tp->raddr) ? IP4_HLEN : IP6_HLEN) - sizeof(struct tcp_hdr));

	return tp->user_mss ? MIN(mss, tp->user_mss) : mss;
}

/* ---- tcp-output.c again */
static inline bool tcp_is_ack_due(const struct tcp_sock *tp)
{
	if (tp->needs_ack_now)
		return true;
	/* Two segments are waiting (RFC 9293 3.8.6.3): the reader's window update usually comes at once and says both; a burst does not wait for it. */
	return tp->nr_unacked_segs >= 8 || (tp->nr_unacked_segs && tp->nr_quick_acks);
}
/* Send what may be sent: lost pieces, new data, FIN; an acknowledgement if needed. */
void __tcp_output(struct tcp_sock *tp, nsec_t now);
static inline void tcp_output(struct tcp_sock *tp, nsec_t now)
{
	/* Of an established connection, which has no FIN to send. */
	bool has_nothing = tp->plain_word == TCP_PLAIN && tp->snd_nxt == tp->write_seq && !tp->lost_bytes && !tcp_is_ack_due(tp) &&
			   !(atomic_load(&tp->wants_acks, RELAXED) & WANT_OUTPUT);

	if (has_nothing)
		tcp_timer_update(tp);
	else
		__tcp_output(tp, now);
}

/* ---- tcp-listen.c */
int tcp_listen(struct socket *so, int backlog);
int tcp_accept(struct socket *so, struct socket **out, bool is_nonblock);
void tcp_listener_process(struct tcp_sock *lp);	/* all that waits in its channel and queues */
bool tcp_listener_has_ready(struct tcp_sock *lp);
void tcp_listener_close(struct tcp_sock *lp);
void tcp_child_established(struct tcp_sock *tp);	/* the child's lock held */
void tcp_child_left_syn(struct tcp_sock *tp);	/* it is not half open any more */
void tcp_listener_segment(struct tcp_sock *lp, struct pkt *p, nsec_t now);

/* ---- tcp-sock.c */
struct tcp_sock *tcp_sock_new(int family);
/* A send(2) that opens the connection: MSG_FASTOPEN, or is_deferred. Waits for it unless m is not to. Bytes that went with the SYN, -errno. */
int tcp_send_first(struct tcp_sock *tp, struct sock_msg *m);
/* What a SYN of ours offers, by the settings; before tcp_apply_syn_opts() of the answer. */
void tcp_offer_options(struct tcp_sock *tp);
/* How long FIN-WAIT-2 lasts when the application has gone; 0: not at all. */
nsec_t tcp_fin_timeout(const struct tcp_sock *tp);
void tcp_set_state(struct tcp_sock *tp, enum tcp_state state);
/* The connection is over: error (positive errno, 0: none) goes to the application, memory and table entry away. */
void tcp_finish(struct tcp_sock *tp, int error);
void tcp_enter_time_wait(struct tcp_sock *tp, nsec_t now);
void tcp_abort(struct tcp_sock *tp, int error, nsec_t now);	/* with a RST to the peer */
void tcp_wake(struct tcp_sock *tp, uint32_t events);
uint32_t tcp_poll(struct socket *so);
int tcp_setopt(struct socket *so, int level, int name, const void *value, unsigned len);
int tcp_getopt(struct socket *so, int level, int name, void *value, unsigned *len);
extern const struct socket_ops tcp_ops;
extern uint32_t tcp_nr_orphans, tcp_nr_time_wait;	/* [a] */

/* struct tcp_info of linux/tcp.h (6.1). */
struct tcp_info_abi {
	uint8_t state, ca_state, retransmits, probes, backoff, options, wscale, flags;
	uint32_t rto, ato, snd_mss, rcv_mss;
	uint32_t unacked, sacked, lost, retrans, fackets;
	uint32_t last_data_sent, last_ack_sent, last_data_recv, last_ack_recv;
	uint32_t pmtu, rcv_ssthresh, rtt, rttvar, snd_ssthresh, snd_cwnd, advmss, reordering;
	uint32_t rcv_rtt, rcv_space;
	uint32_t total_retrans;
	uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
	uint32_t segs_out, segs_in, notsent_bytes, min_rtt, data_segs_in, data_segs_out;
	uint64_t delivery_rate, busy_time, rwnd_limited, sndbuf_limited;
	uint32_t delivered, delivered_ce;
	uint64_t bytes_sent, bytes_retrans;
	uint32_t dsack_dups, reord_seen, rcv_ooopack, snd_wnd;
};
_Static_assert(offsetof(struct tcp_info_abi, pacing_rate) == 104 && sizeof(struct tcp_info_abi) == 232, "linux/tcp.h");

/* [l] held. */
void tcp_fill_info(struct tcp_sock *tp, struct tcp_info_abi *i);
