// SPDX-License-Identifier: MIT
/* Settings of the network: /proc/sys/net (fs/sysctl.h; Linux Documentation/networking/ip-sysctl.rst). */
#include "fs/sysctl.h"
#include "net/port.h"
#include "net/socket.h"
#include "net/tcp-priv.h"

uint32_t net_somaxconn = 4096;

static const struct sysctl core_rows[] = {
	SYSCTL_INT("somaxconn", 0644, &net_somaxconn, 0, SYSCTL_NO_MAX),
};
SYSCTL_TABLE(net_core, "net/core", core_rows);

static const struct sysctl ipv4_rows[] = {
	SYSCTL_INTS("ip_local_port_range", 0444, ((uint32_t[]){ EPHEMERAL_FIRST, EPHEMERAL_LAST }), 2, 1, 65535),
	SYSCTL_INT("tcp_ecn", 0644, &tcp_ecn_mode, 0, 2),
	SYSCTL_TEXT("tcp_congestion_control", "cubic"),
};
SYSCTL_TABLE(net_ipv4, "net/ipv4", ipv4_rows);
