// SPDX-License-Identifier: MIT
/* The part of sockets that all families share: creation, files, the options of socket(7). */
#include "net/socket.h"

#include "fs/anon-attr.h"
#include "fs/async.h"
#include "fs/vfs.h"
#include "fs/cred.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/set.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "net/bpf.h"
#include "net/net.h"
#include "net/netdev-priv.h"
#include "net/sysctl.h"
#include "net/wire.h"
#include "sched/clock.h"
#include "sched/poller.h"

#define S_IFSOCK	0140000u
#define MAX_BUF		(16u * 1024 * 1024)
#define MIN_SNDBUF	4608u
#define MIN_RCVBUF	2304u	/* Linux: a packet's least memory, for sending twice */

SET_DECLARE(net_protos, struct net_proto);

static struct mutex sockets_lock;
static struct socket *sockets;		/* [sockets_lock] */
static uint64_t next_ino = 10000;	/* [a] */

/* ---- life ------------------------------------------------------------------------------------------------------- */

void socket_init(struct socket *so, const struct socket_ops *ops, int family, int type, int proto)
{
	so->ops = ops;
	waitq_init(&so->wq);
	so->refs = 1;
	so->family = (uint16_t)family;
	so->type = (uint8_t)type;
	so->proto = (uint8_t)proto;
	so->rcvbuf = atomic_load(&net_rmem_default, RELAXED);
	so->sndbuf = atomic_load(&net_wmem_default, RELAXED);
	if (family == AF_INET6 && atomic_load(&net_bindv6only, RELAXED))
		so->flags = SF_V6ONLY;
	so->rcvlowat = 1;
	so->max_pacing_rate = UINT64_MAX;
	so->incoming_cpu = so->peek_off = -1;
	so->inet.discover[0] = so->inet.discover[1] = 1;	/* IP_PMTUDISC_WANT */
	so->rcv_timeout = so->snd_timeout = NSEC_NEVER;
	so->ino = atomic_fetch_add(&next_ino, 1ull, RELAXED);
	mutex_lock(&sockets_lock);
	so->next = sockets;
	so->link = &sockets;
	if (sockets)
		sockets->link = &so->next;
	sockets = so;
	mutex_unlock(&sockets_lock);
}

void socket_put(struct socket *so)
{
	/* acq_rel: all uses before the end. Pairs: itself */
	if (atomic_fetch_sub(&so->refs, 1u, ACQ_REL) != 1)
		return;
	mutex_lock(&sockets_lock);
	*so->link = so->next;
	if (so->next)
		so->next->link = so->link;
	mutex_unlock(&sockets_lock);
	kfree(so->attr);
	sock_drop_filter(so);
	so->ops->destroy(so);
}

static void free_rcu(struct rcu_head *head)
{
	kfree(container_of(head, struct socket, rcu));
}

void socket_free(struct socket *so)
{
	rcu_defer(&so->rcu, free_rcu);
}

void socket_for_each(void (*fn)(struct socket *so, void *arg), void *arg)
{
	mutex_lock(&sockets_lock);
	for (struct socket *so = sockets; so; so = so->next)
		fn(so, arg);
	mutex_unlock(&sockets_lock);
}

static int create(int family, int type, int proto, const struct sock_cred *cred, struct socket **out)
{
	const struct net_proto *const *p;
	bool has_family = false, has_type = false;
	int r;

	if (family == AF_UNIX) {
		if (proto == AF_UNIX)		/* PF_UNIX may name the protocol, too */
			proto = 0;
		if (type == SOCK_RAW)		/* as on Linux, which has it from BSD */
			type = SOCK_DGRAM;
	}
	if (family != AF_PACKET && (proto < 0 || proto > 255))	/* there it is the type of frames */
		return family == AF_NETLINK ? -EPROTONOSUPPORT : -EINVAL;
	SET_FOREACH(p, net_protos) {
		if ((*p)->family != family)
			continue;
		has_family = true;
		if ((*p)->type != type)
			continue;
		has_type = true;
		if (!((*p)->takes_any_proto || (*p)->proto == proto || (!proto && (*p)->is_default)))
			continue;
		r = (*p)->create(out, family, type, proto ? proto : (*p)->proto);
		if (!r)
			(*out)->cred = *cred;
		return r;
	}
	return !has_family ? -EAFNOSUPPORT : !has_type ? -ESOCKTNOSUPPORT : -EPROTONOSUPPORT;
}

