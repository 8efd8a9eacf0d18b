// SPDX-License-Identifier: MIT
/*
 * SIOCETHTOOL (Linux include/uapi/linux/ethtool.h): driver, link, settings of the link, features,
 * rings and channels. As on Linux the loopback device has no settings of a link; virtio-net's are
 * unknown.
 */
#include "net/ethtool.h"

#include "fs/cred.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "mmu/user.h"
#include "net/netdev-priv.h"

#define ETHTOOL_GSET		0x01u
#define ETHTOOL_GDRVINFO	0x03u
#define ETHTOOL_GMSGLVL		0x07u
#define ETHTOOL_GLINK		0x0au
#define ETHTOOL_GRXCSUM		0x14u
#define ETHTOOL_GTXCSUM		0x16u
#define ETHTOOL_GSG		0x18u
#define ETHTOOL_GTSO		0x1eu
#define ETHTOOL_STSO		0x1fu
#define ETHTOOL_GUFO		0x21u
#define ETHTOOL_GGSO		0x23u
#define ETHTOOL_GFLAGS		0x25u
#define ETHTOOL_GGRO		0x2bu
#define ETHTOOL_GCHANNELS	0x3cu
#define ETHTOOL_GLINKSETTINGS	0x4cu

#define DUPLEX_UNKNOWN		0xffu
#define PORT_OTHER		0xffu

struct drvinfo {
	uint32_t cmd;
	char driver[32], version[32], fw_version[32], bus_info[32], erom_version[32], reserved[12];
	uint32_t nr_priv_flags, nr_stats, testinfo_len, eedump_len, regdump_len;
};
_Static_assert(sizeof(struct drvinfo) == 196, "uapi");

struct old_settings {
	uint32_t cmd, supported, advertising;
	uint16_t speed;
	uint8_t duplex, port, phy_address, transceiver, autoneg, mdio_support;
	uint32_t maxtxpkt, maxrxpkt;
	uint16_t speed_hi;
	uint8_t mdix, mdix_ctrl;
	uint32_t lp_advertising, reserved[2];
};
_Static_assert(sizeof(struct old_settings) == 44, "uapi");

#define NR_MASK_WORDS	3	/* of each of the three link mode masks that follow */

struct link_settings {
	uint32_t cmd, speed;
	uint8_t duplex, port, phy_address, autoneg, mdio_support, mdix, mdix_ctrl;
	int8_t nr_mask_words;
	uint8_t transceiver, master_slave_cfg, master_slave_state, rate_matching;
	uint32_t reserved[7];
	uint32_t masks[3 * NR_MASK_WORDS];
};
_Static_assert(sizeof(struct link_settings) == 48 + 12 * NR_MASK_WORDS, "uapi");

struct channels {
	uint32_t cmd, max_rx, max_tx, max_other, max_combined, rx, tx, other, combined;
};

static long put_value(unsigned long data, uint32_t value)
{
	return user_store32((uint32_t *)(data + sizeof(uint32_t)), value);
}

static long get_drvinfo(const struct netdev *d, unsigned long data)
{
	struct drvinfo i = { .cmd = ETHTOOL_GDRVINFO };

	if (d == &loopback)
		return -EOPNOTSUPP;
	strlcpy(i.driver, "virtio_net", sizeof(i.driver));
	strlcpy(i.version, "1.0.0", sizeof(i.version));
	snprintf(i.bus_info, sizeof(i.bus_info), "virtio%u", d->index - 2);
	return copy_to_user((void *)data, &i, sizeof(i));
}

static long get_old_settings(const struct netdev *d, unsigned long data)
{
	struct old_settings s = { .cmd = ETHTOOL_GSET, .speed = 0xffff, .speed_hi = 0xffff, .duplex = DUPLEX_UNKNOWN, .port = PORT_OTHER };

	return d == &loopback ? -EOPNOTSUPP : copy_to_user((void *)data, &s, sizeof(s));
}

