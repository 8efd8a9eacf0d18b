// SPDX-License-Identifier: MIT
/*
 * rtnetlink: addresses, routes, neighbours and links of the loopback device are changed; the errors of what cannot be, with their extended acknowledgements; messages that are cut short
 * or lie about lengths; what members of the groups are told.
 */
#include "test.h"

#include <arpa/inet.h>
#include <linux/capability.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

static int control, monitor;
static struct {
	struct nlmsghdr h;
	uint8_t data[1024];
} req;
static uint8_t answer[8192];

static void *begin(int type, int flags, const void *body, unsigned len)
{
	static unsigned seq;

	memset(&req, 0, sizeof(req));
	req.h = (struct nlmsghdr){ .nlmsg_len = NLMSG_LENGTH(len), .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags, .nlmsg_seq = ++seq };
	memcpy(req.data, body, len);
	return req.data;
}

static void attr(int type, const void *data, unsigned len)
{
	struct rtattr *a = (void *)((uint8_t *)&req + NLMSG_ALIGN(req.h.nlmsg_len));

	a->rta_type = (unsigned short)type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(RTA_DATA(a), data, len);
	req.h.nlmsg_len = NLMSG_ALIGN(req.h.nlmsg_len) + RTA_ALIGN(a->rta_len);
}

static void attr_u32(int type, uint32_t v)
{
	attr(type, &v, 4);
}

static void attr_ip(int type, const char *text)
{
	uint8_t ip[16];
	bool v6 = strchr(text, ':');

	need(inet_pton(v6 ? AF_INET6 : AF_INET, text, ip) == 1);
	attr(type, ip, v6 ? 16 : 4);
}

/* The error of the request; *text: what the extended acknowledgement says, without where it is from. */
static int ask(const char **text)
{
	struct nlmsghdr *h = (void *)answer;
	struct nlmsgerr *e = NLMSG_DATA(h);
	ssize_t n;

	*text = "";
	need(send(control, &req, req.h.nlmsg_len, 0) == (ssize_t)req.h.nlmsg_len);
	n = recv(control, answer, sizeof(answer), 0);
	need(n >= (ssize_t)NLMSG_LENGTH(sizeof(*e)) && h->nlmsg_type == NLMSG_ERROR && h->nlmsg_seq == req.h.nlmsg_seq);
	if (h->nlmsg_flags & NLM_F_ACK_TLVS) {
		unsigned at = NLMSG_LENGTH(sizeof(*e)) + (h->nlmsg_flags & NLM_F_CAPPED ? 0 : NLMSG_ALIGN(e->msg.nlmsg_len) - NLMSG_HDRLEN);

		for (struct rtattr *a = (void *)(answer + at); at + sizeof(*a) <= (unsigned)n; at += RTA_ALIGN(a->rta_len), a = (void *)(answer + at)) {
			if ((a->rta_type & 0x3fff) == NLMSGERR_ATTR_MSG)
				*text = RTA_DATA(a);
		}
	}
	return -e->error;
}

static const char *ip_text(const struct rtattr *a)
{
	static char buf[4][INET6_ADDRSTRLEN];
	static int i;

	return inet_ntop(RTA_PAYLOAD(a) == 16 ? AF_INET6 : AF_INET, RTA_DATA(a), buf[i++ & 3], INET6_ADDRSTRLEN);
}

