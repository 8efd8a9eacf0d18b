// SPDX-License-Identifier: MIT
/*
 * Options of ip(7) and ipv6(7) that all AF_INET and AF_INET6 sockets have. The two levels are kept apart: an IPv6
 * socket that also speaks IPv4 has both, each with its own values. What only a few programs set and nothing here acts
 * on is kept, so that what was set can be read.
 */
#include "libc/errno.h"
#include "libc/string.h"
#include "net/dgram.h"
#include "net/netdev-priv.h"

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
#define IP_MTU			14
#define IP_FREEBIND		15
#define IP_PASSSEC		18
#define IP_TRANSPARENT		19
#define IP_RECVORIGDSTADDR	20
#define IP_MINTTL		21
#define IP_NODEFRAG		22
#define IP_CHECKSUM		23
#define IP_BIND_ADDRESS_NO_PORT 24
#define IP_RECVFRAGSIZE		25
#define IP_RECVERR_RFC4884	26
#define IP_MULTICAST_TTL	33
#define IP_MULTICAST_LOOP	34
#define IP_MULTICAST_ALL	49
#define IP_UNICAST_IF		50
#define IP_LOCAL_PORT_RANGE	51

#define IPV6_2292PKTINFO      2
#define IPV6_2292HOPLIMIT     8
#define IPV6_FLOWINFO	      11
#define IPV6_UNICAST_HOPS     16
#define IPV6_MULTICAST_IF     17
#define IPV6_MULTICAST_HOPS   18
#define IPV6_MULTICAST_LOOP   19
#define IPV6_MTU_DISCOVER     23
#define IPV6_MTU	      24
#define IPV6_RECVERR	      25
#define IPV6_V6ONLY	      26
#define IPV6_MULTICAST_ALL    29
#define IPV6_RECVERR_RFC4884  31
#define IPV6_FLOWINFO_SEND    33
#define IPV6_RECVPKTINFO      49
#define IPV6_RECVHOPLIMIT     51
#define IPV6_RECVHOPOPTS      53
#define IPV6_RECVRTHDR	      56
#define IPV6_RECVDSTOPTS      58
#define IPV6_RECVPATHMTU      60
#define IPV6_PATHMTU	      61
#define IPV6_DONTFRAG	      62
#define IPV6_RECVTCLASS	      66
#define IPV6_TCLASS	      67
#define IPV6_AUTOFLOWLABEL    70
#define IPV6_ADDR_PREFERENCES 72
#define IPV6_MINHOPCOUNT      73
#define IPV6_RECVORIGDSTADDR  74
#define IPV6_TRANSPARENT      75
#define IPV6_UNICAST_IF	      76
#define IPV6_RECVFRAGSIZE     77
#define IPV6_FREEBIND	      78

#define PMTUDISC_DONT	   0
#define PMTUDISC_WANT	   1
#define PMTUDISC_DO	   2
#define PMTUDISC_PROBE	   3
#define PMTUDISC_INTERFACE 4
#define PMTUDISC_OMIT	   5

#define PREFER_TMP	      0x1
#define PREFER_PUBLIC	      0x2
#define PREFER_COA	      0x4
#define PREFER_CGA	      0x8
#define PREFER_PUBTMP_DEFAULT 0x100
#define PREFER_HOME	      0x400
#define PREFER_NONCGA	      0x800

#define MIN_MTU6 1280

/* How the options that are on or off differ. */
enum {
	INVERTED = 1,	/* the bit says that it is off */
	NEEDS_BYTE = 2, /* IP: no value at all is refused, elsewhere it means 0 */
	ANY_LENGTH = 4, /* IPv6: a value that is too short means 0, elsewhere it is refused */
	RAW_ONLY = 8,
	NO_STREAM = 16,
};

