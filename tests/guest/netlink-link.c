// SPDX-License-Identifier: MIT
/* What rtnetlink says of the loopback device: the attributes that tools and libraries ask for (without some of which they fail), their lengths, those values that are always the same. */
#include "test.h"

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static void bring_lo(bool is_up)
{
	struct ifreq r = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	need(ioctl(fd, SIOCGIFFLAGS, &r) == 0);
	r.ifr_flags = is_up ? r.ifr_flags | IFF_UP : r.ifr_flags & ~IFF_UP;
	need(ioctl(fd, SIOCSIFFLAGS, &r) == 0);
	close(fd);
}

static void show_link(void)
{
	static const struct {
		int type;
		const char *name;
		bool has_value;
	} wanted[] = {
		{ IFLA_IFNAME, "IFNAME", false }, { IFLA_TXQLEN, "TXQLEN", true }, { IFLA_OPERSTATE, "OPERSTATE", true }, { IFLA_LINKMODE, "LINKMODE", true }, { IFLA_MTU, "MTU", true },
		{ IFLA_MIN_MTU, "MIN_MTU", true }, { IFLA_MAX_MTU, "MAX_MTU", true }, { IFLA_GROUP, "GROUP", true }, { IFLA_PROMISCUITY, "PROMISCUITY", true },
		{ IFLA_NUM_TX_QUEUES, "NUM_TX_QUEUES", true }, { IFLA_NUM_RX_QUEUES, "NUM_RX_QUEUES", true }, { IFLA_CARRIER, "CARRIER", true },
		{ IFLA_CARRIER_CHANGES, "CARRIER_CHANGES", true }, { IFLA_PROTO_DOWN, "PROTO_DOWN", true }, { IFLA_MAP, "MAP", false }, { IFLA_ADDRESS, "ADDRESS", false },
		{ IFLA_BROADCAST, "BROADCAST", false }, { IFLA_STATS64, "STATS64", false }, { IFLA_STATS, "STATS", false }, { IFLA_QDISC, "QDISC", false },
	};
	struct {
		struct nlmsghdr h;
		struct ifinfomsg m;
	} req = { .h = { .nlmsg_len = sizeof(req), .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST }, .m.ifi_index = 1 };
	static char buf[16384];
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), len;
	struct nlmsghdr *h = (void *)buf;
	struct rtnl_link_stats64 s64 = { 0 };
	struct rtnl_link_stats s32 = { 0 };

	need(send(fd, &req, sizeof(req), 0) == sizeof(req));
	len = (int)recv(fd, buf, sizeof(buf), 0);
	need(len > (int)sizeof(*h) && h->nlmsg_type == RTM_NEWLINK && (int)h->nlmsg_len == len);
	for (unsigned i = 0; i < ARRAY_LEN(wanted); i++) {
		struct rtattr *a = IFLA_RTA(NLMSG_DATA(h));
		int left = (int)IFLA_PAYLOAD(h);
		uint32_t value = 0;

		while (RTA_OK(a, left) && a->rta_type != wanted[i].type)
			a = RTA_NEXT(a, left);
		if (!RTA_OK(a, left)) {
			show("%s: not there", wanted[i].name);
			continue;
		}
		memcpy(&value, RTA_DATA(a), RTA_PAYLOAD(a) < 4 ? RTA_PAYLOAD(a) : 4);
		if (wanted[i].has_value)
			show("%s: %d bytes, %u", wanted[i].name, (int)RTA_PAYLOAD(a), value);
		else
			show("%s: %d bytes", wanted[i].name, (int)RTA_PAYLOAD(a));
		if (wanted[i].type == IFLA_STATS64)
			memcpy(&s64, RTA_DATA(a), sizeof(s64));
		if (wanted[i].type == IFLA_STATS)
			memcpy(&s32, RTA_DATA(a), sizeof(s32));
	}
	check("both counters say the same", s64.rx_packets == s32.rx_packets && s64.tx_bytes == s32.tx_bytes && s64.rx_packets == s64.tx_packets);
	close(fd);
}

int main(void)
{
	bring_lo(true);
	show_link();
	bring_lo(false);
	show_link();
	bring_lo(true);
	return test_end();
}
