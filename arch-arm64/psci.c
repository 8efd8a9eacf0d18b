/* SPDX-License-Identifier: MIT
 *
 * PSCI calls (Arm DEN0022 section 5) by the SMC calling convention (Arm DEN0028): number in x0, arguments in x1.., x0-x17 clobbered.
 */
#include <arch/psci.h>

#include "libc/errno.h"

#define PSCI_SYSTEM_OFF		0x84000008u
#define PSCI_SYSTEM_RESET	0x84000009u
#define PSCI_CPU_ON_64		0xc4000003u

static enum psci_method method;

void psci_init(enum psci_method m)
{
	method = m;
}

static int64_t call(uint64_t function, uint64_t a1, uint64_t a2, uint64_t a3)
{
	register uint64_t x0 __asm__("x0") = function;
	register uint64_t x1 __asm__("x1") = a1;
	register uint64_t x2 __asm__("x2") = a2;
	register uint64_t x3 __asm__("x3") = a3;

#define CALL(insn) \
	__asm__ volatile(insn " #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : \
			 : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", \
			   "x17", "memory")
	if (method == PSCI_HVC)
		CALL("hvc");
	else
		CALL("smc");
#undef CALL
	return (int64_t)x0;
}

int psci_cpu_on(uint64_t hwid, paddr_t entry, uint64_t context)
{
	if (method == PSCI_NONE)
		return -ENODEV;
	return (int32_t)call(PSCI_CPU_ON_64, hwid, entry, context) ? -EIO : 0;
}

void psci_system_off(void)
{
	if (method != PSCI_NONE)
		call(PSCI_SYSTEM_OFF, 0, 0, 0);
}

/* Arm semihosting 2.0: SYS_EXIT_EXTENDED (0x20), ADP_Stopped_ApplicationExit, status. */
void arch_semihosting_exit(int status)
{
	uint64_t block[2] = { 0x20026, (uint64_t)status };
	register uint64_t w0 __asm__("x0") = 0x20;
	register uint64_t x1 __asm__("x1") = (uint64_t)block;

	/* Undefined if the emulator does not listen: go on behind it. */
	__asm__ volatile("1:	hlt	#0xf000\n"
			 "2:	.pushsection .extable, \"a\"\n"
			 "	.balign	4\n"
			 "	.long	1b - .\n"
			 "	.long	2b - .\n"
			 "	.popsection"
			 : "+r"(w0) : "r"(x1) : "memory");
}