static const struct flag_option {
	uint8_t level, name, how;
	uint32_t sf, inf; /* the bit in so->flags or in so->inet.flags */
} flag_options[] = {
	{IPPROTO_IP, IP_PKTINFO, 0, SF_PKTINFO, 0},
	{IPPROTO_IP, IP_RECVERR, 0, SF_RECVERR, 0},
	{IPPROTO_IP, IP_RECVTTL, 0, SF_RECVTTL, 0},
	{IPPROTO_IP, IP_RECVTOS, 0, SF_RECVTOS, 0},
	{IPPROTO_IP, IP_FREEBIND, NEEDS_BYTE, SF_FREEBIND, 0},
	{IPPROTO_IP, IP_HDRINCL, RAW_ONLY, SF_HDRINCL, 0},
	{IPPROTO_IP, IP_TRANSPARENT, NEEDS_BYTE, 0, INF_TRANSPARENT},
	{IPPROTO_IP, IP_RECVORIGDSTADDR, 0, 0, INF_ORIGDST},
	{IPPROTO_IP, IP_RECVOPTS, 0, 0, INF_RECVOPTS},
	{IPPROTO_IP, IP_RETOPTS, 0, 0, INF_RETOPTS},
	{IPPROTO_IP, IP_PASSSEC, 0, 0, INF_PASSSEC},
	{IPPROTO_IP, IP_NODEFRAG, RAW_ONLY, 0, INF_NODEFRAG},
	{IPPROTO_IP, IP_CHECKSUM, 0, 0, INF_CHECKSUM},
	{IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 0, 0, INF_NO_PORT},
	{IPPROTO_IP, IP_RECVFRAGSIZE, NO_STREAM, 0, INF_FRAGSIZE},
	{IPPROTO_IP, IP_RECVERR_RFC4884, 0, 0, INF_RFC4884},
	{IPPROTO_IP, IP_MULTICAST_LOOP, INVERTED | NEEDS_BYTE, 0, INF_NO_LOOP},
	{IPPROTO_IP, IP_MULTICAST_ALL, INVERTED | NEEDS_BYTE, 0, INF_OWN_GROUPS},
	{IPPROTO_IPV6, IPV6_2292HOPLIMIT, 0, SF_RECVHOPS_2292, 0},
	{IPPROTO_IPV6, IPV6_V6ONLY, 0, SF_V6ONLY, 0},
	{IPPROTO_IPV6, IPV6_FREEBIND, 0, SF_FREEBIND, 0},
	{IPPROTO_IPV6, IPV6_TRANSPARENT, 0, 0, INF_TRANSPARENT},
	{IPPROTO_IPV6, IPV6_RECVPKTINFO, 0, 0, INF6_PKTINFO},
	{IPPROTO_IPV6, IPV6_2292PKTINFO, 0, 0, INF6_PKTINFO_2292},
	{IPPROTO_IPV6, IPV6_RECVERR, 0, 0, INF6_RECVERR},
	{IPPROTO_IPV6, IPV6_RECVERR_RFC4884, 0, 0, INF6_RFC4884},
	{IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 0, 0, INF6_HOPS},
	{IPPROTO_IPV6, IPV6_RECVTCLASS, 0, 0, INF6_TCLASS},
	{IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, 0, 0, INF6_ORIGDST},
	{IPPROTO_IPV6, IPV6_RECVRTHDR, 0, 0, INF6_RTHDR},
	{IPPROTO_IPV6, IPV6_RECVHOPOPTS, 0, 0, INF6_HOPOPTS},
	{IPPROTO_IPV6, IPV6_RECVDSTOPTS, 0, 0, INF6_DSTOPTS},
	{IPPROTO_IPV6, IPV6_RECVPATHMTU, 0, 0, INF6_PATHMTU},
	{IPPROTO_IPV6, IPV6_FLOWINFO, 0, 0, INF6_FLOWINFO},
	{IPPROTO_IPV6, IPV6_FLOWINFO_SEND, 0, 0, INF6_FLOWINFO_SEND},
	{IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, INVERTED | ANY_LENGTH, 0, INF6_NO_LABEL},
	{IPPROTO_IPV6, IPV6_RECVFRAGSIZE, 0, 0, INF6_FRAGSIZE},
	{IPPROTO_IPV6, IPV6_MULTICAST_LOOP, INVERTED, 0, INF6_NO_LOOP},
	{IPPROTO_IPV6, IPV6_MULTICAST_ALL, INVERTED, 0, INF6_OWN_GROUPS},
	{IPPROTO_IPV6, IPV6_DONTFRAG, ANY_LENGTH, 0, INF6_DONTFRAG},
};

