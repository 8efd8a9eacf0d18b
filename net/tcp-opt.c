// SPDX-License-Identifier: MIT
/* Options of tcp(7), TCP_INFO. */
#include "libc/errno.h"
#include "libc/string.h"
#include "net/dgram.h"
#include "net/tcp-priv.h"

#define TCP_NODELAY		1
#define TCP_MAXSEG		2
#define TCP_CORK		3
#define TCP_KEEPIDLE		4
#define TCP_KEEPINTVL		5
#define TCP_KEEPCNT		6
#define TCP_SYNCNT		7
#define TCP_LINGER2		8
#define TCP_DEFER_ACCEPT	9
#define TCP_WINDOW_CLAMP	10
#define TCP_INFO		11
#define TCP_QUICKACK		12
#define TCP_CONGESTION		13
#define TCP_USER_TIMEOUT	18
#define TCP_THIN_LINEAR		16
#define TCP_THIN_DUPACK		17
#define TCP_REPAIR		19
#define TCP_REPAIR_QUEUE	20
#define TCP_QUEUE_SEQ		21
#define TCP_REPAIR_OPTIONS	22
#define TCP_FASTOPEN		23
#define TCP_TIMESTAMP		24
#define TCP_NOTSENT_LOWAT	25
#define TCP_CC_INFO		26
#define TCP_SAVE_SYN		27
#define TCP_REPAIR_WINDOW	29
#define TCP_FASTOPEN_CONNECT	30
#define TCP_ULP			31
#define TCP_FASTOPEN_KEY	33
#define TCP_FASTOPEN_NO_COOKIE	34
#define TCP_ZEROCOPY_RECEIVE	35
#define TCP_INQ			36
#define TCP_TX_DELAY		37

#define WINDOW_CLAMP_MIN	1152u

static uint32_t us(nsec_t t)
{
	return (uint32_t)(t / 1000);
}

static void fill_times(const struct tcp_sock *tp, struct tcp_info_abi *i, nsec_t now)
{
	nsec_t t[3] = { tp->busy_ns[0], tp->busy_ns[1], tp->busy_ns[2] };

	if (tp->busy)
		t[tp->busy - 1] += now - tp->busy_at;
	i->busy_time = (t[0] + t[1] + t[2]) / 1000;
	i->rwnd_limited = t[BUSY_RWND - 1] / 1000;
	i->sndbuf_limited = t[BUSY_SNDBUF - 1] / 1000;
}

/* Of the window, what this round trip or the last one had in flight. */
static uint32_t used_window(const struct tcp_sock *tp)
{
	return tp->used_twice && tp->used_twice != CWND_LIMITED ? MIN(tp->used_twice / 2, tp->cwnd) : tp->cwnd;
}

