// SPDX-License-Identifier: MIT
/*
 * Sockets: addresses, options, messages.
 */
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "linux/strace-priv.h"
#include "mmu/user.h"

#define AF_UNIX		1
#define AF_INET		2
#define AF_INET6	10
#define AF_NETLINK	16
#define AF_PACKET	17
#define SOL_SOCKET	1
#define SOL_NETLINK	270
#define SOL_PACKET	263
#define SOCKADDR_MAX	128

STRACE_CHOICE(family, &strace_families);
STRACE_CHOICE(option_level, &strace_levels);
STRACE_CHOICE(shutdown_how, &strace_shutdowns);
STRACE_FLAGS(message_flags, &strace_message_names);
STRACE_FLAGS(socket_flags, &strace_socket_flags);

static void put_socket_type(struct strace_line *l, unsigned i)
{
	uint32_t v = (uint32_t)l->args[i];

	strace_put_choice(l, &strace_socket_types, v & 0xf);
	if (v & ~0xfu) {
		strace_put(l, "|");
		strace_put_flags(l, &strace_socket_flags, v & ~0xfu);
	}
}
STRACE_IN(socket_type);

static void put_protocol(struct strace_line *l, unsigned i)
{
	uint32_t v = (uint32_t)l->args[i], family = (uint32_t)l->args[0];

	if (family == AF_INET || family == AF_INET6)
		strace_put_choice(l, &strace_protocols, v);
	else if (family == AF_NETLINK)
		strace_put_choice(l, &strace_netlink_protocols, v);
	else
		strace_put(l, "%u", v);
}
STRACE_IN(protocol);

/* ---- addresses ------------------------------------------------------------------------------------------------------------------- */

static unsigned be16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)be16(p) << 16 | be16(p + 2);
}

static uint32_t host32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static void put_inet4(struct strace_line *l, const uint8_t *a)
{
	strace_put(l, "%u.%u.%u.%u", a[0], a[1], a[2], a[3]);
}

/* RFC 5952 4: the longest run of at least two zero words is "::"; addresses that hold an IPv4 one end in it, as inet_ntop(3) has them. */
static void put_inet6(struct strace_line *l, const uint8_t *a)
{
	unsigned best = 8, best_len = 1, n = 8;

	for (unsigned i = 0; i < 8; i++) {
		unsigned len = 0;

		while (i + len < 8 && !be16(a + 2 * (i + len)))
			len++;
		if (len > best_len) {
			best = i;
			best_len = len;
		}
	}
	if (best == 0 && (best_len == 6 || (best_len == 5 && be16(a + 10) == 0xffff)))
		n = 6;
	for (unsigned i = 0; i < n; i++) {
		if (i == best) {
			strace_put(l, i + best_len >= 8 ? "::" : ":");
			i += best_len - 1;
			continue;
		}
		strace_put(l, i ? ":%x" : "%x", be16(a + 2 * i));
	}
	if (n == 6) {
		strace_put(l, ":");
		put_inet4(l, a + 12);
	}
}

static void put_unix(struct strace_line *l, const uint8_t *a, uint32_t len)
{
	const char *path = (const char *)a + 2;
	size_t n = len - 2;

	if (!n)
		return;
	strace_put(l, ", sun_path=");
	if (!path[0]) {
		strace_put(l, "@");
		strace_put_quoted(l, path + 1, n - 1);
	} else {
		strace_put(l, "\"");
		for (size_t i = 0; i < n && path[i]; i++)
			strace_put(l, path[i] >= ' ' && path[i] < 127 ? "%c" : "\\%o", (unsigned char)path[i]);
		strace_put(l, "\"");
	}
}