static void show_one(const struct nlmsghdr *h)
{
	const struct rtattr *t[64] = { 0 };
	unsigned header = h->nlmsg_type < RTM_NEWADDR ? sizeof(struct ifinfomsg) : h->nlmsg_type < RTM_NEWROUTE ? sizeof(struct ifaddrmsg) : sizeof(struct rtmsg);
	const struct ifinfomsg *link = NLMSG_DATA(h);
	const struct ifaddrmsg *addr = NLMSG_DATA(h);
	const struct rtmsg *route = NLMSG_DATA(h);
	int len = (int)(h->nlmsg_len - NLMSG_LENGTH(header));

	for (struct rtattr *a = (void *)((uint8_t *)NLMSG_DATA(h) + NLMSG_ALIGN(header)); RTA_OK(a, len); a = RTA_NEXT(a, len)) {
		if (a->rta_type < 64)
			t[a->rta_type] = a;
	}
	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
		show("  told: link %d, up %d, mtu %u", link->ifi_index, link->ifi_flags & IFF_UP ? 1 : 0, *(uint32_t *)RTA_DATA(t[IFLA_MTU]));
		check("with counters of 32 and 64 bits", t[IFLA_STATS] && RTA_PAYLOAD(t[IFLA_STATS]) >= 96 && t[IFLA_STATS64] && RTA_PAYLOAD(t[IFLA_STATS64]) >= 192);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		show("  told: %s address %s/%u, scope %u, secondary %d, broadcast %s", h->nlmsg_type == RTM_NEWADDR ? "new" : "old", ip_text(t[IFA_ADDRESS]), addr->ifa_prefixlen,
		     addr->ifa_scope, addr->ifa_flags & IFA_F_SECONDARY ? 1 : 0, t[IFA_BROADCAST] ? ip_text(t[IFA_BROADCAST]) : "none");
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		if (route->rtm_table == RT_TABLE_MAIN)
			show("  told: %s route %s/%u via %s, metric %u, protocol %u, scope %u, type %u, source %s", h->nlmsg_type == RTM_NEWROUTE ? "new" : "old",
			     t[RTA_DST] ? ip_text(t[RTA_DST]) : "any", route->rtm_dst_len, t[RTA_GATEWAY] ? ip_text(t[RTA_GATEWAY]) : "none",
			     t[RTA_PRIORITY] ? *(uint32_t *)RTA_DATA(t[RTA_PRIORITY]) : 0, route->rtm_protocol, route->rtm_scope, route->rtm_type,
			     t[RTA_PREFSRC] ? ip_text(t[RTA_PREFSRC]) : "none");
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		show("  told: %s neighbour", h->nlmsg_type == RTM_NEWNEIGH ? "new" : "old");
		break;
	}
}

static void show_told(void)
{
	for (;;) {
		struct sockaddr_nl from;
		socklen_t from_len = sizeof(from);
		ssize_t len = recvfrom(monitor, answer, sizeof(answer), MSG_DONTWAIT, (void *)&from, &from_len);
		int left = (int)len;

		if (len < 0)
			break;
		for (struct nlmsghdr *h = (void *)answer; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left))
			show_one(h);
	}
}

/* The text of the extended acknowledgement differs between kernels: only whether there is one, where all have one. */
static void go(const char *what)
{
	const char *text;
	int error = ask(&text);

	show("%s: %s", what, error ? strerrorname_np(error) : "done");
	show_told();
}

static void address(const char *what, int type, int flags, const char *ip, int plen)
{
	struct ifaddrmsg m = { .ifa_family = strchr(ip, ':') ? AF_INET6 : AF_INET, .ifa_prefixlen = (unsigned char)plen, .ifa_index = 1 };

	begin(type, flags, &m, sizeof(m));
	attr_ip(IFA_LOCAL, ip);
	attr_ip(IFA_ADDRESS, ip);
	go(what);
}

static void route(const char *what, int type, int flags, const char *dst, int plen, const char *via, uint32_t metric)
{
	struct rtmsg m = { .rtm_family = strchr(dst, ':') ? AF_INET6 : AF_INET, .rtm_dst_len = (unsigned char)plen, .rtm_table = RT_TABLE_MAIN };

	if (type == RTM_NEWROUTE) {
		m.rtm_protocol = RTPROT_BOOT;
		m.rtm_type = RTN_UNICAST;
		m.rtm_scope = via || m.rtm_family == AF_INET6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	} else {
		m.rtm_scope = RT_SCOPE_NOWHERE;
	}
	begin(type, flags, &m, sizeof(m));
	attr_ip(RTA_DST, dst);
	if (via)
		attr_ip(RTA_GATEWAY, via);
	else
		attr_u32(RTA_OIF, 1);
	if (metric)
		attr_u32(RTA_PRIORITY, metric);
	go(what);
}

