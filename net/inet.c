// SPDX-License-Identifier: MIT
/* Addresses of AF_INET and AF_INET6 sockets: ip(7), ipv6(7). */
#include "libc/errno.h"
#include "libc/string.h"
#include "net/netdev-priv.h"
#include "net/socket.h"

int inet_from_sockaddr(const struct socket *so, const struct sock_addr *a, struct ip_addr *ip, uint16_t *port, struct netdev **dev)
{
	if (a->len < 2)
		return -EINVAL;
	if (a->family == AF_INET) {
		if (a->len < 16)
			return -EINVAL;
		/* An IPv6 socket takes an IPv4 address only in its mapped form. */
		if (so->family != AF_INET)
			return -EAFNOSUPPORT;
		*ip = ip_from_v4(a->in.addr);
		*port = net16(a->in.port);
		return 0;
	}
	if (a->family != AF_INET6 || so->family != AF_INET6)
		return -EAFNOSUPPORT;
	if (a->len < 24)
		return -EINVAL;
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
