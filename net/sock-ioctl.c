// SPDX-License-Identifier: MIT
/* ioctl(2) on sockets: netdevice(7), and what is queued. */
#include "fs/cred.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/user.h"
#include "net/ethtool.h"
#include "net/net.h"
#include "net/netdev-priv.h"
#include "net/route.h"
#include "net/socket.h"
#include "sched/clock.h"

#define FIONREAD	0x541bu
#define SIOCOUTQ	0x5411u
#define SIOCOUTQNSD	0x894bu
#define SIOCATMARK	0x8905u
#define SIOCGSTAMP	0x8906
#define SIOCGSTAMPNS	0x8907
#define SIOCGIFNAME	0x8910u
#define SIOCGIFCONF	0x8912u
#define SIOCGIFFLAGS	0x8913u
#define SIOCSIFFLAGS	0x8914u
#define SIOCGIFADDR	0x8915u
#define SIOCGIFDSTADDR	0x8917u
#define SIOCGIFBRDADDR	0x8919u
#define SIOCGIFNETMASK	0x891bu
#define SIOCGIFMETRIC	0x891du
#define SIOCGIFMTU	0x8921u
#define SIOCSIFMTU	0x8922u
#define SIOCGIFHWADDR	0x8927u
#define SIOCGIFINDEX	0x8933u
#define SIOCGIFTXQLEN	0x8942u

#define SIOCETHTOOL	0x8946u
#define SIOCGIFMAP	0x8970u

#define ARPHRD_ETHER	1
#define ARPHRD_LOOPBACK	772

/* struct ifreq: 16 bytes of name, 24 of union (64-bit). */
struct ifreq {
	char name[16];
	union {
		struct {
			uint16_t family, port;
			uint32_t addr;
			uint8_t zero[8];
		} in;
		struct {
			uint16_t family;
			uint8_t mac[14];
		} hw;
		int16_t flags;
		int32_t value;
		uint64_t pad[3];
	};
};
_Static_assert(sizeof(struct ifreq) == 40, "netdevice(7)");

struct find {
	const struct netdev *dev;
	struct ifaddr found;
	bool has;
};

static bool first_v4(const struct ifaddr *a, void *arg)
{
	struct find *f = arg;

	if (a->dev != f->dev || !ip_is_v4(&a->addr))
		return true;
	f->found = *a;
	f->has = true;
	return false;
}

static void set_in(struct ifreq *r, uint32_t addr)
{
	memset(&r->in, 0, sizeof(r->in));
	r->in.family = AF_INET;
	r->in.addr = addr;
}

static int addr_request(struct netdev *d, unsigned cmd, struct ifreq *r)
{
	struct find f = { .dev = d };
	unsigned bits;

	ifaddr_for_each(first_v4, &f);
	if (!f.has)
		return -EADDRNOTAVAIL;
	bits = f.found.prefix_len - 96u;
	switch (cmd) {
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
		set_in(r, f.found.addr.w[3]);
		break;
	case SIOCGIFBRDADDR:
		set_in(r, d == &loopback ? 0 : f.found.broadcast.w[3]);
		break;
	default:
		set_in(r, bits ? net32(~0u << (32 - bits)) : 0);
	}
	return 0;
}

static int dev_request(struct netdev *d, unsigned cmd, struct ifreq *r)
{
	switch (cmd) {
	case SIOCGIFFLAGS:
		r->flags = (int16_t)atomic_load(&d->flags, RELAXED);
		return 0;
	case SIOCGIFMTU:
		r->value = (int32_t)atomic_load(&d->mtu, RELAXED);
		return 0;
	case SIOCGIFINDEX:
		r->value = (int32_t)d->index;
		return 0;
	case SIOCGIFMETRIC:
		r->value = 0;
		return 0;
	case SIOCGIFTXQLEN:
		r->value = 1000;
		return 0;
	case SIOCGIFMAP:
		memset(r->pad, 0, sizeof(r->pad));
		return 0;
	case SIOCGIFHWADDR:
		memset(&r->hw, 0, sizeof(r->hw));
		r->hw.family = d == &loopback ? ARPHRD_LOOPBACK : ARPHRD_ETHER;
		memcpy(r->hw.mac, d->mac, 6);
		return 0;
	}
	return addr_request(d, cmd, r);
}

