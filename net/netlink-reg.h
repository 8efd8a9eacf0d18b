/* SPDX-License-Identifier: MIT
 *
 * Message formats of netlink(7), rtnetlink(7), sock_diag(7). Host byte order.
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
#define NLM_F_REPLACE	0x100		/* of requests that make something */
#define NLM_F_EXCL	0x200
#define NLM_F_CREATE	0x400
#define NLM_F_APPEND	0x800
#define NLM_F_CAPPED	0x100		/* of errors: the request is not repeated in full */
#define NLM_F_ACK_TLVS	0x200

#define NLMSGERR_ATTR_MSG	1

/* Options of level SOL_NETLINK. */
enum { NETLINK_ADD_MEMBERSHIP = 1, NETLINK_DROP_MEMBERSHIP, NETLINK_PKTINFO, NETLINK_BROADCAST_ERROR, NETLINK_NO_ENOBUFS, NETLINK_LISTEN_ALL_NSID = 8, NETLINK_LIST_MEMBERSHIPS,
       NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK };

/* Groups of NETLINK_ROUTE. */
#define RTNLGRP_LINK		1
#define RTNLGRP_NEIGH		3
#define RTNLGRP_IPV4_IFADDR	5
#define RTNLGRP_IPV4_ROUTE	7
#define RTNLGRP_IPV6_IFADDR	9
#define RTNLGRP_IPV6_ROUTE	11
#define RTNLGRP_MAX		36

#define NLMSG_NOOP	1
#define NLMSG_ERROR	2
#define NLMSG_DONE	3

#define RTM_NEWLINK	16
#define RTM_DELLINK	17
#define RTM_GETLINK	18
#define RTM_SETLINK	19
#define RTM_NEWADDR	20
#define RTM_DELADDR	21
#define RTM_GETADDR	22
#define RTM_NEWROUTE	24
#define RTM_DELROUTE	25
#define RTM_GETROUTE	26
#define RTM_NEWNEIGH	28
#define RTM_DELNEIGH	29
#define RTM_GETNEIGH	30
#define RTM_MAX		120		/* of Linux 6.1; the lowest two bits: new, del, get, set */

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
#define IFLA_LINKINFO	18
#define IFLA_MAP	14
#define IFLA_STATS64	23
#define IFLA_GROUP	27
#define IFLA_PROMISCUITY 30
#define IFLA_NUM_TX_QUEUES 31
#define IFLA_NUM_RX_QUEUES 32
#define IFLA_CARRIER	33
#define IFLA_CARRIER_CHANGES 35
#define IFLA_PROTO_DOWN	39
#define IFLA_MIN_MTU	50
#define IFLA_MAX_MTU	51
#define IFLA_OPERSTATE	16
#define IFLA_LINKMODE	17

#define IFA_ADDRESS	1
#define IFA_LOCAL	2
#define IFA_LABEL	3
#define IFA_BROADCAST	4
#define IFA_CACHEINFO	6
#define IFA_RT_PRIORITY	9
#define IFA_FLAGS	8

#define RTA_DST		1
#define RTA_SRC		2
#define RTA_OIF		4
#define RTA_GATEWAY	5
#define RTA_PRIORITY	6
#define RTA_PREFSRC	7
#define RTA_METRICS	8
#define RTA_MULTIPATH	9
#define RTA_CACHEINFO	12
#define RTA_TABLE	15
#define RTA_VIA		18
#define RTA_PREF	20
#define RTA_UID		25

#define RTN_UNICAST	1
#define RTN_LOCAL	2
#define RT_TABLE_MAIN	254
#define RTNH_F_ONLINK	4u
#define RTM_F_CLONED	0x200u
#define RTCF_LOCAL	0x80000000u

#define NDA_DST		1
#define NDA_LLADDR	2

/* ---- sock_diag(7) ------------------------------------------------------------------------------------------------- */

#define TCPDIAG_GETSOCK	18		/* before sock_diag(7) */
#define DCCPDIAG_GETSOCK	19
#define SOCK_DIAG_BY_FAMILY	20

struct inet_diag_sockid {
	uint16_t sport, dport;		/* network byte order, as the addresses */
	uint32_t src[4], dst[4];
	uint32_t interface;
	uint32_t cookie[2];
};

struct inet_diag_req_v2 {
	uint8_t family, protocol, ext, pad;
	uint32_t states;
	struct inet_diag_sockid id;
};
_Static_assert(sizeof(struct inet_diag_req_v2) == 56, "linux/inet_diag.h");

struct inet_diag_msg {
	uint8_t family, state, timer, retrans;
	struct inet_diag_sockid id;
	uint32_t expires, rqueue, wqueue, uid, inode;
};
_Static_assert(sizeof(struct inet_diag_msg) == 72, "linux/inet_diag.h");

/* An attribute of the request: u32, when the protocol has more than 8 bits. */
#define INET_DIAG_REQ_PROTOCOL	3

/* Attributes; those up to 8 are asked for by bit (number - 1) of ext. */
#define INET_DIAG_MEMINFO	1
#define INET_DIAG_INFO		2
#define INET_DIAG_CONG		4
#define INET_DIAG_SKMEMINFO	7
#define INET_DIAG_SHUTDOWN	8

struct inet_diag_meminfo {
	uint32_t rmem, wmem, fmem, tmem;
};

/* Of inet_diag_msg.timer. */
#define DIAG_TIMER_NONE		0
#define DIAG_TIMER_RETRANSMIT	1
#define DIAG_TIMER_KEEPALIVE	2
#define DIAG_TIMER_STATE	3	/* TIME-WAIT, FIN-WAIT-2 */
#define DIAG_TIMER_PROBE	4

/* Of INET_DIAG_SKMEMINFO, UNIX_DIAG_MEMINFO: sk_meminfo. */
enum { SK_MEMINFO_RMEM_ALLOC, SK_MEMINFO_RCVBUF, SK_MEMINFO_WMEM_ALLOC, SK_MEMINFO_SNDBUF, SK_MEMINFO_FWD_ALLOC, SK_MEMINFO_WMEM_QUEUED, SK_MEMINFO_OPTMEM,
       SK_MEMINFO_BACKLOG, SK_MEMINFO_DROPS, SK_MEMINFO_VARS };

struct unix_diag_req {
	uint8_t family, protocol;
	uint16_t pad;
	uint32_t states, ino, show;
	uint32_t cookie[2];
};
_Static_assert(sizeof(struct unix_diag_req) == 24, "linux/unix_diag.h");

struct unix_diag_msg {
	uint8_t family, type, state, pad;
	uint32_t ino;
	uint32_t cookie[2];
};

#define UDIAG_SHOW_NAME		0x01
#define UDIAG_SHOW_PEER		0x04
#define UDIAG_SHOW_RQLEN	0x10
#define UDIAG_SHOW_MEMINFO	0x20

#define UNIX_DIAG_NAME		0
#define UNIX_DIAG_PEER		2
#define UNIX_DIAG_RQLEN		4
#define UNIX_DIAG_MEMINFO	5
#define UNIX_DIAG_SHUTDOWN	6
