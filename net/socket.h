/* SPDX-License-Identifier: MIT
 *
 * Sockets: what every protocol family shares, and what linux/sys-socket.c calls.
 *
 * A protocol's socket embeds struct socket as its first member and gives a table of operations. All calls are in thread context, may sleep, and return 0, a count, or
 * -errno as the man pages say. Addresses, options and control data are in kernel memory here; only uio may point into the application.
 *
 * Life: socket_create() makes it with one reference, owned by its file; file_ops.release calls ops->release (close(2)), which may keep the socket for some
 * time (TCP). The last socket_put() calls ops->destroy, which frees it through RCU (lookups are lock-free).
 */
#pragma once

#include "fs/file.h"
#include "fs/uio.h"
#include "libc/atomic.h"
#include "libc/errno.h"
#include "libc/mpsc.h"
#include "libc/set.h"
#include "libc/types.h"
#include "net/addr.h"
#include "net/sysctl.h"
#include "sched/call.h"
#include "sched/mutex.h"
#include "sched/sleeper.h"
#include "sched/waitq.h"

struct netdev;
struct fdtable;
struct fs_context;
struct bpf_filter;
struct sock_msg;
struct vm_object;
struct socket;

/* socket(2), Linux numbers (asm-generic). */
#define AF_UNSPEC	0
#define AF_UNIX		1
#define AF_INET		2
#define AF_INET6	10
#define AF_NETLINK	16
#define AF_PACKET	17

#define SOCK_STREAM	1
#define SOCK_DGRAM	2
#define SOCK_RAW	3
#define SOCK_SEQPACKET	5
#define SOCK_TYPE_MASK	0xf
#define SOCK_NONBLOCK	O_NONBLOCK
#define SOCK_CLOEXEC	O_CLOEXEC

#define SHUT_RD		0
#define SHUT_WR		1
#define SHUT_RDWR	2

#define MSG_OOB		0x1u
#define MSG_PEEK	0x2u
#define MSG_DONTROUTE	0x4u
#define MSG_CTRUNC	0x8u
#define MSG_TRUNC	0x20u
#define MSG_DONTWAIT	0x40u
#define MSG_EOR		0x80u
#define MSG_WAITALL	0x100u
#define MSG_CONFIRM	0x800u
#define MSG_ERRQUEUE	0x2000u
#define MSG_NOSIGNAL	0x4000u
#define MSG_MORE	0x8000u
#define MSG_WAITFORONE	0x10000u
#define MSG_ZEROCOPY	0x4000000u
#define MSG_FASTOPEN	0x20000000u
#define MSG_CMSG_CLOEXEC 0x40000000u

#define SOL_SOCKET	1

struct sock_addr {
	uint32_t len;			/* bytes used of the union */
	struct fs_context *fs;		/* in: where a path of AF_UNIX starts; NULL: no paths */
	union {
		uint16_t family;
		struct {
			uint16_t family, port;
			uint32_t addr;
			uint8_t zero[8];
		} in;
		struct {
			uint16_t family, port;
			uint32_t flow;
			uint8_t addr[16];
			uint32_t scope;
		} in6;
		struct {
			uint16_t family;
			char path[108];
		} un;
		struct {
			uint16_t family, pad;
			uint32_t pid, groups;
		} nl;
		uint8_t bytes[128];
	};
};

/* Control messages in the layout of cmsg(3), in kernel memory. */
struct cmsg_hdr {
	uint64_t len;			/* with this header, without padding */
	int32_t level, type;
};
#define CMSG_ALIGNED(len)	(((len) + 7ul) & ~7ul)

struct sock_cred {
	int32_t pid;
	uint32_t uid, gid;
};

/* One sendmsg or recvmsg. On the caller's stack. */
struct sock_msg {
	struct uio *uio;
	struct sock_addr *name;		/* send: destination or NULL; recv: filled in (len 0: none) or NULL */
	uint8_t *control;		/* send: what the application gave; recv: room */
	size_t control_len;		/* send: bytes; recv: bytes used so far */
	size_t control_room;		/* recv */
	unsigned flags;			/* MSG_* of the call */
	unsigned out_flags;		/* recv: MSG_TRUNC, MSG_CTRUNC, MSG_EOR, MSG_OOB */
	bool is_nonblock;		/* O_NONBLOCK or MSG_DONTWAIT */
	uint8_t nr_looks;		/* recv: sock_msg_look() */
	nsec_t stamp;			/* recv of a stream with SO_TIMESTAMP or so: when the last byte came */
	struct fdtable *files;		/* for SCM_RIGHTS */
	int fd_limit;
	struct sock_cred cred;		/* of the caller */
};