void tcp_fill_info(struct tcp_sock *tp, struct tcp_info_abi *i)
{
	nsec_t now = clock_monotonic();
	uint32_t mss = tp->mss ? tp->mss : 1;

	memset(i, 0, sizeof(*i));
	i->state = tp->state;
	i->ca_state = tp->ca_state;
	i->retransmits = i->backoff = tp->nr_backoff;
	i->probes = tp->nr_keep_probes;
	i->options = (uint8_t)((tp->has_ts ? 1 : 0) | (tp->has_sack ? 2 : 0) | (tp->has_wscale ? 4 : 0) | (tp->has_ecn ? 8 : 0) | (tp->is_syn_data_taken ? 32 : 0));
	i->wscale = (uint8_t)(tp->snd_wscale | tp->rcv_wscale << 4);
	i->rto = us(tp->rto);
	i->ato = us(TCP_DELACK_NS);
	i->snd_mss = i->rcv_mss = tp->mss;
	i->unacked = tp->state == TCP_LISTEN ? tp->nr_accept : DIV_ROUND_UP(tcp_flight(tp), mss);
	i->sacked = tp->state == TCP_LISTEN ? tp->backlog : DIV_ROUND_UP(tp->sacked_bytes, mss);
	i->lost = DIV_ROUND_UP(tp->lost_bytes, mss);
	i->retrans = DIV_ROUND_UP(tp->retrans_bytes, mss);
	i->last_data_sent = (uint32_t)((now - tp->last_data_snd) / NSEC_PER_MSEC);
	i->last_data_recv = (uint32_t)((now - tp->last_data_rcv) / NSEC_PER_MSEC);
	i->last_ack_recv = (uint32_t)((now - tp->last_rcv) / NSEC_PER_MSEC);
	i->pmtu = tp->route.dev ? tp->route.mtu : 0;
	i->rcv_ssthresh = i->rcv_space = atomic_load(&tp->so.rcvbuf, RELAXED);
	i->rtt = us(tp->srtt);
	i->rttvar = us(tp->rttvar);
	i->snd_ssthresh = tp->ssthresh >= 0x7fffffff ? 0x7fffffff : tp->ssthresh / mss;
	i->snd_cwnd = tp->cwnd / mss;
	i->advmss = tp->advmss;
	i->reordering = 3;
	i->rcv_rtt = us(tp->srtt);
	i->total_retrans = tp->nr_retrans_total;
	i->pacing_rate = tcp_pacing_rate(tp);
	i->max_pacing_rate = atomic_load(&tp->so.max_pacing_rate, RELAXED);
	i->bytes_acked = tp->bytes_acked;
	i->bytes_received = tp->bytes_received;
	i->segs_out = (uint32_t)tp->segs_out;
	i->segs_in = (uint32_t)tp->segs_in;
	i->notsent_bytes = tcp_unsent(tp);
	i->min_rtt = us(tp->min_rtt);
	/* In segments; the SYN is one. */
	i->delivered = tp->delivered ? 1 + DIV_ROUND_UP(tp->delivered - 1, mss) : 0;
	i->delivery_rate = tp->srtt ? (uint64_t)used_window(tp) * NSEC_PER_SEC / tp->srtt : 0;
	i->bytes_sent = tp->bytes_acked + tcp_flight(tp) + tp->bytes_retrans;
	i->bytes_retrans = tp->bytes_retrans;
	i->data_segs_in = tp->data_segs_in;
	i->data_segs_out = tp->data_segs_out;
	fill_times(tp, i, now);
	i->snd_wnd = tp->snd_wnd;
}

static int set_congestion(struct tcp_sock *tp, const char *value, unsigned len)
{
	char name[16];
	const struct tcp_cong *c;

	len = MIN(len, (unsigned)sizeof(name) - 1);
	memcpy(name, value, len);
	name[len] = 0;
	c = tcp_cong_find(name);
	if (!c)
		return -ENOENT;
	tcp_lock(tp);
	tp->cong = c;
	c->init(tp);
	tcp_unlock(tp);
	return 0;
}

static int set_keep(struct tcp_sock *tp, int name, int v)
{
	if (v < 1 || v > (name == TCP_KEEPCNT ? 127 : 32767))
		return -EINVAL;
	if (name == TCP_KEEPIDLE)
		tp->keep_idle = (nsec_t)v * NSEC_PER_SEC;
	else if (name == TCP_KEEPINTVL)
		tp->keep_interval = (nsec_t)v * NSEC_PER_SEC;
	else
		tp->keep_count = (uint8_t)v;
	tcp_arm_keepalive(tp, clock_monotonic());
	tcp_timer_update(tp);
	return 0;
}

/* TCP_DEFER_ACCEPT: seconds as repeats of the SYN-ACK after 1, 2, 4 ... s, and back. */
static uint8_t repeats_in(int seconds)
{
	int n = seconds > 0, wait = 1, all = 1;

	while (all < seconds && n < 255) {
		wait = MIN(wait * 2, (int)(TCP_RTO_MAX / NSEC_PER_SEC));
		all += wait;
		n++;
	}
	return (uint8_t)n;
}

static int seconds_of(unsigned repeats)
{
	int wait = 1, all = repeats > 0;

	for (unsigned i = 1; i < repeats; i++) {
		wait = MIN(wait * 2, (int)(TCP_RTO_MAX / NSEC_PER_SEC));
		all += wait;
	}
	return all;
}