static void show_addresses(void)
{
	struct ifaddrmsg m = { .ifa_family = AF_INET, .ifa_prefixlen = 24, .ifa_index = 1 };

	address("add", RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, "10.9.8.1", 24);
	address("add again", RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, "10.9.8.1", 24);
	address("without flags", RTM_NEWADDR, 0, "10.9.8.1", 24);
	address("second of the network", RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, "10.9.8.2", 24);
	address("prefix of 33", RTM_NEWADDR, NLM_F_CREATE, "10.9.8.3", 33);
	address("remove what is not there", RTM_DELADDR, 0, "10.9.8.9", 24);
	address("remove with another prefix", RTM_DELADDR, 0, "10.9.8.1", 16);
	begin(RTM_NEWADDR, NLM_F_CREATE, &m, sizeof(m));
	go("without an address");
	m.ifa_index = 4711;
	begin(RTM_NEWADDR, NLM_F_CREATE, &m, sizeof(m));
	attr_ip(IFA_LOCAL, "10.9.8.4");
	go("nowhere");
	m.ifa_index = 1;
	begin(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &m, sizeof(m));
	attr_ip(IFA_LOCAL, "10.9.7.4");
	attr_ip(IFA_ADDRESS, "10.9.7.4");
	attr_ip(IFA_BROADCAST, "10.9.7.255");
	go("with a broadcast address");
	address("remove it", RTM_DELADDR, 0, "10.9.7.4", 24);
	address("remove the first", RTM_DELADDR, 0, "10.9.8.1", 24);
	address("the second has gone", RTM_DELADDR, 0, "10.9.8.2", 24);
	address("IPv6 prefix of 129", RTM_NEWADDR, NLM_F_CREATE, "fd00:9::1", 129);
	address("IPv6 group", RTM_NEWADDR, NLM_F_CREATE, "ff02::77", 64);
	address("IPv6, remove what is not there", RTM_DELADDR, 0, "fd00:9::1", 64);
}

static void show_routes(void)
{
	struct rtmsg m = { .rtm_family = AF_INET, .rtm_dst_len = 16, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_BOOT, .rtm_type = RTN_UNICAST };

	route("add", RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, "10.70.0.0", 16, NULL, 0);
	route("add again", RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, "10.70.0.0", 16, NULL, 0);
	route("append the same", RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND, "10.70.0.0", 16, NULL, 0);
	route("replace by itself", RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, "10.70.0.0", 16, NULL, 0);
	route("another metric", RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, "10.70.0.0", 16, NULL, 7);
	route("change what is not there", RTM_NEWROUTE, NLM_F_REPLACE, "10.71.0.0", 16, NULL, 0);
	route("neither create nor replace", RTM_NEWROUTE, 0, "10.71.0.0", 16, NULL, 0);
	route("bits of a host", RTM_NEWROUTE, NLM_F_CREATE, "10.71.0.1", 16, NULL, 0);
	route("prefix of 33", RTM_NEWROUTE, NLM_F_CREATE, "10.71.0.1", 33, NULL, 0);
	route("gateway out of reach", RTM_NEWROUTE, NLM_F_CREATE, "10.71.0.0", 16, "99.1.2.3", 0);
	begin(RTM_NEWROUTE, NLM_F_CREATE, &m, sizeof(m));
	attr_ip(RTA_DST, "10.71.0.0");
	go("no device");
	attr_u32(RTA_OIF, 4711);
	go("unknown device");
	begin(RTM_NEWROUTE, NLM_F_CREATE, &m, sizeof(m));
	attr_ip(RTA_DST, "10.71.0.0");
	attr_u32(RTA_OIF, 1);
	attr_ip(RTA_PREFSRC, "10.44.0.1");
	go("source that is not ours");
	route("remove another metric", RTM_DELROUTE, 0, "10.70.0.0", 16, NULL, 8);
	route("remove", RTM_DELROUTE, 0, "10.70.0.0", 16, NULL, 7);
	route("remove the other", RTM_DELROUTE, 0, "10.70.0.0", 16, NULL, 0);
	route("nothing left", RTM_DELROUTE, 0, "10.70.0.0", 16, NULL, 0);
	route("IPv6 prefix of 129", RTM_NEWROUTE, NLM_F_CREATE, "fd00:9::", 129, NULL, 0);
	route("IPv6 gateway out of reach", RTM_NEWROUTE, NLM_F_CREATE, "fd00:9::", 64, "fd99::9", 0);
	route("IPv6, remove what is not there", RTM_DELROUTE, 0, "fd00:9::", 64, NULL, 0);
}