static const struct flag_option *flag_option(int level, int name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(flag_options); i++) {
		if (flag_options[i].level == level && flag_options[i].name == name)
			return &flag_options[i];
	}
	return NULL;
}

int inet_opt_value(int level, const void *value, unsigned len, int *v)
{
	*v = 0;
	if (len >= 4)
		memcpy(v, value, 4);
	else if (level == IPPROTO_IPV6)
		return -EINVAL;
	else if (len)
		*v = *(const uint8_t *)value;
	return 0;
}

static void update_fragments(struct socket *so, struct ip_opts *o, int level)
{
	int how = so->inet.discover[level == IPPROTO_IPV6];
	bool dont = level == IPPROTO_IPV6 && so->inet.flags & INF6_DONTFRAG;

	o->may_fragment = how == PMTUDISC_DONT || how >= PMTUDISC_INTERFACE;
	o->no_fragment = dont || (how >= PMTUDISC_DO && how <= PMTUDISC_INTERFACE);
}

static int set_flag(struct socket *so, struct ip_opts *o, const struct flag_option *f, const void *value, unsigned len)
{
	int v, r = inet_opt_value(f->level, value, len, &v);
	bool on;

	if (f->how & RAW_ONLY && so->type != SOCK_RAW)
		return -ENOPROTOOPT;
	if ((r && !(f->how & ANY_LENGTH)) || (f->how & NEEDS_BYTE && !len) ||
	    (f->how & NO_STREAM && so->type == SOCK_STREAM))
		return -EINVAL;
	on = (v != 0) != (f->how & INVERTED);
	if (f->sf)
		sock_set(so, f->sf, on);
	else if (on)
		(void)atomic_fetch_or(&so->inet.flags, f->inf, RELAXED);
	else
		(void)atomic_fetch_and(&so->inet.flags, ~f->inf, RELAXED);
	if (f->inf & INF6_DONTFRAG)
		update_fragments(so, o, f->level);
	return 0;
}

/* The ECN bits of a stream are TCP's (RFC 3168 6.1), as on Linux. */
static uint8_t type_of_service(const struct socket *so, int v)
{
	return (uint8_t)(so->type == SOCK_STREAM ? v & ~3 : v);
}

static int set_discover(struct socket *so, struct ip_opts *o, int level, int v)
{
	if (v < 0 || v > PMTUDISC_OMIT)
		return -EINVAL;
	so->inet.discover[level == IPPROTO_IPV6] = (uint8_t)v;
	update_fragments(so, o, level);
	return 0;
}

/* The index is in the order of the network at both levels. */
static int set_unicast_if(struct socket *so, int level, int v, unsigned len)
{
	if (len != 4)
		return -EINVAL;
	if (v && !netdev_by_index(net32((uint32_t)v)))
		return -EADDRNOTAVAIL;
	so->inet.unicast_if[level == IPPROTO_IPV6] = (uint32_t)v;
	return 0;
}

static int set_min_hops(struct socket *so, int level, int v, unsigned len)
{
	if (!len || v < 0 || v > 255)
		return -EINVAL;
	so->inet.min_hops[level == IPPROTO_IPV6] = (uint8_t)v;
	return 0;
}

static int set_port_range(struct socket *so, int v, unsigned len)
{
	uint32_t low = (uint32_t)v & 0xffff, high = (uint32_t)v >> 16;

	if (len != 4 || (low && high && low > high))
		return -EINVAL;
	so->inet.port_range = (uint32_t)v;
	return 0;
}

/* At most one bit of each set. */
static bool has_one(int v, int mask)
{
	v &= mask;
	return !(v & (v - 1));
}

