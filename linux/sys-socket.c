// SPDX-License-Identifier: MIT
/*
 * The socket calls: arguments are copied in and checked here, the work is net/'s (net/socket.h). Addresses, options and control messages pass through small
 * buffers on the stack; only a long control message is allocated.
 */
#include "fs/cred.h"
#include "fs/fdtable.h"
#include "libc/string.h"
#include "linux/signal.h"
#include "linux/sys-util.h"
#include "mmu/heap.h"
#include "net/bpf.h"
#include "net/socket.h"
#include "sched/clock.h"

#define UIO_MAXIOV	1024
#define FAST_IOV	8u
#define CONTROL_FAST	256u
#define CONTROL_MAX	(64u * 1024)
#define SOL_IPV6	41
#define OPT_MAX		512u
#define TCP_ZEROCOPY_RECEIVE	35
#define SOL_PACKET	263
#define PACKET_HDRLEN	11
#define SCM_RIGHTS	1
#define SCM_CREDENTIALS	2
#define SO_PEERCRED	17
#define SO_GET_FILTER	26
#define SO_PEERGROUPS	59

/* As the application lays it out (64-bit ports). */
struct msghdr_abi {
	uint64_t name;
	uint32_t name_len, pad0;
	uint64_t iov, nr_iov, control, control_len;
	uint32_t flags, pad1;
};

struct mmsghdr_abi {
	struct msghdr_abi hdr;
	uint32_t len, pad;
};

/* A socket and its file for the time of a call. */
struct sock_ref {
	struct file *file;
	struct socket *so;
	bool is_counted;
};

static int sock_ref_get(struct sock_ref *s, long fd)
{
	s->file = fd_hold(process_current()->files, fd, &s->is_counted);
	if (!s->file)
		return -EBADF;
	s->so = file_socket(s->file);
	if (s->so)
		return 0;
	fd_drop(s->file, s->is_counted);
	return -ENOTSOCK;
}

static void sock_ref_put(struct sock_ref *s)
{
	fd_drop(s->file, s->is_counted);
}

static bool is_nonblock(const struct sock_ref *s)
{
	return atomic_load(&s->file->flags, RELAXED) & O_NONBLOCK;
}

static struct sock_cred own_cred(void)
{
	const struct cred *c = cred_current();

	return (struct sock_cred){ process_current()->pid, c->euid, c->egid };
}

/* ---- addresses ------------------------------------------------------------------------------------------------------ */

static int addr_get(struct sock_addr *a, long ptr, long len)
{
	if (len < 0 || len > (long)sizeof(a->bytes))
		return -EINVAL;
	memset(a->bytes, 0, 2);
	a->len = (uint32_t)len;
	a->fs = fs_current();
	return copy_from_user(a->bytes, (const void *)ptr, (size_t)len);
}

/* To ptr, at most *len_ptr bytes; the full length goes to *len_ptr (accept(2)). */
static int addr_put(const struct sock_addr *a, long ptr, long len_ptr)
{
	uint32_t room;

	if (!ptr)
		return 0;
	if (user_load32((const uint32_t *)len_ptr, &room))
		return -EFAULT;
	if ((int32_t)room < 0)
		return -EINVAL;
	if (copy_to_user((void *)ptr, a->bytes, MIN(room, a->len)))
		return -EFAULT;
	return user_store32((uint32_t *)len_ptr, a->len);
}

/* ---- creation ------------------------------------------------------------------------------------------------------- */

static long socket_fd(struct socket *so, long flags)
{
	struct file *f;
	int r = socket_file(so, (unsigned)flags & O_NONBLOCK, &f);

	return r ? r : fd_return(f, flags & SOCK_CLOEXEC);
}

