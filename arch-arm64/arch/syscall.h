/* SPDX-License-Identifier: MIT
 *
 * Which column of linux/syscalls.def is ours.
 */
#pragma once

#define ARCH_NR_SYSCALLS	464
#define ARCH_SYSCALL_NR(arm64_nr, x86_nr)	(arm64_nr)