static int set_preferences(struct socket *so, int v)
{
	int was = so->inet.prefers;

	if (!has_one(v, PREFER_TMP | PREFER_PUBLIC | PREFER_PUBTMP_DEFAULT) || !has_one(v, PREFER_COA | PREFER_HOME) ||
	    !has_one(v, PREFER_CGA | PREFER_NONCGA))
		return -EINVAL;
	if (v & (PREFER_TMP | PREFER_PUBLIC | PREFER_PUBTMP_DEFAULT))
		was = (was & ~(PREFER_TMP | PREFER_PUBLIC)) | (v & (PREFER_TMP | PREFER_PUBLIC));
	if (v & (PREFER_COA | PREFER_HOME))
		was = (was & ~PREFER_COA) | (v & PREFER_COA);
	so->inet.prefers = (uint16_t)was;
	return 0;
}

static int get_preferences(const struct socket *so)
{
	int p = so->inet.prefers;

	return (p & PREFER_TMP	    ? PREFER_TMP
		: p & PREFER_PUBLIC ? PREFER_PUBLIC
				    : PREFER_PUBTMP_DEFAULT) |
	       (p & PREFER_COA ? PREFER_COA : PREFER_HOME);
}

static int set_ip4(struct socket *so, struct ip_opts *o, int name, int v, unsigned len)
{
	switch (name) {
	case IP_TOS:
		o->tos = type_of_service(so, v);
		return 0;
	case IP_TTL:
		if (!len || (v != -1 && (v < 1 || v > 255)))
			return -EINVAL;
		o->hop_limit = v == -1 ? 0 : (uint8_t)v;
		return 0;
	case IP_MTU_DISCOVER:
		return set_discover(so, o, IPPROTO_IP, v);
	case IP_MINTTL:
		return set_min_hops(so, IPPROTO_IP, v, len);
	case IP_UNICAST_IF:
		return set_unicast_if(so, IPPROTO_IP, v, len);
	case IP_LOCAL_PORT_RANGE:
		return set_port_range(so, v, len);
	case IP_MULTICAST_TTL:
		return -EINVAL; /* a stream's; others have their own */
	case IP_OPTIONS:
		return 0;
	}
	return -ENOPROTOOPT;
}

static int set_ip6(struct socket *so, struct ip_opts *o, int name, int v)
{
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
		return set_discover(so, o, IPPROTO_IPV6, v);
	case IPV6_MTU:
		return v && v < MIN_MTU6 ? -EINVAL : 0;
	case IPV6_MINHOPCOUNT:
		return set_min_hops(so, IPPROTO_IPV6, v, 4);
	case IPV6_ADDR_PREFERENCES:
		return set_preferences(so, v);
	case IPV6_UNICAST_IF:
		return set_unicast_if(so, IPPROTO_IPV6, v, 4);
	}
	return -ENOPROTOOPT;
}

int inet_setopt(struct socket *so, struct ip_opts *o, int level, int name, const void *value, unsigned len)
{
	const struct flag_option *f = flag_option(level, name);
	int v, r, short_value;

	if (level == IPPROTO_IPV6 && so->family != AF_INET6)
		return -ENOPROTOOPT;
	if (f)
		return set_flag(so, o, f, value, len);
	short_value = inet_opt_value(level, value, len, &v);
	if (level == IPPROTO_IP)
		return set_ip4(so, o, name, v, len);
	if (!short_value)
		return set_ip6(so, o, name, v);
	/* What is not known is so whatever its length. */
	r = name == IPV6_UNICAST_HOPS || name == IPV6_TCLASS || name == IPV6_MTU_DISCOVER || name == IPV6_MTU ||
	    name == IPV6_MINHOPCOUNT || name == IPV6_ADDR_PREFERENCES || name == IPV6_UNICAST_IF;
	return r ? -EINVAL : -ENOPROTOOPT;
}