long sys_socket(long family, long type, long proto)
{
	long flags = type & ~(long)SOCK_TYPE_MASK;
	struct sock_cred cred = own_cred();
	struct socket *so;
	int r;

	if (flags & ~(long)(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	r = socket_create((int)family, (int)(type & SOCK_TYPE_MASK), (int)proto, &cred, &so);
	return r ? r : socket_fd(so, flags);
}

long sys_socketpair(long family, long type, long proto, long fds_ptr)
{
	long flags = type & ~(long)SOCK_TYPE_MASK;
	struct sock_cred cred = own_cred();
	struct socket *pair[2];
	int fds[2];
	int r;

	if (flags & ~(long)(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	r = socket_pair((int)family, (int)(type & SOCK_TYPE_MASK), (int)proto, &cred, pair);
	if (r)
		return r;
	fds[0] = (int)socket_fd(pair[0], flags);
	if (fds[0] < 0) {
		pair[1]->ops->release(pair[1]);
		socket_put(pair[1]);
		return fds[0];
	}
	fds[1] = (int)socket_fd(pair[1], flags);
	if (fds[1] >= 0 && !copy_to_user((void *)fds_ptr, fds, sizeof(fds)))
		return 0;
	fd_close(process_current()->files, fds[0]);
	if (fds[1] < 0)
		return fds[1];
	fd_close(process_current()->files, fds[1]);
	return -EFAULT;
}

/* ---- names and connections ------------------------------------------------------------------------------------------- */

long sys_bind(long fd, long addr, long len)
{
	struct sock_addr a;
	struct sock_ref s;
	long r = sock_ref_get(&s, fd);

	if (r)
		return r;
	r = addr_get(&a, addr, len);
	if (!r)
		r = s.so->ops->bind ? s.so->ops->bind(s.so, &a) : -EOPNOTSUPP;
	sock_ref_put(&s);
	return r;
}

long sys_connect(long fd, long addr, long len)
{
	struct sock_addr a;
	struct sock_ref s;
	long r = sock_ref_get(&s, fd);

	if (r)
		return r;
	r = addr_get(&a, addr, len);
	if (!r)
		r = s.so->ops->connect ? s.so->ops->connect(s.so, &a, is_nonblock(&s)) : -EOPNOTSUPP;
	sock_ref_put(&s);
	return r;
}

long sys_listen(long fd, long backlog)
{
	struct sock_ref s;
	long r = sock_ref_get(&s, fd);

	if (r)
		return r;
	r = s.so->ops->listen ? s.so->ops->listen(s.so, (int)backlog) : -EOPNOTSUPP;
	sock_ref_put(&s);
	return r;
}

/* A connection of the listener s, as a file. */
static long accept_file(const struct sock_ref *s, long addr, long len_ptr, long flags, struct file **out)
{
	struct socket *so;
	struct sock_addr a;
	long r;

	r = s->so->ops->accept ? s->so->ops->accept(s->so, &so, is_nonblock(s)) : -EOPNOTSUPP;
	if (r)
		return r;
	r = socket_file(so, (unsigned)flags & O_NONBLOCK, out);
	if (r || !addr)
		return r;
	r = so->ops->getname(so, &a, SOCK_NAME_ACCEPTED);
	if (r)
		a = (struct sock_addr){ .len = 2, .family = so->family };
	r = addr_put(&a, addr, len_ptr);
	if (r)
		file_put(*out);
	return r;
}

static long accept_common(long fd, long addr, long len_ptr, long flags)
{
	struct fdtable *t = process_current()->files;
	struct sock_ref s;
	struct file *f;
	int new_fd;
	long r;

	if (flags & ~(long)(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	r = sock_ref_get(&s, fd);
	if (r)
		return r;
	new_fd = fd_reserve(t, flags & SOCK_CLOEXEC, fd_limit());
	if (new_fd < 0) {
		sock_ref_put(&s);
		return new_fd;
	}
	r = accept_file(&s, addr, len_ptr, flags, &f);
	sock_ref_put(&s);
	if (r) {
		fd_unreserve(t, new_fd);
		return r;
	}
	fd_fill(t, new_fd, f);
	return new_fd;
}

long sys_accept(long fd, long addr, long len_ptr)
{
	return accept_common(fd, addr, len_ptr, 0);
}

long sys_accept4(long fd, long addr, long len_ptr, long flags)
{
	return accept_common(fd, addr, len_ptr, flags);
}

static long getname(long fd, long addr, long len_ptr, enum sock_name whose)
{
	struct sock_addr a;
	struct sock_ref s;
	long r = sock_ref_get(&s, fd);

	if (r)
		return r;
	r = s.so->ops->getname ? s.so->ops->getname(s.so, &a, whose) : -EOPNOTSUPP;
	sock_ref_put(&s);
	if (r)
		return r;
	return addr ? addr_put(&a, addr, len_ptr) : -EFAULT;
}

long sys_getsockname(long fd, long addr, long len_ptr)
{
	return getname(fd, addr, len_ptr, SOCK_NAME_OWN);
}

long sys_getpeername(long fd, long addr, long len_ptr)
{
	return getname(fd, addr, len_ptr, SOCK_NAME_PEER);
}

long sys_shutdown(long fd, long how)
{
	struct sock_ref s;
	long r = sock_ref_get(&s, fd);

	if (r)
		return r;
	r = how < SHUT_RD || how > SHUT_RDWR ? -EINVAL : s.so->ops->shutdown ? s.so->ops->shutdown(s.so, (int)how) : -EOPNOTSUPP;
	sock_ref_put(&s);
	return r;
}

/* ---- send and receive: one buffer ------------------------------------------------------------------------------------ */

static void msg_init(struct sock_msg *m, struct uio *u, const struct sock_ref *s, long flags)
{
	struct process *p;

	_Static_assert(sizeof(*m) % 8 == 0 && sizeof(*m) <= 128, "zero_words");
	zero_words(m, sizeof(*m));
	m->uio = u;
	m->flags = (unsigned)flags;
	m->is_nonblock = is_nonblock(s) || flags & MSG_DONTWAIT;
	if (s->so->family != AF_UNIX)
		return;		/* only these pass descriptors and identities */
	p = process_current();
	m->files = p->files;
	m->fd_limit = fd_limit();
	m->cred = (struct sock_cred){ p->pid, cred_current()->uid, cred_current()->gid };
}

static long send_result(const struct sock_ref *s, long r, long flags)
{
	return r == -EPIPE && !(flags & MSG_NOSIGNAL) ? broken_pipe(s->file, r) : r;
}

long sys_sendto(long fd, long buf, long len, long flags, long addr, long addr_len)
{
	struct sock_addr a;
	struct sock_msg m;
	struct sock_ref s;
	struct iovec iov;
	struct uio u;
	long r = sock_ref_get(&s, fd);

	if (r)
		return r;
	uio_init(&u, &iov, (void *)buf, MIN((size_t)len, RW_MAX), false);
	msg_init(&m, &u, &s, flags);
	if (addr) {
		r = addr_get(&a, addr, (int)addr_len);
		m.name = &a;
	}
	if (!r)
		r = s.so->ops->send(s.so, &m);
	r = send_result(&s, r, flags);
	sock_ref_put(&s);
	return r;
}

long sys_recvfrom(long fd, long buf, long len, long flags, long addr, long len_ptr)
{
	struct sock_addr a;
	struct sock_msg m;
	struct sock_ref s;
	struct iovec iov;
	struct uio u;
	long r = sock_ref_get(&s, fd);

	if (r)
		return r;
	uio_init(&u, &iov, (void *)buf, MIN((size_t)len, RW_MAX), false);
	msg_init(&m, &u, &s, flags);
	a.len = 0;
	if (addr)
		m.name = &a;
	r = s.so->ops->recv(s.so, &m);
	sock_ref_put(&s);
	if (r >= 0 && addr) {
		int e = addr_put(&a, addr, len_ptr);

		if (e)
			return e;
	}
	return r;
}

/* ---- send and receive: messages ---------------------------------------------------------------------------------------- */

/* A msghdr with what it points to, in the kernel. */
struct msg_args {
	struct msghdr_abi hdr;
	struct iovec fast_iov[FAST_IOV];
	struct iovec *iov;
	struct uio uio;
	struct sock_addr name;
	uint64_t fast_control[CONTROL_FAST / 8];
	uint8_t *control;
};

static void msg_args_put(struct msg_args *a)
{
	if (a->iov != a->fast_iov)
		kfree(a->iov);
	if (a->control != (uint8_t *)a->fast_control)
		kfree(a->control);
}

static int msg_iov_get(struct msg_args *a)
{
	size_t total = 0;

	if (a->hdr.nr_iov > UIO_MAXIOV)
		return -EMSGSIZE;
	if (a->hdr.nr_iov > FAST_IOV) {
		a->iov = kmalloc(a->hdr.nr_iov * sizeof(struct iovec));
		if (!a->iov) {
			a->iov = a->fast_iov;
			return -ENOMEM;
		}
	}
	if (copy_from_user(a->iov, (const void *)a->hdr.iov, a->hdr.nr_iov * sizeof(struct iovec)))
		return -EFAULT;
	for (unsigned i = 0; i < a->hdr.nr_iov; i++) {
		if ((ssize_t)a->iov[i].len < 0)
			return -EINVAL;
		a->iov[i].len = MIN(a->iov[i].len, RW_MAX - total);
		total += a->iov[i].len;
	}
	a->uio = (struct uio){ .iov = a->iov, .nr = (unsigned)a->hdr.nr_iov, .left = total };
	return 0;
}

static int msg_args_get(struct msg_args *a, struct sock_msg *m, const struct sock_ref *s, long msg, long flags, bool is_send)
{
	int r;

	a->iov = a->fast_iov;
	a->control = (uint8_t *)a->fast_control;
	if (copy_from_user(&a->hdr, (const void *)msg, sizeof(a->hdr)))
		return -EFAULT;
	if (a->hdr.name && (int32_t)a->hdr.name_len < 0)
		return -EINVAL;
	r = msg_iov_get(a);
	if (r)
		return r;
	msg_init(m, &a->uio, s, flags);
	a->name.len = 0;
	if (is_send && a->hdr.name && a->hdr.name_len) {
		r = addr_get(&a->name, (long)a->hdr.name, (int)MIN(a->hdr.name_len, (uint32_t)sizeof(a->name.bytes)));
		if (r)
			return r;
	}
	if (a->hdr.name)
		m->name = &a->name;
	if (!a->hdr.control || !a->hdr.control_len)
		return 0;
	if (is_send && a->hdr.control_len > CONTROL_MAX)
		return -ENOBUFS;
	a->hdr.control_len = MIN(a->hdr.control_len, (uint64_t)CONTROL_MAX);
	if (a->hdr.control_len > CONTROL_FAST) {
		a->control = kmalloc(a->hdr.control_len);
		if (!a->control)
			return -ENOMEM;
	}
	m->control = a->control;
	m->control_room = a->hdr.control_len;
	if (!is_send)
		return 0;
	m->control_len = a->hdr.control_len;
	return copy_from_user(a->control, (const void *)a->hdr.control, a->hdr.control_len);
}

static int check_cred(const struct sock_cred *c)
{
	struct process *p = process_current();
	const struct cred *me = cred_current();
	int r = 0;

	if ((c->pid != p->pid && !cred_has(me, CAP_SYS_ADMIN)) ||
	    (c->uid != me->uid && c->uid != me->euid && c->uid != me->suid && !cred_has(me, CAP_SETUID)) ||
	    (c->gid != me->gid && c->gid != me->egid && c->gid != me->sgid && !cred_has(me, CAP_SETGID)))
		r = -EPERM;
	else if (c->pid != p->pid)
		r = -ESRCH;
	return r;
}

static int check_control(const struct sock_msg *m)
{
	const struct cmsg_hdr *h;
	struct sock_cred cred;
	size_t pos = 0;
	int error, r = 0;

	while (!r && (h = sock_msg_next(m, &pos, &error))) {
		if (h->level != SOL_SOCKET || h->type != SCM_CREDENTIALS || h->len != sizeof(*h) + sizeof(cred))
			continue;
		memcpy(&cred, h + 1, sizeof(cred));
		r = check_cred(&cred);
	}
	return r;
}

static long sendmsg_one(struct sock_ref *s, long msg, long flags)
{
	struct msg_args a;
	struct sock_msg m;
	long r = msg_args_get(&a, &m, s, msg, flags, true);

	if (!r && unlikely(m.control_len) && s->so->family == AF_UNIX)
		r = check_control(&m);
	if (!r)
		r = s->so->ops->send(s->so, &m);
	msg_args_put(&a);
	return send_result(s, r, flags);
}

static void close_received(const struct cmsg_hdr *h)
{
	const int *fds = (const int *)(h + 1);

	for (size_t i = 0; i < (h->len - sizeof(*h)) / sizeof(int); i++)
		(void)fd_close(process_current()->files, fds[i]);
}

/*
 * Control messages for which the program's memory is bad are left out, as on Linux: the data was
 * received all the same. Descriptors whose numbers it does not learn are closed again.
 */
static void control_put(struct msg_args *a, struct sock_msg *m)
{
	size_t pos = 0, put = 0, start;
	const struct cmsg_hdr *h;
	int error;

	if (likely(!copy_to_user((void *)a->hdr.control, a->control, m->control_len)))
		return;
	for (start = 0; (h = sock_msg_next(m, &pos, &error)); start = pos) {
		size_t len = MIN(pos, m->control_len) - start;

		if (!copy_to_user((void *)(a->hdr.control + put), h, len)) {
			put += len;
		} else if (h->level == SOL_SOCKET && h->type == SCM_RIGHTS) {
			close_received(h);
			m->out_flags |= MSG_CTRUNC;
		}
	}
	m->control_len = put;
}

static int recvmsg_finish(struct msg_args *a, struct sock_msg *m, long msg)
{
	struct msghdr_abi *user = (struct msghdr_abi *)msg;

	if (a->hdr.name) {
		if (copy_to_user((void *)a->hdr.name, a->name.bytes, MIN(a->name.len, a->hdr.name_len)) || user_store32(&user->name_len, a->name.len))
			return -EFAULT;
	}
	if (m->control_len)
		control_put(a, m);
	if (user_store64(&user->control_len, m->control_len) || user_store32(&user->flags, m->out_flags | (m->flags & MSG_CMSG_CLOEXEC)))
		return -EFAULT;
	return 0;
}

static long recvmsg_one(struct sock_ref *s, long msg, long flags)
{
	struct msg_args a;
	struct sock_msg m;
	long r = msg_args_get(&a, &m, s, msg, flags, false);

	if (!r) {
		r = s->so->ops->recv(s->so, &m);
		if (r >= 0) {
			int e = recvmsg_finish(&a, &m, msg);

			r = e ? e : r;
		}
	}
	msg_args_put(&a);
	return r;
}

long sys_sendmsg(long fd, long msg, long flags)
{
	struct sock_ref s;
	long r = sock_ref_get(&s, fd);

	if (r)
		return r;
	r = sendmsg_one(&s, msg, flags);
	sock_ref_put(&s);
	return r;
}

long sys_recvmsg(long fd, long msg, long flags)
{
	struct sock_ref s;
	long r = sock_ref_get(&s, fd);

	if (r)
		return r;
	r = recvmsg_one(&s, msg, flags);
	sock_ref_put(&s);
	return r;
}

long sys_sendmmsg(long fd, long vec, long nr, long flags)
{
	struct mmsghdr_abi *user = (struct mmsghdr_abi *)vec;
	struct sock_ref s;
	unsigned done = 0;
	long r = sock_ref_get(&s, fd);

	if (r)
		return r;
	nr = MIN((unsigned)nr, (unsigned)UIO_MAXIOV);
	while (done < (unsigned)nr) {
		r = sendmsg_one(&s, (long)&user[done], flags);
		if (r >= 0)
			r = user_store32(&user[done].len, (uint32_t)r);
		if (r < 0)
			break;
		done++;
	}
	sock_ref_put(&s);
	return done ? (long)done : r;
}

long sys_recvmmsg(long fd, long vec, long nr, long flags, long timeout)
{
	struct mmsghdr_abi *user = (struct mmsghdr_abi *)vec;
	nsec_t deadline = NSEC_NEVER, span, now = 0;
	struct sock_ref s;
	unsigned done = 0;
	long r;

	if (timeout) {
		r = timespec_get(timeout, &span);
		if (r)
			return r;
		deadline = clock_monotonic() + span;
	}
	r = sock_ref_get(&s, fd);
	if (r)
		return r;
	nr = MIN((unsigned)nr, (unsigned)UIO_MAXIOV);
	if (!(flags & MSG_ERRQUEUE))
		r = sock_take_error(s.so);
	while (!r && done < (unsigned)nr) {
		r = recvmsg_one(&s, (long)&user[done], flags & ~(long)MSG_WAITFORONE);
		if (r >= 0)
			r = user_store32(&user[done].len, (uint32_t)r);
		if (r < 0)
			break;
		r = 0;
		done++;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		/* recvmmsg(2), BUGS: the timeout is looked at only after each datagram. */
		if (deadline == NSEC_NEVER)
			continue;
		now = clock_monotonic();
		if (now >= deadline)
			break;
	}
	/* What went wrong after the first one the next call tells. */
	if (done && r < 0 && r != -EAGAIN)
		atomic_store(&s.so->error, r == -ERESTARTNOHAND ? EINTR : (int)-r, RELAXED);
	sock_ref_put(&s);
	if (done && timeout && timespec_put(timeout, now < deadline ? deadline - now : 0))
		return -EFAULT;
	return done ? (long)done : r;
}

/* ---- options ------------------------------------------------------------------------------------------------------------ */

long sys_setsockopt(long fd, long level, long name, long value, long len)
{
	uint64_t buf[OPT_MAX / 8];
	struct sock_ref s;
	long r;

	if ((int)len < 0)
		return -EINVAL;
	r = sock_ref_get(&s, fd);
	if (r)
		return r;
	len = MIN((int)len, (int)OPT_MAX);
	r = copy_from_user(buf, (const void *)value, (size_t)len);
	if (!r)
		r = socket_setopt(s.so, (int)level, (int)name, buf, (unsigned)len);
	sock_ref_put(&s);
	return r;
}

/* socket(7): the supplementary groups of the peer, who is this process if there is one. */
static long get_peer_groups(struct socket *so, long value, unsigned len, long len_ptr)
{
	const struct cred *c = cred_current();
	struct sock_cred cred = { 0, 0, 0 };
	unsigned cred_len = sizeof(cred), size = c->nr_groups * (unsigned)sizeof(c->groups[0]);
	long r;

	if (socket_getopt(so, SOL_SOCKET, SO_PEERCRED, &cred, &cred_len) || !cred.pid)
		return -ENODATA;
	r = user_store32((uint32_t *)len_ptr, size);
	if (r || len < size)
		return r ? r : -ERANGE;
	return copy_to_user((void *)value, c->groups, size);
}

/* SO_ATTACH_FILTER read is SO_GET_FILTER: its length counts instructions. */
static long get_filter(struct socket *so, long value, unsigned nr, long len_ptr)
{
	int r = sock_get_filter(so, (void *)value, &nr);

	return r ? r : user_store32((uint32_t *)len_ptr, nr);
}

long sys_getsockopt(long fd, long level, long name, long value, long len_ptr)
{
	uint64_t buf[OPT_MAX / 8] = { 0 };
	struct sock_ref s;
	bool is_negative;
	unsigned len;
	long r;

	if (user_load32((const uint32_t *)len_ptr, &len))
		return -EFAULT;
	is_negative = (int)len < 0;
	if (is_negative && (int)level == SOL_SOCKET)
		return -EINVAL;
	if (is_negative)
		len = (int)level == SOL_IPV6 ? OPT_MAX : 0;
	r = sock_ref_get(&s, fd);
	if (r)
		return r;
	if ((int)level == SOL_SOCKET && ((int)name == SO_PEERGROUPS || (int)name == SO_GET_FILTER)) {
		r = (int)name == SO_PEERGROUPS ? get_peer_groups(s.so, value, len, len_ptr) : get_filter(s.so, value, len, len_ptr);
		sock_ref_put(&s);
		return r;
	}
	len = MIN(len, (unsigned)OPT_MAX);
	if ((level == 6 && name == TCP_ZEROCOPY_RECEIVE) || (level == SOL_PACKET && name == PACKET_HDRLEN))	/* those that are requests, too */
		r = copy_from_user(buf, (const void *)value, len);
	if (!r)
		r = socket_getopt(s.so, (int)level, (int)name, buf, &len);
	/* Level IPv6 takes a negative length for a large one; who has no such level looks at none. */
	if (is_negative && (int)level != SOL_IPV6 && r != -EOPNOTSUPP)
		r = -EINVAL;
	if (!r && copy_to_user((void *)value, buf, len))
		r = -EFAULT;
	if (!r)
		r = user_store32((uint32_t *)len_ptr, len);
	sock_ref_put(&s);
	return r;
}
