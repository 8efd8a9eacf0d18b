/* SPDX-License-Identifier: MIT
 *
 * Registers of the I/O APIC (Intel 82093AA data sheet, 290566-001, 3.1 and 3.2).
 */
#pragma once

#define IOREGSEL		0x00
#define IOWIN			0x10

#define IOAPICVER		0x01
#define IOAPICVER_MAX_SHIFT	16
#define IOREDTBL(pin)		(0x10 + 2 * (pin))	/* low half; the high one follows */

#define IOREDTBL_ACTIVE_LOW	(1u << 13)
#define IOREDTBL_LEVEL		(1u << 15)
#define IOREDTBL_MASKED		(1u << 16)
#define IOREDTBL_DEST_SHIFT	24			/* in the high half */