int socket_create_plain(int family, int type, const struct sock_cred *cred, struct socket **out)
{
	return create(family, type, 0, cred, out);
}

int socket_create(int family, int type, int proto, const struct sock_cred *cred, struct socket **out)
{
	int r = family != AF_UNIX ? net_start() : 0;

	if (r)
		return r;
	return create(family, type, proto, cred, out);
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static inline void msg_init(struct sock_msg *m, struct file *f, struct uio *u)
{
	_Static_assert(sizeof(*m) % 8 == 0 && sizeof(*m) <= 128, "zero_words");
	zero_words(m, sizeof(*m));
	m->uio = u;
	m->is_nonblock = atomic_load(&f->flags, RELAXED) & O_NONBLOCK;
}

static ssize_t socket_read(struct file *f, struct uio *u, uint64_t *pos)
{
	struct socket *so = f->private;
	struct sock_msg m;

	(void)pos;
	msg_init(&m, f, u);
	if (!u->left && so->type == SOCK_STREAM)
		return 0;
	return so->ops->recv(so, &m);
}

static ssize_t socket_write(struct file *f, struct uio *u, uint64_t *pos)
{
	struct socket *so = f->private;
	struct sock_msg m;

	(void)pos;
	msg_init(&m, f, u);
	m.cred = so->cred;
	if (unlikely(u->is_more) && so->type == SOCK_STREAM)
		m.flags = MSG_MORE;
	return so->ops->send(so, &m);
}

static uint32_t socket_poll(struct file *f, struct poll_table *pt)
{
	struct socket *so = f->private;

	poll_add(pt, &so->wq);
	return so->ops->poll(so);
}

/* That there is room is told only to who has found none. */
static int socket_async(struct file *f, uint32_t what)
{
	struct socket *so = f->private;

	if (what & (FILE_ASYNC_ON | FILE_ASYNC_OFF)) {
		atomic_store(&so->is_async, !!(what & FILE_ASYNC_ON), RELAXED);
		return 0;
	}
	if (what & FILE_POLLERR)
		return BAND_ERR;
	if (what & FILE_POLLHUP)
		return BAND_HUP;
	if (what & FILE_POLLIN)
		return BAND_IN;
	if (what & FILE_POLLPRI)
		return what & FILE_POLLRDBAND ? BAND_URG : BAND_NONE;
	if (!(what & FILE_POLLOUT) || (so->family == AF_UNIX && !atomic_load(&so->wants_room_signal, RELAXED)))
		return BAND_NONE;
	atomic_store(&so->wants_room_signal, false, RELAXED);
	return BAND_OUT;
}

static long socket_ioctl(struct file *f, unsigned cmd, unsigned long arg)
{
	return sock_ioctl(f->private, cmd, arg);
}

static int socket_map(struct file *f, uint64_t off, size_t len, unsigned prot, bool is_shared, struct vm_object **out)
{
	struct socket *so = f->private;

	(void)prot;
	(void)is_shared;
	return so->ops->map ? so->ops->map(so, off, len, out) : -ENODEV;
}

static int socket_stat(struct file *f, struct stat_info *out)
{
	struct socket *so = f->private;

	memset(out, 0, sizeof(*out));
	out->dev = 8;
	out->ino = so->ino;
	out->mode = S_IFSOCK | 0777;
	out->nlink = 1;
	out->blksize = 4096;
	out->uid = so->cred.uid;
	out->gid = so->cred.gid;
	anon_attr_stat(&so->attr, out);
	return 0;
}

static int socket_setattr(struct file *f, const struct vnode_attr *a)
{
	struct socket *so = f->private;

	return anon_attr_set(&so->attr, a);
}

static void socket_release(struct file *f)
{
	struct socket *so = f->private;

	so->ops->release(so);
	socket_put(so);
}

const struct file_ops socket_file_ops = {
	.read = socket_read,
	.write = socket_write,
	.poll = socket_poll,
	.async = socket_async,
	.ioctl = socket_ioctl,
	.map = socket_map,
	.stat = socket_stat,
	.setattr = socket_setattr,
	.release = socket_release,
};

int socket_file(struct socket *so, unsigned flags, struct file **out)
{
	struct file *f = file_alloc(&socket_file_ops, O_RDWR | (flags & O_NONBLOCK), so);

	if (!f) {
		so->ops->release(so);
		socket_put(so);
		return -ENOMEM;
	}
	f->kind = "socket";
	*out = f;
	return 0;
}

bool sock_msg_look(struct sock_msg *m)
{
	return m->nr_looks++ < POLLER_LOOKS && poller_look(!m->is_nonblock);
}

/* ---- control messages --------------------------------------------------------------------------------------------- */

void sock_msg_put(struct sock_msg *m, int level, int type, const void *data, size_t len)
{
	struct cmsg_hdr h = { .len = sizeof(h) + len, .level = level, .type = type };
	size_t need = sizeof(h) + CMSG_ALIGNED(len), room = m->control_room - m->control_len;

	if (!m->control || room < sizeof(h)) {
		m->out_flags |= MSG_CTRUNC;
		return;
	}
	if (room < h.len) {
		m->out_flags |= MSG_CTRUNC;
		h.len = room;
		len = room - sizeof(h);
	}
	memcpy(m->control + m->control_len, &h, sizeof(h));
	memcpy(m->control + m->control_len + sizeof(h), data, len);
	m->control_len += MIN(need, room);
}

const struct cmsg_hdr *sock_msg_next(const struct sock_msg *m, size_t *pos, int *error)
{
	const struct cmsg_hdr *h = (const struct cmsg_hdr *)(m->control + *pos);

	*error = 0;
	if (!m->control || *pos + sizeof(*h) > m->control_len)
		return NULL;
	if (h->len < sizeof(*h) || h->len > m->control_len - *pos) {
		*error = -EINVAL;
		return NULL;
	}
	*pos += CMSG_ALIGNED(h->len);
	return h;
}

/* ---- MSG_ZEROCOPY (Linux Documentation/networking/msg_zerocopy.rst) ------------------------------------------------ */

#define SO_EE_ORIGIN_ZEROCOPY		5
#define SO_EE_CODE_ZEROCOPY_COPIED	1
#define SOL_IP				0
#define IP_RECVERR			11
#define SOL_IPV6			41
#define IPV6_RECVERR			25

/* struct sock_extended_err of linux/errqueue.h and the offender's address behind it, of which there is none. */
struct ext_err {
	uint32_t error;
	uint8_t origin, type, code, pad;
	uint32_t info, data;		/* first and last send */
	uint8_t offender[28];		/* struct sockaddr_in6; sockaddr_in is shorter */
};
_Static_assert(sizeof(struct ext_err) == 44, "Linux ABI");

void __sock_zerocopy_done(struct socket *so)
{
	(void)atomic_fetch_add(&so->zc_sent, 1u, RELAXED);
	socket_wake(so, (unsigned)-1, FILE_POLLERR);
}

int sock_recv_errqueue(struct socket *so, struct sock_msg *m)
{
	struct ext_err e = { .origin = SO_EE_ORIGIN_ZEROCOPY, .code = SO_EE_CODE_ZEROCOPY_COPIED };
	bool v4 = so->family == AF_INET;
	uint32_t sent;

	mutex_lock(&so->lock);
	sent = atomic_load(&so->zc_sent, RELAXED);
	e.info = so->zc_told;
	e.data = sent - 1;
	atomic_store(&so->zc_told, sent, RELAXED);
	mutex_unlock(&so->lock);
	if (e.info == sent)
		return -EAGAIN;
	sock_msg_put(m, v4 ? SOL_IP : SOL_IPV6, v4 ? IP_RECVERR : IPV6_RECVERR, &e, v4 ? 32 : sizeof(e));
	m->out_flags |= MSG_ERRQUEUE;
	return 0;
}

static int set_zerocopy(struct socket *so, int v)
{
	bool is_inet = so->family == AF_INET || so->family == AF_INET6;

	if (!is_inet || !((so->type == SOCK_STREAM && so->proto == IPPROTO_TCP) || (so->type == SOCK_DGRAM && so->proto == IPPROTO_UDP)))
		return -EOPNOTSUPP;
	if (v < 0 || v > 1)
		return -EINVAL;
	sock_set(so, SF_ZEROCOPY, v);
	return 0;
}

/* ---- options of level SOL_SOCKET ----------------------------------------------------------------------------------- */

#define SO_DEBUG		1
#define SO_REUSEADDR		2
#define SO_TYPE			3
#define SO_ERROR		4
#define SO_DONTROUTE		5
#define SO_BROADCAST		6
#define SO_SNDBUF		7
#define SO_RCVBUF		8
#define SO_KEEPALIVE		9
#define SO_OOBINLINE		10
#define SO_NO_CHECK		11
#define SO_PRIORITY		12
#define SO_LINGER		13
#define SO_REUSEPORT		15
#define SO_PASSCRED		16
#define SO_PEERCRED		17
#define SO_RCVLOWAT		18
#define SO_SNDLOWAT		19
#define SO_RCVTIMEO		20
#define SO_SNDTIMEO		21
#define SO_BINDTODEVICE		25
#define SO_ATTACH_FILTER	26
#define SO_DETACH_FILTER	27
#define SO_ACCEPTCONN		30
#define SO_PEERSEC		31
#define SO_SNDBUFFORCE		32
#define SO_RCVBUFFORCE		33
#define SO_MARK			36
#define SO_PASSSEC		34
#define SO_PROTOCOL		38
#define SO_DOMAIN		39
#define SO_RXQ_OVFL		40
#define SO_SELECT_ERR_QUEUE	45
#define SO_PEERGROUPS		59
#define SO_ZEROCOPY		60
#define SO_PREFER_BUSY_POLL	69

static const struct {
	int name;
	uint32_t flag;
} flag_options[] = {
	{ SO_REUSEADDR, SF_REUSEADDR }, { SO_REUSEPORT, SF_REUSEPORT }, { SO_KEEPALIVE, SF_KEEPALIVE }, { SO_BROADCAST, SF_BROADCAST },
	{ SO_OOBINLINE, SF_OOBINLINE }, { SO_DONTROUTE, SF_DONTROUTE },
	{ SO_PASSCRED, SF_PASSCRED }, { SO_NO_CHECK, SF_NO_CHECK }, { SO_RXQ_OVFL, SF_RXQ_OVFL }, { SO_ZEROCOPY, SF_ZEROCOPY },
	{ SO_ACCEPTCONN, SF_ACCEPTCONN }, { SO_PASSSEC, SF_PASSSEC }, { SO_SELECT_ERR_QUEUE, SF_ERRQUEUE_PRI },
	{ SO_PREFER_BUSY_POLL, SF_BUSY_PREFER }, { SO_DEBUG, SF_DEBUG },
};

static uint32_t flag_of(int name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(flag_options); i++) {
		if (flag_options[i].name == name)
			return flag_options[i].flag;
	}
	return 0;
}