/* A recv has found nothing: is there something in a device? True: look again. Only so often in a call. */
bool sock_msg_look(struct sock_msg *m);
/* Append a control message, if there is room (else MSG_CTRUNC). */
void sock_msg_put(struct sock_msg *m, int level, int type, const void *data, size_t len);
/* The next control message of a send after pos (start with 0); NULL: none or malformed (*error set). */
const struct cmsg_hdr *sock_msg_next(const struct sock_msg *m, size_t *pos, int *error);

/* Whose name: accept(2) is told its peer's also where the connection has ended meanwhile. */
enum sock_name { SOCK_NAME_OWN, SOCK_NAME_PEER, SOCK_NAME_ACCEPTED };

struct socket_ops {
	int (*bind)(struct socket *so, const struct sock_addr *a);
	int (*connect)(struct socket *so, const struct sock_addr *a, bool is_nonblock);
	int (*listen)(struct socket *so, int backlog);
	/* give: *out has a reference for its file. */
	int (*accept)(struct socket *so, struct socket **out, bool is_nonblock);
	int (*shutdown)(struct socket *so, int how);
	int (*getname)(struct socket *so, struct sock_addr *out, enum sock_name whose);
	ssize_t (*send)(struct socket *so, struct sock_msg *m);
	ssize_t (*recv)(struct socket *so, struct sock_msg *m);
	uint32_t (*poll)(struct socket *so);
	/* Options that socket.c does not know; -ENOPROTOOPT. *len: room, then length. */
	int (*setopt)(struct socket *so, int level, int name, const void *value, unsigned len);
	int (*getopt)(struct socket *so, int level, int name, void *value, unsigned *len);
	/* SO_RCVBUF, SO_SNDBUF changed. Optional. */
	void (*buffers_changed)(struct socket *so);
	/* SO_KEEPALIVE was set or cleared. Optional. */
	void (*keepalive_changed)(struct socket *so);
	/* max_pacing_rate was set. Optional. */
	void (*pacing_changed)(struct socket *so);
	/* SOF_TIMESTAMPING_OPT_ID: where the numbers of a stream start; -EINVAL: not connected. Optional. */
	int (*stamp_base)(struct socket *so, uint32_t *key);
	/* mmap(2): the object that shows [off, off + len). give: a reference. Optional. */
	int (*map)(struct socket *so, uint64_t off, size_t len, struct vm_object **out);
	/* FIONREAD (SIOCINQ), SIOCOUTQ, SIOCATMARK. -EINVAL: none. */
	int (*queued)(struct socket *so, unsigned what, int *out);
	void (*release)(struct socket *so);
	void (*destroy)(struct socket *so);
};

#define SF_REUSEADDR	0x0001u
#define SF_REUSEPORT	0x0002u
#define SF_KEEPALIVE	0x0004u
#define SF_BROADCAST	0x0008u
#define SF_OOBINLINE	0x0010u
#define SF_DONTROUTE	0x0020u
#define SF_TIMESTAMP	0x0040u	/* SO_TIMESTAMP or SO_TIMESTAMPNS */
#define SF_TIMESTAMPNS	0x0080u	/* and it is the latter */
#define SF_PASSCRED	0x0100u
#define SF_LINGER	0x0200u
#define SF_NO_CHECK	0x0400u
#define SF_RXQ_OVFL	0x0800u
#define SF_ZEROCOPY	0x1000u
#define SF_SNDBUF_SET	0x2000u	/* by the application: no autotuning */
#define SF_RCVBUF_SET	0x4000u
#define SF_V6ONLY	0x8000u
#define SF_PKTINFO	0x10000u	/* these four of level IP; of IPv6 in so->inet */
#define SF_RECVTTL	0x20000u
#define SF_RECVTOS	0x40000u
#define SF_RECVERR	0x80000u
#define SF_FREEBIND	0x100000u
#define SF_HDRINCL	0x200000u
#define SF_RECVHOPS_2292	0x80000000u	/* as SF_RECVTTL, in the message of RFC 2292 */
#define SF_ACCEPTCONN	0x400000u
#define SF_PASSSEC	0x800000u
#define SF_ERRQUEUE_PRI	0x1000000u	/* SO_SELECT_ERR_QUEUE */
#define SF_BUSY_PREFER	0x2000000u
#define SF_DEBUG	0x4000000u
#define SF_LOCK_FILTER	0x8000000u
#define SF_NEW_STAMPS	0x10000000u	/* SO_TIMESTAMP_NEW and friends: only the types of the messages differ */

