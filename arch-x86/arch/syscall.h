/* SPDX-License-Identifier: MIT
 *
 * Which column of linux/syscalls.def is ours.
 */
#pragma once

#define ARCH_NR_SYSCALLS	464
#define ARCH_SYSCALL_NR(arm64_nr, x86_nr)	(x86_nr)

/* clone(flags, stack, parent_tid, child_tid, tls): the last two change places on other ports (clone(2)). */
#define ARCH_CLONE_ARG_TLS		4
#define ARCH_CLONE_ARG_CHILD_TID	3