struct timeval_k {
	int64_t sec, usec;
};

static int set_timeout(nsec_t *out, const void *value, unsigned len)
{
	struct timeval_k tv;

	if (len < sizeof(tv))
		return -EINVAL;
	memcpy(&tv, value, sizeof(tv));
	if (tv.usec < 0 || tv.usec >= 1000000)
		return -EDOM;
	if (tv.sec < 0)
		atomic_store(out, 0ull, RELAXED);
	else if ((!tv.sec && !tv.usec) || tv.sec > (int64_t)(NSEC_NEVER / 4 / NSEC_PER_SEC))
		atomic_store(out, NSEC_NEVER, RELAXED);
	else
		atomic_store(out, (nsec_t)tv.sec * NSEC_PER_SEC + (nsec_t)tv.usec * 1000, RELAXED);
	return 0;
}

/* Linux doubles what is asked for, to cover its bookkeeping; programs expect to read the double back (socket(7)). */
static void set_buf(struct socket *so, uint32_t *field, int v, uint32_t flag)
{
	uint32_t want = v < 0 ? 0 : (uint32_t)MIN((uint64_t)v * 2, (uint64_t)MAX_BUF);

	atomic_store(field, MAX(want, flag == SF_RCVBUF_SET ? MIN_RCVBUF : MIN_SNDBUF), RELAXED);
	sock_set(so, flag, true);
	if (so->ops->buffers_changed)
		so->ops->buffers_changed(so);
}

