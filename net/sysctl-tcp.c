// SPDX-License-Identifier: MIT
/* Settings of TCP: /proc/sys/net/ipv4/tcp_* (Linux Documentation/networking/ip-sysctl.rst), first those that are obeyed; of the others what is written is kept and shown again. */
#include "fs/sysctl.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "net/tcp-priv.h"

struct tcp_settings tcp_settings = {
	.timestamps = 1, .sack = 1, .window_scaling = 1, .dsack = 1,
	.syn_retries = 6, .synack_retries = 5, .retries2 = 15,
	.fin_timeout_s = 60, .keep_idle_s = 7200, .keep_interval_s = 75, .keep_probes = 9,
	.notsent_lowat = UINT32_MAX, .fastopen = 1, .slow_start_after_idle = 1, .frto = 2, .pacing_ss_ratio = 200, .pacing_ca_ratio = 120,
	.max_syn_backlog = 128, .syncookies = 1,
	.rmem = { 4096, 131072, 6291456 }, .wmem = { 4096, 16384, 4194304 },
};
static const struct tcp_cong *default_cong = &tcp_cubic;	/* [a] */

const struct tcp_cong *tcp_cong_default(void)
{
	return atomic_load(&default_cong, RELAXED);
}

static void get_congestion(const struct sysctl *s, char *buf, size_t size)
{
	(void)s;
	strlcpy(buf, tcp_cong_default()->name, size);
}

static int set_congestion(const struct sysctl *s, const char *name)
{
	const struct tcp_cong *c = tcp_cong_find(name);

	(void)s;
	if (!c)
		return -ENOENT;
	atomic_store(&default_cong, c, RELAXED);
	return 0;
}

static void get_key(const struct sysctl *s, char *buf, size_t size)
{
	(void)s;
	tcp_fastopen_show_key(buf, size);
}

static int set_key(const struct sysctl *s, const char *text)
{
	(void)s;
	return tcp_fastopen_parse_key(text);
}

static const struct sysctl tcp_rows[] = {
	SYSCTL_INT("tcp_timestamps", 0644, &tcp_settings.timestamps, 0, 255),
	SYSCTL_INT("tcp_sack", 0644, &tcp_settings.sack, 0, 255),
	SYSCTL_INT("tcp_window_scaling", 0644, &tcp_settings.window_scaling, 0, 255),
	SYSCTL_INT("tcp_dsack", 0644, &tcp_settings.dsack, 0, 255),
	SYSCTL_INT("tcp_syn_retries", 0644, &tcp_settings.syn_retries, 1, 127),
	SYSCTL_INT("tcp_synack_retries", 0644, &tcp_settings.synack_retries, 0, 255),
	SYSCTL_INT("tcp_retries2", 0644, &tcp_settings.retries2, 0, 255),
	SYSCTL_INT("tcp_orphan_retries", 0644, &tcp_settings.orphan_retries, 0, 255),
	SYSCTL_INT("tcp_fin_timeout", 0644, &tcp_settings.fin_timeout_s, 0, SYSCTL_NO_MAX),
	SYSCTL_INT("tcp_keepalive_time", 0644, &tcp_settings.keep_idle_s, 0, SYSCTL_NO_MAX),
	SYSCTL_INT("tcp_keepalive_intvl", 0644, &tcp_settings.keep_interval_s, 0, SYSCTL_NO_MAX),
	SYSCTL_INT("tcp_keepalive_probes", 0644, &tcp_settings.keep_probes, 0, 255),
	SYSCTL_UINT("tcp_notsent_lowat", 0644, &tcp_settings.notsent_lowat, 0, UINT32_MAX),
	SYSCTL_INT("tcp_fastopen", 0644, &tcp_settings.fastopen, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_INT("tcp_max_syn_backlog", 0644, &tcp_settings.max_syn_backlog, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_INT("tcp_syncookies", 0644, &tcp_settings.syncookies, 0, 255),
	SYSCTL_INT("tcp_abort_on_overflow", 0644, &tcp_settings.abort_on_overflow, 0, 255),
	SYSCTL_INT("tcp_slow_start_after_idle", 0644, &tcp_settings.slow_start_after_idle, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_INT("tcp_pacing_ss_ratio", 0644, &tcp_settings.pacing_ss_ratio, 0, 1000),
	SYSCTL_INT("tcp_pacing_ca_ratio", 0644, &tcp_settings.pacing_ca_ratio, 0, 1000),
	SYSCTL_INT("tcp_frto", 0644, &tcp_settings.frto, 0, 255),
	{ .name = "tcp_fastopen_key", .mode = 0600, .type = SYSCTL_TYPE_STRING, .nr = 80, .get_text = get_key, .set_text = set_key },
	SYSCTL_INTS("tcp_rmem", 0644, tcp_settings.rmem, 3, 1, SYSCTL_NO_MAX),
	SYSCTL_INTS("tcp_wmem", 0644, tcp_settings.wmem, 3, 1, SYSCTL_NO_MAX),
	{ .name = "tcp_congestion_control", .mode = 0644, .type = SYSCTL_TYPE_STRING, .nr = 16, .get_text = get_congestion, .set_text = set_congestion },
	SYSCTL_TEXT("tcp_available_congestion_control", "reno cubic"),
	SYSCTL_UINT("tcp_ecn", 0644, &tcp_ecn_mode, 0, 2),
	SYSCTL_KEPT("tcp_adv_win_scale", 1, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_STRING("tcp_allowed_congestion_control", 0644, ((char[16]){ "reno cubic" })),
	SYSCTL_KEPT("tcp_app_win", 31, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_autocorking", 1, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_TEXT("tcp_available_ulp", "mptcp"),
	SYSCTL_KEPT("tcp_base_mss", 1024, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_challenge_ack_limit", 2147483647, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_child_ehash_entries", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_comp_sack_delay_ns", 1000000, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_comp_sack_nr", 44, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_comp_sack_slack_ns", 100000, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_early_demux", 1, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_early_retrans", 3, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_ecn_fallback", 1, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_TEXT("tcp_ehash_entries", "16384"),
	SYSCTL_KEPT("tcp_fack", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_fastopen_blackhole_timeout_sec", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_fwmark_accept", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_invalid_ratelimit", 500, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_limit_output_bytes", 1048576, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_low_latency", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_max_orphans", 8192, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_max_reordering", 300, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_max_tw_buckets", 8192, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_ULONGS("tcp_mem", 0644, ((uint64_t[]){ 23301, 31069, 46602 }), 3, 0, UINT64_MAX),
	SYSCTL_KEPT("tcp_migrate_req", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_min_rtt_wlen", 300, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_min_snd_mss", 48, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_min_tso_segs", 2, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_moderate_rcvbuf", 1, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_mtu_probe_floor", 48, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_mtu_probing", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_no_metrics_save", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_no_ssthresh_metrics_save", 1, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_probe_interval", 600, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_probe_threshold", 8, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_recovery", 1, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_reflect_tos", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_reordering", 3, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_retrans_collapse", 1, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_retries1", 3, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_rfc1337", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_shrink_window", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_stdurg", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_thin_linear_timeouts", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_tso_rtt_log", 9, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_tso_win_divisor", 3, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_tw_reuse", 2, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("tcp_workaround_signed_windows", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
};
SYSCTL_TABLE(net_tcp, "net/ipv4", tcp_rows);