#define SF_RX_STAMPS	0x20000000u	/* SO_TIMESTAMPING: received packets, */
#define SF_TX_STAMPS	0x40000000u	/* and sent ones */
/* A sum is the union only if no bit is in two of them. */
#define SF_ALL(op) \
	(0ull op SF_REUSEADDR op SF_REUSEPORT op SF_KEEPALIVE op SF_BROADCAST op SF_OOBINLINE op \
	SF_DONTROUTE op SF_TIMESTAMP op SF_TIMESTAMPNS op SF_PASSCRED op SF_LINGER op \
	SF_NO_CHECK op SF_RXQ_OVFL op SF_ZEROCOPY op SF_SNDBUF_SET op SF_RCVBUF_SET op SF_V6ONLY \
	op SF_PKTINFO op SF_RECVTTL op SF_RECVTOS op SF_RECVERR op SF_FREEBIND op SF_HDRINCL op \
	SF_RECVHOPS_2292 op SF_ACCEPTCONN op SF_PASSSEC op SF_ERRQUEUE_PRI op SF_BUSY_PREFER op \
	SF_DEBUG op SF_LOCK_FILTER op SF_NEW_STAMPS op SF_RX_STAMPS op SF_TX_STAMPS)
_Static_assert(SF_ALL(+) == SF_ALL(|), "each flag has a bit of its own");
#undef SF_ALL

/* Flags of struct inet_opts: options of ip(7), */
#define INF_TRANSPARENT		0x1u	/* of both levels */
#define INF_ORIGDST		0x2u
#define INF_RECVOPTS		0x4u
#define INF_RETOPTS		0x8u
#define INF_PASSSEC		0x10u
#define INF_NODEFRAG		0x20u
#define INF_CHECKSUM		0x40u
#define INF_NO_PORT		0x80u
#define INF_FRAGSIZE		0x100u
#define INF_RFC4884		0x200u
#define INF_NO_LOOP		0x400u
#define INF_OWN_GROUPS		0x800u
/* and of ipv6(7). */
#define INF6_PKTINFO		0x1000u
#define INF6_PKTINFO_2292	0x2000u
#define INF6_RECVERR		0x4000u
#define INF6_RFC4884		0x8000u
#define INF6_HOPS		0x10000u
#define INF6_TCLASS		0x20000u
#define INF6_ORIGDST		0x40000u
#define INF6_RTHDR		0x80000u
#define INF6_HOPOPTS		0x100000u
#define INF6_DSTOPTS		0x200000u
#define INF6_PATHMTU		0x400000u
#define INF6_FLOWINFO		0x800000u
#define INF6_FLOWINFO_SEND	0x1000000u
#define INF6_NO_LABEL		0x2000000u
#define INF6_FRAGSIZE		0x4000000u
#define INF6_NO_LOOP		0x8000000u
#define INF6_OWN_GROUPS		0x10000000u
#define INF6_DONTFRAG		0x20000000u

/* Options of levels IP ([0]) and IPv6 ([1]) that no packet asks for on its usual way: inet-opt.c. */
struct inet_opts {
	uint32_t flags;			/* [a] INF_* */
	uint32_t unicast_if[2];		/* [lock] in the order of the network */
	uint32_t port_range;		/* [lock] kept */
	uint16_t prefers;		/* [lock] IPV6_ADDR_PREFERENCES, kept */
	uint8_t discover[2];		/* [lock] IP_MTU_DISCOVER */
	uint8_t min_hops[2];		/* [lock] kept */
};