static int bind_to_device(struct socket *so, const char *value, unsigned len)
{
	char name[NETDEV_NAME_LEN];
	struct netdev *d = NULL;

	strlcpy(name, "", sizeof(name));
	len = MIN(len, (unsigned)sizeof(name) - 1);
	memcpy(name, value, len);
	name[len] = 0;
	if (name[0]) {
		d = netdev_by_name(name);
		if (!d)
			return -ENODEV;
	}
	atomic_store(&so->bound_dev, d, RELAXED);
	return 0;
}

/* socket(7): what gives a socket more than others have. */
static bool may_set(int name, int v)
{
	switch (name) {
	case SO_SNDBUFFORCE:
	case SO_RCVBUFFORCE:
		return capable(CAP_NET_ADMIN);
	case SO_MARK:
		return capable(CAP_NET_ADMIN) || capable(CAP_NET_RAW);
	case SO_PRIORITY:
		return (v >= 0 && v <= 6) || capable(CAP_NET_ADMIN) || capable(CAP_NET_RAW);
	}
	return true;
}

static int set_int(struct socket *so, int name, int v)
{
	uint32_t flag = flag_of(name);

	if (name == SO_ZEROCOPY)
		return set_zerocopy(so, v);
	if (name == SO_REUSEPORT && v && so->family != AF_INET && so->family != AF_INET6)
		return -EOPNOTSUPP;
	if (flag && name != SO_ACCEPTCONN) {
		sock_set(so, flag, v != 0);
		if (flag == SF_KEEPALIVE && so->ops->keepalive_changed)
			so->ops->keepalive_changed(so);
		return 0;
	}
	if (!may_set(name, v))
		return -EPERM;
	switch (name) {
	case SO_SNDBUF:
		v = (int)MIN((unsigned)v, atomic_load(&net_wmem_max, RELAXED));
		/* fallthrough */
	case SO_SNDBUFFORCE:
		set_buf(so, &so->sndbuf, v, SF_SNDBUF_SET);
		return 0;
	case SO_RCVBUF:
		v = (int)MIN((unsigned)v, atomic_load(&net_rmem_max, RELAXED));
		/* fallthrough */
	case SO_RCVBUFFORCE:
		set_buf(so, &so->rcvbuf, v, SF_RCVBUF_SET);
		return 0;
	case SO_RCVLOWAT:
		atomic_store(&so->rcvlowat, v <= 0 ? 1u : (uint32_t)v, RELAXED);
		return 0;
	case SO_PRIORITY:
		atomic_store(&so->priority, v, RELAXED);
		return 0;
	case SO_MARK:
		atomic_store(&so->mark, (uint32_t)v, RELAXED);
		return 0;
	case SO_DETACH_FILTER:
		return sock_detach_filter(so);
	}
	return -ENOPROTOOPT;
}

