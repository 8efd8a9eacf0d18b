// SPDX-License-Identifier: MIT
/* Options of ip(7) and ipv6(7) that all AF_INET and AF_INET6 sockets have. */
#include "libc/errno.h"
#include "net/dgram.h"

#define IP_TOS			1
#define IP_TTL			2
#define IP_HDRINCL		3
#define IP_OPTIONS		4
#define IP_RECVOPTS		6
#define IP_RETOPTS		7
#define IP_PKTINFO		8
#define IP_MTU_DISCOVER		10
#define IP_RECVERR		11
#define IP_RECVTTL		12
#define IP_RECVTOS		13
#define IP_FREEBIND		15
#define IP_TRANSPARENT		19
#define IP_BIND_ADDRESS_NO_PORT	24
#define IP_MULTICAST_TTL	33
#define IP_MULTICAST_LOOP	34
#define IP_MULTICAST_ALL	49

#define IPV6_2292HOPLIMIT	8
#define IPV6_UNICAST_HOPS	16
#define IPV6_MULTICAST_HOPS	18
#define IPV6_MULTICAST_LOOP	19
#define IPV6_MTU_DISCOVER	23
#define IPV6_RECVERR		25
#define IPV6_V6ONLY		26
#define IPV6_MULTICAST_ALL	29
#define IPV6_RECVPKTINFO	49
#define IPV6_RECVHOPLIMIT	51
#define IPV6_RECVTCLASS		66
#define IPV6_TCLASS		67
#define IPV6_DONTFRAG		62
#define IPV6_FREEBIND		78

#define PMTUDISC_DONT	0
#define PMTUDISC_WANT	1
#define PMTUDISC_DO	2
#define PMTUDISC_PROBE	3

static uint32_t flag_of(int level, int name)
{
	if (level == IPPROTO_IP) {
		switch (name) {
		case IP_PKTINFO:
			return SF_PKTINFO;
		case IP_RECVERR:
			return SF_RECVERR;
		case IP_RECVTTL:
			return SF_RECVTTL;
		case IP_RECVTOS:
			return SF_RECVTOS;
		case IP_FREEBIND:
		case IP_TRANSPARENT:
			return SF_FREEBIND;
		case IP_HDRINCL:
			return SF_HDRINCL;
		}
		return 0;
	}
	switch (name) {
	case IPV6_RECVPKTINFO:
		return SF_PKTINFO;
	case IPV6_RECVERR:
		return SF_RECVERR;
	case IPV6_RECVHOPLIMIT:
		return SF_RECVTTL;
	case IPV6_2292HOPLIMIT:
		return SF_RECVHOPS_2292;
	case IPV6_RECVTCLASS:
		return SF_RECVTOS;
	case IPV6_FREEBIND:
		return SF_FREEBIND;
	case IPV6_V6ONLY:
		return SF_V6ONLY;
	}
	return 0;
}

static int set_discover(struct ip_opts *o, int v)
{
	if (v < 0 || v > 5)
		return -EINVAL;
	o->may_fragment = v == PMTUDISC_DONT;
	o->no_fragment = v == PMTUDISC_DO || v == PMTUDISC_PROBE;
	return 0;
}

/* The ECN bits of a stream are TCP's (RFC 3168 6.1), as on Linux. */
static uint8_t type_of_service(const struct socket *so, int v)
{
	return (uint8_t)(so->type == SOCK_STREAM ? v & ~3 : v);
}

int inet_setopt(struct socket *so, struct ip_opts *o, int level, int name, int v)
{
	uint32_t flag = flag_of(level, name);

	if (level == IPPROTO_IPV6 && so->family != AF_INET6)
		return -ENOPROTOOPT;
	if (flag) {
		sock_set(so, flag, v != 0);
		return 0;
	}
	if (level == IPPROTO_IP) {
		switch (name) {
		case IP_TOS:
			o->tos = type_of_service(so, v);
			return 0;
		case IP_TTL:
			if (v != -1 && (v < 1 || v > 255))
				return -EINVAL;
			o->hop_limit = v == -1 ? 0 : (uint8_t)v;
			return 0;
		case IP_MTU_DISCOVER:
			return set_discover(o, v);
		case IP_OPTIONS:
		case IP_RECVOPTS:
		case IP_RETOPTS:
		case IP_BIND_ADDRESS_NO_PORT:
		case IP_MULTICAST_ALL:
			return 0;
		}
		return -ENOPROTOOPT;
	}
	switch (name) {
	case IPV6_UNICAST_HOPS:
		if (v < -1 || v > 255)
			return -EINVAL;
		o->hop_limit = v == -1 ? 0 : (uint8_t)v;
		return 0;
	case IPV6_TCLASS:
		if (v < -1 || v > 255)
			return -EINVAL;
		o->tos = v == -1 ? 0 : type_of_service(so, v);
		return 0;
	case IPV6_MTU_DISCOVER:
		return set_discover(o, v);
	case IPV6_DONTFRAG:
		o->no_fragment = v;
		return 0;
	case IPV6_MULTICAST_ALL:
		return 0;
	}
	return -ENOPROTOOPT;
}

/* Streams go to no group; that is what Linux says of them all the same. Datagram sockets have their own (dgram.c). */
static bool is_group_option(int level, int name)
{
	return level == IPPROTO_IP ? name == IP_MULTICAST_TTL || name == IP_MULTICAST_LOOP : name == IPV6_MULTICAST_HOPS || name == IPV6_MULTICAST_LOOP;
}

int inet_getopt(struct socket *so, const struct ip_opts *o, int level, int name, int *v)
{
	uint32_t flag = flag_of(level, name);

	if (level == IPPROTO_IPV6 && so->family != AF_INET6)
		return -ENOPROTOOPT;
	if (flag) {
		*v = sock_has(so, flag);
		return 0;
	}
	if ((level == IPPROTO_IP && name == IP_TOS) || (level == IPPROTO_IPV6 && name == IPV6_TCLASS))
		*v = o->tos;
	else if ((level == IPPROTO_IP && name == IP_TTL) || (level == IPPROTO_IPV6 && name == IPV6_UNICAST_HOPS))
		*v = o->hop_limit ? o->hop_limit : level == IPPROTO_IP ? (int)atomic_load(&net_default_ttl, RELAXED) : IP_DEFAULT_HOPS;
	else if ((level == IPPROTO_IP && name == IP_MTU_DISCOVER) || (level == IPPROTO_IPV6 && name == IPV6_MTU_DISCOVER))
		*v = o->may_fragment ? PMTUDISC_DONT : o->no_fragment ? PMTUDISC_DO : PMTUDISC_WANT;
	else if (level == IPPROTO_IPV6 && name == IPV6_DONTFRAG)
		*v = o->no_fragment;
	else if (so->type == SOCK_STREAM && is_group_option(level, name))
		*v = 1;
	else
		return -ENOPROTOOPT;
	return 0;
}