/* linux/if_packet.h */
static void put_packet(struct strace_line *l, const uint8_t *a)
{
	static const struct strace_name ethernet[] = {
		{ 0x3, "ETH_P_ALL" }, { 0x800, "ETH_P_IP" }, { 0x806, "ETH_P_ARP" }, { 0x8100, "ETH_P_8021Q" }, { 0x86dd, "ETH_P_IPV6" }, { 0, NULL },
	};
	static const struct strace_names protocols = { "ETH_P_???", ethernet };
	static const struct strace_name type_list[] = {
		{ 0, "PACKET_HOST" }, { 1, "PACKET_BROADCAST" }, { 2, "PACKET_MULTICAST" }, { 3, "PACKET_OTHERHOST" }, { 4, "PACKET_OUTGOING" }, { 0, NULL },
	};
	static const struct strace_names types = { "PACKET_???", type_list };
	uint16_t hatype;

	memcpy(&hatype, a + 8, sizeof(hatype));
	strace_put(l, ", sll_protocol=htons(");
	strace_put_choice(l, &protocols, be16(a + 2));
	strace_put(l, "), sll_ifindex=%u, sll_hatype=", host32(a + 4));
	strace_put_choice(l, &strace_hardware_types, hatype);
	strace_put(l, ", sll_pkttype=");
	strace_put_choice(l, &types, a[10]);
	strace_put(l, ", sll_halen=%u", a[11]);
	if (a[11]) {
		strace_put(l, ", sll_addr=[");
		for (unsigned i = 0; i < MIN(a[11], 8u); i++)
			strace_put(l, a[12 + i] ? "%s%#x" : "%s%u", i ? ", " : "", a[12 + i]);
		strace_put(l, "]");
	}
}

static void put_address_fields(struct strace_line *l, const uint8_t *a, uint32_t len)
{
	uint16_t family;

	memcpy(&family, a, sizeof(family));
	if (family == AF_UNIX) {
		put_unix(l, a, len);
	} else if (family == AF_INET && len >= 16) {
		strace_put(l, ", sin_port=htons(%u), sin_addr=inet_addr(\"", be16(a + 2));
		put_inet4(l, a + 4);
		strace_put(l, "\")");
	} else if (family == AF_INET6 && len >= 24) {
		strace_put(l, ", sin6_port=htons(%u), sin6_flowinfo=htonl(%u), inet_pton(AF_INET6, \"", be16(a + 2), be32(a + 4));
		put_inet6(l, a + 8);
		strace_put(l, "\", &sin6_addr)");
		if (len >= 28)
			strace_put(l, ", sin6_scope_id=%u", host32(a + 24));
	} else if (family == AF_NETLINK && len >= 12) {
		strace_put(l, ", nl_pid=%d, nl_groups=%08x", (int)host32(a + 4), host32(a + 8));
	} else if (family == AF_PACKET && len >= 20) {
		put_packet(l, a);
	} else if (len > 2) {
		strace_put(l, ", sa_data=");
		strace_put_quoted(l, a + 2, len - 2);
	}
}

void strace_put_sockaddr(struct strace_line *l, uint64_t address, uint32_t len)
{
	uint8_t a[SOCKADDR_MAX] = { 0 };
	uint16_t family;

	len = MIN(len, (uint32_t)SOCKADDR_MAX);
	if (len < 2) {
		strace_put_address(l, address);
		return;
	}
	if (!strace_fetch(l, a, address, len))
		return;
	memcpy(&family, a, sizeof(family));
	strace_put(l, "{sa_family=");
	strace_put_choice(l, &strace_families, family);
	put_address_fields(l, a, len);
	strace_put(l, "}");
}

/* The length is the next argument. */
static void put_sockaddr_in(struct strace_line *l, unsigned i)
{
	strace_put_sockaddr(l, (uint64_t)l->args[i], (uint32_t)l->args[i + 1]);
}
STRACE_IN(sockaddr_in);

static void look_at_socklen(struct strace_line *l, unsigned i)
{
	uint32_t len;

	l->has_before = l->args[i] && !copy_from_user(&len, (const void *)l->args[i], sizeof(len));
	l->before = len = l->has_before ? len : 0;
}

/* The address of the length is the next argument. */
static void put_sockaddr_out(struct strace_line *l, unsigned i)
{
	uint32_t len;

	if (strace_has_failed(l) || !l->has_before || copy_from_user(&len, (const void *)l->args[i + 1], sizeof(len)))
		strace_put_address(l, (uint64_t)l->args[i]);
	else
		strace_put_sockaddr(l, (uint64_t)l->args[i], MIN(len, (uint32_t)l->before));
}
STRACE_OUT(sockaddr_out);

