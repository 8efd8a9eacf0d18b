// SPDX-License-Identifier: MIT
/*
 * ioctl(2): names of requests, and the arguments of those of terminals, descriptors and interfaces.
 */
#include "libc/string.h"
#include "linux/strace-priv.h"
#include "mmu/user.h"

enum {
	TCGETS = 0x5401, TCSETS, TCSETSW, TCSETSF, TIOCGPGRP = 0x540f, TIOCSPGRP, TIOCOUTQ, TIOCGWINSZ = 0x5413, TIOCSWINSZ, FIONREAD = 0x541b, FIONBIO = 0x5421,
	TIOCGETD = 0x5424, TIOCGSID = 0x5429, FIONCLEX = 0x5450, FIOCLEX, FIOASYNC,
	SIOCATMARK = 0x8905, SIOCGIFNAME = 0x8910, SIOCGIFCONF = 0x8912, SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCGIFADDR, SIOCSIFADDR, SIOCGIFDSTADDR, SIOCSIFDSTADDR,
	SIOCGIFBRDADDR, SIOCSIFBRDADDR, SIOCGIFNETMASK, SIOCSIFNETMASK, SIOCGIFMETRIC, SIOCSIFMETRIC, SIOCGIFMTU = 0x8921, SIOCSIFMTU, SIOCSIFHWADDR = 0x8924,
	SIOCGIFHWADDR = 0x8927, SIOCGIFINDEX = 0x8933, SIOCGIFTXQLEN = 0x8942, SIOCSIFTXQLEN,
};

static const struct strace_name list[] = {
	{ TCGETS, "TCGETS" }, { TCSETS, "TCSETS" }, { TCSETSW, "TCSETSW" }, { TCSETSF, "TCSETSF" }, { 0x5409, "TCSBRK" }, { 0x540a, "TCXONC" }, { 0x540b, "TCFLSH" },
	{ 0x540e, "TIOCSCTTY" }, { TIOCGPGRP, "TIOCGPGRP" }, { TIOCSPGRP, "TIOCSPGRP" }, { TIOCOUTQ, "TIOCOUTQ" }, { 0x5412, "TIOCSTI" }, { TIOCGWINSZ, "TIOCGWINSZ" },
	{ TIOCSWINSZ, "TIOCSWINSZ" }, { FIONREAD, "FIONREAD" }, { FIONBIO, "FIONBIO" }, { 0x5422, "TIOCNOTTY" }, { 0x5423, "TIOCSETD" }, { TIOCGETD, "TIOCGETD" },
	{ TIOCGSID, "TIOCGSID" }, { FIONCLEX, "FIONCLEX" }, { FIOCLEX, "FIOCLEX" }, { FIOASYNC, "FIOASYNC" }, { 0x80045430, "TIOCGPTN" }, { 0x40045431, "TIOCSPTLCK" },
	{ 0x8901, "FIOSETOWN" }, { 0x8902, "SIOCSPGRP" }, { 0x8903, "FIOGETOWN" }, { 0x8904, "SIOCGPGRP" }, { SIOCATMARK, "SIOCATMARK" }, { 0x8906, "SIOCGSTAMP_OLD" },
	{ SIOCGIFNAME, "SIOCGIFNAME" }, { SIOCGIFCONF, "SIOCGIFCONF" }, { SIOCGIFFLAGS, "SIOCGIFFLAGS" }, { SIOCSIFFLAGS, "SIOCSIFFLAGS" },
	{ SIOCGIFADDR, "SIOCGIFADDR" }, { SIOCSIFADDR, "SIOCSIFADDR" }, { SIOCGIFDSTADDR, "SIOCGIFDSTADDR" }, { SIOCSIFDSTADDR, "SIOCSIFDSTADDR" },
	{ SIOCGIFBRDADDR, "SIOCGIFBRDADDR" }, { SIOCSIFBRDADDR, "SIOCSIFBRDADDR" }, { SIOCGIFNETMASK, "SIOCGIFNETMASK" }, { SIOCSIFNETMASK, "SIOCSIFNETMASK" },
	{ SIOCGIFMETRIC, "SIOCGIFMETRIC" }, { SIOCSIFMETRIC, "SIOCSIFMETRIC" }, { SIOCGIFMTU, "SIOCGIFMTU" }, { SIOCSIFMTU, "SIOCSIFMTU" },
	{ SIOCSIFHWADDR, "SIOCSIFHWADDR" }, { SIOCGIFHWADDR, "SIOCGIFHWADDR" }, { SIOCGIFINDEX, "SIOCGIFINDEX" }, { SIOCGIFTXQLEN, "SIOCGIFTXQLEN" },
	{ SIOCSIFTXQLEN, "SIOCSIFTXQLEN" }, { 0x8946, "SIOCETHTOOL" }, { 0x890b, "SIOCADDRT" }, { 0x890c, "SIOCDELRT" }, { 0x80081272, "BLKGETSIZE64" },
	{ 0x1260, "BLKGETSIZE" }, { 0x1268, "BLKSSZGET" }, { 0x80086601, "FS_IOC_GETFLAGS" }, { 0x40086602, "FS_IOC_SETFLAGS" }, { 0xc020660b, "FS_IOC_FIEMAP" },
	{ 0x40049409, "BTRFS_IOC_CLONE" }, { 0x80045200, "RNDGETENTCNT" }, { 0, NULL },
};
static const struct strace_names requests = { NULL, list };

