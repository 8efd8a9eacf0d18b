/* SPDX-License-Identifier: MIT
 *
 * What the system as a whole tells about itself.
 */
#pragma once

#include "libc/types.h"

/* The Linux whose interface is followed (Debian 12's), and what is really running. */
#define SYSTEM_RELEASE	"6.1.0-samara"
#define SYSTEM_VERSION	"#1 SMP Samara " SAMARA_VERSION
extern uint32_t system_nr_open;		/* [a] /proc/sys/fs/nr_open */

/* At most 64 characters each. */
enum system_name { SYSTEM_HOSTNAME, SYSTEM_DOMAINNAME };
void system_set_name(enum system_name which, const char *name);
void system_get_name(enum system_name which, char *buf, size_t size);