int socket_setopt(struct socket *so, int level, int name, const void *value, unsigned len)
{
	int v, r;

	if (level != SOL_SOCKET)
		return so->family != AF_UNIX && so->ops->setopt ? so->ops->setopt(so, level, name, value, len) : -EOPNOTSUPP;
	switch (name) {
	case SO_RCVTIMEO:
		return set_timeout(&so->rcv_timeout, value, len);
	case SO_SNDTIMEO:
		return set_timeout(&so->snd_timeout, value, len);
	case SO_BINDTODEVICE:
		return bind_to_device(so, value, len);
	case SO_LINGER: {
		int l[2];

		if (len < sizeof(l))
			return -EINVAL;
		memcpy(l, value, sizeof(l));
		atomic_store(&so->linger_s, l[1], RELAXED);
		sock_set(so, SF_LINGER, l[0] != 0);
		return 0;
	}
	case SO_ATTACH_FILTER:
		return sock_attach_filter(so, value, len);
	}
	if (len < sizeof(v))
		return -EINVAL;
	memcpy(&v, value, sizeof(v));
	r = set_int(so, name, v);
	if (r == -ENOPROTOOPT)
		r = stamp_setopt(so, name, value, len);
	return r == -ENOPROTOOPT ? sock_more_setopt(so, name, value, len) : r;
}

