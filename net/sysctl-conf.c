// SPDX-License-Identifier: MIT
/*
 * Settings of interfaces: /proc/sys/net/ipv4/conf/NAME and ipv6/conf/NAME, NAME being "all", "default" or an interface.
 * They are kept and shown again. Nothing obeys them: there is no forwarding, and what is accepted does not depend on the
 * interface.
 */
#include "fs/sysctl.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "net/netdev-priv.h"

/* Ids of the directories: 0 is "all", 1 is "default", then 1 + the number of the interface. Devices beyond share a place. */
#define NR_IDS	10u

#define CONF(name_, mode_, all_, default_, lo_) \
	{ .name = name_, .mode = mode_, .nr = 1, .min = INT32_MIN, .max = INT32_MAX, .get = get_conf, .set = set_conf, \
	  .data = (uint32_t[NR_IDS]){ (uint32_t)(all_), (uint32_t)(default_), (uint32_t)(lo_), [3 ... NR_IDS - 1] = (uint32_t)(default_) } }

static uint32_t *place(const struct sysctl *s, const struct pseudo_args *a)
{
	return (uint32_t *)s->data + MIN((unsigned long)a->id[0], NR_IDS - 1ul);
}

static int get_conf(const struct sysctl *s, struct pseudo_args *a, int64_t *v)
{
	v[0] = (int32_t)atomic_load(place(s, a), RELAXED);
	return 0;
}

static int set_conf(const struct sysctl *s, struct pseudo_args *a, const int64_t *v)
{
	atomic_store(place(s, a), (uint32_t)v[0], RELAXED);
	return 0;
}

static long next_id(long n, struct pseudo_args *a)
{
	(void)a;
	loopback_init();
	if (n < 2)
		return n;
	for (struct netdev *d = netdev_first(); d; d = d->next)
		if ((long)d->index + 1 >= n)
			return (long)d->index + 1;
	return -1;
}

static void name_id(long id, char *buf, size_t size)
{
	struct netdev *d = id < 2 ? NULL : netdev_by_index((uint32_t)id - 1);

	strlcpy(buf, id == 0 ? "all" : d ? d->name : "default", size);
}
PSEUDO_DIR_NAMED(conf4, "/proc/sys/net/ipv4/conf/%", next_id, name_id);
PSEUDO_DIR_NAMED(conf6, "/proc/sys/net/ipv6/conf/%", next_id, name_id);

static const struct sysctl ipv4_rows[] = {
	CONF("accept_local", 0644, 0, 0, 0),
	CONF("accept_redirects", 0644, 1, 1, 1),
	CONF("accept_source_route", 0644, 0, 1, 1),
	CONF("arp_accept", 0644, 0, 0, 0),
	CONF("arp_announce", 0644, 0, 0, 0),
	CONF("arp_evict_nocarrier", 0644, 1, 1, 1),
	CONF("arp_filter", 0644, 0, 0, 0),
	CONF("arp_ignore", 0644, 0, 0, 0),
	CONF("arp_notify", 0644, 0, 0, 0),
	CONF("bc_forwarding", 0644, 0, 0, 0),
	CONF("bootp_relay", 0644, 0, 0, 0),
	CONF("disable_policy", 0644, 0, 0, 1),
	CONF("disable_xfrm", 0644, 0, 0, 1),
	CONF("drop_gratuitous_arp", 0644, 0, 0, 0),
	CONF("drop_unicast_in_l2_multicast", 0644, 0, 0, 0),
	CONF("force_igmp_version", 0644, 0, 0, 0),
	CONF("forwarding", 0644, 0, 0, 0),
	CONF("igmpv2_unsolicited_report_interval", 0644, 10000, 10000, 10000),
	CONF("igmpv3_unsolicited_report_interval", 0644, 1000, 1000, 1000),
	CONF("ignore_routes_with_linkdown", 0644, 0, 0, 0),
	CONF("log_martians", 0644, 0, 0, 0),
	CONF("mc_forwarding", 0444, 0, 0, 0),
	CONF("medium_id", 0644, 0, 0, 0),
	CONF("promote_secondaries", 0644, 0, 0, 0),
	CONF("proxy_arp", 0644, 0, 0, 0),
	CONF("proxy_arp_pvlan", 0644, 0, 0, 0),
	CONF("route_localnet", 0644, 0, 0, 0),
	CONF("rp_filter", 0644, 0, 0, 0),
	CONF("secure_redirects", 0644, 1, 1, 1),
	CONF("send_redirects", 0644, 1, 1, 1),
	CONF("shared_media", 0644, 1, 1, 1),
	CONF("src_valid_mark", 0644, 0, 0, 0),
	CONF("tag", 0644, 0, 0, 0),
};
SYSCTL_TABLE(conf4, "net/ipv4/conf/%", ipv4_rows);

