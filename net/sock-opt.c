// SPDX-License-Identifier: MIT
/*
 * Options of level SOL_SOCKET that few programs set. Most are advice for devices and schedulers that are not here: what was set can be read again, and what Linux refuses is refused.
 */
#include "libc/errno.h"
#include "libc/string.h"
#include "net/netdev-priv.h"
#include "net/socket.h"

#define SO_PEERNAME		28
#define SO_PEEK_OFF		42
#define SO_LOCK_FILTER		44
#define SO_BUSY_POLL		46
#define SO_MAX_PACING_RATE	47
#define SO_BPF_EXTENSIONS	48
#define SO_INCOMING_CPU		49
#define SO_MEMINFO		55
#define SO_INCOMING_NAPI_ID	56
#define SO_COOKIE		57
#define SO_TXTIME		61
#define SO_BINDTOIFINDEX	62
#define SO_BUSY_POLL_BUDGET	70
#define SO_NETNS_COOKIE		71
#define SO_BUF_LOCK		72
#define SO_RESERVE_MEM		73
#define SO_TXREHASH		74

#define BUF_LOCK_SEND		1u
#define BUF_LOCK_RECEIVE	2u
#define MEMINFO_WORDS		9
#define TXTIME_FLAGS		3u	/* SOF_TXTIME_DEADLINE_MODE, SOF_TXTIME_REPORT_ERRORS */

uint64_t socket_cookie(struct socket *so)
{
	static uint64_t last;		/* [a] */
	uint64_t none = 0, mine = atomic_load(&so->cookie, RELAXED);

	if (mine)
		return mine;
	mine = atomic_fetch_add(&last, 1ull, RELAXED) + 1;
	return atomic_cas(&so->cookie, &none, mine, RELAXED) ? mine : none;
}

/* AF_UNIX and UDP can look from an offset on, TCP cannot. 0 or -errno; AF_UNIX has the option itself. */
static int can_peek_from(const struct socket *so)
{
	return so->family == AF_UNIX || so->type == SOCK_DGRAM ? 0 : -EOPNOTSUPP;
}

static int set_pacing_rate(struct socket *so, const void *value, unsigned len)
{
	uint64_t rate = 0;

	memcpy(&rate, value, len >= sizeof(rate) ? sizeof(rate) : 4);
	if (len < sizeof(rate) && rate == UINT32_MAX)
		rate = UINT64_MAX;
	atomic_store(&so->max_pacing_rate, rate, RELAXED);
	if (so->ops->pacing_changed)
		so->ops->pacing_changed(so);
	return 0;
}

static int set_txtime(struct socket *so, const void *value, unsigned len)
{
	struct {
		int32_t clock;
		uint32_t flags;
	} t;
	uint64_t word;

	if (len != sizeof(t))
		return -EINVAL;
	memcpy(&t, value, sizeof(t));
	if (t.flags & ~TXTIME_FLAGS || t.clock < 0 || t.clock > 11)
		return -EINVAL;
	memcpy(&word, &t, sizeof(word));
	atomic_store(&so->txtime, word, RELAXED);
	return 0;
}

static int bind_to_index(struct socket *so, int index)
{
	struct netdev *d = NULL;

	if (index < 0)
		return -EINVAL;
	if (index) {
		d = netdev_by_index((uint32_t)index);
		if (!d)
			return -ENODEV;
	}
	atomic_store(&so->bound_dev, d, RELAXED);
	return 0;
}

/* len is at least that of an int. */
int sock_more_setopt(struct socket *so, int name, const void *value, unsigned len)
{
	int v, r;

	memcpy(&v, value, sizeof(v));
	switch (name) {
	case SO_PEEK_OFF:
		r = can_peek_from(so);
		if (!r)
			atomic_store(&so->peek_off, v, RELAXED);
		return r;
	case SO_LOCK_FILTER:
		if (!v && sock_has(so, SF_LOCK_FILTER))
			return -EPERM;
		sock_set(so, SF_LOCK_FILTER, v != 0);
		return 0;
	case SO_BUSY_POLL:
		if (v < 0)
			return -EINVAL;
		atomic_store(&so->busy_poll, v, RELAXED);
		return 0;
	case SO_BUSY_POLL_BUDGET:
		return v < 0 || v > 65535 ? -EINVAL : 0;
	case SO_MAX_PACING_RATE:
		return set_pacing_rate(so, value, len);
	case SO_INCOMING_CPU:
		atomic_store(&so->incoming_cpu, v, RELAXED);
		return 0;
	case SO_TXTIME:
		return set_txtime(so, value, len);
	case SO_BINDTOIFINDEX:
		return bind_to_index(so, v);
	case SO_BUF_LOCK:
		if (v & ~(int)(BUF_LOCK_SEND | BUF_LOCK_RECEIVE))
			return -EINVAL;
		sock_set(so, SF_SNDBUF_SET, v & (int)BUF_LOCK_SEND);
		sock_set(so, SF_RCVBUF_SET, v & (int)BUF_LOCK_RECEIVE);
		return 0;
	case SO_RESERVE_MEM:
		return v < 0 ? -EINVAL : -EOPNOTSUPP;
	case SO_TXREHASH:
		return v < -1 || v > 1 ? -EINVAL : 0;
	}
	return -ENOPROTOOPT;
}