static void put_ioctl_request(struct strace_line *l, unsigned i)
{
	static const char *const directions[] = { "_IOC_NONE", "_IOC_WRITE", "_IOC_READ", "_IOC_READ|_IOC_WRITE" };
	uint32_t v = (uint32_t)l->args[i];
	const char *name = strace_name_of(&requests, v);
	unsigned parts[] = { v >> 8 & 0xff, v & 0xff, v >> 16 & 0x3fff };

	if (name) {
		strace_put(l, "%s", name);
		return;
	}
	strace_put(l, "_IOC(%s", directions[v >> 30]);
	for (unsigned k = 0; k < ARRAY_SIZE(parts); k++)
		strace_put(l, parts[k] ? ", %#x" : ", %u", parts[k]);
	strace_put(l, ")");
}
STRACE_IN(ioctl_request);

/* struct ifreq, netdevice(7). */
struct ifreq {
	char name[16];
	union {
		uint8_t addr[16];
		int16_t flags;
		int32_t number;
	};
	uint64_t rest;
};
_Static_assert(sizeof(struct ifreq) == 40, "struct ifreq");

static void put_if_name(struct strace_line *l, const char *name)
{
	strace_put_quoted(l, name, strnlen(name, 16));
}

static void put_hardware_address(struct strace_line *l, const uint8_t *addr)
{
	strace_put(l, "{sa_family=");
	strace_put_choice(l, &strace_hardware_types, (uint16_t)(addr[0] | addr[1] << 8));
	strace_put(l, ", sa_data=%02x:%02x:%02x:%02x:%02x:%02x}", addr[2], addr[3], addr[4], addr[5], addr[6], addr[7]);
}

/* What the request asks for or sets, after the name. at: where the structure lies. */
static void put_if_value(struct strace_line *l, unsigned request, const struct ifreq *r, uint64_t at)
{
	static const char *const address_fields[] = { "addr", "dstaddr", "broadaddr", "netmask" };

	switch (request) {
	case SIOCGIFFLAGS: case SIOCSIFFLAGS:
		strace_put(l, ", ifr_flags=");
		strace_put_flags(l, &strace_interface_flags, (uint16_t)r->flags);
		break;
	case SIOCGIFADDR: case SIOCSIFADDR: case SIOCGIFDSTADDR: case SIOCSIFDSTADDR: case SIOCGIFBRDADDR: case SIOCSIFBRDADDR: case SIOCGIFNETMASK: case SIOCSIFNETMASK:
		strace_put(l, ", ifr_%s=", address_fields[(request - SIOCGIFADDR) / 2]);
		strace_put_sockaddr(l, at + 16, 16);
		break;
	case SIOCGIFHWADDR: case SIOCSIFHWADDR:
		strace_put(l, ", ifr_hwaddr=");
		put_hardware_address(l, r->addr);
		break;
	case SIOCGIFINDEX:
		strace_put(l, ", ifr_ifindex=%d", r->number);
		break;
	case SIOCGIFMTU: case SIOCSIFMTU:
		strace_put(l, ", ifr_mtu=%d", r->number);
		break;
	case SIOCGIFMETRIC: case SIOCSIFMETRIC:
		strace_put(l, ", ifr_metric=%d", r->number);
		break;
	default:
		strace_put(l, ", ifr_qlen=%d", r->number);
	}
}

static bool sets_something(unsigned request)
{
	return request == SIOCSIFFLAGS || request == SIOCSIFADDR || request == SIOCSIFDSTADDR || request == SIOCSIFBRDADDR || request == SIOCSIFNETMASK ||
	       request == SIOCSIFMETRIC || request == SIOCSIFMTU || request == SIOCSIFHWADDR || request == SIOCSIFTXQLEN;
}

static void put_interface(struct strace_line *l, unsigned request, uint64_t at)
{
	struct ifreq r;

	if (!strace_fetch(l, &r, at, sizeof(r)))
		return;
	if (request == SIOCGIFNAME) {
		strace_put(l, "{ifr_ifindex=%d", r.number);
		if (!strace_has_failed(l)) {
			strace_put(l, ", ifr_name=");
			put_if_name(l, r.name);
		}
	} else {
		strace_put(l, "{ifr_name=");
		put_if_name(l, r.name);
		if (!strace_has_failed(l) || sets_something(request))
			put_if_value(l, request, &r, at);
	}
	strace_put(l, "}");
}