static void show_neighbours(void)
{
	struct ndmsg m = { .ndm_family = AF_INET, .ndm_ifindex = 1, .ndm_state = NUD_PERMANENT };

	begin(RTM_NEWNEIGH, NLM_F_CREATE, &m, sizeof(m));
	go("no destination");
	attr(NDA_DST, "\12", 1);
	go("short destination");
	begin(RTM_NEWNEIGH, NLM_F_CREATE, &m, sizeof(m));
	attr_ip(NDA_DST, "10.9.8.7");
	attr(NDA_LLADDR, "\2\0\0", 3);
	go("short address");
	begin(RTM_NEWNEIGH, NLM_F_REPLACE, &m, sizeof(m));
	attr_ip(NDA_DST, "10.9.8.7");
	attr(NDA_LLADDR, "\2\0\0\0\0\7", 6);
	go("replace what is not there");
	begin(RTM_DELNEIGH, 0, &m, sizeof(m));
	attr_ip(NDA_DST, "10.9.8.7");
	go("remove what is not there");
	m.ndm_ifindex = 4711;
	begin(RTM_NEWNEIGH, NLM_F_CREATE, &m, sizeof(m));
	attr_ip(NDA_DST, "10.9.8.7");
	go("nowhere");
}

static void show_links(void)
{
	struct ifinfomsg m = { .ifi_index = 1 };
	struct ifreq r = { .ifr_name = "lo" };
	uint32_t mtu;

	need(!ioctl(control, SIOCGIFMTU, &r));
	mtu = (uint32_t)r.ifr_mtu;
	begin(RTM_NEWLINK, 0, &m, sizeof(m));
	attr_u32(IFLA_MTU, 9000);
	go("mtu");
	check("it is so", !ioctl(control, SIOCGIFMTU, &r) && r.ifr_mtu == 9000);
	r.ifr_mtu = (int)mtu;
	check("and back by ioctl", !ioctl(control, SIOCSIFMTU, &r));
	show_told();
	m.ifi_index = 4711;
	begin(RTM_NEWLINK, 0, &m, sizeof(m));
	go("nowhere");
	m.ifi_index = 0;
	begin(RTM_NEWLINK, 0, &m, sizeof(m));
	go("nothing said");
	begin(RTM_SETLINK, 0, &m, sizeof(m));
	go("set nothing");
	begin(RTM_NEWLINK, 0, &m, sizeof(m));
	attr(IFLA_IFNAME, "lo", 3);
	go("by name");
	begin(RTM_NEWLINK, 0, &m, sizeof(m));
	attr(IFLA_IFNAME, "nothere", 8);
	go("by an unknown name");
	m.ifi_index = 1;
	begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &m, sizeof(m));
	go("exclusive");
	begin(RTM_DELLINK, 0, &m, sizeof(m));
	go("delete");
	m.ifi_change = m.ifi_flags = IFF_UP;
	begin(RTM_SETLINK, 0, &m, sizeof(m));
	go("up as it is");
}