static void put_socklen_out(struct strace_line *l, unsigned i)
{
	uint32_t len;

	if (!l->has_before) {
		strace_put_address(l, (uint64_t)l->args[i]);
		return;
	}
	strace_put(l, "[%d", (int)l->before);
	if (!strace_has_failed(l) && !copy_from_user(&len, (const void *)l->args[i], sizeof(len)) && len != (uint32_t)l->before)
		strace_put(l, " => %d", (int)len);
	strace_put(l, "]");
}
STRACE_OUT_WITH(socklen_out, look_at_socklen);

/* ---- options ---------------------------------------------------------------------------------------------------------------------- */

static const struct strace_names *names_of_level(uint32_t level)
{
	static const uint16_t levels[] = { SOL_SOCKET, 0, 41, 6, 17, SOL_NETLINK, SOL_PACKET };

	for (unsigned i = 0; i < ARRAY_SIZE(levels); i++)
		if (levels[i] == level)
			return &strace_option_names[i];
	return NULL;
}

static void put_option_name(struct strace_line *l, unsigned i)
{
	const struct strace_names *names = names_of_level((uint32_t)l->args[1]);

	if (names)
		strace_put_choice(l, names, (uint32_t)l->args[i]);
	else
		strace_put(l, "%u", (unsigned)l->args[i]);
}
STRACE_IN(option_name);

/* One that is not only a number. is_set: by setsockopt. */
static bool put_special_option(struct strace_line *l, uint64_t at, int len, bool is_set)
{
	uint32_t v[3] = { 0 }, level = (uint32_t)l->args[1], name = (uint32_t)l->args[2];

	if (level == SOL_SOCKET && name == 13 && (len >= 8 || is_set)) {
		if (len < 8)
			strace_put_address(l, at);
		else if (strace_fetch(l, v, at, 8))
			strace_put(l, "{l_onoff=%d, l_linger=%d}", (int)v[0], (int)v[1]);
		return true;
	}
	if (level == SOL_SOCKET && name == 17 && !is_set && len >= 12) {
		if (strace_fetch(l, v, at, 12))
			strace_put(l, "{pid=%d, uid=%d, gid=%d}", (int)v[0], (int)v[1], (int)v[2]);
		return true;
	}
	if (level == SOL_SOCKET && name == 4 && !is_set && len == 4) {
		if (strace_fetch(l, v, at, 4)) {
			strace_put(l, "[");
			strace_put_error_name(l, (int)v[0]);
			strace_put(l, "]");
		}
		return true;
	}
	if (level == 0 && is_set && (name == 35 || name == 36)) {
		uint8_t mreq[8];

		if (len < 8) {
			strace_put_address(l, at);
		} else if (strace_fetch(l, mreq, at, sizeof(mreq))) {
			strace_put(l, "{imr_multiaddr=inet_addr(\"");
			put_inet4(l, mreq);
			strace_put(l, "\"), imr_interface=inet_addr(\"");
			put_inet4(l, mreq + 4);
			strace_put(l, "\")}");
		}
		return true;
	}
	return false;
}

static void put_number_or_bytes(struct strace_line *l, uint64_t at, int len)
{
	int32_t v;

	if (len == (int)sizeof(v)) {
		if (strace_fetch(l, &v, at, sizeof(v)))
			strace_put(l, "[%d]", v);
	} else {
		strace_put_bytes(l, at, (uint32_t)len);
	}
}

static void put_option_in(struct strace_line *l, unsigned i)
{
	uint64_t at = (uint64_t)l->args[i];
	int len = (int)l->args[4];

	bool is_name = (uint32_t)l->args[2] == 25;	/* SO_BINDTODEVICE */

	if (!at || ((uint32_t)l->args[1] == SOL_SOCKET && (uint32_t)len < sizeof(int) && !is_name))
		strace_put_address(l, at);
	else if (!put_special_option(l, at, len, true))
		put_number_or_bytes(l, at, len);
}
STRACE_IN(option_in);

static void put_option_out(struct strace_line *l, unsigned i)
{
	uint64_t at = (uint64_t)l->args[i];
	int32_t len;

	if (strace_has_failed(l) || !at || !l->has_before || copy_from_user(&len, (const void *)l->args[4], sizeof(len)) || len <= 0 || (int32_t)l->before <= 0)
		strace_put_address(l, at);
	else if (!put_special_option(l, at, len, false))
		put_number_or_bytes(l, at, len);
}
STRACE_OUT(option_out);