struct socket {
	const struct socket_ops *ops;	/* [I] */
	struct mutex lock;		/* THE socket lock */
	struct waitq wq;		/* everybody who waits for anything of this socket, */
	struct sleeper reader;		/* but for one thread in recv(2) */
	uint32_t refs;			/* [a] */
	uint16_t family;		/* [I] */
	uint8_t type, proto;		/* [I] */
	uint32_t flags;			/* [a] SF_* */
	int32_t error;			/* [a] pending error, positive errno: SO_ERROR */
	uint32_t rcvbuf, sndbuf, rcvlowat;	/* [a] */
	struct bpf_filter *filter;	/* [rcu] net/bpf.h; NULL: none */
	nsec_t rcv_timeout, snd_timeout;	/* [a] span; NSEC_NEVER: none */
	int32_t linger_s, priority;	/* [a] */
	uint32_t mark;			/* [a] */
	struct netdev *bound_dev;	/* [a] SO_BINDTODEVICE */
	uint32_t shut;			/* [a] bit SHUT_RD, bit SHUT_WR */
	uint32_t zc_sent;		/* [a] sends with MSG_ZEROCOPY so far */
	uint32_t zc_told;		/* [a], written with lock: of these, MSG_ERRQUEUE has told of so many */
	uint32_t error_bytes;		/* [a] memory of what waits in the error queue: sock-error.c */
	uint32_t stamping;		/* [a] SO_TIMESTAMPING: stamp.c */
	uint32_t stamp_key;		/* [a] OPT_ID: number of the next datagram; TCP: the byte that is number 0 */
	struct mpsc errors;		/* from the network, newest first, */
	struct pkt *error_queue;	/* [lock] then oldest first */
	uint64_t cookie;		/* [a] socket_cookie(); 0: not asked for yet */
	uint64_t max_pacing_rate;	/* [a] bytes a second, all bits set: none */
	uint64_t txtime;		/* [a] SO_TXTIME as the application wrote it */
	int32_t busy_poll, incoming_cpu, peek_off;	/* [a] kept for who asks */
	bool is_async;			/* [a] its file wants signals: fs/async.h */
	bool wants_room_signal;		/* [a] AF_UNIX: who sent or polled has found no room, and wants a signal */
	struct inet_opts inet;
	nsec_t stamp;			/* [a] SIOCGSTAMP: when the datagram read last came, monotonic; 0: none */
	struct sock_cred cred;		/* [I] who made it */
	uint64_t ino;			/* [I] */
	struct anon_attr *attr;		/* fs/anon-attr.h */
	struct socket *next, **link;	/* [sockets_lock] all sockets, for /proc/net */
	struct rcu_head rcu;
};

#define SHUT_RD_BIT	1u
#define SHUT_WR_BIT	2u