/* Requests that are shorter than they should be, or say so. */
static void show_hostile(void)
{
	struct ifaddrmsg m = { .ifa_family = AF_INET, .ifa_prefixlen = 24, .ifa_index = 1 };
	struct rtattr *a;

	begin(RTM_NEWADDR, NLM_F_CREATE, &m, 4);
	go("half a header");
	begin(RTM_NEWROUTE, NLM_F_CREATE, &m, 2);
	go("two bytes of a header");
	begin(RTM_NEWADDR, NLM_F_CREATE, &m, sizeof(m));
	attr(IFA_LOCAL, "\12\11", 2);
	go("short address");
	begin(RTM_NEWADDR, NLM_F_CREATE, &m, sizeof(m));
	attr_ip(IFA_LOCAL, "10.9.8.1");
	a = (void *)((uint8_t *)&req + NLMSG_LENGTH(sizeof(m)));
	a->rta_len = 200;
	go("attribute longer than the message");
	a->rta_len = 3;
	go("attribute shorter than its header");
	a->rta_len = 0;
	go("attribute of no length");
	req.h.nlmsg_len -= 2;
	a->rta_len = 8;
	go("message ends inside an attribute");
	begin(RTM_NEWADDR + 99, 0, &m, sizeof(m));
	req.h.nlmsg_type = 1000;
	go("unknown type");
}

static void show_messages(void)
{
	struct rtmsg m = { .rtm_family = AF_INET, .rtm_dst_len = 16, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_BOOT, .rtm_type = RTN_UNICAST };
	struct nlmsghdr *h = (void *)answer;
	const char *text;
	int one = 1, error;

	begin(RTM_NEWROUTE, NLM_F_CREATE, &m, sizeof(m));
	attr_ip(RTA_DST, "10.71.0.1");
	error = ask(&text);
	show("without options: error %d, length %u, flags %x, \"%s\"", error, h->nlmsg_len, h->nlmsg_flags, text);
	need(!setsockopt(control, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one)));
	error = ask(&text);
	show("NETLINK_EXT_ACK: error %d, flags %x, \"%s\"", error, h->nlmsg_flags, text);
	need(!setsockopt(control, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one)));
	error = ask(&text);
	show("NETLINK_CAP_ACK, too: error %d, flags %x, \"%s\"", error, h->nlmsg_flags, text);
	begin(RTM_DELROUTE, 0, &m, sizeof(m));
	attr_ip(RTA_DST, "10.72.0.0");
	error = ask(&text);
	show("no text: error %d, length %u, flags %x", error, h->nlmsg_len, h->nlmsg_flags);
}

static void show_options(void)
{
	int v = 0, group = RTNLGRP_LINK;
	uint32_t groups[8] = { 0 };
	socklen_t len = sizeof(v);

	check("EXT_ACK is set", !getsockopt(control, SOL_NETLINK, NETLINK_EXT_ACK, &v, &len) && v == 1);
	check_errno("group 0", setsockopt(control, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &v, 0), EINVAL);
	v = 1000;
	check_errno("group 1000", setsockopt(control, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &v, sizeof(v)), EINVAL);
	check_errno("unknown option", setsockopt(control, SOL_NETLINK, 77, &v, sizeof(v)), ENOPROTOOPT);
	check("join", !setsockopt(control, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)));
	len = sizeof(groups);
	check("memberships", !getsockopt(control, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, groups, &len) && groups[0] == 1);
	check("leave", !setsockopt(control, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &group, sizeof(group)));
	len = sizeof(groups);
	check("none", !getsockopt(control, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, groups, &len) && groups[0] == 0);
}

static void show_rights(void)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];

	need(!syscall(SYS_capget, &h, d));
	d[0].effective &= ~(1u << CAP_NET_ADMIN);
	need(!syscall(SYS_capset, &h, d));
	address("without CAP_NET_ADMIN", RTM_NEWADDR, NLM_F_CREATE, "10.9.8.1", 24);
}

int main(void)
{
	struct sockaddr_nl groups = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE };

	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP };

	control = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	need(!ioctl(control, SIOCSIFFLAGS, &r));	/* a machine that has just started may not have done it */
	monitor = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	need(control >= 0 && monitor >= 0 && !bind(monitor, (void *)&groups, sizeof(groups)));
	show_addresses();
	show_routes();
	show_neighbours();
	show_links();
	show_hostile();
	show_messages();
	show_options();
	show_rights();
	return test_end();
}