/* Lock held. Options that few programs use. */
static int set_more(struct tcp_sock *tp, int name, int v)
{
	bool is_bool = v == 0 || v == 1;

	switch (name) {
	case TCP_THIN_LINEAR:
		tp->is_thin_linear = is_bool ? v : tp->is_thin_linear;
		return is_bool ? 0 : -EINVAL;
	case TCP_THIN_DUPACK:
		return is_bool ? 0 : -EINVAL;
	case TCP_INQ:
		tp->wants_inq = is_bool ? v : tp->wants_inq;
		return is_bool ? 0 : -EINVAL;
	case TCP_SAVE_SYN:
		if (v < 0 || v > 2)
			return -EINVAL;
		tp->save_syn = (uint8_t)v;
		return 0;
	case TCP_TX_DELAY:
		tp->tx_delay = v;
		return 0;
	case TCP_FASTOPEN:
		if (v < 0 || !IN_STATES(tp, ST(CLOSED) | ST(LISTEN)))
			return -EINVAL;
		tp->fastopen_max = (uint32_t)v;
		tcp_fastopen_listen(tp, 0);
		return 0;
	case TCP_FASTOPEN_CONNECT:
		if (is_bool && !tcp_fastopen_is_client())
			return -EOPNOTSUPP;
		if (!is_bool || tp->state != TCP_CLOSED)
			return -EINVAL;
		tp->is_fastopen_connect = v;
		return 0;
	case TCP_FASTOPEN_NO_COOKIE:
		if (!is_bool || !IN_STATES(tp, ST(CLOSED) | ST(LISTEN)))
			return -EINVAL;
		tp->no_cookie = v;
		return 0;
	/* Repair mode is not there: as if the program lacked the capability. */
	case TCP_REPAIR:
		return tp->state == TCP_LISTEN || v == 1 ? -EPERM : v == 0 || v == -1 ? 0 : -EINVAL;
	case TCP_REPAIR_OPTIONS:
		return -EINVAL;
	case TCP_REPAIR_QUEUE:
	case TCP_QUEUE_SEQ:
	case TCP_REPAIR_WINDOW:
	case TCP_TIMESTAMP:
		return -EPERM;
	}
	return -ENOPROTOOPT;
}

/* Lock held. */
static int set_int(struct tcp_sock *tp, int name, int v)
{
	nsec_t now = clock_monotonic();

	switch (name) {
	case TCP_NODELAY:
		tp->is_nodelay = v != 0;
		if (v && tp->state != TCP_LISTEN && tcp_unsent(tp)) {	/* at once, also what TCP_CORK holds back */
			tcp_push(tp, now, true);
			tcp_timer_update(tp);
		}
		return 0;
	case TCP_CORK:
		tp->is_cork = v != 0;
		if (!v && tp->state != TCP_LISTEN && tcp_unsent(tp)) {
			tcp_push(tp, now, true);
			tcp_timer_update(tp);
		}
		return 0;
	case TCP_MAXSEG:
		if (v && (v < (int)TCP_MIN_MSS || v > 32767))
			return -EINVAL;
		tp->user_mss = (uint16_t)v;
		return 0;
	case TCP_KEEPIDLE:
	case TCP_KEEPINTVL:
	case TCP_KEEPCNT:
		return set_keep(tp, name, v);
	case TCP_SYNCNT:
		if (v < 1 || v > 127)
			return -EINVAL;
		tp->syn_retries = (uint8_t)v;
		return 0;
	case TCP_LINGER2:
		tp->linger2_s = v < 0 ? -1 : MIN(v, TCP_FIN_TIMEOUT_MAX_S);
		return 0;
	case TCP_DEFER_ACCEPT:
		tp->defer_accept = repeats_in(v);
		return 0;
	case TCP_WINDOW_CLAMP:
		if (!v && tp->state != TCP_CLOSED)
			return -EINVAL;
		tp->window_clamp = v ? (uint32_t)MAX(v, (int)WINDOW_CLAMP_MIN) : 0;
		return 0;
	case TCP_QUICKACK:
		tp->no_quickack = !v;
		tp->nr_quick_acks = v ? 16 : 0;
		if (v && tp->delack_at != NSEC_NEVER)
			tcp_send_ack(tp, now);
		return 0;
	case TCP_USER_TIMEOUT:
		if (v < 0)
			return -EINVAL;
		tp->user_timeout = (nsec_t)v * NSEC_PER_MSEC;
		return 0;
	case TCP_NOTSENT_LOWAT:
		tp->notsent_lowat = (uint32_t)v;
		return 0;
	}
	return set_more(tp, name, v);
}

