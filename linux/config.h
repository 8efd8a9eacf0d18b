/* SPDX-License-Identifier: MIT
 *
 * Boot options of this folder, set once by linux_start().
 */
#pragma once

#include "libc/types.h"

struct linux_config {
	bool aslr, veneers, strace;
};
extern struct linux_config linux_config;	/* [I] */