/* A protocol; registered with NET_PROTO(). */
struct net_proto {
	int family, type, proto;	/* proto 0 and -1: see socket_create() */
	bool is_default;		/* for protocol 0 of this type */
	bool takes_any_proto;
	int (*create)(struct socket **out, int family, int type, int proto);
};
#define NET_PROTO(id_, ...) \
	static const struct net_proto net_proto_##id_ = { __VA_ARGS__ }; \
	SET_ADD(net_protos, net_proto_##id_)

/* give: one reference, for socket_file(). -EAFNOSUPPORT, -EPROTONOSUPPORT, -ESOCKTNOSUPPORT, -ENOMEM. */
int socket_create(int family, int type, int proto, const struct sock_cred *cred, struct socket **out);
/* As socket_create() with the default protocol, without starting the network: for its own use while it starts. */
int socket_create_plain(int family, int type, const struct sock_cred *cred, struct socket **out);
/* Initialise the common part of a new socket (zeroed by the protocol). */
void socket_init(struct socket *so, const struct socket_ops *ops, int family, int type, int proto);
/* A file for so. take: the reference, also on failure. give: file_put(). */
int socket_file(struct socket *so, unsigned flags, struct file **out);
/* NULL: not a socket. borrow. */
extern const struct file_ops socket_file_ops;
static inline struct socket *file_socket(const struct file *f)
{
	return f->ops == &socket_file_ops ? f->private : NULL;
}

/* How many connections may wait, of what listen(2) was told. */
static inline unsigned sock_backlog(int backlog)
{
	unsigned max = atomic_load(&net_somaxconn, RELAXED);

	return (unsigned)backlog > max ? max : (unsigned)backlog;
}

static inline void socket_get(struct socket *so)
{
	atomic_fetch_add(&so->refs, 1u, RELAXED);
}
/* For lookups under RCU: false if it is going. */
static inline bool socket_try_get(struct socket *so)
{
	uint32_t n = atomic_load(&so->refs, RELAXED);

	while (n) {
		if (atomic_cas(&so->refs, &n, n + 1, RELAXED))
			return true;
	}
	return false;
}
void socket_put(struct socket *so);
/* After a grace period: kfree(so). For ops->destroy. */
void socket_free(struct socket *so);

int socket_pair(int family, int type, int proto, const struct sock_cred *cred, struct socket *out[2]);
int socket_setopt(struct socket *so, int level, int name, const void *value, unsigned len);
int socket_getopt(struct socket *so, int level, int name, void *value, unsigned *len);
/* sock-opt.c: the less common options of level SOL_SOCKET. -ENOPROTOOPT: none of these. */
int sock_more_setopt(struct socket *so, int name, const void *value, unsigned len);
int sock_more_getopt(struct socket *so, int name, void *value, unsigned *len);
/* A number that no other socket has had (SO_COOKIE, sock_diag(7)), given when it is first asked for. */
uint64_t socket_cookie(struct socket *so);
static inline bool socket_has_waiters(const struct socket *so)
{
	return atomic_load(&so->reader.thread, RELAXED) || atomic_load(&so->wq.nr_waiters, RELAXED);
}

/* Tell who waits, as waitq_wake() does. The caller has made its change visible before; _fenced: and has passed a full fence. */
static inline void socket_wake_fenced(struct socket *so, unsigned nr, uint32_t key)
{
	sleeper_wake_all_fenced(&so->reader, &so->wq, nr, key);
}

static inline void socket_wake(struct socket *so, unsigned nr, uint32_t key)
{
	atomic_fence(SEQ_CST);	/* the condition before the looks at who sleeps. Pairs: sleeper_enter, waitq_add */
	socket_wake_fenced(so, nr, key);
}

/* When a call that begins now gives up: SO_SNDTIMEO, SO_RCVTIMEO. Made again unseen it keeps that. */
static inline nsec_t sock_deadline(nsec_t span)
{
	return span > NSEC_NEVER / 2 ? NSEC_NEVER : call_deadline(span);
}
/*
 * What the failure r of a wait until then is to the caller. After a handler a call with a time-out
 * is not made again, whatever SA_RESTART says: signal(7).
 */
static inline int sock_wait_error(int r, nsec_t deadline)
{
	if (r == -ETIMEDOUT)
		return -EAGAIN;
	return r == -EINTR && deadline != NSEC_NEVER ? -ERESTARTNOHAND : r;
}
/* Take and clear the pending error: 0 or -errno. */
static inline int sock_take_error(struct socket *so)
{
	return atomic_load(&so->error, RELAXED) ? -atomic_exchange(&so->error, 0, RELAXED) : 0;
}
static inline bool sock_has(const struct socket *so, uint32_t flag)
{
	return atomic_load(&so->flags, RELAXED) & flag;
}
static inline void sock_set(struct socket *so, uint32_t flag, bool on)
{
	if (on)
		(void)atomic_fetch_or(&so->flags, flag, RELAXED);
	else
		(void)atomic_fetch_and(&so->flags, ~flag, RELAXED);
}

/* IP_FREEBIND, IP_TRANSPARENT: addresses that are not ours. */
static inline bool sock_may_bind_any(const struct socket *so)
{
	return sock_has(so, SF_FREEBIND) || atomic_load(&so->inet.flags, RELAXED) & INF_TRANSPARENT ||
	       atomic_load(so->family == AF_INET ? &net_bind_any : &net_bind_any6, RELAXED);
}

/* MSG_ZEROCOPY: a send has taken bytes, or a datagram. We copied, so it is complete at once; recvmsg(MSG_ERRQUEUE) tells that. No lock needed. */
void __sock_zerocopy_done(struct socket *so);
static inline void sock_zerocopy_done(struct socket *so, const struct sock_msg *m)
{
	if (unlikely(m->flags & MSG_ZEROCOPY) && sock_has(so, SF_ZEROCOPY))
		__sock_zerocopy_done(so);
}
/* Is there anything for MSG_ERRQUEUE? Completions come in order, so they are one range. POLLERR if so. */
static inline bool sock_has_errqueue(const struct socket *so)
{
	return atomic_load(&so->zc_sent, RELAXED) != atomic_load(&so->zc_told, RELAXED) || atomic_load(&so->error_bytes, RELAXED);
}
/* Completions of MSG_ZEROCOPY: 0, -EAGAIN. */
int sock_recv_errqueue(struct socket *so, struct sock_msg *m);
/* sock-error.c. recvmsg(MSG_ERRQUEUE): bytes of what is quoted, or -errno. Completions of MSG_ZEROCOPY come after all else. */
ssize_t sock_recv_error(struct socket *so, struct sock_msg *m);
void sock_free_errors(struct socket *so);

/* ---- stamp.c: SO_TIMESTAMP, SO_TIMESTAMPNS, SO_TIMESTAMPING */
#define SOF_TX_HARDWARE	0x1u
#define SOF_TX_SOFTWARE	0x2u
#define SOF_RX_SOFTWARE	0x8u
#define SOF_SOFTWARE	0x10u
#define SOF_OPT_ID	0x80u
#define SOF_TX_SCHED	0x100u
#define SOF_TX_ACK	0x200u
#define SOF_OPT_CMSG	0x400u
#define SOF_OPT_TSONLY	0x800u
#define SOF_OPT_STATS	0x1000u
#define SOF_TX_MASK	(SOF_TX_HARDWARE | SOF_TX_SOFTWARE | SOF_TX_SCHED | SOF_TX_ACK)
int stamp_setopt(struct socket *so, int name, const void *value, unsigned len);	/* -ENOPROTOOPT: another */
int stamp_getopt(struct socket *so, int name, void *value, unsigned *len);
/* The control messages of a packet that came, or was sent, at this time (monotonic; 0: not known). */
void stamp_put(struct socket *so, struct sock_msg *m, nsec_t time);
static inline bool stamp_is_wanted(const struct socket *so)
{
	return sock_has(so, SF_TIMESTAMP | SF_RX_STAMPS);
}
/* Which stamps a send wants, SOF_TX_*: by the options, which a control message may override. */
static inline uint32_t stamp_of_send(const struct socket *so)
{
	return unlikely(sock_has(so, SF_TX_STAMPS)) ? atomic_load(&so->stamping, RELAXED) & SOF_TX_MASK : 0;
}
/* A control message of level SOL_SOCKET of a send. 0, -EINVAL, -EPERM. */
int stamp_parse_control(struct socket *so, const struct cmsg_hdr *h, uint32_t *stamps);

/* All sockets, for /proc/net and netlink; under a mutex, fn must not lock sockets. */
void socket_for_each(void (*fn)(struct socket *so, void *arg), void *arg);

/* ioctl(2) on a socket: SIOC* that concern interfaces (sock-ioctl.c). -ENOTTY: not known. */
long sock_ioctl(struct socket *so, unsigned cmd, unsigned long arg);

/* AF_INET and AF_INET6 addresses (inet.c). port in host order. -EINVAL, -EAFNOSUPPORT. */
int inet_from_sockaddr(const struct socket *so, const struct sock_addr *a, struct ip_addr *ip, uint16_t *port, struct netdev **dev);
/* May who is bound to `from` speak to `to`, both as inet_from_sockaddr() gives them? -ENETUNREACH: not to IPv4; -EAFNOSUPPORT: not to IPv6. */
int __must_check inet_check_pair(const struct ip_addr *from, const struct ip_addr *to);
/* The address of a bind(2): of AF_INET also AF_UNSPEC with no address. */
int inet_from_bind_addr(const struct socket *so, const struct sock_addr *a, struct ip_addr *ip, uint16_t *port, struct netdev **dev);
void inet_to_sockaddr(const struct socket *so, struct sock_addr *a, const struct ip_addr *ip, uint16_t port, const struct netdev *dev);