/* The path's MTU, of a socket that has a path. */
static int get_mtu(const struct ip_route *rt, int *v)
{
	if (!rt || !rt->dev)
		return -ENOTCONN;
	*v = (int)rt->mtu;
	return 0;
}

static int get_ip4(struct socket *so, const struct ip_opts *o, const struct ip_route *rt, int name, int *v)
{
	switch (name) {
	case IP_TOS:
		*v = o->tos;
		return 0;
	case IP_TTL:
		*v = o->hop_limit ? o->hop_limit : (int)atomic_load(&net_default_ttl, RELAXED);
		return 0;
	case IP_MTU_DISCOVER:
		*v = so->inet.discover[0];
		return 0;
	case IP_MTU:
		return get_mtu(rt, v);
	case IP_MINTTL:
		*v = so->inet.min_hops[0];
		return 0;
	case IP_UNICAST_IF:
		*v = (int)so->inet.unicast_if[0];
		return 0;
	case IP_LOCAL_PORT_RANGE:
		*v = (int)so->inet.port_range;
		return 0;
	case IP_MULTICAST_TTL: /* a stream goes to no group; that is what Linux says all the same */
		*v = 1;
		return 0;
	}
	return -ENOPROTOOPT;
}

static int get_ip6(struct socket *so, const struct ip_opts *o, const struct ip_route *rt, int name, int *v)
{
	switch (name) {
	case IPV6_UNICAST_HOPS:
		*v = o->hop_limit ? o->hop_limit : IP_DEFAULT_HOPS;
		return 0;
	case IPV6_TCLASS:
		*v = o->tos;
		return 0;
	case IPV6_MTU_DISCOVER:
		*v = so->inet.discover[1];
		return 0;
	case IPV6_MTU:
		return get_mtu(rt, v);
	case IPV6_MINHOPCOUNT:
		*v = so->inet.min_hops[1];
		return 0;
	case IPV6_ADDR_PREFERENCES:
		*v = get_preferences(so);
		return 0;
	case IPV6_UNICAST_IF:
		*v = (int)so->inet.unicast_if[1];
		return 0;
	case IPV6_MULTICAST_HOPS:
		*v = 1;
		return 0;
	case IPV6_MULTICAST_IF:
		*v = 0;
		return 0;
	}
	return -ENOPROTOOPT;
}

/* struct ip6_mtuinfo: an address that Linux leaves empty, and the MTU. */
static int get_path_mtu(const struct ip_route *rt, void *value, unsigned *len)
{
	struct {
		uint8_t addr[28];
		uint32_t mtu;
	} info = {.mtu = 0};
	int v, r;

	if (*len < sizeof(info))
		return -EINVAL;
	r = get_mtu(rt, &v);
	if (r)
		return r;
	info.mtu = (uint32_t)v;
	*len = sizeof(info);
	memcpy(value, &info, sizeof(info));
	return 0;
}

int inet_put_int(int level, int v, void *value, unsigned *len)
{
	if (level == IPPROTO_IP && *len > 1 && *len < 4 && v >= 0 && v <= 255)
		*len = 1;
	*len = MIN(*len, 4u);
	memcpy(value, &v, *len);
	return 0;
}

int inet_getopt(struct socket *so, const struct ip_opts *o, const struct ip_route *rt, int level, int name, void *value,
		unsigned *len)
{
	const struct flag_option *f = flag_option(level, name);
	int v, r = 0;

	if (level == IPPROTO_IPV6 && so->family != AF_INET6)
		return -EOPNOTSUPP;
	if (level == IPPROTO_IPV6 && name == IPV6_PATHMTU)
		return get_path_mtu(rt, value, len);
	if (f)
		v = ((f->sf ? sock_has(so, f->sf) : atomic_load(&so->inet.flags, RELAXED) & f->inf) != 0) !=
		    (f->how & INVERTED);
	else
		r = level == IPPROTO_IP ? get_ip4(so, o, rt, name, &v) : get_ip6(so, o, rt, name, &v);
	return r ? r : inet_put_int(level, v, value, len);
}
