// SPDX-License-Identifier: MIT
/*
 * Settings of the network: /proc/sys/net/core, ipv4, ipv6 and unix (fs/sysctl.h; Linux
 * Documentation/networking/ip-sysctl.rst). Those of one interface are in sysctl-conf.c, those of TCP
 * in sysctl-tcp.c.
 *
 * What nothing here would obey is kept and shown again.
 */
#include "net/sysctl.h"

#include "fs/sysctl.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "mmu/heap.h"
#include "net/socket.h"

uint32_t net_somaxconn = 4096;
uint32_t net_rmem_max = 212992, net_wmem_max = 212992;
uint32_t net_rmem_default = 212992, net_wmem_default = 212992;
uint32_t net_port_range[2] = { 32768, 60999 };
uint32_t net_default_ttl = 64;
uint32_t net_ignore_echo, net_ignore_echo6;
uint32_t net_bindv6only;
uint32_t net_first_free_port = 1024;
uint32_t net_ping_groups[2] = { 1, 0 };
uint32_t net_max_memberships = 20;
uint32_t net_unix_max_qlen = 10;
uint32_t net_bind_any, net_bind_any6;

static const struct sysctl core_rows[] = {
	SYSCTL_INT("somaxconn", 0644, &net_somaxconn, 0, SYSCTL_NO_MAX),
	SYSCTL_INT("rmem_max", 0644, &net_rmem_max, 2304, SYSCTL_NO_MAX),
	SYSCTL_INT("wmem_max", 0644, &net_wmem_max, 4608, SYSCTL_NO_MAX),
	SYSCTL_INT("rmem_default", 0644, &net_rmem_default, 2304, SYSCTL_NO_MAX),
	SYSCTL_INT("wmem_default", 0644, &net_wmem_default, 4608, SYSCTL_NO_MAX),
	SYSCTL_KEPT("bpf_jit_enable", 1, 0, 1),
	SYSCTL_INT("bpf_jit_harden", 0600, &(uint32_t){ 0 }, 0, 2),
	SYSCTL_ULONGS("bpf_jit_limit", 0600, &(uint64_t){ 68169519595520ul }, 1, 0, UINT64_MAX),
	SYSCTL_KEPT("busy_poll", 0, 0, SYSCTL_NO_MAX),
	SYSCTL_KEPT("busy_read", 0, 0, SYSCTL_NO_MAX),
	SYSCTL_STRING("default_qdisc", 0644, ((char[16]){ "fq_codel" })),
	SYSCTL_KEPT("dev_weight", 64, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("fb_tunnels_only_for_init_net", 0, 0, 2),
	SYSCTL_KEPT("flow_limit_table_len", 4096, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("gro_normal_batch", 8, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("high_order_alloc_disable", 0, 0, 1),
	SYSCTL_KEPT("max_skb_frags", 17, 1, 17),
	SYSCTL_KEPT("mem_pcpu_rsv", 256, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("netdev_budget", 300, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("netdev_budget_usecs", 8000, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("netdev_max_backlog", 1000, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("netdev_tstamp_prequeue", 1, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("netdev_unregister_timeout_secs", 10, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("optmem_max", 20480, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("skb_defer_max", 64, 0, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tstamp_allow_data", 1, 0, 1),
	SYSCTL_KEPT("txrehash", 1, 0, 1),
};
SYSCTL_TABLE(net_core, "net/core", core_rows);

static int set_port_range(const struct sysctl *s, struct pseudo_args *a, const int64_t *v)
{
	(void)s, (void)a;
	if (v[0] > v[1] || v[0] < atomic_load(&net_first_free_port, RELAXED))
		return -EINVAL;
	/* Two stores: who chooses a port between them takes a range that is smaller or empty. */
	atomic_store(&net_port_range[0], (uint32_t)v[0], RELAXED);
	atomic_store(&net_port_range[1], (uint32_t)v[1], RELAXED);
	return 0;
}

static int set_first_free_port(const struct sysctl *s, struct pseudo_args *a, const int64_t *v)
{
	(void)s, (void)a;
	if (v[0] > atomic_load(&net_port_range[0], RELAXED))
		return -EINVAL;
	atomic_store(&net_first_free_port, (uint32_t)v[0], RELAXED);
	return 0;
}

static int set_ping_groups(const struct sysctl *s, struct pseudo_args *a, const int64_t *v)
{
	bool is_empty = v[1] < v[0];

	(void)s, (void)a;
	atomic_store(&net_ping_groups[1], is_empty ? 0 : (uint32_t)v[1], RELAXED);
	atomic_store(&net_ping_groups[0], is_empty ? 1 : (uint32_t)v[0], RELAXED);
	return 0;
}

/* ---- ports that are not chosen ------------------------------------------------------------------------ */

#define NR_PORTS	65536u
#define RESERVED_TEXT	2048u

static uint64_t reserved[NR_PORTS / 64];	/* [a] */
uint32_t net_nr_reserved;			/* [a] */

bool net_port_is_reserved_slow(uint32_t port)
{
	return atomic_load(&reserved[port / 64], RELAXED) >> (port % 64) & 1;
}

/* A list of numbers and ranges: "8080,9000-9010". */
static void get_reserved(const struct sysctl *s, char *buf, size_t size)
{
	size_t n = 0;

	(void)s;
	buf[0] = 0;
	for (uint32_t port = 0, last; port < NR_PORTS; port = last + 1) {
		last = port;
		if (!net_port_is_reserved_slow(port))
			continue;
		while (last + 1 < NR_PORTS && net_port_is_reserved_slow(last + 1))
			last++;
		n += (size_t)snprintf(buf + n, size - n, last > port ? "%s%u-%u" : "%s%u", n ? "," : "", port, last);
		if (n >= size)
			return;
	}
}

/* A number at *p, which moves behind it. -EINVAL. */
static int parse_port(const char **p, uint32_t *out)
{
	const char *start = *p;

	for (*out = 0; **p >= '0' && **p <= '9'; (*p)++) {
		*out = *out * 10 + (uint32_t)(**p - '0');
		if (*out >= NR_PORTS)
			return -EINVAL;
	}
	return *p == start ? -EINVAL : 0;
}

static int set_reserved(const struct sysctl *s, const char *p)
{
	uint64_t *map = kzalloc(sizeof(reserved));
	uint32_t from, to, nr = 0;
	int r = map ? 0 : -ENOMEM;

	(void)s;
	while (!r && *p) {
		r = parse_port(&p, &from);
		to = from;
		if (!r && *p == '-') {
			p++;
			r = parse_port(&p, &to);
		}
		if (!r && (to < from || (*p && *p != ',')))
			r = -EINVAL;
		for (uint32_t i = from; !r && i <= to; i++) {
			map[i / 64] |= 1ull << (i % 64);
			nr++;
		}
		p += *p == ',';
	}
	for (unsigned i = 0; !r && i < ARRAY_SIZE(reserved); i++)
		atomic_store(&reserved[i], map[i], RELAXED);
	if (!r)
		atomic_store(&net_nr_reserved, nr, RELAXED);
	kfree(map);
	return r;
}

static const struct sysctl ipv4_rows[] = {
	SYSCTL_UINT("ip_default_ttl", 0644, &net_default_ttl, 1, 255),
	{ .name = "ip_local_port_range", .mode = 0644, .nr = 2, .data = net_port_range, .min = 1, .max = 65535, .set = set_port_range },
	SYSCTL_UINT("icmp_echo_ignore_all", 0644, &net_ignore_echo, 0, 1),
	{ .name = "ip_unprivileged_port_start", .mode = 0644, .nr = 1, .data = &net_first_free_port, .min = 0, .max = 65535, .set = set_first_free_port },
	{ .name = "ping_group_range", .mode = 0644, .type = SYSCTL_TYPE_UINT, .nr = 2, .data = net_ping_groups, .max = UINT32_MAX - 1, .set = set_ping_groups },
	{ .name = "ip_local_reserved_ports", .mode = 0644, .type = SYSCTL_TYPE_STRING, .nr = RESERVED_TEXT, .get_text = get_reserved, .set_text = set_reserved },
	SYSCTL_INT("igmp_max_memberships", 0644, &net_max_memberships, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_INT("ip_nonlocal_bind", 0644, &net_bind_any, 0, 255),
	SYSCTL_ULONGS("udp_mem", 0644, ((uint64_t[]){ 46602, 62139, 93204 }), 3, 0, UINT64_MAX),
	SYSCTL_KEPT("fwmark_reflect", 0, 0, 255),
	SYSCTL_KEPT("icmp_echo_enable_probe", 0, 0, 1),
	SYSCTL_KEPT("icmp_echo_ignore_broadcasts", 1, 0, 1),
	SYSCTL_KEPT("icmp_errors_use_inbound_ifaddr", 0, 0, 1),
	SYSCTL_KEPT("icmp_ignore_bogus_error_responses", 1, 0, 1),
	SYSCTL_KEPT("icmp_msgs_burst", 50, 0, SYSCTL_NO_MAX),
	SYSCTL_KEPT("icmp_msgs_per_sec", 1000, 0, SYSCTL_NO_MAX),
	SYSCTL_KEPT("icmp_ratelimit", 1000, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("icmp_ratemask", 6168, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("igmp_link_local_mcast_reports", 1, 0, 255),
	SYSCTL_KEPT("igmp_max_msf", 10, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("igmp_qrv", 2, 1, SYSCTL_NO_MAX),
	SYSCTL_KEPT("inet_peer_maxttl", 600, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("inet_peer_minttl", 120, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("inet_peer_threshold", 65664, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("ip_autobind_reuse", 0, 0, 1),
	SYSCTL_KEPT("ip_dynaddr", 0, 0, 255),
	SYSCTL_KEPT("ip_early_demux", 1, 0, 255),
	SYSCTL_KEPT("ip_forward", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("ip_forward_update_priority", 1, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("ip_forward_use_pmtu", 0, 0, 255),
	SYSCTL_KEPT("ip_no_pmtu_disc", 0, 0, 3),
	SYSCTL_KEPT("ipfrag_high_thresh", 4194304, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("ipfrag_low_thresh", 3145728, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("ipfrag_max_dist", 64, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("ipfrag_secret_interval", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("ipfrag_time", 30, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("route/error_burst", 1250, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("route/error_cost", 250, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_INT("route/flush", 0200, &(uint32_t){ 0 }, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("route/gc_elasticity", 8, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("route/gc_interval", 60, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("route/gc_min_interval", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("route/gc_min_interval_ms", 500, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("route/gc_thresh", -1, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("route/gc_timeout", 300, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("route/max_size", 2147483647, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("route/min_adv_mss", 256, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("route/min_pmtu", 552, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("route/mtu_expires", 600, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("route/redirect_load", 5, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("route/redirect_number", 9, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("route/redirect_silence", 5120, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("udp_early_demux", 1, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("udp_rmem_min", 4096, 1, SYSCTL_NO_MAX),
	SYSCTL_KEPT("udp_wmem_min", 4096, 1, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/anycast_delay", 100, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/app_solicit", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/base_reachable_time", 30, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/base_reachable_time_ms", 30000, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/delay_first_probe_time", 5, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/gc_interval", 30, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/gc_stale_time", 60, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/gc_thresh1", 128, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/gc_thresh2", 512, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/gc_thresh3", 1024, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/interval_probe_time_ms", 5000, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/locktime", 100, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/mcast_resolicit", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/mcast_solicit", 3, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/proxy_delay", 80, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/proxy_qlen", 64, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/retrans_time", 100, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/retrans_time_ms", 1000, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/ucast_solicit", 3, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/unres_qlen", 101, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/unres_qlen_bytes", 212992, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
};
SYSCTL_TABLE(net_ipv4, "net/ipv4", ipv4_rows);

static const struct sysctl ipv6_rows[] = {
	SYSCTL_UINT("bindv6only", 0644, &net_bindv6only, 0, 255),
	SYSCTL_UINT("icmp/echo_ignore_all", 0644, &net_ignore_echo6, 0, 1),
	SYSCTL_KEPT("anycast_src_echo_reply", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("auto_flowlabels", 1, 0, 3),
	SYSCTL_KEPT("flowlabel_consistency", 1, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("flowlabel_reflect", 0, 0, 7),
	SYSCTL_KEPT("fwmark_reflect", 0, 0, 255),
	SYSCTL_KEPT("icmp/echo_ignore_anycast", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("icmp/echo_ignore_multicast", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("icmp/ratelimit", 1000, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("idgen_delay", 1, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("idgen_retries", 3, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("ip6frag_high_thresh", 4194304, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("ip6frag_low_thresh", 3145728, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("ip6frag_secret_interval", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("ip6frag_time", 60, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_INT("ip_nonlocal_bind", 0644, &net_bind_any6, 0, 255),
	SYSCTL_KEPT("max_dst_opts_length", 2147483647, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("max_dst_opts_number", 8, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("max_hbh_length", 2147483647, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("max_hbh_opts_number", 8, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("mld_max_msf", 64, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("mld_qrv", 2, 1, SYSCTL_NO_MAX),
	SYSCTL_INT("route/flush", 0200, &(uint32_t){ 0 }, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("route/gc_elasticity", 9, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("route/gc_interval", 30, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("route/gc_min_interval", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("route/gc_min_interval_ms", 500, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("route/gc_thresh", 1024, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("route/gc_timeout", 60, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("route/max_size", 2147483647, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("route/min_adv_mss", 1220, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("route/mtu_expires", 600, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("route/skip_notify_on_dev_down", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/anycast_delay", 100, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/app_solicit", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/base_reachable_time", 30, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/base_reachable_time_ms", 30000, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/delay_first_probe_time", 5, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/gc_interval", 30, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/gc_stale_time", 60, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/gc_thresh1", 128, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/gc_thresh2", 512, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/gc_thresh3", 1024, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/interval_probe_time_ms", 5000, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/locktime", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/mcast_resolicit", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/mcast_solicit", 3, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/proxy_delay", 80, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/proxy_qlen", 64, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/retrans_time", 250, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/retrans_time_ms", 1000, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/ucast_solicit", 3, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/unres_qlen", 101, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("neigh/default/unres_qlen_bytes", 212992, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
};
SYSCTL_TABLE(net_ipv6, "net/ipv6", ipv6_rows);

static const struct sysctl unix_rows[] = {
	SYSCTL_INT("max_dgram_qlen", 0644, &net_unix_max_qlen, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
};
SYSCTL_TABLE(net_unix, "net/unix", unix_rows);
