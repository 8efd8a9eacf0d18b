// SPDX-License-Identifier: MIT
/*
 * Start of the network, at the first socket that is not AF_UNIX: nothing here costs a program that opens none. Nothing waits for an address either, but a call that has no route
 * while one is being asked for (net_wait_configured).
 */
#include "net/config.h"

#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "mmu/page.h"
#include "net/ip.h"
#include "net/neigh.h"
#include "net/net.h"
#include "net/netdev-priv.h"
#include "net/worker.h"
#include "sched/clock.h"
#include "sched/init.h"
#include "sched/mutex.h"
#include "sched/waitq.h"

#define ROOM_PAGES	64u
#define CONFIGURING_NS	(15 * NSEC_PER_SEC)	/* how long an address may be missing before calls fail at once */

struct netdev_config {
	bool is_started;		/* [lock] */
	nsec_t started_at;		/* [a] */
};

static const char *option_text;		/* [I] after boot */
static struct ip_option option;		/* [lock] */
static struct mutex lock;
static uint32_t is_started;		/* [a] */
static struct waitq configured = WAITQ_INIT(configured);

void net_set_ip_option(const char *text)
{
	option_text = text;
}

int net_config_attach(struct netdev *dev)
{
	dev->config = KNEW(struct netdev_config);
	return dev->config ? 0 : -ENOMEM;
}

/* Modified EUI-64: RFC 4291 appendix A. */
static struct ip_addr link_local_of(const struct netdev *dev)
{
	const uint8_t *m = dev->mac;

	return (struct ip_addr){ .b = { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5] } };
}

static void add_static(struct netdev *dev)
{
	struct ip_addr any4 = ip_from_v4(0), any6 = { .d = { 0, 0 } };

	if (option.has_static) {
		(void)ifaddr_add(dev, &option.addr, 96 + option.prefix_len, IFA_F_PERMANENT, NSEC_NEVER, NSEC_NEVER);
		if (!ip_is_any(&option.gateway))
			(void)route_add(&any4, 96, &option.gateway, dev, 0, NSEC_NEVER);
		arp_announce(dev, &option.addr);
	}
	if (option.has_static6) {
		(void)ifaddr_add(dev, &option.addr6, option.prefix_len6, IFA_F_PERMANENT, NSEC_NEVER, NSEC_NEVER);
		if (!ip_is_any(&option.gateway6))
			(void)route_add(&any6, 0, &option.gateway6, dev, 1024, NSEC_NEVER);
	}
}

/* Name servers that ip= gives are written before the program starts: resolvers read the file before they open a socket. */
static void write_given_resolv(void)
{
	struct ip_option o;

	if (option_text && netdev_first() && ip_option_parse(option_text, &o) && !ip_is_any(&o.dns[0]))
		resolv_set(0, o.dns, ip_is_any(&o.dns[1]) ? 1 : 2, NULL);
}
INIT_HOOK(INIT_LATE, write_given_resolv);

/* lock held. 0, or -ENOMEM: may be tried again. A device that does not work is left alone. */
static int start_device(struct netdev *dev)
{
	struct ip_addr ll = link_local_of(dev);
	bool is_ours = !option.device[0] || !strcmp(option.device, dev->name);
	int r = dev->ops->open ? dev->ops->open(dev) : 0;

	if (r == -ENOMEM)
		return r;
	if (r) {
		log_line("%s: cannot start: error %d", dev->name, -r);
		return 0;
	}
	dev->config->is_started = true;
	atomic_store(&dev->flags, dev->flags | IFF_UP | (atomic_load(&dev->is_link_up, RELAXED) ? IFF_RUNNING : 0), RELAXED);
	(void)ifaddr_add(dev, &ll, 64, IFA_F_PERMANENT, NSEC_NEVER, NSEC_NEVER);
	nd_join_solicited(dev, &ll);
	if (is_ours)
		add_static(dev);
	if (is_ours && option.has_static6)
		nd_join_solicited(dev, &option.addr6);
	if (option.is_off)
		return 0;
	if (!option.has_static || !is_ours || option.wants_dhcp) {
		atomic_store(&dev->config->started_at, clock_monotonic(), RELAXED);
		if (dhcp_start(dev))
			log_line("%s: no memory for DHCP", dev->name);
	}
	if (!option.has_static6)
		slaac_start(dev);
	return 0;
}

