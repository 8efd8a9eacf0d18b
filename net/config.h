/* SPDX-License-Identifier: MIT
 *
 * How devices get their addresses: `ip=` (docs/command-line.md), DHCPv4 (RFC 2131), router advertisements (RFC 4862, 8106); /etc/resolv.conf.
 */
#pragma once

#include "net/addr.h"

struct netdev;

/* What `ip=` says; zeroed: nothing. */
struct ip_option {
	struct ip_addr addr, gateway, dns[2];	/* any: not said */
	struct ip_addr addr6, gateway6;
	unsigned prefix_len, prefix_len6;	/* of 32, of 128 */
	char hostname[64], device[16];
	bool has_static, has_static6;		/* an address was given */
	bool is_off;				/* "off", "none": nothing automatic */
	bool wants_dhcp;			/* "dhcp", "on", "any", ...: the default too */
};

/*
 * Linux's syntax: ip=<client>:<server>:<gateway>:<netmask>:<hostname>:<device>:<autoconf>:<dns0>:<dns1>, or one word for autoconf. IPv6 addresses stand in brackets and may
 * have a prefix length: [fd00::2]/64. False: not understood. Pure.
 */
bool __must_check ip_option_parse(const char *text, struct ip_option *out);

int net_config_attach(struct netdev *dev);		/* a new device: 0 or -ENOMEM */
void net_config_start_device(struct netdev *dev);	/* the network is used: open it, begin to configure it */
void net_config_link_changed(struct netdev *dev);
void net_config_announce(struct netdev *dev);

/* resolv.c: name servers and search list of a source (DHCP, RA, ip=) changed: write the file, unless the image brought one of its own. */
#define RESOLV_MAX	6
void resolv_set(unsigned source, const struct ip_addr *servers, unsigned nr, const char *search);

/* dhcp.c */
struct dhcp;
int dhcp_start(struct netdev *dev);			/* 0, -ENOMEM */
void dhcp_link_up(struct netdev *dev);
/* Said by ARP: another has addr. It matters while that is an address which we were just given. */
void dhcp_address_in_use(struct netdev *dev, const struct ip_addr *addr);
bool dhcp_is_asking(const struct netdev *dev);
void dhcp_tick(nsec_t now);				/* what is due; asks for the next tick itself */
/* An address has come, or asking has ended: who waits in net_wait_configured() looks again. */
void net_config_done(void);
/* The worker's slow tick: DHCP, router solicitation, expiry (ip-config.c). */
void net_slow_tick(nsec_t now);

/* nd.c: stateless configuration. */
void slaac_start(struct netdev *dev);
void slaac_tick(nsec_t now);
/* Listen to the solicited-node group of an address (RFC 4291 2.7.1). */
void nd_join_solicited(struct netdev *dev, const struct ip_addr *addr);
