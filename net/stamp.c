// SPDX-License-Identifier: MIT
/*
 * Times of packets: SO_TIMESTAMP, SO_TIMESTAMPNS and SO_TIMESTAMPING (socket(7); Linux
 * Documentation/networking/timestamping.rst). There are times of software only: when a packet was taken from the
 * device, and when it was given to it. Every packet has the former; the latter goes to the error queue.
 */
#include "fs/cred.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "net/socket.h"
#include "sched/clock.h"

/* The second of two numbers is the one whose seconds have 64 bits on every machine; here both are alike. */
#define SO_TIMESTAMP		29
#define SO_TIMESTAMPNS		35
#define SO_MARK			36
#define SO_TIMESTAMPING		37
#define SO_TXTIME		61
#define SO_TIMESTAMP_NEW	63
#define SO_TIMESTAMPNS_NEW	64
#define SO_TIMESTAMPING_NEW	65
#define SCM_RIGHTS		1
#define SCM_CREDENTIALS		2

#define SOF_MASK		0xffffu	/* Linux 6.1 knows these */
#define SOF_BIND_PHC		0x8000u

static void set_time(struct socket *so, int name, bool on)
{
	bool is_new = name >= SO_TIMESTAMP_NEW;

	sock_set(so, SF_TIMESTAMP, on);
	sock_set(so, SF_TIMESTAMPNS, on && (name == SO_TIMESTAMPNS || name == SO_TIMESTAMPNS_NEW));
	if (on)
		sock_set(so, SF_NEW_STAMPS, is_new);
}

static int set_stamping(struct socket *so, int name, uint32_t flags)
{
	uint32_t was = atomic_load(&so->stamping, RELAXED), key = 0;
	int r = 0;

	if (flags & ~SOF_MASK)
		return -EINVAL;
	if (flags & SOF_OPT_ID && !(was & SOF_OPT_ID)) {
		if (so->ops->stamp_base)
			r = so->ops->stamp_base(so, &key);
		if (r)
			return r;
		atomic_store(&so->stamp_key, key, RELAXED);
	}
	if (flags & SOF_OPT_STATS && !(flags & SOF_OPT_TSONLY))
		return -EINVAL;
	if (flags & SOF_BIND_PHC)
		return -EOPNOTSUPP;	/* no device has a clock */
	atomic_store(&so->stamping, flags, RELAXED);
	sock_set(so, SF_NEW_STAMPS, name == SO_TIMESTAMPING_NEW);
	sock_set(so, SF_RX_STAMPS, flags & SOF_RX_SOFTWARE);
	sock_set(so, SF_TX_STAMPS, flags & SOF_TX_MASK);
	return 0;
}

int stamp_setopt(struct socket *so, int name, const void *value, unsigned len)
{
	uint32_t v;

	memcpy(&v, value, MIN(len, 4u));
	switch (name) {
	case SO_TIMESTAMP:
	case SO_TIMESTAMPNS:
	case SO_TIMESTAMP_NEW:
	case SO_TIMESTAMPNS_NEW:
		set_time(so, name, v != 0);
		return 0;
	case SO_TIMESTAMPING:
	case SO_TIMESTAMPING_NEW:
		return set_stamping(so, name, v);
	}
	return -ENOPROTOOPT;
}

int stamp_getopt(struct socket *so, int name, void *value, unsigned *len)
{
	bool is_on = sock_has(so, SF_TIMESTAMP), is_ns = sock_has(so, SF_TIMESTAMPNS), is_new = sock_has(so, SF_NEW_STAMPS);
	uint32_t v[2] = { 0, 0 };	/* struct so_timestamping: flags, and a clock of the device's */
	unsigned size = sizeof(v[0]);

	switch (name) {
	case SO_TIMESTAMP:
		v[0] = is_on && !is_ns && !is_new;
		break;
	case SO_TIMESTAMPNS:
		v[0] = is_ns && !is_new;
		break;
	case SO_TIMESTAMP_NEW:
		v[0] = is_on && is_new;
		break;
	case SO_TIMESTAMPNS_NEW:
		v[0] = is_ns && is_new;
		break;
	case SO_TIMESTAMPING:
	case SO_TIMESTAMPING_NEW:
		v[0] = name == SO_TIMESTAMPING || is_new ? atomic_load(&so->stamping, RELAXED) : 0;
		size = sizeof(v);
		break;
	default:
		return -ENOPROTOOPT;
	}
	*len = MIN(*len, size);
	memcpy(value, v, *len);
	return 0;
}

void stamp_put(struct socket *so, struct sock_msg *m, nsec_t time)
{
	bool is_new = sock_has(so, SF_NEW_STAMPS), is_ns = sock_has(so, SF_TIMESTAMPNS);
	nsec_t t = (time ? time : clock_monotonic()) + clock_realtime_offset();
	int64_t ts[6] = { (int64_t)(t / NSEC_PER_SEC), (int64_t)(t % NSEC_PER_SEC) };	/* software, none, hardware */
	int64_t tv[2] = { ts[0], is_ns ? ts[1] : ts[1] / 1000 };

	if (sock_has(so, SF_TIMESTAMP))
		sock_msg_put(m, SOL_SOCKET, is_ns ? is_new ? SO_TIMESTAMPNS_NEW : SO_TIMESTAMPNS : is_new ? SO_TIMESTAMP_NEW : SO_TIMESTAMP, tv, sizeof(tv));
	if (atomic_load(&so->stamping, RELAXED) & SOF_SOFTWARE)
		sock_msg_put(m, SOL_SOCKET, is_new ? SO_TIMESTAMPING_NEW : SO_TIMESTAMPING, ts, sizeof(ts));
}

int stamp_parse_control(struct socket *so, const struct cmsg_hdr *h, uint32_t *stamps)
{
	size_t len = h->len - sizeof(*h);
	uint32_t v = 0;

	memcpy(&v, h + 1, MIN(len, sizeof(v)));
	switch (h->type) {
	case SO_MARK:	/* as the option, it changes nothing */
		if (!capable(CAP_NET_ADMIN) && !capable(CAP_NET_RAW))
			return -EPERM;
		return len == 4 ? 0 : -EINVAL;
	case SO_TIMESTAMPING:
	case SO_TIMESTAMPING_NEW:
		if (len != 4 || v & ~SOF_TX_MASK)
			return -EINVAL;
		*stamps = v;
		return 0;
	case SO_TXTIME:
		return len == 8 && atomic_load(&so->txtime, RELAXED) ? 0 : -EINVAL;
	case SCM_RIGHTS:
	case SCM_CREDENTIALS:
		return 0;
	}
	return -EINVAL;
}
