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
#define TCP_FASTOPEN		23
#define TCP_TIMESTAMP		24
#define TCP_NOTSENT_LOWAT	25
#define TCP_FASTOPEN_CONNECT	30
#define TCP_INQ			36

static uint32_t us(nsec_t t)
{
	return (uint32_t)(t / 1000);
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
	i->options = (uint8_t)((tp->has_ts ? 1 : 0) | (tp->has_sack ? 2 : 0) | (tp->has_wscale ? 4 : 0) | (tp->has_ecn ? 8 : 0));
	i->wscale = (uint8_t)(tp->snd_wscale | tp->rcv_wscale << 4);
	i->rto = us(tp->rto);
	i->ato = us(TCP_DELACK_NS);
	i->snd_mss = i->rcv_mss = tp->mss;
	i->unacked = tp->state == TCP_LISTEN ? tp->nr_accept : DIV_ROUND_UP(tcp_flight(tp), mss);
	i->sacked = tp->state == TCP_LISTEN ? tp->backlog : DIV_ROUND_UP(tp->sacked_bytes, mss);
	i->lost = DIV_ROUND_UP(tp->lost_bytes, mss);
	i->retrans = DIV_ROUND_UP(tp->retrans_bytes, mss);
	i->last_data_sent = (uint32_t)((now - tp->last_snd) / NSEC_PER_MSEC);
	i->last_data_recv = i->last_ack_recv = (uint32_t)((now - tp->last_rcv) / NSEC_PER_MSEC);
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
	i->pacing_rate = i->max_pacing_rate = ~0ull;
	i->bytes_acked = tp->bytes_acked;
	i->bytes_received = tp->bytes_received;
	i->segs_out = (uint32_t)tp->segs_out;
	i->segs_in = (uint32_t)tp->segs_in;
	i->notsent_bytes = tcp_unsent(tp);
	i->min_rtt = us(tp->min_rtt);
	i->delivered = tp->delivered / mss;
	i->delivery_rate = tp->srtt ? (uint64_t)tp->cwnd * NSEC_PER_SEC / tp->srtt : 0;
	i->bytes_sent = tp->bytes_acked + tcp_flight(tp);
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

/* Lock held. */
static int set_int(struct tcp_sock *tp, int name, int v)
{
	nsec_t now = clock_monotonic();

	switch (name) {
	case TCP_NODELAY:
		tp->is_nodelay = v != 0;
		if (v && tp->state != TCP_LISTEN)
			tcp_output(tp, now);
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
		tp->linger2 = v < 0 ? NSEC_NEVER : v > 120 ? 0 : (nsec_t)v * NSEC_PER_SEC;
		return 0;
	case TCP_DEFER_ACCEPT:
		tp->is_defer_accept = v > 0;	/* connections are still given at once: the application just waits for data itself */
		return 0;
	case TCP_WINDOW_CLAMP:
		tp->window_clamp = v ? (uint32_t)MAX(v, 2304) : 0;
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
	case TCP_FASTOPEN:
	case TCP_FASTOPEN_CONNECT:
	case TCP_INQ:
		return 0;
	}
	return -ENOPROTOOPT;
}

static int set_ip(struct tcp_sock *tp, int level, int name, int v)
{
	int r;

	mutex_lock(&tp->so.lock);
	r = inet_setopt(&tp->so, &tp->opts, level, name, v);
	tp->ready.mac = 0;	/* the header that is kept has the old ones */
	mutex_unlock(&tp->so.lock);
	return r;
}

int tcp_setopt(struct socket *so, int level, int name, const void *value, unsigned len)
{
	struct tcp_sock *tp = tcp_of(so);
	int v, r;

	if (level == IPPROTO_TCP && name == TCP_CONGESTION)
		return set_congestion(tp, value, len);
	if (len < 4)
		return len && level != IPPROTO_TCP ? set_ip(tp, level, name, *(const uint8_t *)value) : -EINVAL;
	memcpy(&v, value, 4);
	if (level == IPPROTO_TCP) {
		tcp_lock(tp);
		r = set_int(tp, name, v);
		tcp_unlock(tp);
		return r;
	}
	if (level != IPPROTO_IP && level != IPPROTO_IPV6)
		return -ENOPROTOOPT;
	if (level == IPPROTO_IPV6 && name == 26 && tp->port.port)	/* IPV6_V6ONLY after bind */
		return -EINVAL;
	return set_ip(tp, level, name, v);
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
		*v = tp->state == TCP_CLOSED && tp->user_mss ? tp->user_mss : tp->mss;
		return 0;
	case TCP_KEEPIDLE:
		*v = (int)(tp->keep_idle ? tp->keep_idle / NSEC_PER_SEC : 7200);
		return 0;
	case TCP_KEEPINTVL:
		*v = (int)(tp->keep_interval ? tp->keep_interval / NSEC_PER_SEC : 75);
		return 0;
	case TCP_KEEPCNT:
		*v = tp->keep_count ? tp->keep_count : 9;
		return 0;
	case TCP_SYNCNT:
		*v = tp->syn_retries ? tp->syn_retries : (int)TCP_SYN_RETRIES;
		return 0;
	case TCP_LINGER2:
		*v = tp->linger2 == NSEC_NEVER ? -1 : (int)((tp->linger2 ? tp->linger2 : TCP_FIN_TIMEOUT_NS) / NSEC_PER_SEC);
		return 0;
	case TCP_DEFER_ACCEPT:
		*v = tp->is_defer_accept;
		return 0;
	case TCP_WINDOW_CLAMP:
		*v = (int)(tp->window_clamp ? tp->window_clamp : 65535u << tp->rcv_wscale);
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
	case TCP_FASTOPEN:
	case TCP_FASTOPEN_CONNECT:
	case TCP_INQ:
	case TCP_TIMESTAMP:
		*v = 0;
		return 0;
	}
	return -ENOPROTOOPT;
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
	if (level == IPPROTO_TCP)
		r = get_int(tp, name, &v);
	else if (level == IPPROTO_IP || level == IPPROTO_IPV6)
		r = inet_getopt(so, &tp->opts, level, name, &v);
	else
		r = -ENOPROTOOPT;
	if (r)
		return r;
	*len = MIN(*len, 4u);
	memcpy(value, &v, *len);
	return 0;
}