/* ---- messages ----------------------------------------------------------------------------------------------------------------------- */

/* struct msghdr of the kernel, recvmsg(2). */
struct message {
	uint64_t name;
	uint32_t namelen, pad;
	uint64_t iov, iovlen, control, controllen;
	uint32_t flags, pad2;
};
_Static_assert(sizeof(struct message) == 56, "struct user_msghdr");

/* Descriptors, credentials and others; what is not known is left out. */
static void put_control_data(struct strace_line *l, uint32_t level, uint32_t type, uint64_t at, uint64_t len)
{
	uint32_t v[3];
	int32_t fd;

	if (level == SOL_SOCKET && type == 1 && len >= 4) {
		strace_put(l, ", cmsg_data=[");
		for (unsigned i = 0; i < len / 4 && i < STRACE_LIST_MAX; i++) {
			if (copy_from_user(&fd, (const void *)(at + 4ul * i), sizeof(fd)))
				break;
			strace_put(l, i ? ", %d" : "%d", fd);
		}
		strace_put(l, len / 4 > STRACE_LIST_MAX ? ", ...]" : "]");
	} else if (level == SOL_SOCKET && type == 2 && len >= 12) {
		strace_put(l, ", cmsg_data=");
		if (strace_fetch(l, v, at, sizeof(v)))
			strace_put(l, "{pid=%d, uid=%d, gid=%d}", (int)v[0], (int)v[1], (int)v[2]);
	} else if (level == SOL_SOCKET && (type == 29 || type == 35) && len >= 16) {
		int64_t t[2];

		strace_put(l, ", cmsg_data=");
		if (strace_fetch(l, t, at, sizeof(t)))
			strace_put_timespec(l, t, type == 29 ? "usec" : "nsec");
	} else if (level == 0 && type == 8 && len >= 12) {
		uint8_t info[12];

		strace_put(l, ", cmsg_data=");
		if (!strace_fetch(l, info, at, sizeof(info)))
			return;
		strace_put(l, "{ipi_ifindex=%u, ipi_spec_dst=inet_addr(\"", host32(info));
		put_inet4(l, info + 4);
		strace_put(l, "\"), ipi_addr=inet_addr(\"");
		put_inet4(l, info + 8);
		strace_put(l, "\")}");
	} else if (level == 0 && type == 2 && len >= 4) {
		strace_put(l, ", cmsg_data=");
		if (strace_fetch(l, v, at, 4))
			strace_put(l, "[%u]", v[0]);
	}
}

static void put_control(struct strace_line *l, uint64_t at, uint64_t len)
{
	struct { uint64_t len; uint32_t level, type; } c;
	unsigned nr = 0;

	if (!len)
		return;
	strace_put(l, ", msg_control=");
	if (len < sizeof(c) || !at) {
		strace_put_address(l, at);
		return;
	}
	for (; len >= sizeof(c) && nr < STRACE_LIST_MAX; nr++) {
		if (copy_from_user(&c, (const void *)at, sizeof(c))) {
			if (!nr) {
				strace_put_address(l, at);
				return;
			}
			break;
		}
		strace_put(l, "%s{cmsg_len=%lu, cmsg_level=", nr ? ", " : "[", (unsigned long)c.len);
		strace_put_choice(l, &strace_layers, c.level);
		strace_put(l, ", cmsg_type=");
		if (c.level == SOL_SOCKET || c.level == 0)
			strace_put_choice(l, c.level ? &strace_scm : &strace_ip_cmsg, c.type);
		else
			strace_put(l, c.type ? "%#x" : "%u", c.type);
		if (c.len > sizeof(c))
			put_control_data(l, c.level, c.type, at + sizeof(c), MIN(c.len, len) - sizeof(c));
		strace_put(l, "}");
		if (c.len < sizeof(c) || c.len >= len || ALIGN_UP(c.len, 8ul) >= len)
			break;
		at += ALIGN_UP(c.len, 8ul);
		len -= ALIGN_UP(c.len, 8ul);
	}
	strace_put(l, "]");
}