static int put(void *value, unsigned *len, const void *data, unsigned size)
{
	*len = MIN(*len, size);
	memcpy(value, data, *len);
	return 0;
}

/* Values of 64 bits that are not given in part. */
static int put_whole(void *value, unsigned *len, uint64_t v)
{
	return *len < sizeof(v) ? -EINVAL : put(value, len, &v, sizeof(v));
}

static int get_pacing_rate(struct socket *so, void *value, unsigned *len)
{
	uint64_t rate = atomic_load(&so->max_pacing_rate, RELAXED);
	uint32_t word = (uint32_t)MIN(rate, (uint64_t)UINT32_MAX);

	return *len >= sizeof(rate) ? put(value, len, &rate, sizeof(rate)) : put(value, len, &word, sizeof(word));
}

static int get_peer_name(struct socket *so, void *value, unsigned *len)
{
	struct sock_addr a;

	if (!so->ops->getname || so->ops->getname(so, &a, SOCK_NAME_PEER))
		return -ENOTCONN;
	return a.len < *len ? -EINVAL : put(value, len, a.bytes, *len);
}

/* SK_MEMINFO_*: what is queued is not told. */
static int get_meminfo(struct socket *so, void *value, unsigned *len)
{
	uint32_t words[MEMINFO_WORDS] = { [1] = atomic_load(&so->rcvbuf, RELAXED), [3] = atomic_load(&so->sndbuf, RELAXED) };

	return put(value, len, words, sizeof(words));
}

static int get_int(struct socket *so, int name, int *v)
{
	struct netdev *d;

	switch (name) {
	case SO_PEEK_OFF:
		*v = atomic_load(&so->peek_off, RELAXED);
		return can_peek_from(so);
	case SO_LOCK_FILTER:
		*v = sock_has(so, SF_LOCK_FILTER) != 0;
		return 0;
	case SO_BUSY_POLL:
		*v = atomic_load(&so->busy_poll, RELAXED);
		return 0;
	case SO_BPF_EXTENSIONS:
		*v = 64;	/* SKF_AD_MAX: what net/bpf.c knows */
		return 0;
	case SO_INCOMING_CPU:
		*v = atomic_load(&so->incoming_cpu, RELAXED);
		return 0;
	case SO_BINDTOIFINDEX:
		d = atomic_load(&so->bound_dev, RELAXED);
		*v = d ? (int)d->index : 0;
		return 0;
	case SO_BUF_LOCK:
		*v = (sock_has(so, SF_SNDBUF_SET) ? (int)BUF_LOCK_SEND : 0) | (sock_has(so, SF_RCVBUF_SET) ? (int)BUF_LOCK_RECEIVE : 0);
		return 0;
	case SO_TXREHASH:
		*v = 1;
		return 0;
	case SO_INCOMING_NAPI_ID:
	case SO_RESERVE_MEM:
		*v = 0;
		return 0;
	}
	return -ENOPROTOOPT;
}

int sock_more_getopt(struct socket *so, int name, void *value, unsigned *len)
{
	uint64_t word;
	int v, r;

	switch (name) {
	case SO_PEERNAME:
		return get_peer_name(so, value, len);
	case SO_MAX_PACING_RATE:
		return get_pacing_rate(so, value, len);
	case SO_MEMINFO:
		return get_meminfo(so, value, len);
	case SO_COOKIE:
		return put_whole(value, len, socket_cookie(so));
	case SO_NETNS_COOKIE:
		return put_whole(value, len, 1);
	case SO_TXTIME:
		word = atomic_load(&so->txtime, RELAXED);
		return put(value, len, &word, sizeof(word));
	}
	r = get_int(so, name, &v);
	return r ? r : put(value, len, &v, sizeof(v));
}