/* What ifconfig(8) sets; addresses are set by netlink only. */
static long set_interface(unsigned cmd, unsigned long arg)
{
	struct netdev *d;
	struct ifreq r;

	if (copy_from_user(&r, (const void *)arg, sizeof(r)))
		return -EFAULT;
	if (!capable(CAP_NET_ADMIN))
		return -EPERM;
	r.name[15] = 0;
	d = netdev_by_name(r.name);
	if (!d)
		return -ENODEV;
	if (cmd == SIOCSIFMTU)
		return netdev_set_mtu(d, (uint32_t)r.value);
	netdev_set_up(d, r.flags & (int16_t)IFF_UP);
	return 0;
}

static long interface_ioctl(unsigned cmd, unsigned long arg)
{
	struct netdev *d;
	struct ifreq r;
	int e;

	if (copy_from_user(&r, (const void *)arg, sizeof(r)))
		return -EFAULT;
	r.name[15] = 0;
	if (cmd == SIOCGIFNAME) {
		d = netdev_by_index((uint32_t)r.value);
		if (!d)
			return -ENODEV;
		memset(r.name, 0, sizeof(r.name));
		strlcpy(r.name, d->name, sizeof(r.name));
	} else {
		d = netdev_by_name(r.name);
		if (!d)
			return -ENODEV;
		e = dev_request(d, cmd, &r);
		if (e)
			return e;
	}
	return copy_to_user((void *)arg, &r, sizeof(r));
}

struct conf_walk {
	struct ifreq reqs[32];
	unsigned nr;
};

static bool add_conf(const struct ifaddr *a, void *arg)
{
	struct conf_walk *w = arg;

	if (!ip_is_v4(&a->addr) || w->nr == ARRAY_SIZE(w->reqs))
		return true;
	memset(&w->reqs[w->nr], 0, sizeof(w->reqs[0]));
	strlcpy(w->reqs[w->nr].name, a->dev->name, 16);
	set_in(&w->reqs[w->nr++], a->addr.w[3]);
	return true;
}

static long get_conf(unsigned long arg)
{
	struct {
		int32_t len, pad;
		uint64_t buf;
	} conf;
	struct conf_walk w = { .nr = 0 };
	size_t n;

	if (copy_from_user(&conf, (const void *)arg, sizeof(conf)))
		return -EFAULT;
	ifaddr_for_each(add_conf, &w);
	n = w.nr * sizeof(struct ifreq);
	if (conf.buf) {
		if (conf.len < 0)
			return -EINVAL;
		n = MIN(n, (size_t)conf.len / sizeof(struct ifreq) * sizeof(struct ifreq));
		if (copy_to_user((void *)conf.buf, w.reqs, n))
			return -EFAULT;
	}
	conf.len = (int32_t)n;
	return copy_to_user((void *)arg, &conf, sizeof(conf));
}

/* struct timeval or timespec of when the datagram read last came: socket(7). */
static long get_stamp(struct socket *so, bool is_ns, unsigned long arg)
{
	nsec_t t = atomic_load(&so->stamp, RELAXED);
	int64_t tv[2];

	if (!t)
		return -ENOENT;
	t += clock_realtime_offset();
	tv[0] = (int64_t)(t / NSEC_PER_SEC);
	tv[1] = (int64_t)(t % NSEC_PER_SEC) / (is_ns ? 1 : 1000);
	return copy_to_user((void *)arg, tv, sizeof(tv));
}

long sock_ioctl(struct socket *so, unsigned cmd, unsigned long arg)
{
	int v, r;

	switch (cmd) {
	case FIONREAD:
	case SIOCOUTQ:
	case SIOCOUTQNSD:
	case SIOCATMARK:
		if (!so->ops->queued)
			return -EINVAL;
		r = so->ops->queued(so, cmd, &v);
		return r ? r : user_store32((uint32_t *)arg, (uint32_t)v);
	case SIOCGSTAMP:
	case SIOCGSTAMPNS:
		return so->family == AF_UNIX ? -ENOTTY : get_stamp(so, cmd == SIOCGSTAMPNS, arg);
	case SIOCGIFCONF:
		r = net_start();	/* of an AF_UNIX socket, which does not need it otherwise */
		return r ? r : get_conf(arg);
	case SIOCETHTOOL:
		return ethtool_ioctl(arg);
	case SIOCSIFFLAGS:
	case SIOCSIFMTU:
		return set_interface(cmd, arg);
	case SIOCGIFNAME:
	case SIOCGIFFLAGS:
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
	case SIOCGIFBRDADDR:
	case SIOCGIFNETMASK:
	case SIOCGIFMETRIC:
	case SIOCGIFMTU:
	case SIOCGIFHWADDR:
	case SIOCGIFINDEX:
	case SIOCGIFTXQLEN:
	case SIOCGIFMAP:
		return interface_ioctl(cmd, arg);
	}
	return -ENOTTY;
}
