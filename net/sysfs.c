// SPDX-License-Identifier: MIT
/*
 * Network devices in /sys (Linux Documentation/ABI/testing/sysfs-class-net): /sys/class/net/NAME
 * leads to the loopback device among the virtual ones, to others on the bus.
 */
#include "fs/procfs.h"
#include "fs/vnode.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "net/netdev-priv.h"

#define ETHER_DIR	"/sys/devices/platform/virtio-net/net"
#define VIRTUAL_DIR	"/sys/devices/virtual/net"

static struct netdev *dev_of(struct pseudo_args *a)
{
	return netdev_by_index((uint32_t)a->id[0]);
}

/* The first device from number n on that is one of the loopback kind or not, or (any) either. */
static long next_of_kind(long n, bool any, bool is_loopback)
{
	loopback_init();
	for (struct netdev *d = netdev_first(); d; d = d->next)
		if ((long)d->index >= n && (any || (d == &loopback) == is_loopback))
			return (long)d->index;
	return -1;
}

static long next_any(long n, struct pseudo_args *a)
{
	(void)a;
	return next_of_kind(n, true, false);
}

static long next_virtual(long n, struct pseudo_args *a)
{
	(void)a;
	return next_of_kind(n, false, true);
}

static long next_ether(long n, struct pseudo_args *a)
{
	(void)a;
	return next_of_kind(n, false, false);
}

static void name_dev(long n, char *buf, size_t size)
{
	struct netdev *d = netdev_by_index((uint32_t)n);

	strlcpy(buf, d ? d->name : "", size);
}
PSEUDO_DIR_NAMED(class_net, "/sys/class/net/%", next_any, name_dev);
PSEUDO_DIR_NAMED(virtual_net, VIRTUAL_DIR "/%", next_virtual, name_dev);
PSEUDO_DIR_NAMED(ether_net, ETHER_DIR "/%", next_ether, name_dev);

static ssize_t class_target(char *buf, size_t size, struct pseudo_args *a)
{
	struct netdev *d = dev_of(a);

	if (!d)
		return -ENOENT;
	return snprintf(buf, size, "../..%s/%s", (d == &loopback ? VIRTUAL_DIR : ETHER_DIR) + 4, d->name);
}
PSEUDO_LINK(class_net, "/sys/class/net/%", class_target, NULL);
PSEUDO_LINK_TO(virtual_class, VIRTUAL_DIR "/%/subsystem", "../../../../class/net");
PSEUDO_LINK_TO(ether_class, ETHER_DIR "/%/subsystem", "../../../../../class/net");
PSEUDO_LINK_TO(ether_device, ETHER_DIR "/%/device", "../../../virtio-net");
PSEUDO_LINK_TO(ether_driver, "/sys/devices/platform/virtio-net/driver", "../../../bus/virtio/drivers/virtio_net");
PSEUDO_LINK_TO(ether_module, "/sys/devices/platform/virtio-net/subsystem", "../../../bus/virtio");

/* ---- attributes ------------------------------------------------------------------------------- */

#define ATTR(name, ...) \
	static int show_##name(struct text *t, struct pseudo_args *a) \
	{ \
		struct netdev *d = dev_of(a); \
		if (!d) \
			return -ENODEV; \
		__VA_ARGS__; \
		return 0; \
	}

static void put_mac(struct text *t, const uint8_t *m)
{
	text_printf(t, "%02x:%02x:%02x:%02x:%02x:%02x\n", m[0], m[1], m[2], m[3], m[4], m[5]);
}

static bool is_up(const struct netdev *d)
{
	return atomic_load(&d->flags, RELAXED) & IFF_UP;
}

ATTR(address, put_mac(t, d->mac))
ATTR(broadcast, static const uint8_t all[2][6] = { { 0 }, { 255, 255, 255, 255, 255, 255 } }; put_mac(t, all[d != &loopback]))
ATTR(mtu, text_printf(t, "%u\n", atomic_load(&d->mtu, RELAXED)))
/* Without what only netlink tells of: IFF_RUNNING. */
ATTR(flags, text_printf(t, "0x%x\n", atomic_load(&d->flags, RELAXED) & ~IFF_RUNNING))
ATTR(ifindex, text_printf(t, "%u\n", d->index))
ATTR(type, text_printf(t, "%u\n", d == &loopback ? 772u : 1u))
ATTR(uevent, text_printf(t, "INTERFACE=%s\nIFINDEX=%u\n", d->name, d->index))
ATTR(operstate, text_printf(t, "%s\n", !is_up(d) ? "down" : d == &loopback ? "unknown" : atomic_load(&d->is_link_up, RELAXED) ? "up" : "down"))
ATTR(assign, text_printf(t, "%u\n", d == &loopback ? 2u : 4u))

/* Of a device that is down nobody knows. */
#define ATTR_UP(name, ...) \
	ATTR(name, if (!is_up(d)) return -EINVAL; __VA_ARGS__)

ATTR_UP(carrier, text_printf(t, "%u\n", d == &loopback || atomic_load(&d->is_link_up, RELAXED) ? 1u : 0u))
ATTR_UP(zero, text_printf(t, "0\n"))
ATTR_UP(duplex, if (d == &loopback) return -EINVAL; text_printf(t, "unknown\n"))
ATTR_UP(speed, if (d == &loopback) return -EINVAL; text_printf(t, "-1\n"))