/* name_len: what it was before the call. nr_bytes: what has been received. */
static void put_message(struct strace_line *l, const struct message *m, uint32_t name_len, uint64_t nr_bytes)
{
	strace_put(l, "{msg_name=");
	strace_put_sockaddr(l, m->name, MIN(m->namelen, name_len));
	strace_put(l, ", msg_namelen=");
	if (name_len != m->namelen && name_len != UINT32_MAX)
		strace_put(l, "%d => ", (int)name_len);
	strace_put(l, "%d, msg_iov=", (int)m->namelen);
	strace_put_iovecs(l, m->iov, m->iovlen, true, nr_bytes);
	strace_put(l, ", msg_iovlen=%lu", (unsigned long)m->iovlen);
	put_control(l, m->control, m->controllen);
	strace_put(l, ", msg_controllen=%lu, msg_flags=", (unsigned long)m->controllen);
	strace_put_flags(l, &strace_message_names, m->flags);
	strace_put(l, "}");
}

static void put_message_in(struct strace_line *l, unsigned i)
{
	struct message m;

	if (strace_fetch(l, &m, (uint64_t)l->args[i], sizeof(m)))
		put_message(l, &m, UINT32_MAX, UINT64_MAX);
}
STRACE_IN(message_in);

static void look_at_message(struct strace_line *l, unsigned i)
{
	struct message m;

	l->has_before = l->args[i] && !copy_from_user(&m, (const void *)l->args[i], sizeof(m));
	l->before = l->has_before ? m.namelen : 0;
}

static void put_message_out(struct strace_line *l, unsigned i)
{
	struct message m;

	if (!l->has_before)
		strace_put_address(l, (uint64_t)l->args[i]);
	else if (strace_has_failed(l))
		strace_put(l, "{msg_namelen=%d}", (int)l->before);
	else if (strace_fetch(l, &m, (uint64_t)l->args[i], sizeof(m)))
		put_message(l, &m, (uint32_t)l->before, (uint64_t)l->result);
}
STRACE_OUT_WITH(message_out, look_at_message);

/* nr of struct mmsghdr. */
static void put_messages(struct strace_line *l, uint64_t at, uint64_t nr, bool is_received)
{
	struct { struct message m; uint32_t len, pad; } each;

	if (!at || !nr) {
		strace_put(l, at ? "[]" : "NULL");
		return;
	}
	for (uint64_t i = 0; i < nr; i++) {
		if (i == STRACE_LIST_MAX) {
			strace_put(l, ", ...");
			break;
		}
		if (copy_from_user(&each, (const void *)(at + i * sizeof(each)), sizeof(each))) {
			if (!i) {
				strace_put_address(l, at);
				return;
			}
			break;
		}
		strace_put(l, i ? ", {msg_hdr=" : "[{msg_hdr=");
		put_message(l, &each.m, UINT32_MAX, is_received ? each.len : UINT64_MAX);
		if (is_received || (!strace_has_failed(l) && i < (uint64_t)l->result))
			strace_put(l, ", msg_len=%u", each.len);
		strace_put(l, "}");
	}
	strace_put(l, "]");
}

/* sendmmsg: what was sent is in it, so it is written after the call. */
static void put_messages_in(struct strace_line *l, unsigned i)
{
	put_messages(l, (uint64_t)l->args[i], (uint32_t)l->args[i + 1], false);
}
STRACE_OUT(messages_in);

static void put_messages_out(struct strace_line *l, unsigned i)
{
	if (strace_has_failed(l))
		strace_put_address(l, (uint64_t)l->args[i]);
	else
		put_messages(l, (uint64_t)l->args[i], (uint64_t)l->result, true);
}
STRACE_OUT(messages_out);

void strace_result_recvmmsg(struct strace_line *l)
{
	int64_t t[2];

	strace_put(l, "%ld", l->result);
	if (!l->args[4])
		return;
	if (!l->result) {
		strace_put(l, " (Timeout)");
	} else if (!copy_from_user(t, (const void *)l->args[4], sizeof(t))) {
		strace_put(l, " (left ");
		strace_put_timespec(l, t, "nsec");
		strace_put(l, ")");
	}
}