/* struct ifconf: len, then the address of a list. */
static void put_interfaces(struct strace_line *l, uint64_t at)
{
	struct { int32_t len, pad; uint64_t list; } c;
	struct ifreq r;
	unsigned nr;

	if (!strace_fetch(l, &c, at, sizeof(c)))
		return;
	nr = (unsigned)MAX(c.len, 0) / (unsigned)sizeof(r);
	strace_put(l, "{ifc_len=");
	if (l->has_before && (int32_t)l->before != c.len)
		strace_put(l, "%d => ", (int32_t)l->before);
	strace_put(l, "%d", c.len);
	if (nr)
		strace_put(l, " /* %u * sizeof(struct ifreq) */", nr);
	strace_put(l, ", ifc_buf=");
	if (strace_has_failed(l) || !c.list || !nr) {
		strace_put_address(l, c.list);
		strace_put(l, "}");
		return;
	}
	for (unsigned i = 0; i < MIN(nr, (unsigned)STRACE_LIST_MAX); i++) {
		if (copy_from_user(&r, (const void *)(c.list + i * sizeof(r)), sizeof(r)))
			break;
		strace_put(l, i ? ", {ifr_name=" : "[{ifr_name=");
		put_if_name(l, r.name);
		strace_put(l, ", ifr_addr=");
		strace_put_sockaddr(l, c.list + i * sizeof(r) + 16, 16);
		strace_put(l, "}");
	}
	strace_put(l, "]}");
}

static void look_at_length(struct strace_line *l, unsigned i)
{
	int32_t len;

	l->has_before = (uint32_t)l->args[1] == SIOCGIFCONF && l->args[i] && !copy_from_user(&len, (const void *)l->args[i], sizeof(len));
	if (l->has_before)
		l->before = (uint64_t)(int64_t)len;
}

/* struct termios, asm-generic/termbits.h, as far as it is shown: speed in the lowest bits of c_cflag. */
static void put_termios(struct strace_line *l, uint64_t at)
{
	static const char *const speeds[] = {
		"0", "50", "75", "110", "134", "150", "200", "300", "600", "1200", "1800", "2400", "4800", "9600", "19200", "38400",
	};
	uint32_t flags[4];

	if (!strace_fetch(l, flags, at, sizeof(flags)))
		return;
	if (flags[2] & 0x1000)
		strace_put(l, "{B%s", (flags[2] & 0xf) == 2 ? "115200" : (flags[2] & 0xf) == 1 ? "57600" : "???");
	else
		strace_put(l, "{B%s", speeds[flags[2] & 0xf]);
	strace_put(l, " %sopost %sisig %sicanon %secho ...}", flags[1] & 1 ? "" : "-", flags[3] & 1 ? "" : "-", flags[3] & 2 ? "" : "-", flags[3] & 8 ? "" : "-");
}

static void put_window_size(struct strace_line *l, uint64_t at)
{
	uint16_t size[4];

	if (strace_fetch(l, size, at, sizeof(size)))
		strace_put(l, "{ws_row=%u, ws_col=%u, ws_xpixel=%u, ws_ypixel=%u}", size[0], size[1], size[2], size[3]);
}

/* Written after the call, though some are inputs: those do not change. */
static void put_ioctl_arg(struct strace_line *l, unsigned i)
{
	uint32_t request = (uint32_t)l->args[1];
	uint64_t v = (uint64_t)l->args[i];
	int32_t number;

	switch (request) {
	case FIOCLEX: case FIONCLEX:
		break;
	case FIONBIO: case FIOASYNC: case TIOCSPGRP:
		if (strace_fetch(l, &number, v, sizeof(number)))
			strace_put(l, "[%d]", number);
		break;
	case FIONREAD: case TIOCOUTQ: case TIOCGPGRP: case TIOCGSID: case SIOCATMARK: case TIOCGETD:
		if (strace_fetch_out(l, &number, v, sizeof(number)))
			strace_put(l, "[%d]", number);
		break;
	case TCGETS: case TIOCGWINSZ:
		if (strace_has_failed(l))
			strace_put_address(l, v);
		else
			(request == TCGETS ? put_termios : put_window_size)(l, v);
		break;
	case TCSETS: case TCSETSW: case TCSETSF:
		put_termios(l, v);
		break;
	case TIOCSWINSZ:
		put_window_size(l, v);
		break;
	case SIOCGIFCONF:
		put_interfaces(l, v);
		break;
	default:
		if (request == SIOCGIFNAME || (request >= SIOCGIFFLAGS && request <= SIOCSIFMETRIC) || request == SIOCGIFMTU || request == SIOCSIFMTU ||
		    request == SIOCSIFHWADDR || request == SIOCGIFHWADDR || request == SIOCGIFINDEX || request == SIOCGIFTXQLEN || request == SIOCSIFTXQLEN)
			put_interface(l, request, v);
		else
			strace_put(l, v ? "%#lx" : "%lu", (unsigned long)v);
	}
}
STRACE_OUT_WITH(ioctl_arg, look_at_length);