static int set_ip(struct tcp_sock *tp, int level, int name, const void *value, unsigned len)
{
	int r;

	mutex_lock(&tp->so.lock);
	r = inet_setopt(&tp->so, &tp->opts[level == IPPROTO_IPV6], level, name, value, len);
	tp->ready.mac = 0;	/* the header that is kept has the old ones */
	mutex_unlock(&tp->so.lock);
	return r;
}

int tcp_setopt(struct socket *so, int level, int name, const void *value, unsigned len)
{
	struct tcp_sock *tp = tcp_of(so);
	int v, r;

	if (level == IPPROTO_TCP && name == TCP_CONGESTION)
		return len ? set_congestion(tp, value, len) : -EINVAL;
	if (level == IPPROTO_TCP && name == TCP_FASTOPEN_KEY) {
		tcp_lock(tp);
		r = tcp_fastopen_set_key(tp, value, len);
		tcp_unlock(tp);
		return r;
	}
	if (level == IPPROTO_TCP && name == TCP_ULP)
		return len ? -ENOENT : -EINVAL;		/* none is there */
	if (level == IPPROTO_TCP) {
		if (len < 4)
			return -EINVAL;
		memcpy(&v, value, 4);
		tcp_lock(tp);
		r = set_int(tp, name, v);
		tcp_unlock(tp);
		return r;
	}
	if (level != IPPROTO_IP && level != IPPROTO_IPV6)
		return -ENOPROTOOPT;
	if (level == IPPROTO_IPV6 && name == 26 && tp->port.port)	/* IPV6_V6ONLY after bind */
		return -EINVAL;
	return set_ip(tp, level, name, value, len);
}

static int get_more(struct tcp_sock *tp, int name, int *v)
{
	switch (name) {
	case TCP_THIN_LINEAR:
		*v = tp->is_thin_linear;
		return 0;
	case TCP_INQ:
		*v = tp->wants_inq;
		return 0;
	case TCP_SAVE_SYN:
		*v = tp->save_syn;
		return 0;
	case TCP_TX_DELAY:
		*v = tp->tx_delay;
		return 0;
	case TCP_FASTOPEN:
		*v = (int)tp->fastopen_max;
		return 0;
	case TCP_FASTOPEN_CONNECT:
		*v = tp->is_fastopen_connect;
		return 0;
	case TCP_FASTOPEN_NO_COOKIE:
		*v = tp->no_cookie;
		return 0;
	case TCP_TIMESTAMP:
		*v = (int)tcp_ts(tp, clock_monotonic());
		return 0;
	case TCP_THIN_DUPACK:
	case TCP_REPAIR:
		*v = 0;
		return 0;
	case TCP_REPAIR_QUEUE:
	case TCP_QUEUE_SEQ:
		return -EINVAL;
	case TCP_REPAIR_WINDOW:
		return -EPERM;
	}
	return -ENOPROTOOPT;
}