static const struct sysctl ipv6_rows[] = {
	CONF("accept_dad", 0644, 0, 1, -1),
	CONF("accept_ra", 0644, 1, 1, 1),
	CONF("accept_ra_defrtr", 0644, 1, 1, 1),
	CONF("accept_ra_from_local", 0644, 0, 0, 0),
	CONF("accept_ra_min_hop_limit", 0644, 1, 1, 1),
	CONF("accept_ra_min_lft", 0644, 0, 0, 0),
	CONF("accept_ra_mtu", 0644, 1, 1, 1),
	CONF("accept_ra_pinfo", 0644, 1, 1, 1),
	CONF("accept_ra_rt_info_max_plen", 0644, 0, 0, 0),
	CONF("accept_ra_rt_info_min_plen", 0644, 0, 0, 0),
	CONF("accept_ra_rtr_pref", 0644, 1, 1, 1),
	CONF("accept_redirects", 0644, 1, 1, 1),
	CONF("accept_source_route", 0644, 0, 0, 0),
	CONF("accept_untracked_na", 0644, 0, 0, 0),
	CONF("addr_gen_mode", 0644, 0, 0, 0),
	CONF("autoconf", 0644, 1, 1, 1),
	CONF("dad_transmits", 0644, 1, 1, 1),
	CONF("disable_ipv6", 0644, 0, 0, 0),
	CONF("disable_policy", 0644, 0, 0, 0),
	CONF("drop_unicast_in_l2_multicast", 0644, 0, 0, 0),
	CONF("drop_unsolicited_na", 0644, 0, 0, 0),
	CONF("enhanced_dad", 0644, 1, 1, 1),
	CONF("force_mld_version", 0644, 0, 0, 0),
	CONF("force_tllao", 0644, 0, 0, 0),
	CONF("forwarding", 0644, 0, 0, 0),
	CONF("hop_limit", 0644, 64, 64, 64),
	CONF("ignore_routes_with_linkdown", 0644, 0, 0, 0),
	CONF("keep_addr_on_down", 0644, 0, 0, 0),
	CONF("max_addresses", 0644, 16, 16, 16),
	CONF("max_desync_factor", 0644, 600, 600, 600),
	CONF("mc_forwarding", 0444, 0, 0, 0),
	CONF("mldv1_unsolicited_report_interval", 0644, 10000, 10000, 10000),
	CONF("mldv2_unsolicited_report_interval", 0644, 1000, 1000, 1000),
	CONF("mtu", 0644, 1280, 1280, 65536),
	CONF("ndisc_evict_nocarrier", 0644, 1, 1, 1),
	CONF("ndisc_notify", 0644, 0, 0, 0),
	CONF("ndisc_tclass", 0644, 0, 0, 0),
	CONF("optimistic_dad", 0644, 0, 0, 0),
	CONF("proxy_ndp", 0644, 0, 0, 0),
	CONF("ra_defrtr_metric", 0644, 1024, 1024, 1024),
	CONF("regen_max_retry", 0644, 3, 3, 3),
	CONF("router_probe_interval", 0644, 60, 60, 60),
	CONF("router_solicitation_delay", 0644, 1, 1, 1),
	CONF("router_solicitation_interval", 0644, 4, 4, 4),
	CONF("router_solicitation_max_interval", 0644, 3600, 3600, 3600),
	CONF("router_solicitations", 0644, -1, -1, -1),
	CONF("suppress_frag_ndisc", 0644, 1, 1, 1),
	CONF("temp_prefered_lft", 0644, 86400, 86400, 86400),
	CONF("temp_valid_lft", 0644, 604800, 604800, 604800),
	CONF("use_oif_addrs_only", 0644, 0, 0, 0),
	CONF("use_optimistic", 0644, 0, 0, 0),
	CONF("use_tempaddr", 0644, 0, 0, -1),
};
SYSCTL_TABLE(conf6, "net/ipv6/conf/%", ipv6_rows);
