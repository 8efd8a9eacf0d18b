// SPDX-License-Identifier: MIT
/* Addresses of AF_INET and AF_INET6 sockets: ip(7), ipv6(7). */
#include "libc/errno.h"
#include "libc/string.h"
#include "net/netdev-priv.h"
#include "net/socket.h"

/* ff01::/16, ff02::/16 (RFC 4291 2.7) */
static bool is_link_group(const struct ip_addr *ip)
{
	return ip->b[0] == 0xff && ((ip->b[1] & 15) == 1 || (ip->b[1] & 15) == 2);
}

int inet_from_sockaddr(const struct socket *so, const struct sock_addr *a, struct ip_addr *ip, uint16_t *port, struct netdev **dev)
{
	if (a->len < (so->family == AF_INET ? 16u : 24u))
		return -EINVAL;
	if (a->family == AF_INET) {
		/* An IPv6 socket takes an IPv4 address only in its mapped form. */
		if (so->family != AF_INET)
			return -EAFNOSUPPORT;
		*ip = ip_from_v4(a->in.addr);
		*port = net16(a->in.port);
		return 0;
	}
	if (a->family != AF_INET6 || so->family != AF_INET6)
		return -EAFNOSUPPORT;
	memcpy(ip->b, a->in6.addr, 16);
	*port = net16(a->in6.port);
	if (ip_is_v4(ip) && sock_has(so, SF_V6ONLY))
		return -ENETUNREACH;
	if (a->len >= 28 && a->in6.scope && (ip_is_link_local(ip) || ip_is_multicast(ip)) && dev) {
		struct netdev *d = netdev_by_index(a->in6.scope);

		if (!d)
			return -ENODEV;
		*dev = d;
	}
	return 0;
}

int inet_check_pair(const struct ip_addr *from, const struct ip_addr *to)
{
	if (ip_is_any(from) || ip_is_v4(from) == ip_is_v4(to))
		return 0;
	return ip_is_v4(to) ? -ENETUNREACH : -EAFNOSUPPORT;
}

int inet_from_bind_addr(const struct socket *so, const struct sock_addr *a, struct ip_addr *ip, uint16_t *port, struct netdev **dev)
{
	int r;

	if (a->len >= 16 && a->family == AF_UNSPEC && so->family == AF_INET && !a->in.addr) {
		*ip = ip_from_v4(0);
		*port = net16(a->in.port);
		return 0;
	}
	r = inet_from_sockaddr(so, a, ip, port, dev);
	/* An address that each interface may have says which one it means. */
	if (!r && !*dev && (ip_is_link_local(ip) || is_link_group(ip)) && !atomic_load(&so->bound_dev, RELAXED))
		return -EINVAL;
	return r;
}

void inet_to_sockaddr(const struct socket *so, struct sock_addr *a, const struct ip_addr *ip, uint16_t port, const struct netdev *dev)
{
	memset(a, 0, sizeof(*a));
	if (so->family == AF_INET) {
		a->len = 16;
		a->in.family = AF_INET;
		a->in.port = net16(port);
		a->in.addr = ip_is_v4(ip) ? ip->w[3] : 0;
		return;
	}
	a->len = 28;
	a->in6.family = AF_INET6;
	a->in6.port = net16(port);
	memcpy(a->in6.addr, ip->b, 16);
	if (dev && ip_is_link_local(ip))
		a->in6.scope = dev->index;
}
