/* SPDX-License-Identifier: MIT
 *
 * Leaving the machine: through the emulator with a status, or by switching it off.
 */
#include "boards/exit.h"

#include <arch/boot.h>
#include <arch/cpu.h>
#include <arch/psci.h>

#include "boards/board.h"
#include "boards/boot.h"
#include "fs/tty.h"
#include "linux/linux.h"
#include "sched/irq.h"
#include "sched/sched.h"
#include "sched/thread.h"

void machine_exit(int status)
{
	arch_irq_disable();
	if (boot_options.exit_semihosting)
		arch_semihosting_exit(status);
	board_power_off();
	arch_cpu_halt();
}

void board_exit(int status)
{
	tty_drain_all();
	if (boot_options.threads)
		thread_dump_all();
	machine_exit(status);
}
