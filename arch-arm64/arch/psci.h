/* SPDX-License-Identifier: MIT
 *
 * Of this port alone. Power State Coordination Interface (Arm DEN0022, PSCI 1.1 section 5): starting CPUs, leaving the machine.
 */
#pragma once

#include "libc/types.h"

enum psci_method { PSCI_NONE, PSCI_HVC, PSCI_SMC };

void psci_init(enum psci_method method);
/* 0, or -errno: -ENODEV no PSCI, -EIO refused. */
int psci_cpu_on(uint64_t hwid, paddr_t entry, uint64_t context);
/* Return only if the machine has no PSCI. */
void psci_system_off(void);

/* Leave QEMU with an exit status by semihosting (SYS_EXIT_EXTENDED); only if the machine was started with it. */
void arch_semihosting_exit(int status);
