/* SPDX-License-Identifier: MIT
 *
 * Ethernet input; output is in net/neigh.h.
 */
#pragma once

struct pkt;

/* A frame from a device. take. The second: not by the short way of TCP. */
void eth_input(struct pkt *p);
void eth_input_long(struct pkt *p);
void arp_input(struct pkt *p);
