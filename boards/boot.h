/* SPDX-License-Identifier: MIT
 *
 * State of the boot that several files of this folder look at.
 */
#pragma once

#include "boards/cmdline.h"
#include "libc/types.h"

extern struct cmdline boot_options;	/* [I] once parsed */

/* A phase of the boot ends here; name is a literal. */
void boot_phase(const char *name);
/* The phases and what each took, if asked for on the command line; the boot line unless quiet. */
void boot_report(void);