static int get_int(struct socket *so, int name, int *v)
{
	uint32_t flag = flag_of(name);

	if (flag) {
		*v = sock_has(so, flag);
		return 0;
	}
	switch (name) {
	case SO_TYPE:
		*v = so->type;
		return 0;
	case SO_ERROR:
		*v = -sock_take_error(so);
		return 0;
	case SO_DOMAIN:
		*v = so->family;
		return 0;
	case SO_PROTOCOL:
		*v = so->proto;
		return 0;
	case SO_SNDBUF:
		*v = (int)atomic_load(&so->sndbuf, RELAXED);
		return 0;
	case SO_RCVBUF:
		*v = (int)atomic_load(&so->rcvbuf, RELAXED);
		return 0;
	case SO_RCVLOWAT:
		*v = (int)atomic_load(&so->rcvlowat, RELAXED);
		return 0;
	case SO_SNDLOWAT:
		*v = 1;
		return 0;
	case SO_PRIORITY:
		*v = atomic_load(&so->priority, RELAXED);
		return 0;
	case SO_MARK:
		*v = (int)atomic_load(&so->mark, RELAXED);
		return 0;
	}
	return -ENOPROTOOPT;
}

static int put_value(void *value, unsigned *len, const void *data, unsigned size)
{
	*len = MIN(*len, size);
	memcpy(value, data, *len);
	return 0;
}

static int get_timeout(nsec_t t, void *value, unsigned *len)
{
	struct timeval_k tv = { 0, 0 };

	if (t != NSEC_NEVER) {
		tv.sec = (int64_t)(t / NSEC_PER_SEC);
		tv.usec = (int64_t)(t % NSEC_PER_SEC / 1000);
	}
	return put_value(value, len, &tv, sizeof(tv));
}

int socket_getopt(struct socket *so, int level, int name, void *value, unsigned *len)
{
	int v, r;

	if (level != SOL_SOCKET)
		return so->family != AF_UNIX && so->ops->getopt ? so->ops->getopt(so, level, name, value, len) : -EOPNOTSUPP;
	switch (name) {
	case SO_RCVTIMEO:
		return get_timeout(atomic_load(&so->rcv_timeout, RELAXED), value, len);
	case SO_SNDTIMEO:
		return get_timeout(atomic_load(&so->snd_timeout, RELAXED), value, len);
	case SO_LINGER: {
		int l[2] = { sock_has(so, SF_LINGER) != 0, atomic_load(&so->linger_s, RELAXED) };

		return put_value(value, len, l, sizeof(l));
	}
	case SO_BINDTODEVICE: {
		struct netdev *d = atomic_load(&so->bound_dev, RELAXED);

		return put_value(value, len, d ? d->name : "", d ? (unsigned)strlen(d->name) + 1 : 0);
	}
	case SO_PEERGROUPS:
	case SO_PEERSEC:
		return so->family == AF_UNIX ? so->ops->getopt(so, level, name, value, len) : -ENOPROTOOPT;
	case SO_PEERCRED: {
		struct sock_cred none = { 0, 0xffffffff, 0xffffffff };

		if (so->family == AF_UNIX)
			return so->ops->getopt(so, level, name, value, len);
		return put_value(value, len, &none, sizeof(none));
	}
	}
	r = get_int(so, name, &v);
	if (r) {
		int more = stamp_getopt(so, name, value, len);

		if (more == -ENOPROTOOPT)
			more = sock_more_getopt(so, name, value, len);
		if (more != -ENOPROTOOPT)
			return more;
	}
	if (r && so->ops->getopt) {
		r = so->ops->getopt(so, level, name, value, len);
		return r == -EOPNOTSUPP ? -ENOPROTOOPT : r;
	}
	/* A flag reads as 0 or 1. */
	if (!r && flag_of(name))
		v = v != 0;
	return r ? r : put_value(value, len, &v, sizeof(v));
}