static int get_int(struct tcp_sock *tp, int name, int *v)
{
	switch (name) {
	case TCP_NODELAY:
		*v = tp->is_nodelay;
		return 0;
	case TCP_CORK:
		*v = tp->is_cork;
		return 0;
	case TCP_MAXSEG:
		*v = IN_STATES(tp, ST(CLOSED) | ST(LISTEN)) && tp->user_mss ? tp->user_mss : tp->mss;
		return 0;
	case TCP_KEEPIDLE:
		*v = (int)(tcp_keep_idle(tp) / NSEC_PER_SEC);
		return 0;
	case TCP_KEEPINTVL:
		*v = (int)(tcp_keep_interval(tp) / NSEC_PER_SEC);
		return 0;
	case TCP_KEEPCNT:
		*v = tp->keep_count ? tp->keep_count : (int)TCP_SETTING(keep_probes);
		return 0;
	case TCP_SYNCNT:
		*v = tp->syn_retries ? tp->syn_retries : (int)TCP_SETTING(syn_retries);
		return 0;
	case TCP_LINGER2:
		*v = tp->linger2_s ? tp->linger2_s : (int)TCP_SETTING(fin_timeout_s);
		return 0;
	case TCP_DEFER_ACCEPT:
		*v = seconds_of(tp->defer_accept);
		return 0;
	case TCP_WINDOW_CLAMP:
		*v = (int)(tp->window_clamp || IN_STATES(tp, ST(CLOSED) | ST(LISTEN)) ? tp->window_clamp : 65535u << tp->rcv_wscale);
		return 0;
	case TCP_QUICKACK:
		*v = !tp->no_quickack;
		return 0;
	case TCP_USER_TIMEOUT:
		*v = (int)(tp->user_timeout / NSEC_PER_MSEC);
		return 0;
	case TCP_NOTSENT_LOWAT:
		*v = (int)tp->notsent_lowat;
		return 0;
	}
	return get_more(tp, name, v);
}

/* No memory is mapped from a socket, so pages cannot be given: less than one the program is told to copy, as on Linux. */
static int zerocopy_receive(struct tcp_sock *tp, void *value, unsigned *len)
{
	struct {
		uint64_t address;
		uint32_t length, recv_skip_hint;
		uint32_t inq;
		int32_t err;
	} zc = { 0 };
	uint32_t here;
	bool is_listener;

	if (*len < offsetof(typeof(zc), recv_skip_hint))
		return -EINVAL;
	*len = MIN(*len, (unsigned)sizeof(zc));
	memcpy(&zc, value, *len);
	if (zc.address % PAGE_SIZE)
		return -EINVAL;
	tcp_lock(tp);
	here = tp->rcv_bytes;
	is_listener = tp->state == TCP_LISTEN;
	tcp_unlock(tp);
	if (is_listener)
		return -ENOTCONN;
	if (here >= PAGE_SIZE)
		return -EINVAL;
	zc.length = 0;
	zc.recv_skip_hint = zc.inq = here;
	zc.err = 0;
	memcpy(value, &zc, *len);
	return 0;
}

int tcp_getopt(struct socket *so, int level, int name, void *value, unsigned *len)
{
	struct tcp_sock *tp = tcp_of(so);
	int v = 0, r;

	if (level == IPPROTO_TCP && name == TCP_INFO) {
		struct tcp_info_abi info;

		tcp_lock(tp);
		tcp_fill_info(tp, &info);
		tcp_unlock(tp);
		if (info.state == TCP_TIME_WAIT)	/* Linux has something smaller for that, which a program cannot ask */
			info.state = TCP_CLOSED;
		*len = MIN(*len, (unsigned)sizeof(info));
		memcpy(value, &info, *len);
		return 0;
	}
	if (level == IPPROTO_TCP && name == TCP_CONGESTION) {
		char buf[16] = { 0 };

		strlcpy(buf, tp->cong->name, sizeof(buf));
		*len = MIN(*len, (unsigned)sizeof(buf));
		memcpy(value, buf, *len);
		return 0;
	}
	if (level == IPPROTO_TCP && (name == TCP_CC_INFO || name == TCP_ULP)) {
		*len = 0;	/* neither CUBIC nor Reno tells anything on Linux */
		return 0;
	}
	if (level == IPPROTO_TCP && name == TCP_FASTOPEN_KEY) {
		*len = tcp_fastopen_get_key(tp, value, *len);
		return 0;
	}
	if (level == IPPROTO_TCP && name == TCP_ZEROCOPY_RECEIVE)
		return zerocopy_receive(tp, value, len);
	if (level == IPPROTO_TCP)
		r = get_int(tp, name, &v);
	else if (level == IPPROTO_IP || level == IPPROTO_IPV6)
		return inet_getopt(so, &tp->opts[level == IPPROTO_IPV6], &tp->route, level, name, value, len);
	else
		return -EOPNOTSUPP;
	if (r)
		return r;
	*len = MIN(*len, 4u);
	memcpy(value, &v, *len);
	return 0;
}
