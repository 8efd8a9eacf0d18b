/* SPDX-License-Identifier: MIT
 *
 * Message formats of netlink(7), rtnetlink(7). Host byte order.
 */
#pragma once

#include "libc/types.h"

struct nlmsghdr {
	uint32_t len;
	uint16_t type, flags;
	uint32_t seq, pid;
};

#define NLM_F_REQUEST	0x1
#define NLM_F_MULTI	0x2
#define NLM_F_ACK	0x4
#define NLM_F_ROOT	0x100
#define NLM_F_MATCH	0x200
#define NLM_F_DUMP	(NLM_F_ROOT | NLM_F_MATCH)

#define NLMSG_NOOP	1
#define NLMSG_ERROR	2
#define NLMSG_DONE	3

#define RTM_NEWLINK	16
#define RTM_GETLINK	18
#define RTM_NEWADDR	20
#define RTM_GETADDR	22
#define RTM_NEWROUTE	24
#define RTM_GETROUTE	26
#define RTM_NEWNEIGH	28
#define RTM_GETNEIGH	30

struct ifinfomsg {
	uint8_t family, pad;
	uint16_t type;
	int32_t index;
	uint32_t flags, change;
};

struct ifaddrmsg {
	uint8_t family, prefix_len, flags, scope;
	uint32_t index;
};

struct rtmsg {
	uint8_t family, dst_len, src_len, tos, table, protocol, scope, type;
	uint32_t flags;
};

struct ndmsg {
	uint8_t family, pad1;
	uint16_t pad2;
	int32_t index;
	uint16_t state;
	uint8_t flags, type;
};

struct rtattr {
	uint16_t len, type;
};

#define IFLA_ADDRESS	1
#define IFLA_BROADCAST	2
#define IFLA_IFNAME	3
#define IFLA_MTU	4
#define IFLA_QDISC	6
#define IFLA_STATS	7
#define IFLA_TXQLEN	13
#define IFLA_OPERSTATE	16
#define IFLA_LINKMODE	17

#define IFA_ADDRESS	1
#define IFA_LOCAL	2
#define IFA_LABEL	3
#define IFA_BROADCAST	4
#define IFA_CACHEINFO	6
#define IFA_FLAGS	8

#define RTA_DST		1
#define RTA_OIF		4
#define RTA_GATEWAY	5
#define RTA_PRIORITY	6
#define RTA_PREFSRC	7
#define RTA_TABLE	15

#define NDA_DST		1
#define NDA_LLADDR	2