static int show_unsupported(struct text *t, struct pseudo_args *a)
{
	(void)t, (void)a;
	return -EOPNOTSUPP;
}

#define COUNT(name, value) \
	ATTR(name, struct netdev_traffic n = netdev_traffic(d); (void)n; text_printf(t, "%llu\n", (unsigned long long)(value)))

COUNT(rx_bytes, n.rx_bytes)
COUNT(rx_packets, n.rx_packets)
COUNT(tx_bytes, n.tx_bytes)
COUNT(tx_packets, n.tx_packets)
COUNT(rx_dropped, d->rx_errors.dropped)
COUNT(rx_errors, d->rx_errors.errors)
COUNT(tx_dropped, d->tx_errors.dropped)
COUNT(tx_errors, d->tx_errors.errors)

#define SHOW(name_, mode_, fn)	{ .path = name_, .mode = mode_, .show = fn }
#define TEXT(name_, mode_, text_)	{ .path = name_, .mode = mode_, .constant = text_ }
#define NEVER(name_)	TEXT("statistics/" name_, 0444, "0\n")

static const struct pseudo_file rows[] = {
	SHOW("address", 0444, show_address), SHOW("broadcast", 0444, show_broadcast), SHOW("mtu", 0644, show_mtu), SHOW("flags", 0644, show_flags),
	SHOW("ifindex", 0444, show_ifindex), SHOW("iflink", 0444, show_ifindex), SHOW("type", 0444, show_type), SHOW("uevent", 0644, show_uevent),
	SHOW("operstate", 0444, show_operstate), SHOW("carrier", 0644, show_carrier), SHOW("dormant", 0444, show_zero), SHOW("testing", 0444, show_zero),
	SHOW("duplex", 0444, show_duplex), SHOW("speed", 0444, show_speed), SHOW("name_assign_type", 0444, show_assign),
	SHOW("phys_port_id", 0444, show_unsupported), SHOW("phys_port_name", 0444, show_unsupported), SHOW("phys_switch_id", 0444, show_unsupported),
	TEXT("addr_assign_type", 0444, "0\n"), TEXT("addr_len", 0444, "6\n"), TEXT("carrier_changes", 0444, "0\n"), TEXT("carrier_up_count", 0444, "0\n"),
	TEXT("carrier_down_count", 0444, "0\n"), TEXT("dev_id", 0444, "0x0\n"), TEXT("dev_port", 0444, "0\n"), TEXT("gro_flush_timeout", 0644, "0\n"),
	TEXT("ifalias", 0644, ""), TEXT("link_mode", 0444, "0\n"), TEXT("napi_defer_hard_irqs", 0644, "0\n"), TEXT("netdev_group", 0644, "0\n"),
	TEXT("proto_down", 0644, "0\n"), TEXT("threaded", 0644, "0\n"), TEXT("tx_queue_len", 0644, "1000\n"),
	{ .path = "power", .mode = S_IFDIR | 0755 },
	TEXT("queues/rx-0/rps_cpus", 0644, "0\n"), TEXT("queues/rx-0/rps_flow_cnt", 0644, "0\n"), TEXT("queues/tx-0/tx_maxrate", 0644, "0\n"),
	TEXT("queues/tx-0/tx_timeout", 0444, "0\n"), TEXT("queues/tx-0/xps_rxqs", 0644, "0\n"),
	SHOW("statistics/rx_bytes", 0444, show_rx_bytes), SHOW("statistics/rx_packets", 0444, show_rx_packets), SHOW("statistics/rx_dropped", 0444, show_rx_dropped),
	SHOW("statistics/rx_errors", 0444, show_rx_errors), SHOW("statistics/tx_bytes", 0444, show_tx_bytes), SHOW("statistics/tx_packets", 0444, show_tx_packets),
	SHOW("statistics/tx_dropped", 0444, show_tx_dropped), SHOW("statistics/tx_errors", 0444, show_tx_errors),
	NEVER("collisions"), NEVER("multicast"), NEVER("rx_compressed"), NEVER("rx_crc_errors"), NEVER("rx_fifo_errors"), NEVER("rx_frame_errors"),
	NEVER("rx_length_errors"), NEVER("rx_missed_errors"), NEVER("rx_nohandler"), NEVER("rx_over_errors"), NEVER("tx_aborted_errors"),
	NEVER("tx_carrier_errors"), NEVER("tx_compressed"), NEVER("tx_fifo_errors"), NEVER("tx_heartbeat_errors"), NEVER("tx_window_errors"),
};
PSEUDO_TABLE(virtual_net, VIRTUAL_DIR "/%", rows);
static const struct pseudo_table pseudo_table_ether_net = { .dir = ETHER_DIR "/%", .files = rows, .nr = ARRAY_SIZE(rows) };
SET_ADD(pseudo_tables, pseudo_table_ether_net);

static const struct pseudo_file bus_rows[] = {
	TEXT("devices/platform/virtio-net/uevent", 0644, "DRIVER=virtio_net\nMODALIAS=virtio:d00000001v554D4551\n"),
	TEXT("devices/platform/virtio-net/device", 0444, "0x0001\n"), TEXT("devices/platform/virtio-net/vendor", 0444, "0x554d4551\n"),
	{ .path = "bus/virtio/drivers/virtio_net", .mode = S_IFDIR | 0755 },
};
PSEUDO_TABLE(bus_net, "/sys", bus_rows);