/* The first call asks how long the masks are (answered as a negative number), the second has the right length. */
static long get_settings(const struct netdev *d, unsigned long data)
{
	struct link_settings s = { .cmd = ETHTOOL_GLINKSETTINGS }, asked;
	size_t head = sizeof(s) - sizeof(s.masks);

	if (d == &loopback)
		return -EOPNOTSUPP;
	if (copy_from_user(&asked, (const void *)data, head))
		return -EFAULT;
	if (asked.nr_mask_words != NR_MASK_WORDS) {
		s.nr_mask_words = -NR_MASK_WORDS;
		return copy_to_user((void *)data, &s, head);
	}
	s.nr_mask_words = NR_MASK_WORDS;
	s.speed = UINT32_MAX;
	s.duplex = DUPLEX_UNKNOWN;
	s.port = PORT_OTHER;
	return copy_to_user((void *)data, &s, sizeof(s));
}

static long get_channels(const struct netdev *d, unsigned long data)
{
	struct channels c = { .cmd = ETHTOOL_GCHANNELS };

	if (d == &loopback)
		return -EOPNOTSUPP;
	c.max_combined = c.combined = d->nr_rx_queues;
	return copy_to_user((void *)data, &c, sizeof(c));
}

static long get_flag(const struct netdev *d, uint32_t cmd, unsigned long data)
{
	uint32_t features = d->features;

	switch (cmd) {
	case ETHTOOL_GTXCSUM:
	case ETHTOOL_GSG:
		return put_value(data, d == &loopback || (features & NETDEV_CSUM));
	case ETHTOOL_GRXCSUM:
		return put_value(data, d == &loopback || (features & NETDEV_RXCSUM));
	case ETHTOOL_GTSO:
		return put_value(data, d == &loopback || (features & (NETDEV_TSO4 | NETDEV_TSO6)));
	case ETHTOOL_GGSO:
	case ETHTOOL_GGRO:
		return put_value(data, 1);
	case ETHTOOL_GUFO:
	case ETHTOOL_GFLAGS:
		return put_value(data, 0);
	}
	return -EOPNOTSUPP;
}

/* Packets that are on their way keep their size: the device can still split them. */
static long set_tso(struct netdev *d, unsigned long data)
{
	uint32_t on, mine;

	if (user_load32((const uint32_t *)(data + sizeof(uint32_t)), &on))
		return -EFAULT;
	if (!capable(CAP_NET_ADMIN))
		return -EPERM;
	if (d == &loopback)
		return -EOPNOTSUPP;
	mine = on ? atomic_exchange(&d->tso_off, 0u, RELAXED) : atomic_load(&d->features, RELAXED) & (NETDEV_TSO4 | NETDEV_TSO6);
	if (on) {
		(void)atomic_fetch_or(&d->features, mine, RELAXED);
		return 0;
	}
	(void)atomic_fetch_or(&d->tso_off, mine, RELAXED);
	(void)atomic_fetch_and(&d->features, ~mine, RELAXED);
	return 0;
}

long ethtool_ioctl(unsigned long arg)
{
	struct {
		char name[16];
		uint64_t data;
	} r;
	struct netdev *d;
	uint32_t cmd;

	if (copy_from_user(&r, (const void *)arg, sizeof(r)))
		return -EFAULT;
	r.name[15] = 0;
	d = netdev_by_name(r.name);
	if (!d)
		return -ENODEV;
	if (copy_from_user(&cmd, (const void *)r.data, sizeof(cmd)))
		return -EFAULT;
	switch (cmd) {
	case ETHTOOL_GDRVINFO:
		return get_drvinfo(d, r.data);
	case ETHTOOL_GSET:
		return get_old_settings(d, r.data);
	case ETHTOOL_GLINKSETTINGS:
		return get_settings(d, r.data);
	case ETHTOOL_GCHANNELS:
		return get_channels(d, r.data);
	case ETHTOOL_GLINK:
		return put_value(r.data, d == &loopback || atomic_load(&d->is_link_up, RELAXED));
	case ETHTOOL_STSO:
		return set_tso(d, r.data);
	case ETHTOOL_GMSGLVL:
		return -EOPNOTSUPP;
	}
	return get_flag(d, cmd, r.data);
}
