/* SPDX-License-Identifier: MIT */
/*
 * SIOCETHTOOL of the loopback device, and its errors.
 */
#include "test.h"
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static int fd;

static int ask(const char *name, void *data)
{
	struct ifreq r = { 0 };

	strncpy(r.ifr_name, name, sizeof(r.ifr_name) - 1);
	r.ifr_data = data;
	return ioctl(fd, SIOCETHTOOL, &r);
}

static void value(const char *what, unsigned cmd)
{
	struct ethtool_value v = { .cmd = cmd, .data = 77 };
	int r = ask("lo", &v);

	show("%s: %d %s %u", what, r, r ? strerrorname_np(errno) : "", v.data);
}

int main(void)
{
	struct ethtool_cmd old = { .cmd = ETHTOOL_GSET };
	struct ethtool_link_settings link = { .cmd = ETHTOOL_GLINKSETTINGS };
	struct ifreq r = { .ifr_name = "lo" };

	fd = socket(AF_INET, SOCK_DGRAM, 0);
	r.ifr_flags = IFF_UP | IFF_RUNNING;	/* Linux starts with it down */
	ioctl(fd, SIOCSIFFLAGS, &r);
	check_errno("no such device", ask("nothing", &old), ENODEV);
	check_errno("no pointer", ask("lo", NULL), EFAULT);
	check_errno("old settings", ask("lo", &old), EOPNOTSUPP);
	check_errno("settings", ask("lo", &link), EOPNOTSUPP);
	old.cmd = 0x7fff;
	check_errno("unknown command", ask("lo", &old), EOPNOTSUPP);
	value("link", ETHTOOL_GLINK);
	value("receive checksums", ETHTOOL_GRXCSUM);
	value("transmit checksums", ETHTOOL_GTXCSUM);
	value("scatter and gather", ETHTOOL_GSG);
	value("segments", ETHTOOL_GTSO);
	value("generic segments", ETHTOOL_GGSO);
	value("merging", ETHTOOL_GGRO);
	value("messages", ETHTOOL_GMSGLVL);
	memset(&r, 0, sizeof(r));
	strcpy(r.ifr_name, "lo");
	check("map", ioctl(fd, SIOCGIFMAP, &r) == 0 && r.ifr_map.irq == 0 && r.ifr_map.base_addr == 0);
	return test_end();
}