void net_config_start_device(struct netdev *dev)
{
	mutex_lock(&lock);
	if (!dev->config->is_started && start_device(dev))
		log_line("%s: no memory to start it", dev->name);
	mutex_unlock(&lock);
}

/* Whether there is some for what is made at the start: little things that have no second chance. */
static bool has_memory(void)
{
	paddr_t page[ROOM_PAGES];
	unsigned n = 0;
	bool has_all;

	while (n < ROOM_PAGES && (page[n] = page_alloc(0, 0)) != PADDR_NONE)
		n++;
	has_all = n == ROOM_PAGES;
	while (n)
		page_free(page[--n], 0);
	return has_all;
}

static int start(void)
{
	int r = 0;

	loopback_init();
	mutex_lock(&lock);
	if (!is_started) {
		if (option_text && !ip_option_parse(option_text, &option)) {
			log_line("ip=%s is not understood; see docs/command-line.md", option_text);
			memset(&option, 0, sizeof(option));
		}
		worker_set_slow_tick(net_slow_tick);
		if (!has_memory() || !worker_start())
			r = -ENOMEM;
		for (struct netdev *d = netdev_first(); !r && d; d = d->next) {
			if (d != &loopback && !d->config->is_started)
				r = start_device(d);
		}
		if (!r)
			atomic_store(&is_started, 1u, RELEASE);
	}
	mutex_unlock(&lock);
	return r;
}

int net_start(void)
{
	return likely(atomic_load(&is_started, ACQUIRE)) ? 0 : start();
}

bool net_is_started(void)
{
	return atomic_load(&is_started, ACQUIRE);
}

void net_config_link_changed(struct netdev *dev)
{
	bool is_up = atomic_load(&dev->is_link_up, RELAXED);

	if (is_up)
		(void)atomic_fetch_or(&dev->flags, IFF_RUNNING, RELAXED);
	else
		(void)atomic_fetch_and(&dev->flags, ~IFF_RUNNING, RELAXED);
	if (!is_up || !net_is_started())
		return;
	net_config_announce(dev);
	dhcp_link_up(dev);
	slaac_start(dev);
}

struct announce_list {
	struct netdev *dev;
	struct ip_addr addrs[16];
	unsigned nr;
};

static bool collect(const struct ifaddr *a, void *arg)
{
	struct announce_list *l = arg;

	if (a->dev == l->dev && l->nr < ARRAY_SIZE(l->addrs))
		l->addrs[l->nr++] = a->addr;
	return true;
}

void net_config_announce(struct netdev *dev)
{
	struct announce_list l = { .dev = dev };

	ifaddr_for_each(collect, &l);
	for (unsigned i = 0; i < l.nr; i++) {
		if (ip_is_v4(&l.addrs[i]))
			arp_announce(dev, &l.addrs[i]);
		else
			nd_announce(dev, &l.addrs[i]);
	}
	mcast_report_all(dev);
}

/* ---- waiting for an address ------------------------------------------------------------------------------------------------ */

bool net_is_configuring(void)
{
	nsec_t now = clock_monotonic();

	if (!net_is_started())
		return false;
	for (struct netdev *d = netdev_first(); d; d = d->next) {
		if (d != &loopback && dhcp_is_asking(d) && atomic_load(&d->config->started_at, RELAXED) + CONFIGURING_NS > now)
			return true;
	}
	return false;
}

void net_config_done(void)
{
	waitq_wake_all(&configured, 0);
}

void net_wait_configured(unsigned timeout_ms)
{
	(void)waitq_wait_until(&configured, "net-config", 0, !net_is_configuring(), clock_monotonic() + timeout_ms * NSEC_PER_MSEC, WAIT_INTERRUPTIBLE);
}
